//! Sigma rules (Sigma specification 2.1), so that others can look for what is blocked here.

use std::collections::BTreeMap;

use model::Timestamp;
use observable::Kind;
use uuid::Uuid;

use crate::set::{BlockItem, BlockSet, Export, Sorting, Why, one_line};

/// The namespace of rule ids: the same set and log source give the same id, so that a later rule replaces an earlier one.
const NAMESPACE: Uuid = Uuid::from_bytes([
    0x3c, 0x1e, 0x5f, 0x0a, 0x6d, 0x24, 0x4b, 0x79, 0x9a, 0x41, 0x0e, 0x53, 0xc7, 0xd2, 0x8b, 0x16,
]);

/// References that a description names.
const MAX_REFERENCES: usize = 20;

/// A log source that shows things of some kinds.
struct Source {
    title: &'static str,
    product: Option<&'static str>,
    category: &'static str,
    /// Field of the port, where there is one.
    port: Option<&'static str>,
    /// For each kind: field with modifiers, and what stands before and after the value.
    fields: &'static [(Kind, &'static str, &'static str, &'static str)],
}

const SOURCES: &[Source] = &[
    Source {
        title: "traffic seen by firewalls",
        product: None,
        category: "firewall",
        port: Some("dst_port"),
        fields: &[
            (Kind::Ipv4, "dst_ip", "", ""),
            (Kind::Ipv6, "dst_ip", "", ""),
            (Kind::Cidr4, "dst_ip|cidr", "", ""),
            (Kind::Cidr6, "dst_ip|cidr", "", ""),
        ],
    },
    Source {
        title: "connections of Windows hosts",
        product: Some("windows"),
        category: "network_connection",
        port: Some("DestinationPort"),
        fields: &[
            (Kind::Ipv4, "DestinationIp", "", ""),
            (Kind::Ipv6, "DestinationIp", "", ""),
            (Kind::Cidr4, "DestinationIp|cidr", "", ""),
            (Kind::Cidr6, "DestinationIp|cidr", "", ""),
            (Kind::Domain, "DestinationHostname", "", ""),
            (Kind::DomainSuffix, "DestinationHostname|endswith", ".", ""),
        ],
    },
    Source {
        title: "DNS queries",
        product: None,
        category: "dns",
        port: None,
        fields: &[(Kind::Domain, "query", "", ""), (Kind::DomainSuffix, "query|endswith", ".", "")],
    },
    Source {
        title: "DNS queries of Windows hosts",
        product: Some("windows"),
        category: "dns_query",
        port: None,
        fields: &[(Kind::Domain, "QueryName", "", ""), (Kind::DomainSuffix, "QueryName|endswith", ".", "")],
    },
    Source {
        title: "web requests seen by proxies",
        product: None,
        category: "proxy",
        port: None,
        fields: &[
            (Kind::Domain, "cs-host", "", ""),
            (Kind::DomainSuffix, "cs-host|endswith", ".", ""),
            (Kind::Url, "c-uri", "", ""),
            (Kind::HttpTarget, "c-uri|endswith", "", ""),
            (Kind::UserAgent, "c-useragent", "", ""),
        ],
    },
    Source {
        title: "processes of Windows hosts",
        product: Some("windows"),
        category: "process_creation",
        port: None,
        fields: &[
            (Kind::Md5, "Hashes|contains", "MD5=", ""),
            (Kind::Sha1, "Hashes|contains", "SHA1=", ""),
            (Kind::Sha256, "Hashes|contains", "SHA256=", ""),
            (Kind::Imphash, "Hashes|contains", "IMPHASH=", ""),
        ],
    },
    Source {
        title: "files of Windows hosts",
        product: Some("windows"),
        category: "file_event",
        port: None,
        fields: &[(Kind::FileName, "TargetFilename|endswith", "\\", "")],
    },
];

