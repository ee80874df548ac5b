//! A circle of three that a fourth joins, with the quorum that the text asks for, and leaves again.

use agreement::Role;
use agreement::acts::Status;
use keys::posts::{Approval, Post};
use model::{AgreementId, StixId, Tlp};
use runtime::trust::{Enrolment, TrustError, Wanted};
use shieldwall_sim::{Member, Problem, agree, officer, pair, settle};

fn calm(members: &[Member]) {
    let all: Vec<&Member> = members.iter().collect();
    let refused = settle(&all).map_err(|problem| problem.0).unwrap();
    assert!(refused.is_empty(), "{refused:?}");
    // An act is dated after the one before it.
    members.iter().for_each(|member| member.clock.advance(1_000));
}

fn met(count: usize) -> Vec<Member> {
    let countries = ["EE", "FI", "LV", "LT"];
    let found =
        |place: usize| Member::found(place, 7, countries[place]).map_err(|problem| problem.0).unwrap();
    let members: Vec<Member> = (0..count).map(found).collect();
    for (at, a) in members.iter().enumerate() {
        for b in members.iter().skip(at + 1) {
            pair(a, b).map_err(|problem| problem.0).unwrap();
            members.iter().for_each(|member| member.clock.advance(1_000));
        }
    }
    members
}

/// An indicator of TLP:GREEN that a member publishes.
fn publish(member: &Member, number: u32) -> StixId {
    let green = stix::marking::tlp_ref(Tlp::Green);
    let id = format!("indicator--0aaaaaaa-0000-4000-8000-{number:012}");
    let text = format!(
        r#"{{"type":"indicator","spec_version":"2.1","id":"{id}","created_by_ref":"{}","created":"2026-10-30T00:00:00.000Z","modified":"2026-10-30T00:00:00.000Z","pattern":"[mutex:name = 'circle-{number}']","pattern_type":"stix","valid_from":"2026-10-30T00:00:00Z","indicator_types":["malicious-activity"],"object_marking_refs":["{green}"]}}"#,
        member.identity
    );
    member.publish(&[&text]).map_err(|problem| problem.0).unwrap();
    id.parse().unwrap()
}

fn has(member: &Member, id: &StixId) -> bool {
    member.text_of(id).map_err(|problem| problem.0).unwrap().is_some()
}

