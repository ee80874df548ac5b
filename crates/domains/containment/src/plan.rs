//! What is to be put in place and taken away, and what became of it.

use std::collections::{BTreeMap, BTreeSet};

use controls::{BlockItem, BlockSet, Handle};
use model::{Digest, Timestamp};
use observable::Observable;
use serde::{Deserialize, Serialize};

use crate::lease::{Lease, LeaseError};
use crate::record::text;
use crate::state::{Event, State};

/// What is to be done for one lease. Planning again without recording gives the same; planning after recording gives
/// nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Blocks that an actuator does not hold yet.
    pub apply: Vec<Step>,
    /// Blocks that an actuator holds and must not hold any more.
    pub remove: Vec<Step>,
}

impl Plan {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.apply.is_empty() && self.remove.is_empty()
    }
}

/// What is to be done at one actuator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The actuator's name.
    pub actuator: String,
    /// Keys of the blocks ([`BlockItem::key`]), each once.
    pub blocks: Vec<String>,
}

/// One actuator's work for all leases: the whole that it is to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The actuator's name.
    pub actuator: String,
    /// Everything that it is to block; whatever else it blocks for us it is to end.
    pub set: BlockSet,
    /// What it called the blocks that it holds.
    pub held: Vec<Handle>,
    /// The leases that want something there or have something there: the outcome is to be recorded with each.
    pub leases: Vec<Digest>,
}

/// What an actuator holds of a lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Placed {
    /// Since when.
    #[serde(with = "text")]
    pub at: Timestamp,
    /// What it was asked to block.
    pub asked: Vec<Asked>,
    /// What of it the actuator could not express, and why.
    pub skipped: Vec<(String, String)>,
    /// What it calls the blocks.
    pub handles: Vec<Held>,
    /// SHA-256 of exactly what was handed over, in lower-case hex.
    pub digest: String,
}

/// A block that an actuator was asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// [`BlockItem::key`].
    pub block: String,
    /// Until when.
    #[serde(with = "text")]
    pub until: Timestamp,
}

/// A [`Handle`] as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Held {
    /// [`Handle::item`].
    pub block: String,
    /// [`Handle::part`].
    pub part: String,
    /// [`Handle::until`].
    #[serde(with = "text")]
    pub until: Timestamp,
    /// [`Handle::id`].
    pub id: String,
}

impl From<&Handle> for Held {
    fn from(handle: &Handle) -> Self {
        Self {
            block: handle.item.clone(),
            part: handle.part.clone(),
            until: handle.until,
            id: handle.id.clone(),
        }
    }
}

impl From<&Held> for Handle {
    fn from(held: &Held) -> Self {
        Self { item: held.block.clone(), part: held.part.clone(), until: held.until, id: held.id.clone() }
    }
}

/// Why an actuator did not do what it was to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// What it said.
    pub message: String,
    /// Whether trying again is useless until somebody changes something.
    pub permanent: bool,
    /// How often in a row.
    pub tries: u32,
    /// The last time.
    #[serde(with = "text")]
    pub at: Timestamp,
}

/// What became of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The actuator holds the whole set.
    Done {
        /// Blocks that it could not express: key and reason.
        skipped: Vec<(String, String)>,
        /// What it calls the blocks it holds, all of them.
        handles: Vec<Handle>,
        /// SHA-256 of what was handed over, in lower-case hex.
        digest: String,
    },
    /// It does not, or only in part.
    Failed {
        /// What it said.
        message: String,
        /// Whether trying again is useless until somebody changes something.
        permanent: bool,
        /// What it calls the blocks it holds, where that is known.
        handles: Option<Vec<Handle>>,
    },
}

impl Lease {
    /// What is to be done now. An actuator that failed for good is left alone until the lease changes or
    /// [`Lease::retry`] is called.
    #[must_use]
    pub fn plan(&self, now: Timestamp) -> Plan {
        let wanted: BTreeSet<Asked> = self.wanted(now).iter().map(Asked::of).collect();
        let blocks: BTreeSet<&str> = wanted.iter().map(|asked| asked.block.as_str()).collect();
        let mut plan = Plan::default();
        for actuator in &self.0.actuators {
            if self.0.failed.get(actuator).is_some_and(|failure| failure.permanent) {
                continue;
            }
            let (mut apply, mut remove): (BTreeSet<&str>, BTreeSet<&str>) =
                (BTreeSet::new(), BTreeSet::new());
            let placed = self.0.placed.get(actuator);
            let asked: BTreeSet<&Asked> = placed.into_iter().flat_map(|placed| &placed.asked).collect();
            // A block with another end is put in place once more, and not taken away.
            apply.extend(wanted.iter().filter(|own| !asked.contains(own)).map(|own| own.block.as_str()));
            remove.extend(asked.iter().map(|own| own.block.as_str()).filter(|block| !blocks.contains(block)));
            // What failed half-way may have left blocks that nobody asks for any more.
            for held in placed.into_iter().flat_map(|placed| &placed.handles) {
                if !held.id.is_empty() && held.until > now && !blocks.contains(held.block.as_str()) {
                    remove.insert(&held.block);
                }
            }
            for (steps, blocks) in [(&mut plan.apply, apply), (&mut plan.remove, remove)] {
                if !blocks.is_empty() {
                    let blocks = blocks.into_iter().map(str::to_owned).collect();
                    steps.push(Step { actuator: actuator.clone(), blocks });
                }
            }
        }
        plan
    }

