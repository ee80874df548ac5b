//! Containment: what is blocked, by whose word, and until when.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use keys::posts::Post;
use model::{Digest, Timestamp};
use ports::Role;
use runtime::detection::{LeaseView, NewLease};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::agreements::{one_of, read_approvals};
use super::hunts::text;
use super::page_size;
use super::wire::{Reason, instant, stix_id};
use crate::app::{App, Shared};
use crate::auth::By;
use crate::extract::{JsonBody, Path, Query};
use crate::problem::Problem;

/// Whoever is at the node's machine is one person, whatever they call themselves. No account can be called that.
const AT_THE_MACHINE: &str = "local operator";
/// Leases among which one is found by the beginning of its number.
const LOOKED: usize = 1_000;
/// The longest time that can be said in seconds: far beyond what a lease may last.
const LONGEST: u64 = 100 * 366 * 86_400;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LeaseQuery {
    /// Leases at most.
    limit: Option<usize>,
}

/// Leases: those that are not over first, then the newest.
#[derive(Serialize, ToSchema)]
pub(crate) struct LeaseList {
    leases: Vec<LeaseLine>,
}

/// A lease in a line.
#[derive(Serialize, ToSchema)]
struct LeaseLine {
    id: String,
    /// `proposed`, `approved`, `active`, `expired`, `withdrawn`, `rolled-back`, `refused` or `failed`.
    state: String,
    /// Whether it is over and everything was taken away.
    over: bool,
    begun: String,
    changed: String,
    purpose: String,
    /// Who proposed it.
    by: String,
    /// When it ends.
    until: String,
    actuators: Vec<String>,
    /// How many things it blocks.
    items: usize,
    /// What is still needed for its approval.
    missing: Vec<String>,
}

/// A lease.
#[derive(Serialize, ToSchema)]
#[schema(as = Lease)]
pub(crate) struct LeaseBody {
    id: String,
    /// `proposed`, `approved`, `active`, `expired`, `withdrawn`, `rolled-back`, `refused` or `failed`.
    state: String,
    /// Whether it is over and everything was taken away.
    over: bool,
    begun: String,
    changed: String,
    /// What is still needed for its approval.
    missing: Vec<String>,
    /// Items, dry run, approvals, what is in place, and what failed.
    #[schema(value_type = Object)]
    lease: Value,
    /// What was done and what each actuator made of it, oldest first.
    #[schema(value_type = Vec<Object>)]
    receipts: Value,
}

impl From<LeaseView> for LeaseLine {
    fn from(view: LeaseView) -> Self {
        let list = |pointer: &str| view.lease.pointer(pointer).and_then(Value::as_array);
        let names = list("/actuators").into_iter().flatten().filter_map(Value::as_str);
        Self {
            id: view.id.to_string(),
            begun: view.begun.to_string(),
            changed: view.changed.to_string(),
            purpose: text(&view.lease, "/purpose"),
            by: text(&view.lease, "/by"),
            until: text(&view.lease, "/until"),
            actuators: names.map(str::to_owned).collect(),
            items: list("/items").map_or(0, Vec::len),
            state: view.state,
            over: view.over,
            missing: view.missing,
        }
    }
}

impl From<LeaseView> for LeaseBody {
    fn from(view: LeaseView) -> Self {
        Self {
            id: view.id.to_string(),
            begun: view.begun.to_string(),
            changed: view.changed.to_string(),
            state: view.state,
            over: view.over,
            missing: view.missing,
            lease: view.lease,
            receipts: view.receipts,
        }
    }
}

/// An end, as an instant or in seconds from now: exactly one of them.
fn end(app: &App, until: Option<&str>, seconds: Option<u64>) -> Result<Timestamp, Problem> {
    match (until, seconds) {
        (Some(until), None) => instant(until),
        (None, Some(seconds)) => {
            let micros = i64::try_from(seconds.min(LONGEST)).unwrap_or(i64::MAX).saturating_mul(1_000_000);
            Ok(app.now().plus_micros(micros))
        }
        _ => Err(Problem::bad("give exactly one of `until` and `seconds`: every block has an end")),
    }
}

/// List leases
#[utoipa::path(get, path = "/leases", tag = "detection", params(LeaseQuery), responses((status = 200, body = LeaseList)))]
pub(crate) async fn list(
    State(app): State<Shared>,
    Query(query): Query<LeaseQuery>,
) -> Result<Json<LeaseList>, Problem> {
    let limit = page_size(&app, query.limit)?;
    app.blocking(move |app| {
        let leases = app.core().leases(limit)?;
        Ok(Json(LeaseList { leases: leases.into_iter().map(LeaseLine::from).collect() }))
    })
    .await
}

