//! One rule at a time: what it lets through, what it stops, what it says, and what it would take.

use std::collections::{BTreeMap, BTreeSet};

use agreement::{BreakGlass, LegalBasis, PersonalData, Reciprocity, Redaction, Set, Who};
use label::{
    Attribution, Barrier, Classification, Facts, Handling, Iep, Nation, Onward, Origin, Pap,
    PermittedActions, Releasability, Stanag,
};
use model::{AgreementId, Digest, Label, Tlp};
use policy::{Action, Circumstances, Obligations, Policy, Request, Via, decide};

use crate::fixtures::*;

fn handled(handling: Handling) -> Facts {
    Facts { handling, ..indicator() }
}

/// One clause of its own shape, `in`.
fn with(change: impl FnOnce(&mut agreement::Clause)) -> Policy {
    let mut clause = clause("in");
    change(&mut clause);
    compile(&terms(vec![clause]))
}

#[test]
fn types() {
    let policy = with(|_| {});
    permits(&policy, &to_estonia(&indicator()), "in");
    let malware = Facts { type_name: "malware".to_owned(), ..indicator() };
    refuses(
        &policy,
        &to_estonia(&malware),
        "in",
        "does not name the type `malware`",
        "in clause `in`: the type `malware`",
    );
    let any = with(|clause| clause.types = Set::Any);
    permits(&any, &to_estonia(&malware), "in");
}

#[test]
fn the_empty_set_means_nobody_and_nothing() {
    let nobody = Who::Parties(BTreeSet::new());
    refuses(
        &with(|c| c.to = nobody.clone()),
        &to_estonia(&indicator()),
        "in",
        "`ee` to be given",
        "`ee` among those",
    );
    refuses(&with(|c| c.from = nobody), &to_estonia(&indicator()), "in", "`lv` to give", "`lv` among those");
    refuses(&with(|c| c.types = only(&[])), &to_estonia(&indicator()), "in", "type", "the type `indicator`");
    let changes: [fn(&mut agreement::Clause); 5] = [
        |clause| clause.categories = only(&[]),
        |clause| clause.sectors = only(&[]),
        |clause| clause.countries = only(&[]),
        |clause| clause.purposes = set(&[]),
        |clause| clause.actions = BTreeSet::new(),
    ];
    for change in changes {
        assert!(!decide(&with(change), &to_estonia(&indicator())).permitted);
    }
    let mut empty = terms(vec![clause("in")]);
    empty.parties = BTreeMap::new();
    refuses(&compile(&empty), &to_estonia(&indicator()), "parties", "not in the agreement", "as a party");
    let nothing = compile(&terms(Vec::new()));
    refuses(
        &nothing,
        &to_estonia(&indicator()),
        "clauses",
        "no clause",
        "a clause that lets `lv` give the type `indicator` to `ee`",
    );
}

#[test]
fn parties() {
    let policy = with(|_| {});
    let facts = indicator();
    for (from, to, rule, text) in [
        (LV, STRANGER, "parties", "the party 090909090909 not in the agreement"),
        (STRANGER, EE, "parties", "the party 090909090909 not in the agreement"),
        (LV, LV, "self", "nothing is delivered to its own giver"),
    ] {
        let request = Request::delivery(&facts, from, to, now());
        let consent = if from == to { "nothing would do" } else { "as a party of the agreement" };
        refuses(&policy, &request, rule, text, consent);
    }
    let both = decide(&policy, &Request::delivery(&facts, STRANGER, STRANGER, now()));
    assert_eq!((both.permitted, both.reasons.len(), both.smallest_consent), (false, 2, None));
    let one_way = with(|clause| (clause.from, clause.to) = (who(&[LV]), who(&[EE])));
    permits(&one_way, &to_estonia(&facts), "in");
    refuses(
        &one_way,
        &Request::delivery(&facts, EE, LV, now()),
        "in",
        "`ee` to give",
        "`ee` among those who give",
    );
    refuses(
        &one_way,
        &Request::delivery(&facts, LV, US, now()),
        "in",
        "`us` to be given",
        "`us` among those who are given",
    );
}

