//! Functions that MySQL has and SQLite has not, or has otherwise.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{Type, ValueRef};
use rusqlite::{Connection, Result};

/// The server's clock: seconds since 1970.
pub type Clock = Arc<AtomicU64>;

/// Adds them to a connection.
pub fn add(connection: &Connection, clock: &Clock) -> Result<()> {
    let fixed = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    type Texts = fn(&[String]) -> String;
    // NULL in, NULL out; all arguments as text.
    let of_texts: [(&str, i32, Texts); 11] = [
        ("concat", -1, |all| all.concat()),
        ("ucase", 1, |all| all[0].to_uppercase()),
        ("lcase", 1, |all| all[0].to_lowercase()),
        ("upper", 1, |all| all[0].to_uppercase()),
        ("lower", 1, |all| all[0].to_lowercase()),
        ("reverse", 1, |all| all[0].chars().rev().collect()),
        ("mysql_left", 2, |all| all[0].chars().take(count(&all[1])).collect()),
        ("mysql_right", 2, |all| {
            let length = all[0].chars().count();
            all[0].chars().skip(length.saturating_sub(count(&all[1]))).collect()
        }),
        ("repeat", 2, |all| all[0].repeat(count(&all[1]).min(1 << 16))),
        ("lpad", 3, |all| padded(all, true)),
        ("rpad", 3, |all| padded(all, false)),
    ];
    for (name, arguments, function) in of_texts {
        connection.create_scalar_function(name, arguments, fixed, move |context| {
            Ok(texts(context).map(|all| function(&all)))
        })?;
    }
    let length = |chars: bool| {
        move |context: &mut Context<'_>| {
            let all = texts(context);
            Ok(all.map(|all| if chars { all[0].chars().count() } else { all[0].len() } as i64))
        }
    };
    connection.create_scalar_function("length", 1, fixed, length(false))?;
    connection.create_scalar_function("char_length", 1, fixed, length(true))?;
    connection.create_scalar_function("character_length", 1, fixed, length(true))?;
    for name in ["greatest", "least"] {
        connection.create_scalar_function(name, -1, fixed, move |context| {
            let all: Option<Vec<f64>> = (0..context.len()).map(|index| number(context.get_raw(index))).collect();
            let pick = if name == "greatest" { f64::max } else { f64::min };
            Ok(all.and_then(|all| all.into_iter().reduce(pick)).map(whole))
        })?;
    }
    for (name, part) in
        [("year", 0..4), ("month", 5..7), ("day", 8..10), ("dayofmonth", 8..10), ("hour", 11..13), ("minute", 14..16)]
    {
        connection.create_scalar_function(name, 1, fixed, move |context| {
            let all = texts(context);
            Ok(all.and_then(|all| all[0].get(part.clone()).and_then(|digits| digits.parse::<i64>().ok())))
        })?;
    }
    connection.create_scalar_function("regexp", 2, fixed, |context| {
        let all = texts(context);
        Ok(all.and_then(|all| {
            let pattern = regex::RegexBuilder::new(&all[0]).case_insensitive(true).size_limit(1 << 16).build();
            pattern.ok().map(|pattern| pattern.is_match(&all[1]))
        }))
    })?;
    for (name, from, length) in [("mysql_now", 0, 19), ("mysql_today", 0, 10), ("mysql_time", 11, 8)] {
        let clock = Arc::clone(clock);
        connection.create_scalar_function(name, 0, FunctionFlags::SQLITE_UTF8, move |_| {
            Ok(moment(clock.load(Ordering::Relaxed))[from..from + length].to_owned())
        })?;
    }
    let clock = Arc::clone(clock);
    connection.create_scalar_function("unix_timestamp", 0, FunctionFlags::SQLITE_UTF8, move |_| {
        Ok(clock.load(Ordering::Relaxed) as i64)
    })
}

/// `2026-03-02 09:00:00`.
fn moment(seconds: u64) -> String {
    let moment = chrono::DateTime::from_timestamp(seconds.min(1 << 40) as i64, 0).unwrap_or_default();
    moment.format("%Y-%m-%d %H:%M:%S").to_string()
}

fn count(text: &str) -> usize {
    text.parse::<f64>().map_or(0, |number| number.max(0.0) as usize)
}

fn padded(all: &[String], left: bool) -> String {
    let (length, have) = (count(&all[1]).min(1 << 16), all[0].chars().count());
    if length <= have {
        return all[0].chars().take(length).collect();
    }
    let fill: String = all[2].chars().cycle().take(if all[2].is_empty() { 0 } else { length - have }).collect();
    if left { fill + &all[0] } else { all[0].clone() + &fill }
}

/// All arguments as text; nothing if one is NULL.
fn texts(context: &Context<'_>) -> Option<Vec<String>> {
    (0..context.len())
        .map(|index| match context.get_raw(index) {
            ValueRef::Null => None,
            ValueRef::Integer(number) => Some(number.to_string()),
            ValueRef::Real(number) => Some(number.to_string()),
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        })
        .collect()
}

fn number(value: ValueRef<'_>) -> Option<f64> {
    match (value.data_type(), value) {
        (Type::Integer, ValueRef::Integer(number)) => Some(number as f64),
        (Type::Real, ValueRef::Real(number)) => Some(number),
        (_, ValueRef::Text(bytes)) => std::str::from_utf8(bytes).ok()?.parse().ok(),
        _ => None,
    }
}

/// A whole number as such.
fn whole(number: f64) -> rusqlite::types::Value {
    if number.fract() == 0.0 && number.abs() < 9e15 { (number as i64).into() } else { number.into() }
}
