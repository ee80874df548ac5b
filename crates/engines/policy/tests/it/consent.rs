//! Explaining, comparing and proving.

use std::collections::BTreeSet;

use agreement::{Clause, PersonalData, Set, Terms};
use label::{Facts, Handling, Iep, Nation, Onward, Origin, Pap, PermittedActions, Releasability};
use model::{AgreementId, Digest, Label, Tlp};
use policy::diff::{DiffReport, Standpoint, by_type_and_label, diff};
use policy::prove::{Ceiling, Proof, prove};
use policy::{Caveats, Policy, Request, decide, explain};

use crate::cases::{Random, random_case, random_caveats, random_terms};
use crate::fixtures::*;

#[test]
fn an_explanation_names_clauses_and_the_least_that_would_do() {
    let near = compile(&terms(vec![
        Clause { types: only(&["malware"]), ceiling: tlp(Tlp::Clear), ..clause("malware") },
        Clause { ceiling: tlp(Tlp::Green), ..clause("green") },
    ]));
    let mut far = terms(vec![clause("far")]);
    far.parties.remove(&EE);
    let far = Policy::compile(&far, AgreementId(Digest([5; 32]))).unwrap();
    let amber = Facts { handling: tlp(Tlp::Amber), ..indicator() };
    let explanation = explain([&far, &near], &to_estonia(&amber));
    assert_eq!(explanation.permitting().count(), 0);
    let (verdict, consent) = explanation.smallest_consent().unwrap();
    assert_eq!(verdict.agreement, ID);
    assert_eq!(consent, "in clause `green`: the ceiling TLP amber instead of green");
    // Every clause is told, not the closest alone.
    let told: Vec<(&str, Vec<&str>)> = verdict
        .clauses
        .iter()
        .map(|(clause, missing)| (clause.as_str(), missing.iter().map(|reason| reason.about).collect()))
        .collect();
    assert_eq!(told, [("green", vec!["tlp"]), ("malware", vec!["types", "tlp"])]);
    let text = explanation.to_string();
    assert!(text.contains("no   Test circle") && text.contains("would take: in clause `green`"), "{text}");
    assert!(text.contains("`ee` ") || text.contains("the party 0202"), "{text}");

    let green = indicator();
    let explanation = explain([&far, &near], &to_estonia(&green));
    assert_eq!(
        explanation.permitting().map(|verdict| verdict.decision.clause.as_str()).collect::<Vec<_>>(),
        ["green"]
    );
    assert_eq!(explanation.smallest_consent(), None);
    assert!(explanation.to_string().contains("yes  Test circle: clause `green`"));
    assert!(explain([], &to_estonia(&green)).to_string().contains("no agreement is in force"));
}

/// What a consent says would do, does.
#[test]
fn the_smallest_consent_is_enough() {
    let policy = compile(&terms(vec![clause("in")]));
    let facts = Facts {
        handling: tlp(Tlp::Amber).with_pap(Pap::Amber).with_personal(true),
        type_name: "malware".to_owned(),
        ..indicator()
    };
    let decision = decide(&policy, &to_estonia(&facts));
    assert_eq!(
        decision.smallest_consent.as_deref(),
        Some(
            "in clause `in`: the type `malware`; in clause `in`: the ceiling TLP amber instead of green; in clause \
             `in`: the ceiling PAP amber instead of clear; in clause `in`: personal data as `redact`"
        )
    );
    let agreed = compile(&terms(vec![Clause {
        types: only(&["indicator", "malware"]),
        ceiling: tlp(Tlp::Amber).with_pap(Pap::Amber),
        personal: PersonalData::Redact,
        ..clause("in")
    }]));
    permits(&agreed, &to_estonia(&facts), "in");
}

fn standpoint() -> Standpoint<'static> {
    Standpoint { from: LV, at: now(), caveats: Caveats::none(), exercise: None }
}

fn compare(old: Option<&Policy>, new: Option<&Policy>, classes: &[(Facts, u64)]) -> DiffReport {
    let classes: Vec<(String, Label, u64)> =
        classes.iter().map(|(facts, objects)| (facts.to_text(), facts.handling.tlp(), *objects)).collect();
    let classes = classes.iter().map(|(class, label, objects)| (class.as_str(), *label, *objects));
    diff(old, new, &standpoint(), classes)
}

