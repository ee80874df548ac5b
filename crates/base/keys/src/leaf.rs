//! Statements that vouch for the keys of TLS connections, for at most seven days.
//!
//! The certificate of a connection is self-signed and worth nothing; it carries a statement in which the party's epoch
//! key names the digest of the certificate's public key. A node that rotates its epoch key issues a new leaf with it:
//! the old key's statements end with its epoch.

use model::{Digest, PartyId, Timestamp};

use crate::context;
use crate::events::{KeyError, KeyHistory};
use crate::fields::{Fields, Malformed, Object};
use crate::hybrid::{KeyId, SecretKey};
use crate::signed::{Signed, SignedError};
use crate::window::{DAY, Outside, SKEW, Window};

/// The longest a leaf holds, in microseconds: seven days.
pub const MAX_LEAF: i64 = 7 * DAY;

/// Why a leaf was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LeafError {
    /// It is not such a document.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// Of another party than the one whose keys were asked.
    #[error("the statement is party {0}'s")]
    OtherParty(PartyId),
    /// It vouches for another key than the connection's.
    #[error("the statement is for another TLS key than the one presented")]
    OtherKey,
    /// Longer than seven days, or for no time at all.
    #[error("a leaf from {} until {}: it must last more than nothing and at most 7 days", .0.from, .0.until)]
    Length(Window),
    /// It does not hold now, by our clock. One that begins in the future tells of a clock that runs ahead.
    #[error("the leaf {0}: renew it, and check both clocks")]
    Outside(#[from] Outside),
    /// The epoch key does not hold, or did not sign.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// What the statement says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeafStatement {
    /// Whose connection it is.
    pub party: PartyId,
    /// The epoch key that signs.
    pub key: KeyId,
    /// SHA-256 of the certificate's SubjectPublicKeyInfo, DER.
    pub spki: Digest,
    /// `not_before` and `not_after`.
    pub window: Window,
}

impl LeafStatement {
    /// Vouches for a TLS key, from five minutes ago (for peers whose clocks run behind) until seven days after that or
    /// `until`, whichever is first.
    ///
    /// # Errors
    /// [`LeafError::Length`] when `until` has passed.
    pub fn issue(
        party: PartyId,
        epoch: &SecretKey,
        spki: Digest,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Signed, LeafError> {
        let from = now.plus_micros(-SKEW);
        let window = Window { from, until: until.min(from.plus_micros(MAX_LEAF)) };
        let statement = Self { party, key: epoch.id(), spki, window };
        if window.until <= now {
            return Err(LeafError::Length(window));
        }
        let signed = Signed::sign(&statement.to_body(), context::LEAF, &[epoch]).map_err(KeyError::from)?;
        Ok(signed)
    }

    /// The body, in canonical form.
    #[must_use]
    pub fn to_body(&self) -> String {
        Object::of("leaf")
            .text("party", self.party)
            .text("epoch", self.key)
            .text("spki", self.spki)
            .text("not_before", self.window.from)
            .text("not_after", self.window.until)
            .finish()
    }

    /// Reads a statement, to know whose keys to ask. Nothing is verified.
    ///
    /// # Errors
    /// [`Malformed`] with a pointer into the body.
    pub fn read(signed: &Signed) -> Result<Self, Malformed> {
        signed.with_body(|body| {
            let known = ["type", "v", "party", "epoch", "spki", "not_before", "not_after"];
            let fields = Fields::of(body, "", &known)?;
            fields.kind("leaf")?;
            Ok(Self {
                party: fields.parsed("party")?,
                key: fields.parsed("epoch")?,
                spki: fields.parsed("spki")?,
                window: Window { from: fields.time("not_before")?, until: fields.time("not_after")? },
            })
        })
    }

    /// Verifies a statement for the key that a connection presented. `now` is our clock, and the only one that counts.
    ///
    /// The result's window is the narrower of the leaf's and the epoch's: close the connection when it ends.
    ///
    /// # Errors
    /// [`LeafError`].
    pub fn verify(
        signed: &Signed,
        history: &KeyHistory,
        spki: Digest,
        now: Timestamp,
    ) -> Result<Self, LeafError> {
        let statement = Self::read(signed)?;
        if statement.party != history.party() {
            return Err(LeafError::OtherParty(statement.party));
        }
        if statement.spki != spki {
            return Err(LeafError::OtherKey);
        }
        let window = statement.window;
        if window.is_empty() || window.until > window.from.plus_micros(MAX_LEAF) {
            return Err(LeafError::Length(window));
        }
        window.check(now)?;
        let epoch = history.epoch_now(statement.key, now)?;
        signed.verify_by(context::LEAF, &epoch.key).map_err(KeyError::from)?;
        Ok(Self { window: window.narrow(&epoch.window), ..statement })
    }
}

impl From<SignedError> for LeafError {
    fn from(error: SignedError) -> Self {
        Self::Key(error.into())
    }
}
