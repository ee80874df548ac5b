//! What holds for every input.

use proptest::prelude::*;
use shieldwall_stix_pattern::{Limits, Matcher, parse};

use crate::observations;

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z_][a-z0-9_]{0,8}".prop_map(|name| format!("{name}_")),
        any::<String>().prop_map(|text| quoted(&text))
    ]
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn path() -> impl Strategy<Value = String> {
    let step = prop_oneof![
        name().prop_map(|name| format!(".{name}")),
        any::<u16>().prop_map(|n| format!("[{n}]")),
        Just("[*]".to_owned())
    ];
    (name(), prop::collection::vec(step, 0..4))
        .prop_map(|(first, steps)| format!("x-t:{first}{}", steps.concat()))
}

fn literal() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>().prop_map(|text| quoted(&text)),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(|f| if f.fract() == 0.0 {
            format!("{f}.0")
        } else {
            f.to_string()
        }),
        "h'([0-9a-fA-F]{2}){0,4}'",
        "b'([A-Za-z0-9+/]{4}){1,3}'",
        "t'20[0-9]{2}-0[1-9]-1[0-9]T0[0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?Z'",
    ]
}

fn test() -> impl Strategy<Value = String> {
    let not = prop_oneof![Just(""), Just("NOT ")];
    prop_oneof![
        (
            path(),
            not.clone(),
            prop_oneof![Just("="), Just("<>"), Just("<"), Just(">="), Just("==")],
            literal()
        )
            .prop_map(|(path, not, operator, literal)| format!("{path} {not}{operator} {literal}")),
        (path(), not.clone(), prop::collection::vec(any::<i32>().prop_map(|n| n.to_string()), 0..5))
            .prop_map(|(path, not, members)| format!("{path} {not}IN({})", members.join(", "))),
        (path(), not.clone(), any::<String>())
            .prop_map(|(path, not, text)| format!("{path} {not}LIKE {}", quoted(&text))),
        (path(), not, any::<[u8; 4]>(), 0..=32_u8).prop_map(|(path, not, [a, b, c, d], prefix)| format!(
            "{path} {not}ISSUBSET '{a}.{b}.{c}.{d}/{prefix}'"
        )),
        path().prop_map(|path| format!("EXISTS {path}")),
        (path(), any::<bool>()).prop_map(|(path, value)| format!("{path} != {value}")),
    ]
}

fn joined(
    part: impl Strategy<Value = String>,
    operators: &'static [&'static str],
) -> impl Strategy<Value = String> {
    prop::collection::vec((part, prop::sample::select(operators), any::<bool>()), 1..4).prop_map(|parts| {
        let mut out = String::new();
        for (place, (part, operator, parentheses)) in parts.into_iter().enumerate() {
            if place > 0 {
                out.push_str(operator);
            }
            out.push_str(&if parentheses { format!("({part})") } else { part });
        }
        out
    })
}

fn pattern() -> impl Strategy<Value = String> {
    let comparison = test().prop_recursive(3, 12, 3, |inner| joined(inner, &[" AND ", " OR "])).boxed();
    let observation = comparison.prop_map(|comparison| format!("[{comparison}]"));
    observation.prop_recursive(3, 10, 3, |inner| {
        prop_oneof![
            joined(inner.clone(), &[" AND ", " OR ", " FOLLOWEDBY "])
                .prop_map(|joined| format!("({joined})")),
            (inner.clone(), 1..4_u8).prop_map(|(inner, times)| format!("({inner}) REPEATS {times} TIMES")),
            (inner.clone(), 0.000_001..1e12)
                .prop_map(|(inner, seconds)| format!("({inner}) WITHIN {seconds:.6} SECONDS")),
            inner.prop_map(|inner| format!(
                "({inner}) START t'2001-01-01T00:00:00Z' STOP t'2001-01-01T00:00:00.000001Z'"
            )),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn printing_and_parsing_gives_the_same_tree(text in pattern()) {
        let pattern = parse(&text, &Limits::default());
        prop_assert!(pattern.is_ok(), "{text}\n{pattern:#?}");
        let pattern = pattern.unwrap();
        let printed = pattern.to_string();
        prop_assert_eq!(parse(&printed, &Limits::default()), Ok(pattern), "{}", printed);
    }

    #[test]
    fn evaluating_never_panics(text in pattern(), value in literal(), budget in 0..100_000_u64) {
        let quoted = value.replace('\\', "\\\\").replace('"', "\\\"").replace(char::is_control, " ");
        let observations = observations(&format!(
            r#"[{{"type":"observed-data","number_observed":3,"first_observed":"2001-01-01T00:00:00Z","objects":{{
                "0":{{"type":"x-t","a_":"{quoted}","b_":[1,2.5,{{"c_":null}}],"d_":{{"e_":true}}}}}}}}]"#
        ));
        let pattern = parse(&text, &Limits::default()).unwrap();
        let _ = Matcher::new(&pattern).unwrap().first_match(&observations, budget);
    }

    #[test]
    fn no_text_panics(text in any::<String>()) {
        let _ = parse(&text, &Limits::default());
    }

    #[test]
    fn no_mutilated_pattern_panics(text in pattern(), cut in any::<prop::sample::Index>(), put in "[\\[\\]()'.:*,<>=!hbt/ 0-9A-Z-]{0,3}") {
        let places: Vec<usize> = text.char_indices().map(|(place, _)| place).collect();
        let place = places[cut.index(places.len())];
        let (head, tail) = text.split_at(place);
        if let Err(errors) = parse(&format!("{head}{put}{tail}"), &Limits::default()) {
            prop_assert!(!errors.is_empty());
        }
        if let Err(errors) = parse(head, &Limits::default()) {
            prop_assert!(!errors.is_empty());
            prop_assert!(errors.iter().all(|error| error.start <= error.end && error.end <= head.len()));
        }
    }
}
