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
use model::{
    AgreementId, CollectionId, DecisionId, Digest, Label, PartyId, SourceId, StixId, Tenant, Timestamp, Uuid,
    VersionId, World,
};
use observable::{Kind, Observable, normalise};
use ports::trust::{
    DecisionRecord, DisclosureRecord, EntryRecord, LeafRecord, OutboxRecord, SegmentRecord, StreamKey,
    StreamPosition,
};
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
    class: String,
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
    // Two hundred classes, as long as such texts are.
    let class = format!(
        r#"{{"categories":["c{}"],"countries":[],"granular":false,"handling":{{"tlp":"clear"}},"onward":"free","origin":{{"source":"feed"}},"revoked":false,"sectors":["energy","finance"],"type":"{}"}}"#,
        number % 40,
        kind(number)
    );
    Object { id, raw, edges, observables, class }
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

const VERSION: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

fn new_version(object: &Object) -> NewVersion<'_> {
    NewVersion {
        id: &object.id,
        type_name: object.id.type_name(),
        version: VERSION,
        created: Some(VERSION),
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
        class: &object.class,
    }
}

fn accept(tx: &mut dyn Tx, object: &Object) -> Result<(), StoreError> {
    let existing = tx.existing(SCOPE, &object.id, Some(VERSION))?;
    assert!(existing.latest.is_none());
    tx.put(SCOPE, VERSION, &new_version(object)).map(drop)
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

const AGREEMENT: AgreementId = AgreementId(Digest([2; 32]));

fn party(number: u64) -> PartyId {
    PartyId(digest(number))
}

fn digest(number: u64) -> Digest {
    let mut bytes = [1; 32];
    bytes[..16].copy_from_slice(&scramble(number).to_be_bytes());
    Digest(bytes)
}

fn leaf(number: u64) -> LeafRecord {
    LeafRecord {
        index: 0,
        hash: digest(number),
        commitment: digest(number + 1),
        kind: "disclosure".to_owned(),
        at: Timestamp::EPOCH,
        opening: Some(format!(
            r#"{{"content":{{"agreement":"{AGREEMENT}","clause":"c1","subject":"{}"}},"salt":"{}"}}"#,
            digest(number),
            digest(7)
        )),
    }
}

/// Leaves of the ledger, 1,000 to a synced commit.
#[divan::bench(sample_count = 100, sample_size = 1)]
fn append_leaf(bencher: Bencher<'_, '_>) {
    let (_folder, store) = open();
    bencher.counter(ItemsCount::new(BATCH)).bench(|| {
        let job = |tx: &mut dyn Tx| {
            (0..BATCH).try_for_each(|number| tx.append_leaf(SCOPE.tenant, &leaf(number)).map(drop))
        };
        store.write(Box::new(job)).unwrap();
    });
}

/// One leaf to a job, from so many threads at once: jobs share synced commits.
#[divan::bench(args = [1, 8, 64], sample_count = 20, sample_size = 1)]
fn append_leaf_in_groups(bencher: Bencher<'_, '_>, threads: u64) {
    const EACH: u64 = 50;
    let (_folder, store) = open();
    bencher.counter(ItemsCount::new(threads * EACH)).bench(|| {
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    for number in 0..EACH {
                        store
                            .write(Box::new(|tx| tx.append_leaf(SCOPE.tenant, &leaf(number)).map(drop)))
                            .unwrap();
                    }
                });
            }
        });
    });
}

