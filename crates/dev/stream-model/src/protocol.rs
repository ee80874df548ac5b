//! The real functions of `exchange`, called with the model's values.
//!
//! The same calls come again and again in different orders, so results are kept by their arguments.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use exchange::repair::{Comparison, Holding, View, plan};
use exchange::wire::{Opening, Push as WirePush, PushEntry};
use exchange::{
    Accepted, Ack, Acknowledged, BadSigner, Body, Claim, Content, Effect, Entry, Follows, Inbound, Item,
    Kind, Limits, Position, Reason, Signer, Signers, Standing, StreamId, Terms, Void, Withdraw, accept,
    append, check_ack, next_epoch, seal,
};
use keys::{KeyId, PublicKey, Signature};
use model::{AgreementId, DecisionId, Digest, PartyId, Timestamp};

use crate::state::{Op, Outbound, Place, Push, What};

/// What a push did.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    /// It was refused; whether with an alarm that accuses its sender.
    Refused {
        /// Whether the sender is accused.
        accused: bool,
    },
    /// It was taken in.
    Taken {
        /// The new position.
        position: Position,
        /// New entries.
        entries: Vec<Taken>,
    },
}

/// A new entry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taken {
    pub(crate) place: Place,
    pub(crate) what: What,
    pub(crate) kind: Kind,
    /// Whether it is to be applied; otherwise it is void.
    pub(crate) applies: bool,
    /// Whether it is void because the agreement has ended.
    pub(crate) too_late: bool,
}

/// What a sender does after comparing: objects to put again, objects to withdraw.
pub(crate) type Repairs = (Vec<u8>, Vec<u8>);

/// For each object, the entry that brought it.
type Places = Vec<Option<Place>>;

/// Results by arguments.
#[derive(Default)]
pub(crate) struct Protocol {
    chains: Memo<(u8, u32, Vec<Op>), Arc<Vec<Entry>>>,
    outcomes: Memo<(Push, Position, bool), Arc<Outcome>>,
    repairs: Memo<(Places, Places), Arc<Repairs>>,
}

struct Memo<K, V>(Mutex<BTreeMap<K, V>>);

impl<K, V> Default for Memo<K, V> {
    fn default() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }
}

impl<K: Ord, V: Clone> Memo<K, V> {
    fn get(&self, key: K, make: impl FnOnce(&K) -> V) -> V {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(known) = known {
            return known;
        }
        let made = make(&key);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, made.clone());
        made
    }
}

/// Signatures are taken to be unforgeable: everyone signs with zeros, and is believed.
struct Believed;

impl Signer for Believed {
    #[expect(clippy::expect_used, reason = "a signature of the right length is one")]
    fn sign(&self, _: &str, _: &str) -> (KeyId, Signature) {
        let zeros =
            Signature::from_bytes(&[0; Signature::LENGTH]).expect("the length is that of a signature");
        (KeyId(Digest::ZERO), zeros)
    }
}

impl Signers for Believed {
    fn key(&self, _: PartyId, _: KeyId, _: Timestamp, _: Timestamp) -> Option<(PublicKey, Standing)> {
        None
    }

    fn verify(&self, _: &Claim<'_>, _: Timestamp) -> Result<Standing, BadSigner> {
        Ok(Standing::Current)
    }
}

const TERMS: Digest = Digest([7; 32]);

fn stream(to: u8, epoch: u32) -> StreamId {
    let party = |n: u8| PartyId(Digest([n; 32]));
    StreamId { from: party(100), to: party(to), agreement: AgreementId(Digest([9; 32])), epoch }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::EPOCH.plus_micros(seconds.saturating_mul(1_000_000))
}

/// What an object is called.
fn subject(object: u8) -> Digest {
    Digest([object; 32])
}

impl Protocol {
    /// The entries of a stream's epoch.
    fn chain(&self, to: u8, epoch: u32, ops: &[Op]) -> Arc<Vec<Entry>> {
        self.chains.get((to, epoch, ops.to_vec()), |(to, epoch, ops)| Arc::new(chain(*to, *epoch, ops)))
    }

