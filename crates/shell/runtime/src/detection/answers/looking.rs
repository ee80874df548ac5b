//! What we do not look for, and saying so: nobody shall take our silence for "not seen".
//!
//! Whoever gave us an indicator that cannot be looked for here, or that our people muted, reads so in a note of ours (STIX
//! 2.1 §4.13). It is no sighting, as a count of 0 says that we looked (§5.2), and of the reason no more goes than a word.
//! What becomes possible later, because a mute or an agreement changed, is looked for in what was kept once more.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};

use detect::{PatternState, State, Watched, Windows};
use model::{AgreementId, Digest, Label, PartyId, Seq, StixId, Timestamp, Tlp};
use policy::Action;
use ports::{JournalKind, Read, StoreError, Stored};
use serde_json::{Value, json};
use stix::marking;

use super::super::hunting::HUNTED;
use super::super::question::{OwnClasses, of_indicators};
use super::super::verdict::switch_of;
use super::super::watch::{OneIndicator, one_of};
use super::super::{Detection, DetectionError, NotAllowed, START, set};
use crate::core::Core;
use crate::trust::Registry;

/// The extension that says whether something is looked for (STIX 2.1 §7.3, a property extension).
pub(crate) const LOOKS: &str = "extension-definition--5a1e1dab-0f5c-4c8e-9d0e-6f2f6b1c7a04";

/// What describes it.
pub(crate) const LOOKS_DEFINITION: &str = r#"{"type":"extension-definition","spec_version":"2.1","id":"extension-definition--5a1e1dab-0f5c-4c8e-9d0e-6f2f6b1c7a04","created_by_ref":"identity--5a1e1dab-0f5c-4c8e-9d0e-6f2f6b1c7a03","created":"2026-01-01T00:00:00.000Z","modified":"2026-02-01T00:00:00.000Z","name":"Whether something is looked for","description":"Said in a note about an indicator: looks (whether whoever made the note looks for it), and where they do not, reason (unsupported: they cannot match such a pattern; well-known: what it names is in everybody's traffic; muted: their people do not want to hear of it), until (when that ends, where it does) and mark (by which whoever made the note knows it again).","schema":"an object with looks, reason, until, mark","version":"1.0","extension_types":["property-extension"],"object_marking_refs":["marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487"]}"#;

/// Journal entries looked at in one step.
const BATCH: usize = 1_000;
/// Holdings looked at in one step.
const PAGE: usize = 500;
/// The name of the cursor.
const CURSOR: &str = "answers";
/// How long after the last one everything that parties gave is gone through again, in microseconds: an hour, as clauses
/// begin to hold by the clock.
const EVERY: i64 = 3_600 * 1_000_000;
/// How long at least, when parties or agreements have changed, in microseconds.
const GAP: i64 = 10 * 1_000_000;

/// Why an indicator is not looked for, as much of it as others are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unable {
    /// Such a pattern or rule cannot be matched here.
    Unsupported,
    /// What it names is in everybody's traffic, as warning lists say.
    WellKnown,
    /// People do not want to hear of it.
    Muted,
}

impl Unable {
    /// Every reason.
    pub const ALL: [Self; 3] = [Self::Unsupported, Self::WellKnown, Self::Muted];

    /// The word in the extension and in JSON output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unsupported => "unsupported",
            Self::WellKnown => "well-known",
            Self::Muted => "muted",
        }
    }

    /// What a note's extension says. A word that nobody knows says that it is not looked for all the same.
    pub(crate) fn of(note: &Value) -> Option<Self> {
        let said =
            extension(note).filter(|said| said.get("looks").and_then(Value::as_bool) == Some(false))?;
        let word = said.get("reason").and_then(Value::as_str).unwrap_or_default();
        Some(Self::ALL.into_iter().find(|known| known.as_str() == word).unwrap_or(Self::Unsupported))
    }

    /// In a sentence, for whoever reads the note.
    const fn sentence(self) -> &'static str {
        match self {
            Self::Unsupported => "It is not looked for: such a pattern cannot be matched here.",
            Self::WellKnown => "It is not looked for: what it names is in everybody's traffic.",
            Self::Muted => "It is not looked for: it is muted.",
        }
    }
}

/// What a note says about looking, if it is such a note.
pub(crate) fn extension(note: &Value) -> Option<&Value> {
    note.get("extensions")?.get(LOOKS)
}

