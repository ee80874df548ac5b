//! Values that a source did not have before: a baseline for each field, which learns first and speaks then.
//!
//! Values are kept as keyed hashes, without their text, so a baseline tells nobody what it has seen. Capital and small
//! letters of ASCII are the same.

mod baseline;
mod saved;

use std::collections::BTreeMap;

use logs::{Event, Field};
use model::Timestamp;

use crate::anomaly::{Anomaly, AnomalyKind, listed, shortened};
use crate::codec::digest;
use crate::config::{FirstSeenConfig, Unfit};
use crate::statistics::rounded;
use baseline::{Baseline, Before};

/// The most alerts that wait to be taken.
pub const MAX_PENDING: usize = 1_000;
/// The most of one baseline, so that a noisy field leaves room for the others.
const MAX_PENDING_EACH: usize = 100;
/// Room that is kept for telling that a baseline is full.
const RESERVE: usize = 100;
/// The most sources that have baselines.
const MAX_SOURCES: usize = 1_024;
/// The most values of one field of one event.
const MAX_ITEMS: usize = 64;

/// Which state a baseline is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BaselineState {
    /// It takes in values and says nothing.
    Learning,
    /// It tells of new values.
    Speaking,
    /// It is full and says nothing; values come faster than they are forgotten.
    Saturated,
}

/// What a baseline is worth at present.
#[derive(Debug, Clone, PartialEq)]
pub struct BaselineStatus {
    /// The source.
    pub source: String,
    /// The field.
    pub field: String,
    /// Whether it speaks.
    pub state: BaselineState,
    /// Its first event.
    pub began: Timestamp,
    /// Its latest event.
    pub last: Timestamp,
    /// How many days had events.
    pub days: u32,
    /// Values that it holds.
    pub distinct: usize,
    /// Events with these values.
    pub observed: u64,
    /// How likely the next event has a new value, 0 to 1. A field with many new values is a poor choice.
    pub chance_of_new: f64,
    /// New and rare values that were told.
    pub told: u64,
    /// Those that were not: by their score, because the baseline was full, or because too many waited.
    pub withheld: u64,
    /// Values that were let go for their age or for want of room.
    pub forgotten: u64,
}

/// Watches fields for values that are new to their source.
#[derive(Debug)]
pub struct FirstSeen {
    config: FirstSeenConfig,
    key: [u8; 16],
    state: State,
}

/// Which baseline.
#[derive(Debug, Clone, Copy)]
struct Place<'p> {
    source: &'p str,
    field: &'p str,
}

#[derive(Debug, Default)]
struct State {
    baselines: BTreeMap<String, BTreeMap<String, Baseline>>,
    /// Values of all baselines.
    held: usize,
    pending: Vec<Anomaly>,
}

impl FirstSeen {
    /// Without any baseline yet. `key` is the node's own secret: with it, nobody outside can make two values look like
    /// one.
    ///
    /// # Errors
    /// [`Unfit`] names the first setting that cannot be used.
    pub fn new(config: FirstSeenConfig, key: [u8; 16]) -> Result<Self, Unfit> {
        config.check()?;
        Ok(Self { config, key, state: State::default() })
    }

    /// Takes in the values of the fields that are watched. An event without a time counts as of `now`, and so does one
    /// that claims to come from the future.
    pub fn observe(&mut self, source: &str, event: &Event<'_>, now: Timestamp) {
        let at = event.time.map_or(now, |time| time.min(now));
        let Self { config, key, state } = self;
        let (config, key): (&FirstSeenConfig, &[u8; 16]) = (&*config, &*key);
        for name in config.fields_of(source) {
            let Some(field) = event.field(name) else { continue };
            let place = Place { source, field: name };
            texts(&field, &mut |text| {
                let value = digest(key, text.to_ascii_lowercase().as_bytes());
                state.see(config, place, text, value, at);
            });
        }
    }

    /// What was found since the last time; at most [`MAX_PENDING`].
    pub fn take_alerts(&mut self) -> Vec<Anomaly> {
        for baseline in self.state.baselines.values_mut().flat_map(BTreeMap::values_mut) {
            baseline.pending = 0;
        }
        std::mem::take(&mut self.state.pending)
    }

