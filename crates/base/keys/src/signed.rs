//! Signed documents: a JSON body in its canonical form (RFC 8785) and signatures over exactly those bytes.

use std::collections::BTreeSet;

use json::{Tape, Value};
use model::Digest;
use sha2::{Digest as _, Sha256};

use crate::fields::{Fields, LIMITS, Malformed, Object, canonical_text};
use crate::hybrid::{KeyId, PublicKey, SecretKey, Signature};

/// A body and who signed it.
///
/// Nothing has been verified about the signatures when a value of this type exists; the body is canonical and the
/// signatures are in order of their keys' ids, without two by one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// RFC 8785 text: what is signed, and whose digest names the document.
    pub body: String,
    /// Signatures by key id, ascending.
    pub signatures: Vec<(KeyId, Signature)>,
}

/// Why a signed document was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignedError {
    /// It is not such a document.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The key that should have signed has not.
    #[error("no signature by key {0}")]
    Missing(KeyId),
    /// A signature does not verify under this context.
    #[error("the signature by key {0} does not verify: the text was changed, or signed for another purpose")]
    Bad(KeyId),
    /// Too few of the keys that count have signed.
    #[error("{valid} of the keys that count have signed where {threshold} must")]
    TooFew {
        /// Distinct keys with a valid signature.
        valid: usize,
        /// How many are needed.
        threshold: usize,
    },
}

impl Signed {
    /// The most signatures one document carries.
    pub const MAX_SIGNATURES: usize = 64;

    /// Signs a JSON text, which is brought into canonical form first.
    ///
    /// # Errors
    /// [`SignedError::Malformed`] when the body is not a JSON object without duplicate names, has numbers of
    /// 2^53 or more, or two of the keys are the same.
    pub fn sign(body: &str, context: &str, keys: &[&SecretKey]) -> Result<Self, SignedError> {
        let mut signed = Self::unsigned(body)?;
        for key in keys {
            signed.add(context, key)?;
        }
        Ok(signed)
    }

    /// A document nobody has signed yet, for [`Self::add`].
    ///
    /// # Errors
    /// As [`Self::sign`].
    pub fn unsigned(body: &str) -> Result<Self, SignedError> {
        let body = canonical_text(body)?;
        if !body.starts_with('{') {
            return Err(Malformed::new("", "the body of a signed document is an object").into());
        }
        Ok(Self { body, signatures: Vec::new() })
    }

    /// Adds a signature: officers sign one after the other, each on a machine of their own.
    ///
    /// # Errors
    /// [`SignedError::Malformed`] when the key has signed already or there are too many signatures.
    pub fn add(&mut self, context: &str, key: &SecretKey) -> Result<(), SignedError> {
        self.attach(key.id(), key.sign(context, self.body.as_bytes()))
    }

