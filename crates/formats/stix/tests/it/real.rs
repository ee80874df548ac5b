//! Real data must be readable: published ATT&CK bundles hold no errors.

use std::collections::BTreeMap;
use std::path::PathBuf;

use json::{Limits, Tape};
use model::{Finding, Severity};
use shieldwall_stix::{Checks, bundle};

/// The folder of shared data; `None`, with the reason printed, where it is absent outside CI.
fn shared(folder: &str) -> Option<PathBuf> {
    let root = std::env::var_os("SHIELDWALL_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../../shared")),
        PathBuf::from,
    );
    let path = root.join(folder);
    if path.is_dir() {
        return Some(path);
    }
    assert!(std::env::var_os("CI").is_none(), "`{}` is missing", path.display());
    println!("skipped: `{}` is missing", path.display());
    None
}

#[expect(clippy::disallowed_methods, reason = "a test may read its data")]
fn findings_of(path: &PathBuf) -> (usize, Vec<Finding>) {
    let bytes = std::fs::read(path).unwrap();
    let mut tape = Tape::new();
    let root = tape.parse(&bytes, &Limits::DOCUMENT).unwrap();
    let mut findings = Vec::new();
    let objects = bundle::check(root, &Checks::default(), &mut findings);
    (objects.len(), findings)
}

#[test]
fn published_attack_bundles_hold_no_errors() {
    let Some(folder) = shared("data/attack") else { return };
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files {
        let (objects, findings) = findings_of(&file);
        let mut rules: BTreeMap<(Severity, &str), usize> = BTreeMap::new();
        for finding in &findings {
            *rules.entry((finding.severity, &finding.rule)).or_default() += 1;
        }
        println!("{}: {objects} objects, {rules:#?}", file.display());
        let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
        assert_eq!(errors, 0);
    }
}

#[test]
fn published_examples_hold_no_errors() {
    let Some(folder) = shared("data/stix-examples") else { return };
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files {
        let (objects, findings) = findings_of(&file);
        println!("{}: {objects} objects", file.display());
        let grave: Vec<_> = findings.iter().filter(|finding| finding.severity >= Severity::Warning).collect();
        assert!(grave.is_empty(), "{grave:?}");
    }
}
