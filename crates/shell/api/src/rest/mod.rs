//! REST under `/api/v1`: one module per resource, all of them listed here.

mod accounts;
mod acts;
mod agreements;
mod alerts;
mod answers;
mod audit;
mod collections;
mod consumers;
mod detection;
mod export;
mod findings;
mod graph;
mod health;
mod held;
mod hunt_requests;
mod hunts;
mod import;
mod journal;
mod keys;
mod leases;
mod ledger;
mod legible;
mod live;
mod log_sources;
mod logs;
mod node;
mod objects;
mod operations;
mod parties;
mod proofs;
mod queries;
mod rules;
mod search;
mod session;
mod sharing;
mod sources;
mod telemetry;
mod terms;
mod tokens;
mod warning_lists;
mod wire;

use axum::Router;
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::{App, Shared};
use crate::problem::Problem;

pub(crate) use crate::problem::ProblemBody;

/// Everything under `/api/v1` that needs a caller.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(session::close))
        .routes(routes!(session::me))
        .routes(routes!(session::change_password))
        .routes(routes!(node::node))
        .routes(routes!(objects::list, objects::add))
        .routes(routes!(objects::get, objects::erase))
        .routes(routes!(objects::versions))
        .routes(routes!(search::search))
        .routes(routes!(graph::graph))
        .routes(routes!(journal::journal))
        .routes(routes!(live::live))
        .routes(routes!(import::import))
        .routes(routes!(export::export))
        .routes(routes!(collections::list))
        .routes(routes!(held::list))
        .routes(routes!(held::get))
        .routes(routes!(held::release))
        .routes(routes!(held::drop))
        .routes(routes!(sources::list, sources::add))
        .routes(routes!(sources::get, sources::change, sources::remove))
        .routes(routes!(sources::pull))
        .routes(routes!(findings::list))
        .routes(routes!(accounts::list, accounts::add))
        .routes(routes!(accounts::change, accounts::remove))
        .routes(routes!(tokens::list, tokens::add))
        .routes(routes!(tokens::revoke))
        .routes(routes!(audit::list))
        .routes(routes!(warning_lists::list))
        .routes(routes!(warning_lists::put))
        .routes(routes!(operations::verify))
        .routes(routes!(operations::backup))
        .routes(routes!(operations::compact))
        .routes(routes!(parties::keys))
        .routes(routes!(parties::events, parties::add_event))
        .routes(routes!(parties::inception))
        .routes(routes!(parties::rotate))
        .routes(routes!(keys::identities))
        .routes(routes!(keys::next))
        .routes(routes!(keys::recovery, keys::recover))
        .routes(routes!(parties::appointments, parties::appoint))
        .routes(routes!(parties::peers, parties::accept))
        .routes(routes!(parties::invite))
        .routes(routes!(parties::answer))
        .routes(routes!(parties::peer, parties::change_peer))
        .routes(routes!(parties::confirm))
        .routes(routes!(parties::end))
        .routes(routes!(parties::compare))
        .routes(routes!(parties::endpoint))
        .routes(routes!(agreements::templates))
        .routes(routes!(agreements::fill))
        .routes(routes!(agreements::check))
        .routes(routes!(agreements::diff))
        .routes(routes!(agreements::list, agreements::propose))
        .routes(routes!(agreements::get))
        .routes(routes!(agreements::approval))
        .routes(routes!(agreements::sign))
        .routes(routes!(agreements::suspend))
        .routes(routes!(agreements::end))
        .routes(routes!(agreements::leave))
        .routes(routes!(acts::requests, acts::request))
        .routes(routes!(acts::to_approve))
        .routes(routes!(acts::act))
        .routes(routes!(acts::retract))
        .routes(routes!(acts::introduce))
        .routes(routes!(proofs::proof))
        .routes(routes!(agreements::explain))
        .routes(routes!(sharing::decisions))
        .routes(routes!(sharing::disclosures))
        .routes(routes!(sharing::withdraw))
        .routes(routes!(sharing::holdings))
        .routes(routes!(sharing::hold))
        .routes(routes!(sharing::reviews))
        .routes(routes!(sharing::release))
        .routes(routes!(sharing::withhold))
        .routes(routes!(sharing::courier_export))
        .routes(routes!(sharing::courier_carried))
        .routes(routes!(sharing::courier_import))
        .routes(routes!(consumers::list, consumers::sign))
        .routes(routes!(consumers::draft))
        .routes(routes!(consumers::get))
        .routes(routes!(consumers::end))
        .routes(routes!(consumers::explain))
        .routes(routes!(terms::standing))
        .routes(routes!(terms::notice))
        .routes(routes!(terms::emergencies))
        .routes(routes!(terms::emergency_approval))
        .routes(routes!(terms::emergency_report_approval))
        .routes(routes!(terms::request_release))
        .routes(routes!(terms::release_requests))
        .routes(routes!(terms::answer_approval))
        .routes(routes!(terms::decide))
        .routes(routes!(ledger::ledger))
        .routes(routes!(ledger::proof))
        .routes(routes!(ledger::report))
        .routes(routes!(queries::ask))
        .routes(routes!(leases::list, leases::propose))
        .routes(routes!(leases::get))
        .routes(routes!(leases::statement))
        .routes(routes!(leases::approve))
        .routes(routes!(leases::refuse))
        .routes(routes!(leases::withdraw))
        .routes(routes!(leases::extend))
        .routes(routes!(leases::retry))
        .routes(routes!(leases::export))
        .routes(routes!(rules::get, rules::put))
        .routes(routes!(rules::check))
        .routes(routes!(rules::diff))
        .routes(routes!(log_sources::list, log_sources::add))
        .routes(routes!(log_sources::get, log_sources::change, log_sources::remove))
        .routes(routes!(logs::push))
        .routes(routes!(alerts::list))
        .routes(routes!(alerts::get))
        .routes(routes!(alerts::close))
        .routes(routes!(detection::rules))
        .routes(routes!(detection::put_rule, detection::remove_rule))
        .routes(routes!(detection::coverage))
        .routes(routes!(detection::unwatched))
        .routes(routes!(hunts::list, hunts::run))
        .routes(routes!(hunts::get))
        .routes(routes!(hunts::cancel))
        .routes(routes!(hunt_requests::list, hunt_requests::ask))
        .routes(routes!(hunt_requests::approve))
        .routes(routes!(hunt_requests::refuse))
        .routes(routes!(answers::answers))
        .routes(routes!(answers::feedback))
        .routes(routes!(answers::mutes))
        .routes(routes!(answers::mute, answers::unmute))
        .routes(routes!(telemetry::stats))
        .routes(routes!(telemetry::holds, telemetry::hold))
        .routes(routes!(telemetry::release))
        .routes(routes!(telemetry::flush))
}

/// Signing in, the one thing under `/api/v1` that needs no caller: it makes one.
pub(crate) fn sign_in_route() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(session::open))
}

/// The scrape, beside `/api/v1`.
pub(crate) fn metrics_route() -> Router<Shared> {
    Router::new().route("/metrics", get(health::metrics))
}

/// What is answered to anyone: no more than yes or no.
pub(crate) fn health_routes() -> Router<Shared> {
    Router::new().route("/healthz", get(health::alive)).route("/readyz", get(health::ready))
}

/// The size of a page: what was asked for, within bounds.
fn page_size(app: &App, asked: Option<usize>) -> Result<usize, Problem> {
    match asked {
        Some(0) => Err(Problem::bad("`limit` is 0").hint("ask for at least one item")),
        Some(limit) => Ok(limit.min(app.settings.max_page)),
        None => Ok(app.settings.default_page),
    }
}
