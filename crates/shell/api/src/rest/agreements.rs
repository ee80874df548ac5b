//! Agreements: texts, signatures, how far they have come, and what they would mean.

use std::collections::BTreeMap;

use agreement::acts::What;
use agreement::templates::{TEMPLATES, instantiate};
use axum::Json;
use axum::extract::State;
use keys::posts::Approval;
use model::{AgreementId, Digest};
use runtime::trust::{Agreed, Exposure, LISTED};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::legible::{ClauseBody, Names, StatusBody, has_left, memberships};
use super::parties::party_named;
use super::sharing::name_of;
use super::wire::Reason;
use crate::app::Shared;
use crate::auth::By;
use crate::extract::{JsonBody, Path, Query};
use crate::problem::{Kind, Problem};

/// A ready-made text.
#[derive(Serialize, ToSchema)]
pub(crate) struct TemplateBody {
    name: &'static str,
    about: &'static str,
    /// The text, with `{{name}}` and `{{name|default}}` where values go.
    text: &'static str,
    /// Values it needs.
    needs: Vec<&'static str>,
}

/// Ready-made texts.
#[derive(Serialize, ToSchema)]
pub(crate) struct TemplateList {
    templates: Vec<TemplateBody>,
}

/// List templates
#[utoipa::path(get, path = "/agreement-templates", tag = "agreements", responses((status = 200, body = TemplateList)))]
pub(crate) async fn templates() -> Json<TemplateList> {
    let body = |template: &agreement::templates::Template| TemplateBody {
        name: template.name,
        about: template.about,
        text: template.text,
        needs: template
            .places()
            .iter()
            .filter(|place| place.default.is_none())
            .map(|place| place.name)
            .collect(),
    };
    Json(TemplateList { templates: TEMPLATES.iter().map(body).collect() })
}

/// Values for a template.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FillBody {
    values: BTreeMap<String, String>,
}

/// A text.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TextBody {
    /// TOML.
    pub(super) text: String,
}

/// Fill a template in
#[utoipa::path(
    post, path = "/agreement-templates/{name}", tag = "agreements", params(("name" = String, Path)), request_body = FillBody,
    responses((status = 200, body = TextBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn fill(
    Path(name): Path<String>,
    JsonBody(body): JsonBody<FillBody>,
) -> Result<Json<TextBody>, Problem> {
    let text = instantiate(&name, &body.values)
        .map_err(|problem| Problem::new(Kind::Refused, problem.to_string()))?;
    Ok(Json(TextBody { text }))
}

/// One thing that is the matter with a text.
#[derive(Serialize, ToSchema)]
pub(crate) struct TermsProblem {
    /// `note`, `warning` or `error`.
    severity: &'static str,
    /// TOML path; lists count from 1. Empty is the whole text.
    path: String,
    /// Line, from 1.
    line: usize,
    message: String,
    hint: String,
}

impl From<&agreement::Problem> for TermsProblem {
    fn from(problem: &agreement::Problem) -> Self {
        Self {
            severity: problem.severity.as_str(),
            path: problem.pointer.clone(),
            line: problem.line,
            message: problem.message.clone(),
            hint: problem.hint.clone(),
        }
    }
}

/// What a check says.
#[derive(Serialize, ToSchema)]
pub(crate) struct CheckBody {
    /// Whether it could be signed.
    sound: bool,
    problems: Vec<TermsProblem>,
    /// The policy it compiles to, for reading.
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<String>,
}

/// Check a text
#[utoipa::path(post, path = "/agreements/check", tag = "agreements", request_body = TextBody, responses((status = 200, body = CheckBody)))]
pub(crate) async fn check(
    State(app): State<Shared>,
    JsonBody(body): JsonBody<TextBody>,
) -> Result<Json<CheckBody>, Problem> {
    app.blocking(move |app| {
        Ok(Json(match app.core().check_terms(&body.text) {
            Ok((terms, _)) => {
                let policy = policy::Policy::compile(&terms, AgreementId(Digest::ZERO)).ok();
                let reading = agreement::Terms::read_toml_at(&body.text, app.now());
                let problems = reading.problems.iter().map(TermsProblem::from).collect();
                CheckBody {
                    sound: true,
                    problems,
                    policy: policy.map(|policy| policy.cedar_text().to_owned()),
                }
            }
            Err(problems) => CheckBody {
                sound: false,
                problems: problems.iter().map(TermsProblem::from).collect(),
                policy: None,
            },
        }))
    })
    .await
}

/// A text to put forward.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProposeBody {
    /// TOML. A later version names the version it follows.
    text: String,
    /// For the other side.
    reason: Option<String>,
    /// The request it answers, or the beginning of its id.
    answers: Option<String>,
}

/// What was put forward.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProposedBody {
    agreement: String,
    version: String,
}

