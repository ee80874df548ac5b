//! From texts to rules that can be asked.

mod bounds;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock};

use logs::{ClassId, Route, route};
use rsigma_eval::{CompiledRule, CorrelationConfig, CorrelationEngine, Engine, compile_rule};
use rsigma_parser::{CorrelationRule, FilterRule, FilterRuleTarget, LogSource, SigmaRule, parse_sigma_yaml};

use super::fields::excluded;
use super::{CARD, Card, CardId, Compiled, Group, Kind, Level, Sigma, Source, State, meaning};

/// Groups that correlations may count at the same time, over all of them.
const MAX_COUNTED: usize = 100_000;
/// Entries that one group of a correlation may hold.
const MAX_ENTRIES: usize = 10_000;
/// Filters that are applied at the same time: each is put into every rule that it narrows.
const MAX_FILTERS: usize = 64;
/// Rules that one correlation may count.
const MAX_PARTS: usize = 1_000;
/// Longest time over which a correlation may count, in seconds: 366 days. The engine subtracts it from the events' time.
const MAX_SPAN: u64 = 366 * 86_400;
/// Longest reason that a card gives, in characters.
const MAX_REASON: usize = 300;
/// What the parser says of a rule that it takes all the same begins with one of these.
const REMARKS: [&str; 5] =
    ["invalid level: ", "invalid status: ", "'related' ", "related[", "invalid sigma-version: "];
/// The one of them that leaves a rule without a level.
const NO_LEVEL: &str = "invalid level: ";

/// Takes rules in, text by text.
pub struct Loader {
    cards: Vec<Card>,
    compiled: Vec<Option<CompiledRule>>,
    /// Rules that can be asked.
    documents: BTreeMap<CardId, SigmaRule>,
    /// What correlations call rules, and filters too: ids and names. The first of a name has it.
    names: BTreeMap<String, CardId>,
    titles: BTreeSet<String>,
    /// Files of cards by their ids.
    ids: BTreeMap<String, String>,
    notes: BTreeMap<CardId, Vec<String>>,
    correlations: Vec<(CardId, CorrelationRule)>,
    filters: Vec<(CardId, FilterRule)>,
    /// What all rules may take, and what they take so far, in bytes.
    budget: u64,
    spent: u64,
    /// What each giver's rules may take, and what they take so far; whose the next text is.
    share: u64,
    shares: BTreeMap<i64, u64>,
    giver: i64,
    /// What configurations call log sources by words of their own.
    own: Vec<(Source, ClassId)>,
    /// Whether filters are taken.
    filtered: bool,
}

impl Default for Loader {
    fn default() -> Self {
        Self::new()
    }
}

impl Loader {
    /// A loader that has taken in nothing yet. Rules of our own may take 2 GiB of memory together, by a rough measure.
    #[must_use]
    pub fn new() -> Self {
        Self::within(bounds::OWN, true)
    }

    /// A loader for rules that others shared: they may take a quarter of what our own may. Filters are not taken: with one
    /// of them, one party could silence the rules of all others.
    #[must_use]
    pub fn shared() -> Self {
        Self::within(bounds::SHARED, false)
    }

    const fn within(budget: u64, filtered: bool) -> Self {
        Self {
            cards: Vec::new(),
            compiled: Vec::new(),
            documents: BTreeMap::new(),
            names: BTreeMap::new(),
            titles: BTreeSet::new(),
            ids: BTreeMap::new(),
            notes: BTreeMap::new(),
            correlations: Vec::new(),
            filters: Vec::new(),
            budget,
            spent: 0,
            share: if filtered { budget } else { budget / 4 },
            shares: BTreeMap::new(),
            giver: 0,
            own: Vec::new(),
            filtered,
        }
    }

    /// The same, with log sources that the configuration calls by words of its own.
    #[must_use]
    pub fn with_own(mut self, own: Vec<(Source, ClassId)>) -> Self {
        self.own = own;
        self
    }

    /// Says whose the texts are that come next: of what all rules that others shared may take, each giver has a quarter.
    pub const fn given_by(&mut self, giver: i64) {
        self.giver = giver;
    }

    /// What is odd about rules that can be used all the same, by card: a level that there is none of, an id that another
    /// rule has. Of everything that was taken in so far.
    #[must_use]
    pub const fn notes(&self) -> &BTreeMap<CardId, Vec<String>> {
        &self.notes
    }

