//! The last look at what stands in a stream, before it leaves: by call or by file.
//!
//! An entry may have waited for days. If its receiver may no longer have it, or it is called something narrower by now,
//! its content is taken out of the stream for good and takes its place in the queue again; the envelope goes, so that
//! the chain has no gap.

use exchange::wire::{Opening, Push, PushEntry};
use exchange::{Envelope, Kind, Segment};
use model::Timestamp;
use policy::Action;
use ports::trust::{EntryRecord, OutboxRecord, StreamKey};
use ports::{Read, StoreError, Tx};

use super::deliver::View;
use super::registry::Registry;
use super::{Trust, TrustError};
use crate::core::Core;

/// What became of the attempt to send a segment.
pub(crate) enum Departure {
    /// It can go, as it is.
    Leaves(Box<Push>),
    /// Content has to be taken out of it first: [`Core::set_aside`] these, and look again.
    Unfit(Vec<EntryRecord>),
    /// Nothing may flow for now, and nothing that is taken back stands behind: it stays until something may.
    Waits,
    /// There is nothing to send.
    Nothing,
}

impl Core {
    /// The segment of a stream that holds an entry, if it may leave now.
    pub(crate) fn departing(
        &self,
        read: &dyn Read,
        trust: &Trust,
        registry: &Registry,
        key: StreamKey,
        (epoch, from, last): (u32, u64, u64),
    ) -> Result<Departure, TrustError> {
        let tenant = self.scope.tenant;
        if from > last {
            return Ok(Departure::Nothing);
        }
        let Some(segment) = read.segments(tenant, key, epoch, from, 1)?.into_iter().next() else {
            return Ok(Departure::Nothing);
        };
        let allowed = registry.may_receive(key.agreement, key.peer, trust.party);
        let waits = !allowed && registry.may_resume(key.agreement, key.peer, trust.party);
        if waits && !self.takes_back(read, key, epoch, segment.first)? {
            return Ok(Departure::Waits);
        }
        let entries = read.entries(tenant, key, epoch, segment.first, segment.count as usize)?;
        let mut unfit = Vec::new();
        for entry in &entries {
            if entry.payload.is_some() && !self.still_fit(read, trust, registry, key, allowed, entry)? {
                unfit.push(entry.clone());
            }
        }
        if !unfit.is_empty() {
            return Ok(Departure::Unfit(unfit));
        }
        let entries = entries.into_iter().map(|entry| PushEntry {
            opening: entry.salt.zip(entry.payload).map(|(salt, payload)| Opening { salt, payload }),
            envelope: entry.envelope,
        });
        let entries = entries.collect();
        let mut segment = Segment::parse(&segment.text).map_err(TrustError::refused)?;
        let own = registry.histories.get(&trust.party);
        if own.is_some_and(|history| history.revoked(segment.by).is_some()) {
            // Nobody believes the key that it was signed with any more.
            let secrets = trust.secrets();
            if own.is_some_and(|history| history.revoked(secrets.epoch.id()).is_some()) {
                return Ok(Departure::Waits);
            }
            segment = segment.sealed_anew(self.clock.now(), &secrets.epoch);
        }
        Ok(Departure::Leaves(Box::new(Push { segment, entries, sent: None })))
    }

    /// Whether an entry says what may be said now. What takes something back may always.
    fn still_fit(
        &self,
        read: &dyn Read,
        trust: &Trust,
        registry: &Registry,
        key: StreamKey,
        allowed: bool,
        entry: &EntryRecord,
    ) -> Result<bool, StoreError> {
        let Ok(envelope) = Envelope::parse(&entry.envelope) else { return Ok(false) };
        if !matches!(envelope.kind, Kind::Put | Kind::Supersede | Kind::Sighting) {
            return Ok(true);
        }
        let Some((force, version)) = registry.last_force(key.agreement).zip(entry.version) else {
            return Ok(false);
        };
        let given = read.disclosure(self.scope.tenant, key.peer, key.agreement, envelope.subject)?;
        if !allowed || given.is_none_or(|given| given.withdrawn.is_some()) {
            return Ok(false);
        }
        let Some(candidate) = self.offered(read, version)? else { return Ok(false) };
        let now = self.clock.now();
        let decision = trust.decide(&force, registry, &candidate, key.peer, Action::Receive, now);
        if !decision.permitted || decision.handling.to_text() != envelope.label {
            return Ok(false);
        }
        let (to, agreement, force) = (key.peer, key.agreement, &force);
        let view = View { core: self, trust, registry, agreement, force, to, read, now };
        view.may_know_all(entry, &candidate, &decision)
    }

    /// Whether something that is taken back, or confirmed, stands in a stream from a place on.
    fn takes_back(
        &self,
        read: &dyn Read,
        key: StreamKey,
        epoch: u32,
        mut from: u64,
    ) -> Result<bool, StoreError> {
        const PAGE: usize = 512;
        loop {
            let page = read.entries(self.scope.tenant, key, epoch, from, PAGE)?;
            if page.iter().any(|entry| entry.payload.is_some() && is_taking_back(&entry.envelope)) {
                return Ok(true);
            }
            match page.last() {
                Some(last) if page.len() == PAGE => from = last.seq + 1,
                _ => return Ok(false),
            }
        }
    }

    /// Takes content out of a stream and queues it anew, where there is still something to be given and it may be again.
    pub(crate) fn set_aside(
        &self,
        key: StreamKey,
        epoch: u32,
        unfit: &[EntryRecord],
    ) -> Result<(), TrustError> {
        let now = self.clock.now();
        let registry = self.registry()?;
        self.store.transact(|tx| {
            unfit.iter().try_for_each(|entry| self.put_aside(tx, &registry, key, epoch, entry, now))
        })?;
        Ok(())
    }

    /// Takes the content of one entry out of a stream, and queues it anew.
    pub(crate) fn put_aside(
        &self,
        tx: &mut dyn Tx,
        registry: &Registry,
        key: StreamKey,
        epoch: u32,
        entry: &EntryRecord,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let tenant = self.scope.tenant;
        tx.blank_entry(tenant, key, epoch, entry.seq)?;
        let Ok(envelope) = Envelope::parse(&entry.envelope) else { return Ok(()) };
        let (to, agreement) = (key.peer, key.agreement);
        self.not_given_along(tx, (to, agreement), (epoch, entry.seq), entry.payload.as_deref())?;
        let given = tx.disclosure(tenant, to, agreement, envelope.subject)?;
        let version = given.filter(|given| given.withdrawn.is_none()).and_then(|given| given.version);
        let again = self.trust().is_some_and(|trust| registry.may_resume(agreement, to, trust.party));
        if version.is_none() || !again {
            return Ok(());
        }
        let queued = OutboxRecord {
            id: 0,
            to,
            agreement,
            kind: envelope.kind.as_str().to_owned(),
            version,
            inline: None,
            decision: Some(envelope.decision),
            not_before: now,
        };
        tx.queue(tenant, &queued).map(drop)
    }
}

/// Whether an envelope takes something back or confirms it: former members get those too.
fn is_taking_back(envelope: &str) -> bool {
    Envelope::parse(envelope)
        .is_ok_and(|envelope| matches!(envelope.kind, Kind::Withdraw | Kind::Receipt | Kind::Relabel))
}
