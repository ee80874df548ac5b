//! Taking back, and making it true that what others took back is gone.

use std::collections::BTreeMap;

use exchange::{Erasure, Receipt, ReceiptItem};
use ledger::entry::ErasureAct;
use model::{AgreementId, Digest, Finding, PartyId, Severity, StixId, Timestamp};
use policy::Action;
use ports::trust::{DisclosureRecord, HoldingRecord, StreamKey};
use ports::{Read, StoreError, Tx};

use super::registry::{InForce, Registry};
use super::{Trust, TrustError};
use crate::core::Core;
use crate::refused;

/// Rows looked at in one go.
const STEP: usize = 1000;

/// Why what was passed on is taken back when its giver takes it back from us.
const UPSTREAM: &str = "no-longer-permitted";

/// What a withdrawal set in motion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdrawal {
    /// Whom word goes to, under which agreement.
    pub told: Vec<(PartyId, AgreementId)>,
    /// Whether we speak for its creator: then holders end every holding of it.
    pub as_creator: bool,
}

impl Core {
    /// Takes an object back from everyone it was given to. The object stays here; [`Core::erase`] removes it.
    ///
    /// # Errors
    /// [`TrustError::Missing`] when nobody was given it.
    pub fn withdraw(&self, id: &StixId, author: &str, reason: &str) -> Result<Withdrawal, TrustError> {
        let trust = self.party()?;
        let registry = self.registry()?;
        let _turn = trust.turn();
        let tenant = self.scope.tenant;
        let now = self.clock.now();
        let (given, newest) = {
            let read = self.store.read()?;
            let given = read.disclosures(tenant, Some(id), false, 0, 100_000)?;
            (given, read.object(self.scope, id, None)?)
        };
        let creator = newest.as_ref().is_some_and(|stored| stored.source.0 == 0);
        if given.is_empty() {
            return Err(TrustError::Missing(format!("a disclosure of `{id}`")));
        }
        let mut told = Vec::new();
        self.store.transact(|tx| {
            for record in given.iter().filter(|record| record.withdrawn.is_none()) {
                let consumer = registry.releases(trust.party).find(|known| known.hash == record.agreement.0);
                if let Some(consumer) = consumer.filter(|_| record.to == trust.party) {
                    self.take_from(tx, consumer, record, now)?;
                    // Who asks for what is new since its last pull is to meet it.
                    if let Some(newest) = &newest {
                        tx.redate(self.scope, now, newest.version_id)?;
                    }
                    told.push((record.to, record.agreement));
                    continue;
                }
                let Some(force) = registry.last_force(record.agreement) else { continue };
                let (to, agreement) = (record.to, record.agreement);
                self.take_back(tx, to, agreement, &force, record.subject, "error", creator, now)?;
                told.push((to, agreement));
            }
            let barred = if creator { self.recalled(id) } else { self.kept_back(id) };
            tx.set_tombstone(tenant, now, trust.party, None, barred)?;
            tx.audit(tenant, now, author, "object.withdraw", id.type_name(), reason)
        })?;
        trust.wake();
        Ok(Withdrawal { told, as_creator: creator })
    }

