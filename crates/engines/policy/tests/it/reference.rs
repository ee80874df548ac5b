//! A second, naive policy, written from the design's prose: no Cedar, no compilation, nothing shared with the engine.
//!
//! The engine must never permit what this denies, and must permit what this permits, by one of the clauses this finds
//! permitting, with that clause's obligations.

use agreement::{Action, Clause, PersonalData, Reciprocity, Set, Terms, Who};
use label::{AcsLevel, Attribution, Facts, Handling, Nation, Onward, Origin, Pap, PermittedActions, Stanag};
use model::{Label, PartyId, Timestamp, Tlp};
use policy::{Caveat, Caveats, Policy, Receivers, clauses_of_text, decide};

use crate::cases::{Case, Random, random_case, random_caveats, random_terms};
use crate::fixtures::{ID, told};

/// The clauses that permit it; the emergency clause as `break_glass`.
fn permitting(terms: &Terms, caveats: &[Caveat], case: &Case) -> Vec<String> {
    let Some(receiver) = terms.parties.get(&case.to) else { return Vec::new() };
    if !terms.parties.contains_key(&case.from) || case.from == case.to {
        return Vec::new();
    }
    if case.exercise != terms.exercise {
        return Vec::new();
    }
    if case.at < terms.start || case.at >= terms.expiry {
        return Vec::new();
    }
    let nation: Option<Nation> = receiver.jurisdiction.parse().ok();
    let facts = &case.facts;
    for party in [case.from, case.to] {
        if !lawful(terms, party, case.at, facts.handling.personal()) {
            return Vec::new();
        }
    }
    if matches!(terms.reciprocity, Reciprocity::Least { .. }) && case.circumstances.in_arrears {
        return Vec::new();
    }
    if !label_admits(case, nation)
        || !passing_on(case)
        || caveats.iter().any(|caveat| hits(caveat, case, nation))
    {
        return Vec::new();
    }
    let mut out: Vec<String> = Vec::new();
    for clause in &terms.clauses {
        if permits(terms, clause, case, nation) {
            out.push(clause.id.clone());
        }
    }
    if let Some(glass) = &terms.break_glass
        && case.circumstances.break_glass
    {
        let action = [Action::Receive, Action::Detect, Action::Enrich, Action::Block];
        let emergency = Clause {
            id: String::new(),
            from: glass.from.clone(),
            to: glass.to.clone(),
            types: glass.types.clone(),
            categories: Set::Any,
            sectors: Set::Any,
            countries: Set::Any,
            ceiling: glass.ceiling.clone(),
            actions: action.into(),
            onward: Onward::None,
            redaction: None,
            personal: if glass.ceiling.personal() { PersonalData::Allow } else { PersonalData::Refuse },
            purposes: terms.purposes.clone(),
            delay_seconds: 0,
            aggregate: false,
        };
        if permits(terms, &emergency, case, nation) {
            out.push("break_glass".to_owned());
        }
    }
    out
}

fn lawful(terms: &Terms, party: PartyId, at: Timestamp, personal: bool) -> bool {
    let mut stated = false;
    for basis in &terms.legal_basis {
        let concerns = match &basis.parties {
            Who::Any => true,
            Who::Parties(parties) => parties.contains(&party),
        };
        if concerns {
            stated = true;
            if basis.valid_from <= at && at < basis.valid_until {
                return true;
            }
        }
    }
    !stated && !personal
}

fn is_ours(case: &Case) -> bool {
    case.facts.origin == Origin::Own && case.via.is_empty()
}