/// Put a text forward
#[utoipa::path(
    post, path = "/agreements", tag = "agreements", request_body = ProposeBody,
    responses((status = 200, body = ProposedBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn propose(
    State(app): State<Shared>,
    By(caller): By,
    JsonBody(body): JsonBody<ProposeBody>,
) -> Result<Json<ProposedBody>, Problem> {
    app.blocking(move |app| {
        let reason = body.reason.unwrap_or_default();
        let registry = app.core().registry()?;
        let request = |text: String| super::acts::request_named(&registry, &text);
        let answers = body.answers.map(request).transpose()?;
        drop(registry);
        let proposed = app.core().propose_in_answer(&body.text, answers, &reason, caller.name())?;
        Ok(Json(ProposedBody {
            agreement: proposed.agreement.to_string(),
            version: proposed.version.to_string(),
        }))
    })
    .await
}

/// One version of an agreement.
#[derive(Serialize, ToSchema)]
pub(crate) struct VersionBody {
    /// Its hash.
    version: String,
    /// Its number.
    number: u32,
    name: String,
    start: String,
    review: String,
    expiry: String,
    /// Who has put it forward, accepted, signed, verified and entered it, by name.
    offered: Vec<String>,
    accepted: Vec<String>,
    agreed: Vec<String>,
    verified: Vec<String>,
    entered: Vec<String>,
    /// Whether all who must have done all that.
    complete: bool,
    /// What is missing.
    missing: Vec<String>,
    /// What may flow under it.
    clauses: Vec<ClauseBody>,
}

/// Who is in a circle.
#[derive(Serialize, ToSchema)]
pub(crate) struct MembershipBody {
    /// Its hash.
    membership: String,
    /// Its number: what envelopes name.
    number: u32,
    /// Whether enough members have signed it.
    in_effect: bool,
    /// Every member, those who have left since included.
    members: Vec<String>,
    /// Those of them who have left.
    left: Vec<String>,
    /// Who has signed it: nobody else takes anything under it.
    signed: Vec<String>,
}

/// An agreement.
#[derive(Serialize, ToSchema)]
pub(crate) struct AgreementBody {
    /// Its id.
    agreement: String,
    /// Its name, by the newest text.
    name: String,
    /// `requested`, `offered`, `accepted`, `agreed`, `verified`, `in-force`, `suspended` or `ended`.
    status: &'static str,
    /// Why it is not in force, or no further.
    reasons: Vec<String>,
    /// The version that governs, or the furthest there is.
    #[serde(skip_serializing_if = "Option::is_none")]
    current: Option<String>,
    /// Who takes part now.
    active: Vec<String>,
    /// Whether we took part and do so no more.
    left: bool,
    /// Members to and from whom nothing may flow for now, and why.
    blocked: BTreeMap<String, Vec<String>>,
    versions: Vec<VersionBody>,
    /// Of a circle: its memberships under the version that governs, and those that some have signed.
    memberships: Vec<MembershipBody>,
    /// Of a circle: who asked to join and is no member yet.
    joining: Vec<String>,
    /// What this node can do next, as words of the command line.
    next: Vec<String>,
    /// Acts that do not count, by hash, and why.
    refused: BTreeMap<String, String>,
    /// Acts that do not count yet, and what they wait for.
    waiting: BTreeMap<String, String>,
    /// What will stop or is due within thirty days.
    upcoming: Vec<String>,
    /// What is worth knowing and stops nothing: clocks that differ, countries that do not fit, a review that is overdue.
    notes: Vec<String>,
}

impl AgreementBody {
    fn new(
        agreed: &Agreed,
        registry: &runtime::trust::Registry,
        own: Option<model::PartyId>,
        now: model::Timestamp,
    ) -> Self {
        let state = &agreed.state;
        let names = Names::new(agreed, registry);
        let name = |party: &model::PartyId| names.of(party);
        let all = |parties: &std::collections::BTreeSet<model::PartyId>| names.all(parties);
        let version = |(hash, version): (&Digest, &agreement::acts::VersionState)| VersionBody {
            version: hash.to_string(),
            number: version.proposal.terms.version,
            name: version.proposal.terms.name.clone(),
            start: version.proposal.terms.start.to_string(),
            review: version.proposal.terms.review.to_string(),
            expiry: version.proposal.terms.expiry.to_string(),
            offered: all(&version.offered),
            accepted: all(&version.accepted),
            agreed: version.agreed.keys().map(name).collect(),
            verified: all(&version.verified),
            entered: all(&version.entered),
            complete: version.complete,
            missing: version.missing.iter().map(|reason| names.readable(reason)).collect(),
            clauses: ClauseBody::all(&version.proposal.terms, &names),
        };
        let circle = state
            .version()
            .is_some_and(|version| matches!(version.proposal.terms.form, agreement::Form::Circle(_)));
        let title = state.version().or_else(|| state.versions.values().last());
        Self {
            agreement: state.agreement.to_string(),
            name: title.map(|version| version.proposal.terms.name.clone()).unwrap_or_default(),
            status: state.status.as_str(),
            reasons: state.reasons.iter().map(|reason| names.readable(reason)).collect(),
            current: state.current.map(|hash| hash.to_string()),
            active: all(&state.active),
            left: own.is_some_and(|own| has_left(state, &own)),
            blocked: state
                .blocked
                .iter()
                .map(|(party, reasons)| {
                    (name(party), reasons.iter().map(|reason| names.readable(reason)).collect())
                })
                .collect(),
            versions: state.versions.iter().map(version).collect(),
            memberships: memberships(state)
                .filter(|_| circle)
                .map(|membership| MembershipBody {
                    membership: membership.hash.to_string(),
                    number: membership.number,
                    in_effect: state.memberships.contains_key(&membership.number)
                        && !state.proposed.contains_key(&membership.hash),
                    members: names.all(membership.members.keys()),
                    left: names.all(membership.members.keys().filter(|party| has_left(state, party))),
                    signed: all(&membership.signed),
                })
                .collect(),
            joining: state.joining.keys().map(name).collect(),
            next: own.map(|own| state.next_steps(&own)).unwrap_or_default().iter().map(next).collect(),
            refused: state
                .refused
                .iter()
                .map(|(hash, why)| (hash.to_string(), names.readable(why)))
                .collect(),
            waiting: state.waiting.iter().map(|(hash, why)| (hash.to_string(), why.to_string())).collect(),
            upcoming: state.upcoming(now, 30).iter().map(|one| names.readable(upcoming(one))).collect(),
            notes: state.notes.iter().map(|note| names.readable(note)).collect(),
        }
    }
}

/// Agreements.
#[derive(Serialize, ToSchema)]
pub(crate) struct AgreementList {
    agreements: Vec<AgreementBody>,
}

/// List agreements
#[utoipa::path(get, path = "/agreements", tag = "agreements", responses((status = 200, body = AgreementList)))]
pub(crate) async fn list(State(app): State<Shared>) -> Result<Json<AgreementList>, Problem> {
    app.blocking(|app| {
        let registry = app.core().registry()?;
        let own = app.core().trust().map(|trust| trust.party);
        let body = |agreed| AgreementBody::new(agreed, &registry, own, app.now());
        let agreements = registry.agreements.values().map(AsRef::as_ref).map(body);
        Ok(Json(AgreementList { agreements: agreements.collect() }))
    })
    .await
}

/// An agreement
#[utoipa::path(
    get, path = "/agreements/{agreement}", tag = "agreements", params(("agreement" = String, Path)),
    responses((status = 200, body = AgreementBody), (status = 404, response = super::ProblemBody))
)]
pub(crate) async fn get(
    State(app): State<Shared>,
    Path(text): Path<String>,
) -> Result<Json<AgreementBody>, Problem> {
    app.blocking(move |app| {
        let registry = app.core().registry()?;
        let agreement = agreement_named(&registry, &text)?;
        let agreed = registry.agreements.get(&agreement).ok_or_else(|| Problem::missing("that agreement"))?;
        let own = app.core().trust().map(|trust| trust.party);
        Ok(Json(AgreementBody::new(agreed, &registry, own, app.now())))
    })
    .await
}

