//! Envelopes: written around objects that stay as they are, and read without taking them apart.

use json::{Kind, Limits, Tape, Value};

/// Builds an envelope (TAXII 2.1 §3.7) by joining texts, so that each object keeps its bytes.
#[derive(Debug, Default)]
pub struct EnvelopeWriter {
    text: String,
}

impl EnvelopeWriter {
    /// An empty envelope with room for `bytes` of objects.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes + 64) }
    }

    /// Adds an object, given as its JSON text.
    pub fn push(&mut self, object: &str) {
        self.text.push_str(if self.text.is_empty() { "{\"objects\":[" } else { "," });
        self.text.push_str(object);
    }

    /// Bytes so far: for keeping a page below a size.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.text.len()
    }

    /// Whether no object has been added.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The envelope's JSON. `next` is written when there is more; with no objects, the list is left out.
    #[must_use]
    pub fn finish(self, more: bool, next: Option<&str>) -> String {
        let mut text = self.text;
        text.push_str(if text.is_empty() { "{" } else { "]" });
        if more {
            text.push_str(if text.len() == 1 { "\"more\":true" } else { ",\"more\":true" });
            if let Some(next) = next {
                text.push_str(",\"next\":");
                json::write_string(next, &mut text);
            }
        }
        text.push('}');
        text
    }
}

/// What an envelope says about itself; its objects stay in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Whether items follow on another page.
    pub more: bool,
    /// Token for that page.
    pub next: Option<String>,
    /// The objects' places in the text, in order.
    pub objects: Vec<std::ops::Range<usize>>,
}

/// A text is not an envelope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Not even JSON, or over the limits.
    #[error("not JSON: {0}")]
    Json(#[from] json::Error),
    /// A member of another kind than TAXII 2.1 §3.7 says.
    #[error("`{member}` is {found}, expected {expected}")]
    Member {
        /// The member's name; `envelope` for the whole.
        member: &'static str,
        /// The JSON kind found.
        found: &'static str,
        /// What should be there.
        expected: &'static str,
    },
}

impl Envelope {
    /// Reads an envelope. Unknown members are ignored (§7.1.1); a missing or null list is an empty one.
    ///
    /// `next` may be a number, as some servers write it.
    ///
    /// # Errors
    /// [`EnvelopeError`] when the text is not JSON within `limits`, or its members are of the wrong kind.
    pub fn parse(text: &[u8], limits: &Limits) -> Result<Self, EnvelopeError> {
        let mut tape = Tape::new();
        let root = tape.parse(text, limits)?;
        if root.kind() != Kind::Object {
            return Err(wrong("envelope", root, "an object"));
        }
        let present = |name| root.get(name).filter(|value| !value.is_null());
        let more = match present("more") {
            None => false,
            Some(value) => value.as_bool().ok_or_else(|| wrong("more", value, "a boolean"))?,
        };
        let next = match present("next") {
            None => None,
            Some(value) if value.kind() == Kind::Number => Some(value.raw().to_owned()),
            Some(value) => Some(value.as_str().ok_or_else(|| wrong("next", value, "a string"))?.into_owned()),
        };
        let objects = match present("objects") {
            None => Vec::new(),
            Some(list) if list.kind() == Kind::Array => list.items().map(|item| item.span()).collect(),
            Some(value) => return Err(wrong("objects", value, "an array")),
        };
        Ok(Self { more, next: next.filter(|token| !token.is_empty()), objects })
    }
}

fn wrong(member: &'static str, value: Value<'_>, expected: &'static str) -> EnvelopeError {
    EnvelopeError::Member { member, found: value.kind().as_str(), expected }
}
