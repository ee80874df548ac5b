//! Parties, streams and pushes to play with.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use exchange::wire::{Opening, Push, PushEntry};
use exchange::*;
use keys::{KeyId, PublicKey, SecretKey, Signature};
use model::{AgreementId, DecisionId, Digest, PartyId, Timestamp};

/// Something an adversary does to a value.
pub(crate) type Change<T> = fn(&mut T);

pub(crate) const fn digest(byte: u8) -> Digest {
    Digest([byte; 32])
}

pub(crate) const ALICE: PartyId = PartyId(digest(0xa1));
pub(crate) const BOB: PartyId = PartyId(digest(0xb0));
pub(crate) const CAROL: PartyId = PartyId(digest(0xca));
pub(crate) const PACT: AgreementId = AgreementId(digest(0xac));
pub(crate) const TERMS: Digest = digest(0x7e);
pub(crate) const STREAM: StreamId = StreamId { from: ALICE, to: BOB, agreement: PACT, epoch: 1 };
pub(crate) const BACK: StreamId = StreamId { from: BOB, to: ALICE, agreement: PACT, epoch: 1 };

/// An instant some seconds into the story.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000).plus_micros(seconds * 1_000_000)
}

/// The `n`th key of a party: each is made once.
pub(crate) fn key(party: PartyId, n: u8) -> &'static SecretKey {
    static KEYS: [OnceLock<SecretKey>; 12] = [const { OnceLock::new() }; 12];
    let place = match party {
        ALICE => 0,
        BOB => 4,
        _ => 8,
    } + usize::from(n);
    KEYS[place].get_or_init(|| SecretKey::from_seed([place as u8 + 1; 64]))
}

/// Whose keys count: the first key of a party is its current one, the second an earlier one, the others unknown.
pub(crate) struct Ring;

impl Signers for Ring {
    fn key(&self, party: PartyId, by: KeyId, _: Timestamp, _: Timestamp) -> Option<(PublicKey, Standing)> {
        let standing = [Standing::Current, Standing::Earlier].into_iter().zip(0..);
        let mut known = standing.map(|(standing, n)| (key(party, n).public().clone(), standing));
        known.find(|(key, _)| key.id() == by)
    }
}

/// Believes every signature, for tests of what comes after it.
pub(crate) struct Trusting;

impl Signers for Trusting {
    fn key(&self, _: PartyId, _: KeyId, _: Timestamp, _: Timestamp) -> Option<(PublicKey, Standing)> {
        None
    }

    fn verify(&self, _: &Claim<'_>, _: Timestamp) -> Result<Standing, BadSigner> {
        Ok(Standing::Current)
    }
}

/// Signs nothing, for [`Trusting`].
pub(crate) struct Unsigned;

impl Signer for Unsigned {
    fn sign(&self, _: &str, _: &str) -> (KeyId, Signature) {
        (KeyId(Digest::ZERO), Signature::from_bytes(&[0; Signature::LENGTH]).unwrap())
    }
}

/// What one entry of a test is made of.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) kind: Kind,
    pub(crate) subject: Digest,
    pub(crate) payload: String,
    pub(crate) terms: Digest,
    pub(crate) membership: u32,
}

