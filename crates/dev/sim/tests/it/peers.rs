//! What peers can and cannot do to what is kept of them: races, floods, contradictions, circles that are none of theirs.

use std::sync::Arc;

use agreement::Role;
use agreement::acts::{Act, Status, What};
use agreement::decision::{Decision, Matter};
use keys::events::{Change, Event};
use keys::posts::{Approval, Post};
use keys::{SecretKey, Signed, context};
use model::{AgreementId, Digest, PartyId, Timestamp, Tlp};
use ports::peer::{CallError, Topic};
use ports::trust::{DocumentKind, PeerState};
use runtime::trust::{Enrolment, Wanted};
use shieldwall_sim::{Member, agree, forge, name, next_version, officer, pair, settle, sign_all, text};

fn found(place: usize, country: &str) -> Member {
    Member::found(place, 17, country).map_err(|problem| problem.0).unwrap()
}

fn two() -> [Member; 2] {
    let (a, b) = (found(0, "EE"), found(1, "FI"));
    pair(&a, &b).map_err(|problem| problem.0).unwrap();
    [a, b]
}

fn calm(members: &[&Member]) {
    settle(members).map_err(|problem| problem.0).unwrap();
    members.iter().for_each(|member| member.clock.advance(1_000));
}

fn state(member: &Member, other: usize) -> PeerState {
    member.core.pairing(&name(other)).unwrap().peer.state
}

fn epoch(member: &Member) -> SecretKey {
    SecretKey::from_seed(*member.secrets().map_err(|problem| problem.0).unwrap().epoch.seed())
}

fn findings(member: &Member, rule: &str) -> usize {
    let rows = member.core.store.read().unwrap().findings(member.core.scope, 0, 10_000).unwrap();
    rows.iter().filter(|row| row.finding.rule == rule).count()
}

fn documents(member: &Member, kind: DocumentKind) -> usize {
    let read = member.core.store.read().unwrap();
    read.documents(member.core.scope.tenant, kind, None, 0, 100_000).unwrap().len()
}

/// What a peer answers to documents: how many it refused.
fn send(to: &Member, from: &Member, lines: &str) -> String {
    let answer = forge::call(to, Some(from.party), Topic::Documents, lines.as_bytes()).unwrap();
    String::from_utf8(answer).unwrap()
}

fn act(by: &Member, agreement: Option<AgreementId>, at: Timestamp, what: What) -> (Digest, String) {
    let act = Act { agreement, party: by.party, previous: None, at, reason: String::new(), what };
    let signed = act.sign(&epoch(by)).unwrap();
    let subject = agreement.map_or(signed.hash(), |agreement| agreement.0);
    (signed.hash(), format!("act {subject} {}\n", signed.to_text()))
}

#[test]
fn a_call_that_ends_late_does_not_undo_what_people_did_meanwhile() {
    let [a, b] = two();
    let call = a.core.next_call(b.party).unwrap().unwrap();
    let (core, called) = (Arc::clone(&a.core), name(1));
    a.store.just_before(move || {
        core.end_peer(&called, true, "officer", "they lied to us").unwrap();
    });
    a.core.answered(&call, Err(CallError::Unreachable("no route".to_owned()))).unwrap();
    assert_eq!(state(&a, 1), PeerState::Ended, "the person had the last word");
    let peer = a.core.pairing(&name(1)).unwrap().peer;
    assert!(peer.last_error.unwrap().1.contains("no route"), "and the call is noted all the same");
    assert!(a.core.registry().unwrap().paired(b.party).is_none());
}

#[test]
fn changes_of_a_peer_are_made_to_what_is_stored() {
    type Change = fn(&Member);
    let changes: [Change; 2] = [
        |a| {
            a.core.set_peer_endpoint(&name(1), Some("https://b.example:1")).unwrap();
        },
        |a| {
            a.core.change_peer(&name(1), None, Some("call the duty officer"), "officer").unwrap();
        },
    ];
    for change in changes {
        let [a, _] = two();
        let core = Arc::clone(&a.core);
        a.store.just_before(move || {
            core.end_peer(&name(1), true, "officer", "they lied to us").unwrap();
        });
        change(&a);
        assert_eq!(state(&a, 1), PeerState::Ended);
    }
    // And whoever ends a pairing that was ended meanwhile brings nothing back either.
    let [a, _] = two();
    let core = Arc::clone(&a.core);
    a.store.just_before(move || {
        core.end_peer(&name(1), true, "officer", "at once").unwrap();
    });
    let problem = a.core.end_peer(&name(1), false, "officer", "in good order").unwrap_err();
    assert!(problem.to_string().contains("changed at the same time"), "{problem}");
    assert_eq!(state(&a, 1), PeerState::Ended);
}

