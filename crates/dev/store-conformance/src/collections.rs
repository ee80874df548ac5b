//! Collections: dates added, pages, first and last versions, leaving.

use model::{CollectionId, Label, StixId, Tlp, VersionId};
use ports::{NewVersion, PageFilter, Store, StoreError, VersionMatch};

use crate::fixture::{Fixture, at, collection, id};

fn versions(versions: &[VersionMatch]) -> PageFilter {
    PageFilter { versions: versions.to_vec(), ..Default::default() }
}

/// The date added is the present, but later than any before it in the collection, also when the clock goes back.
pub fn dates_added_never_go_back(store: &dyn Store) {
    let f = Fixture::new(store);
    for (number, now) in [1000, 1000, 400, 5000, 1].into_iter().enumerate() {
        let tool = id("tool", number as u128);
        let collections = if number == 2 { vec![f.own, f.feed] } else { vec![f.own] };
        f.put(store, now, &NewVersion { collections, ..f.version(&tool, 7, "x") });
    }
    let added = |collection| -> Vec<i64> {
        let all = f.pages(store, collection, &PageFilter::default(), 2);
        all.into_iter().map(|(_, _, added)| added).collect()
    };
    assert_eq!(added(f.own), [1000, 1001, 1002, 5000, 5001]);
    assert_eq!(added(f.feed), [400], "each collection has dates of its own");
    store.transact(|tx| tx.remove(f.scope, at(2), f.own, &id("tool", 4), None)).unwrap();
    f.put(store, 3, &NewVersion { collections: vec![f.own], ..f.version(&id("tool", 9), 7, "x") });
    assert_eq!(added(f.own), [1000, 1001, 1002, 5000, 5002], "a date is never given twice");
}

/// Whatever the page size, and although everything was accepted at one instant, each entry is seen once.
pub fn pages_neither_skip_nor_repeat(store: &dyn Store) {
    let f = Fixture::new(store);
    store
        .transact(|tx| {
            (0..57).try_for_each(|number| {
                let tool = id("tool", number);
                let new = NewVersion { collections: vec![f.own], ..f.version(&tool, 7, "x") };
                tx.put(f.scope, at(1_000_000), &new).map(drop)
            })
        })
        .unwrap();
    let expect: Vec<StixId> = (0..57).map(|number| id("tool", number)).collect();
    for limit in [1, 2, 7, 56, 57, 58, 1000] {
        let seen: Vec<StixId> =
            f.pages(store, f.own, &PageFilter::default(), limit).into_iter().map(|(id, ..)| id).collect();
        assert_eq!(seen, expect, "{limit} at a time");
    }
    let read = store.read().unwrap();
    let page = read.page(f.scope, f.own, &PageFilter::default(), None, 57, true).unwrap();
    assert!(!page.more, "exactly the rest is not more");
    assert!(page.entries.iter().all(|entry| entry.content == Some(("x".to_owned(), None))));
    let after = |added_after, after| {
        let filter = PageFilter { added_after, ..Default::default() };
        read.page(f.scope, f.own, &filter, after, 100, false).unwrap().entries.len()
    };
    assert_eq!(after(Some(at(1_000_000)), None), 56, "after is exclusive");
    assert_eq!(after(Some(at(1_000_000)), Some(at(1_000_010))), 46);
    assert_eq!(after(Some(at(1_000_010)), Some(at(1_000_000))), 46);
    assert_eq!(after(Some(at(9_000_000)), None), 0);
}

