//! Flags and subcommands, as `--help` prints them.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::class::shard::Shard;
use crate::class::times;
use crate::grade::bounds::Bounds;
use crate::grade::cuts::Cuts;
use crate::grade::late::Moment;
use crate::package::Platform;
use crate::report::format::Format;
use crate::starter::Language;
use harness_language::scenario::duration::Limit;

/// Grades socket programs in any language against the lab sheets.
#[derive(Debug, Parser)]
#[command(
    name = "harness",
    version,
    args_conflicts_with_subcommands = true,
    after_help = "Exit status: 0 every decided must-requirement passed · 1 one failed · 2 usage, path, manifest, scenario or rubric · \
                  3 the harness could not finish · 4 nothing gradable"
)]
pub struct Cli {
    /// What to do; without it, `grade`.
    #[command(subcommand)]
    pub verb: Option<Verb>,
    /// The flags of `grade`.
    #[command(flatten)]
    pub grade: Grade,
}

/// Subcommands.
#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one value in a process")]
pub enum Verb {
    /// Grade a submission (the same as no subcommand)
    Grade(Grade),
    /// List tasks, or the requirements of one
    List(List),
    /// Explain a requirement: what goes wrong, why, where to look
    Explain(Explain),
    /// Print the handout of a task, or one section of it
    Handout(Handout),
    /// Check scenario folders, manifests and rubrics
    Check(Check),
    /// Print the JSON Schema of a file format
    Schema(Schema),
    /// Play the truth table: every requirement against every good and bad program
    Selftest(Selftest),
    /// Write a program of the truth table into a folder, to be run by hand
    Fixture(Fixture),
    /// Say what this machine and build can do, and how to get the rest
    Doctor,
    /// Run a model answer
    Reference(Reference),
    /// Play the harness's side of a scenario by hand, for a program that you start yourself
    Peer(Peer),
    /// Time 20 KB and 1 MiB transfers of a submission, as ratios to the reference
    Bench(Bench),
    /// Play one run of a report again and print its transcript
    Replay(Replay),
    /// Make a page of a report for the lecture: one cause a screen, in large letters
    Present(Present),
    /// Say what a packet capture shows, and whether that is the exchange a task asks for
    Capture(Capture),
    /// Answer the lab questions by experiment
    Lab(Lab),
    /// Grade every submission of a folder: gradebook, class page, a report for every student
    Class(Class),
    /// Put together what `class` graded in parts, and say what is missing
    Merge(Merge),
    /// Say what changed between two reports, or between two gradings of a class
    Diff(Diff),
    /// Write a starter for a task: programs that build and run, and everything still to do
    New(New),
    /// Make what a course platform is given: Gradescope's zip, Classroom 50's or GitHub's files
    Package(Package),
    /// Play every client with every server of several submissions, and say at whose side it is where they do not work
    Interop(Interop),
    /// Grade hand-ins of a local list, and say where programs and verdicts are not as the list states
    #[command(hide = true)]
    Strangers(Strangers),
}

