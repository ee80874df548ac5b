//! The real `nft` and the real kernel, in a network namespace of their own: a lease from its approval to its end.
//!
//! The tests run themselves again under `unshare -rn`, so nothing of this machine's packet filter is touched.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use containment::{
    Approval, ApprovalRule, DryRun, Item, Lease, NeverBlock, Outcome, Proposal, State, Verdicts, orders,
};
use model::{Digest, Timestamp};
use observable::{Kind, Observable, normalise};
use ports::actuator::{Actuator, ActuatorError, Applied};
use shieldwall_actuators::Nft;

use crate::{REFERENCE, alone, block, set};

const INSIDE: &str = "SHIELDWALL_INSIDE_NAMESPACE";

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap())
}

/// Whether this process is the one in the namespace. If it is not, the test of this name is run there.
#[expect(clippy::disallowed_methods, reason = "how the test that runs itself again knows that it does")]
fn inside(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let _guard = alone();
    if !["/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft"].iter().any(|place| Path::new(place).is_file()) {
        testkit::skip("`nft` is not installed; install the package nftables");
        return false;
    }
    let allowed = Command::new("unshare").args(["-rn", "true"]).output();
    if !allowed.as_ref().is_ok_and(|output| output.status.success()) {
        testkit::skip(&format!(
            "user namespaces are forbidden here (`unshare -rn true`): {allowed:?}; allow them, as with the sysctl \
             kernel.unprivileged_userns_clone=1 or a container that permits unshare"
        ));
        return false;
    }
    let output = Command::new("unshare")
        .arg("-rn")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, "yes")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "in the namespace:\n{said}\n{complained}");
    assert!(said.contains("1 passed"), "nothing ran in the namespace:\n{said}\n{complained}");
    false
}

struct Silent;

impl Verdicts for Silent {
    fn warning(&self, _: &Observable) -> Option<String> {
        None
    }

    fn forbidden(&self, _: &str) -> Option<String> {
        None
    }
}

fn item(value: &str, valid_until: Option<Timestamp>) -> Item {
    let observable = normalise(Kind::Ipv4, value).unwrap();
    Item { observable, port: None, reference: REFERENCE.to_owned(), valid_until }
}

fn approved(items: Vec<Item>, begin: Timestamp) -> Lease {
    let proposal = Proposal {
        items,
        unread: Vec::new(),
        purpose: "a test".to_owned(),
        actuators: vec!["edge".to_owned()],
        until: begin.plus_micros(3_600_000_000),
        by: "ann".to_owned(),
        keep_rest: false,
    };
    let mut lease =
        Lease::propose(Digest([1; 32]), proposal, &NeverBlock::default(), &Silent, begin).unwrap();
    let run = DryRun {
        from: begin.plus_micros(-1_000_000),
        until: begin,
        at: begin,
        events: 0,
        days: Vec::new(),
        blind: Vec::new(),
    };
    lease.attach(run).unwrap();
    for (person, post) in [("ann", "ANALYST"), ("ben", "DUTY_OFFICER")] {
        let approval = Approval {
            person: person.to_owned(),
            post: post.to_owned(),
            at: begin,
            revision: lease.revision(),
            proven: true,
        };
        lease.approve(approval, &ApprovalRule::default()).unwrap();
    }
    lease
}

fn outcome(result: &Result<Applied, ActuatorError>) -> Outcome {
    match result {
        Ok(applied) => Outcome::Done {
            skipped: applied
                .skipped
                .iter()
                .map(|skipped| (skipped.item.key(), skipped.why.to_string()))
                .collect(),
            handles: applied.handles.clone(),
            digest: applied.digest.to_string(),
        },
        Err(error) => Outcome::Failed {
            message: error.message.clone(),
            permanent: error.permanent,
            handles: error.handles.clone(),
        },
    }
}

/// Does whatever is to be done; returns how many orders there were.
fn carry_out(lease: &mut Lease, nft: &Nft) -> usize {
    let now = now();
    let found = orders(std::slice::from_ref(lease), now);
    for order in &found {
        let result = nft.apply(&order.set, &order.held, now);
        assert!(result.is_ok(), "{result:?}");
        lease.record(&order.actuator, now, &outcome(&result)).unwrap();
    }
    found.len()
}

fn values(nft: &Nft) -> Vec<String> {
    nft.status(now()).unwrap().blocks.unwrap().into_iter().map(|block| block.value).collect()
}

