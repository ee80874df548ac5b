//! What one field of one source has had so far.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use model::Timestamp;

use crate::statistics::float;

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;

/// How often a value came, and in which hour since 1970 last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) count: u32,
    pub(crate) hour: u32,
}

/// What was known of a value before the event that has it now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Before {
    /// How often it came; 0 if never, or too long ago to count.
    pub(crate) count: u32,
    /// The hour it last came in, if it ever did.
    pub(crate) last: Option<Timestamp>,
}

/// The values of a field, as hashes.
#[derive(Debug)]
pub(crate) struct Baseline {
    pub(crate) began: Timestamp,
    /// The latest event.
    pub(crate) last: Timestamp,
    /// How many days had events. Time alone would not do: one event with an old date would be days of learning.
    pub(crate) days: u32,
    values: BTreeMap<u64, Seen>,
    /// Events of the values that are held.
    observed: u64,
    /// Values that came once.
    once: u64,
    /// Since when there is no room for all values.
    pub(crate) saturated: Option<Timestamp>,
    /// Values that were let go: for their age, or for want of room.
    pub(crate) forgotten: u64,
    pub(crate) told: u64,
    pub(crate) withheld: u64,
    /// Told since alerts were last taken.
    pub(crate) pending: usize,
}

impl Baseline {
    pub(crate) fn new(at: Timestamp) -> Self {
        Self {
            began: at,
            last: at,
            days: 1,
            values: BTreeMap::new(),
            observed: 0,
            once: 0,
            saturated: None,
            forgotten: 0,
            told: 0,
            withheld: 0,
            pending: 0,
        }
    }

