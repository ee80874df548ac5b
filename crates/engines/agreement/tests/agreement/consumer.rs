//! Releases to clients without a node.

use std::collections::BTreeSet;

use keys::posts::Approval;
use keys::window::DAY;
use keys::{SecretKey, Signed, context};
use label::Handling;
use model::{CollectionId, Label, Tlp, TokenId, Uuid};
use shieldwall_agreement::consumer::{Officers, Release, ReleaseEnd, ReleaseRefused};
use shieldwall_agreement::{PersonalData, Set};

use crate::world::{World, time};

fn release(world: &World) -> Release {
    Release {
        party: world.id(0),
        client: "SIEM of the port authority".into(),
        token: TokenId(Uuid([7; 16])),
        collections: BTreeSet::from([CollectionId(Uuid([8; 16]))]),
        types: Set::Only(BTreeSet::from(["indicator".to_owned()])),
        ceiling: Handling::from(Label::Tlp(Tlp::Green)),
        personal: PersonalData::Redact,
        purpose: "cyber-defence".into(),
        valid_from: time("2026-01-01"),
        expires: time("2026-07-01"),
        issued: world.now,
        approvals: Vec::new(),
    }
}

fn approve(release: Release, officers: &[&SecretKey]) -> Release {
    let text = release.approval_text();
    let approvals = officers.iter().map(|key| Approval::sign(key, text.as_bytes())).collect();
    Release { approvals, ..release }
}

fn verify(world: &World, signed: &Signed, ends: &[Signed], day: &str) -> Result<Release, ReleaseRefused> {
    let org = &world.orgs[0];
    let officers = Officers { history: &org.history, roster: &org.roster, site: None, needed: 2 };
    Release::verify(signed, ends, &officers, time(day))
}

#[test]
fn a_release_is_valid_from_its_first_day_to_its_last() {
    let world = World::new();
    let officers = [&world.orgs[0].officers[0], &world.orgs[0].officers[2]];
    let given = approve(release(&world), &officers);
    let signed = given.sign(world.orgs[0].epoch).unwrap();
    assert_eq!(verify(&world, &signed, &[], "2026-01-01"), Ok(given.clone()));
    assert_eq!(verify(&world, &signed, &[], "2026-06-30"), Ok(given));
    assert_eq!(verify(&world, &signed, &[], "2025-12-31"), Err(ReleaseRefused::NotYet(time("2026-01-01"))));
    assert_eq!(verify(&world, &signed, &[], "2026-07-01"), Err(ReleaseRefused::Expired(time("2026-07-01"))));
}

#[test]
fn officers_sign_exactly_this() {
    let world = World::new();
    let org = &world.orgs[0];
    let two = [&org.officers[0], &org.officers[1]];
    let try_with = |release: Release| verify(&world, &release.sign(org.epoch).unwrap(), &[], "2026-02-01");
    assert!(matches!(try_with(release(&world)), Err(ReleaseRefused::Officers { counted: 0, needed: 2, .. })));
    for officers in [&two[..1], &[two[0], two[0]]] {
        let one = approve(release(&world), officers);
        assert!(matches!(try_with(one), Err(ReleaseRefused::Officers { counted: 1, .. })));
    }
    // Signed for one client, used for another; for green, used for amber.
    let mut other = approve(release(&world), &two);
    other.client = "somebody else".into();
    assert!(matches!(try_with(other), Err(ReleaseRefused::Officers { counted: 0, .. })));
    let mut wider = approve(release(&world), &two);
    wider.ceiling = Handling::from(Label::Tlp(Tlp::Amber));
    assert!(matches!(try_with(wider), Err(ReleaseRefused::Officers { counted: 0, .. })));
    // Officers of another party.
    let theirs = [&world.orgs[1].officers[0], &world.orgs[1].officers[1]];
    assert!(matches!(
        try_with(approve(release(&world), &theirs)),
        Err(ReleaseRefused::Officers { counted: 0, .. })
    ));
}