/// Entries with payloads of about 2 KB, 256 to a segment and a synced commit, their position with them.
#[divan::bench(sample_count = 100, sample_size = 1)]
fn append_entries(bencher: Bencher<'_, '_>) {
    const COUNT: u32 = 256;
    let (_folder, store) = open();
    let key = StreamKey { peer: party(1), agreement: AGREEMENT, outbound: true };
    let next = AtomicU64::new(1);
    bencher
        .counter(ItemsCount::new(COUNT))
        .with_inputs(|| {
            let first = next.fetch_add(u64::from(COUNT), Ordering::Relaxed);
            (first..first + u64::from(COUNT)).map(entry).collect::<Vec<_>>()
        })
        .bench_refs(|entries| {
            let segment = SegmentRecord { first: entries[0].seq, count: COUNT, text: "s".repeat(5000) };
            let position = StreamPosition { epoch: 1, seq: entries[255].seq, ..Default::default() };
            store
                .write(Box::new(|tx| {
                    tx.append_entries(SCOPE.tenant, key, 1, entries, &segment)?;
                    tx.set_stream(SCOPE.tenant, key, &position)
                }))
                .unwrap();
        });
}

fn entry(seq: u64) -> EntryRecord {
    EntryRecord {
        seq,
        envelope: format!(r#"{{"seq":{seq},"rest":"{}"}}"#, "e".repeat(880)),
        salt: Some([3; 32]),
        version: None,
        along: Vec::new(),
        payload: Some(object(seq).raw),
    }
}

/// All that is kept when an object is given to one peer, but for the object itself: decision, queue in and out, stream
/// entry, disclosure, leaf; 256 to a synced commit.
#[divan::bench(sample_count = 50, sample_size = 1)]
fn share(bencher: Bencher<'_, '_>) {
    const COUNT: u64 = 256;
    let (_folder, store) = open();
    let key = StreamKey { peer: party(1), agreement: AGREEMENT, outbound: true };
    let next = AtomicU64::new(1);
    bencher
        .counter(ItemsCount::new(COUNT))
        .with_inputs(|| {
            let first = next.fetch_add(COUNT, Ordering::Relaxed);
            let objects: Vec<Object> = (first..first + COUNT).map(object).collect();
            write(&store, &objects);
            let read = store.read().unwrap();
            let versions: Vec<VersionId> = objects
                .iter()
                .map(|object| read.object(SCOPE, &object.id, None).unwrap().unwrap().version_id)
                .collect();
            (first, objects, versions)
        })
        .bench_refs(|(first, objects, versions)| {
            store
                .write(Box::new(|tx| {
                    let mut entries = Vec::new();
                    let mut sent = Vec::new();
                    for ((number, object), version) in (*first..).zip(objects.iter()).zip(versions.iter()) {
                        sent.push(give(tx, number, object, *version)?);
                        entries.push(EntryRecord { version: Some(*version), ..entry(number) });
                    }
                    tx.unqueue(SCOPE.tenant, &sent)?;
                    let segment = SegmentRecord { first: *first, count: 256, text: "s".repeat(5000) };
                    tx.append_entries(SCOPE.tenant, key, 1, &entries, &segment)?;
                    let position = StreamPosition { epoch: 1, seq: *first + COUNT - 1, ..Default::default() };
                    tx.set_stream(SCOPE.tenant, key, &position)
                }))
                .unwrap();
        });
}

fn give(tx: &mut dyn Tx, number: u64, object: &Object, version: VersionId) -> Result<u64, StoreError> {
    let decision = DecisionRecord {
        id: DecisionId(0),
        at: Timestamp::EPOCH,
        to: party(1),
        agreement: AGREEMENT,
        object: Some(object.id.clone()),
        version: Some(version),
        permitted: true,
        clause: "c1".to_owned(),
        reason: "clause c1 permits it".to_owned(),
        obligations: "{}".to_owned(),
    };
    let decided = tx.record_decision(SCOPE.tenant, &decision)?;
    let waiting = OutboxRecord {
        id: 0,
        to: party(1),
        agreement: AGREEMENT,
        kind: "put".to_owned(),
        version: Some(version),
        inline: None,
        decision: Some(decided),
        not_before: Timestamp::EPOCH,
    };
    let queued = tx.queue(SCOPE.tenant, &waiting)?;
    let disclosure = DisclosureRecord {
        to: party(1),
        agreement: AGREEMENT,
        object: Some(object.id.clone()),
        version: Some(version),
        subject: digest(number),
        entry: (1, number),
        clause: "c1".to_owned(),
        at: Timestamp::EPOCH,
        withdrawn: None,
        deadline: None,
        receipt: None,
    };
    tx.set_disclosure(SCOPE.tenant, &disclosure)?;
    tx.append_leaf(SCOPE.tenant, &leaf(number))?;
    Ok(queued)
}

/// How many objects there are of each class and label.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn classes(bencher: Bencher<'_, '_>) {
    let (_, store, count) = filled();
    bencher.bench(|| {
        let classes = store.read().unwrap().classes(SCOPE).unwrap();
        assert_eq!(classes.iter().map(|class| class.objects).sum::<u64>(), *count);
        classes
    });
}

