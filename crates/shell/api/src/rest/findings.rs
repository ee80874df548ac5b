//! Findings, as kept.

use axum::Json;
use axum::extract::State;
use model::Severity;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::page_size;
use super::wire::{FindingBody, SourceNames};
use crate::app::Shared;
use crate::extract::Query;
use crate::problem::Problem;

/// A place in a numbered list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AfterQuery {
    /// Continue after this number.
    pub(super) after: Option<u64>,
    /// Items at most.
    pub(super) limit: Option<usize>,
}

/// Which findings.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct FindingQuery {
    /// Oldest first, after this number.
    after: Option<u64>,
    /// Newest first; with `before`, those before that number.
    newest: Option<bool>,
    /// Newest first, before this number: the last one of the page before.
    before: Option<u64>,
    /// Newest first, and only those that are at least so grave: `note`, `warning` or `error`.
    severity: Option<String>,
    /// Items at most.
    limit: Option<usize>,
}

/// Findings, oldest first unless the newest were asked for.
#[derive(Serialize, ToSchema)]
pub(crate) struct FindingList {
    findings: Vec<KeptFinding>,
}

/// A finding with what it is about.
#[derive(Serialize, ToSchema)]
struct KeptFinding {
    /// Its place in the list; give the last one back as `after`.
    number: u64,
    at: String,
    /// Name of the source concerned.
    source: String,
    /// STIX id of the object, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(flatten)]
    finding: FindingBody,
}

/// List findings
///
/// What was noticed about objects, and what people here should know of: overdue erasures, keys that end, peers that
/// contradict themselves. Those are of no object, and their rules begin with `shieldwall/`.
#[utoipa::path(get, path = "/findings", tag = "objects", params(FindingQuery), responses((status = 200, body = FindingList)))]
pub(crate) async fn list(
    State(app): State<Shared>,
    Query(query): Query<FindingQuery>,
) -> Result<Json<FindingList>, Problem> {
    let limit = page_size(&app, query.limit)?;
    let least = match query.severity.as_deref() {
        None => None,
        Some("note") => Some(Severity::Note),
        Some("warning") => Some(Severity::Warning),
        Some("error") => Some(Severity::Error),
        Some(_) => return Err(Problem::bad("`severity` is `note`, `warning` or `error`")),
    };
    let newest = query.newest.unwrap_or(least.is_some() || query.before.is_some());
    if newest && query.after.is_some() {
        return Err(Problem::bad("`after` goes from the oldest on; the newest are continued with `before`"));
    }
    app.read(move |app, read| {
        let names = SourceNames::load(app, read)?;
        let scope = app.core().scope;
        let rows = match newest {
            true => read.newest_findings(scope, least.unwrap_or(Severity::Note), query.before, limit)?,
            false => read.findings(scope, query.after.unwrap_or_default(), limit)?,
        };
        let findings = rows.iter().map(|row| KeptFinding {
            number: row.number,
            at: row.at.to_string(),
            source: names.of(row.source),
            id: row.object.as_ref().map(ToString::to_string),
            finding: (&row.finding).into(),
        });
        Ok(Json(FindingList { findings: findings.collect() }))
    })
    .await
}
