//! Confidentiality labels of STANAG 4774 under SPIFs.

use std::collections::BTreeSet;

use proptest::prelude::*;
use shieldwall_label::{
    Classification, ConfidentialityLabel, Handling, Receiver, Spif, Spifs, Stanag, Unreadable,
};

use crate::generate::nation;
use crate::{CLEAR, handling_extension, id, read_with};

const NATIONAL: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<spif:SPIF xmlns:spif="http://www.xmlspif.org/spif" schemaVersion="2.1" version="7">
  <spif:securityPolicyId name="NATIONAL" id="1.2.826.1"/>
  <spif:securityClassifications>
    <spif:securityClassification name="OFFICIAL" lacv="1" hierarchy="10" color="green"/>
    <spif:securityClassification name="SECRET" lacv="4" hierarchy="40">
      <spif:markingData phrase="SECRET"/>
      <spif:equivalentClassification policyRef="ALLIANCE" lacv="5" applied="both"/>
      <spif:requiredCategory operation="oneOrMore">
        <spif:categoryGroup tagSetRef="Release Categories" tagType="enumerated"/>
        <spif:categoryGroup tagSetRef="Special Handling" tagType="restrictive"/>
      </spif:requiredCategory>
    </spif:securityClassification>
    <spif:securityClassification name="TOP SECRET" lacv="5" hierarchy="50">
      <spif:equivalentClassification policyRef="ALLIANCE" lacv="6" applied="encrypt"/>
      <spif:equivalentClassification policyRef="ALLIANCE" lacv="7"/>
      <spif:equivalentClassification policyRef="ALLIANCE" lacv="5"/>
    </spif:securityClassification>
  </spif:securityClassifications>
  <spif:securityCategoryTagSets>
    <spif:securityCategoryTagSet name="Release Categories" id="1.2.826.1.1">
      <spif:securityCategoryTag name="Releasable To" tagType="enumerated" enumType="permissive">
        <spif:tagCategory name="CANADA" lacv="4407630"/>
        <spif:tagCategory name="GBR" lacv="2"/>
        <spif:tagCategory name="ALLIANCE" lacv="3"/>
      </spif:securityCategoryTag>
    </spif:securityCategoryTagSet>
    <spif:securityCategoryTagSet name="Special Handling" id="1.2.826.1.2">
      <spif:securityCategoryTag name="Codeword" tagType="restrictive">
        <spif:tagCategory name="FALCON" lacv="1"><spif:excludedClass>OFFICIAL</spif:excludedClass></spif:tagCategory>
        <spif:tagCategory name="KITE" lacv="2">
          <spif:excludedCategory tagSetId="1.2.826.1.2" tagType="restrictive" lacv="1"/>
        </spif:tagCategory>
        <spif:tagCategory name="OLD" lacv="3" notAfter="2020-01-01T00:00:00Z"/>
      </spif:securityCategoryTag>
      <spif:securityCategoryTag name="Community" tagType="permissive" singleSelection="true">
        <spif:tagCategory name="COM" lacv="1"/>
        <spif:tagCategory name="OPS" lacv="2"/>
      </spif:securityCategoryTag>
      <spif:securityCategoryTag name="Note" tagType="tagType7"><spif:tagCategory name="DRAFT" lacv="1"/></spif:securityCategoryTag>
    </spif:securityCategoryTagSet>
  </spif:securityCategoryTagSets>
  <spif:equivalentPolicies><spif:equivalentPolicy name="ALLIANCE" id="1.3.26"/></spif:equivalentPolicies>
</spif:SPIF>"#;

const ALLIANCE: &str = r#"<SPIF xmlns="http://www.xmlspif.org/spif" schemaVersion="2.1">
  <securityPolicyId name="ALLIANCE" id="1.3.26"/>
  <securityClassifications>
    <securityClassification name="RESTRICTED" lacv="2" hierarchy="2"/>
    <securityClassification name="SECRET" lacv="5" hierarchy="5"/>
    <securityClassification name="COSMIC" lacv="6" hierarchy="6"/>
    <securityClassification name="ULTRA" lacv="7" hierarchy="7"/>
  </securityClassifications>
  <securityCategoryTagSets>
    <securityCategoryTagSet name="Context" id="1.3.26.1">
      <securityCategoryTag name="Administrative" tagType="restrictive"><tagCategory name="MEDICAL" lacv="1"/></securityCategoryTag>
    </securityCategoryTagSet>
  </securityCategoryTagSets>
