//! Records for rules that count, order or add up what other rules found.

use std::collections::BTreeMap;

use logs::Event;
use model::Timestamp;
use rsigma_parser::{
    ConditionExpr, ConditionOperator, CorrelationCondition, CorrelationRule, CorrelationType, WindowMode,
};

use super::solve::{Be, Want};
use super::{Made, Record, text};
use crate::sigma::asked::Asked;
use crate::sigma::{Card, Sigma, load};

/// The most records of one self-test.
const MAX_RECORDS: u64 = 1_000;
/// Correlations inside one another.
const MAX_DEPTH: usize = 8;
/// Ways to meet a condition over rules.
const MAX_WAYS: usize = 32;

const SECOND: i64 = 1_000_000;

/// What is decided for all records of a sequence.
struct Plan<'p> {
    nonce: &'p str,
    at: Timestamp,
    /// Values that events are grouped by, by the name in `group-by`.
    same: BTreeMap<String, String>,
    /// Whether groups are to have values at all. Where a rule's events cannot have the field, they are one group too.
    grouped: bool,
    /// The shortest time span, in seconds.
    span: u64,
    depth: usize,
}

impl Sigma {
    /// Records that the correlation fires on.
    pub(super) fn sequence(&self, card: &Card, nonce: &str, at: Timestamp) -> Result<Vec<Record>, String> {
        let own = self.correlations.iter().find(|rule| rule.title == card.title && rule.id == card.id);
        let rule = own.ok_or("it is not among the rules that count")?;
        let mut why = String::new();
        for grouped in [true, false] {
            let mut plan =
                Plan { nonce, at, same: BTreeMap::new(), grouped, span: rule.timespan.seconds, depth: 0 };
            let records = self.made(rule, &mut plan).and_then(|made| timed(rule, &made, &plan));
            match records.and_then(|records| self.fires_on_all(card, records, at)) {
                Ok(records) => return Ok(records),
                Err(error) => why = error,
            }
        }
        Err(why)
    }

    /// What is counted, in its order.
    fn made(&self, rule: &CorrelationRule, plan: &mut Plan<'_>) -> Result<Vec<Made>, String> {
        if plan.depth >= MAX_DEPTH {
            return Err(format!("more than {MAX_DEPTH} correlations count on one another"));
        }
        plan.depth += 1;
        plan.span = plan.span.min(rule.timespan.seconds);
        let made = self.made_for(rule, plan);
        plan.depth -= 1;
        made
    }

    fn made_for(&self, rule: &CorrelationRule, plan: &mut Plan<'_>) -> Result<Vec<Made>, String> {
        match &rule.condition {
            CorrelationCondition::Extended(condition) => {
                let mut why = "no combination of its rules meets its condition".to_owned();
                for way in ways(condition, true) {
                    let ordered = rule.correlation_type == CorrelationType::TemporalOrdered;
                    let names = rule.rules.iter().filter(|name| ordered || way.contains(&name.as_str()));
                    let mut names: Vec<&str> = names.map(String::as_str).collect();
                    if names.is_empty() {
                        names.extend(rule.rules.first().map(String::as_str));
                    }
                    match self.each_once(rule, &names, plan) {
                        Ok(made) => return Ok(made),
                        Err(error) => why = error,
                    }
                }
                Err(why)
            }
            CorrelationCondition::Threshold { predicates, field, .. } => match rule.correlation_type {
                CorrelationType::Temporal | CorrelationType::TemporalOrdered => {
                    let names: Vec<&str> = rule.rules.iter().map(String::as_str).collect();
                    self.each_once(rule, &names, plan)
                }
                CorrelationType::EventCount => {
                    let count = smallest(predicates)?;
                    let one = self.any(rule, &[], 0, plan)?;
                    let all = usize::try_from(count).unwrap_or_default();
                    Ok(std::iter::repeat_n(one, all).flatten().collect())
                }
                CorrelationType::ValueCount => {
                    let fields = field.as_deref().ok_or("it names no field whose values it counts")?;
                    self.distinct(rule, fields, smallest(predicates)?, plan)
                }
                CorrelationType::ValueSum
                | CorrelationType::ValueAvg
                | CorrelationType::ValueMedian
                | CorrelationType::ValuePercentile => {
                    let name = field.as_ref().and_then(|fields| fields.first());
                    let name = name.ok_or("it names no field whose values it adds up")?;
                    let number = fitting(predicates).ok_or("no number meets its condition")?;
                    // The sum, the mean and every percentile of one number are the number.
                    let want = Want { field: name.clone(), be: Be::Number(number) };
                    self.any(rule, &[want], 0, plan)
                }
            },
        }
    }

