//! Reading a record from left to right, knowing where each part of it stands.

use std::borrow::Cow;
use std::ops::Range;

/// A place in a text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scan<'r> {
    text: &'r str,
    at: usize,
}

impl<'r> Scan<'r> {
    /// At that byte of the text; at its end where there is no such byte.
    pub(crate) fn new(text: &'r str, at: usize) -> Self {
        Self { text, at: if text.is_char_boundary(at) { at } else { text.len() } }
    }

    pub(crate) const fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn rest(&self) -> &'r str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(crate) fn slice(&self, span: &Range<usize>) -> &'r str {
        self.text.get(span.clone()).unwrap_or_default()
    }

    /// Takes the prefix if it stands here.
    pub(crate) fn eat(&mut self, prefix: &str) -> bool {
        let found = self.rest().starts_with(prefix);
        if found {
            self.at += prefix.len();
        }
        found
    }

    /// Takes that many bytes; fewer at the end.
    pub(crate) fn skip(&mut self, bytes: usize) {
        *self = Self::new(self.text, self.at.saturating_add(bytes));
    }

    pub(crate) fn spaces(&mut self) {
        self.at = self.text.len() - self.rest().trim_start_matches(' ').len();
    }

    /// Takes what stands before the first such character, or all the rest; the character stays.
    pub(crate) fn until(&mut self, stop: impl Fn(char) -> bool) -> Range<usize> {
        let from = self.at;
        self.at = self.rest().find(stop).map_or(self.text.len(), |found| from + found);
        from..self.at
    }

    /// Takes what stands before the first such character that no backslash escapes, or all the rest.
    pub(crate) fn until_plain(&mut self, stop: char) -> Range<usize> {
        let from = self.at;
        loop {
            self.until(|c| c == stop || c == '\\');
            if !self.eat("\\") {
                return from..self.at;
            }
            self.at += self.rest().chars().next().map_or(0, char::len_utf8);
        }
    }

    /// A word and the one space behind it.
    pub(crate) fn word(&mut self) -> Range<usize> {
        let word = self.until(|c| c == ' ');
        self.eat(" ");
        word
    }
}

/// Undoes backslash escapes of which `known` says what they stand for; others stay as they are.
pub(crate) fn unescape(text: &str, known: impl Fn(char) -> Option<char>) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some(next) => match known(next) {
                Some(plain) => out.push(plain),
                None => out.extend([c, next]),
            },
            None => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Bytes as text, borrowed where they are UTF-8.
pub(crate) fn lossy(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// The bytes that pairs of hex digits stand for; `None` unless that is all there is, and at least one pair.
pub(crate) fn hex(text: &str) -> Option<Vec<u8>> {
    if text.is_empty() || !text.len().is_multiple_of(2) || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let (pairs, _) = text.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok());
    pairs.iter().map(|[high, low]| Some(digit(*high)? * 16 + digit(*low)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_keep_their_places() {
        let mut scan = Scan::new("<34>host  tag", 0);
        assert!(scan.eat("<"));
        let number = scan.until(|c| c == '>');
        assert_eq!((scan.slice(&number), number), ("34", 1..3));
        scan.skip(1);
        let host = scan.word();
        assert_eq!(scan.slice(&host), "host");
        scan.spaces();
        assert_eq!((scan.rest(), scan.at()), ("tag", 10));
        scan.skip(usize::MAX);
        assert_eq!(scan.rest(), "");
    }

    #[test]
    fn what_is_escaped_ends_nothing() {
        let mut scan = Scan::new(r#"a \" b" c\"#, 0);
        let part = scan.until_plain('"');
        assert_eq!(scan.slice(&part), r#"a \" b"#);
        assert!(scan.eat("\""));
        assert_eq!(scan.until_plain('"'), 7..10);
    }

    #[test]
    fn escapes() {
        let known = |c| (c == '=').then_some('=');
        assert_eq!(unescape(r"a\=b\q\", known), r"a=b\q\");
        assert!(matches!(unescape("plain", known), Cow::Borrowed("plain")));
        assert_eq!(hex("2F62").as_deref(), Some(b"/b".as_slice()));
        assert_eq!((hex("2"), hex(""), hex("2g")), (None, None, None));
    }
}
