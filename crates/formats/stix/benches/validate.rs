//! What it costs to read an object: parse plus full validation, beside a plain `serde_json::Value` parse of the
//! same bytes. One thread. The input is published ATT&CK, again and again with fresh ids: 51 samples of about
//! 4,000 objects, so more than 200,000 in all.
#![expect(clippy::unwrap_used, reason = "a bench without its data has nothing to measure")]

use std::path::PathBuf;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use json::{Limits, Tape};
use shieldwall_stix::{Checks, validate};

fn main() {
    divan::main();
}

/// The raw text of every object of the published bundles.
#[expect(clippy::disallowed_methods, reason = "a bench may read its data")]
fn published() -> Vec<String> {
    let root = std::env::var_os("SHIELDWALL_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../../shared")),
        PathBuf::from,
    );
    let mut files: Vec<_> =
        std::fs::read_dir(root.join("data/attack")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut tape = Tape::new();
    let mut objects = Vec::new();
    for file in files {
        let bytes = std::fs::read(file).unwrap();
        let bundle = tape.parse(&bytes, &Limits::DOCUMENT).unwrap();
        objects.extend(bundle.get("objects").unwrap().items().map(|object| object.raw().to_owned()));
    }
    objects
}

/// The same objects with ids nobody has seen: every UUID gets other first digits, the same ones everywhere.
fn renamed(objects: &[String], copy: u32) -> Vec<String> {
    objects
        .iter()
        .map(|object| {
            let mut out = String::with_capacity(object.len());
            let mut rest = object.as_str();
            while let Some((head, tail)) = rest.split_once("--") {
                out.push_str(head);
                out.push_str("--");
                rest = tail;
                let Some((digits, after)) = tail.split_at_checked(8) else { continue };
                if let (Ok(number), true) = (u32::from_str_radix(digits, 16), after.starts_with('-')) {
                    out.push_str(&format!("{:08x}", number ^ copy.wrapping_mul(0x9e37_79b9)));
                    rest = after;
                }
            }
            out.push_str(rest);
            out
        })
        .collect()
}

fn bench(bencher: Bencher<'_, '_>, mut read: impl FnMut(&[String])) {
    let objects = published();
    let bytes: usize = objects.iter().map(String::len).sum();
    let mut copy = 0;
    bencher
        .counter(ItemsCount::new(objects.len()))
        .counter(BytesCount::new(bytes))
        .with_inputs(|| {
            copy += 1;
            renamed(&objects, copy)
        })
        .bench_local_refs(|objects| read(objects));
}

#[divan::bench(sample_count = 51, sample_size = 1)]
fn parse_and_validate(bencher: Bencher<'_, '_>) {
    let (mut tape, mut findings, checks) = (Tape::new(), Vec::new(), Checks::default());
    bench(bencher, |objects| {
        for object in objects {
            findings.clear();
            let value = tape.parse(object.as_bytes(), &Limits::OBJECT).unwrap();
            assert!(black_box(validate(value, &checks, &mut findings)).is_some());
        }
    });
}

#[divan::bench(sample_count = 51, sample_size = 1)]
fn parse_only(bencher: Bencher<'_, '_>) {
    let mut tape = Tape::new();
    bench(bencher, |objects| {
        for object in objects {
            black_box(tape.parse(object.as_bytes(), &Limits::OBJECT).unwrap());
        }
    });
}

#[divan::bench(sample_count = 51, sample_size = 1)]
fn serde_json_value_parse(bencher: Bencher<'_, '_>) {
    bench(bencher, |objects| {
        for object in objects {
            black_box(serde_json::from_str::<serde_json::Value>(object).unwrap());
        }
    });
}
