//! What is watched: indicators and rules that are held, followed through the journal.
//!
//! Atomic indicators are in an index whose base is a file that is mapped, and whose newest part is in memory; the cursor
//! on the journal says where the file ends, so that a restart reads the file and the little that came after it. Patterns
//! are few and are kept whole; of rules that others share only the versions are, and their texts are read when they are
//! loaded.
//!
//! Two things go on beside each other. [`Core::follow_step`] follows the journal under the keeper's lock, so that an
//! indicator is watched a moment after it came. Rules take longer to load, and are loaded under a lock of their own, so
//! that indicators go on meanwhile; [`Core::watch_step`] does both. Making the index anew, after something was erased or
//! warning lists changed, holds up both, which [`Progress`] says.

mod file;

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use detect::{
    Card, CardId, Entry, Index, Loader, PatternState, Patterns, SegmentBuilder, Sigma, State, Watched,
    Windows,
};
use lists::{Category, WarningIndex};
use logs::ClassId;
use model::{Finding, Seq, Severity, SourceId, StixId, Timestamp, VersionId};
use observable::Observable;
use ports::{JournalKind, ObjectFilter, Read, StoreError, Stored};
use tracing::info;

use super::{Detection, DetectionError, START, Tried, digest};
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
/// Texts of rules that others shared read at a time.
const SHARED_TEXTS: usize = 32;
/// What is erased is taken out of the file this often at most, in microseconds.
const SWEEP: i64 = 30_000_000;

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
    /// What is odd about them, by card.
    pub notes: [Notes; 2],
    /// Moves with every change of patterns or rules.
    pub generation: u64,
}

/// What is odd about rules that can be used all the same, by card.
pub type Notes = Arc<BTreeMap<CardId, Vec<String>>>;

/// Sigma rules, and where each came from.
#[derive(Default)]
pub struct RuleSet {
    /// The rules.
    pub sigma: Arc<Sigma>,
    /// By card: the version that holds the rule; `None` for our own.
    pub objects: Vec<Option<VersionId>>,
}

/// Rules as they are loaded, and what is odd about them.
type Loaded = (Arc<RuleSet>, Notes);

impl Watch {
    /// The same over another index.
    fn over(&self, index: Index) -> Self {
        Self {
            index,
            patterns: Arc::clone(&self.patterns),
            rules: self.rules.clone(),
            notes: self.notes.clone(),
            generation: self.generation,
        }
    }
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
    /// What is odd about it, though it can be used.
    pub notes: Vec<String>,
    /// Events of its classes that were read since the start.
    pub delivered: Delivered,
}

/// What log sources gave of some classes of events, since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Events.
    pub events: u64,
    /// When one was read last.
    pub last: Option<Timestamp>,
}

/// How far the watch is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Everything up to here in the journal is watched.
    pub at: Seq,
    /// Since when the index is being made anew: what comes meanwhile is watched afterwards.
    pub rebuilding: Option<Timestamp>,
    /// Since when rules are being loaded: those that were loaded before run meanwhile.
    pub loading: Option<Timestamp>,
    /// Indicators that are patterns.
    pub patterns: usize,
    /// Indicators that hold rules.
    pub rules: usize,
    /// Indicators that are not watched; counted up to 10,000.
    pub refused: usize,
}

impl Default for Progress {
    /// Nothing is watched yet.
    fn default() -> Self {
        Self { at: START, rebuilding: None, loading: None, patterns: 0, rules: 0, refused: 0 }
    }
}

/// Why an indicator is not watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectState {
    /// The indicator.
    pub object: StixId,
    /// Why.
    pub reason: String,
}

/// A pattern with its subject, the first instant at which it counts and the one from which on it does not.
type Counted = (u64, stix_pattern::Pattern, Timestamp, Option<Timestamp>);

/// A pattern that is watched.
struct Kept {
    counted: Counted,
    /// Whose it is: what others shared must take no room from ours.
    source: SourceId,
}

/// What the watch is made from.
pub(crate) struct Keeper {
    /// Everything up to here is in it.
    at: Seq,
    opened: bool,
    patterns: BTreeMap<StixId, Kept>,
    rules: BTreeMap<StixId, VersionId>,
    refused: BTreeMap<StixId, (VersionId, String)>,
    /// A number for the warning lists by which the file was made.
    lists: u64,
    /// Something that may be in the file was erased.
    erased: bool,
    swept: Option<Timestamp>,
    /// Warning lists were changed.
    relisted: bool,
    /// Values in the file when it was made, and values that came since.
    base: usize,
    added: usize,
    /// When keeping the file failed; what is in memory may be in no file since.
    failed: Option<Timestamp>,
}

