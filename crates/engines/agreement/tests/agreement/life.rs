//! From a request to the end, as acts.

use proptest::prelude::*;
use shieldwall_agreement::acts::{Act, Event, Note, Reason, Record, Refused, Status, Step, Waiting, What};

use crate::world::{HOUR, MINUTE, POLICY, World, time};

#[test]
fn an_agreement_goes_through_every_state() {
    let mut world = World::new();
    let text = world.text("bilateral-cert");
    let proposal = shieldwall_agreement::proposal(&crate::fixture::parse(&text), POLICY);
    let (version, id) = (proposal.hash(), proposal.agreement());
    assert_eq!(id.0, version, "a first version's hash is the agreement's id");

    let ask = Act {
        reason: "we see your ranges in our logs".into(),
        ..world.draft(1, What::Request { to: world.id(0), document: None })
    };
    let request = world.put(1, &ask);
    world.heads.clear();
    world.agreement = Some(model::AgreementId(request));
    assert_eq!(world.state().status, Status::Requested);
    world.agreement = Some(id);
    let offer = What::Offer { document: text.clone(), policy: POLICY, answers: Some(request) };
    world.act(0, offer);
    assert_eq!(world.state().status, Status::Offered);
    assert_eq!(world.state().refused.len(), 0, "the request is answered, not refused");
    world.agreement = Some(model::AgreementId(request));
    let asked = world.state();
    assert_eq!((asked.status, asked.answered.first()), (Status::Requested, Some(&id)));
    world.agreement = Some(id);

    assert_eq!(world.state().next_steps(&world.id(1)), [Step::Accept(version)]);
    world.act(1, What::Accept { version });
    assert_eq!(world.state().status, Status::Accepted);
    world.agree(1, &proposal);
    assert_eq!(world.state().status, Status::Accepted);
    assert_eq!(world.state().next_steps(&world.id(1)), [], "the others' officers come first");
    world.agree(0, &proposal);
    let state = world.state();
    assert_eq!(state.status, Status::Agreed);
    let persons: Vec<_> = state.versions[&version].agreed[&world.id(0)].iter().cloned().collect();
    assert_eq!(persons, ["ada", "bea"]);
    for who in [0, 1] {
        assert_eq!(world.state().next_steps(&world.id(who)), [Step::Verify(version)]);
        world.act(who, What::Verify { version });
    }
    assert_eq!(world.state().status, Status::Verified);
    for who in [0, 1] {
        assert_eq!(world.state().next_steps(&world.id(who)), [Step::Enter(version)]);
        world.act(who, What::Enter { version });
    }
    let early = world.state();
    assert_eq!(
        (early.status, early.reasons),
        (Status::Verified, vec![Reason::NotStarted(time("2026-01-01"))])
    );
    assert!(!world.state().may_receive(&world.id(0), false));

    world.now = time("2026-01-02");
    let state = world.state();
    assert_eq!((state.status, state.reasons.len(), state.refused.len()), (Status::InForce, 0, 0));
    assert!(state.may_flow(&world.id(0), &world.id(1), false));
    assert!(!state.may_receive(&world.id(2), false) && !state.may_receive(&world.id(2), true));
    assert_eq!(state.membership_between(&world.id(0), &world.id(1)), Some(1));

    world.act(1, What::Suspend);
    let state = world.state();
    assert_eq!(state.status, Status::Suspended);
    assert!(matches!(&state.reasons[..], [Reason::SuspendedBy(who)] if who.party == world.id(1)));
    assert_eq!(state.next_steps(&world.id(1)), [Step::Resume]);
    assert_eq!(state.next_steps(&world.id(0)), []);
    assert!(state.may_receive(&world.id(0), true), "what is taken back is told even so");
    world.resume(1);
    assert_eq!(world.state().status, Status::InForce);

    world.act(0, What::End);
    let state = world.state();
    assert_eq!(state.status, Status::Ended);
    assert!(matches!(&state.reasons[..], [Reason::EndedBy(who)] if who.party == world.id(0)));
    assert!(!state.may_receive(&world.id(1), false) && state.may_receive(&world.id(1), true));
}

