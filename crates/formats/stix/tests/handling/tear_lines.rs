//! What a receiver gets to see.

use std::collections::BTreeSet;

use json::{Kind, Value};
use model::{Label, Tlp};
use proptest::prelude::{ProptestConfig, any, prop};
use proptest::{prop_assert, prop_assert_eq, proptest};
use shieldwall_stix::marking::{Markings, effective, object_label, property_markings};
use shieldwall_stix::meaning::{common_properties_agree, same_meaning};
use shieldwall_stix::redact::{REDACTION_DEFINITIONS, REDACTION_EXTENSION, Redaction, redact};

use super::{GREEN, RED, errors, fill, resolve, shared, with};

const COMMON: &str =
    r#""spec_version":"2.1","created":"2017-04-27T16:18:24.318Z","modified":"2017-04-27T16:18:24.318Z""#;

/// Up to this level, and never what is unknown.
fn may_see(ceiling: Tlp) -> impl Fn(&Markings) -> bool {
    move |markings| markings.label(&resolve).unwrap_or(Label::CLEAR) >= Label::Tlp(ceiling)
}

fn check(object: &str, ceiling: Tlp, expect: Result<(&str, &[&str]), Redaction>) {
    let object = fill(&object.replace("$COMMON", COMMON));
    let result = with(&object, |value| redact(value, &may_see(ceiling)));
    match expect {
        Err(redaction) => assert_eq!(result, redaction, "{object}"),
        Ok((text, removed)) => {
            let text = fill(&text.replace("$COMMON", COMMON)).replace(
                "$MARK",
                &format!(
                    r#""{REDACTION_EXTENSION}":{{"extension_type":"property-extension","removed":{}}}"#,
                    removed.len()
                ),
            );
            let removed = removed.iter().map(|pointer| (*pointer).to_owned()).collect();
            assert_eq!(errors(&text), Vec::<String>::new());
            assert_eq!(result, Redaction::TearLine { text, removed }, "{object}");
        }
    }
}

#[test]
fn a_property_goes_and_the_rest_stays_to_the_byte() {
    let object = r#"{"type": "campaign", "id":"campaign--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",$COMMON,
        "name":"caf\u00e9" , "objective":"secret", "x_n": [1.0e2, -0, 12345678901234567890],
        "granular_markings":[{"marking_ref":"$RED","selectors":["objective"]}]}"#;
    check(object, Tlp::Red, Err(Redaction::Whole));
    check(
        object,
        Tlp::Amber,
        Ok((
            r#"{"type":"campaign","id":"campaign--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",$COMMON,"name":"caf\u00e9","x_n":[1.0e2, -0, 12345678901234567890],"extensions":{$MARK}}"#,
            &["/objective"],
        )),
    );
}

#[test]
fn list_items_go_and_selectors_move_up() {
    check(
        r#"{"type":"campaign","id":"campaign--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",$COMMON,"name":"x","aliases":["a","b","c","d"],"granular_markings":[{"marking_ref":"$RED","selectors":["aliases.[0]","aliases.[2]"]},{"marking_ref":"$GREEN","selectors":["aliases.[3]","name"]},{"lang":"fr","selectors":["aliases.[2]"]}]}"#,
        Tlp::Amber,
        Ok((
            r#"{"type":"campaign","id":"campaign--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",$COMMON,"name":"x","aliases":["b","d"],"granular_markings":[{"marking_ref":"$GREEN","selectors":["aliases.[1]","name"]}],"extensions":{$MARK}}"#,
            &["/aliases/0", "/aliases/2"],
        )),
    );
}

#[test]
fn what_would_be_empty_goes_as_a_whole() {
    check(
        r#"{"type":"campaign","id":"campaign--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",$COMMON,"name":"x","aliases":["a"],"external_references":[{"source_name":"s","hashes":{"MD5":"0123456789abcdef0123456789abcdef"},"url":"https://example.com/"}],"granular_markings":[{"marking_ref":"$RED","selectors":["aliases.[0]","external_references.[0].hashes.MD5"]}]}"#,
        Tlp::Amber,
        Ok((
            r#"{"type":"campaign","id":"campaign--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",$COMMON,"name":"x","external_references":[{"source_name":"s","url":"https://example.com/"}],"extensions":{$MARK}}"#,
            &["/aliases", "/external_references/0/hashes"],
        )),
    );
}

#[test]
fn a_part_that_is_needed_inside_takes_its_property_with_it() {
    check(
        r#"{"type":"campaign","id":"campaign--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",$COMMON,"name":"x","external_references":[{"source_name":"s","description":"d"}],"granular_markings":[{"marking_ref":"$RED","selectors":["external_references.[0].source_name"]}]}"#,
        Tlp::Amber,
        Ok((
            r#"{"type":"campaign","id":"campaign--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",$COMMON,"name":"x","extensions":{$MARK}}"#,
            &["/external_references"],
        )),
    );
}

