//! What is watched: indicators and rules that are held, followed through the journal.
//!
//! Atomic indicators are in an index whose base is a file that is mapped, and whose newest part is in memory; the cursor
//! on the journal says where the file ends, so that a restart reads the file and the little that came after it. Patterns
//! and rules are few and are kept whole.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use detect::{
    Card, CardId, Entry, Index, Loader, PatternState, Patterns, Segment, SegmentBuilder, Sigma, State,
    Watched, Windows,
};
use lists::{Category, WarningIndex};
use model::{Finding, Seq, Severity, StixId, Timestamp, VersionId};
use observable::Observable;
use ports::{JournalKind, ObjectFilter, Read, StoreError, Stored};
use tracing::{info, warn};

use super::{Detection, DetectionError, START, Tried};
use crate::core::Core;

/// Journal entries looked at in one step.
const STEP: usize = 2_000;
/// Objects read at a time when everything is read.
const PAGE: usize = 2_000;
/// Entries beside the file after which a new file is written.
const BESIDE: usize = 50_000;
/// Indicators of which it is kept why they cannot be watched.
const REFUSED: usize = 10_000;
/// Texts of own rules read at a time.
const TEXTS: usize = 500;
/// What is erased is taken out of the file this often at most, in microseconds.
const SWEEP: i64 = 30_000_000;
/// What names of files begin with: of values, and of the list of what is no value.
const FILE: &str = "indicators-";
const REST: &str = "patterns-";
/// The name of the cursor.
const CURSOR: &str = "detect";

/// The place of the rules that others shared, beside our own.
pub(crate) const SHARED: usize = 1;

/// What is watched, at one moment. Swapped whole.
#[derive(Default)]
pub struct Watch {
    /// Values.
    pub index: Index,
    /// STIX patterns that are more than values.
    pub patterns: Arc<Patterns>,
    /// Sigma rules: our own, then those that others shared.
    pub rules: [Arc<RuleSet>; 2],
    /// Moves with every change of patterns or rules.
    pub generation: u64,
}

/// Sigma rules, and where each came from.
#[derive(Default)]
pub struct RuleSet {
    /// The rules.
    pub sigma: Arc<Sigma>,
    /// By card: the version that holds the rule; `None` for our own.
    pub objects: Vec<Option<VersionId>>,
}

/// What is known of a rule, for listings.
#[derive(Debug, Clone)]
pub struct RuleView {
    /// What it is and whether it can speak.
    pub card: Card,
    /// The version that holds it; `None` for our own.
    pub object: Option<VersionId>,
    /// What giving it an event of its own came to; `None` until its turn comes.
    pub tried: Option<Tried>,
}

/// Why an indicator is not watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectState {
    /// The indicator.
    pub object: StixId,
    /// Why.
    pub reason: String,
}

/// What the watch is made from.
pub(crate) struct Keeper {
    /// Everything up to here is in it.
    at: Seq,
    opened: bool,
    patterns: BTreeMap<StixId, (u64, stix_pattern::Pattern, Timestamp, Option<Timestamp>)>,
    rules: BTreeMap<StixId, (VersionId, String)>,
    refused: BTreeMap<StixId, String>,
    /// Something that may be in the file was erased.
    erased: bool,
    swept: Option<Timestamp>,
    /// Warning lists were changed.
    relisted: bool,
    /// Values in the file when it was made, and values that came since.
    base: usize,
    added: usize,
}

impl Default for Keeper {
    fn default() -> Self {
        Self {
            at: START,
            opened: false,
            patterns: BTreeMap::new(),
            rules: BTreeMap::new(),
            refused: BTreeMap::new(),
            erased: false,
            swept: None,
            relisted: false,
            base: 0,
            added: 0,
        }
    }
}

/// What one step changed.
#[derive(Default)]
struct Changes {
    entries: Vec<Entry>,
    patterns: bool,
    rules: bool,
}

/// What indicators are judged by when they are taken in.
struct Standards {
    now: Timestamp,
    warnings: Arc<WarningIndex>,
}

impl Standards {
    fn of(core: &Core) -> Result<Self, StoreError> {
        Ok(Self { now: core.clock.now(), warnings: core.warnings()? })
    }

    /// Why a value is not looked for, if it is well known and benign.
    fn harmless(&self, value: &Observable) -> Option<String> {
        let hit = self.warnings.check(value).filter(|hit| hit.category == Category::FalsePositive)?;
        Some(format!("`{value}` is on the warning list `{}`", hit.list))
    }
}

