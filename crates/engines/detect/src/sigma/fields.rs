//! Which fields a rule excludes by.

use std::collections::{BTreeMap, BTreeSet};

use rsigma_parser::{
    ConditionExpr, Detection, SelectorPattern, SigmaRule, SigmaValue, detection_name_matches,
};

/// The fields that a rule says must not match: where an event can never have one of them, the exclusion never holds,
/// and the rule would fire on what its author left out.
#[expect(clippy::disallowed_methods, reason = "put into order at once")]
pub(super) fn excluded(rule: &SigmaRule) -> BTreeSet<String> {
    let named: BTreeMap<&str, &Detection> =
        rule.detection.named.iter().map(|(name, detection)| (name.as_str(), detection)).collect();
    let mut names = BTreeSet::new();
    for condition in &rule.detection.conditions {
        negated(condition, false, &named, &mut names);
    }
    let mut fields = BTreeSet::new();
    for name in names {
        if let Some(detection) = named.get(name.as_str()) {
            of(detection, &mut fields);
        }
    }
    fields
}

/// Names of the selections that stand under an odd number of negations.
fn negated(
    condition: &ConditionExpr,
    under: bool,
    named: &BTreeMap<&str, &Detection>,
    names: &mut BTreeSet<String>,
) {
    match condition {
        ConditionExpr::And(all) | ConditionExpr::Or(all) => {
            all.iter().for_each(|one| negated(one, under, named, names));
        }
        ConditionExpr::Not(one) => negated(one, !under, named, names),
        ConditionExpr::Identifier(name) if under => {
            names.insert(name.clone());
        }
        ConditionExpr::Selector { pattern, .. } if under => {
            let matches = |name: &&&str| match pattern {
                SelectorPattern::Them => true,
                SelectorPattern::Pattern(pattern) => detection_name_matches(pattern, name),
            };
            names.extend(named.keys().filter(matches).map(|name| (*name).to_owned()));
        }
        ConditionExpr::Identifier(_) | ConditionExpr::Selector { .. } => {}
    }
}

/// Fields whose values a selection compares. One that asks for `null` is met by the field that is not there.
fn of(detection: &Detection, fields: &mut BTreeSet<String>) {
    match detection {
        Detection::AllOf(items) => {
            for item in items {
                let absent = item.values.iter().any(|value| matches!(value, SigmaValue::Null));
                if let Some(name) = item.field.name.as_ref().filter(|_| !absent) {
                    fields.insert(name.clone());
                }
            }
        }
        Detection::AnyOf(all) => all.iter().for_each(|one| of(one, fields)),
        _ => {}
    }
}
