//! Looking for something in what was kept.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use model::Digest;
use runtime::detection::{HuntView, NewHunt, Sought};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::agreements::one_of;
use super::page_size;
use crate::app::{App, Shared};
use crate::auth::By;
use crate::extract::{JsonBody, Path, Query};
use crate::problem::Problem;

/// Hunts among which one is found by the beginning of its number.
const LOOKED: usize = 1_000;
/// The longest reason of a hunt, in bytes.
const REASON: usize = 4_096;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct HuntQuery {
    /// Hunts at most.
    limit: Option<usize>,
}

/// Hunts: those that are not over first, then the newest.
#[derive(Serialize, ToSchema)]
pub(crate) struct HuntList {
    hunts: Vec<HuntLine>,
}

/// A hunt in a line.
#[derive(Serialize, ToSchema)]
struct HuntLine {
    id: String,
    /// `waiting`, `running`, `done`, `partial` if its time or bytes were used up first, `cancelled` or `failed`.
    state: &'static str,
    begun: String,
    changed: String,
    /// Who asked for it.
    by: String,
    /// What it is for.
    reason: String,
    /// What is looked for, in a line.
    what: String,
    /// How much was found, once it is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    hits: Option<u64>,
}

/// A hunt.
#[derive(Serialize, ToSchema)]
#[schema(as = Hunt)]
pub(crate) struct HuntBody {
    id: String,
    /// `waiting`, `running`, `done`, `partial` if its time or bytes were used up first, `cancelled` or `failed`.
    state: &'static str,
    begun: String,
    changed: String,
    /// Who asked for it.
    by: String,
    /// What is looked for, in a line.
    what: String,
    /// What was asked.
    #[schema(value_type = Object)]
    question: Value,
    /// How far it has come: steps and events.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    progress: Option<Value>,
    /// What was found, with samples, and what was looked at. Of a hunt that is `partial`, `ended_by` is `seconds` or `bytes`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    result: Option<Value>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl From<HuntView> for HuntBody {
    fn from(view: HuntView) -> Self {
        let part = |name: &str| view.body.get(name).filter(|part| !part.is_null()).cloned();
        let question = part("hunt").unwrap_or_default();
        Self {
            id: view.id.to_string(),
            begun: view.begun.to_string(),
            changed: view.changed.to_string(),
            by: text(&view.body, "/by"),
            what: in_a_line(&question),
            question,
            progress: part("progress"),
            result: part("result"),
            error: view.body.get("error").and_then(Value::as_str).map(str::to_owned),
            state: view.state.as_str(),
        }
    }
}

impl From<HuntView> for HuntLine {
    fn from(view: HuntView) -> Self {
        Self {
            id: view.id.to_string(),
            begun: view.begun.to_string(),
            changed: view.changed.to_string(),
            by: text(&view.body, "/by"),
            reason: text(&view.body, "/hunt/reason"),
            what: in_a_line(view.body.get("hunt").unwrap_or(&Value::Null)),
            hits: view.body.pointer("/result/hits").and_then(Value::as_u64),
            state: view.state.as_str(),
        }
    }
}

