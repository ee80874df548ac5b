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
    young: Generation,
    old: Generation,
    hits: u64,
    misses: u64,
}

#[derive(Debug, Default)]
struct Generation {
    questions: HashMap<u64, Known>,
    /// Decisions in all of them.
    decisions: usize,
}

/// One question, and what was decided under the policies it was asked under.
#[derive(Debug)]
struct Known {
    asked: Asked,
    decisions: Vec<Remembered>,
}

#[derive(Debug, Clone)]
struct Remembered {
    policy: Digest,
    agreement: AgreementId,
    /// Good from here on…
    from: Timestamp,
    /// …until just before here.
    until: Timestamp,
    decision: Arc<Decision>,
}

/// Everything in a request that a decision depends on, apart from the instant.
#[derive(Debug)]
struct Asked {
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
        let (young, old) = (Generation::default(), Generation::default());
        Self { capacity: capacity.max(2), young, old, hits: 0, misses: 0 }
    }

    /// As [`crate::decide`].
    pub fn decide(&mut self, policy: &Policy, request: &Request<'_>) -> Arc<Decision> {
        let mut decisions = self.decide_all([policy], request).into_iter();
        // There is one for each policy; were there none, deciding again would be the answer.
        decisions.next().unwrap_or_else(|| Arc::new(crate::decide(policy, request)))
    }

    /// The decisions under each of these agreements, in their order.
    pub fn decide_all<'p>(
        &mut self,
        policies: impl IntoIterator<Item = &'p Policy>,
        request: &Request<'_>,
    ) -> Vec<Arc<Decision>> {
        let place = fingerprint(request);
        self.bring_forward(place, request);
        let known = self.young.questions.entry(place).or_insert_with(|| Known::new(request));
        let mut question = Question::new(request);
        let mut out = Vec::new();
        for policy in policies {
            let found = known.find(policy, out.len());
            match found.filter(|one| one.from <= request.at && request.at < one.until) {
                Some(one) => {
                    self.hits += 1;
                    out.push(Arc::clone(&one.decision));
                }
                None => {
                    self.misses += 1;
                    let decision = Arc::new(question.ask(policy));
                    let (from, until) = policy.steady(request.facts, request.at);
                    let (hash, agreement) = (policy.hash(), policy.agreement());
                    let one =
                        Remembered { policy: hash, agreement, from, until, decision: Arc::clone(&decision) };
                    self.young.decisions += usize::from(known.put(one));
                    out.push(decision);
                }
            }
        }
        self.forget();
        out
    }

    /// How many decisions are remembered.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.young.decisions + self.old.decisions
    }

    /// Whether nothing is.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many questions were answered from memory, and how many were not.
    #[must_use]
    pub const fn counts(&self) -> (u64, u64) {
        (self.hits, self.misses)
    }

    /// Sees to it that what is remembered at a place in the younger generation is of this very question: two questions
    /// may share a place, and only one of them is kept.
    fn bring_forward(&mut self, place: u64, request: &Request<'_>) {
        if self.young.questions.get(&place).is_some_and(|known| known.asked.is(request)) {
            return;
        }
        if let Some(other) = self.young.questions.remove(&place) {
            self.young.decisions -= other.decisions.len();
        }
        if let Some(known) = self.old.questions.remove(&place) {
            self.old.decisions -= known.decisions.len();
            if known.asked.is(request) {
                self.young.decisions += known.decisions.len();
                self.young.questions.insert(place, known);
            }
        }
    }

    fn forget(&mut self) {
        if self.young.decisions >= self.capacity.div_ceil(2) {
            self.old = std::mem::take(&mut self.young);
        }
        // One question under very many policies may by itself be more than there is room for.
        if self.len() > self.capacity {
            self.old = Generation::default();
        }
    }
}

impl Known {
    fn new(request: &Request<'_>) -> Self {
        Self { asked: Asked::new(request), decisions: Vec::new() }
    }

    /// Policies are mostly asked in the same order, so `guess` is where to look first.
    fn find(&self, policy: &Policy, guess: usize) -> Option<&Remembered> {
        let is = |one: &&Remembered| one.policy == policy.hash() && one.agreement == policy.agreement();
        self.decisions.get(guess).filter(is).or_else(|| self.decisions.iter().find(is))
    }

    /// Whether it is one more, and not in place of another.
    fn put(&mut self, one: Remembered) -> bool {
        let same = |other: &&mut Remembered| other.policy == one.policy && other.agreement == one.agreement;
        match self.decisions.iter_mut().find(same) {
            Some(other) => {
                *other = one;
                false
            }
            None => {
                self.decisions.push(one);
                true
            }
        }
    }
}

impl Asked {
    fn new(request: &Request<'_>) -> Self {
        Self {
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

    fn is(&self, request: &Request<'_>) -> bool {
        self.caveats == request.caveats.hash()
            && self.from == request.from
            && self.to == request.to
            && self.action == request.action
            && self.circumstances == request.circumstances
            && self.purpose.as_deref() == request.purpose
            && self.exercise.as_deref() == request.exercise
            && self.via == request.via
            && self.facts == *request.facts
    }
}

fn fingerprint(request: &Request<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    request.facts.hash(&mut hasher);
    (request.from, request.to, request.purpose, request.via, request.exercise).hash(&mut hasher);
    (request.circumstances, request.caveats.hash()).hash(&mut hasher);
    request.action.as_str().hash(&mut hasher);
    hasher.finish()
}
