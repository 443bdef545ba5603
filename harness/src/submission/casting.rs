//! Who plays which role: a pure function from what was observed to a decision. A role goes to the one program that the
//! evidence supports; what the evidence leaves open becomes a question, and is not graded.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::evidence::Evidence;

/// A program, as far as it matters for the decision.
#[derive(Debug, Clone, Default)]
pub struct Candidate {
    /// Its file, below the folder.
    pub file: PathBuf,
    /// The port that is built in.
    pub port: Option<u16>,
    /// Others come to it.
    pub listens: bool,
    /// Nothing was seen of it: perhaps it needs to be told more.
    pub idle: bool,
    /// The first program of its folder that is the same byte for byte, by its place: itself, where it is the first.
    pub copy_of: usize,
}

/// What speaks for one program in one role.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The program, by its place in the list of candidates.
    pub program: usize,
    /// The task.
    pub task: String,
    /// The role.
    pub role: String,
    /// All that speaks for it and against it.
    pub evidence: Vec<Evidence>,
}

impl Claim {
    /// What the evidence comes to.
    pub fn weight(&self) -> i32 {
        self.evidence.iter().map(Evidence::weight).sum()
    }

    /// Whether the program did something that only programs of the task do.
    pub fn behaves(&self) -> bool {
        self.evidence.iter().any(Evidence::is_behaviour)
    }

    /// How well it behaves as the role does, whatever it is called.
    fn behaviour(&self) -> i32 {
        self.evidence.iter().filter(|it| it.is_behaviour()).map(Evidence::weight).sum()
    }
}

/// A role that is asked for: with its task, and whether others come to it.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The task.
    pub task: String,
    /// Its roles, in the order of the sheet.
    pub roles: Vec<String>,
}

/// A role for which several programs stand alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The task.
    pub task: String,
    /// The role.
    pub role: String,
    /// The programs, the likeliest first.
    pub candidates: Vec<usize>,
}

/// How a decision is asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mode {
    /// No task is asked for: what is there is looked for.
    pub unasked: bool,
    /// One file was named and nothing else, so that it is meant.
    pub lone: bool,
}

/// What was decided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    /// The program of each role, by task and role.
    pub cast: BTreeMap<(String, String), usize>,
    /// What is left open.
    pub questions: Vec<Question>,
}

/// How likely a name makes a program a server; negative for a client.
pub fn leaning(name: &str) -> i32 {
    let name = name.to_lowercase();
    let hits = |words: &[&str]| words.iter().filter(|word| name.contains(*word)).count() as i32;
    hits(&["serv", "srv", "listener", "receiver", "daemon"]) - hits(&["clie", "cli.", "sender"])
}

/// On which side a file's name puts it: 1 for a server, -1 for a client.
fn sided(file: &Path) -> i32 {
    leaning(file.file_name().and_then(std::ffi::OsStr::to_str).unwrap_or_default()).signum()
}

/// The name of a file without what says on which side it is: `UDPPingerServer.py` and `UDPPingerClient.py` share it.
fn stem(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    let sides = ["servidor", "serveur", "server", "serv", "srv", "cliente", "client", "clie", "cli"];
    let bare = sides.iter().fold(stem, |stem, side| stem.replace(side, ""));
    bare.chars().filter(char::is_ascii_alphanumeric).collect()
}

/// Languages in the order in which one is taken where an exercise was solved in several: the extension of its files, and
/// what names have in them.
const LANGUAGES: [(&str, &[&str]); 12] = [
    ("c", &["c"]),
    ("cpp", &["cpp"]),
    ("cc", &["cc"]),
    ("rs", &["rust", "rs"]),
    ("go", &["go", "golang"]),
    ("java", &["java"]),
    ("py", &["python", "py", "python3"]),
    ("js", &["js", "node", "javascript"]),
    ("rb", &["ruby", "rb"]),
    ("pl", &["perl", "pl"]),
    ("lua", &["lua"]),
    ("tcl", &["tcl"]),
];

fn extension(file: &Path) -> String {
    file.extension().unwrap_or_default().to_string_lossy().to_lowercase()
}

/// Where a language stands in the order, and the name of a file without it.
fn language(file: &Path) -> Option<(usize, String)> {
    let extension = extension(file);
    let place = LANGUAGES.iter().position(|(known, _)| *known == extension)?;
    let stem = file.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    let words = stem.split(['-', '_', '.', ' ']).filter(|word| !LANGUAGES[place].1.contains(word));
    Some((place, words.collect::<Vec<_>>().join("-")))
}