/// Flags of `grade`.
#[derive(Debug, Clone, Default, Args)]
pub struct Grade {
    /// A program, a folder, or the word `reference`
    #[arg(long, value_name = "PATH")]
    pub target: Option<PathBuf>,
    /// Only these tasks
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub task: Vec<String>,
    /// Only these requirements (TASK.REQUIREMENT)
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub requirement: Vec<String>,
    /// Only these scenarios
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub scenario: Vec<String>,
    /// The role of a lone program
    #[arg(long, value_name = "ROLE")]
    pub role: Option<String>,
    /// How to start a role, with placeholders: server='python3 server.py {port}'
    #[arg(long, value_name = "ROLE='COMMAND'")]
    pub cmd: Vec<String>,
    /// The role already runs there; nothing is started for it
    #[arg(long, value_name = "ROLE=HOST:PORT")]
    pub attach: Vec<String>,
    /// How the programs meet the network
    #[arg(long, value_enum, default_value_t)]
    pub backend: Backend,
    /// Seed of every random choice
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Runs played at the same time [default: two for each processor]
    #[arg(long)]
    pub jobs: Option<usize>,
    /// Bound of the build (90s, 2m)
    #[arg(long, value_name = "D")]
    pub timeout: Option<Limit>,
    /// What the grading may take of the machine
    #[command(flatten)]
    pub bounds: Bounds,
    /// Play every run this often
    #[arg(long, default_value_t = 1)]
    pub repeat: u32,
    /// Exactly these cuts instead of what scenarios draw at random: "send: 4096, 1024, rest"
    #[arg(long, value_name = "CUTS", hide = true)]
    pub schedule: Option<Cuts>,
    /// An instructor's points, levels and commands
    #[arg(long, value_name = "FILE")]
    pub rubric: Option<PathBuf>,
    /// Another catalogue than the built-in one
    #[arg(long, value_name = "DIR")]
    pub scenarios: Option<PathBuf>,
    /// An undecided must or a failed should also makes exit status 1
    #[arg(long)]
    pub strict: bool,
    /// Format of the report
    #[arg(long, default_value_t = Format::Human)]
    pub format: Format,
    /// Tell every check and everything about each failure, not only what to mend first
    #[arg(long)]
    pub all: bool,
    /// Folder for evidence: report.html, report.json, transcripts, captures and calls
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Grade again whenever a file of the submission changes, until Ctrl-C
    #[arg(long)]
    pub watch: bool,
    /// Print nothing but the exit status; with --format, the report in that format and nothing else
    #[arg(long, short)]
    pub quiet: bool,
    /// Colour
    #[arg(long, value_enum, default_value_t)]
    pub color: Color,
    /// No progress on standard error
    #[arg(long)]
    pub no_progress: bool,
    /// Judge what the rubric holds back, and show nothing of it: for reports that students read
    #[arg(long)]
    pub hide: bool,
    /// When it was handed in, for the rubric's late policy: 2026-11-20T23:59:00+01:00
    #[arg(long, value_name = "TIME")]
    pub submitted: Option<Moment>,
    /// Not with the seeds that the rubric adds
    #[arg(long, hide = true)]
    pub one_seed: bool,
    /// Not kept as the last report
    #[arg(skip)]
    pub forget: bool,
}

/// Backends as the command line names them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Backend {
    /// The best that this machine and build can do
    #[default]
    Auto,
    /// The simulated network, for real programs
    Sim,
    /// Real sockets
    Wire,
    /// In this process (reference only)
    Turmoil,
}

impl Backend {
    /// The word on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Sim => "sim",
            Self::Wire => "wire",
            Self::Turmoil => "turmoil",
        }
    }
}

/// When to use colour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Arguments of `list`.
#[derive(Debug, Args)]
pub struct List {
    /// The task whose requirements are listed
    pub task: Option<String>,
    /// Another catalogue than the built-in one
    #[arg(long, value_name = "DIR")]
    pub scenarios: Option<PathBuf>,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub struct Explain {
    /// TASK.REQUIREMENT, or TASK for the handout; the task may be left out where one task only has the requirement, or
    /// where the last report is about one that has it
    pub id: String,
    /// Another catalogue than the built-in one
    #[arg(long, value_name = "DIR")]
    pub scenarios: Option<PathBuf>,
}

/// Arguments of `handout`.
#[derive(Debug, Args)]
pub struct Handout {
    /// The task
    pub task: String,
    /// A heading of it, or the beginning of one
    pub section: Option<String>,
    /// Another catalogue than the built-in one
    #[arg(long, value_name = "DIR")]
    pub scenarios: Option<PathBuf>,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct Check {
    /// A folder of tasks, a submission's folder or manifest, or a rubric
    pub path: PathBuf,
    /// Another catalogue than the built-in one, for manifests and rubrics
    #[arg(long, value_name = "DIR")]
    pub scenarios: Option<PathBuf>,
}

/// Arguments of `schema`.
#[derive(Debug, Args)]
pub struct Schema {
    /// Which format
    #[arg(value_enum)]
    pub kind: SchemaKind,
}

/// Formats that have a schema.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum SchemaKind {
    /// A scenario file
    Scenario,
    /// A shared opening
    Opening,
    /// task.toml
    Task,
    /// submission.toml
    Submission,
    /// A rubric
    Rubric,
    /// The JSON report
    Report,
    /// `interop.json`
    Interop,
}

/// Arguments of `selftest`.
#[derive(Debug, Args)]
pub struct Selftest {
    /// Only these tasks
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub task: Vec<String>,
    /// Only programs whose name (TASK/good/NAME) contains this
    #[arg(long, value_name = "TEXT")]
    pub program: Option<String>,
    /// Play the whole table this often and count verdicts that change
    #[arg(long, default_value_t = 1)]
    pub repeat: u32,
    /// Runs played at the same time
    #[arg(long)]
    pub jobs: Option<usize>,
    /// Programs from this folder instead of the checkout's `fixtures/submissions`
    #[arg(long, value_name = "DIR")]
    pub fixtures: Option<PathBuf>,
    /// List the programs and play nothing
    #[arg(long)]
    pub list: bool,
    /// Another catalogue than the built-in one
    #[arg(long, value_name = "DIR")]
    pub scenarios: Option<PathBuf>,
    /// Plays a program that does not come out as declared up to so many times more; one that then does is listed
    /// as unsteady
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub again: u32,
    /// Faster, less thorough: a bad program plays what decides the failures that it declares, and one scenario for each
    /// must of its task; good programs but the plain ones in Python and C, and on real sockets all, play one row of each table.
    /// With --repeat, heavy scenarios take turns over ten rounds
    #[arg(long)]
    pub light: bool,

