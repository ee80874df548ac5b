//! The syntax tree.

use std::collections::BTreeSet;

use model::Timestamp;

use crate::error::PatternWarning;

/// A valid STIX 2.1 pattern.
///
/// Two patterns are equal when their trees are; spelling, white space and superfluous parentheses do not count.
#[derive(Debug, Clone)]
pub struct Pattern {
    pub(crate) expression: Expression,
    pub(crate) warnings: Vec<PatternWarning>,
    pub(crate) regex_size: usize,
}

impl Pattern {
    /// What in this pattern is valid but probably not meant.
    #[must_use]
    pub fn warnings(&self) -> &[PatternWarning] {
        &self.warnings
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.expression == other.expression
    }
}

/// Bytes of the source. Never takes part in equality.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl PartialEq for Span {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Span {
    pub(crate) fn to(self, other: Self) -> Self {
        Self { start: self.start, end: other.end }
    }
}

/// Observation expressions and what joins them (§9.5).
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expression {
    /// `[...]`
    Observation(Comparison),
    /// Two or more, left to right.
    Join(Join, Vec<Self>),
    Qualified(Box<Self>, Qualifier),
}

/// Observation operators, loosest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Join {
    FollowedBy,
    Or,
    And,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Qualifier {
    /// In microseconds, more than 0.
    Within(i64),
    /// At least 1.
    Repeats(u32),
    /// From the first instant, up to but without the second.
    StartStop(Timestamp, Timestamp),
}

impl Qualifier {
    pub(crate) const fn keyword(self) -> &'static str {
        match self {
            Self::Within(_) => "WITHIN",
            Self::Repeats(_) => "REPEATS",
            Self::StartStop(..) => "START",
        }
    }
}

/// What stands between square brackets (§9.6).
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Comparison {
    Test(Test),
    And(Vec<Self>),
    Or(Vec<Self>),
}

impl Comparison {
    /// Where it stands, without enclosing parentheses.
    pub(crate) fn span(&self) -> Span {
        match self {
            Self::Test(test) => test.span,
            Self::And(parts) | Self::Or(parts) => match (parts.first(), parts.last()) {
                (Some(first), Some(last)) => first.span().to(last.span()),
                _ => Span { start: 0, end: 0 },
            },
        }
    }

    /// The object types that could satisfy this; `conflict` is told of each `AND` that none can.
    pub(crate) fn types<'a>(&'a self, conflict: &mut impl FnMut(Span)) -> BTreeSet<&'a str> {
        match self {
            Self::Test(test) => BTreeSet::from([test.path.object_type.as_str()]),
            Self::Or(parts) => parts.iter().flat_map(|part| part.types(conflict)).collect(),
            Self::And(parts) => {
                let mut sets = parts.iter().map(|part| part.types(conflict)).collect::<Vec<_>>().into_iter();
                let mut common = sets.next().unwrap_or_default();
                for set in sets {
                    let both: BTreeSet<_> = common.intersection(&set).copied().collect();
                    if both.is_empty() {
                        conflict(self.span());
                        return common;
                    }
                    common = both;
                }
                common
            }
        }
    }
}

/// One comparison expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Test {
    pub(crate) path: Path,
    pub(crate) negated: bool,
    pub(crate) predicate: Predicate,
    pub(crate) span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Predicate {
    Compare(Operator, Literal),
    In(Vec<Literal>),
    Like(String),
    Matches(String),
    IsSubset(String),
    IsSuperset(String),
    Exists,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// An object path (§9.7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path {
    pub(crate) object_type: String,
    /// At least one; the first is a key.
    pub(crate) steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Key(String),
    Index(i64),
    /// `[*]`
    Any,
}

/// A constant (§9.2).
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Integer(i64),
    Float(f64),
    Text(String),
    Boolean(bool),
    Timestamp(Timestamp),
    Hex(Vec<u8>),
    Binary(Vec<u8>),
}

impl Literal {
    /// The name of the type as messages use it.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Integer(_) => "integer",
            Self::Float(_) => "float",
            Self::Text(_) => "string",
            Self::Boolean(_) => "boolean",
            Self::Timestamp(_) => "timestamp",
            Self::Hex(_) => "hex",
            Self::Binary(_) => "binary",
        }
    }
}
