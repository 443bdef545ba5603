//! Which failure excuses which: a run that failed because a requirement that it needs has failed shows nothing of its own.
//!
//! A scenario says what its runs need (`needs`). A run R that fails is excused by a run Q that fails what R needs:
//!
//! | Q, which fails what R needs | R | excused |
//! |---|---|---|
//! | is R itself | any | yes |
//! | one program against the harness | the same program takes part | yes |
//! | one program against the harness | that program takes no part | no |
//! | the submission's programs with each other | with each other, too, and one is in both | yes |
//! | the submission's programs with each other | one of them against the harness, where it holds what R needs | no |
//! | the submission's programs with each other | one of them against the harness, where that is not shown | yes |
//! | one row of a table | a row of the same name, and Q's is another | no |
//! | excused itself, by a requirement M | any of these | yes, by M |
//!
//! So whatever excuses has itself failed, and no excuse goes round in a circle: the catalogue refuses `needs` that do.

use std::collections::BTreeSet;

use crate::{Facts, Pairing, Said};

/// A played run, as the rules see it.
#[derive(Debug)]
pub struct Ran<'r> {
    /// The role that is judged.
    pub role: &'r str,
    /// Against the harness, or the submission's programs with each other.
    pub pairing: Pairing,
    /// Roles of the submission's programs that take part.
    pub plays: BTreeSet<&'r str>,
    /// Row of the scenario's table.
    pub row: Option<&'r str>,
    /// What it speaks for.
    pub decides: &'r [String],
    /// What it needs.
    pub needs: &'r [String],
    /// What happened.
    pub facts: Facts<'r>,
}

/// The failed requirement that explains why the run at this place failed `id`; `None` if nothing explains it. Of several,
/// one that `is_held` back comes last: it explains nothing to a student.
pub fn excuse(all: &[Ran<'_>], place: usize, id: &str, is_held: &dyn Fn(&str) -> bool) -> Option<String> {
    root(all, place, id, is_held, &mut Vec::new())
}

fn root<'r>(
    all: &'r [Ran<'_>],
    place: usize,
    id: &'r str,
    is_held: &dyn Fn(&str) -> bool,
    on_the_way: &mut Vec<(usize, &'r str)>,
) -> Option<String> {
    on_the_way.push((place, id));
    let (shown, held): (Vec<&String>, Vec<&String>) = all[place].needs.iter().partition(|need| !is_held(need));
    let found = shown.into_iter().chain(held).filter(|need| *need != id).find_map(|need| {
        let failing = (0..all.len()).filter(|other| all[*other].facts.fails_by_name(need));
        let bearing: Vec<usize> = failing
            .filter(|other| bears(all, *other, place, need) && !on_the_way.contains(&(*other, need.as_str())))
            .collect();
        let mut roots =
            bearing.into_iter().map(|other| root(all, other, need, is_held, on_the_way)).collect::<Vec<_>>();
        // What has failed by itself is named before what it may have failed for elsewhere.
        roots.sort_by_key(Option::is_some);
        roots.into_iter().next().map(|root| root.unwrap_or_else(|| need.clone()))
    });
    on_the_way.pop();
    found
}

