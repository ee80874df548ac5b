//! The ledger: checkpoints, proofs of single entries, and oversight reports.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use tokio::time::{Instant, sleep};
use utoipa::ToSchema;

use crate::app::Shared;
use crate::auth::By;
use crate::extract::Path;
use crate::problem::Problem;

/// A log's newest checkpoint, as far as seen here.
#[derive(Serialize, ToSchema)]
pub(crate) struct CheckpointBody {
    /// Which log.
    origin: String,
    /// Leaves in its tree.
    size: u64,
    /// The signed note (C2SP tlog-checkpoint), cosignatures included.
    note: String,
}

/// The ledger.
#[derive(Serialize, ToSchema)]
pub(crate) struct LedgerBody {
    /// Entries so far.
    size: u64,
    /// Newest checkpoints of our own log and of those we witness.
    checkpoints: Vec<CheckpointBody>,
    /// Verifier keys of the peers that witness ours.
    witnesses: Vec<String>,
}

/// The ledger
#[utoipa::path(get, path = "/ledger", tag = "ledger", responses((status = 200, body = LedgerBody)))]
pub(crate) async fn ledger(State(app): State<Shared>) -> Result<Json<LedgerBody>, Problem> {
    app.blocking(|app| {
        let core = app.core();
        let size = core.store.read()?.ledger_size(core.scope.tenant)?;
        let checkpoints = core.checkpoints()?.into_iter();
        let checkpoints =
            checkpoints.map(|(origin, (size, note))| CheckpointBody { origin, size, note }).collect();
        Ok(Json(LedgerBody { size, checkpoints, witnesses: core.witness_keys()? }))
    })
    .await
}

/// The proof of one entry.
#[derive(Serialize, ToSchema)]
pub(crate) struct EntryProof {
    /// C2SP tlog-proof: verifiable with the log's and the witnesses' keys alone.
    proof: String,
    /// The entry and its salt, for whoever may know it; absent once erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    opening: Option<String>,
}

/// Prove an entry
#[utoipa::path(
    get, path = "/ledger/entries/{index}/proof", tag = "ledger", params(("index" = u64, Path)),
    responses((status = 200, body = EntryProof), (status = 404, response = super::ProblemBody))
)]
pub(crate) async fn proof(
    State(app): State<Shared>,
    Path(index): Path<u64>,
) -> Result<Json<EntryProof>, Problem> {
    app.blocking(move |app| {
        let (proof, opening) = app.core().entry_proof(index)?;
        Ok(Json(EntryProof { proof, opening }))
    })
    .await
}

/// An oversight report.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReportBody {
    /// The file.
    report: String,
    /// Entries it covers.
    entries: u64,
    /// Witnesses that cosigned the checkpoint it rests on.
    witnesses: usize,
    /// The key history it is verified with.
    history: String,
}

/// How long a report waits for peers to cosign.
const WITNESSES: Duration = Duration::from_secs(5);

/// Make an oversight report
///
/// Waits a moment for peers to cosign the ledger as it is. The report is of everything in the ledger up to now: figures and their proofs, no content.
#[utoipa::path(
    post, path = "/reports", tag = "ledger",
    responses((status = 200, body = ReportBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn report(State(app): State<Shared>, By(caller): By) -> Result<Json<ReportBody>, Problem> {
    app.blocking(|app| Ok(app.core().prepare_report()?)).await?;
    app.node.wake_peers();
    // Peers cosign within moments; one that does not answer is not waited for longer than that.
    let deadline = Instant::now() + WITNESSES;
    while Instant::now() < deadline && !app.blocking(|app| Ok(app.core().is_witnessed()?)).await? {
        sleep(Duration::from_millis(50)).await;
    }
    app.blocking(move |app| {
        let made = app.core().make_report(caller.name())?;
        let history = app.core().own_history()?.to_text();
        let entries = made.leaves.1 - made.leaves.0;
        Ok(Json(ReportBody { report: made.file, entries, witnesses: made.witnesses, history }))
    })
    .await
}
