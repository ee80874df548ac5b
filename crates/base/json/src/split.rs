//! Cutting a big text into the documents inside it, in bounded memory.
//!
//! A bundle of a million objects is never held as one tree. The splitter is fed chunks of any size and hands
//! out the elements of one named array (`objects`) or of a top-level array as raw bytes, and after them what
//! is left of the enclosing document. It checks only what lies between the pieces: [`crate::Tape`] parses and
//! checks each piece in full, and a text whose pieces all pass is valid JSON as a whole.

use crate::error::{Error, Problem};
use crate::value::unescape;

/// One piece of the text.
#[derive(Debug, PartialEq, Eq)]
pub enum Element {
    /// An element of the named array, or of a top-level array.
    Item {
        /// Raw JSON text; white space may follow a number, a word or a string.
        raw: Vec<u8>,
        /// Place among all items of the input, counted from 0.
        index: u64,
        /// Byte offset of its first byte in the whole input.
        offset: u64,
    },
    /// A top-level object, once complete, without the items already handed out
    /// (`{"type":"bundle","objects":[]}`). Each line of JSON lines is one of these.
    Envelope(Vec<u8>),
}

/// Incremental splitter; see the module text.
#[derive(Debug)]
pub struct Splitter {
    member: String,
    limit: usize,
    state: State,
    /// Whether the array being read is itself the document.
    top_level: bool,
    /// The item being collected.
    piece: Vec<u8>,
    envelope: Vec<u8>,
    depth: u32,
    in_string: bool,
    escape: bool,
    /// The last string at depth 1 of the envelope, quotes included: candidate for a member name.
    name: Vec<u8>,
    index: u64,
    offset: u64,
    piece_offset: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before a document.
    Between,
    /// Inside a byte order mark, after this many of its bytes.
    Mark(usize),
    /// Inside a top-level object, outside the named array.
    Envelope,
    /// After the array's opening bracket: an item or the end.
    First,
    /// After a comma in the array: an item.
    Next,
    /// Inside an item.
    Item,
    /// After an item: a comma or the end.
    After,
}

const BYTE_ORDER_MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];
/// Begins each text of a sequence by RFC 7464.
const RECORD_SEPARATOR: u8 = 0x1E;

impl Splitter {
    /// Splits out the array called `member`; no single piece may be longer than `limit` bytes.
    #[must_use]
    pub fn new(member: &str, limit: usize) -> Self {
        Self {
            member: member.to_owned(),
            limit,
            state: State::Between,
            top_level: false,
            piece: Vec::new(),
            envelope: Vec::new(),
            depth: 0,
            in_string: false,
            escape: false,
            name: Vec::new(),
            index: 0,
            offset: 0,
            piece_offset: 0,
        }
    }

    /// Feeds bytes; complete pieces are handed to `each` in order.
    ///
    /// # Errors
    /// A piece beyond the limit, or a byte that cannot stand between pieces. The splitter is then spent.
    pub fn push(&mut self, bytes: &[u8], each: &mut dyn FnMut(Element)) -> Result<(), Error> {
        let mut rest = bytes;
        while let Some(byte) = rest.first() {
            let taken = if self.state == State::Item {
                self.item_bytes(rest, each)?
            } else if let Some(plain) = self.plain_in_envelope(rest) {
                plain
            } else {
                self.byte(*byte, each)?
            };
            self.offset += taken as u64;
            rest = rest.get(taken..).unwrap_or_default();
        }
        Ok(())
    }

    /// Takes the plain bytes of a string deep in the envelope in one go, if that is where we are.
    fn plain_in_envelope(&mut self, bytes: &[u8]) -> Option<usize> {
        if self.state != State::Envelope || !self.in_string || self.escape || self.depth < 2 {
            return None;
        }
        let room = self.limit.saturating_sub(self.envelope.len());
        let run = memchr::memchr2(b'"', b'\\', bytes).unwrap_or(bytes.len()).min(room);
        self.envelope.extend_from_slice(bytes.get(..run)?);
        (run > 0).then_some(run)
    }

    /// Ends the input.
    ///
    /// # Errors
    /// [`Problem::Truncated`] when the input ends inside a document.
    pub fn finish(&self) -> Result<(), Error> {
        if self.state == State::Between { Ok(()) } else { Err(self.error(Problem::Truncated)) }
    }

    fn error(&self, problem: Problem) -> Error {
        let pointer = match (self.state, self.top_level) {
            (State::Item, false) => format!("/{}/{}", self.member, self.index),
            (State::Item, true) => format!("/{}", self.index),
            (State::First | State::Next | State::After, false) => format!("/{}", self.member),
            _ => String::new(),
        };
        Error { offset: usize::try_from(self.offset).unwrap_or(usize::MAX), pointer, problem }
    }

