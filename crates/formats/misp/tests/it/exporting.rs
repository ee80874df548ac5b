//! STIX objects as a MISP event, and back.

use expect_test::expect;
use json::{Limits, Tape};
use model::{Label, Tlp, Uuid};
use shieldwall_misp::{Context, ExportContext, Exported, Term, detect, from_stix, to_stix};

use crate::{UUID, attribute, convert, event, now};

fn context() -> ExportContext {
    ExportContext {
        uuid: Uuid::v4([7; 16]),
        info: "an export".to_owned(),
        org_name: "ORG".to_owned(),
        org_uuid: Uuid::v4([9; 16]),
        now: now(),
    }
}

fn export(objects: &[(String, Vec<Term>, Label)]) -> (String, Vec<model::Finding>) {
    let mut tapes: Vec<Tape> = objects.iter().map(|_| Tape::new()).collect();
    let exported: Vec<Exported<'_>> = objects
        .iter()
        .zip(&mut tapes)
        .map(|((json, terms, label), tape)| Exported {
            object: tape.parse(json.as_bytes(), &Limits::OBJECT).unwrap(),
            terms: terms.clone(),
            label: *label,
        })
        .collect();
    from_stix(&exported, &context())
}

fn term(object_type: &str, path: &str, value: &str) -> Term {
    Term { object_type: object_type.to_owned(), path: path.to_owned(), value: value.to_owned() }
}

fn object(type_name: &str, members: &str) -> String {
    format!(
        r#"{{"type":"{type_name}","spec_version":"2.1","id":"{type_name}--d1612665-504b-4aee-8e7d-04e0f2dcd3e8","created":"2020-01-02T00:00:00.000Z","modified":"2020-09-13T12:26:40.000Z"{members}}}"#
    )
}

