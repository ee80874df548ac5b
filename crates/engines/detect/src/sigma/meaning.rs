//! What the specification means where the engine takes a rule otherwise.
//!
//! Two places, both found by rules that no event could make fire, or that any event did:
//!
//! - Values without a field are looked for anywhere in the event, and under `|all` each of them is (Sigma rules
//!   specification 2.0, "Lists" and "Value modifiers"). The engine compares a value under `'|all'` with whole texts, and
//!   wants all of them in one; and it never looks for a number.
//! - A `temporal` correlation without a condition wants every rule that it names (Sigma correlation rules specification
//!   2.0, "Temporal proximity"). The engine is content with one.

use rsigma_parser::{
    ConditionOperator, CorrelationCondition, CorrelationRule, CorrelationType, Detection, DetectionItem,
    Detections, FieldSpec, Modifier, SigmaString, SigmaValue,
};

/// Modifiers that say how a value is compared.
const OPERATORS: [Modifier; 18] = [
    Modifier::Contains,
    Modifier::StartsWith,
    Modifier::EndsWith,
    Modifier::Re,
    Modifier::Cidr,
    Modifier::Exists,
    Modifier::FieldRef,
    Modifier::Gt,
    Modifier::Gte,
    Modifier::Lt,
    Modifier::Lte,
    Modifier::Expand,
    Modifier::Minute,
    Modifier::Hour,
    Modifier::Day,
    Modifier::Week,
    Modifier::Month,
    Modifier::Year,
];

/// Has values without a field looked for as they are meant: as parts of any text of the event, each by itself.
pub(super) fn unbound(detections: &mut Detections) {
    detections.named.values_mut().for_each(words);
}

fn words(detection: &mut Detection) {
    match detection {
        Detection::AllOf(items) => {
            *items = std::mem::take(items).into_iter().flat_map(apart).collect();
        }
        Detection::AnyOf(all) | Detection::And(all) => all.iter_mut().for_each(words),
        Detection::Keywords(values) => values.iter_mut().for_each(as_text),
        // In the body of a block, what has no field is the member of the list.
        Detection::ArrayMatch { .. } | Detection::Conditional { .. } => {}
    }
}

/// One item for each value under `|all`.
fn apart(item: DetectionItem) -> Vec<DetectionItem> {
    if item.field.name.is_some() {
        return vec![item];
    }
    let DetectionItem { field, mut values } = item;
    let mut modifiers = field.modifiers;
    let all = modifiers.contains(&Modifier::All);
    modifiers.retain(|modifier| *modifier != Modifier::All);
    if !modifiers.iter().any(|modifier| OPERATORS.contains(modifier)) {
        modifiers.push(Modifier::Contains);
    }
    values.iter_mut().for_each(as_text);
    let with = |values| DetectionItem { field: FieldSpec::new(None, modifiers.clone()), values };
    if all { values.into_iter().map(|value| with(vec![value])).collect() } else { vec![with(values)] }
}

fn as_text(value: &mut SigmaValue) {
    let text = match value {
        SigmaValue::Integer(number) => number.to_string(),
        SigmaValue::Float(number) => number.to_string(),
        SigmaValue::String(_) | SigmaValue::Bool(_) | SigmaValue::Null => return,
    };
    *value = SigmaValue::String(SigmaString::from_raw(&text));
}

/// Has a `temporal` correlation without a condition of its own want all of its rules.
pub(super) fn together(rule: &mut CorrelationRule) {
    let rules = u64::try_from(rule.rules.len()).unwrap_or(u64::MAX);
    if rule.correlation_type == CorrelationType::Temporal
        && let CorrelationCondition::Threshold { predicates, field: None, percentile: None } =
            &mut rule.condition
        && predicates.as_slice() == [(ConditionOperator::Gte, 1)]
    {
        *predicates = vec![(ConditionOperator::Gte, rules)];
    }
}
