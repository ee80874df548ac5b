//! Every marking scheme as one lattice.

use std::collections::BTreeSet;
use std::fmt;

use model::{Label, Timestamp, Tlp};

use crate::acs::Acs;
use crate::iep::Iep;
use crate::nation::Nation;
use crate::onward::Onward;
use crate::pap::Pap;
use crate::releasability::Releasability;
use crate::stanag::Stanag;
use crate::text::{InvalidText, read_set, write_set};

/// How something may be handled: the product of all dimensions, each of them a meet-semilattice with a top that
/// restricts nothing.
///
/// Cheap where only TLP, PAP and the personal-data flag say anything, which is nearly always.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handling {
    tlp: Label,
    pap: Pap,
    personal: bool,
    /// `None` where all of it is open, so that equal handlings are equal values.
    rare: Option<Box<Rare>>,
}

/// The dimensions that few objects use.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Rare {
    iep: Iep,
    releasability: Releasability,
    acs: Acs,
    stanag: Stanag,
    purposes: Option<BTreeSet<String>>,
}

impl Rare {
    const OPEN: Self = Self {
        iep: Iep::OPEN,
        releasability: Releasability::OPEN,
        acs: Acs::OPEN,
        stanag: Stanag::Unmarked,
        purposes: None,
    };

    fn meet(&self, other: &Self) -> Self {
        Self {
            iep: self.iep.meet(&other.iep),
            releasability: self.releasability.meet(&other.releasability),
            acs: self.acs.meet(&other.acs),
            stanag: self.stanag.meet(&other.stanag),
            purposes: match (&self.purposes, &other.purposes) {
                (Some(a), Some(b)) => Some(a & b),
                (one, other) => one.as_ref().or(other.as_ref()).cloned(),
            },
        }
    }
}

static OPEN: Rare = Rare::OPEN;

/// Who is to receive something, as far as labels ask.
#[derive(Debug, Clone, Copy)]
pub struct Receiver<'a> {
    /// Whose jurisdiction it is under; `None` when nobody knows, which no list of nations covers.
    pub nation: Option<Nation>,
    /// Its organisation tokens, as ACS spells them, in upper case (`USA.DHS.US-CERT`).
    pub organisations: &'a BTreeSet<String>,
    /// What it is read into, in upper case: `CLS:S`, `SCI:SI`, `SENS:PCII`, `SHAR:LE`, `ENTITY:GOV`; or, as the SPIF
    /// spells it, `release:value` and `policy:tag:value` of a STANAG 4774 policy.
    pub accesses: &'a BTreeSet<String>,
    /// What it will use it for.
    pub purpose: Option<&'a str>,
}

/// Why a label keeps something from a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Barrier {
    /// It is for this organisation only.
    OwnOnly,
    /// Its IEP policy is not in force, or it was due to be disposed of.
    NotInForce,
    /// Its list of nations does not have the receiver's.
    Nation,
    /// Its ACS marking does not let the receiver see it.
    AcsAccess,
    /// Its ACS marking does not let those who received it pass it on to the receiver.
    AcsFurtherSharing,
    /// Its confidentiality label asks for a category that the receiver lacks, or contradicts itself.
    Confidentiality,
    /// Its purposes do not have the receiver's.
    Purpose,
    /// Its IEP policies demand and forbid to name the provider.
    Attribution,
}

impl Barrier {
    /// A stable name for records: `own-only`, `not-in-force`, `nation`, …
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OwnOnly => "own-only",
            Self::NotInForce => "not-in-force",
            Self::Nation => "nation",
            Self::AcsAccess => "acs-access",
            Self::AcsFurtherSharing => "acs-further-sharing",
            Self::Confidentiality => "confidentiality",
            Self::Purpose => "purpose",
            Self::Attribution => "attribution",
        }
    }
}

impl fmt::Display for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OwnOnly => "it is for this organisation only",
            Self::NotInForce => "its policy is not in force at this time",
            Self::Nation => "the receiver's nation is not among those it is releasable to",
            Self::AcsAccess => "its ACS marking does not let the receiver see it",
            Self::AcsFurtherSharing => "its ACS marking does not let it be passed on to the receiver",
            Self::Confidentiality => "the receiver does not satisfy its confidentiality label",
            Self::Purpose => "it is not for the receiver's purpose",
            Self::Attribution => "its policies demand and forbid to name the provider",
        })
    }
}

impl Handling {
    /// The top: nothing is restricted.
    #[must_use]
    pub const fn clear() -> Self {
        Self::tlp_only(Label::CLEAR)
    }

