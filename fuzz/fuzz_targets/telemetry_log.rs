//! Any bytes as a file of telemetry's write-ahead log, found at a start.
//!
//! The first byte says whether the others stand there as they are, or as bodies of entries with the right length and
//! checksum, behind a good head or not. Beyond "no panic": turning a log into files doubles no record, and loses none
//! without saying so.
#![no_main]

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use libfuzzer_sys::fuzz_target;
use model::Timestamp;
use ports::telemetry::{Plan, Retention, Telemetry};
use telemetry::{Options, ParquetTelemetry};
use twox_hash::XxHash3_64;

/// Head of a file of the source `dc1`: what it is, the version, the name.
const HEAD: &[u8] = b"\0\x01\x03\0\0\0dc1";

static FOLDER: LazyLock<PathBuf> =
    LazyLock::new(|| std::env::temp_dir().join(format!("shieldwall-fuzz-log-{}", std::process::id())));

fn entry(body: &[u8], out: &mut Vec<u8>) {
    out.extend((body.len() as u32).to_le_bytes());
    out.extend(XxHash3_64::oneshot(body).to_le_bytes());
    out.extend(body);
}

/// Each body is a byte for its length, and itself.
fn framed(mut rest: &[u8], head: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    if head {
        entry(HEAD, &mut bytes);
    }
    while let [length, body @ ..] = rest {
        let (body, after) = body.split_at(usize::from(*length).min(body.len()));
        entry(body, &mut bytes);
        rest = after;
    }
    bytes
}

fuzz_target!(|data: &[u8]| {
    let Some((mode, rest)) = data.split_first() else { return };
    let log = match mode % 4 {
        0 => rest.to_vec(),
        1 => framed(rest, false),
        _ => framed(rest, true),
    };
    let folder = FOLDER.join("_wal/dc1~0");
    let _ = std::fs::remove_dir_all(&*FOLDER);
    std::fs::create_dir_all(&folder).expect("the temporary folder must be writable");
    std::fs::write(folder.join("0000000000000001.wal"), log).expect("the temporary folder must be writable");

    let store = open(&FOLDER);
    let (before, complete) = hunt(&store);
    assert!(store.stats().waiting >= before, "more was found than is there");
    if store.committed("dc1", u64::MAX).is_ok() && store.flush().is_ok() {
        let (after, _) = hunt(&store);
        assert!(after <= before, "{before} records became {after}");
        let told = !store.stats().blind.is_empty() || !complete;
        assert!(after == before || told, "{before} records became {after}, and nobody says so");
    }
    let _ = store.maintain(now(), &Retention::default());
    drop(store);
    let again = open(&FOLDER);
    let _ = hunt(&again);
});

fn now() -> Timestamp {
    Timestamp::from_micros(1_790_000_000_000_000)
}

fn open(folder: &Path) -> ParquetTelemetry {
    let options = Options { durable: false, ..Options::default() };
    ParquetTelemetry::open(folder, options).expect("no content of a log keeps a node from starting")
}

/// How many records there are, and whether all could be read.
fn hunt(store: &ParquetTelemetry) -> (u64, bool) {
    let found = AtomicU64::new(0);
    let each = |_: usize, _: &ports::telemetry::Kept<'_>| _ = found.fetch_add(1, Ordering::Relaxed);
    let looked = store.hunt(&Plan::default(), 1, &each, &|_| true).expect("a hunt must begin");
    (found.into_inner(), looked.complete && looked.blind.is_empty())
}
