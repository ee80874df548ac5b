//! C2SP tlog-proof: the form of the specification, and what an offline verifier refuses.

use ledger::checkpoint::CheckpointError;
use ledger::merkle::{Leaves, ProofError, inclusion_proof};
use ledger::policy::Policy;
use ledger::proof::{Proof, TlogProofError};
use model::Digest;

use crate::notes::PUBLIC;
use crate::{at, cosigned, key, leaves, log_of, signed, witness_of};

fn proof(index: u64, leaves: &[Digest], witnesses: &[u8]) -> Proof {
    let hashes = inclusion_proof(&Leaves(leaves), leaves.len() as u64, index).unwrap();
    let checkpoint = cosigned(&signed(1, leaves), witnesses, at("2026-01-01T00:00:00Z"));
    Proof { extra: None, index, hashes, checkpoint }
}

fn policy(threshold: usize) -> Policy {
    Policy::threshold(threshold, &[2, 3, 4].map(|n| key(&witness_of(n)))).unwrap()
}

#[test]
fn a_proof_file_is_verified_offline() {
    let leaves = leaves(100);
    for index in [0, 1, 50, 99] {
        let mut made = proof(index, &leaves, &[2, 4]);
        made.extra = (index % 2 == 0).then(|| b"{\"opening\":1}".to_vec());
        let text = made.to_text();
        let read = Proof::parse(&text).unwrap();
        assert_eq!((read.to_text(), &read), (text, &made));
        let found = read.verify(&leaves[index as usize], &[key(&log_of(1))], &policy(2)).unwrap();
        assert_eq!(found.cosignatures.len(), 2);
    }
    let alone = proof(0, &leaves[..1], &[2, 3]);
    assert!(alone.to_text().contains("\nindex 0\n\nshieldwall/ledger/"));
    Proof::parse(&alone.to_text()).unwrap().verify(&leaves[0], &[key(&log_of(1))], &policy(2)).unwrap();
}

#[test]
fn what_an_offline_verifier_refuses() {
    let leaves = leaves(100);
    let (good, log) = (proof(41, &leaves, &[2, 3]), [key(&log_of(1))]);
    let verify = |proof: &Proof, leaf: u64, threshold| {
        proof.verify(&leaves[leaf as usize], &log, &policy(threshold)).unwrap_err()
    };
    assert_eq!(verify(&good, 42, 2), TlogProofError::Inclusion(ProofError::Mismatch));
    assert!(matches!(verify(&good, 41, 3), TlogProofError::NoQuorum(_)));
    let mut moved = good.clone();
    moved.index = 40;
    assert_eq!(verify(&moved, 41, 2), TlogProofError::Inclusion(ProofError::Mismatch));
    moved.index = 100;
    assert!(matches!(verify(&moved, 41, 2), TlogProofError::Inclusion(ProofError::NotInside { .. })));
    let mut short = good.clone();
    short.hashes.pop();
    assert!(matches!(verify(&short, 41, 2), TlogProofError::Inclusion(ProofError::Length { .. })));
    // Another log, signed and witnessed as it should be.
    assert!(matches!(
        good.verify(&leaves[41], &[key(&log_of(2))], &policy(2)),
        Err(TlogProofError::Checkpoint(CheckpointError::Unsigned(_)))
    ));
    // A policy that names logs takes no others.
    let named = |n| Policy::parse(&format!("log {}\nquorum none\n", key(&log_of(n)))).unwrap();
    good.verify(&leaves[41], &log, &named(1)).unwrap();
    assert!(good.verify(&leaves[41], &log, &named(2)).is_err());
    // A bad cosignature spoils the note even where the quorum would hold without it.
    let note = good.checkpoint.note();
    let at = note.rfind('=').map_or(note.len() - 3, |_| note.len() - 8);
    let mut bytes = note.to_owned().into_bytes();
    bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
    let spoiled = Proof {
        checkpoint: ledger::checkpoint::SignedCheckpoint::parse(std::str::from_utf8(&bytes).unwrap())
            .unwrap(),
        ..good
    };
    assert!(matches!(verify(&spoiled, 41, 1), TlogProofError::Checkpoint(CheckpointError::BadSignature(_))));
}

#[test]
fn the_form_of_the_specification() {
    let hashes =
        "gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=\nB95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=\n";
    let text =
        format!("c2sp.org/tlog-proof@v1\nextra YWdlLXYxLjIuMS1kYXJ3aW4=\nindex 73894\n{hashes}\n{PUBLIC}");
    let read = Proof::parse(&text).unwrap();
    assert_eq!(
        (read.index, read.hashes.len(), read.extra.as_deref()),
        (73_894, 2, Some(&b"age-v1.2.1-darwin"[..]))
    );
    assert_eq!(read.to_text(), text);
    for (from, to) in [
        ("c2sp.org/tlog-proof@v1", "c2sp.org/tlog-proof@v2"),
        ("c2sp.org/tlog-proof@v1\n", ""),
        ("extra YW", "extra *YW"),
        ("extra ", "extra"),
        ("extra ", "Extra "),
        ("index 73894\n", ""),
        ("index 73894", "index 073894"),
        ("index 73894", "index -1"),
        ("index 73894", "index x"),
        ("gSKy", "gSK"),
        ("index 73894\n", "index 73894\nextra YQ==\n"),
    ] {
        assert!(
            matches!(Proof::parse(&text.replace(from, to)), Err(TlogProofError::Malformed(_))),
            "{from} → {to}"
        );
    }
    for broken in [text.replace("\n\narche", "\narche"), text.replace("1432088532", "x"), String::new()] {
        assert!(Proof::parse(&broken).is_err());
    }
    assert!(Proof::parse(&text.replace(hashes, &hashes.repeat(33))).is_err());
    assert!(Proof::parse(&text.replace(hashes, &hashes.repeat(100_000))).is_err());
}
