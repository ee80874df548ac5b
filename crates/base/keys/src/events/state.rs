//! What the events so far amount to, and whether one may follow.

use std::collections::BTreeSet;

use model::{Digest, PartyId, StixId, Timestamp};

use super::body::{Change, EpochTerms, Event, MAX_EPOCH, Reason, Roots};
use super::error::{EventError, KeyError};
use crate::boxes::BoxPublicKey;
use crate::context;
use crate::hybrid::{KeyId, PublicKey};
use crate::signed::{Signed, SignedError};
use crate::window::{SKEW, Window};

/// Who vouches for an event. The root keys overrule an epoch key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Authority {
    Epoch,
    Roots,
}

/// A revocation of an epoch key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    /// From when on the key is not believed.
    pub from: Timestamp,
    /// Why.
    pub reason: Reason,
    /// A line for people.
    pub note: String,
}

/// An epoch as it stands now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Epoch {
    /// Its number, from 0.
    pub number: u32,
    /// Its key.
    pub key: PublicKey,
    /// What others seal to.
    pub box_key: BoxPublicKey,
    /// The ledger's public key.
    pub ledger: String,
    /// When it holds: until its end, or until the next epoch began.
    pub window: Window,
    /// Its revocation, if there is one.
    pub revoked: Option<Revoked>,
}

impl Epoch {
    /// Whether the key's word counts for something signed at an instant.
    ///
    /// # Errors
    /// [`KeyError::Outside`] or [`KeyError::Revoked`].
    pub fn holds_at(&self, at: Timestamp) -> Result<(), KeyError> {
        let key = self.key.id();
        self.window.check(at).map_err(|outside| KeyError::Outside { key, outside })?;
        match &self.revoked {
            Some(revoked) if at >= revoked.from => Err(KeyError::Revoked { key, revoked: revoked.clone() }),
            _ => Ok(()),
        }
    }
}

/// What the events so far amount to.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) party: PartyId,
    pub(super) name: String,
    pub(super) country: String,
    pub(super) identities: Vec<(Timestamp, BTreeSet<StixId>)>,
    /// Never empty.
    pub(super) roots: Vec<(Timestamp, Roots)>,
    pub(super) next: KeyId,
    /// Never empty.
    pub(super) epochs: Vec<Epoch>,
    pub(super) head: Digest,
    pub(super) count: u64,
    pub(super) last: Timestamp,
}

impl State {
    pub(super) fn begin(event: &Event, hash: Digest) -> Option<Self> {
        let Change::Inception { name, country, identities, roots, epoch } = &event.change else {
            return None;
        };
        let mut state = Self {
            party: PartyId(hash),
            name: name.clone(),
            country: country.clone(),
            identities: vec![(event.created, identities.clone())],
            roots: vec![(event.created, roots.clone())],
            next: epoch.next,
            epochs: Vec::new(),
            head: hash,
            count: 1,
            last: event.created,
        };
        state.begin_epoch(epoch, event.created);
        Some(state)
    }

    fn begin_epoch(&mut self, epoch: &EpochTerms, from: Timestamp) {
        let number = u32::try_from(self.epochs.len()).unwrap_or(u32::MAX);
        if let Some(last) = self.epochs.last_mut() {
            last.window.until = last.window.until.min(from);
        }
        self.next = epoch.next;
        self.epochs.push(Epoch {
            number,
            key: epoch.key.clone(),
            box_key: epoch.box_key.clone(),
            ledger: epoch.ledger.clone(),
            window: Window { from, until: epoch.until },
            revoked: None,
        });
    }

    /// Takes over an event that was checked.
    pub(super) fn advance(&mut self, event: &Event, hash: Digest) {
        match &event.change {
            Change::Inception { .. } => {}
            Change::Rotation { epoch } => self.begin_epoch(epoch, event.created),
            Change::Roots { roots, next } => {
                self.roots.push((event.created, roots.clone()));
                self.next = *next;
            }
            Change::Revocation { key, reason, note, from } => {
                if let Some(epoch) = self.epochs.iter_mut().find(|epoch| epoch.key.id() == *key) {
                    epoch.revoked = Some(Revoked { from: *from, reason: *reason, note: note.clone() });
                }
            }
            Change::Identities { identities } => self.identities.push((event.created, identities.clone())),
        }
        self.head = hash;
        self.count = self.count.saturating_add(1);
        self.last = event.created;
    }

    /// The root keys by the newest event.
    pub(super) fn roots(&self) -> &Roots {
        static NONE: Roots = Roots { keys: Vec::new(), threshold: usize::MAX };
        self.roots.last().map_or(&NONE, |(_, roots)| roots)
    }

    fn epoch_keys(&self) -> impl Iterator<Item = &PublicKey> + Clone {
        self.epochs.iter().map(|epoch| &epoch.key)
    }

    /// Every key with a use: epoch keys of all times, and the root keys of all times.
    fn all_keys(&self) -> impl Iterator<Item = &PublicKey> + Clone {
        self.roots.iter().flat_map(|(_, roots)| &roots.keys).chain(self.epoch_keys())
    }

    /// Keys that may have a say in the next event.
    fn voices(&self) -> impl Iterator<Item = &PublicKey> + Clone {
        self.roots().keys.iter().chain(self.epochs.last().map(|epoch| &epoch.key))
    }

    /// Whether the newest epoch's key may sign at an instant.
    fn newest_at(&self, at: Timestamp) -> Result<&PublicKey, EventError> {
        let newest = self.epochs.last().ok_or(EventError::Inception)?;
        newest.holds_at(at).map_err(EventError::Ended)?;
        Ok(&newest.key)
    }
}

