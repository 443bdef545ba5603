//! Finding the programs of a folder that has no manifest: by what the files are, and by what
//! the programs do; never by a file name alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

use super::cast::Command;
use super::casting::leaning;
use super::toolchain;

/// A program that could be started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Candidate {
    /// The file that it was found by, below the folder.
    pub file: PathBuf,
    /// The command without arguments.
    pub words: Vec<String>,
    /// Where it is started, below the folder.
    pub cwd: PathBuf,
    /// What it needs in its environment.
    pub env: BTreeMap<String, String>,
    /// How likely the name makes it a server; negative for a client.
    pub leaning: i32,
    /// What builds it, if not a build of the whole folder: commands of which the first that works counts.
    pub build: Vec<Command>,
    /// What the build makes, below the folder.
    pub makes: Option<PathBuf>,
}

/// What a folder was found to hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Commands that build a folder as a whole: `make` and the like.
    pub build: Vec<Command>,
    /// Programs, once they are built; the likeliest first.
    pub programs: Vec<Candidate>,
    /// Files that were looked at.
    pub looked_at: Vec<String>,
    /// Programs that were built elsewhere and lie beside their sources.
    pub stale: Vec<PathBuf>,
}

impl Found {
    /// Commands that build all of it, for a manifest.
    pub fn commands(&self) -> Vec<Command> {
        let each = self.programs.iter().filter_map(|program| program.build.first());
        self.build.iter().chain(each).cloned().collect()
    }

    /// What may start a project that nobody here can build, to be asked for: one of C# or F#.
    pub fn foreign_project(&self) -> Option<Vec<String>> {
        let is_project = |name: &&String| [".csproj", ".fsproj"].iter().any(|end| name.ends_with(end));
        let project = self.looked_at.iter().find(is_project)?;
        Some(["dotnet", "run", "--project", project, "--"].map(str::to_owned).to_vec())
    }
}

/// Extensions of files that an interpreter runs as they are.
const SCRIPTS: [(&str, &str); 8] = [
    ("py", "python3"),
    ("js", "node"),
    ("mjs", "node"),
    ("rb", "ruby"),
    ("pl", "perl"),
    ("lua", "lua"),
    ("tcl", "tclsh"),
    ("sh", "sh"),
];

/// Extensions of files that are compiled.
const SOURCES: [&str; 6] = ["c", "cpp", "cc", "go", "rs", "java"];

/// Deepest folder that is looked into: sources of Java lie deep.
const DEPTH: usize = 7;

/// Folders that hold nothing of a student's.
const FOREIGN: [&str; 8] =
    ["__MACOSX", "node_modules", "target", "venv", "env", "site-packages", "__pycache__", "cmake-build-debug"];

fn command(words: &[&str], cwd: &Path) -> Command {
    Command { words: words.iter().map(|word| (*word).to_owned()).collect(), cwd: cwd.to_owned(), ..Command::default() }
}

/// What a lone file is, as a command, if it can be started at all.
pub fn lone_program(path: &Path) -> Option<Vec<String>> {
    let name = path.file_name()?.to_str()?.to_owned();
    if toolchain::is_executable(path) && starts(path) {
        return Some(vec![format!("./{name}")]);
    }
    let extension = path.extension().and_then(|extension| extension.to_str())?;
    let (_, interpreter) = SCRIPTS.iter().find(|(known, _)| *known == extension)?;
    let is_2 = || std::fs::read_to_string(path).is_ok_and(|source| is_python_2(&source));
    let interpreter = if extension == "py" && is_2() { "python2" } else { interpreter };
    Some(vec![interpreter.to_owned(), name])
}

/// Whether a file is the source of a program that would have to be built.
pub fn is_source(path: &Path) -> bool {
    path.extension().is_some_and(|extension| SOURCES.iter().any(|known| extension == *known))
}

/// Whether a file is written in a language that programs are written in, compiled or not.
pub fn is_code(path: &Path) -> bool {
    is_source(path) || path.extension().is_some_and(|extension| SCRIPTS.iter().any(|(known, _)| extension == *known))
}

/// Whether the kernel would execute the file: a program of this machine's format or a script
/// that names its interpreter.
pub fn starts(path: &Path) -> bool {
    crate::wire::head(path, 4).is_ok_and(|head| head.starts_with(b"#!") || head.starts_with(b"\x7fELF"))
}

