//! FIRST IEP 2.0.

use model::Timestamp;
use shieldwall_label::{Attribution, Handling, Iep, PermittedActions, Receiver};

use crate::{closed, comes_to, extended, read};

const EXTENSION: &str = "extension-definition--762e2e97-ee51-43e5-a9ea-165fbb862c4a";

/// The members of a policy as published for the extension, with one replaced, added, or left out for `""`.
fn policy(name: &str, value: &str) -> (String, String) {
    let members = [
        ("encrypt_in_transit", r#""may""#),
        ("permitted_actions", r#""externally-visible-direct-actions""#),
        ("affected_party_notifications", r#""may""#),
        ("tlp", r#""amber""#),
        ("provider_attribution", r#""may""#),
        ("unmodified_resale", r#""may""#),
        ("iep_id", r#""0224bfdf-ea3a-49c3-96f6-66d908bb1845""#),
        ("iep_version", "2.0"),
        ("policy_name", r#""FIRST IEP-SIG TLP-AMBER""#),
        ("description", r#""This is a TLP-AMBER Information Exchange Policy""#),
        ("start_date", r#""1970-01-01T00:00:00Z""#),
    ];
    let known = members.iter().any(|(own, _)| *own == name);
    let added = (!known && !name.is_empty()).then_some((name, value));
    let members = members.into_iter().map(|(own, default)| (own, if own == name { value } else { default }));
    let members = members.chain(added).filter(|(_, value)| !value.is_empty());
    let members: Vec<String> = members.map(|(name, value)| format!(r#""{name}":{value}"#)).collect();
    extended(1, EXTENSION, &members.join(","))
}

#[test]
fn each_statement_restricts_by_itself() {
    for (name, value, expect) in [
        ("", "", "amber"),
        ("tlp", r#""amber+strict""#, "amber+strict"),
        ("tlp", r#""WHITE""#, "clear"),
        ("encrypt_in_transit", r#""must""#, "amber,iep:encrypt"),
        ("permitted_actions", r#""none""#, "amber,iep:do=none"),
        ("permitted_actions", r#""CONTACT FOR INSTRUCTION""#, "amber,iep:do=contact-for-instruction"),
        ("permitted_actions", r#""internally-visible-actions""#, "amber,iep:do=internally-visible-actions"),
        (
            "permitted_actions",
            r#"["externally-visible-direct-actions","internally-visible-actions"]"#,
            "amber,iep:do=internally-visible-actions",
        ),
        (
            "permitted_actions",
            r#""externally-visible-indirect-actions""#,
            "amber,iep:do=externally-visible-indirect-actions",
        ),
        ("affected_party_notifications", r#""must-not""#, "amber,iep:quiet"),
        ("provider_attribution", r#""must""#, "amber,iep:name=must"),
        ("provider_attribution", r#""MUST NOT""#, "amber,iep:name=must-not"),
        ("unmodified_resale", r#""must-not""#, "amber,iep:unsold"),
        ("start_date", r#""1970-01-02T00:00:00Z""#, "amber,iep:from=86400000000"),
        ("end_date", r#""1970-01-02T00:00:00Z""#, "amber,iep:until=86400000000"),
        ("end_date", "null", "amber"),
        ("external_references", r#"["https://www.first.org/iep"]"#, "amber"),
    ] {
        comes_to(policy(name, value), expect);
    }
}

#[test]
fn what_is_missing_or_unknown_is_closed() {
    for name in [
        "encrypt_in_transit",
        "permitted_actions",
        "affected_party_notifications",
        "tlp",
        "provider_attribution",
        "unmodified_resale",
        "iep_version",
        "start_date",
    ] {
        closed(policy(name, ""), &format!("is an IEP policy without `{name}`"));
        let says = if name == "iep_version" { "another version" } else { name };
        closed(policy(name, r#""perhaps""#), says);
    }
    closed(policy("tlp", r#""own""#), "`tlp` that is not known");
    closed(policy("iep_version", "1.0"), "another version");
    closed(policy("encrypt_at_rest", r#""must""#), "a property that IEP 2.0 does not define");
    closed(policy("end_date", r#""soon""#), "`end_date` that is no timestamp");
}

#[test]
fn dates_hold_from_the_start_until_before_the_end() {
    let day = |day: i64| Timestamp::from_micros(day * 86_400_000_000);
    let iep = Iep { start: Some(day(2)), end: Some(day(4)), ..Iep::OPEN };
    let handling = Handling::clear().with_iep(iep.clone());
    let none = std::collections::BTreeSet::new();
    let anyone = Receiver { nation: None, organisations: &none, accesses: &none, purpose: None };
    for (at, holds) in [(1, false), (2, true), (3, true), (4, false), (5, false)] {
        assert_eq!(handling.in_force(day(at)), holds, "{at}");
        assert_eq!(handling.admits(&anyone, false, day(at)).is_ok(), holds);
    }
    // Two windows that do not overlap never hold.
    let later = Iep { start: Some(day(5)), end: None, ..Iep::OPEN };
    assert!((0..8).all(|at| !iep.meet(&later).in_force(day(at))));
}

#[test]
fn demanding_and_forbidding_attribution_lets_nobody_have_it() {
    let of = |attribution| Handling::clear().with_iep(Iep { attribution, ..Iep::OPEN });
    let both = of(Attribution::Must).meet(&of(Attribution::MustNot));
    let none = std::collections::BTreeSet::new();
    let anyone = Receiver { nation: None, organisations: &none, accesses: &none, purpose: None };
    assert_eq!(both.admits(&anyone, false, Timestamp::EPOCH), Err(shieldwall_label::Barrier::Attribution));
    assert!(
        of(Attribution::MustNot).conceals_source(&anyone) && !of(Attribution::Must).conceals_source(&anyone)
    );
    assert_eq!(
        PermittedActions::parse("Externally_Visible Direct-Actions"),
        Some(PermittedActions::ExternallyVisibleDirect)
    );
}

#[test]
fn the_published_example_is_understood() {
    let (_, text) = policy("provider_attribution", r#""must-not""#);
    let (handling, findings) = read((crate::id(1), text));
    assert_eq!((handling.to_text().as_str(), findings.len()), ("amber,iep:name=must-not", 0));
}
