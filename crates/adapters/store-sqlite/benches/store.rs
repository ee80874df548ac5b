//! Durable writing, deep pages and search, on generated objects of about 2 KB with four references each.
//!
//! `SHIELDWALL_BENCH_OBJECTS` (200,000 unless set) is how many objects lie in the store that pages are read from.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a bench that cannot run should say so and stop"
)]

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use divan::Bencher;
use divan::counter::ItemsCount;
use model::{CollectionId, Label, SourceId, StixId, Tenant, Timestamp, Uuid, World};
use observable::{Kind, Observable, normalise};
use ports::{
    Edge, NewVersion, NodeRecord, PageFilter, Scope, SearchDocument, SourceRecord, Store, StoreError, Tx,
};
use shieldwall_store_sqlite::{Options, SqliteStore};
use tempfile::TempDir;

const SCOPE: Scope = Scope { tenant: Tenant(1), world: World::Real };
const BATCH: u64 = 1000;
const COLLECTIONS: [CollectionId; 3] =
    [CollectionId(Uuid([1; 16])), CollectionId(Uuid([2; 16])), CollectionId(Uuid([3; 16]))];
const PAGE: usize = 1000;

fn main() {
    divan::main();
}

/// Spreads numbers like random ids.
fn scramble(number: u64) -> u128 {
    u128::from(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)) << 64
        | u128::from(number.wrapping_mul(0xd6e8_feb8_6659_fd93))
}

fn id(kind: &str, number: u64) -> StixId {
    StixId::new(kind, Uuid(scramble(number).to_be_bytes()))
}

fn kind(number: u64) -> &'static str {
    ["attack-pattern", "malware", "x-mitre-detection", "tool", "relationship"]
        [usize::try_from(number % 5).unwrap()]
}

fn text(number: u64) -> String {
    const WORDS: [&str; 8] =
        ["adversaries", "may", "abuse", "scheduled", "tasks", "persistence", "credential", "exfiltration"];
    let mut text = String::with_capacity(1800);
    let mut state = number;
    while text.len() < 1750 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        text.push_str(WORDS[usize::try_from(state >> 61).unwrap()]);
        text.push(' ');
    }
    text
}

struct Object {
    id: StixId,
    raw: String,
    edges: Vec<Edge>,
    observables: Vec<Observable>,
}

fn object(number: u64) -> Object {
    let id = id(kind(number), number);
    let raw = format!(
        r#"{{"type":"{}","spec_version":"2.1","id":"{id}","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","name":"object {number}","description":"{}"}}"#,
        kind(number),
        text(number)
    );
    let edge = |name: &str, target: StixId| Edge { name: name.to_owned(), target };
    let near = |distance: u64| {
        let target = number.saturating_sub(distance);
        self::id(kind(target), target)
    };
    let edges = vec![
        edge("created_by_ref", self::id("identity", 1)),
        edge("object_marking_refs", self::id("marking-definition", 1)),
        edge("object_refs", near(3)),
        edge("object_refs", near(70)),
    ];
    let observables = if number.is_multiple_of(2) {
        normalise(Kind::Domain, &format!("host{:x}.example.com", scramble(number) as u32))
            .into_iter()
            .collect()
    } else {
        Vec::new()
    };
    Object { id, raw, edges, observables }
}

fn open() -> (TempDir, SqliteStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("store.db"), Options::default()).unwrap();
    let node = NodeRecord {
        name: "Bench".to_owned(),
        country: None,
        identity: id("identity", 1),
        created: Timestamp::EPOCH,
    };
    let source = SourceRecord {
        id: SourceId(0),
        name: "feed".to_owned(),
        kind: "file".to_owned(),
        config: "{}".to_owned(),
        default_label: Label::OwnOnly,
        enabled: true,
        collection: COLLECTIONS[2],
    };
    let store_dyn: &dyn Store = &store;
    store_dyn
        .transact(|tx| {
            tx.found(SCOPE.tenant, &node, COLLECTIONS[0], COLLECTIONS[1])?;
            tx.add_source(SCOPE.tenant, &source)
        })
        .unwrap();
    (folder, store)
}

fn accept(tx: &mut dyn Tx, object: &Object) -> Result<(), StoreError> {
    let version = Timestamp::from_micros(1_767_225_600_000_000);
    let existing = tx.existing(SCOPE, &object.id, Some(version))?;
    assert!(existing.latest.is_none());
    let new = NewVersion {
        id: &object.id,
        type_name: object.id.type_name(),
        version,
        created: Some(version),
        rendition: 0,
        raw: &object.raw,
        source: SourceId(1),
        label: Label::CLEAR,
        overlay: None,
        created_by: object.edges.first().map(|edge| &edge.target),
        revoked: false,
        confidence: None,
        latest: true,
        edges: object.edges.clone(),
        observables: object.observables.clone(),
        collections: COLLECTIONS.to_vec(),
        findings: Vec::new(),
    };
    tx.put(SCOPE, version, &new).map(drop)
}

