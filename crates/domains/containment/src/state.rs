//! The states of a lease, and the one table that says how it goes from one to the next.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a lease stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It waits for its dry run or for approvals.
    Proposed,
    /// It may be put in place, and is nowhere yet.
    Approved,
    /// At least one actuator holds it.
    Active,
    /// Its time is over.
    Expired,
    /// Its proposer took it back, or everything in it was withdrawn.
    Withdrawn,
    /// Somebody ended it before its time.
    RolledBack,
    /// Somebody whose word was asked for said no.
    Refused,
    /// No actuator could ever put it in place.
    Failed,
}

/// What happens to a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// The last approval that was needed.
    Approve,
    /// A no.
    Refuse,
    /// An actuator holds it.
    Apply,
    /// Every actuator failed for good.
    Fail,
    /// The proposer's second thought, or the last item's withdrawal.
    Withdraw,
    /// Ended by a person.
    RollBack,
    /// The clock.
    Expire,
}

/// Every way from one state to the next.
pub const TRANSITIONS: [(State, Event, State); 14] = [
    (State::Proposed, Event::Approve, State::Approved),
    (State::Proposed, Event::Refuse, State::Refused),
    (State::Proposed, Event::Withdraw, State::Withdrawn),
    (State::Proposed, Event::Expire, State::Expired),
    (State::Approved, Event::Apply, State::Active),
    (State::Approved, Event::Fail, State::Failed),
    (State::Approved, Event::Withdraw, State::Withdrawn),
    (State::Approved, Event::RollBack, State::RolledBack),
    (State::Approved, Event::Expire, State::Expired),
    // Another actuator.
    (State::Active, Event::Apply, State::Active),
    // An extension of what is in place.
    (State::Active, Event::Approve, State::Active),
    (State::Active, Event::Withdraw, State::Withdrawn),
    (State::Active, Event::RollBack, State::RolledBack),
    (State::Active, Event::Expire, State::Expired),
];

impl State {
    /// Every state.
    pub const ALL: [Self; 8] = [
        Self::Proposed,
        Self::Approved,
        Self::Active,
        Self::Expired,
        Self::Withdrawn,
        Self::RolledBack,
        Self::Refused,
        Self::Failed,
    ];

    /// Its name in records, listings and figures.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Approved => "approved",
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
            Self::RolledBack => "rolled-back",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }

    /// Whether nothing follows any more. What is in place may still have to be taken away.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Proposed | Self::Approved | Self::Active)
    }

    /// Whether a lease in this state may be put in place.
    #[must_use]
    pub const fn is_in_force(self) -> bool {
        matches!(self, Self::Approved | Self::Active)
    }

    /// The state after an event; `None` when the event does not happen in this state.
    #[must_use]
    pub fn after(self, event: Event) -> Option<Self> {
        TRANSITIONS.iter().find(|(from, by, _)| (*from, *by) == (self, event)).map(|(_, _, to)| *to)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
