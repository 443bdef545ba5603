//! The page as a whole: what it shows of a passed and a failed report, and that no program can forge a part of it.

use proptest::prelude::*;

use super::sample::{CALLS, events, said};
use super::*;
use crate::report::escape;
use crate::report::sample as reports;

/// The page without its style sheet, a line for each element that begins a block.
fn laid_out(page: &str) -> String {
    let without = page.replace(policy::STYLE, "").replace(&policy::policy(), "(policy)");
    let blocks = [
        "<head",
        "<meta",
        "<title",
        "<style",
        "<body",
        "<header",
        "<main",
        "<footer",
        "<section",
        "<article",
        "<h",
        "<p",
        "<dl",
        "<div",
        "<ul",
        "<li",
        "<table",
        "<tr",
        "<details",
        "<summary",
        "<figure",
        "<figcaption",
        "<line",
        "<rect",
        "<text",
        "<pre",
    ];
    blocks.iter().fold(without, |text, tag| text.replace(tag, &format!("\n{tag}"))).replace("\n\n", "\n")
}

/// Every run of a report, with these events.
fn with<'r>(report: &'r Report, events: &'r [Event]) -> Runs<'r> {
    let runs = report.tasks.iter().flat_map(|task| &task.requirements).flat_map(|found| &found.runs);
    runs.map(|run| (run.id.as_str(), Seen { events, calls: CALLS, model: &[] })).collect()
}

#[test]
fn page_of_a_failure() {
    let (report, events) = (reports::full(), events());
    insta::assert_snapshot!(laid_out(&render(&report, &with(&report, &events))));
}

#[test]
fn page_of_programs_that_stop() {
    let (report, events) = (reports::stopped(), events());
    let page = laid_out(&render(&report, &with(&report, &events)));
    let first = page.find("What failed").unwrap();
    insta::assert_snapshot!(page[page.find("<main").unwrap()..first]);
    assert!(
        page[first..].contains("✗ KeyError, line 9") && page[first..].contains("✗ waits in recv(), line 7"),
        "{page}"
    );
}

#[test]
fn page_of_a_pass() {
    let report = reports::passed();
    insta::assert_snapshot!(laid_out(&render(&report, &Runs::new())));
}

#[test]
fn headings_are_in_order() {
    let (report, events) = (reports::full(), events());
    let page = render(&report, &with(&report, &events));
    let levels: Vec<u32> =
        page.match_indices("<h").filter_map(|(at, _)| page[at + 2..].chars().next()?.to_digit(10)).collect();
    assert_eq!(levels.first(), Some(&1));
    assert_eq!(levels.iter().filter(|level| **level == 1).count(), 1);
    assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{levels:?}");
}

#[test]
fn links_in_the_page_lead_somewhere() {
    let (report, events) = (reports::full(), events());
    let page = render(&report, &with(&report, &events));
    let links: Vec<&str> = page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(links.len() > 10);
    for link in links {
        assert_eq!(page.matches(&format!("id=\"{link}\"")).count(), 1, "{link}");
    }
}

#[test]
fn a_flood_makes_no_flood() {
    let flood = "0123456789\n".repeat(1_000);
    let mut report = reports::hostile(&flood);
    let found = report.tasks[0].requirements[0].clone();
    for number in 0..150 {
        let mut more = found.clone();
        more.id = format!("message.more-{number}");
        for run in &mut more.runs {
            run.id = format!("{}-{number}", run.id);
            run.transcript = vec!["a line".repeat(200); 300];
        }
        report.tasks[0].requirements.push(more);
    }
    let events = said(&flood);
    let page = render(&report, &with(&report, &events));
    assert!(page.len() < 6_000_000, "{}", page.len());
    assert!(page.contains("This page is long enough"));
}

/// What the templates write.
const ELEMENTS: [&str; 47] = [
    "!DOCTYPE",
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "header",
    "main",
    "footer",
    "section",
    "article",
    "h1",
    "h2",
    "h3",
    "h4",
    "p",
    "ul",
    "li",
    "dl",
    "dt",
    "dd",
    "div",
    "span",
    "strong",
    "a",
    "code",
    "pre",
    "mark",
    "table",
    "caption",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "details",
    "summary",
    "figure",
    "figcaption",
    "svg",
    "desc",
    "rect",
    "line",
    "circle",
    "polygon",
    "text",
];

/// The names of all elements, in order: what a browser would make of the page.
fn elements(page: &str) -> Vec<&str> {
    let tags = page.match_indices('<').map(|(at, _)| &page[at + 1..]);
    tags.filter_map(|rest| rest.split(|c: char| c.is_whitespace() || c == '>').next()).collect()
}

proptest! {
    /// Whatever is printed, the page has the elements, and the lines of text, that it has for harmless words of the same shape.
    #[test]
    fn text_from_programs_cannot_act(text in reports::hostile_text()) {
        let report = reports::hostile(&text);
        let events = said(&text);
        let page = render(&report, &with(&report, &events));
        prop_assert!(!page.contains(|c: char| c != '\n' && escape::acts(c)), "{page}");
        for element in elements(&page) {
            prop_assert!(ELEMENTS.contains(&element.trim_start_matches('/')), "{element} in {page}");
        }
        prop_assert_eq!(page.matches("<h1>").count(), 1);
        prop_assert_eq!(page.matches("<h3>").count(), 1 + 1, "one failure, one task in the list");
        prop_assert_eq!(page.matches("<script").count() + page.matches("onerror=").count(), 0);
    }

    #[test]
    fn the_same_report_gives_the_same_page(text in reports::hostile_text()) {
        let (report, events) = (reports::hostile(&text), said(&text));
        prop_assert_eq!(render(&report, &with(&report, &events)), render(&report, &with(&report, &events)));
    }
}
