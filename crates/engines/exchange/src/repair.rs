//! Finding what two sides disagree on, without telling either more than it may know.
//!
//! The sender lists what it has given under an agreement and not taken back (only what it would still give: the
//! consent-filtered view); the receiver lists what it holds. Both lists hold keyed names and places in the stream,
//! nothing else. Range fingerprints (the negentropy protocol, version 1) narrow the difference down; two lists that
//! are equal cost one message of a few hundred bytes each way, and each difference some hundred bytes more.
//!
//! The sender asks, and then acts by ordinary entries of its stream: what the receiver lacks is put again, what it
//! should not have is withdrawn. Nothing is repaired past the stream.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{AgreementId, Digest, PartyId};
use negentropy::{Id, Negentropy, NegentropyStorageVector};
use sha2::{Digest as _, Sha256};

use crate::read::Malformed;
use crate::wire::Cursor;

const WHAT: &str = "repair message";
const MAGIC: &[u8; 4] = b"SWR1";

/// The most bytes of one message.
pub const MAX_MESSAGE: usize = 256 << 10;
/// The most holdings one side compares at once.
pub const MAX_HOLDINGS: usize = 4_000_000;
/// The most messages one comparison takes. Halving by sixteen, honest sides need under ten for equal sizes; large
/// differences fill further messages.
pub const MAX_ROUNDS: u32 = 1_024;
/// The most holdings that are named in one message.
pub const MAX_NAMED: usize = 4_096;

/// One holding, as both sides know it: what the object is called in the stream, and which entry brought it last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Holding {
    /// The keyed name.
    pub subject: Digest,
    /// Epoch of the entry.
    pub epoch: u32,
    /// Place of the entry.
    pub seq: u64,
}

impl Holding {
    /// What it is called in a comparison: nothing that anyone without both lists can tell.
    #[must_use]
    pub fn id(&self) -> Digest {
        Digest(self.id_bytes())
    }

    fn id_bytes(&self) -> [u8; 32] {
        Sha256::new()
            .chain_update(b"shieldwall/holding/v1\0")
            .chain_update(self.subject.0)
            .chain_update(self.epoch.to_be_bytes())
            .chain_update(self.seq.to_be_bytes())
            .finalize()
            .into()
    }

    /// Where it is ranked: neighbours in the stream are neighbours here, so what is new differs in one range.
    fn rank(&self) -> u64 {
        const PLACES: u64 = 1 << 44;
        u64::from(self.epoch).wrapping_shl(44) | self.seq.min(PLACES - 1)
    }
}

/// One side's list.
pub struct View {
    storage: NegentropyStorageVector,
    by_id: Arc<BTreeMap<[u8; 32], Holding>>,
}

impl View {
    /// A list of holdings, in any order.
    ///
    /// # Errors
    /// [`Malformed`] beyond [`MAX_HOLDINGS`].
    pub fn new(holdings: impl IntoIterator<Item = Holding>) -> Result<Self, Malformed> {
        let mut storage = NegentropyStorageVector::new();
        let mut by_id = BTreeMap::new();
        for holding in holdings {
            if by_id.len() >= MAX_HOLDINGS {
                return Err(Malformed::new(WHAT, format!("more than {MAX_HOLDINGS} holdings")));
            }
            let id = holding.id_bytes();
            if by_id.insert(id, holding).is_none() {
                storage.insert(holding.rank(), Id::from_byte_array(id)).map_err(broken)?;
            }
        }
        storage.seal().map_err(broken)?;
        Ok(Self { storage, by_id: Arc::new(by_id) })
    }

    /// How many holdings it lists.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether it lists none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Answers a message of the other side's [`Comparison`].
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn answer(&self, message: &[u8]) -> Result<Vec<u8>, Malformed> {
        bounded(message)?;
        let mut negentropy = Negentropy::borrowed(&self.storage, MAX_MESSAGE as u64).map_err(broken)?;
        negentropy.reconcile(message).map_err(broken)
    }

    /// The holdings with these ids, as far as they are listed here: the other side asks for what it does not know.
    #[must_use]
    pub fn named(&self, ids: &[Digest]) -> Vec<Holding> {
        ids.iter().take(MAX_NAMED).filter_map(|id| self.by_id.get(&id.0)).copied().collect()
    }
}

