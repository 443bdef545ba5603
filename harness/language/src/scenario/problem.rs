//! Errors in files that people write: where, what, and what to write instead.

use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// A file's name and text, kept together so that an error can show the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The name to print.
    pub name: String,
    /// The whole text.
    pub text: String,
}

impl Source {
    /// A shared source.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { name: name.into(), text: text.into() })
    }

    /// Line and column of a byte offset, both counted from 1, the column in characters.
    pub fn line_and_column(&self, offset: usize) -> (usize, usize) {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = &self.text[..offset];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}

/// One error in one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub source: Arc<Source>,
    /// Byte range in it.
    pub span: Range<usize>,
    /// What is wrong, in one sentence.
    pub title: String,
    /// What stands under the caret.
    pub label: String,
    /// What to do.
    pub help: Option<String>,
}

impl Problem {
    /// An error whose sentence is long and whose label is short.
    pub fn new(source: &Arc<Source>, span: Range<usize>, title: impl Into<String>) -> Self {
        Self { source: Arc::clone(source), span, title: title.into(), label: String::new(), help: None }
    }

    /// Adds what stands under the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Adds what to do.
    #[must_use]
    pub fn help(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }

    /// The error of the TOML reader, made friendly.
    pub fn from_toml(source: &Arc<Source>, error: &toml::de::Error) -> Self {
        let message = error.message().trim().to_owned();
        let span = error.span().unwrap_or(0..0);
        let (title, help) = friendly(&message);
        Self::new(source, span, title).help(help)
    }

    /// `file:line:column: what`, one line, for programs that read errors.
    pub fn one_line(&self) -> String {
        let (line, column) = self.source.line_and_column(self.span.start);
        format!("{}:{line}:{column}: {}", self.source.name, self.title)
    }

    /// The whole message: the line, a caret under the place, the suggestion.
    pub fn render(&self, color: bool) -> String {
        let end = self.span.end.min(self.source.text.len()).max(self.span.start);
        let snippet = Snippet::source(self.source.text.as_str())
            .path(self.source.name.as_str())
            .annotation(AnnotationKind::Primary.span(self.span.start..end).label(self.label.as_str()));
        let mut group = Level::ERROR.primary_title(self.title.as_str()).element(snippet);
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&[group]).to_string()
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.one_line())
    }
}

impl std::error::Error for Problem {}

/// Problems of one or several files, in the order of the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// All messages, one under the other.
    pub fn render(&self, color: bool) -> String {
        self.0.iter().map(|problem| problem.render(color)).collect::<Vec<_>>().join("\n\n")
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl std::fmt::Display for Problems {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// The known word nearest to a mistyped one, if one is near enough to be meant: by its letters,
/// else because the mistyped one is a part of it.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// Fewer letters stand in too many words.
    const PART: usize = 4;
    let known: Vec<&str> = known.into_iter().collect();
    let by_letters = known
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), *candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min();
    let by_part = || {
        let holding = known.iter().filter(|candidate| word.len() >= PART && candidate.contains(word));
        holding.map(|candidate| (candidate.len(), *candidate)).min()
    };
    by_letters.or_else(by_part).map(|(_, candidate)| candidate)
}

/// What to write instead of an unknown word: the nearest known one, else `otherwise`.
pub fn suggestion<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str>,
    otherwise: impl FnOnce() -> String,
) -> String {
    nearest(word, known).map_or_else(otherwise, |near| format!("did you mean `{near}`?"))
}

/// Serde's sentence about an unknown word, with the nearest known one as a suggestion.
fn friendly(message: &str) -> (String, Option<String>) {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let unknown = message.starts_with("unknown field") || message.starts_with("unknown variant");
    if let (true, Some((word, known))) = (unknown, quoted.split_first()) {
        let what = if message.starts_with("unknown field") { "key" } else { "word" };
        let help = match nearest(word, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => "no key is known here".to_owned(),
            None => format!("known here: {}", known.join(", ")),
        };
        return (format!("unknown {what} `{word}`"), Some(help));
    }
    (message.to_owned(), None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("a\nbc\nd", 0, (1, 1))]
    #[case("a\nbc\nd", 3, (2, 2))]
    #[case("é\nü=1", 5, (2, 2))]
    #[case("", 9, (1, 1))]
    fn finds_the_place(#[case] text: &str, #[case] offset: usize, #[case] place: (usize, usize)) {
        assert_eq!(Source::new("f", text).line_and_column(offset), place);
    }

    #[rstest]
    #[case("widthin", Some("within"))]
    #[case("progam", Some("program"))]
    #[case("banana", None)]
    #[case("cide", Some("decides"))]
    #[case("cid", None)]
    fn suggests_what_was_meant(#[case] word: &str, #[case] meant: Option<&str>) {
        assert_eq!(nearest(word, ["within", "program", "decides"]), meant);
    }
}
