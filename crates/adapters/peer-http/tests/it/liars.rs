//! Whoever answers is not whom it should be, or answers what it should not.

use std::sync::Arc;

use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use model::Timestamp;
use ports::Clock as _;
use ports::peer::{CallError, Leaf, Topic, Transport as _};
use shieldwall_peer_http::{answer_bounds, make_leaf};
use zeroize::Zeroizing;

use crate::node::{Hands, Node, Script, call, leaf, party, statement, transport};
use crate::raw;

fn plain(status: u16, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    Response::builder().status(status).body(Full::new(body.into())).unwrap()
}

/// What party 2 is told when party 1 answers like this.
async fn told(answer: impl Fn() -> Response<Full<Bytes>> + Send + Sync + 'static) -> CallError {
    let clock = Hands::new();
    let endpoint = raw::server(&leaf(party(1), 1, clock.now()), answer).await;
    let ally = transport(leaf(party(2), 2, clock.now()), &[party(1)], &clock);
    raw::failure(call(&ally, &endpoint, Topic::Query, b"?").await)
}

#[tokio::test]
async fn another_party_is_refused_before_anything_is_sent() {
    let node = Node::start(Script::echo(&[party(2), party(3)])).await;
    let (now, endpoint) = (node.clock.now(), node.endpoint());
    // It knows both, and party 3 was called.
    let both = transport(leaf(party(2), 2, now), &[party(1), party(3)], &node.clock);
    let wrong = both.call(&endpoint, Some(party(3)), Topic::Push, b"secret".to_vec()).await;
    assert_eq!(wrong, Err(CallError::WrongParty(endpoint.clone())));
    // The open connection to party 1 is not taken for one to party 3 either, nor the other way round.
    assert_eq!(call(&both, &endpoint, Topic::Push, b"fine").await, Ok(b"fine".to_vec()));
    let wrong = both.call(&endpoint, Some(party(3)), Topic::Push, b"secret".to_vec()).await;
    assert_eq!(wrong, Err(CallError::WrongParty(endpoint.clone())));
    // Asked for keys without expecting anyone, it must still prove itself for the next call.
    let nobody = transport(leaf(party(2), 2, now), &[], &node.clock);
    nobody.call(&endpoint, None, Topic::Keys, vec![]).await.unwrap();
    let wrong = call(&nobody, &endpoint, Topic::Push, b"secret").await;
    assert_eq!(wrong, Err(CallError::WrongParty(endpoint)));
    assert_eq!(node.handler.calls(), 2);
}

#[tokio::test]
async fn a_statement_about_another_key_is_nobodys() {
    let clock = Hands::new();
    let (from, until) = shieldwall_peer_http::leaf_window(clock.now());
    let mut overheard = Vec::new();
    make_leaf(&Zeroizing::new([1; 32]), from, until, &mut |key, _, _| {
        overheard = statement(party(1), key);
        overheard.clone()
    })
    .unwrap();
    let stolen = make_leaf(&Zeroizing::new([6; 32]), from, until, &mut |_, _, _| overheard.clone()).unwrap();
    let endpoint = raw::server(&stolen, || plain(200, "trust me")).await;
    let ally = transport(leaf(party(2), 2, clock.now()), &[party(1)], &clock);
    let wrong = call(&ally, &endpoint, Topic::Push, b"secret").await;
    assert_eq!(wrong, Err(CallError::WrongParty(endpoint)));
}

#[tokio::test]
async fn a_certificate_that_is_no_leaf_is_nobodys() {
    let clock = Hands::new();
    let ally = transport(leaf(party(2), 2, clock.now()), &[party(1)], &clock);
    for algorithm in [&rcgen::PKCS_ED25519, &rcgen::PKCS_ECDSA_P256_SHA256] {
        let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
        let params = rcgen::CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap().der().to_vec();
        let leaf = Leaf { certificate, key: Zeroizing::new(key.serialize_der()) };
        let endpoint = raw::server(&leaf, || plain(200, "trust me")).await;
        let wrong = raw::failure(call(&ally, &endpoint, Topic::Push, b"secret").await);
        // With P-256 there is no signature scheme in common, so nobody is shown at all.
        assert!(matches!(wrong, CallError::WrongParty(_) | CallError::Unreachable(_)), "{wrong:?}");
    }
}

#[tokio::test]
async fn a_certificate_out_of_its_time_is_told_apart() {
    let clock = Hands::new();
    let ally = transport(leaf(party(2), 2, clock.now()), &[party(1)], &clock);
    let day = 86_400_000_000;
    for (made, about) in
        [(-8 * day, "expired at 2026-11-02T11:00:00"), (day, "only from 2026-11-04T11:00:00")]
    {
        let leaf = leaf(party(1), 1, clock.now().plus_micros(made));
        let endpoint = raw::server(&leaf, || plain(200, "trust me")).await;
        let CallError::Unreachable(why) = raw::failure(call(&ally, &endpoint, Topic::Push, b"").await) else {
            panic!("time heals it, so it is worth trying again");
        };
        assert!(why.contains(about), "{why}");
    }
}

