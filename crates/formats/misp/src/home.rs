//! Where each MISP attribute type lives in STIX.

use observable::{Kind, Observable, normalise, quote, read, refang, write_comparison, write_test};

use crate::sco::Sco;

/// The home of one attribute.
#[derive(Debug)]
pub(crate) enum Home {
    /// A value to look for, and the cyber-observables that hold it.
    Facts(Facts),
    /// A detection rule: `pattern_type` and text.
    Rule(&'static str),
    /// A reference of the report.
    Link,
    /// A domain object of this type, named by the value.
    Named(&'static str),
    /// A file whose content is attached.
    Attachment,
    /// Text: no home of its own.
    Text,
    /// As [`Home::Facts`], but the value is of another kind than its type says: a bare name as `url`.
    Reread(Facts, Kind),
    /// A type that should hold a value we know how to read, but does not.
    Malformed,
    /// A type this mapping does not know.
    Unknown,
}

/// A comparison expression of a pattern, and objects.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// Without brackets.
    pub(crate) comparison: String,
    /// The value's own object last; what it refers to before it. May be empty: some values can be looked for but are
    /// no object of their own.
    pub(crate) scos: Vec<Sco>,
    /// The first resolves to the second: places in `scos`.
    pub(crate) resolves: Option<(usize, usize)>,
}

/// The home of an attribute by its type and value.
pub(crate) fn home(attribute_type: &str, value: &str) -> Home {
    if let Some((first, second)) = composite(attribute_type) {
        return pair(first, second, value).map_or(Home::Malformed, Home::Facts);
    }
    if let Some(kind) = kind(attribute_type) {
        return match single(kind, value) {
            Some(facts) => Home::Facts(facts),
            None => reread(kind, value).unwrap_or(Home::Malformed),
        };
    }
    if let Some(name) = other_hash(attribute_type) {
        return Home::Facts(custom_hash(name, value));
    }
    match attribute_type {
        "email-subject" => Home::Facts(email_text("subject", value)),
        "email-body" => Home::Facts(email_text("body", value)),
        "email-message-id" => Home::Facts(email_text("message_id", value)),
        "email-attachment" => single(Kind::FileName, value).map_or(Home::Malformed, Home::Facts),
        "port" => match value.trim().parse::<u16>() {
            Ok(port) => Home::Facts(Facts {
                comparison: format!("network-traffic:dst_port = {port}"),
                ..Facts::default()
            }),
            Err(_) => Home::Malformed,
        },
        "yara" => Home::Rule("yara"),
        "sigma" => Home::Rule("sigma"),
        "snort" => Home::Rule("snort"),
        "stix2-pattern" => Home::Rule("stix"),
        "link" => Home::Link,
        "vulnerability" => Home::Named("vulnerability"),
        "campaign-name" => Home::Named("campaign"),
        "threat-actor" => Home::Named("threat-actor"),
        "malware-type" => Home::Named("malware"),
        "attachment" | "malware-sample" => Home::Attachment,
        _ if TEXT_TYPES.binary_search(&attribute_type).is_ok() => Home::Text,
        _ => Home::Unknown,
    }
}

/// Attribute types that hold one observable.
pub(crate) fn kind(attribute_type: &str) -> Option<Kind> {
    Some(match attribute_type {
        "ip-src" | "ip-dst" | "ip" => Kind::Ipv4,
        "domain" | "hostname" => Kind::Domain,
        "url" => Kind::Url,
        "uri" => Kind::HttpTarget,
        "email"
        | "email-src"
        | "email-dst"
        | "email-reply-to"
        | "target-email"
        | "whois-registrant-email"
        | "dns-soa-email" => Kind::Email,
        "md5" => Kind::Md5,
        "sha1" => Kind::Sha1,
        "sha224" => Kind::Sha224,
        "sha256" => Kind::Sha256,
        "sha384" => Kind::Sha384,
        "sha512" => Kind::Sha512,
        "sha3-256" => Kind::Sha3V256,
        "sha3-512" => Kind::Sha3V512,
        "ssdeep" => Kind::Ssdeep,
        "tlsh" => Kind::Tlsh,
        "imphash" => Kind::Imphash,
        "filename" => Kind::FileName,
        "mutex" => Kind::Mutex,
        "regkey" => Kind::RegistryKey,
        "user-agent" => Kind::UserAgent,
        "AS" => Kind::Asn,
        "mac-address" => Kind::Mac,
        "x509-fingerprint-md5" => Kind::CertMd5,
        "x509-fingerprint-sha1" => Kind::CertSha1,
        "x509-fingerprint-sha256" => Kind::CertSha256,
        "ja3-fingerprint-md5" => Kind::Ja3,
        "jarm-fingerprint" => Kind::Jarm,
        _ => return None,
    })
}

/// Hashes that STIX has no name for; its hash vocabulary is open (§10.7).
fn other_hash(attribute_type: &str) -> Option<&'static str> {
    Some(match attribute_type {
        "authentihash" => "AUTHENTIHASH",
        "cdhash" => "CDHASH",
        "impfuzzy" => "IMPFUZZY",
        "pehash" => "PEHASH",
        "sha512/224" => "SHA512-224",
        "sha512/256" => "SHA512-256",
        "telfhash" => "TELFHASH",
        "vhash" => "VHASH",
        "git-commit-id" => return None,
        _ => return None,
    })
}