/// When a newer version enters, the one before is the last no more; an older one entering late changes nothing.
pub fn newer_versions_take_the_last_place(store: &dyn Store) {
    let f = Fixture::new(store);
    let (a, b) = (id("tool", 1), id("tool", 2));
    let put = |id: &StixId, now, version, latest, collections: &[CollectionId]| {
        let new = NewVersion { latest, collections: collections.to_vec(), ..f.version(id, version, "x") };
        f.put(store, now, &new);
    };
    put(&a, 100, 20, true, &[f.own, f.public]);
    put(&b, 101, 20, true, &[f.own]);
    put(&a, 102, 30, true, &[f.own]);
    put(&a, 103, 10, false, &[f.own]);
    let seen = |filter: &PageFilter| -> Vec<(StixId, i64, i64)> { f.pages(store, f.own, filter, 2) };
    assert_eq!(seen(&PageFilter::default()), [(b.clone(), 20, 101), (a.clone(), 30, 102)]);
    assert_eq!(seen(&versions(&[VersionMatch::First])), [(b.clone(), 20, 101), (a.clone(), 10, 103)]);
    let all = [(a.clone(), 20, 100), (b.clone(), 20, 101), (a.clone(), 30, 102), (a.clone(), 10, 103)];
    assert_eq!(seen(&versions(&[VersionMatch::All])), all);
    let exact = versions(&[VersionMatch::Exact(at(20))]);
    assert_eq!(seen(&exact), [(a.clone(), 20, 100), (b.clone(), 20, 101)]);
    let mixed = versions(&[VersionMatch::First, VersionMatch::Last, VersionMatch::Exact(at(99))]);
    assert_eq!(seen(&mixed), [(b, 20, 101), (a.clone(), 30, 102), (a, 10, 103)]);
    assert_eq!(f.last_versions(store, f.public), [], "what is not current is not shown as current");
}

/// Filters by id, type and specification, alone and together.
pub fn filters_select(store: &dyn Store) {
    let f = Fixture::new(store);
    for number in 0..12 {
        let id = id(["tool", "malware", "x-odd"][number % 3], number as u128);
        f.put(store, number as i64, &NewVersion { collections: vec![f.own], ..f.version(&id, 7, "x") });
        if number < 3 {
            f.put(store, 50, &NewVersion { collections: vec![f.own], ..f.version(&id, 8, "y") });
        }
    }
    let count = |filter: &PageFilter| {
        let seen = f.pages(store, f.own, filter, 3);
        assert_eq!(seen, f.pages(store, f.own, filter, 100));
        assert!(seen.is_sorted_by_key(|(_, _, added)| *added));
        seen.len()
    };
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let types = |all: &[&str]| PageFilter { types: names(all), ..Default::default() };
    let ids = |ids: &[StixId]| PageFilter { ids: ids.to_vec(), ..Default::default() };
    let specs = |all: &[&str]| PageFilter { spec_versions: names(all), ..Default::default() };
    assert_eq!((count(&types(&["tool"])), count(&types(&["tool", "x-odd"]))), (4, 8));
    assert_eq!(count(&types(&["never-seen"])), 0);
    let (first, second, absent) = (id("tool", 0), id("malware", 1), id("tool", 99));
    assert_eq!(count(&ids(&[first.clone(), second, first.clone(), absent.clone()])), 2);
    assert_eq!(count(&ids(&[absent])), 0);
    assert_eq!(
        count(&PageFilter { versions: vec![VersionMatch::All], ..ids(std::slice::from_ref(&first)) }),
        2
    );
    assert_eq!(count(&PageFilter { types: names(&["malware"]), ..ids(&[first]) }), 0);
    assert_eq!(
        (count(&specs(&["2.1"])), count(&specs(&["2.0"])), count(&specs(&["2.0", "2.1"]))),
        (12, 0, 12)
    );
    let page = store.read().unwrap().page(f.scope, f.own, &types(&["tool"]), None, 0, false).unwrap();
    assert!(page.entries.is_empty() && page.more);
}

/// An object enrolled later gets the date on which it was, and only once.
pub fn enrolling_gives_a_new_date(store: &dyn Store) {
    let f = Fixture::new(store);
    let tool = id("tool", 1);
    f.put(store, 100, &NewVersion { collections: vec![f.own], ..f.version(&tool, 10, "1") });
    let (second, _) =
        f.put(store, 200, &NewVersion { collections: vec![f.own], ..f.version(&tool, 20, "2") });
    let enroll = |now, version| store.transact(|tx| tx.enroll(f.scope, at(now), version, f.feed));
    for now in [300, 400] {
        enroll(now, second).unwrap();
    }
    let all = versions(&[VersionMatch::All]);
    assert_eq!(f.pages(store, f.feed, &all, 9), [(tool.clone(), 20, 300)]);
    // What was taken out on purpose is not put back by being delivered again; a new version is another matter.
    store.transact(|tx| tx.remove(f.scope, at(500), f.feed, &tool, None)).unwrap();
    enroll(600, second).unwrap();
    assert_eq!(f.pages(store, f.feed, &all, 9), []);
    f.put(store, 700, &NewVersion { collections: vec![f.feed], ..f.version(&tool, 30, "3") });
    assert_eq!(f.pages(store, f.feed, &all, 9), [(tool.clone(), 30, 700)]);
    let missing = enroll(1, VersionId(i64::MAX));
    assert!(matches!(missing, Err(StoreError::Missing(_))), "{missing:?}");
}

