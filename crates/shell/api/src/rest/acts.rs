//! Acts on agreements: asking for one, what officers approve, resuming, joining and admitting to a circle.

use agreement::Role;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use model::Digest;
use runtime::trust::{Enrolment, Registry, Wanted};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::agreements::{ApprovalText, agreement_named, one_of, read_approvals, version_named};
use super::legible::StatusBody;
use super::parties::party_named;
use super::sharing::name_of;
use super::wire::Reason;
use crate::app::{App, Shared};
use crate::auth::By;
use crate::extract::{JsonBody, Path};
use crate::problem::{Kind, Problem};

/// A request for an agreement, to be sent.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RequestBody {
    /// Name of the peer.
    peer: String,
    /// What for.
    reason: String,
    /// A text to begin from (TOML).
    text: Option<String>,
}

/// A request for an agreement.
#[derive(Serialize, ToSchema)]
pub(crate) struct RequestedBody {
    /// Its id: what an answer names.
    request: String,
    /// Who asked whom: names of peers, or `us`.
    from: String,
    to: String,
    at: String,
    /// What for.
    reason: String,
    /// A text to begin from, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// Agreements that were offered in answer.
    answered: Vec<String>,
}

/// Requests.
#[derive(Serialize, ToSchema)]
pub(crate) struct RequestList {
    requests: Vec<RequestedBody>,
}

/// A request's id.
#[derive(Serialize, ToSchema)]
pub(crate) struct RequestId {
    request: String,
}

/// Ask a peer for an agreement
#[utoipa::path(
    post, path = "/agreement-requests", tag = "agreements", request_body = RequestBody,
    responses((status = 200, body = RequestId), (status = 404, response = super::ProblemBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn request(
    State(app): State<Shared>,
    By(caller): By,
    JsonBody(body): JsonBody<RequestBody>,
) -> Result<Json<RequestId>, Problem> {
    app.blocking(move |app| {
        let to = party_named(app, &body.peer)?;
        let request = app.core().request_agreement(to, body.text, body.reason.trim(), caller.name())?;
        Ok(Json(RequestId { request: request.to_string() }))
    })
    .await
}

/// List requests for agreements, ours and others'
#[utoipa::path(get, path = "/agreement-requests", tag = "agreements", responses((status = 200, body = RequestList)))]
pub(crate) async fn requests(State(app): State<Shared>) -> Result<Json<RequestList>, Problem> {
    app.blocking(|app| {
        let registry = app.core().registry()?;
        let own = app.core().trust().map(|trust| trust.party);
        let name = |party| {
            if Some(party) == own { "us".to_owned() } else { name_of(&registry, party) }
        };
        let body = |(id, request): (&Digest, &runtime::trust::Requested)| RequestedBody {
            request: id.to_string(),
            from: name(request.from),
            to: name(request.to),
            at: request.at.to_string(),
            reason: request.reason.clone(),
            text: request.document.clone(),
            answered: request.answered.iter().map(ToString::to_string).collect(),
        };
        Ok(Json(RequestList { requests: registry.requests.iter().map(body).collect() }))
    })
    .await
}

/// A request by its id, or by as much of its beginning as tells it apart.
pub(crate) fn request_named(registry: &Registry, text: &str) -> Result<Digest, Problem> {
    one_of(registry.requests.keys().copied(), text)
}

/// What a party that joins a circle says of itself; the rest follows from its key history.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MemberBody {
    /// What the circle is to call it: `[a-z0-9-]+`.
    key: String,
    /// `controller`, `joint-controller` or `processor`, with regard to personal data; `controller` unless said.
    role: Option<String>,
    /// Posts whose holders sign for it, such as `RELEASE_OFFICER`.
    posts: Vec<String>,
    /// How many different persons must sign.
    officers: u32,
    /// Out of how many.
    of: u32,
}

/// An act that officers approve.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WantedBody {
    /// `agree`, `resume`, `join` or `admit`.
    act: String,
    /// For `agree`: the version's hash, or the beginning of it.
    version: Option<String>,
    /// For `join`: what the circle is to know of us.
    member: Option<MemberBody>,
    /// For `admit`: name of the peer, or a party id; absent for the newest membership that we have not signed.
    party: Option<String>,
}

impl WantedBody {
    fn read(self, app: &App, agreement: &str) -> Result<(model::AgreementId, Wanted), Problem> {
        let registry = app.core().registry()?;
        let agreement = agreement_named(&registry, agreement)?;
        let wanted = match (self.act.as_str(), self.version, self.member) {
            ("agree", Some(version), None) => Wanted::Agree(version_named(&registry, agreement, &version)?),
            ("agree", ..) => return Err(Problem::bad("`version` is missing: which one is to be signed?")),
            ("resume", None, None) => Wanted::Resume,
            ("join", None, Some(member)) => Wanted::Join(member.read()?),
            ("join", ..) => {
                return Err(Problem::bad("`member` is missing: what is the circle to know of this node?"));
            }
            ("admit", None, None) => {
                let party = self.party.map(|party| party_named(app, &party)).transpose()?;
                return Ok((agreement, Wanted::Admit(party)));
            }
            _ => {
                return Err(Problem::bad(
                    "`act` is one of `agree`, `resume`, `join`, `admit`, with what belongs to it",
                ));
            }
        };
        Ok((agreement, wanted))
    }
}

