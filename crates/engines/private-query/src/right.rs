//! The right to ask, and how much of it is left.

use std::collections::BTreeSet;

use model::{AgreementId, Timestamp};

use crate::scope::{Mode, Scope};
use crate::wire::MAX_VALUES;

const DAY: i64 = 86_400_000_000;

/// What one party may ask another under an agreement. Both sides hold the asker to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Right {
    /// The agreement that grants it.
    pub agreement: AgreementId,
    /// Kinds of observables; `None` for any.
    pub kinds: Option<BTreeSet<String>>,
    /// What it may be asked for.
    pub purposes: BTreeSet<String>,
    /// What is answered; what gives away less may be asked too.
    pub mode: Mode,
    /// Values in one question.
    pub most_values: u32,
    /// Questions within 24 hours.
    pub per_day: u32,
    /// Bits that all answers within 24 hours may give away together, counted by [`Mode::bits`].
    pub leakage_bits_per_day: u64,
}

/// Questions about equally many values that were asked under the same right, between the same two, and not refused. What
/// each gave away is counted as the most that the right grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Past {
    /// When the first of those that still count was asked.
    pub at: Timestamp,
    /// How many values each was about.
    pub values: u64,
    /// How many there were.
    pub questions: u64,
}

/// Why a question is not to be asked, or not to be answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It names another agreement than the one that grants the right.
    #[error("the question is asked under agreement {asked}, the right to ask comes from {granted}")]
    Agreement {
        /// In the question.
        asked: AgreementId,
        /// In the right.
        granted: AgreementId,
    },
    /// Not a kind that may be asked about.
    #[error("the right to ask does not cover the kind `{0}`")]
    Kind(String),
    /// Not a purpose it may be asked for.
    #[error("the right to ask does not cover the purpose `{0}`")]
    Purpose(String),
    /// Which of the values are held is asked where a count was granted.
    #[error("the question wants to be answered by {}, the right to ask is to an answer by {}", asked.as_str(), granted.as_str())]
    Mode {
        /// In the question.
        asked: Mode,
        /// In the right.
        granted: Mode,
    },
    /// More values than one question may have.
    #[error("the question is about {asked} values; at most {most} may be asked about at once")]
    TooMany {
        /// In the question.
        asked: u64,
        /// In the right.
        most: u64,
    },
    /// As many questions as there may be in a day.
    #[error(
        "{per_day} questions have been asked within a day, which is all there may be; the next one can be asked at {next}"
    )]
    Questions {
        /// In the right.
        per_day: u32,
        /// When the oldest of them is a day old.
        next: Timestamp,
    },
    /// The answer could give away more than is left for the day.
    #[error(
        "the answer could give away {needed} bits, and {left} of {per_day} are left for the day; there will be more at {next}"
    )]
    Leakage {
        /// For this question.
        needed: u64,
        /// Not yet spent.
        left: u64,
        /// In the right.
        per_day: u64,
        /// When the oldest question of the day no longer counts.
        next: Timestamp,
    },
    /// More is held than one answer can be computed over; a part of it would be a wrong answer.
    #[error("{held} values of the kind are held; an answer can be over {most} at most")]
    TooMuchHeld {
        /// Here.
        held: usize,
        /// As [`crate::MAX_HELD`].
        most: usize,
    },
    /// The group refused; this does not happen.
    #[error("the question cannot be answered")]
    Failed,
}

impl Right {
    /// Whether a question about so many values may be asked now, after those of the past. Whoever answers, or asks,
    /// adds it to the past first: in the same transaction, so that two at once do not both find room.
    ///
    /// The day is the 24 hours before `now`. What lies in the future by our clock counts too: a clock set back frees
    /// nothing.
    ///
    /// # Errors
    /// The first reason there is.
    pub fn admit(
        &self,
        scope: &Scope,
        values: u64,
        past: impl IntoIterator<Item = Past>,
        now: Timestamp,
    ) -> Result<(), Refused> {
        self.covers(scope, values)?;
        let day_ago = now.plus_micros(-DAY);
        let mut counted: Vec<Past> = past.into_iter().filter(|past| past.at > day_ago).collect();
        counted.sort_unstable_by_key(|past| past.at);
        let next = counted.first().map_or(now, |oldest| oldest.at.plus_micros(DAY));
        let asked = counted.iter().fold(0_u64, |asked, past| asked.saturating_add(past.questions));
        if asked >= u64::from(self.per_day) {
            return Err(Refused::Questions { per_day: self.per_day, next });
        }
        let bits = |past: &Past| self.mode.bits(past.values).saturating_mul(past.questions);
        let spent = counted.iter().fold(0_u64, |spent, past| spent.saturating_add(bits(past)));
        let (needed, left) = (scope.mode.bits(values), self.leakage_bits_per_day.saturating_sub(spent));
        if needed > left {
            return Err(Refused::Leakage { needed, left, per_day: self.leakage_bits_per_day, next });
        }
        Ok(())
    }

    fn covers(&self, scope: &Scope, values: u64) -> Result<(), Refused> {
        if scope.agreement != self.agreement {
            return Err(Refused::Agreement { asked: scope.agreement, granted: self.agreement });
        }
        if self.kinds.as_ref().is_some_and(|kinds| !kinds.contains(&scope.kind)) {
            return Err(Refused::Kind(scope.kind.clone()));
        }
        if !self.purposes.contains(&scope.purpose) {
            return Err(Refused::Purpose(scope.purpose.clone()));
        }
        // A count where yes or no was granted gives away less.
        if scope.mode > self.mode {
            return Err(Refused::Mode { asked: scope.mode, granted: self.mode });
        }
        let most = u64::from(self.most_values).min(u64::try_from(MAX_VALUES).unwrap_or(u64::MAX));
        if values > most {
            return Err(Refused::TooMany { asked: values, most });
        }
        Ok(())
    }
}