/// What the label itself asks: not own-only, dates, nations, ACS, STANAG releases, purposes, PAP and IEP on actions.
fn label_admits(case: &Case, nation: Option<Nation>) -> bool {
    let handling = &case.facts.handling;
    if handling.tlp() == Label::OwnOnly {
        return false;
    }
    let iep = handling.iep();
    if iep.attribution == Attribution::Conflict {
        return false;
    }
    if iep.start.is_some_and(|start| case.at < start) || iep.end.is_some_and(|end| case.at >= end) {
        return false;
    }
    if let Some(list) = handling.releasability().to()
        && !nation.is_some_and(|nation| list.contains(&nation))
    {
        return false;
    }
    for acs in handling.acs().policies() {
        if acs.classification != AcsLevel::Unclassified || !acs.controls.is_empty() {
            return false;
        }
        if let Some(list) = &acs.access.nationalities
            && !nation.is_some_and(|nation| list.contains(&nation))
        {
            return false;
        }
        if acs.dispose.is_some_and(|dispose| case.at >= dispose) {
            return false;
        }
        if !is_ours(case) {
            // Nobody knows a receiver's organisation, so only rules on ALL permit, and every denial may concern it.
            let denied = acs.may_pass_on.iter().any(|rule| !rule.permit);
            let permitted = acs.may_pass_on.iter().any(|rule| rule.permit && rule.to.contains("ALL"));
            if denied || !(permitted || acs.may_pass_on_by_default) {
                return false;
            }
        }
        if matches!(case.action, Action::Detect | Action::Enrich | Action::Block) && !acs.may_do_by_default {
            return false;
        }
    }
    match handling.stanag() {
        Stanag::Nobody => return false,
        Stanag::Label(label) => {
            for (tag, values) in &label.permissive {
                if tag != "release" || !nation.is_some_and(|nation| values.contains(nation.as_str())) {
                    return false;
                }
            }
        }
        Stanag::Unmarked => {}
    }
    if let (Some(list), Some(purpose)) = (handling.purposes(), &case.purpose)
        && !list.contains(purpose)
    {
        return false;
    }
    match case.action {
        Action::Receive | Action::PassOn => true,
        Action::Detect => iep.permitted_actions >= PermittedActions::InternallyVisible,
        Action::Enrich => {
            handling.pap() >= Pap::Amber
                && iep.permitted_actions >= PermittedActions::ExternallyVisibleIndirect
        }
        Action::Block => {
            handling.pap() >= Pap::Green && iep.permitted_actions >= PermittedActions::ExternallyVisibleDirect
        }
    }
}

/// Origin's onward rule: every rule it came under has to allow this receiver, and TLP too where they only say "free".
fn passing_on(case: &Case) -> bool {
    let released = case.circumstances.released_by_originator;
    let orcon = case.facts.handling.orcon();
    if orcon && !released {
        return false;
    }
    if is_ours(case) {
        return true;
    }
    let rules: Vec<&Onward> =
        std::iter::once(&case.facts.onward).chain(case.via.iter().map(|via| &via.onward)).collect();
    let restricting: Vec<&Onward> = rules.into_iter().filter(|rule| **rule != Onward::Free).collect();
    for rule in &restricting {
        let allows = match rule {
            Onward::Free => true,
            Onward::None => false,
            Onward::Orcon => released,
            Onward::Named(parties) => parties.contains(&case.to),
            Onward::Depth(steps) => *steps > 0,
        };
        if !allows {
            return false;
        }
    }
    // Rules of different kinds at once: nothing is certain to satisfy both.
    let kinds = |a: &Onward, b: &Onward| std::mem::discriminant(a) == std::mem::discriminant(b);
    if restricting.iter().any(|a| restricting.iter().any(|b| !kinds(a, b))) {
        return false;
    }
    let explicit = !restricting.is_empty() || (orcon && released);
    explicit || matches!(case.facts.handling.tlp(), Label::Tlp(Tlp::Green | Tlp::Clear))
}

