//! What "no alert" means: rules that have nothing to look at, and indicators that are not looked for.

use serde_json::{Value, json};

use crate::harness::{Node, eventually, text};

const RULE: &str = "title: lantern\nid: 7b1f0f3a-58f0-4b38-9d55-8f8c7c1d0009\nlogsource:\n  product: windows\n  category: process_creation\ndetection:\n  a:\n    Image|endswith: '\\lantern.exe'\n  condition: a\nlevel: high\n";
const EVENT: &str = r#"{"@timestamp":"2026-10-02T07:00:00.000Z","Channel":"Microsoft-Windows-Sysmon/Operational","EventID":1,"Image":"C:\\lamp.exe"}"#;

/// A rule that is active says whether its log source gives anything; what is odd about one is said.
#[test]
fn an_active_rule_says_whether_it_has_anything_to_look_at() {
    let node = Node::of("Kiwi CERT", "NZ");
    let _serving = node.serve();
    let (first, second) =
        (node.file("first.yml", RULE), node.file("second.yml", RULE.replace("level: high", "level: urgent")));
    node.run(&["detect", "rules", "add", text(&first)]).exits(0);
    let added = node.run(&["detect", "rules", "add", text(&second)]).exits(0);
    assert!(added.stderr.contains("same id") && added.stderr.contains("'urgent'"), "{}", added.stderr);
    let rules = || node.json(&["detect", "rules", "list"])["rules"].as_array().cloned().unwrap_or_default();
    let before = rules();
    assert_eq!(before.len(), 2, "one finding, beside its rule: {before:?}");
    assert!(before.iter().all(|rule| rule["state"] == "active" && rule["source_events"] == 0), "{before:?}");
    let listed = node.run(&["detect", "rules", "list"]).exits(0).text();
    assert!(listed.contains("nothing of its log source was read since the start"), "{listed}");
    let hungry = node.json(&["detect", "coverage"]);
    assert_eq!((&hungry["never_fed"], &hungry["watch"]["behind"]), (&json!(2), &json!(0)), "{hungry}");

    node.run(&["log-source", "add", "hosts", "--kind", "push"]).exits(0);
    let log = node.file("sysmon.json", format!("{EVENT}\n"));
    node.run(&["log-source", "push", "hosts", text(&log)]).exits(0);
    let fed = rules();
    let is_fed = |rule: &Value| rule["source_events"] == 1 && rule["source_last_read"].is_string();
    assert!(fed.iter().all(is_fed), "{fed:?}");
    let coverage = node.json(&["detect", "coverage"]);
    assert_eq!((&coverage["never_fed"], &coverage["never_fired"]), (&json!(0), &json!(2)), "{coverage}");
}

/// One rule that would take gigabytes is refused, with the bound and the remedy, and runs nothing.
#[test]
fn a_rule_that_asks_for_too_much_is_refused() {
    let node = Node::of("Kiwi CERT", "NZ");
    let _serving = node.serve();
    let values: Vec<String> = (0..30_000).map(|at| format!("      - 'a{at}b+'\n")).collect();
    let hostile =
        RULE.replace("    Image|endswith: '\\lantern.exe'\n", &format!("    Image|re:\n{}", values.concat()));
    let file = node.file("hostile.yml", hostile);
    let added = node.run(&["detect", "rules", "add", text(&file)]).exits(1);
    assert!(added.stderr.contains("more than 500 regular expressions"), "{}", added.stderr);
    let rules = node.json(&["detect", "rules", "list"]);
    assert_eq!(rules["rules"][0]["state"], "unsupported", "{rules}");
}

/// A warning list that comes later takes an indicator out, also after a restart; one that goes gives it back.
#[test]
fn indicators_are_judged_anew_when_warning_lists_change() {
    let node = Node::of("Kiwi CERT", "NZ");
    let added =
        node.json(&["indicator", "add", "lighthouse-cdn.net", "--name", "Lighthouse", "--tlp", "clear"]);
    let id = added["results"][0]["id"].clone();
    let list = |name: &str, value: &str| {
        let list = json!({
            "name": "Shared hosting", "version": 1, "description": "names that many use",
            "type": "string", "list": [value], "matching_attributes": ["domain", "hostname"],
            "category": "false-positive"
        });
        node.run(&["import", text(&node.file(name, list.to_string()))]).exits(0);
    };
    // How many values are looked for, and the indicators that are not.
    let watched = |values: u64, unwatched: usize| {
        let coverage = eventually(
            || node.json(&["detect", "coverage"]),
            |coverage| coverage["values"] == values && coverage["unwatched"] == unwatched,
        );
        coverage["first_unwatched"].clone()
    };
    let serving = node.serve();
    watched(1, 0);
    list("one.json", "lighthouse-cdn.net");
    let refused = watched(0, 1);
    assert_eq!(refused[0]["object"], id, "{refused}");
    assert!(refused[0]["reason"].as_str().unwrap().contains("warning list"), "{refused}");
    drop(serving);
    let _serving = node.serve();
    assert_eq!(watched(0, 1)[0]["object"], id);
    list("two.json", "another-cdn.net");
    watched(1, 0);
}
