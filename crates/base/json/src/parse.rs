//! Text to tape.

use crate::error::{Error, Problem};
use crate::value::{Kind, Value, escape_pointer, unescape};

/// Bounds on what is read. Every one of them ends in a clear error, never in exhaustion.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of source text.
    pub bytes: usize,
    /// Levels of nested arrays and objects.
    pub depth: u16,
    /// Values in the whole document, member names included.
    pub values: u32,
    /// Whether an object may say the same name twice.
    pub names: Names,
}

/// What an object that says a name twice is (RFC 8259 §4 leaves it open).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// Refused: who signs one meaning must not be read with the other.
    Unique,
    /// Taken in; the first one is found by name, and all are listed. For records of programs that do so, such as
    /// Suricata, where refusing would lose the record.
    First,
}

impl Limits {
    /// So many bytes, levels and values; names are unique.
    #[must_use]
    pub const fn new(bytes: usize, depth: u16, values: u32) -> Self {
        Self { bytes, depth, values, names: Names::Unique }
    }

    /// For one shared object: 8 MiB, 64 levels, half a million values.
    pub const OBJECT: Self = Self { bytes: 8 << 20, depth: 64, values: 500_000, names: Names::Unique };
    /// For a document held in memory as a whole: 128 MiB, 96 levels, 8 million values.
    ///
    /// Text and tape together stay under 384 MiB even while the tape grows into a copy of itself.
    pub const DOCUMENT: Self = Self { bytes: 128 << 20, depth: 96, values: 8_000_000, names: Names::Unique };
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Node {
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// Index of the node after this subtree.
    pub(crate) next: u32,
    pub(crate) kind: Kind,
    /// For strings: whether the text holds a backslash.
    pub(crate) escaped: bool,
}

/// The flat form of one document: every value in the order of the text, with its span.
///
/// Reuse one tape for many documents.
#[derive(Debug, Default)]
pub struct Tape {
    pub(crate) nodes: Vec<Node>,
}

impl Tape {
    /// An empty tape.
    #[must_use]
    pub const fn new() -> Self {
        Self { nodes: Vec::new() }
    }

    /// Parses one JSON text, forgetting what the tape held before.
    ///
    /// # Errors
    /// The first defect or exceeded limit, with its offset and pointer.
    pub fn parse<'a>(&'a mut self, source: &'a [u8], limits: &Limits) -> Result<Value<'a>, Error> {
        self.nodes.clear();
        let fail = |offset, problem| Error { offset, pointer: String::new(), problem };
        if source.len() > limits.bytes || u32::try_from(source.len()).is_err() {
            return Err(fail(0, Problem::TooLong(limits.bytes.min(u32::MAX as usize))));
        }
        let text = std::str::from_utf8(source).map_err(|e| fail(e.valid_up_to(), Problem::Utf8))?;
        let mut parser = Parser { text, bytes: source, at: 0, nodes: &mut self.nodes, limits };
        parser.document().map_err(|mut trail| {
            trail.path.reverse();
            Error { offset: trail.offset, pointer: trail.path.concat(), problem: trail.problem }
        })?;
        Ok(Value::new(text, &self.nodes, 0))
    }
}

/// An error on its way up, collecting pointer segments innermost first.
struct Trail {
    offset: usize,
    path: Vec<String>,
    problem: Problem,
}

struct Parser<'a, 't> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    nodes: &'t mut Vec<Node>,
    limits: &'t Limits,
}

type Step<T> = Result<T, Box<Trail>>;

impl Parser<'_, '_> {
    fn document(&mut self) -> Step<()> {
        self.space();
        self.value(0)?;
        self.space();
        if self.at < self.bytes.len() { self.fail(Problem::Trailing) } else { Ok(()) }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline]
    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    #[cold]
    fn fail<T>(&self, problem: Problem) -> Step<T> {
        Err(Box::new(Trail { offset: self.at, path: Vec::new(), problem }))
    }

    #[cold]
    fn unexpected<T>(&self) -> Step<T> {
        self.fail(self.peek().map_or(Problem::Truncated, Problem::Unexpected))
    }

    #[inline]
    fn open(&mut self, kind: Kind) -> Step<usize> {
        let index = self.nodes.len();
        if index >= self.limits.values as usize {
            return self.fail(Problem::TooMany(self.limits.values));
        }
        let at = narrow(self.at);
        self.nodes.push(Node { start: at, end: at, next: 0, kind, escaped: false });
        Ok(index)
    }

