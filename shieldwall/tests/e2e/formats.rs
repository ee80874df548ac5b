//! Checking STIX and patterns without a node.

use serde_json::{Value, json};

use crate::harness::{run, run_with, text};
use crate::objects::{self, MALWARE};
use crate::shape::check_shape;

#[test]
fn stix_validate_prints_a_line_for_each_object() {
    let home = testkit::temp_dir();
    let file = |name: &str, content: String| {
        let path = home.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let good = file("good.json", objects::bundle());
    let lines = run(&["stix", "validate", text(&good), "--json"]).exits(0).lines();
    assert_eq!(lines.len(), 4);
    for line in &lines {
        let shape = json!({"file": text(&good), "pointer": "string", "id": "string", "valid": true, "findings": "array"});
        check_shape(line, &shape);
    }
    assert_eq!(lines[1]["pointer"], "/objects/1");

    let broken = objects::malware().replace("\"is_family\":true", "\"is_family\":\"yes\"");
    let bad = file("bad.json", objects::bundle_of(&[objects::maker(), broken.clone(), objects::indicator()]));
    let ended = run(&["stix", "validate", text(&good), text(&bad), "--json"]).exits(1);
    let lines = ended.lines();
    let bad_ones: Vec<&Value> = lines.iter().filter(|line| line["valid"] == false).collect();
    let finding = json!({"severity": "error", "rule": "string", "pointer": "/objects/1/is_family", "message": "string"});
    let [line] = bad_ones[..] else { panic!("{bad_ones:?}") };
    check_shape(line, &json!({"id": MALWARE, "pointer": "/objects/1"}));
    let error = line["findings"].as_array().unwrap().iter().find(|finding| finding["severity"] == "error");
    check_shape(error.unwrap(), &finding);

    let alone = run_with(&["stix", "validate", "-", "--json"], broken.as_bytes()).exits(1).json();
    check_shape(&alone, &json!({"file": "-", "pointer": "", "id": MALWARE, "valid": false}));
    let person = run(&["stix", "validate", text(&bad)]).exits(1);
    assert!(person.text().contains("is_family"), "{person:?}");

    run(&["stix", "validate", "no-such-file", "--json"]).exits(2);
    run(&["stix", "validate"]).exits(2);
    for nonsense in ["", "{", "nonsense", "[1,2]", "{\"a\":1,\"a\":2}", "\"text\"", "null", "[]"] {
        let ended = run_with(&["stix", "validate", "-", "--json"], nonsense.as_bytes());
        if nonsense != "[]" {
            assert_eq!(ended.code, 1, "{nonsense}: {ended:?}");
            check_shape(
                &ended.json(),
                &json!({"valid": false, "findings": [{"severity": "string", "rule": "string"}]}),
            );
        }
    }
}

#[test]
fn stix_id_prints_deterministic_ids() {
    // STIX 2.1 §2.9: UUIDv5 over the id contributing properties.
    let address = br#"{"type":"ipv4-addr","value":"198.51.100.3"}"#;
    let line = run_with(&["stix", "id", "-", "--json"], address).exits(0).json();
    let id = "ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4";
    check_shape(&line, &json!({"file": "-", "type": "ipv4-addr", "given": "null", "id": id}));
    assert_eq!(run_with(&["stix", "id", "-"], address).exits(0).text().trim(), id);
    run_with(&["stix", "id", "-"], objects::malware().as_bytes()).exits(1);
}

#[test]
fn pattern_check_says_where() {
    let check = |pattern: &str, valid: bool| {
        let ended = run_with(&["pattern", "check", "--json"], pattern.as_bytes());
        let line = ended.exits(if valid { 0 } else { 1 }).json();
        assert_eq!(line["valid"], valid, "{pattern}: {line}");
        let shape = if valid {
            json!([])
        } else {
            json!([{"start": "number", "end": "number", "message": "string"}])
        };
        check_shape(&line["errors"], &shape);
        for error in line["errors"].as_array().unwrap() {
            let (start, end) = (error["start"].as_u64().unwrap(), error["end"].as_u64().unwrap());
            assert!(start <= end && end <= pattern.len() as u64, "{pattern}: {line}");
        }
        let argument = run(&["pattern", "check", "--json", "--", pattern]);
        assert_eq!(argument.json()["valid"], valid, "{pattern}");
    };
    check("[file:name = 'x']", true);
    check("[a:b = 1] FOLLOWEDBY ([c:d IN ('e', 'f')] REPEATS 2 TIMES) WITHIN 5 SECONDS", true);
    check("[url:value MATCHES '^http']", true);
    check("[file:name = 'x'", false);
    check("file:name = 'x'", false);
    check("[file:name = 'x'] WITHIN -1 SECONDS", false);
    check("[ipv4-addr:value ISSUBSET 'everything']", false);
    check("[file:name = 'ä\u{1f4a9}' AND", false);
    let person = run(&["pattern", "check", "[file:name ~ 'x']"]).exits(1);
    assert!(person.text().contains('^'), "{person:?}");
}

#[test]
fn pattern_match_names_the_observations() {
    let home = testkit::temp_dir();
    let observed = |n: u32, second: u32, address: &str| {
        format!(
            r#"{{"type":"observed-data","id":"observed-data--0000000{n}-0000-4000-8000-000000000000","spec_version":"2.1",
            "created":"2024-01-01T00:00:00Z","modified":"2024-01-01T00:00:00Z","number_observed":1,
            "first_observed":"2024-01-01T00:00:{second:02}Z","last_observed":"2024-01-01T00:00:{second:02}Z",
            "object_refs":["ipv4-addr--0000000{n}-0000-4000-8000-00000000000a"]}},
            {{"type":"ipv4-addr","id":"ipv4-addr--0000000{n}-0000-4000-8000-00000000000a","value":"{address}"}}"#
        )
    };
    let (one, two) = (home.path().join("one.json"), home.path().join("two.json"));
    std::fs::write(&one, objects::bundle_of(&[observed(1, 0, "198.51.100.1")])).unwrap();
    // Unknown object types and broken objects are none of the pattern's business.
    let strange = r#"{"type":"x-strange","id":7},{"type":"malware"}"#.to_owned();
    std::fs::write(&two, objects::bundle_of(&[strange, observed(2, 5, "203.0.113.9")])).unwrap();
    let matching = |pattern: &str| {
        let args = [
            "pattern",
            "match",
            "--pattern",
            pattern,
            "--bundle",
            text(&one),
            "--bundle",
            text(&two),
            "--json",
        ];
        run(&args)
    };
    let id = |n: u32| format!("observed-data--0000000{n}-0000-4000-8000-000000000000");
    let first = "[ipv4-addr:value = '198.51.100.1']";
    let second = "[ipv4-addr:value ISSUBSET '203.0.113.0/24']";
    let check = |pattern: &str, ids: &[String]| {
        let line = matching(pattern).exits(0).json();
        assert_eq!(line, json!({"matched": !ids.is_empty(), "observations": ids}), "{pattern}");
    };
    check(first, &[id(1)]);
    check(&format!("{first} FOLLOWEDBY {second}"), &[id(1), id(2)]);
    check(&format!("{second} FOLLOWEDBY {first}"), &[]);
    check(&format!("({first} AND {second}) WITHIN 5 SECONDS"), &[]);
    check(&format!("({first} AND {second}) WITHIN 6 SECONDS"), &[id(1), id(2)]);
    let bad = matching("[ipv4-addr:value = ").exits(1).json();
    check_shape(
        &bad,
        &json!({"valid": false, "errors": [{"start": "number", "end": "number", "message": "string"}]}),
    );
    run(&["pattern", "match", "--pattern", first]).exits(2);
    run(&["pattern", "match", "--pattern", first, "--bundle", "no-such-file"]).exits(2);
}
