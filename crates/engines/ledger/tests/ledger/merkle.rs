//! Trees of every size up to 300 against the definition of RFC 6962, another implementation, and every mutation.

use ledger::merkle::{
    EMPTY, Frontier, HashReader, Leaves, ProofError, Tree, consistency_proof, inclusion_proof, is_subtree,
    leaf_hash, node_hash, root, subtree_consistency_proof, subtree_inclusion_proof, verify_consistency,
    verify_inclusion, verify_subtree_consistency, verify_subtree_inclusion,
};
use model::Digest;
use proptest::prelude::*;

use crate::leaves;

/// MTH of RFC 6962 §2.1, as it is written there.
fn mth(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => EMPTY,
        [leaf] => *leaf,
        many => {
            let mut k = 1;
            while k * 2 < many.len() {
                k *= 2;
            }
            node_hash(&mth(&many[..k]), &mth(&many[k..]))
        }
    }
}

/// Every node of a tree, kept.
struct Kept(Vec<Vec<Digest>>);

impl Kept {
    fn of(leaves: &[Digest]) -> Self {
        let mut levels = vec![leaves.to_vec()];
        while levels[levels.len() - 1].len() > 1 {
            let pairs = levels[levels.len() - 1].chunks_exact(2);
            let next = pairs.map(|pair| node_hash(&pair[0], &pair[1])).collect();
            levels.push(next);
        }
        Self(levels)
    }
}

impl HashReader for Kept {
    fn hash(&self, level: u8, index: u64) -> Option<Digest> {
        self.0.get(usize::from(level))?.get(usize::try_from(index).ok()?).copied()
    }
}

/// What another implementation reads.
struct Other<'a>(&'a Kept);

impl tlog_tiles::HashReader for Other<'_> {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
        let read = |index: &u64| {
            let (level, n) = tlog_tiles::split_stored_hash_index(*index);
            self.0
                .hash(level, n)
                .map(|hash| tlog_tiles::Hash(hash.0))
                .ok_or(tlog_tiles::Error::IndexesNotInTree)
        };
        indexes.iter().map(read).collect()
    }
}

fn same(ours: &[Digest], theirs: &[tlog_tiles::Hash]) -> bool {
    ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| ours.0 == theirs.0)
}

#[test]
fn hashes_are_those_of_rfc_6962() {
    // The test vectors of Certificate Transparency: no leaf, an empty leaf, and eight known ones.
    assert_eq!(root(&Leaves(&[]), 0), Ok(EMPTY));
    assert_eq!(
        leaf_hash(b"").to_string(),
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    );
    let inputs: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    let leaves: Vec<Digest> = inputs.iter().map(|input| leaf_hash(input)).collect();
    let roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    for (size, expected) in (1..).zip(roots) {
        assert_eq!(root(&Leaves(&leaves), size).unwrap().to_string(), expected, "{size}");
    }
}

#[test]
fn every_tree_up_to_300_leaves() {
    let leaves = leaves(300);
    let all = Kept::of(&leaves);
    let roots: Vec<Digest> = (0..=300).map(|size| mth(&leaves[..size])).collect();
    let mut frontier = Frontier::new();
    let mut tree = Tree::new();
    for size in 1..=300u64 {
        frontier.append(leaves[size as usize - 1]);
        tree.append(leaves[size as usize - 1]);
        let whole = roots[size as usize];
        assert_eq!((frontier.root(), tree.root(), root(&all, size)), (whole, whole, Ok(whole)), "{size}");
        assert_eq!(Frontier::of(size, &all), Ok(frontier.clone()));
        assert_eq!(root(&Leaves(&leaves), size), Ok(whole));
        assert_eq!(Frontier::from_parts(size, frontier.peaks().to_vec()), Ok(frontier.clone()));
        assert_eq!(tlog_tiles::tree_hash(size, &Other(&all)).unwrap().0, whole.0);
        let reader = tree.reader(|tile| {
            let start = tile as usize * 256;
            Some(leaves[start..leaves.len().min(size as usize).min(start + 256)].to_vec())
        });
        for index in 0..size {
            let proof = inclusion_proof(&all, size, index).unwrap();
            verify_inclusion(index, size, &leaves[index as usize], &proof, &whole).unwrap();
            if (size + index) % 7 == 0 {
                assert_eq!(inclusion_proof(&reader, size, index).as_ref(), Ok(&proof));
                assert!(same(&proof, &tlog_tiles::prove_record(size, index, &Other(&all)).unwrap()));
            }
        }
        for old in 0..=size {
            let proof = consistency_proof(&all, old, size).unwrap();
            verify_consistency(old, size, &proof, &roots[old as usize], &whole).unwrap();
            if old > 0 && (size + old) % 7 == 0 {
                assert_eq!(consistency_proof(&reader, old, size).as_ref(), Ok(&proof));
                assert!(same(&proof, &tlog_tiles::prove_tree(size, old, &Other(&all)).unwrap()));
            }
        }
    }
}

