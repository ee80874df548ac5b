//! One set in every format, as files. `UPDATE_EXPECT=1` writes them anew.

use std::collections::BTreeSet;

use expect_test::expect_file;
use model::Digest;
use shieldwall_controls::{BlockSet, Format, Options, Why, export};

use crate::{mixed, now};

/// The text, and what was skipped: kind and reason.
fn written(format: Format) -> (String, Vec<(String, Why)>) {
    let export = export(format, &mixed(), now(), &Options::default());
    let skipped: Vec<_> = export
        .skipped
        .into_iter()
        .map(|skipped| (skipped.item.observable.kind().to_string(), skipped.why))
        .collect();
    // One of the twelve says of the same address that it ends earlier.
    assert_eq!(export.written + skipped.len(), 11, "{format}");
    (export.text, skipped)
}

fn skipped(of: &[(&str, Why)]) -> Vec<(String, Why)> {
    of.iter().map(|(kind, why)| ((*kind).to_owned(), why.clone())).collect()
}

#[test]
fn plain() {
    let (text, left_out) = written(Format::Plain);
    assert_eq!(left_out, skipped(&[("mutex", Why::Kind), ("user-agent", Why::Kind)]));
    expect_file!["goldens/plain.txt"].assert_eq(&text);
}

#[test]
fn json() {
    let (text, left_out) = written(Format::Json);
    assert!(left_out.is_empty(), "{left_out:?}");
    expect_file!["goldens/block-set.json"].assert_eq(&text);
    // Whoever is told can ask about the leases.
    let set = BlockSet { leases: BTreeSet::from([Digest([7; 32]), Digest([3; 32])]), ..mixed() };
    let text = export(Format::Json, &set, now(), &Options::default()).text;
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["leases"], serde_json::json!(["03".repeat(32), "07".repeat(32)]));
}

#[test]
fn nftables() {
    let (text, left_out) = written(Format::Nftables);
    let kinds = ["domain", "domain-suffix", "url", "url", "sha256", "mutex", "user-agent"];
    assert_eq!(left_out, skipped(&kinds.map(|kind| (kind, Why::Kind))));
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut lines = String::new();
    for command in document["nftables"].as_array().unwrap() {
        lines.push_str(&command.to_string());
        lines.push('\n');
    }
    expect_file!["goldens/nftables.jsonl"].assert_eq(&lines);
}

#[test]
fn suricata() {
    let (text, left_out) = written(Format::Suricata);
    let expect = [("url", Why::Encrypted), ("sha256", Why::Kind), ("mutex", Why::Kind)];
    assert_eq!(left_out, skipped(&expect));
    expect_file!["goldens/suricata.rules"].assert_eq(&text);
}

#[test]
fn response_policy_zone() {
    let (text, left_out) = written(Format::Rpz);
    let expect = [
        ("ipv4", Why::Port),
        ("url", Why::Kind),
        ("url", Why::Kind),
        ("sha256", Why::Kind),
        ("mutex", Why::Kind),
        ("user-agent", Why::Kind),
    ];
    assert_eq!(left_out, skipped(&expect));
    expect_file!["goldens/rpz.zone"].assert_eq(&text);
}

#[test]
fn sigma() {
    let (text, left_out) = written(Format::Sigma);
    assert_eq!(left_out, skipped(&[("mutex", Why::Kind)]));
    expect_file!["goldens/sigma.yml"].assert_eq(&text);
}

#[test]
fn openc2() {
    let (text, left_out) = written(Format::OpenC2);
    let expect = [("domain-suffix", Why::Kind), ("mutex", Why::Kind), ("user-agent", Why::Kind)];
    assert_eq!(left_out, skipped(&expect));
    expect_file!["goldens/openc2.json"].assert_eq(&text);
}
