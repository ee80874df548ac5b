//! Events of several log sources in the order of time.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicU64;

use ports::telemetry::{Flushed, Hold, Maintained, Retention};

use super::*;

/// Events of sources one after the other, as the store hands them out.
struct Shelves(Vec<(&'static str, i64)>);

const BYTES: u64 = 100;

impl Telemetry for Shelves {
    fn append(&self, _: &str, _: u64, _: Timestamp, _: &[Kept<'_>]) -> Result<(), TelemetryError> {
        Ok(())
    }

    fn committed(&self, _: &str, _: u64) -> Result<(), TelemetryError> {
        Ok(())
    }

    fn flush(&self) -> Result<Flushed, TelemetryError> {
        Ok(Flushed::default())
    }

    fn hunt(
        &self,
        plan: &Plan,
        _: usize,
        each: &(dyn Fn(usize, &Kept<'_>) + Sync),
        progress: &(dyn Fn(&Progress) -> bool + Sync),
    ) -> Result<Looked, TelemetryError> {
        let mut looked = Looked { complete: true, ..Looked::default() };
        for (offset, (source, time)) in (0_u64..).zip(&self.0) {
            let time = Timestamp::from_micros(*time);
            if plan.from.is_some_and(|from| time < from) || plan.until.is_some_and(|until| time >= until) {
                continue;
            }
            let spent = plan.max_bytes.is_some_and(|most| looked.bytes_read >= most);
            let now = Progress { records: looked.records, ..Progress::default() };
            if spent || !progress(&now) {
                looked.stopped = Some(if spent { Stopped::Budget } else { Stopped::Asked });
                looked.complete = false;
                break;
            }
            let raw = [b'x'; 10];
            let kept = Kept {
                time,
                source,
                class: 1,
                format: "json",
                header: None,
                part: "part",
                offset,
                device: None,
                observables: &[],
                image: None,
                command_line: None,
                raw: &raw,
            };
            each(0, &kept);
            looked.records += 1;
            looked.read += 1;
            looked.bytes_read += BYTES;
            let covered = Covered { name: (*source).to_owned(), from: time, until: time, records: 1 };
            let fresh = Looked { sources: vec![covered], complete: true, ..Looked::default() };
            merge(&mut looked, fresh);
        }
        Ok(looked)
    }

    fn maintain(&self, _: Timestamp, _: &Retention) -> Result<Maintained, TelemetryError> {
        Ok(Maintained::default())
    }

    fn hold(&self, _: &Hold) -> Result<(), TelemetryError> {
        Ok(())
    }

    fn release(&self, _: &str) -> Result<(), TelemetryError> {
        Ok(())
    }

    fn holds(&self) -> Vec<Hold> {
        Vec::new()
    }

    fn stats(&self) -> Stats {
        // What came last is not in files yet.
        let filed = self
            .0
            .iter()
            .map(|(_, time)| Timestamp::from_micros(*time))
            .filter(|time| time.as_micros() < 5 * HOUR);
        let times: Vec<Timestamp> = filed.collect();
        Stats { oldest: times.iter().min().copied(), newest: times.iter().max().copied(), ..Stats::default() }
    }
}

/// Ten hours of events, an odd number of seconds apart, of two sources in turn.
fn two_sources() -> Shelves {
    let of = |source, first: i64| (0..300).map(move |n| (source, (first + n * 120) * SECOND));
    Shelves(of("dc1", 0).chain(of("dc2", 60)).collect())
}

fn run(shelves: &Shelves, plan: &Plan, room: usize) -> (Vec<(String, i64)>, Looked) {
    let seen = Mutex::new(Vec::new());
    let each = |kept: &Kept<'_>| {
        seen.lock().unwrap().push((kept.source.to_owned(), kept.time.as_micros()));
    };
    let looked = hunt(shelves, plan, room, &each, &|_| true).unwrap();
    (seen.into_inner().unwrap(), looked)
}

#[test]
fn events_of_all_sources_come_in_the_order_of_time_once_each_however_little_room_there_is() {
    let shelves = two_sources();
    let mut expect: Vec<(String, i64)> =
        shelves.0.iter().map(|(source, time)| ((*source).to_owned(), *time)).collect();
    expect.sort_by_key(|(_, time)| *time);
    for room in [1, 500, 3_000, 40_000, ROOM] {
        let (seen, looked) = run(&shelves, &Plan::default(), room);
        assert_eq!(seen, expect, "{room}");
        assert_eq!((looked.records, looked.read, looked.complete), (600, 600, true), "{room}");
        assert_eq!(looked.stopped, None);
        let sources: Vec<_> =
            looked.sources.iter().map(|source| (source.name.as_str(), source.records)).collect();
        assert_eq!(sources, [("dc1", 300), ("dc2", 300)]);
    }
    let hour = Timestamp::from_micros(HOUR);
    let plan = Plan { from: Some(hour), until: Some(hour.plus_micros(HOUR)), ..Plan::default() };
    let (seen, looked) = run(&shelves, &plan, 2_000);
    let within: Vec<_> = expect.into_iter().filter(|(_, time)| (HOUR..2 * HOUR).contains(time)).collect();
    assert_eq!((seen, looked.records), (within, 60));
}

#[test]
fn more_of_one_instant_than_there_is_room_for_is_handed_on_all_the_same() {
    let shelves = Shelves((0..500).map(|n| (if n % 2 == 0 { "dc1" } else { "dc2" }, SECOND)).collect());
    let (seen, looked) = run(&shelves, &Plan::default(), 5_000);
    assert_eq!((seen.len(), looked.records, looked.complete), (500, 500, true));
    // What lies outside every year that counts is handed on, too.
    let far = Shelves(vec![("dc1", Timestamp::MIN.as_micros()), ("dc1", Timestamp::MAX.as_micros())]);
    assert_eq!(run(&far, &Plan::default(), 1).0.len(), 2);
}

#[test]
fn a_budget_and_a_word_end_it_and_nothing_is_claimed_that_was_not_looked_at() {
    let shelves = two_sources();
    let plan = Plan { max_bytes: Some(50 * BYTES), ..Plan::default() };
    let (seen, looked) = run(&shelves, &plan, ROOM);
    assert_eq!((looked.stopped, looked.complete), (Some(Stopped::Budget), false));
    assert!(seen.len() >= usize::try_from(looked.records).unwrap() && seen.len() < 600, "{}", seen.len());
    let sources: BTreeSet<_> = looked.sources.iter().map(|source| source.records).collect();
    assert!(sources.iter().sum::<u64>() <= looked.records);
    // With less to read than there is room for, what was read is looked at all the same.
    let plan = Plan { max_bytes: Some(3 * BYTES), ..Plan::default() };
    let (seen, looked) = run(&shelves, &plan, 600);
    assert_eq!((seen.len(), looked.stopped, looked.complete), (2, Some(Stopped::Budget), false));
    // Cutting in two reads about twice, and what it reads counts.
    let (_, looked) = run(&shelves, &Plan::default(), 40_000);
    assert!((600 * BYTES..3 * 600 * BYTES).contains(&looked.bytes_read), "{}", looked.bytes_read);
    let polls = AtomicU64::new(0);
    let goes_on = |_: &Progress| polls.fetch_add(1, Ordering::Relaxed) < 100;
    let looked = hunt(&shelves, &Plan::default(), ROOM, &|_| {}, &goes_on).unwrap();
    assert_eq!((looked.stopped, looked.complete), (Some(Stopped::Asked), false));
}

#[test]
fn stretches_are_cut_between_hours_and_end() {
    let day = Stretch(1, 24 * HOUR + 1);
    let (earlier, later) = day.cut(None).unwrap();
    assert_eq!((earlier, later), (Stretch(1, 12 * HOUR), Stretch(12 * HOUR, 24 * HOUR + 1)));
    // What is open at an end is cut where events are, unless there is nothing on one side of them.
    let open = Stretch(HOUR, i64::MAX);
    assert_eq!(open.cut(Some(9 * HOUR + 7)).unwrap().0, Stretch(HOUR, 9 * HOUR));
    assert_eq!(open.cut(Some(HOUR + 7)).unwrap().0, Stretch(HOUR, HOUR + 7));
    assert!(open.cut(Some(HOUR)).unwrap().0.1 > 9 * HOUR);
    let mut open = vec![Stretch::ALL];
    let mut cuts = 0;
    while let Some((earlier, later)) = open.pop().and_then(|stretch| stretch.cut(None)) {
        assert!(earlier.0 < earlier.1 && earlier.1 == later.0 && later.0 < later.1, "{earlier:?} {later:?}");
        open.push(later);
        cuts += 1;
    }
    assert!(cuts < 64, "{cuts}");
}
