//! Reading and writing the members of signed bodies: bounded, typed, nothing unknown.

use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use json::{Kind, Limits, Tape, Value, canonical, write_string};
use model::Timestamp;

use crate::hybrid::PublicKey;

/// A text that is not the document it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {problem}", if pointer.is_empty() { "the document" } else { pointer })]
pub struct Malformed {
    /// RFC 6901 pointer to the value concerned; empty for the document itself.
    pub pointer: String,
    /// What is wrong with it, and what would be right.
    pub problem: String,
}

impl Malformed {
    pub(crate) fn new(pointer: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), problem: problem.into() }
    }
}

impl From<json::Error> for Malformed {
    fn from(error: json::Error) -> Self {
        Self { problem: error.to_string(), pointer: error.pointer }
    }
}

/// For every document of this crate: a key history is the longest of them.
pub(crate) const LIMITS: Limits = Limits::new(8 << 20, 32, 200_000);

/// The RFC 8785 form of a text.
///
/// # Errors
/// [`Malformed`] for what is not JSON within the limits, and for numbers of 2^53 or more, which would lose digits.
pub(crate) fn canonical_text(text: &str) -> Result<String, Malformed> {
    let mut tape = Tape::new();
    let value = tape.parse(text.as_bytes(), &LIMITS)?;
    exact_numbers(value, "")?;
    let mut out = String::with_capacity(text.len());
    canonical(value, &mut out);
    Ok(out)
}

/// Recursion is bounded by the parser's depth limit.
fn exact_numbers(value: Value<'_>, pointer: &str) -> Result<(), Malformed> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.as_f64().is_some_and(|number| number.abs() >= EXACT) {
        return Err(Malformed::new(pointer, "a number of 2^53 or more loses digits: write it as a string"));
    }
    for (key, member) in value.entries() {
        let name = key.as_str().unwrap_or_default();
        exact_numbers(member, &format!("{pointer}/{}", json::escape_pointer(&name)))?;
    }
    value.items().enumerate().try_for_each(|(at, item)| exact_numbers(item, &format!("{pointer}/{at}")))
}

/// The members of one object, every one of which is known.
#[derive(Clone)]
pub(crate) struct Fields<'a> {
    object: Value<'a>,
    pointer: String,
}

impl<'a> Fields<'a> {
    /// Takes an object whose members are all among `known`.
    pub(crate) fn of(object: Value<'a>, pointer: &str, known: &[&str]) -> Result<Self, Malformed> {
        if object.kind() != Kind::Object {
            return Err(Malformed::new(
                pointer,
                format!("an object is needed, not {}", object.kind().as_str()),
            ));
        }
        for (key, _) in object.entries() {
            let name = key.as_str().unwrap_or_default();
            if !known.contains(&name.as_ref()) {
                let at = format!("{pointer}/{}", json::escape_pointer(&shorten(&name)));
                return Err(Malformed::new(
                    at,
                    "a member that is not known here; nothing unknown is signed for",
                ));
            }
        }
        Ok(Self { object, pointer: pointer.to_owned() })
    }

    pub(crate) fn at(&self, name: &str) -> String {
        format!("{}/{name}", self.pointer)
    }

    pub(crate) fn fail<T>(&self, name: &str, problem: impl Into<String>) -> Result<T, Malformed> {
        Err(Malformed::new(self.at(name), problem))
    }

