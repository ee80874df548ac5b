//! Restored backups on either side, and what is compared then: nothing lost for good, nothing kept that should be gone,
//! and nothing told to whoever has no part in it.

use exchange::repair::{Ask, Call, Comparison, Holding, View, write_named};
use model::{AgreementId, Digest, StixId, Tlp};
use ports::peer::{CallError, Refusal, Topic};
use ports::trust::{DisclosureRecord, StreamKey};
use shieldwall_sim::{Member, Pact, agree, forge, name, pair};

fn found(place: usize, country: &str) -> Member {
    Member::found(place, 19, country).map_err(|problem| problem.0).unwrap()
}

fn two() -> ([Member; 2], Pact) {
    let (a, b) = (found(0, "EE"), found(1, "FI"));
    pair(&a, &b).map_err(|problem| problem.0).unwrap();
    let pact = agree(&[&a, &b], Tlp::Amber).map_err(|problem| problem.0).unwrap();
    ([a, b], pact)
}

fn publish(member: &Member, number: u32) -> StixId {
    let green = stix::marking::tlp_ref(Tlp::Green);
    let id = format!("indicator--0ddddddd-0000-4000-8000-{number:012}");
    let text = format!(
        r#"{{"type":"indicator","spec_version":"2.1","id":"{id}","created_by_ref":"{}","created":"2026-10-30T00:00:00.000Z","modified":"2026-10-30T00:00:00.000Z","pattern":"[mutex:name = 'repair-{number}']","pattern_type":"stix","valid_from":"2026-10-30T00:00:00Z","indicator_types":["malicious-activity"],"object_marking_refs":["{green}"]}}"#,
        member.identity
    );
    member.publish(&[&text]).map_err(|problem| problem.0).unwrap();
    id.parse().unwrap()
}

fn has(member: &Member, id: &StixId) -> bool {
    member.text_of(id).map_err(|problem| problem.0).unwrap().is_some()
}

/// Until nobody has anything to say, and what is waited for has come. Ledgers are not witnessed: that of a restored node
/// is refused until it has caught up.
fn calm(members: &[&Member]) {
    for _ in 0..3 {
        quiet(members);
        members.iter().for_each(|member| member.clock.advance(20_000_000));
    }
}

fn quiet(members: &[&Member]) {
    for _ in 0..200 {
        let mut said = false;
        for from in members {
            from.work().map_err(|problem| problem.0).unwrap();
            for to in members.iter().filter(|to| to.index != from.index) {
                let call = from.core.next_call(to.party).unwrap();
                let Some(call) = call.filter(|call| call.topic != Topic::Witness) else { continue };
                let answer = forge::call(to, Some(from.party), call.topic, &call.body);
                from.core.answered(&call, answer.map_err(CallError::from)).unwrap();
                said = true;
            }
        }
        if !said {
            return;
        }
    }
    panic!("they never stop");
}

fn given(member: &Member) -> Vec<DisclosureRecord> {
    let read = member.core.store.read().unwrap();
    read.disclosures(member.core.scope.tenant, None, false, 0, 1000).unwrap()
}

fn findings(member: &Member, rule: &str) -> Vec<String> {
    let rows = member.core.store.read().unwrap().findings(member.core.scope, 0, 10_000).unwrap();
    rows.into_iter().filter(|row| row.finding.rule == rule).map(|row| row.finding.message).collect()
}

fn marked(member: &Member, to: &Member, agreement: AgreementId) -> bool {
    let cursor = format!("compare:{}:{agreement}", to.party);
    member.core.store.read().unwrap().named_cursor(member.core.scope.tenant, &cursor).unwrap().is_some()
}

fn stream(member: &Member, to: &Member, agreement: AgreementId) -> ports::trust::StreamPosition {
    let key = StreamKey { peer: to.party, agreement, outbound: true };
    let streams = member.core.store.read().unwrap().streams(member.core.scope.tenant).unwrap();
    streams.into_iter().find(|(known, _)| *known == key).unwrap().1
}