    /// For this organisation only: what anything not understood comes to.
    #[must_use]
    pub const fn own_only() -> Self {
        Self::tlp_only(Label::OwnOnly)
    }

    /// A TLP level and nothing else.
    #[must_use]
    pub const fn tlp_only(tlp: Label) -> Self {
        Self { tlp, pap: Pap::Clear, personal: false, rare: None }
    }

    /// The same with another TLP level.
    #[must_use]
    pub fn with_tlp(self, tlp: Label) -> Self {
        Self { tlp, ..self }
    }

    /// The same with another PAP level.
    #[must_use]
    pub fn with_pap(self, pap: Pap) -> Self {
        Self { pap, ..self }
    }

    /// The same with another word on personal data.
    #[must_use]
    pub fn with_personal(self, personal: bool) -> Self {
        Self { personal, ..self }
    }

    /// The same with another IEP policy.
    #[must_use]
    pub fn with_iep(self, iep: Iep) -> Self {
        self.edit(|rare| rare.iep = iep)
    }

    /// The same with other caveats on nations.
    #[must_use]
    pub fn with_releasability(self, releasability: Releasability) -> Self {
        self.edit(|rare| rare.releasability = releasability)
    }

    /// The same with other ACS markings.
    #[must_use]
    pub fn with_acs(self, acs: Acs) -> Self {
        self.edit(|rare| rare.acs = acs)
    }

    /// The same with another confidentiality label.
    #[must_use]
    pub fn with_stanag(self, stanag: Stanag) -> Self {
        self.edit(|rare| rare.stanag = stanag)
    }

    /// The same with other purposes, compared in lower case; `None` is any.
    #[must_use]
    pub fn with_purposes(self, purposes: Option<BTreeSet<String>>) -> Self {
        let purposes = purposes.map(|set| {
            let folded = set.iter().map(|purpose| fold_purpose(purpose));
            folded.filter(|purpose| !purpose.is_empty()).collect()
        });
        self.edit(|rare| rare.purposes = purposes)
    }

    fn edit(mut self, change: impl FnOnce(&mut Rare)) -> Self {
        let mut rare = self.rare.take().unwrap_or_else(|| Box::new(Rare::OPEN));
        change(&mut rare);
        self.rare = (*rare != Rare::OPEN).then_some(rare);
        self
    }

    fn rare(&self) -> &Rare {
        self.rare.as_deref().unwrap_or(&OPEN)
    }

    /// Whether TLP says all there is to say: whoever understands nothing else may only have what is.
    #[must_use]
    pub fn is_tlp_only(&self) -> bool {
        *self == Self::tlp_only(self.tlp)
    }

    /// Whether its text is short without looking: TLP, PAP and a flag.
    pub(crate) const fn is_short(&self) -> bool {
        self.rare.is_none()
    }

    /// Who may receive it.
    #[must_use]
    pub const fn tlp(&self) -> Label {
        self.tlp
    }

    /// What a receiver may do with it.
    #[must_use]
    pub const fn pap(&self) -> Pap {
        self.pap
    }

    /// Whether it holds personal data, as far as anybody said or its type implies.
    #[must_use]
    pub const fn personal(&self) -> bool {
        self.personal
    }

    /// Its IEP policy.
    #[must_use]
    pub fn iep(&self) -> &Iep {
        &self.rare().iep
    }

    /// Its caveats on nations.
    #[must_use]
    pub fn releasability(&self) -> &Releasability {
        &self.rare().releasability
    }

    /// Its ACS markings.
    #[must_use]
    pub fn acs(&self) -> &Acs {
        &self.rare().acs
    }

    /// Its confidentiality label.
    #[must_use]
    pub fn stanag(&self) -> &Stanag {
        &self.rare().stanag
    }

    /// What it may be used for, in lower case; `None` is anything.
    #[must_use]
    pub fn purposes(&self) -> Option<&BTreeSet<String>> {
        self.rare().purposes.as_ref()
    }

    /// Whether the originator answers each request to pass it on.
    #[must_use]
    pub fn orcon(&self) -> bool {
        self.rare().releasability.is_orcon()
    }

    /// How far those who receive it may pass it on, as far as the label says.
    ///
    /// EYES ONLY is not passed on; ORCON is a question to the originator.
    #[must_use]
    pub fn onward(&self) -> Onward {
        let releasability = self.releasability();
        if self.tlp == Label::OwnOnly || releasability.is_eyes_only() {
            Onward::None
        } else if releasability.is_orcon() {
            Onward::Orcon
        } else {
            Onward::Free
        }
    }

