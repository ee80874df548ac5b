//! Certificates of the TLS listener (RFC 5425), read anew when their files change.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use ports::logs::LogError;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use crate::config::Config;
use crate::fed::Gauge;

/// How long files are taken to be what they were.
const TRUSTED: Duration = Duration::from_secs(10);

/// Who is let in, and what we show them.
pub(super) struct Doors {
    files: Files,
    acceptor: TlsAcceptor,
    /// When the files were changed, as of the last look.
    changed: [Option<SystemTime>; 3],
    looked: Instant,
}

struct Files {
    certificate: PathBuf,
    key: PathBuf,
    client_ca: Option<PathBuf>,
}

impl Doors {
    pub(super) fn open(config: &Config) -> Result<Self, LogError> {
        let files = Files {
            certificate: config.path("certificate").unwrap_or_default(),
            key: config.path("key").unwrap_or_default(),
            client_ca: config.path("client_ca"),
        };
        let changed = files.changed();
        let acceptor = files.acceptor()?;
        Ok(Self { files, acceptor, changed, looked: Instant::now() })
    }

    pub(super) fn is_open_to_all(&self) -> bool {
        self.files.client_ca.is_none()
    }

    /// What to shake hands with now. Files that cannot be used leave what was in use before.
    pub(super) fn acceptor(&mut self, gauge: &Gauge) -> TlsAcceptor {
        if self.looked.elapsed() > TRUSTED {
            self.looked = Instant::now();
            let changed = self.files.changed();
            if changed != self.changed {
                self.changed = changed;
                match self.files.acceptor() {
                    Ok(acceptor) => self.acceptor = acceptor,
                    Err(error) => gauge.note(format!("the certificate in use was kept: {error}")),
                }
            }
        }
        self.acceptor.clone()
    }
}

impl Files {
    fn changed(&self) -> [Option<SystemTime>; 3] {
        let changed = |path: &Path| std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
        [changed(&self.certificate), changed(&self.key), self.client_ca.as_deref().and_then(changed)]
    }

    fn acceptor(&self) -> Result<TlsAcceptor, LogError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let chain = certificates(&self.certificate)?;
        let key = PrivateKeyDer::from_pem_slice(&read(&self.key)?)
            .map_err(|error| unusable(&self.key, "private key", &error))?;
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(|error| unusable(&self.certificate, "certificate", &error))?;
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let mut roots = RootCertStore::empty();
                for authority in certificates(path)? {
                    roots.add(authority).map_err(|error| unusable(path, "authority", &error))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                    .build()
                    .map_err(|error| unusable(path, "authority", &error))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let config = builder
            .with_single_cert(chain, key)
            .map_err(|error| unusable(&self.key, "private key", &error))?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, LogError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(path)?).collect();
    let found = found.map_err(|error| unusable(path, "certificate", &error))?;
    if found.is_empty() {
        return Err(unusable(path, "certificate", &"it has no PEM section of that kind"));
    }
    Ok(found)
}

fn read(path: &Path) -> Result<Vec<u8>, LogError> {
    std::fs::read(path).map_err(|error| {
        LogError::Unreadable(format!("`{}`: {error}; name a PEM file that the node may read", path.display()))
    })
}

fn unusable(path: &Path, what: &str, why: &dyn std::fmt::Display) -> LogError {
    LogError::Unreadable(format!(
        "`{}` holds no usable {what}: {why}; give the certificate chain, its key and the authorities as PEM",
        path.display()
    ))
}
