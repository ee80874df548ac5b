//! Health and metrics.

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use crate::app::Shared;
use crate::metrics::{Scrape, exposition};
use crate::problem::{Kind, Problem};

/// The process answers.
pub(crate) async fn alive() -> &'static str {
    "ok\n"
}

/// The store answers, and the server is not on its way down.
pub(crate) async fn ready(State(app): State<Shared>) -> Result<&'static str, Problem> {
    let not_ready = || Problem::new(Kind::Overloaded, "not ready").retry_after(1);
    if *app.draining.borrow() {
        return Err(not_ready());
    }
    // Anyone may ask, so why it is not ready stays in the log.
    let head = app.read(|app, read| Ok(read.head(app.core().scope.tenant)?)).await;
    head.map(|_| "ready\n").map_err(|_| not_ready())
}

/// Prometheus text exposition, version 0.0.4.
pub(crate) async fn metrics(State(app): State<Shared>) -> Result<impl IntoResponse, Problem> {
    let text = app
        .read(|app, read| {
            let tenant = app.core().scope.tenant;
            let (counts, sources) = (read.counts(tenant)?, read.sources(tenant)?);
            Ok(exposition(&Scrape {
                http: &app.http,
                build: &app.settings.build,
                counts: &counts,
                sources: &sources,
            }))
        })
        .await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text))
}
