//! Cases as text: an object that is as it should be, then changes to it and what the validator says of each.
//!
//! A case file holds sections. A section starts with a line `= title`, then one object; what is said of the
//! object itself stands after `=> ` on a line of its own. Every further line is a case: `POINTER JSON` sets a
//! value, `- POINTER` removes one, several changes are joined by ` & `; what is said stands after ` => `.
//! The file is its own golden copy: `UPDATE_EXPECT=1` rewrites what is said, for review.

use std::fmt::Write;

use expect_test::expect_file;
use json::{Edits, Limits, Tape, Value};
use model::Finding;
use shieldwall_stix::{Checks, bundle, validate};

/// Findings in short: `severity section/rule pointer`.
fn render(findings: &[Finding]) -> String {
    if findings.is_empty() {
        return "clean".to_owned();
    }
    let short = |finding: &Finding| {
        let rule = finding.rule.strip_prefix("stix-2.1/").unwrap();
        format!("{} {rule} {}", finding.severity, finding.pointer).trim_end().to_owned()
    };
    findings.iter().map(short).collect::<Vec<_>>().join(" | ")
}

fn say(raw: &str) -> String {
    let mut tape = Tape::new();
    let value = match tape.parse(raw.as_bytes(), &Limits::OBJECT) {
        Ok(value) => value,
        Err(problem) => panic!("{problem}: {raw}"),
    };
    let mut findings = Vec::new();
    if value.get("type").is_some_and(|name| name.is("bundle")) {
        bundle::check(value, &Checks::default(), &mut findings);
    } else {
        let valid = validate(value, &Checks::default(), &mut findings);
        let errors = findings.iter().any(|finding| finding.severity == model::Severity::Error);
        assert_eq!(valid.is_none(), errors, "{raw}");
    }
    render(&findings)
}

fn change(raw: &str, what: &str) -> String {
    let mut tape = Tape::new();
    let root = tape.parse(raw.as_bytes(), &Limits::OBJECT).unwrap();
    let mut edits = Edits::new();
    if let Some(pointer) = what.strip_prefix("- ") {
        edits.remove(at(root, pointer));
    } else {
        let (pointer, json) = what.split_once(' ').unwrap();
        match root.pointer(pointer) {
            Some(value) => edits.replace(value, json),
            None => {
                let (parent, name) = pointer.rsplit_once('/').unwrap();
                edits.append(at(root, parent), name, json);
            }
        }
    }
    edits.apply(root)
}

fn at<'a>(root: Value<'a>, pointer: &str) -> Value<'a> {
    root.pointer(pointer).unwrap_or_else(|| panic!("`{pointer}` is not in {}", root.raw()))
}

fn check(path: &str) {
    let text = std::fs::read_to_string(path).unwrap();
    let (mut out, mut object, mut in_object) = (String::new(), String::new(), false);
    for line in text.lines() {
        if line.starts_with("= ") {
            object.clear();
            in_object = true;
        } else if in_object && line.starts_with("=> ") {
            in_object = false;
            writeln!(out, "=> {}", say(&object)).unwrap();
            continue;
        } else if in_object {
            object.push_str(line);
        } else if !line.is_empty() && !line.starts_with('#') {
            let changes = line.rsplit_once(" => ").map_or(line, |(changes, _)| changes);
            let changed = changes.split(" & ").fold(object.clone(), |raw, what| change(&raw, what));
            writeln!(out, "{changes} => {}", say(&changed)).unwrap();
            continue;
        }
        writeln!(out, "{line}").unwrap();
    }
    expect_file![path].assert_eq(&out);
}

macro_rules! case_files {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            check(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/cases/", stringify!($name), ".txt"));
        })*
    };
}

case_files! { common domain relationships meta observables extensions custom bundles }
