//! Overlapping ranges as ranges that do not overlap.

use std::collections::BTreeMap;

/// Addresses from the first to the last, both included, blocked for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) first: u128,
    pub(super) last: u128,
    /// Seconds.
    pub(super) left: u64,
}

/// The same addresses, each blocked as long as the longest of the spans that hold it; in order, as few as possible.
pub(super) fn disjoint(spans: &[Span]) -> Vec<Span> {
    let mut edges: Vec<(u128, bool, u64)> = Vec::with_capacity(spans.len() * 2);
    for span in spans {
        edges.push((span.first, true, span.left));
        // What reaches to the last address of all never ends.
        if let Some(after) = span.last.checked_add(1) {
            edges.push((after, false, span.left));
        }
    }
    edges.sort_unstable();
    let mut open: BTreeMap<u64, usize> = BTreeMap::new();
    let mut out = Vec::new();
    let mut from = 0;
    for (at, opens, left) in edges {
        if at > from {
            emit(from, at - 1, &open, &mut out);
            from = at;
        }
        if opens {
            *open.entry(left).or_insert(0) += 1;
        } else if let Some(count) = open.get_mut(&left) {
            *count -= 1;
            if *count == 0 {
                open.remove(&left);
            }
        }
    }
    emit(from, u128::MAX, &open, &mut out);
    out
}

fn emit(first: u128, last: u128, open: &BTreeMap<u64, usize>, out: &mut Vec<Span>) {
    let Some((left, _)) = open.last_key_value() else { return };
    match out.last_mut() {
        Some(before) if before.left == *left && before.last.checked_add(1) == Some(first) => {
            before.last = last;
        }
        _ => out.push(Span { first, last, left: *left }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(spans: &[(u128, u128, u64)], expect: &[(u128, u128, u64)]) {
        let spans: Vec<Span> = spans
            .iter()
            .map(|(first, last, left)| Span { first: *first, last: *last, left: *left })
            .collect();
        let out: Vec<_> =
            disjoint(&spans).into_iter().map(|span| (span.first, span.last, span.left)).collect();
        assert_eq!(out, expect);
    }

    #[test]
    fn the_longest_wins_where_ranges_overlap() {
        check(&[], &[]);
        check(&[(5, 5, 1)], &[(5, 5, 1)]);
        check(&[(0, 9, 60), (3, 3, 600)], &[(0, 2, 60), (3, 3, 600), (4, 9, 60)]);
        check(&[(0, 9, 600), (3, 3, 60)], &[(0, 9, 600)]);
        check(&[(0, 9, 60), (0, 9, 60)], &[(0, 9, 60)]);
        check(&[(0, 4, 60), (5, 9, 60)], &[(0, 9, 60)]);
        check(&[(0, 4, 60), (5, 9, 61)], &[(0, 4, 60), (5, 9, 61)]);
        check(&[(0, 15, 1), (4, 7, 2), (4, 5, 3)], &[(0, 3, 1), (4, 5, 3), (6, 7, 2), (8, 15, 1)]);
    }

    #[test]
    fn the_last_address_of_all_has_no_successor() {
        check(&[(0, u128::MAX, 1)], &[(0, u128::MAX, 1)]);
        check(
            &[(0, u128::MAX, 1), (u128::MAX, u128::MAX, 2)],
            &[(0, u128::MAX - 1, 1), (u128::MAX, u128::MAX, 2)],
        );
    }

    proptest::proptest! {
        #[test]
        fn every_address_keeps_its_longest_block(
            networks in proptest::collection::vec((0u128..64, 0u32..7, 1u64..5), 0..20)
        ) {
            let spans: Vec<Span> = networks
                .into_iter()
                .map(|(address, length, left)| {
                    let host = (1 << length) - 1;
                    Span { first: address & !host, last: address | host, left }
                })
                .collect();
            let out = disjoint(&spans);
            for pair in out.windows(2) {
                assert!(pair[0].last < pair[1].first);
            }
            for address in 0..130 {
                let longest = |spans: &[Span]| {
                    let holding = spans.iter().filter(|span| (span.first..=span.last).contains(&address));
                    holding.map(|span| span.left).max()
                };
                assert_eq!(longest(&spans), longest(&out), "{address}");
            }
        }
    }
}
