//! The run of one seed: events in order of time, faults, and the invariants after every step.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::fmt;

use model::{StixId, Timestamp, Tlp};
use ports::{Ids, JournalKind};
use runtime::CoreError;
use sha2::{Digest, Sha256};

use crate::chance::Chance;
use crate::node::{Node, Page, Published};
use crate::objects::{forged, indicator};

/// What is played.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Decides everything.
    pub seed: u64,
    /// Nodes, the last of which lies when `hostile` is set.
    pub nodes: usize,
    /// Publications and revisions before the network heals.
    pub publications: u32,
    /// Messages lost, in a thousand.
    pub drop: u64,
    /// Messages that arrive twice, in a thousand.
    pub duplicate: u64,
    /// Steps after which a node crashes, in a thousand.
    pub crash: u64,
    /// Whether the last node forges what it passes on.
    pub hostile: bool,
}

impl Plan {
    /// A coalition of five with every fault, decided by a seed.
    #[must_use]
    pub const fn faulty(seed: u64) -> Self {
        Self {
            seed,
            nodes: 5,
            publications: 30,
            drop: 150,
            duplicate: 100,
            crash: 20,
            hostile: seed.is_multiple_of(3),
        }
    }
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Hash over every event and its effect.
    pub trace: [u8; 32],
    /// Events played.
    pub steps: u64,
    /// Distinct (object, version) pairs published by honest nodes.
    pub published: usize,
    /// Messages lost, duplicated, blocked by a partition.
    pub faults: [u64; 3],
    /// Crashes.
    pub crashes: u64,
    /// Forged objects that honest nodes refused.
    pub refused: u64,
}

/// An invariant that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The seed to play again.
    pub seed: u64,
    /// Events played before it was seen.
    pub step: u64,
    /// What did not hold.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {} step {}: {}", self.seed, self.step, self.what)
    }
}

impl std::error::Error for Violation {}

#[derive(Debug, Clone)]
enum Event {
    Publish {
        node: usize,
    },
    /// A follower's timer.
    Timer {
        from: usize,
        to: usize,
    },
    /// A follower asks: on a timer, a hint, or because there was more.
    Ask {
        from: usize,
        to: usize,
    },
    Request {
        from: usize,
        to: usize,
        after: Option<Timestamp>,
    },
    Answer {
        from: usize,
        to: usize,
        page: Page,
    },
    Crash {
        node: usize,
    },
    Heal,
}

/// Events in order of time; the tie-break is drawn, so that no order of insertion is baked in.
struct Queue {
    heap: BinaryHeap<Reverse<(i64, u64, usize)>>,
    events: Vec<Option<Event>>,
}

impl Queue {
    fn push(&mut self, at: i64, tie: u64, event: Event) {
        self.heap.push(Reverse((at, tie, self.events.len())));
        self.events.push(Some(event));
    }

    fn pop(&mut self) -> Option<(i64, Event)> {
        // A place whose event was lost in a crash is passed over.
        while let Some(Reverse((at, _, index))) = self.heap.pop() {
            if let Some(event) = self.events.get_mut(index).and_then(Option::take) {
                return Some((at, event));
            }
        }
        None
    }
}

struct Coalition {
    plan: Plan,
    nodes: Vec<Node>,
    queue: Queue,
    chance: Chance,
    now: i64,
    steps: u64,
    healed: bool,
    /// Pairs of nodes that cannot reach each other.
    cut: BTreeSet<(usize, usize)>,
    trace: Sha256,
    faults: [u64; 3],
    crashes: u64,
    refused: u64,
    honest: BTreeSet<(StixId, Timestamp)>,
    /// Objects a liar made in the name of the node it sent them to.
    imputed: BTreeSet<(usize, StixId)>,
}

const START: i64 = 1_767_225_600_000_000; // 2026-01-01
const SECOND: i64 = 1_000_000;
/// Followers ask at least this often.
const PERIOD: i64 = 5 * SECOND;

