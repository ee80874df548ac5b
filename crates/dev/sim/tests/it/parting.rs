//! Two nodes part while something is still under way between them.

use agreement::acts::What;
use model::{StixId, Tlp};
use ports::trust::PeerState;
use shieldwall_sim::{Member, agree, name, pair, settle};

fn two() -> [Member; 2] {
    let found = |place, country| Member::found(place, 13, country).map_err(|problem| problem.0).unwrap();
    let (a, b) = (found(0, "EE"), found(1, "FI"));
    pair(&a, &b).map_err(|problem| problem.0).unwrap();
    [a, b]
}

fn publish(member: &Member, number: u32) -> StixId {
    let green = stix::marking::tlp_ref(Tlp::Green);
    let id = format!("indicator--0ccccccc-0000-4000-8000-{number:012}");
    let text = format!(
        r#"{{"type":"indicator","spec_version":"2.1","id":"{id}","created_by_ref":"{}","created":"2026-10-30T00:00:00.000Z","modified":"2026-10-30T00:00:00.000Z","pattern":"[mutex:name = 'parting-{number}']","pattern_type":"stix","valid_from":"2026-10-30T00:00:00Z","indicator_types":["malicious-activity"],"object_marking_refs":["{green}"]}}"#,
        member.identity
    );
    member.publish(&[&text]).map_err(|problem| problem.0).unwrap();
    id.parse().unwrap()
}

fn has(member: &Member, id: &StixId) -> bool {
    member.text_of(id).map_err(|problem| problem.0).unwrap().is_some()
}

fn states(a: &Member, b: &Member) -> [PeerState; 2] {
    [(a, 1), (b, 0)].map(|(member, other)| member.core.pairing(&name(other)).unwrap().peer.state)
}

/// Until both have said all, and what they owe is settled.
fn part(a: &Member, b: &Member) {
    for _ in 0..4 {
        for member in [a, b] {
            member.clock.advance(1_000);
            while member.core.erasure_step().unwrap() {}
            member.core.parting_step().unwrap();
        }
        settle(&[a, b]).map_err(|problem| problem.0).unwrap();
    }
}

#[test]
fn content_that_was_under_way_when_the_agreement_ended_is_no_debt() {
    let [a, b] = two();
    let pact = agree(&[&a, &b], Tlp::Amber).map_err(|problem| problem.0).unwrap();
    let first = publish(&a, 1);
    settle(&[&a, &b]).map_err(|problem| problem.0).unwrap();
    assert!(has(&b, &first));
    // Sealed into the stream, and not yet called for when everything ends.
    let second = publish(&a, 2);
    a.clock.advance(1_000);
    a.work().map_err(|problem| problem.0).unwrap();
    a.core.act_on(pact.id, What::End, "the treaty is over", "officer").unwrap();
    a.core.end_peer(&name(1), false, "officer", "the treaty is over").unwrap();
    assert!(a.core.owed(b.party).unwrap().unsent > 0, "it waits in the stream");
    part(&a, &b);
    assert_eq!(states(&a, &b), [PeerState::Ended; 2], "{:?}", a.core.owed(b.party));
    assert!(!has(&b, &second), "it never left");
}

#[test]
fn content_of_a_suspended_agreement_is_no_debt_either_and_a_withdrawal_behind_it_arrives() {
    let [a, b] = two();
    let pact = agree(&[&a, &b], Tlp::Amber).map_err(|problem| problem.0).unwrap();
    let first = publish(&a, 1);
    settle(&[&a, &b]).map_err(|problem| problem.0).unwrap();
    let second = publish(&a, 2);
    a.clock.advance(1_000);
    a.work().map_err(|problem| problem.0).unwrap();
    a.core.act_on(pact.id, What::Suspend, "an incident", "officer").unwrap();
    settle(&[&a, &b]).map_err(|problem| problem.0).unwrap();
    assert!(!has(&b, &second), "it waits for the end of the suspension");
    a.core.withdraw(&first, "officer", "it was wrong").unwrap();
    a.core.end_peer(&name(1), false, "officer", "no more").unwrap();
    part(&a, &b);
    assert_eq!(states(&a, &b), [PeerState::Ended; 2], "{:?}", a.core.owed(b.party));
    assert!(!has(&b, &first) && !has(&b, &second));
}
