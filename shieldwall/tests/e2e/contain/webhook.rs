//! A lease at a program that is told over HTTP: what it hears and until when, and what becomes of it when it answers
//! badly.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use model::Timestamp;
use serde_json::{Value, json};

use super::{ADDRESS, ALONE, NAME, has_dry_run, set_rules, waits_for};
use crate::harness::{CLEAR, Node, eventually, text};
use crate::objects;

const SECRET: &str = "an hmac secret of a firewall";

/// A request as it came, and what was answered.
#[derive(Debug, Clone)]
struct Heard {
    first: String,
    /// By lower-case name.
    headers: BTreeMap<String, String>,
    body: String,
    answered: u16,
}

impl Heard {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// What is to be blocked, sorted.
    fn values(&self) -> Vec<String> {
        let body = self.json();
        let items = body["items"].as_array().unwrap();
        let mut values: Vec<_> =
            items.iter().map(|item| item["value"].as_str().unwrap().to_owned()).collect();
        values.sort_unstable();
        values
    }

    /// Whether whoever knows the secret signed exactly this body.
    fn is_signed(&self) -> bool {
        let signature = &self.headers[actuators::SIGNATURE];
        let seconds = signature.strip_prefix("t=").and_then(|rest| rest.split(',').next()).unwrap();
        let at = Timestamp::from_micros(seconds.parse::<i64>().unwrap() * 1_000_000);
        *signature == actuators::signature(SECRET.as_bytes(), at, &self.body)
    }
}

/// A firewall's management that takes sets of blocks; it ends with the process.
struct Firewall {
    port: u16,
    heard: Arc<Mutex<Vec<Heard>>>,
    broken: Arc<AtomicBool>,
}

impl Firewall {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let broken = Arc::new(AtomicBool::new(false));
        let (log, is_broken) = (Arc::clone(&heard), Arc::clone(&broken));
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let answered = if is_broken.load(Ordering::SeqCst) { 500 } else { 200 };
                let Some(request) = read(&mut stream, answered) else { continue };
                log.lock().unwrap().push(request);
                let body = if answered == 200 { "" } else { "the disk is full" };
                let length = body.len();
                let head =
                    format!("HTTP/1.1 {answered} X\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
                // The client may have seen enough and gone.
                let _ = stream.write_all(format!("{head}{body}").as_bytes());
            }
        });
        Self { port, heard, broken }
    }

    fn breaks(&self, broken: bool) {
        self.broken.store(broken, Ordering::SeqCst);
    }

    fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    /// Waits until the last thing that it took is a set of these values.
    #[track_caller]
    fn is_to_block(&self, values: &[&str]) -> Heard {
        let last = || self.heard().into_iter().rev().find(|heard| heard.answered == 200);
        eventually(last, |last| last.as_ref().is_some_and(|last| last.values() == values)).unwrap()
    }
}

fn read(stream: &mut TcpStream, answered: u16) -> Option<Heard> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        match stream.read(&mut piece).ok()? {
            0 => return None,
            count => bytes.extend_from_slice(&piece[..count]),
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).ok()?;
    let mut lines = head.split("\r\n");
    let first = lines.next()?.to_owned();
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = bytes.split_off(end);
    while body.len() < length {
        match stream.read(&mut piece).ok()? {
            0 => return None,
            count => body.extend_from_slice(&piece[..count]),
        }
    }
    Some(Heard { first, headers, body: String::from_utf8(body).ok()?, answered })
}