fn composite(attribute_type: &str) -> Option<(&str, &str)> {
    let (first, second) = attribute_type.split_once('|')?;
    let known =
        matches!(second, "port" | "ip" | "value") || kind(second).is_some() || other_hash(second).is_some();
    (known && kind(first).is_some()).then_some((first, second))
}

/// One value of one kind.
fn single(kind: Kind, value: &str) -> Option<Facts> {
    let clean = refang(value.trim());
    let observable = normalise(kind, &clean)?;
    let spelled = spelling(&observable, &clean);
    let mut comparison = String::new();
    write_test(
        observable.kind(),
        if observable.kind() == Kind::Asn { observable.key() } else { &spelled },
        &mut comparison,
    );
    let scos = sco(&observable, &spelled).into_iter().collect();
    Some(Facts { comparison, scos, resolves: None })
}

/// A network value under the wrong type.
fn reread(kind: Kind, value: &str) -> Option<Home> {
    if !matches!(kind, Kind::Ipv4 | Kind::Domain | Kind::Url) {
        return None;
    }
    let term = read(value)?;
    let found = term.observable.kind();
    if !matches!(found, Kind::Ipv4 | Kind::Ipv6 | Kind::Cidr4 | Kind::Cidr6 | Kind::Domain | Kind::Url) {
        return None;
    }
    let mut comparison = String::new();
    write_comparison(&term, &mut comparison);
    let scos = sco(&term.observable, &term.observable.to_string()).into_iter().collect();
    Some(Home::Reread(Facts { comparison, scos, resolves: None }, found))
}

/// The value as STIX should hold it: canonical where case and dress mean nothing, as written where they may.
fn spelling(observable: &Observable, written: &str) -> String {
    match observable.kind() {
        Kind::Url | Kind::Mutex | Kind::UserAgent | Kind::HttpTarget | Kind::Ssdeep => written.to_owned(),
        // The hive is spelled out, the rest keeps its case (STIX 2.1 §6.17.1).
        Kind::RegistryKey => {
            let written = written.trim_end_matches('\\');
            let (hive, rest) =
                written.split_once('\\').map_or((written, None), |(hive, rest)| (hive, Some(rest)));
            let canonical = observable.key().split('\\').next().unwrap_or_default();
            let hive =
                if canonical.starts_with("hkey_") { canonical.to_ascii_uppercase() } else { hive.to_owned() };
            rest.map_or_else(|| hive.clone(), |rest| format!("{hive}\\{rest}"))
        }
        _ => observable.to_string(),
    }
}

