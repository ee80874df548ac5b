//! What is never blocked.

use observable::{Kind, Observable};
use shieldwall_containment::{
    Guarded, Item, Lease, MAX_ACTUATORS, MAX_ITEMS, NeverBlock, Proposal, ProposalError, State, Unread,
    Verdicts,
};

use crate::{DAY, ONE, Silent, TWO, at, id, item, items, proposal, proposed};

fn house() -> NeverBlock {
    let mut guard = NeverBlock::default();
    for (text, why) in [
        ("10.0.0.0/8", Guarded::OwnNetwork),
        ("198.51.100.16/28", Guarded::OwnNetwork),
        ("2001:db8:1::/48", Guarded::OwnNetwork),
        ("corp.example", Guarded::OwnName),
        ("*.house.example", Guarded::OwnName),
        ("node.ally.example", Guarded::Peer),
        ("[2001:db8:ffff::1]", Guarded::Peer),
        ("192.0.2.1", Guarded::Gateway),
        ("192.0.2.53", Guarded::Resolver),
    ] {
        guard.add(text, why).unwrap();
    }
    guard
}

#[track_caller]
fn check(kind: Kind, value: &str, expect: Option<&str>) {
    let refusal = house().refusal(&item(kind, value, ONE), &Silent);
    match (refusal, expect) {
        (None, None) => {}
        (Some(said), Some(expect)) => assert!(said.contains(expect), "{value}: {said}"),
        (said, expect) => panic!("{value}: {said:?}, not {expect:?}"),
    }
}

#[test]
fn whatever_would_reach_a_guarded_thing_is_refused() {
    check(Kind::Ipv4, "10.1.2.3", Some("our own network"));
    check(Kind::Ipv4, "::ffff:10.1.2.3", Some("our own network"));
    check(Kind::Cidr4, "198.51.100.0/24", Some("`198.51.100.16/28`, our own network"));
    check(Kind::Cidr4, "198.51.100.0/28", None);
    check(Kind::Ipv6, "2001:db8:1::5", Some("our own network"));
    check(Kind::Cidr6, "2001:db8::/33", Some("our own network"));
    check(Kind::Ipv6, "2001:db8:2::5", None);
    check(Kind::Ipv4, "192.0.2.1", Some("a gateway"));
    check(Kind::Cidr4, "192.0.2.0/26", Some("a gateway"));
    check(Kind::Ipv4, "192.0.2.53", Some("a resolver"));
    check(Kind::Ipv6, "2001:db8:ffff::1", Some("a peer's node"));

    check(Kind::Domain, "corp.example", Some("our own name"));
    check(Kind::Domain, "mail.CORP.example.", Some("our own name"));
    check(Kind::Domain, "notcorp.example", None);
    check(Kind::Domain, "ally.example", None);
    check(Kind::DomainSuffix, "*.ally.example", Some("`node.ally.example`, a peer's node"));
    check(Kind::DomainSuffix, "*.mail.corp.example", Some("our own name"));
    check(Kind::Domain, "house.example", Some("our own name"));

    check(Kind::Url, "http://corp.example/x", Some("our own name"));
    check(Kind::Url, "http://10.0.0.1:8080/x", Some("our own network"));
    check(Kind::Url, "http://user@[2001:db8:ffff::1]/x", Some("a peer's node"));
    check(Kind::Email, "boss@corp.example", Some("our own name"));
    check(Kind::Url, "http://bad.example/corp.example", None);
}

#[test]
fn nothing_is_blocked_that_takes_half_the_world_with_it() {
    check(Kind::Cidr4, "0.0.0.0/0", Some("wider than /16"));
    check(Kind::Cidr4, "198.18.0.0/15", Some("wider than /16"));
    check(Kind::Cidr4, "198.18.0.0/16", None);
    check(Kind::Cidr6, "2001::/16", Some("wider than /32"));
    check(Kind::DomainSuffix, "*.com", Some("top-level"));
    check(Kind::Domain, "com", Some("top-level"));
    check(Kind::Url, "http://com/", Some("top-level"));
    check(Kind::DomainSuffix, "*.bad.com", None);
}

