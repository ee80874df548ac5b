//! Circles: joining by quorum, leaving at once, memberships that only bind who signed them.

use std::collections::BTreeMap;

use model::Digest;
use shieldwall_agreement::acts::{Member, Membership, Reason, Record, Refused, State, Status, Step, What};
use shieldwall_agreement::{Party, Proposal};

use crate::world::{World, time};

fn join(world: &mut World, who: usize, proposal: &Proposal) -> Digest {
    let member = Box::new(world.member(who));
    let act = world.draft(who, What::Join { version: proposal.hash(), member, approvals: Vec::new() });
    let act = world.approved(who, act, Some(proposal));
    world.put(who, &act)
}

/// The newest membership with changes made to it.
fn next(
    state: &State,
    version: Digest,
    change: impl FnOnce(&mut BTreeMap<model::PartyId, Member>),
) -> Membership {
    let last = state.membership().unwrap();
    let mut members = last.members.clone();
    change(&mut members);
    Membership { agreement: state.agreement, version, number: last.number + 1, previous: last.hash, members }
}

fn with(state: &State, version: Digest, party: Party, join: Digest) -> Membership {
    next(state, version, |members| {
        members.insert(party.id, Member { party, join: Some(join) });
    })
}

fn admit(world: &mut World, who: usize, membership: &Membership) -> Digest {
    // Whoever signs first brings the text, the others its hash.
    let known = world.state().proposed.contains_key(&membership.hash());
    let document = (!known).then(|| Box::new(membership.clone()));
    let act =
        world.draft(who, What::Admit { membership: membership.hash(), document, approvals: Vec::new() });
    let act = world.approved(who, act, None);
    world.put(who, &act)
}

/// `d` has joined a circle of `a`, `b` and `c` with the votes of `a` and `b`.
fn joined() -> (World, Proposal, String, Membership) {
    let (mut world, proposal, text) = World::circle();
    let act = join(&mut world, 3, &proposal);
    let membership = with(&world.state(), proposal.hash(), world.member(3), act);
    admit(&mut world, 0, &membership);
    admit(&mut world, 1, &membership);
    (world, proposal, text, membership)
}

#[test]
fn joining_needs_the_quorum_and_ones_own_signature() {
    let (mut world, proposal, _) = World::circle();
    assert_eq!(world.state().status, Status::InForce);
    let d = world.id(3);
    let act = join(&mut world, 3, &proposal);
    let state = world.state();
    assert_eq!((state.joining.get(&d), state.active.contains(&d)), (Some(&act), false));
    let membership = with(&state, proposal.hash(), world.member(3), act);
    admit(&mut world, 0, &membership);
    let state = world.state();
    assert_eq!((state.membership().unwrap().number, state.proposed.len()), (1, 1));
    assert!(!state.may_receive(&d, false) && !state.may_receive(&d, true), "one vote is not two");
    assert_eq!(state.next_steps(&world.id(1)), [Step::Admit(membership.hash())]);
    admit(&mut world, 1, &membership);
    let state = world.state();
    assert_eq!(
        (state.membership().unwrap().number, state.membership().unwrap().hash),
        (2, membership.hash())
    );
    assert!(state.may_receive(&d, false) && state.joining.is_empty());
}

#[test]
fn a_receiver_takes_only_memberships_it_has_signed() {
    let (mut world, _, _, membership) = joined();
    let (a, b, c, d) = (world.id(0), world.id(1), world.id(2), world.id(3));
    let state = world.state();
    assert!(state.has_signed_membership(&a, 2) && !state.has_signed_membership(&c, 2));
    assert!(!state.has_signed_membership(&d, 2) && !state.has_signed_membership(&a, 3));
    assert_eq!(state.membership_between(&a, &b), Some(2));
    assert_eq!(state.membership_between(&a, &c), Some(1), "what `c` has signed");
    assert_eq!(state.membership_between(&a, &d), None, "`d` is in no other, and has not signed this one");
    assert_eq!(state.next_steps(&d), [Step::Admit(membership.hash())]);
    admit(&mut world, 3, &membership);
    admit(&mut world, 2, &membership);
    let state = world.state();
    assert_eq!([&b, &c, &d].map(|other| state.membership_between(&a, other)), [Some(2); 3]);
}

