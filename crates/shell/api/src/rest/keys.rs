//! What is done about keys beside rotation: identities, another next key, recovery. Root keys sign elsewhere.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use model::StixId;
use runtime::trust::Recovery;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::parties::{DocumentBody, PartyBody};
use crate::app::Shared;
use crate::auth::By;
use crate::extract::JsonBody;
use crate::problem::Problem;

/// Whom a party speaks for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct IdentitiesBody {
    /// STIX ids of identities: all of them.
    identities: Vec<String>,
}

/// Say which identities the party speaks for
#[utoipa::path(
    post, path = "/keys/identities", tag = "keys", request_body = IdentitiesBody,
    responses((status = 204), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn identities(
    State(app): State<Shared>,
    By(caller): By,
    JsonBody(body): JsonBody<IdentitiesBody>,
) -> Result<StatusCode, Problem> {
    let read = |text: &String| {
        let id = text.parse::<StixId>().ok().filter(|id| id.type_name() == "identity");
        id.ok_or_else(|| Problem::bad(format!("`{text}` is not the id of an identity")))
    };
    let identities = body.identities.iter().map(read).collect::<Result<BTreeSet<_>, _>>()?;
    let node = app.node.clone();
    app.blocking(move |app| Ok(app.core().set_identities(identities, caller.name())?)).await?;
    node.wake_peers();
    Ok(StatusCode::NO_CONTENT)
}

/// A key that was made.
#[derive(Serialize, ToSchema)]
pub(crate) struct NextKeyBody {
    /// Its id.
    key: String,
}

/// Make another next epoch key
///
/// It counts once the roots have committed to it, by a key event that comes back to `/keys/events`.
#[utoipa::path(
    post, path = "/keys/next", tag = "keys",
    responses((status = 200, body = NextKeyBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn next(State(app): State<Shared>, By(caller): By) -> Result<Json<NextKeyBody>, Problem> {
    app.blocking(move |app| {
        Ok(Json(NextKeyBody { key: app.core().make_next_key(caller.name())?.to_string() }))
    })
    .await
}

/// The events by which a node whose keys were lost goes on.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecoveryBody {
    /// Commits to the new epoch key; absent when that was done before.
    commitment: Option<String>,
    /// Begins its epoch.
    rotation: String,
}

/// Prepare the recovery of a node whose keys are lost
///
/// Makes new keys, and answers with what the root keys must sign.
#[utoipa::path(
    post, path = "/keys/recovery", tag = "keys",
    responses((status = 200, body = RecoveryBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn recovery(State(app): State<Shared>) -> Result<Json<RecoveryBody>, Problem> {
    app.blocking(|app| {
        let Recovery { commitment, rotation } = app.core().prepare_recovery()?;
        Ok(Json(RecoveryBody {
            commitment: commitment.map(|event| event.to_text()),
            rotation: rotation.to_text(),
        }))
    })
    .await
}

/// Go on with new keys
///
/// With the root keys' signatures on what was prepared.
#[utoipa::path(
    put, path = "/keys/recovery", tag = "keys", request_body = RecoveryBody,
    responses((status = 200, body = PartyBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn recover(
    State(app): State<Shared>,
    By(caller): By,
    JsonBody(body): JsonBody<RecoveryBody>,
) -> Result<Json<PartyBody>, Problem> {
    let read = |document: String| DocumentBody { document }.read();
    let signed =
        Recovery { commitment: body.commitment.map(read).transpose()?, rotation: read(body.rotation)? };
    let node = app.node.clone();
    let party = app.blocking(move |app| Ok(app.core().recover(&signed, caller.name())?)).await?;
    node.wake_peers();
    Ok(Json(PartyBody { party: party.to_string() }))
}
