//! What went to whom and why, what can be taken back, and what waits for a release officer.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use model::DecisionId;
use ports::trust::{DisclosureRecord, HoldingRecord, ReviewRecord};
use runtime::trust::{Consumer, Registry};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::legible::agreement_name;
use super::page_size;
use super::parties::party_named;
use super::wire::Reason;
use crate::app::{App, Shared};
use crate::auth::By;
use crate::extract::{JsonBody, Path, Query};
use crate::problem::Problem;

/// What our people call whoever was given something: a party, or a client under a release of ours.
fn given_to(app: &App, registry: &Registry, to: model::PartyId, under: model::AgreementId) -> String {
    consumer(app, registry, to, under)
        .map_or_else(|| name_of(registry, to), |consumer| consumer.release.client.clone())
}

/// The release that something was given under, where that was no agreement.
fn consumer<'r>(
    app: &App,
    registry: &'r Registry,
    to: model::PartyId,
    under: model::AgreementId,
) -> Option<&'r Consumer> {
    let own = app.core().trust()?.party;
    registry.releases(own).find(|consumer| to == own && consumer.hash == under.0)
}

/// What our people call a party.
pub(crate) fn name_of(registry: &Registry, party: model::PartyId) -> String {
    registry.peers.get(&party).map_or_else(|| party.to_string(), |peer| peer.name.clone())
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DecisionQuery {
    /// Only about this object.
    object: Option<String>,
    /// Only before this number: the last one of the page before.
    before: Option<i64>,
    /// Decisions at most.
    limit: Option<usize>,
}

/// A decision on whether something may go.
#[derive(Serialize, ToSchema)]
pub(crate) struct DecisionBody {
    number: i64,
    at: String,
    /// To whom.
    to: String,
    agreement: String,
    /// The agreement's name, or of a release its client's.
    name: String,
    /// Absent once the object was erased here.
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<String>,
    /// What the policy said.
    permitted: bool,
    /// What came of it: `permitted` or `refused` by the policy; or, though permitted, `waits-for-review` until a release
    /// officer decides, or `withheld` by one.
    outcome: &'static str,
    clause: String,
    reason: String,
}

/// Decisions, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct DecisionList {
    decisions: Vec<DecisionBody>,
}

/// List decisions
#[utoipa::path(get, path = "/decisions", tag = "sharing", params(DecisionQuery), responses((status = 200, body = DecisionList)))]
pub(crate) async fn decisions(
    State(app): State<Shared>,
    By(caller): By,
    Query(query): Query<DecisionQuery>,
) -> Result<Json<DecisionList>, Problem> {
    let limit = page_size(&app, query.limit)?;
    let object = object_id(query.object.as_deref())?;
    app.blocking(move |app| Ok(app.core().note_access(caller.role().as_str(), "decisions")?)).await?;
    app.read(move |app, read| {
        let registry = app.core().registry()?;
        let tenant = app.core().scope.tenant;
        let rows = read.decisions(tenant, object.as_ref(), query.before.map(DecisionId), limit)?;
        // What was permitted may still wait for a person, or be kept back by one.
        let reviews = read.reviews(tenant, true, MOST_REVIEWS)?;
        let outcome = |row: &ports::trust::DecisionRecord| {
            let same = |review: &&ReviewRecord| {
                review.to == row.to
                    && review.agreement == row.agreement
                    && Some(review.version) == row.version
            };
            match (row.permitted, reviews.iter().find(same).map(|review| &review.decided)) {
                (false, _) => "refused",
                (true, Some(None)) => "waits-for-review",
                (true, Some(Some((false, ..)))) => "withheld",
                (true, _) => "permitted",
            }
        };
        let name = |row: &ports::trust::DecisionRecord| {
            let client = consumer(app, &registry, row.to, row.agreement);
            client.map_or_else(
                || agreement_name(&registry, row.agreement),
                |consumer| consumer.release.client.clone(),
            )
        };
        let body = |row: ports::trust::DecisionRecord| DecisionBody {
            outcome: outcome(&row),
            name: name(&row),
            number: row.id.0,
            at: row.at.to_string(),
            to: given_to(app, &registry, row.to, row.agreement),
            agreement: row.agreement.to_string(),
            object: row.object.map(|id| id.to_string()),
            permitted: row.permitted,
            clause: row.clause,
            reason: row.reason,
        };
        Ok(Json(DecisionList { decisions: rows.into_iter().map(body).collect() }))
    })
    .await
}

