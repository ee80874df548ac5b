//! Pairing by files or calls: invitation, acceptance, opening; and the words that two people then compare.
//!
//! Each document carries what is needed to verify it: the key events of the party that signs. That proves no more than
//! that the party is itself. Who that is, people find out by reading the words of [`crate::words`] to each other; and
//! either side may end the pairing without a reason.
//!
//! [`Signed::parse`] gives the documents from files; verifying them gives back the other side's key history.

use model::{Digest, PartyId, Timestamp};

use crate::context;
use crate::events::{EventError, KeyError, KeyHistory, read_event_list, write_events};
use crate::fields::{Fields, Malformed, Object, check_line};
use crate::hybrid::SecretKey;
use crate::signed::{Signed, SignedError};
use crate::window::{DAY, Outside, SKEW, Window};
use crate::words::{Pairing, commitment};

/// The longest an invitation or acceptance is good for, in microseconds: 30 days.
pub const MAX_INVITATION: i64 = 30 * DAY;

/// Why a document of a pairing was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PairingError {
    /// It is not such a document.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The key events in it are not in order.
    #[error("its key events are not in order: {0}")]
    Events(#[from] EventError),
    /// Not signed by the epoch key that held.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// It has expired, or comes from the future.
    #[error("the document {0}: ask for a new one, and check both clocks")]
    Outside(#[from] Outside),
    /// Good for longer than 30 days, or for no time at all.
    #[error("good from {} until {}: it must be more than nothing and at most 30 days", .0.from, .0.until)]
    Length(Window),
    /// It answers another invitation or acceptance.
    #[error("it answers {found}, not {expected}")]
    OtherDocument {
        /// The digest of the one that was sent.
        expected: Digest,
        /// The digest it names.
        found: Digest,
    },
    /// By a party other than the one it should be by.
    #[error("it is party {0}'s, and should not be")]
    OtherParty(PartyId),
    /// The nonce is not the one that was committed to.
    #[error(
        "the nonce is not the one that was committed to: somebody may stand in the middle; end this pairing"
    )]
    Commitment,
}

impl From<SignedError> for PairingError {
    fn from(error: SignedError) -> Self {
        Self::Key(error.into())
    }
}

/// What a party says of itself in an invitation or acceptance, verified.
#[derive(Debug, Clone)]
pub struct Side {
    /// Its key history.
    pub history: KeyHistory,
    /// `https://host:port` of its peer port; `None` for a party that is reached by files only.
    pub endpoint: Option<String>,
    /// Until when it may be answered, by our clock.
    pub window: Window,
    /// Digest of the document.
    pub hash: Digest,
}

/// An invitation, verified.
#[derive(Debug, Clone)]
pub struct Invitation {
    /// Who invites.
    pub from: Side,
    /// The commitment to its nonce.
    pub commitment: Digest,
}

/// An acceptance, verified.
#[derive(Debug, Clone)]
pub struct Acceptance {
    /// Who accepts.
    pub from: Side,
    /// Digest of the invitation it answers.
    pub invitation: Digest,
    /// Its nonce.
    pub nonce: [u8; 32],
}

/// Who signs, and with what.
#[derive(Clone, Copy)]
pub struct Signer<'a> {
    /// Our key history.
    pub history: &'a KeyHistory,
    /// Our epoch key.
    pub epoch: &'a SecretKey,
    /// Our endpoint, as in [`Side::endpoint`].
    pub endpoint: Option<&'a str>,
}

