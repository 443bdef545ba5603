//! XML-RPC replies (xmlrpc.com/spec.md): read out of the body of a response, and compared by what they say. White space
//! between elements, the XML declaration, `<int>` or `<i4>`, the order of a struct's members and further elements of a
//! fault do not count.

use std::collections::BTreeMap;

use quick_xml::events::Event;
use quick_xml::reader::Reader;

use harness_language::base64;
use harness_language::scenario::xmlrpc::Value;

/// Deeper replies are not looked into.
const DEEPEST: usize = 200;

/// What a reply says.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// The call returned this.
    Value(Value),
    /// The call failed.
    Fault {
        /// `faultCode`.
        code: i64,
        /// `faultString`.
        text: String,
    },
}

impl std::fmt::Display for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Value(value) => write!(f, "the value {value}"),
            Self::Fault { code, text } => write!(f, "fault {code}, {text:?}"),
        }
    }
}

/// An element with what is in it.
#[derive(Debug, Default)]
struct Element {
    name: String,
    text: String,
    children: Vec<Element>,
}

impl Element {
    fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The only child.
    fn only(&self, name: &str) -> Result<&Self, String> {
        match self.children.as_slice() {
            [child] if child.name == name => Ok(child),
            [] => Err(format!("<{}> is empty, where <{name}> should be", self.name)),
            [child] => Err(format!("in <{}> stands <{}>, where <{name}> should be", self.name, child.name)),
            many => Err(format!("in <{}> stand {} elements, where one <{name}> should be", self.name, many.len())),
        }
    }
}

/// Reads the body of a response.
///
/// # Errors
/// Why it is no reply: a sentence with `it` or an element for its subject.
pub fn reply(body: &[u8]) -> Result<Reply, String> {
    let root = tree(body)?;
    if root.name != "methodResponse" {
        return Err(format!("its outermost element is <{}>, not <methodResponse>", root.name));
    }
    if let Some(fault) = root.child("fault") {
        let Value::Struct(members) = value(fault.only("value")?)? else {
            return Err("<fault> does not hold a struct".to_owned());
        };
        return fault_in(&members).ok_or_else(|| {
            "<fault> does not hold a struct with faultCode (a whole number) and faultString (a text)".to_owned()
        });
    }
    value(root.only("params")?.only("param")?.only("value")?).map(Reply::Value)
}

fn fault_in(members: &BTreeMap<String, Value>) -> Option<Reply> {
    match (members.get("faultCode"), members.get("faultString")) {
        (Some(Value::Int(code)), Some(Value::Text(text))) => Some(Reply::Fault { code: *code, text: text.clone() }),
        _ => None,
    }
}

/// What one entry of the array that `system.multicall` returns says: an array of one holds a value, a struct a fault.
///
/// # Errors
/// If it is neither; with the value itself, which is what it must be meant to be.
pub fn result(entry: &Value) -> Result<Reply, Value> {
    match entry {
        Value::Array(values) if values.len() == 1 => Ok(Reply::Value(values[0].clone())),
        Value::Struct(members) => fault_in(members).ok_or_else(|| entry.clone()),
        other => Err(other.clone()),
    }
}

/// Whether what came is the value that was wanted; numbers are compared as numbers.
pub fn same(wanted: &Value, came: &Value) -> bool {
    match (wanted, came) {
        (Value::Int(a), Value::Double(b)) | (Value::Double(b), Value::Int(a)) => close(*a as f64, *b),
        (Value::Double(a), Value::Double(b)) => close(*a, *b),
        // The separators are at liberty.
        (Value::DateTime(a), Value::DateTime(b)) => {
            a.bytes().filter(u8::is_ascii_digit).eq(b.bytes().filter(u8::is_ascii_digit))
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Struct(a), Value::Struct(b)) => {
            a.len() == b.len() && a.iter().all(|(name, value)| b.get(name).is_some_and(|other| same(value, other)))
        }
        (a, b) => a == b,
    }
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs())
}

