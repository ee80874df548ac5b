//! Patterns that take more than one value, over events.
//!
//! An event becomes one observation: its addresses, names, files, processes and connections as cyber-observable objects
//! (see `observed`). That costs more than looking values up, so only events become one that could matter to a pattern:
//! where each of its observation expressions needs one of some values, those that have one of these; else those
//! that have objects of its types.
//!
//! Patterns whose bindings take several observations keep those that satisfy one of their expressions in [`Windows`]:
//! a bounded number for each pattern and for all together, and no longer than the pattern can reach back. One without
//! `WITHIN` could reach back for ever; it is given a day. Observations that were in a match are let go, so that
//! the next match takes new ones.
//!
//! Our own patterns and those that others shared have bounds of their own: what somebody else writes, however much it
//! takes, leaves ours what they had.
//!
//! A pattern that takes more steps than it may neither matches nor does not; that is counted, and after it has happened
//! often enough the pattern rests. [`Patterns::states`] says so.

mod observed;

use std::collections::BTreeMap;
use std::fmt;

use logs::Event;
use model::Timestamp;
use observable::from_pattern_term;
use stix_pattern::{BudgetExceeded, Matcher, Observation, Pattern, Reach};

use crate::atomic::{Atom, Entry, Index, Scratch, observable_of};
use observed::{Types, observation};

/// Steps that one pattern may take over one event: some two milliseconds.
const BUDGET: u64 = 100_000;
/// Steps that one pattern may take over what it keeps: some ten milliseconds.
const WINDOW_BUDGET: u64 = 500_000;
/// How often a pattern may take too many steps before it rests.
const MAX_EXHAUSTED: u32 = 16;
/// The most observations kept for one pattern.
const MAX_HELD: usize = 1024;
/// The fewest for which there is room, however few a binding takes.
const MIN_HELD: usize = 64;
/// The most bytes of observations that are kept: for all our own patterns together, and once more for all that others
/// shared.
const MAX_BYTES: usize = 32 << 20;
/// What an observation takes beside the bytes of its event: its objects and their names.
const OBJECTS: usize = 2048;
/// What all our own patterns may take together once they are compiled, in bytes, by a rough and rather high measure.
const MAX_TOTAL: usize = 1 << 30;
/// What all patterns that others shared may take: as much as their rules.
const MAX_SHARED: usize = 512 << 20;
/// What the patterns of one of these others may take.
const MAX_GIVER: usize = MAX_SHARED / 4;
/// What a regular expression (`MATCHES`) may take, over text and over octets.
const REGEX: usize = 1 << 20;
/// What a byte of a pattern's text takes.
const BYTE: usize = 40;
/// How long an observation is kept for a pattern that says nothing of it: a day, in microseconds.
const DAY: i64 = 86_400 * 1_000_000;

/// A pattern with its subject, the first instant at which it counts and the one from which on it does not.
type Counted = (u64, Pattern, Timestamp, Option<Timestamp>);

/// Whether a pattern can match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PatternState {
    /// It looks at every event that could matter to it.
    Active,
    /// As [`PatternState::Active`], but it asks for more than is kept: what is left out.
    Bounded(String),
    /// No event has objects of any of the types it asks for: these.
    NoSuchObjects(Vec<String>),
    /// It took too many steps too often and rests, after so many times.
    TooCostly(u32),
    /// It cannot be used, and why.
    Unusable(String),
}

impl PatternState {
    /// The word for the state, in listings and figures.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Bounded(_) => "bounded",
            Self::NoSuchObjects(_) => "no-such-objects",
            Self::TooCostly(_) => "too-costly",
            Self::Unusable(_) => "unusable",
        }
    }

    /// Why, in words; empty for an active pattern.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::Active => String::new(),
            Self::Bounded(why) | Self::Unusable(why) => why.clone(),
            Self::NoSuchObjects(types) => format!("no event here has objects of type {}", types.join(", ")),
            Self::TooCostly(times) => {
                format!("it took more steps than allowed {times} times and rests; narrow the pattern")
            }
        }
    }
}

/// Patterns that are ready to be asked. They never change: what they keep is in [`Windows`].
#[derive(Default)]
pub struct Patterns {
    rules: Vec<Rule>,
    /// Values that make an event matter; the subject of each is a place in `rules`.
    values: Index,
    /// Types of objects that make an event matter, and a place in `rules`.
    types: Vec<(Types, usize)>,
    /// All of them together.
    any_type: Types,
    /// Subjects that cannot be asked, and why.
    silent: Vec<(u64, PatternState)>,
}

