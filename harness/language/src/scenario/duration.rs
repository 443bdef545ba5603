//! Durations as scenario files and flags write them: `500ms`, `5s`, `2m`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

/// A bound or a pause. On `sim` and `turmoil` it is virtual time, on `wire` real time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Limit(pub Duration);

/// Why a text is not a duration.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{text}` is not a duration: write a number and a unit, such as 500ms, 5s or 2m")]
pub struct BadDuration {
    text: String,
}

impl FromStr for Limit {
    type Err = BadDuration;

    fn from_str(text: &str) -> Result<Self, BadDuration> {
        let bad = || BadDuration { text: text.to_owned() };
        let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_| bad())?;
        let unit_ms = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            _ => return Err(bad()),
        };
        number.checked_mul(unit_ms).map(|ms| Self(Duration::from_millis(ms))).ok_or_else(bad)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&human(self.0))
    }
}

/// A duration as a sentence says it: `1.5 s`, `20 ms`.
pub fn human(duration: Duration) -> String {
    let ms = duration.as_millis();
    if ms >= 1_000 && ms.is_multiple_of(1_000) {
        format!("{} s", ms / 1_000)
    } else if ms >= 1_000 {
        format!("{:.1} s", duration.as_secs_f64())
    } else {
        format!("{ms} ms")
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Limit;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration such as \"500ms\", \"5s\" or \"2m\"")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Limit, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

impl Serialize for Limit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}ms", self.0.as_millis()))
    }
}

impl JsonSchema for Limit {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[0-9]+(ms|s|m|min|h)$",
            "description": "A duration: a number and a unit (ms, s, m, h)."
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("0ms", 0)]
    #[case("500ms", 500)]
    #[case("5s", 5_000)]
    #[case("2m", 120_000)]
    #[case("1h", 3_600_000)]
    fn reads_units(#[case] text: &str, #[case] ms: u64) {
        assert_eq!(text.parse(), Ok(Limit(Duration::from_millis(ms))));
    }

    #[rstest]
    #[case("")]
    #[case("5")]
    #[case("s")]
    #[case("5 s")]
    #[case("-5s")]
    #[case("5days")]
    #[case("99999999999999999999s")]
    #[case("18446744073709551615h")]
    fn refuses_the_rest(#[case] text: &str) {
        let error = text.parse::<Limit>().unwrap_err().to_string();
        assert!(error.contains("such as 500ms"), "{error}");
    }
}