#[test]
fn either_side_ends_it_alone_at_any_time() {
    for who in [0, 1] {
        let mut world = World::new();
        let text = world.text("bilateral-cert");
        let proposal = world.offer(&text);
        let version = proposal.hash();
        let ends_here = |world: &World| {
            let act = world.draft(who, What::End);
            let mut acts = world.acts.clone();
            acts.push(act.sign(world.orgs[who].epoch).unwrap());
            let state = world.known(|known| Record::of(world.agreement.unwrap(), &acts, known)).at(world.now);
            assert_eq!(state.status, Status::Ended, "after {} acts", world.acts.len());
        };
        ends_here(&world);
        world.act(1, What::Accept { version });
        ends_here(&world);
        world.agree(0, &proposal);
        ends_here(&world);
        world.agree(1, &proposal);
        for what in [What::Verify { version }, What::Enter { version }] {
            for who in [0, 1] {
                world.act(who, what.clone());
                ends_here(&world);
            }
        }
        world.now = time("2026-02-01");
        ends_here(&world);
        world.act(0, What::Suspend);
        ends_here(&world);
    }
}

/// The other side was away for days and its acts come in any order, some not at all yet.
#[test]
fn what_narrows_counts_though_acts_before_it_are_missing() {
    let (mut world, _, _) = World::in_force();
    world.act(1, What::Suspend);
    world.resume(1);
    let lost = world.acts.pop().unwrap();
    let suspended = world.acts.pop().unwrap();
    let end = world.act(1, What::Suspend);
    let state = world.state();
    assert_eq!(state.status, Status::Suspended);
    assert!(!state.refused.contains_key(&end) && !state.waiting.contains_key(&end));
    // A resumption whose place is not known does not count.
    world.resume(1);
    let state = world.state();
    assert_eq!(state.status, Status::Suspended);
    assert_eq!(state.waiting.values().next(), Some(&Waiting::Act(end)));
    world.acts.extend([lost, suspended]);
    assert_eq!(world.state().status, Status::InForce);
}

#[test]
fn only_who_suspended_resumes() {
    let (mut world, _, _) = World::in_force();
    world.act(1, What::Suspend);
    let vain = world.resume(0);
    let state = world.state();
    assert_eq!(state.status, Status::Suspended);
    assert!(matches!(state.refused[&vain], Refused::OutOfOrder(_)), "{:?}", state.refused);
    // Both suspend: both have to resume.
    world.act(0, What::Suspend);
    world.resume(1);
    assert_eq!(world.state().status, Status::Suspended);
    world.resume(0);
    assert_eq!(world.state().status, Status::InForce);
}

#[test]
fn a_new_version_replaces_the_old_only_once_all_have_signed_it() {
    let (mut world, first, text) = World::in_force();
    let later = world.later(&text, first.hash(), &[("keep_days = 365", "keep_days = 30")]);
    let second = world.revise(1, &later);
    let version = second.hash();
    assert_eq!(world.state().current, Some(first.hash()));
    assert_eq!(world.state().next_steps(&world.id(0)), [Step::Accept(version)]);
    world.agree(1, &second);
    world.agree(0, &second);
    for what in [What::Verify { version }, What::Enter { version }] {
        for who in [0, 1] {
            assert_eq!(world.state().current, Some(first.hash()), "the old one governs until then");
            assert_eq!(world.state().status, Status::InForce);
            world.act(who, what.clone());
        }
    }
    let state = world.state();
    assert_eq!((state.status, state.current), (Status::InForce, Some(version)));
    assert_eq!(state.version().unwrap().proposal.terms.retention.keep_days, 30);
}

#[test]
fn a_version_that_starts_later_leaves_the_old_one_in_place_until_then() {
    let (mut world, first, text) = World::in_force();
    let later = world.later(&text, first.hash(), &[("start = 2026-01-01", "start = 2026-03-01")]);
    let second = world.revise(0, &later);
    world.conclude(&[0, 1], &second);
    assert_eq!(world.state().current, Some(first.hash()));
    assert_eq!(world.state_at(time("2026-03-01")).current, Some(second.hash()));
    assert_eq!(world.state_at(time("2026-03-01")).status, Status::InForce);
}

#[test]
fn a_counter_offer_follows_the_offer() {
    let mut world = World::new();
    let text = world.text("bilateral-cert");
    let first = world.offer(&text);
    let counter = world.later(
        &text,
        first.hash(),
        &[("\"receive\", \"detect\", \"block\"", "\"receive\", \"detect\"")],
    );
    let second = world.revise(1, &counter);
    world.conclude(&[0, 1], &second);
    world.now = time("2026-01-10");
    let state = world.state();
    assert_eq!((state.status, state.current), (Status::InForce, Some(second.hash())));
    assert_eq!(state.agreement, first.agreement(), "the agreement keeps its id");
    assert!(!state.versions[&first.hash()].complete);
}

