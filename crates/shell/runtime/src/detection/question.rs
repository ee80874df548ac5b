//! What is looked for in a hunt, ready to be asked by the same examiner that watches live events.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use detect::{Atom, Entry, Index, Kind, Loader, Patterns, Sigma, State, Watched};
use keys::window::DAY;
use model::{SourceId, Timestamp};
use observable::Observable;
use serde::{Deserialize, Serialize};
use stix_pattern::{Pattern, Reach};

use super::watch::{OneIndicator, RuleSet, Watch};
use super::{DetectionError, shortened};

/// The most values of one hunt.
const VALUES: usize = 10_000;
/// The longest rule or pattern, in bytes.
const TEXT: usize = 1 << 20;
/// Rules, and log sources of rules, that were not asked about and are named.
const UNASKED: usize = 100;

/// What log sources are called by words of their own, and the class of their events.
pub(crate) type OwnClasses = Vec<(detect::Source, logs::ClassId)>;

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sought {
    /// Values as people write them: addresses, networks, names, hashes, URLs.
    Values(Vec<String>),
    /// A text of Sigma rules.
    Sigma(String),
    /// A STIX pattern.
    Pattern(String),
}

/// What is looked for, ready.
pub(crate) struct Hunted {
    pub(crate) watch: Arc<Watch>,
    /// Whoever names none of these is not looked at; empty for everything.
    pub(crate) values: Vec<Observable>,
    /// Events of other classes are not looked at.
    pub(crate) classes: Option<BTreeSet<u16>>,
    /// What each number stands for.
    pub(crate) names: Vec<String>,
    /// Whether events of all log sources have to come in the order of time, one after the other: it counts over several, or
    /// asks which came first.
    pub(crate) ordered: bool,
}

impl Hunted {
    /// What nothing was asked about, in words: rules that cannot be used, and rules of whose log source there was no event.
    /// `seen` are the classes of the events that were looked at; `None` where the hunt did not come to its end, so that
    /// nobody knows.
    pub(crate) fn unasked(&self, seen: Option<&BTreeSet<u16>>) -> Vec<String> {
        let mut unusable = Vec::new();
        let mut missing: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for card in self.watch.rules.iter().flat_map(|rules| rules.sigma.cards()) {
            let title = shortened(&card.title, 100);
            if card.state != State::Active {
                let why = card.state.reason();
                unusable.push(format!("rule `{title}` was not looked for: {}", shortened(&why, 300)));
            } else if card.kind == Kind::Detection
                && let Some(seen) = seen
                && !card.classes.iter().any(|class| seen.contains(&class.number()))
            {
                missing.entry(card.source.to_string()).or_default().push(title);
            }
        }
        let missing = missing.into_iter().map(|(source, titles)| {
            let first = titles.first().copied().unwrap_or_default();
            let more = match titles.len() {
                0 | 1 => String::new(),
                several => format!(" and {} more", several - 1),
            };
            format!(
                "no event of the log source of rule `{first}`{more} ({}) was kept in this window",
                shortened(&source, 200)
            )
        });
        let mut said = listed(unusable, "rules were not looked for");
        said.extend(listed(missing.collect(), "log sources of rules have no event in this window"));
        said
    }
}

/// The first of these, and how many there are beyond.
fn listed(mut all: Vec<String>, what: &str) -> Vec<String> {
    let more = all.len().saturating_sub(UNASKED);
    all.truncate(UNASKED);
    if more > 0 {
        all.push(format!("{more} more {what}"));
    }
    all
}

/// Which events, by their time. Empty ones are refused where they are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Window {
    /// From then on.
    pub(crate) from: Option<Timestamp>,
    /// Before then.
    pub(crate) until: Option<Timestamp>,
}

impl Window {
    /// Reads its ends, as people write them.
    ///
    /// # Errors
    /// [`DetectionError::Refused`] for what is no instant, and for a window in which nothing can be.
    pub(crate) fn parse(from: Option<&str>, until: Option<&str>) -> Result<Self, DetectionError> {
        let read = |name: &str, text: Option<&str>| {
            let parsed = text.map(|text| {
                text.parse::<Timestamp>()
                    .map_err(|error| refused(format!("`{name}`: `{}` is {error}", shortened(text, 100))))
            });
            parsed.transpose()
        };
        let window = Self { from: read("from", from)?, until: read("until", until)? };
        if window.from.zip(window.until).is_some_and(|(from, until)| from >= until) {
            return Err(refused("`from` is not before `until`, so nothing would be looked at"));
        }
        Ok(window)
    }

