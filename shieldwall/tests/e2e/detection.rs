//! One party shares, another looks for it in what it reads and in what it has kept, and the first has a true answer.

use std::io::Write;

use serde_json::{Value, json};

use crate::harness::{Node, eventually, text};
use crate::org::{Org, allies, allies_with};

/// A process that began, as Sysmon tells of it.
fn process(second: u32, hash: &str) -> String {
    let event = json!({
        "@timestamp": format!("2026-10-02T07:00:{second:02}.000Z"),
        "Channel": "Microsoft-Windows-Sysmon/Operational",
        "SourceName": "Microsoft-Windows-Sysmon",
        "Hostname": "QUAY-17.harbour.example",
        "EventID": 1,
        "Image": "C:\\Users\\keeper\\lantern.exe",
        "CommandLine": "lantern.exe --all",
        "Hashes": format!("SHA256={hash}"),
    });
    format!("{event}\n")
}

fn hash(byte: u8) -> String {
    format!("{byte:02x}").repeat(32)
}

/// Lets a node read a file, and waits until it has read so many records.
fn reads(node: &Node, name: &str, file: &str, records: u64) {
    node.run(&["log-source", "add", name, "--kind", "file", "--path", file, "--json"]).exits(0);
    has_read(node, name, records);
}

fn has_read(node: &Node, name: &str, records: u64) {
    let read = || {
        let listed = node.json(&["log-source", "list"]);
        let sources = listed["log_sources"].as_array().cloned().unwrap_or_default();
        let found = sources.into_iter().find(|source| source["name"] == name);
        found.map_or(0, |source| source["state"]["records"].as_u64().unwrap_or_default())
    };
    eventually(read, |read| *read == records);
}

