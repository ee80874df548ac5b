//! The ledger against the texts and vectors of the standards, and against a log, a witness and a node that lie.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first thing that is not as it should be"
)]

extern crate shieldwall_ledger as ledger;

mod conformance;
mod entries;
mod merkle;
mod notes;
mod policy;
mod proofs;
mod report;
mod tampering;
mod tiles;
mod total;
mod witness;

use ledger::checkpoint::{Checkpoint, SignedCheckpoint};
use ledger::merkle::{Leaves, leaf_hash, root};
use ledger::note::{LedgerKeys, NoteKey, NoteSigner, Role, origin};
use model::{Digest, PartyId, Timestamp};

/// A different leaf hash for every number.
fn leaves(n: u64) -> Vec<Digest> {
    (0..n).map(|at| leaf_hash(&at.to_be_bytes())).collect()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn party(n: u8) -> PartyId {
    PartyId(Digest([n; 32]))
}

fn log_of(n: u8) -> NoteSigner {
    LedgerKeys::from_seed(party(n), &[n; 32]).unwrap().log
}

fn witness_of(n: u8) -> NoteSigner {
    LedgerKeys::from_seed(party(n), &[n; 32]).unwrap().witness
}

/// The checkpoint of party `n` over its leaves, signed by its log.
fn signed(n: u8, leaves: &[Digest]) -> SignedCheckpoint {
    let size = leaves.len() as u64;
    let root = root(&Leaves(leaves), size).unwrap();
    let checkpoint = Checkpoint { origin: origin(party(n)), size, root, extensions: Vec::new() };
    checkpoint.sign(&log_of(n)).unwrap()
}

/// With cosignatures by these witnesses.
fn cosigned(checkpoint: &SignedCheckpoint, witnesses: &[u8], now: Timestamp) -> SignedCheckpoint {
    witnesses.iter().fold(checkpoint.clone(), |checkpoint, n| {
        let witness = witness_of(*n);
        let lines = checkpoint.cosign(&witness, now);
        checkpoint.with_lines(&lines, &[witness.public().clone()]).unwrap()
    })
}

fn key(signer: &NoteSigner) -> NoteKey {
    signer.public().clone()
}

fn signer(name: &str, role: Role, seed: u8) -> NoteSigner {
    NoteSigner::new(name, role, &[seed; 32]).unwrap()
}