/// Files below a folder, in order, down to so many folders within folders; what others have made is left out.
pub fn below(folder: &Path, depth: usize) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    entries.sort();
    let mut found = Vec::new();
    for entry in entries {
        let name = entry.file_name().unwrap_or_default().to_string_lossy();
        match entry.symlink_metadata() {
            Ok(data) if data.is_file() => found.push(entry),
            Ok(data) if data.is_dir() && depth > 0 && !FOREIGN.contains(&&*name) => {
                found.extend(below(&entry, depth - 1));
            }
            _ => {}
        }
    }
    found
}

/// Looks into a folder.
///
/// # Errors
/// If the folder cannot be read.
pub fn look(folder: &Path) -> std::io::Result<Found> {
    let mut found = Found::default();
    look_into(folder, Path::new(""), 0, false, &mut found)?;
    found.programs.sort_by(|a, b| (-a.leaning.abs(), &a.file).cmp(&(-b.leaning.abs(), &b.file)));
    found.programs.dedup();
    Ok(found)
}

/// Programs in the machine's format that lie in a folder, below it: what a build has made is new among them.
pub fn binaries(folder: &Path) -> BTreeSet<PathBuf> {
    fn collect(root: &Path, below: &Path, depth: usize, found: &mut BTreeSet<PathBuf>) {
        let Ok(entries) = std::fs::read_dir(root.join(below)) else { return };
        for entry in entries.flatten() {
            let (name, path) = (entry.file_name(), below.join(entry.file_name()));
            let name = name.to_string_lossy();
            match entry.file_type() {
                // Cargo keeps much in there besides.
                Ok(kind) if kind.is_dir() && name == "target" => {
                    for profile in ["debug", "release"] {
                        collect(root, &path.join(profile), DEPTH, found);
                    }
                }
                Ok(kind) if kind.is_dir() && depth < DEPTH && !FOREIGN.contains(&&*name) => {
                    collect(root, &path, depth + 1, found);
                }
                Ok(kind) if kind.is_file() => {
                    let whole = root.join(&path);
                    let is_library = [".so", ".o", ".a"].iter().any(|end| name.ends_with(end));
                    let runs = || crate::wire::head(&whole, 4).is_ok_and(|head| head.starts_with(b"\x7fELF"));
                    if !is_library && toolchain::is_executable(&whole) && runs() {
                        found.insert(path);
                    }
                }
                _ => {}
            }
        }
    }
    let mut found = BTreeSet::new();
    collect(folder, Path::new(""), 0, &mut found);
    found
}

/// A program that a build of the whole folder has made.
pub fn made(binary: &Path) -> Candidate {
    let name = binary.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let folder = binary.parent().unwrap_or(Path::new(""));
    // What Cargo makes is started where its manifest lies.
    let home = folder.ancestors().find(|it| it.file_name().is_some_and(|name| name == "target")).and_then(Path::parent);
    let cwd = home.unwrap_or(folder).to_owned();
    let word = format!("./{}", binary.strip_prefix(&cwd).unwrap_or(binary).display());
    let leaning = leaning(&name);
    Candidate { file: binary.to_owned(), words: vec![word], cwd, leaning, ..Candidate::default() }
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern of our own")
}

/// What Python 3 does not parse, or does not have.
static PYTHON_2: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?m)^\s*print\s+["'\w%]|^\s*print\s*>>|^\s*except\s+[\w.()]+\s*,\s*\w+\s*:|\braw_input\s*\(|^\s*(?:import|from)\s+(?:SocketServer|BaseHTTPServer|urllib2|httplib|Queue|ConfigParser|Tkinter|thread)\b"#,
    )
});

/// Whether a source is Python 2: by its syntax, or by what it needs.
pub fn is_python_2(source: &str) -> bool {
    // What stands in a text of several lines is no code.
    let code: String = source.replace("'''", "\"\"\"").split("\"\"\"").step_by(2).collect();
    PYTHON_2.is_match(&code) || mixes_tabs(&code)
}

static TEXTS: LazyLock<Regex> = LazyLock::new(|| pattern(r#""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|#.*"#));

/// Whether a block is indented with blanks in one line and with tabs in the next: Python 3 refuses that.
fn mixes_tabs(code: &str) -> bool {
    let mut before = "";
    // Within brackets, and behind a line that goes on, blanks mean nothing.
    let (mut open, mut goes_on) = (0_i32, false);
    for line in code.lines() {
        let text = line.trim_start_matches([' ', '\t']);
        if text.trim().is_empty() || text.starts_with('#') {
            continue;
        }
        let indent = &line[..line.len() - text.len()];
        if open <= 0 && !goes_on {
            if !indent.starts_with(before) && !before.starts_with(indent) {
                return true;
            }
            before = indent;
        }
        let bare = TEXTS.replace_all(text, "");
        let count = |of: [char; 3]| bare.chars().filter(|c| of.contains(c)).count() as i32;
        open = (open + count(['(', '[', '{']) - count([')', ']', '}'])).max(0);
        goes_on = text.trim_end().ends_with('\\');
    }
    false
}

static RELATIVE: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?m)^\s*from\s+\.+\w*\s+import\b"));
static IMPORTED: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?m)^\s*(?:from|import)\s+(\w+)"));

