//! Which arguments a program may take: read from its usage text and from its source, and only ever tried, never
//! believed.

use std::sync::LazyLock;

use regex::Regex;

use super::cast::placeholders;

/// Argument forms that programs take, the commonest first.
const FORMS: [&str; 17] = [
    "{port}",
    "{host} {port}",
    "--port {port}",
    "-p {port}",
    "--host {host} --port {port}",
    "--ip {host} --port {port}",
    "-h {host} -p {port}",
    "-H {host} -p {port}",
    "--server {host} --port {port}",
    "--local-port {port}",
    "--lp {port}",
    "{port} {host}",
    "{host}:{port}",
    "0.0.0.0:{local-port} {host}:{port}",
    "{host}",
    ":{port}",
    "",
];

/// Forms with a number in them, tried where the source takes just as many arguments.
const COUNTED: [&str; 3] = ["{host}:{port} 10", "{host} {port} 10", "{port} 10"];

/// How a program is told to copy a file to an FTP server that stands in a URL (RFC 1738, section 3.2).
const COPIES: [&str; 4] = ["cp", "put", "upload", "store"];

/// What a placeholder is filled with where no task says it.
pub const USUAL: [(&str, &str); 7] = [
    ("name", "alice"),
    ("user", "anna"),
    ("password", "swordfish"),
    ("timeout", "5"),
    ("from", "anna@example.org"),
    ("to", "bert@example.net"),
    ("file", super::INPUT_FILE),
];

/// How often something is to be done, where a program wants to be told.
const COUNT: &str = "10";

/// What an argument is that is called like this.
fn meaning(word: &str) -> Option<&'static str> {
    if [".txt", ".eml", ".dat", ".bin"].iter().any(|ending| word.to_lowercase().ends_with(ending)) {
        return Some("{file}");
    }
    let word: String = word.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| word.contains(part));
    let is = |words: &[&str]| words.contains(&word.as_str());
    if has(&["localport", "listenport", "lport", "listeningport"]) {
        return Some("{local-port}");
    }
    if has(&["port", "puerto"]) || is(&["p"]) {
        return Some("{port}");
    }
    if has(&["timeout", "seconds", "wait"]) {
        return Some("{timeout}");
    }
    if has(&["passw", "pwd", "secret"]) {
        return Some("{password}");
    }
    if has(&["host", "addr", "server", "target", "remote", "dest"])
        || is(&["ip", "h", "a", "i", "s"])
        || word.ends_with("ip")
    {
        return Some("{host}");
    }
    if has(&["file", "path"]) {
        return Some("{file}");
    }
    if has(&["user", "name", "nick", "login"]) || is(&["u", "n"]) {
        return Some("{name}");
    }
    if has(&["from", "sender"]) {
        return Some("{from}");
    }
    if has(&["recipient", "receiver", "reciever"]) || is(&["to"]) {
        return Some("{to}");
    }
    is(&["count", "num", "number", "times", "pings", "packets"]).then_some(COUNT)
}

/// What a prompt asks for, as a placeholder. A prompt leaves its line open, or is a line that asks.
pub fn asked_for(said: &[u8]) -> Option<&'static str> {
    const ASKING: [&str; 8] = ["enter", "please", "type", "input", "give", "provide", "what", "which"];
    let text = String::from_utf8_lossy(said);
    let prompt = text.trim_end_matches(['\r', '\n']).lines().next_back()?;
    let asks = || {
        let says = |word: &str| ASKING.iter().any(|asking| word.eq_ignore_ascii_case(asking));
        prompt.trim_end().ends_with([':', '?']) || prompt.split(|c: char| !c.is_alphabetic()).any(says)
    };
    (!text.ends_with('\n') || asks()).then(|| meaning(prompt))?.filter(|means| means.starts_with('{'))
}

/// A word of a usage text.
struct Token {
    word: String,
    /// It stands in square brackets.
    optional: bool,
    /// It stands in angle brackets or is written in capitals: a value, and no word of its own.
    value: bool,
}

