//! What a hostile peer, a thief of keys or an ambitious officer would try.

use keys::events::{Change, Reason as KeyReason};
use keys::posts::{PersonKey, Post};
use keys::window::{DAY, Window};
use keys::{Signed, context};
use model::{AgreementId, Digest};
use shieldwall_agreement::acts::{Act, Conflict, Reason, Record, Refused, State, Status, Waiting, What};
use shieldwall_agreement::{Proposal, proposal};

use crate::world::{HOUR, POLICY, World, secret, time};

fn offered() -> (World, Proposal, String) {
    let mut world = World::new();
    let text = world.text("bilateral-cert");
    let proposal = world.offer(&text);
    (world, proposal, text)
}

#[track_caller]
fn refused(state: &State, act: Digest) -> Refused {
    state
        .refused
        .get(&act)
        .cloned()
        .unwrap_or_else(|| panic!("not refused; waiting: {:?}", state.waiting.get(&act)))
}

#[test]
fn an_act_changed_on_the_way_is_refused() {
    let (mut world, proposal, _) = offered();
    world.agree(1, &proposal);
    let mut signed = world.acts.pop().unwrap();
    signed.body = signed.body.replace("\"reason\":\"\"", "\"reason\":\"as agreed by phone\"");
    let hash = signed.hash();
    world.acts.push(signed);
    assert!(
        matches!(refused(&world.state(), hash), Refused::Signature(why) if why.contains("does not verify"))
    );
}

#[test]
fn an_act_signed_by_somebody_else_or_for_something_else_is_refused() {
    let (mut world, _, _) = World::in_force();
    let end = world.draft(1, What::End);
    for (signer, context) in [(0, context::AGREEMENT), (2, context::AGREEMENT), (1, context::RELEASE)] {
        let signed = Signed::sign(&end.to_body(), context, &[world.orgs[signer].epoch]).unwrap();
        let hash = signed.hash();
        world.acts.push(signed);
        let state = world.state();
        assert_eq!(state.status, Status::InForce);
        assert!(matches!(refused(&state, hash), Refused::Signature(_)));
        world.acts.pop();
    }
    // A copy without the signature beside the real one changes nothing.
    world.acts.push(Signed::unsigned(&end.to_body()).unwrap());
    world.acts.push(end.sign(world.orgs[1].epoch).unwrap());
    let state = world.state();
    assert_eq!((state.status, state.refused.len()), (Status::Ended, 0));
}

#[test]
fn a_party_nobody_knows_and_a_party_that_is_not_in_it() {
    let (mut world, proposal, _) = World::in_force();
    let act = world.act(2, What::End);
    assert_eq!(refused(&world.state(), act), Refused::NotAParty(world.id(2)));
    let version = proposal.hash();
    let accept = world.act(2, What::Accept { version });
    assert_eq!(refused(&world.state(), accept), Refused::NotAParty(world.id(2)));
    assert_eq!(world.state().status, Status::InForce);
    let stranger = world.orgs.remove(2).id();
    assert_eq!(refused(&world.state(), accept), Refused::UnknownSigner(stranger));
}

#[test]
fn a_text_offered_by_somebody_it_does_not_name() {
    let mut world = World::new();
    let text = world.text("bilateral-cert");
    world.agreement = Some(proposal(&crate::fixture::parse(&text), POLICY).agreement());
    let act = world.act(2, What::Offer { document: text, policy: POLICY, answers: None });
    let state = world.state();
    assert_eq!((refused(&state, act), state.versions.len()), (Refused::NotAParty(world.id(2)), 0));
}

#[test]
fn replays_change_nothing() {
    let (mut world, _, _) = World::in_force();
    world.act(1, What::Suspend);
    world.resume(1);
    world.act(1, What::Suspend);
    let before = world.state();
    assert_eq!(before.status, Status::Suspended);
    let again = world.acts.clone();
    world.acts.extend(again);
    assert_eq!(world.state(), before);
}

#[test]
fn an_old_approval_does_not_resume_again() {
    let (mut world, _, _) = World::in_force();
    world.act(1, What::Suspend);
    let resume = world.draft(1, What::Resume { approvals: Vec::new() });
    let resume = world.approved(1, resume, None);
    world.put(1, &resume);
    world.act(1, What::Suspend);
    // Whoever has the node's key, and not the officers', uses what they signed before.
    let replay = Act { what: resume.what.clone(), ..world.draft(1, What::End) };
    let replay = world.put(1, &replay);
    assert!(matches!(refused(&world.state(), replay), Refused::Officers { counted: 0, needed: 2, .. }));
    assert_eq!(world.state().status, Status::Suspended);
}

