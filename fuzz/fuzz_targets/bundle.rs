//! Any bytes as a bundle: cut, parsed, upgraded, validated, redacted, put in canonical form.
//!
//! Beyond "no panic": what we accept serde_json accepts too, cutting a text up is as strict as reading it whole,
//! what redaction leaves is JSON again, and a canonical form is its own canonical form.
#![no_main]

use json::{Element, Limits, Splitter, Tape, Value, canonical};
use libfuzzer_sys::fuzz_target;
use stix::redact::{Redaction, redact};
use stix::{Checks, upgrade};

fuzz_target!(|data: &[u8]| {
    let mut tape = Tape::new();
    let whole = tape.parse(data, &Limits::OBJECT);
    let pieces = pieces(data);
    let Ok(root) = whole else { return };
    if let Err(error) = serde_json::from_slice::<serde_json::Value>(data) {
        assert!(error.to_string().starts_with("number out of range"), "accepted, but {error}");
    }
    let mut findings = Vec::new();
    stix::bundle::check(root, &Checks::default(), &mut findings);
    object(root);
    if matches!(root.kind(), json::Kind::Object | json::Kind::Array) {
        for piece in pieces.expect("a valid text must fall into pieces") {
            let mut tape = Tape::new();
            object(tape.parse(&piece, &Limits::OBJECT).expect("a piece of a valid text must be valid"));
        }
    }
});

/// All pieces of the text, if it could be cut up.
fn pieces(data: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut pieces = Vec::new();
    let mut splitter = Splitter::new("objects", Limits::OBJECT.bytes);
    let mut each = |element| match element {
        Element::Item { raw, .. } | Element::Envelope(raw) => pieces.push(raw),
    };
    data.chunks(7).try_for_each(|chunk| splitter.push(chunk, &mut each)).ok()?;
    splitter.finish().ok()?;
    Some(pieces)
}

fn object(value: Value<'_>) {
    let mut findings = Vec::new();
    let valid = stix::validate(value, &Checks::default(), &mut findings).is_some();
    stix::validate(value, &Checks { allow_custom: false, pattern: None }, &mut findings);
    for finding in &findings {
        // A finding about something missing points to where it should be.
        let around = finding.pointer.rsplit_once('/').map_or("", |(around, _)| around);
        assert!(value.pointer(around).is_some(), "points nowhere: {finding}");
    }
    if upgrade::is_2_0(value) {
        for raw in upgrade::upgrade_object(value, &mut findings) {
            parsed(&raw, |upgraded| drop(stix::validate(upgraded, &Checks::default(), &mut Vec::new())));
        }
    }
    if let Redaction::TearLine { text, removed } = redact(value, &|markings| markings.ids().count() < 2) {
        assert!(removed.iter().all(|pointer| value.pointer(pointer).is_some()), "{removed:?}");
        parsed(&text, |left| {
            let mut findings = Vec::new();
            assert!(
                stix::validate(left, &Checks::default(), &mut findings).is_some() || !valid,
                "{text}: {findings:?}"
            );
        });
    }
    let mut once = String::new();
    canonical(value, &mut once);
    parsed(&once, |value| {
        let mut again = String::new();
        canonical(value, &mut again);
        assert_eq!(once, again);
    });
}

fn parsed(text: &str, use_it: impl FnOnce(Value<'_>)) {
    use_it(Tape::new().parse(text.as_bytes(), &Limits::DOCUMENT).expect("what we write is JSON"));
}
