//! Applying events in order, and asking which key held when.

use std::collections::BTreeSet;

use json::Tape;
use model::{Digest, PartyId, StixId, Timestamp};

use super::body::{Change, Event, Roots};
use super::error::{EventError, Fork, KeyError};
use super::state::{
    Authority, Epoch, Revoked, Signers, State, check, check_epoch, check_made, check_new_key,
};
use crate::fields::{LIMITS, Malformed};
use crate::hybrid::{KeyId, PublicKey};
use crate::signed::Signed;
use crate::window::SKEW;

/// The longest a history's text becomes, in bytes: less than any reader here takes. A rotation is 14 kB, so this is
/// room for a hundred years of them.
pub(super) const MAX_BYTES: usize = 6 << 20;

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// It is the newest event now.
    New,
    /// It was known.
    Known,
    /// It is the newest event now, and took the place of events that an epoch key alone had vouched for: the root
    /// keys overruled whoever had that key. What those events said never was.
    Superseded {
        /// Digest of the first event that was dropped.
        dropped: Digest,
    },
}

/// A party's key history: every event verified against those before it.
#[derive(Debug, Clone)]
pub struct KeyHistory {
    state: State,
    events: Vec<Signed>,
    /// Who vouched for each event.
    authority: Vec<Authority>,
    /// Length of their texts.
    bytes: usize,
    fork: Option<Fork>,
}

impl KeyHistory {
    /// Begins a history with its inception. `now` is our clock.
    ///
    /// # Errors
    /// [`EventError`] for anything but a properly signed inception.
    pub fn begin(inception: &Signed, now: Timestamp) -> Result<Self, EventError> {
        let event = Event::read(inception)?;
        let state = State::begin(&event, inception.hash()).ok_or(EventError::Inception)?;
        check_made(&event, now)?;
        check_epoch(&event)?;
        if let Change::Inception { roots, epoch, .. } = &event.change {
            check_new_key(&epoch.key, epoch.next, roots.keys.iter())?;
            let signers = Signers::of(inception, roots.keys.iter().chain([&epoch.key]))?;
            signers.reach(roots, "the root keys")?;
            signers.include(&epoch.key, "the first epoch's key")?;
        }
        let (events, authority) = (vec![inception.clone()], vec![Authority::Roots]);
        Ok(Self { state, events, authority, bytes: length(inception), fork: None })
    }

    /// Applies the next event, or takes note of one that is known. `now` is our clock.
    ///
    /// # Errors
    /// [`EventError`]. An event that another one of the same number contradicts, both properly signed with the same
    /// authority, is [`EventError::Fork`], and is remembered.
    pub fn apply(&mut self, signed: &Signed, now: Timestamp) -> Result<Applied, EventError> {
        let event = Event::read(signed)?;
        let hash = signed.hash();
        let at = usize::try_from(event.n).unwrap_or(usize::MAX);
        if let Some(known) = self.events.get(at) {
            return if known.hash() == hash {
                self.known_again(at, &event, signed, now)
            } else {
                self.contradiction(at, &event, signed, now)
            };
        }
        if let Some(fork) = self.fork {
            return Err(fork.into());
        }
        if event.n != self.state.count {
            return Err(EventError::Gap { expected: self.state.count, found: event.n });
        }
        let authority = check(&self.state, &event, signed, now)?;
        if self.bytes.saturating_add(length(signed)) > MAX_BYTES {
            return Err(EventError::Full);
        }
        self.push(&event, signed, authority);
        Ok(Applied::New)
    }

    fn push(&mut self, event: &Event, signed: &Signed, authority: Authority) {
        self.bytes = self.bytes.saturating_add(length(signed));
        self.state.advance(event, signed.hash());
        self.events.push(signed.clone());
        self.authority.push(authority);
    }

