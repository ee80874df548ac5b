//! What scripts rely on: arguments, exit codes, and the JSON each command prints.

use serde_json::{Value, json};

use crate::harness::{Node, gzip, run, run_with, text, with_options};
use crate::objects::{self, HASH, INDICATOR, MAKER, MALWARE};
use crate::shape::check_shape;

/// Runs a command on a node with `--json`: exit code, and the shape of the last line.
#[track_caller]
fn check(node: &Node, args: &[&str], code: i32, shape: Value) -> Value {
    let value = node.run(&with_options(args, &["--json"])).exits(code).json();
    check_shape(&value, &shape);
    value
}

/// Shape of the last line of an import, with these counts.
fn summary([accepted, unchanged, superseded, held, refused]: [u64; 5]) -> Value {
    json!({
        "accepted": accepted, "unchanged": unchanged, "superseded": superseded, "held": held, "refused": refused,
        "seconds": "number",
    })
}

/// A node that holds the sample bundle.
fn stocked() -> Node {
    let node = Node::new("Sample CERT");
    let file = node.file("sample.json", objects::bundle());
    check(&node, &["import", text(&file)], 0, summary([4, 0, 0, 0, 0]));
    node
}

#[test]
fn init_makes_a_node_once() {
    let home = testkit::temp_dir();
    let dir = home.path().join("new").join("node");
    let dir = text(&dir);
    let made = run(&["init", "--dir", dir, "--name", "Example CERT", "--country", "nz", "--json"]).exits(0).json();
    check_shape(&made, &json!({"dir": dir, "name": "Example CERT", "country": "NZ", "identity": "string"}));
    assert!(made["identity"].as_str().unwrap().starts_with("identity--"), "{made}");
    let again = run(&["init", "--dir", dir, "--name", "Another", "--json"]);
    assert_ne!(again.code, 0);
    check_shape(&again.json(), &json!({"error": "string"}));
    let node = run(&["store", "status", "--dir", dir, "--json"]).exits(0).json();
    assert_eq!((&node["name"], &node["country"]), (&json!("Example CERT"), &json!("NZ")), "the first init holds");
    run(&["init", "--dir", dir, "--name", "X", "--country", "New Zealand"]).exits(2);
    run(&["init", "--dir", dir]).exits(2);
}

#[cfg(unix)]
#[test]
fn a_node_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let node = Node::new("Private CERT");
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&node.dir), 0o700);
    let _serving = node.serve();
    assert_eq!(mode(&node.dir.join("node.sock")), 0o600);
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
fn get_gives_the_bytes_back() {
    let node = stocked();
    for (id, sent) in [(MAKER, objects::maker()), (MALWARE, objects::malware()), (INDICATOR, objects::indicator())] {
        assert_eq!(node.run(&["get", id]).exits(0).text(), format!("{sent}\n"));
    }
    check(
        &node,
        &["get", MALWARE],
        0,
        json!({
            "id": MALWARE, "type": "malware", "version": "string", "rendition": 0, "label": "green",
            "source": "own", "accepted": "string", "seq": "number", "revoked": false, "latest": true,
            "object": {"name": "Grey Heron"},
        }),
    );
    check(&node, &["get", MALWARE, "--versions"], 0, json!({"versions": [{"id": MALWARE}]}));
    check(&node, &["get", MALWARE, "--version", "2024-03-01T00:00:00Z"], 0, json!({"id": MALWARE}));
    for args in [
        &["get", "malware--3e1c8d52-6a0b-4f79-9d1e-000000000000"][..],
        &["get", MALWARE, "--version", "1999-01-01T00:00:00Z"],
        &["get", "not an id"],
    ] {
        check(&node, args, 1, json!({"error": "string"}));
    }
    // The UUID of an id is compared in lower case.
    let upper = MALWARE.replace("malware--3e1c8d52", "malware--3E1C8D52");
    check(&node, &["get", &upper], 0, json!({"type": "malware"}));
}

