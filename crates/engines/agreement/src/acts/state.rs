//! What a set of acts amounts to at an instant.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use keys::posts::Post;
use model::{AgreementId, Digest, PartyId, Timestamp};

use super::membership::Member;
use crate::proposal::Proposal;
use crate::terms::Party;

/// How far an agreement has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Asked for; no text yet.
    Requested,
    /// A text is there.
    Offered,
    /// Every other party means to sign it.
    Accepted,
    /// Every party's officers have signed it.
    Agreed,
    /// Every party has verified the others' signatures; it enters into force at its start.
    Verified,
    /// It governs.
    InForce,
    /// It governs, but nothing may flow for now.
    Suspended,
    /// Over for good.
    Ended,
}

impl Status {
    /// The name in JSON output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Offered => "offered",
            Self::Accepted => "accepted",
            Self::Agreed => "agreed",
            Self::Verified => "verified",
            Self::InForce => "in-force",
            Self::Suspended => "suspended",
            Self::Ended => "ended",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What time it may be.
///
/// Our clock decides. What a peer says of its own clock can only narrow: nothing begins before both are past its
/// start, and nothing lasts beyond the first that is past its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// The earliest it may be: starts are judged by it.
    pub earliest: Timestamp,
    /// The latest it may be: ends are judged by it.
    pub latest: Timestamp,
}

impl Clock {
    /// The furthest a peer's clock narrows, in microseconds: one hour. Beyond, it is just wrong.
    pub const MOST: i64 = 3600 * 1_000_000;

    /// Our own clock alone.
    #[must_use]
    pub const fn exactly(now: Timestamp) -> Self {
        Self { earliest: now, latest: now }
    }

    /// Takes a peer's claim of what time it is into account, made at our `now`. In a circle, that is for what flows
    /// to and from that peer: it is not to stop the others.
    #[must_use]
    pub fn and_peer(self, now: Timestamp, claimed: Timestamp) -> Self {
        let off = claimed.as_micros().saturating_sub(now.as_micros()).clamp(-Self::MOST, Self::MOST);
        let claimed = now.plus_micros(off);
        Self { earliest: self.earliest.min(claimed), latest: self.latest.max(claimed) }
    }
}

impl From<Timestamp> for Clock {
    fn from(now: Timestamp) -> Self {
        Self::exactly(now)
    }
}

/// Who did something, by which act.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signer {
    /// The party.
    pub party: PartyId,
    /// Hash of its act.
    pub act: Digest,
    /// The reason it gave.
    pub reason: String,
}

/// Two signed things of which only one can be: somebody shows different faces.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Conflict {
    /// Who signed both; `None` when different parties completed one each.
    pub party: Option<PartyId>,
    /// What they are: `acts`, `versions` or `memberships`.
    pub what: &'static str,
    /// The hash of one…
    pub first: Digest,
    /// …and of the other, which is greater.
    pub second: Digest,
}