#[test]
fn a_list_with_a_gap_is_no_list() {
    for text in ["", "10.0.0.0/99", "not a name", "http://corp.example/", "a@b.example"] {
        assert!(NeverBlock::default().add(text, Guarded::House).is_err(), "{text:?}");
    }
}

/// Finds one address on a list, and one indicator not for blocking.
struct Strict;

impl Verdicts for Strict {
    fn warning(&self, observable: &Observable) -> Option<String> {
        (observable.to_string() == "198.18.0.7").then(|| "public resolvers".to_owned())
    }

    fn forbidden(&self, reference: &str) -> Option<String> {
        (reference == TWO).then(|| "clause `look-only` of agreement 3f permits detection alone".to_owned())
    }
}

#[test]
fn one_refused_item_stops_all_unless_the_proposer_said_otherwise() {
    let strict = |proposal: Proposal| Lease::propose(id(1), proposal, &NeverBlock::default(), &Strict, at(0));
    let Err(ProposalError::Refused(left, _)) = strict(proposal(items())) else { panic!("taken") };
    let why: Vec<_> = left.iter().map(|left| left.why.as_str()).collect();
    assert_eq!(
        why,
        [
            "it is on the warning list `public resolvers`",
            "clause `look-only` of agreement 3f permits detection alone"
        ]
    );
    let message = ProposalError::Refused(left, Vec::new()).to_string();
    assert!(message.starts_with("2 items must not be blocked; the first: \"198.18.0.7\":"), "{message}");

    let lease = strict(Proposal { keep_rest: true, ..proposal(items()) }).unwrap();
    assert_eq!((lease.items().len(), lease.left().len()), (1, 2));
    assert_eq!(lease.items(), [item(Kind::Domain, "bad.example", ONE)]);

    // Nothing is left to keep.
    let only = vec![item(Kind::Ipv4, "198.18.0.7", ONE)];
    let refused = strict(Proposal { keep_rest: true, ..proposal(only) });
    assert!(matches!(refused, Err(ProposalError::Refused(..))), "{refused:?}");
}

#[test]
fn what_no_item_can_be_made_of_stops_all_unless_the_proposer_said_otherwise() {
    let everything = Unread { text: "0.0.0.0/0".to_owned(), why: "it is too wide".to_owned() };
    let with = |items: Vec<Item>, keep_rest: bool| {
        let proposal = Proposal { unread: vec![everything.clone()], keep_rest, ..proposal(items) };
        Lease::propose(id(1), proposal, &NeverBlock::default(), &Strict, at(0))
    };
    let message = with(items(), false).unwrap_err().to_string();
    assert!(message.starts_with("3 items must not be blocked; the first: \"198.18.0.7\":"), "{message}");
    let name = || vec![item(Kind::Domain, "bad.example", ONE)];
    let message = with(name(), false).unwrap_err().to_string();
    assert_eq!(message, "1 items must not be blocked; the first: \"0.0.0.0/0\": it is too wide");

    let lease = with(items(), true).unwrap();
    assert_eq!((lease.items().len(), lease.left().len()), (1, 2));
    assert_eq!(lease.unread(), std::slice::from_ref(&everything));
    // Nobody is asked to approve what is blocked nowhere.
    assert!(!lease.statement().contains("0.0.0.0/0"), "{}", lease.statement());
    assert_eq!(Lease::from_json(&lease.to_json()).unwrap(), lease);
    // Nothing is left to keep.
    assert!(matches!(with(Vec::new(), true), Err(ProposalError::Refused(left, _)) if left.is_empty()));
}