#[test]
fn a_lease_is_applied_listed_ended_by_the_kernel_and_rolled_back() {
    if !inside("kernel::a_lease_is_applied_listed_ended_by_the_kernel_and_rolled_back") {
        return;
    }
    let nft = Nft::new("edge");
    assert_eq!(values(&nft), Vec::<String>::new(), "a namespace begins with nothing");

    let begin = now();
    let soon = begin.plus_micros(5_000_000);
    let mut lease = approved(vec![item("198.18.0.7", None), item("198.18.0.8", Some(soon))], begin);
    assert_eq!(carry_out(&mut lease, &nft), 1);
    assert_eq!(lease.state(), State::Active);
    assert_eq!(carry_out(&mut lease, &nft), 0, "doing it again does nothing more");
    // Both have neighbours' addresses but not the same end, so they are two elements.
    assert_eq!(values(&nft), ["198.18.0.7", "198.18.0.8"]);
    let left = nft.state().unwrap().left(&lease.wanted(now())[0]).unwrap();
    assert!((3_500..=3_600).contains(&left), "{left}");

    // Nobody does anything: the kernel's clock is enough.
    let begun = Instant::now();
    while values(&nft).len() > 1 {
        assert!(begun.elapsed() < Duration::from_secs(20), "the kernel did not end the block");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(values(&nft), ["198.18.0.7"]);
    assert!(now() >= soon.plus_micros(-1_500_000));
    while now() < soon {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(lease.plan(now()).remove[0].blocks, ["ipv4 198.18.0.8"]);
    assert_eq!(carry_out(&mut lease, &nft), 1);
    assert_eq!(values(&nft), ["198.18.0.7"]);

    lease.roll_back("eve", "enough", now()).unwrap();
    assert_eq!(carry_out(&mut lease, &nft), 1);
    assert!(lease.is_over());
    assert_eq!(values(&nft), Vec::<String>::new());
    assert_eq!(carry_out(&mut lease, &nft), 0);
}

#[test]
fn the_kernel_takes_every_shape_and_other_tables_stay() {
    if !inside("kernel::the_kernel_takes_every_shape_and_other_tables_stay") {
        return;
    }
    let run = |args: &[&str]| {
        let nft = ["/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft"]
            .into_iter()
            .find(|place| Path::new(place).is_file());
        let output = Command::new(nft.unwrap()).args(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    run(&["add", "table", "inet", "others"]);
    let nft = Nft::new("edge");
    let until = now().plus_micros(3_600_000_000);
    let longer = now().plus_micros(7_200_000_000);
    let items = vec![
        block(Kind::Ipv4, "198.18.0.7", None, until),
        block(Kind::Cidr4, "203.0.113.0/24", None, until),
        block(Kind::Ipv4, "203.0.113.7", None, longer),
        block(Kind::Ipv4, "203.0.113.9", Some(443), until),
        block(Kind::Cidr4, "198.51.100.0/24", Some(8080), until),
        block(Kind::Ipv4, "198.51.100.3", Some(8080), longer),
        block(Kind::Ipv6, "2001:db8::1", None, until),
        block(Kind::Cidr6, "2001:db8:1::/48", None, until),
        block(Kind::Ipv6, "2001:db8::1", Some(53), longer),
        block(Kind::Cidr6, "2001:db8:2::/64", Some(53), until),
        block(Kind::Domain, "bad.example", None, until),
    ];
    for _ in 0..3 {
        let applied = nft.apply(&set(items.clone()), &[], now()).unwrap();
        assert_eq!((applied.blocked, applied.skipped.len()), (10, 1));
        let state = nft.state().unwrap();
        for item in items.iter().filter(|item| item.observable.kind() != Kind::Domain) {
            let left = state.left(item).unwrap_or_else(|| panic!("{} is not blocked", item.value()));
            let most = item.seconds_left(now().plus_micros(-1_000_000));
            assert!(left <= most, "{}: {left} of {most}", item.value());
        }
        let elsewhere = block(Kind::Ipv4, "198.18.0.8", None, until);
        assert_eq!(state.left(&elsewhere), None);
    }
    let rules = run(&["list", "table", "inet", "shieldwall"]);
    for line in [
        "type filter hook forward priority filter - 10; policy accept;",
        "ip daddr @v4 counter name \"dropped\" drop",
        "meta l4proto { tcp, udp } ip6 saddr . th sport @v6_port counter name \"dropped\" drop",
    ] {
        assert!(rules.contains(line), "{line} is not in\n{rules}");
    }

    // Less is less.
    nft.apply(&set(items[..1].to_vec()), &[], now()).unwrap();
    assert_eq!(values(&nft), ["198.18.0.7"]);
    // Blocks ended by removal, twice, and by an empty set.
    nft.remove(&[], now()).unwrap();
    nft.remove(&[], now()).unwrap();
    nft.apply(&set(Vec::new()), &[], now()).unwrap();
    assert_eq!(values(&nft), Vec::<String>::new());
    let tables = run(&["list", "tables"]);
    assert!(tables.contains("inet others") && !tables.contains("shieldwall"), "{tables}");
}
