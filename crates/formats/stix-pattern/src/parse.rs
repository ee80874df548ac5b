//! Tokens to tree.

mod comparison;

use model::Timestamp;

use crate::ast::{Comparison, Expression, Join, Literal, Pattern, Qualifier, Span};
use crate::check::Checks;
use crate::error::PatternError;
use crate::limits::Limits;
use crate::token::{Kind, Token, tokens};

/// More than these would bury the reader.
const MAX_ERRORS: usize = 20;

/// There are three kinds; a group may repeat a kind, but not without end.
pub(crate) const MAX_QUALIFIERS: usize = 8;

/// Words the grammar keeps for itself; as property names they need apostrophes.
pub(crate) const KEYWORDS: [&str; 19] = [
    "AND",
    "OR",
    "NOT",
    "FOLLOWEDBY",
    "LIKE",
    "MATCHES",
    "ISSUPERSET",
    "ISSUBSET",
    "EXISTS",
    "LAST",
    "IN",
    "START",
    "STOP",
    "SECONDS",
    "true",
    "false",
    "WITHIN",
    "REPEATS",
    "TIMES",
];

/// Reads a pattern (STIX 2.1 §9 and the grammar published with it).
///
/// # Errors
/// Everything wrong that can be told apart, in the order of the text, at most 20 entries: lexical errors,
/// syntax errors (one per observation expression), constants and operators that do not fit, exceeded limits.
pub fn parse(text: &str, limits: &Limits) -> Result<Pattern, Vec<PatternError>> {
    if text.len() > limits.length {
        let message =
            format!("the pattern is {} bytes long; at most {} are allowed", text.len(), limits.length);
        return Err(vec![PatternError { start: 0, end: text.len(), message }]);
    }
    let tokens = tokens(text);
    let checks = Checks::new(limits, tokens.errors, tokens.warnings);
    let mut parser = Parser { text, tokens: tokens.list, at: 0, limits, depth: 0, comparisons: 0, checks };
    let expression = parser.pattern();
    let Checks { mut errors, warnings, .. } = parser.checks;
    match expression {
        Ok(expression) if errors.is_empty() => {
            Ok(Pattern { expression, warnings, regex_size: limits.regex_size })
        }
        _ => {
            errors.sort_by_key(|error| (error.start, error.end));
            errors.truncate(MAX_ERRORS);
            Err(errors)
        }
    }
}

/// The error is in `checks`; this only says how to go on.
enum Stop {
    /// Go on after the observation expression.
    Here,
    /// A limit: stop altogether.
    Altogether,
}

type Parsed<T> = Result<T, Stop>;

struct Parser<'a, 'l> {
    text: &'a str,
    tokens: Vec<Token<'a>>,
    at: usize,
    limits: &'l Limits,
    depth: usize,
    comparisons: usize,
    checks: Checks<'l>,
}

