//! What a receiver may do with something so that the adversary does not notice.

use std::fmt;
use std::str::FromStr;

use crate::text::InvalidText;

/// Permissible Actions Protocol, narrowest first. Source: MISP `PAP` taxonomy, version 2.
///
/// Nothing said about PAP is [`Pap::Clear`]; PAP 1's WHITE is CLEAR.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pap {
    /// Non-detectable actions only: passive, inside the own perimeter.
    Red,
    /// Passive cross-checks as well, even outside, that do not reach the adversary.
    Amber,
    /// Active actions are allowed: block, ping, visit.
    Green,
    /// No restriction.
    Clear,
}

impl Pap {
    /// Every level, narrowest first.
    pub const ALL: [Self; 4] = [Self::Red, Self::Amber, Self::Green, Self::Clear];

    /// The lower-case name: `red`, `amber`, `green`, `clear`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Amber => "amber",
            Self::Green => "green",
            Self::Clear => "clear",
        }
    }

    /// The narrower of two.
    #[must_use]
    pub fn meet(self, other: Self) -> Self {
        self.min(other)
    }
}

impl fmt::Display for Pap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Pap {
    type Err = InvalidText;

    /// Accepts the names in any case of ASCII, with or without a `PAP:` prefix; `white` is `clear`.
    fn from_str(text: &str) -> Result<Self, InvalidText> {
        let lower = text.to_ascii_lowercase();
        let name = lower.strip_prefix("pap:").unwrap_or(&lower);
        let name = if name == "white" { "clear" } else { name };
        Self::ALL
            .into_iter()
            .find(|pap| pap.as_str() == name)
            .ok_or_else(|| InvalidText::new("a PAP level; use red, amber, green or clear", text))
    }
}
