//! The properties hold wherever the model was looked at, and fail where a node is broken on purpose.
#![expect(clippy::panic, reason = "a test stops at the first thing that is not as it should be")]

use shieldwall_stream_model::{Mutation, Report, Scope, explore};

/// The origin and two receivers, with everything that can go wrong.
const COALITION: Scope = Scope {
    receivers: 2,
    objects: 1,
    entries: 4,
    cuts: 1,
    restarts: 1,
    restores: 1,
    ends: 1,
    mutation: None,
};

/// One receiver: smaller, so deeper.
const PAIR: Scope = Scope { receivers: 1, ..COALITION };

/// Deeper where somebody asked for it, by an environment variable.
fn soak() -> bool {
    std::env::var_os("SHIELDWALL_SOAK").is_some_and(|value| value == "1")
}

#[track_caller]
fn holds(name: &str, scope: Scope, depth: usize, states: usize) -> Report {
    let report = explore(scope, depth, states, None);
    let whole = if report.complete { "all within that depth" } else { "a part" };
    println!("{name}: {} states explored, {} steps deep, {whole}", report.states, report.depth);
    if let Some((property, actions)) = report.broken.first() {
        panic!("{name}: `{property}` is broken after\n{}", lines(actions));
    }
    report
}

fn lines(actions: &[impl std::fmt::Debug]) -> String {
    actions.iter().map(|action| format!("  {action:?}\n")).collect()
}

#[test]
fn three_nodes_under_everything_that_can_go_wrong() {
    let (depth, states) = if soak() { (15, usize::MAX) } else { (10, usize::MAX) };
    let report = holds("three nodes", COALITION, depth, states);
    assert!(report.complete && report.depth == depth, "{report:?}");
}

#[test]
fn two_nodes_deeper() {
    let (depth, states) = if soak() { (18, usize::MAX) } else { (13, usize::MAX) };
    let report = holds("two nodes", PAIR, depth, states);
    assert!(report.complete && report.depth == depth, "{report:?}");
    assert!(report.unseen.is_empty(), "{:?} never happened", report.unseen);
}

/// A node that is broken on purpose must be found out.
#[track_caller]
fn found(mutation: Mutation, property: &'static str, scope: Scope, depth: usize) {
    let report = explore(Scope { mutation: Some(mutation), ..scope }, depth, 2_000_000, Some(property));
    let Some((_, actions)) = report.broken.iter().find(|(broken, _)| *broken == property) else {
        panic!("{mutation:?} was not found in {} states, {} steps deep", report.states, report.depth);
    };
    println!("{mutation:?}: `{property}` is broken after {} steps, {} states", actions.len(), report.states);
}

const CALM: Scope = Scope { cuts: 0, restarts: 0, restores: 0, ends: 0, ..PAIR };

#[test]
fn a_node_that_acknowledges_too_early_is_found_out() {
    let scope = Scope { restarts: 1, ..CALM };
    found(Mutation::AckBeforeCommit, "no acknowledged entry is lost", scope, 8);
}

#[test]
fn a_node_that_keeps_its_position_in_memory_is_found_out() {
    let scope = Scope { restarts: 1, ..CALM };
    found(Mutation::PositionInMemory, "no entry is taken in twice or out of order", scope, 10);
}

#[test]
fn a_node_without_tombstones_is_found_out() {
    let scope = Scope { restores: 1, ..CALM };
    found(Mutation::NoTombstones, "what was withdrawn does not come back", scope, 16);
}

#[test]
fn a_node_that_is_deaf_to_the_end_is_found_out() {
    let scope = Scope { ends: 1, ..CALM };
    found(Mutation::DeafToTheEnd, "no content is taken in after the end", scope, 8);
}

#[test]
fn a_restored_node_that_goes_on_in_the_same_epoch_is_found_out() {
    let scope = Scope { restores: 1, ..CALM };
    found(Mutation::SameEpoch, "an honest sender is not accused", scope, 12);
}

#[test]
fn a_node_that_never_repairs_is_found_out() {
    let scope = Scope { restores: 1, ..CALM };
    found(Mutation::NoRepair, "once healed, all agree", scope, 12);
}