#[test]
fn every_subtree_of_every_tree_up_to_48_leaves() {
    let leaves = leaves(48);
    let all = Leaves(&leaves);
    for (start, end) in (0..48u64).flat_map(|start| (start..=48).map(move |end| (start, end))) {
        let part = mth(&leaves[start as usize..end as usize]);
        for size in end..=48 {
            let whole = mth(&leaves[..size as usize]);
            let proof = subtree_consistency_proof(&all, start, end, size);
            match proof {
                Ok(proof) => {
                    assert!(is_subtree(start, end));
                    verify_subtree_consistency(start, end, size, &proof, &part, &whole).unwrap();
                    assert!(proof.len() <= 7);
                }
                Err(error) => {
                    assert!(!is_subtree(start, end));
                    assert_eq!(error, ProofError::NotASubtree { start, end });
                }
            }
        }
        for index in (start..end).filter(|_| is_subtree(start, end)) {
            let proof = subtree_inclusion_proof(&all, start, end, index).unwrap();
            verify_subtree_inclusion(index, start, end, &leaves[index as usize], &proof, &part).unwrap();
        }
    }
}

#[test]
fn what_is_a_subtree() {
    for (start, end, expect) in [
        (0, 0, true),
        (5, 5, true),
        (0, 7, true),
        (4, 7, true),
        (4, 8, true),
        (4, 9, false),
        (2, 6, false),
        (1, 3, false),
        (3, 2, false),
        (8, 13, true),
        (0, u64::MAX, true),
        (1, u64::MAX, false),
        (1 << 63, u64::MAX, true),
    ] {
        assert_eq!(is_subtree(start, end), expect, "[{start}, {end})");
    }
}

#[test]
fn sizes_out_of_this_world_end_in_an_error() {
    let (hash, many) = (leaf_hash(b""), vec![EMPTY; 200]);
    for proof in [&[][..], &many[..1], &many[..63], &many[..64], &many[..]] {
        for size in [0, 1, 1 << 62, 1 << 63, u64::MAX - 1, u64::MAX] {
            for index in [0, 1, 1 << 62, u64::MAX - 1, u64::MAX] {
                assert!(verify_inclusion(index, size, &hash, proof, &EMPTY).is_err());
                assert!(verify_consistency(index, size, proof, &hash, &EMPTY).is_err());
                assert!(verify_subtree_consistency(index, size, u64::MAX, proof, &hash, &EMPTY).is_err());
                assert!(verify_subtree_inclusion(index, index, size, &hash, proof, &EMPTY).is_err());
            }
        }
    }
    let missing = inclusion_proof(&Leaves(&[]), u64::MAX, 5);
    assert!(matches!(missing, Err(ProofError::Missing { .. })), "{missing:?}");
    assert!(matches!(Frontier::from_parts(5, vec![]), Err(ProofError::Length { found: 0, expected: 2 })));
}

#[test]
fn a_tree_of_many_tiles_reads_like_its_leaves() {
    // Two full tiles of level 1 and then some.
    let leaves = leaves(256 * 256 + 256 * 3 + 17);
    let mut tree = Tree::new();
    leaves.iter().for_each(|leaf| tree.append(*leaf));
    let reader = tree.reader(|tile| leaves.chunks(256).nth(tile as usize).map(<[Digest]>::to_vec));
    let (size, whole) = (tree.size(), tree.root());
    assert_eq!(root(&reader, size), Ok(whole));
    for index in [0, 1, 255, 256, 65535, 65536, 65536 + 255, 65536 + 768, size - 1] {
        let proof = inclusion_proof(&reader, size, index).unwrap();
        verify_inclusion(index, size, &leaves[index as usize], &proof, &whole).unwrap();
        let old = index + 1;
        let proof = consistency_proof(&reader, old, size).unwrap();
        let old_root = Frontier::of(old, &Leaves(&leaves)).unwrap().root();
        verify_consistency(old, size, &proof, &old_root, &whole).unwrap();
    }
    // A store that has lost a tile cannot make a wrong proof, only none.
    let torn = tree
        .reader(|tile| leaves.chunks(256).nth(tile as usize).filter(|_| tile != 0).map(<[Digest]>::to_vec));
    assert!(matches!(inclusion_proof(&torn, size, 3), Err(ProofError::Missing { .. })));
}