impl Invitation {
    /// Invites somebody. `nonce` must be fresh and stay secret until [`open_commitment`].
    ///
    /// # Errors
    /// [`PairingError::Length`], or [`PairingError::Malformed`] for an endpoint that is no line.
    pub fn issue(
        signer: Signer<'_>,
        nonce: &[u8; 32],
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Signed, PairingError> {
        let body = Object::of("invitation").text("commitment", commitment(signer.history.party(), nonce));
        issue(body, signer, now, until)
    }

    /// Verifies an invitation by itself. `now` is our clock.
    ///
    /// # Errors
    /// [`PairingError`].
    pub fn verify(signed: &Signed, now: Timestamp) -> Result<Self, PairingError> {
        let (from, commitment) =
            verify(signed, "invitation", &["commitment"], now, |fields| fields.parsed("commitment"))?;
        Ok(Self { from, commitment })
    }
}

impl Acceptance {
    /// Accepts an invitation that was verified. `nonce` must be fresh.
    ///
    /// # Errors
    /// As [`Invitation::issue`], and [`PairingError::OtherParty`] for an invitation of our own.
    pub fn issue(
        invitation: &Invitation,
        signer: Signer<'_>,
        nonce: &[u8; 32],
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Signed, PairingError> {
        if invitation.from.history.party() == signer.history.party() {
            return Err(PairingError::OtherParty(signer.history.party()));
        }
        let body =
            Object::of("acceptance").text("invitation", invitation.from.hash).text("nonce", Digest(*nonce));
        issue(body, signer, now, until)
    }

    /// Verifies an acceptance of the invitation that we, `own`, sent and whose digest is `invitation`. `now` is our
    /// clock.
    ///
    /// # Errors
    /// [`PairingError`].
    pub fn verify(
        signed: &Signed,
        own: PartyId,
        invitation: Digest,
        now: Timestamp,
    ) -> Result<Self, PairingError> {
        let (from, (answers, nonce)) =
            verify(signed, "acceptance", &["invitation", "nonce"], now, |fields| {
                Ok((fields.parsed::<Digest>("invitation")?, fields.parsed::<Digest>("nonce")?))
            })?;
        if from.history.party() == own {
            return Err(PairingError::OtherParty(own));
        }
        if answers != invitation {
            return Err(PairingError::OtherDocument { expected: invitation, found: answers });
        }
        Ok(Self { from, invitation: answers, nonce: nonce.0 })
    }
}

/// Opens the inviter's commitment, after the acceptance has come; and gives the words.
///
/// Send it once, for one acceptance: a second one for another acceptance would let its sender choose among words.
///
/// # Errors
/// [`PairingError::Key`] only for a key that cannot sign.
pub fn open_commitment(
    signer: Signer<'_>,
    acceptance: &Acceptance,
    nonce: &[u8; 32],
) -> Result<(Signed, Pairing), PairingError> {
    let body = Object::of("opening")
        .text("party", signer.history.party())
        .text("acceptance", acceptance.from.hash)
        .text("nonce", Digest(*nonce))
        .finish();
    let signed = Signed::sign(&body, context::INVITATION, &[signer.epoch])?;
    let pairing = Pairing {
        inviter: signer.history.party(),
        accepter: acceptance.from.history.party(),
        invitation: acceptance.invitation,
        acceptance: acceptance.from.hash,
        inviter_nonce: *nonce,
        accepter_nonce: acceptance.nonce,
    };
    Ok((signed, pairing))
}

/// Verifies the inviter's opening on the side that accepted, and gives the words. `accepter` and `acceptance` are ours:
/// our party, the digest of what we sent and the nonce in it. `now` is our clock.
///
/// # Errors
/// [`PairingError`]; after [`PairingError::Commitment`] the pairing should be ended.
pub fn verify_opening(
    signed: &Signed,
    invitation: &Invitation,
    accepter: PartyId,
    acceptance: Digest,
    accepter_nonce: [u8; 32],
    now: Timestamp,
) -> Result<Pairing, PairingError> {
    let (party, answers, nonce) = signed.with_body(|body| {
        let fields = Fields::of(body, "", &["type", "v", "party", "acceptance", "nonce"])?;
        fields.kind("opening")?;
        Ok((
            fields.parsed::<PartyId>("party")?,
            fields.parsed::<Digest>("acceptance")?,
            fields.parsed::<Digest>("nonce")?,
        ))
    })?;
    let inviter = invitation.from.history.party();
    if party != inviter {
        return Err(PairingError::OtherParty(party));
    }
    if answers != acceptance {
        return Err(PairingError::OtherDocument { expected: acceptance, found: answers });
    }
    let key = &invitation.from.history.current(now)?.key;
    signed.verify_by(context::INVITATION, key)?;
    if commitment(inviter, &nonce.0) != invitation.commitment {
        return Err(PairingError::Commitment);
    }
    Ok(Pairing {
        inviter,
        accepter,
        invitation: invitation.from.hash,
        acceptance,
        inviter_nonce: nonce.0,
        accepter_nonce,
    })
}

/// Signs what invitation and acceptance have in common.
fn issue(body: Object, signer: Signer<'_>, now: Timestamp, until: Timestamp) -> Result<Signed, PairingError> {
    let window = Window { from: now, until };
    if window.is_empty() || until > now.plus_micros(MAX_INVITATION) {
        return Err(PairingError::Length(window));
    }
    let mut body = body
        .text("party", signer.history.party())
        .raw("events", write_events(signer.history.events()))
        .text("created", now)
        .text("expires", until);
    if let Some(endpoint) = signer.endpoint {
        check_endpoint(endpoint).map_err(|why| Malformed::new("/endpoint", why))?;
        body = body.text("endpoint", endpoint);
    }
    Ok(Signed::sign(&body.finish(), context::INVITATION, &[signer.epoch])?)
}

fn check_endpoint(endpoint: &str) -> Result<(), &'static str> {
    check_line(endpoint)?;
    let host = endpoint.strip_prefix("https://").unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']');
    if !host.is_empty() && host.len() <= 300 && host.bytes().all(plain) {
        Ok(())
    } else {
        Err("must be `https://host:port` and nothing more")
    }
}

/// Verifies what invitation and acceptance have in common.
fn verify<T>(
    signed: &Signed,
    kind: &str,
    own: &[&str],
    now: Timestamp,
    read: impl FnOnce(&Fields<'_>) -> Result<T, Malformed>,
) -> Result<(Side, T), PairingError> {
    let common = ["type", "v", "party", "events", "created", "expires", "endpoint"];
    let (party, events, window, endpoint, rest) = signed.with_body(|body| {
        let fields = Fields::of(body, "", &[&common, own].concat())?;
        fields.kind(kind)?;
        let endpoint = match fields.optional("endpoint") {
            Some(_) => {
                let endpoint = fields.line("endpoint", 320)?;
                check_endpoint(&endpoint).map_err(|why| Malformed::new("/endpoint", why))?;
                Some(endpoint)
            }
            None => None,
        };
        Ok((
            fields.parsed::<PartyId>("party")?,
            read_event_list(fields.value("events")?, "/events")?,
            Window { from: fields.time("created")?, until: fields.time("expires")? },
            endpoint,
            read(&fields)?,
        ))
    })?;
    if window.is_empty() || window.until > window.from.plus_micros(MAX_INVITATION) {
        return Err(PairingError::Length(window));
    }
    // Those who sign write their own time; ours may be behind it by what clocks differ by, and no more.
    let at = if window.from > now && window.from <= now.plus_micros(SKEW) { window.from } else { now };
    window.check(at)?;
    let history = KeyHistory::replay(&events, now)?;
    if history.party() != party {
        return Err(PairingError::OtherParty(party));
    }
    history.verify(context::INVITATION, signed, window.from)?;
    history.current(now)?;
    Ok((Side { history, endpoint, window, hash: signed.hash() }, rest))
}