/// Of several that stand alike the first language, if they are one exercise solved in each: in one folder, by one name.
fn twins(candidates: &[Candidate], programs: &BTreeSet<usize>) -> Option<usize> {
    let mut known: BTreeMap<usize, usize> = BTreeMap::new();
    let mut name: Option<(Option<&Path>, String)> = None;
    for program in programs {
        let file = &candidates[*program].file;
        let (place, stem) = language(file)?;
        let own = (file.parent(), stem);
        if known.insert(place, *program).is_some() || name.get_or_insert_with(|| own.clone()) != &own {
            return None;
        }
    }
    known.into_values().next()
}

/// What speaks for two programs being one pair.
pub fn togetherness(one: &Candidate, other: &Candidate) -> i32 {
    let folder = i32::from(one.file.parent() == other.file.parent());
    let named = i32::from(stem(&one.file) == stem(&other.file));
    let port = match (one.port, other.port) {
        (Some(one), Some(other)) if one == other => 2,
        // They never meet.
        (Some(_), Some(_)) => -12,
        _ => 0,
    };
    let alike = i32::from(extension(&one.file) == extension(&other.file));
    2 * folder + named + alike + port
}

/// Whether two programs may be one pair: those with different ports never meet.
pub fn may_meet(one: &Candidate, other: &Candidate) -> bool {
    togetherness(one, other) > -6
}

/// Whether names make two programs the halves of one pair: `EchoServer` and `EchoClient`, in one folder.
fn pair_by_name(candidates: &[Candidate], one: usize, other: usize) -> bool {
    let (one, other) = (&candidates[one].file, &candidates[other].file);
    let stem = |file: &Path| Some(stem(file)).filter(|stem| !stem.is_empty());
    sided(one) * sided(other) == -1
        && one.parent() == other.parent()
        && stem(one).is_some_and(|one| stem(other) == Some(one))
}

