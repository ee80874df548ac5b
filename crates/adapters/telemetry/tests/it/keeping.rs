//! What is kept is found: in the log, in files, after a restart.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use model::Timestamp;
use ports::telemetry::{Flushed, Kept, Plan, Telemetry, TelemetryError};
use shieldwall_telemetry::{Options, ParquetTelemetry};

use crate::{DAY, HOUR, append, event, events, files, files_of, hunt, keep, now, open, options, there};

#[test]
fn found_in_the_log_in_files_and_after_a_restart() {
    let folder = testkit::temp_dir();
    let all = events(0..500);
    let store = open(folder.path());
    append(&store, "dc1", 300, &all[..300]);
    there(&store, "dc1", &all[..300]);
    store.committed("dc1", 300).unwrap();
    there(&store, "dc1", &all[..300]);
    let flushed = store.flush().unwrap();
    assert_eq!((flushed.records, store.stats().events), (300, 300));
    there(&store, "dc1", &all[..300]);
    keep(&store, "dc1", 500, &all[300..]);
    there(&store, "dc1", &all);
    drop(store);
    let store = open(folder.path());
    there(&store, "dc1", &all);
    store.committed("dc1", 500).unwrap();
    there(&store, "dc1", &all);
    store.flush().unwrap();
    there(&store, "dc1", &all);
    let stats = store.stats();
    assert_eq!((stats.events, stats.waiting, stats.blind.len()), (500, 0, 0));
    assert_eq!((stats.oldest, stats.newest), (Some(event(0).time), Some(event(499).time)));
    assert_eq!(store.flush(), Ok(Flushed::default()));
}

#[test]
fn only_what_is_committed_becomes_files() {
    let folder = testkit::temp_dir();
    let all = events(0..30);
    let store = open(folder.path());
    keep(&store, "dc1", 10, &all[..10]);
    append(&store, "dc1", 20, &all[10..20]);
    assert_eq!(store.flush().unwrap().records, 0);
    there(&store, "dc1", &all[..20]);
    // Asked for a flush, the log waits for nothing but the commit.
    store.committed("dc1", 20).unwrap();
    assert_eq!((store.stats().events, store.stats().waiting), (20, 0));
    append(&store, "dc1", 30, &all[20..]);
    drop(store);
    let store = open(folder.path());
    there(&store, "dc1", &all);
    store.committed("dc1", 20).unwrap();
    there(&store, "dc1", &all[..20]);
    append(&store, "dc1", 30, &all[20..]);
    store.committed("dc1", 30).unwrap();
    store.flush().unwrap();
    there(&store, "dc1", &all);
}

#[test]
fn a_batch_that_comes_again_takes_its_place() {
    let folder = testkit::temp_dir();
    let all = events(0..30);
    let store = open(folder.path());
    keep(&store, "dc1", 10, &all[..10]);
    append(&store, "dc1", 20, &all[10..20]);
    // The caller could not commit, and comes with more.
    append(&store, "dc1", 25, &all[10..25]);
    there(&store, "dc1", &all[..25]);
    // After a seal likewise.
    store.flush().unwrap();
    append(&store, "dc1", 30, &all[10..30]);
    there(&store, "dc1", &all);
    drop(store);
    let store = open(folder.path());
    // Who says nothing after a start and goes on has committed what was before.
    append(&store, "dc1", 30, &all[25..30]);
    there(&store, "dc1", &all);
    store.committed("dc1", 30).unwrap();
    store.flush().unwrap();
    there(&store, "dc1", &all);
}

#[test]
fn a_count_that_begins_again_loses_nothing() {
    let folder = testkit::temp_dir();
    let all = events(0..40);
    let store = open(folder.path());
    keep(&store, "dc1", 20, &all[..20]);
    keep(&store, "dc1", 10, &all[20..30]);
    keep(&store, "dc1", 20, &all[30..]);
    there(&store, "dc1", &all);
    drop(store);
    let store = open(folder.path());
    store.committed("dc1", 20).unwrap();
    there(&store, "dc1", &all);
    assert_eq!(store.stats().events, 40);
}

