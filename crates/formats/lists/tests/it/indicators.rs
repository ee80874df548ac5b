//! Indicators made from entries, and blocklists made from observables.

use expect_test::expect;
use model::Timestamp;
use observable::{classify, read};
use shieldwall_lists::{Context, Entry, Indicators, blocklist};

fn context(source: &str) -> Context {
    Context {
        now: "2026-01-31T12:00:00Z".parse().unwrap(),
        source: source.to_owned(),
        created_by: None,
        markings: Vec::new(),
        labels: Vec::new(),
        description: None,
    }
}

fn entry(text: &str) -> Entry {
    Entry::new(1, read(text).unwrap())
}

#[test]
fn a_bare_value() {
    let text = Indicators::new(&context("feed")).render(&entry("192.0.2.1"));
    expect![[r#"{"type":"indicator","spec_version":"2.1","id":"indicator--ef1f5bfd-6829-51c1-b8c1-2070b77258f5","created":"2026-01-31T12:00:00.000Z","modified":"2026-01-31T12:00:00.000Z","name":"192.0.2.1","indicator_types":["malicious-activity"],"pattern":"[ipv4-addr:value = '192.0.2.1']","pattern_type":"stix","pattern_version":"2.1","valid_from":"2026-01-31T12:00:00.000Z"}"#]].assert_eq(&text);
}

#[test]
fn everything_an_entry_can_say() {
    let mut context = context("a \"feed\"");
    context.created_by = Some("identity--d1612665-504b-4aee-8e7d-04e0f2dcd3e8".parse().unwrap());
    context.markings = vec!["marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb".parse().unwrap()];
    context.labels = vec!["feed".to_owned()];
    context.description = Some("from a list".to_owned());
    let mut entry = entry("http://bad.example/'x\\\"y");
    entry.comment = Some("<script>alert(1)</script>\u{7}".to_owned());
    entry.labels = vec!["rat".to_owned()];
    entry.confidence = Some(85);
    entry.references = Some(vec!["https://a.example/".to_owned()].into());
    entry.first_seen = Some("2020-01-01T00:00:00Z".parse().unwrap());
    let text = Indicators::new(&context).render(&entry);
    expect![[r#"{"type":"indicator","spec_version":"2.1","id":"indicator--ba8e2394-34a9-5b00-b89e-23a199c0acb0","created_by_ref":"identity--d1612665-504b-4aee-8e7d-04e0f2dcd3e8","created":"2026-01-31T12:00:00.000Z","modified":"2026-01-31T12:00:00.000Z","name":"http://bad.example/'x\\\"y","description":"from a list\n<script>alert(1)</script>\u0007","indicator_types":["malicious-activity"],"pattern":"[url:value = 'http://bad.example/\\'x\\\\\"y']","pattern_type":"stix","pattern_version":"2.1","valid_from":"2020-01-01T00:00:00.000Z","confidence":85,"labels":["feed","rat"],"external_references":[{"source_name":"a \"feed\"","url":"https://a.example/"}],"object_marking_refs":["marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"]}"#]].assert_eq(&text);
    let mut tape = json::Tape::new();
    tape.parse(text.as_bytes(), &json::Limits::OBJECT).unwrap();
}

#[test]
fn a_first_seen_in_the_future_is_not_believed() {
    let mut late = entry("192.0.2.1");
    late.first_seen = Some(Timestamp::MAX);
    assert!(
        Indicators::new(&context("feed"))
            .render(&late)
            .contains("\"valid_from\":\"2026-01-31T12:00:00.000Z\"")
    );
}

#[test]
fn ids_depend_on_the_value_and_the_source_only() {
    let ours = Indicators::new(&context("feed"));
    let mut later = context("feed");
    later.now = Timestamp::MAX;
    let id = |text: &str| ours.id(&read(text).unwrap());
    assert_eq!(id("192.0.2.1"), Indicators::new(&later).id(&read("192[.]0[.]2[.]1").unwrap()));
    assert_eq!(id("Bad.Example."), id("bad[.]example"));
    assert_ne!(id("192.0.2.1"), Indicators::new(&context("other")).id(&read("192.0.2.1").unwrap()));
    let distinct = [
        "192.0.2.1",
        "192.0.2.1:80",
        "192.0.2.1:443",
        "bad.example",
        "*.bad.example",
        "bad.example/",
        "http://bad.example/",
    ];
    let mut ids: Vec<_> = distinct.iter().map(|text| id(text)).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), distinct.len());
    assert!(ids.iter().all(|id| id.uuid().version() == 5 && id.uuid().is_rfc_variant()));
}

#[test]
fn a_blocklist_is_sorted_and_each_value_stands_once() {
    let values = [
        "www.bad.example",
        "192.0.2.9",
        "bad.example",
        "10.0.0.0/8",
        "192.0.2.10",
        "bad[.]example",
        r"HKLM\x",
    ];
    let observables: Vec<_> = values.iter().map(|text| classify(text).unwrap()).collect();
    let (text, left_out) = blocklist(&["made by a test\nsecond line"], &observables);
    expect![[r#"
        # made by a test
        # second line
        192.0.2.9
        192.0.2.10
        10.0.0.0/8
        bad.example
        www.bad.example
    "#]]
    .assert_eq(&text);
    assert_eq!(left_out, 1);
}
