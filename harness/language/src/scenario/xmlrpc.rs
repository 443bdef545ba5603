//! XML-RPC calls that peers make (xmlrpc.com/spec.md), built from what a scenario says of them, and the values in them.
//!
//! Values are written as in TOML: whole numbers, numbers with a point, texts, `true` and `false`, arrays, and tables for
//! structs. The two types that TOML has no word for are tables with one key: `{ base64 = "text" }`,
//! `{ date-time = "20260131T12:30:00" }`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};

use super::bytes::PayloadError;
use super::http::{Asked, Known};
use crate::base64;

/// A value that is carried.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `<int>`, `<i4>` or `<i8>`.
    Int(i64),
    /// `<double>`.
    Double(f64),
    /// `<boolean>`.
    Boolean(bool),
    /// `<string>`, or no type at all.
    Text(String),
    /// `<dateTime.iso8601>`, as written.
    DateTime(String),
    /// `<base64>`.
    Base64(Vec<u8>),
    /// `<nil/>`, an extension.
    Nil,
    /// `<array>`.
    Array(Vec<Value>),
    /// `<struct>`; the order of its members has no meaning.
    Struct(BTreeMap<String, Value>),
}

/// One call.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Call {
    /// The method by its name on the wire.
    #[serde(default)]
    pub method: Option<String>,
    /// The method by what it is for: a value of the role such as `add`, which each program may name as it likes.
    #[serde(default)]
    pub function: Option<String>,
    /// The parameters.
    #[serde(default)]
    pub params: Vec<Value>,
}

impl Call {
    /// What the method is called on the wire.
    ///
    /// # Errors
    /// If the program has no such function.
    pub fn name(&self, known: Known<'_>) -> Result<String, PayloadError> {
        match (&self.method, &self.function) {
            (Some(method), _) => Ok(method.clone()),
            (None, Some(function)) => {
                known(Asked::Value(function)).map(|name| String::from_utf8_lossy(&name).into_owned())
            }
            (None, None) => Err(PayloadError::Nameless),
        }
    }

    /// The body of the request.
    ///
    /// # Errors
    /// If the program has no such function.
    pub fn bytes(&self, known: Known<'_>) -> Result<Vec<u8>, PayloadError> {
        Ok(body(&self.name(known)?, &self.params))
    }

    /// Whether it names its method once.
    ///
    /// # Errors
    /// If it does not.
    pub fn check(&self) -> Result<(), PayloadError> {
        match self.method.is_some() != self.function.is_some() {
            true => Ok(()),
            false => Err(PayloadError::Nameless),
        }
    }
}

/// The body of a request that makes several calls with one (`system.multicall`).
///
/// # Errors
/// If the program has no such function.
pub fn multicall(calls: &[Call], known: Known<'_>) -> Result<Vec<u8>, PayloadError> {
    let one = |call: &Call| {
        let name = Value::Text(call.name(known)?);
        let members = [("methodName", name), ("params", Value::Array(call.params.clone()))];
        Ok(Value::Struct(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()))
    };
    let calls: Vec<Value> = calls.iter().map(one).collect::<Result<_, _>>()?;
    Ok(body("system.multicall", &[Value::Array(calls)]))
}

/// The body of a request, laid out as the usual libraries do it.
pub fn body(method: &str, params: &[Value]) -> Vec<u8> {
    let mut xml =
        format!("<?xml version=\"1.0\"?>\n<methodCall>\n<methodName>{}</methodName>\n<params>\n", escaped(method));
    for param in params {
        xml.push_str("<param>\n");
        write(&mut xml, param);
        xml.push_str("</param>\n");
    }
    xml.push_str("</params>\n</methodCall>\n");
    xml.into_bytes()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn write(xml: &mut String, value: &Value) {
    xml.push_str("<value>");
    match value {
        Value::Int(number) => xml.push_str(&format!("<int>{number}</int>")),
        Value::Double(number) => xml.push_str(&format!("<double>{number:?}</double>")),
        Value::Boolean(truth) => xml.push_str(&format!("<boolean>{}</boolean>", u8::from(*truth))),
        Value::Text(text) => xml.push_str(&format!("<string>{}</string>", escaped(text))),
        Value::DateTime(time) => {
            xml.push_str(&format!("<dateTime.iso8601>{}</dateTime.iso8601>", escaped(time)));
        }
        Value::Base64(bytes) => xml.push_str(&format!("<base64>{}</base64>", base64::encode(bytes))),
        Value::Nil => xml.push_str("<nil/>"),
        Value::Array(values) => {
            xml.push_str("<array><data>\n");
            values.iter().for_each(|value| write(xml, value));
            xml.push_str("</data></array>");
        }
        Value::Struct(members) => {
            xml.push_str("<struct>\n");
            for (name, value) in members {
                xml.push_str(&format!("<member>\n<name>{}</name>\n", escaped(name)));
                write(xml, value);
                xml.push_str("</member>\n");
            }
            xml.push_str("</struct>");
        }
    }
    xml.push_str("</value>\n");
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(number) => write!(f, "{number}"),
            Self::Double(number) => write!(f, "{number:?}"),
            Self::Boolean(truth) => write!(f, "{truth}"),
            Self::Text(text) => f.write_str(&shown(text)),
            Self::DateTime(time) => write!(f, "the time {time}"),
            Self::Base64(bytes) => write!(f, "base64 of {}", shown(&String::from_utf8_lossy(bytes))),
            Self::Nil => f.write_str("nil"),
            Self::Array(values) => {
                let values: Vec<String> = values.iter().map(ToString::to_string).collect();
                write!(f, "[{}]", values.join(", "))
            }
            Self::Struct(members) => {
                let member = |(name, value): (&String, &Self)| format!("{name}: {value}");
                let members: Vec<String> = members.iter().map(member).collect();
                write!(f, "{{{}}}", members.join(", "))
            }
        }
    }
}

