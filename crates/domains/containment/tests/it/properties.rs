//! Whatever happens in whatever order: what is in place was approved, and nothing outlasts its end.

use proptest::prelude::*;
use shieldwall_containment::{ApprovalRule, Lease, State, orders};

use crate::{DAY, ONE, TWO, approval, at, done, dry_run, failed, proposed};

/// One thing that somebody or something does.
fn happen(lease: &mut Lease, what: u8, now: i64) {
    let rule = ApprovalRule::default();
    let refused = match what {
        0 => lease.attach(dry_run(now)).is_err(),
        1 => lease.approve(approval(lease, "ann", "ANALYST", now), &rule).is_err(),
        2 => lease.approve(approval(lease, "ben", "DUTY_OFFICER", now), &rule).is_err(),
        3 => lease.record("edge", at(now), &done(&[])).is_err(),
        4 => lease.record("resolver", at(now), &done(&[])).is_err(),
        5 => lease.record("edge", at(now), &failed(now % 2 == 0)).is_err(),
        6 => lease.record("resolver", at(now), &failed(true)).is_err(),
        7 => lease.extend(at(now + 2 * DAY), "cid", at(now)).is_err(),
        8 => lease.drop_reference(ONE, "revoked", at(now)) == 0,
        9 => lease.drop_reference(TWO, "revoked", at(now)) == 0,
        10 => lease.roll_back("eve", "enough", at(now)).is_err(),
        11 => lease.withdraw("ann", "enough", at(now)).is_err(),
        12 => lease.refuse("ben", "no", at(now)).is_err(),
        _ => !lease.tick(at(now)),
    };
    // What is not allowed in this state changes nothing; the invariants say so.
    let _ = refused;
}

proptest! {
    #[test]
    fn no_order_of_events_breaks_a_lease(
        events in prop::collection::vec((0u8..14, 0i64..40_000), 1..60)
    ) {
        let mut lease = proposed();
        let mut now = 0;
        for (what, passes) in events {
            now += passes;
            let before = lease.clone();
            happen(&mut lease, what, now);

            prop_assert!(before.state() == lease.state() || !before.state().is_final());
            for block in lease.wanted(at(now)) {
                prop_assert!(lease.state().is_in_force());
                prop_assert!(block.until > at(now) && block.until <= lease.until());
                prop_assert!(ApprovalRule::default().is_met(lease.approvals(), "nobody"));
            }
            prop_assert!(lease.items().len() <= before.items().len());
            prop_assert_eq!(Lease::from_json(&lease.to_json()), Ok(lease.clone()));

            // Doing what is planned leaves nothing to plan.
            let mut after = lease.clone();
            for order in orders(std::slice::from_ref(&lease), at(now)) {
                after.record(&order.actuator, at(now), &done(&[])).unwrap();
            }
            let left = after.plan(at(now));
            prop_assert!(left.is_empty(), "{left:?} {after:?}");
            if after.state() != State::Proposed && after.wanted(at(now)).is_empty() {
                let gone = after.placed().values().all(|placed| placed.asked.is_empty());
                prop_assert!(gone || after.failures().values().any(|failure| failure.permanent), "{after:?}");
            }
        }
    }
}
