//! Spans of time in which something holds, judged by our own clock alone.
//!
//! Whoever signs writes both edges by a clock of their own. Ours decides, and the narrower of all edges counts: no
//! date a peer writes makes anything hold longer. Those who issue begin a little in the past ([`SKEW`]), so that
//! honest clocks that differ by less go unnoticed; a peer whose clock differs by more is told of as a finding.

use std::fmt;

use model::Timestamp;

/// How far the clocks of two parties may differ before it is a finding, in microseconds: five minutes.
pub const SKEW: i64 = 5 * 60 * 1_000_000;

/// One day in microseconds.
pub const DAY: i64 = 86_400 * 1_000_000;

/// From an instant (included) until another (excluded).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    /// The first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub until: Timestamp,
}

/// An instant lies outside a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Outside {
    /// Before it begins.
    #[error("does not hold before {from}{}", Skewed(*ahead))]
    NotYet {
        /// When it begins.
        from: Timestamp,
        /// Microseconds until then.
        ahead: i64,
    },
    /// After it has ended.
    #[error("held until {until} only")]
    Over {
        /// When it ended.
        until: Timestamp,
    },
}

/// The hint that goes with a beginning in the future.
struct Skewed(i64);

impl fmt::Display for Skewed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 > 0 { write!(f, ", {} s from now by our clock", self.0 / 1_000_000) } else { Ok(()) }
    }
}

impl Window {
    /// Whether the window holds at an instant of our clock.
    ///
    /// # Errors
    /// On which side of the window the instant lies.
    pub fn check(&self, at: Timestamp) -> Result<(), Outside> {
        if at < self.from {
            let ahead = self.from.as_micros().saturating_sub(at.as_micros());
            Err(Outside::NotYet { from: self.from, ahead })
        } else if at >= self.until {
            Err(Outside::Over { until: self.until })
        } else {
            Ok(())
        }
    }

    /// What two windows have in common; it may be empty.
    #[must_use]
    pub fn narrow(&self, other: &Self) -> Self {
        Self { from: self.from.max(other.from), until: self.until.min(other.until) }
    }

    /// Whether there is no instant in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.until <= self.from
    }
}

/// How far a peer's claim of what time it is lies from our clock, in microseconds, ahead positive, where that is
/// more than [`SKEW`]: a finding.
#[must_use]
pub fn skew(claimed: Timestamp, now: Timestamp) -> Option<i64> {
    let off = claimed.as_micros().saturating_sub(now.as_micros());
    (off.saturating_abs() > SKEW).then_some(off)
}