#[test]
fn a_restored_sender_takes_back_what_it_no_longer_knows_it_gave() {
    let ([mut a, b], pact) = two();
    let folder = testkit::temp_dir();
    let kept = publish(&a, 1);
    calm(&[&a, &b]);
    let backup = folder.path().join("a.db");
    a.core.store.backup(&backup).unwrap();
    let lost = publish(&a, 2);
    calm(&[&a, &b]);
    assert!(has(&b, &kept) && has(&b, &lost));
    a.restore(&backup).map_err(|problem| problem.0).unwrap();
    assert!(!has(&a, &lost));
    calm(&[&a, &b]);
    assert_eq!(stream(&a, &b, pact.id).epoch, 2, "what the peer has does not follow what is kept");
    assert!(has(&b, &kept), "what is given still stays");
    assert!(!has(&b, &lost), "what nobody here can answer for is gone there");
    let unknown: Vec<_> = given(&a).into_iter().filter(|given| given.object.is_none()).collect();
    assert_eq!(unknown.len(), 1);
    assert!(unknown[0].withdrawn.is_some() && unknown[0].deadline.is_some());
    assert_eq!(unknown[0].receipt.as_ref().unwrap().1, "erased", "and confirmed");
    assert!(!marked(&a, &b, pact.id));
    assert_eq!(findings(&a, "shieldwall/repair").len(), 1);
    // Nothing is left to do, whoever asks.
    assert_eq!(a.core.compare_with(&name(1), "officer").unwrap(), 1);
    calm(&[&a, &b]);
    assert_eq!(findings(&a, "shieldwall/repair").len(), 1);
    assert!(has(&b, &kept));
}

#[test]
fn what_waited_in_a_stream_that_cannot_be_continued_is_sent_all_the_same() {
    let ([mut a, b], pact) = two();
    let folder = testkit::temp_dir();
    let [first, second] = [1, 2].map(|number| publish(&a, number));
    calm(&[&a, &b]);
    let backup = folder.path().join("a.db");
    a.core.store.backup(&backup).unwrap();
    publish(&a, 3);
    calm(&[&a, &b]);
    a.restore(&backup).map_err(|problem| problem.0).unwrap();
    // Into the old epoch, before anyone has asked how far the peer is.
    a.core.withdraw(&first, "officer", "it was wrong").unwrap();
    let third = publish(&a, 4);
    a.work().map_err(|problem| problem.0).unwrap();
    assert!(stream(&a, &b, pact.id).seq > stream(&a, &b, pact.id).acked, "it stands in the stream");
    calm(&[&a, &b]);
    assert!(!has(&b, &first), "the withdrawal arrived");
    assert!(has(&b, &second) && has(&b, &third), "and so did what was to be given");
}

#[test]
fn a_false_position_makes_nobody_forget_a_withdrawal() {
    let ([a, b], pact) = two();
    let first = publish(&a, 1);
    calm(&[&a, &b]);
    a.core.withdraw(&first, "officer", "it was wrong").unwrap();
    a.work().map_err(|problem| problem.0).unwrap();
    a.core.party().unwrap().forget_session(b.party);
    let before = stream(&a, &b, pact.id);
    loop {
        let call = a.core.next_call(b.party).unwrap().unwrap();
        if call.topic != Topic::Position {
            let answer = forge::call(&b, Some(a.party), call.topic, &call.body);
            a.core.answered(&call, answer.map_err(CallError::from)).unwrap();
            continue;
        }
        // The peer claims one entry more than there is.
        let id = exchange::StreamId { from: a.party, to: b.party, agreement: pact.id, epoch: before.epoch };
        let at = exchange::Position { epoch: before.epoch, seq: before.seq + 1, head: Digest([5; 32]) };
        let ack = exchange::Ack::sign(id, &at, b.now(), &b.secrets().map_err(|p| p.0).unwrap().epoch);
        a.core.answered(&call, Ok(ack.to_text().into_bytes())).unwrap();
        break;
    }
    assert_eq!(stream(&a, &b, pact.id).epoch, before.epoch + 1);
    calm(&[&a, &b]);
    assert!(!has(&b, &first), "it was withdrawn in the new epoch");
    let given = given(&a);
    let told = given.iter().find(|given| given.object.as_ref() == Some(&first)).unwrap();
    assert_eq!(told.receipt.as_ref().unwrap().1, "erased");
}

