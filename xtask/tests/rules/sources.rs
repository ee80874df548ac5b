//! How the source text is written.

use std::path::{Path, PathBuf};

use crate::{Breach, none, texts};

fn rust() -> impl Iterator<Item = (PathBuf, String)> {
    texts().into_iter().filter(|(file, _)| file.extension().is_some_and(|extension| extension == "rs"))
}

/// The `//!` lines a file opens with.
fn head(text: &str) -> String {
    let lines = text.lines().take_while(|line| line.starts_with("//!"));
    lines.map(|line| line.trim_start_matches("//!").trim()).collect::<Vec<_>>().join(" ")
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent = rust().filter(|(_, text)| head(text).is_empty());
    none(silent.map(|(file, _)| format!("{}: no `//!` at the top", file.display())).collect());
}

#[test]
fn every_crate_states_its_invariant_and_what_it_must_not_know() {
    let mut breaches: Vec<Breach> = Vec::new();
    for (file, text) in
        rust().filter(|(file, _)| file.ends_with("src/lib.rs") || file.ends_with("src/main.rs"))
    {
        let head = head(&text);
        for phrase in ["**Invariant", "ust not know"] {
            if !head.contains(phrase) {
                breaches.push(format!("{}: `//!` does not say `{phrase}…`", file.display()));
            }
        }
    }
    none(breaches);
}

#[test]
fn the_map_shows_every_crate() {
    let map = std::fs::read_to_string(crate::root().join("ARCHITECTURE.md")).unwrap();
    let manifests = texts().into_iter().map(|(file, _)| file).filter(|file| file.ends_with("Cargo.toml"));
    let folders = manifests.filter_map(|file| Some(file.parent()?.display().to_string()));
    let shown = |folder: &String| folder.is_empty() || map.contains(&format!("- `{folder}`:"));
    none(
        folders
            .filter(|f| !shown(f))
            .map(|f| format!("{f}: not in the code map of ARCHITECTURE.md"))
            .collect(),
    );
}

#[test]
fn a_long_file_says_why_it_is_one() {
    let breach = |(file, text): (PathBuf, String)| {
        let lines = text.lines().count();
        let long = lines > 800 && !head(&text).to_lowercase().contains("one file because");
        long.then(|| {
            format!("{}: {lines} lines, and `//!` has no sentence `One file because …`", file.display())
        })
    };
    none(rust().filter_map(breach).collect());
}

#[test]
fn nothing_is_left_for_later() {
    // Put together here so that this file does not trip over itself.
    let marks =
        ["#[ign~ore", "to~do!", "unimpl~emented!", "FIX~ME", "XX~X", "HA~CK", "#[all~ow(", "#![all~ow("];
    let marks = marks.map(|mark| mark.replace('~', ""));
    let mut breaches: Vec<Breach> = Vec::new();
    for (file, text) in rust() {
        for (number, line) in text.lines().enumerate() {
            for mark in marks.iter().filter(|mark| line.contains(mark.as_str())) {
                breaches.push(format!("{}:{}: `{mark}`", file.display(), number + 1));
            }
        }
    }
    none(breaches);
}

#[test]
fn every_shipped_crate_is_tested() {
    let sources: Vec<_> = rust().collect();
    let manifests = texts().into_iter().map(|(file, _)| file).filter(|file| file.ends_with("Cargo.toml"));
    let crates = manifests.filter_map(|manifest| Some(manifest.parent()?.to_owned()));
    let tested = |folder: &Path| {
        let own = sources.iter().filter(|(file, _)| file.starts_with(folder));
        own.into_iter()
            .any(|(_, text)| ["#[test]", "#[tokio::test", "proptest!"].iter().any(|m| text.contains(m)))
    };
    // The root has no code; test tools and fuzz targets are tests themselves.
    let unshipped = [Path::new("crates/dev"), Path::new("fuzz")];
    let shipped =
        crates.filter(|f| f != Path::new("") && !unshipped.iter().any(|folder| f.starts_with(folder)));
    none(shipped.filter(|f| !tested(f)).map(|folder| format!("{}: no test", folder.display())).collect());
}