#[test]
fn acts_of_one_agreement_say_nothing_of_another() {
    let (mut world, proposal, text) = offered();
    world.agree(1, &proposal);
    let other = text.replace("keep_days = 365", "keep_days = 366");
    let elsewhere = shieldwall_agreement::proposal(&crate::fixture::parse(&other), POLICY).agreement();
    let acts = world.acts.clone();
    let state = world.known(|known| Record::of(elsewhere, &acts, known)).at(world.now);
    assert!(state.refused.values().all(|why| *why == Refused::OtherAgreement(proposal.hash())));
    assert_eq!(state.refused.len(), 2);
}

#[test]
fn the_text_is_what_its_hash_says() {
    let mut world = World::new();
    let text = world.text("bilateral-cert");
    let real = proposal(&crate::fixture::parse(&text), POLICY);
    world.agreement = Some(real.agreement());
    // Another text, another policy, another comment: each is another agreement.
    for (document, policy) in [
        (text.replace("keep_days = 365", "keep_days = 3650"), POLICY),
        (text.clone(), Digest([9; 32])),
        (format!("{text}# and nothing else\n"), POLICY),
    ] {
        let act = world.act(0, What::Offer { document, policy, answers: None });
        assert!(matches!(refused(&world.state(), act), Refused::WrongVersion(_)));
    }
    let act = world.act(0, What::Offer { document: "kind = 7".into(), policy: POLICY, answers: None });
    assert!(
        matches!(refused(&world.state(), act), Refused::Text(why) if why.contains("`format` is missing"))
    );
}

#[test]
fn officers_sign_this_text_and_no_other() {
    let (mut world, real, text) = offered();
    let other =
        proposal(&crate::fixture::parse(&text.replace("keep_days = 365", "keep_days = 1000")), POLICY);
    let act = world.draft(1, What::Agree { version: real.hash(), approvals: Vec::new() });
    let act = world.approved(1, act, Some(&other));
    let act = world.put(1, &act);
    let why = refused(&world.state(), act);
    assert!(
        matches!(&why, Refused::Officers { counted: 0, needed: 2, why, .. } if why.len() == 2),
        "{why:?}"
    );
}

#[test]
fn one_person_is_one_person() {
    let (mut world, proposal, _) = offered();
    let ada = PersonKey::Hybrid(world.orgs[1].officers[0].public().clone());
    let other = secret("ada's other key");
    let spare = PersonKey::Hybrid(other.public().clone());
    // The same key twice; a second key of the same person; the same key under another name and another post.
    world.orgs[1].appoint("ada", Post::ReleaseOfficer, &[spare]);
    world.orgs[1].appoint("not-ada", Post::ReleaseOfficer, std::slice::from_ref(&ada));
    world.orgs[1].appoint("ada", Post::DutyOfficer, &[ada]);
    let draft = world.draft(1, What::Agree { version: proposal.hash(), approvals: Vec::new() });
    let key = &world.orgs[1].officers[0];
    for signers in [vec![key], vec![key, key], vec![key, &other]] {
        let act = world.approved_by(&signers, draft.clone(), Some(&proposal));
        let mut acts = world.acts.clone();
        acts.push(act.sign(world.orgs[1].epoch).unwrap());
        let hash = acts.last().unwrap().hash();
        let state = world.known(|known| Record::of(world.agreement.unwrap(), &acts, known)).at(world.now);
        assert!(matches!(refused(&state, hash), Refused::Officers { counted: 1, needed: 2, .. }));
    }
}

#[test]
fn one_person_under_two_posts_is_one_person() {
    let mut world = World::new();
    let ada = PersonKey::Hybrid(world.orgs[1].officers[0].public().clone());
    world.orgs[1].appoint("ada", Post::Legal, &[ada]);
    let text = world.text("bilateral-cert");
    let text = text.replace("posts = [\"release-officer\"]", "posts = [\"release-officer\", \"legal\"]");
    let proposal = world.offer(&text);
    let act = world.draft(1, What::Agree { version: proposal.hash(), approvals: Vec::new() });
    let key = &world.orgs[1].officers[0];
    let act = world.approved_by(&[key, key], act, Some(&proposal));
    let act = world.put(1, &act);
    assert!(matches!(refused(&world.state(), act), Refused::Officers { counted: 1, needed: 2, .. }));
}

