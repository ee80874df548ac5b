//! Writing a plain list that firewalls, resolvers and proxies read.

use std::collections::BTreeSet;

use observable::{Kind, Observable};

/// One value per line, sorted by kind and key, each once, under `#` header lines.
///
/// Only kinds that such lists carry are written: addresses, networks, domains, URLs, request paths, e-mail
/// addresses and hashes. Returns the text and how many observables of other kinds were left out.
#[must_use]
pub fn blocklist<'a>(
    header: &[&str],
    observables: impl IntoIterator<Item = &'a Observable>,
) -> (String, usize) {
    let mut out = String::new();
    for line in header.iter().flat_map(|text| text.lines()) {
        out.push_str("# ");
        out.push_str(line);
        out.push('\n');
    }
    let mut left_out = 0;
    let mut sorted = BTreeSet::new();
    for observable in observables {
        if is_listed(observable.kind()) {
            sorted.insert(observable);
        } else {
            left_out += 1;
        }
    }
    for observable in sorted {
        out.push_str(&observable.to_string());
        out.push('\n');
    }
    (out, left_out)
}

const fn is_listed(kind: Kind) -> bool {
    !matches!(
        kind,
        Kind::Mutex
            | Kind::UserAgent
            | Kind::FileName
            | Kind::RegistryKey
            | Kind::CertSerial
            | Kind::Ssdeep
            | Kind::Tlsh
    )
}