/// Reviews that are looked through to say what came of a decision.
const MOST_REVIEWS: usize = 10_000;

fn object_id(text: Option<&str>) -> Result<Option<model::StixId>, Problem> {
    text.map(|text| text.parse().map_err(|_| Problem::bad("`object` is not a STIX id"))).transpose()
}

/// What a party was given.
#[derive(Serialize, ToSchema)]
pub(crate) struct DisclosureBody {
    /// To whom.
    to: String,
    /// Under which agreement, or release.
    agreement: String,
    /// Whether it is a client without a node, under a release: such a client confirms nothing.
    consumer: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<String>,
    clause: String,
    at: String,
    /// When it was taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    withdrawn: Option<String>,
    /// By when its erasure must be confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline: Option<String>,
    /// `erased`; `kept` when the object stays there for another reason; `held: …` for a legal hold; or `none: …` for whom it
    /// was taken back from and who can give none.
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<String>,
    /// Whether the deadline passed without an answer.
    overdue: bool,
}

impl DisclosureBody {
    fn new(app: &App, registry: &Registry, row: DisclosureRecord) -> Self {
        let now = app.now();
        let consumer = consumer(app, registry, row.to, row.agreement).is_some();
        let none = row.withdrawn.filter(|_| consumer).map(|_| NO_RECEIPT.to_owned());
        Self {
            to: given_to(app, registry, row.to, row.agreement),
            agreement: row.agreement.to_string(),
            consumer,
            object: row.object.map(|id| id.to_string()),
            clause: row.clause,
            at: row.at.to_string(),
            withdrawn: row.withdrawn.map(|at| at.to_string()),
            deadline: row.deadline.map(|at| at.to_string()),
            overdue: row.receipt.is_none() && row.deadline.is_some_and(|deadline| deadline <= now),
            receipt: row.receipt.map(|(_, text)| text).or(none),
        }
    }
}

/// What stands in place of a receipt that will never come.
const NO_RECEIPT: &str = "none: a client without a node confirms nothing; ask whoever runs it";