#[test]
fn tlp_ceilings() {
    for ceiling in Tlp::ALL {
        let policy = with(|clause| clause.ceiling = tlp(ceiling));
        for level in Tlp::ALL {
            let facts = handled(tlp(level));
            if level >= ceiling {
                permits(&policy, &to_estonia(&facts), "in");
            } else {
                let consent = format!("in clause `in`: the ceiling TLP {level} instead of {ceiling}");
                refuses(&policy, &to_estonia(&facts), "in", "above the ceiling", &consent);
            }
        }
    }
}

#[test]
fn what_is_for_this_organisation_only_never_leaves() {
    for ceiling in Tlp::ALL.map(Label::Tlp).into_iter().chain([Label::OwnOnly]) {
        let policy = with(|clause| clause.ceiling = Handling::tlp_only(ceiling));
        let facts = handled(Handling::own_only());
        for break_glass in [false, true] {
            let circumstances =
                Circumstances { break_glass, released_by_originator: true, ..Circumstances::default() };
            refuses(
                &policy,
                &Request { circumstances, ..to_estonia(&facts) },
                "label",
                "this organisation only",
                "",
            );
        }
    }
}

#[test]
fn pap_ceilings() {
    let policy = with(|clause| clause.ceiling = tlp(Tlp::Green).with_pap(Pap::Amber));
    permits(&policy, &to_estonia(&handled(tlp(Tlp::Green).with_pap(Pap::Amber))), "in");
    permits(&policy, &to_estonia(&handled(tlp(Tlp::Green))), "in");
    let red = handled(tlp(Tlp::Green).with_pap(Pap::Red));
    refuses(
        &policy,
        &to_estonia(&red),
        "in",
        "PAP red is above the ceiling amber",
        "the ceiling PAP red instead of amber",
    );
    // Without a word on PAP only what PAP does not restrict flows.
    let silent = with(|_| {});
    refuses(
        &silent,
        &to_estonia(&handled(tlp(Tlp::Green).with_pap(Pap::Green))),
        "in",
        "PAP green",
        "PAP green",
    );
}

#[test]
fn iep_ceilings_are_those_of_the_lattice() {
    let base = Iep {
        permitted_actions: PermittedActions::InternallyVisible,
        attribution: Attribution::Must,
        ..Iep::OPEN
    };
    let mut all = Vec::new();
    for permitted_actions in PermittedActions::ALL {
        for attribution in [Attribution::MustNot, Attribution::Must, Attribution::May] {
            for flags in 0..8 {
                let flag = |bit: i32| flags & (1 << bit) != 0;
                all.push(Iep {
                    permitted_actions,
                    attribution,
                    encrypt_in_transit: flag(0),
                    may_notify_affected: flag(1),
                    may_resell: flag(2),
                    ..base
                });
            }
        }
    }
    let (mut yes, mut no) = (0, 0);
    for ceiling in all.iter().step_by(7).chain([&Iep::OPEN]) {
        let policy = with(|clause| clause.ceiling = tlp(Tlp::Green).with_iep(ceiling.clone()));
        for iep in &all {
            let facts = handled(tlp(Tlp::Green).with_iep(iep.clone()));
            let permitted = decide(&policy, &to_estonia(&facts)).permitted;
            assert_eq!(permitted, iep.is_within(ceiling), "{iep:?} under {ceiling:?}");
            if permitted { yes += 1 } else { no += 1 }
        }
    }
    assert!(yes > 100 && no > 100, "{yes} {no}");
}

fn secret(hierarchy: u32, name: &str, tags: &[(&str, &[&str])]) -> Stanag {
    Stanag::Label(Classification {
        policy: "1.3.26.1.3.1".to_owned(),
        hierarchy,
        name: name.to_owned(),
        restrictive: tags.iter().map(|(tag, values)| ((*tag).to_owned(), set(values))).collect(),
        permissive: BTreeMap::new(),
        informative: BTreeMap::new(),
    })
}

