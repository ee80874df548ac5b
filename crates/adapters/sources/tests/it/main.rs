//! Sources against servers that behave, misbehave and attack: all in this process, on loopback.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

mod feeds;
mod fetch;
mod kinds;
mod live;
mod server;
mod taxii;
mod tls;

use std::time::Duration;

use ports::pull::{OpenSource as Source, PullError, Puller};
use shieldwall_sources::fetch::Limits;
use shieldwall_sources::{Env, Policy, descriptors};

/// Loopback is allowed, and limits are short enough to be run into.
pub(crate) fn env() -> Env {
    Env { policy: Policy::with_loopback(), limits: limits(), user_agent: "shieldwall-test".to_owned() }
}

pub(crate) fn limits() -> Limits {
    Limits {
        connect: Duration::from_secs(5),
        idle: Duration::from_secs(10),
        total: Duration::from_secs(20),
        body: 1 << 20,
    }
}

pub(crate) fn source(kind: &str, config: &serde_json::Value) -> Source {
    let descriptor = descriptors().iter().find(|descriptor| descriptor.kind == kind).unwrap();
    (descriptor.construct)(&config.to_string(), &env()).unwrap()
}

/// Every document of a round, with the cursor it ends with.
pub(crate) async fn round(
    puller: &mut dyn Puller,
    cursor: Option<String>,
) -> Result<(Vec<Vec<u8>>, String), PullError> {
    let (mut documents, mut cursor) = (Vec::new(), cursor);
    for _ in 0..1_000 {
        let batch = puller.next(cursor.as_deref()).await?;
        documents.extend(batch.pieces.into_iter().map(|piece| piece.bytes));
        cursor = Some(batch.cursor);
        if !batch.more {
            break;
        }
    }
    Ok((documents, cursor.unwrap()))
}
