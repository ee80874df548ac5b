//! Recorded Windows events against every public Windows rule: reading, routing, matching. One thread.
//!
//! Rules and events are read from the shared data beside the project. The yardstick is the same engine fed with
//! `serde_json` values, as one would without readers and classes of our own.
#![expect(clippy::unwrap_used, reason = "a bench stops at what cannot be measured")]
#![expect(clippy::disallowed_methods, reason = "a bench may read its data")]

use std::hint::black_box;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use flate2::read::MultiGzDecoder;
use logs::{Format, Reader, Settings};
use model::Timestamp;
use rsigma_eval::{Engine, compile_rule};
use rsigma_parser::parse_sigma_yaml;
use shieldwall_detect::{Loader, Matcher, Sigma};

fn main() {
    if testkit::shared().is_none() {
        return;
    }
    divan::main();
}

fn below(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            below(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// Texts of the Windows rules.
fn rules() -> &'static [(String, String)] {
    static RULES: OnceLock<Vec<(String, String)>> = OnceLock::new();
    RULES.get_or_init(|| {
        let mut files = Vec::new();
        below(&testkit::shared().unwrap().join("data/sigma"), &mut files);
        files.retain(|file| file.extension().is_some_and(|ending| ending == "yml"));
        let texts =
            files.iter().map(|file| (file.display().to_string(), std::fs::read_to_string(file).unwrap()));
        texts.filter(|(_, text)| text.contains("product: windows")).collect()
    })
}

fn sigma() -> Arc<Sigma> {
    static SIGMA: OnceLock<Arc<Sigma>> = OnceLock::new();
    let load = || {
        let mut loader = Loader::new();
        rules().iter().for_each(|(file, text)| loader.add(file, text));
        let sigma = Arc::new(loader.finish());
        sigma.warm();
        sigma
    };
    Arc::clone(SIGMA.get_or_init(load))
}

/// Every recorded event, one a line.
fn events() -> &'static [Vec<u8>] {
    static EVENTS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    EVENTS.get_or_init(|| {
        let mut files = Vec::new();
        below(&testkit::shared().unwrap().join("data/host-logs"), &mut files);
        files.retain(|file| file.extension().is_some_and(|ending| ending == "gz"));
        let mut all = Vec::new();
        for file in files {
            let mut text = Vec::new();
            MultiGzDecoder::new(std::fs::File::open(file).unwrap()).read_to_end(&mut text).unwrap();
            all.extend(text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec));
        }
        all
    })
}

fn bytes() -> usize {
    events().iter().map(Vec::len).sum()
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn load_windows_rules(bencher: Bencher<'_, '_>) {
    bencher.counter(ItemsCount::new(rules().len())).bench(|| {
        let mut loader = Loader::new();
        rules().iter().for_each(|(file, text)| loader.add(file, text));
        loader.finish()
    });
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn read_and_match(bencher: Bencher<'_, '_>) {
    let (sigma, events) = (sigma(), events());
    bencher.counter(ItemsCount::new(events.len())).counter(BytesCount::new(bytes())).bench(|| {
        let mut matcher = Matcher::new(Arc::clone(&sigma));
        let mut reader = Reader::new(Format::WindowsJson, Settings::default());
        let mut alerts = Vec::new();
        for event in events {
            let Ok(Some(event)) = reader.read(event, Timestamp::EPOCH) else { continue };
            matcher.run(&event, &mut alerts);
        }
        black_box(alerts.len())
    });
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn read_alone(bencher: Bencher<'_, '_>) {
    let events = events();
    bencher.counter(ItemsCount::new(events.len())).counter(BytesCount::new(bytes())).bench(|| {
        let mut reader = Reader::new(Format::WindowsJson, Settings::default());
        let mut read = 0;
        for event in events {
            read += usize::from(matches!(reader.read(event, Timestamp::EPOCH), Ok(Some(_))));
        }
        black_box(read)
    });
}

/// Every rule in one engine, no routing, `serde_json` values: what the library does by itself.
#[divan::bench(sample_count = 3, sample_size = 1)]
fn yardstick_one_engine_serde_json(bencher: Bencher<'_, '_>) {
    let mut engine = Engine::new();
    let compiled = rules().iter().flat_map(|(_, text)| {
        let rules = parse_sigma_yaml(text).map(|collection| collection.rules).unwrap_or_default();
        rules.into_iter().filter_map(|rule| compile_rule(&rule).ok())
    });
    engine.extend_compiled_rules(compiled);
    let events = events();
    bencher.counter(ItemsCount::new(events.len())).counter(BytesCount::new(bytes())).bench(|| {
        let mut found = 0;
        for event in events {
            let Ok(value) = serde_json::from_slice::<serde_json::Value>(event) else { continue };
            found += engine.evaluate(&rsigma_eval::JsonEvent::borrow(&value)).len();
        }
        black_box(found)
    });
}
