//! The STIX 2.1 format: what an object may look like, and what a given JSON text says about itself.
//!
//! The object model is data: constant tables of types, properties, value types and rules ([`schema`]), which
//! one validator ([`validate`]) walks. Nothing is deserialised into structs, so the raw text stays the truth.
//!
//! **Invariant:** a [`Valid`] exists only for a value in which [`validate`] found no violated MUST; every
//! violation becomes a finding, and none hides another.
//!
//! **Must not know:** where objects come from or go to: no stores, no network, no clock, no randomness, no
//! pattern grammar (a function for it can be plugged into [`Checks`]).

pub mod build;
pub mod bundle;
mod check;
pub mod marking;
pub mod meaning;
pub mod redact;
pub mod refs;
pub mod schema;
pub mod sco;
pub mod upgrade;
mod validate;

pub use validate::{Checks, Class, Custom, PatternCheck, PatternProblem, Valid, validate};
