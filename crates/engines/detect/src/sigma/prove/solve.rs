//! The search: which branch of every choice, which value in every place.
//!
//! What must be is placed first, what must not be is looked at afterwards, so that most exclusions hold because their
//! field is not there at all. Every place keeps a few values that fit all that is asked of it; as soon as there are none
//! the branch is left. What is found at last is a [`Draft`], and whether it does is for the caller to say: it writes it,
//! reads it and asks the engine.

use std::borrow::Cow;
use std::collections::BTreeMap;

use logs::{Class, FieldMap, Loose, Place};
use rsigma_eval::CompiledMatcher;
use rsigma_eval::matcher::ExpandPart;

use super::goal::{Atom, Goal, Slot};
use super::values::{Effort, Need, Presence, Value};

/// Steps of one search.
const MAX_STEPS: usize = 20_000;
/// Values that are tried: most rules take a dozen, the worst of the public ones a thousand.
const MAX_VALUES: usize = 20_000;
/// Choices inside one another.
const MAX_DEPTH: usize = 300;
/// Drafts that are tried.
const MAX_TRIES: usize = 200;
/// Drafts of one way through all choices.
const DRAFTS: usize = 12;

/// What is to be written: values and where they go.
#[derive(Debug, Clone, Default)]
pub(super) struct Draft {
    pub(super) fields: Vec<Put>,
    /// Texts that may stand anywhere.
    pub(super) words: Vec<String>,
}

/// A value and its place.
#[derive(Debug, Clone)]
pub(super) struct Put {
    /// Member names joined by dots.
    pub(super) path: String,
    pub(super) value: Value,
    /// Whether it only has to be there, whatever it is.
    pub(super) mark: bool,
}

/// What a class is known by.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) path: &'static str,
    /// The only words that will do; any where there are none.
    pub(super) one_of: Vec<String>,
    /// Words to begin with.
    pub(super) first: &'static [&'static str],
}

/// What the caller wants of a field beside what the rule asks.
#[derive(Debug, Clone)]
pub(super) struct Want {
    /// As the rule would name it.
    pub(super) field: String,
    pub(super) be: Be,
}

#[derive(Debug, Clone)]
pub(super) enum Be {
    /// It has a value.
    There,
    /// It has this one.
    Same(String),
    /// It has one that is none of these.
    Other(Vec<String>),
    /// It has this number.
    Number(f64),
}

/// What is to be found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Problem<'g> {
    pub(super) goal: &'g Goal<'g>,
    /// The class of the event; `None` to ask about the rule alone.
    pub(super) class: Option<&'static Class>,
    pub(super) given: &'g [Given],
    pub(super) wants: &'g [Want],
    /// Another number gives other values where there is a choice.
    pub(super) salt: u32,
}

/// Why nothing was found.
#[derive(Debug)]
pub(super) struct Failure {
    /// Whether every way ended in a contradiction, so that nothing can be found.
    pub(super) impossible: bool,
    pub(super) why: String,
}

/// Finds a draft that `check` takes. An error of `check` is why it does not, and the search goes on.
pub(super) fn search<'g>(
    problem: Problem<'g>,
    check: &mut dyn FnMut(&Draft) -> Result<(), String>,
) -> Result<(), Failure> {
    let Problem { goal, class, given, wants, salt } = problem;
    let effort = Effort { salt, values: 0 };
    let mut search =
        Search { class, effort, check, steps: 0, depth: 0, tries: 0, open: false, why: String::new() };
    let mut state = State::default();
    if !search.begin(&mut state, given, wants) {
        return Err(Failure { impossible: false, why: search.why });
    }
    match search.choose(vec![goal], state) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure { impossible: !search.open, why: search.why }),
        Err(Spent) => {
            let why = format!("the search was given up after {} steps; {}", search.steps, search.why);
            Err(Failure { impossible: false, why })
        }
    }
}

/// The search took too long.
struct Spent;

/// A place of the event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    /// The value at a path, or a part of it.
    At(String, Part),
    /// Any text.
    Words(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Whole,
    Stem,
    Query,
    Extension,
}

#[derive(Debug, Clone, Default)]
struct State<'g> {
    needs: BTreeMap<Key, Need<'g>>,
    /// What the engine will ask and must find.
    asserted: Vec<&'g CompiledMatcher>,
    /// What must not be, for later.
    excluded: Vec<&'g Goal<'g>>,
    /// Places with the same value.
    same: Vec<(Key, Key)>,
    /// Places whose value is made of others'.
    filled: Vec<(Key, &'g [ExpandPart])>,
}

