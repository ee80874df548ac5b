//! Answers to the target's own calls: acknowledgements of what was never sent, cosignatures of nothing, junk.

use std::convert::Infallible;
use std::sync::Arc;

use exchange::{Ack, Position};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use model::{Digest, Tlp};
use peer_http::{CallSettings, Credentials, HttpTransport};
use ports::Clock;
use ports::peer::{CallError, Refusal, Topic, Transport as _};
use runtime::trust::{Call, Peers};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use shieldwall_sim::forge;
use tokio::net::TcpListener;

use super::port::{RUNTIME, leaf_of};
use super::rules;
use super::scene::{Scene, State, indicator};

type Answer = Result<Vec<u8>, CallError>;

struct Case {
    name: &'static str,
    topic: Topic,
    how: fn(&Scene, &Call) -> Answer,
    /// The rule under which it is noted; empty where it is just of no use.
    noted: &'static str,
    /// Whether the node says that it cannot use the answer.
    refused: bool,
    /// What may differ.
    may: &'static [&'static str],
}

const fn case(name: &'static str, topic: Topic, how: fn(&Scene, &Call) -> Answer) -> Case {
    Case { name, topic, how, noted: "", refused: false, may: &[] }
}

impl Case {
    const fn noted(self, noted: &'static str) -> Self {
        Self { noted, ..self }
    }

    const fn refused(self) -> Self {
        Self { refused: true, ..self }
    }

    const fn may(self, may: &'static [&'static str]) -> Self {
        Self { may, ..self }
    }
}

/// The target's next call of a sort to the liar; those before it are answered honestly.
fn until(scene: &Scene, topic: Topic) -> Call {
    for _ in 0..20 {
        let call = scene.target.core.next_call(scene.liar.party).unwrap().unwrap();
        if call.topic == topic {
            return call;
        }
        let answer = forge::call(&scene.liar, Some(scene.target.party), call.topic, &call.body);
        scene.target.core.answered(&call, answer.map_err(CallError::from)).unwrap();
    }
    panic!("no {topic:?} call");
}

/// An acknowledgement of the target's stream to the liar, by somebody.
fn ack(scene: &Scene, by: &shieldwall_sim::Member, at: &Position) -> Answer {
    let stream = forge::stream(&scene.target, by, scene.pact().id, at.epoch);
    let secrets = by.secrets().map_err(|problem| problem.0).unwrap();
    Ok(Ack::sign(stream, at, by.now(), &secrets.epoch).to_text().into_bytes())
}

/// The target's stream to the liar as the target has it.
fn sent(scene: &Scene) -> Position {
    let read = scene.target.core.store.read().unwrap();
    let streams = read.streams(scene.target.core.scope.tenant).unwrap();
    let ours = |key: &ports::trust::StreamKey| {
        key.outbound && key.peer == scene.liar.party && key.agreement == scene.pact().id
    };
    let (_, at) = streams.into_iter().find(|(key, _)| ours(key)).unwrap();
    Position { epoch: at.epoch, seq: at.seq, head: at.head }
}

/// The target's call over its own client, to a server of the liar's that answers this and nothing else.
fn carried(scene: &Scene, call: &Call, answer: &Answer) -> Answer {
    let leaf = leaf_of(&scene.liar);
    let chain = vec![CertificateDer::from(leaf.certificate.clone())];
    let mut config = rustls::ServerConfig::builder_with_protocol_versions(&[&rustls::version::TLS13])
        .with_no_client_auth()
        .with_single_cert(chain, PrivatePkcs8KeyDer::from(leaf.key.to_vec()).into())
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let (status, body) = match answer {
        Ok(bytes) => (200, Bytes::from(bytes.clone())),
        Err(CallError::Refused(Refusal::OutOfStep(why))) => (409, told("out-of-step", why)),
        Err(CallError::Refused(Refusal::Invalid(why))) => (422, told("invalid", why)),
        Err(other) => panic!("no server answers {other}"),
    };
    let clock = Arc::clone(&scene.target.clock) as Arc<dyn Clock>;
    let credentials = Credentials::new(&leaf_of(&scene.target)).unwrap();
    let handler = Arc::new(Peers(Arc::clone(&scene.target.core)));
    let client = HttpTransport::new(credentials, handler, clock, CallSettings::default()).unwrap();
    RUNTIME.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("https://{}", listener.local_addr().unwrap());
        let liar = tokio::spawn(async move {
            let stream = acceptor.accept(listener.accept().await.unwrap().0).await.unwrap();
            let service = service_fn(move |request: Request<Incoming>| {
                let body = body.clone();
                async move {
                    let _ = request.into_body().collect().await;
                    Ok::<_, Infallible>(Response::builder().status(status).body(Full::new(body)).unwrap())
                }
            });
            let http = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            let _ = http.serve_connection(TokioIo::new(stream), service).await;
        });
        let answer = client.call(&endpoint, Some(scene.liar.party), call.topic, call.body.clone()).await;
        liar.abort();
        answer
    })
}

