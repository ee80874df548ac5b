//! From STIX object type and property path to kind: one table for patterns and for cyber-observable objects.

use crate::kind::Kind;
use crate::observable::{Observable, normalise};

/// Object type, property path (segments joined by dots, without quotes or indexes) and kind.
const PROPERTIES: &[(&str, &str, Kind)] = &[
    ("autonomous-system", "number", Kind::Asn),
    ("domain-name", "value", Kind::Domain),
    ("email-addr", "value", Kind::Email),
    ("file", "name", Kind::FileName),
    ("file", "extensions.windows-pebinary-ext.imphash", Kind::Imphash),
    ("file", "extensions.windows-pebinary-ext.pehash.imphash", Kind::Imphash),
    ("ipv4-addr", "value", Kind::Ipv4),
    ("ipv6-addr", "value", Kind::Ipv6),
    ("mac-addr", "value", Kind::Mac),
    ("mutex", "name", Kind::Mutex),
    ("network-traffic", "extensions.http-request-ext.request_header.User-Agent", Kind::UserAgent),
    ("network-traffic", "extensions.http-request-ext.request_value", Kind::HttpTarget),
    ("url", "value", Kind::Url),
    ("user-agent", "value", Kind::UserAgent),
    ("windows-registry-key", "key", Kind::RegistryKey),
    ("x509-certificate", "serial_number", Kind::CertSerial),
];

/// Names producers use for TLS fingerprints, for which STIX 2.1 has no property of its own.
const FINGERPRINTS: &[(&str, Kind)] = &[
    ("ja3", Kind::Ja3),
    ("ja3_hash", Kind::Ja3),
    ("ja3_fingerprint_md5", Kind::Ja3),
    ("ja3s", Kind::Ja3s),
    ("ja3s_hash", Kind::Ja3s),
    ("ja4", Kind::Ja4),
    ("ja4_hash", Kind::Ja4),
    ("ja4_fingerprint", Kind::Ja4),
    ("jarm", Kind::Jarm),
    ("jarm_fingerprint", Kind::Jarm),
];

/// The kind of the value at a property, or `None` if it is not an observable.
///
/// `path` is as in a STIX pattern (`hashes.'SHA-256'`, `body_multipart[*].body_raw_ref.hashes.MD5`) or plain
/// dotted. For a reference's value (`dst_ref.value`) the value itself decides: use [`from_pattern_term`].
#[must_use]
pub fn kind_of(object_type: &str, path: &str) -> Option<Kind> {
    let segments = segments(path);
    let last = segments.last()?.as_str();
    let parent = segments.len().checked_sub(2).and_then(|at| segments.get(at)).map(String::as_str);
    if parent == Some("hashes") {
        let owner = segments.len().checked_sub(3).and_then(|at| segments.get(at));
        return match owner {
            // A section's or header's hash is not the file's.
            Some(owner) if !owner.ends_with("_ref") => None,
            _ => hash_kind(last, object_type == "x509-certificate"),
        };
    }
    let plain = segments.join(".");
    if let Some((_, _, kind)) =
        PROPERTIES.iter().find(|(owner, path, _)| *owner == object_type && path.eq_ignore_ascii_case(&plain))
    {
        return Some(*kind);
    }
    if object_type == "network-traffic" || object_type.starts_with("x-") {
        let name = last.to_ascii_lowercase().replace('-', "_");
        let name = name.strip_prefix("x_").unwrap_or(&name);
        let name = name.strip_prefix("misp_").unwrap_or(name);
        return FINGERPRINTS.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind);
    }
    None
}

/// The observable that an equality comparison of a pattern names, such as
/// `file:hashes.'SHA-256' = '…'` or `network-traffic:dst_ref.value = '…'`.
#[must_use]
pub fn from_pattern_term(object_type: &str, path: &str, value: &str) -> Option<Observable> {
    if let Some(kind) = kind_of(object_type, path) {
        return normalise(kind, value);
    }
    // `dst_ref.value`, `resolves_to_refs[*].value`: the target's type is not written, the value shows it.
    let segments = segments(path);
    let owner = segments.len().checked_sub(2).and_then(|at| segments.get(at))?;
    if segments.last()? != "value" || !(owner.ends_with("_ref") || owner.ends_with("_refs")) {
        return None;
    }
    let kinds = [Kind::Ipv4, Kind::Mac, Kind::Email, Kind::Domain];
    kinds.into_iter().find_map(|kind| normalise(kind, value))
}

/// The observable that a `LIKE` comparison names, where it names a whole family: `'%.example.com'` is every name
/// below `example.com`. A text without wildcards is an equality. Anything else is `None`.
#[must_use]
pub fn from_like_term(object_type: &str, path: &str, pattern: &str) -> Option<Observable> {
    if let Some(suffix) = pattern.strip_prefix("%.")
        && !suffix.contains(['%', '_'])
    {
        let kind = kind_of(object_type, path)?;
        return (kind == Kind::Domain).then(|| normalise(Kind::DomainSuffix, suffix)).flatten();
    }
    if pattern.contains(['%', '_']) {
        return None;
    }
    from_pattern_term(object_type, path, pattern)
}

/// Hash algorithm names as the vocabulary (STIX 2.1 §10.7) and looser producers spell them.
fn hash_kind(name: &str, certificate: bool) -> Option<Kind> {
    let plain: String =
        name.chars().filter(|c| !matches!(c, '-' | '_')).map(|c| c.to_ascii_uppercase()).collect();
    Some(match (plain.as_str(), certificate) {
        ("MD5", false) => Kind::Md5,
        ("MD5", true) => Kind::CertMd5,
        ("SHA1", false) => Kind::Sha1,
        ("SHA1", true) => Kind::CertSha1,
        ("SHA256", false) => Kind::Sha256,
        ("SHA256", true) => Kind::CertSha256,
        ("SHA224", false) => Kind::Sha224,
        ("SHA384", false) => Kind::Sha384,
        ("SHA512", false) => Kind::Sha512,
        ("SHA3256", false) => Kind::Sha3V256,
        ("SHA3512", false) => Kind::Sha3V512,
        ("SSDEEP", false) => Kind::Ssdeep,
        ("TLSH", false) => Kind::Tlsh,
        _ => return None,
    })
}

/// Splits at dots outside quotes, dropping quotes and `[…]` indexes.
fn segments(path: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let (mut quoted, mut indexed, mut escaped) = (false, false, false);
    for c in path.chars() {
        let Some(segment) = out.last_mut() else { break };
        match c {
            _ if escaped => {
                segment.push(c);
                escaped = false;
            }
            '\\' if quoted => escaped = true,
            '\'' => quoted = !quoted,
            '[' if !quoted => indexed = true,
            ']' if !quoted => indexed = false,
            '.' if !quoted && !indexed => out.push(String::new()),
            _ if indexed => {}
            _ => segment.push(c),
        }
    }
    out
}
