//! The first conversation with a program: it is had in one way after the other, until the program understands.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use harness_judging::shown;
use regex::Regex;

use super::cast::{Cast, Command, Documents, Framing};
use super::evidence::Play;
use super::{discover, forms};
use crate::run::End;
use crate::run::event::What;
use crate::wire::Setup;
use harness_language::catalogue::Meeting;
use harness_language::catalogue::model::UrlForm;
use harness_language::scenario::Scenario;
use harness_language::scenario::model::{Step, TransportName};

/// Texts of a source that are tried as a value.
const MOST_TEXTS: usize = 24;

/// Folders in which documents are looked for.
const MOST_FOLDERS: usize = 8;

/// Folders within folders that are gone through.
const DEEPEST: usize = 2;

/// Bytes of a source that are read.
const MOST_SOURCE: usize = 256 << 10;

/// Times that a server is sent what its own client sends.
const TRIES: u64 = 8;

/// What folders for documents are called, where the folder itself was not handed in.
const USUAL_FOLDERS: [&str; 12] =
    ["www", "public", "html", "htdocs", "static", "webroot", "wwwroot", "files", "file", "root", "web", "pages"];

/// One way of talking to a program.
#[derive(Debug, Clone, Default)]
struct Way {
    port_80: bool,
    url_form: UrlForm,
    framing: Framing,
    values: BTreeMap<String, String>,
    documents: Option<Documents>,
    arguments: Vec<String>,
}

/// Has the first conversation with a program, in each way in turn; whether one of them led to its end. `form` is that of
/// the role's arguments.
///
/// # Errors
/// If the machine fails.
pub(super) fn converse(
    meeting: &Meeting,
    cast: &mut Cast,
    role: &str,
    form: &str,
    setup: &Setup,
    play: Play,
) -> Result<bool, String> {
    if cast.parts[role].attached.is_some() {
        return Ok(true);
    }
    let mut why_not = String::new();
    let (ways, unknown) = ways(meeting, cast, role, form);
    let words = cast.parts[role].command.words.clone();
    for way in ways {
        if let Some(part) = cast.parts.get_mut(role) {
            part.command.words = [words.as_slice(), &way.arguments].concat();
            part.meeting.framing = way.framing;
            part.meeting.url_form = way.url_form;
            part.meeting.port_80 = way.port_80;
            part.meeting.documents = way.documents.clone();
            part.meeting.values.extend(way.values.clone());
        }
        let record = play(setup, &meeting.scenario, cast, 1);
        match record.end {
            End::Played => {
                let found = findings(meeting, role, &way);
                if let Some(part) = cast.parts.get_mut(role) {
                    part.meeting.heard = true;
                    part.meeting.findings.extend(found);
                    for event in record.events {
                        match event.what {
                            What::Learned(name, Some(value)) => drop(part.meeting.values.insert(name, value)),
                            What::Learned(name, None) => drop(part.meeting.lacks.insert(name)),
                            _ => {}
                        }
                    }
                }
                return Ok(true);
            }
            End::Harness(why) => return Err(why),
            End::Failed(failure) if why_not.is_empty() => why_not = failure.why(),
            End::Failed(_) | End::NotGradable(_) | End::Skipped(_) => {}
        }
    }
    if let Some(part) = cast.parts.get_mut(role) {
        part.command.words = words;
        part.meeting.framing = Framing::Line;
        part.meeting.url_form = UrlForm::default();
        part.meeting.port_80 = false;
        part.meeting.documents = None;
        part.meeting.values.retain(|name, _| !meeting.learns.contains(name));
        if !unknown.is_empty() {
            // It may well understand; what it has built in is not known.
            part.meeting.lacks.extend(unknown);
            return Ok(false);
        }
        if meeting.documents && part.command.documents.is_none() {
            part.meeting.elsewhere = elsewhere(&texts(&cast.root, &part.command));
        }
        part.meeting.mute = part.meeting.elsewhere.is_none();
    }
    if cast.parts.len() > 1 && answers_its_other_half(meeting, cast, role, setup, play)? != Some(false) {
        let why = format!("in plain text the {role} cannot be talked to: {why_not}");
        cast.parts.entry(role.to_owned()).and_modify(|part| part.meeting.private = Some(why));
    }
    Ok(false)
}

