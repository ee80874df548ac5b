//! Why an event is refused, and why no key holds.

use model::{Digest, PartyId, Timestamp};

use super::history::MAX_BYTES;
use super::state::Revoked;
use crate::fields::Malformed;
use crate::hybrid::KeyId;
use crate::signed::SignedError;
use crate::window::{Outside, Window};

/// Two properly signed events with one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "equivocation: event {n} exists twice, as {kept} and as {other}; trust the party in nothing after it and pair anew"
)]
pub struct Fork {
    /// The number.
    pub n: u64,
    /// Digest of the event that was known first.
    pub kept: Digest,
    /// Digest of the other.
    pub other: Digest,
    /// When the earlier of the two was made: nothing signed from then on is believed.
    pub since: Timestamp,
}

/// Why an event was refused. The history is as it was before, except for [`EventError::Fork`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// It is not such a document.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// A history begins with an inception, and has one only.
    #[error("a key history begins with an inception, and has only one")]
    Inception,
    /// An event of another party.
    #[error("an event of party {found}, not of {expected}")]
    OtherParty {
        /// Whose history this is.
        expected: PartyId,
        /// Whose event it is.
        found: PartyId,
    },
    /// Events between are missing.
    #[error("event {found} came where {expected} is next: fetch the events between")]
    Gap {
        /// The number that is next.
        expected: u64,
        /// The number that came.
        found: u64,
    },
    /// It follows an event that is not ours: the sender has another history. Fetch that from its beginning.
    #[error("event {n} follows {found}, but here event {} is {expected}: fetch that history from its beginning", n.saturating_sub(1))]
    Chain {
        /// The event's number.
        n: u64,
        /// Digest of our newest event.
        expected: Digest,
        /// What it follows.
        found: Digest,
    },
    /// The two events, now remembered.
    #[error(transparent)]
    Fork(#[from] Fork),
    /// An epoch key alone vouches for it where the root keys said something else.
    #[error("event {n} is {kept}, by the root keys; what an epoch key alone says against it does not count")]
    Overruled {
        /// The number.
        n: u64,
        /// Digest of the event that stands.
        kept: Digest,
    },
    /// It was made before the event it follows.
    #[error("made at {created}, before the event it follows ({previous})")]
    Backwards {
        /// When it was made.
        created: Timestamp,
        /// When the one before was made.
        previous: Timestamp,
    },
    /// It was made in the future by our clock, beyond what clocks differ by.
    #[error("made at {created}, more than five minutes ahead of our clock ({now}): check both clocks")]
    Future {
        /// When it says it was made.
        created: Timestamp,
        /// Our clock.
        now: Timestamp,
    },
    /// The epoch ends before it begins, or lasts longer than 90 days.
    #[error("an epoch from {} until {}: it must last more than nothing and at most 90 days", .0.from, .0.until)]
    Length(Window),
    /// The revealed key is not the one that was committed to.
    #[error("key {found} was revealed where {expected} was committed to")]
    Commitment {
        /// The key that was committed to.
        expected: KeyId,
        /// The key in the event.
        found: KeyId,
    },
    /// A key that had another use already.
    #[error("key {0} is or was a root or epoch key already: make a new one")]
    Reused(KeyId),
    /// Those who must sign have not.
    #[error("{who} must sign: {why}")]
    Signers {
        /// Who.
        who: &'static str,
        /// What is wrong with their signatures.
        why: SignedError,
    },
    /// Signed by a key that has no say in it, beside those that have.
    #[error("key {0} has no say in this event: leave its signature out")]
    Stranger(KeyId),
    /// The old epoch key cannot sign any more.
    #[error("the last epoch's key cannot vouch for this event ({0}): the root keys must")]
    Ended(KeyError),
    /// A revocation of a key that never was an epoch key here.
    #[error("key {0} is not an epoch key of this party")]
    Unknown(KeyId),
    /// A revocation that takes nothing away.
    #[error("the revocation must not begin in its future, and must reach further back than one before")]
    Revocation,
    /// The history is full.
    #[error("a key history of more than {MAX_BYTES} bytes")]
    Full,
}

/// Why no key holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The party never had this epoch key, as far as is known here.
    #[error("key {0} is not known as an epoch key of this party: fetch its newest key events")]
    Unknown(KeyId),
    /// The key does not hold at that instant.
    #[error("the epoch of key {key} {outside}")]
    Outside {
        /// The key.
        key: KeyId,
        /// On which side of its epoch.
        outside: Outside,
    },
    /// The key is revoked.
    #[error("key {key} is revoked from {} on ({}: {})", revoked.from, revoked.reason, revoked.note)]
    Revoked {
        /// The key.
        key: KeyId,
        /// The revocation.
        revoked: Revoked,
    },
    /// The party equivocated before.
    #[error(transparent)]
    Forked(#[from] Fork),
    /// The document is not signed, or wrongly.
    #[error(transparent)]
    Signature(#[from] SignedError),
}
