//! The journal, by page.

use axum::Json;
use axum::extract::State;
use model::Seq;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::page_size;
use super::wire::{JournalBody, SourceNames};
use crate::app::Shared;
use crate::extract::Query;
use crate::problem::Problem;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct JournalQuery {
    /// Continue after this place; 0 is the beginning.
    after: Option<u64>,
    /// Entries at most.
    limit: Option<usize>,
}

/// A page of the journal.
#[derive(Serialize, ToSchema)]
pub(crate) struct JournalPage {
    entries: Vec<JournalBody>,
    /// Give it back as `after` for what follows.
    last: u64,
    /// The journal's head now.
    head: u64,
}

/// The journal after a place
///
/// Gap-free and in commit order. A place before the horizon is answered with 410 `cursor-expired`, which names the
/// horizon: resynchronise, then continue from there.
#[utoipa::path(
    get, path = "/journal", tag = "journal", params(JournalQuery),
    responses((status = 200, body = JournalPage), (status = 410, response = super::ProblemBody))
)]
pub(crate) async fn journal(
    State(app): State<Shared>,
    Query(query): Query<JournalQuery>,
) -> Result<Json<JournalPage>, Problem> {
    let limit = page_size(&app, query.limit)?;
    let after = Seq(query.after.unwrap_or_default());
    app.read(move |app, read| {
        let tenant = app.core().scope.tenant;
        let rows = read.journal(tenant, after, limit)?;
        let names = SourceNames::load(app, read)?;
        let last = rows.last().map_or(after, |row| row.seq).0;
        let entries = rows.iter().map(|row| JournalBody::new(row, &names)).collect();
        Ok(Json(JournalPage { entries, last, head: read.head(tenant)?.0 }))
    })
    .await
}
