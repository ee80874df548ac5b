//! Who may call: certificates that are none, parties nobody knows, and keys that have had their time.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ports::Clock as _;
use ports::peer::{CallError, Leaf, Refusal, Topic, Transport as _};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, SignatureScheme};
use shieldwall_peer_http::ServeSettings;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use zeroize::Zeroizing;

use crate::node::{Node, Script, call, leaf, party, transport};
use crate::raw;

/// What the node does with a connection set up like this: the alert it sends, in lower case, or how it ends.
async fn refused(node: &Node, config: ClientConfig) -> String {
    let mut stream = match raw::tls(node.address, config).await {
        Ok(stream) => stream,
        Err(error) => return error.to_string().to_lowercase(),
    };
    // In TLS 1.3 the client's certificate is judged after its side is done: the next thing read tells.
    let _ = stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    match stream.read(&mut [0; 16]).await {
        Ok(0) => "closed".to_owned(),
        Ok(_) => "served".to_owned(),
        Err(error) => error.to_string().to_lowercase(),
    }
}

#[tokio::test]
async fn nobody_is_served_without_a_leaf() {
    let node = Node::start(Script::echo(&[party(2)])).await;
    let good = leaf(party(2), 2, node.clock.now());
    let with = |certificates: Vec<Vec<u8>>, key: &[u8]| {
        let chain = certificates.into_iter().map(CertificateDer::from).collect();
        let key = PrivatePkcs8KeyDer::from(key.to_vec());
        let mut config = raw::blank(&[&TLS13]).with_client_auth_cert(chain, key.into()).unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        config
    };
    assert_eq!(refused(&node, raw::client(&good)).await, "served");

    let mut none = raw::blank(&[&TLS13]).with_no_client_auth();
    none.alpn_protocols = vec![b"h2".to_vec()];
    assert!(refused(&node, none).await.contains("certificaterequired"));

    let chain = with(vec![good.certificate.clone(), good.certificate.clone()], &good.key);
    assert!(refused(&node, chain).await.contains("alert"), "a leaf stands alone");

    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let plain = rcgen::CertificateParams::new(["a".to_owned()]).unwrap().self_signed(&key).unwrap();
    let plain = with(vec![plain.der().to_vec()], &key.serialize_der());
    assert!(refused(&node, plain).await.contains("alert"), "no statement");

    let day = 86_400_000_000;
    for made in [-8 * day, day] {
        let leaf = leaf(party(2), 2, node.clock.now().plus_micros(made));
        let told = refused(&node, raw::client(&leaf)).await;
        assert!(told.contains("certificateexpired"), "{made}: {told}");
    }
    assert_eq!(node.handler.identified.load(Ordering::SeqCst), 1, "the others were not even asked about");
}

/// Shows a certificate and signs with the key of another.
#[derive(Debug)]
struct Impostor(Arc<rustls::sign::CertifiedKey>);

