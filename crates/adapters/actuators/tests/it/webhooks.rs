//! Webhooks against programs that behave, misbehave and attack: all in this process, on loopback.

use std::path::Path;
use std::sync::Arc;

use controls::{Handle, MEDIA_TYPE, Why};
use observable::Kind;
use ports::actuator::{Actuator, ActuatorKinds};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use serde_json::json;
use shieldwall_actuators::{Kinds, SIGNATURE, signature};

use crate::server::{Server, answer};
use crate::{at, block, set};

const SECRET: &str = "sixteen bytes or more";

fn hook(folder: &Path, url: &str, format: &str, ca: Option<&Path>) -> Box<dyn Actuator> {
    let secret = folder.join("secret");
    std::fs::write(&secret, format!("{SECRET}\n")).unwrap();
    let mut config = json!({"url": url, "format": format, "secret_file": secret.to_str().unwrap()});
    if let Some(ca) = ca {
        config["ca_file"] = ca.to_str().unwrap().into();
    }
    Kinds::new("shieldwall-test").open("webhook", "edge", &config.to_string()).unwrap()
}

fn two() -> controls::BlockSet {
    set(vec![
        block(Kind::Ipv4, "198.18.0.7", None, at(3_600)),
        block(Kind::Ipv4, "198.18.0.9", Some(443), at(3_600)),
    ])
}

/// The key and text of RFC 4231 §4.3, with the instant and the full stop before the text.
#[test]
fn signatures_are_hmac_over_instant_and_body() {
    assert_eq!(
        signature(b"Jefe", at(0), "what do ya want for nothing?"),
        "t=1795348800,v1=c9a622b5062747fba74bee9199b4d570ff369ebbd2b736b2c0b7dc06513967e0"
    );
    assert_ne!(signature(b"Jefe", at(0), "x"), signature(b"Jefe", at(1), "x"));
}

#[test]
fn a_list_is_sent_whole_and_signed() {
    let folder = testkit::temp_dir();
    let server = Server::start(|_, _| answer(204, &[], ""));
    let hook = hook(folder.path(), &server.url("/blocks?site=1"), "json", None);
    let applied = hook.apply(&two(), &[], at(0)).unwrap();
    assert_eq!((applied.blocked, applied.handles.len()), (2, 0));
    let asked = &server.asked()[0];
    assert_eq!(asked.first, "POST /blocks?site=1 HTTP/1.1");
    assert_eq!(asked.header("content-type"), "application/json");
    assert_eq!(asked.header("user-agent"), "shieldwall-test");
    assert_eq!(asked.header(SIGNATURE), signature(SECRET.as_bytes(), at(0), &asked.body));
    assert_eq!(asked.json()["items"][1]["port"], 443);

    let removed = hook.remove(&[], at(1)).unwrap();
    assert_eq!(removed.blocked, 0);
    assert_eq!(server.asked()[1].json()["items"], json!([]));
    let status = hook.status(at(1)).unwrap();
    assert!(status.blocks.is_none() && status.note.contains("cannot be asked"));
}

/// A consumer that numbers its rules.
fn numbered(before: usize) -> Vec<u8> {
    let response = json!({"status": 200, "results": {"slpf": {"rule_number": 100 + before}}});
    let body = json!({"headers": {}, "body": {"openc2": {"response": response}}});
    answer(200, &[("Content-Type", MEDIA_TYPE)], &body.to_string())
}

