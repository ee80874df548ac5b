//! One connection: who is at its other end, and when it ends.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use model::PartyId;
use ports::peer::Refusal;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio_rustls::server::TlsStream;
use tracing::{debug, error};

use super::activity::{Activity, Deadline};
use super::{Pool, Server, Whom};
use crate::counts::Held;
use crate::strangers::Place;
use crate::verify::Shown;

/// Whoever is at the other end of a connection.
pub(super) struct Caller {
    pub(super) server: Arc<Server>,
    pub(super) activity: Arc<Activity>,
    place: Place,
    shown: Shown,
    standing: Mutex<Standing>,
}

struct Standing {
    who: Option<PartyId>,
    /// When the handler said so.
    since: Instant,
    _room: Room,
}

/// The caller's share of connections.
struct Room {
    _own: Held<Whom>,
    /// Strangers have only so many together.
    _among_strangers: Option<OwnedSemaphorePermit>,
}

impl Caller {
    /// Asks whose leaf it is and whether there is room for one more connection of theirs.
    pub(super) async fn admit(server: Arc<Server>, place: Place, shown: Shown) -> Option<Arc<Self>> {
        let now = Instant::now();
        let who = server.identify(&shown).await.ok()?;
        if who.is_none() {
            server.strangers.admit(place, now).ok()?;
        }
        let standing = Mutex::new(Standing { who, since: now, _room: server.room(place, who)? });
        let activity = Arc::new(Activity::new(now));
        Some(Arc::new(Self { server, activity, place, shown, standing }))
    }

    /// Who calls, as of not long ago.
    pub(super) async fn who(&self) -> Result<Option<PartyId>, Refusal> {
        if self.shown.not_after <= self.server.clock.now() {
            self.activity.enough.notify_one();
            return Err(Refusal::Forbidden(
                "the certificate expired on the open connection; connect again with a new one".to_owned(),
            ));
        }
        let now = Instant::now();
        let (known, since) = self.standing();
        if known.is_some() && now.saturating_duration_since(since) < self.server.settings.identity_lifetime {
            return Ok(known);
        }
        if known.is_none() {
            // A stranger pays for every question, and is asked about every time: it may have been paired since.
            let waiting = self.server.strangers.admit(self.place, now);
            waiting.map_err(|wait| {
                Refusal::Busy(u32::try_from(wait.as_millis()).unwrap_or(u32::MAX).saturating_add(1))
            })?;
        }
        let who = self.server.identify(&self.shown).await?;
        if who == known {
            self.standing.lock().unwrap_or_else(PoisonError::into_inner).since = now;
        } else {
            let room = self.server.room(self.place, who).ok_or_else(|| {
                self.activity.enough.notify_one();
                Refusal::Busy(1_000)
            })?;
            *self.standing.lock().unwrap_or_else(PoisonError::into_inner) =
                Standing { who, since: now, _room: room };
        }
        Ok(who)
    }

    /// Whose share calls are counted against.
    pub(super) fn whom(&self, who: Option<PartyId>) -> Whom {
        who.map_or(Whom::Stranger(self.place), Whom::Party)
    }

    /// Answers calls until the connection ends, or has to.
    pub(super) async fn serve(self: Arc<Self>, stream: TlsStream<TcpStream>, stopped: watch::Receiver<bool>) {
        let caller = Arc::clone(&self);
        let service = service_fn(move |request| {
            let caller = Arc::clone(&caller);
            async move { Ok::<_, Infallible>(caller.answer(request).await) }
        });
        let connection = self.server.http.serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        let mut stopped = stopped;
        let settings = &self.server.settings;
        // Once it is to end: when it is cut off if it has not.
        let mut end: Option<Instant> = None;
        loop {
            let deadline = self.deadline();
            let (Deadline::Idle(at) | Deadline::Call(at)) = deadline;
            tokio::select! {
                result = connection.as_mut() => {
                    if let Err(error) = result {
                        debug!(%error, "a peer's connection ended badly");
                    }
                    return;
                }
                _ = stopped.wait_for(|stopped| *stopped), if end.is_none() => {
                    connection.as_mut().graceful_shutdown();
                    end = Some(Instant::now() + settings.drain);
                }
                () = self.activity.moved.notified() => {}
                () = self.activity.enough.notified(), if end.is_none() => {
                    connection.as_mut().graceful_shutdown();
                    end = Some(Instant::now() + settings.patience);
                }
                () = tokio::time::sleep_until(end.unwrap_or(at).into()) => {
                    if end.is_some() {
                        return debug!("a peer's connection was cut off: it did not end in time");
                    }
                    // It may have moved while this waited.
                    match self.deadline() {
                        now if now != deadline => {}
                        Deadline::Call(_) => return debug!("a call was cut off: it took too long"),
                        Deadline::Idle(_) => {
                            connection.as_mut().graceful_shutdown();
                            end = Some(Instant::now() + settings.patience);
                        }
                    }
                }
            }
        }
    }

    fn deadline(&self) -> Deadline {
        let settings = &self.server.settings;
        // A stranger has one thing to say, not a conversation to hold.
        let idle = if self.standing().0.is_some() { settings.idle } else { settings.patience };
        self.activity.deadline(settings.patience, idle, settings.longest_call)
    }

    fn standing(&self) -> (Option<PartyId>, Instant) {
        let standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        (standing.who, standing.since)
    }
}

impl Server {
    /// Whose leaf it is. Blocking work may be behind the question.
    async fn identify(&self, shown: &Shown) -> Result<Option<PartyId>, Refusal> {
        let _turn = self.identifying.acquire().await.map_err(|_| Refusal::Failed)?;
        let (handler, shown) = (Arc::clone(&self.handler), shown.clone());
        let asked = tokio::task::spawn_blocking(move || handler.identify(&shown.statement, shown.key)).await;
        asked.map_err(|stopped| {
            error!(%stopped, "the handler could not say whose leaf it is");
            Refusal::Failed
        })
    }

    fn room(&self, place: Place, who: Option<PartyId>) -> Option<Room> {
        let (own, among_strangers) = match who {
            Some(party) => (Whom::Party(party), None),
            None => {
                let permit = Arc::clone(&self.strangers_connections).try_acquire_owned().ok()?;
                (Whom::Stranger(place), Some(permit))
            }
        };
        Some(Room { _own: self.connections_of.take(own)?, _among_strangers: among_strangers })
    }

    pub(super) const fn pool(&self, who: Option<PartyId>) -> &Pool {
        if who.is_some() { &self.of_parties } else { &self.of_strangers }
    }
}