/// In a collection a version is one entry: the fuller rendition takes the narrower one's place.
pub fn fuller_rendition_replaces_narrower(store: &dyn Store) {
    let f = Fixture::new(store);
    let tool = id("tool", 1);
    let both = || vec![f.own, f.feed];
    let narrow = NewVersion { rendition: 5, collections: both(), ..f.version(&tool, 10, "narrow") };
    f.put(store, 100, &narrow);
    f.put(store, 200, &NewVersion { collections: vec![f.own], ..f.version(&tool, 10, "full") });
    let narrower =
        NewVersion { rendition: 6, latest: false, collections: both(), ..f.version(&tool, 10, "narrower") };
    f.put(store, 300, &narrower);
    let all = versions(&[VersionMatch::All]);
    let read = store.read().unwrap();
    let texts = |collection| -> Vec<(i64, String)> {
        let page = read.page(f.scope, collection, &all, None, 9, true).unwrap();
        page.entries.into_iter().map(|entry| (entry.added.as_micros(), entry.content.unwrap().0)).collect()
    };
    assert_eq!(texts(f.own), [(200, "full".to_owned())]);
    assert_eq!(texts(f.feed), [(100, "narrow".to_owned())]);
}

/// TAXII DELETE takes an object, or one version of it, out of one collection and leaves the store alone.
pub fn removal_is_local(store: &dyn Store) {
    let f = Fixture::new(store);
    let tool = id("tool", 1);
    for version in [10, 20, 30] {
        let collections = vec![f.own, f.feed];
        f.put(store, version, &NewVersion { collections, ..f.version(&tool, version, "x") });
    }
    let remove = |version: Option<i64>| {
        store.transact(|tx| tx.remove(f.scope, at(99), f.own, &tool, version.map(at))).unwrap()
    };
    assert_eq!((remove(Some(30)), remove(Some(30))), (1, 0));
    assert_eq!(f.last_versions(store, f.own), [(tool.clone(), 20)], "the one before is the last again");
    assert_eq!((remove(None), remove(None)), (2, 0));
    assert_eq!(f.last_versions(store, f.own), []);
    assert_eq!(f.last_versions(store, f.feed), [(tool.clone(), 30)]);
    assert_eq!(store.read().unwrap().versions(f.scope, &tool).unwrap().len(), 3);
    assert_eq!(store.transact(|tx| tx.remove(f.scope, at(99), f.own, &id("tool", 2), None)).unwrap(), 0);
}

/// Once the newest version is not public, no older one stands for it there.
pub fn what_is_no_longer_public_leaves(store: &dyn Store) {
    let f = Fixture::new(store);
    let tool = id("tool", 1);
    f.put(store, 100, &NewVersion { collections: vec![f.own, f.public], ..f.version(&tool, 10, "1") });
    let older = NewVersion { latest: false, collections: vec![f.own], ..f.version(&tool, 5, "0") };
    f.put(store, 150, &older);
    assert_eq!(f.last_versions(store, f.public), [(tool.clone(), 10)], "history changes nothing");
    f.put(store, 200, &NewVersion { collections: vec![f.own], ..f.version(&tool, 20, "2") });
    assert_eq!(f.last_versions(store, f.public), []);
    f.put(store, 300, &NewVersion { collections: vec![f.own, f.public], ..f.version(&tool, 30, "3") });
    assert_eq!(f.last_versions(store, f.public), [(tool, 30)]);
}

