//! Erased is erased: no byte of it is left in any file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use model::{Finding, Severity, SourceId, StixId, Timestamp};
use observable::{Kind, normalise};
use ports::{Edge, HeldDecision, NewVersion, SearchDocument, Store};
use shieldwall_store_sqlite::{Options, SqliteStore};

use crate::workload::{self, SCOPE};

const OBJECTS: u64 = 800;

/// A word that is in one object only and begins like no other.
fn secret(number: u64) -> String {
    format!("{:016x}secret", number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

fn object(number: u64) -> StixId {
    workload::id("x-case", number)
}

/// Puts the secret wherever a word of an object can come to rest.
fn write(store: &SqliteStore, number: u64, version: u64) {
    let (id, secret) = (object(number), secret(number));
    let raw =
        format!(r#"{{"id":"{id}","name":"{secret}","x":"{}"}}"#, "y".repeat((number * 37 % 5000) as usize));
    let class = format!(r#"{{"categories":["{secret}"]}}"#);
    let finding = Finding::new(Severity::Warning, "test/rule", format!("/{secret}"), format!("`{secret}`"));
    let new = NewVersion {
        edges: vec![Edge { name: format!("x_{secret}"), target: workload::id("x-only-here", number) }],
        observables: normalise(Kind::Domain, &format!("{secret}.example")).into_iter().collect(),
        findings: vec![finding.clone()],
        class: &class,
        ..workload::version(&id, version, &raw)
    };
    let now = Timestamp::from_micros(1);
    store
        .write(Box::new(|tx| {
            let (version, seq) = tx.put(SCOPE, now, &new)?;
            workload::share(tx, number, &id, version, &raw)?;
            workload::detect(tx, number, &id, &raw)?;
            let document = SearchDocument { version_id: version, title: secret.clone(), body: raw.clone() };
            tx.index(SCOPE.tenant, seq, &[document])?;
            let held = tx.hold(SCOPE, now, SourceId(0), &id, &format!("{raw} "), &[finding])?;
            if number.is_multiple_of(3) {
                let decision = HeldDecision {
                    released: number.is_multiple_of(2),
                    author: "ann".to_owned(),
                    reason: "so".to_owned(),
                    at: now,
                };
                tx.decide(SCOPE, held, &decision)?;
            }
            Ok(())
        }))
        .unwrap();
}

fn erase(store: &dyn Store, number: u64) {
    store.transact(|tx| tx.erase(SCOPE, Timestamp::from_micros(2), &object(number))).unwrap();
}

/// Which objects' secrets or ids can be read in any file of the folder, and where.
fn readable(folder: &Path) -> BTreeMap<u64, String> {
    let mut found = BTreeMap::new();
    let mut needles = Vec::new();
    for number in 0..OBJECTS {
        let binary = object(number).uuid().0.to_vec();
        let referred = workload::id("x-only-here", number).as_str().as_bytes().to_vec();
        let own =
            [secret(number).into_bytes(), object(number).as_str().as_bytes().to_vec(), binary, referred];
        needles.extend(own.into_iter().map(|needle| (number, needle)));
    }
    needles.sort_by(|one, other| one.1.cmp(&other.1));
    // Most places are ruled out by their first two bytes.
    let prefix = |bytes: &[u8]| usize::from(bytes[0]) << 8 | usize::from(bytes[1]);
    let mut possible = vec![false; 1 << 16];
    needles.iter().for_each(|(_, needle)| possible[prefix(needle)] = true);
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        for (offset, window) in bytes.windows(45).enumerate().filter(|(_, window)| possible[prefix(window)]) {
            let place = needles.partition_point(|(_, needle)| needle.as_slice() <= window);
            let hit = needles.get(place.saturating_sub(1)).filter(|(_, needle)| window.starts_with(needle));
            let place = |(number, needle): &(u64, Vec<u8>)| {
                (*number, format!("`{}` in {} at {offset}", needle.escape_ascii(), path.display()))
            };
            found.extend(hit.map(place));
        }
    }
    found
}

/// Whether anything erased can be read.
fn check(folder: &Path, gone: &BTreeSet<u64>) {
    let left = readable(folder);
    let found: Vec<&String> =
        left.iter().filter(|(number, _)| gone.contains(number)).map(|(_, place)| place).collect();
    assert!(found.is_empty(), "{found:#?}");
    assert_eq!(left.len() as u64, OBJECTS - gone.len() as u64, "and what was not erased is there");
}

#[test]
fn no_byte_is_left_in_any_file() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { durable: false, cache_kib: 512, checkpoint_pages: 200, ..Options::default() };
    let store = SqliteStore::open(folder.path().join("store.db"), options).unwrap();
    workload::found(&store);
    let mut gone = BTreeSet::new();
    for number in 0..OBJECTS {
        write(&store, number, 1);
        if number.is_multiple_of(2) {
            write(&store, number, 2);
        }
        // Erasing between writing, so that pages are split and merged around what is to go.
        if number % 3 == 2 {
            let doomed = number * 7 % (number + 1);
            erase(&store, doomed);
            gone.insert(doomed);
        }
    }
    let before = readable(folder.path());
    assert!(before.len() > 600, "the search for secrets finds them: {}", before.len());
    store.scrub().unwrap();
    check(folder.path(), &gone);
    assert_eq!(store.verify().unwrap().problems, Vec::<String>::new());
    // Nearly everything goes: pages empty and merge.
    for number in (0..OBJECTS).filter(|number| number % 50 != 0) {
        erase(&store, number);
        gone.insert(number);
    }
    store.scrub().unwrap();
    check(folder.path(), &gone);
    assert_eq!(store.verify().unwrap().problems, Vec::<String>::new());
}
