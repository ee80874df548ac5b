//! Accounts of people and programs.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use model::AccountId;
use ports::{Account, Read, Role};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::{App, Shared};
use crate::auth::{Auth, By, role};
use crate::extract::{JsonBody, Path};
use crate::problem::{Kind, Problem};

/// All accounts.
#[derive(Serialize, ToSchema)]
pub(crate) struct AccountList {
    users: Vec<AccountBody>,
}

/// An account.
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
pub(crate) struct AccountBody {
    name: String,
    /// `follower`, `viewer`, `analyst` or `admin`.
    role: &'static str,
    /// Whether it may sign in with a password; otherwise it only uses tokens.
    password: bool,
    disabled: bool,
    created: String,
}

impl From<Account> for AccountBody {
    fn from(account: Account) -> Self {
        Self {
            name: account.name,
            role: account.role.as_str(),
            password: account.password.is_some(),
            disabled: account.disabled,
            created: account.created.to_string(),
        }
    }
}

/// List accounts
#[utoipa::path(get, path = "/users", tag = "administration", responses((status = 200, body = AccountList)))]
pub(crate) async fn list(State(app): State<Shared>) -> Result<Json<AccountList>, Problem> {
    app.read(|app, read| {
        let accounts = read.accounts(app.core().scope.tenant)?;
        Ok(Json(AccountList { users: accounts.into_iter().map(AccountBody::from).collect() }))
    })
    .await
}

/// A new account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewAccount {
    /// Unique; 1 to 64 characters without `:` or white space.
    name: String,
    /// `follower`, `viewer`, `analyst` or `admin`.
    role: String,
    /// Without one, the account only uses tokens.
    #[serde(default)]
    password: Option<String>,
}

/// Add an account
#[utoipa::path(
    post, path = "/users", tag = "administration", request_body = NewAccount,
    responses((status = 201, body = AccountBody), (status = 400, response = super::ProblemBody), (status = 409, response = super::ProblemBody))
)]
pub(crate) async fn add(
    State(app): State<Shared>,
    By(caller): By,
    JsonBody(new): JsonBody<NewAccount>,
) -> Result<(StatusCode, Json<AccountBody>), Problem> {
    let shaped = (1..=64).contains(&new.name.chars().count())
        && !new.name.chars().any(|c| c == ':' || c.is_whitespace() || c.is_control());
    if !shaped {
        return Err(Problem::bad("a name has 1 to 64 characters, without `:` and white space"));
    }
    let password = match new.password {
        Some(password) => Some(Auth::hash(&app, password).await?),
        None => None,
    };
    let account = Account {
        id: AccountId(app.core().ids.uuid()),
        name: new.name,
        password,
        role: role(&new.role)?,
        disabled: false,
        created: app.now(),
    };
    let _one = app.administration.lock().await;
    app.write(move |app, tx| {
        let tenant = app.core().scope.tenant;
        tx.set_account(tenant, &account)?;
        tx.audit(tenant, app.now(), caller.name(), "user.add", &account.name, account.role.as_str())?;
        Ok((StatusCode::CREATED, Json(account.into())))
    })
    .await
}

/// What to change about an account; what is not given stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccountChange {
    #[serde(default)]
    role: Option<String>,
    #[serde(default)]
    disabled: Option<bool>,
    /// A new password; all sessions of the account end.
    #[serde(default)]
    password: Option<String>,
}

/// Change an account
#[utoipa::path(
    patch, path = "/users/{name}", tag = "administration", params(("name" = String, Path)), request_body = AccountChange,
    responses((status = 200, body = AccountBody), (status = 404, response = super::ProblemBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn change(
    State(app): State<Shared>,
    By(caller): By,
    Path(name): Path<String>,
    JsonBody(change): JsonBody<AccountChange>,
) -> Result<Json<AccountBody>, Problem> {
    let new_role = change.role.as_deref().map(role).transpose()?;
    let password = match change.password {
        Some(password) => Some(Auth::hash(&app, password).await?),
        None => None,
    };
    let _one = app.administration.lock().await;
    let what = [
        new_role.map(|role| format!("role {}", role.as_str())),
        change.disabled.map(|disabled| if disabled { "disabled" } else { "enabled" }.to_owned()),
        password.as_ref().map(|_| "password".to_owned()),
    ];
    let what = what.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let account = app
        .read(move |app, read| {
            let (mut account, other_admins) = find(app, read, &name)?;
            account.role = new_role.unwrap_or(account.role);
            account.disabled = change.disabled.unwrap_or(account.disabled);
            account.password = password.or(account.password);
            keep_an_admin(other_admins, account.role == Role::Admin && !account.disabled)?;
            Ok(account)
        })
        .await?;
    app.write(move |app, tx| {
        let tenant = app.core().scope.tenant;
        tx.set_account(tenant, &account)?;
        tx.audit(tenant, app.now(), caller.name(), "user.change", &account.name, &what)?;
        Ok(Json(account.into()))
    })
    .await
}

/// Remove an account
///
/// Its tokens go with it; what it did stays in the audit log.
#[utoipa::path(
    delete, path = "/users/{name}", tag = "administration", params(("name" = String, Path)),
    responses((status = 204), (status = 404, response = super::ProblemBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn remove(
    State(app): State<Shared>,
    By(caller): By,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    let _one = app.administration.lock().await;
    let account = app
        .read(move |app, read| {
            let (account, other_admins) = find(app, read, &name)?;
            keep_an_admin(other_admins, false)?;
            Ok(account)
        })
        .await?;
    app.write(move |app, tx| {
        let tenant = app.core().scope.tenant;
        tx.remove_account(tenant, account.id)?;
        Ok(tx.audit(tenant, app.now(), caller.name(), "user.remove", &account.name, "")?)
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The account of this name, and whether losing it as an admin would do no harm.
fn find(app: &App, read: &dyn Read, name: &str) -> Result<(Account, bool), Problem> {
    let accounts = read.accounts(app.core().scope.tenant)?;
    let account = accounts.iter().find(|account| account.name == name).cloned();
    let account = account.ok_or_else(|| Problem::missing(format!("user `{name}`")))?;
    let admin = |account: &Account| account.role == Role::Admin && !account.disabled;
    let others = accounts.iter().any(|other| other.id != account.id && admin(other));
    Ok((account.clone(), others || !admin(&account)))
}

fn keep_an_admin(others: bool, stays: bool) -> Result<(), Problem> {
    if others || stays {
        Ok(())
    } else {
        Err(Problem::new(Kind::Refused, "this is the last admin").hint("make another one first"))
    }
}