#[test]
fn leaving_binds_on_receipt_and_needs_nobody() {
    let (mut world, _, _, membership) = joined();
    admit(&mut world, 3, &membership);
    let d = world.id(3);
    world.act(3, What::Leave);
    let state = world.state();
    assert_eq!(state.status, Status::InForce, "the others go on");
    assert!(!state.may_receive(&d, false) && state.may_receive(&d, true), "withdrawals still reach it");
    assert!(!state.may_flow(&d, &world.id(0), false) && state.may_flow(&world.id(0), &world.id(1), false));
    // Also without the acts before it, and by a party that the text itself names; `end` means the same.
    for (who, what) in [(2, What::Leave), (1, What::End)] {
        let mut other = joined().0;
        let mut act = other.draft(who, what);
        act.previous = Some(Digest([7; 32]));
        other.put(who, &act);
        assert!(!other.state().active.contains(&other.id(who)));
        assert_eq!(other.state().status, Status::InForce);
    }
}

#[test]
fn who_left_comes_back_only_by_joining_anew() {
    let (mut world, proposal, _, _) = joined();
    let d = world.id(3);
    world.act(3, What::Leave);
    // The votes of before do not bring it back, and neither does its old act of joining.
    let state = world.state();
    assert!(!state.active.contains(&d) && state.joining.is_empty());
    let act = join(&mut world, 3, &proposal);
    assert_eq!(world.state().joining.get(&d), Some(&act));
    let again = with(&world.state(), proposal.hash(), world.member(3), act);
    assert_eq!(again.number, 3);
    admit(&mut world, 0, &again);
    admit(&mut world, 2, &again);
    assert!(world.state().active.contains(&d));
}

#[test]
fn members_can_be_put_out_by_the_quorum() {
    let (mut world, proposal, _, _) = joined();
    let d = world.id(3);
    let without = next(&world.state(), proposal.hash(), |members| {
        members.remove(&d);
    });
    admit(&mut world, 1, &without);
    admit(&mut world, 2, &without);
    let state = world.state();
    assert_eq!(state.membership().unwrap().number, 3);
    assert!(!state.may_receive(&d, false) && state.may_receive(&d, true));
}

#[test]
fn nobody_is_admitted_who_did_not_ask_or_as_something_else() {
    let (world, proposal, _) = World::circle();
    let refused = |change: &dyn Fn(&mut Party), join: Option<Digest>| {
        let mut world = World::circle().0;
        let asked = self::join(&mut world, 3, &proposal);
        let mut party = world.member(3);
        change(&mut party);
        let state = world.state();
        let membership = next(&state, proposal.hash(), |members| {
            members.insert(party.id, Member { party, join: join.or(Some(asked)) });
        });
        admit(&mut world, 0, &membership);
        admit(&mut world, 1, &membership);
        admit(&mut world, 2, &membership);
        assert_eq!(world.state().membership().unwrap().number, 1);
    };
    refused(&|_| {}, Some(Digest([1; 32])));
    refused(&|party| party.officers = 1, None);
    refused(&|party| party.key = "a".into(), None);
    refused(&|party| party.identities.insert(crate::world::identity('a')).then_some(()).unwrap(), None);
    // Nor is a member changed behind its back.
    let mut world = world;
    let a = world.id(0);
    let changed =
        next(&world.state(), proposal.hash(), |members| members.get_mut(&a).unwrap().party.officers = 1);
    admit(&mut world, 1, &changed);
    admit(&mut world, 2, &changed);
    assert_eq!(world.state().membership().unwrap().number, 1);
}

#[test]
fn votes_of_outsiders_and_leavers_do_not_count() {
    let (mut world, proposal, _) = World::circle();
    let act = join(&mut world, 3, &proposal);
    let membership = with(&world.state(), proposal.hash(), world.member(3), act);
    admit(&mut world, 0, &membership);
    admit(&mut world, 3, &membership);
    assert_eq!(world.state().membership().unwrap().number, 1, "nobody votes for itself");
    world.act(1, What::Leave);
    admit(&mut world, 1, &membership);
    assert_eq!(world.state().membership().unwrap().number, 1, "who left has no vote");
    admit(&mut world, 2, &membership);
    assert_eq!(world.state().membership().unwrap().number, 2);
}

