//! Rules, filters and correlations, written for these tests.

use std::sync::Arc;

use logs::{Format, Framing};
use shieldwall_detect::{Kind, Matcher, State};

use crate::{alerts, rules, titles};

const PROCESS: &str = r#"{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":1,"UtcTime":"2024-05-01 10:00:00.000","Image":"C:\\Windows\\System32\\whoami.exe","CommandLine":"whoami /all","ParentImage":"C:\\evil\\a.exe","User":"x"}"#;
const FILE: &str = r#"{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":11,"UtcTime":"2024-05-01 10:00:01.000","Image":"C:\\Windows\\System32\\whoami.exe","TargetFilename":"C:\\whoami.exe"}"#;

fn rule(title: &str, source: &str, detection: &str) -> String {
    format!(
        "title: {title}\nid: 11111111-1111-4111-8111-111111111111\nlogsource:\n{source}\ndetection:\n{detection}\nlevel: high\n"
    )
}

const CREATION: &str = "  product: windows\n  category: process_creation";

#[test]
fn a_rule_is_asked_about_events_of_its_log_source_alone() {
    let detection = "  selection:\n    Image|endswith: '\\whoami.exe'\n  condition: selection";
    let sigma = rules(&[&rule("whoami", CREATION, detection)]);
    assert_eq!(sigma.cards()[0].state, State::Active);
    assert_eq!(titles(&sigma, &[PROCESS, FILE]), ["whoami"]);
}

#[test]
fn a_match_says_which_field_with_which_value_where() {
    let detection = "  selection:\n    CommandLine|contains: ' /ALL'\n  condition: selection";
    let sigma = rules(&[&rule("all", CREATION, detection)]);
    let mut matcher = Matcher::new(Arc::clone(&sigma));
    let found = alerts(&mut matcher, Format::WindowsJson, Framing::Lines, PROCESS.as_bytes());
    let [alert] = found.as_slice() else { panic!("{found:?}") };
    let [evidence] = alert.evidence.as_slice() else { panic!("{alert:?}") };
    assert_eq!((evidence.field.as_str(), evidence.value.as_str()), ("CommandLine", "whoami /all"));
    assert_eq!(evidence.selection, "selection");
    assert_eq!(&PROCESS[evidence.span.clone().unwrap()], "whoami /all");
    assert_eq!(alert.count, 1);
}

#[test]
fn the_condition_language() {
    let check = |detection: &str, expect: bool| {
        let sigma = rules(&[&rule("r", CREATION, detection)]);
        assert_eq!(sigma.cards()[0].state, State::Active, "{detection}");
        assert_eq!(!titles(&sigma, &[PROCESS]).is_empty(), expect, "{detection}");
    };
    check("  a:\n    User: x\n  b:\n    User: y\n  condition: a and not b", true);
    check("  a:\n    User: x\n  b:\n    User: y\n  condition: a and b", false);
    check("  sel_a:\n    User: x\n  sel_b:\n    User: y\n  condition: 1 of sel_*", true);
    check("  sel_a:\n    User: x\n  sel_b:\n    User: y\n  condition: all of sel_*", false);
    check("  sel_a:\n    User: x\n  sel_b:\n    Image|contains: who\n  condition: all of them", true);
    check("  a:\n    Image|re: '.*who.mi\\.exe$'\n  condition: a", true);
    check("  a:\n    CommandLine|contains|all:\n      - who\n      - all\n  condition: a", true);
    check("  a:\n    CommandLine|windash|contains: ' -all'\n  condition: a", true);
    check("  a:\n    Nothing: null\n  condition: a", true);
    // Words without a field are looked for in every value, wherever in it they stand.
    check("  a:\n    - hoam\n    - nobody\n  condition: a", true);
    check("  a:\n    - nobody\n  condition: a", false);
}

#[test]
fn what_a_rule_cannot_do_is_a_state_with_a_reason() {
    let missing = rule("m", "  product: acme\n  service: nothing", "  a:\n    x: y\n  condition: a");
    // A process creation of the security log has no such field: the exclusion would never hold, and Sysmon's has it.
    let excluding = rule(
        "e",
        "  product: windows\n  service: security",
        "  a:\n    EventID: 4688\n  b:\n    OriginalFileName: good.exe\n  condition: a and not b",
    );
    let sigma = rules(&[
        &missing,
        &excluding,
        "title: [",
        "title: x\nlogsource:\n  product: windows\ndetection:\n  a:\n    x|nonsense: y\n  condition: a\n",
        "nothing: here\n",
    ]);
    let states: Vec<_> =
        sigma.cards().iter().map(|card| (card.state.as_str(), card.state.reason())).collect();
    assert_eq!(states[0].0, "source-missing", "{states:?}");
    assert!(states[0].1.contains("acme"), "{states:?}");
    assert_ne!(states[1].0, "unsupported", "{states:?}");
    for (state, reason) in &states[2..] {
        assert_eq!(*state, "unsupported", "{states:?}");
        assert!(!reason.is_empty(), "{states:?}");
    }
    assert!(sigma.cards()[2..].iter().any(|card| card.kind == Kind::Unreadable));
    assert!(titles(&sigma, &[PROCESS]).is_empty());
}