impl MemberBody {
    fn read(self) -> Result<Enrolment, Problem> {
        let role = self.role.as_deref().unwrap_or("controller");
        let posts = self
            .posts
            .iter()
            .map(|post| post.parse().map_err(|error| Problem::bad(format!("`posts`: {error}"))));
        let posts: std::collections::BTreeSet<_> = posts.collect::<Result<_, _>>()?;
        if posts.is_empty() || self.officers == 0 || self.officers > self.of {
            return Err(Problem::new(
                Kind::Refused,
                "its signature would be nobody's, or more persons' than there are",
            )
            .hint("name a post, and at least one officer out of at least as many"));
        }
        let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        if self.key.is_empty() || !self.key.bytes().all(plain) {
            return Err(Problem::bad("`key` is a short word of `a` to `z`, `0` to `9` and `-`"));
        }
        Ok(Enrolment {
            key: self.key,
            role: Role::parse(role)
                .ok_or_else(|| Problem::bad("`role` is `controller`, `joint-controller` or `processor`"))?,
            posts,
            officers: self.officers,
            of: self.of,
        })
    }
}

/// What our officers approve for an act
///
/// The exact bytes change with everything this party signs on the agreement: what was approved goes in before anything
/// else is signed.
#[utoipa::path(
    post, path = "/agreements/{agreement}/approvals", tag = "agreements", params(("agreement" = String, Path)),
    request_body = WantedBody,
    responses((status = 200, body = ApprovalText), (status = 404, response = super::ProblemBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn to_approve(
    State(app): State<Shared>,
    Path(agreement): Path<String>,
    JsonBody(body): JsonBody<WantedBody>,
) -> Result<Json<ApprovalText>, Problem> {
    app.blocking(move |app| {
        let (agreement, wanted) = body.read(app, &agreement)?;
        let asked = app.core().to_approve(agreement, &wanted)?;
        Ok(Json(ApprovalText { bytes: asked.bytes, text: asked.reading }))
    })
    .await
}

/// An act with its officers' approvals.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ActBody {
    /// Why, for the other sides.
    reason: Option<String>,
    /// Each as its canonical JSON text.
    approvals: Vec<String>,
    /// What they approved.
    wanted: WantedBody,
}

/// Do an act that officers have approved
#[utoipa::path(
    post, path = "/agreements/{agreement}/acts", tag = "agreements", params(("agreement" = String, Path)), request_body = ActBody,
    responses((status = 200, body = StatusBody), (status = 404, response = super::ProblemBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn act(
    State(app): State<Shared>,
    By(caller): By,
    Path(agreement): Path<String>,
    JsonBody(body): JsonBody<ActBody>,
) -> Result<Json<StatusBody>, Problem> {
    let approvals = read_approvals(&body.approvals)?;
    app.blocking(move |app| {
        let (agreement, wanted) = body.wanted.read(app, &agreement)?;
        let reason = body.reason.unwrap_or_default();
        app.core().act_approved(agreement, &wanted, approvals, reason.trim(), caller.name())?;
        let version = if let Wanted::Agree(version) = wanted { Some(version) } else { None };
        Ok(Json(StatusBody::now(app, agreement, version)?))
    })
    .await
}

/// Take back the signature of a version or membership
///
/// As long as it was not verified here; afterwards it is suspended or ended.
#[utoipa::path(
    post, path = "/agreements/{agreement}/versions/{version}/retract", tag = "agreements",
    params(("agreement" = String, Path), ("version" = String, Path)), request_body = Reason,
    responses((status = 200, body = StatusBody), (status = 404, response = super::ProblemBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn retract(
    State(app): State<Shared>,
    By(caller): By,
    Path((agreement, version)): Path<(String, String)>,
    JsonBody(reason): JsonBody<Reason>,
) -> Result<Json<StatusBody>, Problem> {
    let reason = reason.given()?;
    app.blocking(move |app| {
        let registry = app.core().registry()?;
        let agreement = agreement_named(&registry, &agreement)?;
        let memberships = registry.agreements.get(&agreement).into_iter().flat_map(|agreed| {
            let state = &agreed.state;
            state
                .proposed
                .keys()
                .chain(state.memberships.values().map(|membership| &membership.hash))
                .copied()
        });
        let version = version_named(&registry, agreement, &version)
            .or_else(|missing| one_of(memberships, &version).map_err(|_| missing))?;
        app.core().retract(agreement, version, &reason, caller.name())?;
        Ok(Json(StatusBody::now(app, agreement, Some(version))?))
    })
    .await
}

/// Whom to introduce.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct IntroductionBody {
    /// Name of the peer.
    peer: String,
}

/// Show a circle to a peer, so that it can ask to join
///
/// From now on the peer is told of every act on it.
#[utoipa::path(
    post, path = "/agreements/{agreement}/introductions", tag = "agreements", params(("agreement" = String, Path)),
    request_body = IntroductionBody,
    responses((status = 204), (status = 404, response = super::ProblemBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn introduce(
    State(app): State<Shared>,
    By(caller): By,
    Path(agreement): Path<String>,
    JsonBody(body): JsonBody<IntroductionBody>,
) -> Result<StatusCode, Problem> {
    app.blocking(move |app| {
        let registry = app.core().registry()?;
        let agreement = agreement_named(&registry, &agreement)?;
        let peer = party_named(app, &body.peer)?;
        app.core().introduce(agreement, peer, caller.name())?;
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}
