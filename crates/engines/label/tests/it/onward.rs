//! How far something may be passed on.

use std::collections::BTreeSet;

use model::{Digest, PartyId};
use shieldwall_label::Onward;

fn party(byte: u8) -> PartyId {
    PartyId(Digest([byte; 32]))
}

fn named(parties: &[u8]) -> Onward {
    Onward::Named(parties.iter().map(|byte| party(*byte)).collect())
}

fn all() -> Vec<Onward> {
    let mut all = vec![Onward::Free, Onward::None, Onward::Orcon];
    all.extend((0..4).map(Onward::Depth));
    all.extend([named(&[]), named(&[1]), named(&[2]), named(&[1, 2])]);
    all
}

/// Whether the rule lets a holder pass on to this party without asking, by the words of the rule.
fn lets(rule: &Onward, to: PartyId) -> bool {
    match rule {
        Onward::Free => true,
        Onward::Depth(steps) => *steps > 0,
        Onward::Named(parties) => parties.contains(&to),
        Onward::None | Onward::Orcon => false,
    }
}

#[test]
fn meet_is_a_semilattice_that_never_widens() {
    for a in all() {
        assert!(a.meet(&a) == a || a.meet(&a) == Onward::None, "{a:?}");
        assert_eq!(a.meet(&Onward::Free), a.meet(&a));
        for b in all() {
            let met = a.meet(&b);
            assert_eq!(met, b.meet(&a));
            assert!(met.is_at_most(&a) && met.is_at_most(&b));
            for to in [1, 2, 3].map(party) {
                assert!(!lets(&met, to) || (lets(&a, to) && lets(&b, to)), "{a:?} {b:?}");
            }
            for c in all() {
                assert_eq!(met.meet(&c), a.meet(&b.meet(&c)));
            }
        }
    }
}

#[test]
fn kinds_that_do_not_compare_meet_to_nothing() {
    assert_eq!(Onward::Orcon.meet(&named(&[1])), Onward::None);
    assert_eq!(Onward::Depth(3).meet(&Onward::Orcon), Onward::None);
    assert_eq!(named(&[1]).meet(&named(&[2])), Onward::None);
    assert_eq!(Onward::Depth(3).meet(&Onward::Depth(2)), Onward::Depth(2));
    assert!(!Onward::Free.is_at_most(&Onward::Depth(9)));
}

#[test]
fn a_step_is_used_up() {
    assert_eq!(Onward::Depth(2).after_one_step(), Onward::Depth(1));
    assert_eq!(Onward::Depth(1).after_one_step(), Onward::None);
    assert_eq!(Onward::Depth(0).after_one_step(), Onward::None);
    assert_eq!(Onward::Orcon.after_one_step(), Onward::Orcon);
}

#[test]
fn texts() {
    let texts: BTreeSet<String> = all().iter().map(Onward::to_text).collect();
    // Nobody named and no step left are `none`.
    assert_eq!(texts.len(), all().len() - 2);
    for rule in all() {
        assert_eq!(Onward::parse(&rule.to_text()), Ok(rule.meet(&Onward::Free)));
    }
    let hex = party(2).to_string();
    let backwards = format!("named:{hex}+{}", party(1));
    for text in ["", "Free", "depth:0", "depth:01", "depth:256", "named:", "named:x", &backwards, "orcon:1"] {
        assert!(Onward::parse(text).is_err(), "{text}");
    }
}
