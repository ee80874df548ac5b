//! The decision.

use std::collections::BTreeMap;

use label::{Nation, Onward, Origin};
use model::PartyId;

use crate::compile::{Policy, Rule, permit_id};
use crate::condition::Condition;
use crate::decision::{Decision, Obligations, Reason};
use crate::engine;
use crate::request::Request;
use crate::shortfall::Names;
use crate::view::{View, is_relayed, onward};

/// What a decision to tell of a withdrawal names: it is no clause, and no agreement can rule it out.
pub const WITHDRAWAL: &str = "withdrawal";

/// Decides a request under one agreement. Total: whatever goes wrong is a refusal that says so.
///
/// Permission is the meet of everything that has a say: the object's label, the terms it came under, the agreement's
/// rules and one of its clauses, which binds giver and receiver alike, and our own caveats. Exactly one clause permits,
/// the first in the order of [`Policy::clauses`]; clauses are never combined.
#[must_use]
pub fn decide(policy: &Policy, request: &Request<'_>) -> Decision {
    Question::new(request).ask(policy)
}

/// As [`decide`], by one clause alone: a part of an object is decided by the clause that lets the object go, even where
/// another would let the part go on other terms.
#[must_use]
pub fn decide_by(policy: &Policy, request: &Request<'_>, clause: &str) -> Decision {
    match Question::new(request).permitting_among(policy, &|rule| rule.id == clause) {
        Ok(rule) => permitted(policy, rule, request),
        Err(reason) => {
            let other = || Reason {
                rule: clause.to_owned(),
                about: "clause",
                text: format!("clause `{clause}` does not permit it"),
                consent: None,
            };
            refused(policy, request, vec![reason.unwrap_or_else(other)], None)
        }
    }
}

/// Our own caveats that keep something from a party, whatever the agreement says.
#[must_use]
pub fn caveats_against(policy: &Policy, request: &Request<'_>) -> Vec<Reason> {
    Prepared::new(request, policy.nation_of(request.to)).caveats
}

/// The clauses by which the compiled policies permit a request, asked as a whole and by themselves: what an auditor
/// with the text and Cedar would find. Empty where it is refused. [`decide`] permits by one of these and never by
/// another; our own caveats and withdrawals are no part of the text.
#[must_use]
pub fn clauses_of_text(policy: &Policy, request: &Request<'_>) -> Vec<String> {
    let nation = policy.nations.get(&request.to).copied().flatten();
    let Ok(request) = engine::request(&View::new(request, nation)) else { return Vec::new() };
    let answer = policy.engine.ask(&request);
    if !answer.allowed || !answer.errors.is_empty() {
        return Vec::new();
    }
    answer.determining.iter().filter_map(|id| id.strip_prefix("clause/")).map(str::to_owned).collect()
}

/// A request being asked under several agreements: what they share is prepared once.
pub struct Question<'a> {
    request: &'a Request<'a>,
    /// By the nation of the receiver, which is each agreement's to say; nearly always one.
    prepared: BTreeMap<Option<Nation>, Prepared<'a>>,
}

struct Prepared<'a> {
    view: View<'a>,
    caveats: Vec<Reason>,
    cedar: Option<Result<cedar_policy::Request, engine::EngineError>>,
}

impl<'a> Question<'a> {
    /// Prepares a request.
    #[must_use]
    pub const fn new(request: &'a Request<'a>) -> Self {
        Self { request, prepared: BTreeMap::new() }
    }

    /// The decision under one agreement: the same as [`decide`]'s.
    #[must_use]
    pub fn ask(&mut self, policy: &Policy) -> Decision {
        if self.request.circumstances.withdrawal {
            return withdrawal(policy, self.request);
        }
        match self.permitting(policy) {
            Ok(rule) => permitted(policy, rule, self.request),
            Err(Some(reason)) => refused(policy, self.request, vec![reason], None),
            Err(None) => self.refusal(policy),
        }
    }

