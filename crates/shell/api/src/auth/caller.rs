//! Callers, and the extractors that say who may call a handler.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderValue;
use axum::http::request::Parts;
use model::{AccountId, Timestamp, TokenId};
use ports::{Account, Collection, CollectionKind, Role, Token};

use crate::app::Shared;
use crate::problem::{Kind, Problem};

/// How the audit log marks callers on the node's own machine: no account can be called that.
const LOCAL_OPERATOR: &str = "local operator";

/// Who is asking.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    name: String,
    account: Option<AccountId>,
    role: Role,
    /// Collections the caller is confined to; `None` for callers that are not.
    confined: Option<Vec<model::CollectionId>>,
    /// The API token it came with, if it came with one.
    token: Option<TokenId>,
    /// When the credential ends by itself.
    expires: Option<Timestamp>,
    proof: Proof,
}

/// How the caller proved who it is.
#[derive(Debug, Clone)]
pub(crate) enum Proof {
    /// By being on this machine as the node's user.
    Local,
    /// With an API token of this hash.
    Token([u8; 32]),
    /// With a session of this hash.
    Session([u8; 32]),
    /// With name and password, as of this stamp.
    Password([u8; 32]),
}

impl Caller {
    /// The operator of this machine, by the name given in [`crate::OPERATOR`].
    pub(crate) fn local_operator(name: Option<&HeaderValue>) -> Self {
        let given = name.and_then(|name| name.to_str().ok()).map(percent_decode);
        let given = given.filter(|name| !name.is_empty() && name != LOCAL_OPERATOR);
        Self {
            name: given
                .map_or_else(|| LOCAL_OPERATOR.to_owned(), |name| format!("{name} ({LOCAL_OPERATOR})")),
            account: None,
            role: Role::Admin,
            confined: None,
            token: None,
            expires: None,
            proof: Proof::Local,
        }
    }

    pub(crate) fn account(account: &Account, proof: Proof) -> Self {
        Self {
            name: account.name.clone(),
            account: Some(account.id),
            role: account.role,
            confined: None,
            token: None,
            expires: None,
            proof,
        }
    }

    pub(crate) fn token(account: &Account, token: &Token) -> Self {
        Self {
            confined: (!token.collections.is_empty()).then(|| token.collections.clone()),
            token: Some(token.id),
            expires: token.expires,
            ..Self::account(account, Proof::Token(token.hash))
        }
    }

    /// The same as an outsider's, whatever its account may.
    pub(crate) fn outside(self) -> Self {
        Self { role: Role::Follower, ..self }
    }

    /// The name audit and logs know the caller by.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) const fn role(&self) -> Role {
        self.role
    }

    pub(crate) const fn account_id(&self) -> Option<AccountId> {
        self.account
    }

    /// For tokens: which one.
    pub(crate) const fn token_id(&self) -> Option<TokenId> {
        self.token
    }

    /// For tokens: when it ends. What it makes must not outlive it.
    pub(crate) const fn expires(&self) -> Option<Timestamp> {
        self.expires
    }

    pub(crate) const fn proof(&self) -> &Proof {
        &self.proof
    }

    pub(crate) const fn is_local(&self) -> bool {
        matches!(self.proof, Proof::Local)
    }

    /// Whether the caller sees collections only.
    pub(crate) const fn is_confined(&self) -> bool {
        self.confined.is_some() || matches!(self.role, Role::Follower)
    }

    /// Whether the caller is none of this organisation: a client without a node.
    pub(crate) const fn is_outsider(&self) -> bool {
        matches!(self.role, Role::Follower)
    }

    pub(crate) fn same_rights(&self, other: &Self) -> bool {
        self.account == other.account && self.role == other.role && self.confined == other.confined
    }

    /// Whether the caller's credential leaves this collection to it.
    pub(crate) fn may_name(&self, collection: &Collection) -> bool {
        self.confined.as_ref().is_none_or(|named| named.contains(&collection.id))
    }

    /// Whether the caller may read this collection by its role alone. Followers are outsiders: on a node that is nobody's
    /// party they read `public` and nothing else, and on any other what a release says ([`crate::taxii_server::rights`]).
    pub(crate) fn may_read(&self, collection: &Collection) -> bool {
        self.may_name(collection) && (self.role >= Role::Viewer || collection.kind == CollectionKind::Public)
    }

    /// Whether the caller may add to this collection. What enters `public` is decided by labels alone.
    pub(crate) fn may_write(&self, collection: &Collection) -> bool {
        self.role >= Role::Analyst && collection.kind != CollectionKind::Public && self.may_read(collection)
    }
}

/// Any caller at all: the handler looks at what it may see.
pub(crate) struct Anyone(pub(crate) Arc<Caller>);
/// A caller that may read everything this organisation holds.
pub(crate) struct Viewer(pub(crate) Arc<Caller>);
/// A caller that may add, import and decide.
pub(crate) struct Analyst(pub(crate) Arc<Caller>);
/// A caller that manages the node.
pub(crate) struct Admin(pub(crate) Arc<Caller>);
/// The operator of this machine; no account over the network.
pub(crate) struct Operator(pub(crate) Arc<Caller>);

fn caller(parts: &Parts) -> Result<Arc<Caller>, Problem> {
    let caller = parts.extensions.get::<Arc<Caller>>().map(Arc::clone);
    caller.ok_or_else(|| Problem::new(Kind::Unauthenticated, "the request names no caller"))
}

fn at_least(parts: &Parts, role: Role) -> Result<Arc<Caller>, Problem> {
    let caller = caller(parts)?;
    if caller.confined.is_some() {
        return Err(Problem::forbidden("this token is confined to collections")
            .hint("read them over TAXII under /taxii2/, or use a token that is not confined"));
    }
    if caller.role < role {
        let detail =
            format!("this takes the role {}; `{}` is {}", role.as_str(), caller.name, caller.role.as_str());
        return Err(Problem::forbidden(detail).hint("ask an admin of this node"));
    }
    Ok(caller)
}

impl FromRequestParts<Shared> for Anyone {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, Problem> {
        caller(parts).map(Self)
    }
}

impl FromRequestParts<Shared> for Viewer {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, Problem> {
        at_least(parts, Role::Viewer).map(Self)
    }
}

impl FromRequestParts<Shared> for Analyst {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, Problem> {
        at_least(parts, Role::Analyst).map(Self)
    }
}

impl FromRequestParts<Shared> for Admin {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, Problem> {
        at_least(parts, Role::Admin).map(Self)
    }
}

impl FromRequestParts<Shared> for Operator {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, Problem> {
        let caller = caller(parts)?;
        if caller.is_local() {
            Ok(Self(caller))
        } else {
            Err(Problem::forbidden("only the operator of the node's own machine may do this")
                .hint("run the `shieldwall` command there"))
        }
    }
}

/// A percent-encoded name, without control characters and cut to what an audit line bears.
fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let hex = |byte: Option<u8>| {
            byte.and_then(|b| char::from(b).to_digit(16)).and_then(|d| u8::try_from(d).ok())
        };
        match byte {
            b'%' => match (hex(rest.next()), hex(rest.next())) {
                (Some(high), Some(low)) => bytes.push(high << 4 | low),
                _ => break,
            },
            plain => bytes.push(plain),
        }
    }
    String::from_utf8_lossy(&bytes).chars().filter(|c| !c.is_control()).take(64).collect()
}
