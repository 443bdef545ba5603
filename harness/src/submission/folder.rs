//! A folder without a manifest: its programs are looked at, all of them, before any is given a role.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::cast::{Cast, Command};
use super::casting::{self, Candidate, Claim, Decision};
use super::discover;
use super::evidence::{self, Depth, Evidence, Talks};
use super::observe::{self, Doing, Observed};
use crate::wire::Setup;
use harness_language::catalogue::model::Role;
use harness_language::catalogue::{Catalogue, Task};
use harness_language::scenario::duration::human;

/// Programs that are looked at at the same time.
const TOGETHER: usize = 2;

/// Most pairs that play with each other to find out which one is meant.
const MOST_PAIRS: usize = 12;

/// In a folder with so few programs those that are not used are asked what they are.
const FEW: usize = 8;

/// Real time for looking at a folder. What is known by then is no evidence: what was not seen might outweigh it.
const LOOKING: Duration = Duration::from_secs(180);

/// A program of the folder, and what was seen of it.
#[derive(Debug)]
pub struct Program {
    /// Where it was found.
    pub found: discover::Candidate,
    /// What it did.
    pub observed: Observed,
    /// What is written in it.
    pub source: String,
}

/// What was seen of all programs, and what was decided.
#[derive(Debug, Default)]
pub struct Looked {
    /// The programs, in the order in which they were found.
    pub programs: Vec<Program>,
    /// All that speaks for one of them in a role.
    pub claims: Vec<Claim>,
    /// The decision.
    pub decision: Decision,
}

/// What is asked for.
pub struct Ask<'a> {
    /// The tasks that there are.
    pub catalogue: &'a Catalogue,
    /// What programs may use.
    pub setup: &'a Setup,
    /// The folder, built.
    pub root: &'a Path,
    /// Tasks that are asked for by name; none: what is there.
    pub tasks: &'a [String],
    /// The role that is asked for.
    pub role: Option<&'a str>,
    /// What the submission is called.
    pub home: &'a str,
    /// Whether it is about one file, which was named.
    pub lone: bool,
    /// When looking began.
    pub began: Instant,
}

/// Does `work` for each of these, a few at a time where runs cannot get into each other's way.
fn each<I: Sync, T: Send>(
    ask: &Ask<'_>,
    items: &[I],
    work: impl Fn(&I) -> Result<T, String> + Sync,
) -> Result<Vec<T>, String> {
    let next = AtomicUsize::new(0);
    let slots: Vec<Mutex<Option<Result<T, String>>>> = items.iter().map(|_| Mutex::new(None)).collect();
    let together = if ask.setup.private_network { TOGETHER } else { 1 };
    std::thread::scope(|scope| {
        for _ in 0..together.min(items.len()) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else { break };
                    let done = work(item);
                    if let Ok(mut slot) = slots[index].lock() {
                        *slot = Some(done);
                    }
                }
            });
        }
    });
    let lost = || Err("looking at a program came to a sudden end".to_owned());
    slots.into_iter().map(|slot| slot.into_inner().ok().flatten().unwrap_or_else(lost)).collect()
}

/// A task and one of its roles.
type Place<'a> = (&'a Task, &'a Role);

impl<'a> Ask<'a> {
    fn is_out_of_time(&self) -> bool {
        self.began.elapsed() > LOOKING
    }

    fn places(&self) -> Vec<Place<'a>> {
        self.catalogue.tasks.iter().flat_map(|task| task.file.roles.iter().map(move |role| (task, role))).collect()
    }

    /// Whether the task is asked for by name, and not one role of it.
    fn wants_whole(&self, task: &Task) -> bool {
        self.role.is_none() && self.tasks.iter().any(|id| id == task.id())
    }

    fn wants(&self, (task, role): Place<'_>) -> bool {
        (self.tasks.is_empty() || self.tasks.iter().any(|id| id == task.id()))
            && self.role.is_none_or(|asked| asked == role.name)
    }
}

