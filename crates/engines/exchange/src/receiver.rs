//! The receiving side: what of a push is taken in, and what is not.

use std::fmt;

use json::Tape;
use keys::window;
use model::{AgreementId, Digest, Finding, PartyId, Severity, Timestamp};

use crate::body::{Body, Withdraw};
use crate::envelope::Envelope;
use crate::merkle::Tree;
use crate::payload::commitment;
use crate::read::Malformed;
use crate::segment::{Follows, Segment};
use crate::signing::{BadSigner, Signers, Standing};
use crate::stream::{Kind, Position};
use crate::wire::Push;

/// One version of the agreement that we have signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Its hash.
    pub hash: Digest,
    /// The membership version of the circle; 0 for an agreement of two.
    pub membership: u32,
    /// From when content under it is taken in, by our clock.
    pub from: Timestamp,
    /// From when no more content under it is taken in, by our clock: it ended, was suspended, or was replaced and
    /// what was under way has had its time. `None` while no end is known.
    pub until: Option<Timestamp>,
}

/// Bounds of one push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one payload.
    pub payload: usize,
    /// Bytes of all payloads of a push.
    pub push: usize,
}

impl Default for Limits {
    /// 16 MiB, which the largest object takes with its statement of origin, and 64 MiB.
    fn default() -> Self {
        Self { payload: 16 << 20, push: 64 << 20 }
    }
}

/// What a receiver knows when a push arrives.
#[derive(Clone, Copy)]
pub struct Inbound<'a> {
    /// Whom we speak with: the party that proved itself on the connection, or signed the file.
    pub from: PartyId,
    /// Ourselves.
    pub to: PartyId,
    /// Under which agreement.
    pub agreement: AgreementId,
    /// How far the stream has been taken in.
    pub position: Position,
    /// The versions of the agreement that we have signed.
    pub terms: &'a [Terms],
    /// What is known of the sender's keys.
    pub signers: &'a dyn Signers,
    /// The digest of an entry of this epoch that was taken in, where it is still known. The last one always is.
    pub known: &'a dyn Fn(u64) -> Option<Digest>,
    /// Bounds.
    pub limits: Limits,
    /// Our clock.
    pub now: Timestamp,
}

/// What was taken in. Commit the position in the same transaction as the effects, then acknowledge it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission<'p> {
    /// Where the stream stands now.
    pub position: Position,
    /// New entries, in order.
    pub accepted: Vec<Accepted<'p>>,
    /// How many entries had been taken in before, and have no effect.
    pub already: u64,
    /// Set when the stream went over to a new epoch.
    pub epoch: Option<EpochChange>,
    /// What people should know: clocks that differ, forgotten entries, unreadable payloads.
    pub findings: Vec<Finding>,
}

/// One new entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted<'p> {
    /// The envelope.
    pub envelope: Envelope,
    /// Its digest.
    pub hash: Digest,
    /// What to do.
    pub effect: Effect<'p>,
}

/// What a new entry does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect<'p> {
    /// Apply this.
    Apply(Body<'p>),
    /// Nothing, but the stream goes on.
    Void(Void),
}

/// Why an entry has no effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Void {
    /// Its content has been erased since.
    Erased,
    /// Its agreement version was no longer in force here when it arrived, or when it was appended.
    NotInForce {
        /// From when.
        since: Timestamp,
    },
    /// Its content is not what its kind needs.
    Malformed(Malformed),
}

/// A sender went over to a new epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochChange {
    /// Where the stream stood here.
    pub before: Position,
    /// Where it ended, as the sender remembers it; `None` in the first epoch.
    pub follows: Option<Follows>,
    /// How the two fit.
    pub handover: Handover,
}

/// How a new epoch follows what was taken in of the old one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handover {
    /// Nothing was taken in before.
    First,
    /// It follows the last entry taken in here.
    Seamless,
    /// The sender no longer knows the last of the entries taken in here, from this one on. They hold all the same.
    Forgotten {
        /// The first of them.
        from: u64,
    },
    /// The last entries of the old epoch never arrived, from this one on; they never will.
    NeverArrived {
        /// The first of them.
        from: u64,
    },
    /// The two sides remember different entries: repair.
    Unclear,
}