    /// Whether parts of it may be taken out and handled by their own markings, as far as ACS has a word on that.
    #[must_use]
    pub fn may_be_cut(&self, receiver: &Receiver<'_>) -> bool {
        self.rare.as_ref().is_none_or(|rare| rare.acs.may_do("TEARLINE", receiver))
    }

    /// Whether it must be passed on without naming who provided it: by an IEP, or because ACS does not permit the
    /// receiver `IDSRC`.
    #[must_use]
    pub fn conceals_source(&self, receiver: &Receiver<'_>) -> bool {
        self.rare.as_ref().is_some_and(|rare| {
            matches!(rare.iep.attribution, crate::Attribution::MustNot | crate::Attribution::Conflict)
                || !rare.acs.may_do("IDSRC", receiver)
        })
    }

    /// Whether every list of nations on it has this one (a code of ISO 3166-1, alpha-2 or alpha-3, or `UK`).
    ///
    /// A text that is no such code is in no list.
    #[must_use]
    pub fn permits_nation(&self, nation: &str) -> bool {
        if self.rare.is_none() {
            return true;
        }
        let nation = nation.parse().ok();
        let listed = |list: &BTreeSet<Nation>| nation.is_some_and(|nation| list.contains(&nation));
        self.releasability().permits(nation)
            && !self.acs().is_nobody()
            && self.acs().policies().all(|policy| policy.access.nationalities.as_ref().is_none_or(listed))
            && match self.stanag() {
                Stanag::Unmarked => true,
                Stanag::Nobody => false,
                Stanag::Label(label) => label
                    .release()
                    .is_none_or(|list| nation.is_some_and(|nation: Nation| list.contains(nation.as_str()))),
            }
    }

    /// Whether the policies it is under hold at this instant.
    #[must_use]
    pub fn in_force(&self, at: Timestamp) -> bool {
        self.rare.as_ref().is_none_or(|rare| rare.iep.in_force(at) && rare.acs.in_force(at))
    }