/// Plays one plan to its end.
///
/// # Errors
/// The first invariant that does not hold, with the step it was seen at.
pub fn run(plan: Plan) -> Result<Report, Violation> {
    let mut coalition = Coalition::new(plan)?;
    while let Some((at, event)) = coalition.queue.pop() {
        coalition.now = coalition.now.max(at);
        coalition.steps += 1;
        coalition.play(event)?;
    }
    coalition.converged()?;
    Ok(Report {
        trace: coalition.trace.finalize().into(),
        steps: coalition.steps,
        published: coalition.honest.len(),
        faults: coalition.faults,
        crashes: coalition.crashes,
        refused: coalition.refused,
    })
}

impl Coalition {
    fn new(plan: Plan) -> Result<Self, Violation> {
        let mut chance = Chance::new(plan.seed);
        let fail = |error: CoreError| Violation { seed: plan.seed, step: 0, what: error.to_string() };
        let mut nodes = Vec::new();
        for index in 0..plan.nodes {
            nodes.push(Node::new(index, plan.seed).map_err(fail)?);
        }
        // A ring, so that everyone is reached, and a few shortcuts.
        for (index, node) in nodes.iter_mut().enumerate() {
            node.clock.set(START);
            node.clock.skew(chance.below(240) as i64 * SECOND - 120 * SECOND);
            let mut peers: BTreeSet<usize> = [(index + 1) % plan.nodes].into();
            peers.insert((index + 1 + chance.below(plan.nodes as u64 - 1) as usize) % plan.nodes);
            // Everyone also follows someone honest, so that a liar alone cannot keep them apart.
            peers.insert((index + plan.nodes - 1) % plan.nodes);
            peers.remove(&index);
            for peer in peers {
                node.follow(peer).map_err(fail)?;
            }
        }
        let mut queue = Queue { heap: BinaryHeap::new(), events: Vec::new() };
        let honest = if plan.hostile { plan.nodes - 1 } else { plan.nodes };
        let span = i64::from(plan.publications) * SECOND;
        for _ in 0..plan.publications {
            let node = chance.below(honest as u64) as usize;
            let at = START + chance.below(span.unsigned_abs()) as i64;
            queue.push(at, chance.next(), Event::Publish { node });
        }
        queue.push(START + span, 0, Event::Heal);
        for (index, node) in nodes.iter().enumerate() {
            for peer in node.follows.keys() {
                let at = START + chance.below(PERIOD.unsigned_abs()) as i64;
                queue.push(at, chance.next(), Event::Timer { from: index, to: *peer });
            }
        }
        Ok(Self {
            plan,
            nodes,
            queue,
            chance,
            now: START,
            steps: 0,
            healed: false,
            cut: BTreeSet::new(),
            trace: Sha256::new(),
            faults: [0; 3],
            crashes: 0,
            refused: 0,
            honest: BTreeSet::new(),
            imputed: BTreeSet::new(),
        })
    }

    fn violation(&self, what: impl Into<String>) -> Violation {
        Violation { seed: self.plan.seed, step: self.steps, what: what.into() }
    }

    fn node(&self, index: usize) -> Result<&Node, Violation> {
        self.nodes.get(index).ok_or_else(|| self.violation(format!("no node {index}")))
    }

    fn note(&mut self, line: &str) {
        self.trace.update(self.now.to_le_bytes());
        self.trace.update(line.as_bytes());
        self.trace.update([b'\n']);
    }

