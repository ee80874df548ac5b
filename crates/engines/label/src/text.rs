//! The canonical text of labels: nested lists in which every free part is percent-encoded.

use std::collections::BTreeSet;
use std::fmt;

/// A text is not the canonical spelling of what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidText {
    /// What was expected.
    pub expected: &'static str,
    /// The part that is not it, at most 80 characters.
    pub found: String,
}

impl InvalidText {
    pub(crate) fn new(expected: &'static str, found: &str) -> Self {
        Self { expected, found: found.chars().take(80).collect() }
    }
}

impl fmt::Display for InvalidText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not {}", self.found, self.expected)
    }
}

impl std::error::Error for InvalidText {}

/// Appends a free text so that none of its bytes can be taken for structure.
pub(crate) fn escape(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-') {
            out.push(char::from(byte));
        } else {
            const DIGITS: [char; 16] =
                ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
            out.push('%');
            for nibble in [byte >> 4, byte & 15] {
                out.push(DIGITS.get(usize::from(nibble)).copied().unwrap_or('0'));
            }
        }
    }
}

/// The text that [`escape`] wrote. Other spellings may pass: callers compare what they would write themselves.
pub(crate) fn unescape(text: &str) -> Result<String, InvalidText> {
    let invalid = || InvalidText::new("a percent-encoded text", text);
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    let digit = |bytes: &mut std::str::Bytes<'_>| {
        let digit = bytes.next().and_then(|byte| char::from(byte).to_digit(16));
        digit.and_then(|digit| u8::try_from(digit).ok()).ok_or_else(invalid)
    };
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => digit(&mut bytes)? << 4 | digit(&mut bytes)?,
            byte => byte,
        });
    }
    String::from_utf8(out).map_err(|_| invalid())
}

/// Appends the items of a set, each escaped, with a separator between them.
pub(crate) fn write_set<'a>(items: impl IntoIterator<Item = &'a str>, separator: char, out: &mut String) {
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(separator);
        }
        escape(item, out);
    }
}

/// The set that [`write_set`] wrote. The empty text is the empty set: no item is empty.
pub(crate) fn read_set(text: &str, separator: char) -> Result<BTreeSet<String>, InvalidText> {
    if text.is_empty() { Ok(BTreeSet::new()) } else { text.split(separator).map(unescape).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_comes_back() {
        for text in ["", "amber+strict", "a,b;c/d:e~f*g%h", "Ünïcode 名", "\u{0}\u{7f}"] {
            let mut out = String::new();
            escape(text, &mut out);
            assert!(out.bytes().all(|b| b.is_ascii_alphanumeric() || b".%_-".contains(&b)), "{out}");
            assert_eq!(unescape(&out).as_deref(), Ok(text));
        }
    }

    #[test]
    fn broken_encodings_are_refused() {
        for text in ["%", "%4", "%zz", "%ff", "a%c3"] {
            assert!(unescape(text).is_err(), "{text}");
        }
    }
}
