//! Input that means harm. Each gets an answer that says what is wrong and where; the node stays well.

use std::io::Write;

use serde_json::{Value, json};

use crate::harness::{Node, Serving, gzip, text};
use crate::objects::{self, MAKER, MALWARE};

/// The most memory a node may ever use, in bytes.
const MEMORY: u64 = 512 << 20;

/// What a hostile file must lead to.
struct Hostile {
    name: &'static str,
    content: Vec<u8>,
    /// A word that says what is wrong, to be found in the summary, on standard error or among the refused records.
    says: &'static str,
}

fn hostile(name: &'static str, content: impl Into<Vec<u8>>, says: &'static str) -> Hostile {
    Hostile { name, content: content.into(), says }
}

/// A good object after which the trouble begins.
fn after_a_good_one(trouble: &str) -> String {
    format!(
        r#"{{"type":"bundle","id":"bundle--0f6d8a1e-2b3c-4d5e-8f90-a1b2c3d4e505","objects":[{},{trouble}"#,
        objects::maker()
    )
}

fn files() -> Vec<Hostile> {
    let truncated = objects::bundle();
    let truncated = &truncated[..truncated.len() - 200];
    let deep = format!("{}1{}", r#"{"a":["#.repeat(5000), "]}".repeat(5000));
    let with = |from: &str, to: &str| objects::bundle_of(&[objects::malware().replacen(from, to, 1)]);
    let mut latin = objects::malware().into_bytes();
    let at = latin.windows(4).position(|four| four == b"Grey").unwrap();
    latin[at] = 0xff;
    let long = "x".repeat(64 << 20);
    vec![
        hostile("truncated.json", truncated, "byte"),
        hostile("rubbish-after.json", after_a_good_one("]} and more"), "byte"),
        hostile(
            "no-comma.json",
            after_a_good_one(&format!("{} {}]}}", objects::malware(), objects::indicator())),
            "byte",
        ),
        hostile("deep.json", deep.clone(), "deep"),
        hostile("deep-object.json", with(r#""name""#, &format!(r#""x_deep":{deep},"name""#)), "deep"),
        hostile("deep-arrays.json", "[".repeat(1_000_000), "byte"),
        hostile("duplicate-key.json", with(r#""name""#, r#""name":"Other","name""#), "twice"),
        hostile("escaped-duplicate-key.json", with(r#""name""#, r#""n\u0061me":"Other","name""#), "twice"),
        hostile("invalid-utf8.json", latin, "UTF-8"),
        hostile("lone-surrogate.json", with("Grey Heron", r"Grey \ud800 Heron"), "surrogate"),
        hostile("control-character.json", with("Grey Heron", "Grey \u{1} Heron"), "control"),
        hostile("wrong-type.json", with(r#""is_family":true"#, r#""is_family":"true""#), "is_family"),
        hostile("number-for-text.json", with(r#""Grey Heron""#, "1e400"), "name"),
        hostile("leading-zero.json", with("true", "01"), "byte"),
        hostile("not-a-number.json", with("true", "NaN"), "byte"),
        hostile("id-without-type.json", with(MALWARE, "3e1c8d52-6a0b-4f79-9d1e-5b7f0c2a6e02"), "id"),
        hostile("id-of-other-type.json", with(MALWARE, MAKER), "id"),
        hostile("year-0.json", with("2024-03-01T00:00:00.000Z", "0000-01-01T00:00:00Z"), "created"),
        hostile("year-10000.json", with("2024-03-01T00:00:00.000Z", "10000-01-01T00:00:00Z"), "created"),
        hostile("no-such-day.json", with("2024-03-01T00:00:00.000Z", "2024-02-30T00:00:00Z"), "created"),
        hostile("zone.json", with("2024-03-01T00:00:00.000Z", "2024-03-01T00:00:00+13:00"), "created"),
        hostile("neither.json", r#"{"hello":"world"}"#, "STIX"),
        hostile("zip.json", b"PK\x03\x04\x14\0\0\0\x08\0rubbish".as_slice(), "ZIP"),
        hostile("utf16.txt", b"\xff\xfeb\0a\0d\0".as_slice(), "UTF-16"),
        hostile("binary.txt", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".as_slice(), "binary"),
        hostile("gzip-cut.gz", b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xab".as_slice(), "unpack"),
        hostile("long-line.txt", format!("{long}\n"), "long"),
        hostile("long-line.json", with("Grey Heron", &long), ""),
        hostile("hostile-pattern.json", with(r#""type":"malware""#, &pattern_object()), "pattern"),
    ]
}

/// The beginning of an indicator whose pattern would take for ever, in place of the malware's type.
fn pattern_object() -> String {
    let pattern = format!("{}[a:b = 1]{}", "(".repeat(20_000), ")".repeat(20_000));
    format!(r#""type":"indicator","pattern":"{pattern}","pattern_type":"stix","valid_from":"2024-01-01T00:00:00Z""#)
        .replace(r#""type":"indicator""#, r#""type":"indicator","x_was":"malware""#)
}

/// Imports a hostile file and insists that the answer says what is wrong.
#[track_caller]
fn check(node: &Node, case: &Hostile) {
    let file = node.file(case.name, &case.content);
    let ended = node.run(&["import", text(&file), "--json"]).exits(1);
    let summary = ended.json();
    let mut said = format!("{summary}\n{}", ended.stderr);
    for refused in summary["refused_files"].as_array().into_iter().flatten() {
        let path = refused.as_str().unwrap();
        let records = std::fs::read_to_string(path).unwrap();
        for record in records.lines() {
            let record: Value = serde_json::from_str(record).unwrap();
            assert!(record["place"].is_string(), "{}: where? {record}", case.name);
            said.push_str(&record["findings"].to_string());
        }
        assert!(records.len() < 1 << 20, "{}: refused records are cut", case.name);
    }
    assert!(
        said.contains(case.says),
        "{}: `{}` is not in {}",
        case.name,
        case.says,
        &said[..said.len().min(4000)]
    );
    let _ = std::fs::remove_file(file);
}

#[track_caller]
fn well(serving: &Serving) {
    assert_eq!(serving.get("/readyz", "").status, 200);
    if let Some(peak) = serving.peak_memory() {
        assert!(peak < MEMORY, "{} MiB at its peak", peak >> 20);
    }
}

#[test]
fn hostile_files_into_a_running_node() {
    let node = Node::new("Steadfast CERT");
    let serving = node.serve();
    for case in files() {
        check(&node, &case);
        well(&serving);
    }
    // What stood before the trouble was good, and stays.
    node.run(&["get", MAKER]).exits(0);
    // And nothing came in halves.
    assert_eq!(node.run(&["get", MALWARE]).exits(0).text().trim(), objects::malware());
    let file = node.file("good.json", objects::bundle());
    node.run(&["import", text(&file)]).exits(0);
    node.sound();
    assert_eq!(serving.stop(), 0);
    node.sound();
}

#[test]
fn hostile_files_into_a_directory() {
    let node = Node::new("Quiet CERT");
    for case in files().iter().filter(|case| case.content.len() < 10_000_000) {
        check(&node, case);
    }
    node.sound();
}

#[test]
fn a_gzip_bomb_is_stopped() {
    let node = Node::new("Bombed CERT");
    let serving = node.serve();
    let blank = vec![b' '; 300 << 20];
    let Some(bomb) = gzip(&blank) else { return };
    drop(blank);
    let file = node.file("bomb.json.gz", bomb);
    let ended = node.run(&["import", text(&file), "--json"]).exits(1);
    assert!(ended.stderr.contains("bomb") || ended.text().contains("unpack"), "{ended:?}");
    well(&serving);
    node.sound();
}

#[test]
fn a_large_bundle_takes_little_memory() {
    let node = Node::new("Large CERT");
    let serving = node.serve();
    // 200 MB of white space and one object: it streams.
    let path = node.beside("large.json");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path).unwrap());
    let [head, tail] = [r#"{"type":"bundle","id":"bundle--0f6d8a1e-2b3c-4d5e-8f90-a1b2c3d4e505","#, "]}"];
    write!(file, "{head}\"objects\":[").unwrap();
    let blank = vec![b'\n'; 1 << 20];
    for _ in 0..100 {
        file.write_all(&blank).unwrap();
    }
    write!(file, "{}", objects::malware()).unwrap();
    for _ in 0..100 {
        file.write_all(&blank).unwrap();
    }
    write!(file, "{tail}").unwrap();
    drop(file);
    let summary = node.json(&["import", text(&path)]);
    assert_eq!(summary["accepted"], 1, "{summary}");
    well(&serving);
}

#[test]
fn strange_but_legal() {
    let node = Node::new("Patient CERT");
    let extreme = |id: &str, created: &str| {
        objects::indicator_at(id, created, objects::HASH).replace("2024-03-01T08:00:00.000Z", created)
    };
    let first = extreme("indicator--11111111-0000-4000-8000-000000000001", "0001-01-01T00:00:00.000Z");
    let last = extreme("indicator--11111111-0000-4000-8000-000000000002", "9999-12-31T23:59:59.999999Z");
    // Two ids that differ in case only are one.
    let lower = objects::numbered_indicator(0xabcd).1;
    let upper = lower.replace("0000abcd", "0000ABCD");
    // References in a circle, and to oneself.
    let [a, b, c] = [1, 2, 3].map(|n| format!("grouping--2222222{n}-0000-4000-8000-000000000000"));
    let group = |id: &str, to: &str| {
        format!(
            r#"{{"type":"grouping","spec_version":"2.1","id":"{id}","created":"2024-01-01T00:00:00.000Z","modified":"2024-01-01T00:00:00.000Z","context":"unspecified","object_refs":["{to}"]}}"#
        )
    };
    let all = [first, last, lower, upper, group(&a, &b), group(&b, &a), group(&c, &c)];
    let file = node.file("strange.json", objects::bundle_of(&all));
    let ended = node.run(&["import", text(&file), "--json"]);
    let summary = ended.json();
    let fates = ["accepted", "unchanged", "superseded", "held", "refused"]
        .map(|fate| summary[fate].as_u64().unwrap());
    assert_eq!(fates.iter().sum::<u64>(), 7, "{summary}");
    // The same version under an id spelt otherwise is unchanged, or not the same after all; never another object.
    assert_eq!(fates[0], 6, "{summary}");
    let token = node.token("mere", "viewer", &[]);
    let serving = node.serve();
    for id in
        ["indicator--11111111-0000-4000-8000-000000000001", "indicator--11111111-0000-4000-8000-000000000002"]
    {
        assert_eq!(serving.get(&format!("/api/v1/objects/{id}"), &token).status, 200);
    }
    let both = node.json(&["get", "indicator--0000abcd-0000-4000-8000-00000000e2e0", "--versions"]);
    assert_eq!(both["versions"].as_array().unwrap().len(), 1, "{both}");
    for start in [a, c] {
        let answer = serving.get(&format!("/api/v1/graph?id={start}&depth=3"), &token);
        assert_eq!(answer.status, 200, "{start}: {}", String::from_utf8_lossy(&answer.body));
    }
    well(&serving);
    node.sound();
}

#[test]
fn hostile_requests() {
    let node = Node::new("Besieged CERT");
    let token = node.token("mere", "analyst", &[]);
    let serving = node.serve();
    let json = "application/json";
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for body in ["", "{", "[1,2", "{\"a\":1,\"a\":2}", "\"text\"", "\u{0}", &deep, "{\"type\":\"bundle\"} x"]
    {
        let answer = serving.post("/api/v1/objects", &token, json, body.as_bytes());
        let problem = if answer.status == 422 { answer.json() } else { answer.is_problem(400) };
        assert!(problem.is_object(), "{problem}");
    }
    serving.post("/api/v1/objects", &token, json, b"{\"type\":\"\xff\"}").is_problem(400);
    serving.post("/api/v1/objects", &token, "text/plain", b"{}").is_problem(415);
    let huge = vec![b' '; (64 << 20) + 1];
    assert_eq!(serving.post("/api/v1/objects", &token, json, &huge).status, 413);
    assert_eq!(serving.post("/taxii2/default/collections/own/objects/", &token, TAXII, &huge).status, 413);
    drop(huge);
    for path in [
        "/api/v1/objects/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/api/v1/objects/malware--",
        "/api/v1/objects?limit=-1",
        "/api/v1/objects?cursor=AAAA",
        "/api/v1/objects?cursor=%00",
        "/api/v1/search?q=a&observable=b",
        "/api/v1/journal?after=minus-one",
        "/api/v1/export?format=exe",
    ] {
        let status = serving.get(path, &token).status;
        assert!((400..500).contains(&status), "{path}: {status}");
    }
    for query in [
        "limit=0",
        "limit=x",
        "added_after=2024-02-30T00:00:00Z",
        "next=%ff",
        "match[version]=newest",
        "limit=1&limit=2",
    ] {
        let path = format!("/taxii2/default/collections/own/objects/?{query}");
        let answer = serving.send("GET", &path, &token, TAXII, b"");
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.json()["title"].is_string(), "{query}");
    }
    // Searches that a naive engine would trip over.
    for words in ["%22", "a%20NEAR%2F0%20b", "%00", "%F0%9F%92%A9", "*%20*", "a%5E"] {
        let status = serving.get(&format!("/api/v1/search?q={words}"), &token).status;
        assert!(matches!(status, 200 | 400), "{words}: {status}");
    }
    well(&serving);
    node.sound();
}

#[test]
fn many_wrong_passwords_are_slowed_down() {
    let node = Node::new("Guessed CERT");
    let password = node.file("password", "correct horse battery staple\n");
    node.run(&["user", "add", "mere", "--role", "admin", "--password-file", text(&password)]).exits(0);
    let serving = node.serve();
    let sign_in = |password: &str| {
        let body = json!({"name": "mere", "password": password}).to_string();
        serving.post("/api/v1/session", "", "application/json", body.as_bytes()).status
    };
    let statuses: Vec<u16> = (0..15).map(|n| sign_in(&format!("guess {n}"))).collect();
    assert_eq!(statuses[0], 401, "{statuses:?}");
    assert_eq!(statuses[14], 429, "{statuses:?}");
    // The right one has to wait as well, or guessing would show in the answer.
    assert_eq!(sign_in("correct horse battery staple"), 429);
    assert_eq!(serving.get("/healthz", "").status, 200);
}

const TAXII: &str = "application/taxii+json;version=2.1";