#[test]
fn officers_who_are_none() {
    let (mut world, proposal, _) = offered();
    let me = secret("self-appointed");
    let key = PersonKey::Hybrid(me.public().clone());
    // An appointment that the party's keys did not sign is refused by the roster, so the key is nobody's here.
    let appointment = keys::posts::Appointment {
        party: world.id(1),
        post: Post::ReleaseOfficer,
        person: "eve".into(),
        name: "Eve".into(),
        keys: vec![key.clone()],
        window: Window { from: crate::world::dawn(), until: crate::world::dawn().plus_micros(90 * DAY) },
        issued: crate::world::dawn(),
        deputy: None,
    };
    let forged = Signed::sign(&appointment.to_body(), context::APPOINTMENT, &[&me]).unwrap();
    let (history, now) = (world.orgs[1].history.clone(), world.now);
    assert!(world.orgs[1].roster.apply(&forged, &history, now).is_err());
    let try_with = |world: &mut World, needle: &str| {
        let act = world.draft(1, What::Agree { version: proposal.hash(), approvals: Vec::new() });
        let act = world.approved_by(&[&world.orgs[1].officers[0], &me], act, Some(&proposal));
        let mut acts = world.acts.clone();
        acts.push(act.sign(world.orgs[1].epoch).unwrap());
        let hash = acts.last().unwrap().hash();
        let state = world.known(|known| Record::of(world.agreement.unwrap(), &acts, known)).at(world.now);
        let why = refused(&state, hash).to_string();
        assert!(
            why.contains("1 officers' approvals count where 2 are needed") && why.contains(needle),
            "{why}"
        );
    };
    try_with(&mut world, "not appointed as RELEASE_OFFICER");
    // Appointed to another post; by the other party; not yet; no longer.
    world.orgs[1].appoint("eve", Post::Analyst, std::slice::from_ref(&key));
    world.orgs[0].appoint("eve", Post::ReleaseOfficer, std::slice::from_ref(&key));
    try_with(&mut world, "not appointed as RELEASE_OFFICER");
    let later = Window { from: time("2026-06-01"), until: time("2026-07-01") };
    world.orgs[1].appoint_for("eve", Post::ReleaseOfficer, std::slice::from_ref(&key), later);
    try_with(&mut world, "does not hold before");
    let over = Window { from: time("2025-12-20"), until: time("2025-12-21") };
    let mut world = World { now: time("2025-12-25"), ..offered().0 };
    world.orgs[1].appoint_for("eve", Post::ReleaseOfficer, &[key], over);
    try_with(&mut world, "held until");
}

#[test]
fn a_revoked_key_signs_nothing_from_then_on() {
    let (mut world, proposal, _) = offered();
    world.agree(0, &proposal);
    let before = world.agree(1, &proposal);
    let org = &mut world.orgs[1];
    let change = Change::Revocation {
        key: org.epoch.id(),
        reason: KeyReason::Compromised,
        note: "stolen laptop".into(),
        from: world.now,
    };
    let event = org.history.next_event(world.now, change).sign(&[org.root]).unwrap();
    org.history.apply(&event, world.now).unwrap();
    let version = proposal.hash();
    let verify = world.act(1, What::Verify { version });
    let state = world.state();
    assert!(matches!(refused(&state, verify), Refused::Signature(why) if why.contains("revoked")));
    assert!(!state.refused.contains_key(&before), "what was signed before the theft stands");
    let end = world.act(1, What::End);
    assert!(matches!(refused(&world.state(), end), Refused::Signature(_)), "a thief ends nothing either");
    assert_eq!(world.state().status, Status::Agreed);
}

#[test]
fn an_expired_key_signs_nothing() {
    let (mut world, _, _) = World::in_force();
    world.now = crate::world::dawn().plus_micros(81 * DAY);
    let act = world.resume(1);
    assert!(matches!(refused(&world.state(), act), Refused::Signature(why) if why.contains("held until")));
}

#[test]
fn acts_are_not_dated_back() {
    let (mut world, _, _) = World::in_force();
    world.act(1, What::Suspend);
    let early = Act { at: time("2026-01-02"), ..world.draft(1, What::Resume { approvals: Vec::new() }) };
    let early = world.approved(1, early, None);
    let act = world.put(1, &early);
    assert!(matches!(refused(&world.state(), act), Refused::Backwards { .. }));
    assert_eq!(world.state().status, Status::Suspended);
}

