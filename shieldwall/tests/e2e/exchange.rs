//! In and out in bulk: import, export, backup.

use serde_json::{Value, json};

use crate::harness::{Node, gzip, run, text};
use crate::objects::{self, HASH, INDICATOR, MAKER, MALWARE, stocked};
use crate::shape::{check, check_shape};

/// Shape of the last line of an import, with these counts.
fn summary([accepted, unchanged, superseded, held, refused]: [u64; 5]) -> Value {
    json!({
        "accepted": accepted, "unchanged": unchanged, "superseded": superseded, "held": held, "refused": refused,
        "seconds": "number",
    })
}

#[test]
fn import_takes_files_folders_and_standard_input() {
    let node = Node::new("Import CERT");
    let bundle = node.file("in/bundle.json", objects::bundle());
    check(&node, &["import", text(&bundle)], 0, summary([4, 0, 0, 0, 0]));
    check(&node, &["import", text(&bundle)], 0, summary([0, 4, 0, 0, 0]));

    node.file("in/deeper/list.txt", "# two\nbad-updates.net\n198.18.0.1\n93.184.215.77\n");
    let folder = bundle.parent().unwrap();
    // The address of a test network is on the built-in warning lists.
    check(&node, &["import", text(folder)], 0, summary([2, 4, 0, 1, 0]));

    let (_, extra) = objects::numbered_indicator(1);
    let ended = node.run_with(&["import", "-", "--json"], extra.as_bytes()).exits(0);
    check_shape(&ended.json(), &summary([1, 0, 0, 0, 0]));
    let ended = node.run_with(&["import", "-", "--json"], format!("[{extra}]").as_bytes()).exits(0);
    check_shape(&ended.json(), &summary([0, 1, 0, 0, 0]));

    let older = objects::indicator_at(INDICATOR, "2024-03-01T08:00:00.500Z", HASH);
    let newer = objects::indicator_at(INDICATOR, "2024-04-01T00:00:00.000Z", HASH);
    let file = node.file("newer.json", newer);
    check(&node, &["import", text(&file)], 0, summary([1, 0, 0, 0, 0]));
    let file = node.file("older.json", older);
    check(&node, &["import", text(&file)], 0, summary([0, 0, 1, 0, 0]));
    node.sound();
}

#[test]
fn import_unpacks_gzip() {
    let node = Node::new("Gzip CERT");
    let Some(packed) = gzip(objects::bundle().as_bytes()) else { return };
    let file = node.file("bundle.json.gz", packed);
    check(&node, &["import", text(&file)], 0, summary([4, 0, 0, 0, 0]));
}

