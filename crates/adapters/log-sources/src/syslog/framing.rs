//! Cutting a connection's bytes into messages (RFC 6587), and making a line of each.
//!
//! Both ways of framing are told apart message by message: `MSG-LEN SP <PRI>…` counts octets (section 3.4.1), everything
//! else goes up to a line feed or NUL (section 3.4.2). So a line that merely begins with a number is a line.

use std::sync::{Arc, Mutex, PoisonError};

use ports::logs::MAX_BATCH;

/// The longest message that is taken in.
pub(super) const MAX_MESSAGE: usize = MAX_BATCH - 1;
/// Digits of a length that is believed to be one.
const MAX_DIGITS: usize = 7;
/// Bytes of an unfinished message that each connection may hold without asking.
const FREE: usize = 16 << 10;

/// Memory that all connections of a source share for unfinished messages beyond what each may hold.
#[derive(Debug)]
pub(super) struct Budget {
    left: Mutex<usize>,
}

impl Budget {
    pub(super) fn of(bytes: usize) -> Arc<Self> {
        Arc::new(Self { left: Mutex::new(bytes) })
    }

    fn take(&self, bytes: usize) -> bool {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let rest = left.checked_sub(bytes);
        *left = rest.unwrap_or(*left);
        rest.is_some()
    }

    fn give(&self, bytes: usize) {
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) += bytes;
    }
}

/// What went by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before a message; what was read of it tells nothing yet.
    Before,
    /// In a message of which so many octets are to come.
    Counted(u64),
    /// In a message that ends with its line.
    Line,
}

/// Cuts one connection's bytes.
#[derive(Debug)]
pub(super) struct Splitter {
    place: Place,
    /// Whether messages have been counting octets.
    counting: bool,
    /// What is held of the present message.
    held: Vec<u8>,
    /// Whether the present message is passed over.
    skipping: bool,
    budget: Arc<Budget>,
    /// What was taken from the budget for the present message.
    taken: usize,
    /// What was taken for messages that are complete.
    owed: usize,
    /// Messages that were passed over.
    lost: u64,
}

impl Splitter {
    pub(super) fn new(budget: Arc<Budget>) -> Self {
        Self {
            place: Place::Before,
            counting: false,
            held: Vec::new(),
            skipping: false,
            budget,
            taken: 0,
            owed: 0,
            lost: 0,
        }
    }

    /// Messages passed over since it was asked last.
    pub(super) fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }

    /// What was written to `out` has been handed on: its memory is free for others.
    pub(super) fn settle(&mut self) {
        self.budget.give(std::mem::take(&mut self.owed));
    }

    /// Takes in bytes; every complete message goes to `out` as a line.
    pub(super) fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = match self.place {
                Place::Before => self.before(rest),
                Place::Counted(left) => self.counted(rest, left, out),
                Place::Line => self.line(rest, out),
            };
        }
    }

    /// Ends the connection. Returns how many octets are missing of a message that had said its length.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> Option<u64> {
        let missing = match self.place {
            Place::Counted(left) => Some(left),
            Place::Before | Place::Line => None,
        };
        self.end(out);
        missing
    }

    /// Looks at the first bytes of a message, one by one, until they tell how it ends.
    fn before<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let Some((byte, rest)) = bytes.split_first() else { return bytes };
        let digits = self.held.len();
        match byte {
            b'\n' | b'\r' | 0 if digits == 0 => return rest,
            b' ' if digits == 0 && self.counting => return rest,
            b'1'..=b'9' if digits < MAX_DIGITS => {}
            b'0' if (1..MAX_DIGITS).contains(&digits) => {}
            b' ' if digits > 0 && self.held.iter().all(u8::is_ascii_digit) => {
                if self.counting {
                    self.begin_counted();
                    return rest;
                }
            }
            b'<' if self.held.last() == Some(&b' ') => {
                self.begin_counted();
                return bytes;
            }
            _ => {
                // It is a line, and this byte may be the one that ends it.
                self.place = Place::Line;
                return bytes;
            }
        }
        self.held.push(*byte);
        // A digit behind the space: no length has one.
        if self.held.iter().rev().skip(1).any(|earlier| *earlier == b' ') {
            self.place = Place::Line;
        }
        rest
    }

    /// What is held is the length of the message that comes now.
    fn begin_counted(&mut self) {
        let length = self.held.iter().filter(|byte| byte.is_ascii_digit());
        let length = length.fold(0_u64, |sum, digit| sum * 10 + u64::from(digit - b'0'));
        self.held.clear();
        self.counting = true;
        self.place = Place::Counted(length);
        if length > MAX_MESSAGE as u64 {
            self.pass_over();
        }
    }

    fn counted<'b>(&mut self, bytes: &'b [u8], left: u64, out: &mut Vec<u8>) -> &'b [u8] {
        let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let (present, rest) = bytes.split_at_checked(here).unwrap_or((bytes, &[]));
        self.keep(present);
        let left = left - present.len() as u64;
        self.place = Place::Counted(left);
        if left == 0 {
            self.end(out);
        }
        rest
    }

    fn line<'b>(&mut self, bytes: &'b [u8], out: &mut Vec<u8>) -> &'b [u8] {
        let Some(at) = memchr::memchr2(b'\n', 0, bytes) else {
            self.keep(bytes);
            return &[];
        };
        self.keep(bytes.get(..at).unwrap_or_default());
        self.end(out);
        bytes.get(at + 1..).unwrap_or_default()
    }

    /// Holds more of the present message, unless it is too long or there is no room.
    fn keep(&mut self, bytes: &[u8]) {
        if self.skipping {
            return;
        }
        let length = self.held.len() + bytes.len();
        let wanted = length.saturating_sub(FREE + self.taken);
        if length > MAX_MESSAGE || (wanted > 0 && !self.budget.take(wanted)) {
            self.pass_over();
            return;
        }
        self.taken += wanted;
        self.held.extend_from_slice(bytes);
    }

    fn pass_over(&mut self) {
        self.skipping = true;
        self.lost += 1;
        self.held.clear();
        self.held.shrink_to(FREE);
        self.budget.give(std::mem::take(&mut self.taken));
    }

    /// Ends the present message.
    fn end(&mut self, out: &mut Vec<u8>) {
        if !self.skipping {
            write_line(&self.held, out);
        }
        self.held.clear();
        self.held.shrink_to(FREE);
        self.owed += std::mem::take(&mut self.taken);
        self.skipping = false;
        self.place = Place::Before;
    }
}

