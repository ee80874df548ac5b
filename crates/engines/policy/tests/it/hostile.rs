//! What an adversary would try: names that are code, sets that are empty, policies that are stale, senders that lie.

use std::collections::{BTreeMap, BTreeSet};

use agreement::{PersonalData, Redaction, Set, Who};
use label::{Classification, Facts, Handling, Iep, Onward, Origin, Pap, Stanag};
use model::{AgreementId, Digest, Label, Tlp};
use policy::{Action, Caveat, Caveats, CompileError, Memo, Policy, Receivers, Request, Via, decide};

use crate::fixtures::*;

/// Texts that would do something if any of them got out of its literal.
const EVIL: [&str; 12] = [
    "\")\npermit (principal, action, resource);\n//",
    "\"; permit(principal,action,resource) when { true }; @id(\"x",
    "a\u{2028}permit (principal, action, resource);",
    "\\\"",
    "\\",
    "*/ permit (principal, action, resource); /*",
    "} ; forbid (principal, action, resource);",
    "clause/other",
    "\u{202e}drawkcab",
    "\0",
    "",
    "ünïcödé 名前 \u{1f600}",
];

#[test]
fn no_text_of_the_terms_becomes_code() {
    let plain = compile(&terms(vec![clause("in")]));
    for evil in EVIL {
        let mut hostile = clause(evil);
        hostile.types = only(&[evil, "indicator"]);
        hostile.categories = only(&[evil]);
        hostile.purposes = set(&[evil]);
        hostile.redaction = Some(evil.to_owned());
        hostile.ceiling = tlp(Tlp::Green).with_stanag(Stanag::Label(Classification {
            policy: evil.to_owned(),
            hierarchy: 1,
            name: evil.to_owned(),
            restrictive: BTreeMap::from([(evil.to_owned(), set(&[evil]))]),
            permissive: BTreeMap::new(),
            informative: BTreeMap::new(),
        }));
        let mut terms = terms(vec![hostile]);
        terms.name = evil.to_owned();
        terms.exercise = Some(evil.to_owned());
        terms.purposes = set(&[evil]);
        let keep = BTreeMap::from([("indicator".to_owned(), BTreeSet::new())]);
        terms.redactions.insert(evil.to_owned(), Redaction { keep, ..Redaction::default() });
        let party = terms.parties.get_mut(&LV).unwrap();
        (party.name, party.key, party.jurisdiction) = (evil.to_owned(), evil.to_owned(), evil.to_owned());
        let policy = compile(&terms);
        assert!(
            policy.cedar_text().bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)),
            "{evil:?}"
        );
        let count =
            |policy: &Policy| policy.cedar_text().lines().filter(|line| line.starts_with("@id(")).count();
        assert_eq!(count(&policy), count(&plain), "{evil:?}");

        // The words still mean themselves, and nothing else gets in.
        let facts = Facts { categories: set(&[evil]), ..indicator() };
        let request = Request { exercise: Some(evil), purpose: Some(evil), ..to_estonia(&facts) };
        permits(&policy, &request, evil);
        let other = Facts { categories: set(&["else"]), ..indicator() };
        for facts in [&indicator(), &other, &Facts { type_name: "malware".to_owned(), ..facts.clone() }] {
            assert!(!decide(&policy, &Request { facts, ..request }).permitted, "{evil:?}");
        }
    }
}

#[test]
fn no_text_of_an_object_becomes_code() {
    let policy = compile(&terms(vec![agreement::Clause { types: Set::Any, ..clause("in") }]));
    for evil in EVIL {
        let facts = Facts {
            type_name: evil.to_owned(),
            categories: set(&[evil]),
            sectors: set(&[evil]),
            countries: set(&[evil]),
            origin: Origin::Other(evil.to_owned()),
            ..indicator()
        };
        permits(&policy, &to_estonia(&facts), "in");
        let purpose = decide(&policy, &Request { purpose: Some(evil), ..to_estonia(&facts) });
        assert!(!purpose.permitted);
        let exercise = decide(&policy, &Request { exercise: Some(evil), ..to_estonia(&facts) });
        assert!(!exercise.permitted);
    }
}

