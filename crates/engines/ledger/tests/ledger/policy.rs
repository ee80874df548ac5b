//! C2SP tlog-policy: its example, its rules, and how quorums are evaluated.

use ledger::checkpoint::SignedCheckpoint;
use ledger::note::{NoteKey, Role};
use ledger::policy::Policy;

use crate::notes::{PUBLIC, REMORA, SMARTIT};
use crate::{at, cosigned, key, leaves, signed, signer, witness_of};

fn witnesses(n: u8) -> Vec<NoteKey> {
    (1..=n).map(|n| key(&witness_of(n))).collect()
}

/// The example of the specification, with the keys of witnesses 1 to 6 for X1 to Y3.
fn example() -> String {
    let keys = witnesses(6);
    format!(
        "log {}\n\n\
         witness X1 {}\nwitness X2 {}\nwitness X3 {}\ngroup X-witnesses 2 X1 X2 X3\n\n\
         # Operated by somebody else\n\
         witness Y1 {}\nwitness Y2 {}\n \t witness  Y3\t{} https://witness.example/y3\ngroup Y-witnesses any Y1 Y2 Y3\n\n\
         group X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n",
        key(&crate::log_of(1)),
        keys[0],
        keys[1],
        keys[2],
        keys[3],
        keys[4],
        keys[5]
    )
}

fn check(policy: &str, cosigners: &[u8], expect: Result<(), &[&str]>) {
    let policy = Policy::parse(policy).unwrap();
    let checkpoint = cosigned(&signed(1, &leaves(9)), cosigners, at("2026-01-01T00:00:00Z"));
    let found = policy.evaluate(&checkpoint).unwrap();
    assert_eq!(found.cosignatures.len(), cosigners.len());
    let missing = expect.err().unwrap_or_default();
    assert_eq!(
        (found.satisfied, found.missing),
        (expect.is_ok(), missing.iter().map(ToString::to_string).collect())
    );
}

#[test]
fn the_example_of_the_specification() {
    let policy = example();
    check(&policy, &[1, 2, 4], Ok(()));
    check(&policy, &[2, 3, 5, 6], Ok(()));
    check(&policy, &[1, 2, 3], Err(&["X-and-Y: 1 of 2", "Y-witnesses: 0 of 1"]));
    check(&policy, &[1, 4, 5, 6], Err(&["X-and-Y: 1 of 2", "X-witnesses: 1 of 2"]));
    check(&policy, &[], Err(&["X-and-Y: 0 of 2", "Y-witnesses: 0 of 1", "X-witnesses: 0 of 2"]));
    let parsed = Policy::parse(&policy).unwrap();
    assert_eq!(Policy::parse(&parsed.to_text()).unwrap(), parsed);
    assert_eq!((parsed.logs().len(), parsed.witnesses().count()), (1, 6));
}

#[test]
fn a_single_witness_or_none_can_be_the_quorum() {
    let one = format!("witness w {}\nquorum w\n", witnesses(1)[0]);
    check(&one, &[1], Ok(()));
    check(&one, &[], Err(&["w: no cosignature"]));
    check("quorum none\n", &[], Ok(()));
    let keys = witnesses(3);
    for (threshold, cosigners, expect) in
        [(0, 0, true), (2, 1, false), (2, 2, true), (3, 2, false), (3, 3, true)]
    {
        let policy = Policy::threshold(threshold, &keys).unwrap();
        let cosigners: Vec<u8> = (1..=cosigners).collect();
        let checkpoint = cosigned(&signed(1, &leaves(9)), &cosigners, at("2026-01-01T00:00:00Z"));
        assert_eq!(policy.evaluate(&checkpoint).unwrap().satisfied, expect, "{threshold} {cosigners:?}");
    }
    assert!(Policy::threshold(4, &keys).is_err());
    assert!(Policy::threshold(1, &[keys[0].clone(), keys[0].clone()]).is_err());
    assert!(Policy::threshold(1, &[key(&crate::log_of(1))]).is_err());
}

#[test]
fn real_witnesses_of_the_public_network_make_a_quorum() {
    let policy = format!("witness r {REMORA}\nwitness s {SMARTIT}\ngroup both all r s\nquorum both\n");
    let found = Policy::parse(&policy).unwrap().evaluate(&SignedCheckpoint::parse(PUBLIC).unwrap()).unwrap();
    assert!(found.satisfied, "{found:?}");
}

