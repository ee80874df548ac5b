//! Findings, as kept.

use axum::Json;
use axum::extract::State;
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

/// Findings, oldest first.
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
#[utoipa::path(get, path = "/findings", tag = "objects", params(AfterQuery), responses((status = 200, body = FindingList)))]
pub(crate) async fn list(
    State(app): State<Shared>,
    Query(query): Query<AfterQuery>,
) -> Result<Json<FindingList>, Problem> {
    let limit = page_size(&app, query.limit)?;
    app.read(move |app, read| {
        let names = SourceNames::load(app, read)?;
        let rows = read.findings(app.core().scope, query.after.unwrap_or_default(), limit)?;
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
