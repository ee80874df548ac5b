//! Log sources of a running node as they are in the field: a sender with a certificate, an event log that appears, and what
//! is said of a source when something goes wrong and is well again.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};

use crate::harness::{Node, eventually, text};

const LANTERN: &str = "5a7be2f0-3a63-4d1e-9a63-0d9a8f6f0001";

/// An authority, what a server of it has in files, and a sender of it.
struct Pki {
    authority: CertificateDer<'static>,
    sender: (CertificateDer<'static>, Vec<u8>),
    files: [PathBuf; 3],
}

impl Pki {
    fn new(node: &Node) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let authority = params.self_signed(&key).unwrap();
        let issuer = Issuer::new(params, key);
        let leaf = |name: &str, usage| {
            let mut params = CertificateParams::new([name.to_owned()]).unwrap();
            params.extended_key_usages = vec![usage];
            let key = KeyPair::generate().unwrap();
            (params.signed_by(&key, &issuer).unwrap(), key)
        };
        let (server, server_key) = leaf("127.0.0.1", ExtendedKeyUsagePurpose::ServerAuth);
        let (sender, sender_key) = leaf("quay.example", ExtendedKeyUsagePurpose::ClientAuth);
        let files = [
            node.file("syslog.pem", server.pem()),
            node.file("syslog.key", server_key.serialize_pem()),
            node.file("senders.pem", authority.pem()),
        ];
        let sender = (sender.der().clone(), sender_key.serialize_der());
        Self { authority: authority.der().clone(), sender, files }
    }

    /// A connection that has yet to shake hands.
    fn connect(&self, port: u16, certified: bool) -> StreamOwned<ClientConnection, TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = if certified {
            let key = PrivateKeyDer::try_from(self.sender.1.clone()).unwrap();
            builder.with_client_auth_cert(vec![self.sender.0.clone()], key).unwrap()
        } else {
            builder.with_no_client_auth()
        };
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let connection = ClientConnection::new(Arc::new(config), name).unwrap();
        let stream = eventually(|| TcpStream::connect(("127.0.0.1", port)).ok(), Option::is_some).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        StreamOwned::new(connection, stream)
    }
}

/// A log source, as it is listed.
fn source(node: &Node, name: &str) -> Value {
    let listed = node.json(&["log-source", "list"]);
    let sources = listed["log_sources"].as_array().cloned().unwrap_or_default();
    sources.into_iter().find(|source| source["name"] == name).unwrap_or_default()
}

/// Adds a text of rules, and waits until the rule in it is looked for.
fn watches(node: &Node, file: &Path, id: &str) {
    node.run(&["detect", "rules", "add", text(file)]);
    let state = || {
        let listed = node.json(&["detect", "rules", "list"]);
        let rules = listed["rules"].as_array().cloned().unwrap_or_default();
        rules.into_iter().find(|rule| rule["id"] == id).map(|rule| rule["state"].clone())
    };
    eventually(state, |state| state.as_ref().is_some_and(|state| state == "active"));
}

/// The only alert of a rule, once it is there.
fn alert(node: &Node, rule: &str) -> Value {
    let alerts = || node.json(&["alerts", "--rule", rule])["alerts"].as_array().cloned().unwrap_or_default();
    let found = eventually(alerts, |alerts| !alerts.is_empty());
    assert_eq!(found.len(), 1, "{found:#?}");
    found[0].clone()
}