/// Characters of a text that are shown.
const SHOWN: usize = 120;

fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?} and more, {} bytes in all", &text[..end], text.len()),
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Value;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value: number, text, true or false, array, table, { base64 = \"…\" }")
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Value, E> {
                Ok(Value::Int(number))
            }
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Value, E> {
                Ok(Value::Double(number))
            }
            fn visit_bool<E: de::Error>(self, truth: bool) -> Result<Value, E> {
                Ok(Value::Boolean(truth))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
                Ok(Value::Text(text.to_owned()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = list.next_element()? {
                    values.push(value);
                }
                Ok(Value::Array(values))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
                let mut members = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    members.insert(name, value);
                }
                let only = if members.len() == 1 { members.first_key_value() } else { None };
                Ok(match only {
                    Some((name, Value::Text(text))) if name == "base64" => Value::Base64(text.as_bytes().to_vec()),
                    Some((name, Value::Text(text))) if name == "date-time" => Value::DateTime(text.clone()),
                    _ => Value::Struct(members),
                })
            }
        }
        deserializer.deserialize_any(Any)
    }
}

impl JsonSchema for Value {
    fn schema_name() -> Cow<'static, str> {
        "XmlrpcValue".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A value: number, text, true or false, array, table for a struct, { base64 = \"…\" }, { date-time = \"20260131T12:30:00\" }.",
            "type": ["integer", "number", "string", "boolean", "array", "object"]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::bytes::Payload;
    use rstest::rstest;

    #[derive(Deserialize)]
    struct File {
        data: Payload,
    }

    fn made(text: &str) -> Result<String, PayloadError> {
        let file: File = toml::from_str(&format!("data = {text}")).unwrap();
        let known = |asked: Asked<'_>| match asked {
            Asked::Value("add") => Ok(b"sum".to_vec()),
            Asked::Value(name) => Err(PayloadError::Lacking(name.to_owned())),
            Asked::Address(_) | Asked::Url(_) | Asked::Host(_) | Asked::Prefix => Ok(Vec::new()),
        };
        file.data.made(0, &known).map(|bytes| String::from_utf8(bytes).unwrap().replace('\n', ""))
    }

    #[rstest]
    #[case("{ xmlrpc-call = { method = \"hi\" } }", "<methodName>hi</methodName><params></params>")]
    #[case(
        "{ xmlrpc-call = { function = \"add\", params = [1, -2] } }",
        "<methodName>sum</methodName><params><param><value><int>1</int></value></param><param><value><int>-2</int></value></param></params>"
    )]
    #[case(
        "{ xmlrpc-call = { method = \"m\", params = [1.0, true, \"a<b\"] } }",
        "<value><double>1.0</double></value></param><param><value><boolean>1</boolean></value></param><param><value><string>a&lt;b</string></value>"
    )]
    #[case(
        "{ xmlrpc-call = { method = \"m\", params = [{ base64 = \"f\" }, { a = [{ date-time = \"T\" }] }] } }",
        "<value><base64>Zg==</base64></value></param><param><value><struct><member><name>a</name><value><array><data><value><dateTime.iso8601>T</dateTime.iso8601></value></data></array></value></member></struct></value>"
    )]
    #[case(
        "{ xmlrpc-multicall = [{ function = \"add\", params = [1] }] }",
        "<methodName>system.multicall</methodName><params><param><value><array><data><value><struct><member><name>methodName</name><value><string>sum</string></value></member><member><name>params</name><value><array><data><value><int>1</int></value></data></array></value></member></struct></value></data></array></value></param></params>"
    )]
    fn builds(#[case] written: &str, #[case] part: &str) {
        let body = made(written).unwrap();
        assert!(body.contains(part), "{body}");
        assert!(body.starts_with("<?xml version=\"1.0\"?><methodCall>") && body.ends_with("</methodCall>"));
    }

    #[test]
    fn a_function_that_is_not_there_is_named() {
        let lacking = made("{ xmlrpc-call = { function = \"wait\" } }");
        assert_eq!(lacking, Err(PayloadError::Lacking("wait".to_owned())));
    }
}
