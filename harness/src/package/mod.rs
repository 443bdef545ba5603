//! Packages for course platforms: the harness with the scripts that a platform calls.
//!
//! Owns what is in a package and how it is written; a script never judges, it calls the harness and hands on what
//! comes out. Sources: Gradescope's "Autograder specifications"; Classroom 50's "Advanced autograding".

use std::fs::File;
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::starter::Language;

/// Where a package goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Platform {
    /// Gradescope: a zip with setup.sh and run_autograder
    Gradescope,
    /// Classroom 50: a folder with autograder.py
    Classroom50,
    /// GitHub Actions: a workflow and the grader, for the template repository
    Github,
}

/// What a package is to grade, and with what.
#[derive(Debug, Clone)]
pub struct Order {
    /// Tasks.
    pub tasks: Vec<String>,
    /// Languages that submissions are written in.
    pub languages: Vec<Language>,
    /// The harness's binary.
    pub harness: PathBuf,
    /// The course's points.
    pub rubric: Option<PathBuf>,
    /// The course's own tasks.
    pub scenarios: Option<PathBuf>,
}

/// A file of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its path in the package, with `/`.
    pub name: String,
    /// Whether it is executed.
    pub program: bool,
    /// What it holds.
    pub content: Vec<u8>,
}

impl Item {
    /// Whether the model answers are in it (`reference::MARK`).
    pub fn has_answers(&self) -> bool {
        // Written in small letters, so that no harness finds itself.
        memchr::memmem::find(&self.content, "harness has model answers".to_uppercase().as_bytes()).is_some()
    }
}

/// The folder of the grader in a student's repository.
const GRADER: &str = ".grader";

/// The files of a package.
///
/// # Errors
/// If the harness, the rubric or the scenarios cannot be read.
pub fn items(platform: Platform, order: &Order) -> io::Result<Vec<Item>> {
    let fill = |text: &str| {
        let options = match platform {
            Platform::Gradescope | Platform::Github => shell_options(order),
            Platform::Classroom50 => python_options(order),
        };
        let needs: Vec<String> = order.languages.iter().flat_map(|language| needs(*language)).collect();
        text.replace("@tasks@", &order.tasks.join(", "))
            .replace("@options@", &options)
            .replace("@needs@", &needs.join("\n"))
            .into_bytes()
    };
    let script = |name: &str, program: bool, text: &str| Item { name: name.to_owned(), program, content: fill(text) };
    let (below, mut items) = match platform {
        Platform::Gradescope => (
            String::new(),
            vec![
                script("setup.sh", true, include_str!("files/setup.sh")),
                script("run_autograder", true, include_str!("files/run_autograder")),
            ],
        ),
        Platform::Classroom50 => {
            (String::new(), vec![script("autograder.py", false, include_str!("files/autograder.py"))])
        }
        Platform::Github => (
            format!("{GRADER}/"),
            vec![
                script(".github/workflows/grade.yml", false, include_str!("files/grade.yml")),
                script(&format!("{GRADER}/grade"), true, include_str!("files/grade")),
            ],
        ),
    };
    items.push(Item { name: format!("{below}harness"), program: true, content: read(&order.harness)? });
    if let Some(rubric) = &order.rubric {
        items.push(Item { name: format!("{below}rubric.toml"), program: false, content: read(rubric)? });
    }
    if let Some(scenarios) = &order.scenarios {
        add_folder(scenarios, &format!("{below}scenarios"), &mut items)?;
    }
    Ok(items)
}

/// Reads a file; the message names it.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

fn add_folder(folder: &Path, name: &str, items: &mut Vec<Item>) -> io::Result<()> {
    let mut entries: Vec<_> = std::fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let name = format!("{name}/{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            add_folder(&entry.path(), &name, items)?;
        } else {
            items.push(Item { name, program: false, content: read(&entry.path())? });
        }
    }
    Ok(())
}

/// The options of a shell script, in which `$here` is the folder of the grader.
fn shell_options(order: &Order) -> String {
    let tasks = order.tasks.join(",");
    let mut options = format!("--task '{}'", tasks.replace('\'', r"'\''"));
    if order.rubric.is_some() {
        options.push_str(" --rubric \"$here/rubric.toml\"");
    }
    if order.scenarios.is_some() {
        options.push_str(" --scenarios \"$here/scenarios\"");
    }
    options
}

/// The same as a list of Python, in which `HERE` is that folder.
fn python_options(order: &Order) -> String {
    let mut options = format!("[\"--task\", {}", serde_json::Value::from(order.tasks.join(",")));
    if order.rubric.is_some() {
        options.push_str(", \"--rubric\", HERE / \"rubric.toml\"");
    }
    if order.scenarios.is_some() {
        options.push_str(", \"--scenarios\", HERE / \"scenarios\"");
    }
    options.push(']');
    options
}