/// Looks at every program, and decides.
///
/// # Errors
/// If the machine fails.
pub fn look(ask: &Ask<'_>, found: &[discover::Candidate]) -> Result<Looked, String> {
    let wanted = evidence::wanted(ask.catalogue, &|task, role| ask.wants((task, role)));
    let programs = each(ask, found, |found| {
        let source = std::fs::read(ask.root.join(&found.file)).unwrap_or_default();
        let is_text = !source.iter().take(4096).any(|byte| *byte == 0);
        let source = if is_text { String::from_utf8_lossy(&source).into_owned() } else { String::new() };
        let hints = is_text.then_some(source.as_str());
        let bare = Command {
            words: found.words.clone(),
            cwd: found.cwd.clone(),
            env: found.env.clone(),
            ..Command::default()
        };
        let observed = match ask.is_out_of_time() {
            true => Observed::unseen(&bare, format!("not looked at: the others took {}", human(LOOKING))),
            false => observe::observe(ask.setup, ask.root, &bare, &wanted, hints)?,
        };
        Ok(Program { found: found.clone(), observed, source })
    })?;
    let mut looked = Looked { programs, ..Looked::default() };
    let mut talks: Vec<Mutex<Talks<'_>>> = Vec::new();
    let seen: Vec<Observed> = looked.programs.iter().map(|program| program.observed.clone()).collect();
    for observed in &seen {
        talks.push(Mutex::new(Talks::with(ask.setup, ask.root, observed)));
    }
    gather(ask, &mut looked, &talks)?;
    decide(ask, &mut looked);
    Ok(looked)
}

/// What is still to be found out about a program: in a role, and how.
type Errand<'a> = (usize, Place<'a>, Depth);

/// How long a program is asked what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Until {
    /// All is asked.
    AllIsKnown,
    /// What behaves like no role that is asked for needs one likeness to be ruled out.
    ItIsSomething,
}