fn append(file: &str, text: &str) {
    let mut file = std::fs::OpenOptions::new().append(true).open(file).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn shares(org: &Org, value: &str) -> String {
    let made = org.node.json(&["indicator", "add", value, "--name", "Lantern", "--tlp", "amber"]);
    made["results"][0]["id"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
}

/// What the first and only party that was given an object answered.
fn answered(org: &Org, object: &str) -> Value {
    org.node.json(&["answers", object])["parties"][0]["answer"].clone()
}

#[test]
fn what_one_shares_another_looks_for_and_answers() {
    let [(kiwi, _), (mut koala, _)] = allies();
    let log = koala.file("hosts.jsonl");
    let lines: String = (0..20).map(|at| process(at, &hash(u8::try_from(at % 5).unwrap()))).collect();
    std::fs::write(&log, lines).unwrap();
    reads(&koala.node, "hosts", &log, 20);

    // In the past: four of twenty; and nothing.
    let (seen, unseen) = (shares(&kiwi, &hash(3)), shares(&kiwi, &hash(9)));
    let answer = eventually(|| answered(&kiwi, &seen), |answer| answer["count"] == 4);
    assert_eq!(answer["looked_at"]["events"], 100, "{answer}");
    let answer = eventually(|| answered(&kiwi, &unseen), |answer| answer["count"] == 0);
    assert_eq!(
        (&answer["looked_at"]["events"], &answer["looked_at"]["complete"]),
        (&json!(100), &json!(true))
    );
    let standing = kiwi.node.json(&["answers", &seen]);
    assert_eq!((&standing["seen_by"], &standing["waiting"]), (&json!(1), &json!(0)), "{standing}");

    // The alert says where, what, and by which clause.
    let alerts = koala.node.json(&["alerts", "--object", &seen]);
    let alert = &alerts["alerts"][0];
    assert_eq!((&alert["count"], &alert["past"]), (&json!(4), &json!(true)), "{alert}");
    assert_eq!(alert["allowed"]["by"], "agreement", "{alert}");
    assert!(alert["detail"]["evidence"][0]["value"].as_str().unwrap().contains(&hash(3)), "{alert}");

    // In the present, across a restart: each line once.
    append(&log, &process(30, &hash(9)));
    has_read(&koala.node, "hosts", 21);
    eventually(|| answered(&kiwi, &unseen), |answer| answer["count"] == 1);
    drop(koala.serving.take());
    append(&log, &process(31, &hash(1)));
    append(&log, &process(32, &hash(9)));
    let url = koala.serve();
    // It is reached elsewhere now.
    kiwi.node.run(&["peer", "endpoint", "koala-cert", &url]).exits(0);
    has_read(&koala.node, "hosts", 23);
    let alerts = koala.node.json(&["alerts", "--object", &unseen]);
    let total: u64 =
        alerts["alerts"].as_array().unwrap().iter().map(|one| one["count"].as_u64().unwrap()).sum();
    assert_eq!(total, 2, "{alerts}");

    // That it is wrong here travels too.
    koala
        .node
        .run(&["object", "feedback", &seen, "--opinion", "strongly-disagree", "--explanation", "ours"])
        .exits(0);
    let disputed = |standing: &Value| standing["disputed_by"] == 1;
    eventually(|| kiwi.node.json(&["answers", &seen]), disputed);

    // Taken back: no alert is left of it, and none comes.
    kiwi.node.run(&["withdraw", &seen, "--reason", "ours"]).exits(0);
    eventually(
        || koala.node.json(&["alerts", "--object", &seen])["alerts"].as_array().unwrap().len(),
        |left| *left == 0,
    );
    append(&log, &process(40, &hash(3)));
    has_read(&koala.node, "hosts", 24);
    assert_eq!(koala.node.json(&["alerts", "--object", &seen])["alerts"], json!([]));
    drop(koala.serving.take());
    koala.node.sound();
}

#[test]
fn people_hunt_in_what_was_kept() {
    let node = Node::of("Kiwi CERT", "NZ");
    let lines: String = (0..10).map(|at| process(at, &hash(7))).collect();
    let log = text(&node.file("hosts.jsonl", lines)).to_owned();
    let _serving = node.serve();
    reads(&node, "hosts", &log, 10);
    let hunt = |node: &Node, args: &[&str], code: i32| {
        node.run(&[&["hunt", "run"], args, &["--json"]].concat()).exits(code).json()
    };
    let found = hunt(&node, &[&hash(7)], 1);
    assert_eq!(found["result"]["hits"], 10, "{found}");
    assert_eq!(found["result"]["looked_at"]["complete"], true, "{found}");
    let nothing = hunt(&node, &[&hash(8)], 0);
    assert_eq!(
        (&nothing["result"]["hits"], &nothing["result"]["looked_at"]["events"]),
        (&json!(0), &json!(10))
    );
    let found = hunt(&node, &["--pattern", "[process:command_line LIKE 'lantern.exe --%']"], 1);
    assert_eq!(found["result"]["hits"], 10, "{found}");
    let rule = "title: lantern\nlogsource:\n  product: windows\n  category: process_creation\ndetection:\n  a:\n    Image|endswith: '\\lantern.exe'\n  condition: a\nlevel: high\n";
    let rule = node.file("lantern.yml", rule);
    let found = hunt(&node, &["--sigma", text(&rule)], 1);
    assert_eq!(found["result"]["hits"], 10, "{found}");
    let early = hunt(&node, &[&hash(7), "--until", "2026-10-02T07:00:03Z"], 1);
    assert_eq!(early["result"]["hits"], 3, "{early}");
    // What is no question is refused with a remedy.
    let refused = node.run(&["hunt", "run", "not a value"]).exits(1);
    assert!(refused.stderr.contains("no address"), "{}", refused.stderr);
    node.sound();
}

#[test]
fn rules_prove_themselves_and_the_blind_say_so() {
    let node = Node::of("Kiwi CERT", "NZ");
    let _serving = node.serve();
    let active = "title: lantern\nid: 7b1f0f3a-58f0-4b38-9d55-8f8c7c1d0001\nlogsource:\n  product: windows\n  category: process_creation\ndetection:\n  a:\n    Image|endswith: '\\lantern.exe'\n  condition: a\nlevel: high\ntags:\n  - attack.execution\n  - attack.t1059.001\n";
    let blind = active.replace("process_creation", "file_access").replace("0001", "0002");
    let never = active.replace("condition: a", "condition: a and not a").replace("0001", "0003");
    for (name, text_of) in [("active.yml", active), ("blind.yml", &blind), ("never.yml", &never)] {
        let file = node.file(name, text_of);
        node.run(&["detect", "rules", "add", text(&file)]);
    }
    let rules = || {
        let listed = node.json(&["detect", "rules", "list"]);
        listed["rules"].as_array().cloned().unwrap_or_default()
    };
    let of = |rules: &[Value], end: &str| {
        rules.iter().find(|rule| rule["id"].as_str().unwrap().ends_with(end)).cloned().unwrap_or_default()
    };
    assert_eq!(rules().len(), 3);
    assert_eq!(of(&rules(), "0002")["state"], "source-missing", "{:?}", rules());
    assert_eq!(of(&rules(), "0001")["state"], "active");
    let tried = eventually(rules, |rules| {
        of(rules, "0001")["self_test"] == "passed" && of(rules, "0003")["self_test"] == "untried"
    });
    let why = of(&tried, "0003")["self_test_reason"].as_str().unwrap().to_owned();
    assert!(why.contains("no event"), "{why}");
    let coverage = node.json(&["detect", "coverage"]);
    assert_eq!(coverage["rules"]["active"], 2, "{coverage}");
    // Covered is what was shown to fire: the rule that contradicts itself covers nothing.
    let technique = &coverage["techniques"][0];
    let counts =
        ["rules_proved", "rules_active", "rules_other"].map(|name| technique[name].as_u64().unwrap());
    assert_eq!((technique["covered"].as_bool(), counts), (Some(true), [1, 1, 1]), "{coverage}");
    node.run(&["detect", "rules", "remove", "active.yml"]);
}

/// The question travels under a right that names it; a person decides; sums come back.
#[test]
fn a_hunt_is_asked_of_an_ally() {
    let right = |terms: String| {
        let named = terms.replacen("kinds = [", "kinds = [\"hunt-values\", \"impact\", ", 1);
        assert_ne!(named, terms, "{terms}");
        named
    };
    let [(kiwi, _), (koala, _)] = allies_with(right, |_| ());
    let log = koala.file("hosts.jsonl");
    std::fs::write(&log, (0..12).map(|at| process(at, &hash(7))).collect::<String>()).unwrap();
    reads(&koala.node, "hosts", &log, 12);
    let agreements = kiwi.node.json(&["agreement", "list"]);
    let id = agreements["agreements"][0]["agreement"].as_str().unwrap().to_owned();
    let ask = |value: &str, purpose: &str, kind: &[&str]| {
        let ask =
            ["hunt", "ask", "--agreement", &id, "--to", "koala-cert", "--purpose", purpose, value, "--json"];
        kiwi.node.run(&[&ask[..], kind].concat())
    };
    let refused = ask(&hash(7), "curiosity", &[]).exits(1);
    assert!(refused.stderr.contains("no query right"), "{}", refused.stderr);
    ask(&hash(7), "incident-response", &[]).exits(0);
    let waiting = || koala.node.json(&["hunt", "requests"]);
    let state = |listed: &Value| listed["requests"][0]["state"].as_str().unwrap_or_default().to_owned();
    let listed = eventually(waiting, |listed| state(listed) == "waiting");
    let number = listed["requests"][0]["id"].as_str().unwrap().to_owned();
    koala.node.run(&["hunt", "approve", &number, "--reason", "a common case"]).exits(0);
    let asking = || kiwi.node.json(&["hunt", "requests", "--asking"]);
    let answer = eventually(asking, |listed| state(listed) == "answered");
    let result = answer["requests"][0].to_string();
    assert!(result.contains("\"seen\":true") && !result.contains("QUAY"), "{result}");
}