#[test]
fn a_url_is_judged_by_its_host_too() {
    struct Listed;
    impl Verdicts for Listed {
        fn warning(&self, observable: &Observable) -> Option<String> {
            (observable.to_string() == "cdn.example").then(|| "content networks".to_owned())
        }
        fn forbidden(&self, _: &str) -> Option<String> {
            None
        }
    }
    let url = item(Kind::Url, "https://cdn.example/evil.js", ONE);
    assert!(NeverBlock::default().refusal(&url, &Listed).unwrap().contains("content networks"));
}

#[test]
fn every_fault_of_a_proposal_is_named() {
    #[track_caller]
    fn check(proposal: Proposal, expect: &str) {
        let error = Lease::propose(id(1), proposal, &NeverBlock::default(), &Silent, at(0)).unwrap_err();
        assert!(error.to_string().contains(expect), "{error}");
    }
    let with = |change: &dyn Fn(&mut Proposal)| {
        let mut proposal = proposal(items());
        change(&mut proposal);
        proposal
    };
    check(with(&|p| p.items.clear()), "no items");
    check(with(&|p| p.items = vec![item(Kind::Domain, "a.example", ONE); MAX_ITEMS + 1]), "at most 10000");
    check(with(&|p| p.actuators.clear()), "1 to 16");
    check(with(&|p| p.actuators = vec!["edge".to_owned(); 2]), "different actuators");
    check(with(&|p| p.actuators = (0..=MAX_ACTUATORS).map(|number| number.to_string()).collect()), "1 to 16");
    check(with(&|p| p.actuators = vec![" ".to_owned()]), "actuators");
    check(with(&|p| p.purpose = "\n".to_owned()), "purpose");
    check(with(&|p| p.purpose = "x".repeat(1_001)), "purpose");
    check(with(&|p| p.by = String::new()), "proposer");
    check(with(&|p| p.until = at(0)), "over already");
    check(with(&|p| p.until = at(30 * DAY + 1)), "within 30 days, at 2026-12-22T12:00:00.000Z");
    check(with(&|p| p.items = vec![Item { port: Some(0), ..item(Kind::Ipv4, "198.18.0.7", ONE) }]), "ports");
    check(
        with(&|p| p.items = vec![Item { port: Some(1), ..item(Kind::Url, "http://bad.example/", ONE) }]),
        "ports",
    );
    check(with(&|p| p.items = vec![item(Kind::Ipv4, "198.18.0.7", "my notes")]), "no STIX object");
    let forged = Observable::from_stored(Kind::Domain, "example.bad\nx".to_owned());
    let forged = Item { observable: forged, ..item(Kind::Domain, "bad.example", ONE) };
    check(with(&|p| p.items = vec![forged.clone()]), "canonical");
    let over = Item { valid_until: Some(at(0)), ..item(Kind::Domain, "bad.example", ONE) };
    check(with(&|p| p.items = vec![over.clone()]), "validity");
    // The last moment is allowed.
    let last = with(&|p| p.until = at(30 * DAY));
    assert!(Lease::propose(id(1), last, &NeverBlock::default(), &Silent, at(0)).is_ok());
}

#[test]
fn own_networks_that_grow_take_their_items_out() {
    let mut lease = crate::active();
    let mut guard = NeverBlock::default();
    assert_eq!(lease.recheck(&guard, &Silent, at(300)), 0);
    guard.add("198.18.0.0/29", Guarded::OwnNetwork).unwrap();
    assert_eq!(lease.recheck(&guard, &Silent, at(300)), 1);
    assert_eq!(lease.left()[0].item, item(Kind::Ipv4, "198.18.0.7", ONE));
    let plan = lease.plan(at(300));
    assert!(plan.apply.is_empty());
    assert_eq!(plan.remove[0].blocks, ["ipv4 198.18.0.7"]);
    guard.add("198.18.0.0/16", Guarded::OwnNetwork).unwrap();
    guard.add("bad.example", Guarded::House).unwrap();
    assert_eq!(lease.recheck(&guard, &Silent, at(301)), 2);
    assert_eq!(lease.state(), State::Withdrawn);
    assert_eq!(proposed().state(), State::Proposed);
}
