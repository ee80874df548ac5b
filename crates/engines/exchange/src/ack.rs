//! Acknowledgements, and how a sender goes on from them.

use json::Tape;
use keys::{KeyId, Signature, context};
use model::{Digest, Timestamp};

use crate::read::{Malformed, Members, exact, push_hex, push_number, push_text};
use crate::segment::Signature1;
use crate::signing::{BadSigner, Claim, Signer, Signers, read_signed, signed};
use crate::stream::{Position, StreamId};

/// "I have taken in everything up to here": cumulative, signed by the receiver's epoch key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    /// The stream.
    pub stream: StreamId,
    /// The last entry taken in; 0 for none.
    pub seq: u64,
    /// Digest of its envelope.
    pub head: Digest,
    /// When, by the receiver's clock.
    pub at: Timestamp,
    /// By which key.
    pub by: KeyId,
    /// The signature.
    pub signature: Signature,
}

impl Ack {
    /// The longest text, in bytes.
    pub const MAX_TEXT: usize = 8 << 10;
    const WHAT: &'static str = "acknowledgement";

    /// Acknowledges a position of a stream, whose epoch is the position's.
    #[must_use]
    pub fn sign(stream: StreamId, position: &Position, at: Timestamp, signer: &dyn Signer) -> Self {
        let stream = stream.at_epoch(position.epoch);
        let body = body(&stream, position.seq, &position.head, at);
        let (by, signature) = signer.sign(context::ACK, &body);
        Self { stream, seq: position.seq, head: position.head, at, by, signature }
    }

    /// The canonical body that is signed.
    #[must_use]
    pub fn body(&self) -> String {
        body(&self.stream, self.seq, &self.head, self.at)
    }

    /// The one text of this acknowledgement: a signed document.
    #[must_use]
    pub fn to_text(&self) -> String {
        signed(context::ACK, self.body(), &Signature1(self.by, &self.signature)).to_text()
    }

    /// Reads [`Self::to_text`]. Nothing is verified yet.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let (body, by, signature) = read_signed(Self::WHAT, text, Self::MAX_TEXT)?;
        let mut tape = Tape::new();
        let members = Members::parse(Self::WHAT, &body, &mut tape, Self::MAX_TEXT)?;
        members.version(1)?;
        let ack = Self {
            stream: StreamId::read(&members)?,
            seq: members.number("seq")?,
            head: members.digest("head")?,
            at: members.instant("at")?,
            by,
            signature,
        };
        exact(Self::WHAT, &body, &ack.body())?;
        if ack.stream.epoch == 0 || (ack.seq == 0) != (ack.head == Digest::ZERO) {
            let problem = "`epoch` counts from 1, and `head` is zero before the first entry and only there";
            return Err(Malformed::new(Self::WHAT, problem));
        }
        Ok(ack)
    }

    /// What it acknowledges.
    #[must_use]
    pub const fn position(&self) -> Position {
        Position { epoch: self.stream.epoch, seq: self.seq, head: self.head }
    }

    /// Verifies the signature.
    ///
    /// # Errors
    /// [`BadSigner`].
    pub fn verify(&self, signers: &dyn Signers, now: Timestamp) -> Result<(), BadSigner> {
        let body = self.body();
        let claim = Claim {
            party: self.stream.to,
            by: self.by,
            context: context::ACK,
            body: &body,
            signature: &self.signature,
            at: self.at,
        };
        signers.verify(&claim, now).map(|_| ())
    }
}

fn body(stream: &StreamId, seq: u64, head: &Digest, at: Timestamp) -> String {
    let mut out = String::with_capacity(512);
    out.push('{');
    stream.push_agreement(&mut out);
    push_text("at", &at.to_string(), &mut out);
    push_number("epoch", stream.epoch, &mut out);
    stream.push_from(&mut out);
    push_hex("head", head, &mut out);
    push_number("seq", seq, &mut out);
    stream.push_to(&mut out);
    push_text("type", "ack", &mut out);
    push_number("v", 1, &mut out);
    out.push('}');
    out
}

/// What a sender knows of one of its streams.
#[derive(Clone, Copy)]
pub struct Outbound<'a> {
    /// The stream in its current epoch.
    pub stream: StreamId,
    /// The last entry that was appended.
    pub sent: Position,
    /// The last entry the receiver is known to have.
    pub acked: u64,
    /// When the newest acknowledgement was signed.
    pub acked_at: Option<Timestamp>,
    /// The oldest entry that is still kept and can be sent again; one more than the last when none is.
    pub kept_from: u64,
    /// The digest of an entry of this epoch, where its envelope is still kept.
    pub hash_at: &'a dyn Fn(u64) -> Option<Digest>,
}

impl Outbound<'_> {
    /// What an entry's digest is, as far as known.
    fn hash(&self, seq: u64) -> Option<Digest> {
        match seq {
            0 => Some(Digest::ZERO),
            _ if seq == self.sent.seq => Some(self.sent.head),
            _ => (self.hash_at)(seq),
        }
    }
}

