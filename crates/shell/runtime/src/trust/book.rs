//! What is written into the ledger when something happens, and into which other rows together with it.

use exchange::{Reason, Withdraw};
use label::Facts;
use ledger::entry::{AgreementAct, Entry, ErasureAct, Figures, Flow, Item, Personal, Side, Word};
use ledger::merkle::{Leaves, root};
use ledger::tiles::FULL;
use model::{AgreementId, Digest, PartyId, Timestamp};
use policy::Decision;
use ports::trust::{DisclosureRecord, LeafRecord, OutboxRecord};
use ports::{StoreError, Tx};

use super::deliver::{Disclosed, Ready};
use super::registry::InForce;
use crate::core::Core;

/// A rule or category as a word that a figure can hold; what cannot be one is `other`.
pub(crate) fn word(text: &str) -> Word {
    let clean: String =
        text.chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c.to_ascii_lowercase() } else { '-' }
            })
            .take(64)
            .collect();
    let clean = clean.trim_matches('-').replace("--", "-");
    clean
        .parse()
        .or_else(|_| "other".parse())
        .unwrap_or_else(|_| Word::pseudonym(&[0; 32], PartyId(Digest::ZERO)))
}

/// The category a flow is counted under.
pub(crate) fn category(facts: &Facts) -> Word {
    let joined: Vec<_> =
        facts.categories.iter().filter(|name| *name != Facts::MORE).map(String::as_str).take(3).collect();
    if joined.is_empty() { word(&facts.type_name) } else { word(&joined.join("-")) }
}

impl Core {
    /// Appends one entry. `particulars` is a JSON object for the parties concerned.
    pub(crate) fn book(
        &self,
        tx: &mut dyn Tx,
        now: Timestamp,
        figures: Figures,
        particulars: &str,
    ) -> Result<u64, StoreError> {
        let entry = Entry::new(now, figures, particulars)
            .map_err(|problem| StoreError::Engine(format!("a ledger entry cannot be written: {problem}")))?;
        let kind = entry.figures.kind().as_str().to_owned();
        let opening = entry.salted(self.ids.random());
        let place = tx.append_leaf(
            self.scope.tenant,
            &LeafRecord {
                index: 0,
                hash: opening.leaf_hash(),
                commitment: opening.commitment(),
                kind,
                at: now,
                opening: Some(opening.to_text()),
            },
        )?;
        self.complete_tiles(tx, place)?;
        Ok(place)
    }

    /// Keeps the hashes above the tiles that a leaf fills, so that a proof reads a few tiles and not every leaf.
    fn complete_tiles(&self, tx: &mut dyn Tx, leaf: u64) -> Result<(), StoreError> {
        let tenant = self.scope.tenant;
        let full = u64::from(FULL);
        let (mut level, mut count) = (0, leaf + 1);
        while count % full == 0 && count > 0 {
            count /= full;
            let hashes = tx.ledger_hashes(tenant, level, (count - 1) * full, FULL.into())?;
            let hash = root(&Leaves(&hashes), full).map_err(|problem| {
                StoreError::Corrupt(format!("a tile of the ledger cannot be completed: {problem}"))
            })?;
            level += 1;
            tx.set_ledger_hash(tenant, level, count - 1, hash)?;
        }
        Ok(())
    }

    /// What a party is called in figures.
    pub(crate) fn pseudonym(&self, party: PartyId) -> Word {
        Word::pseudonym(&self.figures_key(), party)
    }

    /// Ties the entries about one matter together.
    pub(crate) fn matter(&self, parts: &[&[u8]]) -> Item {
        Item::derive(&self.figures_key(), &parts.concat())
    }

    pub(crate) fn flow(&self, peer: PartyId, agreement: AgreementId, facts: &Facts) -> Flow {
        Flow { peer: self.pseudonym(peer), agreement, category: category(facts), label: facts.handling.tlp() }
    }

    #[expect(clippy::too_many_arguments, reason = "one row's worth of facts, used in one place")]
    pub(crate) fn book_disclosure(
        &self,
        tx: &mut dyn Tx,
        to: PartyId,
        agreement: AgreementId,
        one: &Ready,
        disclosed: &Disclosed,
        entry: (u32, u64),
        hash: Digest,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let record = |subject, object, version| DisclosureRecord {
            to,
            agreement,
            object: Some(object),
            version: Some(version),
            subject,
            entry,
            clause: disclosed.clause.clone(),
            at: now,
            withdrawn: None,
            deadline: None,
            receipt: None,
        };
        let tenant = self.scope.tenant;
        tx.set_disclosure(tenant, &record(one.subject, disclosed.object.clone(), disclosed.version))?;
        for (subject, object, version) in &one.along {
            tx.set_disclosure(tenant, &record(*subject, object.clone(), *version))?;
        }
        let count = |list: &[String]| list.len() as u64;
        let figures = Figures::Disclosure {
            flow: self.flow(to, agreement, &disclosed.facts),
            personal: Personal {
                redacted: count(&disclosed.redacted),
                passed: count(&disclosed.passed),
                reason: (!disclosed.passed.is_empty()).then(|| word(&disclosed.clause)),
            },
        };
        let particulars = format!(
            r#"{{"clause":"{}","envelope":"{hash}","epoch":{},"seq":{},"subject":"{}"}}"#,
            disclosed.clause, entry.0, entry.1, one.subject
        );
        self.book(tx, now, figures, &particulars).map(|_| ())
    }