/// Why a push was refused. Nothing of it was taken in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PushRefusal {
    /// Something is not what it should be.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The segment is of another stream.
    #[error("the segment is not of a stream from this sender to us under this agreement")]
    OtherStream,
    /// The signature does not count.
    #[error(transparent)]
    Signer(#[from] BadSigner),
    /// A new epoch was signed with a key that is no longer current.
    #[error(
        "a new stream epoch must be signed with the sender's current key; the sender can start another one"
    )]
    EpochKey,
    /// The epoch is over: a replay, or a sender that was restored and does not know it.
    #[error("epoch {theirs} is over, epoch {ours} is current; a restored sender must start the next")]
    EpochOver {
        /// The push's.
        theirs: u32,
        /// Ours.
        ours: u32,
    },
    /// What is sent does not follow what is held here.
    #[error("out of step: entry {} of epoch {} is wanted, not {first} of {epoch}", wanted.seq, wanted.epoch)]
    OutOfStep {
        /// The entry to go on with (its `head` is that of the entry before).
        wanted: Position,
        /// The first entry that was sent.
        first: u64,
        /// Its epoch.
        epoch: u32,
    },
    /// Alarm: the sender signed two different entries for one place. Keep the segment as evidence.
    #[error(
        "the sender signed another entry {seq} of epoch {epoch} before: equivocation, or a rollback on its side"
    )]
    Equivocation {
        /// The place.
        seq: u64,
        /// The epoch.
        epoch: u32,
        /// What was taken in there; for the place after the last entry, what that last entry was.
        ours: Digest,
        /// What is signed now.
        theirs: Digest,
    },
    /// A payload, or all together, are larger than we take.
    #[error(
        "entry {seq} makes the push larger than the {limit} bytes taken here; send less at once, or leave it out"
    )]
    TooLarge {
        /// The entry.
        seq: u64,
        /// The limit, in bytes.
        limit: usize,
    },
    /// A payload is not the one its envelope commits to.
    #[error("the payload of entry {seq} is not the one its envelope commits to")]
    Commitment {
        /// The entry.
        seq: u64,
    },
    /// An entry that cannot do without its payload came without.
    #[error("entry {seq} is a {kind}, which does not count without its payload")]
    PayloadMissing {
        /// The entry.
        seq: u64,
        /// Its kind.
        kind: Kind,
    },
    /// The agreement version is none that we have signed.
    #[error(
        "entry {seq} goes under agreement version {} with membership {membership}, which we have not signed; send \
         its acts first",
        terms.short()
    )]
    UnknownTerms {
        /// The entry.
        seq: u64,
        /// The version's hash.
        terms: Digest,
        /// The membership version.
        membership: u32,
    },
    /// The agreement version is not yet in force by our clock.
    #[error("entry {seq} goes under an agreement version that is in force from {from} on; try again then")]
    NotYetInForce {
        /// The entry.
        seq: u64,
        /// From when.
        from: Timestamp,
    },
}

impl PushRefusal {
    /// Whether people must be told: somebody lies, or was rolled back.
    #[must_use]
    pub const fn is_alarm(&self) -> bool {
        matches!(self, Self::Equivocation { .. } | Self::EpochOver { .. } | Self::EpochKey)
    }

    /// Whether the same push may be taken in later, once something else has happened.
    #[must_use]
    pub const fn is_temporary(&self) -> bool {
        matches!(
            self,
            Self::UnknownTerms { .. } | Self::NotYetInForce { .. } | Self::Signer(BadSigner::Unknown { .. })
        )
    }
}

/// Decides on a push: all of it is taken in, or nothing.
///
/// In this order: the segment is one of this stream; the envelopes are those it signs, in order and chained; the
/// signature counts; they follow what was taken in before; each new payload is the one committed to, and goes under
/// an agreement version that is in force. Entries that were taken in before are skipped, after it was made sure that
/// they are the same.
///
/// # Errors
/// [`PushRefusal`].
pub fn accept<'p>(inbound: &Inbound<'_>, push: &'p Push) -> Result<Admission<'p>, PushRefusal> {
    let segment = &push.segment;
    let stream = segment.stream;
    if stream.from != inbound.from || stream.to != inbound.to || stream.agreement != inbound.agreement {
        return Err(PushRefusal::OtherStream);
    }
    let envelopes = envelopes(push)?;
    let standing = segment.verify(inbound.signers, inbound.now)?;
    let epoch = place(inbound, segment, &envelopes, standing)?;
    let before = if epoch.is_some() { Position::start(stream.epoch) } else { inbound.position };

    let mut findings = Vec::new();
    skew(inbound, push, &mut findings);
    handover(epoch.as_ref(), &mut findings);
    let mut admission = Admission { position: before, accepted: Vec::new(), already: 0, epoch, findings };
    let mut room = inbound.limits.push;
    for ((envelope, hash), entry) in envelopes.into_iter().zip(&push.entries) {
        if envelope.seq <= before.seq {
            admission.already += 1;
            continue;
        }
        let opening = entry.opening.as_ref();
        if let Some(opening) = opening {
            let fits = opening.payload.len() <= inbound.limits.payload;
            room = room.checked_sub(opening.payload.len()).filter(|_| fits).ok_or(PushRefusal::TooLarge {
                seq: envelope.seq,
                limit: if fits { inbound.limits.push } else { inbound.limits.payload },
            })?;
            if commitment(&opening.salt, &opening.payload) != envelope.commitment {
                return Err(PushRefusal::Commitment { seq: envelope.seq });
            }
        }
        let payload = opening.map(|opening| opening.payload.as_str());
        let effect = effect(inbound, &envelope, payload, &mut admission.findings)?;
        admission.position = envelope.position(hash);
        admission.accepted.push(Accepted { envelope, hash, effect });
    }
    Ok(admission)
}