#[test]
fn commands_are_sent_once_and_taken_back_by_number() {
    let folder = testkit::temp_dir();
    let server = Server::start(|before, _| numbered(before));
    let hook = hook(folder.path(), &server.url("/.well-known/openc2"), "openc2", None);
    let first = hook.apply(&two(), &[], at(0)).unwrap();
    assert_eq!(first.blocked, 2);
    let ids: Vec<_> = first.handles.iter().map(|handle| (handle.part.as_str(), handle.id.as_str())).collect();
    assert_eq!(ids, [("", "100"), ("tcp", "101"), ("udp", "102")]);
    let asked = &server.asked()[0];
    assert_eq!((asked.header("content-type"), asked.header("accept")), (MEDIA_TYPE, MEDIA_TYPE));
    assert_eq!(asked.json()["headers"]["request_id"], asked.header("x-request-id"));
    assert_eq!(asked.json()["body"]["openc2"]["request"]["target"], json!({"ipv4_net": "198.18.0.7"}));
    assert_eq!(asked.header(SIGNATURE), signature(SECRET.as_bytes(), at(0), &asked.body));

    // The same again is nothing more.
    let again = hook.apply(&two(), &first.handles, at(1)).unwrap();
    assert_eq!((again.blocked, again.handles, server.asked().len()), (2, first.handles.clone(), 3));

    // One goes, one gets a later end: the later end is in place before the earlier is taken away.
    let later = set(vec![block(Kind::Ipv4, "198.18.0.7", None, at(7_200))]);
    let changed = hook.apply(&later, &first.handles, at(2)).unwrap();
    let ids: Vec<_> = changed.handles.iter().map(|handle| (handle.until, handle.id.as_str())).collect();
    assert_eq!(ids, [(at(7_200), "103")]);
    let sent: Vec<_> = server.asked()[3..]
        .iter()
        .map(|asked| asked.json()["body"]["openc2"]["request"]["target"].to_string())
        .collect();
    assert_eq!(
        sent,
        [
            r#"{"ipv4_net":"198.18.0.7"}"#,
            r#"{"slpf:rule_number":100}"#,
            r#"{"slpf:rule_number":101}"#,
            r#"{"slpf:rule_number":102}"#
        ]
    );

    let gone = hook.remove(&changed.handles, at(3)).unwrap();
    assert!(gone.handles.is_empty() && gone.note.is_empty());
    // What ended by itself needs nobody's word.
    let before = server.asked().len();
    hook.remove(&changed.handles, at(7_200)).unwrap();
    assert_eq!(server.asked().len(), before);
    assert!(hook.status(at(8_000)).unwrap().note.contains("is there"));
}

