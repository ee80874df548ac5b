//! Finding a binding: an observation for each observation expression (§9.5).
//!
//! Temporal conditions are decided by choosing one instant each: `WITHIN` the latest instant of its binding,
//! `FOLLOWEDBY` the latest of its left side. Only instants at which an observation can begin need be tried, and
//! after the choice every place has a plain [`Window`]. What remains, different observations for different
//! places, is a [`Matching`]. So only alternatives and instants are searched, never sets of observations.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::rc::Rc;
use std::vec::IntoIter;

use crate::compile::{Matcher, Node, Window};
use crate::error::{Budget, BudgetExceeded};
use crate::matching::{Group, Matching};
use crate::observe::{ByType, Observation};

/// One run of a matcher over a list of observations.
pub(crate) struct Search<'a> {
    matcher: &'a Matcher,
    list: &'a [Observation],
    by_type: Option<&'a ByType>,
    budget: Budget,
    /// By leaf, once asked for.
    candidates: Vec<Option<Rc<[usize]>>>,
    matching: Matching<'a>,
}

/// What is still to be bound: all these nodes, so many times, and then the rest.
#[derive(Clone, Copy)]
struct Goal<'a, 'g> {
    nodes: &'a [Node],
    times: u32,
    window: Window,
    /// The first instant worth trying. The bindings of a `REPEATS` are interchangeable, so their instants can
    /// be asked for in ascending order.
    since: i64,
    rest: Option<&'g Goal<'a, 'g>>,
}

type Outcome<T> = Result<T, BudgetExceeded>;

impl<'a> Search<'a> {
    pub(crate) fn new(
        matcher: &'a Matcher,
        list: &'a [Observation],
        by_type: Option<&'a ByType>,
        budget: Budget,
    ) -> Self {
        Self { matcher, list, by_type, budget, candidates: Vec::new(), matching: Matching::new(list) }
    }

    /// The observations of one binding, ascending.
    pub(crate) fn run(mut self) -> Outcome<Option<Vec<usize>>> {
        self.alternative(&self.matcher.root)
    }

    /// What can stand alone is found without looking at every observation.
    fn alternative(&mut self, node: &'a Node) -> Outcome<Option<Vec<usize>>> {
        match node {
            Node::Leaf { leaf, window, times: 1 } => Ok(self.first(*leaf, *window)?.map(|place| vec![place])),
            Node::Any(nodes) => {
                for node in nodes {
                    if let Some(found) = self.alternative(node)? {
                        return Ok(Some(found));
                    }
                }
                Ok(None)
            }
            _ => {
                let nodes = std::slice::from_ref(node);
                let found =
                    self.solve(&Goal { nodes, times: 1, window: Window::OPEN, since: i64::MIN, rest: None })?;
                Ok(found.then(|| self.matching.held()))
            }
        }
    }

