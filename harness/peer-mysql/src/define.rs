//! `CREATE TABLE`, from MySQL's words into SQLite's (MySQL 8.0 Reference Manual, section 15.1.20).
//!
//! SQLite takes any value in any column. So that what MySQL refuses is refused here as well, columns get conditions
//! whose names say which error breaking them is.

use super::lex::{Kind, Piece};
use super::render::{Surroundings, closing, named, parts, pieces, quoted};
use super::result::Refusal;
use super::{Trouble, beyond};

/// A table to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// An existing one may stay.
    pub if_not_exists: bool,
    /// SQLite's statement.
    pub sql: String,
}

/// A column as it is read.
#[derive(Debug, Default)]
struct Column {
    name: String,
    declared: String,
    text: bool,
    checks: Vec<String>,
    not_null: bool,
    default: Option<String>,
    counts: bool,
    primary: bool,
    unique: bool,
}

/// Types that MySQL knows and this server does not.
const UNKNOWN_HERE: [&str; 14] = [
    "GEOMETRY",
    "POINT",
    "LINESTRING",
    "POLYGON",
    "MULTIPOINT",
    "MULTILINESTRING",
    "MULTIPOLYGON",
    "GEOMETRYCOLLECTION",
    "BIT",
    "SERIAL",
    "SET",
    "INET6",
    "UUID",
    "VECTOR",
];

fn syntax(source: &str, at: Option<&Piece>) -> Trouble {
    Trouble::Refused(Refusal::syntax(at.map_or("", |piece| source.get(piece.at.start..).unwrap_or_default())))
}

/// Reads what follows `CREATE TABLE`: `[IF NOT EXISTS] name (…) …`.
pub fn table(all: &[Piece], source: &str, around: &dyn Surroundings) -> Result<Table, Trouble> {
    let if_not_exists = matches!(all, [a, b, c, ..] if a.is("IF") && b.is("NOT") && c.is("EXISTS"));
    let rest = if if_not_exists { &all[3..] } else { all };
    let Some((first, rest)) = rest.split_first() else { return Err(syntax(source, None)) };
    let Some(name) = first.name().filter(|_| !first.text.is_empty()) else { return Err(syntax(source, Some(first))) };
    if rest.first().is_none_or(|piece| !piece.is_mark("(")) {
        // LIKE, AS SELECT.
        return Err(if rest.is_empty() { syntax(source, None) } else { beyond("CREATE TABLE without columns") });
    }
    let Some(close) = closing(rest, 0) else { return Err(syntax(source, None)) };
    if rest[close + 1..].iter().any(|piece| piece.is_any(&["SELECT", "PARTITION"])) {
        return Err(beyond("CREATE TABLE with a query or with partitions"));
    }
    let mut columns = Vec::new();
    let mut constraints = Vec::new();
    for part in parts(&rest[1..close]) {
        let Some(first) = part.first() else { return Err(syntax(source, rest.get(close))) };
        let begins = ["PRIMARY", "UNIQUE", "KEY", "INDEX", "FULLTEXT", "SPATIAL", "CONSTRAINT", "FOREIGN", "CHECK"];
        if first.is_any(&begins) {
            constraints.push(part);
        } else {
            columns.push(column(part, source, around)?);
        }
    }
    let mut lines = Vec::new();
    for part in constraints {
        lines.extend(constraint(part, source, around, &mut columns)?);
    }
    if columns.iter().filter(|column| column.counts).any(|column| !column.primary && !column.unique) {
        let why = "Incorrect table definition; there can be only one auto column and it must be defined as a key";
        return Err(Trouble::Refused(Refusal::new(1075, why)));
    }
    if columns.is_empty() {
        return Err(Trouble::Refused(Refusal::new(1113, "A table must have at least 1 column")));
    }
    let mut all: Vec<String> = columns.iter().map(Column::rendered).collect();
    all.append(&mut lines);
    let exists = if if_not_exists { "IF NOT EXISTS " } else { "" };
    let sql = format!("CREATE TABLE {exists}{} ({})", named(name), all.join(", "));
    Ok(Table { name: name.to_owned(), if_not_exists, sql })
}

/// A column to be added to a table that exists.
pub fn added(part: &[Piece], source: &str, around: &dyn Surroundings) -> Result<String, Trouble> {
    let column = column(part, source, around)?;
    if column.primary || column.unique || column.counts || column.not_null && column.default.is_none() {
        return Err(beyond("ALTER TABLE with this kind of column"));
    }
    Ok(column.rendered())
}

