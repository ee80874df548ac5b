//! Who is asking, and what they may do.

mod caller;
mod endpoints;
mod password;
mod session;
mod throttle;

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ports::{Account, Role};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use crate::app::Shared;
use crate::guard::Peer;
use crate::problem::{Kind, Problem};
use crate::settings::Settings;

pub(crate) use caller::{By, Caller};
pub(crate) use endpoints::refused;
pub(crate) use session::Opened;

use caller::Proof;
use password::Passwords;
use session::Sessions;
use throttle::Throttle;

/// Memory of sign-ins: sessions, verified credentials, failed attempts. All of it is lost on restart.
pub(crate) struct Auth {
    sessions: Sessions,
    passwords: Passwords,
    throttle: Throttle,
    /// Each hash takes megabytes: this many at once.
    hashing: Semaphore,
}

impl Auth {
    pub(crate) fn new(settings: &Settings, key: [u8; 32]) -> Self {
        Self {
            sessions: Sessions::new(settings.session),
            passwords: Passwords::new(settings.password_cost, settings.credential_cache, key),
            throttle: Throttle::new(settings.sign_in_attempts, settings.sign_in_window),
            hashing: Semaphore::new(2),
        }
    }

    /// The hash to store for a new password.
    pub(crate) async fn hash(app: &Shared, password: String) -> Result<String, Problem> {
        let _permit = app.auth.hashing.acquire().await.map_err(|error| Problem::internal(&error))?;
        app.blocking(move |app| app.auth.passwords.hash(&password, &app.core().ids.random())).await
    }

    /// Opens a session for a verified account.
    pub(crate) fn open_session(app: &Shared, account: &Account) -> Opened {
        app.auth.sessions.open(account, &app.core().ids.random(), app.now())
    }

    /// Ends the session a caller came with, if it came with one.
    pub(crate) fn close_session(app: &Shared, caller: &Caller) -> bool {
        match caller.proof() {
            Proof::Session(hash) => app.auth.sessions.close(hash),
            _ => false,
        }
    }
}

/// Where to look for the caller's credentials in the store.
enum Credentials {
    Basic { name: String, password: String },
    Bearer([u8; 32]),
}

/// A secret of 256 random bits with a prefix that secret scanners can look for.
pub(crate) fn secret(prefix: &str, random: &[u8; 32]) -> String {
    format!("{prefix}{}", URL_SAFE_NO_PAD.encode(random))
}

/// What is kept of a secret. It has 256 random bits, so a fast hash is enough.
pub(crate) fn fingerprint(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

fn credentials(headers: &HeaderMap) -> Result<Credentials, Problem> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().ok_or_else(|| {
        Problem::new(Kind::Unauthenticated, "the request names no caller")
            .hint("open a session with POST /api/v1/session, or send an API token as `Authorization: Bearer`")
    })?;
    let unreadable = || Problem::new(Kind::Unauthenticated, "the `Authorization` header cannot be read");
    if values.next().is_some() {
        return Err(unreadable());
    }
    let (scheme, rest) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(unreadable)?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Ok(Credentials::Bearer(fingerprint(rest)));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(unreadable());
    }
    let decoded = STANDARD.decode(rest).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let (name, password) = decoded.as_deref().and_then(|text| text.split_once(':')).ok_or_else(unreadable)?;
    Ok(Credentials::Basic { name: name.to_owned(), password: password.to_owned() })
}

/// The one answer to every credential that does not hold, so that it tells nothing about accounts.
fn denied() -> Problem {
    Problem::new(Kind::Unauthenticated, "the credentials are not valid, or not any more")
}

/// Finds out who is asking.
pub(crate) async fn authenticate(app: &Shared, peer: Peer, headers: &HeaderMap) -> Result<Caller, Problem> {
    match credentials(headers)? {
        Credentials::Basic { name, password } => {
            let account = sign_in(app, peer, name, password).await?;
            let proof = Proof::Password(session::stamp(&account));
            Ok(Caller::account(app.core().scope.tenant, &account, proof))
        }
        Credentials::Bearer(hash) => bearer(app, hash).await,
    }
}

