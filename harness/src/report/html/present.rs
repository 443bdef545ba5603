//! A report for the lecture hall: one cause a screen, in large letters. The page has no script: its screens follow each
//! other, and Page Down, the space bar or the links lead from one to the next.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::policy;
use super::words::{Line, kit, shortened};
use crate::crash::words;
use crate::report::causes::{self, Cause};
use crate::report::model::{Report, RunReport};
use crate::report::summary;

/// Lines of what happened last that fit a screen.
const LAST: usize = 10;
/// Characters of a line, and of a value.
const LINE: usize = 100;
const VALUE: usize = 300;

/// Renders the page. `transcript` knows what happened in a run, line by line; nothing where that was not kept.
pub fn render(report: &Report, transcript: &dyn Fn(&RunReport) -> Vec<String>) -> String {
    let causes = causes::causes(report);
    let headline = summary::headline(report);
    let all = causes.len();
    let mut page = html! {
        (DOCTYPE)
        html.present lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy::policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { (Line(&headline.subject)) }
                style { (PreEscaped(policy::STYLE)) }
            }
            body {
                main {
                    section.screen #screen-0 {
                        h1 { (Line(&headline.subject)) }
                        p.points { (headline.points) }
                        ol { @for cause in &causes { li { (Line(&first_words(cause))) } } }
                        @if causes.is_empty() { p { "Nothing failed." } }
                        (links(0, all))
                    }
                    @for (index, cause) in causes.iter().enumerate() {
                        section.screen id={ "screen-" (index + 1) } {
                            (screen(cause, transcript))
                            (links(index + 1, all))
                        }
                    }
                }
            }
        }
    }
    .into_string();
    page.push('\n');
    page
}

/// What happened, without what follows from it.
fn first_words(cause: &Cause<'_>) -> String {
    let reason = cause.run().map(|run| run.headline().0).unwrap_or_default();
    shortened(reason.lines().next().unwrap_or_default(), LINE)
}

fn screen(cause: &Cause<'_>, transcript: &dyn Fn(&RunReport) -> Vec<String>) -> Markup {
    let (Some(found), Some(run)) = (cause.failed.first(), cause.run()) else { return Markup::default() };
    let lines = transcript(run);
    let (headline, so) = run.headline();
    let last = &lines[lines.len().saturating_sub(LAST)..];
    html! {
        h2 { (shortened(&headline, LINE)) }
        @if let Some(crash) = &run.crash {
            @if let Some(place) = words::crashed_at(crash) { p { code { (shortened(&place, LINE)) } } }
            p { (shortened(&words::what(&crash.kind), LINE)) }
        }
        @if let Some(so) = so { p { (shortened(&so, VALUE)) } }
        @if !found.title.is_empty() { p.quiet { (kit(&found.title)) } }
        @if !run.expected.is_empty() || !run.actual.is_empty() {
            dl.sides {
                div { dt { "expected" } dd { code { (shortened(&run.expected, VALUE)) } } }
                div { dt { "came" } dd { code { (shortened(&run.actual, VALUE)) } } }
            }
        }
        @if !last.is_empty() { div.said { @for line in last { code { (shortened(line, LINE)) } } } }
        @if !run.hint.trim().is_empty() { p.look { "→ " (kit(&run.hint)) } }
    }
}

fn links(at: usize, all: usize) -> Markup {
    html! {
        p.steps {
            @if at > 0 { a href={ "#screen-" (at - 1) } { "← back" } " " }
            (at) " / " (all)
            @if at < all { " " a href={ "#screen-" (at + 1) } { "on →" } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::sample::{self, hostile_text};
    use super::*;
    use crate::report::escape;
    use proptest::prelude::*;

    #[test]
    fn a_screen_for_each_cause() {
        let report = sample::full();
        let page = render(&report, &|run| vec![format!("0.001 s  {}", run.role)]);
        assert_eq!(page.matches("<section").count(), 1 + causes::causes(&report).len());
        let links: Vec<&str> = page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        for link in links {
            assert_eq!(page.matches(&format!("id=\"{link}\"")).count(), 1, "{link}");
        }
    }

    proptest! {
        #[test]
        fn text_from_programs_cannot_act(text in hostile_text()) {
            let page = render(&sample::hostile(&text), &|_| vec![text.clone(); 3]);
            prop_assert!(!page.contains(|c: char| c != '\n' && escape::acts(c)), "{page}");
            prop_assert_eq!(page.matches("<script").count() + page.matches("<section").count(), 3);
        }
    }
}
