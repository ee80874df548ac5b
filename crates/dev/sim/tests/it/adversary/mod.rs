//! Named attacks on one node: each over a TLS connection to its peer port, or by a file that is carried to it.
//!
//! Each says how the node must answer, and what may differ afterwards: nothing, unless the case names it. What may
//! differ at most is that the liar's own stream has moved on, and what the node notes about that.

mod answers;
mod content;
mod courier;
mod documents;
mod frames;
mod keys;
mod order;
mod port;
mod scene;
mod witness;

use ports::peer::Refusal;
use scene::{Scene, State};

/// How the node must answer.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Expect {
    /// Not entitled.
    Forbidden,
    /// Refused, with these words in the reason.
    Invalid(&'static str),
    /// Out of step.
    OutOfStep,
    /// Answered, without effect.
    Ignored,
    /// Answered, and noted for people under this rule.
    Noted(&'static str),
}

/// What came of an attack: an answer, or a refusal.
pub(crate) type Outcome = Result<Vec<u8>, Refusal>;

/// One attack.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) how: fn(&Scene) -> Outcome,
    pub(crate) expect: Expect,
    /// What may differ afterwards, by the names of [`State::differences`].
    pub(crate) may: &'static [&'static str],
}

pub(crate) const fn case(name: &'static str, how: fn(&Scene) -> Outcome, expect: Expect) -> Case {
    Case { name, how, expect, may: &[] }
}

/// The liar's own stream moves on.
pub(crate) const MOVES: &[&str] = &["inbound"];
/// It moves on, and the node books that something was misdirected.
pub(crate) const BOOKED: &[&str] = &["inbound", "ledger"];

impl Case {
    pub(crate) const fn may(self, may: &'static [&'static str]) -> Self {
        Self { may, ..self }
    }
}

fn rules(scene: &Scene) -> Vec<String> {
    let read = scene.target.core.store.read().unwrap();
    let rows = read.findings(scene.target.core.scope, 0, 10_000).unwrap();
    rows.into_iter().map(|row| row.finding.rule.to_string()).collect()
}

/// Runs a table. Every case that misbehaves is told, not the first alone.
pub(crate) fn check(cases: &[Case]) {
    let mut wrong = Vec::new();
    for case in cases {
        let scene = Scene::new();
        let before = State::of(&scene.target);
        let noted = rules(&scene).len();
        let outcome = (case.how)(&scene);
        // What an attack set going shows only when the node has done its work.
        scene.target.work().map_err(|problem| problem.0).unwrap();
        let after = State::of(&scene.target);
        let new = rules(&scene).split_off(noted);
        let answered = match (&case.expect, &outcome) {
            (Expect::Forbidden, Err(Refusal::Forbidden(_)))
            | (Expect::OutOfStep, Err(Refusal::OutOfStep(_))) => true,
            (Expect::Invalid(words), Err(Refusal::Invalid(reason))) => reason.contains(words),
            (Expect::Ignored, Ok(_)) => true,
            (Expect::Noted(rule), Ok(_)) => new.iter().any(|noted| noted == rule),
            _ => false,
        };
        if !answered {
            let told = outcome
                .as_ref()
                .map(|body| String::from_utf8_lossy(body).chars().take(120).collect::<String>());
            wrong.push(format!("{}: expected {:?}, got {told:?}, noted {new:?}", case.name, case.expect));
        }
        let differences = before.differences(&after);
        let unexpected: Vec<_> = differences.iter().filter(|what| !case.may.contains(what)).collect();
        if !unexpected.is_empty() {
            wrong.push(format!("{}: changed {unexpected:?}", case.name));
        }
    }
    println!("{} cases", cases.len());
    assert!(wrong.is_empty(), "{} of {} misbehave:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
