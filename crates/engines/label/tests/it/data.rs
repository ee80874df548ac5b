//! Real objects: everything in the published bundles gets facts, and only what nobody defines is closed.

use std::collections::{BTreeMap, BTreeSet};

use json::{Limits, Tape};
use model::Label;
use shieldwall_label::{Facts, facts};

use crate::GREEN;

#[test]
#[expect(clippy::disallowed_methods, reason = "a test may read its data")]
fn published_objects_get_facts_that_round_trip() {
    let mut files = testkit::corpus("data/attack", "json");
    files.extend(testkit::corpus("data/stix-examples", "json"));
    if files.is_empty() {
        return;
    }
    let (mut objects, mut classes, mut closed, mut unread) = (0, BTreeSet::new(), 0, 0);
    let mut tape = Tape::new();
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        let Ok(bundle) = tape.parse(&bytes, &Limits::DOCUMENT) else { continue };
        let Some(list) = bundle.get("objects") else { continue };
        let definitions: BTreeMap<String, &str> = list
            .items()
            .filter(|object| object.get("type").is_some_and(|kind| kind.is("marking-definition")))
            .filter_map(|object| Some((object.get("id")?.as_str()?.into_owned(), object.raw())))
            .collect();
        let resolve = |id: &str| definitions.get(id).map(|text| (*text).to_owned());
        for object in list.items() {
            let Some(valid) = stix::validate(object, &stix::Checks::default(), &mut Vec::new()) else {
                unread += 1;
                continue;
            };
            let mut findings = Vec::new();
            let facts = facts(&valid, GREEN, &resolve, &mut findings).own();
            let text = facts.to_text();
            assert_eq!(Facts::parse(&text), Ok(facts.clone()), "{text}");
            // Whatever closes an object says so.
            let is_closed = facts.handling.tlp() == Label::OwnOnly;
            assert_eq!(is_closed, !findings.is_empty(), "{text} {findings:?}");
            closed += usize::from(is_closed);
            objects += 1;
            classes.insert(text);
        }
    }
    println!("{objects} objects, {} classes, {closed} closed, {unread} not valid", classes.len());
    assert!(objects > 3_000 && closed < objects / 100, "{objects} objects, {closed} closed");
    assert!(classes.len() < objects / 4, "{} classes of {objects} objects", classes.len());
}