/// A comparison, on the side that asks. It keeps the list as it was when it began.
pub struct Comparison {
    by_id: Arc<BTreeMap<[u8; 32], Holding>>,
    negentropy: Negentropy<'static, NegentropyStorageVector>,
    ours: BTreeSet<[u8; 32]>,
    theirs: BTreeSet<[u8; 32]>,
    cost: Cost,
}

/// What a comparison cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    /// Messages sent.
    pub rounds: u32,
    /// Bytes of the messages sent.
    pub sent: u64,
    /// Bytes of the messages received.
    pub received: u64,
}

/// What two lists differ in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What only our list has.
    pub only_ours: Vec<Holding>,
    /// Ids of what only theirs has; [`View::named`] on their side tells what these are.
    pub only_theirs: Vec<Digest>,
    /// What finding it cost.
    pub cost: Cost,
}

impl Comparison {
    /// Begins, and gives the first message.
    ///
    /// # Errors
    /// [`Malformed`] never for a sealed view.
    pub fn start(view: &View) -> Result<(Self, Vec<u8>), Malformed> {
        let mut negentropy = Negentropy::owned(view.storage.clone(), MAX_MESSAGE as u64).map_err(broken)?;
        let message = negentropy.initiate().map_err(broken)?;
        let cost = Cost { rounds: 1, sent: message.len() as u64, received: 0 };
        let by_id = Arc::clone(&view.by_id);
        Ok((Self { by_id, negentropy, ours: BTreeSet::new(), theirs: BTreeSet::new(), cost }, message))
    }

    /// Takes an answer, and gives the next message until there is none.
    ///
    /// # Errors
    /// [`Malformed`]: nonsense, too long, or without an end.
    pub fn step(&mut self, answer: &[u8]) -> Result<Option<Vec<u8>>, Malformed> {
        bounded(answer)?;
        let (mut have, mut need) = (Vec::new(), Vec::new());
        let next = self.negentropy.reconcile_with_ids(answer, &mut have, &mut need).map_err(broken)?;
        self.ours.extend(have.iter().map(|id| id.to_bytes()));
        self.theirs.extend(need.iter().map(|id| id.to_bytes()));
        self.cost.received = self.cost.received.saturating_add(answer.len() as u64);
        if let Some(next) = &next {
            self.cost.rounds = self.cost.rounds.saturating_add(1);
            self.cost.sent = self.cost.sent.saturating_add(next.len() as u64);
        }
        if self.cost.rounds > MAX_ROUNDS || self.theirs.len() > MAX_HOLDINGS {
            return Err(Malformed::new(WHAT, "the comparison does not come to an end"));
        }
        Ok(next)
    }

    /// What was found. An id that both sides are said to have alone was sent on the way of a range that was split.
    #[must_use]
    pub fn finish(self) -> Difference {
        let holding = |id: &[u8; 32]| self.by_id.get(id).copied();
        let unknown = |id: &&[u8; 32]| !self.by_id.contains_key(*id);
        Difference {
            only_ours: self.ours.iter().filter_map(holding).collect(),
            only_theirs: self.theirs.iter().filter(unknown).map(|id| Digest(*id)).collect(),
            cost: self.cost,
        }
    }
}

/// What a sender does about a difference, by keyed name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// To be put again: the receiver lacks it although it was sent, or holds an older entry of it.
    pub put: BTreeSet<Digest>,
    /// To be withdrawn: the receiver holds it and should not.
    pub withdraw: BTreeSet<Digest>,
}

/// What to do about a difference. `surplus` is what the other side named of [`Difference::only_theirs`].
#[must_use]
pub fn plan(view: &View, difference: &Difference, surplus: &[Holding]) -> Plan {
    let put: BTreeSet<Digest> = difference.only_ours.iter().map(|holding| holding.subject).collect();
    let asked: BTreeSet<&Digest> = difference.only_theirs.iter().collect();
    let listed: BTreeSet<&Digest> = view.by_id.values().map(|holding| &holding.subject).collect();
    // Only what was asked about counts, and what we list ourselves is held rightly, in whatever entry.
    let wrongly = |holding: &&Holding| asked.contains(&holding.id()) && !listed.contains(&holding.subject);
    let withdraw = surplus.iter().filter(wrongly).map(|holding| holding.subject).collect();
    Plan { put, withdraw }
}