    /// A relay may have left out signatures: the event with the greater authority is the one to keep.
    fn known_again(
        &mut self,
        at: usize,
        event: &Event,
        signed: &Signed,
        now: Timestamp,
    ) -> Result<Applied, EventError> {
        let more = self.events.get(at).is_some_and(|known| known.signatures != signed.signatures);
        if more && self.authority.get(at) == Some(&Authority::Epoch) {
            let state = self.state_before(at)?;
            if check(&state, event, signed, now) == Ok(Authority::Roots) {
                if let Some(slot) = self.events.get_mut(at) {
                    *slot = signed.clone();
                }
                if let Some(slot) = self.authority.get_mut(at) {
                    *slot = Authority::Roots;
                }
            }
        }
        Ok(Applied::Known)
    }

    /// An event with the number of another. The root keys overrule an epoch key, which may be in wrong hands; between
    /// equals it is equivocation.
    fn contradiction(
        &mut self,
        at: usize,
        event: &Event,
        signed: &Signed,
        now: Timestamp,
    ) -> Result<Applied, EventError> {
        let (expected, other) = (self.state.party, signed.hash());
        let kept = self.events.get(at).ok_or(EventError::Inception)?;
        let (kept, kept_created) = (kept.hash(), Event::read(kept)?.created);
        if at == 0 {
            return Err(EventError::OtherParty { expected, found: PartyId(other) });
        }
        // Only what the party really signed is held against it: anyone can write a second event.
        let before = self.state_before(at)?;
        let authority = check(&before, event, signed, now)?;
        let standing = self.authority.iter().skip(at).max().copied().unwrap_or(Authority::Roots);
        if self.authority.get(at) > Some(&authority) {
            return Err(EventError::Overruled { n: event.n, kept });
        }
        if authority > standing {
            self.state = before;
            self.events.truncate(at);
            self.authority.truncate(at);
            self.bytes = self.events.iter().map(length).fold(0, usize::saturating_add);
            self.fork = self.fork.filter(|fork| fork.n < event.n);
            self.push(event, signed, authority);
            return Ok(Applied::Superseded { dropped: kept });
        }
        let fork = Fork { n: event.n, kept, other, since: event.created.min(kept_created) };
        self.fork = Some(self.fork.filter(|earlier| earlier.n <= fork.n).unwrap_or(fork));
        Err(fork.into())
    }

    /// The state before event `at`, which is known.
    fn state_before(&self, at: usize) -> Result<State, EventError> {
        let mut events = self.events.iter().take(at);
        let inception = events.next().ok_or(EventError::Inception)?;
        let mut state =
            State::begin(&Event::read(inception)?, inception.hash()).ok_or(EventError::Inception)?;
        for signed in events {
            state.advance(&Event::read(signed)?, signed.hash());
        }
        Ok(state)
    }

    /// Applies what another node holds of this party's history, as [`Self::to_text`] writes it. `now` is our clock.
    ///
    /// Returns how many events were new. An older history than ours changes nothing: there is no way back.
    ///
    /// # Errors
    /// [`EventError`] of the first event that is refused; those before it stay applied.
    pub fn update(&mut self, bytes: &[u8], now: Timestamp) -> Result<usize, EventError> {
        let mut new = 0;
        for event in read_events(bytes)? {
            new += usize::from(self.apply(&event, now)? != Applied::Known);
        }
        Ok(new)
    }

    /// Reads [`Self::to_text`] and verifies every event anew. `now` is our clock.
    ///
    /// # Errors
    /// [`EventError`], of the first event that is not in order.
    pub fn parse(bytes: &[u8], now: Timestamp) -> Result<Self, EventError> {
        Self::replay(&read_events(bytes)?, now)
    }

    /// Verifies a whole history. `now` is our clock.
    ///
    /// # Errors
    /// [`EventError`], of the first event that is not in order.
    pub fn replay(events: &[Signed], now: Timestamp) -> Result<Self, EventError> {
        let (inception, rest) = events.split_first().ok_or(EventError::Inception)?;
        let mut history = Self::begin(inception, now)?;
        for event in rest {
            history.apply(event, now)?;
        }
        Ok(history)
    }

    /// All events, as a JSON list in canonical form: for files, and for peers that ask.
    #[must_use]
    pub fn to_text(&self) -> String {
        write_events(&self.events)
    }