#[test]
fn a_diff_says_what_is_newly_exposed_and_withdrawn_and_to_whom() {
    let old = compile(&terms(vec![Clause { to: who(&[EE, US]), ..clause("in") }]));
    let new = compile(&terms(vec![
        Clause { to: who(&[EE]), ceiling: tlp(Tlp::Amber), ..clause("in") },
        Clause { types: only(&["malware"]), delay_seconds: 60, ..clause("slow") },
    ]));
    let green = indicator();
    let amber = Facts { handling: tlp(Tlp::Amber), ..indicator() };
    let malware = Facts { type_name: "malware".to_owned(), ..indicator() };
    let secret = Facts { handling: Handling::own_only(), ..indicator() };
    let classes = [(green.clone(), 10), (amber.clone(), 41), (malware, 5), (secret, 1000)];
    let report = compare(Some(&old), Some(&new), &classes);
    assert_eq!(report.objects, 1056);
    assert_eq!(report.parties.keys().copied().collect::<Vec<_>>(), [EE, US], "not ourselves");
    let estonia = &report.parties[&EE];
    let counts: Vec<((&str, Label), u64)> = by_type_and_label(&estonia.exposed).into_iter().collect();
    let label = |tlp| Label::Tlp(tlp);
    assert_eq!(counts, [(("indicator", label(Tlp::Amber)), 41), (("malware", label(Tlp::Green)), 5)]);
    assert_eq!((estonia.unchanged, estonia.withheld, estonia.withdrawn.len()), (10, 1000, 0));
    assert_eq!(estonia.exposed[0].class, amber.to_text(), "the class is there to list its members by");
    assert_eq!(estonia.exposed[0].after.as_ref().unwrap().0, "in");
    let states = &report.parties[&US];
    assert_eq!(by_type_and_label(&states.withdrawn).into_values().sum::<u64>(), 10);
    assert_eq!(by_type_and_label(&states.exposed).into_values().sum::<u64>(), 5);

    // Only the way it goes changes.
    let lean = compile(&terms(vec![Clause { to: who(&[EE, US]), delay_seconds: 5, ..clause("in") }]));
    let report = compare(Some(&old), Some(&lean), &classes);
    let estonia = &report.parties[&EE];
    assert_eq!((estonia.altered.len(), estonia.exposed.len(), estonia.withdrawn.len()), (1, 0, 0));
    assert!(compare(Some(&old), Some(&old), &classes).is_empty());
    // A new agreement exposes, and its end withdraws, the same.
    let begun = compare(None, Some(&old), &classes);
    let ended = compare(Some(&old), None, &classes);
    assert_eq!(begun.parties[&EE].exposed.len(), 1);
    assert_eq!(ended.parties[&EE].withdrawn.len(), 1);
    assert!(compare(None, None, &classes).parties.is_empty());
}