#[test]
fn classification_ceilings() {
    let ceiling = secret(3, "SECRET", &[("COI", &["MEDICAL", "LEGAL"])]);
    let policy = with(|clause| clause.ceiling = tlp(Tlp::Green).with_stanag(ceiling.clone()));
    let check = |stanag: Stanag, permitted: bool| {
        let facts = handled(tlp(Tlp::Green).with_stanag(stanag.clone()));
        assert_eq!(decide(&policy, &to_estonia(&facts)).permitted, permitted, "{stanag:?}");
        // Never wider than the lattice says.
        assert!(!permitted || facts.handling.is_within(&tlp(Tlp::Green).with_stanag(ceiling.clone())));
    };
    check(Stanag::Unmarked, true);
    check(secret(3, "SECRET", &[]), true);
    check(secret(2, "CONFIDENTIAL", &[("COI", &["LEGAL"])]), true);
    check(secret(3, "SECRET", &[("COI", &["LEGAL", "MEDICAL"])]), true);
    check(secret(3, "SECRET", &[("COI", &["ATOMAL"])]), false);
    check(secret(3, "SECRET", &[("SAP", &[])]), false);
    check(secret(3, "SECRET", &[("COI=LEGAL", &[])]), false);
    // Another name on the same step is not known to be the same.
    check(secret(3, "GEHEIM", &[]), false);
    check(secret(4, "COSMIC TOP SECRET", &[]), false);
    check(Stanag::Nobody, false);
    let Stanag::Label(own) = secret(1, "RESTRICTED", &[]) else { panic!("a label") };
    check(Stanag::Label(Classification { policy: "1.2.3".to_owned(), ..own }), false);

    let silent = with(|_| {});
    let facts = handled(tlp(Tlp::Green).with_stanag(secret(1, "RESTRICTED", &[])));
    refuses(
        &silent,
        &to_estonia(&facts),
        "in",
        "classification RESTRICTED",
        "takes the classification RESTRICTED",
    );
}

#[test]
fn lists_of_words_need_every_word() {
    let policy = with(|clause| clause.categories = only(&["phishing", "c2"]));
    let check = |words: &[&str], consent: Option<&str>| {
        let facts = Facts { categories: set(words), ..indicator() };
        match consent {
            None => permits(&policy, &to_estonia(&facts), "in"),
            Some(consent) => refuses(&policy, &to_estonia(&facts), "in", "", consent),
        }
    };
    check(&["phishing"], None);
    check(&["c2", "phishing"], None);
    check(&["phishing", "apt"], Some("the categories `apt`"));
    check(&["c2", Facts::MORE], Some("the categories `*`"));
    check(&[], Some("any category"));

    let policy = with(|clause| clause.countries = only(&["EST", "LVA"]));
    let baltic = Facts { countries: set(&["EST", "LVA"]), ..indicator() };
    permits(&policy, &to_estonia(&baltic), "in");
    let more = Facts { countries: set(&["EST", "FIN"]), ..indicator() };
    refuses(&policy, &to_estonia(&more), "in", "countries `FIN`", "the countries `FIN`");
    let policy = with(|clause| clause.sectors = only(&["energy"]));
    let bank = Facts { sectors: set(&["finance"]), ..indicator() };
    refuses(&policy, &to_estonia(&bank), "in", "sectors `finance`", "the sectors `finance`");
}

#[test]
fn personal_data() {
    let facts = handled(tlp(Tlp::Green).with_personal(true));
    let refuse = with(|_| {});
    refuses(&refuse, &to_estonia(&facts), "in", "personal data", "personal data as `redact`");
    for personal in [PersonalData::Redact, PersonalData::Pseudonymise, PersonalData::Allow] {
        let policy = with(|clause| clause.personal = personal);
        assert_eq!(decide(&policy, &to_estonia(&facts)).obligations.personal, personal);
    }
}