#[test]
fn the_party_id_is_that_of_its_keys() {
    // The text names `b` with the keys of `c`, or with an identity that is not its own.
    for (from, to) in [
        (1, world_epoch(2)),
        (1, (World::new().orgs[1].epoch.id().to_string(), Digest([3; 32]).to_string())),
        (1, (crate::world::identity('b').to_string(), crate::world::identity('c').to_string())),
    ] {
        let mut world = World::new();
        let text = world.text("bilateral-cert").replace(&to.0, &to.1);
        let proposal = world.offer(&text);
        let act = world.agree(from, &proposal);
        assert!(
            matches!(refused(&world.state(), act), Refused::NotItsKeys { party, .. } if party == world.id(1))
        );
    }
    // A history kept under another party's id convinces nobody.
    let (mut world, proposal, _) = offered();
    let act = world.agree(1, &proposal);
    let histories =
        [(world.id(0), world.orgs[0].history.clone()), (world.id(1), world.orgs[2].history.clone())];
    let state = world.known(|known| {
        let histories = histories.into();
        let known = shieldwall_agreement::acts::Known { histories: &histories, ..*known };
        Record::of(world.agreement.unwrap(), &world.acts, &known).at(world.now)
    });
    assert_eq!(refused(&state, act), Refused::OtherHistory(world.id(1), world.id(2)));
}

/// The epoch key of `b`, and another's to put in its place.
fn world_epoch(other: usize) -> (String, String) {
    let world = World::new();
    (world.orgs[1].epoch.id().to_string(), world.orgs[other].epoch.id().to_string())
}

#[test]
fn a_party_whose_keys_contradict_each_other_is_not_dealt_with() {
    let (mut world, _, _) = World::in_force();
    let org = &mut world.orgs[1];
    for identity in ['x', 'y'] {
        let identities = [crate::world::identity('b'), crate::world::identity(identity)].into();
        let event = keys::events::Event {
            after: Some((org.history.party(), org.history.events()[0].hash())),
            n: 1,
            created: world.now,
            change: Change::Identities { identities },
        };
        let _ = org.history.apply(&event.sign(&[org.epoch]).unwrap(), world.now);
    }
    let state = world.state();
    assert_eq!((state.status, state.reasons), (Status::Suspended, vec![Reason::KeysForked(world.id(1))]));
}

#[test]
fn two_faces_suspend_and_are_named() {
    let (mut world, _, _) = World::in_force();
    // `b` shows one act to some and another to others.
    let (one, other) =
        (world.draft(1, What::Suspend), Act { reason: "x".into(), ..world.draft(1, What::Suspend) });
    let (one, other) = (world.put(1, &one), world.put(1, &other));
    let state = world.state();
    assert_eq!(state.status, Status::Suspended);
    let conflict =
        Conflict { party: Some(world.id(1)), what: "acts", first: one.min(other), second: one.max(other) };
    assert!(state.reasons.contains(&Reason::Conflict(conflict)), "{:?}", state.reasons);
}

/// Two texts that both follow the first, signed by everybody.
fn forked() -> (World, [Proposal; 3], String) {
    let (mut world, first, text) = World::in_force();
    let one = world.later(&text, first.hash(), &[("keep_days = 365", "keep_days = 100")]);
    let other = world.later(&text, first.hash(), &[("keep_days = 365", "keep_days = 200")]);
    let (one, other) = (world.revise(0, &one), world.revise(1, &other));
    world.agree(0, &one);
    world.agree(0, &other);
    (world, [first, one, other], text)
}

#[test]
fn a_fork_of_versions_suspends_and_names_both() {
    let (mut world, [first, one, other], _) = forked();
    let state = world.state();
    assert_eq!((state.status, state.current), (Status::Suspended, Some(first.hash())));
    let (a, b) = (one.hash().min(other.hash()), one.hash().max(other.hash()));
    let conflict = Conflict { party: Some(world.id(0)), what: "versions", first: a, second: b };
    assert_eq!(state.reasons, [Reason::Conflict(conflict)]);
    // Completing both makes it no better.
    world.agree(1, &one);
    world.agree(1, &other);
    for version in [one.hash(), other.hash()] {
        for what in [What::Verify { version }, What::Enter { version }] {
            world.act(0, what.clone());
            world.act(1, what);
        }
    }
    assert_eq!(world.state().status, Status::Suspended);
}

