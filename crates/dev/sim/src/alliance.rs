//! The run of one seed over nodes with real keys and agreements: calls, files, faults, a liar, and the invariants
//! after every step.

mod deeds;
mod mischief;
mod state;
mod truth;
mod watch;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::path::Path;

use model::{Digest, StixId};
use ports::peer::{CallError, Refusal, Topic};
use runtime::trust::{Call, Proposed};
use sha2::{Digest as _, Sha256};

use crate::chance::Chance;
use crate::coalition::Violation;
use crate::forge;
use crate::member::{DAWN, Member};
use crate::problem::Problem;
use crate::stage::{Shape, Stage};
use state::Seen;
use truth::{Truth, Word};
use watch::Withdrawals;

/// What is played.
#[derive(Debug, Clone, Copy)]
pub struct AlliancePlan {
    /// Decides everything.
    pub seed: u64,
    /// Who has agreed with whom.
    pub shape: Shape,
    /// Things done by people before the network heals: publications, withdrawals, suspensions and so on.
    pub deeds: u32,
    /// Calls and answers lost, in a thousand.
    pub drop: u64,
    /// Calls that arrive twice, in a thousand.
    pub duplicate: u64,
    /// Steps after which a node crashes, in a thousand.
    pub crash: u64,
    /// Steps after which a link is cut or mended, in a thousand.
    pub cut: u64,
    /// How far clocks may be off, in seconds.
    pub skew: u64,
    /// Whether the last node lies.
    pub hostile: bool,
    /// Two nodes whose streams go by courier only.
    pub courier: Option<(usize, usize)>,
}

impl AlliancePlan {
    /// A run with every fault, decided by a seed.
    #[must_use]
    pub const fn faulty(seed: u64, shape: Shape) -> Self {
        Self {
            seed,
            shape,
            deeds: 36,
            drop: 70,
            duplicate: 80,
            crash: 8,
            cut: 10,
            // Every fifth run has clocks that are off by up to an hour.
            skew: if seed % 5 == 4 { 3600 } else { 240 },
            hostile: seed % 3 == 2,
            courier: if seed % 4 == 3 { Some((0, 1)) } else { None },
        }
    }
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AllianceReport {
    /// Hash over every event and its effect.
    pub trace: [u8; 32],
    /// Events played.
    pub steps: u64,
    /// Objects published.
    pub published: u64,
    /// Texts given to somebody, each receiver once.
    pub given: u64,
    /// Withdrawals taken in.
    pub taken_back: u64,
    /// Erasures that were confirmed to whoever asked for them.
    pub receipts: u64,
    /// Calls lost, doubled, blocked by a partition.
    pub faults: [u64; 3],
    /// Crashes.
    pub crashes: u64,
    /// Suspensions, ends, new versions.
    pub acts: u64,
    /// Lies told, and how many of them were refused outright.
    pub lies: [u64; 2],
    /// Courier files that arrived.
    pub files: u64,
}

#[derive(Debug, Clone)]
enum Event {
    /// A person does something somewhere.
    Deed,
    /// A node does what it does by itself, and begins its calls.
    Work {
        node: usize,
    },
    /// A node's timer.
    Timer {
        node: usize,
    },
    Request(Box<Request>),
    Answer {
        request: Box<Request>,
        answer: Result<Vec<u8>, CallError>,
    },
    /// A caller stops waiting for an answer.
    GiveUp {
        from: usize,
        to: usize,
        life: u64,
    },
    /// A node dies after so many commits.
    Crash {
        node: usize,
        commits: u64,
    },
    Restart {
        node: usize,
    },
    /// A file is written from one node to another.
    Export {
        from: usize,
        to: usize,
    },
    /// A file arrives.
    Import {
        from: usize,
        to: usize,
        file: Vec<u8>,
        withdrawals: Withdrawals,
    },
    /// The liar does its worst.
    Lie,
    Heal,
}

/// A call under way.
#[derive(Debug, Clone)]
struct Request {
    from: usize,
    to: usize,
    call: Call,
    /// Which run of the caller made it.
    life: u64,
    /// What the caller had heard: documents bring it along.
    words: BTreeSet<Word>,
    withdrawals: Withdrawals,
    /// A second arrival, whose answer nobody hears.
    again: bool,
}

#[derive(Default)]
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
        let Reverse((at, _, index)) = self.heap.pop()?;
        Some((at, self.events.get_mut(index)?.take()?))
    }
}