/// What an indicator says of itself.
struct Indicator {
    pattern_type: String,
    pattern: String,
    from: Timestamp,
    until: Option<Timestamp>,
    confidence: Option<u8>,
}

fn read_indicator(raw: &str) -> Option<Indicator> {
    let mut tape = json::Tape::new();
    let value = tape.parse(raw.as_bytes(), &json::Limits::OBJECT).ok()?;
    let text = |name: &str| value.get(name).and_then(|value| value.as_str().map(|text| text.into_owned()));
    let time = |name: &str| text(name).and_then(|text| text.parse::<Timestamp>().ok());
    Some(Indicator {
        pattern_type: text("pattern_type").unwrap_or_else(|| "stix".to_owned()),
        pattern: text("pattern")?,
        from: time("valid_from").unwrap_or(Timestamp::MIN),
        until: time("valid_until"),
        confidence: value
            .get("confidence")
            .and_then(|value| value.as_i64())
            .and_then(|number| u8::try_from(number).ok()),
    })
}

impl Keeper {
    /// Takes an indicator's version in; a newer one takes the place of an older.
    ///
    /// `valid_from` is when something was known to be bad; what happened before is what hunts are for. So it only keeps an
    /// indicator back whose time has not come yet.
    fn take(&mut self, stored: &Stored, by: &Standards, entries: &mut Vec<Entry>, changes: &mut Changes) {
        if stored.id.type_name() != "indicator" || !stored.latest {
            return;
        }
        self.refused.remove(&stored.id);
        changes.rules |= self.rules.remove(&stored.id).is_some();
        changes.patterns |= self.patterns.remove(&stored.id).is_some();
        if stored.revoked {
            return;
        }
        let Some(indicator) = read_indicator(&stored.raw) else { return };
        let from = if indicator.from <= by.now { Timestamp::MIN } else { indicator.from };
        let subject = subject_of(stored.version_id);
        match indicator.pattern_type.as_str() {
            "stix" => match detect::watched(&indicator.pattern) {
                Ok(Watched::Atoms(atoms)) => {
                    match atoms.iter().find_map(|atom| by.harmless(&atom.observable)) {
                        // Everybody uses it: it says nothing by itself.
                        Some(why) => self.refuse(&stored.id, why),
                        None => entries.extend(atoms.into_iter().map(|atom| Entry {
                            atom,
                            subject,
                            from,
                            until: indicator.until,
                            confidence: indicator.confidence,
                        })),
                    }
                }
                Ok(Watched::Pattern(pattern)) => {
                    let watched = (subject, pattern, from, indicator.until);
                    self.patterns.insert(stored.id.clone(), watched);
                    changes.patterns = true;
                }
                Err(reason) => self.refuse(&stored.id, reason),
            },
            "sigma" => {
                self.rules.insert(stored.id.clone(), (stored.version_id, indicator.pattern));
                changes.rules = true;
            }
            other => self.refuse(&stored.id, format!("patterns of type `{other}` are not matched here")),
        }
    }

    fn refuse(&mut self, id: &StixId, reason: String) {
        if self.refused.len() < REFUSED {
            self.refused.insert(id.clone(), reason);
        }
    }
}

/// The number a version has in the index.
pub(crate) fn subject_of(version: VersionId) -> u64 {
    u64::try_from(version.0).unwrap_or_default()
}

/// The version a number of the index stands for.
pub(crate) fn version_of(subject: u64) -> VersionId {
    VersionId(i64::try_from(subject).unwrap_or_default())
}

/// The name of the file that holds everything up to a place in the journal.
fn file_name(at: Seq) -> String {
    format!("{FILE}{}", at.0)
}

/// The name of the file that lists what of it is no value.
fn rest_name(at: Seq) -> String {
    format!("{REST}{}", at.0)
}

impl Detection {
    /// Every rule, own ones first.
    #[must_use]
    pub fn rules(&self) -> Vec<RuleView> {
        let watch = self.watch();
        let mut views = Vec::new();
        for (set, rules) in watch.rules.iter().enumerate() {
            let objects = rules.objects.iter().copied().chain(std::iter::repeat(None));
            for (place, (card, object)) in rules.sigma.cards().iter().zip(objects).enumerate() {
                let tried = u32::try_from(place).ok().and_then(|place| self.tried(set, CardId(place)));
                let mut card = card.clone();
                if let Some(Tried::Failed(reason)) = &tried {
                    card.state = State::SelfTestFailed(reason.clone());
                }
                views.push(RuleView { card, object, tried });
            }
        }
        views
    }

