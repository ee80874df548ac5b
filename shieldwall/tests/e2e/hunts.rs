//! Hunts that count over several log sources, hunts that end early, and hunts that cannot be.

use serde_json::{Value, json};

use crate::harness::{Node, eventually, text};

/// A rule, and one that counts what it finds: six within five minutes.
const MANY: &str = "title: lantern\nname: lantern\nid: 7b1f0f3a-58f0-4b38-9d55-8f8c7c1d0011\nlogsource:\n  product: windows\n  category: process_creation\ndetection:\n  a:\n    Image|endswith: '\\lantern.exe'\n  condition: a\nlevel: low\n---\ntitle: many lanterns\nid: 7b1f0f3a-58f0-4b38-9d55-8f8c7c1d0012\ncorrelation:\n  type: event_count\n  rules:\n    - lantern\n  group-by:\n    - Image\n  timespan: 5m\n  condition:\n    gte: 6\nlevel: high\n";

/// A program that began, as Sysmon tells of it.
fn process(time: &str) -> String {
    let event = json!({
        "@timestamp": time,
        "Channel": "Microsoft-Windows-Sysmon/Operational",
        "SourceName": "Microsoft-Windows-Sysmon",
        "Hostname": "QUAY-17.harbour.example",
        "EventID": 1,
        "Image": "C:\\Users\\keeper\\lantern.exe",
        "CommandLine": "lantern.exe --all",
    });
    format!("{event}\n")
}

/// Lets a node read these lines, and waits until it has.
fn reads(node: &Node, name: &str, times: &[&str]) {
    let lines: String = times.iter().map(|time| process(time)).collect();
    let file = node.file(&format!("{name}.jsonl"), lines);
    node.run(&["log-source", "add", name, "--kind", "file", "--path", text(&file), "--json"]).exits(0);
    let read = || {
        let listed = node.json(&["log-source", "list"]);
        let sources = listed["log_sources"].as_array().cloned().unwrap_or_default();
        let found = sources.into_iter().find(|source| source["name"] == name);
        found.map_or(0, |source| source["state"]["records"].as_u64().unwrap_or_default())
    };
    eventually(read, |read| *read == times.len() as u64);
}

/// What a hunt came to; its exit code says whether anything was found.
fn hunt(node: &Node, args: &[&str]) -> Value {
    node.run(&[&["hunt", "run"], args, &["--json"]].concat()).json()
}

/// How often something of this title was found.
fn found(hunt: &Value, what: &str) -> u64 {
    let found = hunt["result"]["found"].as_array().cloned().unwrap_or_default();
    let of = found.iter().find(|one| one["what"] == what);
    of.map_or(0, |one| one["tally"]["count"].as_u64().unwrap())
}

#[test]
fn a_rule_counts_over_log_sources_in_the_order_of_time() {
    let node = Node::of("Kiwi CERT", "NZ");
    let _serving = node.serve();
    // Three here and three there within a minute; two days later one more, which is where each log ends.
    let later = "2026-10-04T07:00:00.000Z";
    let at = |second: &str| format!("2026-10-02T07:00:{second}.000Z");
    let (one, two, three) = (at("00"), at("10"), at("20"));
    reads(&node, "east", &[&one, &two, &three, later]);
    let (one, two, three) = (at("05"), at("15"), at("25"));
    reads(&node, "west", &[&one, &two, &three, later]);
    let rule = node.file("many.yml", MANY);
    let both = hunt(&node, &["--sigma", text(&rule)]);
    assert_eq!((found(&both, "lantern"), found(&both, "many lanterns") > 0), (8, true), "{both}");
    assert_eq!((&both["state"], &both["result"]["looked_at"]["events"]), (&json!("done"), &json!(8)));
    // The same once it is in files, of which each is of one source and one hour.
    node.run(&["telemetry", "flush"]).exits(0);
    let filed = hunt(&node, &["--sigma", text(&rule)]);
    let sums = |hunt: &Value| (found(hunt, "lantern"), found(hunt, "many lanterns"));
    assert_eq!(sums(&filed), sums(&both), "{filed}");
    let east = hunt(&node, &["--sigma", text(&rule), "--source", "east"]);
    assert_eq!(sums(&east), (4, 0), "{east}");
}

#[test]
fn a_hunt_that_its_budget_ends_says_so() {
    let node = Node::of("Kiwi CERT", "NZ");
    let _serving = node.serve();
    for name in ["east", "west", "north", "south"] {
        reads(&node, name, &["2026-10-02T07:00:00.000Z"]);
    }
    let whole = hunt(&node, &["192.0.2.1"]);
    assert_eq!((&whole["state"], &whole["result"]["ended_by"]), (&json!("done"), &Value::Null), "{whole}");
    let cut = hunt(&node, &["192.0.2.1", "--max-bytes", "1"]);
    assert_eq!((&cut["state"], &cut["result"]["ended_by"]), (&json!("partial"), &json!("bytes")), "{cut}");
    let looked = &cut["result"]["looked_at"];
    assert_eq!(looked["complete"], false, "{cut}");
    assert!(looked["blind"].to_string().contains("after reading 1 bytes"), "{cut}");
    let listed = node.json(&["hunt", "list"]);
    assert!(listed["hunts"].to_string().contains("\"partial\""), "{listed}");
}

#[test]
fn what_cannot_find_anything_is_refused() {
    let node = Node::of("Kiwi CERT", "NZ");
    let _serving = node.serve();
    reads(&node, "east", &["2026-10-02T07:00:00.000Z"]);
    let refused = |args: &[&str], why: &[&str]| {
        let ended = node.run(&[&["hunt", "run", "192.0.2.1"], args].concat());
        assert!(ended.code != 0 && why.iter().all(|why| ended.stderr.contains(why)), "{}", ended.stderr);
    };
    refused(&["--source", "east", "--source", "nowhere"], &["`nowhere`", "`east`"]);
    let noon = "2026-10-02T12:00:00Z";
    refused(&["--from", noon, "--until", noon], &["not before"]);
    refused(&["--max-seconds", "0"], &["0"]);
    refused(&["--max-bytes", "0"], &["0"]);
    assert_eq!(node.json(&["hunt", "list"])["hunts"], json!([]), "nothing was begun");
    // What a removed log source left behind can still be looked through.
    node.run(&["telemetry", "flush"]).exits(0);
    node.run(&["log-source", "remove", "east"]).exits(0);
    let left = hunt(&node, &["192.0.2.1", "--source", "east"]);
    assert_eq!(
        (&left["state"], &left["result"]["looked_at"]["events"]),
        (&json!("done"), &json!(1)),
        "{left}"
    );
}
