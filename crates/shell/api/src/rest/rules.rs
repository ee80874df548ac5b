//! The node's own rules, which bind every agreement.

use axum::Json;
use axum::extract::State;
use model::AgreementId;
use runtime::trust::{Exposure, Registry};
use runtime::{NodeRules, RulesProblem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::agreements::{DiffBody, ExposureBody, TextBody};
use super::legible::agreement_name;
use super::wire::Reason;
use crate::app::Shared;
use crate::auth::By;
use crate::extract::JsonBody;
use crate::problem::Problem;

/// The rules in force.
#[derive(Serialize, ToSchema)]
pub(crate) struct RulesBody {
    /// TOML; empty where nobody has set any.
    text: String,
    /// The hash the version is kept under.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// Since when they hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
}

/// Show the node's own rules
#[utoipa::path(get, path = "/rules", tag = "administration", responses((status = 200, body = RulesBody)))]
pub(crate) async fn get(State(app): State<Shared>) -> Result<Json<RulesBody>, Problem> {
    app.blocking(|app| {
        let version = app.core().rules_version()?;
        Ok(Json(RulesBody {
            text: app.core().rules().text.clone(),
            version: version.map(|(hash, _)| hash.to_string()),
            since: version.map(|(_, since)| since.to_string()),
        }))
    })
    .await
}

/// One thing that is the matter with the text.
#[derive(Serialize, ToSchema)]
#[schema(as = RulesProblem)]
struct ProblemInRules {
    /// Line, from 1.
    line: usize,
    message: String,
    hint: String,
}

/// What a check says.
#[derive(Serialize, ToSchema)]
#[schema(as = RulesCheck)]
pub(crate) struct CheckedRules {
    /// Whether it could be set.
    sound: bool,
    problems: Vec<ProblemInRules>,
    /// The caveats as the policies they compile to, for reading.
    #[serde(skip_serializing_if = "String::is_empty")]
    policy: String,
}

/// Check rules
///
/// Nothing is changed.
#[utoipa::path(post, path = "/rules/check", tag = "administration", request_body = TextBody, responses((status = 200, body = CheckedRules)))]
pub(crate) async fn check(JsonBody(body): JsonBody<TextBody>) -> Json<CheckedRules> {
    let problem = |problem: RulesProblem| ProblemInRules {
        line: problem.line,
        message: problem.message,
        hint: problem.hint,
    };
    Json(match NodeRules::parse(&body.text) {
        Ok(rules) => {
            CheckedRules { sound: true, problems: Vec::new(), policy: rules.caveats.cedar_text().to_owned() }
        }
        Err(problems) => CheckedRules {
            sound: false,
            problems: problems.into_iter().map(problem).collect(),
            policy: String::new(),
        },
    })
}

/// What rules would newly expose or withdraw, under one agreement.
#[derive(Serialize, ToSchema)]
pub(crate) struct RulesExposure {
    agreement: String,
    /// The agreement's name, by the text in force.
    name: String,
    exposure: ExposureBody,
}

impl RulesExposure {
    fn new(registry: &Registry, agreement: AgreementId, exposure: Exposure) -> Self {
        Self {
            agreement: agreement.to_string(),
            name: agreement_name(registry, agreement),
            exposure: ExposureBody::new(registry, exposure),
        }
    }
}

/// What rules would newly expose or withdraw.
#[derive(Serialize, ToSchema)]
pub(crate) struct RulesExposures {
    /// One for each agreement in force.
    agreements: Vec<RulesExposure>,
}

/// What rules would newly expose or withdraw
///
/// By replay over everything this node holds, under each agreement in force; nothing is changed.
#[utoipa::path(
    post, path = "/rules/diff", tag = "administration", request_body = DiffBody,
    responses((status = 200, body = RulesExposures), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn diff(
    State(app): State<Shared>,
    JsonBody(body): JsonBody<DiffBody>,
) -> Result<Json<RulesExposures>, Problem> {
    app.blocking(move |app| {
        let exposures = app.core().rules_exposure(&body.text, body.limit())?;
        let registry = app.core().registry()?;
        let agreements =
            exposures.into_iter().map(|(id, exposure)| RulesExposure::new(&registry, id, exposure)).collect();
        Ok(Json(RulesExposures { agreements }))
    })
    .await
}

/// New rules.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewRules {
    /// TOML, as a whole: what it does not say no longer holds.
    text: String,
    /// Why; must not be empty.
    reason: String,
}

/// What setting them did.
#[derive(Serialize, ToSchema)]
pub(crate) struct RulesSetBody {
    /// Whether they differ from what was in force.
    changed: bool,
    /// What they newly expose or withdraw, under each agreement in force.
    agreements: Vec<RulesExposure>,
}

/// Set the node's own rules
///
/// They hold at once: what was refused is decided on again, and what may be had no longer is taken back.
#[utoipa::path(
    put, path = "/rules", tag = "administration", request_body = NewRules,
    responses((status = 200, body = RulesSetBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn put(
    State(app): State<Shared>,
    By(caller): By,
    JsonBody(body): JsonBody<NewRules>,
) -> Result<Json<RulesSetBody>, Problem> {
    let NewRules { text, reason } = body;
    let reason = Reason::from(reason).given()?;
    app.blocking(move |app| {
        let set = app.core().set_rules(&text, caller.name(), &reason)?;
        let registry = app.core().registry()?;
        let agreements = set
            .exposures
            .into_iter()
            .map(|(id, exposure)| RulesExposure::new(&registry, id, exposure))
            .collect();
        Ok(Json(RulesSetBody { changed: set.changed, agreements }))
    })
    .await
}
