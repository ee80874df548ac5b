//! The node's door for people and programs: REST, TAXII 2.1, a live journal, health, metrics.
//!
//! [`Api`] makes two routers with the same routes: one that authenticates, for the network, and one whose caller
//! is the local operator, for the Unix socket and for commands that run in the same process. [`serve`] listens.
//!
//! **Invariant:** nothing but `/healthz` and `/readyz` is answered without a caller; an endpoint that is not in the
//! table of `auth::endpoints` is not reached; what a caller may do is decided by the policies for people, on the very
//! object acted on; no error of a lower layer is ever shown to a client (a [`problem::Problem`] can only be made from text meant for them).
//!
//! **Must not know:** which engine stands behind the store, how a source is pulled, what a command line is.

mod app;
mod auth;
mod docs;
mod extract;
mod guard;
mod metrics;
mod openapi;
mod problem;
mod rest;
mod serve;
mod settings;
mod socket;
mod stream;
mod taxii_server;
mod tls;

pub use app::Api;
pub use guard::OPERATOR;
pub use openapi::openapi;
pub use serve::{Bound, Listen, ServeError, Tls, serve};
pub use settings::{PasswordCost, Settings};
pub use tls::TlsError;