/// Why it is not in force, or not for somebody.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// It starts later.
    NotStarted(Timestamp),
    /// It ended by itself.
    Expired(Timestamp),
    /// A party ended it.
    EndedBy(Signer),
    /// A party suspended it.
    SuspendedBy(Signer),
    /// Equivocation.
    Conflict(Conflict),
    /// A party's legal basis has lapsed, or is not valid yet.
    NoLegalBasis {
        /// Whose.
        party: PartyId,
        /// The bases stated for it, with their dates.
        stated: Vec<String>,
    },
    /// A party's key history contradicts itself: nothing it signs is believed.
    KeysForked(PartyId),
    /// Fewer than two members are left.
    TooFewMembers,
    /// Something has to be signed still.
    Missing {
        /// By whom.
        party: PartyId,
        /// What: `accept`, `agree`, `verify` or `enter`.
        what: &'static str,
    },
    /// Too few parties of the text in force have signed the one that is to follow.
    Quorum {
        /// How many have.
        signed: usize,
        /// How many must.
        needed: u32,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let because = |reason: &str| if reason.is_empty() { String::new() } else { format!(": {reason}") };
        match self {
            Self::NotStarted(at) => write!(f, "it starts on {at}"),
            Self::Expired(at) => write!(f, "it expired on {at}"),
            Self::EndedBy(who) => {
                write!(f, "{} ended it by act {}{}", who.party, who.act, because(&who.reason))
            }
            Self::SuspendedBy(who) => {
                write!(f, "{} suspended it by act {}{}", who.party, who.act, because(&who.reason))
            }
            Self::Conflict(conflict) => write!(f, "{conflict}"),
            Self::NoLegalBasis { party, stated } => {
                write!(f, "no legal basis of {party} is valid now ({})", stated.join("; "))
            }
            Self::KeysForked(party) => write!(f, "the key history of {party} contradicts itself: pair anew"),
            Self::TooFewMembers => f.write_str("fewer than two members are left"),
            Self::Missing { party, what } => write!(f, "{party} has yet to {what}"),
            Self::Quorum { signed, needed } => {
                write!(f, "{signed} of the parties of the text before have signed where {needed} must")
            }
        }
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.party {
            Some(party) => write!(f, "{party} signed two {} of which only one can be", self.what)?,
            None => write!(f, "two {} are complete of which only one can be", self.what)?,
        }
        write!(f, ": {} and {}; a new version that settles one of them ends this", self.first, self.second)
    }
}

/// Why an act does not count and never will.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Refused {
    /// It is no act.
    #[error("not an act: {0}")]
    Malformed(String),
    /// It belongs elsewhere.
    #[error("an act on {0}, not on this agreement")]
    OtherAgreement(Digest),
    /// Nobody knows the party's keys here.
    #[error("the keys of {0} are not known here: pair with it first")]
    UnknownSigner(PartyId),
    /// The key history given for the party is that of another.
    #[error("the key history kept for {0} is that of {1}")]
    OtherHistory(PartyId, PartyId),
    /// The signature does not verify, or the key did not hold.
    #[error("{0}")]
    Signature(String),
    /// The party has no part in the agreement.
    #[error("{0} is no party to this agreement")]
    NotAParty(PartyId),
    /// The text is refused.
    #[error("the text cannot be signed: {0}")]
    Text(String),
    /// The text is not what its hash or its place says.
    #[error("wrong version: {0}")]
    WrongVersion(String),
    /// A text or membership says something of the party that its keys do not.
    #[error("what it says of {party} is not what its key history says: {problem}")]
    NotItsKeys {
        /// The party.
        party: PartyId,
        /// What differs.
        problem: String,
    },
    /// Too few officers.
    #[error(
        "{counted} officers' approvals count where {needed} are needed of {}{}",
        one_of(posts),
        because(why)
    )]
    Officers {
        /// Distinct persons.
        counted: usize,
        /// How many must.
        needed: u32,
        /// Holders of any of these.
        posts: BTreeSet<Post>,
        /// Why others do not count.
        why: Vec<String>,
    },
    /// It is dated before the act it follows.
    #[error("dated {at}, before the act it follows ({previous})")]
    Backwards {
        /// Its date.
        at: Timestamp,
        /// The other's.
        previous: Timestamp,
    },
    /// It comes before what it rests on.
    #[error("{0}")]
    OutOfOrder(&'static str),
    /// It is about a version that another has followed.
    #[error("superseded: version {0} is complete")]
    Superseded(Digest),
    /// Only a circle has members.
    #[error("only a circle is joined, left or admitted to")]
    NotACircle,
    /// Its party has ended the agreement before.
    #[error("its party has ended the agreement")]
    Ended,
    /// There are too many acts of its party.
    #[error("too many acts of one party")]
    TooMany,
    /// It is among what a later version declares void.
    #[error("declared void by version {0}")]
    Void(Digest),
}

pub(crate) fn because(why: &[String]) -> String {
    if why.is_empty() { String::new() } else { format!(" ({})", why.join("; ")) }
}

