//! Cutting a stream of bytes into records, in bounded memory.
//!
//! Bytes come in pieces of any size, and how they are cut changes nothing. What is longer than a record may be is
//! passed over without being kept: its length and beginning are told. Unlike `json::Splitter`, which refuses a
//! document at its first defect, a framer goes on: in logs what is broken is a record, never the rest of the stream.

/// The longest record that is read: 1 MiB.
pub const MAX_RECORD: usize = 1 << 20;
/// How much of a longer one is told.
const HEAD: usize = 256;
/// As much of a document as names the array it wraps: `{"Records": [`.
const TAIL: usize = 32;

/// How records stand in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// One on each line, which ends with a line feed, or a carriage return and a line feed.
    Lines,
    /// JSON objects one after another, each on as many lines as it likes: alone, as items of an array, or as items of
    /// the array `Records` (AWS) or `records` (Azure) of an object.
    Documents,
}

/// One record of the stream. Offsets count bytes from the stream's beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame<'b> {
    /// A whole record, without its line break.
    Whole {
        /// Where it begins.
        offset: u64,
        /// Its bytes; never empty.
        bytes: &'b [u8],
    },
    /// A record that is longer than it may be.
    TooLong {
        /// Where it begins.
        offset: u64,
        /// How long it is.
        length: u64,
        /// Its first 256 bytes.
        head: &'b [u8],
    },
}

/// Incremental framer: [`Framer::push`] bytes as they come, then [`Framer::finish`] where the stream has an end.
#[derive(Debug)]
pub struct Framer {
    framing: Framing,
    limit: usize,
    /// What is held of the record that is not complete yet.
    carry: Vec<u8>,
    /// How many bytes of it went by.
    length: u64,
    overlong: bool,
    /// Where the record begins.
    start: u64,
    /// Bytes taken in, counted from the stream's beginning.
    seen: u64,
    place: Place,
    depth: u32,
    in_string: bool,
    escape: bool,
    /// The last byte of a document that is neither white space nor inside a string.
    last: u8,
    /// The last byte of a document, whatever it is.
    before: u8,
    /// Whether documents are items of an object's array.
    wrapped: bool,
}

/// Where in a stream of documents a byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Between documents.
    Between,
    /// In something that is no document, up to the end of its line.
    Junk,
    /// In a document.
    Inside,
    /// Behind the array of an object whose items are the documents.
    Behind,
}

impl Framer {
    /// A framer at the beginning of a stream; no record longer than `limit` bytes is kept.
    #[must_use]
    pub fn new(framing: Framing, limit: usize) -> Self {
        Self {
            framing,
            limit,
            carry: Vec::new(),
            length: 0,
            overlong: false,
            start: 0,
            seen: 0,
            place: Place::Between,
            depth: 0,
            in_string: false,
            escape: false,
            last: b':',
            before: b'\n',
            wrapped: false,
        }
    }

    /// The same framer, for a stream whose first byte is that one of its source. It must begin a record.
    #[must_use]
    pub fn at(mut self, offset: u64) -> Self {
        self.start = offset;
        self.seen = offset;
        self
    }

    /// The first byte that no record handed out holds: where to go on after a stop.
    #[must_use]
    pub const fn resume_at(&self) -> u64 {
        self.start
    }

    /// Bytes held of a record that is not complete yet.
    #[must_use]
    pub fn held(&self) -> usize {
        self.carry.len()
    }

