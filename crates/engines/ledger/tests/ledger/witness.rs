//! C2SP tlog-witness: every answer of add-checkpoint, and logs that roll back, fork and show two faces.

use ledger::checkpoint::SignedCheckpoint;
use ledger::merkle::{Leaves, consistency_proof};
use ledger::note::NoteKey;
use ledger::witness::{Accepted, AddCheckpoint, Alarm, Outcome, Refusal, add_checkpoint, contradiction};
use model::{Digest, Timestamp};

use crate::{at, key, leaves, log_of, signed, witness_of};

const NOW: &str = "2026-03-01T12:00:00Z";

fn request(old: u64, leaves: &[Digest]) -> AddCheckpoint {
    let proof = consistency_proof(&Leaves(leaves), old, leaves.len() as u64).unwrap_or_default();
    AddCheckpoint { old, proof, checkpoint: signed(1, leaves) }
}

fn submit(request: &AddCheckpoint, seen: Option<&SignedCheckpoint>) -> Outcome {
    // What is sent is what is read.
    assert_eq!(AddCheckpoint::parse(&request.to_text()).as_ref(), Ok(request));
    add_checkpoint(request, &[key(&log_of(1))], seen, &witness_of(2), at(NOW))
}

#[track_caller]
fn accepted(outcome: Outcome) -> Accepted {
    assert_eq!(outcome.alarm, None);
    outcome.answer.unwrap()
}

/// The same tree up to `shared` leaves, then another.
fn forked(shared: u64, size: u64) -> Vec<Digest> {
    let mut fork = leaves(size);
    for leaf in fork.iter_mut().skip(shared as usize) {
        leaf.0[0] ^= 0xff;
    }
    fork
}

#[test]
fn a_log_grows_and_every_step_is_cosigned() {
    let mut seen: Option<SignedCheckpoint> = None;
    let own = [key(&witness_of(2))];
    for size in [0, 1, 2, 7, 8, 8, 255, 256, 300] {
        let known = seen.as_ref().map_or(0, |seen| seen.checkpoint().size);
        let request = request(known, &leaves(size));
        let Accepted { seen: now, lines } = accepted(submit(&request, seen.as_ref()));
        assert_eq!(now, request.checkpoint);
        let cosigned = request.checkpoint.with_lines(&lines, &own).unwrap();
        assert_eq!(cosigned.cosignatures(&own).unwrap()[0].at, at(NOW));
        seen = Some(now);
    }
}

#[test]
fn every_refusal_has_its_status() {
    let seen = signed(1, &leaves(5));
    let refusal = |request: &AddCheckpoint, keys: &[NoteKey], seen: Option<&SignedCheckpoint>| {
        let outcome = add_checkpoint(request, keys, seen, &witness_of(2), at(NOW));
        let refusal = outcome.answer.unwrap_err();
        (refusal.status(), refusal.body(), outcome.alarm.map(|alarm| alarm.name()))
    };
    let own = [key(&log_of(1))];
    let good = request(5, &leaves(8));
    // 404 before anything else: nothing is verified for logs nobody asked us to witness.
    assert_eq!(refusal(&good, &[], Some(&seen)).0, 404);
    assert_eq!(refusal(&good, &[key(&log_of(3))], Some(&seen)).0, 404);
    // 403: a key of the right name that has not signed.
    let namesake = NoteKey::new(own[0].name(), own[0].role(), key(&log_of(3)).as_bytes()).unwrap();
    assert_eq!(refusal(&good, &[namesake], Some(&seen)).0, 403);
    // 409 with the size known, also for one who does not know it and asks with 0.
    for old in [0, 4, 6, 8] {
        assert_eq!(
            refusal(&request(old, &leaves(8)), &own, Some(&seen)),
            (409, "5\n".to_owned(), None),
            "{old}"
        );
    }
    assert_eq!(refusal(&good, &own, None), (409, "0\n".to_owned(), None));
    // 400: an old size above the checkpoint's.
    assert_eq!(refusal(&request(9, &leaves(8)), &own, Some(&seen)).0, 400);
    // 422: no proof, another proof, too long a proof, a proof from nothing.
    let (mut none, mut other, mut long) = (good.clone(), good.clone(), good.clone());
    none.proof.clear();
    other.proof[0].0[0] ^= 1;
    long.proof.push(Digest::ZERO);
    for request in [none, other, long] {
        assert_eq!(
            (refusal(&request, &own, Some(&seen)).0, refusal(&request, &own, Some(&seen)).2),
            (422, Some("unproven"))
        );
    }
    let mut from_nothing = request(0, &leaves(3));
    from_nothing.proof.push(Digest::ZERO);
    assert_eq!((refusal(&from_nothing, &own, None).0, refusal(&from_nothing, &own, None).2), (422, None));
}