/// Posts as a person reads them.
pub(crate) fn one_of(posts: &BTreeSet<Post>) -> String {
    posts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
}

/// What an act waits for; it counts once that is there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Waiting {
    /// The act before it.
    Act(Digest),
    /// The text it is about, or a text before that.
    Version(Digest),
    /// Our clock: it is dated in the future.
    Clock(Timestamp),
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Act(act) => write!(f, "the act before it, {act}, is not here yet"),
            Self::Version(version) => write!(f, "version {version} is not here yet"),
            Self::Clock(at) => {
                write!(f, "it is dated {at}, which our clock has not reached: check both clocks")
            }
        }
    }
}

/// Worth knowing, and no reason to refuse.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Note {
    /// A party's clock is ahead by more than five minutes: microseconds.
    Skew {
        /// Whose.
        party: PartyId,
        /// By how much.
        ahead: i64,
    },
    /// The text puts a party under another law than its own keys say.
    Country {
        /// The party.
        party: PartyId,
        /// In the text.
        text: String,
        /// In its key history.
        keys: String,
    },
    /// The review is overdue.
    ReviewOverdue(Timestamp),
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Skew { party, ahead } => {
                write!(f, "an act of {party} is dated {} s ahead of our clock", ahead / 1_000_000)
            }
            Self::Country { party, text, keys } => {
                write!(f, "the text puts {party} under the law of {text}, and its key history says {keys}")
            }
            Self::ReviewOverdue(at) => write!(f, "the review was due {at}"),
        }
    }
}

/// One text and who has done what about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionState {
    /// The text's terms and the hash of its policy.
    pub proposal: Proposal,
    /// Who put it forward.
    pub offered: BTreeSet<PartyId>,
    /// Who means to sign it, or has.
    pub accepted: BTreeSet<PartyId>,
    /// Whose officers signed, and which persons.
    pub agreed: BTreeMap<PartyId, BTreeSet<String>>,
    /// Who verified.
    pub verified: BTreeSet<PartyId>,
    /// Who applies it from its start on.
    pub entered: BTreeSet<PartyId>,
    /// Whether all who must have done all that.
    pub complete: bool,
    /// What is missing, if it is not complete.
    pub missing: Vec<Reason>,
}

/// Who is in a circle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MembershipState {
    /// Its number: what envelopes name.
    pub number: u32,
    /// Its hash.
    pub hash: Digest,
    /// Every member, those who have left since included.
    pub members: BTreeMap<PartyId, Member>,
    /// Which members have signed it.
    pub signed: BTreeSet<PartyId>,
}

/// What a set of acts amounts to at an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Which agreement.
    pub agreement: AgreementId,
    /// How far it has come.
    pub status: Status,
    /// Why it is not in force, or no further.
    pub reasons: Vec<Reason>,
    /// The version that governs, or the furthest there is.
    pub current: Option<Digest>,
    /// Every text, by hash.
    pub versions: BTreeMap<Digest, VersionState>,
    /// Memberships in effect under the current version, by number; for a bilateral agreement the text's parties as 1.
    pub memberships: BTreeMap<u32, MembershipState>,
    /// Memberships that are signed by some and not in effect yet, by hash.
    pub proposed: BTreeMap<Digest, MembershipState>,
    /// Parties that asked to join and are not members, with the hash of their act.
    pub joining: BTreeMap<PartyId, Digest>,
    /// Who takes part now: members of the newest membership without those who left.
    pub active: BTreeSet<PartyId>,
    /// Members to and from whom nothing may flow for now, and why.
    pub blocked: BTreeMap<PartyId, Vec<Reason>>,
    /// Everyone who ever took part: they are still told what is taken back.
    pub ever: BTreeSet<PartyId>,
    /// The newest act of each party: what its next act follows.
    pub heads: BTreeMap<PartyId, Digest>,
    /// For a request: agreements that were offered in answer.
    pub answered: BTreeSet<AgreementId>,
    /// Acts that do not count, and why.
    pub refused: BTreeMap<Digest, Refused>,
    /// Acts that do not count yet, and what they wait for.
    pub waiting: BTreeMap<Digest, Waiting>,
    /// Worth knowing.
    pub notes: Vec<Note>,
}