    /// Every baseline, in the order of sources and fields.
    #[must_use]
    pub fn baselines(&self) -> Vec<BaselineStatus> {
        let mut all = Vec::new();
        for (source, fields) in &self.state.baselines {
            for (field, baseline) in fields {
                all.push(self.status(source, field, baseline));
            }
        }
        all
    }

    /// Throws a baseline away, so that it begins anew; says whether there was one.
    pub fn reset(&mut self, source: &str, field: &str) -> bool {
        let Some(fields) = self.state.baselines.get_mut(source) else { return false };
        let Some(gone) = fields.remove(field) else { return false };
        self.state.held -= gone.len();
        true
    }

    /// How many values are held.
    #[must_use]
    pub const fn held(&self) -> usize {
        self.state.held
    }

    fn status(&self, source: &str, field: &str, baseline: &Baseline) -> BaselineStatus {
        let state = if baseline.saturated.is_some() {
            BaselineState::Saturated
        } else if baseline.has_learned(self.config.learning_days) {
            BaselineState::Speaking
        } else {
            BaselineState::Learning
        };
        BaselineStatus {
            source: source.to_owned(),
            field: field.to_owned(),
            state,
            began: baseline.began,
            last: baseline.last,
            days: baseline.days,
            distinct: baseline.len(),
            observed: baseline.observed(),
            chance_of_new: rounded(baseline.chance_of_new()),
            told: baseline.told,
            withheld: baseline.withheld,
            forgotten: baseline.forgotten,
        }
    }
}

impl State {
    fn see(&mut self, config: &FirstSeenConfig, place: Place<'_>, text: &str, value: u64, at: Timestamp) {
        self.prepare(config, place, value, at);
        let fields = self.baselines.get_mut(place.source);
        let Some(baseline) = fields.and_then(|fields| fields.get_mut(place.field)) else { return };
        let chance = baseline.chance_of_new();
        let (held, observed) = (baseline.len(), baseline.observed());
        let before = baseline.take(value, at, config.forget_days * 24);
        self.held += baseline.len() - held;
        let (kind, chance) = match before.count {
            0 => (AnomalyKind::FirstSeen, chance),
            count if count <= config.rare => (AnomalyKind::Rare, baseline.chance_of(count)),
            _ => return,
        };
        if !baseline.has_learned(config.learning_days) {
            return;
        }
        let score = rounded((1.0 - chance).max(0.0));
        let full = self.pending.len() >= MAX_PENDING - RESERVE || baseline.pending >= MAX_PENDING_EACH;
        if baseline.saturated.is_some() || score < config.min_score || full {
            baseline.withheld = baseline.withheld.saturating_add(1);
            return;
        }
        baseline.told = baseline.told.saturating_add(1);
        baseline.pending += 1;
        let known = Known { held, observed, before };
        self.pending.push(known.anomaly(kind, place, text, score, baseline, at));
    }

    /// Brings the baseline up to the time of an event and makes room where its value is new.
    fn prepare(&mut self, config: &FirstSeenConfig, place: Place<'_>, value: u64, at: Timestamp) {
        if !self.baselines.contains_key(place.source) && self.baselines.len() >= MAX_SOURCES {
            return;
        }
        let fields = self.baselines.entry(place.source.to_owned()).or_default();
        let baseline = fields.entry(place.field.to_owned()).or_insert_with(|| Baseline::new(at));
        if baseline.advance(at) {
            // Twice as long, so that for as long again it can be said since when a value did not come.
            self.held -= baseline.expire(config.forget_days * 48);
            if baseline.len() < config.max_values_per_field / 2 {
                baseline.saturated = None;
            }
        }
        if baseline.holds(value) {
            return;
        }
        if baseline.len() >= config.max_values_per_field {
            self.held -= baseline.prune(config.max_values_per_field / 16);
            let told = saturate(place, baseline, at);
            self.tell(told);
        }
        if self.held >= config.max_values {
            self.prune_largest(config, at);
        }
    }