    /// All events, oldest first.
    #[must_use]
    pub fn events(&self) -> &[Signed] {
        &self.events
    }

    /// The event that comes next, for [`Event::sign`].
    #[must_use]
    pub fn next_event(&self, created: Timestamp, change: Change) -> Event {
        let State { party, head, count, .. } = self.state;
        Event { after: Some((party, head)), n: count, created, change }
    }

    /// The party: the digest of its inception's body.
    #[must_use]
    pub fn party(&self) -> PartyId {
        self.state.party
    }

    /// What people call the party: its own claim.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.state.name
    }

    /// The party's country: its own claim.
    #[must_use]
    pub fn country(&self) -> &str {
        &self.state.country
    }

    /// Digest of the newest event.
    #[must_use]
    pub fn head(&self) -> Digest {
        self.state.head
    }

    /// How many events there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.state.count
    }

    /// The root keys now.
    #[must_use]
    pub fn roots(&self) -> &Roots {
        self.state.roots()
    }

    /// The id of the next epoch key, by the newest commitment.
    #[must_use]
    pub fn next_key(&self) -> KeyId {
        self.state.next
    }

    /// Every epoch, oldest first.
    #[must_use]
    pub fn epochs(&self) -> &[Epoch] {
        &self.state.epochs
    }

    /// The equivocation that was seen, if any.
    #[must_use]
    pub fn fork(&self) -> Option<&Fork> {
        self.fork.as_ref()
    }

    /// The identities the party speaks for, by its newest event.
    #[must_use]
    pub fn identities(&self) -> &BTreeSet<StixId> {
        static NONE: BTreeSet<StixId> = BTreeSet::new();
        self.state.identities.last().map_or(&NONE, |(_, identities)| identities)
    }

    /// Whether the party spoke for an identity at an instant.
    #[must_use]
    pub fn spoke_for(&self, identity: &StixId, at: Timestamp) -> bool {
        let then = self.state.identities.iter().rev().find(|(from, _)| *from <= at);
        then.is_some_and(|(_, identities)| identities.contains(identity))
    }

    /// The epoch that held at an instant.
    ///
    /// # Errors
    /// [`KeyError`]: none did, its key is revoked from before then, or the party equivocated before then.
    pub fn epoch_at(&self, at: Timestamp) -> Result<&Epoch, KeyError> {
        let begun = self.state.epochs.iter().rev().find(|epoch| epoch.window.from <= at);
        match begun.or_else(|| self.state.epochs.first()) {
            Some(epoch) => self.unless_forked(epoch, at),
            None => Err(KeyError::Unknown(self.state.next)),
        }
    }

    /// The epoch key that held at an instant.
    ///
    /// # Errors
    /// As [`Self::epoch_at`].
    pub fn epoch_key_at(&self, at: Timestamp) -> Result<&PublicKey, KeyError> {
        self.epoch_at(at).map(|epoch| &epoch.key)
    }

    /// The epoch that holds now, by our clock. One that begins within what clocks differ by ([`SKEW`]) holds already.
    ///
    /// # Errors
    /// As [`Self::epoch_at`].
    pub fn current(&self, now: Timestamp) -> Result<&Epoch, KeyError> {
        let begins = self.state.epochs.last().map_or(now, |epoch| epoch.window.from);
        self.epoch_at(if begins <= now.plus_micros(SKEW) { now.max(begins) } else { now })
    }

    /// An epoch by its key, if that holds now by our clock. As with [`Self::current`], clocks may differ at its
    /// beginning; its end is its end.
    ///
    /// # Errors
    /// As [`Self::key_for`].
    pub fn epoch_now(&self, key: KeyId, now: Timestamp) -> Result<&Epoch, KeyError> {
        let epoch = self.epoch(key).ok_or(KeyError::Unknown(key))?;
        let begins = epoch.window.from;
        self.unless_forked(epoch, if begins <= now.plus_micros(SKEW) { now.max(begins) } else { now })
    }

    /// The key to verify something with that was signed by `key` at an instant.
    ///
    /// # Errors
    /// [`KeyError`]: not a key of this party, or not one whose word counted then.
    pub fn key_for(&self, key: KeyId, at: Timestamp) -> Result<&PublicKey, KeyError> {
        let epoch = self.epoch(key).ok_or(KeyError::Unknown(key))?;
        self.unless_forked(epoch, at).map(|epoch| &epoch.key)
    }

    /// An epoch by its key, whether it holds or not.
    #[must_use]
    pub fn epoch(&self, key: KeyId) -> Option<&Epoch> {
        self.state.epochs.iter().find(|epoch| epoch.key.id() == key)
    }

    /// The revocation of a key, if it is revoked.
    #[must_use]
    pub fn revoked(&self, key: KeyId) -> Option<&Revoked> {
        self.epoch(key)?.revoked.as_ref()
    }

    fn unless_forked<'a>(&self, epoch: &'a Epoch, at: Timestamp) -> Result<&'a Epoch, KeyError> {
        match self.fork {
            Some(fork) if at >= fork.since => Err(fork.into()),
            _ => epoch.holds_at(at).map(|()| epoch),
        }
    }

    /// Verifies that a document is signed by the epoch key that held at an instant, and says which that is.
    ///
    /// # Errors
    /// [`KeyError`], with [`KeyError::Signature`] when the key held but did not sign this.
    pub fn verify(&self, context: &str, signed: &Signed, at: Timestamp) -> Result<KeyId, KeyError> {
        let key = self.epoch_key_at(at)?;
        signed.verify_by(context, key)?;
        Ok(key.id())
    }

    /// Verifies that a document is signed by the threshold of the root keys that stood at an instant.
    ///
    /// # Errors
    /// [`KeyError::Forked`] or [`KeyError::Signature`].
    pub fn verify_roots(&self, context: &str, signed: &Signed, at: Timestamp) -> Result<(), KeyError> {
        if let Some(fork) = self.fork.filter(|fork| at >= fork.since) {
            return Err(fork.into());
        }
        let then = self.state.roots.iter().rev().find(|(from, _)| *from <= at);
        let roots = then.map_or_else(|| self.state.roots(), |(_, roots)| roots);
        Ok(signed.verify_threshold(context, &roots.keys, roots.threshold).map(|_| ())?)
    }

    /// Verifies that a document is signed by the root threshold or the epoch key, whichever it is, of an instant.
    ///
    /// # Errors
    /// As [`Self::verify`].
    pub fn verify_or_roots(&self, context: &str, signed: &Signed, at: Timestamp) -> Result<(), KeyError> {
        match self.verify_roots(context, signed, at) {
            Err(KeyError::Signature(_)) => self.verify(context, signed, at).map(|_| ()),
            other => other,
        }
    }
}