/// What officers sign.
#[derive(Serialize, ToSchema)]
pub(crate) struct ApprovalText {
    /// The exact bytes, as text: canonical JSON.
    pub(crate) bytes: String,
    /// For reading: the version's TOML text, or who will be in the circle.
    pub(crate) text: String,
}

/// What our officers sign
#[utoipa::path(
    get, path = "/agreements/{agreement}/versions/{version}/approval", tag = "agreements",
    params(("agreement" = String, Path), ("version" = String, Path)),
    responses((status = 200, body = ApprovalText), (status = 404, response = super::ProblemBody))
)]
pub(crate) async fn approval(
    State(app): State<Shared>,
    Path((agreement, version)): Path<(String, String)>,
) -> Result<Json<ApprovalText>, Problem> {
    app.blocking(move |app| {
        let registry = app.core().registry()?;
        let agreement = agreement_named(&registry, &agreement)?;
        let version = version_named(&registry, agreement, &version)?;
        let bytes = app.core().approval_bytes(agreement, version)?;
        let text = app.core().document_of(agreement, version)?;
        Ok(Json(ApprovalText { bytes, text }))
    })
    .await
}

/// Officers' approvals.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApprovalsBody {
    /// Each as its canonical JSON text.
    approvals: Vec<String>,
}

