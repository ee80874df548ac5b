//! What a decision is asked about.

use label::{Facts, Onward};
use model::{AgreementId, PartyId, Timestamp};

use crate::caveats::Caveats;

pub use agreement::Action;

/// May `from` give this object to `to`, to do this with it?
///
/// Nothing else is looked at: two equal requests have equal decisions under one policy.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// What policy may know of the object.
    pub facts: &'a Facts,
    /// Who gives. Whoever it says it is has been verified: by the stream, or because it is this node's own party.
    pub from: PartyId,
    /// Who is given.
    pub to: PartyId,
    /// What the receiver says it is for. `None` is everything that the permitting clause is for.
    pub purpose: Option<&'a str>,
    /// What the receiver would do with it. Deliveries ask for [`Action::Receive`].
    pub action: Action,
    /// When.
    pub at: Timestamp,
    /// The holdings that a received object came under; empty for what is ours.
    pub via: &'a [Via],
    /// Our own rules that bind every agreement. A receiver that checks what it was sent gives [`Caveats::none`].
    pub caveats: &'a Caveats,
    /// The exercise the giver says the object belongs to, by the name that agreements give it; `None` leaves it to the
    /// object's own labels ([`Facts::exercise`]), which name one or put it into the real world.
    pub exercise: Option<&'a str>,
    /// What signed acts or counts say at this moment.
    pub circumstances: Circumstances,
}

/// A holding that a received object came under.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Via {
    /// The agreement.
    pub agreement: AgreementId,
    /// How its giver said that it may be passed on.
    pub onward: Onward,
}

/// What no text settles: it follows from acts, receipts and counts, and the caller has verified it.
///
/// By default nothing has been granted and nothing is owed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Circumstances {
    /// The originator has answered a release request for this object and this receiver, and said yes.
    pub released_by_originator: bool,
    /// The agreement's emergency clause is in use: signed for, and not yet expired.
    pub break_glass: bool,
    /// Only word goes that the object was withdrawn or revoked, and the receiver was given the object.
    pub withdrawal: bool,
    /// The receiver has given less than the agreement's reciprocity asks for.
    pub in_arrears: bool,
}

impl<'a> Request<'a> {
    /// The exercise the object belongs to; `None` is the real world. When giver and labels name different ones it belongs
    /// to neither, by a name that no agreement can have.
    #[must_use]
    pub fn belongs_to(&self) -> Option<String> {
        match (self.exercise, self.facts.exercise()) {
            (Some(said), Some(labelled)) if said != labelled => Some(format!("{said}+{labelled}")),
            (said, labelled) => said.map(str::to_owned).or(labelled),
        }
    }

    /// Whether `from` may deliver an object of its own, of the real world and with no purpose stated, in ordinary
    /// circumstances. Everything else is set on the fields.
    #[must_use]
    pub fn delivery(facts: &'a Facts, from: PartyId, to: PartyId, at: Timestamp) -> Self {
        Self {
            facts,
            from,
            to,
            purpose: None,
            action: Action::Receive,
            at,
            via: &[],
            caveats: Caveats::none(),
            exercise: None,
            circumstances: Circumstances {
                released_by_originator: false,
                break_glass: false,
                withdrawal: false,
                in_arrears: false,
            },
        }
    }
}
