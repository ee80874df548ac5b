//! API tokens: one's own, and for admins everyone's.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use model::{CollectionId, TokenId};
use policy::people::Action;
use ports::{Account, CollectionKind, Read, Role, Token};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::wire::instant;
use crate::app::{App, Shared};
use crate::auth::{By, Caller, fingerprint, secret};
use crate::extract::{JsonBody, Path};
use crate::problem::Problem;

/// Tokens, oldest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct TokenList {
    tokens: Vec<TokenBody>,
}

/// A token without its secret.
#[derive(Serialize, ToSchema)]
#[schema(as = Token)]
struct TokenBody {
    id: String,
    /// The account it acts for.
    user: String,
    /// What it is for.
    name: String,
    /// Aliases of the collections it is confined to; empty means whatever the account may see.
    collections: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    created: String,
}

impl TokenBody {
    fn new(token: &Token, user: &str, collections: &[ports::Collection]) -> Self {
        let alias = |id: &CollectionId| {
            let found = collections.iter().find(|collection| collection.id == *id);
            found.map_or_else(|| id.to_string(), |collection| collection.alias.clone())
        };
        Self {
            id: token.id.to_string(),
            user: user.to_owned(),
            name: token.name.clone(),
            collections: token.collections.iter().map(alias).collect(),
            expires: token.expires.map(|at| at.to_string()),
            created: token.created.to_string(),
        }
    }
}

/// List tokens
///
/// One's own; for admins, all.
#[utoipa::path(get, path = "/tokens", tag = "administration", responses((status = 200, body = TokenList)))]
pub(crate) async fn list(State(app): State<Shared>, By(caller): By) -> Result<Json<TokenList>, Problem> {
    app.read(move |app, read| {
        let tenant = app.core().scope.tenant;
        let (accounts, collections) = (read.accounts(tenant)?, read.collections(tenant)?);
        let tokens = read.tokens(tenant)?;
        let tokens = tokens.iter().filter(|token| may(&caller, Action::TokenRead, token)).map(|token| {
            let user = accounts.iter().find(|account| account.id == token.account);
            TokenBody::new(token, user.map_or("", |account| account.name.as_str()), &collections)
        });
        Ok(Json(TokenList { tokens: tokens.collect() }))
    })
    .await
}

fn may(caller: &Caller, action: Action, token: &Token) -> bool {
    caller.may(action, &caller.of_account(token.account))
}

/// A new token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewToken {
    /// What it is for.
    name: String,
    /// The account it acts for; one's own unless given. Only admins may name another's.
    #[serde(default)]
    user: Option<String>,
    /// Ids or aliases of the collections to confine it to.
    #[serde(default)]
    collections: Vec<String>,
    /// When it ends; a token made with a token does not outlive it.
    #[serde(default)]
    expires: Option<String>,
}

/// A token just made.
#[derive(Serialize, ToSchema)]
pub(crate) struct MadeToken {
    /// To be sent as `Authorization: Bearer`. Shown once: only its hash is kept.
    secret: String,
    #[serde(flatten)]
    token: TokenBody,
}

