//! Leases from proposal to end: who may say what when, what is planned, and what is never planned.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failing helper is a failing test")]

mod approvals;
mod guarding;
mod life;
mod machine;
mod plans;
mod properties;
mod records;

use controls::Handle;
use model::{Digest, Timestamp};
use observable::{Kind, Observable, normalise};
use shieldwall_containment::{
    Approval, ApprovalRule, DayHits, DryRun, Item, Lease, NeverBlock, Outcome, Proposal, Verdicts,
};

const ONE: &str = "indicator--11111111-1111-4111-8111-111111111111";
const TWO: &str = "indicator--22222222-2222-4222-8222-222222222222";

/// So many seconds after the beginning of all tests.
fn at(seconds: i64) -> Timestamp {
    let begin: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
    begin.plus_micros(seconds * 1_000_000)
}

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

fn item(kind: Kind, value: &str, reference: &str) -> Item {
    let observable = normalise(kind, value).unwrap_or_else(|| panic!("{value} is no {kind}"));
    Item { observable, port: None, reference: reference.to_owned(), valid_until: None }
}

/// Two addresses and a name, from two indicators.
fn items() -> Vec<Item> {
    vec![
        item(Kind::Ipv4, "198.18.0.7", ONE),
        item(Kind::Ipv4, "198.18.0.8", TWO),
        item(Kind::Domain, "bad.example", ONE),
    ]
}

fn proposal(items: Vec<Item>) -> Proposal {
    Proposal {
        items,
        unread: Vec::new(),
        purpose: "command and control of case 17".to_owned(),
        actuators: vec!["edge".to_owned(), "resolver".to_owned()],
        until: at(DAY),
        by: "ann".to_owned(),
        keep_rest: false,
    }
}

/// Nobody objects to anything.
struct Silent;

impl Verdicts for Silent {
    fn warning(&self, _: &Observable) -> Option<String> {
        None
    }

    fn forbidden(&self, _: &str) -> Option<String> {
        None
    }
}

fn id(number: u8) -> Digest {
    Digest([number; 32])
}

fn proposed() -> Lease {
    Lease::propose(id(1), proposal(items()), &NeverBlock::default(), &Silent, at(0)).unwrap()
}

fn dry_run(made: i64) -> DryRun {
    DryRun {
        from: at(-30 * DAY),
        until: at(0),
        at: at(made),
        events: 120_000,
        days: vec![
            DayHits { day: "2026-11-20".to_owned(), hits: 2, devices: 1 },
            DayHits { day: "2026-11-21".to_owned(), hits: 5, devices: 2 },
        ],
        blind: vec!["proxy: nothing before 2026-11-01".to_owned()],
    }
}

fn approval(lease: &Lease, person: &str, post: &str, seconds: i64) -> Approval {
    Approval {
        person: person.to_owned(),
        post: post.to_owned(),
        at: at(seconds),
        revision: lease.revision(),
        proven: true,
    }
}

fn approved() -> Lease {
    let mut lease = proposed();
    lease.attach(dry_run(60)).unwrap();
    let rule = ApprovalRule::default();
    assert!(!lease.approve(approval(&lease, "ann", "ANALYST", 120), &rule).unwrap());
    assert!(lease.approve(approval(&lease, "ben", "DUTY_OFFICER", 180), &rule).unwrap());
    lease
}

fn done(handles: &[Handle]) -> Outcome {
    Outcome::Done { skipped: Vec::new(), handles: handles.to_vec(), digest: "d".repeat(64) }
}

fn failed(permanent: bool) -> Outcome {
    Outcome::Failed { message: "nobody there".to_owned(), permanent, handles: None }
}

/// In place at both actuators.
fn active() -> Lease {
    let mut lease = approved();
    lease.record("edge", at(200), &done(&[])).unwrap();
    lease.record("resolver", at(200), &done(&[])).unwrap();
    assert!(lease.plan(at(201)).is_empty());
    lease
}
