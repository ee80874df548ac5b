//! What every handler shares, and the one way from async code to the synchronous store.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use model::Timestamp;
use ports::{Read, StoreError, Tx};
use runtime::{Core, Node};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, watch};
use tracing::Span;

use crate::auth::Auth;
use crate::guard::Door;
use crate::metrics::HttpMetrics;
use crate::problem::Problem;
use crate::settings::Settings;
use crate::{docs, guard, openapi, rest, taxii_server};

/// State of the server.
pub(crate) struct App {
    pub(crate) node: Arc<Node>,
    pub(crate) settings: Settings,
    pub(crate) auth: Auth,
    pub(crate) http: HttpMetrics,
    pub(crate) requests: Semaphore,
    pub(crate) streams: Arc<Semaphore>,
    pub(crate) imports: Arc<Semaphore>,
    /// KiB of request bodies in memory.
    pub(crate) bodies: Arc<Semaphore>,
    /// Changes of accounts and sources are checked against what is there, so they come one after another.
    pub(crate) administration: Mutex<()>,
    /// Log sources whose records are being taken in.
    pub(crate) taking: std::sync::Mutex<BTreeSet<String>>,
    /// Turned to `true` when the server goes down: live streams end.
    pub(crate) draining: watch::Sender<bool>,
    blocking: Arc<Semaphore>,
}

/// State as handlers take it.
pub(crate) type Shared = Arc<App>;

impl App {
    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.node.core
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.core().clock.now()
    }

    /// Runs a job where it may block, within the bound on such jobs.
    pub(crate) async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        job: impl FnOnce(&Self) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let permit = Arc::clone(&self.blocking).acquire_owned().await;
        let permit: OwnedSemaphorePermit = permit.map_err(|error| Problem::internal(&error))?;
        let (app, span) = (Arc::clone(self), Span::current());
        let task = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            span.in_scope(|| job(&app))
        });
        task.await.unwrap_or_else(|panic| Err(Problem::internal(&panic)))
    }

    /// Runs a job on a consistent snapshot of the store.
    pub(crate) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        job: impl FnOnce(&Self, &dyn Read) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        self.blocking(|app| {
            let read = app.core().store.read()?;
            job(app, &*read)
        })
        .await
    }

    /// Runs a job inside one durable transaction; a problem undoes all it did.
    pub(crate) async fn write<T: Send + 'static>(
        self: &Arc<Self>,
        job: impl FnOnce(&Self, &mut dyn Tx) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        self.blocking(|app| {
            let mut outcome = None;
            let committed = app.core().store.write(Box::new(|tx| {
                let result = job(app, tx);
                // Any error undoes the transaction; the client gets the problem, not this.
                let undo = result.is_err().then(|| StoreError::Engine("undone by its caller".to_owned()));
                outcome = Some(result);
                undo.map_or(Ok(()), Err)
            }));
            app.core().committed();
            match (outcome, committed) {
                (Some(Err(problem)), _) => Err(problem),
                (Some(Ok(value)), Ok(())) => Ok(value),
                (_, Err(error)) => Err(error.into()),
                (None, Ok(())) => Err(Problem::internal(&"the store accepted a job and did not run it")),
            }
        })
        .await
    }
}

/// The server's routes over a running node.
#[derive(Clone)]
pub struct Api(pub(crate) Shared);

impl Api {
    /// A server for this node.
    #[must_use]
    pub fn new(node: Arc<Node>, settings: Settings) -> Self {
        let auth = Auth::new(&settings, node.core.ids.random());
        Self(Arc::new(App {
            auth,
            http: HttpMetrics::default(),
            requests: Semaphore::new(settings.max_requests),
            streams: Arc::new(Semaphore::new(settings.max_streams)),
            imports: Arc::new(Semaphore::new(settings.max_imports)),
            bodies: Arc::new(Semaphore::new(settings.body_budget.max(settings.max_body) / 1024 + 1)),
            administration: Mutex::new(()),
            taking: std::sync::Mutex::default(),
            draining: watch::Sender::new(false),
            blocking: Arc::new(Semaphore::new(settings.max_blocking)),
            node,
            settings,
        }))
    }

    /// Routes for people and clients: each request is authenticated.
    pub fn router(&self) -> Router {
        self.routes(Door::Network)
    }

    /// The same routes for the local operator, whose role is admin: for the Unix socket and for use in process.
    pub fn local_router(&self) -> Router {
        self.routes(Door::Local)
    }

    fn routes(&self, door: Door) -> Router {
        let (inside, _) = openapi::with_caller().split_for_parts();
        let (sign_in, _) = openapi::without_caller().split_for_parts();
        let inside = inside.merge(rest::metrics_route()).merge(docs::routes()).merge(taxii_server::routes());
        let inside = guard::authenticated(inside, &self.0, door);
        let all = inside.merge(sign_in).merge(rest::health_routes());
        guard::guarded(all, &self.0).with_state(Arc::clone(&self.0))
    }
}