#[tokio::test]
async fn the_last_second_of_a_certificate_is_exclusive() {
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    for (until, works) in [("2026-11-03T12:00:01Z", true), ("2026-11-03T12:00:00Z", false)] {
        let clock = Hands::new();
        let ends =
            make_leaf(&Zeroizing::new([1; 32]), at("2026-11-03T11:00:00Z"), at(until), &mut |key, _, _| {
                statement(party(1), key)
            });
        let endpoint = raw::server(&ends.unwrap(), || plain(200, "yes")).await;
        let ally = transport(leaf(party(2), 2, clock.now()), &[party(1)], &clock);
        assert_eq!(call(&ally, &endpoint, Topic::Push, b"").await.is_ok(), works, "{until}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Node::start(Script::echo(&[party(2)])).await;
    let to = format!("{}/peer/v1/query", elsewhere.endpoint());
    let error = told(move || {
        let mut answer = plain(307, "");
        answer.headers_mut().insert("location", to.parse().unwrap());
        answer
    })
    .await;
    assert!(matches!(&error, CallError::Unusable(why) if why.contains("307")), "{error:?}");
    assert_eq!(elsewhere.handler.calls(), 0);
}

#[tokio::test]
async fn an_answer_that_cannot_be_used_says_why() {
    let bound = answer_bounds(Topic::Query);
    let encoded = |encoding: &'static str, body: Vec<u8>| {
        move || {
            let mut answer = plain(200, body.clone());
            answer.headers_mut().insert("content-encoding", encoding.parse().unwrap());
            answer
        }
    };
    let bomb = zstd::bulk::compress(&vec![0; bound.plain + 1], 1).unwrap();
    let streamed = zstd::stream::encode_all(&[0; 100_000][..], 1).unwrap();
    type Reply = Box<dyn Fn() -> Response<Full<Bytes>> + Send + Sync>;
    let cases: Vec<(Reply, &str)> = vec![
        (Box::new(|| plain(500, "<html>Internal Server Error</html>")), "500"),
        (Box::new(|| plain(404, "")), "404"),
        (Box::new(|| plain(204, "")), "204"),
        (Box::new(|| plain(403, r#"{"refusal":"forbidden"}"#)), "403"),
        (Box::new(|| plain(403, vec![b' '; 100_000])), "more than"),
        (Box::new(move || plain(200, vec![0; bound.wire + 1])), "more than"),
        (Box::new(encoded("gzip", vec![0; 100])), "encoding"),
        (Box::new(encoded("zstd", vec![0; 100])), "zstd"),
        (Box::new(encoded("zstd", streamed)), "does not state"),
        (Box::new(encoded("zstd", bomb)), "at most"),
    ];
    for (answer, about) in cases {
        let error = told(answer).await;
        assert!(matches!(&error, CallError::Unusable(why) if why.contains(about)), "{about}: {error:?}");
    }
}

#[tokio::test]
async fn a_peer_that_says_busy_for_ever_makes_nobody_wait_for_ever() {
    let error = told(|| plain(429, r#"{"refusal":"busy","retry_after_ms":4294967295}"#)).await;
    assert_eq!(error, CallError::Refused(ports::peer::Refusal::Busy(3_600_000)));
}

#[tokio::test]
async fn only_https_endpoints_are_called() {
    let node = Node::start(Script::echo(&[party(2)])).await;
    let (ally, address) = (node.ally(), node.address);
    for endpoint in [
        format!("http://{address}"),
        format!("{address}"),
        format!("https://{address}/elsewhere"),
        format!("https://user@{address}"),
        "https://127.0.0.1".to_owned(),
        "https://no such host:443".to_owned(),
    ] {
        let error = raw::failure(call(&ally, &endpoint, Topic::Push, b"").await);
        assert!(
            matches!(&error, CallError::Unreachable(why) if why.contains("not an endpoint")),
            "{error:?}"
        );
    }
    assert_eq!(node.handler.calls(), 0);
}

#[tokio::test]
async fn nobody_there_and_nothing_that_speaks_http_2() {
    let clock = Hands::new();
    let ally = Arc::new(transport(leaf(party(2), 2, clock.now()), &[party(1)], &clock));
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    let error = raw::failure(call(&ally, &format!("https://{address}"), Topic::Push, b"").await);
    assert!(matches!(error, CallError::Unreachable(_)), "{error:?}");

    // It accepts, and says something that is not TLS.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"SSH-2.0-OpenSSH_9.9\r\n").await;
        }
    });
    let error = raw::failure(call(&ally, &endpoint, Topic::Push, b"").await);
    assert!(matches!(error, CallError::Unreachable(_)), "{error:?}");
}
