//! What a call and a reply carry.

use crate::xml::{Element, escape};

/// A value with its type (xmlrpc.com/spec.md).
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `<int>` or `<i4>`: 32 bits with a sign.
    Int(i32),
    /// `<boolean>`: 0 or 1.
    Boolean(bool),
    /// `<string>`, and what has no type.
    Text(String),
    /// `<double>`.
    Double(f64),
    /// `<dateTime.iso8601>`, such as `20260131T12:30:00`: handed on as it is.
    DateTime(String),
    /// `<base64>`: handed on as it is.
    Base64(String),
    /// `<array>`.
    Array(Vec<Value>),
    /// `<struct>`: members by name. Their order has no meaning; it is kept all the same.
    Struct(Vec<(String, Value)>),
}

impl Value {
    /// Reads what stands in `<value>`. `None` if that is no value.
    ///
    /// It calls itself for what is inside arrays and structs; the reader of the XML has a bound on how deep they are.
    pub fn of(element: &Element) -> Option<Self> {
        let inner = match element.children.as_slice() {
            [] => return Some(Self::Text(element.text.clone())),
            [inner] => inner,
            _ => return None,
        };
        // Only in a string do blanks and line ends belong to the value.
        let said = inner.text.trim();
        match inner.name.as_str() {
            "int" | "i4" => said.parse().ok().map(Self::Int),
            "boolean" => match said {
                "0" => Some(Self::Boolean(false)),
                "1" => Some(Self::Boolean(true)),
                _ => None,
            },
            "string" => Some(Self::Text(inner.text.clone())),
            "double" => said.parse().ok().map(Self::Double),
            "dateTime.iso8601" => Some(Self::DateTime(said.to_owned())),
            "base64" => Some(Self::Base64(said.to_owned())),
            "array" => inner.child("data")?.children.iter().map(Self::of).collect::<Option<_>>().map(Self::Array),
            "struct" => {
                let member = |member: &Element| {
                    let name = member.child("name")?.text.clone();
                    Some((name, Self::of(member.child("value")?)?))
                };
                inner.children.iter().map(member).collect::<Option<_>>().map(Self::Struct)
            }
            _ => None,
        }
    }

    /// Writes it as XML behind what is there already.
    pub fn write(&self, xml: &mut String) {
        xml.push_str("<value>");
        match self {
            Self::Int(number) => xml.push_str(&format!("<int>{number}</int>")),
            Self::Boolean(truth) => xml.push_str(if *truth { "<boolean>1</boolean>" } else { "<boolean>0</boolean>" }),
            Self::Text(text) => xml.push_str(&format!("<string>{}</string>", escape(text))),
            Self::Double(number) => xml.push_str(&format!("<double>{number}</double>")),
            Self::DateTime(time) => xml.push_str(&format!("<dateTime.iso8601>{}</dateTime.iso8601>", escape(time))),
            Self::Base64(text) => xml.push_str(&format!("<base64>{}</base64>", escape(text))),
            Self::Array(values) => {
                xml.push_str("<array><data>");
                values.iter().for_each(|value| value.write(xml));
                xml.push_str("</data></array>");
            }
            Self::Struct(members) => {
                xml.push_str("<struct>");
                for (name, value) in members {
                    xml.push_str(&format!("<member><name>{}</name>", escape(name)));
                    value.write(xml);
                    xml.push_str("</member>");
                }
                xml.push_str("</struct>");
            }
        }
        xml.push_str("</value>\n");
    }

    /// A member of a struct.
    pub fn member(&self, name: &str) -> Option<&Self> {
        let Self::Struct(members) = self else { return None };
        members.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}
