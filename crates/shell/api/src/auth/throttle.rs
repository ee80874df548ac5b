//! A bound on wrong passwords, per account and per address.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use model::Timestamp;

use super::fingerprint;
use crate::problem::{Kind, Problem};

/// Accounts and addresses remembered at most; the longest ago makes room.
const MAX_REMEMBERED: usize = 10_000;

pub(super) struct Throttle {
    attempts: u32,
    window: i64,
    seen: Mutex<BTreeMap<Key, Seen>>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Account([u8; 32]),
    Address(IpAddr),
}

struct Seen {
    since: Timestamp,
    count: u32,
}

/// An attempt that is counted as failed until it succeeds, so that many at once do not slip through.
pub(super) struct Attempt(Vec<Key>);

impl Throttle {
    pub(super) fn new(attempts: u32, window: Duration) -> Self {
        Self {
            attempts,
            window: i64::try_from(window.as_micros()).unwrap_or(i64::MAX),
            seen: Mutex::default(),
        }
    }

    pub(super) fn attempt(
        &self,
        name: &str,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Attempt, Problem> {
        let account = Key::Account(fingerprint(name));
        let keys: Vec<_> =
            std::iter::once(account).chain(address.map(|address| Key::Address(network(address)))).collect();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for key in &keys {
            let Some(entry) = seen.get(key) else { continue };
            let ends = entry.since.plus_micros(self.window);
            if entry.count >= self.attempts && ends > now {
                let wait = (ends.as_micros() - now.as_micros()).div_euclid(1_000_000) + 1;
                return Err(Problem::new(Kind::TooManyAttempts, "too many sign-ins have failed")
                    .retry_after(u64::try_from(wait).unwrap_or(1)));
            }
        }
        for key in &keys {
            if seen.len() >= MAX_REMEMBERED && !seen.contains_key(key) {
                seen.retain(|_, entry| entry.since.plus_micros(self.window) > now);
                let oldest = seen.iter().min_by_key(|(_, entry)| entry.since).map(|(key, _)| key.clone());
                if let Some(oldest) = oldest.filter(|_| seen.len() >= MAX_REMEMBERED) {
                    seen.remove(&oldest);
                }
            }
            let entry = seen.entry(key.clone()).or_insert(Seen { since: now, count: 0 });
            if entry.since.plus_micros(self.window) <= now {
                *entry = Seen { since: now, count: 0 };
            }
            entry.count += 1;
        }
        Ok(Attempt(keys))
    }

    pub(super) fn succeeded(&self, attempt: &Attempt) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for key in &attempt.0 {
            if let Some(entry) = seen.get_mut(key) {
                entry.count = entry.count.saturating_sub(1);
            }
        }
    }
}

/// One customer usually has a whole IPv6 /64.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => IpAddr::V4(v4),
            None => IpAddr::V6((u128::from(v6) >> 64 << 64).into()),
        },
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn one_address_trying_many_names_is_stopped_and_its_neighbours_in_a_64_with_it() {
        let throttle = Throttle::new(3, Duration::from_secs(60));
        let from: IpAddr = "2001:db8::1".parse().unwrap();
        for name in ["a", "b", "c"] {
            assert!(throttle.attempt(name, Some(from), at(0)).is_ok());
        }
        let next_door = "2001:db8::2".parse().unwrap();
        assert_eq!(
            throttle.attempt("d", Some(next_door), at(1)).map(|_| ()).map_err(|p| p.kind()),
            Err(Kind::TooManyAttempts)
        );
        let elsewhere = "2001:db8:0:1::1".parse().unwrap();
        assert!(throttle.attempt("d", Some(elsewhere), at(1)).is_ok());
        assert!(throttle.attempt("d", Some(from), at(60)).is_ok());
    }

    #[test]
    fn attempts_under_way_count_until_they_succeed() {
        let throttle = Throttle::new(2, Duration::from_secs(60));
        let first = throttle.attempt("a", None, at(0)).ok().unwrap();
        let _second = throttle.attempt("a", None, at(0)).ok().unwrap();
        assert!(throttle.attempt("a", None, at(0)).is_err());
        throttle.succeeded(&first);
        assert!(throttle.attempt("a", None, at(0)).is_ok());
    }

    #[test]
    fn memory_is_bounded() {
        let throttle = Throttle::new(2, Duration::from_secs(60));
        for place in 0..MAX_REMEMBERED + 50 {
            assert!(throttle.attempt(&place.to_string(), None, at(0)).is_ok());
        }
        assert_eq!(throttle.seen.lock().unwrap().len(), MAX_REMEMBERED);
    }
}
