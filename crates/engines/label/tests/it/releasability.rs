//! Caveats on nations.

use shieldwall_label::{Handling, Nation, Onward, Releasability};

use crate::generate::nation;

/// The nations out of five to which it may be released, and the caveats.
#[track_caller]
fn check(caveats: &Releasability, expect: &str) {
    let handling = Handling::clear().with_releasability(caveats.clone());
    let all = ["AUS", "CAN", "GBR", "NZL", "USA", "DEU"];
    let to: Vec<&str> = all.into_iter().filter(|code| handling.permits_nation(code)).collect();
    assert!(!handling.permits_nation("nowhere") || caveats.to().is_none());
    assert_eq!(to.join(" "), expect, "{caveats:?}");
}

fn rel_to(codes: &[&str]) -> Releasability {
    Releasability::rel_to(codes.iter().flat_map(|code| Nation::expand(code)))
}

#[test]
fn lists() {
    check(&Releasability::OPEN, "AUS CAN GBR NZL USA DEU");
    check(&rel_to(&["USA", "GB"]), "GBR USA");
    check(&rel_to(&["FVEY"]), "AUS CAN GBR NZL USA");
    check(&rel_to(&["USA", "NATO"]), "USA");
    // An empty list is nobody, not everybody.
    check(&rel_to(&[]), "");
    check(&rel_to(&["FVEY"]).meet(&rel_to(&["USA", "DEU"])), "USA");
}

#[test]
fn noforn_with_a_list_of_others_leaves_nobody() {
    let usa = Some(nation("USA"));
    check(&Releasability::noforn(usa), "USA");
    check(&Releasability::noforn(None), "");
    check(&Releasability::noforn(usa).meet(&rel_to(&["GBR", "CAN"])), "");
    check(&Releasability::noforn(usa).meet(&rel_to(&["USA", "GBR"])), "USA");
    check(&Releasability::noforn(usa).meet(&Releasability::noforn(Some(nation("GBR")))), "");
}

#[test]
fn caveats_bind_those_who_receive() {
    let onward = |caveats: Releasability| Handling::clear().with_releasability(caveats).onward();
    assert_eq!(onward(rel_to(&["USA"])), Onward::Free);
    assert_eq!(onward(Releasability::orcon()), Onward::Orcon);
    assert_eq!(onward(Releasability::eyes_only([nation("USA")])), Onward::None);
    assert_eq!(onward(Releasability::orcon().meet(&Releasability::eyes_only([]))), Onward::None);
    assert!(Handling::clear().with_releasability(Releasability::orcon().meet(&rel_to(&["USA"]))).orcon());
}
