//! Events against a million values of indicators: Suricata's EVE JSON, 700 bytes and twelve fields with values each, of
//! which one event in a thousand has one that is an indicator's. One thread, from bytes to hits, reading included.
//!
//! Half of the events are of HTTP, half of files; the indicators are in proportion what public lists have: 60 % names,
//! 15 % addresses with a port, 10 % URLs, addresses, hashes, and a network for every thousand of them; and one of each
//! other kind that the events have, so that no value is passed over.
#![expect(clippy::unwrap_used, reason = "a bench stops at what cannot be measured")]

use std::hint::black_box;
use std::sync::{Arc, OnceLock};

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use logs::{Format, Frame, Framer, Framing, MAX_RECORD, Reader, Settings};
use model::Timestamp;
use observable::{Kind, Observable, normalise};
use shieldwall_detect::{Atom, Entry, Index, Scratch, Segment, SegmentBuilder};

/// As in the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const INDICATORS: u64 = 1_000_000;
const EVENTS: u64 = 50_000;
/// As much as is read of a file at a time.
const PIECE: usize = 1 << 20;

fn main() {
    divan::main();
}

/// One step of SplitMix64: numbers that look random and are the same in every run.
const fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// The name of an indicator.
fn bad_name(n: u64) -> String {
    let ending = ["com", "top", "xyz", "ru", "info"].get((n % 5) as usize).unwrap_or(&"net");
    format!("{:010x}.{ending}", mix(n) >> 24)
}

fn address(bits: u64) -> String {
    let [_, a, b, c, ..] = bits.to_le_bytes();
    format!("45.{a}.{b}.{c}")
}

fn indicator(n: u64) -> (Observable, Option<u16>) {
    let random = mix(!n);
    let value = |kind, text: &str| normalise(kind, text).unwrap();
    match n % 20 {
        _ if n.is_multiple_of(1000) => (value(Kind::Ipv4, &format!("{}/24", address(random))), None),
        0..=11 => (value(Kind::Domain, &bad_name(n)), None),
        12..=14 => (value(Kind::Ipv4, &address(random)), Some(443 + (n % 4000) as u16)),
        15 | 16 => (value(Kind::Url, &format!("http://{}/{:x}/gate.php", bad_name(n), random >> 40)), None),
        17 => (value(Kind::Ipv4, &address(random)), None),
        18 => {
            let digits = format!("{random:016x}{:016x}{:016x}{:016x}", mix(random), mix(n), mix(n ^ random));
            (value(Kind::Sha256, &digits), None)
        }
        _ => (value(Kind::Md5, &format!("{random:016x}{:016x}", mix(random))), None),
    }
}

/// Values of the kinds that no other indicator is of.
const OTHERS: [(Kind, &str); 5] = [
    (Kind::Mac, "02:00:00:00:00:01"),
    (Kind::UserAgent, "evil/1.0"),
    (Kind::HttpTarget, "/evil/gate.php"),
    (Kind::FileName, "evil.bin"),
    (Kind::Sha1, "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
];

fn entry(subject: u64, observable: Observable, port: Option<u16>) -> Entry {
    let atom = Atom { observable, port };
    Entry { atom, subject, from: Timestamp::EPOCH, until: None, confidence: Some(80) }
}

fn entries() -> &'static [Entry] {
    static ENTRIES: OnceLock<Vec<Entry>> = OnceLock::new();
    ENTRIES.get_or_init(|| {
        let others =
            OTHERS.iter().map(|(kind, text)| entry(INDICATORS, normalise(*kind, text).unwrap(), None));
        let most = (0..INDICATORS).map(|n| {
            let (observable, port) = indicator(n);
            entry(n, observable, port)
        });
        most.chain(others).collect()
    })
}

fn segment() -> &'static [u8] {
    static SEGMENT: OnceLock<Vec<u8>> = OnceLock::new();
    SEGMENT.get_or_init(|| {
        let mut builder = SegmentBuilder::new();
        entries().iter().for_each(|entry| {
            builder.add(entry);
        });
        builder.finish()
    })
}

fn index() -> Index {
    Index::default().with_segment(Arc::new(Segment::open(segment()).unwrap()))
}

/// What all events have, without the closing brace.
fn flow(n: u64, event_type: &str) -> String {
    let random = mix(n);
    let [a, b, c, d, e, f, g, h] = random.to_le_bytes();
    format!(
        r#"{{"timestamp":"2024-06-01T10:{:02}:{:02}.{:06}+0000","flow_id":{},"event_type":"{event_type}","src_ip":"10.{a}.{b}.{c}","src_port":{},"dest_ip":"203.0.{d}.{e}","dest_port":80,"proto":"TCP","ether":{{"src_mac":"00:16:3e:{f:02x}:{g:02x}:{h:02x}","dest_mac":"00:16:3e:{h:02x}:{f:02x}:{g:02x}"}}"#,
        n / 60 % 60,
        n % 60,
        n % 1_000_000,
        random >> 12,
        49_152 + n % 16_384,
    )
}