/// Whether a server answers the very datagram that the submission's own client sends first; nothing if there is none. On a
/// connection silence shows nothing: the client may have more to say.
fn answers_its_other_half(
    meeting: &Meeting,
    cast: &Cast,
    role: &str,
    setup: &Setup,
    play: Play,
) -> Result<Option<bool>, String> {
    let others = cast.parts.iter().filter(|(name, part)| *name != role && part.transport == TransportName::Udp);
    let Some(sent) = others.map(|(_, part)| &part.meeting.sent).find(|sent| !sent.is_empty()) else { return Ok(None) };
    let hex: String = sent.iter().map(|byte| format!("{byte:02x}")).collect();
    let text = format!(
        r#"steps = [
  {{ start = {{ program = "{role}" }} }},
  {{ connect = {{ peer = "other-half", to = "{role}" }} }},
  {{ send = {{ peer = "other-half", data = {{ hex = "{hex}" }} }} }},
  {{ receive = {{ peer = "other-half", at-least = 1, within = "2s" }} }},
]"#
    );
    let steps = toml::from_str::<BTreeMap<String, Vec<Step>>>(&text).map_err(|error| error.to_string())?;
    let scenario = Scenario { steps: steps.into_values().flatten().collect(), ..meeting.scenario.clone() };
    // A server may leave some datagrams unanswered, as the textbook's does.
    for seed in 1..=TRIES {
        match play(setup, &scenario, cast, seed).end {
            End::Played => return Ok(Some(true)),
            End::Harness(why) => return Err(why),
            End::Failed(_) | End::NotGradable(_) | End::Skipped(_) => {}
        }
    }
    Ok(Some(false))
}

/// All ways, the likeliest first; and the values that are none of the usual ones if no way leads anywhere.
fn ways(meeting: &Meeting, cast: &Cast, role: &str, form: &str) -> (Vec<Way>, BTreeSet<String>) {
    let mut plain = Vec::new();
    for port_80 in if meeting.at_port_80 { &[false, true][..] } else { &[false] } {
        for url_form in &meeting.urls {
            for framing in &meeting.framings {
                let (port_80, url_form, framing) = (*port_80, *url_form, Framing::from(*framing));
                plain.push(Way { port_80, url_form, framing, ..Way::default() });
            }
        }
    }
    let part = &cast.parts[role];
    let beside = |set: &dyn Fn(&mut Way)| {
        let mut ways = plain.clone();
        ways.iter_mut().for_each(set);
        ways
    };
    let mut all = match &part.command.documents {
        Some(folder) => served(folder).iter().flat_map(|it| beside(&|way| way.documents = Some(it.clone()))).collect(),
        None => plain.clone(),
    };
    // What is asked for at a prompt is no argument.
    let is_told_nothing = !part.command.takes_arguments() && part.command.stdin.is_empty();
    if is_told_nothing && !part.command.shell {
        let arguments = forms::beside_the_address(form, sources(&cast.root, &part.command).first().map_or("", |it| it));
        if !arguments.is_empty() {
            all.extend(beside(&|way| way.arguments = arguments.clone()));
        }
    }
    let mut unknown = BTreeSet::new();
    let texts = || texts(&cast.root, &part.command);
    for name in &meeting.learns {
        if cast.takes(role, name) || part.command.values.contains_key(name) {
            continue;
        }
        let texts = texts();
        for (text, _) in sorted_as_secrets(&texts).into_iter().take(MOST_TEXTS) {
            all.extend(beside(&|way| drop(way.values.insert(name.clone(), text.clone()))));
        }
        if !texts.iter().any(|(text, _)| part.values.get(name) == Some(text)) {
            unknown.insert(name.clone());
        }
    }
    if meeting.documents && part.command.documents.is_none() {
        for folder in folders(&cast.root.join(&part.command.cwd), &texts()).iter().take(MOST_FOLDERS) {
            for documents in served(folder) {
                all.extend(beside(&|way| way.documents = Some(documents.clone())));
            }
        }
    }
    (all, unknown)
}

/// A folder of documents, whose name is part of a URL or is not.
fn served(folder: &Path) -> [Documents; 2] {
    let documents = Documents { folder: folder.to_owned(), prefix: String::new() };
    let prefix = format!("/{}", folder.display());
    [documents.clone(), Documents { prefix, ..documents }]
}