fn tokens(line: &str) -> Vec<Token> {
    let (mut all, mut depth, mut angle) = (Vec::new(), 0_i32, false);
    let mut word = String::new();
    let mut flush = |word: &mut String, depth: i32, angle: bool| {
        if !word.is_empty() {
            let letters: Vec<char> = word.chars().filter(|c| c.is_alphabetic()).collect();
            let capitals = !letters.is_empty() && letters.iter().all(|c| c.is_uppercase());
            all.push(Token { word: std::mem::take(word), optional: depth > 0, value: angle || capitals });
        }
    };
    for c in line.chars() {
        match c {
            '[' | ']' => {
                flush(&mut word, depth, angle);
                depth += if c == '[' { 1 } else { -1 };
            }
            '<' | '{' => {
                flush(&mut word, depth, angle);
                angle = true;
            }
            '>' | '}' => {
                flush(&mut word, depth, angle);
                angle = false;
            }
            ' ' | '\t' | '=' | ',' | '|' | '(' | ')' | '"' | '\'' if !angle => flush(&mut word, depth, angle),
            // One argument with a blank in its name.
            ' ' if angle => word.push('_'),
            c => word.push(c),
        }
    }
    flush(&mut word, depth, angle);
    all
}

/// The forms that one line of usage stands for: with what is optional, and without.
fn forms_of(line: &str) -> Vec<String> {
    let tokens = tokens(line);
    // The program itself: an interpreter perhaps, and a name.
    let starters = ["python", "python3", "python2", "java", "node", "go", "ruby", "perl", "run", "sudo", "$", "%", ">"];
    let mut rest = tokens.iter().skip_while(|token| starters.contains(&token.word.as_str())).skip(1).peekable();
    let (mut all, mut least) = (Vec::new(), Vec::new());
    let goes_on = tokens.iter().any(|token| ["target", "remote", "dest"].iter().any(|word| token.word.contains(word)));
    let own_address = |flag: &str| ["server", "bind", "listen", "local"].iter().any(|word| flag.contains(word));
    while let Some(token) = rest.next() {
        let mut add = |words: String, optional: bool| {
            all.push(words.clone());
            if !optional {
                least.push(words);
            }
        };
        if token.word.starts_with('-') {
            let flag = token.word.trim_start_matches('-');
            let value = rest.next_if(|next| next.value && next.optional == token.optional);
            let Some(value) = value else { continue };
            let means = meaning(flag).filter(|_| flag.len() > 1).or_else(|| meaning(&value.word));
            match means.or_else(|| meaning(flag)) {
                // Its own address, beside the one that it goes to.
                Some("{host}") if goes_on && own_address(flag) => {
                    add(format!("{} 0.0.0.0", token.word), token.optional)
                }
                Some(means) => add(format!("{} {means}", token.word), token.optional),
                None if token.optional => {}
                None => return Vec::new(),
            }
        } else {
            match meaning(&token.word) {
                Some(means) => add(means.to_owned(), token.optional),
                // The rest is a sentence, or an option by another name.
                None if token.optional || !token.value => {}
                None => return Vec::new(),
            }
        }
    }
    // One relay names both: where it listens, and where it goes.
    let mut forms: Vec<String> = [all.join(" "), least.join(" ")].into_iter().filter(|form| !form.is_empty()).collect();
    forms.dedup();
    forms.retain(|form| {
        let mut named = placeholders(form);
        let before = named.len();
        named.sort_unstable();
        named.dedup();
        named.len() == before
    });
    forms
}

/// Forms that the program's own usage text suggests, to be tried before the usual ones.
pub fn from_usage(said: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(said);
    let mut forms = Vec::new();
    let lines: Vec<&str> = text.lines().collect();
    for (index, line) in lines.iter().enumerate() {
        let low = line.to_lowercase();
        let words = ["usage", "uso", "syntax", "用法", "使い方"];
        // Letters that take more room in the other case would move the place.
        let Some(usage) = words.iter().find_map(|word| line.get(low.find(word)? + word.len()..)) else { continue };
        // A remark in brackets, and what stands behind it, is no argument; nor is what a shell is told: < FILE.
        let usage = usage.split('(').next().unwrap_or_default();
        let usage =
            usage.rsplit_once(" < ").filter(|(_, file)| !file.contains('>')).map_or(usage, |(before, _)| before);
        // Wrapped lines are indented (argparse), or the whole stands on the next line.
        let mut whole = usage.trim_start_matches([':', ' ', '：']).to_owned();
        for next in &lines[index + 1..] {
            if !next.starts_with([' ', '\t']) || next.trim_start().starts_with("-h,") || next.trim().is_empty() {
                break;
            }
            whole.push(' ');
            whole.push_str(next.trim());
        }
        forms.extend(forms_of(&whole));
    }
    let flag = |names: &[&str]| {
        let is_there = |name: &&&str| {
            text.match_indices(**name).any(|(at, _)| {
                let after = text[at + name.len()..].chars().next();
                let before = text[..at].chars().next_back();
                after.is_none_or(|c| !c.is_alphanumeric() && c != '-')
                    && before.is_none_or(|c| !c.is_alphanumeric() && c != '-')
            })
        };
        names.iter().find(is_there).map(|name| (*name).to_owned())
    };
    let port = flag(&["--port", "--local-port", "--lp", "-port", "-p"]);
    let host = flag(&["--ip", "--host", "--server", "--address", "-ip", "-host", "-H", "-h"]);
    if let Some(port) = &port {
        if let Some(host) = &host {
            forms.push(format!("{host} {{host}} {port} {{port}}"));
        }
        forms.push(format!("{port} {{port}}"));
    }
    let mut once: Vec<String> = Vec::new();
    forms.retain(|form| {
        !once.contains(form) && {
            once.push(form.clone());
            true
        }
    });
    forms
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern of our own")
}

