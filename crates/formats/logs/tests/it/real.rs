//! All the real logs there are, and the log sources of all the real rules.
#![expect(clippy::disallowed_methods, reason = "tests read the shared data")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::Path;

use shieldwall_logs::{
    Counts, Event, Format, Frame, Framer, Framing, LogSource, MAX_RECORD, Reader, Route, Settings, detect,
    route,
};

use crate::{now, value};

/// Reads a whole stream as a node would: what it is, its records, each event to `act`.
fn read(bytes: &[u8], name: &str, act: &mut dyn FnMut(&Event<'_>)) -> (Format, Framing, Counts) {
    let found = detect(bytes, name).unwrap();
    let settings = Settings { stream: found.stream, ..Settings::default() };
    let mut reader = Reader::new(found.format, settings);
    let mut framer = Framer::new(found.framing, MAX_RECORD);
    let mut counts = Counts::default();
    let mut each = |frame: Frame<'_>| match frame {
        Frame::Whole { offset, bytes } => match reader.read(bytes, now()) {
            Ok(Some(event)) => {
                counts.read(event.repaired);
                act(&event);
            }
            Ok(None) => counts.skip(),
            Err(malformed) => counts.refuse(&malformed, offset, bytes),
        },
        Frame::TooLong { offset, length, head } => counts.too_long(offset, length, head),
    };
    for piece in bytes.chunks(64 << 10) {
        framer.push(piece, &mut each);
    }
    framer.finish(&mut each);
    (found.format, found.framing, counts)
}

fn unpacked(path: &Path) -> Vec<u8> {
    let mut out = Vec::new();
    flate2::read::GzDecoder::new(fs::read(path).unwrap().as_slice()).read_to_end(&mut out).unwrap();
    out
}

/// Whether a value stands where its event says, wherever it has no escapes.
fn assert_stands(event: &Event<'_>, name: &str) {
    let (Some(found), Some(span)) = (value(event, name), event.span(name)) else { return };
    if span.len() == found.len() {
        assert_eq!(event.raw.get(span), Some(found.as_bytes()), "{name}");
    }
}

#[test]
fn every_windows_event_reads() {
    let files = testkit::corpus("data/host-logs", "gz");
    let mut classes = BTreeMap::<u16, u64>::new();
    let mut types = BTreeMap::<String, u64>::new();
    let (mut records, mut without_time, mut typed) = (0, 0, 0);
    let mut seen = BTreeMap::<String, u64>::new();
    for path in &files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let (format, framing, counts) = read(&unpacked(path), &name, &mut |event| {
            *classes.entry(event.class.number()).or_default() += 1;
            without_time += u64::from(event.time.is_none());
            if [112, 113, 117].contains(&event.class.number()) {
                typed += 1;
                *types.entry(value(event, "EventType").unwrap_or_default()).or_default() += 1;
            }
            for name in ["Image", "EventID", "Provider_Name", "Computer", "CommandLine", "TargetObject"] {
                assert_stands(event, name);
            }
            assert!(value(event, "Provider_Name").is_some() && event.device().is_some());
            event.observables(&mut |found| {
                if observable::normalise(found.kind, found.text).is_some() {
                    *seen.entry(found.kind.to_string()).or_default() += 1;
                }
            });
        });
        assert_eq!((format, framing, counts.refused()), (Format::WindowsJson, Framing::Lines, 0), "{name}");
        records += counts.records;
    }
    if files.is_empty() {
        return;
    }
    println!("{records} records; classes {classes:?}; event types {types:?}; observables {seen:?}");
    assert_eq!((records, without_time), (13_764, 0));
    for (class, expect) in [
        (101, 46),
        (103, 405),
        (107, 2626),
        (110, 4242),
        (112, 1377),
        (113, 584),
        (117, 67),
        (119, 3),
        (122, 40),
        (200, 48),
        (210, 1),
        (211, 212),
        (221, 12),
    ] {
        assert_eq!(classes.get(&class).copied(), Some(expect), "class {class}");
    }
    assert!(classes.keys().all(|class| *class != 0 && *class != 299));
    // What nxlog overwrote is back; what nobody wrote stays absent.
    assert_eq!((typed, types.get("INFO"), types.get("")), (2028, None, Some(&187)));
    for kind in ["ipv4", "domain", "sha256", "imphash", "file-name", "registry-key"] {
        assert!(seen.contains_key(kind), "{kind}");
    }
}