    /// Takes in a text of one or more YAML documents. What is wrong with it ends up as the state of a card, so that
    /// one bad file keeps no other from being used. `file` is what the cards call it.
    pub fn add(&mut self, file: &str, text: &str) {
        if let Some(why) = bounds::refused(text) {
            return self.unreadable(file, &why);
        }
        let collection = match parse_sigma_yaml(text) {
            Ok(collection) => collection,
            Err(error) => return self.unreadable(file, &error.to_string()),
        };
        let none = collection.rules.is_empty()
            && collection.correlations.is_empty()
            && collection.filters.is_empty()
            && collection.errors.is_empty();
        if none {
            self.unreadable(file, "no Sigma rule in it");
        }
        let is_remark = |error: &String| REMARKS.iter().any(|begin| error.starts_with(begin));
        let (remarks, errors): (Vec<_>, Vec<_>) = collection.errors.into_iter().partition(is_remark);
        for error in errors {
            self.unreadable(file, &error);
        }
        // Cards of this text, and whether each lacks a level.
        let mut made = Vec::new();
        for rule in collection.rules {
            let lacks = rule.level.is_none();
            made.push((self.rule(file, rule), lacks));
        }
        for rule in collection.correlations {
            let lacks = rule.level.is_none();
            made.push((self.correlation(file, rule), lacks));
        }
        for filter in collection.filters {
            made.push((self.filter(file, filter), true));
        }
        self.remark(file, remarks, &mut made);
    }

    /// Puts what the parser remarked to the cards that it is about, as far as it says which.
    fn remark(&mut self, file: &str, remarks: Vec<String>, made: &mut [(CardId, bool)]) {
        for remark in remarks {
            let level = remark.starts_with(NO_LEVEL);
            let about = made.iter_mut().find(|(_, lacks)| *lacks || !level);
            match about {
                Some((card, lacks)) if level => {
                    *lacks = false;
                    let words = "use informational, low, medium, high or critical";
                    self.note(*card, &format!("{remark}: it is read as if it had none; {words}"));
                }
                Some((card, _)) => self.note(*card, &remark),
                // Its rule cannot be read either, which is said with more words.
                None if self.cards.iter().rev().any(|card| card.file == file) => {}
                None => self.unreadable(file, &remark),
            }
        }
    }

    fn note(&mut self, card: CardId, note: &str) {
        self.notes.entry(card).or_default().push(shortened(note));
    }

    fn correlation(&mut self, file: &str, mut rule: CorrelationRule) -> CardId {
        // The engine takes bounds and moods of its own from them, some for all rules at once.
        rule.custom_attributes.clear();
        meaning::together(&mut rule);
        let parts = rule.rules.len();
        let spans = [Some(rule.timespan.seconds), rule.gap.as_ref().map(|gap| gap.seconds)];
        let state = if parts > MAX_PARTS {
            unsupported(&format!("it counts {parts} rules; at most {MAX_PARTS} may be counted: split it"))
        } else if spans.into_iter().flatten().any(|span| span > MAX_SPAN) {
            unsupported("it counts over more than 366 days: give it a shorter `timespan` and `gap`")
        } else {
            State::Active
        };
        let usable = state == State::Active;
        let card = self.card(Card {
            kind: Kind::Correlation,
            id: rule.id.clone(),
            title: rule.title.clone(),
            level: rule.level.map(Level::from),
            tags: rule.tags.clone(),
            file: file.to_owned(),
            source: Source::default(),
            state,
            classes: Vec::new(),
        });
        if usable {
            rule.custom_attributes.insert(CARD.to_owned(), card.0.into());
            self.correlations.push((card, rule));
        }
        card
    }

    fn filter(&mut self, file: &str, mut filter: FilterRule) -> CardId {
        meaning::unbound(&mut filter.detection);
        let state = if !self.filtered {
            unsupported(
                "a filter that others share could silence any rule: add it to your own rules if you want it",
            )
        } else if self.filters.len() == MAX_FILTERS {
            unsupported(&format!("{MAX_FILTERS} filters are applied at most: put several into one"))
        } else {
            State::Active
        };
        let usable = state == State::Active;
        let card = self.card(Card {
            kind: Kind::Filter,
            id: filter.id.clone(),
            title: filter.title.clone(),
            level: None,
            tags: filter.tags.clone(),
            file: file.to_owned(),
            source: filter.logsource.as_ref().map(source).unwrap_or_default(),
            state,
            classes: Vec::new(),
        });
        if usable {
            self.filters.push((card, filter));
        }
        card
    }

