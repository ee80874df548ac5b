//! What the shell needs from the outside, as traits: a store, a clock, fresh ids.
//!
//! **Invariant:** every method is a use case in the words of this project; no query language, row type or
//! error of an engine crosses this line. Whatever passes the store's conformance suite may stand behind it.
//!
//! **Must not know:** which engine answers, tokio, HTTP, or how a thing is shown.

pub mod actuator;
mod ambient;
pub mod detection;
pub mod logs;
pub mod peer;
pub mod pull;
mod records;
pub mod segments;
mod store;
pub mod telemetry;
pub mod trust;

pub use ambient::{Clock, Ids};
pub use records::*;
pub use store::{Read, Store, StoreError, Tx, WriteJob};
