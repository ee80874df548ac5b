//! A client without a node: let in by officers, served by TAXII, told what is taken back, let go; and an export.

use serde_json::{Value, json};

use crate::clients::script;
use crate::harness::{CLEAR, GREEN, Node, Serving, run, text};

const AMBER: &str = "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421";
const TAXII: &str = "application/taxii+json;version=2.1";

/// A node with a party and two officers; the file that opens their keys.
fn founded() -> (Node, String) {
    let node = Node::new("Door CERT");
    let open = text(&node.file("passphrase", "correct horse battery staple\n")).to_owned();
    let key = |name: &str| text(&node.beside(name)).to_owned();
    let create = |name: &str| {
        let args = ["key", "create", "--output", &key(name), "--passphrase-file", &open];
        run(&args).exits(0);
    };
    ["root.key", "mere.key", "tane.key"].iter().for_each(|name| create(name));
    let root = key("root.key");
    node.run(&["key", "establish", "--root", &root, "--passphrase-file", &open]).exits(0);
    for person in ["mere", "tane"] {
        let public = key(&format!("{person}.key.pub"));
        let args = ["key", "appoint", "--root", &root, "--post", "RELEASE_OFFICER", "--person", person];
        let more = ["--name", person, "--public-key", &public, "--passphrase-file", &open];
        node.run(&[&args[..], &more[..]].concat()).exits(0);
    }
    (node, open)
}