#[test]
fn a_signature_can_be_taken_back_until_it_was_verified() {
    let mut world = World::new();
    let text = world.text("bilateral-cert");
    let first = world.offer(&text);
    let version = first.hash();
    world.agree(0, &first);
    world.act(0, What::Retract { version });
    assert_eq!(world.state().status, Status::Offered);
    // Then it is no contradiction to sign something else instead.
    let other = world.later(&text, version, &[("keep_days = 365", "keep_days = 90")]);
    let other = world.revise(0, &other);
    world.agree(0, &other);
    assert!(world.state().reasons.iter().all(|reason| !matches!(reason, Reason::Conflict(_))));
    world.agree(1, &other);
    world.act(1, What::Verify { version: other.hash() });
    let late = world.act(1, What::Retract { version: other.hash() });
    assert!(matches!(world.state().refused[&late], Refused::OutOfOrder(_)));
    assert_eq!(world.state().status, Status::Agreed);
}

#[test]
fn a_lapsed_legal_basis_suspends_with_days_of_warning() {
    let mut world = World::new();
    let mut values = world.values("bilateral-cert");
    values.insert("basis_until".into(), "2026-02-01".into());
    let text = shieldwall_agreement::templates::instantiate("bilateral-cert", &values).unwrap();
    let proposal = world.offer(&text);
    world.conclude(&[0, 1], &proposal);
    world.now = time("2026-01-20");
    let state = world.state();
    assert_eq!(state.status, Status::InForce);
    assert_eq!(state.upcoming(world.now, 7), []);
    let soon = state.upcoming(world.now, 14);
    assert_eq!(soon.len(), 2, "one for each party: {soon:?}");
    assert!(soon.iter().all(|one| one.at == time("2026-02-01")
        && matches!(&one.event, Event::LegalBasisLapses { name, .. } if name.contains("NIS 2"))));
    world.now = time("2026-02-01").plus_micros(-1);
    assert_eq!(world.state().status, Status::InForce);
    world.now = time("2026-02-01");
    let state = world.state();
    assert_eq!(state.status, Status::Suspended);
    let told = state.reasons.iter().map(ToString::to_string).collect::<String>();
    assert!(told.contains("no legal basis") && told.contains("NIS 2"), "{told}");
}

#[test]
fn what_will_stop_is_listed_soonest_first() {
    let (world, _, _) = World::in_force();
    let events: Vec<_> = world.state().upcoming(world.now, 400).into_iter().map(|one| one.event).collect();
    assert_eq!(events, [Event::Review, Event::Expires], "the basis outlives the agreement");
}

#[test]
fn bases_that_follow_each_other_are_one() {
    let (_, proposal, _) = World::in_force();
    let mut terms = proposal.terms;
    let first = terms.legal_basis[0].clone();
    let basis = |name: &str, from: &str, until: &str| shieldwall_agreement::LegalBasis {
        name: name.into(),
        valid_from: time(from),
        valid_until: time(until),
        ..first.clone()
    };
    terms.legal_basis =
        vec![basis("one", "2026-01-01", "2026-03-01"), basis("two", "2026-02-01", "2026-05-01")];
    let party = *terms.parties.keys().next().unwrap();
    let lapses = |terms: &shieldwall_agreement::Terms, at: &str| terms.basis_lapses(&party, time(at));
    assert_eq!(lapses(&terms, "2026-01-10"), Some((time("2026-05-01"), "two".into())));
    assert_eq!(lapses(&terms, "2026-05-01"), None);
    terms.legal_basis.push(basis("three", "2026-05-02", "2026-06-01"));
    assert_eq!(lapses(&terms, "2026-01-10"), Some((time("2026-05-01"), "two".into())), "there is a gap");
    assert!(terms.has_basis(&party, time("2026-05-02")) && !terms.has_basis(&party, time("2026-05-01")));
}

#[test]
fn an_overdue_review_is_told_and_stops_nothing() {
    let (mut world, _, _) = World::in_force();
    world.now = time("2026-08-01");
    let state = world.state();
    assert_eq!(state.status, Status::InForce);
    assert_eq!(state.notes, [Note::ReviewOverdue(time("2026-07-01"))]);
}

