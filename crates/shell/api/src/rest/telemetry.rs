//! Events that are kept for hunts.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use ports::telemetry::{Hold, Stats};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::wire::instant;
use crate::app::Shared;
use crate::auth::By;
use crate::extract::{JsonBody, Path};
use crate::problem::Problem;

/// The longest name of a hold, in bytes.
const NAME: usize = 100;

/// What is kept.
#[derive(Serialize, ToSchema)]
#[schema(as = Telemetry)]
pub(crate) struct StatsBody {
    /// Events in files.
    events: u64,
    /// Bytes of files.
    bytes: u64,
    files: u64,
    /// The earliest event in files.
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest: Option<String>,
    /// The latest event in files.
    #[serde(skip_serializing_if = "Option::is_none")]
    newest: Option<String>,
    /// Events that are safe and not in files yet; hunts look through them too.
    waiting: u64,
    waiting_bytes: u64,
    /// What is kept of each log source in files.
    sources: Vec<KeptBody>,
    /// What cannot be read any more, with the reason.
    blind: Vec<String>,
}

/// What is kept of a log source.
#[derive(Serialize, ToSchema)]
#[schema(as = TelemetrySource)]
struct KeptBody {
    name: String,
    events: u64,
    bytes: u64,
    files: u64,
    oldest: String,
    newest: String,
}

impl From<Stats> for StatsBody {
    fn from(stats: Stats) -> Self {
        let kept = stats.sources.into_iter().map(|source| KeptBody {
            name: source.name,
            events: source.events,
            bytes: source.bytes,
            files: source.files,
            oldest: source.oldest.to_string(),
            newest: source.newest.to_string(),
        });
        Self {
            events: stats.events,
            bytes: stats.bytes,
            files: stats.files,
            oldest: stats.oldest.map(|at| at.to_string()),
            newest: stats.newest.map(|at| at.to_string()),
            waiting: stats.waiting,
            waiting_bytes: stats.waiting_bytes,
            sources: kept.collect(),
            blind: stats.blind,
        }
    }
}

/// Show what is kept for hunts
#[utoipa::path(get, path = "/telemetry", tag = "detection", responses((status = 200, body = StatsBody)))]
pub(crate) async fn stats(State(app): State<Shared>) -> Result<Json<StatsBody>, Problem> {
    app.blocking(|app| Ok(Json(app.core().detection()?.telemetry().stats().into()))).await
}

/// Legal holds on kept events.
#[derive(Serialize, ToSchema)]
pub(crate) struct TelemetryHolds {
    holds: Vec<TelemetryHold>,
}

/// A legal hold: what it covers is not removed, however old it becomes.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TelemetryHold {
    /// What it is called, such as the number of a case.
    name: String,
    /// Covers what happened from then on; from the beginning unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    /// Covers what happened before then; everything to come too unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    /// Covers these log sources alone; all of them unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sources: Option<BTreeSet<String>>,
}

impl From<Hold> for TelemetryHold {
    fn from(hold: Hold) -> Self {
        Self {
            name: hold.name,
            from: hold.from.map(|at| at.to_string()),
            until: hold.until.map(|at| at.to_string()),
            sources: hold.sources,
        }
    }
}

impl TelemetryHold {
    fn read(self) -> Result<Hold, Problem> {
        let name = self.name.trim().to_owned();
        if name.is_empty() || name.len() > NAME || name.chars().any(char::is_control) {
            return Err(Problem::bad(format!(
                "the name of a hold has 1 to {NAME} bytes, and no character that is not to be seen"
            )));
        }
        let from = self.from.as_deref().map(instant).transpose()?;
        let until = self.until.as_deref().map(instant).transpose()?;
        if from.zip(until).is_some_and(|(from, until)| from >= until) {
            return Err(Problem::bad("`from` is not before `until`, so the hold would cover nothing"));
        }
        if self.sources.as_ref().is_some_and(BTreeSet::is_empty) {
            return Err(Problem::bad("`sources` is empty, so the hold would cover nothing")
                .hint("leave it out for all log sources"));
        }
        Ok(Hold { name, from, until, sources: self.sources })
    }
}

/// List legal holds on kept events
#[utoipa::path(get, path = "/telemetry/holds", tag = "detection", responses((status = 200, body = TelemetryHolds)))]
pub(crate) async fn holds(State(app): State<Shared>) -> Result<Json<TelemetryHolds>, Problem> {
    app.blocking(|app| {
        let holds = app.core().detection()?.telemetry().holds();
        Ok(Json(TelemetryHolds { holds: holds.into_iter().map(TelemetryHold::from).collect() }))
    })
    .await
}

/// Put kept events under a legal hold
#[utoipa::path(
    post, path = "/telemetry/holds", tag = "detection", request_body = TelemetryHold,
    responses((status = 201, body = TelemetryHold), (status = 400, response = super::ProblemBody), (status = 409, response = super::ProblemBody))
)]
pub(crate) async fn hold(
    State(app): State<Shared>,
    By(caller): By,
    JsonBody(new): JsonBody<TelemetryHold>,
) -> Result<(StatusCode, Json<TelemetryHold>), Problem> {
    let hold = new.read()?;
    app.blocking(move |app| {
        let core = app.core();
        core.detection()?.telemetry().hold(&hold)?;
        core.store.transact(|tx| {
            tx.audit(core.scope.tenant, core.clock.now(), caller.name(), "telemetry.hold", &hold.name, "")
        })?;
        Ok((StatusCode::CREATED, Json(hold.into())))
    })
    .await
}

/// Lift a legal hold on kept events
#[utoipa::path(
    delete, path = "/telemetry/holds/{name}", tag = "detection", params(("name" = String, Path)),
    responses((status = 204), (status = 404, response = super::ProblemBody))
)]
pub(crate) async fn release(
    State(app): State<Shared>,
    By(caller): By,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    app.blocking(move |app| {
        let core = app.core();
        core.detection()?.telemetry().release(&name)?;
        core.store.transact(|tx| {
            tx.audit(core.scope.tenant, core.clock.now(), caller.name(), "telemetry.release", &name, "")
        })?;
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

/// What was written into files.
#[derive(Serialize, ToSchema)]
pub(crate) struct TelemetryFlushed {
    events: u64,
    files: u64,
}

/// Write what waits into files
///
/// It happens by itself; before a copy of the folder is made it is worth asking for.
#[utoipa::path(post, path = "/telemetry/flush", tag = "detection", responses((status = 200, body = TelemetryFlushed)))]
pub(crate) async fn flush(State(app): State<Shared>) -> Result<Json<TelemetryFlushed>, Problem> {
    app.blocking(|app| {
        let flushed = app.core().detection()?.telemetry().flush()?;
        Ok(Json(TelemetryFlushed { events: flushed.records, files: flushed.files }))
    })
    .await
}
