//! One file that is followed: what is open of it, and what looks have found.

use std::fs::File;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::Pace;
use super::convert::Conversion;
use super::identity::{Deep, stamp};
use super::select::Found;
use super::unpack::{Packing, Unpacker};

/// A file that has not changed for so long is not being written just now.
const SETTLED: Duration = Duration::from_secs(2);

/// How a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    Packed(Packing),
    Converted,
}

/// What is open of a file.
pub(super) enum Handle {
    Closed,
    Plain(File),
    Packed(Box<Unpacker>),
    Converting(Conversion),
}

/// A file that is followed.
pub(super) struct Tracked {
    pub(super) part: u64,
    pub(super) found: Found,
    pub(super) kind: Kind,
    pub(super) handle: Handle,
    /// Its first bytes: while they stay, so does the file. At most 1 KiB; of plain files only.
    pub(super) head: Vec<u8>,
    /// The first bytes of what it is turned into, where it is read from the middle.
    pub(super) first: Vec<u8>,
    pub(super) deep: Deep,
    /// Its stamp when it was found to end too early.
    pub(super) cut: u64,
    /// Whether it was looked into.
    pub(super) known: bool,
    /// Whether there may be something new.
    pub(super) pending: bool,
    /// Whether nothing but zeros was read of it yet.
    pub(super) blank: bool,
    /// Whether it was said that there is nothing but zeros in it.
    pub(super) hollow: bool,
    /// Whether two looks found it unchanged.
    pub(super) stable: bool,
    /// It may be what the file that is named was before, and is read only if it is.
    pub(super) sibling: bool,
    /// So many bytes, as far as they are whole lines, are passed over.
    pub(super) at_end: Option<u64>,
    /// Since when it is not found any more.
    pub(super) gone: Option<Instant>,
    /// When a look found it changed.
    pub(super) changed: Instant,
    /// Not before then.
    pub(super) retry: Option<Instant>,
    /// What was said about it last, so that it is said once.
    pub(super) said: Option<String>,
    pub(super) look: u64,
    pub(super) used: u64,
}

impl Tracked {
    pub(super) fn new(part: u64, found: Found, look: u64, now: Instant) -> Self {
        let stable = age(found.modified) >= SETTLED;
        Self {
            part,
            found,
            kind: Kind::Plain,
            handle: Handle::Closed,
            head: Vec::new(),
            first: Vec::new(),
            deep: Deep::default(),
            cut: 0,
            known: false,
            pending: true,
            blank: false,
            hollow: false,
            stable,
            sibling: false,
            at_end: None,
            gone: None,
            changed: now,
            retry: None,
            said: None,
            look,
            used: 0,
        }
    }

    /// A look has found it.
    pub(super) fn seen(&mut self, found: Found, look: u64, now: Instant) {
        self.stable = (found.size, found.modified) == (self.found.size, self.found.modified);
        if !self.stable {
            self.changed = now;
        }
        self.pending |= !self.stable || !self.known || self.kind != Kind::Plain;
        self.gone = None;
        self.sibling = false;
        self.look = look;
        self.found = found;
    }

    pub(super) fn is_quiet(&self, pace: Pace, now: Instant) -> bool {
        self.rests(pace.quiet, now)
    }

    /// Whether it has not changed for so long.
    pub(super) fn rests(&self, time: Duration, now: Instant) -> bool {
        now.saturating_duration_since(self.changed) >= time || age(self.found.modified) >= time
    }

    /// Whether its end, once reached, is one.
    pub(super) fn is_over(&self, pace: Pace, now: Instant) -> bool {
        match self.gone {
            Some(since) => now.saturating_duration_since(since) >= pace.grace,
            None => self.is_quiet(pace, now),
        }
    }

    pub(super) fn stamp(&self) -> u64 {
        stamp(self.found.size, self.found.modified)
    }
}

/// How long ago that was, by the wall clock.
fn age(modified: i64) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = i64::try_from(now.as_nanos()).unwrap_or(i64::MAX);
    Duration::from_nanos(now.saturating_sub(modified).max(0).cast_unsigned())
}
