//! Power cuts and sudden deaths for SQLite, reproducible.
//!
//! A [`Recording`] notes everything SQLite asks of the files in a folder. [`disk`] then tells what could lie on
//! the disk had the power failed after any of those operations: what was synced, and an arbitrary part of what was not.
//! [`abort_at_statement`] ends the process just before its n-th SQL statement; [`tell_statements`] tells what statements
//! there are.
//!
//! **Invariant:** the store under test runs on the real file system unchanged; losing happens afterwards, on the record.
//!
//! **Must not know:** any schema, or what the recorded bytes mean.

mod disk;
mod vfs;

pub use disk::{Loss, Operation, disk};
pub use vfs::{Recording, abort_at_statement, tell_statements};
