//! What blocks: the kernel's packet filter, files that other programs read, and programs that are told over HTTP.
//!
//! Each kind writes a [`controls::BlockSet`] in its own words and hands it over whole. Kinds are listed in
//! [`descriptors`].
//!
//! **Invariant:** nothing of a block set reaches a shell, an argument list or a header; a file is there whole or as it
//! was; no body goes out unencrypted or unsigned, and none to another address than the configured one; what a receipt's
//! digest names is exactly what was handed over. Every wait, answer and file is bounded.
//!
//! **Must not know:** leases, approvals, the store, what is worth blocking, or other adapters.

mod config;
mod digest;
mod file;
mod kinds;
mod nft;
mod run;
mod webhook;

pub use file::FileActuator;
pub use kinds::{Descriptor, Kinds, descriptors};
pub use nft::Nft;
pub use webhook::{SIGNATURE, Webhook, signature};
