//! Containment: proposed, looked up in the past, approved, in place, and taken away again.

mod suricata;
mod webhook;

use std::path::{Path, PathBuf};

use ports::Clock as _;
use serde_json::{Value, json};

use crate::harness::{Node, Serving, eventually, run, text};

/// What the node is to block; neither is on a built-in warning list.
const NAME: &str = "bad-updates.net";
const ADDRESS: &str = "93.184.215.77";

/// Whose word a lease needs, for nodes where one person is enough.
const ALONE: &str = "persons = 1\nposts = []\n";

/// Gives a node rules of its own with one actuator, a file in a folder beside it, and returns that file.
fn ruled(node: &Node, approvals: &str) -> PathBuf {
    node.file("edge/about.txt", "blocks of one firewall");
    let blocks = node.beside("edge/blocks.txt");
    let config = format!("{{ path = \"{}\" }}", text(&blocks));
    set_rules(node, approvals, &format!("kind = \"file\"\nconfig = {config}"));
    blocks
}

/// Gives a node rules of its own with one actuator, called `edge`.
fn set_rules(node: &Node, approvals: &str, actuator: &str) {
    let rules = format!(
        "format = \"shieldwall-rules/1\"\n\n[detect]\ninternal_names = [\"corp-contain.net\"]\n\
         internal_networks = [\"185.10.0.0/16\"]\n\n[containment]\n{approvals}never_block = [\"91.198.174.5\"]\n\n\
         [[actuator]]\nname = \"edge\"\n{actuator}\n"
    );
    let file = node.file("rules.toml", rules);
    node.run(&["rules", "set", text(&file), "--reason", "a test"]).exits(0);
}

/// One event of right now that names what is to be blocked.
fn event(node: &Node) {
    let now = runtime::SystemClock.now().to_string();
    let seconds = &now[..19];
    let line = format!(
        r#"{{"timestamp":"{seconds}.000000+0000","event_type":"dns","src_ip":"192.0.2.7","src_port":53000,"dest_ip":"192.0.2.53","dest_port":53,"proto":"UDP","dns":{{"type":"query","rrname":"{NAME}","rrtype":"A"}}}}"#
    );
    let file = node.file("eve.json", format!("{line}\n"));
    node.run(&["log-source", "add", "sensor", "--kind", "push"]).exits(0);
    node.run(&["log-source", "push", "sensor", text(&file)]).exits(0);
}

/// Proposes to block something for a day, and gives the lease's number.
fn proposed(node: &Node, what: &[&str]) -> String {
    let more = ["--purpose", "an incident", "--actuator", "edge", "--for", "24h"];
    let lease = node.json(&[&["contain", "propose"][..], what, &more[..]].concat());
    assert_eq!(lease["state"], "proposed", "{lease}");
    lease["id"].as_str().unwrap()[..12].to_owned()
}

/// Waits until a lease is as wished.
#[track_caller]
fn waits_for(node: &Node, id: &str, wished: impl Fn(&Value) -> bool) -> Value {
    eventually(|| node.json(&["contain", "show", id]), wished)
}

fn has_dry_run(lease: &Value) -> bool {
    lease["lease"]["dry_run"].is_object()
}

