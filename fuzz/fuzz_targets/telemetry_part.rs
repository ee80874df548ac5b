//! Any bytes as a Parquet file of telemetry.
//!
//! The first byte says whether the others are the file, or changes to one that the store itself wrote. Beyond "no panic of
//! ours": what was not changed is found whole, and whatever the file holds, the store opens, hunts, merges and goes on.
//!
//! The library that decodes Parquet panics on some damage, and the store takes that for the error it is; so only panics in
//! our own code end the run, and those that nobody catches.
#![no_main]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Once};

use libfuzzer_sys::fuzz_target;
use model::Timestamp;
use observable::{Kind, Observable, normalise};
use ports::telemetry::{Kept, Plan, Retention, Telemetry};
use telemetry::{Options, ParquetTelemetry};

const RECORDS: u64 = 3;

static FOLDER: LazyLock<PathBuf> =
    LazyLock::new(|| std::env::temp_dir().join(format!("shieldwall-fuzz-part-{}", std::process::id())));

/// A file as the store writes it: where in its folder, and its bytes.
static WRITTEN: LazyLock<(PathBuf, Vec<u8>)> = LazyLock::new(|| {
    let folder = FOLDER.with_extension("written");
    let _ = std::fs::remove_dir_all(&folder);
    let store = open(&folder);
    let observables = observables();
    let records: Vec<Kept<'_>> = (0..RECORDS)
        .map(|offset| Kept {
            time: now(),
            source: "dc1",
            class: 7,
            format: "json-lines",
            header: None,
            part: "/var/log/x",
            offset,
            device: Some("quay-17"),
            observables: &observables,
            image: Some("C:\\x.exe"),
            command_line: None,
            raw: b"{\"event\":1}",
        })
        .collect();
    store.append("dc1", RECORDS, now(), &records).expect("the temporary folder must be writable");
    store.committed("dc1", RECORDS).expect("what was kept can be committed");
    store.flush().expect("what was committed can be written");
    drop(store);
    let file = parquet_in(&folder).expect("the store wrote a file");
    let bytes = std::fs::read(&file).expect("the file can be read");
    let place = file.strip_prefix(&folder).expect("the file is in the folder").to_owned();
    let _ = std::fs::remove_dir_all(&folder);
    (place, bytes)
});

fn observables() -> Vec<Observable> {
    [(Kind::Ipv4, "192.0.2.1"), (Kind::Domain, "bad.example"), (Kind::Url, "http://bad.example/x")]
        .map(|(kind, text)| normalise(kind, text).expect("the values above are values"))
        .to_vec()
}

fn parquet_in(folder: &Path) -> Option<PathBuf> {
    std::fs::read_dir(folder).ok()?.flatten().find_map(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return parquet_in(&path);
        }
        path.extension().is_some_and(|extension| extension == "parquet").then_some(path)
    })
}

/// libFuzzer's hook ends the process at every panic, caught or not.
fn let_the_library_panic() {
    static HOOKED: Once = Once::new();
    HOOKED.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let ours = panic.location().is_none_or(|place| {
                let file = place.file();
                file.contains("crates/adapters/") || file.contains("fuzz_targets")
            });
            if ours {
                before(panic);
            }
        }));
    });
}

fuzz_target!(|data: &[u8]| {
    let Some((mode, rest)) = data.split_first() else { return };
    let_the_library_panic();
    let (place, written) = &*WRITTEN;
    let bytes = if mode % 4 == 0 { rest.to_vec() } else { changed(written, rest) };
    let intact = bytes == *written;
    let _ = std::fs::remove_dir_all(&*FOLDER);
    let file = FOLDER.join(place);
    std::fs::create_dir_all(file.parent().expect("a file is in a folder"))
        .expect("the temporary folder must be writable");
    std::fs::write(file, bytes).expect("the temporary folder must be writable");

    let store = open(&FOLDER);
    for values in [Vec::new(), observables()] {
        let found = AtomicU64::new(0);
        let each = |_: usize, _: &Kept<'_>| _ = found.fetch_add(1, Ordering::Relaxed);
        let plan = Plan { values, ..Plan::default() };
        let looked = store.hunt(&plan, 1, &each, &|_| true).expect("a hunt must begin");
        assert_eq!(found.load(Ordering::Relaxed), looked.read);
        assert!(!intact || (looked.read == RECORDS && looked.complete), "{looked:?}");
    }
    let _ = store.maintain(now(), &Retention::default());
    let _ = store.stats();
});

/// The file that was written with other bytes in some places: two bytes for the place, from its end, where the footer is;
/// one for the value.
fn changed(written: &[u8], edits: &[u8]) -> Vec<u8> {
    let mut bytes = written.to_vec();
    for edit in edits.chunks_exact(3) {
        let place = usize::from(u16::from_le_bytes([edit[0], edit[1]])) % bytes.len();
        let place = bytes.len() - 1 - place;
        bytes[place] = edit[2];
    }
    bytes
}

fn now() -> Timestamp {
    Timestamp::from_micros(1_790_000_000_000_000)
}

fn open(folder: &Path) -> ParquetTelemetry {
    let options = Options { durable: false, ..Options::default() };
    ParquetTelemetry::open(folder, options).expect("no content of a file keeps a node from starting")
}
