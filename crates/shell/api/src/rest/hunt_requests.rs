//! Hunts that parties ask each other for.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use model::Digest;
use runtime::detection::{NewRequest, RequestView};
use runtime::trust::Registry;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::agreements::{agreement_named, one_of};
use super::hunts::{in_a_line, sought, text};
use super::page_size;
use super::parties::party_named;
use super::sharing::name_of;
use super::wire::Reason;
use crate::app::{App, Shared};
use crate::auth::By;
use crate::extract::{JsonBody, Path, Query};
use crate::problem::Problem;

/// Questions among which one is found by the beginning of its number.
const LOOKED: usize = 1_000;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct HuntRequestQuery {
    /// `asked` for what others ask of us, which is the default, or `asking` for what we ask of others.
    direction: Option<String>,
    /// Questions at most.
    limit: Option<usize>,
}

/// Questions: those that are not over first, then the newest.
#[derive(Serialize, ToSchema)]
pub(crate) struct HuntRequestList {
    requests: Vec<HuntRequestBody>,
}

/// A question to hunt, and what became of it.
#[derive(Serialize, ToSchema)]
#[schema(as = HuntRequest)]
pub(crate) struct HuntRequestBody {
    id: String,
    /// `asked` of us, or we are `asking`.
    direction: &'static str,
    /// What the other party is called here.
    #[serde(skip_serializing_if = "Option::is_none")]
    party: Option<String>,
    /// `sent`, `waiting` for a person, `approved`, `answered`, `refused`, `expired` or `failed`.
    state: &'static str,
    begun: String,
    changed: String,
    agreement: String,
    purpose: String,
    /// Whether only the noise is asked about: how much it would match.
    impact: bool,
    /// What is looked for, in a line.
    what: String,
    /// What was asked.
    #[schema(value_type = Object)]
    question: Value,
    /// Who decided on it here, when and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    decided_by: Option<Value>,
    /// Why it was not answered.
    #[serde(skip_serializing_if = "String::is_empty")]
    reason: String,
    /// The answer: sums, and what was looked at, in whole days and orders of magnitude. Of a question about noise that is a
    /// Sigma rule, `levels` counts by the level of the rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    result: Option<Value>,
    /// When it is over without an answer.
    #[serde(skip_serializing_if = "String::is_empty")]
    expires: String,
}

impl HuntRequestBody {
    fn new(registry: &Registry, view: RequestView) -> Self {
        let part = |name: &str| view.body.get(name).filter(|part| !part.is_null()).cloned();
        let question = part("request").unwrap_or_default();
        Self {
            id: view.id.to_string(),
            direction: direction(view.asking),
            party: view.party.map(|party| name_of(registry, party)),
            begun: view.begun.to_string(),
            changed: view.changed.to_string(),
            agreement: text(&view.body, "/agreement"),
            purpose: text(&question, "/purpose"),
            impact: question.get("impact").and_then(Value::as_bool).unwrap_or_default(),
            what: in_a_line(&question),
            question,
            decided_by: part("decided_by"),
            reason: text(&view.body, "/reason"),
            result: part("result"),
            expires: text(&view.body, "/expires"),
            state: view.state.as_str(),
        }
    }
}

const fn direction(asking: bool) -> &'static str {
    if asking { "asking" } else { "asked" }
}

/// List questions to hunt
#[utoipa::path(
    get, path = "/hunt-requests", tag = "detection", params(HuntRequestQuery),
    responses((status = 200, body = HuntRequestList), (status = 400, response = super::ProblemBody))
)]
pub(crate) async fn list(
    State(app): State<Shared>,
    Query(query): Query<HuntRequestQuery>,
) -> Result<Json<HuntRequestList>, Problem> {
    let limit = page_size(&app, query.limit)?;
    let asking = match query.direction.as_deref() {
        None | Some("asked") => false,
        Some("asking") => true,
        Some(_) => return Err(Problem::bad("`direction` is `asked` or `asking`")),
    };
    app.blocking(move |app| {
        let registry = app.core().registry()?;
        let views = app.core().hunt_requests(asking, limit)?.into_iter();
        let requests = views.map(|view| HuntRequestBody::new(&registry, view)).collect();
        Ok(Json(HuntRequestList { requests }))
    })
    .await
}

