//! The key history of a party: one chain of signed events from its inception on.
//!
//! - *Inception* names the party, its root keys and how many of them must sign, its first epoch key, and the digest of
//!   the epoch key to come. Its own digest is the party's id, so no registry gives ids out.
//! - *Rotation* reveals the epoch key that was committed to before and commits to the next. A thief of today's epoch
//!   key cannot rotate: the next key is known by its digest only, and is kept apart.
//! - *Roots* replaces the root keys, and the commitment with them when the next epoch key was lost.
//! - *Revocation* takes an epoch key's word away from an instant on.
//! - *Identities* says which STIX identities the party speaks for.
//!
//! Every event names its number and the digest of the one before. Two different events with one number, both properly
//! signed, are equivocation: the party shows different faces to different peers, and is trusted in nothing after it.

mod body;
mod error;
mod history;
mod state;

pub use body::{Change, EpochTerms, Event, MAX_EPOCH, Reason, Roots, check_name};
pub use error::{EventError, Fork, KeyError};
pub use history::{Applied, KeyHistory};
pub(crate) use history::{read_event_list, write_events};
pub use state::{Epoch, Revoked};