fn findings(meeting: &Meeting, role: &str, way: &Way) -> Vec<String> {
    let mut found = Vec::new();
    match way.framing {
        // Where there is no choice, nothing was found out.
        _ if meeting.framings.len() == 1 => {}
        Framing::Line => {}
        Framing::Bare => {
            found.push(format!("the {role} takes what one read yields for a whole message, and wants no newline"));
        }
        Framing::End => found.push(format!("the {role} answers only when the client has ended its direction")),
    }
    if way.url_form == UrlForm::Path {
        found.push(format!(
            "the {role} takes GET /host/path, as in the textbook's exercise, and not the absolute form GET http://host/path \
             that a browser sends when it is told to use a proxy"
        ));
    }
    if way.port_80 {
        found.push(format!("the {role} connects to port 80, whatever port the URL names"));
    }
    // The value itself may be a secret.
    found.extend(way.values.keys().map(|name| format!("the {role} has a {name} of its own built in")));
    if let Some(documents) = &way.documents {
        let folder = documents.folder.display();
        found.push(match documents.prefix.as_str() {
            "" => format!("the {role} serves the files of its folder {folder}"),
            prefix => format!("the {role} serves the files of its folder {folder}, and only under {prefix}/"),
        });
    }
    found
}

/// What stands between quotation marks, with the line around it.
type Text = (String, String);

/// The texts in a program's sources.
fn texts(root: &Path, command: &Command) -> Vec<Text> {
    static QUOTED: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r#""((?:[^"\\\n]|\\.){1,64})"|'((?:[^'\\\n]|\\.){1,64})'"#).ok());
    let Some(quoted) = &*QUOTED else { return Vec::new() };
    let mut found: Vec<Text> = Vec::new();
    for source in sources(root, command) {
        for line in source.lines() {
            for text in quoted.captures_iter(line).filter_map(|it| it.get(1).or(it.get(2))) {
                if !found.iter().any(|(known, _)| known == text.as_str()) {
                    found.push((text.as_str().to_owned(), line.to_owned()));
                }
            }
        }
    }
    found
}

/// A program's sources: first the files that its command names, then the others beside them.
fn sources(root: &Path, command: &Command) -> Vec<String> {
    let home = root.join(&command.cwd);
    let mut files: Vec<PathBuf> = command.words.iter().map(|word| home.join(word)).collect();
    files.extend(discover::below(&home, DEEPEST));
    files.retain(|file| discover::is_code(file) && file.is_file());
    let read = |file: PathBuf| {
        let mut source = fs::read(file).unwrap_or_default();
        source.truncate(MOST_SOURCE);
        String::from_utf8_lossy(&source).into_owned()
    };
    files.into_iter().map(read).collect()
}

/// Texts that may be a secret: those whose line says so come first, and what is a sentence or a form is none.
fn sorted_as_secrets(texts: &[Text]) -> Vec<Text> {
    const WORDS: [&str; 12] =
        ["pass", "pwd", "secret", "key", "kennwort", "passwort", "contras", "clave", "senha", "parola", "mdp", "haslo"];
    let says = |line: &str| WORDS.iter().any(|word| line.to_lowercase().contains(word));
    let plain = |text: &str| !text.contains(['\\', '%', '{', '}', ' ']);
    let mut sorted: Vec<Text> = texts.iter().filter(|(text, line)| plain(text) || says(line)).cloned().collect();
    sorted.sort_by_key(|(text, line)| (!says(line), !plain(text)));
    sorted
}

/// Folders below a program's own in which documents may lie: those that are there, and those that it names.
fn folders(home: &Path, texts: &[Text]) -> Vec<PathBuf> {
    let named = |text: &str| {
        let name = text.trim_start_matches(['.', '/']).trim_end_matches('/');
        (!name.is_empty()).then(|| PathBuf::from(name))
    };
    let is_below = |path: &Path| path.components().all(|part| matches!(part, std::path::Component::Normal(_)));
    let mut found: Vec<PathBuf> = texts.iter().filter_map(|(text, _)| named(text)).collect();
    found.retain(|name| {
        is_below(name) && (home.join(name).is_dir() || USUAL_FOLDERS.iter().any(|usual| name == Path::new(usual)))
    });
    let pages = discover::below(home, DEEPEST).into_iter();
    for page in pages.filter(|file| file.extension().is_some_and(|it| it == "html" || it == "htm")) {
        let folder = page.parent().and_then(|folder| folder.strip_prefix(home).ok());
        found.extend(folder.filter(|name| !name.as_os_str().is_empty()).map(Path::to_owned));
    }
    let mut seen = BTreeSet::new();
    found.retain(|name| seen.insert(name.clone()));
    found
}

