//! Each template says what it claims to say.

use std::collections::BTreeSet;

use label::Onward;
use model::{Label, Severity, Tlp};
use shieldwall_agreement::templates::{TEMPLATES, TemplateError, instantiate, template};
use shieldwall_agreement::{Action, Contributor, Form, PersonalData, Reciprocity, Terms, Who};

use crate::fixture::{shown, terms, text, told, values};

#[test]
fn each_is_valid_once_filled_in() {
    for template in TEMPLATES {
        let reading = Terms::read_toml(&text(template.name));
        let terms =
            reading.terms.unwrap_or_else(|| panic!("{}: {}", template.name, shown(&reading.problems)));
        let again = Terms::parse_canonical_json(&terms.to_canonical_json()).unwrap();
        assert_eq!(again, terms, "{}", template.name);
    }
}

#[test]
fn each_is_free_of_warnings_but_those_meant() {
    for template in TEMPLATES {
        let warnings = told(&text(template.name), Severity::Warning);
        // Where nobody's personal data flow, no basis has to be stated.
        let meant = |warning: &String| {
            warning.contains("no legal basis is stated")
                && ["tlp-community", "vendor-disclosure", "exercise"].contains(&template.name)
        };
        let others: Vec<_> = warnings.iter().filter(|warning| !meant(warning)).collect();
        assert!(others.is_empty(), "{}: {others:#?}", template.name);
    }
}

#[test]
fn each_is_refused_as_long_as_a_placeholder_is_left() {
    for template in TEMPLATES {
        assert!(Terms::parse_toml(template.text).is_err(), "{}", template.name);
        for place in template.places() {
            let mut values = values(template.name);
            if values.remove(place.name).is_some() {
                let error = instantiate(template.name, &values).unwrap_err();
                assert_eq!(error, TemplateError::Missing(vec![place.name.to_owned()]));
            }
        }
    }
}

#[test]
fn each_can_be_read_by_a_lawyer() {
    for template in TEMPLATES {
        let comments =
            template.text.lines().filter(|line| line.starts_with('#') || line.contains(" # ")).count();
        assert!(comments >= 20, "{}: {comments} comments", template.name);
        assert!(template.text.lines().all(|line| line.chars().count() <= 118), "{}", template.name);
    }
}

#[test]
fn a_value_stays_in_its_place() {
    let fill = |name: &str, value: &str| {
        let mut values = values("bilateral-cert");
        values.insert(name.to_owned(), value.to_owned());
        instantiate("bilateral-cert", &values)
    };
    for value in ["x\"\nonward = \"free", "x\\", "", "{{b_key}}", "x\u{202e}y", "x\ny"] {
        assert_eq!(fill("a_name", value), Err(TemplateError::Unfit("a_name".into())), "{value:?}");
    }
    for value in ["2026-01-01\nexercise = \"x\"", "\"soon\"", "soon", "1 # "] {
        assert_eq!(fill("start", value), Err(TemplateError::Unfit("start".into())), "{value:?}");
    }
    assert!(fill("a_name", "Ministère de l'Intérieur (n° 1)").is_ok());
    assert_eq!(fill("colour", "red"), Err(TemplateError::Unused(vec!["colour".into()])));
    assert_eq!(template("nonsense").unwrap_err(), TemplateError::Unknown("nonsense".into()));
}

#[test]
fn tlp_community_shares_openly_and_nothing_personal() {
    let terms = terms("tlp-community");
    assert!(matches!(terms.form, Form::Circle(_)));
    for clause in &terms.clauses {
        assert!(clause.ceiling.tlp() >= Label::Tlp(Tlp::Green), "{}", clause.id);
        assert_eq!((&clause.from, &clause.to, clause.personal), (&Who::Any, &Who::Any, PersonalData::Redact));
    }
    assert_eq!(terms.clause("clear").unwrap().onward, Onward::Free);
    assert_eq!(terms.clause("green").unwrap().onward, Onward::None);
}