#[test]
fn a_later_version_settles_a_fork() {
    let (mut world, [first, one, other], text) = forked();
    let third = world.later(&text, first.hash(), &[("keep_days = 365", "keep_days = 150")]);
    let third = third.replacen(
        "version = 2\n",
        &format!("version = 2\nsettles = [\"{}\", \"{}\"]\n", one.hash(), other.hash()),
        1,
    );
    let third = world.revise(0, &third);
    world.conclude(&[0, 1], &third);
    let state = world.state();
    assert_eq!((state.status, state.current), (Status::InForce, Some(third.hash())), "{:?}", state.reasons);
    assert!(state.refused.values().any(|why| *why == Refused::Void(third.hash())));
}

#[test]
fn settlements_that_contradict_each_other_settle_nothing() {
    let (mut world, [_, one, other], text) = forked();
    for (kept, dropped) in [(&one, &other), (&other, &one)] {
        // Each side completes its own line and declares the other void.
        world.agree(1, kept);
        let version = kept.hash();
        for what in [What::Verify { version }, What::Enter { version }] {
            world.act(0, what.clone());
            world.act(1, what);
        }
        let days = kept.terms.retention.keep_days;
        let base = world.later(
            &text,
            kept.terms.previous.unwrap(),
            &[("keep_days = 365", &format!("keep_days = {days}"))],
        );
        let next = world.later(&base, version, &[]);
        let next =
            next.replacen("version = 3\n", &format!("version = 3\nsettles = [\"{}\"]\n", dropped.hash()), 1);
        let next = world.revise(0, &next);
        world.conclude(&[0, 1], &next);
    }
    let state = world.state();
    assert_eq!(state.status, Status::Suspended, "{:?}", state.reasons);
}

#[test]
fn there_is_no_way_back_to_an_earlier_version() {
    let (mut world, first, text) = World::in_force();
    let narrow = world.later(&text, first.hash(), &[("keep_days = 365", "keep_days = 30")]);
    let second = world.revise(0, &narrow);
    world.conclude(&[0, 1], &second);
    // Its acts again, its text again, and its text as a version that follows nothing new.
    let again = world.acts.clone();
    world.acts.extend(again);
    world.act(1, What::Offer { document: text.clone(), policy: POLICY, answers: None });
    let version = first.hash();
    world.act(1, What::Accept { version });
    assert_eq!(world.state().current, Some(second.hash()));
    let backward = world.later(&text, first.hash(), &[("keep_days = 365", "keep_days = 364")]);
    let back = world.revise(1, &backward);
    let agree = world.agree(1, &back);
    let state = world.state();
    assert_eq!(state.current, Some(second.hash()));
    assert_eq!(
        state.status,
        Status::Suspended,
        "one side signs two that follow the first: that is told, not done"
    );
    assert_eq!(refused(&state, agree), Refused::Superseded(second.hash()));
}

#[test]
fn a_version_fits_its_place() {
    let (mut world, first, text) = World::in_force();
    let later = world.later(&text, first.hash(), &[]);
    let tries = [
        (later.replace("version = 2\n", "version = 3\n"), "version 3 cannot follow version 1"),
        (
            later.replace("version = 2\n", "version = 2\nexercise = \"northern-lights\"\n"),
            "what is real stays real",
        ),
        (later.replace(&first.agreement().to_string(), &Digest([8; 32]).to_string()), "another agreement"),
        (text.clone(), "a first version"),
    ];
    for (text, needle) in tries {
        let text = match needle {
            // Both occur: only the agreement is to be another.
            "another agreement" => text.replacen(
                &format!("previous = \"{}\"", Digest([8; 32])),
                &format!("previous = \"{}\"", first.hash()),
                1,
            ),
            _ => text,
        };
        let act = world.act(0, What::Revise { document: text, policy: POLICY });
        let why = refused(&world.state(), act).to_string();
        assert!(why.contains(needle), "{why}");
    }
    let orphan = later.replacen(
        &format!("previous = \"{}\"", first.hash()),
        &format!("previous = \"{}\"", Digest([8; 32])),
        1,
    );
    let act = world.act(0, What::Revise { document: orphan, policy: POLICY });
    assert_eq!(world.state().waiting[&act], Waiting::Version(Digest([8; 32])));
    assert_eq!(world.state().status, Status::InForce);
}

#[test]
fn nothing_comes_after_the_end() {
    let (mut world, _, _) = World::in_force();
    world.act(1, What::End);
    let late = world.resume(1);
    assert_eq!(refused(&world.state(), late), Refused::Ended);
    world.now = world.now.plus_micros(HOUR);
    assert_eq!(world.state().status, Status::Ended);
}

