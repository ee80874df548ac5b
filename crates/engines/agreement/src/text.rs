//! Writing canonical JSON (RFC 8785), and reading it member by member with nothing unknown let through.

use std::collections::BTreeMap;
use std::str::FromStr;

use json::{Kind, Limits, Value, escape_pointer, write_string};
use model::Digest;
use sha2::{Digest as _, Sha256};

/// A JSON text that is not the document it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {problem}", if pointer.is_empty() { "the document" } else { pointer })]
pub struct Malformed {
    /// RFC 6901 pointer to the value concerned; empty for the document itself.
    pub pointer: String,
    /// What is wrong with it.
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

/// For any document of this crate: an act carries an agreement's text, and approvals of up to 16 officers.
pub(crate) const LIMITS: Limits = Limits::new(2 << 20, 24, 100_000);

/// SHA-256 of a text.
pub(crate) fn digest(text: &str) -> Digest {
    Digest(Sha256::digest(text.as_bytes()).into())
}

/// An object being written; members are sorted as RFC 8785 asks. All names are ASCII, so that is byte order.
#[derive(Default)]
pub(crate) struct Object(BTreeMap<String, String>);

impl Object {
    /// An object that says what it is and in which version of the format.
    pub(crate) fn of(kind: &str) -> Self {
        Self::default().text("type", kind).raw("v", "1")
    }

    pub(crate) fn raw(mut self, name: &str, raw: impl Into<String>) -> Self {
        self.0.insert(name.to_owned(), raw.into());
        self
    }

    pub(crate) fn text(self, name: &str, text: impl ToString) -> Self {
        let raw = quoted(&text.to_string());
        self.raw(name, raw)
    }

    /// A member that is left out where there is nothing.
    pub(crate) fn maybe(self, name: &str, text: Option<impl ToString>) -> Self {
        match text {
            Some(text) => self.text(name, text),
            None => self,
        }
    }

    pub(crate) fn number(self, name: &str, number: impl Into<u64>) -> Self {
        self.raw(name, number.into().to_string())
    }

    pub(crate) fn flag(self, name: &str, flag: bool) -> Self {
        self.raw(name, if flag { "true" } else { "false" })
    }

    /// A list of raw values.
    pub(crate) fn list(self, name: &str, items: impl IntoIterator<Item = String>) -> Self {
        self.raw(name, list(items))
    }

