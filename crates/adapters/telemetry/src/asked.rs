//! The values of a plan, as what columns are searched by.

use std::collections::HashSet;
use std::net::IpAddr;

use observable::{Kind, Observable};

use crate::entry::Record;
use crate::family::{self, Family};

/// What is asked for: texts in each column of observables.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    columns: [Sought; 6],
}

/// What is asked for in a column.
#[derive(Debug, Default)]
pub(crate) struct Sought {
    /// Texts, each once.
    pub(crate) texts: Vec<Box<[u8]>>,
    /// The same.
    set: HashSet<Box<[u8]>>,
    /// Ranges of texts, from one up to another, which is not in it; ascending, apart from each other.
    ranges: Vec<Between>,
}

/// From one text up to another, which is not in it.
type Between = (Box<[u8]>, Box<[u8]>);

impl Asked {
    pub(crate) fn new(values: &[Observable]) -> Self {
        let mut asked = Self::default();
        for value in values {
            asked.add(family::text(value).into_bytes(), Family::of(value.kind()));
            for (from, until) in covered(value) {
                let family = Family::of(value.kind());
                if let Some(sought) = asked.columns.get_mut(family.place()) {
                    sought.ranges.push((from.into_bytes().into(), until.into_bytes().into()));
                }
            }
        }
        asked.columns.iter_mut().for_each(Sought::merge);
        asked
    }

    fn add(&mut self, text: Vec<u8>, family: Family) {
        if let Some(sought) = self.columns.get_mut(family.place()) {
            let text: Box<[u8]> = text.into();
            if sought.set.insert(text.clone()) {
                sought.texts.push(text);
            }
        }
    }

    /// Columns in which something is asked for.
    pub(crate) fn columns(&self) -> impl Iterator<Item = (Family, &Sought)> {
        Family::ALL.into_iter().zip(&self.columns).filter(|(_, sought)| !sought.is_empty())
    }

    /// Whether a record in the log names any of it.
    pub(crate) fn matches(&self, record: &Record<'_>) -> bool {
        record.observables().any(|(family, text)| {
            self.columns.get(family.place()).is_some_and(|sought| sought.matches(text.as_bytes()))
        })
    }
}

impl Sought {
    fn is_empty(&self) -> bool {
        self.texts.is_empty() && self.ranges.is_empty()
    }

