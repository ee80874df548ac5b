//! Standard input, by anything that can be read.

use std::io::{Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use log_sources::read_from;
use ports::logs::{LogError, MAX_BATCH};

use crate::caller::Caller;

#[tokio::test]
async fn it_is_read_to_its_end_and_then_gone() {
    let mut caller = Caller::of(read_from("standard input", Cursor::new("one\ntwo")), None);
    assert_eq!(caller.until(2).await.records, ["standard input: one", "standard input: two"]);
    assert_eq!(caller.position.as_deref(), Some(""));
    assert!(matches!(caller.next().await, Err(LogError::Gone(_))));
    assert!(matches!(caller.next().await, Err(LogError::Gone(_))));
}

/// Endless lines, and how many bytes were taken.
struct Endless(Arc<AtomicUsize>);

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        buffer.fill(b'\n');
        self.0.fetch_add(buffer.len(), Ordering::Relaxed);
        Ok(buffer.len())
    }
}

#[tokio::test]
async fn no_more_is_read_than_the_caller_takes() {
    let taken = Arc::new(AtomicUsize::new(0));
    let mut caller = Caller::of(read_from("standard input", Endless(Arc::clone(&taken))), None);
    for _ in 0..20 {
        caller.step().await;
    }
    // Two wait in the channel and one to get there.
    let taken = taken.load(Ordering::Relaxed);
    assert!(taken <= 24 * MAX_BATCH, "{taken}");
}
