//! Input made to break the validator: it may be refused, but only with findings and within bounds.

use json::{Limits, Tape};
use model::{Finding, Severity};
use proptest::prelude::*;
use shieldwall_stix::{Checks, bundle, schema, sco, validate};

fn findings(raw: &str) -> Vec<Finding> {
    let mut tape = Tape::new();
    let value = tape.parse(raw.as_bytes(), &Limits::OBJECT).unwrap();
    let mut findings = Vec::new();
    let valid = validate(value, &Checks::default(), &mut findings).is_some();
    let errors = findings.iter().any(|finding| finding.severity == Severity::Error);
    assert_eq!(valid, !errors, "{raw}");
    for finding in &findings {
        assert!(
            value.pointer(&finding.pointer).is_some() || finding.pointer.ends_with("tlp_2_0"),
            "{finding}: {raw}"
        );
        assert!(finding.rule.starts_with("stix-2.1/") && finding.rule.split('/').count() == 3, "{finding}");
    }
    let _ = sco::deterministic_id(value);
    findings
}

/// Every property of every type with every kind of wrong value: nothing but what may be any string, or anything,
/// passes unnoticed.
#[test]
fn wrong_kinds_everywhere() {
    const WRONG: &[&str] = &[
        "null",
        "true",
        "[]",
        "{}",
        "[null]",
        "{\"a\":null}",
        "1e999",
        "-0",
        "123456789012345678901234567890",
    ];
    for schema in schema::all() {
        for property in schema.shape.properties() {
            for wrong in WRONG {
                let raw = format!("{{\"{}\":{wrong}}}", property.name);
                findings(&raw);
                if property.name != "type" {
                    let raw = format!("{{\"type\":\"{}\",\"{}\":{wrong}}}", schema.shape.name, property.name);
                    let said = findings(&raw);
                    let pointer = format!("/{}", property.name);
                    let noticed = said.iter().any(|finding| finding.pointer.starts_with(&pointer));
                    let fits = match property.value {
                        schema::ValueType::Boolean => *wrong == "true",
                        schema::ValueType::Integer(..) => *wrong == "-0",
                        schema::ValueType::Float(..) => {
                            matches!(*wrong, "-0" | "123456789012345678901234567890")
                        }
                        schema::ValueType::Any => *wrong != "null",
                        _ => false,
                    };
                    assert!(noticed || fits, "{raw}: {said:?}");
                }
            }
        }
    }
}

#[test]
fn no_number_of_defects_makes_findings_without_bound() {
    let labels = vec!["1"; 200_000].join(",");
    let said = findings(&format!("{{\"type\":\"tool\",\"labels\":[{labels}]}}"));
    assert!(said.len() < 1_100, "{}", said.len());
    assert_eq!(said.last().unwrap().rule, "stix-2.1/12/findings-left-out");
}

#[test]
fn selectors_cannot_be_made_quadratic() {
    let members: String = (0..5_000).map(|n| format!("\"x_{n}\":1,")).collect();
    let selectors = vec!["\"x_4999\""; 50_000].join(",");
    let said = findings(&format!(
        "{{\"type\":\"tool\",{members}\"granular_markings\":[{{\"lang\":\"en\",\"selectors\":[{selectors}]}}]}}"
    ));
    assert!(said.iter().any(|finding| finding.rule == "stix-2.1/12/too-costly"));
}

#[test]
fn sibling_references_cannot_be_made_quadratic() {
    let objects: String = (0..20_000)
        .map(|n| format!("\"k{n}\":{{\"type\":\"file\",\"name\":\"a\",\"contains_refs\":[\"k19999\"]}},"))
        .collect();
    let said = findings(&format!(
        "{{\"type\":\"observed-data\",\"objects\":{{{objects}\"z\":{{\"type\":\"url\"}}}}}}"
    ));
    assert!(said.iter().any(|finding| finding.rule == "stix-2.1/12/too-costly"));
}

