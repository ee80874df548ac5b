//! When one pair connected, and how much it sent: the newest connections each by itself, older ones counted.

use std::collections::VecDeque;
use std::num::NonZeroU64;

/// More bytes than this of one connection count as this many: 1 PiB.
const MAX_BYTES: u64 = 1 << 50;

/// One connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Seconds since 1970.
    pub(crate) second: i64,
    /// Bytes and one, so that nothing takes no room.
    sent: Option<NonZeroU64>,
}

impl Stamp {
    pub(crate) fn new(second: i64, bytes: Option<u64>) -> Self {
        Self { second, sent: bytes.and_then(|bytes| NonZeroU64::new(bytes.min(MAX_BYTES) + 1)) }
    }

    /// Bytes that the one who connected sent, where the event says.
    pub(crate) fn bytes(self) -> Option<u64> {
        self.sent.map(|sent| sent.get() - 1)
    }
}

/// The connections of one pair within the window.
///
/// A pair that has more of them than may be kept loses its oldest stamps to slots of a fixed width, which only count.
/// So the histogram and the duration always know of all connections, timing and size of the newest ones.
#[derive(Debug, Default)]
pub(crate) struct Track {
    /// In the order of time.
    stamps: VecDeque<Stamp>,
    /// Slots and their connections, in the order of time. The number of a slot counts its widths since 1970.
    folded: VecDeque<(u32, u32)>,
    /// When it was last told, in seconds since 1970.
    pub(crate) told: Option<i64>,
}

impl Track {
    /// What a file held; whatever order it was in.
    pub(crate) fn restored(stamps: Vec<Stamp>, folded: Vec<(u32, u32)>, told: Option<i64>) -> Self {
        let mut track = Self { stamps: stamps.into(), folded: folded.into(), told };
        track.stamps.make_contiguous().sort_by_key(|stamp| stamp.second);
        track.folded.make_contiguous().sort_unstable();
        track
    }

    /// The connections that are kept each by itself, in the order of time.
    pub(crate) fn stamps(&self) -> impl ExactSizeIterator<Item = Stamp> {
        self.stamps.iter().copied()
    }

    /// Slots and their connections, in the order of time.
    pub(crate) fn folded(&self) -> impl ExactSizeIterator<Item = (u32, u32)> {
        self.folded.iter().copied()
    }

    /// All connections.
    pub(crate) fn connections(&self) -> u64 {
        let folded: u64 = self.folded.iter().map(|(_, count)| u64::from(*count)).sum();
        folded + self.stamps.len() as u64
    }

    /// The latest connection; of a pair without any, long ago.
    pub(crate) fn last(&self, width: i64) -> i64 {
        let folded = self.folded.back().map(|(slot, _)| i64::from(*slot) * width);
        self.stamps.back().map(|stamp| stamp.second).max(folded).unwrap_or(i64::MIN)
    }

    /// Whether there is a connection within these seconds, ends included; a slot counts if any of it is within.
    pub(crate) fn calls(&self, from: i64, until: i64, width: i64) -> bool {
        let stamp = self.stamps.partition_point(|stamp| stamp.second < from);
        let slot = self.folded.partition_point(|(slot, _)| (i64::from(*slot) + 1) * width <= from);
        self.stamps.get(stamp).is_some_and(|stamp| stamp.second <= until)
            || self.folded.get(slot).is_some_and(|(slot, _)| i64::from(*slot) * width <= until)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.stamps.is_empty() && self.folded.is_empty()
    }

    /// Takes in a connection; at most that many keep their stamps.
    pub(crate) fn push(&mut self, stamp: Stamp, most: usize, width: i64) {
        let at = self.stamps.partition_point(|other| other.second <= stamp.second);
        self.stamps.insert(at, stamp);
        self.fold_to(most, width);
    }

    /// Folds the oldest stamps until no more are left than that.
    pub(crate) fn fold_to(&mut self, most: usize, width: i64) {
        while self.stamps.len() > most
            && let Some(stamp) = self.stamps.pop_front()
        {
            self.fold(stamp.second, width);
        }
    }

