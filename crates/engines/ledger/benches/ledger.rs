//! What the ledger costs: appending, proving at a million leaves, witnessing, reporting.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a bench stops at the first thing that is not as it should be"
)]

use std::sync::LazyLock;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use keys::{SecretKey, Signed, context};
use model::{AgreementId, Digest, Label, PartyId, Timestamp, Tlp};
use shieldwall_ledger::checkpoint::{Checkpoint, SignedCheckpoint};
use shieldwall_ledger::entry::{Entry, Figures, Flow, Opening, Personal};
use shieldwall_ledger::merkle::{
    Frontier, HashReader, Tree, consistency_proof, inclusion_proof, leaf_hash, verify_consistency,
    verify_inclusion,
};
use shieldwall_ledger::note::{LedgerKeys, origin};
use shieldwall_ledger::policy::Policy;
use shieldwall_ledger::report::{Evidence, Input, Leaf, Period, Report, Signers, Trusted, build, verify};
use shieldwall_ledger::witness::{AddCheckpoint, add_checkpoint};

const MILLION: u64 = 1_000_000;
const PARTY: PartyId = PartyId(Digest([1; 32]));

fn main() {
    divan::main();
}

/// A million leaf hashes and the tree above them.
static LEAVES: LazyLock<Vec<Digest>> =
    LazyLock::new(|| (0..MILLION).map(|n| leaf_hash(&n.to_be_bytes())).collect());
static TREE: LazyLock<Tree> = LazyLock::new(|| {
    let mut tree = Tree::new();
    LEAVES.iter().for_each(|leaf| tree.append(*leaf));
    tree
});

/// Reads as a store does: a tile of leaf hashes is copied where it is needed.
fn reader() -> impl HashReader {
    TREE.reader(|tile| {
        let start = usize::try_from(tile).ok()? * 256;
        LEAVES.get(start..(start + 256).min(LEAVES.len())).map(<[Digest]>::to_vec)
    })
}

fn spread(n: &mut u64) -> u64 {
    *n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*n >> 33) % MILLION
}

fn entry(n: u64) -> Entry {
    let flow = Flow {
        peer: "p-0123456789abcdef".parse().unwrap(),
        agreement: AgreementId(Digest([0xa1; 32])),
        category: "malware".parse().unwrap(),
        label: Label::Tlp(Tlp::Amber),
    };
    let figures = Figures::Disclosure { flow, personal: Personal::default() };
    let at = Timestamp::EPOCH.plus_micros(i64::try_from(n).unwrap() * 1_000);
    Entry::new(
        at,
        figures,
        "{\"clause\":\"c-1\",\"object\":\"indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f\"}",
    )
    .unwrap()
}

fn opening(n: u64) -> Opening {
    let mut salt = [7; 32];
    salt.iter_mut().zip(n.to_be_bytes()).for_each(|(slot, byte)| *slot = byte);
    entry(n).salted(salt)
}

#[divan::bench(sample_count = 20)]
fn append_to_a_frontier(bencher: Bencher<'_, '_>) {
    let leaves = &LEAVES[..100_000];
    bencher.counter(ItemsCount::new(leaves.len())).bench(|| {
        let mut frontier = Frontier::new();
        leaves.iter().for_each(|leaf| frontier.append(*leaf));
        frontier.root()
    });
}

#[divan::bench(sample_count = 20)]
fn append_to_a_tree(bencher: Bencher<'_, '_>) {
    let leaves = &LEAVES[..100_000];
    bencher.counter(ItemsCount::new(leaves.len())).bench(|| {
        let mut tree = Tree::new();
        leaves.iter().for_each(|leaf| tree.append(*leaf));
        tree.root()
    });
}

/// An entry made, committed to, written as an opening and appended.
#[divan::bench(sample_count = 20)]
fn commit_and_append(bencher: Bencher<'_, '_>) {
    bencher.counter(ItemsCount::new(10_000u64)).bench(|| {
        let mut tree = Tree::new();
        for n in 0..10_000 {
            let opening = opening(n);
            black_box(opening.to_text());
            tree.append(opening.leaf_hash());
        }
        tree.root()
    });
}

#[divan::bench]
fn inclusion_proof_at_a_million(bencher: Bencher<'_, '_>) {
    let mut n = 1;
    LazyLock::force(&TREE);
    bencher.bench_local(|| inclusion_proof(&reader(), MILLION, spread(&mut n)).unwrap());
}

#[divan::bench]
fn consistency_proof_at_a_million(bencher: Bencher<'_, '_>) {
    let mut n = 1;
    LazyLock::force(&TREE);
    bencher.bench_local(|| consistency_proof(&reader(), spread(&mut n), MILLION).unwrap());
}