/// Adds an indicator of our own and gives its id.
fn indicator(node: &Node, value: &str, tlp: &str) -> String {
    let made = node.json(&["indicator", "add", value, "--name", value, "--tlp", tlp]);
    made["results"][0]["id"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
}

/// What the client gets, where there is a client to run.
fn pulled(serving: &Serving, secret: &str, since: &str) -> Option<Value> {
    let said = script("taxii_release.py", &[&serving.url("/taxii2/"), secret, since], b"")?;
    Some(serde_json::from_str(&said).unwrap())
}

fn ids(list: &Value) -> Vec<&str> {
    let ids = list.as_array().unwrap().iter().filter_map(|object| object["id"].as_str());
    ids.filter(|id| id.starts_with("indicator--")).collect()
}

#[test]
fn a_siem_reads_what_officers_signed_for_until_they_end_it() {
    let (node, open) = founded();
    let made: Vec<_> =
        [("one.badhost.net", "clear"), ("two.badhost.net", "amber"), ("three.badhost.net", "green")]
            .iter()
            .map(|(value, tlp)| indicator(&node, value, tlp))
            .collect();
    node.run(&["user", "add", "siem", "--role", "follower"]).exits(0);
    let token = node.json(&["token", "add", "--user", "siem", "its SIEM"]);
    let (id, secret) = (token["id"].as_str().unwrap(), token["secret"].as_str().unwrap());
    let serving = node.serve();
    if let Some(nothing) = pulled(&serving, secret, "-") {
        assert_eq!(nothing["collections"], json!([]), "without a release there is nothing");
    }
    // One officer here, the other elsewhere.
    let (draft, approval) = (node.beside("siem.release"), node.beside("tane.approval"));
    let (draft, approval) = (text(&draft), text(&approval));
    let new = ["release", "new", "--client", "Harbour SIEM", "--token", id, "--collection", "own"];
    let more = ["--type", "indicator", "--ceiling", "green", "--purpose", "detection", "--output", draft];
    node.run(&[&new[..], &more[..]].concat()).exits(0);
    let (mere, tane) = (node.beside("mere.key"), node.beside("tane.key"));
    let (mere, tane) = (text(&mere), text(&tane));
    node.run(&["release", "sign", draft, "--officer", mere, "--passphrase-file", &open]).exits(1);
    let approve =
        ["agreement", "approve", draft, "--officer", tane, "--output", approval, "--passphrase-file", &open];
    run(&approve).exits(0);
    let sign =
        ["release", "sign", draft, "--officer", mere, "--approval", approval, "--passphrase-file", &open];
    let release = node.json(&sign);
    assert_eq!((&release["state"], &release["client"]), (&json!("valid"), &json!("Harbour SIEM")));
    let release = release["release"].as_str().unwrap().to_owned();
    assert_eq!(node.json(&sign)["release"], json!(release), "the same bytes are the same release");
    let short = &release[..8];
    node.run(&["release", "explain", short, &made[0]]).exits(0);
    let refused = node.run(&["release", "explain", short, &made[1]]).exits(1);
    assert!(String::from_utf8_lossy(&refused.stdout).contains("above the ceiling green"));
    assert_eq!(node.json(&["release", "show", short])["types"], json!(["indicator"]));

    let Some(first) = pulled(&serving, secret, "-") else { return };
    assert_eq!(first["collections"], json!(["own"]));
    assert_eq!(ids(&first["objects"]), [&made[0], &made[2]]);
    assert_eq!(ids(&first["manifest"]), [&made[0], &made[2]]);
    assert_eq!(first["alone"].as_array().unwrap().len(), first["objects"].as_array().unwrap().len());
    // The definitions that every node knows by heart are nobody's secret; no object under them comes.
    let objects = first["objects"].as_array().unwrap().iter();
    let told: String = objects.filter(|one| one["type"] == "indicator").map(ToString::to_string).collect();
    assert!(!told.contains(AMBER) && told.contains(GREEN), "{told}");
    let last =
        first["manifest"].as_array().unwrap().last().unwrap()["date_added"].as_str().unwrap().to_owned();

    // Taken back: whoever asks for what is new is told, and who has it is known.
    node.run(&["withdraw", &made[2], "--reason", "the sample was harmless"]).exits(0);
    let news = pulled(&serving, secret, &last).unwrap();
    assert_eq!(ids(&news["objects"]), [&made[2]]);
    assert_eq!(news["objects"][0]["revoked"], true);
    let holders = node.json(&["holders", &made[2]]);
    let holder = &holders["disclosures"][0];
    assert_eq!(holder["to"], "Harbour SIEM");
    assert!(holder["receipt"].as_str().unwrap().starts_with("none"), "{holders}");

    node.run(&["release", "end", short, "--reason", "the contract is over"]).exits(0);
    assert_eq!(node.json(&["release", "list"])["releases"][0]["state"], "ended");
    let path = "/taxii2/default/collections/own/objects/";
    let refused = serving.send("GET", path, secret, TAXII, b"");
    assert_eq!(refused.status, 403);
    assert!(refused.json()["description"].as_str().unwrap().contains("was ended"));
    drop(serving);
    node.sound();
}

#[test]
fn an_export_for_somebody_else_carries_what_may_leave() {
    let (node, _) = founded();
    for (value, tlp) in
        [("one.badhost.net", "clear"), ("two.badhost.net", "amber"), ("three.badhost.net", "green")]
    {
        indicator(&node, value, tlp);
    }
    node.run(&["export", "--recipient", "Harbour Board"]).exits(2);
    let file = node.beside("for-the-board.json");
    let export = ["export", "--recipient", "Harbour Board", "--purpose", "incident-response"];
    let ended = node.run(&[&export[..], &["--type", "indicator", "--output", text(&file)]].concat()).exits(0);
    assert!(ended.stderr.contains("1 objects stay here"), "{}", ended.stderr);
    let bundle: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(ids(&bundle["objects"]).len(), 2);
    let left = bundle.to_string();
    assert!(left.contains(CLEAR) && left.contains(GREEN) && !left.contains(AMBER), "{left}");
    let report = node.beside("all.report");
    node.run(&["audit", "report", "--output", text(&report)]).exits(0);
    let verified = run(&["audit", "verify", text(&report), "--quorum", "0"]).exits(0);
    let said = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(
        said.contains("departures") && said.contains("incident-response") && !said.contains("Harbour"),
        "{said}"
    );
}
