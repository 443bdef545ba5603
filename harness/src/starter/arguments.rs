//! A program's arguments, in the form in which the harness gives them: words in their order, some with a flag before.

use super::language::Language;
use harness_language::catalogue::model::Role;

/// One argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    /// The flag before it.
    flag: Option<String>,
    /// Its placeholder: `port`, `local-port`.
    name: String,
    /// Whether it is as many words as there are.
    several: bool,
}

impl Argument {
    /// Those of a role.
    pub fn of(role: &Role) -> Vec<Self> {
        let mut arguments = Vec::new();
        let mut flag = None;
        for word in role.arguments.split_whitespace() {
            match word.strip_prefix('{').and_then(|word| word.strip_suffix('}')) {
                None => flag = Some(word.to_owned()),
                Some(name) => arguments.push(Self {
                    flag: flag.take(),
                    name: name.strip_prefix("each-").unwrap_or(name).to_owned(),
                    several: name.starts_with("each-"),
                }),
            }
        }
        arguments
    }

    /// As the usage line shows it.
    pub fn usage(&self) -> String {
        let word = match self.name.as_str() {
            "from" => "SENDER".to_owned(),
            "to" => "RECIPIENT".to_owned(),
            name => name.to_uppercase(),
        };
        let several = if self.several { " ..." } else { "" };
        let flag = self.flag.as_ref().map(|flag| format!("{flag} ")).unwrap_or_default();
        format!("{flag}{word}{several}")
    }

    /// Its variable.
    pub fn variable(&self, language: Language) -> String {
        let name = match self.name.as_str() {
            // `from` is a word of some languages.
            "from" => "sender",
            "to" => "recipient",
            "file" if self.several => "files",
            name => name,
        };
        let camel = matches!(language, Language::Java | Language::Go | Language::Node);
        match name.split_once('-') {
            Some((first, rest)) if camel => format!("{first}{}", super::language::class(rest)),
            Some(_) => name.replace('-', "_"),
            None => name.to_owned(),
        }
    }

    /// Whether it is the number of a port.
    fn is_port(&self) -> bool {
        matches!(self.name.as_str(), "port" | "local-port")
    }

    /// Whether the templates make use of it; the others are the student's.
    fn is_used(&self) -> bool {
        self.is_port() || self.name == "host"
    }
}

/// Where an argument stands among the words after the program's name, from 0.
fn places(arguments: &[Argument]) -> Vec<usize> {
    let mut next = 0;
    let place = |argument: &Argument| {
        next += 1 + usize::from(argument.flag.is_some());
        next - 1
    };
    arguments.iter().map(place).collect()
}

/// The lines that look at the arguments and give each its variable; `usage` is what they print if the number is wrong.
pub fn code(arguments: &[Argument], language: Language, usage: &str) -> Vec<String> {
    let places = places(arguments);
    let words = places.last().map_or(0, |last| last + 1);
    let several = arguments.iter().any(|argument| argument.several);
    let dialect = Dialect { language, words, several };
    let mut wrong = vec![dialect.wrong_number()];
    for (argument, place) in arguments.iter().zip(&places) {
        if let Some(flag) = &argument.flag {
            wrong.push(dialect.wrong_flag(place - 1, flag));
        }
    }
    let mut lines = dialect.refuse(&wrong.join(if language == Language::Python { " or " } else { " || " }), usage);
    for (argument, place) in arguments.iter().zip(&places) {
        lines.push(dialect.bind(argument, *place));
    }
    let unused: Vec<String> =
        arguments.iter().filter(|it| !it.is_used()).map(|argument| argument.variable(language)).collect();
    lines.extend(dialect.keep(&unused));
    if arguments.is_empty() && language == Language::C {
        lines.push("(void)argv;".to_owned());
    }
    lines
}

/// How a language says these things.
struct Dialect {
    language: Language,
    /// Words after the program's name.
    words: usize,
    /// Whether there may be more of them.
    several: bool,
}

impl Dialect {
    fn word(&self, place: usize) -> String {
        match self.language {
            Language::Python => format!("sys.argv[{}]", place + 1),
            Language::C => format!("argv[{}]", place + 1),
            Language::Java => format!("args[{place}]"),
            Language::Go => format!("os.Args[{}]", place + 1),
            Language::Rust => format!("arguments[{}]", place + 1),
            Language::Node => format!("process.argv[{}]", place + 2),
        }
    }

    fn wrong_number(&self) -> String {
        let (count, before) = match self.language {
            Language::Python => ("len(sys.argv)", 1),
            Language::C => ("argc", 1),
            Language::Java => ("args.length", 0),
            Language::Go => ("len(os.Args)", 1),
            Language::Rust => ("arguments.len()", 1),
            Language::Node => ("process.argv.length", 2),
        };
        let differs = match (self.several, self.language) {
            (true, _) => "<",
            (false, Language::Node) => "!==",
            (false, _) => "!=",
        };
        format!("{count} {differs} {}", self.words + before)
    }

