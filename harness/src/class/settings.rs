//! What decides a result, besides the submission itself.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::grade::bounds::Bounds;
use crate::grade::held_back::HeldBack;
use crate::grade::late::Policy;
use crate::submission::manifest::Manifest;

/// How a class is graded. Two results are comparable only if these are the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Version of the harness.
    pub harness: String,
    /// SHA-256 of the catalogue's files.
    pub catalogue_sha256: String,
    /// Name of the rubric.
    pub rubric: String,
    /// SHA-256 of what the rubric says on verdicts and their points; empty without one.
    pub rubric_sha256: String,
    /// Seed of every random choice.
    pub seed: u64,
    /// The backend, as reports name it.
    pub backend: String,
    /// Whether what the backend cannot play is played on real sockets.
    pub real_sockets_too: bool,
    /// How often each run is played.
    pub repeat: u32,
    /// Limit of a build, in milliseconds, if it is not the usual one.
    pub build_limit_ms: Option<u64>,
    /// What the grading of each may take of the machine, as far as flags say it.
    #[serde(default, skip_serializing_if = "Bounds::is_silent")]
    pub bounds: Bounds,
    /// Only these tasks; empty: all.
    pub tasks: Vec<String>,
    /// Only these requirements; empty: all.
    pub requirements: Vec<String>,
    /// Only these scenarios; empty: all.
    pub scenarios: Vec<String>,
    /// Which key pseudonyms were made with; nothing where names are names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anonymous: Option<String>,
}

impl Settings {
    /// The key of a submission's result: a hash of everything that decides it. `cast` is what an instructor says of its
    /// programs.
    pub fn key(&self, submission_sha256: &str, cast: Option<&Manifest>) -> String {
        // A struct of numbers and strings is always serialisable.
        let text = serde_json::to_string(self).expect("settings are JSON");
        let cast = cast.map(|cast| format!("\n{}", cast.text(""))).unwrap_or_default();
        let hash = Sha256::digest(format!("{submission_sha256}\n{text}{cast}"));
        hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }

    /// The first setting in which two differ.
    pub fn difference(&self, other: &Self) -> Option<&'static str> {
        let differs = [
            (self.harness != other.harness, "the harness's version"),
            (self.catalogue_sha256 != other.catalogue_sha256, "the catalogue of scenarios"),
            (self.rubric != other.rubric || self.rubric_sha256 != other.rubric_sha256, "the rubric"),
            (self.seed != other.seed, "the seed"),
            (self.backend != other.backend || self.real_sockets_too != other.real_sockets_too, "the backend"),
            (self.repeat != other.repeat, "the number of repetitions"),
            (self.build_limit_ms != other.build_limit_ms, "the limit of builds"),
            (self.bounds != other.bounds, "the bounds of time and memory"),
            (self.tasks != other.tasks, "the choice of tasks"),
            (self.requirements != other.requirements, "the choice of requirements"),
            (self.scenarios != other.scenarios, "the choice of scenarios"),
            (self.anonymous != other.anonymous, "the key of the pseudonyms"),
        ];
        differs.into_iter().find_map(|(differs, what)| differs.then_some(what))
    }
}

/// How results are shown. It decides no verdict: a result stays where this changes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Showing {
    /// What is taken off for lateness.
    pub late: Option<Policy>,
    /// What students' reports leave out.
    pub hide: Option<HeldBack>,
}

impl Showing {
    /// The first thing in which two differ.
    pub fn difference(&self, other: &Self) -> Option<&'static str> {
        let differs =
            [(self.late != other.late, "the late policy"), (self.hide != other.hide, "what students are shown")];
        differs.into_iter().find_map(|(differs, what)| differs.then_some(what))
    }
}

#[cfg(test)]
pub(super) fn sample() -> Settings {
    Settings {
        harness: "0.1.0".to_owned(),
        catalogue_sha256: "c".repeat(64),
        rubric: "built-in".to_owned(),
        rubric_sha256: String::new(),
        seed: 1,
        backend: "sim".to_owned(),
        real_sockets_too: true,
        repeat: 1,
        build_limit_ms: None,
        bounds: Bounds::default(),
        tasks: vec!["message".to_owned()],
        requirements: Vec::new(),
        scenarios: Vec::new(),
        anonymous: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_decides_a_result_changes_its_key() {
        let one = sample();
        let mut others = vec![one.clone(); 11];
        others[0].harness.push('x');
        others[1].catalogue_sha256.push('x');
        others[2].rubric_sha256.push('x');
        others[3].seed = 2;
        others[4].backend = "wire".to_owned();
        others[5].repeat = 3;
        others[6].build_limit_ms = Some(1000);
        others[7].tasks.clear();
        others[8].scenarios.push("x".to_owned());
        others[9].anonymous = Some("x".to_owned());
        others[10].bounds.run_time = "5s".parse().ok();
        for other in others {
            assert_ne!(one.key("a", None), other.key("a", None), "{other:?}");
            assert!(one.difference(&other).is_some());
        }
        assert_ne!(one.key("a", None), one.key("b", None));
        let cast = Manifest { tasks: [("message".to_owned(), Default::default())].into(), ..Manifest::default() };
        assert_ne!(one.key("a", None), one.key("a", Some(&cast)));
        assert_eq!(one.difference(&one.clone()), None);
    }
}
