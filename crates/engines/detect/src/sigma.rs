//! Sigma rules (Sigma specification 2.0): rules, correlations and filters.

mod asked;
mod fields;
mod load;
mod meaning;
mod prove;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use logs::{ClassId, Event};
use rsigma_eval::{CompiledRule, CorrelationEngine, Engine, EvaluationResult, MatchDetailLevel};
use rsigma_parser::{FilterRule, SigmaRule};

use crate::alert::{Alert, Evidence};
use asked::Asked;
pub use load::Loader;
pub use prove::{Positive, Record, SELF_TEST, is_self_test};

/// The place of a rule in [`Sigma::cards`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CardId(pub u32);

/// What a rule's document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Looks at one event.
    Detection,
    /// Counts or orders what other rules found.
    Correlation,
    /// Narrows other rules.
    Filter,
    /// Nobody can say: the text is no rule.
    Unreadable,
}

/// How bad it is, as the rule says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Worth knowing.
    Informational,
    /// Worth a look when there is time.
    Low,
    /// Worth a look.
    Medium,
    /// Worth a look now.
    High,
    /// An incident.
    Critical,
}

impl Level {
    /// The word in Sigma's documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Informational => "informational",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl From<rsigma_parser::Level> for Level {
    fn from(level: rsigma_parser::Level) -> Self {
        match level {
            rsigma_parser::Level::Informational => Self::Informational,
            rsigma_parser::Level::Low => Self::Low,
            rsigma_parser::Level::Medium => Self::Medium,
            rsigma_parser::Level::High => Self::High,
            rsigma_parser::Level::Critical => Self::Critical,
        }
    }
}

/// Where a rule's events come from, in Sigma's words.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// Such as `windows`.
    pub product: Option<String>,
    /// Such as `process_creation`.
    pub category: Option<String>,
    /// Such as `security`.
    pub service: Option<String>,
}

impl Source {
    pub(crate) fn as_logs(&self) -> logs::LogSource<'_> {
        logs::LogSource {
            product: self.product.as_deref(),
            category: self.category.as_deref(),
            service: self.service.as_deref(),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |part: &Option<String>| part.clone().unwrap_or_else(|| "*".to_owned());
        write!(f, "{}/{}/{}", part(&self.product), part(&self.category), part(&self.service))
    }
}

/// Whether a rule can speak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It looks at every event of its classes.
    Active,
    /// It excludes by fields that none of its classes ever has, so it would fire on everything.
    WaitingForFields(Vec<String>),
    /// Nothing here produces events of its log source.
    SourceMissing(String),
    /// It cannot be used, and why.
    Unsupported(String),
    /// It does not fire on an event that it should fire on.
    SelfTestFailed(String),
}

impl State {
    /// The word for the state, in listings and figures.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::WaitingForFields(_) => "waiting-for-fields",
            Self::SourceMissing(_) => "source-missing",
            Self::Unsupported(_) => "unsupported",
            Self::SelfTestFailed(_) => "self-test-failed",
        }
    }

    /// Why, in words; empty for an active rule.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::Active => String::new(),
            Self::WaitingForFields(fields) => {
                format!("no event of its log source has {}", fields.join(", "))
            }
            Self::SourceMissing(why) | Self::Unsupported(why) | Self::SelfTestFailed(why) => why.clone(),
        }
    }
}

/// What is known of a rule.
#[derive(Debug, Clone)]
pub struct Card {
    /// What its document is.
    pub kind: Kind,
    /// Its id, where it has one.
    pub id: Option<String>,
    /// Its title; for what is no rule, the file's name.
    pub title: String,
    /// Its level, where it has one.
    pub level: Option<Level>,
    /// Its tags, such as `attack.t1059.001`.
    pub tags: Vec<String>,
    /// Where it was read from, as the caller said.
    pub file: String,
    /// Where its events come from.
    pub source: Source,
    /// Whether it can speak.
    pub state: State,
    /// The classes of events that it looks at.
    pub classes: Vec<ClassId>,
}

/// Rules that are ready to be asked.
pub struct Sigma {
    cards: Vec<Card>,
    /// By the place of its card.
    compiled: Vec<Mutex<Compiled>>,
    filters: Vec<FilterRule>,
    groups: Vec<Group>,
    by_class: BTreeMap<ClassId, usize>,
    correlations: Vec<rsigma_parser::CorrelationRule>,
    /// Rules that correlations count, with their documents.
    counted: BTreeMap<CardId, SigmaRule>,
}

/// A rule on its way into engines: rules are large, so the last engine that wants it has it, and copies are made for others
/// alone.
struct Compiled {
    /// `None` for what does not look at single events, and once every engine has it.
    rule: Option<CompiledRule>,
    /// Engines that are not built yet and want it.
    wanted: usize,
}

