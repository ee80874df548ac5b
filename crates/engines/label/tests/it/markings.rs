//! What marking definitions mean: TLP, statements, PAP, our own extension.

use model::Label;
use shieldwall_label::{Handling, Spifs, tlp_meaning};
use stix::marking::{Meaning, tlp_definition, tlp_ref};

use crate::{
    AMBER, CLEAR, GREEN, OWN, RED, STRICT, TLPS, closed, comes_to, define, handling_extension, id, read,
    read_with, statement, with,
};

/// What objects with these markings come to under an effective label, without any definition.
#[track_caller]
fn check(refs: &[&str], effective: Label, expect: Label) {
    let (handling, findings) = read_with(&Spifs::NONE, refs, effective, &[]);
    assert_eq!((handling, findings.len()), (expect.into(), 0), "{refs:?}");
}

fn tlp(label: Label) -> String {
    match label {
        Label::Tlp(tlp) => tlp_ref(tlp).as_str().to_owned(),
        Label::OwnOnly => panic!("no marking says so"),
    }
}

#[test]
fn an_unmarked_object_is_under_the_effective_label() {
    for effective in TLPS {
        check(&[], effective, effective);
    }
}

#[test]
fn tlp_narrows_and_is_known_without_definitions() {
    for effective in TLPS {
        for marked in TLPS.into_iter().filter(|label| *label != OWN) {
            check(&[&tlp(marked)], effective, effective.meet(marked));
            check(
                &[&tlp(marked).to_ascii_uppercase().replace("MARKING-DEFINITION", "marking-definition")],
                effective,
                effective.meet(marked),
            );
        }
    }
    check(&[&tlp(GREEN), &tlp(RED), &tlp(CLEAR)], CLEAR, RED);
    check(&["marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9"], CLEAR, CLEAR);
    check(&["marking-definition--826578e1-40ad-459f-bc73-ede076f81f37"], CLEAR, STRICT);
}

#[test]
fn statements_carry_and_do_not_restrict() {
    comes_to(statement(1, "Copyright 2015-2025, The MITRE Corporation."), "clear");
    let custom = r#""definition_type":"statement","definition":{"statement":"CC-BY"},"x_opencti_definition_type":"statement""#;
    comes_to(define(1, custom), "clear");
    let (handling, _) = read_with(&Spifs::NONE, &[&id(1), &tlp(AMBER)], GREEN, &[statement(1, "(c)")]);
    assert_eq!(handling, AMBER.into());
}