/// 1,000 members of one class in two hundred.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn class_members(bencher: Bencher<'_, '_>) {
    let (_, store, _) = filled();
    let class = object(5).class;
    bencher.bench(|| {
        let members = store.read().unwrap().class_members(SCOPE, &class, Label::CLEAR, None, PAGE).unwrap();
        assert_eq!(members.len(), PAGE);
        members
    });
}

/// Taking in a newer version of an object, 100 to a synced commit, in the filled store.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn revise_durably(bencher: Bencher<'_, '_>) {
    const COUNT: u64 = 100;
    let (_, store, count) = filled();
    let next = AtomicU64::new(1);
    bencher
        .counter(ItemsCount::new(COUNT))
        .with_inputs(|| {
            let round = next.fetch_add(1, Ordering::Relaxed);
            let objects = (0..COUNT).map(|number| object(number * 1999 % count)).collect::<Vec<_>>();
            (Timestamp::from_micros(1_767_225_600_000_000 + i64::try_from(round).unwrap()), objects)
        })
        .bench_refs(|(version, objects)| {
            store
                .write(Box::new(|tx| {
                    objects.iter().try_for_each(|object| {
                        tx.existing(SCOPE, &object.id, Some(*version))?;
                        let new = NewVersion { version: *version, ..new_version(object) };
                        tx.put(SCOPE, *version, &new).map(drop)
                    })
                }))
                .unwrap();
        });
}

/// What an inclusion proof in a ledger of 1,000,000 leaves reads: its tile of leaves, and those above, the last of which
/// are partial.
#[divan::bench]
fn tiles_of_an_inclusion_proof(bencher: Bencher<'_, '_>) {
    const LEAVES: u64 = 1_000_000;
    static LEDGER: OnceLock<(TempDir, SqliteStore)> = OnceLock::new();
    let (_, store) = LEDGER.get_or_init(|| {
        let dir = TempDir::new().unwrap();
        let store = SqliteStore::open(dir.path().join("store.db"), Options::default()).unwrap();
        for from in (0..LEAVES).step_by(10_000) {
            let batch = |tx: &mut dyn Tx| {
                (from..from + 10_000)
                    .try_for_each(|number| tx.append_leaf(SCOPE.tenant, &leaf(number)).map(drop))
            };
            (&store as &dyn Store).transact(batch).unwrap();
        }
        let above = |tx: &mut dyn Tx| {
            for (level, hashes) in [(1, LEAVES >> 8), (2, LEAVES >> 16)] {
                for place in 0..hashes {
                    tx.set_ledger_hash(SCOPE.tenant, level, place, leaf(place).hash)?;
                }
            }
            Ok(())
        };
        (&store as &dyn Store).transact(above).unwrap();
        (dir, store)
    });
    let mut number = 0_u64;
    bencher.bench_local(|| {
        number = (number + 7_919_131) % LEAVES;
        let read = store.read().unwrap();
        (0..3)
            .map(|level| {
                read.ledger_hashes(SCOPE.tenant, level, number >> (8 * (level + 1)) << 8, 256).unwrap().len()
            })
            .sum::<usize>()
    });
}