/// Whatever is shared between receivers and classes: for each of them it is what two decisions say.
#[test]
fn a_diff_is_what_decisions_say() {
    let (mut exposed, mut withdrawn, mut altered) = (0, 0, 0);
    for seed in 0..40 {
        let mut r = Random(9000 + seed);
        let versions = [random_terms(&mut r), random_terms(&mut r)];
        let [old, new] = [0, 1].map(|index| compile(&versions[index]));
        let caveats = Caveats::compile(random_caveats(&mut r)).unwrap();
        let exercise = versions[0].exercise.as_deref();
        let standpoint = Standpoint { from: LV, at: now(), caveats: &caveats, exercise };
        let facts: Vec<Facts> =
            (0..25).map(|_| random_case(&mut r, &versions[(seed % 2) as usize]).facts).collect();
        let texts: Vec<String> = facts.iter().map(Facts::to_text).collect();
        let classes = texts.iter().zip(&facts).map(|(text, facts)| (text.as_str(), facts.handling.tlp(), 1));
        let report = diff(Some(&old), Some(&new), &standpoint, classes);
        for to in [EE, US] {
            let party = &report.parties[&to];
            let found = |changes: &[policy::diff::Change], class: &String| {
                changes.iter().filter(|change| change.class == *class).count()
            };
            let (mut unchanged, mut withheld) = (0, 0);
            for (text, facts) in texts.iter().zip(&facts) {
                let times = texts.iter().filter(|other| *other == text).count();
                let request = Request { caveats: &caveats, exercise, to, ..to_estonia(facts) };
                let (before, after) = (decide(&old, &request), decide(&new, &request));
                let same = before.obligations == after.obligations;
                let wanted = match (before.permitted, after.permitted) {
                    (false, true) => [times, 0, 0],
                    (true, false) => [0, times, 0],
                    (true, true) if !same => [0, 0, times],
                    (true, true) => {
                        unchanged += 1;
                        [0; 3]
                    }
                    (false, false) => {
                        withheld += 1;
                        [0; 3]
                    }
                };
                let lists = [&party.exposed, &party.withdrawn, &party.altered].map(|list| found(list, text));
                assert_eq!(lists, wanted, "seed {seed}: {text}");
            }
            assert_eq!((party.unchanged, party.withheld), (unchanged, withheld));
            exposed += party.exposed.len();
            withdrawn += party.withdrawn.len();
            altered += party.altered.len();
        }
    }
    assert!(exposed > 20 && withdrawn > 20 && altered > 5, "{exposed} {withdrawn} {altered}");
}

#[test]
fn a_diff_looks_at_what_is_held_and_when_it_will_count() {
    let mut later = terms(vec![clause("in")]);
    later.start = at("2026-07-01T00:00:00Z");
    let later = compile(&later);
    let green = indicator();
    assert_eq!(compare(None, Some(&later), &[(green.clone(), 3)]).parties[&EE].exposed.len(), 1);
    // A label narrowed here since counts; one that is wider than the class does not.
    let narrowed = [(green.to_text(), Label::Tlp(Tlp::Red), 3), (green.to_text(), Label::CLEAR, 4)];
    let classes = narrowed.iter().map(|(class, label, objects)| (class.as_str(), *label, *objects));
    let report = diff(None, Some(&later), &standpoint(), classes);
    let estonia = &report.parties[&EE];
    assert_eq!((estonia.withheld, estonia.exposed[0].objects), (3, 4));
    assert_eq!(estonia.exposed[0].label, Label::Tlp(Tlp::Green));
    // A class that cannot be read exposes nothing.
    let report = diff(None, Some(&later), &standpoint(), [("f9;nonsense", Label::CLEAR, 7)]);
    assert_eq!((report.unreadable, report.parties[&EE].is_empty()), (7, true));
}

#[test]
fn a_proof_or_a_counterexample() {
    let policy = compile(&terms(vec![
        clause("green"),
        Clause { ceiling: tlp(Tlp::Amber), to: who(&[EE]), types: only(&["malware"]), ..clause("amber") },
    ]));
    let holds = |ceiling: &Ceiling| match prove(&policy, ceiling) {
        Proof::Holds { classes_checked, argument } => {
            assert!(argument.contains(&classes_checked.to_string()), "{argument}");
            Some(classes_checked)
        }
        Proof::Counterexample(example) => {
            let Proof::Counterexample(again) = prove(&policy, ceiling) else { panic!("not the same twice") };
            assert_eq!(again, example);
            let request = Request::delivery(&example.facts, example.from, example.to, example.at);
            permits(&policy, &request, &example.clause);
            assert_eq!(ceiling.exceeded_by(&example.facts), example.exceeds);
            assert!(example.to_string().contains(&example.clause));
            None
        }
    };
    assert!(holds(&Ceiling::of(tlp(Tlp::Amber))).unwrap() > 300);
    assert_eq!(holds(&Ceiling::of(tlp(Tlp::Green))), None);
    // Nothing above GREEN goes to the United States.
    assert!(holds(&Ceiling { to: Some(US), ..Ceiling::of(tlp(Tlp::Green)) }).is_some());
    assert_eq!(holds(&Ceiling { to: Some(EE), ..Ceiling::of(tlp(Tlp::Green)) }), None);
    // Nor does anything at all go to or from a stranger.
    assert_eq!(holds(&Ceiling { to: Some(STRANGER), ..Ceiling::of(tlp(Tlp::Clear)) }), Some(0));
    assert!(holds(&Ceiling { personal: true, ..Ceiling::of(tlp(Tlp::Amber)) }).is_some());
    let Proof::Counterexample(example) = prove(&policy, &Ceiling::of(tlp(Tlp::Clear))) else { panic!() };
    assert_eq!((example.clause.as_str(), example.exceeds.as_slice()), ("amber", &["tlp"][..]));
}

