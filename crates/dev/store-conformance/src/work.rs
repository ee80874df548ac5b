//! Work that takes longer than one step.

use model::StixId;
use ports::detection::{Work, WorkKind};
use ports::{Scope, Store};

use crate::fixture::{Fixture, at, digest, elsewhere, id, is_missing, party};

/// A hunt that goes on, about nothing.
pub(crate) fn work(number: u8) -> Work {
    Work {
        id: digest(number),
        kind: WorkKind::Hunt,
        state: "waiting".to_owned(),
        over: false,
        party: None,
        object: None,
        begun: at(number.into()),
        changed: at(number.into()),
        due: None,
        body: "{}".to_owned(),
    }
}

pub(crate) fn add(store: &dyn Store, scope: Scope, work: &Work) -> bool {
    store.transact(|tx| tx.add_work(scope, work)).unwrap()
}

/// Which work it is, by the number it was made with.
pub(crate) fn numbers(works: Vec<Work>) -> Vec<u8> {
    works.into_iter().map(|work| work.id.0[0]).collect()
}

/// Asking twice is asking once; what is asked of one kind, tenant or world is nothing to the others.
pub fn work_is_asked_for_once(store: &dyn Store) {
    let f = Fixture::new(store);
    let find = |scope, kind| store.read().unwrap().work(scope, kind, digest(1)).unwrap();
    let set = |scope, work: &Work| store.transact(|tx| tx.set_work(scope, work));
    assert_eq!(find(f.scope, WorkKind::Hunt), None);
    assert!(is_missing(&set(f.scope, &work(1))));
    assert!(add(store, f.scope, &work(1)));
    let changed = Work {
        state: "done".to_owned(),
        over: true,
        party: Some(party(7)),
        object: Some(id("indicator", 1)),
        begun: at(99),
        changed: at(50),
        due: Some(at(60)),
        body: r#"{"seen":0}"#.to_owned(),
        ..work(1)
    };
    assert!(!add(store, f.scope, &changed) && !add(store, f.scope, &work(1)));
    assert_eq!(find(f.scope, WorkKind::Hunt), Some(work(1)), "asking again changes nothing");
    set(f.scope, &changed).unwrap();
    let kept = Work { begun: at(1), ..changed.clone() };
    assert_eq!(find(f.scope, WorkKind::Hunt), Some(kept.clone()), "when it was begun stays");
    for kind in WorkKind::ALL.into_iter().skip(1) {
        let other = Work { kind, ..changed.clone() };
        assert!(is_missing(&set(f.scope, &other)), "the same id, but of another kind");
        assert!(add(store, f.scope, &other) && !add(store, f.scope, &other));
        assert_eq!(find(f.scope, kind), Some(other));
    }
    for scope in elsewhere(f.scope) {
        assert!(is_missing(&set(scope, &changed)));
        assert_eq!(find(scope, WorkKind::Hunt), None);
        assert!(add(store, scope, &changed));
        assert_eq!(find(scope, WorkKind::Hunt), Some(changed.clone()));
    }
    assert_eq!(find(f.scope, WorkKind::Hunt), Some(kept));
    set(f.scope, &work(1)).unwrap();
    assert_eq!(find(f.scope, WorkKind::Hunt), Some(work(1)), "and it may be taken up again");
}

/// Work is listed by kind, what is not over first, newest first; of one object, newest first.
pub fn work_is_listed(store: &dyn Store) {
    let f = Fixture::new(store);
    let (one, other) = (id("indicator", 1), id("indicator", 2));
    for number in 1..=6_u8 {
        let object = if number.is_multiple_of(3) { &other } else { &one };
        let over = number.is_multiple_of(2);
        add(store, f.scope, &Work { over, object: Some(object.clone()), ..work(number) });
    }
    add(store, f.scope, &Work { begun: at(0), ..work(7) });
    for scope in elsewhere(f.scope) {
        add(store, scope, &Work { object: Some(one.clone()), ..work(8) });
    }
    add(store, f.scope, &Work { kind: WorkKind::Asked, object: Some(one.clone()), ..work(9) });
    let read = store.read().unwrap();
    let list = |open, limit| numbers(read.works(f.scope, WorkKind::Hunt, open, limit).unwrap());
    assert_eq!(list(false, 99), [5, 3, 1, 7, 6, 4, 2]);
    assert_eq!(list(true, 99), [5, 3, 1, 7]);
    for limit in 0..=7 {
        assert_eq!(list(false, limit), list(false, 99)[..limit]);
        assert_eq!(list(true, limit), list(true, 99)[..limit.min(4)]);
    }
    let about =
        |kind, object: &StixId, limit| numbers(read.work_about(f.scope, kind, object, limit).unwrap());
    assert_eq!(about(WorkKind::Hunt, &one, 99), [5, 4, 2, 1], "over or not");
    assert_eq!(about(WorkKind::Hunt, &one, 2), [5, 4]);
    assert_eq!(about(WorkKind::Hunt, &other, 99), [6, 3]);
    assert_eq!(about(WorkKind::Asked, &one, 99), [9]);
    assert!(about(WorkKind::Lease, &one, 99).is_empty());
    assert!(about(WorkKind::Hunt, &id("indicator", 3), 99).is_empty());
    let open = |scope, kind| read.open_work(scope, kind).unwrap();
    assert_eq!((open(f.scope, WorkKind::Hunt), open(f.scope, WorkKind::Asked)), (4, 1));
    assert_eq!(open(f.scope, WorkKind::Asking), 0);
    for scope in elsewhere(f.scope) {
        assert_eq!(numbers(read.works(scope, WorkKind::Hunt, false, 9).unwrap()), [8]);
        assert_eq!(numbers(read.work_about(scope, WorkKind::Hunt, &one, 9).unwrap()), [8]);
        assert_eq!((open(scope, WorkKind::Hunt), open(scope, WorkKind::Asked)), (1, 0));
    }
}

