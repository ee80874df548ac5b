//! How long to wait before trying again.

use std::time::Duration;

/// Doubling delays up to a cap, spread out so that many waiters do not come back at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Backoff {
    /// Delay after the first failure.
    pub(crate) first: Duration,
    /// Longest delay.
    pub(crate) cap: Duration,
}

impl Backoff {
    /// For rounds of a source: from five seconds to an hour.
    pub(crate) const ROUND: Self = Self { first: Duration::from_secs(5), cap: Duration::from_secs(3_600) };
    /// For the hint channel: from a quarter of a second to a minute.
    pub(crate) const LIVE: Self = Self { first: Duration::from_millis(250), cap: Duration::from_secs(60) };

    /// The delay after `failures` failures in a row: between half of `first · 2^(failures-1)` (capped) and all of
    /// it, by where `random` falls in its range. None after no failure.
    #[must_use]
    pub(crate) fn delay(&self, failures: u32, random: u64) -> Duration {
        let Some(doublings) = failures.checked_sub(1) else { return Duration::ZERO };
        let factor = 2u32.checked_pow(doublings).unwrap_or(u32::MAX);
        let whole = self.first.saturating_mul(factor).min(self.cap);
        let half = whole / 2;
        // The upper 32 bits as a fraction of one; a 64-bit product cannot overflow.
        let share = u64::try_from(half.as_micros()).unwrap_or(u64::MAX).min(u64::from(u32::MAX) << 16);
        let spread = (u128::from(share) * u128::from(random >> 32)) >> 32;
        half + Duration::from_micros(u64::try_from(spread).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn delays_double_up_to_the_cap() {
        let delays =
            |random| [0, 1, 2, 3, 5, 10, 11, 40, u32::MAX].map(|n| Backoff::ROUND.delay(n, random).as_secs());
        assert_eq!(delays(u64::MAX), [0, 4, 9, 19, 79, 2559, 3599, 3599, 3599]);
        assert_eq!(delays(0), [0, 2, 5, 10, 40, 1280, 1800, 1800, 1800]);
    }

    proptest! {
        #[test]
        fn never_outside_half_to_whole(failures in 1u32.., random in any::<u64>()) {
            let delay = Backoff::LIVE.delay(failures, random);
            prop_assert!(delay >= Backoff::LIVE.first / 2 && delay <= Backoff::LIVE.cap);
        }
    }
}
