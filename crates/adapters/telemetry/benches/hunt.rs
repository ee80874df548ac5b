//! Hunting through the past, and keeping it.
//!
//! `SHIELDWALL_BENCH_EVENTS` (10,000,000 unless set) is how many events of about 300 bytes are kept, over a day; making
//! them takes minutes and about two gigabytes of the temporary folder.
#![expect(clippy::unwrap_used, reason = "a bench that cannot run should say so and stop")]

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use model::Timestamp;
use observable::{Kind, Observable};
use ports::telemetry::{Kept, Looked, Plan, Telemetry};
use shieldwall_telemetry::{Options, ParquetTelemetry};
use testkit::TempDir;

/// 2026-11-01T00:00:00Z.
const BEGIN: i64 = 1_793_491_200_000_000;
const DAY: i64 = 86_400_000_000;
const BATCH: u64 = 10_000;
const WORKERS: usize = 2;

fn main() {
    divan::main();
}

/// Spreads numbers like random ones.
fn scramble(number: u64) -> u64 {
    let mixed = (number ^ number >> 31).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

/// One of so many.
fn one_of(number: u64, many: u64) -> u64 {
    scramble(number) % many
}

struct Event {
    time: Timestamp,
    raw: String,
    observables: Vec<Observable>,
}

fn ipv4(number: u64) -> Observable {
    Observable::from_stored(Kind::Ipv4, format!("{:08x}", scramble(number) >> 32))
}

fn domain(number: u64) -> Observable {
    Observable::from_stored(Kind::Domain, format!("example.d{}.h{number:x}", number % 5000))
}

fn sha256(number: u64) -> Observable {
    let part = scramble(number);
    Observable::from_stored(Kind::Sha256, format!("{part:016x}{:016x}{part:016x}{number:016x}", !part))
}

/// A connection to one of a million addresses and names, and a file in one of ten.
fn event(number: u64, of: u64) -> Event {
    let micros = i64::try_from(u128::from(number) * DAY.unsigned_abs() as u128 / u128::from(of)).unwrap();
    let (to, name, file) =
        (one_of(number, 1_000_000), one_of(number + 1, 300_000), one_of(number + 2, 500_000));
    let mut observables = vec![ipv4(number % 2000), ipv4(1_000_000 + to), domain(name)];
    if number.is_multiple_of(10) {
        observables.push(sha256(file));
    }
    let raw = format!(
        r#"{{"timestamp":"{}","event_type":"flow","flow_id":{},"src_ip":"10.0.{}.{}","src_port":{},"dest_ip":"{}","dest_port":443,"proto":"TCP","hostname":"h{name:x}.d{}.example","app_proto":"tls","bytes":{},"community_id":"1:{:016x}"}}"#,
        Timestamp::from_micros(BEGIN + micros),
        scramble(number),
        number % 8,
        number % 250,
        1024 + number % 60_000,
        ipv4(1_000_000 + to),
        name % 5000,
        one_of(number + 3, 100_000),
        scramble(number + 4),
    );
    Event { time: Timestamp::from_micros(BEGIN + micros), raw, observables }
}

fn kept<'e>(source: &'e str, number: u64, event: &'e Event) -> Kept<'e> {
    Kept {
        time: event.time,
        source,
        class: 100,
        format: "eve-json",
        header: None,
        part: "/var/log/suricata/eve.json",
        offset: number * 300,
        device: Some("sensor-1"),
        observables: &event.observables,
        image: None,
        command_line: None,
        raw: event.raw.as_bytes(),
    }
}

fn append(store: &ParquetTelemetry, source: &str, first: u64, events: &[Event]) {
    let batch: Vec<Kept<'_>> =
        events.iter().zip(first..).map(|(event, number)| kept(source, number, event)).collect();
    let number = first + batch.len() as u64;
    store.append(source, number, Timestamp::from_micros(BEGIN + DAY), &batch).unwrap();
    store.committed(source, number).unwrap();
}

fn filled() -> &'static (TempDir, ParquetTelemetry, u64) {
    static FILLED: OnceLock<(TempDir, ParquetTelemetry, u64)> = OnceLock::new();
    FILLED.get_or_init(|| {
        let count = testkit::count("SHIELDWALL_BENCH_EVENTS", 10_000_000);
        let folder = testkit::temp_dir();
        let options = Options { durable: false, ..Options::default() };
        let store = ParquetTelemetry::open(folder.path(), options).unwrap();
        for first in (0..count).step_by(usize::try_from(BATCH).unwrap()) {
            let events: Vec<Event> =
                (first..count.min(first + BATCH)).map(|number| event(number, count)).collect();
            append(&store, "suricata", first, &events);
        }
        store.flush().unwrap();
        let stats = store.stats();
        println!("{} events in {} files, {} MB", stats.events, stats.files, stats.bytes / 1_000_000);
        (folder, store, count)
    })
}