/// The text as a tree of elements.
fn tree(body: &[u8]) -> Result<Element, String> {
    let text = std::str::from_utf8(body).map_err(|_| "its body is not UTF-8".to_owned())?;
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}').trim_start());
    let mut open: Vec<Element> = vec![Element::default()];
    let malformed = |why: String| format!("its body is not well-formed XML: {why}");
    loop {
        let event = reader.read_event().map_err(|error| malformed(error.to_string()))?;
        let depth = open.len();
        let Some(inner) = open.last_mut() else { return Err(malformed("more is closed than was opened".to_owned())) };
        match event {
            Event::Start(start) if depth > DEEPEST => {
                let name = String::from_utf8_lossy(start.name().0).into_owned();
                return Err(format!("its body has {DEEPEST} elements one in another, and <{name}> in them"));
            }
            Event::Start(start) => {
                let name = String::from_utf8_lossy(start.name().0).into_owned();
                open.push(Element { name, ..Element::default() });
            }
            Event::Empty(start) => {
                let name = String::from_utf8_lossy(start.name().0).into_owned();
                inner.children.push(Element { name, ..Element::default() });
            }
            Event::End(_) => {
                if let Some(done) = open.pop()
                    && let Some(outer) = open.last_mut()
                {
                    outer.children.push(done);
                }
            }
            Event::Text(piece) => {
                inner.text.push_str(&piece.xml10_content().map_err(|error| malformed(error.to_string()))?);
            }
            Event::CData(piece) => {
                inner.text.push_str(&piece.decode().map_err(|error| malformed(error.to_string()))?);
            }
            Event::GeneralRef(reference) => {
                let name = reference.decode().map_err(|error| malformed(error.to_string()))?;
                let stands_for = match name.as_ref() {
                    "amp" => Some('&'),
                    "lt" => Some('<'),
                    "gt" => Some('>'),
                    "quot" => Some('"'),
                    "apos" => Some('\''),
                    _ => reference.resolve_char_ref().ok().flatten(),
                };
                inner.text.push(stands_for.ok_or_else(|| malformed(format!("&{name}; stands for nothing")))?);
            }
            Event::Eof => break,
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
    match open.as_mut_slice() {
        [outside] => match std::mem::take(&mut outside.children).as_mut_slice() {
            [root] if outside.text.trim().is_empty() => Ok(std::mem::take(root)),
            [] => Err("there is no XML in its body".to_owned()),
            _ => Err(malformed("there is more than one element".to_owned())),
        },
        [.., last] => Err(malformed(format!("<{}> is not closed", last.name))),
        [] => Err(malformed("more is closed than was opened".to_owned())),
    }
}

/// What a `<value>` holds.
fn value(element: &Element) -> Result<Value, String> {
    let inner = match element.children.as_slice() {
        // No type is a string.
        [] => return Ok(Value::Text(element.text.clone())),
        [inner] => inner,
        _ => return Err("a <value> holds more than one element".to_owned()),
    };
    let said = inner.text.trim();
    let none = |what: &str| format!("<{}> holds {said:?}, which is no {what}", inner.name);
    match inner.name.as_str() {
        "int" | "i4" | "i8" => said.parse().map(Value::Int).map_err(|_| none("whole number")),
        "double" => said.parse().map(Value::Double).map_err(|_| none("number")),
        "boolean" => match said {
            "1" | "true" => Ok(Value::Boolean(true)),
            "0" | "false" => Ok(Value::Boolean(false)),
            _ => Err(none("truth value (0 or 1)")),
        },
        "string" if inner.children.is_empty() => Ok(Value::Text(inner.text.clone())),
        "string" => Err("a <string> holds elements: are < and & written as &lt; and &amp;?".to_owned()),
        "dateTime.iso8601" => Ok(Value::DateTime(said.to_owned())),
        "base64" => base64::decode(said).map(Value::Base64).ok_or_else(|| none("base64")),
        "nil" | "ex:nil" => Ok(Value::Nil),
        "array" => {
            let data = inner.only("data")?;
            let values = data.children.iter().map(|child| match child.name.as_str() {
                "value" => value(child),
                other => Err(format!("in <data> stands <{other}>, where <value> should be")),
            });
            values.collect::<Result<_, _>>().map(Value::Array)
        }
        "struct" => {
            let members = inner.children.iter().map(|member| match (member.child("name"), member.child("value")) {
                (Some(name), Some(inner)) if member.name == "member" => {
                    Ok((name.text.trim().to_owned(), value(inner)?))
                }
                _ => Err("a <struct> holds something other than a <member> with <name> and <value>".to_owned()),
            });
            members.collect::<Result<_, _>>().map(Value::Struct)
        }
        other => Err(format!("there is no type <{other}>")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_language::scenario::xmlrpc;
    use proptest::prelude::*;
    use rstest::rstest;

    fn returned(inner: &str) -> Result<Reply, String> {
        reply(format!("<?xml version='1.0'?><methodResponse>{inner}</methodResponse>").as_bytes())
    }

    #[rstest]
    #[case("<int> 4\n</int>", "4")]
    #[case("<i4>-4</i4>", "-4")]
    #[case("a b", "\"a b\"")]
    #[case("<string>&lt;&#65;&amp;</string>", "\"<A&\"")]
    #[case("<string><![CDATA[<b>]]></string>", "\"<b>\"")]
    #[case("<string/>", "\"\"")]
    #[case("", "\"\"")]
    #[case("<boolean>1</boolean>", "true")]
    #[case("<array> <data> <value><int>1</int></value> <value>x</value> </data> </array>", "[1, \"x\"]")]
    #[case("<struct><member><name>a</name><value><nil/></value></member></struct>", "{a: nil}")]
    #[case("<base64>Zm9v\nYmFy</base64>", "base64 of \"foobar\"")]
    fn reads_values(#[case] inner: &str, #[case] shown: &str) {
        let Ok(Reply::Value(value)) = returned(&format!("<params><param><value>{inner}</value></param></params>"))
        else {
            panic!("{inner}")
        };
        assert_eq!(value.to_string(), shown);
    }

    #[rstest]
    #[case("<params><param><value><int>x</int></value></param></params>", "no whole number")]
    #[case("<params><param><value><string>a<b></b></string></value></param></params>", "&lt;")]
    #[case("<params/>", "<params> is empty")]
    #[case("<params><param></params>", "not well-formed")]
    #[case("<params><param><value>&nbsp;</value></param></params>", "&nbsp; stands for nothing")]
    #[case("<fault><value>no</value></fault>", "does not hold a struct")]
    fn says_what_is_wrong(#[case] inner: &str, #[case] why: &str) {
        let said = returned(inner).unwrap_err();
        assert!(said.contains(why), "{said}");
    }

    #[rstest]
    #[case("", "no XML")]
    #[case("<html></html>", "<html>, not <methodResponse>")]
    #[case("<methodResponse>", "not closed")]
    fn what_is_no_reply_is_told(#[case] body: &str, #[case] why: &str) {
        let said = reply(body.as_bytes()).unwrap_err();
        assert!(said.contains(why), "{said}");
    }

    #[test]
    fn a_fault_is_read() {
        let members = "<member><name>faultString</name><value>no</value></member>\
                       <member><name>faultCode</name><value><int>7</int></value></member>";
        let fault = returned(&format!("<fault><value><struct>{members}</struct></value></fault>"));
        assert_eq!(fault, Ok(Reply::Fault { code: 7, text: "no".to_owned() }));
    }

    #[test]
    fn deep_replies_end() {
        let deep = "<a>".repeat(100_000);
        assert!(reply(deep.as_bytes()).unwrap_err().contains("one in another"));
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<i32>().prop_map(|number| Value::Int(number.into())),
            (-1e9..1e9).prop_map(Value::Double),
            any::<bool>().prop_map(Value::Boolean),
            "[ -~äß€]{0,12}".prop_map(Value::Text),
            any::<Vec<u8>>().prop_map(Value::Base64),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                prop::collection::btree_map("[a-z]{1,5}", inner, 0..4).prop_map(Value::Struct),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(value in values()) {
            // A reply is a call with other names round it.
            let call = String::from_utf8(xmlrpc::body("m", std::slice::from_ref(&value))).unwrap();
            let text = call.replace("<methodName>m</methodName>\n", "").replace("methodCall>", "methodResponse>");
            let Ok(Reply::Value(came)) = reply(text.as_bytes()) else { panic!("{text}") };
            prop_assert!(same(&value, &came), "{value} {came}");
        }
    }
}
