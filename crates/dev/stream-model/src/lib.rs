//! Streams, model-checked: every order in which messages can be lost, repeated, delayed and swapped, nodes cut off,
//! restarted and restored from backups, and agreements ended, up to a depth.
//!
//! An origin publishes and withdraws objects to two receivers, each by a stream of its own. What decides is the real
//! thing: `append`, `seal`, `accept`, `check_ack`, `next_epoch`, `holding_change` and the repair protocol are those of
//! `exchange`, with their real envelopes, hashes and Merkle roots (`protocol`). What is abstracted:
//!
//! - Signatures are taken to be unforgeable: the model's parties sign with zeros, and everyone believes them.
//! - A node's store is a value that is replaced at once: a transaction either happened or did not.
//! - Payloads are one word. Clocks stand still; an agreement is in force until somebody knows it is not.
//! - The network is the set of everything ever sent to a party. Any message may arrive at any time, any number of
//!   times, or never; so loss, repetition, replay and reordering need no actions of their own.
//! - A cut link carries nothing. What was sent before the cut may still arrive once it is mended.
//!
//! **Invariant:** a transition is a function of state and action; what it remembers between calls are only results of
//! pure functions by their arguments.
//!
//! **Must not know:** stores, sockets, clocks, how a node schedules its work.

mod heal;
mod protocol;
mod state;
mod step;

pub use state::{Action, Faults, Held, Message, Op, Origin, Outbound, Place, Receiver, State, What};

use std::collections::BTreeSet;

use protocol::Protocol;
use stateright::{Checker, Expectation, HasDiscoveries, Model, Property};

/// What is explored.
#[derive(Debug, Clone, Copy)]
pub struct Scope {
    /// Receivers; with the origin that makes one node more.
    pub receivers: u8,
    /// Objects that can be published.
    pub objects: u8,
    /// Entries that one stream may grow to in one epoch.
    pub entries: u8,
    /// How often a link may be cut.
    pub cuts: u8,
    /// How often a receiver may crash between taking a push and committing it.
    pub restarts: u8,
    /// How often the origin may be restored from its backup.
    pub restores: u8,
    /// How often an agreement may be ended, by either side.
    pub ends: u8,
    /// What is broken on purpose.
    pub mutation: Option<Mutation>,
}

/// Ways to break a node that the properties must find out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutation {
    /// Acknowledges what it has not committed.
    AckBeforeCommit,
    /// Commits effects, but keeps the position in memory only.
    PositionInMemory,
    /// Forgets what was taken back.
    NoTombstones,
    /// Takes content in although it knows that the agreement has ended.
    DeafToTheEnd,
    /// Goes on in the same epoch after it was restored.
    SameEpoch,
    /// Never compares what it has given with what is held.
    NoRepair,
}

/// The model.
pub struct Streams {
    pub(crate) scope: Scope,
    pub(crate) protocol: Protocol,
}

impl Streams {
    /// The model of a scope.
    #[must_use]
    pub fn new(scope: Scope) -> Self {
        Self { scope, protocol: Protocol::default() }
    }
}

impl Model for Streams {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::new(&self.scope)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        step::actions(self, state, actions);
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut next = last.clone();
        step::apply(self, &mut next, &action);
        (next != *last).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always("no acknowledged entry is lost", |_, state: &State| {
                state.nothing_acknowledged_is_lost()
            }),
            Property::always("no entry is taken in twice or out of order", |_, state: &State| {
                !state.faults.twice
            }),
            Property::always("what was withdrawn does not come back", |_, state: &State| {
                !state.faults.resurrected
            }),
            Property::always("no content is taken in after the end", |_, state: &State| {
                !state.faults.after_end
            }),
            Property::always("an honest sender is not accused", |_, state: &State| !state.faults.accused),
            Property::always("once healed, all agree", |model: &Self, state: &State| {
                heal::agrees(model, state)
            }),
            // That these can happen shows that the properties above are not true of nothing.
            Property::sometimes("an object is held", |_, state: &State| {
                state.any_held(|held| matches!(held, Held::Live(_)))
            }),
            Property::sometimes("an object is gone", |_, state: &State| {
                state.any_held(|held| *held == Held::Gone)
            }),
        ];
        if self.scope.restores > 0 {
            let happened =
                |_: &Self, state: &State| state.receivers.iter().any(|receiver| receiver.position.epoch > 1);
            properties.push(Property::sometimes("a new epoch is taken over", happened));
        }
        if self.scope.ends > 0 {
            properties.push(Property::sometimes("content is void after the end", |_, state: &State| {
                state.faults.void
            }));
        }
        properties
    }
}

/// What a run found.
#[derive(Debug, Clone)]
pub struct Report {
    /// Different states seen.
    pub states: usize,
    /// Longest path, in steps.
    pub depth: usize,
    /// Whether every state within reach was seen.
    pub complete: bool,
    /// Properties that are broken, with the actions that lead there.
    pub broken: Vec<(&'static str, Vec<Action>)>,
    /// Things that should be possible and were not seen.
    pub unseen: Vec<&'static str>,
}

/// Explores a scope breadth first, to a depth in steps and to about a number of states (repetitions counted), on two
/// threads. Ends early when `property` is broken, or any property where none is named.
#[must_use]
pub fn explore(scope: Scope, depth: usize, states: usize, property: Option<&'static str>) -> Report {
    let until = match property {
        Some(property) => HasDiscoveries::AnyOf(BTreeSet::from([property])),
        None => HasDiscoveries::AnyFailures,
    };
    let checker = Streams::new(scope)
        .checker()
        .threads(2)
        .finish_when(until)
        .target_max_depth(depth.saturating_add(1))
        .target_state_count(states)
        .spawn_bfs()
        .join();
    let discoveries = checker.discoveries();
    let mut report = Report {
        states: checker.unique_state_count(),
        // The checker counts states on a path, not steps.
        depth: checker.max_depth().saturating_sub(1),
        complete: checker.is_done() && checker.state_count() < states,
        broken: Vec::new(),
        unseen: Vec::new(),
    };
    for property in checker.model().properties() {
        match (property.expectation, discoveries.get(property.name)) {
            (Expectation::Sometimes, None) => report.unseen.push(property.name),
            (Expectation::Always | Expectation::Eventually, Some(path)) => {
                report.broken.push((property.name, path.clone().into_actions()));
            }
            _ => {}
        }
    }
    report
}
