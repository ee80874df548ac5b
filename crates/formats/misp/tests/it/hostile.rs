//! Events that lie, repeat themselves, loop, or try to be code.

use json::{Limits, Tape};
use proptest::prelude::*;
use shieldwall_misp::{Context, detect, to_stix};

use crate::{UUID, assert_valid, attribute, convert, event, now, show};

#[test]
fn lying_timestamps_make_no_version_from_the_future() {
    for timestamp in ["99999999999", "9223372036854775807", "-5", "abc", "1e300", ""] {
        let text = event("").replace("1600000000", timestamp);
        let converted = convert(&text);
        assert_valid(&converted);
        let report = converted.objects.last().unwrap();
        assert!(
            report.json.contains("\"modified\":\"2020-01-02T00:00:00.000Z\""),
            "{timestamp}: {}",
            report.json
        );
    }
    for date in ["9999-12-31", "0000-00-00", "yesterday", ""] {
        let converted = convert(&event("").replace("2020-01-02", date));
        assert_valid(&converted);
        assert!(converted.findings.iter().any(|finding| finding.rule == "misp/date"), "{date}");
    }
    let row = attribute(
        1,
        "md5",
        "d41d8cd98f00b204e9800998ecf8427e",
        r#","first_seen":"9999-01-01T00:00:00Z","last_seen":"nonsense""#,
    );
    let converted = convert(&event(&format!(r#","Attribute":[{row}]"#)));
    assert_valid(&converted);
    assert!(!show(&converted).contains("9999-01-01T00:00:00.000Z"));
}

#[test]
fn cyclic_self_and_dangling_references_end() {
    let object = |n: u32, target: &str| {
        format!(
            r#"{{"uuid":"00000000-0000-4000-9000-{n:012}","name":"file","Attribute":[{}],"ObjectReference":[{{"uuid":"00000000-0000-4000-a000-{n:012}","referenced_uuid":"{target}","relationship_type":"drops"}}]}}"#,
            attribute(n, "md5", &format!("{n:032}"), "")
        )
    };
    let uuid = |n: u32| format!("00000000-0000-4000-9000-{n:012}");
    let objects = [object(1, &uuid(2)), object(2, &uuid(1)), object(3, &uuid(3)), object(4, "nowhere")];
    let converted = convert(&event(&format!(r#","Object":[{}]"#, objects.join(","))));
    assert_valid(&converted);
    let rules: Vec<&str> = converted.findings.iter().map(|finding| finding.rule.as_ref()).collect();
    assert_eq!(rules, ["misp/reference-self", "misp/reference-dangling"]);
    assert_eq!(
        converted.objects.iter().filter(|object| object.json.contains("\"relationship\",")).count(),
        2
    );
}

#[test]
fn repeated_uuids_are_said_and_the_first_stays() {
    let rows = [attribute(1, "domain", "first.example", ""), attribute(1, "domain", "second.example", "")];
    let converted = convert(&event(&format!(r#","Attribute":[{}]"#, rows.join(","))));
    assert!(converted.findings.iter().any(|finding| finding.rule == "misp/uuid-twice"));
    let twice = convert(&format!("[{},{}]", event(""), event("")));
    assert_eq!(twice.events, 2);
    assert!(twice.findings.iter().any(|finding| finding.rule == "misp/uuid-twice"));
}

#[test]
fn markup_and_quotes_stay_text() {
    let evil = "</script><img src=x onerror=alert(1)>'\"\\ \u{202e}\u{0}";
    let rows = [
        attribute(1, "text", evil, ""),
        attribute(2, "mutex", evil, r#","to_ids":true"#),
        attribute(3, "email-subject", "' OR 1=1] OR [url:value = 'x", r#","to_ids":true"#),
    ];
    let converted = convert(&event(&format!(r#","Attribute":[{}]"#, rows.join(","))));
    assert_valid(&converted);
    let all = show(&converted);
    assert!(all.contains(r"email-message:subject = '\\' OR 1=1] OR [url:value = \\'x'"), "{all}");
}

#[test]
fn nothing_can_take_a_native_objects_id() {
    let row = attribute(1, "domain", "bad.example", r#","to_ids":true"#);
    let converted = convert(&event(&format!(r#","Attribute":[{row}]"#)));
    assert!(!show(&converted).contains("indicator--00000000-0000-4000-8000-000000000001"));
    assert!(
        !converted.objects.iter().any(|object| object.json.contains(&format!("\"id\":\"report--{UUID}")))
    );
}

#[test]
fn odd_shapes_are_not_fatal() {
    for text in [
        "{}",
        "[]",
        "null",
        "3",
        r#"{"Event":{}}"#,
        r#"{"response":[]}"#,
        r#"{"response":[{"Event":{"uuid":1,"info":2}}]}"#,
        r#"{"uuid":"x","info":"y"}"#,
        r#"{"uuid":"x","info":"y","Attribute":{"a":1},"Object":[1,null],"Tag":"t","Orgc":5,"Galaxy":[{"GalaxyCluster":[{}]}]}"#,
        r#"{"uuid":"","info":"","Attribute":[{},{"type":"md5"},{"type":7,"value":8}],"EventReport":[{}]}"#,
    ] {
        let converted = convert(text);
        assert_valid(&converted);
        let mut tape = Tape::new();
        assert_eq!(
            detect(tape.parse(text.as_bytes(), &Limits::OBJECT).unwrap()),
            converted.events > 0,
            "{text}"
        );
    }
}

#[test]
fn a_huge_event_is_bounded_in_findings() {
    let rows: Vec<String> = (0..20_000).map(|n| attribute(n, "made-up", "x", "")).collect();
    let converted = convert(&event(&format!(r#","Attribute":[{}]"#, rows.join(","))));
    assert_eq!(converted.objects.len(), 20_002);
    assert_eq!(converted.findings.len(), 2001);
}

/// An event's tags change what is made of attributes that did not change themselves.
#[test]
fn a_changed_event_makes_new_versions_of_all_of_it() {
    let row = attribute(1, "domain", "bad.example", r#","to_ids":true"#);
    let version = |timestamp: &str, tag: &str| {
        let text = event(&format!(r#","Tag":[{{"name":"{tag}"}}],"Attribute":[{row}]"#)).replacen(
            "1600000000",
            timestamp,
            1,
        );
        let converted = convert(&text);
        let indicator =
            converted.objects.into_iter().find(|o| o.json.contains("\"type\":\"indicator\"")).unwrap();
        crate::with(&indicator.json, |value| {
            ["id", "modified", "valid_from"].map(|name| value.get(name).unwrap().raw().to_owned())
        })
    };
    let (open, closed) = (version("1600000001", "tlp:green"), version("1600000002", "tlp:red"));
    assert_eq!((&open[0], &open[2]), (&closed[0], &closed[2]));
    assert!(open[1] < closed[1]);
}

/// Two attributes about one file: nothing either says of it is lost.
#[test]
fn what_is_said_twice_of_one_file_is_put_together() {
    let hash = "d41d8cd98f00b204e9800998ecf8427e";
    let sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let members = format!(
        r#","Attribute":[{}],"Object":[{{"uuid":"{UUID}","name":"file","Attribute":[{},{}]}}]"#,
        attribute(1, "md5", hash, ""),
        attribute(2, "md5", hash, ""),
        attribute(3, "sha256", sha256, ""),
    );
    let converted = convert(&event(&members));
    assert_valid(&converted);
    let files: Vec<_> =
        converted.objects.iter().filter(|object| object.json.contains("\"type\":\"file\"")).collect();
    assert_eq!(files.len(), 1);
    assert!(files[0].json.contains(hash) && files[0].json.contains(sha256), "{}", files[0].json);
}

#[test]
fn converting_again_gives_the_same() {
    let rows = [attribute(1, "domain|ip", "c2.example|192.0.2.7", ""), attribute(2, "text", "x", "")];
    let text = event(&format!(r#","Attribute":[{}]"#, rows.join(",")));
    let mut tape = Tape::new();
    let document = tape.parse(text.as_bytes(), &Limits::DOCUMENT).unwrap();
    let later = to_stix(document, &Context { now: now().plus_micros(86_400_000_000 * 400) });
    assert_eq!(convert(&text).objects, later.objects);
}

proptest! {
    #[test]
    fn any_attribute_gives_valid_objects(
        attribute_type in prop::sample::select(vec!["ip-dst", "domain", "url", "filename|md5", "ip-dst|port", "regkey|value",
            "AS", "email-src", "mutex", "text", "port", "hostname|port", "domain|ip", "x509-fingerprint-sha1", "uri", "link"]),
        value in "\\PC{1,30}",
        ids in any::<bool>(),
    ) {
        let row = attribute(1, attribute_type, &value, &format!(r#","to_ids":{ids}"#));
        assert_valid(&convert(&event(&format!(r#","Attribute":[{row}]"#))));
    }
}
