//! Real logs: 38 minutes of a network with a break-in, and the events of machines that were attacked on purpose.
#![expect(clippy::disallowed_methods, reason = "tests read the shared data")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::Path;

use logs::{Event, Frame, Framer, MAX_RECORD, Reader, Settings, detect};
use shieldwall_analytics::{BeaconConfig, Beacons, FirstSeen, FirstSeenConfig, Pair, Via};

use crate::{near, now};

/// Hands on every event of a log.
fn read(bytes: &[u8], name: &str, act: &mut dyn FnMut(&Event<'_>)) {
    let found = detect(bytes, name).unwrap();
    let mut reader = Reader::new(found.format, Settings { stream: found.stream, ..Settings::default() });
    let mut framer = Framer::new(found.framing, MAX_RECORD);
    let mut each = |frame: Frame<'_>| {
        if let Frame::Whole { bytes, .. } = frame
            && let Ok(Some(event)) = reader.read(bytes, now())
        {
            act(&event);
        }
    };
    framer.push(bytes, &mut each);
    framer.finish(&mut each);
}

fn unpacked(path: &Path) -> Vec<u8> {
    let mut out = Vec::new();
    flate2::read::GzDecoder::new(fs::read(path).unwrap().as_slice()).read_to_end(&mut out).unwrap();
    out
}

/// How many of a report's pairs reach a total.
fn reaching(beacons: &Beacons, total: f64) -> usize {
    beacons.report(total).len()
}

/// The break-in calls home 376 times, all within four minutes of 38: perfectly regular, and no beacon of a day. Timing
/// and size are 1, its three of 24 bars are too few for duration, evenness or modes, so the total is exactly a half.
#[test]
fn thirty_eight_minutes_of_a_network() {
    let files = testkit::corpus("data/zeek", "log");
    let Some(path) = files.iter().find(|path| path.ends_with("combined_zeek.log")) else { return };
    let config = BeaconConfig { sources: vec!["zeek".to_owned()], ..BeaconConfig::default() };
    let (most_pairs, most_stamps) = (config.max_pairs, config.max_stamps_total);
    let mut beacons = Beacons::new(config).unwrap();
    read(&fs::read(path).unwrap(), "combined_zeek.log", &mut |event| beacons.observe("zeek", event, now()));
    let (stats, span) = (beacons.stats(), beacons.span("zeek").unwrap());
    let (from, until) = (span.from.as_micros() / 1_000_000, span.until.as_micros() / 1_000_000);
    println!("{stats:?}, {} pairs, {} stamps, {} s", beacons.pairs(), beacons.stamps(), until - from);
    assert!(beacons.pairs() <= most_pairs && beacons.stamps() <= most_stamps);
    assert!(u64::try_from(beacons.stamps()).unwrap() <= stats.connections && stats.connections > 1_000);
    assert!((2_200..2_400).contains(&(until - from)), "{}", until - from);

    for beacon in beacons.report(0.0) {
        let score = &beacon.score;
        println!(
            "{:.3} timing {:.3} size {:?} histogram {:.3} duration {:.3}: {} connections {}",
            score.total,
            score.timing,
            score.size,
            score.histogram,
            score.duration,
            score.inputs.connections,
            beacon.pair
        );
    }
    for total in [0.5, 0.6, 0.7, 0.8, 0.9] {
        println!("pairs at {total} or more: {}", reaching(&beacons, total));
    }
    // The highest is the name service's.
    assert_eq!(reaching(&beacons, 0.7), 0);
    // Less than twelve hours: nothing is told, whatever it scores.
    assert!(beacons.take_alerts().is_empty());

    let call = |via| Pair {
        source: "zeek".to_owned(),
        from: "10.0.1.6".to_owned(),
        to: "192.168.0.4".to_owned(),
        port: 8443,
        via,
    };
    let score = beacons.score(&call(Via::Connection), span).unwrap();
    println!("{}", score.explanation);
    assert_eq!((score.inputs.connections, score.inputs.filled()), (376, 3));
    near(score.timing, 1.0);
    near(score.size.unwrap(), 1.0);
    near(score.histogram, 0.0);
    near(score.duration, 0.0);
    near(score.total, 0.5);
    near(score.inputs.gaps.median, 1.0);
    // The handshakes say nothing of sizes: a third is what timing alone gives.
    let score = beacons.score(&call(Via::Tls), span).unwrap();
    assert_eq!((score.inputs.connections, score.size), (376, None));
    near(score.total, 0.333);
    // Over its own four minutes it fills the whole time: what is looked at decides.
    let own = shieldwall_analytics::Span { from: score.inputs.first, until: score.inputs.last };
    let near_by = beacons.score(&call(Via::Connection), own).unwrap();
    println!("over its own time: {}", near_by.explanation);
    assert!(near_by.total > 0.75, "{}", near_by.explanation);
}

