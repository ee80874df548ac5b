//! Members of the JSON objects the ledger commits to: written in canonical form, read strictly.

use std::str::FromStr;

use json::{Kind, Value, write_string};
use model::Digest;

/// Why a text is not what it should be: where, and what.
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
        Self { problem: error.problem.to_string(), pointer: error.pointer }
    }
}

/// The largest whole number that canonical JSON keeps: 2^53.
pub(crate) const EXACT: u64 = 1 << 53;

/// An object in canonical form: members in order of their names, which are ASCII.
#[derive(Debug, Default)]
pub(crate) struct Object(Vec<(&'static str, String)>);

impl Object {
    pub(crate) fn raw(mut self, name: &'static str, raw: impl Into<String>) -> Self {
        self.0.push((name, raw.into()));
        self
    }

    pub(crate) fn text(self, name: &'static str, text: impl ToString) -> Self {
        let mut raw = String::new();
        write_string(&text.to_string(), &mut raw);
        self.raw(name, raw)
    }

    /// A whole number; above 2^53 it is that, because canonical JSON has no larger exact one.
    pub(crate) fn number(self, name: &'static str, number: u64) -> Self {
        self.raw(name, number.min(EXACT).to_string())
    }

    pub(crate) fn list(self, name: &'static str, items: impl Iterator<Item = String>) -> Self {
        self.raw(name, list(items))
    }

    pub(crate) fn finish(mut self) -> String {
        self.0.sort_unstable_by_key(|(name, _)| *name);
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

/// An array of raw values.
pub(crate) fn list(items: impl Iterator<Item = String>) -> String {
    let mut out = String::from("[");
    for (at, item) in items.enumerate() {
        if at > 0 {
            out.push(',');
        }
        out.push_str(&item);
    }
    out.push(']');
    out
}

/// A text as a raw value.
pub(crate) fn quoted(text: &str) -> String {
    let mut raw = String::new();
    write_string(text, &mut raw);
    raw
}

/// An object whose members are all known.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'a> {
    object: Value<'a>,
    pointer: String,
}

impl<'a> Fields<'a> {
    pub(crate) fn of(object: Value<'a>, pointer: &str, known: &[&str]) -> Result<Self, Malformed> {
        if object.kind() != Kind::Object {
            let problem = format!("an object is needed, not {}", object.kind().as_str());
            return Err(Malformed::new(pointer, problem));
        }
        for (key, _) in object.entries() {
            let name = key.as_str().unwrap_or_default();
            if !known.contains(&name.as_ref()) {
                let name: String = name.chars().take(40).collect();
                let at = format!("{pointer}/{}", json::escape_pointer(&name));
                return Err(Malformed::new(at, format!("not a member here; {} are", known.join(", "))));
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

    pub(crate) fn optional(&self, name: &str) -> Option<Value<'a>> {
        self.object.get(name)
    }

    /// A string that a type parses and writes back in the same spelling.
    pub(crate) fn parsed<T: FromStr + ToString>(&self, name: &str) -> Result<T, Malformed>
    where
        T::Err: std::fmt::Display,
    {
        parsed(self.value(name)?, &self.at(name))
    }

    /// A digest. Its parser takes one spelling only, so there is no need to write it back.
    pub(crate) fn digest(&self, name: &str) -> Result<Digest, Malformed> {
        digest(self.value(name)?, &self.at(name))
    }

    pub(crate) fn text(&self, name: &str) -> Result<String, Malformed> {
        let text = self.value(name)?.as_str();
        text.map(std::borrow::Cow::into_owned)
            .ok_or_else(|| Malformed::new(self.at(name), "a string is needed"))
    }

    /// A whole number from 0 to 2^53.
    pub(crate) fn number(&self, name: &str) -> Result<u64, Malformed> {
        number(self.value(name)?, &self.at(name))
    }

    pub(crate) fn items(&self, name: &str, max: usize) -> Result<Vec<(String, Value<'a>)>, Malformed> {
        let value = self.value(name)?;
        if value.kind() != Kind::Array {
            return self.fail(name, "an array is needed");
        }
        let at = self.at(name);
        let items: Vec<_> =
            value.items().take(max + 1).enumerate().map(|(n, item)| (format!("{at}/{n}"), item)).collect();
        if items.len() > max { self.fail(name, format!("more than {max} items")) } else { Ok(items) }
    }
}

pub(crate) fn parsed<T: FromStr + ToString>(value: Value<'_>, pointer: &str) -> Result<T, Malformed>
where
    T::Err: std::fmt::Display,
{
    let Some(text) = value.as_str() else {
        return Err(Malformed::new(pointer, format!("a string is needed, not {}", value.kind().as_str())));
    };
    match text.parse::<T>() {
        Ok(parsed) if parsed.to_string() == text => Ok(parsed),
        Ok(parsed) => {
            Err(Malformed::new(pointer, format!("not in its one spelling, `{}`", parsed.to_string())))
        }
        Err(error) => Err(Malformed::new(pointer, error.to_string())),
    }
}

pub(crate) fn digest(value: Value<'_>, pointer: &str) -> Result<Digest, Malformed> {
    let text = value.as_str().unwrap_or_default();
    text.parse().map_err(|error: model::InvalidId| Malformed::new(pointer, error.to_string()))
}

pub(crate) fn number(value: Value<'_>, pointer: &str) -> Result<u64, Malformed> {
    let number =
        value.as_i64().and_then(|number| u64::try_from(number).ok()).filter(|number| *number <= EXACT);
    number.ok_or_else(|| Malformed::new(pointer, "a whole number from 0 to 2^53 is needed"))
}
