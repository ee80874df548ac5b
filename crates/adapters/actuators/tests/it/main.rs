//! Actuators against the kernel, the file system, and programs that behave, misbehave and attack.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failing helper is a failing test"
)]

mod configs;
mod files;
mod kernel;
mod programs;
mod server;
mod webhooks;

use std::sync::{Mutex, MutexGuard, PoisonError};

use controls::{BlockItem, BlockSet};
use model::Timestamp;
use observable::{Kind, normalise};

const REFERENCE: &str = "indicator--11111111-1111-4111-8111-111111111111";

/// So many seconds after the beginning of all tests.
fn at(seconds: i64) -> Timestamp {
    let begin: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
    begin.plus_micros(seconds * 1_000_000)
}

fn block(kind: Kind, value: &str, port: Option<u16>, until: Timestamp) -> BlockItem {
    let observable = normalise(kind, value).unwrap_or_else(|| panic!("{value} is no {kind}"));
    BlockItem { observable, port, until, reference: REFERENCE.to_owned() }
}

fn set(items: Vec<BlockItem>) -> BlockSet {
    BlockSet { name: "edge".to_owned(), items, ..BlockSet::default() }
}

/// One test at a time starts programs: a script that is still open in another one's child cannot be run.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}
