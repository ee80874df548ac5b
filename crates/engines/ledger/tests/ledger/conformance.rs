//! The published vectors of transparency-dev/merkle: most must be rejected.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use json::{Limits, Tape, Value};
use ledger::merkle::{
    leaf_hash, verify_consistency, verify_inclusion, verify_subtree_consistency, verify_subtree_inclusion,
};
use model::Digest;

/// A hash that enters a computation: anything but 32 bytes is refused before verification, by its type.
fn hash(text: &str) -> Option<Digest> {
    STANDARD.decode(text).unwrap().try_into().ok().map(Digest)
}

/// A root is only compared. Some vectors use short texts for roots, and some of these must be accepted; a stand-in of
/// the right length keeps equal ones equal and others different.
fn root(text: &str) -> Digest {
    hash(text).unwrap_or_else(|| leaf_hash(text.as_bytes()))
}

fn accepted(folder: &str, vector: Value<'_>) -> bool {
    let text = |name: &str| vector.get(name).unwrap().as_str().unwrap().into_owned();
    let number = |name: &str| vector.get(name).unwrap().raw().parse::<u64>().unwrap();
    let proof = vector.get("proof").unwrap();
    let proof: Option<Vec<Digest>> = proof.items().map(|item| hash(&item.as_str().unwrap())).collect();
    let Some(proof) = proof else { return false };
    let leaf = || hash(&text("leafHash"));
    let result = match folder {
        "inclusion" => leaf().map(|leaf| {
            verify_inclusion(number("leafIdx"), number("treeSize"), &leaf, &proof, &root(&text("root")))
        }),
        "subtreeinclusion" => leaf().map(|leaf| {
            let (start, end) = (number("start"), number("end"));
            verify_subtree_inclusion(number("leafIdx"), start, end, &leaf, &proof, &root(&text("root")))
        }),
        "consistency" => {
            let (old, new) = (root(&text("root1")), root(&text("root2")));
            Some(verify_consistency(number("size1"), number("size2"), &proof, &old, &new))
        }
        _ => {
            let (part, whole) = (root(&text("root1")), root(&text("root2")));
            let (start, end) = (number("start"), number("end"));
            Some(verify_subtree_consistency(start, end, number("size"), &proof, &part, &whole))
        }
    };
    result.is_some_and(|result| result.is_ok())
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the vectors are files")]
fn merkle_vectors() {
    let (mut good, mut bad, mut wrong) = (0, 0, Vec::new());
    for folder in ["inclusion", "consistency", "subtreeinclusion", "subtreeconsistency"] {
        for path in testkit::corpus(&format!("conformance/merkle/{folder}"), "json") {
            let text = std::fs::read(&path).unwrap();
            let mut tape = Tape::new();
            let vector = tape.parse(&text, &Limits::OBJECT).unwrap();
            let want = !vector.get("wantErr").unwrap().as_bool().unwrap();
            if want {
                good += 1
            } else {
                bad += 1
            }
            if accepted(folder, vector) != want {
                wrong.push(path);
            }
        }
    }
    println!("merkle vectors: {good} to accept, {bad} to reject, {} wrong", wrong.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
    // Without the shared data the corpus said so aloud; with it, none may be overlooked.
    assert!(good + bad == 0 || (good, bad) == (23, 241), "{good} and {bad}");
}