impl Drop for Splitter {
    fn drop(&mut self) {
        self.budget.give(self.taken + self.owed);
    }
}

/// A message as one line: line breaks inside become spaces, those at its end and padding go.
pub(super) fn write_line(message: &[u8], out: &mut Vec<u8>) {
    let kept = message.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r' | 0));
    let Some(message) = kept.and_then(|last| message.get(..=last)) else { return };
    let begin = out.len();
    out.extend_from_slice(message);
    if let Some(line) = out.get_mut(begin..) {
        line.iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
    }
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(input: &[u8], expect: &str, lost: u64) {
        for size in [1, 2, 3, 5, input.len().max(1)] {
            let mut splitter = Splitter::new(Budget::of(1 << 20));
            let mut out = Vec::new();
            input.chunks(size).for_each(|piece| splitter.push(piece, &mut out));
            splitter.finish(&mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expect, "in pieces of {size}");
            assert_eq!(splitter.take_lost(), lost);
        }
    }

    #[test]
    fn both_ways_of_framing() {
        check(b"<1>a\n<2>b\r\n<3>c", "<1>a\n<2>b\n<3>c\n", 0);
        check(b"4 <1>a4 <2>b", "<1>a\n<2>b\n", 0);
        check(b"4 <1>a\n4 <2>b\n", "<1>a\n<2>b\n", 0);
        check(b"<1>a\0<2>b\0", "<1>a\n<2>b\n", 0);
        check(b"8 <1>a\nb\r\n", "<1>a b\n", 0);
        check(b"4 <1>a<2>line\n4 <3>c", "<1>a\n<2>line\n<3>c\n", 0);
        check(b"\n\n", "", 0);
    }

    #[test]
    fn a_line_that_begins_with_a_number_is_a_line() {
        check(b"2024 was long\n", "2024 was long\n", 0);
        check(b"12345678 <1>a\n", "12345678 <1>a\n", 0);
        check(b"10 20 <1>a\n", "10 20 <1>a\n", 0);
        check(b"42\n<1>a\n", "42\n<1>a\n", 0);
        check(b"7  <1>a\n", "7  <1>a\n", 0);
        check(b"05 <1>a\n", "05 <1>a\n", 0);
    }

    #[test]
    fn what_is_cut_off_is_handed_out_and_said() {
        let mut splitter = Splitter::new(Budget::of(0));
        let mut out = Vec::new();
        splitter.push(b"10 <1>abc", &mut out);
        assert_eq!(splitter.finish(&mut out), Some(4));
        assert_eq!(out, b"<1>abc\n");
    }

    #[test]
    fn what_is_too_long_is_passed_over_and_counted() {
        let long = vec![b'x'; MAX_MESSAGE + 1];
        check(&[b"<1>", long.as_slice(), b"\n<2>b\n"].concat(), "<2>b\n", 1);
        let counted = format!("{} <1>", long.len());
        check(&[counted.as_bytes(), long.get(3..).unwrap(), b"4 <2>b"].concat(), "<2>b\n", 1);
    }

    #[test]
    fn connections_share_what_unfinished_messages_may_hold() {
        let budget = Budget::of(100 << 10);
        let mut splitters: Vec<_> = (0..10).map(|_| Splitter::new(Arc::clone(&budget))).collect();
        let mut out = Vec::new();
        for splitter in &mut splitters {
            splitter.push(&[b'x'; 64 << 10], &mut out);
        }
        let held: usize = splitters.iter().map(|splitter| splitter.held.len()).sum();
        assert!(held <= (100 << 10) + 10 * FREE, "{held}");
        assert_eq!(splitters.iter().map(|splitter| splitter.lost).sum::<u64>(), 8);
        splitters.iter_mut().for_each(|splitter| splitter.push(b"\n", &mut out));
        assert_eq!(*budget.left.lock().unwrap(), 4 << 10);
        splitters.iter_mut().for_each(Splitter::settle);
        assert_eq!(*budget.left.lock().unwrap(), 100 << 10);
        drop(splitters);
        assert_eq!(*budget.left.lock().unwrap(), 100 << 10);
    }
}
