//! ACS 3.0: who may see, do, and pass on.

use std::collections::BTreeSet;

use model::Timestamp;
use shieldwall_label::{Acs, Barrier, Handling, Receiver};

use crate::generate::nation;
use crate::{closed, extended, id, read};

const EXTENSION: &str = "extension-definition--3a65884d-005a-4290-8335-cb2d778a83ce";

/// A marking with this control set, policy defaults and further members.
fn marking(control_set: &str, defaults: &str, more: &str) -> (String, String) {
    extended(
        1,
        EXTENSION,
        &format!(
            r#""identifier":"isa:guide.19001.ACS3-e0c28f68-5570-434a-9764-3e8498f0a59a","name":"n",
            "create_date_time":"2021-08-14T01:08:08.432065Z","responsible_entity_custodian":"USA.DHS.US-CERT",
            "responsible_entity_originator":"USA.DHS.US-CERT","authority_reference":["urn:isa:authority:misa"],
            "policy_reference":"urn:isa:policy:acs:ns:v3.0?{defaults}","control_set":{{{control_set}}}{more}"#
        ),
    )
}

const DENY: &str = "privdefault=deny&sharedefault=deny";
const PERMIT: &str = "privdefault=permit&sharedefault=permit";
const U: &str = r#""classification":"U""#;

#[track_caller]
fn handling(definition: (String, String)) -> Handling {
    let (handling, findings) = read(definition);
    assert_eq!(findings, Vec::<String>::new());
    handling
}