impl Column {
    fn rendered(&self) -> String {
        let mut out = named(&self.name);
        if self.counts {
            // Only so spelled it counts.
            return format!("{out} INTEGER PRIMARY KEY AUTOINCREMENT");
        }
        out.push(' ');
        out.push_str(&self.declared);
        if self.text {
            out.push_str(" COLLATE NOCASE");
        }
        if self.not_null || self.primary {
            out.push_str(" NOT NULL");
        }
        if let Some(default) = &self.default {
            // In brackets it could not be that of a column that is added later.
            let plain = default.starts_with(['\'', '-'])
                || default.starts_with(|c: char| c.is_ascii_digit())
                || default.eq_ignore_ascii_case("NULL");
            out.push_str(&if plain { format!(" DEFAULT {default}") } else { format!(" DEFAULT ({default})") });
        }
        if self.primary {
            out.push_str(" PRIMARY KEY");
        }
        if self.unique {
            out.push_str(" UNIQUE");
        }
        for check in &self.checks {
            out.push_str(&format!(" {check}"));
        }
        out
    }

    fn check(&mut self, code: u16, condition: &str) {
        let name = named(&format!("{code} {}", self.name));
        self.checks.push(format!("CONSTRAINT {name} CHECK ({condition})"));
    }
}

/// Reads a column: its name, its type, and what is said of it.
fn column(part: &[Piece], source: &str, around: &dyn Surroundings) -> Result<Column, Trouble> {
    let [name, of_type, ..] = part else { return Err(syntax(source, part.get(1))) };
    let Some(text) = name.name() else { return Err(syntax(source, Some(name))) };
    if of_type.kind != Kind::Word {
        return Err(syntax(source, Some(of_type)));
    }
    let mut column = Column { name: text.to_owned(), ..Column::default() };
    let mut at = 2;
    if part.get(at).is_some_and(|piece| piece.is_any(&["VARYING", "PRECISION"])) {
        at += 1;
    }
    let mut arguments: &[Piece] = &[];
    if part.get(at).is_some_and(|piece| piece.is_mark("(")) {
        let Some(close) = closing(part, at) else { return Err(syntax(source, part.get(at))) };
        arguments = &part[at + 1..close];
        at = close + 1;
    }
    set_type(&mut column, of_type, arguments, source)?;
    while let Some(piece) = part.get(at) {
        let next = |offset: usize, word: &str| part.get(at + offset).is_some_and(|piece| piece.is(word));
        at += match piece.text.to_ascii_uppercase().as_str() {
            "NOT" if next(1, "NULL") => {
                column.not_null = true;
                2
            }
            "NULL" | "SIGNED" | "ZEROFILL" | "VISIBLE" => 1,
            "UNSIGNED" => {
                let of = named(&column.name);
                column.check(1264, &format!("{of} >= 0"));
                1
            }
            "AUTO_INCREMENT" => {
                column.counts = true;
                1
            }
            "PRIMARY" if next(1, "KEY") => {
                column.primary = true;
                2
            }
            "UNIQUE" => {
                column.unique = true;
                if next(1, "KEY") { 2 } else { 1 }
            }
            "KEY" => {
                column.primary = true;
                1
            }
            "COMMENT" | "COLLATE" | "CHARSET" => 2,
            "CHARACTER" if next(1, "SET") => 3,
            "ON" if next(1, "UPDATE") => 3 + brackets(part, at + 3),
            // Read by MySQL, and not acted upon.
            "REFERENCES" => part.len() - at,
            "DEFAULT" => {
                let end = value_end(part, at + 1).ok_or_else(|| syntax(source, part.get(at + 1)))?;
                column.default = Some(pieces(&part[at + 1..end], around).sql);
                end - at
            }
            "CHECK" => {
                let open = at + 1;
                let Some(close) = closing(part, open) else { return Err(syntax(source, part.get(open))) };
                let condition = pieces(&part[open + 1..close], around).sql;
                column.check(3819, &condition);
                close + 1 - at
            }
            "GENERATED" | "AS" | "CONSTRAINT" | "FIRST" | "AFTER" | "INVISIBLE" | "SRID" | "STORAGE" => {
                return Err(beyond("this kind of column"));
            }
            _ => return Err(syntax(source, Some(piece))),
        };
    }
    Ok(column)
}

/// How many pieces a pair of brackets takes that may stand at `at`.
fn brackets(part: &[Piece], at: usize) -> usize {
    if !part.get(at).is_some_and(|piece| piece.is_mark("(")) {
        return 0;
    }
    closing(part, at).map_or(0, |close| close + 1 - at)
}

/// Where the value that begins at `at` ends.
fn value_end(part: &[Piece], at: usize) -> Option<usize> {
    let first = part.get(at)?;
    let signed = first.is_mark("-") || first.is_mark("+");
    if first.is_mark("(") {
        return closing(part, at).map(|close| close + 1);
    }
    if signed {
        return (part.get(at + 1)?.kind == Kind::Number).then_some(at + 2);
    }
    Some(at + 1 + brackets(part, at + 1))
}

