//! The matrix for people, on a terminal: a table of signs, then at whose side what fails is.

use harness_judging::shown::counted;

use super::REFERENCE;
use super::blame::{Fault, Outcome};
use super::matrix::{Disagreement, Interop, Pair, Player, Situation, TaskMatrix};
use super::speech::{Direction, Speech};
use crate::report::escape;
use crate::report::style::{Paint, Style, columns, cut, hang, pad};

/// Widest column of names, in columns of the terminal.
const WIDEST_NAME: usize = 24;

/// Names that are listed in a sentence before the rest is counted.
const LISTED: usize = 8;

/// The sign of a pair.
pub fn sign(pair: &Pair) -> char {
    match (pair.status, pair.fault) {
        (Outcome::Ok, _) => '.',
        (Outcome::NotStarted, _) => '-',
        (Outcome::Undecided, _) => '?',
        (Outcome::Fail, Some(Fault::Client)) => 'C',
        (Outcome::Fail, Some(Fault::Server)) => 'S',
        (Outcome::Fail, Some(Fault::Both)) => 'B',
        (Outcome::Fail, Some(Fault::Convention)) => '#',
        (Outcome::Fail, Some(Fault::Unknown) | None) => 'x',
    }
}

/// The signs with their meaning, in the order in which they are explained.
pub const SIGNS: [(char, &str); 8] = [
    ('.', "works"),
    ('C', "the client's fault: it fails with the model server, too"),
    ('S', "the server's fault: it fails with the model client, too"),
    ('B', "both fail with the model answers"),
    ('#', "nobody's fault: each works with the model answer, and not with the other"),
    ('x', "fails; the control does not say at whose side it is"),
    ('-', "could not be started"),
    ('?', "undecided"),
];

/// Renders all of it.
pub fn render(interop: &Interop, style: Style) -> String {
    let mut text = String::new();
    for task in &interop.tasks {
        text.push_str(&of_task(task, style));
    }
    if !interop.left_out.is_empty() {
        text.push_str(&style.paint(Paint::Strong, "Not taken part\n"));
        for out in &interop.left_out {
            let why = out.why.lines().next().unwrap_or_default();
            hung(&mut text, &format!("  {}: ", escape::line(&out.name)), &escape::line(why), style);
        }
        text.push('\n');
    }
    text.push_str(&format!("{}, seed {} · harness {}\n", interop.backend, interop.seed, interop.harness));
    text
}

/// What happens in a scenario, and what reasons call the client in it.
pub fn situation_words(situation: &Situation) -> String {
    let called = match situation.client_is_called.as_slice() {
        [] => String::new(),
        names => format!(" (in reasons the client is called {})", names.join(", ")),
    };
    format!("{}{called}", escape::line(&situation.title))
}

