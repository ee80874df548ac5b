//! Shapes that several resources share.

use std::collections::BTreeMap;

use model::{Finding, Label, SourceId, StixId, Timestamp};
use ports::{JournalRow, Read, SourceRecord, Stored};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::app::App;
use crate::problem::Problem;

/// One thing a check noticed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Finding)]
pub(crate) struct FindingBody {
    /// `note`, `warning` or `error`.
    severity: &'static str,
    /// Stable rule id with the section it rests on.
    rule: String,
    /// RFC 6901 pointer into the object; empty is the whole.
    pointer: String,
    /// What is the matter.
    message: String,
    /// The remedy, where there is one to name.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl From<&Finding> for FindingBody {
    fn from(finding: &Finding) -> Self {
        Self {
            severity: finding.severity.as_str(),
            rule: finding.rule.to_string(),
            pointer: finding.pointer.clone(),
            message: finding.message.clone(),
            hint: finding.hint.as_ref().map(ToString::to_string),
        }
    }
}

/// How many objects met which fate.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[schema(as = Summary)]
pub(crate) struct SummaryBody {
    /// New to this node, or a newer version of what it held.
    accepted: u64,
    /// Held already.
    unchanged: u64,
    /// Older than what is held; kept as history.
    superseded: u64,
    /// Set aside for a person.
    held: u64,
    /// Not taken.
    refused: u64,
}

impl From<runtime::Summary> for SummaryBody {
    fn from(summary: runtime::Summary) -> Self {
        let runtime::Summary { accepted, unchanged, superseded, held, refused } = summary;
        Self { accepted, unchanged, superseded, held, refused }
    }
}

/// A stored version of an object, with what this node knows about it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Object)]
pub(crate) struct ObjectBody {
    /// Its id.
    id: String,
    /// Its STIX type.
    #[serde(rename = "type")]
    type_name: String,
    /// Its version: `modified`, or what stands for it.
    version: String,
    /// 0 for the full rendition, another number for one from which properties were removed.
    rendition: u32,
    /// How widely it may be handed on: `own`, `red`, `amber+strict`, `amber`, `green` or `clear`.
    label: &'static str,
    /// The label that output adds because the object's own bytes do not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    overlay: Option<&'static str>,
    /// Name of the source it came from.
    source: String,
    /// When it was accepted.
    accepted: String,
    /// Its place in the journal.
    seq: u64,
    /// Whether this version revokes the object.
    revoked: bool,
    /// Whether it is the newest version.
    latest: bool,
    /// The object, byte-faithful.
    #[schema(value_type = Object)]
    object: Box<RawValue>,
}

impl ObjectBody {
    pub(crate) fn new(stored: Stored, sources: &SourceNames) -> Result<Self, Problem> {
        Ok(Self {
            type_name: stored.id.type_name().to_owned(),
            id: stored.id.to_string(),
            version: stored.version.to_string(),
            rendition: stored.rendition,
            label: stored.label.as_str(),
            overlay: stored.overlay.map(Label::as_str),
            source: sources.of(stored.source),
            accepted: stored.accepted.to_string(),
            seq: stored.seq.0,
            revoked: stored.revoked,
            latest: stored.latest,
            object: RawValue::from_string(stored.raw).map_err(|error| Problem::internal(&error))?,
        })
    }
}

/// One journal entry.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JournalEntry)]
pub(crate) struct JournalBody {
    /// Its place: gap-free, in commit order.
    seq: u64,
    /// When it was committed.
    at: String,
    /// `put`, `history`, `relabel`, `held`, `decided`, `removed` or `erased`.
    kind: &'static str,
    /// Name of the source concerned.
    source: String,
    /// The version concerned, while it is held.
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<JournalObjectBody>,
}

/// The version behind a journal entry.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JournalObject)]
struct JournalObjectBody {
    /// Its id.
    id: String,
    /// Its version.
    version: String,
    /// Its label now.
    label: &'static str,
}

impl JournalBody {
    pub(crate) fn new(row: &JournalRow, sources: &SourceNames) -> Self {
        Self {
            seq: row.seq.0,
            at: row.at.to_string(),
            kind: row.kind.as_str(),
            source: sources.of(row.source),
            object: row.object.as_ref().map(|object| JournalObjectBody {
                id: object.id.to_string(),
                version: object.version.to_string(),
                label: object.label.as_str(),
            }),
        }
    }
}

/// A reason in a person's own words, kept for audit.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reason {
    /// Why; must not be empty.
    reason: String,
}

impl Reason {
    /// One that came with something else.
    pub(crate) const fn of(reason: String) -> Self {
        Self { reason }
    }

    /// The reason, if it says anything.
    pub(crate) fn given(self) -> Result<String, Problem> {
        let reason = self.reason.trim();
        if reason.is_empty() || reason.len() > 4096 {
            return Err(Problem::bad("`reason` is empty, or longer than 4096 bytes"));
        }
        Ok(reason.to_owned())
    }
}

impl From<String> for Reason {
    fn from(reason: String) -> Self {
        Self { reason }
    }
}

/// Names of sources by number.
pub(crate) struct SourceNames(BTreeMap<SourceId, String>);

impl SourceNames {
    pub(crate) fn load(app: &App, read: &dyn Read) -> Result<Self, Problem> {
        let sources = read.sources(app.core().scope.tenant)?;
        Ok(Self(sources.into_iter().map(|(record, _)| (record.id, record.name)).collect()))
    }

    /// The name, also for a source that was removed since.
    pub(crate) fn of(&self, id: SourceId) -> String {
        self.0.get(&id).cloned().unwrap_or_else(|| format!("removed-{id}"))
    }
}

/// The source of this name.
pub(crate) fn source_named(app: &App, read: &dyn Read, name: &str) -> Result<SourceRecord, Problem> {
    let sources = read.sources(app.core().scope.tenant)?;
    let found = sources.into_iter().map(|(record, _)| record).find(|record| record.name == name);
    found.ok_or_else(|| Problem::missing(format!("source `{name}`")))
}

/// A STIX id out of a path or query.
pub(crate) fn stix_id(text: &str) -> Result<StixId, Problem> {
    text.parse().map_err(|_| Problem::bad(format!("`{text}` is not a STIX id in the form type--uuid")))
}

/// An instant out of a query or body.
pub(crate) fn instant(text: &str) -> Result<Timestamp, Problem> {
    text.parse().map_err(|error| Problem::bad(format!("`{text}` is {error}")))
}

/// A label out of a query or body.
pub(crate) fn label(text: &str) -> Result<Label, Problem> {
    text.parse().map_err(|error: String| Problem::bad(error))
}
