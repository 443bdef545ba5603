//! The XML of a call and of a reply.

use super::value::Value;
use crate::xml::{self, Element};

/// A call: which function, and with what.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The name of the function.
    pub method: String,
    /// The values that it gets, in order.
    pub params: Vec<Value>,
}

/// Why there is no result. It goes back to the caller in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// A number for programs. These are the ones that many servers have agreed on
    /// (xmlrpc-epi.sourceforge.net/specs/rfc.fault_codes.php).
    pub code: i32,
    /// A sentence for people.
    pub text: String,
}

/// It is no XML.
pub const NOT_WELL_FORMED: i32 = -32700;
/// It is XML, and no call.
pub const NO_CALL: i32 = -32600;
/// There is no such function.
pub const NO_SUCH_METHOD: i32 = -32601;
/// The function cannot do with these values.
pub const WRONG_PARAMS: i32 = -32602;

impl Fault {
    /// A fault with this number and sentence.
    pub fn new(code: i32, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    /// The struct that stands for it, in a reply of its own and among the results of a multicall.
    pub fn as_value(&self) -> Value {
        Value::Struct(vec![
            ("faultCode".to_owned(), Value::Int(self.code)),
            ("faultString".to_owned(), Value::Text(self.text.clone())),
        ])
    }
}

impl Call {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// A fault for the caller if it is no call.
    pub fn read(body: &[u8]) -> Result<Self, Fault> {
        let text = std::str::from_utf8(body).map_err(|_| Fault::new(NOT_WELL_FORMED, "the call is not UTF-8"))?;
        let root = xml::read(text).map_err(|error| Fault::new(NOT_WELL_FORMED, error.to_string()))?;
        Self::of(&root).ok_or_else(|| Fault::new(NO_CALL, "this is XML, and not a methodCall"))
    }

    fn of(root: &Element) -> Option<Self> {
        if root.name != "methodCall" {
            return None;
        }
        let method = root.child("methodName")?.text.trim().to_owned();
        // Who has nothing to hand over may leave <params> out.
        let params = root.child("params").map_or(&[][..], |params| &params.children);
        let params = params.iter().map(|param| Value::of(param.child("value")?)).collect::<Option<_>>()?;
        Some(Self { method, params })
    }
}

/// The body of a response.
pub fn reply(outcome: &Result<Value, Fault>) -> String {
    let mut xml = String::from("<?xml version=\"1.0\"?>\n<methodResponse>\n");
    match outcome {
        Ok(value) => {
            xml.push_str("<params><param>\n");
            value.write(&mut xml);
            xml.push_str("</param></params>\n");
        }
        Err(fault) => {
            xml.push_str("<fault>\n");
            fault.as_value().write(&mut xml);
            xml.push_str("</fault>\n");
        }
    }
    xml.push_str("</methodResponse>\n");
    xml
}
