//! `shieldwall serve`: the node, until it is told to stop.

use std::sync::Arc;

use api::{Api, Listen, Settings, Tls};
use ports::peer::Transport;
use runtime::{Node, NodeOptions};
use serde_json::json;
use sources::{Allow, Policy};
use tracing_subscriber::EnvFilter;
use zeroize::Zeroizing;

use super::{Outcome, read_secret};
use crate::cli::Serve;
use crate::client::{Opened, SOCKET, open, sources};
use crate::detecting;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::peering::{self, Late};

pub async fn serve(options: Serve, as_json: bool) -> Outcome {
    logs(options.pretty_log);
    let dir = &options.node.dir;
    let Opened { mut core, lock: _lock } =
        open(dir, detecting::retention(options.telemetry_days, options.telemetry_gib))?;
    core.passphrase =
        options.keys_passphrase_file.as_deref().map(read_secret).transpose()?.map(Zeroizing::new);
    open_keys(&core)?;
    let name = core.node()?.name;
    let policy = policy(&options.allow_fetch)?;
    let late = Arc::new(Late::default());
    let transport: Arc<dyn Transport> = Arc::clone(&late) as _;
    let node =
        Node::start(core, NodeOptions { transport: Some(transport), ..NodeOptions::new(sources(policy)) });
    let peer_port = peering::bind(options.peer_listen).await?;
    let peer_address = peer_port.local_addr().ok();
    let tls = match (options.plaintext, options.cert, options.key) {
        (true, _, _) => Tls::Plain,
        (false, Some(cert), Some(key)) => Tls::Files { cert, key },
        _ => Tls::Generated { dir: dir.clone() },
    };
    let scheme = if options.plaintext { "http" } else { "https" };
    let listen = Listen { addr: options.listen, tls, socket: Some(dir.join(SOCKET)) };
    let ready = move |bound: api::Bound| {
        let url = format!("{scheme}://{}", bound.addr);
        if as_json {
            let peer = peer_address.map(|address| format!("https://{address}"));
            output::line(&json!({"ready": true, "url": url, "fingerprint": bound.fingerprint, "peer": peer}));
        } else {
            output::text(&format!("{name} serves at {url}"));
            if let Some(address) = peer_address {
                output::text(&format!("other nodes reach it at https://{address}, once it has keys"));
            }
            if let Some(fingerprint) = bound.fingerprint {
                output::text(&format!("certificate SHA-256 {fingerprint}"));
            }
        }
    };
    let mut stopping = node.stopping();
    let peers = tokio::spawn(peering::run(Arc::clone(&node), late, peer_port, async move {
        let _ = stopping.wait_for(|stopping| *stopping).await;
    }));
    let served = api::serve(Api::new(Arc::clone(&node), Settings::default()), listen, ready, stopped()).await;
    node.stop().await;
    match peers.await {
        Ok(ended) => ended?,
        Err(panic) => return Err(Failure::new(format!("the peer port broke: {panic}"))),
    }
    served?;
    Ok(Exit::Well)
}

/// Takes over the keys of an earlier run, if there are any.
pub fn open_keys(core: &runtime::Core) -> Result<(), Failure> {
    let vault = core.vault().map_err(|problem| Failure::new(problem.to_string()))?;
    core.open_keys(vault).map_err(|problem| {
        Failure::new(problem.to_string()).hint("name the passphrase's file in SHIELDWALL_KEYS_PASSPHRASE_FILE; `serve` takes --keys-passphrase-file too")
    })?;
    Ok(())
}

/// Addresses that fetches may reach although they are not public.
pub fn policy(allow: &[String]) -> Result<Policy, Failure> {
    let allow = allow
        .iter()
        .map(|text| text.parse::<Allow>())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| Failure::new(error.to_string()))?;
    Ok(Policy { allow })
}

/// Structured logs on standard error; `RUST_LOG` chooses what is logged.
fn logs(pretty: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second call (in tests that serve twice) keeps the first subscriber.
    let _ = if pretty { builder.try_init() } else { builder.json().try_init() };
}

/// Resolves when the process is asked to end.
pub async fn stopped() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
