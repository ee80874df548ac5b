//! Figures of two nodes that share under an agreement: catching up, asking privately, looking at what a text would open.
//!
//! `cargo bench -p shieldwall --bench sharing -- [stream] [ask] [diff] [--objects N] [--held N] [--stored N]`. Both nodes
//! are the program itself, with real keys, over TLS on the loopback interface, on one disk. Nothing is asserted but that
//! what is measured happened.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a measurement that cannot be made should stop"
)]
#![expect(clippy::print_stdout, reason = "the figures are the output")]

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ports::trust::StreamPosition;
use runtime::{Core, OsIds, SystemClock};
use store_sqlite::SqliteStore;

#[path = "../tests/e2e/harness.rs"]
#[expect(dead_code, reason = "the tests need more of it")]
mod harness;
#[path = "../tests/e2e/org.rs"]
#[expect(dead_code, reason = "the tests need more of it")]
mod org;

use harness::{CLEAR, GREEN, text};
use org::{Org, allies_with};

const AMBER: &str = "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421";

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let number = |flag: &str, default: u64| {
        let at = words.iter().position(|word| word == flag);
        at.and_then(|at| words.get(at + 1)).map_or(default, |text| text.parse().unwrap())
    };
    let names = ["stream", "ask", "diff"];
    let chosen: Vec<&str> = names.into_iter().filter(|name| words.iter().any(|word| word == name)).collect();
    let wanted = |name: &str| chosen.is_empty() || chosen.contains(&name);
    if wanted("stream") {
        stream(number("--objects", 50_000));
    }
    if wanted("ask") {
        ask(number("--held", 100_000));
    }
    if wanted("diff") {
        diff(number("--stored", 1_000_000));
    }
}

/// Terms with room for what is measured.
fn roomy(terms: String) -> String {
    let caps = ["objects_per_hour = 10000", "objects_per_day = 100000", "bytes_per_day = 2000000000"];
    let room = ["objects_per_hour = 10000000", "objects_per_day = 10000000", "bytes_per_day = 2000000000000"];
    let query = ["most_values = 1000", "leakage_bits_per_day = 100\n"];
    let asked = ["most_values = 10000", "leakage_bits_per_day = 100000\n"];
    let edits = caps.into_iter().zip(room).chain(query.into_iter().zip(asked));
    edits.fold(terms, |terms, (from, to)| {
        assert!(terms.contains(from), "`{from}` is not in the template");
        terms.replace(from, to)
    })
}