    /// Adds a signature made elsewhere.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub fn attach(&mut self, by: KeyId, signature: Signature) -> Result<(), SignedError> {
        let at = match self.signatures.binary_search_by_key(&by, |(id, _)| *id) {
            Ok(_) => return Err(Malformed::new("/signatures", format!("key {by} has signed already")).into()),
            Err(at) => at,
        };
        if self.signatures.len() >= Self::MAX_SIGNATURES {
            let problem = format!("more than {} signatures", Self::MAX_SIGNATURES);
            return Err(Malformed::new("/signatures", problem).into());
        }
        self.signatures.insert(at, (by, signature));
        Ok(())
    }

    /// Reads a signed document: `{"body":{…},"signatures":[{"by":"<key id>","sig":"<base64url>"},…]}`.
    ///
    /// The text must be in canonical form as a whole, so that one document has one text; a line feed may follow.
    ///
    /// # Errors
    /// [`Malformed`] with a pointer: not JSON, duplicate or unknown names, too large, not canonical, signatures out of
    /// order or twice by one key.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let mut tape = Tape::new();
        let root = tape.parse(bytes, &LIMITS)?;
        let signed = Self::read(root, "")?;
        if signed.to_text().as_bytes() == bytes {
            Ok(signed)
        } else {
            Err(Malformed::new("", "not in canonical form (RFC 8785): no white space, members sorted"))
        }
    }

    /// Reads a document that stands inside another.
    pub(crate) fn read(value: Value<'_>, pointer: &str) -> Result<Self, Malformed> {
        let fields = Fields::of(value, pointer, &["body", "signatures"])?;
        let body = fields.value("body")?;
        if body.kind() != json::Kind::Object {
            return fields.fail("body", "the body of a signed document is an object");
        }
        if canonical_text(body.raw())? != body.raw() {
            return fields.fail("body", "not in canonical form (RFC 8785): no white space, members sorted");
        }
        let mut signatures: Vec<(KeyId, Signature)> = Vec::new();
        for (pointer, item) in fields.list("signatures", 0, Self::MAX_SIGNATURES)? {
            let item = Fields::of(item, &pointer, &["by", "sig"])?;
            let by: KeyId = item.parsed("by")?;
            let text = item.text("sig", 8192)?;
            let signature =
                Signature::parse(&text).map_err(|error| Malformed::new(item.at("sig"), error.to_string()))?;
            if signatures.last().is_some_and(|(last, _)| *last >= by) {
                return item.fail("by", "signatures are sorted by key, and no key signs twice");
            }
            signatures.push((by, signature));
        }
        Ok(Self { body: body.raw().to_owned(), signatures })
    }

    /// The one text of this document.
    #[must_use]
    pub fn to_text(&self) -> String {
        let signatures = self
            .signatures
            .iter()
            .map(|(by, sig)| Object::default().text("by", by).text("sig", sig.to_text()).finish());
        Object::default().raw("body", self.body.as_str()).list("signatures", signatures).finish()
    }

    /// SHA-256 of the body: what others refer to it by. More signatures do not change it.
    #[must_use]
    pub fn hash(&self) -> Digest {
        Digest(Sha256::digest(self.body.as_bytes()).into())
    }

    /// Calls `read` with the parsed body.
    ///
    /// # Errors
    /// What `read` finds wrong.
    pub fn with_body<T>(&self, read: impl FnOnce(Value<'_>) -> Result<T, Malformed>) -> Result<T, Malformed> {
        let mut tape = Tape::new();
        read(tape.parse(self.body.as_bytes(), &LIMITS)?)
    }

    /// Whether a key has signed, by its id alone.
    #[must_use]
    pub fn is_signed_by(&self, key: KeyId) -> bool {
        self.signature_by(key).is_some()
    }

    fn signature_by(&self, key: KeyId) -> Option<&Signature> {
        self.signatures.iter().find(|(by, _)| *by == key).map(|(_, signature)| signature)
    }

    /// Verifies the signature by one key.
    ///
    /// # Errors
    /// [`SignedError::Missing`] or [`SignedError::Bad`].
    pub fn verify_by(&self, context: &str, key: &PublicKey) -> Result<(), SignedError> {
        let signature = self.signature_by(key.id()).ok_or(SignedError::Missing(key.id()))?;
        key.verify(context, self.body.as_bytes(), signature).map_err(|_| SignedError::Bad(key.id()))
    }

    /// Verifies that at least `threshold` distinct keys of `keys` have signed, and says which.
    ///
    /// Signatures by other keys do not count and are not looked at. Keys that share a half are one. A signature by
    /// one of the keys that does not verify spoils the document: somebody has tampered with it.
    ///
    /// # Errors
    /// [`SignedError::Bad`], or [`SignedError::TooFew`], always so for a threshold of 0.
    pub fn verify_threshold(
        &self,
        context: &str,
        keys: &[PublicKey],
        threshold: usize,
    ) -> Result<BTreeSet<KeyId>, SignedError> {
        let mut counted: Vec<&PublicKey> = Vec::new();
        for key in keys.iter().filter(|key| self.is_signed_by(key.id())) {
            self.verify_by(context, key)?;
            if !counted.iter().any(|other| other.shares_a_half(key)) {
                counted.push(key);
            }
        }
        if threshold == 0 || counted.len() < threshold {
            return Err(SignedError::TooFew { valid: counted.len(), threshold });
        }
        Ok(counted.into_iter().map(PublicKey::id).collect())
    }
}
