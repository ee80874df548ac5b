//! Judging a certificate somebody shows: its form, its signature, its time. Whose it is, the handler says.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use model::{Digest, Timestamp};
use ports::Clock;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, PeerIncompatible,
    SignatureScheme,
};
use x509_parser::asn1_rs::OctetString;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::leaf::{self, MAX_STATEMENT, STATEMENT_OID_DER};

/// Longest certificate that is looked at, in bytes: a statement and what surrounds it.
const MAX_CERTIFICATE: usize = MAX_STATEMENT + 1024;

/// What precedes the 32 bytes of the key in the SubjectPublicKeyInfo of an Ed25519 key (RFC 8410 §4).
const SPKI_HEAD: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// What a leaf shows.
#[derive(Clone)]
pub(crate) struct Shown {
    pub(crate) statement: Arc<[u8]>,
    /// SHA-256 of its SubjectPublicKeyInfo.
    pub(crate) key: Digest,
    /// It is good before this instant.
    pub(crate) not_after: Timestamp,
}

/// Why a certificate is no leaf that could be somebody's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfit {
    #[error("the certificate is {0} bytes long, which is more than a leaf can be")]
    Long(usize),
    #[error("the certificate comes with others: a leaf stands alone")]
    Chain,
    #[error("the certificate is not well-formed X.509")]
    Malformed,
    #[error("the certificate carries no statement")]
    NoStatement,
    #[error("the certificate carries more than one statement")]
    Statements,
    #[error("the certificate's statement is not between 1 and {MAX_STATEMENT} bytes of OCTET STRING")]
    Statement,
    #[error("the certificate is valid for longer than seven days, or never")]
    Window,
    #[error("the certificate is valid only from {0}; compare the clocks")]
    Early(Timestamp),
    #[error("the certificate expired at {0}")]
    Expired(Timestamp),
    #[error("the certificate has parts that a leaf has not")]
    Form,
    #[error("the certificate is not signed by its own key")]
    Signature,
}

/// Reads a leaf that is good at this instant: from the first second of its validity up to, not including, the last.
pub(crate) fn read(certificate: &[u8], now: Timestamp) -> Result<Shown, Unfit> {
    if certificate.len() > MAX_CERTIFICATE {
        return Err(Unfit::Long(certificate.len()));
    }
    let (rest, parsed) = X509Certificate::from_der(certificate).map_err(|_| Unfit::Malformed)?;
    if !rest.is_empty() {
        return Err(Unfit::Malformed);
    }
    let statement = statement(&parsed)?;
    let validity = parsed.validity();
    let instant = |seconds: i64| Timestamp::from_micros(seconds.saturating_mul(1_000_000));
    let (not_before, not_after) =
        (instant(validity.not_before.timestamp()), instant(validity.not_after.timestamp()));
    if !leaf::window_is_sound(not_before, not_after) {
        return Err(Unfit::Window);
    }
    if now < not_before {
        return Err(Unfit::Early(not_before));
    }
    if now >= not_after {
        return Err(Unfit::Expired(not_after));
    }
    let (spki, signature) = (parsed.public_key().raw, parsed.signature_value.data.as_ref());
    let key = spki.strip_prefix(&SPKI_HEAD).filter(|key| key.len() == 32).ok_or(Unfit::Form)?;
    // Written again from what was read, it must come out the same: then nothing else is in it.
    let body = leaf::body(spki, not_before, not_after, statement);
    if leaf::certificate(&body, signature) != certificate {
        return Err(Unfit::Form);
    }
    let ed25519 = algorithms()
        .mapping
        .iter()
        .find_map(|(scheme, all)| (*scheme == SignatureScheme::ED25519).then(|| all.first()))
        .flatten()
        .ok_or(Unfit::Signature)?;
    ed25519.verify_signature(key, &body, signature).map_err(|_| Unfit::Signature)?;
    Ok(Shown { statement: Arc::from(statement), key: leaf::key_digest(spki), not_after })
}

fn statement<'a>(parsed: &X509Certificate<'a>) -> Result<&'a [u8], Unfit> {
    let mut carried =
        parsed.extensions().iter().filter(|extension| extension.oid.as_bytes() == STATEMENT_OID_DER);
    let value = carried.next().ok_or(Unfit::NoStatement)?.value;
    if carried.next().is_some() {
        return Err(Unfit::Statements);
    }
    let (rest, octets) = OctetString::from_der(value).map_err(|_| Unfit::Statement)?;
    match octets.into_cow() {
        Cow::Borrowed(octets) if rest.is_empty() && (1..=MAX_STATEMENT).contains(&octets.len()) => Ok(octets),
        _ => Err(Unfit::Statement),
    }
}

fn algorithms() -> WebPkiSupportedAlgorithms {
    aws_lc_rs::default_provider().signature_verification_algorithms
}

/// For both ends of a connection.
pub(crate) struct Verifier {
    clock: Arc<dyn Clock>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, algorithms: algorithms() }
    }

    fn judge(&self, leaf: &CertificateDer<'_>, others: &[CertificateDer<'_>]) -> Result<(), Error> {
        let now = self.clock.now();
        let judged = if others.is_empty() { read(leaf, now).map(|_| ()) } else { Err(Unfit::Chain) };
        judged.map_err(|unfit| {
            let time = |at: Timestamp| {
                let seconds = u64::try_from(at.as_micros().div_euclid(1_000_000)).unwrap_or(0);
                UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds))
            };
            // These two have an alert of their own, so the other side learns that it is about time.
            Error::InvalidCertificate(match unfit {
                Unfit::Expired(at) => {
                    CertificateError::ExpiredContext { time: time(now), not_after: time(at) }
                }
                Unfit::Early(at) => {
                    CertificateError::NotValidYetContext { time: time(now), not_before: time(at) }
                }
                unfit => CertificateError::Other(OtherError(Arc::new(unfit))),
            })
        })
    }

    fn proves_possession(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, leaf, signed, &self.algorithms)
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier")
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.judge(leaf, others).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _leaf: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::Tls12NotOffered.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.proves_possession(message, leaf, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

impl ClientCertVerifier for Verifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.judge(leaf, others).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _leaf: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::Tls12NotOffered.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.proves_possession(message, leaf, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

#[cfg(test)]
mod tests;