struct Search<'c> {
    class: Option<&'static Class>,
    effort: Effort,
    check: &'c mut dyn FnMut(&Draft) -> Result<(), String>,
    steps: usize,
    depth: usize,
    tries: usize,
    /// Whether a way ended otherwise than in a contradiction.
    open: bool,
    why: String,
}

impl Search<'_> {
    /// What is asked before the rule is.
    fn begin(&mut self, state: &mut State<'_>, given: &[Given], wants: &[Want]) -> bool {
        for one in given {
            let need = state.needs.entry(Key::At(self.spelling(one.path), Part::Whole)).or_default();
            one.path.clone_into(&mut need.spelled);
            need.presence = Presence::There;
            need.mark = true;
            if !one.one_of.is_empty() {
                need.one_of = Some(one.one_of.iter().cloned().map(Value::Text).collect());
            }
            need.first = one.first.iter().map(|word| Value::Text((*word).to_owned())).collect();
            if !need.refresh(&mut self.effort) {
                self.why = format!("no value of `{}` makes it an event of its class", one.path);
                return false;
            }
        }
        for want in wants {
            if self.class.is_some_and(|class| class.never_has(&want.field)) {
                self.why = format!("no event of its class has `{}`", want.field);
                return false;
            }
            let need = self.need(state, Slot::Field(&want.field)).1;
            need.presence = Presence::There;
            need.mark = false;
            let own = match &want.be {
                Be::There => None,
                Be::Same(text) => Some(Value::Text(text.clone())),
                Be::Other(texts) => {
                    need.taken.clone_from(texts);
                    None
                }
                Be::Number(number) => Some(Value::Number(*number)),
            };
            if let Some(own) = own {
                let allowed = need.one_of.as_ref().is_none_or(|all| {
                    all.iter().any(|one| one.text().is_some_and(|one| Some(one) == own.text()))
                });
                need.one_of = allowed.then(|| vec![own]).or(Some(Vec::new()));
            }
            need.live = None;
            if !need.refresh(&mut self.effort) {
                self.why = format!("no value of `{}` is as the other events need it", want.field);
                return false;
            }
        }
        true
    }

    fn step(&mut self) -> Result<(), Spent> {
        self.steps += 1;
        let spent = self.steps > MAX_STEPS || self.effort.values > MAX_VALUES || self.tries > MAX_TRIES;
        if spent { Err(Spent) } else { Ok(()) }
    }

    /// Takes goals from the end of the agenda; at each choice, one branch after the other.
    fn choose<'g>(&mut self, mut agenda: Vec<&'g Goal<'g>>, mut state: State<'g>) -> Result<bool, Spent> {
        loop {
            self.step()?;
            let Some(goal) = agenda.pop() else { return self.exclude(state) };
            match goal {
                Goal::All(goals) => agenda.extend(goals.iter().rev()),
                Goal::Absent(_) => {
                    if !self.leaf(&mut state, goal) {
                        return Ok(false);
                    }
                }
                _ if goal.excludes() => state.excluded.push(goal),
                Goal::Any(goals) => {
                    if goals.is_empty() {
                        self.contradiction("one of its choices has nothing to choose from");
                    }
                    for branch in goals {
                        let mut next = agenda.clone();
                        next.push(branch);
                        let state = state.clone();
                        if self.deeper(|search| search.choose(next, state))? {
                            return Ok(true);
                        }
                    }
                    return Ok(false);
                }
                _ => {
                    if !self.leaf(&mut state, goal) {
                        return Ok(false);
                    }
                }
            }
        }
    }

    /// Looks at what must not be: first what leaves no choice.
    fn exclude(&mut self, mut state: State<'_>) -> Result<bool, Spent> {
        loop {
            self.step()?;
            let plain = state.excluded.iter().position(|goal| !matches!(goal, Goal::Any(_)));
            if let Some(at) = plain {
                let goal = state.excluded.remove(at);
                if let Goal::All(goals) = goal {
                    state.excluded.extend(goals);
                } else if !self.leaf(&mut state, goal) {
                    return Ok(false);
                }
                continue;
            }
            let Some(Goal::Any(goals)) = state.excluded.pop() else { return self.finish(state) };
            // What holds because nothing is there comes first.
            let mut branches: Vec<_> = goals.iter().collect();
            branches.sort_by_key(|goal| self.cost(&state, goal));
            for branch in branches {
                let mut state = state.clone();
                state.excluded.push(branch);
                if self.deeper(|search| search.exclude(state))? {
                    return Ok(true);
                }
            }
            return Ok(false);
        }
    }

    fn deeper(&mut self, act: impl FnOnce(&mut Self) -> Result<bool, Spent>) -> Result<bool, Spent> {
        if self.depth >= MAX_DEPTH {
            return Err(Spent);
        }
        self.depth += 1;
        let found = act(self);
        self.depth -= 1;
        found
    }

    /// How much an exclusion takes.
    fn cost(&self, state: &State<'_>, goal: &Goal<'_>) -> u8 {
        match goal {
            Goal::IsNot(field, _) => {
                let need = state.needs.get(&self.key(Slot::Field(field)).0);
                u8::from(need.is_some_and(|need| need.presence == Presence::There))
            }
            Goal::All(_) => 2,
            Goal::Any(_) => 3,
            _ => 1,
        }
    }

    /// Adds one demand; whether it can still be met.
    fn leaf<'g>(&mut self, state: &mut State<'g>, goal: &'g Goal<'g>) -> bool {
        match goal {
            Goal::Meets(slot, atom) => {
                let Some(key) = self.there(state, *slot) else { return false };
                match *atom {
                    Atom::As(other) => {
                        let Some(other) = self.there(state, Slot::Field(other)) else { return false };
                        state.same.push((key, other));
                        return true;
                    }
                    Atom::Filled(template) => {
                        for part in template {
                            if let ExpandPart::Placeholder(field) = part
                                && self.there(state, Slot::Field(field)).is_none()
                            {
                                return false;
                            }
                        }
                        state.filled.push((key, template));
                        return true;
                    }
                    _ => {}
                }
                let Some(need) = state.needs.get_mut(&key) else { return false };
                let null = |atom: &Atom<'_>| matches!(atom, Atom::Kind(CompiledMatcher::Null));
                if need.atoms.iter().any(|other| null(other) != null(atom)) {
                    let place = need.spelled.clone();
                    return self.contradiction(&format!("`{place}` must have a value and must have none"));
                }
                need.atoms.push(*atom);
                need.mark = false;
                need.live = None;
                need.refresh(&mut self.effort) || self.stuck(*slot)
            }
            Goal::Is(slot, matcher) => {
                state.asserted.push(matcher);
                let need = self.need(state, *slot).1;
                need.is.push(matcher);
                need.mark = false;
                need.refresh(&mut self.effort) || self.stuck(*slot)
            }
            Goal::IsNot(field, matcher) => {
                if state.asserted.iter().any(|asserted| std::ptr::eq(*asserted, *matcher)) {
                    return self.contradiction(&format!("`{field}` must be something and must not be it"));
                }
                let need = self.need(state, Slot::Field(field)).1;
                need.never.push(matcher);
                need.presence != Presence::There
                    || need.refresh(&mut self.effort)
                    || self.stuck(Slot::Field(field))
            }
            Goal::There(field) => {
                let Some(key) = self.there(state, Slot::Field(field)) else { return false };
                let Some(need) = state.needs.get_mut(&key) else { return false };
                need.mark = false;
                need.refresh(&mut self.effort) || self.stuck(Slot::Field(field))
            }
            Goal::Absent(field) => {
                let need = self.need(state, Slot::Field(field)).1;
                if need.presence == Presence::There {
                    return self.contradiction(&format!("`{field}` must be there and must not be"));
                }
                need.presence = Presence::Absent;
                true
            }
            Goal::SaysNot(matcher) => {
                !state.asserted.iter().any(|asserted| std::ptr::eq(*asserted, *matcher))
                    || self.contradiction("words must stand in it and must not")
            }
            Goal::Never(why) => {
                self.open = true;
                (*why).clone_into(&mut self.why);
                false
            }
            Goal::All(_) | Goal::Any(_) => true,
        }
    }

    /// Asks for a value; `None` if there can be none.
    fn there(&mut self, state: &mut State<'_>, slot: Slot<'_>) -> Option<Key> {
        if let (Some(class), Slot::Field(field)) = (self.class, slot)
            && class.never_has(field)
        {
            self.open = true;
            self.why = format!("no event of class `{}` has `{field}`", class.name);
            return None;
        }
        let (key, need) = self.need(state, slot);
        if need.presence == Presence::Absent {
            let place = need.spelled.clone();
            self.contradiction(&format!("`{place}` must be there and must not be"));
            return None;
        }
        need.presence = Presence::There;
        Some(key)
    }

    fn contradiction(&mut self, why: &str) -> bool {
        why.clone_into(&mut self.why);
        false
    }

    fn stuck(&mut self, slot: Slot<'_>) -> bool {
        self.open = true;
        self.why = match slot {
            Slot::Field(field) => format!("no value of `{field}` was found that is all it must be"),
            Slot::Words(_) => "no words were found that are all they must be".to_owned(),
        };
        false
    }

    fn need<'s, 'g>(&self, state: &'s mut State<'g>, slot: Slot<'_>) -> (Key, &'s mut Need<'g>) {
        let (key, spelled) = self.key(slot);
        let need = state.needs.entry(key.clone()).or_default();
        if need.spelled.is_empty() {
            need.spelled = spelled;
        }
        need.words = matches!(slot, Slot::Words(_));
        (key, need)
    }

    /// The place that a slot means in this class, and how it is spelled there.
    fn key(&self, slot: Slot<'_>) -> (Key, String) {
        match slot {
            Slot::Words(number) => (Key::Words(number), String::new()),
            Slot::Field(field) => {
                let (path, part) =
                    self.class.and_then(|class| place(class.fields, field)).unwrap_or((field, Part::Whole));
                (Key::At(self.spelling(path), part), path.to_owned())
            }
        }
    }

    /// A path such that paths which lead to the same member are the same.
    fn spelling(&self, path: &str) -> String {
        match self.class.map(|class| class.fields.loose) {
            Some(Loose::Case) => path.to_ascii_lowercase(),
            Some(Loose::Dots) => path.replace('_', "."),
            Some(Loose::Exact) | None => path.to_owned(),
        }
    }

    /// Every choice is made: drafts, until one is taken.
    fn finish(&mut self, mut state: State<'_>) -> Result<bool, Spent> {
        for (key, other) in &state.same {
            let pair = state.needs.get(key).cloned().zip(state.needs.get(other).cloned());
            let Some((mut one, mut two)) = pair else { continue };
            one.refresh(&mut self.effort);
            two.refresh(&mut self.effort);
            let both = |own: &Need<'_>, their: &Need<'_>| -> Vec<Value> {
                own.live.iter().flatten().filter(|value| their.fits(value)).cloned().collect()
            };
            // The side of which more is asked has the better values.
            let mut shared =
                if one.atoms.len() >= two.atoms.len() { both(&one, &two) } else { both(&two, &one) };
            if shared.is_empty() {
                shared = if one.atoms.len() >= two.atoms.len() { both(&two, &one) } else { both(&one, &two) };
            }
            if shared.is_empty() {
                self.open = true;
                self.why = format!("no value was found for `{}` and `{}` alike", one.spelled, two.spelled);
                return Ok(false);
            }
            for key in [key, other] {
                if let Some(need) = state.needs.get_mut(key) {
                    need.live = Some(shared.clone());
                }
            }
        }
        for need in state.needs.values_mut() {
            if need.presence == Presence::There && need.live.is_none() && !need.refresh(&mut self.effort) {
                self.open = true;
                self.why = format!("no value was found for `{}`", need.spelled);
                return Ok(false);
            }
        }
        for turn in 0..DRAFTS {
            for draft in drafts(&state, turn) {
                self.step()?;
                self.tries += 1;
                match (self.check)(&draft) {
                    Ok(()) => return Ok(true),
                    Err(why) => {
                        self.open = true;
                        self.why = why;
                    }
                }
            }
        }
        Ok(false)
    }
}