fn hung(text: &mut String, prefix: &str, words: &str, style: Style) {
    for line in hang(prefix, words, style.columns()) {
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

/// The first line of a task, without colour.
pub fn headline(task: &TaskMatrix) -> String {
    let all = task.of_submissions().count();
    let works = task.count(Outcome::Ok);
    let pairs = match (works, all) {
        (_, 0) => "no pair of two submissions".to_owned(),
        (works, all) if works == all => format!("all {} work", counted(all, "pair")),
        (works, all) => format!("{works} of {} work", counted(all, "pair")),
    };
    format!("{}: {pairs}", task.id)
}

fn of_task(task: &TaskMatrix, style: Style) -> String {
    let mut text = style.paint(Paint::Strong, &headline(task)) + "\n";
    let clients = task.clients.len().saturating_sub(1);
    let servers = task.servers.len().saturating_sub(1);
    hung(
        &mut text,
        "  ",
        &format!(
            "{} of submissions with {}, and each with the model answer as the control",
            counted(clients, "client"),
            counted(servers, "server"),
        ),
        style,
    );
    for situation in &task.scenarios {
        hung(&mut text, &format!("  plays {}: ", situation.id), &situation_words(situation), style);
    }
    text.push('\n');
    table(&mut text, task, style);
    legend(&mut text, task, style);
    sides(&mut text, task, style);
    for (index, disagreement) in task.disagreements.iter().enumerate() {
        differ(&mut text, index + 1, disagreement, style);
    }
    text
}

/// Rows are clients and columns servers, by number; as many columns as fit, then the same rows again with the next ones.
fn table(text: &mut String, task: &TaskMatrix, style: Style) {
    let digits = task.submissions.len().saturating_sub(1).max(1).to_string().len();
    let label = |name: &str| format!("{:>digits$} {}", number(task, name), escape::line(name));
    let named = task.submissions.iter().map(|name| columns(&label(name)).min(WIDEST_NAME)).max().unwrap_or(0).max(6);
    let cell = digits + 1;
    let per_block = (style.columns().saturating_sub(4 + named) / cell).max(1);
    for block in task.servers.chunks(per_block) {
        text.push_str(&format!("  {}  {}\n", pad("client", named), style.paint(Paint::Quiet, "with the server of")));
        text.push_str(&format!("  {:named$} ", ""));
        block.iter().for_each(|server| text.push_str(&format!("{:>cell$}", number(task, &server.name))));
        text.push('\n');
        for name in &task.submissions {
            text.push_str(&format!("  {} ", pad(&cut(&label(name), named), named)));
            if !task.clients.iter().any(|client| &client.name == name) {
                text.push_str(&format!("{:blanks$}{}", "", style.paint(Paint::Quiet, "no client"), blanks = cell - 1));
                text.push('\n');
                continue;
            }
            for server in block {
                let found = task.pair(name, &server.name).map_or(' ', sign);
                let paint = match found {
                    '.' => Paint::Good,
                    '#' | '-' | '?' | 'x' => Paint::Caution,
                    _ => Paint::Bad,
                };
                text.push_str(&format!("{:blanks$}{}", "", style.paint(paint, &found.to_string()), blanks = cell - 1));
            }
            text.push('\n');
        }
        text.push('\n');
    }
}

/// What stands for a name in the heads of columns: `R` for the model answers.
pub fn number(task: &TaskMatrix, name: &str) -> String {
    match task.submissions.iter().position(|it| it == name) {
        None | Some(0) => "R".to_owned(),
        Some(number) => number.to_string(),
    }
}

fn legend(text: &mut String, task: &TaskMatrix, style: Style) {
    for (mark, meaning) in SIGNS {
        if mark == '.' || task.pairs.iter().any(|pair| sign(pair) == mark) {
            hung(text, &format!("  {mark}  "), meaning, style);
        }
    }
    hung(text, "  R  ", "the model answers", style);
    text.push('\n');
}

/// Each side that does not work with the model answer, once, with its reason.
pub struct Side<'m> {
    /// `client` or `server`.
    pub role: &'static str,
    /// It.
    pub player: &'m Player,
    /// Its control.
    pub control: &'m Pair,
    /// Pairs of submissions in which it takes part and that do not work, and all.
    pub fails: (usize, usize),
}

/// The sides whose control does not work, clients first.
pub fn at_fault(task: &TaskMatrix) -> Vec<Side<'_>> {
    let mut found = Vec::new();
    let both = [("client", &task.clients), ("server", &task.servers)];
    for (role, players) in both {
        for player in players.iter().filter(|it| it.with_reference != Outcome::Ok) {
            let (client, server) = match role {
                "client" => (player.name.as_str(), REFERENCE),
                _ => (REFERENCE, player.name.as_str()),
            };
            let Some(control) = task.pair(client, server) else { continue };
            let of =
                |pair: &&Pair| if role == "client" { pair.client == player.name } else { pair.server == player.name };
            let mine: Vec<&Pair> = task.of_submissions().filter(of).collect();
            let failed = mine.iter().filter(|pair| pair.status != Outcome::Ok).count();
            found.push(Side { role, player, control, fails: (failed, mine.len()) });
        }
    }
    found
}

impl Side<'_> {
    /// What is said of it, without its name.
    pub fn words(&self) -> String {
        let other = if self.role == "client" { "server" } else { "client" };
        let how = match self.player.with_reference {
            Outcome::NotStarted => "could not be started".to_owned(),
            Outcome::Undecided => format!("is undecided with the model {other}"),
            _ => format!(
                "fails with the model {other}, and in {} of its {}",
                self.fails.0,
                counted(self.fails.1, "pair")
            ),
        };
        let own = match (&self.player.own_language, self.player.with_own) {
            (Some(why), _) => format!(". It speaks only to its own other half: {why}"),
            (None, Some(Outcome::Ok)) if self.player.with_reference == Outcome::Fail => {
                format!(". It works with its own {other}: a convention of its own, or the same mistake on both sides")
            }
            _ => String::new(),
        };
        format!("{how}{own}")
    }
}

fn sides(text: &mut String, task: &TaskMatrix, style: Style) {
    let found = at_fault(task);
    if found.is_empty() {
        return;
    }
    text.push_str(&style.paint(Paint::Strong, "Sides that do not work with the model answers"));
    text.push('\n');
    for side in found {
        hung(text, &format!("  {}'s {} ", owner(&side.player.name), side.role), &escape::line(&side.words()), style);
        let Pair { reason, expected, actual, .. } = side.control;
        for (what, words) in [("why", reason), ("expected", expected), ("came", actual)] {
            if !words.is_empty() {
                hung(text, &format!("      {what:<8}  "), &escape::line(words), style);
            }
        }
    }
    text.push('\n');
}

/// Whose a program is, in words.
pub fn owner(name: &str) -> String {
    if name == REFERENCE { "the model".to_owned() } else { escape::line(name) }
}