#[test]
fn proofs_look_at_every_dimension_of_handling() {
    let check = |change: fn(&mut Clause), exceeds: &str| {
        let mut clause = clause("in");
        change(&mut clause);
        match prove(
            &compile(&terms(vec![clause])),
            &Ceiling { personal: true, ..Ceiling::of(tlp(Tlp::Green)) },
        ) {
            Proof::Holds { .. } => assert_eq!("", exceeds),
            Proof::Counterexample(example) => assert_eq!(example.exceeds.join(","), exceeds),
        }
    };
    check(|_| {}, "");
    check(|clause| clause.ceiling = tlp(Tlp::Green).with_pap(Pap::Green), "pap");
    check(|clause| clause.personal = PersonalData::Redact, "personal");
    check(
        |clause| {
            let iep = Iep { permitted_actions: PermittedActions::ExternallyVisibleIndirect, ..Iep::OPEN };
            clause.ceiling = tlp(Tlp::Green).with_iep(iep);
        },
        "iep",
    );
    check(
        |clause| clause.ceiling = tlp(Tlp::Green).with_iep(Iep { encrypt_in_transit: true, ..Iep::OPEN }),
        "iep",
    );
    check(
        |clause| {
            let label = "green,stanag:1.2/0/LOW///";
            clause.ceiling = Handling::parse(label).unwrap();
        },
        "stanag",
    );
    // A clause that can permit nothing exposes nothing, whatever its ceiling.
    check(
        |clause| {
            clause.ceiling = tlp(Tlp::Red);
            clause.types = only(&[]);
        },
        "",
    );
}

#[test]
fn proofs_of_classifications() {
    let text = |level: u32, name: &str, tags: &str| format!("green,stanag:1.2/{level}/{name}/{tags}//");
    let check = |clause_at: &str, claimed: &str, holds: bool| {
        let clause = Clause { ceiling: Handling::parse(clause_at).unwrap(), ..clause("in") };
        let policy = compile(&terms(vec![clause]));
        let proof = prove(&policy, &Ceiling::of(Handling::parse(claimed).unwrap()));
        assert_eq!(matches!(proof, Proof::Holds { .. }), holds, "{clause_at} under {claimed}: {proof:?}");
    };
    check(&text(3, "SECRET", ""), &text(3, "SECRET", ""), true);
    check(&text(3, "SECRET", ""), &text(4, "TOP", ""), true);
    check(&text(3, "SECRET", ""), &text(2, "LOW", ""), false);
    check(&text(3, "SECRET", ""), &text(3, "GEHEIM", ""), false);
    check(&text(3, "SECRET", "COI~MED"), &text(3, "SECRET", "COI~LEG*MED"), true);
    check(&text(3, "SECRET", "COI~LEG*MED"), &text(3, "SECRET", "COI~MED"), false);
    check(&text(3, "SECRET", "SAP~"), &text(3, "SECRET", ""), false);
    check(&text(3, "SECRET", ""), "green,stanag:1.3/9/TOP///", false);
    // One step below, every name goes: also those that come after the claimed one.
    check(&text(4, "TOP", ""), &text(3, "A", ""), false);
}