#[test]
fn observed_data_inside_observed_data_is_refused_and_ends() {
    let mut raw = "{\"type\":\"observed-data\",\"objects\":{\"a\":1}}".to_owned();
    for _ in 0..25 {
        raw = format!("{{\"type\":\"observed-data\",\"objects\":{{\"a\":{raw}}}}}");
    }
    assert!(findings(&raw).iter().any(|finding| finding.rule == "stix-2.1/2.13/container-class"));
}

#[test]
fn escapes_hide_nothing() {
    let said = findings(
        r#"{"\u0074ype":"identit\u0079","spec_version":"2\u002e1","id":"identity--\u0030c7b5b88-8ff7-4a4d-aa9d-feb398cd0061","created":"2016-05-12T08:17:27.000\u005a","modified":"2016-05-12T08:17:26.000Z","n\u0061me":1}"#,
    );
    let rules: Vec<_> = said.iter().map(|finding| &*finding.rule).collect();
    assert_eq!(rules, ["stix-2.1/2.15/string", "stix-2.1/3.2/modified-order"]);
}

#[test]
fn an_escaped_custom_type_is_refused_with_a_reason() {
    let said = findings(r#"{"type":"x-acm\u0065","id":"x-acme--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"}"#);
    assert!(said.iter().any(|finding| finding.rule == "stix-2.1/11.2/type-name"), "{said:?}");
}

#[test]
fn the_ends_of_time_are_instants() {
    let at = |instant: &str| {
        findings(&format!(
            r#"{{"type":"tool","spec_version":"2.1","id":"tool--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f","created":"{instant}","modified":"{instant}","name":"n"}}"#
        ))
        .len()
    };
    assert_eq!(at("0001-01-01T00:00:00.000Z"), 0);
    assert_eq!(at("9999-12-31T23:59:59.999999Z"), 0);
    assert_eq!(at("0000-01-01T00:00:00.000Z"), 2);
    assert_eq!(at("10000-01-01T00:00:00.000Z"), 2);
}

/// Member names that mean something, so that random documents reach deep into the validator.
fn name() -> impl Strategy<Value = String> {
    let names: Vec<String> = schema::all()
        .flat_map(|schema| schema.shape.properties().map(|property| property.name.to_owned()))
        .chain(
            [
                "archive-ext",
                "windows-pebinary-ext",
                "sections",
                "selectors",
                "hashes",
                "MD5",
                "de",
                "objects",
            ]
            .map(str::to_owned),
        )
        .collect();
    prop_oneof![4 => prop::sample::select(names), 1 => ".{0,12}"]
}

fn scalar() -> impl Strategy<Value = String> {
    let types: Vec<&'static str> =
        schema::all().map(|schema| schema.shape.name).chain(["bundle", "x-y"]).collect();
    let quote = |text: String| serde_json::Value::String(text).to_string();
    prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|flag| flag.to_string()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>()
            .prop_filter("finite", |number| number.is_finite())
            .prop_map(|number| format!("{number:?}")),
        prop::sample::select(types.clone()).prop_map(|name| format!("\"{name}\"")),
        prop::sample::select(types)
            .prop_map(|name| format!("\"{name}--613f2e26-407d-48c7-9eca-b8e91df99dc9\"")),
        Just("\"2016-05-12T08:17:27.000Z\"".to_owned()),
        Just("\"2.1\"".to_owned()),
        ".{0,20}".prop_map(quote),
    ]
}

fn document() -> impl Strategy<Value = String> {
    scalar().prop_recursive(6, 80, 12, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::btree_map(name(), inner, 0..12).prop_map(|members| {
                let members: Vec<_> = members
                    .into_iter()
                    .map(|(name, value)| format!("{}:{value}", serde_json::Value::String(name)))
                    .collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_json_gets_an_answer(raw in document()) {
        findings(&raw);
        let mut tape = Tape::new();
        let value = tape.parse(raw.as_bytes(), &Limits::OBJECT).unwrap();
        bundle::check(value, &Checks::default(), &mut Vec::new());
        schema::visit(value, &mut |_, inner| {
            let pointer = schema::pointer_to(value, inner);
            assert_eq!(value.pointer(&pointer).map(|found| found.position()), Some(inner.position()));
        });
    }
}