pub(super) fn text(body: &Value, pointer: &str) -> String {
    body.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// What a question looks for, for a listing.
pub(super) fn in_a_line(question: &Value) -> String {
    let part = |name: &str| question.pointer(&format!("/sought/{name}"));
    if let Some(values) = part("values").and_then(Value::as_array) {
        let first: Vec<&str> = values.iter().filter_map(Value::as_str).take(3).collect();
        let more = values.len() - first.len();
        let rest = if more == 0 { String::new() } else { format!(" and {more} more") };
        return format!("{}{rest}", first.join(", "));
    }
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some(rule) = part("sigma").and_then(Value::as_str) {
        let title = rule.lines().find_map(|line| line.strip_prefix("title:"));
        return format!("Sigma: {}", one_line(title.unwrap_or("a rule without a title")));
    }
    let pattern = part("pattern").and_then(Value::as_str).unwrap_or_default();
    one_line(pattern).chars().take(120).collect()
}

/// What is looked for: exactly one of these.
pub(super) fn sought(
    values: Option<Vec<String>>,
    sigma: Option<String>,
    pattern: Option<String>,
) -> Result<Sought, Problem> {
    match (values, sigma, pattern) {
        (Some(values), None, None) => Ok(Sought::Values(values)),
        (None, Some(text), None) => Ok(Sought::Sigma(text)),
        (None, None, Some(text)) => Ok(Sought::Pattern(text)),
        _ => Err(Problem::bad("give exactly one of `values`, `sigma` and `pattern`")),
    }
}

/// List hunts
#[utoipa::path(get, path = "/hunts", tag = "detection", params(HuntQuery), responses((status = 200, body = HuntList)))]
pub(crate) async fn list(
    State(app): State<Shared>,
    Query(query): Query<HuntQuery>,
) -> Result<Json<HuntList>, Problem> {
    let limit = page_size(&app, query.limit)?;
    app.blocking(move |app| {
        let hunts = app.core().hunts(limit)?;
        Ok(Json(HuntList { hunts: hunts.into_iter().map(HuntLine::from).collect() }))
    })
    .await
}

/// A new hunt: exactly one of `values`, `sigma` and `pattern`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewHuntBody {
    /// Addresses, networks, names, hashes and URLs, defanged or not; at most 10,000.
    #[serde(default)]
    values: Option<Vec<String>>,
    /// A text with Sigma rules.
    #[serde(default)]
    sigma: Option<String>,
    /// A STIX pattern.
    #[serde(default)]
    pattern: Option<String>,
    /// Only events from this instant on.
    #[serde(default)]
    from: Option<String>,
    /// Only events before this instant.
    #[serde(default)]
    until: Option<String>,
    /// Only events of these log sources, each of which has to be there, or to have left events behind.
    #[serde(default)]
    sources: Option<BTreeSet<String>>,
    /// How long it may take, in seconds, at least 1; ten minutes unless given.
    #[serde(default)]
    max_seconds: Option<u64>,
    /// How much it may read, in bytes, at least 1.
    #[serde(default)]
    max_bytes: Option<u64>,
    /// What it is for; kept with it.
    #[serde(default)]
    reason: String,
}

/// Hunt
///
/// Through what was kept, with the same matcher that watches what comes in. The answer does not wait for it: ask for the
/// hunt until it is over. Hunts run one after the other.
#[utoipa::path(
    post, path = "/hunts", tag = "detection", request_body = NewHuntBody,
    responses((status = 202, body = HuntBody), (status = 400, response = super::ProblemBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn run(
    State(app): State<Shared>,
    By(caller): By,
    JsonBody(body): JsonBody<NewHuntBody>,
) -> Result<(StatusCode, Json<HuntBody>), Problem> {
    if body.reason.len() > REASON {
        return Err(Problem::bad(format!("`reason` is longer than {REASON} bytes")));
    }
    let hunt = NewHunt {
        sought: sought(body.values, body.sigma, body.pattern)?,
        from: body.from,
        until: body.until,
        sources: body.sources,
        max_seconds: body.max_seconds,
        max_bytes: body.max_bytes,
        reason: body.reason,
    };
    hunt.check().map_err(|problem| Problem::bad(problem.to_string()))?;
    app.blocking(move |app| {
        let id = app.core().new_hunt(&hunt, caller.name())?;
        Ok((StatusCode::ACCEPTED, Json(app.core().hunt(id)?.into())))
    })
    .await
}

/// A hunt by its number, or by as much of its beginning as tells it apart.
fn named(app: &App, text: &str) -> Result<Digest, Problem> {
    match text.parse() {
        Ok(id) => Ok(id),
        Err(_) => one_of(app.core().hunts(LOOKED)?.into_iter().map(|hunt| hunt.id), text),
    }
}

/// A hunt
#[utoipa::path(
    get, path = "/hunts/{id}", tag = "detection",
    params(("id" = String, Path, description = "its number, or the beginning of it")),
    responses((status = 200, body = HuntBody), (status = 404, response = super::ProblemBody))
)]
pub(crate) async fn get(
    State(app): State<Shared>,
    Path(id): Path<String>,
) -> Result<Json<HuntBody>, Problem> {
    app.blocking(move |app| Ok(Json(app.core().hunt(named(app, &id)?)?.into()))).await
}

/// Call a hunt off
///
/// What it has found by then stays. One that is over stays as it is.
#[utoipa::path(
    post, path = "/hunts/{id}/cancel", tag = "detection",
    params(("id" = String, Path, description = "its number, or the beginning of it")),
    responses((status = 200, body = HuntBody), (status = 404, response = super::ProblemBody))
)]
pub(crate) async fn cancel(
    State(app): State<Shared>,
    By(caller): By,
    Path(id): Path<String>,
) -> Result<Json<HuntBody>, Problem> {
    app.blocking(move |app| {
        // Looked for first: nothing is written down about what is not there.
        let hunt = app.core().hunt(named(app, &id)?)?;
        app.core().cancel_hunt(hunt.id, caller.name())?;
        Ok(Json(app.core().hunt(hunt.id)?.into()))
    })
    .await
}
