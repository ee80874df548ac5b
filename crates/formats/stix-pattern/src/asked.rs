//! What a pattern asks of observations before it is worth asking it: types, values, how many, how far apart.

use std::collections::BTreeSet;

use crate::ast::{Comparison, Expression, Join, Literal, Operator, Pattern, Predicate, Qualifier};
use crate::term::{self, Term};

/// What one observation expression, `[…]`, asks of an observation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked<'a> {
    /// The object types of which it needs one.
    pub types: BTreeSet<&'a str>,
    /// Values of which an object that satisfies it has at least one; `None` where it can do without any.
    pub terms: Option<Vec<Term<'a>>>,
}

/// How far apart in time the observations of one binding may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// A binding is one observation.
    One,
    /// Less than so many microseconds.
    Within(i64),
    /// As far as they like.
    Open,
}

impl Pattern {
    /// What each observation expression asks for, in the order of the text.
    ///
    /// `usable` says of which values the caller can tell whether an observation has them; a comparison with others
    /// is taken for one that any object could pass.
    #[must_use]
    pub fn asked(&self, usable: &dyn Fn(&Term<'_>) -> bool) -> Vec<Asked<'_>> {
        let mut found = Vec::new();
        each(&self.expression, &mut |comparison| {
            let terms = needed(comparison, usable);
            found.push(Asked { types: comparison.types(&mut |_| {}), terms });
        });
        found
    }

    /// How far apart in time the observations of one binding may be.
    #[must_use]
    pub fn reach(&self) -> Reach {
        reach(&self.expression)
    }

    /// Spells the texts that the pattern compares with `=`, `!=` and `IN` as `spell` does, which is given object type,
    /// property and text; `None` leaves a text as it is.
    ///
    /// For observations whose values are in one spelling: what is compared with them must be in the same.
    pub fn respell(&mut self, spell: &dyn Fn(&str, &str, &str) -> Option<String>) {
        respell(&mut self.expression, spell);
    }
}

fn each<'a>(node: &'a Expression, found: &mut dyn FnMut(&'a Comparison)) {
    match node {
        Expression::Observation(inner) => found(inner),
        Expression::Join(_, parts) => parts.iter().for_each(|part| each(part, found)),
        Expression::Qualified(inner, _) => each(inner, found),
    }
}

/// Of what is joined by `AND`, the part that names the fewest values stands for all of it.
fn needed<'a>(node: &'a Comparison, usable: &dyn Fn(&Term<'_>) -> bool) -> Option<Vec<Term<'a>>> {
    match node {
        Comparison::Test(test) => {
            let mut terms = Vec::new();
            term::of_test(test, &mut |term| terms.push(term));
            (!terms.is_empty() && terms.iter().all(usable)).then_some(terms)
        }
        Comparison::Or(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(needed(part, usable)?);
            }
            Some(all)
        }
        Comparison::And(parts) => parts.iter().filter_map(|part| needed(part, usable)).min_by_key(Vec::len),
    }
}

fn reach(node: &Expression) -> Reach {
    match node {
        Expression::Observation(_) => Reach::One,
        Expression::Join(Join::Or, parts) => parts.iter().map(reach).max().unwrap_or(Reach::One),
        Expression::Join(Join::And | Join::FollowedBy, _) => Reach::Open,
        Expression::Qualified(inner, Qualifier::Within(micros)) => reach(inner).min(Reach::Within(*micros)),
        Expression::Qualified(inner, Qualifier::Repeats(1)) => reach(inner),
        Expression::Qualified(_, Qualifier::Repeats(_)) => Reach::Open,
        Expression::Qualified(inner, Qualifier::StartStop(from, until)) => {
            let micros = until.as_micros().saturating_sub(from.as_micros());
            reach(inner).min(Reach::Within(micros))
        }
    }
}

fn respell(node: &mut Expression, spell: &dyn Fn(&str, &str, &str) -> Option<String>) {
    match node {
        Expression::Observation(inner) => respell_comparison(inner, spell),
        Expression::Join(_, parts) => parts.iter_mut().for_each(|part| respell(part, spell)),
        Expression::Qualified(inner, _) => respell(inner, spell),
    }
}

fn respell_comparison(node: &mut Comparison, spell: &dyn Fn(&str, &str, &str) -> Option<String>) {
    let test = match node {
        Comparison::Test(test) => test,
        Comparison::And(parts) | Comparison::Or(parts) => {
            return parts.iter_mut().for_each(|part| respell_comparison(part, spell));
        }
    };
    let literals = match &mut test.predicate {
        Predicate::Compare(Operator::Equal | Operator::NotEqual, literal) => std::slice::from_mut(literal),
        Predicate::In(members) => members.as_mut_slice(),
        _ => return,
    };
    let path = term::property(&test.path);
    for literal in literals {
        if let Literal::Text(text) = literal
            && let Some(other) = spell(&test.path.object_type, &path, text)
        {
            *text = other;
        }
    }
}