#[test]
fn one_witness_with_many_names_counts_once() {
    let witness = key(&witness_of(1));
    let renamed = NoteKey::new("another/name", Role::Witness, witness.as_bytes()).unwrap();
    let text = format!("witness a {witness}\nwitness b {renamed}\ngroup g all a b\nquorum g\n");
    assert_eq!(Policy::parse(&text).unwrap_err().line, 2);
    // Repeating a member is no way around it, nor is being in two groups.
    for group in ["group g 2 a a", "group g any a\ngroup h any a"] {
        let text = format!("witness a {witness}\n{group}\nquorum g\n");
        assert!(Policy::parse(&text).is_err(), "{group}");
    }
    // Two lines by one witness on one note are one cosignature.
    let now = at("2026-01-01T00:00:00Z");
    let checkpoint = signed(1, &leaves(3));
    let note = format!(
        "{}{}{}",
        checkpoint.note(),
        checkpoint.cosign(&witness_of(1), now),
        checkpoint.cosign(&witness_of(1), now.plus_micros(5_000_000))
    );
    let checkpoint = SignedCheckpoint::parse(&note).unwrap();
    let policy = Policy::threshold(2, &witnesses(2)).unwrap();
    let found = policy.evaluate(&checkpoint).unwrap();
    assert_eq!((found.satisfied, found.cosignatures.len()), (false, 1));
}

#[test]
fn a_log_cannot_witness_itself_with_its_own_key() {
    // The same secret under the log's name and as a witness: the plain signature is no cosignature.
    let log = signer("log.example/1", Role::Log, 5);
    let as_witness = NoteKey::new("log.example/1", Role::Witness, log.public().as_bytes()).unwrap();
    let checkpoint = ledger::checkpoint::Checkpoint {
        origin: "log.example/1".to_owned(),
        size: 0,
        root: ledger::merkle::EMPTY,
        extensions: Vec::new(),
    };
    let signed = checkpoint.sign(&log).unwrap();
    let policy = Policy::threshold(1, &[as_witness]).unwrap();
    assert!(!policy.evaluate(&signed).unwrap().satisfied);
}

#[test]
fn what_is_no_policy() {
    let keys = witnesses(3);
    let (a, b) = (&keys[0], &keys[1]);
    let log = key(&crate::log_of(1));
    for (text, line) in [
        (String::new(), 0),
        ("quorum none".to_owned(), 0),
        (format!("witness a {a}\n"), 0),
        ("quorum none\nquorum none\n".to_owned(), 2),
        ("quorum a\n".to_owned(), 1),
        (format!("quorum a\nwitness a {a}\n"), 1),
        (format!("witness a {a}\nwitness a {b}\nquorum a\n"), 2),
        (format!("witness none {a}\nquorum none\n"), 1),
        (format!("witness a {log}\nquorum none\n"), 1),
        (format!("log {a}\nquorum none\n"), 1),
        (format!("log {log}\nlog {log}\nquorum none\n"), 2),
        (format!("witness a {a}\ngroup g 0 a\nquorum g\n"), 2),
        (format!("witness a {a}\ngroup g 2 a\nquorum g\n"), 2),
        (format!("witness a {a}\ngroup g 01 a\nquorum g\n"), 2),
        (format!("witness a {a}\ngroup g most a\nquorum g\n"), 2),
        ("group g any\nquorum g\n".to_owned(), 1),
        ("group g any g\nquorum g\n".to_owned(), 1),
        (format!("witness a {a}\ngroup g any none\nquorum g\n"), 2),
        ("hello\nquorum none\n".to_owned(), 1),
        ("quorum\n".to_owned(), 1),
        (format!("witness a {a} u v\nquorum a\n"), 1),
        ("quorum none\r\n".to_owned(), 0),
        (format!("{}quorum none\n", "# x\n".repeat(100_000)), 0),
    ] {
        let shown: String = text.chars().take(60).collect();
        assert_eq!(Policy::parse(&text).map_err(|error| error.line), Err(line), "{shown}");
    }
}
