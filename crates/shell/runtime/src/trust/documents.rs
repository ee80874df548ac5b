//! Which signed documents a peer should have: our appointments, the acts on agreements that concern it, and what persons
//! decided under them.
//!
//! A cursor per peer and agreement says how far it was told, so that whoever comes to an agreement late is told of it
//! from its beginning.

use ::keys::Signed;
use model::{AgreementId, Digest, PartyId, Seq, Tenant};
use ports::trust::{DocumentKind, StreamKey};
use ports::{Read, StoreError, Tx};

use super::decisions;
use super::registry::Registry;
use super::{Trust, TrustError};
use crate::core::Core;

/// Documents that wait to be told, and how far the peer will then have been told.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    /// One document each: its kind, its subject, its text, and a line feed.
    pub(crate) lines: Vec<String>,
    /// Cursors and where they will stand.
    pub(crate) told: Vec<(String, u64)>,
}

/// Documents read in one go.
const PAGE: usize = 256;
/// Refused documents that people are told of in full.
const TOLD: usize = 8;

/// Lines one call or file may carry.
pub(crate) const LINES: usize = 1024;

/// How documents go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// By calls, which are answered.
    Call,
    /// In files. What went into one may be lost on the way: `again` puts everything into this one.
    Courier {
        /// Also what the peer was told of before.
        again: bool,
    },
}

fn appointments_cursor(party: PartyId) -> String {
    format!("documents:{party}")
}

fn acts_cursor(party: PartyId, subject: Digest) -> String {
    format!("acts:{party}:{subject}")
}

fn decisions_cursor(party: PartyId, subject: Digest) -> String {
    format!("decisions:{party}:{subject}")
}

pub(super) fn parting_cursor(party: PartyId) -> String {
    format!("parting:{party}")
}