/// Bytes of an event in the text of its history.
fn length(signed: &Signed) -> usize {
    signed.to_text().len().saturating_add(1)
}

/// Writes events as a JSON list in canonical form.
pub(crate) fn write_events(events: &[Signed]) -> String {
    let events: Vec<String> = events.iter().map(Signed::to_text).collect();
    format!("[{}]", events.join(","))
}

/// Reads [`write_events`]. Nothing is verified.
pub(crate) fn read_events(bytes: &[u8]) -> Result<Vec<Signed>, Malformed> {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let mut tape = Tape::new();
    let list = tape.parse(bytes, &LIMITS)?;
    let events = read_event_list(list, "")?;
    if write_events(&events).as_bytes() == bytes {
        Ok(events)
    } else {
        Err(Malformed::new("", "not in canonical form (RFC 8785): no white space, members sorted"))
    }
}

/// As [`read_events`], for a list inside another document.
pub(crate) fn read_event_list(list: json::Value<'_>, pointer: &str) -> Result<Vec<Signed>, Malformed> {
    if list.kind() != json::Kind::Array {
        return Err(Malformed::new(pointer, "a list of key events is needed"));
    }
    let mut events = Vec::new();
    for (at, item) in list.items().enumerate() {
        events.push(Signed::read(item, &format!("{pointer}/{at}"))?);
    }
    Ok(events)
}
