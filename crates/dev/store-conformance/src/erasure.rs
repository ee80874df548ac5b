//! Erasure as seen through the port; that no byte is left is each backend's own test.

use model::{Finding, Seq, Severity};
use observable::{Kind, normalise};
use ports::{Edge, HeldDecision, NewVersion, ObjectFilter, PageFilter, SearchDocument, Store};

use crate::fixture::{Fixture, at, id};

/// After erasure no reading method knows the object, nor what was said about it.
pub fn erased_is_gone(store: &dyn Store) {
    let f = Fixture::new(store);
    let (doomed, other) = (id("malware", 1), id("malware", 2));
    let domain = normalise(Kind::Domain, "doomed.example").unwrap();
    let finding = |about: &str| Finding::new(Severity::Warning, "test/rule", "/name", about);
    for (now, version) in [(1, 10), (2, 20)] {
        let new = NewVersion {
            observables: vec![domain.clone()],
            edges: vec![Edge { name: "x_ref".to_owned(), target: other.clone() }],
            collections: vec![f.own],
            findings: vec![finding("the name `doomed` is odd")],
            ..f.version(&doomed, version, "doomed")
        };
        f.put(store, now, &new);
    }
    let (version, seq) =
        f.put(store, 3, &NewVersion { collections: vec![f.own], ..f.version(&other, 10, "y") });
    store
        .transact(|tx| {
            let latest = tx.existing(f.scope, &doomed, Some(at(20)))?.same[0].version_id;
            let document = |version_id, title: &str| SearchDocument {
                version_id,
                title: title.to_owned(),
                body: String::new(),
            };
            tx.index(f.scope.tenant, seq, &[document(latest, "doomed"), document(version, "other")])?;
            tx.hold(f.scope, at(4), f.source, &doomed, "held doomed", &[finding("held")])?;
            let mention = finding(&format!("`{doomed}` is referred to"));
            tx.add_findings(f.scope, at(5), f.source, Some(&other), &[mention, finding("another matter")])
        })
        .unwrap();
    assert_eq!(store.transact(|tx| tx.erase(f.scope, at(6), &doomed)).unwrap(), 2);
    store.scrub().unwrap();
    let read = store.read().unwrap();
    assert!(read.object(f.scope, &doomed, None).unwrap().is_none());
    assert!(read.object(f.scope, &doomed, Some(at(10))).unwrap().is_none());
    assert!(read.versions(f.scope, &doomed).unwrap().is_empty());
    assert!(read.by_observable(f.scope, &domain, 9).unwrap().is_empty());
    assert!(read.edges(f.scope, &other, 9).unwrap().is_empty());
    assert!(read.search(f.scope, "doomed", 9).unwrap().is_empty());
    assert_eq!(read.search(f.scope, "other", 9).unwrap().len(), 1);
    assert!(read.held(f.scope, true, 9).unwrap().is_empty());
    assert_eq!(f.pages(store, f.own, &PageFilter::default(), 9).len(), 1);
    let all = ObjectFilter { all_versions: true, ..Default::default() };
    assert_eq!(read.objects(f.scope, &all, None, 9).unwrap().len(), 1);
    let findings = read.findings(f.scope, 0, 9).unwrap();
    assert_eq!(
        findings.iter().map(|row| row.finding.message.as_str()).collect::<Vec<_>>(),
        ["another matter"]
    );
    let counts = read.counts(f.scope.tenant).unwrap();
    assert_eq!((counts.objects, counts.versions, counts.held), (1, 1, 0));
    assert!(read.journal(f.scope.tenant, Seq(0), 9).is_ok(), "the journal has no gap");
}

/// What was erased is known to have been, for ever, to whoever would store it again.
pub fn tombstones_outrank_replay(store: &dyn Store) {
    let f = Fixture::new(store);
    let tool = id("tool", 1);
    f.put(store, 1, &f.version(&tool, 10, "x"));
    let erased = |id| store.transact(|tx| tx.existing(f.scope, id, Some(at(10)))).unwrap();
    assert!(!erased(&tool).erased);
    store.transact(|tx| tx.erase(f.scope, at(2), &tool)).unwrap();
    let after = erased(&tool);
    assert!(after.erased && after.latest.is_none() && after.same.is_empty());
    store.scrub().unwrap();
    store.transact(|tx| tx.compact(f.scope.tenant, Seq(99))).unwrap();
    assert!(erased(&tool).erased, "also when the journal has forgotten");
    assert!(!erased(&id("tool", 2)).erased);
    assert_eq!(store.transact(|tx| tx.erase(f.scope, at(3), &tool)).unwrap(), 0);
}

/// Something may be barred before it ever comes.
pub fn erasing_the_unknown_bars_it(store: &dyn Store) {
    let f = Fixture::new(store);
    let tool = id("tool", 1);
    for _ in 0..2 {
        assert_eq!(store.transact(|tx| tx.erase(f.scope, at(2), &tool)).unwrap(), 0);
    }
    assert!(store.transact(|tx| tx.existing(f.scope, &tool, None)).unwrap().erased);
    assert_eq!(store.read().unwrap().head(f.scope.tenant).unwrap(), Seq(1), "told once");
}

/// What others say about an erased object is theirs, and a held copy goes even when it was decided on.
pub fn references_survive_erasure(store: &dyn Store) {
    let f = Fixture::new(store);
    let (report, tool) = (id("report", 1), id("tool", 2));
    let edges = vec![Edge { name: "object_refs".to_owned(), target: tool.clone() }];
    f.put(store, 1, &NewVersion { edges, ..f.version(&report, 10, "r") });
    f.put(store, 2, &f.version(&tool, 10, "t"));
    store
        .transact(|tx| {
            let held = tx.hold(f.scope, at(3), f.source, &tool, "t2", &[])?;
            let decision =
                HeldDecision { released: true, author: "a".to_owned(), reason: "r".to_owned(), at: at(4) };
            tx.decide(f.scope, held, &decision)?;
            tx.erase(f.scope, at(5), &tool)
        })
        .unwrap();
    store.scrub().unwrap();
    let read = store.read().unwrap();
    assert_eq!(read.edges(f.scope, &report, 9).unwrap().len(), 1);
    assert!(read.held(f.scope, true, 9).unwrap().is_empty());
    drop(read);
    assert_eq!(store.transact(|tx| tx.erase(f.scope, at(6), &report)).unwrap(), 1);
    store.scrub().unwrap();
    assert!(store.read().unwrap().edges(f.scope, &tool, 9).unwrap().is_empty());
}
