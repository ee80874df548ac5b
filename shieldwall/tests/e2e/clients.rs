//! Third-party clients, unchanged: `taxii2-client` and `stix2` from PyPI.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::harness::{Node, run, run_with, text};
use crate::objects;

/// Runs one of the scripts beside this file and gives what it prints; `None` after a skip.
pub(crate) fn script(name: &str, args: &[&str], input: &[u8]) -> Option<String> {
    let python = testkit::python()?;
    let path = format!("{}/tests/e2e/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut child = Command::new(python)
        .arg("-W")
        .arg("error::UserWarning")
        .arg(path)
        .args(args)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("NO_PROXY", "127.0.0.1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the interpreter must start");
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let feeder = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{name}: {complained}\n{said}");
    Some(said.into_owned())
}

#[test]
fn taxii2_client() {
    let node = Node::new("TAXII CERT");
    let numbered: Vec<String> = (0..12).map(|number| objects::numbered_indicator(number).1).collect();
    let file = node.file("sample.json", objects::bundle_of(&[&numbered[..], &[objects::malware()]].concat()));
    node.run(&["import", text(&file)]).exits(0);
    let password = node.file("password", "correct horse battery staple\n");
    node.run(&["user", "add", "tane", "--role", "analyst", "--password-file", text(&password)]).exits(0);
    let token = node.json(&["token", "add", "--user", "tane", "taxii2-client"])["secret"].clone();
    let serving = node.serve();
    let args = [&serving.url("/taxii2/"), "tane", "correct horse battery staple", token.as_str().unwrap()];
    script("taxii_client.py", &args, b"");
    drop(serving);
    node.sound();
}

#[test]
fn stix2_source_and_sink() {
    let Some(file) = testkit::corpus("data/attack", "json").into_iter().next() else { return };
    let node = Node::new("Library CERT");
    let held = node.json(&["import", text(&file)])["accepted"].as_u64().unwrap();
    assert!(held > 1000, "more than one page");
    let token = node.token("tane", "analyst", &[]);
    let serving = node.serve();
    let collections = serving.send(
        "GET",
        "/taxii2/default/collections/",
        &token,
        "application/taxii+json;version=2.1",
        b"",
    );
    let collections = collections.json();
    let own = collections["collections"].as_array().unwrap().iter().find(|c| c["alias"] == "own").unwrap();
    let url = serving.url(&format!("/taxii2/default/collections/{}/", own["id"].as_str().unwrap()));
    let Some(pulled) = script("stix2_store.py", &[&url, &token], b"") else { return };
    // And what every node has from the start.
    assert!(pulled.trim().parse::<u64>().unwrap() > held, "{pulled}");
    drop(serving);
    node.sound();
}

#[test]
fn what_stix2_makes_is_taken_and_what_we_give_it_parses() {
    let Some(made) = script("stix2_make.py", &[], b"") else { return };
    let lines = run_with(&["stix", "validate", "-", "--json"], made.as_bytes());
    let bad: Vec<_> = lines.lines().into_iter().filter(|line| line["valid"] == false).collect();
    assert!(bad.is_empty(), "{bad:#?}");
    let node = Node::new("Exchange CERT");
    let file = node.file("made.json", &made);
    let summary = node.json(&["import", text(&file)]);
    assert_eq!((&summary["refused"], &summary["superseded"]), (&0.into(), &0.into()), "{summary}");
    assert_eq!(node.json(&["import", text(&file)])["accepted"], 0);
    let exported = node.run(&["export"]).exits(0);
    let count =
        serde_json::from_slice::<Value>(&exported.stdout).unwrap()["objects"].as_array().unwrap().len();
    let Some(parsed) = script("stix2_parse.py", &[], &exported.stdout) else { return };
    assert_eq!(parsed.trim().parse(), Ok(count));
    let held = node.json(&["held", "list"])["held"].as_array().unwrap().len();
    let given = serde_json::from_str::<Value>(&made).unwrap()["objects"].as_array().unwrap().len();
    // And what every node has from the start.
    assert!(count + held >= given, "{count} exported, {held} held of {given}");
    node.sound();
}

#[test]
fn deterministic_ids_are_those_of_stix2() {
    let Some(made) = script("stix2_make.py", &[], b"") else { return };
    let bundle: Value = serde_json::from_str(&made).unwrap();
    let observables: Vec<String> = bundle["objects"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|object| object.get("created").is_none())
        .map(Value::to_string)
        .collect();
    assert!(observables.len() >= 20, "{}", observables.len());
    let input = objects::bundle_of(&observables);
    for line in run_with(&["stix", "id", "-", "--json"], input.as_bytes()).lines() {
        // A process has no contributing properties; its id is random.
        if line["type"] != "process" {
            assert_eq!(line["id"], line["given"], "{line}");
        }
    }
}

#[test]
fn patterns_are_judged_as_stix2_judges_them() {
    let patterns = [
        "[file:name = 'x']",
        "[file:name = 'x'",
        "[file:name == 'x']",
        "[file:name != 'x' OR file:size > 10]",
        "[file:hashes.'SHA-256' = 'aec070645fe53ee3b3763059376134f058cc337247c978add178b6ccdfb0019f']",
        "[file:hashes.MD5 MATCHES '^[0-9a-f]+$']",
        "[ipv4-addr:value ISSUBSET '198.51.100.0/24']",
        "[ipv4-addr:value ISSUPERSET '198.51.100.0/24']",
        "[url:value LIKE 'http://%']",
        "[url:value NOT LIKE 'http://%']",
        "[process:pid IN (1, 2, 3)]",
        "[process:pid IN ()]",
        "[process:pid IN (1, 'a')]",
        "[a:b = 1] AND [c:d = 2]",
        "[a:b = 1] FOLLOWEDBY [c:d = 2] WITHIN 600 SECONDS",
        "([a:b = 1] FOLLOWEDBY [c:d = 2]) WITHIN 600 SECONDS REPEATS 5 TIMES",
        "[a:b = 1] START t'2024-01-01T00:00:00Z' STOP t'2024-01-02T00:00:00Z'",
        "[a:b = 1] START '2024-01-01T00:00:00Z' STOP '2024-01-02T00:00:00Z'",
        "[a:b = 1] REPEATS -1 TIMES",
        "[a:b = 1] REPEATS 0 TIMES",
        "[a:b = 1] WITHIN 0.5 SECONDS",
        "[a:b = t'2024-01-01T00:00:00Z']",
        "[a:b = t'2024-13-01T00:00:00Z']",
        "[a:b = h'cafe']",
        "[a:b = h'caf']",
        "[a:b = b'Y2FmZQ==']",
        "[a:b = true]",
        "[a:b = TRUE]",
        "[a:b = -1.5]",
        "[a:b = 'it\\'s']",
        "[a:b[*].c = 1]",
        "[a:b[0].c_ref.d = 1]",
        "[a:'b-c'.d = 1]",
        "[EXISTS a:b]",
        "[NOT EXISTS a:b]",
        "[a:b = 1 AND (c:d = 2 OR e:f = 3)]",
        "[a:b = 1 /* comment */] // comment",
        "a:b = 1",
        "[a = 1]",
        "[]",
        "",
        "[a:b = 1] [c:d = 2]",
        "[a:b = 'unfinished]",
        "[a:b = 1 AND]",
        "[x-custom:y.'strange key' = 'ключ']",
        "[windows-registry-key:key = 'hkey_local_machine\\\\foo']",
    ];
    let input: String = patterns.iter().map(|pattern| format!("{}\n", Value::from(*pattern))).collect();
    let Some(theirs) = script("patterns.py", &[], input.as_bytes()) else { return };
    let theirs: Vec<bool> = theirs.lines().map(|line| line == "true").collect();
    assert_eq!(theirs.len(), patterns.len());
    let mut differences = Vec::new();
    for (pattern, theirs) in patterns.iter().zip(theirs) {
        let ours = run(&["pattern", "check", "--json", "--", pattern]).json()["valid"] == true;
        if ours != theirs {
            differences.push((*pattern, ours));
        }
    }
    assert_eq!(differences, KNOWN_DIFFERENCES, "(pattern, our verdict)");
}

/// Where that validator and we part: pattern, and our verdict.
const KNOWN_DIFFERENCES: [(&str, bool); 4] = [
    // It takes a regular expression for a hash.
    ("[file:hashes.MD5 MATCHES '^[0-9a-f]+$']", true),
    // It does not compare the types of a set's members, look at the number after REPEATS, or ask whether one object can
    // satisfy both sides of an AND.
    ("[process:pid IN (1, 'a')]", false),
    ("[a:b = 1] REPEATS 0 TIMES", false),
    ("[a:b = 1 AND (c:d = 2 OR e:f = 3)]", false),
];