/// A node whose only actuator is the firewall, and where one person is enough.
fn behind(firewall: &Firewall) -> Node {
    let node = Node::new("Webhook CERT");
    let secret = node.file("webhook.secret", format!("{SECRET}\n"));
    let url = format!("http://127.0.0.1:{}/blocks", firewall.port);
    let config = format!(r#"{{ url = "{url}", secret_file = "{}" }}"#, text(&secret));
    set_rules(&node, ALONE, &format!("kind = \"webhook\"\nconfig = {config}"));
    node
}

/// Has something blocked for a time, and gives the lease's whole number.
fn lent(node: &Node, what: &[&str], time: &str) -> String {
    let more = ["--purpose", "an incident", "--actuator", "edge", "--for", time];
    let lease = node.json(&[&["contain", "propose"][..], what, &more[..]].concat());
    let id = lease["id"].as_str().unwrap().to_owned();
    waits_for(node, &id, has_dry_run);
    let approved = node.json(&["contain", "approve", &id]);
    assert_eq!(approved["missing"], json!([]), "{approved}");
    id
}

#[test]
fn a_program_is_told_what_to_block_until_when_and_when_it_is_over() {
    let firewall = Firewall::start();
    let node = behind(&firewall);
    let token = node.token("mere", "admin", &[]);
    let serving = node.serve();
    assert!(firewall.heard().is_empty(), "nothing is told before anything is approved");

    let long = lent(&node, &[ADDRESS], "24h");
    let told = firewall.is_to_block(&[ADDRESS]);
    let lease = waits_for(&node, &long, |lease| lease["state"] == "active");
    let body = told.json();
    assert!(told.first.starts_with("POST /blocks "), "{told:?}");
    assert!(told.is_signed(), "{told:?}");
    assert_eq!((&body["format"], &body["name"]), (&json!("shieldwall-block-set/1"), &json!("edge")));
    assert_eq!(
        (&body["items"][0]["kind"], &body["items"][0]["until"]),
        (&json!("ipv4"), &lease["lease"]["until"])
    );
    assert_eq!(body["leases"], json!([long]));
    assert!(lease["lease"]["until"].as_str().is_some_and(|until| until.ends_with('Z')), "{lease}");
    // The receipt is for what was handed over then, by whose word.
    let receipt = &lease["receipts"][0];
    assert_eq!(
        (&receipt["results"][0]["actuator"], &receipt["results"][0]["done"]),
        (&json!("edge"), &json!(true))
    );
    assert_eq!(receipt["results"][0]["digest"], lease["lease"]["placed"]["edge"]["digest"], "{lease}");
    assert_eq!(receipt["results"][0]["digest"].as_str().unwrap().len(), 64);
    assert_eq!(receipt["approvals"][0]["proven"], false, "{receipt}");

    // One that ends by itself while others go on.
    let short = lent(&node, &[NAME], "20s");
    let told = firewall.is_to_block(&[ADDRESS, NAME]);
    let mut both = [long.as_str(), short.as_str()];
    both.sort_unstable();
    assert_eq!(told.json()["leases"], json!(both));
    let told = firewall.is_to_block(&[ADDRESS]);
    assert_eq!(told.json()["leases"], json!([long]));
    let lease = waits_for(&node, &short, |lease| lease["over"] == true);
    assert_eq!(
        (&lease["state"], &lease["receipts"][1]["results"][0]["done"]),
        (&json!("expired"), &json!(true))
    );

    node.run(&["contain", "withdraw", &long, "--reason", "the incident is over"]).exits(0);
    let told = firewall.is_to_block(&[]);
    assert!(told.is_signed() && told.json().get("leases").is_none(), "{told:?}");
    let lease = waits_for(&node, &long, |lease| lease["over"] == true);
    assert_eq!(lease["state"], "rolled-back", "{lease}");
    let audit = serving.get("/api/v1/audit", &token).json();
    let acts: Vec<&Value> = audit["acts"].as_array().unwrap().iter().collect();
    let carried = |act: &&&Value| {
        let reason = act["reason"].as_str().unwrap_or_default();
        act["action"] == "lease.carried-out" && reason.contains("edge is ") && reason.contains("; receipt ")
    };
    assert_eq!(acts.iter().filter(carried).count(), 4, "two blocks and two ends: {audit}");
    let approvals = acts.iter().filter(|act| act["action"] == "lease.approve");
    assert!(
        approvals.clone().count() == 2
            && approvals.clone().all(|act| act["reason"] == "without proof of person")
    );
    drop(serving);
    node.sound();
}

#[test]
fn a_program_that_fails_is_told_again_and_the_lease_says_so() {
    let firewall = Firewall::start();
    let node = behind(&firewall);
    let serving = node.serve();
    firewall.breaks(true);
    let id = lent(&node, &[ADDRESS], "24h");
    let failed =
        |lease: &Value| lease["lease"]["failed"]["edge"]["tries"].as_u64().is_some_and(|tries| tries > 0);
    let lease = waits_for(&node, &id, failed);
    let message = lease["lease"]["failed"]["edge"]["message"].as_str().unwrap();
    assert!(message.contains("answered 500") && message.contains("the disk is full"), "{message}");
    assert_eq!((&lease["state"], &lease["over"]), (&json!("approved"), &json!(false)), "nothing is in place");
    assert_eq!(lease["receipts"][0]["results"][0]["done"], false, "{lease}");
    let shown = node.run(&["contain", "show", &id]).exits(0).text();
    assert!(shown.contains("edge failed at ") && shown.contains("answered 500"), "{shown}");
    // Nobody has to say that it is there again.
    firewall.breaks(false);
    firewall.is_to_block(&[ADDRESS]);
    let lease = waits_for(&node, &id, |lease| lease["state"] == "active");
    assert_eq!(lease["lease"]["failed"], json!({}), "{lease}");
    assert!(firewall.heard().iter().all(Heard::is_signed));
    // Nor does a block stay because its end could not be told at once.
    firewall.breaks(true);
    node.run(&["contain", "withdraw", &id, "--reason", "over"]).exits(0);
    let lease = waits_for(&node, &id, failed);
    assert_eq!((&lease["state"], &lease["over"]), (&json!("rolled-back"), &json!(false)), "{lease}");
    firewall.breaks(false);
    firewall.is_to_block(&[]);
    waits_for(&node, &id, |lease| lease["over"] == true);
    drop(serving);
    node.sound();
}

#[test]
fn what_its_publisher_takes_back_is_no_longer_blocked() {
    let firewall = Firewall::start();
    let node = behind(&firewall);
    let id = "indicator--5c0e1f6a-0000-4000-8000-00000000dead";
    let version = |modified: &str, revoked: bool| {
        json!({
            "type": "indicator", "spec_version": "2.1", "id": id, "created_by_ref": objects::MAKER,
            "created": "2024-03-01T08:00:00.000Z", "modified": modified, "revoked": revoked,
            "name": "A bad name", "indicator_types": ["malicious-activity"], "pattern_type": "stix",
            "pattern_version": "2.1", "pattern": format!("[domain-name:value = '{NAME}']"),
            "valid_from": "2024-03-01T08:00:00Z", "object_marking_refs": [CLEAR],
        })
        .to_string()
    };
    let first = [objects::maker(), version("2024-03-01T08:00:00.000Z", false)];
    let first = node.file("first.json", objects::bundle_of(&first));
    assert_eq!(node.json(&["import", text(&first)])["accepted"], 2);
    let serving = node.serve();
    let lease = lent(&node, &["--object", id], "24h");
    let told = firewall.is_to_block(&[NAME]);
    assert_eq!(told.json()["items"][0]["reference"], id);

    let second = node.file("second.json", objects::bundle_of(&[version("2024-03-02T08:00:00.000Z", true)]));
    assert_eq!(node.json(&["import", text(&second)])["accepted"], 1);
    firewall.is_to_block(&[]);
    let lease = waits_for(&node, &lease, |lease| lease["over"] == true);
    assert_eq!(lease["state"], "withdrawn", "{lease}");
    assert!(lease["lease"]["left"][0]["why"].as_str().unwrap().contains("revoked"), "{lease}");
    drop(serving);
    node.sound();
}