/// Who holds what.
#[derive(Serialize, ToSchema)]
pub(crate) struct DisclosureList {
    disclosures: Vec<DisclosureBody>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DisclosureQuery {
    /// Only of this object.
    object: Option<String>,
    /// Only what was taken back and is not confirmed erased.
    open: Option<bool>,
    /// Skip so many.
    offset: Option<u64>,
    /// Rows at most.
    limit: Option<usize>,
}

/// Who still holds what we gave
#[utoipa::path(get, path = "/disclosures", tag = "sharing", params(DisclosureQuery), responses((status = 200, body = DisclosureList)))]
pub(crate) async fn disclosures(
    State(app): State<Shared>,
    Query(query): Query<DisclosureQuery>,
) -> Result<Json<DisclosureList>, Problem> {
    let limit = page_size(&app, query.limit)?;
    let object = object_id(query.object.as_deref())?;
    app.read(move |app, read| {
        let registry = app.core().registry()?;
        let (open, offset) = (query.open.unwrap_or_default(), query.offset.unwrap_or_default());
        let rows = match &object {
            None => read.disclosures(app.core().scope.tenant, None, open, offset, limit)?,
            Some(object) => {
                let mut rows = app.core().disclosures_of(read, object)?;
                let erased =
                    |row: &DisclosureRecord| row.receipt.as_ref().is_some_and(|(_, said)| said == "erased");
                rows.retain(|row| !open || (row.withdrawn.is_some() && !erased(row)));
                rows.into_iter().skip(usize::try_from(offset).unwrap_or(usize::MAX)).take(limit).collect()
            }
        };
        let disclosures = rows.into_iter().map(|row| DisclosureBody::new(app, &registry, row)).collect();
        Ok(Json(DisclosureList { disclosures }))
    })
    .await
}

/// What a withdrawal set in motion.
#[derive(Serialize, ToSchema)]
pub(crate) struct WithdrawnBody {
    /// Whom word goes to.
    told: Vec<String>,
    /// How it gets to each of them.
    ways: Vec<ToldBody>,
    /// Whether we created it: then holders end every holding of it.
    as_creator: bool,
}

/// How word gets to somebody.
#[derive(Serialize, ToSchema)]
pub(crate) struct ToldBody {
    to: String,
    /// `network`: by itself, as soon as the node can be reached; `courier`: with the next courier files; `pull`: a client
    /// without a node finds it gone; `never`: the pairing has ended, so nothing goes there any more.
    way: &'static str,
}

/// Take an object back from everyone it was given to
///
/// It stays here; holders erase it and send signed receipts.
#[utoipa::path(
    post, path = "/objects/{id}/withdraw", tag = "sharing", params(("id" = String, Path)), request_body = Reason,
    responses((status = 200, body = WithdrawnBody), (status = 404, response = super::ProblemBody))
)]
pub(crate) async fn withdraw(
    State(app): State<Shared>,
    By(caller): By,
    Path(id): Path<String>,
    JsonBody(reason): JsonBody<Reason>,
) -> Result<Json<WithdrawnBody>, Problem> {
    let id = id.parse().map_err(|_| Problem::bad("the id is not a STIX id"))?;
    let reason = reason.given()?;
    app.blocking(move |app| {
        let registry = app.core().registry()?;
        let withdrawal = app.core().withdraw(&id, caller.name(), &reason)?;
        let told = withdrawal.told.iter().map(|(to, under)| given_to(app, &registry, *to, *under)).collect();
        let way = |(to, under): &(model::PartyId, model::AgreementId)| {
            let way = match (consumer(app, &registry, *to, *under), registry.linked(*to)) {
                (Some(_), _) => "pull",
                (None, Some(peer)) if peer.endpoint.is_some() => "network",
                (None, Some(_)) => "courier",
                (None, None) => "never",
            };
            ToldBody { to: given_to(app, &registry, *to, *under), way }
        };
        let ways = withdrawal.told.iter().map(way).collect();
        Ok(Json(WithdrawnBody { told, ways, as_creator: withdrawal.as_creator }))
    })
    .await
}

/// What we hold from a peer.
#[derive(Serialize, ToSchema)]
pub(crate) struct HoldingBody {
    from: String,
    agreement: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<String>,
    received: String,
    /// How it may be passed on.
    onward: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    erased: Option<String>,
    /// Why it is kept although it was withdrawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    hold: Option<String>,
    /// Whether it has ended and the object stays: another holding or our own work keeps it.
    kept: bool,
}

/// Holdings, oldest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct HoldingList {
    holdings: Vec<HoldingBody>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct HoldingQuery {
    /// Only of this object.
    object: Option<String>,
    /// Skip so many.
    offset: Option<u64>,
    /// Rows at most.
    limit: Option<usize>,
}

/// List what came under agreements
#[utoipa::path(get, path = "/holdings", tag = "sharing", params(HoldingQuery), responses((status = 200, body = HoldingList)))]
pub(crate) async fn holdings(
    State(app): State<Shared>,
    Query(query): Query<HoldingQuery>,
) -> Result<Json<HoldingList>, Problem> {
    let limit = page_size(&app, query.limit)?;
    let object = object_id(query.object.as_deref())?;
    app.read(move |app, read| {
        let registry = app.core().registry()?;
        let offset = query.offset.unwrap_or_default();
        let rows = read.holdings(app.core().scope.tenant, object.as_ref(), offset, limit)?;
        let body = |row: HoldingRecord| HoldingBody {
            from: name_of(&registry, row.from),
            agreement: row.agreement.to_string(),
            object: row.object.map(|id| id.to_string()),
            received: row.received.to_string(),
            onward: row.onward,
            ended: row.ended.map(|at| at.to_string()),
            erased: row.erased.map(|at| at.to_string()),
            hold: row.hold,
            kept: row.kept,
        };
        Ok(Json(HoldingList { holdings: rows.into_iter().map(body).collect() }))
    })
    .await
}

/// A legal hold.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HoldBody {
    /// On what basis; `null` lifts the hold.
    basis: Option<String>,
}

/// How many holdings it concerns.
#[derive(Serialize, ToSchema)]
pub(crate) struct HeldBackBody {
    holdings: usize,
}