    fn play(&mut self, event: Event) -> Result<(), Violation> {
        for node in &self.nodes {
            node.clock.set(self.now);
        }
        let changed = match event {
            Event::Publish { node } => self.publish(node)?,
            Event::Timer { from, to } => {
                self.ask(from, to)?;
                if self.now < self.horizon() {
                    self.queue.push(self.now + PERIOD, self.chance.next(), Event::Timer { from, to });
                }
                None
            }
            Event::Ask { from, to } => {
                self.ask(from, to)?;
                None
            }
            Event::Request { from, to, after } => {
                self.answer(from, to, after)?;
                None
            }
            Event::Answer { from, to, page } => self.take(from, to, &page)?,
            Event::Crash { node } => {
                // A crash takes what is on the way to and from the node, and all it had in memory; its store survives.
                self.crashes += 1;
                self.note(&format!("crash {node}"));
                for slot in &mut self.queue.events {
                    if matches!(slot, Some(Event::Request { from, to, .. } | Event::Answer { from, to, .. })
                        if *from == node || *to == node)
                    {
                        *slot = None;
                    }
                }
                let restarted = self.nodes.get_mut(node).map(Node::restart).transpose();
                restarted.map_err(|error| self.violation(error.to_string()))?;
                None
            }
            Event::Heal => {
                self.healed = true;
                self.cut.clear();
                self.note("heal");
                None
            }
        };
        if let Some(index) = changed {
            self.journal_sound(index)?;
        }
        self.misfortune();
        Ok(())
    }

    /// Now and then a node crashes, or a link is cut or mended, until the network heals for good.
    fn misfortune(&mut self) {
        if self.healed {
            return;
        }
        if self.chance.per_mille(self.plan.crash) {
            let node = self.chance.below(self.plan.nodes as u64) as usize;
            self.queue.push(self.now, self.chance.next(), Event::Crash { node });
        }
        if self.chance.per_mille(30) {
            let a = self.chance.below(self.plan.nodes as u64) as usize;
            let b = self.chance.below(self.plan.nodes as u64) as usize;
            let link = (a.min(b), a.max(b));
            if !self.cut.remove(&link) {
                self.cut.insert(link);
            }
        }
    }

    /// A new object, or a new version or the revocation of an earlier one.
    fn publish(&mut self, index: usize) -> Result<Option<usize>, Violation> {
        let revise = self.chance.per_mille(350);
        let which = self.chance.next();
        let Some(node) = self.nodes.get_mut(index) else { return Ok(None) };
        let now = Timestamp::from_micros(self.now);
        let known = node.published.len() as u64;
        let at = usize::try_from(which.checked_rem(known).unwrap_or_default()).unwrap_or_default();
        let text = match node.published.get_mut(at).filter(|_| revise) {
            Some(item) => {
                item.version += 1;
                item.modified = now.max(item.modified.plus_micros(1000));
                indicator(&item.id, &node.identity, item.created, item.modified, item.version, Tlp::Clear)
            }
            None => {
                let id = StixId::new("indicator", node.ids.uuid());
                let text = indicator(&id, &node.identity, now, now, 1, Tlp::Clear);
                node.published.push(Published { id, created: now, modified: now, version: 1 });
                text
            }
        };
        let item = node.published.get(if revise && known > 0 { at } else { node.published.len() - 1 });
        let key = item.map(|item| (item.id.clone(), item.modified));
        let summary = node.publish(&text).map_err(|error| self.violation(error.to_string()))?;
        if summary.accepted != 1 {
            return Err(
                self.violation(format!("an honest publication was not accepted: {summary:?}: {text}"))
            );
        }
        if let Some(key) = key {
            self.note(&format!("publish {index} {} {}", key.0, key.1));
            self.honest.insert(key);
        }
        // Hints: followers ask at once.
        let followers: Vec<usize> = (0..self.nodes.len())
            .filter(|follower| self.nodes.get(*follower).is_some_and(|n| n.follows.contains_key(&index)))
            .collect();
        for follower in followers {
            let at = self.now + self.delay();
            self.queue.push(at, self.chance.next(), Event::Ask { from: follower, to: index });
        }
        Ok(Some(index))
    }

    fn delay(&mut self) -> i64 {
        1000 + self.chance.below(400_000) as i64
    }

    /// Sends over the network, with its faults.
    fn send(&mut self, from: usize, to: usize, event: &Event) {
        let link = (from.min(to), from.max(to));
        if self.cut.contains(&link) {
            self.faults[2] += 1;
            return;
        }
        if !self.healed && self.chance.per_mille(self.plan.drop) {
            self.faults[0] += 1;
            return;
        }
        let copies = if !self.healed && self.chance.per_mille(self.plan.duplicate) {
            self.faults[1] += 1;
            2
        } else {
            1
        };
        for _ in 0..copies {
            let at = self.now + self.delay();
            self.queue.push(at, self.chance.next(), event.clone());
        }
    }

