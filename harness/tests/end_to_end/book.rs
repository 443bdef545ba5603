//! The front page and the pages of `harness/docs`: short where it must be, complete, and without a dead link.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use crate::common::repository;

/// What a visitor reads before anything else.
const LONGEST_FRONT_PAGE: usize = 8192;

/// The pages, each with its text.
fn pages() -> Vec<(PathBuf, String)> {
    let docs = fs::read_dir(repository().join("harness/docs")).expect("the pages");
    let docs = docs.map(|entry| entry.expect("a page").path()).filter(|path| path.extension() == Some("md".as_ref()));
    let above = ["README.md", "CONTRIBUTING.md", "benches/README.md"].map(|name| repository().join(name));
    let mut paths: Vec<PathBuf> = above.into_iter().chain(docs).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read_to_string(path).expect("text"))).collect()
}

/// Where the links of a page lead: `[text](target)`, code blocks left out.
fn links(text: &str) -> Vec<&str> {
    let blocks = text.split("```").step_by(2);
    blocks.flat_map(|block| block.split("](").skip(1)).filter_map(|part| part.split(')').next()).collect()
}

/// The anchors that a page's headings have, as GitHub and mdBook make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let kept = |letter: char| match letter {
        ' ' => Some('-'),
        _ if letter.is_alphanumeric() || matches!(letter, '-' | '_') => Some(letter),
        _ => None,
    };
    headings.map(|line| line.trim_start_matches('#').trim().to_lowercase().chars().filter_map(kept).collect()).collect()
}

#[test]
fn no_link_is_dead() {
    let mut dead = Vec::new();
    let mut checked = 0;
    for (page, text) in pages() {
        for link in links(&text).into_iter().filter(|link| !link.contains("://")) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { page.clone() } else { page.parent().expect("a folder").join(file) };
            let is_there = target.exists()
                && (anchor.is_empty() || anchors(&fs::read_to_string(&target).expect("text")).contains(anchor));
            if !is_there {
                dead.push(format!("{}: {link}", page.display()));
            }
            checked += 1;
        }
    }
    assert_eq!(dead, Vec::<String>::new());
    assert!(checked > 10, "{checked}");
}

#[test]
fn the_front_page_is_short_and_leads_to_every_page() {
    let text = fs::read_to_string(repository().join("README.md")).expect("text");
    assert!(text.len() <= LONGEST_FRONT_PAGE, "{} bytes", text.len());
    let linked: BTreeSet<PathBuf> = links(&text).into_iter().map(|link| repository().join(link)).collect();
    let docs = repository().join("harness/docs");
    let all: BTreeSet<PathBuf> = pages().into_iter().map(|(page, _)| page).filter(|it| it.starts_with(&docs)).collect();
    assert_eq!(all.difference(&linked).collect::<Vec<_>>(), Vec::<&PathBuf>::new());
}

#[test]
fn anchors_are_those_of_headings() {
    assert!(anchors("# What it does\n## A, b: `c`").is_superset(&["what-it-does", "a-b-c"].map(String::from).into()));
    assert_eq!(links("[a](b.md#c) and [d](e)\n```\n[no](link)\n```\n"), ["b.md#c", "e"]);
}
