//! The values a pattern looks for, for indexing.

use std::borrow::Cow;

use base64::Engine as _;

use crate::ast::{Comparison, Expression, Literal, Operator, Path, Pattern, Predicate, Step, Test};
use crate::token::BASE64;

/// How a property relates to the value of a [`Term`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// Equal to it: from `=` or a member of an `IN` set.
    Equal,
    /// An address in it, or a range inside it: from `ISSUBSET`.
    Subset,
    /// Like it, with the wildcards `%` and `_`: from `LIKE`.
    Like,
}

/// One value that a pattern asks for positively.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term<'a> {
    /// The object type, such as `file`.
    pub object_type: &'a str,
    /// The property without apostrophes, such as `value`, `hashes.SHA-256` or `resolves_to_refs[*].value`.
    pub path: String,
    /// Equal, or subset.
    pub relation: Relation,
    /// The value: a string as it is, hex in lower case, binary in base64, others as they are printed.
    pub value: Cow<'a, str>,
}

impl Pattern {
    /// Every (property, value) pair in a positive `=`, `IN`, `ISSUBSET` or `LIKE`, in the order of the text.
    ///
    /// They say what the pattern is about, not when it matches: `AND`, qualifiers and other comparisons may
    /// narrow it.
    #[must_use]
    pub fn terms(&self) -> Vec<Term<'_>> {
        let mut terms = Vec::new();
        expression(&self.expression, &mut terms);
        terms
    }
}

fn expression<'a>(node: &'a Expression, terms: &mut Vec<Term<'a>>) {
    match node {
        Expression::Observation(inner) => comparison(inner, terms),
        Expression::Join(_, parts) => parts.iter().for_each(|part| expression(part, terms)),
        Expression::Qualified(inner, _) => expression(inner, terms),
    }
}

fn comparison<'a>(node: &'a Comparison, terms: &mut Vec<Term<'a>>) {
    match node {
        Comparison::Test(test) => of_test(test, &mut |term| terms.push(term)),
        Comparison::And(parts) | Comparison::Or(parts) => {
            parts.iter().for_each(|part| comparison(part, terms));
        }
    }
}

/// Hands out the values any of which satisfies this comparison; nothing if it is no such comparison.
pub(crate) fn of_test<'a>(test: &'a Test, each: &mut dyn FnMut(Term<'a>)) {
    let mut add = |relation, value| {
        each(Term { object_type: &test.path.object_type, path: property(&test.path), relation, value });
    };
    match (&test.predicate, test.negated) {
        (Predicate::Compare(Operator::Equal, literal), false)
        | (Predicate::Compare(Operator::NotEqual, literal), true) => add(Relation::Equal, plain(literal)),
        (Predicate::In(members), false) => {
            members.iter().for_each(|member| add(Relation::Equal, plain(member)))
        }
        (Predicate::IsSubset(range), false) => add(Relation::Subset, Cow::Borrowed(range)),
        (Predicate::Like(pattern), false) => add(Relation::Like, Cow::Borrowed(pattern)),
        _ => {}
    }
}

/// A path as [`Term::path`] has it.
pub(crate) fn property(path: &Path) -> String {
    let mut out = String::new();
    for step in &path.steps {
        match step {
            Step::Key(name) => {
                if !out.is_empty() {
                    out.push('.');
                }
                out.push_str(name);
            }
            Step::Index(index) => out.push_str(&format!("[{index}]")),
            Step::Any => out.push_str("[*]"),
        }
    }
    out
}

fn plain(literal: &Literal) -> Cow<'_, str> {
    match literal {
        Literal::Text(text) => Cow::Borrowed(text),
        Literal::Timestamp(instant) => Cow::Owned(instant.to_string()),
        Literal::Hex(bytes) => Cow::Owned(bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
        Literal::Binary(bytes) => Cow::Owned(BASE64.encode(bytes)),
        other => Cow::Owned(other.to_string()),
    }
}
