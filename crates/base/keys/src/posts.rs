//! Posts, the persons who hold them, and what those persons approve.
//!
//! A party appoints persons' keys to posts for a time. An officer approves exact bytes, either with a hybrid key that
//! stays in a file of theirs, or with a passkey whose challenge is the digest of those bytes. Rules such as "two
//! release officers" count persons: not posts, not keys, not appointments.

mod approval;
mod person;
mod roster;

use std::fmt;
use std::str::FromStr;

use model::InvalidId;

pub use approval::{Approval, ApprovalError, Assertion, Proof, Site, challenge};
pub use person::{PersonKey, Registration};
pub use roster::{
    Appointed, Appointment, Deputy, End, Entry, MAX_APPOINTMENT, Refusal, Roster, RosterError, Tally, Why,
    distinct_persons,
};

/// A post: a role that a person holds and whose signature counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Post {
    /// Works on intelligence and proposes.
    Analyst,
    /// On watch: decides what cannot wait.
    DutyOfficer,
    /// Decides what leaves.
    ReleaseOfficer,
    /// Says whether there is a legal basis.
    Legal,
    /// Answers for a system.
    SystemOwner,
    /// Speaks for a nation.
    NationalAuthority,
    /// May stop anything of its nation's.
    RedCardHolder,
    /// Accredits systems and members.
    SecurityAccrediter,
    /// Directs an exercise.
    ExerciseDirector,
    /// Runs a shared environment.
    EnvOperator,
}

impl Post {
    /// Every post.
    pub const ALL: [Self; 10] = [
        Self::Analyst,
        Self::DutyOfficer,
        Self::ReleaseOfficer,
        Self::Legal,
        Self::SystemOwner,
        Self::NationalAuthority,
        Self::RedCardHolder,
        Self::SecurityAccrediter,
        Self::ExerciseDirector,
        Self::EnvOperator,
    ];

    /// Its name in documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Analyst => "ANALYST",
            Self::DutyOfficer => "DUTY_OFFICER",
            Self::ReleaseOfficer => "RELEASE_OFFICER",
            Self::Legal => "LEGAL",
            Self::SystemOwner => "SYSTEM_OWNER",
            Self::NationalAuthority => "NATIONAL_AUTHORITY",
            Self::RedCardHolder => "RED_CARD_HOLDER",
            Self::SecurityAccrediter => "SECURITY_ACCREDITER",
            Self::ExerciseDirector => "EXERCISE_DIRECTOR",
            Self::EnvOperator => "ENV_OPERATOR",
        }
    }
}

impl fmt::Display for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Post {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let known = Self::ALL.into_iter().find(|post| post.as_str() == text);
        known.ok_or(InvalidId { expected: "a post such as `RELEASE_OFFICER`" })
    }
}