#[test]
fn two_signed_successors_suspend_the_circle_and_are_named() {
    let (mut world, proposal, text) = World::circle();
    let asked = join(&mut world, 3, &proposal);
    let with_d = with(&world.state(), proposal.hash(), world.member(3), asked);
    let c = world.id(2);
    let without_c = next(&world.state(), proposal.hash(), |members| {
        members.remove(&c);
    });
    admit(&mut world, 0, &with_d);
    assert_eq!(world.state().status, Status::InForce);
    admit(&mut world, 0, &without_c);
    let state = world.state();
    assert_eq!(state.status, Status::Suspended);
    let conflicts: Vec<_> = state
        .reasons
        .iter()
        .filter_map(|reason| match reason {
            Reason::Conflict(conflict) => Some(conflict),
            _ => None,
        })
        .collect();
    let (first, second) = (with_d.hash().min(without_c.hash()), with_d.hash().max(without_c.hash()));
    assert_eq!(conflicts.len(), 1);
    assert_eq!(
        (conflicts[0].first, conflicts[0].second, conflicts[0].party),
        (first, second, Some(world.id(0)))
    );
    let told = state.reasons[0].to_string();
    assert!(told.contains(&first.to_string()) && told.contains(&second.to_string()), "{told}");
    assert!(world.state().may_receive(&c, true), "withdrawals go on");
    // Whoever signs the first back before signing the second contradicts nothing.
    let (mut honest, proposal, _) = World::circle();
    let asked = join(&mut honest, 3, &proposal);
    let with_d = with(&honest.state(), proposal.hash(), honest.member(3), asked);
    let c = honest.id(2);
    let without_c = next(&honest.state(), proposal.hash(), |members| {
        members.remove(&c);
    });
    admit(&mut honest, 0, &with_d);
    honest.act(0, What::Retract { version: with_d.hash() });
    admit(&mut honest, 0, &without_c);
    assert_eq!(honest.state().status, Status::InForce);
    // A new text, signed by all it names, begins with its own members and ends the suspension.
    let later = world.later(&text, proposal.hash(), &[("keep_days = 365", "keep_days = 200")]);
    let later = world.revise(0, &later);
    world.conclude(&[0, 1, 2], &later);
    assert_eq!((world.state().status, world.state().current), (Status::InForce, Some(later.hash())));
}

#[test]
fn two_groups_that_complete_one_each_suspend_the_circle() {
    // A quorum of one is allowed, and this is what was warned of.
    let mut world = World::new();
    let text = world.text("isac-circle").replace("join_quorum = 2", "join_quorum = 1");
    let proposal = world.offer(&text);
    world.conclude(&[0, 1, 2], &proposal);
    world.now = time("2026-01-10");
    let asked = join(&mut world, 3, &proposal);
    let state = world.state();
    let with_d = with(&state, proposal.hash(), world.member(3), asked);
    let c = world.id(2);
    let without_c = next(&state, proposal.hash(), |members| {
        members.remove(&c);
    });
    admit(&mut world, 0, &with_d);
    assert_eq!(world.state().membership().unwrap().number, 2);
    admit(&mut world, 1, &without_c);
    let state = world.state();
    assert_eq!((state.status, state.membership().unwrap().number), (Status::Suspended, 1));
    assert!(matches!(&state.reasons[..], [Reason::Conflict(conflict)] if conflict.party.is_none()));
}

#[test]
fn suspension_by_one_member_stops_that_member_alone() {
    let (mut world, _, _) = World::circle();
    let (a, b, c) = (world.id(0), world.id(1), world.id(2));
    world.act(2, What::Suspend);
    let state = world.state();
    assert_eq!(state.status, Status::InForce);
    assert!(
        state.may_flow(&a, &b, false) && !state.may_flow(&a, &c, false) && !state.may_flow(&c, &a, false)
    );
    assert!(state.may_flow(&c, &a, true));
    world.act(1, What::Suspend);
    assert_eq!(world.state().status, Status::Suspended, "one alone has nobody to give to");
    world.resume(2);
    assert_eq!(world.state().status, Status::InForce);
    world.act(1, What::Leave);
    world.act(2, What::Leave);
    let state = world.state();
    assert_eq!((state.status, &state.reasons[0]), (Status::Ended, &Reason::TooFewMembers));
    assert!([a, b, c].iter().all(|party| state.may_receive(party, true)));
}

