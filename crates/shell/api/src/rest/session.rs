//! Signing in and out, and who one is.

use axum::Extension;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use policy::people::Action;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::Shared;
use crate::auth::{Auth, By, sign_in};
use crate::extract::JsonBody;
use crate::guard::Peer;
use crate::problem::{Kind, Problem};

/// A name and its password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignIn {
    name: String,
    password: String,
}

/// A session just opened.
#[derive(Serialize, ToSchema)]
pub(crate) struct Session {
    /// To be sent as `Authorization: Bearer`; shown once.
    token: String,
    /// When it ends.
    expires: String,
    /// The account.
    name: String,
    /// What it may do.
    role: &'static str,
}

/// Open a session
///
/// The only request that needs no caller. Wrong names and wrong passwords are answered alike; too many of either
/// are answered with 429.
#[utoipa::path(
    post, path = "/session", tag = "session", security(()), request_body = SignIn,
    responses((status = 201, body = Session), (status = 401, response = super::ProblemBody), (status = 429, response = super::ProblemBody))
)]
pub(crate) async fn open(
    State(app): State<Shared>,
    peer: Option<Extension<Peer>>,
    JsonBody(body): JsonBody<SignIn>,
) -> Result<(StatusCode, Json<Session>), Problem> {
    let peer = peer.map(|Extension(peer)| peer).unwrap_or_default();
    let account = sign_in(&app, peer, body.name, body.password).await?;
    let opened = Auth::open_session(&app, &account);
    let (name, role) = (account.name.clone(), account.role.as_str());
    app.write(move |app, tx| {
        Ok(tx.audit(app.core().scope.tenant, app.now(), &account.name, "session.open", &account.name, "")?)
    })
    .await?;
    let session = Session { token: opened.secret, expires: opened.expires.to_string(), name, role };
    Ok((StatusCode::CREATED, Json(session)))
}

/// End the session
///
/// Ends the session the request came with.
#[utoipa::path(
    delete, path = "/session", tag = "session",
    responses((status = 204), (status = 404, response = super::ProblemBody))
)]
pub(crate) async fn close(State(app): State<Shared>, By(caller): By) -> Result<StatusCode, Problem> {
    if Auth::close_session(&app, &caller) {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::new(Kind::NotFound, "the request did not come with a session"))
    }
}

/// The caller, as the server sees it.
#[derive(Serialize, ToSchema)]
pub(crate) struct Me {
    /// The account's name, or `local operator`.
    name: String,
    /// What it may do.
    role: &'static str,
    /// Whether it sees collections only.
    confined: bool,
}

/// Who am I
#[utoipa::path(get, path = "/me", tag = "session", responses((status = 200, body = Me)))]
pub(crate) async fn me(By(caller): By) -> Json<Me> {
    Json(Me {
        name: caller.name().to_owned(),
        role: caller.role().as_str(),
        confined: !caller.may(Action::ObjectRead, &caller.all()),
    })
}

/// A change of one's own password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordChange {
    old: String,
    new: String,
}

/// Change one's own password
///
/// All sessions of the account end. The old password is asked for again, also within a session.
#[utoipa::path(
    put, path = "/me/password", tag = "session", request_body = PasswordChange,
    responses((status = 204), (status = 401, response = super::ProblemBody))
)]
pub(crate) async fn change_password(
    State(app): State<Shared>,
    By(caller): By,
    peer: Option<Extension<Peer>>,
    JsonBody(change): JsonBody<PasswordChange>,
) -> Result<StatusCode, Problem> {
    if caller.account_id().is_none() {
        return Err(Problem::forbidden("the local operator has no password")
            .hint("name an account: PATCH /api/v1/users/{name}"));
    }
    let peer = peer.map(|Extension(peer)| peer).unwrap_or_default();
    // A name can pass to another account; the password that is changed is that of the caller's own.
    let proved = sign_in(&app, peer, caller.name().to_owned(), change.old).await?;
    caller.check(Action::MePassword, &caller.of_account(proved.id))?;
    let password = Some(Auth::hash(&app, change.new).await?);
    let _one = app.administration.lock().await;
    // What an admin did to the account while the hashes were made stands: only the password is ours to change.
    let current = app.read(move |app, read| Ok(read.accounts(app.core().scope.tenant)?)).await?;
    let current =
        current.into_iter().find(|account| account.id == proved.id && account.password == proved.password);
    let account = current.map(|account| ports::Account { password, ..account }).ok_or_else(|| {
        Problem::forbidden("the account was changed meanwhile")
            .hint("sign in again, then change the password")
    })?;
    app.write(move |app, tx| {
        let tenant = app.core().scope.tenant;
        tx.set_account(tenant, &account)?;
        Ok(tx.audit(tenant, app.now(), &account.name, "user.password", &account.name, "")?)
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