/// A note of ours about one object.
pub(crate) struct Remark<'r> {
    pub(crate) id: StixId,
    pub(crate) about: &'r StixId,
    pub(crate) content: &'r str,
    pub(crate) author: Option<&'r str>,
    /// `None` for what stays here.
    pub(crate) tlp: Option<Tlp>,
    /// The members of the extension.
    pub(crate) looks: Value,
}

/// How far everything that parties gave was gone through.
#[derive(Default)]
pub(crate) struct Review {
    /// What was known of parties and agreements when it began.
    registry: Option<Arc<Registry>>,
    begun: Option<Timestamp>,
    /// Whose and under what is left, and how far the last of it was gone through.
    left: Vec<(PartyId, AgreementId)>,
    after: Option<Digest>,
}

impl Review {
    /// Where to go on, if there is anything to go through now.
    fn next(
        &mut self,
        registry: &Arc<Registry>,
        now: Timestamp,
    ) -> Option<(PartyId, AgreementId, Option<Digest>)> {
        let gone = self.begun.map(|begun| now.as_micros().saturating_sub(begun.as_micros()));
        let over = |time: i64| gone.is_none_or(|gone| gone >= time);
        let moved = self.registry.as_ref().is_none_or(|seen| !Arc::ptr_eq(seen, registry));
        if self.left.is_empty() && (over(EVERY) || (moved && over(GAP))) {
            let agreements = registry.agreements.keys();
            self.left = agreements
                .flat_map(|agreement| registry.peers.keys().map(move |party| (*party, *agreement)))
                .collect();
            (self.registry, self.begun, self.after) = (Some(Arc::clone(registry)), Some(now), None);
        }
        self.left.last().map(|(party, agreement)| (*party, *agreement, self.after))
    }

    /// A page of it was gone through; `after` is where the next one begins. Returns whether there is more.
    fn went(&mut self, after: Option<Digest>) -> bool {
        if after.is_none() {
            self.left.pop();
        }
        self.after = after;
        !self.left.is_empty()
    }
}

/// What is to be looked for once more in what was kept, though the journal tells of no new version of it.
///
/// It is in memory alone. So the journal is not left behind before it was looked for: whoever starts after a crash reads
/// again what led to it, and looks for it.
#[derive(Default)]
pub(crate) struct Again {
    waiting: BTreeSet<StixId>,
    /// Whether some was taken, and not yet said to be done by taking the next.
    taken: bool,
    /// Up to here the journal was gone through; what is kept of that is where to begin after a crash.
    reached: Option<Seq>,
}

impl Again {
    fn take(&mut self) -> BTreeSet<StixId> {
        // Whoever comes for more is done with what they took, or has given it back.
        self.taken = !self.waiting.is_empty();
        std::mem::take(&mut self.waiting)
    }

    /// Whether everything was looked for.
    fn is_done(&self) -> bool {
        self.waiting.is_empty() && !self.taken
    }
}

/// What one step looks at, and what comes of it.
struct Over<'o> {
    registry: &'o Registry,
    read: &'o dyn Read,
    now: Timestamp,
    /// Up to here it was looked back.
    hunted: Seq,
    /// Whether anything is kept to look back in.
    keeps: bool,
    texts: Vec<String>,
    again: BTreeSet<StixId>,
}

impl Detection {
    /// Does something about what is to be looked for once more.
    fn again<T>(&self, step: impl FnOnce(&mut Again) -> T) -> T {
        step(&mut self.verdicts.lock().unwrap_or_else(PoisonError::into_inner).again)
    }

    /// Does something about the review.
    fn review<T>(&self, step: impl FnOnce(&mut Review) -> T) -> T {
        step(&mut self.verdicts.lock().unwrap_or_else(PoisonError::into_inner).review)
    }

    /// Looks for these once more in what was kept, when it is looked back next.
    pub fn look_again(&self, objects: impl IntoIterator<Item = StixId>) {
        self.again(|again| again.waiting.extend(objects));
    }

    /// What is to be looked for once more, though the journal tells of no new version of it. Whoever takes it and fails
    /// gives it back with [`Detection::look_again`]; taking the next says that it was looked for.
    #[must_use]
    pub fn take_again(&self) -> BTreeSet<StixId> {
        let mut verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
        let again = verdicts.again.take();
        // It may not have been permitted a moment ago.
        if !again.is_empty() {
            verdicts.known.clear();
        }
        again
    }
}

