//! The power fails: what was synced is there, of the rest an arbitrary part, and yet no acknowledged write is lost.

use std::path::Path;

use faultfs::{Loss, Operation, Recording, disk};
use ports::Store;
use shieldwall_store_sqlite::{Options, SqliteStore};

use crate::workload;

/// Steps of the recorded life; checkpoints happen within it.
const STEPS: u64 = 10;

fn options(vfs: Option<String>) -> Options {
    Options { checkpoint_pages: 40, cache_kib: 64, vfs, ..Options::default() }
}

/// Everything asked of the disk while a store is made and worked with, with a mark at each acknowledgement.
fn record() -> Vec<Operation> {
    let folder = tempfile::tempdir().unwrap();
    let recording = Recording::start(folder.path());
    let path = folder.path().canonicalize().unwrap().join("store.db");
    let store = SqliteStore::open(path, options(Some(recording.vfs()))).unwrap();
    workload::found(&store);
    for number in 0..STEPS {
        store.write(Box::new(|tx| workload::step(tx, number))).unwrap();
        recording.mark(number);
        if number == STEPS / 2 {
            store.scrub().unwrap();
        }
    }
    drop(store);
    recording.operations()
}

/// Opens what is left after a loss, and checks it.
fn check(operations: &[Operation], loss: Loss) {
    let acknowledged: Vec<u64> = operations
        .iter()
        .filter_map(|operation| match operation {
            Operation::Mark(number) => Some(*number),
            _ => None,
        })
        .collect();
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in disk(operations, loss) {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    let place = format!("after {} operations, losing {loss:?}", operations.len());
    reopen(folder.path(), &acknowledged, &place);
}

fn reopen(folder: &Path, acknowledged: &[u64], place: &str) {
    // What is tested was written by now: nobody waits for this disk any more.
    let store = SqliteStore::open(folder.join("store.db"), Options { durable: false, ..options(None) });
    let store = store.unwrap_or_else(|error| panic!("{place}: {error}"));
    // Shown when what follows fails.
    println!("{place}");
    workload::check(&store, acknowledged);
    // And it can be worked with.
    workload::found(&store);
    store.write(Box::new(|tx| workload::step(tx, 1000))).unwrap();
}

/// Whether little differs from the cut before: amid the many writes of one commit.
fn amid_writes(operations: &[Operation], end: usize) -> bool {
    let is_write = |at: Option<usize>| {
        at.and_then(|at| operations.get(at))
            .is_some_and(|operation| matches!(operation, Operation::Write { .. }))
    };
    is_write(end.checked_sub(2))
        && is_write(end.checked_sub(1))
        && is_write(Some(end))
        && !end.is_multiple_of(4)
}

/// After every operation (but few amid the writes of one commit): the process dies, or (every other time) the power
/// fails. With `SHIELDWALL_CUTS` after every single one both, and the power so often, each time losing something else.
#[test]
fn cut_after_any_operation() {
    let operations = record();
    let syncs = operations.iter().filter(|operation| matches!(operation, Operation::Sync { .. })).count();
    assert!(operations.len() > 200 && syncs > 20, "{} operations, {syncs} syncs", operations.len());
    let cuts: Option<u64> = std::env::var("SHIELDWALL_CUTS").ok().and_then(|text| text.parse().ok());
    for end in (0..=operations.len()).filter(|end| cuts.is_some() || !amid_writes(&operations, *end)) {
        let operations = operations.get(..end).unwrap();
        let seed = end as u64;
        match cuts {
            // Not by evenness: of the writes only every fourth is left.
            None if end / 2 % 2 == 0 => check(operations, Loss::Nothing),
            None => check(operations, Loss::Unsynced(seed)),
            Some(cuts) => {
                check(operations, Loss::Nothing);
                (0..cuts).for_each(|cut| {
                    check(operations, Loss::Unsynced(seed.wrapping_add(cut.wrapping_mul(100_003))))
                });
            }
        }
    }
}
