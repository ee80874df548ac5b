//! Questions between two nodes: how much noise something would make there, what runs without asking a person, what a
//! person refuses, and what no agreement lets anybody ask.

use serde_json::{Value, json};

use crate::harness::{Ended, Node, eventually, text};
use crate::org::{Org, allies, allies_with};

/// Connections of a sensor, as many as wanted, to an address.
fn connections(count: u32, to: &str) -> String {
    let line = |at: u32| {
        let event = json!({
            "timestamp": format!("2026-10-02T07:{:02}:{:02}.000000+0000", at / 60, at % 60),
            "event_type": "flow", "src_ip": "192.0.2.44", "src_port": 40_000 + at,
            "dest_ip": to, "dest_port": 443, "proto": "TCP",
        });
        format!("{event}\n")
    };
    (0..count).map(line).collect()
}

/// Two addresses that were called, the one often and the other hardly; and one that was not.
const OFTEN: &str = "93.184.215.77";
const SELDOM: &str = "93.184.215.78";
const NEVER: &str = "93.184.215.79";

/// Lets a node read a file, and waits until it has read so many records.
#[track_caller]
pub(crate) fn reads(node: &Node, name: &str, file: &str, records: u64) {
    node.run(&["log-source", "add", name, "--kind", "file", "--path", file, "--json"]).exits(0);
    let read = || {
        let listed = node.json(&["log-source", "list"]);
        let sources = listed["log_sources"].as_array().cloned().unwrap_or_default();
        let found = sources.into_iter().find(|source| source["name"] == name);
        found.map_or(0, |source| source["state"]["records"].as_u64().unwrap_or_default())
    };
    eventually(read, |read| *read == records);
}

/// Two that agreed that these kinds may be asked, and what the second one's sensor saw: twelve connections to one
/// address, three to another.
fn asker_and_asked(kinds: &str) -> [Org; 2] {
    let right = |terms: String| {
        let named = terms.replacen("kinds = [", &format!("kinds = [{kinds}, "), 1);
        assert_ne!(named, terms, "{terms}");
        named
    };
    let [(kiwi, _), (koala, _)] = allies_with(right, |_| ());
    sensor(&koala);
    [kiwi, koala]
}

fn sensor(org: &Org) {
    let lines = connections(12, OFTEN) + &connections(3, SELDOM);
    let log = org.node.file("eve.json", lines);
    reads(&org.node, "sensor", text(&log), 15);
}

/// Asks the other party.
fn ask(from: &Org, what: &[&str]) -> Ended {
    let agreements = from.node.json(&["agreement", "list"]);
    let id = agreements["agreements"][0]["agreement"].as_str().unwrap().to_owned();
    let ask = ["hunt", "ask", "--agreement", &id, "--to", "koala-cert", "--purpose", "incident-response"];
    from.node.run(&[&ask[..], what, &["--json"]].concat())
}

