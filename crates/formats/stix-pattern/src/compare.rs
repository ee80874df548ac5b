//! Comparisons over the objects of one observation (§9.6, §9.7).

use std::borrow::Cow;
use std::cmp::Ordering;

use model::Timestamp;
use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfc_quick};

use crate::compile::{Check, CompiledStep, Condition, Constant, Leaf};
use crate::error::{Budget, BudgetExceeded};
use crate::net::Network;
use crate::observe::{Item, Object, Observation};

impl Leaf {
    /// Whether one object of the observation satisfies this.
    pub(crate) fn holds(
        &self,
        observation: &Observation,
        budget: &mut Budget,
    ) -> Result<bool, BudgetExceeded> {
        for object in &observation.objects {
            if self.types.binary_search(&object.kind).is_ok()
                && self.condition.holds(observation, object, budget)?
            {
                return Ok(true);
            }
        }
        budget.spend(1)?;
        Ok(false)
    }
}

impl Condition {
    /// Whether this object, of this observation, satisfies this.
    pub(crate) fn holds(
        &self,
        observation: &Observation,
        object: &Object,
        budget: &mut Budget,
    ) -> Result<bool, BudgetExceeded> {
        match self {
            Self::Test { object_type, steps, negated, check } => {
                budget.spend(1)?;
                if *object_type != object.kind {
                    return Ok(false);
                }
                // `NOT EXISTS` is about the path, not about a value at its end.
                let absent = *negated && matches!(check, Check::Exists);
                let negated = *negated && !absent;
                let found = Walk { observation, check, negated, budget }.any(&object.body, steps, false)?;
                Ok(found != absent)
            }
            Self::All(parts) => {
                for part in parts {
                    if !part.holds(observation, object, budget)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Any(parts) => {
                for part in parts {
                    if part.holds(observation, object, budget)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
        }
    }
}

/// Follows a path to every value it leads to.
struct Walk<'a> {
    observation: &'a Observation,
    check: &'a Check,
    negated: bool,
    budget: &'a mut Budget,
}

impl Walk<'_> {
    /// Whether any value at the end of the path passes. `reference`: the item came from a reference property.
    ///
    /// A reference is followed when the path goes on behind it; at the end of the path it is its own text.
    fn any(&mut self, item: &Item, steps: &[CompiledStep], reference: bool) -> Result<bool, BudgetExceeded> {
        let Some((step, rest)) = steps.split_first() else {
            self.budget.spend(self.check.cost(item))?;
            return Ok(self.check.passes(item) != self.negated);
        };
        self.budget.spend(1)?;
        match (step, item) {
            (CompiledStep::Key { .. }, Item::Text(name)) if reference => match self.observation.resolve(name)
            {
                Some(object) => self.any(&object.body, steps, false),
                None => Ok(false),
            },
            (CompiledStep::Key { name, reference }, Item::Map(_)) => match item.get(name) {
                Some(item) => self.any(item, rest, *reference),
                None => Ok(false),
            },
            (CompiledStep::Index(index), Item::List(items)) => match items.get(*index) {
                Some(item) => self.any(item, rest, reference),
                None => Ok(false),
            },
            (CompiledStep::Any, Item::List(items)) => {
                for item in items {
                    if self.any(item, rest, reference)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            _ => Ok(false),
        }
    }
}

impl Check {
    /// Steps this takes on such a value, so that long texts are not free.
    fn cost(&self, item: &Item) -> u64 {
        let length = match item {
            Item::Text(text) => text.len(),
            Item::Bytes(bytes) => bytes.len(),
            _ => 0,
        };
        let work = match self {
            Self::Like(pattern) => length.saturating_mul(pattern.len()) / 1024,
            Self::In { texts: None, members } => members.len(),
            Self::Matches { .. } => length / 16,
            _ => length / 256,
        };
        1 + u64::try_from(work).unwrap_or(u64::MAX - 1)
    }

    fn passes(&self, item: &Item) -> bool {
        match self {
            Self::Equal(constant) => constant.order(item) == Some(Ordering::Equal),
            Self::NotEqual(constant) => constant.order(item) != Some(Ordering::Equal),
            Self::Order { side, or_equal, constant } => constant
                .order(item)
                .is_some_and(|found| found == *side || *or_equal && found == Ordering::Equal),
            Self::In { texts: Some(texts), .. } if let Item::Text(text) = item => {
                texts.binary_search(text).is_ok()
            }
            Self::In { members, .. } => {
                members.iter().any(|member| member.order(item) == Some(Ordering::Equal))
            }
            Self::Like(pattern) => match item {
                Item::Text(text) => like(pattern, &nfc(text)),
                Item::Bytes(bytes) => {
                    like(pattern, &bytes.iter().map(|&b| char::from(b)).collect::<String>())
                }
                _ => false,
            },
            Self::Matches { text, bytes } => match item {
                Item::Text(value) => text.is_match(&nfc(value)),
                Item::Bytes(value) => bytes.as_ref().is_some_and(|regex| regex.is_match(value)),
                _ => false,
            },
            Self::IsSubset(range) => network(item).is_some_and(|own| range.contains(&own)),
            Self::IsSuperset(range) => network(item).is_some_and(|own| own.contains(range)),
            Self::Exists => true,
        }
    }
}

fn network(item: &Item) -> Option<Network> {
    match item {
        Item::Text(text) => Network::parse(text),
        _ => None,
    }
}

impl Constant {
    /// How the value stands to the constant; `None` if their types cannot be compared.
    fn order(&self, item: &Item) -> Option<Ordering> {
        match (item, self) {
            (Item::Integer(a), Self::Integer(b)) => Some(a.cmp(b)),
            (Item::Float(a), Self::Float(b)) => a.partial_cmp(b),
            (Item::Integer(a), Self::Float(b)) => mixed(*a, *b),
            (Item::Float(a), Self::Integer(b)) => mixed(*b, *a).map(Ordering::reverse),
            (Item::Boolean(a), Self::Boolean(b)) => Some(a.cmp(b)),
            // UTF-8 sorts like code points, which is what §9.6.2 asks for.
            (Item::Text(a), Self::Text(b, _)) => Some(a.cmp(b)),
            (Item::Text(a), Self::Timestamp(b)) => {
                a.parse::<Timestamp>().ok().map(|instant| instant.as_micros().cmp(b))
            }
            (Item::Bytes(a), Self::Bytes(b) | Self::Text(_, Some(b))) => Some(a.cmp(b)),
            (Item::Text(a), Self::Bytes(b)) => {
                let octets: Option<Vec<u8>> = a.chars().map(|c| u8::try_from(c).ok()).collect();
                octets.map(|octets| octets.as_slice().cmp(b))
            }
            _ => None,
        }
    }
}

/// Compares the full values: neither side is rounded to the other's type.
#[expect(clippy::cast_possible_truncation, reason = "the float is whole and in range there")]
fn mixed(integer: i64, float: f64) -> Option<Ordering> {
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    if float.is_nan() {
        return None;
    }
    Some(if float >= BEYOND {
        Ordering::Less
    } else if float < -BEYOND {
        Ordering::Greater
    } else {
        let whole = float.trunc();
        integer
            .cmp(&(whole as i64))
            .then_with(|| 0.0.partial_cmp(&(float - whole)).unwrap_or(Ordering::Equal))
    })
}

fn nfc(text: &str) -> Cow<'_, str> {
    if is_nfc_quick(text.chars()) == IsNormalized::Yes { Cow::Borrowed(text) } else { text.nfc().collect() }
}

/// `%` is any number of characters, `_` exactly one, and the whole text must fit.
fn like(pattern: &[char], text: &str) -> bool {
    let (mut place, mut text) = (0, text.chars());
    // Where to go on if the attempt fails: behind the last `%`, one character later in the text.
    let mut retry = None;
    loop {
        let mut ahead = text.clone();
        match (pattern.get(place), ahead.next()) {
            (Some('%'), _) => {
                place += 1;
                retry = Some((place, text.clone()));
            }
            (None, None) => return true,
            (Some(&wanted), Some(found)) if wanted == '_' || wanted == found => {
                place += 1;
                text = ahead;
            }
            _ => {
                let Some((behind, later)) = &mut retry else { return false };
                if later.next().is_none() {
                    return false;
                }
                place = *behind;
                text = later.clone();
            }
        }
    }
}