    /// Say how often the short report of a bad program begins with what it declares, and how long it is
    #[arg(long, hide = true)]
    pub told: bool,
    /// How the programs meet the network
    #[arg(long, value_enum, default_value_t)]
    pub backend: Backend,
    /// Print every program's verdicts, also where they are as declared
    #[arg(long, short)]
    pub verbose: bool,
}

/// Arguments of `fixture`.
#[derive(Debug, Args)]
pub struct Fixture {
    /// Its name, `TASK/good/NAME` or `TASK/bad/NAME` (see `selftest --list`)
    pub name: String,
    /// The folder that it is written to: a new or an empty one
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Programs from this folder instead of the checkout's `fixtures/submissions`
    #[arg(long, value_name = "DIR")]
    pub fixtures: Option<PathBuf>,
}

/// Arguments of `reference`.
#[derive(Debug, Args)]
pub struct Reference {
    /// The task
    pub task: String,
    /// The role
    pub role: String,
    /// Its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub arguments: Vec<String>,
}

/// Arguments of `peer`.
#[derive(Debug, Args)]
pub struct Peer {
    /// The task
    pub task: String,
    /// The role that the harness plays: `client` to test your server, `server` to test your client
    pub role: String,
    /// Where your server runs
    #[arg(long, value_name = "HOST:PORT")]
    pub to: Option<SocketAddr>,
    /// The port on which your client is awaited
    #[arg(long)]
    pub port: Option<u16>,
    /// The scenario to play; default: the first that fits
    #[arg(long, value_name = "ID")]
    pub scenario: Option<String>,
    /// Another catalogue than the built-in one
    #[arg(long, value_name = "DIR")]
    pub scenarios: Option<PathBuf>,
}

/// Arguments of `bench`.
#[derive(Debug, Args)]
pub struct Bench {
    /// A program or a folder
    #[arg(long, value_name = "PATH")]
    pub target: PathBuf,
    /// How to start a role
    #[arg(long, value_name = "ROLE='COMMAND'")]
    pub cmd: Vec<String>,
    /// Transfers of each size
    #[arg(long, default_value_t = 15)]
    pub runs: u32,
}

/// Arguments of `replay`.
#[derive(Debug, Args)]
#[command(allow_missing_positional = true)]
pub struct Replay {
    /// A JSON report [default: the last one that was made here]
    pub report: Option<PathBuf>,
    /// The run's id, as the report prints it
    pub run: String,
    /// Where the submission is now, if it has moved
    #[arg(long, value_name = "PATH")]
    pub target: Option<PathBuf>,
}

/// Arguments of `present`.
#[derive(Debug, Args)]
pub struct Present {
    /// A JSON report [default: the last one that was made here]
    pub report: Option<PathBuf>,
    /// The page [default: present.html beside the report]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Another catalogue than the built-in one
    #[arg(long, value_name = "DIR")]
    pub scenarios: Option<PathBuf>,
}

/// Arguments of `capture`.
#[derive(Debug, Args)]
pub struct Capture {
    /// A pcap or pcapng file
    pub file: PathBuf,
    /// The task whose exchange is looked for
    #[arg(long, value_name = "ID")]
    pub task: String,
    /// Another catalogue than the built-in one
    #[arg(long, value_name = "DIR")]
    pub scenarios: Option<PathBuf>,
    /// Format of the answer
    #[arg(long, value_enum, default_value_t)]
    pub format: TextFormat,
}

/// Formats of an answer that is no report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum TextFormat {
    /// For people
    #[default]
    Human,
    /// For programs
    Json,
}

