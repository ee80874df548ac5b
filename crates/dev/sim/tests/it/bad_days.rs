//! What people do on bad days: a key is stolen while things are under way, something must be gone for good, a court wants
//! it kept, two that parted meet again.

use agreement::acts::Status;
use keys::events::{Change, Reason};
use keys::{SecretKey, context};
use model::{StixId, Tlp};
use runtime::CoreError;
use shieldwall_sim::{Member, agree, name, pair, settle};

fn two() -> [Member; 2] {
    let found = |place, country| Member::found(place, 19, country).map_err(|problem| problem.0).unwrap();
    let (a, b) = (found(0, "EE"), found(1, "FI"));
    pair(&a, &b).map_err(|problem| problem.0).unwrap();
    [a, b]
}

fn publish(member: &Member, number: u32) -> StixId {
    let green = stix::marking::tlp_ref(Tlp::Green);
    let id = format!("indicator--0eeeeeee-0000-4000-8000-{number:012}");
    let text = format!(
        r#"{{"type":"indicator","spec_version":"2.1","id":"{id}","created_by_ref":"{}","created":"2026-10-30T00:00:00.000Z","modified":"2026-10-30T00:00:00.000Z","pattern":"[mutex:name = 'bad-day-{number}']","pattern_type":"stix","valid_from":"2026-10-30T00:00:00Z","indicator_types":["malicious-activity"],"object_marking_refs":["{green}"]}}"#,
        member.identity
    );
    member.publish(&[&text]).map_err(|problem| problem.0).unwrap();
    id.parse().unwrap()
}

fn has(member: &Member, id: &StixId) -> bool {
    member.text_of(id).map_err(|problem| problem.0).unwrap().is_some()
}

fn calm(a: &Member, b: &Member) {
    for member in [a, b] {
        member.clock.advance(1_000);
    }
    let refused = settle(&[a, b]).map_err(|problem| problem.0).unwrap();
    assert!(refused.is_empty(), "{refused:?}");
}

/// The key that the simulation gives a member as its only root.
fn root(member: &Member) -> SecretKey {
    SecretKey::from_seed([1 + u8::try_from(member.index).unwrap(); 64])
}

#[test]
fn what_was_under_way_when_a_key_was_stolen_arrives_under_the_next_one() {
    let [a, b] = two();
    agree(&[&a, &b], Tlp::Amber).map_err(|problem| problem.0).unwrap();
    let first = publish(&a, 1);
    calm(&a, &b);
    // Signed and not yet called for: one before the revocation, a withdrawal and one more after it.
    let second = publish(&a, 2);
    a.clock.advance(1_000);
    a.work().map_err(|problem| problem.0).unwrap();
    let history = a.core.own_history().unwrap();
    let stolen = history.current(a.now()).unwrap().key.id();
    let change = Change::Revocation {
        key: stolen,
        reason: Reason::Compromised,
        note: "a laptop is gone".to_owned(),
        from: a.now(),
    };
    a.clock.advance(1_000);
    let event = history.next_event(a.now(), change).sign(&[&root(&a)]).unwrap();
    a.core.add_key_event(None, &event).unwrap();
    a.clock.advance(1_000);
    a.core.withdraw(&first, "officer", "it was wrong").unwrap();
    let third = publish(&a, 3);
    settle(&[&a, &b]).map_err(|problem| problem.0).unwrap();
    assert!(has(&b, &first) && !has(&b, &second), "nobody believes the stolen key");
    a.clock.advance(1_000);
    let mut rotation = a.core.prepare_rotation().unwrap();
    rotation.add(context::KEY_EVENT, &root(&a)).unwrap();
    a.core.take_key_event(&rotation, "officer").unwrap();
    calm(&a, &b);
    calm(&a, &b);
    assert!(has(&b, &second) && has(&b, &third) && !has(&b, &first));
    let given =
        a.core.store.read().unwrap().disclosures(a.core.scope.tenant, Some(&first), false, 0, 9).unwrap();
    assert_eq!(given[0].receipt.as_ref().unwrap().1, "erased");
}