/// One change to what a verifier is given.
#[derive(Debug, Clone)]
enum Mutation {
    Flip(prop::sample::Index, u8),
    Drop(prop::sample::Index),
    Insert(prop::sample::Index, [u8; 32]),
    Swap(prop::sample::Index),
    Size(i8),
    Index(i8),
    Leaf(u8),
    Root(u8),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let shift = || prop_oneof![-5i8..=-1, 1i8..=5];
    prop_oneof![
        (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(at, bit)| Mutation::Flip(at, bit)),
        any::<prop::sample::Index>().prop_map(Mutation::Drop),
        (any::<prop::sample::Index>(), any::<[u8; 32]>()).prop_map(|(at, hash)| Mutation::Insert(at, hash)),
        any::<prop::sample::Index>().prop_map(Mutation::Swap),
        shift().prop_map(Mutation::Size),
        shift().prop_map(Mutation::Index),
        any::<u8>().prop_map(Mutation::Leaf),
        any::<u8>().prop_map(Mutation::Root),
    ]
}

fn flip(hash: &mut Digest, bit: u8) {
    hash.0[usize::from(bit / 8)] ^= 1 << (bit % 8);
}

/// Applies a mutation; whether it changed anything.
fn mutate(
    mutation: &Mutation,
    proof: &mut Vec<Digest>,
    size: &mut u64,
    index: &mut u64,
    leaf: &mut Digest,
    root: &mut Digest,
) -> bool {
    let before = (proof.clone(), *size, *index);
    match mutation {
        Mutation::Leaf(bit) => flip(leaf, *bit),
        Mutation::Root(bit) => flip(root, *bit),
        Mutation::Size(by) => *size = size.saturating_add_signed((*by).into()),
        Mutation::Index(by) => *index = index.saturating_add_signed((*by).into()),
        Mutation::Insert(at, hash) => proof.insert(at.index(proof.len() + 1), Digest(*hash)),
        _ if proof.is_empty() => return false,
        Mutation::Flip(at, bit) => {
            let at = at.index(proof.len());
            flip(&mut proof[at], *bit);
        }
        Mutation::Drop(at) => {
            proof.remove(at.index(proof.len()));
        }
        Mutation::Swap(at) => {
            let at = at.index(proof.len());
            proof.rotate_left(at);
        }
    }
    matches!(mutation, Mutation::Leaf(_) | Mutation::Root(_)) || before != (proof.clone(), *size, *index)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn no_changed_inclusion_proof_verifies(size in 1u64..=300, index in any::<prop::sample::Index>(), change in mutation()) {
        let leaves = leaves(size);
        let mut index = index.index(size as usize) as u64;
        let mut size = size;
        let mut proof = inclusion_proof(&Leaves(&leaves), size, index).unwrap();
        let (mut leaf, mut root) = (leaves[index as usize], mth(&leaves));
        // A leaf far from the edge has the same path in trees of some other sizes: the size then is what the signed
        // checkpoint vouches for, together with the root.
        let same_path = match &change {
            Mutation::Size(by) => {
                let other = size.saturating_add_signed((*by).into());
                inclusion_shape(index, other) == inclusion_shape(index, size)
            }
            _ => false,
        };
        let changed = mutate(&change, &mut proof, &mut size, &mut index, &mut leaf, &mut root);
        let verified = verify_inclusion(index, size, &leaf, &proof, &root).is_ok();
        prop_assert_eq!(verified, !changed || same_path);
    }

    #[test]
    fn no_changed_consistency_proof_verifies(size in 2u64..=300, old in any::<prop::sample::Index>(), change in mutation()) {
        let leaves = leaves(size);
        let mut old = old.index(size as usize - 1) as u64 + 1;
        let (mut old_root, mut root) = (mth(&leaves[..old as usize]), mth(&leaves));
        let mut proof = consistency_proof(&Leaves(&leaves), old, size).unwrap();
        let (first_old, first_size, mut size) = (old, size, size);
        let changed = mutate(&change, &mut proof, &mut size, &mut old, &mut old_root, &mut root);
        let same_path = (old, size) != (first_old, first_size) && consistency_shape(old, size) == consistency_shape(first_old, first_size);
        let verified = verify_consistency(old, size, &proof, &old_root, &root).is_ok();
        prop_assert_eq!(verified, !changed || same_path);
    }
}

/// On which side the siblings are, from the root down: all that a verifier derives from place and size.
fn inclusion_shape(index: u64, size: u64) -> Option<Vec<bool>> {
    let (mut low, mut high, mut sides) = (0, size, Vec::new());
    while high - low > 1 {
        let mut half = 1;
        while half * 2 < high - low {
            half *= 2;
        }
        sides.push(index < low + half);
        if index < low + half { high = low + half } else { low += half }
    }
    (index < size).then_some(sides)
}

fn consistency_shape(old: u64, size: u64) -> Option<Vec<u8>> {
    if old == 0 || old > size {
        return None;
    }
    let (mut low, mut high, mut steps) = (0, size, Vec::new());
    while high != old {
        let mut half = 1;
        while half * 2 < high - low {
            half *= 2;
        }
        if old <= low + half {
            steps.push(0);
            high = low + half;
        } else {
            steps.push(1);
            low += half;
        }
    }
    steps.push(2 + u8::from(low > 0));
    Some(steps)
}