/// Under what word of a parting is kept: whose it is, and to whom.
pub(super) fn parting_subject(from: PartyId, to: PartyId) -> Digest {
    let matter = format!(r#"{{"from":"{from}","to":"{to}","type":"parting"}}"#);
    Signed::unsigned(&matter).map_or(from.0, |matter| matter.hash())
}

/// The name of a cursor as far as files have brought its documents.
pub(super) fn packed(cursor: &str) -> String {
    format!("courier-{cursor}")
}

/// Has a peer told again of its appointments and of an agreement: it lost what it had, perhaps those as well. What it has
/// still changes nothing there.
pub(super) fn tell_again(tx: &mut dyn Tx, tenant: Tenant, key: StreamKey) -> Result<(), StoreError> {
    let (party, subject) = (key.peer, key.agreement.0);
    let told = [appointments_cursor(party), acts_cursor(party, subject), decisions_cursor(party, subject)];
    told.iter().try_for_each(|cursor| tx.remove_cursor(tenant, cursor))
}

fn introduced_cursor(party: PartyId, agreement: AgreementId) -> String {
    format!("introduced:{party}:{agreement}")
}

impl Core {
    /// Documents that a peer should have and was not told yet, up to about so many bytes.
    pub(crate) fn documents_for(
        &self,
        read: &dyn Read,
        registry: &Registry,
        trust: &Trust,
        to: PartyId,
        way: Way,
        bytes: usize,
    ) -> Result<Waiting, TrustError> {
        let mut waiting = Waiting::default();
        let mut room = bytes;
        let mut take =
            |kind: DocumentKind, word: &str, cursor: String, subject: Digest, until: Option<u64>| {
                let tenant = self.scope.tenant;
                let stands = |cursor: &str| {
                    Ok::<_, TrustError>(read.named_cursor(tenant, cursor)?.map_or(0, |seq| seq.0))
                };
                let (cursor, start) = match way {
                    Way::Call => (cursor.clone(), stands(&cursor)?),
                    Way::Courier { again: true } => (packed(&cursor), 0),
                    Way::Courier { again: false } => {
                        (packed(&cursor), stands(&packed(&cursor))?.max(stands(&cursor)?))
                    }
                };
                let mut after = start;
                let mut over = false;
                while room > 0 && !over && waiting.lines.len() < LINES {
                    let page = read.documents(tenant, kind, Some(subject), after, PAGE)?;
                    let full = page.len() == PAGE;
                    for document in page {
                        if until.is_some_and(|until| document.number > until) {
                            over = true;
                            break;
                        }
                        // What persons decided is told to whom it concerns.
                        let decided = registry.decisions.all.get(&document.hash);
                        let told = |decision| decisions::concerns(registry, trust.party, decision, to);
                        if kind == DocumentKind::PersonalDecision && !decided.is_some_and(told) {
                            after = document.number;
                            continue;
                        }
                        let line = format!("{word} {subject} {}\n", document.text);
                        if (line.len() > room && !waiting.lines.is_empty()) || waiting.lines.len() >= LINES {
                            room = 0;
                            break;
                        }
                        room = room.saturating_sub(line.len());
                        after = document.number;
                        waiting.lines.push(line);
                    }
                    if !full {
                        break;
                    }
                }
                if after > start {
                    waiting.told.push((cursor, after));
                }
                Ok::<_, TrustError>(())
            };
        take(DocumentKind::Appointment, "appointment", appointments_cursor(to), trust.party.0, None)?;
        take(DocumentKind::Pairing, "parting", parting_cursor(to), parting_subject(trust.party, to), None)?;
        for request in registry.requests.keys() {
            if registry.concerns(AgreementId(*request), to) {
                take(DocumentKind::AgreementAct, "act", acts_cursor(to, *request), *request, None)?;
            }
        }
        for agreement in registry.agreements.keys() {
            let introduced = read.named_cursor(self.scope.tenant, &introduced_cursor(to, *agreement))?;
            let introduced = introduced.map(|seq| seq.0);
            let until = registry.told_until(*agreement, to);
            // Whoever is out and was introduced again since is told of everything again.
            let until = until.filter(|until| introduced.is_none_or(|introduced| introduced < *until));
            if registry.concerns(*agreement, to) || introduced.is_some() {
                take(DocumentKind::AgreementAct, "act", acts_cursor(to, agreement.0), agreement.0, until)?;
                let decided = decisions_cursor(to, agreement.0);
                take(DocumentKind::PersonalDecision, "decision", decided, agreement.0, None)?;
            }
        }
        Ok(waiting)
    }

    /// A peer has been told so far.
    pub(crate) fn told_documents(&self, told: &[(String, u64)]) -> Result<(), TrustError> {
        let tenant = self.scope.tenant;
        Ok(self.store.transact(|tx| {
            told.iter().try_for_each(|(cursor, seq)| tx.set_cursor(tenant, cursor, Seq(*seq)))
        })?)
    }

    /// Shows a circle to a peer that is not a member, so that it can ask to join: from now on it is told of every act.
    ///
    /// # Errors
    /// [`TrustError::Refused`] for an agreement of two, and for a peer that is not paired.
    pub fn introduce(&self, agreement: AgreementId, to: PartyId, author: &str) -> Result<(), TrustError> {
        let trust = self.party()?;
        let registry = self.registry()?;
        let agreed = registry.agreements.get(&agreement);
        let agreed = agreed.ok_or_else(|| TrustError::Missing(format!("an agreement {agreement}")))?;
        let circle = agreed
            .state
            .version()
            .is_some_and(|version| matches!(version.proposal.terms.form, agreement::Form::Circle(_)));
        if !circle {
            return Err(TrustError::refused(
                "only a circle is joined; put another text forward for an agreement of two",
            ));
        }
        if !agreed.state.active.contains(&trust.party) {
            return Err(TrustError::refused(
                "this node takes no part in the circle, so it introduces nobody",
            ));
        }
        if registry.paired(to).is_none() {
            return Err(TrustError::refused("that party is not paired with this node; pair with it first"));
        }
        let now = self.clock.now();
        let tenant = self.scope.tenant;
        let last = agreed.matter.numbers.last().copied().unwrap_or_default();
        self.store.transact(|tx| {
            tx.set_cursor(tenant, &introduced_cursor(to, agreement), Seq(last))?;
            tx.audit(tenant, now, author, "agreement.introduce", &agreement.to_string(), &to.to_string())
        })?;
        trust.session(to, super::calls::Session::tell_documents);
        trust.wake();
        Ok(())
    }

    /// Takes in documents that a peer sent by whatever way. Returns why some were refused; those are told to people.
    pub(crate) fn take_documents<'l>(
        &self,
        from: PartyId,
        lines: impl Iterator<Item = &'l str>,
    ) -> Result<Vec<String>, TrustError> {
        let mut refused = Vec::new();
        for line in lines {
            let mut parts = line.splitn(3, ' ');
            let (Some(kind), Some(subject), Some(text)) = (parts.next(), parts.next(), parts.next()) else {
                return Err(TrustError::refused("a line is a kind, a subject and a document"));
            };
            let subject: Digest =
                subject.parse().map_err(|_| TrustError::refused("the subject is no digest"))?;
            if kind == "keys" {
                let learnt = if subject == from.0 {
                    self.learn_keys(from, text.as_bytes())
                } else {
                    Err(TrustError::refused("key events of another party than the sender"))
                };
                match learnt {
                    Ok(()) => {}
                    Err(TrustError::Refused(problem)) => refused.push(problem),
                    Err(problem) => return Err(problem),
                }
                continue;
            }
            let signed = Signed::parse(text.as_bytes()).map_err(TrustError::refused)?;
            let kept = match kind {
                "parting" => self.take_parting(from, &signed),
                "appointment" if subject == from.0 => self.keep_appointment(from, &signed).map(|_| ()),
                "act" => self.keep_act(AgreementId(subject), &signed).map(|_| ()),
                "decision" => self.keep_decision(from, AgreementId(subject), &signed).map(|_| ()),
                _ => Err(TrustError::refused("not a kind of document that a peer sends")),
            };
            match kept {
                Ok(()) => {}
                Err(problem @ (TrustError::Store(_) | TrustError::Vault(_))) => return Err(problem),
                Err(problem) => refused.push(problem.to_string()),
            }
        }
        if !refused.is_empty() {
            let few = refused.get(..refused.len().min(TOLD)).unwrap_or_default().join("; ");
            let more = match refused.len().saturating_sub(TOLD) {
                0 => String::new(),
                more => format!("; and {more} more"),
            };
            let message = format!("documents from {} were refused: {few}{more}", from.0.short());
            self.alarm(from, "shieldwall/peer-document", message, self.clock.now())?;
        }
        Ok(refused)
    }
}