/// Something that will stop, or should be done, by itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Upcoming {
    /// When.
    pub at: Timestamp,
    /// What.
    pub event: Event,
}

/// What will happen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// Flows begin.
    Starts,
    /// Everything to and from a party stops: its last legal basis lapses.
    LegalBasisLapses {
        /// The party.
        party: PartyId,
        /// The basis that lapses last.
        name: String,
    },
    /// Everything stops: the agreement expires.
    Expires,
    /// The parties should look at the agreement again; nothing stops.
    Review,
}

impl State {
    /// The version that governs, or the furthest there is ([`VersionState::complete`] tells which).
    #[must_use]
    pub fn version(&self) -> Option<&VersionState> {
        self.versions.get(&self.current?)
    }

    /// The newest membership in effect.
    #[must_use]
    pub fn membership(&self) -> Option<&MembershipState> {
        self.memberships.last_key_value().map(|(_, membership)| membership)
    }

    /// What is known of each party that takes part: from the text, or for those who joined a circle from its
    /// membership.
    #[must_use]
    pub fn parties(&self) -> BTreeMap<PartyId, &Party> {
        let members = self.membership().into_iter().flat_map(|membership| &membership.members);
        let active = members.filter(|(party, _)| self.active.contains(party));
        active.map(|(party, member)| (*party, &member.party)).collect()
    }

    /// Whether a party may be sent something under this agreement. What is taken back may always be told to whoever
    /// ever took part, in whatever state the agreement is.
    #[must_use]
    pub fn may_receive(&self, party: &PartyId, is_withdrawal: bool) -> bool {
        if is_withdrawal {
            return self.ever.contains(party);
        }
        self.status == Status::InForce && self.active.contains(party) && !self.blocked.contains_key(party)
    }

    /// Whether something may go from one party to another.
    #[must_use]
    pub fn may_flow(&self, from: &PartyId, to: &PartyId, is_withdrawal: bool) -> bool {
        from != to && self.may_receive(from, is_withdrawal) && self.may_receive(to, is_withdrawal)
    }

    /// Whether a party has signed a membership, so that it takes envelopes that name it.
    #[must_use]
    pub fn has_signed_membership(&self, party: &PartyId, number: u32) -> bool {
        self.memberships.get(&number).is_some_and(|membership| membership.signed.contains(party))
    }

    /// The membership that an envelope between two parties names: the newest that has both as members and both have
    /// signed.
    #[must_use]
    pub fn membership_between(&self, from: &PartyId, to: &PartyId) -> Option<u32> {
        let both = |membership: &&MembershipState| {
            [from, to].iter().all(|p| membership.members.contains_key(*p) && membership.signed.contains(*p))
        };
        self.memberships.values().rev().find(both).map(|membership| membership.number)
    }

    /// What will stop or should be done within so many days from `now`, soonest first.
    #[must_use]
    pub fn upcoming(&self, now: Timestamp, days: u32) -> Vec<Upcoming> {
        let Some(version) = self.version() else { return Vec::new() };
        if self.status == Status::Ended || !version.complete {
            return Vec::new();
        }
        let until = now.plus_micros(i64::from(days).saturating_mul(keys::window::DAY));
        let terms = &version.proposal.terms;
        let mut out = vec![
            Upcoming { at: terms.start, event: Event::Starts },
            Upcoming { at: terms.review, event: Event::Review },
            Upcoming { at: terms.expiry, event: Event::Expires },
        ];
        for party in &self.active {
            if let Some((at, name)) = terms.basis_lapses(party, now) {
                out.push(Upcoming { at, event: Event::LegalBasisLapses { party: *party, name } });
            }
        }
        out.retain(|event| event.at > now && event.at <= until && event.at <= terms.expiry);
        out.sort();
        out
    }
}