fn run<'a>(
    ask: &Ask<'a>,
    looked: &mut Looked,
    talks: &[Mutex<Talks<'_>>],
    errands: Vec<Errand<'a>>,
    until: Until,
) -> Result<(), String> {
    // One program after the other: what was said to it once is not said again.
    let mut by_program: BTreeMap<usize, Vec<Errand<'a>>> = BTreeMap::new();
    for errand in errands {
        by_program.entry(errand.0).or_default().push(errand);
    }
    let work: Vec<(usize, Vec<Errand<'a>>)> = by_program.into_iter().collect();
    let programs = &looked.programs;
    let known = &looked.claims;
    let found = each(ask, &work, |(program, errands)| {
        let mut talks = talks[*program].lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut claims = Vec::new();
        let is_open = known.iter().any(|claim| claim.program == *program && claim.behaves());
        for (_, (task, role), depth) in errands {
            if ask.is_out_of_time() {
                break;
            }
            let mut evidence = talks.evidence(task, role, *depth)?;
            if evidence.is_empty() {
                continue;
            }
            let program = &programs[*program];
            let is_something = evidence.iter().any(|it| matches!(it, Evidence::Answers(_) | Evidence::Plays(_)));
            evidence.extend(evidence::written(task, role, (ask.home, &program.found.file), &program.source));
            claims.push((task.id().to_owned(), role.name.clone(), evidence));
            if until == Until::ItIsSomething && is_something && !is_open {
                break;
            }
        }
        Ok(claims
            .into_iter()
            .map(|(task, role, evidence)| Claim { program: *program, task, role, evidence })
            .collect::<Vec<_>>())
    })?;
    for claim in found.into_iter().flatten() {
        let same =
            |known: &Claim| known.program == claim.program && known.task == claim.task && known.role == claim.role;
        looked.claims.retain(|known| !same(known));
        looked.claims.push(claim);
    }
    Ok(())
}

fn gather<'a>(ask: &Ask<'a>, looked: &mut Looked, talks: &[Mutex<Talks<'_>>]) -> Result<(), String> {
    let places = ask.places();
    let goes_beyond =
        |task: &str, of: &str| ask.catalogue.task(task).is_some_and(|task| task.file.beyond.as_deref() == Some(of));
    let acts = |looked: &Looked, program: usize, (_, role): Place<'a>| {
        looked.programs[program].observed.doing.is_some_and(|doing| evidence::may_play(doing, role))
    };
    let all = 0..looked.programs.len();
    let pairs = |wanted: &dyn Fn(usize, Place<'a>) -> bool, looked: &Looked| -> Vec<(usize, Place<'a>)> {
        let every = all.clone().flat_map(|program| places.iter().map(move |place| (program, *place)));
        every.filter(|(program, place)| acts(looked, *program, *place) && wanted(*program, *place)).collect()
    };
    let first = pairs(&|_, place| ask.wants(place), looked);
    let depth = if ask.tasks.is_empty() { Depth::Greeting } else { Depth::Either };
    run(ask, looked, talks, greet(first, depth), Until::AllIsKnown)?;
    if ask.tasks.is_empty() {
        // What answers to several greetings, or to none, is talked to at length; and a client about what the servers
        // beside it are about.
        let served: BTreeSet<String> = looked
            .claims
            .iter()
            .filter(|claim| claim.behaves() && serves(ask, claim))
            .map(|claim| claim.task.clone())
            .collect();
        let tasks_of = |looked: &Looked, program: usize| -> BTreeSet<String> {
            let own = looked.claims.iter().filter(|claim| claim.program == program && claim.behaves());
            own.map(|claim| claim.task.clone()).collect()
        };
        let further = pairs(
            &|program, place| {
                let (known, id) = (tasks_of(looked, program), place.0.id());
                let calls = matches!(looked.programs[program].observed.doing, Some(Doing::Goes(_)));
                ask.wants(place)
                    && match known.len() {
                        0 => true,
                        1 if !calls => false,
                        _ => {
                            let about = |task: &str| known.contains(task) || calls && served.contains(task);
                            about(id) || place.0.file.beyond.as_deref().is_some_and(about)
                        }
                    }
            },
            looked,
        );
        run(ask, looked, talks, greet(further, Depth::All), Until::AllIsKnown)?;
        casting::prefer_more(&mut looked.claims, &goes_beyond, &|claim| serves(ask, claim));
        return Ok(());
    }
    // Several behave as a role does, or none of those that might: what else are they?
    let open = |looked: &Looked, (task, role): Place<'a>| -> BTreeSet<usize> {
        let is_own = |claim: &&Claim| claim.task == task.id() && claim.role == role.name;
        let own: Vec<&Claim> = looked.claims.iter().filter(is_own).collect();
        let behaving: BTreeSet<usize> = own.iter().filter(|claim| claim.behaves()).map(|claim| claim.program).collect();
        match behaving.len() {
            0 => own.iter().map(|claim| claim.program).collect(),
            1 => BTreeSet::new(),
            _ => behaving,
        }
    };
    let second = pairs(&|program, place| ask.wants(place) && open(looked, place).contains(&program), looked);
    run(ask, looked, talks, greet(second, Depth::All), Until::AllIsKnown)?;
    let mine: Vec<Place<'a>> = places.iter().copied().filter(|place| ask.wants(*place)).collect();
    let mut doubtful: BTreeSet<usize> = mine.iter().flat_map(|place| open(looked, *place)).collect();
    // Where one half answers to nothing of the task, the other may be of another exercise as well.
    let of_a_doubtful_task = |claim: &&Claim| {
        let behaves = |role: &Role| {
            let mut own = looked.claims.iter().filter(|it| it.task == claim.task && it.role == role.name).peekable();
            own.peek().is_none() || own.any(Claim::behaves)
        };
        ask.catalogue.task(&claim.task).is_some_and(|task| !task.file.roles.iter().all(behaves))
    };
    doubtful.extend(looked.claims.iter().filter(of_a_doubtful_task).map(|claim| claim.program));
    // Clients that hand on lines are alike until they are talked to; a server shows by its answers what it is.
    let at_length = |looked: &Looked, program: usize| {
        let serves = matches!(looked.programs[program].observed.doing, Some(Doing::Listens(_)));
        !serves || !looked.claims.iter().any(|claim| claim.program == program && claim.behaves())
    };
    for depth in [Depth::Greeting, Depth::All] {
        let others = pairs(
            &|program, place| {
                doubtful.contains(&program)
                    && at_length(looked, program) == (depth == Depth::All)
                    && !looked.claims.iter().any(|claim| is_for(claim, program, place))
            },
            looked,
        );
        run(ask, looked, talks, greet(others, depth), Until::ItIsSomething)?;
    }
    // What is left over is told by what it answers, where that is soon found out.
    if looked.programs.len() <= FEW {
        let behaves = |program: usize| looked.claims.iter().any(|claim| claim.program == program && claim.behaves());
        let rest = pairs(
            &|program, place| {
                !behaves(program)
                    && place.0.file.probe.iter().any(|probe| probe.role == place.1.name)
                    && !looked.claims.iter().any(|claim| is_for(claim, program, place))
            },
            looked,
        );
        run(ask, looked, talks, greet(rest, Depth::Greeting), Until::ItIsSomething)?;
    }
    // Of those that are alike here some may be of a task that asks more.
    let further = pairs(
        &|program, place| {
            let behaves =
                |claim: &Claim| claim.program == program && claim.behaves() && goes_beyond(place.0.id(), &claim.task);
            doubtful.contains(&program) && looked.claims.iter().any(behaves)
        },
        looked,
    );
    run(ask, looked, talks, greet(further, Depth::All), Until::AllIsKnown)?;
    casting::compare(&mut looked.claims, &goes_beyond);
    pair_up(ask, looked, talks)
}

