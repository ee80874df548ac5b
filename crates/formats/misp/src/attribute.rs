//! One attribute, read.

use json::Value;
use model::{Finding, Severity, Timestamp};

use crate::document::{flag, text};
use crate::label::Stated;
use crate::when;

/// An attribute's members, with what it inherits.
#[derive(Debug)]
pub(crate) struct Attribute<'a> {
    pub(crate) json: Value<'a>,
    pub(crate) pointer: String,
    pub(crate) uuid: String,
    pub(crate) type_name: String,
    pub(crate) category: Option<String>,
    pub(crate) value: String,
    pub(crate) relation: Option<String>,
    pub(crate) comment: Option<String>,
    pub(crate) to_ids: bool,
    pub(crate) deleted: bool,
    /// Its own last change. The version of what it becomes is the event's: labels and creator come from there.
    pub(crate) at: Timestamp,
    pub(crate) first_seen: Option<Timestamp>,
    pub(crate) last_seen: Option<Timestamp>,
    pub(crate) stated: Stated,
}

/// Instants of the event that attributes fall back to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// `created` of everything in the event: its date.
    pub(crate) created: Timestamp,
    /// The import's now: nothing later is believed.
    pub(crate) now: Timestamp,
}

/// Clocks differ; a day ahead is still believed.
const TOLERANCE: i64 = 86_400_000_000;

impl Times {
    /// The `timestamp` member; the event's date where it is absent, before the date, or in the future.
    ///
    /// A false far-future version would outrank every later correction.
    pub(crate) fn changed(self, value: Value<'_>, pointer: &str, findings: &mut Vec<Finding>) -> Timestamp {
        let Some(written) = text(value, "timestamp") else { return self.created };
        match when::from_epoch(&written) {
            Some(instant) if instant <= self.now.plus_micros(TOLERANCE) => instant.max(self.created),
            None if written == "0" => self.created,
            _ => {
                findings.push(Finding::new(
                    Severity::Warning,
                    "misp/timestamp",
                    format!("{pointer}/timestamp"),
                    format!("`{written}` is no believable time of change; the event's date is used"),
                ));
                self.created
            }
        }
    }

    /// `first_seen` or `last_seen`.
    fn seen(
        self,
        value: Value<'_>,
        member: &str,
        pointer: &str,
        findings: &mut Vec<Finding>,
    ) -> Option<Timestamp> {
        let written = text(value, member)?;
        let instant = when::from_rfc3339(&written)
            .or_else(|| when::from_date(&written))
            .or_else(|| when::from_epoch(&written));
        let believed = instant.filter(|instant| *instant <= self.now.plus_micros(TOLERANCE));
        if believed.is_none() {
            findings.push(Finding::new(
                Severity::Warning,
                "misp/seen",
                format!("{pointer}/{member}"),
                format!("`{written}` is no believable instant and is left out"),
            ));
        }
        believed
    }

    /// Both, in order.
    pub(crate) fn seen_between(
        self,
        value: Value<'_>,
        pointer: &str,
        findings: &mut Vec<Finding>,
    ) -> (Option<Timestamp>, Option<Timestamp>) {
        let first = self.seen(value, "first_seen", pointer, findings);
        let last = self.seen(value, "last_seen", pointer, findings);
        match (first, last) {
            (Some(first), Some(last)) if last < first => (Some(last), Some(first)),
            both => both,
        }
    }
}

impl<'a> Attribute<'a> {
    /// Reads an attribute; `None` with a finding where type or value is missing.
    pub(crate) fn read(
        json: Value<'a>,
        pointer: String,
        times: Times,
        inherited: Stated,
        findings: &mut Vec<Finding>,
    ) -> Option<Self> {
        let (Some(type_name), Some(value)) = (text(json, "type"), text(json, "value")) else {
            findings.push(Finding::new(
                Severity::Error,
                "misp/attribute-incomplete",
                pointer,
                "an attribute needs `type` and `value`; this one is left out",
            ));
            return None;
        };
        let stated = inherited.meet(Stated::read(json, &pointer, findings));
        let at = times.changed(json, &pointer, findings);
        let (first_seen, last_seen) = times.seen_between(json, &pointer, findings);
        // Without a UUID its place in the event is the only identity it has.
        let uuid = text(json, "uuid").unwrap_or_else(|| format!("at {pointer}"));
        Some(Self {
            json,
            uuid: uuid.to_ascii_lowercase(),
            category: text(json, "category"),
            relation: text(json, "object_relation"),
            comment: text(json, "comment"),
            to_ids: flag(json, "to_ids"),
            deleted: flag(json, "deleted"),
            pointer,
            type_name,
            value,
            at,
            first_seen,
            last_seen,
            stated,
        })
    }
}
