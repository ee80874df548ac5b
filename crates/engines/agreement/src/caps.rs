//! Whether more may flow now, by the caps of an agreement and what has flowed already.
//!
//! Windows slide: "in any hour" and "in any day" are the hour and the day before the instant that is asked about.

use std::fmt;

use keys::window::DAY;
use model::Timestamp;

use crate::terms::Caps;

/// An hour in microseconds.
const HOUR: i64 = 3_600_000_000;

/// Something that flowed from one party to another under one agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passage {
    /// When.
    pub at: Timestamp,
    /// How many objects; what only explains them travels with them and is not counted.
    pub objects: u64,
    /// Bytes of their texts, with what explains them.
    pub bytes: u64,
}

/// One of the caps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cap {
    /// [`Caps::objects_per_hour`].
    ObjectsPerHour,
    /// [`Caps::objects_per_day`].
    ObjectsPerDay,
    /// [`Caps::bytes_per_day`].
    BytesPerDay,
    /// [`Caps::largest_object_bytes`].
    LargestObjectBytes,
}

impl Cap {
    /// The name in texts of agreements.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ObjectsPerHour => "objects_per_hour",
            Self::ObjectsPerDay => "objects_per_day",
            Self::BytesPerDay => "bytes_per_day",
            Self::LargestObjectBytes => "largest_object_bytes",
        }
    }
}

/// A cap that is in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Over {
    /// Which.
    pub cap: Cap,
    /// What it says.
    pub most: u64,
    /// From when on there is room, if nothing else flows until then; `None` when waiting does not help.
    pub until: Option<Timestamp>,
}

impl fmt::Display for Over {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "caps.{} = {}", self.cap.as_str(), self.most)
    }
}

impl Caps {
    /// How far back passages count, in microseconds.
    pub const REACH: i64 = DAY;

    /// The cap that keeps one more object of so many bytes from flowing at an instant; the one that does so longest.
    ///
    /// A passage that is dated later than `now` counts as one of this instant: a clock that was put back opens nothing.
    #[must_use]
    pub fn over(&self, passed: &[Passage], object: u64, bytes: u64, now: Timestamp) -> Option<Over> {
        if object > self.largest_object_bytes {
            return Some(Over { cap: Cap::LargestObjectBytes, most: self.largest_object_bytes, until: None });
        }
        let windows = [
            (Cap::ObjectsPerHour, self.objects_per_hour, HOUR, 1),
            (Cap::ObjectsPerDay, self.objects_per_day, DAY, 1),
            (Cap::BytesPerDay, self.bytes_per_day, DAY, bytes),
        ];
        let over = windows.into_iter().filter_map(|(cap, most, window, more)| {
            if more > most {
                return Some(Over { cap, most, until: None });
            }
            let amount = |passage: &Passage| match cap {
                Cap::BytesPerDay => passage.bytes,
                _ => passage.objects,
            };
            let until = room(passed, &amount, most - more, window, now)?;
            Some(Over { cap, most, until: Some(until) })
        });
        // What never fits outlasts whatever fits later.
        over.max_by_key(|over| over.until.unwrap_or(Timestamp::MAX))
    }
}

/// When no more than `most` lies within a window; `None` when that is so now.
fn room(
    passed: &[Passage],
    amount: &dyn Fn(&Passage) -> u64,
    most: u64,
    window: i64,
    now: Timestamp,
) -> Option<Timestamp> {
    let since = now.plus_micros(-window);
    let all = passed.iter().filter(|passage| passage.at.min(now) > since);
    if all.fold(0u64, |sum, passage| sum.saturating_add(amount(passage))) <= most {
        return None;
    }
    let mut within: Vec<(Timestamp, u64)> = passed
        .iter()
        .map(|passage| (passage.at.min(now), amount(passage)))
        .filter(|(at, _)| *at > since)
        .collect();
    within.sort_unstable();
    let mut sum = within.iter().fold(0u64, |sum, (_, amount)| sum.saturating_add(*amount));
    let mut until = None;
    for (at, amount) in within {
        if sum <= most {
            break;
        }
        sum -= amount.min(sum);
        until = Some(at.plus_micros(window));
    }
    until
}

#[cfg(test)]
mod tests {
    use super::{Cap, Passage};
    use crate::terms::Caps;
    use model::Timestamp;

    const CAPS: Caps =
        Caps { objects_per_hour: 3, objects_per_day: 5, bytes_per_day: 100, largest_object_bytes: 60 };

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_micros(1_793_491_200_000_000 + minute * 60_000_000)
    }

    fn one(minute: i64) -> Passage {
        Passage { at: at(minute), objects: 1, bytes: 10 }
    }

    #[track_caller]
    fn check(passed: &[Passage], bytes: u64, now: i64, expected: Option<(Cap, Option<i64>)>) {
        let over = CAPS.over(passed, bytes, bytes, at(now));
        let expected = expected.map(|(cap, minute)| (cap, minute.map(at)));
        assert_eq!(over.map(|over| (over.cap, over.until)), expected);
    }

    #[test]
    fn any_hour_is_the_hour_before_each_instant() {
        check(&[one(0), one(1)], 10, 2, None);
        check(&[one(0), one(1), one(2)], 10, 2, Some((Cap::ObjectsPerHour, Some(60))));
        check(&[one(0), one(1), one(2)], 10, 59, Some((Cap::ObjectsPerHour, Some(60))));
        // At the very edge the first has left the window.
        check(&[one(0), one(1), one(2)], 10, 60, None);
    }

    #[test]
    fn the_cap_that_lasts_longest_is_named() {
        let day = [one(0), one(100), one(200), one(300), one(400)];
        check(&day, 10, 500, Some((Cap::ObjectsPerDay, Some(1440))));
        let heavy = [Passage { at: at(0), objects: 1, bytes: 95 }];
        check(&heavy, 10, 5, Some((Cap::BytesPerDay, Some(1440))));
        check(&heavy, 5, 5, None);
    }

    #[test]
    fn waiting_does_not_help_what_is_too_large() {
        check(&[], 61, 0, Some((Cap::LargestObjectBytes, None)));
        let narrow = Caps { bytes_per_day: 10, ..CAPS };
        assert_eq!(narrow.over(&[], 11, 11, at(0)).map(|over| over.until), Some(None));
        assert_eq!(CAPS.over(&[], 61, 61, at(0)).unwrap().to_string(), "caps.largest_object_bytes = 60");
    }

    #[test]
    fn a_clock_that_went_back_opens_nothing() {
        // Three passed while the clock was a day ahead: now they count as of this instant.
        let ahead = [one(1440), one(1441), one(1442)];
        check(&ahead, 10, 3, Some((Cap::ObjectsPerHour, Some(63))));
        check(&ahead, 10, 1440, Some((Cap::ObjectsPerHour, Some(1500))));
    }
}
