//! What this node shows on connections, and how both ends set up TLS.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use ports::Clock;
use ports::peer::Leaf;
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::aws_lc_rs::{self, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::pki_types::CertificateDer;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::TLS13;
use rustls::{ClientConfig, ServerConfig, SignatureScheme};

use crate::leaf::signing_key;
use crate::verify::Verifier;

/// The protocol that is spoken inside TLS (RFC 9113 §3.1), and no other.
pub(crate) const ALPN: &[u8] = b"h2";

/// Why no connection can be made or taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// The leaf's certificate and key do not belong together, or are not usable.
    #[error("the leaf cannot be used: {0}; make a new one")]
    Leaf(String),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

/// The leaf that this node shows at the moment, shared by what serves and what calls.
///
/// A renewal takes effect on the next connection; open ones go on.
#[derive(Clone)]
pub struct Credentials(Arc<Current>);

struct Current(RwLock<(u64, Arc<CertifiedKey>)>);

impl Credentials {
    /// Begins with a leaf.
    ///
    /// # Errors
    /// [`SetupError::Leaf`].
    pub fn new(leaf: &Leaf) -> Result<Self, SetupError> {
        Ok(Self(Arc::new(Current(RwLock::new((0, certified(leaf)?))))))
    }

    /// Goes on with another.
    ///
    /// # Errors
    /// [`SetupError::Leaf`]; the one before stays.
    pub fn renew(&self, leaf: &Leaf) -> Result<(), SetupError> {
        let certified = certified(leaf)?;
        let mut current = self.0.0.write().unwrap_or_else(PoisonError::into_inner);
        *current = (current.0.wrapping_add(1), certified);
        Ok(())
    }

    /// Which leaf it is; another number for every renewal.
    pub(crate) fn generation(&self) -> u64 {
        self.0.get().0
    }

    /// How this node takes connections.
    pub(crate) fn server(&self, clock: Arc<dyn Clock>) -> Result<ServerConfig, SetupError> {
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| SetupError::Tls(error.to_string()))?
            .with_client_cert_verifier(Arc::new(Verifier::new(clock)))
            .with_cert_resolver(Arc::clone(&self.0) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![ALPN.to_vec()];
        // A resumed session would show no certificate, so an expired or revoked one would live on in it.
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(config)
    }

    /// How this node makes connections.
    pub(crate) fn client(&self, clock: Arc<dyn Clock>) -> Result<ClientConfig, SetupError> {
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| SetupError::Tls(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Verifier::new(clock)))
            .with_client_cert_resolver(Arc::clone(&self.0) as Arc<dyn ResolvesClientCert>);
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.resumption = Resumption::disabled();
        Ok(config)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

impl Current {
    fn get(&self) -> (u64, Arc<CertifiedKey>) {
        let current = self.0.read().unwrap_or_else(PoisonError::into_inner);
        (current.0, Arc::clone(&current.1))
    }

    fn for_schemes(&self, schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        schemes.contains(&SignatureScheme::ED25519).then(|| self.get().1)
    }
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Current")
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.for_schemes(hello.signature_schemes())
    }
}

impl ResolvesClientCert for Current {
    fn resolve(&self, _issuers: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.for_schemes(schemes)
    }

    fn has_certs(&self) -> bool {
        true
    }
}

fn certified(leaf: &Leaf) -> Result<Arc<CertifiedKey>, SetupError> {
    let key = signing_key(&leaf.key).map_err(|error| SetupError::Leaf(error.to_string()))?;
    let certified = CertifiedKey::new(vec![CertificateDer::from(leaf.certificate.clone())], key);
    certified.keys_match().map_err(|error| SetupError::Leaf(error.to_string()))?;
    Ok(Arc::new(certified))
}

/// Post-quantum key agreement first, its classical half for peers that have nothing else.
fn provider() -> Arc<CryptoProvider> {
    const GROUPS: [&dyn SupportedKxGroup; 2] = [kx_group::X25519MLKEM768, kx_group::X25519];
    Arc::new(CryptoProvider { kx_groups: GROUPS.to_vec(), ..aws_lc_rs::default_provider() })
}

#[cfg(test)]
mod tests {
    use model::Timestamp;
    use zeroize::Zeroizing;

    use super::*;
    use crate::leaf::{leaf_window, make_leaf};

    fn leaf(seed: u8) -> Leaf {
        let (from, until) = leaf_window(Timestamp::EPOCH);
        make_leaf(&Zeroizing::new([seed; 32]), from, until, &mut |_, _, _| b"me".to_vec()).unwrap()
    }

    #[test]
    fn a_leaf_that_cannot_be_used_does_not_replace_one_that_can() {
        let (one, two) = (leaf(1), leaf(2));
        let credentials = Credentials::new(&one).unwrap();
        let mixed = Leaf { certificate: one.certificate.clone(), key: two.key.clone() };
        let broken = Leaf { certificate: one.certificate.clone(), key: Zeroizing::new(vec![0; 48]) };
        for bad in [&mixed, &broken] {
            assert!(matches!(credentials.renew(bad), Err(SetupError::Leaf(_))));
            assert!(Credentials::new(bad).is_err());
        }
        assert_eq!(credentials.generation(), 0);
        credentials.renew(&two).unwrap();
        assert_eq!(credentials.generation(), 1);
    }
}
