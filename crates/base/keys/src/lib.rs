//! Keys of parties and persons, what is signed with them, and what is sealed to them.
//!
//! Offline root keys (m of n officers) vouch for epoch keys of at most 90 days, epoch keys for TLS leaves of at most
//! 7 days and for everything a node signs. Every signature is hybrid, over canonical JSON, under a context.
//!
//! **Invariant:** nothing verifies with half a signature, under another context, or at a time at which the key did
//! not hold; secrets are wiped when dropped and have no text form but a sealed one.
//!
//! **Must not know:** files, connections, certificates, clocks, where randomness comes from, what documents mean.

pub mod boxes;
pub mod context;
pub mod events;
mod fields;
mod hybrid;
pub mod invitation;
pub mod leaf;
pub mod posts;
pub mod sealed;
mod signed;
pub mod veil;
pub mod window;
pub mod words;

pub use fields::Malformed;
pub use hybrid::{BadSignature, InvalidKey, KeyId, MAX_CONTEXT, PublicKey, SecretKey, Signature};
pub use signed::{Signed, SignedError};
