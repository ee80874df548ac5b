//! Callers, and what the policies say about them.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderValue;
use axum::http::request::Parts;
use model::{AccountId, Tenant, Timestamp, TokenId};
use policy::people::{self, Action, Object, Person};
use ports::{Account, Collection, CollectionKind, Role, Token};

use crate::app::Shared;
use crate::problem::{Kind, Problem};

/// How the audit log marks callers on the node's own machine: no account can be called that.
const LOCAL_OPERATOR: &str = "local operator";

/// Who is asking.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    name: String,
    role: Role,
    /// What the policies know about the caller.
    person: Person,
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
    pub(crate) fn local_operator(tenant: Tenant, name: Option<&HeaderValue>) -> Self {
        let given = name.and_then(|name| name.to_str().ok()).map(percent_decode);
        let given = given.filter(|name| !name.is_empty() && name != LOCAL_OPERATOR);
        Self {
            name: given
                .map_or_else(|| LOCAL_OPERATOR.to_owned(), |name| format!("{name} ({LOCAL_OPERATOR})")),
            role: Role::Admin,
            person: Person { account: None, tenant, role: step(Role::Admin), local: true, confined: None },
            token: None,
            expires: None,
            proof: Proof::Local,
        }
    }

    pub(crate) fn account(tenant: Tenant, account: &Account, proof: Proof) -> Self {
        let role = step(account.role);
        Self {
            name: account.name.clone(),
            role: account.role,
            person: Person { account: Some(account.id), tenant, role, local: false, confined: None },
            token: None,
            expires: None,
            proof,
        }
    }

    pub(crate) fn token(tenant: Tenant, account: &Account, token: &Token) -> Self {
        let mut caller = Self::account(tenant, account, Proof::Token(token.hash));
        caller.expires = token.expires;
        caller.token = Some(token.id);
        caller.person.confined =
            (!token.collections.is_empty()).then(|| token.collections.iter().copied().collect());
        caller
    }

    /// The same as an outsider's, whatever its account may.
    pub(crate) fn outside(self) -> Self {
        let person = Person { role: step(Role::Follower), ..self.person };
        Self { role: Role::Follower, person, ..self }
    }

    /// The name audit and logs know the caller by.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) const fn role(&self) -> Role {
        self.role
    }

    pub(crate) const fn account_id(&self) -> Option<AccountId> {
        self.person.account
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

    /// Whether the caller is none of this organisation: a client without a node.
    pub(crate) const fn is_outsider(&self) -> bool {
        matches!(self.role, Role::Follower)
    }

    pub(crate) fn same_rights(&self, other: &Self) -> bool {
        self.person == other.person
    }

    /// Whether the caller's credential leaves this collection to it.
    pub(crate) fn may_name(&self, collection: &Collection) -> bool {
        self.person.confined.as_ref().is_none_or(|named| named.contains(&collection.id))
    }

    /// Whether the policies let the caller do this to that very object.
    pub(crate) fn may(&self, action: Action, object: &Object) -> bool {
        people::may(&self.person, action, object).permitted
    }

    /// The same as an answer that says what it would take.
    pub(crate) fn check(&self, action: Action, object: &Object) -> Result<(), Problem> {
        let decision = people::may(&self.person, action, object);
        if decision.permitted {
            return Ok(());
        }
        let detail = format!(
            "`{}` takes {}; `{}` is {}",
            action.as_str(),
            decision.needs,
            self.name,
            if self.person.confined.is_some() { "here with one that is" } else { self.role.as_str() }
        );
        Err(Problem::forbidden(detail).hint(match (&self.person.confined, action) {
            (Some(_), _) => {
                "read its collections over TAXII under /taxii2/, or use a token that is not confined"
            }
            (None, Action::StoreBackup | Action::SourceOpen) => "run the `shieldwall` command there",
            (None, _) => "ask an admin of this node",
        }))
    }

    /// Something of the organisation that the caller acts for, which is nobody's own: the store is asked for nothing
    /// of another organisation.
    pub(crate) const fn all(&self) -> Object {
        Object::of(self.person.tenant)
    }

    /// Something that is the caller's own.
    pub(crate) const fn own(&self) -> Object {
        Object { owner: self.person.account, ..self.all() }
    }

    /// Something that belongs to an account: a token, a status, the account itself.
    pub(crate) const fn of_account(&self, account: AccountId) -> Object {
        self.all().owned_by(account)
    }

    /// A collection.
    pub(crate) fn collection(&self, collection: &Collection) -> Object {
        self.all().in_collection(collection.id, collection.kind == CollectionKind::Public)
    }
}

/// A role as the policies call it.
const fn step(role: Role) -> people::Role {
    match role {
        Role::Follower => people::Role::Follower,
        Role::Viewer => people::Role::Viewer,
        Role::Analyst => people::Role::Analyst,
        Role::Admin => people::Role::Admin,
    }
}

/// Who asks, for handlers that write down who did it or look at what is the caller's own. What the caller may do was
/// decided by [`super::endpoints`] before the handler was reached.
pub(crate) struct By(pub(crate) Arc<Caller>);

impl FromRequestParts<Shared> for By {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, Problem> {
        let caller = parts.extensions.get::<Arc<Caller>>().map(Arc::clone);
        caller.map(Self).ok_or_else(|| Problem::new(Kind::Unauthenticated, "the request names no caller"))
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