/// What is to be blocked.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewLease)]
pub(crate) struct NewLeaseBody {
    /// Addresses, networks, names, URLs and hashes, defanged or not.
    #[serde(default)]
    values: Vec<String>,
    /// Ids of indicators whose values are meant. When one is revoked or may not be used any more, its values are no
    /// longer blocked.
    #[serde(default)]
    objects: Vec<String>,
    /// What for: whoever approves reads it.
    purpose: String,
    /// Names of actuators in the node's rules.
    actuators: Vec<String>,
    /// When it ends; at most 30 days away.
    #[serde(default)]
    until: Option<String>,
    /// The same in seconds from now.
    #[serde(default)]
    seconds: Option<u64>,
    /// Whether to go on with the others when some must not be blocked.
    #[serde(default)]
    keep_rest: bool,
}

/// Propose a lease
///
/// Nothing is blocked yet: a dry run over what is kept follows by itself, and then approvals. What must never be blocked is
/// refused by name, and with it the whole proposal unless `keep_rest` is true: then it is listed in the lease, under `left`
/// what must not be blocked and under `unread` what cannot be.
#[utoipa::path(
    post, path = "/leases", tag = "detection", request_body = NewLeaseBody,
    responses((status = 201, body = LeaseBody), (status = 400, response = super::ProblemBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn propose(
    State(app): State<Shared>,
    By(caller): By,
    JsonBody(body): JsonBody<NewLeaseBody>,
) -> Result<(StatusCode, Json<LeaseBody>), Problem> {
    app.blocking(move |app| {
        let new = NewLease {
            values: body.values,
            objects: body.objects.iter().map(|id| stix_id(id)).collect::<Result<_, _>>()?,
            purpose: body.purpose,
            actuators: body.actuators,
            until: end(app, body.until.as_deref(), body.seconds)?,
            keep_rest: body.keep_rest,
        };
        let id = app.core().propose_lease(&new, caller.name())?;
        Ok((StatusCode::CREATED, Json(app.core().lease(id)?.into())))
    })
    .await
}

/// A lease by its number, or by as much of its beginning as tells it apart.
fn named(app: &App, text: &str) -> Result<Digest, Problem> {
    match text.parse() {
        Ok(id) => Ok(id),
        Err(_) => one_of(app.core().leases(LOOKED)?.into_iter().map(|lease| lease.id), text),
    }
}

/// A lease
#[utoipa::path(
    get, path = "/leases/{id}", tag = "detection",
    params(("id" = String, Path, description = "its number, or the beginning of it")),
    responses((status = 200, body = LeaseBody), (status = 404, response = super::ProblemBody))
)]
pub(crate) async fn get(
    State(app): State<Shared>,
    Path(id): Path<String>,
) -> Result<Json<LeaseBody>, Problem> {
    app.blocking(move |app| Ok(Json(app.core().lease(named(app, &id)?)?.into()))).await
}

/// What approvers approve.
#[derive(Serialize, ToSchema)]
pub(crate) struct LeaseStatement {
    /// The exact bytes, as text.
    statement: String,
}

