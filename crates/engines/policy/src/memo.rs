//! Decisions remembered.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use label::Facts;
use model::{AgreementId, Digest, PartyId, Timestamp};

use crate::compile::Policy;
use crate::decide::Question;
use crate::decision::Decision;
use crate::request::{Action, Circumstances, Request, Via};

/// A bounded memory of decisions.
///
/// A decision is found again only for the same facts, parties, purpose, action, holdings, exercise and circumstances,
/// under the same compiled policy and caveats, and only while nothing in them starts or ends by itself. Facts stand
/// for a whole class of objects, which is what makes it worth while.
#[derive(Debug)]
pub struct Memo {
    capacity: usize,
    /// Of two generations the older is forgotten as a whole when the younger is full: what is in use moves over.
    young: HashMap<u64, Entry>,
    old: HashMap<u64, Entry>,
    hits: u64,
    misses: u64,
}

#[derive(Debug, Clone)]
struct Entry {
    key: Key,
    /// Good from here on…
    from: Timestamp,
    /// …until just before here.
    until: Timestamp,
    decision: Arc<Decision>,
}

#[derive(Debug, Clone)]
struct Key {
    policy: Digest,
    agreement: AgreementId,
    caveats: Digest,
    facts: Facts,
    from: PartyId,
    to: PartyId,
    purpose: Option<String>,
    action: Action,
    via: Vec<Via>,
    exercise: Option<String>,
    circumstances: Circumstances,
}

impl Memo {
    /// An empty memory for at most this many decisions, at least 2.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { capacity: capacity.max(2), young: HashMap::new(), old: HashMap::new(), hits: 0, misses: 0 }
    }

    /// As [`crate::decide`].
    pub fn decide(&mut self, policy: &Policy, request: &Request<'_>) -> Arc<Decision> {
        self.answer(policy, &mut Question::new(request), request, fingerprint(request))
    }

    /// The decisions under each of these agreements, in their order.
    pub fn decide_all<'p>(
        &mut self,
        policies: impl IntoIterator<Item = &'p Policy>,
        request: &Request<'_>,
    ) -> Vec<Arc<Decision>> {
        let (mut question, print) = (Question::new(request), fingerprint(request));
        policies.into_iter().map(|policy| self.answer(policy, &mut question, request, print)).collect()
    }

    /// How many decisions are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// Whether nothing is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many questions were answered from memory, and how many were not.
    #[must_use]
    pub const fn counts(&self) -> (u64, u64) {
        (self.hits, self.misses)
    }

    fn answer(
        &mut self,
        policy: &Policy,
        question: &mut Question<'_>,
        request: &Request<'_>,
        print: u64,
    ) -> Arc<Decision> {
        let place = place(print, policy);
        if let Some(entry) = self.young.get(&place).filter(|entry| entry.answers(policy, request)) {
            self.hits += 1;
            return Arc::clone(&entry.decision);
        }
        let old = self.old.remove(&place).filter(|entry| entry.answers(policy, request));
        let entry = match old {
            Some(entry) => {
                self.hits += 1;
                entry
            }
            None => {
                self.misses += 1;
                let (from, until) = policy.steady(request.facts, request.at);
                Entry {
                    key: Key::new(policy, request),
                    from,
                    until,
                    decision: Arc::new(question.ask(policy)),
                }
            }
        };
        let decision = Arc::clone(&entry.decision);
        if self.young.len() >= self.capacity / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(place, entry);
        decision
    }
}

impl Entry {
    /// Two requests may share a place; only the very same one is answered.
    fn answers(&self, policy: &Policy, request: &Request<'_>) -> bool {
        let key = &self.key;
        self.from <= request.at
            && request.at < self.until
            && key.policy == policy.hash()
            && key.agreement == policy.agreement()
            && key.caveats == request.caveats.hash()
            && key.from == request.from
            && key.to == request.to
            && key.action == request.action
            && key.circumstances == request.circumstances
            && key.purpose.as_deref() == request.purpose
            && key.exercise.as_deref() == request.exercise
            && key.via == request.via
            && key.facts == *request.facts
    }
}

impl Key {
    fn new(policy: &Policy, request: &Request<'_>) -> Self {
        Self {
            policy: policy.hash(),
            agreement: policy.agreement(),
            caveats: request.caveats.hash(),
            facts: request.facts.clone(),
            from: request.from,
            to: request.to,
            purpose: request.purpose.map(str::to_owned),
            action: request.action,
            via: request.via.to_vec(),
            exercise: request.exercise.map(str::to_owned),
            circumstances: request.circumstances,
        }
    }
}

/// A number for everything in a request that a decision depends on, apart from the instant.
fn fingerprint(request: &Request<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    request.facts.hash(&mut hasher);
    (request.from, request.to, request.purpose, request.via, request.exercise).hash(&mut hasher);
    (request.circumstances, request.caveats.hash()).hash(&mut hasher);
    request.action.as_str().hash(&mut hasher);
    hasher.finish()
}

fn place(print: u64, policy: &Policy) -> u64 {
    let mut hasher = DefaultHasher::new();
    (print, policy.hash(), policy.agreement()).hash(&mut hasher);
    hasher.finish()
}