#[test]
fn the_emergency_clause_is_a_claim_of_its_own() {
    let mut terms = terms(vec![clause("in")]);
    terms.break_glass = Some(agreement::BreakGlass {
        from: agreement::Who::Any,
        to: who(&[EE]),
        types: Set::Any,
        posts: BTreeSet::new(),
        officers: 1,
        ceiling: tlp(Tlp::Red),
        hours: 1,
        report_within_hours: 1,
    });
    let policy = compile(&terms);
    let green = Ceiling::of(tlp(Tlp::Green));
    assert!(matches!(prove(&policy, &green), Proof::Holds { .. }));
    let always = Ceiling { break_glass: true, ..green };
    let Proof::Counterexample(example) = prove(&policy, &always) else {
        panic!("red may go in an emergency")
    };
    assert_eq!((example.clause.as_str(), example.to), (policy::BREAK_GLASS, EE));
    assert!(matches!(prove(&policy, &Ceiling { to: Some(US), ..always }), Proof::Holds { .. }));
}

/// An exercise's agreement is proved within its exercise.
#[test]
fn exercises_are_proved_too() {
    let mut terms = terms(vec![clause("in")]);
    terms.exercise = Some("play".to_owned());
    assert!(matches!(prove(&compile(&terms), &Ceiling::of(tlp(Tlp::Clear))), Proof::Counterexample(_)));
}

/// Everything that a small agreement can be asked about, with nothing left out: every combination of representatives.
#[test]
fn a_proof_agrees_with_brute_force_on_small_agreements() {
    let (mut held, mut refuted) = (0, 0);
    for seed in 0..60 {
        let mut r = Random(1000 + seed);
        let mut terms = random_terms(&mut r);
        terms.clauses.truncate(2);
        terms.break_glass = None;
        let policy = compile(&terms);
        let everything = everything(&policy, &terms);
        for level in [Tlp::Clear, Tlp::Green, Tlp::Amber, Tlp::Red] {
            for pap in [Pap::Clear, Pap::Amber] {
                let ceiling = Ceiling { personal: seed % 2 == 0, ..Ceiling::of(tlp(level).with_pap(pap)) };
                let leak = everything.iter().find(|(facts, _)| !ceiling.exceeded_by(facts).is_empty());
                match prove(&policy, &ceiling) {
                    Proof::Holds { .. } => {
                        held += 1;
                        assert!(
                            leak.is_none(),
                            "seed {seed}: {leak:?} above {ceiling:?}\n{}",
                            policy.cedar_text()
                        );
                    }
                    Proof::Counterexample(_) => refuted += 1,
                }
            }
        }
    }
    assert!(held > 50 && refuted > 50, "{held} {refuted}");
}

/// What may flow, out of every combination of a type, words, parties, instants and handlings.
fn everything(policy: &Policy, terms: &Terms) -> Vec<(Facts, String)> {
    let mut out = Vec::new();
    let handlings: Vec<Handling> = handlings();
    let types: Vec<&str> = crate::cases::TYPES.into_iter().chain(["x-fresh"]).collect();
    let words = |set: &Set| -> Vec<BTreeSet<String>> {
        match set {
            Set::Any => vec![BTreeSet::new()],
            Set::Only(words) => words.iter().map(|word| BTreeSet::from([word.clone()])).collect(),
        }
    };
    let instants: BTreeSet<_> = terms
        .legal_basis
        .iter()
        .flat_map(|basis| [basis.valid_from, basis.valid_until])
        .chain([terms.start])
        .filter(|at| *at >= terms.start && *at < terms.expiry)
        .collect();
    let mut about = BTreeSet::new();
    for clause in &terms.clauses {
        for categories in words(&clause.categories) {
            for sectors in words(&clause.sectors) {
                for countries in words(&clause.countries) {
                    about.insert((categories.clone(), sectors.clone(), countries));
                }
            }
        }
    }
    for (from, to) in [(LV, EE), (LV, US), (EE, LV), (EE, US), (US, LV), (US, EE)] {
        for at in &instants {
            for type_name in &types {
                for (categories, sectors, countries) in &about {
                    let open = Facts {
                        type_name: (*type_name).to_owned(),
                        handling: Handling::clear(),
                        categories: categories.clone(),
                        sectors: sectors.clone(),
                        countries: countries.clone(),
                        ..indicator()
                    };
                    let request = Request {
                        exercise: terms.exercise.as_deref(),
                        ..Request::delivery(&open, from, to, *at)
                    };
                    // Nothing is less sensitive than this one: where it may not go, nothing may.
                    if !decide(policy, &request).permitted {
                        continue;
                    }
                    for handling in &handlings {
                        let facts = Facts { handling: handling.clone(), ..open.clone() };
                        let decision = decide(policy, &Request { facts: &facts, ..request });
                        if decision.permitted {
                            out.push((facts, decision.clause));
                        }
                    }
                }
            }
        }
    }
    out
}