impl rustls::client::ResolvesClientCert for Impostor {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<rustls::sign::CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn a_leaf_is_worth_nothing_without_its_key() {
    let node = Node::start(Script::echo(&[party(2)])).await;
    let now = node.clock.now();
    let (theirs, own) = (leaf(party(2), 2, now), leaf(party(9), 9, now));
    let key = rustls::crypto::aws_lc_rs::sign::any_eddsa_type(&PrivatePkcs8KeyDer::from(own.key.to_vec()));
    let chain = vec![CertificateDer::from(theirs.certificate)];
    let certified = Arc::new(rustls::sign::CertifiedKey::new(chain, key.unwrap()));
    let mut config = raw::blank(&[&TLS13]).with_client_cert_resolver(Arc::new(Impostor(certified)));
    config.alpn_protocols = vec![b"h2".to_vec()];
    let told = refused(&node, config).await;
    assert!(told.contains("alert"), "{told}");
    assert_eq!(node.handler.identified.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn tls_1_2_and_other_protocols_are_refused() {
    let node = Node::start(Script::echo(&[party(2)])).await;
    let good = leaf(party(2), 2, node.clock.now());
    let chain = || vec![CertificateDer::from(good.certificate.clone())];
    let key = || PrivatePkcs8KeyDer::from(good.key.to_vec());
    let old = raw::blank(&[&TLS12]).with_client_auth_cert(chain(), key().into()).unwrap();
    assert!(refused(&node, old).await.contains("protocolversion"));
    let mut http_1 = raw::client(&good);
    http_1.alpn_protocols = vec![b"http/1.1".to_vec()];
    assert!(refused(&node, http_1).await.contains("noapplicationprotocol"));
    let mut unnamed = raw::client(&good);
    unnamed.alpn_protocols = vec![];
    assert_ne!(refused(&node, unnamed).await, "served");

    let mut plain = tokio::net::TcpStream::connect(node.address).await.unwrap();
    plain.write_all(b"POST /peer/v1/keys HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    let mut told = Vec::new();
    let _ = plain.read_to_end(&mut told).await;
    assert!(!told.starts_with(b"HTTP"), "{told:?}");
}

#[tokio::test]
async fn our_own_expired_leaf_is_named_as_the_reason() {
    let node = Node::start(Script::echo(&[party(2)])).await;
    let stale = leaf(party(2), 2, node.clock.now().plus_micros(-8 * 86_400_000_000));
    let ally = transport(stale, &[party(1)], &node.clock);
    let error = raw::failure(call(&ally, &node.endpoint(), Topic::Push, b"").await);
    assert!(matches!(&error, CallError::Unreachable(why) if why.contains("our certificate")), "{error:?}");
}

#[tokio::test]
async fn a_stranger_reaches_keys_and_pairing_only() {
    let node = Node::start(Script::echo(&[])).await;
    let sender = raw::http(node.address, &leaf(party(9), 9, node.clock.now())).await;
    for topic in Topic::ALL {
        let (status, _) = raw::ask(&sender, raw::post(&format!("/peer/v1/{}", topic.as_str()), "x")).await;
        let open = matches!(topic, Topic::Keys | Topic::Pair);
        assert_eq!(status, if open { 200 } else { 403 }, "{topic:?}");
    }
    let reached: Vec<_> = node.handler.answered.lock().unwrap().clone();
    assert_eq!(reached, [(None, Topic::Keys), (None, Topic::Pair)]);
}

#[tokio::test]
async fn a_stranger_becomes_a_party_on_the_open_connection_and_a_party_a_stranger() {
    let settings = ServeSettings { identity_lifetime: Duration::ZERO, ..ServeSettings::default() };
    let node = Node::start_with(Script::echo(&[]), settings).await;
    let sender = raw::http(node.address, &leaf(party(2), 2, node.clock.now())).await;
    let push = || raw::post("/peer/v1/push", "x");
    assert_eq!(raw::ask(&sender, push()).await.0, 403);
    node.handler.meets(party(2));
    assert_eq!(raw::ask(&sender, push()).await.0, 200);
    node.handler.forgets(party(2));
    assert_eq!(raw::ask(&sender, push()).await.0, 403);
    assert_eq!(raw::ask(&sender, raw::post("/peer/v1/keys", "x")).await.0, 200);
}

#[tokio::test]
async fn a_leaf_that_expires_on_an_open_connection_ends_it() {
    let node = Node::start(Script::echo(&[party(2)])).await;
    let sender = raw::http(node.address, &leaf(party(2), 2, node.clock.now())).await;
    let push = || raw::post("/peer/v1/push", "x");
    assert_eq!(raw::ask(&sender, push()).await.0, 200);
    node.clock.turn(7 * 24);
    let (status, why) = raw::ask(&sender, push()).await;
    assert_eq!(status, 403);
    assert!(why.contains("expired"), "{why}");
    let mut sender = sender;
    while sender.ready().await.is_ok() {
        // Until the goodbye has come through.
        let _ = sender.send_request(push()).await;
    }
    assert_eq!(node.handler.calls(), 1);
}

#[tokio::test]
async fn a_stranger_that_asks_too_often_is_told_to_wait_and_then_dropped() {
    let settings = ServeSettings { stranger_burst: 5, stranger_per_minute: 1, ..ServeSettings::default() };
    let node = Node::start_with(Script::echo(&[party(2)]), settings).await;
    let (ally, endpoint) = (node.ally(), node.endpoint());
    call(&ally, &endpoint, Topic::Push, b"known").await.unwrap();
    let stranger = transport(leaf(party(9), 9, node.clock.now()), &[], &node.clock);
    let ask = || stranger.call(&endpoint, None, Topic::Keys, vec![]);
    // One for the connection, four for calls.
    for _ in 0..4 {
        ask().await.unwrap();
    }
    let told = ask().await;
    assert!(matches!(told, Err(CallError::Refused(Refusal::Busy(1..=60_000)))), "{told:?}");
    // From that address no new connection is taken at all, but a party's open one goes on.
    let mut dropped = tokio::net::TcpStream::connect(node.address).await.unwrap();
    assert!(matches!(dropped.read(&mut [0; 1]).await, Ok(0) | Err(_)));
    call(&ally, &endpoint, Topic::Push, b"known").await.unwrap();
    assert_eq!(node.handler.calls(), 6);
}

#[tokio::test]
async fn a_leaf_longer_than_a_leaf_can_be_is_not_read() {
    let node = Node::start(Script::echo(&[party(2)])).await;
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let mut params = rcgen::CertificateParams::new(["a".to_owned()]).unwrap();
    let filler = rcgen::CustomExtension::from_oid_content(&[2, 5, 29, 99], vec![4; 40_000]);
    params.custom_extensions.push(filler);
    let certificate = params.self_signed(&key).unwrap().der().to_vec();
    let long = Leaf { certificate, key: Zeroizing::new(key.serialize_der()) };
    let told = refused(&node, raw::client(&long)).await;
    assert!(told.contains("alert"), "{told}");
}
