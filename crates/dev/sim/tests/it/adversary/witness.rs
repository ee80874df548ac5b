//! Ledgers that went back, show two faces or are somebody else's.

use ledger::checkpoint::{Checkpoint, SignedCheckpoint};
use ledger::note::{LedgerKeys, origin};
use ledger::witness::AddCheckpoint;
use model::Digest;
use ports::peer::Topic;
use shieldwall_sim::{Member, forge};

use super::scene::Scene;
use super::{Case, Expect, Outcome, case, check};

/// What the target has seen of the liar's ledger.
fn seen(scene: &Scene) -> (u64, Digest) {
    let checkpoints = scene.target.core.checkpoints().unwrap();
    let (size, note) = &checkpoints[&origin(scene.liar.party)];
    (*size, SignedCheckpoint::parse(note).unwrap().checkpoint().root)
}

fn ask(scene: &Scene, body: &str) -> Outcome {
    scene.as_liar(Topic::Witness, body.as_bytes())
}

fn offer(scene: &Scene, old: u64, size: u64, root: Digest) -> Outcome {
    ask(scene, &forge::add_checkpoint(&scene.liar, old, size, root).map_err(|problem| problem.0).unwrap())
}

/// A checkpoint of one party's ledger, signed by another.
fn signed_by(of: &Member, by: &Member, size: u64) -> String {
    let secrets = by.secrets().map_err(|problem| problem.0).unwrap();
    // Its own key under the other's name.
    let keys = LedgerKeys::from_seed(of.party, &secrets.ledger).unwrap();
    let checkpoint =
        Checkpoint { origin: origin(of.party), size, root: Digest([4; 32]), extensions: Vec::new() };
    AddCheckpoint { old: 0, proof: Vec::new(), checkpoint: checkpoint.sign(&keys.log).unwrap() }.to_text()
}

const CASES: &[Case] = &[
    case("a ledger that went back", |s| offer(s, 0, 1, Digest([8; 32])), Expect::Invalid("checkpoint")),
    case(
        "a ledger that went back, and knows what was seen",
        |s| offer(s, seen(s).0, seen(s).0 - 1, Digest([8; 32])),
        Expect::Invalid(""),
    ),
    case(
        "a second face of the same size",
        |s| offer(s, seen(s).0, seen(s).0, Digest([8; 32])),
        Expect::Invalid("checkpoint"),
    ),
    case(
        "a second face of the same size, as if nothing had been seen",
        |s| offer(s, 0, seen(s).0, Digest([8; 32])),
        Expect::Invalid("checkpoint"),
    ),
    case(
        "a larger ledger without proof",
        |s| offer(s, seen(s).0, seen(s).0 + 5, Digest([8; 32])),
        Expect::Invalid("proof"),
    ),
    case(
        "a ledger of all the leaves there can be",
        |s| offer(s, seen(s).0, u64::MAX, Digest([8; 32])),
        Expect::Invalid(""),
    ),
    case(
        "an old size above the new one",
        |s| offer(s, u64::MAX, seen(s).0 + 1, Digest([8; 32])),
        Expect::Invalid(""),
    ),
    case(
        "the ally's ledger, signed by the liar",
        |s| ask(s, &signed_by(&s.ally, &s.liar, 3)),
        Expect::Invalid("not a log"),
    ),
    case(
        "the target's own ledger, signed by the liar",
        |s| ask(s, &signed_by(&s.target, &s.liar, 3)),
        Expect::Invalid("not a log"),
    ),
    case(
        "the liar's ledger, signed by the ally",
        |s| ask(s, &signed_by(&s.liar, &s.ally, 3)),
        Expect::Invalid(""),
    ),
    case(
        "the ally's own request, by the liar",
        |s| {
            let body = s.heard(0, 1, Topic::Witness)[0].to_vec();
            s.as_liar(Topic::Witness, &body)
        },
        Expect::Invalid("not a log"),
    ),
    case(
        "a root changed after it was signed",
        |s| {
            let (size, _) = seen(s);
            let text = forge::add_checkpoint(&s.liar, size, size + 1, Digest([8; 32]))
                .map_err(|problem| problem.0)
                .unwrap();
            let mut lines: Vec<&str> = text.split('\n').collect();
            let other = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
            let at = lines.iter().position(|line| line.len() == other.len()).unwrap();
            lines[at] = other;
            ask(s, &lines.join("\n"))
        },
        Expect::Invalid(""),
    ),
    case(
        "no signature",
        |s| {
            ask(
                s,
                &format!(
                    "old 0\n\n{}\n3\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
                    origin(s.liar.party)
                ),
            )
        },
        Expect::Invalid(""),
    ),
    case("no request", |s| ask(s, "old"), Expect::Invalid("empty line")),
    case("bytes that are no text", |s| s.as_liar(Topic::Witness, &[0xff, 0xfe]), Expect::Invalid("not text")),
    case(
        "an old size in Arabic digits",
        |s| {
            let (size, _) = seen(s);
            let text = forge::add_checkpoint(&s.liar, 0, size + 1, Digest([8; 32]))
                .map_err(|problem| problem.0)
                .unwrap();
            ask(s, &text.replacen("old 0", "old \u{660}", 1))
        },
        Expect::Invalid(""),
    ),
    case(
        "a proof of a thousand hashes",
        |s| {
            let (size, _) = seen(s);
            let text = forge::add_checkpoint(&s.liar, size, size + 1, Digest([8; 32]))
                .map_err(|problem| problem.0)
                .unwrap();
            let hashes = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n".repeat(1_000);
            ask(s, &text.replacen("\n\n", &format!("\n{hashes}\n"), 1))
        },
        Expect::Invalid("63"),
    ),
    case(
        "a note of a megabyte",
        |s| {
            let text =
                forge::add_checkpoint(&s.liar, 0, 3, Digest([8; 32])).map_err(|problem| problem.0).unwrap();
            ask(s, &format!("{text}{}", "\u{2014} x AAAA\n".repeat(100_000)))
        },
        Expect::Invalid(""),
    ),
];

#[test]
fn ledgers_are_cosigned_only_as_they_grow() {
    check(CASES);
}
