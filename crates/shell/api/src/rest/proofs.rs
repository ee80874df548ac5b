//! Proving that nothing above a ceiling flows.

use axum::Json;
use axum::extract::State;
use label::Handling;
use policy::prove::{Ceiling, Proof, prove};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::agreements::agreement_named;
use super::parties::party_named;
use crate::app::Shared;
use crate::extract::{JsonBody, Path};
use crate::problem::Problem;

/// A ceiling to prove.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProveBody {
    /// A label as it is written everywhere: a TLP level, and after commas what else is claimed, such as
    /// `amber,pap:amber` or `amber+strict,pap:green,iep:…`. PAP is left aside where it is not mentioned.
    ceiling: String,
    /// Whether personal data are above it too.
    #[serde(default)]
    personal: bool,
    /// Given by this party alone: name of a peer, or a party id.
    #[serde(default)]
    from: Option<String>,
    /// Given to this party alone.
    #[serde(default)]
    to: Option<String>,
    /// Whether it is to hold even in an emergency.
    #[serde(default)]
    emergencies: bool,
}

/// Whether the ceiling holds.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProofBody {
    /// Whether no object above the ceiling can flow.
    holds: bool,
    /// Classes of objects that were looked at.
    classes: u64,
    /// The argument, or the counterexample, in words.
    text: String,
}

/// Prove a ceiling
#[utoipa::path(
    post, path = "/agreements/{agreement}/proof", tag = "agreements", params(("agreement" = String, Path)), request_body = ProveBody,
    responses((status = 200, body = ProofBody), (status = 404, response = super::ProblemBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn proof(
    State(app): State<Shared>,
    Path(agreement): Path<String>,
    JsonBody(body): JsonBody<ProveBody>,
) -> Result<Json<ProofBody>, Problem> {
    let handling = ceiling_of(&body.ceiling).map_err(Problem::bad)?;
    app.blocking(move |app| {
        let named = |text: &Option<String>| text.as_deref().map(|text| party_named(app, text)).transpose();
        let ceiling = Ceiling {
            handling,
            personal: body.personal,
            from: named(&body.from)?,
            to: named(&body.to)?,
            break_glass: body.emergencies,
        };
        let registry = app.core().registry()?;
        let agreement = agreement_named(&registry, &agreement)?;
        let force =
            registry.last_force(agreement).ok_or_else(|| Problem::missing("a complete version of it"))?;
        let parties = &force.terms.parties;
        if let Some(stranger) =
            [ceiling.from, ceiling.to].into_iter().flatten().find(|party| !parties.contains_key(party))
        {
            return Err(Problem::bad(format!("party {stranger} is not in the agreement: nothing flows")));
        }
        let proof = prove(&force.policy, &ceiling);
        Ok(Json(match proof {
            Proof::Holds { classes_checked, argument } => {
                ProofBody { holds: true, classes: classes_checked, text: argument }
            }
            Proof::Counterexample(example) => {
                ProofBody { holds: false, classes: 0, text: example.to_string() }
            }
        }))
    })
    .await
}

/// A ceiling from a label's text. What does not make one is refused: the claim would be about less than it says.
fn ceiling_of(text: &str) -> Result<Handling, String> {
    let (clear, rest): (Vec<&str>, Vec<&str>) =
        text.split(',').map(str::trim).partition(|part| *part == "pap:clear");
    let handling = Handling::parse(&rest.join(",")).map_err(|problem| {
        format!("{problem}: write a TLP level and what else restricts, such as `amber,pap:amber`")
    })?;
    let ceiling = Handling::from(handling.tlp())
        .with_pap(handling.pap())
        .with_iep(handling.iep().clone())
        .with_stanag(handling.stanag().clone());
    if ceiling != handling {
        return Err(format!(
            "`{text}` says more than a ceiling can: one is of TLP, PAP, IEP and classification; name the receiver for \
             what depends on its nation, and ask for personal data apart"
        ));
    }
    let mentioned = !clear.is_empty() || rest.iter().any(|part| part.starts_with("pap:"));
    Ok(if mentioned { ceiling } else { ceiling.with_pap(label::Pap::Red) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ceilings_from_labels() {
        let text = |text| ceiling_of(text).map(|ceiling| ceiling.to_text());
        assert_eq!(text("amber").as_deref(), Ok("amber,pap:red"), "PAP is left aside");
        assert_eq!(text("amber,pap:amber").as_deref(), Ok("amber,pap:amber"));
        assert_eq!(text("amber+strict, pap:clear").as_deref(), Ok("amber+strict"), "nothing but PAP:CLEAR");
        for wrong in
            ["", "purple", "amber,pap:blue", "amber,rel:USA", "amber,personal", "amber,orcon", "amber,for:x"]
        {
            assert!(ceiling_of(wrong).is_err(), "{wrong}");
        }
    }
}
