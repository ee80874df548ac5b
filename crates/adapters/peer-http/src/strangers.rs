//! Callers nobody here knows: where they come from, and how often they may.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// An address, as far as one subscriber cannot choose it: IPv4 in full, IPv6 by its /64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place(u128);

impl From<IpAddr> for Place {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
            IpAddr::V6(v6) => v6.to_bits() & Ipv6Addr::new(!0, !0, !0, !0, 0, 0, 0, 0).to_bits(),
        })
    }
}

/// Places that are remembered at once.
const PLACES: usize = 4_096;

/// What each place may still do.
#[derive(Debug)]
pub(crate) struct Strangers {
    places: Mutex<BTreeMap<Place, Bucket>>,
    burst: u32,
    /// How long it takes to regain one.
    each: Duration,
}

#[derive(Debug)]
struct Bucket {
    left: u32,
    /// Since when it has been regaining.
    since: Instant,
}

impl Strangers {
    pub(crate) fn new(burst: u32, per_minute: u32) -> Self {
        let each = Duration::from_secs(60) / per_minute.max(1);
        Self { places: Mutex::default(), burst: burst.max(1), each: each.max(Duration::from_micros(1)) }
    }

    /// Whether this place may do anything, without counting it.
    pub(crate) fn is_welcome(&self, place: Place, now: Instant) -> bool {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.get_mut(&place).is_none_or(|bucket| {
            self.refill(bucket, now);
            bucket.left > 0
        })
    }

    /// Counts one act of this place, or says how long it has to wait.
    pub(crate) fn admit(&self, place: Place, now: Instant) -> Result<(), Duration> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if !places.contains_key(&place) && places.len() >= PLACES {
            // Whoever has been quiet long enough is as good as never seen.
            places.retain(|_, bucket| {
                self.refill(bucket, now);
                bucket.left < self.burst
            });
            if places.len() >= PLACES {
                return Err(self.each);
            }
        }
        let bucket = places.entry(place).or_insert(Bucket { left: self.burst, since: now });
        self.refill(bucket, now);
        match bucket.left.checked_sub(1) {
            Some(left) => {
                bucket.left = left;
                Ok(())
            }
            None => Err(self.each.saturating_sub(now.saturating_duration_since(bucket.since))),
        }
    }

    fn refill(&self, bucket: &mut Bucket, now: Instant) {
        let regained = now.saturating_duration_since(bucket.since).as_nanos() / self.each.as_nanos().max(1);
        let regained = u32::try_from(regained).unwrap_or(u32::MAX);
        bucket.left = bucket.left.saturating_add(regained).min(self.burst);
        bucket.since =
            if bucket.left == self.burst { now } else { bucket.since + self.each.saturating_mul(regained) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Place {
        Place::from(text.parse::<IpAddr>().unwrap())
    }

    #[test]
    fn a_place_is_what_one_subscriber_has() {
        assert_eq!(place("2001:db8::1"), place("2001:db8::2:3"));
        assert_ne!(place("2001:db8::1"), place("2001:db8:0:1::1"));
        assert_eq!(place("192.0.2.1"), place("::ffff:192.0.2.1"));
        assert_ne!(place("192.0.2.1"), place("192.0.2.2"));
    }

    #[test]
    fn a_burst_and_then_a_rate() {
        let (strangers, start) = (Strangers::new(2, 60), Instant::now());
        let here = place("192.0.2.1");
        let at = |millis| start + Duration::from_millis(millis);
        assert_eq!(strangers.admit(here, at(0)), Ok(()));
        assert_eq!(strangers.admit(here, at(0)), Ok(()));
        assert_eq!(strangers.admit(here, at(400)), Err(Duration::from_millis(600)));
        assert!(!strangers.is_welcome(here, at(999)));
        assert!(strangers.is_welcome(here, at(1_000)));
        assert_eq!(strangers.admit(here, at(1_000)), Ok(()));
        // A refused attempt costs nothing, and elapsed fractions are not lost.
        assert_eq!(strangers.admit(here, at(1_900)), Err(Duration::from_millis(100)));
        assert_eq!(strangers.admit(here, at(2_000)), Ok(()));
        assert_eq!(strangers.admit(place("192.0.2.2"), at(2_000)), Ok(()));
        // However long it was quiet, no more than a burst.
        for _ in 0..2 {
            assert_eq!(strangers.admit(here, at(9_000_000)), Ok(()));
        }
        assert!(strangers.admit(here, at(9_000_000)).is_err());
    }

    #[test]
    fn memory_is_bounded_and_the_quiet_make_room() {
        let (strangers, start) = (Strangers::new(2, 60), Instant::now());
        for number in 0..PLACES {
            let address = IpAddr::from(std::net::Ipv4Addr::from(u32::try_from(number).unwrap()));
            assert_eq!(strangers.admit(address.into(), start), Ok(()));
        }
        let late = place("203.0.113.1");
        assert!(strangers.admit(late, start).is_err());
        assert!(strangers.is_welcome(late, start), "not counted, so nothing is held against it");
        assert_eq!(strangers.admit(late, start + Duration::from_secs(1)), Ok(()));
        assert_eq!(strangers.places.lock().unwrap().len(), 1);
    }
}
