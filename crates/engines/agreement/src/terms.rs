//! What parties have agreed on: the validated form of an agreement's text.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use keys::posts::Post;
use keys::{KeyId, PublicKey};
use label::{Handling, Onward};
use model::{AgreementId, Digest, PartyId, StixId, Timestamp};

/// One version of an agreement, read from its text and checked: every name it uses is defined in it, and nothing in it
/// is broader than an agreement may be.
///
/// Two values are equal when their canonical forms are, which is when their hashes are ([`Terms::hash`]).
#[derive(Debug, Clone)]
pub struct Terms {
    /// The agreement's name, for people.
    pub name: String,
    /// Between two parties, or a circle.
    pub form: Form,
    /// Which agreement this is a later version of; `None` in the first version, whose own hash gives the id.
    pub agreement: Option<AgreementId>,
    /// Counts from 1.
    pub version: u32,
    /// Hash of the version this one follows ([`crate::Proposal::hash`]); `None` in the first.
    pub previous: Option<Digest>,
    /// SHA-256 of the text these terms were read from, comments included.
    pub document: Digest,
    /// Versions or acts that contradict others and that this version declares void, which ends the suspension that
    /// the contradiction brought.
    pub settles: BTreeSet<Digest>,
    /// The exercise this is for, by its name; nothing real may travel under it. `None` for real.
    pub exercise: Option<String>,
    /// In force from here on…
    pub start: Timestamp,
    /// …to be looked at again by then (a reminder; nothing stops)…
    pub review: Timestamp,
    /// …and until just before here.
    pub expiry: Timestamp,
    /// How many hours ahead a party that wants out is expected to say so. It may end at once nevertheless.
    pub notice_hours: u32,
    /// What everything that travels may be used for; a clause may narrow it.
    pub purposes: BTreeSet<String>,
    /// Why this is lawful, as dated facts. When a party has none that is valid, everything stops.
    pub legal_basis: Vec<LegalBasis>,
    /// Who agrees, by id.
    pub parties: BTreeMap<PartyId, Party>,
    /// What may flow, sorted by id. What no clause permits may not.
    pub clauses: Vec<Clause>,
    /// Redaction profiles by name.
    pub redactions: BTreeMap<String, Redaction>,
    /// How long what was received may be kept, and how fast it must go once taken back.
    pub retention: Retention,
    /// Whether giving depends on being given.
    pub reciprocity: Reciprocity,
    /// How much may flow to one receiver.
    pub caps: Caps,
    /// Who may ask whom without telling, sorted by id. What no right permits may not be asked.
    pub queries: Vec<QueryRight>,
    /// The emergency clause, if there is one.
    pub break_glass: Option<BreakGlass>,
    /// Who oversees this agreement, if anyone.
    pub overseer: Option<Overseer>,
    /// Whose cosignatures a ledger checkpoint needs.
    pub witnesses: Witnesses,
}

/// How many sides there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// Exactly two parties.
    Bilateral,
    /// Many parties under one text, joining and leaving.
    Circle(Circle),
}

/// How a circle changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Circle {
    /// How many members must sign a change of membership, besides whoever joins.
    pub join_quorum: u32,
    /// How many parties of the text in force must sign a new text, besides all whom the new text names.
    pub revise_quorum: u32,
    /// The most members it may have.
    pub most_members: u32,
}

/// One side of an agreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// The party.
    pub id: PartyId,
    /// What the text calls it in its clauses: `[a-z0-9-]+`.
    pub key: String,
    /// Its name, for people.
    pub name: String,
    /// The country whose law it is under: ISO 3166-1 alpha-2.
    pub jurisdiction: String,
    /// What it is with regard to personal data.
    pub role: Role,
    /// Its epoch key when the text was written. Later keys follow from its key history.
    pub epoch: KeyId,
    /// The STIX identities it speaks for.
    pub identities: BTreeSet<StixId>,
    /// Who may sign for it: holders of these posts.
    pub posts: BTreeSet<Post>,
    /// How many different persons must sign for it.
    pub officers: u32,
    /// Out of how many, for whoever reads the text.
    pub of: u32,
}

/// Roles under data protection law (Regulation (EU) 2016/679, Article 4 (7) and (8), Article 26).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Decides why and how personal data are processed.
    Controller,
    /// Decides that together with others.
    JointController,
    /// Processes for someone else.
    Processor,
}