/// The cyber-observable of a value, where STIX has one that can stand alone.
fn sco(observable: &Observable, spelled: &str) -> Option<Sco> {
    let hash = |name: &str| vec![(name.to_owned(), spelled.to_owned())];
    Some(match observable.kind() {
        Kind::Ipv4 | Kind::Cidr4 => Sco::new("ipv4-addr").text("value", spelled),
        Kind::Ipv6 | Kind::Cidr6 => Sco::new("ipv6-addr").text("value", spelled),
        Kind::Domain => Sco::new("domain-name").text("value", spelled),
        Kind::Url => Sco::new("url").text("value", spelled),
        Kind::Email => Sco::new("email-addr").text("value", spelled),
        Kind::Mac => Sco::new("mac-addr").text("value", spelled),
        Kind::Mutex => Sco::new("mutex").text("name", spelled),
        Kind::RegistryKey => Sco::new("windows-registry-key").text("key", spelled),
        Kind::Asn => Sco::new("autonomous-system").raw("number", observable.key()),
        Kind::FileName => Sco::new("file").text("name", spelled),
        Kind::CertMd5 => Sco::new("x509-certificate").hashes(&hash("MD5")),
        Kind::CertSha1 => Sco::new("x509-certificate").hashes(&hash("SHA-1")),
        Kind::CertSha256 => Sco::new("x509-certificate").hashes(&hash("SHA-256")),
        kind => Sco::new("file").hashes(&hash(hash_name(kind)?)),
    })
}

/// The algorithm's name in a `hashes` dictionary.
pub(crate) const fn hash_name(kind: Kind) -> Option<&'static str> {
    Some(match kind {
        Kind::Md5 => "MD5",
        Kind::Sha1 => "SHA-1",
        Kind::Sha224 => "SHA-224",
        Kind::Sha256 => "SHA-256",
        Kind::Sha384 => "SHA-384",
        Kind::Sha512 => "SHA-512",
        Kind::Sha3V256 => "SHA3-256",
        Kind::Sha3V512 => "SHA3-512",
        Kind::Ssdeep => "SSDEEP",
        Kind::Tlsh => "TLSH",
        _ => return None,
    })
}

/// A hash attribute as dictionary entry: `sha1` and its value as `("SHA-1", …)`.
pub(crate) fn hash_entry(attribute_type: &str, value: &str) -> Option<(String, String)> {
    if let Some(name) = other_hash(attribute_type) {
        return Some((name.to_owned(), value.trim().to_owned()));
    }
    let kind = kind(attribute_type)?;
    let name = hash_name(kind)?;
    let observable = normalise(kind, value)?;
    Some((name.to_owned(), observable.to_string()))
}

fn custom_hash(name: &str, value: &str) -> Facts {
    let mut comparison = format!("file:hashes.'{name}' = ");
    quote(value.trim(), &mut comparison);
    let scos = vec![Sco::new("file").hashes(&[(name.to_owned(), value.trim().to_owned())])];
    Facts { comparison, scos, resolves: None }
}

fn email_text(property: &'static str, value: &str) -> Facts {
    let mut comparison = format!("email-message:{property} = ");
    quote(value, &mut comparison);
    let scos = vec![Sco::new("email-message").raw("is_multipart", "false").text(property, value)];
    Facts { comparison, scos, resolves: None }
}

/// `filename|sha1`, `domain|ip`, `ip-dst|port`, `hostname|port`, `regkey|value`.
fn pair(first: &str, second: &str, value: &str) -> Option<Facts> {
    // The parts of an address and port are also seen joined by a colon.
    let (left, right) = match (value.rsplit_once('|'), second) {
        (Some(parts), _) => parts,
        (None, "port") => value.rsplit_once(':')?,
        (None, _) => return None,
    };
    match second {
        "port" => endpoint(kind(first)?, first, left, right.trim().parse().ok()?),
        "ip" => {
            let name = single(Kind::Domain, left)?;
            let address = single(Kind::Ipv4, right)?;
            let scos: Vec<Sco> = name.scos.into_iter().chain(address.scos).collect();
            let comparison = format!("{} OR {}", name.comparison, address.comparison);
            Some(Facts { comparison, scos, resolves: Some((0, 1)) })
        }
        "value" => {
            let key = single(Kind::RegistryKey, left)?;
            let mut comparison = format!("{} AND windows-registry-key:values[*].data = ", key.comparison);
            quote(right, &mut comparison);
            let mut entry = String::from("[{\"data\":");
            json::write_string(right, &mut entry);
            entry.push_str("}]");
            let scos = key.scos.into_iter().map(|sco| sco.raw("values", entry.clone())).collect();
            Some(Facts { comparison, scos, resolves: None })
        }
        hash => {
            // The hash identifies the file; its name only describes it.
            let name = normalise(Kind::FileName, left)?;
            let hash_facts = match kind(hash) {
                Some(kind) => single(kind, right)?,
                None => custom_hash(other_hash(hash)?, right),
            };
            let scos = match hash_entry(hash, right) {
                Some(entry) => vec![Sco::new("file").hashes(&[entry]).text("name", &name.to_string())],
                None => vec![Sco::new("file").text("name", &name.to_string())],
            };
            Some(Facts { comparison: hash_facts.comparison, scos, resolves: None })
        }
    }
}

