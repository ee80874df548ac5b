//! What a rule asks for, with negations at its leaves alone.

use std::collections::BTreeMap;

use rsigma_eval::matcher::{ExpandPart, GroupMode};
use rsigma_eval::{CompiledDetection, CompiledDetectionItem, CompiledMatcher, CompiledRule};
use rsigma_parser::{ArrayQuantifier, ConditionExpr, Quantifier};

/// What an event must be like.
#[derive(Debug, Clone)]
pub(super) enum Goal<'r> {
    /// All of these; of none, anything is.
    All(Vec<Goal<'r>>),
    /// One of these; of none, nothing is.
    Any(Vec<Goal<'r>>),
    /// It has a value of which this is true.
    Meets(Slot<'r>, Atom<'r>),
    /// That value passes the matcher as the engine asks it.
    Is(Slot<'r>, &'r CompiledMatcher),
    /// The field is not there, or its value does not pass.
    IsNot(&'r str, &'r CompiledMatcher),
    /// The field is there and has a value.
    There(&'r str),
    /// The field is not there.
    Absent(&'r str),
    /// No text of the event passes.
    SaysNot(&'r CompiledMatcher),
    /// No event that can be made here is like that, and why.
    Never(&'static str),
}

/// Where a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot<'r> {
    /// In the field that the rule names.
    Field(&'r str),
    /// In any text of the event; the number tells the rule's items without a field apart.
    Words(usize),
}

/// What is true of a value. Texts are in small letters where case does not count.
#[derive(Debug, Clone, Copy)]
pub(super) enum Atom<'r> {
    /// It is this text.
    Exact(&'r str),
    /// It holds this text.
    Contains(&'r str),
    /// It begins with this text.
    Starts(&'r str),
    /// It ends with this text.
    Ends(&'r str),
    /// The pattern is found in it.
    Regex(&'r str),
    /// It is what this other field has.
    As(&'r str),
    /// It is this template with other fields' values in it.
    Filled(&'r [ExpandPart]),
    /// It passes this matcher: of numbers, networks, words for yes and no, nothing, parts of times.
    Kind(&'r CompiledMatcher),
}

const LISTS: &str = "it asks about the members of a list of objects";
const NO_TEXT: &str = "it looks for something that is no text in every text of the event";

/// What the rule asks for: one of its conditions.
#[expect(clippy::disallowed_methods, reason = "put into order at once")]
pub(super) fn of(rule: &CompiledRule) -> Goal<'_> {
    let named = rule.detections.iter().map(|(name, detection)| (name.as_str(), detection)).collect();
    let mut lower = Lower { named, words: 0 };
    Goal::Any(rule.conditions.iter().map(|condition| lower.condition(condition, true)).collect())
}

impl Goal<'_> {
    /// Whether it only says what must not be, so that it can wait until what must be is known.
    pub(super) fn excludes(&self) -> bool {
        match self {
            Self::All(goals) | Self::Any(goals) => goals.iter().all(Self::excludes),
            Self::IsNot(..) | Self::SaysNot(_) | Self::Absent(_) => true,
            Self::Meets(..) | Self::Is(..) | Self::There(_) | Self::Never(_) => false,
        }
    }

    /// Whether it looks for words wherever they stand.
    pub(super) fn says(&self) -> bool {
        match self {
            Self::All(goals) | Self::Any(goals) => goals.iter().any(Self::says),
            Self::Meets(slot, _) | Self::Is(slot, _) => matches!(slot, Slot::Words(_)),
            Self::IsNot(..) | Self::SaysNot(_) | Self::There(_) | Self::Absent(_) | Self::Never(_) => false,
        }
    }
}

struct Lower<'r> {
    named: BTreeMap<&'r str, &'r CompiledDetection>,
    /// How many items without a field there were.
    words: usize,
}

impl<'r> Lower<'r> {
    fn condition(&mut self, condition: &ConditionExpr, holds: bool) -> Goal<'r> {
        match condition {
            ConditionExpr::And(all) => {
                join(holds, all.iter().map(|one| self.condition(one, holds)).collect())
            }
            ConditionExpr::Or(all) => {
                join(!holds, all.iter().map(|one| self.condition(one, holds)).collect())
            }
            ConditionExpr::Not(one) => self.condition(one, !holds),
            ConditionExpr::Identifier(name) => match self.named.get(name.as_str()).copied() {
                Some(detection) => self.detection(detection, holds),
                None if holds => Goal::Never("its condition names a selection that it does not have"),
                None => Goal::All(Vec::new()),
            },
            ConditionExpr::Selector { quantifier, pattern } => {
                let chosen = self.named.iter().filter(|(name, _)| pattern.matches_detection_name(name));
                let chosen: Vec<&'r CompiledDetection> = chosen.map(|(_, detection)| *detection).collect();
                let count = match quantifier {
                    Quantifier::Any => 1,
                    Quantifier::All => chosen.len(),
                    Quantifier::Count(count) => usize::try_from(*count).unwrap_or(usize::MAX),
                };
                let goals: Vec<_> = chosen.into_iter().map(|one| self.detection(one, holds)).collect();
                // Fewer than `count` hold when all but `count - 1` do not.
                let needed = if holds { count } else { (goals.len() + 1).saturating_sub(count) };
                at_least(needed, goals)
            }
        }
    }

    fn detection(&mut self, detection: &'r CompiledDetection, holds: bool) -> Goal<'r> {
        match detection {
            CompiledDetection::AllOf(items) => {
                join(holds, items.iter().map(|item| self.item(item, holds)).collect())
            }
            CompiledDetection::And(all) => {
                join(holds, all.iter().map(|one| self.detection(one, holds)).collect())
            }
            CompiledDetection::AnyOf(all) => {
                join(!holds, all.iter().map(|one| self.detection(one, holds)).collect())
            }
            CompiledDetection::Keywords(matcher) if holds => self.says(matcher),
            CompiledDetection::Keywords(matcher) => Goal::SaysNot(matcher),
            CompiledDetection::ArrayMatch { field, quantifier, .. } => match (quantifier, holds) {
                (ArrayQuantifier::None | ArrayQuantifier::AllOrEmpty, true)
                | (ArrayQuantifier::Any | ArrayQuantifier::All, false) => Goal::Absent(field),
                _ => Goal::Never(LISTS),
            },
            CompiledDetection::Conditional { .. } => Goal::Never(LISTS),
        }
    }

    fn item(&mut self, item: &'r CompiledDetectionItem, holds: bool) -> Goal<'r> {
        let Some(field) = item.field.as_deref() else {
            return match item.exists {
                Some(expect) if expect == holds => {
                    Goal::Never("it asks whether a field without a name is there")
                }
                Some(_) => Goal::All(Vec::new()),
                None if holds => self.says(&item.matcher),
                None => Goal::SaysNot(&item.matcher),
            };
        };
        if let Some(expect) = item.exists {
            return if expect == holds { Goal::There(field) } else { Goal::Absent(field) };
        }
        let (slot, matcher) = (Slot::Field(field), &item.matcher);
        match (matcher, holds) {
            // `null` is met by the field that is not there, and by the one that has nothing.
            (CompiledMatcher::Null, true) => {
                let nothing = vec![Goal::Meets(slot, Atom::Kind(matcher)), Goal::Is(slot, matcher)];
                Goal::Any(vec![Goal::Absent(field), Goal::All(nothing)])
            }
            (CompiledMatcher::Null, false) => Goal::There(field),
            // `neq` asks for a field that is there.
            (CompiledMatcher::Not(_), true) => Goal::All(vec![Goal::There(field), Goal::Is(slot, matcher)]),
            (CompiledMatcher::Not(inner), false) => {
                let equal = vec![described(slot, inner), Goal::IsNot(field, matcher)];
                Goal::Any(vec![Goal::IsNot(field, matcher), Goal::All(equal)])
            }
            (_, true) => Goal::All(vec![described(slot, matcher), Goal::Is(slot, matcher)]),
            (_, false) => Goal::IsNot(field, matcher),
        }
    }

    fn says(&mut self, matcher: &'r CompiledMatcher) -> Goal<'r> {
        let slot = Slot::Words(self.words);
        self.words += 1;
        Goal::All(vec![described(slot, matcher), Goal::Is(slot, matcher)])
    }
}

fn join(all: bool, goals: Vec<Goal<'_>>) -> Goal<'_> {
    if all { Goal::All(goals) } else { Goal::Any(goals) }
}

/// That many of these. Of the ways to choose several but not all, only neighbours are tried: there may be very many.
fn at_least(needed: usize, goals: Vec<Goal<'_>>) -> Goal<'_> {
    let count = goals.len();
    match needed {
        0 => Goal::All(Vec::new()),
        1 => Goal::Any(goals),
        _ if needed == count => Goal::All(goals),
        _ if needed > count => Goal::Any(Vec::new()),
        _ => {
            let from =
                |first: usize| Goal::All(goals.iter().cycle().skip(first).take(needed).cloned().collect());
            Goal::Any((0..count).map(from).collect())
        }
    }
}

/// What a value must be like to pass a matcher.
fn described<'r>(slot: Slot<'r>, matcher: &'r CompiledMatcher) -> Goal<'r> {
    let atom = match matcher {
        CompiledMatcher::Exact { value, .. } => Atom::Exact(value),
        CompiledMatcher::Contains { value, .. } => Atom::Contains(value),
        CompiledMatcher::StartsWith { value, .. } => Atom::Starts(value),
        CompiledMatcher::EndsWith { value, .. } => Atom::Ends(value),
        CompiledMatcher::Regex(regex) => Atom::Regex(regex.as_str()),
        CompiledMatcher::AhoCorasickSet { needles, .. } => {
            return Goal::Any(needles.iter().map(|part| Goal::Meets(slot, Atom::Contains(part))).collect());
        }
        CompiledMatcher::RegexSetMatch { set, mode } => {
            let patterns = set.patterns().iter();
            let goals = patterns.map(|pattern| Goal::Meets(slot, Atom::Regex(pattern))).collect();
            return join(*mode == GroupMode::All, goals);
        }
        CompiledMatcher::AnyOf(all) => return join(false, every(slot, all)),
        CompiledMatcher::AllOf(all) => return join(true, every(slot, all)),
        CompiledMatcher::CaseInsensitiveGroup { children, mode } => {
            return join(*mode == GroupMode::All, every(slot, children));
        }
        CompiledMatcher::FieldRef { field, .. } => Atom::As(field),
        CompiledMatcher::Expand { template, .. } => Atom::Filled(template),
        CompiledMatcher::Not(_) => match slot {
            Slot::Field(field) => return Goal::There(field),
            Slot::Words(_) => Atom::Contains(""),
        },
        CompiledMatcher::Cidr(_)
        | CompiledMatcher::NumericEq(_)
        | CompiledMatcher::NumericGt(_)
        | CompiledMatcher::NumericGte(_)
        | CompiledMatcher::NumericLt(_)
        | CompiledMatcher::NumericLte(_)
        | CompiledMatcher::Exists(_)
        | CompiledMatcher::Null
        | CompiledMatcher::BoolEq(_)
        | CompiledMatcher::TimestampPart { .. } => Atom::Kind(matcher),
    };
    let text =
        matches!(atom, Atom::Exact(_) | Atom::Contains(_) | Atom::Starts(_) | Atom::Ends(_) | Atom::Regex(_));
    if matches!(slot, Slot::Words(_)) && !text { Goal::Never(NO_TEXT) } else { Goal::Meets(slot, atom) }
}

fn every<'r>(slot: Slot<'r>, all: &'r [CompiledMatcher]) -> Vec<Goal<'r>> {
    all.iter().map(|one| described(slot, one)).collect()
}