#[test]
fn nations_of_the_label() {
    let policy = with(|_| {});
    let nation = |code: &str| code.parse::<Nation>().unwrap();
    let to = |nations: &[&str]| {
        let list = nations.iter().map(|code| nation(code));
        handled(tlp(Tlp::Green).with_releasability(Releasability::rel_to(list)))
    };
    permits(&policy, &to_estonia(&to(&["EST", "LVA"])), "in");
    for nations in [&["USA"][..], &[]] {
        refuses(
            &policy,
            &to_estonia(&to(nations)),
            "label",
            "not releasable to EST",
            "originator's release to EST",
        );
    }
    let noforn = handled(tlp(Tlp::Green).with_releasability(Releasability::noforn(Some(nation("LVA")))));
    refuses(&policy, &to_estonia(&noforn), "label", "not releasable to EST", "");
    // Nobody knows the law it is under, so no list of nations has it.
    let mut odd = terms(vec![clause("in")]);
    odd.parties.get_mut(&EE).unwrap().jurisdiction = "Narnia".to_owned();
    refuses(&compile(&odd), &to_estonia(&to(&["EST"])), "label", "an unknown nation", "");
    permits(&compile(&odd), &to_estonia(&indicator()), "in");
}

#[test]
fn a_clause_puts_its_own_nations_on_what_flows() {
    let fvey = Nation::expand("FVEY");
    let policy = with(|clause| {
        clause.ceiling = tlp(Tlp::Green).with_releasability(Releasability::eyes_only(fvey.iter().copied()));
        clause.actions.insert(Action::PassOn);
        clause.onward = Onward::Free;
    });
    refuses(
        &policy,
        &to_estonia(&indicator()),
        "in",
        "EST, to which the clause is not releasable",
        "EST among the nations",
    );
    let facts = indicator();
    let decision = decide(&policy, &Request::delivery(&facts, LV, US, now()));
    assert_eq!(decision.handling.to_text(), "green,rel:AUS+CAN+GBR+NZL+USA,eyes");
    assert_eq!(decision.obligations.onward, Onward::None);
}

#[test]
fn originator_control() {
    let policy = with(|_| {});
    let orcon = handled(tlp(Tlp::Green).with_releasability(Releasability::orcon()));
    let by_terms = Facts { origin: Origin::Party(US), onward: Onward::Orcon, ..indicator() };
    for facts in [&orcon, &by_terms] {
        refuses(&policy, &to_estonia(facts), "orcon", "under originator control", "ask the originator");
        let circumstances = Circumstances { released_by_originator: true, ..Circumstances::default() };
        permits(&policy, &Request { circumstances, ..to_estonia(facts) }, "in");
    }
    // A release answers originator control and nothing else.
    let circumstances = Circumstances { released_by_originator: true, ..Circumstances::default() };
    let red = handled(tlp(Tlp::Red).with_releasability(Releasability::orcon()));
    refuses(&policy, &Request { circumstances, ..to_estonia(&red) }, "in", "TLP red", "");
}

#[test]
fn passing_on_what_others_gave() {
    let policy = with(|clause| {
        clause.ceiling = tlp(Tlp::Red);
        clause.actions.insert(Action::PassOn);
        clause.onward = Onward::Free;
    });
    let check = |level: Tlp, onward: Onward, permitted: Option<&str>| {
        let facts =
            Facts { handling: tlp(level), origin: Origin::Party(US), onward: onward.clone(), ..indicator() };
        let decision = decide(&policy, &to_estonia(&facts));
        assert_eq!(decision.permitted, permitted.is_some(), "{level} {onward:?}: {}", told(&decision));
        match permitted {
            Some(then) => assert_eq!(decision.obligations.onward.to_text(), then),
            None => assert_eq!(decision.clause, "onward"),
        }
    };
    let named = |party| Onward::Named(BTreeSet::from([party]));
    check(Tlp::Clear, Onward::Free, Some("free"));
    check(Tlp::Green, Onward::Free, Some("free"));
    // TLP 2.0: AMBER goes to the recipient's own clients, not to another organisation.
    check(Tlp::Amber, Onward::Free, None);
    check(Tlp::AmberStrict, Onward::Free, None);
    check(Tlp::Red, Onward::Free, None);
    // Unless whoever gave it said more.
    check(Tlp::Amber, named(EE), Some(&named(EE).to_text()));
    check(Tlp::Red, Onward::Depth(2), Some("depth:1"));
    check(Tlp::Amber, Onward::Depth(1), Some("none"));
    check(Tlp::Clear, named(US), None);
    check(Tlp::Clear, Onward::Depth(0), None);
    check(Tlp::Clear, Onward::Named(BTreeSet::new()), None);
    check(Tlp::Clear, Onward::None, None);
}

