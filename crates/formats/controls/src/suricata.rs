//! Suricata rules (rule language of Suricata 5 and later).

use std::ops::RangeInclusive;

use model::{Digest, Timestamp};
use observable::{Kind, Observable};

use crate::set::{BlockItem, BlockSet, Export, Sorting, Why, one_line, word};

/// Longest text that one `content` looks for, in bytes.
const MAX_CONTENT: usize = 255;

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SuricataAction {
    /// Drops the packet and alerts; needs Suricata inline.
    Drop,
    /// Only alerts.
    Alert,
    /// Drops, alerts, and tells whoever sent the packet.
    Reject,
}

impl SuricataAction {
    /// The word that a rule begins with.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Alert => "alert",
            Self::Reject => "reject",
        }
    }
}

/// How rules are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuricataOptions {
    /// What they do.
    pub action: SuricataAction,
    /// Their numbers, both ends included. 1,000,000 to 1,999,999 are for rules of one's own.
    pub sids: RangeInclusive<u32>,
}

impl Default for SuricataOptions {
    fn default() -> Self {
        Self { action: SuricataAction::Drop, sids: 1_700_000..=1_799_999 }
    }
}

impl SuricataOptions {
    /// Numbers that are set aside at once.
    const COUNT: u32 = 100_000;
    /// Where those of leases that are carried by hand begin at the earliest: after those of the node's own files.
    const CARRIED: u32 = 1_800_000;

    /// The numbers from one on.
    #[must_use]
    pub const fn sids_from(first: u32) -> RangeInclusive<u32> {
        first..=first.saturating_add(Self::COUNT - 1)
    }

    /// Numbers for the rules of one lease: from 1,800,000 to 1,899,999 on, depending on its number alone, so that the
    /// rules of two leases are seldom numbered alike and those of one always are.
    #[must_use]
    pub fn sids_of(lease: &Digest) -> RangeInclusive<u32> {
        let offset = lease.0.iter().fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % Self::COUNT);
        Self::sids_from(Self::CARRIED + offset)
    }
}

/// One rule for each way in which an item can be seen: addresses and networks in packets; domain names in DNS queries,
/// in TLS' server name and in HTTP's host; `http` URLs, request paths and user agents in HTTP requests; JA3, JA3S and
/// SHA-1 of certificates in TLS.
///
/// Rules have no words for time: the file has to be written again when an item ends, and each rule's metadata say when.
#[must_use]
pub fn suricata(set: &BlockSet, now: Timestamp, options: &SuricataOptions) -> Export {
    let (items, mut sorting) = Sorting::of(set, now);
    let mut sids = options.sids.clone();
    let mut text = format!("# Shieldwall block set: {}\n# as of {now}\n", one_line(&set.name));
    for item in items {
        let rules = match rules(item) {
            Ok(rules) => rules,
            Err(why) => {
                sorting.skip(item, why);
                continue;
            }
        };
        // All of an item's rules or none.
        let numbers: Vec<u32> = sids.by_ref().take(rules.len()).collect();
        if numbers.len() < rules.len() {
            sorting.skip(item, Why::NoNumberLeft);
            continue;
        }
        for (rule, sid) in rules.iter().zip(numbers) {
            text.push_str(&format!(
                "{} {} (msg:\"Shieldwall {}: {}\"; {}metadata:shieldwall_reference {}, shieldwall_until {}; sid:{sid}; rev:1;)\n",
                options.action.as_str(),
                rule.head,
                word(&set.name),
                item.observable.kind(),
                rule.options,
                word(&item.reference),
                compact(item.until),
            ));
        }
        sorting.written += 1;
    }
    sorting.export(text)
}

struct Rule {
    /// Protocol, source, direction and destination.
    head: String,
    /// Keywords, each with its semicolon and a space after it.
    options: String,
}