/// A question to other parties: exactly one of `values`, `sigma` and `pattern`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewHuntRequest {
    /// Under which agreement: its id, or the beginning of it.
    agreement: String,
    /// Whom: what they are called here, or ids of parties; everybody under the agreement where it is empty.
    #[serde(default)]
    to: Vec<String>,
    /// What for: one of the agreement's purposes.
    purpose: String,
    /// Addresses, networks, names, hashes and URLs, defanged or not.
    #[serde(default)]
    values: Option<Vec<String>>,
    /// A text with Sigma rules.
    #[serde(default)]
    sigma: Option<String>,
    /// A STIX pattern.
    #[serde(default)]
    pattern: Option<String>,
    /// Whether only the noise is asked about: how much it would match there, before anybody blocks or alerts on it.
    #[serde(default)]
    impact: bool,
    /// Only events from this instant on; there it is begun with the day.
    #[serde(default)]
    from: Option<String>,
    /// Only events before this instant; there it is ended with the day.
    #[serde(default)]
    until: Option<String>,
    /// How long it may take there, in seconds, at least 1. Each party has a bound of its own, and the smaller one counts.
    #[serde(default)]
    max_seconds: Option<u64>,
    /// How much it may read there, in bytes, at least 1, in the same way.
    #[serde(default)]
    max_bytes: Option<u64>,
}

/// Whom a question went to.
#[derive(Serialize, ToSchema)]
struct AskedToHunt {
    /// What the party is called here.
    party: String,
    /// The question's number.
    id: String,
}

/// Questions that went out.
#[derive(Serialize, ToSchema)]
pub(crate) struct HuntAsked {
    asked: Vec<AskedToHunt>,
}

/// Ask other parties to hunt
///
/// The question travels, the events do not: each party runs it under its own policy, once a person or a standing approval
/// there says so, and answers with sums. A query right of the agreement has to name it: `hunt-values`, `hunt-sigma`,
/// `hunt-pattern` or `impact`.
#[utoipa::path(
    post, path = "/hunt-requests", tag = "detection", request_body = NewHuntRequest,
    responses((status = 202, body = HuntAsked), (status = 404, response = super::ProblemBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn ask(
    State(app): State<Shared>,
    By(caller): By,
    JsonBody(body): JsonBody<NewHuntRequest>,
) -> Result<(StatusCode, Json<HuntAsked>), Problem> {
    let request = NewRequest {
        sought: sought(body.values, body.sigma, body.pattern)?,
        impact: body.impact,
        purpose: body.purpose,
        from: body.from,
        until: body.until,
        max_seconds: body.max_seconds,
        max_bytes: body.max_bytes,
    };
    request.check().map_err(|problem| Problem::bad(problem.to_string()))?;
    app.blocking(move |app| {
        let registry = app.core().registry()?;
        let agreement = agreement_named(&registry, &body.agreement)?;
        let to = body.to.iter().map(|name| party_named(app, name)).collect::<Result<Vec<_>, _>>()?;
        let asked = app.core().ask_to_hunt(agreement, &to, &request, caller.name())?.into_iter();
        let asked = asked
            .map(|(party, id)| AskedToHunt { party: name_of(&registry, party), id: id.to_string() })
            .collect();
        Ok((StatusCode::ACCEPTED, Json(HuntAsked { asked })))
    })
    .await
}

/// Approve a question
///
/// It is run here, and its sums are answered; the author and the reason are kept.
#[utoipa::path(
    post, path = "/hunt-requests/{id}/approve", tag = "detection",
    params(("id" = String, Path, description = "its number, or the beginning of it")), request_body = Reason,
    responses((status = 200, body = HuntRequestBody), (status = 404, response = super::ProblemBody))
)]
pub(crate) async fn approve(
    State(app): State<Shared>,
    By(caller): By,
    Path(id): Path<String>,
    JsonBody(reason): JsonBody<Reason>,
) -> Result<Json<HuntRequestBody>, Problem> {
    let reason = reason.given()?;
    app.blocking(move |app| decide(app, &id, true, &reason, caller.name())).await
}

/// Refuse a question
///
/// The other side is told the reason.
#[utoipa::path(
    post, path = "/hunt-requests/{id}/refuse", tag = "detection",
    params(("id" = String, Path, description = "its number, or the beginning of it")), request_body = Reason,
    responses((status = 200, body = HuntRequestBody), (status = 404, response = super::ProblemBody))
)]
pub(crate) async fn refuse(
    State(app): State<Shared>,
    By(caller): By,
    Path(id): Path<String>,
    JsonBody(reason): JsonBody<Reason>,
) -> Result<Json<HuntRequestBody>, Problem> {
    let reason = reason.given()?;
    app.blocking(move |app| decide(app, &id, false, &reason, caller.name())).await
}

fn decide(
    app: &App,
    id: &str,
    approve: bool,
    reason: &str,
    author: &str,
) -> Result<Json<HuntRequestBody>, Problem> {
    let core = app.core();
    let registry = core.registry()?;
    let id: Digest = match id.parse() {
        Ok(id) => id,
        Err(_) => one_of(core.hunt_requests(false, LOOKED)?.into_iter().map(|view| view.id), id)?,
    };
    core.decide_hunt_request(id, approve, reason, author)?;
    let view = core.hunt_requests(false, LOOKED)?.into_iter().find(|view| view.id == id);
    let view = view.ok_or_else(|| Problem::missing(format!("a question of number {}", id.short())))?;
    Ok(Json(HuntRequestBody::new(&registry, view)))
}
