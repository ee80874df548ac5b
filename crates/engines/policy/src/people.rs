//! What this node's own people and programs may do, on the same engine: by role, and by how they stand to the very
//! object they act on.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::sync::LazyLock;

use cedar_policy::{ActionConstraint, Context, EntityUid, PolicySet, Request, RestrictedExpression};
use model::{AccountId, CollectionId, Tenant};

use crate::engine::{Engine, EngineError, validator};

/// The policies, as Cedar text.
pub const POLICIES: &str = include_str!("people.cedar");
/// Their schema, which lists every action there is.
pub const SCHEMA: &str = include_str!("people.cedarschema");

/// Roles, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Reads named collections over TAXII, and hints about them; nothing else.
    Follower,
    /// Reads everything this organisation holds.
    Viewer,
    /// Also adds, revises, imports, and decides on held values.
    Analyst,
    /// Also manages sources, users and tokens, backs up and erases.
    Admin,
}

macro_rules! actions {
    ($($action:ident = $name:literal,)+) => {
        /// Everything that people and programs can do here. What is not named in the policies is nobody's.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Action {
            $(#[doc = concat!("`", $name, "`")] $action,)+
        }

        impl Action {
            /// Every action.
            pub const ALL: &[Self] = &[$(Self::$action,)+];

            /// Its name in the policies.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$action => $name,)+
                }
            }
        }
    };
}

actions! {
    MeRead = "me.read",
    MePassword = "me.password",
    SessionClose = "session.close",
    LiveRead = "live.read",
    NodeDiscover = "node.discover",
    StatusRead = "status.read",
    CollectionRead = "collection.read",
    CollectionWrite = "collection.write",
    ObjectRead = "object.read",
    ObjectExport = "object.export",
    ObjectWrite = "object.write",
    ObjectErase = "object.erase",
    ObjectWithdraw = "object.withdraw",
    HeldRead = "held.read",
    HeldDecide = "held.decide",
    SourceRead = "source.read",
    SourcePull = "source.pull",
    SourceWrite = "source.write",
    SourceOpen = "source.open",
    WarningListRead = "warning-list.read",
    WarningListWrite = "warning-list.write",
    NodeRead = "node.read",
    AuditRead = "audit.read",
    AccountRead = "account.read",
    AccountWrite = "account.write",
    TokenRead = "token.read",
    TokenAdd = "token.add",
    TokenRevoke = "token.revoke",
    StoreVerify = "store.verify",
    StoreCompact = "store.compact",
    StoreBackup = "store.backup",
    RulesRead = "rules.read",
    RulesWrite = "rules.write",
    PeerRead = "peer.read",
    PeerWrite = "peer.write",
    KeyRead = "key.read",
    KeyWrite = "key.write",
    AgreementRead = "agreement.read",
    AgreementPropose = "agreement.propose",
    AgreementSign = "agreement.sign",
    AgreementEnd = "agreement.end",
    DisclosureRead = "disclosure.read",
    DisclosureExplain = "disclosure.explain",
    DisclosureHold = "disclosure.hold",
    ReviewRead = "review.read",
    ReviewDecide = "review.decide",
    ReleaseRead = "release.read",
    ReleaseDraft = "release.draft",
    ReleaseGrant = "release.grant",
    OrconRead = "orcon.read",
    OrconAsk = "orcon.ask",
    OrconAnswer = "orcon.answer",
    DecisionApprove = "decision.approve",
    BreakGlassUse = "break-glass.use",
    QueryRead = "query.read",
    QueryAsk = "query.ask",
    LedgerRead = "ledger.read",
    LedgerReport = "ledger.report",
    CourierExport = "courier.export",
    CourierImport = "courier.import",
    ContainRead = "contain.read",
    ContainPropose = "contain.propose",
    ContainApprove = "contain.approve",
    ContainRelease = "contain.release",
    AlertRead = "alert.read",
    AlertClose = "alert.close",
    DetectRead = "detect.read",
    DetectWrite = "detect.write",
    LogSourceRead = "log-source.read",
    LogSourceWrite = "log-source.write",
    LogPush = "log.push",
    HuntRead = "hunt.read",
    HuntRun = "hunt.run",
    HuntAsk = "hunt.ask",
    HuntApprove = "hunt.approve",
    AnswerRead = "answer.read",
    ObjectFeedback = "object.feedback",
    ObjectMute = "object.mute",
    TelemetryRead = "telemetry.read",
    TelemetryHold = "telemetry.hold",
}

/// Who asks. The caller has authenticated it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The account; `None` for the operator of the node's own machine.
    pub account: Option<AccountId>,
    /// Whose account.
    pub tenant: Tenant,
    /// Its role.
    pub role: Role,
    /// Whether it is the operator of the node's own machine.
    pub local: bool,
    /// Collections that its token is confined to; `None` where nothing confines it. An empty set is none of them.
    pub confined: Option<BTreeSet<CollectionId>>,
}

/// What is acted on: the very object, as it is stored. For acts on nothing in particular: [`Object::of`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Whose it is.
    pub tenant: Tenant,
    /// The account it belongs to: of a token, a session, a status, an account itself.
    pub owner: Option<AccountId>,
    /// The collection it is, or lies in, and whether that one is for everyone.
    pub collection: Option<(CollectionId, bool)>,
}

impl Object {
    /// Something of a tenant that belongs to no account and no collection.
    #[must_use]
    pub const fn of(tenant: Tenant) -> Self {
        Self { tenant, owner: None, collection: None }
    }

    /// The same, belonging to an account.
    #[must_use]
    pub const fn owned_by(self, owner: AccountId) -> Self {
        Self { owner: Some(owner), ..self }
    }

