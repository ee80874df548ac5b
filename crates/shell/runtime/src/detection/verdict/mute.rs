//! Indicators and rules of others that our people do not want to hear of for a while.
//!
//! A mute is a note of ours (STIX 2.1 §4.13) that stays here: nothing is deleted, nobody is told more than that we do not
//! look, and who muted what, when and why is in its versions and in the audit log. It is asked about when something
//! matches, and ends by itself.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use model::{Label, Seq, SourceId, StixId, Timestamp, Uuid};
use ports::{ObjectFilter, Read, Stored};
use serde_json::{Value, json};

use super::super::answers::{LOOKS_DEFINITION, Remark, Unable, extension};
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
        let mutes = {
            let read = self.store.read()?;
            self.detection()?.mutes(self, &*read)?
        };
        for mute in mutes.values().filter(|mute| !mute.holds(now)) {
            self.unmute(&mute.object, "its time is over", "node")?;
        }
        Ok(())
    }

    /// The object that a note of ours mutes or unmutes, and whether it is looked for from then on.
    pub(crate) fn switch_of(&self, note: &Stored) -> Option<(StixId, bool)> {
        if note.source != SourceId(0) || note.label != Label::OwnOnly || note.revoked || !note.latest {
            return None;
        }
        let value: Value = serde_json::from_str(&note.raw).ok()?;
        let looks = extension(&value)?.get("looks")?.as_bool()?;
        let object = value.pointer("/object_refs/0")?.as_str()?.parse().ok()?;
        Some((object, looks))
    }

    /// Mutes as they stand in the store, those that have ended by the clock alone included.
    fn read_mutes(&self, read: &dyn Read) -> Result<Mutes, DetectionError> {
        let filter = ObjectFilter {
            types: vec!["note".to_owned()],
            source: Some(SourceId(0)),
            label: Some(Label::OwnOnly),
            ..ObjectFilter::default()
        };
        let (mut mutes, mut after) = (Mutes::new(), None);
        loop {
            let page = read.objects(self.scope, &filter, after, PAGE)?;
            let found = page.iter().filter_map(|note| self.mute_of(note));
            mutes.extend(found.map(|mute| (mute.object.clone(), mute)));
            match page.last() {
                Some(last) if page.len() == PAGE => after = Some(last.version_id),
                _ => return Ok(mutes),
            }
        }
    }

    fn mute_of(&self, note: &Stored) -> Option<Mute> {
        let (object, looks) = self.switch_of(note)?;
        if looks {
            return None;
        }
        let value: Value = serde_json::from_str(&note.raw).ok()?;
        let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let until = extension(&value)?.get("until").and_then(Value::as_str);
        Some(Mute {
            object,
            reason: text("/content").to_owned(),
            by: text("/authors/0").to_owned(),
            since: note.accepted,
            until: until.and_then(|until| until.parse().ok()),
        })
    }

    /// The note that mutes an object. Nobody else can tell its id, or put something in its place.
    fn mute_note(
        &self,
        read: &dyn Read,
        object: &StixId,
        reason: &str,
        author: &str,
        looks: Value,
    ) -> Result<String, DetectionError> {
        let key = read.naming_key(self.scope.tenant)?;
        let name = digest(&[b"mute", &key, object.as_str().as_bytes()]);
        let mut half = [0; 16];
        half.iter_mut().zip(name.0).for_each(|(slot, byte)| *slot = byte);
        let id = StixId::new("note", Uuid::v4(half));
        self.remark(
            read,
            Remark { id, about: object, content: reason, author: Some(author), tlp: None, looks },
        )
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mute_ends_at_its_end_and_one_without_goes_on() {
        let at = Timestamp::from_micros;
        let mute = |until: Option<Timestamp>| Mute {
            object: StixId::new("indicator", Uuid::v4([7; 16])),
            reason: "a test of ours".to_owned(),
            by: "analyst".to_owned(),
            since: at(0),
            until,
        };
        assert!(mute(Some(at(10))).holds(at(9)));
        assert!(!mute(Some(at(10))).holds(at(10)));
        assert!(mute(None).holds(at(i64::from(i32::MAX))));
    }
}
