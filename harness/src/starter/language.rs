//! What differs between the languages besides the code: names of files, builds, commands.

use clap::ValueEnum;

use harness_language::catalogue::Task;

/// Languages that there are starters in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// Python 3
    Python,
    /// C, with make
    C,
    /// Java
    Java,
    /// Go
    Go,
    /// Rust, with make and rustc
    Rust,
    /// JavaScript for Node
    Node,
}

/// A role as the name of a Java class.
pub fn class(role: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    };
    role.split('-').map(capital).collect()
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Python, Self::C, Self::Java, Self::Go, Self::Rust, Self::Node];

    /// As the command line and the templates' folders call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::C => "c",
            Self::Java => "java",
            Self::Go => "go",
            Self::Rust => "rust",
            Self::Node => "node",
        }
    }

    /// As people call it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Python => "Python",
            Self::C => "C",
            Self::Java => "Java",
            Self::Go => "Go",
            Self::Rust => "Rust",
            Self::Node => "JavaScript",
        }
    }

    /// What the student's machine needs.
    pub fn tools(self) -> &'static str {
        match self {
            Self::Python => "Python 3",
            Self::C => "a C compiler and make",
            Self::Java => "a JDK",
            Self::Go => "Go",
            Self::Rust => "Rust and make",
            Self::Node => "Node",
        }
    }

    /// What begins a comment of one line.
    pub fn comment(self) -> &'static str {
        if self == Self::Python { "#" } else { "//" }
    }

    /// The file of a role's program.
    pub fn source(self, role: &str) -> String {
        match self {
            Self::Python => format!("{role}.py"),
            Self::C => format!("{role}.c"),
            Self::Java => format!("{}.java", class(role)),
            Self::Go => format!("{role}/main.go"),
            Self::Rust => format!("{role}.rs"),
            Self::Node => format!("{role}.js"),
        }
    }

    /// How a role's program is started once it is built, without its arguments.
    pub fn command(self, role: &str) -> String {
        match self {
            Self::Python => format!("python3 {role}.py"),
            Self::C | Self::Rust => format!("./{role}"),
            Self::Java => format!("java -cp out {}", class(role)),
            Self::Go => format!("./bin/{role}"),
            Self::Node => format!("node {role}.js"),
        }
    }

    /// The command that builds a task's programs.
    pub fn build(self, task: &Task) -> Option<String> {
        let roles = |each: &dyn Fn(&str) -> String| task.role_names().map(each).collect::<Vec<_>>().join(" ");
        match self {
            Self::Python | Self::Node => None,
            Self::C | Self::Rust => Some("make".to_owned()),
            Self::Java => Some(format!("javac -d out {}", roles(&|role| self.source(role)))),
            Self::Go => Some(format!("go build -o bin/ {}", roles(&|role| format!("./{role}")))),
        }
    }

    /// Files that the build needs, and one that keeps what it makes out of a repository.
    pub fn build_files(self, task: &Task) -> Vec<(String, String)> {
        let roles: Vec<&str> = task.role_names().collect();
        let ignore = |lines: &[String]| (".gitignore".to_owned(), format!("{}\n", lines.join("\n")));
        match self {
            Self::Python => vec![ignore(&["__pycache__/".to_owned()])],
            Self::Node => Vec::new(),
            Self::Java => vec![ignore(&["/out/".to_owned()])],
            Self::Go => vec![
                ignore(&["/bin/".to_owned()]),
                ("go.mod".to_owned(), format!("module lab/{}\n\ngo 1.19\n", task.id())),
            ],
            Self::C | Self::Rust => {
                let compile = match self {
                    Self::C => "$(CC) $(CFLAGS) -o",
                    _ => "rustc --edition 2021 -O -o",
                };
                let flags = if self == Self::C { "CFLAGS = -O2 -Wall -Wextra -pthread\n\n" } else { "" };
                let mut text = format!("{flags}all: {}\n", roles.join(" "));
                for role in &roles {
                    let source = self.source(role);
                    text.push_str(&format!("\n{role}: {source}\n\t{compile} {role} {source}\n"));
                }
                text.push_str(&format!("\nclean:\n\trm -f {}\n\n.PHONY: all clean\n", roles.join(" ")));
                let built: Vec<String> = roles.iter().map(|role| format!("/{role}")).collect();
                vec![ignore(&built), ("Makefile".to_owned(), text)]
            }
        }
    }

    /// The host that a server listens on: the one it is given, or every address of the machine.
    pub fn bind_host(self, given: bool) -> &'static str {
        match (self, given) {
            (Self::Rust, true) => "host.as_str()",
            (_, true) => "host",
            (Self::C, false) => "NULL",
            (Self::Rust | Self::Node, false) => "\"0.0.0.0\"",
            (_, false) => "\"\"",
        }
    }

    /// The same as a socket address of Java.
    pub fn bind_address(self, given: bool) -> &'static str {
        if given { "new InetSocketAddress(host, port)" } else { "new InetSocketAddress(port)" }
    }
}