/// The place that a class keeps a name's value in, of several the best, and what part of it is meant; `None` where the
/// name is the record's own.
fn place(fields: &'static FieldMap, name: &str) -> Option<(&'static str, Part)> {
    let mut rows = fields.aliases.iter().flat_map(|table| table.iter());
    let (_, places) = rows.find(|(own, _)| *own == name)?;
    let whole = places.iter().find_map(|place| match place {
        Place::At(path) => Some((*path, Part::Whole)),
        _ => None,
    });
    whole.or_else(|| match places.first()? {
        Place::At(path) => Some((*path, Part::Whole)),
        Place::All(paths) => paths.first().map(|path| (*path, Part::Whole)),
        Place::Stem(path) => Some((*path, Part::Stem)),
        Place::Query(path) => Some((*path, Part::Query)),
        Place::Extension(path) => Some((*path, Part::Extension)),
    })
}

/// Drafts of one turn: each place takes another of its values than it did in the turn before, no two in step.
fn drafts(state: &State<'_>, turn: usize) -> Vec<Draft> {
    let there = state.needs.iter().filter(|(_, need)| need.presence == Presence::There);
    let mut chosen: BTreeMap<&Key, Value> = BTreeMap::new();
    for (number, (key, need)) in there.enumerate() {
        let live = need.live.as_deref().unwrap_or_default();
        if let Some(value) = live.get(turn * (number + 1) % live.len().max(1)) {
            chosen.insert(key, value.clone());
        }
    }
    for (key, other) in &state.same {
        if let Some(value) = chosen.get(key).cloned() {
            chosen.insert(other, value);
        }
    }
    for (key, template) in &state.filled {
        let text: String = template.iter().map(|part| filling(state, &chosen, part)).collect();
        chosen.insert(key, Value::Text(text));
    }
    let mut draft = Draft::default();
    let mut addresses: BTreeMap<&str, Address> = BTreeMap::new();
    for (key, value) in chosen {
        let Some(need) = state.needs.get(key) else { continue };
        match key {
            Key::Words(_) => draft.words.extend(value.text().map(Cow::into_owned)),
            Key::At(path, Part::Whole) if !is_divided(state, path) => {
                draft.fields.push(Put { path: need.spelled.clone(), value, mark: need.mark });
            }
            Key::At(path, part) => {
                let address = addresses.entry(path).or_default();
                address.spelled.clone_from(&need.spelled);
                let text = value.text().map(Cow::into_owned);
                match part {
                    Part::Whole => address.whole = text,
                    Part::Stem => address.stem = text,
                    Part::Query => address.query = text,
                    Part::Extension => address.extension = text,
                }
            }
        }
    }
    if addresses.is_empty() {
        return vec![draft];
    }
    let written: Vec<(String, Vec<String>)> =
        addresses.into_values().map(|address| (address.spelled.clone(), address.written())).collect();
    let most = written.iter().map(|(_, all)| all.len()).max().unwrap_or_default();
    let turn = |at: usize| {
        let mut draft = draft.clone();
        for (path, all) in &written {
            if let Some(text) = all.iter().cycle().nth(at) {
                let value = Value::Text(text.clone());
                draft.fields.push(Put { path: path.clone(), value, mark: false });
            }
        }
        draft
    };
    (0..most).map(turn).collect()
}

