//! The named values of one record, found by name in a few nanoseconds.

use std::borrow::Cow;
use std::ops::Range;

use json::{Kind, Value};

/// One value as the record holds it. Spans are bytes of the record's text.
#[derive(Debug, Clone)]
pub(crate) enum Raw<'r> {
    /// A JSON value; it knows its own span.
    Json(Value<'r>),
    /// Text, and where it stands; owned where an escape had to be undone.
    Text(Cow<'r, str>, Range<usize>),
    /// Several values under one name.
    Many(Vec<Raw<'r>>),
}

impl<'r> Raw<'r> {
    /// Where the value stands, without the quotes of a string; the first of several.
    pub(crate) fn span(&self) -> Option<Range<usize>> {
        match self {
            Self::Json(value) => Some(inner_span(*value)),
            Self::Text(_, span) => Some(span.clone()),
            Self::Many(all) => all.first().and_then(Self::span),
        }
    }
}

/// The span of a JSON value; of a string, what stands between its quotes.
pub(crate) fn inner_span(value: Value<'_>) -> Range<usize> {
    let span = value.span();
    if value.kind() == Kind::String && span.len() >= 2 { span.start + 1..span.end - 1 } else { span }
}

#[derive(Debug)]
struct Slot<'r> {
    print: u64,
    name: Cow<'r, str>,
    value: Raw<'r>,
}

/// The values of a record in the order they came. Where a name occurs twice, the first one counts.
#[derive(Debug, Default)]
pub(crate) struct Slots<'r>(Vec<Slot<'r>>);

impl<'r> Slots<'r> {
    /// Room for that many values.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    pub(crate) fn put(&mut self, name: impl Into<Cow<'r, str>>, value: Raw<'r>) {
        let name = name.into();
        self.0.push(Slot { print: print(&name), name, value });
    }

    /// A part of the record's own text.
    pub(crate) fn text(&mut self, name: impl Into<Cow<'r, str>>, record: &'r str, span: Range<usize>) {
        let text = record.get(span.clone()).unwrap_or_default();
        self.put(name, Raw::Text(Cow::Borrowed(text), span));
    }

    /// Every member of an object under its own name.
    pub(crate) fn members(&mut self, object: Value<'r>) {
        for (name, value) in object.entries() {
            self.member(name, value);
        }
    }

    pub(crate) fn member(&mut self, name: Value<'r>, value: Value<'r>) {
        if let Some(name) = name.as_str() {
            self.put(name, Raw::Json(value));
        }
    }

    /// The value of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&Raw<'r>> {
        let print = print(name);
        self.0.iter().find(|slot| slot.print == print && slot.name == name).map(|slot| &slot.value)
    }

    /// The value of this name where it is JSON.
    pub(crate) fn json(&self, name: &str) -> Option<Value<'r>> {
        match self.get(name)? {
            Raw::Json(value) => Some(*value),
            Raw::Text(..) | Raw::Many(_) => None,
        }
    }

    /// The object of this name.
    pub(crate) fn object(&self, name: &str) -> Option<Value<'r>> {
        self.json(name).filter(|value| value.kind() == Kind::Object)
    }

    /// The text of this name; a number or a word of JSON as it is written.
    pub(crate) fn string(&self, name: &str) -> Option<Cow<'_, str>> {
        match self.get(name)? {
            Raw::Json(value) => scalar(*value),
            Raw::Text(text, _) => Some(Cow::Borrowed(text.as_ref())),
            Raw::Many(_) => None,
        }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Puts another value in the place of this name's first one, or takes it away.
    pub(crate) fn replace(&mut self, name: &str, value: Option<Raw<'r>>) {
        let Some(at) = self.0.iter().position(|slot| slot.name == name) else { return };
        match value {
            Some(value) => {
                if let Some(slot) = self.0.get_mut(at) {
                    slot.value = value;
                }
            }
            None => {
                self.0.remove(at);
            }
        }
    }

    /// Every value with its name and the name's [`print`].
    pub(crate) fn prints(&self) -> impl Iterator<Item = (u64, &str, &Raw<'r>)> {
        self.0.iter().map(|slot| (slot.print, slot.name.as_ref(), &slot.value))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Raw<'r>)> {
        self.0.iter().map(|slot| (slot.name.as_ref(), &slot.value))
    }
}

/// The text of a string, number or word; `None` for `null`, arrays and objects.
pub(crate) fn scalar(value: Value<'_>) -> Option<Cow<'_, str>> {
    match value.kind() {
        Kind::String => value.as_str(),
        Kind::Number | Kind::Bool => Some(Cow::Borrowed(value.raw())),
        Kind::Null | Kind::Array | Kind::Object => None,
    }
}

/// A number that equal names share and different names of real logs hardly ever do: the length, the first eight and
/// the last eight bytes. Comparing it first makes a miss cost nothing.
pub(crate) fn print(name: &str) -> u64 {
    let bytes = name.as_bytes();
    let (head, tail) = match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (Some(head), Some(tail)) => (u64::from_le_bytes(*head), u64::from_le_bytes(*tail)),
        _ => (bytes.iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte)), 0),
    };
    head ^ tail.rotate_left(29) ^ (bytes.len() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_a_name_counts_and_can_be_replaced() {
        let mut slots = Slots::default();
        slots.text("a", "xyz", 0..1);
        slots.text("a", "xyz", 1..2);
        assert_eq!(slots.string("a").as_deref(), Some("x"));
        slots.replace("a", Some(Raw::Text(Cow::Borrowed("new"), 0..3)));
        assert_eq!(slots.string("a").as_deref(), Some("new"));
        slots.replace("a", None);
        assert_eq!(slots.string("a").as_deref(), Some("y"));
        assert!(!slots.has("b"));
    }

    #[test]
    fn names_of_one_length_differ_in_their_prints() {
        let names = ["SourcePort", "SourceHost", "TargetPort", "ParentUser", "id.orig_h", "id.orig_p"];
        for (at, one) in names.iter().enumerate() {
            for other in &names[at + 1..] {
                assert_ne!(print(one), print(other), "{one} {other}");
            }
        }
    }

    #[test]
    fn a_string_spans_what_is_between_its_quotes() {
        let text = br#"{"a":"bc","d":[1]}"#;
        let mut tape = json::Tape::new();
        let root = tape.parse(text, &json::Limits::OBJECT).unwrap();
        assert_eq!(inner_span(root.get("a").unwrap()), 6..8);
        assert_eq!(inner_span(root.get("d").unwrap()), 14..17);
    }
}
