//! Markings that are written come back as what they say.

use std::collections::{BTreeMap, BTreeSet};

use json::Value;
use model::Label;
use proptest::prelude::*;
use shieldwall_label::{Handling, Iep, Reader, Releasability, marking_refs};

use crate::generate::{handling, nation, spifs};
use crate::{AMBER, CLEAR, with};

/// What an object with these markings comes to, with the definitions that were written beside them.
fn read_back(refs: &[(model::StixId, Option<String>)]) -> (Handling, usize) {
    let known: BTreeMap<&str, &str> =
        refs.iter().filter_map(|(id, text)| Some((id.as_str(), text.as_deref()?))).collect();
    let resolve = |id: &str| known.get(id).map(|text| (*text).to_owned());
    let ids: Vec<String> = refs.iter().map(|(id, _)| format!("{:?}", id.as_str())).collect();
    let mut findings = Vec::new();
    let handling = with(&format!(r#"{{"object_marking_refs":[{}]}}"#, ids.join(",")), |object| {
        Reader::new(&resolve).with_spifs(&spifs()).whole(object, CLEAR, &mut findings)
    });
    (handling, findings.len())
}

fn is_valid(definition: Value<'_>) -> Result<(), String> {
    let mut findings = Vec::new();
    let valid = stix::validate(definition, &stix::Checks::default(), &mut findings);
    // The standard recommends random ids; these are the same for everybody who writes them.
    findings.retain(|finding| finding.rule != "stix-2.1/2.9/uuid-version");
    if valid.is_some() && findings.is_empty() { Ok(()) } else { Err(format!("{findings:?}")) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn what_is_written_is_read_back(handling in handling()) {
        let refs = marking_refs(&handling);
        let (back, findings) = read_back(&refs);
        prop_assert_eq!((&back, findings), (&handling, 0));
        for (id, text) in &refs {
            let Some(text) = text else { continue };
            prop_assert_eq!(with(text, is_valid), Ok(()), "{}", text);
            prop_assert!(text.contains(id.as_str()));
        }
        // The same for everybody, and each id once.
        prop_assert_eq!(&marking_refs(&back), &refs);
        let ids: BTreeSet<&str> = refs.iter().map(|(id, _)| id.as_str()).collect();
        prop_assert_eq!(ids.len(), refs.len());
    }
}

#[test]
fn plain_tlp_needs_no_definition_of_ours() {
    for tlp in model::Tlp::ALL {
        assert_eq!(marking_refs(&Label::Tlp(tlp).into()), [(stix::marking::tlp_ref(tlp), None)]);
    }
}

#[test]
fn one_definition_for_each_dimension() {
    let handling = Handling::from(AMBER)
        .with_personal(true)
        .with_iep(Iep { may_resell: false, ..Iep::OPEN })
        .with_releasability(Releasability::eyes_only([nation("GBR"), nation("USA")]));
    let names: Vec<String> = marking_refs(&handling)
        .iter()
        .filter_map(|(_, text)| with(text.as_ref()?, |value| value.get("name")?.as_str().map(Into::into)))
        .collect();
    assert_eq!(names, ["Personal data", "REL TO GBR, USA//EYES ONLY", "IEP"]);
}

/// The texts are signed and referred to by others: they must never change.
#[test]
fn the_written_form_is_fixed() {
    let handling = Handling::from(AMBER).with_pap(shieldwall_label::Pap::Red);
    let refs = marking_refs(&handling);
    expect_test::expect![[r#"{"type":"marking-definition","spec_version":"2.1","id":"marking-definition--9091ea93-7cd3-5c67-928f-b532f67bb359","created":"2026-01-01T00:00:00.000Z","name":"PAP:RED","extensions":{"extension-definition--f90071f0-4e68-4ccd-a673-13e4cef3797f":{"extension_type":"property-extension","pap":"red"}}}"#]]
    .assert_eq(refs[1].1.as_ref().unwrap());
}
