//! Who signs, and whose signatures count.

use std::collections::BTreeMap;

use keys::events::{KeyHistory, Reason};
use keys::{KeyId, PublicKey, SecretKey, Signature, Signed};
use model::{PartyId, Timestamp};

use crate::read::Malformed;

/// Something that signs for us: an epoch's key, as a rule.
pub trait Signer {
    /// Signs a canonical body under a context, and says by which key.
    fn sign(&self, context: &str, body: &str) -> (KeyId, Signature);
}

impl Signer for SecretKey {
    fn sign(&self, context: &str, body: &str) -> (KeyId, Signature) {
        (self.id(), Self::sign(self, context, body.as_bytes()))
    }
}

/// How a key stands in its party's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It was that party's key when it signed, and has been rotated since. It opens no new stream epoch.
    Earlier,
    /// It is that party's key now.
    Current,
}

/// What is known of other parties' keys.
pub trait Signers {
    /// The key of `party` with this id, if it vouches by our clock `now` for something that claims to have been
    /// signed at `at`. A revoked key vouches for nothing; a claim never makes a key hold longer than our own record
    /// of the history says.
    fn key(&self, party: PartyId, by: KeyId, at: Timestamp, now: Timestamp) -> Option<(PublicKey, Standing)>;

    /// Verifies a signature by a party over a canonical body.
    ///
    /// # Errors
    /// [`BadSigner`].
    fn verify(&self, claim: &Claim<'_>, now: Timestamp) -> Result<Standing, BadSigner> {
        let key = self.key(claim.party, claim.by, claim.at, now);
        let (key, standing) = key.ok_or(BadSigner::Unknown { party: claim.party, key: claim.by })?;
        let verified = key.verify(claim.context, claim.body.as_bytes(), claim.signature);
        verified.map_err(|_| BadSigner::Bad { party: claim.party, key: claim.by })?;
        Ok(standing)
    }
}

/// Key histories as this node knows them.
///
/// What claims to be signed in the future is judged by our clock, so that a claim does not make a key hold before or
/// after it does; what claims to be signed in the past may have been under way for long, and is judged by the key's
/// own time. A key that somebody else may have vouches for nothing any more, since whoever has it can write any date;
/// after another revocation, or a fork, what was signed before still counts.
impl Signers for BTreeMap<PartyId, KeyHistory> {
    fn key(&self, party: PartyId, by: KeyId, at: Timestamp, now: Timestamp) -> Option<(PublicKey, Standing)> {
        let history = self.get(&party)?;
        if history.revoked(by).is_some_and(|revoked| revoked.reason == Reason::Compromised) {
            return None;
        }
        let key = if at > now {
            history.epoch_now(by, now).ok()?.key.clone()
        } else {
            history.key_for(by, at).ok()?.clone()
        };
        let current = history.current(now).is_ok_and(|epoch| epoch.key.id() == by);
        Some((key, if current { Standing::Current } else { Standing::Earlier }))
    }
}

/// A signature that is claimed to be a party's.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// Who is said to have signed.
    pub party: PartyId,
    /// With which key.
    pub by: KeyId,
    /// Under which context.
    pub context: &'a str,
    /// What.
    pub body: &'a str,
    /// The signature.
    pub signature: &'a Signature,
    /// When, as the body says.
    pub at: Timestamp,
}

/// A signature does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSigner {
    /// The key is not one that vouches for the party.
    #[error(
        "key {} does not vouch for party {} (unknown, revoked or out of date); fetch the party's key events",
        key.0.short(),
        party.0.short()
    )]
    Unknown {
        /// The party.
        party: PartyId,
        /// The key.
        key: KeyId,
    },
    /// The signature does not verify.
    #[error("the signature by key {} of party {} does not verify", key.0.short(), party.0.short())]
    Bad {
        /// The party.
        party: PartyId,
        /// The key.
        key: KeyId,
    },
}

/// Signs a body, which must be canonical already.
pub(crate) fn signed(context: &str, body: String, signer: &dyn Signer) -> Signed {
    let signature = signer.sign(context, &body);
    Signed { body, signatures: vec![signature] }
}

/// Reads a document with exactly one signature.
pub(crate) fn read_signed(
    what: &'static str,
    text: &str,
    limit: usize,
) -> Result<(String, KeyId, Signature), Malformed> {
    if text.len() > limit {
        return Err(Malformed::new(what, format!("longer than {limit} bytes")));
    }
    let signed = Signed::parse(text.as_bytes()).map_err(|error| Malformed::new(what, error.to_string()))?;
    let mut signatures = signed.signatures.into_iter();
    match (signatures.next(), signatures.next()) {
        (Some((by, signature)), None) => Ok((signed.body, by, signature)),
        _ => Err(Malformed::new(what, "exactly one signature is needed")),
    }
}
