//! Lists in every dialect, indicators, warning lists and blocklists; then all the real ones.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failing fixture ends the test")]
#![expect(clippy::disallowed_methods, reason = "tests read the shared data")]

mod indicators;
mod reading;
mod real;
mod warnings;