/// Lines of `setup.sh`: the tools of a language, and Debian's packages that bring them.
fn needs(language: Language) -> Vec<String> {
    let lines: &[&str] = match language {
        Language::Python => &["need python3 python3"],
        Language::C => &["need cc gcc libc6-dev", "need make make"],
        Language::Java => &["need javac default-jdk-headless"],
        Language::Go => &["need go golang-go"],
        Language::Rust => &["need rustc rustc", "need make make"],
        Language::Node => &["need node nodejs"],
    };
    lines.iter().map(|line| (*line).to_owned()).collect()
}

/// Writes a package as a zip, the same bytes for the same files.
///
/// # Errors
/// If it cannot be written.
pub fn write_zip(items: &[Item], to: &Path) -> io::Result<()> {
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    // Whole or not at all.
    let mut file = tempfile::Builder::new().prefix(".package-").tempfile_in(folder)?;
    zip_into(items, file.as_file_mut())?;
    file.persist(to)?;
    readable(to)
}

fn zip_into(items: &[Item], file: impl Write + Seek) -> io::Result<()> {
    let mut writer = zip::ZipWriter::new(file);
    for item in items {
        let options = zip::write::SimpleFileOptions::default()
            .last_modified_time(zip::DateTime::default())
            .unix_permissions(mode(item))
            // The binary is nearly all of it; the best compression would take ten times as long for a tenth.
            .compression_level(Some(1));
        writer.start_file(item.name.as_str(), options)?;
        writer.write_all(&item.content)?;
    }
    writer.finish()?.flush()
}

/// Writes a package into a folder; what else is there stays.
///
/// # Errors
/// If it cannot be written.
pub fn write_folder(items: &[Item], to: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    for item in items {
        let path = to.join(&item.name);
        if let Some(above) = path.parent() {
            std::fs::create_dir_all(above)?;
        }
        let mut file = File::create(&path)?;
        file.write_all(&item.content)?;
        file.set_permissions(std::fs::Permissions::from_mode(mode(item)))?;
    }
    Ok(())
}

/// A temporary file is its owner's alone; a package is handed on.
fn readable(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644))
}

fn mode(item: &Item) -> u32 {
    if item.program { 0o755 } else { 0o644 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn order(folder: &Path) -> Order {
        std::fs::write(folder.join("harness"), "the harness").unwrap();
        std::fs::write(folder.join("points.toml"), "name = \"spring\"").unwrap();
        std::fs::create_dir_all(folder.join("own/daytime")).unwrap();
        std::fs::write(folder.join("own/daytime/task.toml"), "id = \"daytime\"").unwrap();
        Order {
            tasks: vec!["daytime".to_owned(), "message".to_owned()],
            languages: vec![Language::Python, Language::C],
            harness: folder.join("harness"),
            rubric: Some(folder.join("points.toml")),
            scenarios: Some(folder.join("own")),
        }
    }

    #[rstest]
    #[case(Platform::Gradescope)]
    #[case(Platform::Classroom50)]
    #[case(Platform::Github)]
    fn a_package_holds_all_that_it_needs(#[case] platform: Platform) {
        let folder = tempfile::tempdir().unwrap();
        let items = items(platform, &order(folder.path())).unwrap();
        let mut whole = String::new();
        for item in items {
            let kind = if item.program { "program" } else { "file" };
            whole.push_str(&format!("==> {} ({kind}) <==\n{}\n", item.name, String::from_utf8(item.content).unwrap()));
        }
        insta::assert_snapshot!(format!("{platform:?}").to_lowercase(), whole);
    }

    #[rstest]
    #[case(format!("\u{7f}ELF {} and more", reference::MARK), true)]
    #[case("harness has model answers".to_owned(), false)]
    fn answers_are_seen(#[case] content: String, #[case] seen: bool) {
        let item = Item { name: "harness".to_owned(), program: true, content: content.into_bytes() };
        assert_eq!(item.has_answers(), seen);
    }

    #[test]
    fn the_same_files_make_the_same_zip() {
        let folder = tempfile::tempdir().unwrap();
        let items = items(Platform::Gradescope, &order(folder.path())).unwrap();
        let written = |name: &str| {
            write_zip(&items, &folder.path().join(name)).unwrap();
            std::fs::read(folder.path().join(name)).unwrap()
        };
        assert_eq!(written("one.zip"), written("other.zip"));
    }
}