    /// Takes in what became of an order made at `at`.
    ///
    /// # Errors
    /// [`LeaseError::Actuator`] when the lease does not name this actuator.
    pub fn record(&mut self, actuator: &str, at: Timestamp, outcome: &Outcome) -> Result<(), LeaseError> {
        if !self.0.actuators.iter().any(|own| own == actuator) {
            return Err(LeaseError::Actuator { lease: self.name(), actuator: actuator.to_owned() });
        }
        match outcome {
            Outcome::Done { skipped, handles, digest } => {
                let asked: Vec<Asked> = self.wanted(at).iter().map(Asked::of).collect();
                let own: BTreeSet<String> = asked.iter().map(|asked| asked.block.clone()).collect();
                let handles = self.own_handles(actuator, &own, handles, at);
                let skipped = skipped.iter().filter(|(block, _)| own.contains(block)).cloned().collect();
                self.0.failed.remove(actuator);
                let any = !asked.is_empty();
                let placed = Placed { at, asked, skipped, handles, digest: digest.clone() };
                if any || !placed.handles.is_empty() {
                    self.0.placed.insert(actuator.to_owned(), placed);
                } else {
                    self.0.placed.remove(actuator);
                }
                if any && let Some(state) = self.0.state.after(Event::Apply) {
                    self.0.state = state;
                }
            }
            Outcome::Failed { message, permanent, handles } => {
                if let Some(handles) = handles {
                    let own: BTreeSet<String> = self.wanted(at).iter().map(BlockItem::key).collect();
                    let handles = self.own_handles(actuator, &own, handles, at);
                    if let Some(placed) = self.0.placed.get_mut(actuator) {
                        placed.handles = handles;
                    } else if !handles.is_empty() {
                        let placed = Placed {
                            at,
                            asked: Vec::new(),
                            skipped: Vec::new(),
                            handles,
                            digest: String::new(),
                        };
                        self.0.placed.insert(actuator.to_owned(), placed);
                    }
                }
                let tries = self.0.failed.get(actuator).map_or(0, |failure| failure.tries);
                let failure = Failure {
                    message: message.chars().take(500).collect(),
                    permanent: *permanent,
                    tries: tries.saturating_add(1),
                    at,
                };
                self.0.failed.insert(actuator.to_owned(), failure);
                let hopeless = |own: &String| self.0.failed.get(own).is_some_and(|failure| failure.permanent);
                if self.0.state == State::Approved && self.0.actuators.iter().all(hopeless) {
                    // From this state there is this way out.
                    let _ =
                        self.end(Event::Fail, "given up", "the node", "every actuator failed for good", at);
                }
            }
        }
        Ok(())
    }

    /// Takes in what became of an order of [`reminders`], made at `at`. Nothing changes, not even since when it is in
    /// place, while the actuator holds what it held; says whether anything did.
    ///
    /// # Errors
    /// [`LeaseError::Actuator`] when the lease does not name this actuator.
    pub fn remind(&mut self, actuator: &str, at: Timestamp, outcome: &Outcome) -> Result<bool, LeaseError> {
        let mut after = self.clone();
        after.record(actuator, at, outcome)?;
        let failed = self.0.failed.contains_key(actuator) || after.0.failed.contains_key(actuator);
        let same = match (self.0.placed.get(actuator), after.0.placed.get(actuator)) {
            (Some(old), Some(new)) => {
                old.asked == new.asked && old.skipped == new.skipped && old.handles == new.handles
            }
            (old, new) => old.is_none() && new.is_none(),
        };
        let changed = failed || !same;
        if changed {
            *self = after;
        }
        Ok(changed)
    }