/// How a Python program is started: with the folder above in which what it imports lies, or as a module.
fn python(root: &Path, below: &Path, name: &str) -> Candidate {
    let source = std::fs::read_to_string(root.join(below).join(name)).unwrap_or_default();
    let interpreter = if is_python_2(&source) { "python2" } else { "python3" };
    let file = below.join(name);
    let mut found = Candidate {
        words: vec![interpreter.to_owned(), name.to_owned()],
        cwd: below.to_owned(),
        leaning: leaning(name),
        file,
        ..Candidate::default()
    };
    if RELATIVE.is_match(&source)
        && let (Some(folder), Some(package)) = (below.parent(), below.file_name())
    {
        let module = format!("{}.{}", package.to_string_lossy(), name.trim_end_matches(".py"));
        found.words = vec![interpreter.to_owned(), "-m".to_owned(), module];
        found.cwd = folder.to_owned();
        return found;
    }
    let is_at = |folder: &Path, module: &str| {
        root.join(folder).join(module).is_dir() || root.join(folder).join(format!("{module}.py")).is_file()
    };
    let foreign = IMPORTED.captures_iter(&source).filter_map(|found| found.get(1)).map(|module| module.as_str());
    let above = |module: &str| below.ancestors().skip(1).find(|folder| is_at(folder, module));
    let home = foreign.filter(|module| !is_at(below, module)).find_map(above);
    if let Some(home) = home {
        let steps = below.components().count() - home.components().count();
        found.env.insert("PYTHONPATH".to_owned(), vec![".."; steps].join("/"));
    }
    found
}

fn look_into(root: &Path, below: &Path, depth: usize, cargo: bool, found: &mut Found) -> std::io::Result<()> {
    let mut files = Vec::new();
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(root.join(below))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') || FOREIGN.contains(&name.as_str()) {
            continue;
        }
        match entry.file_type()?.is_dir() {
            true => folders.push(below.join(&name)),
            false => files.push(name),
        }
    }
    files.sort();
    folders.sort();
    found.looked_at.extend(files.iter().map(|name| below.join(name).display().to_string()));
    let has = |names: &[&str]| files.iter().any(|name| names.contains(&name.as_str()));
    let sources: Vec<&String> =
        files.iter().filter(|name| is_source(Path::new(name)) && has_main(&root.join(below).join(name))).collect();
    for name in &files {
        let path = root.join(below).join(name);
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        if extension == "py" {
            found.programs.push(python(root, below, name));
        } else if let Some((_, interpreter)) = SCRIPTS.iter().find(|(known, _)| *known == extension) {
            found.programs.push(Candidate {
                file: below.join(name),
                words: vec![(*interpreter).to_owned(), name.clone()],
                cwd: below.to_owned(),
                leaning: leaning(name),
                ..Candidate::default()
            });
        } else if toolchain::is_executable(&path) && starts(&path) {
            match sources.is_empty() {
                true => found.programs.push(made(&below.join(name))),
                // The source comes first: nobody knows from which one this was made.
                false => found.stale.push(below.join(name)),
            }
        }
    }
    let cargo = cargo || has(&["Cargo.toml"]);
    if has(&["Cargo.toml"]) {
        found.build.push(command(&["cargo", "build", "--offline"], below));
    }
    if let Some(makefile) = ["GNUmakefile", "makefile", "Makefile"].iter().find(|name| has(&[**name])) {
        let text = std::fs::read(root.join(below).join(makefile)).unwrap_or_default();
        if !runs_a_program(&String::from_utf8_lossy(&text)) {
            found.build.push(command(&["make", "-B"], below));
        }
    } else if has(&["CMakeLists.txt"]) && toolchain::find("cmake", Path::new("/")).is_some() {
        found.build.push(Command {
            words: vec!["cmake -S . -B build && cmake --build build".to_owned()],
            shell: true,
            cwd: below.to_owned(),
            ..Command::default()
        });
    }
    for name in sources.iter().filter(|name| !(cargo && name.ends_with(".rs"))) {
        found.programs.extend(compiled(root, below, name, &files));
    }
    if depth < DEPTH {
        for folder in folders {
            look_into(root, &folder, depth + 1, cargo, found)?;
        }
    }
    Ok(())
}