    /// Where a stream stands at its sender.
    pub(crate) fn head(&self, to: u8, stream: &Outbound) -> Position {
        let chain = self.chain(to, stream.epoch, &stream.ops);
        chain.last().map_or(Position::start(stream.epoch), |entry| entry.envelope.position(entry.hash))
    }

    /// Gives a push to a receiver at a position.
    pub(crate) fn accept(&self, push: &Push, position: Position, ended: bool) -> Arc<Outcome> {
        self.outcomes.get((push.clone(), position, ended), |(push, position, ended)| {
            let chain = self.chain(push.to, push.epoch, &push.ops);
            Arc::new(take(push, &chain, *position, *ended))
        })
    }

    /// Gives an acknowledgement to a sender: the entry it advances to, if it does; `Err` for an alarm.
    pub(crate) fn acknowledge(&self, to: u8, outbound: &Outbound, ack: Position) -> Result<Option<u64>, ()> {
        let chain = self.chain(to, outbound.epoch, &outbound.ops);
        let hash_at = |seq: u64| {
            let index = usize::try_from(seq.checked_sub(1)?).ok()?;
            chain.get(index).map(|entry| entry.hash)
        };
        let age = |position: (u32, u64)| {
            at(i64::from(position.0) * 1000 + i64::try_from(position.1).unwrap_or(999))
        };
        let known = exchange::Outbound {
            stream: stream(to, outbound.epoch),
            sent: self.head(to, outbound),
            acked: outbound.acked,
            acked_at: Some(age((outbound.epoch, outbound.acked))),
            kept_from: 1,
            hash_at: &hash_at,
        };
        let ack = Ack::sign(stream(to, ack.epoch), &ack, age((ack.epoch, ack.seq)), &Believed);
        match check_ack(&known, &ack, &Believed, at(0)) {
            Ok(Acknowledged::Advanced(seq)) => Ok(Some(seq)),
            Ok(Acknowledged::Stale | Acknowledged::Behind(_)) => Ok(None),
            Err(_) => Err(()),
        }
    }

    /// The epoch to start after a restore.
    pub(crate) fn next_epoch(&self, ours: u32, theirs: u32) -> u32 {
        next_epoch(ours, theirs).unwrap_or(ours)
    }

    /// Compares what was given with what is held, over the real protocol.
    pub(crate) fn repair(&self, given: Places, held: Places) -> Arc<Repairs> {
        self.repairs.get((given, held), |(given, held)| Arc::new(compare(given, held)))
    }
}