#[test]
fn search_finds_words_and_values() {
    let node = stocked();
    let hit = json!({"id": "string", "title": "string", "snippet": "string"});
    let found = check(&node, &["search", "heron"], 0, json!({"hits": [hit], "lag": 0}));
    let ids: Vec<_> = found["hits"].as_array().unwrap().iter().map(|hit| &hit["id"]).collect();
    assert!(ids.contains(&&json!(MALWARE)) && ids.contains(&&json!(INDICATOR)), "{found}");
    let hit = json!({"id": INDICATOR, "observable": "string"});
    check(&node, &["search", "--value", &HASH.to_uppercase()], 0, json!({"hits": [hit]}));
    check(&node, &["search", "nothingofthekind"], 0, json!({"hits": []}));
    // What a person types is words, whatever the search engine's own language makes of it.
    for words in ["\"", "heron AND", "NOT", "*", "(", "a:b", "-heron", "'; DROP TABLE object; --"] {
        check(&node, &["search", "--", words], 0, json!({"hits": "array"}));
    }
    check(&node, &["search", "--value", "certainly no value"], 1, json!({"error": "string"}));
    node.run(&["search"]).exits(2);
}

#[test]
fn objects_are_made_revised_and_revoked() {
    let node = Node::new("Author CERT");
    let added = json!({"summary": {"accepted": 1, "refused": 0}, "results": [{"id": "string", "outcome": "accepted"}]});
    let new = br#"{"type":"malware","name":"Night Heron","is_family":false}"#;
    let ended = node.run_with(&["object", "new", "-", "--tlp", "green", "--json"], new).exits(0);
    check_shape(&ended.json(), &added);
    let id = ended.json()["results"][0]["id"].as_str().unwrap().to_owned();
    let object = node.json(&["get", &id]);
    assert_eq!(object["label"], "green", "{object}");
    let identity = node.json(&["store", "status"])["identity"].clone();
    assert_eq!(object["object"]["created_by_ref"], identity);

    let changes = node.file("changes.json", r#"{"name":"Night Heron II","malware_types":["backdoor"]}"#);
    check(&node, &["object", "revise", &id, text(&changes)], 0, added.clone());
    let revised = node.json(&["get", &id]);
    assert_eq!(revised["object"]["name"], "Night Heron II");
    assert_eq!(revised["object"]["created"], object["object"]["created"]);
    assert_ne!(revised["version"], object["version"]);

    let fixed = node.file("fixed.json", r#"{"created":"2020-01-01T00:00:00Z"}"#);
    check(&node, &["object", "revise", &id, text(&fixed)], 2, json!({"error": "string"}));

    check(&node, &["object", "revoke", &id], 0, added);
    assert_eq!(node.json(&["get", &id])["revoked"], true);
    assert_ne!(node.run(&["object", "revise", &id, text(&changes)]).code, 0, "revocation is for good");
    check(&node, &["get", &id, "--versions"], 0, json!({"versions": [{"id": id.as_str()}]}));

    let foreign = node.file("foreign.json", objects::bundle());
    node.run(&["import", text(&foreign), "--source", "partner"]).exits(0);
    check(&node, &["object", "revise", MALWARE, text(&changes)], 1, json!({"error": "string", "hint": "string"}));

    let sco = br#"{"type":"domain-name","value":"bad-updates.net"}"#;
    let ended = node.run_with(&["object", "new", "-", "--json"], sco).exits(0);
    let id = ended.json()["results"][0]["id"].as_str().unwrap().to_owned();
    let own = run_with(&["stix", "id", "-"], sco).exits(0).text();
    assert_eq!(own.trim(), id);

    let bad = br#"{"type":"malware","name":"No family"}"#;
    let refused = json!({"summary": {"refused": 1}, "results": [{"outcome": "refused", "findings": "array"}]});
    check_shape(&node.run_with(&["object", "new", "-", "--json"], bad).exits(1).json(), &refused);
    node.run_with(&["object", "new", "-"], b"not json").exits(2);
    node.run_with(&["object", "new", "-", "--tlp", "purple"], new).exits(2);
}

#[test]
fn erased_objects_do_not_come_back() {
    let node = stocked();
    check(&node, &["object", "erase", MALWARE, "--reason", "a court order"], 0, json!({"versions": 1}));
    check(&node, &["get", MALWARE], 1, json!({"error": "string"}));
    let file = node.file("again.json", objects::malware());
    assert_ne!(node.run(&["import", text(&file)]).code, 2);
    check(&node, &["get", MALWARE], 1, json!({"error": "string"}));
    node.run(&["object", "erase", MALWARE]).exits(2);
    node.sound();
}

#[test]
fn benign_values_are_held_for_a_person() {
    let node = Node::new("Careful CERT");
    let held = json!({"summary": {"held": 1}, "results": [{"outcome": "held", "held": "number", "findings": "array"}]});
    let first = check(&node, &["indicator", "add", "8.8.8.8", "--tlp", "clear"], 1, held.clone());
    let second = check(&node, &["indicator", "add", "hxxp://1.1.1[.]1/"], 1, held);
    let [first, second] = [first, second].map(|value| value["results"][0]["held"].to_string());

    let item = json!({
        "number": "number", "at": "string", "source": "own", "id": "string",
        "findings": [{"severity": "string", "rule": "string", "pointer": "string", "message": "string"}],
        "object": "object",
    });
    let list = check(&node, &["held", "list"], 0, json!({"held": [item]}));
    assert_eq!(list["held"].as_array().unwrap().len(), 2, "{list}");

    node.run(&["held", "release", &first]).exits(2);
    check(&node, &["held", "release", &first, "--reason", " "], 1, json!({"error": "string"}));
    let reason = ["--reason", "our own test of the resolver", "--author", "Mere"];
    check(&node, &[&["held", "release", &first][..], &reason].concat(), 0, json!({"outcome": "accepted"}));
    check(&node, &[&["held", "drop", &second][..], &reason].concat(), 0, json!({"outcome": "dropped"}));
    check(&node, &[&["held", "drop", &second][..], &reason].concat(), 1, json!({"error": "string"}));
    check(&node, &[&["held", "drop", "4711"][..], &reason].concat(), 1, json!({"error": "string"}));

    check(&node, &["held", "list"], 0, json!({"held": []}));
    let decision = json!({"released": "bool", "author": "string", "reason": reason[1], "at": "string"});
    let all = check(&node, &["held", "list", "--all"], 0, json!({"held": [{"decision": decision}]}));
    assert!(all["held"][0]["decision"]["author"].as_str().unwrap().contains("Mere"), "{all}");
    check(&node, &["search", "--value", "8.8.8.8"], 0, json!({"hits": [{"id": "string"}]}));
    check(&node, &["search", "--value", "http://1.1.1.1/"], 0, json!({"hits": []}));
    node.sound();
}

#[test]
fn indicators_are_made_from_values_and_patterns() {
    let node = Node::new("Indicator CERT");
    let pattern = |args: &[&str]| {
        let made = node.json(&[&["indicator", "add"], args].concat());
        let id = made["results"][0]["id"].as_str().unwrap().to_owned();
        node.json(&["get", &id])["object"].clone()
    };
    for (value, expect) in [
        ("bad-updates[.]net", "[domain-name:value = 'bad-updates.net']".to_owned()),
        ("hxxps://bad-updates[.]net/a", "[url:value = 'https://bad-updates.net/a']".to_owned()),
        ("93.184.215.77", "[ipv4-addr:value = '93.184.215.77']".to_owned()),
        (HASH, format!("[file:hashes.'SHA-256' = '{HASH}']")),
        ("[file:name = 'evil.exe']", "[file:name = 'evil.exe']".to_owned()),
    ] {
        assert_eq!(pattern(&[value])["pattern"], expect, "{value}");
    }
    let full = pattern(&[
        "very-bad.net", "--name", "N", "--description", "D", "--confidence", "80", "--valid-until",
        "2199-01-01T00:00:00Z", "--tlp", "amber+strict",
    ]);
    let expect = json!({"name": "N", "description": "D", "confidence": 80, "valid_until": "2199-01-01T00:00:00Z"});
    check_shape(&full, &expect);
    node.run(&["indicator", "add", "no value at all"]).exits(2);
    node.run(&["indicator", "add", "very-bad.net", "--confidence", "101"]).exits(2);
    check(&node, &["indicator", "add", "[file:name = "], 1, json!({}));
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
    assert_eq!(values, [HASH, "bad-updates.net"], "{list}");
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

#[test]
fn the_store_is_looked_after() {
    let node = stocked();
    let verified = json!({"ok": true, "versions": "number", "entries": "number", "problems": []});
    check(&node, &["store", "verify"], 0, verified);
    let status = json!({
        "name": "Sample CERT", "identity": "string", "created": "string", "build": "string", "objects": "number",
        "versions": "number", "head": "number", "horizon": "number", "search_lag": "number", "held": 0, "inbox": 0,
        "bytes": "number",
    });
    check(&node, &["store", "status"], 0, status);
    check(&node, &["store", "compact", "--keep", "1"], 0, json!({"horizon": "number"}));
    node.sound();
}

#[test]
fn doctor_looks_at_everything() {
    let node = stocked();
    check(&node, &["doctor"], 0, json!({"ok": true, "checks": [{"check": "string", "ok": true, "detail": "string"}]}));
    node.run(&["indicator", "add", "8.8.8.8"]).exits(1);
    check(&node, &["doctor"], 1, json!({"ok": false}));
    let nowhere = node.beside("nowhere");
    check_shape(&run(&["doctor", "--dir", text(&nowhere), "--json"]).exits(1).json(), &json!({"ok": false}));
}

#[test]
fn people_and_tokens() {
    let node = Node::new("People CERT");
    let password = node.file("password", "correct horse battery staple\n");
    node.run(&["user", "add", "mere", "--role", "analyst", "--password-file", text(&password)]).exits(0);
    assert_ne!(node.run(&["user", "add", "mere"]).code, 0);
    assert_ne!(node.run(&["user", "add", "tane", "--role", "emperor"]).code, 0);
    let users = node.json(&["user", "list"]).to_string();
    assert!(users.contains("\"mere\"") && users.contains("\"analyst\"") && !users.contains("argon"), "{users}");

    let made = node.json(&["token", "add", "--user", "mere", "scripts", "--collection", "public"]);
    let secret = made["secret"].as_str().unwrap();
    let id = made["id"].as_str().unwrap();
    let tokens = node.json(&["token", "list"]).to_string();
    assert!(tokens.contains(id) && tokens.contains("\"scripts\"") && !tokens.contains(secret), "{tokens}");
    assert_ne!(node.run(&["token", "add", "--user", "nobody", "x"]).code, 0);
    assert_ne!(node.run(&["token", "add", "--user", "mere", "x", "--collection", "nowhere"]).code, 0);
    assert_ne!(node.run(&["token", "add", "--user", "mere", "x", "--expires", "2001-01-01T00:00:00Z"]).code, 0);

    let serving = node.serve();
    let collections = || serving.send("GET", "/taxii2/default/collections/", secret, TAXII, b"").status;
    assert_eq!(collections(), 200);
    node.run(&["user", "disable", "mere"]).exits(0);
    assert_eq!(collections(), 401);
    node.run(&["user", "enable", "mere"]).exits(0);
    assert_eq!(collections(), 200);
    node.run(&["token", "revoke", id]).exits(0);
    assert_eq!(collections(), 401);
    node.run(&["user", "password", "mere", "--password-file", text(&password)]).exits(0);
    node.run(&["user", "remove", "mere"]).exits(0);
    assert!(!node.json(&["user", "list"]).to_string().contains("\"mere\""));
}

const TAXII: &str = "application/taxii+json;version=2.1";

#[test]
fn a_running_node_answers_as_the_directory_does() {
    let node = stocked();
    let changing = [
        &["import", "-"][..],
        &["indicator", "add", "8.8.4.4"],
        &["user", "add", "mere"],
        &["source", "add", "partner", "--kind", "file"],
    ];
    let reading = [
        &["get", MALWARE][..],
        &["get", MALWARE, "--versions"],
        &["get", "malware--00000000-0000-4000-8000-000000000000"],
        &["search", "heron"],
        &["search", "--value", HASH],
        &["held", "list"],
        &["user", "list"],
        &["source", "list"],
        &["export", "--faithful", "--type", "malware"],
        &["export", "--format", "list"],
        &["store", "verify"],
    ];
    // The bundle's own id and the times in headings differ from call to call.
    let steady = |text: &str| {
        let text = match text.split_once("bundle--") {
            Some((before, after)) => format!("{before}{}", &after[36..]),
            None => text.to_owned(),
        };
        text.lines().filter(|line| !line.starts_with("# exported")).collect::<Vec<_>>().join("\n")
    };
    let answers = || -> Vec<_> {
        let answer = |args: &&[&str]| {
            let (plain, json) = (node.run(args), node.run(&[args, &["--json"][..]].concat()));
            (plain.code, steady(&plain.text()), json.code, steady(&json.text()))
        };
        reading.iter().map(answer).collect()
    };
    let offline = answers();
    let serving = node.serve();
    for ((args, offline), running) in reading.iter().zip(&offline).zip(answers()) {
        assert_eq!(*offline, running, "{args:?}");
    }
    let (_, extra) = objects::numbered_indicator(7);
    let codes: Vec<_> = changing.iter().map(|args| node.run_with(args, extra.as_bytes()).code).collect();
    assert_eq!(codes, [0, 1, 0, 0], "{}", serving.log());
    let running = answers();
    assert_ne!(offline, running);
    assert_eq!(serving.stop(), 0);
    for ((args, running), offline) in reading.iter().zip(&running).zip(answers()) {
        assert_eq!(*running, offline, "{args:?}");
    }
}

#[test]
fn a_directory_without_a_node_is_named_with_the_remedy() {
    let home = testkit::temp_dir();
    let dir = home.path().join("nowhere");
    let commands = [
        &["import", "-"][..],
        &["export"],
        &["get", MALWARE],
        &["search", "x"],
        &["held", "list"],
        &["indicator", "add", "very-bad.net"],
        &["store", "verify"],
        &["user", "list"],
        &["token", "list"],
        &["source", "list"],
        &["serve"],
    ];
    for command in commands {
        let ended = run(&[command, &["--dir", text(&dir)]].concat()).exits(2);
        assert!(ended.stderr.contains("nowhere") && ended.stderr.contains("hint:"), "{command:?}: {ended:?}");
        assert!(ended.stdout.is_empty(), "{command:?}: messages belong on standard error: {ended:?}");
        assert!(ended.stderr.contains("shieldwall init"), "{command:?}: {ended:?}");
        if *command != ["serve"] {
            let ended = run(&[command, &["--dir", text(&dir), "--json"]].concat()).exits(2);
            check_shape(&ended.json(), &json!({"error": "string", "hint": "string"}));
        }
    }
    assert!(!dir.exists(), "looking for a node makes none");
}

#[test]
fn usage() {
    for args in [&[][..], &["no-such-command"], &["import"], &["get", "--no-such-option"], &["held", "release", "one"]] {
        let ended = run(args).exits(2);
        assert!(ended.stdout.is_empty() && !ended.stderr.is_empty(), "{ended:?}");
    }
    assert!(run(&["--help"]).exits(0).text().contains("Exit codes"));
    assert!(run(&["--version"]).exits(0).text().contains(env!("CARGO_PKG_VERSION")));
    for shell in ["bash", "zsh", "fish"] {
        assert!(run(&["completions", shell]).exits(0).text().contains("shieldwall"));
    }
    let home = testkit::temp_dir();
    run(&["gen-docs", "--dir", text(home.path())]).exits(0);
    for file in ["openapi.json", "docs/cli.md", "docs/man/shieldwall.1"] {
        assert!(home.path().join(file).is_file(), "{file}");
    }
}