impl<'a> Parser<'a, '_> {
    fn pattern(&mut self) -> Parsed<Expression> {
        let expression = self.joined(Join::FollowedBy)?;
        if *self.peek() != Kind::End {
            return self.expected("`AND`, `OR`, `FOLLOWEDBY`, a qualifier or the end of the pattern");
        }
        let span = Span { start: 0, end: self.text.len() };
        self.checks.together(&expression, span);
        Ok(expression)
    }

    /// Expressions joined by this operator or a tighter one.
    fn joined(&mut self, join: Join) -> Parsed<Expression> {
        let (keyword, tighter) = match join {
            Join::FollowedBy => ("FOLLOWEDBY", Some(Join::Or)),
            Join::Or => ("OR", Some(Join::And)),
            Join::And => ("AND", None),
        };
        let mut parts = Vec::new();
        loop {
            parts.push(match tighter {
                Some(join) => self.joined(join)?,
                None => self.qualified()?,
            });
            if !self.word(keyword) {
                break;
            }
        }
        Ok(single(parts, |parts| Expression::Join(join, parts)))
    }

    fn qualified(&mut self) -> Parsed<Expression> {
        let grouped = *self.peek() == Kind::OpenParen;
        let mut expression = match self.peek() {
            Kind::OpenBracket => self.observation()?,
            Kind::OpenParen => self.nested(|parser| parser.joined(Join::FollowedBy))?,
            _ => return self.expected("`[` or `(`"),
        };
        let mut seen: Vec<&str> = Vec::new();
        loop {
            let start = self.span();
            let qualifier = if self.word("WITHIN") {
                let value = self.within()?;
                self.keyword("SECONDS")?;
                value
            } else if self.word("REPEATS") {
                let value = self.repeats()?;
                self.keyword("TIMES")?;
                value
            } else if self.word("START") {
                let from = self.timestamp()?;
                self.keyword("STOP")?;
                let to = self.timestamp()?;
                Qualifier::StartStop(from, to)
            } else {
                return Ok(expression);
            };
            let span = start.to(self.before());
            if let Qualifier::StartStop(from, to) = qualifier
                && from >= to
            {
                self.checks.warn(span, "`STOP` is not later than `START`, so this never matches");
            }
            let keyword = qualifier.keyword();
            if seen.len() == MAX_QUALIFIERS {
                self.checks.error(span, format!("more than {MAX_QUALIFIERS} qualifiers in a row"));
                return Err(Stop::Altogether);
            }
            if seen.contains(&keyword) {
                let message = format!(
                    "a second `{keyword}` on the same observation expression; put the first into parentheses if both are meant"
                );
                if grouped { self.checks.warn(span, message) } else { self.checks.error(span, message) }
            }
            seen.push(keyword);
            expression = Expression::Qualified(Box::new(expression), qualifier);
        }
    }

    fn within(&mut self) -> Parsed<Qualifier> {
        let span = self.span();
        let micros = match self.peek() {
            Kind::Literal(Literal::Float(seconds)) => micros(*seconds),
            Kind::Literal(Literal::Integer(seconds)) => seconds.saturating_mul(1_000_000),
            _ => return self.expected("a number of seconds"),
        };
        self.at += 1;
        if micros <= 0 {
            self.checks.error(span, "`WITHIN` takes a number of seconds above 0");
        }
        Ok(Qualifier::Within(micros))
    }

    fn repeats(&mut self) -> Parsed<Qualifier> {
        let span = self.span();
        let Kind::Literal(Literal::Integer(times)) = *self.peek() else {
            return self.expected("how many times, as an integer");
        };
        self.at += 1;
        let most = self.limits.repeats;
        Ok(Qualifier::Repeats(match u32::try_from(times) {
            Ok(times) if (1..=most).contains(&times) => times,
            Ok(0) | Err(_) if times <= 0 => {
                self.checks.error(span, "`REPEATS` takes a number of times of at least 1");
                1
            }
            _ => {
                self.checks.error(span, format!("`REPEATS {times} TIMES` exceeds the limit of {most} times"));
                1
            }
        }))
    }

    fn timestamp(&mut self) -> Parsed<Timestamp> {
        match *self.peek() {
            Kind::Literal(Literal::Timestamp(instant)) => {
                self.at += 1;
                Ok(instant)
            }
            Kind::Literal(Literal::Text(_)) => {
                self.expected("a timestamp constant `t'...'` (the plain string is STIX 2.0)")
            }
            _ => self.expected("a timestamp constant `t'...'`"),
        }
    }

    /// `[...]`; after an error inside, goes on behind the closing bracket so that later errors show too.
    fn observation(&mut self) -> Parsed<Expression> {
        let open = self.at;
        let depth = self.depth;
        self.at += 1;
        let comparison = self.comparison().and_then(|comparison| {
            if *self.peek() != Kind::CloseBracket {
                return self.expected("`AND`, `OR` or `]`");
            }
            self.at += 1;
            Ok(comparison)
        });
        match comparison {
            Ok(comparison) => {
                self.checks.one_object(&comparison);
                Ok(Expression::Observation(comparison))
            }
            Err(Stop::Here) => {
                let mut level = 0_usize;
                let close = self.tokens.iter().skip(open).position(|token| {
                    match token.kind {
                        Kind::OpenBracket => level += 1,
                        Kind::CloseBracket => level -= 1,
                        _ => {}
                    }
                    level == 0
                });
                self.at = open + close.ok_or(Stop::Here)? + 1;
                self.depth = depth;
                Ok(Expression::Observation(Comparison::Or(Vec::new())))
            }
            Err(Stop::Altogether) => Err(Stop::Altogether),
        }
    }

    /// Something between parentheses, which stand next.
    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == self.limits.depth {
            self.checks
                .error(self.span(), format!("parentheses nested deeper than {} levels", self.limits.depth));
            return Err(Stop::Altogether);
        }
        self.depth += 1;
        self.at += 1;
        let value = inner(self)?;
        if *self.peek() != Kind::CloseParen {
            return self.expected("`)`");
        }
        self.at += 1;
        self.depth -= 1;
        Ok(value)
    }

    fn token(&self) -> Option<&Token<'a>> {
        // The last token is `End` and nothing steps over it.
        self.tokens.get(self.at).or(self.tokens.last())
    }

    fn peek(&self) -> &Kind<'a> {
        self.token().map_or(&Kind::End, |token| &token.kind)
    }

    fn span(&self) -> Span {
        self.token().map_or(Span { start: 0, end: 0 }, |token| token.span)
    }

    /// Where the last token taken stands.
    fn before(&self) -> Span {
        self.tokens.get(self.at.wrapping_sub(1)).map_or(Span { start: 0, end: 0 }, |token| token.span)
    }

    /// Takes this word if it is next.
    fn word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Kind::Word(next) if *next == word);
        self.at += usize::from(found);
        found
    }

    fn keyword(&mut self, word: &str) -> Parsed<()> {
        if self.word(word) { Ok(()) } else { self.expected(&format!("`{word}`")) }
    }

    /// Reports what should stand here, unless what stands here has been reported already.
    fn expected<T>(&mut self, what: &str) -> Parsed<T> {
        let span = self.span();
        let found = match self.peek() {
            Kind::Bad => return Err(Stop::Here),
            Kind::End => "found the end of the pattern".to_owned(),
            Kind::Word(word) if KEYWORDS.iter().any(|keyword| keyword.eq_ignore_ascii_case(word)) => {
                let keyword =
                    KEYWORDS.iter().find(|keyword| keyword.eq_ignore_ascii_case(word)).unwrap_or(&"");
                if keyword == word {
                    format!("found `{word}`")
                } else {
                    format!("found `{word}`: the keyword is `{keyword}`")
                }
            }
            _ => format!("found `{}`", self.text.get(span.start..span.end).unwrap_or_default()),
        };
        self.checks.error(span, format!("expected {what}, {found}"));
        Err(Stop::Here)
    }
}

/// Seconds to microseconds. What is above 0 stays above 0; where a double can no longer tell microseconds
/// apart, whole seconds count, so that printing gives the same number again.
#[expect(clippy::cast_possible_truncation, reason = "a float cast saturates, and 292,000 years are for ever")]
fn micros(seconds: f64) -> i64 {
    if seconds >= 1e9 {
        return (seconds as i64).saturating_mul(1_000_000);
    }
    ((seconds * 1e6).round() as i64).max(i64::from(seconds > 0.0))
}

/// One part as it is, several wrapped.
fn single<T>(mut parts: Vec<T>, wrap: impl FnOnce(Vec<T>) -> T) -> T {
    match (parts.pop(), parts.is_empty()) {
        (Some(only), true) => only,
        (last, _) => {
            parts.extend(last);
            wrap(parts)
        }
    }
}
