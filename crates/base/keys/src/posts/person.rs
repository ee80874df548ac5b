//! Persons' keys: hybrid key files, and passkeys (WebAuthn Level 3).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::Digest;
use p256::ecdsa::signature::Verifier as _;
use sha2::{Digest as _, Sha256};

use super::approval::{ApprovalError, Site, check_authenticator, check_client};
use crate::fields::Malformed;
use crate::hybrid::{BadSignature, KeyId, PublicKey};

/// A key that a person signs with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum PersonKey {
    /// A hybrid key, kept in a sealed file.
    Hybrid(PublicKey),
    /// A passkey with ECDSA on P-256 and SHA-256 (COSE algorithm -7): the point, uncompressed (SEC 1 §2.3.3).
    Es256([u8; 65]),
    /// A passkey with Ed25519 (COSE algorithm -8).
    Ed25519([u8; 32]),
}

/// A passkey as a browser hands it over when it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// The credential's id, by which browsers find it.
    pub credential: Vec<u8>,
    /// Its public key.
    pub key: PersonKey,
}

impl PersonKey {
    /// A passkey's P-256 point, uncompressed.
    ///
    /// # Errors
    /// [`Malformed`] when it is not a point of the curve in that form.
    pub fn es256(bytes: &[u8]) -> Result<Self, Malformed> {
        let invalid = || Malformed::new("", "not an uncompressed point of P-256");
        let point: [u8; 65] = bytes.try_into().map_err(|_| invalid())?;
        if point.first() != Some(&4) {
            return Err(invalid());
        }
        p256::ecdsa::VerifyingKey::from_sec1_bytes(&point).map_err(|_| invalid())?;
        Ok(Self::Es256(point))
    }

    /// A passkey's Ed25519 key.
    ///
    /// # Errors
    /// [`Malformed`] for what is no point of large order in its one spelling.
    pub fn ed25519(bytes: &[u8]) -> Result<Self, Malformed> {
        let invalid = || Malformed::new("", "not a usable Ed25519 key");
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| invalid())?;
        crate::hybrid::ed25519_key(&bytes).map_err(|_| invalid())?;
        Ok(Self::Ed25519(bytes))
    }

    /// Reads a COSE_Key (RFC 9052 §7) as WebAuthn §6.5.1.1 restricts it: only what the algorithm needs.
    ///
    /// # Errors
    /// [`Malformed`] for other algorithms, and for anything besides.
    pub fn from_cose(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Cbor(bytes);
        let key = reader.cose_key()?;
        if reader.0.is_empty() { Ok(key) } else { Err(Malformed::new("", "bytes follow the COSE key")) }
    }

    /// The key's id: a hybrid key's own, or for passkeys SHA-256 over `shieldwall/passkey-id/v1`, a zero byte, and
    /// [`Self::to_text`].
    #[must_use]
    pub fn id(&self) -> KeyId {
        match self {
            Self::Hybrid(key) => key.id(),
            Self::Es256(_) | Self::Ed25519(_) => {
                let hash = Sha256::new().chain_update(b"shieldwall/passkey-id/v1\0");
                KeyId(Digest(hash.chain_update(self.to_text()).finalize().into()))
            }
        }
    }

    /// `hybrid:`, `es256:` or `ed25519:` and the key in base64url without padding.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            Self::Hybrid(key) => format!("hybrid:{}", key.to_text()),
            Self::Es256(point) => format!("es256:{}", URL_SAFE_NO_PAD.encode(point)),
            Self::Ed25519(key) => format!("ed25519:{}", URL_SAFE_NO_PAD.encode(key)),
        }
    }

    /// Reads [`Self::to_text`].
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let unknown =
            || Malformed::new("", "must be `hybrid:`, `es256:` or `ed25519:` and a key in base64url");
        let (kind, key) = text.split_once(':').ok_or_else(unknown)?;
        if kind == "hybrid" {
            let key = PublicKey::parse(key).map_err(|error| Malformed::new("", error.to_string()))?;
            return Ok(Self::Hybrid(key));
        }
        if key.len() > 128 {
            return Err(unknown());
        }
        let bytes = URL_SAFE_NO_PAD.decode(key).map_err(|_| unknown())?;
        match kind {
            "es256" => Self::es256(&bytes),
            "ed25519" => Self::ed25519(&bytes),
            _ => Err(unknown()),
        }
    }

    /// The elementary keys in it. Persons who have one in common are one person.
    pub(super) fn parts(&self) -> Vec<&[u8]> {
        match self {
            Self::Hybrid(key) => vec![key.ed25519(), key.ml_dsa()],
            Self::Es256(point) => vec![point],
            Self::Ed25519(key) => vec![key],
        }
    }

    /// Verifies a passkey's bare signature; a hybrid key has none.
    pub(super) fn verify_passkey(&self, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        match self {
            Self::Hybrid(_) => Err(BadSignature),
            Self::Es256(point) => {
                let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(point).map_err(|_| BadSignature)?;
                let signature = p256::ecdsa::Signature::from_der(signature).map_err(|_| BadSignature)?;
                key.verify(message, &signature).map_err(|_| BadSignature)
            }
            Self::Ed25519(key) => {
                let key = crate::hybrid::ed25519_key(key).map_err(|_| BadSignature)?;
                let signature = ed25519_dalek::Signature::from_slice(signature).map_err(|_| BadSignature)?;
                key.verify_strict(message, &signature).map_err(|_| BadSignature)
            }
        }
    }
}

