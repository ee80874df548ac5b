//! Every MISP event we have.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use model::Severity;

use crate::{assert_valid, convert, with};

/// A folder of the shared data, or `None` with a printed reason; required where `CI` is true.
fn shared(folder: &str) -> Option<PathBuf> {
    let root = std::env::var_os("SHIELDWALL_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../../shared"), PathBuf::from);
    let path = root.join(folder);
    if path.is_dir() {
        return Some(path);
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{} is required in CI", path.display());
    println!("skipped: {} is not there; set SHIELDWALL_SHARED", path.display());
    None
}

#[test]
fn every_real_event_converts() {
    let Some(folder) = shared("data/misp-events") else { return };
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 24);
    let mut totals = BTreeMap::<String, usize>::new();
    println!("{:<52} {:>7} {:>6} {:>8}  findings", "event", "objects", "refs", "bytes");
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        let converted = convert(&text);
        assert_eq!(converted.events, 1, "{}", path.display());
        assert_valid(&converted);
        let attributes = text.matches("\"to_ids\":").count();
        // Identity and report beside at least one object for every other attribute.
        assert!(
            converted.objects.len() >= 2 + attributes / 4,
            "{}: {} of {attributes}",
            path.display(),
            converted.objects.len()
        );
        let refs = converted.objects.last().map_or(0, |object| {
            with(&object.json, |value| value.get("object_refs").map_or(0, |refs| refs.items().count()))
        });
        let mut rules = BTreeMap::<&str, usize>::new();
        for finding in &converted.findings {
            assert!(finding.severity < Severity::Error, "{finding}");
            if finding.severity > Severity::Note {
                println!("  {finding}");
            }
            *rules.entry(finding.rule.as_ref()).or_default() += 1;
        }
        for object in &converted.objects {
            let type_name =
                with(&object.json, |value| value.get("type").unwrap().as_str().unwrap().into_owned());
            *totals.entry(type_name).or_default() += 1;
        }
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        println!("{name:<52} {:>7} {refs:>6} {:>8}  {rules:?}", converted.objects.len(), text.len());
    }
    println!("{totals:#?}");
}
