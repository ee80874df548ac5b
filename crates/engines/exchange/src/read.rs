//! Reading and writing signed text: canonical JSON with exactly the members its version has.
//!
//! A reader takes the members it knows and writes the value again; the two texts must be equal. So there is one
//! spelling for each value, and a member nobody knows, a second spelling of a number or a stray space is refused
//! without a list of what could be wrong.

use json::{Kind, Tape, Value, write_string};
use model::{Digest, Timestamp};

use crate::stream::MAX_NUMBER;

/// A text is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {what}: {problem}")]
pub struct Malformed {
    /// What was being read: `envelope`, `segment`, …
    pub what: &'static str,
    /// What is wrong, naming the member.
    pub problem: String,
}

impl Malformed {
    pub(crate) fn new(what: &'static str, problem: impl Into<String>) -> Self {
        Self { what, problem: problem.into() }
    }
}

/// The members of one JSON object.
#[derive(Clone, Copy)]
pub(crate) struct Members<'a> {
    what: &'static str,
    value: Value<'a>,
}

impl<'a> Members<'a> {
    /// Parses an object. `limit` bounds its bytes; values and depth are bounded accordingly.
    pub(crate) fn parse(
        what: &'static str,
        text: &'a str,
        tape: &'a mut Tape,
        limit: usize,
    ) -> Result<Self, Malformed> {
        // A value takes two bytes at least (a digit and a comma).
        let values = u32::try_from(limit / 2).unwrap_or(u32::MAX).max(16);
        let limits = json::Limits::new(limit, 8, values);
        let value =
            tape.parse(text.as_bytes(), &limits).map_err(|error| Malformed::new(what, error.to_string()))?;
        Self::of(what, value)
    }

    /// Takes a value that must be an object.
    pub(crate) fn of(what: &'static str, value: Value<'a>) -> Result<Self, Malformed> {
        if value.kind() == Kind::Object {
            Ok(Self { what, value })
        } else {
            Err(Malformed::new(what, format!("an object was expected, not {}", value.kind().as_str())))
        }
    }

    pub(crate) fn fail(&self, name: &str, expected: &str) -> Malformed {
        Malformed::new(self.what, format!("`{name}` is not {expected}"))
    }

    /// The member, if it is there.
    pub(crate) fn maybe(&self, name: &str) -> Option<Value<'a>> {
        self.value.get(name)
    }

    pub(crate) fn need(&self, name: &str) -> Result<Value<'a>, Malformed> {
        self.maybe(name).ok_or_else(|| Malformed::new(self.what, format!("`{name}` is missing")))
    }

    /// An object inside.
    pub(crate) fn object(&self, name: &str) -> Result<Self, Malformed> {
        Self::of(self.what, self.need(name)?).map_err(|_| self.fail(name, "an object"))
    }

    /// The items of an array of at most `most`.
    pub(crate) fn list(&self, name: &str, most: usize) -> Result<Vec<Value<'a>>, Malformed> {
        let value = self.need(name)?;
        if value.kind() != Kind::Array {
            return Err(self.fail(name, "an array"));
        }
        let items: Vec<_> = value.items().take(most.saturating_add(1)).collect();
        if items.len() > most {
            return Err(self.fail(name, &format!("an array of at most {most} items")));
        }
        Ok(items)
    }

    pub(crate) fn digest(&self, name: &str) -> Result<Digest, Malformed> {
        let plain = self.need(name)?.as_plain();
        plain
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| self.fail(name, "a digest of 64 lower-case hex digits"))
    }

    /// A whole number from 0 to 2^53 - 1.
    pub(crate) fn number(&self, name: &str) -> Result<u64, Malformed> {
        let number = self.need(name)?.as_i64().and_then(|number| u64::try_from(number).ok());
        number
            .filter(|number| *number <= MAX_NUMBER)
            .ok_or_else(|| self.fail(name, "a whole number from 0 to 2^53 - 1"))
    }

    /// A whole number of 32 bits.
    pub(crate) fn small(&self, name: &str) -> Result<u32, Malformed> {
        u32::try_from(self.number(name)?).map_err(|_| self.fail(name, "a number of 32 bits"))
    }

    pub(crate) fn text(&self, name: &str, most: usize) -> Result<String, Malformed> {
        let value = self.need(name)?;
        let text = value.as_str().ok_or_else(|| self.fail(name, "a string"))?;
        if text.len() > most {
            return Err(self.fail(name, &format!("a string of at most {most} bytes")));
        }
        Ok(text.into_owned())
    }

    pub(crate) fn flag(&self, name: &str) -> Result<bool, Malformed> {
        self.need(name)?.as_bool().ok_or_else(|| self.fail(name, "true or false"))
    }

    pub(crate) fn instant(&self, name: &str) -> Result<Timestamp, Malformed> {
        let plain = self.need(name)?.as_plain();
        plain.and_then(|text| text.parse().ok()).ok_or_else(|| self.fail(name, "an RFC 3339 instant in UTC"))
    }

    /// The format's version, which must be the one this program writes.
    pub(crate) fn version(&self, version: u64) -> Result<(), Malformed> {
        let found = self.number("v")?;
        if found == version {
            return Ok(());
        }
        let hint = "update the node that is behind";
        Err(Malformed::new(self.what, format!("version {found} is not known here, only {version}; {hint}")))
    }
}

/// What was read must be written the same way again.
pub(crate) fn exact(what: &'static str, given: &str, written: &str) -> Result<(), Malformed> {
    if given == written {
        Ok(())
    } else {
        let problem = "not in canonical form, or with members this version does not have";
        Err(Malformed::new(what, problem))
    }
}

/// Appends `"name":`, after a comma unless the object was just opened.
pub(crate) fn push_name(name: &str, out: &mut String) {
    if !out.ends_with('{') {
        out.push(',');
    }
    out.push('"');
    out.push_str(name);
    out.push_str("\":");
}

/// Appends a member with a digest.
pub(crate) fn push_hex(name: &str, digest: &Digest, out: &mut String) {
    push_name(name, out);
    out.push('"');
    hex(&digest.0, out);
    out.push('"');
}

/// Appends a member with a whole number.
pub(crate) fn push_number(name: &str, number: impl std::fmt::Display, out: &mut String) {
    push_name(name, out);
    out.push_str(&number.to_string());
}

/// Appends a member with a string.
pub(crate) fn push_text(name: &str, text: &str, out: &mut String) {
    push_name(name, out);
    write_string(text, out);
}

/// Appends lower-case hex digits.
pub(crate) fn hex(bytes: &[u8], out: &mut String) {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or('0');
    for byte in bytes {
        out.push(digit(byte >> 4));
        out.push(digit(byte & 15));
    }
}