/// The folder outside of what was handed in that a program names as that of its documents: there are none in a run.
fn elsewhere(texts: &[Text]) -> Option<String> {
    const HOMES: [&str; 8] = ["/var/", "/srv/", "/home/", "/root/", "/Users/", "/usr/", "/opt/", "/mnt/"];
    let is_drive = |text: &str| text.get(1..3).is_some_and(|it| it == ":/" || it == ":\\");
    let names_it = |text: &str| HOMES.iter().any(|home| text.starts_with(home)) || is_drive(text);
    texts.iter().map(|(text, _)| text).find(|text| names_it(text) && !text.contains(char::is_whitespace)).cloned()
}

/// A framing that one half has of its own is the other half's, too, unless that one was seen to speak in plain text.
pub(super) fn share_private_framing(cast: &mut Cast) {
    if cast.parts.len() < 2 {
        return;
    }
    let mute = cast.parts.values().any(|part| part.meeting.mute);
    let private = cast.parts.iter().find_map(|(role, part)| {
        let by_suffix = mute && !part.meeting.suffix.is_empty();
        let ends = || {
            format!("the {role} ends a message with {}, and nothing else ends one", shown::quote(&part.meeting.suffix))
        };
        part.meeting.private.clone().or_else(|| by_suffix.then(ends))
    });
    if let Some(private) = private {
        for part in cast.parts.values_mut().filter(|part| !part.meeting.heard) {
            part.meeting.private = Some(private.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn command(words: &[&str]) -> Command {
        Command { words: words.iter().map(|word| (*word).to_owned()).collect(), ..Command::default() }
    }

    #[rstest]
    #[case::of_the_system("root = '/var/www/html'", Some("/var/www/html"))]
    #[case::of_its_author("#define ROOT \"/home/anna/www\"", Some("/home/anna/www"))]
    #[case::of_a_drive("root = \"C:/sites\"", Some("C:/sites"))]
    #[case::a_url_and_a_folder_of_its_own("a = '/index.html'; b = './www'; c = 'Content-Type: /var/ of text'", None)]
    fn documents_that_are_elsewhere(#[case] source: &str, #[case] folder: Option<&str>) {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("server.py"), source).unwrap();
        let texts = texts(home.path(), &command(&["server.py"]));
        assert_eq!(elsewhere(&texts).as_deref(), folder);
    }

    #[rstest]
    #[case("SECRET = \"x7\"\nprint(\"access denied\")\nhello = 'you'", &["x7", "you"])]
    #[case("if (strcmp(line, \"1234\") == 0) send(s, \"granted\\n\", 8, 0);", &["1234"])]
    #[case("char *passwort = \"drei Worte hier\";\nchar *other = \"two words\";", &["drei Worte hier"])]
    #[case("no text at all", &[])]
    fn texts_that_may_be_a_secret(#[case] source: &str, #[case] secrets: &[&str]) -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("server.py"), source)?;
        let texts = texts(folder.path(), &command(&["python3", "server.py"]));
        let found: Vec<String> = sorted_as_secrets(&texts).into_iter().map(|(text, _)| text).collect();
        assert_eq!(found, secrets);
        Ok(())
    }

    #[rstest]
    #[case(&["pages/index.html"], "x = 1", &["pages"])]
    #[case(&["notes/a.txt"], "root = './notes/'", &["notes"])]
    #[case(&["notes/a.txt"], "root = 'elsewhere'", &[])]
    #[case(&[], "root = './www'; up = '../www'", &["www"])]
    fn folders_that_may_hold_documents(
        #[case] files: &[&str],
        #[case] source: &str,
        #[case] folders_wanted: &[&str],
    ) -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        for file in files {
            let file = folder.path().join(file);
            fs::create_dir_all(file.parent().unwrap_or(folder.path()))?;
            fs::write(file, "x")?;
        }
        fs::write(folder.path().join("server.py"), source)?;
        let found = folders(folder.path(), &texts(folder.path(), &command(&["server.py"])));
        assert_eq!(found, folders_wanted.iter().map(PathBuf::from).collect::<Vec<_>>());
        Ok(())
    }
}