/// A call of the side that asks, about its stream under one agreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The sender of the stream: who asks.
    pub from: PartyId,
    /// Its receiver: who answers.
    pub to: PartyId,
    /// Under which agreement.
    pub agreement: AgreementId,
    /// What is asked.
    pub ask: Ask,
}

/// What is asked in one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// A message of a [`Comparison`]; [`View::answer`] answers it, raw.
    Compare(Vec<u8>),
    /// What these are; [`View::named`] answers, written by [`write_named`].
    Name(Vec<Digest>),
}

impl Call {
    /// The frame: magic, the three ids, what is asked (0 or 1), and the rest.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        [self.from.0, self.to.0, self.agreement.0].iter().for_each(|id| out.extend_from_slice(&id.0));
        match &self.ask {
            Ask::Compare(message) => {
                out.push(0);
                out.extend_from_slice(message);
            }
            Ask::Name(ids) => {
                out.push(1);
                ids.iter().for_each(|id| out.extend_from_slice(&id.0));
            }
        }
        out
    }

    /// Reads [`Self::encode`].
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn decode(frame: &[u8]) -> Result<Self, Malformed> {
        bounded(frame)?;
        let mut cursor = Cursor(frame);
        if cursor.array::<4>()? != *MAGIC {
            return Err(Malformed::new(WHAT, "not a frame of this kind and version"));
        }
        let from = PartyId(Digest(cursor.array()?));
        let to = PartyId(Digest(cursor.array()?));
        let agreement = AgreementId(Digest(cursor.array()?));
        let ask = match cursor.array::<1>()? {
            [0] => Ask::Compare(cursor.0.to_vec()),
            [1] => {
                let (ids, rest) = cursor.0.as_chunks::<32>();
                if !rest.is_empty() || ids.len() > MAX_NAMED {
                    return Err(Malformed::new(WHAT, "ids have 32 bytes, and there are at most 4096"));
                }
                Ask::Name(ids.iter().map(|id| Digest(*id)).collect())
            }
            _ => return Err(Malformed::new(WHAT, "asks something that is not known here")),
        };
        Ok(Self { from, to, agreement, ask })
    }
}

/// The answer to [`Ask::Name`]: for each holding its name, epoch (32 bits) and place (64 bits), big-endian.
#[must_use]
pub fn write_named(holdings: &[Holding]) -> Vec<u8> {
    let mut out = Vec::with_capacity(holdings.len().saturating_mul(44));
    for holding in holdings {
        out.extend_from_slice(&holding.subject.0);
        out.extend_from_slice(&holding.epoch.to_be_bytes());
        out.extend_from_slice(&holding.seq.to_be_bytes());
    }
    out
}

/// Reads [`write_named`].
///
/// # Errors
/// [`Malformed`].
pub fn read_named(bytes: &[u8]) -> Result<Vec<Holding>, Malformed> {
    let (items, rest) = bytes.as_chunks::<44>();
    if !rest.is_empty() || items.len() > MAX_NAMED {
        return Err(Malformed::new(WHAT, "holdings have 44 bytes, and there are at most 4096"));
    }
    let read = |item: &[u8; 44]| {
        let mut cursor = Cursor(item);
        let subject = Digest(cursor.array()?);
        let epoch = cursor.array().map(u32::from_be_bytes)?;
        Ok(Holding { subject, epoch, seq: cursor.array().map(u64::from_be_bytes)? })
    };
    items.iter().map(read).collect()
}

fn bounded(message: &[u8]) -> Result<(), Malformed> {
    // The library stops at its limit, and then closes with one more fingerprint.
    if message.len() <= MAX_MESSAGE + 1024 {
        Ok(())
    } else {
        Err(Malformed::new(WHAT, format!("longer than {MAX_MESSAGE} bytes")))
    }
}

fn broken(error: negentropy::Error) -> Malformed {
    Malformed::new(WHAT, error.to_string())
}