/// Highest place of an argument that a program looks at, by language: the pattern, and what is added to the number.
static PLACES: LazyLock<Vec<(Regex, i64)>> = LazyLock::new(|| {
    vec![
        (pattern(r"\bsys\.argv\[(\d)\]"), 0),
        (pattern(r"\bargv\[(\d)\]"), 0),
        (pattern(r"\bos\.Args\[(\d)\]"), 0),
        (pattern(r"\bprocess\.argv\[(\d)\]"), -1),
        (pattern(r"\bargs\[(\d)\]"), 1),
        (pattern(r"\bARGV\[(\d)\]"), 1),
    ]
});

/// Numbers of arguments that a program insists on.
static COUNTS: LazyLock<Vec<(Regex, i64)>> = LazyLock::new(|| {
    vec![
        (pattern(r"len\(\s*(?:sys\.)?argv\s*\)\s*(?:!=|<|==)\s*(\d)"), -1),
        (pattern(r"len\(\s*os\.Args\s*\)\s*(?:!=|<|==)\s*(\d)"), -1),
        (pattern(r"\bargc\s*(?:!=|<|==)\s*(\d)"), -1),
        (pattern(r"\bargs\.length\s*(?:!=|<|==)\s*(\d)"), 0),
        (pattern(r"\bprocess\.argv\.length\s*(?:!=+|<|==+)\s*(\d)"), -2),
    ]
});

/// Signs that options are read by a library, whatever the places of the arguments.
static OPTIONS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"argparse|optparse|getopt|\bclick\b|\bflag\.|commander|yargs|\bclap\b|structopt"));