/// Sign a version
///
/// With the approvals of as many officers as the text asks for.
#[utoipa::path(
    post, path = "/agreements/{agreement}/versions/{version}/signature", tag = "agreements",
    params(("agreement" = String, Path), ("version" = String, Path)), request_body = ApprovalsBody,
    responses((status = 200, body = StatusBody), (status = 404, response = super::ProblemBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn sign(
    State(app): State<Shared>,
    By(caller): By,
    Path((agreement, version)): Path<(String, String)>,
    JsonBody(body): JsonBody<ApprovalsBody>,
) -> Result<Json<StatusBody>, Problem> {
    let approvals = read_approvals(&body.approvals)?;
    app.blocking(move |app| {
        let registry = app.core().registry()?;
        let agreement = agreement_named(&registry, &agreement)?;
        let version = version_named(&registry, agreement, &version)?;
        drop(registry);
        app.core().sign_agreement(agreement, version, approvals, caller.name())?;
        Ok(Json(StatusBody::now(app, agreement, Some(version))?))
    })
    .await
}

pub(crate) fn read_approvals(texts: &[String]) -> Result<Vec<Approval>, Problem> {
    let parse =
        |text: &String| Approval::parse(text.as_bytes()).map_err(|problem| Problem::bad(problem.to_string()));
    texts.iter().map(parse).collect()
}

macro_rules! act {
    ($name:ident, $path:literal, $what:expr, $title:literal) => {
        #[doc = $title]
        #[utoipa::path(
            post, path = $path, tag = "agreements", params(("agreement" = String, Path)), request_body = Reason,
            responses(
                (status = 200, body = StatusBody), (status = 404, response = super::ProblemBody),
                (status = 422, response = super::ProblemBody)
            )
        )]
        pub(crate) async fn $name(
            State(app): State<Shared>,
            By(caller): By,
            Path(agreement): Path<String>,
            JsonBody(reason): JsonBody<Reason>,
        ) -> Result<Json<StatusBody>, Problem> {
            let reason = reason.given()?;
            app.blocking(move |app| {
                let registry = app.core().registry()?;
                let agreement = agreement_named(&registry, &agreement)?;
                drop(registry);
                app.core().act_on(agreement, $what, &reason, caller.name())?;
                Ok(Json(StatusBody::now(app, agreement, None)?))
            })
            .await
        }
    };
}

