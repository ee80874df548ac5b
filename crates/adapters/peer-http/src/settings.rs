//! The bounds of both directions, with defaults for a node of a few dozen peers.

use std::time::Duration;

/// Bounds of what is served.
#[derive(Debug, Clone)]
pub struct ServeSettings {
    /// Connections at once; others wait in the system's queue.
    pub max_connections: usize,
    /// Connections of one party, or of strangers from one address (one IPv6 /64).
    pub max_connections_each: usize,
    /// Connections of callers that nobody here knows, all together.
    pub max_stranger_connections: usize,
    /// Connections from one address that have not yet shown who they are.
    pub max_handshakes_each: usize,
    /// Calls of one party at once; more are told to come back ([`ports::peer::Refusal::Busy`]).
    pub in_flight_each: usize,
    /// Calls handed to the handler at once; each takes a blocking thread.
    pub answering: usize,
    /// Memory for bodies, compressed and not, of all calls at once, in bytes.
    pub body_memory: usize,
    /// How long anyone may take to shake hands, to make the first call, and to go on with a body.
    pub patience: Duration,
    /// A connection without calls is closed after this time.
    pub idle: Duration,
    /// No call takes longer, from its first byte to the last byte of the answer.
    pub longest_call: Duration,
    /// After this time the handler is asked again whose leaf it is, so that a key that was revoked does not
    /// live on in an open connection.
    pub identity_lifetime: Duration,
    /// How many calls and connections a stranger's address may make at once, having been quiet.
    pub stranger_burst: u32,
    /// How many it regains in a minute.
    pub stranger_per_minute: u32,
    /// How long calls under way may take to end once it is to stop.
    pub drain: Duration,
}

impl Default for ServeSettings {
    fn default() -> Self {
        Self {
            max_connections: 1_024,
            max_connections_each: 8,
            max_stranger_connections: 64,
            max_handshakes_each: 16,
            in_flight_each: 8,
            answering: 16,
            body_memory: 256 << 20,
            patience: Duration::from_secs(10),
            idle: Duration::from_secs(300),
            longest_call: Duration::from_secs(300),
            identity_lifetime: Duration::from_secs(30),
            stranger_burst: 30,
            stranger_per_minute: 60,
            drain: Duration::from_secs(10),
        }
    }
}

/// Bounds of calls to others.
#[derive(Debug, Clone)]
pub struct CallSettings {
    /// How long finding, connecting and shaking hands may take together.
    pub connect: Duration,
    /// How long an answer may take, beside what the transfer of its size takes on a slow line.
    pub answer: Duration,
    /// The slowest line that is waited for, in bytes per second.
    pub slowest: u32,
    /// Calls to one endpoint at once; more wait for their turn.
    pub in_flight_each: usize,
    /// After this time the handler is asked again whose leaf a kept connection showed.
    pub identity_lifetime: Duration,
    /// An open connection is tried this often, so that a dead one is noticed.
    pub keep_alive: Duration,
}

impl Default for CallSettings {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(60),
            slowest: 32 << 10,
            in_flight_each: 8,
            identity_lifetime: Duration::from_secs(30),
            keep_alive: Duration::from_secs(20),
        }
    }
}
