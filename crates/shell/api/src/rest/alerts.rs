//! What matched.

use axum::Json;
use axum::extract::State;
use ports::detection::{AlertFilter, AlertRow};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use super::page_size;
use super::wire::{Reason, instant, stix_id};
use crate::app::Shared;
use crate::auth::By;
use crate::extract::{JsonBody, Path, Query};
use crate::problem::Problem;

/// Levels in words, by their number.
const LEVELS: [&str; 5] = ["informational", "low", "medium", "high", "critical"];

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AlertQuery {
    /// Also those that were closed.
    closed: Option<bool>,
    /// Only of this level or above: `informational`, `low`, `medium`, `high` or `critical`.
    level: Option<String>,
    /// Only of this rule, by the id that alerts show.
    rule: Option<String>,
    /// Only by this object.
    object: Option<String>,
    /// Only those raised last at or after this instant.
    since: Option<String>,
    /// Only those with a number below this one: the last one of the page before.
    before: Option<u64>,
    /// Alerts at most.
    limit: Option<usize>,
}

/// Alerts, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct AlertList {
    alerts: Vec<AlertBody>,
}

/// Everything alike that matched, as one row.
#[derive(Serialize, ToSchema)]
#[schema(as = Alert)]
pub(crate) struct AlertBody {
    /// Its number, in order of first raising.
    number: u64,
    title: String,
    /// `informational`, `low`, `medium`, `high` or `critical`.
    level: &'static str,
    /// The rule's id; of an indicator, the object's.
    rule: String,
    /// The object that it came by.
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<String>,
    /// The log source.
    source: String,
    /// Whether it was found only in what had been kept before it was looked for.
    past: bool,
    /// How many events.
    count: u64,
    /// The earliest event.
    first: String,
    /// The latest event.
    last: String,
    /// When it was raised first.
    raised: String,
    /// When it was raised last.
    touched: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    closed: Option<ClosedBody>,
    /// Evidence of the newest: where the record stands, what was compared, the beginning of the record.
    #[schema(value_type = Object)]
    detail: Box<RawValue>,
    /// Why it may be looked for here: it is our own, a source gave it, or a clause of an agreement permits it.
    #[schema(value_type = Object)]
    allowed: Box<RawValue>,
}

/// Who closed an alert.
#[derive(Serialize, ToSchema)]
#[schema(as = AlertClosed)]
struct ClosedBody {
    at: String,
    by: String,
    reason: String,
}

impl AlertBody {
    fn new(row: AlertRow) -> Result<Self, Problem> {
        let raw = |text: String| {
            let text = if text.is_empty() { "{}".to_owned() } else { text };
            RawValue::from_string(text).map_err(|error| Problem::internal(&error))
        };
        let alert = row.alert;
        Ok(Self {
            number: row.number,
            title: alert.title,
            level: word(alert.level),
            rule: alert.rule,
            object: alert.object.map(|id| id.to_string()),
            source: alert.source,
            past: alert.past,
            count: alert.count,
            first: alert.first.to_string(),
            last: alert.last.to_string(),
            raised: row.raised.to_string(),
            touched: row.touched.to_string(),
            closed: row.closed.map(|(at, by, reason)| ClosedBody { at: at.to_string(), by, reason }),
            detail: raw(alert.detail)?,
            allowed: raw(alert.allowed)?,
        })
    }
}

/// A level in words.
fn word(level: u8) -> &'static str {
    LEVELS.get(usize::from(level)).copied().unwrap_or("critical")
}

/// A level's number.
fn number(word: &str) -> Result<u8, Problem> {
    (0..).zip(LEVELS).find(|(_, known)| *known == word).map(|(number, _)| number).ok_or_else(|| {
        Problem::bad(format!("`{word}` is no level")).hint(format!("use one of {}", LEVELS.join(", ")))
    })
}

/// List alerts
#[utoipa::path(
    get, path = "/alerts", tag = "detection", params(AlertQuery),
    responses((status = 200, body = AlertList), (status = 400, response = super::ProblemBody))
)]
pub(crate) async fn list(
    State(app): State<Shared>,
    Query(query): Query<AlertQuery>,
) -> Result<Json<AlertList>, Problem> {
    let limit = page_size(&app, query.limit)?;
    let filter = AlertFilter {
        closed: query.closed.unwrap_or_default(),
        level: query.level.as_deref().map(number).transpose()?.unwrap_or_default(),
        rule: query.rule,
        object: query.object.as_deref().map(stix_id).transpose()?,
        since: query.since.as_deref().map(instant).transpose()?,
        before: query.before,
    };
    app.read(move |app, read| {
        let rows = read.alerts(app.core().scope, &filter, limit)?;
        let alerts = rows.into_iter().map(AlertBody::new).collect::<Result<_, _>>()?;
        Ok(Json(AlertList { alerts }))
    })
    .await
}

/// An alert
#[utoipa::path(
    get, path = "/alerts/{number}", tag = "detection", params(("number" = u64, Path)),
    responses((status = 200, body = AlertBody), (status = 404, response = super::ProblemBody))
)]
pub(crate) async fn get(
    State(app): State<Shared>,
    Path(number): Path<u64>,
) -> Result<Json<AlertBody>, Problem> {
    Ok(Json(body(&app, number).await?))
}

async fn body(app: &Shared, number: u64) -> Result<AlertBody, Problem> {
    app.read(move |app, read| {
        let row = read.alert(app.core().scope, number)?;
        AlertBody::new(row.ok_or_else(|| Problem::missing(format!("alert {number}")))?)
    })
    .await
}

/// Close an alert
///
/// The author and the reason are kept. When the same matches again, it is open again.
#[utoipa::path(
    post, path = "/alerts/{number}/close", tag = "detection", params(("number" = u64, Path)), request_body = Reason,
    responses((status = 200, body = AlertBody), (status = 404, response = super::ProblemBody))
)]
pub(crate) async fn close(
    State(app): State<Shared>,
    By(caller): By,
    Path(number): Path<u64>,
    JsonBody(reason): JsonBody<Reason>,
) -> Result<Json<AlertBody>, Problem> {
    let reason = reason.given()?;
    // Looked for before anything is written, so that the answer names it as it was asked for.
    body(&app, number).await?;
    app.write(move |app, tx| {
        let core = app.core();
        let (scope, now) = (core.scope, app.now());
        tx.close_alert(scope, now, number, caller.name(), &reason)?;
        Ok(tx.audit(scope.tenant, now, caller.name(), "alert.close", &number.to_string(), &reason)?)
    })
    .await?;
    Ok(Json(body(&app, number).await?))
}