#[divan::bench]
fn verify_inclusion_at_a_million(bencher: Bencher<'_, '_>) {
    let (proof, root) = (inclusion_proof(&reader(), MILLION, 123_456).unwrap(), TREE.root());
    let leaf = LEAVES[123_456];
    bencher.bench(|| verify_inclusion(123_456, MILLION, &leaf, black_box(&proof), &root).unwrap());
}

#[divan::bench]
fn verify_consistency_at_a_million(bencher: Bencher<'_, '_>) {
    let (proof, root) = (consistency_proof(&reader(), 123_456, MILLION).unwrap(), TREE.root());
    let old = Frontier::of(123_456, &reader()).unwrap().root();
    bencher.bench(|| verify_consistency(123_456, MILLION, black_box(&proof), &old, &root).unwrap());
}

fn checkpoint(size: u64, root: Digest) -> SignedCheckpoint {
    let checkpoint = Checkpoint { origin: origin(PARTY), size, root, extensions: Vec::new() };
    checkpoint.sign(&LedgerKeys::from_seed(PARTY, &[1; 32]).unwrap().log).unwrap()
}

/// A witness reads a request, verifies signature and consistency, and cosigns.
#[divan::bench]
fn witness_a_checkpoint(bencher: Bencher<'_, '_>) {
    let old = Frontier::of(900_000, &reader()).unwrap();
    let seen = checkpoint(900_000, old.root());
    let proof = consistency_proof(&reader(), 900_000, MILLION).unwrap();
    let body = AddCheckpoint { old: 900_000, proof, checkpoint: checkpoint(MILLION, TREE.root()) }.to_text();
    let log = [LedgerKeys::from_seed(PARTY, &[1; 32]).unwrap().log.public().clone()];
    let witness = LedgerKeys::from_seed(PartyId(Digest([2; 32])), &[2; 32]).unwrap().witness;
    bencher.bench(|| {
        let request = AddCheckpoint::parse(black_box(&body)).unwrap();
        add_checkpoint(&request, &log, Some(&seen), &witness, Timestamp::EPOCH).answer.unwrap()
    });
}

/// The leaves of a period and what signs it.
struct Ledger {
    openings: Vec<Opening>,
    tree: Tree,
    hashes: Vec<Digest>,
    to: SignedCheckpoint,
}

impl Ledger {
    fn of(size: u64) -> Self {
        let openings: Vec<Opening> = (0..size).map(opening).collect();
        let hashes: Vec<Digest> = openings.iter().map(Opening::leaf_hash).collect();
        let mut tree = Tree::new();
        hashes.iter().for_each(|hash| tree.append(*hash));
        let to = checkpoint(size, tree.root());
        Self { openings, tree, hashes, to }
    }

    fn report(&self) -> Report {
        let log = LedgerKeys::from_seed(PARTY, &[1; 32]).unwrap().log.public().clone();
        let end = Timestamp::EPOCH.plus_micros(1 << 40);
        let period = Period { from: Timestamp::EPOCH, until: end };
        let input = Input {
            party: PARTY,
            log: &log,
            period,
            made: end,
            from: None,
            between: &[],
            to: &self.to,
            previous: None,
            overseers: &[],
        };
        let mut leaves = (0..).zip(&self.openings).zip(&self.hashes).map(|((index, opening), hash)| Leaf {
            index,
            hash: *hash,
            evidence: Evidence::Shown(opening.shown()),
        });
        let reader = self.tree.reader(|_| None);
        build(&input, &mut leaves, &reader).unwrap()
    }
}

#[divan::bench(args = [10_000, 100_000], sample_count = 5)]
fn build_a_report(bencher: Bencher<'_, '_>, size: u64) {
    let ledger = Ledger::of(size);
    bencher.counter(ItemsCount::new(size)).bench(|| ledger.report());
}

#[divan::bench(args = [10_000, 100_000], sample_count = 5)]
fn verify_a_report(bencher: Bencher<'_, '_>, size: u64) {
    let report = Ledger::of(size).report();
    let key = SecretKey::from_seed([1; 64]);
    let file = report.file(&Signed::sign(&report.body, context::REPORT, &[&key]).unwrap());
    println!("{size} leaves: {} bytes", file.len());
    let (keys, policy) = ([key.public().clone()], Policy::parse("quorum none\n").unwrap());
    let trusted = Trusted { party: PARTY, signers: Signers::Keys(&keys), policy: &policy, seen: &[] };
    bencher.counter(ItemsCount::new(size)).bench(|| {
        let verdict = verify(black_box(file.as_bytes()), &trusted, None).unwrap();
        assert!(verdict.holds());
        verdict
    });
}
