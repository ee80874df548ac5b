//! Finding objects by words or by value.

use axum::Json;
use axum::extract::State;
use ports::Hit;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::page_size;
use crate::app::Shared;
use crate::extract::Query;
use crate::problem::Problem;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SearchQuery {
    /// Words to find.
    q: Option<String>,
    /// A value to look up exactly: an address, network, domain, URL, hash…, defanged or not.
    observable: Option<String>,
    /// Also objects that name a network or a `*.domain` the value falls under.
    covering: Option<bool>,
    /// Hits at most.
    limit: Option<usize>,
}

/// What was found.
#[derive(Serialize, ToSchema)]
#[schema(as = SearchResult)]
pub(crate) struct Found {
    hits: Vec<HitBody>,
    /// Journal entries full-text search has not followed yet; look-ups by value never lag.
    lag: u64,
}

/// One object that was found.
#[derive(Serialize, ToSchema)]
#[schema(as = Hit)]
struct HitBody {
    /// Its id.
    id: String,
    /// Its name, or the line that best stands for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    /// Matching text with the hit between `[` and `]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    snippet: Option<String>,
    /// For look-ups by value: the observable the object names.
    #[serde(skip_serializing_if = "Option::is_none")]
    observable: Option<String>,
}

/// Search
///
/// By words (`q`), over the full-text index, or by value (`observable`), over the index of normalised values.
#[utoipa::path(
    get, path = "/search", tag = "objects", params(SearchQuery),
    responses((status = 200, body = Found), (status = 400, response = super::ProblemBody))
)]
pub(crate) async fn search(
    State(app): State<Shared>,
    Query(query): Query<SearchQuery>,
) -> Result<Json<Found>, Problem> {
    let limit = page_size(&app, query.limit)?;
    app.read(move |app, read| {
        let scope = app.core().scope;
        let hits = match (query.q, query.observable) {
            (Some(words), None) => read.search(scope, &words, limit)?.into_iter().map(by_words).collect(),
            (None, Some(value)) => {
                let exact = observable::classify(&value).ok_or_else(|| {
                    Problem::bad(format!("`{value}` is not a value that objects are found by"))
                        .hint("search for it as words: ?q=")
                })?;
                let wider = if query.covering.unwrap_or_default() { exact.covering() } else { Vec::new() };
                let mut hits = Vec::new();
                for observable in std::iter::once(exact).chain(wider) {
                    let left = limit - hits.len();
                    if left == 0 {
                        break;
                    }
                    let found = read.by_observable(scope, &observable, left)?;
                    hits.extend(found.into_iter().map(|id| HitBody {
                        id: id.to_string(),
                        title: None,
                        snippet: None,
                        observable: Some(observable.to_string()),
                    }));
                }
                hits
            }
            _ => return Err(Problem::bad("give either `q` or `observable`")),
        };
        let counts = read.counts(scope.tenant)?;
        Ok(Json(Found { hits, lag: counts.head.saturating_sub(counts.search_cursor) }))
    })
    .await
}

fn by_words(hit: Hit) -> HitBody {
    HitBody { id: hit.id.to_string(), title: Some(hit.title), snippet: Some(hit.snippet), observable: None }
}