/// Indicators of whoever imports them, about 1 KB each, of three labels; every one may go to the ally.
fn bundle(file: &Path, objects: u64) {
    let mut out = BufWriter::new(File::create(file).unwrap());
    out.write_all(br#"{"type":"bundle","id":"bundle--5a0c2a64-6c6b-4d15-9d1c-6a2f33b0a7e1","objects":["#)
        .unwrap();
    for number in 0..objects {
        let comma = if number > 0 { ",\n" } else { "\n" };
        let marking = [CLEAR, GREEN, AMBER][usize::try_from(number % 3).unwrap()];
        let words: String =
            (0..80).map(|place| format!("word{:x} ", (number * 7919 + place * 104_729) % 0xffff)).collect();
        write!(
            out,
            r#"{comma}{{"type":"indicator","spec_version":"2.1","id":"indicator--{number:08x}-0000-4000-8000-0000000be9c0","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","name":"C2 {number}","description":"{words}","indicator_types":["malicious-activity"],"pattern":"[domain-name:value = 'c2-{number}.badhost.net']","pattern_type":"stix","valid_from":"2026-01-01T00:00:00Z","object_marking_refs":["{marking}"]}}"#
        )
        .unwrap();
    }
    out.write_all(b"]}\n").unwrap();
    out.flush().unwrap();
}

fn take_in(org: &Org, objects: u64) {
    let file = org.node.beside("objects.json");
    bundle(&file, objects);
    let begun = Instant::now();
    let done = org.node.json(&["import", text(&file)]);
    assert_eq!(done["accepted"].as_u64(), Some(objects), "{done}");
    println!("  {objects} objects imported in {:.1} s", begun.elapsed().as_secs_f64());
    std::fs::remove_file(file).unwrap();
}

/// Until search has followed the import: it is not what is measured.
fn searched(org: &Org) {
    while org.node.json(&["search", "word0"])["lag"] != 0 {
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// Looks into a node's store beside it.
fn open(org: &Org) -> Core {
    let store = SqliteStore::open(org.node.dir.join("node.db"), store_sqlite::Options::default()).unwrap();
    Core::open(Arc::new(store), Arc::new(SystemClock), Arc::new(OsIds)).unwrap()
}

fn position(core: &Core, outbound: bool) -> StreamPosition {
    let streams = core.store.read().unwrap().streams(core.scope.tenant).unwrap();
    streams.into_iter().find(|(key, _)| key.outbound == outbound).map(|(_, at)| at).unwrap_or_default()
}

/// One node holds a lot when an agreement comes into force: until its ally has all of it, and has said so.
fn stream(objects: u64) {
    println!("stream:");
    let [(kiwi, _), (koala, _)] = allies_with(roomy, |kiwi| {
        take_in(kiwi, objects);
        searched(kiwi);
    });
    let spent =
        |org: &Org| org.serving.as_ref().and_then(|serving| cpu_seconds(serving.id())).unwrap_or_default();
    let before = [&kiwi, &koala].map(spent);
    let begun = Instant::now();
    let (sender, receiver) = (open(&kiwi), open(&koala));
    let mut sealed = None;
    loop {
        let (out, inward) = (position(&sender, true), position(&receiver, false));
        if out.seq >= objects && sealed.is_none() {
            sealed = Some(begun.elapsed());
            println!("  decided, booked, signed: {:.1} s", begun.elapsed().as_secs_f64());
        }
        if inward.seq >= objects && out.acked >= objects {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let took = begun.elapsed().as_secs_f64();
    println!("  sent, verified, stored, acknowledged: {took:.1} s, {:.0} objects/s", objects as f64 / took);
    // On a shared machine the clock also counts what others took.
    for ((name, org), before) in [("sender", &kiwi), ("receiver", &koala)].into_iter().zip(before) {
        let cpu = spent(org) - before;
        println!("  CPU of the {name}: {cpu:.1} s, {:.0} µs an object", cpu * 1e6 / objects as f64);
        let peak = org.serving.as_ref().and_then(harness::Serving::peak_memory).unwrap_or_default();
        println!("  peak memory of the {name}: {:.0} MB", peak as f64 / 1e6);
    }
}

/// CPU-seconds a process has spent so far, by itself and for the system. Only Linux says so, in hundredths (proc(5)).
fn cpu_seconds(id: u32) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name, in brackets, may hold spaces; after it, the times are the twelfth and thirteenth field.
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    Some(ticks / 100.0)
}

/// One asks about 10,000 values, of which the other holds one in ten.
fn ask(held: u64) {
    println!("ask:");
    let [(kiwi, _), (koala, _)] = allies_with(roomy, |kiwi| {
        take_in(kiwi, held);
        searched(kiwi);
    });
    let values: String =
        (0..10_000)
            .map(|n| {
                if n % 10 == 0 { format!("c2-{n}.badhost.net\n") } else { format!("other-{n}.badhost.net\n") }
            })
            .collect();
    let values = koala.node.file("values.txt", values);
    let id =
        koala.node.json(&["agreement", "list"])["agreements"][0]["agreement"].as_str().unwrap().to_owned();
    let begun = Instant::now();
    let seen = koala.node.json(&[
        "ask",
        "kiwi",
        "--agreement",
        &id,
        "--purpose",
        "incident-response",
        "--values",
        text(&values),
    ]);
    println!("  {:.1} s: {seen}", begun.elapsed().as_secs_f64());
    drop(kiwi);
}

/// What a text would open, over everything held.
fn diff(stored: u64) {
    println!("diff:");
    let [(kiwi, _), _] = allies_with(roomy, |kiwi| take_in(kiwi, stored));
    let file = kiwi.file("kiwi-koala.toml");
    let wider = std::fs::read_to_string(&file).unwrap().replace("amber+strict", "red");
    let wider = kiwi.node.file("wider.toml", wider);
    for (what, file) in [("the same text", file.as_str()), ("a wider one", text(&wider))] {
        let begun = Instant::now();
        let shown = kiwi.node.run(&["agreement", "diff", file, "--json"]).exits(0);
        println!("  {what}: {:.2} s, {} bytes of answer", begun.elapsed().as_secs_f64(), shown.stdout.len());
    }
}