#[test]
fn two_clauses_of_one_name_are_refused() {
    let refused = Policy::compile(&terms(vec![clause("in"), clause("in")]), ID);
    assert!(matches!(&refused, Err(CompileError::Refused(why)) if why.contains("clause/in")), "{refused:?}");
    // A clause that is called as a rule of the whole agreement is not taken for it.
    let policy = compile(&terms(vec![clause("period"), clause("break_glass"), clause("parties")]));
    permits(&policy, &to_estonia(&indicator()), "break_glass");
    let late = Request { at: at("2028-01-01T00:00:00Z"), ..to_estonia(&indicator()) }.at;
    refuses(&policy, &Request { at: late, ..to_estonia(&indicator()) }, "period", "expired", "later expiry");
}

#[test]
fn clauses_that_contradict_each_other_or_themselves() {
    // One refuses personal data and one lets them go: each is agreed by itself, so they go, under the second's terms.
    let open = agreement::Clause { personal: PersonalData::Pseudonymise, ..clause("b-open") };
    let policy = compile(&terms(vec![clause("a-shut"), open]));
    let personal = Facts { handling: tlp(Tlp::Green).with_personal(true), ..indicator() };
    let decision = decide(&policy, &to_estonia(&personal));
    assert_eq!(
        (decision.clause.as_str(), decision.obligations.personal),
        ("b-open", PersonalData::Pseudonymise)
    );
    // Passing on is permitted and forbidden: forbidden.
    let confused = agreement::Clause {
        actions: BTreeSet::from([Action::Receive]),
        onward: Onward::Free,
        ..clause("in")
    };
    let decision = decide(&compile(&terms(vec![confused])), &to_estonia(&indicator()));
    assert_eq!(decision.obligations.onward, Onward::None);
    // From a party to itself alone.
    let circular = agreement::Clause { from: who(&[LV]), to: who(&[LV]), ..clause("in") };
    let policy = compile(&terms(vec![circular]));
    for (from, to) in [(LV, LV), (LV, EE), (EE, LV)] {
        assert!(!decide(&policy, &Request::delivery(&indicator(), from, to, now())).permitted);
    }
    // Over before it begins.
    let mut never = terms(vec![clause("in")]);
    (never.start, never.expiry) = (never.expiry, never.start);
    for instant in ["2025-01-01T00:00:00Z", "2026-06-01T00:00:00Z", "2028-01-01T00:00:00Z"] {
        assert!(
            !decide(&compile(&never), &Request { at: at(instant), ..to_estonia(&indicator()) }).permitted
        );
    }
}

#[test]
fn a_clause_to_somebody_outside_gives_nobody_anything() {
    let outside = agreement::Clause { to: who(&[STRANGER]), ..clause("in") };
    let policy = compile(&terms(vec![outside]));
    let facts = indicator();
    refuses(
        &policy,
        &Request::delivery(&facts, LV, STRANGER, now()),
        "parties",
        "not in the agreement",
        "as a party",
    );
    refuses(&policy, &to_estonia(&facts), "in", "`ee` to be given", "");
    // Nor does an onward rule that names a stranger make it one.
    let named =
        Facts { origin: Origin::Party(US), onward: Onward::Named(BTreeSet::from([STRANGER])), ..indicator() };
    assert!(!decide(&policy, &Request::delivery(&named, LV, STRANGER, now())).permitted);
}

#[test]
fn whoever_sends_is_held_to_its_own_clauses() {
    // Estonia passes off Latvia's clause as its own.
    let policy = compile(&terms(vec![agreement::Clause { from: who(&[LV]), ..clause("in") }]));
    let facts = indicator();
    refuses(
        &policy,
        &Request::delivery(&facts, EE, US, now()),
        "in",
        "`ee` to give",
        "`ee` among those who give",
    );
    // A stranger with a permitted party's object.
    let theirs = Facts { origin: Origin::Party(LV), ..indicator() };
    refuses(&policy, &Request::delivery(&theirs, STRANGER, US, now()), "parties", "not in the agreement", "");
}

