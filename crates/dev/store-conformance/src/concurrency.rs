//! Many callers at once.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use model::Seq;
use ports::{NewVersion, Store, StoreError};

use crate::fixture::{Fixture, at, id};

const WRITERS: u64 = 8;
const EACH: u64 = 40;

/// Eight writers, some of whose jobs fail; a reader that follows the journal meanwhile sees every place, once, in order.
pub fn journal_is_gap_free_under_writers(store: &dyn Store) {
    let f = Fixture::new(store);
    let done = AtomicU64::new(0);
    let mut seen = Vec::new();
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let done = &done;
            scope.spawn(move || {
                for round in 0..EACH {
                    let tool = id("tool", (writer * EACH + round).into());
                    let new = NewVersion { collections: vec![f.own], ..f.version(&tool, 7, "x") };
                    let outcome = store.transact(|tx| {
                        let place = tx.put(f.scope, at(1), &new)?;
                        if round % 5 == 4 {
                            Err(StoreError::Missing("nothing".to_owned()))
                        } else {
                            Ok(place)
                        }
                    });
                    assert_eq!(outcome.is_err(), round % 5 == 4);
                    if let Ok((_, seq)) = outcome {
                        let head = store.read().unwrap().head(f.scope.tenant).unwrap();
                        assert!(head >= seq, "what was acknowledged is visible");
                    }
                }
                done.fetch_add(1, Ordering::SeqCst);
            });
        }
        while done.load(Ordering::SeqCst) < WRITERS || seen.len() < expected() {
            let after = Seq(seen.len() as u64);
            let rows = store.read().unwrap().journal(f.scope.tenant, after, 7).unwrap();
            for row in rows {
                assert_eq!(row.seq.0, seen.len() as u64 + 1, "no place is skipped");
                seen.push(row.object.unwrap().id);
            }
        }
    });
    assert_eq!(seen.len(), expected());
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), expected(), "no object is told of twice");
    let dates = f.pages(store, f.own, &ports::PageFilter::default(), 50);
    assert_eq!(dates.len(), expected());
    assert!(dates.is_sorted_by(|one, next| one.2 < next.2));
}

fn expected() -> usize {
    usize::try_from(WRITERS * EACH * 4 / 5).unwrap()
}

/// A job that fails undoes its own effects, and nobody else's, however they were grouped.
pub fn failures_stay_alone(store: &dyn Store) {
    let f = Fixture::new(store);
    let start = Barrier::new(6);
    thread::scope(|scope| {
        for number in 0..6_u8 {
            let start = &start;
            scope.spawn(move || {
                let tool = id("tool", number.into());
                start.wait();
                let outcome = store.write(Box::new(|tx| {
                    tx.put(f.scope, at(1), &f.version(&tool, 7, "x"))?;
                    tx.audit(f.scope.tenant, at(1), "test", "put", tool.as_str(), "")?;
                    if number % 2 == 0 { Ok(()) } else { Err(StoreError::Exists("odd".to_owned())) }
                }));
                assert_eq!(outcome.is_ok(), number % 2 == 0);
            });
        }
    });
    let read = store.read().unwrap();
    for number in 0..6_u8 {
        let found = read.object(f.scope, &id("tool", number.into()), None).unwrap();
        assert_eq!(found.is_some(), number % 2 == 0, "tool {number}");
    }
    assert_eq!(read.audits(f.scope.tenant, 0, 9).unwrap().len(), 3);
    assert_eq!(read.head(f.scope.tenant).unwrap(), Seq(3));
}

/// A job that panics takes its effects with it; the store goes on.
pub fn panics_stay_alone(store: &dyn Store) {
    let f = Fixture::new(store);
    let (lost, kept) = (id("tool", 1), id("tool", 2));
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        store.write(Box::new(|tx| {
            tx.put(f.scope, at(1), &f.version(&lost, 7, "x"))?;
            std::panic::resume_unwind(Box::new("on purpose"))
        }))
    }));
    assert!(outcome.is_err());
    f.put(store, 2, &f.version(&kept, 7, "x"));
    let read = store.read().unwrap();
    assert!(read.object(f.scope, &lost, None).unwrap().is_none());
    assert!(read.object(f.scope, &kept, None).unwrap().is_some());
}

/// More threads read than there are readers; all get their turn while writing goes on.
pub fn readers_are_bounded_not_stuck(store: &dyn Store) {
    let f = Fixture::new(store);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let readers: Vec<_> = (0..24)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..10 {
                        store.read().unwrap().counts(f.scope.tenant).unwrap();
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            let mut number = 0;
            while !stop.load(Ordering::SeqCst) && number < 10_000 {
                f.put(store, 1, &f.version(&id("tool", number), 7, "x"));
                number += 1;
            }
        });
        for reader in readers {
            reader.join().unwrap();
        }
        stop.store(true, Ordering::SeqCst);
    });
}

/// A reader goes on seeing what it saw first, whatever is written meanwhile.
pub fn a_read_is_one_instant(store: &dyn Store) {
    let f = Fixture::new(store);
    let tool = id("tool", 1);
    f.put(store, 1, &f.version(&tool, 10, "before"));
    let read = store.read().unwrap();
    f.put(store, 2, &f.version(&tool, 20, "after"));
    assert_eq!(read.object(f.scope, &tool, None).unwrap().unwrap().raw, "before");
    assert_eq!(read.head(f.scope.tenant).unwrap(), Seq(1));
    assert_eq!(read.versions(f.scope, &tool).unwrap().len(), 1);
    drop(read);
    assert_eq!(store.read().unwrap().object(f.scope, &tool, None).unwrap().unwrap().raw, "after");
}