    /// Erases the next of what was taken back or kept long enough, down to the files, and queues the receipts. What stays
    /// because another holding or our own work keeps it is told to be so. Returns whether there may be more.
    ///
    /// # Errors
    /// When the store fails; the next step goes on.
    pub fn erasure_step(&self) -> Result<bool, TrustError> {
        let Some(trust) = self.trust() else { return Ok(false) };
        let tenant = self.scope.tenant;
        let waiting = {
            // A withdrawal that is being taken in says so before it is kept: it is waited for, or it would be missed.
            let _turn = trust.turn_in();
            if !trust.take_erasures() {
                return Ok(false);
            }
            self.store.read()?.holdings_ended(tenant, STEP)?
        };
        if waiting.is_empty() {
            return Ok(false);
        }
        let full = waiting.len() == STEP;
        let now = self.clock.now();
        let registry = self.registry()?;
        let mut gone: Vec<StixId> = Vec::new();
        let mut ends: Vec<(HoldingRecord, Erasure)> = Vec::new();
        for holding in waiting {
            let Some(id) = holding.object.clone() else {
                ends.push((holding, Erasure::Erased));
                continue;
            };
            if gone.contains(&id) {
                continue;
            }
            let passed_on = self.passed_on(trust, &registry, &id)?;
            let erased = self.store.transact(|tx| {
                let all = tx.holdings_of(tenant, &id)?;
                let live = all.iter().any(|other| other.ended.is_none() || other.hold.is_some());
                let ours = tx
                    .existing(self.scope, &id, None)?
                    .latest
                    .is_some_and(|latest| latest.first_source.0 == 0);
                if live || ours {
                    return Ok(None);
                }
                for given in &passed_on {
                    self.take_from_there(tx, given, now)?;
                }
                self.made_anew_without(tx, &registry, &id, now)?;
                if tx.tombstoned(tenant, trust.party, holding.agreement, self.recalled(&id))? {
                    tx.erase(self.scope, now, &id)?;
                } else {
                    tx.forget(self.scope, now, &id)?;
                }
                Ok(Some(all))
            })?;
            match erased {
                // Those whose word was "kept" so far end with it.
                Some(all) => {
                    ends.extend(all.into_iter().map(|holding| (holding, Erasure::Erased)));
                    gone.push(id);
                }
                None => {
                    // What stays may have been passed on only because of what has ended.
                    self.store.transact(|tx| {
                        let mut barred = passed_on.iter().filter(|given| !given.permitted);
                        barred.try_for_each(|given| self.take_from_there(tx, given, now))
                    })?;
                    ends.push((holding, Erasure::Kept));
                }
            }
        }
        if !gone.is_empty() {
            self.committed();
            self.store.scrub()?;
            if let Some(dir) = &self.dir {
                for id in &gone {
                    refused::scrub(dir, id.as_str()).map_err(TrustError::refused)?;
                }
            }
        }
        self.store.transact(|tx| {
            let mut receipts: BTreeMap<(PartyId, AgreementId), Vec<ReceiptItem>> = BTreeMap::new();
            for (holding, state) in &ends {
                let (from, agreement, subject) = (holding.from, holding.agreement, holding.subject);
                let Some(current) = tx.holding(tenant, from, agreement, subject)? else { continue };
                let was_kept = current.kept;
                let erased = *state == Erasure::Erased;
                let next = match erased {
                    true => HoldingRecord { erased: Some(now), object: None, version: None, ..current },
                    false => HoldingRecord { kept: true, ..current },
                };
                tx.set_holding(tenant, &next)?;
                let act = if erased { ErasureAct::Confirmed } else { ErasureAct::Kept };
                // The demand was settled when we said that it is kept; what comes now is more than was asked.
                if !was_kept {
                    self.book_erasure_act(tx, (from, agreement, subject), act, now)?;
                }
                let item = ReceiptItem { subject, state: state.clone(), at: now };
                receipts.entry((from, agreement)).or_default().push(item);
            }
            for ((from, agreement), items) in receipts {
                let key = StreamKey { peer: from, agreement, outbound: false };
                for items in items.chunks(Receipt::MAX_ITEMS) {
                    self.queue_receipts(tx, trust, key, items.to_vec(), now)?;
                }
            }
            Ok(())
        })?;
        if full {
            trust.erasures_wait();
        }
        trust.wake();
        Ok(full)
    }