/// Decides about one task: the pair that stands out, or the programs that stand alike.
fn decide_task(
    candidates: &[Candidate],
    wanted: &Wanted,
    (claims, all): (&[&Claim], &[Claim]),
    lone: bool,
    decision: &mut Decision,
) {
    let mut of_role: Vec<(&String, Vec<&Claim>)> = Vec::new();
    for role in &wanted.roles {
        let mut own: Vec<&Claim> =
            claims.iter().copied().filter(|claim| &claim.role == role && claim.weight() > 0).collect();
        // The half of another pair may get through a conversation that is not meant for it.
        let halves = |claim: &Claim| {
            let only = |of: &&&Claim| claims.iter().filter(|it| it.role == of.role && it.weight() > 0).count() == 1;
            let is_half = |other: &&&Claim| other.role != claim.role && (other.behaves() || only(other));
            claims.iter().filter(is_half).any(|other| pair_by_name(candidates, claim.program, other.program))
        };
        let strays = |claim: &Claim| (0..candidates.len()).any(|other| pair_by_name(candidates, claim.program, other));
        if own.iter().any(|claim| halves(claim)) {
            own.retain(|claim| halves(claim) || claim.behaves() && !strays(claim));
        }
        // What behaves as the role does outweighs everything that only might.
        if own.iter().any(|claim| claim.behaves()) {
            own.retain(|claim| claim.behaves());
        }
        own.sort_by_key(|claim| (-claim.weight(), claim.program));
        of_role.push((role, own));
    }
    // Tasks of which the only programs for a role are: the other half that is there may be theirs, too.
    let elsewhere = |claim: &&&Claim| of_role.iter().any(|(role, own)| **role == claim.role && own.is_empty());
    let foreign: BTreeSet<&str> = claims
        .iter()
        .filter(elsewhere)
        .flat_map(|claim| &claim.evidence)
        .filter_map(|evidence| match evidence {
            Evidence::AnswersLike { task, .. } => Some(task.as_str()),
            _ => None,
        })
        .collect();
    let is_theirs = |claim: &Claim| {
        let same = |other: &&Claim| other.program == claim.program && foreign.contains(other.task.as_str());
        all.iter().filter(same).any(|other| other.behaves() && other.behaviour() >= claim.behaviour())
    };
    // Built-in ports make pairs: one whose other half is there, and may not play the other role, is at home with that one.
    let is_anothers = |claim: &Claim| {
        let meets = |program: usize| {
            let (one, other) = (&candidates[claim.program], &candidates[program]);
            one.port.is_some() && one.port == other.port && one.listens != other.listens
        };
        let partners: BTreeSet<usize> = of_role
            .iter()
            .filter(|(role, _)| **role != claim.role)
            .flat_map(|(_, own)| own.iter().map(|claim| claim.program))
            .collect();
        !partners.is_empty()
            && !partners.iter().any(|program| meets(*program))
            && partners.iter().all(|program| candidates[*program].port.is_some())
            && (0..candidates.len()).any(meets)
    };
    // All choices of one program for each role that has any.
    let mut choices: Vec<Vec<&Claim>> = vec![Vec::new()];
    for (_, own) in of_role.iter().filter(|(_, own)| !own.is_empty()) {
        let mut longer = Vec::new();
        for choice in &choices {
            let free = own.iter().filter(|claim| choice.iter().all(|taken| taken.program != claim.program));
            longer.extend(free.map(|claim| choice.iter().copied().chain([*claim]).collect::<Vec<&Claim>>()));
        }
        choices = longer;
    }
    let worth = |choice: &Vec<&Claim>| -> i32 {
        let own: i32 = choice.iter().map(|claim| claim.weight()).sum();
        let pairs =
            choice.iter().enumerate().flat_map(|(at, one)| choice[at + 1..].iter().map(move |other| (one, other)));
        own + pairs.map(|(one, other)| togetherness(&candidates[one.program], &candidates[other.program])).sum::<i32>()
    };
    let Some(most) = choices.iter().map(&worth).max() else { return };
    let best: Vec<&Vec<&Claim>> = choices.iter().filter(|choice| worth(choice) == most).collect();
    let of = |role: &String, best: &[&Vec<&Claim>]| -> BTreeSet<usize> {
        best.iter()
            .flat_map(|choice| choice.iter().filter(|claim| &claim.role == role).map(|claim| claim.program))
            .collect()
    };
    // Copies are one program: the one that lies next to its other half is as good as any.
    let copies = |role: &String| {
        let chosen = of(role, &best);
        chosen.iter().map(|program| candidates[*program].copy_of).collect::<BTreeSet<usize>>().len() <= 1
    };
    let apart = |choice: &[&Claim]| {
        let places = choice.iter().map(|claim| claim.program);
        places.clone().max().unwrap_or(0) - places.min().unwrap_or(0)
    };
    let best: Vec<&Vec<&Claim>> = match wanted.roles.iter().all(copies) {
        true => best.into_iter().min_by_key(|choice| apart(choice)).into_iter().collect(),
        false => best,
    };
    let first: Vec<usize> = of_role.iter().filter_map(|(role, _)| twins(candidates, &of(role, &best))).collect();
    let best: Vec<&Vec<&Claim>> =
        match best.iter().find(|choice| choice.iter().all(|claim| first.contains(&claim.program))) {
            Some(one) => vec![*one],
            None => best,
        };
    let towards = |program: usize| if candidates[program].listens { 1 } else { -1 };
    // Their names say so, and nobody knows what they do when they are told enough.
    let rivals = |program: usize| -> Vec<usize> {
        let is_one = |other: &usize| candidates[*other].idle && sided(&candidates[*other].file) == towards(program);
        (0..candidates.len()).filter(is_one).collect()
    };
    for (role, own) in &of_role {
        let chosen = of(role, &best);
        let only = chosen.first().filter(|_| chosen.len() == 1).and_then(|program| {
            let claim = own.iter().find(|claim| claim.program == *program)?;
            // Where nobody behaves like the role, the only one that could play it is taken if something else speaks for
            // it; and of several none.
            let partners = || best.iter().flat_map(|choice| choice.iter()).filter(|other| other.program != *program);
            let with = |other: &&&Claim| togetherness(&candidates[*program], &candidates[other.program]);
            let speaks = |it: &Evidence| {
                matches!(it, Evidence::Named(_) | Evidence::Home(_) | Evidence::Mentions(_) | Evidence::NothingAsked)
            };
            let named = claim.evidence.iter().any(speaks);
            let paired = partners().any(|other| other.behaves() && with(&other) > 0);
            let by_name = |it: &Evidence| matches!(it, Evidence::Named(_));
            let unrivalled = claim.evidence.iter().any(by_name)
                || sided(&candidates[*program].file) == towards(*program)
                || rivals(*program).is_empty();
            // Nothing that it did speaks for the pair, and what it did not do speaks against it.
            let says_nothing = |claim: &Claim| !claim.behaves() && claim.evidence.contains(&Evidence::SaysNothing);
            let paired = paired && !says_nothing(claim);
            let with_a_mute = !lone
                && claims.iter().any(|other| {
                    other.role != claim.role
                        && says_nothing(other)
                        && pair_by_name(candidates, claim.program, other.program)
                });
            let alone = own.len() == 1 && (lone || (named || paired) && unrivalled);
            let fits =
                claim.behaves() || partners().all(|other| may_meet(&candidates[*program], &candidates[other.program]));
            let is_meant = (claim.behaves() && (named || !with_a_mute)) || alone;
            (is_meant && fits && !is_theirs(claim) && !is_anothers(claim)).then_some(*program)
        });
        let key = (wanted.task.clone(), (*role).clone());
        match only {
            Some(program) => drop(decision.cast.insert(key, program)),
            None if own.is_empty() => {
                // What is called like the role and answers like another is not graded, and not passed over.
                let named = |it: &Evidence| matches!(it, Evidence::Named(_) | Evidence::Home(_));
                let partnered = claims.iter().any(|other| other.role != **role && other.behaves());
                // Nor is one passed over that is like a half of another task, when the half that is there is this task's.
                let homeless = |it: &Evidence| match it {
                    Evidence::AnswersLike { task, role } => {
                        !all.iter().any(|other| other.task == *task && other.role != *role && other.behaves())
                    }
                    _ => false,
                };
                let meant = |it: &Evidence| named(it) || partnered && homeless(it);
                let called = |claim: &&&Claim| &claim.role == *role && claim.evidence.iter().any(meant);
                let candidates: Vec<usize> = claims.iter().filter(called).map(|claim| claim.program).collect();
                if !candidates.is_empty() {
                    decision.questions.push(Question { task: key.0, role: key.1, candidates });
                }
            }
            None => {
                let more = match own[..] {
                    [only] if !only.behaves() => rivals(only.program),
                    _ => Vec::new(),
                };
                let candidates = own.iter().map(|claim| claim.program).chain(more).collect();
                decision.questions.push(Question { task: key.0, role: key.1, candidates });
            }
        }
    }
}

