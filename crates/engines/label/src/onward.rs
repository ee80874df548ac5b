//! How far a receiver may pass something on.

use std::collections::BTreeSet;
use std::str::FromStr;

use model::PartyId;

use crate::text::InvalidText;

/// The onward rule an object is under at whoever holds it.
///
/// A lattice: [`Onward::Free`] on top, [`Onward::None`] at the bottom, and between them three kinds that do not
/// compare with each other. Two different kinds meet to [`Onward::None`], because nothing satisfies both for
/// certain.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Onward {
    /// Not to be passed on.
    None,
    /// Only after the originator has answered a release request.
    Orcon,
    /// To these parties only; never empty after [`Onward::meet`] or [`Onward::parse`].
    Named(BTreeSet<PartyId>),
    /// To others, who may pass it on one time less; never 0 after [`Onward::meet`] or [`Onward::parse`].
    Depth(u8),
    /// As the label allows.
    Free,
}

impl Onward {
    /// The narrower of two; commutative, associative, idempotent.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        match (self.normal(), other.normal()) {
            (Self::Free, other) | (other, Self::Free) => other,
            (Self::Orcon, Self::Orcon) => Self::Orcon,
            (Self::Named(a), Self::Named(b)) => Self::Named(&a & &b).normal(),
            (Self::Depth(a), Self::Depth(b)) => Self::Depth(a.min(b)),
            _ => Self::None,
        }
    }

    /// Whether it allows no more than `other` does.
    #[must_use]
    pub fn is_at_most(&self, other: &Self) -> bool {
        self.meet(other) == self.normal()
    }

    /// What the receiver of something under this rule is under in turn.
    #[must_use]
    pub fn after_one_step(&self) -> Self {
        match self {
            Self::Depth(steps) => Self::Depth(steps.saturating_sub(1)).normal(),
            other => other.normal(),
        }
    }

    /// The same rule in its one spelling: nobody named, and no step left, is [`Onward::None`].
    fn normal(&self) -> Self {
        match self {
            Self::Depth(0) => Self::None,
            Self::Named(parties) if parties.is_empty() => Self::None,
            other => other.clone(),
        }
    }

    /// `free`, `none`, `orcon`, `depth:2`, or `named:` and the parties' ids with `+` between them.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self.normal() {
            Self::Free => "free".to_owned(),
            Self::None => "none".to_owned(),
            Self::Orcon => "orcon".to_owned(),
            Self::Depth(steps) => format!("depth:{steps}"),
            Self::Named(parties) => {
                let ids: Vec<String> = parties.iter().map(ToString::to_string).collect();
                format!("named:{}", ids.join("+"))
            }
        }
    }

    /// Reads [`Onward::to_text`].
    ///
    /// # Errors
    /// [`InvalidText`] for any other spelling.
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        let invalid = || InvalidText::new("an onward rule (free, none, orcon, depth:n or named:…)", text);
        let parsed = match text.split_once(':') {
            None if text == "free" => Self::Free,
            None if text == "none" => Self::None,
            None if text == "orcon" => Self::Orcon,
            Some(("depth", steps)) => Self::Depth(steps.parse().map_err(|_| invalid())?),
            Some(("named", ids)) => {
                let ids: Result<_, _> = ids.split('+').map(PartyId::from_str).collect();
                Self::Named(ids.map_err(|_| invalid())?)
            }
            _ => return Err(invalid()),
        };
        if parsed.to_text() == text { Ok(parsed) } else { Err(invalid()) }
    }
}