#[test]
fn a_sender_over_tls_raises_an_alert_and_one_without_a_certificate_is_told_of() {
    let node = Node::new("Harbour CERT");
    let pki = Pki::new(&node);
    let _serving = node.serve();
    let rule = format!(
        "title: lantern signs in\nid: {LANTERN}\nlogsource:\n  product: linux\n  service: sshd\ndetection:\n  keywords:\n    - 'Accepted publickey for lantern'\n  condition: keywords\nlevel: high\n"
    );
    watches(&node, &node.file("lantern.yml", rule), LANTERN);

    // Free when it was asked for; nobody else takes it in between.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let listen = format!("127.0.0.1:{port}");
    let [certificate, key, client_ca] = &pki.files;
    let settings = [("certificate", certificate), ("key", key), ("client_ca", client_ca)]
        .map(|(name, file)| format!("{name}={}", text(file)));
    let mut add = vec!["log-source", "add", "senders", "--kind", "syslog-tls", "--listen", &listen];
    add.extend(settings.iter().flat_map(|setting| ["--set", setting.as_str()]));
    node.run(&add).exits(0);

    // In TLS 1.3 a client learns only afterwards that it was turned away.
    let mut stranger = pki.connect(port, false);
    let written = stranger.write_all(b"<38>1 - quay sshd - - - Accepted publickey for lantern\n");
    assert!(written.is_err() || stranger.read(&mut [0; 1]).map_or(true, |length| length == 0));
    // It is said although nothing was read as yet.
    let turned_away = |source: &Value| source["state"]["refused"] == 1;
    let told = eventually(|| source(&node, "senders"), turned_away);
    assert!(told["state"]["notes"][0]["message"].as_str().unwrap().contains("handshake"), "{told:#}");
    assert_eq!(told["state"]["records"], 0, "{told:#}");

    let mut sender = pki.connect(port, true);
    for user in ["mere", "lantern"] {
        let message =
            format!("<38>1 2026-05-02T07:00:00Z quay-17 sshd 4711 - - Accepted publickey for {user}");
        sender.write_all(format!("{} {message}", message.len()).as_bytes()).unwrap();
    }
    sender.conn.send_close_notify();
    sender.flush().unwrap();
    let read = eventually(|| source(&node, "senders"), |source| source["state"]["records"] == 2);
    let state = &read["state"];
    let counts = ["malformed", "matched", "lost", "refused"].map(|name| state[name].as_u64().unwrap());
    assert_eq!(counts, [0, 1, 0, 1], "{read:#}");
    assert!(state.get("last_error").is_none(), "{read:#}");

    let alert = alert(&node, LANTERN);
    assert_eq!((&alert["source"], &alert["count"]), (&json!("senders"), &json!(1)), "{alert:#}");
    assert_eq!(alert["detail"]["part"], "127.0.0.1", "{alert:#}");
    assert!(alert["detail"]["record"].as_str().unwrap().contains("for lantern"), "{alert:#}");
    node.sound();
}

#[test]
fn an_event_log_that_appears_raises_the_alert_it_was_recorded_for() {
    let files = testkit::corpus("data/evtx", "evtx");
    let Some(shared) = testkit::shared() else { return };
    // Each lies where its rule does, in a folder that is called like the rule's file.
    let rule_of = |log: &Path| {
        let folder = log.parent()?.strip_prefix(shared.join("data/evtx")).ok()?;
        let rule = shared.join("data/sigma").join(folder).with_extension("yml");
        rule.is_file().then_some(rule)
    };
    let Some((log, rule)) = files.iter().find_map(|log| Some((log, rule_of(log)?))) else {
        return testkit::skip("no event log of the shared data lies where a rule does");
    };
    let id = log.file_stem().unwrap().to_str().unwrap();
    let node = Node::new("Harbour CERT");
    let _serving = node.serve();
    watches(&node, &rule, id);

    let folder = node.beside("event-logs");
    std::fs::create_dir(&folder).unwrap();
    node.run(&["log-source", "add", "events", "--kind", "file", "--path", text(&folder), "--wait", "0"]);
    std::fs::copy(log, folder.join("Security.evtx")).unwrap();
    let is_read =
        |source: &Value| source["state"]["records"].as_u64() > Some(0) && source["lag"]["bytes"] == 0;
    let read = eventually(|| source(&node, "events"), is_read);
    let state = &read["state"];
    assert_eq!((&state["malformed"], &state["lost"]), (&json!(0), &json!(0)), "{read:#}");
    assert!(state["matched"].as_u64() > Some(0) && state["kept"] == state["records"], "{read:#}");
    let alert = alert(&node, id);
    assert_eq!((&alert["source"], &alert["detail"]["part"]), (&json!("events"), &json!("Security.evtx")));
    node.sound();
}

#[test]
fn an_error_is_over_when_records_come() {
    let node = Node::new("Harbour CERT");
    let _serving = node.serve();
    let log = node.beside("late.jsonl");
    node.run(&[
        "log-source",
        "add",
        "late",
        "--kind",
        "file",
        "--path",
        text(&log),
        "--format",
        "json-lines",
        "--wait",
        "0",
    ]);
    let failing = eventually(|| source(&node, "late"), |source| source["state"]["last_error"].is_object());
    let error = failing["state"]["last_error"]["message"].clone();
    std::fs::write(&log, "{\"a\":1}\n").unwrap();
    let well = eventually(|| source(&node, "late"), |source| source["state"]["records"] == 1);
    let state = &well["state"];
    assert!(state.get("last_error").is_none(), "{well:#}");
    // It is not forgotten.
    assert_eq!(
        (&state["notes"][0]["message"], &state["notes"][0]["was_error"]),
        (&error, &json!(true)),
        "{well:#}"
    );
    // A note is no error.
    std::fs::write(&log, "").unwrap();
    let noted = |source: &Value| source["state"]["notes"].to_string().contains("truncated");
    let lines = || {
        let mut file = std::fs::OpenOptions::new().append(true).open(&log).unwrap();
        file.write_all(b"{\"b\":2}\n").unwrap();
        source(&node, "late")
    };
    let truncated = eventually(lines, noted);
    assert!(truncated["state"].get("last_error").is_none(), "{truncated:#}");
}

