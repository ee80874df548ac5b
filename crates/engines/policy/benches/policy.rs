//! Decisions per second, cold and remembered; consent diff; proof; people.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a bench stops at what cannot be measured")]

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;

use agreement::{
    Action, Caps, Circle, Clause, Form, LegalBasis, Party, PersonalData, Reciprocity, Retention, Role, Set,
    Terms, Who, Witnesses,
};
use divan::Bencher;
use divan::counter::ItemsCount;
use keys::KeyId;
use label::{Facts, Handling, Onward, Origin};
use model::{AgreementId, Digest, Label, PartyId, Tenant, Timestamp, Tlp};
use policy::diff::{Standpoint, diff};
use policy::people;
use policy::people::{Object, Person, may};
use policy::prove::{Ceiling, prove};
use policy::{Caveats, Memo, Policy, Question, Request, decide};
use shieldwall_policy as policy;

fn main() {
    divan::main();
}

const US: PartyId = PartyId(Digest([1; 32]));

fn party(number: u8) -> PartyId {
    PartyId(Digest([number; 32]))
}

fn at() -> Timestamp {
    "2026-06-01T00:00:00Z".parse().unwrap_or(Timestamp::EPOCH)
}

fn words(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// An agreement of these parties with three clauses, as the templates have them.
fn terms(parties: &[PartyId]) -> Terms {
    let member = |id: &PartyId| Party {
        id: *id,
        key: format!("p{}", id.0.short()),
        name: "CERT".to_owned(),
        jurisdiction: "EST".to_owned(),
        role: Role::Controller,
        epoch: KeyId(Digest::ZERO),
        identities: BTreeSet::new(),
        posts: BTreeSet::new(),
        officers: 1,
        of: 1,
    };
    let clause = |id: &str, types: &[&str], ceiling: Tlp, categories: Set| Clause {
        id: id.to_owned(),
        from: Who::Any,
        to: Who::Any,
        types: Set::Only(words(types)),
        categories,
        sectors: Set::Any,
        countries: Set::Any,
        ceiling: Handling::tlp_only(Label::Tlp(ceiling)),
        actions: BTreeSet::from([Action::Receive, Action::Detect, Action::Block]),
        onward: Onward::None,
        redaction: None,
        personal: PersonalData::Refuse,
        purposes: words(&["cyber-defence"]),
        delay_seconds: 0,
        aggregate: false,
    };
    let instant = |text: &str| text.parse().unwrap_or(Timestamp::EPOCH);
    Terms {
        name: "Agreement".to_owned(),
        form: Form::Circle(Circle { join_quorum: 2, revise_quorum: 2, most_members: 64 }),
        agreement: None,
        version: 1,
        previous: None,
        document: Digest::ZERO,
        settles: BTreeSet::new(),
        exercise: None,
        start: instant("2026-01-01T00:00:00Z"),
        review: instant("2026-06-01T00:00:00Z"),
        expiry: instant("2027-01-01T00:00:00Z"),
        notice_hours: 0,
        purposes: words(&["cyber-defence"]),
        legal_basis: vec![LegalBasis {
            name: "Act".to_owned(),
            reference: String::new(),
            valid_from: instant("2026-01-01T00:00:00Z"),
            valid_until: instant("2027-01-01T00:00:00Z"),
            parties: Who::Any,
        }],
        parties: parties.iter().map(|id| (*id, member(id))).collect(),
        clauses: vec![
            clause("ioc", &["indicator", "malware", "infrastructure", "relationship"], Tlp::Amber, Set::Any),
            clause(
                "phishing",
                &["campaign", "report"],
                Tlp::Red,
                Set::Only(words(&["phishing", "fraud", "spam"])),
            ),
            clause(
                "public",
                &["attack-pattern", "course-of-action", "tool", "vulnerability"],
                Tlp::Green,
                Set::Any,
            ),
        ],
        redactions: BTreeMap::new(),
        retention: Retention { keep_days: 30, erase_within_hours: 72 },
        reciprocity: Reciprocity::None,
        caps: Caps { objects_per_hour: 1, objects_per_day: 1, bytes_per_day: 1, largest_object_bytes: 1 },
        queries: Vec::new(),
        break_glass: None,
        overseer: None,
        witnesses: Witnesses::default(),
    }
}

fn compiled(number: u8, parties: &[PartyId]) -> Policy {
    Policy::compile(&terms(parties), AgreementId(Digest([number; 32]))).unwrap()
}

/// Twenty agreements as a national team has them: fifteen with one ally each, and five circles of twelve.
fn twenty() -> Vec<Policy> {
    let bilateral = (0..15).map(|number| compiled(number, &[US, party(10 + number)]));
    let circles = (0..5).map(|number| {
        let members: Vec<PartyId> =
            std::iter::once(US).chain((0..11).map(|m| party(10 + (number + m) % 15))).collect();
        compiled(100 + number, &members)
    });
    bilateral.chain(circles).collect()
}

/// Twenty agreements each of which has both parties: the most that can be asked of one delivery.
fn twenty_alike() -> Vec<Policy> {
    (0..20).map(|number| compiled(number, &[US, party(12)])).collect()
}

/// Classes of objects: a few hundred kinds, of which two thirds may go somewhere.
fn classes(count: usize) -> Vec<Facts> {
    let types =
        ["indicator", "malware", "report", "identity", "vulnerability", "relationship", "campaign", "note"];
    let categories = ["phishing", "fraud", "c2", "apt", "malicious-activity"];
    let facts = |number: usize| Facts {
        type_name: types[number % types.len()].to_owned(),
        handling: Handling::tlp_only(Label::Tlp(Tlp::ALL[number / 8 % 5])),
        categories: words(&[categories[number / 40 % 5], categories[number / 200 % 5]]),
        sectors: if number / 1000 % 2 == 1 { words(&["energy"]) } else { BTreeSet::new() },
        countries: if number / 2000 == 0 {
            BTreeSet::new()
        } else {
            BTreeSet::from([format!("x{}", number / 2000)])
        },
        origin: Origin::Own,
        onward: Onward::Free,
        revoked: false,
        granular: false,
    };
    (0..count).map(facts).collect()
}

/// One object, one receiver, one agreement that permits it.
#[divan::bench]
fn one_permission(bencher: Bencher<'_, '_>) {
    let (policy, facts) = (compiled(1, &[US, party(12)]), &classes(1)[0]);
    let facts = Facts { handling: Handling::clear(), ..facts.clone() };
    let request = Request::delivery(&facts, US, party(12), at());
    assert!(decide(&policy, &request).permitted);
    bencher.counter(ItemsCount::new(1_u32)).bench(|| decide(black_box(&policy), black_box(&request)));
}

/// One object, one receiver, one agreement that does not permit it: why, and what it would take.
#[divan::bench]
fn one_refusal(bencher: Bencher<'_, '_>) {
    let (policy, facts) = (compiled(1, &[US, party(12)]), &classes(4)[3]);
    let request = Request::delivery(facts, US, party(12), at());
    assert!(!decide(&policy, &request).permitted);
    bencher.counter(ItemsCount::new(1_u32)).bench(|| decide(black_box(&policy), black_box(&request)));
}

/// One item is one object for one ally, decided on a node with twenty agreements: under each that is with this ally,
/// which are five or six, with every reason.
#[divan::bench]
fn an_object_for_an_ally_cold(bencher: Bencher<'_, '_>) {
    cold(bencher, &twenty());
}

/// The same where all twenty are with this ally.
#[divan::bench]
fn an_object_for_an_ally_of_twenty_agreements_cold(bencher: Bencher<'_, '_>) {
    cold(bencher, &twenty_alike());
}

fn cold(bencher: Bencher<'_, '_>, policies: &[Policy]) {
    let facts = classes(40);
    bencher.counter(ItemsCount::new(facts.len())).bench(|| {
        let mut permitted = 0;
        for (number, facts) in facts.iter().enumerate() {
            let request = Request::delivery(facts, US, ally(policies, number), at());
            let mut question = Question::new(&request);
            let concerned = policies.iter().filter(|policy| policy.is_between(request.from, request.to));
            permitted += concerned.filter(|policy| question.ask(policy).permitted).count();
        }
        permitted
    });
}

fn ally(policies: &[Policy], number: usize) -> PartyId {
    let ally = party(10 + (number % 15) as u8);
    if policies.iter().any(|policy| policy.is_between(US, ally)) { ally } else { party(12) }
}

/// As above, remembered, and asked under each of the twenty.
#[divan::bench]
fn an_object_for_an_ally_remembered(bencher: Bencher<'_, '_>) {
    remembered(bencher, &twenty());
}

/// As above, remembered.
#[divan::bench]
fn an_object_for_an_ally_of_twenty_agreements_remembered(bencher: Bencher<'_, '_>) {
    remembered(bencher, &twenty_alike());
}

fn remembered(bencher: Bencher<'_, '_>, policies: &[Policy]) {
    let facts = classes(40);
    let mut memo = Memo::new(100_000);
    bencher.counter(ItemsCount::new(facts.len())).bench_local(|| {
        let mut permitted = 0;
        for (number, facts) in facts.iter().enumerate() {
            let request = Request::delivery(facts, US, ally(policies, number), at());
            let decisions = memo.decide_all(policies, &request);
            permitted += decisions.iter().filter(|decision| decision.permitted).count();
        }
        permitted
    });
}

/// A circle of twelve gets a new text: a million objects in four thousand classes, eleven receivers.
#[divan::bench(sample_count = 5)]
fn consent_diff_over_a_million_objects(bencher: Bencher<'_, '_>) {
    let members: Vec<PartyId> = std::iter::once(US).chain((10..21).map(party)).collect();
    let old = compiled(1, &members);
    let mut wider = terms(&members);
    for clause in &mut wider.clauses {
        clause.ceiling = Handling::tlp_only(Label::Tlp(Tlp::Red));
    }
    let new = Policy::compile(&wider, old.agreement()).unwrap();
    let classes: Vec<(String, Label)> =
        classes(4000).iter().map(|facts| (facts.to_text(), facts.handling.tlp())).collect();
    let standpoint = Standpoint { from: US, at: at(), caveats: Caveats::none(), exercise: None };
    bencher.counter(ItemsCount::new(1_000_000_u32)).bench(|| {
        let classes = classes.iter().map(|(class, label)| (class.as_str(), *label, 250));
        diff(Some(&old), Some(&new), &standpoint, classes)
    });
}

#[divan::bench(sample_count = 10)]
fn proof_of_a_ceiling(bencher: Bencher<'_, '_>) {
    let members: Vec<PartyId> = std::iter::once(US).chain((10..21).map(party)).collect();
    let policy = compiled(1, &members);
    let ceiling = Ceiling::of(Handling::tlp_only(Label::Tlp(Tlp::Red)));
    bencher.bench(|| prove(&policy, &ceiling));
}

#[divan::bench]
fn compiling(bencher: Bencher<'_, '_>) {
    let terms = terms(&[US, party(12)]);
    bencher.bench(|| Policy::compile(&terms, AgreementId(Digest::ZERO)));
}

#[divan::bench(args = [
    people::Action::ObjectRead, people::Action::TokenRevoke, people::Action::AgreementSign, people::Action::ObjectErase
])]
fn one_person(bencher: Bencher<'_, '_>, action: people::Action) {
    let person = Person {
        account: None,
        tenant: Tenant(1),
        role: policy::people::Role::Analyst,
        local: false,
        confined: None,
    };
    bencher.bench(|| may(black_box(&person), action, &Object::of(Tenant(1))));
}
