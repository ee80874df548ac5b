//! Where a peer listens.

use std::fmt;
use std::net::{Ipv6Addr, SocketAddr};
use std::str::FromStr;

use rustls::pki_types::ServerName;

/// `https://host:port`, as people configure it: nothing before the host, nothing after the port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    /// In lower case, IPv6 addresses without brackets.
    host: String,
    port: u16,
}

/// Why a text is not an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not an endpoint: {why}; write `https://host:port`")]
pub struct InvalidEndpoint {
    given: String,
    why: &'static str,
}

impl Endpoint {
    pub(crate) fn server_name(&self) -> Option<ServerName<'static>> {
        ServerName::try_from(self.host.clone()).ok()
    }

    /// Every address its name has at the moment.
    pub(crate) async fn addresses(&self) -> std::io::Result<impl Iterator<Item = SocketAddr>> {
        tokio::net::lookup_host((self.host.as_str(), self.port)).await
    }
}

impl FromStr for Endpoint {
    type Err = InvalidEndpoint;

    fn from_str(text: &str) -> Result<Self, InvalidEndpoint> {
        let wrong = |why| InvalidEndpoint {
            given: text.chars().take(200).flat_map(char::escape_debug).collect(),
            why,
        };
        let rest = text
            .strip_prefix("https://")
            .ok_or_else(|| wrong("peers are called over https and nothing else"))?;
        if rest.contains('@') {
            return Err(wrong("it holds a user name or password"));
        }
        if rest.contains(['/', '?', '#', '\\']) {
            return Err(wrong("something follows the port"));
        }
        let (host, port) = rest.rsplit_once(':').ok_or_else(|| wrong("it names no port"))?;
        let port = port
            .parse()
            .ok()
            .filter(|number: &u16| *number != 0 && number.to_string() == port)
            .ok_or_else(|| wrong("its port is not a number from 1 to 65535"))?;
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(v6) => v6.parse::<Ipv6Addr>().ok().map(|address| address.to_string()),
            None if host.contains(':') => None,
            None => ServerName::try_from(host).ok().map(|_| host.to_ascii_lowercase()),
        };
        Ok(Self { host: host.ok_or_else(|| wrong("its host is neither a name nor an address"))?, port })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "https://{open}{}{close}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_host_port() {
        let same = ["https://ally.example:8443", "https://192.0.2.7:1", "https://[2001:db8::7]:65535"];
        for text in same {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
        assert_eq!("https://Ally.EXAMPLE:8443".parse::<Endpoint>().unwrap().to_string(), same[0]);
        for text in [
            "",
            "ally.example:8443",
            "http://ally.example:8443",
            "HTTP://ally.example:8443",
            "https://ally.example",
            "https://ally.example:",
            "https://ally.example:0",
            "https://ally.example:+8",
            "https://ally.example:08443",
            "https://ally.example:65536",
            "https://ally.example:8443/",
            "https://ally.example:8443/peer",
            "https://ally.example:8443?x",
            "https://ally.example:8443#x",
            "https://user@ally.example:8443",
            "https://user:secret@ally.example:8443",
            "https://2001:db8::7:8443",
            "https://[2001:db8::7]",
            "https://[ally.example]:8443",
            "https://:8443",
            "https://ally example:8443",
            "https://ally.example:8443 ",
            "https://ally.example\u{0}:8443",
            "file:///etc/passwd",
        ] {
            let error = text.parse::<Endpoint>().expect_err(text).to_string();
            assert!(!error.contains('\u{0}'), "{error}");
        }
    }
}
