//! What somebody can make who has a node's keys and none of its manners.

use std::sync::Arc;

use exchange::wire::{Opening, Packing, Push, PushEntry};
use exchange::{Ack, Follows, Item, Kind, Position, StreamId, append, seal};
use ledger::checkpoint::{Checkpoint, SignedCheckpoint};
use ledger::note::{LedgerKeys, origin};
use ledger::witness::AddCheckpoint;
use model::{AgreementId, DecisionId, Digest, PartyId, Timestamp};
use ports::peer::{PeerHandler, Refusal, Topic};
use runtime::trust::Peers;

use crate::member::Member;
use crate::problem::Problem;

/// One entry as a liar wants it.
#[derive(Debug, Clone)]
pub struct Draft {
    /// What it says it does.
    pub kind: Kind,
    /// The name of what it is about.
    pub subject: Digest,
    /// What it carries.
    pub payload: String,
    /// The label it claims.
    pub label: String,
    /// The obligations it claims.
    pub obligations: String,
    /// The agreement version it claims.
    pub terms: Digest,
    /// The membership version it claims.
    pub membership: u32,
}

impl Draft {
    /// An object with a label, under a version.
    #[must_use]
    pub fn put(object: &str, label: &str, terms: Digest, membership: u32) -> Self {
        Self {
            kind: Kind::Put,
            subject: subject(object),
            payload: format!("{{\"object\":{object}}}"),
            label: label.to_owned(),
            obligations: "{}".to_owned(),
            terms,
            membership,
        }
    }
}

/// The payload of an object with others along, each of which claims to be for everybody.
#[must_use]
pub fn along(object: &str, with: &[&str]) -> String {
    let companion = |text: &&str| {
        let name = subject(text);
        format!("{{\"label\":\"clear\",\"object\":{text},\"onward\":\"free\",\"subject\":\"{name}\"}}")
    };
    let with: Vec<_> = with.iter().map(companion).collect();
    format!("{{\"object\":{object},\"with\":[{}]}}", with.join(","))
}

/// A name that follows from a text: a liar needs no naming key.
#[must_use]
pub fn subject(text: &str) -> Digest {
    subject_of(text.as_bytes())
}

/// Calls a node as its peer port would.
///
/// # Errors
/// What it refuses with.
pub fn call(target: &Member, from: Option<PartyId>, topic: Topic, body: &[u8]) -> Result<Vec<u8>, Refusal> {
    Peers(Arc::clone(&target.core)).answer(from, topic, body)
}

/// The stream from a liar to a target under an agreement.
#[must_use]
pub fn stream(liar: &Member, target: &Member, agreement: AgreementId, epoch: u32) -> StreamId {
    StreamId { from: liar.party, to: target.party, agreement, epoch }
}

/// How far a stream has come with the target, as it says itself.
///
/// # Errors
/// When it does not say.
pub fn position(liar: &Member, target: &Member, agreement: AgreementId) -> Result<Position, Problem> {
    let answer = call(target, Some(liar.party), Topic::Position, agreement.to_string().as_bytes())?;
    match std::str::from_utf8(&answer)? {
        "nothing yet" => Ok(Position::start(1)),
        text => Ok(Ack::parse(text)?.position()),
    }
}

/// Entries after a position, properly numbered, chained and signed with the liar's key.
///
/// # Errors
/// When even a liar cannot make such a thing.
pub fn push(
    liar: &Member,
    stream: StreamId,
    after: &Position,
    drafts: &[Draft],
    follows: Option<Follows>,
) -> Result<Push, Problem> {
    push_at(liar, stream, after, drafts, follows, liar.now())
}

/// As [`push`], signed at an instant of the liar's choice.
///
/// # Errors
/// As there.
pub fn push_at(
    liar: &Member,
    stream: StreamId,
    after: &Position,
    drafts: &[Draft],
    follows: Option<Follows>,
    at: Timestamp,
) -> Result<Push, Problem> {
    let salts: Vec<_> = drafts.iter().map(|_| liar.random()).collect();
    let items: Vec<_> = drafts
        .iter()
        .zip(&salts)
        .map(|(draft, salt)| Item {
            kind: draft.kind,
            subject: draft.subject,
            payload: &draft.payload,
            salt: *salt,
            label: &draft.label,
            obligations: &draft.obligations,
            terms: draft.terms,
            membership: draft.membership,
            decision: DecisionId(1),
        })
        .collect();
    let entries = append(stream, after, &items, at)?;
    let segment = seal(&entries, follows, at, &liar.secrets()?.epoch)?;
    let entries = entries
        .into_iter()
        .zip(drafts)
        .map(|(entry, draft)| PushEntry {
            envelope: entry.text,
            opening: Some(Opening { salt: entry.salt, payload: draft.payload.clone() }),
        })
        .collect();
    Ok(Push { segment, entries, sent: Some(at) })
}

/// The next entries of the liar's own stream, as its target wants them, ready to be sent.
///
/// # Errors
/// As [`push`].
pub fn next(
    liar: &Member,
    target: &Member,
    agreement: AgreementId,
    drafts: &[Draft],
) -> Result<Vec<u8>, Problem> {
    let at = position(liar, target, agreement)?;
    let push = push(liar, stream(liar, target, agreement, at.epoch), &at, drafts, None)?;
    Ok(push.encode(Packing::Plain)?)
}

/// A checkpoint of the liar's ledger with a size and root of its choice.
///
/// # Errors
/// When its keys do not sign.
pub fn checkpoint(liar: &Member, size: u64, root: Digest) -> Result<SignedCheckpoint, Problem> {
    let secrets = liar.secrets()?;
    let keys = LedgerKeys::from_seed(liar.party, &secrets.ledger)?;
    Ok(Checkpoint { origin: origin(liar.party), size, root, extensions: Vec::new() }.sign(&keys.log)?)
}

/// A request to cosign such a checkpoint.
///
/// # Errors
/// As [`checkpoint`].
pub fn add_checkpoint(liar: &Member, old: u64, size: u64, root: Digest) -> Result<String, Problem> {
    Ok(AddCheckpoint { old, proof: Vec::new(), checkpoint: checkpoint(liar, size, root)? }.to_text())
}

/// A short name for some bytes, for traces.
#[must_use]
pub fn subject_of(bytes: &[u8]) -> Digest {
    use sha2::Digest as _;
    Digest(sha2::Sha256::digest(bytes).into())
}
