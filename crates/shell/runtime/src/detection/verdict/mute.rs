//! Indicators and rules of others that our people do not want to hear of for a while.
//!
//! A mute is a note of ours (STIX 2.1 §4.13) that stays here: nothing is deleted, nobody is told more than that we do not
//! look, and who muted what, when and why is in its versions and in the audit log. It is asked about when something
//! matches, and ends by itself.
//!
//! Notes are brought in as ours by whoever may bring in objects, which is not the right to mute. So a note mutes only with
//! a mark that this node alone can make. What comes in the place of one, without a mark or revoked, ends the mute: then it
//! is looked for, which hides nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use intel::OWN_ONLY_MARKING;
use model::{Label, Seq, SourceId, StixId, Timestamp, Uuid};
use ports::{ObjectFilter, Read, Stored};
use serde_json::{Value, json};

use super::super::answers::{LOOKS, LOOKS_DEFINITION, Remark, Unable, extension};
use super::super::{Detection, DetectionError, digest, set};
use crate::core::Core;
use crate::ingest::{Fate, Piece};

/// Objects that are muted at most. Whoever has muted more than that has no use for the source they come from.
const MOST: usize = 10_000;
/// Notes read at a time.
const PAGE: usize = 1_000;

/// An object that is muted here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mute {
    /// The indicator, which may hold a rule.
    pub object: StixId,
    /// Why.
    pub reason: String,
    /// Who muted it.
    pub by: String,
    /// Since when, or since when for another reason or time.
    pub since: Timestamp,
    /// When it ends; `None` for when somebody ends it.
    pub until: Option<Timestamp>,
    /// What keeps it.
    note: StixId,
}

