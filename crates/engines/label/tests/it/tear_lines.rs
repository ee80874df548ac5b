//! Granular markings: parts are narrower, and what is cut out stays in.

use std::collections::BTreeMap;

use model::{Label, Tlp};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use shieldwall_label::{Handling, Pap, Part, Reader};
use stix::marking::tlp_ref;
use stix::redact::Redaction;

use crate::{AMBER, CLEAR, GREEN, RED, TLPS, handling_extension, id, statement, with};

fn definitions(id: &str) -> Option<String> {
    let known: BTreeMap<String, String> = [
        statement(1, "(c)"),
        statement(2, "PAP:RED"),
        handling_extension(3, r#""rel_to":["GBR"]"#),
        handling_extension(4, r#""orcon":true"#),
    ]
    .into();
    known.get(id).cloned()
}

/// An indicator with these object and granular markings: refs between spaces, and pairs of ref and selectors.
fn indicator(refs: &str, granular: &[(&str, &str)]) -> String {
    let quoted = |ids: &str, of: &dyn Fn(&str) -> String| {
        ids.split_whitespace().map(|id| format!(r#""{}""#, of(id))).collect::<Vec<_>>().join(",")
    };
    let refs = match refs {
        "" => String::new(),
        refs => format!(r#","object_marking_refs":[{}]"#, quoted(refs, &reference)),
    };
    let entry = |(marking, selectors): &(&str, &str)| {
        format!(
            r#"{{"marking_ref":"{}","selectors":[{}]}}"#,
            reference(marking),
            quoted(selectors, &str::to_owned)
        )
    };
    let entries: Vec<String> = granular.iter().map(entry).collect();
    let granular = match entries.is_empty() {
        true => String::new(),
        false => format!(r#","granular_markings":[{}]"#, entries.join(",")),
    };
    format!(
        r#"{{"type":"indicator","spec_version":"2.1","id":"indicator--00000000-0000-4000-8000-000000000001",
        "created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","name":"n","description":"d",
        "indicator_types":["benign","anonymization"],"pattern":"[url:value = 'x']","pattern_type":"stix",
        "valid_from":"2026-01-01T00:00:00Z",
        "external_references":[{{"source_name":"a","url":"https://a.example/"}},{{"source_name":"b"}}]{refs}{granular}}}"#
    )
}

/// The id of a TLP level by name, or of one of [`definitions`] by number.
fn reference(name: &str) -> String {
    match name.parse() {
        Ok(Label::Tlp(tlp)) => tlp_ref(tlp).as_str().to_owned(),
        _ => id(name.parse().unwrap()),
    }
}

#[track_caller]
fn parts(text: &str, effective: Label, expect: &[(&str, &str)]) {
    let mut findings = Vec::new();
    let parts = with(text, |object| Reader::new(&definitions).parts(object, effective, &mut findings));
    let parts: Vec<(&str, String)> =
        parts.iter().map(|Part { pointer, handling }| (pointer.as_str(), handling.to_text())).collect();
    let expect: Vec<(&str, String)> = expect.iter().map(|(at, text)| (*at, (*text).to_owned())).collect();
    assert_eq!((parts, findings), (expect, vec![]), "{text}");
}

#[test]
fn parts_are_narrower_than_what_they_are_in() {
    let text = indicator(
        "green 2",
        &[
            ("red", "description"),
            ("amber", "external_references"),
            ("3", "external_references.[0]"),
            ("clear", "external_references.[0].url"),
        ],
    );
    parts(
        &text,
        CLEAR,
        &[
            ("/description", "red,pap:red"),
            ("/external_references", "amber,pap:red"),
            ("/external_references/0", "amber,pap:red,rel:GBR"),
            // CLEAR widens nothing.
            ("/external_references/0/url", "amber,pap:red,rel:GBR"),
        ],
    );
    parts(
        &text,
        RED,
        &[
            ("/description", "red,pap:red"),
            ("/external_references", "red,pap:red"),
            ("/external_references/0", "red,pap:red,rel:GBR"),
            ("/external_references/0/url", "red,pap:red,rel:GBR"),
        ],
    );
    parts(&indicator("green", &[]), CLEAR, &[]);
}

#[test]
fn the_whole_is_what_its_object_markings_say() {
    let whole = |text: &str| {
        let mut findings = Vec::new();
        with(text, |object| Reader::new(&definitions).whole(object, AMBER, &mut findings)).to_text()
    };
    assert_eq!(whole(&indicator("green", &[("red", "description")])), "amber");
    // Where nobody can tell which part is meant, all of it is.
    assert_eq!(whole(&indicator("green", &[("red", "no_such_property")])), "red");
    assert_eq!(whole(&indicator("green", &[("red", "name"), ("9", "name..")])), "own");
}

/// What a receiver gets who may see what lies within a ceiling: pointers that are gone, or `withheld`.
#[track_caller]
fn check(text: &str, effective: Label, ceiling: &Handling, expect: &str) {
    let redaction = with(text, |object| {
        Reader::new(&definitions).tear_line(object, effective, &|handling| handling.is_within(ceiling))
    });
    let got = match redaction {
        Redaction::Whole => "whole".to_owned(),
        Redaction::Withheld => "withheld".to_owned(),
        Redaction::TearLine { removed, .. } => removed.join(" "),
    };
    assert_eq!(got, expect, "{text}");
}

#[test]
fn a_receiver_gets_what_lies_within_the_ceiling() {
    let amber = Handling::from(AMBER);
    let text = indicator("green", &[("red", "description external_references.[1]")]);
    check(&text, CLEAR, &amber, "/description /external_references/1");
    check(&text, CLEAR, &RED.into(), "whole");
    check(&text, CLEAR, &CLEAR.into(), "withheld");
    check(&text, Label::OwnOnly, &RED.into(), "withheld");
    // A part that is needed keeps the whole back.
    check(&indicator("green", &[("red", "pattern")]), CLEAR, &amber, "withheld");
    // Other schemes than TLP narrow parts too.
    check(&indicator("green", &[("2", "description")]), CLEAR, &amber, "/description");
    check(&indicator("green", &[("2", "description")]), CLEAR, &amber.clone().with_pap(Pap::Red), "whole");
    check(&indicator("green", &[("1", "description")]), CLEAR, &amber, "whole");
    // What nobody understands is seen by nobody.
    check(&indicator("green", &[("9", "description")]), CLEAR, &amber, "/description");
    check(&indicator("green", &[("red", "nothing")]), CLEAR, &amber, "withheld");
}

#[test]
fn acs_may_forbid_to_cut() {
    let none = std::collections::BTreeSet::new();
    let receiver =
        shieldwall_label::Receiver { nation: None, organisations: &none, accesses: &none, purpose: None };
    assert!(Handling::from(GREEN).may_be_cut(&receiver));
    assert!(!Handling::clear().with_acs(shieldwall_label::Acs::NOBODY).may_be_cut(&receiver));
}

const SELECTORS: [&str; 8] = [
    "name",
    "description",
    "indicator_types",
    "indicator_types.[1]",
    "external_references",
    "external_references.[0]",
    "external_references.[0].url",
    "kill",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Nothing in a tear-line lies outside the receiver's ceiling, and it is marked as narrowly as it was.
    #[test]
    fn tear_lines_are_never_wider(
        refs in subsequence(vec!["green", "amber", "1", "2", "3", "4"], 0..4),
        granular in proptest::collection::vec(
            (select(vec!["clear", "green", "amber", "amber+strict", "red", "1", "2", "3", "9"]),
             subsequence(SELECTORS.to_vec(), 1..3)), 1..4),
        effective in select(TLPS.to_vec()),
        ceiling in (select(Tlp::ALL.to_vec()), select(Pap::ALL.to_vec())),
    ) {
        let granular: Vec<(&str, String)> =
            granular.into_iter().map(|(marking, selectors)| (marking, selectors.join(" "))).collect();
        let entries: Vec<(&str, &str)> = granular.iter().map(|(a, b)| (*a, b.as_str())).collect();
        let text = indicator(&refs.join(" "), &entries);
        let ceiling = Handling::from(Label::Tlp(ceiling.0)).with_pap(ceiling.1);
        let may_see = |handling: &Handling| handling.is_within(&ceiling);
        let reader = Reader::new(&definitions);
        let whole = with(&text, |object| reader.whole(object, effective, &mut vec![]));
        match with(&text, |object| reader.tear_line(object, effective, &may_see)) {
            Redaction::Withheld => {}
            Redaction::Whole => {
                prop_assert!(may_see(&whole));
                let parts = with(&text, |object| reader.parts(object, effective, &mut vec![]));
                prop_assert!(parts.iter().all(|part| may_see(&part.handling)));
            }
            Redaction::TearLine { text: torn, removed } => {
                prop_assert!(may_see(&whole) && !removed.is_empty());
                let after = with(&torn, |object| {
                    (reader.whole(object, effective, &mut vec![]), reader.parts(object, effective, &mut vec![]))
                });
                prop_assert_eq!(after.0, whole);
                prop_assert!(after.1.iter().all(|part| may_see(&part.handling)), "{}", torn);
                // What was out of reach before is not there any more.
                let before = with(&text, |object| reader.parts(object, effective, &mut vec![]));
                for part in before.iter().filter(|part| !may_see(&part.handling)) {
                    prop_assert!(removed.iter().any(|gone| part.pointer.starts_with(gone)), "{}", part.pointer);
                }
            }
        }
    }
}