    fn fold(&mut self, second: i64, width: i64) {
        let slot = u32::try_from(second.div_euclid(width)).unwrap_or_default();
        let at = self.folded.partition_point(|(other, _)| *other < slot);
        match self.folded.get_mut(at) {
            Some((other, count)) if *other == slot => *count = count.saturating_add(1),
            _ => self.folded.insert(at, (slot, 1)),
        }
    }

    /// Forgets what is older than that second.
    pub(crate) fn expire(&mut self, from: i64, width: i64) {
        while self.stamps.front().is_some_and(|stamp| stamp.second < from) {
            self.stamps.pop_front();
        }
        while self.folded.front().is_some_and(|(slot, _)| (i64::from(*slot) + 1) * width <= from) {
            self.folded.pop_front();
        }
    }

    /// Gives back room that is not used any more.
    pub(crate) fn shrink(&mut self) {
        self.stamps.shrink_to_fit();
        self.folded.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(track: &Track) -> Vec<i64> {
        track.stamps().map(|stamp| stamp.second).collect()
    }

    #[test]
    fn bytes_are_kept_or_unknown() {
        for bytes in [None, Some(0), Some(1), Some(MAX_BYTES)] {
            assert_eq!(Stamp::new(0, bytes).bytes(), bytes);
        }
        assert_eq!(Stamp::new(0, Some(u64::MAX)).bytes(), Some(MAX_BYTES));
        assert_eq!(size_of::<Stamp>(), 16);
    }

    #[test]
    fn whatever_order_they_come_in() {
        let mut track = Track::default();
        for second in [50, 10, 30, 30, 20, -5] {
            track.push(Stamp::new(second, None), 100, 900);
        }
        assert_eq!(seconds(&track), [-5, 10, 20, 30, 30, 50]);
        assert_eq!(track.last(900), 50);
    }

    #[test]
    fn the_oldest_are_counted_and_none_is_lost() {
        let mut track = Track::default();
        for second in 0..2000 {
            track.push(Stamp::new(second, None), 4, 900);
        }
        assert_eq!(seconds(&track), [1996, 1997, 1998, 1999]);
        assert_eq!(track.folded().collect::<Vec<_>>(), [(0, 900), (1, 900), (2, 196)]);
        // What comes late is older than all that is kept by itself.
        track.push(Stamp::new(100, None), 4, 900);
        assert_eq!(track.folded().next(), Some((0, 901)));
        assert_eq!((track.connections(), track.stamps().len()), (2001, 4));
    }

    #[test]
    fn whether_it_calls_within_a_time() {
        let mut track = Track::default();
        [100, 2000, 5000, 5001].into_iter().for_each(|second| track.push(Stamp::new(second, None), 2, 900));
        // Slots 0 and 2 reach from 0 to 899 and from 1800 to 2699.
        for (from, until, calls) in [
            (5000, 5000, true),
            (5002, 9000, false),
            (2700, 4999, false),
            (2699, 4999, true),
            (900, 1799, false),
            (900, 1800, true),
            (0, 50, true),
            (-900, -1, false),
        ] {
            assert_eq!(track.calls(from, until, 900), calls, "{from} to {until}");
        }
        assert!(!Track::default().calls(i64::from(i32::MIN), i64::from(i32::MAX), 900));
    }

    #[test]
    fn what_leaves_the_window_is_forgotten() {
        let mut track = Track::default();
        (0..2000).for_each(|second| track.push(Stamp::new(second, None), 4, 900));
        track.expire(900, 900);
        assert_eq!(track.folded().collect::<Vec<_>>(), [(1, 900), (2, 196)]);
        track.expire(1998, 900);
        assert_eq!((seconds(&track), track.folded().len()), (vec![1998, 1999], 1));
        track.expire(1_000_000, 900);
        assert!(track.is_empty() && track.connections() == 0 && track.last(900) == i64::MIN);
    }
}