impl Compiled {
    fn give(&mut self) -> Option<CompiledRule> {
        self.wanted = self.wanted.saturating_sub(1);
        if self.wanted == 0 { self.rule.take() } else { self.rule.clone() }
    }
}

/// Rules that are asked about the same classes of events.
struct Group {
    rules: Vec<CardId>,
    /// Built when the first event comes: most nodes never see most log sources.
    engine: OnceLock<Engine>,
}

/// The member of a compiled rule's attributes that names its card.
const CARD: &str = "shieldwall/card";

impl Sigma {
    /// Every rule, in the order they were loaded.
    #[must_use]
    pub fn cards(&self) -> &[Card] {
        &self.cards
    }

    /// A rule.
    #[must_use]
    pub fn card(&self, id: CardId) -> Option<&Card> {
        self.cards.get(id.0 as usize)
    }

    /// Builds the engines of all classes now, instead of when their first event comes.
    pub fn warm(&self) {
        for group in &self.groups {
            self.engine(group);
        }
    }

    fn engine<'s>(&'s self, group: &'s Group) -> &'s Engine {
        group.engine.get_or_init(|| {
            let mut engine = Engine::new();
            engine.set_match_detail(MatchDetailLevel::Full);
            let rules = group.rules.iter().filter_map(|id| {
                let compiled = self.compiled.get(id.0 as usize)?;
                compiled.lock().unwrap_or_else(PoisonError::into_inner).give()
            });
            engine.extend_compiled_rules(rules);
            for filter in &self.filters {
                // It was tried when it was loaded.
                let _ = engine.apply_filter(filter);
            }
            engine
        })
    }
}

impl Default for Sigma {
    /// No rules.
    fn default() -> Self {
        Loader::new().finish()
    }
}

impl fmt::Debug for Sigma {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sigma").field("cards", &self.cards.len()).finish_non_exhaustive()
    }
}

/// Asks rules about events, one after the other. What correlations count is kept here.
pub struct Matcher {
    sigma: Arc<Sigma>,
    correlation: Option<CorrelationEngine>,
    counted: BTreeSet<CardId>,
}

impl Matcher {
    /// A matcher that has counted nothing yet.
    #[must_use]
    pub fn new(sigma: Arc<Sigma>) -> Self {
        let correlation = load::correlation(&sigma);
        let counted = sigma.counted.keys().copied().collect();
        Self { sigma, correlation, counted }
    }

    /// The rules.
    #[must_use]
    pub fn sigma(&self) -> &Arc<Sigma> {
        &self.sigma
    }

    /// Asks the rules of the event's class, and what counts on them.
    pub fn run(&mut self, event: &Event<'_>, out: &mut Vec<Alert>) {
        let sigma = Arc::clone(&self.sigma);
        let Some(group) = sigma.by_class.get(&event.class).and_then(|at| sigma.groups.get(*at)) else {
            return;
        };
        let asked = Asked(event);
        let results = sigma.engine(group).evaluate(&asked);
        if results.is_empty() {
            return;
        }
        let mut is_counted = false;
        for result in &results {
            let Some(rule) = card_of(result) else { continue };
            is_counted |= self.counted.contains(&rule);
            out.push(Alert { rule, evidence: evidence(result, event), count: 1 });
        }
        if !is_counted {
            return;
        }
        let Some(correlation) = &mut self.correlation else { return };
        let seconds = event.time.map_or(0, |time| time.as_micros() / 1_000_000);
        for result in correlation.process_with_detections(&asked, results, seconds) {
            let Some(body) = result.as_correlation() else { continue };
            let Some(rule) = card_of(&result) else { continue };
            let evidence = body.group_key.iter().map(|(field, value)| Evidence {
                selection: String::new(),
                field: field.clone(),
                value: value.clone(),
                pattern: String::new(),
                span: None,
            });
            out.push(Alert { rule, evidence: evidence.collect(), count: whole(body.aggregated_value) });
        }
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Matcher").field("sigma", &self.sigma).finish_non_exhaustive()
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded before")]
fn whole(value: f64) -> u64 {
    value.clamp(0.0, 1e15) as u64
}

fn card_of(result: &EvaluationResult) -> Option<CardId> {
    let number = result.header.custom_attributes.get(CARD)?.as_u64()?;
    u32::try_from(number).ok().map(CardId)
}

fn evidence(result: &EvaluationResult, event: &Event<'_>) -> Vec<Evidence> {
    let Some(body) = result.as_detection() else { return Vec::new() };
    let of = |found: &rsigma_eval::FieldMatch| Evidence {
        selection: found.selection.clone().unwrap_or_default(),
        field: found.field.clone(),
        value: match &found.value {
            serde_json::Value::String(text) => text.clone(),
            serde_json::Value::Null => String::new(),
            other => other.to_string(),
        },
        pattern: found.pattern.clone().unwrap_or_default(),
        span: event.span(&found.field),
    };
    body.matched_fields.iter().map(of).collect()
}
