//! What a file becomes, and what is said where it is wrong.

use rstest::rstest;

use super::Scenario;
use super::bytes::SegmentSize;
use super::load::{self, Parameters, Setting};
use super::model::Step;
use super::problem::{Problems, Source};

const HEAD: &str = "title = \"t\"\ndecides = [\"page\"]\njudges = \"server\"\n";
const START: &str = "{ start = { program = \"server\" } }, { connect = { peer = \"p\", to = \"server\" } }";

fn read(rest: &str) -> Result<Vec<Scenario>, Problems> {
    let setting = Setting {
        task: "web-server",
        id: "it",
        prefix: "",
        parameters: &Parameters::new(),
        roles: &["server"],
        opening: &|_| None,
        openings: &[],
    };
    load::scenarios(&Source::new("it.toml".to_owned(), format!("{HEAD}{rest}")), &setting)
}

#[test]
fn a_scenario_that_counts_is_one_for_each_number() {
    let send = r#"{ send = { peer = "p", data = { text = "abc" }, segments = ["$cut", "rest"] } }"#;
    let made = read(&format!("count = {{ cut = [8, 10] }}\nsteps = [{START}, {send}]")).expect("scenarios");
    let rows: Vec<&str> = made.iter().filter_map(|scenario| scenario.row.as_deref()).collect();
    assert_eq!(rows, ["08", "09", "10"]);
    let cuts: Vec<SegmentSize> = made
        .iter()
        .flat_map(|scenario| &scenario.steps)
        .filter_map(|step| match step {
            Step::Send(send) => send.segments.as_ref().map(|sizes| sizes[0]),
            _ => None,
        })
        .collect();
    assert_eq!(cuts, [8, 9, 10].map(SegmentSize::Bytes));
}

#[rstest]
#[case::count_and_rows("count = { cut = [1, 2] }\nrows = [{ a = 1 }]\nsteps = []", "{ cut", "no `rows` beside it")]
#[case::no_pair("count = { cut = [1] }\nsteps = []", "[1]", "invalid length 1")]
#[case::file_elsewhere("files = { \"../x\" = { text = \"\" } }\nsteps = []", "\"../x\"", "must stay below")]
#[case::link_elsewhere("links = { \"/x\" = \"y\" }\nsteps = []", "\"/x\"", "must stay below")]
#[case::folder_elsewhere("folders = [\"../x\"]\nsteps = []", "[\"../x\"]", "must stay below")]
#[case::above_elsewhere("files-above = { \"../x\" = { text = \"\" } }\nsteps = []", "\"../x\"", "must stay below")]
fn mistakes_in_a_file(#[case] rest: &str, #[case] place: &str, #[case] words: &str) {
    complains(rest, place, words);
}

#[rstest]
#[case::no_status(r#"receive = { peer = "p", response = { status = [99] } }"#, "99", "a status code (100 to 599)")]
#[case::no_class(r#"receive = { peer = "p", response = { status = ["4x"] } }"#, "\"4x\"", "such as \"4xx\"")]
#[case::two_bodies(
    r#"receive = { peer = "p", response = { body = { text = "a" }, exact-body = { text = "a" } } }"#,
    "{ body =",
    "one of `body` and `exact-body`"
)]
#[case::two_criteria(
    r#"receive = { peer = "p", response = {}, equals = { text = "a" } }"#,
    "\"p\"",
    "give one of `equals`"
)]
#[case::does_not_go_with_http(
    r#"receive = { peer = "p", response = {}, until-end = true }"#,
    "\"p\"",
    "do not go with an HTTP message"
)]
#[case::unknown_key(r#"receive = { peer = "p", response = { state = [200] } }"#, "state", "unknown key `state`")]
#[case::unknown_file(
    r#"send = { peer = "p", data = { request = { target = "/", body = { file = "none.txt" } } } }"#,
    "{ request =",
    "there is no file `none.txt`"
)]
#[case::unknown_actor(
    r#"send = { peer = "p", data = { request = { target = "/", headers = { Host = { address-of = "q" } } } } }"#,
    "{ request =",
    "no program or peer `q`"
)]
#[case::attachments_of_no_kind(r#"expect-attachments = { peer = "p" }"#, "\"p\"", "give one of `mime`, `exact`")]
#[case::archive_of_nothing(r#"expect-archive = { peer = "p" }"#, "\"p\"", "give one of `holds`, `folders`")]
#[case::no_text(r#"send = { peer = "p", data = { request = { target = 7 } } }"#, "7", "a text, or bytes")]
#[case::no_framing(
    r#"send = { peer = "p", data = { response = { framing = "lenght" } } }"#,
    "\"lenght\"",
    "unknown word `lenght`"
)]
fn mistakes_in_a_step(#[case] step: &str, #[case] place: &str, #[case] words: &str) {
    complains(&format!("steps = [{START}, {{ {step} }}]"), place, words);
}

fn complains(rest: &str, place: &str, words: &str) {
    let Err(Problems(problems)) = read(rest) else { panic!("it is taken") };
    let found = problems.iter().find(|problem| problem.title.contains(words));
    let found = found.unwrap_or_else(|| panic!("{:?}", problems.iter().map(|it| &it.title).collect::<Vec<_>>()));
    let text = format!("{HEAD}{rest}");
    assert_eq!(found.span.start, text.rfind(place).expect("the place"), "{:?}", &text[found.span.clone()]);
}