#[expect(clippy::expect_used, reason = "the model makes items that fit into an envelope")]
fn chain(to: u8, epoch: u32, ops: &[Op]) -> Vec<Entry> {
    let payloads: Vec<String> = ops.iter().map(payload).collect();
    let item = |(index, (op, payload)): (usize, (&Op, &'_ String))| {
        let mut salt = [op.life; 32];
        salt[0] = u8::try_from(index).unwrap_or(u8::MAX);
        (kind(op.what), object(op.what), salt, payload.clone())
    };
    let drafts: Vec<_> = ops.iter().zip(&payloads).enumerate().map(item).collect();
    let items: Vec<Item<'_>> = drafts
        .iter()
        .map(|(kind, object, salt, payload)| Item {
            kind: *kind,
            subject: subject(*object),
            payload,
            salt: *salt,
            label: "",
            obligations: "",
            terms: TERMS,
            membership: 0,
            decision: DecisionId(0),
        })
        .collect();
    append(stream(to, epoch), &Position::start(epoch), &items, at(0)).expect("the items fit into envelopes")
}

fn kind(what: What) -> Kind {
    match what {
        What::Put(_) => Kind::Put,
        What::Withdraw(_) => Kind::Withdraw,
        What::End => Kind::Agreement,
    }
}

fn object(what: What) -> u8 {
    match what {
        What::Put(object) | What::Withdraw(object) => object,
        What::End => u8::MAX,
    }
}

fn payload(op: &Op) -> String {
    match op.what {
        What::Put(_) => Content { object: "{\"a\":1}", ..Content::default() }.to_text(),
        What::Withdraw(object) => {
            let subject = subject(object);
            Withdraw { subject, reason: Reason::Error, creator_withdrawal: false, erase_by: at(0) }.to_text()
        }
        What::End => "{\"end\":1}".to_owned(),
    }
}

#[expect(clippy::expect_used, reason = "the model seals chains that it made")]
fn take(push: &Push, chain: &[Entry], position: Position, ended: bool) -> Outcome {
    let skip = usize::try_from(push.first).unwrap_or(usize::MAX).saturating_sub(1);
    let travels = chain.get(skip..).unwrap_or_default();
    let follows = push.follows.filter(|_| push.first == 1).map(Follows::from);
    let segment = seal(travels, follows, at(0), &Believed).expect("the entries follow each other");
    let ops = push.ops.iter().skip(skip);
    let entry = |(entry, op): (&Entry, &Op)| PushEntry {
        envelope: entry.text.clone(),
        opening: (!matches!(op.what, What::Put(object) if push.erased.contains(&object)))
            .then(|| Opening { salt: entry.salt, payload: payload(op) }),
    };
    let wire = WirePush { segment, entries: travels.iter().zip(ops).map(entry).collect(), sent: None };
    // Entries are appended in second 0 and arrive in second 2; who knows of an end, knows it from second 1 on.
    let terms = [Terms { hash: TERMS, membership: 0, from: at(0), until: ended.then(|| at(1)) }];
    let id = stream(push.to, push.epoch);
    let inbound = Inbound {
        from: id.from,
        to: id.to,
        agreement: id.agreement,
        position,
        terms: &terms,
        signers: &Believed,
        known: &|_| None,
        limits: Limits::default(),
        now: at(2),
    };
    match accept(&inbound, &wire) {
        Err(refusal) => {
            Outcome::Refused { accused: matches!(refusal, exchange::PushRefusal::Equivocation { .. }) }
        }
        Ok(admission) => Outcome::Taken {
            position: admission.position,
            entries: admission.accepted.iter().map(|accepted| taken(accepted, &push.ops)).collect(),
        },
    }
}

#[expect(clippy::expect_used, reason = "only entries of the push are taken in")]
fn taken(accepted: &Accepted<'_>, ops: &[Op]) -> Taken {
    let (envelope, effect) = (&accepted.envelope, &accepted.effect);
    let index = usize::try_from(envelope.seq).unwrap_or(usize::MAX).saturating_sub(1);
    let what = ops.get(index).expect("the entry is one of the push").what;
    if let Effect::Apply(body) = effect {
        // What is applied must be what was appended, whatever the model makes of it.
        let same = match (body, what) {
            (Body::Put(_), What::Put(object)) => envelope.subject == subject(object),
            (Body::Withdraw(withdraw), What::Withdraw(object)) => withdraw.subject == subject(object),
            (Body::Agreement(_), What::End) => true,
            _ => false,
        };
        assert!(same, "{what:?} became {body:?}");
    }
    Taken {
        place: (envelope.stream.epoch, envelope.seq),
        what,
        kind: envelope.kind,
        applies: matches!(effect, Effect::Apply(_)),
        too_late: matches!(effect, Effect::Void(Void::NotInForce { .. })),
    }
}

#[expect(clippy::expect_used, reason = "both sides of the comparison are honest")]
fn compare(given: &[Option<Place>], held: &[Option<Place>]) -> Repairs {
    let view = |places: &[Option<Place>]| {
        let holding = |(object, place): (u8, &Option<Place>)| {
            place.map(|(epoch, seq)| Holding { subject: subject(object), epoch, seq })
        };
        View::new((0..).zip(places).filter_map(holding)).expect("there are few")
    };
    let (ours, theirs) = (view(given), view(held));
    let (mut comparison, first) = Comparison::start(&ours).expect("the view is sealed");
    let mut message = Some(first);
    while let Some(next) = message {
        let answer = theirs.answer(&next).expect("the message is sound");
        message = comparison.step(&answer).expect("the answer is sound");
    }
    let difference = comparison.finish();
    let plan = plan(&ours, &difference, &theirs.named(&difference.only_theirs));
    let objects = |subjects: &std::collections::BTreeSet<Digest>| {
        subjects.iter().map(|subject| subject.0.first().copied().unwrap_or_default()).collect()
    };
    (objects(&plan.put), objects(&plan.withdraw))
}
