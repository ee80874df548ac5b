//! What tests and benches of many crates need: real data, fresh objects made from it, a place to write,
//! and one way of skipping.
//!
//! **Invariant:** nothing is skipped silently. A test that cannot run says why, `cargo xtask test` lists it at
//! the end, and under CI it fails instead.
//!
//! **Must not know:** any crate above `base`, so that every crate may use it in its tests.

mod attack;
mod data;
mod skip;

pub use attack::{AttackObjects, attack_objects};
pub use data::{corpus, shared};
pub use skip::{count, python, skip};
pub use tempfile::TempDir;

/// An empty folder that is removed when dropped.
#[must_use]
#[expect(clippy::expect_used, reason = "no test can go on without a place to write")]
pub fn temp_dir() -> TempDir {
    tempfile::Builder::new().prefix("shieldwall-").tempdir().expect("the temporary folder must be writable")
}
