//! The object model against the standard's text, real data and hostile input.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests stop at the first thing that is not as it should be"
)]

mod cases;
mod hostile;
mod ids;
mod options;
mod real;