impl Core {
    /// Says of what newly came, was muted, or is not muted any more whether it is looked for, and goes through what was
    /// given before whenever agreements change. Returns whether there may be more.
    pub(super) fn looking_step(&self, detection: &Detection) -> Result<bool, DetectionError> {
        let tenant = self.scope.tenant;
        let now = self.clock.now();
        self.end_mutes(now)?;
        let registry = self.registry()?;
        let stats = detection.outside.telemetry.stats();
        let read = self.store.read()?;
        let kept = read.named_cursor(tenant, CURSOR)?.unwrap_or(START);
        let at = detection.again(|again| again.reached).unwrap_or(kept);
        let rows = match read.journal(tenant, at, BATCH) {
            Ok(rows) => rows,
            Err(StoreError::CursorExpired { horizon }) => {
                drop(read);
                self.store.transact(|tx| tx.set_cursor(tenant, CURSOR, horizon))?;
                detection.again(|again| again.reached = Some(horizon));
                return Ok(true);
            }
            Err(error) => return Err(error.into()),
        };
        let mut over = Over {
            registry: &registry,
            read: &*read,
            now,
            hunted: read.named_cursor(tenant, HUNTED)?.unwrap_or(START),
            keeps: stats.events + stats.waiting > 0,
            texts: Vec::new(),
            again: BTreeSet::new(),
        };
        let (mut about, mut switched) = (BTreeSet::new(), false);
        let key = read.naming_key(tenant)?;
        for row in &rows {
            let Some(object) = row.object.as_ref() else {
                switched |= row.kind == JournalKind::Erased;
                continue;
            };
            match object.id.type_name() {
                "indicator" if row.kind == JournalKind::Put => {
                    about.insert(object.id.clone());
                }
                "note" if row.kind == JournalKind::Put => {
                    let Some(note) = read.version(self.scope, object.version_id)? else { continue };
                    let switch = switch_of(&key, &note);
                    // Whatever comes in place of a note that mutes ends what is remembered of it.
                    switched |= switch.is_some() || detection.remembers(&note.id);
                    let Some((muted, looks)) = switch else { continue };
                    if looks {
                        over.again.insert(muted.clone());
                    }
                    about.insert(muted);
                }
                _ => {}
            }
        }
        if switched {
            detection.forget_mutes(read.head(tenant)?);
        }
        for object in &about {
            self.look_over(&mut over, object)?;
        }
        let mut more = rows.len() == BATCH;
        let page =
            if more || !over.keeps { None } else { detection.review(|review| review.next(&registry, now)) };
        if let Some((party, agreement, after)) = page {
            let held = read.holdings_from(tenant, party, agreement, after, PAGE)?;
            let objects = held.iter().filter(|holding| holding.version.is_some());
            for object in objects.filter_map(|holding| holding.object.as_ref()) {
                let waits = object.type_name() == "indicator"
                    && (self.said_before(&*read, object)?.is_none()
                        || self.said_unable(&*read, object)?.is_some());
                if waits {
                    self.look_over(&mut over, object)?;
                }
            }
            let next = held.last().filter(|_| held.len() == PAGE).map(|holding| holding.subject);
            more = detection.review(|review| review.went(next));
        }
        let Over { texts, again, .. } = over;
        drop(read);
        detection.look_again(again);
        self.tell_all(&texts)?;
        let reached = rows.last().map_or(at, |row| row.seq);
        let done = detection.again(|again| {
            again.reached = Some(reached);
            again.is_done()
        });
        if done && reached > kept {
            self.store.transact(|tx| tx.set_cursor(tenant, CURSOR, reached))?;
        }
        Ok(more)
    }

    /// What is to be said about looking for an object, and whether it is to be looked for once more.
    fn look_over(&self, over: &mut Over<'_>, object: &StixId) -> Result<(), DetectionError> {
        let Some(stored) = over.read.object(self.scope, object, None)? else { return Ok(()) };
        if stored.revoked || !self.is_answered(over.read, &stored)? {
            return Ok(());
        }
        let version = stored.version_id;
        let outlook = match self.may_use(over.registry, over.read, version, Action::Detect, over.now)? {
            Ok(_) => match one_of(over.read, self, version)? {
                Some(one) => outlook(&one, self.own_classes()?),
                None => Outlook::Partly,
            },
            Err(NotAllowed::Muted) => Outlook::Unable(Unable::Muted),
            // What we may not use is not asked of us.
            Err(_) => return Ok(()),
        };
        let said = self.said_unable(over.read, object)?;
        match outlook {
            Outlook::Unable(unable) if said == Some(unable) => {}
            Outlook::Unable(unable) => {
                over.texts.extend(self.unable_text(over.read, &stored, Some(unable))?);
            }
            // What the past does not answer, or where there is none.
            Outlook::Partly => over.texts.extend(self.able_text(over.read, &stored)?),
            Outlook::Whole if !over.keeps => over.texts.extend(self.able_text(over.read, &stored)?),
            Outlook::Whole => {
                let waits = said.is_some() || self.said_before(over.read, object)?.is_none();
                if waits && stored.seq <= over.hunted {
                    over.again.insert(object.clone());
                }
            }
        }
        Ok(())
    }