fn rules(item: &BlockItem) -> Result<Vec<Rule>, Why> {
    let observable = &item.observable;
    let value = observable.to_string();
    let port = item.port.map_or_else(|| "any".to_owned(), |port| port.to_string());
    let rule = |head: String, options: String| Rule { head, options };
    Ok(match observable.kind() {
        Kind::Ipv4 | Kind::Ipv6 | Kind::Cidr4 | Kind::Cidr6 => match item.port {
            None => vec![rule(format!("ip any any <> [{value}] any"), String::new())],
            Some(port) => ["tcp", "udp"]
                .map(|protocol| rule(format!("{protocol} any any -> [{value}] {port}"), String::new()))
                .into(),
        },
        Kind::Domain => names(&content(&value, "startswith; endswith;")?, item.port),
        Kind::DomainSuffix => {
            let below = value.strip_prefix('*').unwrap_or(&value);
            names(&content(below, "endswith;")?, item.port)
        }
        Kind::Url => vec![url(&value, observable)?],
        Kind::HttpTarget => {
            let path = content(without_fragment(&value), "startswith; endswith;")?;
            vec![rule(http(&port), format!("flow:established,to_server; http.uri.raw; {path} "))]
        }
        Kind::UserAgent => {
            let agent = content(&value, "startswith; endswith;")?;
            vec![rule(http(&port), format!("flow:established,to_server; http.user_agent; {agent} "))]
        }
        Kind::Ja3 => {
            vec![rule(tls(&port), format!("ja3.hash; {} ", content(&value, "startswith; endswith;")?))]
        }
        Kind::Ja3s => {
            vec![rule(tls(&port), format!("ja3s.hash; {} ", content(&value, "startswith; endswith;")?))]
        }
        Kind::CertSha1 => {
            let print = content(&with_colons(&value), "startswith; endswith;")?;
            vec![rule(tls(&port), format!("tls.cert_fingerprint; {print} "))]
        }
        Kind::CertSerial => return Err(Why::Ambiguous),
        _ => return Err(Why::Kind),
    })
}

/// A name where it can be seen. HTTP's host is in small letters already, and its keyword refuses `nocase`.
fn names(content: &str, port: Option<u16>) -> Vec<Rule> {
    let any = port.map_or_else(|| "any".to_owned(), |port| port.to_string());
    let dns =
        Rule { head: "dns any any -> any any".to_owned(), options: format!("dns.query; {content} nocase; ") };
    let tls =
        Rule { head: tls(&any), options: format!("flow:established,to_server; tls.sni; {content} nocase; ") };
    let http =
        Rule { head: http(&any), options: format!("flow:established,to_server; http.host; {content} ") };
    // A query says nothing of the port that is wanted.
    if port.is_none() { vec![dns, tls, http] } else { vec![tls, http] }
}

fn url(value: &str, observable: &Observable) -> Result<Rule, Why> {
    let rest = match value.split_once("://") {
        Some(("http", rest)) => rest,
        Some(("https", _)) => return Err(Why::Encrypted),
        _ => return Err(Why::Kind),
    };
    let host = observable.host().ok_or(Why::Kind)?;
    if !matches!(host.kind(), Kind::Domain | Kind::Ipv4) {
        return Err(Why::Kind);
    }
    let at = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at_checked(at).ok_or(Why::Kind)?;
    // The default port is not in a canonical URL. Through a proxy it is another one anyway.
    let after_user = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let port = after_user.rsplit_once(':').map_or("any", |(_, port)| port);
    let host = content(&host.to_string(), "startswith; endswith;")?;
    let target = content(without_fragment(target), "startswith; endswith;")?;
    let options = format!("flow:established,to_server; http.host; {host} http.uri.raw; {target} ");
    Ok(Rule { head: http(port), options })
}

fn http(port: &str) -> String {
    format!("http any any -> any {port}")
}

fn tls(port: &str) -> String {
    format!("tls any any -> any {port}")
}

/// A fragment is not sent.
fn without_fragment(target: &str) -> &str {
    target.split('#').next().unwrap_or(target)
}

/// `content:"…"; ` and modifiers. Everything but letters, digits and a few harmless marks is written as hex between
/// bars, so that no value can end the content, the option or the rule.
fn content(value: &str, modifiers: &str) -> Result<String, Why> {
    if value.is_empty() {
        return Err(Why::Kind);
    }
    if value.len() > MAX_CONTENT {
        return Err(Why::TooLong);
    }
    let mut out = String::from("content:\"");
    let mut hex = false;
    for byte in value.bytes() {
        let plain = byte.is_ascii_alphanumeric()
            || matches!(byte, b'.' | b'-' | b'_' | b'/' | b'=' | b'?' | b'&' | b'%' | b'+' | b'~');
        if plain == hex {
            out.push('|');
            hex = !plain;
        } else if hex {
            out.push(' ');
        }
        if plain {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("{byte:02X}"));
        }
    }
    if hex {
        out.push('|');
    }
    out.push_str("\"; ");
    out.push_str(modifiers);
    Ok(out)
}

/// `4a:a3:66:…`, as Suricata writes fingerprints.
fn with_colons(hex: &str) -> String {
    let mut out = String::with_capacity(hex.len() * 3 / 2);
    for (place, digit) in hex.chars().enumerate() {
        if place > 0 && place % 2 == 0 {
            out.push(':');
        }
        out.push(digit);
    }
    out
}

/// `20261122T120000Z`: without the marks that mean something in a rule.
fn compact(instant: Timestamp) -> String {
    let text = instant.to_string();
    let whole = text.split('.').next().unwrap_or(&text);
    let mut out: String = whole.chars().filter(char::is_ascii_alphanumeric).collect();
    out.push('Z');
    out
}