    /// Actuators that have something of the lease to block and failed when they were told last: nobody knows what they
    /// hold now, so they are told again even where nothing is planned. Those that failed for good are not among them.
    pub fn unsure(&self, now: Timestamp) -> impl Iterator<Item = &str> {
        let wants = !self.0.failed.is_empty() && !self.wanted(now).is_empty();
        let passing = self.0.failed.iter().filter(move |(_, failure)| wants && !failure.permanent);
        passing.map(|(actuator, _)| actuator.as_str())
    }

    /// Lets an actuator that failed for good be tried again.
    pub fn retry(&mut self, actuator: &str) {
        if let Some(failure) = self.0.failed.get_mut(actuator) {
            failure.permanent = false;
        }
    }

    /// Of an actuator's names for blocks, those of this lease: of what it wants, and of what it had there before.
    fn own_handles(
        &self,
        actuator: &str,
        own: &BTreeSet<String>,
        handles: &[Handle],
        at: Timestamp,
    ) -> Vec<Held> {
        let placed = self.0.placed.get(actuator);
        let had = |block: &str| {
            placed.is_some_and(|placed| {
                placed.asked.iter().any(|asked| asked.block == block)
                    || placed.handles.iter().any(|held| held.block == block)
            })
        };
        let mut kept: Vec<Held> = handles
            .iter()
            .filter(|handle| handle.until > at && (own.contains(&handle.item) || had(&handle.item)))
            .map(Held::from)
            .collect();
        kept.sort_unstable();
        kept.dedup();
        kept
    }
}

impl Asked {
    fn of(item: &BlockItem) -> Self {
        Self { block: item.key(), until: item.until }
    }
}

/// Everything that leases want to have blocked at an actuator, each thing once with its latest end.
#[must_use]
pub fn wanted<'l>(leases: impl IntoIterator<Item = &'l Lease>, actuator: &str, now: Timestamp) -> BlockSet {
    let mut merged: BTreeMap<(Observable, Option<u16>), BlockItem> = BTreeMap::new();
    let mut wanting = BTreeSet::new();
    for lease in leases {
        if !lease.0.actuators.iter().any(|own| own == actuator) {
            continue;
        }
        for item in lease.wanted(now) {
            wanting.insert(lease.id());
            let kept = merged.entry((item.observable.clone(), item.port)).or_insert_with(|| item.clone());
            if item.until > kept.until || (item.until == kept.until && item.reference < kept.reference) {
                *kept = item;
            }
        }
    }
    BlockSet { name: actuator.to_owned(), items: merged.into_values().collect(), leases: wanting }
}

/// What every actuator has to do, for all leases together; an actuator with nothing to do is not in it. All leases that
/// are not [over](Lease::is_over) have to be given: what is not among them is taken away.
#[must_use]
pub fn orders(leases: &[Lease], now: Timestamp) -> Vec<Order> {
    let mut busy: BTreeSet<String> = BTreeSet::new();
    for lease in leases {
        let plan = lease.plan(now);
        busy.extend(plan.apply.into_iter().chain(plan.remove).map(|step| step.actuator));
        busy.extend(lease.unsure(now).map(str::to_owned));
    }
    busy.into_iter().map(|actuator| order(leases, actuator, now)).collect()
}

/// What some actuators hold, to be told again although nothing changed: whoever lost it has it back. One that holds
/// nothing, or failed for good for one of the leases, is left alone. All leases that are not [over](Lease::is_over) have
/// to be given.
#[must_use]
pub fn reminders(leases: &[Lease], actuators: &BTreeSet<String>, now: Timestamp) -> Vec<Order> {
    let all = actuators.iter().map(|actuator| order(leases, actuator.clone(), now));
    let is_hopeless = |order: &Order, lease: &Lease| {
        let failure = lease.0.failed.get(&order.actuator);
        order.leases.contains(&lease.id()) && failure.is_some_and(|failure| failure.permanent)
    };
    all.filter(|order| !order.set.items.is_empty() && !leases.iter().any(|lease| is_hopeless(order, lease)))
        .collect()
}

/// The whole that one actuator is to hold.
fn order(leases: &[Lease], actuator: String, now: Timestamp) -> Order {
    let concerned = leases.iter().filter(|lease| {
        let named = lease.0.actuators.contains(&actuator);
        named && (lease.0.placed.contains_key(&actuator) || !lease.wanted(now).is_empty())
    });
    let concerned: Vec<&Lease> = concerned.collect();
    let placed = concerned.iter().filter_map(|lease| lease.0.placed.get(&actuator));
    let held: BTreeSet<&Held> = placed.flat_map(|placed| placed.handles.iter()).collect();
    Order {
        set: wanted(concerned.iter().copied(), &actuator, now),
        held: held.into_iter().map(Handle::from).collect(),
        leases: concerned.iter().map(|lease| lease.id()).collect(),
        actuator,
    }
}