    /// The clause that permits it; or what the policy engine had against it, where the terms seem to permit it.
    pub(crate) fn permitting<'p>(&mut self, policy: &'p Policy) -> Result<&'p Rule, Option<Reason>> {
        self.permitting_among(policy, &|_| true)
    }

    fn permitting_among<'p>(
        &mut self,
        policy: &'p Policy,
        asked: &dyn Fn(&Rule) -> bool,
    ) -> Result<&'p Rule, Option<Reason>> {
        let nation = self.receiver(policy).ok_or(None)?;
        let request = self.request;
        let prepared = self.prepared.entry(nation).or_insert_with(|| Prepared::new(request, nation));
        let view = &prepared.view;
        let holds = |conditions: &[Condition]| conditions.iter().all(|condition| condition.holds(view));
        if !prepared.caveats.is_empty() || !holds(&policy.guards) {
            return Err(None);
        }
        let rule = policy.clauses.iter().find(|rule| asked(rule) && holds(&rule.conditions)).ok_or(None)?;
        confirm(rule, prepared).map(|()| rule).map_err(Some)
    }

    /// The nation of a receiver that the giver may deal with at all.
    fn receiver(&self, policy: &Policy) -> Option<Option<Nation>> {
        let (from, to) = (self.request.from, self.request.to);
        policy.nations.get(&to).copied().filter(|_| policy.is_between(from, to))
    }

    /// Everything that is in the way, and the clause that comes closest.
    fn refusal(&mut self, policy: &Policy) -> Decision {
        let (names, request) = (Names(&policy.parties), self.request);
        let Some(nation) = self.receiver(policy) else {
            let view = View::new(request, None);
            let gates = policy.guards.iter().filter(|guard| is_gate(guard) && !guard.holds(&view));
            return refused(
                policy,
                request,
                gates.map(|guard| of_guard(guard, &view, &names)).collect(),
                None,
            );
        };
        let prepared = self.prepared.entry(nation).or_insert_with(|| Prepared::new(request, nation));
        let view = &prepared.view;
        let broken = policy.guards.iter().filter(|guard| !guard.holds(view));
        let mut reasons: Vec<Reason> = broken.map(|guard| of_guard(guard, view, &names)).collect();
        reasons.extend(prepared.caveats.iter().cloned());
        let (closest, shortfalls) = closest(policy, view, &names);
        reasons.extend(shortfalls);
        refused(policy, request, reasons, closest)
    }

    /// How each clause falls short, in order of preference; nothing is missing in those that would permit it.
    pub(crate) fn clauses(&mut self, policy: &Policy) -> Vec<(String, Vec<Reason>)> {
        let (names, request) = (Names(&policy.parties), self.request);
        let Some(nation) = self.receiver(policy) else { return Vec::new() };
        let prepared = self.prepared.entry(nation).or_insert_with(|| Prepared::new(request, nation));
        let rules = policy.clauses.iter();
        rules.map(|rule| (rule.id.clone(), shortfalls(rule, &prepared.view, &names))).collect()
    }
}

impl<'a> Prepared<'a> {
    fn new(request: &'a Request<'a>, nation: Option<Nation>) -> Self {
        let view = View::new(request, nation);
        if request.caveats.is_empty() {
            return Self { view, caveats: Vec::new(), cedar: None };
        }
        let cedar = engine::request(&view);
        Self { caveats: request.caveats.against(cedar.as_ref()), cedar: Some(cedar), view }
    }
}

/// Whether a guard is about who is concerned at all: where it fails, nothing else is worth saying.
const fn is_gate(guard: &Condition) -> bool {
    matches!(guard, Condition::Parties(_) | Condition::NotSelf)
}

/// Asks the policies themselves. They are what was signed, so without their permission nothing goes, whatever the
/// terms look like from here.
fn confirm(rule: &Rule, prepared: &mut Prepared<'_>) -> Result<(), Reason> {
    let view = &prepared.view;
    let answer = match prepared.cedar.get_or_insert_with(|| engine::request(view)) {
        Ok(cedar) => rule.engine.ask(cedar),
        Err(error) => {
            return Err(of_engine(format!("the request cannot be put to the policy engine: {error}")));
        }
    };
    if let Some(error) = answer.errors.first() {
        return Err(of_engine(format!("a policy cannot be evaluated: {error}")));
    }
    if answer.allowed && answer.determining.binary_search(&permit_id(&rule.id)).is_ok() {
        return Ok(());
    }
    Err(of_engine(format!("clause `{}` and the policy compiled from it disagree", rule.id)))
}

fn permitted(policy: &Policy, rule: &Rule, request: &Request<'_>) -> Decision {
    Decision {
        permitted: true,
        agreement: policy.agreement,
        clause: rule.id.clone(),
        reasons: vec![Reason {
            rule: rule.id.clone(),
            about: "clause",
            text: format!("clause `{}` permits it", rule.id),
            consent: None,
        }],
        obligations: obligations(rule, request),
        handling: request.facts.handling.meet(&rule.label),
        smallest_consent: None,
    }
}

/// The clause's obligations, with the onward rule narrowed by everything that binds the object already.
pub(crate) fn obligations(rule: &Rule, request: &Request<'_>) -> Obligations {
    let mut rule_here = request.facts.handling.onward();
    if is_relayed(request) {
        rule_here = rule_here.meet(&match onward(request) {
            // The originator answers to each who asks: also to those whom the receiver would give it.
            Onward::Orcon => Onward::Orcon,
            other => other.after_one_step(),
        });
    }
    let clause = &rule.obligations;
    Obligations { onward: clause.onward.meet(&rule_here), ..clause.clone() }
}

