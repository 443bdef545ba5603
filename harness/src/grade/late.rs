//! What a rubric takes off for lateness.
//!
//! The time at which something was handed in is given, never taken from a clock: the same times give the same points.
//! Every time is an instant: `due` says its offset from UTC, and a time that is given without one is read with that
//! of `due`.

use std::borrow::Cow;
use std::fmt;

use chrono::{DateTime, FixedOffset, NaiveDateTime, SecondsFormat};
use harness_judging::shown::counted;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use super::dates;
use crate::report::model::{Late, Report};
use crate::report::summary::points;
use harness_language::scenario::duration::Limit;

/// The rubric's `[late]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Policy {
    /// When submissions are due: `2026-11-20T23:59:00+01:00`.
    pub due: Moment,
    /// So much later nothing is taken off yet; beyond it, lateness counts from `due`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace: Option<Limit>,
    /// What is taken off for each day or hour that has begun: points, or "10%".
    pub off: Part,
    /// For each of these that has begun.
    #[serde(default)]
    pub per: Unit,
    /// Of what per cent are taken.
    #[serde(default)]
    pub of: Whole,
    /// The most that is taken off: points, or "50%".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Part>,
    /// What is handed in later than this earns nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_off: Option<Moment>,
}

/// What lateness is counted in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// 24 hours.
    #[default]
    Day,
    /// 60 minutes.
    Hour,
}

/// What per cent are taken of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Whole {
    /// The points that could be earned.
    #[default]
    Possible,
    /// The points that were earned.
    Earned,
}

impl Policy {
    /// What is wrong with it: the key, and why.
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        let parts = [("off", Some(self.off)), ("at-most", self.at_most)];
        for (key, part) in parts.into_iter().filter_map(|(key, part)| Some((key, part?))) {
            let (number, most) = match part {
                Part::Points(number) => (number, 1e6),
                Part::Percent(number) => (number, 100.0),
            };
            if !(0.0..=most).contains(&number) {
                problems.push((key, format!("`{key}` is between 0 and {}", Part::of(part, most))));
            }
        }
        if self.cut_off.is_some_and(|cut_off| cut_off.0 <= self.due.0) {
            problems.push(("cut-off", "`cut-off` is not later than `due`".to_owned()));
        }
        problems
    }

    /// What is taken off something of so many points, out of so many that could be earned; nothing if it was handed in
    /// in time.
    pub fn judge(&self, submitted: Moment, score: f64, max_score: f64) -> Option<Late> {
        let seconds = submitted.0.signed_duration_since(self.due.0).num_seconds();
        let grace = self.grace.map_or(0, |grace| i64::try_from(grace.0.as_secs()).unwrap_or(i64::MAX));
        if seconds <= grace.max(0) {
            return None;
        }
        let (length, name) = match self.per {
            Unit::Day => (86_400, "day"),
            Unit::Hour => (3_600, "hour"),
        };
        // Exact: both are whole and positive.
        let begun = seconds.unsigned_abs().div_ceil(length);
        let whole = match self.of {
            Whole::Possible => max_score,
            Whole::Earned => score,
        };
        let value = |part: Part| match part {
            Part::Points(points) => points,
            Part::Percent(percent) => whole * percent / 100.0,
        };
        let after_cut_off = self.cut_off.is_some_and(|cut_off| submitted.0 > cut_off.0);
        let most = self.at_most.map_or(f64::INFINITY, value);
        let off = if after_cut_off { score } else { (begun as f64 * value(self.off)).min(most) };
        // Hundredths of points, as reports print them: what is shown adds up.
        let off = (off.clamp(0.0, score.max(0.0)) * 100.0).round() / 100.0;
        let reason = match after_cut_off {
            true => "handed in after the last possible time".to_owned(),
            false => format!("{} late, {} off for each", counted(begun, name), self.off),
        };
        Some(Late {
            submitted: submitted.to_string(),
            due: self.due.to_string(),
            seconds: seconds.unsigned_abs(),
            score_before: score,
            points_off: off,
            reason: format!("{reason}: {} points off", points(off)),
        })
    }
}

/// Takes off of a report what the policy says. Points that are held back take part, and keep their share apart.
pub fn apply(report: &mut Report, policy: &Policy, submitted: Option<Moment>) {
    let Some(submitted) = submitted else {
        report.notes.push("it is not known when this was handed in: nothing is taken off for lateness".to_owned());
        return;
    };
    if let Some(held) = &mut report.held_back {
        let all = (report.score + held.score, report.max_score + held.max_score);
        let shown = policy.judge(submitted, report.score, report.max_score).map_or(0.0, |late| late.points_off);
        let off = policy.judge(submitted, all.0, all.1).map_or(0.0, |late| late.points_off);
        held.score = (all.0 - off - (report.score - shown)).max(0.0);
    }
    if let Some(late) = policy.judge(submitted, report.score, report.max_score) {
        report.score -= late.points_off;
        report.late = Some(late);
    }
}

