//! Looking after the store.

use std::path::PathBuf;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use model::Seq;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::Shared;
use crate::auth::By;
use crate::extract::JsonBody;
use crate::problem::Problem;

/// What a check of the whole store found.
#[derive(Serialize, ToSchema)]
pub(crate) struct Verified {
    /// Whether nothing is wrong.
    ok: bool,
    /// Versions looked at.
    versions: u64,
    /// Journal entries looked at.
    entries: u64,
    /// What is wrong, one line each.
    problems: Vec<String>,
}

/// Verify the store
///
/// Checks everything against everything. It reads the whole store and may take a while.
#[utoipa::path(post, path = "/store/verify", tag = "administration", responses((status = 200, body = Verified)))]
pub(crate) async fn verify(State(app): State<Shared>) -> Result<Json<Verified>, Problem> {
    app.blocking(|app| {
        let report = app.core().store.verify()?;
        let ok = report.problems.is_empty();
        Ok(Json(Verified {
            ok,
            versions: report.versions,
            entries: report.entries,
            problems: report.problems,
        }))
    })
    .await
}

/// Where a backup goes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BackupTarget {
    /// Absolute path of a file that does not exist yet, on the node's machine.
    #[schema(value_type = String)]
    to: PathBuf,
}

/// Back the store up
///
/// Into a new file, while everything goes on. Only for the operator of the node's machine: it writes a file there.
#[utoipa::path(
    post, path = "/store/backup", tag = "administration", request_body = BackupTarget,
    responses((status = 204), (status = 403, response = super::ProblemBody), (status = 409, response = super::ProblemBody))
)]
pub(crate) async fn backup(
    State(app): State<Shared>,
    By(caller): By,
    JsonBody(target): JsonBody<BackupTarget>,
) -> Result<StatusCode, Problem> {
    if !target.to.is_absolute() {
        return Err(Problem::bad("`to` must be an absolute path"));
    }
    app.blocking(move |app| {
        let core = app.core();
        core.store.backup(&target.to)?;
        let to = target.to.display().to_string();
        core.store.transact(|tx| {
            tx.audit(core.scope.tenant, core.clock.now(), caller.name(), "store.backup", &to, "")
        })?;
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

/// How much of the journal to forget.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Compaction {
    /// How many of the newest entries to keep.
    keep: u64,
}

/// The journal after compaction.
#[derive(Serialize, ToSchema)]
pub(crate) struct Compacted {
    /// Oldest place that can be continued from.
    horizon: u64,
}

/// Compact the journal
///
/// Forgets its oldest entries; objects stay. Cursors before the new horizon expire.
#[utoipa::path(
    post, path = "/store/compact", tag = "administration", request_body = Compaction,
    responses((status = 200, body = Compacted))
)]
pub(crate) async fn compact(
    State(app): State<Shared>,
    By(caller): By,
    JsonBody(compaction): JsonBody<Compaction>,
) -> Result<Json<Compacted>, Problem> {
    app.blocking(move |app| {
        let core = app.core();
        let tenant = core.scope.tenant;
        let counts = core.store.read()?.counts(tenant)?;
        // Search must not lose its own place.
        let up_to = counts.head.saturating_sub(compaction.keep).min(counts.search_cursor);
        core.store.transact(|tx| {
            tx.compact(tenant, Seq(up_to))?;
            tx.audit(tenant, core.clock.now(), caller.name(), "store.compact", &format!("up to {up_to}"), "")
        })?;
        Ok(Json(Compacted { horizon: core.store.read()?.counts(tenant)?.horizon }))
    })
    .await
}