#[test]
fn one_bad_text_keeps_no_other_from_being_used() {
    let good = rule("good", CREATION, "  a:\n    User: x\n  condition: a");
    let sigma = rules(&["\u{0}\u{1}", &"a".repeat(2 << 20), &good, "- - -", ""]);
    assert_eq!(titles(&sigma, &[PROCESS]), ["good"]);
    assert!(sigma.cards().len() >= 4);
}

const LOGON: &str = "title: failed logon\nid: 22222222-2222-4222-8222-222222222222\nname: failed_logon\nlogsource:\n  product: windows\n  service: security\ndetection:\n  a:\n    EventID: 4625\n  condition: a\nlevel: low\n";
const MANY: &str = "title: many failed logons\nid: 33333333-3333-4333-8333-333333333333\ncorrelation:\n  type: event_count\n  rules:\n    - failed_logon\n  group-by:\n    - TargetUserName\n  timespan: 5m\n  condition:\n    gte: 3\nlevel: high\n";

fn logon(user: &str, time: &str) -> String {
    format!(
        r#"{{"Channel":"Security","EventID":4625,"@timestamp":"2024-05-01T{time}.000Z","TargetUserName":"{user}"}}"#
    )
}

#[test]
fn a_correlation_counts_within_its_time_and_its_group() {
    let sigma = rules(&[LOGON, MANY]);
    assert!(sigma.cards().iter().all(|card| card.state == State::Active), "{:?}", sigma.cards());
    let records = [
        logon("anna", "10:00:00"),
        logon("anna", "10:01:00"),
        logon("ben", "10:01:30"),
        logon("anna", "10:09:00"),
        logon("anna", "10:10:00"),
        logon("anna", "10:11:00"),
    ];
    let mut matcher = Matcher::new(Arc::clone(&sigma));
    let found = alerts(&mut matcher, Format::WindowsJson, Framing::Lines, records.join("\n").as_bytes());
    let many: Vec<_> =
        found.iter().filter(|alert| sigma.card(alert.rule).unwrap().kind == Kind::Correlation).collect();
    let [alert] = many.as_slice() else { panic!("{found:#?}") };
    assert_eq!(alert.count, 3);
    assert_eq!(alert.evidence[0].value, "anna");
    assert_eq!(found.len(), 7, "and each logon by itself");
}

#[test]
fn a_correlation_without_its_rules_says_so() {
    let sigma = rules(&[MANY]);
    assert!(sigma.cards()[0].state.reason().contains("failed_logon (not loaded)"), "{:?}", sigma.cards());
}

#[test]
fn a_filter_narrows_the_rules_that_it_names() {
    let filter = "title: not ours\nid: 44444444-4444-4444-8444-444444444444\nlogsource:\n  product: windows\n  category: process_creation\nfilter:\n  rules:\n    - 11111111-1111-4111-8111-111111111111\n  ours:\n    User: x\n  condition: not ours\n";
    let rule = rule("any", CREATION, "  a:\n    Image|contains: who\n  condition: a");
    assert_eq!(titles(&rules(&[&rule]), &[PROCESS]), ["any"]);
    let sigma = rules(&[&rule, filter]);
    assert_eq!(sigma.cards()[1].kind, Kind::Filter);
    assert!(titles(&sigma, &[PROCESS]).is_empty());
    assert_eq!(titles(&sigma, &[&PROCESS.replace("\"User\":\"x\"", "\"User\":\"y\"")]), ["any"]);
    let broken = rules(&[&rule, &filter.replace("User: x", "User|nonsense: x")]);
    assert_eq!(broken.cards()[1].state.as_str(), "unsupported", "{:?}", broken.cards());
    assert_eq!(titles(&broken, &[PROCESS]), ["any"]);
    let alone = rules(&[filter]);
    assert!(alone.cards()[0].state.reason().contains("none of its rules"), "{:?}", alone.cards());
}

/// What takes a YAML reader minutes is refused before it is read.
#[test]
fn texts_that_nest_without_end() {
    let deep = ["[", "{a: ", "[\n", "- ", "? "].map(|part| format!("title: {}", part.repeat(100_000)));
    for text in &deep {
        let sigma = crate::rules(&[text]);
        let card = &sigma.cards()[0];
        assert!(matches!(card.state, State::Unsupported(_)), "{:.20}: {:?}", text, card.state);
    }
}
