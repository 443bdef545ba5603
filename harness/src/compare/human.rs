//! Differences as people read them.

use harness_judging::shown::counted;

use super::classes::Gain;
use super::{Direction, Found, Otherwise, classes, reports};
use crate::report::escape;
use crate::report::style::cut;
use crate::report::summary::{self, points};

/// Columns of a reason.
const REASON: usize = 96;

/// Names in a line.
const NAMES: usize = 12;

const SAME: &str = "nothing changed: every verdict and every point is the same\n";

/// Two reports.
pub fn of_reports(found: &reports::Difference) -> String {
    let mut text = otherwise(&found.graded_otherwise);
    if found.same {
        text.push_str(SAME);
        return text;
    }
    let verdict = |passed: bool| if passed { "passed" } else { "not passed" };
    let in_percent = found.before.max_score != found.after.max_score;
    let side = |side: &reports::Side| {
        let share = if in_percent { share(side.score, side.max_score) } else { String::new() };
        format!("{}{share}, {}", summary::points_of(side.score, side.max_score), verdict(side.passed))
    };
    text.push_str(&format!("before: {}  {}\n", side(&found.before), escape::line(&found.before.target)));
    text.push_str(&format!("after:  {}  {}\n", side(&found.after), escape::line(&found.after.target)));
    let width = found.requirements.iter().map(|it| it.id.chars().count()).max().unwrap_or(0);
    let headings =
        [(Direction::Lost, "lost"), (Direction::Gained, "gained"), (Direction::Changed, "changed otherwise")];
    for (direction, heading) in headings {
        let mut changes = found.requirements.iter().filter(|it| it.direction == direction).peekable();
        if changes.peek().is_some() {
            text.push_str(&format!("\n{heading}\n"));
        }
        for it in changes {
            let line =
                format!("  {:width$}  {} -> {}", escape::line(&it.id), verdict_of(it.before), verdict_of(it.after));
            text.push_str(line.trim_end());
            text.push('\n');
            let reason = it.reason.lines().next().unwrap_or_default();
            if !reason.is_empty() {
                text.push_str(&format!("      {}\n", cut(&escape::line(reason), REASON)));
            }
        }
    }
    text
}

fn verdict_of(found: Option<Found>) -> String {
    match found {
        None => "not judged".to_owned(),
        Some(it) => format!(
            "{} {} {}",
            summary::level(it.level),
            it.status.as_str(),
            summary::points_short(it.score, it.max_score)
        ),
    }
}

/// Two gradings of a class.
pub fn of_classes(found: &classes::Difference) -> String {
    let mut text = otherwise(&found.graded_otherwise);
    if found.same {
        text.push_str(SAME);
        return text;
    }
    let gains: Vec<f64> = found.submissions.iter().filter_map(|it| it.gain().map(Gain::sign)).collect();
    let gained = gains.iter().filter(|gain| **gain > 0.0).count();
    let lost = gains.iter().filter(|gain| **gain < 0.0).count();
    let other = found.submissions.len() - gained - lost;
    text.push_str(&format!(
        "{} changed: {gained} gained, {lost} lost, {other} otherwise\n",
        counted(found.submissions.len(), "submission")
    ));
    let width = found.submissions.iter().map(|it| escape::line(&it.name).chars().count()).max().unwrap_or(0);
    for it in &found.submissions {
        let gain = it.gain().filter(|gain| gain.sign() != 0.0);
        let said = gain.map(|gain| {
            let plus = if gain.sign() > 0.0 { "+" } else { "" };
            match gain {
                Gain::Points(gain) => format!("  {plus}{}", points(gain)),
                Gain::Percent(gain) => format!("  {plus}{gain:.0} %"),
            }
        });
        let in_percent = matches!(it.gain(), Some(Gain::Percent(_)));
        text.push_str(&format!(
            "  {:width$}  {} -> {}{}\n",
            escape::line(&it.name),
            outcome(it.before.as_ref(), in_percent),
            outcome(it.after.as_ref(), in_percent),
            said.unwrap_or_default()
        ));
    }
    for it in &found.requirements {
        text.push_str(&format!("\n{}\n", escape::line(&it.id)));
        for (what, names) in [("gained", &it.gained), ("lost", &it.lost), ("changed otherwise", &it.changed)] {
            if !names.is_empty() {
                let shown: Vec<String> = names.iter().take(NAMES).map(|name| escape::line(name)).collect();
                let more = names.len() - shown.len();
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                text.push_str(&format!("  {what}, {}: {}{more}\n", names.len(), shown.join(", ")));
            }
        }
    }
    text
}

fn outcome(outcome: Option<&classes::Outcome>, in_percent: bool) -> String {
    match outcome {
        None => "not there".to_owned(),
        Some(it) => match (it.score, it.max_score) {
            (Some(score), Some(max_score)) => {
                let share = if in_percent { share(score, max_score) } else { String::new() };
                format!("{}, {} of {}{share}", it.status, points(score), points(max_score))
            }
            _ => it.status.to_owned(),
        },
    }
}

/// " (73 %)".
fn share(score: f64, max_score: f64) -> String {
    format!(" ({:.0} %)", classes::percent(score, max_score))
}

fn otherwise(settings: &[Otherwise]) -> String {
    let short = |text: &str| match text {
        "" => "none".to_owned(),
        text if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) => text[..12].to_owned(),
        text => escape::line(text),
    };
    let line =
        |it: &Otherwise| format!("graded otherwise: {}, {} -> {}\n", it.what, short(&it.before), short(&it.after));
    settings.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::model::{Report, Status};
    use crate::report::{json, sample};
    use harness_language::catalogue::model::Level;

    fn after() -> Report {
        let mut after = sample::full();
        after.seed = 7;
        let found = &mut after.tasks[0].requirements;
        for (found, status) in found.iter_mut().zip([Status::Pass, Status::Fail, Status::Pass]) {
            found.status = status;
            (found.score, found.max_score) = if status == Status::Pass { (3.0, 3.0) } else { (0.0, 3.0) };
        }
        found[0].level = Level::Should;
        after.score = 6.0;
        after
    }

    #[test]
    fn two_reports() {
        let found = reports::compare(&sample::full(), &after());
        insta::assert_snapshot!("reports_human", of_reports(&found));
        insta::assert_snapshot!("reports_json", json::visible(&found));
    }

    #[test]
    fn the_same_report() {
        let found = reports::compare(&sample::full(), &sample::full());
        assert!(found.same);
        assert_eq!(of_reports(&found), SAME);
    }
}