    /// Indicators that are not watched, at most 10,000.
    #[must_use]
    pub fn unwatched(&self) -> Vec<SubjectState> {
        let watch = self.watch();
        let mute: BTreeMap<u64, String> = watch
            .patterns
            .states(&Windows::new())
            .filter(|(_, state)| !matches!(state, PatternState::Active | PatternState::Bounded(_)))
            .map(|(subject, state)| (subject, state.reason()))
            .collect();
        let keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        let patterns = keeper.patterns.iter();
        let mute = patterns.filter_map(|(object, (subject, ..))| Some((object, mute.get(subject)?)));
        let all = keeper.refused.iter().chain(mute);
        all.map(|(object, reason)| SubjectState { object: object.clone(), reason: reason.clone() }).collect()
    }

    /// How many indicators are patterns, and how many hold rules.
    #[must_use]
    pub fn kept(&self) -> (usize, usize) {
        let keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        (keeper.patterns.len(), keeper.rules.len())
    }
}

impl Core {
    /// Brings what is watched up to the journal's head, a stretch at a time. Returns whether there may be more.
    ///
    /// # Errors
    /// When the store or the index's folder fails; what was watched before stays watched.
    pub fn watch_step(&self) -> Result<bool, DetectionError> {
        let detection = self.detection()?;
        let mut keeper = detection.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        if !keeper.opened {
            self.open_watch(detection, &mut keeper)?;
            keeper.opened = true;
        }
        let by = Standards::of(self)?;
        let now = by.now;
        if detection.lists_changed.swap(false, Ordering::AcqRel) {
            keeper.relisted = true;
        }
        let read = self.store.read()?;
        let rows = match read.journal(self.scope.tenant, keeper.at, STEP) {
            Ok(rows) => rows,
            Err(StoreError::CursorExpired { .. }) => {
                drop(read);
                self.rebuild_watch(detection, &mut keeper)?;
                return Ok(true);
            }
            Err(error) => return Err(error.into()),
        };
        let mut changes = Changes::default();
        let mut entries = Vec::new();
        for row in &rows {
            match (row.kind, &row.object) {
                (JournalKind::Erased, _) => keeper.erased = true,
                (JournalKind::Put | JournalKind::Decided, Some(object))
                    if object.id.type_name() == "indicator" =>
                {
                    if let Some(stored) = read.version(self.scope, object.version_id)? {
                        keeper.take(&stored, &by, &mut entries, &mut changes);
                    }
                }
                _ => {}
            }
        }
        drop(read);
        changes.entries = entries;
        let more = rows.len() == STEP;
        let own = detection.rules_changed.swap(false, Ordering::AcqRel);
        if let Err(problem) = self.swap_watch(detection, &keeper, &changes, own) {
            if own {
                detection.rules_changed.store(true, Ordering::Release);
            }
            return Err(problem);
        }
        keeper.added += changes.entries.len();
        if let Some(last) = rows.last() {
            keeper.at = last.seq;
        }
        let due = keeper.swept.is_none_or(|swept| now.as_micros() - swept.as_micros() > SWEEP);
        // Replaced versions stay in an index until it is made anew.
        let grown = keeper.added > keeper.base.max(4 * BESIDE);
        if ((keeper.erased && due) || keeper.relisted || grown) && !more {
            self.rebuild_watch(detection, &mut keeper)?;
            keeper.swept = Some(now);
        } else if detection.watch().index.delta_len() > BESIDE && !more {
            self.save_watch(detection, &keeper)?;
        }
        if !more {
            detection.ready.send_if_modified(|ready| !std::mem::replace(ready, true));
        }
        Ok(more)
    }

    /// Puts what changed in the place of what was watched.
    fn swap_watch(
        &self,
        detection: &Detection,
        keeper: &Keeper,
        changes: &Changes,
        own_changed: bool,
    ) -> Result<(), DetectionError> {
        let old = detection.watch();
        if changes.entries.is_empty() && !changes.patterns && !changes.rules && !own_changed {
            return Ok(());
        }
        let index =
            if changes.entries.is_empty() { old.index.clone() } else { old.index.with(&changes.entries) };
        let patterns = if changes.patterns { compile(keeper) } else { Arc::clone(&old.patterns) };
        let [mut own, mut shared] = old.rules.clone();
        if own_changed {
            own = Arc::new(self.own_rules()?);
        }
        if changes.rules {
            shared = Arc::new(shared_rules(keeper));
        }
        let moved = changes.patterns || changes.rules || own_changed;
        let generation = old.generation + u64::from(moved);
        detection.set_watch(Watch { index, patterns, rules: [own, shared], generation });
        Ok(())
    }