#[test]
fn import_says_what_it_refused_and_keeps_it() {
    let node = Node::new("Strict CERT");
    let bad = objects::malware().replace(r#""is_family":true,"#, "");
    let file = node.file("mixed.json", objects::bundle_of(&[objects::maker(), bad]));
    let last = check(&node, &["import", text(&file)], 1, summary([1, 0, 0, 0, 1]));
    let refused = std::fs::read_dir(node.dir.join("refused")).unwrap().next().unwrap().unwrap().path();
    let line: Value = serde_json::from_str(std::fs::read_to_string(&refused).unwrap().trim()).unwrap();
    let finding = json!({"severity": "error", "rule": "string", "pointer": "string", "message": "string"});
    check_shape(&line, &json!({"place": "objects/1", "id": MALWARE, "findings": [finding], "raw": "string"}));
    assert!(last.to_string().contains("refused/"), "the summary names the file: {last}");
    let person = node.run(&["import", text(&file)]).exits(1);
    assert!(person.stderr.contains("is_family") || person.text().contains("is_family"), "{person:?}");
}

#[test]
fn import_of_what_is_not_there_is_the_callers_fault() {
    let node = Node::new("Missing CERT");
    let ended = node.run(&["import", "no-such-file.json", "--json"]).exits(2);
    assert!(ended.json()["error"].as_str().unwrap().contains("no-such-file.json"));
    node.run(&["import"]).exits(2);
}

#[test]
fn sources_keep_who_said_what_and_its_default_label() {
    let node = Node::new("Source CERT");
    let file = node.file("maker.json", objects::maker());
    node.json(&["import", text(&file), "--source", "partner", "--default-label", "amber"]);
    let object = node.json(&["get", MAKER]);
    assert_eq!((&object["source"], &object["label"]), (&json!("partner"), &json!("amber")), "{object}");
    let sources = node.json(&["source", "list"]);
    assert!(sources.to_string().contains("\"partner\""), "{sources}");
}

#[test]
fn what_is_exported_can_be_imported_elsewhere() {
    let node = stocked();
    node.json(&["indicator", "add", "bad-updates.net", "--tlp", "green"]);
    let other = Node::new("Other CERT");

    let stix = node.run(&["export"]).exits(0).text();
    let exported: Value = serde_json::from_str(&stix).unwrap();
    let count = exported["objects"].as_array().unwrap().len() as u64;
    assert_eq!(exported["type"], "bundle");
    let file = other.file("exported.json", &stix);
    let first = other.json(&["import", text(&file), "--source", "sample"]);
    // Both nodes know the TLP marking definitions.
    assert_eq!(first["accepted"].as_u64().unwrap() + first["unchanged"].as_u64().unwrap(), count, "{first}");
    check(&other, &["import", text(&file), "--source", "sample"], 0, summary([0, count, 0, 0, 0]));
    for id in [MALWARE, INDICATOR] {
        assert_eq!(other.run(&["get", id]).stdout, node.run(&["get", id]).stdout);
    }
    // What had no marking travels with the narrowest one rather than with none.
    let maker = other.json(&["get", MAKER]);
    assert!(matches!(maker["label"].as_str(), Some("own" | "red")), "{maker}");

    let only = node.run(&["export", "--type", "malware,indicator", "--label", "green"]).exits(0).text();
    let only: Value = serde_json::from_str(&only).unwrap();
    let mut types: Vec<_> = only["objects"].as_array().unwrap().iter().map(|o| o["type"].clone()).collect();
    types.sort_by_key(Value::to_string);
    assert_eq!(types, ["indicator", "malware"]);

    let faithful = node.run(&["export", "--faithful"]).exits(0).text();
    for sent in [objects::maker(), objects::malware(), objects::indicator(), objects::relationship()] {
        assert!(faithful.contains(&sent), "{sent}");
    }

    let list = node.run(&["export", "--format", "list"]).exits(0).text();
    let values: Vec<_> = list.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(values, ["bad-updates.net", HASH], "{list}");
    assert!(list.contains("label: green"), "the narrowest of all: {list}");
    let third = Node::new("Third CERT");
    let file = third.file("blocklist.txt", &list);
    check(&third, &["import", text(&file)], 0, summary([2, 0, 0, 0, 0]));

    let output = node.beside("event.json");
    node.run(&["export", "--format", "misp", "--output", text(&output)]).exits(0);
    let event: Value = serde_json::from_slice(&std::fs::read(&output).unwrap()).unwrap();
    check_shape(&event, &json!({"Event": {"uuid": "string", "info": "string", "Attribute": "array"}}));
    let fourth = Node::new("Fourth CERT");
    fourth.run(&["import", text(&output)]).exits(0);
    check(&fourth, &["search", "--value", "bad-updates.net"], 0, json!({"hits": [{"id": "string"}]}));
    check(&fourth, &["search", "--value", HASH], 0, json!({"hits": [{"id": "string"}]}));
}

#[test]
fn a_backup_restores_the_node() {
    let node = stocked();
    let (file, dir) = (node.beside("backup.db"), node.beside("restored"));
    check(&node, &["backup", text(&file)], 0, json!({"file": text(&file), "bytes": "number"}));
    assert_ne!(node.run(&["backup", text(&file)]).code, 0, "a backup overwrites nothing");
    let restored = ["--dir", text(&dir), "--json"];
    let on = |args: &[&str]| run(&[args, &restored[..]].concat());
    check_shape(&on(&["restore", text(&file)]).exits(0).json(), &json!({"name": "Sample CERT"}));
    on(&["restore", text(&file)]).exits(2);
    let (before, after) = (node.run(&["export", "--faithful"]), on(&["export", "--faithful"]).exits(0));
    let objects = |text: &str| serde_json::from_str::<Value>(text).unwrap()["objects"].clone();
    assert_eq!(objects(&before.text()), objects(&after.text()));
    assert_eq!(on(&["store", "verify"]).exits(0).json()["ok"], true);
    let empty = node.file("not-a-backup.db", "not a backup");
    let elsewhere = node.beside("elsewhere");
    run(&["restore", text(&empty), "--dir", text(&elsewhere)]).exits(2);
}
