//! Asking a peer without telling what is asked about.

use axum::Json;
use axum::extract::State;
use ports::peer::Topic;
use runtime::trust::Seen;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::agreements::agreement_named;
use super::parties::party_named;
use crate::app::Shared;
use crate::auth::By;
use crate::extract::{JsonBody, Path};
use crate::problem::{Kind, Problem};

/// A question.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuestionBody {
    /// Under which agreement: its id, or the beginning of it.
    agreement: String,
    /// What for: one of the agreement's purposes.
    purpose: String,
    /// Values of one kind: addresses, domains, URLs, hashes.
    values: Vec<String>,
}

/// What came of it.
#[derive(Serialize, ToSchema)]
pub(crate) struct SeenBody {
    /// How many of the values the peer has.
    count: u64,
    /// Which, where the agreement grants that.
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<Vec<String>>,
}

/// Ask a peer "have you seen any of these?"
///
/// The peer learns how many values are asked about, and nothing else of them.
#[utoipa::path(
    post, path = "/peers/{name}/questions", tag = "sharing", params(("name" = String, Path)), request_body = QuestionBody,
    responses((status = 200, body = SeenBody), (status = 404, response = super::ProblemBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn ask(
    State(app): State<Shared>,
    By(caller): By,
    Path(name): Path<String>,
    JsonBody(body): JsonBody<QuestionBody>,
) -> Result<Json<SeenBody>, Problem> {
    let transport = app.node.options.transport.clone();
    let transport = transport.ok_or_else(|| {
        Problem::new(Kind::Refused, "the node is not running: start it with `shieldwall serve`")
    })?;
    let (asked, endpoint) = app
        .blocking(move |app| {
            let core = app.core();
            let values = body
                .values
                .iter()
                .map(|text| {
                    observable::classify(text)
                        .ok_or_else(|| Problem::bad(format!("`{text}` is no address, domain, URL or hash")))
                })
                .collect::<Result<Vec<_>, _>>()?;
            let registry = core.registry()?;
            let agreement = agreement_named(&registry, &body.agreement)?;
            let party = party_named(app, &name)?;
            let endpoint = registry.paired(party).and_then(|peer| peer.endpoint.clone());
            let endpoint = endpoint.ok_or_else(|| {
                Problem::new(Kind::Refused, "this peer is not reached over a network, so it cannot be asked")
            })?;
            Ok((core.ask(party, agreement, &body.purpose, &values, caller.name())?, endpoint))
        })
        .await?;
    let answer = transport.call(&endpoint, Some(asked.to), Topic::Query, asked.body.clone()).await;
    app.blocking(move |app| {
        let answer = match answer {
            Ok(answer) => answer,
            Err(problem) => {
                app.core().unanswered(asked, &problem)?;
                return Err(Problem::new(Kind::Refused, problem.to_string()));
            }
        };
        Ok(Json(match app.core().asked(asked, &answer)? {
            Seen::Count(count) => SeenBody { count, values: None },
            Seen::Values(values) => {
                SeenBody { count: values.len() as u64, values: Some(values.into_iter().collect()) }
            }
        }))
    })
    .await
}
