//! What people and programs did.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::findings::AfterQuery;
use super::page_size;
use crate::app::Shared;
use crate::extract::Query;
use crate::problem::Problem;

/// Acts, oldest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct AuditList {
    acts: Vec<Act>,
}

/// One act.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditEntry)]
struct Act {
    /// Its place in the list; give the last one back as `after`.
    number: u64,
    at: String,
    /// Account name, or `local operator`.
    actor: String,
    /// Dotted verb, such as `held.release`.
    action: String,
    /// What it was done to.
    target: String,
    /// Why, where a reason is asked for.
    #[serde(skip_serializing_if = "String::is_empty")]
    reason: String,
}

/// The audit log
#[utoipa::path(get, path = "/audit", tag = "administration", params(AfterQuery), responses((status = 200, body = AuditList)))]
pub(crate) async fn list(
    State(app): State<Shared>,
    Query(query): Query<AfterQuery>,
) -> Result<Json<AuditList>, Problem> {
    let limit = page_size(&app, query.limit)?;
    app.read(move |app, read| {
        let rows = read.audits(app.core().scope.tenant, query.after.unwrap_or_default(), limit)?;
        let acts = rows.into_iter().map(|row| Act {
            number: row.number,
            at: row.at.to_string(),
            actor: row.actor,
            action: row.action,
            target: row.target,
            reason: row.reason,
        });
        Ok(Json(AuditList { acts: acts.collect() }))
    })
    .await
}
