//! The right to ask: what it covers, and how much of it is left.

use model::Timestamp;
use shieldwall_private_query::{Answerer, Asker, Mode, Past, Refused, Scope};

use crate::{addresses, noon, party, right, scope};

const HOUR: i64 = 3_600_000_000;

fn past(hours_ago: i64, values: u64) -> Past {
    Past { at: noon().plus_micros(-hours_ago * HOUR), values, questions: 1 }
}

#[track_caller]
fn check(mode: Mode, values: u64, history: &[Past], expected: Result<(), Refused>) {
    assert_eq!(right(mode).admit(&scope(mode), values, history.iter().copied(), noon()), expected);
}

#[test]
fn what_it_does_not_cover() {
    let refused = |change: fn(&mut Scope)| {
        let mut scope = scope(Mode::Count);
        change(&mut scope);
        right(Mode::Count).admit(&scope, 1, [], noon()).unwrap_err()
    };
    assert!(matches!(refused(|scope| scope.agreement.0.0[0] ^= 1), Refused::Agreement { .. }));
    assert_eq!(refused(|scope| scope.kind = "email-addr".to_owned()), Refused::Kind("email-addr".to_owned()));
    assert_eq!(refused(|scope| scope.purpose = "hunting".to_owned()), Refused::Purpose("hunting".to_owned()));
    let mode = Refused::Mode { asked: Mode::YesNo, granted: Mode::Count };
    assert_eq!(refused(|scope| scope.mode = Mode::YesNo), mode);
    assert_eq!(right(Mode::YesNo).admit(&scope(Mode::Count), 1, [], noon()), Ok(()), "it gives away less");
    let mut any = right(Mode::Count);
    any.kinds = None;
    let mut email = scope(Mode::Count);
    email.kind = "email-addr".to_owned();
    assert_eq!(any.admit(&email, 1, [], noon()), Ok(()));
}

#[test]
fn values_in_one_question() {
    check(Mode::Count, 1_000, &[], Ok(()));
    check(Mode::Count, 1_001, &[], Err(Refused::TooMany { asked: 1_001, most: 1_000 }));
    let mut generous = right(Mode::Count);
    generous.most_values = 1_000_000;
    let beyond = generous.admit(&scope(Mode::Count), 16_385, [], noon());
    assert_eq!(beyond, Err(Refused::TooMany { asked: 16_385, most: 16_384 }), "whatever the right says");
}

#[test]
fn questions_in_a_day() {
    let nine = [past(1, 1); 9];
    check(Mode::Count, 1, &nine, Ok(()));
    let ten = [&nine[..], &[past(23, 1)]].concat();
    let next = noon().plus_micros(HOUR);
    check(Mode::Count, 1, &ten, Err(Refused::Questions { per_day: 10, next }));
    // At exactly a day old it no longer counts.
    let old = [&nine[..], &[past(24, 1)]].concat();
    check(Mode::Count, 1, &old, Ok(()));
    // A clock that was set back frees nothing.
    let ahead = [&nine[..], &[past(-1_000, 1)]].concat();
    assert!(matches!(
        right(Mode::Count).admit(&scope(Mode::Count), 1, ahead, noon()),
        Err(Refused::Questions { .. })
    ));
}

#[test]
fn bits_in_a_day() {
    check(Mode::YesNo, 1_000, &[past(2, 1_000)], Ok(()));
    let next = noon().plus_micros(22 * HOUR);
    let refused = Refused::Leakage { needed: 501, left: 500, per_day: 2_000, next };
    check(Mode::YesNo, 501, &[past(1, 500), past(2, 1_000)], Err(refused));
    check(Mode::YesNo, 500, &[past(1, 500), past(2, 1_000)], Ok(()));
    check(Mode::YesNo, 1_000, &[past(1, 1_000), past(24, 1_000)], Ok(()));
    // Counts are cheap, and not free.
    let mut tight = right(Mode::Count);
    tight.leakage_bits_per_day = 25;
    let admit =
        |values, history: &[Past]| tight.admit(&scope(Mode::Count), values, history.iter().copied(), noon());
    assert_eq!(admit(1_000, &[past(1, 1_000)]), Ok(()));
    assert!(matches!(
        admit(1_000, &[past(1, 1_000), past(1, 1_000)]),
        Err(Refused::Leakage { needed: 10, left: 5, .. })
    ));
    assert_eq!(admit(31, &[past(1, 1_000), past(1, 1_000)]), Ok(()));
    // Nothing overflows.
    let huge = [past(1, u64::MAX); 3];
    assert!(matches!(
        right(Mode::YesNo).admit(&scope(Mode::YesNo), 1, huge, noon()),
        Err(Refused::Leakage { left: 0, .. })
    ));
}

#[test]
fn times_at_the_edge_of_the_calendar() {
    for now in [Timestamp::MIN, Timestamp::MAX] {
        let past = [Timestamp::MIN, Timestamp::MAX].map(|at| Past { at, values: 1, questions: 1 });
        assert!(right(Mode::Count).admit(&scope(Mode::Count), 1, past, now).is_ok());
    }
}

#[test]
fn the_answerer_holds_the_asker_to_it() {
    let (_, question) = Asker::ask(&scope(Mode::YesNo), addresses(0..10), [1; 32]).ok().unwrap();
    let begin = |mode, history: &[Past]| {
        let history = history.iter().copied();
        Answerer::new(&question, party(1), party(2), &right(mode), history, noon(), [2; 32]).err()
    };
    assert_eq!(begin(Mode::YesNo, &[]), None);
    assert!(matches!(begin(Mode::Count, &[]), Some(Refused::Mode { .. })));
    assert!(matches!(begin(Mode::YesNo, &[past(1, 1_991)]), Some(Refused::Leakage { .. })));
    assert!(matches!(begin(Mode::YesNo, &[past(1, 1); 10]), Some(Refused::Questions { .. })));
    let mut other = right(Mode::YesNo);
    other.agreement.0.0[0] ^= 1;
    let told = Answerer::new(&question, party(1), party(2), &other, [], noon(), [2; 32]).err();
    assert!(matches!(told, Some(Refused::Agreement { .. })));
    let text = told.unwrap().to_string();
    assert!(text.contains(&"07".repeat(32)) && text.contains("0607"), "{text}");
}
