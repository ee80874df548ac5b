//! Objects, versions, renditions, facets, values and references.

use model::{Label, SourceId, StixId, Tenant, Timestamp, Tlp, VersionId, World};
use observable::{Kind, Observable, normalise};
use ports::{Edge, GraphEdge, Latest, NewVersion, ObjectFilter, RELATIONSHIP, Scope, Store, StoreError};

use crate::fixture::{Fixture, at, id};

fn domain(name: &str) -> Observable {
    normalise(Kind::Domain, name).unwrap()
}

fn edge(name: &str, target: &StixId) -> Edge {
    Edge { name: name.to_owned(), target: target.clone() }
}

fn graph(source: &StixId, name: &str, target: &StixId) -> GraphEdge {
    GraphEdge { source: source.clone(), name: name.to_owned(), target: target.clone() }
}

fn edges(store: &dyn Store, scope: Scope, id: &StixId) -> Vec<GraphEdge> {
    let mut edges = store.read().unwrap().edges(scope, id, 100).unwrap();
    edges.sort();
    edges
}

/// What is put comes back, facet by facet.
pub fn put_and_get(store: &dyn Store) {
    let f = Fixture::new(store);
    let (malware, creator) = (id("malware", 7), id("identity", 9));
    let new = NewVersion {
        created_by: Some(&creator),
        revoked: true,
        confidence: Some(85),
        label: Label::Tlp(Tlp::Green),
        overlay: Some(Label::Tlp(Tlp::Green)),
        ..f.version(&malware, 50, r#"{"type":"malware"}"#)
    };
    let (version, seq) = f.put(store, 1000, &new);
    let read = store.read().unwrap();
    let stored = read.object(f.scope, &malware, None).unwrap().unwrap();
    assert_eq!((stored.version_id, stored.seq), (version, seq));
    assert_eq!((&stored.id, stored.version, stored.rendition), (&malware, at(50), 0));
    assert_eq!(stored.raw, r#"{"type":"malware"}"#);
    assert_eq!((stored.label, stored.overlay), (Label::Tlp(Tlp::Green), Some(Label::Tlp(Tlp::Green))));
    assert_eq!((stored.source, stored.accepted), (f.source, at(1000)));
    assert!(stored.revoked && stored.latest);
    assert_eq!(read.version(f.scope, version).unwrap().unwrap().id, malware);
    assert!(read.version(f.scope, VersionId(999)).unwrap().is_none());
    assert!(read.object(f.scope, &id("malware", 8), None).unwrap().is_none());
    assert!(read.object(f.scope, &id("tool", 7), None).unwrap().is_none(), "a type is part of an id");
    drop(read);
    let newest = store.transact(|tx| tx.newest(f.scope, &malware)).unwrap();
    assert_eq!(newest.as_deref(), Some(r#"{"type":"malware"}"#));
    assert_eq!(store.transact(|tx| tx.newest(f.scope, &creator)).unwrap(), None, "referred to is not stored");
}

/// History is kept; an older version arriving late does not become the newest.
pub fn versions_in_order(store: &dyn Store) {
    let f = Fixture::new(store);
    let tool = id("tool", 1);
    f.put(store, 1, &f.version(&tool, 20, "two"));
    f.put(store, 2, &f.version(&tool, 30, "three"));
    f.put(store, 3, &NewVersion { latest: false, ..f.version(&tool, 10, "one") });
    let read = store.read().unwrap();
    let all: Vec<(String, bool)> =
        read.versions(f.scope, &tool).unwrap().into_iter().map(|v| (v.raw, v.latest)).collect();
    assert_eq!(all, [("one".to_owned(), false), ("two".to_owned(), false), ("three".to_owned(), true)]);
    assert_eq!(read.object(f.scope, &tool, None).unwrap().unwrap().raw, "three");
    assert_eq!(read.object(f.scope, &tool, Some(at(10))).unwrap().unwrap().raw, "one");
    assert!(read.object(f.scope, &tool, Some(at(11))).unwrap().is_none());
}

/// Renditions of one version live side by side; the full one answers for the version.
pub fn renditions_side_by_side(store: &dyn Store) {
    let f = Fixture::new(store);
    let tool = id("tool", 1);
    f.put(store, 1, &NewVersion { rendition: 77, ..f.version(&tool, 20, "narrow") });
    f.put(store, 2, &f.version(&tool, 20, "full"));
    let read = store.read().unwrap();
    assert_eq!(read.versions(f.scope, &tool).unwrap().len(), 2);
    assert_eq!(read.object(f.scope, &tool, Some(at(20))).unwrap().unwrap().raw, "full");
    assert_eq!(read.object(f.scope, &tool, None).unwrap().unwrap().raw, "full");
    drop(read);
    let existing = store.transact(|tx| tx.existing(f.scope, &tool, Some(at(20)))).unwrap();
    let same: Vec<(u32, &str)> = existing.same.iter().map(|r| (r.rendition, r.raw.as_str())).collect();
    assert_eq!(same, [(0, "full"), (77, "narrow")]);
}

/// The same rendition of the same version is refused, and nothing of the attempt stays.
pub fn same_version_twice_is_refused(store: &dyn Store) {
    let f = Fixture::new(store);
    let tool = id("tool", 1);
    f.put(store, 1, &f.version(&tool, 20, "two"));
    let again = f.try_put(store, 2, &f.version(&tool, 20, "other"));
    assert!(matches!(again, Err(StoreError::Exists(_))), "{again:?}");
    let read = store.read().unwrap();
    assert_eq!(read.object(f.scope, &tool, None).unwrap().unwrap().raw, "two");
    assert_eq!(read.head(f.scope.tenant).unwrap().0, 1);
}

/// Decisions see the newest version's facts, the first source and the renditions of the version in question.
pub fn existing_tells_what_a_decision_needs(store: &dyn Store) {
    let f = Fixture::new(store);
    let (tool, creator) = (id("tool", 1), id("identity", 9));
    let none = store.transact(|tx| tx.existing(f.scope, &tool, Some(at(20)))).unwrap();
    assert_eq!((none.latest, none.same.len(), none.erased), (None, 0, false));
    f.put(store, 1, &NewVersion { created_by: Some(&creator), ..f.version(&tool, 20, "two") });
    let three = NewVersion {
        source: SourceId(0),
        created: Some(at(5)),
        revoked: true,
        label: Label::Tlp(Tlp::Amber),
        ..f.version(&tool, 30, "three")
    };
    f.put(store, 2, &three);
    let seen = store.transact(|tx| tx.existing(f.scope, &tool, Some(at(20)))).unwrap();
    let latest = Latest {
        version: at(30),
        created: Some(at(5)),
        revoked: true,
        created_by: None,
        first_source: f.source,
    };
    assert_eq!(seen.latest, Some(latest));
    assert_eq!(seen.same.len(), 1);
    assert_eq!((seen.same[0].raw.as_str(), seen.same[0].label), ("two", Label::CLEAR));
    f.put(store, 3, &NewVersion { created_by: Some(&creator), ..f.version(&tool, 40, "four") });
    let seen = store.transact(|tx| tx.existing(f.scope, &tool, Some(at(99)))).unwrap();
    assert_eq!((seen.latest.unwrap().created_by, seen.same.len()), (Some(creator), 0));
}

/// Of an object without versions of its own, the most recent ones are compared.
pub fn unversioned_objects_keep_recent_versions(store: &dyn Store) {
    let f = Fixture::new(store);
    let address = id("ipv4-addr", 1);
    for accepted in 0..20 {
        let raw = format!("v{accepted}");
        f.put(store, accepted, &NewVersion { created: None, ..f.version(&address, accepted, &raw) });
    }
    let seen = store.transact(|tx| tx.existing(f.scope, &address, None)).unwrap();
    assert_eq!(seen.same.len(), 16);
    assert_eq!((seen.same[0].raw.as_str(), seen.same[15].raw.as_str()), ("v19", "v4"));
}

/// Every byte of the text survives, whatever it is, and however long.
pub fn raw_text_is_faithful(store: &dyn Store) {
    let f = Fixture::new(store);
    let odd = "{\"a\": 1.0E+2,\t\"ü\":\"\u{2028}\u{10ffff}\\u0000\",\r\n \"z\": \"2017-01-01T00:00:00.000000000Z\"}";
    let long = "x".repeat(3 * 1024 * 1024);
    for (number, raw) in [odd, "", "'; DROP TABLE object; --", long.as_str()].into_iter().enumerate() {
        let note = id("note", number as u128);
        f.put(store, 1, &f.version(&note, 1, raw));
        assert!(
            store.read().unwrap().object(f.scope, &note, None).unwrap().unwrap().raw == raw,
            "raw {number}"
        );
    }
}

/// Listings can be narrowed by every facet, in order of acceptance, in steps.
pub fn facets_filter(store: &dyn Store) {
    let f = Fixture::new(store);
    let kinds = ["malware", "tool", "x-y"];
    for number in 0..30_u8 {
        let id = id(kinds[usize::from(number % 3)], number.into());
        let new = NewVersion {
            label: Label::from_rank(number % 6),
            source: SourceId(u32::from(number % 2)),
            observables: vec![domain(if number < 10 { "a.example" } else { "b.example" })],
            ..f.version(&id, 1, "old")
        };
        f.put(store, 1, &new);
        if number % 10 == 0 {
            f.put(store, 2, &NewVersion { version: at(2), raw: "new", ..new });
        }
    }
    let count = |filter: ObjectFilter| {
        let read = store.read().unwrap();
        let all = read.objects(f.scope, &filter, None, 100).unwrap();
        // The same, three at a time.
        let mut stepped = Vec::new();
        loop {
            let step = read.objects(f.scope, &filter, stepped.last().copied(), 3).unwrap();
            if step.is_empty() {
                break;
            }
            stepped.extend(step.into_iter().map(|stored| stored.version_id));
        }
        assert_eq!(stepped, all.iter().map(|stored| stored.version_id).collect::<Vec<_>>());
        assert!(stepped.is_sorted());
        all.len()
    };
    let types = |types: &[&str]| types.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(count(ObjectFilter::default()), 30);
    assert_eq!(count(ObjectFilter { all_versions: true, ..Default::default() }), 33);
    assert_eq!(count(ObjectFilter { types: types(&["tool"]), ..Default::default() }), 10);
    assert_eq!(count(ObjectFilter { types: types(&["tool", "x-y", "absent"]), ..Default::default() }), 20);
    assert_eq!(count(ObjectFilter { types: types(&["too"]), ..Default::default() }), 0);
    assert_eq!(count(ObjectFilter { source: Some(SourceId(1)), ..Default::default() }), 15);
    assert_eq!(count(ObjectFilter { label: Some(Label::CLEAR), ..Default::default() }), 5);
    let observable = Some(domain("a.example"));
    assert_eq!(count(ObjectFilter { observable: observable.clone(), ..Default::default() }), 10);
    let both = ObjectFilter { observable, types: types(&["malware"]), ..Default::default() };
    assert_eq!(count(both), 4);
}

/// A value finds the objects whose newest version carries it: exactly it, and no longer once it is gone.
pub fn observables_follow_the_newest(store: &dyn Store) {
    let f = Fixture::new(store);
    let (first, second) = (id("indicator", 1), id("indicator", 2));
    let two = vec![domain("a.example"), domain("b.example"), domain("a.example")];
    f.put(store, 1, &NewVersion { observables: two, ..f.version(&first, 10, "1") });
    f.put(store, 2, &NewVersion { observables: vec![domain("a.example")], ..f.version(&second, 10, "2") });
    let history =
        NewVersion { observables: vec![domain("old.example")], latest: false, ..f.version(&first, 5, "0") };
    f.put(store, 3, &history);
    let find = |name| store.read().unwrap().by_observable(f.scope, &domain(name), 10).unwrap();
    assert_eq!(find("a.example"), [first.clone(), second.clone()]);
    assert_eq!(find("b.example"), std::slice::from_ref(&first));
    assert!(find("example").is_empty() && find("old.example").is_empty());
    f.put(store, 4, &NewVersion { observables: vec![domain("c.example")], ..f.version(&first, 20, "3") });
    assert_eq!((find("a.example"), find("c.example")), (vec![second], vec![first]));
    assert!(find("b.example").is_empty());
    assert_eq!(store.read().unwrap().by_observable(f.scope, &domain("a.example"), 0).unwrap(), []);
}

/// Values of what was made here are listed in order, in steps, once for each object; those of what others gave are not,
/// nor are those of what was revoked, and of other kinds, tenants and worlds.
pub fn own_values_are_those_made_here(store: &dyn Store) {
    let f = Fixture::new(store);
    let elsewhere = Scope { tenant: Tenant(2), ..f.scope };
    let exercise = Scope { world: World::Exercise(1), ..f.scope };
    let put = |scope, number, source, version, names: &[&str]| {
        let object = id("indicator", number);
        let mut observables: Vec<Observable> = names.iter().map(|name| domain(name)).collect();
        observables.extend(normalise(Kind::Ipv4, "192.0.2.1"));
        let new = NewVersion { source, observables, ..f.version(&object, version, "x") };
        store.transact(|tx| tx.put(scope, at(1), &new)).unwrap();
    };
    let (own, other) = (SourceId(0), f.source);
    // The first rows of either tenant have the same numbers, and not the same source.
    put(f.scope, 1, other, 1, &["theirs.example"]);
    put(elsewhere, 1, own, 1, &["elsewhere.example"]);
    put(f.scope, 2, own, 1, &["c.example", "a.example"]);
    put(elsewhere, 2, other, 1, &["not.example"]);
    put(f.scope, 3, own, 1, &["a.example", "b.example"]);
    put(exercise, 4, own, 1, &["played.example"]);
    put(f.scope, 5, own, 1, &["was-ours.example"]);
    put(f.scope, 5, other, 2, &["was-ours.example"]);
    let revoked = id("indicator", 6);
    let observables = vec![domain("revoked.example")];
    let new = NewVersion { source: own, revoked: true, observables, ..f.version(&revoked, 1, "x") };
    store.transact(|tx| tx.put(f.scope, at(1), &new)).unwrap();
    let kind = Kind::Domain.id();
    let own_values =
        |scope, after, limit| store.read().unwrap().own_values(scope, kind, after, limit).unwrap();
    let values = |scope, after, limit| {
        own_values(scope, after, limit).into_iter().map(|own| own.value).collect::<Vec<_>>()
    };
    let [a, b, c] = ["a.example", "b.example", "c.example"].map(|name| domain(name).key().to_owned());
    assert_eq!(
        values(f.scope, ("", 0), 9),
        [a.clone(), a.clone(), b.clone(), c.clone()],
        "once for each object"
    );
    let first = own_values(f.scope, ("", 0), 2);
    assert_eq!(
        first.iter().map(|own| &own.object).collect::<Vec<_>>(),
        [&id("indicator", 2), &id("indicator", 3)]
    );
    assert!(first.iter().all(|own| own.label == Label::CLEAR), "{first:?}");
    assert_eq!(values(f.scope, (&first[1].value, first[1].place), 9), [b, c], "after is exclusive");
    assert_eq!(
        values(f.scope, (&first[0].value, first[0].place), 1),
        [a],
        "the next object of the same value"
    );
    assert_eq!(values(elsewhere, ("", 0), 9), [domain("elsewhere.example").key()]);
    assert_eq!(values(exercise, ("", 0), 9), [domain("played.example").key()]);
    assert_eq!(store.read().unwrap().own_values(f.scope, Kind::Ipv4.id(), ("", 0), 9).unwrap().len(), 2);
}

/// References are those of the newest version, seen from both ends, whether or not the other end is stored.
pub fn edges_follow_the_newest(store: &dyn Store) {
    let f = Fixture::new(store);
    let (report, a, b) = (id("report", 1), id("malware", 2), id("malware", 3));
    let refer = |targets: &[&StixId]| targets.iter().map(|target| edge("object_refs", target)).collect();
    f.put(store, 1, &NewVersion { edges: refer(&[&a, &b, &a]), ..f.version(&report, 10, "1") });
    f.put(store, 2, &f.version(&a, 10, "a"));
    let (to_a, to_b) = (graph(&report, "object_refs", &a), graph(&report, "object_refs", &b));
    assert_eq!(edges(store, f.scope, &report), [to_a.clone(), to_b.clone()]);
    assert_eq!(edges(store, f.scope, &a), [to_a]);
    assert_eq!(edges(store, f.scope, &b), std::slice::from_ref(&to_b));
    f.put(store, 3, &NewVersion { edges: refer(&[&b]), ..f.version(&report, 20, "2") });
    assert_eq!(edges(store, f.scope, &a), []);
    assert_eq!(edges(store, f.scope, &report), [to_b]);
    assert!(store.read().unwrap().edges(f.scope, &report, 0).unwrap().is_empty());
}

/// A relationship is one edge between its ends; its other references are its own.
pub fn relationships_join_their_ends(store: &dyn Store) {
    let f = Fixture::new(store);
    let (r, actor, malware, creator) =
        (id("relationship", 1), id("threat-actor", 2), id("malware", 3), id("identity", 4));
    let references = vec![
        edge("created_by_ref", &creator),
        edge("source_ref", &actor),
        edge("target_ref", &malware),
        edge(&format!("{RELATIONSHIP}uses"), &malware),
    ];
    f.put(store, 1, &NewVersion { edges: references, ..f.version(&r, 10, "r") });
    let (uses, made) = (graph(&actor, "uses", &malware), graph(&r, "created_by_ref", &creator));
    assert_eq!(edges(store, f.scope, &actor), std::slice::from_ref(&uses));
    assert_eq!(edges(store, f.scope, &malware), std::slice::from_ref(&uses));
    assert_eq!(edges(store, f.scope, &r), [made.clone(), uses]);
    assert_eq!(edges(store, f.scope, &creator), [made]);
    // A sighting without a source joins itself to what was seen.
    let sighting = id("sighting", 5);
    let references = vec![edge(&format!("{RELATIONSHIP}sighting-of"), &malware)];
    f.put(store, 2, &NewVersion { edges: references, ..f.version(&sighting, 10, "s") });
    assert_eq!(edges(store, f.scope, &sighting), [graph(&sighting, "sighting-of", &malware)]);
    f.put(store, 3, &f.version(&r, 20, "r2"));
    assert_eq!(edges(store, f.scope, &actor), []);
}

/// What one tenant or world holds is nothing to another, journal included.
pub fn tenants_and_worlds_are_apart(store: &dyn Store) {
    let f = Fixture::new(store);
    let other = Tenant(2);
    let exercise = Scope { world: World::Exercise(3), ..f.scope };
    let elsewhere = Scope { tenant: other, ..f.scope };
    let tool = id("tool", 1);
    let new = NewVersion { observables: vec![domain("a.example")], ..f.version(&tool, 10, "real") };
    let (version, _) = f.put(store, 1, &new);
    store
        .transact(|tx| {
            tx.put(exercise, at(2), &NewVersion { raw: "exercise", ..new.clone() })?;
            tx.put(elsewhere, at(3), &NewVersion { raw: "elsewhere", ..new.clone() })
        })
        .unwrap();
    let read = store.read().unwrap();
    for (scope, raw) in [(f.scope, "real"), (exercise, "exercise"), (elsewhere, "elsewhere")] {
        assert_eq!(read.object(scope, &tool, None).unwrap().unwrap().raw, raw);
        assert_eq!(read.objects(scope, &ObjectFilter::default(), None, 9).unwrap().len(), 1);
        assert_eq!(read.by_observable(scope, &domain("a.example"), 9).unwrap(), std::slice::from_ref(&tool));
    }
    assert!(read.version(exercise, version).unwrap().is_none());
    assert_eq!((read.head(f.scope.tenant).unwrap().0, read.head(other).unwrap().0), (2, 1));
    let worlds: Vec<World> =
        read.journal(f.scope.tenant, model::Seq(0), 9).unwrap().iter().map(|row| row.world).collect();
    assert_eq!(worlds, [World::Real, World::Exercise(3)]);
    assert!(read.collections(other).unwrap().is_empty() && read.node(other).unwrap().is_none());
    drop(read);
    let erased = store.transact(|tx| tx.erase(exercise, at(4), &tool)).unwrap();
    assert_eq!(erased, 1);
    let barred = |scope| store.transact(|tx| tx.existing(scope, &tool, None)).unwrap().erased;
    assert_eq!((barred(f.scope), barred(exercise), barred(elsewhere)), (false, true, false));
}

/// Years 1 and 9999 are instants like any other.
pub fn spellings_of_time_at_the_edges(store: &dyn Store) {
    let f = Fixture::new(store);
    let tool = id("tool", 1);
    for version in [Timestamp::MIN, Timestamp::MAX] {
        f.put(store, 1, &NewVersion { version, created: Some(version), ..f.version(&tool, 0, "x") });
    }
    let read = store.read().unwrap();
    let versions: Vec<Timestamp> = read.versions(f.scope, &tool).unwrap().iter().map(|v| v.version).collect();
    assert_eq!(versions, [Timestamp::MIN, Timestamp::MAX]);
}