/// Sets what SQLite is told of a type, and what is asked of values.
fn set_type(column: &mut Column, of_type: &Piece, arguments: &[Piece], source: &str) -> Result<(), Trouble> {
    let word = of_type.text.to_ascii_uppercase();
    let of = named(&column.name);
    let numbers: Vec<&str> =
        arguments.iter().filter(|piece| piece.kind == Kind::Number).map(|piece| piece.text.as_str()).collect();
    let sized =
        |word: &str| if numbers.is_empty() { word.to_owned() } else { format!("{word}({})", numbers.join(",")) };
    match word.as_str() {
        "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "BIGINT" | "INT1" | "INT2" | "INT3" | "INT4" | "INT8"
        | "MIDDLEINT" => {
            column.declared = sized(&word);
            column.check(1366, &format!("typeof({of}) IN ('integer', 'null', 'real')"));
            let bits = match word.as_str() {
                "TINYINT" | "INT1" => 8,
                "SMALLINT" | "INT2" => 16,
                "BIGINT" | "INT8" => 0,
                _ => 32,
            };
            if bits > 0 {
                // Unsigned ones reach twice as far.
                column.check(1264, &format!("{of} BETWEEN {} AND {}", -(1i64 << (bits - 1)), (1i64 << bits) - 1));
            }
        }
        "INTEGER" => {
            // `INTEGER PRIMARY KEY` would count by itself.
            column.declared = "INT".to_owned();
            column.check(1366, &format!("typeof({of}) IN ('integer', 'null', 'real')"));
            column.check(1264, &format!("{of} BETWEEN -2147483648 AND 4294967295"));
        }
        "BOOL" | "BOOLEAN" => column.declared = "TINYINT(1)".to_owned(),
        "YEAR" => column.declared = "YEAR INT".to_owned(),
        "FLOAT" | "DOUBLE" | "REAL" | "FLOAT4" | "FLOAT8" => {
            column.declared = if word.starts_with("FLOAT") { "FLOAT" } else { "DOUBLE" }.to_owned();
            column.check(1366, &format!("typeof({of}) <> 'text'"));
        }
        "DECIMAL" | "NUMERIC" | "DEC" | "FIXED" => {
            column.declared = sized("DECIMAL");
            column.check(1366, &format!("typeof({of}) <> 'text'"));
        }
        "CHAR" | "VARCHAR" | "CHARACTER" | "NCHAR" | "NVARCHAR" => {
            if numbers.is_empty() && word.contains("VAR") {
                return Err(syntax(source, Some(of_type)));
            }
            column.text = true;
            let length = numbers.first().copied().unwrap_or("1");
            column.declared = format!("{}({length})", if word.contains("VAR") { "VARCHAR" } else { "CHAR" });
            column.check(1406, &format!("char_length({of}) <= {length}"));
        }
        "TEXT" | "TINYTEXT" | "MEDIUMTEXT" | "LONGTEXT" => {
            column.text = true;
            column.declared = word;
        }
        "ENUM" => {
            column.text = true;
            column.declared = "ENUM TEXT".to_owned();
            let all: Vec<String> =
                arguments.iter().filter(|piece| piece.kind == Kind::Text).map(|piece| quoted(&piece.text)).collect();
            column.check(1265, &format!("{of} COLLATE NOCASE IN ({})", all.join(", ")));
        }
        "JSON" => column.declared = "JSON TEXT".to_owned(),
        "DATE" | "DATETIME" | "TIMESTAMP" | "TIME" => column.declared = format!("{word} TEXT"),
        "BLOB" | "TINYBLOB" | "MEDIUMBLOB" | "LONGBLOB" | "BINARY" | "VARBINARY" => column.declared = "BLOB".to_owned(),
        known if UNKNOWN_HERE.contains(&known) => return Err(beyond(&format!("the type {known}"))),
        _ => return Err(syntax(source, Some(of_type))),
    }
    Ok(())
}