static GETOPT: LazyLock<Regex> = LazyLock::new(|| pattern(r#"getopt\w*\s*\([^"']*["']:?([a-zA-Z:]+)["']"#));

/// A usage text in a source: to the end of the literal or of the line.
static USAGE: LazyLock<Regex> = LazyLock::new(|| pattern(r#"(?i)(?:usage|uso|syntax)\s*:[^"\\\n]*"#));

/// Names of options: Python's argparse, Go's flag.
static ADDED: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"(?:add_argument|add_option)\(\s*((?:["'][\w-]+["']\s*,?\s*)+)([^)]*)"#));
static QUOTED: LazyLock<Regex> = LazyLock::new(|| pattern(r#"["']([\w-]+)["']"#));
static FLAG: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"flag\.(?:Int|String|Uint|Duration)\w*\((?:\s*&\w+\s*,)?\s*"([\w-]+)""#));

/// Forms that the options in a source add up to. `asked` are the placeholders of the roles that are asked for: what has a
/// value of its own, and is none of these, is better left at that.
fn options_of(source: &str, asked: &[&str]) -> Vec<String> {
    let mut words = Vec::new();
    for found in ADDED.captures_iter(source) {
        if found[2].contains("store_true") || found[2].contains("store_false") {
            continue;
        }
        let needed = |means: &&str| {
            let is_asked = placeholders(means).iter().any(|name| asked.contains(name));
            is_asked || !found[2].contains("default")
        };
        let names: Vec<&str> =
            QUOTED.captures_iter(&found[1]).filter_map(|name| name.get(1)).map(|it| it.as_str()).collect();
        let Some(name) = names.iter().max_by_key(|name| name.len()) else { continue };
        match (name.starts_with('-'), meaning(name.trim_start_matches('-')).filter(needed)) {
            (true, Some(means)) => words.push(format!("{name} {means}")),
            (false, Some(means)) => words.push(means.to_owned()),
            _ => {}
        }
    }
    let mut forms = vec![words.join(" ")];
    let flags = FLAG.captures_iter(source).filter_map(|found| Some(format!("-{} {}", &found[1], meaning(&found[1])?)));
    forms.push(flags.collect::<Vec<_>>().join(" "));
    if let Some(letters) = GETOPT.captures(source) {
        let letters: Vec<char> = letters[1].chars().collect();
        let with_value = letters.windows(2).filter(|pair| pair[1] == ':' && pair[0] != ':').map(|pair| pair[0]);
        let options =
            with_value.filter_map(|letter| Some(format!("-{letter} {}", meaning(&letter.to_lowercase().to_string())?)));
        forms.push(options.collect::<Vec<_>>().join(" "));
    }
    forms.retain(|form| !form.is_empty());
    forms
}

/// What a source says about its arguments.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// How many arguments it looks at, where they go by their places.
    pub places: Option<usize>,
    /// Forms that its usage text says, or that its options add up to.
    pub options: Vec<String>,
}

/// Reads a source.
pub fn from_source(source: &str, asked: &[&str]) -> Hints {
    let most = |patterns: &[(Regex, i64)]| {
        let all = patterns.iter().flat_map(|(pattern, more)| {
            pattern.captures_iter(source).filter_map(move |found| Some(found[1].parse::<i64>().ok()? + more))
        });
        all.max().and_then(|most| usize::try_from(most).ok())
    };
    let mut options: Vec<String> = Vec::new();
    for form in USAGE.find_iter(source).flat_map(|usage| from_usage(usage.as_str().as_bytes())) {
        if !options.contains(&form) {
            options.push(form);
        }
    }
    if OPTIONS.is_match(source) {
        options.extend(options_of(source, asked));
        return Hints { places: None, options };
    }
    let places = most(&PLACES).into_iter().chain(most(&COUNTS)).max();
    let takes_any = ["argv", "os.Args", "args", "ARGV", "$1"].iter().any(|word| source.contains(word));
    Hints { places: places.or((!takes_any).then_some(0)), options }
}

/// A task's form with fewer arguments, where a program has the others built in: the last one is what it works on.
fn shortened(form: &str, places: usize) -> Vec<String> {
    let words: Vec<&str> = form.split_whitespace().collect();
    let Some((last, before)) = words.split_last() else { return Vec::new() };
    if places == 0 || places > before.len() || words.len() < 4 {
        return Vec::new();
    }
    let without_port: Vec<&str> = words.iter().copied().filter(|word| *word != "{port}").collect();
    let kept = [[&before[..places - 1], &[*last]].concat(), without_port, words[words.len() - places..].to_vec()];
    let mut found: Vec<String> =
        kept.into_iter().filter(|words| words.len() == places).map(|words| words.join(" ")).collect();
    found.dedup();
    found
}

/// What a program may be told whose address is built in: as many of its role's arguments as its source looks at, the last
/// ones, and none of the address.
pub fn beside_the_address(form: &str, source: &str) -> Vec<String> {
    let is_of_it = |word: &&str| ["{host}", "{port}", "{local-port}"].contains(word);
    let words: Vec<&str> = form.split_whitespace().filter(|word| !is_of_it(word)).collect();
    let places = from_source(source, &[]).places.unwrap_or(0);
    words.iter().skip(words.len().saturating_sub(places)).map(|word| (*word).to_owned()).collect()
}

/// Forms with a URL, for a source that takes one apart.
fn copies(source: &str) -> Vec<String> {
    let knows = ["ftp://", "urlparse", "urlsplit", "java.net.URI", "java.net.URL", "url.Parse"];
    if !knows.iter().any(|word| source.contains(word)) {
        return Vec::new();
    }
    let is_told = |verb: &&str| [format!("\"{verb}\""), format!("'{verb}'")].iter().any(|word| source.contains(word));
    let url = "ftp://{user}:{password}@{host}:{port}/{file}";
    COPIES.into_iter().filter(is_told).map(|verb| format!("{verb} {{file}} {url}")).collect()
}

/// The forms to be tried, in order. `own` are those of the roles that are asked for; asked for one task alone (`first`),
/// they come before all others.
pub fn queue(own: &[String], first: bool, source: Option<&str>) -> Vec<String> {
    let named = own.iter().flat_map(|form| placeholders(form));
    let asked: Vec<&str> = named.chain(["host", "port", "local-port"]).collect();
    let hints = source.map(|source| from_source(source, &asked)).unwrap_or_default();
    let mut all: Vec<String> = FORMS.iter().map(|form| (*form).to_owned()).collect();
    let end = all.len() - 1;
    for form in own.iter().rev() {
        if !all.contains(form) {
            all.insert(if first { 0 } else { end.min(all.len() - 1) }, form.clone());
        }
    }
    if first {
        // A form that is among the usual ones as well is the first of them.
        let rank = |form: &String| own.iter().position(|own| own == form).unwrap_or(own.len());
        all.sort_by_key(rank);
    }
    if let Some(places) = hints.places {
        let given = |form: &String| form.split_whitespace().count();
        let fits = |form: &String| given(form) == places && !form.starts_with('-');
        all.extend(COUNTED.iter().map(|form| (*form).to_owned()).filter(fits));
        if first {
            all.extend(own.iter().flat_map(|form| shortened(form, places)));
        }
        all.sort_by_key(|form| !fits(form));
    }
    let copies = own.iter().filter(|form| form.contains("{file}")).flat_map(|_| source.map(copies).unwrap_or_default());
    for form in copies.chain(hints.options).collect::<Vec<_>>().into_iter().rev() {
        all.retain(|known| *known != form);
        all.insert(0, form);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("Name: ", Some("{name}"))]
    #[case("port? ", Some("{port}"))]
    #[case("Welcome\nPlease enter your user name\n", Some("{name}"))]
    #[case("Server address:\r\n", Some("{host}"))]
    #[case("What is the port of the server?\n", Some("{port}"))]
    #[case("The server is up\n", None)]
    #[case("Enter anything\n", None)]
    #[case("", None)]
    fn prompts_and_what_they_ask_for(#[case] said: &str, #[case] asked: Option<&str>) {
        assert_eq!(asked_for(said.as_bytes()), asked);
    }

    #[rstest]
    #[case("usage: server --port PORT", &["--port {port}"])]
    #[case("usage: client --ip IP --port PORT", &["--ip {host} --port {port}", "--port {port}"])]
    #[case("usage: prog [-h] -p PORT", &["-p {port}", "-h {host} -p {port}"])]
    #[case("Usage: python3 client.py <server_ip> <port> <username>", &["{host} {port} {name}"])]
    #[case("usage: wait.py [-h] [--timeout SECONDS] host port", &["--timeout {timeout} {host} {port}", "{host} {port}"])]
    #[case("usage: python3 client.py HOST PORT NAME   (PORT is 1 to 65535)", &["{host} {port} {name}"])]
    #[case("usage: mail.py HOST PORT FROM TO < FILE", &["{host} {port} {from} {to}"])]
    #[case("usage: ask < host > < port >", &["{host} {port}"])]
    #[case("Usage: send.py <server> <port> <username> <password> <sender> <reciever> <message.txt>", &["{host} {port} {name} {password} {from} {to} {file}"])]
    #[case("Usage: ./forward LOCAL_PORT HOST PORT", &["{local-port} {host} {port}"])]
    #[case(
        "usage: f.py [-h] --lport LPORT --dport DPORT --target TARGET\n            --server SERVER\n\noptions:",
        &["--lport {local-port} --dport {port} --target {host} --server 0.0.0.0"]
    )]
    #[case("usage: PingClient host port [count]", &["{host} {port} 10", "{host} {port}"])]
    #[case("Uso: java Cliente <host> <puerto>", &["{host} {port}"])]
    #[case("usage: x.py [-h] [--ip IP]\n            [--port PORT]\nx.py: error", &["--ip {host} --port {port}", "--port {port}"])]
    #[case("what?", &[])]
    fn reads_usage(#[case] said: &str, #[case] forms: &[&str]) {
        assert_eq!(from_usage(said.as_bytes()), forms);
    }

    #[rstest]
    #[case("host = sys.argv[1]\nport = int(sys.argv[2])", Some(2), &[])]
    #[case("if (argc != 2) exit(1);", Some(1), &[])]
    #[case("int port = Integer.parseInt(args[1]);", Some(2), &[])]
    #[case("port = int(input('port? '))", Some(0), &[])]
    #[case("import argparse\np.add_argument('-p', '--port', type=int)\np.add_argument('--ip')", None, &["--port {port} --ip {host}"])]
    #[case("import argparse\np.add_argument('--timeout', default=1)\np.add_argument('-c', '--count', default=10)", None, &["--timeout {timeout}"])]
    #[case("import argparse\np.add_argument('ip', default=IP)\np.add_argument('--user')", None, &["{host} --user {name}"])]
    #[case("while ((c = getopt(argc, argv, \"p:h:v\")) != -1)", None, &["-p {port} -h {host}"])]
    #[case("if (argc != 3) { fprintf(stderr, \"usage: %s <user> <password>\\n\", argv[0]); }", Some(2), &["{name} {password}"])]
    #[case("print(f'{why}\\nusage: mail.py HOST PORT FROM TO < FILE')", Some(0), &["{host} {port} {from} {to}"])]
    #[case("port := flag.Int(\"port\", 8080, \"\")", None, &["-port {port}"])]
    fn reads_a_source(#[case] source: &str, #[case] places: Option<usize>, #[case] options: &[&str]) {
        let options = options.iter().map(|form| (*form).to_owned()).collect();
        assert_eq!(from_source(source, &["host", "port", "timeout"]), Hints { places, options });
    }

    #[rstest]
    #[case("host, port = sys.argv[1].split(':'); count = int(sys.argv[2])", true)]
    #[case("connect((sys.argv[1], int(sys.argv[2]), sys.argv[3]))", false)]
    fn a_number_is_given_where_it_fits(#[case] source: &str, #[case] is_tried: bool) {
        let queue = queue(&[], false, Some(source));
        assert_eq!(queue.iter().any(|form| form == "{host}:{port} 10"), is_tried);
    }

    #[rstest]
    #[case::the_last("{host} {port} {user} {password} {file}", "open(sys.argv[1])", &["{file}"])]
    #[case::more_than_there_are("{host} {port} {name}", "argv[4]", &["{name}"])]
    #[case::takes_none("{host} {port} {file}", "open('a')", &[])]
    #[case::an_address_only("{local-port} {host} {port}", "sys.argv[1]", &[])]
    fn what_is_told_beside_the_address(#[case] form: &str, #[case] source: &str, #[case] expected: &[&str]) {
        assert_eq!(beside_the_address(form, source), expected);
    }

    #[rstest]
    #[case("{host} {port} {user} {password} {file}", 1, &["{file}"])]
    #[case("{host} {port} {user} {password} {file}", 3, &["{host} {port} {file}", "{user} {password} {file}"])]
    #[case(
        "{host} {port} {user} {password} {file}",
        4,
        &["{host} {port} {user} {file}", "{host} {user} {password} {file}", "{port} {user} {password} {file}"]
    )]
    #[case("{host} {port}", 1, &[])]
    #[case("{host} {port} {from} {to}", 4, &[])]
    fn a_form_is_shortened(#[case] form: &str, #[case] places: usize, #[case] expected: &[&str]) {
        assert_eq!(shortened(form, places), expected);
    }

    #[rstest]
    #[case("if verb == 'cp': parsed = urllib.parse.urlparse(url)", &["cp {file} ftp://{user}:{password}@{host}:{port}/{file}"])]
    #[case("case \"put\": ftp.put(host)", &[])]
    fn a_url_is_given_to_who_takes_one(#[case] source: &str, #[case] expected: &[&str]) {
        assert_eq!(copies(source), expected);
    }

    #[rstest]
    #[case::asked_for_alone(&["{local-port} {host} {port}"], true, None, "{local-port} {host} {port}")]
    #[case::among_many(&["{local-port} {host} {port}"], false, None, "{port}")]
    #[case::two_places(&[], false, Some("connect((sys.argv[1], int(sys.argv[2])))"), "{host} {port}")]
    #[case::no_arguments(&[], false, Some("bind(('', 12000))"), "")]
    fn the_likeliest_is_tried_first(
        #[case] own: &[&str],
        #[case] first: bool,
        #[case] source: Option<&str>,
        #[case] form: &str,
    ) {
        let own: Vec<String> = own.iter().map(|form| (*form).to_owned()).collect();
        let queue = queue(&own, first, source);
        assert_eq!(queue[0], form);
        assert!(FORMS.iter().all(|form| queue.iter().any(|queued| queued == form)));
    }
}