/// The envelopes of a push with their digests: those the segment signs, in order and chained.
fn envelopes(push: &Push) -> Result<Vec<(Envelope, Digest)>, PushRefusal> {
    let segment = &push.segment;
    let fail = |problem: String| Malformed::new("push", problem);
    if push.entries.len() as u64 != u64::from(segment.count) {
        let problem = format!("{} envelopes where the segment signs {}", push.entries.len(), segment.count);
        return Err(fail(problem).into());
    }
    let mut tape = Tape::new();
    let mut envelopes = Vec::with_capacity(push.entries.len());
    let (mut seq, mut previous) = (segment.first, segment.previous);
    for entry in &push.entries {
        let envelope = Envelope::parse_with(&entry.envelope, &mut tape)?;
        if envelope.stream != segment.stream || envelope.seq != seq || envelope.previous != previous {
            return Err(fail(format!("envelope {seq} is not the next of its stream")).into());
        }
        previous = Envelope::hash_of(&entry.envelope);
        seq = seq.saturating_add(1);
        envelopes.push((envelope, previous));
    }
    let root = Tree::new(Segment::DOMAIN, envelopes.iter().map(|(_, hash)| *hash)).root();
    if root != segment.root || previous != segment.head {
        return Err(fail("the envelopes are not those that the segment signs".to_owned()).into());
    }
    Ok(envelopes)
}

/// Whether a signed segment can be taken in where we stand; a new epoch, if it begins one.
fn place(
    inbound: &Inbound<'_>,
    segment: &Segment,
    envelopes: &[(Envelope, Digest)],
    standing: Standing,
) -> Result<Option<EpochChange>, PushRefusal> {
    let (ours, epoch, first) = (inbound.position, segment.stream.epoch, segment.first);
    if epoch < ours.epoch {
        return Err(PushRefusal::EpochOver { theirs: epoch, ours: ours.epoch });
    }
    if epoch > ours.epoch {
        // Where nothing is known yet, a first push that was under way for longer than a key's life is no surprise.
        if standing != Standing::Current && ours.epoch != 0 {
            return Err(PushRefusal::EpochKey);
        }
        if first != 1 {
            return Err(PushRefusal::OutOfStep { wanted: wanted(&Position::start(epoch)), first, epoch });
        }
        let handover = fit(&ours, segment.follows.as_ref());
        return Ok(Some(EpochChange { before: ours, follows: segment.follows, handover }));
    }
    if first > ours.seq.saturating_add(1) {
        return Err(PushRefusal::OutOfStep { wanted: wanted(&ours), first, epoch });
    }
    if first == ours.seq.saturating_add(1) && segment.previous != ours.head {
        let theirs = segment.previous;
        return Err(PushRefusal::Equivocation { seq: first, epoch, ours: ours.head, theirs });
    }
    for (envelope, hash) in envelopes.iter().filter(|(envelope, _)| envelope.seq <= ours.seq) {
        let known = if envelope.seq == ours.seq { Some(ours.head) } else { (inbound.known)(envelope.seq) };
        if let Some(known) = known.filter(|known| known != hash) {
            return Err(PushRefusal::Equivocation { seq: envelope.seq, epoch, ours: known, theirs: *hash });
        }
    }
    Ok(None)
}

fn wanted(after: &Position) -> Position {
    Position { seq: after.seq.saturating_add(1), ..*after }
}

fn fit(ours: &Position, follows: Option<&Follows>) -> Handover {
    if ours.epoch == 0 {
        return Handover::First;
    }
    match follows {
        Some(theirs) if theirs.epoch == ours.epoch => match theirs.seq.cmp(&ours.seq) {
            std::cmp::Ordering::Less => Handover::Forgotten { from: theirs.seq.saturating_add(1) },
            std::cmp::Ordering::Greater => Handover::NeverArrived { from: ours.seq.saturating_add(1) },
            std::cmp::Ordering::Equal if theirs.head == ours.head => Handover::Seamless,
            std::cmp::Ordering::Equal => Handover::Unclear,
        },
        _ => Handover::Unclear,
    }
}

