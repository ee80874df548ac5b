//! Certificates: whom we trust, and to whom we show ours.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use shieldwall_sources::Policy;
use shieldwall_sources::fetch::{Access, FetchError, Fetcher, Request};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::limits;
use crate::server::{Reply, Server};

/// An authority, a server of it, and the files of a client of it.
struct Pki {
    acceptor: TlsAcceptor,
    directory: tempfile::TempDir,
}

impl Pki {
    fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let authority = params.self_signed(&key).unwrap();
        let issuer = Issuer::new(params, key);
        let leaf = |names: &[&str], usage| {
            let mut params =
                CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
                    .unwrap();
            params.extended_key_usages = vec![usage];
            let key = KeyPair::generate().unwrap();
            (params.signed_by(&key, &issuer).unwrap(), key)
        };
        let (server, server_key) = leaf(&["127.0.0.1"], ExtendedKeyUsagePurpose::ServerAuth);
        let (client, client_key) = leaf(&["client.example"], ExtendedKeyUsagePurpose::ClientAuth);

        let mut roots = RootCertStore::empty();
        roots.add(authority.der().clone()).unwrap();
        let verifier =
            WebPkiClientVerifier::builder(Arc::new(roots)).allow_unauthenticated().build().unwrap();
        let config = ServerConfig::builder()
            .with_client_cert_verifier(verifier)
            .with_single_cert(
                vec![server.der().clone()],
                PrivateKeyDer::try_from(server_key.serialize_der()).unwrap(),
            )
            .unwrap();

        let directory = tempfile::tempdir().unwrap();
        for (name, text) in
            [("ca", authority.pem()), ("cert", client.pem()), ("key", client_key.serialize_pem())]
        {
            std::fs::write(directory.path().join(name), text).unwrap();
        }
        Self { acceptor: TlsAcceptor::from(Arc::new(config)), directory }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

async fn get(access: Access, url: &str) -> Result<Vec<u8>, FetchError> {
    let mut fetcher = Fetcher::new(Policy::with_loopback(), limits(), "t", access);
    fetcher.fetch(&Request::get(url.parse().unwrap(), "*/*")).await.map(|answer| answer.body)
}

#[tokio::test]
async fn an_unknown_authority_is_not_trusted_until_it_is_named() {
    let pki = Pki::new();
    let server = Server::start_tls(pki.acceptor.clone(), |_| Reply::new(200, &[], "safe")).await;
    let error = get(Access::default(), &server.url("/")).await.unwrap_err();
    assert!(matches!(error, FetchError::Tls { .. }), "{error:?}");
    let trusting = Access { roots: Some(pki.file("ca")), ..Access::default() };
    assert_eq!(get(trusting.clone(), &server.url("/")).await.unwrap(), b"safe");
    // The certificate is for 127.0.0.1 only.
    let error = get(trusting, &format!("https://localhost:{}/", server.port)).await.unwrap_err();
    assert!(matches!(error, FetchError::Tls { .. }), "{error:?}");
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn our_certificate_is_shown_where_it_belongs_and_nowhere_else() {
    let pki = Pki::new();
    let elsewhere = Server::start_tls(pki.acceptor.clone(), |_| Reply::new(200, &[], "theirs")).await;
    let away = elsewhere.url("/");
    let server = Server::start_tls(pki.acceptor.clone(), move |asked| match asked.path() {
        "/away" => Reply::redirect(302, &away),
        _ => Reply::new(200, &[], "ours"),
    })
    .await;
    let access = Access {
        roots: Some(pki.file("ca")),
        identity: Some((pki.file("cert"), pki.file("key"))),
        ..Access::default()
    };
    assert_eq!(get(access.clone(), &server.url("/")).await.unwrap(), b"ours");
    assert_eq!(get(access, &server.url("/away")).await.unwrap(), b"theirs");
    assert!(server.asked().iter().all(|asked| asked.certified));
    assert!(elsewhere.asked().iter().all(|asked| !asked.certified));
}

#[tokio::test]
async fn no_redirect_leaves_encryption() {
    let pki = Pki::new();
    let plain = Server::start(|_| Reply::new(200, &[], "in the clear")).await;
    let to = plain.url("/");
    let server = Server::start_tls(pki.acceptor.clone(), move |_| Reply::redirect(302, &to)).await;
    let access = Access { roots: Some(pki.file("ca")), ..Access::default() };
    let error = get(access, &server.url("/")).await.unwrap_err();
    assert!(matches!(error, FetchError::Refused { .. }), "{error:?}");
    assert!(plain.asked().is_empty());
}

#[tokio::test]
async fn files_that_hold_no_certificate_are_named() {
    let pki = Pki::new();
    let not_pem: &Path = &pki.file("text");
    std::fs::write(not_pem, "hello").unwrap();
    for access in [
        Access { roots: Some(not_pem.to_path_buf()), ..Access::default() },
        Access { roots: Some(pki.file("missing")), ..Access::default() },
        Access { identity: Some((not_pem.to_path_buf(), pki.file("key"))), ..Access::default() },
        Access { identity: Some((pki.file("cert"), pki.file("missing"))), ..Access::default() },
    ] {
        let error = get(access, "https://127.0.0.1:1/").await.unwrap_err();
        assert!(matches!(error, FetchError::Secret { .. }), "{error:?}");
    }
}
