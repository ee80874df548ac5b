//! FIRST Information Exchange Policy 2.0: what a receiver may do with something besides passing it on.

use model::Timestamp;

use crate::text::InvalidText;

/// The statements of an IEP policy that restrict, as a lattice (IEP 2.0 Framework §7–§11).
///
/// Its TLP statement is part of [`crate::Handling::tlp`]. Its id, name, description and references say which
/// policy it was and restrict nothing, so they are not here.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Iep {
    /// ENCRYPT IN TRANSIT: whether it must be encrypted when it is passed on.
    pub encrypt_in_transit: bool,
    /// PERMITTED ACTIONS.
    pub permitted_actions: PermittedActions,
    /// AFFECTED PARTY NOTIFICATIONS: whether those affected may be told.
    pub may_notify_affected: bool,
    /// ATTRIBUTION: whether the provider may be, must be or must not be named.
    pub attribution: Attribution,
    /// UNMODIFIED RESALE: whether it may be sold as it is.
    pub may_resell: bool,
    /// POLICY START DATE: not to be used before; `None` is any time.
    pub start: Option<Timestamp>,
    /// POLICY END DATE: nothing is permitted from then on; `None` is never.
    pub end: Option<Timestamp>,
}

/// What an IEP lets a receiver do, narrowest first (IEP 2.0 Framework §8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PermittedActions {
    /// Nothing.
    None,
    /// Ask the provider first.
    ContactForInstruction,
    /// What is seen only inside the receiver's own networks.
    InternallyVisible,
    /// What is seen outside but not by the adversary directly.
    ExternallyVisibleIndirect,
    /// Anything.
    ExternallyVisibleDirect,
}

/// Whether a provider is named when something is passed on (IEP 2.0 Framework §9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Attribution {
    /// Both MUST and MUST NOT: nobody can comply, so nobody gets it.
    Conflict,
    /// The provider must not be named.
    MustNot,
    /// The provider must be named.
    Must,
    /// As the receiver likes.
    May,
}

impl PermittedActions {
    /// Every value, narrowest first.
    pub const ALL: [Self; 5] = [
        Self::None,
        Self::ContactForInstruction,
        Self::InternallyVisible,
        Self::ExternallyVisibleIndirect,
        Self::ExternallyVisibleDirect,
    ];

    /// The spelling of the IEP 2.0 JSON specification, such as `internally-visible-actions`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ContactForInstruction => "contact-for-instruction",
            Self::InternallyVisible => "internally-visible-actions",
            Self::ExternallyVisibleIndirect => "externally-visible-indirect-actions",
            Self::ExternallyVisibleDirect => "externally-visible-direct-actions",
        }
    }

    /// The value of a text in any case, with hyphens, underscores or spaces between the words.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let name = text.to_ascii_lowercase().replace(['_', ' '], "-");
        let name = if name == "contact-for-instructions" { "contact-for-instruction" } else { &name };
        Self::ALL.into_iter().find(|value| value.as_str() == name)
    }
}

impl Attribution {
    /// The spelling of the IEP 2.0 JSON specification; `conflict` is ours.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Conflict => "conflict",
            Self::MustNot => "must-not",
            Self::Must => "must",
            Self::May => "may",
        }
    }

    fn meet(self, other: Self) -> Self {
        match (self, other) {
            (a, b) if a == b => a,
            (Self::May, other) | (other, Self::May) => other,
            _ => Self::Conflict,
        }
    }
}

impl Iep {
    /// No IEP: everything is permitted.
    pub const OPEN: Self = Self {
        encrypt_in_transit: false,
        permitted_actions: PermittedActions::ExternallyVisibleDirect,
        may_notify_affected: true,
        attribution: Attribution::May,
        may_resell: true,
        start: None,
        end: None,
    };

    /// What both permit. Of two windows of time, what lies in both.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        Self {
            encrypt_in_transit: self.encrypt_in_transit || other.encrypt_in_transit,
            permitted_actions: self.permitted_actions.min(other.permitted_actions),
            may_notify_affected: self.may_notify_affected && other.may_notify_affected,
            attribution: self.attribution.meet(other.attribution),
            may_resell: self.may_resell && other.may_resell,
            start: self.start.max(other.start),
            end: match (self.end, other.end) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (one, other) => one.or(other),
            },
        }
    }

    /// Whether it permits at least what the ceiling does. Dates are not compared: see [`Iep::in_force`].
    #[must_use]
    pub fn is_within(&self, ceiling: &Self) -> bool {
        let dateless = |iep: &Self| Self { start: None, end: None, ..iep.clone() };
        let ceiling = dateless(ceiling);
        self.attribution != Attribution::Conflict && dateless(self).meet(&ceiling) == ceiling
    }

    /// Whether the policy holds at this instant: from its start, until before its end.
    #[must_use]
    pub fn in_force(&self, at: Timestamp) -> bool {
        self.start.is_none_or(|start| start <= at) && self.end.is_none_or(|end| at < end)
    }

    pub(crate) fn write(&self, out: &mut String) {
        let mut parts: Vec<String> = Vec::new();
        if self.encrypt_in_transit {
            parts.push("encrypt".to_owned());
        }
        if self.permitted_actions != PermittedActions::ExternallyVisibleDirect {
            parts.push(format!("do={}", self.permitted_actions.as_str()));
        }
        if !self.may_notify_affected {
            parts.push("quiet".to_owned());
        }
        if self.attribution != Attribution::May {
            parts.push(format!("name={}", self.attribution.as_str()));
        }
        if !self.may_resell {
            parts.push("unsold".to_owned());
        }
        for (key, at) in [("from", self.start), ("until", self.end)] {
            if let Some(at) = at {
                parts.push(format!("{key}={}", at.as_micros()));
            }
        }
        out.push_str(&parts.join("/"));
    }

    pub(crate) fn read(text: &str) -> Result<Self, InvalidText> {
        let invalid = || InvalidText::new("an IEP label", text);
        let instant = |text: &str| Some(Timestamp::from_micros(text.parse().ok()?));
        let mut iep = Self::OPEN;
        for part in text.split('/') {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            match key {
                "encrypt" => iep.encrypt_in_transit = true,
                "do" => iep.permitted_actions = PermittedActions::parse(value).ok_or_else(invalid)?,
                "quiet" => iep.may_notify_affected = false,
                "name" => {
                    let all = [Attribution::Conflict, Attribution::MustNot, Attribution::Must];
                    let found = all.into_iter().find(|attribution| attribution.as_str() == value);
                    iep.attribution = found.ok_or_else(invalid)?;
                }
                "unsold" => iep.may_resell = false,
                "from" => iep.start = Some(instant(value).ok_or_else(invalid)?),
                "until" => iep.end = Some(instant(value).ok_or_else(invalid)?),
                _ => return Err(invalid()),
            }
        }
        Ok(iep)
    }
}