    /// The days that it touches, from midnight to midnight in UTC.
    pub(crate) fn whole_days(self) -> Self {
        let day = |micros: i64| Timestamp::from_micros(micros.div_euclid(DAY) * DAY);
        Self {
            from: self.from.map(|from| day(from.as_micros())),
            until: self.until.map(|until| day(until.as_micros() + DAY - 1)),
        }
    }
}

/// A budget, which has to let something be looked at.
///
/// # Errors
/// [`DetectionError::Refused`] for 0.
pub(crate) fn more_than_none(name: &str, budget: Option<u64>) -> Result<Option<u64>, DetectionError> {
    match budget {
        Some(0) => {
            Err(refused(format!("`{name}` is 0, so nothing would be looked at; leave it out or give more")))
        }
        other => Ok(other),
    }
}

fn refused(reason: impl Into<String>) -> DetectionError {
    DetectionError::Refused(reason.into())
}

impl Sought {
    /// Reads it.
    ///
    /// # Errors
    /// [`DetectionError::Refused`] for what cannot be looked for, with the reason.
    pub(crate) fn ready(&self, own: OwnClasses) -> Result<Hunted, DetectionError> {
        match self {
            Self::Values(texts) => of_values(texts),
            Self::Sigma(text) => of_rules(text, own),
            Self::Pattern(text) => of_pattern(text),
        }
    }
}

fn of_values(texts: &[String]) -> Result<Hunted, DetectionError> {
    if texts.is_empty() {
        return Err(refused("there is nothing to look for"));
    }
    if texts.len() > VALUES {
        return Err(refused(format!("{} values; at most {VALUES} are looked for at once", texts.len())));
    }
    let (mut entries, mut values) = (Vec::new(), Vec::new());
    for (subject, text) in texts.iter().enumerate() {
        let term = observable::read(text).ok_or_else(|| {
            refused(format!(
                "`{}` is no address, network, name, URL or hash; give a pattern or a rule for anything else",
                shortened(text, 100)
            ))
        })?;
        let atoms = match detect::watched(&observable::pattern(&term)) {
            Ok(Watched::Atoms(atoms)) => atoms,
            Ok(Watched::Pattern(_)) => {
                return Err(refused(format!("`{}` cannot be looked up", shortened(text, 100))));
            }
            Err(reason) => return Err(refused(format!("`{}`: {reason}", shortened(text, 100)))),
        };
        values.extend(atoms.iter().map(|atom| atom.observable.clone()));
        entries.extend(atoms.into_iter().map(|atom| entry(atom, subject as u64)));
    }
    let watch = Watch { index: Index::default().with(&entries), ..Watch::default() };
    Ok(Hunted { watch: Arc::new(watch), values, classes: None, names: texts.to_vec(), ordered: false })
}

/// An entry that holds at any time.
fn entry(atom: Atom, subject: u64) -> Entry {
    Entry { atom, subject, from: Timestamp::MIN, until: None, confidence: None }
}

fn of_rules(text: &str, own: OwnClasses) -> Result<Hunted, DetectionError> {
    if text.len() > TEXT {
        return Err(refused(format!("{} bytes of rules; at most {TEXT} are read", text.len())));
    }
    let mut loader = Loader::new().with_own(own);
    loader.add("the rule", text);
    let sigma = Arc::new(loader.finish());
    let active = sigma.cards().iter().filter(|card| card.state == State::Active);
    if active.clone().count() == 0 {
        let why = sigma.cards().first().map_or_else(String::new, |card| card.state.reason());
        return Err(refused(format!("no rule of it can be looked for: {why}")));
    }
    let classes = active.flat_map(|card| card.classes.iter().map(|class| class.number()));
    let classes: BTreeSet<u16> = classes.collect();
    let names = sigma.cards().iter().map(|card| card.title.clone()).collect();
    let ordered = correlates(&sigma);
    let objects = vec![None; sigma.cards().len()];
    let rules = [Arc::new(RuleSet { sigma, objects }), Arc::default()];
    let watch = Watch { rules, ..Watch::default() };
    Ok(Hunted { watch: Arc::new(watch), values: Vec::new(), classes: Some(classes), names, ordered })
}