struct Alliance {
    plan: AlliancePlan,
    nodes: Vec<Member>,
    seen: Vec<Seen>,
    lives: Vec<u64>,
    /// Pairs (from, to) with a call under way.
    busy: BTreeSet<(usize, usize)>,
    truth: Truth,
    identities: BTreeMap<StixId, String>,
    /// Versions that were put forward and are not signed by everyone yet: by agreement.
    open: BTreeMap<usize, (Proposed, BTreeSet<usize>)>,
    /// Their texts, by version.
    drafts: BTreeMap<Digest, String>,
    /// Calls the liar overheard: whatever reached or left it.
    overheard: Vec<(usize, Topic, Vec<u8>)>,
    queue: Queue,
    chance: Chance,
    now: i64,
    healed: bool,
    cut: BTreeSet<(usize, usize)>,
    trace: Sha256,
    report: AllianceReport,
}

/// Six hours after everyone's keys began: clocks may be off by an hour either way.
const START: i64 = DAWN + 6 * 3600 * SECOND;
const SECOND: i64 = 1_000_000;
const PERIOD: i64 = 4 * SECOND;

/// Plays one plan to its end on copies of the stage's nodes in `folder`.
///
/// # Errors
/// The first invariant that does not hold, with the step it was seen at.
pub fn play(plan: AlliancePlan, stage: &Stage, folder: &Path) -> Result<AllianceReport, Violation> {
    let violation = |step, problem: Problem| Violation { seed: plan.seed, step, what: problem.0 };
    let mut alliance = Alliance::new(plan, stage, folder).map_err(|problem| violation(0, problem))?;
    while let Some((at, event)) = alliance.queue.pop() {
        alliance.now = alliance.now.max(at);
        alliance.report.steps += 1;
        alliance.step(event).map_err(|problem| violation(alliance.report.steps, problem))?;
    }
    alliance.end().map_err(|problem| violation(alliance.report.steps, problem))?;
    alliance.report.trace = alliance.trace.finalize().into();
    Ok(alliance.report)
}

impl Alliance {
    fn new(plan: AlliancePlan, stage: &Stage, folder: &Path) -> Result<Self, Problem> {
        let mut chance = Chance::new(plan.seed);
        let nodes = stage.copy(folder, plan.seed)?;
        let mut identities = BTreeMap::new();
        for node in &nodes {
            let spread = plan.skew as i64 * SECOND;
            node.clock.skew(chance.below(2 * plan.skew + 1) as i64 * SECOND - spread);
            node.clock.set(START);
            let text = node.text_of(&node.identity)?;
            identities.insert(node.identity.clone(), text.unwrap_or_default());
        }
        let count = nodes.len();
        let mut queue = Queue::default();
        let span = i64::from(plan.deeds) * SECOND;
        for _ in 0..plan.deeds {
            queue.push(START + chance.below(span.unsigned_abs()) as i64, chance.next(), Event::Deed);
        }
        if plan.hostile {
            for _ in 0..plan.deeds / 2 {
                queue.push(START + chance.below(span.unsigned_abs()) as i64, chance.next(), Event::Lie);
            }
        }
        if let Some((a, b)) = plan.courier {
            for _ in 0..4 {
                for (from, to) in [(a, b), (b, a)] {
                    let at = START + chance.below(span.unsigned_abs()) as i64;
                    queue.push(at, chance.next(), Event::Export { from, to });
                }
            }
        }
        for node in 0..count {
            queue.push(
                START + chance.below(PERIOD.unsigned_abs()) as i64,
                chance.next(),
                Event::Timer { node },
            );
        }
        queue.push(START + span, 0, Event::Heal);
        let mut seen = Vec::new();
        seen.resize_with(count, Seen::default);
        Ok(Self {
            plan,
            nodes,
            seen,
            lives: vec![0; count],
            busy: BTreeSet::new(),
            truth: Truth::new(count, stage.pacts.clone()),
            identities,
            open: BTreeMap::new(),
            drafts: BTreeMap::new(),
            overheard: Vec::new(),
            queue,
            chance,
            now: START,
            healed: false,
            cut: BTreeSet::new(),
            trace: Sha256::new(),
            report: AllianceReport::default(),
        })
    }

