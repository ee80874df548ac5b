//! The laws of the lattice: for generated labels in all dimensions, and for every label of small domains.

use model::{Label, Timestamp};
use proptest::prelude::*;
use shieldwall_label::{Attribution, Facts, Handling, Iep, Pap, PermittedActions};

use crate::TLPS;
use crate::generate::{facts, handling, somebody};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn meet_is_a_semilattice((a, b, c) in (handling(), handling(), handling())) {
        prop_assert_eq!(a.meet(&a), a.clone());
        prop_assert_eq!(a.meet(&b), b.meet(&a));
        prop_assert_eq!(a.meet(&b).meet(&c), a.meet(&b.meet(&c)));
        prop_assert_eq!(a.meet(&Handling::clear()), a);
    }

    /// Whatever is permitted by the meet is permitted by both, to everybody, for everything, at any time.
    #[test]
    fn meet_never_widens((a, b, who, day) in (handling(), handling(), somebody(), 0i64..8)) {
        let met = a.meet(&b);
        let who = who.receiver();
        let at = Timestamp::from_micros(day * 86_400_000_000);
        for one in [&a, &b] {
            for relayed in [false, true] {
                if met.admits(&who, relayed, at).is_ok() {
                    prop_assert_eq!(one.admits(&who, relayed, at), Ok(()));
                }
            }
            prop_assert!(!met.in_force(at) || one.in_force(at));
            prop_assert!(met.tlp() <= one.tlp() && met.pap() <= one.pap() && met.personal() >= one.personal());
            prop_assert!(met.onward().is_at_most(&one.onward()));
            prop_assert!(met.orcon() >= one.orcon());
            for nation in ["USA", "gb", "FR", "UK", "DEU", "nowhere"] {
                prop_assert!(!met.permits_nation(nation) || one.permits_nation(nation));
            }
            for action in ["NETDEF", "TEARLINE", "DSPLY"] {
                prop_assert!(!met.acs().may_do(action, &who) || one.acs().may_do(action, &who));
            }
            prop_assert!(met.conceals_source(&who) || !one.conceals_source(&who));
            prop_assert!(!met.may_be_cut(&who) || one.may_be_cut(&who));
            prop_assert!(met.iep().permitted_actions <= one.iep().permitted_actions);
        }
    }

    /// A narrower label needs a lower ceiling, and a lower ceiling lets no less flow.
    #[test]
    fn ceilings_follow_the_lattice((a, b, ceiling) in (handling(), handling(), handling())) {
        if a.meet(&b).is_within(&ceiling) {
            prop_assert!(a.is_within(&ceiling) && b.is_within(&ceiling));
        }
        if a.is_within(&b) && b.is_within(&ceiling) {
            prop_assert!(a.is_within(&ceiling));
        }
        let harmless = a.tlp() != Label::OwnOnly
            && a.iep().attribution != Attribution::Conflict
            && a.stanag() != &shieldwall_label::Stanag::Nobody;
        prop_assert_eq!(a.is_within(&a), harmless);
        // The smallest consent that lets it flow is the meet; across policies there is none.
        let same = ceiling.clone().with_stanag(a.stanag().clone());
        prop_assert_eq!(a.is_within(&a.meet(&same)), harmless);
        if !harmless {
            prop_assert!(!a.is_within(&ceiling));
        }
    }

    #[test]
    fn texts_are_one_to_one((a, b) in (handling(), handling())) {
        prop_assert_eq!(Handling::parse(&a.to_text()), Ok(a.clone()));
        prop_assert_eq!(a == b, a.to_text() == b.to_text());
    }

    #[test]
    fn texts_of_facts_are_one_to_one((a, b) in (facts(), facts())) {
        prop_assert_eq!(Facts::parse(&a.to_text()), Ok(a.clone()));
        prop_assert_eq!(a == b, a.to_text() == b.to_text());
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[a-z0-9:;,/+*~!%=f-]{0,60}") {
        if let Ok(read) = Handling::parse(&text) {
            prop_assert_eq!(read.to_text(), text.clone());
        }
        if let Ok(read) = Facts::parse(&format!("f1;{text}")) {
            prop_assert_eq!(read.to_text(), format!("f1;{text}"));
        }
    }
}

fn laws<T: PartialEq + std::fmt::Debug>(all: &[T], meet: impl Fn(&T, &T) -> T) {
    for a in all {
        assert_eq!(meet(a, a), *a);
        for b in all {
            let met = meet(a, b);
            assert_eq!(met, meet(b, a));
            for c in all {
                assert_eq!(meet(&met, c), meet(a, &meet(b, c)));
            }
        }
    }
}

#[test]
fn every_combination_of_tlp_pap_and_personal_data() {
    let mut all = Vec::new();
    for tlp in TLPS {
        for pap in Pap::ALL {
            all.extend(
                [false, true].map(|personal| Handling::from(tlp).with_pap(pap).with_personal(personal)),
            );
        }
    }
    laws(&all, Handling::meet);
}

#[test]
fn every_combination_of_iep_statements() {
    let mut all = Vec::new();
    for permitted_actions in PermittedActions::ALL {
        for attribution in [Attribution::May, Attribution::Must, Attribution::MustNot, Attribution::Conflict]
        {
            for flag in [false, true] {
                all.push(Iep { permitted_actions, attribution, may_resell: flag, ..Iep::OPEN });
            }
        }
    }
    laws(&all, Iep::meet);
}