struct Rule {
    subject: u64,
    /// Whether it is ours.
    own: bool,
    /// Microseconds, as in `until`.
    from: i64,
    until: i64,
    matcher: Matcher,
    state: PatternState,
    /// For how long observations are kept and how many; `None` if a match takes one.
    window: Option<Window>,
}

#[derive(Clone, Copy)]
struct Window {
    /// Microseconds.
    length: i64,
    /// The most that are kept.
    room: usize,
    /// The fewest that can match.
    needs: usize,
}

/// What patterns remember of events, by the subject of each: it outlives a change of [`Patterns`].
#[derive(Default)]
pub struct Windows {
    held: BTreeMap<u64, Held>,
    /// Bytes of all observations that are held for our own patterns, counted for each pattern that holds one.
    own_bytes: usize,
    /// The same for patterns that others shared.
    shared_bytes: usize,
    /// How often a subject's pattern took too many steps.
    exhausted: BTreeMap<u64, u32>,
    scratch: Scratch,
    /// Places of rules that the present event could matter to.
    chosen: Vec<usize>,
}

/// The observations that a pattern keeps in the order they came, with the instant and the bytes of each.
#[derive(Default)]
struct Held {
    /// Whether the pattern is ours.
    own: bool,
    observations: Vec<Observation>,
    notes: Vec<(i64, usize)>,
    /// When the last one was.
    last: Option<i64>,
}

/// What some patterns may take together once they are compiled, and what they take so far, in bytes.
struct Budget {
    whose: &'static str,
    most: usize,
    spent: usize,
}

impl Budget {
    const fn new(whose: &'static str, most: usize) -> Self {
        Self { whose, most, spent: 0 }
    }

    fn check(&self, cost: usize) -> Result<(), PatternState> {
        let Self { whose, most, spent } = self;
        if spent + cost <= *most {
            return Ok(());
        }
        Err(PatternState::Unusable(format!(
            "it would take up to {} MiB of memory, and the patterns before it leave {} of the {} that {whose} may take: narrow or remove patterns",
            cost.div_ceil(1 << 20),
            most.saturating_sub(*spent) >> 20,
            *most >> 20
        )))
    }
}

/// Takes what a pattern costs from all of these, or from none.
fn pay(cost: usize, budgets: &mut [&mut Budget]) -> Result<(), PatternState> {
    budgets.iter().try_for_each(|budget| budget.check(cost))?;
    budgets.iter_mut().for_each(|budget| budget.spent += cost);
    Ok(())
}

impl Patterns {
    /// Makes our own patterns ready: each with its subject, the first instant at which it counts and the one from which on
    /// it does not. Where there are more than may be, the first stay.
    #[must_use]
    pub fn new(patterns: impl IntoIterator<Item = (u64, Pattern, Timestamp, Option<Timestamp>)>) -> Self {
        Self::with_shared(patterns, std::iter::empty())
    }

    /// Makes our own patterns ready as [`Patterns::new`] does, and beside them those that others shared, each with a number
    /// for whoever gave it. Theirs may take half of what ours may, of memory that is theirs, and each giver's a quarter of
    /// that: no text of another party takes room from a pattern of ours.
    #[must_use]
    pub fn with_shared(
        own: impl IntoIterator<Item = (u64, Pattern, Timestamp, Option<Timestamp>)>,
        shared: impl IntoIterator<Item = (u32, (u64, Pattern, Timestamp, Option<Timestamp>))>,
    ) -> Self {
        let mut made = Self::default();
        let mut values = Vec::new();
        let mut ours = Budget::new("all of them", MAX_TOTAL);
        for counted in own {
            made.take_in(counted, true, &mut [&mut ours], &mut values);
        }
        let mut theirs = Budget::new("all that others shared", MAX_SHARED);
        let mut shares: BTreeMap<u32, Budget> = BTreeMap::new();
        for (giver, counted) in shared {
            let made_for = || Budget::new("those of one giver", MAX_GIVER);
            let share = shares.entry(giver).or_insert_with(made_for);
            made.take_in(counted, false, &mut [share, &mut theirs], &mut values);
        }
        made.values = Index::default().with(&values);
        made
    }

    fn take_in(&mut self, counted: Counted, own: bool, budgets: &mut [&mut Budget], values: &mut Vec<Entry>) {
        let (subject, pattern, ..) = &counted;
        let subject = *subject;
        let text = pattern.to_string();
        let cost = text.matches("MATCHES").count() * REGEX + text.len() * BYTE;
        if let Err(state) = pay(cost, budgets).and_then(|()| self.add(counted, own, values)) {
            self.silent.push((subject, state));
        }
    }