    /// One match of each of these rules, in their order.
    fn each_once(
        &self,
        rule: &CorrelationRule,
        names: &[&str],
        plan: &mut Plan<'_>,
    ) -> Result<Vec<Made>, String> {
        let mut all = Vec::new();
        for name in names {
            all.extend(self.matched(rule, name, &[], 0, plan)?);
        }
        Ok(all)
    }

    /// One match of whichever of its rules can be made to match.
    fn any(
        &self,
        rule: &CorrelationRule,
        wants: &[Want],
        salt: u32,
        plan: &mut Plan<'_>,
    ) -> Result<Vec<Made>, String> {
        let mut why = "it names no rules".to_owned();
        for name in &rule.rules {
            match self.matched(rule, name, wants, salt, plan) {
                Ok(made) => return Ok(made),
                Err(error) => why = error,
            }
        }
        Err(why)
    }

    /// That many matches of which no two have the same values in these fields.
    fn distinct(
        &self,
        rule: &CorrelationRule,
        fields: &[String],
        count: u64,
        plan: &mut Plan<'_>,
    ) -> Result<Vec<Made>, String> {
        let (first, others) = fields.split_first().ok_or("it names no field whose values it counts")?;
        let (mut all, mut taken) = (Vec::new(), Vec::new());
        for salt in 0..u32::try_from(count).unwrap_or(u32::MAX) {
            let mut wants = vec![Want { field: first.clone(), be: Be::Other(taken.clone()) }];
            wants.extend(others.iter().map(|field| Want { field: field.clone(), be: Be::There }));
            let made = self.any(rule, &wants, salt, plan)?;
            for one in &made {
                taken.extend(one.value(first, plan.at));
            }
            all.extend(made);
        }
        Ok(all)
    }

    /// One match of the rule that is called this: a record, or what makes another correlation fire.
    fn matched(
        &self,
        by: &CorrelationRule,
        name: &str,
        wants: &[Want],
        salt: u32,
        plan: &mut Plan<'_>,
    ) -> Result<Vec<Made>, String> {
        let called = |id: &Option<String>, own: &Option<String>| {
            id.as_deref() == Some(name) || own.as_deref() == Some(name)
        };
        let Some((id, document)) = self.counted.iter().find(|(_, rule)| called(&rule.id, &rule.name)) else {
            let inner = self.correlations.iter().find(|rule| called(&rule.id, &rule.name));
            return self.made(inner.ok_or_else(|| format!("`{name}` is not loaded"))?, plan);
        };
        let names = [document.id.as_deref(), document.name.as_deref()];
        let grouped: Vec<(String, String)> = if plan.grouped {
            by.group_by.iter().map(|group| (group.clone(), own_name(by, group, names))).collect()
        } else {
            Vec::new()
        };
        let mut wants = wants.to_vec();
        for (group, field) in &grouped {
            if wants.iter().any(|want| want.field == *field) {
                continue;
            }
            let be = plan.same.get(group).map_or(Be::There, |value| Be::Same(value.clone()));
            wants.push(Want { field: field.clone(), be });
        }
        let made = self.make(*id, &wants, salt, plan.nonce, plan.at);
        let made = made.map_err(|why| format!("`{name}`: {why}"))?;
        for (group, field) in grouped {
            if let Some(value) = made.value(&field, plan.at) {
                plan.same.entry(group).or_insert(value);
            }
        }
        Ok(vec![made])
    }

    /// Puts the records before the engine, one after the other.
    fn fires_on_all(&self, card: &Card, records: Vec<Record>, at: Timestamp) -> Result<Vec<Record>, String> {
        let mut counting = load::correlation(self).ok_or("nothing counts here")?;
        let mut fired = false;
        for record in &records {
            let mut reader = record.reader();
            let event = record.read(&mut reader, at)?;
            let Some(group) = self.group(event.class) else { continue };
            let found = self.engine(group).evaluate(&Asked(&event));
            let results = counting.process_with_detections(&Asked(&event), found, seconds(&event));
            fired |= results.iter().any(|result| {
                result.is_correlation()
                    && result.header.rule_title == card.title
                    && result.header.rule_id == card.id
            });
        }
        if fired { Ok(records) } else { Err("it does not fire on records that it should count".to_owned()) }
    }
}

impl Made {
    /// The value of a field, as it is read.
    fn value(&self, field: &str, at: Timestamp) -> Option<String> {
        let mut reader = self.record.reader();
        let event = self.record.read(&mut reader, at).ok()?;
        text(&event, field)
    }
}