/// What an acknowledgement that counts says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acknowledged {
    /// Everything up to here is taken in.
    Advanced(u64),
    /// Nothing new: a repetition, or one that was overtaken.
    Stale,
    /// The receiver has less than it had acknowledged before: it was restored from a backup. Send again after this.
    Behind(u64),
}

/// Why an acknowledgement does not count. All but the first two are alarms: show them to people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AckRefusal {
    /// It is about another stream.
    #[error("the acknowledgement is for {0}, which is not this stream")]
    OtherStream(StreamId),
    /// The signature does not count.
    #[error(transparent)]
    Signer(#[from] BadSigner),
    /// More is acknowledged than was ever sent: the receiver lies, or this node was restored from a backup.
    #[error(
        "entry {acked} of epoch {epoch} is acknowledged, but only {sent} were sent: if this node was restored \
         from a backup, start the next epoch"
    )]
    BeyondSent {
        /// The acknowledged entry.
        acked: u64,
        /// Its epoch.
        epoch: u32,
        /// The last entry sent in our epoch.
        sent: u64,
    },
    /// The receiver's chain is not ours.
    #[error(
        "the receiver's chain differs from ours at entry {seq} of epoch {epoch}: one of the two was rolled back, or \
         two chains were signed; start the next epoch and repair"
    )]
    Forked {
        /// Where.
        seq: u64,
        /// In which epoch.
        epoch: u32,
    },
    /// A claimed epoch is too far ahead to follow.
    #[error("the receiver claims epoch {theirs} where ours is {ours}: too far ahead to be an honest mistake")]
    EpochFarAhead {
        /// Theirs.
        theirs: u32,
        /// Ours.
        ours: u32,
    },
}

/// Checks an acknowledgement against what was sent.
///
/// # Errors
/// [`AckRefusal`].
pub fn check_ack(
    outbound: &Outbound<'_>,
    ack: &Ack,
    signers: &dyn Signers,
    now: Timestamp,
) -> Result<Acknowledged, AckRefusal> {
    if !ack.stream.same_parties(&outbound.stream) {
        return Err(AckRefusal::OtherStream(ack.stream));
    }
    ack.verify(signers, now)?;
    let (epoch, seq) = (ack.stream.epoch, ack.seq);
    if epoch < outbound.stream.epoch {
        return Ok(Acknowledged::Stale);
    }
    if epoch > outbound.stream.epoch || seq > outbound.sent.seq {
        return Err(AckRefusal::BeyondSent { acked: seq, epoch, sent: outbound.sent.seq });
    }
    let ours = outbound.hash(seq);
    if ours.is_some_and(|ours| ours != ack.head) {
        return Err(AckRefusal::Forked { seq, epoch });
    }
    if seq > outbound.acked {
        // Entries that are not acknowledged are kept, so their digests are known; without it nothing is believed.
        return if ours.is_some() {
            Ok(Acknowledged::Advanced(seq))
        } else {
            Err(AckRefusal::Forked { seq, epoch })
        };
    }
    let newer = outbound.acked_at.is_none_or(|at| ack.at > at);
    if seq < outbound.acked && newer { Ok(Acknowledged::Behind(seq)) } else { Ok(Acknowledged::Stale) }
}

/// How to go on with a receiver that says where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resume {
    /// It has everything.
    UpToDate,
    /// Send from this entry on (from the segment that holds it).
    From(u64),
    /// Nothing kept here continues what it has: start this epoch, then repair.
    NewEpoch(u32),
}

/// Decides how to go on with a receiver that stands at `theirs`. Its word decides only what is sent again.
///
/// # Errors
/// [`AckRefusal::EpochFarAhead`].
pub fn resume(outbound: &Outbound<'_>, theirs: &Position) -> Result<Resume, AckRefusal> {
    let ours = outbound.stream.epoch;
    let next = || next_epoch(ours, theirs.epoch).map(Resume::NewEpoch);
    let from = if theirs.epoch == ours { theirs.seq.saturating_add(1) } else { 1 };
    if theirs.epoch > ours || (theirs.epoch == ours && theirs.seq > outbound.sent.seq) {
        return next();
    }
    if theirs.epoch == ours && outbound.hash(theirs.seq).is_some_and(|hash| hash != theirs.head) {
        return next();
    }
    if from > outbound.sent.seq {
        return Ok(Resume::UpToDate);
    }
    if from < outbound.kept_from { next() } else { Ok(Resume::From(from)) }
}

/// The epoch to start when ours cannot be continued: after a restore, before anything is sent.
///
/// A restored sender must ask: two restores of one backup would else start the same epoch twice, which is
/// equivocation. Where it cannot ask, because only files travel, it takes for `theirs` an epoch that no export can have
/// reached, such as its own and the number of restores since it was set up.
///
/// # Errors
/// [`AckRefusal::EpochFarAhead`]: a receiver cannot use up our epochs by claiming high ones.
pub fn next_epoch(ours: u32, theirs: u32) -> Result<u32, AckRefusal> {
    const FARTHEST: u32 = 1_000;
    if theirs.saturating_sub(ours) > FARTHEST {
        return Err(AckRefusal::EpochFarAhead { theirs, ours });
    }
    ours.max(theirs).checked_add(1).ok_or(AckRefusal::EpochFarAhead { theirs, ours })
}
