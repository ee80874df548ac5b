//! The ledger: an append-only log of commitments to what left, came, was refused, erased or overridden, which peers witness
//! and an overseer verifies without seeing content.
//!
//! A leaf is a salted commitment and nothing else ([`entry`]). Leaves form an RFC 6962 tree ([`merkle`]) whose root the node
//! signs as a C2SP checkpoint ([`checkpoint`]); peers cosign it as witnesses ([`witness`]) and a policy says how many must
//! ([`policy`]). One leaf is proved by a file ([`proof`]), a period by an oversight report ([`report`]).
//!
//! **Invariant:** what the ledger shows to anyone (leaves, tiles, bundles, checkpoints, proofs) are hashes of salted
//! commitments: no content, no personal data, no STIX id, nothing that can be found by trying values. A figure of a report
//! holds only if the verifier has counted it itself from leaves under a checkpoint that a quorum has cosigned.
//!
//! **Must not know:** where leaves are stored, how checkpoints travel, what the objects are that entries speak of; no clock,
//! no randomness.

pub mod checkpoint;
pub mod entry;
mod fields;
pub mod merkle;
pub mod note;
pub mod policy;
pub mod proof;
pub mod report;
pub mod tiles;
pub mod witness;

pub use fields::Malformed;