    /// Reads the file an earlier run left, or everything.
    fn open_watch(&self, detection: &Detection, keeper: &mut Keeper) -> Result<(), DetectionError> {
        let by = Standards::of(self)?;
        let at = self.store.read()?.named_cursor(self.scope.tenant, CURSOR)?;
        let Some(at) = at else { return self.rebuild_watch(detection, keeper) };
        let segments = &detection.outside.segments;
        let (file, rest) = (segments.open(&file_name(at))?, segments.open(&rest_name(at))?);
        let opened = file.zip(rest).and_then(|(file, rest)| match Segment::open(file) {
            Ok(segment) => Some((segment, numbers(rest.as_ref())?)),
            Err(damage) => {
                warn!(%damage, "the index of indicators is damaged and is made anew");
                None
            }
        });
        let Some((segment, rest)) = opened else { return self.rebuild_watch(detection, keeper) };
        let read = self.store.read()?;
        let (mut entries, mut changes) = (Vec::new(), Changes::default());
        for subject in rest {
            if let Some(stored) = read.version(self.scope, version_of(subject))? {
                keeper.take(&stored, &by, &mut entries, &mut changes);
            }
        }
        drop(read);
        keeper.at = at;
        keeper.base = segment.len();
        let index = Index::default().with_segment(Arc::new(segment));
        detection.set_watch(Watch { index, ..Watch::default() });
        changes.entries = entries;
        self.swap_watch(detection, keeper, &changes, true)
    }

    /// Reads every indicator that is held, and writes a new file.
    fn rebuild_watch(&self, detection: &Detection, keeper: &mut Keeper) -> Result<(), DetectionError> {
        let by = Standards::of(self)?;
        let begun = by.now;
        let read = self.store.read()?;
        let head = read.head(self.scope.tenant)?;
        drop(read);
        let mut fresh = Keeper { at: head, opened: true, swept: keeper.swept, ..Keeper::default() };
        let filter = ObjectFilter { types: vec!["indicator".to_owned()], ..ObjectFilter::default() };
        let (mut builder, mut after, mut left_out) = (SegmentBuilder::new(), None, 0_u64);
        let (mut entries, mut changes) = (Vec::new(), Changes::default());
        loop {
            let page = self.store.read()?.objects(self.scope, &filter, after, PAGE)?;
            for stored in &page {
                fresh.take(stored, &by, &mut entries, &mut changes);
            }
            for entry in entries.drain(..) {
                if !builder.add(&entry) {
                    left_out += 1;
                }
            }
            match page.last() {
                Some(last) if page.len() == PAGE => after = Some(last.version_id),
                _ => break,
            }
        }
        if left_out > 0 {
            let message = format!("{left_out} values are not watched: there are more than an index holds");
            let finding = Finding::new(Severity::Warning, "shieldwall/index-full", "", message)
                .hint("remove sources of indicators that are not worth watching");
            self.say_once("index-full", &finding)?;
        }
        let count = builder.len();
        let bytes = builder.finish();
        self.keep_file(detection, &fresh, &bytes)?;
        let segment = detection.outside.segments.open(&file_name(fresh.at))?;
        let index = match segment.map(Segment::open) {
            Some(Ok(segment)) => Index::default().with_segment(Arc::new(segment)),
            _ => {
                return Err(DetectionError::Refused(
                    "the index that was just written cannot be read".to_owned(),
                ));
            }
        };
        let old = detection.watch();
        detection.set_watch(Watch {
            index,
            patterns: compile(&fresh),
            rules: [Arc::clone(&old.rules[0]), Arc::new(shared_rules(&fresh))],
            generation: old.generation + 1,
        });
        fresh.base = count;
        let millis = (self.clock.now().as_micros() - begun.as_micros()) / 1_000;
        info!(
            values = count,
            patterns = fresh.patterns.len(),
            rules = fresh.rules.len(),
            millis,
            "indicators are watched"
        );
        *keeper = fresh;
        Ok(())
    }

