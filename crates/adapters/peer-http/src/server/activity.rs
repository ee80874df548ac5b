//! What goes on on one connection, so that its end can be told: idle for too long, or one call for too long.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// Calls under way on a connection.
#[derive(Debug)]
pub(super) struct Activity {
    calls: Mutex<Calls>,
    /// Set off when the connection is to end once its calls have.
    pub(super) enough: Notify,
    /// Set off when a call begins or ends, because the next deadline may then be nearer.
    pub(super) moved: Notify,
}

#[derive(Debug)]
struct Calls {
    /// When each began, by number: the first is the oldest.
    open: BTreeMap<u64, Instant>,
    begun: u64,
    quiet_since: Instant,
}

/// One call; over when dropped.
#[derive(Debug)]
pub(super) struct Call {
    activity: Arc<Activity>,
    number: u64,
}

/// When a connection has lasted long enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deadline {
    /// Nothing goes on: end it in peace.
    Idle(Instant),
    /// A call takes too long: cut it off.
    Call(Instant),
}

impl Activity {
    pub(super) fn new(now: Instant) -> Self {
        let calls = Calls { open: BTreeMap::new(), begun: 0, quiet_since: now };
        Self { calls: Mutex::new(calls), enough: Notify::new(), moved: Notify::new() }
    }

    pub(super) fn begin(self: &Arc<Self>, now: Instant) -> Call {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let number = calls.begun;
        calls.begun = number.saturating_add(1);
        calls.open.insert(number, now);
        self.moved.notify_one();
        Call { activity: Arc::clone(self), number }
    }

    /// `first`: how long until the first call; `idle`: between calls; `longest`: for one call.
    pub(super) fn deadline(&self, first: Duration, idle: Duration, longest: Duration) -> Deadline {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        match calls.open.first_key_value() {
            Some((_, oldest)) => Deadline::Call(*oldest + longest),
            None => Deadline::Idle(calls.quiet_since + if calls.begun == 0 { first } else { idle }),
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let mut calls = self.activity.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.open.remove(&self.number);
        calls.quiet_since = Instant::now();
        self.activity.moved.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_call_counts_and_quiet_begins_when_the_last_one_ends() {
        let second = Duration::from_secs(1);
        let (first, idle, longest) = (second, 10 * second, 100 * second);
        let start = Instant::now();
        let activity = Arc::new(Activity::new(start));
        assert_eq!(activity.deadline(first, idle, longest), Deadline::Idle(start + first));
        let one = activity.begin(start);
        let two = activity.begin(start + second);
        assert_eq!(activity.deadline(first, idle, longest), Deadline::Call(start + longest));
        drop(one);
        assert_eq!(activity.deadline(first, idle, longest), Deadline::Call(start + second + longest));
        drop(two);
        assert!(matches!(activity.deadline(first, idle, longest), Deadline::Idle(at) if at >= start + idle));
    }
}
