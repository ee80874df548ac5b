//! Full-text search.

use model::{Seq, StixId, VersionId, World};
use ports::{NewVersion, Scope, SearchDocument, Store};

use crate::fixture::{Fixture, TENANT, at, id};

fn document(version_id: VersionId, title: &str, body: &str) -> SearchDocument {
    SearchDocument { version_id, title: title.to_owned(), body: body.to_owned() }
}

fn find(store: &dyn Store, f: &Fixture, query: &str) -> Vec<StixId> {
    let mut ids: Vec<StixId> =
        store.read().unwrap().search(f.scope, query, 10).unwrap().into_iter().map(|hit| hit.id).collect();
    ids.sort();
    ids
}

/// The index may lag and shows by how much; what has been replaced or is gone never comes back through it.
pub fn search_follows_its_cursor(store: &dyn Store) {
    let f = Fixture::new(store);
    let (a, b) = (id("malware", 1), id("malware", 2));
    let (first, _) = f.put(store, 1, &f.version(&a, 10, "1"));
    let (second, seq) = f.put(store, 2, &f.version(&b, 10, "2"));
    let index = |up_to, documents: &[SearchDocument]| {
        store.transact(|tx| tx.index(TENANT, up_to, documents)).unwrap();
    };
    let cursor = || store.read().unwrap().counts(TENANT).unwrap().search_cursor;
    assert_eq!((find(store, &f, "emotet").len(), cursor()), (0, 0));
    index(seq, &[document(first, "Emotet", "a loader"), document(second, "TrickBot", "drops Emotet")]);
    assert_eq!((find(store, &f, "emotet"), cursor()), (vec![a.clone(), b.clone()], 2));
    // A newer version, and an indexer that has not noticed: the old words go when the new ones come.
    let (third, seq) = f.put(store, 3, &f.version(&a, 20, "3"));
    index(seq, &[document(first, "stale", "stale"), document(third, "Heodo", "")]);
    assert_eq!(find(store, &f, "emotet"), [b]);
    assert_eq!((find(store, &f, "stale"), find(store, &f, "heodo")), (vec![], vec![a]));
    // Twice is once.
    index(seq, &[document(third, "Heodo", "")]);
    assert_eq!(find(store, &f, "heodo").len(), 1);
    index(Seq(9), &[document(VersionId(404), "nothing", "")]);
    assert_eq!((find(store, &f, "heodo").len(), find(store, &f, "nothing").len(), cursor()), (1, 0, 9));
}

/// Whatever a person types is a query, not an error; hits show where they hit.
pub fn search_understands_people(store: &dyn Store) {
    let f = Fixture::new(store);
    let (a, b) = (id("malware", 1), id("indicator", 2));
    let (first, _) = f.put(store, 1, &f.version(&a, 10, "1"));
    let (second, seq) = f.put(store, 2, &f.version(&b, 10, "2"));
    let documents = [
        document(first, "Cobalt Strike", "beacon talks to 10.0.0.1 over https, café"),
        document(second, "Strike indicator", "cobalt-blue; 192.0.2.7"),
    ];
    store.transact(|tx| tx.index(TENANT, seq, &documents)).unwrap();
    let check = |query: &str, expect: &[&StixId]| {
        let mut expect: Vec<StixId> = expect.iter().map(|id| (*id).clone()).collect();
        expect.sort();
        assert_eq!(find(store, &f, query), expect, "{query}");
    };
    check("strike", &[&a, &b]);
    check("STRIKE beacon", &[&a]);
    check("\"cobalt strike\"", &[&a]);
    check("\"strike cobalt\"", &[]);
    check("bea*", &[&a]);
    check("bea", &[]);
    check("10.0.0.1", &[&a]);
    check("192.0.2.7", &[&b]);
    check("cafe", &[&a]);
    for odd in
        ["", "   ", "\"", "AND", "NOT (", "a:b", "* *", "-", "title:strike", "{}", "'; --", "NEAR(a b)"]
    {
        let _ = find(store, &f, odd);
    }
    let hits = store.read().unwrap().search(f.scope, "beacon", 10).unwrap();
    assert_eq!(hits[0].title, "Cobalt Strike");
    assert!(hits[0].snippet.contains("[beacon]"), "{}", hits[0].snippet);
    assert_eq!(store.read().unwrap().search(f.scope, "strike", 1).unwrap().len(), 1);
}

/// Nothing is found in another world or for another tenant.
pub fn search_keeps_to_its_scope(store: &dyn Store) {
    let f = Fixture::new(store);
    let exercise = Scope { world: World::Exercise(1), ..f.scope };
    let tool = id("tool", 1);
    let new = NewVersion { source: f.source, ..f.version(&tool, 1, "x") };
    store
        .transact(|tx| {
            let (version, seq) = tx.put(exercise, at(1), &new)?;
            tx.index(TENANT, seq, &[document(version, "canary", "")])
        })
        .unwrap();
    let read = store.read().unwrap();
    let elsewhere = Scope { tenant: model::Tenant(2), ..exercise };
    let hits = |scope| read.search(scope, "canary", 9).unwrap().len();
    assert_eq!((hits(f.scope), hits(exercise), hits(elsewhere)), (0, 1, 0));
}
