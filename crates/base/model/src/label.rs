//! How widely an object may be handed on.

use std::fmt;
use std::str::FromStr;

/// Traffic Light Protocol 2.0 levels, narrowest first.
///
/// TLP 1 maps onto it: WHITE is CLEAR, and its AMBER is read as TLP 2.0 AMBER.
/// Source: FIRST TLP 2.0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tlp {
    /// For the eyes and ears of individual recipients only.
    Red,
    /// The recipient's organisation only.
    AmberStrict,
    /// The recipient's organisation and its clients.
    Amber,
    /// The recipient's community.
    Green,
    /// No limit on disclosure.
    Clear,
}

impl Tlp {
    /// Every level, narrowest first.
    pub const ALL: [Self; 5] = [Self::Red, Self::AmberStrict, Self::Amber, Self::Green, Self::Clear];

    /// The lower-case name, as in a `tlp:` tag: `red`, `amber+strict`, `amber`, `green`, `clear`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::AmberStrict => "amber+strict",
            Self::Amber => "amber",
            Self::Green => "green",
            Self::Clear => "clear",
        }
    }
}

impl fmt::Display for Tlp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The label of an object: its TLP, or "own organisation only" when nobody has said anything we understand.
///
/// A lattice under [`Label::meet`]. Unknown fails closed: it is [`Label::OwnOnly`], the bottom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Label {
    /// Does not leave this organisation.
    OwnOnly,
    /// May travel as its TLP level allows.
    Tlp(Tlp),
}

impl Label {
    /// The top of the lattice: no restriction.
    pub const CLEAR: Self = Self::Tlp(Tlp::Clear);

    /// The narrower of two labels. Commutative, associative, idempotent; never wider than either.
    #[must_use]
    pub fn meet(self, other: Self) -> Self {
        self.min(other)
    }

    /// The spelling used on the command line and in stores: `own`, or the TLP level's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OwnOnly => "own",
            Self::Tlp(tlp) => tlp.as_str(),
        }
    }

    /// A small number for stores and column facets: 0 is own-only, then TLP from red (1) to clear (5).
    #[must_use]
    pub const fn rank(self) -> u8 {
        match self {
            Self::OwnOnly => 0,
            Self::Tlp(Tlp::Red) => 1,
            Self::Tlp(Tlp::AmberStrict) => 2,
            Self::Tlp(Tlp::Amber) => 3,
            Self::Tlp(Tlp::Green) => 4,
            Self::Tlp(Tlp::Clear) => 5,
        }
    }

    /// The label of a [`Label::rank`]; an unknown rank is own-only.
    #[must_use]
    pub const fn from_rank(rank: u8) -> Self {
        match rank {
            1 => Self::Tlp(Tlp::Red),
            2 => Self::Tlp(Tlp::AmberStrict),
            3 => Self::Tlp(Tlp::Amber),
            4 => Self::Tlp(Tlp::Green),
            5 => Self::Tlp(Tlp::Clear),
            _ => Self::OwnOnly,
        }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Label {
    type Err = String;

    /// Accepts `own` and TLP names in any case, with or without a `TLP:` prefix; `white` is `clear`.
    fn from_str(text: &str) -> Result<Self, String> {
        let lower = text.trim().to_ascii_lowercase();
        let name = lower.strip_prefix("tlp:").unwrap_or(&lower);
        match name {
            "own" => Ok(Self::OwnOnly),
            "white" => Ok(Self::CLEAR),
            _ => Tlp::ALL.into_iter().find(|tlp| tlp.as_str() == name).map(Self::Tlp).ok_or_else(|| {
                format!("`{text}` is not a label; use own, red, amber+strict, amber, green or clear")
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Label> {
        std::iter::once(Label::OwnOnly).chain(Tlp::ALL.map(Label::Tlp)).collect()
    }

    #[test]
    fn meet_is_a_semilattice_that_never_widens() {
        for a in all() {
            assert_eq!(a.meet(a), a);
            for b in all() {
                assert_eq!(a.meet(b), b.meet(a));
                assert!(a.meet(b) <= a && a.meet(b) <= b);
                for c in all() {
                    assert_eq!(a.meet(b).meet(c), a.meet(b.meet(c)));
                }
            }
        }
    }

    #[test]
    fn amber_strict_is_never_read_as_amber() {
        assert_eq!("TLP:AMBER+STRICT".parse(), Ok(Label::Tlp(Tlp::AmberStrict)));
        assert!("amber strict".parse::<Label>().is_err());
    }

    #[test]
    fn ranks_and_names_round_trip() {
        for label in all() {
            assert_eq!(Label::from_rank(label.rank()), label);
            assert_eq!(label.as_str().parse(), Ok(label));
        }
        assert_eq!(Label::from_rank(200), Label::OwnOnly);
    }
}
