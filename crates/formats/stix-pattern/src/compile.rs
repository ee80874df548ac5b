//! A pattern made ready to run.

use std::cmp::Ordering;

use unicode_normalization::UnicodeNormalization as _;

use crate::ast::{Comparison, Expression, Join, Literal, Operator, Pattern, Predicate, Qualifier, Step};
use crate::check::{byte_regex, text_regex};
use crate::error::{Budget, BudgetExceeded, PatternError};
use crate::net::Network;
use crate::observe::{Observation, Observations};
use crate::search::Search;

/// A compiled pattern: compile once, run over many sets of observations, from any thread.
#[derive(Debug)]
pub struct Matcher {
    pub(crate) root: Node,
    pub(crate) leaves: Vec<Leaf>,
}

impl Matcher {
    /// A budget for one run when nothing better is known: about a second.
    pub const BUDGET: u64 = 50_000_000;

    /// Compiles a pattern.
    ///
    /// # Errors
    /// A constant or regular expression that cannot be used; [`crate::parse`] has found those already.
    pub fn new(pattern: &Pattern) -> Result<Self, PatternError> {
        let mut compiler = Compiler { leaves: Vec::new(), regex_size: pattern.regex_size };
        let root = compiler.expression(&pattern.expression, Window::OPEN)?;
        Ok(Self { root, leaves: compiler.leaves })
    }

    /// The places of the observations in one binding, ascending; `None` if the pattern does not match.
    ///
    /// The result depends on the pattern and the order of the observations only: earlier alternatives of `OR`,
    /// earlier time windows and earlier observations are preferred, in this order. An observation that the
    /// binding uses several times (`number_observed`) is listed once. One step of `budget` is about one value
    /// looked at.
    ///
    /// # Errors
    /// [`BudgetExceeded`] when the answer is not known after `budget` steps.
    pub fn first_match(
        &self,
        observations: &Observations,
        budget: u64,
    ) -> Result<Option<Vec<usize>>, BudgetExceeded> {
        Search::new(self, &observations.list, Some(&observations.by_type), Budget(budget)).run()
    }

    /// Whether the pattern matches this observation alone.
    ///
    /// # Errors
    /// [`BudgetExceeded`] when the answer is not known after `budget` steps.
    pub fn matches_one(&self, observation: &Observation, budget: u64) -> Result<bool, BudgetExceeded> {
        let found = Search::new(self, std::slice::from_ref(observation), None, Budget(budget)).run()?;
        Ok(found.is_some())
    }

    /// As [`Matcher::first_match`], over observations in a list of the caller's.
    ///
    /// # Errors
    /// [`BudgetExceeded`] when the answer is not known after `budget` steps.
    pub fn first_among(
        &self,
        observations: &[Observation],
        budget: u64,
    ) -> Result<Option<Vec<usize>>, BudgetExceeded> {
        Search::new(self, observations, None, Budget(budget)).run()
    }

    /// Whether the observation satisfies some observation expression, `[…]`, of the pattern: one that satisfies none can
    /// be in no binding.
    ///
    /// # Errors
    /// [`BudgetExceeded`] when the answer is not known after `budget` steps.
    pub fn concerns(&self, observation: &Observation, budget: u64) -> Result<bool, BudgetExceeded> {
        let mut budget = Budget(budget);
        for leaf in &self.leaves {
            if leaf.holds(observation, &mut budget)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The least number of observations that a binding takes.
    #[must_use]
    pub fn needs(&self) -> u64 {
        self.root.needs()
    }
}

/// From when until when an observation must have happened, both inclusive, in microseconds. Every temporal
/// condition comes down to this once its free instant is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) from: i64,
    pub(crate) until: i64,
}

impl Window {
    pub(crate) const OPEN: Self = Self { from: i64::MIN, until: i64::MAX };

    pub(crate) fn and(self, other: Self) -> Self {
        Self { from: self.from.max(other.from), until: self.until.min(other.until) }
    }

    /// What is left of an interval in this window, if anything.
    pub(crate) fn clip(self, (first, last): (i64, i64)) -> Option<(i64, i64)> {
        let (first, last) = (first.max(self.from), last.min(self.until));
        (first <= last).then_some((first, last))
    }