/// Arguments of `lab`.
#[derive(Debug, Args)]
pub struct Lab {
    /// The question's number; default: all
    pub question: Option<u32>,
    /// A program or a folder that takes part; default: the model answers
    #[arg(long, value_name = "PATH")]
    pub target: Option<PathBuf>,
    /// How the programs meet the network
    #[arg(long, value_enum, default_value_t)]
    pub backend: Backend,
    /// Seed of every random choice
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Folder for evidence: captures, transcripts and calls
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Arguments of `class`.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    disable_help_subcommand = true,
    after_help = "Results that are in the folder already are not made again: a run that was stopped goes on where it was. \
                  Exit status: 0 every submission was dealt with · 2 usage · 3 the harness could not finish one · \
                  4 there is no submission"
)]
pub struct Class {
    /// `harness class merge` is `harness merge`.
    #[command(subcommand)]
    pub verb: Option<ClassVerb>,
    /// The submissions: a folder with a folder, an archive or a file for each, or the archive that the learning
    /// system exports
    #[arg(required = true)]
    pub dir: Option<PathBuf>,
    /// Folder for everything that comes out
    #[arg(long, value_name = "DIR", required_unless_present = "propose")]
    pub out: Option<PathBuf>,
    /// Look at all submissions, grade none, and write into FILE who plays what in each, why, and what is open
    #[arg(long, value_name = "FILE", conflicts_with_all = ["out", "shard", "slurm", "gradebook", "anonymous", "cast"])]
    pub propose: Option<PathBuf>,
    /// Grade by such a FILE: what it says of a submission stands, and nothing is guessed
    #[arg(long, value_name = "FILE")]
    pub cast: Option<PathBuf>,
    /// Only these tasks; a program that was not handed in for one of them costs its points
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub task: Vec<String>,
    /// Only these requirements (TASK.REQUIREMENT)
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub requirement: Vec<String>,
    /// Only these scenarios
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub scenario: Vec<String>,
    /// How the programs meet the network
    #[arg(long, value_enum, default_value_t)]
    pub backend: Backend,
    /// Seed of every random choice
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Submissions graded at the same time [default: one for each processor]
    #[arg(long)]
    pub jobs: Option<usize>,
    /// Bound of each build (90s, 2m)
    #[arg(long, value_name = "D")]
    pub timeout: Option<Limit>,
    /// What the grading of each may take of the machine
    #[command(flatten)]
    pub bounds: Bounds,
    /// Play every run this often; shows verdicts that change
    #[arg(long, default_value_t = 1)]
    pub repeat: u32,
    /// An instructor's points, levels and commands
    #[arg(long, value_name = "FILE")]
    pub rubric: Option<PathBuf>,
    /// Another catalogue than the built-in one
    #[arg(long, value_name = "DIR")]
    pub scenarios: Option<PathBuf>,
    /// Only share I of N, for `harness merge` to put together
    #[arg(long, value_name = "I/N", conflicts_with = "gradebook")]
    pub shard: Option<Shard>,
    /// Write a job script for Slurm, with N shares, and grade nothing
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "0", conflicts_with = "shard")]
    pub slurm: Option<u64>,
    /// The learning system's own gradebook export (Canvas, Moodle, Blackboard), to be filled in
    #[arg(long, value_name = "FILE")]
    pub gradebook: Option<PathBuf>,
    /// The column of that export, where it has several
    #[arg(long, value_name = "TITLE", requires = "gradebook")]
    pub column: Option<String>,
    /// Print nothing but the exit status
    #[arg(long, short)]
    pub quiet: bool,
    /// No progress on standard error
    #[arg(long)]
    pub no_progress: bool,
    /// Students' reports show nothing of what the rubric holds back; gradebook and class page have all of it
    #[arg(long)]
    pub hide: bool,
    /// When submissions were handed in, for the rubric's late policy: a table with a column `submitted` (the learning
    /// system's own will do), or the word `files` for the times of the files
    #[arg(long, value_name = "FILE")]
    pub times: Option<times::Source>,
    /// Pseudonyms instead of names in everything that is written. The key and the way back stand in FILE, which is made
    /// if it is not there; keep it apart
    #[arg(long, value_name = "FILE", conflicts_with = "gradebook")]
    pub anonymous: Option<PathBuf>,
}

/// What else `class` does.
#[derive(Debug, Subcommand)]
pub enum ClassVerb {
    /// Put together what was graded in parts (the same as `harness merge`)
    Merge(Merge),
}

/// Arguments of `merge`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 every submission has its result · 1 some have none, they are named · 2 usage, or \
                        parts that were not graded alike · 3 the harness could not finish one"
)]
pub struct Merge {
    /// Folders that `harness class` wrote
    #[arg(required = true, value_name = "OUT")]
    pub parts: Vec<PathBuf>,
    /// Folder for the whole [default: the first one]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// The learning system's own gradebook export (Canvas, Moodle, Blackboard), to be filled in
    #[arg(long, value_name = "FILE")]
    pub gradebook: Option<PathBuf>,
    /// The column of that export, where it has several
    #[arg(long, value_name = "TITLE", requires = "gradebook")]
    pub column: Option<String>,
    /// Print nothing but the exit status
    #[arg(long, short)]
    pub quiet: bool,
}