/// What stands for a part of a template.
fn filling(state: &State<'_>, chosen: &BTreeMap<&Key, Value>, part: &ExpandPart) -> String {
    match part {
        ExpandPart::Literal(text) => text.clone(),
        ExpandPart::Placeholder(field) => {
            let own = state.needs.iter().find(|(_, need)| need.spelled == *field);
            let value = own.and_then(|(key, _)| chosen.get(key));
            value.and_then(Value::text).map(Cow::into_owned).unwrap_or_default()
        }
    }
}

/// Whether parts of the address at this path are asked for.
fn is_divided(state: &State<'_>, path: &str) -> bool {
    state.needs.iter().any(|(key, need)| {
        need.presence == Presence::There
            && matches!(key, Key::At(own, part) if own == path && *part != Part::Whole)
    })
}

/// An address of which parts are asked for.
#[derive(Debug, Default)]
struct Address {
    spelled: String,
    whole: Option<String>,
    stem: Option<String>,
    query: Option<String>,
    extension: Option<String>,
}

impl Address {
    /// Ways to write it such that every part may be found again.
    fn written(&self) -> Vec<String> {
        let mut stem = self.stem.clone().unwrap_or_default();
        if let Some(extension) = &self.extension
            && !stem.ends_with(&format!(".{extension}"))
        {
            let name = if stem.is_empty() { "/x" } else { "" };
            stem = format!("{stem}{name}.{extension}");
        }
        let asked = self.query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
        let Some(whole) = &self.whole else { return vec![format!("{stem}{asked}")] };
        let joint = if asked.is_empty() { "?" } else { "&" };
        let mut out: Vec<String> = Vec::new();
        let ways = [
            whole.clone(),
            format!("{stem}{asked}{joint}{whole}"),
            format!("{whole}{stem}{asked}"),
            format!("{whole}{asked}"),
            format!("{stem}?{whole}{}", asked.replacen('?', "&", 1)),
            format!("{stem}{asked}{whole}"),
            format!("http://{whole}{stem}{asked}"),
            format!("{}{stem}{asked}", whole.trim_end_matches('/')),
        ];
        for way in ways {
            if !out.contains(&way) {
                out.push(way);
            }
        }
        out
    }
}