/// Decides about tasks of which each is asked for by name, or, where none is, about those whose programs are there.
pub fn decide(candidates: &[Candidate], wanted: &[Wanted], claims: &[Claim], mode: Mode) -> Decision {
    let mut decision = Decision::default();
    if !mode.unasked {
        for wanted in wanted {
            let own: Vec<&Claim> = claims.iter().filter(|claim| claim.task == wanted.task).collect();
            decide_task(candidates, wanted, (&own, claims), mode.lone, &mut decision);
        }
        return decision;
    }
    // Each program speaks only for what it is most like. Of what is equal, for tasks whose other half is there.
    let best = |program: usize| {
        claims.iter().filter(|claim| claim.program == program && claim.behaves()).map(Claim::weight).max().unwrap_or(0)
    };
    let likeliest: Vec<&Claim> =
        claims.iter().filter(|claim| claim.behaves() && claim.weight() == best(claim.program)).collect();
    let tasks_of = |program: usize| -> BTreeSet<&str> {
        likeliest.iter().filter(|claim| claim.program == program).map(|claim| claim.task.as_str()).collect()
    };
    let settled: BTreeSet<&str> =
        likeliest.iter().filter(|claim| tasks_of(claim.program).len() == 1).map(|claim| claim.task.as_str()).collect();
    let mine: Vec<&Claim> = likeliest
        .iter()
        .copied()
        .filter(|claim| {
            let tasks = tasks_of(claim.program);
            let there = tasks.iter().filter(|task| settled.contains(*task)).count();
            tasks.len() == 1 || there == 0 || settled.contains(claim.task.as_str())
        })
        .collect();
    for wanted in wanted {
        let own: Vec<&Claim> = mine.iter().copied().filter(|claim| claim.task == wanted.task).collect();
        decide_task(candidates, wanted, (&own, claims), mode.lone, &mut decision);
    }
    decision
}

/// Decides nothing: everything that speaks for a program becomes a question.
pub fn leave_open(wanted: &[Wanted], claims: &[Claim]) -> Decision {
    let places = wanted.iter().flat_map(|wanted| wanted.roles.iter().map(move |role| (&wanted.task, role)));
    let question = |(task, role): (&String, &String)| {
        let mut own: Vec<&Claim> = claims.iter().filter(|it| it.task == *task && it.role == *role).collect();
        own.sort_by_key(|claim| (-claim.weight(), claim.program));
        let candidates: Vec<usize> = own.iter().map(|claim| claim.program).collect();
        (!candidates.is_empty()).then(|| Question { task: task.clone(), role: role.clone(), candidates })
    };
    Decision { cast: BTreeMap::new(), questions: places.filter_map(question).collect() }
}