/// One event; every thousandth was at an indicator's name.
fn event(n: u64) -> String {
    let random = mix(!n);
    let host = if n.is_multiple_of(1000) {
        bad_name(random % (INDICATORS / 20) * 20 + 1)
    } else {
        format!("img{}.static-{}.example.net", random % 97, random % 4999)
    };
    let http = format!(
        r#""http":{{"hostname":"{host}","url":"/assets/{random:x}/{n}.js?v={}","http_user_agent":"Mozilla/5.0 (X11; Linux x86_64) Firefox/126.0","http_refer":"http://www{}.shop.example.org/list","http_method":"GET","status":302,"redirect":"http://login{}.example.org/{:x}","length":{},"xff":"198.51.100.{}"}}"#,
        random % 100,
        random % 31,
        random % 53,
        random >> 44,
        random % 90_000,
        random % 256,
    );
    if n.is_multiple_of(2) {
        return format!("{},{http}}}\n", flow(n, "http"));
    }
    let file = format!(
        r#""fileinfo":{{"filename":"/{n:x}.bin","md5":"{:016x}{random:016x}","sha1":"{random:016x}{:016x}{:08x}","sha256":"{random:016x}{:016x}{:016x}{:016x}","size":{}}}"#,
        mix(random),
        mix(n),
        n % 0xffff_ffff,
        mix(n),
        mix(n ^ 1),
        mix(n ^ 2),
        random % 1_000_000,
    );
    format!("{},{http},{file}}}\n", flow(n, "fileinfo"))
}

fn log() -> &'static [u8] {
    static LOG: OnceLock<String> = OnceLock::new();
    LOG.get_or_init(|| (0..EVENTS).map(event).collect()).as_bytes()
}

/// Reads the log from its first to its last byte; returns how many events there were.
fn read(each: &mut dyn FnMut(&logs::Event<'_>)) -> u64 {
    let mut reader = Reader::new(Format::EveJson, Settings::default());
    let mut framer = Framer::new(Framing::Lines, MAX_RECORD);
    let mut events = 0;
    for piece in log().chunks(PIECE) {
        framer.push(piece, &mut |frame| {
            if let Frame::Whole { bytes, .. } = frame
                && let Ok(Some(event)) = reader.read(bytes, Timestamp::EPOCH)
            {
                events += 1;
                each(&event);
            }
        });
    }
    events
}

/// From bytes to hits.
#[divan::bench(sample_count = 20)]
fn events(bencher: Bencher<'_, '_>) {
    let (index, mut scratch) = (index(), Scratch::default());
    let bytes = log().len();
    let mean = bytes as u64 / EVENTS;
    assert!((680..720).contains(&mean), "{mean} bytes an event");
    bencher.counter(ItemsCount::new(EVENTS)).counter(BytesCount::new(bytes)).bench_local(|| {
        let mut hit = 0;
        let read = read(&mut |event| {
            let mut found = false;
            let at = event.time.unwrap_or(Timestamp::EPOCH);
            index.look(event, at, &mut scratch, &mut |_| found = true);
            hit += u64::from(found);
        });
        assert_eq!((read, hit), (EVENTS, EVENTS / 1000));
    });
}

/// The part of that which is reading.
#[divan::bench(sample_count = 20)]
fn reading_alone(bencher: Bencher<'_, '_>) {
    let bytes = log().len();
    bencher.counter(ItemsCount::new(EVENTS)).counter(BytesCount::new(bytes)).bench_local(|| {
        read(&mut |event| {
            black_box(event);
        })
    });
}

/// The part of that which is reading, and having every value handed out.
#[divan::bench(sample_count = 20)]
fn reading_and_values(bencher: Bencher<'_, '_>) {
    let bytes = log().len();
    bencher.counter(ItemsCount::new(EVENTS)).counter(BytesCount::new(bytes)).bench_local(|| {
        read(&mut |event| {
            event.observables(&mut |sighted| {
                black_box(sighted.text);
            });
        })
    });
}

/// Names that are no indicators', normalised before.
#[divan::bench(sample_count = 20)]
fn names_that_miss(bencher: Bencher<'_, '_>) {
    let index = index();
    let name = |n: u64| normalise(Kind::Domain, &format!("{:x}.static.example.net", mix(n))).unwrap();
    let names: Vec<Observable> = (0..100_000).map(name).collect();
    bencher.counter(ItemsCount::new(names.len())).bench_local(|| {
        let mut found = 0u64;
        for name in &names {
            index.ask(name, Some(443), Timestamp::EPOCH, &mut |_, _| found += 1);
        }
        assert_eq!(black_box(found), 0);
    });
}

/// From entries to the bytes of a segment.
#[divan::bench(sample_count = 3)]
fn building(bencher: Bencher<'_, '_>) {
    let entries = entries();
    bencher.counter(ItemsCount::new(entries.len())).bench_local(|| {
        let mut builder = SegmentBuilder::new();
        entries.iter().for_each(|entry| {
            builder.add(entry);
        });
        let bytes = builder.finish();
        assert!(bytes.len() < 100_000_000, "{} bytes", bytes.len());
        bytes
    });
}

/// Checking the bytes of a segment and making them ready.
#[divan::bench(sample_count = 20)]
fn opening(bencher: Bencher<'_, '_>) {
    bencher.counter(BytesCount::new(segment().len())).bench_local(|| Segment::open(segment()).unwrap());
}

/// One entry more, when the delta is nearly full.
#[divan::bench(sample_count = 50)]
fn one_more(bencher: Bencher<'_, '_>) {
    let name =
        |n: u64| entry(n, normalise(Kind::Domain, &format!("{:x}.new.example", mix(n))).unwrap(), None);
    let index = index().with(&(0..4000).map(name).collect::<Vec<_>>());
    let more = [name(9999)];
    bencher.bench_local(|| index.with(&more));
}

/// One indicator less.
#[divan::bench(sample_count = 50)]
fn one_less(bencher: Bencher<'_, '_>) {
    let index = index().without(0..10_000);
    bencher.bench_local(|| index.without([500_000]));
}
