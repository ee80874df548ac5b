//! What an analytic says, and why.

use std::fmt;

use model::Timestamp;

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AnomalyKind {
    /// Connections that come as regularly as a program makes them.
    Beacon,
    /// A value that its source did not have in this field before.
    FirstSeen,
    /// A value that its source had in this field a few times only.
    Rare,
    /// A baseline that is full: of new values of this field nothing can be said until they become fewer.
    Saturated,
}

impl AnomalyKind {
    /// The word for it in programs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Beacon => "beacon",
            Self::FirstSeen => "first-seen",
            Self::Rare => "rare",
            Self::Saturated => "saturated",
        }
    }
}

impl fmt::Display for AnomalyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Something that is out of the ordinary, with everything that it takes to judge it.
#[derive(Debug, Clone, PartialEq)]
pub struct Anomaly {
    /// What was found.
    pub kind: AnomalyKind,
    /// The source of the events.
    pub source: String,
    /// What it is about: a pair of hosts, a field and its value. At most some hundred characters.
    pub subject: String,
    /// How much out of the ordinary, from 0 to 1; what that means depends on the kind.
    pub score: f64,
    /// The numbers that the score was made from, by name.
    pub inputs: Vec<(String, String)>,
    /// The same in sentences.
    pub explanation: String,
    /// The earliest event behind it, by the events' own time.
    pub first: Timestamp,
    /// The latest.
    pub last: Timestamp,
}

/// The most characters of a value that are shown.
const MAX_SHOWN: usize = 256;

/// A value as far as it is shown.
pub(crate) fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Names and values of inputs.
pub(crate) fn listed<const N: usize>(inputs: [(&str, String); N]) -> Vec<(String, String)> {
    inputs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_are_cut_between_characters() {
        assert_eq!(shortened("a"), "a");
        assert_eq!(shortened(&"ä".repeat(256)), "ä".repeat(256));
        assert_eq!(shortened(&"ä".repeat(257)), format!("{}…", "ä".repeat(256)));
    }
}