    /// Feeds bytes; complete records are handed to `each` in order.
    pub fn push(&mut self, bytes: &[u8], each: &mut dyn FnMut(Frame<'_>)) {
        match self.framing {
            Framing::Lines => self.lines(bytes, each),
            Framing::Documents => self.documents(bytes, each),
        }
        self.seen += bytes.len() as u64;
        if matches!(self.place, Place::Between | Place::Behind) && self.framing == Framing::Documents {
            self.start = self.seen;
        }
    }

    /// Ends the stream: the last line may lack its break, and a document cut off is handed out as it is.
    pub fn finish(&mut self, each: &mut dyn FnMut(Frame<'_>)) {
        if self.length > 0 && self.place != Place::Behind {
            self.end(&[], each);
        }
        self.place = Place::Between;
        self.wrapped = false;
        self.start = self.seen;
    }

    fn lines(&mut self, bytes: &[u8], each: &mut dyn FnMut(Frame<'_>)) {
        let mut from = 0;
        for at in memchr::memchr_iter(b'\n', bytes) {
            self.end(bytes.get(from..at).unwrap_or_default(), each);
            from = at + 1;
            self.start = self.seen + from as u64;
        }
        self.keep(bytes.get(from..).unwrap_or_default());
    }

    /// Completes the record with its last bytes and hands it out.
    fn end(&mut self, rest: &[u8], each: &mut dyn FnMut(Frame<'_>)) {
        let offset = self.start;
        if self.length == 0 && rest.len() <= self.limit {
            whole(offset, rest, each);
            return;
        }
        self.keep(rest);
        if self.overlong {
            each(Frame::TooLong { offset, length: self.length, head: &self.carry });
        } else {
            whole(offset, &self.carry, each);
        }
        self.carry.clear();
        self.length = 0;
        self.overlong = false;
    }

    /// Holds the bytes, as far as a record may be long.
    fn keep(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        if self.overlong || self.length > self.limit as u64 {
            self.overlong = true;
            let room = HEAD.saturating_sub(self.carry.len()).min(bytes.len());
            self.carry.extend_from_slice(bytes.get(..room).unwrap_or_default());
            self.carry.truncate(HEAD);
        } else {
            self.carry.extend_from_slice(bytes);
        }
    }

    fn documents(&mut self, bytes: &[u8], each: &mut dyn FnMut(Frame<'_>)) {
        // The first byte of the present record that is not held yet.
        let mut from = 0;
        let mut at = 0;
        while let Some(byte) = bytes.get(at).copied() {
            match self.place {
                Place::Between => {
                    if let Some(place) = self.between(byte) {
                        self.start = self.seen + at as u64;
                        self.place = place;
                        from = at;
                    }
                    if self.place == Place::Inside {
                        self.open();
                    }
                    at += 1;
                }
                Place::Junk => {
                    let rest = bytes.get(at..).unwrap_or_default();
                    let Some(run) = memchr::memchr(b'\n', rest) else { break };
                    self.junk(bytes.get(from..at + run).unwrap_or_default(), each);
                    at += run + 1;
                }
                Place::Inside => match self.inside(bytes, from, at) {
                    Step::On(next) => at = next,
                    Step::Done => {
                        at += 1;
                        self.end(bytes.get(from..at).unwrap_or_default(), each);
                        self.place = Place::Between;
                    }
                    Step::Broken => {
                        self.end(bytes.get(from..at).unwrap_or_default(), each);
                        self.start = self.seen + at as u64;
                        from = at;
                        self.open();
                        at += 1;
                    }
                    Step::Wrapper => {
                        self.carry.clear();
                        self.length = 0;
                        self.overlong = false;
                        self.wrapped = true;
                        self.place = Place::Between;
                        at += 1;
                    }
                },
                Place::Behind => {
                    self.behind(byte);
                    at += 1;
                }
            }
        }
        if matches!(self.place, Place::Inside | Place::Junk) {
            self.keep(bytes.get(from..).unwrap_or_default());
        }
    }

    /// What a byte between documents begins; `None` if nothing.
    fn between(&mut self, byte: u8) -> Option<Place> {
        match byte {
            b'{' => Some(Place::Inside),
            b']' if self.wrapped => {
                self.wrapped = false;
                self.depth = 1;
                self.in_string = false;
                self.escape = false;
                self.place = Place::Behind;
                None
            }
            // Brackets and commas of an array, the end of an object whose beginning was read before a stop, separators
            // of RFC 7464, what a truncated file is filled with, and a byte order mark.
            b' ' | b'\t' | b'\r' | b'\n' | b'[' | b']' | b'}' | b',' => None,
            0x1E | 0 | 0xEF | 0xBB | 0xBF => None,
            _ => Some(Place::Junk),
        }
    }

    /// Begins a document with its brace.
    fn open(&mut self) {
        self.depth = 1;
        self.in_string = false;
        self.escape = false;
        self.last = b':';
        self.before = b'{';
    }

    /// A line that belongs to no document. `Record 7` is what `evtx_dump` writes above each one.
    fn junk(&mut self, rest: &[u8], each: &mut dyn FnMut(Frame<'_>)) {
        self.place = Place::Between;
        let is_heading = |line: &[u8]| {
            line.strip_prefix(b"Record ")
                .is_some_and(|number| number.trim_ascii().iter().all(u8::is_ascii_digit))
        };
        self.end(rest, &mut |frame| match frame {
            Frame::Whole { bytes, .. } if is_heading(bytes) => {}
            frame => each(frame),
        });
    }

    /// One step inside a document, at the byte `at`.
    fn inside(&mut self, bytes: &[u8], from: usize, at: usize) -> Step {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(byte) = rest.first().copied() else { return Step::On(at + 1) };
        if self.in_string {
            if !self.escape {
                let run = memchr::memchr3(b'"', b'\\', b'\n', rest).unwrap_or(rest.len());
                if run > 0 {
                    self.before = b'x';
                    return Step::On(at + run);
                }
            }
            self.before = byte;
            match byte {
                // JSON has no line break inside a string: the string was cut off.
                b'\n' => (self.in_string, self.escape) = (false, false),
                _ if self.escape => self.escape = false,
                b'\\' => self.escape = true,
                _ => self.in_string = false,
            }
            return Step::On(at + 1);
        }
        let before = std::mem::replace(&mut self.before, byte);
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => return Step::On(at + 1),
            b'"' => self.in_string = true,
            // Only these stand before an object inside another; otherwise the one we are in was cut off. So it was if
            // it became too long and something begins at the beginning of a line.
            b'{' if !matches!(self.last, b':' | b',' | b'[')
                || (self.too_long(at - from) && before == b'\n') =>
            {
                return Step::Broken;
            }
            b'{' => self.depth = self.depth.saturating_add(1),
            b'[' => {
                if self.depth == 1 && !self.wrapped && self.wraps(bytes.get(from..at).unwrap_or_default()) {
                    return Step::Wrapper;
                }
                self.depth = self.depth.saturating_add(1);
            }
            b'}' | b']' => {
                self.depth -= 1;
                if self.depth == 0 {
                    return Step::Done;
                }
            }
            _ => {}
        }
        self.last = byte;
        Step::On(at + 1)
    }

    fn too_long(&self, more: usize) -> bool {
        self.length + more as u64 > self.limit as u64
    }

    /// Whether what was read of the document ends in the name of an array of records.
    fn wraps(&self, present: &[u8]) -> bool {
        let mut end = [0; TAIL];
        let bytes = self.carry.iter().chain(present).rev();
        for (slot, byte) in end.iter_mut().rev().zip(bytes) {
            *slot = *byte;
        }
        let name = end.trim_ascii_end().strip_suffix(b":").map(<[u8]>::trim_ascii_end).unwrap_or_default();
        !self.too_long(present.len()) && (name.ends_with(b"\"Records\"") || name.ends_with(b"\"records\""))
    }

    /// A byte of the object that wrapped the documents; there is nothing in it to read.
    fn behind(&mut self, byte: u8) {
        match byte {
            _ if self.escape => self.escape = false,
            b'\\' if self.in_string => self.escape = true,
            b'"' => self.in_string = !self.in_string,
            b'\n' => self.in_string = false,
            b'{' | b'[' if !self.in_string => self.depth = self.depth.saturating_add(1),
            b'}' | b']' if !self.in_string => {
                self.depth -= 1;
                if self.depth == 0 {
                    self.place = Place::Between;
                }
            }
            _ => {}
        }
    }
}

/// What a byte of a document leads to.
enum Step {
    /// Go on at that byte.
    On(usize),
    /// This byte is the last one.
    Done,
    /// The document ended before this byte without being complete.
    Broken,
    /// This byte opens the array whose items are the documents.
    Wrapper,
}

/// Hands out a record without what surrounds it: the carriage return of its line break, a byte order mark at the
/// beginning of the stream, and the zeros that a file has where it was truncated under its writer.
fn whole(offset: u64, bytes: &[u8], each: &mut dyn FnMut(Frame<'_>)) {
    let line = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    let unmarked = if offset == 0 { line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line) } else { line };
    let zeros = unmarked.iter().take_while(|byte| **byte == 0).count();
    let record = unmarked.get(zeros..).unwrap_or_default();
    if !record.iter().all(u8::is_ascii_whitespace) {
        each(Frame::Whole { offset: offset + (line.len() - record.len()) as u64, bytes: record });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(framing: Framing, limit: usize, text: &[u8], size: usize) -> Vec<String> {
        let mut out = Vec::new();
        let mut framer = Framer::new(framing, limit);
        let mut each = |frame: Frame<'_>| {
            out.push(match frame {
                Frame::Whole { offset, bytes } => format!("{offset} {}", String::from_utf8_lossy(bytes)),
                Frame::TooLong { offset, length, head } => {
                    format!("{offset} too long: {length}, {}", head.len())
                }
            });
        };
        for piece in text.chunks(size) {
            framer.push(piece, &mut each);
        }
        framer.finish(&mut each);
        out
    }

    #[track_caller]
    fn check(framing: Framing, limit: usize, text: &[u8], expect: &[&str]) {
        for size in [1, 2, 3, 7, 64, text.len().max(1)] {
            assert_eq!(frames(framing, limit, text, size), expect, "in pieces of {size}");
        }
    }

    #[test]
    fn lines() {
        check(Framing::Lines, 10, b"\xEF\xBB\xBFa\r\nbc\n\n \n\0\0d", &["3 a", "6 bc", "14 d"]);
        check(Framing::Lines, 4, b"abcd\nabcde\nf", &["0 abcd", "5 too long: 5, 5", "11 f"]);
        check(Framing::Lines, 4, b"abcdef", &["0 too long: 6, 6"]);
    }

    #[test]
    fn documents() {
        let all = Framing::Documents;
        check(
            all,
            100,
            b"{\"a\":{\n}}\n{}\n[{\"b\":\"}{\\\"\"},\n{}]",
            &["0 {\"a\":{\n}}", "10 {}", "14 {\"b\":\"}{\\\"\"}", "28 {}"],
        );
        check(
            all,
            100,
            b"{\"Records\": [{\"a\":1},{\"b\":[2]}],\"x\":[{}]}{}",
            &["13 {\"a\":1}", "21 {\"b\":[2]}", "41 {}"],
        );
        check(all, 100, b"Record 1\n{}\nnoise\n{}", &["9 {}", "12 noise", "18 {}"]);
    }

    #[test]
    fn a_document_cut_off_does_not_take_the_next_one_with_it() {
        let all = Framing::Documents;
        check(all, 100, b"{\"a\":\"b\n{\"c\":1}\n", &["0 {\"a\":\"b\n", "8 {\"c\":1}"]);
        check(all, 100, b"{\"a\":1\n{\"c\":1}", &["0 {\"a\":1\n", "7 {\"c\":1}"]);
        check(all, 100, b"{\"a\":", &["0 {\"a\":"]);
        check(all, 8, b"{\"a\":[1,2,3,\n{\"c\":1}", &["0 too long: 13, 13", "13 {\"c\":1}"]);
    }

    #[test]
    fn a_long_record_holds_little() {
        let mut framer = Framer::new(Framing::Lines, 1000);
        for _ in 0..1000 {
            framer.push(&[b'x'; 1000], &mut |_| panic!("no line has ended"));
            assert!(framer.held() <= 1000 && framer.carry.capacity() <= 4000);
        }
        assert_eq!(framer.resume_at(), 0);
        let mut length = 0;
        framer.push(b"\n", &mut |frame| match frame {
            Frame::TooLong { length: found, .. } => length = found,
            Frame::Whole { .. } => panic!("it is too long"),
        });
        assert_eq!((length, framer.resume_at()), (1_000_000, 1_000_001));
    }

    #[test]
    fn where_to_go_on() {
        let mut framer = Framer::new(Framing::Lines, 100).at(50);
        let mut seen = Vec::new();
        framer.push(b"ab\ncd", &mut |frame| {
            if let Frame::Whole { offset, .. } = frame {
                seen.push(offset);
            }
        });
        assert_eq!((seen, framer.resume_at()), (vec![50], 53));
    }
}