/// Adds to each claim what its program does in other tasks. To be asked for when all tasks were looked at. `goes_beyond`
/// says of two tasks whether the first asks all of the second, and more.
pub fn compare(claims: &mut [Claim], goes_beyond: &dyn Fn(&str, &str) -> bool) {
    let behaviour: Vec<(usize, String, String, i32)> = claims
        .iter()
        .filter(|claim| claim.behaves() && !claim.evidence.iter().any(|it| matches!(it, Evidence::TakesIn(_))))
        .map(|claim| (claim.program, claim.task.clone(), claim.role.clone(), claim.behaviour() + written(claim)))
        .collect();
    for claim in claims {
        let others = behaviour.iter().filter(|(program, task, ..)| {
            // What this task asks as well says nothing against it.
            *program == claim.program && *task != claim.task && !goes_beyond(&claim.task, task)
        });
        let beyond = |task: &str| goes_beyond(task, &claim.task);
        let Some((_, task, role, weight)) = others.max_by_key(|(_, task, _, weight)| (beyond(task), *weight)) else {
            continue;
        };
        let fits_better = beyond(task) || *weight > claim.behaviour() + written(claim);
        let (task, role) = (task.clone(), role.clone());
        if !claim.behaves() {
            claim.evidence.push(Evidence::AnswersLike { task, role });
        } else if fits_better {
            claim.evidence.push(Evidence::FitsBetter { task, role });
        }
    }
}

/// Where no task is asked for: what a program does for one task, and for another that asks more, it does for that one, if
/// its words speak for it and its name not for the first. Who goes to others belongs where the others are.
pub fn prefer_more(
    claims: &mut Vec<Claim>,
    goes_beyond: &dyn Fn(&str, &str) -> bool,
    listens: &dyn Fn(&Claim) -> bool,
) {
    for serving in [true, false] {
        let behaving: Vec<Claim> = claims.iter().filter(|it| it.behaves()).cloned().collect();
        let is_served = |task: &str| behaving.iter().any(|it| it.task == task && listens(it));
        // Of these two, whether it is the one that asks more.
        let is_more = |base: &Claim, more: &Claim| match (serving, is_served(&base.task), is_served(&more.task)) {
            (false, there, too) if there != too => too,
            _ => written(more) > 0 && named(base) <= named(more),
        };
        let of = |claim: &Claim| {
            let (program, own) = (claim.program, listens(claim) == serving);
            behaving.iter().filter(move |it| own && it.program == program)
        };
        claims.retain(|claim| {
            !of(claim).any(|other| {
                goes_beyond(&other.task, &claim.task) && is_more(claim, other)
                    || goes_beyond(&claim.task, &other.task) && !is_more(other, claim)
            })
        });
        for claim in claims.iter_mut().filter(|it| it.behaves()) {
            let parts = of(claim).filter(|other| goes_beyond(&claim.task, &other.task));
            for it in parts.flat_map(|it| &it.evidence).filter(|it| it.is_behaviour()) {
                if !claim.evidence.contains(it) {
                    claim.evidence.push(it.clone());
                }
            }
        }
    }
}

/// What a program is called, and how it is started.
fn named(claim: &Claim) -> i32 {
    let by_name = |it: &&Evidence| matches!(it, Evidence::Named(_) | Evidence::Home(_) | Evidence::Invoked(_));
    claim.evidence.iter().filter(by_name).map(Evidence::weight).sum()
}