    /// One byte outside the items; returns how many were used: none when it begins an item.
    fn byte(&mut self, byte: u8, each: &mut dyn FnMut(Element)) -> Result<usize, Error> {
        let space = matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
        match self.state {
            State::Envelope => self.envelope_byte(byte, each)?,
            State::Mark(seen) if BYTE_ORDER_MARK.get(seen) == Some(&byte) => {
                self.state = if seen == 2 { State::Between } else { State::Mark(seen + 1) };
            }
            State::Mark(_) => return Err(self.error(Problem::Unexpected(byte))),
            _ if space => {}
            State::Between => match byte {
                RECORD_SEPARATOR => {}
                0xEF => self.state = State::Mark(1),
                b'{' => {
                    self.state = State::Envelope;
                    self.top_level = false;
                    self.depth = 1;
                    self.name.clear();
                    self.envelope.push(byte);
                }
                b'[' => {
                    self.state = State::First;
                    self.top_level = true;
                }
                _ => return Err(self.error(Problem::Unexpected(byte))),
            },
            State::First | State::After if byte == b']' => {
                if self.top_level {
                    self.state = State::Between;
                } else {
                    self.envelope.push(byte);
                    self.depth = 1;
                    self.state = State::Envelope;
                }
            }
            State::After if byte == b',' => self.state = State::Next,
            State::First | State::Next if !matches!(byte, b',' | b']' | b'}' | b':') => {
                self.state = State::Item;
                self.piece_offset = self.offset;
                self.depth = 0;
                return Ok(0);
            }
            State::First | State::Next | State::After | State::Item => {
                return Err(self.error(Problem::Unexpected(byte)));
            }
        }
        Ok(1)
    }

    fn envelope_byte(&mut self, byte: u8, each: &mut dyn FnMut(Element)) -> Result<(), Error> {
        if self.envelope.len() >= self.limit {
            return Err(self.error(Problem::TooLong(self.limit)));
        }
        self.envelope.push(byte);
        if self.in_string {
            self.string_byte(byte);
            if self.depth == 1 {
                self.name.push(byte);
            }
            return Ok(());
        }
        match byte {
            b'"' => {
                self.in_string = true;
                if self.depth == 1 {
                    self.name.clear();
                    self.name.push(byte);
                }
            }
            b',' if self.depth == 1 => self.name.clear(),
            b'[' if self.depth == 1 && self.named() => {
                self.name.clear();
                self.state = State::First;
            }
            b'{' | b'[' => self.depth = self.depth.saturating_add(1),
            b'}' | b']' => {
                self.depth -= 1;
                if self.depth == 0 {
                    self.state = State::Between;
                    each(Element::Envelope(std::mem::take(&mut self.envelope)));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn string_byte(&mut self, byte: u8) {
        match byte {
            _ if self.escape => self.escape = false,
            b'\\' => self.escape = true,
            b'"' => self.in_string = false,
            _ => {}
        }
    }

    /// Whether the last member name is the array's, however it is escaped.
    fn named(&self) -> bool {
        let quoted = std::str::from_utf8(&self.name).unwrap_or_default();
        let inner = quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        inner.is_some_and(|inner| unescape(inner, inner.contains('\\')) == self.member)
    }

    /// Collects item bytes up to the item's end or the end of `bytes`; returns how many were used.
    fn item_bytes(&mut self, bytes: &[u8], each: &mut dyn FnMut(Element)) -> Result<usize, Error> {
        let mut at = 0;
        let mut complete = false;
        while let Some(byte) = bytes.get(at) {
            if self.in_string {
                if !self.escape {
                    let rest = bytes.get(at..).unwrap_or_default();
                    at += memchr::memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
                }
                if let Some(byte) = bytes.get(at) {
                    self.string_byte(*byte);
                    at += 1;
                }
                continue;
            }
            match byte {
                // The comma or bracket after a number, a word or a string belongs to the array.
                b',' | b'}' | b']' if self.depth == 0 => {
                    complete = true;
                    break;
                }
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth = self.depth.saturating_add(1),
                b'}' | b']' => self.depth -= 1,
                _ => {}
            }
            at += 1;
            if self.depth == 0 && matches!(byte, b'}' | b']') {
                complete = true;
                break;
            }
        }
        let run = bytes.get(..at).unwrap_or_default();
        if self.piece.len() + run.len() > self.limit {
            return Err(self.error(Problem::TooLong(self.limit)));
        }
        self.piece.extend_from_slice(run);
        if complete {
            each(Element::Item {
                raw: std::mem::take(&mut self.piece),
                index: self.index,
                offset: self.piece_offset,
            });
            self.index += 1;
            self.state = State::After;
        }
        Ok(at)
    }
}
