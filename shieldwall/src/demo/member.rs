//! One organisation of the demo: its node, its keys, its officers.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use api::{Api, Listen, Settings, Tls};
use keys::events::Roots;
use keys::posts::{Appointment, PersonKey, Post};
use keys::window::{DAY, Window};
use keys::{SecretKey, Signed, context};
use model::PartyId;
use ports::Ids as _;
use ports::peer::Transport;
use runtime::{Core, Founding, Node, NodeOptions, OsIds, SystemClock};
use serde_json::{Value, json};
use sources::Policy;
use store_sqlite::SqliteStore;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use super::federation::wrong;
use crate::client::{Client, SOCKET, STORE, sources};
use crate::commands::make_private;
use crate::detecting;
use crate::exit::Failure;
use crate::peering::{self, Late};

/// An organisation that exists nowhere else.
#[derive(Clone, Copy)]
pub struct Organisation {
    /// Country code (ISO 3166-1 alpha-3); the demo calls the organisation by it.
    pub code: &'static str,
    pub name: &'static str,
    /// Its release officers.
    pub officers: [&'static str; 3],
}

/// The five. The first is the one that publishes.
pub const ORGANISATIONS: [Organisation; 5] = [
    Organisation {
        code: "AUS",
        name: "Southern Harbours CERT",
        officers: ["Ada Brand", "Bill Okafor", "Cleo Marsh"],
    },
    Organisation {
        code: "CAN",
        name: "Maple Grid CSIRT",
        officers: ["Denis Roy", "Elsie Chan", "Farid Noor"],
    },
    Organisation {
        code: "GBR",
        name: "Thames Ports CSIRT",
        officers: ["Grace Hall", "Hari Patel", "Ina Moss"],
    },
    Organisation {
        code: "NZL",
        name: "Kauri Energy CERT",
        officers: ["Jo Tane", "Kiri Walker", "Leo Finch"],
    },
    Organisation {
        code: "USA",
        name: "Lakes Shipping ISAC",
        officers: ["Mae Ortiz", "Ned Cole", "Opal Reed"],
    },
];

/// One running member of the demo.
pub struct Member {
    pub organisation: Organisation,
    pub node: Arc<Node>,
    pub dir: PathBuf,
    pub party: PartyId,
    /// Held by people, not by the node: the demo plays them.
    pub officers: Vec<SecretKey>,
    /// Where people are served.
    pub addr: SocketAddr,
    peer: SocketAddr,
    served: JoinHandle<Result<(), api::ServeError>>,
    peers: JoinHandle<Result<(), Failure>>,
}

impl Member {
    /// Makes and serves one node.
    pub async fn start(
        folder: &Path,
        organisation: Organisation,
        stopping: watch::Receiver<bool>,
    ) -> Result<Self, Failure> {
        let dir = folder.join(organisation.code);
        make_private(&dir)?;
        let store = Arc::new(SqliteStore::open(dir.join(STORE), store_sqlite::Options::default())?);
        let founding =
            Founding { name: organisation.name.to_owned(), country: Some(organisation.code.to_owned()) };
        let core = Core::found(store, Arc::new(SystemClock), Arc::new(OsIds), &founding)?;
        let outside = detecting::outside(&dir, detecting::retention(0, 0))?;
        let core = core.in_dir(dir.clone()).detecting(outside);
        let (party, officers) = establish(&core, organisation)?;
        let late = Arc::new(Late::default());
        let transport: Arc<dyn Transport> = Arc::clone(&late) as _;
        // The allies are on this machine; a real node fetches from public addresses only.
        let options =
            NodeOptions { transport: Some(transport), ..NodeOptions::new(sources(Policy::with_loopback())) };
        let node = Node::start(core, options);
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let port = peering::bind(loopback).await?;
        let peer = port.local_addr().map_err(wrong)?;
        let peers = tokio::spawn(peering::run(Arc::clone(&node), late, port, until(stopping.clone())));
        let listen = Listen { addr: loopback, tls: Tls::Plain, socket: Some(dir.join(SOCKET)) };
        let (ready, bound) = oneshot::channel();
        let api = Api::new(Arc::clone(&node), Settings::default());
        let served = tokio::spawn(async move {
            let ready = move |bound: api::Bound| {
                // The receiver is gone only if the demo has failed already.
                let _ = ready.send(bound.addr);
            };
            api::serve(api, listen, ready, until(stopping)).await
        });
        let failed = |_| Failure::new(format!("the node of {} did not start", organisation.name));
        let addr = bound.await.map_err(failed)?;
        Ok(Self { organisation, node, dir, party, officers, addr, peer, served, peers })
    }

    pub fn code(&self) -> &'static str {
        self.organisation.code
    }

    pub fn core(&self) -> &Arc<Core> {
        &self.node.core
    }

    /// Where other nodes reach it.
    pub fn peer_url(&self) -> String {
        format!("https://{}", self.peer)
    }

    /// What its peers call it.
    pub fn petname(&self) -> String {
        self.code().to_lowercase()
    }

    pub async fn client(&self) -> Result<Client, Failure> {
        Client::connect(&crate::cli::Node { dir: self.dir.clone(), author: "demo".to_owned() }).await
    }

    pub fn to_json(&self) -> Value {
        json!({
            "code": self.code(),
            "name": self.organisation.name,
            "party": self.party.to_string(),
            "url": format!("http://{}", self.addr),
            "peer": self.peer_url(),
        })
    }

    /// Waits until it has stopped, after it was told to.
    pub async fn stop(self) -> Result<(), Failure> {
        self.node.stop().await;
        if let Ok(served) = self.served.await {
            served?;
        }
        if let Ok(served) = self.peers.await {
            served?;
        }
        Ok(())
    }
}

async fn until(mut stopping: watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stop| *stop).await;
}

/// Root keys, the node's own keys, and three officers: what `shieldwall key` does with files.
fn establish(core: &Core, organisation: Organisation) -> Result<(PartyId, Vec<SecretKey>), Failure> {
    let fresh = || SecretKey::generate(&mut || OsIds.random());
    let root = fresh();
    let roots = Roots { keys: vec![root.public().clone()], threshold: 1 };
    let mut inception = core.begin_keys(roots, "demo").map_err(wrong)?;
    inception.add(context::KEY_EVENT, &root).map_err(wrong)?;
    let party = core.take_key_event(&inception, "demo").map_err(wrong)?;
    let mut officers = Vec::new();
    for name in organisation.officers {
        let key = fresh();
        let now = core.clock.now();
        let appointment = Appointment {
            party,
            post: Post::ReleaseOfficer,
            person: name.to_lowercase().replace(' ', "-"),
            name: name.to_owned(),
            keys: vec![PersonKey::Hybrid(key.public().clone())],
            window: Window { from: now, until: now.plus_micros(365 * DAY) },
            issued: now,
            deputy: None,
        };
        let signed = Signed::sign(&appointment.to_body(), context::APPOINTMENT, &[&root]).map_err(wrong)?;
        core.add_appointment(&signed).map_err(wrong)?;
        officers.push(key);
    }
    Ok((party, officers))
}