#[test]
fn every_kind_of_object() {
    let clear = Label::CLEAR;
    let red = Label::Tlp(Tlp::Red);
    let domain = object(
        "indicator",
        r#","pattern":"[domain-name:value = 'bad.example']","pattern_type":"stix","valid_from":"2020-01-02T00:00:00Z","description":"<b>""#,
    );
    let pair = domain.replace("d1612665", "d1612666");
    let endpoint = domain.replace("d1612665", "d1612667");
    let (event, findings) = export(&[
        (domain, vec![term("domain-name", "value", "bad.example")], clear),
        (
            pair,
            vec![
                term("file", "hashes.MD5", "d41d8cd98f00b204e9800998ecf8427e"),
                term("file", "name", "x.exe"),
            ],
            clear,
        ),
        (
            endpoint,
            vec![
                term("network-traffic", "dst_ref.type", "ipv4-addr"),
                term("network-traffic", "dst_ref.value", "192.0.2.1"),
                term("network-traffic", "dst_port", "443"),
            ],
            Label::Tlp(Tlp::AmberStrict),
        ),
        (
            object(
                "file",
                r#","name":"a.exe","hashes":{"SHA-1":"da39a3ee5e6b4b0d3255bfef95601890afd80709"}"#,
            ),
            vec![],
            clear,
        ),
        (object("threat-actor", r#","name":"Sofacy""#), vec![], clear),
        (
            object(
                "attack-pattern",
                r#","name":"Input Capture","external_references":[{"source_name":"mitre-attack","external_id":"T1056"}]"#,
            ),
            vec![],
            clear,
        ),
        (object("vulnerability", r#","name":"CVE-2021-44228""#), vec![], red),
        (
            object("relationship", r#","relationship_type":"uses","source_ref":"a--1","target_ref":"b--2""#),
            vec![],
            clear,
        ),
        ("{}".to_owned(), vec![], clear),
    ]);
    let mut tape = Tape::new();
    assert!(detect(tape.parse(event.as_bytes(), &Limits::DOCUMENT).unwrap()));
    expect![[r#"
        {"Event":{"uuid":"07070707-0707-4707-8707-070707070707","info":"an export","date":"2026-01-31","timestamp":"1769860800","distribution":"0","threat_level_id":"4","analysis":"2","published":false,"Orgc":{"name":"ORG","uuid":"09090909-0909-4909-8909-090909090909"},"Tag":[{"name":"misp-galaxy:mitre-attack-pattern=\"Input Capture - T1056\""},
        {"name":"misp-galaxy:threat-actor=\"Sofacy\""},
        {"name":"tlp:red"}],"Attribute":[{"uuid":"d1612665-504b-4aee-8e7d-04e0f2dcd3e8","type":"domain","category":"Network activity","value":"bad.example","to_ids":true,"distribution":"5","timestamp":"1600000000","comment":"<b>","Tag":[{"name":"tlp:clear"}]},
        {"uuid":"d1612666-504b-4aee-8e7d-04e0f2dcd3e8","type":"md5","category":"Payload delivery","value":"d41d8cd98f00b204e9800998ecf8427e","to_ids":true,"distribution":"5","timestamp":"1600000000","comment":"<b>","Tag":[{"name":"tlp:clear"}]},
        {"uuid":"a6e79932-79de-5884-b93f-a0eb7d01d052","type":"filename","category":"Payload delivery","value":"x.exe","to_ids":true,"distribution":"5","timestamp":"1600000000","comment":"<b>","Tag":[{"name":"tlp:clear"}]},
        {"uuid":"01ce6d5c-0732-5819-900e-fec997c240c8","type":"stix2-pattern","category":"Payload installation","value":"[domain-name:value = 'bad.example']","to_ids":true,"distribution":"5","timestamp":"1600000000","comment":"<b>","Tag":[{"name":"tlp:clear"}]},
        {"uuid":"d1612667-504b-4aee-8e7d-04e0f2dcd3e8","type":"ip-dst|port","category":"Network activity","value":"192.0.2.1|443","to_ids":true,"distribution":"5","timestamp":"1600000000","comment":"<b>","Tag":[{"name":"tlp:amber+strict"}]},
        {"uuid":"fa0033ec-d2f0-51f3-8531-cedc36a091fd","type":"stix2-pattern","category":"Payload installation","value":"[domain-name:value = 'bad.example']","to_ids":true,"distribution":"5","timestamp":"1600000000","comment":"<b>","Tag":[{"name":"tlp:amber+strict"}]},
        {"uuid":"7f28f11f-b6fa-5fc7-8184-30de33d0be25","type":"filename","category":"Payload delivery","value":"a.exe","to_ids":false,"distribution":"5","timestamp":"1600000000","comment":"","Tag":[{"name":"tlp:clear"}]},
        {"uuid":"4c2720f8-4883-5338-8352-b2ea4ce79ca9","type":"sha1","category":"Payload delivery","value":"da39a3ee5e6b4b0d3255bfef95601890afd80709","to_ids":false,"distribution":"5","timestamp":"1600000000","comment":"","Tag":[{"name":"tlp:clear"}]},
        {"uuid":"12239fdb-76f4-5910-a053-378e03e29f75","type":"vulnerability","category":"External analysis","value":"CVE-2021-44228","to_ids":false,"distribution":"5","timestamp":"1600000000","comment":"","Tag":[{"name":"tlp:red"}]}]}}
    "#]].assert_eq(&(event.replace("},{", "},\n{") + "\n"));
    let messages: Vec<String> = findings.iter().map(|finding| finding.message.clone()).collect();
    assert_eq!(
        messages,
        [
            "`relationship--d1612665-504b-4aee-8e7d-04e0f2dcd3e8` is left out: a MISP event has no place for a relationship",
            "an object without a valid `id` and `type` is left out",
        ]
    );
}

#[test]
fn own_only_leaves_as_red() {
    let (event, _) =
        export(&[(object("vulnerability", r#","name":"CVE-2021-44228""#), vec![], Label::OwnOnly)]);
    assert!(event.contains("tlp:red") && event.contains("\"distribution\":\"0\""), "{event}");
}

/// What came from MISP keeps its UUIDs and values on the way back.
#[test]
fn a_round_trip_keeps_identity() {
    let row = attribute(1, "domain", "bad.example", r#","to_ids":true,"comment":"why""#);
    let converted = convert(&event(&format!(r#","Tag":[{{"name":"tlp:green"}}],"Attribute":[{row}]"#)));
    let objects: Vec<(String, Vec<Term>, Label)> = converted
        .objects
        .iter()
        .map(|object| {
            let indicator = object.json.contains("\"type\":\"indicator\"");
            let terms = if indicator { vec![term("domain-name", "value", "bad.example")] } else { vec![] };
            (object.json.clone(), terms, object.label.unwrap_or(Label::OwnOnly))
        })
        .collect();
    let (back, findings) = export(&objects);
    assert_eq!(findings, []);
    assert!(
        back.contains(&format!(
            "\"uuid\":\"{UUID}\",\"info\":\"a test\",\"date\":\"2020-01-02\",\"timestamp\":\"1600000000\""
        )),
        "{back}"
    );
    assert!(back.contains("\"uuid\":\"00000000-0000-4000-8000-000000000001\",\"type\":\"domain\""), "{back}");
    let mut tape = Tape::new();
    let again = to_stix(tape.parse(back.as_bytes(), &Limits::DOCUMENT).unwrap(), &Context { now: now() });
    let indicator = |objects: &[shieldwall_misp::Object]| {
        let object = objects.iter().find(|object| object.json.contains("\"type\":\"indicator\"")).unwrap();
        crate::with(&object.json, |value| value.get("pattern").unwrap().raw().to_owned())
    };
    assert_eq!(indicator(&again.objects), indicator(&converted.objects));
    assert!(again.objects.iter().all(|object| object.label <= Some(Label::Tlp(Tlp::Green))));
}