/// Reads what is said of the table, outside of its columns.
fn constraint(
    part: &[Piece],
    source: &str,
    around: &dyn Surroundings,
    columns: &mut [Column],
) -> Result<Option<String>, Trouble> {
    let mut rest = part;
    if rest[0].is("CONSTRAINT") {
        rest = &rest[1..];
        if rest.first().is_some_and(|piece| !piece.is_any(&["PRIMARY", "UNIQUE", "FOREIGN", "CHECK"])) {
            rest = &rest[1..];
        }
    }
    let Some(word) = rest.first() else { return Err(syntax(source, None)) };
    let Some(open) = rest.iter().position(|piece| piece.is_mark("(")) else { return Err(syntax(source, Some(word))) };
    let Some(close) = closing(rest, open) else { return Err(syntax(source, Some(word))) };
    let names: Vec<String> =
        parts(&rest[open + 1..close]).iter().filter_map(|part| part.first()?.name()).map(str::to_owned).collect();
    let list = || names.iter().map(|name| named(name)).collect::<Vec<_>>().join(", ");
    let lone = |columns: &mut [Column]| {
        let found = columns.iter().position(|column| names.len() == 1 && column.name.eq_ignore_ascii_case(&names[0]));
        found.filter(|index| columns[*index].counts)
    };
    match word.text.to_ascii_uppercase().as_str() {
        "PRIMARY" => {
            if let Some(index) = lone(columns) {
                columns[index].primary = true;
                return Ok(None);
            }
            for column in
                columns.iter_mut().filter(|column| names.iter().any(|name| name.eq_ignore_ascii_case(&column.name)))
            {
                if column.counts {
                    return Err(beyond("AUTO_INCREMENT in a key of several columns"));
                }
                column.not_null = true;
            }
            Ok(Some(format!("PRIMARY KEY ({})", list())))
        }
        "UNIQUE" => {
            if let Some(index) = lone(columns) {
                columns[index].unique = true;
                return Ok(None);
            }
            Ok(Some(format!("UNIQUE ({})", list())))
        }
        "KEY" | "INDEX" => {
            // It changes how fast rows are found, and nothing else.
            if let Some(index) = lone(columns) {
                columns[index].unique = true;
            }
            Ok(None)
        }
        "FULLTEXT" | "SPATIAL" => Ok(None),
        "CHECK" => {
            let condition = pieces(&rest[open + 1..close], around).sql;
            Ok(Some(format!("CONSTRAINT `3819 check` CHECK ({condition})")))
        }
        "FOREIGN" => {
            let after = pieces(&rest[close + 1..], around).sql;
            Ok(Some(format!("FOREIGN KEY ({}) {after}", list())))
        }
        _ => Err(syntax(source, Some(word))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lex;
    use rstest::rstest;

    struct Nothing;

    impl Surroundings for Nothing {
        fn constant(&self, _: &str) -> Option<String> {
            None
        }

        fn variable(&self, _: &str) -> Option<String> {
            None
        }
    }

    #[rstest]
    #[case(
        "s (id INT AUTO_INCREMENT PRIMARY KEY, name TEXT NOT NULL)",
        "CREATE TABLE `s` (`id` INTEGER PRIMARY KEY AUTOINCREMENT, `name` TEXT COLLATE NOCASE NOT NULL)"
    )]
    #[case(
        "IF NOT EXISTS `s` (`id` int(11) NOT NULL AUTO_INCREMENT, d DATE DEFAULT NULL, PRIMARY KEY (`id`), KEY k (d)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4",
        "CREATE TABLE IF NOT EXISTS `s` (`id` INTEGER PRIMARY KEY AUTOINCREMENT, `d` DATE TEXT DEFAULT NULL)"
    )]
    #[case(
        "s (a BLOB UNIQUE, b BOOL DEFAULT -1, PRIMARY KEY (b))",
        "CREATE TABLE `s` (`a` BLOB UNIQUE, `b` TINYINT(1) NOT NULL DEFAULT - 1, PRIMARY KEY (`b`))"
    )]
    #[case(
        "s (name VARCHAR(5) PRIMARY KEY)",
        "CREATE TABLE `s` (`name` VARCHAR(5) COLLATE NOCASE NOT NULL PRIMARY KEY CONSTRAINT `1406 name` CHECK (char_length(`name`) <= 5))"
    )]
    fn makes_tables(#[case] mysql: &str, #[case] sqlite: &str) {
        assert_eq!(table(&lex::pieces(mysql).unwrap(), mysql, &Nothing).unwrap().sql, sqlite);
    }

    #[rstest]
    #[case("s (id INTEGER PRIMARY KEY AUTOINCREMENT)", Some(1064))]
    #[case("s (id INT AUTO_INCREMENT)", Some(1075))]
    #[case("s (name STRING)", Some(1064))]
    #[case("s (name VARCHAR)", Some(1064))]
    #[case("s (id INT,)", Some(1064))]
    #[case("s (place POINT)", None)]
    #[case("s AS SELECT 1", None)]
    fn refuses(#[case] mysql: &str, #[case] code: Option<u16>) {
        match table(&lex::pieces(mysql).unwrap(), mysql, &Nothing).unwrap_err() {
            Trouble::Refused(refusal) | Trouble::Doubtful(refusal) => assert_eq!(Some(refusal.code), code),
            Trouble::Beyond(_) => assert_eq!(None, code),
        }
    }
}
