//! The page as a whole, and that no name can forge a part of it.

use super::super::overview::sample;
use super::*;
use crate::report::model::Status;
use proptest::prelude::*;

/// The page without its style sheet, a line for each element that begins a block.
fn laid_out(page: &str) -> String {
    let without = page.replace(policy::STYLE, "").replace(&policy::policy(), "(policy)");
    let blocks = ["<head", "<body", "<main", "<footer", "<section", "<h", "<p", "<dl", "<ul", "<li", "<table", "<tr"];
    blocks.iter().fold(without, |text, tag| text.replace(tag, &format!("\n{tag}"))).replace("\n\n", "\n")
}

fn class() -> Overview {
    let (pass, fail) = (Status::Pass, Status::Fail);
    let mut rows: Vec<_> = ["ada", "bob", "carl <x>"]
        .iter()
        .map(|name| sample::row(name, &[("message.client", pass, 3.0), ("message.server", fail, 1.0)]))
        .collect();
    rows[2].folder = "carl__x_-123456".to_owned();
    for (row, milliseconds) in rows.iter_mut().zip([20, 30, 9_030]) {
        sample::digest(row).runs.insert("message/twenty-kb#server".to_owned(), milliseconds);
    }
    sample::digest(&mut rows[1]).unsteady.insert("message/queues#server".to_owned(), (2, 5));
    let mut refused = sample::row("dora", &[]);
    refused.state = State::Refused("it holds `../x`\nand more".to_owned());
    rows.push(refused);
    sample::class(rows)
}

#[test]
fn page_of_a_class() {
    insta::assert_snapshot!(laid_out(&render(&class())));
}

proptest! {
    /// Whatever a folder is called, the page has the elements that it has for a plain name.
    #[test]
    fn names_cannot_act(name in any::<String>()) {
        let page = |name: &str| {
            let mut rows = vec![sample::row(name, &[("message.server", Status::Fail, 1.0)])];
            rows[0].folder = super::super::folders::Folders::default().of(name);
            let mut class = sample::class(rows);
            class.passed_over.push(name.to_owned());
            render(&class)
        };
        let (strange, plain) = (page(&name), page("ada"));
        prop_assert_eq!(strange.matches('<').count(), plain.matches('<').count());
        prop_assert!(!strange.contains(|c: char| c != '\n' && crate::report::escape::acts(c)));
    }
}
