//! How the terms of agreements stand, and what persons decide under them: emergencies, releases by originators, notice.

use axum::Json;
use axum::extract::State;
use model::{Digest, PartyId};
use runtime::trust::{Emergency, Flow, Registry, ReleaseRequest, Wait};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::agreements::{agreement_named, one_of, read_approvals};
use super::legible::agreement_name;
use super::parties::party_named;
use super::sharing::name_of;
use super::wire::Reason;
use crate::app::Shared;
use crate::auth::By;
use crate::extract::{JsonBody, Path};
use crate::problem::{Kind, Problem};

/// One direction of an agreement.
#[derive(Serialize, ToSchema)]
pub(crate) struct FlowBody {
    agreement: String,
    peer: String,
    /// `out` or `in`.
    direction: &'static str,
    /// Objects in the hour before now, and the most there may be.
    objects_in_hour: u64,
    objects_per_hour: u64,
    /// Objects in the day before now, and the most there may be.
    objects_in_day: u64,
    objects_per_day: u64,
    /// Bytes in the day before now, and the most there may be.
    bytes_in_day: u64,
    bytes_per_day: u64,
    /// Objects that wait to be sent.
    waiting: u64,
    /// What they wait for.
    #[serde(skip_serializing_if = "Option::is_none")]
    waits: Option<String>,
    /// Until when, if nothing else is sent before.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
}

impl FlowBody {
    fn new(registry: &Registry, flow: Flow) -> Self {
        let until = match &flow.wait {
            Some(Wait::Cap(over)) => over.until.map(|until| until.to_string()),
            _ => None,
        };
        Self {
            agreement: flow.agreement.to_string(),
            peer: name_of(registry, flow.peer),
            direction: if flow.outbound { "out" } else { "in" },
            objects_in_hour: flow.objects_in_hour,
            objects_per_hour: flow.caps.objects_per_hour,
            objects_in_day: flow.objects_in_day,
            objects_per_day: flow.caps.objects_per_day,
            bytes_in_day: flow.bytes_in_day,
            bytes_per_day: flow.caps.bytes_per_day,
            waiting: flow.waiting,
            waits: flow.wait.map(|wait| wait.to_string()),
            until,
        }
    }
}

/// Something that will happen by itself.
#[derive(Serialize, ToSchema)]
pub(crate) struct ComingBody {
    at: String,
    agreement: String,
    what: String,
    /// Whether something stops.
    stops: bool,
}

/// How far witnesses have come with this node's ledger.
#[derive(Serialize, ToSchema)]
pub(crate) struct QuorumBody {
    agreement: String,
    /// How many must have cosigned.
    needed: u32,
    /// How many have cosigned all of it.
    reached: u32,
    /// Entries that as many as must have cosigned, and entries in all.
    covered: u64,
    size: u64,
    /// Since when entries have waited too long.
    #[serde(skip_serializing_if = "Option::is_none")]
    late_since: Option<String>,
}

/// How the terms of every agreement in force stand.
#[derive(Serialize, ToSchema)]
pub(crate) struct StandingBody {
    flows: Vec<FlowBody>,
    /// Within thirty days, soonest first.
    coming: Vec<ComingBody>,
    /// Objects kept under agreements, and how many of them beyond their time.
    kept: u64,
    overdue: u64,
    quorums: Vec<QuorumBody>,
}

/// How the terms of agreements stand
#[utoipa::path(get, path = "/sharing/status", tag = "sharing", responses((status = 200, body = StandingBody)))]
pub(crate) async fn standing(State(app): State<Shared>) -> Result<Json<StandingBody>, Problem> {
    app.blocking(|app| {
        let registry = app.core().registry()?;
        let standing = app.core().standing()?;
        let coming = standing.coming.into_iter().map(|one| ComingBody {
            at: one.at.to_string(),
            agreement: one.agreement.to_string(),
            what: one.what,
            stops: one.stops,
        });
        let quorums = standing.quorums.into_iter().map(|quorum| QuorumBody {
            agreement: quorum.agreement.to_string(),
            needed: quorum.needed,
            reached: quorum.reached,
            covered: quorum.covered,
            size: quorum.size,
            late_since: quorum.late_since.map(|at| at.to_string()),
        });
        Ok(Json(StandingBody {
            flows: standing.flows.into_iter().map(|flow| FlowBody::new(&registry, flow)).collect(),
            coming: coming.collect(),
            kept: standing.kept,
            overdue: standing.overdue,
            quorums: quorums.collect(),
        }))
    })
    .await
}

/// When a party will be out.
#[derive(Serialize, ToSchema)]
pub(crate) struct NoticeBody {
    /// The node ends the agreement, or leaves the circle, by itself then.
    ends: String,
}

