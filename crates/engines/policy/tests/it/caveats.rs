//! National caveats: what binds every agreement.

use model::Tlp;
use policy::{Caveats, Request, decide};

use label::Facts;

use crate::fixtures::*;

fn read(rules: &str) -> Caveats {
    Caveats::parse_toml(&format!("format = \"shieldwall-caveats/1\"\n{rules}"))
        .unwrap_or_else(|error| panic!("{error}"))
}

/// Whether this indicator goes to Estonia and to the United States under these rules.
#[track_caller]
fn check(rules: &str, facts: &Facts, estonia: bool, states: bool) {
    let policy = compile(&terms(vec![agreement::Clause {
        types: agreement::Set::Any,
        ceiling: tlp(Tlp::Red),
        personal: agreement::PersonalData::Allow,
        ..clause("in")
    }]));
    let caveats = read(rules);
    for (to, permitted) in [(EE, estonia), (US, states)] {
        let decision = decide(&policy, &Request { caveats: &caveats, to, ..to_estonia(facts) });
        assert_eq!(decision.permitted, permitted, "{}\n{}", told(&decision), caveats.cedar_text());
        if !permitted {
            assert!(decision.clause.starts_with("caveat/"), "{}", decision.clause);
            assert!(decision.smallest_consent.unwrap().contains("an exception from our own rule"));
        }
    }
}

fn rule(rest: &str) -> String {
    format!("[[caveat]]\nid = \"k\"\nreason = \"Act, section 1\"\n{rest}\n")
}

#[test]
fn what_a_rule_is_about() {
    let green = indicator();
    check("", &green, true, true);
    check(&rule(""), &green, false, false);
    check(&rule("to_nations = [\"ee\"]"), &green, false, true);
    check(&rule("to_nations = [\"FVEY\"]"), &green, true, false);
    check(&rule("to_nations_but = [\"EST\", \"LVA\"]"), &green, true, false);
    check(&rule(&format!("to_parties = [\"{EE}\"]")), &green, false, true);
    check(&rule("types = [\"malware\"]"), &green, true, true);
    check(&rule("types = [\"indicator\"]\nto_nations = [\"USA\"]"), &green, true, false);
    check(&rule("tlp = \"amber\""), &green, true, true);
    check(&rule("tlp = \"amber\""), &Facts { handling: tlp(Tlp::Red), ..indicator() }, false, false);
    check(&rule("personal = true"), &green, true, true);
    check(
        &rule("personal = true"),
        &Facts { handling: tlp(Tlp::Green).with_personal(true), ..indicator() },
        false,
        false,
    );
    let about = |categories: &[&str]| Facts { categories: set(categories), ..indicator() };
    // One word is enough, and so is not knowing what the rest were.
    check(&rule("categories = [\"APT\", \"c2\"]"), &about(&["phishing", "apt"]), false, false);
    check(&rule("categories = [\"apt\"]"), &about(&["phishing"]), true, true);
    check(&rule("categories = [\"apt\"]"), &about(&["phishing", Facts::MORE]), false, false);
    check(&rule("countries = [\"EE\"]"), &Facts { countries: set(&["EST"]), ..indicator() }, false, false);
    // Two rules: each by itself.
    let two = format!(
        "{}{}",
        rule("to_nations = [\"EST\"]"),
        rule("to_nations = [\"USA\"]").replace("\"k\"", "\"l\"")
    );
    check(&two, &green, false, false);
}

#[test]
fn an_unknown_nation_is_kept_from_by_every_rule_on_nations() {
    let mut odd = terms(vec![clause("in")]);
    odd.parties.get_mut(&EE).unwrap().jurisdiction = "XX".to_owned();
    let policy = compile(&odd);
    for rules in ["to_nations = [\"USA\"]", "to_nations_but = [\"USA\"]"] {
        let caveats = read(&rule(rules));
        let facts = indicator();
        assert!(!decide(&policy, &Request { caveats: &caveats, ..to_estonia(&facts) }).permitted, "{rules}");
    }
}

#[test]
fn rules_that_are_none() {
    let refuse = |text: &str, why: &str| {
        let error = Caveats::parse_toml(text).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    };
    refuse("", "format");
    refuse("format = \"shieldwall-caveats/2\"", "begin with");
    refuse("format = ", "");
    let of = |rest: &str| format!("format = \"shieldwall-caveats/1\"\n{}", rule(rest));
    refuse(&of("what = 1"), "what");
    refuse(&of("to_nations = [\"Narnia\"]"), "`Narnia` is no nation");
    refuse(&of("to_nations = []"), "an empty list forbids nothing");
    refuse(&of("types = []"), "an empty list forbids nothing");
    refuse(&of("to_nations = [\"EE\"]\nto_nations_but = [\"LV\"]"), "in one way only");
    refuse(&of("to_parties = [\"estonia\"]"), "`estonia`");
    refuse(&of("tlp = \"purple\""), "purple");
    refuse(&of("").replace("\"k\"", "\"K k\""), "an id is");
    refuse(&format!("{}{}", of(""), rule("")), "caveat/k");
    refuse(&format!("format = \"shieldwall-caveats/1\"\n#{}", "x".repeat(300 << 10)), "are the most");
    assert!(read("").is_empty());
    assert_ne!(read(&rule("")).hash(), read(&rule("personal = true")).hash());
}
