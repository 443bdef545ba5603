//! The matrix as a page: Markdown, which also reads as plain text.

use super::matrix::{Disagreement, Interop, TaskMatrix};
use super::show::{SIGNS, at_fault, headline, number, owner, said, sign, situation_words};
use crate::report::escape;
use crate::report::markdown::{code, in_table, kit};

/// Renders the page. There are no wall-clock times in it.
pub fn render(interop: &Interop) -> String {
    let mut text = "# Every client with every server\n\n".to_owned();
    text.push_str(&format!(
        "Backend {}, seed {} · harness {}. R is the model answer, the control. This page gives no points: it says what \
         works together, and at whose side it is where something does not.\n",
        code(&interop.backend),
        interop.seed,
        code(&interop.harness)
    ));
    interop.tasks.iter().for_each(|task| of_task(&mut text, task));
    if !interop.left_out.is_empty() {
        text.push_str("\n## Not taken part\n\n");
        for out in &interop.left_out {
            text.push_str(&format!("- {}: {}\n", code(&out.name), code(out.why.lines().next().unwrap_or_default())));
        }
    }
    text
}

fn of_task(text: &mut String, task: &TaskMatrix) {
    text.push_str(&format!("\n## {}\n\n", headline(task)));
    text.push_str("Every pair plays\n\n");
    for situation in &task.scenarios {
        let id = code(&format!("{}/{}", task.id, situation.id));
        text.push_str(&format!("- {id}: {}\n", kit(&situation_words(situation))));
    }
    let heads: Vec<String> = task.servers.iter().map(|it| number(task, &it.name)).collect();
    text.push_str(&format!("\n| client \\ server | {} |\n|---|{}\n", heads.join(" | "), ":-:|".repeat(heads.len())));
    for name in &task.submissions {
        let cells: Vec<String> = task
            .servers
            .iter()
            .map(|server| task.pair(name, &server.name).map_or(" ".to_owned(), |pair| code(&sign(pair).to_string())))
            .collect();
        let label = format!("{} {}", number(task, name), in_table(&code(name)));
        text.push_str(&format!("| {label} | {} |\n", cells.join(" | ")));
    }
    text.push('\n');
    for (mark, meaning) in SIGNS {
        if mark == '.' || task.pairs.iter().any(|pair| sign(pair) == mark) {
            text.push_str(&format!("- {} {meaning}\n", code(&mark.to_string())));
        }
    }
    let sides = at_fault(task);
    if !sides.is_empty() {
        text.push_str("\n### Sides that do not work with the model answers\n\n");
        for side in sides {
            text.push_str(&format!(
                "- The {} of {}: {}\n",
                side.role,
                code(&owner(&side.player.name)),
                code(&side.words()),
            ));
            let control = side.control;
            for (what, words) in [("why", &control.reason), ("expected", &control.expected), ("came", &control.actual)]
            {
                if !words.is_empty() {
                    text.push_str(&format!("  - {what}: {}\n", code(words)));
                }
            }
        }
    }
    for (index, disagreement) in task.disagreements.iter().enumerate() {
        differ(text, index + 1, disagreement);
    }
}

fn differ(text: &mut String, number: usize, it: &Disagreement) {
    text.push_str(&format!("\n### Disagreement {number}: sound programs with two conventions\n\n"));
    let names = |names: &[String]| names.iter().map(|name| code(name)).collect::<Vec<_>>().join(", ");
    text.push_str(&format!("- clients {}: {}\n", names(&it.clients), code(&it.client_does)));
    text.push_str(&format!("- servers {}: {}\n", names(&it.servers), code(&it.server_does)));
    let Some([client, server]) = it.pairs.first() else { return };
    text.push_str("\n| who | direction | bytes |\n|---|---|---|\n");
    let spoken = [
        (format!("{client} with the model server"), &it.client_with_reference),
        (format!("the model client with {server}"), &it.server_with_reference),
        (format!("{client} with {server}"), &it.together),
    ];
    for (who, speech) in spoken {
        for (direction, line) in speech.iter().flat_map(said) {
            text.push_str(&format!("| {} | {direction} | {} |\n", in_table(&code(&who)), in_table(&code(&line))));
        }
    }
    text.push_str(&format!("\nSo: {}\n", code(&escape::line(&it.reason))));
}
