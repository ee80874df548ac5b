//! STIX 2.0 in, STIX 2.1 out.

use shieldwall_stix::sco::deterministic_id;
use shieldwall_stix::upgrade::{is_2_0, upgrade_object};

use super::{GREEN, errors, fill, with};

fn up(text: &str) -> (Vec<String>, Vec<String>) {
    let mut findings = Vec::new();
    let texts = with(text, |object| upgrade_object(object, &mut findings));
    let again = with(text, |object| upgrade_object(object, &mut Vec::new()));
    assert_eq!(texts, again, "the same text upgrades to the same objects");
    assert!(texts.iter().all(|text| with(text, |object| !is_2_0(object))));
    assert!(findings.iter().all(|finding| finding.rule.starts_with("stix-2.0/upgrade/")));
    (texts, findings.into_iter().map(|f| f.rule.rsplit('/').next().unwrap().to_owned()).collect())
}

fn check(text: &str, expect: &str, rules: &[&str]) {
    assert!(with(text, is_2_0), "{text}");
    let (texts, found) = up(text);
    assert_eq!(texts, [fill(expect)]);
    assert_eq!(found, rules, "{text}");
}

#[test]
fn which_objects_are_2_0() {
    for (text, expect) in [
        (r#"{"type":"indicator","id":"x"}"#, true),
        (r#"{"type":"indicator","spec_version":"2.0"}"#, true),
        (r#"{"type":"indicator","spec_version":"2.1"}"#, false),
        (r#"{"type":"marking-definition"}"#, true),
        (r#"{"type":"ipv4-addr","value":"198.51.100.1"}"#, false),
        (r#"{"type":"x-thing","modified":"2020-01-01T00:00:00.000Z"}"#, true),
        (r#"{"type":"x-observable"}"#, false),
        (r#"{"type":"bundle"}"#, false),
        ("[]", false),
    ] {
        assert_eq!(with(text, is_2_0), expect, "{text}");
    }
}

#[test]
fn an_indicator() {
    check(
        r#"{"type":"indicator","id":"indicator--1ed8caa7-a708-4706-b651-f1186ede6ca1","created":"2017-04-27T16:18:24.318Z","modified":"2017-04-27T16:18:24.318Z","labels":["benign","x"],"pattern":"[file:hashes.'ssdeep' = 'START \\'ssdeep\\''] START '2017-01-01T00:00:00Z' STOP'2018-01-01T00:00:00Z'","valid_from":"2017-04-27T16:18:24Z","granular_markings":[{"marking_ref":"$RED","selectors":["labels.[1]","pattern"]}]}"#,
        r#"{"type":"indicator","id":"indicator--1ed8caa7-a708-4706-b651-f1186ede6ca1","created":"2017-04-27T16:18:24.318Z","modified":"2017-04-27T16:18:24.318Z","pattern":"[file:hashes.'SSDEEP' = 'START \\'ssdeep\\''] START t'2017-01-01T00:00:00Z' STOP t'2018-01-01T00:00:00Z'","valid_from":"2017-04-27T16:18:24Z","granular_markings":[{"marking_ref":"$RED","selectors":["indicator_types.[1]","pattern"]}],"spec_version":"2.1","indicator_types":["benign","x"],"pattern_type":"stix"}"#,
        &["spec-version", "labels", "pattern-type", "pattern"],
    );
}

#[test]
fn other_types() {
    check(
        r#"{"type":"malware","name":"x","labels":["worm"]}"#,
        r#"{"type":"malware","name":"x","spec_version":"2.1","malware_types":["worm"],"is_family":true}"#,
        &["spec-version", "labels", "is-family"],
    );
    check(
        r#"{"type":"identity","spec_version":"2.0","labels":["CEO"],"sectors":["defence","energy"]}"#,
        r#"{"type":"identity","spec_version":"2.1","sectors":["defense","energy"],"roles":["CEO"]}"#,
        &["spec-version", "labels", "sectors"],
    );
    check(
        r#"{"type":"campaign","labels":["kept"],"external_references":[{"source_name":"s","hashes":{"ssdeep":"3:a:b","MD5":"0"}}]}"#,
        r#"{"type":"campaign","labels":["kept"],"external_references":[{"source_name":"s","hashes":{"MD5":"0","SSDEEP":"3:a:b"}}],"spec_version":"2.1"}"#,
        &["spec-version", "hash-name"],
    );
    check(
        r#"{"type":"marking-definition","id":"$WHITE","created":"2017-01-20T00:00:00.000Z","definition_type":"tlp","definition":{"tlp":"white"}}"#,
        r#"{"type":"marking-definition","id":"$WHITE","created":"2017-01-20T00:00:00.000Z","definition_type":"tlp","definition":{"tlp":"white"},"spec_version":"2.1","name":"TLP:WHITE"}"#,
        &["spec-version", "tlp-name"],
    );
    check(
        r#"{"type":"indicator","created":"2017-04-27T16:18:24.318Z","indicator_types":["a"],"labels":["b"],"pattern":"[a:b = 'c']","pattern_type":"stix"}"#,
        r#"{"type":"indicator","created":"2017-04-27T16:18:24.318Z","indicator_types":["a"],"labels":["b"],"pattern":"[a:b = 'c']","pattern_type":"stix","spec_version":"2.1","valid_from":"2017-04-27T16:18:24.318Z"}"#,
        &["spec-version", "valid-from"],
    );
}

const OBSERVED: &str = r#"{"type":"observed-data","id":"observed-data--b67d30ff-02ac-498a-92f9-32f845f448cf",
    "created":"2016-04-06T19:58:16.000Z","modified":"2016-04-06T19:58:16.000Z","number_observed":1,
    "first_observed":"2005-01-21T11:17:41Z","last_observed":"2005-01-21T11:22:41Z",
    "object_marking_refs":["$GREEN"],"objects":$OBJECTS$MORE}"#;

fn observed(objects: &str, more: &str) -> (Vec<String>, Vec<String>) {
    let (texts, rules) = up(&OBSERVED.replace("$OBJECTS", objects).replace("$MORE", more));
    for text in &texts {
        assert_eq!(errors(text), Vec::<String>::new(), "{text}");
    }
    (texts, rules)
}

fn member(text: &str, pointer: &str) -> String {
    with(text, |object| object.pointer(pointer).map(|value| value.raw().to_owned()).unwrap_or_default())
}

#[test]
fn observables_come_out_with_deterministic_ids() {
    let (texts, rules) = observed(
        r#"{"0":{"type":"network-traffic","src_ref":"2","dst_ref":"1","protocols":["tcp"]},
            "1":{"type":"ipv4-addr","value":"198.51.100.3"},"2":{"type":"ipv4-addr","value":"198.51.100.2"},
            "3":{"type":"process","pid":5,"created":"2016-04-06T19:58:16Z","binary_ref":"4","environment_variables":{"a_ref":"1"}},
            "4":{"type":"file","name":"a","hashes":{"ssdeep":"3:a:b"}}}"#,
        "",
    );
    assert_eq!(texts.len(), 6);
    // From the examples of the standard: §6.8 of the ids of §2.9.
    assert_eq!(member(&texts[1], "/id"), r#""ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4""#);
    let traffic = &texts[0];
    assert_eq!(member(traffic, "/src_ref"), member(&texts[2], "/id"));
    assert_eq!(member(traffic, "/dst_ref"), member(&texts[1], "/id"));
    with(traffic, |value| {
        assert_eq!(value.get("id").unwrap().as_str().unwrap(), deterministic_id(value).unwrap().as_str());
    });
    // A process has no deterministic id, and gets one that looks random.
    assert_eq!(&member(&texts[3], "/id")[24..25], "4", "{}", texts[3]);
    assert_eq!(member(&texts[3], "/image_ref"), member(&texts[4], "/id"));
    assert_eq!(member(&texts[3], "/environment_variables/a_ref"), r#""1""#);
    assert_eq!(member(&texts[3], "/created_time"), r#""2016-04-06T19:58:16Z""#);
    assert_eq!(member(&texts[4], "/hashes"), r#"{"SSDEEP":"3:a:b"}"#);
    let refs: Vec<String> = (0..5).map(|index| member(&texts[index], "/id")).collect();
    assert_eq!(member(&texts[5], "/object_refs"), format!("[{}]", refs.join(",")));
    assert_eq!(member(&texts[5], "/objects"), "");
    assert!(texts[..5].iter().all(|text| member(text, "/object_marking_refs") == format!("[\"{GREEN}\"]")));
    assert_eq!(rules, ["spec-version", "object-refs", "property-name", "property-name", "hash-name"]);
}

#[test]
fn markings_follow_the_observables() {
    let (texts, _) = observed(
        r#"{"0":{"type":"file","name":"a","created":"2016-04-06T19:58:16Z","size":1},"1":{"type":"url","value":"https://example.com/"}}"#,
        r#","granular_markings":[{"marking_ref":"$RED","selectors":["objects.0.created","objects.0.size","number_observed"]},
            {"marking_ref":"$AMBER","selectors":["objects.1"]},{"marking_ref":"$STRANGE","selectors":["objects"]}]"#,
    );
    assert_eq!(
        member(&texts[0], "/granular_markings"),
        fill(r#"[{"marking_ref":"$RED","selectors":["ctime","size"]}]"#)
    );
    assert_eq!(member(&texts[0], "/object_marking_refs"), fill(r#"["$GREEN","$STRANGE"]"#));
    assert_eq!(member(&texts[1], "/object_marking_refs"), fill(r#"["$GREEN","$AMBER","$STRANGE"]"#));
    assert_eq!(
        member(&texts[2], "/granular_markings").replace(['\n', ' '], ""),
        fill(
            r#"[{"marking_ref":"$RED","selectors":["object_refs.[0]","number_observed"]},{"marking_ref":"$AMBER","selectors":["object_refs.[1]"]},{"marking_ref":"$STRANGE","selectors":["object_refs"]}]"#
        )
    );
}

#[test]
fn the_same_observable_twice_is_one_object() {
    let (texts, rules) = observed(
        r#"{"0":{"type":"url","value":"https://a.example/"},"1":{"type":"url","value":"https://a.example/"},"2":{"type":"url","value":"https://b.example/"}}"#,
        r#","granular_markings":[{"marking_ref":"$RED","selectors":["objects.1.value"]},{"marking_ref":"$AMBER","selectors":["objects.2"]}]"#,
    );
    assert_eq!(texts.len(), 3);
    assert!(rules.contains(&"duplicate-observable".to_owned()));
    assert_eq!(member(&texts[0], "/granular_markings/0/selectors"), r#"["value"]"#);
    assert_eq!(member(&texts[2], "/granular_markings/1/selectors"), r#"["object_refs.[1]"]"#);
    // The same id but more to say: both are kept, one under an id of its own.
    let (texts, _) =
        observed(r#"{"0":{"type":"file","name":"a"},"1":{"type":"file","name":"a","size":1}}"#, "");
    assert_eq!(texts.len(), 3);
    assert_ne!(member(&texts[0], "/id"), member(&texts[1], "/id"));
}

#[test]
fn references_in_a_circle_still_get_ids() {
    let archive = |other: &str| {
        format!(
            r#"{{"type":"file","name":"a","extensions":{{"archive-ext":{{"contains_refs":["{other}"]}}}}}}"#
        )
    };
    let (texts, _) = observed(&format!(r#"{{"0":{},"1":{}}}"#, archive("1"), archive("0")), "");
    let contains = "/extensions/archive-ext/contains_refs/0";
    assert_eq!(member(&texts[0], contains), member(&texts[1], "/id"));
    assert_eq!(member(&texts[1], contains), member(&texts[0], "/id"));
}

#[test]
fn a_long_chain_needs_no_deep_stack() {
    let link = |index: usize| {
        format!(
            r#""{index}":{{"type":"file","name":"{index}","extensions":{{"archive-ext":{{"contains_refs":["{}"]}}}}}}"#,
            index + 1
        )
    };
    let links: Vec<String> = (0..5_000).map(link).collect();
    let objects = format!(r#"{{{},"5000":{{"type":"file","name":"end"}}}}"#, links.join(","));
    let (texts, _) = up(&OBSERVED.replace("$OBJECTS", &objects).replace("$MORE", ""));
    assert_eq!(texts.len(), 5_002);
}

#[test]
fn headers_become_lists() {
    let (texts, rules) = observed(
        r#"{"0":{"type":"network-traffic","src_ref":"1","protocols":["tcp","http"],"extensions":{"http-request-ext":{"request_method":"get","request_value":"/","request_header":{"Host":"a"}}}},"1":{"type":"ipv4-addr","value":"198.51.100.2"}}"#,
        "",
    );
    assert_eq!(member(&texts[0], "/extensions/http-request-ext/request_header"), r#"{"Host":["a"]}"#);
    assert!(rules.contains(&"header-list".to_owned()));
}

#[test]
fn what_cannot_be_taken_apart_stays_inside() {
    for (objects, more) in [
        (r#"{"0":{"value":"a"}}"#, ""),
        (r#"{"0":5}"#, ""),
        (r#"{"0":{"type":"url","value":"a","object_marking_refs":["x"]}}"#, ""),
        (r#"{"0":{"type":"URL\"","value":"a"}}"#, ""),
        ("{}", ""),
        ("[]", ""),
        // Markings that cannot be followed must not get lost.
        (
            r#"{"0":{"type":"url","value":"a"}}"#,
            r#","granular_markings":[{"marking_ref":"$RED","selectors":["objects.1"]}]"#,
        ),
    ] {
        let (texts, rules) = up(&OBSERVED.replace("$OBJECTS", objects).replace("$MORE", more));
        assert_eq!(texts.len(), 1, "{objects}");
        assert_eq!(member(&texts[0], "/objects"), objects);
        assert_eq!(rules, ["spec-version", "objects-kept"]);
    }
    // Nor may a small object become a huge one.
    let refs = vec![format!("\"{GREEN}\""); 1_000].join(",");
    let entries: Vec<String> = (0..1_000).map(|index| format!(r#""{index}":{{"type":"x-a"}}"#)).collect();
    let (texts, _) = observed_raw(&format!("{{{}}},\"object_marking_refs\":[{refs}]", entries.join(",")));
    assert_eq!(texts.len(), 1);
    let (_, rules) = observed_raw(r#"{"0":{"type":"file","name":"a","parent_directory_ref":"7"}}"#);
    assert!(rules.contains(&"dangling-reference".to_owned()));
}

fn observed_raw(objects: &str) -> (Vec<String>, Vec<String>) {
    up(&OBSERVED
        .replace("$OBJECTS", objects)
        .replace("$MORE", "")
        .replace("\"object_marking_refs\":[\"$GREEN\"],", ""))
}

fn pattern(text: &str, expect: &str) {
    let text = text.replace('\\', r"\\").replace('"', "\\\"");
    let expect = expect.replace('\\', r"\\").replace('"', "\\\"");
    let object = format!(r#"{{"type":"indicator","labels":["x"],"valid_from":"x","pattern":"{text}"}}"#);
    assert_eq!(member(up(&object).0.last().unwrap(), "/pattern"), format!("\"{expect}\""));
}

#[test]
fn patterns() {
    pattern(
        "[a:b = 'c'] START '2016-01-01T00:00:00Z' STOP '2017-01-01T00:00:00Z'",
        "[a:b = 'c'] START t'2016-01-01T00:00:00Z' STOP t'2017-01-01T00:00:00Z'",
    );
    pattern("[a:b = 'c'] START t'2016-01-01T00:00:00Z'", "[a:b = 'c'] START t'2016-01-01T00:00:00Z'");
    pattern(r"[a:b = 'it\'s START \'x\'']", r"[a:b = 'it\'s START \'x\'']");
    pattern(
        "[file:hashes.ssdeep = 'x' AND file:hashes.'ssdeep' = 'y']",
        "[file:hashes.SSDEEP = 'x' AND file:hashes.'SSDEEP' = 'y']",
    );
    pattern(
        "[file:created = t'2016-01-01T00:00:00Z' AND process:binary_ref.name = 'created']",
        "[file:ctime = t'2016-01-01T00:00:00Z' AND process:image_ref.name = 'created']",
    );
    pattern("[file:name = 'not closed START '", "[file:name = 'not closed START '");
    pattern("", "");
    pattern("[file:name = 'é'] START 'x' é", "[file:name = 'é'] START t'x' é");
}