#[test]
fn our_key_signs_it_for_a_release_and_nothing_else() {
    let world = World::new();
    let org = &world.orgs[0];
    let given = approve(release(&world), &[&org.officers[0], &org.officers[1]]);
    for (key, context) in [(world.orgs[1].epoch, context::RELEASE), (org.epoch, context::AGREEMENT)] {
        let signed = Signed::sign(&given.to_body(), context, &[key]).unwrap();
        assert!(matches!(verify(&world, &signed, &[], "2026-02-01"), Err(ReleaseRefused::Signature(_))));
    }
    let foreign = Release { party: world.id(1), ..given };
    let signed = foreign.sign(org.epoch).unwrap();
    assert_eq!(verify(&world, &signed, &[], "2026-02-01"), Err(ReleaseRefused::OtherParty(world.id(1))));
}

#[test]
fn over_broad_releases_are_never_signed() {
    let world = World::new();
    let refused = |change: &dyn Fn(&mut Release)| {
        let mut release = release(&world);
        change(&mut release);
        let error = release.sign(world.orgs[0].epoch).unwrap_err();
        // And where somebody signed it all the same, it is not taken.
        let signed = Signed::sign(&release.to_body(), context::RELEASE, &[world.orgs[0].epoch]).unwrap();
        assert!(verify(&world, &signed, &[], "2026-02-01").is_err());
        error.to_string()
    };
    assert!(refused(&|r| r.ceiling = Handling::own_only()).contains("over-broad"));
    assert!(refused(&|r| r.ceiling = Handling::from(Label::Tlp(Tlp::Red))).contains("over-broad"));
    assert!(refused(&|r| r.personal = PersonalData::Allow).contains("no personal data"));
    assert!(refused(&|r| r.personal = PersonalData::Pseudonymise).contains("no personal data"));
    assert!(refused(&|r| r.expires = r.valid_from.plus_micros(367 * DAY)).contains("a year at most"));
    assert!(refused(&|r| r.expires = r.valid_from).contains("ends before it begins"));
    assert!(refused(&|r| r.collections.clear()).contains("collections"));
    assert!(refused(&|r| r.types = Set::Only(BTreeSet::new())).contains("types"));
    assert!(
        refused(&|r| r.types = Set::Only(BTreeSet::from(["іndicator".to_owned()]))).contains("may look like")
    );
    assert!(refused(&|r| r.client = "x\u{202e}y".into()).contains("invisible"));
    assert!(refused(&|r| r.purpose = "any thing".into()).contains("is not a name"));
}

#[test]
fn an_end_needs_no_officer_and_cannot_be_forged() {
    let world = World::new();
    let org = &world.orgs[0];
    let signed = approve(release(&world), &[&org.officers[0], &org.officers[1]]).sign(org.epoch).unwrap();
    let end = |release| ReleaseEnd {
        party: world.id(0),
        release,
        reason: "contract over".into(),
        issued: world.now,
    };
    let real = end(signed.hash());
    let forged = real.sign(world.orgs[1].epoch).unwrap();
    let other = end(model::Digest([1; 32])).sign(org.epoch).unwrap();
    assert!(verify(&world, &signed, &[forged.clone(), other.clone()], "2026-02-01").is_ok());
    let ends = [forged, other, real.sign(org.epoch).unwrap()];
    assert_eq!(
        verify(&world, &signed, &ends, "2026-02-01"),
        Err(ReleaseRefused::Ended("contract over".into()))
    );
}

#[test]
fn releases_are_read_strictly() {
    let world = World::new();
    let org = &world.orgs[0];
    let given = approve(release(&world), &[&org.officers[0]]);
    let body = given.to_body();
    let read = |body: &str| Release::read(&Signed::unsigned(body).unwrap());
    assert_eq!(read(&body), Ok(given));
    for (from, to) in [
        ("\"v\":1", "\"v\":2"),
        ("\"client\":", "\"customer\":"),
        ("\"personal\":\"redact\"", "\"personal\":\"maybe\""),
        ("\"ceiling\":\"green\"", "\"ceiling\":\"TLP:GREEN\""),
        ("\"types\":[\"indicator\"]", "\"types\":\"some\""),
        ("\"purpose\":", "\"extra\":1,\"purpose\":"),
    ] {
        assert!(body.contains(from), "{from}");
        assert!(read(&body.replacen(from, to, 1)).is_err(), "{from} → {to}");
    }
}
