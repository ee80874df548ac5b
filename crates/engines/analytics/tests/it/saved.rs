//! What is saved comes back, and nothing else does.

use std::collections::BTreeMap;

use logs::Format;
use shieldwall_analytics::{BeaconConfig, Beacons, FirstSeen, FirstSeenConfig, LoadError};

use crate::{FAR, HOME, Random, conn, each_event, feed, following, now};

/// Some connections of some pairs, more than one of them may keep.
fn beacons() -> Beacons {
    let mut beacons = following(config());
    let mut random = Random(1);
    let lines = (0..600)
        .map(|call| conn(call * 60, HOME, &format!("198.51.100.{}", call % 3 + 9), 443, random.below(900)));
    feed(&mut beacons, lines);
    feed(&mut beacons, [conn(36_000, HOME, FAR, 8443, 1), conn(36_001, "2001:db8::7", "c2.example", 443, 1)]);
    beacons
}

fn config() -> BeaconConfig {
    BeaconConfig { max_stamps: 50, after_hours: 6, min_score: 0.7, ..BeaconConfig::default() }
}

#[test]
fn connections_come_back() {
    let mut before = beacons();
    assert!(!before.take_alerts().is_empty());
    let mut after = following(config());
    after.load(&before.save()).unwrap();
    assert_eq!(after.report(0.0), before.report(0.0));
    assert_eq!((after.pairs(), after.stamps()), (before.pairs(), before.stamps()));
    assert_eq!(after.save(), before.save());
    // What was told stays told.
    assert!(after.take_alerts().is_empty());
}

#[test]
fn connections_come_back_within_other_bounds() {
    let saved = beacons().save();
    let small = BeaconConfig { max_pairs: 2, max_stamps: 10, max_stamps_total: 12, ..config() };
    let mut after = following(small);
    after.load(&saved).unwrap();
    assert!(after.pairs() <= 2 && after.stamps() <= 12, "{} {}", after.pairs(), after.stamps());
    let mut other = Beacons::new(BeaconConfig { sources: vec!["other".to_owned()], ..config() }).unwrap();
    other.load(&saved).unwrap();
    assert_eq!((other.pairs(), other.stamps()), (0, 0));
    // Slots of another window are of another width.
    let mut wide = following(BeaconConfig { window_hours: 48, ..config() });
    wide.load(&saved).unwrap();
    assert!(wide.report(0.0).iter().all(|beacon| beacon.score.inputs.connections <= 50));
}

fn first_seen(key: [u8; 16]) -> FirstSeen {
    let fields = BTreeMap::from([("app".to_owned(), vec!["user".to_owned(), "host".to_owned()])]);
    let config =
        FirstSeenConfig { fields, learning_days: 0, min_score: 0.0, rare: 1, ..FirstSeenConfig::default() };
    FirstSeen::new(config, key).unwrap()
}

fn record(number: u64) -> String {
    let ts = 1_772_323_200 + number * 3600;
    format!(r#"{{"timestamp":{ts},"user":"user{}","host":"host{}"}}"#, number % 40, number % 7)
}

fn fill(first_seen: &mut FirstSeen, numbers: std::ops::Range<u64>) {
    each_event(Format::JsonLines, numbers.map(record), |event| first_seen.observe("app", event, now()));
}

#[test]
fn baselines_come_back_and_go_on() {
    let mut before = first_seen([7; 16]);
    fill(&mut before, 0..60);
    let saved = before.save();
    // No text of a value is in it.
    assert!(!saved.windows(5).any(|part| part == b"user1" || part == b"host1"));
    let mut after = first_seen([7; 16]);
    after.load(&saved).unwrap();
    assert_eq!(after.baselines(), before.baselines());
    assert_eq!((after.held(), after.save()), (before.held(), saved));
    before.take_alerts();
    fill(&mut before, 60..100);
    fill(&mut after, 60..100);
    assert_eq!(after.baselines(), before.baselines());
    assert_eq!(after.take_alerts(), before.take_alerts());
}

#[test]
fn another_key_knows_none_of_the_values() {
    let mut before = first_seen([7; 16]);
    fill(&mut before, 0..60);
    let mut after = first_seen([8; 16]);
    assert_eq!(after.load(&before.save()), Err(LoadError::OtherKey));
    assert_eq!(after.held(), 0);
}

#[test]
fn baselines_come_back_within_other_bounds() {
    let mut before = first_seen([7; 16]);
    fill(&mut before, 0..60);
    let with = |max_values, max_values_per_field, field: &str| {
        let fields = BTreeMap::from([("*".to_owned(), vec![field.to_owned()])]);
        let config =
            FirstSeenConfig { fields, max_values, max_values_per_field, ..FirstSeenConfig::default() };
        let mut after = FirstSeen::new(config, [7; 16]).unwrap();
        after.load(&before.save()).unwrap();
        after.held()
    };
    assert_eq!(with(1000, 1000, "user"), 40);
    assert_eq!(with(1000, 1000, "nothing"), 0);
    assert_eq!(with(1000, 20, "user"), 20);
    assert!(with(16, 16, "user") <= 16);
}

/// Cut anywhere or changed anywhere, it is refused, and what is held stays.
#[test]
fn damaged_bytes_are_refused() {
    let mut held = beacons();
    let (saved, report) = (held.save(), held.report(0.0));
    let mut baselines = first_seen([7; 16]);
    fill(&mut baselines, 0..30);
    let values = baselines.save();
    let mut check = |bytes: &[u8]| {
        assert!(held.load(bytes).is_err() && baselines.load(bytes).is_err());
    };
    check(b"");
    for whole in [&saved, &values] {
        for end in (0..whole.len()).step_by(7) {
            check(&whole[..end]);
        }
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 0x11;
            check(&changed);
        }
    }
    assert_eq!((held.report(0.0), baselines.save()), (report, values.clone()));
    assert_eq!(held.load(&values), Err(LoadError::Foreign));
    assert_eq!(baselines.load(&saved), Err(LoadError::Foreign));
}