/// Whether the failure of one run bears on another that needs what it failed.
fn bears(all: &[Ran<'_>], failed: usize, on: usize, need: &str) -> bool {
    if failed == on {
        return true;
    }
    let (failed, on) = (&all[failed], &all[on]);
    let deciding = || all.iter().filter(|ran| ran.decides.iter().any(|id| id == need));
    let in_its_group = |ran: &&Ran<'_>| ran.role == failed.role && ran.pairing == failed.pairing;
    if on.row.is_some() && failed.row != on.row && deciding().filter(in_its_group).any(|ran| ran.row == on.row) {
        return false;
    }
    // Whether a program has been shown to hold it by itself.
    let is_cleared = |role: &str| {
        let alone = |ran: &&Ran<'_>| ran.pairing == Pairing::Harness && ran.role == role;
        let mut said = deciding().filter(alone).map(|ran| ran.facts.says(need)).peekable();
        said.peek().is_some() && said.all(|said| said == Said::Held)
    };
    match (failed.pairing, on.pairing) {
        (Pairing::Harness, _) => on.plays.contains(failed.role),
        (Pairing::Own, Pairing::Own) => failed.plays.intersection(&on.plays).next().is_some(),
        (Pairing::Own, Pairing::Harness) => failed.plays.intersection(&on.plays).any(|role| !is_cleared(role)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::{About, End, Judgement};

    const NOT_HELD: &dyn Fn(&str) -> bool = &|_| false;

    /// A run as text, `ROLES[ROW] NEEDS JUDGED`: `client` plays against the harness, `client+server` with each other;
    /// `+a-b` judges that a held and b did not. The first role is the one that is judged.
    struct Made {
        roles: Vec<String>,
        row: Option<String>,
        needs: Vec<String>,
        decides: Vec<String>,
        judged: Vec<Judgement>,
    }

    impl Made {
        fn ran(&self) -> Ran<'_> {
            Ran {
                role: &self.roles[0],
                pairing: if self.roles.len() > 1 { Pairing::Own } else { Pairing::Harness },
                plays: self.roles.iter().map(String::as_str).collect(),
                row: self.row.as_deref(),
                decides: &self.decides,
                needs: &self.needs,
                facts: Facts { judgements: self.judged.iter().collect(), end: &End::Played },
            }
        }
    }

    fn made(text: &str) -> Made {
        let mut words = text.split(' ');
        let who = words.next().unwrap();
        let needs = words.next().unwrap();
        let judged = words.next().unwrap();
        let (roles, row) = match who.split_once('[') {
            Some((roles, row)) => (roles, Some(row.trim_end_matches(']').to_owned())),
            None => (who, None),
        };
        let letters = |text: &str| text.chars().filter(char::is_ascii_alphabetic).map(String::from).collect::<Vec<_>>();
        let mut all = Vec::new();
        let mut signs = judged.chars();
        while let (Some(sign), Some(id)) = (signs.next(), signs.next()) {
            all.push(Judgement {
                decides: vec![id.to_string()],
                held: sign == '+',
                about: About::Conduct,
                expected: String::new(),
                actual: String::new(),
                reason: String::new(),
                state: String::new(),
            });
        }
        Made {
            roles: roles.split('+').map(str::to_owned).collect(),
            row,
            needs: letters(needs),
            decides: letters(judged),
            judged: all,
        }
    }

    /// What excuses the first run for failing `x`.
    fn excused(runs: &[&str]) -> Option<String> {
        let runs: Vec<Made> = runs.iter().map(|text| made(text)).collect();
        let all: Vec<Ran<'_>> = runs.iter().map(Made::ran).collect();
        excuse(&all, 0, "x", NOT_HELD)
    }

    // The rows of the table above.
    #[rstest]
    #[case::itself(&["client a -a-x"], Some("a"))]
    #[case::the_same_program(&["client a -x", "client - -a"], Some("a"))]
    #[case::another_program(&["client a -x", "server - -a"], None)]
    #[case::of_two_one(&["client+server a -x", "server - -a"], Some("a"))]
    #[case::of_two_neither(&["client+server a -x", "proxy - -a"], None)]
    #[case::a_pair_and_a_pair(&["client+server a -x", "server+client - -a"], Some("a"))]
    #[case::a_pair_and_one_that_holds(&["client a -x", "server+client - -a", "client - +a"], None)]
    #[case::a_pair_and_one_that_holds_once(&["client a -x", "server+client - -a", "client - +a", "client - -a"], Some("a"))]
    #[case::a_pair_and_one_unknown(&["client a -x", "server+client - -a"], Some("a"))]
    #[case::a_pair_and_another_that_holds(&["client a -x", "server+client - -a", "server - +a"], Some("a"))]
    #[case::the_same_row(&["client[one] a -x", "client[one] - -a", "client[two] - +a"], Some("a"))]
    #[case::another_row(&["client[one] a -x", "client[one] - +a", "client[two] - -a"], None)]
    #[case::a_row_of_another_table(&["client[one] a -x", "client[two] - -a"], Some("a"))]
    #[case::a_row_of_another_program(&["client[one] a -x", "client[two] - -a", "server[one] - +a"], Some("a"))]
    #[case::no_row(&["client a -x", "client[one] - +a", "client[two] - -a"], Some("a"))]
    #[case::excused_itself(&["client a -x", "client m -a", "client - -m"], Some("m"))]
    #[case::excused_itself_elsewhere(&["client a -x", "client m -a", "client - -a", "client - -m"], Some("a"))]
    #[case::excused_by_another_program(&["client a -x", "client m -a", "server - -m"], Some("a"))]
    #[case::what_it_needs_holds(&["client a -x", "client - +a"], None)]
    #[case::needs_nothing(&["client - -x", "client - -a"], None)]
    #[case::itself_is_no_excuse(&["client x -x", "client x -x"], None)]
    #[case::the_second_need(&["client ab -x", "client - +a-b"], Some("b"))]
    fn excuses(#[case] runs: &[&str], #[case] by: Option<&str>) {
        assert_eq!(excused(runs).as_deref(), by);
    }

    #[test]
    fn what_is_held_back_explains_last() {
        let runs = ["client ab -x", "client - -a-b"].map(made);
        let all: Vec<Ran<'_>> = runs.iter().map(Made::ran).collect();
        assert_eq!(excuse(&all, 0, "x", &|id| id == "a").as_deref(), Some("b"));
    }

    /// A run as text, with letters that need smaller ones only.
    fn any_run() -> impl Strategy<Value = String> {
        let who = prop::sample::select(vec![
            "client",
            "server",
            "client+server",
            "server+client",
            "client[one]",
            "client[two]",
        ]);
        (who, 0..5usize, prop::collection::vec(any::<Option<bool>>(), 5)).prop_map(|(who, first, picks)| {
            let picked =
                |(place, pick): (usize, &Option<bool>)| Some((b"abcde"[place] as char, place >= first, (*pick)?));
            let picked: Vec<(char, bool, bool)> = picks.iter().enumerate().filter_map(picked).collect();
            let needs: String = picked.iter().filter(|(_, decides, _)| !decides).map(|(id, ..)| *id).collect();
            let judged = picked.iter().filter(|(_, decides, _)| *decides);
            let judged: String = judged.map(|(id, _, held)| format!("{}{id}", if *held { '+' } else { '-' })).collect();
            format!("{who} -{needs} {}", if judged.is_empty() { "-" } else { &judged })
        })
    }

    proptest! {
        #[test]
        fn what_excuses_has_failed_by_itself(texts in prop::collection::vec(any_run(), 1..8)) {
            let runs: Vec<Made> = texts.iter().map(|text| made(text)).collect();
            let all: Vec<Ran<'_>> = runs.iter().map(Made::ran).collect();
            let by_itself = |place: usize, id: &str| {
                all[place].facts.fails_by_name(id) && excuse(&all, place, id, NOT_HELD).is_none()
            };
            for (place, ran) in all.iter().enumerate() {
                for id in ran.decides.iter().filter(|id| ran.facts.fails_by_name(id)) {
                    if let Some(need) = excuse(&all, place, id, NOT_HELD) {
                        prop_assert!((0..all.len()).any(|other| by_itself(other, &need)), "{id}: {need} in {texts:?}");
                    }
                }
            }
        }
    }
}
