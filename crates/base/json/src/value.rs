//! Reading a parsed document.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use crate::parse::Node;

/// What kind of JSON value this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number, in the spelling it came with.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl Kind {
    /// The JSON name: `null`, `boolean`, `number`, `string`, `array` or `object`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "boolean",
            Self::Number => "number",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }
}

/// One value of a parsed document: a cheap, copyable view.
#[derive(Clone, Copy)]
pub struct Value<'a> {
    text: &'a str,
    nodes: &'a [Node],
    index: u32,
}

impl<'a> Value<'a> {
    pub(crate) const fn new(text: &'a str, nodes: &'a [Node], index: u32) -> Self {
        Self { text, nodes, index }
    }

    #[inline]
    fn node(&self) -> Node {
        const NOTHING: Node = Node { start: 0, end: 0, next: 0, kind: Kind::Null, escaped: false };
        self.nodes.get(self.index as usize).copied().unwrap_or(NOTHING)
    }

    /// A number that identifies this value within its document; grows in document order.
    #[must_use]
    pub const fn position(&self) -> u32 {
        self.index
    }

    /// The position after the last value inside this one.
    pub(crate) fn subtree_end(&self) -> u32 {
        self.node().next
    }

    /// The value's kind.
    #[inline]
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.node().kind
    }

    /// Where the value stands in the source, in bytes.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        let node = self.node();
        node.start as usize..node.end as usize
    }

    /// The value exactly as it was written.
    #[inline]
    #[must_use]
    pub fn raw(&self) -> &'a str {
        self.text.get(self.span()).unwrap_or_default()
    }

    /// The string, unescaped; borrowed when it has no escapes. `None` for other kinds.
    #[inline]
    #[must_use]
    pub fn as_str(&self) -> Option<Cow<'a, str>> {
        let node = self.node();
        if node.kind != Kind::String {
            return None;
        }
        Some(unescape(self.inner(&node), node.escaped))
    }

    /// The string if it needs no unescaping: the fast path for ids, types and other plain text.
    #[inline]
    #[must_use]
    pub fn as_plain(&self) -> Option<&'a str> {
        let node = self.node();
        (node.kind == Kind::String && !node.escaped).then(|| self.inner(&node))
    }

    #[inline]
    fn inner(&self, node: &Node) -> &'a str {
        self.text.get(node.start as usize + 1..node.end as usize - 1).unwrap_or_default()
    }

    /// The boolean, or `None` for other kinds.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        (self.kind() == Kind::Bool).then(|| self.raw() == "true")
    }

    /// The number if it is written as an integer that fits; `None` otherwise (`1.0` and `1e3` are not integers).
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        if self.kind() != Kind::Number {
            return None;
        }
        self.raw().parse().ok()
    }

    /// The number as a double; infinite when it overflows. `None` for other kinds.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        if self.kind() != Kind::Number {
            return None;
        }
        self.raw().parse().ok()
    }

    /// Whether this is `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.kind() == Kind::Null
    }

    /// The member of this name; `None` if absent or if this is not an object.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Value<'a>> {
        self.entries().find(|(key, _)| key.is(name)).map(|(_, value)| value)
    }

    /// The item at this place; `None` if absent or if this is not an array.
    #[must_use]
    pub fn at(&self, index: usize) -> Option<Value<'a>> {
        self.items().nth(index)
    }

    /// Follows an RFC 6901 pointer; array indices are plain digits without leading zeros, as its §4 says.
    #[must_use]
    pub fn pointer(&self, pointer: &str) -> Option<Value<'a>> {
        if pointer.is_empty() {
            return Some(*self);
        }
        pointer.strip_prefix('/')?.split('/').try_fold(*self, |value, segment| {
            let segment = segment.replace("~1", "/").replace("~0", "~");
            match value.kind() {
                Kind::Array => value.at(array_index(&segment)?),
                _ => value.get(&segment),
            }
        })
    }

    /// The members in document order; empty if this is not an object.
    #[inline]
    #[must_use]
    pub fn entries(&self) -> Entries<'a> {
        let node = self.node();
        let end = if node.kind == Kind::Object { node.next } else { self.index };
        Entries { text: self.text, nodes: self.nodes, at: self.index + 1, end }
    }

    /// The items in order; empty if this is not an array.
    #[inline]
    #[must_use]
    pub fn items(&self) -> Items<'a> {
        let node = self.node();
        let end = if node.kind == Kind::Array { node.next } else { self.index };
        Items { text: self.text, nodes: self.nodes, at: self.index + 1, end }
    }

    /// Whether this is the given string.
    #[must_use]
    pub fn is(&self, text: &str) -> bool {
        match self.as_plain() {
            Some(plain) => plain == text,
            None => self.as_str().is_some_and(|own| own == text),
        }
    }
}

