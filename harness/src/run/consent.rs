//! Programs that ask whether to go on: a person at the keyboard answers before the next line is typed.

use std::sync::LazyLock;

use regex::bytes::Regex;

/// A choice at the end of what was printed: `Y/N`, `[yes/no]`, `(s/n)`, `j/n`. The first is the one that agrees.
static CHOICE: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r"(?i-u)(?:^|[^a-z/])(y|yes|s|si|sim|j|ja|o|oui|d|da)[ ]*[/|][ ]*(?:n|no|nein|non|nao|ne)(?:[^a-z/]|$)[^\n]{0,20}$";
    // A fixed text, compiled by the tests.
    Regex::new(pattern).expect("a regular expression")
});

/// What agrees, if the line that a program has left open asks whether to go on.
pub fn asked_for(printed: &[u8]) -> Option<Vec<u8>> {
    let open = printed.rsplit(|byte| *byte == b'\n').next()?;
    CHOICE.captures(open).and_then(|found| found.get(1)).map(|agrees| agrees.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("Result: 42\nDo you wish to continue? Y/N ", Some("Y"))]
    #[case("Again (y/n)? ", Some("y"))]
    #[case("[yes/no]: ", Some("yes"))]
    #[case("Deseja continuar? (s / n): ", Some("s"))]
    #[case("Weiter? [J/n] ", Some("J"))]
    #[case("Do you wish to continue? Y/N\n", None)]
    #[case("Sum: ", None)]
    #[case("bytes/night", None)]
    #[case("", None)]
    fn a_question_is_told_from_a_prompt(#[case] printed: &str, #[case] agrees: Option<&str>) {
        assert_eq!(asked_for(printed.as_bytes()), agrees.map(|agrees| agrees.as_bytes().to_vec()));
    }
}
