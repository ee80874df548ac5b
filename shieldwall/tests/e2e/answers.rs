//! What a party tells of what it was given, where it may tell only sums, does not look, or thinks it wrong.

use std::io::Write;

use serde_json::{Value, json};

use crate::harness::{Node, eventually, text};
use crate::org::{Org, allies, allies_with};

/// A process that began, as Sysmon tells of it.
fn process(second: u32, hash: &str) -> String {
    let event = json!({
        "@timestamp": format!("2026-10-02T07:10:{second:02}.000Z"),
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

/// Lets a node read twenty processes of five kinds, and gives the file.
fn reads_twenty(org: &Org) -> String {
    let log = org.file("hosts.jsonl");
    let lines: String = (0..20).map(|at| process(at, &hash(u8::try_from(at % 5).unwrap()))).collect();
    std::fs::write(&log, lines).unwrap();
    org.node.run(&["log-source", "add", "hosts", "--kind", "file", "--path", &log, "--json"]).exits(0);
    has_read(&org.node, 20);
    log
}

fn has_read(node: &Node, records: u64) {
    let read = || {
        let listed = node.json(&["log-source", "list"]);
        listed["log_sources"][0]["state"]["records"].as_u64().unwrap_or_default()
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

/// What the first and only party that was given an object says of it.
fn said(org: &Org, object: &str) -> Value {
    org.node.json(&["answers", object])["parties"][0].clone()
}

/// How often something matched an object here.
fn matched(org: &Org, object: &str) -> u64 {
    let alerts = org.node.json(&["alerts", "--object", object]);
    let alerts = alerts["alerts"].as_array().cloned().unwrap_or_default();
    alerts.iter().map(|alert| alert["count"].as_u64().unwrap_or_default()).sum()
}

/// A clause that lets only sums go: a sighting goes as one, and nothing exact with it.
#[test]
fn where_only_sums_may_go_nothing_exact_does() {
    let sums = |terms: String| {
        let clause = "id = \"intel-b-to-a\"\n";
        let narrowed = terms.replacen(clause, &format!("{clause}aggregate = true\n"), 1);
        assert_ne!(narrowed, terms, "{terms}");
        let uneven = narrowed.replacen("reciprocity = \"mirrored\"", "reciprocity = \"none\"", 1);
        assert_ne!(uneven, narrowed, "{terms}");
        uneven
    };
    let [(kiwi, _), (koala, _)] = allies_with(sums, |_| ());
    reads_twenty(&koala);
    let (seen, unseen) = (shares(&kiwi, &hash(3)), shares(&kiwi, &hash(9)));
    let answer = eventually(|| said(&kiwi, &seen)["answer"].clone(), |answer| answer["count"] != Value::Null);
    // Four of twenty: the next powers of ten, and the day.
    assert_eq!((&answer["count"], &answer["looked_at"]["events"]), (&json!(10), &json!(100)), "{answer}");
    for time in ["first_seen", "last_seen"] {
        assert_eq!(answer[time], "2026-10-02T00:00:00Z", "{answer}");
    }
    assert_eq!(matched(&koala, &seen), 4, "it knows better itself");
    // Nothing stays nothing.
    let nothing = eventually(|| said(&kiwi, &unseen)["answer"].clone(), |answer| *answer != Value::Null);
    assert_eq!(nothing["count"], 0, "{nothing}");
    // What arrived says no more than what is shown.
    let held = kiwi.node.run(&["export", "--type", "sighting"]).exits(0).text();
    assert!(held.contains(&seen), "{held}");
    for exact in ["where_sighted_refs", "07:10", "T07", "QUAY", "hosts"] {
        assert!(!held.contains(exact), "{exact} in {held}");
    }
}

/// What people mute raises nothing, whoever gave it is not told that it was not seen, and ending it looks back.
#[test]
fn what_is_muted_is_not_looked_for_and_says_so() {
    let [(kiwi, _), (koala, _)] = allies();
    let log = reads_twenty(&koala);
    let seen = shares(&kiwi, &hash(3));
    let answer = eventually(|| said(&kiwi, &seen)["answer"].clone(), |answer| answer["count"] == 4);
    // Roughly how much was looked at, and from which hour on.
    assert_eq!(answer["looked_at"]["events"], 100, "{answer}");
    assert!(!answer["looked_at"].to_string().contains("07:10"), "{answer}");

    koala.node.run(&["object", "mute", &seen, "--reason", "a scanner of ours"]).exits(0);
    let muted = koala.node.json(&["object", "muted"]);
    assert_eq!((&muted["mutes"][0]["object"], muted["mutes"].as_array().unwrap().len()), (&json!(seen), 1));
    append(&log, &process(30, &hash(3)));
    append(&log, &process(31, &hash(8)));
    has_read(&koala.node, 22);
    assert_eq!(matched(&koala, &seen), 4, "nothing was raised");
    let party = eventually(|| said(&kiwi, &seen), |party| party["cannot_look"] == "muted");
    // What it said while it looked still stands; of the reason goes one word.
    assert_eq!(party["answer"]["count"], 4, "{party}");
    assert!(!party.to_string().contains("scanner"), "{party}");
    // What comes muted is no "not seen" either: the mute is on the object, not on the value.
    let standing = kiwi.node.json(&["answers", &seen]);
    assert_eq!((&standing["cannot_look"], &standing["waiting"]), (&json!(1), &json!(0)), "{standing}");
    // It is nobody else's: the note that keeps it does not travel.
    let notes = kiwi.node.run(&["export", "--type", "note"]).exits(0).text();
    assert!(notes.contains("muted") && !notes.contains("scanner"), "{notes}");

    koala.node.run(&["object", "unmute", &seen, "--reason", "it is gone"]).exits(0);
    assert_eq!(koala.node.json(&["object", "muted"])["mutes"], json!([]));
    // What was kept meanwhile is looked through.
    eventually(|| matched(&koala, &seen), |count| *count == 5);
    let party = eventually(|| said(&kiwi, &seen), |party| party["cannot_look"] == Value::Null);
    assert_eq!(party["answer"]["count"], 5, "{party}");
}

/// A mute with an end needs nobody to end it.
#[test]
fn a_mute_ends_by_itself() {
    let [(kiwi, _), (koala, _)] = allies();
    let log = reads_twenty(&koala);
    let seen = shares(&kiwi, &hash(9));
    eventually(|| said(&kiwi, &seen)["answer"].clone(), |answer| answer["count"] == 0);
    let soon = ports::Clock::now(&runtime::SystemClock).plus_micros(5_000_000).to_string();
    koala.node.run(&["object", "mute", &seen, "--reason", "a drill", "--until", &soon]).exits(0);
    append(&log, &process(30, &hash(9)));
    // Muted or not by the time it is read: it is found once the mute is over, and answered.
    eventually(|| matched(&koala, &seen), |count| *count == 1);
    eventually(|| said(&kiwi, &seen)["answer"].clone(), |answer| answer["count"] == 1);
    assert_eq!(koala.node.json(&["object", "muted"])["mutes"], json!([]));
}

/// Something that cannot be matched at all.
fn shares_snort(org: &Org) -> String {
    let snort = json!({
        "type": "indicator",
        "pattern": "alert tcp any any -> any 4444 (msg:\"lantern\"; sid:1000001;)",
        "pattern_type": "snort",
        "valid_from": "2026-10-01T00:00:00Z",
        "indicator_types": ["malicious-activity"],
    });
    let file = org.node.file("snort.json", snort.to_string());
    let made = org.node.json(&["object", "new", text(&file), "--tlp", "amber"]);
    made["results"][0]["id"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
}

/// Whoever revokes the note that keeps a mute ends the mute, at once and without a restart, and answers go on.
#[test]
fn a_mute_whose_note_was_revoked_is_over() {
    let [(kiwi, _), (koala, _)] = allies();
    let log = reads_twenty(&koala);
    let seen = shares(&kiwi, &hash(3));
    eventually(|| said(&kiwi, &seen)["answer"].clone(), |answer| answer["count"] == 4);
    let now = || ports::Clock::now(&runtime::SystemClock);
    let until = now().plus_micros(10_000_000);
    koala.node.run(&["object", "mute", &seen, "--reason", "a drill", "--until", &until.to_string()]).exits(0);
    append(&log, &process(30, &hash(3)));
    has_read(&koala.node, 21);

    let notes = koala.node.run(&["export", "--type", "note"]).exits(0).text();
    let notes: Value = serde_json::from_str(&notes).unwrap();
    let note = notes["objects"].as_array().unwrap().iter().find(|note| note["content"] == "a drill");
    let note = note.and_then(|note| note["id"].as_str()).unwrap_or_else(|| panic!("{notes}"));
    koala.node.run(&["object", "revoke", note]).exits(0);
    assert_eq!(koala.node.json(&["object", "muted"])["mutes"], json!([]));
    // What was kept meanwhile is looked through, and what comes is found.
    eventually(|| matched(&koala, &seen), |count| *count == 5);
    append(&log, &process(31, &hash(3)));
    eventually(|| matched(&koala, &seen), |count| *count == 6);
    // Its end comes, and there is nothing to end.
    eventually(now, |now| *now > until);
    let id = shares_snort(&kiwi);
    eventually(|| said(&kiwi, &id), |party| party["cannot_look"] == "unsupported");
}

/// What cannot be matched is answered truthfully: neither silence nor "not seen".
#[test]
fn what_cannot_be_looked_for_is_said() {
    let [(kiwi, _), (koala, _)] = allies();
    reads_twenty(&koala);
    let id = shares_snort(&kiwi);
    let party = eventually(|| said(&kiwi, &id), |party| party["cannot_look"] == "unsupported");
    assert_eq!(party["answer"], Value::Null, "no sighting was made: {party}");
    let standing = kiwi.node.json(&["answers", &id]);
    let figures = ["cannot_look", "not_seen_by", "waiting"].map(|name| standing[name].clone());
    assert_eq!(figures, [json!(1), json!(0), json!(0)], "{standing}");
    // One that can be looked for is answered as ever.
    let unseen = shares(&kiwi, &hash(9));
    let party = eventually(|| said(&kiwi, &unseen), |party| party["answer"]["count"] == 0);
    assert_eq!(party["cannot_look"], Value::Null, "{party}");
}

/// "Wrong here" reaches whoever shared it, with its reason, and counts.
#[test]
fn wrong_here_arrives_at_the_origin() {
    let [(kiwi, _), (koala, _)] = allies();
    reads_twenty(&koala);
    let seen = shares(&kiwi, &hash(3));
    eventually(|| said(&kiwi, &seen)["answer"].clone(), |answer| answer["count"] == 4);
    let before = kiwi.node.json(&["answers", &seen])["assessed"].as_u64().unwrap();
    let wrong = ["--opinion", "strongly-disagree", "--explanation", "it is our own scanner"];
    koala.node.run(&[&["object", "feedback", &seen][..], &wrong].concat()).exits(0);
    let party = eventually(|| said(&kiwi, &seen), |party| party["opinion"] == "strongly-disagree");
    assert_eq!(party["explanation"], "it is our own scanner", "{party}");
    let standing = kiwi.node.json(&["answers", &seen]);
    assert_eq!(standing["disputed_by"], 1, "{standing}");
    assert!(standing["assessed"].as_u64().unwrap() < before, "{standing}");
    let shown = kiwi.node.run(&["answers", &seen]).exits(0).text();
    assert!(shown.contains("strongly-disagree: it is our own scanner"), "{shown}");
    // A change of mind takes the place of what was said.
    koala.node.run(&["object", "feedback", &seen, "--opinion", "agree"]).exits(0);
    let standing =
        eventually(|| kiwi.node.json(&["answers", &seen]), |standing| standing["disputed_by"] == 0);
    assert_eq!(standing["parties"][0]["opinion"], "agree", "{standing}");
}