#[test]
fn steps_are_not_skipped() {
    let (mut world, proposal, _) = offered();
    let version = proposal.hash();
    for what in [What::Verify { version }, What::Enter { version }, What::Retract { version }] {
        let act = world.act(1, what);
        assert!(matches!(refused(&world.state(), act), Refused::OutOfOrder(_)));
    }
    let act = world.act(1, What::Agree { version, approvals: Vec::new() });
    assert!(matches!(refused(&world.state(), act), Refused::Officers { counted: 0, needed: 2, .. }));
}

#[test]
fn bodies_are_read_strictly() {
    let (world, _, _) = offered();
    let good = world.acts[0].body.clone();
    let read = |body: &str| Act::read(&Signed::unsigned(body).unwrap());
    assert!(read(&good).is_ok());
    for (from, to) in [
        ("\"kind\":\"offer\"", "\"kind\":\"conquer\""),
        ("\"kind\":\"offer\"", "\"kind\":\"end\""),
        ("\"v\":1", "\"v\":2"),
        ("\"type\":\"agreement-act\"", "\"type\":\"agreement-acts\""),
        ("\"reason\":\"\"", "\"reason\":\"\",\"why\":\"\""),
        ("\"reason\":\"\",", ""),
        ("000Z\"", "0000Z\""),
    ] {
        assert!(good.contains(from), "{from}");
        assert!(read(&good.replacen(from, to, 1)).is_err(), "{from} → {to}");
    }
    let nobody = Act { agreement: None, ..world.draft(0, What::End) };
    assert!(nobody.sign(world.orgs[0].epoch).is_err());
    let long = Act { reason: "x".repeat(3000), ..world.draft(0, What::End) };
    assert!(long.sign(world.orgs[0].epoch).is_err());
    let act = Signed::unsigned("{}").unwrap();
    let state = world.known(|known| Record::of(AgreementId(Digest::ZERO), [&act], known)).at(world.now);
    assert!(matches!(refused(&state, act.hash()), Refused::Malformed(_)));
}

#[test]
fn one_officer_cannot_sign_a_text_by_which_one_is_enough() {
    let (mut world, first, text) = World::in_force();
    let weak = world.later(&text, first.hash(), &[("officers = 2", "officers = 1")]);
    let weak = world.revise(1, &weak);
    let draft = world.draft(1, What::Agree { version: weak.hash(), approvals: Vec::new() });
    let act = world.approved_by(&[&world.orgs[1].officers[0]], draft, Some(&weak));
    let act = world.put(1, &act);
    assert!(matches!(refused(&world.state(), act), Refused::Officers { counted: 1, needed: 2, .. }));
    // Nor does that text let one officer resume.
    world.act(1, What::Suspend);
    let draft = world.draft(1, What::Resume { approvals: Vec::new() });
    let act = world.approved_by(&[&world.orgs[1].officers[0]], draft, None);
    let act = world.put(1, &act);
    assert!(matches!(refused(&world.state(), act), Refused::Officers { counted: 1, needed: 2, .. }));
    // Two can change it, and then one is enough.
    world.agree(1, &weak);
    let draft = world.draft(1, What::Resume { approvals: Vec::new() });
    let act = world.approved_by(&[&world.orgs[1].officers[0]], draft, None);
    world.put(1, &act);
    assert_eq!(world.state().status, Status::InForce);
}

#[test]
fn a_later_version_settles_two_faces() {
    let (mut world, first, text) = World::in_force();
    // A node restored from an old copy signs a second act after the same one.
    let version = first.hash();
    let (one, other) = (world.draft(1, What::Accept { version }), world.draft(1, What::Suspend));
    let (one, other) = (world.put(1, &one), world.put(1, &other));
    assert_eq!(world.state().status, Status::Suspended);
    world.heads.insert(world.id(1), one);
    let next = world.later(&text, version, &[("keep_days = 365", "keep_days = 150")]);
    let next = next.replacen("version = 2\n", &format!("version = 2\nsettles = [\"{other}\"]\n"), 1);
    let next = world.revise(0, &next);
    world.conclude(&[0, 1], &next);
    let state = world.state();
    assert_eq!((state.status, state.current), (Status::InForce, Some(next.hash())), "{:?}", state.reasons);
    assert_eq!(refused(&state, other), Refused::Void(next.hash()));
}
