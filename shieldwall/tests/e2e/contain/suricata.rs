//! Exported rules, read by a parser that others wrote: `suricataparser` from PyPI.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{ADDRESS, ALONE, NAME, has_dry_run, proposed, ruled, waits_for};
use crate::clients::script;
use crate::harness::{CLEAR, Node, text};
use crate::objects;

/// What a client calls itself, with everything in it that means something in a rule.
const AGENT: &str = r#"Mozilla/4.0 (bad; "x|y"): \z"#;

/// An indicator of somebody else's that names the client.
fn client() -> (&'static str, String) {
    let id = "indicator--5c0e1f6a-0000-4000-8000-00000000c0de";
    let agent = AGENT.replace('\\', r"\\");
    let indicator = json!({
        "type": "indicator", "spec_version": "2.1", "id": id, "created_by_ref": objects::MAKER,
        "created": "2024-03-01T08:00:00.000Z", "modified": "2024-03-01T08:00:00.000Z", "name": "A bad client",
        "indicator_types": ["malicious-activity"], "pattern_type": "stix", "pattern_version": "2.1",
        "pattern": format!(
            "[network-traffic:extensions.'http-request-ext'.request_header.'User-Agent' = '{agent}']"
        ),
        "valid_from": "2024-03-01T08:00:00Z", "object_marking_refs": [CLEAR],
    });
    (id, indicator.to_string())
}

#[test]
fn a_parser_of_others_reads_every_exported_rule() {
    let node = Node::new("Suricata CERT");
    ruled(&node, ALONE);
    let (id, indicator) = client();
    let file = node.file("client.json", objects::bundle_of(&[objects::maker(), indicator]));
    assert_eq!(node.json(&["import", text(&file)])["accepted"], 2);
    let serving = node.serve();
    let url = format!(r#"http://{NAME}:8080/a;b|c?q="x""#);
    let suffix = "*.bad-mirrors.net";
    let lease = proposed(&node, &[NAME, ADDRESS, suffix, "93.184.215.78:8443", &url, "--object", id]);
    waits_for(&node, &lease, has_dry_run);
    node.run(&["contain", "approve", &lease]).exits(0);
    waits_for(&node, &lease, |lease| lease["state"] == "active");
    let exported = node.run(&["contain", "export", &lease, "--format", "suricata"]).exits(0);
    let count = exported.text().lines().filter(|line| !line.starts_with('#')).count();
    drop(serving);

    let Some(said) = script("suricata_rules.py", &[], &exported.stdout) else { return };
    let rules: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // The address once, with its port in TCP and UDP; both names in DNS, TLS and HTTP; URL and client.
    assert_eq!((rules.len(), count), (11, 11), "{said}");
    let sids: BTreeSet<u64> = rules.iter().map(|rule| rule["sid"].as_u64().unwrap()).collect();
    assert_eq!(sids.len(), rules.len(), "{said}");
    assert!(sids.iter().all(|sid| (1_000_000..=1_999_999).contains(sid)), "for local use: {sids:?}");
    for rule in &rules {
        assert_eq!((&rule["action"], &rule["rev"]), (&json!("drop"), &json!(1)), "{rule}");
        assert!(rule["msg"].as_str().unwrap().starts_with("Shieldwall "), "{rule}");
        let metadata = rule["metadata"].as_array().unwrap();
        let starts = |place: usize, with: &str| metadata[place].as_str().unwrap().starts_with(with);
        assert!(metadata.len() == 2 && starts(0, "shieldwall_reference "), "{rule}");
        assert!(starts(1, "shieldwall_until 20"), "{rule}");
    }
    let heads: BTreeSet<&str> = rules.iter().map(|rule| rule["header"].as_str().unwrap()).collect();
    let address = format!("ip any any <> [{ADDRESS}] any");
    for head in [
        address.as_str(),
        "tcp any any -> [93.184.215.78] 8443",
        "udp any any -> [93.184.215.78] 8443",
        "dns any any -> any any",
        "tls any any -> any any",
        "http any any -> any 8080",
    ] {
        assert!(heads.contains(head), "{head}: {said}");
    }
    let looked_for = |contents: Value| {
        let found = rules.iter().filter(|rule| rule["contents"] == contents).count();
        assert_eq!(found, 1, "{contents}: {said}");
    };
    for buffer in ["dns.query", "tls.sni", "http.host"] {
        looked_for(json!([[buffer, NAME]]));
        looked_for(json!([[buffer, ".bad-mirrors.net"]]));
    }
    looked_for(json!([["http.host", NAME], ["http.uri.raw", "/a;b|c?q=\"x\""]]));
    looked_for(json!([["http.user_agent", AGENT]]));
    node.sound();
}
