//! A request as conditions look at it: what follows from it and does not depend on the clauses.

use std::borrow::Cow;
use std::collections::BTreeSet;

use label::{Barrier, Facts, Handling, Nation, Onward, Origin, Pap, PermittedActions, Receiver};
use model::{Label, PartyId, Tlp};

use crate::request::{Action, Request};

static NOTHING: BTreeSet<String> = BTreeSet::new();

/// Of what the label crate calls a receiver, agreements say the nation and the purpose; organisation tokens and
/// accesses nobody vouches for, so none are held.
pub(crate) struct View<'a> {
    pub(crate) request: &'a Request<'a>,
    /// The law the receiver is under.
    pub(crate) nation: Option<Nation>,
    /// How far it may be passed on, of something that is not ours.
    pub(crate) relay: Option<Relay>,
    /// For something under originator control: whether the originator has released it to the receiver.
    pub(crate) released: Option<bool>,
    /// Why the label alone keeps it here.
    pub(crate) barrier: Option<Bar>,
    /// The exercise it belongs to.
    pub(crate) exercise: Option<String>,
    /// What it is about: belonging to an exercise is no category.
    pub(crate) categories: Cow<'a, BTreeSet<String>>,
}

/// What the terms that an object came under say about giving it to this receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relay {
    /// The originator answers.
    Orcon,
    /// Nobody.
    Nobody,
    /// Named parties, and the receiver is one.
    Named,
    /// Named parties, and the receiver is none of them.
    Others,
    /// One more step is left.
    Step,
    /// As the label allows.
    Label,
}

/// Why a label keeps an object from a receiver, or from being used in a way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bar {
    Label(Barrier),
    Pap,
    IepActions,
    AcsAction,
}

impl Relay {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Orcon => "orcon",
            Self::Nobody => "nobody",
            Self::Named => "named",
            Self::Others => "others",
            Self::Step => "step",
            Self::Label => "label",
        }
    }

    /// What TLP leaves of "as the label allows": GREEN goes to the community and CLEAR to all, while AMBER and
    /// narrower stay with those who got it unless the source says more (TLP 2.0 §4).
    pub(crate) fn permits(self, tlp: Label) -> bool {
        match self {
            Self::Nobody | Self::Others => false,
            Self::Named | Self::Step | Self::Orcon => true,
            Self::Label => tlp >= Label::Tlp(Tlp::Green),
        }
    }
}

impl Bar {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Label(barrier) => barrier.as_str(),
            Self::Pap => "pap",
            Self::IepActions => "iep-actions",
            Self::AcsAction => "acs-action",
        }
    }
}

impl<'a> View<'a> {
    pub(crate) fn new(request: &'a Request<'a>, nation: Option<Nation>) -> Self {
        let handling = &request.facts.handling;
        let relayed = is_relayed(request);
        let rule = relayed.then(|| onward(request));
        let orcon = handling.orcon() || rule == Some(Onward::Orcon);
        Self {
            request,
            nation,
            relay: rule.map(|rule| relay(&rule, request.to)),
            released: orcon.then_some(request.circumstances.released_by_originator),
            barrier: barrier(request, nation, relayed),
            exercise: request.belongs_to(),
            categories: categories(request.facts),
        }
    }
}

fn categories(facts: &Facts) -> Cow<'_, BTreeSet<String>> {
    let is_about = |word: &&String| !word.starts_with(Facts::EXERCISE);
    match facts.categories.iter().all(|word| is_about(&word)) {
        true => Cow::Borrowed(&facts.categories),
        false => Cow::Owned(facts.categories.iter().filter(is_about).cloned().collect()),
    }
}

/// Whether it is somebody else's: it says so, or it came under somebody's terms.
pub(crate) fn is_relayed(request: &Request<'_>) -> bool {
    request.facts.origin != Origin::Own || !request.via.is_empty()
}

/// Everything that was said about passing it on.
pub(crate) fn onward(request: &Request<'_>) -> Onward {
    request.via.iter().fold(request.facts.onward.clone(), |rule, via| rule.meet(&via.onward))
}

fn relay(rule: &Onward, to: PartyId) -> Relay {
    match rule {
        Onward::Orcon => Relay::Orcon,
        Onward::Named(parties) if parties.contains(&to) => Relay::Named,
        Onward::Named(_) => Relay::Others,
        Onward::None | Onward::Depth(0) => Relay::Nobody,
        Onward::Depth(_) => Relay::Step,
        Onward::Free => Relay::Label,
    }
}

fn barrier(request: &Request<'_>, nation: Option<Nation>, relayed: bool) -> Option<Bar> {
    let handling = &request.facts.handling;
    let receiver = Receiver { nation, organisations: &NOTHING, accesses: &NOTHING, purpose: request.purpose };
    let admitted = match (request.purpose, handling.purposes()) {
        // Whether every purpose of the clause is among the label's is for the clause to ask.
        (None, Some(_)) => handling.clone().with_purposes(None).admits(&receiver, relayed, request.at),
        _ => handling.admits(&receiver, relayed, request.at),
    };
    admitted.map_err(Bar::Label).and_then(|()| usable(handling, &receiver, request.action)).err()
}

/// Whether the label lets a receiver do this with it.
fn usable(handling: &Handling, receiver: &Receiver<'_>, action: Action) -> Result<(), Bar> {
    by_scheme(handling, action)?;
    let asked = !matches!(action, Action::Receive | Action::PassOn);
    if !asked || handling.acs().may_do("NETDEF", receiver) { Ok(()) } else { Err(Bar::AcsAction) }
}

/// PAP: RED is for passive use inside, AMBER for passive use outside as well, GREEN for active use. IEP in the same
/// steps, with blocking counted as visible outside, because those who are blocked notice. ACS has one word for all of
/// them, `NETDEF`, and asks who it is.
fn by_scheme(handling: &Handling, action: Action) -> Result<(), Bar> {
    let (pap, iep) = match action {
        Action::Receive | Action::PassOn => return Ok(()),
        Action::Detect => (Pap::Red, PermittedActions::InternallyVisible),
        Action::Enrich => (Pap::Amber, PermittedActions::ExternallyVisibleIndirect),
        Action::Block => (Pap::Green, PermittedActions::ExternallyVisibleDirect),
    };
    if handling.pap() < pap {
        return Err(Bar::Pap);
    }
    if handling.iep().permitted_actions < iep {
        return Err(Bar::IepActions);
    }
    Ok(())
}

/// Whether the label of something that came under no agreement permits this use of it inside the organisation.
///
/// # Errors
/// Which part of the label forbids it.
pub fn permits(handling: &Handling, action: Action) -> Result<(), &'static str> {
    let receiver = Receiver { nation: None, organisations: &NOTHING, accesses: &NOTHING, purpose: None };
    usable(handling, &receiver, action).map_err(|bar| match bar {
        Bar::Pap => "its PAP does not permit it",
        Bar::IepActions => "its IEP does not permit it",
        Bar::AcsAction | Bar::Label(_) => "its access control statement does not permit it",
    })
}
