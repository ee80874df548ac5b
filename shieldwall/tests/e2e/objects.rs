//! STIX written by hand, as strange as it may legally be.

use crate::harness::{CLEAR, GREEN, Node, text};

/// Id of the organisation that made them.
pub(crate) const MAKER: &str = "identity--7a4f61ec-8d2e-4c56-b0f7-2d6f4e1b9a01";
pub(crate) const MALWARE: &str = "malware--3e1c8d52-6a0b-4f79-9d1e-5b7f0c2a6e02";
pub(crate) const INDICATOR: &str = "indicator--b90e2f17-4c83-4d5a-8e6f-1a2b3c4d5e03";
pub(crate) const RELATIONSHIP: &str = "relationship--c5d7a8e9-0b1f-4e2d-8c3a-9f8e7d6c5b04";
/// SHA-256 that no warning list knows.
pub(crate) const HASH: &str = "6f1d0c3b5a794e8297f0d1c2b3a4958677665544332211fedcba9876543210ab";

/// Unmarked, spelt strangely on purpose: what is received is what is given back.
pub(crate) fn maker() -> String {
    format!(
        r#"{{ "type":"identity", "spec_version" : "2.1","id":"{MAKER}",
   "created":"2024-02-29T23:59:59.123456Z","modified":"2024-02-29T23:59:59.1234567Z", "name":"Caf\u00e9 CERT",
   "x_ratio": 1.50e+01, "x_zero":-0.0,"identity_class":"organization","x_list":[ 1 ,2, {{"ключ":"\/"}} ] }}"#
    )
}

/// Marked TLP:GREEN.
pub(crate) fn malware() -> String {
    format!(
        r#"{{"type":"malware","spec_version":"2.1","id":"{MALWARE}","created_by_ref":"{MAKER}","created":"2024-03-01T00:00:00.000Z","modified":"2024-03-01T00:00:00.000Z","name":"Grey Heron","is_family":true,"malware_types":["backdoor"],"object_marking_refs":["{GREEN}"]}}"#
    )
}

/// Marked TLP:CLEAR.
pub(crate) fn indicator() -> String {
    indicator_at(INDICATOR, "2024-03-01T08:00:00.000Z", HASH)
}

/// An indicator marked TLP:CLEAR of a version and a hash.
pub(crate) fn indicator_at(id: &str, modified: &str, hash: &str) -> String {
    format!(
        r#"{{"type":"indicator","spec_version":"2.1","id":"{id}","created_by_ref":"{MAKER}","created":"2024-03-01T08:00:00.000Z","modified":"{modified}","name":"Grey Heron dropper","indicator_types":["malicious-activity"],"pattern":"[file:hashes.'SHA-256' = '{hash}']","pattern_type":"stix","pattern_version":"2.1","valid_from":"2024-03-01T08:00:00Z","object_marking_refs":["{CLEAR}"]}}"#
    )
}

/// Marked TLP:CLEAR; leads from the indicator to the malware.
pub(crate) fn relationship() -> String {
    format!(
        r#"{{"type":"relationship","spec_version":"2.1","id":"{RELATIONSHIP}","created_by_ref":"{MAKER}","created":"2024-03-01T08:00:01.000Z","modified":"2024-03-01T08:00:01.000Z","relationship_type":"indicates","source_ref":"{INDICATOR}","target_ref":"{MALWARE}","object_marking_refs":["{CLEAR}"]}}"#
    )
}

/// All of them in one bundle.
pub(crate) fn bundle() -> String {
    bundle_of(&[maker(), malware(), indicator(), relationship()])
}

/// A bundle of objects.
pub(crate) fn bundle_of(objects: &[String]) -> String {
    format!(
        r#"{{"type":"bundle","id":"bundle--0f6d8a1e-2b3c-4d5e-8f90-a1b2c3d4e505","objects":[{}]}}"#,
        objects.join(",\n")
    )
}

/// An indicator's id and text, marked TLP:CLEAR, different for each number.
pub(crate) fn numbered_indicator(number: u32) -> (String, String) {
    let id = format!("indicator--{number:08x}-0000-4000-8000-00000000e2e0");
    let hash = format!("{number:08x}{}", &HASH[8..]);
    let text = indicator_at(&id, "2024-03-01T08:00:00.000Z", &hash);
    (id, text)
}

/// A node that holds the sample bundle.
pub(crate) fn stocked() -> Node {
    let node = Node::new("Sample CERT");
    let file = node.file("sample.json", bundle());
    assert_eq!(node.json(&["import", text(&file)])["accepted"], 4);
    node
}
