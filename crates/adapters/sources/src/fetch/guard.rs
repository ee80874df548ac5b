//! The guard itself: which URL, which address, which redirect.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::HeaderValue;

use super::error::{FetchError, host_of};
use crate::address::Policy;

/// Looks names up and lets only permitted addresses through.
///
/// The connection is made to what this returned, so a name that changes its answer between check and use gains
/// nothing.
pub(super) struct Guard(pub(super) Arc<Policy>);

/// Why no address was let through; travels inside the HTTP library's error.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Forbidden(pub(super) String);

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = Arc::clone(&self.0);
        Box::pin(async move {
            let host = name.as_str();
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host, 0)).await?.collect();
            let permitted: Vec<SocketAddr> =
                found.iter().copied().filter(|address| policy.permits(host, address.ip())).collect();
            match found.first() {
                Some(address) if permitted.is_empty() => Err(forbidden(host, address.ip()).into()),
                _ => Ok::<Addrs, _>(Box::new(permitted.into_iter())),
            }
        })
    }
}

fn forbidden(host: &str, address: IpAddr) -> Forbidden {
    Forbidden(format!(
        "`{host}` is at {address}, which is not a public address; name the host or its network in `allow_hosts` if it is meant"
    ))
}

/// Whether a URL may be asked at all. Names are judged later, by what they resolve to.
pub(super) fn permit(policy: &Policy, url: &Url) -> Result<(), FetchError> {
    let refused = |reason: String| Err(FetchError::Refused { reason });
    if !matches!(url.scheme(), "http" | "https") {
        return refused(format!("`{}` is not a scheme this node fetches; use https", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refused("the address holds a user name or password".to_owned());
    }
    let host = url.host_str().unwrap_or_default();
    match literal(url) {
        Some(address) if !policy.permits(host, address) => refused(forbidden(host, address).0),
        _ => Ok(()),
    }
}

/// The address in a URL that names one instead of a host. Odd spellings of IPv4 were normalised by the URL parser.
pub(super) fn literal(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_matches(['[', ']']).parse().ok()
}

/// Where a redirect leads.
pub(super) fn target(from: &Url, location: Option<&HeaderValue>) -> Result<Url, FetchError> {
    let broken = |reason: &str| FetchError::Protocol { host: host_of(from), reason: reason.to_owned() };
    let location = location.ok_or_else(|| broken("it redirects to nowhere"))?;
    let location = location.to_str().map_err(|_| broken("it redirects to an address that is not text"))?;
    let to = from.join(location).map_err(|_| broken("it redirects to an address that is no URL"))?;
    if from.scheme() == "https" && to.scheme() != "https" {
        return Err(FetchError::Refused {
            reason: format!("`{}` redirects from https to {}", host_of(from), to.scheme()),
        });
    }
    Ok(to)
}

/// Whether credentials for the one belong to the other (RFC 6454 §5).
pub(crate) fn same_origin(one: &Url, other: &Url) -> bool {
    one.scheme() == other.scheme()
        && one.host_str() == other.host_str()
        && one.port_or_known_default() == other.port_or_known_default()
}