/// Two halves may understand each other and nobody else: where one of a task's two roles is open, pairs that might be meant
/// play with each other.
fn pair_up(ask: &Ask<'_>, looked: &mut Looked, talks: &[Mutex<Talks<'_>>]) -> Result<(), String> {
    let candidates = candidates(looked);
    for task in ask.catalogue.tasks.iter().filter(|task| ask.wants_whole(task) && !task.file.together.is_empty()) {
        let [one, other] = &task.file.roles[..] else { continue };
        let of = |role: &Role| -> Vec<(usize, bool)> {
            // Clients that hand on lines are like many others'.
            let may_be = |claim: &Claim| claim.weight() > 0 || !role.kind.listens();
            let is_own = |claim: &&Claim| claim.task == task.id() && claim.role == role.name && may_be(claim);
            let own: Vec<&Claim> = looked.claims.iter().filter(is_own).collect();
            let met = own.iter().any(|claim| claim.behaves());
            let likeliest = own.iter().filter(|claim| claim.behaves() == met);
            likeliest.map(|claim| (claim.program, met)).collect()
        };
        let (ones, others) = (of(one), of(other));
        let all = ones.iter().flat_map(|one| others.iter().map(move |other| (*one, *other)));
        let open = all.filter(|((one, is_met), (other, too))| one != other && !(*is_met && *too));
        let mut pairs: Vec<(usize, usize)> = open.map(|((one, _), (other, _))| (one, other)).collect();
        let likely = |(one, other): &(usize, usize)| casting::togetherness(&candidates[*one], &candidates[*other]);
        pairs.retain(|(one, other)| casting::may_meet(&candidates[*one], &candidates[*other]));
        pairs.sort_by_key(|pair| std::cmp::Reverse(likely(pair)));
        pairs.truncate(MOST_PAIRS);
        let played = each(ask, &pairs, |(first, second)| {
            let mut parts = BTreeMap::new();
            for (program, role) in [(*first, one), (*second, other)] {
                let mut talks = talks[program].lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                let Some(part) = talks.met(task, role)? else { return Ok(None) };
                parts.insert(role.name.clone(), part);
            }
            evidence::play_together(ask.setup, task, &Cast { root: ask.root.to_owned(), parts })
        })?;
        for ((first, second), title) in pairs.into_iter().zip(played) {
            let Some(title) = title else { continue };
            for (program, role, partner) in [(first, one, second), (second, other, first)] {
                let with = looked.programs[partner].found.file.clone();
                let own = looked.claims.iter_mut().find(|claim| is_for(claim, program, (task, role)));
                let plays = |claim: &Claim| claim.evidence.iter().any(|it| matches!(it, Evidence::PlaysWith { .. }));
                if let Some(claim) = own.filter(|claim| !plays(claim)) {
                    claim.evidence.retain(|it| !matches!(it, Evidence::AnswersLike { .. }));
                    claim.evidence.push(Evidence::PlaysWith { other: with, title: title.clone() });
                }
            }
        }
    }
    Ok(())
}

fn is_for(claim: &Claim, program: usize, (task, role): Place<'_>) -> bool {
    claim.program == program && claim.task == task.id() && claim.role == role.name
}

fn greet<'a>(pairs: Vec<(usize, Place<'a>)>, depth: Depth) -> Vec<Errand<'a>> {
    pairs.into_iter().map(|(program, place)| (program, place, depth)).collect()
}

fn serves(ask: &Ask<'_>, claim: &Claim) -> bool {
    let task = ask.catalogue.task(&claim.task);
    task.and_then(|task| task.role(&claim.role)).is_some_and(|role| role.kind.listens())
}