    /// The same, as or in a collection.
    #[must_use]
    pub const fn in_collection(self, collection: CollectionId, public: bool) -> Self {
        Self { collection: Some((collection, public)), ..self }
    }
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Whether it may.
    pub permitted: bool,
    /// The policy that permits it, else the one that forbids it; empty where none is about it.
    pub rule: String,
    /// What it would take, for people: `the role analyst`. Empty where it is permitted.
    pub needs: String,
}

impl Decision {
    fn no(rule: &str, needs: impl Into<String>) -> Self {
        Self { permitted: false, rule: rule.to_owned(), needs: needs.into() }
    }
}

/// The policies that are about one action, so that no other is looked at.
struct Ruled {
    action: EntityUid,
    engine: Engine,
    /// What each permitting policy asks for.
    needs: String,
}

/// Read and compiled once; a decision then looks at the few policies that are about its action.
static RULES: LazyLock<Result<BTreeMap<Action, Ruled>, EngineError>> = LazyLock::new(load);

/// Whether a person may do something to an object. Total: where the policies cannot be asked, nobody may.
#[must_use]
pub fn may(person: &Person, action: Action, object: &Object) -> Decision {
    let rules = match RULES.as_ref() {
        Ok(rules) => rules,
        Err(error) => return Decision::no("engine", format!("policies that can be read: {error}")),
    };
    let Some(ruled) = rules.get(&action) else { return Decision::no("", "a policy about it") };
    let answer = match request(person, ruled, object) {
        Ok(request) => ruled.engine.ask(&request),
        Err(error) => {
            return Decision::no("engine", format!("a request that can be put to the policies: {error}"));
        }
    };
    let first = answer.determining.first().map(String::as_str).unwrap_or_default();
    if let Some(error) = answer.errors.first() {
        return Decision::no("engine", format!("policies that can be evaluated: {error}"));
    }
    if answer.allowed {
        return Decision { permitted: true, rule: first.to_owned(), needs: String::new() };
    }
    let forbidden = ruled.engine.annotation(first, "needs");
    Decision::no(first, forbidden.unwrap_or(&ruled.needs))
}

fn load() -> Result<BTreeMap<Action, Ruled>, EngineError> {
    let wrong = |what: String| EngineError(what);
    let validator = validator(SCHEMA)?;
    let all = PolicySet::from_str(POLICIES).map_err(|error| wrong(error.to_string()))?;
    // One text is one whole: checked together, then dealt out by action.
    Engine::load_with(POLICIES, &validator)?;
    let mut policies: Vec<_> = all.policies().collect();
    policies.sort_by_key(|policy| policy.annotation("id").map(str::to_owned));
    let mut rules = BTreeMap::new();
    for action in validator.schema().actions() {
        let name = action.id().unescaped();
        let known = Action::ALL.iter().find(|known| known.as_str() == name);
        let known =
            known.ok_or_else(|| wrong(format!("a schema with the action `{name}`, which nobody takes")))?;
        let about: Vec<_> = policies
            .iter()
            .filter(|policy| match policy.action_constraint() {
                ActionConstraint::Any => true,
                ActionConstraint::In(actions) => actions.contains(action),
                ActionConstraint::Eq(one) => one == *action,
            })
            .collect();
        let text: Vec<String> = about.iter().filter_map(|policy| policy.to_cedar()).collect();
        if text.len() != about.len() {
            return Err(wrong("a policy that is a template".to_owned()));
        }
        let permits = about.iter().filter(|policy| policy.effect() == cedar_policy::Effect::Permit);
        let needs: Vec<&str> = permits.filter_map(|policy| policy.annotation("needs")).collect();
        let engine = Engine::part(&text.join("\n"))?;
        let ruled = Ruled { action: action.clone(), engine, needs: needs.join("; or ") };
        rules.insert(*known, ruled);
    }
    if let Some(missing) = Action::ALL.iter().find(|action| !rules.contains_key(action)) {
        return Err(wrong(format!("a schema without the action `{}`", missing.as_str())));
    }
    Ok(rules)
}

static NAMES: LazyLock<Option<(EntityUid, EntityUid)>> = LazyLock::new(|| {
    let uid = |text: &str| EntityUid::from_str(text).ok();
    uid("Caller::\"caller\"").zip(uid("Thing::\"it\""))
});

fn request(person: &Person, ruled: &Ruled, object: &Object) -> Result<Request, EngineError> {
    let named = match (&person.confined, object.collection) {
        (None, _) => true,
        (Some(named), Some((collection, _))) => named.contains(&collection),
        (Some(_), None) => false,
    };
    // The operator of this machine has no account, and so have the things that are its own.
    let own = match (person.account, object.owner) {
        (Some(account), Some(owner)) => account == owner,
        (None, None) => person.local,
        _ => false,
    };
    let flags = [
        ("local", person.local),
        ("confined", person.confined.is_some()),
        ("own", own),
        ("named", named),
        ("public", object.collection.is_some_and(|(_, public)| public)),
        ("same_tenant", person.tenant == object.tenant),
    ];
    let role = match person.role {
        Role::Follower => 0,
        Role::Viewer => 1,
        Role::Analyst => 2,
        Role::Admin => 3,
    };
    let mut attributes = vec![("role".to_owned(), RestrictedExpression::new_long(role))];
    attributes.extend(flags.map(|(name, flag)| (name.to_owned(), RestrictedExpression::new_bool(flag))));
    let context = Context::from_pairs(attributes).map_err(|error| EngineError(error.to_string()))?;
    let (caller, thing) = NAMES.clone().ok_or_else(|| EngineError("names that are none".to_owned()))?;
    let request = Request::new(caller, ruled.action.clone(), thing, context, None);
    request.map_err(|error| EngineError(error.to_string()))
}