</SPIF>"#;

fn both() -> Spifs {
    Spifs::NONE.with_home(Spif::parse(NATIONAL).unwrap()).with(Spif::parse(ALLIANCE).unwrap())
}

/// The XML of a label; categories as `TYPE|tag|value,value`.
fn xml(policy: &str, classification: &str, categories: &[&str]) -> String {
    let category = |text: &&str| {
        let parts: Vec<&str> = text.split('|').collect();
        let values: String =
            parts[2].split(',').map(|value| format!("<GenericValue>{value}</GenericValue>")).collect();
        format!(r#"<Category Type="{}" TagName="{}">{values}</Category>"#, parts[0], parts[1])
    };
    format!(
        r#"<originatorConfidentialityLabel xmlns="urn:nato:stanag:4774:confidentialitymetadatalabel:1:0"
          ReviewDateTime="2031-09-26T00:00:00Z"><ConfidentialityInformation>{policy}
          <Classification>{classification}</Classification>{}</ConfidentialityInformation>
          <CreationDateTime>2026-09-26T12:00:00Z</CreationDateTime></originatorConfidentialityLabel>"#,
        categories.iter().map(category).collect::<String>()
    )
}

const HOME: &str = r#"<PolicyIdentifier URI="urn:oid:1.2.826.1">NATIONAL</PolicyIdentifier>"#;
const ALLIED: &str = "<PolicyIdentifier>ALLIANCE</PolicyIdentifier>";

fn classify(spifs: &Spifs, xml: &str) -> Result<Classification, Unreadable> {
    spifs.classify(&ConfidentialityLabel::parse(xml).unwrap())
}

#[track_caller]
fn means(xml: &str, expect: &str) {
    let label = classify(&both(), xml).unwrap();
    assert_eq!(
        Handling::clear().with_stanag(Stanag::Label(label)).to_text(),
        format!("clear,stanag:{expect}")
    );
}

#[track_caller]
fn unreadable(xml: &str, expect: Unreadable) {
    assert_eq!(classify(&both(), xml), Err(expect), "{xml}");
}

#[test]
fn labels_of_the_home_policy() {
    means(&xml(HOME, "OFFICIAL", &[]), "1.2.826.1/10/OFFICIAL///");
    means(
        &xml(HOME, "SECRET", &["PERMISSIVE|Releasable To|CANADA,GBR", "INFORMATIVE|Note|DRAFT"]),
        "1.2.826.1/40/SECRET//release~CAN*GBR/1.2.826.1%3ANote~DRAFT",
    );
    means(
        &xml(HOME, "SECRET", &["restrictive|Codeword|FALCON"]),
        "1.2.826.1/40/SECRET/1.2.826.1%3ACodeword~FALCON//",
    );
    // A value of another tag that looks like a nation (Comoros) is none.
    means(
        &xml(HOME, "OFFICIAL", &["PERMISSIVE|Community|COM"]),
        "1.2.826.1/10/OFFICIAL//1.2.826.1%3ACommunity~COM/",
    );
}

#[test]
fn equivalents_come_in_as_the_home_policy_names_them() {
    // The home policy names two for it: the higher is taken.
    means(&xml(ALLIED, "SECRET", &[]), "1.2.826.1/50/TOP%20SECRET///");
    means(
        &xml(ALLIED, "ULTRA", &["RESTRICTIVE|Administrative|MEDICAL"]),
        "1.2.826.1/50/TOP%20SECRET/1.3.26%3AAdministrative~MEDICAL//",
    );
    // No equivalent, or one for sending only: it stays in its own policy, and meets the home policy in nobody.
    means(&xml(ALLIED, "RESTRICTED", &[]), "1.3.26/2/RESTRICTED///");
    means(&xml(ALLIED, "COSMIC", &[]), "1.3.26/6/COSMIC///");
    let spifs = both();
    let label = |xml: &str| Stanag::Label(classify(&spifs, xml).unwrap());
    let home = label(&xml(HOME, "OFFICIAL", &[]));
    assert_eq!(home.meet(&label(&xml(ALLIED, "RESTRICTED", &[]))), Stanag::Nobody);
    assert_eq!(home.meet(&label(&xml(ALLIED, "ULTRA", &[]))), label(&xml(ALLIED, "ULTRA", &[])));
}

#[test]
fn what_a_policy_does_not_have_is_unreadable() {
    unreadable(&xml("<PolicyIdentifier>ELSEWHERE</PolicyIdentifier>", "SECRET", &[]), Unreadable::Policy);
    unreadable(&xml(r#"<PolicyIdentifier URI="urn:oid:9.9"/>"#, "SECRET", &[]), Unreadable::Policy);
    // The name of one policy with the id of another.
    let mixed = r#"<PolicyIdentifier URI="urn:oid:1.2.826.1">ALLIANCE</PolicyIdentifier>"#;
    unreadable(&xml(mixed, "SECRET", &[]), Unreadable::Policy);
    unreadable(&xml(HOME, "Secret", &[]), Unreadable::Classification);
    unreadable(&xml(HOME, "OFFICIAL", &["RESTRICTIVE|Codeword|EAGLE"]), Unreadable::Category);
    unreadable(&xml(HOME, "OFFICIAL", &["RESTRICTIVE|Nickname|FALCON"]), Unreadable::Category);
    // As informative it would restrict nobody.
    unreadable(&xml(HOME, "OFFICIAL", &["INFORMATIVE|Codeword|FALCON"]), Unreadable::Category);
    // A value that held for some time only needs a clock to be read.
    unreadable(&xml(HOME, "SECRET", &["RESTRICTIVE|Codeword|OLD"]), Unreadable::Category);
    assert_eq!(classify(&Spifs::NONE, &xml(HOME, "OFFICIAL", &[])), Err(Unreadable::Policy));
}

/// A policy with a category that every label must have (`minSelection`), as many as it says.
fn demanding(attributes: &str) -> String {
    NATIONAL.replace(
        r#"name="Community" tagType="permissive" singleSelection="true""#,
        &format!(r#"name="Community" tagType="permissive" {attributes}"#),
    )
}

#[test]
fn a_label_without_a_category_that_its_policy_requires_is_unreadable() {
    let with = |attributes: &str| Spifs::NONE.with_home(Spif::parse(&demanding(attributes)).unwrap());
    let check = |spifs: &Spifs, categories: &[&str], readable: bool| {
        let got = classify(spifs, &xml(HOME, "OFFICIAL", categories));
        assert_eq!(got.is_ok(), readable, "{categories:?}: {got:?}");
        assert!(readable || got == Err(Unreadable::Combination), "{got:?}");
    };
    let one = with(r#"minSelection="1""#);
    check(&one, &[], false);
    // Another category is not the one that is asked for.
    check(&one, &["RESTRICTIVE|Codeword|KITE"], false);
    check(&one, &["PERMISSIVE|Community|COM"], true);
    check(&one, &["PERMISSIVE|Community|COM,OPS"], true);
    let two = with(r#"minSelection="2""#);
    check(&two, &["PERMISSIVE|Community|OPS"], false);
    // The same value twice is one value.
    check(&two, &["PERMISSIVE|Community|OPS,OPS"], false);
    check(&two, &["PERMISSIVE|Community|COM,OPS"], true);
    check(&with(r#"minSelection="0""#), &[], true);
    // What it asks for holds with an allied label of that policy too, before anything is translated.
    let ally = NATIONAL.replace("1.2.826.1\"", "1.2.826.9\"").replace("name=\"NATIONAL\"", "name=\"OTHER\"");
    let spifs = with(r#"minSelection="1""#).with(Spif::parse(&ally).unwrap());
    let other = "<PolicyIdentifier>OTHER</PolicyIdentifier>";
    assert!(classify(&spifs, &xml(other, "OFFICIAL", &[])).is_ok(), "the other policy asks for nothing");
}

#[test]
fn a_policy_that_asks_for_what_nobody_can_choose_is_none() {
    for attributes in [
        r#"minSelection="2" singleSelection="true""#,
        r#"minSelection="3" maxSelection="2""#,
        r#"minSelection="-1""#,
        r#"minSelection="some""#,
    ] {
        assert!(Spif::parse(&demanding(attributes)).is_err(), "{attributes}");
    }
}

#[test]
fn combinations_that_a_policy_forbids_are_unreadable() {
    unreadable(&xml(HOME, "SECRET", &[]), Unreadable::Combination);
    unreadable(&xml(HOME, "OFFICIAL", &["RESTRICTIVE|Codeword|FALCON"]), Unreadable::Combination);
    unreadable(&xml(HOME, "SECRET", &["RESTRICTIVE|Codeword|FALCON,KITE"]), Unreadable::Combination);
    unreadable(&xml(HOME, "OFFICIAL", &["PERMISSIVE|Community|COM,OPS"]), Unreadable::Combination);
    assert!(classify(&both(), &xml(HOME, "OFFICIAL", &["RESTRICTIVE|Codeword|KITE"])).is_ok());
}

#[test]
fn permissive_categories_are_for_receivers() {
    let spifs = both();
    let label =
        classify(&spifs, &xml(HOME, "SECRET", &["PERMISSIVE|Releasable To|CANADA,ALLIANCE"])).unwrap();
    let permits = |code: &str, access: &str| {
        let (none, accesses) = (BTreeSet::new(), BTreeSet::from([access.to_owned()]));
        let nation = Some(nation(code));
        label.permits(&Receiver { nation, organisations: &none, accesses: &accesses, purpose: None })
    };
    assert!(permits("CAN", "") && !permits("GBR", "") && permits("GBR", "release:ALLIANCE"));
    let handling = Handling::clear().with_stanag(Stanag::Label(label.clone()));
    assert!(
        handling.permits_nation("CA") && !handling.permits_nation("GBR") && !handling.permits_nation("x")
    );
    let gbr = classify(&spifs, &xml(HOME, "SECRET", &["PERMISSIVE|Releasable To|GBR"])).unwrap();
    let nobody = Stanag::Label(label).meet(&Stanag::Label(gbr));
    assert!(!Handling::clear().with_stanag(nobody).permits_nation("CAN"));
}

#[test]
fn labels_in_markings() {
    let quoted = |text: &str| {
        let mut out = String::new();
        json::write_string(text, &mut out);
        out
    };
    let read = |spifs: &Spifs, body: String| {
        let definition = handling_extension(1, &format!(r#""confidentiality_label":{body}"#));
        read_with(spifs, &[&id(1)], CLEAR, &[definition])
    };
    let spifs = both();
    let label = quoted(&xml(HOME, "OFFICIAL", &[]));
    let (handling, findings) = read(&spifs, label.clone());
    assert_eq!(
        *handling.stanag(),
        Stanag::Label(spifs.get("1.2.826.1").unwrap().classification("OFFICIAL").unwrap())
    );
    assert_eq!(findings, []);
    // Without its SPIF it is not understood.
    let (handling, findings) = read(&Spifs::NONE, label);
    assert_eq!(handling, Handling::own_only());
    assert!(findings[0].message.contains("no SPIF for its policy is loaded here"), "{findings:?}");
    for body in [
        quoted("<a/>"),
        quoted("no label"),
        "7".to_owned(),
        "{}".to_owned(),
        r#"{"policy":"1.2.826.1","name":"OFFICIAL"}"#.to_owned(),
        // Another node's reading of a SPIF that ours contradicts.
        r#"{"policy":"1.2.826.1","name":"SECRET","hierarchy":1}"#.to_owned(),
        r#"{"policy":"1.2.826.1","name":"OFFICIAL","hierarchy":10,"caveats":{}}"#.to_owned(),
        r#"{"policy":"1.2.826.1","name":"OFFICIAL","hierarchy":10,"restrictive":[]}"#.to_owned(),
    ] {
        assert_eq!(read(&spifs, body.clone()).0, Handling::own_only(), "{body}");
    }
}

#[test]
fn what_is_no_label_is_refused() {
    let good = xml(HOME, "OFFICIAL", &["RESTRICTIVE|Codeword|KITE"]);
    assert!(ConfidentialityLabel::parse(&good).is_ok());
    for (part, with) in [
        ("urn:nato:stanag:4774:confidentialitymetadatalabel:1:0", "urn:nato:stanag:4774:other"),
        ("originatorConfidentialityLabel", "alternativeConfidentialityLabel"),
        ("<Classification>OFFICIAL</Classification>", ""),
        ("<Classification>OFFICIAL</Classification>", "<Classification/>"),
        ("<Classification>", "<Classification>A</Classification><Classification>"),
        (HOME, ""),
        (HOME, "<PolicyIdentifier/>"),
        ("<GenericValue>KITE</GenericValue>", ""),
        ("<GenericValue>KITE</GenericValue>", "<GenericValue/>"),
        ("<GenericValue>KITE</GenericValue>", "<BitString>1</BitString>"),
        (r#"Type="RESTRICTIVE""#, r#"Type="ADVISORY""#),
        (r#"Type="RESTRICTIVE""#, ""),
        ("TagName", "Tag"),
        ("</ConfidentialityInformation>", "<Caveat>NOFORN</Caveat></ConfidentialityInformation>"),
        ("<CreationDateTime>", "<x/><CreationDateTime>"),
        ("<?", "<!DOCTYPE a>"),
    ] {
        let bad = if part == "<?" { format!("{with}{good}") } else { good.replace(part, with) };
        assert!(ConfidentialityLabel::parse(&bad).is_err(), "{bad}");
    }
}

#[test]
fn what_is_no_spif_that_we_can_apply_is_refused() {
    let refuse = |part: &str, with: &str| {
        let bad = NATIONAL.replacen(part, with, 1);
        assert_ne!(bad, NATIONAL, "{part}");
        let error = Spif::parse(&bad).expect_err(with);
        assert!(!error.to_string().is_empty());
    };
    refuse("http://www.xmlspif.org/spif", "http://example.org/spif");
    refuse(r#"id="1.2.826.1""#, "");
    refuse(r#"hierarchy="10""#, "");
    refuse(r#"hierarchy="10""#, r#"hierarchy="-1""#);
    refuse(r#"hierarchy="10""#, r#"hierarchy="low""#);
    refuse(r#"name="OFFICIAL" lacv="1""#, r#"name="SECRET" lacv="1""#);
    refuse(r#"name="OFFICIAL" lacv="1""#, r#"name="OFFICIAL" lacv="4""#);
    refuse(r#"policyRef="ALLIANCE""#, r#"policyRef="UNION""#);
    refuse(r#"operation="oneOrMore""#, r#"operation="most""#);
    refuse(r#"enumType="permissive""#, r#"enumType="advisory""#);
    refuse(r#"tagType="enumerated" enumType"#, r#"tagType="bitmap" enumType"#);
    refuse(r#"<spif:markingData phrase="SECRET"/>"#, "<spif:handlingRule/>");
    refuse("spif:excludedClass>OFFICIAL</spif:excludedClass", "spif:exempt>OFFICIAL</spif:exempt");
    refuse(r#"tagSetId="1.2.826.1.2" "#, "");
    refuse("name=\"Community\"", "name=\"Codeword\"");
    refuse("</spif:securityClassifications>", "</spif:securityClassifications><spif:newRules/>");
    assert!(Spif::parse("").is_err());
}

proptest! {
    /// Whatever becomes of the text on the way, it is read or refused; and never as something wider.
    #[test]
    fn damaged_texts_end_in_an_answer(at in 0.0..1.0f64, length in 0usize..12, with in "[<>/&;\"'= a-zA-Z0-9!\\[-]{0,6}") {
        let damage = |text: &str| {
            let start = (0..text.len()).rev().find(|i| text.is_char_boundary(*i) && *i as f64 <= at * text.len() as f64);
            let start = start.unwrap_or(0);
            let end = text.len().min(start + length);
            text.get(end..).map(|rest| format!("{}{with}{rest}", &text[..start]))
        };
        if let Some(spif) = damage(NATIONAL) {
            let _ = Spif::parse(&spif);
        }
        let label = xml(HOME, "SECRET", &["RESTRICTIVE|Codeword|FALCON", "PERMISSIVE|Releasable To|CANADA"]);
        let before = classify(&both(), &label).unwrap();
        let damaged = damage(&label).and_then(|text| ConfidentialityLabel::parse(&text).ok());
        if let Some(Ok(after)) = damaged.map(|label| both().classify(&label)) {
            // Nobody says less than SECRET by accident: the other levels are other words.
            prop_assert!(after.hierarchy >= before.hierarchy, "{after:?}");
        }
    }
}
