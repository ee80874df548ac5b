//! Where a question of one party to another stands: the words of the store, of the interface, and of what travels.

/// Where a question stands, on either side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestState {
    /// We ask, and wait.
    Sent,
    /// It waits here for a person.
    Waiting,
    /// It may run here.
    Approved,
    /// It was answered.
    Answered,
    /// It was refused.
    Refused,
    /// Nobody decided on it in time.
    Expired,
    /// It could not be answered.
    Failed,
}

impl RequestState {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Sent,
        Self::Waiting,
        Self::Approved,
        Self::Answered,
        Self::Refused,
        Self::Expired,
        Self::Failed,
    ];

    /// The word in the store, in the interface, and in answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Waiting => "waiting",
            Self::Approved => "approved",
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Failed => "failed",
        }
    }

    /// The state that a word stands for.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// What an answer's word comes to: what is no end of a question is a failure of whoever was asked.
    pub(super) fn of_answer(word: &str) -> Self {
        match Self::parse(word) {
            Some(state @ (Self::Answered | Self::Refused | Self::Expired)) => state,
            _ => Self::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RequestState;

    #[test]
    fn words_are_read_as_they_are_written() {
        for state in RequestState::ALL {
            assert_eq!(RequestState::parse(state.as_str()), Some(state));
        }
        assert_eq!(RequestState::parse(""), None);
    }

    #[test]
    fn an_answer_ends_a_question_whatever_it_says() {
        assert_eq!(RequestState::of_answer("answered"), RequestState::Answered);
        assert_eq!(RequestState::of_answer("refused"), RequestState::Refused);
        for odd in ["failed", "approved", "waiting", "sent", "later"] {
            assert_eq!(RequestState::of_answer(odd), RequestState::Failed, "{odd}");
        }
    }
}