    /// What both permit: in each dimension the narrower. Commutative, associative, idempotent.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        let rare = match (&self.rare, &other.rare) {
            (Some(a), Some(b)) => Some(Box::new(a.meet(b))),
            (one, other) => one.as_ref().or(other.as_ref()).cloned(),
        };
        Self {
            tlp: self.tlp.meet(other.tlp),
            pap: self.pap.meet(other.pap),
            personal: self.personal || other.personal,
            rare,
        }
    }

    /// Whether it may flow under a clause with this ceiling: the ceiling is the most restrictive label that may.
    ///
    /// In each of the four dimensions that have ceilings, the ceiling must lie at or below this label in the
    /// lattice: the meet of both is the ceiling's. A ceiling that does not mention a dimension is open there, so
    /// nothing that restricts in it flows. What is for this organisation only never flows, whatever the ceiling.
    ///
    /// | dimension | ceiling | flows | does not flow |
    /// |---|---|---|---|
    /// | TLP | `amber` | clear, green, amber | amber+strict, red, own |
    /// | TLP | `red` | clear to red | own |
    /// | TLP | `own` | clear to red | own |
    /// | PAP | `amber` | clear, green, amber | red |
    /// | PAP | not mentioned | clear | green, amber, red |
    /// | IEP | `unmodified_resale` must not | may, must not | |
    /// | IEP | not mentioned | no IEP, or one that restricts nothing | one with any restriction |
    /// | IEP | any | | attribution both demanded and forbidden |
    /// | STANAG 4774 | `SECRET` of policy P, category A | unmarked, P up to SECRET with A or none | P above, P with category B, any other policy, contradictions |
    /// | STANAG 4774 | not mentioned | unmarked | every label |
    ///
    /// It is necessary, not sufficient: lists of nations, ACS, purposes and dates depend on the receiver and the
    /// instant, see [`Handling::admits`]. Personal data is for the clause's own word.
    #[must_use]
    pub fn is_within(&self, ceiling: &Self) -> bool {
        self.exceeds(ceiling).next().is_none()
    }

    /// The dimensions in which it is narrower than the ceiling, by name: `tlp`, `pap`, `iep`, `stanag`.
    pub fn exceeds(&self, ceiling: &Self) -> impl Iterator<Item = &'static str> {
        let flows = self.tlp != Label::OwnOnly && self.tlp >= ceiling.tlp;
        let rare = |within: &dyn Fn(&Rare) -> bool| self.rare.as_deref().is_none_or(within);
        [
            (flows, "tlp"),
            (self.pap >= ceiling.pap, "pap"),
            (rare(&|own| own.iep.is_within(ceiling.iep())), "iep"),
            (rare(&|own| own.stanag.is_within(ceiling.stanag())), "stanag"),
        ]
        .into_iter()
        .filter_map(|(within, name)| (!within).then_some(name))
    }

    /// The first reason why this label keeps it from a receiver at this instant, whatever any agreement says.
    ///
    /// `relayed` says that it is not our own, so that further sharing has to be permitted too.
    ///
    /// # Errors
    /// The [`Barrier`].
    pub fn admits(&self, receiver: &Receiver<'_>, relayed: bool, at: Timestamp) -> Result<(), Barrier> {
        let rare = self.rare();
        let listed = |purposes: &BTreeSet<String>| {
            receiver.purpose.is_some_and(|purpose| purposes.contains(&fold_purpose(purpose)))
        };
        let confidential = match &rare.stanag {
            Stanag::Unmarked => true,
            Stanag::Nobody => false,
            Stanag::Label(label) => label.permits(receiver),
        };
        [
            (self.tlp != Label::OwnOnly, Barrier::OwnOnly),
            (self.in_force(at), Barrier::NotInForce),
            (rare.iep.attribution != crate::Attribution::Conflict, Barrier::Attribution),
            (rare.releasability.permits(receiver.nation), Barrier::Nation),
            (rare.acs.may_see(receiver), Barrier::AcsAccess),
            (!relayed || rare.acs.may_pass_on(receiver), Barrier::AcsFurtherSharing),
            (confidential, Barrier::Confidentiality),
            (rare.purposes.as_ref().is_none_or(listed), Barrier::Purpose),
        ]
        .into_iter()
        .find_map(|(passes, barrier)| (!passes).then_some(Err(barrier)))
        .unwrap_or(Ok(()))
    }

    /// The canonical text: the TLP, then what else restricts, after commas. Equal handlings have equal texts.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    pub(crate) fn write(&self, out: &mut String) {
        out.push_str(self.tlp.as_str());
        if self.pap != Pap::Clear {
            out.push_str(",pap:");
            out.push_str(self.pap.as_str());
        }
        if self.personal {
            out.push_str(",personal");
        }
        let Some(rare) = &self.rare else { return };
        rare.releasability.write(out);
        if let Some(purposes) = &rare.purposes {
            out.push_str(",for:");
            write_set(purposes.iter().map(String::as_str), '+', out);
        }
        if rare.iep != Iep::OPEN {
            out.push_str(",iep:");
            rare.iep.write(out);
        }
        rare.acs.write(out);
        rare.stanag.write(out);
    }

    /// Reads [`Handling::to_text`].
    ///
    /// # Errors
    /// [`InvalidText`] for any other spelling.
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        let invalid = || InvalidText::new("the canonical text of a handling", text);
        let mut parts = text.split(',');
        let name = parts.next().unwrap_or_default();
        let levels = Tlp::ALL.into_iter().map(Label::Tlp).chain([Label::OwnOnly]);
        let tlp = levels.into_iter().find(|label| label.as_str() == name).ok_or_else(invalid)?;
        let (mut handling, mut rare) = (Self::tlp_only(tlp), Rare::OPEN);
        for part in parts {
            let (key, value) = part.split_once(':').unwrap_or((part, ""));
            match key {
                "pap" => handling.pap = value.parse()?,
                "personal" => handling.personal = true,
                "for" => rare.purposes = Some(read_set(value, '+')?),
                "iep" => rare.iep = Iep::read(value)?,
                _ => {
                    let taken = rare.releasability.read_part(part)?
                        || rare.acs.read_part(part)?
                        || rare.stanag.read_part(part)?;
                    if !taken {
                        return Err(invalid());
                    }
                }
            }
        }
        let sound = rare.releasability.is_sound() && rare.acs.is_sound();
        let handling = handling.edit(|own| *own = rare);
        if sound && handling.to_text() == text { Ok(handling) } else { Err(invalid()) }
    }
}

impl From<Label> for Handling {
    fn from(tlp: Label) -> Self {
        Self::tlp_only(tlp)
    }
}

/// Purposes are compared without regard to case.
fn fold_purpose(purpose: &str) -> String {
    purpose.trim().to_lowercase()
}