fn hits(caveat: &Caveat, case: &Case, nation: Option<Nation>) -> bool {
    let receiver = match &caveat.to {
        Receivers::Any => true,
        Receivers::Parties(parties) => parties.contains(&case.to),
        Receivers::Nations(list) => nation.is_none_or(|nation| list.contains(&nation)),
        Receivers::NationsBut(list) => nation.is_none_or(|nation| !list.contains(&nation)),
    };
    let facts = &case.facts;
    let any = |set: &Set, words: &std::collections::BTreeSet<String>| match set {
        Set::Any => true,
        Set::Only(list) => {
            !list.is_empty() && words.iter().any(|word| list.contains(word) || word == Facts::MORE)
        }
    };
    let is_type = match &caveat.types {
        Set::Any => true,
        Set::Only(list) => list.contains(&facts.type_name),
    };
    receiver
        && is_type
        && any(&caveat.categories, &facts.categories)
        && any(&caveat.sectors, &facts.sectors)
        && any(&caveat.countries, &facts.countries)
        && facts.handling.tlp() <= caveat.tlp
        && (!caveat.personal || facts.handling.personal())
}

fn permits(terms: &Terms, clause: &Clause, case: &Case, nation: Option<Nation>) -> bool {
    let facts = &case.facts;
    let who = |who: &Who, party: PartyId| match who {
        Who::Any => true,
        Who::Parties(parties) => parties.contains(&party),
    };
    if !who(&clause.from, case.from) || !who(&clause.to, case.to) || !clause.actions.contains(&case.action) {
        return false;
    }
    if let Set::Only(types) = &clause.types
        && !types.contains(&facts.type_name)
    {
        return false;
    }
    for (list, words) in [
        (&clause.categories, &facts.categories),
        (&clause.sectors, &facts.sectors),
        (&clause.countries, &facts.countries),
    ] {
        if let Set::Only(list) = list {
            if words.is_empty() {
                return false;
            }
            for word in words {
                if !list.contains(word) {
                    return false;
                }
            }
        }
    }
    if clause.personal == PersonalData::Refuse && facts.handling.personal() {
        return false;
    }
    if let Some(name) = &clause.redaction {
        match terms.redactions.get(name) {
            Some(profile) if profile.keep.contains_key(&facts.type_name) => {}
            _ => return false,
        }
    }
    if let Some(list) = clause.ceiling.releasability().to()
        && !nation.is_some_and(|nation| list.contains(&nation))
    {
        return false;
    }
    if !under(&facts.handling, &clause.ceiling) {
        return false;
    }
    match &case.purpose {
        Some(purpose) => clause.purposes.contains(purpose),
        None => {
            let listed = |purpose| facts.handling.purposes().is_none_or(|list| list.contains(purpose));
            !clause.purposes.is_empty() && clause.purposes.iter().all(listed)
        }
    }
}

/// TLP, PAP, IEP and classification, each no more sensitive than the ceiling's.
fn under(own: &Handling, ceiling: &Handling) -> bool {
    if own.tlp() == Label::OwnOnly || own.tlp() < ceiling.tlp() || own.pap() < ceiling.pap() {
        return false;
    }
    let (iep, most) = (own.iep(), ceiling.iep());
    if iep.permitted_actions < most.permitted_actions
        || (iep.encrypt_in_transit && !most.encrypt_in_transit)
        || (!iep.may_notify_affected && most.may_notify_affected)
        || (!iep.may_resell && most.may_resell)
    {
        return false;
    }
    let attribution = match (iep.attribution, most.attribution) {
        (Attribution::Conflict, _) => false,
        (Attribution::May, _) | (_, Attribution::Conflict) => true,
        (own, most) => own == most,
    };
    if !attribution {
        return false;
    }
    match (own.stanag(), ceiling.stanag()) {
        (Stanag::Unmarked, _) => true,
        (Stanag::Label(own), Stanag::Label(most)) => {
            let level =
                own.hierarchy < most.hierarchy || (own.hierarchy == most.hierarchy && own.name == most.name);
            let known = |(tag, values): (&String, &std::collections::BTreeSet<String>)| {
                most.restrictive
                    .get(tag)
                    .is_some_and(|known| values.iter().all(|value| known.contains(value)))
            };
            own.policy == most.policy && level && own.restrictive.iter().all(known)
        }
        _ => false,
    }
}

