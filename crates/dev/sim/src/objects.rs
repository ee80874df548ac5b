//! The objects that nodes publish in a run.

use model::{StixId, Timestamp, Tlp};
use stix::marking::tlp_ref;

/// An indicator as its creator publishes it. `version` also shows in its name, so that versions differ in meaning.
pub(crate) fn indicator(
    id: &StixId,
    creator: &StixId,
    created: Timestamp,
    modified: Timestamp,
    version: u32,
    tlp: Tlp,
) -> String {
    let marking = tlp_ref(tlp);
    let mut tail = [0u8; 4];
    for (slot, byte) in tail.iter_mut().zip(id.uuid().0) {
        *slot = byte;
    }
    let host = u32::from_le_bytes(tail);
    format!(
        r#"{{"type":"indicator","spec_version":"2.1","id":"{id}","created_by_ref":"{creator}","created":"{created}","modified":"{modified}","name":"tool {host} v{version}","indicator_types":["malicious-activity"],"pattern":"[mutex:name = 'sim-{host}']","pattern_type":"stix","valid_from":"{created}","object_marking_refs":["{marking}"]}}"#
    )
}

/// The same version with another meaning: what a liar would send.
pub(crate) fn forged(honest: &str) -> String {
    honest.replace("\"malicious-activity\"", "\"benign\"")
}

/// An indicator that names one IPv4 address, and so one whose id must not leak.
pub(crate) fn address_indicator(
    id: &StixId,
    creator: &StixId,
    created: Timestamp,
    modified: Timestamp,
    address: &str,
    tlp: Tlp,
) -> String {
    let marking = tlp_ref(tlp);
    format!(
        r#"{{"type":"indicator","spec_version":"2.1","id":"{id}","created_by_ref":"{creator}","created":"{created}","modified":"{modified}","name":"seen at {modified}","indicator_types":["malicious-activity"],"pattern":"[ipv4-addr:value = '{address}']","pattern_type":"stix","valid_from":"{created}","object_marking_refs":["{marking}"]}}"#
    )
}

/// What ties two objects of one creator together, and names both.
pub(crate) fn relationship(
    id: &StixId,
    creator: &StixId,
    created: Timestamp,
    ends: (&StixId, &StixId),
    tlp: Tlp,
) -> String {
    let (marking, source, target) = (tlp_ref(tlp), ends.0, ends.1);
    format!(
        r#"{{"type":"relationship","spec_version":"2.1","id":"{id}","created_by_ref":"{creator}","created":"{created}","modified":"{created}","relationship_type":"related-to","source_ref":"{source}","target_ref":"{target}","object_marking_refs":["{marking}"]}}"#
    )
}
