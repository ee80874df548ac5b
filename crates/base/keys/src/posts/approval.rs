//! A person's approval of exact bytes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use json::{Limits, Tape, Value};
use sha2::{Digest as _, Sha256};

use super::person::{EXTENSIONS, PersonKey};
use crate::context;
use crate::fields::{Fields, Malformed, Object};
use crate::hybrid::{KeyId, SecretKey, Signature};

/// Where passkeys are used: what browsers and authenticators bind their answers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// The relying party id: a host name (WebAuthn §5.1.2).
    pub relying_party: String,
    /// Origins such as `https://node.example`, of which one must have asked.
    pub origins: Vec<String>,
}

/// What a passkey answered (WebAuthn §5.2.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assertion {
    /// Authenticator data (§6.1).
    pub authenticator: Vec<u8>,
    /// Client data: JSON as the browser wrote it (§5.8.1).
    pub client: Vec<u8>,
    /// The signature over both.
    pub signature: Vec<u8>,
}

/// How the person approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// With a hybrid key.
    Hybrid(Signature),
    /// With a passkey.
    Passkey(Assertion),
}

/// One person's approval. Which bytes were approved does not stand in it: whoever verifies must have them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// The person's key.
    pub by: KeyId,
    /// How.
    pub proof: Proof,
}

/// Why an approval does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApprovalError {
    /// It is not such a document.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// By another key, or by a key of another kind.
    #[error("not by this key")]
    OtherKey,
    /// The signature does not verify.
    #[error("the signature does not verify: other bytes were approved, or by someone else")]
    Signature,
    /// Not what browsers answer here.
    #[error("the passkey answered a `{0}` request")]
    Type(String),
    /// The passkey was asked about something else.
    #[error("the passkey approved other bytes than these")]
    Challenge,
    /// Asked by a page that is not ours, or from within one.
    #[error("a page of `{0}` asked for the passkey, which is not one of ours")]
    Origin(String),
    /// The passkey belongs to another site.
    #[error("the passkey answered for another site")]
    Site,
    /// Nobody touched the authenticator.
    #[error("no person was present at the authenticator")]
    Presence,
    /// The authenticator did not ask who it was.
    #[error("the authenticator did not verify the person: a PIN or fingerprint is needed")]
    Verification,
    /// Passkeys are not in use here.
    #[error("passkeys are not set up here")]
    NoSite,
}

/// The challenge that a passkey must be given to approve these bytes: SHA-256 over the approval context, a zero byte,
/// and the bytes.
#[must_use]
pub fn challenge(bytes: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(context::APPROVAL).chain_update(b"\0").chain_update(bytes).finalize().into()
}

impl Approval {
    /// Approves with a hybrid key.
    #[must_use]
    pub fn sign(key: &SecretKey, bytes: &[u8]) -> Self {
        Self { by: key.id(), proof: Proof::Hybrid(key.sign(context::APPROVAL, bytes)) }
    }

    /// Verifies the approval of exactly these bytes by a key. Without a `site`, passkeys do not count.
    ///
    /// # Errors
    /// [`ApprovalError`].
    pub fn verify(&self, key: &PersonKey, bytes: &[u8], site: Option<&Site>) -> Result<(), ApprovalError> {
        if key.id() != self.by {
            return Err(ApprovalError::OtherKey);
        }
        match (&self.proof, key) {
            (Proof::Hybrid(signature), PersonKey::Hybrid(key)) => {
                key.verify(context::APPROVAL, bytes, signature).map_err(|_| ApprovalError::Signature)
            }
            (Proof::Passkey(assertion), PersonKey::Es256(_) | PersonKey::Ed25519(_)) => {
                assertion.verify(key, &challenge(bytes), site.ok_or(ApprovalError::NoSite)?)
            }
            _ => Err(ApprovalError::OtherKey),
        }
    }

    /// The approval as canonical JSON, to stand in other documents.
    #[must_use]
    pub fn to_text(&self) -> String {
        let object = Object::default().text("by", self.by);
        let object = match &self.proof {
            Proof::Hybrid(signature) => object.text("sig", signature.to_text()),
            Proof::Passkey(Assertion { authenticator, client, signature }) => object
                .text("authenticator", URL_SAFE_NO_PAD.encode(authenticator))
                .text("client", URL_SAFE_NO_PAD.encode(client))
                .text("sig", URL_SAFE_NO_PAD.encode(signature)),
        };
        object.finish()
    }