/// Who is most overdue comes first; what is over, or nobody has to look at, is never due.
pub fn work_falls_due(store: &dyn Store) {
    let f = Fixture::new(store);
    let due =
        |by, limit| numbers(store.read().unwrap().due_work(f.scope, WorkKind::Lease, at(by), limit).unwrap());
    let lease = |number, due: i64| Work { kind: WorkKind::Lease, due: Some(at(due)), ..work(number) };
    for row in [lease(1, 30), lease(2, -5), lease(3, 20), lease(4, 40)] {
        add(store, f.scope, &row);
    }
    add(store, f.scope, &Work { due: None, ..lease(5, 0) });
    add(store, f.scope, &Work { over: true, ..lease(6, 1) });
    add(store, f.scope, &Work { kind: WorkKind::Asking, ..lease(7, 1) });
    for scope in elsewhere(f.scope) {
        add(store, scope, &lease(8, 1));
    }
    assert_eq!(due(99, 99), [2, 3, 1, 4]);
    assert_eq!(due(99, 2), [2, 3]);
    assert_eq!(due(30, 99), [2, 3, 1], "by is inclusive");
    assert_eq!(due(29, 99), [2, 3]);
    assert!(due(-6, 99).is_empty());
    store
        .transact(|tx| {
            tx.set_work(f.scope, &Work { over: true, ..lease(2, -5) })?;
            tx.set_work(f.scope, &lease(3, 50))?;
            tx.set_work(f.scope, &Work { due: None, ..lease(1, 0) })?;
            tx.set_work(f.scope, &lease(6, 1))
        })
        .unwrap();
    assert_eq!(due(99, 99), [6, 4, 3]);
    for scope in elsewhere(f.scope) {
        let there = store.read().unwrap().due_work(scope, WorkKind::Lease, at(99), 99).unwrap();
        assert_eq!(numbers(there), [8]);
    }
}

/// Only work that is over is forgotten, and only of one kind, tenant and world.
pub fn work_is_forgotten(store: &dyn Store) {
    let f = Fixture::new(store);
    let forget = |kind, before| store.transact(|tx| tx.forget_work(f.scope, kind, at(before))).unwrap();
    assert_eq!(forget(WorkKind::Hunt, 99), 0);
    let over = |number| Work { over: true, ..work(number) };
    for row in [over(1), over(2), work(3), over(4), Work { kind: WorkKind::Asked, ..over(5) }] {
        add(store, f.scope, &row);
    }
    for scope in elsewhere(f.scope) {
        add(store, scope, &over(6));
    }
    // Begun long ago, but over only now.
    store.transact(|tx| tx.set_work(f.scope, &Work { changed: at(80), ..over(1) })).unwrap();
    assert_eq!((forget(WorkKind::Hunt, 2), forget(WorkKind::Lease, 99)), (0, 0), "before is exclusive");
    assert_eq!((forget(WorkKind::Hunt, 5), forget(WorkKind::Hunt, 5)), (2, 0));
    let left = |kind| numbers(store.read().unwrap().works(f.scope, kind, false, 9).unwrap());
    assert_eq!((left(WorkKind::Hunt), left(WorkKind::Asked)), (vec![3, 1], vec![5]));
    assert_eq!(forget(WorkKind::Hunt, 99), 1);
    assert_eq!(left(WorkKind::Hunt), [3], "however old: it is not over");
    for scope in elsewhere(f.scope) {
        assert_eq!(store.read().unwrap().works(scope, WorkKind::Hunt, false, 9).unwrap().len(), 1);
    }
    assert!(add(store, f.scope, &over(2)), "what was forgotten may be asked for again");
}