fn of_pattern(text: &str) -> Result<Hunted, DetectionError> {
    let names = vec![shortened(text, 200).to_owned()];
    match detect::watched(text).map_err(refused)? {
        Watched::Atoms(atoms) => {
            let values = atoms.iter().map(|atom| atom.observable.clone()).collect();
            let entries: Vec<Entry> = atoms.into_iter().map(|atom| entry(atom, 0)).collect();
            let watch = Watch { index: Index::default().with(&entries), ..Watch::default() };
            Ok(Hunted { watch: Arc::new(watch), values, classes: None, names, ordered: false })
        }
        Watched::Pattern(pattern) => {
            let ordered = spans_events(&pattern);
            let patterns = Patterns::new(std::iter::once((0, pattern, Timestamp::MIN, None)));
            let watch = Watch { patterns: Arc::new(patterns), ..Watch::default() };
            let watch = Arc::new(watch);
            Ok(Hunted { watch, values: Vec::new(), classes: None, names, ordered })
        }
    }
}

/// Whether a rule of these counts or orders what others found.
fn correlates(sigma: &Sigma) -> bool {
    sigma.cards().iter().any(|card| card.kind == Kind::Correlation)
}

/// Whether a match of it may take more than one event.
fn spans_events(pattern: &Pattern) -> bool {
    pattern.reach() != Reach::One
}

/// Indicators that came, ready to be looked for together: the values at once, and the rest.
pub(crate) struct Arrived {
    /// Values: only events that name one are looked at.
    pub(crate) values: Option<Hunted>,
    /// Patterns and rules: every event is looked at.
    pub(crate) others: Option<Hunted>,
}

