//! Syslog over TLS: who is let in, and what their records are.

use std::path::PathBuf;
use std::sync::Arc;

use log_sources::Kinds;
use ports::logs::LogError;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::caller::Caller;
use crate::{quick, spec};

/// An authority, the files of a server of it, and a client of it.
struct Pki {
    authority: CertificateDer<'static>,
    client: (CertificateDer<'static>, Vec<u8>),
    directory: testkit::TempDir,
}

impl Pki {
    fn new() -> Self {
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
        let (client, client_key) = leaf("client.example", ExtendedKeyUsagePurpose::ClientAuth);
        let directory = testkit::temp_dir();
        let pems = [("ca", authority.pem()), ("cert", server.pem()), ("key", server_key.serialize_pem())];
        for (name, text) in pems {
            std::fs::write(directory.path().join(name), text).unwrap();
        }
        Self {
            authority: authority.der().clone(),
            client: (client.der().clone(), client_key.serialize_der()),
            directory,
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn config(&self, mutual: bool) -> Value {
        let mut config =
            json!({"listen": "127.0.0.1:0", "certificate": self.file("cert"), "key": self.file("key")});
        if mutual {
            config["client_ca"] = json!(self.file("ca"));
        }
        config
    }

    async fn connect(&self, port: u16, certified: bool) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = if certified {
            let key = PrivateKeyDer::try_from(self.client.1.clone()).unwrap();
            builder.with_client_auth_cert(vec![self.client.0.clone()], key).unwrap()
        } else {
            builder.with_no_client_auth()
        };
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        let name = ServerName::try_from("127.0.0.1").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }
}

fn listen(config: &Value) -> (Caller, u16) {
    let (stream, at) = quick().listen(&spec("syslog-tls", config), None).unwrap();
    (Caller::of(stream, None), at.unwrap().port())
}

#[tokio::test]
async fn records_come_over_tls_with_octet_counting() {
    let pki = Pki::new();
    let (mut caller, port) = listen(&pki.config(false));
    let client = async {
        let mut stream = pki.connect(port, false).await.unwrap();
        stream.write_all(b"11 <34>1 hello11 <34>1 again").await.unwrap();
        stream.shutdown().await.unwrap();
    };
    tokio::join!(client, caller.until(2));
    assert_eq!(caller.records, ["127.0.0.1: <34>1 hello", "127.0.0.1: <34>1 again"]);
    assert!(caller.notes.iter().any(|note| note.contains("client_ca")), "{:?}", caller.notes);
}

#[tokio::test]
async fn without_a_certificate_nobody_is_let_in_where_one_is_asked_for() {
    let pki = Pki::new();
    let (mut caller, port) = listen(&pki.config(true));
    let clients = async {
        // In TLS 1.3 a client learns only afterwards that it was turned away.
        let refused = match pki.connect(port, false).await {
            Err(_) => true,
            Ok(mut stream) => {
                let written = stream.write_all(b"9 <34>1 bad").await;
                written.is_err() || stream.read(&mut [0; 1]).await.map_or(true, |length| length == 0)
            }
        };
        assert!(refused);
        let mut stream = pki.connect(port, true).await.unwrap();
        stream.write_all(b"10 <34>1 good").await.unwrap();
        stream
    };
    tokio::join!(clients, caller.until(1));
    assert_eq!(caller.records, ["127.0.0.1: <34>1 good"]);
    // A connection is no record: nobody knows what it would have brought.
    assert_eq!((caller.stream.lag().lost, caller.stream.lag().refused), (0, 1));
    assert!(caller.notes.iter().any(|note| note.contains("handshake")), "{:?}", caller.notes);
}

/// Whoever has the wrong authority would otherwise wait for records for ever, and not know why.
#[tokio::test]
async fn where_everybody_is_turned_away_it_is_said_without_a_record() {
    let pki = Pki::new();
    let (mut caller, port) = listen(&pki.config(true));
    let client = async {
        if let Ok(mut stream) = pki.connect(port, false).await {
            let _ = stream.read(&mut [0; 1]).await;
        }
    };
    let told = async {
        while !caller.notes.iter().any(|note| note.contains("handshake")) {
            caller.step().await;
        }
    };
    tokio::join!(client, told);
    assert!(caller.records.is_empty());
    assert_eq!(caller.stream.lag().refused, 1);
}

#[tokio::test]
async fn who_speaks_no_tls_is_not_read() {
    let pki = Pki::new();
    let (mut caller, port) = listen(&pki.config(false));
    let clients = async {
        let mut plain = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        plain.write_all(b"<34>1 in the clear\n").await.unwrap();
        let mut answer = Vec::new();
        // An alert may come; then the connection is over.
        let _ = plain.read_to_end(&mut answer).await;
        let mut stream = pki.connect(port, false).await.unwrap();
        stream.write_all(b"<34>1 sealed\n").await.unwrap();
        stream
    };
    tokio::join!(clients, caller.until(1));
    assert_eq!(caller.records, ["127.0.0.1: <34>1 sealed"]);
}

#[test]
fn files_that_hold_no_certificate_are_named() {
    let pki = Pki::new();
    std::fs::write(pki.file("text"), "hello").unwrap();
    for (field, file) in [
        ("certificate", "text"),
        ("certificate", "missing"),
        ("key", "text"),
        ("key", "ca"),
        ("client_ca", "text"),
    ] {
        let mut config = pki.config(true);
        config[field] = json!(pki.file(file));
        let opened = Kinds::new().listen(&spec("syslog-tls", &config), None);
        let Err(LogError::Unreadable(message)) = opened else { panic!("{field} {file} was taken") };
        assert!(message.contains(file), "{message}");
    }
}
