//! What a check has to say about a value, without stopping at the first thing.

use std::borrow::Cow;
use std::fmt;

/// How much a finding matters.
///
/// Ordered from mild to grave, so `max()` over findings is the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing: a value outside an open vocabulary, a deprecated custom property.
    Note,
    /// A SHOULD of the standard is not met, or we had to interpret.
    Warning,
    /// A MUST of the standard is violated: the value is refused.
    Error,
}

impl Severity {
    /// The spelling used in JSON output: `note`, `warning` or `error`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing a check noticed: how grave, which rule, where, what, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How grave it is.
    pub severity: Severity,
    /// Stable rule id with the section it rests on, such as `stix-2.1/3.2/created-required`.
    pub rule: Cow<'static, str>,
    /// RFC 6901 pointer to the value, relative to the document that was checked; empty is the whole.
    pub pointer: String,
    /// What is the matter: lower case, no full stop, user input in back-ticks.
    pub message: String,
    /// The remedy, when there is one to name.
    pub hint: Option<Cow<'static, str>>,
}

impl Finding {
    /// A finding without a hint.
    #[must_use]
    pub fn new(
        severity: Severity,
        rule: impl Into<Cow<'static, str>>,
        pointer: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self { severity, rule: rule.into(), pointer: pointer.into(), message: message.into(), hint: None }
    }

    /// The same finding, naming the remedy.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}: {} ({})", self.severity, Pointer(&self.pointer), self.message, self.rule)?;
        if let Some(hint) = &self.hint {
            write!(f, "; hint: {hint}")?;
        }
        Ok(())
    }
}

struct Pointer<'a>(&'a str);

impl fmt::Display for Pointer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "the document" } else { self.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gravest_finding_is_the_maximum() {
        assert_eq!([Severity::Note, Severity::Error, Severity::Warning].iter().max(), Some(&Severity::Error));
    }

    #[test]
    fn a_finding_reads_as_a_sentence() {
        let finding =
            Finding::new(Severity::Error, "stix-2.1/3.2/id", "", "`id` is missing").hint("add an id");
        assert_eq!(
            finding.to_string(),
            "error at the document: `id` is missing (stix-2.1/3.2/id); hint: add an id"
        );
    }
}
