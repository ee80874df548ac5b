//! Signed runs, and proofs of single entries.

use exchange::merkle::{Tree, climb};
use exchange::*;
use model::Digest;
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use crate::support::*;

/// The tree as RFC 6962 §2.1 defines it, word for word, with our leaves.
fn naive(domain: &str, items: &[Digest]) -> Digest {
    let hash = |parts: &[&[u8]]| {
        let mut hash = Sha256::new();
        parts.iter().for_each(|part| hash.update(part));
        Digest(hash.finalize().into())
    };
    match items {
        [] => hash(&[]),
        [item] => hash(&[&[0], domain.as_bytes(), &[0], &item.0]),
        _ => {
            let mut half = 1;
            while half * 2 < items.len() {
                half *= 2;
            }
            let (left, right) = items.split_at(half);
            hash(&[&[1], &naive(domain, left).0, &naive(domain, right).0])
        }
    }
}

fn items(count: usize) -> Vec<Digest> {
    (0..count).map(|n| Digest(Sha256::digest(n.to_be_bytes()).into())).collect()
}

#[test]
fn trees_have_the_shape_of_rfc_6962() {
    for count in 0..130 {
        let items = items(count);
        let tree = Tree::new("d", items.iter().copied());
        assert_eq!(tree.root(), naive("d", &items), "{count}");
        for (index, item) in items.iter().enumerate() {
            let path = tree.path(index).unwrap();
            assert_eq!(
                climb("d", item, index as u64, count as u64, &path),
                Some(tree.root()),
                "{index} of {count}"
            );
        }
        assert_eq!(tree.path(count), None);
    }
}

proptest! {
    #[test]
    fn a_path_proves_one_leaf_at_one_place_in_one_tree(
        count in 1_usize..300,
        index in any::<prop::sample::Index>(),
        other in any::<prop::sample::Index>(),
        change in 0..6,
        byte in 1..=255_u8,
    ) {
        let items = items(count);
        let tree = Tree::new("d", items.iter().copied());
        let (index, other) = (index.index(count), other.index(count));
        let mut path = tree.path(index).unwrap();
        let mut item = items[index];
        let mut place = index as u64;
        let mut size = count as u64;
        let mut domain = "d";
        match change {
            0 => item.0[other % 32] ^= byte,
            1 => { prop_assume!(other != index); place = other as u64 }
            2 => { prop_assume!(!path.is_empty()); let at = other % path.len(); path[at].0[0] ^= byte }
            3 => path.push(items[other]),
            4 => domain = "e",
            _ => { prop_assume!(!path.is_empty()); path.pop(); }
        }
        if change == 3 { size += 1 }
        prop_assert_ne!(climb(domain, &item, place, size, &path), Some(tree.root()));
    }

    #[test]
    fn climbing_is_total(
        index in any::<u64>(),
        count in any::<u64>(),
        path in prop::collection::vec(any::<[u8; 32]>().prop_map(Digest), 0..80),
    ) {
        let climbed = climb("d", &Digest::ZERO, index, count, &path);
        prop_assert!(climbed.is_none() || (index < count && path.len() <= 32));
    }
}

#[test]
fn a_node_is_no_leaf() {
    let items = items(4);
    let tree = Tree::new("d", items.iter().copied());
    let inner = naive("d", &items[..2]);
    let sibling = naive("d", &items[2..]);
    assert_ne!(climb("d", &inner, 0, 2, &[sibling]), Some(tree.root()));
}

#[test]
fn a_single_envelope_is_proved_by_its_path() {
    let drafts: Vec<Draft> = (1..=200).map(put).collect();
    let entries = entries(STREAM, &Position::start(1), &drafts);
    let segment = seal(&entries, None, at(0), key(ALICE, 0)).unwrap();
    let hashes: Vec<Digest> = entries.iter().map(|entry| entry.hash).collect();
    assert_eq!(segment.verify(&Ring, at(0)), Ok(Standing::Current));
    for (index, hash) in hashes.iter().enumerate() {
        let path = segment.prove(&hashes, index).unwrap();
        assert!(path.len() <= 8);
        assert!(segment.verify_path(hash, index, &path));
        assert!(!segment.verify_path(hash, index ^ 1, &path));
    }
    assert_eq!(segment.prove(&hashes, 200), None);
    assert_eq!(segment.prove(&hashes[1..], 0), None, "other envelopes are not proved");
}

#[test]
fn a_signature_covers_every_member() {
    let drafts = [put(1), put(2)];
    let whole = entries(STREAM, &Position::start(1), &drafts);
    let segment = seal(&whole, None, at(0), key(ALICE, 0)).unwrap();
    let changed: [(&str, Change<Segment>); 10] = [
        ("from", |s| s.stream.from = CAROL),
        ("to", |s| s.stream.to = CAROL),
        ("agreement", |s| s.stream.agreement = model::AgreementId(digest(9))),
        ("epoch", |s| s.stream.epoch = 2),
        ("first", |s| s.first = 2),
        ("count", |s| s.count = 1),
        ("root", |s| s.root = digest(9)),
        ("head", |s| s.head = digest(9)),
        ("previous", |s| s.previous = digest(9)),
        ("at", |s| s.at = at(9)),
    ];
    for (name, change) in changed {
        let mut other = segment.clone();
        change(&mut other);
        assert!(other.verify(&Ring, at(0)).is_err(), "{name}");
    }
    let mut other = segment.clone();
    other.follows = Some(Follows { epoch: 0, seq: 0, head: Digest::ZERO });
    assert!(other.verify(&Ring, at(0)).is_err());
}