    fn wrong_flag(&self, place: usize, flag: &str) -> String {
        let word = self.word(place);
        match self.language {
            Language::C => format!("strcmp({word}, \"{flag}\") != 0"),
            Language::Java => format!("!{word}.equals(\"{flag}\")"),
            Language::Node => format!("{word} !== \"{flag}\""),
            Language::Python | Language::Go | Language::Rust => format!("{word} != \"{flag}\""),
        }
    }

    fn refuse(&self, wrong: &str, usage: &str) -> Vec<String> {
        let text = match self.language {
            Language::Python => format!("if {wrong}:\n    sys.exit(\"usage: {usage}\")"),
            Language::C => {
                format!("if ({wrong}) {{\n    fprintf(stderr, \"usage: {usage}\\n\");\n    return 2;\n}}")
            }
            Language::Java => {
                format!("if ({wrong}) {{\n    System.err.println(\"usage: {usage}\");\n    System.exit(2);\n}}")
            }
            Language::Go => {
                format!("if {wrong} {{\n\tfmt.Fprintln(os.Stderr, \"usage: {usage}\")\n\tos.Exit(2)\n}}")
            }
            Language::Rust => format!(
                "let arguments: Vec<String> = std::env::args().collect();\nif {wrong} {{\n    eprintln!(\"usage: \
                 {usage}\");\n    exit(2)\n}}"
            ),
            Language::Node => {
                format!("if ({wrong}) {{\n  console.error(\"usage: {usage}\");\n  process.exit(2);\n}}")
            }
        };
        text.lines().map(str::to_owned).collect()
    }

    fn bind(&self, argument: &Argument, place: usize) -> String {
        let (name, word) = (argument.variable(self.language), self.word(place));
        match (self.language, argument.several, argument.is_port()) {
            (Language::Python, true, _) => format!("{name} = sys.argv[{}:]", place + 1),
            (Language::Python, _, true) => format!("{name} = int({word})"),
            (Language::Python, ..) => format!("{name} = {word}"),
            (Language::C, true, _) => format!("char **{name} = &{word};  // NULL after the last"),
            (Language::C, ..) => format!("const char *{name} = {word};"),
            (Language::Java, true, _) => {
                format!("String[] {name} = java.util.Arrays.copyOfRange(args, {place}, args.length);")
            }
            (Language::Java, _, true) => format!("int {name} = Integer.parseInt({word});"),
            (Language::Java, ..) => format!("String {name} = {word};"),
            (Language::Go, true, _) => format!("{name} := os.Args[{}:]", place + 1),
            (Language::Go, ..) => format!("{name} := {word}"),
            (Language::Rust, true, _) => format!("let {name} = &arguments[{}..];", place + 1),
            (Language::Rust, _, true) => {
                format!("let {name}: u16 = {word}.parse().expect(\"a port is a number\");")
            }
            (Language::Rust, ..) => format!("let {name} = &{word};"),
            (Language::Node, true, _) => format!("const {name} = process.argv.slice({});", place + 2),
            (Language::Node, ..) => format!("const {name} = {word};"),
        }
    }

    /// Keeps compilers quiet about what the student has not used yet.
    fn keep(&self, unused: &[String]) -> Vec<String> {
        if unused.is_empty() {
            return Vec::new();
        }
        let list = unused.join(", ");
        match self.language {
            Language::C => unused.iter().map(|name| format!("(void){name};  // until it is used")).collect(),
            Language::Go => {
                let blanks = vec!["_"; unused.len()].join(", ");
                vec![format!("{blanks} = {list} // until they are used")]
            }
            Language::Rust => vec![format!("let _ = ({list},); // until they are used")],
            Language::Python | Language::Java | Language::Node => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn role(arguments: &str) -> Role {
        let text = format!("name = \"mail\"\nkind = \"client\"\ntransport = \"tcp\"\narguments = \"{arguments}\"");
        toml::from_str(&text).expect("a role")
    }

    #[rstest]
    #[case("{port}", "PORT")]
    #[case("--ip {host} --port {port}", "--ip HOST --port PORT")]
    #[case("{host} {port} {from} {to} {each-file}", "HOST PORT SENDER RECIPIENT FILE ...")]
    #[case("{local-port} {host} {port}", "LOCAL-PORT HOST PORT")]
    #[case("", "")]
    fn usage(#[case] arguments: &str, #[case] shown: &str) {
        let words: Vec<String> = Argument::of(&role(arguments)).iter().map(Argument::usage).collect();
        assert_eq!(words.join(" "), shown);
    }

    #[test]
    fn flags_are_words_of_their_own() {
        let arguments = Argument::of(&role("--ip {host} --port {port}"));
        let lines = code(&arguments, Language::Python, "client");
        assert_eq!(lines[0], "if len(sys.argv) != 5 or sys.argv[1] != \"--ip\" or sys.argv[3] != \"--port\":");
        assert_eq!(lines[2..], ["host = sys.argv[2]", "port = int(sys.argv[4])"]);
    }
}
