//! Asking without telling: which values are asked about stays with the asker, what is held stays with the answerer.
//!
//! Only values on objects made here are answered about (what others gave is theirs to tell of), and of these only such as
//! the asker might be given under the same agreement, or would be if the text were not about certain types.
//!
//! A question is logged, and counted, before it is sent and before it is answered; what became of it is added.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use agreement::{Answer, QueryRight, Set};
use keys::window::DAY;
use label::Facts;
use ledger::entry::{Figures, QueryAnswer, Side};
use model::{AgreementId, Digest, Finding, Label, PartyId, Severity, Timestamp};
use observable::{Kind, Observable};
use policy::Request;
use ports::peer::{CallError, Refusal};
use ports::trust::{OwnValue, QueryOutcome, QueryRecord};
use ports::{Read, StoreError, Tx};
use private_query::{Answerer, Asker, Found, MAX_HELD, Mode, Past, Question, Reply, Right, Scope as Matter};

use super::registry::InForce;
use super::{Trust, TrustError};
use crate::core::Core;

/// A question under way.
pub struct Asked {
    /// Whom.
    pub to: PartyId,
    /// What is sent.
    pub body: Vec<u8>,
    asker: Asker,
    record: QueryRecord,
    /// The values as people write them, by what is compared.
    shown: BTreeMap<Vec<u8>, String>,
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
const PAGE: usize = 5_000;

/// Classes of objects decided on for one question, at most at one time.
const CLASSES: usize = 10_000;

/// Refused questions of one party that are kept within a day.
const REFUSALS_KEPT: u64 = 100;

/// After this time nothing will become of a question any more, in microseconds.
const GIVEN_UP: i64 = 3_600 * 1_000_000;

impl Core {
    /// Prepares a question to a peer under an agreement, and logs it. All values must be of one kind; the mode is what the
    /// right grants. [`Core::asked`] or [`Core::unanswered`] comes after.
    ///
    /// # Errors
    /// [`TrustError::Refused`] when no right covers it, or the budget of the day is used up.
    pub fn ask(
        &self,
        to: PartyId,
        agreement: AgreementId,
        purpose: &str,
        values: &[Observable],
        author: &str,
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
        let matter = Matter {
            agreement,
            asker: trust.party,
            answerer: to,
            kind: kind.as_str().to_owned(),
            purpose: purpose.to_owned(),
            mode: mode(right.answer),
        };
        let keys: Vec<&[u8]> = values.iter().map(|value| value.key().as_bytes()).collect();
        let (asker, question) = Asker::ask(&matter, keys, self.ids.random()).map_err(TrustError::refused)?;
        let record = QueryRecord {
            number: 0,
            at: self.clock.now(),
            peer: to,
            agreement,
            asked: true,
            purpose: purpose.to_owned(),
            asked_values: values.len() as u64,
            outcome: QueryOutcome::Open,
        };
        let admitted = self.admit(&as_right(agreement, right), &matter, &record, Some(author))?;
        let (number, _) = admitted.map_err(TrustError::refused)?;
        let shown = values.iter().map(|value| (value.key().as_bytes().to_vec(), value.to_string())).collect();
        Ok(Asked { to, body: question.to_bytes(), asker, record: QueryRecord { number, ..record }, shown })
    }

    /// Takes in the answer, and logs it.
    ///
    /// # Errors
    /// [`TrustError::Refused`] when the answer is not one to this question.
    pub fn asked(&self, asked: Asked, answer: &[u8]) -> Result<Seen, TrustError> {
        let Asked { asker, record, shown, .. } = asked;
        let found = Reply::parse(answer)
            .map_err(TrustError::refused)
            .and_then(|reply| asker.finish(&reply).map_err(TrustError::refused));
        match found {
            Ok(found) => {
                let count = found.count();
                self.close(&record, QueryOutcome::Answered(Some(count)))?;
                Ok(match found {
                    Found::Count(count) => Seen::Count(count),
                    Found::Values(values) => Seen::Values(
                        values.iter().filter_map(|value| shown.get(&value[..]).cloned()).collect(),
                    ),
                })
            }
            Err(problem) => {
                self.close(&record, QueryOutcome::Lost(problem.to_string()))?;
                Err(problem)
            }
        }
    }