fn withdrawal(policy: &Policy, request: &Request<'_>) -> Decision {
    Decision {
        permitted: true,
        agreement: policy.agreement,
        clause: WITHDRAWAL.to_owned(),
        reasons: vec![Reason {
            rule: WITHDRAWAL.to_owned(),
            about: "withdrawal",
            text: "whoever was given something is told when it is taken back".to_owned(),
            consent: None,
        }],
        obligations: Obligations::NOTHING,
        handling: request.facts.handling.clone(),
        smallest_consent: None,
    }
}

fn of_guard(guard: &Condition, view: &View<'_>, names: &Names<'_>) -> Reason {
    let shortfall = guard.shortfall(view, names);
    Reason {
        rule: guard.name().to_owned(),
        about: guard.name(),
        text: shortfall.text,
        consent: shortfall.consent,
    }
}

fn of_engine(text: String) -> Reason {
    Reason { rule: "engine".to_owned(), about: "engine", text, consent: None }
}

/// How a clause falls short of the request: empty if it permits it.
fn shortfalls(rule: &Rule, view: &View<'_>, names: &Names<'_>) -> Vec<Reason> {
    let missing = rule.conditions.iter().filter(|condition| !condition.holds(view));
    let reason = |condition: &Condition| {
        let shortfall = condition.shortfall(view, names);
        Reason {
            rule: rule.id.clone(),
            about: condition.name(),
            text: shortfall.text,
            consent: shortfall.consent,
        }
    };
    missing.map(reason).collect()
}

/// The clause that the least would have to change of, and how it falls short; nothing where a clause would permit it.
fn closest<'p>(policy: &'p Policy, view: &View<'_>, names: &Names<'_>) -> (Option<&'p Rule>, Vec<Reason>) {
    // Of two that lack as much, the one under which less is passed on: to raise the other's ceiling gives more away.
    let distance = |rule: &&Rule| {
        let missing = rule.conditions.iter().filter(|condition| !condition.holds(view));
        let lacking = missing.map(|condition| weight(condition, view)).sum::<u32>();
        (lacking, breadth(&rule.obligations.onward))
    };
    if policy.clauses.iter().any(|rule| rule.conditions.iter().all(|condition| condition.holds(view))) {
        return (None, Vec::new());
    }
    let Some(closest) = policy.clauses.iter().min_by_key(distance) else {
        let facts = view.request.facts;
        let (from, to) = (names.of(view.request.from), names.of(view.request.to));
        let consent = format!("a clause that lets {from} give the type `{}` to {to}", facts.type_name);
        let text = "the agreement has no clause".to_owned();
        return (
            None,
            vec![Reason { rule: "clauses".to_owned(), about: "clauses", text, consent: Some(consent) }],
        );
    };
    (Some(closest), shortfalls(closest, view, names))
}

/// How much it is to ask for: other people, another purpose or an emergency are more than another ceiling or word, and a
/// ceiling is more the further it has to be raised.
fn weight(condition: &Condition, view: &View<'_>) -> u32 {
    match condition {
        Condition::BreakGlass => 200,
        Condition::From(_) | Condition::To(_) => 60,
        Condition::ReleasableTo(..) | Condition::Purposes(_) => 30,
        Condition::Tlp(ceiling) => {
            let asked = view.request.facts.handling.tlp();
            19 + u32::from(asked.rank().abs_diff(ceiling.rank()))
        }
        _ => 20,
    }
}

/// How far what flows under a clause may go on from there.
const fn breadth(onward: &Onward) -> u8 {
    match onward {
        Onward::None => 0,
        Onward::Orcon => 1,
        Onward::Named(_) => 2,
        Onward::Depth(_) => 3,
        Onward::Free => 4,
    }
}

fn refused(policy: &Policy, request: &Request<'_>, reasons: Vec<Reason>, closest: Option<&Rule>) -> Decision {
    // All of them together are the least; if nothing can be done about one, nothing can be done.
    let consents: Option<Vec<String>> = reasons
        .iter()
        .map(|reason| {
            let consent = reason.consent.as_ref()?;
            let of_clause = closest.is_some_and(|rule| rule.id == reason.rule);
            Some(if of_clause { format!("in clause `{}`: {consent}", reason.rule) } else { consent.clone() })
        })
        .collect();
    let first = reasons.first().map(|reason| reason.rule.clone());
    Decision {
        permitted: false,
        agreement: policy.agreement,
        clause: first.unwrap_or_default(),
        smallest_consent: consents
            .filter(|consents| !consents.is_empty())
            .map(|consents| consents.join("; ")),
        reasons,
        obligations: Obligations::NOTHING,
        handling: request.facts.handling.clone(),
    }
}

/// Whom a statement of origin binds an object to, for whoever asks about a release.
#[must_use]
pub fn originator(request: &Request<'_>) -> Option<PartyId> {
    match &request.facts.origin {
        Origin::Own => Some(request.from),
        Origin::Party(party) => Some(*party),
        Origin::Other(_) => None,
    }
}