/// Calls with a receiver of this nation, these organisations and accesses, between spaces.
fn to<T>(code: &str, organisations: &str, accesses: &str, call: impl FnOnce(&Receiver<'_>) -> T) -> T {
    let set = |text: &str| text.split_whitespace().map(str::to_owned).collect::<BTreeSet<_>>();
    let (organisations, accesses) = (set(organisations), set(accesses));
    let nation = Some(code).filter(|code| !code.is_empty()).map(nation);
    call(&Receiver { nation, organisations: &organisations, accesses: &accesses, purpose: None })
}

#[track_caller]
fn sees(acs: &Acs, code: &str, organisations: &str, accesses: &str) -> bool {
    to(code, organisations, accesses, |receiver| acs.may_see(receiver))
}

#[test]
fn access_is_for_whom_the_control_set_permits() {
    let open = handling(marking(U, DENY, ""));
    assert!(sees(open.acs(), "", "", ""));
    let set = r#""classification":"U","permitted_nationalities":["USA","GBR"],"permitted_organizations":["USA.DHS","GBR.NCSC"]"#;
    let limited = handling(marking(set, DENY, ""));
    for (code, organisations, expect) in [
        ("USA", "USA.DHS", true),
        ("GBR", "GBR.NCSC GBR.X", true),
        ("FRA", "USA.DHS", false),
        ("USA", "USA.DHS.US-CERT", false),
        ("USA", "", false),
        ("", "USA.DHS", false),
    ] {
        assert_eq!(sees(limited.acs(), code, organisations, ""), expect, "{code} {organisations}");
    }
    assert!(limited.permits_nation("GB") && !limited.permits_nation("FR") && !limited.permits_nation("x"));
    // ALL is everybody.
    let all = r#""classification":"U","permitted_nationalities":["ALL"],"permitted_organizations":["ALL"],"entity":["ALL"]"#;
    assert!(sees(handling(marking(all, DENY, "")).acs(), "", "", ""));
    // A list in which nobody is known is nobody.
    let (nobody, findings) =
        read(marking(r#""classification":"U","permitted_nationalities":["QZZ"]"#, DENY, ""));
    assert!(!sees(nobody.acs(), "USA", "", "") && findings.len() == 1);
}

#[test]
fn controls_and_classification_ask_for_accesses() {
    let set = r#""classification":"TS","sci_controls":["SI"],"logical_authority_category":["LAC12345"],
        "formal_determination":["FOUO","AIS","PUBREL","PII-NOT-PRESENT"],"caveat":["FISA"],"sensitivity":["LES"]"#;
    let acs = handling(marking(set, PERMIT, ""));
    let all = "CLS:TS SCI:SI LAC:LAC12345 FD:FOUO CVT:FISA SENS:LES";
    assert!(sees(acs.acs(), "", "", all));
    for missing in all.split(' ') {
        assert!(!sees(acs.acs(), "", "", &all.replace(missing, "")), "{missing}");
    }
    // Being cleared for TOP SECRET says nothing about SECRET here: whoever grants accesses lists them.
    let secret = handling(marking(r#""classification":"S""#, PERMIT, ""));
    assert!(!sees(secret.acs(), "", "", "CLS:TS") && sees(secret.acs(), "", "", "CLS:S CLS:TS"));
    let communities = r#""classification":"U","shareability":["LE","NCC"],"entity":["GOV"]"#;
    let communities = handling(marking(communities, PERMIT, ""));
    assert!(sees(communities.acs(), "", "", "SHAR:NCC ENTITY:GOV"));
    assert!(!sees(communities.acs(), "", "", "SHAR:NCC") && !sees(communities.acs(), "", "", ""));
}

#[test]
fn determinations_that_mean_more() {
    let nf = handling(marking(r#""classification":"U","formal_determination":["NF"]"#, PERMIT, ""));
    assert!(nf.permits_nation("USA") && !nf.permits_nation("GBR") && nf.releasability().is_noforn());
    for set in [
        r#""classification":"U","formal_determination":["PII-NECESSARY-TO-UNDERSTAND-THREAT"]"#,
        r#""classification":"U","caveat":["POSSIBLEPII"]"#,
        r#""classification":"U","sensitivity":["PII"]"#,
    ] {
        assert!(handling(marking(set, PERMIT, "")).personal(), "{set}");
    }
    assert!(
        !handling(marking(r#""classification":"U","formal_determination":["PII-NOT-PRESENT"]"#, PERMIT, ""))
            .personal()
    );
}

#[test]
fn the_two_defaults_are_separate() {
    for (defaults, do_anything, pass_on) in [
        (PERMIT, true, true),
        (DENY, false, false),
        ("privdefault=permit&sharedefault=deny", true, false),
        ("privdefault=deny&sharedefault=permit", false, true),
        ("privdefault=permit?sharedefault=permit", true, true),
        ("privdefault=permit&amp;sharedefault=permit", true, true),
        // Whatever does not say `permit` denies.
        ("", false, false),
        ("privdefault=denyt&sharedefault=PERMIT", false, false),
        ("privdefault=permit&privdefault=deny", false, false),
        ("privdefault=permit urn:isa:policy:acs:ns:v3.0?privdefault=deny", false, false),
    ] {
        let acs = handling(marking(U, defaults, ""));
        to("USA", "USA.DHS", "", |receiver| {
            assert_eq!(acs.acs().may_do("NETDEF", receiver), do_anything, "{defaults}");
            assert_eq!(acs.acs().may_pass_on(receiver), pass_on, "{defaults}");
            assert_eq!(acs.may_be_cut(receiver), do_anything);
            assert_eq!(acs.conceals_source(receiver), !do_anything);
        });
    }
    let (_, text) = marking(U, PERMIT, "");
    let elsewhere = (id(1), text.replace("urn:isa:policy:acs", "urn:isa:policy:other"));
    to("", "", "", |receiver| assert!(!handling(elsewhere).acs().may_do("NETDEF", receiver)));
}

#[test]
fn privileges_are_for_actions() {
    let scope = |nations: &str| format!(r#""privilege_scope":{{"permitted_nationalities":[{nations}]}}"#);
    let rule = |action: &str, effect: &str, scope: &str| {
        format!(r#"{{"privilege_action":"{action}","rule_effect":"{effect}",{scope}}}"#)
    };
    let rules = |rules: &[String], defaults| {
        handling(marking(U, defaults, &format!(r#","access_privilege":[{}]"#, rules.join(","))))
    };
    let may = |handling: &Handling, action: &str, code: &str| {
        to(code, "", "", |receiver| handling.acs().may_do(action, receiver))
    };
    let netdef = rules(&[rule("NETDEF", "permit", &scope(r#""GBR""#))], DENY);
    assert!(may(&netdef, "NETDEF", "GBR"));
    assert!(!may(&netdef, "NETDEF", "FRA") && !may(&netdef, "TENOT", "GBR") && !may(&netdef, "NETDEF", ""));
    // A denial wins, also over everybody's permission, and where nobody knows whether it is meant.
    let denied = rules(
        &[rule("NETDEF", "permit", &scope(r#""ALL""#)), rule("NETDEF", "deny", &scope(r#""FRA""#))],
        PERMIT,
    );
    assert!(may(&denied, "NETDEF", "GBR") && !may(&denied, "NETDEF", "FRA") && !may(&denied, "NETDEF", ""));
    // Without a scope a permission is for nobody and a denial for everybody.
    let bare = |effect, defaults| {
        rules(&[format!(r#"{{"privilege_action":"NETDEF","rule_effect":"{effect}"}}"#)], defaults)
    };
    assert!(!may(&bare("permit", DENY), "NETDEF", "GBR") && !may(&bare("deny", PERMIT), "NETDEF", "GBR"));
    // Cybersecurity uses are network defence, and more when they are denied.
    let uses = |effect: &str, defaults| rules(&[rule("CISAUSES", effect, &scope(r#""ALL""#))], defaults);
    assert!(may(&uses("permit", DENY), "NETDEF", "GBR") && !may(&uses("permit", DENY), "TENOT", "GBR"));
    for action in ["NETDEF", "TENOT", "INTEL", "CISAUSES"] {
        assert!(!may(&uses("deny", PERMIT), action, "GBR"), "{action}");
    }
    // However a denial is spelled.
    let lower = rules(&[rule(" netdef", "deny", &scope(r#""all""#))], PERMIT);
    assert!(!may(&lower, "NETDEF", "GBR"));
    let unknown = format!(r#","access_privilege":[{}]"#, rule("JAMMING", "deny", &scope(r#""ALL""#)));
    closed(marking(U, PERMIT, &unknown), "denies an action that is not known");
    // Two markings: both have to permit.
    let both = netdef.meet(&handling(marking(U, DENY, "")));
    assert!(!may(&both, "NETDEF", "GBR"));
}

#[test]
fn further_sharing_is_for_receivers() {
    let rules = |effect: &str, scope: &str, defaults| {
        let more = format!(r#","further_sharing":[{{"rule_effect":"{effect}","sharing_scope":[{scope}]}}]"#);
        handling(marking(U, defaults, &more))
    };
    let may = |handling: &Handling, organisations: &str| {
        to("USA", organisations, "", |receiver| handling.acs().may_pass_on(receiver))
    };
    let dhs = rules("permit", r#""USA.DHS""#, DENY);
    assert!(may(&dhs, "USA.DHS") && !may(&dhs, "GBR.NCSC") && !may(&dhs, ""));
    // A permission is exact; a denial reaches what lies above and below.
    assert!(!may(&dhs, "USA.DHS.US-CERT"));
    let not_dhs = rules("deny", r#""USA.DHS""#, PERMIT);
    assert!(may(&not_dhs, "GBR.NCSC") && !may(&not_dhs, "USA.DHS.US-CERT") && !may(&not_dhs, "USA"));
    assert!(may(&not_dhs, "USA.DHSX") && !may(&not_dhs, ""));
    for vague in [r#""FOREIGNGOV""#, r#""SECTOR""#, r#""ALL""#] {
        assert!(!may(&rules("deny", vague, PERMIT), "GBR.NCSC"), "{vague}");
    }
    assert!(!may(&rules("permit", r#""SECTOR""#, DENY), "GBR.NCSC"));
    assert!(!may(&rules("deny", r#""usa.dhs""#, PERMIT), "USA.DHS.US-CERT"));
    // What is our own is not passed on but shared: only access counts.
    to("GBR", "GBR.NCSC", "", |receiver| {
        assert_eq!(dhs.admits(receiver, false, Timestamp::EPOCH), Ok(()));
        assert_eq!(dhs.admits(receiver, true, Timestamp::EPOCH), Err(Barrier::AcsFurtherSharing));
    });
}

#[test]
fn a_disposition_ends_it() {
    let more = r#","resource_disposition":{"disposition_date":"1970-01-02T00:00:00Z","disposition_process":"destruction"}"#;
    let acs = handling(marking(U, PERMIT, more));
    assert!(acs.in_force(Timestamp::EPOCH) && !acs.in_force(Timestamp::from_micros(86_400_000_000)));
}

#[test]
fn what_is_missing_or_unknown_is_closed() {
    let without = |member: &str| {
        let (id, text) = marking(U, PERMIT, "");
        (id, text.replace(&format!(r#""{member}""#), r#""name_""#).replace("name_", "extension_type_"))
    };
    for member in ["responsible_entity_custodian", "policy_reference", "control_set"] {
        closed(without(member), "a property that ACS 3.0 does not define");
    }
    for set in ["", r#""classification":"R""#, r#""classification":"u""#, r#""classification":["U"]"#] {
        closed(marking(set, PERMIT, ""), "a classification that is not known");
    }
    closed(
        marking(r#""classification":"U","compartments":["X"]"#, PERMIT, ""),
        "an ACS control set does not define",
    );
    closed(marking(r#""classification":"U","sci_controls":[]"#, PERMIT, ""), "an empty or too long one");
    closed(marking(r#""classification":"U","sci_controls":{}"#, PERMIT, ""), "an empty or too long one");
    for rule in [
        r#","access_privilege":{}"#,
        r#","access_privilege":[{}]"#,
        r#","access_privilege":[{"rule_effect":"maybe","privilege_action":"NETDEF"}]"#,
        r#","access_privilege":[{"rule_effect":"permit"}]"#,
        r#","access_privilege":[{"rule_effect":"deny","privilege_action":"NETDEF","until":"x"}]"#,
        r#","access_privilege":[{"rule_effect":"deny","privilege_action":"NETDEF","privilege_scope":{"city":["X"]}}]"#,
        r#","further_sharing":[{"rule_effect":"deny"}]"#,
        r#","resource_disposition":{}"#,
        r#","resource_disposition":{"disposition_date":"soon"}"#,
    ] {
        closed(marking(U, PERMIT, rule), "has a");
    }
    let (_, text) = marking(U, PERMIT, "");
    let none = text.replace(r#""policy_reference":"#, r#""name":"x","authority_reference":"#);
    assert!(read((id(1), none)).0 == Handling::own_only());
}

#[test]
fn too_many_policies_let_nobody_have_it() {
    let of = |number: usize| {
        let set = format!(r#""classification":"U","sensitivity":["S{number}"]"#);
        handling(marking(&set, PERMIT, ""))
    };
    let all: BTreeSet<String> = (0..40).map(|number| format!("SENS:S{number}")).collect();
    let none = BTreeSet::new();
    let receiver = Receiver { nation: None, organisations: &none, accesses: &all, purpose: None };
    let of_count = |count: usize| (0..count).map(of).reduce(|a, b| a.meet(&b)).unwrap();
    assert!(of_count(Acs::MOST).acs().may_see(&receiver));
    let many = of_count(Acs::MOST + 1);
    assert!(many.acs().is_nobody() && !many.acs().may_see(&receiver) && !many.permits_nation("USA"));
    // In any order.
    let backwards = (0..=Acs::MOST).rev().map(of).reduce(|a, b| a.meet(&b)).unwrap();
    assert_eq!(backwards, many);
}