    fn add(&mut self, counted: Counted, own: bool, values: &mut Vec<Entry>) -> Result<(), PatternState> {
        let (subject, mut pattern, from, until) = counted;
        // Observations have every value in one spelling.
        pattern.respell(&|object_type, path, text| {
            from_pattern_term(object_type, path, text).map(|found| found.to_string())
        });
        let matcher = Matcher::new(&pattern).map_err(|error| PatternState::Unusable(error.to_string()))?;
        let needs = usize::try_from(matcher.needs()).unwrap_or(usize::MAX);
        if needs > MAX_HELD {
            let why = format!("a match takes {needs} observations, and {MAX_HELD} are kept");
            return Err(PatternState::Unusable(why));
        }
        let length = match pattern.reach() {
            Reach::One => None,
            Reach::Within(micros) => Some(micros),
            Reach::Open => Some(DAY),
        };
        let room = needs.saturating_mul(4).clamp(MIN_HELD, MAX_HELD);
        let window = length.map(|length| Window { length, room, needs });

        let asked = pattern.asked(&|term| observable_of(term).is_some());
        let (possible, impossible): (Vec<_>, Vec<_>) =
            asked.into_iter().partition(|asked| Types::among(&asked.types) != Types::NONE);
        let mut lacking: Vec<String> =
            impossible.iter().flat_map(|asked| asked.types.iter().map(|name| (*name).to_owned())).collect();
        lacking.sort_unstable();
        lacking.dedup();
        if possible.is_empty() {
            return Err(PatternState::NoSuchObjects(lacking));
        }
        let mut bounds = Vec::new();
        if !lacking.is_empty() {
            let types = lacking.join(", ");
            bounds.push(format!("no event here has objects of type {types}: what needs one never holds"));
        }
        if pattern.reach() == Reach::Open {
            bounds.push("it does not say `WITHIN`: observations are kept for a day".to_owned());
        }
        let state =
            if bounds.is_empty() { PatternState::Active } else { PatternState::Bounded(bounds.join("; ")) };
        let place = self.rules.len();
        for asked in possible {
            match asked.terms {
                Some(terms) => {
                    values.extend(terms.iter().filter_map(observable_of).map(|observable| Entry {
                        atom: Atom { observable, port: None },
                        subject: place as u64,
                        from: Timestamp::MIN,
                        until: None,
                        confidence: None,
                    }));
                }
                None => {
                    let types = Types::among(&asked.types);
                    self.types.push((types, place));
                    self.any_type = self.any_type.or(types);
                }
            }
        }
        let (from, until) = (from.as_micros(), until.map_or(i64::MAX, Timestamp::as_micros));
        self.rules.push(Rule { subject, own, from, until, matcher, state, window });
        Ok(())
    }

    /// How many patterns are asked.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether none is.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Every subject, and whether its pattern can match.
    pub fn states(&self, windows: &Windows) -> impl Iterator<Item = (u64, PatternState)> {
        let asked = self.rules.iter().map(move |rule| match windows.rests(rule.subject) {
            Some(times) => (rule.subject, PatternState::TooCostly(times)),
            None => (rule.subject, rule.state.clone()),
        });
        asked.chain(self.silent.iter().cloned())
    }

    /// Asks every pattern that the event could matter to and that counts at that instant, which is the event's own time.
    /// Hands out the subjects of those that match now.
    pub fn run(&self, windows: &mut Windows, event: &Event<'_>, at: Timestamp, each: &mut dyn FnMut(u64)) {
        if self.rules.is_empty() {
            return;
        }
        windows.chosen.clear();
        let Windows { scratch, chosen, .. } = windows;
        self.values.look(event, at, scratch, &mut |hit| chosen.extend(usize::try_from(hit.subject)));
        if self.any_type != Types::NONE {
            let present = Types::of(event, self.any_type);
            chosen
                .extend(self.types.iter().filter(|(types, _)| types.meet(present)).map(|(_, place)| *place));
        }
        if chosen.is_empty() {
            return;
        }
        let mut chosen = std::mem::take(&mut windows.chosen);
        chosen.sort_unstable();
        chosen.dedup();
        let micros = at.as_micros();
        let mut made: Option<Observation> = None;
        for rule in chosen.iter().filter_map(|place| self.rules.get(*place)) {
            if rule.from <= micros && micros < rule.until && windows.rests(rule.subject).is_none() {
                let observation = made.get_or_insert_with(|| observation(event, at));
                if windows.ask(rule, observation, micros, event.raw.len() + OBJECTS) {
                    each(rule.subject);
                }
            }
        }
        windows.chosen = chosen;
    }
}

