//! Listening for real: loopback, TLS, the Unix socket, going down.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use shieldwall_api::{Api, Bound, Listen, ServeError, Tls, serve};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::desk::Desk;

struct Running {
    bound: Bound,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), ServeError>>,
}

async fn start(api: Api, tls: Tls, socket: Option<&Path>) -> Running {
    let (told, bound) = oneshot::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let listen = Listen { addr: "127.0.0.1:0".parse().unwrap(), tls, socket: socket.map(Path::to_owned) };
    let task = tokio::spawn(serve(api, listen, move |bound| told.send(bound).unwrap(), async {
        let _ = stopped.await;
    }));
    Running { bound: bound.await.unwrap(), stop, task }
}

async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    reply
}

#[tokio::test]
async fn plain_http_is_for_loopback_only() {
    let desk = Desk::open();
    let listen = Listen { addr: "0.0.0.0:0".parse().unwrap(), tls: Tls::Plain, socket: None };
    let refused =
        serve(desk.api.clone(), listen, |_| panic!("it must not listen"), std::future::pending()).await;
    assert!(matches!(refused, Err(ServeError::PlainBeyondLoopback(_))));
    let running = start(desk.api.clone(), Tls::Plain, None).await;
    let reply = ask(TcpStream::connect(running.bound.addr).await.unwrap(), "/healthz").await;
    assert!(reply.starts_with("HTTP/1.1 200") && reply.ends_with("ok\n"), "{reply}");
    running.stop.send(()).unwrap();
    running.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_generated_certificate_is_kept_and_only_its_owner_reads_the_key() {
    let desk = Desk::open();
    let dir = tempfile::tempdir().unwrap();
    let tls = Tls::Generated { dir: dir.path().to_owned() };
    let mut fingerprints = Vec::new();
    for _ in 0..2 {
        let running = start(desk.api.clone(), tls.clone(), None).await;
        let mode = dir.path().join("tls/key.pem").metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let certificate = CertificateDer::from_pem_file(dir.path().join("tls/cert.pem")).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(certificate).unwrap();
        let config = rustls::ClientConfig::builder_with_provider(Arc::new(
            rustls::crypto::aws_lc_rs::default_provider(),
        ))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let tcp = TcpStream::connect(running.bound.addr).await.unwrap();
        let stream = connector.connect(ServerName::try_from("localhost").unwrap(), tcp).await.unwrap();
        let group = stream.get_ref().1.negotiated_key_exchange_group().unwrap().name();
        assert_eq!(group, rustls::NamedGroup::X25519MLKEM768);
        let reply = ask(stream, "/healthz").await;
        assert!(reply.contains("strict-transport-security"), "{reply}");
        fingerprints.push(running.bound.fingerprint.clone().unwrap());
        running.stop.send(()).unwrap();
        running.task.await.unwrap().unwrap();
    }
    assert_eq!(fingerprints[0], fingerprints[1]);
    assert_eq!(fingerprints[0].len(), 32 * 3 - 1);
}

#[tokio::test]
async fn the_socket_is_private_and_its_caller_is_the_operator() {
    let desk = Desk::open();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("node.sock");
    // What a crashed node left behind is replaced.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let running = start(desk.api.clone(), Tls::Plain, Some(&path)).await;
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let reply = ask(UnixStream::connect(&path).await.unwrap(), "/api/v1/me").await;
    assert!(reply.contains("\"name\":\"local operator\""), "{reply}");
    let network = ask(TcpStream::connect(running.bound.addr).await.unwrap(), "/api/v1/me").await;
    assert!(network.starts_with("HTTP/1.1 401"), "{network}");
    // A live one is left alone.
    let listen = Listen { addr: "127.0.0.1:0".parse().unwrap(), tls: Tls::Plain, socket: Some(path.clone()) };
    let second =
        serve(desk.api.clone(), listen, |_| panic!("it must not listen"), std::future::pending()).await;
    assert!(matches!(second, Err(ServeError::Running { .. })));
    assert!(path.exists());
    running.stop.send(()).unwrap();
    running.task.await.unwrap().unwrap();
    assert!(!path.exists());
    // Anything else is never removed.
    std::fs::write(&path, "precious").unwrap();
    let listen = Listen { addr: "127.0.0.1:0".parse().unwrap(), tls: Tls::Plain, socket: Some(path.clone()) };
    let third =
        serve(desk.api.clone(), listen, |_| panic!("it must not listen"), std::future::pending()).await;
    assert!(matches!(third, Err(ServeError::Socket { .. })));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
}

#[tokio::test]
async fn going_down_ends_live_streams() {
    let desk = Desk::open();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("node.sock");
    let running = start(desk.api.clone(), Tls::Plain, Some(&path)).await;
    let mut stream = UnixStream::connect(&path).await.unwrap();
    stream.write_all(b"GET /api/v1/live HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("event: ready") {
        assert_ne!(stream.read_buf(&mut seen).await.unwrap(), 0);
    }
    running.stop.send(()).unwrap();
    stream.read_to_end(&mut seen).await.unwrap();
    running.task.await.unwrap().unwrap();
}