#[test]
fn two_trees_of_one_size_are_equivocation_whatever_old_size_is_claimed() {
    let seen = signed(1, &leaves(8));
    for old in [0, 3, 7, 8] {
        let request = request(old, &forked(4, 8));
        let outcome = submit(&request, Some(&seen));
        assert_eq!(outcome.answer, Err(Refusal::Conflict { known: 8 }), "{old}");
        let alarm = outcome.alarm.unwrap();
        assert_eq!((alarm.name(), alarm.notes()), ("equivocation", (seen.note(), request.checkpoint.note())));
        // The two notes alone convince anybody who knows the log's key.
        for note in [alarm.notes().0, alarm.notes().1] {
            SignedCheckpoint::parse(note).unwrap().verify_log(&[key(&log_of(1))]).unwrap();
        }
    }
}

#[test]
fn a_smaller_tree_is_a_rollback() {
    let seen = signed(1, &leaves(8));
    for (old, status) in [(0, 409), (5, 409), (8, 400)] {
        let outcome = submit(&request(old, &leaves(5)), Some(&seen));
        assert_eq!(outcome.answer.unwrap_err().status(), status, "{old}");
        assert!(matches!(outcome.alarm, Some(Alarm::Rollback { .. })), "{old}");
    }
}

#[test]
fn a_fork_cannot_be_proved() {
    let seen = signed(1, &leaves(8));
    // The proof is right for the fork's own past, which is not the one seen.
    for shared in [0, 3, 7] {
        let request = request(8, &forked(shared, 12));
        let outcome = submit(&request, Some(&seen));
        assert_eq!(outcome.answer.unwrap_err().status(), 422);
        assert!(matches!(outcome.alarm, Some(Alarm::Unproven { .. })));
    }
    accepted(submit(&request(8, &forked(8, 12)), Some(&seen)));
}

#[test]
fn the_race_of_the_specification_does_not_roll_back() {
    // A proves 5 → 6 and B proves 5 → 9 against the same state; B is stored first. A must be decided against what is
    // stored by then, and is refused.
    let state = signed(1, &leaves(5));
    let b = accepted(submit(&request(5, &leaves(9)), Some(&state)));
    let a = submit(&request(5, &leaves(6)), Some(&b.seen));
    assert_eq!(a.answer, Err(Refusal::Conflict { known: 9 }));
}

#[test]
fn the_state_of_another_log_does_not_count() {
    let other = signed(3, &leaves(50));
    accepted(submit(&request(0, &leaves(8)), Some(&other)));
    assert_eq!(contradiction(&other, &signed(1, &leaves(8))), None);
}

#[test]
fn alarms_need_the_logs_own_signature() {
    // Somebody else's note in this log's name must not raise an alarm against it.
    let seen = signed(1, &leaves(8));
    let forged = signed(1, &forked(0, 8)).checkpoint().sign(&log_of(3)).unwrap();
    let request = AddCheckpoint { old: 8, proof: Vec::new(), checkpoint: forged };
    let outcome = submit(&request, Some(&seen));
    assert_eq!((outcome.answer.unwrap_err().status(), outcome.alarm), (403, None));
}

#[test]
fn the_request_of_the_specification_reads() {
    let body = "\
old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=
";
    let request = AddCheckpoint::parse(body).unwrap();
    assert_eq!(
        (request.old, request.proof.len(), request.checkpoint.checkpoint().size),
        (20_852_014, 4, 20_852_163)
    );
    assert_eq!(request.to_text(), body);
    let proof = "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n";
    for body in [
        String::new(),
        body.replace("old ", "Old "),
        body.replace("old ", "old 0"),
        body.replace("old 20852014", "old"),
        body.replace("old 20852014", "old -1"),
        body.replace("old 20852014", "old 18446744073709551616"),
        body.replace("20852014\n", "20852014\r\n"),
        body.replace("old 20852014\n", ""),
        body.replace("PlRN", "PlR"),
        body.replacen("\n\n", "\n", 1),
        body.replace(proof, &proof.repeat(61)),
        body.replace(proof, &proof.repeat(100_000)),
        body.replace("20852163\n", "x\n"),
    ] {
        let shown: String = body.chars().take(60).collect();
        assert!(matches!(AddCheckpoint::parse(&body), Err(Refusal::Malformed(_))), "{shown}");
    }
    assert!(AddCheckpoint::parse(&body.replace(proof, &proof.repeat(60))).is_ok());
}

#[test]
fn a_clock_before_1970_does_not_wrap() {
    let checkpoint = signed(1, &leaves(1));
    let witness = witness_of(2);
    let lines = checkpoint.cosign(&witness, Timestamp::MIN);
    let cosigned = checkpoint.with_lines(&lines, &[key(&witness)]).unwrap();
    assert_eq!(cosigned.cosignatures(&[key(&witness)]).unwrap()[0].at, Timestamp::EPOCH);
}
