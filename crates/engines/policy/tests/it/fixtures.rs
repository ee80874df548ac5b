//! Agreements and objects for the tests, with one thing changed at a time.

use std::collections::{BTreeMap, BTreeSet};

use agreement::{
    Action, Caps, Circle, Clause, Form, LegalBasis, Party, PersonalData, Reciprocity, Retention, Role, Set,
    Terms, Who, Witnesses,
};
use keys::KeyId;
use label::{Facts, Handling, Onward, Origin};
use model::{AgreementId, Digest, Label, PartyId, Timestamp, Tlp};
use policy::{Decision, Policy, Request, decide};

pub(crate) const LV: PartyId = PartyId(Digest([1; 32]));
pub(crate) const EE: PartyId = PartyId(Digest([2; 32]));
pub(crate) const US: PartyId = PartyId(Digest([3; 32]));
pub(crate) const STRANGER: PartyId = PartyId(Digest([9; 32]));
pub(crate) const ID: AgreementId = AgreementId(Digest([7; 32]));

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// While everything is in force.
pub(crate) fn now() -> Timestamp {
    at("2026-06-01T12:00:00Z")
}

pub(crate) fn set(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

pub(crate) fn only(words: &[&str]) -> Set {
    Set::Only(set(words))
}

pub(crate) fn who(parties: &[PartyId]) -> Who {
    Who::Parties(parties.iter().copied().collect())
}

pub(crate) fn tlp(tlp: Tlp) -> Handling {
    Handling::tlp_only(Label::Tlp(tlp))
}

pub(crate) fn party(id: PartyId, key: &str, jurisdiction: &str) -> Party {
    Party {
        id,
        key: key.to_owned(),
        name: format!("CERT of {key}"),
        jurisdiction: jurisdiction.to_owned(),
        role: Role::Controller,
        epoch: KeyId(Digest([id.0.0[0]; 32])),
        identities: BTreeSet::new(),
        posts: BTreeSet::new(),
        officers: 1,
        of: 1,
    }
}

/// Receive and detect, from each to each, indicators up to GREEN.
pub(crate) fn clause(id: &str) -> Clause {
    Clause {
        id: id.to_owned(),
        from: Who::Any,
        to: Who::Any,
        types: only(&["indicator"]),
        categories: Set::Any,
        sectors: Set::Any,
        countries: Set::Any,
        ceiling: tlp(Tlp::Green),
        actions: BTreeSet::from([Action::Receive, Action::Detect]),
        onward: Onward::None,
        redaction: None,
        personal: PersonalData::Refuse,
        purposes: set(&["cyber-defence"]),
        delay_seconds: 0,
        aggregate: false,
    }
}

/// A circle of Latvia, Estonia and the United States for the year 2026, with a legal basis until October.
pub(crate) fn terms(clauses: Vec<Clause>) -> Terms {
    let parties = [party(LV, "lv", "LVA"), party(EE, "ee", "EST"), party(US, "us", "USA")];
    Terms {
        name: "Test circle".to_owned(),
        form: Form::Circle(Circle { join_quorum: 2, revise_quorum: 2, most_members: 8 }),
        agreement: None,
        version: 1,
        previous: None,
        document: Digest::ZERO,
        settles: BTreeSet::new(),
        exercise: None,
        start: at("2026-01-01T00:00:00Z"),
        review: at("2026-11-01T00:00:00Z"),
        expiry: at("2027-01-01T00:00:00Z"),
        notice_hours: 0,
        purposes: set(&["cyber-defence", "crime"]),
        legal_basis: vec![LegalBasis {
            name: "NIS2 Article 29".to_owned(),
            reference: "2022/2555".to_owned(),
            valid_from: at("2026-01-01T00:00:00Z"),
            valid_until: at("2026-10-01T00:00:00Z"),
            parties: Who::Any,
        }],
        parties: parties.map(|party| (party.id, party)).into(),
        clauses,
        redactions: BTreeMap::new(),
        retention: Retention { keep_days: 30, erase_within_hours: 72 },
        reciprocity: Reciprocity::None,
        caps: Caps {
            objects_per_hour: 1000,
            objects_per_day: 10_000,
            bytes_per_day: 1 << 30,
            largest_object_bytes: 1 << 20,
        },
        queries: Vec::new(),
        break_glass: None,
        overseer: None,
        witnesses: Witnesses::default(),
    }
}

pub(crate) fn compile(terms: &Terms) -> Policy {
    Policy::compile(terms, ID).unwrap_or_else(|error| panic!("{error}"))
}

/// An indicator of ours, GREEN.
pub(crate) fn indicator() -> Facts {
    Facts {
        type_name: "indicator".to_owned(),
        handling: tlp(Tlp::Green),
        categories: BTreeSet::new(),
        sectors: BTreeSet::new(),
        countries: BTreeSet::new(),
        origin: Origin::Own,
        onward: Onward::Free,
        revoked: false,
        granular: false,
    }
}

/// From Latvia to Estonia, now.
pub(crate) fn to_estonia(facts: &Facts) -> Request<'_> {
    Request::delivery(facts, LV, EE, now())
}

/// What is decided, in one line: the clause and its obligations, or everything in the way and what it would take.
pub(crate) fn told(decision: &Decision) -> String {
    if decision.permitted {
        return format!("{} {}", decision.clause, decision.obligations.to_text());
    }
    let reasons: Vec<String> = decision.reasons.iter().map(ToString::to_string).collect();
    let consent = decision.smallest_consent.as_deref().unwrap_or("nothing would do");
    format!("{} / {consent}", reasons.join("; "))
}

#[track_caller]
pub(crate) fn permits(policy: &Policy, request: &Request<'_>, clause: &str) {
    let decision = decide(policy, request);
    assert!(decision.permitted, "{}\n{}", told(&decision), policy.cedar_text());
    assert_eq!(decision.clause, clause);
}

/// Refused, by this rule first, with these words in the sentence and in what it would take.
#[track_caller]
pub(crate) fn refuses(policy: &Policy, request: &Request<'_>, rule: &str, text: &str, consent: &str) {
    let decision = decide(policy, request);
    let told = told(&decision);
    assert!(!decision.permitted, "{told}");
    assert_eq!(decision.clause, rule, "{told}");
    let (reasons, wanted) = told.split_once(" / ").unwrap();
    assert!(reasons.contains(text), "{told}");
    assert!(wanted.contains(consent), "{told}");
}
