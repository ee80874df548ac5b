//! What scripts rely on: arguments, exit codes, and the JSON each command prints.

use serde_json::json;

use crate::harness::{Node, run, run_with, text};
use crate::objects::{self, HASH, INDICATOR, MAKER, MALWARE, stocked};
use crate::shape::{check, check_shape};

#[test]
fn init_makes_a_node_once() {
    let home = testkit::temp_dir();
    let dir = home.path().join("new").join("node");
    let dir = text(&dir);
    let made =
        run(&["init", "--dir", dir, "--name", "Example CERT", "--country", "nz", "--json"]).exits(0).json();
    check_shape(&made, &json!({"dir": dir, "name": "Example CERT", "country": "NZ", "identity": "string"}));
    assert!(made["identity"].as_str().unwrap().starts_with("identity--"), "{made}");
    let again = run(&["init", "--dir", dir, "--name", "Another", "--json"]);
    assert_ne!(again.code, 0);
    check_shape(&again.json(), &json!({"error": "string"}));
    let node = run(&["store", "status", "--dir", dir, "--json"]).exits(0).json();
    assert_eq!(
        (&node["name"], &node["country"]),
        (&json!("Example CERT"), &json!("NZ")),
        "the first init holds"
    );
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
fn get_gives_the_bytes_back() {
    let node = stocked();
    for (id, sent) in
        [(MAKER, objects::maker()), (MALWARE, objects::malware()), (INDICATOR, objects::indicator())]
    {
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
    check(
        &node,
        &["object", "revise", MALWARE, text(&changes)],
        1,
        json!({"error": "string", "hint": "string"}),
    );

    let sco = br#"{"type":"domain-name","value":"bad-updates.net"}"#;
    let ended = node.run_with(&["object", "new", "-", "--json"], sco).exits(0);
    let id = ended.json()["results"][0]["id"].as_str().unwrap().to_owned();
    let own = run_with(&["stix", "id", "-"], sco).exits(0).text();
    assert_eq!(own.trim(), id);

    let bad = br#"{"type":"malware","name":"No family"}"#;
    let refused =
        json!({"summary": {"refused": 1}, "results": [{"outcome": "refused", "findings": "array"}]});
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
        "very-bad.net",
        "--name",
        "N",
        "--description",
        "D",
        "--confidence",
        "80",
        "--valid-until",
        "2199-01-01T00:00:00Z",
        "--tlp",
        "amber+strict",
    ]);
    let expect =
        json!({"name": "N", "description": "D", "confidence": 80, "valid_until": "2199-01-01T00:00:00Z"});
    check_shape(&full, &expect);
    node.run(&["indicator", "add", "no value at all"]).exits(2);
    node.run(&["indicator", "add", "very-bad.net", "--confidence", "101"]).exits(2);
    check(&node, &["indicator", "add", "[file:name = "], 1, json!({}));
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
    check(
        &node,
        &["doctor"],
        0,
        json!({"ok": true, "checks": [{"check": "string", "ok": true, "detail": "string"}]}),
    );
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
    assert!(
        users.contains("\"mere\"") && users.contains("\"analyst\"") && !users.contains("argon"),
        "{users}"
    );

    let made = node.json(&["token", "add", "--user", "mere", "scripts", "--collection", "public"]);
    let secret = made["secret"].as_str().unwrap();
    let id = made["id"].as_str().unwrap();
    let tokens = node.json(&["token", "list"]).to_string();
    assert!(tokens.contains(id) && tokens.contains("\"scripts\"") && !tokens.contains(secret), "{tokens}");
    assert_ne!(node.run(&["token", "add", "--user", "nobody", "x"]).code, 0);
    assert_ne!(node.run(&["token", "add", "--user", "mere", "x", "--collection", "nowhere"]).code, 0);
    assert_ne!(
        node.run(&["token", "add", "--user", "mere", "x", "--expires", "2001-01-01T00:00:00Z"]).code,
        0
    );

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
    for args in [
        &[][..],
        &["no-such-command"],
        &["import"],
        &["get", "--no-such-option"],
        &["held", "release", "one"],
    ] {
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
