//! Leases and receipts as text.

use shieldwall_containment::{ActuatorResult, Lease, RecordError, State};

use crate::{DAY, HOUR, active, approved, at, done, failed, proposed};

#[test]
fn a_lease_is_read_back_as_it_was() {
    let mut extended = active();
    extended.extend(at(2 * DAY), "cid", at(HOUR)).unwrap();
    let mut ended = active();
    ended.roll_back("eve", "enough", at(HOUR)).unwrap();
    ended.record("edge", at(HOUR), &failed(false)).unwrap();
    for lease in [proposed(), approved(), active(), extended, ended] {
        let text = lease.to_json();
        assert_eq!(Lease::from_json(&text).unwrap(), lease, "{text}");
    }
}

#[test]
fn states_have_their_names() {
    for state in State::ALL {
        assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
    }
}

#[test]
fn what_cannot_be_read_is_refused() {
    let text = approved().to_json();
    let change = |from: &str, to: &str| {
        assert!(text.contains(from), "{from} is not in {text}");
        Lease::from_json(&text.replacen(from, to, 1)).unwrap_err()
    };
    assert_eq!(change(r#""version":1"#, r#""version":2"#), RecordError::Version(2));
    assert!(matches!(change(r#""state":"approved""#, r#""state":"blessed""#), RecordError::Unreadable(_)));
    assert!(matches!(change(r#""kind":"ipv4""#, r#""kind":"ipv6""#), RecordError::Unreadable(_)));
    assert!(matches!(change("198.18.0.7", "198.18.0.777"), RecordError::Unreadable(_)));
    assert!(matches!(change(r#""purpose""#, r#""porpoise""#), RecordError::Unreadable(_)));
    assert!(matches!(
        change("2026-11-23T12:00:00.000Z", "2020-11-23T12:00:00.000Z"),
        RecordError::Impossible(_)
    ));
    assert!(matches!(change(r#"["edge","resolver"]"#, "[]"), RecordError::Impossible(_)));
    assert!(matches!(Lease::from_json("{}"), Err(RecordError::Unreadable(_))));
    // In force without anybody's word.
    let forged = proposed().to_json().replace(r#""state":"proposed""#, r#""state":"active""#);
    assert!(matches!(Lease::from_json(&forged), Err(RecordError::Impossible(_))));
}

#[test]
fn a_receipt_says_what_was_done_by_whose_word() {
    let mut lease = approved();
    let (good, bad) = (done(&[]), failed(false));
    lease.record("edge", at(200), &good).unwrap();
    lease.record("resolver", at(200), &bad).unwrap();
    let results = vec![ActuatorResult::of("edge", &good), ActuatorResult::of("resolver", &bad)];
    let receipt = lease.receipt(at(200), results);
    assert_eq!((receipt.state, receipt.items.len(), receipt.approvals.len()), (State::Active, 3, 2));
    assert_eq!(receipt.results.iter().map(|result| result.done).collect::<Vec<_>>(), [true, false]);
    assert_eq!(receipt.results[1].notes, ["nobody there"]);
    let text = receipt.to_json();
    assert_eq!(serde_json::from_str::<shieldwall_containment::Receipt>(&text).unwrap(), receipt);
    assert!(text.starts_with(r#"{"version":1,"lease":"0101"#), "{text}");

    lease.roll_back("eve", "enough", at(HOUR)).unwrap();
    lease.record("edge", at(HOUR), &good).unwrap();
    let receipt = lease.receipt(at(HOUR), vec![ActuatorResult::of("edge", &good)]);
    assert_eq!((receipt.state, receipt.items.len()), (State::RolledBack, 0));
}
