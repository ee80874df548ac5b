//! MISP events to STIX and back: every kind of attribute, labels, hostile events, real events.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failing fixture ends the test")]
#![expect(clippy::disallowed_methods, reason = "tests read the shared data")]

mod exporting;
mod feeds;
mod hostile;
mod labels;
mod mapping;
mod real;

use json::{Limits, Tape};
use model::{Severity, Timestamp};
use shieldwall_misp::{Context, Converted, to_stix};

const UUID: &str = "5d3f036b-0f50-4499-af4c-695a0a016219";

fn now() -> Timestamp {
    "2026-01-31T12:00:00Z".parse().unwrap()
}

fn convert(text: &str) -> Converted {
    let mut tape = Tape::new();
    let document =
        tape.parse(text.as_bytes(), &Limits::DOCUMENT).unwrap_or_else(|error| panic!("{error}: {text}"));
    to_stix(document, &Context { now: now() })
}

/// An event with these members beside the required ones.
fn event(members: &str) -> String {
    format!(
        r#"{{"Event":{{"uuid":"{UUID}","info":"a test","date":"2020-01-02","timestamp":"1600000000",
        "distribution":"3","published":true,"Orgc":{{"name":"ORG","uuid":"55f6ea5e-51ac-4344-bc8c-4170950d210f"}}{members}}}}}"#
    )
}

/// One attribute as JSON; `n` makes its UUID.
fn attribute(n: u32, attribute_type: &str, value: &str, rest: &str) -> String {
    let mut quoted = String::new();
    json::write_string(value, &mut quoted);
    format!(
        r#"{{"uuid":"00000000-0000-4000-8000-{n:012}","type":"{attribute_type}","value":{quoted},"timestamp":"1600000000"{rest}}}"#
    )
}

/// Every object is valid STIX 2.1, ids are unique, references inside lead somewhere.
fn assert_valid(converted: &Converted) {
    let ids: std::collections::BTreeSet<String> = converted
        .objects
        .iter()
        .map(|object| with(&object.json, |value| value.get("id").unwrap().as_str().unwrap().into_owned()))
        .collect();
    assert_eq!(ids.len(), converted.objects.len(), "ids are unique");
    for object in &converted.objects {
        with(&object.json, |value| {
            let mut findings = Vec::new();
            stix::validate(value, &stix::Checks::default(), &mut findings);
            let errors: Vec<_> =
                findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
            assert!(errors.is_empty(), "{}\n{errors:?}", object.json);
            if let Some(pattern) = value.get("pattern").and_then(|pattern| pattern.as_str())
                && value.get("pattern_type").unwrap().is("stix")
            {
                let parsed = stix_pattern::parse(&pattern, &stix_pattern::Limits::default());
                assert!(parsed.is_ok(), "{pattern}: {parsed:?}");
            }
            for member in ["object_refs", "sighting_of_ref", "source_ref", "target_ref", "created_by_ref"] {
                let Some(refs) = value.get(member) else { continue };
                for reference in refs.items().chain(Some(refs)).filter_map(|value| value.as_str()) {
                    assert!(ids.contains(reference.as_ref()), "{reference} is not there: {}", object.json);
                }
            }
        });
    }
}

fn with<T>(text: &str, each: impl FnOnce(json::Value<'_>) -> T) -> T {
    let mut tape = Tape::new();
    each(tape.parse(text.as_bytes(), &Limits::OBJECT).unwrap())
}

/// The members that differ between objects, one line per object.
fn show(converted: &Converted) -> String {
    let mut out = String::new();
    let ids: Vec<String> = converted
        .objects
        .iter()
        .map(|o| with(&o.json, |v| v.get("id").unwrap().as_str().unwrap().into_owned()))
        .collect();
    for object in &converted.objects {
        let mut line = with(&object.json, |value| {
            let mut line = value.get("type").unwrap().as_str().unwrap().into_owned();
            for (key, member) in value.entries() {
                let key = key.as_str().unwrap().into_owned();
                let dull = [
                    "type",
                    "spec_version",
                    "id",
                    "created",
                    "created_by_ref",
                    "external_references",
                    "indicator_types",
                    "pattern_type",
                    "identity_class",
                    "report_types",
                    "published",
                    "number_observed",
                    "modified",
                    "valid_from",
                ];
                if !dull.contains(&key.as_str()) {
                    line += &format!(" {key}={}", member.raw());
                }
            }
            line
        });
        for (place, id) in ids.iter().enumerate() {
            line = line.replace(id.as_str(), &format!("{place}:{}", id.split("--").next().unwrap()));
        }
        if let Some(label) = object.label {
            line += &format!(" <= {label}");
        }
        out += &line;
        out.push('\n');
    }
    for finding in &converted.findings {
        out += &format!("{finding}\n");
    }
    out
}
