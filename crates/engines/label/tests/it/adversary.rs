//! What somebody would try who wants an object to travel further than it may, or the reader to stumble.

use std::cell::Cell;

use model::{Label, Timestamp};
use shieldwall_label::{Handling, Nation, Reader, Receiver, Releasability, Spifs};
use stix::marking::{tlp_definition, tlp_ref};

use crate::{
    AMBER, CLEAR, GREEN, OWN, RED, STRICT, closed, define, extended, handling_extension, id, read_with,
    statement, with,
};

const TLP_2: &str = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d";
const STRICT_ID: &str = "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003";

#[track_caller]
fn tlp_of(refs: &[&str], definitions: &[(String, String)], expect: Label) {
    let (handling, _) = read_with(&Spifs::NONE, refs, CLEAR, definitions);
    assert_eq!(handling.tlp(), expect, "{refs:?}");
}

#[test]
fn a_definition_cannot_change_what_a_fixed_id_means() {
    // TLP:CLEAR, a mere statement, and nothing at all, published under the id of AMBER+STRICT.
    let clear = tlp_definition(model::Tlp::Clear).replace(tlp_ref(model::Tlp::Clear).as_str(), STRICT_ID);
    let words = statement(1, "(c)").1.replace(&id(1), STRICT_ID);
    for text in [clear, words, "{}".to_owned()] {
        tlp_of(&[STRICT_ID], &[(STRICT_ID.to_owned(), text.clone())], STRICT);
        // Nor does a reader who asks what that definition means hear anything else.
        if text.contains("marking-definition") {
            assert_eq!(
                with(&text, |value| shieldwall_label::meaning(value, &Spifs::NONE, &mut vec![])),
                Ok(STRICT.into())
            );
        }
    }
}