fn write(store: &SqliteStore, objects: &[Object]) {
    store.write(Box::new(|tx| objects.iter().try_for_each(|object| accept(tx, object)))).unwrap();
}

/// Checked and put, 1,000 to a synced commit, all projections but search.
#[divan::bench(sample_count = 200, sample_size = 1)]
fn put_durably(bencher: Bencher<'_, '_>) {
    let (_folder, store) = open();
    let next = AtomicU64::new(0);
    bencher
        .counter(ItemsCount::new(BATCH))
        .with_inputs(|| {
            let first = next.fetch_add(BATCH, Ordering::Relaxed);
            (first..first + BATCH).map(object).collect::<Vec<_>>()
        })
        .bench_refs(|objects| write(&store, objects));
}

/// One object to a synced commit: what an analyst waits for.
#[divan::bench(sample_count = 200, sample_size = 1)]
fn put_one_durably(bencher: Bencher<'_, '_>) {
    let (_folder, store) = open();
    let next = AtomicU64::new(0);
    bencher
        .with_inputs(|| [object(next.fetch_add(1, Ordering::Relaxed))])
        .bench_refs(|objects| write(&store, objects));
}

/// Full text of 1,000 objects, in one synced commit.
#[divan::bench(sample_count = 50, sample_size = 1)]
fn index(bencher: Bencher<'_, '_>) {
    let (_folder, store) = open();
    let next = AtomicU64::new(0);
    bencher
        .counter(ItemsCount::new(BATCH))
        .with_inputs(|| {
            let first = next.fetch_add(BATCH, Ordering::Relaxed);
            let objects: Vec<Object> = (first..first + BATCH).map(object).collect();
            write(&store, &objects);
            let journal =
                store.read().unwrap().journal(SCOPE.tenant, model::Seq(first), objects.len()).unwrap();
            let documents = journal.iter().zip(first..).map(|(row, number)| SearchDocument {
                version_id: row.object.as_ref().unwrap().version_id,
                title: format!("object {number}"),
                body: text(number),
            });
            (model::Seq(first + BATCH), documents.collect::<Vec<_>>())
        })
        .bench_refs(|(seq, documents)| {
            store.write(Box::new(|tx| tx.index(SCOPE.tenant, *seq, documents))).unwrap();
        });
}

fn filled() -> &'static (TempDir, SqliteStore, u64) {
    static FILLED: OnceLock<(TempDir, SqliteStore, u64)> = OnceLock::new();
    FILLED.get_or_init(|| {
        let count =
            std::env::var("SHIELDWALL_BENCH_OBJECTS").ok().and_then(|n| n.parse().ok()).unwrap_or(200_000);
        let (folder, store) = open();
        for first in (0..count).step_by(usize::try_from(BATCH).unwrap()) {
            write(&store, &(first..first + BATCH).map(object).collect::<Vec<_>>());
        }
        (folder, store, count)
    })
}

/// A page of 1,000 with content, so many per cent into the collection.
#[divan::bench(args = [0, 50, 99], sample_count = 100, sample_size = 1)]
fn page(bencher: Bencher<'_, '_>, percent: u64) {
    let (_, store, count) = filled();
    let depth = i64::try_from(count * percent / 100).unwrap();
    let after = Timestamp::from_micros(1_767_225_600_000_000 + depth - 1);
    bencher.counter(ItemsCount::new(PAGE)).bench(|| {
        let read = store.read().unwrap();
        let page = read.page(SCOPE, COLLECTIONS[0], &PageFilter::default(), Some(after), PAGE, true).unwrap();
        assert_eq!(page.entries.len(), PAGE);
        page
    });
}

/// A page of 1,000 of one type in five.
#[divan::bench(sample_count = 50, sample_size = 1)]
fn page_of_one_type(bencher: Bencher<'_, '_>) {
    let (_, store, _) = filled();
    let filter = PageFilter { types: vec!["tool".to_owned()], ..Default::default() };
    bencher.bench(|| store.read().unwrap().page(SCOPE, COLLECTIONS[0], &filter, None, PAGE, true).unwrap());
}

/// Opening the filled store, to the first answer.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn open_and_count(bencher: Bencher<'_, '_>) {
    let (folder, _, _) = filled();
    bencher.bench(|| {
        let store = SqliteStore::open(folder.path().join("store.db"), Options::default()).unwrap();
        store.read().unwrap().counts(SCOPE.tenant).unwrap()
    });
}
