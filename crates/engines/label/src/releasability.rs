//! Caveats on nations: REL TO, EYES ONLY, NOFORN, ORCON.

use std::collections::BTreeSet;

use crate::nation::Nation;
use crate::text::InvalidText;

/// To whose nationals something may be released.
///
/// NOFORN is the list of its own nation alone, or of no nation when nobody said whose it is; so NOFORN with a
/// REL TO list of others leaves nobody.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Releasability {
    to: Option<BTreeSet<Nation>>,
    eyes_only: bool,
    noforn: bool,
    orcon: bool,
}

impl Releasability {
    /// No caveat.
    pub const OPEN: Self = Self { to: None, eyes_only: false, noforn: false, orcon: false };

    /// REL TO these nations; none of them is nobody.
    #[must_use]
    pub fn rel_to(nations: impl IntoIterator<Item = Nation>) -> Self {
        Self { to: Some(nations.into_iter().collect()), ..Self::OPEN }
    }

    /// For the eyes of these nations only: as [`Releasability::rel_to`], and not to be passed on by them.
    #[must_use]
    pub fn eyes_only(nations: impl IntoIterator<Item = Nation>) -> Self {
        Self { eyes_only: true, ..Self::rel_to(nations) }
    }

    /// Not for foreigners of this nation; of an unknown one, for nobody outside.
    #[must_use]
    pub fn noforn(of: Option<Nation>) -> Self {
        Self { noforn: true, ..Self::rel_to(of) }
    }

    /// Dissemination controlled by the originator, who answers each release request.
    #[must_use]
    pub fn orcon() -> Self {
        Self { orcon: true, ..Self::OPEN }
    }

    /// The nations it may be released to; `None` is any.
    #[must_use]
    pub const fn to(&self) -> Option<&BTreeSet<Nation>> {
        self.to.as_ref()
    }

    /// Whether it carries EYES ONLY.
    #[must_use]
    pub const fn is_eyes_only(&self) -> bool {
        self.eyes_only
    }

    /// Whether it carries NOFORN.
    #[must_use]
    pub const fn is_noforn(&self) -> bool {
        self.noforn
    }

    /// Whether it carries ORCON.
    #[must_use]
    pub const fn is_orcon(&self) -> bool {
        self.orcon
    }

    /// What both permit: nations in both lists, and every caveat of either.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        Self {
            to: match (&self.to, &other.to) {
                (Some(a), Some(b)) => Some(a & b),
                (one, other) => one.as_ref().or(other.as_ref()).cloned(),
            },
            eyes_only: self.eyes_only || other.eyes_only,
            noforn: self.noforn || other.noforn,
            orcon: self.orcon || other.orcon,
        }
    }

    /// Whether it may be released to this nation; an unknown nation only where there is no list.
    #[must_use]
    pub fn permits(&self, nation: Option<Nation>) -> bool {
        self.to.as_ref().is_none_or(|list| nation.is_some_and(|nation| list.contains(&nation)))
    }

    pub(crate) fn write(&self, out: &mut String) {
        if let Some(list) = &self.to {
            out.push_str(",rel:");
            for (index, nation) in list.iter().enumerate() {
                if index > 0 {
                    out.push('+');
                }
                out.push_str(nation.as_str());
            }
        }
        for (flag, name) in [(self.eyes_only, ",eyes"), (self.noforn, ",noforn"), (self.orcon, ",orcon")] {
            if flag {
                out.push_str(name);
            }
        }
    }

    /// Takes one part of a handling's text; whether it was one of ours.
    pub(crate) fn read_part(&mut self, part: &str) -> Result<bool, InvalidText> {
        match part {
            "eyes" => self.eyes_only = true,
            "noforn" => self.noforn = true,
            "orcon" => self.orcon = true,
            _ => {
                let Some(list) = part.strip_prefix("rel:") else { return Ok(false) };
                let nations = list.split('+').filter(|_| !list.is_empty()).map(|code| {
                    Nation::from_alpha3(code).ok_or_else(|| InvalidText::new("a list of nations", list))
                });
                self.to = Some(nations.collect::<Result<_, _>>()?);
            }
        }
        Ok(true)
    }

    /// Whether the flags fit the list, as every constructor and `meet` leave them.
    pub(crate) fn is_sound(&self) -> bool {
        let listed = self.to.as_ref().map(BTreeSet::len);
        (!self.noforn || listed.is_some_and(|count| count <= 1)) && (!self.eyes_only || listed.is_some())
    }
}
