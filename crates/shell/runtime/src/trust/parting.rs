//! Ending a pairing without leaving debts: nothing new flows at once, and withdrawals, erasures and receipts go on
//! until both sides have settled what they owe, or somebody here will not wait.
//!
//! Each side tells the other twice, by signed word: that it parts, and later that it has settled. A pairing has ended
//! when both have said the second, and each knows that the other heard it.

use std::collections::BTreeSet;

use ::keys::{Signed, context};
use agreement::acts::{Status, What};
use model::{Finding, PartyId, Severity, Timestamp};
use ports::Read;
use ports::trust::{DisclosureRecord, DocumentKind, PeerRecord, PeerState};

use super::TrustError;
use super::documents::{packed, parting_cursor, parting_subject};
use super::registry::Registry;
use crate::core::Core;

/// What is still owed between us and a peer that we part from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Owed {
    /// What we took back and they have not confirmed erased.
    pub unconfirmed: u64,
    /// Entries of our streams that they have not acknowledged, and what waits to go into one; content that waits is not
    /// owed.
    pub unsent: u64,
    /// What they took back and is not erased here.
    pub unerased: u64,
}

impl Owed {
    /// Whether nothing is.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        *self == Self::default()
    }
}

/// Rows looked at in one go.
const PAGE: usize = 1_000;

impl Core {
    /// Ends a pairing: nothing new flows from now on. What is owed is settled first, unless it is to end at `once`.
    /// Agreements between the two alone end with it, so that pairing anew revives none of them.
    ///
    /// # Errors
    /// [`TrustError::Missing`] for a name nobody has.
    pub fn end_peer(
        &self,
        name: &str,
        once: bool,
        author: &str,
        reason: &str,
    ) -> Result<PeerRecord, TrustError> {
        let peer = self.pairing(name)?.peer;
        match peer.state {
            PeerState::Ended => Ok(peer),
            PeerState::Ending if !once => Ok(peer),
            PeerState::Paired if !once => {
                self.end_agreements(peer.party, reason, author)?;
                let peer = self.set_peer_state(&peer, PeerState::Ending, "peer.end", author, reason)?;
                self.say_parting(peer.party, reason, false)?;
                Ok(peer)
            }
            // Whoever was never confirmed here was never given anything. At once is at once, also where our own keys sign
            // nothing any more.
            _ => {
                let party = peer.party;
                let peer = self.set_peer_state(&peer, PeerState::Ended, "peer.end", author, reason)?;
                if let Err(problem) = self.end_agreements(party, reason, author) {
                    let message = format!(
                        "the pairing has ended, and an agreement with that party has not: {problem}; end it with \
                         `shieldwall agreement end` before you pair anew"
                    );
                    self.alarm(party, "shieldwall/agreement-left", message, self.clock.now())?;
                }
                Ok(peer)
            }
        }
    }

    fn end_agreements(&self, peer: PartyId, reason: &str, author: &str) -> Result<(), TrustError> {
        let own = self.party()?.party;
        let both = BTreeSet::from([own, peer]);
        let registry = self.registry()?;
        let of_both = registry.agreements.iter().filter(|(_, agreed)| {
            agreed.state.status != Status::Ended
                && agreed.state.current.is_some()
                && agreed.state.ever.iter().copied().collect::<BTreeSet<_>>() == both
        });
        let ids: Vec<_> = of_both.map(|(id, _)| *id).collect();
        drop(registry);
        for id in ids {
            let reason = if reason.is_empty() { "the pairing ends" } else { reason };
            self.act_on(id, What::End, reason, author)?;
        }
        Ok(())
    }