    fn node(&self, index: usize) -> Result<&Member, Problem> {
        self.nodes.get(index).ok_or_else(|| Problem(format!("there is no node {index}")))
    }

    /// The place of the liar, if there is one.
    fn liar(&self) -> Option<usize> {
        self.plan.hostile.then(|| self.nodes.len() - 1)
    }

    fn note(&mut self, line: &str) {
        if std::env::var("SIM_TRACE").is_ok() {
            eprintln!("{} {} {line}", self.report.steps, (self.now - START) / 1000);
        }
        self.trace.update(self.now.to_le_bytes());
        self.trace.update(line.as_bytes());
        self.trace.update([b'\n']);
    }

    fn horizon(&self) -> i64 {
        START + i64::from(self.plan.deeds) * SECOND + 2 * PERIOD
    }

    fn after(&mut self, least: i64, most: i64, event: Event) {
        let at = self.now + least + self.chance.below((most - least).unsigned_abs()) as i64;
        self.queue.push(at, self.chance.next(), event);
    }

    fn step(&mut self, event: Event) -> Result<(), Problem> {
        for node in &self.nodes {
            node.clock.set(self.now);
        }
        match event {
            Event::Deed => self.deed()?,
            Event::Work { node } => self.work(node)?,
            Event::Timer { node } => {
                if self.now < self.horizon() {
                    self.queue.push(self.now + PERIOD, self.chance.next(), Event::Timer { node });
                }
                self.work(node)?;
            }
            Event::Request(request) => self.arrive(*request)?,
            Event::Answer { request, answer } => self.answered(&request, answer)?,
            Event::GiveUp { from, to, life } => {
                if self.lives.get(from) == Some(&life) {
                    self.busy.remove(&(from, to));
                    self.work(from)?;
                }
            }
            Event::Crash { node, commits } => {
                self.note(&format!("crash {node} {commits}"));
                self.node(node)?.store.die_after(commits);
                self.after(200_000, 2 * SECOND, Event::Restart { node });
            }
            Event::Restart { node } => self.restart(node)?,
            Event::Export { from, to } => self.export(from, to)?,
            Event::Import { from, to, file, withdrawals } => self.import(from, to, &file, &withdrawals)?,
            Event::Lie => self.lie()?,
            Event::Heal => {
                self.healed = true;
                self.cut.clear();
                self.note("heal");
            }
        }
        self.misfortune();
        Ok(())
    }

    /// Now and then a node dies, or a link is cut or mended, until the network heals for good.
    fn misfortune(&mut self) {
        if self.healed {
            return;
        }
        let count = self.nodes.len() as u64;
        if self.chance.per_mille(self.plan.crash) {
            let (node, commits) = (self.chance.below(count) as usize, self.chance.below(6));
            self.queue.push(self.now, self.chance.next(), Event::Crash { node, commits });
        }
        if self.chance.per_mille(self.plan.cut) {
            let (a, b) = (self.chance.below(count) as usize, self.chance.below(count) as usize);
            let link = (a.min(b), a.max(b));
            if !self.cut.remove(&link) {
                self.cut.insert(link);
            }
        }
    }

