//! Classes: counted over newest versions, whatever happens to them.

use std::collections::BTreeMap;

use model::{Label, StixId, Tenant, Tlp, VersionId, World};
use ports::trust::ClassCount;
use ports::{NewVersion, Scope, Store, StoreError};

use crate::fixture::{Fixture, at, id};

const AMBER: Label = Label::Tlp(Tlp::Amber);
const GREEN: Label = Label::Tlp(Tlp::Green);

fn counts(store: &dyn Store, scope: Scope) -> Vec<(String, Label, u64)> {
    let classes = store.read().unwrap().classes(scope).unwrap();
    classes.into_iter().map(|ClassCount { class, label, objects }| (class, label, objects)).collect()
}

fn count(class: &str, label: Label, objects: u64) -> (String, Label, u64) {
    (class.to_owned(), label, objects)
}

/// Only the newest version of an object counts, under its own class and its present label.
pub fn classes_count_newest_versions(store: &dyn Store) {
    let f = Fixture::new(store);
    let (one, two, three) = (id("tool", 1), id("tool", 2), id("tool", 3));
    assert!(counts(store, f.scope).is_empty());
    let a = NewVersion { class: "a", ..f.version(&one, 10, "1") };
    let (first, _) = f.put(store, 1, &a);
    f.put(store, 1, &NewVersion { class: "a", label: GREEN, ..f.version(&two, 10, "2") });
    f.put(store, 1, &NewVersion { class: "b", revoked: true, ..f.version(&three, 10, "3") });
    let clear = Label::CLEAR;
    assert_eq!(counts(store, f.scope), [count("a", GREEN, 1), count("a", clear, 1), count("b", clear, 1)]);
    // An older version arriving late, or another rendition, changes nothing; a newer one moves the object.
    f.put(store, 2, &NewVersion { class: "c", latest: false, ..f.version(&one, 5, "0") });
    f.put(store, 2, &NewVersion { class: "c", rendition: 7, latest: false, ..f.version(&one, 10, "narrow") });
    assert_eq!(counts(store, f.scope).len(), 3);
    let (newer, _) = f.put(store, 3, &NewVersion { class: "b", ..f.version(&one, 20, "11") });
    assert_eq!(counts(store, f.scope), [count("a", GREEN, 1), count("b", clear, 2)]);
    store.transact(|tx| tx.relabel(f.scope, at(4), newer, AMBER)).unwrap();
    assert_eq!(counts(store, f.scope), [count("a", GREEN, 1), count("b", AMBER, 1), count("b", clear, 1)]);
    store.transact(|tx| tx.relabel(f.scope, at(4), first, AMBER)).unwrap();
    assert_eq!(counts(store, f.scope).len(), 3, "narrowing history is no matter of counts");
    let class_of = |version| store.read().unwrap().class_of(f.scope.tenant, version).unwrap();
    assert_eq!((class_of(first).as_deref(), class_of(newer).as_deref()), (Some("a"), Some("b")));
    assert_eq!(class_of(VersionId(999)), None);
    // Narrowed in what TLP does not say: the class goes with the version, and followers are told.
    let before = store.read().unwrap().head(f.scope.tenant).unwrap();
    store.transact(|tx| tx.narrow(f.scope, at(5), newer, Label::CLEAR, "d")).unwrap();
    assert_eq!(counts(store, f.scope), [count("a", GREEN, 1), count("b", clear, 1), count("d", AMBER, 1)]);
    assert_eq!(store.transact(|tx| tx.class(f.scope.tenant, newer)).unwrap().as_deref(), Some("d"));
    let told = store.read().unwrap().journal(f.scope.tenant, before, 9).unwrap();
    assert_eq!(told.iter().map(|row| row.kind).collect::<Vec<_>>(), [ports::JournalKind::Relabel]);
    let missing = store.transact(|tx| tx.narrow(f.scope, at(5), VersionId(999), GREEN, "d"));
    assert!(matches!(missing, Err(StoreError::Missing(_))));
    assert_eq!(store.read().unwrap().class_of(Tenant(2), first).unwrap(), None);
    let exercise = Scope { world: World::Exercise(1), ..f.scope };
    let elsewhere = Scope { tenant: Tenant(2), ..f.scope };
    store
        .transact(|tx| {
            tx.put(exercise, at(5), &a)?;
            tx.put(elsewhere, at(5), &a)
        })
        .unwrap();
    assert_eq!(counts(store, exercise), [count("a", clear, 1)]);
    assert_eq!(counts(store, elsewhere), [count("a", clear, 1)]);
    assert_eq!(counts(store, f.scope).len(), 3, "other tenants and worlds count for themselves");
    for object in [&one, &two, &three] {
        store.transact(|tx| tx.erase(f.scope, at(6), object)).unwrap();
    }
    store.scrub().unwrap();
    assert!(counts(store, f.scope).is_empty());
    assert_eq!(counts(store, exercise), [count("a", clear, 1)]);
    assert_eq!(class_of(newer), None);
    // The text is known again when it comes again.
    f.put(store, 7, &NewVersion { class: "b", ..f.version(&id("tool", 4), 1, "x") });
    assert_eq!(counts(store, f.scope), [count("b", clear, 1)]);
}

