//! Log sources against files that rotate, peers that misbehave and callers that die, all in this process.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failing helper is a failing test")]

mod caller;
mod converted;
mod folder;
mod kinds;
mod packed;
mod property;
mod rotate;
mod stdin;
mod tail;
mod tcp;
mod tls;
mod udp;

use std::path::Path;
use std::time::Duration;

use log_sources::{Kinds, Pace};
use ports::logs::LogSpec;
use serde_json::Value;

/// As quick as the machine; nothing is quiet unless a test says so.
fn pace() -> Pace {
    Pace {
        poll: Duration::from_millis(1),
        idle: Duration::from_millis(5),
        grace: Duration::from_millis(300),
        quiet: Duration::from_secs(3_600),
        retry: Duration::from_millis(20),
    }
}

fn quick() -> Kinds {
    Kinds::new().paced(pace())
}

fn spec(kind: &str, config: &Value) -> LogSpec {
    LogSpec { name: "test".to_owned(), kind: kind.to_owned(), config: config.to_string() }
}

/// A source of kind `file`.
fn files(path: &Path) -> LogSpec {
    spec("file", &serde_json::json!({ "path": path }))
}

fn append(path: &Path, bytes: impl AsRef<[u8]>) {
    use std::io::Write as _;
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(bytes.as_ref()).unwrap();
}

/// A line by which a file is told from others: nothing that is shorter tells.
fn telling(number: usize) -> String {
    format!("{number:08} {}\n", "x".repeat(700 + number % 100))
}