    fn unreadable(&mut self, file: &str, why: &str) {
        let name = file.rsplit('/').next().unwrap_or(file).to_owned();
        self.card(Card {
            kind: Kind::Unreadable,
            id: None,
            title: name,
            level: None,
            tags: Vec::new(),
            file: file.to_owned(),
            source: Source::default(),
            state: unsupported(why),
            classes: Vec::new(),
        });
    }

    fn card(&mut self, card: Card) -> CardId {
        let id = CardId(u32::try_from(self.cards.len()).unwrap_or(u32::MAX));
        if let Some(own) = &card.id {
            if let Some(first) = self.ids.get(own).cloned() {
                self.note(id, &format!("the rule in `{first}` has the same id: give one of them its own"));
            } else {
                self.ids.insert(own.clone(), card.file.clone());
            }
        }
        self.cards.push(card);
        self.compiled.push(None);
        id
    }

    /// Takes what a rule costs from what is left for all of them.
    fn afford(&mut self, cost: u64) -> Result<(), String> {
        let share = self.shares.entry(self.giver).or_default();
        let refused = |who: &str, spent: u64, budget: u64| {
            Err(format!(
                "it would take some {} MiB of memory, and the rules before it leave {} of the {} that {who} may take: remove or split rules",
                cost.div_ceil(1 << 20),
                budget.saturating_sub(spent) >> 20,
                budget >> 20
            ))
        };
        if share.saturating_add(cost) > self.share {
            return refused("those of one giver", *share, self.share);
        }
        if self.spent.saturating_add(cost) > self.budget {
            return refused("all of them", self.spent, self.budget);
        }
        *share += cost;
        self.spent += cost;
        Ok(())
    }

    /// Gives back what a rule was to cost.
    fn give_back(&mut self, cost: u64) {
        self.spent = self.spent.saturating_sub(cost);
        if let Some(share) = self.shares.get_mut(&self.giver) {
            *share = share.saturating_sub(cost);
        }
    }

    fn rule(&mut self, file: &str, mut rule: SigmaRule) -> CardId {
        rule.custom_attributes.clear();
        meaning::unbound(&mut rule.detection);
        let source = source(&rule.logsource);
        let mut card = Card {
            kind: Kind::Detection,
            id: rule.id.clone(),
            title: rule.title.clone(),
            level: rule.level.map(Level::from),
            tags: rule.tags.clone(),
            file: file.to_owned(),
            source,
            state: State::Active,
            classes: Vec::new(),
        };
        // Nothing is built of a rule before it is known what it costs, and nothing is spent on one that cannot match.
        let compiled = bounds::cost(&rule.detection).and_then(|cost| {
            (card.state, card.classes) = placed(&card.source, &rule, &self.own);
            if card.state != State::Active {
                return Ok(None);
            }
            self.afford(cost)?;
            compile_rule(&rule).map(Some).map_err(|error| {
                self.give_back(cost);
                error.to_string()
            })
        });
        let compiled = compiled.unwrap_or_else(|why| {
            (card.state, card.classes) = (unsupported(&why), Vec::new());
            None
        });
        let id = self.card(card);
        for name in [&rule.id, &rule.name].into_iter().flatten() {
            self.names.entry(name.clone()).or_insert(id);
        }
        self.titles.insert(rule.title.clone());
        if let Some(mut compiled) = compiled {
            let attributes = Arc::make_mut(&mut compiled.custom_attributes);
            attributes.insert(CARD.to_owned(), id.0.into());
            if let Some(slot) = self.compiled.get_mut(id.0 as usize) {
                *slot = Some(compiled);
            }
            self.documents.insert(id, rule);
        }
        id
    }