    /// What is owed between us and a peer.
    ///
    /// # Errors
    /// When the store fails.
    pub fn owed(&self, peer: PartyId) -> Result<Owed, TrustError> {
        let registry = self.registry()?;
        let read = self.store.read()?;
        let tenant = self.scope.tenant;
        let mut owed = Owed::default();
        let mut offset = 0;
        loop {
            let page = read.disclosures(tenant, None, true, offset, PAGE)?;
            let count = page.len();
            // Who says that nothing of that name is there has nothing left to confirm.
            let answered = |given: &DisclosureRecord| {
                given.receipt.as_ref().is_some_and(|(_, state)| state == "unknown")
            };
            let owing = page.iter().filter(|given| given.to == peer && !answered(given));
            owed.unconfirmed += owing.count() as u64;
            offset += count as u64;
            if count < PAGE {
                break;
            }
        }
        let mut offset = 0;
        loop {
            let page = read.holdings(tenant, None, offset, PAGE)?;
            let count = page.len();
            // What is kept under a legal hold was answered for, and stays in dispute between people.
            let open = page.iter().filter(|held| {
                held.from == peer && held.ended.is_some() && held.erased.is_none() && held.hold.is_none()
            });
            owed.unerased += open.count() as u64;
            offset += count as u64;
            if count < PAGE {
                break;
            }
        }
        owed.unsent = self.unsent(&*read, &registry, peer)?;
        Ok(owed)
    }

    fn unsent(&self, read: &dyn Read, registry: &Registry, peer: PartyId) -> Result<u64, TrustError> {
        let (tenant, now) = (self.scope.tenant, self.clock.now());
        let mut unsent = 0;
        for (key, at) in read.streams(tenant)? {
            if key.outbound && key.peer == peer {
                unsent += at.seq.saturating_sub(at.acked);
            }
        }
        for agreement in registry.agreements.keys() {
            unsent += read.outbox_statements(tenant, peer, *agreement, now, PAGE)?.len() as u64;
        }
        Ok(unsent)
    }

    /// Goes on with what is being ended. Called from time to time; returns whether a pairing ended.
    ///
    /// # Errors
    /// When the store fails.
    pub fn parting_step(&self) -> Result<bool, TrustError> {
        let Some(trust) = self.trust() else { return Ok(false) };
        let registry = self.registry()?;
        let mut any = false;
        for peer in registry.peers.values().filter(|peer| peer.state == PeerState::Ending) {
            let ours = self.parting(trust.party, peer.party)?;
            let settled = ours.as_ref().is_some_and(|(_, said)| said.settled);
            if !settled {
                if self.owed(peer.party)?.is_settled() {
                    self.say_parting(peer.party, "", true)?;
                }
                continue;
            }
            // By a call that was answered, or in a file: whether that arrives, nobody here can know.
            let cursor = parting_cursor(peer.party);
            let mut told = None;
            for name in [packed(&cursor), cursor] {
                told = told.max(self.store.read()?.named_cursor(self.scope.tenant, &name)?);
            }
            let heard = ours.is_some_and(|(number, _)| told.is_some_and(|told| told.0 >= number));
            let theirs = self.parting(peer.party, trust.party)?;
            if heard && theirs.is_some_and(|(_, said)| said.settled) {
                let reason = "both sides have settled what they owed";
                self.set_peer_state(peer, PeerState::Ended, "peer.ended", "node", reason)?;
                any = true;
            }
        }
        Ok(any)
    }

    fn say_parting(&self, to: PartyId, reason: &str, settled: bool) -> Result<(), TrustError> {
        let trust = self.party()?;
        let at = self.clock.now();
        let body = Parting { party: trust.party, peer: to, at, reason: reason.to_owned(), settled }.to_body();
        let signed = self.sign(&body, context::PARTING)?;
        let subject = parting_subject(trust.party, to);
        self.keep_document(DocumentKind::Pairing, subject, &signed, |_, _| Ok(()))?;
        trust.session(to, super::calls::Session::tell_documents);
        trust.wake();
        Ok(())
    }

