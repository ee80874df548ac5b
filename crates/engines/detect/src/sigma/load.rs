//! From texts to rules that can be asked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock};

use logs::{ClassId, Route, route};
use rsigma_eval::{CompiledRule, CorrelationConfig, CorrelationEngine, Engine, compile_rule};
use rsigma_parser::{CorrelationRule, FilterRule, FilterRuleTarget, LogSource, SigmaRule, parse_sigma_yaml};

use super::fields::excluded;
use super::{CARD, Card, CardId, Compiled, Group, Kind, Level, Sigma, Source, State, meaning};

/// Longest text of one file, in bytes: the longest rule of the public collections has a tenth of it.
const MAX_TEXT: usize = 1 << 20;
/// Groups that correlations may count at the same time, over all of them.
const MAX_COUNTED: usize = 100_000;
/// Entries that one group of a correlation may hold.
const MAX_ENTRIES: usize = 10_000;

/// Brackets that may be open at once, those in texts included, of which the public rules have 69. The YAML reader takes time
/// that grows with the square of the depth.
const MAX_DEPTH: usize = 1_000;

/// Whether brackets, or dashes on one line, nest deeper than any rule does. Brackets in texts count too: nearly all of them
/// are closed again.
fn nests_deeply(text: &str) -> bool {
    let (mut depth, mut dashes) = (0_usize, 0_usize);
    for byte in text.bytes() {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'-' | b'?' => dashes += 1,
            b' ' => {}
            _ => dashes = 0,
        }
        if depth > MAX_DEPTH || dashes > MAX_DEPTH {
            return true;
        }
    }
    false
}

/// Takes rules in, text by text.
#[derive(Default)]
pub struct Loader {
    cards: Vec<Card>,
    compiled: Vec<Option<CompiledRule>>,
    documents: BTreeMap<CardId, SigmaRule>,
    correlations: Vec<(CardId, CorrelationRule)>,
    filters: Vec<(CardId, FilterRule)>,
}

impl Loader {
    /// A loader that has taken in nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in a text of one or more YAML documents. What is wrong with it ends up as the state of a card, so that
    /// one bad file keeps no other from being used. `file` is what the cards call it.
    pub fn add(&mut self, file: &str, text: &str) {
        if text.len() > MAX_TEXT {
            let why = format!("{} bytes long; at most {MAX_TEXT} are read", text.len());
            return self.unreadable(file, why);
        }
        if nests_deeply(text) {
            return self
                .unreadable(file, format!("lists or maps in it are nested more than {MAX_DEPTH} deep"));
        }
        let collection = match parse_sigma_yaml(text) {
            Ok(collection) => collection,
            Err(error) => return self.unreadable(file, error.to_string()),
        };
        let none = collection.rules.is_empty()
            && collection.correlations.is_empty()
            && collection.filters.is_empty()
            && collection.errors.is_empty();
        if none {
            self.unreadable(file, "no Sigma rule in it".to_owned());
        }
        for error in collection.errors {
            self.unreadable(file, error);
        }
        for rule in collection.rules {
            self.rule(file, rule);
        }
        for mut rule in collection.correlations {
            meaning::together(&mut rule);
            let (id, title, level) = (rule.id.clone(), rule.title.clone(), rule.level);
            let card = self.card(Card {
                kind: Kind::Correlation,
                id,
                title,
                level: level.map(Level::from),
                tags: rule.tags.clone(),
                file: file.to_owned(),
                source: Source::default(),
                state: State::Active,
                classes: Vec::new(),
            });
            self.correlations.push((card, rule));
        }
        for mut filter in collection.filters {
            meaning::unbound(&mut filter.detection);
            let card = self.card(Card {
                kind: Kind::Filter,
                id: filter.id.clone(),
                title: filter.title.clone(),
                level: None,
                tags: filter.tags.clone(),
                file: file.to_owned(),
                source: filter.logsource.as_ref().map(source).unwrap_or_default(),
                state: State::Active,
                classes: Vec::new(),
            });
            self.filters.push((card, filter));
        }
    }

    fn unreadable(&mut self, file: &str, why: String) {
        let name = file.rsplit('/').next().unwrap_or(file).to_owned();
        self.card(Card {
            kind: Kind::Unreadable,
            id: None,
            title: name,
            level: None,
            tags: Vec::new(),
            file: file.to_owned(),
            source: Source::default(),
            state: State::Unsupported(why),
            classes: Vec::new(),
        });
    }

