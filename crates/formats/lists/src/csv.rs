//! Tables: which column means what, and the cells of a record.
//!
//! The header decides everything, so a table is only recognised by one. Quoted cells follow RFC 4180.

use model::Timestamp;
use observable::{Kind, read};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Value,
    Port,
    Kind,
    Comment,
    Labels,
    Confidence,
    FirstSeen,
    Other,
}

/// The layout of a table.
#[derive(Debug)]
pub(crate) struct Columns {
    delimiter: char,
    roles: Vec<Role>,
}

/// What one record says.
#[derive(Debug, Default)]
pub(crate) struct Row {
    pub(crate) values: Vec<String>,
    pub(crate) port: Option<u16>,
    pub(crate) kind: Option<Kind>,
    pub(crate) comment: Option<String>,
    pub(crate) labels: Vec<String>,
    pub(crate) confidence: Option<u8>,
    pub(crate) first_seen: Option<Timestamp>,
}

impl Columns {
    /// The layout a header line names, or `None` if the line is no header: a header has a value column, and none
    /// of its names is itself a value.
    pub(crate) fn from_header(line: &str) -> Option<Self> {
        let delimiter =
            [',', ';', '\t', '|'].into_iter().max_by_key(|c| (line.matches(*c).count(), *c == ','))?;
        let names = fields(line, delimiter);
        let roles: Vec<Role> = names.iter().map(|name| role(name)).collect();
        let valid = names.len() <= 200
            && roles.contains(&Role::Value)
            && names.iter().all(|name| read(name).is_none());
        valid.then_some(Self { delimiter, roles })
    }

    /// More than one column, most of them known: enough to believe a header inside a comment.
    pub(crate) fn is_table(&self) -> bool {
        let known = self.roles.iter().filter(|role| **role != Role::Other).count();
        self.roles.len() > 1 && known * 2 >= self.roles.len()
    }

    pub(crate) fn row(&self, record: &str) -> Row {
        let mut row = Row::default();
        for (cell, role) in fields(record, self.delimiter).into_iter().zip(&self.roles) {
            let cell = cell.trim();
            if cell.is_empty() || matches!(cell, "-" | "None" | "none" | "null" | "n/a" | "N/A") {
                continue;
            }
            match role {
                Role::Value => row.values.push(cell.to_owned()),
                Role::Port => row.port = cell.parse().ok().filter(|port| *port != 0),
                Role::Kind => row.kind = kind(cell),
                Role::Comment => match &mut row.comment {
                    Some(text) => {
                        text.push_str("; ");
                        text.push_str(cell);
                    }
                    None => row.comment = Some(cell.to_owned()),
                },
                Role::Labels => row.labels.extend(
                    cell.split([',', ';', '|'])
                        .map(str::trim)
                        .filter(|tag| !tag.is_empty())
                        .map(str::to_owned),
                ),
                Role::Confidence => row.confidence = confidence(cell),
                Role::FirstSeen => row.first_seen = instant(cell),
                Role::Other => {}
            }
        }
        row
    }
}

fn role(name: &str) -> Role {
    let name = name.trim().to_ascii_lowercase().replace([' ', '-', '.'], "_");
    match name.as_str() {
        "value" | "indicator" | "indicators" | "ioc" | "ioc_value" | "observable" | "artifact" | "ip"
        | "ips" | "ipv4" | "ipv6" | "ip_address" | "ip_addr" | "ipaddress" | "address" | "src_ip"
        | "dst_ip" | "dest_ip" | "dstip" | "srcip" | "ip_port" | "cidr" | "network" | "netblock"
        | "domain" | "domains" | "domain_name" | "hostname" | "host" | "fqdn" | "url" | "urls" | "uri"
        | "phishing_url" | "malicious_url" | "email" | "email_address" | "hash" | "file_hash" | "md5"
        | "md5_hash" | "md5hash" | "sha1" | "sha1_hash" | "sha_1" | "sha256" | "sha256_hash" | "sha_256"
        | "sha512" | "sha_512" | "sha3_384_hash" | "ja3" | "ja3_md5" | "ja4" | "file_name" | "filename" => {
            Role::Value
        }
        "port" | "dst_port" | "dest_port" | "dstport" | "dport" => Role::Port,
        "type" | "ioc_type" | "indicator_type" | "kind" | "observable_type" | "value_type" => Role::Kind,
        "description" | "comment" | "comments" | "note" | "notes" | "malware" | "malware_printable"
        | "malware_family" | "family" | "threat" | "threat_type" | "signature" | "reason"
        | "listingreason" => Role::Comment,
        "tags" | "tag" | "labels" | "label" => Role::Labels,
        "confidence" | "confidence_level" => Role::Confidence,
        "first_seen" | "firstseen" | "first_seen_utc" | "date_added" | "dateadded" | "date" | "timestamp"
        | "listingdate" | "created" | "submission_time" => Role::FirstSeen,
        _ => Role::Other,
    }
}

/// Kinds that a type column must name because the value alone does not show them.
fn kind(name: &str) -> Option<Kind> {
    let name = name.trim().to_ascii_lowercase().replace([' ', '_'], "-");
    match name.as_str() {
        "ja3" | "ja3-fingerprint" | "ja3-fingerprint-md5" => Some(Kind::Ja3),
        "imphash" => Some(Kind::Imphash),
        "mutex" => Some(Kind::Mutex),
        "user-agent" => Some(Kind::UserAgent),
        "filename" | "file-name" => Some(Kind::FileName),
        "regkey" | "registry" | "registry-key" => Some(Kind::RegistryKey),
        "sslcert-sha1" | "x509-fingerprint-sha1" => Some(Kind::CertSha1),
        "x509-fingerprint-sha256" => Some(Kind::CertSha256),
        "sha3-256" => Some(Kind::Sha3V256),
        "mac" | "mac-address" => Some(Kind::Mac),
        "ssdeep" => Some(Kind::Ssdeep),
        _ => name.parse().ok(),
    }
}

/// A number from 0 to 100, or one of the words of the "none, low, medium, high" scale (STIX 2.1 appendix A).
fn confidence(cell: &str) -> Option<u8> {
    match cell.to_ascii_lowercase().as_str() {
        "low" => Some(15),
        "medium" | "med" => Some(50),
        "high" => Some(85),
        number => number.trim_end_matches('%').parse().ok().filter(|value| *value <= 100),
    }
}

/// `2026-01-31`, `2026-01-31 12:00:00`, with or without `T`, `Z`, `UTC` and fractions; always read as UTC.
fn instant(cell: &str) -> Option<Timestamp> {
    let text = cell
        .trim_end_matches("UTC")
        .trim_end_matches("+00:00")
        .trim_end_matches('Z')
        .trim()
        .replace(' ', "T");
    let text = if text.len() == 10 { format!("{text}T00:00:00Z") } else { format!("{text}Z") };
    text.parse().ok()
}

/// The cells of a record.
fn fields(record: &str, delimiter: char) -> Vec<String> {
    let mut out = Vec::new();
    let mut cell = String::new();
    let mut quoted = false;
    let mut chars = record.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            '"' if quoted => quoted = false,
            // Only at the start of a cell, where white space after the delimiter is forgiven.
            '"' if cell.trim().is_empty() => {
                cell.clear();
                quoted = true;
            }
            c if c == delimiter && !quoted => out.push(std::mem::take(&mut cell)),
            c => cell.push(c),
        }
    }
    out.push(cell);
    out
}