    /// What a node did went wrong: fatal, unless it died meanwhile.
    fn survives<T>(&self, node: usize, result: Result<T, Problem>) -> Result<Option<T>, Problem> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(_) if self.node(node)?.store.is_dead() => Ok(None),
            Err(problem) => Err(Problem(format!("node {node}: {problem}"))),
        }
    }

    fn restart(&mut self, index: usize) -> Result<(), Problem> {
        self.report.crashes += 1;
        self.note(&format!("restart {index}"));
        if let Some(node) = self.nodes.get_mut(index) {
            node.restart()?;
        }
        if let Some(life) = self.lives.get_mut(index) {
            *life += 1;
        }
        self.busy.retain(|(from, _)| *from != index);
        self.after(1_000, 50_000, Event::Work { node: index });
        Ok(())
    }

    fn work(&mut self, index: usize) -> Result<(), Problem> {
        if self.node(index)?.store.is_dead() {
            return Ok(());
        }
        self.countersign(index)?;
        let worked = self.node(index)?.work();
        if self.survives(index, worked)?.is_none() {
            return Ok(());
        }
        self.truth.worked(index);
        self.check(index)?;
        for to in 0..self.nodes.len() {
            if to != index && !self.busy.contains(&(index, to)) {
                self.begin(index, to)?;
            }
        }
        Ok(())
    }

    /// Begins the next call of one node to another, if it has anything to say.
    fn begin(&mut self, from: usize, to: usize) -> Result<(), Problem> {
        let party = self.node(to)?.party;
        let next = self.node(from)?.core.next_call(party).map_err(Problem::from);
        let Some(Some(call)) = self.survives(from, next)? else { return Ok(()) };
        self.busy.insert((from, to));
        let by_courier = self.plan.courier.is_some_and(|(a, b)| [(a, b), (b, a)].contains(&(from, to)));
        let life = self.lives.get(from).copied().unwrap_or_default();
        let request = Request {
            from,
            to,
            call,
            life,
            words: self.truth.would_tell(from, to),
            withdrawals: Vec::new(),
            again: false,
        };
        if by_courier && matches!(request.call.topic, Topic::Position | Topic::Push) {
            // Nothing of it leaves: the two have no connection for streams.
            return self.lost(request);
        }
        self.note(&format!(
            "call {from} {to} {:?} {}",
            request.call.topic,
            forge::subject_of(&request.call.body)
        ));
        let (topic, body) = (request.call.topic, request.call.body.clone());
        let withdrawals = {
            let Some(node) = self.nodes.get(from) else { return Ok(()) };
            watch::departs(&mut self.truth, node, to, topic, &body)?
        };
        let request = Request { withdrawals, ..request };
        if self.liar() == Some(from) || self.liar() == Some(to) {
            self.overheard.push((to, topic, body));
        }
        if self.cut.contains(&(from.min(to), from.max(to))) {
            self.report.faults[2] += 1;
            return self.lost(request);
        }
        if !self.healed && self.chance.per_mille(self.plan.drop) {
            self.report.faults[0] += 1;
            return self.lost(request);
        }
        if !self.healed && self.chance.per_mille(self.plan.duplicate) {
            self.report.faults[1] += 1;
            let again = Request { again: true, ..request.clone() };
            // Late enough, sometimes, to arrive after what was sent later.
            self.after(1_000, 3 * SECOND, Event::Request(Box::new(again)));
        }
        self.after(1_000, 300_000, Event::Request(Box::new(request)));
        Ok(())
    }

    /// The caller gives up after a while: sometimes it learns that nobody answered, sometimes it just stops waiting.
    fn lost(&mut self, request: Request) -> Result<(), Problem> {
        let event = if self.chance.per_mille(150) {
            let answer = Err(CallError::Unreachable("nobody there".to_owned()));
            Event::Answer { request: Box::new(request), answer }
        } else {
            Event::GiveUp { from: request.from, to: request.to, life: request.life }
        };
        self.after(300_000, SECOND, event);
        Ok(())
    }

    fn arrive(&mut self, request: Request) -> Result<(), Problem> {
        let (from, to) = (request.from, request.to);
        let party = self.node(from)?.party;
        let target = self.node(to)?;
        if target.store.is_dead() {
            return if request.again { Ok(()) } else { self.lost(request) };
        }
        let answer = forge::call(target, Some(party), request.call.topic, &request.call.body);
        if target.store.is_dead() {
            return if request.again { Ok(()) } else { self.lost(request) };
        }
        if let Err(Refusal::Failed) = &answer {
            return Err(Problem(format!(
                "node {to} failed to answer a {:?} call of node {from}",
                request.call.topic
            )));
        }
        let told = match &answer {
            Ok(body) => format!("{}", forge::subject_of(body)),
            Err(refusal) => refusal.to_string(),
        };
        self.note(&format!("arrive {from} {to} {:?} {} {told}", request.call.topic, request.again));
        if let Ok(body) = &answer {
            watch::answers(&self.truth, self.node(to)?, request.call.topic, body)?;
            if request.call.topic == Topic::Push {
                self.report.taken_back += request.withdrawals.len() as u64;
                watch::told(&mut self.truth, to, &request.withdrawals);
            }
            if request.call.topic == Topic::Documents
                && let Some(heard) = self.truth.heard.get_mut(to)
            {
                heard.extend(request.words.iter().copied());
            }
        }
        self.check(to)?;
        self.after(1_000, 100_000, Event::Work { node: to });
        if request.again {
            return Ok(());
        }
        if !self.healed && self.chance.per_mille(self.plan.drop) {
            self.report.faults[0] += 1;
            return self.lost(request);
        }
        let answer = answer.map_err(CallError::from);
        self.after(1_000, 300_000, Event::Answer { request: Box::new(request), answer });
        Ok(())
    }

    fn answered(&mut self, request: &Request, answer: Result<Vec<u8>, CallError>) -> Result<(), Problem> {
        let (from, to) = (request.from, request.to);
        if self.lives.get(from) != Some(&request.life) {
            return Ok(());
        }
        self.busy.remove(&(from, to));
        if self.node(from)?.store.is_dead() {
            return Ok(());
        }
        let reached = !matches!(answer, Err(CallError::Unreachable(_)));
        let taken = self.node(from)?.core.answered(&request.call, answer).map_err(Problem::from);
        let Some(more) = self.survives(from, taken)? else { return Ok(()) };
        self.note(&format!("answered {from} {to} {more}"));
        self.check(from)?;
        // Whoever was not reached is tried again by the timer.
        if reached && (more || !self.healed) {
            self.after(1_000, 50_000, Event::Work { node: from });
        }
        Ok(())
    }

    fn check(&mut self, index: usize) -> Result<(), Problem> {
        let (Some(node), Some(seen)) = (self.nodes.get(index), self.seen.get_mut(index)) else {
            return Ok(());
        };
        // What a liar holds is nobody's to check, and what a dead node holds cannot be read.
        if node.store.is_dead() || (self.plan.hostile && index + 1 == self.nodes.len()) {
            return Ok(());
        }
        seen.check(&self.truth, node, &self.identities)
    }

    /// Everyone who is honest has said everything: then the entitled hold what they are entitled to, and nobody else.
    fn end(&mut self) -> Result<(), Problem> {
        // Clocks are put right; what was dated ahead by an hour is not any more.
        self.now += 2 * 3600 * SECOND;
        let liar = self.liar();
        for index in 0..self.nodes.len() {
            if let Some(node) = self.nodes.get_mut(index) {
                node.clock.skew(0);
                node.clock.set(self.now);
                if node.store.is_dead() {
                    node.restart()?;
                }
            }
        }
        self.settle()?;
        let honest: Vec<usize> = (0..self.nodes.len()).filter(|index| Some(*index) != liar).collect();
        for index in &honest {
            self.check(*index)?;
            let (Some(node), Some(seen)) = (self.nodes.get(*index), self.seen.get(*index)) else { continue };
            seen.consistent(node)?;
            self.alarms(node, &honest)?;
        }
        let mut given = 0;
        for item in self.truth.items.values().filter(|item| honest.contains(&item.owner)) {
            for to in honest.iter().filter(|to| **to != item.owner) {
                let held = self.node(*to)?.text_of(&item.id)?;
                let fail = |why: &str| {
                    Err(Problem(format!("in the end node {to} {why} {} of node {}", item.id, item.owner)))
                };
                given += u64::from(held.is_some());
                // Whether what ties two others together travels depends on when those did.
                let must = self.truth.entitled(item, *to) && item.ends.is_empty();
                match (must, held) {
                    (true, None) => return fail("does not hold"),
                    (true, Some(text))
                        if item.versions.last().is_some_and(|version| version.text != text) =>
                    {
                        return fail("holds another text than the newest");
                    }
                    (false, Some(_)) if self.truth.must_be_gone(*to, &item.id) => return fail("still holds"),
                    (false, Some(_)) if item.withdrawn => {
                        return fail("was not told of the withdrawal of");
                    }
                    _ => {}
                }
            }
        }
        self.report.given = given;
        self.report.published = self.truth.items.len() as u64;
        self.confirmed(&honest)
    }

    /// Carries calls between honest nodes, and files between those that have only files, until nothing is left.
    fn settle(&mut self) -> Result<(), Problem> {
        self.healed = true;
        self.cut.clear();
        self.busy.clear();
        self.overheard.clear();
        let liar = self.liar();
        for _ in 0..2_000 {
            let mut said = false;
            for from in 0..self.nodes.len() {
                if Some(from) == liar {
                    continue;
                }
                self.countersign(from)?;
                self.node(from)?.work()?;
                self.truth.worked(from);
                for to in (0..self.nodes.len()).filter(|to| *to != from && Some(*to) != liar) {
                    said |= self.carry(from, to)?;
                }
            }
            if !said {
                return Ok(());
            }
        }
        Err(Problem::new("they never stop"))
    }

    /// One call from one node to another, at once and without fault.
    fn carry(&mut self, from: usize, to: usize) -> Result<bool, Problem> {
        let party = self.node(to)?.party;
        let Some(call) = self.node(from)?.core.next_call(party)? else { return Ok(false) };
        let words = self.truth.would_tell(from, to);
        let withdrawals = {
            let Some(node) = self.nodes.get(from) else { return Ok(false) };
            // In the end those who had only files are connected too: files and calls are the same stream.
            watch::departs(&mut self.truth, node, to, call.topic, &call.body)?
        };
        let caller = self.node(from)?.party;
        let answer = forge::call(self.node(to)?, Some(caller), call.topic, &call.body);
        self.note(&format!("carry {from} {to} {:?} {}", call.topic, answer.is_ok()));
        match &answer {
            Ok(_) if call.topic == Topic::Push => {
                self.report.taken_back += withdrawals.len() as u64;
                watch::told(&mut self.truth, to, &withdrawals);
            }
            Ok(_) if call.topic == Topic::Documents => {
                if let Some(heard) = self.truth.heard.get_mut(to) {
                    heard.extend(words);
                }
            }
            Ok(_) | Err(Refusal::OutOfStep(_)) => {}
            Err(refusal) => {
                let problem =
                    format!("in the end node {to} refuses a {:?} call of node {from}: {refusal}", call.topic);
                return Err(Problem(problem));
            }
        }
        self.node(from)?.core.answered(&call, answer.map_err(CallError::from))?;
        Ok(true)
    }
}
