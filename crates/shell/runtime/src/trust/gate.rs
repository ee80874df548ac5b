//! What waits: objects beyond an agreement's caps, and objects for a party that has given less than it should.
//!
//! Only content waits. What takes back, relabels or confirms goes past it, whatever was counted. What flowed is counted in
//! the transaction that lets it flow, so no stop and no crash forgets it.

use std::fmt;

use agreement::{Over, Passage, Reciprocity, Terms};
use keys::window::DAY;
use model::{AgreementId, PartyId, Timestamp};
use ports::trust::{PassageRecord, StreamKey};
use ports::{Read, StoreError};

use super::registry::InForce;
use crate::core::Core;

/// Why objects wait in front of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wait {
    /// For a cap.
    Cap(Over),
    /// For the receiver's own contributions.
    Arrears(Arrears),
}

/// How far a party is behind what reciprocity asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrears {
    /// Objects it gave.
    pub gave: u64,
    /// Objects it should have given.
    pub least: u32,
    /// In so many days.
    pub days: u32,
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cap(Over { until: Some(until), .. }) => {
                let Self::Cap(over) = self else { return Ok(()) };
                write!(f, "waits for the cap {over} until {until}")
            }
            Self::Cap(over) => write!(f, "does not fit the cap {over}"),
            Self::Arrears(Arrears { gave, least, days }) => write!(
                f,
                "waits for reciprocity: they gave {gave} of {least} objects in the last {days} days"
            ),
        }
    }
}

/// What has flowed in one stream, and what may still.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    terms: std::sync::Arc<Terms>,
    passed: Vec<Passage>,
    last: Option<Timestamp>,
    arrears: Option<Arrears>,
}

impl Gate {
    /// Why no object at all may go, however small.
    pub(crate) fn shut(&self, now: Timestamp) -> Option<Wait> {
        let arrears = self.arrears.map(Wait::Arrears);
        arrears.or_else(|| self.terms.caps.over(&self.passed, 0, 0, now).map(Wait::Cap))
    }

    /// The cap that keeps an object of so many bytes, with what explains it, from going now.
    pub(crate) fn over(&self, size: Size, now: Timestamp) -> Option<Over> {
        self.terms.caps.over(&self.passed, size.object, size.whole, now)
    }

    /// From here on the caps of this version count; what flowed counts under each.
    pub(crate) fn go_by(&mut self, force: &InForce) {
        if !std::sync::Arc::ptr_eq(&self.terms, &force.terms) {
            self.terms = std::sync::Arc::clone(&force.terms);
        }
    }

    /// Counts an object.
    pub(crate) fn pass(&mut self, size: Size, at: Timestamp) {
        self.last = self.last.max(Some(at));
        match self.passed.last_mut().filter(|last| last.at == at) {
            Some(last) => {
                last.objects += 1;
                last.bytes += size.whole;
            }
            None => self.passed.push(Passage { at, objects: 1, bytes: size.whole }),
        }
    }

    /// What has flowed.
    pub(crate) fn passed(&self) -> &[Passage] {
        &self.passed
    }

    /// When the last thing flowed, however long ago.
    pub(crate) const fn last(&self) -> Option<Timestamp> {
        self.last
    }
}

/// How large an object is, as caps count it: bytes of its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    /// Of the object.
    pub(crate) object: u64,
    /// With what explains it.
    pub(crate) whole: u64,
}

impl Size {
    pub(crate) fn of<T: AsRef<str>>(object: &str, with: &[T]) -> Self {
        let object = object.len() as u64;
        Self { object, whole: with.iter().fold(object, |sum, text| sum + text.as_ref().len() as u64) }
    }
}

impl Core {
    /// What has flowed in a stream, and what may still flow in it under a version.
    pub(crate) fn gate(
        &self,
        read: &dyn Read,
        key: StreamKey,
        force: &InForce,
        now: Timestamp,
    ) -> Result<Gate, StoreError> {
        let tenant = self.scope.tenant;
        let last = read.last_passage(tenant, key)?.map(|last| last.min(now));
        // What comes in late is counted where it belongs in time, after the last before it: as far back as that reaches.
        let since = last.unwrap_or(now).plus_micros(-agreement::Caps::REACH);
        let passed = read.passages(tenant, key, since)?;
        if passed.iter().any(|passage| passage.at > now) {
            self.store.transact(|tx| tx.settle_passages(tenant, key, now))?;
        }
        let passed = passed
            .into_iter()
            .map(|passage| Passage {
                at: passage.at.min(now),
                objects: passage.objects,
                bytes: passage.bytes,
            })
            .collect();
        let arrears =
            if key.outbound { self.arrears(read, key.agreement, force, key.peer, now)? } else { None };
        Ok(Gate { terms: std::sync::Arc::clone(&force.terms), passed, last, arrears })
    }

    /// How far a party is behind what reciprocity asks for, counted over what it gave us. In the first period of a text
    /// nobody is.
    pub(crate) fn arrears(
        &self,
        read: &dyn Read,
        agreement: AgreementId,
        force: &InForce,
        party: PartyId,
        now: Timestamp,
    ) -> Result<Option<Arrears>, StoreError> {
        let Reciprocity::Least { objects: least, days } = force.terms.reciprocity else { return Ok(None) };
        let period = i64::from(days).saturating_mul(DAY);
        if now < force.terms.start.plus_micros(period) {
            return Ok(None);
        }
        let gave = read.given_since(self.scope.tenant, party, agreement, now.plus_micros(-period))?;
        Ok((gave < u64::from(least)).then_some(Arrears { gave, least, days }))
    }
}

/// Passages of objects that flowed together, one for each instant.
pub(crate) fn passages(of: impl IntoIterator<Item = (Timestamp, Size)>) -> Vec<PassageRecord> {
    let mut all: Vec<PassageRecord> = Vec::new();
    for (at, size) in of {
        match all.last_mut().filter(|last| last.at == at) {
            Some(last) => {
                last.objects += 1;
                last.bytes += size.whole;
            }
            None => all.push(PassageRecord { at, objects: 1, bytes: size.whole }),
        }
    }
    all
}