#[test]
fn a_source_that_is_no_more_keeps_what_it_committed() {
    let folder = testkit::temp_dir();
    let store = open(folder.path());
    keep(&store, "gone", 10, &events(0..10));
    drop(store);
    let store = open(folder.path());
    assert_eq!(store.flush().unwrap().records, 10);
    there(&store, "gone", &events(0..10));
    // Nothing is made for sources that never kept anything.
    store.committed("never", 0).unwrap();
    assert_eq!(files_of(folder.path(), ".wal"), Vec::<std::path::PathBuf>::new());
}

#[test]
fn the_log_is_bounded() {
    let folder = testkit::temp_dir();
    let records = Options { log_records: 50, ..options() };
    let store = ParquetTelemetry::open(folder.path(), records).unwrap();
    for batch in 0..10 {
        keep(&store, "dc1", (batch + 1) * 10, &events(batch * 10..(batch + 1) * 10));
        assert!(store.stats().waiting < 50);
    }
    assert_eq!(store.stats().events, 100);
    drop(store);
    let store = ParquetTelemetry::open(folder.path(), Options { log_bytes: 2000, ..options() }).unwrap();
    for batch in 10..20 {
        keep(&store, "dc1", (batch + 1) * 10, &events(batch * 10..(batch + 1) * 10));
        assert!(store.stats().waiting_bytes < 2000);
    }
    store.flush().unwrap();
    there(&store, "dc1", &events(0..200));
}

#[test]
fn files_are_bounded_too() {
    let folder = testkit::temp_dir();
    let store = ParquetTelemetry::open(folder.path(), Options { file_rows: 30, ..options() }).unwrap();
    keep(&store, "dc1", 100, &events(0..100));
    assert_eq!(store.flush(), Ok(Flushed { records: 100, files: 4 }));
    drop(store);
    let store = ParquetTelemetry::open(folder.path(), Options { file_bytes: 1000, ..options() }).unwrap();
    keep(&store, "dc1", 200, &events(100..200));
    let files = store.flush().unwrap().files;
    assert!((4..20).contains(&files), "{files}");
    there(&store, "dc1", &events(0..200));
}

#[test]
fn late_and_impossible_times() {
    let folder = testkit::temp_dir();
    let store = open(folder.path());
    let mut events = events(0..5);
    events[0].time = now().plus_micros(-40 * DAY);
    events[1].time = Timestamp::MIN;
    events[2].time = Timestamp::MAX;
    events[3].time = "2099-12-31T23:59:59.999999Z".parse().unwrap();
    events[4].time = "2100-01-01T00:00:00Z".parse().unwrap();
    keep(&store, "dc1", 5, &events);
    store.flush().unwrap();
    for impossible in [1, 2, 4] {
        events[impossible].time = now();
    }
    there(&store, "dc1", &events);
    let folders: Vec<_> = files_of(folder.path(), ".parquet")
        .iter()
        .map(|file| file.parent().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        folders,
        [
            "source=dc1/date=2026-10-13/hour=12",
            "source=dc1/date=2026-11-22/hour=12",
            "source=dc1/date=2099-12-31/hour=23"
        ]
    );
}

#[test]
fn a_clock_that_jumps_does_not_make_a_thousand_files() {
    let folder = testkit::temp_dir();
    let store = ParquetTelemetry::open(folder.path(), Options { partitions: 4, ..options() }).unwrap();
    let mut events = events(0..200);
    for (number, event) in events.iter_mut().enumerate().skip(100) {
        event.time = now().plus_micros(-HOUR * i64::try_from(number).unwrap());
    }
    keep(&store, "dc1", 200, &events);
    assert!(store.flush().unwrap().files <= 4);
    there(&store, "dc1", &events);
    // They are found by their own time, wherever they lie.
    for event in &events[100..] {
        let plan = Plan { from: Some(event.time), until: Some(event.time.plus_micros(1)), ..Plan::default() };
        assert_eq!(hunt(&store, &plan).0, [event.seen("dc1")]);
    }
}