/// The member's officer approves what the node hands out, and the node does the act.
fn act(member: &Member, circle: AgreementId, wanted: &Wanted) -> Result<Status, TrustError> {
    let asked = member.core.to_approve(circle, wanted)?;
    let approval = Approval::sign(&officer(member.index), asked.bytes.as_bytes());
    member.core.act_approved(circle, wanted, vec![approval], "", "officer")
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

fn refusal<T: std::fmt::Debug>(outcome: Result<T, TrustError>) -> String {
    outcome.unwrap_err().to_string()
}

#[test]
fn a_fourth_joins_with_quorum_leaves_and_is_still_told_what_is_taken_back() {
    let members = met(4);
    let founders: Vec<&Member> = members.iter().take(3).collect();
    let [a, b, c, d] = [0, 1, 2, 3].map(|place| &members[place]);
    let circle = agree(&founders, Tlp::Green).map_err(|Problem(problem)| problem).unwrap().id;
    let first = publish(a, 1);
    calm(&members);
    assert!(has(b, &first) && has(c, &first) && !has(d, &first));

    // Nobody joins what nobody has shown to them, and nobody shows what is not theirs.
    assert!(refusal(act(d, circle, &enrolment("delta"))).contains("does not exist"));
    assert!(refusal(d.core.introduce(circle, a.party, "officer")).contains("does not exist"));
    a.core.introduce(circle, d.party, "officer").unwrap();
    calm(&members);
    assert!(d.core.registry().unwrap().agreements.contains_key(&circle));
    assert!(!has(d, &first), "to know of a circle is not to be in it");

    // Joining needs our officers; the act is bound to its place.
    let unsigned = d.core.act_approved(circle, &enrolment("delta"), Vec::new(), "", "officer");
    assert!(refusal(unsigned).contains("0 officers' approvals count where 1 are needed"));
    assert!(refusal(act(a, circle, &Wanted::Admit(Some(d.party)))).contains("has not asked to join"));
    act(d, circle, &enrolment("delta")).unwrap();
    calm(&members);
    for member in &founders {
        let registry = member.core.registry().unwrap();
        assert!(registry.agreements[&circle].state.joining.contains_key(&d.party));
    }
    assert!(refusal(act(d, circle, &Wanted::Admit(Some(d.party)))).contains("only members"));

    // One of two that must: nothing changes yet.
    act(a, circle, &Wanted::Admit(Some(d.party))).unwrap();
    calm(&members);
    let active = |member: &Member| member.core.registry().unwrap().agreements[&circle].state.active.len();
    assert_eq!(active(b), 3);
    assert!(!has(d, &first));
    act(b, circle, &Wanted::Admit(Some(d.party))).unwrap();
    calm(&members);
    assert_eq!(members.iter().map(active).collect::<Vec<_>>(), [4; 4]);

    // A member that has not signed a membership takes nothing under it.
    assert!(!has(d, &first), "the newcomer has not signed who is in it");
    act(d, circle, &Wanted::Admit(None)).unwrap();
    calm(&members);
    assert!(has(d, &first), "{:?}", d.core.registry().unwrap().agreements[&circle].state.reasons);
    let second = publish(c, 2);
    calm(&members);
    assert!(has(a, &second) && !has(d, &second), "to the old members under the old membership");
    act(c, circle, &Wanted::Admit(None)).unwrap();
    assert!(refusal(act(c, circle, &Wanted::Admit(None))).contains("no membership"));
    let third = publish(d, 3);
    calm(&members);
    assert!(has(d, &second));
    assert!(founders.iter().all(|member| has(member, &third)), "the newcomer gives as the others do");

    // Out again: nothing new flows, and what is taken back still does.
    d.core.act_on(circle, agreement::acts::What::Leave, "moving on", "officer").unwrap();
    calm(&members);
    let fourth = publish(a, 4);
    calm(&members);
    assert!(has(b, &fourth) && !has(d, &fourth));
    a.core.withdraw(&first, "officer", "it was wrong").unwrap();
    d.core.withdraw(&third, "officer", "it was wrong too").unwrap();
    calm(&members);
    assert!(
        members.iter().all(|member| member.index == 0 || !has(member, &first)),
        "former members erase too"
    );
    assert!(founders.iter().all(|member| !has(member, &third)), "and are obeyed");
    let open = a.core.store.read().unwrap().disclosures(a.core.scope.tenant, None, true, 0, 100).unwrap();
    assert!(open.iter().all(|given| given.withdrawn.is_none() || given.receipt.is_some()), "{open:?}");
}

#[test]
fn a_suspension_ends_with_the_officers_of_whoever_suspended() {
    let members = met(2);
    let (a, b) = (&members[0], &members[1]);
    let all: Vec<&Member> = members.iter().collect();
    let pact = agree(&all, Tlp::Amber).map_err(|problem| problem.0).unwrap().id;
    let status = |member: &Member| member.core.registry().unwrap().agreements[&pact].state.status;
    assert_eq!(act(a, pact, &Wanted::Resume).unwrap(), Status::InForce, "it is so already");
    a.core.act_on(pact, agreement::acts::What::Suspend, "incident", "officer").unwrap();
    a.core.act_on(pact, agreement::acts::What::Suspend, "incident, typed twice", "officer").unwrap();
    calm(&members);
    assert_eq!([status(a), status(b)], [Status::Suspended; 2]);
    let id = publish(a, 1);
    calm(&members);
    assert!(!has(b, &id));
    assert!(refusal(act(b, pact, &Wanted::Resume)).contains("only who suspends resumes"));
    // An approval of the last resumption is of other bytes.
    let old = a.core.to_approve(pact, &Wanted::Resume).unwrap();
    let old = Approval::sign(&officer(0), old.bytes.as_bytes());
    a.core.act_approved(pact, &Wanted::Resume, vec![old.clone()], "", "officer").unwrap();
    calm(&members);
    assert_eq!([status(a), status(b)], [Status::InForce; 2]);
    assert!(has(b, &id), "what waited goes");
    a.core.act_on(pact, agreement::acts::What::Suspend, "again", "officer").unwrap();
    calm(&members);
    let again = a.core.act_approved(pact, &Wanted::Resume, vec![old], "", "officer");
    assert!(refusal(again).contains("take them anew"));
    assert!(refusal(act(a, pact, &enrolment("a"))).contains("only a circle"));
}

#[test]
fn an_agreement_is_asked_for_offered_in_answer_and_a_signature_taken_back() {
    let members = met(2);
    let (a, b) = (&members[0], &members[1]);
    let all: Vec<&Member> = members.iter().collect();
    calm(&members);
    let request = a.core.request_agreement(b.party, None, "for the winter games", "officer").unwrap();
    calm(&members);
    let registry = b.core.registry().unwrap();
    let asked = &registry.requests[&request];
    assert_eq!((asked.from, asked.to, asked.reason.as_str()), (a.party, b.party, "for the winter games"));
    drop(registry);
    let pact = agree(&all, Tlp::Green).map_err(|problem| problem.0).unwrap();
    // Another text, in answer.
    let text = shieldwall_sim::with_ceiling(&pact.text, Tlp::Green, Tlp::Clear).replacen(
        "2026-10-01",
        "2026-10-02",
        1,
    );
    let missing = a.core.propose_in_answer(&text, Some(request), "", "officer");
    assert!(refusal(missing).contains("a request"), "whoever asked does not answer");
    let proposed = b.core.propose_in_answer(&text, Some(request), "as asked", "officer").unwrap();
    let again = b.core.propose_in_answer(&text, Some(request), "as asked", "officer").unwrap();
    assert_eq!(proposed, again);
    calm(&members);
    assert_eq!(a.core.registry().unwrap().requests[&request].answered, [proposed.agreement]);
    a.sign(&proposed).map_err(|problem| problem.0).unwrap();
    calm(&members);
    let signed = |member: &Member| {
        let registry = member.core.registry().unwrap();
        registry.agreements[&proposed.agreement].state.versions[&proposed.version]
            .agreed
            .contains_key(&a.party)
    };
    assert!(signed(a) && signed(b));
    a.core.retract(proposed.agreement, proposed.version, "a clause is missing", "officer").unwrap();
    calm(&members);
    assert!(!signed(a) && !signed(b));
    assert!(
        refusal(a.core.retract(proposed.agreement, proposed.version, "twice", "officer"))
            .contains("not signed")
    );
    assert!(refusal(a.core.retract(pact.id, pact.version, "too late", "officer")).contains("suspend or end"));
}