#[test]
fn every_holding_has_a_say() {
    let policy = with(|clause| clause.ceiling = tlp(Tlp::Clear));
    let via = |onward: Onward| Via { agreement: AgreementId(Digest([8; 32])), onward };
    let check = |onward: Onward, via: &[Via], permitted: bool| {
        let facts = Facts {
            handling: tlp(Tlp::Clear),
            origin: Origin::Other("misp".to_owned()),
            onward,
            ..indicator()
        };
        let decision = decide(&policy, &Request { via, ..to_estonia(&facts) });
        assert_eq!(decision.permitted, permitted, "{}", told(&decision));
    };
    check(Onward::Free, &[], true);
    check(Onward::Free, &[via(Onward::Depth(1))], true);
    check(Onward::Free, &[via(Onward::Free), via(Onward::None)], false);
    check(Onward::None, &[via(Onward::Free)], false);
    // Two rules that do not compare: nothing satisfies both for certain.
    check(Onward::Depth(2), &[via(Onward::Named(BTreeSet::from([EE])))], false);
    // What is held under terms is not ours, whatever else says so.
    let clear = handled(tlp(Tlp::Clear));
    let own = Request { via: &[via(Onward::None)], ..to_estonia(&clear) };
    refuses(&policy, &own, "onward", "do not let it be passed on", "an onward rule");
}

#[test]
fn periods() {
    let policy = with(|_| {});
    let facts = indicator();
    let check = |instant: &str, refused: Option<(&str, &str)>| {
        let request = Request { at: at(instant), ..to_estonia(&facts) };
        match refused {
            None => permits(&policy, &request, "in"),
            Some((rule, text)) => refuses(&policy, &request, rule, text, ""),
        }
    };
    check("2025-12-31T23:59:59.999999Z", Some(("period", "not in force before 2026-01-01")));
    check("2026-01-01T00:00:00Z", None);
    check("2026-09-30T23:59:59.999999Z", None);
    check("2026-10-01T00:00:00Z", Some(("legal-basis", "lapsed: `NIS2 Article 29` on 2026-10-01")));
    check("2027-01-01T00:00:00Z", Some(("period", "expired on 2027-01-01")));
    check("0001-01-01T00:00:00Z", Some(("period", "not in force")));
    check("9999-12-31T23:59:59.999999Z", Some(("period", "expired")));
}

#[test]
fn a_basis_of_one_party_lapses_for_it_alone() {
    let basis = |party, until| LegalBasis {
        name: "Act".to_owned(),
        reference: String::new(),
        valid_from: at("2026-01-01T00:00:00Z"),
        valid_until: at(until),
        parties: who(&[party]),
    };
    let mut terms = terms(vec![agreement::Clause { personal: PersonalData::Allow, ..clause("in") }]);
    terms.legal_basis = vec![basis(LV, "2027-01-01T00:00:00Z"), basis(EE, "2026-03-01T00:00:00Z")];
    let policy = compile(&terms);
    let facts = indicator();
    for (from, to) in [(LV, EE), (EE, LV)] {
        let request = Request::delivery(&facts, from, to, now());
        refuses(
            &policy,
            &request,
            "legal-basis",
            "the legal basis of `ee` lapsed",
            "a valid legal basis for `ee`",
        );
    }
    // For the United States none is stated: then nothing personal flows, and the rest does.
    permits(&policy, &Request::delivery(&facts, LV, US, now()), "in");
    let personal = handled(tlp(Tlp::Green).with_personal(true));
    let request = Request::delivery(&personal, LV, US, now());
    refuses(
        &policy,
        &request,
        "legal-basis",
        "no legal basis is stated for `us`",
        "a valid legal basis for `us`",
    );
    // Before anything is valid it says so.
    terms.legal_basis =
        vec![LegalBasis { valid_from: at("2026-07-01T00:00:00Z"), ..basis(EE, "2027-01-01T00:00:00Z") }];
    refuses(&compile(&terms), &to_estonia(&facts), "legal-basis", "not yet valid: `Act` from 2026-07-01", "");
}

