//! What is removed and what is not: by age, by size, under hold. And merging, which removes nothing.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use model::Timestamp;
use ports::telemetry::{Hold, Kept, Maintained, Plan, Retention, Telemetry, TelemetryError};
use shieldwall_telemetry::{Options, ParquetTelemetry};

use crate::{
    DAY, Event, HOUR, event, events, files_of, hunt, keep, keep_in_files, now, open, options, seen, there,
};

fn days(days: u64) -> Option<Duration> {
    Some(Duration::from_secs(days * 86_400))
}

/// Takes a batch in at this instant, and turns it into files.
fn arrive(store: &ParquetTelemetry, source: &str, number: u64, at: Timestamp, events: &[Event]) {
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
            image: None,
            command_line: None,
            raw: &event.raw,
        })
        .collect();
    store.append(source, number, at, &kept).unwrap();
    store.committed(source, number).unwrap();
    store.flush().unwrap();
}

/// The same events, so much later, in microseconds.
fn moved(mut events: Vec<Event>, by: i64) -> Vec<Event> {
    events.iter_mut().for_each(|event| event.time = event.time.plus_micros(by));
    events
}

/// Ten events of each of so many days before this one, one file a day. Each day came as it happened.
fn daily(store: &ParquetTelemetry, source: &str, days: u64) -> Vec<Event> {
    let mut all = Vec::new();
    for day in 0..days {
        let events = moved(events(day * 10..(day + 1) * 10), -DAY * i64::try_from(day).unwrap());
        arrive(store, source, (day + 1) * 10, events.last().unwrap().time, &events);
        all.extend(events);
    }
    all
}

fn hold(name: &str, from: Option<Timestamp>, until: Option<Timestamp>, sources: Option<&[&str]>) -> Hold {
    let sources = sources.map(|sources| sources.iter().map(|source| (*source).to_owned()).collect());
    Hold { name: name.to_owned(), from, until, sources }
}

#[test]
fn by_age() {
    let folder = testkit::temp_dir();
    let store = open(folder.path());
    let all = daily(&store, "dc1", 10);
    let done = store.maintain(now(), &Retention { age: days(5), bytes: None }).unwrap();
    assert_eq!((done.files, done.records, done.held), (5, 50, 0));
    assert!(done.bytes > 0);
    there(&store, "dc1", &all[..50]);
    assert_eq!(store.stats().files, 5);
    assert_eq!(files_of(folder.path(), ".parquet").len(), 5);
    // Folders of hours and days that hold nothing are gone too.
    let source = folder.path().join("source=dc1");
    assert_eq!(std::fs::read_dir(&source).unwrap().count(), 5);
    store.maintain(now().plus_micros(100 * DAY), &Retention { age: days(5), bytes: None }).unwrap();
    there(&store, "dc1", &[]);
    assert!(!source.exists());
    keep_in_files(&store, "dc1", 101, &[event(0)]);
    there(&store, "dc1", &[event(0)]);
}

#[test]
fn what_is_old_when_it_comes_is_kept_as_long_as_all_else() {
    let folder = testkit::temp_dir();
    let store = open(folder.path());
    let incident = moved(events(0..10), -400 * DAY);
    keep_in_files(&store, "dc1", 10, &incident);
    let policy = Retention { age: days(30), bytes: None };
    for later in [0, 29] {
        let done = store.maintain(now().plus_micros(later * DAY), &policy).unwrap();
        assert_eq!(done, Maintained::default(), "{later}");
        there(&store, "dc1", &incident);
    }
    drop(store);
    let store = open(folder.path());
    assert_eq!(store.maintain(now().plus_micros(29 * DAY), &policy).unwrap().files, 0);
    there(&store, "dc1", &incident);
    assert_eq!(store.maintain(now().plus_micros(31 * DAY), &policy).unwrap().records, 10);
    there(&store, "dc1", &[]);
}

#[test]
fn what_came_on_other_days_is_not_merged_and_ages_by_itself() {
    let folder = testkit::temp_dir();
    let store = open(folder.path());
    let all = moved(events(0..30), -40 * DAY);
    arrive(&store, "dc1", 10, now().plus_micros(-20 * DAY), &all[..10]);
    arrive(&store, "dc1", 20, now(), &all[10..20]);
    let policy = Retention { age: days(30), bytes: None };
    assert_eq!(store.maintain(now(), &policy), Ok(Maintained::default()));
    arrive(&store, "dc1", 30, now().plus_micros(HOUR), &all[20..]);
    assert_eq!(store.maintain(now().plus_micros(HOUR), &policy).unwrap().merged, 2);
    there(&store, "dc1", &all);
    let done = store.maintain(now().plus_micros(11 * DAY), &policy).unwrap();
    assert_eq!((done.files, done.records), (1, 10));
    there(&store, "dc1", &all[10..]);
}