/// A dated fact: a law, contract or decision that allows the exchange, and from when until when.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LegalBasis {
    /// What it is.
    pub name: String,
    /// Where it is found: article, file number, date.
    pub reference: String,
    /// Valid from here on…
    pub valid_from: Timestamp,
    /// …until just before here. A law without an end is stated until someone must have looked again.
    pub valid_until: Timestamp,
    /// For whom it is one.
    pub parties: Who,
}

/// One thing that may flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clause {
    /// Its name in explanations: `[a-z0-9-]+`, unique in the text.
    pub id: String,
    /// Who may give.
    pub from: Who,
    /// Who may be given.
    pub to: Who,
    /// STIX types.
    pub types: Set,
    /// Categories; an object without one is outside every list, and inside `any`.
    pub categories: Set,
    /// Sectors concerned; as categories.
    pub sectors: Set,
    /// Countries concerned (ISO 3166-1 alpha-2); as categories.
    pub countries: Set,
    /// The most sensitive handling an object may have, in TLP, PAP, IEP and classification. A list of nations in it is
    /// a caveat that this clause puts on whatever flows: nobody under another law is given anything.
    pub ceiling: Handling,
    /// What the receiver may do with it.
    pub actions: BTreeSet<Action>,
    /// How the receiver may pass it on.
    pub onward: Onward,
    /// Which profile of [`Terms::redactions`] it goes through.
    pub redaction: Option<String>,
    /// What becomes of personal data in it.
    pub personal: PersonalData,
    /// What it may be used for: some of [`Terms::purposes`], never empty.
    pub purposes: BTreeSet<String>,
    /// It goes this much later: seconds.
    pub delay_seconds: u64,
    /// Only sums of it go: how many, not which.
    pub aggregate: bool,
}

/// Some of the parties.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// Each party of the agreement, and nobody else. In a circle: each member.
    Any,
    /// These; never empty.
    Parties(BTreeSet<PartyId>),
}

impl Who {
    /// Whether a party of the agreement is meant.
    #[must_use]
    pub fn includes(&self, party: &PartyId) -> bool {
        match self {
            Self::Any => true,
            Self::Parties(parties) => parties.contains(party),
        }
    }
}

/// Some of an open set of words.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Set {
    /// Each, and none at all.
    Any,
    /// These; never empty.
    Only(BTreeSet<String>),
}

impl Set {
    /// Whether a word is in it.
    #[must_use]
    pub fn includes(&self, word: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Only(words) => words.contains(word),
        }
    }
}

/// What may be done with an object.
///
/// The words follow the actions of FIRST IEP 2.0 (`permitted-actions`) and PAP: each next one is seen by more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Hold it and read it. Without this one nothing leaves.
    Receive,
    /// Compare it with one's own records and traffic; nobody outside can notice.
    Detect,
    /// Ask third parties about it: look-ups, reputation services, sandboxes.
    Enrich,
    /// Act on it in one's own networks: block, sinkhole, isolate.
    Block,
    /// Give it to somebody else, within the onward rule.
    PassOn,
}

/// What becomes of personal data, narrowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PersonalData {
    /// An object that holds any stays here.
    Refuse,
    /// It goes without them.
    Redact,
    /// It goes with pseudonyms in their place.
    Pseudonymise,
    /// It goes as it is.
    Allow,
}

/// What is left of an object, by type: what is not listed is removed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Redaction {
    /// Properties that stay, as RFC 6901 pointers in which `*` stands for every item of a list, by STIX type. What
    /// STIX requires of the type always stays. A type that is not here is withheld.
    pub keep: BTreeMap<String, BTreeSet<String>>,
    /// Whether IP addresses become pseudonyms that keep common prefixes.
    pub pseudonymise_addresses: bool,
    /// Who it is said to come from.
    pub contributor: Contributor,
}

/// How the giver appears.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Contributor {
    /// By name.
    #[default]
    Named,
    /// By a name that is the same each time and tells nothing.
    Pseudonym,
    /// As "a member".
    Anonymous,
}

/// How long things are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Days what was received may be kept; at least 1.
    pub keep_days: u32,
    /// Hours until the erasure of what was taken back must be confirmed; at least 1.
    pub erase_within_hours: u32,
}