/// Make a token
#[utoipa::path(
    post, path = "/tokens", tag = "administration", request_body = NewToken,
    responses((status = 201, body = MadeToken), (status = 403, response = super::ProblemBody), (status = 404, response = super::ProblemBody))
)]
pub(crate) async fn add(
    State(app): State<Shared>,
    By(caller): By,
    JsonBody(new): JsonBody<NewToken>,
) -> Result<(StatusCode, Json<MadeToken>), Problem> {
    if new.name.trim().is_empty() || new.name.len() > 200 {
        return Err(Problem::bad("`name` is empty, or longer than 200 bytes"));
    }
    let asked = new.expires.as_deref().map(instant).transpose()?;
    // The earlier of both; a caller that does not end sets no bound.
    let expires = [asked, caller.expires()].into_iter().flatten().min();
    if expires.is_some_and(|expires| expires <= app.now()) {
        return Err(Problem::bad("`expires` has passed"));
    }
    let random = app.core().ids.random();
    let _one = app.administration.lock().await;
    let (for_whom, by) = (new.user, caller.clone());
    let (account, collections, all) = app
        .read(move |app, read| {
            let account = account(app, read, &by, for_whom.as_deref())?;
            by.check(Action::TokenAdd, &by.of_account(account.id))?;
            let all = read.collections(app.core().scope.tenant)?;
            let named = |name: &String| {
                let found = all
                    .iter()
                    .find(|collection| collection.alias == *name || collection.id.to_string() == *name);
                found
                    .map(|collection| collection.id)
                    .ok_or_else(|| Problem::missing(format!("collection `{name}`")))
            };
            let collections = new.collections.iter().map(named).collect::<Result<Vec<_>, _>>()?;
            let outside = |id: &CollectionId| {
                all.iter().any(|known| known.id == *id && known.kind != CollectionKind::Public)
            };
            if account.role == Role::Follower && collections.iter().any(outside) {
                return Err(Problem::bad(format!(
                    "`{}` is a follower and may read `public` only",
                    account.name
                ))
                .hint("for people and programs of this organisation make a viewer"));
            }
            Ok((account, collections, all))
        })
        .await?;
    let secret = secret("swt_", &random);
    let token = Token {
        id: TokenId(app.core().ids.uuid()),
        account: account.id,
        name: new.name,
        hash: fingerprint(&secret),
        collections,
        expires,
        created: app.now(),
    };
    app.write(move |app, tx| {
        let tenant = app.core().scope.tenant;
        tx.add_token(tenant, &token)?;
        let target = format!("{} of {}", token.id, account.name);
        tx.audit(tenant, app.now(), caller.name(), "token.add", &target, &token.name)?;
        let token = TokenBody::new(&token, &account.name, &all);
        Ok((StatusCode::CREATED, Json(MadeToken { secret, token })))
    })
    .await
}

/// The account a token is for. Whether an account of that name exists is no business of those who may not make it one.
fn account(app: &App, read: &dyn Read, caller: &Caller, name: Option<&str>) -> Result<Account, Problem> {
    let accounts = read.accounts(app.core().scope.tenant)?;
    let own = accounts.iter().find(|account| caller.account_id() == Some(account.id));
    match (name, own) {
        (None, Some(own)) => Ok(own.clone()),
        (None, None) => Err(Problem::bad("say whose token it is: `user`")),
        (Some(name), Some(own)) if own.name == name => Ok(own.clone()),
        (Some(name), _) if caller.may(Action::TokenAdd, &caller.all()) => accounts
            .iter()
            .find(|account| account.name == name)
            .cloned()
            .ok_or_else(|| Problem::missing(format!("user `{name}`"))),
        (Some(_), _) => Err(Problem::forbidden("only admins make tokens for other accounts")),
    }
}

/// Revoke a token
#[utoipa::path(
    delete, path = "/tokens/{id}", tag = "administration", params(("id" = String, Path)),
    responses((status = 204), (status = 404, response = super::ProblemBody))
)]
pub(crate) async fn revoke(
    State(app): State<Shared>,
    By(caller): By,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let missing = || Problem::missing(format!("token `{id}`"));
    let wanted: TokenId = id.parse().map_err(|_| missing())?;
    let _one = app.administration.lock().await;
    let tokens = app.read(|app, read| Ok(read.tokens(app.core().scope.tenant)?)).await?;
    // Another's token is as good as none: its existence is not the caller's business.
    let token = tokens
        .into_iter()
        .find(|token| token.id == wanted && may(&caller, Action::TokenRevoke, token))
        .ok_or_else(missing)?;
    app.write(move |app, tx| {
        let tenant = app.core().scope.tenant;
        tx.remove_token(tenant, token.id)?;
        Ok(tx.audit(tenant, app.now(), caller.name(), "token.revoke", &token.id.to_string(), &token.name)?)
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
