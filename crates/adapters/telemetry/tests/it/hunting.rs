//! How a hunt goes: what it covers, when it ends, what it reads.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use observable::Kind;
use ports::telemetry::{Covered, Plan, Progress, Stopped, Telemetry};

use crate::{DAY, HOUR, event, events, hunt, keep, keep_in_files, now, open, value};

#[test]
fn time_and_classes_and_sources() {
    let folder = testkit::temp_dir();
    let store = open(folder.path());
    keep_in_files(&store, "dc1", 100, &events(0..100));
    keep(&store, "dc1", 150, &events(100..150));
    keep(&store, "dc2", 10, &events(0..10));
    let from_and_until = [None, Some(0), Some(1), Some(50), Some(99), Some(100), Some(120), Some(149)];
    for from in from_and_until {
        for until in from_and_until {
            for classes in [None, Some([1_u16, 3])] {
                let time = |number: Option<u64>| number.map(|number| event(number).time);
                let plan = Plan {
                    from: time(from),
                    until: time(until),
                    sources: Some(["dc1".to_owned()].into()),
                    classes: classes.map(BTreeSet::from),
                    ..Plan::default()
                };
                let covered: Vec<u64> = (0..150)
                    .filter(|n| from.is_none_or(|from| from <= *n) && until.is_none_or(|until| *n < until))
                    .collect();
                let (found, looked) = hunt(&store, &plan);
                let of_class =
                    |n: &&u64| classes.is_none_or(|classes| classes.map(u64::from).contains(&(*n % 5)));
                let expect: Vec<_> = covered.iter().filter(of_class).map(|n| event(*n).seen("dc1")).collect();
                assert_eq!(found, expect, "{plan:?}");
                assert_eq!(looked.records, covered.len() as u64, "{plan:?}");
                assert!(looked.complete);
                let sources: Vec<_> = covered
                    .first()
                    .zip(covered.last())
                    .map(|(first, last)| Covered {
                        name: "dc1".to_owned(),
                        from: event(*first).time,
                        until: event(*last).time,
                        records: covered.len() as u64,
                    })
                    .into_iter()
                    .collect();
                assert_eq!(looked.sources, sources);
            }
        }
    }
    let none = Plan { sources: Some(BTreeSet::new()), ..Plan::default() };
    assert_eq!(hunt(&store, &none).1.records, 0);
}

#[test]
fn what_an_index_proves_is_not_read() {
    let folder = testkit::temp_dir();
    let store = open(folder.path());
    for batch in 0..10 {
        keep_in_files(&store, "dc1", (batch + 1) * 100, &events(batch * 100..(batch + 1) * 100));
    }
    let all = hunt(&store, &Plan::default()).1;
    assert_eq!((all.groups, all.groups_pruned, all.records, all.read), (10, 0, 1000, 1000));
    let plan = Plan { values: vec![value(Kind::Domain, "h421.d1.example")], ..Plan::default() };
    let (found, one) = hunt(&store, &plan);
    assert_eq!(found, [event(421).seen("dc1")]);
    assert_eq!((one.groups, one.groups_pruned, one.records, one.read), (10, 9, 1000, 1));
    assert!(one.bytes_read < all.bytes_read);
    let plan = Plan { values: vec![value(Kind::Sha256, &"a".repeat(64))], ..Plan::default() };
    let (found, none) = hunt(&store, &plan);
    assert_eq!((found.len(), none.groups_pruned, none.records, none.complete), (0, 10, 1000, true));
    // A value of another kind with the same digits is another value.
    let plan = Plan { values: vec![value(Kind::Imphash, &format!("{:032x}", 3))], ..Plan::default() };
    assert_eq!(hunt(&store, &plan).0.len(), 0);
    // Classes, likewise.
    let plan = Plan { classes: Some([5, 77].into()), ..Plan::default() };
    let (_, classes) = hunt(&store, &plan);
    assert_eq!((classes.groups, classes.groups_pruned, classes.read), (10, 10, 0));
}

#[test]
fn a_thousand_values() {
    let folder = testkit::temp_dir();
    let store = open(folder.path());
    keep_in_files(&store, "dc1", 500, &events(0..500));
    keep(&store, "dc1", 600, &events(500..600));
    let mut values: Vec<_> =
        (0..1000_u32).map(|n| value(Kind::Ipv4, &format!("172.16.{}.{}", n / 256, n % 256))).collect();
    values.extend([3, 333, 555].map(|number| event(number).observables[0].clone()));
    values.push(value(Kind::Url, "http://other.example/300"));
    values.push(value(Kind::DomainSuffix, "h99.d1.example"));
    let (found, looked) = hunt(&store, &Plan { values, ..Plan::default() });
    let numbers: Vec<u64> = found.iter().map(|seen| seen.offset / 100).collect();
    assert_eq!(numbers, [3, 300, 333, 555]);
    assert_eq!(looked.records, 600);
}

