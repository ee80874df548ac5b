//! What may flow under a ceiling: the table of [`Handling::is_within`].

use std::collections::{BTreeMap, BTreeSet};

use model::{Label, Tlp};
use shieldwall_label::{
    Attribution, Classification, Handling, Iep, Pap, PermittedActions, Releasability, Stanag,
};

use crate::{AMBER, CLEAR, GREEN, OWN, RED, STRICT, TLPS};

#[test]
fn tlp() {
    let flows = |ceiling: Label| -> Vec<Label> {
        TLPS.into_iter().filter(|tlp| Handling::from(*tlp).is_within(&ceiling.into())).collect()
    };
    assert_eq!(flows(CLEAR), [CLEAR]);
    assert_eq!(flows(GREEN), [GREEN, CLEAR]);
    assert_eq!(flows(AMBER), [AMBER, GREEN, CLEAR]);
    assert_eq!(flows(STRICT), [STRICT, AMBER, GREEN, CLEAR]);
    assert_eq!(flows(RED), [RED, STRICT, AMBER, GREEN, CLEAR]);
    // What is for this organisation only flows under no ceiling, not even under one that names it.
    assert_eq!(flows(OWN), [RED, STRICT, AMBER, GREEN, CLEAR]);
}

#[test]
fn pap() {
    let flows = |ceiling: Handling| -> Vec<Pap> {
        Pap::ALL.into_iter().filter(|pap| Handling::clear().with_pap(*pap).is_within(&ceiling)).collect()
    };
    assert_eq!(flows(Handling::clear().with_pap(Pap::Amber)), [Pap::Amber, Pap::Green, Pap::Clear]);
    assert_eq!(flows(Handling::clear().with_pap(Pap::Red)), Pap::ALL);
    // A ceiling that does not mention PAP lets nothing through that restricts by it.
    assert_eq!(flows(RED.into()), [Pap::Clear]);
}

#[test]
fn iep() {
    let ceiling =
        Iep { may_resell: false, permitted_actions: PermittedActions::InternallyVisible, ..Iep::OPEN };
    let ceiling = Handling::clear().with_iep(ceiling);
    let check = |iep: Iep, within: bool| {
        assert_eq!(Handling::clear().with_iep(iep.clone()).is_within(&ceiling), within, "{iep:?}");
    };
    check(Iep::OPEN, true);
    check(Iep { may_resell: false, ..Iep::OPEN }, true);
    check(Iep { permitted_actions: PermittedActions::ExternallyVisibleIndirect, ..Iep::OPEN }, true);
    check(Iep { permitted_actions: PermittedActions::ContactForInstruction, ..Iep::OPEN }, false);
    check(Iep { encrypt_in_transit: true, ..Iep::OPEN }, false);
    check(Iep { may_notify_affected: false, ..Iep::OPEN }, false);
    check(Iep { attribution: Attribution::Must, ..Iep::OPEN }, false);
    // Dates are for the instant of the decision.
    check(Iep { end: Some(model::Timestamp::EPOCH), ..Iep::OPEN }, true);
    let conflict = Handling::clear().with_iep(Iep { attribution: Attribution::Conflict, ..Iep::OPEN });
    assert!(!conflict.is_within(&conflict));
}

#[test]
fn confidentiality() {
    let label = |policy: &str, hierarchy: u32, codewords: &[&str]| {
        let codewords: BTreeSet<String> = codewords.iter().map(|word| (*word).to_owned()).collect();
        let restrictive = Some(("codeword".to_owned(), codewords)).filter(|(_, words)| !words.is_empty());
        Handling::clear().with_stanag(Stanag::Label(Classification {
            policy: policy.to_owned(),
            hierarchy,
            name: format!("level {hierarchy}"),
            restrictive: restrictive.into_iter().collect(),
            permissive: BTreeMap::new(),
            informative: BTreeMap::new(),
        }))
    };
    let ceiling = label("p", 3, &["A"]);
    for (own, within) in [
        (Handling::clear(), true),
        (label("p", 2, &[]), true),
        (label("p", 3, &["A"]), true),
        (label("p", 4, &[]), false),
        (label("p", 1, &["B"]), false),
        (label("p", 1, &["A", "B"]), false),
        (label("q", 1, &[]), false),
        (label("p", 1, &[]).meet(&label("q", 1, &[])), false),
    ] {
        assert_eq!(own.is_within(&ceiling), within, "{}", own.to_text());
        assert_eq!(own.is_within(&CLEAR.into()), own == Handling::clear());
    }
    let nobody = Handling::clear().with_stanag(Stanag::Nobody);
    assert!(!nobody.is_within(&nobody));
}

#[test]
fn what_depends_on_the_receiver_is_not_for_the_ceiling() {
    let caveat = Handling::clear().with_releasability(Releasability::rel_to([])).with_personal(true);
    let caveat = caveat.with_purposes(Some(BTreeSet::new()));
    assert!(caveat.is_within(&Handling::clear()));
}

#[test]
fn every_dimension_that_stands_in_the_way_is_named() {
    let label = Handling::from(Label::Tlp(Tlp::Red))
        .with_pap(Pap::Red)
        .with_iep(Iep { may_resell: false, ..Iep::OPEN })
        .with_stanag(Stanag::Nobody);
    assert_eq!(label.exceeds(&Handling::from(AMBER)).collect::<Vec<_>>(), ["tlp", "pap", "iep", "stanag"]);
    assert_eq!(Handling::from(GREEN).exceeds(&Handling::from(AMBER)).count(), 0);
}