    #[inline]
    fn close(&mut self, index: usize, escaped: bool) {
        let (end, next) = (narrow(self.at), narrow(self.nodes.len()));
        if let Some(node) = self.nodes.get_mut(index) {
            node.end = end;
            node.next = next;
            node.escaped = escaped;
        }
    }

    fn value(&mut self, depth: u16) -> Step<()> {
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word(b"true", Kind::Bool),
            Some(b'f') => self.word(b"false", Kind::Bool),
            Some(b'n') => self.word(b"null", Kind::Null),
            _ => self.unexpected(),
        }
    }

    fn word(&mut self, word: &[u8], kind: Kind) -> Step<()> {
        let index = self.open(kind)?;
        for expected in word {
            if self.peek() != Some(*expected) {
                return self.unexpected();
            }
            self.at += 1;
        }
        self.close(index, false);
        Ok(())
    }

    fn number(&mut self) -> Step<()> {
        let index = self.open(Kind::Number)?;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return self.fail(Problem::Number),
        }
        if matches!(self.peek(), Some(b'0'..=b'9')) {
            return self.fail(Problem::Number);
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        self.close(index, false);
        Ok(())
    }

    fn digits(&mut self) -> Step<()> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == start { self.fail(Problem::Number) } else { Ok(()) }
    }

    fn string(&mut self) -> Step<()> {
        let index = self.open(Kind::String)?;
        self.at += 1;
        let mut escaped = false;
        loop {
            self.at += plain_run(self.bytes.get(self.at..).unwrap_or_default());
            match self.peek() {
                Some(b'"') => break self.at += 1,
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(control) => return self.fail(Problem::Control(control)),
                None => return self.fail(Problem::Truncated),
            }
        }
        self.close(index, escaped);
        Ok(())
    }

    fn escape(&mut self) -> Step<()> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 2;
                Ok(())
            }
            Some(b'u') => match self.hex(self.at + 2) {
                Some(0xD800..=0xDBFF)
                    if self.bytes.get(self.at + 6..self.at + 8) == Some(b"\\u")
                        && matches!(self.hex(self.at + 8), Some(0xDC00..=0xDFFF)) =>
                {
                    self.at += 12;
                    Ok(())
                }
                Some(0xD800..=0xDFFF) => self.fail(Problem::Escape),
                Some(_) => {
                    self.at += 6;
                    Ok(())
                }
                None => self.fail(Problem::Escape),
            },
            Some(_) => self.fail(Problem::Escape),
            None => self.fail(Problem::Truncated),
        }
    }

    fn hex(&self, at: usize) -> Option<u32> {
        let digits = self.text.get(at..at + 4)?;
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        u32::from_str_radix(digits, 16).ok()
    }

    fn descend(&self, depth: u16) -> Step<u16> {
        if depth >= self.limits.depth {
            self.fail(Problem::TooDeep(self.limits.depth))
        } else {
            Ok(depth + 1)
        }
    }

    fn array(&mut self, depth: u16) -> Step<()> {
        let depth = self.descend(depth)?;
        let index = self.open(Kind::Array)?;
        self.at += 1;
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            self.close(index, false);
            return Ok(());
        }
        let mut position = 0usize;
        loop {
            self.value(depth).map_err(|mut trail| {
                trail.path.push(format!("/{position}"));
                trail
            })?;
            position += 1;
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break self.at += 1,
                _ => return self.unexpected(),
            }
            self.space();
        }
        self.close(index, false);
        Ok(())
    }

    fn object(&mut self, depth: u16) -> Step<()> {
        let depth = self.descend(depth)?;
        let index = self.open(Kind::Object)?;
        self.at += 1;
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            self.close(index, false);
            return Ok(());
        }
        let mut members = 0u32;
        loop {
            if self.peek() != Some(b'"') {
                return self.unexpected();
            }
            let key = self.nodes.len();
            self.string()?;
            self.space();
            if self.peek() != Some(b':') {
                return self.unexpected();
            }
            self.at += 1;
            self.space();
            self.value(depth).map_err(|mut trail| {
                trail.path.push(format!("/{}", escape_pointer(&self.key_at(key))));
                trail
            })?;
            members += 1;
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break self.at += 1,
                _ => return self.unexpected(),
            }
            self.space();
        }
        self.close(index, false);
        match self.limits.names {
            Names::Unique => self.unique(index, members),
            Names::First => Ok(()),
        }
    }

    fn key_at(&self, index: usize) -> String {
        self.nodes.get(index).map_or_else(String::new, |node| self.key(node).into_owned())
    }

    fn key(&self, node: &Node) -> std::borrow::Cow<'_, str> {
        let raw = self.text.get(node.start as usize + 1..node.end as usize - 1).unwrap_or_default();
        unescape(raw, node.escaped)
    }

    /// Refuses an object in which two member names are equal once unescaped.
    ///
    /// Small objects compare every pair by (length, first bytes), which is cheaper than hashing; larger ones
    /// sort, so that no choice of keys makes this quadratic.
    fn unique(&self, object: usize, members: u32) -> Step<()> {
        const PAIRWISE: u32 = 24;
        let keys = KeyNodes { nodes: self.nodes, at: object + 1, left: members };
        if members <= PAIRWISE {
            let mut seen = [(0u32, 0u64); PAIRWISE as usize];
            for (position, node) in keys.clone().enumerate() {
                let print = self.fingerprint(node);
                if seen.iter().take(position).any(|other| *other == print)
                    && keys.clone().take(position).any(|other| self.key(other) == self.key(node))
                {
                    return self.duplicate(node);
                }
                if let Some(slot) = seen.get_mut(position) {
                    *slot = print;
                }
            }
            return Ok(());
        }
        let mut sorted: Vec<_> = keys.map(|node| (self.key(node), node)).collect();
        sorted.sort_by(|a, b| a.0.cmp(&b.0));
        match sorted.windows(2).find(|pair| matches!(pair, [a, b] if a.0 == b.0)) {
            Some([_, (_, node)]) => self.duplicate(node),
            _ => Ok(()),
        }
    }

    /// Length and first eight bytes of the unescaped name: equal names have equal prints, and the few others
    /// that do are compared in full.
    fn fingerprint(&self, node: &Node) -> (u32, u64) {
        let unescaped: std::borrow::Cow<'_, str> = self.key(node);
        let bytes = unescaped.as_bytes();
        let mut head = [0u8; 8];
        for (slot, byte) in head.iter_mut().zip(bytes) {
            *slot = *byte;
        }
        (narrow(bytes.len()), u64::from_le_bytes(head))
    }

    #[cold]
    fn duplicate(&self, node: &Node) -> Step<()> {
        let problem = Problem::DuplicateKey(self.key(node).into_owned());
        Err(Box::new(Trail { offset: node.start as usize, path: Vec::new(), problem }))
    }
}