    /// Takes in a peer's word that it parts from us, or has settled.
    pub(super) fn take_parting(&self, from: PartyId, signed: &Signed) -> Result<(), TrustError> {
        let trust = self.party()?;
        let now = self.clock.now();
        let said = Parting::read(signed)?;
        if said.party != from || said.peer != trust.party {
            return Err(TrustError::refused("word of a parting that is not between these two"));
        }
        let registry = self.registry()?;
        let history = registry.histories.get(&from);
        let history = history.ok_or_else(|| TrustError::Missing("the peer's key history".to_owned()))?;
        history.verify(context::PARTING, signed, said.at).map_err(TrustError::refused)?;
        let Some(peer) = registry.peers.get(&from) else { return Ok(()) };
        // Said before the two paired anew: it is over.
        if said.at < peer.since && peer.state == PeerState::Paired {
            return Ok(());
        }
        // Said again it is nothing new, whatever its date.
        let before = self.parting(from, trust.party)?;
        if before.is_none_or(|(_, before)| said.settled && !before.settled) {
            self.keep_document(DocumentKind::Pairing, parting_subject(from, trust.party), signed, |_, _| {
                Ok(())
            })?;
        }
        if peer.state == PeerState::Paired {
            let finding = Finding::new(
                Severity::Warning,
                "shieldwall/peer-parting",
                "",
                format!("{} ends the pairing: {}", peer.name, said.reason),
            );
            let source = peer.source;
            self.store.transact(|tx| tx.add_findings(self.scope, now, source, None, &[finding]))?;
            self.set_peer_state(peer, PeerState::Ending, "peer.parting", "peer", &said.reason)?;
            self.say_parting(from, "in answer", false)?;
        }
        Ok(())
    }

    /// The newest word that one party has said to another since they paired last, and its number.
    fn parting(&self, from: PartyId, to: PartyId) -> Result<Option<(u64, Parting)>, TrustError> {
        let read = self.store.read()?;
        let subject = parting_subject(from, to);
        let tenant = self.scope.tenant;
        let own = self.party()?.party;
        let peer = if from == own { to } else { from };
        let since = read.named_cursor(tenant, &paired_cursor(peer))?.map_or(0, |seq| seq.0);
        let said = read.documents(tenant, DocumentKind::Pairing, Some(subject), since, PAGE)?;
        let last = said.last();
        let parsed = last.and_then(|document| {
            let signed = Signed::parse(document.text.as_bytes()).ok()?;
            Some((document.number, Parting::read(&signed).ok()?))
        });
        Ok(parsed)
    }
}

/// Up to which document everything was said before the two paired last.
pub(super) fn paired_cursor(peer: PartyId) -> String {
    format!("paired:{peer}")
}

/// A party's word that it parts from another.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Parting {
    party: PartyId,
    peer: PartyId,
    at: Timestamp,
    reason: String,
    /// Nothing is owed any more.
    settled: bool,
}

impl Parting {
    fn to_body(&self) -> String {
        let mut reason = String::new();
        json::write_string(&self.reason, &mut reason);
        format!(
            r#"{{"at":"{}","party":"{}","peer":"{}","reason":{reason},"settled":{},"type":"parting","v":1}}"#,
            self.at, self.party, self.peer, self.settled
        )
    }

    fn read(signed: &Signed) -> Result<Self, TrustError> {
        let read = signed.with_body(|body| {
            let text =
                |name: &str| body.get(name).and_then(|value| value.as_str()).map(|text| text.into_owned());
            let flag = |name: &str| body.get(name).and_then(|value| value.as_bool());
            Ok((|| {
                (text("type")? == "parting").then_some(())?;
                Some(Self {
                    party: text("party")?.parse().ok()?,
                    peer: text("peer")?.parse().ok()?,
                    at: text("at")?.parse().ok()?,
                    reason: text("reason").filter(|reason| reason.len() <= 4096)?,
                    settled: flag("settled")?,
                })
            })())
        });
        read.ok().flatten().ok_or_else(|| TrustError::refused("this is no word of a parting"))
    }
}
