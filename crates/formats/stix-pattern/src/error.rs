//! What parsing and evaluation have to report.

use std::fmt;

/// Why a text is no pattern, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternError {
    /// First byte concerned.
    pub start: usize,
    /// The byte after the last one concerned.
    pub end: usize,
    /// What is wrong: lower case, no full stop, user input in back-ticks.
    pub message: String,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (bytes {} to {})", self.message, self.start, self.end)
    }
}

impl std::error::Error for PatternError {}

/// Something in a valid pattern that its author may not have meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternWarning {
    /// First byte concerned.
    pub start: usize,
    /// The byte after the last one concerned.
    pub end: usize,
    /// What is odd: lower case, no full stop, user input in back-ticks.
    pub message: String,
}

/// Evaluation took more steps than the caller allowed; neither "matches" nor "does not match" is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetExceeded;

impl fmt::Display for BudgetExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "evaluating the pattern takes more steps than allowed; narrow the pattern or the observations",
        )
    }
}

impl std::error::Error for BudgetExceeded {}

/// How many steps are left.
#[derive(Debug)]
pub(crate) struct Budget(pub(crate) u64);

impl Budget {
    /// Takes some steps off what is left.
    #[inline]
    pub(crate) fn spend(&mut self, steps: u64) -> Result<(), BudgetExceeded> {
        self.0 = self.0.checked_sub(steps).ok_or(BudgetExceeded)?;
        Ok(())
    }
}