impl Mute {
    /// Whether it holds at an instant.
    fn holds(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// Mutes by object, as they stand in the store.
type Mutes = BTreeMap<StixId, Mute>;

/// Mutes that were read lately.
#[derive(Default)]
pub(super) struct Remembered {
    mutes: Option<Arc<Mutes>>,
    /// What was read before this place does not count.
    changed: Option<Seq>,
}

impl Detection {
    /// Something about mutes was written, up to this place in the journal: they are read anew.
    pub(crate) fn forget_mutes(&self, at: Seq) {
        let mut verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = verdicts.remembered.changed.max(Some(at));
        verdicts.remembered = Remembered { mutes: None, changed };
        verdicts.known.clear();
    }

    /// Whether this note may keep a mute that is remembered. Where none are, they may be being read: any may.
    pub(crate) fn remembers(&self, note: &StixId) -> bool {
        let verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
        let mutes = verdicts.remembered.mutes.as_ref();
        mutes.is_none_or(|mutes| mutes.values().any(|mute| mute.note == *note))
    }

    /// Mutes as a reader knows them.
    fn mutes(&self, core: &Core, read: &dyn Read) -> Result<Arc<Mutes>, DetectionError> {
        {
            let verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(known) = &verdicts.remembered.mutes {
                return Ok(Arc::clone(known));
            }
        }
        let head = read.head(core.scope.tenant)?;
        let mutes = Arc::new(core.read_mutes(read)?);
        let mut verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
        // A reader that began before the newest change knows what was, and not what is.
        if verdicts.remembered.changed <= Some(head) {
            verdicts.remembered.mutes = Some(Arc::clone(&mutes));
        }
        Ok(mutes)
    }
}

impl Core {
    /// What is muted here now, by object.
    ///
    /// # Errors
    /// When the store fails.
    pub fn mutes(&self) -> Result<Vec<Mute>, DetectionError> {
        let now = self.clock.now();
        let mutes = self.read_mutes(&*self.store.read()?)?;
        Ok(mutes.into_values().filter(|mute| mute.holds(now)).collect())
    }

    /// Mutes an indicator, or the rule that one holds: what it matches raises nothing until that ends. Muting it again
    /// changes reason and end. Whoever gave it is told that it is not looked for, and nothing else.
    ///
    /// # Errors
    /// [`DetectionError::Missing`] for an object that is not held; [`DetectionError::Refused`] for one that is no
    /// indicator, for an end that has passed, and for more mutes than are kept.
    pub fn mute(
        &self,
        object: &StixId,
        reason: &str,
        until: Option<Timestamp>,
        author: &str,
    ) -> Result<(), DetectionError> {
        let now = self.clock.now();
        let read = self.store.read()?;
        if read.object(self.scope, object, None)?.is_none() {
            return Err(DetectionError::Missing(format!("`{object}`")));
        }
        if object.type_name() != "indicator" {
            return Err(DetectionError::Refused(format!(
                "objects of type `{}` are not matched, so there is nothing to mute; name the indicator that alerts name",
                object.type_name()
            )));
        }
        if let Some(until) = until.filter(|until| *until <= now) {
            return Err(DetectionError::Refused(format!(
                "`until` is {until}, which has passed; leave it out to mute it until somebody ends that"
            )));
        }
        let known = self.read_mutes(&*read)?;
        if known.len() >= MOST && !known.contains_key(object) {
            return Err(DetectionError::Refused(format!(
                "{MOST} objects are muted already; remove the source that they come from, or end some"
            )));
        }
        let mut looks = json!({"looks": false, "reason": Unable::Muted.as_str()});
        if let Some(until) = until {
            set(&mut looks, "until", Value::String(until.to_string()));
        }
        let note = self.mute_note(&*read, object, reason, author, looks)?;
        drop(read);
        self.write_mute(object, &note, "object.mute", reason, author)
    }

    /// Ends a mute. What was kept meanwhile is looked through for it.
    ///
    /// # Errors
    /// [`DetectionError::Missing`] for an object that is not muted.
    pub fn unmute(&self, object: &StixId, reason: &str, author: &str) -> Result<(), DetectionError> {
        let read = self.store.read()?;
        if !self.read_mutes(&*read)?.contains_key(object) {
            return Err(DetectionError::Missing(format!("a mute of `{object}`")));
        }
        let note = self.mute_note(&*read, object, reason, author, json!({"looks": true}))?;
        drop(read);
        self.write_mute(object, &note, "object.unmute", reason, author)
    }

    /// Whether an object is muted.
    pub(super) fn is_muted(
        &self,
        read: &dyn Read,
        object: &StixId,
        now: Timestamp,
    ) -> Result<bool, DetectionError> {
        // Whoever does not detect has nothing to keep quiet.
        let Ok(detection) = self.detection() else { return Ok(false) };
        Ok(detection.mutes(self, read)?.get(object).is_some_and(|mute| mute.holds(now)))
    }

    /// Writes down that mutes have ended whose time is over. They count no more in any case.
    pub(crate) fn end_mutes(&self, now: Timestamp) -> Result<(), DetectionError> {
        let detection = self.detection()?;
        let mutes = {
            let read = self.store.read()?;
            detection.mutes(self, &*read)?
        };
        for mute in mutes.values().filter(|mute| !mute.holds(now)) {
            match self.unmute(&mute.object, "its time is over", "node") {
                // It is remembered and not kept any more: there is nothing to end.
                Err(DetectionError::Missing(_)) => {
                    let head = self.store.read()?.head(self.scope.tenant)?;
                    detection.forget_mutes(head);
                }
                done => done?,
            }
        }
        Ok(())
    }

    /// Mutes as they stand in the store, those that have ended by the clock alone included.
    fn read_mutes(&self, read: &dyn Read) -> Result<Mutes, DetectionError> {
        let filter = ObjectFilter {
            types: vec!["note".to_owned()],
            source: Some(SourceId(0)),
            label: Some(Label::OwnOnly),
            ..ObjectFilter::default()
        };
        let key = read.naming_key(self.scope.tenant)?;
        let (mut mutes, mut after) = (Mutes::new(), None);
        loop {
            let page = read.objects(self.scope, &filter, after, PAGE)?;
            let found = page.iter().filter_map(|note| mute_of(&key, note));
            mutes.extend(found.map(|mute| (mute.object.clone(), mute)));
            match page.last() {
                Some(last) if page.len() == PAGE => after = Some(last.version_id),
                _ => return Ok(mutes),
            }
        }
    }

    /// The text of the note that mutes an object.
    fn mute_note(
        &self,
        read: &dyn Read,
        object: &StixId,
        reason: &str,
        author: &str,
        looks: Value,
    ) -> Result<String, DetectionError> {
        let key = read.naming_key(self.scope.tenant)?;
        let id = mute_id(&key, object);
        let remark = Remark { id, about: object, content: reason, author: Some(author), tlp: None, looks };
        let mut note = self.remark(read, remark)?;
        // In its bytes too, so that a version that somebody revokes stays here as well.
        set(&mut note, "object_marking_refs", json!([OWN_ONLY_MARKING]));
        put_mark(&key, &mut note);
        Ok(note.to_string())
    }

    fn write_mute(
        &self,
        object: &StixId,
        note: &str,
        action: &str,
        reason: &str,
        author: &str,
    ) -> Result<(), DetectionError> {
        let now = self.clock.now();
        let source = self.own_source().map_err(|problem| DetectionError::Refused(problem.to_string()))?;
        // It stays here, whatever label this organisation's own objects get by themselves.
        let stays = Piece { narrowing: Some(Label::OwnOnly), ..Piece::stix(note.as_bytes()) };
        let mut refused = None;
        self.ingest_with(
            &source,
            &[Piece::stix(LOOKS_DEFINITION.as_bytes()), stays],
            &mut |report| match report.fate {
                Fate::Refused(findings) if report.index == 1 => {
                    refused = Some(findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "));
                }
                Fate::Held(_) if report.index == 1 => {
                    refused = Some("it waits for a decision: see `shieldwall held list`".to_owned());
                }
                _ => {}
            },
            &mut |tx, batch| match batch.fate(1) {
                Some(Fate::Accepted) => {
                    tx.audit(self.scope.tenant, now, author, action, object.type_name(), reason)
                }
                _ => Ok(()),
            },
        )?;
        if let Some(problem) = refused {
            return Err(DetectionError::Refused(problem));
        }
        if let Ok(detection) = self.detection() {
            let head = self.store.read()?.head(self.scope.tenant)?;
            detection.forget_mutes(head);
        }
        self.committed();
        Ok(())
    }
}

/// The id of the note that mutes an object. Nobody who has not seen it can tell it.
fn mute_id(key: &[u8; 32], object: &StixId) -> StixId {
    let name = digest(&[b"mute", key, object.as_str().as_bytes()]);
    let mut half = [0; 16];
    half.iter_mut().zip(name.0).for_each(|(slot, byte)| *slot = byte);
    StixId::new("note", Uuid::v4(half))
}

/// What shows that this node made a note. All that counts in a mute is under it, and `modified` is too: nobody who has
/// seen one can make it say something else, or bring it back after it ended.
fn mark(key: &[u8; 32], note: &Value) -> String {
    let looks = extension(note);
    let said = |name: &str| looks.and_then(|looks| looks.get(name));
    let parts = [
        note.get("id"),
        note.get("modified"),
        note.pointer("/object_refs/0"),
        said("looks"),
        said("until"),
        note.get("content"),
        note.pointer("/authors/0"),
    ];
    let parts = parts.map(|part| part.map_or_else(String::new, Value::to_string));
    let head: [&[u8]; 2] = [b"mark of a mute", key];
    let all: Vec<&[u8]> = head.into_iter().chain(parts.iter().map(String::as_bytes)).collect();
    digest(&all).to_string()
}

fn put_mark(key: &[u8; 32], note: &mut Value) {
    let mark = mark(key, note);
    if let Some(looks) = note.pointer_mut(&format!("/extensions/{LOOKS}")) {
        set(looks, "mark", Value::String(mark));
    }
}

/// The object that a note is there to mute, if it is such a note and the newest version of it, and whether the object is
/// looked for from then on.
pub(crate) fn switch_of(key: &[u8; 32], note: &Stored) -> Option<(StixId, bool)> {
    if note.source != SourceId(0) || !note.latest {
        return None;
    }
    let value: Value = serde_json::from_str(&note.raw).ok()?;
    let object: StixId = value.pointer("/object_refs/0")?.as_str()?.parse().ok()?;
    let looks = mute_of(key, note).is_none();
    (note.id == mute_id(key, &object)).then_some((object, looks))
}

/// The mute that a note of ours is.
fn mute_of(key: &[u8; 32], note: &Stored) -> Option<Mute> {
    if note.source != SourceId(0) || note.label != Label::OwnOnly || note.revoked || !note.latest {
        return None;
    }
    let value: Value = serde_json::from_str(&note.raw).ok()?;
    let said = extension(&value)?;
    let object: StixId = value.pointer("/object_refs/0")?.as_str()?.parse().ok()?;
    let mutes = said.get("looks")?.as_bool() == Some(false);
    if !mutes || note.id != mute_id(key, &object) || said.get("mark")?.as_str()? != mark(key, &value) {
        return None;
    }
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let until = said.get("until").and_then(Value::as_str);
    Some(Mute {
        object,
        reason: text("/content").to_owned(),
        by: text("/authors/0").to_owned(),
        since: note.accepted,
        until: until.and_then(|until| until.parse().ok()),
        note: note.id.clone(),
    })
}

#[cfg(test)]
mod tests {
    use model::VersionId;

    use super::*;

    const KEY: [u8; 32] = [7; 32];

    fn object() -> StixId {
        StixId::new("indicator", Uuid::v4([7; 16]))
    }

    /// A note as this node makes it.
    fn made(looks: &Value) -> Value {
        let mut note = json!({
            "type": "note",
            "id": mute_id(&KEY, &object()).as_str(),
            "modified": "2026-10-02T07:10:00.000Z",
            "content": "a scanner of ours",
            "object_refs": [object().as_str()],
            "authors": ["analyst"],
            "extensions": {LOOKS: looks},
        });
        put_mark(&KEY, &mut note);
        note
    }

    /// The same in the store, as something of ours that stays here.
    fn stored(note: &Value) -> Stored {
        Stored {
            version_id: VersionId(1),
            id: note["id"].as_str().unwrap().parse().unwrap(),
            version: note["modified"].as_str().unwrap().parse().unwrap(),
            rendition: 0,
            raw: note.to_string(),
            label: Label::OwnOnly,
            overlay: None,
            source: SourceId(0),
            accepted: Timestamp::EPOCH,
            seq: Seq(1),
            revoked: false,
            latest: true,
        }
    }

    #[test]
    fn only_what_this_node_marked_mutes() {
        let genuine = made(&json!({"looks": false, "until": "2026-10-03T00:00:00.000Z"}));
        let mute = mute_of(&KEY, &stored(&genuine)).unwrap();
        let said = (&mute.object, mute.reason.as_str(), mute.by.as_str());
        assert_eq!(said, (&object(), "a scanner of ours", "analyst"));
        assert_eq!(switch_of(&KEY, &stored(&genuine)), Some((object(), false)));
        assert_eq!(mute_of(&[8; 32], &stored(&genuine)), None, "another node's");

        // Whatever of it is changed, it mutes no more; the object is looked for then.
        let until = format!("/extensions/{LOOKS}/until");
        let mark = format!("/extensions/{LOOKS}/mark");
        let changes = [
            ("/modified", json!("2026-10-02T07:10:00.001Z")),
            ("/content", json!("something else")),
            ("/authors/0", json!("somebody else")),
            (until.as_str(), json!("9000-01-01T00:00:00.000Z")),
            (mark.as_str(), json!("")),
            (mark.as_str(), Value::Null),
        ];
        for (pointer, other) in changes {
            let mut forged = genuine.clone();
            *forged.pointer_mut(pointer).unwrap() = other;
            assert_eq!(mute_of(&KEY, &stored(&forged)), None, "{pointer}");
            assert_eq!(switch_of(&KEY, &stored(&forged)), Some((object(), true)), "{pointer}");
        }

        // Another object, or another note, is none of it.
        let other = StixId::new("indicator", Uuid::v4([8; 16]));
        for (pointer, other) in [
            ("/object_refs/0", json!(other.as_str())),
            ("/id", json!(mute_id(&KEY, &other).as_str())),
            ("/id", json!("note--00000000-0000-4000-8000-000000000001")),
        ] {
            let mut forged = genuine.clone();
            *forged.pointer_mut(pointer).unwrap() = other;
            assert_eq!(mute_of(&KEY, &stored(&forged)), None, "{pointer}");
            assert_eq!(switch_of(&KEY, &stored(&forged)), None, "{pointer}");
        }
    }

    /// A mute does not hold that was ended, revoked, given away or replaced, or that somebody else brought.
    #[test]
    fn what_came_in_place_of_a_mute_ends_it() {
        let muted = stored(&made(&json!({"looks": false})));
        let ends = Some((object(), true));
        assert_eq!(switch_of(&KEY, &stored(&made(&json!({"looks": true})))), ends);
        assert_eq!(switch_of(&KEY, &Stored { revoked: true, ..muted.clone() }), ends);
        assert_eq!(switch_of(&KEY, &Stored { label: Label::CLEAR, ..muted.clone() }), ends);
        assert_eq!(switch_of(&KEY, &Stored { latest: false, ..muted.clone() }), None);
        let foreign = Stored { source: SourceId(1), ..muted };
        assert_eq!((switch_of(&KEY, &foreign), mute_of(&KEY, &foreign)), (None, None));
    }

    #[test]
    fn a_mute_ends_at_its_end_and_one_without_goes_on() {
        let at = Timestamp::from_micros;
        let mute = |until: Option<Timestamp>| Mute {
            object: object(),
            reason: "a test of ours".to_owned(),
            by: "analyst".to_owned(),
            since: at(0),
            until,
            note: mute_id(&KEY, &object()),
        };
        assert!(mute(Some(at(10))).holds(at(9)));
        assert!(!mute(Some(at(10))).holds(at(10)));
        assert!(mute(None).holds(at(i64::from(i32::MAX))));
    }
}
