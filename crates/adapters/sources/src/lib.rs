//! Where intelligence comes from: TAXII servers, MISP feeds, plain lists, and hints from our own other nodes.
//!
//! Everything that leaves the node to fetch something goes through [`fetch`], the one guarded HTTP client.
//! A source is a [`Puller`]: given the cursor of its last committed batch, it hands over the next batch and the
//! cursor to commit with it. Kinds are listed in [`descriptors`].
//!
//! **Invariant:** nothing is remembered here that matters: whatever a source needs to go on is in the cursor, so a
//! crash between two batches neither skips nor loses anything. No request reaches an address that the policy does not permit,
//! no secret crosses an origin, and no answer is read beyond its limit.
//!
//! **Must not know:** the store, what an object means, when to run (the caller owns the clock), or other adapters.

mod address;
mod config;
pub mod fetch;
mod kinds;
mod live;
mod misp_feed;
mod sse;
pub mod taxii_client;
mod taxii_source;
mod url_list;

pub use address::{Allow, InvalidAllow, Policy};
pub use kinds::{Descriptor, Env, Kinds, descriptors};