fn caveat(id: &str) -> Caveat {
    Caveat {
        id: id.to_owned(),
        reason: "Act".to_owned(),
        to: Receivers::Any,
        types: Set::Any,
        categories: Set::Any,
        sectors: Set::Any,
        countries: Set::Any,
        tlp: Label::CLEAR,
        personal: false,
    }
}

#[test]
fn texts_of_caveats_are_no_code_either() {
    let policy = compile(&terms(vec![clause("in")]));
    for evil in EVIL {
        let rule = Caveat {
            reason: evil.to_owned(),
            types: only(&[evil]),
            categories: only(&[evil]),
            ..caveat(evil)
        };
        let caveats = Caveats::compile(vec![rule]).unwrap();
        let facts = indicator();
        permits(&policy, &Request { caveats: &caveats, ..to_estonia(&facts) }, "in");
    }
    assert!(Caveats::compile(vec![caveat("a"), caveat("a")]).is_err());
}

#[test]
fn the_text_and_its_hash_follow_from_the_terms_alone() {
    let terms = terms(vec![clause("in"), clause("other")]);
    let one = Policy::compile(&terms, AgreementId(Digest([1; 32]))).unwrap();
    let two = Policy::compile(&terms, AgreementId(Digest([2; 32]))).unwrap();
    assert_eq!((one.cedar_text(), one.hash()), (two.cedar_text(), two.hash()));
    assert_eq!(Policy::hash_of(&terms), Ok(one.hash()));
    assert!(one.cedar_text().contains(&terms.hash().to_string()));
    // Whatever changes the terms changes the hash, whether policies say it or not.
    let mut other = terms.clone();
    other.retention.keep_days += 1;
    assert_ne!(Policy::hash_of(&other), Ok(one.hash()));
}

#[test]
fn a_memory_never_serves_another_question() {
    let strict = compile(&terms(vec![clause("in")]));
    let lax = compile(&terms(vec![agreement::Clause { ceiling: tlp(Tlp::Red), ..clause("in") }]));
    let elsewhere = Policy::compile(&terms(vec![clause("in")]), AgreementId(Digest([6; 32]))).unwrap();
    let none = Caveats::none();
    let shut = Caveats::compile(vec![caveat("all")]).unwrap();
    let red = Facts { handling: tlp(Tlp::Red), ..indicator() };
    let green = indicator();
    let via = [Via { agreement: ID, onward: Onward::None }];
    let mut memo = Memo::new(1000);
    let mut requests = vec![to_estonia(&green), to_estonia(&red)];
    let base = requests.clone();
    requests.extend(base.iter().map(|request| Request { caveats: &shut, ..*request }));
    requests.extend(base.iter().map(|request| Request { from: EE, to: LV, ..*request }));
    requests.extend(base.iter().map(|request| Request { to: US, ..*request }));
    requests.extend(base.iter().map(|request| Request { to: STRANGER, ..*request }));
    requests.extend(base.iter().map(|request| Request { via: &via, ..*request }));
    requests.extend(base.iter().map(|request| Request { purpose: Some("crime"), ..*request }));
    requests.extend(base.iter().map(|request| Request { purpose: Some("cyber-defence"), ..*request }));
    requests.extend(base.iter().map(|request| Request { exercise: Some("play"), ..*request }));
    requests.extend(base.iter().map(|request| Request { action: Action::Block, ..*request }));
    requests.extend(base.iter().map(|request| Request { at: at("2026-11-01T00:00:00Z"), ..*request }));
    let withdrawal = policy::Circumstances { withdrawal: true, ..Default::default() };
    requests.extend(base.iter().map(|request| Request { circumstances: withdrawal, ..*request }));
    // Twice over, in both orders, so that each is asked with every other in memory.
    for round in 0..4 {
        for index in 0..requests.len() {
            let index = if round % 2 == 0 { index } else { requests.len() - 1 - index };
            let request = &requests[index];
            for policy in [&strict, &lax, &elsewhere] {
                let remembered = memo.decide(policy, request);
                assert_eq!(*remembered, decide(policy, request), "{request:?}");
            }
            let all = memo.decide_all([&strict, &lax, &elsewhere], request);
            assert!(
                all.iter()
                    .zip([&strict, &lax, &elsewhere])
                    .all(|(one, policy)| **one == decide(policy, request))
            );
        }
    }
    let (hits, misses) = memo.counts();
    assert!(hits > misses * 4, "{hits} {misses}");
    assert!(none.is_empty());
}

