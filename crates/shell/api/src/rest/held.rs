//! Values set aside for a person.

use axum::Json;
use axum::extract::State;
use model::HeldId;
use ports::Held;
use runtime::Fate;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use super::page_size;
use super::wire::{FindingBody, Reason, SourceNames};
use crate::app::Shared;
use crate::auth::By;
use crate::extract::{JsonBody, Path, Query};
use crate::problem::Problem;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct HeldQuery {
    /// Also those that were decided.
    all: Option<bool>,
    /// Values at most.
    limit: Option<usize>,
}

/// Held values, undecided first, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct HeldList {
    held: Vec<HeldBody>,
}

/// A held value.
#[derive(Serialize, ToSchema)]
#[schema(as = Held)]
pub(crate) struct HeldBody {
    /// Its number.
    number: i64,
    /// Since when.
    at: String,
    /// Name of the source it came from.
    source: String,
    /// STIX id of the object.
    id: String,
    /// Why it is held.
    findings: Vec<FindingBody>,
    /// The object; absent once it was dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    object: Option<Box<RawValue>>,
    /// The decision, once there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<DecisionBody>,
}

/// What a person decided.
#[derive(Serialize, ToSchema)]
#[schema(as = HeldDecision)]
struct DecisionBody {
    /// Released into the store, or dropped.
    released: bool,
    author: String,
    reason: String,
    at: String,
}

impl HeldBody {
    fn new(held: Held, names: &SourceNames) -> Result<Self, Problem> {
        let object = (!held.raw.is_empty()).then(|| RawValue::from_string(held.raw));
        Ok(Self {
            number: held.id.0,
            at: held.at.to_string(),
            source: names.of(held.source),
            id: held.object.to_string(),
            findings: held.findings.iter().map(FindingBody::from).collect(),
            object: object.transpose().map_err(|error| Problem::internal(&error))?,
            decision: held.decision.map(|decision| DecisionBody {
                released: decision.released,
                author: decision.author,
                reason: decision.reason,
                at: decision.at.to_string(),
            }),
        })
    }
}

/// List held values
#[utoipa::path(get, path = "/held", tag = "held", params(HeldQuery), responses((status = 200, body = HeldList)))]
pub(crate) async fn list(
    State(app): State<Shared>,
    Query(query): Query<HeldQuery>,
) -> Result<Json<HeldList>, Problem> {
    let limit = page_size(&app, query.limit)?;
    app.read(move |app, read| {
        let names = SourceNames::load(app, read)?;
        let held = read.held(app.core().scope, query.all.unwrap_or_default(), limit)?;
        let held = held.into_iter().map(|held| HeldBody::new(held, &names)).collect::<Result<_, _>>()?;
        Ok(Json(HeldList { held }))
    })
    .await
}

/// A held value
#[utoipa::path(
    get, path = "/held/{number}", tag = "held", params(("number" = i64, Path)),
    responses((status = 200, body = HeldBody), (status = 404, response = super::ProblemBody))
)]
pub(crate) async fn get(
    State(app): State<Shared>,
    Path(number): Path<i64>,
) -> Result<Json<HeldBody>, Problem> {
    app.blocking(move |app| {
        let core = app.core();
        let held = core.store.transact(|tx| tx.held(core.scope, HeldId(number)))?;
        let held = held.ok_or_else(|| Problem::missing(format!("held value {number}")))?;
        let read = core.store.read()?;
        Ok(Json(HeldBody::new(held, &SourceNames::load(app, &*read)?)?))
    })
    .await
}

/// What a decision led to.
#[derive(Serialize, ToSchema)]
pub(crate) struct Decided {
    /// For a release: `accepted`, `unchanged`, `superseded` or `held`; for a drop: `dropped`.
    outcome: &'static str,
}

/// Release a held value
///
/// It enters the store as if it had not been held; the author and the reason are kept.
#[utoipa::path(
    post, path = "/held/{number}/release", tag = "held", params(("number" = i64, Path)), request_body = Reason,
    responses(
        (status = 200, body = Decided), (status = 404, response = super::ProblemBody),
        (status = 409, response = super::ProblemBody), (status = 422, response = super::ProblemBody)
    )
)]
pub(crate) async fn release(
    State(app): State<Shared>,
    By(caller): By,
    Path(number): Path<i64>,
    JsonBody(reason): JsonBody<Reason>,
) -> Result<Json<Decided>, Problem> {
    let reason = reason.given()?;
    app.blocking(move |app| {
        let fate = app.core().decide_held(HeldId(number), true, caller.name(), &reason)?;
        let outcome = match fate {
            None | Some(Fate::Accepted) => "accepted",
            Some(Fate::Unchanged) => "unchanged",
            Some(Fate::Superseded) => "superseded",
            Some(Fate::Held(_)) => "held",
            Some(Fate::Refused(_)) => "refused",
        };
        Ok(Json(Decided { outcome }))
    })
    .await
}

/// Drop a held value
///
/// Its text is gone; the same value is not held again.
#[utoipa::path(
    post, path = "/held/{number}/drop", tag = "held", params(("number" = i64, Path)), request_body = Reason,
    responses(
        (status = 200, body = Decided), (status = 404, response = super::ProblemBody), (status = 409, response = super::ProblemBody)
    )
)]
pub(crate) async fn drop(
    State(app): State<Shared>,
    By(caller): By,
    Path(number): Path<i64>,
    JsonBody(reason): JsonBody<Reason>,
) -> Result<Json<Decided>, Problem> {
    let reason = reason.given()?;
    app.blocking(move |app| {
        app.core().decide_held(HeldId(number), false, caller.name(), &reason)?;
        Ok(Json(Decided { outcome: "dropped" }))
    })
    .await
}