    fn card(&mut self, card: Card) -> CardId {
        let id = CardId(u32::try_from(self.cards.len()).unwrap_or(u32::MAX));
        self.cards.push(card);
        self.compiled.push(None);
        id
    }

    fn rule(&mut self, file: &str, mut rule: SigmaRule) {
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
        let compiled = match compile_rule(&rule) {
            Ok(compiled) => Some(compiled),
            Err(error) => {
                card.state = State::Unsupported(error.to_string());
                None
            }
        };
        if compiled.is_some() {
            (card.state, card.classes) = placed(&card.source, &rule);
        }
        let usable = card.state == State::Active;
        let id = self.card(card);
        if let Some(mut compiled) = compiled.filter(|_| usable) {
            let attributes = Arc::make_mut(&mut compiled.custom_attributes);
            attributes.insert(CARD.to_owned(), id.0.into());
            if let Some(slot) = self.compiled.get_mut(id.0 as usize) {
                *slot = Some(compiled);
            }
        }
        self.documents.insert(id, rule);
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

    /// A filter that cannot be compiled, or names rules which are not there, narrows nothing, and its author should know.
    fn check_filters(&mut self) {
        for (card, filter) in &self.filters {
            if let Err(error) = Engine::new().apply_filter(filter)
                && let Some(card) = self.cards.get_mut(card.0 as usize)
            {
                card.state = State::Unsupported(error.to_string());
                continue;
            }
            let FilterRuleTarget::Specific(targets) = &filter.rules else { continue };
            let known = |target: &&String| {
                self.documents.values().any(|rule| {
                    rule.id.as_ref() == Some(*target)
                        || rule.name.as_ref() == Some(*target)
                        || rule.title == **target
                })
            };
            let missing: Vec<_> = targets.iter().filter(|target| !known(target)).cloned().collect();
            if missing.len() == targets.len()
                && let Some(card) = self.cards.get_mut(card.0 as usize)
            {
                card.state =
                    State::Unsupported(format!("none of its rules is loaded: {}", missing.join(", ")));
            }
        }
    }

    /// Correlations whose rules are all there; returns the rules that they count.
    fn check_correlations(&mut self) -> BTreeSet<CardId> {
        let mut counted = BTreeSet::new();
        let names: BTreeSet<String> = self
            .correlations
            .iter()
            .flat_map(|(_, rule)| [rule.id.clone(), rule.name.clone(), Some(rule.title.clone())])
            .flatten()
            .collect();
        for (card, correlation) in &self.correlations {
            let mut missing = Vec::new();
            if let Err(error) = CorrelationEngine::new(config()).add_correlation(correlation) {
                missing.push(error.to_string());
            }
            for wanted in &correlation.rules {
                let found = self
                    .documents
                    .iter()
                    .find(|(_, rule)| rule.id.as_ref() == Some(wanted) || rule.name.as_ref() == Some(wanted));
                match found {
                    Some((id, _)) => {
                        let silent = self.cards.get(id.0 as usize).filter(|card| card.state != State::Active);
                        match silent {
                            Some(rule) => missing.push(format!("{wanted} ({})", rule.state.as_str())),
                            None => {
                                counted.insert(*id);
                            }
                        }
                    }
                    None if names.contains(wanted) => {}
                    None => missing.push(format!("{wanted} (not loaded)")),
                }
            }
            if !missing.is_empty()
                && let Some(card) = self.cards.get_mut(card.0 as usize)
            {
                card.state = State::Unsupported(format!("it cannot count: {}", missing.join(", ")));
            }
        }
        counted
    }
}

fn source(of: &LogSource) -> Source {
    Source { product: of.product.clone(), category: of.category.clone(), service: of.service.clone() }
}

/// Which classes a rule looks at, and whether it can.
fn placed(source: &Source, rule: &SigmaRule) -> (State, Vec<ClassId>) {
    let classes = match route(&source.as_logs()) {
        Route::Classes(classes) => classes,
        Route::Nothing(why) => return (State::SourceMissing(why.to_owned()), Vec::new()),
        Route::Unknown => {
            let why = format!("nothing here reads events of {source}");
            return (State::SourceMissing(why), Vec::new());
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
