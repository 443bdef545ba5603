//! The terminal: colour, width, progress.

use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Exit;
use super::arguments::Color;
use crate::report::style::Style;
use harness_language::catalogue::{Catalogue, CatalogueError};

/// How to write on standard output.
pub fn stdout_style(color: Color) -> Style {
    let terminal = std::io::stdout().is_terminal();
    let width = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).unwrap_or(100);
    Style { color: wants_color(color, terminal), width: usize::clamp(width, 40, 120) }
}

/// Whether standard error gets colour.
pub fn stderr_color() -> bool {
    wants_color(Color::Auto, std::io::stderr().is_terminal())
}

fn wants_color(color: Color, terminal: bool) -> bool {
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
    }
}

/// Why standard output could not be written, the first time that it could not.
static LOST: OnceLock<String> = OnceLock::new();

/// Writes to standard output. What is lost is remembered for [`outcome`].
pub fn print(text: &str) {
    crate::sandbox::leftovers::wait_if_stopping();
    let mut out = std::io::stdout().lock();
    written(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

/// Remembers that standard output could not be written; a reader that has gone (`| head`) is no error.
pub fn written(result: io::Result<()>) {
    if let Err(error) = result
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        LOST.get_or_init(|| error.to_string());
    }
}

/// The exit that a command comes to once it has printed everything: a report that did not reach
/// its reader is no success, and no verdict either.
pub fn outcome(exit: Exit) -> Exit {
    match LOST.get() {
        Some(why) if !matches!(exit, Exit::Program(_) | Exit::Usage) => {
            say(&format!("harness: standard output cannot be written: {why}"));
            Exit::Harness
        }
        _ => exit,
    }
}

/// Writes a line to standard error. Where nobody can read it there is nobody left to tell.
pub fn say(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// A progress bar on a terminal, nothing elsewhere.
pub fn progress(show: bool, template: &str) -> ProgressBar {
    let bar = ProgressBar::new(0);
    if !show || !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
        return bar;
    }
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

/// Reads the catalogue that a command asks for; says what is wrong with it.
pub fn catalogue(folder: Option<&std::path::Path>) -> Result<Catalogue, Exit> {
    let read = match folder {
        Some(path) => Catalogue::from_folder(path),
        None => Catalogue::built_in(),
    };
    read.map_err(|error| {
        match &error {
            CatalogueError::Problems(problems) => say(&problems.render(stderr_color())),
            CatalogueError::Folder(_) | CatalogueError::Empty(_) => say(&format!("harness: {error}")),
        }
        Exit::Usage
    })
}