#[test]
fn what_a_consumer_declines_or_cannot_delete_is_said() {
    let folder = testkit::temp_dir();
    let server = Server::start(|before, _| match before {
        0 => answer(200, &[], r#"{"status":200}"#),
        1 => answer(501, &[], r#"{"status":501,"status_text":"Target \"not\" supported"}"#),
        _ => answer(200, &[], r#"{"status":102}"#),
    });
    let hook = hook(folder.path(), &server.url("/"), "openc2", None);
    let items = set(vec![
        block(Kind::Ipv4, "198.18.0.7", None, at(3_600)),
        block(Kind::Domain, "bad.example", None, at(3_600)),
        block(Kind::Mutex, "x", None, at(3_600)),
        block(Kind::Ipv4, "198.18.0.8", None, at(0)),
    ]);
    let applied = hook.apply(&items, &[], at(0)).unwrap();
    assert_eq!((applied.blocked, applied.handles.len()), (1, 1));
    let why: Vec<_> = applied.skipped.iter().map(|skipped| skipped.why.clone()).collect();
    assert_eq!(why, [Why::Over, Why::Declined("501 Target \"not\" supported".to_owned()), Why::Kind]);
    assert_eq!(applied.handles[0].id, "");

    let removed = hook.remove(&applied.handles, at(1)).unwrap();
    assert_eq!(removed.handles, applied.handles, "it stays until it ends by itself");
    assert!(removed.note.contains("1 blocks cannot be ended before their time"), "{}", removed.note);
    assert!(hook.remove(&removed.handles, at(3_600)).unwrap().handles.is_empty());
}

#[test]
fn half_a_call_leaves_its_names_behind() {
    let folder = testkit::temp_dir();
    let server = Server::start(|before, _| if before == 0 { numbered(0) } else { answer(503, &[], "busy") });
    let hook = hook(folder.path(), &server.url("/"), "openc2", None);
    let error = hook.apply(&two(), &[], at(0)).unwrap_err();
    assert!(!error.permanent && error.message.contains("503"), "{error}");
    let handles = error.handles.unwrap();
    assert_eq!(handles.iter().map(|handle| handle.id.as_str()).collect::<Vec<_>>(), ["100"]);
    // The next call goes on from there.
    assert!(hook.apply(&two(), &handles, at(1)).is_err());
    assert!(server.asked()[2].body.contains("198.18.0.9"));
}

#[test]
fn answers_are_sorted_by_what_can_be_done() {
    let folder = testkit::temp_dir();
    for (code, permanent) in [(400, true), (401, true), (404, true), (408, false), (429, false), (500, false)]
    {
        let server = Server::start(move |_, _| answer(code, &[], "no\u{7}"));
        for format in ["json", "openc2"] {
            let error =
                hook(folder.path(), &server.url("/"), format, None).apply(&two(), &[], at(0)).unwrap_err();
            assert_eq!(error.permanent, permanent, "{code} {error}");
            assert!(error.message.contains(&code.to_string()) && !error.message.contains('\u{7}'), "{error}");
        }
    }
    let server = Server::start(|_, _| answer(200, &[], "<html>"));
    let error = hook(folder.path(), &server.url("/"), "openc2", None).apply(&two(), &[], at(0)).unwrap_err();
    assert!(error.permanent && error.message.contains("is it an OpenC2 consumer?"), "{error}");
    let server = Server::start(|_, _| answer(200, &[], r#"{"status":403,"status_text":"who are you"}"#));
    let error = hook(folder.path(), &server.url("/"), "openc2", None).apply(&two(), &[], at(0)).unwrap_err();
    assert!(error.permanent, "{error}");
}

#[test]
fn a_redirect_is_not_followed_and_an_endless_answer_not_read() {
    let folder = testkit::temp_dir();
    let elsewhere = Server::start(|_, _| answer(200, &[], ""));
    let to = elsewhere.url("/");
    let server = Server::start(move |_, _| answer(307, &[("Location", &to)], ""));
    let error = hook(folder.path(), &server.url("/"), "json", None).apply(&two(), &[], at(0)).unwrap_err();
    assert!(error.permanent && error.message.contains("redirects are not followed"), "{error}");
    assert!(elsewhere.asked().is_empty());

    let large = "x".repeat((64 << 10) + 1);
    let server = Server::start(move |_, _| answer(200, &[], &large));
    let error = hook(folder.path(), &server.url("/"), "json", None).apply(&two(), &[], at(0)).unwrap_err();
    assert!(error.message.contains("larger than 65536 bytes"), "{error}");

    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/?key=s3cret", closed.local_addr().unwrap());
    drop(closed);
    let error = hook(folder.path(), &url, "json", None).apply(&two(), &[], at(0)).unwrap_err();
    assert!(!error.permanent && error.message.contains("cannot be reached"), "{error}");
    assert!(!error.message.contains("s3cret"), "{error}");
}

#[test]
fn a_secret_that_is_none_sends_nothing() {
    let folder = testkit::temp_dir();
    let server = Server::start(|_, _| answer(200, &[], ""));
    let hook = hook(folder.path(), &server.url("/"), "json", None);
    std::fs::write(folder.path().join("secret"), "short\n").unwrap();
    let error = hook.apply(&two(), &[], at(0)).unwrap_err();
    assert!(error.permanent && error.message.contains("fewer than 16 bytes"), "{error}");
    assert!(!error.message.contains("short"), "{error}");
    std::fs::remove_file(folder.path().join("secret")).unwrap();
    let error = hook.apply(&two(), &[], at(0)).unwrap_err();
    assert!(error.permanent && error.message.contains("cannot be read"), "{error}");
    assert!(server.asked().is_empty());
}

#[test]
fn a_server_is_trusted_by_its_authority_alone() {
    let folder = testkit::temp_dir();
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let authority = params.self_signed(&key).unwrap();
    let issuer = Issuer::new(params, key);
    let mut leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let leaf_key = KeyPair::generate().unwrap();
    let leaf = leaf.signed_by(&leaf_key, &issuer).unwrap();
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(
            vec![leaf.der().clone()],
            PrivateKeyDer::try_from(leaf_key.serialize_der()).unwrap(),
        )
        .unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, authority.pem()).unwrap();
    let server = Server::start_tls(Arc::new(config), |_, _| answer(200, &[], ""));

    let trusting = hook(folder.path(), &server.url("/"), "json", Some(&ca));
    assert_eq!(trusting.apply(&two(), &[], at(0)).unwrap().blocked, 2);
    let stranger = hook(folder.path(), &server.url("/"), "json", None);
    assert!(stranger.apply(&two(), &[], at(0)).is_err());
    assert_eq!(server.asked().len(), 1, "nothing was said to a stranger");
    std::fs::write(&ca, "no certificate").unwrap();
    assert!(trusting.apply(&two(), &[], at(0)).unwrap_err().message.contains("certificates in PEM"));
}

#[test]
fn commands_are_bounded_and_the_rest_follows() {
    let folder = testkit::temp_dir();
    let server = Server::start(|before, _| numbered(before));
    let hook = hook(folder.path(), &server.url("/"), "openc2", None);
    let many = (0..1_050u32).map(|number| {
        let address = std::net::Ipv4Addr::from_bits(0x0b00_0000 + number).to_string();
        block(Kind::Ipv4, &address, None, at(3_600))
    });
    let many = set(many.collect());
    let error = hook.apply(&many, &[], at(0)).unwrap_err();
    assert!(!error.permanent && error.message.contains("the rest go with the next call"), "{error}");
    let handles: Vec<Handle> = error.handles.unwrap();
    assert_eq!(handles.len(), 1_000);
    let applied = hook.apply(&many, &handles, at(1)).unwrap();
    assert_eq!((applied.blocked, applied.handles.len(), server.asked().len()), (1_050, 1_050, 1_050));
}