    /// Whether an observation of this interval can have happened in this window. One without times fits only
    /// where no time is asked for.
    pub(crate) fn admits(self, interval: Option<(i64, i64)>) -> bool {
        interval.map_or(self == Self::OPEN, |interval| self.clip(interval).is_some())
    }
}

/// Observation expressions; `START`/`STOP` has moved into the leaves' windows.
#[derive(Debug)]
pub(crate) enum Node {
    /// This many observations, each satisfying the leaf.
    Leaf {
        leaf: usize,
        window: Window,
        times: u32,
    },
    All(Vec<Node>),
    Any(Vec<Node>),
    /// Left before right.
    FollowedBy(Box<Node>, Box<Node>),
    /// All within this many microseconds, exclusive.
    Within(Box<Node>, i64),
    /// So many disjoint bindings.
    Repeats(Box<Node>, u32),
}

/// What one observation must hold.
#[derive(Debug)]
pub(crate) struct Leaf {
    pub(crate) condition: Condition,
    /// The object types that can satisfy it, sorted.
    pub(crate) types: Vec<Box<str>>,
}

#[derive(Debug)]
pub(crate) enum Condition {
    Test { object_type: Box<str>, steps: Vec<CompiledStep>, negated: bool, check: Check },
    All(Vec<Self>),
    Any(Vec<Self>),
}

#[derive(Debug)]
pub(crate) enum CompiledStep {
    /// `reference`: what stands there names an object (`_ref`), or several (`_refs`).
    Key {
        name: Box<str>,
        reference: bool,
    },
    Index(usize),
    /// An index no list has.
    Nowhere,
    Any,
}

/// What a value is checked for.
#[derive(Debug)]
pub(crate) enum Check {
    Equal(Constant),
    NotEqual(Constant),
    /// Ordered after the constant (`Greater`) or before it, or equal to it if `or_equal`.
    Order {
        side: Ordering,
        or_equal: bool,
        constant: Constant,
    },
    /// `texts`, sorted, if every member is a string; `members` always.
    In {
        texts: Option<Vec<Box<str>>>,
        members: Vec<Constant>,
    },
    Like(Vec<char>),
    Matches {
        text: regex::Regex,
        bytes: Option<regex::bytes::Regex>,
    },
    IsSubset(Network),
    IsSuperset(Network),
    Exists,
}

#[derive(Debug)]
pub(crate) enum Constant {
    Integer(i64),
    Float(f64),
    /// With its octets if every code point is below U+0100.
    Text(Box<str>, Option<Box<[u8]>>),
    Boolean(bool),
    /// Microseconds.
    Timestamp(i64),
    Bytes(Box<[u8]>),
}

struct Compiler {
    leaves: Vec<Leaf>,
    regex_size: usize,
}

impl Compiler {
    fn expression(&mut self, expression: &Expression, window: Window) -> Result<Node, PatternError> {
        Ok(match expression {
            Expression::Observation(comparison) => {
                let types = comparison.types(&mut |_| {}).into_iter().map(Into::into).collect();
                let condition = self.condition(comparison)?;
                self.leaves.push(Leaf { condition, types });
                Node::Leaf { leaf: self.leaves.len() - 1, window, times: 1 }
            }
            Expression::Join(join, parts) => {
                let mut nodes =
                    parts.iter().map(|part| self.expression(part, window)).collect::<Result<Vec<_>, _>>()?;
                match join {
                    Join::And => Node::All(nodes),
                    Join::Or => Node::Any(nodes),
                    // The order is the same whichever end is grouped first; from the right, the earliest
                    // observation is chosen first, which seldom has to be taken back.
                    Join::FollowedBy => {
                        let last = nodes.pop().unwrap_or(Node::All(Vec::new()));
                        nodes
                            .into_iter()
                            .rfold(last, |right, left| Node::FollowedBy(Box::new(left), Box::new(right)))
                    }
                }
            }
            Expression::Qualified(inner, Qualifier::StartStop(start, stop)) => {
                let own = Window { from: start.as_micros(), until: stop.as_micros().saturating_sub(1) };
                self.expression(inner, window.and(own))?
            }
            Expression::Qualified(inner, Qualifier::Within(micros)) => {
                Node::Within(Box::new(self.expression(inner, window)?), *micros)
            }
            Expression::Qualified(inner, Qualifier::Repeats(times)) => {
                match self.expression(inner, window)? {
                    Node::Leaf { leaf, window, times: 1 } => Node::Leaf { leaf, window, times: *times },
                    Node::Any(nodes) => match self.merged(&nodes) {
                        Some((leaf, window)) => Node::Leaf { leaf, window, times: *times },
                        None => Node::Repeats(Box::new(Node::Any(nodes)), *times),
                    },
                    node => Node::Repeats(Box::new(node), *times),
                }
            }
        })
    }