#[test]
fn a_restored_receiver_gets_everything_again() {
    let ([a, mut b], pact) = two();
    let folder = testkit::temp_dir();
    let backup = folder.path().join("b.db");
    let first = publish(&a, 1);
    calm(&[&a, &b]);
    b.core.store.backup(&backup).unwrap();
    let [second, third] = [2, 3].map(|number| publish(&a, number));
    calm(&[&a, &b]);
    a.core.withdraw(&first, "officer", "it was wrong").unwrap();
    calm(&[&a, &b]);
    assert!(!has(&b, &first) && has(&b, &second));
    b.restore(&backup).map_err(|problem| problem.0).unwrap();
    assert!(has(&b, &first) && !has(&b, &second));
    a.core.party().unwrap().forget_session(b.party);
    calm(&[&a, &b]);
    assert!(has(&b, &second) && has(&b, &third), "everything is there again");
    assert!(!has(&b, &first), "and what was taken back is gone again");
    assert_eq!(findings(&a, "shieldwall/peer-behind").len(), 1);
    assert!(!marked(&a, &b, pact.id));
}

#[test]
fn what_the_receiver_lost_by_itself_is_found_when_people_ask() {
    let ([a, b], pact) = two();
    let (first, second) = (publish(&a, 1), publish(&a, 2));
    calm(&[&a, &b]);
    // An operator's hand in the store: the holding is gone, and the stream says that all is well.
    let tenant = b.core.scope.tenant;
    let held = b.core.store.read().unwrap().holdings(tenant, Some(&first), 0, 10).unwrap().remove(0);
    let gone = ports::trust::HoldingRecord { ended: Some(b.now()), erased: Some(b.now()), ..held };
    b.core.store.transact(|tx| tx.set_holding(tenant, &gone)).unwrap();
    let before = stream(&a, &b, pact.id).seq;
    a.core.compare_with(&name(1), "officer").unwrap();
    calm(&[&a, &b]);
    assert!(stream(&a, &b, pact.id).seq > before, "it was given again, by an ordinary entry");
    let live = b.core.store.read().unwrap().holdings_from(tenant, a.party, pact.id, None, 10).unwrap();
    let live: Vec<_> = live.into_iter().filter_map(|held| held.object).collect();
    assert!(live.contains(&first) && live.contains(&second));
    assert_eq!(findings(&a, "shieldwall/repair").len(), 1);
}

/// Calls until the comparison is asked for, which is returned.
fn until_compared(a: &Member, b: &Member) -> runtime::trust::Call {
    for _ in 0..50 {
        a.work().map_err(|problem| problem.0).unwrap();
        let call = a.core.next_call(b.party).unwrap().unwrap();
        if call.topic == Topic::Repair {
            return call;
        }
        let answer = forge::call(b, Some(a.party), call.topic, &call.body);
        a.core.answered(&call, answer.map_err(CallError::from)).unwrap();
    }
    panic!("nothing is compared");
}

