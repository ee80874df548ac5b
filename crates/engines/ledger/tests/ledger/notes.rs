//! signed-note, tlog-checkpoint and tlog-cosignature: the examples of the specifications, a checkpoint from the public
//! network, and signatures computed by another implementation (Python's `cryptography`).

use ledger::checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint};
use ledger::merkle::EMPTY;
use ledger::note::{KeyError, LedgerKeys, NoteKey, NoteSigner, Role, origin};
use signed_note::{Note, Verifier as _};

use crate::{at, cosigned, key, leaves, party, signed, signer, witness_of};

/// tlog-cosignature, its example.
const SPECIFIED: &str = "\
example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
";

/// A checkpoint of a public log, cosigned by public witnesses in May 2026.
pub(crate) const PUBLIC: &str = "\
arche2025h1.staging.ct.transparency.dev
1432088532
U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=

— arche2025h1.staging.ct.transparency.dev zTM8sQAAAZ5W0WdjBAMARjBEAiBjW5IQf9pvsYLfQFX6hoGREPMHbdQ3urbllzalApkptQIgIpwtEroeW2BXaHAI4kJXFbon5Ch9MNL5zRNZ55lvGt0=
— arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=
— transparency.dev/DEV:witness-little-garden 2AQqhwAAAABqEiEgzgFIqqhbUoDwjMWE6UP8nd8/KYTzwZ2rhIgcqoXHAwVkjZr4AscylP3v7sEodkRAErumC2q44vdgJY096st5BQ==
— witness1.smartit.nu/witness1 pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlTAm3g2RKS4+eebl8eO0WH+/iEcxZ75W3u5hNI7TOQtmJbqmNWVuE0tgh0XwzdZsDsUAQ==
— remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==
— witness.stagemole.eu Z/euoAAAAABqEiEgw0i+7g2ENfDAWHmtRzCfKTHSDwYDJA2NmKeGi9Y8FtEyOUvVr+AJmIY/2TUFucgKi7lI7cUiOvKFYe/TmN9DAg==
";

/// The keys of two of its witnesses, as their operators publish them.
pub(crate) const REMORA: &str = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2";
pub(crate) const SMARTIT: &str =
    "witness1.smartit.nu/witness1+a48c820f+BPSFWg9G6KPiO7QPryYO5Xq4oYJJ+kAvLKLSimDhoxMO";

#[test]
fn the_example_of_signed_note() {
    let text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
    let line = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    let peter = NoteKey::parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW").unwrap();
    let note = Note::from_bytes(format!("{text}\n{line}").as_bytes()).unwrap();
    let signature = signed_note::Signature::from_bytes(line.trim_end().as_bytes()).unwrap();
    assert!(peter.verify(note.text(), signature.signature()));
    assert!(!peter.verify(b"another text\n", signature.signature()));
    assert_eq!((peter.key_id(), peter.role()), (0xc74f_20a3, Role::Log));
}

#[test]
fn the_example_of_tlog_cosignature_reads() {
    let parsed = SignedCheckpoint::parse(SPECIFIED).unwrap();
    let checkpoint = parsed.checkpoint();
    assert_eq!((checkpoint.origin.as_str(), checkpoint.size), ("example.com/behind-the-sofa", 20_852_163));
    assert!(SPECIFIED.starts_with(&checkpoint.to_text()));
    assert_eq!(parsed.note(), SPECIFIED);
    // Its keys are not published: known keys of these names are others, whose signatures are not on it.
    let witness = signer("witness.example.com/w1", Role::Witness, 1);
    assert_eq!(parsed.cosignatures(&[key(&witness)]), Ok(vec![]));
}

#[test]
fn cosignatures_of_the_public_network_verify() {
    let keys = [NoteKey::parse(REMORA).unwrap(), NoteKey::parse(SMARTIT).unwrap()];
    let checkpoint = SignedCheckpoint::parse(PUBLIC).unwrap();
    let found = checkpoint.cosignatures(&keys).unwrap();
    let names: Vec<&str> = found.iter().map(|found| found.witness.as_str()).collect();
    assert_eq!(names, ["remora.n621.de", "witness1.smartit.nu/witness1"]);
    assert!(found.iter().all(|found| found.at == at("2026-05-23T21:50:24Z")), "{found:?}");
    for (from, to) in
        [("1432088532", "1432088533"), ("U7WM", "U7WN"), ("2net5wAAAABqEiEg", "2net5wAAAABqEiEh")]
    {
        let changed = SignedCheckpoint::parse(&PUBLIC.replace(from, to)).unwrap();
        assert!(matches!(changed.cosignatures(&keys), Err(CheckpointError::BadSignature(_))), "{from}");
    }
}