/// An instant, to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub DateTime<FixedOffset>);

/// How systems write times, besides RFC 3339.
const FORMATS: [&str; 8] = [
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%M",
    // Blackboard's attempts.
    "%Y-%m-%d-%H-%M-%S",
    // Moodle's worksheet, in English.
    "%A, %d %B %Y, %I:%M %p",
    "%d %B %Y, %I:%M %p",
    "%d/%m/%y, %H:%M",
];

impl Moment {
    /// A time as RFC 3339, or as learning systems write it; without an offset it is taken in this one.
    pub fn read(text: &str, offset: FixedOffset) -> Option<Self> {
        let text = text.trim();
        let spaced = text.strip_suffix(" UTC").map(|text| format!("{text}Z"));
        let text = spaced.as_deref().unwrap_or(text);
        // Ruby puts a blank before the offset, too.
        if let Ok(exact) = DateTime::parse_from_rfc3339(&text.replacen(' ', "T", 1).replacen(' ', "", 1)) {
            return Some(Self(exact));
        }
        let parsed = |format: &&str| NaiveDateTime::parse_from_str(text, format).ok();
        let local = FORMATS.iter().find_map(parsed).or_else(|| dates::in_words(text))?;
        local.and_local_timezone(offset).single().map(Self)
    }

    /// Seconds since 1970, in this offset.
    pub fn of_seconds(seconds: i64, offset: FixedOffset) -> Option<Self> {
        DateTime::from_timestamp(seconds, 0).map(|at| Self(at.with_timezone(&offset)))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.to_rfc3339_opts(SecondsFormat::Secs, true))
    }
}

impl std::str::FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let why = || format!("`{text}` is no time with its offset from UTC; write it like 2026-11-20T23:59:00+01:00");
        DateTime::parse_from_rfc3339(&text.replacen(' ', "T", 1)).map(Self).map_err(|_| why())
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Time;
        impl<'de> Visitor<'de> for Time {
            type Value = Moment;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a date and time with its offset from UTC, such as 2026-11-20T23:59:00+01:00")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Moment, E> {
                text.parse().map_err(E::custom)
            }
            // TOML's own dates come as a table of one entry.
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Moment, A::Error> {
                let time = toml::value::Datetime::deserialize(MapAccessDeserializer::new(map))?;
                time.to_string().parse().map_err(de::Error::custom)
            }
        }
        deserializer.deserialize_any(Time)
    }
}

impl JsonSchema for Moment {
    fn schema_name() -> Cow<'static, str> {
        "Moment".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "date-time",
            "description": "A date and time with its offset from UTC (RFC 3339), in quotes or as TOML's own kind: 2026-11-20T23:59:00+01:00"
        })
    }
}

/// Points, or a part of a hundred.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Part {
    /// So many points.
    Points(f64),
    /// So many per cent.
    Percent(f64),
}

impl Part {
    /// The same kind with another number.
    fn of(self, number: f64) -> Self {
        match self {
            Self::Points(_) => Self::Points(number),
            Self::Percent(_) => Self::Percent(number),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Points(number) if *number == 1.0 => formatter.write_str("1 point"),
            Self::Points(number) => write!(formatter, "{} points", points(*number)),
            Self::Percent(number) => write!(formatter, "{} %", points(*number)),
        }
    }
}

