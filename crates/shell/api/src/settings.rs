//! Every bound and wish of the server, with defaults that suit one organisation's node.

use std::time::Duration;

/// How the server behaves. Take [`Settings::default`] and change what needs changing.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Program version, as shown in `/metrics` and the node resource.
    pub build: String,
    /// Largest request body in bytes, imports excepted.
    pub max_body: usize,
    /// Bytes of request bodies held in memory at once, over all requests; at least [`Settings::max_body`].
    pub body_budget: usize,
    /// Largest import in bytes; it is streamed, not held.
    pub max_import: u64,
    /// Levels of nesting in a JSON body.
    pub max_depth: u16,
    /// Items of a page when the client does not say.
    pub default_page: usize,
    /// Items of a page at most.
    pub max_page: usize,
    /// A request is given up after this long; streams are not requests once they have begun.
    pub request_timeout: Duration,
    /// The same for looking after the store, which reads or copies all of it.
    pub operation_timeout: Duration,
    /// Requests worked on at once; more are turned away with 503.
    pub max_requests: usize,
    /// Live streams and exports at once.
    pub max_streams: usize,
    /// Imports at once.
    pub max_imports: usize,
    /// Jobs on the store at once.
    pub max_blocking: usize,
    /// Connections at once.
    pub max_connections: usize,
    /// A stream whose reader takes nothing for this long is dropped.
    pub stall_timeout: Duration,
    /// Silence on a live stream is broken by a comment after this long.
    pub heartbeat: Duration,
    /// A session ends this long after it was opened.
    pub session: Duration,
    /// Failed sign-ins allowed per account, and per address, within [`Settings::sign_in_window`].
    pub sign_in_attempts: u32,
    /// See [`Settings::sign_in_attempts`].
    pub sign_in_window: Duration,
    /// A verified name and password are remembered this long, so that clients that send them with every request
    /// are not hashed each time.
    pub credential_cache: Duration,
    /// Cost of a password hash.
    pub password_cost: PasswordCost,
    /// Shutdown waits this long for requests under way.
    pub drain: Duration,
}

/// Argon2id parameters (RFC 9106).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordCost {
    /// Memory in KiB.
    pub memory: u32,
    /// Passes over it.
    pub passes: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            build: env!("CARGO_PKG_VERSION").to_owned(),
            max_body: 32 << 20,
            body_budget: 64 << 20,
            max_import: 64 << 30,
            max_depth: 96,
            default_page: 100,
            max_page: 1000,
            request_timeout: Duration::from_secs(30),
            operation_timeout: Duration::from_secs(3600),
            max_requests: 256,
            max_streams: 256,
            max_imports: 2,
            max_blocking: 16,
            max_connections: 1024,
            stall_timeout: Duration::from_secs(30),
            heartbeat: Duration::from_secs(15),
            session: Duration::from_secs(8 * 3600),
            sign_in_attempts: 10,
            sign_in_window: Duration::from_secs(300),
            credential_cache: Duration::from_secs(60),
            password_cost: PasswordCost { memory: 19 * 1024, passes: 2 },
            drain: Duration::from_secs(10),
        }
    }
}
