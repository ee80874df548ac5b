//! What the facts of an object cost, for one validated object at a time on one thread; and what policy does with
//! them afterwards.
#![expect(clippy::unwrap_used, reason = "a bench without its objects has nothing to measure")]

use std::hint::black_box;

use divan::Bencher;
use json::{Limits, Tape};
use model::{Label, Tlp};
use shieldwall_label::{Facts, Handling, Pap, Reader, Releasability, facts, marking_refs};
use stix::marking::tlp_ref;

fn main() {
    divan::main();
}

const GREEN: Label = Label::Tlp(Tlp::Green);

/// Definitions of a statement and of a PAP level, as texts that are found by id.
fn definitions(id: &str) -> Option<String> {
    let statement = match id.as_bytes().last()? {
        b'1' => {
            "Copyright 2015-2025, The MITRE Corporation. MITRE ATT&CK and ATT&CK are registered trademarks."
        }
        b'2' => "PAP:AMBER",
        _ => return None,
    };
    Some(format!(
        r#"{{"type":"marking-definition","spec_version":"2.1","id":"{id}","created":"2026-01-01T00:00:00.000Z","definition_type":"statement","definition":{{"statement":"{statement}"}}}}"#
    ))
}

const STATEMENT: &str = "marking-definition--00000000-0000-4000-8000-000000000001";
const PAP: &str = "marking-definition--00000000-0000-4000-8000-000000000002";

fn indicator(markings: &str) -> String {
    format!(
        r#"{{"type":"indicator","spec_version":"2.1","id":"indicator--00000000-0000-4000-8000-000000000001",
        "created_by_ref":"identity--00000000-0000-4000-8000-000000000002",
        "created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","name":"A phishing site",
        "description":"Seen in mail to several members.","indicator_types":["malicious-activity"],
        "pattern":"[url:value = 'https://phish.example/login']","pattern_type":"stix","pattern_version":"2.1",
        "valid_from":"2026-01-01T00:00:00Z"{markings}}}"#
    )
}

fn bench(bencher: Bencher<'_, '_>, text: &str) {
    let (mut tape, mut findings) = (Tape::new(), Vec::new());
    let value = tape.parse(text.as_bytes(), &Limits::OBJECT).unwrap();
    let valid = stix::validate(value, &stix::Checks::default(), &mut findings).unwrap();
    bencher.bench_local(|| {
        let mut findings = Vec::new();
        facts(black_box(&valid), GREEN, &definitions, &mut findings)
    });
}

#[divan::bench]
fn facts_without_markings(bencher: Bencher<'_, '_>) {
    bench(bencher, &indicator(""));
}

#[divan::bench]
fn facts_with_tlp(bencher: Bencher<'_, '_>) {
    bench(bencher, &indicator(&format!(r#","object_marking_refs":["{}"]"#, tlp_ref(Tlp::Amber))));
}

#[divan::bench]
fn facts_with_statement(bencher: Bencher<'_, '_>) {
    bench(bencher, &indicator(&format!(r#","object_marking_refs":["{STATEMENT}"]"#)));
}

#[divan::bench]
fn facts_with_tlp_and_pap(bencher: Bencher<'_, '_>) {
    bench(bencher, &indicator(&format!(r#","object_marking_refs":["{}","{PAP}"]"#, tlp_ref(Tlp::Amber))));
}

#[divan::bench]
fn facts_with_granular_markings(bencher: Bencher<'_, '_>) {
    let red = tlp_ref(Tlp::Red);
    bench(
        bencher,
        &indicator(&format!(
            r#","object_marking_refs":["{}"],"granular_markings":[{{"marking_ref":"{red}","selectors":["name","description"]}},{{"marking_ref":"{PAP}","selectors":["pattern"]}}]"#,
            tlp_ref(Tlp::Amber)
        )),
    );
}

fn plain() -> Handling {
    Handling::from(GREEN).with_pap(Pap::Amber)
}

#[divan::bench]
fn text_of_facts(bencher: Bencher<'_, '_>) {
    let facts = Facts::parse("f1;indicator;green,pap:amber;c=malicious-activity;o=own;w=free").unwrap();
    bencher.bench_local(|| black_box(&facts).to_text());
}

#[divan::bench]
fn parse_of_facts(bencher: Bencher<'_, '_>) {
    let text = "f1;indicator;green,pap:amber;c=malicious-activity;o=own;w=free";
    bencher.bench_local(|| Facts::parse(black_box(text)));
}

#[divan::bench]
fn meet_of_plain_labels(bencher: Bencher<'_, '_>) {
    let (a, b) = (plain(), Handling::from(Label::Tlp(Tlp::Red)));
    bencher.bench_local(|| black_box(&a).meet(black_box(&b)));
}

#[divan::bench]
fn meet_of_labels_with_caveats(bencher: Bencher<'_, '_>) {
    let nations = ["AUS", "CAN", "GBR", "NZL", "USA"].map(|code| code.parse().unwrap());
    let a = plain().with_releasability(Releasability::rel_to(nations));
    let b = plain().with_releasability(Releasability::orcon());
    bencher.bench_local(|| black_box(&a).meet(black_box(&b)));
}

#[divan::bench]
fn is_within(bencher: Bencher<'_, '_>) {
    let (own, ceiling) = (plain(), Handling::from(Label::Tlp(Tlp::Red)).with_pap(Pap::Red));
    bencher.bench_local(|| black_box(&own).is_within(black_box(&ceiling)));
}

#[divan::bench]
fn markings_of_a_label_with_caveats(bencher: Bencher<'_, '_>) {
    let label = plain().with_releasability(Releasability::orcon());
    bencher.bench_local(|| marking_refs(black_box(&label)));
}

#[divan::bench]
fn tear_line(bencher: Bencher<'_, '_>) {
    let red = tlp_ref(Tlp::Red);
    let text = indicator(&format!(
        r#","object_marking_refs":["{}"],"granular_markings":[{{"marking_ref":"{red}","selectors":["description"]}}]"#,
        tlp_ref(Tlp::Amber)
    ));
    let mut tape = Tape::new();
    let value = tape.parse(text.as_bytes(), &Limits::OBJECT).unwrap();
    let ceiling = Handling::from(Label::Tlp(Tlp::Amber));
    let reader = Reader::new(&definitions);
    bencher
        .bench_local(|| reader.tear_line(black_box(value), GREEN, &|handling| handling.is_within(&ceiling)));
}
