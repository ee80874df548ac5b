//! What markings mean together, one file per feature. [`with`] and [`read`] are the only places that call the reader
//! on a text.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up should stop"
)]

mod acs;
mod adversary;
mod ceilings;
mod data;
mod facts;
mod generate;
mod iep;
mod lattice;
mod markings;
mod onward;
mod releasability;
mod round_trip;
mod stanag;
mod tear_lines;

use std::collections::BTreeMap;

use json::{Limits, Tape, Value};
use model::{Finding, Label, Tlp};
use shieldwall_label::{Handling, Reader, Spifs};

const CLEAR: Label = Label::CLEAR;
const GREEN: Label = Label::Tlp(Tlp::Green);
const AMBER: Label = Label::Tlp(Tlp::Amber);
const STRICT: Label = Label::Tlp(Tlp::AmberStrict);
const RED: Label = Label::Tlp(Tlp::Red);
const OWN: Label = Label::OwnOnly;
const TLPS: [Label; 6] = [OWN, RED, STRICT, AMBER, GREEN, CLEAR];

/// Calls with a text parsed.
fn with<T>(text: &str, call: impl FnOnce(Value<'_>) -> T) -> T {
    let mut tape = Tape::new();
    call(tape.parse(text.as_bytes(), &Limits::DOCUMENT).unwrap_or_else(|error| panic!("{error}: {text}")))
}

/// `marking-definition--` and a UUID that ends in this number.
fn id(number: u32) -> String {
    format!("marking-definition--00000000-0000-4000-8000-{number:012}")
}

/// A definition under [`id`] with these members after the common ones.
fn define(number: u32, members: &str) -> (String, String) {
    let id = id(number);
    let text = format!(
        r#"{{"type":"marking-definition","spec_version":"2.1","id":"{id}","created":"2026-01-01T00:00:00.000Z",{members}}}"#
    );
    (id, text)
}

fn statement(number: u32, text: &str) -> (String, String) {
    let mut quoted = String::new();
    json::write_string(text, &mut quoted);
    define(number, &format!(r#""definition_type":"statement","definition":{{"statement":{quoted}}}"#))
}

/// A definition with one extension.
fn extended(number: u32, extension: &str, body: &str) -> (String, String) {
    define(
        number,
        &format!(r#""extensions":{{"{extension}":{{"extension_type":"property-extension",{body}}}}}"#),
    )
}

fn handling_extension(number: u32, body: &str) -> (String, String) {
    extended(number, shieldwall_label::HANDLING_EXTENSION, body)
}

/// How an object with these object markings may be handled, and what was found.
fn read_with(
    spifs: &Spifs,
    refs: &[&str],
    effective: Label,
    definitions: &[(String, String)],
) -> (Handling, Vec<Finding>) {
    let known: BTreeMap<&str, &str> =
        definitions.iter().map(|(id, text)| (id.as_str(), text.as_str())).collect();
    let resolve = |id: &str| known.get(id).map(|text| (*text).to_owned());
    let refs: Vec<String> = refs.iter().map(|id| format!(r#""{id}""#)).collect();
    let mut findings = Vec::new();
    let handling = with(&format!(r#"{{"object_marking_refs":[{}]}}"#, refs.join(",")), |object| {
        Reader::new(&resolve).with_spifs(spifs).whole(object, effective, &mut findings)
    });
    (handling, findings)
}

/// How an object marked with one definition may be handled, under a default that restricts nothing.
fn read(definition: (String, String)) -> (Handling, Vec<String>) {
    let (handling, findings) = read_with(&Spifs::NONE, &[&definition.0.clone()], CLEAR, &[definition]);
    (handling, findings.into_iter().map(|finding| finding.message).collect())
}

/// Checks that a definition is not understood, and that the finding says this much.
#[track_caller]
fn closed(definition: (String, String), says: &str) {
    let text = definition.1.clone();
    let (handling, findings) = read(definition);
    assert_eq!(handling, Handling::own_only(), "{text}");
    assert!(findings.len() == 1 && findings[0].contains(says), "{findings:?}\n{text}");
    assert!(findings[0].ends_with("so the object stays in this organisation"), "{findings:?}");
}

/// Checks that a definition comes to this canonical text, without findings.
#[track_caller]
fn comes_to(definition: (String, String), expect: &str) {
    let text = definition.1.clone();
    let (handling, findings) = read(definition);
    assert_eq!((handling.to_text().as_str(), findings), (expect, Vec::new()), "{text}");
}
