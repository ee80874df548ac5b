//! Asking without telling: which values are asked about stays with the asker, what is held stays with the answerer.
//!
//! Only values on objects made here are answered about: what others gave is theirs to tell of.

use std::collections::BTreeSet;

use agreement::{Answer, QueryRight, Set};
use model::{AgreementId, PartyId, Timestamp};
use observable::{Kind, Observable};
use ports::peer::Refusal;
use ports::trust::QueryRecord;
use private_query::{
    Answerer, Asker, Found, MAX_HELD, Mode, Past, Question, Refused, Reply, Right, Scope as Matter,
};

use super::TrustError;
use super::registry::InForce;
use crate::core::Core;
use ledger::entry::{Figures, Side};

/// A question under way.
pub struct Asked {
    /// Whom.
    pub to: PartyId,
    /// What is sent.
    pub body: Vec<u8>,
    asker: Asker,
    agreement: AgreementId,
    purpose: String,
    values: u64,
}

/// What came of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// How many of the values.
    Count(u64),
    /// Which of them.
    Values(BTreeSet<String>),
}

/// Held values are read in pages of this size.
const PAGE: usize = 20_000;

/// A day, in microseconds.
const DAY: i64 = 86_400 * 1_000_000;

impl Core {
    /// Prepares a question to a peer under an agreement. All values must be of one kind; the mode is what the right grants.
    ///
    /// # Errors
    /// [`TrustError::Refused`] when no right covers it, or the budget of the day is used up.
    pub fn ask(
        &self,
        to: PartyId,
        agreement: AgreementId,
        purpose: &str,
        values: &[Observable],
    ) -> Result<Asked, TrustError> {
        let trust = self.party()?;
        let registry = self.registry()?;
        let force = registry
            .in_force()
            .find(|(id, _)| *id == agreement)
            .map(|(_, force)| force)
            .ok_or_else(|| TrustError::refused("the agreement is not in force"))?;
        let kind = values.first().ok_or_else(|| TrustError::refused("there is nothing to ask about"))?.kind();
        if values.iter().any(|value| value.kind() != kind) {
            return Err(TrustError::refused("ask about values of one kind at a time"));
        }
        let right = right_for(force, trust.party, to, kind.as_str(), purpose).ok_or_else(|| {
            TrustError::refused("no query right of the agreement covers this kind, purpose and party")
        })?;
        let mode = mode(right.answer);
        let matter = Matter {
            agreement,
            asker: trust.party,
            answerer: to,
            kind: kind.as_str().to_owned(),
            purpose: purpose.to_owned(),
            mode,
        };
        let now = self.clock.now();
        let past = self.past(to, agreement, true, now)?;
        let count = values.len() as u64;
        as_right(agreement, right).admit(&matter, count, past, now).map_err(TrustError::refused)?;
        let keys: Vec<&[u8]> = values.iter().map(|value| value.key().as_bytes()).collect();
        let (asker, question) = Asker::ask(&matter, keys, self.ids.random()).map_err(TrustError::refused)?;
        let body = question.to_bytes();
        Ok(Asked { to, body, asker, agreement, purpose: purpose.to_owned(), values: count })
    }

    /// Takes in the answer, and logs the question.
    ///
    /// # Errors
    /// [`TrustError::Refused`] when the answer is not one to this question.
    pub fn asked(&self, asked: Asked, answer: &[u8], author: &str) -> Result<Seen, TrustError> {
        let reply = Reply::parse(answer).map_err(TrustError::refused)?;
        let Asked { to, asker, agreement, purpose, values, .. } = asked;
        let found = asker.finish(&reply).map_err(TrustError::refused)?;
        let count = found.count();
        self.log_query(to, agreement, true, &purpose, values, Some(count), "", Some(author))?;
        Ok(match found {
            Found::Count(count) => Seen::Count(count),
            Found::Values(values) => {
                Seen::Values(values.iter().map(|value| String::from_utf8_lossy(value).into_owned()).collect())
            }
        })
    }

    /// Answers a peer's question within its right and budget.
    pub(crate) fn answer_query(&self, from: PartyId, body: &[u8]) -> Result<Vec<u8>, Refusal> {
        let question = Question::parse(body).map_err(|problem| Refusal::Invalid(problem.to_string()))?;
        let trust = self.trust().ok_or(Refusal::Failed)?;
        let registry = self.registry().map_err(|_| Refusal::Failed)?;
        let agreement = question.agreement;
        let values = question.values() as u64;
        let refuse = |reason: &str| {
            let _ = self.log_query(from, agreement, false, &question.purpose, values, None, reason, None);
            Refusal::Forbidden(reason.to_owned())
        };
        if !registry.may_receive(agreement, from, trust.party) {
            return Err(refuse("the agreement is not in force between the two"));
        }
        let force = registry.last_force(agreement).ok_or(Refusal::Failed)?;
        let right = right_for(&force, from, trust.party, &question.kind, &question.purpose)
            .ok_or_else(|| refuse("no query right of the agreement covers this kind, purpose and party"))?;
        let now = self.clock.now();
        let past = self.past(from, agreement, false, now).map_err(|_| Refusal::Failed)?;
        let right = as_right(agreement, right);
        let answerer = Answerer::new(&question, from, trust.party, &right, past, now, self.ids.random())
            .map_err(|problem| refuse(&problem.to_string()))?;
        let held = self.held_values(&question.kind).map_err(|_| Refusal::Failed)?;
        let tags = answerer.tags(held.iter().map(String::as_bytes));
        let reply = answerer.reply(tags).map_err(|problem| match problem {
            // How much is held is nobody's business.
            Refused::TooMuchHeld { .. } => refuse("the question cannot be answered: too much is held"),
            problem => refuse(&problem.to_string()),
        })?;
        self.log_query(from, agreement, false, &question.purpose, values, Some(0), "", None)
            .map_err(|_| Refusal::Failed)?;
        Ok(reply.to_bytes())
    }