/// Each file is one recording of some minutes, so each is a source of its own.
#[test]
fn connections_of_attacked_machines() {
    let config = BeaconConfig { sources: vec!["*".to_owned()], ..BeaconConfig::default() };
    let mut beacons = Beacons::new(config).unwrap();
    let files = testkit::corpus("data/host-logs", "gz");
    for path in &files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        read(&unpacked(path), &name, &mut |event| beacons.observe(&name, event, now()));
    }
    let stats = beacons.stats();
    println!("{stats:?}, {} pairs; {} at 0.8 or more", beacons.pairs(), reaching(&beacons, 0.8));
    for beacon in beacons.report(0.5) {
        println!("{:.3} {}: {}", beacon.score.total, beacon.pair, beacon.pair.source);
    }
    if files.is_empty() {
        return;
    }
    assert!(stats.connections > 100 && beacons.pairs() > 10);
    assert_eq!((stats.untimed, stats.future, stats.evicted), (0, 0, 0));
    assert!(beacons.take_alerts().is_empty());
}

/// What a baseline of each field would have told, had it spoken from the first event on: as many values as are
/// different, no more and no less.
#[test]
fn first_seen_values_of_attacked_machines() {
    const FIELDS: [&str; 8] = [
        "Image",
        "ParentImage",
        "ImageLoaded",
        "TargetObject",
        "DestinationIp",
        "QueryName",
        "TargetUserName",
        "Computer",
    ];
    let fields = BTreeMap::from([("windows".to_owned(), FIELDS.map(str::to_owned).to_vec())]);
    let config =
        FirstSeenConfig { fields, learning_days: 0, forget_days: 3650, ..FirstSeenConfig::default() };
    let every = FirstSeenConfig { min_score: 0.0, ..config.clone() };
    let (mut every, mut likely) =
        (FirstSeen::new(every, [3; 16]).unwrap(), FirstSeen::new(config, [3; 16]).unwrap());
    let mut expect = BTreeMap::<&str, BTreeSet<String>>::new();
    let files = testkit::corpus("data/host-logs", "gz");
    for path in &files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        read(&unpacked(path), &name, &mut |event| {
            every.observe("windows", event, now());
            likely.observe("windows", event, now());
            for field in FIELDS {
                let value = event
                    .field(field)
                    .and_then(|field| field.as_text().map(|text| text.trim().to_ascii_lowercase()));
                if let Some(value) = value.filter(|value| !["", "-", "(empty)"].contains(&value.as_str())) {
                    expect.entry(field).or_default().insert(value);
                }
            }
            // Nobody lets them pile up.
            every.take_alerts();
            likely.take_alerts();
        });
    }
    let likely: BTreeMap<String, u64> =
        likely.baselines().into_iter().map(|status| (status.field, status.told)).collect();
    for status in every.baselines() {
        println!(
            "{}: {} events, {} different, {} told; {} at a score of 0.9 or more; chance of a new one {:.3}",
            status.field,
            status.observed,
            status.distinct,
            status.told,
            likely.get(&status.field).copied().unwrap_or_default(),
            status.chance_of_new
        );
        let different = expect.get(status.field.as_str()).map_or(0, BTreeSet::len);
        assert_eq!(status.distinct, different, "{}", status.field);
        assert_eq!((status.told, status.withheld), (different as u64, 0), "{}", status.field);
    }
    assert_eq!(every.held(), expect.values().map(BTreeSet::len).sum::<usize>());
}
