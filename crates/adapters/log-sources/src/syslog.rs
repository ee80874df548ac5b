//! Syslog from the network: datagrams, and connections with and without TLS.

mod drops;
mod framing;
mod tcp;
mod tls;
mod udp;

use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use ports::logs::{LogError, LogStream};

use crate::config::Config;
use crate::fed::{Fed, Gauge};

const OVER: &str = "the listener has stopped: open the source again";

/// An open source and where it listens.
type Listening = (Box<dyn LogStream>, SocketAddr);

/// Listens for datagrams.
pub(crate) fn udp(name: &str, config: &Config) -> Result<Listening, LogError> {
    let at = config.listen()?;
    let bound = UdpSocket::bind(at).and_then(|socket| {
        socket.set_nonblocking(true)?;
        let local = socket.local_addr()?;
        Ok((socket, local))
    });
    let (socket, local) = bound.map_err(|error| unbound(name, at, &error))?;
    let gauge = Arc::new(Gauge::default());
    warn_if_open(&gauge, local);
    udp::widen(&socket, &gauge);
    let drops = drops::Drops::of(&socket, local);
    let counts = Arc::clone(&gauge);
    let stream = Fed::new(gauge, OVER, Box::new(move |outlet| udp::start(socket, outlet, counts)))
        .counting(Box::new(move || drops.count()));
    Ok((Box::new(stream), local))
}

/// Listens for connections in the clear.
pub(crate) fn tcp(name: &str, config: &Config) -> Result<Listening, LogError> {
    let gauge = Arc::new(Gauge::default());
    let (listener, local) = bind(name, config)?;
    warn_if_open(&gauge, local);
    Ok((connections(listener, None, config, gauge), local))
}

/// Listens for connections over TLS.
pub(crate) fn tls(name: &str, config: &Config) -> Result<Listening, LogError> {
    let gauge = Arc::new(Gauge::default());
    let doors = tls::Doors::open(config)?;
    if doors.is_open_to_all() {
        let note = "anybody may send here: name the authorities of clients' certificates in `client_ca`";
        gauge.note(note.to_owned());
    }
    let (listener, local) = bind(name, config)?;
    Ok((connections(listener, Some(doors), config, gauge), local))
}

fn connections(
    listener: TcpListener,
    doors: Option<tls::Doors>,
    config: &Config,
    gauge: Arc<Gauge>,
) -> Box<dyn LogStream> {
    let idle = Duration::from_secs(config.number("idle_seconds"));
    let counts = Arc::clone(&gauge);
    Box::new(Fed::new(gauge, OVER, Box::new(move |outlet| tcp::start(listener, doors, idle, outlet, counts))))
}

fn bind(name: &str, config: &Config) -> Result<(TcpListener, SocketAddr), LogError> {
    let at = config.listen()?;
    TcpListener::bind(at)
        .and_then(|listener| {
            listener.set_nonblocking(true)?;
            let local = listener.local_addr()?;
            Ok((listener, local))
        })
        .map_err(|error| unbound(name, at, &error))
}

fn unbound(name: &str, at: SocketAddr, error: &std::io::Error) -> LogError {
    let remedy = match error.kind() {
        std::io::ErrorKind::AddrInUse => "another program listens there: stop it, or name another port",
        std::io::ErrorKind::PermissionDenied => {
            "ports below 1024 need CAP_NET_BIND_SERVICE: grant it, or name a port above and redirect to it"
        }
        std::io::ErrorKind::AddrNotAvailable => "no interface has this address: name one of this machine's",
        _ => "name another address in `listen`",
    };
    LogError::Unreadable(format!("`{name}` cannot listen on {at}: {error}; {remedy}"))
}

/// Says it when anybody who reaches the address can write records that nobody vouches for.
fn warn_if_open(gauge: &Gauge, local: SocketAddr) {
    if !local.ip().is_loopback() {
        gauge.note(format!(
            "{local} takes in records in the clear from whoever reaches it: confine it with a firewall, or use syslog-tls"
        ));
    }
}

/// A peer's address as people know it: IPv4 as such, even where the socket is IPv6's.
fn shown(peer: SocketAddr) -> IpAddr {
    peer.ip().to_canonical()
}
