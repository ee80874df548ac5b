//! The server's certificate: the operator's own, or one made once and kept.

use std::fs;
use std::io::{self, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use sha2::{Digest, Sha256};

/// Why there is no certificate to serve with.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read or written.
    #[error("`{}`: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A file is not what it should be.
    #[error("`{}` holds no usable {what}: {why}", path.display())]
    Unusable {
        /// Which.
        path: PathBuf,
        /// `certificate` or `private key`.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// A certificate cannot be made.
    #[error("a certificate cannot be made: {0}")]
    Generate(String),
}

/// A configuration to serve with, and the SHA-256 fingerprint of its certificate.
pub(crate) struct Identity {
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) fingerprint: String,
}

/// Reads a certificate chain and its key from PEM files.
pub(crate) fn from_files(cert: &Path, key: &Path) -> Result<Identity, TlsError> {
    let unusable = |path: &Path, what, why: String| TlsError::Unusable { path: path.to_owned(), what, why };
    let read = |path: &Path| fs::read(path).map_err(|error| TlsError::File { path: path.to_owned(), error });
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(cert)?).collect();
    let chain = chain.map_err(|error| unusable(cert, "certificate", error.to_string()))?;
    let first = chain
        .first()
        .ok_or_else(|| unusable(cert, "certificate", "it has no PEM section of that kind".to_owned()))?;
    let fingerprint = fingerprint(first);
    let key_der = PrivateKeyDer::from_pem_slice(&read(key)?)
        .map_err(|error| unusable(key, "private key", error.to_string()))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|error| TlsError::Generate(error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, key_der)
        .map_err(|error| unusable(key, "private key", error.to_string()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Identity { config: Arc::new(config), fingerprint })
}

/// Reads the certificate kept under `dir/tls`, or makes one first.
pub(crate) fn generated(dir: &Path, address: SocketAddr) -> Result<Identity, TlsError> {
    let dir = dir.join("tls");
    let (cert, key) = (dir.join("cert.pem"), dir.join("key.pem"));
    let there =
        |path: &Path| path.try_exists().map_err(|error| TlsError::File { path: path.to_owned(), error });
    if !(there(&cert)? && there(&key)?) {
        generate(&dir, &cert, &key, address)?;
    }
    from_files(&cert, &key)
}

fn generate(dir: &Path, cert: &Path, key: &Path, address: SocketAddr) -> Result<(), TlsError> {
    let failed = |error: rcgen::Error| TlsError::Generate(error.to_string());
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    if !address.ip().is_unspecified() && !address.ip().is_loopback() {
        names.push(address.ip().to_string());
    }
    let mut params = CertificateParams::new(names).map_err(failed)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "Shieldwall node");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // Clients pin this certificate by its fingerprint: replacing it is a decision, not something a date does.
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2056, 1, 1);
    let pair = KeyPair::generate().map_err(failed)?;
    let made = params.self_signed(&pair).map_err(failed)?;
    let file = |path: &Path, error| TlsError::File { path: path.to_owned(), error };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|error| file(dir, error))?;
    write_new(key, 0o600, &pair.serialize_pem()).map_err(|error| file(key, error))?;
    write_new(cert, 0o644, &made.pem()).map_err(|error| file(cert, error))
}

/// Writes a file as a whole or not at all, never readable by more than `mode` says.
fn write_new(path: &Path, mode: u32, text: &str) -> io::Result<()> {
    let draft = path.with_extension("new");
    let _ = fs::remove_file(&draft);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, path)
}

/// Colon-separated upper-case hex, as browsers and `openssl x509 -fingerprint` show it.
fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    let hash = Sha256::digest(certificate.as_ref());
    hash.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

/// Whether an address can be reached from this machine only.
pub(crate) const fn is_loopback(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_loopback(),
        IpAddr::V6(v6) => v6.is_loopback(),
    }
}
