//! Our keys, our officers, and the nodes we are paired with.
//!
//! Root keys and officers' keys sign elsewhere: the node hands out what is to be signed and takes in what was.

use axum::Json;
use axum::extract::State;
use keys::Signed;
use keys::events::Roots;
use keys::words::fingerprint;
use model::PartyId;
use ports::peer::{CallError, Refusal, Topic};
use runtime::trust::{INVITATION, PairingView, TrustError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::wire::Reason;
use crate::app::Shared;
use crate::auth::By;
use crate::extract::{JsonBody, Path};
use crate::problem::{Kind, Problem};

/// A signed document, as its one text (canonical JSON).
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DocumentBody {
    /// `{"body":{…},"signatures":[…]}`
    pub(crate) document: String,
}

impl DocumentBody {
    pub(crate) fn of(signed: &Signed) -> Self {
        Self { document: signed.to_text() }
    }

    pub(crate) fn read(&self) -> Result<Signed, Problem> {
        Signed::parse(self.document.as_bytes()).map_err(|problem| Problem::bad(problem.to_string()))
    }
}

/// The node's party and its keys.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeysBody {
    /// The party's id: the digest its key history began with.
    party: String,
    /// The id as sixteen words, for comparing without a pairing.
    words: Vec<&'static str>,
    /// Name and country as its own key events say.
    name: String,
    country: String,
    /// The current epoch key's id; absent when none holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch: Option<String>,
    /// Until when it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    /// Root keys, and how many of them must sign.
    roots: usize,
    threshold: usize,
    /// Key events so far.
    events: u64,
    /// STIX identities the party speaks for.
    identities: Vec<String>,
}

/// The node's keys
#[utoipa::path(get, path = "/keys", tag = "keys", responses((status = 200, body = KeysBody), (status = 404, response = super::ProblemBody)))]
pub(crate) async fn keys(State(app): State<Shared>) -> Result<Json<KeysBody>, Problem> {
    app.blocking(|app| {
        let history = app.core().own_history()?;
        let epoch = history.current(app.now()).ok();
        Ok(Json(KeysBody {
            party: history.party().to_string(),
            words: fingerprint(history.party()),
            name: history.name().to_owned(),
            country: history.country().to_owned(),
            epoch: epoch.map(|epoch| epoch.key.id().to_string()),
            until: epoch.map(|epoch| epoch.window.until.to_string()),
            roots: history.roots().keys.len(),
            threshold: history.roots().threshold,
            events: history.count(),
            identities: history.identities().iter().map(ToString::to_string).collect(),
        }))
    })
    .await
}

/// The key history
///
/// Every key event, as a JSON list: it verifies itself.
#[utoipa::path(get, path = "/keys/events", tag = "keys", responses((status = 200, body = DocumentBody), (status = 404, response = super::ProblemBody)))]
pub(crate) async fn events(State(app): State<Shared>) -> Result<Json<DocumentBody>, Problem> {
    app.blocking(|app| Ok(Json(DocumentBody { document: app.core().own_history()?.to_text() }))).await
}

/// Root keys to begin with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RootsBody {
    /// Public root keys, as text.
    roots: Vec<String>,
    /// How many of them must sign; all when absent.
    threshold: Option<usize>,
}