    /// `[a] OR [b]` under `REPEATS` as the one leaf `[a OR b]`: the same bindings without trying every sequence
    /// of alternatives.
    fn merged(&mut self, nodes: &[Node]) -> Option<(usize, Window)> {
        let &Node::Leaf { window, .. } = nodes.first()? else { return None };
        let same = |node: &Node| matches!(node, Node::Leaf { window: own, times: 1, .. } if *own == window);
        if !nodes.iter().all(same) {
            return None;
        }
        // An expression's leaves are pushed one after the other, so these are the last ones.
        let parts = self.leaves.split_off(self.leaves.len().checked_sub(nodes.len())?);
        let mut types = Vec::new();
        let mut conditions = Vec::new();
        for part in parts {
            types.extend(part.types);
            conditions.push(part.condition);
        }
        types.sort_unstable();
        types.dedup();
        self.leaves.push(Leaf { condition: Condition::Any(conditions), types });
        Some((self.leaves.len() - 1, window))
    }

    fn condition(&self, comparison: &Comparison) -> Result<Condition, PatternError> {
        let all =
            |parts: &[Comparison]| parts.iter().map(|part| self.condition(part)).collect::<Result<_, _>>();
        let test = match comparison {
            Comparison::And(parts) => return all(parts).map(Condition::All),
            Comparison::Or(parts) => return all(parts).map(Condition::Any),
            Comparison::Test(test) => test,
        };
        let fail = |message| PatternError { start: test.span.start, end: test.span.end, message };
        let network = |text: &str| {
            Network::parse(text).ok_or_else(|| fail(format!("`{text}` is not an address range")))
        };
        let check = match &test.predicate {
            Predicate::Compare(operator, literal) => {
                let constant = Constant::new(literal);
                let order = |side, or_equal, constant| Check::Order { side, or_equal, constant };
                match operator {
                    Operator::Equal => Check::Equal(constant),
                    Operator::NotEqual => Check::NotEqual(constant),
                    Operator::Less => order(Ordering::Less, false, constant),
                    Operator::LessOrEqual => order(Ordering::Less, true, constant),
                    Operator::Greater => order(Ordering::Greater, false, constant),
                    Operator::GreaterOrEqual => order(Ordering::Greater, true, constant),
                }
            }
            Predicate::In(literals) => {
                let texts = literals.iter().map(|literal| match literal {
                    Literal::Text(text) => Some(text.as_str().into()),
                    _ => None,
                });
                let mut texts: Option<Vec<Box<str>>> = texts.collect();
                if let Some(texts) = &mut texts {
                    texts.sort_unstable();
                }
                Check::In { texts, members: literals.iter().map(Constant::new).collect() }
            }
            Predicate::Like(text) => Check::Like(text.nfc().collect()),
            Predicate::Matches(source) => Check::Matches {
                text: text_regex(source, self.regex_size).map_err(fail)?,
                bytes: byte_regex(source, self.regex_size),
            },
            Predicate::IsSubset(text) => Check::IsSubset(network(text)?),
            Predicate::IsSuperset(text) => Check::IsSuperset(network(text)?),
            Predicate::Exists => Check::Exists,
        };
        let steps = test.path.steps.iter().map(|step| match step {
            Step::Key(name) => CompiledStep::Key {
                reference: name.ends_with("_ref") || name.ends_with("_refs"),
                name: name.as_str().into(),
            },
            Step::Index(index) => usize::try_from(*index).map_or(CompiledStep::Nowhere, CompiledStep::Index),
            Step::Any => CompiledStep::Any,
        });
        Ok(Condition::Test {
            object_type: test.path.object_type.as_str().into(),
            steps: steps.collect(),
            negated: test.negated,
            check,
        })
    }
}

impl Constant {
    fn new(literal: &Literal) -> Self {
        match literal {
            Literal::Integer(value) => Self::Integer(*value),
            Literal::Float(value) => Self::Float(*value),
            Literal::Text(text) => {
                let octets: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(c).ok()).collect();
                Self::Text(text.as_str().into(), octets.map(Into::into))
            }
            Literal::Boolean(value) => Self::Boolean(*value),
            Literal::Timestamp(instant) => Self::Timestamp(instant.as_micros()),
            Literal::Hex(bytes) | Literal::Binary(bytes) => Self::Bytes(bytes.as_slice().into()),
        }
    }
}