#[test]
fn bilateral_cert_is_the_same_both_ways() {
    let terms = terms("bilateral-cert");
    assert_eq!((&terms.form, terms.reciprocity), (&Form::Bilateral, Reciprocity::Mirrored));
    let ceilings: BTreeSet<_> = terms.clauses.iter().map(|clause| clause.ceiling.tlp()).collect();
    assert_eq!(ceilings, BTreeSet::from([Label::Tlp(Tlp::Amber), Label::Tlp(Tlp::AmberStrict)]));
    for clause in terms.clauses.iter().filter(|clause| clause.id.starts_with("vulnerabilities")) {
        assert_eq!(clause.onward, Onward::Orcon);
        assert!(!clause.actions.contains(&Action::Block));
    }
    let glass = terms.break_glass.unwrap();
    assert_eq!((glass.officers, glass.hours, glass.report_within_hours), (2, 48, 24));
    assert_eq!(terms.queries.len(), 1);
}

#[test]
fn isac_members_are_anonymous_to_each_other() {
    let terms = terms("isac-circle");
    let members = terms.clause("members").unwrap();
    assert_eq!((&members.from, &members.to), (&Who::Any, &Who::Any));
    let profile = &terms.redactions[members.redaction.as_ref().unwrap()];
    assert_eq!((profile.contributor, profile.pseudonymise_addresses), (Contributor::Anonymous, true));
    assert!(profile.keep["indicator"].contains("/pattern"));
    assert!(
        profile
            .keep
            .values()
            .flatten()
            .all(|path| !path.contains("created_by") && !path.contains("where_sighted"))
    );
    let to_the_centre = terms.clause("to-the-centre").unwrap();
    let centre: Vec<_> = terms.parties_of(&to_the_centre.to).map(|party| party.key.as_str()).collect();
    assert_eq!(centre, ["p1"]);
    assert_eq!(terms.reciprocity, Reciprocity::Least { objects: 10, days: 90 });
}

#[test]
fn five_eyes_is_releasable_to_the_five_nations_and_nobody_else() {
    let terms = terms("five-eyes-circle");
    let five = BTreeSet::from(["AUS", "CAN", "GBR", "NZL", "USA"].map(|code| code.parse().unwrap()));
    let laws: BTreeSet<_> = terms.parties.values().map(|party| party.jurisdiction.parse().unwrap()).collect();
    assert_eq!(laws, five);
    let glass = terms.break_glass.as_ref().unwrap();
    for ceiling in terms.clauses.iter().map(|clause| &clause.ceiling).chain([&glass.ceiling]) {
        assert_eq!(ceiling.releasability().to(), Some(&five));
        for (nation, expect) in [
            ("AU", true),
            ("CAN", true),
            ("UK", true),
            ("NZ", true),
            ("US", true),
            ("FR", false),
            ("", false),
        ] {
            assert_eq!(ceiling.permits_nation(nation), expect, "{nation}");
        }
    }
    assert!(terms.clauses.iter().all(|clause| clause.onward == Onward::Orcon));
    assert!(glass.ceiling.releasability().is_eyes_only());
    // Whoever is under another law is not let in by the text.
    let text = text("five-eyes-circle").replace("jurisdiction = \"NZL\"", "jurisdiction = \"FRA\"");
    let warned = told(&text, Severity::Warning);
    assert!(warned.iter().any(|one| one.contains("without FRA (`nzl`)")), "{warned:#?}");
}

#[test]
fn vendor_disclosure_is_passed_on_by_nobody_unasked() {
    let terms = terms("vendor-disclosure");
    assert!(
        terms
            .clauses
            .iter()
            .all(|clause| clause.onward == Onward::Orcon && clause.personal == PersonalData::Refuse)
    );
    let reports = terms.clause("reports").unwrap();
    let profile = &terms.redactions[reports.redaction.as_ref().unwrap()];
    let kept: BTreeSet<&String> = profile.keep.keys().collect();
    let types = match &reports.types {
        shieldwall_agreement::Set::Only(types) => types.iter().collect(),
        shieldwall_agreement::Set::Any => BTreeSet::new(),
    };
    assert_eq!(kept, types, "the profile says of each type what is left");
    assert_eq!(terms.purposes, BTreeSet::from(["coordinated-disclosure".to_owned()]));
}

#[test]
fn an_exercise_is_never_real() {
    let exercise = terms("exercise");
    assert_eq!(exercise.exercise.as_deref(), Some("northern-lights"));
    assert!(exercise.purposes.iter().all(|purpose| purpose == "exercise"));
    for template in TEMPLATES.into_iter().filter(|template| template.name != "exercise") {
        assert_eq!(terms(template.name).exercise, None, "{}", template.name);
    }
}
