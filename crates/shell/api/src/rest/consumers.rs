//! Releases to clients without a node: drafted, signed by officers, ended, explained.

use std::collections::BTreeSet;

use agreement::{PersonalData, Set};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use label::Handling;
use model::{CollectionId, Digest};
use ports::{Collection, Read};
use runtime::trust::{Consumer, Draft, Registry};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::agreements::{one_of, read_approvals};
use super::page_size;
use super::wire::{Reason, instant};
use crate::app::{App, Shared};
use crate::auth::By;
use crate::extract::{JsonBody, Path, Query};
use crate::problem::{Kind, Problem};

/// A release to a client without a node.
#[derive(Serialize, ToSchema)]
#[schema(as = Release)]
pub(crate) struct ReleaseBody {
    /// Its hash.
    release: String,
    client: String,
    /// What the ledger and the reports call the client.
    pseudonym: String,
    /// Id of the token that the client shows.
    token: String,
    /// Aliases of the collections.
    collections: Vec<String>,
    /// STIX types; absent where any may go.
    #[serde(skip_serializing_if = "Option::is_none")]
    types: Option<Vec<String>>,
    /// The most sensitive handling that is given.
    ceiling: String,
    /// `refuse` or `redact`.
    personal: String,
    purpose: String,
    valid_from: String,
    expires: String,
    issued: String,
    /// How many officers' approvals it carries.
    approvals: usize,
    /// `valid`, `not-yet`, `expired`, `ended` or `void`.
    state: &'static str,
    /// Why it was ended, or why it is void.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

impl ReleaseBody {
    fn new(app: &App, consumer: &Consumer, collections: &[Collection]) -> Self {
        let release = &consumer.release;
        let alias = |id: &CollectionId| {
            let known = collections.iter().find(|collection| collection.id == *id);
            known.map_or_else(|| id.to_string(), |collection| collection.alias.clone())
        };
        let ended = consumer.ended.as_ref().map(|(at, reason)| format!("{reason} ({at})"));
        Self {
            release: consumer.hash.to_string(),
            client: release.client.clone(),
            pseudonym: app.core().stranger(&release.client).to_string(),
            token: release.token.to_string(),
            collections: release.collections.iter().map(alias).collect(),
            types: match &release.types {
                Set::Any => None,
                Set::Only(types) => Some(types.iter().cloned().collect()),
            },
            ceiling: release.ceiling.to_text(),
            personal: release.personal.to_string(),
            purpose: release.purpose.clone(),
            valid_from: release.valid_from.to_string(),
            expires: release.expires.to_string(),
            issued: release.issued.to_string(),
            approvals: release.approvals.len(),
            state: consumer.state(app.now()).as_str(),
            why: consumer.void.clone().or(ended),
        }
    }
}

/// Releases, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReleaseList {
    releases: Vec<ReleaseBody>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReleaseQuery {
    /// Skip so many.
    offset: Option<usize>,
    /// Releases at most.
    limit: Option<usize>,
}

/// Our releases, where there is a party that could have any.
fn ours<'r>(app: &App, registry: &'r Registry) -> Vec<&'r Consumer> {
    let party = app.core().trust().map(|trust| trust.party);
    party.map(|party| registry.releases(party).collect()).unwrap_or_default()
}

/// List releases to clients without a node
#[utoipa::path(get, path = "/releases", tag = "releases", params(ReleaseQuery), responses((status = 200, body = ReleaseList)))]
pub(crate) async fn list(
    State(app): State<Shared>,
    Query(query): Query<ReleaseQuery>,
) -> Result<Json<ReleaseList>, Problem> {
    let limit = page_size(&app, query.limit)?;
    app.read(move |app, read| {
        let registry = app.core().registry()?;
        let collections = read.collections(app.core().scope.tenant)?;
        let mut releases = ours(app, &registry);
        releases.sort_by_key(|consumer| (std::cmp::Reverse(consumer.release.issued), consumer.hash));
        let page = releases.into_iter().skip(query.offset.unwrap_or_default()).take(limit);
        let releases = page.map(|consumer| ReleaseBody::new(app, consumer, &collections)).collect();
        Ok(Json(ReleaseList { releases }))
    })
    .await
}

/// The release of this hash, or of this beginning of one.
fn named<'r>(app: &App, registry: &'r Registry, text: &str) -> Result<&'r Consumer, Problem> {
    let ours = ours(app, registry);
    let hash = one_of(ours.iter().map(|consumer| consumer.hash), text)?;
    let found = ours.into_iter().find(|consumer| consumer.hash == hash);
    found.ok_or_else(|| Problem::missing(format!("release `{text}`")))
}

/// A release
#[utoipa::path(
    get, path = "/releases/{release}", tag = "releases", params(("release" = String, Path)),
    responses((status = 200, body = ReleaseBody), (status = 404, response = super::ProblemBody))
)]
pub(crate) async fn get(
    State(app): State<Shared>,
    Path(text): Path<String>,
) -> Result<Json<ReleaseBody>, Problem> {
    app.read(move |app, read| {
        let registry = app.core().registry()?;
        let collections = read.collections(app.core().scope.tenant)?;
        Ok(Json(ReleaseBody::new(app, named(app, &registry, &text)?, &collections)))
    })
    .await
}