    /// Logs why there was no answer.
    ///
    /// # Errors
    /// When the store fails.
    pub fn unanswered(&self, asked: Asked, problem: &CallError) -> Result<(), TrustError> {
        let outcome = match problem {
            CallError::Refused(refusal) => QueryOutcome::Refused(refusal.to_string()),
            problem => QueryOutcome::Lost(problem.to_string()),
        };
        self.close(&asked.record, outcome)
    }

    /// Answers a peer's question within its right and budget.
    pub(crate) fn answer_query(&self, from: PartyId, body: &[u8]) -> Result<Vec<u8>, Refusal> {
        let question = Question::parse(body).map_err(|problem| Refusal::Invalid(problem.to_string()))?;
        let trust = self.trust().ok_or(Refusal::Failed)?;
        let registry = self.registry().map_err(|_| Refusal::Failed)?;
        let agreement = question.agreement;
        let now = self.clock.now();
        let record = QueryRecord {
            number: 0,
            at: now,
            peer: from,
            agreement,
            asked: false,
            purpose: question.purpose.clone(),
            asked_values: question.values() as u64,
            outcome: QueryOutcome::Open,
        };
        let refuse = |reason: &str| {
            if let Err(problem) = self.log_refusal(&record, reason) {
                tracing::warn!(%problem, "a refused private query is not logged");
            }
            Refusal::Forbidden(reason.to_owned())
        };
        if !registry.may_receive(agreement, from, trust.party) {
            return Err(refuse("the agreement is not in force between the two"));
        }
        let force = registry.last_force(agreement).ok_or(Refusal::Failed)?;
        let right = right_for(&force, from, trust.party, &question.kind, &question.purpose)
            .ok_or_else(|| refuse("no query right of the agreement covers this kind, purpose and party"))?;
        let right = as_right(agreement, right);
        let matter = Matter {
            agreement,
            asker: from,
            answerer: trust.party,
            kind: question.kind.clone(),
            purpose: question.purpose.clone(),
            mode: question.mode,
        };
        let admitted = self.admit(&right, &matter, &record, None).map_err(|_| Refusal::Failed)?;
        let (number, past) = admitted.map_err(|problem| refuse(&problem.to_string()))?;
        let record = QueryRecord { number, ..record };
        // It has been counted: what goes wrong from here on is not asked again for nothing.
        let lost = |reason: &str| {
            if let Err(problem) = self.close(&record, QueryOutcome::Lost(reason.to_owned())) {
                tracing::warn!(%problem, "what became of a private query is not logged");
            }
        };
        let forbidden = |reason: &str| {
            lost(reason);
            Refusal::Forbidden(reason.to_owned())
        };
        let answerer = Answerer::new(&question, from, trust.party, &right, past, now, self.ids.random())
            .map_err(|problem| forbidden(&problem.to_string()))?;
        let held = self.held_values(trust, &force, &matter, now).map_err(|problem| {
            lost(&problem.to_string());
            Refusal::Failed
        })?;
        if held.len() > MAX_HELD {
            // How much is held is nobody's business.
            return Err(forbidden("the question cannot be answered: too much is held"));
        }
        let tags = answerer.tags(held.iter().map(String::as_bytes));
        let reply = answerer.reply(tags).map_err(|problem| forbidden(&problem.to_string()))?;
        self.close(&record, QueryOutcome::Answered(None)).map_err(|_| Refusal::Failed)?;
        Ok(reply.to_bytes())
    }

    /// Says of questions that nothing became of, because a node stopped or whoever asked went away, that it is so.
    pub(crate) fn query_step(&self) -> Result<(), TrustError> {
        let before = self.clock.now().plus_micros(-GIVEN_UP);
        let open = self.store.read()?.queries_open(self.scope.tenant, before, 1_000)?;
        // Hunts wait for people, and have an end of their own.
        let hunts = self.queries_of_hunts()?;
        for record in open.into_iter().filter(|record| !hunts.contains(&record.number)) {
            self.close(&record, QueryOutcome::Lost("nothing became of it".to_owned()))?;
        }
        Ok(())
    }

