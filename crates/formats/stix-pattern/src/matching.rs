//! Giving each place in a binding an observation of its own.
//!
//! A bipartite matching with capacities, grown one group of places at a time by augmenting paths and undone in
//! reverse order. Whether places can be filled does not depend on the order they come in.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::compile::Window;
use crate::error::{Budget, BudgetExceeded};
use crate::observe::Observation;

/// Places that take the same observations.
#[derive(Debug)]
pub(crate) struct Group {
    /// The observations that satisfy the condition, ascending.
    pub(crate) candidates: Rc<[usize]>,
    pub(crate) window: Window,
}

/// Which group holds how many of which observation.
#[derive(Debug)]
pub(crate) struct Matching<'a> {
    list: &'a [Observation],
    groups: Vec<(Group, BTreeMap<usize, u32>)>,
    used: BTreeMap<usize, u32>,
    log: Vec<Change>,
}

#[derive(Debug)]
enum Change {
    Group,
    /// The group took so many of the observation, or gave one up.
    Took {
        group: usize,
        observation: usize,
        count: u32,
    },
    Gave {
        group: usize,
        observation: usize,
    },
}

impl<'a> Matching<'a> {
    pub(crate) const fn new(list: &'a [Observation]) -> Self {
        Self { list, groups: Vec::new(), used: BTreeMap::new(), log: Vec::new() }
    }

    /// Something to return to with [`Self::undo`].
    pub(crate) const fn mark(&self) -> usize {
        self.log.len()
    }

    pub(crate) fn undo(&mut self, mark: usize) {
        while self.log.len() > mark {
            match self.log.pop() {
                Some(Change::Group) => {
                    self.groups.pop();
                }
                Some(Change::Took { group, observation, count }) => self.subtract(group, observation, count),
                Some(Change::Gave { group, observation }) => self.add(group, observation, 1),
                None => return,
            }
        }
    }

    /// The observations held, ascending.
    pub(crate) fn held(&self) -> Vec<usize> {
        self.used.keys().copied().collect()
    }

    /// Fills so many places of a new group; on `false` the caller undoes.
    pub(crate) fn fill(
        &mut self,
        group: Group,
        times: u32,
        budget: &mut Budget,
    ) -> Result<bool, BudgetExceeded> {
        let (candidates, window) = (Rc::clone(&group.candidates), group.window);
        let own = self.groups.len();
        self.groups.push((group, BTreeMap::new()));
        self.log.push(Change::Group);
        let mut missing = times;
        for &observation in candidates.iter() {
            budget.spend(1)?;
            if missing == 0 {
                break;
            }
            let count = self.free(observation, window).min(missing);
            if count > 0 {
                self.take(own, observation, count);
                missing -= count;
            }
        }
        while missing > 0 {
            if !self.augment(own, budget)? {
                return Ok(false);
            }
            missing -= 1;
        }
        Ok(true)
    }

    /// Finds the group one more observation, letting others move to other observations if need be.
    fn augment(&mut self, start: usize, budget: &mut Budget) -> Result<bool, BudgetExceeded> {
        // Which group reached an observation, and through which observation a group was reached.
        let mut reached: BTreeMap<usize, usize> = BTreeMap::new();
        let mut through: BTreeMap<usize, usize> = BTreeMap::new();
        let mut queue = vec![start];
        let mut queued = BTreeSet::from([start]);
        let mut next = 0;
        while let Some(&group) = queue.get(next) {
            next += 1;
            let Some((Group { candidates, window }, _)) = self.groups.get(group) else { continue };
            let (candidates, window) = (Rc::clone(candidates), *window);
            for &observation in candidates.iter() {
                budget.spend(1)?;
                if reached.contains_key(&observation) || !self.admits(observation, window) {
                    continue;
                }
                reached.insert(observation, group);
                if self.free(observation, window) > 0 {
                    self.shift(observation, &reached, &through);
                    return Ok(true);
                }
                for (holder, (_, held)) in self.groups.iter().enumerate() {
                    if held.contains_key(&observation) && queued.insert(holder) {
                        through.insert(holder, observation);
                        queue.push(holder);
                    }
                }
                budget.spend(u64::try_from(self.groups.len()).unwrap_or(u64::MAX))?;
            }
        }
        Ok(false)
    }

    /// Moves every group on the path one observation further, the last to a free one.
    fn shift(&mut self, free: usize, reached: &BTreeMap<usize, usize>, through: &BTreeMap<usize, usize>) {
        let mut observation = free;
        while let Some(&group) = reached.get(&observation) {
            self.take(group, observation, 1);
            let Some(&left) = through.get(&group) else { return };
            self.subtract(group, left, 1);
            self.log.push(Change::Gave { group, observation: left });
            observation = left;
        }
    }

    fn admits(&self, observation: usize, window: Window) -> bool {
        self.list.get(observation).is_some_and(|observation| window.admits(observation.interval))
    }

    /// How many more times the observation can be held, if the window admits it.
    fn free(&self, observation: usize, window: Window) -> u32 {
        match self.list.get(observation) {
            Some(own) if window.admits(own.interval) => {
                own.number.saturating_sub(self.used.get(&observation).copied().unwrap_or(0))
            }
            _ => 0,
        }
    }

    fn take(&mut self, group: usize, observation: usize, count: u32) {
        self.add(group, observation, count);
        self.log.push(Change::Took { group, observation, count });
    }

    fn add(&mut self, group: usize, observation: usize, count: u32) {
        *self.used.entry(observation).or_default() += count;
        if let Some((_, held)) = self.groups.get_mut(group) {
            *held.entry(observation).or_default() += count;
        }
    }

    fn subtract(&mut self, group: usize, observation: usize, count: u32) {
        let less = |counts: &mut BTreeMap<usize, u32>| {
            if let Some(own) = counts.get_mut(&observation) {
                *own = own.saturating_sub(count);
                if *own == 0 {
                    counts.remove(&observation);
                }
            }
        };
        less(&mut self.used);
        if let Some((_, held)) = self.groups.get_mut(group) {
            less(held);
        }
    }
}
