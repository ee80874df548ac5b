//! What markings mean, where granular ones point, and what holds where.

use model::{Label, Tlp};
use shieldwall_stix::marking::{
    Meaning, effective, meaning_of_definition, meaning_of_id, object_label, property_markings,
    tlp_definition, tlp_ref,
};

use super::{STATEMENT, errors, fill, resolve, with};

fn check(text: &str, label: Option<Label>, unknown: &[&str]) {
    let labelled = with(text, |object| object_label(object, &resolve));
    assert_eq!(labelled.label(), label, "{text}");
    assert_eq!(labelled.unknown, unknown.iter().map(|id| fill(id)).collect::<Vec<_>>(), "{text}");
}

const OWN: Option<Label> = Some(Label::OwnOnly);

fn tlp(tlp: Tlp) -> Option<Label> {
    Some(Label::Tlp(tlp))
}

#[test]
fn the_narrowest_marking_holds() {
    check(r#"{"object_marking_refs":["$WHITE"]}"#, tlp(Tlp::Clear), &[]);
    check(r#"{"object_marking_refs":["$WHITE","$STRICT","$GREEN"]}"#, tlp(Tlp::AmberStrict), &[]);
    check(r#"{"object_marking_refs":["$GREEN","$STATEMENT"]}"#, tlp(Tlp::Green), &[]);
}

#[test]
fn a_statement_alone_marks_nothing() {
    check(r#"{"object_marking_refs":["$STATEMENT"]}"#, None, &[]);
    check(r"{}", None, &[]);
}

#[test]
fn what_nobody_understands_fails_closed() {
    check(r#"{"object_marking_refs":["$WHITE","$STRANGE","$STRANGE"]}"#, OWN, &["$STRANGE"]);
    check(r#"{"object_marking_refs":[7]}"#, OWN, &["7"]);
    check(r#"{"object_marking_refs":"$RED"}"#, tlp(Tlp::Red), &[]);
    check(r#"{"object_marking_refs":{}}"#, OWN, &["{}"]);
    check(r#"{"object_marking_refs":["$WHITE"],"granular_markings":5}"#, OWN, &["5"]);
    check(r#"{"object_marking_refs":["$WHITE"],"granular_markings":[{}]}"#, OWN, &["{}"]);
}

#[test]
fn ids_are_known_in_any_case() {
    check(
        r#"{"object_marking_refs":["marking-definition--5E57C739-391A-4EB3-B6BE-7D15CA92D5ED"]}"#,
        tlp(Tlp::Red),
        &[],
    );
}

#[test]
fn granular_markings_count_for_the_whole_until_redacted() {
    let entry = r#""granular_markings":[{"marking_ref":"$RED","selectors":["name"]},{"lang":"fr","selectors":["name"]}]"#;
    check(&format!(r#"{{"name":"x","object_marking_refs":["$GREEN"],{entry}}}"#), tlp(Tlp::Red), &[]);
    // The rest of the object is unmarked, so the part's GREEN must not become the label of the whole.
    let green = r#"{"name":"x","granular_markings":[{"marking_ref":"$GREEN","selectors":["name"]}]}"#;
    check(green, OWN, &[]);
    let labelled = with(green, |object| object_label(object, &resolve));
    assert_eq!(labelled.label_or(Label::OwnOnly), Label::OwnOnly);
    assert_eq!(labelled.label_or(Label::Tlp(Tlp::Amber)), Label::Tlp(Tlp::Amber));
    assert_eq!(labelled.label_or(Label::CLEAR), Label::Tlp(Tlp::Green));
    // A language is no restriction.
    check(r#"{"name":"x","granular_markings":[{"lang":"fr","selectors":["name"]}]}"#, None, &[]);
}

fn definition(text: &str, expect: Meaning) {
    assert_eq!(with(text, meaning_of_definition), expect, "{text}");
}

#[test]
fn what_a_definition_means() {
    for level in Tlp::ALL {
        assert_eq!(meaning_of_id(tlp_ref(level).as_str()), Some(Meaning::Tlp(level)));
        definition(tlp_definition(level), Meaning::Tlp(level));
        assert_eq!(errors(tlp_definition(level)), Vec::<String>::new());
    }
    let copyright = r#"{"type":"marking-definition","id":"$STATEMENT","definition_type":"statement","definition":{"statement":"(c) Stark"}}"#;
    definition(copyright, Meaning::Statement);
    assert_eq!(meaning_of_id(STATEMENT), None);
}

#[test]
fn a_definition_cannot_widen() {
    // The fixed id wins over what the body claims.
    definition(
        r#"{"type":"marking-definition","id":"$RED","definition_type":"tlp","definition":{"tlp":"white"}}"#,
        Meaning::Tlp(Tlp::Red),
    );
    for body in [
        // TLP under another id, which the standard forbids.
        r#""definition_type":"tlp","definition":{"tlp":"white"}"#,
        r#""extensions":{"extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d":{"extension_type":"property-extension","tlp_2_0":"clear"}}"#,
        // Handling in the clothes of a statement.
        r#""definition_type":"statement","definition":{"statement":"tlp:red"}"#,
        r#""definition_type":"statement","definition":{"statement":" PAP:AMBER"}"#,
        r#""definition_type":"statement","definition":{"statement":"custom"},"x_opencti_definition_type":"TLP","x_opencti_definition":"TLP:AMBER+STRICT""#,
        // ACS beside a statement.
        r#""definition_type":"statement","definition":{"statement":"x"},"extensions":{"extension-definition--3a65884d-005a-4290-8335-cb2d778a83ce":{}}"#,
        r#""definition_type":"iep","definition":{}"#,
        r#""name":"only a name""#,
    ] {
        definition(&format!(r#"{{"type":"marking-definition","id":"$STRANGE",{body}}}"#), Meaning::Unknown);
    }
    definition(
        r#"{"type":"indicator","definition_type":"statement","definition":{"statement":"x"}}"#,
        Meaning::Unknown,
    );
}

fn selected(selectors: &str, expect: Result<&[&str], &[&str]>) {
    let text = format!(
        r#"{{"id":"marking-definition--d81f86b9-975b-4c0b-875e-810c5ad45a4f","name":"x","labels":["a","b"],
             "external_references":[{{"source_name":"s","hashes":{{"MD5":"0"}}}}],"[0]":1,"a.b":2,
             "granular_markings":[{selectors}]}}"#
    );
    with(&text, |object| {
        let found = property_markings(object);
        match expect {
            Ok(pointers) => {
                let found: Vec<String> = found.unwrap().into_iter().map(|part| part.pointer).collect();
                assert_eq!(found, pointers, "{selectors}");
            }
            Err(rules) => {
                let found: Vec<_> = found.unwrap_err().into_iter().map(|finding| finding.rule).collect();
                let rules: Vec<_> = rules.iter().map(|rule| format!("stix-2.1/7.2.3/{rule}")).collect();
                assert_eq!(found, rules, "{selectors}");
            }
        }
    });
}

fn selector(selector: &str, expect: Result<&[&str], &[&str]>) {
    selected(&format!(r#"{{"marking_ref":"$RED","selectors":["{selector}"]}}"#), expect);
}

#[test]
fn selectors_follow_the_standard() {
    selector("name", Ok(&["/name"]));
    selector("labels", Ok(&["/labels"]));
    selector("labels.[1]", Ok(&["/labels/1"]));
    selector("external_references.[0].hashes.MD5", Ok(&["/external_references/0/hashes/MD5"]));
    selected(
        r#"{"marking_ref":"$RED","selectors":["labels.[1]","name","labels.[1]"]},{"marking_ref":"$GREEN","selectors":["labels.[1]"]}"#,
        Ok(&["/name", "/labels/1"]),
    );
    selected(r#"{"lang":"de","selectors":["name"]}"#, Ok(&[]));
}

#[test]
fn selectors_to_nowhere() {
    for absent in [
        "nome",
        "labels.[2]",
        "labels.a",
        "name.[0]",
        "name.x",
        "external_references.source_name",
        "labels.[18446744073709551616]",
    ] {
        selector(absent, Err(&["selector-resolves"]));
    }
    for broken in [
        "",
        ".",
        "name.",
        "labels[0]",
        "labels.[]",
        "labels.[-1]",
        "labels.[01]",
        "labels.[1",
        "labels.[+1]",
        "labels.[ 1]",
    ] {
        selector(broken, Err(&["selector-syntax"]));
    }
    // `[0]` is a place in a list, never a name; and a name with a dot cannot be selected.
    selector("[0]", Err(&["selector-resolves"]));
    selector("a.b", Err(&["selector-resolves"]));
}

#[test]
fn entries_that_break_the_rules() {
    selected(r#"{"selectors":["name"]}"#, Err(&["marking-or-language"]));
    selected(r#"{"marking_ref":"$RED","lang":"en","selectors":["name"]}"#, Err(&["marking-or-language"]));
    selected(
        r#"{"marking_ref":"identity--11111111-1111-4111-8111-111111111111","selectors":["name"]}"#,
        Err(&["marking-ref"]),
    );
    selected(r#"{"marking_ref":"$STATEMENT","selectors":["name"]}"#, Err(&["marking-loop"]));
    selected(r#"{"marking_ref":"$RED","selectors":[]}"#, Err(&["selectors-required"]));
    selected(r#"{"marking_ref":"$RED","selectors":[3]}"#, Err(&["selector-syntax"]));
    selected("", Err(&["list"]));
}

#[test]
fn every_marking_around_a_value_holds_for_it() {
    let text = r#"{"labels":["a","b"],"name":"x","object_marking_refs":["$GREEN"],"granular_markings":[
        {"marking_ref":"$RED","selectors":["labels.[1]"]},{"marking_ref":"$AMBER","selectors":["labels"]},
        {"marking_ref":"$WHITE","selectors":["name"]}]}"#;
    let at = |pointer: &str| with(text, |object| effective(object, pointer).unwrap().label(&resolve));
    assert_eq!(at("/labels/1"), tlp(Tlp::Red));
    assert_eq!(at("/labels/0"), tlp(Tlp::Amber));
    assert_eq!(at("/labels_x"), tlp(Tlp::Green));
    // A granular WHITE does not widen the object's GREEN.
    assert_eq!(at("/name"), tlp(Tlp::Green));
}

#[test]
fn many_selectors_into_a_long_list_cost_no_more_than_reading_them() {
    let items = vec!["\"x\""; 40_000].join(",");
    let selectors: Vec<String> = (0..40_000).map(|index| format!("\"labels.[{index}]\"")).collect();
    let text = format!(
        r#"{{"labels":[{items}],"granular_markings":[{{"marking_ref":"$RED","selectors":[{}]}}]}}"#,
        selectors.join(",")
    );
    assert_eq!(with(&text, |object| property_markings(object).unwrap().len()), 40_000);
}