/// How a source with a `main` becomes a program, by itself: the others of its folder are tried with it where it needs
/// them.
fn compiled(root: &Path, below: &Path, name: &str, files: &[String]) -> Option<Candidate> {
    let (bare, extension) = name.rsplit_once('.')?;
    // A folder may have the program's name.
    let stem = if root.join(below).join(bare).is_dir() { format!("{bare}.bin") } else { bare.to_owned() };
    let helpers: Vec<&str> = files
        .iter()
        .map(String::as_str)
        .filter(|file| file.ends_with(&format!(".{extension}")) && *file != name && !file.ends_with("_test.go"))
        .filter(|file| !has_main(&root.join(below).join(file)))
        .collect();
    let with = |words: &[&str], more: &[&str]| {
        let words: Vec<&str> = words.iter().chain(&helpers).chain(more).copied().collect();
        command(&words, below)
    };
    let build = match extension {
        "go" => {
            let alone = command(&["go", "build", "-o", &stem, name], below);
            let mut tries = vec![with(&["go", "build", "-o", &stem, name], &[]), alone];
            let modules = below.ancestors().any(|folder| root.join(folder).join("go.mod").is_file());
            if modules {
                tries.insert(0, command(&["go", "build", "-o", &stem, "."], below));
            }
            tries
        }
        "rs" => vec![command(&["rustc", "-O", "-o", &stem, name], below)],
        "java" => return java(root, below, name, files),
        _ => {
            let compiler = if extension == "c" { "cc" } else { "c++" };
            let plain = [compiler, "-O2", "-pthread", "-o", &stem, name];
            vec![command(&plain, below), with(&plain, &["-lm"])]
        }
    };
    Some(Candidate {
        file: below.join(name),
        words: vec![format!("./{stem}")],
        cwd: below.to_owned(),
        leaning: leaning(name),
        build,
        makes: Some(below.join(&stem)),
        ..Candidate::default()
    })
}

/// A class of Java with a `main`: compiled from where its packages begin, and what it needs with it.
fn java(root: &Path, below: &Path, name: &str, files: &[String]) -> Option<Candidate> {
    let text = std::fs::read(root.join(below).join(name)).ok()?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let package = text.lines().find_map(|line| line.trim().strip_prefix("package ")?.strip_suffix(';').map(str::trim));
    let class = Path::new(name).file_stem()?.to_str()?;
    let path = package.map(|package| package.replace('.', "/")).unwrap_or_default();
    let lies_so = !path.is_empty() && below.ends_with(&path);
    let home = match lies_so {
        true => below.ancestors().nth(Path::new(&path).components().count()).unwrap_or(below),
        false => below,
    };
    let source = below.join(name);
    let source = source.strip_prefix(home).unwrap_or(&source).display().to_string();
    let one = command(&["javac", "-d", ".", "-sourcepath", ".", &source], home);
    let all: Vec<&str> = files.iter().map(String::as_str).filter(|file| file.ends_with(".java")).collect();
    let together: Vec<&str> = ["javac", "-d", "."].iter().chain(&all).copied().collect();
    let full = package.map_or_else(|| class.to_owned(), |package| format!("{package}.{class}"));
    let made = home.join(full.replace('.', "/")).with_extension("class");
    Some(Candidate {
        file: below.join(name),
        words: vec!["java".to_owned(), "-cp".to_owned(), ".".to_owned(), full],
        cwd: home.to_owned(),
        leaning: leaning(name),
        build: vec![one, command(&together, below)],
        makes: Some(made),
        ..Candidate::default()
    })
}

/// Whether the first target of a Makefile runs a program instead of building one: then `make` would not come back.
fn runs_a_program(makefile: &str) -> bool {
    let is_target =
        |line: &&str| !line.starts_with(['\t', '#', '.', ' ']) && line.contains(':') && !line.contains(":=");
    let lines = makefile.lines().skip_while(|line| !is_target(line)).skip(1);
    let recipe = lines.take_while(|line| line.starts_with('\t') || line.trim().is_empty() || line.starts_with('#'));
    recipe.map(|line| line.trim().trim_start_matches(['@', '-'])).any(|line| {
        let starts = |word: &str| line.split_whitespace().next() == Some(word);
        line.starts_with("./")
            || ["python", "python3", "python2", "node", "java", "sudo"].iter().any(|word| starts(word))
    })
}

