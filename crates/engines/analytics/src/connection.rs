//! Which events describe a connection, and what they say of it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use logs::{Clock, Event, instant};
use model::Timestamp;

/// What a connection was seen as. One connection can be in several logs at once, so each counts by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Via {
    /// A connection to an address.
    Connection,
    /// A TLS or QUIC handshake that asked for a name.
    Tls,
    /// A request over HTTP to a host.
    Http,
}

impl Via {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Tls => "tls",
            Self::Http => "http",
        }
    }

    pub(crate) const fn number(self) -> u64 {
        match self {
            Self::Connection => 0,
            Self::Tls => 1,
            Self::Http => 2,
        }
    }

    pub(crate) const fn from_number(number: u64) -> Option<Self> {
        match number {
            0 => Some(Self::Connection),
            1 => Some(Self::Tls),
            2 => Some(Self::Http),
            _ => None,
        }
    }
}

/// Who connects to what, as one source tells it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pair {
    /// The source of the events.
    pub source: String,
    /// Who connects: an address, or the machine's name where the machine itself tells.
    pub from: String,
    /// To what: an address or a name.
    pub to: String,
    /// At which port; 0 where the events do not say.
    pub port: u16,
    /// What the connections were seen as.
    pub via: Via,
}

impl Pair {
    pub(crate) fn new(source: &str, key: &Key) -> Self {
        let Key { from, to, port, via } = key.clone();
        Self { source: source.to_owned(), from, to, port, via }
    }

    pub(crate) fn key(&self) -> Key {
        Key { from: self.from.clone(), to: self.to.clone(), port: self.port, via: self.via }
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, port, via, .. } = self;
        write!(f, "{from} → ")?;
        match (to.contains(':'), *port) {
            (_, 0) => f.write_str(to)?,
            (true, _) => write!(f, "[{to}]:{port}")?,
            (false, _) => write!(f, "{to}:{port}")?,
        }
        write!(f, " ({})", via.as_str())
    }
}

/// A pair without its source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) port: u16,
    pub(crate) via: Via,
}

/// A connection that an event describes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Connection {
    pub(crate) key: Key,
    /// When it began.
    pub(crate) at: Option<Timestamp>,
    /// Bytes that the one who connected sent.
    pub(crate) bytes: Option<u64>,
}

/// Names of fields, best first.
type Names = &'static [&'static str];

/// What classes of events say of connections. Classes are numbered in `logs`.
struct Shape {
    classes: &'static [u16],
    via: Via,
    /// Fields that must have one of these words.
    only: &'static [(&'static str, Names)],
    /// Whether the machine tells of itself: then it is known by its name, which stays when its address changes.
    own: bool,
    from: Names,
    to: Names,
    port: Names,
    bytes: Names,
    /// When it began, where the event's own time is another.
    began: Names,
}

const SHAPE: Shape = Shape {
    classes: &[],
    via: Via::Connection,
    only: &[],
    own: false,
    from: &["src_ip"],
    to: &["dst_ip"],
    port: &["dst_port"],
    bytes: &[],
    began: &[],
};

static SHAPES: &[Shape] = &[
    // Zeek: conn, ssl, http.
    Shape { classes: &[450], bytes: &["orig_ip_bytes", "orig_bytes"], ..SHAPE },
    Shape { classes: &[453], via: Via::Tls, to: &["server_name", "dst_ip"], ..SHAPE },
    Shape { classes: &[452], via: Via::Http, to: &["host", "dst_ip"], bytes: &["request_body_len"], ..SHAPE },
    // Suricata. A `netflow` comes once for each direction and `drop` for each packet; a `flow` is logged at its end.
    Shape {
        classes: &[400],
        only: &[("event_type", &["flow"])],
        bytes: &["flow.bytes_toserver"],
        began: &["flow.start"],
        ..SHAPE
    },
    Shape { classes: &[404], via: Via::Tls, to: &["tls.sni", "quic.sni", "dst_ip"], ..SHAPE },
    Shape { classes: &[403], via: Via::Http, to: &["http.hostname", "dst_ip"], ..SHAPE },
    // Sysmon 3, for Windows and Linux: connections that the machine itself began.
    Shape {
        classes: &[103, 163],
        only: &[("Initiated", &["true"])],
        own: true,
        from: &["SourceIp"],
        to: &["DestinationIp"],
        port: &["DestinationPort"],
        ..SHAPE
    },
    // Other agents' connections of a machine.
    Shape {
        classes: &[542],
        own: true,
        from: &["source.ip", "src_endpoint.ip", "local_address"],
        to: &["DestinationIp"],
        port: &["DestinationPort"],
        bytes: &["source.bytes", "traffic.bytes_out"],
        ..SHAPE
    },
    // Security 5156: the source is always the machine itself, so those that came from outside are turned round.
    Shape {
        classes: &[202],
        only: &[("EventID", &["5156"]), ("Direction", &["%%14593", "Outbound"])],
        own: true,
        from: &["SourceAddress"],
        to: &["DestAddress"],
        port: &["DestPort"],
        ..SHAPE
    },
    // Firewalls in CEF, LEEF and their own key-value form.
    Shape {
        classes: &[500, 510],
        bytes: &["out", "sentbyte", "bytesOut", "srcBytes", "bytes_sent"],
        ..SHAPE
    },
    // Proxies.
    Shape {
        classes: &[441, 501],
        via: Via::Http,
        to: &["cs-host", "dst_ip"],
        bytes: &["cs-bytes", "out", "bytesOut"],
        ..SHAPE
    },
];

