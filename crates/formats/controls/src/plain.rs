//! Lists: one value a line, and JSON with everything that is known.

use model::Timestamp;
use observable::Kind;

use crate::set::{BlockItem, BlockSet, Export, Sorting, Why, one_line};

/// One value a line under `#` header lines, sorted by kind and key: addresses, networks, domain names, URLs, request
/// paths, e-mail addresses and hashes; a port as `host:port`.
///
/// A plain list has no words for time: whoever reads it has to fetch it again, and the header says how soon.
#[must_use]
pub fn plain(set: &BlockSet, now: Timestamp) -> Export {
    let (items, mut sorting) = Sorting::of(set, now);
    let mut lines = String::new();
    let mut ends: Option<(Timestamp, Timestamp)> = None;
    for item in items {
        let value = item.value();
        let why = if !is_listed(item.observable.kind()) {
            Why::Kind
        } else if is_line(&value) {
            lines.push_str(&value);
            lines.push('\n');
            ends = Some(ends.map_or((item.until, item.until), |(first, last)| {
                (first.min(item.until), last.max(item.until))
            }));
            sorting.written += 1;
            continue;
        } else {
            Why::Unsafe
        };
        sorting.skip(item, why);
    }
    let mut text = format!("# Shieldwall block set: {}\n", one_line(&set.name));
    text.push_str(&format!("# as of {now}: {} values\n", sorting.written));
    if let Some((first, last)) = ends {
        text.push_str(&format!("# the first block ends {first}, the last {last}: fetch again before each\n"));
    }
    text.push_str(&lines);
    sorting.export(text)
}

/// The whole set as one JSON object: `format`, `name`, `at`, and `items` with `kind`, `value`, `port` (or null), `until`
/// and `reference`; where leases are known, `leases` with their numbers. Whoever reads it replaces what it had of ours.
#[must_use]
pub fn json(set: &BlockSet, now: Timestamp) -> Export {
    let (items, mut sorting) = Sorting::of(set, now);
    sorting.written = items.len();
    let items: Vec<serde_json::Value> = items.into_iter().map(item).collect();
    let mut body = serde_json::json!({
        "format": "shieldwall-block-set/1",
        "name": set.name,
        "at": now.to_string(),
        "items": items,
    });
    if let Some(members) = body.as_object_mut().filter(|_| !set.leases.is_empty()) {
        let leases: Vec<String> = set.leases.iter().map(ToString::to_string).collect();
        members.insert("leases".to_owned(), leases.into());
    }
    sorting.export(body.to_string())
}

fn item(item: &BlockItem) -> serde_json::Value {
    serde_json::json!({
        "kind": item.observable.kind().as_str(),
        "value": item.observable.to_string(),
        "port": item.port,
        "until": item.until.to_string(),
        "reference": item.reference,
    })
}

/// What firewalls, resolvers, proxies and mail filters read lists of.
const fn is_listed(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Ipv4
            | Kind::Ipv6
            | Kind::Cidr4
            | Kind::Cidr6
            | Kind::Domain
            | Kind::DomainSuffix
            | Kind::Url
            | Kind::HttpTarget
            | Kind::Email
            | Kind::Md5
            | Kind::Sha1
            | Kind::Sha224
            | Kind::Sha256
            | Kind::Sha384
            | Kind::Sha512
            | Kind::Sha3V256
            | Kind::Sha3V512
    )
}

/// Whether a value is one line and no comment in the dialects of lists there are: `#`, `;`, `//` and `!` begin comments.
fn is_line(value: &str) -> bool {
    let odd = |c: char| c.is_control() || c.is_whitespace();
    !value.is_empty()
        && !value.contains(odd)
        && !value.starts_with(['#', ';', '!'])
        && !value.starts_with("//")
}
