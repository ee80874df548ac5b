//! What callers can choose, what a valid object tells about itself, and writing new objects.

use json::{Limits, Tape};
use model::{Severity, Timestamp};
use shieldwall_stix::{Checks, Class, Custom, PatternProblem, build, validate};

const INDICATOR: &str = r#"{"type":"indicator","spec_version":"2.1","id":"indicator--8E2E2D2B-17d4-4cbf-938f-98ee46b3cd3f",
"created_by_ref":"identity--F431f809-377b-45e0-aa1c-6a4751cae5ff","created":"2016-04-06T20:03:48.000Z",
"modified":"2016-04-07T20:03:48.123456789Z","revoked":true,"pattern":"[nonsense","pattern_type":"stix","valid_from":"2016-01-01T00:00:00Z","x_acme":1}"#;

fn rules(raw: &str, checks: &Checks) -> Vec<String> {
    let (mut tape, mut findings) = (Tape::new(), Vec::new());
    validate(tape.parse(raw.as_bytes(), &Limits::OBJECT).unwrap(), checks, &mut findings);
    findings.iter().map(|finding| format!("{} {}", finding.severity, finding.rule)).collect()
}

#[test]
fn patterns_are_checked_by_what_is_plugged_in() {
    fn reject(pattern: &str) -> Vec<PatternProblem> {
        let end = pattern.len();
        vec![PatternProblem { severity: Severity::Error, start: 0, end, message: "no".to_owned() }]
    }
    let checks = Checks { pattern: Some(reject), ..Checks::default() };
    assert!(rules(INDICATOR, &checks).contains(&"error stix-2.1/9/pattern".to_owned()));
    assert!(
        !rules(&INDICATOR.replace(":\"stix\"", ":\"yara\""), &checks).iter().any(|rule| rule.contains("/9/"))
    );
    assert!(!rules(INDICATOR, &Checks::default()).iter().any(|rule| rule.starts_with("error")));
}

#[test]
fn custom_content_can_be_forbidden() {
    let checks = Checks { allow_custom: false, ..Checks::default() };
    assert!(rules(INDICATOR, &checks).contains(&"error stix-2.1/11.1/custom-property".to_owned()));
    let custom = r#"{"type":"x-acme","id":"x-acme--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"}"#;
    assert_eq!(rules(custom, &checks), ["error stix-2.1/11.2/custom-type"]);
    let introduced = r#"{"type":"acme","id":"acme--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f","own":1,"extensions":{"extension-definition--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f":{"extension_type":"new-sco"}}}"#;
    assert_eq!(rules(introduced, &checks), Vec::<String>::new());
}

#[test]
fn a_valid_object_tells_its_identity_and_version() {
    let (mut tape, mut findings) = (Tape::new(), Vec::new());
    let value = tape.parse(INDICATOR.as_bytes(), &Limits::OBJECT).unwrap();
    let valid = validate(value, &Checks::default(), &mut findings).unwrap();
    assert_eq!(valid.id().as_str(), "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f");
    assert_eq!(valid.type_name(), "indicator");
    assert_eq!(valid.class(), Class::Sdo);
    assert_eq!(valid.created().unwrap().to_string(), "2016-04-06T20:03:48.000Z");
    assert_eq!(valid.version().to_string(), "2016-04-07T20:03:48.123456Z");
    assert!(valid.revoked());
    assert_eq!(valid.created_by().unwrap().as_str(), "identity--f431f809-377b-45e0-aa1c-6a4751cae5ff");
}

#[test]
fn classes_and_versions_of_what_has_no_versions() {
    let check = |raw: &str, class: Class, version: &str| {
        let (mut tape, mut findings) = (Tape::new(), Vec::new());
        let value = tape.parse(raw.as_bytes(), &Limits::OBJECT).unwrap();
        let valid = validate(value, &Checks::default(), &mut findings).unwrap();
        assert_eq!((valid.class(), valid.version().to_string().as_str()), (class, version));
    };
    check(
        r#"{"type":"url","id":"url--c1477287-23ac-5971-a010-5c287877fa60","value":"a:b"}"#,
        Class::Sco,
        &Timestamp::EPOCH.to_string(),
    );
    check(
        r#"{"type":"marking-definition","spec_version":"2.1","id":"marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9","created":"2017-01-20T00:00:00.000Z","definition_type":"tlp","definition":{"tlp":"white"}}"#,
        Class::MarkingDefinition,
        "2017-01-20T00:00:00.000Z",
    );
    check(
        r#"{"type":"x-acme","id":"x-acme--c1477287-23ac-4971-a010-5c287877fa60"}"#,
        Class::Custom(Custom::Unknown),
        &Timestamp::EPOCH.to_string(),
    );
    check(
        r#"{"type":"acme","id":"acme--c1477287-23ac-4971-a010-5c287877fa60","extensions":{"extension-definition--c1477287-23ac-4971-a010-5c287877fa60":{"extension_type":"new-sco"}}}"#,
        Class::Custom(Custom::Sco),
        &Timestamp::EPOCH.to_string(),
    );
}

#[test]
fn new_objects_are_valid() {
    let id = build::new_id("indicator", [7; 16]);
    let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let raw = build::ObjectBuilder::versioned(&id, now, now)
        .string("name", "a \"quoted\" name")
        .strings("indicator_types", &["malicious-activity"])
        .strings::<&str>("labels", &[])
        .string("pattern", "[file:name = 'a']")
        .string("pattern_type", "stix")
        .string("valid_from", &now.to_string())
        .raw("confidence", "80")
        .finish();
    assert_eq!(rules(&raw, &Checks::default()), Vec::<String>::new(), "{raw}");
    assert!(raw.starts_with(r#"{"type":"indicator","spec_version":"2.1","id":"indicator--07070707-0707-4707-8707-070707070707","created":"2026-01-01T00:00:00.000Z""#));
    let id = "url--c1477287-23ac-5971-a010-5c287877fa60".parse().unwrap();
    let raw = build::ObjectBuilder::observable(&id).string("value", "a:b").finish();
    assert_eq!(rules(&raw, &Checks::default()), Vec::<String>::new(), "{raw}");
}
