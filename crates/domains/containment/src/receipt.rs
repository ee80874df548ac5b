//! What was done, for the ledger.

use model::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

use crate::lease::Lease;
use crate::plan::Outcome;
use crate::proposal::Item;
use crate::record::text;
use crate::rule::Approval;
use crate::state::State;

/// What was put in place or taken away, when, by whose word, and what each actuator made of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The version of this shape: 1.
    pub version: u32,
    /// The lease.
    #[serde(with = "text")]
    pub lease: Digest,
    /// Its revision.
    pub revision: u32,
    /// Its state afterwards.
    pub state: State,
    /// When the orders were made.
    #[serde(with = "text")]
    pub at: Timestamp,
    /// When the lease ends.
    #[serde(with = "text")]
    pub until: Timestamp,
    /// The approvals it stands on.
    pub approvals: Vec<Approval>,
    /// What it blocks; empty when it is over.
    pub items: Vec<Item>,
    /// What each actuator made of it.
    pub results: Vec<ActuatorResult>,
}

/// What one actuator made of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActuatorResult {
    /// The actuator's name.
    pub actuator: String,
    /// Whether it holds what it is to hold.
    pub done: bool,
    /// SHA-256 of exactly what was handed over, in lower-case hex; empty when nothing was.
    pub digest: String,
    /// What it could not express (key and reason), or why it failed.
    pub notes: Vec<String>,
}

impl ActuatorResult {
    /// The result of an outcome.
    #[must_use]
    pub fn of(actuator: &str, outcome: &Outcome) -> Self {
        let (done, digest, notes) = match outcome {
            Outcome::Done { skipped, digest, .. } => {
                let notes = skipped.iter().map(|(block, why)| format!("{block:?}: {why}")).collect();
                (true, digest.clone(), notes)
            }
            Outcome::Failed { message, .. } => (false, String::new(), vec![message.clone()]),
        };
        Self { actuator: actuator.to_owned(), done, digest, notes }
    }
}

impl Lease {
    /// The receipt of orders made at `at`, after their outcomes were recorded.
    #[must_use]
    pub fn receipt(&self, at: Timestamp, results: Vec<ActuatorResult>) -> Receipt {
        let in_force = self.0.state.is_in_force();
        Receipt {
            version: 1,
            lease: self.0.id,
            revision: self.0.revision,
            state: self.0.state,
            at,
            until: self.0.until,
            approvals: self.0.granted.clone(),
            items: if in_force { self.0.items.clone() } else { Vec::new() },
            results,
        }
    }
}

impl Receipt {
    /// The text whose digest goes into the ledger: one JSON object, its members in one order.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Every member is a text, a number or a list of such: writing cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}
