//! What the grammar allows but the standard does not, and what exceeds the limits.

use regex::{RegexBuilder, bytes};
use unicode_normalization::UnicodeNormalization as _;

use crate::ast::{Comparison, Expression, Join, Literal, Predicate, Qualifier, Span, Step, Test};
use crate::error::{PatternError, PatternWarning};
use crate::limits::Limits;
use crate::net::Network;

/// Collects errors and warnings while the tree is built.
pub(crate) struct Checks<'l> {
    limits: &'l Limits,
    regexes: usize,
    pub(crate) errors: Vec<PatternError>,
    pub(crate) warnings: Vec<PatternWarning>,
}

impl<'l> Checks<'l> {
    pub(crate) const fn new(
        limits: &'l Limits,
        errors: Vec<PatternError>,
        warnings: Vec<PatternWarning>,
    ) -> Self {
        Self { limits, regexes: 0, errors, warnings }
    }

    pub(crate) fn error(&mut self, span: Span, message: impl Into<String>) {
        self.errors.push(PatternError { start: span.start, end: span.end, message: message.into() });
    }

    pub(crate) fn warn(&mut self, span: Span, message: impl Into<String>) {
        self.warnings.push(PatternWarning { start: span.start, end: span.end, message: message.into() });
    }

    /// Operands that do not fit their operator.
    pub(crate) fn test(&mut self, test: &Test) {
        match &test.predicate {
            Predicate::In(members) => {
                if let Some((first, other)) = mixed(members) {
                    let (first, other) = (first.kind(), other.kind());
                    self.error(
                        test.span,
                        format!("the members of a set have one type; found {first} and {other}"),
                    );
                }
                members.iter().for_each(|member| self.hash(test, member));
            }
            Predicate::Compare(_, literal) => self.hash(test, literal),
            Predicate::IsSubset(operand) | Predicate::IsSuperset(operand)
                if Network::parse(operand).is_none() =>
            {
                self.error(test.span, format!("`{operand}` is not an IPv4 or IPv6 address or CIDR range"));
            }
            Predicate::Matches(source) => self.regex(test.span, source),
            _ => {}
        }
    }

    fn regex(&mut self, span: Span, source: &str) {
        self.regexes += 1;
        if self.regexes > self.limits.regexes {
            if self.regexes == self.limits.regexes + 1 {
                self.error(
                    span,
                    format!("more than {} `MATCHES` comparisons in one pattern", self.limits.regexes),
                );
            }
        } else if source.len() > self.limits.regex_length {
            let most = self.limits.regex_length;
            self.error(span, format!("this regular expression is longer than {most} bytes"));
        } else if let Err(message) = text_regex(source, self.limits.regex_size) {
            self.error(span, message);
        }
    }

    /// A value of the wrong length for its algorithm never matches: nearly always a slip of the hand.
    fn hash(&mut self, test: &Test, literal: &Literal) {
        if let ([Step::Key(hashes), Step::Key(name)], Literal::Text(value)) =
            (test.path.steps.as_slice(), literal)
            && hashes == "hashes"
            && let Some(digits) = digits(name)
            && (value.len() != digits || !value.bytes().all(|b| b.is_ascii_hexdigit()))
        {
            self.error(test.span, format!("`{value}` is not a {name} value: {digits} hexadecimal digits"));
        }
    }

    /// All operands of `AND` must be satisfiable with the same object (§9.5).
    pub(crate) fn one_object(&mut self, comparison: &Comparison) {
        let errors = &mut self.errors;
        comparison.types(&mut |span| {
            let message = "no object type satisfies both sides of this `AND`; use `[...] AND [...]` for two observations";
            errors.push(PatternError { start: span.start, end: span.end, message: message.to_owned() });
        });
    }

    /// Matching holds one place per observation expression that must hold together.
    pub(crate) fn together(&mut self, expression: &Expression, span: Span) {
        let (count, most) = (together(expression), self.limits.expressions);
        if count > most {
            let message = format!("{count} observation expressions must match together; the limit is {most}");
            self.error(span, message);
        }
    }
}

/// How many observation expressions one binding needs, repetition of a single `[...]` counted once.
fn together(expression: &Expression) -> usize {
    match expression {
        Expression::Observation(_) => 1,
        Expression::Join(Join::Or, parts) => parts.iter().map(together).max().unwrap_or(0),
        Expression::Join(_, parts) => parts.iter().map(together).fold(0, usize::saturating_add),
        Expression::Qualified(inner, Qualifier::Repeats(times)) => match **inner {
            Expression::Observation(_) => 1,
            _ => together(inner).saturating_mul(usize::try_from(*times).unwrap_or(usize::MAX)),
        },
        Expression::Qualified(inner, _) => together(inner),
    }
}

/// The first two members whose types cannot stand in one set; integers and floats can.
fn mixed(members: &[Literal]) -> Option<(&Literal, &Literal)> {
    let class = |literal: &Literal| match literal {
        Literal::Float(_) => "integer",
        other => other.kind(),
    };
    let first = members.first()?;
    members.iter().find(|member| class(member) != class(first)).map(|member| (first, member))
}

/// How many hexadecimal digits the algorithm gives, for those of `hash-algorithm-ov` with a fixed length.
fn digits(algorithm: &str) -> Option<usize> {
    Some(match algorithm {
        "MD5" => 32,
        "SHA-1" => 40,
        "SHA-224" | "SHA3-224" => 56,
        "SHA-256" | "SHA3-256" => 64,
        "SHA-384" | "SHA3-384" => 96,
        "SHA-512" | "SHA3-512" => 128,
        _ => return None,
    })
}

/// The expression as it runs over strings: NFC, DOTALL, unanchored.
pub(crate) fn text_regex(source: &str, size: usize) -> Result<regex::Regex, String> {
    let source: String = source.nfc().collect();
    RegexBuilder::new(&source)
        .dot_matches_new_line(true)
        .size_limit(size)
        .dfa_size_limit(size)
        .nest_limit(64)
        .build()
        .map_err(|error| complaint(&error, size))
}

/// The expression as it runs over the octets of `_bin` and `_hex` properties: no Unicode, one code point below
/// U+0100 is one octet. `None` when it cannot be said in octets: then nothing matches.
pub(crate) fn byte_regex(source: &str, size: usize) -> Option<bytes::Regex> {
    let mut octets = String::with_capacity(source.len());
    for c in source.chars() {
        match u32::from(c) {
            0..0x80 => octets.push(c),
            code @ 0x80..0x100 => octets.push_str(&format!("\\x{code:02x}")),
            _ => return None,
        }
    }
    bytes::RegexBuilder::new(&octets)
        .unicode(false)
        .dot_matches_new_line(true)
        .size_limit(size)
        .dfa_size_limit(size)
        .nest_limit(64)
        .build()
        .ok()
}

fn complaint(error: &regex::Error, size: usize) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => {
            format!("this regular expression compiles to more than {size} bytes")
        }
        // The engine draws a picture; its last line is the sentence.
        other => {
            let text = other.to_string();
            let reason = text.lines().last().unwrap_or_default();
            format!("not a regular expression this engine runs: {}", reason.trim_start_matches("error: "))
        }
    }
}