#[test]
fn signatures_are_those_of_another_implementation() {
    let seed: [u8; 32] = std::array::from_fn(|at| at as u8);
    let text = SPECIFIED.split_inclusive("\n\n").next().unwrap().trim_end_matches('\n').to_owned() + "\n";
    let checkpoint = Checkpoint::parse(&text).unwrap();
    let log = NoteSigner::new("example.com/behind-the-sofa", Role::Log, &seed).unwrap();
    let note = checkpoint.sign(&log).unwrap();
    assert_eq!(
        log.public().to_string(),
        "example.com/behind-the-sofa+1f59e8f5+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
    );
    assert_eq!(
        note.note(),
        format!(
            "{text}\n— example.com/behind-the-sofa H1no9Vbha/V7K+0nOUyOYWY2eeqkJO0R/8eVdJBP1U6klJ63rYHH36AjiNbqMeYZ5wXtNMpYFqOQG4s/igFrnBBp3AU=\n"
        )
    );
    let witness = NoteSigner::new("witness.example/w1", Role::Witness, &seed).unwrap();
    assert_eq!(
        witness.public().to_string(),
        "witness.example/w1+e75f6532+BAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
    );
    assert_eq!(
        note.cosign(&witness, at("2023-03-20T12:25:47.9Z")),
        "— witness.example/w1 519lMgAAAABkGFDLBuRDazBLVac2NE+Y+IjbjQOcXLfF9CSDZVUIoS83rE1nFZsVE8YiWV6Ngr7lV8H6bdoBQGP/l73euDMQ9k+bBQ==\n"
    );
}

#[test]
fn keys_have_one_spelling() {
    for text in [REMORA, SMARTIT, "TEST+7997405c+AQcC+FTVKf0jlTdHDY3rbevmnKxxPjigCXlVtGe6RIr6"] {
        assert_eq!(NoteKey::parse(text).unwrap().to_string(), text);
    }
    for (text, expect) in [
        ("", KeyError::Form),
        ("remora.n621.de", KeyError::Form),
        ("remora.n621.de+da77ade7", KeyError::Form),
        ("remora.n621.de+da77ade7+*", KeyError::Form),
        ("remora.n621.de+da77ade7+", KeyError::Form),
        ("+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2", KeyError::Name(String::new())),
        ("re mora+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2", KeyError::Name("re mora".into())),
        ("remora.n621.de+da77ade7+BuvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2", KeyError::Type(6)),
        ("remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw=", KeyError::Key),
        // The hash of another name, upper case, too short.
        (
            "remora.n621.dE+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
            KeyError::Hash { expected: 0 },
        ),
        (
            "remora.n621.de+DA77ADE7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
            KeyError::Hash { expected: 0 },
        ),
        (
            "remora.n621.de+a77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
            KeyError::Hash { expected: 0 },
        ),
    ] {
        let found = NoteKey::parse(text).unwrap_err();
        let same = std::mem::discriminant(&found) == std::mem::discriminant(&expect);
        assert!(same, "{text}: {found:?}");
    }
    // A key of small order makes signatures that verify over anything.
    let weak = [0; 32];
    assert_eq!(NoteKey::new("x", Role::Log, &weak), Err(KeyError::Key));
    assert!(NoteKey::new(&"x".repeat(256), Role::Log, key(&signer("x", Role::Log, 1)).as_bytes()).is_err());
}

#[test]
fn what_is_no_checkpoint() {
    let good = SPECIFIED.split("\n\n").next().unwrap().to_owned() + "\n";
    assert!(Checkpoint::parse(&good).is_ok());
    let root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
    for text in [
        String::new(),
        "\n".to_owned(),
        good.trim_end().to_owned(),
        format!("a\n1\n{root}"),
        format!("\n1\n{root}\n"),
        format!("a\n01\n{root}\n"),
        format!("a\n+1\n{root}\n"),
        format!("a\n-1\n{root}\n"),
        format!("a\n \n{root}\n"),
        format!("a\n18446744073709551616\n{root}\n"),
        format!("a\n0\n{root}\n"),
        format!("a\n1\n{}\n", &root[..43]),
        format!("a\n1\n{}\n", root.replace('C', "*")),
        format!("a\n1\n{}\n", root.replace("2I=", "2J=")),
        format!("a\n1\n{root}{root}\n"),
        format!("a\n1\n{root}\n\n"),
        format!("a\n1\n{root}\n\nx\n"),
        format!("a\n1\n{root}\r\n"),
        "a\n1\n".to_owned(),
    ] {
        assert!(matches!(Checkpoint::parse(&text), Err(CheckpointError::Text(_))), "{text:?}");
    }
    let extended = Checkpoint::parse(&format!("a\n1\n{root}\nmore\nand more\n")).unwrap();
    assert_eq!(extended.extensions, ["more", "and more"]);
}

