//! Real data of every kind, whole.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::harness::{Node, eventually, text};
use crate::shape::check_shape;

/// What an import's last line says about the five fates.
fn fates(summary: &Value) -> [u64; 5] {
    ["accepted", "unchanged", "superseded", "held", "refused"].map(|name| summary[name].as_u64().unwrap())
}

/// Imports files, expecting an exit code.
#[track_caller]
fn import(node: &Node, files: &[PathBuf], code: i32) -> Value {
    let mut args = vec!["import", "--json"];
    args.extend(files.iter().map(|path| text(path)));
    node.run(&args).exits(code).json()
}

/// Ids of all objects in STIX bundles, and how many objects there are.
fn objects_in(files: &[PathBuf]) -> (std::collections::BTreeSet<String>, u64) {
    let (mut ids, mut count) = (std::collections::BTreeSet::new(), 0);
    for file in files {
        let bundle: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        for object in bundle["objects"].as_array().unwrap() {
            ids.insert(object["id"].as_str().unwrap().to_owned());
            count += 1;
        }
    }
    (ids, count)
}

#[test]
fn attack() {
    let files = testkit::corpus("data/attack", "json");
    if files.is_empty() {
        return;
    }
    let node = Node::new("ATT&CK CERT");
    let (ids, count) = objects_in(&files);
    let summary = import(&node, &files, 0);
    let [accepted, unchanged, superseded, held, refused] = fates(&summary);
    assert_eq!((held, refused), (0, 0), "{summary}");
    assert_eq!(accepted + unchanged + superseded, count, "{summary}");
    // The two bundles share some objects: marking, identity, and techniques of both matrices.
    assert_eq!(accepted, ids.len() as u64, "{summary}");
    let again = import(&node, &files, 0);
    assert_eq!(fates(&again), [0, count, 0, 0, 0], "{again}");

    node.run(&["get", ids.first().unwrap()]).exits(0);
    assert_eq!(node.json(&["store", "status"])["search_lag"], 0, "a command lets search catch up");
    let found = node.json(&["search", "Stuxnet"]);
    check_shape(&found, &json!({"hits": [{"id": "string", "title": "string"}]}));
    let exported = node.run(&["export", "--faithful"]).exits(0);
    let exported: Value = serde_json::from_slice(&exported.stdout).unwrap();
    let exported: std::collections::BTreeSet<&str> =
        exported["objects"].as_array().unwrap().iter().map(|object| object["id"].as_str().unwrap()).collect();
    let missing: Vec<_> = ids.iter().filter(|id| !exported.contains(id.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
    node.sound();
}

#[test]
fn attack_keeps_its_bytes() {
    let Some(file) = testkit::corpus("data/attack", "json").into_iter().next() else { return };
    let node = Node::new("Faithful CERT");
    node.run(&["import", text(&file)]).exits(0);
    let source = std::fs::read_to_string(&file).unwrap();
    let exported = node.run(&["export", "--faithful"]).exits(0).text();
    let mut tape = json::Tape::new();
    let bundle = tape.parse(source.as_bytes(), &json::Limits::DOCUMENT).unwrap();
    for object in bundle.get("objects").unwrap().items() {
        assert!(exported.contains(object.raw()), "{}", object.raw());
    }
}

#[test]
fn stix_examples() {
    let files = testkit::corpus("data/stix-examples", "json");
    if files.is_empty() {
        return;
    }
    let node = Node::new("Example CERT");
    let (_, count) = objects_in(&files);
    let summary = import(&node, &files, 0);
    let [accepted, _, _, held, refused] = fates(&summary);
    assert_eq!(refused, 0, "{summary}");
    // Observed data of STIX 2.0 becomes several objects of 2.1, so there are no fewer than were given.
    assert!(fates(&summary).iter().sum::<u64>() >= count, "{count} objects: {summary}");
    assert!(accepted > 0 && summary["findings"].is_object(), "{summary}");
    let again = import(&node, &files, 0);
    assert_eq!(again["accepted"], 0, "{again}");
    assert_eq!(again["held"], held, "what is held is held once: {again}");
    let twenty = node.run(&["export", "--faithful"]).exits(0).text();
    assert!(!twenty.contains("\"spec_version\":\"2.0\"") && !twenty.contains("\"spec_version\": \"2.0\""));
    node.sound();
}

#[test]
fn misp_events() {
    let files = testkit::corpus("data/misp-events", "json");
    if files.is_empty() {
        return;
    }
    let node = Node::new("MISP CERT");
    let summary = import(&node, &files, 0);
    let [accepted, _, _, _, refused] = fates(&summary);
    assert_eq!(refused, 0, "{summary}");
    assert!(accepted > 1000, "{summary}");
    let again = import(&node, &files, 0);
    assert_eq!(fates(&again)[0], 0, "{again}");
    assert_eq!(fates(&again)[3], fates(&summary)[3], "{again}");
    // Every event is a report or a grouping that names its origin.
    let exported = node.run(&["export", "--type", "report,grouping"]).exits(0);
    let exported: Value = serde_json::from_slice(&exported.stdout).unwrap();
    assert_eq!(exported["objects"].as_array().unwrap().len(), files.len());
    check_shape(
        &exported["objects"],
        &json!([{"name": "string", "object_refs": "array", "external_references": "array"}]),
    );
    node.sound();
}

#[test]
fn indicator_lists() {
    // Each 60th list, about 20,000 values; a soak takes all of them.
    let every = usize::try_from(testkit::count("SHIELDWALL_INDICATOR_STEP", 60)).unwrap();
    let files: Vec<_> = testkit::corpus("data/indicators", "txt").into_iter().step_by(every).collect();
    if files.is_empty() {
        return;
    }
    let node = Node::new("List CERT");
    let args = [&["import", "--json"], &files.iter().map(|path| text(path)).collect::<Vec<_>>()[..]].concat();
    let ended = node.run(&args);
    let summary = ended.json();
    let [accepted, unchanged, superseded, _, refused] = fates(&summary);
    assert_eq!(ended.code, i32::from(refused > 0), "{summary}");
    let lines: u64 = files
        .iter()
        .map(|file| std::fs::read_to_string(file).unwrap())
        .map(|list| {
            list.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')).count() as u64
        })
        .sum();
    assert_eq!(superseded, 0, "{summary}");
    assert_eq!(fates(&summary).iter().sum::<u64>(), lines, "every value has a fate: {summary}");
    assert!(accepted > lines / 2 && unchanged < lines / 2, "{summary}");
    assert!(refused < lines / 100, "{summary}");
    let again = node.run(&args).json();
    assert_eq!(again["accepted"], 0, "{again}");
    node.sound();
}

#[test]
fn warning_lists_hold_what_they_know() {
    let files = testkit::corpus("data/warninglists", "json");
    if files.is_empty() {
        return;
    }
    let node = Node::new("Warned CERT");
    // Before the lists, nobody knows this domain.
    let outcome = |value: &str| {
        let ended = node.run(&["indicator", "add", value, "--json"]);
        (ended.code, ended.json()["results"][0]["outcome"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(outcome("ipfs.io"), (0, "accepted".to_owned()));
    let summary = import(&node, &files, 0);
    check_shape(&summary, &json!({"refused": 0, "warning_lists": "number"}));
    assert!(summary["warning_lists"].as_u64().unwrap() >= files.len() as u64 - 5, "{summary}");
    for value in ["8.8.8.8", "hxxp://dns.google/", "192.168.7.7", "d41d8cd98f00b204e9800998ecf8427e"] {
        assert_eq!(outcome(value), (1, "held".to_owned()), "{value}");
    }
    assert_eq!(outcome("quite-unknown-to-everyone.net"), (0, "accepted".to_owned()));
    let held = node.json(&["held", "list"]);
    check_shape(&held["held"], &json!([{"findings": [{"rule": "string", "message": "string"}]}]));
    // In a running node as well, and after a restart.
    let _serving = node.serve();
    assert_eq!(outcome("1.1.1.1"), (1, "held".to_owned()));
    eventually(|| node.json(&["store", "status"])["search_lag"].clone(), |lag| *lag == 0);
}