/// The members of a class and label are listed in order of acceptance, in steps.
pub fn class_members_in_order_of_acceptance(store: &dyn Store) {
    let f = Fixture::new(store);
    for number in 0..20_u8 {
        let object = id("tool", number.into());
        let new = NewVersion {
            class: if number % 2 == 0 { "even" } else { "" },
            label: if number % 4 < 2 { Label::CLEAR } else { AMBER },
            ..f.version(&object, 10, "x")
        };
        f.put(store, 1, &new);
    }
    // The first becomes the last of its class, by its newer version.
    let first = id("tool", 0);
    f.put(store, 2, &NewVersion { class: "even", ..f.version(&first, 20, "new") });
    let members = |class: &str, label, after, limit| -> Vec<StixId> {
        let read = store.read().unwrap();
        let stored = read.class_members(f.scope, class, label, after, limit).unwrap();
        assert!(stored.iter().all(|stored| stored.latest && stored.label == label));
        stored.into_iter().map(|stored| stored.id).collect()
    };
    let ids =
        |numbers: &[u128]| -> Vec<StixId> { numbers.iter().map(|number| id("tool", *number)).collect() };
    assert_eq!(members("even", Label::CLEAR, None, 99), ids(&[4, 8, 12, 16, 0]));
    assert_eq!(members("even", AMBER, None, 3), ids(&[2, 6, 10]));
    assert_eq!(members("", AMBER, None, 99), ids(&[3, 7, 11, 15, 19]), "the empty text is a class too");
    assert!(members("odd", Label::CLEAR, None, 99).is_empty() && members("even", GREEN, None, 99).is_empty());
    let mut after = None;
    let mut stepped = Vec::new();
    loop {
        let step = store.read().unwrap().class_members(f.scope, "even", Label::CLEAR, after, 2).unwrap();
        let Some(last) = step.last() else { break };
        after = Some(last.version_id);
        stepped.extend(step.into_iter().map(|stored| stored.id));
    }
    assert_eq!(stepped, ids(&[4, 8, 12, 16, 0]));
}