    /// Everything that was taken in, ready to be asked.
    #[must_use]
    pub fn finish(mut self) -> Sigma {
        self.check_filters();
        let counted = self.check_correlations();
        // Rules by class, and classes that ask the same rules together.
        let mut rules_of: BTreeMap<ClassId, Vec<CardId>> = BTreeMap::new();
        for (at, card) in self.cards.iter().enumerate() {
            let id = CardId(u32::try_from(at).unwrap_or(u32::MAX));
            if self.compiled.get(at).is_some_and(Option::is_some) {
                card.classes.iter().for_each(|class| rules_of.entry(*class).or_default().push(id));
            }
        }
        let mut places: BTreeMap<Vec<CardId>, usize> = BTreeMap::new();
        let (mut groups, mut by_class) = (Vec::new(), BTreeMap::new());
        for (class, rules) in rules_of {
            let place = *places.entry(rules.clone()).or_insert_with(|| {
                groups.push(Group { rules, engine: OnceLock::new() });
                groups.len() - 1
            });
            by_class.insert(class, place);
        }
        let usable =
            |card: &CardId| self.cards.get(card.0 as usize).is_some_and(|card| card.state == State::Active);
        let filters =
            self.filters.iter().filter(|(card, _)| usable(card)).map(|(_, one)| one.clone()).collect();
        let correlations =
            self.correlations.iter().filter(|(card, _)| usable(card)).map(|(_, one)| one.clone()).collect();
        let documents = self.documents;
        let counted = documents.into_iter().filter(|(id, _)| counted.contains(id)).collect();
        let mut compiled: Vec<Compiled> =
            self.compiled.into_iter().map(|rule| Compiled { rule, wanted: 0 }).collect();
        for id in groups.iter().flat_map(|group: &Group| &group.rules) {
            if let Some(compiled) = compiled.get_mut(id.0 as usize) {
                compiled.wanted += 1;
            }
        }
        let compiled = compiled.into_iter().map(Mutex::new).collect();
        Sigma { cards: self.cards, compiled, filters, groups, by_class, correlations, counted }
    }

    /// A filter that cannot be compiled, costs too much, or names rules which are not there, narrows nothing, and its
    /// author should know.
    fn check_filters(&mut self) {
        let filters = std::mem::take(&mut self.filters);
        for (card, filter) in &filters {
            if let Err(why) = self.check_filter(filter)
                && let Some(card) = self.cards.get_mut(card.0 as usize)
            {
                card.state = unsupported(&why);
            }
        }
        self.filters = filters;
    }

    fn check_filter(&mut self, filter: &FilterRule) -> Result<(), String> {
        let cost = bounds::cost(&filter.detection)?;
        let narrowed = match &filter.rules {
            FilterRuleTarget::Any => self.documents.len(),
            FilterRuleTarget::Specific(targets) => {
                let known =
                    |target: &&String| self.names.contains_key(*target) || self.titles.contains(*target);
                let missing: Vec<&str> =
                    targets.iter().filter(|target| !known(target)).map(String::as_str).collect();
                if missing.len() == targets.len() {
                    return Err(format!("none of its rules is loaded: {}", missing.join(", ")));
                }
                targets.len()
            }
        };
        // Each rule that it narrows has a copy.
        self.afford(cost.saturating_mul(narrowed as u64))?;
        Engine::new().apply_filter(filter).map_err(|error| error.to_string())
    }

    /// Correlations whose rules are all there, be they correlations themselves; returns the rules that they count.
    fn check_correlations(&mut self) -> BTreeSet<CardId> {
        let mut names: BTreeMap<&str, usize> = BTreeMap::new();
        for (at, (_, rule)) in self.correlations.iter().enumerate() {
            for name in
                [rule.id.as_deref(), rule.name.as_deref(), Some(rule.title.as_str())].into_iter().flatten()
            {
                names.entry(name).or_insert(at);
            }
        }
        let mut found: Vec<Counts> = vec![Counts::Pending; self.correlations.len()];
        let mut counted = BTreeSet::new();
        // Those first that count rules alone, then those that count these, until nothing is added.
        let mut before = usize::MAX;
        loop {
            let pending: Vec<usize> =
                (0..found.len()).filter(|at| matches!(found.get(*at), Some(Counts::Pending))).collect();
            if pending.len() == before {
                break;
            }
            before = pending.len();
            for at in pending {
                let Some((_, rule)) = self.correlations.get(at) else { continue };
                let next = self.counts(rule, &names, &found, &mut counted);
                if let Some(slot) = found.get_mut(at) {
                    *slot = next;
                }
            }
        }
        for ((card, _), counts) in self.correlations.iter().zip(found) {
            let Some(card) = self.cards.get_mut(card.0 as usize) else { continue };
            match counts {
                Counts::Events(classes) => card.classes = classes.into_iter().collect(),
                Counts::Nothing(why) => card.state = unsupported(&format!("it cannot count: {why}")),
                Counts::Pending => card.state = unsupported("it counts itself, perhaps by way of others"),
            }
        }
        counted
    }