#[test]
fn exercises_and_the_real_world_do_not_mix() {
    let mut terms = terms(vec![clause("in")]);
    let real = compile(&terms);
    terms.exercise = Some("locked-shields".to_owned());
    let play = compile(&terms);
    let facts = indicator();
    let of = |exercise| Request { exercise, ..to_estonia(&facts) };
    permits(&real, &of(None), "in");
    permits(&play, &of(Some("locked-shields")), "in");
    for (policy, exercise) in
        [(&real, Some("locked-shields")), (&play, None), (&play, Some("cyber-coalition"))]
    {
        refuses(policy, &of(exercise), "exercise", "the agreement", "nothing would do");
    }
}

#[test]
fn an_object_says_itself_which_exercise_it_belongs_to() {
    let mut terms = terms(vec![clause("in")]);
    let real = compile(&terms);
    terms.exercise = Some("locked-shields".to_owned());
    let play = compile(&terms);
    let labelled = |names: &[&str]| {
        let mut facts = indicator();
        facts.categories.extend(names.iter().map(|name| format!("exercise:{name}")));
        facts
    };
    let (played, elsewhere) = (labelled(&["locked-shields"]), labelled(&["cyber-coalition"]));
    let both = labelled(&["cyber-coalition", "locked-shields"]);
    permits(&play, &to_estonia(&played), "in");
    for facts in [&elsewhere, &both] {
        refuses(&play, &to_estonia(facts), "exercise", "the agreement", "nothing would do");
    }
    for facts in [&played, &elsewhere, &both] {
        refuses(&real, &to_estonia(facts), "exercise", "the agreement real", "nothing would do");
    }
    // The giver cannot talk it into another world.
    let said = Request { exercise: Some("locked-shields"), ..to_estonia(&elsewhere) };
    refuses(&play, &said, "exercise", "cyber-coalition", "nothing would do");
}

#[test]
fn belonging_to_an_exercise_is_no_category() {
    let mut terms = terms(vec![clause("in")]);
    terms.exercise = Some("locked-shields".to_owned());
    terms.clauses[0].categories = agreement::Set::Only(set(&["phishing"]));
    let play = compile(&terms);
    let mut facts = indicator();
    facts.categories = set(&["phishing", "exercise:locked-shields"]);
    permits(&play, &to_estonia(&facts), "in");
    facts.categories = set(&["exercise:locked-shields"]);
    refuses(&play, &to_estonia(&facts), "in", "", "");
}

#[test]
fn purposes() {
    let policy = with(|clause| clause.purposes = set(&["cyber-defence", "crime"]));
    let facts = indicator();
    let request = |purpose| Request { purpose, ..to_estonia(&facts) };
    permits(&policy, &request(None), "in");
    permits(&policy, &request(Some("crime")), "in");
    refuses(&policy, &request(Some("marketing")), "in", "`marketing`", "the purpose `marketing`");
    refuses(&policy, &request(Some("")), "in", "not for the purpose", "");
    // The label's own list binds too: all that the clause is for has to be on it, or what is stated.
    let labelled = handled(tlp(Tlp::Green).with_purposes(Some(set(&["crime"]))));
    let request = |purpose| Request { purpose, ..to_estonia(&labelled) };
    permits(&policy, &request(Some("crime")), "in");
    refuses(&policy, &request(Some("cyber-defence")), "label", "not for the receiver's purpose", "");
    refuses(
        &policy,
        &request(None),
        "in",
        "does not allow the purposes `cyber-defence`",
        "without `cyber-defence`",
    );
}

