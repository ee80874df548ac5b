//! `shieldwall stix`: checking without a node.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use json::{Limits, Tape, Value};
use model::{Finding, Severity};
use serde_json::json;
use stix::{Checks, bundle};

use super::{Outcome, read_file};
use crate::cli::Stix;
use crate::exit::{Exit, Failure};
use crate::output;

pub fn run(command: &Stix, json: bool) -> Outcome {
    match command {
        Stix::Validate { files, verbose } => validate(files, *verbose, json),
        Stix::Id { files } => ids(files, json),
    }
}

/// One object of a file, with what was found out about it.
struct Checked<'a> {
    pointer: String,
    id: Option<String>,
    valid: bool,
    findings: Vec<&'a Finding>,
}

fn validate(files: &[PathBuf], verbose: bool, as_json: bool) -> Outcome {
    let mut exit = Exit::Well;
    let (mut objects, mut refused) = (0u64, 0u64);
    for path in files {
        let bytes = read_file(path)?;
        let mut tape = Tape::new();
        let mut findings = Vec::new();
        let document = match tape.parse(&bytes, &Limits::DOCUMENT) {
            Ok(document) => Some(document),
            Err(error) => {
                let message = format!("{} at byte {}", error.problem, error.offset);
                findings.push(Finding::new(Severity::Error, "rfc-8259/json", error.pointer, message));
                None
            }
        };
        for checked in check(document, &mut findings) {
            objects += 1;
            if !checked.valid {
                refused += 1;
                exit = Exit::Findings;
            }
            print(path, &checked, verbose, as_json);
        }
    }
    if !as_json {
        output::say(&format!("{objects} objects checked, {refused} with errors"));
    }
    Ok(exit)
}

/// Sorts the findings of a document to its objects; those about the document itself come first, as one entry of
/// their own.
fn check<'f>(document: Option<Value<'_>>, findings: &'f mut Vec<Finding>) -> Vec<Checked<'f>> {
    let checks = Checks { pattern: Some(runtime::check_pattern), ..Checks::default() };
    let id_of =
        |value: Value<'_>| value.get("id").and_then(|id| id.as_str()).map(std::borrow::Cow::into_owned);
    let mut members: Vec<(String, Option<String>)> = Vec::new();
    let mut envelope = None;
    match document {
        None => envelope = Some(None),
        Some(value) if value.get("type").is_some_and(|kind| kind.is("bundle")) => {
            bundle::check(value, &checks, findings);
            envelope = Some(id_of(value));
            let objects = value.get("objects").into_iter().flat_map(|list| list.items());
            members.extend(objects.enumerate().map(|(at, object)| (format!("/objects/{at}"), id_of(object))));
        }
        Some(value) => {
            let list: Vec<Value<'_>> = value.items().collect();
            let single = if list.is_empty() { vec![value] } else { Vec::new() };
            for (at, object) in list.iter().chain(&single).enumerate() {
                let pointer = if list.is_empty() { String::new() } else { format!("/{at}") };
                let before = findings.len();
                stix::validate(*object, &checks, findings);
                for finding in findings.iter_mut().skip(before) {
                    finding.pointer.insert_str(0, &pointer);
                }
                members.push((pointer, id_of(*object)));
            }
        }
    }
    let places: BTreeMap<&str, usize> =
        members.iter().enumerate().map(|(place, (pointer, _))| (pointer.as_str(), place)).collect();
    let mut own: Vec<Vec<&Finding>> = members.iter().map(|_| Vec::new()).collect();
    let mut rest = Vec::new();
    for finding in findings.iter() {
        let member = owner(&finding.pointer, envelope.is_some()).and_then(|pointer| places.get(pointer));
        match member.and_then(|place| own.get_mut(*place)) {
            Some(own) => own.push(finding),
            None => rest.push(finding),
        }
    }
    let sound = |findings: &[&Finding]| findings.iter().all(|finding| finding.severity < Severity::Error);
    let mut checked: Vec<Checked<'f>> = members
        .iter()
        .zip(own)
        .map(|((pointer, id), findings)| Checked {
            pointer: pointer.clone(),
            id: id.clone(),
            valid: sound(&findings),
            findings,
        })
        .collect();
    if let Some(id) = envelope
        && !rest.is_empty()
    {
        checked.insert(0, Checked { pointer: String::new(), id, valid: sound(&rest), findings: rest });
    }
    checked
}

/// The pointer of the object that a pointer leads into: `/objects/3` of a bundle, `/3` of a list, or the object itself.
fn owner(pointer: &str, bundle: bool) -> Option<&str> {
    let (start, list) =
        if bundle { ("/objects/".len(), pointer.starts_with("/objects/")) } else { (1, true) };
    let tail = pointer.get(start..).unwrap_or_default();
    let digits = tail.bytes().take_while(u8::is_ascii_digit).count();
    let ends = tail.as_bytes().get(digits).is_none_or(|byte| *byte == b'/');
    match (list, digits > 0 && ends) {
        (true, true) => pointer.get(..start + digits),
        _ if bundle => None,
        _ => Some(""),
    }
}

fn print(path: &Path, checked: &Checked<'_>, verbose: bool, as_json: bool) {
    if as_json {
        let findings: Vec<_> = checked.findings.iter().map(|finding| finding_json(finding)).collect();
        return output::line(&json!({
            "file": path.display().to_string(),
            "pointer": checked.pointer,
            "id": checked.id,
            "valid": checked.valid,
            "findings": findings,
        }));
    }
    let shown: Vec<_> =
        checked.findings.iter().filter(|finding| verbose || finding.severity == Severity::Error).collect();
    if shown.is_empty() {
        return;
    }
    output::text(&format!("{}: {}", path.display(), checked.id.as_deref().unwrap_or("no id")));
    for finding in shown {
        output::text(&format!("  {finding}"));
    }
}

/// A finding as it is printed everywhere.
pub fn finding_json(finding: &Finding) -> serde_json::Value {
    json!({
        "severity": finding.severity.as_str(),
        "rule": finding.rule,
        "pointer": finding.pointer,
        "message": finding.message,
        "hint": finding.hint,
    })
}

fn ids(files: &[PathBuf], as_json: bool) -> Outcome {
    let mut exit = Exit::Well;
    for path in files {
        let bytes = read_file(path)?;
        let mut tape = Tape::new();
        let document = tape
            .parse(&bytes, &Limits::DOCUMENT)
            .map_err(|error| Failure::refused(format!("`{}`: {error}", path.display())))?;
        let members: Vec<Value<'_>> = match document.get("objects") {
            Some(list) => list.items().collect(),
            None if document.items().next().is_some() => document.items().collect(),
            None => vec![document],
        };
        for object in members {
            let given = object.get("id").and_then(|id| id.as_str());
            let kind = object.get("type").and_then(|kind| kind.as_str()).unwrap_or_default();
            let id = stix::sco::deterministic_id(object).map(|id| id.to_string());
            if id.is_none() {
                exit = Exit::Findings;
            }
            if as_json {
                output::line(&json!({
                    "file": path.display().to_string(),
                    "type": kind,
                    "given": given,
                    "id": id,
                }));
            } else {
                output::text(&id.unwrap_or_else(|| format!("{kind}: no deterministic id")));
            }
        }
    }
    Ok(exit)
}
