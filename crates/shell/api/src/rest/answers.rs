//! What parties say of what they were given, and what we say of what we were.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use runtime::detection::{Answer, Answering, Feedback, Standing};
use runtime::trust::Registry;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::legible::agreement_name;
use super::sharing::name_of;
use super::wire::{Reason, instant, stix_id};
use crate::app::Shared;
use crate::auth::By;
use crate::extract::{JsonBody, Path};
use crate::problem::Problem;

/// The longest explanation of an opinion, in bytes.
const EXPLANATION: usize = 4_096;

/// Who has answered about an object, and what.
#[derive(Serialize, ToSchema)]
#[schema(as = Answers)]
pub(crate) struct AnswersBody {
    object: String,
    /// Whoever was given it, in order of giving.
    parties: Vec<PartyAnswer>,
    /// Sightings of it by others, however they came.
    others: Vec<OtherAnswer>,
    /// How many parties saw it.
    seen_by: u64,
    /// How many looked and saw nothing.
    not_seen_by: u64,
    /// How many say that they do not look for it. Those of them that looked before count there too.
    cannot_look: u64,
    /// How many have not answered.
    waiting: u64,
    /// How many say that it is wrong.
    disputed_by: u64,
    /// What its own `confidence` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    confidence: Option<u8>,
    /// What it comes to with what others say, 0 to 100.
    assessed: u8,
}

/// A party that was given an object, and what it said.
#[derive(Serialize, ToSchema)]
struct PartyAnswer {
    /// What the party is called here.
    party: String,
    /// Under which agreement it was given.
    agreement: String,
    /// The agreement's name.
    name: String,
    /// When it was given.
    given: String,
    /// When it was taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    withdrawn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<SightedAnswer>,
    /// Why it does not look for it, or no longer does, where it says so: `unsupported` (such a pattern cannot be matched
    /// there), `well-known` (what it names is in everybody's traffic) or `muted`.
    #[serde(skip_serializing_if = "Option::is_none")]
    cannot_look: Option<&'static str>,
    /// How long it took to answer, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    took_ms: Option<i64>,
    /// What it thinks of it, in one of STIX's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    opinion: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<String>,
}

/// What was seen.
#[derive(Serialize, ToSchema)]
struct SightedAnswer {
    /// How often; 0 for "looked, and nothing".
    count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_seen: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_seen: Option<String>,
    /// When the answer was taken in here.
    at: String,
    /// What was looked at, as the party said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    looked_at: Option<Value>,
}

/// A sighting by somebody who was not given it by us.
#[derive(Serialize, ToSchema)]
struct OtherAnswer {
    /// The sighting.
    sighting: String,
    answer: SightedAnswer,
}

impl From<Answer> for SightedAnswer {
    fn from(answer: Answer) -> Self {
        Self {
            count: answer.count,
            first_seen: answer.first_seen,
            last_seen: answer.last_seen,
            at: answer.at.to_string(),
            looked_at: answer.coverage,
        }
    }
}

impl PartyAnswer {
    fn new(registry: &Registry, answering: Answering) -> Self {
        let took_ms = answering.took().map(|micros| micros / 1_000);
        let cannot_look = answering.cannot_look();
        let (opinion, explanation) = answering.opinion.unzip();
        Self {
            party: name_of(registry, answering.party),
            agreement: answering.agreement.to_string(),
            name: agreement_name(registry, answering.agreement),
            given: answering.given.to_string(),
            withdrawn: answering.withdrawn.map(|at| at.to_string()),
            answer: answering.answer.map(SightedAnswer::from),
            cannot_look,
            took_ms,
            opinion,
            explanation: explanation.flatten(),
        }
    }
}

impl AnswersBody {
    fn new(object: String, registry: &Registry, standing: Standing) -> Self {
        let parties = standing.parties.into_iter().map(|party| PartyAnswer::new(registry, party));
        let others = standing
            .others
            .into_iter()
            .map(|(id, answer)| OtherAnswer { sighting: id.to_string(), answer: answer.into() });
        Self {
            object,
            parties: parties.collect(),
            others: others.collect(),
            seen_by: standing.seen_by,
            not_seen_by: standing.not_seen_by,
            cannot_look: standing.unable,
            waiting: standing.waiting,
            disputed_by: standing.disputed_by,
            confidence: standing.confidence,
            assessed: standing.assessed,
        }
    }
}

/// Show what parties answered about an object
///
/// Whoever was given it, what they saw or did not see, what they looked at, and how fast they said so.
#[utoipa::path(
    get, path = "/objects/{id}/answers", tag = "detection", params(("id" = String, Path, description = "STIX id")),
    responses((status = 200, body = AnswersBody), (status = 404, response = super::ProblemBody))
)]
pub(crate) async fn answers(
    State(app): State<Shared>,
    Path(id): Path<String>,
) -> Result<Json<AnswersBody>, Problem> {
    let id = stix_id(&id)?;
    app.blocking(move |app| {
        let standing = app.core().standing_of(&id)?;
        let registry = app.core().registry()?;
        Ok(Json(AnswersBody::new(id.to_string(), &registry, standing)))
    })
    .await
}

