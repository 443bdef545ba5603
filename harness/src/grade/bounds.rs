//! What a grading may take of the machine, as flags and rubrics say it.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::sandbox::guard::Limits;
use harness_language::scenario::duration::Limit;

/// Real time and memory of a grading. What does not end within them is undecided, and never failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Bounds {
    /// Real time of one run; what takes longer is undecided [default: 2m]
    #[arg(long, value_name = "D")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_time: Option<Limit>,
    /// Real time of all runs of a submission; what is not begun by then is undecided [default: 10m]
    #[arg(long, value_name = "D")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submission_time: Option<Limit>,
    /// Memory of the harness for what it keeps of a submission (512MiB, 2GiB) [default: no bound]
    #[arg(long, value_name = "SIZE")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Size>,
}

impl Bounds {
    /// These; where they are silent, those of the rubric; else the usual ones.
    pub fn limits(self, rubric: Self) -> Limits {
        let usual = Limits::default();
        Limits {
            run: self.run_time.or(rubric.run_time).map_or(usual.run, |it| it.0),
            submission: self.submission_time.or(rubric.submission_time).map_or(usual.submission, |it| it.0),
            memory: self.memory.or(rubric.memory).map_or(usual.memory, |it| it.0),
            ..usual
        }
    }

    /// Whether nothing is said.
    pub fn is_silent(&self) -> bool {
        *self == Self::default()
    }
}

/// An amount of memory in bytes, written with its unit: `512MiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(pub u64);

/// Why a text is no amount of memory.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not an amount of memory: write a number and a unit, such as 512MiB or 2GiB")]
pub struct BadSize(String);

impl FromStr for Size {
    type Err = BadSize;

    fn from_str(text: &str) -> Result<Self, BadSize> {
        let bad = || BadSize(text.to_owned());
        let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?);
        let unit: u64 = match unit {
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return Err(bad()),
        };
        number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit)).map(Self).ok_or_else(bad)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}MiB", self.0 >> 20)
    }
}

impl Serialize for Size {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]+(MiB|GiB)$" })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("512MiB", Some(512 << 20))]
    #[case("2GiB", Some(2 << 30))]
    #[case("2", None)]
    #[case("GiB", None)]
    #[case("2GB", None)]
    #[case("99999999999999GiB", None)]
    fn reads_sizes(#[case] text: &str, #[case] bytes: Option<u64>) {
        assert_eq!(text.parse::<Size>().ok().map(|size| size.0), bytes);
    }

    #[test]
    fn a_flag_goes_before_the_rubric() {
        let flags = Bounds { run_time: "5s".parse().ok(), ..Bounds::default() };
        let rubric = Bounds { run_time: "2s".parse().ok(), memory: "2GiB".parse().ok(), ..Bounds::default() };
        let limits = flags.limits(rubric);
        assert_eq!((limits.run, limits.memory), (Duration::from_secs(5), 2 << 30));
        assert_eq!(limits.submission, Limits::default().submission);
    }
}
