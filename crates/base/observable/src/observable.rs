//! The value itself, and the one way to make it.

use std::fmt::{self, Write as _};
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

/// Room for one key after another, so that whoever looks many values up allocates nothing for each.
#[derive(Debug, Default)]
pub struct KeyBuf {
    key: String,
    /// For what has to be put together before it is the key.
    spare: String,
}

impl KeyBuf {
    /// Empty room.
    #[must_use]
    pub const fn new() -> Self {
        Self { key: String::new(), spare: String::new() }
    }

    /// The key that was written last; empty if the last value had none.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// The canonical observable of a value whose kind is known, or `None` if it is not one.
///
/// The kind may be corrected where the value says better: an address property may hold a network
/// (STIX 2.1 §6.10, §6.11), a host written as `/32` or `/128` is that address, and an IPv4-mapped IPv6 address is
/// the IPv4 address, so that no spelling dodges a look-up.
#[must_use]
pub fn normalise(kind: Kind, text: &str) -> Option<Observable> {
    let mut room = KeyBuf::new();
    let kind = key_into(kind, text, &mut room)?;
    Some(Observable { kind, key: room.key })
}

/// As [`normalise`], with the key written into room that is used again and again.
///
/// What was in the room is gone either way.
#[must_use]
pub fn key_into(kind: Kind, text: &str, room: &mut KeyBuf) -> Option<Kind> {
    let KeyBuf { key, spare } = room;
    key.clear();
    spare.clear();
    let text = text.trim();
    let kind = if text.is_empty() || text.len() > MAX_KEY { None } else { write_key(kind, text, key, spare) };
    let kind = kind.filter(|_| !key.is_empty() && key.len() <= MAX_KEY);
    if kind.is_none() {
        key.clear();
    }
    kind
}

/// Appends the key of a text without white space around it to an empty `key`; `spare` is empty, too.
fn write_key(kind: Kind, text: &str, key: &mut String, spare: &mut String) -> Option<Kind> {
    match kind {
        Kind::Ipv4 | Kind::Ipv6 | Kind::Cidr4 | Kind::Cidr6 => return ip::key(text, key),
        Kind::Domain => domain::key(text, key, spare)?,
        Kind::DomainSuffix => {
            let bare = text.strip_prefix("*.").or_else(|| text.strip_prefix('.')).unwrap_or(text);
            domain::key(bare, key, spare)?;
        }
        Kind::Url => url::key(text, key)?,
        Kind::HttpTarget => url::target_key(text, key)?,
        Kind::Email => email(text, key)?,
        Kind::Tlsh => tlsh(text, key)?,
        Kind::CertSerial => serial(text, key, spare)?,
        Kind::RegistryKey => registry(text, key, spare)?,
        Kind::Ssdeep | Kind::Mutex | Kind::UserAgent => key.push_str(text),
        Kind::FileName => key.push_str(text.rsplit(['/', '\\']).next().map(str::trim)?),
        Kind::Ja4 => ja4(text, key)?,
        Kind::Asn => asn(text, key)?,
        Kind::Mac => mac(text, key)?,
        _ => hex(text, kind.hex_digits()?, key)?,
    }
    Some(kind)
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

    /// Whether it names so much that it indicates nothing: a network shorter than /8 (IPv4) or /19 (IPv6, the shortest
    /// ever allocated), or every name of a top-level domain.
    #[must_use]
    pub fn is_too_wide(&self) -> bool {
        match self.network() {
            Some((IpAddr::V4(_), length)) => length < 8,
            Some((IpAddr::V6(_), length)) => length < 19,
            None => self.kind == Kind::DomainSuffix && !self.key.contains('.'),
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

/// Appends in lower case what was appended as it is.
fn lower(text: &str, key: &mut String) {
    let from = key.len();
    key.push_str(text);
    if let Some(added) = key.get_mut(from..) {
        added.make_ascii_lowercase();
    }
}

/// Hex digits as they are in keys, by byte; 0 is none.
#[expect(clippy::indexing_slicing, reason = "the compiler does it, once")]
const HEX: [u8; 256] = {
    let mut hex = [0; 256];
    let mut byte = 0;
    while byte < 128_u8 {
        if byte.is_ascii_hexdigit() {
            hex[byte as usize] = byte.to_ascii_lowercase();
        }
        byte += 1;
    }
    hex
};

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Exactly `digits` hex digits, in lower case.
fn hex(text: &str, digits: usize, key: &mut String) -> Option<()> {
    is_hex(text, digits).then(|| lower(text, key))
}

fn email(text: &str, key: &mut String) -> Option<()> {
    let (local, host) = text.rsplit_once('@')?;
    if local.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return None;
    }
    key.push_str(local);
    key.push('@');
    domain::ascii_into(host, key)
}

fn tlsh(text: &str, key: &mut String) -> Option<()> {
    let digits = match text.get(..2) {
        Some(version) if version.eq_ignore_ascii_case("t1") => text.get(2..)?,
        _ => text,
    };
    key.push_str("t1");
    hex(digits, 70, key)
}

fn serial(text: &str, key: &mut String, spare: &mut String) -> Option<()> {
    let digits = text.chars().filter(|c| !matches!(c, ':' | ' ' | '-'));
    spare.extend(digits.map(|c| c.to_ascii_lowercase()));
    let digits = spare.trim_start_matches("0x").trim_start_matches('0');
    (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit())).then(|| key.push_str(digits))
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

fn registry(text: &str, key: &mut String, spare: &mut String) -> Option<()> {
    let text = text.trim_end_matches(|c: char| c == '\\' || c.is_whitespace());
    if text.is_ascii() {
        lower(text, spare);
    } else {
        // As a whole: what a capital sigma becomes depends on where it stands.
        spare.push_str(&text.to_lowercase());
    }
    let (hive, rest) =
        spare.split_once('\\').map_or((spare.as_str(), None), |(hive, rest)| (hive, Some(rest)));
    // PowerShell writes the hive as a drive, `HKLM:`. No hive's name has a colon or ends in a space.
    let hive = hive.strip_suffix(':').unwrap_or(hive).trim_end();
    if hive.contains(':') {
        return None;
    }
    key.push_str(HIVES.iter().find(|(short, _)| *short == hive).map_or(hive, |(_, long)| long));
    if let Some(rest) = rest {
        key.push('\\');
        key.push_str(rest);
    }
    Some(())
}

/// `t13d1516h2_8daaf6152771_e5627efa2ab1`: ten, twelve and twelve characters.
fn ja4(text: &str, key: &mut String) -> Option<()> {
    let mut parts = text.split('_');
    let shaped =
        parts.next().is_some_and(|head| head.len() == 10 && head.bytes().all(|b| b.is_ascii_alphanumeric()))
            && parts.next().is_some_and(|part| is_hex(part, 12))
            && parts.next().is_some_and(|part| is_hex(part, 12))
            && parts.next().is_none();
    shaped.then(|| lower(text, key))
}

fn asn(text: &str, key: &mut String) -> Option<()> {
    let digits = match text.get(..2) {
        Some(prefix) if prefix.eq_ignore_ascii_case("as") => text.get(2..)?,
        _ => text,
    };
    digits.bytes().all(|b| b.is_ascii_digit()).then_some(())?;
    let number = digits.parse::<u32>().ok()?;
    write!(key, "{number}").ok()
}

fn mac(text: &str, key: &mut String) -> Option<()> {
    let mut out = *b"00:00:00:00:00:00";
    let mut places = [0, 1, 3, 4, 6, 7, 9, 10, 12, 13, 15, 16].into_iter();
    for byte in text.bytes().filter(|byte| !matches!(byte, b':' | b'-' | b'.')) {
        let digit = *HEX.get(usize::from(byte)).filter(|digit| **digit != 0)?;
        *out.get_mut(places.next()?)? = digit;
    }
    if places.next().is_some() {
        return None;
    }
    key.push_str(std::str::from_utf8(&out).ok()?);
    Some(())
}