    /// The id of our note on whether we look for an object.
    fn unable_id(&self, object: &StixId) -> StixId {
        self.own_id("note", b"unable", object)
    }

    /// Why we said that we do not look for an object, if that stands.
    fn said_unable(&self, read: &dyn Read, object: &StixId) -> Result<Option<Unable>, DetectionError> {
        let Some(stored) = read.object(self.scope, &self.unable_id(object), None)? else { return Ok(None) };
        Ok(Unable::of(&serde_json::from_str(&stored.raw).unwrap_or_default()))
    }

    /// That we look for it, where we said before that we do not.
    pub(super) fn able_text(
        &self,
        read: &dyn Read,
        stored: &Stored,
    ) -> Result<Option<String>, DetectionError> {
        match self.said_unable(read, &stored.id)? {
            Some(_) => self.unable_text(read, stored, None),
            None => Ok(None),
        }
    }

    fn unable_text(
        &self,
        read: &dyn Read,
        stored: &Stored,
        unable: Option<Unable>,
    ) -> Result<Option<String>, DetectionError> {
        let Label::Tlp(tlp) = stored.label else { return Ok(None) };
        let looks = match unable {
            Some(unable) => json!({"looks": false, "reason": unable.as_str()}),
            None => json!({"looks": true}),
        };
        let remark = Remark {
            id: self.unable_id(&stored.id),
            about: &stored.id,
            content: unable.map_or("It is looked for.", Unable::sentence),
            author: None,
            tlp: Some(tlp.min(Tlp::Green)),
            looks,
        };
        self.remark(read, remark).map(|note| Some(note.to_string()))
    }

    /// A note: a new version of it where there is one already.
    pub(crate) fn remark(&self, read: &dyn Read, remark: Remark<'_>) -> Result<Value, DetectionError> {
        let now = self.clock.now();
        let before = read.object(self.scope, &remark.id, None)?;
        // A version is later than the one before it, whatever the clock says.
        let modified = before.as_ref().map_or(now, |before| now.max(before.version.plus_micros(1_000)));
        let created = before
            .and_then(|before| serde_json::from_str::<Value>(&before.raw).ok())
            .and_then(|before| before.get("created")?.as_str().map(str::to_owned))
            .unwrap_or_else(|| now.to_string());
        let mut looks = remark.looks;
        set(&mut looks, "extension_type", Value::String("property-extension".to_owned()));
        let mut note = json!({
            "type": "note",
            "spec_version": "2.1",
            "id": remark.id.as_str(),
            "created_by_ref": self.identity.as_str(),
            "created": created,
            "modified": modified.to_string(),
            "content": remark.content,
            "object_refs": [remark.about.as_str()],
            "extensions": {LOOKS: looks},
        });
        if let Some(author) = remark.author {
            set(&mut note, "authors", json!([author]));
        }
        if let Some(tlp) = remark.tlp {
            set(&mut note, "object_marking_refs", json!([marking::tlp_ref(tlp).as_str()]));
        }
        Ok(note)
    }
}

/// How far an indicator can be looked for here.
enum Outlook {
    /// As it says.
    Whole,
    /// In what comes, as far as is kept in mind for it; the past gives no true answer.
    Partly,
    /// Not at all.
    Unable(Unable),
}