/// Put what we hold of an object under a legal hold, or lift it
///
/// A withdrawal then becomes a dispute that both sides see.
#[utoipa::path(
    put, path = "/objects/{id}/hold", tag = "sharing", params(("id" = String, Path)), request_body = HoldBody,
    responses((status = 200, body = HeldBackBody), (status = 404, response = super::ProblemBody))
)]
pub(crate) async fn hold(
    State(app): State<Shared>,
    By(caller): By,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<HoldBody>,
) -> Result<Json<HeldBackBody>, Problem> {
    let id = id.parse().map_err(|_| Problem::bad("the id is not a STIX id"))?;
    if body.basis.as_deref().is_some_and(|basis| basis.trim().is_empty() || basis.len() > 1000) {
        return Err(Problem::bad("`basis` is 1 to 1000 bytes, or null to lift the hold"));
    }
    app.blocking(move |app| {
        let holdings = app.core().set_legal_hold(&id, body.basis.as_deref(), caller.name())?;
        Ok(Json(HeldBackBody { holdings }))
    })
    .await
}

/// Something that waits for a release officer.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReviewBody {
    number: u64,
    at: String,
    to: String,
    agreement: String,
    object: String,
    /// What was found and where; never the value.
    #[schema(value_type = Vec<Object>)]
    found: Box<serde_json::value::RawValue>,
    /// Whether it may go, once decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    released: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    author: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Reviews, undecided first.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReviewList {
    reviews: Vec<ReviewBody>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReviewQuery {
    /// Also those that were decided.
    all: Option<bool>,
    /// Rows at most.
    limit: Option<usize>,
}

/// List what waits for a release officer
#[utoipa::path(get, path = "/reviews", tag = "sharing", params(ReviewQuery), responses((status = 200, body = ReviewList)))]
pub(crate) async fn reviews(
    State(app): State<Shared>,
    By(caller): By,
    Query(query): Query<ReviewQuery>,
) -> Result<Json<ReviewList>, Problem> {
    let limit = page_size(&app, query.limit)?;
    app.blocking(move |app| Ok(app.core().note_access(caller.role().as_str(), "reviews")?)).await?;
    app.read(move |app, read| {
        let registry = app.core().registry()?;
        let rows = read.reviews(app.core().scope.tenant, query.all.unwrap_or_default(), limit)?;
        let body = |row: ReviewRecord| {
            let found = serde_json::value::RawValue::from_string(row.found);
            let (released, author, reason) = match row.decided {
                Some((released, author, reason, _)) => (Some(released), Some(author), Some(reason)),
                None => (None, None, None),
            };
            Ok(ReviewBody {
                number: row.id,
                at: row.at.to_string(),
                to: name_of(&registry, row.to),
                agreement: row.agreement.to_string(),
                object: row.object.to_string(),
                found: found.map_err(|error| Problem::internal(&error))?,
                released,
                author,
                reason,
            })
        };
        Ok(Json(ReviewList { reviews: rows.into_iter().map(body).collect::<Result<_, Problem>>()? }))
    })
    .await
}

macro_rules! review {
    ($name:ident, $path:literal, $release:literal, $title:literal) => {
        #[doc = $title]
        #[utoipa::path(
            post, path = $path, tag = "sharing", params(("number" = u64, Path)), request_body = Reason,
            responses(
                (status = 204), (status = 404, response = super::ProblemBody), (status = 409, response = super::ProblemBody)
            )
        )]
        pub(crate) async fn $name(
            State(app): State<Shared>,
            By(caller): By,
            Path(number): Path<u64>,
            JsonBody(reason): JsonBody<Reason>,
        ) -> Result<axum::http::StatusCode, Problem> {
            let reason = reason.given()?;
            app.blocking(move |app| {
                app.core().decide_review(number, $release, caller.name(), &reason)?;
                Ok(axum::http::StatusCode::NO_CONTENT)
            })
            .await
        }
    };
}

review!(release, "/reviews/{number}/release", true, "Let it go as it is");
review!(withhold, "/reviews/{number}/withhold", false, "Keep it here");

/// The largest courier file, in bytes: it is taken in by a request, in base64, with room to spare in a body of 32 MiB.
const COURIER_CAP: u64 = 20 << 20;