impl Registration {
    /// Verifies what a browser returns for a new passkey: `authenticator` and `client` are its authenticator data and
    /// client data; `challenge` is what it was asked to sign (WebAuthn §7.1, without attestation: whose passkey this
    /// is, the appointment says).
    ///
    /// # Errors
    /// [`ApprovalError`].
    pub fn verify(
        site: &Site,
        challenge: &[u8; 32],
        authenticator: &[u8],
        client: &[u8],
    ) -> Result<Self, ApprovalError> {
        check_client(client, "webauthn.create", challenge, site)?;
        let flags = check_authenticator(authenticator, site)?;
        let missing = || Malformed::new("", "the authenticator data has no credential");
        if flags & ATTESTED == 0 {
            return Err(missing().into());
        }
        let (_, rest) = authenticator.split_at_checked(37 + 16).ok_or_else(missing)?;
        let (length, rest) = rest.split_first_chunk::<2>().ok_or_else(missing)?;
        let length = usize::from(u16::from_be_bytes(*length));
        // WebAuthn §5.8.3: credential ids are at most 1023 bytes.
        let (credential, rest) =
            rest.split_at_checked(length).filter(|_| (1..=1023).contains(&length)).ok_or_else(missing)?;
        let mut reader = Cbor(rest);
        let key = reader.cose_key()?;
        // Extensions may follow, and only when the flags say so; they mean nothing here.
        if (flags & EXTENSIONS == 0) != reader.0.is_empty() {
            return Err(Malformed::new("", "bytes follow the credential, or extensions are missing").into());
        }
        Ok(Self { credential: credential.to_vec(), key })
    }
}

/// WebAuthn §6.1: attested credential data is included.
const ATTESTED: u8 = 1 << 6;
/// WebAuthn §6.1: extension data is included.
pub(super) const EXTENSIONS: u8 = 1 << 7;

/// Enough of CBOR (RFC 8949) for a COSE key: one map of integers to integers and byte strings.
struct Cbor<'a>(&'a [u8]);

enum Item<'a> {
    Int(i64),
    Bytes(&'a [u8]),
}

impl<'a> Cbor<'a> {
    fn fail<T>() -> Result<T, Malformed> {
        Err(Malformed::new("", "not a COSE key for ES256 or Ed25519, as WebAuthn §6.5.1.1 writes it"))
    }

    /// Major type and argument, in the shortest form only (RFC 8949 §4.2.1).
    fn head(&mut self) -> Result<(u8, u64), Malformed> {
        let Some((first, rest)) = self.0.split_first() else { return Self::fail() };
        let (major, short) = (first >> 5, first & 0x1f);
        self.0 = rest;
        match short {
            0..24 => Ok((major, u64::from(short))),
            24 => {
                let Some((byte, rest)) = self.0.split_first() else { return Self::fail() };
                self.0 = rest;
                if *byte < 24 { Self::fail() } else { Ok((major, u64::from(*byte))) }
            }
            // Nothing in such a key is as long as 256.
            _ => Self::fail(),
        }
    }

    fn item(&mut self) -> Result<Item<'a>, Malformed> {
        let (major, argument) = self.head()?;
        let small = i64::try_from(argument).unwrap_or(i64::MAX);
        match major {
            0 => Ok(Item::Int(small)),
            1 => Ok(Item::Int(-1 - small)),
            2 => {
                let length = usize::try_from(argument).unwrap_or(usize::MAX);
                let Some((bytes, rest)) = self.0.split_at_checked(length) else { return Self::fail() };
                self.0 = rest;
                Ok(Item::Bytes(bytes))
            }
            _ => Self::fail(),
        }
    }

    fn cose_key(&mut self) -> Result<PersonKey, Malformed> {
        let (major, pairs) = self.head()?;
        if major != 5 || pairs > 5 {
            return Self::fail();
        }
        let (mut numbers, mut x, mut y) = ([None; 3], None, None);
        for _ in 0..pairs {
            let Item::Int(label) = self.item()? else { return Self::fail() };
            let fresh = match (label, self.item()?) {
                (1, Item::Int(kind)) => numbers[0].replace(kind).is_none(),
                (3, Item::Int(algorithm)) => numbers[1].replace(algorithm).is_none(),
                (-1, Item::Int(curve)) => numbers[2].replace(curve).is_none(),
                (-2, Item::Bytes(bytes)) => x.replace(bytes).is_none(),
                (-3, Item::Bytes(bytes)) => y.replace(bytes).is_none(),
                _ => false,
            };
            if !fresh {
                return Self::fail();
            }
        }
        match (numbers, x, y) {
            ([Some(2), Some(-7), Some(1)], Some(x), Some(y)) => PersonKey::es256(&[&[4], x, y].concat()),
            ([Some(1), Some(-8), Some(6)], Some(x), None) => PersonKey::ed25519(x),
            _ => Self::fail(),
        }
    }
}