    /// To whom an object was passed on and still is there, and whether it would go there now.
    fn passed_on(
        &self,
        trust: &Trust,
        registry: &Registry,
        id: &StixId,
    ) -> Result<Vec<PassedOn>, TrustError> {
        let read = self.store.read()?;
        let stored = read.object(self.scope, id, None)?;
        let candidate = stored.map(|stored| self.offered(&*read, stored.version_id)).transpose()?.flatten();
        let now = self.clock.now();
        let mut found = Vec::new();
        for given in read.disclosures(self.scope.tenant, Some(id), false, 0, 100_000)? {
            let Some(force) = registry.last_force(given.agreement).filter(|_| given.withdrawn.is_none())
            else {
                continue;
            };
            let permitted = candidate.as_ref().is_some_and(|candidate| {
                trust.decide(&force, registry, candidate, given.to, Action::Receive, now).permitted
                    || trust.may_still_explain(&force, registry, candidate, given.to, now)
            });
            let (to, agreement, subject) = (given.to, given.agreement, given.subject);
            found.push(PassedOn { to, agreement, force, subject, permitted });
        }
        Ok(found)
    }

    fn take_from_there(&self, tx: &mut dyn Tx, given: &PassedOn, now: Timestamp) -> Result<(), StoreError> {
        let PassedOn { to, agreement, force, subject, .. } = given;
        self.take_back(tx, *to, *agreement, force, *subject, UPSTREAM, false, now)
    }

    /// Our own people erased an object: whoever gave it to us is told, and our ledger says so.
    pub(crate) fn erased_here(
        &self,
        tx: &mut dyn Tx,
        held: Vec<HoldingRecord>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(trust) = self.trust() else { return Ok(()) };
        for holding in held.into_iter().filter(|holding| holding.erased.is_none()) {
            let place = (holding.from, holding.agreement, holding.subject);
            let key = StreamKey { peer: holding.from, agreement: holding.agreement, outbound: false };
            if holding.ended.is_none() {
                self.book_erasure_here(tx, place, Some(now), now)?;
            }
            if !holding.kept {
                self.book_erasure_act(tx, place, ErasureAct::Confirmed, now)?;
            }
            let ended = Some(holding.ended.unwrap_or(now));
            let gone = HoldingRecord {
                object: None,
                version: None,
                ended,
                erased: Some(now),
                hold: None,
                ..holding
            };
            tx.set_holding(self.scope.tenant, &gone)?;
            self.queue_receipt(tx, trust, key, gone.subject, Erasure::Erased, now)?;
        }
        Ok(())
    }

