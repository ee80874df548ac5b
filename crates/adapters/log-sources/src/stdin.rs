//! Standard input, or anything else that is read once from its beginning to its end.
//!
//! A thread of its own reads: it may wait for a byte for ever, and neither the runtime nor the process waits for it.

use std::io::Read;
use std::sync::Arc;

use ports::logs::{LogBatch, LogError, LogStream, MAX_BATCH};
use tokio::task::JoinSet;

use crate::fed::{Fed, Gauge, Outlet};

const OVER: &str = "standard input has ended: start the program again with more, or remove the source";

pub(crate) fn open() -> Box<dyn LogStream> {
    read_from("standard input", std::io::stdin())
}

/// A source that reads `input` to its end, as one part of this name.
#[must_use]
pub fn read_from(name: &str, input: impl Read + Send + 'static) -> Box<dyn LogStream> {
    let name = name.to_owned();
    let start = move |outlet: Outlet| {
        let failing = outlet.clone();
        let thread = std::thread::Builder::new().name("log-stdin".to_owned());
        if let Err(error) = thread.spawn(move || pump(&name, input, &outlet)) {
            let message = format!(
                "no thread could be started to read standard input: {error}; free some and try again"
            );
            // The channel is empty: nothing was sent yet.
            let _ = failing.try_send(Err(LogError::Unreadable(message)));
        }
        JoinSet::new()
    };
    Box::new(Fed::new(Arc::new(Gauge::default()), OVER, Box::new(start)))
}

/// Reads until the end, or until nobody takes it any more.
fn pump(name: &str, mut input: impl Read, outlet: &Outlet) {
    let mut batch = LogBatch { part: 1, name: name.to_owned(), ..LogBatch::default() };
    let mut buffer = vec![0; MAX_BATCH];
    while !batch.ends {
        let length = match input.read(&mut buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => {
                batch.notes.push(format!("`{name}` broke off: {error}"));
                0
            }
        };
        batch.bytes = buffer.get(..length).unwrap_or_default().to_vec();
        batch.ends = length == 0;
        if outlet.blocking_send(Ok(batch.clone())).is_err() {
            return;
        }
        batch.offset += length as u64;
    }
}