/// The number of the question that was asked, on this side.
fn asked(from: &Org, what: &[&str]) -> String {
    let answer = ask(from, what).exits(0).json();
    answer["asked"][0]["id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

/// The question of this number, once it is over.
#[track_caller]
fn outcome(from: &Org, number: &str) -> Value {
    let find = || {
        let listed = from.node.json(&["hunt", "requests", "--asking"]);
        let requests = listed["requests"].as_array().cloned().unwrap_or_default();
        requests.into_iter().find(|request| request["id"] == number).unwrap_or_default()
    };
    eventually(find, |request| !matches!(request["state"].as_str(), None | Some("sent")))
}

/// Waits for the one question that a person has to decide on, and gives its number.
#[track_caller]
fn waiting(at: &Org) -> String {
    let find = || {
        let listed = at.node.json(&["hunt", "requests"]);
        let requests = listed["requests"].as_array().cloned().unwrap_or_default();
        requests.into_iter().find(|request| request["state"] == "waiting").unwrap_or_default()
    };
    let request = eventually(find, |request| request["id"].is_string());
    request["id"].as_str().unwrap().to_owned()
}

/// What would make noise is told as sums by day; what would make little is told as little; and a refusal arrives with its
/// reason.
#[test]
fn the_noise_is_told_before_anybody_blocks_and_a_person_may_refuse() {
    let [kiwi, koala] = asker_and_asked("\"hunt-values\", \"impact\"");
    let preview = |value: &str| {
        let number = asked(&kiwi, &["--impact", value]);
        let theirs = waiting(&koala);
        koala.node.run(&["hunt", "approve", &theirs, "--reason", "they think of blocking it"]).exits(0);
        let answer = outcome(&kiwi, &number);
        assert_eq!(answer["state"], "answered", "{answer}");
        assert_eq!((&answer["impact"], &answer["direction"]), (&json!(true), &json!("asking")), "{answer}");
        // Sums and nothing else: no machine, no record, no name of a log source.
        let told = answer["result"].to_string();
        for inside in ["192.0.2.44", "sensor", "eve.json", "40000"] {
            assert!(!told.contains(inside), "{inside}: {told}");
        }
        answer["result"].clone()
    };
    let often = preview(OFTEN);
    assert_eq!((&often["seen"], &often["events"]), (&json!(true), &json!(12)), "{often}");
    assert_eq!(often["days"], json!({"2026-10-02": 12}), "{often}");
    let seldom = preview(SELDOM);
    assert_eq!((&seldom["seen"], &seldom["events"]), (&json!(true), &Value::Null), "{seldom}");
    assert_eq!((&seldom["days"], &seldom["fewer_than"]), (&json!({}), &json!(5)), "{seldom}");
    let never = preview(NEVER);
    assert_eq!((&never["seen"], &never["events"]), (&json!(false), &json!(0)), "{never}");
    assert_eq!(never["looked_at"]["complete"], true, "{never}");
    // As people read it.
    let table = kiwi.node.run(&["hunt", "requests", "--asking"]).exits(0).text();
    for words in ["12 events", "fewer than 5 events", "nothing"] {
        assert!(table.contains(words), "{words}: {table}");
    }

    let number = asked(&kiwi, &[OFTEN]);
    let theirs = waiting(&koala);
    koala.node.run(&["hunt", "refuse", &theirs, "--reason", "too wide; ask for two days"]).exits(0);
    let answer = outcome(&kiwi, &number);
    assert_eq!(answer["state"], "refused", "{answer}");
    assert!(answer["reason"].as_str().unwrap().contains("too wide"), "{answer}");
    assert!(answer.get("result").is_none(), "{answer}");
    // It is decided on once.
    let again = koala.node.run(&["hunt", "approve", &theirs, "--reason", "after all"]);
    assert_ne!(again.code, 0, "{}", again.text());
}

/// A standing approval lets run what it names and nothing beyond; what no right names is not asked at all.
#[test]
fn what_stands_in_the_rules_runs_by_itself_and_what_no_right_names_is_refused() {
    let [kiwi, koala] = asker_and_asked("\"hunt-values\", \"hunt-pattern\"");
    let party = kiwi.node.json(&["key", "show"])["party"].as_str().unwrap().to_owned();
    let rules = format!(
        "format = \"shieldwall-rules/1\"\n\n[[hunt_approval]]\nfrom = [\"{party}\"]\nkinds = [\"hunt-values\"]\n\
         purposes = [\"incident-response\"]\n"
    );
    let rules = koala.node.file("rules.toml", rules);
    koala.node.run(&["rules", "set", text(&rules), "--reason", "they hunt with us"]).exits(0);

    let answer = outcome(&kiwi, &asked(&kiwi, &[OFTEN]));
    assert_eq!((&answer["state"], &answer["result"]["events"]), (&json!("answered"), &json!(12)), "{answer}");
    let listed = koala.node.json(&["hunt", "requests"]);
    assert_eq!(listed["requests"][0]["decided_by"]["who"], "a standing approval", "{listed}");

    // Patterns are in the right and not in the standing approval: a person decides.
    let pattern = format!("[ipv4-addr:value = '{SELDOM}']");
    let number = asked(&kiwi, &["--pattern", &pattern]);
    let theirs = waiting(&koala);
    koala.node.run(&["hunt", "approve", &theirs, "--reason", "a common case"]).exits(0);
    let answer = outcome(&kiwi, &number);
    assert_eq!(
        (&answer["state"], &answer["result"]["fewer_than"]),
        (&json!("answered"), &json!(5)),
        "{answer}"
    );

    // The right names neither previews nor rules.
    let rule = "title: lantern\nlogsource:\n  product: windows\n  category: process_creation\ndetection:\n  a:\n    Image|endswith: '\\lantern.exe'\n  condition: a\nlevel: high\n";
    let rule = kiwi.node.file("lantern.yml", rule);
    for (what, word) in [(["--impact", OFTEN], "impact"), (["--sigma", text(&rule)], "hunt-sigma")] {
        let refused = ask(&kiwi, &what).exits(1);
        let words = format!("no query right of the agreement names `{word}`");
        assert!(refused.stderr.contains(&words), "{}", refused.stderr);
    }
    let listed = koala.node.json(&["hunt", "requests"]);
    assert_eq!(listed["requests"].as_array().unwrap().len(), 2, "{listed}");
}

/// Whoever agreed to be asked about values by private questions did not agree to hunts.
#[test]
fn an_agreement_without_the_word_lets_nobody_ask() {
    let [(kiwi, _), (koala, _)] = allies();
    for what in [&[OFTEN][..], &["--impact", OFTEN], &["--pattern", "[ipv4-addr:value = '93.184.215.77']"]] {
        let refused = ask(&kiwi, what).exits(1);
        assert!(refused.stderr.contains("no query right"), "{}", refused.stderr);
    }
    for (org, args) in [(&kiwi, &["hunt", "requests", "--asking"][..]), (&koala, &["hunt", "requests"][..])] {
        assert_eq!(org.node.json(args)["requests"], json!([]));
    }
}