fn told(refusal: &str, why: &str) -> Bytes {
    Bytes::from(format!(r#"{{"detail":"{why}","refusal":"{refusal}"}}"#))
}

fn text(text: &str) -> Answer {
    Ok(text.as_bytes().to_vec())
}

const ACCUSED: &str = "shieldwall/peer-acknowledgement";

const CASES: &[Case] = &[
    case("an acknowledgement of more than was sent", Topic::Push, |s, _| {
        ack(s, &s.liar, &Position { seq: 1_000, ..sent(s) })
    })
    .noted(ACCUSED),
    case("an acknowledgement of another chain", Topic::Push, |s, _| {
        ack(s, &s.liar, &Position { head: Digest([1; 32]), ..sent(s) })
    })
    .noted(ACCUSED),
    case("an acknowledgement of an epoch to come", Topic::Push, |s, _| {
        ack(s, &s.liar, &Position { epoch: 7, ..sent(s) })
    })
    .noted(ACCUSED),
    case("the ally's acknowledgement", Topic::Push, |s, _| ack(s, &s.ally, &sent(s))).noted(ACCUSED),
    case("an acknowledgement signed by the ally in the liar's name", Topic::Push, |s, _| {
        let stream = forge::stream(&s.target, &s.liar, s.pact().id, sent(s).epoch);
        let secrets = s.ally.secrets().map_err(|problem| problem.0).unwrap();
        Ok(Ack::sign(stream, &sent(s), s.liar.now(), &secrets.epoch).to_text().into_bytes())
    })
    .noted(ACCUSED),
    case("an acknowledgement under the agreement with the ally", Topic::Push, |s, _| {
        let stream = forge::stream(&s.target, &s.liar, s.allied().id, sent(s).epoch);
        let secrets = s.liar.secrets().map_err(|problem| problem.0).unwrap();
        Ok(Ack::sign(stream, &sent(s), s.liar.now(), &secrets.epoch).to_text().into_bytes())
    })
    .noted(ACCUSED),
    case("junk for an acknowledgement", Topic::Push, |_, _| text("junk")).refused(),
    case("nothing for an acknowledgement", Topic::Push, |_, _| text("")).refused(),
    case("half a megabyte for an acknowledgement", Topic::Push, |_, _| Ok(vec![b'['; 1 << 19])).refused(),
    // More than an answer may have is not even read.
    case("sixteen megabytes for an acknowledgement", Topic::Push, |_, _| Ok(vec![b'['; 16 << 20])),
    case("an old acknowledgement", Topic::Push, |s, _| ack(s, &s.liar, &Position::start(sent(s).epoch)))
        .may(&["outbound"]),
    case("out of step, over and over", Topic::Push, |_, _| {
        Err(CallError::Refused(Refusal::OutOfStep("no".to_owned())))
    }),
    case("a position in an epoch far ahead", Topic::Position, |s, _| {
        ack(s, &s.liar, &Position { epoch: u32::MAX, ..sent(s) })
    })
    .noted(ACCUSED),
    case("a position signed by the ally", Topic::Position, |s, _| ack(s, &s.ally, &sent(s))).refused(),
    case("junk for a position", Topic::Position, |_, _| text("junk")).refused(),
    case("the position of another agreement", Topic::Position, |s, _| {
        let stream = forge::stream(&s.target, &s.liar, s.allied().id, 1);
        let secrets = s.liar.secrets().map_err(|problem| problem.0).unwrap();
        let at = Position { epoch: 900, seq: 5, head: Digest([1; 32]) };
        Ok(Ack::sign(stream, &at, s.liar.now(), &secrets.epoch).to_text().into_bytes())
    })
    .refused(),
    case("the position of a stream the other way", Topic::Position, |s, _| {
        let stream = forge::stream(&s.liar, &s.liar, s.pact().id, 1);
        let secrets = s.liar.secrets().map_err(|problem| problem.0).unwrap();
        let at = Position { epoch: 900, seq: 5, head: Digest([1; 32]) };
        Ok(Ack::sign(stream, &at, s.liar.now(), &secrets.epoch).to_text().into_bytes())
    })
    .refused(),
    case("a cosignature that is none", Topic::Witness, |_, _| text("\u{2014} shieldwall/witness/x AAAA\n"))
        .noted("shieldwall/witness"),
    case("junk for a cosignature", Topic::Witness, |_, _| Ok(vec![0xff; 100])).noted("shieldwall/witness"),
    case("a ledger seen larger than it is", Topic::Witness, |_, _| text("known 18446744073709551615\n"))
        .noted("shieldwall/witness"),
    case("a ledger seen larger than it is, by one", Topic::Witness, |s, _| {
        let own = ledger::note::origin(s.target.party);
        let size = s.target.core.checkpoints().unwrap()[&own].0;
        Ok(format!("known {}\n", size + 1).into_bytes())
    })
    .noted("shieldwall/witness"),
    case("another's keys for its own", Topic::Keys, |s, _| {
        Ok(s.ally.core.own_history().unwrap().to_text().into_bytes())
    })
    .refused(),
    case("a stranger's keys for its own", Topic::Keys, |s, _| {
        Ok(s.stranger().core.own_history().unwrap().to_text().into_bytes())
    })
    .refused(),
    case("junk for keys", Topic::Keys, |_, _| text("junk")).refused(),
    case("a refusal of sixteen megabytes", Topic::Keys, |_, _| {
        Err(CallError::Refused(Refusal::Invalid("x".repeat(16 << 20))))
    }),
];

#[test]
fn answers_are_believed_only_as_far_as_they_are_signed() {
    let mut wrong = Vec::new();
    for case in CASES {
        let scene = Scene::new();
        let own = indicator(&scene.target, 70, Tlp::Green).1;
        scene.target.publish(&[&own]).map_err(|problem| problem.0).unwrap();
        scene.target.work().map_err(|problem| problem.0).unwrap();
        let call = until(&scene, case.topic);
        let (before, noted) = (State::of(&scene.target), rules(&scene).len());
        let answer = carried(&scene, &call, &(case.how)(&scene, &call));
        let outcome = scene.target.core.answered(&call, answer);
        let new = rules(&scene).split_off(noted);
        if outcome.is_err() != case.refused {
            wrong.push(format!("{}: {outcome:?}", case.name));
        }
        if !case.noted.is_empty() && !new.iter().any(|rule| rule == case.noted) {
            wrong.push(format!("{}: nothing noted under {}, only {new:?}", case.name, case.noted));
        }
        let differences = before.differences(&State::of(&scene.target));
        let unexpected: Vec<_> = differences.iter().filter(|what| !case.may.contains(what)).collect();
        if !unexpected.is_empty() {
            wrong.push(format!("{}: changed {unexpected:?}", case.name));
        }
        // However it was answered, it goes on afterwards, and what is kept about it is small.
        if let Err(problem) = scene.target.core.next_call(scene.liar.party) {
            wrong.push(format!("{}: no call can be made any more: {problem}", case.name));
        }
        let peers = scene.target.core.store.read().unwrap().peers(scene.target.core.scope.tenant).unwrap();
        let longest =
            peers.iter().filter_map(|peer| peer.last_error.as_ref()).map(|(_, text)| text.len()).max();
        if longest.is_some_and(|length| length > 10_000) {
            wrong.push(format!("{}: {longest:?} bytes of an error are kept", case.name));
        }
    }
    println!("{} cases", CASES.len());
    assert!(wrong.is_empty(), "{} of {} misbehave:\n{}", wrong.len(), CASES.len(), wrong.join("\n"));
}
