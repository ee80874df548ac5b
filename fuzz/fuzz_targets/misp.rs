//! Any bytes as a MISP document, a feed's manifest and its hashes.
//!
//! Beyond "no panic": what an event becomes is valid STIX, converting again gives the same, and it can be written as
//! an event again that is read back.
#![no_main]

use json::{Limits, Tape, Value};
use libfuzzer_sys::fuzz_target;
use misp::{Context, Converted, ExportContext, Exported, feed_hashes, feed_manifest, from_stix, to_stix};
use model::{Label, Timestamp, Uuid};

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = feed_hashes(text);
    }
    let mut tape = Tape::new();
    let Ok(document) = tape.parse(data, &Limits::OBJECT) else { return };
    let _ = feed_manifest(document);
    let converted = to_stix(document, &Context { now: NOW });
    let again = to_stix(document, &Context { now: NOW });
    assert_eq!(converted.objects, again.objects);
    for finding in &converted.findings {
        let around = finding.pointer.rsplit_once('/').map_or("", |(around, _)| around);
        assert!(document.pointer(around).is_some(), "points nowhere: {finding}");
    }
    back(&converted);
});

fn back(converted: &Converted) {
    let mut tapes: Vec<Tape> = converted.objects.iter().map(|_| Tape::new()).collect();
    let objects: Vec<Exported<'_>> = tapes
        .iter_mut()
        .zip(&converted.objects)
        .map(|(tape, object)| {
            let label = object.label.unwrap_or(Label::OwnOnly);
            Exported { object: valid(tape, &object.json), terms: Vec::new(), label }
        })
        .collect();
    let context = ExportContext {
        uuid: Uuid::v4([1; 16]),
        info: "fuzz".to_owned(),
        org_name: "Example".to_owned(),
        org_uuid: Uuid::v4([2; 16]),
        now: NOW,
    };
    let (event, _) = from_stix(&objects, &context);
    let mut tape = Tape::new();
    let document = tape.parse(event.as_bytes(), &Limits::DOCUMENT).expect("what we write is JSON");
    assert!(misp::detect(document), "not read as an event again: {event}");
}

fn valid<'a>(tape: &'a mut Tape, text: &'a str) -> Value<'a> {
    let object = tape.parse(text.as_bytes(), &Limits::OBJECT).expect("what we write is JSON");
    let mut findings = Vec::new();
    assert!(
        stix::validate(object, &stix::Checks::default(), &mut findings).is_some(),
        "{text}: {findings:?}"
    );
    object
}