/// Arguments of `diff`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 nothing changed · 1 a verdict or a point changed · 2 usage, or what cannot be read"
)]
pub struct Diff {
    /// A JSON report, a folder that `--out` wrote, or a folder that `harness class` wrote
    pub before: PathBuf,
    /// Another of the same kind
    pub after: PathBuf,
    /// Format of the answer
    #[arg(long, value_enum, default_value_t)]
    pub format: TextFormat,
    /// Print nothing but the exit status
    #[arg(long, short)]
    pub quiet: bool,
}

/// Arguments of `new`.
#[derive(Debug, Args)]
pub struct New {
    /// The task
    pub task: String,
    /// The language of the programs
    #[arg(long, value_enum, value_name = "LANGUAGE")]
    pub lang: Language,
    /// The folder that the starter goes into: a new or empty one
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Another catalogue than the built-in one
    #[arg(long, value_name = "DIR")]
    pub scenarios: Option<PathBuf>,
}

/// Arguments of `package`.
#[derive(Debug, Args)]
pub struct Package {
    /// The platform
    #[arg(value_enum, value_name = "PLATFORM")]
    pub platform: Platform,
    /// A zip for Gradescope, a folder for the others
    #[arg(value_name = "OUT")]
    pub out: PathBuf,
    /// The tasks that are graded
    #[arg(long, value_name = "ID", value_delimiter = ',', required = true)]
    pub task: Vec<String>,
    /// An instructor's points, levels and commands
    #[arg(long, value_name = "FILE")]
    pub rubric: Option<PathBuf>,
    /// Another catalogue than the built-in one, packed as well
    #[arg(long, value_name = "DIR")]
    pub scenarios: Option<PathBuf>,
    /// Languages that submissions are written in, for Gradescope's setup
    #[arg(long, value_enum, value_name = "LANGUAGE", value_delimiter = ',', default_value = "python,c")]
    pub lang: Vec<Language>,
    /// The harness that is packed; default: this one
    #[arg(long, value_name = "FILE")]
    pub harness: Option<PathBuf>,
}

/// Arguments of `interop`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 every pair works · 1 not every pair does · 2 usage · 3 the harness could not finish · \
                        4 there are no two programs that could be put together"
)]
pub struct Interop {
    /// Submissions (folders, archives, programs); or one folder, or the learning system's export, with all of them
    #[arg(required = true, value_name = "DIR")]
    pub dirs: Vec<PathBuf>,
    /// Only these tasks
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub task: Vec<String>,
    /// How the programs meet the network
    #[arg(long, value_enum, default_value_t)]
    pub backend: Backend,
    /// Seed of every random choice
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Pairs played at the same time [default: one for each processor]
    #[arg(long)]
    pub jobs: Option<usize>,
    /// Bound of each build (90s, 2m)
    #[arg(long, value_name = "D")]
    pub timeout: Option<Limit>,
    /// Another catalogue than the built-in one
    #[arg(long, value_name = "DIR")]
    pub scenarios: Option<PathBuf>,
    /// Format of what is printed
    #[arg(long, value_enum, default_value_t)]
    pub format: TextFormat,
    /// Folder for `interop.md` and `interop.json`
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// When to use colour
    #[arg(long, value_enum, default_value_t)]
    pub color: Color,
    /// Print nothing but the exit status
    #[arg(long, short)]
    pub quiet: bool,
    /// No progress on standard error
    #[arg(long)]
    pub no_progress: bool,
}

/// Arguments of `strangers`.
#[derive(Debug, Args)]
pub struct Strangers {
    /// The list: `[[hand-in]]` with `folder`, `task`, `language` and `[[hand-in.right]]`, the right file of each role
    /// and what a right grader `fails`
    pub list: PathBuf,
    /// Only hand-ins whose folder and task contain this
    #[arg(long, value_name = "TEXT")]
    pub only: Option<String>,
    /// Look which programs are taken, and give no verdicts
    #[arg(long)]
    pub programs: bool,
    /// Bound of each hand-in in real time (90s, 4m) [default: 4m]
    #[arg(long, value_name = "D")]
    pub bound: Option<Limit>,
    /// Runs played at the same time
    #[arg(long)]
    pub jobs: Option<usize>,
    /// How the programs meet the network
    #[arg(long, value_enum, default_value_t)]
    pub backend: Backend,
    /// Grade this one, from 0, in this process, and print what was seen
    #[arg(long, value_name = "INDEX", hide = true)]
    pub one: Option<usize>,
}