/// Checks an event against the state it claims to follow, and says who vouches for it.
pub(super) fn check(
    state: &State,
    event: &Event,
    signed: &Signed,
    now: Timestamp,
) -> Result<Authority, EventError> {
    let Some((party, previous)) = event.after else { return Err(EventError::Inception) };
    if party != state.party {
        return Err(EventError::OtherParty { expected: state.party, found: party });
    }
    if previous != state.head {
        return Err(EventError::Chain { n: event.n, expected: state.head, found: previous });
    }
    if event.created < state.last {
        return Err(EventError::Backwards { created: event.created, previous: state.last });
    }
    check_made(event, now)?;
    check_epoch(event)?;
    let roots = state.roots();
    match &event.change {
        Change::Inception { .. } => Err(EventError::Inception),
        Change::Rotation { epoch } => {
            let found = epoch.key.id();
            if found != state.next {
                return Err(EventError::Commitment { expected: state.next, found });
            }
            check_new_key(&epoch.key, epoch.next, state.all_keys())?;
            let signers = Signers::of(signed, state.voices().chain([&epoch.key]))?;
            signers.include(&epoch.key, "the new epoch's key")?;
            by_roots_or_newest(state, event, &signers)
        }
        Change::Roots { roots: new, next } => {
            if let Some(key) = new.keys.iter().find(|key| state.epoch_keys().any(|k| k.shares_a_half(key))) {
                return Err(EventError::Reused(key.id()));
            }
            check_commitment(*next, new.keys.iter().chain(state.all_keys()))?;
            let signers = Signers::of(signed, state.voices().chain(&new.keys))?;
            signers.reach(roots, "the root keys until now")?;
            signers.reach(new, "the new root keys")?;
            Ok(Authority::Roots)
        }
        Change::Revocation { key, from, .. } => {
            let epoch = state.epochs.iter().find(|epoch| epoch.key.id() == *key);
            let epoch = epoch.ok_or(EventError::Unknown(*key))?;
            let further = epoch.revoked.as_ref().is_none_or(|before| *from < before.from);
            if *from > event.created || !further {
                return Err(EventError::Revocation);
            }
            Signers::of(signed, state.voices())?.reach(roots, "the root keys")?;
            Ok(Authority::Roots)
        }
        Change::Identities { .. } => by_roots_or_newest(state, event, &Signers::of(signed, state.voices())?),
    }
}

fn by_roots_or_newest(state: &State, event: &Event, signers: &Signers) -> Result<Authority, EventError> {
    if signers.reach(state.roots(), "the root keys").is_ok() {
        return Ok(Authority::Roots);
    }
    signers.include(state.newest_at(event.created)?, "the last epoch's key, or the root keys,")?;
    Ok(Authority::Epoch)
}

pub(super) fn check_made(event: &Event, now: Timestamp) -> Result<(), EventError> {
    if event.created > now.plus_micros(SKEW) {
        return Err(EventError::Future { created: event.created, now });
    }
    Ok(())
}

pub(super) fn check_epoch(event: &Event) -> Result<(), EventError> {
    match event.epoch() {
        Some((_, window)) if window.is_empty() || window.until > window.from.plus_micros(MAX_EPOCH) => {
            Err(EventError::Length(window))
        }
        _ => Ok(()),
    }
}

/// A key in two uses would let a signature for one count for the other.
pub(super) fn check_new_key<'a>(
    key: &'a PublicKey,
    next: KeyId,
    used: impl Iterator<Item = &'a PublicKey> + Clone,
) -> Result<(), EventError> {
    if used.clone().any(|other| other.shares_a_half(key)) {
        return Err(EventError::Reused(key.id()));
    }
    check_commitment(next, used.chain(std::iter::once(key)))
}

/// A commitment to a key that was seen before is none.
fn check_commitment<'a>(
    next: KeyId,
    mut used: impl Iterator<Item = &'a PublicKey>,
) -> Result<(), EventError> {
    if used.any(|other| other.id() == next) { Err(EventError::Reused(next)) } else { Ok(()) }
}

/// The keys that signed an event. Every signature was verified, and every one is by a key with a say in it: events are
/// kept for ever and passed on, and nobody on the way may add to them.
pub(super) struct Signers(BTreeSet<KeyId>);

impl Signers {
    pub(super) fn of<'a>(
        signed: &Signed,
        voices: impl Iterator<Item = &'a PublicKey> + Clone,
    ) -> Result<Self, EventError> {
        for (by, _) in &signed.signatures {
            let key = voices.clone().find(|key| key.id() == *by).ok_or(EventError::Stranger(*by))?;
            let verified = signed.verify_by(context::KEY_EVENT, key);
            verified.map_err(|why| EventError::Signers { who: "whoever is named", why })?;
        }
        Ok(Self(signed.signatures.iter().map(|(by, _)| *by).collect()))
    }

    /// Whether one key is among them.
    pub(super) fn include(&self, key: &PublicKey, who: &'static str) -> Result<(), EventError> {
        let why = SignedError::Missing(key.id());
        if self.0.contains(&key.id()) { Ok(()) } else { Err(EventError::Signers { who, why }) }
    }

    /// Whether enough root keys are among them. No two root keys share a half: [`Event::read`] sees to that.
    pub(super) fn reach(&self, roots: &Roots, who: &'static str) -> Result<(), EventError> {
        let (threshold, valid) =
            (roots.threshold, roots.keys.iter().filter(|key| self.0.contains(&key.id())).count());
        let why = SignedError::TooFew { valid, threshold };
        if valid >= threshold && valid > 0 { Ok(()) } else { Err(EventError::Signers { who, why }) }
    }
}
