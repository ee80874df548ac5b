//! Hybrid signatures: Ed25519 (RFC 8032) and ML-DSA-65 (FIPS 204) side by side, both required.
//!
//! Whoever breaks one of the two schemes has gained nothing. Both halves sign the same bytes,
//!
//! ```text
//! context || 0x00 || key id (32 bytes) || message
//! ```
//!
//! so a signature means nothing under another context, and a half means nothing under a key that was put together
//! from parts of others: the key id covers both halves of the public key. ML-DSA gets the context a second time, as
//! its own context parameter (FIPS 204 §5.2).

use std::fmt;
use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::Signer as _;
use ml_dsa::MlDsa65;
use model::{Digest, InvalidId};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize as _, Zeroizing};

/// Bytes of an encoded Ed25519 public key (RFC 8032 §5.1.5).
const ED_KEY: usize = 32;
/// Bytes of an encoded ML-DSA-65 public key (FIPS 204 table 2).
const ML_KEY: usize = 1952;
/// Bytes of an Ed25519 signature (RFC 8032 §5.1.6).
const ED_SIGNATURE: usize = 64;
/// Bytes of an ML-DSA-65 signature (FIPS 204 table 2).
const ML_SIGNATURE: usize = 3309;

/// The longest context, in bytes: what FIPS 204 §5.2 allows.
pub const MAX_CONTEXT: usize = 255;

/// A public key by its digest: SHA-256 over `shieldwall/key-id/v1`, a zero byte and both encoded halves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub Digest);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl std::str::FromStr for KeyId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        text.parse().map(Self)
    }
}

/// A text or byte string is not a key or a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// Not base64url without padding (RFC 4648 §5), or not in its one spelling.
    #[error("not base64url without padding")]
    Encoding,
    /// Not as long as the format says.
    #[error("{found} bytes where {expected} are needed")]
    Length {
        /// Bytes there are.
        found: usize,
        /// Bytes there should be.
        expected: usize,
    },
    /// The Ed25519 half is no point of the curve, is one of small order, or is not in its one spelling.
    #[error("the Ed25519 half is not a usable public key")]
    Ed25519,
    /// The ML-KEM part of a box key has coefficients out of range.
    #[error("the ML-KEM part is not a usable public key")]
    MlKem,
}

/// A signature does not verify. Which half failed is not told: both are required.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not verify")]
pub struct BadSignature;

/// A hybrid public key. Cheap to clone; compared by its encoding.
#[derive(Clone)]
pub struct PublicKey(Arc<Expanded>);

struct Expanded {
    encoded: Box<[u8]>,
    id: KeyId,
    ed: ed25519_dalek::VerifyingKey,
    /// 36 KiB, and dear to compute: only once something is verified.
    ml: OnceLock<Box<ml_dsa::VerifyingKey<MlDsa65>>>,
}

impl PublicKey {
    /// Bytes of an encoded key: Ed25519, then ML-DSA-65.
    pub const LENGTH: usize = ED_KEY + ML_KEY;