/// A thousand values, of which ten are there, a few times each.
fn asked() -> Vec<Observable> {
    let there =
        (0..4).map(|number| ipv4(1_000_000 + number)).chain((0..4).map(domain)).chain((0..2).map(sha256));
    let elsewhere = (0..990).map(|number| match number % 3 {
        0 => ipv4(9_000_000 + number),
        1 => domain(9_000_000 + number),
        _ => sha256(9_000_000 + number),
    });
    there.chain(elsewhere).collect()
}

fn hunt(plan: &Plan) -> Looked {
    let (_, store, _) = filled();
    let bytes = AtomicU64::new(0);
    let each = |raw: &[u8]| {
        bytes.fetch_add(raw.len() as u64, Ordering::Relaxed);
    };
    let looked = store.hunt(plan, WORKERS, &|_, kept| each(kept.raw), &|_| true).unwrap();
    assert!(looked.complete);
    looked
}

/// 1,000 observables through everything.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn thousand_values(bencher: Bencher<'_, '_>) {
    let (_, _, count) = filled();
    let plan = Plan { values: asked(), ..Plan::default() };
    bencher.counter(ItemsCount::new(*count)).bench(|| {
        let looked = hunt(&plan);
        assert_eq!(looked.records, *count);
        looked
    });
}

/// The same and a network, which no filter knows: dictionaries are looked into.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn thousand_values_and_a_network(bencher: Bencher<'_, '_>) {
    let (_, _, count) = filled();
    let mut values = asked();
    values.push(Observable::from_stored(Kind::Cidr4, "c6336400/24".to_owned()));
    let plan = Plan { values, ..Plan::default() };
    bencher.counter(ItemsCount::new(*count)).bench(|| hunt(&plan));
}

/// Every record of an hour, as a rule without values needs them.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn every_record_of_an_hour(bencher: Bencher<'_, '_>) {
    let at = |hour: i64| Some(Timestamp::from_micros(BEGIN + DAY / 24 * hour));
    let plan = Plan { from: at(10), until: at(11), ..Plan::default() };
    let read = hunt(&plan).read;
    bencher.counter(ItemsCount::new(read)).bench(|| hunt(&plan));
}

/// 1,000 records to a synced batch, turned into files every 131,072.
#[divan::bench(sample_count = 200, sample_size = 1)]
fn append_durably(bencher: Bencher<'_, '_>) {
    const EACH: u64 = 1000;
    let folder = testkit::temp_dir();
    let store = ParquetTelemetry::open(folder.path(), Options::default()).unwrap();
    let next = AtomicU64::new(0);
    let bytes = event(0, 1).raw.len() as u64 * EACH;
    bencher
        .counter(ItemsCount::new(EACH))
        .counter(BytesCount::new(bytes))
        .with_inputs(|| {
            let first = next.fetch_add(EACH, Ordering::Relaxed);
            (first, (first..first + EACH).map(|number| event(number, 10_000_000)).collect::<Vec<_>>())
        })
        .bench_refs(|(first, events)| append(&store, "suricata", *first, events));
}