#[test]
fn a_definition_cannot_claim_tlp_under_an_id_of_its_own() {
    for level in ["clear", "green", "red"] {
        closed(
            define(1, &format!(r#""definition_type":"tlp","definition":{{"tlp":"{level}"}}"#)),
            "not TLP's",
        );
        closed(extended(1, TLP_2, &format!(r#""tlp_2_0":"{level}""#)), "an extension that is not known");
        closed(statement(1, &format!("TLP:{level}")), "in words");
    }
    // An id that is nearly the one of CLEAR.
    tlp_of(&["marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8488"], &[], OWN);
    tlp_of(&["marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487 "], &[], OWN);
    tlp_of(&["marking-definition--94868c89-83c2-464b-929b-a1a8aa3c848７"], &[], OWN);
}

#[test]
fn markings_that_contradict_come_to_the_narrowest() {
    let refs = [model::Tlp::Clear, model::Tlp::Red, model::Tlp::Green].map(tlp_ref);
    let refs: Vec<&str> = refs.iter().map(model::StixId::as_str).collect();
    tlp_of(&refs, &[], RED);
    let pap = [statement(1, "PAP:CLEAR"), statement(2, "PAP:RED"), statement(3, "PAP:GREEN")];
    let (handling, _) = read_with(&Spifs::NONE, &[&id(1), &id(2), &id(3)], CLEAR, &pap);
    assert_eq!(handling.to_text(), "clear,pap:red");
}

#[test]
fn strict_never_becomes_amber() {
    // However it is spelled: known and strict, or not understood and at home.
    tlp_of(&[STRICT_ID], &[], STRICT);
    tlp_of(&[&STRICT_ID.to_ascii_uppercase()], &[], OWN);
    for text in
        ["TLP:AMBER+STRICT", "tlp:Amber+Strict", "TLP:AMBER STRICT", "TLP:AMBER+SТRICT", "TLP：AMBER＋STRICT"]
    {
        closed(statement(1, text), "in words");
    }
    let strict = tlp_definition(model::Tlp::AmberStrict);
    assert_eq!(
        with(strict, |value| shieldwall_label::meaning(value, &Spifs::NONE, &mut vec![])),
        Ok(STRICT.into())
    );
    assert!(!Handling::from(STRICT).is_within(&AMBER.into()));
}

#[test]
fn ten_thousand_markings_are_read_in_no_time_and_fail_closed() {
    let refs: Vec<String> = (0..10_000).map(id).collect();
    let refs: Vec<&str> = refs.iter().map(String::as_str).collect();
    let asked = Cell::new(0);
    let resolve = |id: &str| {
        asked.set(asked.get() + 1);
        Some(statement(id[id.len() - 5..].parse().unwrap(), "(c)").1)
    };
    let text = format!(r#"{{"object_marking_refs":["{}"]}}"#, refs.join(r#"",""#));
    let mut findings = Vec::new();
    let handling = with(&text, |object| Reader::new(&resolve).whole(object, CLEAR, &mut findings));
    assert_eq!(handling, Handling::own_only());
    assert!(asked.get() <= 64, "{} definitions were looked up", asked.get());
    assert!((1..=16).contains(&findings.len()), "{} findings", findings.len());
    // As many copies of a few are no trouble.
    let few: Vec<String> = (0..10_000).map(|number| id(number % 50)).collect();
    let few: Vec<&str> = few.iter().map(String::as_str).collect();
    let definitions: Vec<_> = (0..50).map(|number| statement(number, "(c)")).collect();
    assert_eq!(read_with(&Spifs::NONE, &few, GREEN, &definitions), (GREEN.into(), vec![]));
    // And ten thousand unknown ones do not fill the log.
    let (handling, findings) = read_with(&Spifs::NONE, &refs, CLEAR, &[]);
    assert!(handling == Handling::own_only() && findings.len() <= 16);
}

#[test]
fn definitions_that_mark_each_other_are_not_followed() {
    let marked = |number: u32, by: u32| {
        let refs = format!(r#""object_marking_refs":["{}"],"definition_type":"statement""#, id(by));
        define(number, &format!(r#"{refs},"definition":{{"statement":"(c)"}}"#))
    };
    let circle = [marked(1, 2), marked(2, 1), marked(3, 3)];
    for start in [1, 2, 3] {
        assert_eq!(read_with(&Spifs::NONE, &[&id(start)], GREEN, &circle), (GREEN.into(), vec![]));
    }
    // How the definition itself may be handled is another question, and has an answer.
    let known = |id: &str| circle.iter().find(|(own, _)| own == id).map(|(_, text)| text.clone());
    let whole = with(&circle[0].1, |object| Reader::new(&known).whole(object, AMBER, &mut vec![]));
    assert_eq!(whole, AMBER.into());
}

#[test]
fn no_form_of_marking_property_is_overlooked() {
    let whole =
        |text: &str| with(text, |object| Reader::new(&|_| None).whole(object, CLEAR, &mut vec![]).tlp());
    for refs in ["7", "{}", "null", "[null]", "[[]]", r#"[{"id":1}]"#, r#""""#, "[true]"] {
        assert_eq!(whole(&format!(r#"{{"object_marking_refs":{refs}}}"#)), OWN, "{refs}");
        assert_eq!(whole(&format!(r#"{{"granular_markings":{refs}}}"#)), OWN, "{refs}");
    }
    // A list of no markings marks nothing.
    assert_eq!(whole(r#"{"object_marking_refs":[]}"#), CLEAR);
    // An escaped id, an escaped property name.
    let red = tlp_ref(model::Tlp::Red);
    let escaped = red.as_str().replace('5', "\\u0035");
    assert_eq!(whole(&format!(r#"{{"object_marking_refs":["{}"]}}"#, escaped)), RED);
    assert_eq!(whole(&format!(r#"{{"object_marking_r\u0065fs":["{red}"]}}"#)), RED);
    assert_eq!(whole(&format!(r#"{{"object_marking_refs":"{red}"}}"#)), RED);
}

#[test]
fn a_caveat_that_was_dropped_or_altered_does_not_open_anything() {
    let of = |body: &str| read_with(&Spifs::NONE, &[&id(1)], CLEAR, &[handling_extension(1, body)]).0;
    // ORCON spelled wrongly is not ORCON dropped.
    for body in [r#""ORCON":true"#, r#""orcon":"true""#, r#""orcon":1"#, r#""orcοn":true"#] {
        assert_eq!(of(body), Handling::own_only(), "{body}");
    }
    // Nor does a second marking without it take it away.
    let two = [handling_extension(1, r#""orcon":true"#), handling_extension(2, r#""orcon":false"#)];
    assert!(read_with(&Spifs::NONE, &[&id(1), &id(2)], CLEAR, &two).0.orcon());
    // Look-alikes are no nations.
    assert!(!of(r#""rel_to":["USА"]"#).permits_nation("USA"));
    // A wildcard is none either.
    for all in ["ALL", "*", "", "EVERYBODY"] {
        assert!(!Releasability::rel_to(Nation::expand(all)).permits("USA".parse().ok()), "{all}");
    }
}

#[test]
fn what_is_for_this_organisation_only_goes_nowhere() {
    let none = std::collections::BTreeSet::new();
    let anyone = Receiver { nation: None, organisations: &none, accesses: &none, purpose: None };
    let own = Handling::own_only();
    assert!(own.admits(&anyone, false, Timestamp::EPOCH).is_err());
    for ceiling in [Handling::clear(), Handling::own_only(), RED.into()] {
        assert!(!own.is_within(&ceiling));
        assert!(!own.meet(&Handling::clear()).is_within(&ceiling));
    }
}

#[test]
fn labels_that_are_too_long_for_a_key_are_closed() {
    let purposes = |number: u32| {
        let list: Vec<String> = (0..100).map(|item| format!(r#""{number}-{item:0>200}""#)).collect();
        handling_extension(number, &format!(r#""purposes":[{}]"#, list.join(",")))
    };
    let (handling, findings) = read_with(&Spifs::NONE, &[&id(1)], CLEAR, &[purposes(1)]);
    assert_eq!(handling, Handling::own_only());
    assert!(findings.len() == 1 && findings[0].message.contains("too long"), "{findings:?}");
}

#[test]
fn a_definition_is_bounded() {
    closed(define(1, &format!(r#""name":"{}""#, "x".repeat(300_000))), "is not readable");
    let deep = format!(r#""name":{}1{}"#, "[".repeat(40), "]".repeat(40));
    closed(define(1, &deep), "is not readable");
}
