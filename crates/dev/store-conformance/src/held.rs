//! Held values and findings.

use model::{Digest, Finding, HeldId, Label, PartyId, Severity, StixId, Tlp};
use ports::{Held, HeldDecision, Store, StoreError, Wrapping, WrappingTerms};

use crate::fixture::{Fixture, at, id};

fn finding(message: &str) -> Finding {
    Finding::new(Severity::Warning, "warning-list/known-benign", "/pattern", message).hint("drop it")
}

fn decision(released: bool) -> HeldDecision {
    HeldDecision { released, author: "ann".to_owned(), reason: "as agreed".to_owned(), at: at(50) }
}

fn hold(store: &dyn Store, f: &Fixture, object: &StixId, raw: &str) -> HeldId {
    store.transact(|tx| tx.hold(f.scope, at(10), f.source, object, raw, &[finding(raw)])).unwrap()
}

fn list(store: &dyn Store, f: &Fixture, all: bool) -> Vec<Held> {
    store.read().unwrap().held(f.scope, all, 10).unwrap()
}

/// Held, listed, decided on once; dropped text is gone, released text stays.
pub fn held_values_wait_for_a_decision(store: &dyn Store) {
    let f = Fixture::new(store);
    let objects: Vec<StixId> = (0..3).map(|number| id("indicator", number)).collect();
    let held: Vec<HeldId> = objects.iter().map(|object| hold(store, &f, object, "raw")).collect();
    let one = store.transact(|tx| tx.held(f.scope, held[0])).unwrap().unwrap();
    assert_eq!((one.id, one.at, one.source, &one.object), (held[0], at(10), f.source, &objects[0]));
    assert_eq!(one.wrapping, Wrapping::default());
    assert_eq!((one.raw.as_str(), one.findings, one.decision), ("raw", vec![finding("raw")], None));
    assert_eq!(store.read().unwrap().counts(f.scope.tenant).unwrap().held, 3);

    // What came with one beyond its bytes is kept with it.
    let terms = WrappingTerms {
        origin: Some(PartyId(Digest([7; 32]))),
        onward: "none".to_owned(),
        handling: "amber".to_owned(),
    };
    let wrapping = Wrapping { narrowing: Some(Label::Tlp(Tlp::Amber)), terms: Some(terms) };
    store.transact(|tx| tx.wrap(f.scope, held[1], &wrapping)).unwrap();
    let kept = |at: usize| store.transact(|tx| tx.held(f.scope, held[at])).unwrap().unwrap().wrapping;
    assert_eq!([kept(0), kept(1), kept(2)], [Wrapping::default(), wrapping, Wrapping::default()]);

    let decide = |id, released| store.transact(|tx| tx.decide(f.scope, id, &decision(released)));
    decide(held[0], false).unwrap();
    decide(held[2], true).unwrap();
    assert!(matches!(decide(held[0], true), Err(StoreError::Exists(_))));
    assert!(matches!(decide(HeldId(99), true), Err(StoreError::Missing(_))));
    let order = |all| list(store, &f, all).into_iter().map(|held| held.id).collect::<Vec<_>>();
    assert_eq!(order(false), [held[1]]);
    assert_eq!(order(true), [held[1], held[2], held[0]], "undecided first, newest first");
    let all = list(store, &f, true);
    assert_eq!((all[1].raw.as_str(), all[2].raw.as_str()), ("raw", ""));
    assert_eq!((&all[0].decision, &all[2].decision), (&None, &Some(decision(false))));
    assert_eq!(store.read().unwrap().held(f.scope, true, 2).unwrap().len(), 2);
    assert_eq!(store.read().unwrap().counts(f.scope.tenant).unwrap().held, 1);
}

/// While undecided an object is held once: the same text keeps its number, other text gets another, so that nobody
/// decides about a text that was not shown.
pub fn held_values_change_while_undecided(store: &dyn Store) {
    let f = Fixture::new(store);
    let object = id("indicator", 1);
    let held = hold(store, &f, &object, "one");
    let head = || store.read().unwrap().head(f.scope.tenant).unwrap().0;
    assert_eq!((hold(store, &f, &object, "one"), head()), (held, 1));
    let other = hold(store, &f, &object, "two");
    assert!(other != held && head() == 2);
    assert_eq!(store.transact(|tx| tx.waiting(f.scope, &object)).unwrap(), Some(other));
    assert_eq!(store.transact(|tx| tx.held(f.scope, held)).unwrap(), None);
    let all = list(store, &f, true);
    assert_eq!((all.len(), all[0].raw.as_str(), &all[0].findings), (1, "two", &vec![finding("two")]));
}

/// A value that comes again is met with what was decided, also when its text is gone.
pub fn decisions_are_remembered(store: &dyn Store) {
    let f = Fixture::new(store);
    let object = id("indicator", 1);
    let decided = |raw| store.transact(|tx| tx.held_decision(f.scope, &object, raw)).unwrap();
    let settle = |raw, released| {
        let held = hold(store, &f, &object, raw);
        assert_eq!(decided(Some(raw)), None);
        store.transact(|tx| tx.decide(f.scope, held, &decision(released))).unwrap();
    };
    assert_eq!(decided(None), None);
    settle("one", false);
    settle("two", true);
    assert_eq!(
        (decided(Some("one")), decided(Some("two")), decided(Some("three"))),
        (Some(false), Some(true), None)
    );
    assert_eq!(decided(None), Some(true), "the last word on the object");
    let other = id("indicator", 2);
    assert_eq!(store.transact(|tx| tx.held_decision(f.scope, &other, Some("one"))).unwrap(), None);
}

/// Findings are kept in order, whole, with or without an object.
pub fn findings_are_kept(store: &dyn Store) {
    let f = Fixture::new(store);
    let object = id("indicator", 1);
    let bare = Finding::new(Severity::Error, "stix-2.1/3.2/type", "", "no `type`");
    store
        .transact(|tx| {
            tx.add_findings(f.scope, at(1), f.source, None, &[bare.clone(), finding("b")])?;
            tx.add_findings(f.scope, at(2), f.source, Some(&object), &[])?;
            tx.add_findings(f.scope, at(3), f.source, Some(&object), &[finding("c")])
        })
        .unwrap();
    let read = store.read().unwrap();
    let rows = read.findings(f.scope, 0, 10).unwrap();
    assert_eq!(rows.len(), 3);
    assert_eq!((&rows[0].finding, &rows[0].object, rows[0].at), (&bare, &None, at(1)));
    assert_eq!((&rows[2].finding, &rows[2].object, rows[2].source), (&finding("c"), &Some(object), f.source));
    let rest = read.findings(f.scope, rows[0].number, 1).unwrap();
    assert_eq!(rest, [rows[1].clone()]);
    let newest = |least, before, limit| read.newest_findings(f.scope, least, before, limit).unwrap();
    assert_eq!(newest(Severity::Note, None, 2), [rows[2].clone(), rows[1].clone()]);
    assert_eq!(newest(Severity::Note, Some(rows[2].number), 1), [rows[1].clone()]);
    assert_eq!(newest(Severity::Error, None, 10), [rows[0].clone()], "what is milder is left out");
}
