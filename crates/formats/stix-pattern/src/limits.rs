//! Bounds on what a pattern may ask for.

/// Bounds on one pattern. Exceeding any of them is a [`crate::PatternError`] that names the limit.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of pattern text.
    pub length: usize,
    /// Comparisons in the whole pattern.
    pub comparisons: usize,
    /// Levels of nested parentheses, of both kinds together.
    pub depth: usize,
    /// Steps in one object path.
    pub steps: usize,
    /// Members of one `IN` set.
    pub set: usize,
    /// The number in `REPEATS n TIMES`.
    pub repeats: u32,
    /// Observation expressions that must match together, with `REPEATS` over more than a single `[...]` written
    /// out. Alternatives do not add up.
    pub expressions: usize,
    /// `MATCHES` comparisons in the whole pattern.
    pub regexes: usize,
    /// Bytes of one regular expression's text.
    pub regex_length: usize,
    /// Bytes one compiled regular expression may take, and again its cache.
    pub regex_size: usize,
}

impl Default for Limits {
    /// Generous for patterns people and feeds write; a pattern of this size still parses in milliseconds.
    fn default() -> Self {
        Self {
            length: 256 * 1024,
            comparisons: 10_000,
            depth: 64,
            steps: 32,
            set: 10_000,
            repeats: 10_000,
            expressions: 256,
            regexes: 100,
            regex_length: 4 * 1024,
            regex_size: 512 * 1024,
        }
    }
}