#[test]
fn what_was_held_for_a_source_goes_with_it() {
    let node = Node::new("Harbour CERT");
    let _serving = node.serve();
    let add = || {
        node.run(&["log-source", "add", "tap", "--kind", "push", "--format", "json-lines"]).exits(0);
    };
    let bad = node.file("bad.jsonl", "{\"a\":1}\n{\"a\":2}\n{\"a\":\n");
    let good = node.file("good.jsonl", "{\"a\":1}\n");
    add();
    node.run(&["log-source", "push", "tap", text(&bad)]).exits(1);
    let state = source(&node, "tap")["state"].clone();
    assert_eq!((&state["records"], &state["malformed"]), (&json!(3), &json!(1)), "{state:#}");
    assert_ne!(state["detail"]["malformed"], json!({}), "{state:#}");
    node.run(&["log-source", "remove", "tap"]).exits(0);
    add();
    node.run(&["log-source", "push", "tap", text(&good)]).exits(0);
    let state = source(&node, "tap")["state"].clone();
    assert_eq!((&state["records"], &state["malformed"]), (&json!(1), &json!(0)), "{state:#}");
    // The reader of the one before had counted.
    assert_eq!(state["detail"]["malformed"], json!({}), "{state:#}");

    let log = node.file("steady.jsonl", "{\"a\":1}\n");
    node.run(&[
        "log-source",
        "add",
        "steady",
        "--kind",
        "file",
        "--path",
        text(&log),
        "--format",
        "json-lines",
    ])
    .exits(0);
    eventually(|| source(&node, "steady"), |source| source["lag"]["parts"] == 1);
    node.run(&["log-source", "pause", "steady"]).exits(0);
    eventually(|| source(&node, "steady"), |source| source.get("lag").is_none());
}

#[test]
fn a_file_that_is_cut_off_is_sent_as_far_as_it_goes() {
    let node = Node::new("Harbour CERT");
    let _serving = node.serve();
    node.run(&["log-source", "add", "tap", "--kind", "push", "--format", "json-lines"]).exits(0);
    let lines: String = (0..5_000).map(|number| format!("{{\"number\":{number}}}\n")).collect();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(lines.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let cut = node.file("cut.jsonl.gz", &packed[..packed.len() / 2]);
    let told = node.run(&["log-source", "push", "tap", text(&cut)]).exits(1);
    assert!(told.stderr.contains("cut.jsonl.gz") && told.stderr.contains("cut off"), "{}", told.stderr);
    let records = source(&node, "tap")["state"]["records"].as_u64().unwrap();
    assert!((500..5_000).contains(&records), "{records}");
    // What a crash leaves is named for what it is.
    let zeros = node.file("zeros.log", vec![0; 9_000]);
    let told = node.run(&["log-source", "push", "tap", text(&zeros)]).exits(1);
    assert!(told.stderr.contains("9000 bytes of zeros"), "{}", told.stderr);
}

#[test]
fn what_is_too_large_is_told_both_bounds_and_the_remedy() {
    let node = Node::new("Harbour CERT");
    let token = node.token("sender", "analyst", &[]);
    let serving = node.serve();
    node.run(&["log-source", "add", "tap", "--kind", "push"]).exits(0);
    let send = |body: &[u8]| {
        serving.post("/api/v1/log-sources/tap/records", &token, "application/octet-stream", body)
    };
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    packed.write_all(&vec![b'x'; 1 << 20]).unwrap();
    let mut long = packed.finish().unwrap();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&vec![b'x'; 64 << 20]).unwrap();
    // A second member of the same file.
    long.extend(packed.finish().unwrap());
    for body in [vec![b'x'; 33 << 20], long] {
        let problem = send(&body).is_problem(413);
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("32 MiB") && detail.contains("64 MiB once unpacked"), "{problem}");
        assert!(problem["hint"].as_str().unwrap().contains("in pieces"), "{problem}");
    }
}
