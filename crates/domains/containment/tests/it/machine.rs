//! A lease is a defensive act on one's own terrain, so every way that it goes must be a way of the state machine
//! `action_request`.

use std::collections::BTreeMap;

use shieldwall_containment::{Event, State, TRANSITIONS};

/// What each step of a lease is in the words of the machine, and where it leads there.
const STEPS: [(State, Event, &[&str], &str); 14] = [
    (State::Proposed, Event::Approve, &["approve_all"], "Approved"),
    (State::Proposed, Event::Refuse, &["deny"], "Denied"),
    // The proposer's no is a no.
    (State::Proposed, Event::Withdraw, &["deny"], "Denied"),
    (State::Proposed, Event::Expire, &["timeout"], "Expired"),
    (State::Approved, Event::Apply, &["start", "finish"], "Executed"),
    (State::Approved, Event::Fail, &["start", "stop"], "Aborted"),
    (State::Approved, Event::Withdraw, &["withdraw"], "Aborted"),
    (State::Approved, Event::RollBack, &["withdraw"], "Aborted"),
    (State::Approved, Event::Expire, &["expire"], "Expired"),
    // Another actuator, or another end: it is executed once more.
    (State::Active, Event::Apply, &["no_effect", "finish"], "Executed"),
    (State::Active, Event::Approve, &[], "Executed"),
    (State::Active, Event::Withdraw, &["rollback"], "RolledBack"),
    (State::Active, Event::RollBack, &["rollback"], "RolledBack"),
    (State::Active, Event::Expire, &["rollback"], "RolledBack"),
];

fn begins(state: State) -> &'static str {
    match state {
        State::Proposed => "AwaitingApproval",
        State::Approved => "Approved",
        State::Active => "Executed",
        other => panic!("{other} is an end"),
    }
}

/// `(state, event) → state` of a machine, and its final states.
fn machine(text: &str, name: &str) -> (BTreeMap<(String, String), String>, Vec<String>) {
    let mut own = text.lines().skip_while(|line| *line != format!("{name}:")).skip(1);
    let (mut steps, mut finals) = (BTreeMap::new(), Vec::new());
    for line in own.by_ref().take_while(|line| line.starts_with(' ')) {
        let line = line.trim();
        if let Some(list) = line.strip_prefix("final: [") {
            finals = list.trim_end_matches(']').split(", ").map(str::to_owned).collect();
        }
        let Some(step) = line.strip_prefix("- ") else { continue };
        let step: Vec<String> = serde_json::from_str(step).unwrap();
        let [from, event, to, ..] = step.as_slice() else { panic!("{step:?}") };
        steps.insert((from.clone(), event.clone()), to.clone());
    }
    assert!(!steps.is_empty() && !finals.is_empty(), "{name} is not there");
    (steps, finals)
}

#[test]
fn every_way_of_a_lease_is_a_way_of_an_act() {
    let Some(shared) = testkit::shared() else { return };
    let text = std::fs::read_to_string(shared.join("design/state_machines.yaml")).unwrap();
    let (steps, finals) = machine(&text, "action_request");
    assert_eq!(
        steps.get(&("Proposed".to_owned(), "needs_decision".to_owned())).map(String::as_str),
        Some("AwaitingApproval"),
        "a proposal waits for approval"
    );
    for (from, event, to) in TRANSITIONS {
        let (_, _, path, ends) = STEPS
            .into_iter()
            .find(|(own, by, ..)| (*own, *by) == (from, event))
            .unwrap_or_else(|| panic!("{from} {event:?} is no step of an act"));
        let mut at = begins(from).to_owned();
        for step in path {
            let key = (at, (*step).to_owned());
            at = steps.get(&key).unwrap_or_else(|| panic!("{key:?} is not in the machine")).clone();
        }
        assert_eq!(at, ends, "{from} {event:?}");
        if to.is_final() {
            let closes = steps.contains_key(&(at.clone(), "close".to_owned()));
            assert!(closes || finals.contains(&at), "{to} is an end, {at} is none");
        }
    }
}

#[test]
fn the_table_is_whole() {
    for state in State::ALL {
        let ways = TRANSITIONS.iter().filter(|(from, ..)| *from == state).count();
        assert_eq!(state.is_final(), ways == 0, "{state}");
        let reached = TRANSITIONS.iter().any(|(_, _, to)| *to == state);
        assert!(reached || state == State::Proposed, "{state}");
    }
    assert_eq!(State::Proposed.after(Event::Apply), None, "nothing is put in place without approval");
    assert_eq!(State::Active.after(Event::RollBack), Some(State::RolledBack));
}