#[test]
fn what_is_no_note() {
    let (text, lines) = SPECIFIED.split_once("\n\n").unwrap();
    for note in [
        String::new(),
        text.to_owned(),
        format!("{text}\n\n"),
        SPECIFIED.trim_end().to_owned(),
        SPECIFIED.replace('—', "-"),
        SPECIFIED.replace("— ", "—"),
        format!("{text}\n\n{}", lines.replace("w1 ", "w1  ")),
        format!("{text}\n\n— x AAAA\n"),
        format!("{text}\n\n— x+y jWbPPwAAAABk\n"),
        format!("{text}\t\n\n{lines}"),
        format!("{text}\n\n{}", lines.repeat(51)),
        format!("{}\n\n{lines}", "x".repeat(300 << 10)),
    ] {
        assert_eq!(SignedCheckpoint::parse(&note), Err(CheckpointError::Note), "{}", note.len());
    }
    // A text between two empty lines is part of the checkpoint, which has none.
    assert!(SignedCheckpoint::parse(&format!("{text}\n\nx\n\n{lines}")).is_err());
    // Many signatures of unknown keys are ignored.
    assert!(SignedCheckpoint::parse(&format!("{text}\n\n{}", lines.repeat(50))).is_ok());
}

#[test]
fn a_line_feed_in_an_origin_makes_no_other_checkpoint() {
    let log = signer("a", Role::Log, 1);
    let origin = "a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=".to_owned();
    let checkpoint = Checkpoint { origin, size: 0, root: EMPTY, extensions: Vec::new() };
    assert!(checkpoint.sign(&log).is_err());
    let extensions = vec!["x\ny".to_owned()];
    assert!(Checkpoint { origin: "a".to_owned(), size: 0, root: EMPTY, extensions }.sign(&log).is_err());
}

#[test]
fn only_the_log_itself_signs_its_checkpoints() {
    let checkpoint = signed(1, &leaves(5));
    let [own, other] = [1, 2].map(|n| key(&crate::log_of(n)));
    checkpoint.verify_log(std::slice::from_ref(&own)).unwrap();
    checkpoint.verify_log(&[other.clone(), own.clone()]).unwrap();
    let unsigned = CheckpointError::Unsigned(origin(party(1)));
    assert_eq!(checkpoint.verify_log(&[]), Err(unsigned.clone()));
    assert_eq!(checkpoint.verify_log(&[other]), Err(unsigned.clone()));
    // A witness's key of the log's name is not the log's.
    let impostor = signer(&origin(party(1)), Role::Witness, 9);
    let lines = checkpoint.cosign(&impostor, at("2026-01-01T00:00:00Z"));
    let with = checkpoint.with_lines(&lines, &[key(&impostor)]).unwrap();
    assert_eq!(with.verify_log(&[key(&impostor)]), Err(unsigned));
    // Another party's log that signs the same text says nothing about this one.
    let text = checkpoint.checkpoint().clone();
    let stolen = text.sign(&crate::log_of(2)).unwrap();
    assert!(matches!(stolen.verify_log(&[own]), Err(CheckpointError::Unsigned(_))));
}

#[test]
fn lines_of_unknown_keys_are_left_out_and_repeated_ones_kept_once() {
    let checkpoint = signed(1, &leaves(5));
    let now = at("2026-01-01T00:00:00Z");
    let [second, third] = [2, 3].map(witness_of);
    let lines = format!("{}{}", checkpoint.cosign(&second, now), checkpoint.cosign(&third, now));
    let one = checkpoint.with_lines(&lines, &[key(&second)]).unwrap();
    assert_eq!(one.cosignatures(&[key(&second), key(&third)]).unwrap().len(), 1);
    let twice = one.with_lines(&lines, &[key(&second)]).unwrap();
    assert_eq!(twice.note(), one.note());
    // Over another checkpoint, they do not verify.
    let other = signed(1, &leaves(6));
    assert_eq!(
        other.with_lines(&lines, &[key(&second)]),
        Err(CheckpointError::BadSignature(second.public().name().to_owned()))
    );
    for garbage in ["", "x\n", "\n\n", "— x\n", "\nx\n\n— a jWbPPwAAAABk\n"] {
        assert!(checkpoint.with_lines(garbage, &[key(&second)]).is_err(), "{garbage:?}");
    }
    assert_eq!(
        cosigned(&checkpoint, &[2, 3], now).cosignatures(&[key(&second), key(&third)]).unwrap().len(),
        2
    );
}

#[test]
fn the_two_keys_of_a_node_are_independent_and_show_nothing() {
    let keys = LedgerKeys::from_seed(party(7), &[7; 32]).unwrap();
    assert_ne!(keys.log.public().as_bytes(), keys.witness.public().as_bytes());
    assert_ne!(
        keys.log.public().as_bytes(),
        LedgerKeys::from_seed(party(7), &[8; 32]).unwrap().log.public().as_bytes()
    );
    assert_eq!(keys.log.public().name(), format!("shieldwall/ledger/{}", party(7)));
    let shown = format!("{keys:?}");
    assert!(shown.contains(&keys.log.public().to_string()) && !shown.contains("secret"), "{shown}");
}
