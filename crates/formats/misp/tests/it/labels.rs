//! Labels only narrow.

use model::{Label, Tlp};

use crate::{attribute, convert, event};

/// The label and TLP marking of the one indicator of an event.
fn label_of(event_members: &str, attribute_members: &str) -> (Option<Label>, Option<String>) {
    let row = attribute(1, "domain", "bad.example", &format!(r#","to_ids":true{attribute_members}"#));
    let converted = convert(&event(&format!(r#"{event_members},"Attribute":[{row}]"#)));
    let object =
        converted.objects.iter().find(|object| object.json.contains("\"type\":\"indicator\"")).unwrap();
    let marked = Tlp::ALL.into_iter().find(|tlp| object.json.contains(stix::marking::tlp_ref(*tlp).as_str()));
    (object.label, marked.map(|tlp| tlp.to_string()))
}

fn tags(names: &[&str]) -> String {
    let tags: Vec<String> = names.iter().map(|name| format!(r#"{{"name":"{name}"}}"#)).collect();
    format!(r#","Tag":[{}]"#, tags.join(","))
}

/// Tags and distribution of event and attribute to label and marking.
fn check(
    event_tags: &[&str],
    tags_: &[&str],
    distribution: &str,
    expect: Option<&str>,
    marking: Option<&str>,
) {
    let distribution =
        if distribution.is_empty() { String::new() } else { format!(r#","distribution":"{distribution}""#) };
    let (label, marked) = label_of(&tags(event_tags), &format!("{distribution}{}", tags(tags_)));
    assert_eq!(
        label.map(|label| label.to_string()).as_deref(),
        expect,
        "{event_tags:?} {tags_:?} {distribution}"
    );
    assert_eq!(marked.as_deref(), marking, "{event_tags:?} {tags_:?} {distribution}");
}

#[test]
fn tlp_tags_become_markings() {
    check(&["tlp:white"], &[], "5", Some("clear"), Some("clear"));
    check(&["TLP:CLEAR"], &[], "5", Some("clear"), Some("clear"));
    check(&["tlp:green"], &[], "5", Some("green"), Some("green"));
    check(&["tlp:amber"], &[], "5", Some("amber"), Some("amber"));
    check(&["tlp:red"], &[], "5", Some("red"), Some("red"));
    check(&[], &["tlp:green"], "5", Some("green"), Some("green"));
    check(&[], &[], "5", None, None);
}

#[test]
fn amber_strict_is_never_amber() {
    for spelling in ["tlp:amber+strict", "TLP:AMBER+STRICT", "tlp:amber + strict", " tlp:AMBER+strict "] {
        check(&[spelling], &[], "5", Some("amber+strict"), Some("amber+strict"));
        check(
            &[spelling, "tlp:clear", "tlp:amber"],
            &["tlp:green"],
            "5",
            Some("amber+strict"),
            Some("amber+strict"),
        );
    }
}

#[test]
fn an_attribute_narrows_its_event_and_never_widens_it() {
    check(&["tlp:green"], &["tlp:red"], "5", Some("red"), Some("red"));
    check(&["tlp:red"], &["tlp:clear"], "3", Some("red"), Some("red"));
    check(&["tlp:green", "tlp:amber"], &[], "5", Some("amber"), Some("amber"));
}

#[test]
fn what_is_not_understood_is_own_only() {
    for tag in
        ["tlp:ex:chr", "tlp:unclear", "tlp:amber:partners", "tlp:chartreuse", "tlp:", "tlp:amber-strict"]
    {
        check(&[tag], &["tlp:clear"], "5", Some("own"), Some("red"));
    }
}

#[test]
fn distribution_lowers_and_grants_nothing() {
    for (level, label) in [
        ("0", Some("own")),
        ("1", Some("amber+strict")),
        ("2", Some("amber")),
        ("3", None),
        ("4", Some("own")),
        ("5", None),
        ("9", Some("own")),
        ("x", Some("own")),
    ] {
        // No tag, no marking: a marking made from distribution would be wider than the default.
        check(&[], &[], level, label, None);
    }
    check(&["tlp:clear"], &[], "0", Some("own"), Some("red"));
    check(&["tlp:clear"], &[], "1", Some("amber+strict"), Some("amber+strict"));
    check(&["tlp:red"], &[], "3", Some("red"), Some("red"));
}

#[test]
fn one_value_at_two_levels_takes_the_narrower() {
    let rows = [
        attribute(1, "domain", "bad.example", &tags(&["tlp:clear"])),
        attribute(2, "domain", "BAD.example", &tags(&["tlp:red"])),
    ];
    let converted = convert(&event(&format!(r#","Attribute":[{}]"#, rows.join(","))));
    let domains: Vec<_> =
        converted.objects.iter().filter(|object| object.json.contains("\"domain-name\",")).collect();
    assert_eq!(domains.len(), 1);
    assert_eq!(domains[0].label, Some(Label::Tlp(Tlp::Red)));
    assert!(domains[0].json.contains(stix::marking::tlp_ref(Tlp::Red).as_str()));
}

#[test]
fn an_object_is_as_narrow_as_its_narrowest_part() {
    let secret =
        attribute(2, "ip-dst", "192.0.2.1", &format!(r#","object_relation":"ip"{}"#, tags(&["tlp:red"])));
    let open = attribute(1, "domain", "bad.example", r#","object_relation":"domain""#);
    let members = format!(
        r#"{},"Object":[{{"uuid":"00000000-0000-4000-9000-000000000001","name":"domain-ip","Attribute":[{open},{secret}]}}]"#,
        tags(&["tlp:clear"])
    );
    let converted = convert(&event(&members));
    for object in converted.objects.iter().filter(|o| {
        o.json.contains("192.0.2.1") || o.json.contains("resolves-to") || o.json.contains("observed-data\",")
    }) {
        assert_eq!(object.label, Some(Label::Tlp(Tlp::Red)), "{}", object.json);
    }
}
