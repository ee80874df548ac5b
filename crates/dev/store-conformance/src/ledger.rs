//! The ledger and the checkpoints of all logs.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::thread;

use model::{Digest, Tenant};
use ports::trust::LeafRecord;
use ports::{Store, StoreError};

use crate::fixture::{Fixture, at, digest};

const WRITERS: u64 = 8;
const JOBS: u64 = 30;

fn leaf(number: u64) -> LeafRecord {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    LeafRecord {
        index: u64::MAX,
        hash: Digest(bytes),
        commitment: digest(number.to_le_bytes()[0]),
        kind: "disclosure".to_owned(),
        at: at(i64::try_from(number).unwrap()),
        opening: number.is_multiple_of(2).then(|| format!(r#"{{"n":{number},"salt":"…"}}"#)),
    }
}

/// Leaves come back as they were appended, from any place on; the place given with them is ignored.
pub fn leaves_come_back(store: &dyn Store) {
    let tenant = Fixture::new(store).scope.tenant;
    assert_eq!(store.read().unwrap().ledger_size(tenant).unwrap(), 0);
    let places = store.transact(|tx| (0..10).map(|number| tx.append_leaf(tenant, &leaf(number))).collect());
    let places: Vec<u64> = places.unwrap();
    assert_eq!(places, (0..10).collect::<Vec<_>>());
    assert_eq!(store.transact(|tx| tx.append_leaf(Tenant(2), &leaf(77))).unwrap(), 0, "a ledger of its own");
    assert_eq!(store.transact(|tx| tx.append_leaf(tenant, &leaf(10))).unwrap(), 10);
    let read = store.read().unwrap();
    assert_eq!((read.ledger_size(tenant).unwrap(), read.ledger_size(Tenant(3)).unwrap()), (11, 0));
    let expected: Vec<LeafRecord> =
        (0..11).map(|number| LeafRecord { index: number, ..leaf(number) }).collect();
    assert_eq!(read.leaves(tenant, 0, 99).unwrap(), expected);
    assert_eq!(read.leaves(tenant, 4, 3).unwrap(), expected[4..7]);
    assert!(read.leaves(tenant, 11, 99).unwrap().is_empty());
    let hashes: Vec<Digest> = expected.iter().map(|leaf| leaf.hash).collect();
    assert_eq!(read.leaf_hashes(tenant, 0, 99).unwrap(), hashes);
    assert_eq!(read.leaf_hashes(tenant, 9, 1).unwrap(), hashes[9..10]);
    assert!(read.leaf_hashes(tenant, 11, 99).unwrap().is_empty());
}

/// Eight writers append at once, some in vain: the ledger has every place once, and what each was told is so.
pub fn ledger_is_gap_free_under_writers(store: &dyn Store) {
    let tenant = Fixture::new(store).scope.tenant;
    let told = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let told = &told;
            scope.spawn(move || {
                for job in 0..JOBS {
                    let first = (writer * JOBS + job) * 3;
                    let outcome = store.transact(|tx| {
                        let places = (first..first + 3)
                            .map(|number| Ok((tx.append_leaf(tenant, &leaf(number))?, number)))
                            .collect::<Result<Vec<_>, StoreError>>()?;
                        if job % 4 == 3 { Err(StoreError::Busy) } else { Ok(places) }
                    });
                    assert_eq!(outcome.is_err(), job % 4 == 3);
                    told.lock().unwrap().extend(outcome.into_iter().flatten());
                }
            });
        }
    });
    let mut told = told.into_inner().unwrap();
    told.sort_unstable();
    let read = store.read().unwrap();
    let size = read.ledger_size(tenant).unwrap();
    assert_eq!(told.iter().map(|(place, _)| *place).collect::<Vec<_>>(), (0..size).collect::<Vec<_>>());
    let leaves = read.leaves(tenant, 0, usize::MAX).unwrap();
    assert_eq!(leaves.len() as u64, size);
    for (kept, (place, number)) in leaves.iter().zip(&told) {
        assert_eq!(*kept, LeafRecord { index: *place, ..leaf(*number) });
    }
    let once: BTreeSet<u64> = told.iter().map(|(_, number)| *number).collect();
    assert_eq!(once.len() as u64, size, "nothing was appended twice");
}

/// A job that fails after appending leaves neither a leaf nor a gap.
pub fn failed_jobs_leave_no_leaf(store: &dyn Store) {
    let tenant = Fixture::new(store).scope.tenant;
    for round in 0..5 {
        let failed: Result<(), _> = store.transact(|tx| {
            assert_eq!(tx.append_leaf(tenant, &leaf(100))?, round);
            assert_eq!(tx.append_leaf(tenant, &leaf(101))?, round + 1);
            Err(StoreError::Missing("nothing".to_owned()))
        });
        assert!(failed.is_err());
        assert_eq!(store.transact(|tx| tx.append_leaf(tenant, &leaf(round))).unwrap(), round);
    }
    assert_eq!(store.read().unwrap().ledger_size(tenant).unwrap(), 5);
}

/// The newest checkpoint of each log is kept; an older one, replayed, takes nobody back.
pub fn checkpoints_only_grow(store: &dyn Store) {
    let tenant = Fixture::new(store).scope.tenant;
    let set = |origin: &str, size, note: &str| {
        store.transact(|tx| tx.set_checkpoint(tenant, origin, size, note)).unwrap();
    };
    assert_eq!(store.transact(|tx| tx.checkpoint(tenant, "ours")).unwrap(), None);
    set("ours", 5, "five");
    set("theirs", 9, "nine");
    set("ours", 7, "seven");
    set("ours", 6, "replayed");
    assert_eq!(store.transact(|tx| tx.checkpoint(tenant, "ours")).unwrap(), Some((7, "seven".to_owned())));
    set("ours", 7, "seven, cosigned");
    let expected =
        [("ours".to_owned(), 7, "seven, cosigned".to_owned()), ("theirs".to_owned(), 9, "nine".to_owned())];
    assert_eq!(store.read().unwrap().checkpoints(tenant).unwrap(), expected);
    assert!(store.read().unwrap().checkpoints(Tenant(2)).unwrap().is_empty());
}

/// Hashes above full tiles are kept once, by level, beside those of leaves.
pub fn hashes_above_tiles_are_kept(store: &dyn Store) {
    let f = Fixture::new(store);
    let tenant = f.scope.tenant;
    store
        .transact(|tx| {
            tx.append_leaf(tenant, &leaf(5))?;
            for (level, place, hash) in [(1, 0, 10), (1, 1, 11), (2, 0, 20), (1, 1, 99)] {
                tx.set_ledger_hash(tenant, level, place, digest(hash))?;
            }
            assert_eq!(
                tx.ledger_hashes(tenant, 1, 0, 9)?,
                [digest(10), digest(11)],
                "what is kept does not change"
            );
            Ok(())
        })
        .unwrap();
    let read = store.read().unwrap();
    let hashes = |level, from, limit| read.ledger_hashes(tenant, level, from, limit).unwrap();
    assert_eq!(hashes(0, 0, 9), read.leaf_hashes(tenant, 0, 9).unwrap());
    assert_eq!(
        (hashes(1, 1, 9), hashes(1, 0, 1), hashes(2, 0, 9)),
        (vec![digest(11)], vec![digest(10)], vec![digest(20)])
    );
    assert!(hashes(3, 0, 9).is_empty() && read.ledger_hashes(Tenant(2), 1, 0, 9).unwrap().is_empty());
}
