//! Tree to text: one spelling per tree, and parsing it gives the tree again.

use std::fmt::{self, Display, Formatter};

use base64::Engine as _;

use crate::ast::{
    Comparison, Expression, Join, Literal, Operator, Path, Pattern, Predicate, Qualifier, Step, Test,
};
use crate::parse::{KEYWORDS, MAX_QUALIFIERS};
use crate::token::{BASE64, is_plain};

impl Display for Pattern {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.expression.fmt(f)
    }
}

impl Display for Expression {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Observation(comparison) => write!(f, "[{comparison}]"),
            Self::Join(join, parts) => {
                let keyword = match join {
                    Join::FollowedBy => " FOLLOWEDBY ",
                    Join::Or => " OR ",
                    Join::And => " AND ",
                };
                separated(f, parts, keyword, |f, part| {
                    group(f, part, matches!(part, Self::Join(inner, _) if inner <= join))
                })
            }
            Self::Qualified(..) => qualified(self, f),
        }
    }
}

/// Qualifiers in a row where they can stand so, and in as few parentheses as they could have been read from.
fn qualified(expression: &Expression, f: &mut Formatter<'_>) -> fmt::Result {
    let mut base = expression;
    let mut chain = Vec::new();
    while let Expression::Qualified(inner, qualifier) = base {
        chain.push(*qualifier);
        base = inner;
    }
    chain.reverse();
    let repeated = |(place, qualifier): (usize, &Qualifier)| {
        chain.iter().take(place).any(|earlier| earlier.keyword() == qualifier.keyword())
    };
    let grouped = matches!(base, Expression::Join(..));
    let direct = match chain.iter().enumerate().position(repeated) {
        Some(place) if !grouped => place,
        _ => chain.len().min(MAX_QUALIFIERS),
    };
    let (direct, rest) = chain.split_at_checked(direct).unwrap_or((&chain, &[]));
    rest.chunks(MAX_QUALIFIERS).try_for_each(|_| f.write_str("("))?;
    group(f, base, grouped)?;
    direct.iter().try_for_each(|qualifier| write!(f, " {qualifier}"))?;
    for chunk in rest.chunks(MAX_QUALIFIERS) {
        f.write_str(")")?;
        chunk.iter().try_for_each(|qualifier| write!(f, " {qualifier}"))?;
    }
    Ok(())
}

impl Display for Qualifier {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Within(micros) if micros % 1_000_000 == 0 => {
                write!(f, "WITHIN {} SECONDS", micros / 1_000_000)
            }
            Self::Within(micros) => {
                write!(f, "WITHIN {}.{:06} SECONDS", micros / 1_000_000, micros % 1_000_000)
            }
            Self::Repeats(times) => write!(f, "REPEATS {times} TIMES"),
            Self::StartStop(start, stop) => write!(f, "START t'{start}' STOP t'{stop}'"),
        }
    }
}

impl Display for Comparison {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Test(test) => test.fmt(f),
            Self::And(parts) => {
                separated(f, parts, " AND ", |f, part| group(f, part, !matches!(part, Self::Test(_))))
            }
            Self::Or(parts) => {
                separated(f, parts, " OR ", |f, part| group(f, part, matches!(part, Self::Or(_))))
            }
        }
    }
}

impl Display for Test {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { path, negated, predicate, .. } = self;
        if matches!(predicate, Predicate::Exists) {
            return write!(f, "{}EXISTS {path}", if *negated { "NOT " } else { "" });
        }
        write!(f, "{path} {}", if *negated { "NOT " } else { "" })?;
        match predicate {
            Predicate::Compare(operator, literal) => write!(f, "{} {literal}", operator.symbol()),
            Predicate::In(members) => {
                f.write_str("IN (")?;
                separated(f, members, ", ", |f, member| member.fmt(f))?;
                f.write_str(")")
            }
            Predicate::Like(text) => write!(f, "LIKE {}", Quoted(text)),
            Predicate::Matches(text) => write!(f, "MATCHES {}", Quoted(text)),
            Predicate::IsSubset(text) => write!(f, "ISSUBSET {}", Quoted(text)),
            Predicate::IsSuperset(text) => write!(f, "ISSUPERSET {}", Quoted(text)),
            Predicate::Exists => Ok(()),
        }
    }
}

impl Operator {
    const fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

impl Display for Path {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.object_type)?;
        for (place, step) in self.steps.iter().enumerate() {
            match step {
                Step::Key(name) => {
                    f.write_str(if place == 0 { ":" } else { "." })?;
                    if is_plain(name) && !KEYWORDS.contains(&name.as_str()) {
                        f.write_str(name)?;
                    } else {
                        Quoted(name).fmt(f)?;
                    }
                }
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Any => f.write_str("[*]")?,
            }
        }
        Ok(())
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(value) => write!(f, "{value}"),
            // `Debug` would use exponents, which the grammar lacks.
            Self::Float(value) if value.fract() == 0.0 => write!(f, "{value}.0"),
            Self::Float(value) => write!(f, "{value}"),
            Self::Text(text) => Quoted(text).fmt(f),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Timestamp(instant) => write!(f, "t'{instant}'"),
            Self::Hex(bytes) => {
                f.write_str("h'")?;
                bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
                f.write_str("'")
            }
            Self::Binary(bytes) => write!(f, "b'{}'", BASE64.encode(bytes)),
        }
    }
}

struct Quoted<'a>(&'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "'{}'", self.0.replace('\\', "\\\\").replace('\'', "\\'"))
    }
}

fn group(f: &mut Formatter<'_>, inner: &impl Display, parentheses: bool) -> fmt::Result {
    if parentheses { write!(f, "({inner})") } else { inner.fmt(f) }
}

fn separated<'f, T>(
    f: &mut Formatter<'f>,
    parts: &[T],
    separator: &str,
    mut each: impl FnMut(&mut Formatter<'f>, &T) -> fmt::Result,
) -> fmt::Result {
    for (place, part) in parts.iter().enumerate() {
        if place > 0 {
            f.write_str(separator)?;
        }
        each(f, part)?;
    }
    Ok(())
}