#[test]
fn names_of_sources_lead_nowhere() {
    let folder = testkit::temp_dir();
    let inner = folder.path().join("telemetry");
    let store = open(&inner);
    let long = "ü".repeat(400);
    let names =
        ["..", "../../etc", "/", "a/b", "a=b", "A", "a", "date=1", "zürich 🦀", "%41", "x\n\0", &long];
    for name in names {
        keep(&store, name, 3, &events(0..3));
    }
    store.flush().unwrap();
    for name in names {
        keep(&store, name, 5, &events(3..5));
    }
    let check = |store: &ParquetTelemetry| {
        for name in names {
            let plan = Plan { sources: Some([name.to_owned()].into()), ..Plan::default() };
            let (found, looked) = hunt(store, &plan);
            let expect: Vec<_> = events(0..5).iter().map(|event| event.seen(name)).collect();
            assert_eq!(found, expect, "{name}");
            assert_eq!((looked.sources.len(), looked.sources[0].name.as_str()), (1, name));
        }
        let (found, looked) = hunt(store, &Plan::default());
        assert_eq!((found.len(), looked.sources.len()), (5 * names.len(), names.len()));
    };
    check(&store);
    drop(store);
    check(&open(&inner));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    for file in files(&inner) {
        assert!(file.components().count() <= 4, "{}", file.display());
    }
}

#[test]
fn nobody_else_may_look() {
    let folder = testkit::temp_dir();
    let inner = folder.path().join("telemetry");
    std::fs::create_dir(&inner).unwrap();
    let store = open(&inner);
    keep(&store, "dc1", 10, &events(0..10));
    store.flush().unwrap();
    keep(&store, "dc1", 20, &events(10..20));
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&inner), 0o700);
    for file in files(&inner) {
        assert_eq!(mode(&inner.join(&file)), 0o600, "{}", file.display());
        for folder in file.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty()) {
            assert_eq!(mode(&inner.join(folder)), 0o700, "{}", folder.display());
        }
    }
}

#[test]
fn one_process_at_a_time() {
    let folder = testkit::temp_dir();
    let store = open(folder.path());
    let second = ParquetTelemetry::open(folder.path(), options());
    assert!(matches!(second, Err(TelemetryError::InUse(_))), "{second:?}");
    drop(store);
    open(folder.path());
}

#[test]
fn what_makes_no_sense_is_refused() {
    let folder = testkit::temp_dir();
    let store = open(folder.path());
    let event = event(0);
    let kept = Kept {
        time: event.time,
        source: "dc1",
        class: 0,
        format: "json-lines",
        header: None,
        part: "x",
        offset: 0,
        device: None,
        observables: &[],
        image: None,
        command_line: None,
        raw: b"{}",
    };
    let refused = |source: &str, number: u64, kept: &[Kept<'_>]| {
        let outcome = store.append(source, number, now(), kept);
        assert!(matches!(outcome, Err(TelemetryError::Invalid(_))), "{outcome:?}");
    };
    refused("", 1, &[Kept { source: "", ..kept }]);
    refused(&"x".repeat(1025), 1, &[]);
    refused("dc1", 1, &[kept, kept]);
    refused("dc1", 1, &[Kept { source: "dc2", ..kept }]);
    let raw = vec![0; 65 << 20];
    refused("dc1", 2, &[kept, Kept { raw: &raw, ..kept }]);
    let nothing = store.hunt(&Plan::default(), 0, &|_, _| (), &|_| true);
    assert!(matches!(nothing, Err(TelemetryError::Invalid(_))));
    // Nothing of a refused batch is kept.
    there(&store, "dc1", &[]);
    assert_eq!(store.append("dc1", 0, now(), &[]), Ok(()));
}

#[test]
fn many_sources_at_once() {
    let folder = testkit::temp_dir();
    let store = ParquetTelemetry::open(folder.path(), Options { log_records: 40, ..options() }).unwrap();
    std::thread::scope(|scope| {
        for source in ["a", "b", "c", "d"] {
            let store = &store;
            scope.spawn(move || {
                for batch in 0..20 {
                    keep(store, source, (batch + 1) * 10, &events(batch * 10..(batch + 1) * 10));
                }
            });
        }
        scope.spawn(|| {
            for _ in 0..10 {
                store.flush().unwrap();
                store.maintain(now().plus_micros(3 * HOUR), &Default::default()).unwrap();
                // Whatever is under way, nothing is seen twice.
                let (found, looked) = hunt(&store, &Plan::default());
                let mut once = found.clone();
                once.dedup();
                assert_eq!((once.len(), looked.blind.len()), (found.len(), 0));
            }
        });
    });
    for source in ["a", "b", "c", "d"] {
        let plan = Plan { sources: Some([source.to_owned()].into()), ..Plan::default() };
        let expect: Vec<_> = events(0..200).iter().map(|event| event.seen(source)).collect();
        assert_eq!(hunt(&store, &plan).0, expect);
    }
}
