//! Telemetry that is kept, found, merged and removed, with the power failing in between.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first thing that is not as it should be"
)]

mod crash;
mod duckdb;
mod hunting;
mod keeping;
mod prune;
mod retention;
mod rotten;

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use model::Timestamp;
use observable::{Kind, Observable, normalise};
use ports::telemetry::{Kept, Looked, Plan, Telemetry};
use shieldwall_telemetry::{Options, ParquetTelemetry};

/// Microseconds of an hour and a day.
pub(crate) const HOUR: i64 = 3_600_000_000;
pub(crate) const DAY: i64 = 24 * HOUR;

/// When everything arrives here.
pub(crate) fn now() -> Timestamp {
    "2026-11-22T12:30:00Z".parse().unwrap()
}

/// Nothing here is missed by anyone; what survives power cuts has tests of its own.
pub(crate) fn options() -> Options {
    Options { durable: false, ..Options::default() }
}

pub(crate) fn open(folder: &Path) -> ParquetTelemetry {
    ParquetTelemetry::open(folder, options()).unwrap()
}

/// An event of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) time: Timestamp,
    pub(crate) class: u16,
    pub(crate) offset: u64,
    pub(crate) header: Option<Vec<u8>>,
    pub(crate) device: Option<String>,
    pub(crate) observables: Vec<Observable>,
    pub(crate) raw: Vec<u8>,
}

/// What a hunt handed out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seen {
    pub(crate) source: String,
    pub(crate) offset: u64,
    pub(crate) time: Timestamp,
    pub(crate) class: u16,
    pub(crate) format: String,
    pub(crate) header: Option<Vec<u8>>,
    pub(crate) part: String,
    pub(crate) device: Option<String>,
    pub(crate) raw: Vec<u8>,
}

impl Event {
    pub(crate) fn seen(&self, source: &str) -> Seen {
        Seen {
            source: source.to_owned(),
            offset: self.offset,
            time: self.time,
            class: self.class,
            format: "json-lines".to_owned(),
            header: self.header.clone(),
            part: "/var/log/x".to_owned(),
            device: self.device.clone(),
            raw: self.raw.clone(),
        }
    }
}

pub(crate) fn value(kind: Kind, text: &str) -> Observable {
    normalise(kind, text).unwrap_or_else(|| panic!("{kind} `{text}`"))
}

/// Event number so and so of a source, a second after the one before it.
pub(crate) fn event(number: u64) -> Event {
    let seconds = i64::try_from(number).unwrap();
    let mut observables = vec![
        value(Kind::Ipv4, &format!("10.0.{}.{}", number / 256 % 256, number % 256)),
        value(Kind::Domain, &format!("h{number}.d{}.example", number % 7)),
    ];
    if number.is_multiple_of(3) {
        observables.push(value(Kind::Url, &format!("http://h{number}.d{}.example/a", number % 7)));
        observables.push(value(Kind::Url, &format!("http://other.example/{number}")));
        observables.push(value(Kind::Md5, &format!("{number:032x}")));
    }
    Event {
        time: now().plus_micros(seconds * 1_000_000 - 30 * 60 * 1_000_000),
        class: u16::try_from(number % 5).unwrap(),
        offset: number * 100,
        header: number.is_multiple_of(4).then(|| b"#fields\ta\tb".to_vec()),
        device: (!number.is_multiple_of(5)).then(|| format!("dc{}", number % 3)),
        observables,
        raw: format!(
            "{{\"event\":{number},\"text\":\"{}\"}}",
            "x".repeat(usize::try_from(number % 50).unwrap())
        )
        .into_bytes(),
    }
}

pub(crate) fn events(numbers: std::ops::Range<u64>) -> Vec<Event> {
    numbers.map(event).collect()
}

/// Keeps a batch and does not commit it. `number` is the count with it.
pub(crate) fn append(store: &ParquetTelemetry, source: &str, number: u64, events: &[Event]) {
    let kept: Vec<Kept<'_>> = events
        .iter()
        .map(|event| Kept {
            time: event.time,
            source,
            class: event.class,
            format: "json-lines",
            header: event.header.as_deref(),
            part: "/var/log/x",
            offset: event.offset,
            device: event.device.as_deref(),
            observables: &event.observables,
            image: Some("C:\\x.exe"),
            command_line: None,
            raw: &event.raw,
        })
        .collect();
    store.append(source, number, now(), &kept).unwrap();
}

/// Keeps a batch and commits it.
pub(crate) fn keep(store: &ParquetTelemetry, source: &str, number: u64, events: &[Event]) {
    append(store, source, number, events);
    store.committed(source, number).unwrap();
}

/// Keeps a batch that is not the first, commits it and turns it into files.
pub(crate) fn keep_in_files(store: &ParquetTelemetry, source: &str, number: u64, events: &[Event]) {
    keep(store, source, number, events);
    store.flush().unwrap();
    assert_eq!(store.stats().waiting, 0);
}

/// What a hunt finds, in order, and what it looked at.
pub(crate) fn hunt(store: &ParquetTelemetry, plan: &Plan) -> (Vec<Seen>, Looked) {
    let found = Mutex::new(Vec::new());
    let looked = store.hunt(plan, 2, &|_, kept| found.lock().unwrap().push(seen(kept)), &|_| true).unwrap();
    let mut found = found.into_inner().unwrap();
    found.sort();
    assert_eq!(found.len() as u64, looked.read);
    (found, looked)
}

pub(crate) fn seen(kept: &Kept<'_>) -> Seen {
    assert!(kept.observables.is_empty() && kept.image.is_none() && kept.command_line.is_none());
    Seen {
        source: kept.source.to_owned(),
        offset: kept.offset,
        time: kept.time,
        class: kept.class,
        format: kept.format.to_owned(),
        header: kept.header.map(<[u8]>::to_vec),
        part: kept.part.to_owned(),
        device: kept.device.map(str::to_owned),
        raw: kept.raw.to_vec(),
    }
}

/// Asserts that exactly these events are there, once each, and that nothing is unreadable.
#[track_caller]
pub(crate) fn there(store: &ParquetTelemetry, source: &str, events: &[Event]) {
    let (found, looked) = hunt(store, &Plan::default());
    let mut expect: Vec<Seen> = events.iter().map(|event| event.seen(source)).collect();
    expect.sort();
    assert_eq!(found, expect);
    assert!(looked.complete, "{looked:?}");
    assert_eq!(looked.records, expect.len() as u64);
}

/// Every file below a folder, in order, relative to it.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { collect(&path, found) } else { found.push(path) }
        }
    }
    let mut found = Vec::new();
    collect(folder, &mut found);
    found.sort();
    found.into_iter().map(|path| path.strip_prefix(folder).unwrap().to_owned()).collect()
}

/// The same, with this ending.
pub(crate) fn files_of(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut files = files(folder);
    files.retain(|file| file.to_str().unwrap().ends_with(ending));
    files
}