#[test]
fn a_second_tear_line_adds_to_the_first() {
    let first = format!(r#""{REDACTION_EXTENSION}":{{"extension_type":"property-extension","removed":2}}"#);
    let object = format!(
        r#"{{"type":"campaign","id":"campaign--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",{COMMON},"name":"x","description":"d","extensions":{{{first}}},"granular_markings":[{{"marking_ref":"$RED","selectors":["description"]}}]}}"#
    );
    let Redaction::TearLine { text, .. } = with(&object, |value| redact(value, &may_see(Tlp::Green))) else {
        panic!("a tear-line");
    };
    assert!(text.contains(r#""removed":3"#), "{text}");
    assert!(!text.contains("granular_markings"));
}

#[test]
fn withheld_rather_than_broken_or_revealing() {
    let indicator = |marking: &str, more: &str| {
        format!(
            r#"{{"type":"indicator","id":"indicator--1ed8caa7-a708-4706-b651-f1186ede6ca1",$COMMON,"pattern":"[url:value = 'x']","pattern_type":"stix","valid_from":"2017-04-27T16:18:24.318Z","name":"x","revoked":true,"object_marking_refs":["$GREEN"],"granular_markings":[{{"marking_ref":"$RED","selectors":[{marking}]}}]{more}}}"#
        )
    };
    for selectors in [
        // Required.
        r#""pattern""#,
        r#""id""#,
        r#""type""#,
        r#""modified""#,
        // Handling itself.
        r#""object_marking_refs""#,
        r#""object_marking_refs.[0]""#,
        r#""granular_markings""#,
        r#""granular_markings.[0].selectors""#,
        r#""revoked""#,
        // Nobody can tell what this protects.
        r#""nome""#,
        r#""name.[0]""#,
    ] {
        check(&indicator(selectors, ""), Tlp::Amber, Err(Redaction::Withheld));
        check(&indicator(selectors, ""), Tlp::Red, Err(Redaction::Whole));
    }
    // Above the receiver as a whole; unknown; unreadable.
    let plain =
        r#"{"type":"campaign","id":"campaign--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",$COMMON,"name":"x""#;
    check(&format!(r#"{plain},"object_marking_refs":["$RED"]}}"#), Tlp::Amber, Err(Redaction::Withheld));
    check(&format!(r#"{plain},"object_marking_refs":["$STRANGE"]}}"#), Tlp::Red, Err(Redaction::Withheld));
    check(&format!(r#"{plain},"granular_markings":{{}}}}"#), Tlp::Red, Err(Redaction::Withheld));
    check(&format!(r#"{plain},"granular_markings":[3]}}"#), Tlp::Red, Err(Redaction::Withheld));
    let unreadable =
        r#""granular_markings":[{"marking_ref":5,"selectors":["name"]},{"lang":"fr","selectors":["x"]}]"#;
    check(&format!("{plain},{unreadable}}}"), Tlp::Red, Err(Redaction::Withheld));
    check(
        &format!(
            r#"{plain},"extensions":7,"description":"d","granular_markings":[{{"marking_ref":"$RED","selectors":["description"]}}]}}"#
        ),
        Tlp::Amber,
        Err(Redaction::Withheld),
    );
}

#[test]
fn markings_without_measure_are_withheld() {
    let markings: Vec<String> =
        (0..2_000).map(|n| format!("\"marking-definition--{n:08}-1111-4111-8111-111111111111\"")).collect();
    let selectors: Vec<String> = (0..1_000).map(|index| format!("\"aliases.[{index}]\"")).collect();
    let object = format!(
        r#"{{"object_marking_refs":[{}],"aliases":[{}],"granular_markings":[{{"marking_ref":"$RED","selectors":[{}]}}]}}"#,
        markings.join(","),
        vec!["1"; 1_000].join(","),
        selectors.join(",")
    );
    assert_eq!(with(&object, |value| redact(value, &|_| true)), Redaction::Withheld);
}

#[test]
fn an_unknown_granular_marking_hides_its_part() {
    check(
        r#"{"type":"campaign","id":"campaign--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",$COMMON,"name":"x","objective":"o","granular_markings":[{"marking_ref":"$STRANGE","selectors":["objective"]}]}"#,
        Tlp::Red,
        Ok((
            r#"{"type":"campaign","id":"campaign--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",$COMMON,"name":"x","extensions":{$MARK}}"#,
            &["/objective"],
        )),
    );
}

#[test]
fn a_deterministic_id_would_give_a_hidden_value_away() {
    // The id of a file is made of its name and hashes.
    let file = |id: &str, hidden: &str| {
        format!(
            r#"{{"type":"file","id":"{id}","name":"secret.doc","size":3,"mime_type":"text/plain","granular_markings":[{{"marking_ref":"$RED","selectors":["{hidden}"]}}]}}"#
        )
    };
    let v5 = "file--9a1f834d-2506-5367-baec-7aa63996ac43";
    let v4 = "file--9a1f834d-2506-4367-baec-7aa63996ac43";
    check(&file(v5, "name"), Tlp::Amber, Err(Redaction::Withheld));
    for id in [v4, v5] {
        let result = with(&file(id, "size"), |value| redact(value, &may_see(Tlp::Amber)));
        assert!(matches!(result, Redaction::TearLine { .. }), "{result:?}");
    }
}

#[test]
fn a_tear_line_agrees_with_its_original_and_is_never_wider() {
    let Some(objects) = shared("stix-examples/using-granular-markings.json") else { return };
    let (mut lines, mut withheld) = (0, 0);
    for object in objects {
        for ceiling in Tlp::ALL {
            match with(&object, |value| redact(value, &may_see(ceiling))) {
                Redaction::Whole => {}
                Redaction::Withheld => withheld += 1,
                Redaction::TearLine { text, .. } => {
                    lines += 1;
                    with(&object, |object| {
                        with(&text, |line| {
                            assert!(common_properties_agree(object, line) && !same_meaning(object, line));
                            assert!(
                                object_label(line, &resolve).label_or(Label::CLEAR) >= Label::Tlp(ceiling)
                            );
                        });
                    });
                }
            }
        }
    }
    assert!(lines > 0 && withheld > 0);
}

#[test]
fn the_mark_is_a_valid_extension() {
    for definition in REDACTION_DEFINITIONS {
        assert_eq!(errors(definition), Vec::<String>::new());
    }
    assert!(REDACTION_DEFINITIONS[1].contains(REDACTION_EXTENSION));
}

/// Every leaf is a text of its own, so that it can be looked for.
const LEAVES: &str = r#"{"type":"campaign","id":"campaign--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",$COMMON,"name":"n0",
    "description":"n1","aliases":["n2","n3","n4"],"x_tree":{"list":["n5",["n6","n7"],{"deep":"n8"},"n9"],"more":"n10"},
    "object_marking_refs":["$WHITE"],"granular_markings":[$ENTRIES]}"#;

const SELECTORS: [&str; 15] = [
    "description",
    "aliases",
    "aliases.[0]",
    "aliases.[1]",
    "aliases.[2]",
    "x_tree",
    "x_tree.list",
    "x_tree.list.[0]",
    "x_tree.list.[1]",
    "x_tree.list.[1].[0]",
    "x_tree.list.[1].[1]",
    "x_tree.list.[2]",
    "x_tree.list.[2].deep",
    "x_tree.list.[3]",
    "x_tree.more",
];

/// Pointers to the leaves that [`LEAVES`] counts, by their text.
fn leaves(value: Value<'_>, pointer: &str, out: &mut Vec<(String, String)>) {
    match value.kind() {
        Kind::String => {
            let text = value.as_str().unwrap().into_owned();
            if text.strip_prefix('n').is_some_and(|digits| digits.parse::<u8>().is_ok()) {
                out.push((text, pointer.to_owned()));
            }
        }
        Kind::Object => {
            value.entries().for_each(|(key, member)| {
                leaves(member, &format!("{pointer}/{}", key.as_str().unwrap()), out)
            });
        }
        _ => value
            .items()
            .enumerate()
            .for_each(|(index, item)| leaves(item, &format!("{pointer}/{index}"), out)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// A leaf is in the tear-line exactly when its markings allow it, and then under the same label.
    #[test]
    fn exactly_what_may_be_seen_remains(
        marked in prop::collection::btree_set((0..SELECTORS.len(), any::<bool>()), 1..8),
        ceiling in prop::sample::select(vec![Tlp::Red, Tlp::Amber, Tlp::Green, Tlp::Clear]),
    ) {
        let entry = |(at, red): &(usize, bool)| {
            format!(r#"{{"marking_ref":"{}","selectors":["{}"]}}"#, if *red { RED } else { GREEN }, SELECTORS[*at])
        };
        let entries: Vec<String> = marked.iter().map(entry).collect();
        let text = fill(&LEAVES.replace("$COMMON", COMMON).replace("$ENTRIES", &entries.join(",")));
        let line = match with(&text, |object| redact(object, &may_see(ceiling))) {
            Redaction::Whole => text.clone(),
            Redaction::TearLine { text, .. } => text,
            Redaction::Withheld => return Err(proptest::test_runner::TestCaseError::fail("withheld")),
        };
        let label = |text: &str, pointer: &str| with(text, |object| effective(object, pointer).unwrap().label(&resolve));
        let list = |text: &str| {
            let mut out = Vec::new();
            with(text, |object| leaves(object, "", &mut out));
            out
        };
        let (before, after) = (list(&text), list(&line));
        let visible: BTreeSet<&str> = before
            .iter()
            .filter(|(_, pointer)| label(&text, pointer) >= Some(Label::Tlp(ceiling)))
            .map(|(leaf, _)| leaf.as_str())
            .collect();
        prop_assert_eq!(visible, after.iter().map(|(leaf, _)| leaf.as_str()).collect());
        for (leaf, pointer) in &after {
            let original = before.iter().find(|(other, _)| other == leaf).map(|(_, pointer)| label(&text, pointer));
            prop_assert_eq!(Some(label(&line, pointer)), original);
        }
        prop_assert!(with(&line, |object| property_markings(object).is_ok()));
        prop_assert_eq!(errors(&line), Vec::<String>::new());
        if line != text {
            prop_assert!(line.contains(REDACTION_EXTENSION));
        }
    }
}