    /// Reads an encoded key.
    ///
    /// # Errors
    /// [`InvalidKey`] for a wrong length or an Ed25519 half that is not a point of large order in canonical form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidKey> {
        let length = InvalidKey::Length { found: bytes.len(), expected: Self::LENGTH };
        if bytes.len() != Self::LENGTH {
            return Err(length);
        }
        let (ed, _) = bytes.split_first_chunk::<ED_KEY>().ok_or(length)?;
        Ok(Self::assemble(bytes, ed25519_key(ed)?))
    }

    fn assemble(encoded: &[u8], ed: ed25519_dalek::VerifyingKey) -> Self {
        let hash = Sha256::new().chain_update(b"shieldwall/key-id/v1\0").chain_update(encoded).finalize();
        let id = KeyId(Digest(hash.into()));
        Self(Arc::new(Expanded { encoded: encoded.into(), id, ed, ml: OnceLock::new() }))
    }

    /// Both halves, encoded.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0.encoded
    }

    /// The Ed25519 half, encoded.
    #[must_use]
    pub fn ed25519(&self) -> &[u8; 32] {
        self.0.ed.as_bytes()
    }

    /// The ML-DSA-65 half, encoded.
    #[must_use]
    pub fn ml_dsa(&self) -> &[u8] {
        self.0.encoded.get(ED_KEY..).unwrap_or_default()
    }

    /// The key's id.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.0.id
    }

    /// Whether the two keys have a half in common: then they are not two keys for the purpose of counting signers.
    #[must_use]
    pub fn shares_a_half(&self, other: &Self) -> bool {
        self.ed25519() == other.ed25519() || self.ml_dsa() == other.ml_dsa()
    }

    /// Base64url without padding of both halves.
    #[must_use]
    pub fn to_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.as_bytes())
    }

    /// Reads [`Self::to_text`].
    ///
    /// # Errors
    /// [`InvalidKey`], as [`Self::from_bytes`].
    pub fn parse(text: &str) -> Result<Self, InvalidKey> {
        Self::from_bytes(&decode(text, Self::LENGTH)?)
    }

    /// Verifies both halves of a signature over `bytes` under a context.
    ///
    /// Ed25519 is verified strictly: no small-order points, no `s ≥ L` (RFC 8032 §5.1.7).
    ///
    /// # Errors
    /// [`BadSignature`] unless both halves verify.
    pub fn verify(&self, context: &str, bytes: &[u8], signature: &Signature) -> Result<(), BadSignature> {
        let message = message(context, self.id(), bytes).ok_or(BadSignature)?;
        let (ed, ml) = signature.0.split_first_chunk::<ED_SIGNATURE>().ok_or(BadSignature)?;
        let ed = ed25519_dalek::Signature::from_bytes(ed);
        self.0.ed.verify_strict(&message, &ed).map_err(|_| BadSignature)?;
        let ml = ml_dsa::Signature::<MlDsa65>::try_from(ml).map_err(|_| BadSignature)?;
        let key = self.0.ml.get_or_init(|| Box::new(expand(self.ml_dsa())));
        if key.verify_with_context(&message, context.as_bytes(), &ml) { Ok(()) } else { Err(BadSignature) }
    }
}

/// An Ed25519 key of large order, in canonical form.
pub(crate) fn ed25519_key(bytes: &[u8; 32]) -> Result<ed25519_dalek::VerifyingKey, InvalidKey> {
    let key = ed25519_dalek::VerifyingKey::from_bytes(bytes).map_err(|_| InvalidKey::Ed25519)?;
    // Decompression takes y ≥ p too; a key with two spellings would have two ids.
    if key.is_weak() || key.to_edwards().compress().as_bytes() != bytes {
        return Err(InvalidKey::Ed25519);
    }
    Ok(key)
}

/// Every byte string of the right length is an ML-DSA public key (FIPS 204, algorithm 23).
fn expand(encoded: &[u8]) -> ml_dsa::VerifyingKey<MlDsa65> {
    let mut bytes = ml_dsa::EncodedVerifyingKey::<MlDsa65>::default();
    bytes.iter_mut().zip(encoded).for_each(|(slot, byte)| *slot = *byte);
    ml_dsa::VerifyingKey::decode(&bytes)
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for PublicKey {}

impl PartialOrd for PublicKey {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for PublicKey {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl std::hash::Hash for PublicKey {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id().0.short())
    }
}

/// A hybrid signature: 64 bytes of Ed25519, then 3,309 bytes of ML-DSA-65.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signature(Box<[u8]>);

impl Signature {
    /// Bytes of an encoded signature.
    pub const LENGTH: usize = ED_SIGNATURE + ML_SIGNATURE;

    /// Takes an encoded signature; whether it is one shows when it is verified.
    ///
    /// # Errors
    /// [`InvalidKey::Length`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidKey> {
        if bytes.len() == Self::LENGTH {
            Ok(Self(bytes.into()))
        } else {
            Err(InvalidKey::Length { found: bytes.len(), expected: Self::LENGTH })
        }
    }

    /// Both halves, encoded.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Base64url without padding of both halves.
    #[must_use]
    pub fn to_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.0)
    }

    /// Reads [`Self::to_text`].
    ///
    /// # Errors
    /// [`InvalidKey`], as [`Self::from_bytes`].
    pub fn parse(text: &str) -> Result<Self, InvalidKey> {
        Self::from_bytes(&decode(text, Self::LENGTH)?)
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(")?;
        self.0.iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("…)")
    }
}