act!(suspend, "/agreements/{agreement}/suspend", What::Suspend, "Suspend an agreement, for our part");
act!(end, "/agreements/{agreement}/end", What::End, "End an agreement, alone and at once");
act!(leave, "/agreements/{agreement}/leave", What::Leave, "Leave a circle, at once");

/// What would change for one party.
#[derive(Serialize, ToSchema)]
pub(crate) struct ExposureParty {
    /// The party.
    party: String,
    /// What it is called here.
    name: String,
    /// Objects it would newly be given, by type and label.
    exposed: BTreeMap<String, u64>,
    /// Objects it would no longer be given.
    withdrawn: BTreeMap<String, u64>,
    /// Objects it is given either way, but under other obligations.
    altered: BTreeMap<String, u64>,
    unchanged: u64,
    withheld: u64,
}

/// One object that would fare differently.
#[derive(Serialize, ToSchema)]
pub(crate) struct ExposureItem {
    party: String,
    /// What the party is called here.
    name: String,
    id: String,
    /// `exposed`, `withdrawn` or `altered`.
    change: &'static str,
    clause: String,
}

/// What an agreement would mean for what we hold.
#[derive(Serialize, ToSchema)]
pub(crate) struct ExposureBody {
    /// Objects looked at.
    objects: u64,
    parties: Vec<ExposureParty>,
    /// The first of them.
    listed: Vec<ExposureItem>,
    /// Whether there are more than are listed.
    more: bool,
}

impl ExposureBody {
    pub(super) fn new(registry: &runtime::trust::Registry, exposure: Exposure) -> Self {
        let counted = |changes: &[policy::diff::Change]| {
            let counts = policy::diff::by_type_and_label(changes);
            counts.into_iter().map(|((kind, label), count)| (format!("{kind} {label}"), count)).collect()
        };
        let party = |(party, diff): (&model::PartyId, &policy::diff::PartyDiff)| ExposureParty {
            party: party.to_string(),
            name: name_of(registry, *party),
            exposed: counted(&diff.exposed),
            withdrawn: counted(&diff.withdrawn),
            altered: counted(&diff.altered),
            unchanged: diff.unchanged,
            withheld: diff.withheld,
        };
        Self {
            objects: exposure.report.objects,
            parties: exposure.report.parties.iter().map(party).collect(),
            listed: exposure
                .listed
                .into_iter()
                .map(|item| ExposureItem {
                    party: item.to.to_string(),
                    name: name_of(registry, item.to),
                    id: item.object.to_string(),
                    change: item.change,
                    clause: item.clause,
                })
                .collect(),
            more: exposure.more,
        }
    }
}

/// A text to look at.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DiffBody {
    /// TOML.
    pub(super) text: String,
    /// Objects to list at most.
    limit: Option<usize>,
}

impl DiffBody {
    /// Objects to list at most, within bounds.
    pub(super) fn limit(&self) -> usize {
        self.limit.unwrap_or(LISTED).min(100_000)
    }
}