/// One rule for each log source that shows anything of the set, as documents of one YAML text.
#[must_use]
pub fn sigma(set: &BlockSet, now: Timestamp) -> Export {
    let (items, mut sorting) = Sorting::of(set, now);
    let mut text = String::new();
    let mut usable = Vec::new();
    for item in items {
        if SOURCES.iter().any(|source| field(source, item).is_some()) {
            usable.push(item);
            sorting.written += 1;
        } else {
            let elsewhere = BlockItem { port: None, ..item.clone() };
            let without = SOURCES.iter().any(|source| field(source, &elsewhere).is_some());
            sorting.skip(item, if without { Why::Port } else { Why::Kind });
        }
    }
    for source in SOURCES {
        let shown: Vec<(&BlockItem, String, String)> = usable
            .iter()
            .filter_map(|item| {
                let (name, value) = field(source, item)?;
                Some((*item, name, value))
            })
            .collect();
        if !shown.is_empty() {
            document(set, now, source, &shown, &mut text);
        }
    }
    sorting.export(text)
}

/// The field that shows an item, with its modifiers, and the value to compare it with.
fn field(source: &Source, item: &BlockItem) -> Option<(String, String)> {
    if item.port.is_some() && source.port.is_none() {
        return None;
    }
    let kind = item.observable.kind();
    let (_, name, before, after) = source.fields.iter().find(|(of, ..)| *of == kind)?;
    let value = item.observable.to_string();
    let value = if kind == Kind::DomainSuffix { value.strip_prefix("*.")? } else { value.as_str() };
    Some(((*name).to_owned(), format!("{}{}{}", literal(before), literal(value), literal(after))))
}

/// A value in which nothing is a wildcard (Sigma specification, "escaping").
fn literal(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        if matches!(c, '*' | '?' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn document(
    set: &BlockSet,
    now: Timestamp,
    source: &Source,
    shown: &[(&BlockItem, String, String)],
    out: &mut String,
) {
    let name = one_line(&set.name);
    let id = Uuid::new_v5(&NAMESPACE, format!("{}\0{}", set.name, source.title).as_bytes());
    let last = shown.iter().map(|(item, ..)| item.until).max().unwrap_or(now);
    let mut references: Vec<&str> = shown.iter().map(|(item, ..)| item.reference.as_str()).collect();
    references.sort_unstable();
    references.dedup();
    let more = references.len().saturating_sub(MAX_REFERENCES);
    references.truncate(MAX_REFERENCES);
    let mut description =
        format!("Values that are blocked until {last} at the latest. From: {}", references.join(", "));
    if more > 0 {
        description.push_str(&format!(" and {more} more"));
    }
    let date = now.to_string();
    let date = date.split('T').next().unwrap_or(&date);

    if !out.is_empty() {
        out.push_str("---\n");
    }
    out.push_str(&format!("title: {}\n", quoted(&format!("{name}: {}", source.title))));
    out.push_str(&format!("id: {id}\n"));
    out.push_str("status: experimental\n");
    out.push_str(&format!("description: {}\n", quoted(&description)));
    out.push_str("author: Shieldwall\n");
    out.push_str(&format!("date: {}\n", quoted(date)));
    out.push_str("logsource:\n");
    if let Some(product) = source.product {
        out.push_str(&format!("  product: {product}\n"));
    }
    out.push_str(&format!("  category: {}\n", source.category));
    out.push_str("detection:\n");
    // A selection for each field and port: members of one selection must all hold, values of one list need not.
    let mut selections: BTreeMap<(&str, Option<u16>), Vec<&str>> = BTreeMap::new();
    for (item, field, value) in shown {
        selections.entry((field.as_str(), item.port)).or_default().push(value.as_str());
    }
    for (number, ((field, port), values)) in selections.iter().enumerate() {
        out.push_str(&format!("  selection_{}:\n    {field}:\n", number + 1));
        for value in values {
            out.push_str(&format!("      - {}\n", quoted(value)));
        }
        if let (Some(name), Some(port)) = (source.port, port) {
            out.push_str(&format!("    {name}: {port}\n"));
        }
    }
    out.push_str("  condition: 1 of selection_*\n");
    out.push_str("falsepositives:\n  - Unknown\nlevel: high\n");
}

/// A YAML 1.2 double-quoted scalar (§7.3.1). Everything outside printable ASCII is escaped, so nothing in a value can end
/// it, and no reader has to agree with us on what is printable.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            ' '..='~' => out.push(c),
            _ if u32::from(c) <= 0xff => out.push_str(&format!("\\x{:02X}", u32::from(c))),
            _ if u32::from(c) <= 0xffff => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            _ => out.push_str(&format!("\\U{:08X}", u32::from(c))),
        }
    }
    out.push('"');
    out
}