    /// Binds the goal; on `false` the matching is as before.
    fn solve(&mut self, goal: &Goal<'a, '_>) -> Outcome<bool> {
        self.budget.spend(1)?;
        let mut goal = goal;
        let (node, others) = loop {
            match (goal.nodes.split_first(), goal.rest) {
                (Some(found), _) => break found,
                (None, Some(rest)) => goal = rest,
                (None, None) => return Ok(true),
            }
        };
        // Only single nodes are repeated.
        let next = match goal.times {
            0 | 1 => Goal { nodes: others, times: 1, since: i64::MIN, ..*goal },
            times => Goal { times: times - 1, ..*goal },
        };
        let (window, since) = (goal.window, goal.since);
        let then = |nodes, times| Goal { nodes, times, window, since: i64::MIN, rest: Some(&next) };
        let after = |instant| if goal.times > 1 { Goal { since: instant, ..next } } else { next };
        match node {
            Node::Leaf { leaf, window: own, times } => {
                let candidates = self.candidates(*leaf)?;
                let mark = self.matching.mark();
                let group = Group { candidates, window: window.and(*own) };
                if self.matching.fill(group, *times, &mut self.budget)? && self.solve(&next)? {
                    return Ok(true);
                }
                self.matching.undo(mark);
                Ok(false)
            }
            Node::All(nodes) => self.solve(&then(nodes, 1)),
            Node::Repeats(node, times) => self.solve(&then(std::slice::from_ref(&**node), *times)),
            Node::Any(nodes) => {
                for node in nodes {
                    if self.solve(&then(std::slice::from_ref(node), 1))? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Node::FollowedBy(left, right) => {
                for instant in
                    self.turns(left, right, window)?.into_iter().filter(|instant| *instant >= since)
                {
                    let next = after(instant);
                    let before = window.and(Window { from: i64::MIN, until: instant });
                    let behind = window.and(Window { from: instant, until: i64::MAX });
                    let nodes = std::slice::from_ref(&**right);
                    let right = Goal { nodes, times: 1, window: behind, since: i64::MIN, rest: Some(&next) };
                    let nodes = std::slice::from_ref(&**left);
                    if self.solve(&Goal { nodes, window: before, rest: Some(&right), ..right })? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Node::Within(node, micros) => {
                let instants = self.windows(node, window, *micros)?;
                for instant in instants.into_iter().filter(|instant| *instant >= since) {
                    let next = after(instant);
                    let window =
                        window.and(Window { from: instant.saturating_sub(micros - 1), until: instant });
                    let nodes = std::slice::from_ref(&**node);
                    if self.solve(&Goal { nodes, times: 1, window, since: i64::MIN, rest: Some(&next) })? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
        }
    }

    /// The first observation that satisfies a leaf.
    fn first(&mut self, leaf: usize, window: Window) -> Outcome<Option<usize>> {
        let Some(condition) = self.matcher.leaves.get(leaf) else { return Ok(None) };
        let mut first = None;
        let Some(by_type) = self.by_type else {
            for (place, observation) in self.list.iter().enumerate() {
                if window.admits(observation.interval) && condition.holds(observation, &mut self.budget)? {
                    return Ok(Some(place));
                }
            }
            return Ok(None);
        };
        for kind in &condition.types {
            for &(place, object) in by_type.get(kind).into_iter().flatten() {
                if first.is_some_and(|first| place >= first) {
                    break;
                }
                if self.object_holds(leaf, place, object, window)? {
                    first = Some(place);
                }
            }
        }
        Ok(first)
    }

    /// Every observation that satisfies a leaf, whenever it was, ascending.
    fn candidates(&mut self, leaf: usize) -> Outcome<Rc<[usize]>> {
        if let Some(Some(known)) = self.candidates.get(leaf) {
            return Ok(Rc::clone(known));
        }
        let mut found = Vec::new();
        if let (Some(by_type), Some(condition)) = (self.by_type, self.matcher.leaves.get(leaf)) {
            for kind in &condition.types {
                for &(place, object) in by_type.get(kind).into_iter().flatten() {
                    if found.last() != Some(&place) && self.object_holds(leaf, place, object, Window::OPEN)? {
                        found.push(place);
                    }
                }
            }
            found.sort_unstable();
            found.dedup();
        } else if let Some(condition) = self.matcher.leaves.get(leaf) {
            for (place, observation) in self.list.iter().enumerate() {
                if condition.holds(observation, &mut self.budget)? {
                    found.push(place);
                }
            }
        }
        let found: Rc<[usize]> = found.into();
        if self.candidates.len() <= leaf {
            self.candidates.resize(leaf + 1, None);
        }
        if let Some(entry) = self.candidates.get_mut(leaf) {
            *entry = Some(Rc::clone(&found));
        }
        Ok(found)
    }

    #[inline]
    fn object_holds(&mut self, leaf: usize, place: usize, object: usize, window: Window) -> Outcome<bool> {
        let (Some(condition), Some(observation)) = (self.matcher.leaves.get(leaf), self.list.get(place))
        else {
            return Ok(false);
        };
        let Some(object) = observation.objects.get(object) else { return Ok(false) };
        Ok(window.admits(observation.interval)
            && condition.condition.holds(observation, object, &mut self.budget)?)
    }

    /// What the window leaves of each observation that some leaf below can bind: one interval around all.
    fn intervals(&mut self, node: &Node, window: Window) -> Outcome<BTreeMap<usize, (i64, i64)>> {
        let mut intervals = BTreeMap::new();
        self.collect(node, window, &mut intervals)?;
        Ok(intervals)
    }

    fn collect(
        &mut self,
        node: &Node,
        window: Window,
        into: &mut BTreeMap<usize, (i64, i64)>,
    ) -> Outcome<()> {
        match node {
            Node::Leaf { leaf, window: own, .. } => {
                let window = window.and(*own);
                let candidates = self.candidates(*leaf)?;
                self.budget.spend(u64::try_from(candidates.len()).unwrap_or(u64::MAX))?;
                for &place in candidates.iter() {
                    let interval = self.list.get(place).and_then(|observation| observation.interval);
                    if let Some((first, last)) = interval.and_then(|interval| window.clip(interval)) {
                        let entry = into.entry(place).or_insert((first, last));
                        *entry = (entry.0.min(first), entry.1.max(last));
                    }
                }
            }
            Node::All(nodes) | Node::Any(nodes) => {
                for node in nodes {
                    self.collect(node, window, into)?;
                }
            }
            Node::FollowedBy(left, right) => {
                self.collect(left, window, into)?;
                self.collect(right, window, into)?;
            }
            Node::Within(node, _) | Node::Repeats(node, _) => self.collect(node, window, into)?,
        }
        Ok(())
    }

    /// The instants at which an observation below can begin in the window, ascending.
    fn beginnings(&mut self, node: &Node, window: Window) -> Outcome<Vec<i64>> {
        let mut instants = Vec::new();
        self.begin(node, window, &mut instants)?;
        instants.sort_unstable();
        instants.dedup();
        Ok(instants)
    }

    fn begin(&mut self, node: &Node, window: Window, into: &mut Vec<i64>) -> Outcome<()> {
        match node {
            Node::Leaf { .. } => {
                into.extend(self.intervals(node, window)?.into_values().map(|(first, _)| first))
            }
            Node::All(nodes) | Node::Any(nodes) => {
                for node in nodes {
                    self.begin(node, window, into)?;
                }
            }
            Node::FollowedBy(left, right) => {
                self.begin(left, window, into)?;
                self.begin(right, window, into)?;
            }
            Node::Within(node, _) | Node::Repeats(node, _) => self.begin(node, window, into)?,
        }
        Ok(())
    }

    /// The instants worth trying as the latest of the left side: enough observations begin before, and enough
    /// end after.
    fn turns(&mut self, left: &Node, right: &Node, window: Window) -> Outcome<Vec<i64>> {
        let (before, behind) = (self.intervals(left, window)?, self.intervals(right, window)?);
        let mut before = self.supply(&before, |(first, _)| first, |_| i64::MAX);
        let mut behind = self.supply(&behind, |_| i64::MIN, |(_, last)| last);
        let (first, second) = (left.needs(), right.needs());
        let mut instants = self.beginnings(left, window)?;
        instants.retain(|&instant| before.at(instant) >= first && behind.at(instant) >= second);
        Ok(instants)
    }

    /// The instants worth trying as the latest of a binding that must fit into `micros`: those whose window
    /// holds enough observations.
    fn windows(&mut self, node: &Node, window: Window, micros: i64) -> Outcome<Vec<i64>> {
        let intervals = self.intervals(node, window)?;
        let mut supply =
            self.supply(&intervals, |(first, _)| first, |(_, last)| last.saturating_add(micros - 1));
        let mut instants = self.beginnings(node, window)?;
        let needed = node.needs();
        instants.retain(|&instant| supply.at(instant) >= needed);
        Ok(instants)
    }

    /// How many observations there are at an instant, each being there from one function of its interval to
    /// the other.
    fn supply(
        &self,
        intervals: &BTreeMap<usize, (i64, i64)>,
        from: impl Fn((i64, i64)) -> i64,
        to: impl Fn((i64, i64)) -> i64,
    ) -> Supply {
        let edges = |edge: &dyn Fn((i64, i64)) -> i64| {
            let number =
                |place: &usize| self.list.get(*place).map_or(0, |observation| u64::from(observation.number));
            let mut edges: Vec<_> =
                intervals.iter().map(|(place, own)| (edge(*own), number(place))).collect();
            edges.sort_unstable();
            edges.into_iter().peekable()
        };
        Supply { opening: edges(&from), closing: edges(&to), opened: 0, closed: 0 }
    }
}

/// Counts along ascending instants.
struct Supply {
    opening: Peekable<IntoIter<(i64, u64)>>,
    closing: Peekable<IntoIter<(i64, u64)>>,
    opened: u64,
    closed: u64,
}

impl Supply {
    fn at(&mut self, instant: i64) -> u64 {
        while let Some((_, number)) = self.opening.next_if(|(edge, _)| *edge <= instant) {
            self.opened += number;
        }
        while let Some((_, number)) = self.closing.next_if(|(edge, _)| *edge < instant) {
            self.closed += number;
        }
        self.opened - self.closed
    }
}

impl Node {
    /// The least number of observations a binding takes.
    pub(crate) fn needs(&self) -> u64 {
        match self {
            Self::Leaf { times, .. } => u64::from(*times),
            Self::All(nodes) => nodes.iter().map(Self::needs).fold(0, u64::saturating_add),
            Self::Any(nodes) => nodes.iter().map(Self::needs).min().unwrap_or(0),
            Self::FollowedBy(left, right) => left.needs().saturating_add(right.needs()),
            Self::Within(node, _) => node.needs(),
            Self::Repeats(node, times) => node.needs().saturating_mul(u64::from(*times)),
        }
    }
}