    /// Writes what is in memory into a new file.
    fn save_watch(&self, detection: &Detection, keeper: &Keeper) -> Result<(), DetectionError> {
        let watch = detection.watch();
        let bytes = watch.index.merge();
        self.keep_file(detection, keeper, &bytes)?;
        if let Some(Ok(segment)) = detection.outside.segments.open(&file_name(keeper.at))?.map(Segment::open)
        {
            let [own, shared] = watch.rules.clone();
            detection.set_watch(Watch {
                index: Index::default().with_segment(Arc::new(segment)),
                patterns: Arc::clone(&watch.patterns),
                rules: [own, shared],
                generation: watch.generation,
            });
        }
        Ok(())
    }

    /// Keeps the file, then the cursor that names it, then removes older files: a stop in between leaves a file too many.
    fn keep_file(&self, detection: &Detection, keeper: &Keeper, bytes: &[u8]) -> Result<(), DetectionError> {
        let segments = &detection.outside.segments;
        let rest = keeper.patterns.values().map(|(subject, ..)| *subject);
        let rest = rest.chain(keeper.rules.values().map(|(version, _)| subject_of(*version)));
        let rest: Vec<u8> = rest.flat_map(u64::to_le_bytes).collect();
        let (file, list) = (file_name(keeper.at), rest_name(keeper.at));
        segments.save(&file, bytes)?;
        segments.save(&list, &rest)?;
        self.store.transact(|tx| tx.set_cursor(self.scope.tenant, CURSOR, keeper.at))?;
        for name in segments.names()? {
            let is_ours = name.starts_with(FILE) || name.starts_with(REST);
            if is_ours && name != file && name != list {
                segments.remove(&name)?;
            }
        }
        Ok(())
    }

    /// Our own rules.
    fn own_rules(&self) -> Result<RuleSet, DetectionError> {
        let mut loader = Loader::new();
        let mut after: Option<String> = None;
        loop {
            let page = self.store.read()?.rule_texts(self.scope.tenant, after.as_deref(), TEXTS)?;
            page.iter().for_each(|rule| loader.add(&rule.name, &rule.text));
            match page.last() {
                Some(last) if page.len() == TEXTS => after = Some(last.name.clone()),
                _ => break,
            }
        }
        let sigma = Arc::new(loader.finish());
        let objects = vec![None; sigma.cards().len()];
        Ok(RuleSet { sigma, objects })
    }
}

fn compile(keeper: &Keeper) -> Arc<Patterns> {
    Arc::new(Patterns::new(keeper.patterns.values().cloned()))
}

fn shared_rules(keeper: &Keeper) -> RuleSet {
    let mut loader = Loader::new();
    for (id, (_, text)) in &keeper.rules {
        loader.add(id.as_str(), text);
    }
    let sigma = Arc::new(loader.finish());
    let of = |card: &Card| {
        let id: StixId = card.file.parse().ok()?;
        keeper.rules.get(&id).map(|(version, _)| *version)
    };
    let objects = sigma.cards().iter().map(of).collect();
    RuleSet { sigma, objects }
}

/// A list of numbers, eight bytes each.
fn numbers(bytes: &[u8]) -> Option<Vec<u64>> {
    let (whole, rest) = bytes.as_chunks::<8>();
    rest.is_empty().then(|| whole.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect())
}

/// Everything indicators say that is held, for one version; used where an indicator is looked for once.
pub(crate) fn one_of(
    read: &dyn Read,
    core: &Core,
    version: VersionId,
) -> Result<Option<OneIndicator>, StoreError> {
    let Some(stored) = read.version(core.scope, version)?.filter(|stored| stored.latest && !stored.revoked)
    else {
        return Ok(None);
    };
    let by = Standards::of(core)?;
    let mut keeper = Keeper::default();
    let (mut entries, mut changes) = (Vec::new(), Changes::default());
    keeper.take(&stored, &by, &mut entries, &mut changes);
    let reason = keeper.refused.into_values().next();
    let pattern = keeper.patterns.into_values().next();
    let rule = keeper.rules.into_values().next().map(|(_, text)| text);
    Ok(Some(OneIndicator { stored, entries, pattern, rule, reason }))
}

/// One indicator, ready to be looked for.
pub(crate) struct OneIndicator {
    pub(crate) stored: Stored,
    pub(crate) entries: Vec<Entry>,
    pub(crate) pattern: Option<(u64, stix_pattern::Pattern, Timestamp, Option<Timestamp>)>,
    pub(crate) rule: Option<String>,
    pub(crate) reason: Option<String>,
}
