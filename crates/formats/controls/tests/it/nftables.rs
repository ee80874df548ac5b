//! What is written for nftables and what is read back from it. That nftables itself takes it is tested with the actuator.

use std::net::IpAddr;

use observable::Kind;
use shieldwall_controls::{NftError, nft, nft_remove, read_nft};

use crate::{item, now, set};

/// What `nft -j list table inet shieldwall` of nftables 1.0.6 writes, cut to one rule.
const LISTING: &str = r#"{"nftables": [{"metainfo": {"version": "1.0.6", "release_name": "Lester Gooch #5", "json_schema_version": 1}}, {"table": {"family": "inet", "name": "shieldwall", "handle": 1}}, {"counter": {"family": "inet", "name": "dropped", "table": "shieldwall", "handle": 1, "packets": 17, "bytes": 1020}}, {"set": {"family": "inet", "name": "v4", "table": "shieldwall", "type": "ipv4_addr", "handle": 2, "flags": ["interval", "timeout"], "elem": [{"elem": {"val": {"prefix": {"addr": "198.51.100.0", "len": 24}}, "timeout": 2592000, "expires": 2591999}}, {"elem": {"val": {"range": ["203.0.113.0", "203.0.113.6"]}, "timeout": 60, "expires": 59}}, {"elem": {"val": "203.0.113.7", "timeout": 600, "expires": 599}}, {"elem": {"val": {"range": ["203.0.113.8", "203.0.113.255"]}, "timeout": 60, "expires": 59}}]}}, {"set": {"family": "inet", "name": "v6", "table": "shieldwall", "type": "ipv6_addr", "handle": 3, "flags": ["interval", "timeout"], "elem": [{"elem": {"val": "2001:db8::1", "timeout": 1, "expires": 0}}, {"prefix": {"addr": "2001:db8:1::", "len": 48}}]}}, {"set": {"family": "inet", "name": "v4_port", "table": "shieldwall", "type": ["ipv4_addr", "inet_service"], "handle": 4, "flags": ["interval", "timeout"], "elem": [{"elem": {"val": {"concat": ["203.0.113.9", 443]}, "timeout": 30, "expires": 29}}, {"elem": {"val": {"concat": [{"prefix": {"addr": "198.51.100.0", "len": 24}}, 8080]}, "timeout": 30, "expires": 29}}]}}, {"chain": {"family": "inet", "table": "shieldwall", "name": "input", "handle": 6, "type": "filter", "hook": "input", "prio": -10, "policy": "accept"}}, {"rule": {"family": "inet", "table": "shieldwall", "chain": "input", "handle": 33, "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": "@v4"}}, {"counter": "dropped"}, {"drop": null}]}}, {"table": {"family": "ip", "name": "shieldwall", "handle": 9}}, {"set": {"family": "ip", "name": "v4", "table": "shieldwall", "type": "ipv4_addr", "handle": 1, "elem": ["192.0.2.99"]}}]}"#;

#[test]
fn a_listing_says_what_is_blocked_and_for_how_long() {
    let state = read_nft(LISTING).unwrap();
    assert_eq!((state.dropped, state.blocks.len()), (17, 8));
    let left = |kind, value: &str, port| state.left(&item(kind, value, port, 60));
    assert_eq!(left(Kind::Ipv4, "203.0.113.7", None), Some(599));
    assert_eq!(left(Kind::Ipv4, "203.0.113.8", None), Some(59));
    // A network is blocked as long as all of it is.
    assert_eq!(left(Kind::Cidr4, "203.0.113.0/24", None), Some(59));
    assert_eq!(left(Kind::Cidr4, "203.0.113.0/23", None), None);
    assert_eq!(left(Kind::Cidr4, "198.51.100.128/25", None), Some(2_591_999));
    assert_eq!(left(Kind::Ipv4, "192.0.2.99", None), None, "another family's table");
    // A block of all ports is one of each.
    assert_eq!(left(Kind::Ipv4, "203.0.113.9", Some(443)), Some(59));
    assert_eq!(left(Kind::Ipv4, "198.51.100.3", Some(8080)), Some(2_591_999));
    assert_eq!(left(Kind::Ipv4, "192.0.2.1", Some(8080)), None);
    assert_eq!(left(Kind::Ipv6, "2001:db8::1", None), Some(0));
    assert_eq!(left(Kind::Ipv6, "2001:db8:1:2::3", None), Some(u64::MAX));
    assert_eq!(left(Kind::Domain, "bad.example", None), None);
    let port = state.blocks.iter().find(|block| block.port == Some(443)).unwrap();
    assert_eq!(port.first, "203.0.113.9".parse::<IpAddr>().unwrap());
}