#[test]
fn a_lying_receiver_gets_an_alarm_and_nothing_else() {
    let lies = [
        Ok(b"nonsense".to_vec()),
        Ok(vec![0x61; 400 << 10]),
        Ok(Vec::new()),
        Err(CallError::Refused(Refusal::Invalid("no".to_owned()))),
    ];
    for lie in lies {
        let ([a, b], pact) = two();
        let first = publish(&a, 1);
        calm(&[&a, &b]);
        a.core.compare_with(&name(1), "officer").unwrap();
        let call = until_compared(&a, &b);
        let before = given(&a);
        a.core.answered(&call, lie).unwrap();
        assert_eq!(findings(&a, "shieldwall/repair").len(), 1);
        assert!(!marked(&a, &b, pact.id), "it is not asked again and again");
        assert_eq!(given(&a), before);
        calm(&[&a, &b]);
        assert!(has(&b, &first));
    }
    // It holds everything, and names what nobody asked about.
    let ([a, b], pact) = two();
    publish(&a, 1);
    calm(&[&a, &b]);
    a.core.compare_with(&name(1), "officer").unwrap();
    let made_up = Holding { subject: Digest([3; 32]), epoch: 1, seq: 9 };
    let view = View::new([made_up]).unwrap();
    let call = until_compared(&a, &b);
    let Ask::Compare(message) = Call::decode(&call.body).unwrap().ask else { panic!("not a comparison") };
    a.core.answered(&call, Ok(view.answer(&message).unwrap())).unwrap();
    let call = until_compared(&a, &b);
    assert!(matches!(Call::decode(&call.body).unwrap().ask, Ask::Name(_)));
    let own = given(&a)[0].subject;
    let other = Holding { subject: own, epoch: 1, seq: 1 };
    a.core.answered(&call, Ok(write_named(&[other]))).unwrap();
    assert!(findings(&a, "shieldwall/repair")[0].contains("nobody asked"));
    assert!(!marked(&a, &b, pact.id));
    assert!(
        given(&a).iter().all(|given| given.withdrawn.is_none()),
        "what is given still is never taken back"
    );
}

#[test]
fn outsiders_and_others_learn_nothing_by_asking() {
    let ([a, b], pact) = two();
    let c = found(2, "LV");
    for member in [&a, &b, &c] {
        member.clock.advance(1_000);
    }
    pair(&a, &c).map_err(|problem| problem.0).unwrap();
    publish(&b, 1);
    calm(&[&a, &b, &c]);
    let view = View::new([]).unwrap();
    let ask = || Ask::Compare(Comparison::start(&view).unwrap().1);
    let call = |from: &Member, by: &Member, agreement| {
        let call = Call { from: from.party, to: a.party, agreement, ask: ask() };
        forge::call(&a, Some(by.party), Topic::Repair, &call.encode())
    };
    call(&b, &b, pact.id).unwrap();
    let nothing = call(&c, &c, AgreementId(Digest([7; 32]))).unwrap_err();
    assert!(matches!(nothing, Refusal::Forbidden(_)));
    assert_eq!(call(&c, &c, pact.id).unwrap_err(), nothing, "that there is such an agreement is not told");
    assert_eq!(call(&b, &c, pact.id).unwrap_err(), nothing, "another's stream");
    assert_eq!(call(&a, &b, pact.id).unwrap_err(), nothing, "ours is ours to ask about");
    let ours = Call { from: b.party, to: c.party, agreement: pact.id, ask: ask() };
    assert_eq!(forge::call(&a, Some(b.party), Topic::Repair, &ours.encode()).unwrap_err(), nothing);
    let junk = forge::call(&a, Some(b.party), Topic::Repair, b"SWR1").unwrap_err();
    assert!(matches!(junk, Refusal::Invalid(_)));
}

#[test]
fn lists_are_not_made_for_every_message() {
    let ([a, b], pact) = two();
    publish(&b, 1);
    calm(&[&a, &b]);
    let view = View::new([]).unwrap();
    let ask = || {
        let ask = Ask::Compare(Comparison::start(&view).unwrap().1);
        let call = Call { from: b.party, to: a.party, agreement: pact.id, ask };
        forge::call(&a, Some(b.party), Topic::Repair, &call.encode())
    };
    ask().unwrap();
    ask().unwrap();
    // Each entry would make it another list.
    publish(&b, 2);
    quiet(&[&a, &b]);
    assert!(matches!(ask().unwrap_err(), Refusal::Busy(_)));
    a.clock.advance(11_000_000);
    ask().unwrap();
}