    fn ask(&mut self, from: usize, to: usize) -> Result<(), Violation> {
        if !self.node(from)?.follows.contains_key(&to) {
            return Ok(());
        }
        let after = self.node(from)?.cursor(to).map_err(|error| self.violation(error.to_string()))?;
        self.send(from, to, &Event::Request { from, to, after });
        Ok(())
    }

    /// Timers stop some while after the network has healed.
    fn horizon(&self) -> i64 {
        START + i64::from(self.plan.publications) * SECOND + 12 * PERIOD
    }

    fn answer(&mut self, from: usize, to: usize, after: Option<Timestamp>) -> Result<(), Violation> {
        let mut page = self.node(to)?.page(after).map_err(|error| self.violation(error.to_string()))?;
        if self.plan.hostile && to == self.plan.nodes - 1 {
            page.objects = page.objects.iter().map(|text| forged(text)).collect();
            // And it speaks in the name of whoever asks.
            let (victim, liar) = (self.node(from)?.identity.clone(), self.node(to)?);
            let (id, now) = (StixId::new("indicator", liar.ids.uuid()), Timestamp::from_micros(self.now));
            page.objects.push(indicator(&id, &victim, now, now, 1, Tlp::Clear));
            self.imputed.insert((from, id));
        }
        self.send(to, from, &Event::Answer { from, to, page });
        Ok(())
    }

    fn take(&mut self, from: usize, to: usize, page: &Page) -> Result<Option<usize>, Violation> {
        let summary = self.node(from)?.take(to, page).map_err(|error| self.violation(error.to_string()))?;
        self.refused += summary.refused;
        self.note(&format!("take {from} {to} {summary:?}"));
        if page.more {
            self.queue.push(self.now, self.chance.next(), Event::Ask { from, to });
        }
        Ok((summary.accepted + summary.superseded > 0).then_some(from))
    }

    /// The journal is gap-free, and no version entered it twice.
    fn journal_sound(&self, index: usize) -> Result<(), Violation> {
        let rows = self.node(index)?.journal().map_err(|error| self.violation(error.to_string()))?;
        let mut seen = BTreeSet::new();
        for (expected, row) in (1u64..).zip(&rows) {
            if row.seq.0 != expected {
                return Err(self.violation(format!("node {index}: entry {expected} is {}", row.seq)));
            }
            let stored = matches!(row.kind, JournalKind::Put | JournalKind::History);
            if let (true, Some(object)) = (stored, &row.object)
                && !seen.insert((object.id.clone(), object.version))
            {
                return Err(self.violation(format!("node {index}: {} {} twice", object.id, object.version)));
            }
        }
        Ok(())
    }

    /// After healing every honest node holds every version that honest nodes published, once.
    ///
    /// Until streams are signed, a forgery that arrives before the original keeps its place; the original then
    /// raises the integrity alarm, and is counted as refused.
    fn converged(&self) -> Result<(), Violation> {
        let honest = if self.plan.hostile { self.plan.nodes - 1 } else { self.plan.nodes };
        for (index, node) in self.nodes.iter().enumerate().take(honest) {
            let held = node.public_versions().map_err(|error| self.violation(error.to_string()))?;
            let in_our_name = held.keys().find(|(id, _)| self.imputed.contains(&(index, id.clone())));
            if let Some((id, _)) = in_our_name {
                return Err(self.violation(format!("node {index} took {id} for its own")));
            }
            for (id, version) in &self.honest {
                match held.get(&(id.clone(), *version)) {
                    Some(1) => {}
                    Some(times) => {
                        return Err(
                            self.violation(format!("node {index} holds {id} {version} {times} times"))
                        );
                    }
                    None => return Err(self.violation(format!("node {index} never got {id} {version}"))),
                }
            }
        }
        Ok(())
    }
}