#[test]
fn where_room_is_wanted_what_happened_first_goes_first_and_what_is_too_old_before_it() {
    let folder = testkit::temp_dir();
    let store = open(folder.path());
    // Kept too long by now, though it happened last; happened long ago, and came just now; of today.
    let stale = moved(events(0..10), -31 * DAY);
    arrive(&store, "dc1", 10, stale[9].time, &stale);
    let incident = moved(events(10..20), -400 * DAY);
    arrive(&store, "dc1", 20, now(), &incident);
    let fresh = events(20..30);
    arrive(&store, "dc1", 30, now(), &fresh);
    let policy = |bytes: u64| Retention { age: days(30), bytes: Some(bytes) };
    let total = store.stats().bytes;
    // With the stale gone there is room for the rest.
    let done = store.maintain(now(), &policy(total - 1)).unwrap();
    assert_eq!(done.files, 1);
    there(&store, "dc1", &[incident, fresh.clone()].concat());
    let left = store.stats().bytes;
    assert_eq!(store.maintain(now(), &policy(left - 1)).unwrap().files, 1);
    there(&store, "dc1", &fresh);
}

#[test]
fn by_size_the_oldest_first() {
    let folder = testkit::temp_dir();
    let store = open(folder.path());
    let all = daily(&store, "dc1", 10);
    let total = store.stats().bytes;
    let policy = Retention { age: None, bytes: Some(total / 2) };
    let done = store.maintain(now(), &policy).unwrap();
    let left = store.stats();
    assert!(left.bytes <= total / 2 && done.files >= 5);
    assert_eq!(left.bytes + done.bytes, total);
    there(&store, "dc1", &all[..usize::try_from(left.events).unwrap()]);
    assert_eq!(store.maintain(now(), &policy), Ok(Maintained::default()));
}

#[test]
fn a_hold_keeps_what_it_covers() {
    let folder = testkit::temp_dir();
    let store = open(folder.path());
    let one = daily(&store, "dc1", 10);
    daily(&store, "dc2", 10);
    let day = |back: i64| Some(now().plus_micros(-back * DAY));
    store.hold(&hold("case 1", day(7), day(5), Some(&["dc1"]))).unwrap();
    assert_eq!(store.hold(&hold("case 1", None, None, None)), Err(exists()));
    drop(store);
    let store = open(folder.path());
    assert_eq!(store.holds(), [hold("case 1", day(7), day(5), Some(&["dc1"]))]);
    // Day 6 back, day 5 back because its events came before 12:30, and not day 7 back for the same reason.
    let policy = Retention { age: days(1), bytes: None };
    let done = store.maintain(now(), &policy).unwrap();
    assert_eq!((done.files, done.held), (16, 2));
    let plan = Plan { sources: Some(["dc1".to_owned()].into()), ..Plan::default() };
    let mut expect: Vec<_> = one[..10].iter().chain(&one[50..70]).map(|event| event.seen("dc1")).collect();
    expect.sort();
    assert_eq!(hunt(&store, &plan).0, expect);
    // Nothing but held files: size does not remove them either, and says by how much it is exceeded.
    let done = store.maintain(now(), &Retention { age: days(1), bytes: Some(1) }).unwrap();
    assert_eq!((done.files, done.held), (2, 2));
    assert_eq!(done.over, store.stats().bytes - 1);
    store.release("case 1").unwrap();
    assert_eq!(store.release("case 1"), Err(TelemetryError::Missing("a legal hold `case 1`".to_owned())));
    assert_eq!(store.maintain(now(), &policy).unwrap().files, 2);
    assert_eq!(store.stats().events, 0);
}

fn exists() -> TelemetryError {
    TelemetryError::Exists("a legal hold `case 1`".to_owned())
}

#[test]
fn holds_without_limits_and_for_nobody() {
    let folder = testkit::temp_dir();
    let store = open(folder.path());
    let all = daily(&store, "dc1", 3);
    store.hold(&hold("nobody", None, None, Some(&[]))).unwrap();
    store.hold(&hold("everything", None, None, None)).unwrap();
    let policy = Retention { age: days(0), bytes: Some(0) };
    assert_eq!(store.maintain(now(), &policy).unwrap().held, 3);
    there(&store, "dc1", &all);
    store.release("everything").unwrap();
    assert_eq!(store.maintain(now(), &policy).unwrap().files, 3);
}