    pub(crate) fn values(&self) -> &BTreeMap<u64, Seen> {
        &self.values
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    pub(crate) fn observed(&self) -> u64 {
        self.observed
    }

    pub(crate) fn once(&self) -> u64 {
        self.once
    }

    pub(crate) fn holds(&self, value: u64) -> bool {
        self.values.contains_key(&value)
    }

    /// Puts in a value as a file had it; the first one of a value counts.
    pub(crate) fn restore(&mut self, value: u64, seen: Seen) {
        if let Entry::Vacant(entry) = self.values.entry(value) {
            let seen = *entry.insert(Seen { count: seen.count.max(1), ..seen });
            self.observed = self.observed.saturating_add(u64::from(seen.count));
            self.once += u64::from(seen.count == 1);
        }
    }

    /// Moves the clock of the baseline on to an event; says whether another day began.
    pub(crate) fn advance(&mut self, at: Timestamp) -> bool {
        let day = |instant: Timestamp| instant.as_micros().div_euclid(DAY);
        let another = day(at) > day(self.last);
        self.days = self.days.saturating_add(u32::from(another));
        self.last = self.last.max(at);
        another
    }

    /// Whether it has learned for that many days.
    pub(crate) fn has_learned(&self, days: u32) -> bool {
        self.days >= days && self.age() >= i64::from(days) * DAY
    }

    /// How long it is, in microseconds.
    fn age(&self) -> i64 {
        self.last.as_micros() - self.began.as_micros()
    }

    /// How long it is, in days with one digit behind the point.
    pub(crate) fn age_in_days(&self) -> String {
        let tenths = self.age() / (DAY / 10);
        format!("{}.{}", tenths / 10, tenths % 10)
    }

    /// How likely the next event has a value that never came, by Good and Turing: the part of events whose value came
    /// this once. 1 where nothing is known.
    pub(crate) fn chance_of_new(&self) -> f64 {
        if self.observed == 0 { 1.0 } else { float(self.once) / float(self.observed) }
    }

    /// The part of events that have a value which came that often.
    pub(crate) fn chance_of(&self, count: u32) -> f64 {
        if self.observed == 0 { 1.0 } else { f64::from(count) / float(self.observed) }
    }

    /// Takes in a value. What did not come for `forget` hours counts as never seen.
    pub(crate) fn take(&mut self, value: u64, at: Timestamp, forget: u32) -> Before {
        let hour = hour(at);
        let fresh = Seen { count: 1, hour };
        let before = match self.values.entry(value) {
            Entry::Vacant(entry) => {
                entry.insert(fresh);
                self.once += 1;
                Before { count: 0, last: None }
            }
            Entry::Occupied(mut entry) => {
                let seen = entry.get_mut();
                let last = Some(Timestamp::from_micros(i64::from(seen.hour) * HOUR));
                if seen.hour.saturating_add(forget) < hour {
                    self.observed = self.observed.saturating_sub(u64::from(seen.count));
                    self.once += u64::from(seen.count != 1);
                    *seen = fresh;
                    Before { count: 0, last }
                } else {
                    let count = seen.count;
                    self.once -= u64::from(count == 1);
                    *seen = Seen { count: count.saturating_add(1), hour: seen.hour.max(hour) };
                    Before { count, last }
                }
            }
        };
        self.observed = self.observed.saturating_add(1);
        before
    }

    /// Lets go of values that did not come for `forget` hours; says of how many.
    pub(crate) fn expire(&mut self, forget: u32) -> usize {
        let now = hour(self.last);
        self.forget(|seen| seen.hour.saturating_add(forget) < now)
    }

    /// Lets go of that many values: those that came once before the others, the longest unseen first. So a flood of
    /// values that come once pushes out itself, not what the source always has.
    pub(crate) fn prune(&mut self, quota: usize) -> usize {
        let rank = |seen: Seen| (seen.count > 1, seen.hour);
        let mut ranks: Vec<(bool, u32)> = self.values.values().copied().map(rank).collect();
        let Some(place) = quota.min(ranks.len()).checked_sub(1) else { return 0 };
        let (below, limit, _) = ranks.select_nth_unstable(place);
        let limit = *limit;
        let mut equal = place + 1 - below.iter().filter(|own| **own < limit).count();
        self.forget(|seen| {
            let own = rank(seen);
            let goes = own < limit || (own == limit && equal > 0);
            if goes && own == limit {
                equal -= 1;
            }
            goes
        })
    }

    fn forget(&mut self, mut goes: impl FnMut(Seen) -> bool) -> usize {
        let before = self.values.len();
        self.values.retain(|_, seen| {
            let gone = goes(*seen);
            if gone {
                self.observed = self.observed.saturating_sub(u64::from(seen.count));
                self.once -= u64::from(seen.count == 1);
            }
            !gone
        });
        let gone = before - self.values.len();
        self.forgotten = self.forgotten.saturating_add(gone as u64);
        gone
    }
}

fn hour(at: Timestamp) -> u32 {
    u32::try_from(at.as_micros().div_euclid(HOUR)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_micros(hour * HOUR)
    }

    #[test]
    fn counts_of_values_events_and_singles() {
        let mut baseline = Baseline::new(at(0));
        assert_eq!(baseline.take(1, at(0), 100), Before { count: 0, last: None });
        assert_eq!(baseline.take(1, at(2), 100), Before { count: 1, last: Some(at(0)) });
        assert_eq!(baseline.take(2, at(1), 100), Before { count: 0, last: None });
        assert_eq!(baseline.take(1, at(1), 100), Before { count: 2, last: Some(at(2)) });
        assert_eq!((baseline.len(), baseline.observed(), baseline.once()), (2, 4, 1));
        assert!((baseline.chance_of_new() - 0.25).abs() < 1e-9);
    }

    #[test]
    fn what_is_long_ago_is_as_good_as_new() {
        let mut baseline = Baseline::new(at(0));
        (0..3).for_each(|_| _ = baseline.take(1, at(0), 24));
        assert_eq!(baseline.take(1, at(24), 24).count, 3);
        assert_eq!(baseline.take(1, at(49), 24), Before { count: 0, last: Some(at(24)) });
        assert_eq!((baseline.len(), baseline.observed(), baseline.once()), (1, 1, 1));
        baseline.advance(at(74));
        assert_eq!((baseline.expire(24), baseline.len(), baseline.observed(), baseline.once()), (1, 0, 0, 0));
    }

    #[test]
    fn a_flood_pushes_out_itself() {
        let mut baseline = Baseline::new(at(0));
        for value in 0..10 {
            (0..2).for_each(|_| _ = baseline.take(value, at(0), 100));
        }
        for value in 100..200 {
            baseline.take(value, at(50), 100);
        }
        assert_eq!(baseline.prune(90), 90);
        assert!((0..10).all(|value| baseline.holds(value)));
        assert_eq!((baseline.len(), baseline.once(), baseline.forgotten), (20, 10, 90));
        // Only when there is nothing else left go those that came again.
        assert_eq!((baseline.prune(15), baseline.len()), (15, 5));
        assert_eq!((baseline.prune(100), baseline.len(), baseline.observed()), (5, 0, 0));
        assert_eq!(baseline.prune(1), 0);
    }

    #[test]
    fn one_event_with_an_old_date_is_no_week_of_learning() {
        let mut baseline = Baseline::new(at(0));
        baseline.advance(at(24 * 30));
        assert!(!baseline.has_learned(7) && baseline.has_learned(2));
        let mut baseline = Baseline::new(at(0));
        (1..=7).for_each(|day| _ = baseline.advance(at(24 * day)));
        assert!(baseline.has_learned(7));
        assert_eq!(baseline.age_in_days(), "7.0");
        // Clocks that go back neither add days nor take them.
        baseline.advance(at(-24 * 400));
        assert_eq!((baseline.days, baseline.last), (8, at(24 * 7)));
    }
}