/// What the field is called in events of the rule with these names.
fn own_name(by: &CorrelationRule, group: &str, names: [Option<&str>; 2]) -> String {
    let alias = by.aliases.iter().find(|alias| alias.alias == group);
    let mapped = alias.and_then(|alias| names.into_iter().flatten().find_map(|name| alias.mapping.get(name)));
    mapped.cloned().unwrap_or_else(|| group.to_owned())
}

/// The records with their times: a second apart where the time span allows it, the last one at the plan's instant.
fn timed(rule: &CorrelationRule, made: &[Made], plan: &Plan<'_>) -> Result<Vec<Record>, String> {
    let count = i64::try_from(made.len()).unwrap_or(i64::MAX);
    if made.is_empty() || count > i64::try_from(MAX_RECORDS).unwrap_or(i64::MAX) {
        return Err(format!("it counts {count} events; a self-test makes at most {MAX_RECORDS}"));
    }
    let span = i64::try_from(plan.span).unwrap_or(i64::MAX);
    let gap = rule.gap.as_ref().map_or(1, |gap| gap.seconds);
    let step = i64::from(count < span && gap > 0);
    let now = plan.at.as_micros().div_euclid(SECOND);
    let mut first = now - step * (count - 1);
    if rule.window == WindowMode::Tumbling && span > 0 {
        // All of them in one window.
        first = first.max(now - now.rem_euclid(span));
    }
    let record = |(number, one): (i64, &Made)| {
        let at = Timestamp::from_micros((first + step * number).saturating_mul(SECOND));
        one.shape
            .record(&one.draft, plan.nonce, at)
            .ok_or_else(|| "a record has no place for its time".to_owned())
    };
    (0..count).zip(made).map(record).collect()
}

/// The instant that correlations go by.
fn seconds(event: &Event<'_>) -> i64 {
    event.time.map_or(0, |time| time.as_micros() / SECOND)
}

fn holds(predicates: &[(ConditionOperator, u64)], number: f64) -> bool {
    predicates.iter().all(|(operator, bound)| {
        let bound = float(*bound);
        match operator {
            ConditionOperator::Lt => number < bound,
            ConditionOperator::Lte => number <= bound,
            ConditionOperator::Gt => number > bound,
            ConditionOperator::Gte => number >= bound,
            ConditionOperator::Eq => (number - bound).abs() < f64::EPSILON,
            ConditionOperator::Neq => (number - bound).abs() >= f64::EPSILON,
        }
    })
}

#[expect(clippy::cast_precision_loss, reason = "the engine compares it so too")]
fn float(number: u64) -> f64 {
    number as f64
}

/// The smallest count that meets the condition.
fn smallest(predicates: &[(ConditionOperator, u64)]) -> Result<u64, String> {
    (1..=MAX_RECORDS)
        .find(|count| holds(predicates, float(*count)))
        .ok_or_else(|| format!("no count up to {MAX_RECORDS} meets its condition"))
}

/// A number that meets the condition.
fn fitting(predicates: &[(ConditionOperator, u64)]) -> Option<f64> {
    let near = predicates.iter().flat_map(|(_, bound)| {
        let bound = float(*bound);
        [bound, bound + 1.0, bound - 1.0, bound + 0.5, bound - 0.5]
    });
    near.into_iter().find(|number| holds(predicates, *number))
}

/// Sets of rules that meet a condition when they all match.
fn ways(condition: &ConditionExpr, met: bool) -> Vec<Vec<&str>> {
    let mut out = match condition {
        ConditionExpr::Identifier(name) if met => vec![vec![name.as_str()]],
        ConditionExpr::Identifier(_) => vec![Vec::new()],
        ConditionExpr::Not(one) => ways(one, !met),
        ConditionExpr::And(all) if met => together(all, met),
        ConditionExpr::Or(all) if !met => together(all, met),
        ConditionExpr::And(all) | ConditionExpr::Or(all) => {
            all.iter().flat_map(|one| ways(one, met)).collect()
        }
        // The engine never takes one for met.
        ConditionExpr::Selector { .. } if met => Vec::new(),
        ConditionExpr::Selector { .. } => vec![Vec::new()],
    };
    out.truncate(MAX_WAYS);
    out
}

fn together(all: &[ConditionExpr], met: bool) -> Vec<Vec<&str>> {
    let mut out = vec![Vec::new()];
    for one in all {
        let more = ways(one, met);
        out = out
            .iter()
            .flat_map(|own| more.iter().map(move |more| [own.as_slice(), more.as_slice()].concat()))
            .collect();
        out.truncate(MAX_WAYS);
    }
    out
}