impl Windows {
    /// Nothing remembered yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many observations are kept, counted for each pattern that keeps one.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.values().map(|held| held.observations.len()).sum()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets what was kept for subjects that are not among these patterns, and lets those that rest try again.
    pub fn keep(&mut self, patterns: &Patterns) {
        let mut subjects: Vec<u64> = patterns.rules.iter().map(|rule| rule.subject).collect();
        subjects.sort_unstable();
        self.held.retain(|subject, _| subjects.binary_search(subject).is_ok());
        let bytes = |own: bool| {
            let held = self.held.values().filter(move |held| held.own == own);
            held.flat_map(|held| &held.notes).map(|(_, bytes)| *bytes).sum::<usize>()
        };
        (self.own_bytes, self.shared_bytes) = (bytes(true), bytes(false));
        self.exhausted.clear();
    }

    /// How often a pattern took too many steps, if that was often enough to have it rest.
    fn rests(&self, subject: u64) -> Option<u32> {
        self.exhausted.get(&subject).copied().filter(|times| *times >= MAX_EXHAUSTED)
    }

    fn ask(&mut self, rule: &Rule, observation: &Observation, at: i64, bytes: usize) -> bool {
        let answer = match rule.window {
            None => rule.matcher.matches_one(observation, BUDGET),
            Some(window) => match rule.matcher.concerns(observation, BUDGET) {
                Ok(true) => self.hold(rule, window, observation, at, bytes),
                other => other,
            },
        };
        answer.unwrap_or_else(|_| {
            *self.exhausted.entry(rule.subject).or_default() += 1;
            false
        })
    }

    /// Keeps an observation for a pattern, and asks the pattern about all that is kept for it.
    fn hold(
        &mut self,
        rule: &Rule,
        window: Window,
        observation: &Observation,
        at: i64,
        bytes: usize,
    ) -> Result<bool, BudgetExceeded> {
        let made = || Held { own: rule.own, ..Held::default() };
        let held = self.held.entry(rule.subject).or_insert_with(made);
        let taken = if held.own { &mut self.own_bytes } else { &mut self.shared_bytes };
        // One event from a clock that is far ahead must not make everything else look old.
        let now = held.last.replace(at).map_or(at, |last| last.min(at));
        let mut freed = held.drop_where(|_, (then, _)| then < now.saturating_sub(window.length));
        let excess = (held.notes.len() + 1).saturating_sub(window.room);
        freed += held.drop_where(|place, _| place < excess);
        *taken = taken.saturating_sub(freed);
        // What others keep is theirs: who comes when there is no room makes do with less of its own.
        while taken.saturating_add(bytes) > MAX_BYTES {
            if held.notes.is_empty() {
                return rule.matcher.matches_one(observation, BUDGET);
            }
            *taken = taken.saturating_sub(held.drop_where(|place, _| place == 0));
        }
        held.observations.push(observation.clone());
        held.notes.push((at, bytes));
        *taken += bytes;
        if held.observations.len() < window.needs {
            return Ok(false);
        }
        let Some(bound) = rule.matcher.first_among(&held.observations, WINDOW_BUDGET)? else {
            return Ok(false);
        };
        let freed = held.drop_where(|place, _| bound.binary_search(&place).is_ok());
        *taken = taken.saturating_sub(freed);
        Ok(true)
    }
}

impl Held {
    /// Lets observations go, by place and note; returns their bytes.
    fn drop_where(&mut self, goes: impl Fn(usize, (i64, usize)) -> bool) -> usize {
        let gone: Vec<bool> = self.notes.iter().enumerate().map(|(place, note)| goes(place, *note)).collect();
        let mut freed = 0;
        let mut which = gone.iter();
        self.observations.retain(|_| which.next().is_none_or(|gone| !gone));
        let mut which = gone.iter();
        self.notes.retain(|(_, bytes)| {
            let stays = which.next().is_none_or(|gone| !gone);
            freed += if stays { 0 } else { *bytes };
            stays
        });
        freed
    }
}

impl fmt::Debug for Patterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Patterns").field("asked", &self.rules.len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Windows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Windows")
            .field("held", &self.len())
            .field("bytes", &(self.own_bytes + self.shared_bytes))
            .finish_non_exhaustive()
    }
}