#[test]
fn what_a_receiver_may_do() {
    let policy = with(|clause| {
        clause.ceiling = tlp(Tlp::Green)
            .with_pap(Pap::Red)
            .with_iep(Iep { permitted_actions: PermittedActions::None, ..Iep::OPEN });
        clause.actions = Action::ALL.iter().copied().filter(|action| *action != Action::PassOn).collect();
    });
    let check = |handling: Handling, action: Action, refused: Option<&str>| {
        let facts = handled(handling);
        let request = Request { action, ..to_estonia(&facts) };
        match refused {
            None => permits(&policy, &request, "in"),
            Some(rule) => refuses(&policy, &request, rule, action.as_str(), action.as_str()),
        }
    };
    let pap = |pap| tlp(Tlp::Green).with_pap(pap);
    let iep = |permitted_actions| tlp(Tlp::Green).with_iep(Iep { permitted_actions, ..Iep::OPEN });
    for (action, least_pap, least_iep) in [
        (Action::Receive, Pap::Red, PermittedActions::None),
        (Action::Detect, Pap::Red, PermittedActions::InternallyVisible),
        (Action::Enrich, Pap::Amber, PermittedActions::ExternallyVisibleIndirect),
        (Action::Block, Pap::Green, PermittedActions::ExternallyVisibleDirect),
    ] {
        for level in Pap::ALL {
            check(pap(level), action, (level < least_pap).then_some("label"));
        }
        for actions in PermittedActions::ALL {
            check(iep(actions), action, (actions < least_iep).then_some("label"));
        }
    }
    check(tlp(Tlp::Green), Action::PassOn, Some("in"));
}

#[test]
fn redaction_profiles_withhold_what_they_do_not_list() {
    let clause = agreement::Clause { types: Set::Any, redaction: Some("lean".to_owned()), ..clause("in") };
    let mut terms = terms(vec![clause]);
    // A profile that is not in the text keeps nothing.
    refuses(
        &compile(&terms),
        &to_estonia(&indicator()),
        "in",
        "the redaction `lean` keeps nothing",
        "what to keep of `indicator`",
    );
    let keep = BTreeMap::from([("indicator".to_owned(), set(&["/pattern"]))]);
    let profile = Redaction { keep, pseudonymise_addresses: true, ..Redaction::default() };
    terms.redactions.insert("lean".to_owned(), profile);
    let policy = compile(&terms);
    let decision = decide(&policy, &to_estonia(&indicator()));
    assert_eq!(decision.obligations.redaction.as_deref(), Some("lean"));
    assert!(decision.obligations.pseudonymise_addresses);
    let report = Facts { type_name: "report".to_owned(), ..indicator() };
    refuses(
        &policy,
        &to_estonia(&report),
        "in",
        "keeps nothing of the type `report`",
        "`report` in the redaction `lean`",
    );
}

#[test]
fn the_clause_that_gives_the_most_is_taken_whole() {
    let slow = agreement::Clause { delay_seconds: 3600, ..clause("a-slow") };
    let sum = agreement::Clause { aggregate: true, ..clause("b-sum") };
    let personal = agreement::Clause {
        personal: PersonalData::Pseudonymise,
        delay_seconds: 7200,
        ..clause("c-personal")
    };
    let both = compile(&terms(vec![slow.clone(), sum.clone(), personal]));
    assert_eq!(both.clauses().collect::<Vec<_>>(), ["c-personal", "a-slow", "b-sum"]);
    // Its own delay, not that of the quicker one, and its own word on personal data.
    let decision = decide(&both, &to_estonia(&indicator()));
    assert_eq!((decision.clause.as_str(), decision.obligations.delay_seconds), ("c-personal", 7200));
    assert_eq!(decision.obligations.personal, PersonalData::Pseudonymise);
    let two = compile(&terms(vec![slow, sum]));
    permits(&two, &to_estonia(&indicator()), "a-slow");
}