#[test]
fn ends_when_told_to() {
    let folder = testkit::temp_dir();
    let store = open(folder.path());
    for batch in 0..10 {
        keep_in_files(&store, "dc1", (batch + 1) * 10, &events(batch * 10..(batch + 1) * 10));
    }
    for workers in [1, 2, 5] {
        let handed = AtomicU64::new(0);
        let count = || {
            handed.fetch_add(1, Ordering::Relaxed);
        };
        let looked = store.hunt(&Plan::default(), workers, &|_, _| count(), &|done| done.done < 3).unwrap();
        assert_eq!((looked.complete, looked.stopped), (false, Some(Stopped::Asked)));
        assert_eq!(looked.read, handed.into_inner());
        assert!((30..100).contains(&looked.records), "{}", looked.records);
        assert_eq!(looked.sources.iter().map(|source| source.records).sum::<u64>(), looked.records);
    }
    // Told so with the last step, it has come to its end.
    let looked = store.hunt(&Plan::default(), 1, &|_, _| (), &|done| done.done < 10).unwrap();
    assert_eq!((looked.complete, looked.stopped, looked.records), (true, None, 100));
}

#[test]
fn ends_when_the_budget_does() {
    let folder = testkit::temp_dir();
    let store = open(folder.path());
    for batch in 0..10 {
        keep_in_files(&store, "dc1", (batch + 1) * 10, &events(batch * 10..(batch + 1) * 10));
    }
    // The second time, when footers are remembered.
    hunt(&store, &Plan::default());
    let all = hunt(&store, &Plan::default()).1.bytes_read;
    let plan = Plan { max_bytes: Some(all / 2), ..Plan::default() };
    let (found, looked) = hunt(&store, &plan);
    assert_eq!((looked.complete, looked.stopped), (false, Some(Stopped::Budget)));
    assert!(looked.bytes_read >= all / 2 && looked.bytes_read < all);
    assert!(!found.is_empty() && found.len() < 100);
    let (found, looked) = hunt(&store, &Plan { max_bytes: Some(0), ..Plan::default() });
    assert_eq!((found.len(), looked.records, looked.stopped), (0, 0, Some(Stopped::Budget)));
    let enough = Plan { max_bytes: Some(all * 2), ..Plan::default() };
    assert!(hunt(&store, &enough).1.complete);
    // With nothing to look at there is nothing to stop.
    let folder = testkit::temp_dir();
    assert!(hunt(&open(folder.path()), &plan).1.complete);
}

#[test]
fn a_long_log_can_be_left_too() {
    let folder = testkit::temp_dir();
    let store = open(folder.path());
    keep(&store, "dc1", 20_000, &events(0..20_000));
    let looked = store.hunt(&Plan::default(), 1, &|_, _| (), &|done| done.records == 0).unwrap();
    assert_eq!((looked.complete, looked.stopped), (false, Some(Stopped::Asked)));
    assert!((1..20_000).contains(&looked.records), "{}", looked.records);
}

#[test]
fn progress_and_workers() {
    let folder = testkit::temp_dir();
    let store = open(folder.path());
    for batch in 0..10 {
        keep_in_files(&store, "dc1", (batch + 1) * 10, &events(batch * 10..(batch + 1) * 10));
    }
    keep(&store, "dc2", 10, &events(0..10));
    let said = Mutex::new(Vec::<Progress>::new());
    let workers = Mutex::new(BTreeSet::new());
    let note = |worker: usize| {
        workers.lock().unwrap().insert(worker);
    };
    let progress = |progress: &Progress| {
        said.lock().unwrap().push(*progress);
        true
    };
    store.hunt(&Plan::default(), 3, &|worker, _| note(worker), &progress).unwrap();
    assert!(workers.into_inner().unwrap().iter().all(|worker| *worker < 3));
    let said = said.into_inner().unwrap();
    assert!(said.iter().all(|progress| progress.total == 11 && progress.done <= 11));
    let most = said.iter().max_by_key(|progress| progress.done).unwrap();
    assert_eq!((most.done, most.records, most.read), (11, 110, 110));
    assert!(most.bytes_read > 0);
}

#[test]
fn the_same_hunt_twice() {
    let folder = testkit::temp_dir();
    let store = open(folder.path());
    let mut old = events(0..10);
    old.iter_mut().for_each(|event| event.time = event.time.plus_micros(-DAY));
    keep_in_files(&store, "dc1", 10, &old);
    keep_in_files(&store, "dc1", 20, &events(10..20));
    let plan = Plan { from: Some(now().plus_micros(-HOUR)), ..Plan::default() };
    let first = hunt(&store, &plan);
    // Footers are remembered by now.
    let second = hunt(&store, &plan);
    assert_eq!(first.0, second.0);
    assert!(second.1.bytes_read < first.1.bytes_read);
    assert_eq!((first.1.records, first.1.groups), (10, 1));
}