    /// Values of a kind that objects carry of which the asker might be given at least the fact that there are such.
    fn held_values(
        &self,
        trust: &Trust,
        force: &InForce,
        matter: &Matter,
        now: Timestamp,
    ) -> Result<Vec<String>, TrustError> {
        let kind = Kind::ALL.iter().find(|known| known.as_str() == matter.kind);
        let Some(kind) = kind else { return Ok(Vec::new()) };
        let read = self.store.read()?;
        let mut classes = Classes { core: self, trust, force, matter, now, known: HashMap::new() };
        let mut values: Vec<String> = Vec::new();
        let mut after = (String::new(), 0);
        loop {
            let page = read.own_values(self.scope, kind.id(), (&after.0, after.1), PAGE)?;
            let full = page.len() == PAGE;
            after = page.last().map_or(after, |own| (own.value.clone(), own.place));
            for own in page {
                let told = values.last() != Some(&own.value)
                    && classes.may_tell(&own)
                    && self.may_tell_of(&*read, trust, matter, &own)?;
                if told {
                    values.push(own.value);
                }
            }
            if !full || values.len() > MAX_HELD {
                return Ok(values);
            }
        }
    }

    /// What its class does not say: nobody took it back, from all or from the asker, and nobody else gave it to us too.
    fn may_tell_of(
        &self,
        read: &dyn Read,
        trust: &Trust,
        matter: &Matter,
        own: &OwnValue,
    ) -> Result<bool, StoreError> {
        let tenant = self.scope.tenant;
        let (to, agreement) = (matter.asker, matter.agreement);
        let taken_back = trust.named(read, tenant, to, agreement, &own.object)?.is_taken_back();
        let theirs = || -> Result<bool, StoreError> {
            let holdings = read.holdings(tenant, Some(&own.object), 0, 64)?;
            Ok(holdings.iter().any(|holding| holding.ended.is_none()))
        };
        Ok(!taken_back && !self.is_recalled(read, &own.object)? && !theirs()?)
    }

    /// Holds a question to its right and logs it, in one transaction: of two at once the second is counted after the first.
    /// Its number, and what was asked before.
    pub(crate) fn admit(
        &self,
        right: &Right,
        matter: &Matter,
        record: &QueryRecord,
        author: Option<&str>,
    ) -> Result<Result<(u64, Vec<Past>), private_query::Refused>, StoreError> {
        self.store.transact(|tx| self.admit_in(tx, right, matter, record, author))
    }

    /// The same, in a transaction that does more.
    pub(crate) fn admit_in(
        &self,
        tx: &mut dyn Tx,
        right: &Right,
        matter: &Matter,
        record: &QueryRecord,
        author: Option<&str>,
    ) -> Result<Result<(u64, Vec<Past>), private_query::Refused>, StoreError> {
        let tenant = self.scope.tenant;
        let QueryRecord { at: now, peer, agreement, asked, .. } = *record;
        let counted = tx.queries_between(tenant, peer, agreement, asked, now.plus_micros(-DAY))?;
        let past: Vec<Past> = counted
            .into_iter()
            .map(|count| Past { at: count.first, values: count.values, questions: count.questions })
            .collect();
        if let Err(refused) = right.admit(matter, record.asked_values, past.iter().copied(), now) {
            return Ok(Err(refused));
        }
        let number = tx.log_query(tenant, record)?;
        if let Some(author) = author {
            tx.audit(tenant, now, author, "query.ask", &peer.0.short(), &record.purpose)?;
        }
        Ok(Ok((number, past)))
    }

    /// Says what became of a question, here and in the ledger. Once said it stands.
    fn close(&self, record: &QueryRecord, outcome: QueryOutcome) -> Result<(), TrustError> {
        let now = self.clock.now();
        Ok(self.store.transact(|tx| self.close_in(tx, record, &outcome, now))?)
    }

    /// The same, in a transaction that does more.
    pub(crate) fn close_in(
        &self,
        tx: &mut dyn Tx,
        record: &QueryRecord,
        outcome: &QueryOutcome,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if tx.close_query(self.scope.tenant, record.number, outcome)? {
            self.book_query(tx, record, outcome, now)?;
        }
        Ok(())
    }

