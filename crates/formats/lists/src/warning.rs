//! Warning lists as the MISP project publishes them.

use json::{Kind as JsonKind, Limits, Tape, Value};
use model::{Finding, Severity};
use observable::Kind;

/// What a hit means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Category {
    /// Almost certainly benign: an indicator on it should not alert.
    FalsePositive,
    /// Known infrastructure that bad actors use too (a cloud, a scanner, a sinkhole): worth a note, no more.
    Known,
}

/// How a list's entries are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matching {
    /// The value is the entry.
    Exact,
    /// The value is the entry's host name or one below it.
    Hostname,
    /// The address or network lies in the entry's network.
    Cidr,
    /// The value contains the entry.
    Substring,
    /// The entry, a regular expression, matches the value.
    Regex,
}

/// One warning list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WarningList {
    /// Its name, shown in findings.
    pub name: String,
    /// Its version; 0 when not given.
    pub version: i64,
    /// How entries are compared.
    pub matching: Matching,
    /// What a hit means.
    pub category: Category,
    /// Kinds of observable the list speaks about.
    pub kinds: Vec<Kind>,
    /// The entries as written.
    pub entries: Vec<String>,
}

/// Whether a document has the members of a warning list.
#[must_use]
pub fn is_warning_list(document: Value<'_>) -> bool {
    document.get("list").is_some_and(|list| list.kind() == JsonKind::Array)
        && document.get("name").is_some()
        && document
            .get("type")
            .is_some_and(|kind| kind.as_str().is_some_and(|text| matching(&text).is_some()))
}

impl WarningList {
    /// Reads one list.
    ///
    /// A list that states no category is taken for [`Category::FalsePositive`], as MISP does, unless its name says
    /// that it enumerates infrastructure anyone can use: cloud and hosting ranges, scanners, sinkholes, VPNs,
    /// shorteners and the like. A ranking of popular names is matched exactly even if it says `hostname`: a
    /// platform's popularity says nothing about what its customers put below its name.
    ///
    /// # Errors
    /// A finding when the document is not JSON or not a warning list.
    pub fn parse(bytes: &[u8]) -> Result<Self, Finding> {
        let mut tape = Tape::new();
        let document = tape.parse(bytes, &Limits::DOCUMENT).map_err(|error| {
            Finding::new(Severity::Error, "json/rfc8259", error.pointer.clone(), error.to_string())
        })?;
        let missing = |member: &str, what: &str| {
            Finding::new(
                Severity::Error,
                "misp-warninglist/schema",
                format!("/{member}"),
                format!("`{member}` must be {what}"),
            )
        };
        let text = |member: &str| document.get(member).and_then(|value| value.as_str());
        let name = text("name").ok_or_else(|| missing("name", "a string"))?.into_owned();
        let matching = text("type")
            .and_then(|kind| matching(&kind))
            .ok_or_else(|| missing("type", "string, hostname, cidr, substring or regex"))?;
        let matching =
            if matching == Matching::Hostname && is_ranking(&name) { Matching::Exact } else { matching };
        let list = document
            .get("list")
            .filter(|list| list.kind() == JsonKind::Array)
            .ok_or_else(|| missing("list", "an array of strings"))?;
        let entries =
            list.items().filter_map(|item| item.as_str().map(std::borrow::Cow::into_owned)).collect();
        let attributes: Vec<String> = document
            .get("matching_attributes")
            .map(|list| {
                list.items().filter_map(|item| item.as_str().map(std::borrow::Cow::into_owned)).collect()
            })
            .unwrap_or_default();
        let category = match text("category").as_deref() {
            Some("known") => Category::Known,
            Some(_) => Category::FalsePositive,
            None => category_by_name(&name),
        };
        let version = document
            .get("version")
            .and_then(|value| value.as_i64().or_else(|| value.as_str()?.parse().ok()))
            .unwrap_or(0);
        // Without matching attributes a list speaks about every kind (MISP's ALL).
        let kinds = if attributes.is_empty() || attributes.iter().any(|name| name == "ALL") {
            Kind::ALL.to_vec()
        } else {
            let mut kinds: Vec<Kind> =
                attributes.iter().flat_map(|name| attribute_kinds(name)).copied().collect();
            kinds.sort_unstable();
            kinds.dedup();
            kinds
        };
        Ok(Self { name, version, matching, category, kinds, entries })
    }
}