fn handlings() -> Vec<Handling> {
    let mut out = Vec::new();
    for level in Tlp::ALL.map(Label::Tlp).into_iter().chain([Label::OwnOnly]) {
        for pap in Pap::ALL {
            for personal in [false, true] {
                out.push(Handling::tlp_only(level).with_pap(pap).with_personal(personal));
            }
        }
    }
    out
}

/// Two requests of one class fare alike, and no sampled object above a proved ceiling flows.
#[test]
fn classes_fare_alike_and_samples_do_not_refute_a_proof() {
    let (mut sampled, mut permitted) = (0, 0);
    for seed in 0..60 {
        let mut r = Random(5000 + seed);
        let terms = random_terms(&mut r);
        let policy = compile(&terms);
        let ceilings: Vec<Ceiling> = Tlp::ALL
            .iter()
            .map(|level| Ceiling { break_glass: true, ..Ceiling::of(tlp(*level)) })
            .filter(|ceiling| matches!(prove(&policy, ceiling), Proof::Holds { .. }))
            .collect();
        for _ in 0..150 {
            let mut case = random_case(&mut r, &terms);
            case.action = policy::Action::Receive;
            case.circumstances.withdrawal = false;
            sampled += 1;
            let decision = decide(&policy, &case.request(Caveats::none()));
            permitted += usize::from(decision.permitted);
            if decision.permitted {
                for ceiling in &ceilings {
                    let exceeds = ceiling.exceeded_by(&case.facts);
                    assert!(
                        exceeds.is_empty(),
                        "seed {seed}: {exceeds:?} {ceiling:?}\n{case:#?}\n{}",
                        policy.cedar_text()
                    );
                }
            }
            // Words that no clause names are one to the policy, as are instants between two of its dates, and
            // everything that the least can be held against lets through whatever else gets through.
            let mut alike = case.clone();
            alike.at = policy.steady(&case.facts, case.at).0.max(model::Timestamp::MIN);
            let renamed = |word: &String| {
                if word == "ünï" && !mentioned(&terms, word) { "other".to_owned() } else { word.clone() }
            };
            alike.facts.categories = case.facts.categories.iter().map(renamed).collect();
            alike.facts.sectors = case.facts.sectors.iter().map(renamed).collect();
            let other = decide(&policy, &alike.request(Caveats::none()));
            assert_eq!(
                (other.permitted, &other.obligations),
                (decision.permitted, &decision.obligations),
                "{case:#?}"
            );
            if decision.permitted {
                let mut open = case.clone();
                (open.facts.origin, open.facts.onward) = (Origin::Own, Onward::Free);
                open.via.clear();
                let handling = open.facts.handling.clone();
                open.facts.handling = handling
                    .with_releasability(Releasability::OPEN)
                    .with_acs(label::Acs::OPEN)
                    .with_purposes(None);
                open.purpose = None;
                let widened = decide(&policy, &open.request(Caveats::none()));
                assert!(widened.permitted, "seed {seed}: {}\n{case:#?}", told(&widened));
            }
        }
    }
    assert!(sampled == 9000 && permitted > 900, "{sampled} {permitted}");
    assert_eq!(Nation::expand("EST").len(), 1);
}

fn mentioned(terms: &Terms, word: &String) -> bool {
    let only = |set: &Set| matches!(set, Set::Only(words) if words.contains(word));
    terms.clauses.iter().any(|clause| only(&clause.categories) || only(&clause.sectors))
}
