//! The peer port of a node, and callers that send whatever they like to it over TLS 1.3 and HTTP/2.
//!
//! The callers are not the node's own client: that would refuse to send much of this.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock, Mutex};

use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use model::Digest;
use peer_http::{Credentials, ServeSettings, leaf_window, make_leaf, serve};
use ports::Clock;
use ports::peer::{Leaf, PeerHandler, Refusal, Topic};
use runtime::trust::Peers;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use shieldwall_sim::Member;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use zeroize::Zeroizing;

use super::Outcome;

/// From this size on a caller compresses what it sends, as nodes do: more is not taken uncompressed.
const COMPRESS_FROM: usize = 8 << 20;

pub(crate) static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
});

/// A node's peer port, as the program opens it.
pub(crate) struct Port {
    address: SocketAddr,
    /// One connection for each statement that is shown.
    lines: Mutex<BTreeMap<Vec<u8>, SendRequest<Full<Bytes>>>>,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Port {
    pub(crate) fn open(of: &Member) -> Self {
        let credentials = Credentials::new(&leaf_of(of)).unwrap();
        let handler: Arc<dyn PeerHandler> = Arc::new(Peers(Arc::clone(&of.core)));
        let clock: Arc<dyn Clock> = Arc::clone(&of.clock) as Arc<dyn Clock>;
        let (stop, stopped) = oneshot::channel::<()>();
        let listener = RUNTIME.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let serving = RUNTIME.spawn(async move {
            let until = async {
                let _ = stopped.await;
            };
            serve(listener, credentials, handler, clock, ServeSettings::default(), until).await.unwrap();
        });
        Self { address, lines: Mutex::default(), running: Some((stop, serving)) }
    }

    /// A call by whoever shows this leaf, over the connection it has, or a new one.
    pub(crate) fn call(&self, leaf: &Leaf, topic: Topic, body: &[u8]) -> Outcome {
        RUNTIME.block_on(async {
            let kept = self.lines.lock().unwrap().get(&leaf.certificate).cloned();
            let line = match kept {
                Some(line) => line,
                None => {
                    let no_line = |why| Refusal::Forbidden(format!("no connection: {why}"));
                    let line = connect(self.address, leaf).await.map_err(no_line)?;
                    self.lines.lock().unwrap().insert(leaf.certificate.clone(), line.clone());
                    line
                }
            };
            post(line, topic, body).await
        })
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.lines.lock().unwrap().clear();
        if let Some((stop, serving)) = self.running.take() {
            drop(stop);
            // The node's files go when it has closed them.
            let _ = RUNTIME.block_on(serving);
        }
    }
}

/// What a node shows on its connections.
pub(crate) fn leaf_of(member: &Member) -> Leaf {
    leaf(member, |key| member.core.vouch_for_leaf(key).unwrap().to_text().into_bytes())
}

/// A leaf with a statement of the caller's choice, valid as of a node's clock.
pub(crate) fn leaf(at: &Member, statement: impl Fn(Digest) -> Vec<u8>) -> Leaf {
    let (from, until) = leaf_window(at.now());
    make_leaf(&Zeroizing::new(at.random()), from, until, &mut |key, _, _| statement(key)).unwrap()
}

async fn connect(address: SocketAddr, leaf: &Leaf) -> Result<SendRequest<Full<Bytes>>, String> {
    let told = |error: &dyn std::fmt::Display| error.to_string();
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Gullible))
        .with_client_auth_cert(
            vec![CertificateDer::from(leaf.certificate.clone())],
            PrivatePkcs8KeyDer::from(leaf.key.to_vec()).into(),
        )
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(address).await.map_err(|error| told(&error))?;
    let name = ServerName::try_from("node.example").unwrap();
    let tls = tokio_rustls::TlsConnector::from(Arc::new(config));
    let stream = tls.connect(name, stream).await.map_err(|error| told(&error))?;
    let (line, driver) =
        handshake(TokioExecutor::new(), TokioIo::new(stream)).await.map_err(|error| told(&error))?;
    tokio::spawn(async move {
        let _ = driver.await;
    });
    Ok(line)
}

async fn post(mut line: SendRequest<Full<Bytes>>, topic: Topic, body: &[u8]) -> Outcome {
    let mut request = Request::post(format!("https://node.example/peer/v1/{}", topic.as_str()));
    let packed = if body.len() >= COMPRESS_FROM {
        request = request.header("content-encoding", "zstd");
        zstd::bulk::compress(body, 1).unwrap()
    } else {
        body.to_vec()
    };
    let response = match line.send_request(request.body(Full::from(packed)).unwrap()).await {
        Ok(response) => response,
        // TLS 1.3 lets a client believe that it is connected before the server has looked at its certificate.
        Err(error) => return Err(Refusal::Forbidden(format!("no connection: {error}"))),
    };
    let ok = response.status().is_success();
    let answer = response.into_body().collect().await.unwrap().to_bytes().to_vec();
    if ok { Ok(answer) } else { Err(refusal(&answer)) }
}

/// Reads a refusal as the peer protocol spells it.
fn refusal(text: &[u8]) -> Refusal {
    let mut tape = json::Tape::new();
    let value = tape.parse(text, &json::Limits::OBJECT).unwrap();
    let member = |name| value.get(name).and_then(|value| value.as_str()).map(|text| text.into_owned());
    let detail = member("detail").unwrap_or_default();
    match member("refusal").as_deref() {
        Some("forbidden") => Refusal::Forbidden(detail),
        Some("invalid") => Refusal::Invalid(detail),
        Some("out-of-step") => Refusal::OutOfStep(detail),
        Some("busy") => Refusal::Busy(0),
        _ => Refusal::Failed,
    }
}

/// Believes any server: a liar does not care whom it talks to.
#[derive(Debug)]
struct Gullible;

impl ServerCertVerifier for Gullible {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
