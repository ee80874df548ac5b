//! Sealing to an epoch's box key: HPKE (RFC 9180) in base mode.
//!
//! The suite is X-Wing (X25519 + ML-KEM-768, KEM 0x647a), HKDF-SHA256 (KDF 0x0001) and ChaCha20Poly1305 (AEAD
//! 0x0003): what is recorded today stays closed to a quantum computer, and to whoever breaks only one of the two.
//! Base mode says nothing about the sender; what is sealed carries its own signatures.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::{Kem, XWing};
use hpke::{Deserializable as _, OpModeR, OpModeS, Serializable as _};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use zeroize::{Zeroize as _, Zeroizing};

use crate::hybrid::InvalidKey;

/// Bytes of the encapsulated key at the head of everything sealed.
const ENCAPSULATED: usize = 1120;
/// Bytes of the tag at its end.
const TAG: usize = 16;

/// Why something sealed could not be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not sealed to this key under this purpose, or changed on the way")]
pub struct CannotOpen;

/// A public key things are sealed to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BoxPublicKey(Box<[u8]>);

impl BoxPublicKey {
    /// Bytes of an encoded key: ML-KEM-768, then X25519.
    pub const LENGTH: usize = 1216;
    /// Bytes by which sealing makes a text longer.
    pub const OVERHEAD: usize = ENCAPSULATED + TAG;

    /// Reads an encoded key.
    ///
    /// # Errors
    /// [`InvalidKey::Length`], or [`InvalidKey::MlKem`] when it fails the check of FIPS 203 §7.2.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidKey> {
        if bytes.len() != Self::LENGTH {
            return Err(InvalidKey::Length { found: bytes.len(), expected: Self::LENGTH });
        }
        <XWing as Kem>::PublicKey::from_bytes(bytes).map_err(|_| InvalidKey::MlKem)?;
        Ok(Self(bytes.into()))
    }

    /// The encoded key.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Base64url without padding.
    #[must_use]
    pub fn to_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.0)
    }

    /// Reads [`Self::to_text`].
    ///
    /// # Errors
    /// [`InvalidKey`], as [`Self::from_bytes`].
    pub fn parse(text: &str) -> Result<Self, InvalidKey> {
        Self::from_bytes(&crate::hybrid::decode(text, Self::LENGTH)?)
    }

    /// Seals `plain` so that only the key's owner opens it, and only with the same `info` and `aad`.
    ///
    /// `entropy` must be fresh from a cryptographic source for every call: the same again shows that, and whether,
    /// the same text was sealed. The result is [`Self::OVERHEAD`] bytes longer than `plain`.
    ///
    /// # Errors
    /// [`CannotOpen`] only where `plain` is longer than the cipher allows (256 GiB).
    pub fn seal(
        &self,
        info: &[u8],
        aad: &[u8],
        plain: &[u8],
        entropy: [u8; 32],
    ) -> Result<Vec<u8>, CannotOpen> {
        let key = <XWing as Kem>::PublicKey::from_bytes(&self.0).map_err(|_| CannotOpen)?;
        let mut rng = ChaCha20Rng::from_seed(entropy);
        let (encapsulated, sealed) = hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, XWing>(
            &OpModeS::Base,
            &key,
            info,
            plain,
            aad,
            &mut rng,
        )
        .map_err(|_| CannotOpen)?;
        let mut out = Vec::with_capacity(ENCAPSULATED.saturating_add(sealed.len()));
        out.extend_from_slice(&encapsulated.to_bytes());
        out.extend_from_slice(&sealed);
        Ok(out)
    }
}

impl fmt::Debug for BoxPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BoxPublicKey(")?;
        self.0.iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("…)")
    }
}

/// The private key that opens. It shows nothing of itself and is wiped when dropped.
pub struct BoxSecretKey {
    seed: Zeroizing<[u8; 32]>,
}

impl BoxSecretKey {
    /// The key of a seed: X-Wing's own 32-byte private key. It must come from a cryptographic source of randomness.
    #[must_use]
    pub fn from_seed(mut given: [u8; 32]) -> Self {
        let seed = Zeroizing::new(given);
        given.zeroize();
        Self { seed }
    }

    /// The seed, to be sealed and stored.
    #[must_use]
    pub fn seed(&self) -> &[u8; 32] {
        &self.seed
    }

    fn key(&self) -> Result<<XWing as Kem>::PrivateKey, CannotOpen> {
        <XWing as Kem>::PrivateKey::from_bytes(self.seed.as_slice()).map_err(|_| CannotOpen)
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> BoxPublicKey {
        // Every 32 bytes are a private key, so the empty key is never made.
        let bytes = self.key().map(|key| XWing::sk_to_pk(&key).to_bytes().as_slice().into());
        BoxPublicKey(bytes.unwrap_or_default())
    }

    /// Opens what [`BoxPublicKey::seal`] sealed, given the same `info` and `aad`.
    ///
    /// # Errors
    /// [`CannotOpen`]: why is not told.
    pub fn open(&self, info: &[u8], aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, CannotOpen> {
        let (encapsulated, sealed) = sealed.split_at_checked(ENCAPSULATED).ok_or(CannotOpen)?;
        let encapsulated = <XWing as Kem>::EncappedKey::from_bytes(encapsulated).map_err(|_| CannotOpen)?;
        hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, XWing>(
            &OpModeR::Base,
            &self.key()?,
            &encapsulated,
            info,
            sealed,
            aad,
        )
        .map(Zeroizing::new)
        .map_err(|_| CannotOpen)
    }
}

impl fmt::Debug for BoxSecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BoxSecretKey(…)")
    }
}