    /// Why an object has to be kept, where what we hold of it is under a legal hold.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn legal_hold(&self, id: &StixId) -> Result<Option<String>, StoreError> {
        let held = self.store.read()?.holdings(self.scope.tenant, Some(id), 0, 100_000)?;
        Ok(basis_of(&held))
    }

    /// Disclosures of an object, also of one that was erased here since: its names are known as long as the node's keys.
    ///
    /// # Errors
    /// When the store fails.
    pub fn disclosures_of(&self, read: &dyn Read, id: &StixId) -> Result<Vec<DisclosureRecord>, TrustError> {
        let tenant = self.scope.tenant;
        let mut found = read.disclosures(tenant, Some(id), false, 0, 100_000)?;
        let Some(trust) = self.trust() else { return Ok(found) };
        let registry = self.registry()?;
        let agreements = registry.agreements.iter();
        let parties = agreements.flat_map(|(id, agreed)| agreed.state.ever.iter().map(|party| (*party, *id)));
        let clients = registry.releases(trust.party).map(|known| (trust.party, AgreementId(known.hash)));
        for (to, agreement) in parties.chain(clients) {
            let named = trust.named(read, tenant, to, agreement, id)?;
            let all = named.taken.into_iter().chain(named.given);
            found.extend(all.filter(|given| given.object.is_none()));
        }
        Ok(found)
    }

    /// Puts what we hold of an object under a legal hold, or lifts it. A withdrawal then becomes a dispute that both
    /// sides see. Returns how many holdings it concerns.
    ///
    /// # Errors
    /// [`TrustError::Missing`] when nothing of it came under an agreement.
    pub fn set_legal_hold(
        &self,
        id: &StixId,
        basis: Option<&str>,
        author: &str,
    ) -> Result<usize, TrustError> {
        let trust = self.party()?;
        let tenant = self.scope.tenant;
        let now = self.clock.now();
        let count = self.store.transact(|tx| {
            let holdings = tx.holdings_of(tenant, id)?;
            for holding in holdings.iter().filter(|holding| holding.erased.is_none()) {
                let hold = basis.map(str::to_owned);
                tx.set_holding(tenant, &HoldingRecord { hold, kept: false, ..holding.clone() })?;
                if let (Some(basis), Some(_)) = (basis, holding.ended) {
                    let key = StreamKey { peer: holding.from, agreement: holding.agreement, outbound: false };
                    let place = (holding.from, holding.agreement, holding.subject);
                    self.book_erasure_act(tx, place, ErasureAct::Held, now)?;
                    let state = Erasure::Held { basis: basis.to_owned() };
                    self.queue_receipt(tx, trust, key, holding.subject, state, now)?;
                }
            }
            let action = if basis.is_some() { "hold.set" } else { "hold.lift" };
            tx.audit(tenant, now, author, action, id.type_name(), basis.unwrap_or_default())?;
            Ok(holdings.len())
        })?;
        if count == 0 {
            return Err(TrustError::Missing(format!("a holding of `{id}`")));
        }
        trust.erasures_wait();
        trust.wake();
        Ok(count)
    }

    /// Says so when an erasure is not confirmed in time. Each overdue disclosure is told of once.
    ///
    /// # Errors
    /// When the store fails.
    pub fn deadline_step(&self) -> Result<bool, TrustError> {
        let Some(_) = self.trust() else { return Ok(false) };
        let tenant = self.scope.tenant;
        let now = self.clock.now();
        let read = self.store.read()?;
        let open = read.disclosures(tenant, None, true, 0, STEP)?;
        let overdue = |record: &DisclosureRecord| {
            record.receipt.is_none() && record.deadline.is_some_and(|deadline| deadline <= now)
        };
        let mut late = Vec::new();
        for record in open.into_iter().filter(overdue) {
            if read.named_cursor(tenant, &told_cursor(&record))?.is_none() {
                late.push(record);
            }
        }
        drop(read);
        for record in &late {
            let message = format!(
                "party {} has not confirmed the erasure of something taken back under agreement {}; it was due {}",
                record.to.0.short(),
                record.agreement.0.short(),
                record.deadline.unwrap_or(now)
            );
            let finding = Finding::new(Severity::Error, "shieldwall/erasure-overdue", "", message)
                .hint("ask them; the agreement names the deadline, and the ledger shows that they were told");
            self.store.transact(|tx| {
                let object = record.object.as_ref();
                tx.add_findings(self.scope, now, model::SourceId(0), object, std::slice::from_ref(&finding))?;
                tx.set_cursor(tenant, &told_cursor(record), model::Seq(1))
            })?;
        }
        Ok(!late.is_empty())
    }
}

/// An object that was passed on, as one party has it.
struct PassedOn {
    to: PartyId,
    agreement: AgreementId,
    force: InForce,
    subject: Digest,
    /// Whether it would go there now.
    permitted: bool,
}

/// Why what is held of an object has to be kept, if it has to be.
pub(crate) fn basis_of(held: &[HoldingRecord]) -> Option<String> {
    held.iter().filter(|holding| holding.erased.is_none()).find_map(|holding| holding.hold.clone())
}

fn told_cursor(record: &DisclosureRecord) -> String {
    overdue_name(record.to, record.agreement, record.subject)
}

fn overdue_name(to: PartyId, agreement: AgreementId, subject: Digest) -> String {
    format!("overdue:{}:{}:{}", to.0.short(), agreement.0.short(), subject.short())
}