/// Our clock decides, a peer's only narrows: an hour off on either side, at both edges.
#[test]
fn clocks_that_differ_by_an_hour() {
    let (world, _, _) = World::in_force();
    let (start, expiry) = (time("2026-01-01"), time("2027-01-01"));
    let at = |now: model::Timestamp, peer: i64| {
        let clock = shieldwall_agreement::acts::Clock::exactly(now).and_peer(now, now.plus_micros(peer));
        world.state_at(clock).status
    };
    for (now, peer, expect) in [
        (start, 0, Status::InForce),
        (start.plus_micros(-1), 0, Status::Verified),
        // A peer whose clock is ahead does not make it begin earlier, one behind makes it begin later.
        (start.plus_micros(-1), HOUR, Status::Verified),
        (start, HOUR, Status::InForce),
        (start, -HOUR, Status::Verified),
        (start.plus_micros(HOUR), -HOUR, Status::InForce),
        // A peer whose clock is behind does not make it last longer, one ahead makes it end earlier.
        (expiry.plus_micros(-1), 0, Status::InForce),
        (expiry, 0, Status::Ended),
        (expiry, -HOUR, Status::Ended),
        (expiry.plus_micros(-HOUR), HOUR, Status::Ended),
        (expiry.plus_micros(-HOUR - 1), HOUR, Status::InForce),
        // A clock that is wrong altogether counts as an hour off.
        (expiry.plus_micros(-2 * HOUR), 1000 * HOUR, Status::InForce),
        (start.plus_micros(2 * HOUR), -1000 * HOUR, Status::InForce),
    ] {
        assert_eq!(at(now, peer), expect, "{now} with a peer {} min off", peer / MINUTE);
    }
}

#[test]
fn an_act_from_the_future_waits_and_is_told() {
    let (mut world, _, _) = World::in_force();
    world.act(1, What::Suspend);
    let act =
        Act { at: world.now.plus_micros(HOUR), ..world.draft(1, What::Resume { approvals: Vec::new() }) };
    let act = world.approved(1, act, None);
    let resume = world.put(1, &act);
    let state = world.state();
    assert_eq!(state.status, Status::Suspended);
    assert_eq!(state.waiting[&resume], Waiting::Clock(act.at));
    assert!(
        matches!(state.notes[..], [Note::Skew { party, ahead }] if party == world.id(1) && ahead > 50 * MINUTE)
    );
    assert_eq!(world.state_at(act.at).status, Status::InForce);
    // What narrows does not wait.
    let act = Act { at: world.now.plus_micros(3 * HOUR), ..world.draft(1, What::End) };
    world.put(1, &act);
    assert_eq!(world.state().status, Status::Ended);
}

/// A rich set of acts, good and bad, for the laws below.
fn busy() -> World {
    let (mut world, first, text) = World::in_force();
    let later = world.later(&text, first.hash(), &[("keep_days = 365", "keep_days = 30")]);
    let second = world.revise(0, &later);
    world.agree(0, &second);
    world.act(1, What::Suspend);
    world.resume(0);
    world.resume(1);
    let stray = world.draft(2, What::End).sign(world.orgs[2].epoch).unwrap();
    let forged = world.draft(0, What::End).sign(world.orgs[1].epoch).unwrap();
    world.acts.extend([stray, forged]);
    world.agree(1, &second);
    world.act(0, What::Verify { version: second.hash() });
    world
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn the_state_is_a_function_of_the_set(
        order in Just((0..18_usize).collect::<Vec<_>>()).prop_shuffle(),
        keep in prop::collection::vec(prop::bool::weighted(0.8), 18),
        again in prop::collection::vec(0..18_usize, 0..6),
    ) {
        thread_local! { static BUSY: World = busy(); }
        BUSY.with(|world| {
            prop_assert!(world.acts.len() <= 18, "{}", world.acts.len());
            let there: Vec<usize> = (0..world.acts.len()).filter(|at| keep[*at]).collect();
            let state = |order: &[usize]| {
                let acts = order.iter().map(|at| &world.acts[*at]);
                world.known(|known| Record::of(world.agreement.unwrap(), acts, known)).at(world.now)
            };
            let mut other: Vec<usize> = order.iter().copied().filter(|at| there.contains(at)).collect();
            other.extend(again.iter().copied().filter(|at| there.contains(at)));
            prop_assert_eq!(state(&there), state(&other));
            Ok(())
        })?;
    }
}