/// Puts indicators together. Their numbers are those of their versions.
pub(crate) fn of_indicators(indicators: &[OneIndicator], own: OwnClasses) -> Arrived {
    let mut entries = Vec::new();
    let (mut patterns, mut shared) = (Vec::new(), Vec::new());
    let mut loader = Loader::shared().with_own(own);
    let mut rules = BTreeMap::new();
    for one in indicators {
        entries.extend(one.entries.iter().cloned());
        match &one.pattern {
            Some(pattern) if one.stored.source == SourceId(0) => patterns.push(pattern.clone()),
            Some(pattern) => shared.push((one.stored.source.0, pattern.clone())),
            None => {}
        }
        if let Some(text) = &one.rule {
            loader.given_by(one.stored.source.0.into());
            loader.add(one.stored.id.as_str(), text);
            rules.insert(one.stored.id.to_string(), one.stored.version_id);
        }
    }
    let values: Vec<Observable> = entries.iter().map(|entry| entry.atom.observable.clone()).collect();
    let of_values = (!entries.is_empty()).then(|| Hunted {
        watch: Arc::new(Watch { index: Index::default().with(&entries), ..Watch::default() }),
        values,
        classes: None,
        names: Vec::new(),
        ordered: false,
    });
    let none = patterns.is_empty() && shared.is_empty();
    let others = (!none || !rules.is_empty()).then(|| {
        let sigma = Arc::new(loader.finish());
        let mut all = patterns.iter().chain(shared.iter().map(|(_, pattern)| pattern));
        let ordered = correlates(&sigma) || all.any(|(_, pattern, ..)| spans_events(pattern));
        let objects = sigma.cards().iter().map(|card| rules.get(&card.file).copied()).collect();
        let classes = sigma.cards().iter().flat_map(|card| card.classes.iter().map(|class| class.number()));
        let classes = none.then(|| classes.collect());
        Hunted {
            watch: Arc::new(Watch {
                patterns: Arc::new(Patterns::with_shared(patterns, shared)),
                rules: [Arc::default(), Arc::new(RuleSet { sigma, objects })],
                ..Watch::default()
            }),
            values: Vec::new(),
            classes,
            names: Vec::new(),
            ordered,
        }
    });
    Arrived { values: of_values, others }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(from: &str, until: &str) -> Window {
        Window::parse(Some(from), Some(until)).unwrap()
    }

    #[test]
    fn a_window_is_read_once_and_never_empty() {
        assert_eq!(Window::parse(None, None).unwrap(), Window::default());
        let odd = |from, until| Window::parse(from, until).unwrap_err().to_string();
        assert!(odd(Some("now"), None).contains("`from`: `now` is not an RFC 3339"));
        assert!(odd(None, Some("")).contains("`until`"));
        let noon = "2026-10-02T12:00:00Z";
        assert!(odd(Some(noon), Some(noon)).contains("not before"));
        assert!(Window::parse(Some(noon), Some("2026-10-02T12:00:00.000001Z")).is_ok());
    }

    #[test]
    fn a_window_touches_whole_days() {
        let days = window("2026-10-02T00:00:00Z", "2026-10-04T00:00:00Z");
        assert_eq!(days.whole_days(), days);
        for (from, until) in [
            ("2026-10-02T00:00:00.000001Z", "2026-10-03T00:00:00.000001Z"),
            ("2026-10-02T23:59:59.999999Z", "2026-10-03T23:59:59Z"),
        ] {
            assert_eq!(window(from, until).whole_days(), days, "{from} {until}");
        }
        assert_eq!(Window::default().whole_days(), Window::default());
        let ever = Window { from: Some(Timestamp::MIN), until: Some(Timestamp::MAX) };
        assert_eq!(ever.whole_days(), ever);
    }

    fn rule(title: &str, logsource: &str) -> String {
        format!("title: {title}\nlogsource:\n{logsource}detection:\n  s:\n    Image: 'x'\n  condition: s\n")
    }

    const PROCESSES: &str = "  product: windows\n  category: process_creation\n";

    #[test]
    fn rules_that_nothing_was_asked_about_are_named() {
        let texts = [
            rule("one", PROCESSES),
            rule("lost", "  product: nobody\n  service: knows\n"),
            rule("two", PROCESSES),
        ];
        let hunted = Sought::Sigma(texts.join("---\n")).ready(Vec::new()).unwrap();
        let whole = hunted.classes.clone().unwrap();
        assert!(!whole.is_empty());
        let said = |seen: Option<&BTreeSet<u16>>| hunted.unasked(seen);
        // What cannot be used is said whatever was seen.
        let lost = said(Some(&whole));
        assert_eq!(lost.len(), 1, "{lost:?}");
        assert!(lost[0].starts_with("rule `lost` was not looked for: ") && lost[0].len() > 40, "{lost:?}");
        assert_eq!(said(None), lost);
        // Where nothing of a log source was kept, "nothing was found" says nothing. Other classes are none of it.
        let other: BTreeSet<u16> = (1..u16::MAX).find(|class| !whole.contains(class)).into_iter().collect();
        for seen in [BTreeSet::new(), other] {
            let none = said(Some(&seen));
            assert_eq!(none[..1], lost[..]);
            assert_eq!(
                none[1..],
                [
                    "no event of the log source of rule `one` and 1 more (windows/process_creation/*) was kept in \
                  this window"
                ]
            );
        }
        // One class of several is enough.
        assert_eq!(said(Some(&whole.iter().copied().take(1).collect())), lost);
        // Values and patterns are looked for in events of all log sources.
        let values = Sought::Values(vec!["192.0.2.1".to_owned()]).ready(Vec::new()).unwrap();
        assert_eq!(values.unasked(Some(&BTreeSet::new())), [] as [String; 0]);
    }

    #[test]
    fn what_was_not_asked_about_is_listed_in_bounds() {
        let many = listed((0..150).map(|number| number.to_string()).collect(), "are left");
        assert_eq!((many.len(), many[100].as_str()), (101, "50 more are left"));
        assert_eq!(listed(vec!["one".to_owned()], "are left"), ["one"]);
    }

    #[test]
    fn only_what_spans_events_needs_their_order() {
        let of = |sought: Sought| sought.ready(Vec::new()).unwrap().ordered;
        let single = "title: a\nname: a\nlogsource:\n  product: windows\n  category: process_creation\ndetection:\n  s:\n    Image: 'x'\n  condition: s\n";
        let counts = "title: b\ncorrelation:\n  type: event_count\n  rules:\n    - a\n  group-by:\n    - Image\n  timespan: 5m\n  condition:\n    gte: 3\n";
        assert!(!of(Sought::Sigma(single.to_owned())));
        assert!(of(Sought::Sigma(format!("{single}---\n{counts}"))));
        assert!(!of(Sought::Values(vec!["192.0.2.1".to_owned()])));
        let one = "[process:command_line LIKE 'x%']";
        assert!(!of(Sought::Pattern(one.to_owned())));
        assert!(of(Sought::Pattern(format!("{one} FOLLOWEDBY {one}"))));
    }
}
