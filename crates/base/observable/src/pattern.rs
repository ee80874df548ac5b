//! The STIX pattern that looks for a term: the inverse of [`crate::from_pattern_term`].

use crate::classify::{Qualifier, Term};
use crate::kind::Kind;
use crate::observable::Observable;

/// A STIX 2.1 pattern that matches what the term names, such as `[ipv4-addr:value = '192.0.2.1']`.
///
/// A network is matched by `ISSUBSET`, the names below a domain by `LIKE`, a host with a port by the network
/// traffic to it, and a URL without a scheme by both HTTP schemes.
#[must_use]
pub fn pattern(term: &Term) -> String {
    let mut out = String::with_capacity(96);
    out.push('[');
    write_comparison(term, &mut out);
    out.push(']');
    out
}

/// Appends the comparison expression of [`pattern`], without its brackets; several can be joined by `AND` or `OR`.
pub fn write_comparison(term: &Term, out: &mut String) {
    let observable = &term.observable;
    let value = observable.to_string();
    match term.qualifier {
        Qualifier::Port(port) => {
            let (host_type, _, _) = property(observable.kind());
            out.push_str("network-traffic:dst_ref.type = '");
            out.push_str(host_type);
            out.push_str("' AND network-traffic:dst_ref.value = ");
            quote(&value, out);
            out.push_str(" AND network-traffic:dst_port = ");
            out.push_str(&port.to_string());
        }
        Qualifier::AnyScheme => {
            out.push_str("url:value = ");
            quote(&value, out);
            if let Some(rest) = value.strip_prefix("http://") {
                out.push_str(" OR url:value = ");
                quote(&format!("https://{rest}"), out);
            }
        }
        Qualifier::None => match observable.kind() {
            Kind::Asn => write_test(Kind::Asn, observable.key(), out),
            Kind::DomainSuffix => write_test(Kind::DomainSuffix, &value.replacen('*', "%", 1), out),
            kind => write_test(kind, &value, out),
        },
    }
}

/// Appends the comparison of a kind's property with a value spelled by the caller, such as
/// `windows-registry-key:key = 'HKEY_USERS\\\\x'`. An ASN is written as its bare number.
pub fn write_test(kind: Kind, value: &str, out: &mut String) {
    let (object_type, path, operator) = property(kind);
    out.push_str(object_type);
    out.push(':');
    out.push_str(path);
    out.push_str(operator);
    if kind == Kind::Asn {
        out.push_str(value);
    } else {
        quote(value, out);
    }
}

impl Observable {
    /// The STIX 2.1 type of the cyber-observable object that holds this value.
    #[must_use]
    pub const fn object_type(&self) -> &'static str {
        property(self.kind()).0
    }
}

/// Object type, property path and operator.
const fn property(kind: Kind) -> (&'static str, &'static str, &'static str) {
    match kind {
        Kind::Ipv4 => ("ipv4-addr", "value", " = "),
        Kind::Ipv6 => ("ipv6-addr", "value", " = "),
        Kind::Cidr4 => ("ipv4-addr", "value", " ISSUBSET "),
        Kind::Cidr6 => ("ipv6-addr", "value", " ISSUBSET "),
        Kind::Domain => ("domain-name", "value", " = "),
        Kind::DomainSuffix => ("domain-name", "value", " LIKE "),
        Kind::Url => ("url", "value", " = "),
        Kind::HttpTarget => ("network-traffic", "extensions.'http-request-ext'.request_value", " = "),
        Kind::Email => ("email-addr", "value", " = "),
        Kind::Md5 => ("file", "hashes.MD5", " = "),
        Kind::Sha1 => ("file", "hashes.'SHA-1'", " = "),
        Kind::Sha224 => ("file", "hashes.'SHA-224'", " = "),
        Kind::Sha256 => ("file", "hashes.'SHA-256'", " = "),
        Kind::Sha384 => ("file", "hashes.'SHA-384'", " = "),
        Kind::Sha512 => ("file", "hashes.'SHA-512'", " = "),
        Kind::Sha3V256 => ("file", "hashes.'SHA3-256'", " = "),
        Kind::Sha3V512 => ("file", "hashes.'SHA3-512'", " = "),
        Kind::Ssdeep => ("file", "hashes.SSDEEP", " = "),
        Kind::Tlsh => ("file", "hashes.TLSH", " = "),
        Kind::Imphash => ("file", "extensions.'windows-pebinary-ext'.imphash", " = "),
        Kind::CertMd5 => ("x509-certificate", "hashes.MD5", " = "),
        Kind::CertSha1 => ("x509-certificate", "hashes.'SHA-1'", " = "),
        Kind::CertSha256 => ("x509-certificate", "hashes.'SHA-256'", " = "),
        Kind::CertSerial => ("x509-certificate", "serial_number", " = "),
        Kind::RegistryKey => ("windows-registry-key", "key", " = "),
        Kind::Mutex => ("mutex", "name", " = "),
        Kind::UserAgent => {
            ("network-traffic", "extensions.'http-request-ext'.request_header.'User-Agent'", " = ")
        }
        Kind::Ja3 => ("network-traffic", "x_ja3", " = "),
        Kind::Ja3s => ("network-traffic", "x_ja3s", " = "),
        Kind::Ja4 => ("network-traffic", "x_ja4", " = "),
        Kind::Jarm => ("network-traffic", "x_jarm", " = "),
        Kind::Asn => ("autonomous-system", "number", " = "),
        Kind::Mac => ("mac-addr", "value", " = "),
        Kind::FileName => ("file", "name", " = "),
    }
}

/// Appends a string literal of the patterning grammar: `'` and `\` are escaped (STIX 2.1 §9.2).
pub fn quote(text: &str, out: &mut String) {
    out.push('\'');
    for c in text.chars() {
        if matches!(c, '\'' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('\'');
}
