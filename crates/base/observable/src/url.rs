//! URLs, normalised only where RFC 3986 §6.2.2 and §6.2.3 say the meaning stays the same.
//!
//! Scheme and host go to lower case, the scheme's default port is dropped, an empty HTTP path becomes `/`,
//! escapes get upper-case digits and needless ones are decoded. Dot segments, queries and fragments stay as they
//! are: malicious servers do answer differently to them.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::kind::Kind;
use crate::observable::{KeyBuf, Observable, key_into, normalise};
use crate::{domain, ip};

/// Appends the key of a URL to an empty text.
pub(crate) fn key(text: &str, out: &mut String) -> Option<()> {
    if plain_key(text, out).is_some() {
        return Some(());
    }
    out.clear();
    key_slowly(text, out)
}

/// As [`key`], of what is written plainly, as most are: `http` or `https`, a host without port or user, and behind it
/// visible ASCII without escapes. `None` says nothing.
fn plain_key(text: &str, out: &mut String) -> Option<()> {
    let scheme = ["http://", "https://"].into_iter().find(|scheme| text.starts_with(scheme))?;
    let rest = text.get(scheme.len()..)?;
    let is_host = |byte: &u8| domain::LETTERS.get(usize::from(*byte)).is_some_and(|letter| *letter != 0);
    let end = rest.bytes().position(|byte| !is_host(&byte)).unwrap_or(rest.len());
    let (host, tail) = rest.split_at_checked(end)?;
    let plain = tail.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'%');
    if !plain || !(tail.is_empty() || tail.starts_with('/')) {
        return None;
    }
    out.push_str(scheme);
    if ip::plain(host).is_some() {
        out.push_str(host);
    } else {
        domain::ascii_into(host, out)?;
    }
    out.push_str(if tail.is_empty() { "/" } else { tail });
    Some(())
}

/// As [`key`], for whatever is written.
fn key_slowly(text: &str, out: &mut String) -> Option<()> {
    let (scheme, rest) = text.split_once("://")?;
    if !is_scheme(scheme) || !is_visible(rest) {
        return None;
    }
    out.push_str(scheme);
    out.make_ascii_lowercase();
    let (implied, has_path) = (default_port(out), matches!(out.as_str(), "http" | "https" | "ftp"));
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at_checked(end)?;
    let (user, host_port) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    let (host, port) = split_port(host_port)?;
    out.push_str("://");
    if let Some(user) = user {
        out.push_str(user);
        out.push('@');
    }
    host_into(host, out)?;
    if let Some(port) = port.filter(|port| Some(*port) != implied) {
        write!(out, ":{port}").ok()?;
    }
    // Browsers read a backslash after the authority as a slash.
    let tail = tail
        .strip_prefix('\\')
        .map_or_else(|| tail.into(), |after| std::borrow::Cow::Owned(format!("/{after}")));
    if !tail.starts_with('/') && has_path {
        out.push('/');
    }
    escapes(&tail, out);
    Some(())
}

/// Appends the path and query of a request.
pub(crate) fn target_key(text: &str, out: &mut String) -> Option<()> {
    if !text.starts_with('/') || text.len() < 2 || !is_visible(text) {
        return None;
    }
    escapes(text, out);
    Some(())
}

/// A host as it stands in a URL: IPv6 in brackets, others bare.
pub(crate) fn host(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    host_into(text, &mut out)?;
    Some(out)
}

/// As [`host`], appended. What was appended before `None` is no host.
fn host_into(text: &str, out: &mut String) -> Option<()> {
    if let Some(v6) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let v6 = v6.parse::<Ipv6Addr>().ok()?;
        return write!(out, "[{v6}]").ok();
    }
    if let Ok(v4) = text.parse::<Ipv4Addr>() {
        return write!(out, "{v4}").ok();
    }
    domain::ascii_into(text, out)
}

/// The host of a canonical URL.
pub(crate) fn host_of(key: &str) -> Option<Observable> {
    let (bare, _) = bare_host(key)?;
    normalise(Kind::Ipv4, bare).or_else(|| normalise(Kind::Domain, bare))
}

/// Writes the key of the host inside a canonical URL, and says of which kind it is and which port the URL leads to:
/// its own, or its scheme's. The URL is the key of an observable.
#[must_use]
pub fn host_key_into(url: &str, room: &mut KeyBuf) -> Option<(Kind, Option<u16>)> {
    let (bare, port) = bare_host(url)?;
    let kind = key_into(Kind::Ipv4, bare, room).or_else(|| key_into(Kind::Domain, bare, room))?;
    Some((kind, port))
}

/// The host of a canonical URL without brackets, and the port.
fn bare_host(key: &str) -> Option<(&str, Option<u16>)> {
    let (scheme, rest) = key.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host_port = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let (host, port) = split_port(host_port)?;
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    Some((bare, port.or_else(|| default_port(scheme))))
}

/// Splits `host:port`; an empty or absent port is `None`.
pub(crate) fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    let colon = match text.rfind(']') {
        Some(bracket) => text.get(bracket..)?.find(':').map(|at| bracket + at),
        None => text.find(':'),
    };
    let Some((host, port)) = colon.and_then(|at| text.split_at_checked(at)) else {
        return Some((text, None));
    };
    match port.strip_prefix(':')? {
        "" => Some((host, None)),
        digits if digits.bytes().all(|b| b.is_ascii_digit()) => {
            digits.parse().ok().map(|port| (host, Some(port)))
        }
        _ => None,
    }
}

fn is_scheme(scheme: &str) -> bool {
    let mut bytes = scheme.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic())
        && bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

fn is_visible(text: &str) -> bool {
    if text.is_ascii() {
        // The same, at a tenth of the cost.
        return !text.bytes().any(|b| b <= b' ' || b == 0x7f);
    }
    !text.chars().any(|c| c.is_whitespace() || c.is_control())
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        "ftp" => Some(21),
        _ => None,
    }
}

/// Copies `text`, decoding escapes of unreserved characters and writing the others with upper-case digits. A percent
/// sign that begins no escape stands for itself and is written as one (RFC 3986 §2.4): left bare, it would make an
/// escape of the characters decoded behind it.
fn escapes(text: &str, out: &mut String) {
    if !text.bytes().any(|byte| byte == b'%') {
        return out.push_str(text);
    }
    let mut rest = text;
    while let Some((plain, tail)) = rest.split_once('%') {
        out.push_str(plain);
        let digits = tail.get(..2).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        let Some((digits, byte)) = digits.and_then(|d| Some((d, u8::from_str_radix(d, 16).ok()?))) else {
            out.push_str("%25");
            rest = tail;
            continue;
        };
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&digits.to_ascii_uppercase());
        }
        rest = tail.get(2..).unwrap_or_default();
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn what_is_plain_has_the_key_that_anything_has(
            text in r"(https?|HTTP|ftp)://([a-c0-3A-C._\-]{0,6}|10\.0\.0\.[0-9]{1,3}|a@b\.c|[a-b]{1,3}\.[a-c]{2})(:[0-9]{0,3}|)([/?#\\a-c %ä.]{0,8})"
        ) {
            let (mut plain, mut slow) = (String::new(), String::new());
            if plain_key(&text, &mut plain).is_some() {
                prop_assert_eq!(key_slowly(&text, &mut slow), Some(()), "{}", &text);
                prop_assert_eq!(plain, slow, "{}", text);
            }
        }
    }
}