    /// What a correlation counts, as far as can be said by now.
    fn counts(
        &self,
        rule: &CorrelationRule,
        names: &BTreeMap<&str, usize>,
        found: &[Counts],
        counted: &mut BTreeSet<CardId>,
    ) -> Counts {
        let (mut missing, mut classes, mut rules) = (Vec::new(), BTreeSet::new(), Vec::new());
        let mut waits = false;
        if let Err(error) = CorrelationEngine::new(config()).add_correlation(rule) {
            missing.push(error.to_string());
        }
        for wanted in &rule.rules {
            let own = self.names.get(wanted).and_then(|id| Some((*id, self.cards.get(id.0 as usize)?)));
            let other = names.get(wanted.as_str()).and_then(|at| found.get(*at));
            match (own, other) {
                (Some((id, card)), _) if card.state == State::Active => {
                    rules.push(id);
                    classes.extend(card.classes.iter().copied());
                }
                (Some((_, card)), _) => missing.push(format!("{wanted} ({})", card.state.as_str())),
                (None, Some(Counts::Events(more))) => classes.extend(more.iter().copied()),
                (None, Some(Counts::Nothing(_))) => missing.push(format!("{wanted} (unsupported)")),
                (None, Some(Counts::Pending)) => waits = true,
                (None, None) => missing.push(format!("{wanted} (not loaded)")),
            }
        }
        if !missing.is_empty() {
            return Counts::Nothing(missing.join(", "));
        }
        if waits {
            return Counts::Pending;
        }
        counted.extend(rules);
        Counts::Events(classes)
    }
}

/// What a correlation counts.
#[derive(Debug, Clone)]
enum Counts {
    /// Events of these classes.
    Events(BTreeSet<ClassId>),
    /// Nothing, and why.
    Nothing(String),
    /// That depends on correlations of which it is not known yet.
    Pending,
}

/// The state of what cannot be used, whose reason is not longer than anybody reads.
fn unsupported(why: &str) -> State {
    State::Unsupported(shortened(why))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_REASON) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn source(of: &LogSource) -> Source {
    Source { product: of.product.clone(), category: of.category.clone(), service: of.service.clone() }
}

/// Which classes a rule looks at, and whether it can.
fn placed(source: &Source, rule: &SigmaRule, own: &[(Source, ClassId)]) -> (State, Vec<ClassId>) {
    let agrees = |wanted: &Option<String>, has: &Option<String>| wanted.is_none() || wanted == has;
    let fits = |has: &Source| {
        *source != Source::default()
            && agrees(&source.product, &has.product)
            && agrees(&source.category, &has.category)
            && agrees(&source.service, &has.service)
    };
    let mut found: Vec<ClassId> = own.iter().filter(|(has, _)| fits(has)).map(|(_, class)| *class).collect();
    let classes = match route(&source.as_logs()) {
        Route::Classes(classes) => {
            found.extend(classes);
            found
        }
        _ if !found.is_empty() => found,
        Route::Nothing(why) => return (State::SourceMissing(why.to_owned()), Vec::new()),
        Route::Unknown => {
            let why = format!("nothing here reads events of {source}");
            return (State::SourceMissing(shortened(&why)), Vec::new());
        }
    };
    let excluded = excluded(rule);
    let lacks = |class: &ClassId| -> Vec<String> {
        let class = class.class();
        excluded.iter().filter(|field| class.never_has(field)).cloned().collect()
    };
    let (able, unable): (Vec<_>, Vec<_>) = classes.into_iter().partition(|class| lacks(class).is_empty());
    if able.is_empty() {
        let fields: BTreeSet<String> = unable.iter().flat_map(lacks).collect();
        return (State::WaitingForFields(fields.into_iter().collect()), Vec::new());
    }
    (State::Active, able)
}

/// What correlations may hold.
fn config() -> CorrelationConfig {
    CorrelationConfig {
        max_state_entries: MAX_COUNTED,
        max_group_entries: Some(MAX_ENTRIES),
        ..CorrelationConfig::default()
    }
}

/// What counts on single matches; `None` when nothing does.
pub(super) fn correlation(sigma: &Sigma) -> Option<CorrelationEngine> {
    if sigma.correlations.is_empty() {
        return None;
    }
    let mut engine = CorrelationEngine::new(config());
    for rule in sigma.counted.values() {
        // It was compiled when it was loaded.
        let _ = engine.add_rule(rule);
    }
    for correlation in &sigma.correlations {
        // It was tried when it was loaded.
        let _ = engine.add_correlation(correlation);
    }
    Some(engine)
}