    /// Whether a filter of single texts can say that nothing is there.
    pub(crate) fn is_exact(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Whether this text is asked for.
    pub(crate) fn matches(&self, text: &[u8]) -> bool {
        if self.set.contains(text) {
            return true;
        }
        let behind = self.ranges.partition_point(|(from, _)| &**from <= text);
        let before = behind.checked_sub(1).and_then(|place| self.ranges.get(place));
        before.is_some_and(|(_, until)| text < &**until)
    }

    /// Sorts the ranges and joins those that touch.
    fn merge(&mut self) {
        self.ranges.sort_unstable();
        let mut merged: Vec<Between> = Vec::with_capacity(self.ranges.len());
        for (from, until) in self.ranges.drain(..) {
            match merged.last_mut() {
                Some((_, end)) if from <= *end => {
                    if until > *end {
                        *end = until;
                    }
                }
                _ => merged.push((from, until)),
            }
        }
        self.ranges = merged;
    }
}

/// The texts of what lies within a network or under a suffix of names: keys of both sort so that this is a few ranges.
fn covered(value: &Observable) -> Vec<(String, String)> {
    let within = |first: String, last: String| (first, last + "\0");
    match (value.kind(), value.network()) {
        (Kind::Cidr4, Some((IpAddr::V4(network), length))) => {
            let first = network.to_bits();
            let last = first | u32::MAX.checked_shr(u32::from(length)).unwrap_or(0);
            vec![
                within(format!("{}:{first:08x}", Kind::Ipv4), format!("{}:{last:08x}", Kind::Ipv4)),
                within(
                    format!("{}:{first:08x}/{length:02}", Kind::Cidr4),
                    format!("{}:{last:08x}/32", Kind::Cidr4),
                ),
            ]
        }
        (Kind::Cidr6, Some((IpAddr::V6(network), length))) => {
            let first = network.to_bits();
            let last = first | u128::MAX.checked_shr(u32::from(length)).unwrap_or(0);
            vec![
                within(format!("{}:{first:032x}", Kind::Ipv6), format!("{}:{last:032x}", Kind::Ipv6)),
                within(
                    format!("{}:{first:032x}/{length:03}", Kind::Cidr6),
                    format!("{}:{last:032x}/128", Kind::Cidr6),
                ),
            ]
        }
        (Kind::DomainSuffix, _) => [Kind::Domain, Kind::DomainSuffix]
            .into_iter()
            // The character behind the dot in the order of texts is the slash.
            .map(|kind| (format!("{kind}:{}.", value.key()), format!("{kind}:{}/", value.key())))
            .collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use observable::normalise;
    use proptest::prelude::*;

    fn value(kind: Kind, text: &str) -> Observable {
        normalise(kind, text).unwrap_or_else(|| panic!("{text}"))
    }

    fn matches(asked: &[Observable], named: &Observable) -> bool {
        let text = family::text(named);
        let asked = Asked::new(asked);
        let family = Family::of(named.kind());
        asked.columns().any(|(own, sought)| own == family && sought.matches(text.as_bytes()))
    }

    #[test]
    fn networks_and_suffixes() {
        let check = |asked: (Kind, &str), named: (Kind, &str), expect: bool| {
            let found = matches(&[value(asked.0, asked.1)], &value(named.0, named.1));
            assert_eq!(found, expect, "{asked:?} {named:?}");
        };
        let net = (Kind::Cidr4, "10.1.0.0/16");
        check(net, (Kind::Ipv4, "10.1.255.255"), true);
        check(net, (Kind::Ipv4, "10.2.0.0"), false);
        check(net, (Kind::Cidr4, "10.1.0.0/24"), true);
        check(net, (Kind::Cidr4, "10.1.0.0/16"), true);
        check(net, (Kind::Cidr4, "10.0.0.0/8"), false);
        check((Kind::Cidr4, "0.0.0.0/0"), (Kind::Ipv4, "255.255.255.255"), true);
        check((Kind::Ipv4, "10.1.0.1"), net, false);
        check((Kind::Cidr6, "2001:db8::/32"), (Kind::Ipv6, "2001:db8:ffff::1"), true);
        check((Kind::Cidr6, "2001:db8::/32"), (Kind::Ipv6, "2001:db9::1"), false);
        let suffix = (Kind::DomainSuffix, "bad.example");
        check(suffix, (Kind::Domain, "a.b.bad.example"), true);
        check(suffix, (Kind::Domain, "bad.example"), false);
        check(suffix, (Kind::Domain, "notbad.example"), false);
        check(suffix, (Kind::Domain, "x.bad-er.example"), false);
        check(suffix, (Kind::DomainSuffix, "bad.example"), true);
        check((Kind::Domain, "bad.example"), (Kind::Domain, "bad.example"), true);
        check((Kind::Domain, "bad.example"), (Kind::Domain, "www.bad.example"), false);
        check((Kind::Md5, &"a".repeat(32)), (Kind::Imphash, &"a".repeat(32)), false);
    }

    fn address() -> impl Strategy<Value = Observable> {
        let small = 0_u32..16;
        let four = (small.clone(), 24_u8..=32).prop_map(|(bits, length)| {
            let text = format!("{}/{length}", std::net::Ipv4Addr::from_bits(0x0a00_0000 | bits << 4 | 3));
            value(Kind::Cidr4, &text)
        });
        let wide = (0_u8..=8).prop_map(|length| value(Kind::Cidr4, &format!("10.0.0.0/{length}")));
        let six = (small, 120_u8..=128).prop_map(|(bits, length)| {
            let address = std::net::Ipv6Addr::from_bits(0x2001_0db8_u128 << 96 | u128::from(bits) << 3 | 1);
            value(Kind::Cidr6, &format!("{address}/{length}"))
        });
        prop_oneof![4 => four, 1 => wide, 4 => six]
    }

    fn name() -> impl Strategy<Value = Observable> {
        let label = prop::sample::select(vec!["a", "b", "a-b", "a_b", "0", "ab"]);
        (prop::collection::vec(label, 1..4), any::<bool>()).prop_map(|(labels, suffix)| {
            let kind = if suffix { Kind::DomainSuffix } else { Kind::Domain };
            value(kind, &format!("{}.example", labels.join(".")))
        })
    }

    proptest! {
        #[test]
        fn what_covers_matches(
            asked in prop::collection::vec(prop_oneof![address(), name()], 0..5),
            named in prop_oneof![address(), name()],
        ) {
            let covering = named.covering();
            let expect = asked.iter().any(|value| *value == named || covering.contains(value));
            prop_assert_eq!(matches(&asked, &named), expect);
        }
    }
}