    /// Makes room for all at the expense of the largest baseline.
    fn prune_largest(&mut self, config: &FirstSeenConfig, at: Timestamp) {
        let all = self.baselines.iter_mut().flat_map(|(source, fields)| {
            fields.iter_mut().map(move |(field, baseline)| (Place { source, field }, baseline))
        });
        let Some((place, baseline)) = all.max_by_key(|(_, baseline)| baseline.len()) else { return };
        // What is above the bound may come from a file that a larger bound wrote.
        let surplus = self.held.saturating_sub(config.max_values);
        self.held -= baseline.prune(surplus + (baseline.len() / 16).max(1));
        let told = saturate(place, baseline, at);
        self.tell(told);
    }

    fn tell(&mut self, anomaly: Option<Anomaly>) {
        if self.pending.len() < MAX_PENDING {
            self.pending.extend(anomaly);
        }
    }
}

/// Notes that a baseline is full; what to tell of it, the first time.
fn saturate(place: Place<'_>, baseline: &mut Baseline, at: Timestamp) -> Option<Anomaly> {
    if baseline.saturated.is_some() {
        return None;
    }
    baseline.saturated = Some(at);
    let Place { source, field } = place;
    let (distinct, age) = (baseline.len(), baseline.age_in_days());
    Some(Anomaly {
        kind: AnomalyKind::Saturated,
        source: source.to_owned(),
        subject: format!("`{field}`"),
        score: 1.0,
        inputs: listed([
            ("field", field.to_owned()),
            ("distinct_values", distinct.to_string()),
            ("observed", baseline.observed().to_string()),
            ("seen_once", baseline.once().to_string()),
            ("baseline_began", baseline.began.to_string()),
            ("baseline_days", age.clone()),
        ]),
        explanation: format!(
            "The baseline of `{field}` of source `{source}` is full with {distinct} values after {age} days since {}. \
             Values that came once are let go for new ones, and nothing is told of new values until they become fewer: \
             somebody floods this field, or it is one that always has new values.",
            baseline.began
        ),
        first: baseline.began,
        last: at,
    })
}

/// What was known before the event that is told.
struct Known {
    held: usize,
    observed: u64,
    before: Before,
}

impl Known {
    fn anomaly(
        &self,
        kind: AnomalyKind,
        place: Place<'_>,
        text: &str,
        score: f64,
        baseline: &Baseline,
        at: Timestamp,
    ) -> Anomaly {
        let Self { held, observed, before } = self;
        let Place { source, field } = place;
        let (shown, age) = (shortened(text), baseline.age_in_days());
        let how = match (kind, before.last) {
            (AnomalyKind::Rare, _) => format!("came {} times before", before.count),
            (_, Some(last)) => format!("did not come since {last}"),
            (_, None) => "is in no earlier event that the baseline remembers".to_owned(),
        };
        Anomaly {
            kind,
            source: source.to_owned(),
            subject: format!("`{field}` = `{shown}`"),
            score,
            inputs: listed([
                ("field", field.to_owned()),
                ("value", shown.clone()),
                ("seen_before", before.count.to_string()),
                ("distinct_values", held.to_string()),
                ("observed", observed.to_string()),
                ("baseline_began", baseline.began.to_string()),
                ("baseline_days", age.clone()),
                ("days_with_events", baseline.days.to_string()),
            ]),
            explanation: format!(
                "In field `{field}` of source `{source}` the value `{shown}` {how}. The baseline began {}, is {age} days \
                 long and holds {held} distinct values of {observed} events; by these, about one event in {} was to be \
                 expected to have such a value.",
                baseline.began,
                one_in(score)
            ),
            first: before.last.map_or(at, |last| last.min(at)),
            last: at,
        }
    }
}

/// How many events there are for each one that has such a value, in words.
fn one_in(score: f64) -> String {
    let chance = 1.0 - score;
    if chance < 0.001 { "more than a thousand".to_owned() } else { format!("{:.0}", 1.0 / chance) }
}

/// The texts of a field. What says nothing is none.
fn texts(field: &Field<'_>, each: &mut dyn FnMut(&str)) {
    if let Field::List(items) = field {
        items.iter().take(MAX_ITEMS).for_each(|item| texts(item, each));
    } else if let Some(text) = field.as_text() {
        let text = text.trim();
        if !matches!(text, "" | "-" | "(empty)") {
            each(text);
        }
    }
}