#[test]
fn clauses_of_one_agreement_are_not_combined() {
    // One allows the type, the other the level: neither allows both.
    let malware =
        agreement::Clause { types: only(&["malware"]), ceiling: tlp(Tlp::Red), ..clause("malware") };
    let policy = compile(&terms(vec![clause("indicators"), malware]));
    let facts = handled(tlp(Tlp::Amber));
    refuses(
        &policy,
        &to_estonia(&facts),
        "indicators",
        "TLP amber is above the ceiling green",
        "in clause `indicators`: the ceiling TLP amber instead of green",
    );
}

#[test]
fn reciprocity() {
    let mut terms = terms(vec![clause("in")]);
    let owing = Circumstances { in_arrears: true, ..Circumstances::default() };
    let facts = indicator();
    permits(&compile(&terms), &Request { circumstances: owing, ..to_estonia(&facts) }, "in");
    terms.reciprocity = Reciprocity::Least { objects: 10, days: 30 };
    let policy = compile(&terms);
    permits(&policy, &to_estonia(&facts), "in");
    let request = Request { circumstances: owing, ..to_estonia(&facts) };
    refuses(&policy, &request, "reciprocity", "`ee` has given less", "contributions by `ee`");
}

#[test]
fn the_emergency_clause() {
    let mut terms = terms(vec![clause("in")]);
    terms.break_glass = Some(BreakGlass {
        from: Who::Any,
        to: who(&[EE]),
        types: Set::Any,
        posts: BTreeSet::new(),
        officers: 2,
        ceiling: tlp(Tlp::Red),
        hours: 24,
        report_within_hours: 72,
    });
    let policy = compile(&terms);
    let red = handled(tlp(Tlp::Red));
    let in_use = Circumstances { break_glass: true, ..Circumstances::default() };
    refuses(&policy, &to_estonia(&red), "in", "TLP red", "");
    permits(&policy, &Request { circumstances: in_use, ..to_estonia(&red) }, "break_glass");
    // The ordinary clause goes first where it is enough.
    permits(&policy, &Request { circumstances: in_use, ..to_estonia(&indicator()) }, "in");
    // It opens neither other receivers, nor personal data, nor what the label or time forbids.
    let [personal, own] = [tlp(Tlp::Red).with_personal(true), Handling::own_only()].map(handled);
    let emergency = |facts| Request { circumstances: in_use, ..to_estonia(facts) };
    assert!(!decide(&policy, &Request { to: US, ..emergency(&red) }).permitted);
    assert!(!decide(&policy, &emergency(&personal)).permitted);
    assert!(!decide(&policy, &emergency(&own)).permitted);
    assert!(!decide(&policy, &Request { at: at("2027-01-01T00:00:00Z"), ..emergency(&red) }).permitted);
    assert_eq!(decide(&policy, &emergency(&red)).obligations, Obligations::NOTHING);
}

#[test]
fn a_withdrawal_always_gets_through() {
    let policy = with(|_| {});
    let facts = handled(Handling::own_only());
    let circumstances = Circumstances { withdrawal: true, ..Circumstances::default() };
    for (to, instant) in [(EE, now()), (STRANGER, now()), (EE, at("2030-01-01T00:00:00Z"))] {
        let request = Request { circumstances, at: instant, to, ..to_estonia(&facts) };
        permits(&policy, &request, policy::WITHDRAWAL);
    }
    // The revoked object itself is content like any other.
    let revoked = Facts { revoked: true, ..handled(tlp(Tlp::Red)) };
    assert!(!decide(&policy, &to_estonia(&revoked)).permitted);
}

#[test]
fn a_label_only_ever_narrows_what_goes() {
    // Somebody relabels what came as RED to GREEN on the way: the meet with what we hold stays RED.
    let policy = with(|_| {});
    let held = handled(tlp(Tlp::Red));
    let relabelled = Facts { handling: held.handling.meet(&tlp(Tlp::Clear)), ..held };
    refuses(&policy, &to_estonia(&relabelled), "in", "TLP red", "");
    // What leaves is never handled more openly than here.
    let decision = decide(&policy, &to_estonia(&indicator()));
    assert_eq!(decision.handling.meet(&indicator().handling), decision.handling);
    assert_eq!(Barrier::OwnOnly.as_str(), "own-only");
}
