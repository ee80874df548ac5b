//! Figures of Windows' own event log files: through the child alone, and with every rule behind it.
//!
//! `cargo bench -p shieldwall --bench evtx -- [--rounds N]`. The child is the program itself; loading the rules is timed
//! apart. The files are those that were recorded for public rules, again and again, so they come from memory: most hold one
//! record in 68 KiB. Then those with most records alone. Nothing is asserted but that what is measured happened.
#![expect(clippy::unwrap_used, reason = "a measurement that cannot be made should stop")]
#![expect(clippy::print_stdout, reason = "the figures are the output")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use detect::{Loader, Matcher};
use evtx_child::{Evtx, Limits, Report, Told};
use logs::{Format, Reader, Settings};
use model::Timestamp;

/// As in the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BINARY: &str = env!("CARGO_BIN_EXE_shieldwall");

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let at = words.iter().position(|word| word == "--rounds");
    let rounds: usize = at.and_then(|at| words.get(at + 1)).map_or(30, |text| text.parse().unwrap());
    let files = testkit::corpus("data/evtx", "evtx");
    let rules = testkit::corpus("data/sigma", "yml");
    if files.is_empty() || rules.is_empty() {
        return println!("evtx: left out, the shared data folder is missing");
    }
    let environment = vec![("MIMALLOC_ARENA_EAGER_COMMIT".into(), "0".into())];
    let evtx = Evtx::new(BINARY.into(), vec!["evtx-child".into()], Limits::default());
    let evtx = evtx.with_environment(environment);

    let begun = Instant::now();
    let mut loader = Loader::new();
    for path in &rules {
        let text = std::fs::read_to_string(path).unwrap();
        if text.contains("product: windows") {
            loader.add(&path.display().to_string(), &text);
        }
    }
    let sigma = Arc::new(loader.finish());
    sigma.warm();
    println!("evtx: {} rules loaded in {:.2} s", sigma.cards().len(), begun.elapsed().as_secs_f64());

    // The files with the most records, by what a first pass finds.
    let mut counts = vec![0_u64; files.len()];
    evtx.convert_all(&files, &mut |at, told| {
        if let (Told::End(end), Some(count)) = (told, counts.get_mut(at)) {
            *count = end.unwrap().records;
        }
    });
    let dense: Vec<PathBuf> =
        files.iter().zip(&counts).filter(|(_, count)| **count > 1).map(|(path, _)| path.clone()).collect();
    for (name, files, rounds) in [("all files", &files, rounds), ("the densest files", &dense, rounds * 10)] {
        let many: Vec<PathBuf> = std::iter::repeat_n(files, rounds).flatten().cloned().collect();
        measure(&format!("{name}, read alone"), &evtx, &many, &mut |_| 0);
        let mut matcher = Matcher::new(Arc::clone(&sigma));
        let mut reader = Reader::new(Format::Evtx, Settings::default());
        let mut alerts = Vec::new();
        measure(&format!("{name}, with every rule"), &evtx, &many, &mut |record| {
            if let Ok(Some(event)) = reader.read(record, Timestamp::EPOCH) {
                matcher.run(&event, &mut alerts);
            }
            alerts.drain(..).count() as u64
        });
    }
}

/// One pass over files; `each` says how many alerts a record gave.
fn measure(name: &str, evtx: &Evtx, files: &[PathBuf], each: &mut dyn FnMut(&[u8]) -> u64) {
    let mut sum = Report::default();
    let (mut alerts, mut json) = (0, 0);
    let (begun, cpu) = (Instant::now(), cpu_seconds());
    evtx.convert_all(files, &mut |_, told| match told {
        Told::Record(record) => {
            json += record.len() as u64;
            alerts += each(record);
        }
        Told::End(end) => {
            let report = end.unwrap();
            sum.records += report.records;
            sum.bytes += report.bytes;
        }
    });
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "evtx, {name}: {} files, {:.0} MB, {} records, {:.1} MB of JSON, {alerts} alerts in {seconds:.2} s: {:.0} MB/s, {:.0} files/s, {:.0} records/s; {:.2} CPU-s on this side",
        files.len(),
        sum.bytes as f64 / 1e6,
        sum.records,
        json as f64 / 1e6,
        sum.bytes as f64 / 1e6 / seconds,
        files.len() as f64 / seconds,
        sum.records as f64 / seconds,
        cpu_seconds() - cpu,
    );
}

/// CPU seconds this process has used, threads included.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = text.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
    let ticks: f64 = after.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<f64>().ok()).sum();
    ticks / 100.0
}