#[test]
fn what_is_signed_in_another_context_is_no_segment() {
    let drafts = [put(1)];
    let whole = entries(STREAM, &Position::start(1), &drafts);
    let mut segment = seal(&whole, None, at(0), key(ALICE, 0)).unwrap();
    segment.signature = key(ALICE, 0).sign(keys::context::ACK, segment.body().as_bytes());
    assert!(matches!(segment.verify(&Ring, at(0)), Err(BadSigner::Bad { .. })));
}

#[test]
fn only_chains_are_sealed() {
    let drafts: Vec<Draft> = (0..10).map(put).collect();
    let whole = entries(STREAM, &Position::start(1), &drafts);
    let follows = Some(Follows { epoch: 1, seq: 4, head: digest(4) });
    let many: Vec<Draft> = (0..=u8::MAX).chain([1]).map(put).collect();
    let many = entries(STREAM, &Position::start(1), &many);
    let next = entries(STREAM.at_epoch(2), &Position::start(2), &drafts);
    let own = Some(Follows { epoch: 2, seq: 4, head: digest(4) });
    let mut gap = whole.clone();
    gap.remove(4);
    let mut swapped = whole.clone();
    swapped.swap(3, 4);
    let cases: [(&str, &[Entry], Option<Follows>, bool); 9] = [
        ("a chain", &whole, None, true),
        ("none", &[], None, false),
        ("too many", &many, None, false),
        ("a gap", &gap, None, false),
        ("out of order", &swapped, None, false),
        ("the first epoch follows nothing", &whole, follows, false),
        ("another epoch follows something", &next, None, false),
        ("another epoch", &next, follows, true),
        ("an epoch does not follow itself", &next, own, false),
    ];
    for (name, entries, follows, expect) in cases {
        assert_eq!(seal(entries, follows, at(0), &Unsigned).is_ok(), expect, "{name}");
    }
}

#[test]
fn appending_refuses_what_does_not_fit() {
    let item = |label| Item {
        kind: Kind::Put,
        subject: digest(1),
        payload: "{}",
        salt: [0; 32],
        label,
        obligations: "{}",
        terms: TERMS,
        membership: 0,
        decision: model::DecisionId(1),
    };
    let start = Position::start(1);
    assert!(append(STREAM, &start, &[], at(0)).unwrap().is_empty());
    assert!(append(STREAM, &Position::start(2), &[item("x")], at(0)).is_err(), "another epoch");
    assert!(append(STREAM.at_epoch(0), &Position::default(), &[item("x")], at(0)).is_err(), "no epoch");
    let long = "x".repeat(5000);
    assert!(append(STREAM, &start, &[item(&long)], at(0)).is_err());
    let end = Position { seq: MAX_NUMBER, ..start };
    assert!(append(STREAM, &end, &[item("x")], at(0)).is_err());
    let negative = Item { decision: model::DecisionId(-1), ..item("x") };
    assert!(append(STREAM, &start, &[negative], at(0)).is_err());
}

#[test]
fn runs_are_cut_by_count_and_by_content() {
    for (lengths, bytes, expect) in [
        (vec![], 10, 0),
        (vec![5, 5, 5], 10, 2),
        (vec![50, 5], 10, 1),
        (vec![10, 1], 10, 1),
        (vec![0; 1000], 10, 256),
        (vec![usize::MAX, 1], 10, 1),
    ] {
        assert_eq!(cut(lengths.iter().copied(), bytes), expect, "{lengths:?}");
    }
}

#[test]
fn a_segment_reads_back_and_nothing_else_does() {
    let drafts = [put(1)];
    let segment = seal(&entries(STREAM, &Position::start(1), &drafts), None, at(0), key(ALICE, 0)).unwrap();
    let text = segment.to_text();
    assert_eq!(Segment::parse(&text).unwrap(), segment);
    for (from, to, expect) in [
        (r#""count":1"#, r#""count":0"#, "count"),
        (r#""count":1"#, r#""count":257"#, "count"),
        (r#""count":1"#, r#""count":1000000"#, "count"),
        (r#""first":1"#, r#""first":0"#, "counted from 1"),
        (r#""first":1"#, r#""first":2"#, "`previous` is zero"),
        (r#""epoch":1"#, r#""epoch":2"#, "`follows`"),
        (r#""type":"segment""#, r#""type":"ack""#, "canonical form"),
        (r#""v":1"#, r#""extra":1,"v":1"#, ""),
        (r#"{"by""#, r#"{ "by""#, ""),
    ] {
        assert!(text.contains(from), "{from}");
        let problem = Segment::parse(&text.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(problem.contains(expect), "{to}: {problem}");
    }
}