#[test]
fn what_is_no_listing_is_said_to_be_none() {
    assert!(matches!(read_nft(""), Err(NftError::NotJson(_))));
    assert_eq!(read_nft("{}"), Err(NftError::NoList));
    assert!(read_nft(r#"{"nftables": []}"#).unwrap().blocks.is_empty());
    for element in [r#""bad""#, r#"{"elem": {"timeout": 3}}"#, r#"{"range": ["1.2.3.4"]}"#, "7", "null"] {
        let text = format!(
            r#"{{"nftables": [{{"set": {{"family": "inet", "table": "shieldwall", "name": "v4", "elem": [{element}]}}}}]}}"#
        );
        assert!(matches!(read_nft(&text), Err(NftError::Element { .. })), "{element}");
    }
}

/// The elements of a set in the order they are written: value and seconds.
fn elements(text: &str, name: &str) -> Vec<(String, u64)> {
    let document: serde_json::Value = serde_json::from_str(text).unwrap();
    let commands = document["nftables"].as_array().unwrap();
    let bodies = commands.iter().filter_map(|command| command.pointer("/add/element"));
    let elements =
        bodies.filter(|body| body["name"] == name).flat_map(|body| body["elem"].as_array().unwrap());
    elements
        .map(|element| {
            let element = &element["elem"];
            (element["val"].to_string(), element["timeout"].as_u64().unwrap())
        })
        .collect()
}

/// The kernel takes no overlapping elements.
#[test]
fn what_overlaps_is_cut() {
    let export = nft(
        &set(vec![
            item(Kind::Cidr4, "203.0.113.0/24", None, 60),
            item(Kind::Ipv4, "203.0.113.7", None, 600),
            item(Kind::Ipv4, "203.0.113.9", None, 10),
            item(Kind::Ipv4, "203.0.113.9", Some(80), 600),
            item(Kind::Cidr4, "203.0.113.8/29", Some(80), 60),
            item(Kind::Ipv4, "203.0.113.9", Some(81), 60),
        ]),
        now(),
    );
    assert_eq!((export.written, export.skipped.len()), (6, 0));
    let expect = [
        (r#"{"range":["203.0.113.0","203.0.113.6"]}"#, 60),
        (r#""203.0.113.7""#, 600),
        (r#"{"range":["203.0.113.8","203.0.113.255"]}"#, 60),
    ];
    assert_eq!(elements(&export.text, "v4"), expect.map(|(value, left)| (value.to_owned(), left)));
    let expect = [
        (r#"{"concat":["203.0.113.8",80]}"#, 60),
        (r#"{"concat":["203.0.113.9",80]}"#, 600),
        (r#"{"concat":[{"range":["203.0.113.10","203.0.113.15"]},80]}"#, 60),
        (r#"{"concat":["203.0.113.9",81]}"#, 60),
    ];
    assert_eq!(elements(&export.text, "v4_port"), expect.map(|(value, left)| (value.to_owned(), left)));
}

#[test]
fn the_widest_and_the_last() {
    let export = nft(
        &set(vec![
            item(Kind::Cidr4, "0.0.0.0/0", None, 60),
            item(Kind::Ipv4, "255.255.255.255", None, 60),
            item(Kind::Cidr6, "ffff::/16", None, 60),
            item(Kind::Ipv6, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None, 61),
        ]),
        now(),
    );
    assert_eq!(elements(&export.text, "v4"), [(r#"{"prefix":{"addr":"0.0.0.0","len":0}}"#.to_owned(), 60)]);
    let six = elements(&export.text, "v6");
    assert_eq!(six.len(), 2);
    assert_eq!(six[1], (r#""ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff""#.to_owned(), 61));
}

#[test]
fn removing_is_allowed_when_nothing_is_there() {
    assert_eq!(
        nft_remove(),
        r#"{"nftables":[{"add":{"table":{"family":"inet","name":"shieldwall"}}},{"delete":{"table":{"family":"inet","name":"shieldwall"}}}]}"#
    );
}
