//! Finding out what a bare value is.

use std::net::IpAddr;

use crate::kind::Kind;
use crate::observable::{MAX_KEY, Observable, normalise};
use crate::refang::refang;
use crate::{domain, ip, url};

/// What one bare value names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// The value itself.
    pub observable: Observable,
    /// What else the text said about it.
    pub qualifier: Qualifier,
}

/// What a bare value says beside the observable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Qualifier {
    /// Nothing.
    None,
    /// Only on this port: `192.0.2.1:8080`.
    Port(u16),
    /// A URL written without its scheme; the observable says `http`, the text did not.
    AnyScheme,
}

/// The observable a bare value names, defanged or not; `None` if it could be anything.
#[must_use]
pub fn classify(text: &str) -> Option<Observable> {
    read(text).map(|term| term.observable)
}

/// What a bare value names: an address, network, domain, `*.domain`, URL with or without scheme, request path,
/// e-mail address, hash (by length), registry key, JA4 or `AS` number, each also defanged, hosts also with a port.
///
/// A name that ends like a file (`setup.exe`) is a file name: none of those endings is a top-level domain.
#[must_use]
pub fn read(text: &str) -> Option<Term> {
    let text = text.trim();
    // Longer than any key even if every character is defanged.
    if text.len() > 4 * MAX_KEY {
        return None;
    }
    let text = refang(text);
    let text = text.as_ref();
    let plain = |kind| bare(normalise(kind, text));
    if text.contains("://") {
        return plain(Kind::Url);
    }
    if text.starts_with('/') {
        return plain(Kind::HttpTarget);
    }
    if let Some(kind) = hash_kind(text) {
        return plain(kind);
    }
    if let Some(found) = addressed(text) {
        return found;
    }
    if text.contains('/') {
        return without_scheme(text);
    }
    if text.contains('@') {
        return plain(Kind::Email);
    }
    if text.starts_with("*.") || text.starts_with('.') {
        return plain(Kind::DomainSuffix);
    }
    if text.len() >= 3
        && text.get(..2).is_some_and(|head| head.eq_ignore_ascii_case("hk"))
        && text.contains('\\')
    {
        return plain(Kind::RegistryKey);
    }
    if let Some(number) = text.strip_prefix("AS").or_else(|| text.strip_prefix("as"))
        && number.bytes().all(|b| b.is_ascii_digit())
    {
        return plain(Kind::Asn);
    }
    if text.len() == 36 && text.contains('_') {
        return plain(Kind::Ja4);
    }
    let (host, port) = url::split_port(text)?;
    if !is_full_name(host) {
        return None;
    }
    if port.is_none() && is_file_name(host) {
        return bare(normalise(Kind::FileName, host));
    }
    let observable = normalise(Kind::Domain, host)?;
    Some(Term { observable, qualifier: port.map_or(Qualifier::None, Qualifier::Port) })
}

fn bare(observable: Option<Observable>) -> Option<Term> {
    Some(Term { observable: observable?, qualifier: Qualifier::None })
}

fn hash_kind(text: &str) -> Option<Kind> {
    let kind = match text.len() {
        32 => Kind::Md5,
        40 => Kind::Sha1,
        56 => Kind::Sha224,
        64 => Kind::Sha256,
        96 => Kind::Sha384,
        128 => Kind::Sha512,
        _ => return None,
    };
    text.bytes().all(|b| b.is_ascii_hexdigit()).then_some(kind)
}

/// Text that starts with an address: alone, as a network, or with a port. The outer `None` means it does not.
#[expect(clippy::option_option, reason = "starts with an address but is malformed is a third answer")]
fn addressed(text: &str) -> Option<Option<Term>> {
    if !text.starts_with(|c: char| c.is_ascii_hexdigit() || matches!(c, '[' | ':')) {
        return None;
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(bare(ip::make(address, None)));
    }
    if let Some((address, length)) = text.split_once('/')
        && address.parse::<IpAddr>().is_ok()
        && length.bytes().all(|b| b.is_ascii_digit())
    {
        // `192.0.2.0/99` is a broken network, not a URL.
        return Some(bare(ip::parse(text)));
    }
    if text.contains('/') {
        return None;
    }
    let (host, port) = url::split_port(text)?;
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let address = inner.parse::<IpAddr>().ok()?;
    let observable = ip::make(address, None)?;
    Some(Some(Term { observable, qualifier: port.map_or(Qualifier::None, Qualifier::Port) }))
}

/// `bad.example/path`: a URL whose scheme nobody wrote down.
fn without_scheme(text: &str) -> Option<Term> {
    let (authority, _) = text.split_once('/')?;
    let (host, _) = url::split_port(authority)?;
    let named =
        is_full_name(host) || url::host(host)?.parse::<std::net::Ipv4Addr>().is_ok() || host.starts_with('[');
    if !named {
        return None;
    }
    let observable = normalise(Kind::Url, &format!("http://{text}"))?;
    Some(Term { observable, qualifier: Qualifier::AnyScheme })
}

/// At least two labels, the last one not starting with a digit.
fn is_full_name(host: &str) -> bool {
    domain::ascii(host).is_some_and(|name| {
        name.rsplit_once('.')
            .is_some_and(|(_, last)| last.len() >= 2 && last.starts_with(|c: char| c.is_ascii_alphabetic()))
    })
}

/// Endings that files have and no delegated top-level domain has.
const FILE_ENDINGS: [&str; 36] = [
    "7z", "apk", "asp", "aspx", "bat", "bin", "cmd", "cpl", "dat", "dll", "doc", "docm", "docx", "elf",
    "exe", "gif", "hta", "html", "iso", "jar", "jpg", "js", "lnk", "msi", "ocx", "pdf", "php", "png", "ps1",
    "rar", "scr", "sys", "txt", "vbs", "xls", "xlsx",
];

fn is_file_name(name: &str) -> bool {
    let ending = name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    FILE_ENDINGS.binary_search(&ending.as_str()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::FILE_ENDINGS;

    #[test]
    fn endings_are_sorted_for_the_search() {
        assert!(FILE_ENDINGS.is_sorted());
    }
}