/// The bytes that approve a lease, or its extension
#[utoipa::path(
    get, path = "/leases/{id}/statement", tag = "detection",
    params(("id" = String, Path, description = "its number, or the beginning of it")),
    responses((status = 200, body = LeaseStatement), (status = 404, response = super::ProblemBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn statement(
    State(app): State<Shared>,
    Path(id): Path<String>,
) -> Result<Json<LeaseStatement>, Problem> {
    app.blocking(move |app| {
        let statement = app.core().lease_statement(named(app, &id)?)?;
        Ok(Json(LeaseStatement { statement }))
    })
    .await
}

/// Who approves.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LeaseApprovals {
    /// Officers' approvals of the statement, each as its canonical JSON text. A node without keys has no officers: there it
    /// is empty, and the caller's account approves, an admin's as the duty officer and an analyst's as an analyst; the lease
    /// says `proven: false` of it. Whoever is at the node's machine approves there once, whatever name they give.
    #[serde(default)]
    approvals: Vec<String>,
}

/// Approve a lease, or its extension
///
/// Approvals count together, those of earlier calls too. `missing` of the answer says what is still needed.
#[utoipa::path(
    post, path = "/leases/{id}/approve", tag = "detection",
    params(("id" = String, Path, description = "its number, or the beginning of it")), request_body = LeaseApprovals,
    responses((status = 200, body = LeaseBody), (status = 404, response = super::ProblemBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn approve(
    State(app): State<Shared>,
    By(caller): By,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<LeaseApprovals>,
) -> Result<Json<LeaseBody>, Problem> {
    let approvals = read_approvals(&body.approvals)?;
    let post = match caller.role() {
        Role::Admin => Post::DutyOfficer,
        _ => Post::Analyst,
    };
    app.blocking(move |app| {
        let id = named(app, &id)?;
        let person = if caller.is_local() { AT_THE_MACHINE } else { caller.name() };
        app.core().approve_lease(id, &approvals, (person, post), caller.name())?;
        Ok(Json(app.core().lease(id)?.into()))
    })
    .await
}

/// Refuse a lease, or its extension
///
/// A lease whose extension is refused goes on until it ends.
#[utoipa::path(
    post, path = "/leases/{id}/refuse", tag = "detection",
    params(("id" = String, Path, description = "its number, or the beginning of it")), request_body = Reason,
    responses((status = 200, body = LeaseBody), (status = 404, response = super::ProblemBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn refuse(
    State(app): State<Shared>,
    By(caller): By,
    Path(id): Path<String>,
    JsonBody(reason): JsonBody<Reason>,
) -> Result<Json<LeaseBody>, Problem> {
    let reason = reason.given()?;
    app.blocking(move |app| {
        let id = named(app, &id)?;
        app.core().refuse_lease(id, &reason, caller.name())?;
        Ok(Json(app.core().lease(id)?.into()))
    })
    .await
}

/// End a lease before its time
///
/// One person is enough. What is in place is taken away at once; `over` says when all of it was.
#[utoipa::path(
    post, path = "/leases/{id}/withdraw", tag = "detection",
    params(("id" = String, Path, description = "its number, or the beginning of it")), request_body = Reason,
    responses((status = 200, body = LeaseBody), (status = 404, response = super::ProblemBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn withdraw(
    State(app): State<Shared>,
    By(caller): By,
    Path(id): Path<String>,
    JsonBody(reason): JsonBody<Reason>,
) -> Result<Json<LeaseBody>, Problem> {
    let reason = reason.given()?;
    app.blocking(move |app| {
        let id = named(app, &id)?;
        app.core().withdraw_lease(id, &reason, caller.name())?;
        Ok(Json(app.core().lease(id)?.into()))
    })
    .await
}

/// A later end: exactly one of `until` and `seconds`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LeaseExtension {
    /// When it is to end; at most 30 days away.
    #[serde(default)]
    until: Option<String>,
    /// The same in seconds from now.
    #[serde(default)]
    seconds: Option<u64>,
}

/// Ask for a later end
///
/// It takes new approvals; until they are there the lease ends when it would have ended.
#[utoipa::path(
    post, path = "/leases/{id}/extend", tag = "detection",
    params(("id" = String, Path, description = "its number, or the beginning of it")), request_body = LeaseExtension,
    responses((status = 200, body = LeaseBody), (status = 404, response = super::ProblemBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn extend(
    State(app): State<Shared>,
    By(caller): By,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<LeaseExtension>,
) -> Result<Json<LeaseBody>, Problem> {
    app.blocking(move |app| {
        let id = named(app, &id)?;
        let until = end(app, body.until.as_deref(), body.seconds)?;
        app.core().extend_lease(id, until, caller.name())?;
        Ok(Json(app.core().lease(id)?.into()))
    })
    .await
}

/// Let actuators that gave up try again, and tell the others again what they hold
#[utoipa::path(
    post, path = "/leases/{id}/retry", tag = "detection",
    params(("id" = String, Path, description = "its number, or the beginning of it")),
    responses((status = 200, body = LeaseBody), (status = 404, response = super::ProblemBody))
)]
pub(crate) async fn retry(
    State(app): State<Shared>,
    By(caller): By,
    Path(id): Path<String>,
) -> Result<Json<LeaseBody>, Problem> {
    app.blocking(move |app| {
        let id = named(app, &id)?;
        app.core().retry_lease(id, caller.name())?;
        Ok(Json(app.core().lease(id)?.into()))
    })
    .await
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LeaseFormat {
    /// `plain`, `json`, `nftables`, `suricata`, `rpz`, `sigma` or `openc2`.
    format: String,
    /// Number of the first rule, for `suricata` alone. Without one it lies between 1,800,000 and 1,899,999, and is always
    /// the same for the same lease.
    #[param(minimum = 1)]
    first_sid: Option<u32>,
}

/// A lease in a format.
#[derive(Serialize, ToSchema)]
pub(crate) struct LeaseExport {
    format: String,
    /// What is handed over.
    text: String,
    /// What cannot be written in this format, and why.
    skipped: Vec<String>,
}

/// Export a lease that is in force
///
/// For people who carry it to something that this node does not reach. What is carried has no way back: whoever carries it
/// ends it.
#[utoipa::path(
    get, path = "/leases/{id}/export", tag = "detection",
    params(("id" = String, Path, description = "its number, or the beginning of it"), LeaseFormat),
    responses((status = 200, body = LeaseExport), (status = 404, response = super::ProblemBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn export(
    State(app): State<Shared>,
    Path(id): Path<String>,
    Query(query): Query<LeaseFormat>,
) -> Result<Json<LeaseExport>, Problem> {
    app.blocking(move |app| {
        let (text, skipped) = app.core().export_lease(named(app, &id)?, &query.format, query.first_sid)?;
        Ok(Json(LeaseExport { format: query.format, text, skipped }))
    })
    .await
}