/// Names in a sentence; many are counted.
pub fn listed(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(LISTED).map(|name| escape::line(name)).collect();
    match names.len().saturating_sub(LISTED) {
        0 => shown.join(", "),
        more => format!("{} and {}", shown.join(", "), counted(more, "more")),
    }
}

fn differ(text: &mut String, number: usize, it: &Disagreement, style: Style) {
    let title = format!("Disagreement {number}: {} of sound programs", counted(it.pairs.len(), "pair"));
    text.push_str(&style.paint(Paint::Strong, &title));
    text.push('\n');
    hung(text, "  clients  ", &format!("{}: {}", listed(&it.clients), escape::line(&it.client_does)), style);
    hung(text, "  servers  ", &format!("{}: {}", listed(&it.servers), escape::line(&it.server_does)), style);
    let Some([client, server]) = it.pairs.first() else { return };
    let (client, server) = (escape::line(client), escape::line(server));
    let spoken = [
        (format!("{client} with the model server"), &it.client_with_reference),
        (format!("the model client with {server}"), &it.server_with_reference),
        (format!("{client} with {server}"), &it.together),
    ];
    for (who, speech) in spoken {
        if let Some(speech) = speech {
            text.push_str(&format!("  {who}\n"));
            for (arrow, line) in said(speech) {
                hung(text, &format!("    {arrow}  "), &line, style);
            }
        }
    }
    hung(text, "  so       ", &escape::line(&it.reason), style);
    text.push('\n');
}

/// What is said in both directions, a line each.
pub fn said(speech: &Speech) -> [(&'static str, String); 2] {
    [
        ("to server", spoken(&speech.there, "ends its direction (FIN)")),
        ("to client", spoken(&speech.back, "closes (FIN)")),
    ]
}

fn spoken(direction: &Direction, ends: &str) -> String {
    let end = match (direction.datagrams, direction.ended) {
        (true, _) => "",
        (false, true) => ends,
        (false, false) => "the connection stays open",
    };
    let what = match direction.length {
        0 => "nothing".to_owned(),
        length => format!("{} ({})", direction.text, counted(length, "byte")),
    };
    if end.is_empty() { what } else { format!("{what}, then {end}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interop::matrix::Player;

    /// A class in which each client works with the servers of smaller number.
    fn class(size: usize) -> TaskMatrix {
        let names: Vec<String> = std::iter::once(REFERENCE.to_owned())
            .chain((1..=size).map(|number| format!("student number {number} with a long name")))
            .collect();
        let player = |name: &String| Player {
            name: name.clone(),
            with_reference: Outcome::Ok,
            with_own: None,
            own_language: None,
            findings: Vec::new(),
        };
        let pair = |client: usize, server: usize| Pair {
            client: names[client].clone(),
            server: names[server].clone(),
            status: if client >= server { Outcome::Ok } else { Outcome::Fail },
            fault: (client < server).then_some(Fault::Convention),
            scenario: String::new(),
            expected: String::new(),
            actual: String::new(),
            reason: String::new(),
            virtual_ms: 0,
        };
        let all = 0..names.len();
        TaskMatrix {
            id: "message".to_owned(),
            title: String::new(),
            scenarios: Vec::new(),
            clients: names.iter().map(player).collect(),
            servers: names.iter().map(player).collect(),
            pairs: all
                .clone()
                .flat_map(|client| all.clone().map(move |server| (client, server)))
                .map(|(c, s)| pair(c, s))
                .collect(),
            disagreements: Vec::new(),
            submissions: names,
        }
    }

    #[test]
    fn a_large_class_keeps_to_the_page_and_loses_nobody() {
        let style = Style { color: false, width: 80 };
        let task = class(40);
        let text = of_task(&task, style);
        assert!(text.lines().all(|line| columns(line) <= 80), "{text}");
        let heads: Vec<&str> = text.lines().filter(|line| line.trim_start().starts_with(['R', '1', '3'])).collect();
        for number in ["1", "17", "18", "40"] {
            assert!(heads.iter().any(|line| line.split_whitespace().any(|word| word == number)), "{number}: {text}");
        }
        let signs = |wanted: char| {
            let rows = text.lines().filter(|line| line.contains("student number") || line.contains(REFERENCE));
            rows.map(|line| line.split_whitespace().filter(|word| *word == wanted.to_string()).count()).sum::<usize>()
        };
        assert_eq!((signs('.'), signs('#')), (41 * 42 / 2, 41 * 40 / 2), "{text}");
    }

    #[test]
    fn a_name_cannot_act() {
        let mut task = class(1);
        let hostile = "x\n::error::\u{1b}[2J\u{202e}".to_owned();
        task.submissions[1].clone_from(&hostile);
        task.clients[1].name.clone_from(&hostile);
        task.servers[1].name.clone_from(&hostile);
        let text = of_task(&task, Style { color: false, width: 80 });
        assert!(!text.contains(|c: char| c != '\n' && escape::acts(c)), "{text}");
        assert!(!text.lines().any(|line| line.starts_with("::")), "{text}");
    }
}