fn candidates(looked: &Looked) -> Vec<Candidate> {
    let all = &looked.programs;
    let is_copy = |one: &Program, other: &Program| {
        !one.source.is_empty() && one.source == other.source && one.found.file.parent() == other.found.file.parent()
    };
    let candidate = |(at, program): (usize, &Program)| Candidate {
        file: program.found.file.clone(),
        port: program.observed.command.port,
        listens: matches!(program.observed.doing, Some(Doing::Listens(_))),
        // A usage text is nothing that it does.
        idle: matches!(program.observed.doing, None | Some(Doing::Prints)),
        copy_of: all.iter().position(|other| is_copy(other, program)).unwrap_or(at),
    };
    all.iter().enumerate().map(candidate).collect()
}

fn decide(ask: &Ask<'_>, looked: &mut Looked) {
    let wanted: Vec<casting::Wanted> = ask
        .catalogue
        .tasks
        .iter()
        .filter_map(|task| {
            let roles: Vec<String> =
                task.file.roles.iter().filter(|role| ask.wants((task, role))).map(|role| role.name.clone()).collect();
            (!roles.is_empty()).then(|| casting::Wanted { task: task.id().to_owned(), roles })
        })
        .collect();
    let candidates = candidates(looked);
    let mode = casting::Mode { unasked: ask.tasks.is_empty(), lone: ask.lone };
    looked.decision = match ask.is_out_of_time() {
        true => casting::leave_open(&wanted, &looked.claims),
        false => casting::decide(&candidates, &wanted, &looked.claims, mode),
    };
}

impl Looked {
    /// What speaks for a program in a role.
    pub fn claim(&self, program: usize, task: &str, role: &str) -> Option<&Claim> {
        self.claims.iter().find(|claim| claim.program == program && claim.task == task && claim.role == role)
    }

    /// How a program is started in a role.
    pub fn command(&self, program: usize, role: &Role) -> Command {
        let observed = &self.programs[program].observed;
        if observed.doing.is_some_and(|doing| evidence::may_play(doing, role)) {
            return evidence::fitted(&observed.command, role);
        }
        // Nothing is known of its arguments: what the sheet says is where to begin.
        let mut command = observed.command.clone();
        command.words.extend(role.arguments.split_whitespace().map(str::to_owned));
        command
    }

    /// The roles that the first program fits, by task: for one that was handed in alone.
    pub fn fits(&self) -> Vec<(String, String)> {
        let place = |claim: &Claim| (claim.task.clone(), claim.role.clone());
        let behaving: Vec<&Claim> = self.claims.iter().filter(|claim| claim.behaves()).collect();
        let most = behaving.iter().map(|claim| claim.weight()).max();
        let mut own: Vec<(String, String)> =
            behaving.iter().filter(|claim| Some(claim.weight()) == most).map(|claim| place(claim)).collect();
        if own.is_empty() {
            // Asked for one task, of which it can be one thing only: whether it is a good one is judged later.
            own = self.decision.cast.keys().cloned().collect();
        }
        own.sort();
        own
    }

    /// Why a program that has no role has none.
    pub fn why_unused(&self, program: usize) -> String {
        let Program { observed, .. } = &self.programs[program];
        if let Some(why) = &observed.not_startable {
            return format!("cannot be started: {why}");
        }
        let likeness = self.claims.iter().filter(|claim| claim.program == program).flat_map(|claim| {
            let like = |it: &Evidence| match it {
                Evidence::AnswersLike { task, role } | Evidence::FitsBetter { task, role } => {
                    Some(format!("{role} of {task}"))
                }
                _ => None,
            };
            claim.evidence.iter().filter_map(like).collect::<Vec<_>>()
        });
        if let Some(other) = likeness.min() {
            return format!("answers like the {other}");
        }
        let also = self.claims.iter().filter(|claim| claim.program == program && claim.behaves()).find_map(|claim| {
            let taken = self.decision.cast.get(&(claim.task.clone(), claim.role.clone()))?;
            Some((claim, &self.programs[*taken].found.file))
        });
        if let Some((claim, taken)) = also {
            let (role, task) = (&claim.role, &claim.task);
            return format!("answers like the {role} of {task} as well; {} was taken", taken.display());
        }
        observed.tried.last().filter(|_| observed.doing.is_none()).unwrap_or(&observed.seen).clone()
    }
}