fn outlook(one: &OneIndicator, own: OwnClasses) -> Outlook {
    if one.reason.is_some() {
        let text: Value = serde_json::from_str(&one.stored.raw).unwrap_or_default();
        let pattern = text.get("pattern").and_then(Value::as_str).unwrap_or_default();
        // Values that could be watched for, and are not, stand on a warning list.
        let known = matches!(detect::watched(pattern), Ok(Watched::Atoms(_)));
        return Outlook::Unable(if known { Unable::WellKnown } else { Unable::Unsupported });
    }
    if !one.entries.is_empty() {
        return Outlook::Whole;
    }
    let Some(hunted) = of_indicators(std::slice::from_ref(one), own).others else {
        return Outlook::Unable(Unable::Unsupported);
    };
    let windows = Windows::new();
    let mut whole = true;
    for (_, state) in hunted.watch.patterns.states(&windows) {
        match state {
            PatternState::Active => {}
            PatternState::Bounded(_) => whole = false,
            _ => return Outlook::Unable(Unable::Unsupported),
        }
    }
    let mut cards = hunted.watch.rules.iter().flat_map(|set| set.sigma.cards()).peekable();
    let read = one.rule.is_none() || cards.peek().is_some();
    let active = cards.all(|card| card.state == State::Active);
    match (read && active, whole) {
        (true, true) => Outlook::Whole,
        (true, false) => Outlook::Partly,
        (false, _) => Outlook::Unable(Unable::Unsupported),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_note_says_about_looking() {
        let note = |looks: Value| json!({"type": "note", "extensions": {LOOKS: looks}});
        for known in Unable::ALL {
            assert_eq!(Unable::of(&note(json!({"looks": false, "reason": known.as_str()}))), Some(known));
        }
        // A word of a later version, or none: it is not looked for all the same.
        assert_eq!(Unable::of(&note(json!({"looks": false, "reason": "x"}))), Some(Unable::Unsupported));
        assert_eq!(Unable::of(&note(json!({"looks": false}))), Some(Unable::Unsupported));
        assert_eq!(Unable::of(&note(json!({"looks": true, "reason": "muted"}))), None);
        assert_eq!(Unable::of(&note(json!({"reason": "muted"}))), None);
        assert_eq!(Unable::of(&json!({"type": "note"})), None);
    }

    #[test]
    fn definitions_are_what_they_say() {
        let definition: Value = serde_json::from_str(LOOKS_DEFINITION).unwrap();
        assert_eq!(definition["id"], LOOKS);
    }

    /// A crash between taking and looking loses nothing: the journal is left behind only when nothing is on the way.
    #[test]
    fn what_is_on_the_way_is_not_done() {
        let one = StixId::new("indicator", model::Uuid::v4([7; 16]));
        let mut again = Again::default();
        assert!(again.is_done());
        again.waiting.insert(one.clone());
        assert!(!again.is_done(), "nobody has taken it");
        assert_eq!(again.take(), BTreeSet::from([one.clone()]));
        assert!(!again.is_done(), "nobody has said that it was looked for");
        // It failed and was given back.
        again.waiting.insert(one.clone());
        assert_eq!(again.take(), BTreeSet::from([one]));
        assert!(!again.is_done());
        assert_eq!(again.take(), BTreeSet::new());
        assert!(again.is_done());
    }

    #[test]
    fn a_review_goes_through_everything_when_something_changed_and_every_hour() {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let mut review = Review::default();
        let registry = Arc::new(Registry::default());
        // Nobody is known: there is nothing to go through, and that was seen.
        assert_eq!(review.next(&registry, at(0)), None);
        assert_eq!(review.begun, Some(at(0)));
        assert_eq!(review.next(&registry, at(20)), None);
        assert_eq!(review.begun, Some(at(0)), "nothing has changed");
        let newer = Arc::new(Registry::default());
        assert_eq!(review.next(&newer, at(5)), None);
        assert_eq!(review.begun, Some(at(0)), "too soon");
        assert_eq!(review.next(&newer, at(20)), None);
        assert_eq!(review.begun, Some(at(20)));
        assert_eq!(review.next(&newer, at(20 + 3_600)), None);
        assert_eq!(review.begun, Some(at(20 + 3_600)));
    }

    #[test]
    fn a_review_ends() {
        let one = (PartyId(Digest([1; 32])), AgreementId(Digest([2; 32])));
        let other = (PartyId(Digest([3; 32])), AgreementId(Digest([2; 32])));
        let mut review = Review { left: vec![one, other], ..Review::default() };
        assert!(review.went(Some(Digest([9; 32]))));
        assert_eq!((review.left.len(), review.after), (2, Some(Digest([9; 32]))));
        assert!(review.went(None));
        assert_eq!((review.left.as_slice(), review.after), (&[one][..], None));
        assert!(!review.went(None));
    }
}