fn has_main(path: &Path) -> bool {
    std::fs::read(path).is_ok_and(|bytes| {
        let text = String::from_utf8_lossy(&bytes);
        let java = path.extension().is_some_and(|extension| extension == "java");
        let signs = if java { ["void main(", "void main ("] } else { ["main(", "main ("] };
        signs.iter().any(|sign| text.contains(sign))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        folder
    }

    fn started(found: &Found) -> Vec<String> {
        found.programs.iter().map(|program| format!("{}: {}", program.cwd.display(), program.words.join(" "))).collect()
    }

    #[test]
    fn finds_sources_and_how_to_build_them() {
        let folder = folder(&[
            ("server.c", "int main(void) { return 0; }"),
            ("list.c", "int helper;"),
            ("src/net/Client.java", "package net;\nclass Client { static void main(String[] a) {} }"),
        ]);
        let found = look(folder.path()).unwrap();
        assert_eq!(started(&found), [": ./server", "src: java -cp . net.Client"]);
        let build = |index: usize| found.programs[index].build[0].words.join(" ");
        assert_eq!(build(0), "cc -O2 -pthread -o server server.c");
        assert_eq!(build(1), "javac -d . -sourcepath . net/Client.java");
        assert_eq!(found.programs[0].build[1].words.join(" "), "cc -O2 -pthread -o server server.c list.c -lm");
    }

    #[test]
    fn a_binary_beside_sources_is_no_program() {
        use std::os::unix::fs::PermissionsExt;
        let folder = folder(&[("server.c", "int main() {}"), ("old", "\x7fELF"), ("bin/tool", "\x7fELF")]);
        for name in ["old", "bin/tool"] {
            let executable = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(folder.path().join(name), executable).unwrap();
        }
        let found = look(folder.path()).unwrap();
        assert_eq!(started(&found), [": ./server", "bin: ./tool"]);
        assert_eq!(found.stale, [Path::new("old")]);
    }

    #[rstest]
    #[case("print 'hello'\n", true)]
    #[case("try:\n  pass\nexcept socket.error, e:\n  pass\n", true)]
    #[case("line = raw_input('> ')\n", true)]
    #[case("print('hello')\n", false)]
    #[case("\"\"\"To be read:\nprint 'hello'\n\"\"\"\nprint(1)\n", false)]
    #[case("def print_all(x):\n  print (x)\n", false)]
    #[case::blanks_then_a_tab("while 1:\n    accept()\n\tprint('from', a)\n", true)]
    #[case::a_tab_within_brackets("while 1:\n    send(a,\n\t\tb)\n    go(')')\n", false)]
    #[case::behind_a_line_that_goes_on("if a:\n    b = 1 + \\\n\t2\n", false)]
    #[case::blocks_of_tabs_beside_blocks_of_blanks("if a:\n\tb()\nif c:\n    d()\n", false)]
    fn python_2_is_known_by_its_syntax(#[case] source: &str, #[case] is: bool) {
        assert_eq!(is_python_2(source), is);
    }

    #[rstest]
    #[case::alone(&[("a/x.py", "import socket")], "a: python3 x.py", None)]
    #[case::above(&[("a/b/x.py", "from util import send"), ("util.py", "")], "a/b: python3 x.py", Some("../.."))]
    #[case::relative(&[("pkg/x.py", "from .util import send"), ("pkg/util.py", "")], ": python3 -m pkg.x", None)]
    fn python_finds_what_it_imports(#[case] files: &[(&str, &str)], #[case] how: &str, #[case] path: Option<&str>) {
        let found = look(folder(files).path()).unwrap();
        let program = found.programs.iter().find(|program| program.file.ends_with("x.py")).unwrap();
        assert_eq!(format!("{}: {}", program.cwd.display(), program.words.join(" ")), how);
        assert_eq!(program.env.get("PYTHONPATH").map(String::as_str), path);
    }

    #[rstest]
    #[case("all: server\nserver: server.c\n\tcc -o server server.c\n", false)]
    #[case("CC=gcc\nrun:\n\t./server 8000\n", true)]
    #[case("# how\nserver:\n\t@python3 server.py\n", true)]
    fn a_makefile_may_run_the_server(#[case] makefile: &str, #[case] runs: bool) {
        assert_eq!(runs_a_program(makefile), runs);
    }
}