impl Default for Keeper {
    fn default() -> Self {
        Self {
            at: START,
            opened: false,
            patterns: BTreeMap::new(),
            rules: BTreeMap::new(),
            refused: BTreeMap::new(),
            lists: 0,
            erased: false,
            swept: None,
            relisted: false,
            base: 0,
            added: 0,
            failed: None,
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
                        Some(why) => self.refuse(stored, why),
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
                    let counted = (subject, pattern, from, indicator.until);
                    self.patterns.insert(stored.id.clone(), Kept { counted, source: stored.source });
                    changes.patterns = true;
                }
                Err(reason) => self.refuse(stored, reason),
            },
            "sigma" => {
                self.rules.insert(stored.id.clone(), stored.version_id);
                changes.rules = true;
            }
            other => self.refuse(stored, format!("patterns of type `{other}` are not matched here")),
        }
    }

    fn refuse(&mut self, stored: &Stored, reason: String) {
        if self.refused.len() < REFUSED {
            self.refused.insert(stored.id.clone(), (stored.version_id, reason));
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

impl Detection {
    /// Every rule, own ones first.
    #[must_use]
    pub fn rules(&self) -> Vec<RuleView> {
        let watch = self.watch();
        let classes = self.classes();
        let mut views = Vec::new();
        for (set, (rules, notes)) in watch.rules.iter().zip(&watch.notes).enumerate() {
            let objects = rules.objects.iter().copied().chain(std::iter::repeat(None));
            for (place, (card, object)) in rules.sigma.cards().iter().zip(objects).enumerate() {
                let id = u32::try_from(place).ok().map(CardId);
                let tried = id.and_then(|id| self.tried(&watch, set, id));
                let notes = id.and_then(|id| notes.get(&id)).cloned().unwrap_or_default();
                let mut card = card.clone();
                if let Some(Tried::Failed(reason)) = &tried {
                    card.state = State::SelfTestFailed(reason.clone());
                }
                let delivered = delivered(&classes, &card.classes);
                views.push(RuleView { card, object, tried, notes, delivered });
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
        let mute = patterns.filter_map(|(object, kept)| Some((object, mute.get(&kept.counted.0)?)));
        let refused = keeper.refused.iter().map(|(object, (_, reason))| (object, reason));
        let all = refused.chain(mute);
        all.map(|(object, reason)| SubjectState { object: object.clone(), reason: reason.clone() }).collect()
    }

    /// How many indicators are patterns, and how many hold rules.
    #[must_use]
    pub fn kept(&self) -> (usize, usize) {
        let progress = self.progress();
        (progress.patterns, progress.rules)
    }

    /// How far the watch is. It waits for nothing.
    #[must_use]
    pub fn progress(&self) -> Progress {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_progress(&self, change: impl FnOnce(&mut Progress)) {
        change(&mut self.progress.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// What was read of these classes.
fn delivered(read: &BTreeMap<u16, (u64, Timestamp)>, classes: &[ClassId]) -> Delivered {
    let mut sum = Delivered::default();
    for (events, last) in classes.iter().filter_map(|class| read.get(&class.number())) {
        sum.events += events;
        sum.last = sum.last.max(Some(*last));
    }
    sum
}

impl Core {
    /// Brings what is watched up to the journal's head, a stretch at a time, and rules to what is held. Returns whether
    /// there may be more.
    ///
    /// # Errors
    /// When the store fails; what was watched before stays watched.
    pub fn watch_step(&self) -> Result<bool, DetectionError> {
        let more = self.follow_step()?;
        if !more {
            self.load_rules()?;
            self.detection()?.ready.send_if_modified(|ready| !std::mem::replace(ready, true));
        }
        Ok(more)
    }

    /// Brings the indicators that are watched up to the journal's head, a stretch at a time, while rules may be loaded
    /// elsewhere. Returns whether there may be more.
    ///
    /// # Errors
    /// As [`Core::watch_step`].
    pub fn follow_step(&self) -> Result<bool, DetectionError> {
        let detection = self.detection()?;
        let mut keeper = detection.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        let followed = self.follow(detection, &mut keeper);
        detection.set_progress(|progress| {
            progress.at = keeper.at;
            progress.patterns = keeper.patterns.len();
            progress.rules = keeper.rules.len();
            progress.refused = keeper.refused.len();
        });
        followed
    }

    fn follow(&self, detection: &Detection, keeper: &mut Keeper) -> Result<bool, DetectionError> {
        if !keeper.opened {
            self.open_watch(detection, keeper)?;
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
                self.rebuild_watch(detection, keeper)?;
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
                    match read.version(self.scope, object.version_id) {
                        Ok(Some(stored)) => keeper.take(&stored, &by, &mut entries, &mut changes),
                        Ok(None) => {}
                        Err(problem) => {
                            // These rows come again, values with them; but rules and patterns that went are known no more.
                            Self::swap_watch(detection, keeper, &changes);
                            return Err(problem.into());
                        }
                    }
                }
                _ => {}
            }
        }
        drop(read);
        changes.entries = entries;
        let more = rows.len() == STEP;
        Self::swap_watch(detection, keeper, &changes);
        keeper.added += changes.entries.len();
        if let Some(last) = rows.last() {
            keeper.at = last.seq;
        }
        let due = keeper.swept.is_none_or(|swept| now.as_micros() - swept.as_micros() > SWEEP);
        // Replaced versions stay in an index until it is made anew.
        let grown = keeper.added > keeper.base.max(4 * BESIDE);
        if ((keeper.erased && due) || keeper.relisted || grown) && !more {
            self.rebuild_watch(detection, keeper)?;
            keeper.swept = Some(now);
        } else if !keeper.erased && !more {
            // With what was erased in it nothing is written: the cursor would go past the entry that says so.
            self.save_watch(detection, keeper, now);
        }
        Ok(more)
    }

    /// Puts what changed in the place of what was watched. Rules that changed are loaded by whoever does that.
    fn swap_watch(detection: &Detection, keeper: &Keeper, changes: &Changes) {
        if changes.rules {
            detection.shared_changed.store(true, Ordering::Release);
        }
        if changes.entries.is_empty() && !changes.patterns {
            return;
        }
        let old = detection.watch();
        let index =
            if changes.entries.is_empty() { old.index.clone() } else { old.index.with(&changes.entries) };
        let patterns = if changes.patterns { compile(keeper) } else { Arc::clone(&old.patterns) };
        drop(old);
        let moved = u64::from(changes.patterns);
        detection.change_watch(|old| Watch {
            patterns,
            generation: old.generation + moved,
            ..old.over(index)
        });
    }

    /// Loads the rules that changed. Whoever comes while they are being loaded waits until they are.
    fn load_rules(&self) -> Result<(), DetectionError> {
        let detection = self.detection()?;
        let _one = detection.loading.lock().unwrap_or_else(PoisonError::into_inner);
        let own = detection.rules_changed.swap(false, Ordering::AcqRel);
        let shared = detection.shared_changed.swap(false, Ordering::AcqRel);
        if !own && !shared {
            return Ok(());
        }
        let now = self.clock.now();
        detection.set_progress(|progress| progress.loading = Some(now));
        let loaded = self.changed_rules(detection, own, shared);
        detection.set_progress(|progress| progress.loading = None);
        let [own_rules, shared_rules] = match loaded {
            Ok(loaded) => loaded,
            Err(problem) => {
                // They are loaded the next time.
                detection.rules_changed.fetch_or(own, Ordering::AcqRel);
                detection.shared_changed.fetch_or(shared, Ordering::AcqRel);
                return Err(problem);
            }
        };
        detection.change_watch(|old| {
            let [mut own, mut shared] = old.rules.clone();
            let [mut own_notes, mut shared_notes] = old.notes.clone();
            if let Some(loaded) = own_rules {
                (own, own_notes) = loaded;
            }
            if let Some(loaded) = shared_rules {
                (shared, shared_notes) = loaded;
            }
            Watch {
                rules: [own, shared],
                notes: [own_notes, shared_notes],
                generation: old.generation + 1,
                ..old.over(old.index.clone())
            }
        });
        Ok(())
    }

    fn changed_rules(
        &self,
        detection: &Detection,
        own: bool,
        shared: bool,
    ) -> Result<[Option<Loaded>; 2], DetectionError> {
        let own = if own { Some(self.own_rules()?) } else { None };
        let shared = if shared {
            let keeper = detection.keeper.lock().unwrap_or_else(PoisonError::into_inner);
            let rules = keeper.rules.clone();
            drop(keeper);
            Some(self.shared_rules(&rules)?)
        } else {
            None
        };
        Ok([own, shared])
    }

    /// Reads every indicator that is held, and writes a new file. What comes meanwhile is watched afterwards.
    fn rebuild_watch(&self, detection: &Detection, keeper: &mut Keeper) -> Result<(), DetectionError> {
        let now = self.clock.now();
        detection.set_progress(|progress| progress.rebuilding = Some(now));
        let rebuilt = self.watch_anew(detection, keeper);
        detection.set_progress(|progress| progress.rebuilding = None);
        rebuilt
    }

    fn watch_anew(&self, detection: &Detection, keeper: &mut Keeper) -> Result<(), DetectionError> {
        let lists = self.lists_mark()?;
        let by = Standards::of(self)?;
        let begun = by.now;
        let read = self.store.read()?;
        let head = read.head(self.scope.tenant)?;
        drop(read);
        let mut fresh = Keeper {
            at: head,
            opened: true,
            lists,
            swept: keeper.swept,
            failed: keeper.failed,
            ..Keeper::default()
        };
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
        let segment = self.keep_or_hold(detection, &mut fresh, builder.finish())?;
        let index = Index::default().with_segment(Arc::new(segment));
        let patterns = compile(&fresh);
        detection.change_watch(|old| Watch { patterns, generation: old.generation + 1, ..old.over(index) });
        fresh.base = count;
        let millis = (self.clock.now().as_micros() - begun.as_micros()) / 1_000;
        info!(
            values = count,
            patterns = fresh.patterns.len(),
            rules = fresh.rules.len(),
            millis,
            "indicators are watched"
        );
        // Before it was opened, what it lists was loaded by nobody.
        if fresh.rules != keeper.rules || !keeper.opened {
            detection.shared_changed.store(true, Ordering::Release);
        }
        *keeper = fresh;
        Ok(())
    }

    /// A number for the warning lists that are in force.
    fn lists_mark(&self) -> Result<u64, StoreError> {
        let lists = self.store.read()?.warning_lists(self.scope.tenant)?;
        let parts = lists.iter().flat_map(|(name, text)| [name.as_bytes(), text.as_bytes()]);
        let digest = digest(&parts.collect::<Vec<_>>());
        Ok(digest.0.first_chunk().map_or(0, |first| u64::from_le_bytes(*first)))
    }

    /// Our own rules.
    fn own_rules(&self) -> Result<Loaded, DetectionError> {
        let mut loader = Loader::new().with_own(self.own_classes()?);
        let mut after: Option<String> = None;
        loop {
            let page = self.store.read()?.rule_texts(self.scope.tenant, after.as_deref(), TEXTS)?;
            page.iter().for_each(|rule| loader.add(&rule.name, &rule.text));
            match page.last() {
                Some(last) if page.len() == TEXTS => after = Some(last.name.clone()),
                _ => break,
            }
        }
        let notes = Arc::new(loader.notes().clone());
        let sigma = Arc::new(loader.finish());
        let objects = vec![None; sigma.cards().len()];
        Ok((Arc::new(RuleSet { sigma, objects }), notes))
    }

    /// The rules that others shared, in the order they came: where there are more than may be, those that run go on.
    fn shared_rules(&self, rules: &BTreeMap<StixId, VersionId>) -> Result<Loaded, DetectionError> {
        let mut order: Vec<(VersionId, &StixId)> = rules.iter().map(|(id, version)| (*version, id)).collect();
        order.sort_unstable();
        let mut loader = Loader::shared().with_own(self.own_classes()?);
        for some in order.chunks(SHARED_TEXTS) {
            let read = self.store.read()?;
            let mut texts = Vec::new();
            for (version, id) in some {
                // One that was erased meanwhile is not there, and the journal will say so.
                let Some(stored) = read.version(self.scope, *version)? else { continue };
                let indicator = read_indicator(&stored.raw);
                texts.extend(indicator.map(|indicator| (stored.source, id.as_str(), indicator.pattern)));
            }
            drop(read);
            for (source, id, text) in &texts {
                loader.given_by(source.0.into());
                loader.add(id, text);
            }
        }
        let notes = Arc::new(loader.notes().clone());
        let sigma = Arc::new(loader.finish());
        let of = |card: &Card| {
            let id: StixId = card.file.parse().ok()?;
            rules.get(&id).copied()
        };
        let objects = sigma.cards().iter().map(of).collect();
        Ok((Arc::new(RuleSet { sigma, objects }), notes))
    }
}

/// Our own patterns, then those that others shared, in the order they came: nobody chooses a place by an identifier.
fn compile(keeper: &Keeper) -> Arc<Patterns> {
    let mut all: Vec<&Kept> = keeper.patterns.values().collect();
    all.sort_unstable_by_key(|kept| kept.counted.0);
    let (own, shared): (Vec<&Kept>, Vec<&Kept>) =
        all.into_iter().partition(|kept| kept.source == SourceId(0));
    let own = own.into_iter().map(|kept| kept.counted.clone());
    let shared = shared.into_iter().map(|kept| (kept.source.0, kept.counted.clone()));
    Arc::new(Patterns::with_shared(own, shared))
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
    let reason = keeper.refused.into_values().next().map(|(_, reason)| reason);
    let pattern = keeper.patterns.into_values().next().map(|kept| kept.counted);
    let held = if keeper.rules.is_empty() { None } else { read_indicator(&stored.raw) };
    let rule = held.map(|indicator| indicator.pattern);
    Ok(Some(OneIndicator { stored, entries, pattern, rule, reason }))
}

/// One indicator, ready to be looked for.
pub(crate) struct OneIndicator {
    pub(crate) stored: Stored,
    pub(crate) entries: Vec<Entry>,
    pub(crate) pattern: Option<Counted>,
    pub(crate) rule: Option<String>,
    pub(crate) reason: Option<String>,
}
