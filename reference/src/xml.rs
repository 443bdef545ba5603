//! XML by hand: as much of it as XML-RPC needs (elements, text, and the five entities).
//!
//! ```text
//! <value><string>a &lt; b</string></value>
//! ```
//!
//! An element has a name, text and elements inside it. `<` in a text is written `&lt;`, and therefore `&` is `&amp;`:
//! whoever forgets that on the way out sends XML that is broken, and whoever forgets it on the way in hands other text to
//! the program than was sent.
//!
//! A stranger writes what is read here, so two things have a bound. Elements one in another: what goes through them by
//! calling itself would run out of stack. Entities of the document's own (`<!DOCTYPE …>`): ten lines of them can stand for
//! gigabytes, and nobody who calls a function needs them, so they are refused.

use thiserror::Error;

/// How deep elements may be one in another.
pub const DEEPEST: usize = 64;

/// An element with what is in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Element {
    /// Its name.
    pub name: String,
    /// The text in it, entities resolved, without that of the elements inside.
    pub text: String,
    /// The elements in it, in order.
    pub children: Vec<Element>,
}

impl Element {
    /// The first element in it that has this name.
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }
}

/// Why a text is no XML, or none for us.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Malformed {
    /// It ends inside an element, a tag or an entity.
    #[error("the text ends too early")]
    Unfinished,
    /// `</b>` where `</a>` should be, or where nothing is open.
    #[error("</{0}> closes what is not open")]
    Unopened(String),
    /// More than one element at the outside, or text there, or nothing at all.
    #[error("one element should hold all the others")]
    NotOne,
    /// Such as `&nbsp;`, which belongs to HTML.
    #[error("&{0}; stands for nothing")]
    Entity(String),
    /// More than [`DEEPEST`] elements one in another.
    #[error("more than {DEEPEST} elements one in another")]
    TooDeep,
    /// A document that brings its own definitions.
    #[error("definitions (<!DOCTYPE) are not read here")]
    Definitions,
}

/// Reads a document and gives its outermost element.
///
/// # Errors
/// If it is not well-formed, as far as this reader looks, or too much for it.
pub fn read(text: &str) -> Result<Element, Malformed> {
    // The elements that are open, each in the one before it. The first stands for the document itself.
    let mut open = vec![Element::default()];
    let mut rest = text.trim_start_matches('\u{feff}');
    while !rest.is_empty() {
        let innermost = open.last_mut().ok_or(Malformed::NotOne)?;
        let Some(tag) = rest.strip_prefix('<') else {
            // Text, up to the next tag.
            let end = rest.find('<').unwrap_or(rest.len());
            innermost.text.push_str(&unescape(&rest[..end])?);
            rest = &rest[end..];
            continue;
        };
        if let Some(comment) = tag.strip_prefix("!--") {
            rest = behind(comment, "-->")?.1;
        } else if let Some(raw) = tag.strip_prefix("![CDATA[") {
            // Nothing in here has a meaning, up to its end.
            let (inside, after) = behind(raw, "]]>")?;
            innermost.text.push_str(inside);
            rest = after;
        } else if tag.starts_with('!') {
            return Err(Malformed::Definitions);
        } else if let Some(instruction) = tag.strip_prefix('?') {
            // <?xml version="1.0"?>
            rest = behind(instruction, "?>")?.1;
        } else if let Some(closing) = tag.strip_prefix('/') {
            let (name, after) = behind(closing, ">")?;
            let done = open.pop().filter(|element| element.name == name.trim_end());
            let (Some(done), Some(outer)) = (done, open.last_mut()) else {
                return Err(Malformed::Unopened(name.trim_end().to_owned()));
            };
            outer.children.push(done);
            rest = after;
        } else {
            let (inside, after) = behind(tag, ">")?;
            // Attributes, which XML-RPC has none of, are passed over.
            let name = inside.split([' ', '\t', '\r', '\n', '/']).next().unwrap_or_default().to_owned();
            let element = Element { name, ..Element::default() };
            if inside.ends_with('/') {
                // <nil/> is short for <nil></nil>.
                innermost.children.push(element);
            } else if open.len() > DEEPEST {
                return Err(Malformed::TooDeep);
            } else {
                open.push(element);
            }
            rest = after;
        }
    }
    match open.as_mut_slice() {
        [document] if document.children.len() == 1 && document.text.trim().is_empty() => {
            document.children.pop().ok_or(Malformed::NotOne)
        }
        [_] => Err(Malformed::NotOne),
        _ => Err(Malformed::Unfinished),
    }
}

/// What stands before `end`, and what behind it.
fn behind<'t>(text: &'t str, end: &str) -> Result<(&'t str, &'t str), Malformed> {
    text.split_once(end).ok_or(Malformed::Unfinished)
}

/// Entities turned into what they stand for.
fn unescape(text: &str) -> Result<String, Malformed> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        let (name, after) = behind(after, ";")?;
        plain.push_str(before);
        plain.push(stands_for(name).ok_or_else(|| Malformed::Entity(name.to_owned()))?);
        rest = after;
    }
    plain.push_str(rest);
    Ok(plain)
}

fn stands_for(entity: &str) -> Option<char> {
    match entity {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = entity.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)
        }
    }
}

/// A text as it may stand between two tags.
pub fn escape(text: &str) -> String {
    // `&` first: the others bring new ones.
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