    /// Reads [`Self::to_text`].
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut tape = Tape::new();
        Self::read(tape.parse(bytes, &Limits::new(32 << 10, 4, 64))?, "")
    }

    /// Reads an approval that stands inside another document, at `pointer` there.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn read(value: Value<'_>, pointer: &str) -> Result<Self, Malformed> {
        let fields = Fields::of(value, pointer, &["by", "sig", "authenticator", "client"])?;
        let by = fields.parsed("by")?;
        let passkey = fields.optional("authenticator").is_some() || fields.optional("client").is_some();
        let proof = if passkey {
            Proof::Passkey(Assertion {
                authenticator: fields.bytes("authenticator", 2048)?,
                client: fields.bytes("client", 4096)?,
                signature: fields.bytes("sig", 128)?,
            })
        } else {
            let signature = Signature::from_bytes(&fields.bytes("sig", Signature::LENGTH)?);
            Proof::Hybrid(signature.map_err(|error| Malformed::new(fields.at("sig"), error.to_string()))?)
        };
        Ok(Self { by, proof })
    }
}

impl Assertion {
    /// WebAuthn §7.2, steps 11 to 21; user verification is required. The signature counter says nothing here: keys that
    /// are synchronised between devices do not count.
    fn verify(&self, key: &PersonKey, challenge: &[u8; 32], site: &Site) -> Result<(), ApprovalError> {
        check_client(&self.client, "webauthn.get", challenge, site)?;
        let flags = check_authenticator(&self.authenticator, site)?;
        if flags & EXTENSIONS == 0 && self.authenticator.len() != 37 {
            return Err(Malformed::new("/authenticator", "bytes follow the authenticator data").into());
        }
        let message = [self.authenticator.as_slice(), &Sha256::digest(&self.client)].concat();
        key.verify_passkey(&message, &self.signature).map_err(|_| ApprovalError::Signature)
    }
}

/// What the browser says: which kind of request it answered, about what, and whose page asked.
pub(super) fn check_client(
    client: &[u8],
    kind: &str,
    challenge: &[u8; 32],
    site: &Site,
) -> Result<(), ApprovalError> {
    let mut tape = Tape::new();
    let limits = Limits::new(4096, 8, 256);
    let data = tape.parse(client, &limits).map_err(Malformed::from)?;
    let text = |name: &str| data.get(name).and_then(|value| value.as_str()).unwrap_or_default();
    if text("type") != kind {
        return Err(ApprovalError::Type(crate::fields::shorten(&text("type"))));
    }
    if text("challenge") != URL_SAFE_NO_PAD.encode(challenge) {
        return Err(ApprovalError::Challenge);
    }
    let origin = text("origin");
    let ours = site.origins.iter().any(|own| *own == origin);
    // Someone else's page may hold ours in a frame and lead the person's finger.
    let framed = data.get("crossOrigin").is_some_and(|value| value.as_bool() != Some(false));
    if !ours || framed || data.get("topOrigin").is_some() {
        return Err(ApprovalError::Origin(crate::fields::shorten(&origin)));
    }
    Ok(())
}

/// What the authenticator says: for which site, and that a person was there and was verified. Returns the flags.
pub(super) fn check_authenticator(data: &[u8], site: &Site) -> Result<u8, ApprovalError> {
    let short = || Malformed::new("/authenticator", "shorter than the 37 bytes of authenticator data");
    let (hash, rest) = data.split_first_chunk::<32>().ok_or_else(short)?;
    let (flags, _) = rest.split_first().filter(|(_, rest)| rest.len() >= 4).ok_or_else(short)?;
    if *hash != <[u8; 32]>::from(Sha256::digest(site.relying_party.as_bytes())) {
        return Err(ApprovalError::Site);
    }
    if flags & 1 == 0 {
        return Err(ApprovalError::Presence);
    }
    if flags & 1 << 2 == 0 {
        return Err(ApprovalError::Verification);
    }
    Ok(*flags)
}
