//! A full disk: writes are refused, reads go on, and so do writes once there is room.

use ports::{Store, StoreError};
use shieldwall_store_sqlite::{Options, SqliteStore};

use crate::workload;

#[test]
fn writes_are_refused_and_reads_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let options = Options { max_pages: Some(400), cache_kib: 64, ..Options::default() };
    let store = SqliteStore::open(&path, options).unwrap();
    workload::found(&store);
    let mut done = Vec::new();
    let error = loop {
        let number = done.len() as u64;
        match store.write(Box::new(|tx| workload::step(tx, number))) {
            Ok(()) => done.push(number),
            Err(error) => break error,
        }
    };
    assert_eq!(error, StoreError::Full);
    assert!(done.len() > 10);
    // A small job in the same breath as one too large is refused or done, but never half.
    for number in 10_000..10_010 {
        match store.write(Box::new(|tx| workload::step(tx, number))) {
            Ok(()) => done.push(number),
            Err(error) => assert_eq!(error, StoreError::Full),
        }
    }
    workload::check(&store, &done);
    drop(store);
    let store = SqliteStore::open(&path, Options::default()).unwrap();
    store.write(Box::new(|tx| workload::step(tx, 20_000))).unwrap();
    done.push(20_000);
    workload::check(&store, &done);
}