/// What one new entry does here.
fn effect<'p>(
    inbound: &Inbound<'_>,
    envelope: &Envelope,
    payload: Option<&'p str>,
    findings: &mut Vec<Finding>,
) -> Result<Effect<'p>, PushRefusal> {
    let (seq, kind) = (envelope.seq, envelope.kind);
    if kind.brings_content()
        && let Some(void) = not_in_force(inbound, envelope)?
    {
        return Ok(Effect::Void(void));
    }
    let Some(payload) = payload else {
        let missing = PushRefusal::PayloadMissing { seq, kind };
        return if kind.brings_content() { Ok(Effect::Void(Void::Erased)) } else { Err(missing) };
    };
    let body = Body::parse(kind, payload).and_then(|body| names_its_subject(body, envelope));
    Ok(match body {
        Ok(body) => Effect::Apply(body),
        Err(malformed) => {
            let message = format!("the payload of entry {seq} cannot be used: {malformed}");
            let finding = Finding::new(Severity::Error, "exchange/payload", "", message);
            findings.push(finding.hint("ask the sender to put it again; it may run another version"));
            if kind == Kind::Withdraw {
                Effect::Apply(Body::Withdraw(Withdraw::unreadable(envelope.subject, envelope.at)))
            } else {
                Effect::Void(Void::Malformed(malformed))
            }
        }
    })
}

/// A payload must be about what its envelope is about.
fn names_its_subject<'p>(body: Body<'p>, envelope: &Envelope) -> Result<Body<'p>, Malformed> {
    let fail = |problem: &str| Err(Malformed::new("payload", problem));
    match &body {
        Body::Withdraw(withdraw) if withdraw.subject != envelope.subject => {
            fail("the withdrawal names another subject than its envelope")
        }
        Body::Relabel(relabel) if relabel.subject != envelope.subject || relabel.label != envelope.label => {
            fail("the relabelling names another subject or label than its envelope")
        }
        Body::Receipt(receipt)
            if receipt.holder != envelope.stream.from
                || receipt.to != envelope.stream.to
                || receipt.agreement != envelope.stream.agreement =>
        {
            fail("the receipt is for another stream than the one it came by")
        }
        _ => Ok(body),
    }
}

/// Whether content under the version an envelope names may no longer be taken in. The narrower edge counts: neither
/// our clock nor the time the sender states may lie past the end, and the sender's clock extends nothing.
fn not_in_force(inbound: &Inbound<'_>, envelope: &Envelope) -> Result<Option<Void>, PushRefusal> {
    let named = |terms: &&Terms| terms.hash == envelope.terms && terms.membership == envelope.membership;
    let terms = inbound.terms.iter().find(named).ok_or(PushRefusal::UnknownTerms {
        seq: envelope.seq,
        terms: envelope.terms,
        membership: envelope.membership,
    })?;
    if let Some(since) = terms.until.filter(|until| inbound.now >= *until || envelope.at >= *until) {
        return Ok(Some(Void::NotInForce { since }));
    }
    if inbound.now < terms.from {
        return Err(PushRefusal::NotYetInForce { seq: envelope.seq, from: terms.from });
    }
    Ok(None)
}

/// A clock that is more than five minutes off is a finding. A time in the past may just have travelled for long, so
/// only what the sender says at the moment of sending tells of a clock that is behind.
fn skew(inbound: &Inbound<'_>, push: &Push, findings: &mut Vec<Finding>) {
    let ahead = window::skew(push.segment.at, inbound.now).filter(|off| *off > 0);
    let off = push.sent.and_then(|sent| window::skew(sent, inbound.now)).or(ahead);
    if let Some(off) = off {
        let message = format!("the sender's clock is {} ours", Off(off));
        let finding = Finding::new(Severity::Warning, "exchange/clock-skew", "", message);
        findings.push(finding.hint("both sides: compare the node's clock with a time server"));
    }
}

struct Off(i64);

impl fmt::Display for Off {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = if self.0 > 0 { "ahead of" } else { "behind" };
        write!(f, "{} s {side}", self.0.unsigned_abs() / 1_000_000)
    }
}

fn handover(epoch: Option<&EpochChange>, findings: &mut Vec<Finding>) {
    let message = match epoch.map(|change| change.handover) {
        Some(Handover::Forgotten { from }) => {
            format!(
                "the sender no longer knows its entries from {from} on, which were taken in here; they hold"
            )
        }
        Some(Handover::NeverArrived { from }) => {
            format!("the sender's entries from {from} on never arrived, and its epoch is over")
        }
        Some(Handover::Unclear) => "the sender's new epoch does not follow what was taken in here".to_owned(),
        Some(Handover::First | Handover::Seamless) | None => return,
    };
    let finding = Finding::new(Severity::Warning, "exchange/epoch", "", message);
    findings.push(finding.hint("repair finds and fills what is missing on either side"));
}