#[test]
fn every_dump_of_an_event_log_reads() {
    let mut files = testkit::corpus("data/evtx", "json");
    files.extend(testkit::corpus("data/evtx", "jsoncls"));
    let mut classes = BTreeMap::<u16, u64>::new();
    for path in &files {
        let name = path.to_string_lossy();
        let (format, framing, counts) = read(&fs::read(path).unwrap(), &name, &mut |event| {
            *classes.entry(event.class.number()).or_default() += 1;
            assert!(event.time.is_some());
            for field in ["EventID", "Channel", "Computer", "Provider_Name"] {
                assert!(value(event, field).is_some(), "{name}: {field}");
                assert_stands(event, field);
            }
            if event.class.number() == 101 {
                assert!(value(event, "Image").is_some() && value(event, "Hashes").is_some(), "{name}");
            }
        });
        assert_eq!(
            (format, framing, counts.refused()),
            (Format::WindowsJson, Framing::Documents, 0),
            "{name}"
        );
    }
    println!("{} files, classes {classes:?}", files.len());
    let expect =
        [(101, 79), (107, 2), (110, 2), (111, 10), (112, 3), (113, 14), (117, 1), (201, 1), (242, 1)];
    assert!(files.is_empty() || classes == BTreeMap::from(expect), "{classes:?}");
}

#[test]
fn every_record_of_zeek_reads() {
    let files = testkit::corpus("data/zeek", "log");
    for path in &files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let (mut classes, mut ja3, mut ends) = (BTreeMap::<&str, u64>::new(), 0, 0);
        let (format, framing, counts) = read(&fs::read(path).unwrap(), &name, &mut |event| {
            *classes.entry(event.class.class().name).or_default() += 1;
            assert!(event.time.is_some());
            ends += u64::from(value(event, "id.orig_h").is_some());
            event.observables(&mut |seen| ja3 += u64::from(seen.text == "e0fe397a5edfba9a6facc7c7b341f4eb"));
        });
        assert_eq!((format, framing, counts.refused()), (Format::ZeekJson, Framing::Lines, 0), "{name}");
        if name == "combined_zeek.log" {
            println!("{classes:?}");
            assert_eq!((counts.records, ja3), (2140, 376));
            for (stream, expect) in
                [("conn", 613), ("files", 448), ("ssl", 378), ("x509", 378), ("dns", 53), ("http", 62)]
            {
                assert_eq!(classes.get(stream), Some(&expect), "{stream}");
            }
            assert!(ends > 1000);
        }
    }
}

/// The log source of a rule, read without a YAML library: its block has plain values alone.
fn log_source(rule: &str) -> BTreeMap<String, String> {
    let block = rule.lines().skip_while(|line| line.trim_end() != "logsource:").skip(1);
    let block = block.take_while(|line| line.starts_with(' ') || line.trim().is_empty());
    let pairs = block.filter_map(|line| line.trim().split_once(':'));
    let plain = pairs.map(|(name, value)| {
        let value = value.split(" #").next().unwrap_or_default();
        (name.trim().to_owned(), value.trim().trim_matches(['\'', '"']).to_owned())
    });
    plain.filter(|(name, _)| ["product", "category", "service"].contains(&name.as_str())).collect()
}

/// Every log source that rules name is a class, or it is said that nothing produces it.
#[test]
fn every_log_source_of_the_rules_has_an_answer() {
    let files = testkit::corpus("data/sigma", "yml");
    let (mut routed, mut nothing) = (0, BTreeMap::<String, u64>::new());
    let mut unknown = BTreeSet::new();
    for path in &files {
        let source = log_source(&fs::read_to_string(path).unwrap());
        let part = |name: &str| source.get(name).map(String::as_str);
        let asked =
            LogSource { product: part("product"), category: part("category"), service: part("service") };
        match route(&asked) {
            Route::Classes(classes) => {
                assert!(!classes.is_empty());
                routed += 1;
            }
            Route::Nothing(why) => *nothing.entry(why.to_owned()).or_default() += 1,
            Route::Unknown => {
                unknown.insert(format!("{source:?}"));
            }
        }
    }
    println!("{routed} rules have classes; without events: {nothing:?}");
    assert!(unknown.is_empty(), "{unknown:?}");
    assert!(
        files.is_empty() || (routed > 3_700 && nothing.values().sum::<u64>() == 15),
        "{routed} {nothing:?}"
    );
}
