//! How long what was received is kept: holdings end when their time is up, and what no holding keeps is erased.

use keys::window::DAY;
use ledger::entry::{ErasureAct, Figures, Side};
use model::{AgreementId, Digest, PartyId, Timestamp};
use ports::Tx;
use ports::trust::HoldingRecord;
use ports::{Read, StoreError};

use super::registry::Registry;
use super::{Trust, TrustError};
use crate::core::Core;

/// Holdings one transaction ends.
const STEP: usize = 500;

/// How often what is kept is checked against retention periods, for the ledger: once a day.
const CHECK: i64 = DAY;

const CHECKED: &str = "retention-checked";

impl Core {
    /// Ends the next holdings whose time is up; [`Core::erasure_step`] erases them. Returns whether there may be more.
    ///
    /// # Errors
    /// When the store fails; the next step goes on.
    pub fn retention_step(&self) -> Result<bool, TrustError> {
        let Some(trust) = self.trust() else { return Ok(false) };
        let registry = self.registry()?;
        let tenant = self.scope.tenant;
        let now = self.clock.now();
        let mut room = STEP;
        for Due { agreement, from, received, grace } in due(&registry, trust, now) {
            let ending = self.store.read()?.holdings_due(tenant, from, agreement, received, room)?;
            if ending.is_empty() {
                continue;
            }
            room = room.saturating_sub(ending.len());
            self.store.transact(|tx| {
                for holding in &ending {
                    let current = tx.holding(tenant, from, agreement, holding.subject)?;
                    // A newer version may have come meanwhile.
                    let Some(current) =
                        current.filter(|current| current.ended.is_none() && current.received <= received)
                    else {
                        continue;
                    };
                    let deadline = current.received.plus_micros(grace);
                    tx.set_holding(tenant, &HoldingRecord { ended: Some(now), ..current })?;
                    self.book_erasure_here(tx, (from, agreement, holding.subject), Some(deadline), now)?;
                }
                Ok(())
            })?;
            trust.erasures_wait();
            if room == 0 {
                return Ok(true);
            }
        }
        self.retention_check(false)?;
        Ok(false)
    }

    /// Writes into the ledger how much is kept and how much of it beyond its time, once a day or when asked to.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn retention_check(&self, at_once: bool) -> Result<(), TrustError> {
        let Some(trust) = self.trust() else { return Ok(()) };
        let tenant = self.scope.tenant;
        let now = self.clock.now();
        let registry = self.registry()?;
        let read = self.store.read()?;
        if registry.agreements.is_empty() {
            return Ok(());
        }
        let last = read.named_cursor(tenant, CHECKED)?.and_then(|seq| i64::try_from(seq.0).ok());
        let recent = last.is_some_and(|last| (0..CHECK).contains(&now.as_micros().saturating_sub(last)));
        if recent && !at_once {
            return Ok(());
        }
        let (checked, overdue) = self.kept(&*read, &registry, trust, now)?;
        drop(read);
        self.store.transact(|tx| {
            self.book(tx, now, Figures::Retention { checked, overdue }, "{}")?;
            tx.set_cursor(tenant, CHECKED, model::Seq(u64::try_from(now.as_micros()).unwrap_or_default()))
        })?;
        Ok(())
    }

    /// How many objects are kept under agreements, and how many of them beyond their time.
    pub(crate) fn kept(
        &self,
        read: &dyn Read,
        registry: &Registry,
        trust: &Trust,
        now: Timestamp,
    ) -> Result<(u64, u64), StoreError> {
        let (mut checked, mut overdue) = (0, 0);
        for Due { agreement, from, received, .. } in due(registry, trust, now) {
            let tenant = self.scope.tenant;
            checked += read.holdings_count(tenant, from, agreement, Timestamp::MAX)?;
            overdue += read.holdings_count(tenant, from, agreement, received)?;
        }
        Ok((checked, overdue))
    }

    /// Writes into our own ledger that something is to be erased here, or without a deadline that it is.
    pub(crate) fn book_erasure_here(
        &self,
        tx: &mut dyn Tx,
        (from, agreement, subject): (PartyId, AgreementId, Digest),
        deadline: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let act = match deadline {
            Some(deadline) => {
                ErasureAct::Demanded { side: Side::Answered, peer: self.pseudonym(from), deadline }
            }
            None => ErasureAct::Confirmed,
        };
        self.book_erasure_act(tx, (from, agreement, subject), act, now)
    }

    pub(crate) fn book_erasure_act(
        &self,
        tx: &mut dyn Tx,
        (from, agreement, subject): (PartyId, AgreementId, Digest),
        act: ErasureAct,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let item = self.matter(&[b"erasure-here", &from.0.0, &agreement.0.0, &subject.0]);
        let particulars = format!(r#"{{"agreement":"{agreement}","subject":"{subject}"}}"#);
        self.book(tx, now, Figures::Erasure { item, act }, &particulars).map(|_| ())
    }
}

/// Which holdings' time is up.
struct Due {
    agreement: AgreementId,
    /// Who gave them.
    from: PartyId,
    /// Those received by here.
    received: Timestamp,
    /// By when after receipt they must be gone, in microseconds.
    grace: i64,
}

/// For each agreement and giver. Retention outlasts the agreement: what came under it is kept no longer because it has
/// ended.
fn due(registry: &Registry, trust: &Trust, now: Timestamp) -> Vec<Due> {
    let now = trust.latest(now);
    let mut due = Vec::new();
    for (id, agreed) in &registry.agreements {
        let Some(force) = agreed.force() else { continue };
        let retention = force.terms.retention;
        let keep = i64::from(retention.keep_days).saturating_mul(DAY);
        let grace = keep.saturating_add(i64::from(retention.erase_within_hours).saturating_mul(DAY / 24));
        let givers = agreed.state.ever.iter().filter(|party| **party != trust.party);
        due.extend(givers.map(|party| Due {
            agreement: *id,
            from: *party,
            received: now.plus_micros(-keep),
            grace,
        }));
    }
    due
}