#[test]
fn a_new_text_needs_the_old_ones_quorum_and_all_whom_it_names() {
    let (mut world, proposal, text) = World::circle();
    // `a` alone writes a text for itself and `d`.
    let d = world.orgs[3].history.party().to_string();
    let (b, c) = (world.id(1).to_string(), world.id(2).to_string());
    let mut coup = world.later(&text, proposal.hash(), &[]);
    for (old, letter) in [(&b, 'b'), (&c, 'c')] {
        let _ = letter;
        assert!(coup.contains(old.as_str()));
    }
    coup = coup.replace(&b, &d).replace("key = \"b\"", "key = \"d\"");
    coup = coup.replace(&world.orgs[1].epoch.id().to_string(), &world.orgs[3].epoch.id().to_string());
    coup = coup.replace(&crate::world::identity('b').to_string(), &crate::world::identity('d').to_string());
    let start = coup.find("[[party]] # a founding member\nkey = \"c\"").unwrap();
    let end = coup[start..].find("\n\n").unwrap() + start;
    coup.replace_range(start..end, "");
    let later = world.revise(0, &coup);
    world.conclude(&[0, 3], &later);
    let state = world.state();
    assert_eq!((state.status, state.current), (Status::InForce, Some(proposal.hash())));
    assert_eq!(state.versions[&later.hash()].missing, [Reason::Quorum { signed: 1, needed: 2 }]);
}

#[test]
fn the_circle_is_the_same_in_any_order() {
    let (mut world, _, _, membership) = joined();
    admit(&mut world, 2, &membership);
    world.act(3, What::Leave);
    let expect = world.state();
    let mut acts = world.acts.clone();
    for turn in 1..6 {
        acts.reverse();
        acts.rotate_left(turn * 2);
        let state = world.known(|known| Record::of(world.agreement.unwrap(), &acts, known)).at(world.now);
        assert_eq!(state, expect);
    }
}

#[test]
fn two_parties_have_no_members() {
    let (mut world, proposal, _) = World::in_force();
    let asked = join(&mut world, 2, &proposal);
    assert_eq!(world.state().refused[&asked], Refused::NotACircle);
    let membership = with(&world.state(), proposal.hash(), world.member(2), asked);
    let vote = admit(&mut world, 0, &membership);
    assert_eq!(world.state().refused[&vote], Refused::NotACircle);
    assert_eq!(world.state().status, Status::InForce);
    // Leaving is never refused.
    world.act(1, What::Leave);
    assert_eq!(world.state().status, Status::Ended);
}

#[test]
fn to_sign_a_membership_is_to_sign_those_before_it() {
    let (mut world, proposal, _, _) = joined();
    let (a, c) = (world.id(0), world.id(2));
    let b = world.id(1);
    let third = next(&world.state(), proposal.hash(), |members| {
        members.remove(&b);
    });
    admit(&mut world, 0, &third);
    assert_eq!(world.state().membership_between(&a, &c), Some(1));
    admit(&mut world, 2, &third);
    let state = world.state();
    assert!(state.has_signed_membership(&c, 2));
    assert_eq!(state.membership_between(&a, &c), Some(3));
}

#[test]
fn a_membership_whose_text_has_not_come_is_waited_for() {
    let (mut world, proposal, _) = World::circle();
    let asked = join(&mut world, 3, &proposal);
    let membership = with(&world.state(), proposal.hash(), world.member(3), asked);
    let bare =
        world.draft(1, What::Admit { membership: membership.hash(), document: None, approvals: Vec::new() });
    let bare = world.approved(1, bare, None);
    let bare = world.put(1, &bare);
    assert_eq!(world.state().waiting[&bare], shieldwall_agreement::acts::Waiting::Version(membership.hash()));
    admit(&mut world, 0, &membership);
    assert_eq!(world.state().membership().unwrap().number, 2);
}

#[test]
fn outsiders_and_former_members_stop_nobody_by_contradicting_themselves() {
    let (mut world, proposal, _, _) = joined();
    world.act(3, What::Leave);
    let forked = |world: &mut World| {
        for reason in ["one", "other"] {
            let act = world.draft(3, What::Accept { version: proposal.hash() });
            let act = shieldwall_agreement::acts::Act { reason: reason.into(), ..act };
            world.acts.push(act.sign(world.orgs[3].epoch).unwrap());
        }
    };
    forked(&mut world);
    assert_eq!(world.state().status, Status::InForce);
    let mut world = World::circle().0;
    forked(&mut world);
    assert_eq!(world.state().status, Status::InForce);
    // A member does.
    let mut world = joined().0;
    forked(&mut world);
    assert_eq!(world.state().status, Status::Suspended);
}

#[test]
fn acts_that_come_one_by_one_amount_to_the_same() {
    let (mut world, _, _, membership) = joined();
    admit(&mut world, 2, &membership);
    world.act(3, What::Leave);
    let expect = world.state();
    let state = world.known(|known| {
        let mut record = Record::of(world.agreement.unwrap(), [], known);
        for act in world.acts.iter().rev() {
            record.add([act], known);
        }
        record.at(world.now)
    });
    assert_eq!(state, expect);
}