/// Give notice
///
/// Everything flows until the notice that the text asks for is over. To stop at once, end or suspend.
#[utoipa::path(
    post, path = "/agreements/{agreement}/notice", tag = "agreements", params(("agreement" = String, Path)), request_body = Reason,
    responses((status = 200, body = NoticeBody), (status = 404, response = super::ProblemBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn notice(
    State(app): State<Shared>,
    By(caller): By,
    Path(agreement): Path<String>,
    JsonBody(reason): JsonBody<Reason>,
) -> Result<Json<NoticeBody>, Problem> {
    let reason = reason.given()?;
    app.blocking(move |app| {
        let agreement = agreement_named(&*app.core().registry()?, &agreement)?;
        let ends = app.core().give_notice(agreement, &reason, caller.name())?;
        Ok(Json(NoticeBody { ends: ends.to_string() }))
    })
    .await
}

/// What officers sign.
#[derive(Serialize, ToSchema)]
pub(crate) struct DecisionText {
    /// The exact bytes, as text: canonical JSON.
    bytes: String,
}

/// An emergency to be declared.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EmergencyDraft {
    /// Names or ids of the parties that may be given more; empty for all whom the clause names.
    #[serde(default)]
    to: Vec<String>,
    reason: String,
    /// Although an emergency of ours under this agreement has not ended yet.
    #[serde(default)]
    again: bool,
}

/// The bytes that declare an emergency from now on
#[utoipa::path(
    post, path = "/agreements/{agreement}/break-glass/approval", tag = "agreements", params(("agreement" = String, Path)),
    request_body = EmergencyDraft,
    responses((status = 200, body = DecisionText), (status = 404, response = super::ProblemBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn emergency_approval(
    State(app): State<Shared>,
    Path(agreement): Path<String>,
    JsonBody(body): JsonBody<EmergencyDraft>,
) -> Result<Json<DecisionText>, Problem> {
    let reason = Reason::of(body.reason).given()?;
    app.blocking(move |app| {
        let agreement = agreement_named(&*app.core().registry()?, &agreement)?;
        let to = body.to.iter().map(|name| party_named(app, name)).collect::<Result<_, _>>()?;
        let (own, now) = (app.core().party()?.party, app.now());
        let open = app.core().registry()?.emergencies().into_iter().find(|one| {
            one.party == own && one.agreement == agreement && one.reported.is_none() && now < one.expires
        });
        if let Some(open) = open.filter(|_| !body.again) {
            return Err(Problem::new(
                Kind::Refused,
                format!(
                    "an emergency is declared under this agreement already: {}, until {}",
                    open.declaration, open.expires
                ),
            )
            .hint("`shieldwall break-glass list` shows it; to declare another one beside it, add --again"));
        }
        Ok(Json(DecisionText { bytes: app.core().emergency_bytes(agreement, to, &reason)? }))
    })
    .await
}

/// A report on an emergency.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EmergencyReportDraft {
    /// `justified` or `not-justified`.
    outcome: String,
    /// What happened and why it was needed.
    report: String,
}

/// The bytes that report on an emergency
#[utoipa::path(
    post, path = "/break-glass/{declaration}/approval", tag = "agreements", params(("declaration" = String, Path)),
    request_body = EmergencyReportDraft,
    responses((status = 200, body = DecisionText), (status = 404, response = super::ProblemBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn emergency_report_approval(
    State(app): State<Shared>,
    Path(declaration): Path<String>,
    JsonBody(body): JsonBody<EmergencyReportDraft>,
) -> Result<Json<DecisionText>, Problem> {
    let report = Reason::of(body.report).given()?;
    app.blocking(move |app| {
        let registry = app.core().registry()?;
        let known = registry.emergencies().into_iter().map(|one| one.declaration);
        let declaration = one_of(known, &declaration)?;
        let bytes = app.core().emergency_report_bytes(declaration, &body.outcome, &report)?;
        Ok(Json(DecisionText { bytes }))
    })
    .await
}

/// A use of an emergency clause.
#[derive(Serialize, ToSchema)]
pub(crate) struct EmergencyBody {
    declaration: String,
    agreement: String,
    /// The agreement's name.
    name: String,
    /// Who declared it, and gives.
    party: String,
    to: Vec<String>,
    reason: String,
    declared: String,
    /// It ends by itself then.
    expires: String,
    report_due: String,
    /// `in-use`, `report-due`, `report-overdue` or `reported`.
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<String>,
}

/// Uses of emergency clauses, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct EmergencyList {
    uses: Vec<EmergencyBody>,
}

/// List uses of emergency clauses
#[utoipa::path(get, path = "/break-glass", tag = "agreements", responses((status = 200, body = EmergencyList)))]
pub(crate) async fn emergencies(State(app): State<Shared>) -> Result<Json<EmergencyList>, Problem> {
    app.blocking(|app| {
        let registry = app.core().registry()?;
        let now = app.now();
        let body = |one: Emergency| EmergencyBody {
            declaration: one.declaration.to_string(),
            agreement: one.agreement.to_string(),
            name: agreement_name(&registry, one.agreement),
            party: own_or(&registry, app.core().party().ok().map(|trust| trust.party), one.party),
            to: one.to.iter().map(|party| name_of(&registry, *party)).collect(),
            reason: one.reason,
            declared: one.declared.to_string(),
            expires: one.expires.to_string(),
            report_due: one.report_due.to_string(),
            state: match one.reported {
                Some(_) => "reported",
                None if now < one.expires => "in-use",
                None if now < one.report_due => "report-due",
                None => "report-overdue",
            },
            outcome: one.reported,
        };
        Ok(Json(EmergencyList { uses: registry.emergencies().into_iter().map(body).collect() }))
    })
    .await
}

/// An object to be let go.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReleaseDraft {
    /// Name or id of the party it would go to.
    to: String,
    reason: String,
}

/// What was asked.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReleaseAsked {
    /// One for each originator.
    requests: Vec<String>,
}

/// Ask an object's originators to let it go to a party
#[utoipa::path(
    post, path = "/objects/{id}/release-requests", tag = "sharing", params(("id" = String, Path)), request_body = ReleaseDraft,
    responses((status = 200, body = ReleaseAsked), (status = 404, response = super::ProblemBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn request_release(
    State(app): State<Shared>,
    By(caller): By,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<ReleaseDraft>,
) -> Result<Json<ReleaseAsked>, Problem> {
    let id = id.parse().map_err(|_| Problem::bad("the id is not a STIX id"))?;
    let reason = Reason::of(body.reason).given()?;
    app.blocking(move |app| {
        let to = party_named(app, &body.to)?;
        let requests = app.core().request_release(&id, to, &reason, caller.name())?;
        Ok(Json(ReleaseAsked { requests: requests.iter().map(ToString::to_string).collect() }))
    })
    .await
}

/// A request to an originator.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReleaseBody {
    request: String,
    agreement: String,
    /// Who asks.
    from: String,
    /// Who is asked.
    originator: String,
    /// To whom the object would go.
    to: String,
    /// Absent once it was erased here.
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<String>,
    reason: String,
    at: String,
    /// `open`, `granted` or `refused`.
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<String>,
}

/// Requests to originators, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReleaseList {
    requests: Vec<ReleaseBody>,
}

/// List requests to originators, ours and those to us
#[utoipa::path(get, path = "/release-requests", tag = "sharing", responses((status = 200, body = ReleaseList)))]
pub(crate) async fn release_requests(State(app): State<Shared>) -> Result<Json<ReleaseList>, Problem> {
    app.blocking(|app| {
        let registry = app.core().registry()?;
        let own = app.core().party().ok().map(|trust| trust.party);
        let body = |request: ReleaseRequest| ReleaseBody {
            request: request.request.to_string(),
            agreement: request.agreement.to_string(),
            from: own_or(&registry, own, request.from),
            originator: own_or(&registry, own, request.originator),
            to: own_or(&registry, own, request.to),
            object: request.object.map(|id| id.to_string()),
            reason: request.reason,
            at: request.at.to_string(),
            state: match request.granted {
                None => "open",
                Some(true) => "granted",
                Some(false) => "refused",
            },
            answer: request.answer,
        };
        Ok(Json(ReleaseList { requests: app.core().release_requests()?.into_iter().map(body).collect() }))
    })
    .await
}

/// An answer to a request.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AnswerDraft {
    granted: bool,
    reason: String,
}

