//! Patterns that one value satisfies, for indexes that know nothing but values.

use std::borrow::Cow;

use crate::ast::{Comparison, Expression, Join, Literal, Operator, Pattern, Predicate, Step, Test};
use crate::term::{self, Relation, Term};

/// A value that satisfies a pattern, and the port that has to stand beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alternative<'a> {
    /// The value. Where the pattern says of which type the end of a connection is, this is the term of that type:
    /// `ipv4-addr:value`, not `network-traffic:dst_ref.value`.
    pub term: Term<'a>,
    /// The port at the same end of the connection; `None` if any will do.
    pub port: Option<u16>,
}

impl Pattern {
    /// The values of which any one satisfies the pattern, in the order of the text; `None` where it takes more than
    /// that: other comparisons, several values together, several observations, or a qualifier.
    ///
    /// The one thing that may stand beside a value is its port: `network-traffic:dst_ref.value = '…' AND
    /// network-traffic:dst_port = 443`, with or without the type of `dst_ref`, and the same of `src`.
    #[must_use]
    pub fn alternatives(&self) -> Option<Vec<Alternative<'_>>> {
        let mut found = Vec::new();
        expression(&self.expression, &mut found)?;
        Some(found)
    }
}

fn expression<'a>(node: &'a Expression, found: &mut Vec<Alternative<'a>>) -> Option<()> {
    match node {
        Expression::Observation(inner) => comparison(inner, found),
        Expression::Join(Join::Or, parts) => parts.iter().try_for_each(|part| expression(part, found)),
        Expression::Join(Join::And | Join::FollowedBy, _) | Expression::Qualified(..) => None,
    }
}

fn comparison<'a>(node: &'a Comparison, found: &mut Vec<Alternative<'a>>) -> Option<()> {
    match node {
        Comparison::Or(parts) => parts.iter().try_for_each(|part| comparison(part, found)),
        Comparison::And(parts) => {
            found.push(end(parts)?);
            Some(())
        }
        Comparison::Test(test) => {
            let before = found.len();
            term::of_test(test, &mut |term| found.push(Alternative { term, port: None }));
            (found.len() > before).then_some(())
        }
    }
}

/// One end of a connection: its value with its type, its port, or both.
fn end(parts: &[Comparison]) -> Option<Alternative<'_>> {
    let (mut side, mut kind, mut value, mut port) = (None, None, None, None);
    for part in parts {
        let Comparison::Test(test) = part else { return None };
        if test.negated || test.path.object_type != "network-traffic" {
            return None;
        }
        let own = match (test.path.steps.as_slice(), &test.predicate) {
            ([Step::Key(own), Step::Key(name)], Predicate::Compare(Operator::Equal, Literal::Text(text)))
                if name == "type" =>
            {
                unset(&mut kind, text.as_str())?;
                own.strip_suffix("_ref")?
            }
            ([Step::Key(own), Step::Key(name)], _) if name == "value" => {
                unset(&mut value, of_one(test)?)?;
                own.strip_suffix("_ref")?
            }
            ([Step::Key(own)], Predicate::Compare(Operator::Equal, Literal::Integer(number))) => {
                unset(&mut port, u16::try_from(*number).ok()?)?;
                own.strip_suffix("_port")?
            }
            _ => return None,
        };
        if !matches!(own, "src" | "dst") || *side.get_or_insert(own) != own {
            return None;
        }
    }
    let (relation, value) = value?;
    let (object_type, path) = match kind {
        Some(kind) => (kind, "value".to_owned()),
        None => ("network-traffic", format!("{}_ref.value", side?)),
    };
    Some(Alternative { term: Term { object_type, path, relation, value }, port })
}

/// Takes in what must be said once.
fn unset<T>(slot: &mut Option<T>, value: T) -> Option<()> {
    slot.replace(value).is_none().then_some(())
}

/// The value of a test that asks for exactly one.
fn of_one(test: &Test) -> Option<(Relation, Cow<'_, str>)> {
    let mut terms = Vec::new();
    term::of_test(test, &mut |term| terms.push(term));
    match terms.pop() {
        Some(term) if terms.is_empty() => Some((term.relation, term.value)),
        _ => None,
    }
}
