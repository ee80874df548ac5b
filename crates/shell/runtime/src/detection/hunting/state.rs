//! Where a hunt stands: the words of the store and of the interface.

/// Where a hunt stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HuntState {
    /// It has not begun.
    Waiting,
    /// It looks.
    Running,
    /// It came to its end. What could not be read or asked about is listed as `blind` in its result, which is `complete`
    /// where there is nothing of that.
    Done,
    /// Its time or its bytes were used up before its end.
    Partial,
    /// Somebody called it off.
    Cancelled,
    /// It could not be run.
    Failed,
}

impl HuntState {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::Waiting, Self::Running, Self::Done, Self::Partial, Self::Cancelled, Self::Failed];

    /// The word in the store and in the interface.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Partial => "partial",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    /// The state that a word stands for.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::HuntState;

    #[test]
    fn words_are_read_as_they_are_written() {
        for state in HuntState::ALL {
            assert_eq!(HuntState::parse(state.as_str()), Some(state));
        }
        assert_eq!(HuntState::parse("Done"), None);
    }
}