/// `usize`'s own parser also takes `+1` and `01`, which name other members in RFC 6901.
fn array_index(segment: &str) -> Option<usize> {
    let plain = segment == "0" || segment.starts_with(|first: char| matches!(first, '1'..='9'));
    if plain { segment.parse().ok() } else { None }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.raw())
    }
}

/// Iterator over `(key, value)`; the key is a string [`Value`], so its span is known too.
#[derive(Debug, Clone)]
pub struct Entries<'a> {
    text: &'a str,
    nodes: &'a [Node],
    at: u32,
    end: u32,
}

impl<'a> Iterator for Entries<'a> {
    type Item = (Value<'a>, Value<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.end {
            return None;
        }
        let key = Value::new(self.text, self.nodes, self.at);
        let value = Value::new(self.text, self.nodes, self.at + 1);
        self.at = value.node().next;
        Some((key, value))
    }
}

/// Iterator over the items of an array.
#[derive(Debug, Clone)]
pub struct Items<'a> {
    text: &'a str,
    nodes: &'a [Node],
    at: u32,
    end: u32,
}

impl<'a> Iterator for Items<'a> {
    type Item = Value<'a>;

    #[inline]
    fn next(&mut self) -> Option<Value<'a>> {
        if self.at >= self.end {
            return None;
        }
        let value = Value::new(self.text, self.nodes, self.at);
        self.at = value.node().next;
        Some(value)
    }
}

/// A member name as it stands in an RFC 6901 pointer.
#[must_use]
pub fn escape_pointer(segment: &str) -> Cow<'_, str> {
    if segment.contains(['~', '/']) {
        Cow::Owned(segment.replace('~', "~0").replace('/', "~1"))
    } else {
        Cow::Borrowed(segment)
    }
}

/// Resolves the escapes of a validated string.
pub(crate) fn unescape(raw: &str, escaped: bool) -> Cow<'_, str> {
    if !escaped {
        return Cow::Borrowed(raw);
    }
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((plain, tail)) = rest.split_once('\\') {
        out.push_str(plain);
        let mut chars = tail.chars();
        match chars.next() {
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{c}'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('u') => {
                let (unit, after) = unit(chars.as_str());
                chars = after.chars();
                let code = match (unit, after.strip_prefix("\\u")) {
                    (0xD800..=0xDBFF, Some(low)) => {
                        let (low, after) = self::unit(low);
                        chars = after.chars();
                        0x1_0000 + ((unit - 0xD800) << 10) + (low.wrapping_sub(0xDC00) & 0x3ff)
                    }
                    _ => unit,
                };
                out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            Some(other) => out.push(other),
            None => {}
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn unit(text: &str) -> (u32, &str) {
    let (digits, rest) = text.split_at_checked(4).unwrap_or((text, ""));
    (u32::from_str_radix(digits, 16).unwrap_or(0xFFFD), rest)
}

/// Appends a string with the escapes RFC 8785 §3.2.2.2 prescribes, quotes included.
pub fn write_string(text: &str, out: &mut String) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| matches!(c, '"' | '\\' | '\0'..='\u{1f}')) {
        let (plain, tail) = rest.split_at(at);
        out.push_str(plain);
        let mut chars = tail.chars();
        match chars.next() {
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some('\u{8}') => out.push_str("\\b"),
            Some('\u{c}') => out.push_str("\\f"),
            Some('\n') => out.push_str("\\n"),
            Some('\r') => out.push_str("\\r"),
            Some('\t') => out.push_str("\\t"),
            Some(control) => out.push_str(&format!("\\u{:04x}", u32::from(control))),
            None => {}
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    out.push('"');
}