    /// A list of strings.
    pub(crate) fn texts<T: ToString>(self, name: &str, items: impl IntoIterator<Item = T>) -> Self {
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

pub(crate) fn list(items: impl IntoIterator<Item = String>) -> String {
    let items: Vec<String> = items.into_iter().collect();
    format!("[{}]", items.join(","))
}

/// An object being read, every member of which is known.
pub(crate) struct Fields<'a> {
    object: Value<'a>,
    pointer: String,
}

impl<'a> Fields<'a> {
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
                let short: String = name.chars().take(64).collect();
                let at = format!("{pointer}/{}", escape_pointer(&short));
                return Err(Malformed::new(
                    at,
                    "a member that is not known here; nothing unknown is signed for",
                ));
            }
        }
        Ok(Self { object, pointer: pointer.to_owned() })
    }

    /// As [`Fields::of`], for a document that opens with its type and version.
    pub(crate) fn document(object: Value<'a>, kind: &str, known: &[&str]) -> Result<Self, Malformed> {
        let known: Vec<&str> = known.iter().copied().chain(["type", "v"]).collect();
        let fields = Self::of(object, "", &known)?;
        if fields.string("type", 64)? != kind {
            return fields.fail("type", format!("must be `{kind}` here"));
        }
        if fields.number::<u32>("v")? != 1 {
            return fields.fail("v", "only version 1 is known; a newer node may read this");
        }
        Ok(fields)
    }

    pub(crate) fn at(&self, name: &str) -> String {
        format!("{}/{}", self.pointer, escape_pointer(name))
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

    /// The members, for objects whose names are the document's own.
    pub(crate) fn entries(value: Value<'a>, pointer: &str) -> Result<Vec<(String, Value<'a>)>, Malformed> {
        if value.kind() != Kind::Object {
            return Err(Malformed::new(
                pointer,
                format!("an object is needed, not {}", value.kind().as_str()),
            ));
        }
        Ok(value
            .entries()
            .map(|(key, value)| (key.as_str().unwrap_or_default().into_owned(), value))
            .collect())
    }

    /// A string of at most `most` bytes.
    pub(crate) fn string(&self, name: &str, most: usize) -> Result<String, Malformed> {
        string(self.value(name)?, &self.at(name), most)
    }

    /// A string some type parses and writes in the same spelling.
    pub(crate) fn parsed<T: FromStr + ToString>(&self, name: &str) -> Result<T, Malformed> {
        parsed(self.value(name)?, &self.at(name))
    }

    /// As [`Fields::parsed`], `None` where the member is missing.
    pub(crate) fn maybe<T: FromStr + ToString>(&self, name: &str) -> Result<Option<T>, Malformed> {
        self.optional(name).map(|value| parsed(value, &self.at(name))).transpose()
    }

    /// What a string is read as.
    pub(crate) fn read<T>(&self, name: &str, read: impl Fn(&str) -> Option<T>) -> Result<T, Malformed> {
        match read(&self.string(name, 65_536)?) {
            Some(value) => Ok(value),
            None => self.fail(name, "not a value known here"),
        }
    }

    /// A whole number; canonical JSON holds no more than 2^53 exactly.
    pub(crate) fn number<T: TryFrom<i64>>(&self, name: &str) -> Result<T, Malformed> {
        let number = self.value(name)?.as_i64().filter(|number| (0..=1 << 53).contains(number));
        let number = number.and_then(|number| T::try_from(number).ok());
        number.ok_or_else(|| Malformed::new(self.at(name), "a whole number is needed"))
    }

    pub(crate) fn flag(&self, name: &str) -> Result<bool, Malformed> {
        self.value(name)?.as_bool().ok_or_else(|| Malformed::new(self.at(name), "true or false is needed"))
    }

    /// The items of a list, each with its pointer.
    pub(crate) fn list(&self, name: &str) -> Result<Vec<(String, Value<'a>)>, Malformed> {
        items(self.value(name)?, &self.at(name))
    }

    /// A list of strings, each read as something.
    pub(crate) fn strings<T: FromStr + ToString, C: FromIterator<T>>(
        &self,
        name: &str,
    ) -> Result<C, Malformed> {
        self.list(name)?.into_iter().map(|(at, item)| parsed(item, &at)).collect()
    }
}

pub(crate) fn items<'a>(value: Value<'a>, pointer: &str) -> Result<Vec<(String, Value<'a>)>, Malformed> {
    if value.kind() != Kind::Array {
        return Err(Malformed::new(pointer, format!("a list is needed, not {}", value.kind().as_str())));
    }
    Ok(value.items().enumerate().map(|(index, item)| (format!("{pointer}/{index}"), item)).collect())
}

pub(crate) fn string(value: Value<'_>, pointer: &str, most: usize) -> Result<String, Malformed> {
    match value.as_str() {
        Some(text) if text.len() <= most => Ok(text.into_owned()),
        Some(_) => Err(Malformed::new(pointer, format!("longer than {most} bytes"))),
        None => Err(Malformed::new(pointer, format!("a string is needed, not {}", value.kind().as_str()))),
    }
}

pub(crate) fn parsed<T: FromStr + ToString>(value: Value<'_>, pointer: &str) -> Result<T, Malformed> {
    let text = string(value, pointer, 4096)?;
    let value = text.parse::<T>().ok().filter(|value| value.to_string() == text);
    value.ok_or_else(|| Malformed::new(pointer, "not a value of the kind that is needed here"))
}