/// Traffic to (or from) a host's port.
fn endpoint(kind: Kind, attribute_type: &str, host: &str, port: u16) -> Option<Facts> {
    let side = if attribute_type == "ip-src" { "src" } else { "dst" };
    let observable = normalise(kind, &refang(host.trim()))?;
    let spelled = observable.to_string();
    let host_type = observable.object_type();
    let mut comparison =
        format!("network-traffic:{side}_ref.type = '{host_type}' AND network-traffic:{side}_ref.value = ");
    quote(&spelled, &mut comparison);
    comparison.push_str(&format!(" AND network-traffic:{side}_port = {port}"));
    let host = sco(&observable, &spelled)?;
    let (ref_name, port_name) = if side == "src" { ("src_ref", "src_port") } else { ("dst_ref", "dst_port") };
    let traffic = Sco::new("network-traffic")
        .text(ref_name, host.id().as_str())
        .raw(port_name, port.to_string())
        .raw("protocols", protocols(host_type, None));
    Some(Facts { comparison, scos: vec![host, traffic], resolves: None })
}

/// The protocols list: the network layer follows from the host, the transport is added where known.
pub(crate) fn protocols(host_type: &str, transport: Option<&str>) -> String {
    let network = if host_type == "ipv6-addr" { "ipv6" } else { "ipv4" };
    match transport.map(str::to_ascii_lowercase) {
        Some(name) if matches!(name.as_str(), "tcp" | "udp" | "icmp" | "sctp") => {
            format!("[\"{network}\",\"{name}\"]")
        }
        _ => format!("[\"{network}\"]"),
    }
}

/// Attribute types of the MISP core format that STIX has no property for. Sorted.
const TEXT_TYPES: [&str; 77] = [
    "anonymised",
    "azure-application-id",
    "bank-account-nr",
    "bic",
    "bin",
    "boolean",
    "bro",
    "btc",
    "campaign-id",
    "cc-number",
    "chrome-extension-id",
    "comment",
    "community-id",
    "cookie",
    "cortex",
    "counter",
    "country-of-residence",
    "cpe",
    "dash",
    "date-of-birth",
    "datetime",
    "dkim",
    "dkim-signature",
    "email-header",
    "email-mime-boundary",
    "email-thread-index",
    "email-x-mailer",
    "eppn",
    "favicon-mmh3",
    "filename-pattern",
    "first-name",
    "float",
    "full-name",
    "gender",
    "gene",
    "git-commit-id",
    "github-organisation",
    "github-repository",
    "github-username",
    "hassh-md5",
    "hasshserver-md5",
    "hex",
    "http-method",
    "iban",
    "identity-card-number",
    "integer",
    "jabber-id",
    "kusto-query",
    "last-name",
    "middle-name",
    "mime-type",
    "mobile-application-id",
    "named pipe",
    "nationality",
    "onion-address",
    "other",
    "passport-number",
    "pattern-in-file",
    "pattern-in-memory",
    "pattern-in-traffic",
    "pdb",
    "phone-number",
    "process-state",
    "prtn",
    "size-in-bytes",
    "ssh-fingerprint",
    "target-external",
    "target-location",
    "target-machine",
    "target-org",
    "target-user",
    "text",
    "twitter-id",
    "whois-creation-date",
    "windows-service-name",
    "xmr",
    "zeek",
];

#[cfg(test)]
mod tests {
    use super::TEXT_TYPES;

    #[test]
    fn text_types_are_sorted_for_the_search() {
        assert!(TEXT_TYPES.is_sorted(), "{:?}", TEXT_TYPES.windows(2).find(|pair| pair[0] > pair[1]));
    }
}