/// Whether giving depends on being given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reciprocity {
    /// It does not.
    None,
    /// Whatever may flow one way may flow the other way: the text is checked for it.
    Mirrored,
    /// A party that gave fewer objects than this in so many days is given nothing until it does.
    Least {
        /// How many objects.
        objects: u32,
        /// In how many days.
        days: u32,
    },
}

/// The most that may flow from one party to another; every number at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// Objects in any hour.
    pub objects_per_hour: u64,
    /// Objects in any day.
    pub objects_per_day: u64,
    /// Bytes of objects in any day.
    pub bytes_per_day: u64,
    /// Bytes of one object.
    pub largest_object_bytes: u64,
}

/// Who may ask whom whether it has seen something, without telling what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryRight {
    /// Its name in explanations: `[a-z0-9-]+`, unique in the text.
    pub id: String,
    /// Who may ask.
    pub from: Who,
    /// Who may be asked.
    pub to: Who,
    /// Kinds of observables (`ipv4-addr`, `domain-name`, …).
    pub kinds: Set,
    /// What it may be asked for: some of [`Terms::purposes`], never empty.
    pub purposes: BTreeSet<String>,
    /// Questions one party may ask another in a day; at least 1.
    pub per_day: u32,
    /// Values in one question; at least 1.
    pub most_values: u32,
    /// What is answered.
    pub answer: Answer,
    /// Bits that all answers of a day together may give away, at one bit for each yes or no and the logarithm of the
    /// possible outcomes for a count; at least 1.
    pub leakage_bits_per_day: u32,
}

/// What a private question is answered with, narrowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// How many of the values were seen.
    Count,
    /// For each value whether it was seen.
    YesNo,
}

/// The emergency clause: more may flow for a while when persons sign for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakGlass {
    /// Who may give.
    pub from: Who,
    /// Who may be given.
    pub to: Who,
    /// STIX types.
    pub types: Set,
    /// Holders of these posts of the giving party sign.
    pub posts: BTreeSet<Post>,
    /// How many different persons must sign; at least 1.
    pub officers: u32,
    /// The most sensitive handling an object may have.
    pub ceiling: Handling,
    /// A use ends by itself after so many hours; at least 1.
    pub hours: u32,
    /// A report must be signed within so many hours of the use; at least 1.
    pub report_within_hours: u32,
}

/// Who oversees: reports are for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overseer {
    /// Its name, for people.
    pub name: String,
    /// Its key.
    pub key: PublicKey,
}

/// Whose cosignatures the checkpoints of each party's ledger need.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Witnesses {
    /// Verifier keys in the spelling of C2SP signed-note (`name+hash+key`), by name.
    pub keys: BTreeMap<String, String>,
    /// Whether the ledgers of the other parties count as witnesses.
    pub parties: bool,
    /// How many must have cosigned.
    pub quorum: u32,
}

impl Terms {
    /// The parties a `from` or `to` means.
    pub fn parties_of<'a>(&'a self, who: &'a Who) -> impl Iterator<Item = &'a Party> {
        self.parties.values().filter(|party| who.includes(&party.id))
    }

    /// The clause of this id.
    #[must_use]
    pub fn clause(&self, id: &str) -> Option<&Clause> {
        self.clauses.iter().find(|clause| clause.id == id)
    }

    /// The members a circle's or agreement's text names.
    #[must_use]
    pub fn party_ids(&self) -> BTreeSet<PartyId> {
        self.parties.keys().copied().collect()
    }
}

impl PartialEq for Terms {
    fn eq(&self, other: &Self) -> bool {
        self.hash() == other.hash()
    }
}

impl Eq for Terms {}

macro_rules! words {
    ($name:ident { $($variant:ident => $word:literal),+ $(,)? }) => {
        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word in texts.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }

            /// The value of a word.
            #[must_use]
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == word)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words!(Role { Controller => "controller", JointController => "joint-controller", Processor => "processor" });
words!(Action {
    Receive => "receive",
    Detect => "detect",
    Enrich => "enrich",
    Block => "block",
    PassOn => "pass-on",
});
words!(PersonalData {
    Refuse => "refuse",
    Redact => "redact",
    Pseudonymise => "pseudonymise",
    Allow => "allow",
});
words!(Contributor { Named => "named", Pseudonym => "pseudonym", Anonymous => "anonymous" });
words!(Answer { Count => "count", YesNo => "yes-no" });