/// What to export.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CourierBody {
    /// Entries before the last that was exported, written once more for ways that lose things.
    repeat: Option<u64>,
    /// Bytes of one file at most, up to 20 MiB, which is also what holds without it.
    cap: Option<u64>,
}

/// Courier files.
#[derive(Serialize, ToSchema)]
pub(crate) struct CourierFiles {
    /// Each file in base64.
    files: Vec<String>,
    /// To be sent back once all of them are safe: until then the next files hold the same again.
    carried: String,
}

/// Files that are safe.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CarriedBody {
    /// What came with them.
    carried: String,
}

/// Note that courier files for a peer are safe
///
/// The next files go on behind them.
#[utoipa::path(
    post, path = "/peers/{name}/courier/carried", tag = "sharing", params(("name" = String, Path)), request_body = CarriedBody,
    responses((status = 204), (status = 404, response = super::ProblemBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn courier_carried(
    State(app): State<Shared>,
    By(caller): By,
    Path(name): Path<String>,
    JsonBody(body): JsonBody<CarriedBody>,
) -> Result<StatusCode, Problem> {
    app.blocking(move |app| {
        app.core().courier_carried(party_named(app, &name)?, &body.carried)?;
        app.core().audited(caller.name(), "courier.carried", &name, "")?;
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

/// Pack courier files for a peer
///
/// They hold the same again until word comes that they are safe.
#[utoipa::path(
    post, path = "/peers/{name}/courier", tag = "sharing", params(("name" = String, Path)), request_body = CourierBody,
    responses((status = 200, body = CourierFiles), (status = 404, response = super::ProblemBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn courier_export(
    State(app): State<Shared>,
    By(caller): By,
    Path(name): Path<String>,
    JsonBody(body): JsonBody<CourierBody>,
) -> Result<Json<CourierFiles>, Problem> {
    use base64::Engine as _;
    app.blocking(move |app| {
        let party = party_named(app, &name)?;
        let cap = body.cap.unwrap_or(COURIER_CAP);
        if cap > COURIER_CAP {
            let message =
                format!("a file of more than {COURIER_CAP} bytes could not be taken in at the other side");
            return Err(
                Problem::bad(message).hint("export without --cap: what does not fit goes into further files")
            );
        }
        let packed = app.core().courier_export(party, body.repeat.unwrap_or_default(), cap)?;
        app.core().audited(caller.name(), "courier.export", &name, "")?;
        let encode = |file: &Vec<u8>| base64::engine::general_purpose::STANDARD.encode(file);
        Ok(Json(CourierFiles { files: packed.files.iter().map(encode).collect(), carried: packed.carried }))
    })
    .await
}

/// A courier file.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CourierFile {
    /// The file in base64.
    file: String,
}

/// What an import did.
#[derive(Serialize, ToSchema)]
pub(crate) struct CourierImported {
    from: String,
    part: u32,
    parts: u32,
    /// Segments taken in, those taken in before included.
    taken: usize,
    acks: usize,
    /// Key histories, appointments, acts and other signed documents.
    documents: usize,
    refused: Vec<String>,
    /// What has to come first.
    gaps: Vec<String>,
}

/// Take in a courier file
#[utoipa::path(
    post, path = "/courier", tag = "sharing", request_body = CourierFile,
    responses((status = 200, body = CourierImported), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn courier_import(
    State(app): State<Shared>,
    By(caller): By,
    JsonBody(body): JsonBody<CourierFile>,
) -> Result<Json<CourierImported>, Problem> {
    use base64::Engine as _;
    let file = base64::engine::general_purpose::STANDARD.decode(&body.file);
    let file = file.map_err(|_| Problem::bad("`file` is not base64"))?;
    app.blocking(move |app| {
        let imported = app.core().courier_import(&file)?;
        let registry = app.core().registry()?;
        let from = name_of(&registry, imported.from);
        app.core().audited(caller.name(), "courier.import", &from, "")?;
        let (part, parts) = imported.part;
        Ok(Json(CourierImported {
            from,
            part,
            parts,
            taken: imported.taken,
            acks: imported.acks,
            documents: imported.documents,
            refused: imported.refused,
            gaps: imported.gaps,
        }))
    })
    .await
}