#[test]
fn what_claims_to_be_from_the_future_ages_too() {
    let folder = testkit::temp_dir();
    let store = open(folder.path());
    let mut events = events(0..3);
    events.iter_mut().for_each(|event| event.time = "2099-01-01T00:00:00Z".parse().unwrap());
    keep_in_files(&store, "dc1", 3, &events);
    let policy = Retention { age: days(30), bytes: None };
    assert_eq!(store.maintain(now().plus_micros(29 * DAY), &policy).unwrap().files, 0);
    assert_eq!(store.maintain(now().plus_micros(31 * DAY), &policy).unwrap().files, 1);
}

#[test]
fn merging_keeps_every_record_once() {
    let folder = testkit::temp_dir();
    let store = open(folder.path());
    let all = events(0..120);
    for batch in 0..12 {
        keep_in_files(&store, "dc1", (batch + 1) * 10, &events(batch * 10..(batch + 1) * 10));
    }
    keep_in_files(&store, "dc2", 10, &events(0..10));
    let before = store.stats();
    assert_eq!(before.files, 13);
    // Even while the hour lasts: twelve small files are too many.
    assert_eq!(store.maintain(now(), &Retention::default()).unwrap().merged, 12);
    assert_eq!(store.maintain(now(), &Retention::default()), Ok(Maintained::default()));
    let after = store.stats();
    assert_eq!((after.files, after.events), (2, before.events));
    assert!(after.bytes < before.bytes);
    assert_eq!(files_of(folder.path(), ".parquet").len(), 2);
    let check = |store: &ParquetTelemetry| {
        let dc1 = Plan { sources: Some(["dc1".to_owned()].into()), ..Plan::default() };
        let (found, looked) = hunt(store, &dc1);
        let expect: Vec<_> = all.iter().map(|event| event.seen("dc1")).collect();
        assert_eq!((found, looked.groups), (expect, 1));
        for event in &all {
            for value in &event.observables {
                let plan = Plan { values: vec![value.clone()], ..dc1.clone() };
                assert_eq!(hunt(store, &plan).0, [event.seen("dc1")], "{value}");
            }
        }
    };
    check(&store);
    drop(store);
    check(&open(folder.path()));
}

#[test]
fn merging_minds_the_size_of_files() {
    let folder = testkit::temp_dir();
    let store = ParquetTelemetry::open(folder.path(), Options { file_rows: 50, ..options() }).unwrap();
    for batch in 0..20 {
        keep_in_files(&store, "dc1", (batch + 1) * 10, &events(batch * 10..(batch + 1) * 10));
    }
    assert_eq!(store.maintain(now(), &Retention::default()).unwrap().merged, 20);
    assert_eq!(store.stats().files, 4);
    there(&store, "dc1", &events(0..200));
}

#[test]
fn a_hunt_sees_what_was_there_when_it_began() {
    let folder = testkit::temp_dir();
    let store = open(folder.path());
    let all = daily(&store, "dc1", 20);
    for batch in 20..30 {
        keep_in_files(&store, "dc1", (batch + 1) * 10, &events(batch * 10..(batch + 1) * 10));
    }
    let found = Mutex::new(Vec::new());
    let steps = Mutex::new(0);
    let progress = |_: &ports::telemetry::Progress| {
        let mut steps = steps.lock().unwrap();
        *steps += 1;
        if *steps == 2 {
            // Everything is merged, then everything is removed, and more comes.
            store.maintain(now().plus_micros(3 * HOUR), &Retention::default()).unwrap();
            keep(&store, "dc1", 301, &[event(300)]);
            let policy = Retention { age: days(0), bytes: Some(0) };
            assert!(store.maintain(now(), &policy).unwrap().files > 0);
        }
        true
    };
    let looked = store
        .hunt(&Plan::default(), 1, &|_, kept| found.lock().unwrap().push(seen(kept)), &progress)
        .unwrap();
    assert!(looked.complete, "{looked:?}");
    let mut found = found.into_inner().unwrap();
    found.sort();
    let mut expect: Vec<_> = all.iter().chain(&events(200..300)).map(|event| event.seen("dc1")).collect();
    expect.sort();
    assert_eq!(found, expect);
    // With the hunt the files end.
    assert_eq!(files_of(folder.path(), ".parquet").len(), 0);
    there(&store, "dc1", &[event(300)]);
}

#[test]
fn holds_are_by_name() {
    let folder = testkit::temp_dir();
    let store = open(folder.path());
    let sources: BTreeSet<String> = ["a,b".to_owned(), "ü".to_owned()].into();
    let odd = Hold { name: "\t\n%".to_owned(), from: Some(now()), until: None, sources: Some(sources) };
    store.hold(&hold("z", None, None, None)).unwrap();
    store.hold(&odd).unwrap();
    drop(store);
    assert_eq!(open(folder.path()).holds(), [odd, hold("z", None, None, None)]);
}