    /// Logs a question that was refused, and tells people once a day of a party of which too many were.
    fn log_refusal(&self, record: &QueryRecord, reason: &str) -> Result<(), TrustError> {
        let tenant = self.scope.tenant;
        let (now, peer) = (record.at, record.peer);
        let source = self.registry()?.peers.get(&peer).map_or(model::SourceId(0), |peer| peer.source);
        let name = format!("query-refusals:{peer}");
        let told = self.store.read()?.named_cursor(tenant, &name)?;
        let told = told.and_then(|seq| i64::try_from(seq.0).ok());
        let recent = told.is_some_and(|at| (0..DAY).contains(&now.as_micros().saturating_sub(at)));
        Ok(self.store.transact(|tx| {
            if tx.queries_refused(tenant, peer, now.plus_micros(-DAY))? < REFUSALS_KEPT {
                let outcome = QueryOutcome::Refused(reason.to_owned());
                let record = QueryRecord { outcome: outcome.clone(), ..record.clone() };
                tx.log_query(tenant, &record)?;
                return self.book_query(tx, &record, &outcome, now);
            }
            if recent {
                return Ok(());
            }
            let message = format!(
                "party {} was refused {REFUSALS_KEPT} private questions within a day; further ones are refused and not kept",
                peer.0.short()
            );
            let finding = Finding::new(Severity::Warning, "shieldwall/query-refusals", "", message)
                .hint("ask its people what their node is doing, or end the pairing");
            tx.add_findings(self.scope, now, source, None, &[finding])?;
            tx.set_cursor(tenant, &name, model::Seq(u64::try_from(now.as_micros()).unwrap_or_default()))
        })?)
    }

    fn book_query(
        &self,
        tx: &mut dyn Tx,
        record: &QueryRecord,
        outcome: &QueryOutcome,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let figures = Figures::Query {
            side: if record.asked { Side::Asked } else { Side::Answered },
            peer: self.pseudonym(record.peer),
            values: record.asked_values,
            answer: match outcome {
                QueryOutcome::Answered(Some(matches)) => QueryAnswer::Matches(*matches),
                QueryOutcome::Refused(_) => QueryAnswer::Refused,
                QueryOutcome::Answered(None) | QueryOutcome::Lost(_) | QueryOutcome::Open => {
                    QueryAnswer::Unknown
                }
            },
        };
        self.book(tx, now, figures, &format!(r#"{{"agreement":"{}"}}"#, record.agreement)).map(drop)
    }
}

/// What the policy says about classes of objects, decided once for each.
struct Classes<'c> {
    core: &'c Core,
    trust: &'c Trust,
    force: &'c InForce,
    matter: &'c Matter,
    now: Timestamp,
    known: HashMap<Digest, bool>,
}

impl Classes<'_> {
    fn may_tell(&mut self, own: &OwnValue) -> bool {
        use sha2::Digest as _;
        let mut hash = sha2::Sha256::new_with_prefix([own.label.rank()]);
        hash.update(own.class.as_bytes());
        let key = Digest(hash.finalize().into());
        if let Some(told) = self.known.get(&key) {
            return *told;
        }
        let told = self.decide(&own.class, own.label);
        if self.known.len() >= CLASSES {
            self.known.clear();
        }
        self.known.insert(key, told);
        told
    }

    /// As a delivery is decided on, in ordinary times: what an originator releases by name or an emergency lets go is for
    /// the object alone.
    fn decide(&self, class: &str, label: Label) -> bool {
        // Facts nobody can read are facts that permit nothing.
        let Ok(facts) = Facts::parse(class) else { return false };
        let narrowed = facts.handling.tlp().meet(label);
        let facts = Facts { handling: facts.handling.clone().with_tlp(narrowed), ..facts };
        let rules = self.core.rules();
        let request = Request {
            caveats: &rules.caveats,
            ..Request::delivery(&facts, self.trust.party, self.matter.asker, self.now)
        };
        // Where only sums may go, a count may.
        policy::fact(&self.force.policy, &request)
            .is_some_and(|obligations| !obligations.aggregate || self.matter.mode == Mode::Count)
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