#[test]
fn a_memory_does_not_outlive_a_date() {
    let policy = compile(&terms(vec![clause("in")]));
    let dated = tlp(Tlp::Green).with_iep(Iep {
        start: Some(at("2026-03-01T00:00:00Z")),
        end: Some(at("2026-05-01T00:00:00Z")),
        ..Iep::OPEN
    });
    let facts = [indicator(), Facts { handling: dated, ..indicator() }];
    let mut memo = Memo::new(1000);
    let instants = [
        "2025-12-31T23:59:59.999999Z",
        "2026-01-01T00:00:00Z",
        "2026-02-28T23:59:59.999999Z",
        "2026-03-01T00:00:00Z",
        "2026-04-30T23:59:59.999999Z",
        "2026-05-01T00:00:00Z",
        "2026-09-30T23:59:59.999999Z",
        "2026-10-01T00:00:00Z",
        "2026-12-31T23:59:59.999999Z",
        "2027-01-01T00:00:00Z",
    ];
    for instant in instants.iter().chain(instants.iter().rev()).chain(&instants) {
        for facts in &facts {
            let request = Request { at: at(instant), ..to_estonia(facts) };
            assert_eq!(*memo.decide(&policy, &request), decide(&policy, &request), "{instant}");
        }
    }
    // Within a steady time it is remembered.
    let (hits, _) = memo.counts();
    assert!(hits >= 10, "{hits}");
}

#[test]
fn a_memory_is_bounded_and_keeps_what_is_used() {
    let policy = compile(&terms(vec![clause("in")]));
    let mut memo = Memo::new(64);
    let often = indicator();
    for number in 0..1000 {
        let facts = Facts { categories: set(&[&format!("w{number}")]), ..indicator() };
        assert!(memo.decide(&policy, &to_estonia(&facts)).permitted);
        assert!(memo.decide(&policy, &to_estonia(&often)).permitted);
        assert!(memo.len() <= 64, "{}", memo.len());
    }
    let (hits, misses) = memo.counts();
    assert_eq!((hits, misses), (999, 1001));
    assert!(!memo.is_empty());
}

#[test]
fn extremes_are_decided_like_anything_else() {
    let policy = compile(&terms(vec![agreement::Clause { types: Set::Any, to: Who::Any, ..clause("in") }]));
    let long = "x".repeat(1 << 16);
    let facts = Facts {
        type_name: long.clone(),
        categories: (0..1000).map(|n| n.to_string()).collect(),
        ..indicator()
    };
    permits(&policy, &to_estonia(&facts), "in");
    let level = |hierarchy| {
        Stanag::Label(Classification {
            policy: long.clone(),
            hierarchy,
            name: String::new(),
            restrictive: BTreeMap::new(),
            permissive: BTreeMap::new(),
            informative: BTreeMap::new(),
        })
    };
    let ceiling = Handling::tlp_only(Label::Tlp(Tlp::Red)).with_pap(Pap::Red).with_stanag(level(u32::MAX));
    let policy = compile(&terms(vec![agreement::Clause { ceiling, ..clause("in") }]));
    for hierarchy in [0, u32::MAX] {
        let facts = Facts { handling: tlp(Tlp::Red).with_stanag(level(hierarchy)), ..indicator() };
        permits(&policy, &to_estonia(&facts), "in");
    }
}