/// The connection that an event describes; `None` if it describes none, or none that leaves the machine.
pub(crate) fn connection(event: &Event<'_>, now: Timestamp) -> Option<Connection> {
    let class = event.class.number();
    let shape = SHAPES.iter().find(|shape| shape.classes.contains(&class))?;
    for &(name, words) in shape.only {
        let found = text(event, &[name])?;
        if !words.iter().any(|word| found.eq_ignore_ascii_case(word)) {
            return None;
        }
    }
    let device = if shape.own { event.device().and_then(|name| host(&name)) } else { None };
    let from = device.or_else(|| host(&text(event, shape.from)?))?;
    let to = shape.to.iter().find_map(|&name| host(&text(event, &[name])?))?;
    let port = text(event, shape.port).and_then(|text| text.parse().ok()).unwrap_or_default();
    let bytes = shape.bytes.iter().find_map(|&name| text(event, &[name])?.parse().ok());
    let began = text(event, shape.began).and_then(|text| instant(&text, &Clock { now, zone: 0 }));
    Some(Connection { key: Key { from, to, port, via: shape.via }, at: began.or(event.time), bytes })
}

/// The first of these fields that says something.
fn text(event: &Event<'_>, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| {
        let field = event.field(name)?;
        let text = field.as_text()?;
        let text = text.trim();
        (!matches!(text, "" | "-" | "(empty)")).then(|| text.to_owned())
    })
}

/// The longest name of a host (RFC 1035 §2.3.4).
const MAX_NAME: usize = 255;

/// One spelling for each host, without a port. `None` for addresses of this machine and of whole groups, which are
/// regular by their nature, and for what is no name at all.
fn host(text: &str) -> Option<String> {
    let bare = match text.rsplit_once(':') {
        // An IPv6 address without brackets has no port behind it.
        Some((host, port))
            if (!host.contains(':') || host.ends_with(']')) && port.bytes().all(|b| b.is_ascii_digit()) =>
        {
            host
        }
        _ => text,
    };
    let bare = bare.trim_start_matches('[').trim_end_matches(']');
    let bare = bare.split_once('%').map_or(bare, |(host, _)| host).trim_end_matches('.');
    if bare.is_empty() || bare.len() > MAX_NAME || bare.contains(char::is_whitespace) {
        return None;
    }
    let Ok(address) = bare.parse::<IpAddr>() else { return Some(bare.to_lowercase()) };
    let address = address.to_canonical();
    let inside = address.is_loopback()
        || address.is_unspecified()
        || address.is_multicast()
        || address == IpAddr::V4(Ipv4Addr::BROADCAST);
    (!inside).then(|| address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Option<&str>) {
        assert_eq!(host(text).as_deref(), expect, "{text}");
    }

    #[test]
    fn hosts_have_one_spelling() {
        check("192.0.2.1", Some("192.0.2.1"));
        check("192.0.2.1:8443", Some("192.0.2.1"));
        check("::ffff:192.0.2.1", Some("192.0.2.1"));
        check("2001:DB8:0:0::1", Some("2001:db8::1"));
        check("[2001:db8::1]:443", Some("2001:db8::1"));
        check("[2001:db8::1]", Some("2001:db8::1"));
        check("fe80::1%eth0", Some("fe80::1"));
        check("Bad.Example.", Some("bad.example"));
        check("bad.example:80", Some("bad.example"));
        check("WORKSTATION5", Some("workstation5"));
    }

    #[test]
    fn what_is_no_host_elsewhere() {
        for text in
            ["", ".", ":80", "127.0.0.1", "::1", "0.0.0.0", "224.0.0.251", "ff02::fb", "255.255.255.255"]
        {
            check(text, None);
        }
        check("not known", None);
        check(&"a".repeat(256), None);
    }

    #[test]
    fn a_pair_reads_like_a_connection() {
        let pair = |to: &str, port| Pair {
            source: "s".to_owned(),
            from: "192.0.2.1".to_owned(),
            to: to.to_owned(),
            port,
            via: Via::Tls,
        };
        assert_eq!(pair("bad.example", 443).to_string(), "192.0.2.1 → bad.example:443 (tls)");
        assert_eq!(pair("2001:db8::1", 443).to_string(), "192.0.2.1 → [2001:db8::1]:443 (tls)");
        assert_eq!(pair("2001:db8::1", 0).to_string(), "192.0.2.1 → 2001:db8::1 (tls)");
    }

    #[test]
    fn every_way_has_its_number() {
        for via in [Via::Connection, Via::Tls, Via::Http] {
            assert_eq!(Via::from_number(via.number()), Some(via));
        }
        assert_eq!(Via::from_number(3), None);
    }
}