/// A narrowed version leaves the public collection, and comes again, as narrow as it is, in the others.
pub fn narrowing_leaves_public(store: &dyn Store) {
    let f = Fixture::new(store);
    let tool = id("tool", 1);
    let collections = || vec![f.own, f.public];
    f.put(store, 100, &NewVersion { collections: collections(), ..f.version(&tool, 10, "1") });
    let (version, _) =
        f.put(store, 200, &NewVersion { collections: collections(), ..f.version(&tool, 20, "2") });
    let amber = Label::Tlp(Tlp::Amber);
    store.transact(|tx| tx.relabel(f.scope, at(300), version, amber)).unwrap();
    let read = store.read().unwrap();
    let stored = read.object(f.scope, &tool, None).unwrap().unwrap();
    assert_eq!((stored.label, stored.overlay, stored.raw.as_str()), (amber, Some(amber), "2"));
    let page = read.page(f.scope, f.own, &PageFilter::default(), Some(at(200)), 9, true).unwrap();
    assert_eq!(page.entries.len(), 1, "followers of the collection learn of it");
    assert_eq!(
        (page.entries[0].added, &page.entries[0].content),
        (at(300), &Some(("2".to_owned(), Some(amber))))
    );
    drop(read);
    assert_eq!(f.last_versions(store, f.public), [(tool, 10)]);
}

/// A version that is given a new date comes again in every collection it is in, and nothing else changes.
pub fn a_new_date_brings_a_version_again(store: &dyn Store) {
    let f = Fixture::new(store);
    let (tool, other) = (id("tool", 1), id("tool", 2));
    let new =
        |id, modified, raw| NewVersion { collections: vec![f.own, f.public], ..f.version(id, modified, raw) };
    f.put(store, 100, &new(&tool, 10, "1"));
    let (version, seq) = f.put(store, 200, &new(&tool, 20, "2"));
    f.put(store, 300, &new(&other, 10, "3"));
    store.transact(|tx| tx.redate(f.scope, at(400), version)).unwrap();
    let read = store.read().unwrap();
    for collection in [f.own, f.public] {
        let page = read.page(f.scope, collection, &PageFilter::default(), Some(at(300)), 9, true).unwrap();
        assert_eq!(page.entries.len(), 1);
        assert_eq!(
            (page.entries[0].added, &page.entries[0].content),
            (at(400), &Some(("2".to_owned(), None)))
        );
        let whole = read.page(f.scope, collection, &PageFilter::default(), None, 9, false).unwrap();
        assert_eq!(whole.entries.len(), 2, "each object once");
    }
    assert_eq!(read.journal(f.scope.tenant, seq, 9).unwrap().len(), 1, "of the other object alone");
    drop(read);
    let missing = store.transact(|tx| tx.redate(f.scope, at(500), VersionId(99_999)));
    assert!(matches!(missing, Err(StoreError::Missing(_))));
}

/// A label is never widened.
pub fn widening_does_nothing(store: &dyn Store) {
    let f = Fixture::new(store);
    let tool = id("tool", 1);
    let red = Label::Tlp(Tlp::Red);
    let (version, seq) = f.put(store, 1, &NewVersion { label: red, ..f.version(&tool, 10, "1") });
    for label in [Label::CLEAR, red] {
        store.transact(|tx| tx.relabel(f.scope, at(2), version, label)).unwrap();
    }
    let read = store.read().unwrap();
    let stored = read.object(f.scope, &tool, None).unwrap().unwrap();
    assert_eq!((stored.label, stored.overlay, read.head(f.scope.tenant).unwrap()), (red, None, seq));
}

/// A collection that is not there is said to be missing.
pub fn unknown_collections_are_missing(store: &dyn Store) {
    let f = Fixture::new(store);
    let unknown = collection(404);
    let page = store.read().unwrap().page(f.scope, unknown, &PageFilter::default(), None, 1, false);
    assert!(matches!(page, Err(StoreError::Missing(_))), "{page:?}");
    let tool = id("tool", 1);
    let put = f.try_put(store, 1, &NewVersion { collections: vec![unknown], ..f.version(&tool, 1, "x") });
    assert!(matches!(put, Err(StoreError::Missing(_))), "{put:?}");
    assert!(store.read().unwrap().object(f.scope, &tool, None).unwrap().is_none(), "nothing stays of it");
}