#[test]
fn pap_comes_as_a_statement() {
    for (text, expect) in [
        ("PAP:RED", "clear,pap:red"),
        ("pap:Amber", "clear,pap:amber"),
        ("PAP:GREEN", "clear,pap:green"),
        ("PAP:CLEAR", "clear"),
        ("PAP:WHITE", "clear"),
    ] {
        comes_to(statement(1, text), expect);
    }
    let opencti = |kind: &str, text: &str| {
        let members = r#""definition_type":"statement","definition":{"statement":"custom"},"name":"T","#;
        let members = members.replace('T', text);
        define(
            1,
            &format!(r#"{members}"x_opencti_definition_type":"{kind}","x_opencti_definition":"{text}""#),
        )
    };
    comes_to(opencti("PAP", "PAP:RED"), "clear,pap:red");
    closed(opencti("PAP", "PAP:PURPLE"), "names a scheme of handling in words");
    closed(opencti("PAP", "red"), "is of a kind that is not known: `PAP`");
    closed(opencti("TLP", "TLP:AMBER+STRICT"), "names a scheme of handling in words");
    closed(opencti("TLP", "custom"), "is of a kind that is not known: `TLP`");
    closed(opencti("SECRET-LEVELS", "level 3"), "is of a kind that is not known");
    // Two texts that differ: the narrower holds.
    let both = r#""definition_type":"statement","definition":{"statement":"PAP:GREEN"},"name":"PAP:RED""#;
    comes_to(define(1, both), "clear,pap:red");
}

#[test]
fn schemes_in_words_are_not_understood() {
    for text in [
        "TLP:RED",
        "tlp:Amber+Strict",
        "TLP:CLEAR",
        "PAP: RED",
        "This is TLP AMBER",
        "ТLР:GREEN",
        "T\u{200b}LP:GREEN",
        "SECRET//NOFORN",
        "REL TO USA, FVEY",
    ] {
        closed(statement(1, text), "names a scheme of handling in words");
    }
    let name = r#""definition_type":"statement","definition":{"statement":"custom"},"name":"TLP:RED""#;
    closed(define(1, name), "names a scheme of handling in words");
    closed(statement(1, &"a ".repeat(40_000)), "too long to look at");
}

#[test]
fn what_is_not_a_marking_we_know_is_closed() {
    let tlp = r#""definition_type":"tlp","definition":{"tlp":"clear"}"#;
    closed(define(1, tlp), "gives a TLP level under an id that is not TLP's");
    let tlp_2 = r#""tlp_2_0":"clear""#;
    closed(
        crate::extended(1, "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d", tlp_2),
        "not known",
    );
    closed(
        crate::extended(1, "extension-definition--00000000-0000-4000-8000-000000000009", "\"a\":1"),
        "not known",
    );
    closed(define(1, r#""definition_type":"x-acme","definition":{"a":1}"#), "is of a kind that is not known");
    closed(define(1, r#""definition_type":7,"definition":{"a":1}"#), "is of a kind that is not known");
    closed(define(1, r#""definition_type":"statement","definition":{}"#), "is a statement without a text");
    closed(define(1, r#""definition_type":"statement""#), "is a statement without a text");
    closed(define(1, r#""name":"nothing""#), "defines nothing");
    closed(define(1, r#""extensions":{}"#), "defines nothing");
    closed(define(1, r#""extensions":{"a":1}"#), "an extension that is no object");
    let unknown = r#""definition_type":"statement","definition":{"statement":"(c)"},"extensions":{"extension-definition--1":{}}"#;
    closed(define(1, unknown), "has an extension that is not known");
    closed((id(1), statement(2, "(c)").1), "under another id than its own");
    closed((id(1), format!(r#"{{"type":"identity","id":"{}"}}"#, id(1))), "is not a marking definition");
    closed((id(1), "{".to_owned()), "is not readable");
    closed(
        (id(1), format!(r#"{{"type":"identity","type":"marking-definition","id":"{}"}}"#, id(1))),
        "is not readable",
    );
}

#[test]
fn our_own_extension() {
    for (body, expect) in [
        (r#""pap":"amber""#, "clear,pap:amber"),
        (r#""rel_to":["gb","USA"]"#, "clear,rel:GBR+USA"),
        (r#""rel_to":["FVEY"]"#, "clear,rel:AUS+CAN+GBR+NZL+USA"),
        (r#""rel_to":["ZZZ"]"#, "clear,rel:"),
        (r#""rel_to":["GBR"],"eyes_only":true"#, "clear,rel:GBR,eyes"),
        (r#""eyes_only":true"#, "clear,rel:,eyes"),
        (r#""noforn":true"#, "clear,rel:,noforn"),
        (r#""noforn":"USA""#, "clear,rel:USA,noforn"),
        (r#""noforn":"USA","rel_to":["USA","GBR"]"#, "clear,rel:USA,noforn"),
        (r#""noforn":"USA","rel_to":["GBR"]"#, "clear,rel:,noforn"),
        (r#""noforn":false"#, "clear"),
        (r#""orcon":true"#, "clear,orcon"),
        (r#""purposes":["Cyber Defence","research"]"#, "clear,for:cyber%20defence+research"),
        (r#""purposes":["ZZZ"]"#, "clear,for:"),
        (r#""personal_data":true"#, "clear,personal"),
        (r#""own_organisation_only":true"#, "own"),
        (r#""contradictory":["acs","stanag"]"#, "clear,acs-nobody,stanag-nobody"),
        (r#""pap":"clear","orcon":false,"personal_data":false"#, "clear"),
    ] {
        comes_to(handling_extension(1, body), expect);
    }
}

#[test]
fn our_own_extension_refuses_what_it_does_not_define() {
    for body in [
        r#""pap":"amber+strict""#,
        r#""pap":1"#,
        r#""rel_to":[]"#,
        r#""rel_to":{}"#,
        r#""rel_to":[7]"#,
        r#""orcon":"no""#,
        r#""personal_data":null"#,
        r#""noforn":7"#,
        r#""purposes":[]"#,
        r#""contradictory":["tlp"]"#,
        r#""half_life":"30d""#,
    ] {
        closed(
            handling_extension(1, body),
            if body.contains("tlp") { "contradicts itself" } else { "has a" },
        );
    }
    let long = format!(r#""rel_to":[{}"USA"]"#, r#""GBR","#.repeat(300));
    closed(handling_extension(1, &long), "too long");
}

#[test]
fn a_nation_nobody_knows_gets_nothing_and_a_finding() {
    let (handling, findings) = read(handling_extension(1, r#""rel_to":["GBR","NATO","ÜSA"]"#));
    assert_eq!(handling.to_text(), "clear,rel:GBR");
    assert!(findings.len() == 2 && findings[0].contains("`NATO`"), "{findings:?}");
}

#[test]
fn a_default_holds_where_no_marking_has_a_word_on_tlp() {
    let definitions =
        [statement(1, "(c)"), statement(2, "PAP:RED"), handling_extension(3, r#""orcon":true"#)];
    let effective = |refs: &[&str]| {
        let known = |id: &str| definitions.iter().find(|(own, _)| own == id).map(|(_, text)| text.clone());
        let refs: Vec<String> = refs.iter().map(|id| format!(r#""{id}""#)).collect();
        with(&format!(r#"{{"object_marking_refs":[{}]}}"#, refs.join(",")), |object| {
            shieldwall_label::Reader::new(&known).effective(object, STRICT, &mut Vec::new())
        })
    };
    assert_eq!(effective(&[]), STRICT);
    assert_eq!(effective(&[&id(1), &id(2), &id(3)]), STRICT);
    assert_eq!(effective(&[&tlp(CLEAR)]), CLEAR);
    assert_eq!(effective(&[&id(1), &tlp(GREEN)]), GREEN);
    assert_eq!(effective(&[&tlp(CLEAR), &id(4)]), OWN);
}

#[test]
fn what_keeps_one_label_per_object_may_ask_for_tlp_alone() {
    let ask = |text: &str| with(text, |definition| tlp_meaning(definition, &Spifs::NONE));
    for tlp in model::Tlp::ALL {
        assert_eq!(ask(tlp_definition(tlp)), Meaning::Tlp(tlp));
    }
    assert_eq!(ask(&statement(1, "(c)").1), Meaning::Statement);
    assert_eq!(ask(&statement(1, "PAP:RED").1), Meaning::Statement);
    assert_eq!(ask(&statement(1, "TLP:RED").1), Meaning::Unknown);
    assert_eq!(ask(&handling_extension(1, r#""orcon":true"#).1), Meaning::Statement);
    assert_eq!(ask(&handling_extension(1, r#""own_organisation_only":true"#).1), Meaning::Unknown);
}

#[test]
fn definitions_are_valid_stix_and_say_what_they_are() {
    for text in shieldwall_label::HANDLING_DEFINITIONS {
        let mut findings = Vec::new();
        assert!(with(text, |value| stix::validate(value, &stix::Checks::default(), &mut findings).is_some()));
        assert_eq!(findings, []);
    }
    assert!(shieldwall_label::HANDLING_DEFINITIONS[1].contains(shieldwall_label::HANDLING_EXTENSION));
    assert_eq!(Handling::own_only().tlp(), OWN);
}