/// What a text would newly expose or withdraw
///
/// By replay over everything this node holds; nothing is changed.
#[utoipa::path(
    post, path = "/agreements/diff", tag = "agreements", request_body = DiffBody,
    responses((status = 200, body = ExposureBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn diff(
    State(app): State<Shared>,
    JsonBody(body): JsonBody<DiffBody>,
) -> Result<Json<ExposureBody>, Problem> {
    app.blocking(move |app| {
        let exposure = app.core().exposure(&body.text, body.limit())?;
        Ok(Json(ExposureBody::new(&*app.core().registry()?, exposure)))
    })
    .await
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExplainQuery {
    /// STIX id of the object.
    object: String,
    /// Name of a peer, or a party id.
    party: String,
}

/// What one agreement says.
#[derive(Serialize, ToSchema)]
pub(crate) struct VerdictBody {
    agreement: String,
    name: String,
    permitted: bool,
    /// The clause that permits, or comes closest.
    clause: String,
    reasons: Vec<String>,
    /// What each of the reasons is about, in a word: `clause`, `tlp`, `recalled`, `taken-back`, `suspended`, `waits`,
    /// `review`, `given` and more.
    about: Vec<&'static str>,
    /// The least that would have to be agreed.
    #[serde(skip_serializing_if = "Option::is_none")]
    smallest_consent: Option<String>,
}

/// Why, or why not.
#[derive(Serialize, ToSchema)]
pub(crate) struct ExplainBody {
    /// Whether some agreement permits it, alone.
    permitted: bool,
    agreements: Vec<VerdictBody>,
    /// The smallest consent of all that would allow it.
    #[serde(skip_serializing_if = "Option::is_none")]
    smallest_consent: Option<String>,
}

/// Why a party may have an object, or not
#[utoipa::path(
    get, path = "/explanations", tag = "agreements", params(ExplainQuery),
    responses((status = 200, body = ExplainBody), (status = 404, response = super::ProblemBody))
)]
pub(crate) async fn explain(
    State(app): State<Shared>,
    By(caller): By,
    Query(query): Query<ExplainQuery>,
) -> Result<Json<ExplainBody>, Problem> {
    let object = query.object.parse().map_err(|_| Problem::bad("`object` is not a STIX id"))?;
    app.blocking(move |app| {
        let party = party_named(app, &query.party)?;
        let explanation = app.core().explain(&object, party)?;
        app.core().note_access(caller.role().as_str(), "explain")?;
        let consent =
            explanation.smallest_consent().map(|(verdict, consent)| format!("{}: {consent}", verdict.name));
        let agreements = explanation
            .verdicts
            .iter()
            .map(|verdict| VerdictBody {
                agreement: verdict.agreement.to_string(),
                name: verdict.name.clone(),
                permitted: verdict.decision.permitted,
                clause: verdict.decision.clause.clone(),
                reasons: verdict.decision.reasons.iter().map(ToString::to_string).collect(),
                about: verdict.decision.reasons.iter().map(|reason| reason.about).collect(),
                smallest_consent: verdict.decision.smallest_consent.clone(),
            })
            .collect::<Vec<_>>();
        let permitted = agreements.iter().any(|verdict| verdict.permitted);
        Ok(Json(ExplainBody { permitted, agreements, smallest_consent: consent }))
    })
    .await
}

fn upcoming(upcoming: &agreement::acts::Upcoming) -> String {
    use agreement::acts::Event;
    let at = upcoming.at;
    match &upcoming.event {
        Event::Starts => format!("{at}: it starts"),
        Event::LegalBasisLapses { party, name } => {
            format!("{at}: `{name}` lapses for party {party}, and everything to and from it stops")
        }
        Event::Expires => format!("{at}: it expires, and everything stops"),
        Event::Review => format!("{at}: it is to be looked at again; nothing stops"),
    }
}

/// What people can do next; the node verifies and enters by itself.
fn next(step: &agreement::acts::Step) -> String {
    use agreement::acts::Step;
    match step {
        Step::Accept(version) | Step::Agree(version) => format!("sign --version {version}"),
        Step::Verify(_) => "nothing: the node verifies".to_owned(),
        Step::Enter(_) => "nothing: the node enters".to_owned(),
        Step::Admit(_) => "admit".to_owned(),
        Step::Resume => "resume".to_owned(),
    }
}

/// An agreement by its id, or by as much of its beginning as tells it apart.
pub(crate) fn agreement_named(
    registry: &runtime::trust::Registry,
    text: &str,
) -> Result<AgreementId, Problem> {
    one_of(registry.agreements.keys().map(|id| id.0), text).map(AgreementId)
}

pub(crate) fn version_named(
    registry: &runtime::trust::Registry,
    agreement: AgreementId,
    text: &str,
) -> Result<Digest, Problem> {
    let agreed = registry.agreements.get(&agreement);
    let versions = agreed.into_iter().flat_map(|agreed| agreed.state.versions.keys().copied());
    one_of(versions, text)
}

pub(crate) fn one_of(all: impl Iterator<Item = Digest>, text: &str) -> Result<Digest, Problem> {
    let fits: Vec<_> = all.filter(|digest| digest.to_string().starts_with(text)).collect();
    match (fits.as_slice(), text.len()) {
        ([one], 6..) => Ok(*one),
        ([], _) => Err(Problem::missing(format!("anything whose id begins with `{text}`"))),
        _ => Err(Problem::bad("give more of the id: at least six digits, and enough to tell it apart")),
    }
}
