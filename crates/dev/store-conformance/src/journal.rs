//! The journal: what it tells, and how its cursors end.

use model::{Label, Seq, Tlp};
use ports::{HeldDecision, JournalKind, NewVersion, Read, Store, StoreError};

use crate::fixture::{Fixture, at, id};

fn kinds(read: &dyn Read, f: &Fixture, after: u64) -> Vec<JournalKind> {
    read.journal(f.scope.tenant, Seq(after), 100).unwrap().into_iter().map(|row| row.kind).collect()
}

/// Every accepted change is one entry of its kind, with what is behind it while it is there.
pub fn journal_tells_what_happened(store: &dyn Store) {
    let f = Fixture::new(store);
    let (tool, bad) = (id("tool", 1), id("indicator", 2));
    let (version, _) =
        f.put(store, 10, &NewVersion { collections: vec![f.own, f.public], ..f.version(&tool, 20, "2") });
    f.put(store, 11, &NewVersion { latest: false, ..f.version(&tool, 10, "1") });
    let amber = Label::Tlp(Tlp::Amber);
    store
        .transact(|tx| {
            tx.relabel(f.scope, at(12), version, amber)?;
            let held = tx.hold(f.scope, at(13), f.source, &bad, "raw", &[])?;
            let decision = HeldDecision {
                released: false,
                author: "ann".to_owned(),
                reason: "benign".to_owned(),
                at: at(14),
            };
            tx.decide(f.scope, held, &decision)?;
            tx.remove(f.scope, at(15), f.own, &tool, None)
        })
        .unwrap();
    use JournalKind::{Decided, Erased, Held, History, Put, Relabel, Removed};
    let read = store.read().unwrap();
    assert_eq!(kinds(&*read, &f, 0), [Put, History, Relabel, Held, Decided, Removed]);
    assert_eq!(kinds(&*read, &f, 4), [Decided, Removed], "after is exclusive");
    assert_eq!(kinds(&*read, &f, 99), []);
    let rows = read.journal(f.scope.tenant, Seq(0), 3).unwrap();
    assert_eq!(rows.len(), 3, "no more than asked for");
    assert_eq!(rows.iter().map(|row| row.seq.0).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(rows.iter().all(|row| row.source == f.source && row.world == f.scope.world));
    let object = rows[2].object.as_ref().unwrap();
    assert_eq!((object.version_id, &object.id, object.version), (version, &tool, at(20)));
    assert_eq!((object.label, rows[2].at), (amber, at(12)), "the label is the present one");
    drop(read);
    store.transact(|tx| tx.erase(f.scope, at(16), &tool)).unwrap();
    let read = store.read().unwrap();
    assert_eq!(kinds(&*read, &f, 6), [Erased]);
    let rows = read.journal(f.scope.tenant, Seq(0), 100).unwrap();
    assert_eq!(rows.len(), 7);
    assert!(rows.iter().all(|row| row.object.is_none()), "what was behind them is gone");
}

/// A cursor from before the horizon is told so; from a snapshot one can go on.
pub fn cursors_expire_and_resynchronise(store: &dyn Store) {
    let f = Fixture::new(store);
    for number in 0..10 {
        f.put(store, 1, &f.version(&id("tool", number), 7, "x"));
    }
    store.transact(|tx| tx.compact(f.scope.tenant, Seq(6))).unwrap();
    store.transact(|tx| tx.compact(f.scope.tenant, Seq(4))).unwrap();
    let read = store.read().unwrap();
    let journal = |after| read.journal(f.scope.tenant, Seq(after), 100);
    for after in [0, 5] {
        let expired = journal(after).unwrap_err();
        assert_eq!(expired, StoreError::CursorExpired { horizon: Seq(6) });
    }
    assert_eq!(journal(6).unwrap().iter().map(|row| row.seq.0).collect::<Vec<_>>(), [7, 8, 9, 10]);
    let counts = read.counts(f.scope.tenant).unwrap();
    assert_eq!((counts.head, counts.horizon), (10, 6));
    // Resynchronising: everything there is, then the journal from the head of the same snapshot.
    let all = read.objects(f.scope, &ports::ObjectFilter::default(), None, 100).unwrap();
    let head = read.head(f.scope.tenant).unwrap();
    assert_eq!((all.len(), head), (10, Seq(10)));
    drop(read);
    f.put(store, 2, &f.version(&id("tool", 10), 7, "x"));
    let rows = store.read().unwrap().journal(f.scope.tenant, head, 100).unwrap();
    assert_eq!(rows.iter().map(|row| row.seq.0).collect::<Vec<_>>(), [11]);
    store.transact(|tx| tx.compact(f.scope.tenant, Seq(u64::MAX))).unwrap();
    let read = store.read().unwrap();
    assert!(read.journal(f.scope.tenant, Seq(11), 9).unwrap().is_empty(), "the head never expires");
    assert!(read.journal(f.scope.tenant, Seq(10), 9).is_err());
}
