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
