//! The value itself, and the one way to make it.

use std::fmt;
use std::net::IpAddr;

use crate::kind::Kind;
use crate::{domain, ip, url};

/// Longest key in bytes. A longer value is not indexed: it can only be found by its object.
pub const MAX_KEY: usize = 2048;

/// A kind and a canonical key; equal exactly when the values are the same thing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Observable {
    kind: Kind,
    key: String,
}

/// The canonical observable of a value whose kind is known, or `None` if it is not one.
///
/// The kind may be corrected where the value says better: an address property may hold a network
/// (STIX 2.1 §6.10, §6.11), a host written as `/32` or `/128` is that address, and an IPv4-mapped IPv6 address is
/// the IPv4 address, so that no spelling dodges a look-up.
#[must_use]
pub fn normalise(kind: Kind, text: &str) -> Option<Observable> {
    let text = text.trim();
    if text.is_empty() || text.len() > MAX_KEY {
        return None;
    }
    let key = match kind {
        Kind::Ipv4 | Kind::Ipv6 | Kind::Cidr4 | Kind::Cidr6 => return ip::parse(text),
        Kind::Domain => domain::key(text)?,
        Kind::DomainSuffix => {
            let bare = text.strip_prefix("*.").or_else(|| text.strip_prefix('.')).unwrap_or(text);
            domain::key(bare)?
        }
        Kind::Url => url::key(text)?,
        Kind::HttpTarget => url::target_key(text)?,
        Kind::Email => email(text)?,
        Kind::Ssdeep => text.to_owned(),
        Kind::Tlsh => tlsh(text)?,
        Kind::CertSerial => serial(text)?,
        Kind::RegistryKey => registry(text)?,
        Kind::Mutex | Kind::UserAgent => text.to_owned(),
        Kind::FileName => {
            text.rsplit(['/', '\\']).next().map(str::trim).filter(|name| !name.is_empty())?.to_owned()
        }
        Kind::Ja4 => ja4(text)?,
        Kind::Asn => asn(text)?,
        Kind::Mac => mac(text)?,
        _ => hex(text, kind.hex_digits()?)?,
    };
    Observable::new(kind, key)
}

impl Observable {
    pub(crate) fn new(kind: Kind, key: String) -> Option<Self> {
        (!key.is_empty() && key.len() <= MAX_KEY).then_some(Self { kind, key })
    }

    /// Rebuilds what a store kept; the pair must come from an observable.
    #[must_use]
    pub const fn from_stored(kind: Kind, key: String) -> Self {
        Self { kind, key }
    }

    /// What kind of thing it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The canonical, sortable key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Network address and prefix length, for addresses (as /32 or /128) and networks.
    #[must_use]
    pub fn network(&self) -> Option<(IpAddr, u8)> {
        ip::network(self.kind, &self.key)
    }

    /// The domain name or address inside a URL or an e-mail address.
    #[must_use]
    pub fn host(&self) -> Option<Self> {
        match self.kind {
            Kind::Url => url::host_of(&self.key),
            Kind::Email => normalise(Kind::Domain, self.key.rsplit_once('@')?.1),
            _ => None,
        }
    }

    /// The observables an indicator could name that would match this one too, nearest first: the networks an
    /// address or network lies in, and the suffixes a domain name falls under. Bounded by 128 entries.
    #[must_use]
    pub fn covering(&self) -> Vec<Self> {
        match self.kind {
            Kind::Ipv4 | Kind::Ipv6 | Kind::Cidr4 | Kind::Cidr6 => ip::covering(self.kind, &self.key),
            Kind::Domain | Kind::DomainSuffix => domain::ancestors(&self.key)
                .map(|key| Self { kind: Kind::DomainSuffix, key: key.to_owned() })
                .collect(),
            _ => Vec::new(),
        }
    }
}

