//! What policy may know of an object.

use model::Label;
use shieldwall_label::{Facts, Handling, Onward, Origin, facts};
use stix::marking::tlp_ref;

use crate::{AMBER, CLEAR, GREEN, OWN, statement, with};

/// The facts of an object with these members after the common ones.
fn read(type_name: &str, members: &str, effective: Label) -> Facts {
    let id = format!("{type_name}--00000000-0000-4000-8000-000000000001");
    let common = match type_name {
        "email-addr" | "user-account" | "email-message" | "domain-name" => String::new(),
        _ => r#","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z""#.to_owned(),
    };
    let text = format!(r#"{{"type":"{type_name}","spec_version":"2.1","id":"{id}"{common}{members}}}"#);
    let definitions =
        |id: &str| Some(statement(1, "PAP:AMBER")).filter(|(own, _)| own == id).map(|(_, text)| text);
    let mut findings = Vec::new();
    with(&text, |value| {
        let valid = stix::validate(value, &stix::Checks::default(), &mut findings);
        let valid = valid.unwrap_or_else(|| panic!("{findings:?}"));
        facts(&valid, effective, &definitions, &mut Vec::new())
    })
}

const INDICATOR: &str =
    r#","pattern":"[url:value = 'x']","pattern_type":"stix","valid_from":"2026-01-01T00:00:00Z""#;

#[track_caller]
fn check(type_name: &str, members: &str, expect: &str) {
    assert_eq!(
        read(type_name, members, GREEN).own().to_text(),
        format!("f1;{expect};o=own;w=free"),
        "{members}"
    );
}

#[test]
fn categories_sectors_and_countries() {
    let indicator = |members: &str| format!("{INDICATOR}{members}");
    check("indicator", &indicator(""), "indicator;green");
    check(
        "indicator",
        &indicator(r#","indicator_types":["Malicious-Activity","benign"],"labels":["BENIGN"," apt 28 "]"#),
        "indicator;green;c=apt%2028+benign+malicious-activity",
    );
    check("malware", r#","is_family":false,"malware_types":["ransomware"]"#, "malware;green;c=ransomware");
    check("tool", r#","name":"t","tool_types":["exploitation"]"#, "tool;green;c=exploitation");
    check("threat-actor", r#","name":"t","threat_actor_types":["spy"]"#, "threat-actor;green;c=spy");
    check("identity", r#","name":"i","sectors":["Energy"]"#, "identity;green;s=energy");
    check("location", r#","country":"gb""#, "location;green;n=GBR");
    check("location", r#","country":"Elsewhere""#, "location;green;n=elsewhere");
    // The country of a location only.
    check("identity", r#","name":"i","country":"GB""#, "identity;green");
}

#[test]
fn what_does_not_fit_is_not_forgotten() {
    let labels = |count: usize| {
        let labels: Vec<String> = (0..count).map(|number| format!(r#""l{number:03}""#)).collect();
        read("identity", &format!(r#","name":"i","labels":[{}]"#, labels.join(",")), GREEN).categories
    };
    assert_eq!(labels(16).len(), 16);
    assert!(!labels(16).contains(Facts::MORE));
    assert!(labels(17).len() == 17 && labels(17).contains(Facts::MORE));
    assert_eq!(labels(10_000).len(), 17);
    let long = format!(r#","name":"i","labels":["{}"]"#, "x".repeat(65));
    assert_eq!(read("identity", &long, GREEN).categories, [Facts::MORE.to_owned()].into());
}

#[test]
fn personal_data() {
    check("email-addr", r#","value":"a@example.org""#, "email-addr;green,personal");
    check("user-account", r#","user_id":"u""#, "user-account;green,personal");
    check("email-message", r#","is_multipart":false"#, "email-message;green,personal");
    check("identity", r#","name":"i","identity_class":"Individual""#, "identity;green,personal");
    check("identity", r#","name":"i","identity_class":"organization""#, "identity;green");
    check("domain-name", r#","value":"example.org""#, "domain-name;green");
}

#[test]
fn markings_and_revocation() {
    let refs =
        format!(r#","name":"i","object_marking_refs":["{}","{}"]"#, tlp_ref(model::Tlp::Amber), crate::id(1));
    check("identity", &refs, "identity;amber,pap:amber");
    let revoked = read("identity", r#","name":"i","revoked":true"#, CLEAR).own();
    assert_eq!(revoked.to_text(), "f1;identity;clear;o=own;w=free;revoked");
    let granular = |marking| {
        let red = tlp_ref(marking);
        format!(r#","name":"i","granular_markings":[{{"marking_ref":"{red}","selectors":["name"]}}]"#)
    };
    assert!(read("identity", &granular(model::Tlp::Red), GREEN).granular);
    // A part that is marked no narrower than the whole changes nothing.
    assert!(!read("identity", &granular(model::Tlp::Clear), GREEN).granular);
    assert_eq!(read("identity", r#","name":"i""#, OWN).handling, Handling::own_only());
}

#[test]
fn origin_and_onward_are_closed_until_somebody_says() {
    let facts = read("identity", r#","name":"i""#, GREEN);
    assert_eq!((&facts.origin, &facts.onward), (&Origin::Other(String::new()), &Onward::None));
    let source = Origin::Other("taxii".to_owned());
    assert_eq!(facts.clone().received(source.clone(), &Onward::Depth(2)).onward, Onward::Depth(2));
    let eyes = Handling::from(GREEN).with_releasability(shieldwall_label::Releasability::eyes_only([]));
    let facts = Facts { handling: eyes, ..facts };
    assert_eq!(facts.received(source, &Onward::Free).onward, Onward::None);
}

#[test]
fn a_part_is_decided_by_the_same_facts_but_its_handling() {
    let facts = read("email-addr", r#","value":"a@example.org""#, GREEN).own();
    let part = facts.part(&AMBER.into());
    assert_eq!(part.handling.to_text(), "amber,personal");
    assert_eq!(Facts { handling: facts.handling.clone(), ..part }, facts);
}

#[test]
fn the_text_is_short_and_strict() {
    let facts = read("indicator", INDICATOR, GREEN).own();
    assert_eq!(facts.to_text(), "f1;indicator;green;o=own;w=free");
    for text in [
        "",
        "f2;indicator;green;o=own;w=free",
        "f1;indicator;green;o=own",
        "f1;indicator;green;w=free;o=own",
        "f1;indicator;Green;o=own;w=free",
        "f1;indicator;white;o=own;w=free",
        "f1;indicator;green,pap:clear;o=own;w=free",
        "f1;indicator;green,noforn;o=own;w=free",
        "f1;indicator;green,rel:USA+GBR,noforn;o=own;w=free",
        "f1;indicator;green,rel:USA+GBR;o=own;w=free",
        "f1;indicator;green;c=;o=own;w=free",
        "f1;indicator;green;c=b+a;o=own;w=free",
        "f1;indicator;green;c=a+a;o=own;w=free",
        "f1;indicator;green;o=own;w=free;granular;revoked",
        "f1;indicator;green;o=own;w=free;x",
        "f1;indicator;green;o=somebody;w=free",
        "f1;%69ndicator;green;o=own;w=free",
        "f1;indicator;green;o=own;w=free;",
    ] {
        assert!(Facts::parse(text).is_err(), "{text}");
    }
}

#[test]
fn an_exercise_shows_however_many_labels_there_are() {
    let labels: Vec<String> = (0..40).map(|n| format!("\"about-{n:02}\"")).collect();
    let members = format!(r#"{INDICATOR},"labels":[{},"Exercise:Locked-Shields"]"#, labels.join(","));
    let facts = read("indicator", &members, GREEN);
    assert_eq!(facts.exercise().as_deref(), Some("locked-shields"));
    assert!(facts.categories.contains(Facts::MORE));
    assert_eq!(read("indicator", INDICATOR, GREEN).exercise(), None);
    let long = format!(r#"{INDICATOR},"labels":["exercise:{}"]"#, "x".repeat(80));
    assert_eq!(read("indicator", &long, GREEN).exercise().as_deref(), Some("*"), "not real, and of no name");
}