/// The same, and what stands somewhere in it.
fn written(claim: &Claim) -> i32 {
    let mentioned = |it: &&Evidence| matches!(it, Evidence::Mentions(_));
    named(claim) + claim.evidence.iter().filter(mentioned).map(Evidence::weight).sum::<i32>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn claim(program: usize, place: &str, evidence: &[Evidence]) -> Claim {
        let (task, role) = place.split_once('/').unwrap();
        let evidence = [Evidence::Acts].into_iter().chain(evidence.iter().cloned()).collect();
        Claim { program, task: task.to_owned(), role: role.to_owned(), evidence }
    }

    fn answers() -> Evidence {
        Evidence::Answers("it says so".to_owned())
    }

    fn home() -> Evidence {
        Evidence::Home("echo".to_owned())
    }

    fn named() -> Evidence {
        Evidence::Named("echo".to_owned())
    }

    fn wanted(task: &str) -> Wanted {
        Wanted { task: task.to_owned(), roles: vec!["server".to_owned(), "client".to_owned()] }
    }

    fn files(names: &[&str]) -> Vec<Candidate> {
        let candidate = |name: &&str| {
            let (file, port) = name.split_once(':').map_or((*name, None), |(file, port)| (file, port.parse().ok()));
            let (file, idle) = file.strip_prefix('-').map_or((file, false), |file| (file, true));
            Candidate { file: file.into(), port, listens: leaning(file) > 0, idle, copy_of: 0 }
        };
        let candidates = names.iter().map(candidate);
        // Files are the same if their names begin alike up to a tilde.
        let begin = |name: &str| name.split_once('~').map(|(begin, _)| begin.to_owned());
        let first = |at: usize| (0..at).find(|it| begin(names[*it]).is_some() && begin(names[*it]) == begin(names[at]));
        candidates.enumerate().map(|(at, it)| Candidate { copy_of: first(at).unwrap_or(at), ..it }).collect()
    }

    /// What was decided, in words: `server=0 client=?1,2`.
    fn decided(names: &[&str], mut claims: Vec<Claim>, unasked: bool) -> String {
        compare(&mut claims, &|task, of| (task, of) == ("dual", "echo"));
        let mode = Mode { unasked, lone: false };
        let decision = decide(&files(names), &[wanted("echo"), wanted("calc")], &claims, mode);
        let cast = decision.cast.iter().map(|((task, role), program)| format!("{task}/{role}={program}"));
        let open = decision
            .questions
            .iter()
            .map(|question| format!("{}/{}?{:?}", question.task, question.role, question.candidates));
        cast.chain(open).collect::<Vec<_>>().join(" ")
    }

    #[rstest]
    #[case::the_one_that_answers(
        &["a.py", "b.py"],
        vec![claim(0, "echo/server", &[]), claim(1, "echo/server", &[answers()])],
        "echo/server=1"
    )]
    #[case::two_that_answer(
        &["a.py", "b.py"],
        vec![claim(0, "echo/server", &[answers()]), claim(1, "echo/server", &[answers()])],
        "echo/server?[0, 1]"
    )]
    #[case::copies_are_one_program(
        &["a~1.py", "b.py", "a~2.py", "c.py"],
        vec![
            claim(0, "echo/client", &[answers()]),
            claim(2, "echo/client", &[answers()]),
            claim(3, "echo/server", &[answers()]),
        ],
        "echo/client=2 echo/server=3"
    )]
    #[case::copies_beside_another(
        &["a~1.py", "b.py", "a~2.py"],
        vec![
            claim(0, "echo/client", &[answers()]),
            claim(1, "echo/client", &[answers()]),
            claim(2, "echo/client", &[answers()]),
        ],
        "echo/client?[0, 1, 2]"
    )]
    #[case::a_name_decides_between_equals(
        &["a.py", "echo.py"],
        vec![claim(0, "echo/server", &[answers()]), claim(1, "echo/server", &[answers(), named()])],
        "echo/server=1"
    )]
    #[case::a_name_alone_does_not(
        &["a.py", "echo.py"],
        vec![claim(0, "echo/server", &[]), claim(1, "echo/server", &[named()])],
        "echo/server?[1, 0]"
    )]
    #[case::the_only_one_that_could(&["a.py"], vec![claim(0, "echo/server", &[named()])], "echo/server=0")]
    #[case::nothing_speaks_for_the_only_one(&["a.py"], vec![claim(0, "echo/server", &[])], "echo/server?[0]")]
    #[case::the_submission_is_called_so(
        &["a.py", "b.py"],
        vec![claim(0, "echo/server", &[home()]), claim(1, "echo/client", &[home()])],
        "echo/client=1 echo/server=0"
    )]
    #[case::one_that_is_called_so_needs_to_be_told_more(
        &["waste/send.py", "-PingClient.py"],
        vec![claim(0, "echo/client", &[home()])],
        "echo/client?[0, 1]"
    )]
    #[case::its_own_name_says_it(
        &["echo.py", "-server.py"],
        vec![claim(0, "echo/server", &[named()])],
        "echo/server=0"
    )]
    #[case::one_that_only_writes_down_what_comes(
        &["echo.py"],
        vec![
            claim(0, "echo/server", &[named()]),
            claim(0, "calc/server", &[Evidence::TakesIn("it prints so".to_owned())]),
        ],
        "calc/server=0 echo/server=0"
    )]
    #[case::its_other_half_speaks_for_it(
        &["a.py", "b.py"],
        vec![claim(0, "echo/server", &[]), claim(1, "echo/client", &[answers()])],
        "echo/client=1 echo/server=0"
    )]
    #[case::a_pair_of_another_exercise(
        &["a.py", "b.py"],
        vec![
            claim(0, "echo/server", &[]),
            claim(0, "calc/server", &[answers()]),
            claim(1, "echo/client", &[answers()]),
            claim(1, "calc/client", &[answers()]),
        ],
        "calc/client=1 calc/server=0 echo/client?[1]"
    )]
    #[case::a_client_like_one_of_a_task_without_a_server(
        &["a.py", "b.py"],
        vec![
            claim(0, "echo/server", &[answers()]),
            claim(1, "echo/client", &[]),
            claim(1, "calc/client", &[answers()]),
        ],
        "calc/client=1 echo/server=0 echo/client?[1]"
    )]
    #[case::a_program_of_another_exercise(
        &["a.py"],
        vec![claim(0, "echo/server", &[]), claim(0, "calc/server", &[answers()])],
        "calc/server=0"
    )]
    #[case::one_that_is_called_so(
        &["echo.py"],
        vec![claim(0, "echo/server", &[named()]), claim(0, "calc/server", &[answers()])],
        "calc/server=0 echo/server?[0]"
    )]
    #[case::one_that_does_more_is_of_the_task_that_asks_more(
        &["Q1/a.py", "Q3/a.py"],
        vec![
            claim(0, "echo/server", &[answers()]),
            claim(1, "echo/server", &[answers()]),
            claim(1, "dual/server", &[answers()]),
        ],
        "echo/server=0"
    )]
    #[case::where_nothing_else_is_there(
        &["a.py"],
        vec![claim(0, "echo/server", &[answers()]), claim(0, "dual/server", &[answers()])],
        "echo/server=0"
    )]
    #[case::at_home_elsewhere(
        &["a.py", "b.py"],
        vec![
            claim(0, "echo/client", &[answers()]),
            claim(0, "calc/client", &[answers(), answers()]),
            claim(1, "echo/client", &[answers()]),
        ],
        "calc/client=0 echo/client=1"
    )]
    #[case::its_other_half_is_of_another_exercise(
        &["q12client.py:7200", "q12server.py:7200", "q16server.py:5002", "server.py:5000"],
        vec![
            claim(0, "echo/client", &[answers()]),
            claim(2, "echo/server", &[]),
            claim(3, "echo/server", &[]),
        ],
        "echo/server?[2, 3] echo/client?[0]"
    )]
    #[case::a_pair_lies_in_one_folder(
        &["Q1/server.py", "Q2/server.py", "Q2/client.py"],
        vec![
            claim(0, "echo/server", &[answers()]),
            claim(1, "echo/server", &[answers()]),
            claim(2, "echo/client", &[answers()]),
        ],
        "echo/client=2 echo/server=1"
    )]
    #[case::a_pair_shares_a_name(
        &["EchoServer.py", "TestServer.py", "EchoClient.py"],
        vec![
            claim(0, "echo/server", &[answers()]),
            claim(1, "echo/server", &[answers()]),
            claim(2, "echo/client", &[answers()]),
        ],
        "echo/client=2 echo/server=0"
    )]
    #[case::the_half_of_another_pair(
        &["CalcServer.java", "CalcClient.java", "EchoServer.java", "EchoClient.java", "Example.java"],
        vec![
            claim(0, "calc/server", &[answers()]),
            claim(1, "calc/client", &[]),
            claim(3, "calc/client", &[answers()]),
            claim(4, "calc/client", &[]),
        ],
        "calc/client=1 calc/server=0"
    )]
    #[case::a_pair_that_speaks_to_itself_only(
        &["EchoServer.java", "EchoClient.java", "waste/Example.java"],
        vec![
            claim(0, "echo/server", &[named()]),
            claim(1, "echo/client", &[named()]),
            claim(2, "echo/client", &[]),
        ],
        "echo/client=1 echo/server=0"
    )]
    #[case::a_pair_meets_at_one_port(
        &["a.py:12000", "b.py:13000", "c.py:13000"],
        vec![
            claim(0, "echo/server", &[answers()]),
            claim(1, "echo/server", &[answers()]),
            claim(2, "echo/client", &[answers()]),
        ],
        "echo/client=2 echo/server=1"
    )]
    #[case::one_exercise_in_two_languages(
        &["server-python.py", "server-c.c", "client-c.c", "client-python.py"],
        vec![
            claim(0, "echo/server", &[answers()]),
            claim(1, "echo/server", &[answers()]),
            claim(2, "echo/client", &[answers()]),
            claim(3, "echo/client", &[answers()]),
        ],
        "echo/client=2 echo/server=1"
    )]
    #[case::or_is_none(
        &["a.py:12000", "b.py:13000"],
        vec![claim(0, "echo/server", &[answers()]), claim(1, "echo/client", &[])],
        "echo/server=0 echo/client?[1]"
    )]
    #[case::half_of_a_pair_whose_other_half_says_nothing(
        &["q1client.py", "q1server.py"],
        vec![
            claim(0, "echo/client", &[answers()]),
            claim(1, "echo/server", &[Evidence::Acts, Evidence::Side, Evidence::SaysNothing]),
        ],
        "echo/server?[1] echo/client?[0]"
    )]
    #[case::half_of_a_pair_whose_other_half_says_something_else(
        &["q1client.py", "q1server.py"],
        vec![claim(0, "echo/client", &[answers()]), claim(1, "echo/server", &[Evidence::Acts, Evidence::Side])],
        "echo/client=0 echo/server=1"
    )]
    #[case::half_of_a_pair_that_is_named_so(
        &["echoclient.py", "echoserver.py"],
        vec![
            claim(0, "echo/client", &[answers(), named()]),
            claim(1, "echo/server", &[Evidence::Acts, named(), Evidence::SaysNothing]),
        ],
        "echo/client=0 echo/server=1"
    )]
    #[case::nothing(&["a.py"], vec![], "")]
    fn asked_for(#[case] names: &[&str], #[case] claims: Vec<Claim>, #[case] says: &str) {
        assert_eq!(decided(names, claims, false), says);
    }

    #[rstest]
    #[case::what_it_is_most_like(
        &["a.py"],
        vec![claim(0, "echo/server", &[answers()]), claim(0, "calc/server", &[answers(), answers()])],
        "calc/server=0"
    )]
    #[case::a_client_goes_with_its_server(
        &["a.py", "b.py"],
        vec![
            claim(0, "calc/server", &[answers()]),
            claim(1, "echo/client", &[answers()]),
            claim(1, "calc/client", &[answers()]),
        ],
        "calc/client=1 calc/server=0"
    )]
    #[case::nothing_without_behaviour(&["echo.py"], vec![claim(0, "echo/server", &[named()])], "")]
    fn unasked(#[case] names: &[&str], #[case] claims: Vec<Claim>, #[case] says: &str) {
        assert_eq!(decided(names, claims, true), says);
    }

    #[rstest]
    #[case::its_words_speak_for_more(&[], &[Evidence::Mentions("inet6".to_owned())], "dual/server=22 dual/client=11")]
    #[case::its_name_speaks_for_less(&[named()], &[Evidence::Mentions("inet6".to_owned())], "echo/server=23 echo/client=11")]
    #[case::nothing_speaks_for_more(&[], &[], "echo/server=21 echo/client=11")]
    fn what_does_more_is_of_the_task_that_asks_more(
        #[case] less: &[Evidence],
        #[case] more: &[Evidence],
        #[case] left: &str,
    ) {
        let mut claims = vec![
            claim(0, "echo/server", &[&[answers(), Evidence::Plays("a talk".to_owned())], less].concat()),
            claim(0, "dual/server", &[&[answers()], more].concat()),
            claim(1, "echo/client", &[answers()]),
            claim(1, "dual/client", &[answers()]),
        ];
        prefer_more(&mut claims, &|task, of| (task, of) == ("dual", "echo"), &|claim| claim.role == "server");
        let left_over = claims.iter().map(|it| format!("{}/{}={}", it.task, it.role, it.weight()));
        assert_eq!(left_over.collect::<Vec<_>>().join(" "), left);
    }

    #[test]
    fn what_was_not_looked_at_to_the_end_is_asked() {
        let claims = [claim(0, "echo/server", &[]), claim(1, "echo/server", &[answers()])];
        let Decision { cast, questions } = leave_open(&[wanted("echo")], &claims);
        assert!(cast.is_empty());
        let question = Question { task: "echo".to_owned(), role: "server".to_owned(), candidates: vec![1, 0] };
        assert_eq!(questions, [question]);
    }

    #[rstest]
    #[case("TCPServer.py", 1)]
    #[case("client.c", -1)]
    #[case("chat.py", 0)]
    #[case("myclient_server.py", 0)]
    fn names_lean(#[case] name: &str, #[case] towards: i32) {
        assert_eq!(leaning(name).signum(), towards);
    }
}