/// What was chosen is one of those that permit, obliges to what that clause says, and gives no less than another.
fn check_choice(terms: &Terms, case: &Case, decision: &policy::Decision, permitting: &[String]) {
    assert!(permitting.contains(&decision.clause), "{} is not among {permitting:?}", decision.clause);
    let Some(clause) = terms.clauses.iter().find(|clause| clause.id == decision.clause) else {
        assert_eq!(permitting, ["break_glass"], "the emergency clause goes last");
        return;
    };
    let obligations = &decision.obligations;
    assert_eq!(obligations.redaction, clause.redaction);
    assert_eq!(obligations.personal, clause.personal);
    assert_eq!((obligations.delay_seconds, obligations.aggregate), (clause.delay_seconds, clause.aggregate));
    assert!(obligations.onward.is_at_most(&clause.onward));
    assert!(clause.actions.contains(&Action::PassOn) || obligations.onward == Onward::None);
    assert!(obligations.onward.is_at_most(&case.facts.handling.onward()));
    if !is_ours(case) && !matches!(case.facts.onward, Onward::Orcon) {
        assert!(obligations.onward.is_at_most(&case.facts.onward.after_one_step()), "a step is used up");
    }
    assert_eq!(decision.handling.meet(&case.facts.handling), decision.handling, "never wider");
    let whole = |clause: &Clause| !clause.aggregate;
    let better = terms.clauses.iter().filter(|other| permitting.contains(&other.id)).any(whole);
    assert!(whole(clause) || !better, "sums are given where the thing itself may be");
}

/// 200 agreements with 500 requests each.
#[test]
fn the_engine_permits_what_the_prose_permits_and_nothing_else() {
    let (mut cases, mut permitted, mut by_glass, mut relayed) = (0, 0, 0, 0);
    for seed in 0..200 {
        let mut r = Random(seed);
        let terms = random_terms(&mut r);
        let rules = random_caveats(&mut r);
        let caveats = Caveats::compile(rules.clone()).unwrap();
        let policy = Policy::compile(&terms, ID).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        for number in 0..500 {
            let case = random_case(&mut r, &terms);
            let decision = decide(&policy, &case.request(&caveats));
            cases += 1;
            if case.circumstances.withdrawal {
                assert!(decision.permitted && decision.clause == policy::WITHDRAWAL);
                continue;
            }
            let wanted = permitting(&terms, &rules, &case);
            let explain = || {
                format!("seed {seed} case {number}: {}\n{case:#?}\n{}", told(&decision), policy.cedar_text())
            };
            assert_eq!(decision.permitted, !wanted.is_empty(), "{}", explain());
            if number % 4 == 0 {
                // The text that was signed says the same to whoever asks Cedar alone.
                let mut prose = permitting(&terms, &[], &case);
                prose.sort();
                assert_eq!(clauses_of_text(&policy, &case.request(&caveats)), prose, "{}", explain());
            }
            assert!(decision.clause != "engine", "{}", explain());
            if decision.permitted {
                permitted += 1;
                by_glass += usize::from(decision.clause == policy::BREAK_GLASS);
                relayed += usize::from(!is_ours(&case));
                check_choice(&terms, &case, &decision, &wanted);
            } else {
                assert!(!decision.reasons.is_empty() && !decision.clause.is_empty(), "{}", explain());
            }
        }
    }
    println!("{cases} cases: {permitted} permitted, {relayed} of them passed on, {by_glass} in an emergency");
    assert_eq!(cases, 100_000);
    // A test of refusals alone would prove nothing.
    assert!(permitted > 10_000 && by_glass > 100 && relayed > 1000, "{permitted} {by_glass} {relayed}");
}