fn matching(name: &str) -> Option<Matching> {
    Some(match name {
        "string" => Matching::Exact,
        "hostname" => Matching::Hostname,
        "cidr" => Matching::Cidr,
        "substring" => Matching::Substring,
        "regex" => Matching::Regex,
        _ => return None,
    })
}

/// Words in the names of lists that enumerate shared infrastructure rather than benign values.
const KNOWN_NAMES: [&str; 34] = [
    "ip ranges",
    "ip address ranges",
    "ip-ranges",
    "network ranges",
    "address ranges",
    "datacenter",
    "cluster ip",
    "scanning",
    "scanner",
    "sinkhole",
    "vpn",
    "smtp ",
    "parking",
    "shortener",
    "disposable",
    "link in bio",
    "lots (",
    "living off",
    "ipfs",
    "external ip",
    "source ip",
    "cloud sensors",
    "cdn ranges",
    "hosting",
    "tor exit",
    "proxy",
    "attack simulator",
    "automated malware analysis",
    "provider",
    "gateway",
    "crawler",
    "phone",
    "blockpage",
    "dynamic dns",
];

/// Whether a list's name is that of a popularity ranking: `Top 1000 …`, `… most-used …`.
fn is_ranking(name: &str) -> bool {
    let lower = name.to_lowercase();
    lower.starts_with("top ") || lower.contains("most-used") || lower.contains("most used")
}

fn category_by_name(name: &str) -> Category {
    let lower = name.to_lowercase();
    if KNOWN_NAMES.iter().any(|word| lower.contains(word)) {
        Category::Known
    } else {
        Category::FalsePositive
    }
}

/// The kinds of observable behind a MISP attribute type; a composite type speaks about both its parts.
fn attribute_kinds(name: &str) -> &'static [Kind] {
    match name {
        "ip-src" | "ip-dst" | "ip-src|port" | "ip-dst|port" => {
            &[Kind::Ipv4, Kind::Ipv6, Kind::Cidr4, Kind::Cidr6]
        }
        "domain|ip" => &[Kind::Ipv4, Kind::Ipv6, Kind::Cidr4, Kind::Cidr6, Kind::Domain, Kind::DomainSuffix],
        "domain" | "hostname" | "hostname|port" => &[Kind::Domain, Kind::DomainSuffix],
        "url" | "uri" | "link" => &[Kind::Url],
        "email" | "email-src" | "email-dst" | "target-email" | "whois-registrant-email" | "dns-soa-email" => {
            &[Kind::Email]
        }
        "md5" | "filename|md5" => &[Kind::Md5],
        "sha1" | "filename|sha1" => &[Kind::Sha1],
        "sha224" | "filename|sha224" => &[Kind::Sha224],
        "sha256" | "filename|sha256" => &[Kind::Sha256],
        "sha384" | "filename|sha384" => &[Kind::Sha384],
        "sha512" | "filename|sha512" => &[Kind::Sha512],
        "ssdeep" | "filename|ssdeep" => &[Kind::Ssdeep],
        "imphash" | "filename|imphash" => &[Kind::Imphash],
        "filename" => &[Kind::FileName],
        "x509-fingerprint-md5" => &[Kind::CertMd5],
        "x509-fingerprint-sha1" => &[Kind::CertSha1],
        "x509-fingerprint-sha256" => &[Kind::CertSha256],
        "user-agent" => &[Kind::UserAgent],
        "ja3-fingerprint-md5" => &[Kind::Ja3],
        "AS" => &[Kind::Asn],
        "mutex" => &[Kind::Mutex],
        "regkey" => &[Kind::RegistryKey],
        "mac-address" => &[Kind::Mac],
        _ => &[],
    }
}