    pub(crate) fn answer_repair(&self, _from: PartyId, _body: &[u8]) -> Result<Vec<u8>, Refusal> {
        Err(Refusal::Invalid("this node does not compare holdings by calls".to_owned()))
    }

    /// Values of a kind that objects made here carry.
    fn held_values(&self, kind: &str) -> Result<Vec<String>, TrustError> {
        let kind = observable::Kind::ALL.iter().find(|known| known.as_str() == kind);
        let Some(kind) = kind else { return Ok(Vec::new()) };
        let read = self.store.read()?;
        let (mut values, mut after) = (Vec::new(), String::new());
        loop {
            let page = read.own_values(self.scope, kind.id(), &after, PAGE)?;
            let full = page.len() == PAGE;
            after = page.last().cloned().unwrap_or(after);
            values.extend(page);
            if !full || values.len() > MAX_HELD {
                return Ok(values);
            }
        }
    }

    /// Questions of the last day between us and a party under an agreement, in one direction.
    fn past(
        &self,
        peer: PartyId,
        agreement: AgreementId,
        asked: bool,
        now: Timestamp,
    ) -> Result<Vec<Past>, TrustError> {
        let read = self.store.read()?;
        let rows = read.queries(self.scope.tenant, now.plus_micros(-DAY), 100_000)?;
        let same = |row: &QueryRecord| {
            row.peer == peer && row.agreement == agreement && row.asked == asked && row.refusal.is_empty()
        };
        Ok(rows.into_iter().filter(same).map(|row| Past { at: row.at, values: row.asked_values }).collect())
    }

    #[expect(clippy::too_many_arguments, reason = "one row's worth of facts, used in one place")]
    fn log_query(
        &self,
        peer: PartyId,
        agreement: AgreementId,
        asked: bool,
        purpose: &str,
        values: u64,
        answer: Option<u64>,
        refusal: &str,
        author: Option<&str>,
    ) -> Result<(), TrustError> {
        let now = self.clock.now();
        let side = if asked { Side::Asked } else { Side::Answered };
        let figures = Figures::Query { side, peer: self.pseudonym(peer), values, answer };
        let tenant = self.scope.tenant;
        Ok(self.store.transact(|tx| {
            let record = QueryRecord {
                at: now,
                peer,
                agreement,
                asked,
                purpose: purpose.to_owned(),
                asked_values: values,
                answer,
                refusal: refusal.to_owned(),
            };
            tx.log_query(tenant, &record)?;
            if let Some(author) = author {
                tx.audit(tenant, now, author, "query.ask", &peer.0.short(), purpose)?;
            }
            self.book(tx, now, figures, &format!(r#"{{"agreement":"{agreement}"}}"#)).map(|_| ())
        })?)
    }
}

/// The right that covers a question, if there is one.
fn right_for<'t>(
    force: &'t InForce,
    from: PartyId,
    to: PartyId,
    kind: &str,
    purpose: &str,
) -> Option<&'t QueryRight> {
    force.terms.queries.iter().find(|right| {
        right.from.includes(&from)
            && right.to.includes(&to)
            && grants(&right.kinds, kind)
            && right.purposes.contains(purpose)
    })
}

/// Whether a right names a kind: by its own word, or by the STIX object type that it is a value of.
fn grants(kinds: &Set, kind: &str) -> bool {
    let object_type =
        Kind::ALL.iter().find(|known| known.as_str() == kind).and_then(|kind| object_type(*kind));
    kinds.includes(kind) || object_type.is_some_and(|object_type| kinds.includes(object_type))
}

/// The STIX object type (STIX 2.1 §6) whose name in a text grants questions about a kind. File names are easily guessed
/// and networks are many addresses: those are asked about only where a text names the kind itself.
const fn object_type(kind: Kind) -> Option<&'static str> {
    Some(match kind {
        Kind::Ipv4 => "ipv4-addr",
        Kind::Ipv6 => "ipv6-addr",
        Kind::Domain => "domain-name",
        Kind::Url => "url",
        Kind::Email => "email-addr",
        Kind::Md5
        | Kind::Sha1
        | Kind::Sha224
        | Kind::Sha256
        | Kind::Sha384
        | Kind::Sha512
        | Kind::Sha3V256
        | Kind::Sha3V512
        | Kind::Ssdeep
        | Kind::Tlsh
        | Kind::Imphash => "file",
        Kind::CertMd5 | Kind::CertSha1 | Kind::CertSha256 | Kind::CertSerial => "x509-certificate",
        Kind::RegistryKey => "windows-registry-key",
        Kind::Mutex => "mutex",
        Kind::Asn => "autonomous-system",
        Kind::Mac => "mac-addr",
        _ => return None,
    })
}

const fn mode(answer: Answer) -> Mode {
    match answer {
        Answer::Count => Mode::Count,
        Answer::YesNo => Mode::YesNo,
    }
}

fn as_right(agreement: AgreementId, right: &QueryRight) -> Right {
    Right {
        agreement,
        kinds: match &right.kinds {
            Set::Any => None,
            Set::Only(_) => {
                let granted = Kind::ALL.iter().map(|kind| kind.as_str());
                Some(granted.filter(|kind| grants(&right.kinds, kind)).map(str::to_owned).collect())
            }
        },
        purposes: right.purposes.clone(),
        mode: mode(right.answer),
        most_values: right.most_values,
        per_day: right.per_day,
        leakage_bits_per_day: u64::from(right.leakage_bits_per_day),
    }
}