#[test]
fn who_erases_what_was_given_takes_it_back_and_still_sees_who_has_it() {
    let [a, b] = two();
    agree(&[&a, &b], Tlp::Amber).map_err(|problem| problem.0).unwrap();
    let id = publish(&a, 1);
    calm(&a, &b);
    assert!(has(&b, &id));
    assert_eq!(a.core.erase(&id, "officer", "a court says so").unwrap(), 1);
    let holders = || {
        let read = a.core.store.read().unwrap();
        a.core.disclosures_of(&*read, &id).unwrap()
    };
    assert_eq!(holders().len(), 1, "erased here, and not yet there");
    assert!(holders()[0].withdrawn.is_some() && holders()[0].receipt.is_none());
    calm(&a, &b);
    assert!(!has(&b, &id), "it is gone there too");
    assert_eq!(holders()[0].receipt.as_ref().unwrap().1, "erased");
}

#[test]
fn what_a_court_wants_kept_is_not_erased_by_hand_either() {
    let [a, b] = two();
    agree(&[&a, &b], Tlp::Amber).map_err(|problem| problem.0).unwrap();
    let id = publish(&a, 1);
    calm(&a, &b);
    b.core.set_legal_hold(&id, Some("court order 12"), "officer").unwrap();
    let refused = b.core.erase(&id, "officer", "tidying up").unwrap_err();
    assert!(matches!(&refused, CoreError::Kept(basis) if basis == "court order 12"), "{refused}");
    assert!(has(&b, &id));
    b.core.set_legal_hold(&id, None, "officer").unwrap();
    b.core.erase(&id, "officer", "tidying up").unwrap();
    assert!(!has(&b, &id));
}

#[test]
fn two_that_part_and_meet_again_begin_with_nothing_agreed() {
    let [a, b] = two();
    let pact = agree(&[&a, &b], Tlp::Amber).map_err(|problem| problem.0).unwrap().id;
    let first = publish(&a, 1);
    calm(&a, &b);
    assert!(has(&b, &first));
    a.core.end_peer(&name(1), false, "officer", "the treaty is over").unwrap();
    for _ in 0..4 {
        for member in [&a, &b] {
            member.clock.advance(1_000);
            member.core.parting_step().unwrap();
        }
        settle(&[&a, &b]).map_err(|problem| problem.0).unwrap();
    }
    let second = publish(&a, 2);
    pair(&a, &b).map_err(|problem| problem.0).unwrap();
    for _ in 0..3 {
        for member in [&a, &b] {
            member.clock.advance(1_000_000);
        }
        settle(&[&a, &b]).map_err(|problem| problem.0).unwrap();
    }
    for member in [&a, &b] {
        assert_eq!(member.core.registry().unwrap().agreements[&pact].state.status, Status::Ended);
    }
    assert!(!has(&b, &second), "nothing flows before something is agreed");
    agree(&[&a, &b], Tlp::Green).map_err(|problem| problem.0).unwrap();
    calm(&a, &b);
    assert!(has(&b, &second));
}

#[test]
fn a_pairing_is_ended_at_once_also_by_a_node_whose_key_signs_nothing_any_more() {
    let [a, b] = two();
    let pact = agree(&[&a, &b], Tlp::Amber).map_err(|problem| problem.0).unwrap().id;
    calm(&a, &b);
    let history = a.core.own_history().unwrap();
    let key = history.current(a.now()).unwrap().key.id();
    let (reason, note, from) = (Reason::Compromised, "a laptop is gone".to_owned(), a.now());
    let change = Change::Revocation { key, reason, note, from };
    a.clock.advance(1_000);
    let event = history.next_event(a.now(), change).sign(&[&root(&a)]).unwrap();
    a.core.add_key_event(None, &event).unwrap();
    let ended = a.core.end_peer(&name(1), true, "officer", "they have our keys").unwrap();
    assert_eq!(ended.state, ports::trust::PeerState::Ended);
    assert_ne!(
        a.core.registry().unwrap().agreements[&pact].state.status,
        Status::Ended,
        "nobody could sign that"
    );
    let told = a.core.store.read().unwrap().findings(a.core.scope, 0, 99).unwrap();
    assert!(told.iter().any(|row| row.finding.rule == "shieldwall/agreement-left"), "{told:?}");
}
