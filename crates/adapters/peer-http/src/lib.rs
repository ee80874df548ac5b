//! Calls between nodes: HTTP/2 over mutual TLS 1.3, out through [`HttpTransport`] and in through [`serve`].
//!
//! Both sides show a leaf ([`make_leaf`]): a self-signed certificate that carries a statement about itself. Nobody
//! outside vouches for it: the handler says whose it is ([`ports::peer::PeerHandler::identify`]), by the keys it
//! holds of the parties it knows. A call is `POST /peer/v1/{topic}`; the body is whatever `exchange` wrote.
//!
//! **Invariant:** no byte of a body is sent to a party other than the one that was called, and no body is read from a
//! caller beyond what its party, its topic and the memory set aside allow. A refusal says what the handler said, or
//! what is wrong with the call; nothing else about the inside reaches a caller.
//!
//! **Must not know:** what bodies mean, what statements say, the store, or any other adapter.

mod client;
mod counts;
mod credentials;
mod der;
mod endpoint;
mod leaf;
mod server;
mod settings;
mod strangers;
mod verify;
mod wire;

pub use client::HttpTransport;
pub use credentials::{Credentials, SetupError};
pub use endpoint::{Endpoint, InvalidEndpoint};
pub use leaf::{LeafError, MAX_LIFETIME_SECONDS, MAX_STATEMENT, STATEMENT_OID, leaf_window, make_leaf};
pub use server::serve;
pub use settings::{CallSettings, ServeSettings};
pub use wire::{Bounds, answer_bounds, request_bounds};