/// The key nodes of one object, in order.
#[derive(Clone)]
struct KeyNodes<'n> {
    nodes: &'n [Node],
    at: usize,
    left: u32,
}

impl<'n> Iterator for KeyNodes<'n> {
    type Item = &'n Node;

    #[inline]
    fn next(&mut self) -> Option<&'n Node> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        let key = self.nodes.get(self.at)?;
        self.at = self.nodes.get(self.at + 1)?.next as usize;
        Some(key)
    }
}

#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the source was checked to be shorter than u32::MAX bytes"
)]
const fn narrow(at: usize) -> u32 {
    at as u32
}

/// How many bytes from the start are neither a quote, a backslash nor a control character.
///
/// Eight bytes at a time with the classic "is any byte less than n" and "is any byte equal to n" tricks.
#[inline]
fn plain_run(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let mut run = 0;
    let (chunks, rest) = bytes.as_chunks::<8>();
    for chunk in chunks {
        let word = u64::from_le_bytes(*chunk);
        let quote = word ^ (ONES * b'"' as u64);
        let slash = word ^ (ONES * b'\\' as u64);
        let stop = (word.wrapping_sub(ONES * 0x20) & !word)
            | (quote.wrapping_sub(ONES) & !quote)
            | (slash.wrapping_sub(ONES) & !slash);
        let stop = stop & HIGH;
        if stop != 0 {
            return run + stop.trailing_zeros() as usize / 8;
        }
        run += 8;
    }
    run + rest.iter().take_while(|b| !matches!(b, b'"' | b'\\' | 0..=0x1f)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_document_within_the_limits_fits_a_small_machine() {
        let Limits { bytes, values, .. } = Limits::DOCUMENT;
        let tape = (values as usize).next_power_of_two() * size_of::<Node>();
        assert!(bytes + tape + tape / 2 < 384 << 20);
    }

    #[test]
    fn a_run_of_plain_bytes_ends_at_the_first_special_one_wherever_it_stands() {
        for special in [b'"', b'\\', 0, 0x1f] {
            for neighbour in [b' ', b'!', b'#', b'[', b']', 0x7f, 0x80, 0xa2, 0xdc, 0xff] {
                for at in 0..20 {
                    let mut bytes = [neighbour; 20];
                    bytes[at] = special;
                    assert_eq!(plain_run(&bytes), at, "{special:#x} among {neighbour:#x}");
                }
                assert_eq!(plain_run(&[neighbour; 20]), 20);
            }
        }
    }
}