#[test]
fn calls_that_go_well_cost_no_new_fold_and_are_shown() {
    let [a, b] = two();
    calm(&[&a, &b]);
    let before = a.core.registry().unwrap();
    a.core.party().unwrap().forget_session(b.party);
    let call = a.core.next_call(b.party).unwrap().unwrap();
    let answer = forge::call(&b, Some(a.party), call.topic, &call.body);
    a.core.answered(&call, answer.map_err(CallError::from)).unwrap();
    assert!(Arc::ptr_eq(&before, &a.core.registry().unwrap()), "nothing follows from a call that went well");
    assert_eq!(a.core.pairing(&name(1)).unwrap().peer.last_contact, Some(a.now()));
}

#[test]
fn requests_that_nobody_answers_are_kept_up_to_a_bound() {
    let [a, b] = two();
    calm(&[&a, &b]);
    let what = || What::Request { to: a.party, document: None };
    let lines: Vec<String> = (0..20).map(|n| act(&b, None, b.now().plus_micros(-n), what()).1).collect();
    assert_eq!(send(&a, &b, &lines.concat()), r#"{"refused":4}"#);
    assert_eq!(a.core.registry().unwrap().requests.len(), 16);
    assert_eq!(findings(&a, "shieldwall/peer-document"), 1, "people are told once a call");
    let leaves = a.core.store.read().unwrap().ledger_size(a.core.scope.tenant).unwrap();
    assert_eq!(send(&a, &b, &lines.concat()), r#"{"refused":4}"#);
    let after = a.core.store.read().unwrap().ledger_size(a.core.scope.tenant).unwrap();
    assert_eq!(leaves, after, "and what is refused costs no entry of the ledger");
    let other = What::Request { to: PartyId(Digest([7; 32])), document: None };
    let stranger = act(&b, None, b.now(), other).1;
    assert_eq!(send(&a, &b, &stranger), r#"{"refused":1}"#);
}

#[test]
fn acts_on_what_nobody_knows_are_kept_up_to_a_bound_and_outsiders_acts_not_at_all() {
    let [a, b] = two();
    let c = found(2, "LV");
    // What a node invites with follows from its clock.
    for member in [&a, &b, &c] {
        member.clock.advance(1_000);
    }
    pair(&a, &c).map_err(|problem| problem.0).unwrap();
    let pact = agree(&[&a, &b], Tlp::Amber).map_err(|problem| problem.0).unwrap();
    calm(&[&a, &b, &c]);
    let stray = |n: u8| {
        let unknown = AgreementId(Digest([n; 32]));
        act(&c, Some(unknown), c.now(), What::Accept { version: Digest([n; 32]) }).1
    };
    let lines: String = (1..=80).map(stray).collect();
    assert_eq!(send(&a, &c, &lines), r#"{"refused":16}"#);
    let kept = documents(&a, DocumentKind::AgreementAct);
    // Of an agreement of others even the first is not kept, whatever it says.
    let own: String = [What::Suspend, What::End, What::Accept { version: pact.version }]
        .into_iter()
        .map(|what| act(&c, Some(pact.id), c.now(), what).1)
        .collect();
    assert_eq!(send(&a, &c, &own), r#"{"refused":3}"#);
    assert_eq!(documents(&a, DocumentKind::AgreementAct), kept);
    // A party's own acts that come to nothing, up to a bound; what narrows still counts then.
    let idle = |n: i64| {
        let what = What::Retract { version: Digest([9; 32]) };
        act(&b, Some(pact.id), b.now().plus_micros(-n), what).1
    };
    let lines: String = (0..80).map(idle).collect();
    assert_eq!(send(&a, &b, &lines), r#"{"refused":16}"#);
    assert_eq!(send(&a, &b, &act(&b, Some(pact.id), b.now(), What::End).1), r#"{"refused":0}"#);
    let registry = a.core.registry().unwrap();
    assert_eq!(registry.agreements[&pact.id].state.status, Status::Ended);
}

#[test]
fn decisions_are_kept_up_to_so_many_a_day() {
    let [a, b] = two();
    let pact = agree(&[&a, &b], Tlp::Amber).map_err(|problem| problem.0).unwrap();
    calm(&[&a, &b]);
    let notice = |n: i64| {
        let at = b.now().plus_micros(-n);
        let matter = Matter::Notice { ends: at.plus_micros(400 * 3_600_000_000) };
        let decision = Decision { agreement: pact.id, party: b.party, at, reason: String::new(), matter };
        format!("decision {} {}\n", pact.id, decision.sign(&epoch(&b)).unwrap().to_text())
    };
    let lines: String = (0..110).map(notice).collect();
    assert_eq!(send(&a, &b, &lines), r#"{"refused":10}"#);
    let kept = documents(&a, DocumentKind::PersonalDecision);
    assert_eq!(kept, 100);
    a.clock.advance(86_400_000_000);
    b.clock.advance(86_400_000_000);
    assert_eq!(send(&a, &b, &notice(0)), r#"{"refused":0}"#, "the next day there is room again");
}

#[test]
fn word_of_a_parting_is_kept_once_however_often_it_is_said() {
    let [a, b] = two();
    calm(&[&a, &b]);
    let said = |n: i64| {
        let body = format!(
            r#"{{"at":"{}","party":"{}","peer":"{}","reason":"again","settled":false,"type":"parting","v":1}}"#,
            b.now().plus_micros(n),
            b.party,
            a.party
        );
        let signed = Signed::sign(&body, context::PARTING, &[&epoch(&b)]).unwrap();
        format!("parting {} {}\n", b.party.0, signed.to_text())
    };
    b.clock.advance(1_000_000);
    a.clock.advance(1_000_000);
    let before = documents(&a, DocumentKind::Pairing);
    let lines: String = (0..50).map(said).collect();
    assert_eq!(send(&a, &b, &lines), r#"{"refused":0}"#);
    assert_eq!(documents(&a, DocumentKind::Pairing), before + 2, "theirs, and our answer");
    assert_eq!(state(&a, 1), PeerState::Ending);
}

#[test]
fn what_was_verified_is_not_verified_again() {
    let [mut a, b] = two();
    agree(&[&a, &b], Tlp::Amber).map_err(|problem| problem.0).unwrap();
    calm(&[&a, &b]);
    let lines: String = (0..60)
        .map(|n| {
            let what = What::Accept { version: Digest([n; 32]) };
            act(&b, Some(AgreementId(Digest([n; 32]))), b.now(), what).1
        })
        .collect();
    send(&a, &b, &lines);
    let timed = |a: &Member| {
        let started = std::time::Instant::now();
        let registry = a.core.registry().unwrap();
        (registry, started.elapsed())
    };
    let (before, _) = timed(&a);
    a.clock.advance(30_000_000);
    let (after, again) = timed(&a);
    assert!(!Arc::ptr_eq(&before, &after), "time has passed, so it was judged anew");
    a.restart().map_err(|problem| problem.0).unwrap();
    let (_, anew) = timed(&a);
    assert!(again * 3 < anew, "{again:?} for what was verified before, {anew:?} from the beginning");
}

#[test]
fn what_has_ended_stays_ended_when_a_clock_is_put_back() {
    let [mut a, b] = two();
    let pact = agree(&[&a, &b], Tlp::Amber).map_err(|problem| problem.0).unwrap();
    calm(&[&a, &b]);
    let status = |a: &Member| {
        a.core.agreement_step().unwrap();
        a.core.registry().unwrap().agreements[&pact.id].state.status
    };
    assert_eq!(status(&a), Status::InForce);
    let expiry: Timestamp = "2027-09-01T00:00:00Z".parse().unwrap();
    let over = expiry.plus_micros(61_000_000).as_micros();
    a.clock.set(over);
    assert_eq!(status(&a), Status::Ended);
    for back in [3_600_000_000, 2 * 86_400_000_000] {
        a.clock.set(over - back);
        assert_eq!(status(&a), Status::Ended, "put back by {back} microseconds");
        a.restart().map_err(|problem| problem.0).unwrap();
        assert_eq!(status(&a), Status::Ended, "and started again");
        assert!(!a.core.registry().unwrap().may_receive(pact.id, b.party, a.party));
    }
    assert_eq!(findings(&a, "shieldwall/clock-put-back"), 1);
}

#[test]
fn what_is_worth_knowing_about_an_agreement_is_told_once() {
    let [a, b] = two();
    let pact = agree(&[&a, &b], Tlp::Amber).map_err(|problem| problem.0).unwrap();
    calm(&[&a, &b]);
    // An act of a clock that is ten minutes ahead.
    let ahead = act(&b, Some(pact.id), b.now().plus_micros(600_000_000), What::Suspend).1;
    assert_eq!(send(&a, &b, &ahead), r#"{"refused":0}"#);
    let step = || {
        a.core.agreement_step().unwrap();
        a.core.agreement_step().unwrap();
    };
    step();
    assert_eq!(findings(&a, "shieldwall/act-clock-skew"), 1);
    assert_eq!(findings(&a, "shieldwall/review-overdue"), 0);
    let review: Timestamp = "2027-04-01T00:00:00Z".parse().unwrap();
    a.clock.set(review.as_micros() + 1);
    step();
    assert_eq!(findings(&a, "shieldwall/review-overdue"), 1);
    let notes = &a.core.registry().unwrap().agreements[&pact.id].state.notes;
    assert!(notes.iter().any(|note| note.to_string().contains("the review was due")), "{notes:?}");
}

#[test]
fn a_history_with_two_faces_stays_one_after_a_restart() {
    let [mut a, b] = two();
    let pact = agree(&[&a, &b], Tlp::Amber).map_err(|problem| problem.0).unwrap();
    calm(&[&a, &b]);
    // Another second event than the one that was told: both are properly signed.
    let history = b.core.own_history().unwrap();
    let face = |id: &str| {
        let id = id.parse().unwrap();
        let identities = [b.identity.clone(), id].into();
        let event: Event = history.next_event(b.now(), Change::Identities { identities });
        event.sign(&[&epoch(&b)]).unwrap()
    };
    let first = face("identity--11111111-1111-4111-8111-111111111111");
    let second = face("identity--22222222-2222-4222-8222-222222222222");
    let told = |event: &Signed| {
        let mut history = history.clone();
        history.apply(event, b.now()).unwrap();
        forge::call(&a, Some(b.party), Topic::Keys, history.to_text().as_bytes())
    };
    told(&first).unwrap();
    assert!(a.core.registry().unwrap().may_receive(pact.id, b.party, a.party));
    told(&second).unwrap_err();
    told(&second).unwrap_err();
    assert_eq!(findings(&a, "shieldwall/key-history-forked"), 1, "people are told, and once");
    for _ in 0..2 {
        let registry = a.core.registry().unwrap();
        assert!(registry.histories[&b.party].fork().is_some());
        assert!(!registry.may_receive(pact.id, b.party, a.party), "nothing is given to it");
        let state = &registry.agreements[&pact.id].state;
        assert!(
            state.blocked[&b.party].iter().any(|why| matches!(why, agreement::acts::Reason::KeysForked(_))),
            "{:?}",
            state.blocked
        );
        let word = act(&b, Some(pact.id), b.now().plus_micros(1), What::Suspend).1;
        assert_eq!(send(&a, &b, &word), r#"{"refused":1}"#, "nothing it signs is believed");
        drop(registry);
        a.restart().map_err(|problem| problem.0).unwrap();
    }
}

fn enrolment(key: &str) -> Wanted {
    Wanted::Join(Enrolment {
        key: key.to_owned(),
        role: Role::Controller,
        posts: [Post::ReleaseOfficer].into(),
        officers: 1,
        of: 1,
    })
}

fn approved(member: &Member, circle: AgreementId, wanted: &Wanted) {
    let asked = member.core.to_approve(circle, wanted).unwrap();
    let approval = Approval::sign(&officer(member.index), asked.bytes.as_bytes());
    member.core.act_approved(circle, wanted, vec![approval], "", "officer").unwrap();
}

fn circle_of_three() -> ([Member; 4], shieldwall_sim::Pact) {
    let members = [found(0, "EE"), found(1, "FI"), found(2, "LV"), found(3, "LT")];
    for (at, a) in members.iter().enumerate() {
        for b in members.iter().skip(at + 1) {
            pair(a, b).map_err(|problem| problem.0).unwrap();
            members.iter().for_each(|member| member.clock.advance(1_000));
        }
    }
    let pact = agree(&[&members[0], &members[1], &members[2]], Tlp::Green).map_err(|p| p.0).unwrap();
    (members, pact)
}

fn knows(member: &Member, agreement: AgreementId) -> usize {
    member.core.registry().unwrap().agreements.get(&agreement).map_or(0, |agreed| agreed.acts.len())
}

#[test]
fn an_outsider_that_writes_itself_into_a_circle_is_told_nothing() {
    let (members, pact) = circle_of_three();
    let [a, b, c, d] = members.each_ref();
    calm(&[a, b, c, d]);
    // It knows the text, by whatever way, and puts forward a version that names itself.
    let named = text(&[a, b, c, d], Tlp::Green).map_err(|problem| problem.0).unwrap();
    let document = next_version(&pact, &named);
    let policy = d.core.check_terms(&document).unwrap().1;
    let revise = act(d, Some(pact.id), d.now(), What::Revise { document, policy }).1;
    assert_eq!(send(a, d, &revise), r#"{"refused":1}"#);
    // Or asks to join what nobody has shown to it.
    let party = a.core.registry().unwrap().agreements[&pact.id].versions[&pact.version].terms.parties
        [&b.party]
        .clone();
    let own = agreement::Party {
        id: d.party,
        key: "delta".to_owned(),
        identities: [d.identity.clone()].into(),
        epoch: d.core.own_history().unwrap().current(d.now()).unwrap().key.id(),
        ..party
    };
    let join = What::Join { version: pact.version, member: Box::new(own), approvals: Vec::new() };
    send(a, d, &act(d, Some(pact.id), d.now(), join).1);
    calm(&[a, b, c, d]);
    assert_eq!(knows(d, pact.id), 0, "it is told nothing by writing to us");
    // Shown by a member, it is told.
    a.core.introduce(pact.id, d.party, "officer").unwrap();
    calm(&[a, b, c, d]);
    assert!(knows(d, pact.id) > 0);
}

#[test]
fn whoever_has_left_is_told_that_and_no_more() {
    let (members, pact) = circle_of_three();
    let [a, b, c, d] = members.each_ref();
    a.core.introduce(pact.id, d.party, "officer").unwrap();
    calm(&[a, b, c, d]);
    approved(d, pact.id, &enrolment("delta"));
    calm(&[a, b, c, d]);
    for member in [a, b, c] {
        approved(member, pact.id, &Wanted::Admit(Some(d.party)));
        calm(&[a, b, c, d]);
    }
    approved(d, pact.id, &Wanted::Admit(None));
    calm(&[a, b, c, d]);
    assert!(a.core.registry().unwrap().agreements[&pact.id].state.active.contains(&d.party));
    d.core.act_on(pact.id, What::Leave, "moving on", "officer").unwrap();
    calm(&[a, b, c, d]);
    let told = knows(d, pact.id);
    assert_eq!(told, knows(a, pact.id), "it knows all up to its leaving");
    let document = next_version(&pact, &pact.text).replace("Circle", "Circle of three");
    let proposed = a.core.propose(&document, "", "officer").unwrap();
    sign_all(&[a, b, c], &proposed).map_err(|problem| problem.0).unwrap();
    calm(&[a, b, c, d]);
    assert!(knows(a, pact.id) > told);
    assert_eq!(knows(d, pact.id), told, "what they agree on without it is theirs");
}