fn lines(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

#[test]
fn officers_approve_what_is_blocked_and_one_person_ends_it() {
    let node = Node::of("Contain CERT", "NZ");
    let open = node.file("secret", "correct horse battery staple\n");
    let open = text(&open);
    let key = |name: &str| text(&node.beside(name)).to_owned();
    for name in ["root.key", "mere.key", "tane.key"] {
        run(&["key", "create", "--output", &key(name), "--passphrase-file", open]).exits(0);
    }
    let root = key("root.key");
    node.run(&["key", "establish", "--root", &root, "--passphrase-file", open]).exits(0);
    for (person, post) in [("mere", "DUTY_OFFICER"), ("tane", "ANALYST")] {
        let public = key(&format!("{person}.key.pub"));
        let args = ["key", "appoint", "--root", &root, "--post", post, "--person", person];
        let more = ["--name", person, "--public-key", &public, "--passphrase-file", open];
        node.run(&[&args[..], &more[..]].concat()).exits(0);
    }
    let blocks = ruled(&node, "");
    let serving = node.serve();
    event(&node);

    let id = proposed(&node, &[NAME, ADDRESS]);
    let lease = waits_for(&node, &id, has_dry_run);
    let run_of = &lease["lease"]["dry_run"];
    assert_eq!(run_of["days"].as_array().unwrap().len(), 1, "{run_of}");
    assert_eq!(run_of["days"][0]["hits"], 1, "{run_of}");
    let shown = node.run(&["contain", "show", &id]).exits(0).text();
    assert!(shown.contains("dry run: 1 of") && shown.contains("still needed: 2 more persons"), "{shown}");
    assert_eq!(lines(&blocks), [""; 0], "nothing is blocked before it is approved");
    // Nor carried anywhere.
    node.run(&["contain", "export", &id, "--format", "plain"]).exits(1);

    // Whoever only sits at the machine is no officer here.
    let refused = node.run(&["contain", "approve", &id]).exits(1);
    assert!(refused.stderr.contains("--officer"), "{}", refused.stderr);
    let tane = key("tane.key");
    let tane = ["--officer", &tane, "--passphrase-file", open];
    let counted = node.json(&[&["contain", "approve", &id][..], &tane[..]].concat());
    assert_eq!(counted["missing"].as_array().unwrap().len(), 2, "{counted}");
    // The duty officer is elsewhere, and reads the bytes.
    let (statement, approval) = (key("lease.statement"), key("mere.approval"));
    node.run(&["contain", "statement", &id, "--output", &statement]).exits(0);
    let mere = key("mere.key");
    let mere = ["--officer", &mere, "--output", &approval, "--passphrase-file", open];
    let told = run(&[&["agreement", "approve", &statement][..], &mere[..]].concat()).exits(0);
    assert!(told.stderr.contains(NAME) && told.stderr.contains("edge"), "{}", told.stderr);
    node.run(&["contain", "approve", &id, "--approval", &approval]).exits(0);

    eventually(|| lines(&blocks), |found| found.len() == 2);
    assert!(lines(&blocks).contains(&NAME.to_owned()), "{:?}", lines(&blocks));
    let lease = waits_for(&node, &id, |lease| lease["state"] == "active");
    assert_eq!(lease["receipts"].as_array().unwrap().len(), 1, "{lease}");
    assert_eq!(lease["receipts"][0]["results"][0]["done"], true, "{lease}");
    let granted = lease["lease"]["granted"].as_array().unwrap();
    assert!(granted.len() == 2 && granted.iter().all(|approval| approval["proven"] == true), "{lease}");
    assert!(!node.run(&["contain", "show", &id]).exits(0).text().contains("without proof"));
    for format in ["plain", "json", "nftables", "suricata", "rpz", "sigma", "openc2"] {
        let exported = node.run(&["contain", "export", &id, "--format", format]).exits(0).text();
        assert!(exported.contains(NAME) || exported.contains(ADDRESS), "{format}: {exported}");
    }
    // A later end takes new approvals; until then the old one stands.
    let later = node.json(&["contain", "extend", &id, "--for", "7d"]);
    assert_eq!(later["missing"].as_array().unwrap().len(), 2, "{later}");
    assert_eq!(later["lease"]["until"], lease["lease"]["until"]);
    let stale = node.run(&["contain", "approve", &id, "--approval", &approval]).exits(1);
    assert!(stale.stderr.contains("other bytes"), "{}", stale.stderr);

    // A restart does nothing again.
    assert_eq!(serving.stop(), 0);
    let serving = node.serve();
    let lease = waits_for(&node, &id, |lease| lease["state"] == "active");
    assert_eq!(lease["receipts"].as_array().unwrap().len(), 1, "{lease}");
    assert_eq!(lines(&blocks).len(), 2);

    node.run(&["contain", "withdraw", &id, "--reason", "the incident is over"]).exits(0);
    eventually(|| lines(&blocks), Vec::is_empty);
    let lease = waits_for(&node, &id, |lease| lease["over"] == true);
    assert_eq!((&lease["state"], lease["receipts"].as_array().unwrap().len()), (&"rolled-back".into(), 2));
    drop(serving);
    // Whoever oversees us sees how often we blocked, and how often we ended it.
    let report = key("q.report");
    node.run(&["audit", "report", "--output", &report]).exits(0);
    let said = run(&["audit", "verify", &report, "--quorum", "0"]).exits(0).text();
    let figures = ["  node contain: 1\n", "  node contain-end: 1\n"];
    assert!(figures.iter().all(|figure| said.contains(figure)) && !said.contains("contain-fail"), "{said}");
    node.sound();
}

#[test]
fn what_must_not_be_blocked_is_refused_by_name_and_every_block_ends() {
    let node = Node::new("Careful CERT");
    let blocks = ruled(&node, "");
    let serving = node.serve();
    let propose = |what: &[&str], end: &[&str]| {
        let more = ["--purpose", "an incident", "--actuator", "edge"];
        node.run(&[&["contain", "propose"][..], what, &more[..], end].concat())
    };
    let day = ["--for", "24h"];
    for (value, why) in [
        ("185.10.3.4", "our own network"),
        ("185.10.0.0/24", "our own network"),
        ("vpn.corp-contain.net", "our own name"),
        ("https://vpn.corp-contain.net/x", "our own name"),
        ("91.198.174.5", "the house's list"),
        ("127.0.0.1", "our own network"),
        ("91.0.0.0/10", "wider than"),
        ("0.0.0.0/0", "too wide"),
        ("(none)", "no address"),
    ] {
        let refused = propose(&[ADDRESS, value], &day).exits(1);
        assert!(
            refused.stderr.contains(value) && refused.stderr.contains(why),
            "{value}: {}",
            refused.stderr
        );
    }
    // Every block has an end, and it is near.
    propose(&[ADDRESS], &[]).exits(2);
    let refused = propose(&[ADDRESS], &["--for", "31d"]).exits(1);
    assert!(refused.stderr.contains("30 days"), "{}", refused.stderr);
    let more = ["--purpose", "p", "--actuator", "nowhere", "--for", "1h"];
    let refused = node.run(&[&["contain", "propose", ADDRESS][..], &more[..]].concat()).exits(1);
    assert!(refused.stderr.contains("edge"), "{}", refused.stderr);
    assert_eq!(node.json(&["contain", "list"])["leases"], json!([]));

    // An indicator's values, and no more than may be blocked.
    let made = node.json(&["indicator", "add", NAME, "--name", NAME]);
    let indicator = made["results"][0]["id"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
    let gone = "indicator--5c0e1f6a-0000-4000-8000-0000000000ff";
    let none = ["185.10.3.4", "0.0.0.0/0", "--keep-rest", "--object", gone];
    let refused = propose(&none, &day).exits(1);
    assert!(
        refused.stderr.contains("nothing else is left") && refused.stderr.contains("0.0.0.0/0"),
        "{}",
        refused.stderr
    );
    let asked = [ADDRESS, "185.10.3.4", "0.0.0.0/0", "(none)", "--keep-rest", "--object", gone];
    let id = proposed(&node, &[&["--object", indicator.as_str()][..], &asked].concat());
    let lease = waits_for(&node, &id, has_dry_run);
    assert_eq!(lease["lease"]["items"].as_array().unwrap().len(), 2, "{lease}");
    assert_eq!(lease["lease"]["left"][0]["item"]["observable"]["value"], "185.10.3.4");
    let unread = &lease["lease"]["unread"];
    let texts: Vec<_> = unread.as_array().unwrap().iter().map(|unread| &unread["text"]).collect();
    assert_eq!(texts, ["0.0.0.0/0", "(none)", gone], "{lease}");
    let shown = node.run(&["contain", "show", &id]).exits(0).text();
    assert!(shown.contains("not blocked: 0.0.0.0/0: ") && shown.contains("too wide"), "{shown}");
    // Without keys there are no officers, and nothing shows who types: whoever is here is one person by any name.
    for name in ["anna", "anna", "ben"] {
        let counted = node.json(&["contain", "approve", &id, "--author", name]);
        assert_eq!(counted["missing"], json!(["1 more person"]), "{name}");
    }
    let told = node.run(&["contain", "approve", &id, "--author", "cid"]).exits(0);
    assert!(told.stderr.contains("whatever --author says"), "{}", told.stderr);
    assert_eq!(lines(&blocks), [""; 0]);
    // Somebody who signs in is another one.
    let token = node.token("dana", "analyst", &[]);
    let path = format!("/api/v1/leases/{id}/approve");
    let counted = serving.post(&path, &token, "application/json", b"{}").json();
    assert_eq!(counted["missing"], json!([]), "{counted}");
    let granted: Vec<_> = counted["lease"]["granted"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (&one["person"], &one["proven"]))
        .collect();
    let (local, dana, no) = (json!("local operator"), json!("dana"), json!(false));
    assert_eq!(granted, [(&local, &no), (&dana, &no)]);
    let shown = node.run(&["contain", "show", &id]).exits(0).text();
    assert!(
        shown.contains("approved by dana as ANALYST") && shown.contains("without proof of person"),
        "{shown}"
    );
    eventually(|| lines(&blocks), |found| found.len() == 2);

    // Nobody has to say that what is revoked goes.
    node.run(&["object", "revoke", &indicator]).exits(0);
    eventually(|| lines(&blocks), |found| *found == [ADDRESS]);
    let lease = waits_for(&node, &id, |lease| lease["lease"]["left"].as_array().unwrap().len() == 2);
    assert_eq!(lease["state"], "active", "{lease}");
    // What cannot be taken away now is taken away later.
    std::fs::rename(node.beside("edge"), node.beside("elsewhere")).unwrap();
    node.run(&["contain", "withdraw", &id, "--reason", "over"]).exits(0);
    let lease = waits_for(&node, &id, |lease| lease["lease"]["failed"]["edge"].is_object());
    assert_eq!(lease["over"], false, "{lease}");
    std::fs::rename(node.beside("elsewhere"), node.beside("edge")).unwrap();
    waits_for(&node, &id, |lease| lease["over"] == true);
    assert_eq!(lines(&blocks), [""; 0]);
    drop(serving);
    node.sound();
}

#[test]
fn a_post_that_nobody_can_show_is_nobodys() {
    let node = Node::new("Keyless CERT");
    ruled(&node, "persons = 1\nposts = [\"SYSTEM_OWNER\"]\n");
    let token = node.token("mere", "admin", &[]);
    let serving = node.serve();
    let id = proposed(&node, &[ADDRESS]);
    waits_for(&node, &id, has_dry_run);
    let refused = node.run(&["contain", "approve", &id]).exits(1);
    assert!(
        refused.stderr.contains("SYSTEM_OWNER") && refused.stderr.contains("key establish"),
        "{}",
        refused.stderr
    );
    let path = format!("/api/v1/leases/{id}/approve");
    serving.post(&path, &token, "application/json", b"{}").is_problem(422);
    assert_eq!(waits_for(&node, &id, has_dry_run)["lease"]["gathering"], json!([]));
}

#[test]
fn what_was_lost_is_put_back_and_nobody_writes_it_down() {
    let node = Node::new("Forgetful CERT");
    let blocks = ruled(&node, ALONE);
    let token = node.token("mere", "admin", &[]);
    let serving = node.serve();
    let id = proposed(&node, &[ADDRESS]);
    waits_for(&node, &id, has_dry_run);
    node.run(&["contain", "approve", &id]).exits(0);
    let held = waits_for(&node, &id, |lease| lease["state"] == "active");
    assert_eq!(lines(&blocks), [ADDRESS]);

    // The machine dies, and the file with it.
    serving.kill();
    std::fs::remove_file(&blocks).unwrap();
    let serving = node.serve();
    eventually(|| lines(&blocks), |found| *found == [ADDRESS]);
    // Somebody sees that it is gone, and says so.
    std::fs::write(&blocks, "").unwrap();
    node.run(&["contain", "retry", &id]).exits(0);
    eventually(|| lines(&blocks), |found| *found == [ADDRESS]);
    let lease = node.json(&["contain", "show", &id]);
    assert_eq!((&lease["receipts"], &lease["lease"]), (&held["receipts"], &held["lease"]));
    let carried = |serving: &Serving| {
        let audit = serving.get("/api/v1/audit", &token).json();
        let acts = audit["acts"].as_array().unwrap();
        acts.iter().filter(|act| act["action"] == "lease.carried-out").count()
    };
    assert_eq!(carried(&serving), 1);

    // What cannot be put back is said once, and so is that it could.
    std::fs::rename(node.beside("edge"), node.beside("elsewhere")).unwrap();
    node.run(&["contain", "retry", &id]).exits(0);
    let lease = waits_for(&node, &id, |lease| lease["lease"]["failed"]["edge"].is_object());
    assert_eq!((&lease["state"], lease["receipts"].as_array().unwrap().len()), (&json!("active"), 2));
    assert_eq!(lease["receipts"][1]["results"][0]["done"], false, "{lease}");
    std::fs::rename(node.beside("elsewhere"), node.beside("edge")).unwrap();
    std::fs::remove_file(&blocks).unwrap();
    node.run(&["contain", "retry", &id]).exits(0);
    eventually(|| lines(&blocks), |found| *found == [ADDRESS]);
    let lease = waits_for(&node, &id, |lease| lease["lease"]["failed"] == json!({}));
    assert_eq!(lease["receipts"].as_array().unwrap().len(), 3, "{lease}");
    assert_eq!(carried(&serving), 2);
    drop(serving);
    node.sound();
}

#[test]
fn exported_rules_of_two_leases_are_loaded_together() {
    let node = Node::new("Two Leases CERT");
    ruled(&node, ALONE);
    let serving = node.serve();
    let sids = |id: &str, more: &[&str]| -> Vec<u32> {
        let args = [&["contain", "export", id, "--format", "suricata"][..], more].concat();
        let text = node.run(&args).exits(0).text();
        let rules = text.lines().filter_map(|line| line.split_once("sid:")?.1.split(';').next());
        rules.map(|sid| sid.parse().unwrap()).collect()
    };
    let lent = |what: &str| {
        let id = proposed(&node, &[what]);
        waits_for(&node, &id, has_dry_run);
        node.run(&["contain", "approve", &id]).exits(0);
        waits_for(&node, &id, |lease| lease["state"] == "active");
        id
    };
    let (one, two) = (lent(ADDRESS), lent(NAME));
    let first = sids(&one, &[]);
    assert_eq!((first.len(), &sids(&one, &[])), (1, &first), "the same each time");
    assert!((1_800_000..=1_899_999).contains(&first[0]), "{first:?}");
    assert_eq!(sids(&two, &["--first-sid", "1234567"]), [1_234_567, 1_234_568, 1_234_569]);
    node.run(&["contain", "export", &one, "--format", "plain", "--first-sid", "5"]).exits(1);
    node.run(&["contain", "export", &one, "--format", "suricata", "--first-sid", "0"]).exits(2);
    drop(serving);
}