/// A hybrid private key. It shows nothing of itself and is wiped when dropped.
pub struct SecretKey {
    seed: Zeroizing<[u8; 64]>,
    ed: ed25519_dalek::SigningKey,
    ml: Box<ml_dsa::ExpandedSigningKey<MlDsa65>>,
    public: PublicKey,
}

impl SecretKey {
    /// The key of a seed: the first 32 bytes are the Ed25519 seed (RFC 8032 §5.1.5), the others the ML-DSA seed
    /// (FIPS 204 §3.6.3). The seed must come from a cryptographic source of randomness.
    #[must_use]
    pub fn from_seed(mut given: [u8; 64]) -> Self {
        let seed = Zeroizing::new(given);
        given.zeroize();
        let (mut ed_seed, mut ml_seed) = (Zeroizing::new([0; 32]), Zeroizing::new(ml_dsa::B32::default()));
        ed_seed.iter_mut().zip(seed.iter()).for_each(|(slot, byte)| *slot = *byte);
        ml_seed.iter_mut().zip(seed.iter().skip(32)).for_each(|(slot, byte)| *slot = *byte);
        let ed = ed25519_dalek::SigningKey::from_bytes(&ed_seed);
        let pair = ml_dsa::SigningKey::<MlDsa65>::from_seed(&ml_seed);
        let ml = Box::new(ml_dsa::ExpandedSigningKey::from_seed(&ml_seed));
        let mut encoded = Vec::with_capacity(PublicKey::LENGTH);
        encoded.extend_from_slice(ed.verifying_key().as_bytes());
        encoded.extend_from_slice(pair.as_ref().encode().as_slice());
        let public = PublicKey::assemble(&encoded, ed.verifying_key());
        Self { seed, ed, ml, public }
    }

    /// A new key from a source of 32 random bytes at a time.
    #[must_use]
    pub fn generate(entropy: &mut dyn FnMut() -> [u8; 32]) -> Self {
        let (ed, ml) = (Zeroizing::new(entropy()), Zeroizing::new(entropy()));
        let mut seed = [0; 64];
        seed.iter_mut().zip(ed.iter().chain(ml.iter())).for_each(|(slot, byte)| *slot = *byte);
        let key = Self::from_seed(seed);
        seed.zeroize();
        key
    }

    /// The seed, to be sealed and stored.
    #[must_use]
    pub fn seed(&self) -> &[u8; 64] {
        &self.seed
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The public key's id.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.public.id()
    }

    /// Signs with both halves. Deterministic: the same bytes give the same signature.
    ///
    /// A context longer than [`MAX_CONTEXT`] or with a zero byte gives a signature that verifies nowhere.
    #[must_use]
    pub fn sign(&self, context: &str, bytes: &[u8]) -> Signature {
        let void = Signature(vec![0; Signature::LENGTH].into());
        let Some(message) = message(context, self.id(), bytes) else { return void };
        let mut out = Vec::with_capacity(Signature::LENGTH);
        out.extend_from_slice(&self.ed.sign(&message).to_bytes());
        // The only other error is that rejection sampling never ended; its chance is nil, and it fails closed.
        let Ok(ml) = self.ml.sign_deterministic(&message, context.as_bytes()) else { return void };
        out.extend_from_slice(ml.encode().as_slice());
        Signature(out.into())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({})", self.id().0.short())
    }
}

/// What both halves sign; `None` when the context could be mistaken for another with a longer message.
fn message(context: &str, key: KeyId, bytes: &[u8]) -> Option<Vec<u8>> {
    if context.len() > MAX_CONTEXT || context.contains('\0') {
        return None;
    }
    let mut out = Vec::with_capacity(context.len() + 33 + bytes.len());
    out.extend_from_slice(context.as_bytes());
    out.push(0);
    out.extend_from_slice(&key.0.0);
    out.extend_from_slice(bytes);
    Some(out)
}

/// Decodes base64url of exactly `length` bytes; the text's length is checked before anything is allocated.
pub(crate) fn decode(text: &str, length: usize) -> Result<Vec<u8>, InvalidKey> {
    let found = text.len().saturating_mul(3) / 4;
    if found != length {
        return Err(InvalidKey::Length { found, expected: length });
    }
    URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidKey::Encoding)
}