impl fmt::Display for Observable {
    /// The value as a person writes it: `1.2.3.4`, `www.example.com`, `AS64500`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Ipv4 | Kind::Ipv6 | Kind::Cidr4 | Kind::Cidr6 => match self.network() {
                Some((address, _)) if matches!(self.kind, Kind::Ipv4 | Kind::Ipv6) => write!(f, "{address}"),
                Some((network, length)) => write!(f, "{network}/{length}"),
                None => f.write_str(&self.key),
            },
            Kind::Domain => domain::display(&self.key, f),
            Kind::DomainSuffix => {
                f.write_str("*.")?;
                domain::display(&self.key, f)
            }
            Kind::Asn => write!(f, "AS{}", self.key),
            _ => f.write_str(&self.key),
        }
    }
}

/// Exactly `digits` hex digits, in lower case.
fn hex(text: &str, digits: usize) -> Option<String> {
    (text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit())).then(|| text.to_ascii_lowercase())
}

fn email(text: &str) -> Option<String> {
    let (local, host) = text.rsplit_once('@')?;
    if local.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return None;
    }
    let host = domain::ascii(host)?;
    Some(format!("{local}@{host}"))
}

fn tlsh(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let digits = lower.strip_prefix("t1").unwrap_or(&lower);
    (digits.len() == 70 && digits.bytes().all(|b| b.is_ascii_hexdigit())).then(|| format!("t1{digits}"))
}

fn serial(text: &str) -> Option<String> {
    let digits: String =
        text.chars().filter(|c| !matches!(c, ':' | ' ' | '-')).map(|c| c.to_ascii_lowercase()).collect();
    let digits = digits.trim_start_matches("0x").trim_start_matches('0');
    (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit())).then(|| digits.to_owned())
}

/// Hives by the abbreviations that reports and Windows tools use.
const HIVES: [(&str, &str); 7] = [
    ("hklm", "hkey_local_machine"),
    ("hkcu", "hkey_current_user"),
    ("hkcr", "hkey_classes_root"),
    ("hku", "hkey_users"),
    ("hkcc", "hkey_current_config"),
    ("hkpd", "hkey_performance_data"),
    ("hkdd", "hkey_dyn_data"),
];

fn registry(text: &str) -> Option<String> {
    let lower = text.trim_end_matches(|c: char| c == '\\' || c.is_whitespace()).to_lowercase();
    let (hive, rest) =
        lower.split_once('\\').map_or((lower.as_str(), None), |(hive, rest)| (hive, Some(rest)));
    // PowerShell writes the hive as a drive, `HKLM:`. No hive's name has a colon or ends in a space.
    let hive = hive.strip_suffix(':').unwrap_or(hive).trim_end();
    if hive.contains(':') {
        return None;
    }
    let hive = HIVES.iter().find(|(short, _)| *short == hive).map_or(hive, |(_, long)| long);
    match rest {
        Some(rest) => Some(format!("{hive}\\{rest}")),
        None => (!hive.is_empty()).then(|| hive.to_owned()),
    }
}

/// `t13d1516h2_8daaf6152771_e5627efa2ab1`: ten, twelve and twelve characters.
fn ja4(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let mut parts = lower.split('_');
    let shaped =
        parts.next().is_some_and(|head| head.len() == 10 && head.bytes().all(|b| b.is_ascii_alphanumeric()))
            && parts.next().is_some_and(|part| hex(part, 12).is_some())
            && parts.next().is_some_and(|part| hex(part, 12).is_some())
            && parts.next().is_none();
    shaped.then_some(lower)
}

fn asn(text: &str) -> Option<String> {
    let digits = match text.get(..2) {
        Some(prefix) if prefix.eq_ignore_ascii_case("as") => text.get(2..)?,
        _ => text,
    };
    digits.bytes().all(|b| b.is_ascii_digit()).then_some(())?;
    digits.parse::<u32>().ok().map(|number| number.to_string())
}

fn mac(text: &str) -> Option<String> {
    let digits: String =
        text.chars().filter(|c| !matches!(c, ':' | '-' | '.')).map(|c| c.to_ascii_lowercase()).collect();
    if digits.len() != 12 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut out = String::with_capacity(17);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && place % 2 == 0 {
            out.push(':');
        }
        out.push(digit);
    }
    Some(out)
}
