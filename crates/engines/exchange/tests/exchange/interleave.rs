//! Any network: what is pushed is taken in exactly once and in order.

use exchange::*;
use proptest::prelude::*;

use crate::support::*;

/// What happens to a stream that is cut into segments.
#[derive(Debug, Clone)]
enum Step {
    /// The `n`th segment arrives (again).
    Arrive(prop::sample::Index),
    /// It arrives with its content erased.
    ArriveErased(prop::sample::Index),
    /// The receiver crashes before it commits: nothing of the push is kept.
    CrashBeforeCommit(prop::sample::Index),
    /// The receiver is restored from its state some steps ago.
    Restore(prop::sample::Index),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => any::<prop::sample::Index>().prop_map(Step::Arrive),
        1 => any::<prop::sample::Index>().prop_map(Step::ArriveErased),
        1 => any::<prop::sample::Index>().prop_map(Step::CrashBeforeCommit),
        1 => any::<prop::sample::Index>().prop_map(Step::Restore),
    ];
    prop::collection::vec(step, 0..60)
}

proptest! {
    #[test]
    fn exactly_once_and_in_order(lengths in prop::collection::vec(1_usize..6, 1..8), steps in steps()) {
        let mut position = Position::start(1);
        let mut pushes = Vec::new();
        let mut expect = Vec::new();
        for length in lengths {
            let first = expect.len() as u8;
            let drafts: Vec<Draft> = (first..first + length as u8).map(put).collect();
            expect.extend(drafts.iter().map(|draft| draft.subject));
            let entries = entries(STREAM, &position, &drafts);
            position = last(&entries);
            pushes.push(push_by(&entries, &drafts, None, &Unsigned));
        }
        let mut bob = Receiver::new();
        // Positions and effects that were committed, as a backup would have them.
        let mut history = vec![(bob.position, 0_usize)];
        // Places in the stream and what was done there, voids included.
        let mut log: Vec<(u64, bool)> = Vec::new();
        for step in steps {
            match step {
                Step::Arrive(index) | Step::ArriveErased(index) => {
                    let mut push = pushes[index.index(pushes.len())].clone();
                    if matches!(step, Step::ArriveErased(_)) {
                        push.entries.iter_mut().for_each(|entry| entry.opening = None);
                    }
                    if let Ok(admission) = bob.take(&push, &Trusting) {
                        log.extend(admission.accepted.iter().map(|accepted| {
                            (accepted.envelope.seq, matches!(accepted.effect, Effect::Apply(_)))
                        }));
                        history.push((bob.position, log.len()));
                    }
                }
                Step::CrashBeforeCommit(index) => {
                    let _ = bob.offer(&pushes[index.index(pushes.len())], &Trusting);
                }
                Step::Restore(index) => {
                    let (position, length) = history[index.index(history.len())];
                    bob.position = position;
                    bob.known.retain(|seq, _| *seq <= position.seq);
                    log.truncate(length);
                    history.retain(|(_, kept)| *kept <= length);
                }
            }
        }
        // Healed: the sender asks where to go on, until there is nothing left.
        for _ in 0..=pushes.len() {
            let wanted = bob.position.seq + 1;
            if let Some(push) = pushes.iter().find(|push| push.segment.first <= wanted && wanted <= push.segment.last()) {
                let admission = bob.take(push, &Trusting).unwrap();
                log.extend(admission.accepted.iter().map(|accepted| {
                    (accepted.envelope.seq, matches!(accepted.effect, Effect::Apply(_)))
                }));
            }
        }
        let places: Vec<u64> = log.iter().map(|(seq, _)| *seq).collect();
        prop_assert_eq!(places, (1..=expect.len() as u64).collect::<Vec<_>>());
        prop_assert_eq!(bob.position, position);
    }

    #[test]
    fn no_order_of_pushes_of_two_chains_mixes_them(order in prop::collection::vec(0_usize..4, 0..20)) {
        // A sender that was restored and did not say so: two chains with a common beginning.
        let drafts = [put(1), put(2)];
        let common = entries(STREAM, &Position::start(1), &drafts);
        let (one, two) = ([put(3), put(4)], [put(5), put(6)]);
        let mut pushes = vec![push_by(&common, &drafts, None, &Unsigned)];
        for next in [&one, &two] {
            let next_entries = entries(STREAM, &last(&common), next);
            pushes.push(push_by(&next_entries, next, None, &Unsigned));
        }
        let longer = [put(1), put(2), put(5), put(6)];
        pushes.push(push_by(&entries(STREAM, &Position::start(1), &longer), &longer, None, &Unsigned));
        let mut bob = Receiver::new();
        for index in order {
            let _ = bob.take(&pushes[index], &Trusting);
        }
        let subjects: Vec<u8> = bob.applied.iter().map(|(_, subject)| subject.0[0]).collect();
        let one_chain = [vec![], vec![1, 2], vec![1, 2, 3, 4], vec![1, 2, 5, 6]];
        prop_assert!(one_chain.contains(&subjects), "{:?}", subjects);
    }
}
