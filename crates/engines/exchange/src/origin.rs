//! Origin statements: a creator's word about an object, good over every hop and for every redacted copy.
//!
//! The creator commits to each value in the object on its own (a *leaf*: a scalar or an empty container, by its
//! RFC 6901 pointer), to its id and version, its label, and how it may be passed on; many objects are signed at once
//! through a Merkle root. Whoever removes something from a copy puts the commitments of what was removed into the
//! statement and takes their salts out: what is left can still be verified, what was removed cannot be guessed.
//!
//! Salts come from a tree of seeds: the seed of a member or item is derived from that of its container. So a full copy
//! carries one seed, and a redacted one the seeds of the largest parts that are still whole.
//!
//! An object travels in streams as its creator wrote it, narrower local labels beside it. A copy in which anything is
//! changed or added, and not only removed, is no longer the creator's and does not verify.

mod batch;
mod leaves;
mod statement;

pub use batch::{Batch, BatchMemo, SignedBatch};
pub use leaves::MAX_LEAVES;
pub use statement::{OriginError, Statement, Verified};

/// The domain of the Merkle tree over a batch's entries.
pub(crate) const DOMAIN: &str = "shieldwall/origin/v1";