impl Serialize for Part {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Points(number) => serializer.serialize_f64(*number),
            Self::Percent(number) => serializer.collect_str(&format_args!("{number}%")),
        }
    }
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;
        impl Visitor<'_> for Number {
            type Value = Part;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("points such as 2.5, or a part such as \"10%\"")
            }
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Part, E> {
                Ok(Part::Points(number))
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Part, E> {
                Ok(Part::Points(number as f64))
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Part, E> {
                Ok(Part::Points(number as f64))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Part, E> {
                let number = text.trim().strip_suffix('%').and_then(|number| number.trim().parse().ok());
                let finite = number.filter(|number: &f64| number.is_finite());
                finite.map(Part::Percent).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Number)
    }
}

impl JsonSchema for Part {
    fn schema_name() -> Cow<'static, str> {
        "Part".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Points, or per cent in quotes: 2.5 or \"10%\".",
            "anyOf": [{ "type": "number", "minimum": 0 }, { "type": "string", "pattern": "^ *[0-9]+([.][0-9]+)? *% *$" }]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    fn policy(text: &str) -> Policy {
        toml::from_str(&format!("due = 2026-11-20T23:59:00+01:00\n{text}")).unwrap()
    }

    fn at(text: &str) -> Moment {
        text.parse().unwrap()
    }

    const HOUR: &str = "per = \"hour\"\noff = 2.0\nat-most = 5\n";
    const DAY: &str = "grace = \"15m\"\noff = \"10%\"\nat-most = \"50%\"\ncut-off = 2026-11-27T23:59:00+01:00\n";
    const EARNED: &str = "off = \"10%\"\nof = \"earned\"\n";

    // 30 of 40 points were earned.
    #[rstest]
    #[case::in_time(DAY, "2026-11-20T23:59:00+01:00", None)]
    #[case::the_same_instant_elsewhere(DAY, "2026-11-20T22:59:00Z", None)]
    #[case::grace(DAY, "2026-11-21T00:14:00+01:00", None)]
    #[case::after_grace(DAY, "2026-11-21T00:14:01+01:00", Some(4.0))]
    #[case::one_day(DAY, "2026-11-21T23:59:00+01:00", Some(4.0))]
    #[case::a_second_day(DAY, "2026-11-21T23:59:01+01:00", Some(8.0))]
    #[case::the_most(DAY, "2026-11-27T23:59:00+01:00", Some(20.0))]
    #[case::cut_off(DAY, "2026-11-27T23:59:01+01:00", Some(30.0))]
    #[case::one_second(HOUR, "2026-11-20T23:59:01+01:00", Some(2.0))]
    #[case::two_hours(HOUR, "2026-11-21T01:30:00+01:00", Some(4.0))]
    #[case::the_most_points(HOUR, "2026-11-21T09:00:00+01:00", Some(5.0))]
    #[case::of_what_was_earned(EARNED, "2026-11-21T09:00:00+01:00", Some(3.0))]
    #[case::never_below_nothing(EARNED, "2027-11-21T09:00:00+01:00", Some(30.0))]
    fn what_is_taken_off(#[case] text: &str, #[case] submitted: &str, #[case] off: Option<f64>) {
        assert_eq!(policy(text).judge(at(submitted), 30.0, 40.0).map(|late| late.points_off), off);
    }

    #[test]
    fn it_says_why() {
        let reason = |text, submitted| policy(text).judge(at(submitted), 30.0, 40.0).unwrap().reason;
        assert_eq!(reason(DAY, "2026-11-22T12:00:00+01:00"), "2 days late, 10 % off for each: 8 points off");
        assert_eq!(reason(HOUR, "2026-11-21T00:00:00+01:00"), "1 hour late, 2 points off for each: 2 points off");
        assert_eq!(reason(DAY, "2027-01-01T00:00:00+01:00"), "handed in after the last possible time: 30 points off");
    }

    #[rstest]
    #[case("2026-11-21T00:14:01+01:00")]
    #[case("2026-11-20T23:14:01Z")]
    #[case("2026-11-20 23:14:01 UTC")]
    #[case("2026-11-21 00:14:01")]
    #[case("2026-11-21-00-14-01")]
    fn times_of_systems(#[case] text: &str) {
        let due = policy(DAY).due;
        assert_eq!(Moment::read(text, *due.0.offset()), Some(at("2026-11-21T00:14:01+01:00")));
    }

    #[test]
    fn a_worksheet_in_english() {
        let offset = *policy(DAY).due.0.offset();
        let read = |text: &str| Moment::read(text, offset).map(|at| at.to_string());
        assert_eq!(read("Friday, 20 November 2026, 11:59 PM").as_deref(), Some("2026-11-20T23:59:00+01:00"));
        assert_eq!(read("yesterday"), None);
    }

    #[test]
    fn it_is_kept_and_read_back() {
        for text in [DAY, HOUR, EARNED] {
            let policy = policy(text);
            let json = serde_json::to_string(&policy).unwrap();
            assert_eq!(serde_json::from_str::<Policy>(&json).unwrap(), policy, "{json}");
        }
    }

    proptest! {
        #[test]
        fn later_never_costs_less(a in 0i64..2_000_000, b in 0i64..2_000_000, score in 0u32..400) {
            let policy = policy(DAY);
            let score = f64::from(score) / 10.0;
            let off = |seconds: i64| {
                let submitted = Moment(policy.due.0 + chrono::Duration::seconds(seconds));
                policy.judge(submitted, score, 40.0).map_or(0.0, |late| late.points_off)
            };
            prop_assert!(off(a.min(b)) <= off(a.max(b)));
            prop_assert!((0.0..=score).contains(&off(a)));
        }
    }
}
