//! Matches become alerts: counted with their like, so that a flood is a few rows.

use std::collections::BTreeMap;

use model::{Digest, StixId, Timestamp};
use ports::detection::NewAlert;
use serde_json::{Value, json};

use super::{digest, shortened};

/// Groups of one batch; what comes after counts for its rule alone.
const GROUPS: usize = 2_000;
/// Bytes of a record that an alert shows.
const EXCERPT: usize = 2_048;
/// Bytes of a value that an alert shows.
const VALUE: usize = 512;
/// Parts of evidence that an alert shows.
const PARTS: usize = 32;

/// Something that matched an event.
pub(crate) struct Match<'m> {
    /// The rule's id, or the object's.
    pub(crate) rule: &'m str,
    pub(crate) object: Option<&'m StixId>,
    pub(crate) title: &'m str,
    pub(crate) level: u8,
    /// Field, value, pattern, span.
    pub(crate) evidence: Vec<Evidence>,
    pub(crate) count: u64,
    pub(crate) allowed: Value,
}

/// One part of why.
pub(crate) struct Evidence {
    pub(crate) field: String,
    pub(crate) value: String,
    pub(crate) pattern: String,
    pub(crate) span: Option<std::ops::Range<usize>>,
}

/// Where the event came from.
pub(crate) struct Origin<'o> {
    pub(crate) source: &'o str,
    pub(crate) part: &'o str,
    pub(crate) offset: u64,
    pub(crate) class: &'o str,
    pub(crate) device: Option<&'o str>,
    pub(crate) time: Timestamp,
    pub(crate) raw: &'o [u8],
    pub(crate) past: bool,
}

/// Alerts of one batch.
#[derive(Default)]
pub(crate) struct Sink {
    groups: BTreeMap<Digest, NewAlert>,
}

impl Sink {
    /// Counts a match.
    pub(crate) fn add(&mut self, found: &Match<'_>, origin: &Origin<'_>) {
        let value = found.evidence.first().map_or("", |one| one.value.as_str());
        let device = origin.device.unwrap_or_default();
        let object = found.object.map_or("", StixId::as_str);
        let own = [found.rule, object, origin.source, device, value].map(str::as_bytes);
        let mut group = digest(&own);
        if self.groups.len() >= GROUPS && !self.groups.contains_key(&group) {
            group =
                digest(&[found.rule.as_bytes(), object.as_bytes(), origin.source.as_bytes(), b"and others"]);
        }
        if let Some(known) = self.groups.get_mut(&group) {
            known.first = known.first.min(origin.time);
            known.last = known.last.max(origin.time);
            known.count = known.count.saturating_add(found.count);
            return;
        }
        let evidence = found.evidence.iter().take(PARTS).map(|one| {
            json!({
                "field": one.field,
                "value": shortened(&one.value, VALUE),
                "pattern": shortened(&one.pattern, VALUE),
                "span": one.span.as_ref().map(|span| [span.start, span.end]),
            })
        });
        let detail = json!({
            "part": origin.part,
            "offset": origin.offset,
            "class": origin.class,
            "device": origin.device,
            "time": origin.time.to_string(),
            "evidence": evidence.collect::<Vec<_>>(),
            "record": shortened(&String::from_utf8_lossy(origin.raw), EXCERPT),
        });
        self.groups.insert(
            group,
            NewAlert {
                group,
                rule: found.rule.to_owned(),
                object: found.object.cloned(),
                title: shortened(found.title, VALUE).to_owned(),
                level: found.level,
                source: origin.source.to_owned(),
                past: origin.past,
                first: origin.time,
                last: origin.time,
                count: found.count,
                detail: detail.to_string(),
                allowed: found.allowed.to_string(),
            },
        );
    }

    /// What is to be raised.
    pub(crate) fn take(&mut self) -> Vec<NewAlert> {
        std::mem::take(&mut self.groups).into_values().collect()
    }

    /// Takes in what another worker found.
    pub(crate) fn merge(&mut self, other: Self) {
        for (group, alert) in other.groups {
            match self.groups.get_mut(&group) {
                Some(known) => {
                    known.first = known.first.min(alert.first);
                    known.last = known.last.max(alert.last);
                    known.count = known.count.saturating_add(alert.count);
                }
                None => {
                    self.groups.insert(group, alert);
                }
            }
        }
    }
}