/// Versions without a class are found, history too, and get one without anyone being told.
pub fn old_versions_are_classified(store: &dyn Store) {
    let f = Fixture::new(store);
    let (one, two) = (id("tool", 1), id("tool", 2));
    let (history, _) = f.put(store, 1, &f.version(&one, 10, "old"));
    let (newest, _) = f.put(store, 2, &f.version(&one, 20, "new"));
    let (other, _) = f.put(store, 3, &NewVersion { class: "known", ..f.version(&two, 10, "x") });
    let (third, _) = f.put(store, 4, &NewVersion { label: AMBER, ..f.version(&id("tool", 3), 10, "y") });
    let unclassified = |limit| -> Vec<(VersionId, String)> {
        let found = store.transact(|tx| tx.unclassified(f.scope, limit)).unwrap();
        found.into_iter().map(|stored| (stored.version_id, stored.raw)).collect()
    };
    let all = [(history, "old".to_owned()), (newest, "new".to_owned()), (third, "y".to_owned())];
    assert_eq!(unclassified(9), all);
    assert_eq!(unclassified(2), all[..2]);
    assert_eq!(counts(store, f.scope)[..2], [count("", AMBER, 1), count("", Label::CLEAR, 1)]);
    let head = store.read().unwrap().head(f.scope.tenant).unwrap();
    let classify = |version, class: &str| store.transact(|tx| tx.classify(f.scope, version, class));
    classify(history, "past").unwrap();
    classify(newest, "known").unwrap();
    assert_eq!(counts(store, f.scope), [count("", AMBER, 1), count("known", Label::CLEAR, 2)]);
    classify(third, "known").unwrap();
    assert!(unclassified(9).is_empty());
    let class_of = |version| store.read().unwrap().class_of(f.scope.tenant, version).unwrap();
    assert_eq!(class_of(history).as_deref(), Some("past"));
    assert_eq!(class_of(other).as_deref(), Some("known"));
    classify(third, "other").unwrap();
    classify(newest, "").unwrap();
    assert_eq!(unclassified(9), all[1..2], "and it can be taken back");
    assert!(matches!(classify(VersionId(999), "x"), Err(StoreError::Missing(_))));
    let exercise = Scope { world: World::Exercise(1), ..f.scope };
    assert!(matches!(store.transact(|tx| tx.classify(exercise, newest, "x")), Err(StoreError::Missing(_))));
    assert!(store.transact(|tx| tx.unclassified(exercise, 9)).unwrap().is_empty());
    assert_eq!(store.read().unwrap().head(f.scope.tenant).unwrap(), head, "the journal tells of what is new");
}

/// A thousand things happen to thirty objects; after each of them the counts are those of a list kept beside.
pub fn classes_follow_whatever_happens(store: &dyn Store) {
    let f = Fixture::new(store);
    let mut state = 1_u64;
    let mut roll = |sides: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % sides
    };
    // Of each object: its newest version, its row, its class and label.
    let mut kept: BTreeMap<u64, (i64, VersionId, String, Label)> = BTreeMap::new();
    for step in 1..=1000_i64 {
        let number = roll(30);
        let object = id("tool", number.into());
        let class = ["", "a", "b", "c"][usize::try_from(roll(4)).unwrap()];
        let label = Label::from_rank(u8::try_from(roll(6)).unwrap());
        let held = kept.get(&number).cloned();
        store
            .transact(|tx| {
                match (roll(10), held) {
                    (0..5, held) => {
                        let (version, latest) = match &held {
                            Some((newest, ..)) if roll(3) == 0 => (newest - step, false),
                            _ => (step * 1000, true),
                        };
                        let new = NewVersion { class, label, latest, ..f.version(&object, version, "x") };
                        let (row, _) = tx.put(f.scope, at(step), &new)?;
                        if latest {
                            kept.insert(number, (version, row, class.to_owned(), label));
                        }
                    }
                    (5..7, Some((newest, row, class, before))) => {
                        tx.relabel(f.scope, at(step), row, label)?;
                        kept.insert(number, (newest, row, class, before.meet(label)));
                    }
                    (7..9, Some((newest, row, _, label))) => {
                        tx.classify(f.scope, row, class)?;
                        kept.insert(number, (newest, row, class.to_owned(), label));
                    }
                    (9, Some(_)) => {
                        tx.erase(f.scope, at(step), &object)?;
                        kept.remove(&number);
                    }
                    _ => {}
                }
                Ok(())
            })
            .unwrap();
        let mut expected: BTreeMap<(String, Label), u64> = BTreeMap::new();
        for (_, _, class, label) in kept.values() {
            *expected.entry((class.clone(), *label)).or_default() += 1;
        }
        let seen = counts(store, f.scope);
        let seen: BTreeMap<(String, Label), u64> =
            seen.into_iter().map(|(class, label, objects)| ((class, label), objects)).collect();
        assert_eq!(seen, expected, "after step {step}");
        if step % 250 == 0 {
            store.scrub().unwrap();
        }
    }
    assert!(kept.len() > 5, "something is left to count");
}