    pub(crate) fn value(&self, name: &str) -> Result<Value<'a>, Malformed> {
        self.object.get(name).ok_or_else(|| Malformed::new(self.at(name), "this member is missing"))
    }

    /// The member, if it is there.
    pub(crate) fn optional(&self, name: &str) -> Option<Value<'a>> {
        self.object.get(name)
    }

    /// A string of at most `max` bytes.
    pub(crate) fn text(&self, name: &str, max: usize) -> Result<String, Malformed> {
        text(self.value(name)?, &self.at(name), max)
    }

    /// A line for people: not empty, without control characters, at most `max` bytes.
    pub(crate) fn line(&self, name: &str, max: usize) -> Result<String, Malformed> {
        let line = self.text(name, max)?;
        check_line(&line).map_err(|problem| Malformed::new(self.at(name), problem))?;
        Ok(line)
    }

    /// A string that some type parses and writes back in the same spelling.
    pub(crate) fn parsed<T: FromStr + ToString>(&self, name: &str) -> Result<T, Malformed>
    where
        T::Err: std::fmt::Display,
    {
        let text = self.text(name, 256)?;
        match text.parse::<T>() {
            Ok(value) if value.to_string() == text => Ok(value),
            Ok(value) => self.fail(name, format!("must be spelled `{}`", value.to_string())),
            Err(error) => self.fail(name, error.to_string()),
        }
    }

    pub(crate) fn time(&self, name: &str) -> Result<Timestamp, Malformed> {
        self.parsed(name)
    }

    /// A whole number from 0 to `max`.
    pub(crate) fn number(&self, name: &str, max: u64) -> Result<u64, Malformed> {
        let number = self.value(name)?.as_i64().and_then(|number| u64::try_from(number).ok());
        match number.filter(|number| *number <= max) {
            Some(number) => Ok(number),
            None => self.fail(name, format!("must be a whole number from 0 to {max}")),
        }
    }

    /// A list of `min` to `max` items.
    pub(crate) fn list(
        &self,
        name: &str,
        min: usize,
        max: usize,
    ) -> Result<impl Iterator<Item = (String, Value<'a>)>, Malformed> {
        let list = self.value(name)?;
        if list.kind() != Kind::Array {
            return self.fail(name, format!("a list is needed, not {}", list.kind().as_str()));
        }
        let count = list.items().take(max.saturating_add(1)).count();
        if !(min..=max).contains(&count) {
            return self.fail(name, format!("must have {min} to {max} items"));
        }
        let at = self.at(name);
        Ok(list.items().enumerate().map(move |(index, item)| (format!("{at}/{index}"), item)))
    }

    pub(crate) fn key(&self, name: &str) -> Result<PublicKey, Malformed> {
        let text = self.text(name, 4096)?;
        PublicKey::parse(&text).map_err(|error| Malformed::new(self.at(name), error.to_string()))
    }

    /// Base64url without padding, of at most `max` bytes.
    pub(crate) fn bytes(&self, name: &str, max: usize) -> Result<Vec<u8>, Malformed> {
        let text = self.text(name, max.div_ceil(3).saturating_mul(4))?;
        match URL_SAFE_NO_PAD.decode(&text) {
            Ok(bytes) if bytes.len() <= max => Ok(bytes),
            Ok(_) => self.fail(name, format!("longer than {max} bytes")),
            Err(_) => self.fail(name, "must be base64url without padding"),
        }
    }

    /// Base64url without padding, of exactly `N` bytes.
    pub(crate) fn array<const N: usize>(&self, name: &str) -> Result<[u8; N], Malformed> {
        let bytes = self.bytes(name, N)?;
        bytes.try_into().or_else(|_| self.fail(name, format!("must be {N} bytes")))
    }

    /// The fixed members that open every body: what it is and in which version of the format.
    pub(crate) fn kind(&self, kind: &str) -> Result<(), Malformed> {
        if self.text("type", 64)? != kind {
            return self.fail("type", format!("must be `{kind}` here"));
        }
        if self.number("v", u64::from(u32::MAX))? != 1 {
            return self.fail("v", "only version 1 is known; a newer node may read this");
        }
        Ok(())
    }
}

/// A string value of at most `max` bytes.
pub(crate) fn text(value: Value<'_>, pointer: &str, max: usize) -> Result<String, Malformed> {
    match value.as_str() {
        Some(text) if text.len() <= max => Ok(text.into_owned()),
        Some(_) => Err(Malformed::new(pointer, format!("longer than {max} bytes"))),
        None => Err(Malformed::new(pointer, format!("a string is needed, not {}", value.kind().as_str()))),
    }
}

/// Whether a text can stand as one line before people without deceiving them.
pub(crate) fn check_line(line: &str) -> Result<(), &'static str> {
    let deceives = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    if line.is_empty() || line.trim() != line {
        Err("must not be empty and must not begin or end with a space")
    } else if line.contains(deceives) {
        Err("must not contain control characters or invisible marks that change how it reads")
    } else {
        Ok(())
    }
}

/// The beginning of a name that somebody else chose.
pub(crate) fn shorten(text: &str) -> String {
    text.chars().take(64).collect()
}

/// Writes one object member by member; [`Self::finish`] sorts them as RFC 8785 asks.
///
/// All names here are ASCII, so byte order is the standard's order.
#[derive(Default)]
pub(crate) struct Object(std::collections::BTreeMap<&'static str, String>);

impl Object {
    pub(crate) fn of(kind: &str) -> Self {
        Self::default().text("type", kind).raw("v", "1")
    }

    pub(crate) fn raw(mut self, name: &'static str, raw: impl Into<String>) -> Self {
        self.0.insert(name, raw.into());
        self
    }

    pub(crate) fn text(self, name: &'static str, text: impl ToString) -> Self {
        let raw = quoted(&text.to_string());
        self.raw(name, raw)
    }

    pub(crate) fn number(self, name: &'static str, number: u64) -> Self {
        self.raw(name, number.to_string())
    }

    /// A list of raw values.
    pub(crate) fn list(self, name: &'static str, items: impl IntoIterator<Item = String>) -> Self {
        let items: Vec<String> = items.into_iter().collect();
        self.raw(name, format!("[{}]", items.join(",")))
    }

    /// A list of strings.
    pub(crate) fn texts<T: ToString>(self, name: &'static str, items: impl IntoIterator<Item = T>) -> Self {
        self.list(name, items.into_iter().map(|item| quoted(&item.to_string())))
    }

    pub(crate) fn finish(&self) -> String {
        let mut out = String::from("{");
        for (at, (name, raw)) in self.0.iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            write_string(name, &mut out);
            out.push(':');
            out.push_str(raw);
        }
        out.push('}');
        out
    }
}

pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    write_string(text, &mut out);
    out
}