pub(crate) fn put(number: u8) -> Draft {
    let object = format!(r#"{{"type":"indicator","id":"indicator--{number}","name":"number {number}"}}"#);
    let content = Content { object: &object, ..Content::default() };
    let payload = content.to_text();
    Draft { kind: Kind::Put, subject: digest(number), payload, terms: TERMS, membership: 0 }
}

pub(crate) fn withdraw(number: u8) -> Draft {
    let subject = digest(number);
    let body = Withdraw { subject, reason: Reason::Error, creator_withdrawal: false, erase_by: at(3600) };
    Draft { kind: Kind::Withdraw, payload: body.to_text(), ..put(number) }
}

pub(crate) fn entries(stream: StreamId, after: &Position, drafts: &[Draft]) -> Vec<Entry> {
    let salt = |index: usize| digest(u8::try_from((after.seq as usize + index) % 251).unwrap()).0;
    let item = |(index, draft): (usize, &'static Draft)| Item {
        kind: draft.kind,
        subject: draft.subject,
        payload: &draft.payload,
        salt: salt(index),
        label: "tlp:green",
        obligations: "{}",
        terms: draft.terms,
        membership: draft.membership,
        decision: DecisionId(7),
    };
    // Items borrow; in a test it does no harm that drafts live on.
    let drafts: &'static [Draft] = drafts.to_vec().leak();
    let items: Vec<Item<'_>> = drafts.iter().enumerate().map(item).collect();
    append(stream, after, &items, at(0)).unwrap()
}

pub(crate) fn last(entries: &[Entry]) -> Position {
    let entry = entries.last().unwrap();
    entry.envelope.position(entry.hash)
}

/// A push of one segment, signed by whomever.
pub(crate) fn push_by(
    entries: &[Entry],
    drafts: &[Draft],
    follows: Option<Follows>,
    signer: &dyn Signer,
) -> Push {
    let segment = seal(entries, follows, at(0), signer).unwrap();
    let entry = |(entry, draft): (&Entry, &Draft)| PushEntry {
        envelope: entry.text.clone(),
        opening: Some(Opening { salt: entry.salt, payload: draft.payload.clone() }),
    };
    Push { segment, entries: entries.iter().zip(drafts).map(entry).collect(), sent: None }
}

/// A push from Alice to Bob after a position.
pub(crate) fn push(after: &Position, drafts: &[Draft]) -> Push {
    let stream = STREAM.at_epoch(after.epoch.max(1));
    let after = if after.epoch == 0 { Position::start(1) } else { *after };
    push_by(&entries(stream, &after, drafts), drafts, None, key(ALICE, 0))
}

pub(crate) fn in_force() -> Vec<Terms> {
    vec![Terms { hash: TERMS, membership: 0, from: at(-1000), until: None }]
}

/// Bob, as he takes in Alice's stream.
pub(crate) struct Receiver {
    pub(crate) position: Position,
    pub(crate) terms: Vec<Terms>,
    pub(crate) now: Timestamp,
    pub(crate) limits: Limits,
    pub(crate) known: BTreeMap<u64, Digest>,
    /// What was applied: subjects in order, withdrawals marked.
    pub(crate) applied: Vec<(Kind, Digest)>,
}

impl Receiver {
    pub(crate) fn new() -> Self {
        Self {
            position: Position::default(),
            terms: in_force(),
            now: at(1),
            limits: Limits::default(),
            known: BTreeMap::new(),
            applied: Vec::new(),
        }
    }

    pub(crate) fn offer<'p>(
        &self,
        push: &'p Push,
        signers: &dyn Signers,
    ) -> Result<Admission<'p>, PushRefusal> {
        let inbound = Inbound {
            from: ALICE,
            to: BOB,
            agreement: PACT,
            position: self.position,
            terms: &self.terms,
            signers,
            known: &|seq| self.known.get(&seq).copied(),
            limits: self.limits,
            now: self.now,
        };
        accept(&inbound, push)
    }

    /// Takes a push in as a node does: position and effects together.
    pub(crate) fn take<'p>(
        &mut self,
        push: &'p Push,
        signers: &dyn Signers,
    ) -> Result<Admission<'p>, PushRefusal> {
        let admission = self.offer(push, signers)?;
        for accepted in &admission.accepted {
            self.known.insert(accepted.envelope.seq, accepted.hash);
            if matches!(accepted.effect, Effect::Apply(_)) {
                self.applied.push((accepted.envelope.kind, accepted.envelope.subject));
            }
        }
        self.position = admission.position;
        Ok(admission)
    }
}
