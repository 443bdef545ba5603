//! Statements about rows, from MySQL's words into SQLite's.

use super::lex::{Kind, Piece};

/// What a statement can ask about the session that it comes in.
pub trait Surroundings {
    /// The SQL text that a function without arguments stands for, such as `database`; nothing if it is none of these.
    fn constant(&self, function: &str) -> Option<String>;
    /// The SQL text that `@@name` or `@name` stands for; nothing if there is no such variable.
    fn variable(&self, name: &str) -> Option<String>;
}

/// A text of SQLite's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rendered {
    /// The text.
    pub sql: String,
    /// Something of it is said in another way than MySQL means it in every case.
    pub approximate: bool,
}

/// Puts a string into quotes.
pub fn quoted(text: &str) -> String {
    if text.contains('\0') {
        let digits: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        return format!("CAST(x'{digits}' AS TEXT)");
    }
    format!("'{}'", text.replace('\'', "''"))
}

/// Puts a name into backticks.
pub fn named(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// The pieces between commas that stand in no brackets.
pub fn parts(pieces: &[Piece]) -> Vec<&[Piece]> {
    let mut depth = 0;
    let mut all = Vec::new();
    let mut begin = 0;
    for (index, piece) in pieces.iter().enumerate() {
        if piece.is_mark("(") {
            depth += 1;
        } else if piece.is_mark(")") {
            depth -= 1;
        } else if depth == 0 && piece.is_mark(",") {
            all.push(&pieces[begin..index]);
            begin = index + 1;
        }
    }
    all.push(&pieces[begin..]);
    all
}

/// Where the bracket that opens at `open` is closed.
pub fn closing(pieces: &[Piece], open: usize) -> Option<usize> {
    let mut depth = 0;
    for (index, piece) in pieces.iter().enumerate().skip(open) {
        if piece.is_mark("(") {
            depth += 1;
        } else if piece.is_mark(")") {
            depth -= 1;
            if depth == 0 {
                return Some(index);
            }
        }
    }
    None
}

/// The first of these keywords that stands in no brackets.
pub fn outside(pieces: &[Piece], words: &[&str]) -> Option<usize> {
    let mut depth = 0;
    pieces.iter().position(|piece| {
        if piece.is_mark("(") {
            depth += 1;
        } else if piece.is_mark(")") {
            depth -= 1;
        }
        depth == 0 && piece.is_any(words)
    })
}

/// Words and expressions, whatever they are part of.
pub fn pieces(all: &[Piece], around: &dyn Surroundings) -> Rendered {
    let mut out = Rendered::default();
    let mut index = 0;
    while index < all.len() {
        index += one(all, index, around, &mut out);
    }
    out
}

fn push(out: &mut Rendered, text: &str) {
    if !out.sql.is_empty() {
        out.sql.push(' ');
    }
    out.sql.push_str(text);
}

/// Writes the piece at `index`, and says how many were used up.
fn one(all: &[Piece], index: usize, around: &dyn Surroundings, out: &mut Rendered) -> usize {
    let piece = &all[index];
    let next = |offset: usize, mark: &str| all.get(index + offset).is_some_and(|piece| piece.is_mark(mark));
    match piece.kind {
        Kind::Text => push(out, &quoted(&piece.text)),
        Kind::Name => push(out, &named(&piece.text)),
        Kind::Hex => push(out, &format!("x'{}'", piece.text)),
        Kind::Number => push(out, &piece.text),
        Kind::Mark => match piece.text.as_str() {
            "&&" => push(out, "AND"),
            "||" => push(out, "OR"),
            "<=>" => push(out, "IS"),
            // Whole numbers divided are no whole number.
            "/" => push(out, "* 1.0 /"),
            other => push(out, other),
        },
        Kind::Word if piece.text.starts_with('@') => match around.variable(&piece.text) {
            Some(text) => push(out, &text),
            None => push(out, &piece.text),
        },
        Kind::Word => {
            let word = piece.text.to_ascii_lowercase();
            let after_dot = index > 0 && all[index - 1].is_mark(".");
            if after_dot {
                push(out, &named(&piece.text));
                return 1;
            }
            if next(1, "(") && next(2, ")") {
                let known = match word.as_str() {
                    "now" | "current_timestamp" | "sysdate" | "localtime" | "localtimestamp" => {
                        Some("mysql_now()".to_owned())
                    }
                    "curdate" | "current_date" | "utc_date" => Some("mysql_today()".to_owned()),
                    "curtime" | "current_time" => Some("mysql_time()".to_owned()),
                    function => around.constant(function),
                };
                if let Some(text) = known {
                    push(out, &text);
                    return 3;
                }
            }
            match word.as_str() {
                "current_timestamp" | "localtimestamp" | "localtime" => push(out, "mysql_now()"),
                "current_date" => push(out, "mysql_today()"),
                "current_time" => push(out, "mysql_time()"),
                "current_user" => push(out, &around.constant("current_user").unwrap_or_default()),
                "left" if next(1, "(") => push(out, "mysql_left"),
                "right" if next(1, "(") => push(out, "mysql_right"),
                "if" if next(1, "(") => push(out, "iif"),
                "mid" if next(1, "(") => push(out, "substr"),
                "truncate" | "format" if next(1, "(") => {
                    out.approximate = true;
                    push(out, "round");
                }
                // Between the words of GROUP_CONCAT.
                "separator" => push(out, ","),
                "rlike" => push(out, "REGEXP"),
                "mod" if !next(1, "(") => push(out, "%"),
                "sql_calc_found_rows" | "sql_no_cache" | "straight_join" => {}
                "binary" if !next(1, "(") => out.approximate = true,
                "for" if all.get(index + 1).is_some_and(|next| next.is("update")) => return 2,
                "from" if all.get(index + 1).is_some_and(|next| next.is("dual")) => return 2,
                _ => push(out, &piece.text),
            }
        }
    }
    1
}

/// A query. Columns that have no name of their own are called what stands in the statement.
pub fn query(all: &[Piece], source: &str, around: &dyn Surroundings) -> Rendered {
    let Some(first) = all.first() else { return Rendered::default() };
    if !first.is("SELECT") {
        return pieces(all, around);
    }
    let skipped = all[1..]
        .iter()
        .take_while(|piece| piece.is_any(&["DISTINCT", "ALL", "DISTINCTROW", "SQL_CALC_FOUND_ROWS", "SQL_NO_CACHE"]));
    let begin = 1 + skipped.count();
    let clauses = ["FROM", "WHERE", "LIMIT", "UNION", "ORDER", "GROUP", "HAVING", "INTO", "INTERSECT", "EXCEPT"];
    let end = outside(&all[begin..], &clauses).map_or(all.len(), |end| begin + end);
    let mut out = Rendered { sql: "SELECT".to_owned(), approximate: false };
    if all[1..begin].iter().any(|piece| piece.is_any(&["DISTINCT", "DISTINCTROW"])) {
        push(&mut out, "DISTINCT");
    }
    for (index, item) in parts(&all[begin..end]).into_iter().enumerate() {
        if index > 0 {
            push(&mut out, ",");
        }
        let rendered = pieces(item, around);
        out.approximate |= rendered.approximate;
        push(&mut out, &rendered.sql);
        if let Some(name) = own_name(item, source) {
            push(&mut out, &format!("AS {}", named(&name)));
        }
    }
    let rest = pieces(&all[end..], around);
    out.approximate |= rest.approximate;
    if !rest.sql.is_empty() {
        push(&mut out, &rest.sql);
    }
    out
}

/// What a column is called that has no alias.
fn own_name(item: &[Piece], source: &str) -> Option<String> {
    let (first, last) = (item.first()?, item.last()?);
    let is_plain = |piece: &Piece| piece.name().is_some() && !piece.text.starts_with('@');
    let column = match item {
        [one] => {
            is_plain(one)
                && !one.is_any(&["NULL", "TRUE", "FALSE", "CURRENT_TIMESTAMP", "CURRENT_DATE", "CURRENT_USER"])
                || one.is_mark("*")
        }
        [.., before, dot, end] if dot.is_mark(".") => {
            item.len() % 2 == 1
                && item.len() <= 5
                && before.name().is_some()
                && (end.name().is_some() || end.is_mark("*"))
        }
        _ => false,
    };
    if column {
        // As it is written here, and not as the table has it.
        return (!last.is_mark("*")).then(|| last.text.clone());
    }
    if let [one] = item
        && one.kind == Kind::Text
    {
        return Some(one.text.clone());
    }
    if outside(item, &["AS"]).is_some() {
        return None;
    }
    // `COUNT(*) total`: a name after something that ends an expression.
    if let [.., before, alias] = item {
        let ends = before.is_mark(")")
            || before.is("END")
            || matches!(before.kind, Kind::Text | Kind::Number | Kind::Name | Kind::Word);
        let keyword = before.is_any(&[
            "NOT",
            "IS",
            "AND",
            "OR",
            "LIKE",
            "IN",
            "BINARY",
            "DIV",
            "MOD",
            "REGEXP",
            "BETWEEN",
            "DISTINCT",
            "CASE",
            "WHEN",
            "THEN",
            "ELSE",
            "SEPARATOR",
        ]);
        let is_name = is_plain(alias) && !alias.is_any(&["END", "NULL", "TRUE", "FALSE"]) || alias.kind == Kind::Text;
        if ends && !keyword && is_name {
            return None;
        }
    }
    source.get(first.at.start..last.at.end).map(str::to_owned)
}

/// INSERT and REPLACE.
pub fn insert(all: &[Piece], source: &str, around: &dyn Surroundings) -> Rendered {
    let replaces = all[0].is("REPLACE");
    let modifiers = ["LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IGNORE", "INTO"];
    let begin = 1 + all[1..].iter().take_while(|piece| piece.is_any(&modifiers)).count();
    let ignores = all[1..begin].iter().any(|piece| piece.is("IGNORE"));
    let mut out = Rendered::default();
    push(
        &mut out,
        if replaces {
            "REPLACE INTO"
        } else if ignores {
            "INSERT OR IGNORE INTO"
        } else {
            "INSERT INTO"
        },
    );
    let mut rest = all[begin..].to_vec();
    // MySQL's own form: SET a = 1, b = 2.
    let duplicate = outside(&rest, &["DUPLICATE"]).filter(|at| *at > 0 && rest[at - 1].is("ON"));
    let mut tail = match duplicate {
        Some(at) => {
            let mut tail = rest.split_off(at - 1);
            tail.drain(..(4).min(tail.len()));
            tail
        }
        None => Vec::new(),
    };
    // VALUES (…) AS new ON DUPLICATE KEY UPDATE a = new.a
    if let [.., word, alias] = &rest[..]
        && word.is("AS")
    {
        let alias = alias.text.clone();
        rest.truncate(rest.len() - 2);
        for index in 0..tail.len().saturating_sub(1) {
            if tail[index].name().is_some_and(|name| name.eq_ignore_ascii_case(&alias)) && tail[index + 1].is_mark(".")
            {
                tail[index] = Piece::made(Kind::Word, "excluded");
            }
        }
    }
    let assigned = outside(&rest, &["SET"]).filter(|_| outside(&rest, &["VALUES", "VALUE", "SELECT"]).is_none());
    if let Some(set) = assigned {
        let table = pieces(&rest[..set], around);
        let (mut names, mut values) = (Vec::new(), Vec::new());
        for part in parts(&rest[set + 1..]) {
            let Some((name, value)) =
                part.iter().position(|piece| piece.is_mark("=")).map(|at| (&part[..at], &part[at + 1..]))
            else {
                continue;
            };
            names.push(pieces(name, around).sql);
            values.push(pieces(value, around).sql);
        }
        push(&mut out, &format!("{} ({}) VALUES ({})", table.sql, names.join(", "), values.join(", ")));
    } else if let Some(select) = outside(&rest, &["SELECT"]) {
        push(&mut out, &pieces(&rest[..select], around).sql);
        let query = query(&rest[select..], source, around);
        out.approximate |= query.approximate;
        push(&mut out, &query.sql);
        if !tail.is_empty() && outside(&rest[select..], &["WHERE"]).is_none() {
            // Else ON would be taken for that of a join.
            push(&mut out, "WHERE true");
        }
    } else {
        let ended = rest.len() >= 4
            && rest[rest.len() - 5.min(rest.len())..]
                .iter()
                .map(|piece| piece.text.to_ascii_uppercase())
                .collect::<Vec<_>>()
                .join("")
                .ends_with("()VALUES()");
        if ended {
            rest.truncate(rest.len() - 5);
            push(&mut out, &format!("{} DEFAULT VALUES", pieces(&rest, around).sql));
        } else {
            let rest: Vec<Piece> = rest
                .into_iter()
                .map(|piece| match &piece {
                    it if it.is("VALUE") => Piece::made(Kind::Word, "VALUES"),
                    it if it.is("DEFAULT") => {
                        out.approximate = true;
                        Piece::made(Kind::Word, "NULL")
                    }
                    _ => piece,
                })
                .collect();
            let rendered = pieces(&rest, around);
            out.approximate |= rendered.approximate;
            push(&mut out, &rendered.sql);
        }
    }
    if !tail.is_empty() {
        push(&mut out, "ON CONFLICT DO UPDATE SET");
        push(&mut out, &pieces(&with_excluded(&tail), around).sql);
    }
    out
}

/// `VALUES(a)` is what would have been inserted.
fn with_excluded(tail: &[Piece]) -> Vec<Piece> {
    let mut out = Vec::new();
    let mut index = 0;
    while index < tail.len() {
        match &tail[index..] {
            [values, open, name, close, ..]
                if values.is_any(&["VALUES", "VALUE"]) && open.is_mark("(") && close.is_mark(")") =>
            {
                out.extend([Piece::made(Kind::Word, "excluded"), Piece::made(Kind::Mark, "."), name.clone()]);
                index += 4;
            }
            _ => {
                out.push(tail[index].clone());
                index += 1;
            }
        }
    }
    out
}

/// UPDATE and DELETE.
pub fn change(all: &[Piece], around: &dyn Surroundings) -> Rendered {
    let modifiers = ["LOW_PRIORITY", "QUICK", "IGNORE"];
    let begin = 1 + all[1..].iter().take_while(|piece| piece.is_any(&modifiers)).count();
    let ignores = all[1..begin].iter().any(|piece| piece.is("IGNORE"));
    let rest = pieces(&all[begin..], around);
    let word = all[0].text.to_ascii_uppercase();
    let ignores = if ignores && word == "UPDATE" { " OR IGNORE" } else { "" };
    Rendered { sql: format!("{word}{ignores} {}", rest.sql), approximate: rest.approximate }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lex;
    use rstest::rstest;

    struct Nothing;

    impl Surroundings for Nothing {
        fn constant(&self, function: &str) -> Option<String> {
            (function == "database").then(|| "'lab'".to_owned())
        }

        fn variable(&self, name: &str) -> Option<String> {
            (name == "@@version").then(|| "'8'".to_owned())
        }
    }

    #[rstest]
    #[case(
        "SELECT COUNT(*), name FROM `students`",
        "SELECT COUNT ( * ) AS `COUNT(*)` , name AS `name` FROM `students`"
    )]
    #[case("SELECT COUNT(*) total, 'x', a.b FROM a", "SELECT COUNT ( * ) total , 'x' AS `x` , a . `b` AS `b` FROM a")]
    #[case("select now(), DATABASE()", "SELECT mysql_now() AS `now()` , 'lab' AS `DATABASE()`")]
    #[case("SELECT @@version", "SELECT '8' AS `@@version`")]
    #[case("SELECT a && b || c FROM t", "SELECT a AND b OR c AS `a && b || c` FROM t")]
    #[case(
        "SELECT IF(a, LEFT(b, 2), \"it's\") AS c FROM t",
        "SELECT iif ( a , mysql_left ( b , 2 ) , 'it''s' ) AS c FROM t"
    )]
    fn queries(#[case] mysql: &str, #[case] sqlite: &str) {
        assert_eq!(query(&lex::pieces(mysql).unwrap(), mysql, &Nothing).sql, sqlite);
    }

    #[rstest]
    #[case("INSERT IGNORE students VALUE (1, \"a\")", "INSERT OR IGNORE INTO students VALUES ( 1 , 'a' )")]
    #[case("INSERT INTO s SET a = 1, b = CONCAT('x', 'y')", "INSERT INTO s (a, b) VALUES (1, CONCAT ( 'x' , 'y' ))")]
    #[case("INSERT INTO s () VALUES ()", "INSERT INTO s DEFAULT VALUES")]
    #[case(
        "INSERT INTO s (a) VALUES (1) ON DUPLICATE KEY UPDATE a = VALUES(a) + 1",
        "INSERT INTO s ( a ) VALUES ( 1 ) ON CONFLICT DO UPDATE SET a = excluded . `a` + 1"
    )]
    #[case(
        "INSERT INTO s (a) VALUES (1) AS new ON DUPLICATE KEY UPDATE a = new.a",
        "INSERT INTO s ( a ) VALUES ( 1 ) ON CONFLICT DO UPDATE SET a = excluded . `a`"
    )]
    #[case("REPLACE INTO s (a) VALUES (?)", "REPLACE INTO s ( a ) VALUES ( ? )")]
    fn inserts(#[case] mysql: &str, #[case] sqlite: &str) {
        assert_eq!(insert(&lex::pieces(mysql).unwrap(), mysql, &Nothing).sql, sqlite);
    }
}