    pub(crate) fn book_denial(
        &self,
        tx: &mut dyn Tx,
        to: PartyId,
        agreement: AgreementId,
        facts: &Facts,
        decision: &Decision,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let figures = Figures::Denial {
            peer: self.pseudonym(to),
            rule: word(&decision.clause),
            label: facts.handling.tlp(),
        };
        self.book(tx, now, figures, &format!(r#"{{"agreement":"{agreement}"}}"#)).map(|_| ())
    }

    pub(crate) fn book_agreement(
        &self,
        tx: &mut dyn Tx,
        agreement: AgreementId,
        act: AgreementAct,
        version: u64,
        document: Digest,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let figures = Figures::Agreement { agreement, act, version };
        self.book(tx, now, figures, &format!(r#"{{"document":"{document}"}}"#)).map(|_| ())
    }

    /// A change of our own rules, for one agreement.
    pub(crate) fn book_rules(
        &self,
        tx: &mut dyn Tx,
        agreement: AgreementId,
        exposure: &super::Exposure,
        version: Digest,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.book_exposure(tx, agreement, exposure, "rules", version, now)
    }

    /// What a change of an agreement's text, or of our own rules, lets out and takes back. `changed` says which.
    pub(crate) fn book_exposure(
        &self,
        tx: &mut dyn Tx,
        agreement: AgreementId,
        exposure: &super::Exposure,
        changed: &str,
        version: Digest,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let parties = || exposure.report.parties.values();
        let count =
            |changes: &[policy::diff::Change]| changes.iter().map(|change| change.objects).sum::<u64>();
        let figures = Figures::Policy {
            agreement,
            exposes: parties().map(|party| count(&party.exposed)).sum(),
            withdraws: parties().map(|party| count(&party.withdrawn)).sum(),
        };
        self.book(tx, now, figures, &format!(r#"{{"{changed}":"{version}"}}"#)).map(|_| ())
    }

    pub(crate) fn book_receipt(
        &self,
        tx: &mut dyn Tx,
        from: PartyId,
        agreement: AgreementId,
        facts: &Facts,
        hash: Digest,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let figures = Figures::Receipt { flow: self.flow(from, agreement, facts) };
        self.book(tx, now, figures, &format!(r#"{{"envelope":"{hash}"}}"#)).map(|_| ())
    }

    /// Takes back what was given under a name: the disclosure is marked, the stream gets a withdrawal, the ledger the
    /// demand.
    #[expect(clippy::too_many_arguments, reason = "one row's worth of facts, used in one place")]
    pub(crate) fn take_back(
        &self,
        tx: &mut dyn Tx,
        to: PartyId,
        agreement: AgreementId,
        force: &InForce,
        subject: Digest,
        reason: &str,
        creator: bool,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let tenant = self.scope.tenant;
        let Some(given) = tx.disclosure(tenant, to, agreement, subject)? else { return Ok(()) };
        if given.withdrawn.is_some() {
            return Ok(());
        }
        let hours = i64::from(force.terms.retention.erase_within_hours);
        let deadline = now.plus_micros(hours.saturating_mul(3_600_000_000));
        tx.set_disclosure(
            tenant,
            &DisclosureRecord { withdrawn: Some(now), deadline: Some(deadline), ..given },
        )?;
        let reason = Reason::parse(reason).unwrap_or(Reason::Error);
        let withdraw = Withdraw { subject, reason, creator_withdrawal: creator, erase_by: deadline };
        tx.queue(
            tenant,
            &OutboxRecord {
                id: 0,
                to,
                agreement,
                kind: "withdraw".to_owned(),
                version: None,
                inline: Some(withdraw.to_text()),
                decision: None,
                not_before: now,
            },
        )?;
        let item = self.matter(&[b"erasure", &to.0.0, &agreement.0.0, &subject.0]);
        let act = ErasureAct::Demanded { side: Side::Asked, peer: self.pseudonym(to), deadline };
        let particulars = format!(r#"{{"agreement":"{agreement}","subject":"{subject}"}}"#);
        self.book(tx, now, Figures::Erasure { item, act }, &particulars).map(|_| ())
    }
}