/// A session or an API token.
async fn bearer(app: &Shared, hash: [u8; 32]) -> Result<Caller, Problem> {
    let Some(session) = app.auth.sessions.find(&hash, app.now()) else { return token(app, hash).await };
    let account = find_account(app, move |account| account.id == session.account).await?;
    let account = account.filter(|account| !account.disabled && session::stamp(account) == session.stamp);
    Ok(Caller::account(app.core().scope.tenant, &account.ok_or_else(denied)?, Proof::Session(hash)))
}

async fn token(app: &Shared, hash: [u8; 32]) -> Result<Caller, Problem> {
    let found = app.read(move |app, read| Ok(read.token(app.core().scope.tenant, &hash)?)).await?;
    let now = app.now();
    let (token, account) = found
        .filter(|(token, account)| !account.disabled && token.expires.is_none_or(|expires| expires > now))
        .ok_or_else(denied)?;
    let caller = Caller::token(app.core().scope.tenant, &account, &token);
    if caller.is_outsider() {
        return Ok(caller);
    }
    // Who was let in as a client without a node stays one, whatever its account becomes.
    let named = app.blocking(move |app| Ok(app.core().is_consumer(token.id)?)).await?;
    Ok(if named { caller.outside() } else { caller })
}

/// Verifies a name and a password. Unknown names cost as much time as wrong passwords.
pub(crate) async fn sign_in(
    app: &Shared,
    peer: Peer,
    name: String,
    password: String,
) -> Result<Account, Problem> {
    let wanted = name.clone();
    let account = find_account(app, move |account| account.name == wanted).await?;
    let stored =
        account.as_ref().filter(|account| !account.disabled).and_then(|account| account.password.clone());
    let now = app.now();
    if let (Some(account), Some(stored)) = (&account, &stored)
        && app.auth.passwords.remembered(&name, &password, stored, now)
    {
        return Ok(account.clone());
    }
    let attempt = app.auth.throttle.attempt(&name, peer.address, now)?;
    let _permit = app.auth.hashing.acquire().await.map_err(|error| Problem::internal(&error))?;
    let right = {
        let (name, password, stored) = (name.clone(), password, stored);
        app.blocking(move |app| Ok(app.auth.passwords.verify(&name, &password, stored.as_deref(), now)))
            .await?
    };
    match account {
        Some(account) if right => {
            app.auth.throttle.succeeded(&attempt);
            Ok(account)
        }
        _ => {
            tracing::warn!(peer = peer.address.map(|address| address.to_string()), "a sign-in failed");
            Err(denied())
        }
    }
}

async fn find_account(
    app: &Shared,
    wanted: impl Fn(&Account) -> bool + Send + 'static,
) -> Result<Option<Account>, Problem> {
    app.read(move |app, read| {
        Ok(read.accounts(app.core().scope.tenant)?.into_iter().find(|account| wanted(account)))
    })
    .await
}

/// Whether a caller of a long-lived stream would still be let in as what it was.
pub(crate) async fn still_valid(app: &Shared, caller: &Caller) -> bool {
    let fresh = match caller.proof() {
        Proof::Local => return true,
        Proof::Token(hash) | Proof::Session(hash) => bearer(app, *hash).await,
        Proof::Password(stamp) => {
            let (id, stamp) = (caller.account_id(), *stamp);
            let account = find_account(app, move |account| {
                Some(account.id) == id && !account.disabled && session::stamp(account) == stamp
            });
            account.await.and_then(|account| account.map(|_| caller.clone()).ok_or_else(denied))
        }
    };
    // A store that is busy for a moment says nothing about the caller.
    match fresh {
        Ok(fresh) => fresh.same_rights(caller),
        Err(problem) => problem.kind() != Kind::Unauthenticated,
    }
}

/// The role of this name.
pub(crate) fn role(name: &str) -> Result<Role, Problem> {
    Role::ALL.into_iter().find(|role| role.as_str() == name).ok_or_else(|| {
        Problem::bad(format!("`{name}` is not a role")).hint("use follower, viewer, analyst or admin")
    })
}