/// The bytes that answer a request
#[utoipa::path(
    post, path = "/release-requests/{request}/approval", tag = "sharing", params(("request" = String, Path)), request_body = AnswerDraft,
    responses((status = 200, body = DecisionText), (status = 404, response = super::ProblemBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn answer_approval(
    State(app): State<Shared>,
    Path(request): Path<String>,
    JsonBody(body): JsonBody<AnswerDraft>,
) -> Result<Json<DecisionText>, Problem> {
    let reason = Reason::of(body.reason).given()?;
    app.blocking(move |app| {
        let known = app.core().release_requests()?.into_iter().map(|request| request.request);
        let request = one_of(known, &request)?;
        let bytes = app.core().release_answer_bytes(request, body.granted, &reason)?;
        Ok(Json(DecisionText { bytes }))
    })
    .await
}

/// A decision and who approved it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApprovedDecision {
    /// The bytes that were approved.
    bytes: String,
    /// Officers' approvals, each as its canonical JSON text; a refusal needs none.
    approvals: Vec<String>,
}

/// What was decided.
#[derive(Serialize, ToSchema)]
pub(crate) struct DecisionMade {
    /// The hash of the signed document.
    decision: String,
}

/// Take a decision that officers approved
///
/// The node signs it, keeps it, and tells those whom it concerns.
#[utoipa::path(
    post, path = "/approved-decisions", tag = "agreements", request_body = ApprovedDecision,
    responses((status = 200, body = DecisionMade), (status = 404, response = super::ProblemBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn decide(
    State(app): State<Shared>,
    By(caller): By,
    JsonBody(body): JsonBody<ApprovedDecision>,
) -> Result<Json<DecisionMade>, Problem> {
    let approvals = read_approvals(&body.approvals)?;
    app.blocking(move |app| {
        let decision: Digest = app.core().decide_approved(&body.bytes, approvals, caller.name())?;
        Ok(Json(DecisionMade { decision: decision.to_string() }))
    })
    .await
}

fn own_or(registry: &Registry, own: Option<PartyId>, party: PartyId) -> String {
    if own == Some(party) { "us".to_owned() } else { name_of(registry, party) }
}