/// What our people think of an object.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FeedbackBody {
    /// `strongly-disagree`, `disagree`, `neutral`, `agree` or `strongly-agree`.
    opinion: String,
    /// Why; whoever shared it reads it.
    #[serde(default)]
    explanation: String,
}

/// An opinion that was made.
#[derive(Serialize, ToSchema)]
pub(crate) struct OpinionMade {
    /// STIX id of the opinion; saying something else later makes a new version of it.
    id: String,
}

/// Say what is thought of an object
///
/// It becomes a STIX opinion of this organisation and goes to whoever may have it, the one who shared the object among them.
#[utoipa::path(
    post, path = "/objects/{id}/feedback", tag = "detection", params(("id" = String, Path, description = "STIX id")),
    request_body = FeedbackBody,
    responses((status = 201, body = OpinionMade), (status = 404, response = super::ProblemBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn feedback(
    State(app): State<Shared>,
    By(caller): By,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<FeedbackBody>,
) -> Result<(StatusCode, Json<OpinionMade>), Problem> {
    let id = stix_id(&id)?;
    let opinion: Feedback = body.opinion.parse().map_err(|error: String| Problem::bad(error))?;
    if body.explanation.len() > EXPLANATION {
        return Err(Problem::bad(format!("`explanation` is longer than {EXPLANATION} bytes")));
    }
    app.blocking(move |app| {
        let made = app.core().feed_back(&id, opinion, body.explanation.trim(), caller.name())?;
        Ok((StatusCode::CREATED, Json(OpinionMade { id: made.to_string() })))
    })
    .await
}

/// Why an object is muted, and for how long.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MuteOrder {
    /// Why; must not be empty.
    reason: String,
    /// When it ends by itself; left out, somebody has to end it.
    #[serde(default)]
    until: Option<String>,
}

/// An object that is muted here.
#[derive(Serialize, ToSchema)]
#[schema(as = Mute)]
pub(crate) struct MuteBody {
    /// The indicator, which may hold a rule.
    object: String,
    reason: String,
    /// Who muted it, or changed that last.
    by: String,
    /// When.
    since: String,
    /// When it ends by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
}

/// What is muted here.
#[derive(Serialize, ToSchema)]
pub(crate) struct MuteList {
    mutes: Vec<MuteBody>,
}

/// List what is muted
#[utoipa::path(get, path = "/mutes", tag = "detection", responses((status = 200, body = MuteList)))]
pub(crate) async fn mutes(State(app): State<Shared>) -> Result<Json<MuteList>, Problem> {
    app.blocking(move |app| {
        let mutes = app.core().mutes()?.into_iter().map(|mute| MuteBody {
            object: mute.object.to_string(),
            reason: mute.reason,
            by: mute.by,
            since: mute.since.to_string(),
            until: mute.until.map(|until| until.to_string()),
        });
        Ok(Json(MuteList { mutes: mutes.collect() }))
    })
    .await
}

/// Mute an indicator, or the rule that it holds
///
/// What it matches raises no alert here until that ends; nothing is deleted, and whatever it blocks stays blocked. Whoever
/// gave it is told that it is not looked for, and neither why nor for how long. Muting it again changes reason and end.
#[utoipa::path(
    put, path = "/objects/{id}/mute", tag = "detection", params(("id" = String, Path, description = "STIX id")),
    request_body = MuteOrder,
    responses((status = 204), (status = 404, response = super::ProblemBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn mute(
    State(app): State<Shared>,
    By(caller): By,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<MuteOrder>,
) -> Result<StatusCode, Problem> {
    let id = stix_id(&id)?;
    let reason = Reason::of(body.reason).given()?;
    let until = body.until.as_deref().map(instant).transpose()?;
    app.blocking(move |app| {
        app.core().mute(&id, &reason, until, caller.name())?;
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

/// End a mute
///
/// What was kept meanwhile is looked through for it.
#[utoipa::path(
    delete, path = "/objects/{id}/mute", tag = "detection", params(("id" = String, Path, description = "STIX id")),
    request_body = Reason,
    responses((status = 204), (status = 404, response = super::ProblemBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn unmute(
    State(app): State<Shared>,
    By(caller): By,
    Path(id): Path<String>,
    JsonBody(reason): JsonBody<Reason>,
) -> Result<StatusCode, Problem> {
    let id = stix_id(&id)?;
    let reason = reason.given()?;
    app.blocking(move |app| {
        app.core().unmute(&id, &reason, caller.name())?;
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}