/// What a release is to say.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DraftBody {
    /// What the client is called.
    client: String,
    /// Id of a token of an account with the role `follower`.
    token: String,
    /// Ids or aliases of the collections it may read.
    collections: Vec<String>,
    /// STIX types; without it, any.
    #[serde(default)]
    types: Option<BTreeSet<String>>,
    /// The most sensitive handling it is given: a TLP level, or a full text such as `amber,pap=green`.
    ceiling: String,
    /// `refuse` (what holds personal data stays here; the default) or `redact`.
    #[serde(default)]
    personal: Option<String>,
    /// What for: a purpose's name, such as `detection`.
    purpose: String,
    /// When it begins; at once unless given.
    #[serde(default)]
    valid_from: Option<String>,
    /// When it ends, a year after its beginning at most.
    expires: String,
}

/// What officers approve.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DraftText {
    /// The exact bytes, as text: canonical JSON.
    bytes: String,
}

fn collections(app: &App, read: &dyn Read, names: &[String]) -> Result<BTreeSet<CollectionId>, Problem> {
    let all = read.collections(app.core().scope.tenant)?;
    let id = |name: &String| {
        let known = all.iter().find(|known| known.alias == *name || known.id.to_string() == *name);
        known.map(|known| known.id).ok_or_else(|| Problem::missing(format!("collection `{name}`")))
    };
    names.iter().map(id).collect()
}

/// Draft a release
///
/// Nothing is kept: the answer is what officers approve and what is then sent back with their approvals.
#[utoipa::path(
    post, path = "/releases/drafts", tag = "releases", request_body = DraftBody,
    responses(
        (status = 200, body = DraftText), (status = 404, response = super::ProblemBody), (status = 422, response = super::ProblemBody)
    )
)]
pub(crate) async fn draft(
    State(app): State<Shared>,
    JsonBody(body): JsonBody<DraftBody>,
) -> Result<Json<DraftText>, Problem> {
    let token = body.token.parse().map_err(|_| Problem::bad("`token` is not the id of a token"))?;
    let ceiling = Handling::parse(&body.ceiling)
        .or_else(|_| body.ceiling.parse::<model::Label>().map(Handling::from))
        .map_err(|error| Problem::bad(format!("`ceiling`: {error}")))?;
    let personal = body.personal.as_deref().unwrap_or("refuse");
    let personal = PersonalData::parse(personal)
        .ok_or_else(|| Problem::bad(format!("`personal` is `{personal}`")).hint("use refuse or redact"))?;
    let valid_from = body.valid_from.as_deref().map(instant).transpose()?;
    let expires = instant(&body.expires)?;
    app.read(move |app, read| {
        let bytes = app.core().draft_release(Draft {
            client: body.client,
            token,
            collections: collections(app, read, &body.collections)?,
            types: body.types,
            ceiling,
            personal,
            purpose: body.purpose,
            valid_from,
            expires,
        })?;
        Ok(Json(DraftText { bytes }))
    })
    .await
}

/// A draft and our officers' approvals of it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignedDraft {
    /// The exact bytes, as they were drafted.
    bytes: String,
    /// Each as its canonical JSON text.
    approvals: Vec<String>,
}

/// Sign a release
///
/// With the approvals of two release officers, or of one where there is only one. The same bytes may be sent again.
#[utoipa::path(
    post, path = "/releases", tag = "releases", request_body = SignedDraft,
    responses((status = 201, body = ReleaseBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn sign(
    State(app): State<Shared>,
    By(caller): By,
    JsonBody(body): JsonBody<SignedDraft>,
) -> Result<(StatusCode, Json<ReleaseBody>), Problem> {
    let approvals = read_approvals(&body.approvals)?;
    app.blocking(move |app| {
        let hash = app.core().sign_release(&body.bytes, approvals, caller.name())?;
        let registry = app.core().registry()?;
        let read = app.core().store.read()?;
        let collections = read.collections(app.core().scope.tenant)?;
        let consumer = named(app, &registry, &hash.to_string())?;
        Ok((StatusCode::CREATED, Json(ReleaseBody::new(app, consumer, &collections))))
    })
    .await
}

/// End a release, at once
///
/// What the client has already stays with it: take it back first.
#[utoipa::path(
    post, path = "/releases/{release}/end", tag = "releases", params(("release" = String, Path)), request_body = Reason,
    responses((status = 204), (status = 404, response = super::ProblemBody))
)]
pub(crate) async fn end(
    State(app): State<Shared>,
    By(caller): By,
    Path(text): Path<String>,
    JsonBody(reason): JsonBody<Reason>,
) -> Result<StatusCode, Problem> {
    let reason = reason.given()?;
    app.blocking(move |app| {
        let registry = app.core().registry()?;
        let hash: Digest = named(app, &registry, &text)?.hash;
        drop(registry);
        app.core().end_release(hash, &reason, caller.name())?;
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ObjectQuery {
    /// STIX id of the object.
    object: String,
}

/// Why, or why not.
#[derive(Serialize, ToSchema)]
pub(crate) struct WhyBody {
    permitted: bool,
    reasons: Vec<String>,
}

/// Say why a client may have an object under a release, or not
#[utoipa::path(
    get, path = "/releases/{release}/explanation", tag = "releases", params(("release" = String, Path), ObjectQuery),
    responses((status = 200, body = WhyBody), (status = 404, response = super::ProblemBody))
)]
pub(crate) async fn explain(
    State(app): State<Shared>,
    Path(text): Path<String>,
    Query(query): Query<ObjectQuery>,
) -> Result<Json<WhyBody>, Problem> {
    let object =
        query.object.parse().map_err(|_| Problem::new(Kind::BadRequest, "`object` is not a STIX id"))?;
    app.blocking(move |app| {
        let registry = app.core().registry()?;
        let hash = named(app, &registry, &text)?.hash;
        drop(registry);
        let explained = app.core().explain_release(hash, &object)?;
        Ok(Json(WhyBody { permitted: explained.permitted, reasons: explained.reasons }))
    })
    .await
}