/// Make the node's keys
///
/// Answers with the event that begins its key history, signed by its epoch key. It counts once it came back to
/// `/keys/events` with the root keys' signatures.
#[utoipa::path(
    post, path = "/keys/inception", tag = "keys", request_body = RootsBody,
    responses((status = 200, body = DocumentBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn inception(
    State(app): State<Shared>,
    By(caller): By,
    JsonBody(body): JsonBody<RootsBody>,
) -> Result<Json<DocumentBody>, Problem> {
    let parse =
        |text: &String| keys::PublicKey::parse(text).map_err(|problem| Problem::bad(problem.to_string()));
    let keys = body.roots.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    let threshold = body.threshold.unwrap_or(keys.len());
    app.blocking(move |app| {
        let signed = app.core().begin_keys(Roots { keys, threshold }, caller.name())?;
        Ok(Json(DocumentBody::of(&signed)))
    })
    .await
}

/// Whose event was taken in.
#[derive(Serialize, ToSchema)]
pub(crate) struct PartyBody {
    /// The party.
    pub(crate) party: String,
}

/// Add a key event of ours
#[utoipa::path(
    post, path = "/keys/events", tag = "keys", request_body = DocumentBody,
    responses((status = 200, body = PartyBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn add_event(
    State(app): State<Shared>,
    By(caller): By,
    JsonBody(body): JsonBody<DocumentBody>,
) -> Result<Json<PartyBody>, Problem> {
    let signed = body.read()?;
    let node = app.node.clone();
    let party = app.blocking(move |app| Ok(app.core().take_key_event(&signed, caller.name())?)).await?;
    node.wake_peers();
    Ok(Json(PartyBody { party: party.to_string() }))
}

/// What a rotation came to.
#[derive(Serialize, ToSchema)]
pub(crate) struct RotationBody {
    /// The event, signed by both epoch keys.
    document: String,
    /// Whether it counts already; otherwise the root keys must sign it and it must come back to `/keys/events`.
    kept: bool,
}

/// How to rotate.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotateBody {
    /// The text of the sealed file with the next epoch's key, when it does not lie in the node's `keys` folder.
    next_key: Option<String>,
}

/// Begin the next epoch
#[utoipa::path(
    post, path = "/keys/rotation", tag = "keys", request_body = RotateBody,
    responses((status = 200, body = RotationBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn rotate(
    State(app): State<Shared>,
    By(caller): By,
    JsonBody(body): JsonBody<RotateBody>,
) -> Result<Json<RotationBody>, Problem> {
    app.blocking(move |app| {
        let next_key = body.next_key.as_deref().map(str::as_bytes);
        let (signed, kept) = app.core().rotate_keys(next_key, caller.name())?;
        Ok(Json(RotationBody { document: signed.to_text(), kept }))
    })
    .await
}

/// A person's appointment.
#[derive(Serialize, ToSchema)]
pub(crate) struct AppointmentBody {
    /// Digest of the document: what its end names.
    id: String,
    /// The post.
    post: String,
    /// The party's own id for the person.
    person: String,
    /// What people call them.
    name: String,
    /// Since and until when.
    from: String,
    until: String,
    /// For whom the person stands in.
    #[serde(skip_serializing_if = "Option::is_none")]
    deputy_of: Option<String>,
    /// Since when it ended before its time.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<String>,
}

/// Appointments of our officers.
#[derive(Serialize, ToSchema)]
pub(crate) struct AppointmentList {
    appointments: Vec<AppointmentBody>,
}

/// List our officers
#[utoipa::path(get, path = "/appointments", tag = "keys", responses((status = 200, body = AppointmentList)))]
pub(crate) async fn appointments(State(app): State<Shared>) -> Result<Json<AppointmentList>, Problem> {
    app.blocking(|app| {
        let trust = app.core().party()?;
        let roster = app.core().registry()?.roster(trust.party);
        let body = |(id, entry): (model::Digest, keys::posts::Entry)| AppointmentBody {
            id: id.to_string(),
            post: entry.appointment.post.to_string(),
            person: entry.appointment.person.clone(),
            name: entry.appointment.name.clone(),
            from: entry.appointment.window.from.to_string(),
            until: entry.appointment.window.until.to_string(),
            deputy_of: entry.appointment.deputy.as_ref().map(|deputy| deputy.of.clone()),
            ended: entry.ended.as_ref().map(|(from, _)| from.to_string()),
        };
        Ok(Json(AppointmentList { appointments: roster.entries().map(body).collect() }))
    })
    .await
}

/// Add an appointment, or the end of one
///
/// Signed by the root keys.
#[utoipa::path(
    post, path = "/appointments", tag = "keys", request_body = DocumentBody,
    responses((status = 204), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn appoint(
    State(app): State<Shared>,
    By(caller): By,
    JsonBody(body): JsonBody<DocumentBody>,
) -> Result<axum::http::StatusCode, Problem> {
    let signed = body.read()?;
    app.blocking(move |app| {
        app.core().add_appointment(&signed)?;
        app.core().audited(caller.name(), "key.appoint", &signed.hash().short(), "")?;
        Ok(axum::http::StatusCode::NO_CONTENT)
    })
    .await
}

/// What an invitation says of us.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InvitationBody {
    /// `https://host:port` of our peer port; absent for pairing and exchange by files only.
    endpoint: Option<String>,
    /// Hours it is good for: 1 to 720, 24 unless said.
    hours: Option<u32>,
}

/// Invite another party
#[utoipa::path(
    post, path = "/peers/invitations", tag = "peers", request_body = InvitationBody,
    responses((status = 200, body = DocumentBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn invite(
    State(app): State<Shared>,
    By(caller): By,
    JsonBody(body): JsonBody<InvitationBody>,
) -> Result<Json<DocumentBody>, Problem> {
    let good_for = body.hours.map_or(INVITATION, |hours| i64::from(hours) * 3_600_000_000);
    app.blocking(move |app| {
        let signed = app.core().invite(body.endpoint.as_deref(), good_for)?;
        app.core().audited(caller.name(), "peer.invite", &signed.hash().short(), "")?;
        Ok(Json(DocumentBody::of(&signed)))
    })
    .await
}

/// Somebody's invitation.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AcceptBody {
    /// The invitation.
    document: String,
    /// What to call the peer here: `[a-z0-9-]+`; made from its own name unless given.
    name: Option<String>,
    /// `https://host:port` of our peer port.
    endpoint: Option<String>,
}

/// Where a pairing stands.
#[derive(Serialize, ToSchema)]
pub(crate) struct PairingBody {
    /// What the peer is called here.
    name: String,
    /// Its party.
    party: String,
    /// The document to hand back, where it did not go by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<String>,
    /// Whether the words can be compared now.
    words: bool,
}

/// Accept an invitation
///
/// When the inviting node can be reached, the acceptance goes there by itself and the words can be compared at once.
#[utoipa::path(
    post, path = "/peers", tag = "peers", request_body = AcceptBody,
    responses((status = 200, body = PairingBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn accept(
    State(app): State<Shared>,
    By(caller): By,
    JsonBody(body): JsonBody<AcceptBody>,
) -> Result<Json<PairingBody>, Problem> {
    let invitation = DocumentBody { document: body.document }.read()?;
    let (step, endpoint) = app
        .blocking(move |app| {
            let core = app.core();
            let step = core.accept_invitation(&invitation, body.name.as_deref(), body.endpoint.as_deref())?;
            core.audited(caller.name(), "peer.accept", &step.name, "")?;
            let endpoint = core.pairing(&step.name)?.peer.endpoint;
            Ok((step, endpoint))
        })
        .await?;
    let (name, party) = (step.name.clone(), step.party.to_string());
    let transport = app.node.options.transport.clone();
    if let (Some(transport), Some(endpoint)) = (transport, endpoint) {
        let text = step.answer.to_text().into_bytes();
        match transport.call(&endpoint, Some(step.party), Topic::Pair, text).await {
            Ok(opening) => {
                let opening =
                    Signed::parse(&opening).map_err(|_| Problem::bad("the peer's answer is no document"))?;
                app.blocking(move |app| Ok(app.core().take_opening(&opening)?)).await?;
                return Ok(Json(PairingBody { name, party, document: None, words: true }));
            }
            Err(CallError::Refused(Refusal::Invalid(reason) | Refusal::Forbidden(reason))) => {
                return Err(Problem::new(Kind::Refused, format!("the inviting node refused: {reason}")).hint(
                    format!("nothing is paired; `shieldwall peer end {name} --at-once --reason …` removes what stands here"),
                ));
            }
            // Files work as well; whoever accepted has the document.
            Err(problem) => tracing::info!(%problem, peer = name, "the acceptance did not go by itself"),
        }
    }
    Ok(Json(PairingBody { name, party, document: Some(step.answer.to_text()), words: false }))
}

/// An acceptance or an opening.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AnswerBody {
    /// The document.
    document: String,
    /// For an acceptance: what to call the peer here.
    name: Option<String>,
}

/// Take in the answer to an invitation or acceptance of ours
#[utoipa::path(
    post, path = "/peers/answers", tag = "peers", request_body = AnswerBody,
    responses((status = 200, body = PairingBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn answer(
    State(app): State<Shared>,
    JsonBody(body): JsonBody<AnswerBody>,
) -> Result<Json<PairingBody>, Problem> {
    let document = DocumentBody { document: body.document }.read()?;
    app.blocking(move |app| {
        let core = app.core();
        let opening = document.with_body(|body| Ok(body.get("type").is_some_and(|kind| kind.is("opening"))));
        if opening.unwrap_or(false) {
            let party = core.take_opening(&document)?;
            let name = core.pairings()?.into_iter().find(|view| view.peer.party == party);
            let name = name.map(|view| view.peer.name).unwrap_or_default();
            return Ok(Json(PairingBody { name, party: party.to_string(), document: None, words: true }));
        }
        let step = core.take_acceptance(&document, body.name.as_deref())?;
        let (name, party) = (step.name, step.party.to_string());
        Ok(Json(PairingBody { name, party, document: Some(step.answer.to_text()), words: true }))
    })
    .await
}

/// Another party's node.
#[derive(Serialize, ToSchema)]
pub(crate) struct PeerBody {
    /// What it is called here.
    name: String,
    /// Its party.
    party: String,
    /// What its organisation calls itself: its own claim.
    claims: String,
    /// `invited`, `paired`, `ending` or `ended`.
    state: &'static str,
    /// Since when.
    since: String,
    /// Where it is reached; absent for files only.
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<String>,
    /// The six words to compare with what the other side reads out.
    #[serde(skip_serializing_if = "Option::is_none")]
    words: Option<Vec<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_contact: Option<String>,
    /// The last failure, and what to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
    /// What people here note about it.
    #[serde(skip_serializing_if = "String::is_empty")]
    note: String,
    /// While it is ending: what is still owed, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    owed: Option<String>,
}

impl PeerBody {
    /// With what is owed, where the pairing is being ended.
    fn of(app: &crate::app::App, view: PairingView) -> Result<Self, Problem> {
        let party = view.peer.party;
        let body = Self::from(view);
        if body.state != "ending" {
            return Ok(body);
        }
        let owed = app.core().owed(party)?;
        let words = format!(
            "{} taken back and not confirmed erased, {} entries not acknowledged, {} not erased here",
            owed.unconfirmed, owed.unsent, owed.unerased
        );
        Ok(Self { owed: Some(words), ..body })
    }
}

impl From<PairingView> for PeerBody {
    fn from(view: PairingView) -> Self {
        let PairingView { peer, claims, words } = view;
        Self {
            name: peer.name,
            party: peer.party.to_string(),
            claims,
            state: peer.state.as_str(),
            since: peer.since.to_string(),
            endpoint: peer.endpoint,
            words,
            last_contact: peer.last_contact.map(|at| at.to_string()),
            last_error: peer.last_error.map(|(at, text)| format!("{at}: {text}")),
            note: peer.note,
            owed: None,
        }
    }
}

/// Peers by name.
#[derive(Serialize, ToSchema)]
pub(crate) struct PeerList {
    peers: Vec<PeerBody>,
}

/// List peers
#[utoipa::path(get, path = "/peers", tag = "peers", responses((status = 200, body = PeerList)))]
pub(crate) async fn peers(State(app): State<Shared>) -> Result<Json<PeerList>, Problem> {
    app.blocking(|app| {
        let peers = app.core().pairings()?.into_iter().map(PeerBody::from).collect();
        Ok(Json(PeerList { peers }))
    })
    .await
}

/// A peer
#[utoipa::path(get, path = "/peers/{name}", tag = "peers", params(("name" = String, Path)), responses((status = 200, body = PeerBody), (status = 404, response = super::ProblemBody)))]
pub(crate) async fn peer(
    State(app): State<Shared>,
    Path(name): Path<String>,
) -> Result<Json<PeerBody>, Problem> {
    app.blocking(move |app| Ok(Json(PeerBody::of(app, app.core().pairing(&name)?)?))).await
}

/// What the other side read out.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WordsBody {
    /// Six words, separated by spaces.
    words: String,
}

/// Confirm a pairing
///
/// The words the other side read out must be those this node shows.
#[utoipa::path(
    post, path = "/peers/{name}/confirm", tag = "peers", params(("name" = String, Path)), request_body = WordsBody,
    responses((status = 200, body = PeerBody), (status = 404, response = super::ProblemBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn confirm(
    State(app): State<Shared>,
    By(caller): By,
    Path(name): Path<String>,
    JsonBody(body): JsonBody<WordsBody>,
) -> Result<Json<PeerBody>, Problem> {
    app.blocking(move |app| {
        app.core().confirm_peer(&name, &body.words, caller.name())?;
        Ok(Json(app.core().pairing(&name)?.into()))
    })
    .await
}

/// How a pairing ends.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndBody {
    /// Why; the other side is told.
    reason: String,
    /// Without waiting until withdrawals and erasures are settled, and without telling the other side.
    at_once: Option<bool>,
}

/// End a pairing
///
/// Nothing new flows from now on. Withdrawals, erasures and receipts still do, until both sides have settled them.
#[utoipa::path(
    post, path = "/peers/{name}/end", tag = "peers", params(("name" = String, Path)), request_body = EndBody,
    responses((status = 200, body = PeerBody), (status = 404, response = super::ProblemBody))
)]
pub(crate) async fn end(
    State(app): State<Shared>,
    By(caller): By,
    Path(name): Path<String>,
    JsonBody(body): JsonBody<EndBody>,
) -> Result<Json<PeerBody>, Problem> {
    let reason = Reason::of(body.reason).given()?;
    let once = body.at_once.unwrap_or_default();
    let node = app.node.clone();
    let ended = app
        .blocking(move |app| {
            app.core().end_peer(&name, once, caller.name(), &reason)?;
            Ok(Json(PeerBody::of(app, app.core().pairing(&name)?)?))
        })
        .await?;
    node.wake_peers();
    Ok(ended)
}

/// What is compared.
#[derive(Serialize, ToSchema)]
pub(crate) struct CompareBody {
    /// How many streams to the peer are compared, one for each agreement; what comes of it is among the findings.
    streams: usize,
}

/// Compare what a peer holds with what it was given
///
/// Once everything in a stream is acknowledged. What the peer lacks is given again if it still may go, what it should not
/// have is taken back. The node does so by itself after either side was restored from a backup.
#[utoipa::path(
    post, path = "/peers/{name}/compare", tag = "peers", params(("name" = String, Path)),
    responses((status = 200, body = CompareBody), (status = 404, response = super::ProblemBody))
)]
pub(crate) async fn compare(
    State(app): State<Shared>,
    By(caller): By,
    Path(name): Path<String>,
) -> Result<Json<CompareBody>, Problem> {
    let node = app.node.clone();
    let streams = app.blocking(move |app| Ok(app.core().compare_with(&name, caller.name())?)).await?;
    node.wake_peers();
    Ok(Json(CompareBody { streams }))
}

/// What changes about a peer.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PeerChange {
    /// What it is called here: `[a-z0-9-]+`.
    name: Option<String>,
    /// What people here note about it, such as whom to call.
    note: Option<String>,
}

/// Rename a peer, or note something about it
#[utoipa::path(
    patch, path = "/peers/{name}", tag = "peers", params(("name" = String, Path)), request_body = PeerChange,
    responses((status = 200, body = PeerBody), (status = 404, response = super::ProblemBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn change_peer(
    State(app): State<Shared>,
    By(caller): By,
    Path(name): Path<String>,
    JsonBody(body): JsonBody<PeerChange>,
) -> Result<Json<PeerBody>, Problem> {
    app.blocking(move |app| {
        let (core, note) = (app.core(), body.note.as_deref());
        let peer = core.change_peer(&name, body.name.as_deref(), note, caller.name())?;
        Ok(Json(core.pairing(&peer.name)?.into()))
    })
    .await
}

/// Where a peer is reached.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndpointBody {
    /// `https://host:port`; `null` for files only.
    endpoint: Option<String>,
}

/// Change where a peer is reached
#[utoipa::path(
    put, path = "/peers/{name}/endpoint", tag = "peers", params(("name" = String, Path)), request_body = EndpointBody,
    responses((status = 200, body = PeerBody), (status = 404, response = super::ProblemBody))
)]
pub(crate) async fn endpoint(
    State(app): State<Shared>,
    By(caller): By,
    Path(name): Path<String>,
    JsonBody(body): JsonBody<EndpointBody>,
) -> Result<Json<PeerBody>, Problem> {
    app.blocking(move |app| {
        app.core().set_peer_endpoint(&name, body.endpoint.as_deref())?;
        app.core().audited(caller.name(), "peer.endpoint", &name, "")?;
        Ok(Json(app.core().pairing(&name)?.into()))
    })
    .await
}

/// The party of a peer's name, or of a party id written out.
pub(crate) fn party_named(app: &crate::app::App, text: &str) -> Result<PartyId, Problem> {
    if let Ok(party) = text.parse() {
        return Ok(party);
    }
    Ok(app.core().pairing(text)?.peer.party)
}

impl From<TrustError> for Problem {
    fn from(error: TrustError) -> Self {
        match error {
            TrustError::Store(error) => error.into(),
            TrustError::Refused(reason) => Self::new(Kind::Refused, reason),
            TrustError::Missing(what) => Self::missing(what),
            TrustError::Vault(runtime::trust::VaultError::Empty) => Self::new(
                Kind::Refused,
                "this node has no keys yet",
            )
            .hint("make them with `shieldwall key establish`"),
            TrustError::Vault(runtime::trust::VaultError::Lost) => Self::new(
                Kind::Refused,
                "this node's keys are lost: its store holds a key history, and its `keys` folder not the keys of it",
            )
            .hint(
                "restore the `keys` folder that belongs to this store; without one, go on as the same party with `shieldwall key recover`",
            ),
            TrustError::Vault(runtime::trust::VaultError::Taken(_)) => {
                Self::new(Kind::Exists, "this node has keys already")
                    .hint("rotate them with `shieldwall key rotate`")
            }
            TrustError::Vault(
                ref problem @ (runtime::trust::VaultError::NextMissing { .. }
                | runtime::trust::VaultError::OtherNext { .. }),
            ) => Self::new(Kind::Refused, problem.to_string()),
            TrustError::Vault(_) | TrustError::Stream(_) => Self::internal(&error),
        }
    }
}
