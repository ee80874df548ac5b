//! Decisions under an agreement in force that no text settles ahead: emergencies and their reports, requests to an
//! originator and its answers, notice that somebody will end it.
//!
//! Like acts, they are documents signed by the party; those that open something carry its officers' approvals too.
//! They name no object: what a request is about goes by the keyed name it has in the originator's stream.

use std::collections::BTreeSet;

use json::{Tape, Value};
use keys::events::KeyHistory;
use keys::posts::{Approval, Post, Roster, Site};
use keys::{SecretKey, Signed, context};
use model::{AgreementId, Digest, PartyId, Timestamp};

use crate::acts::{because, one_of, twice};
use crate::terms::{BreakGlass, Terms};
use crate::text::{Fields, LIMITS, Malformed, Object};

const KIND: &str = "agreement-decision";
const APPROVAL: &str = "agreement-decision-approval";
/// The most approvals in one decision.
const MOST_APPROVALS: usize = 16;
/// The longest reason or report, in bytes.
pub const LONGEST_REASON: usize = 4000;
/// What the review of an emergency may come to.
pub const OUTCOMES: [&str; 2] = ["justified", "not-justified"];
/// An hour in microseconds.
const HOUR: i64 = 3_600_000_000;

/// A decision of a party under an agreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The agreement.
    pub agreement: AgreementId,
    /// Whose decision it is.
    pub party: PartyId,
    /// When, by that party's clock. It extends nothing.
    pub at: Timestamp,
    /// Why, for people; the text of a report.
    pub reason: String,
    /// What is decided.
    pub matter: Matter,
}

/// What is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Matter {
    /// The emergency clause is used from `at` on, for as many hours as it says.
    Emergency {
        /// Who may be given more.
        to: BTreeSet<PartyId>,
        /// Of the officers whom the clause names.
        approvals: Vec<Approval>,
    },
    /// The report that a use of the emergency clause asks for.
    EmergencyReport {
        /// Hash of the declaration.
        of: Digest,
        /// What the review came to: one of [`OUTCOMES`].
        outcome: String,
        /// Of the officers whom the clause names.
        approvals: Vec<Approval>,
    },
    /// The originator is asked to let an object go to a third party.
    ReleaseRequest {
        /// Who is asked.
        originator: PartyId,
        /// The object's keyed name in the stream from the originator to the one who asks.
        subject: Digest,
        /// To whom it would go.
        to: PartyId,
    },
    /// The originator answers. Of several answers to one request the newest counts.
    ReleaseAnswer {
        /// Hash of the request.
        request: Digest,
        /// Yes or no.
        granted: bool,
        /// Of officers who may sign for the party, for a yes.
        approvals: Vec<Approval>,
    },
    /// The party will end the agreement, or leave the circle.
    Notice {
        /// When. Until then everything flows as before.
        ends: Timestamp,
    },
}

impl Matter {
    /// The name in JSON.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Emergency { .. } => "emergency",
            Self::EmergencyReport { .. } => "emergency-report",
            Self::ReleaseRequest { .. } => "release-request",
            Self::ReleaseAnswer { .. } => "release-answer",
            Self::Notice { .. } => "notice",
        }
    }

    /// The officers' approvals, where there can be any.
    #[must_use]
    pub fn approvals(&self) -> Option<&[Approval]> {
        match self {
            Self::Emergency { approvals, .. }
            | Self::EmergencyReport { approvals, .. }
            | Self::ReleaseAnswer { approvals, .. } => Some(approvals),
            Self::ReleaseRequest { .. } | Self::Notice { .. } => None,
        }
    }

    /// The same with these approvals.
    #[must_use]
    pub fn approved(mut self, by: Vec<Approval>) -> Self {
        match &mut self {
            Self::Emergency { approvals, .. }
            | Self::EmergencyReport { approvals, .. }
            | Self::ReleaseAnswer { approvals, .. } => *approvals = by,
            Self::ReleaseRequest { .. } | Self::Notice { .. } => {}
        }
        self
    }
}

/// Why a decision does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// It is no decision.
    #[error("not a decision: {0}")]
    Malformed(#[from] Malformed),
    /// The key did not hold, or did not sign this.
    #[error("{0}")]
    Signature(String),
    /// It is dated later than our clock allows.
    #[error("dated {0}, which our clock has not reached: check both clocks")]
    Ahead(Timestamp),
    /// The text has no clause for it.
    #[error("the agreement has no [break_glass] clause")]
    NoClause,
    /// The clause does not name the giver or a receiver.
    #[error("the [break_glass] clause does not let {0} {1}")]
    NotNamed(PartyId, &'static str),
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
    /// The party is not in the text.
    #[error("{0} is no party of the text in force")]
    NotAParty(PartyId),
}

impl Decision {
    /// The exact bytes that officers approve: all of the decision but their approvals, as canonical JSON.
    #[must_use]
    pub fn approval_text(&self) -> String {
        self.members(Object::of(APPROVAL)).finish()
    }

    /// Reads [`Decision::approval_text`] back, with these approvals.
    ///
    /// # Errors
    /// [`Malformed`] with a pointer.
    pub fn from_approved(text: &str, approvals: Vec<Approval>) -> Result<Self, Malformed> {
        let mut tape = Tape::new();
        let decision = Self::from_value(tape.parse(text.as_bytes(), &LIMITS)?, APPROVAL)?;
        let decision = Self { matter: decision.matter.approved(approvals), ..decision };
        if decision.approval_text() == text { Ok(decision) } else { Err(other_spelling()) }
    }

    /// The decision as canonical JSON: the body that is signed.
    #[must_use]
    pub fn to_body(&self) -> String {
        let body = self.members(Object::of(KIND));
        match self.matter.approvals() {
            Some(approvals) => body.list("approvals", approvals.iter().map(Approval::to_text)).finish(),
            None => body.finish(),
        }
    }

    fn members(&self, object: Object) -> Object {
        let object = object
            .text("agreement", self.agreement)
            .text("party", self.party)
            .text("at", self.at)
            .text("reason", &self.reason)
            .text("kind", self.matter.kind());
        match &self.matter {
            Matter::Emergency { to, .. } => object.texts("to", to),
            Matter::EmergencyReport { of, outcome, .. } => object.text("of", of).text("outcome", outcome),
            Matter::ReleaseRequest { originator, subject, to } => {
                object.text("originator", originator).text("subject", subject).text("to", to)
            }
            Matter::ReleaseAnswer { request, granted, .. } => {
                object.text("request", request).flag("granted", *granted)
            }
            Matter::Notice { ends } => object.text("ends", ends),
        }
    }

    /// Signs the decision with the party's epoch key.
    ///
    /// # Errors
    /// [`Malformed`] for one that nobody would read again.
    pub fn sign(&self, epoch: &SecretKey) -> Result<Signed, Malformed> {
        let signed = Signed::sign(&self.to_body(), context::DECISION, &[epoch]);
        let signed = signed.map_err(|error| Malformed::new("", error.to_string()))?;
        Self::read(&signed)?;
        Ok(signed)
    }

    /// Reads a decision. No signature is looked at.
    ///
    /// # Errors
    /// [`Malformed`] with a pointer into the body.
    pub fn read(signed: &Signed) -> Result<Self, Malformed> {
        let mut tape = Tape::new();
        let decision = Self::from_value(tape.parse(signed.body.as_bytes(), &LIMITS)?, KIND)?;
        if decision.to_body() == signed.body { Ok(decision) } else { Err(other_spelling()) }
    }

    fn from_value(body: Value<'_>, document: &str) -> Result<Self, Malformed> {
        let own: &[&str] = match body.get("kind").and_then(|kind| kind.as_str()).as_deref() {
            Some("emergency") => &["to", "approvals"],
            Some("emergency-report") => &["of", "outcome", "approvals"],
            Some("release-request") => &["originator", "subject", "to"],
            Some("release-answer") => &["request", "granted", "approvals"],
            Some("notice") => &["ends"],
            _ => {
                return Err(Malformed::new(
                    "/kind",
                    "no kind of decision known here; a newer node may read this",
                ));
            }
        };
        let known: Vec<&str> =
            ["agreement", "party", "at", "reason", "kind"].iter().chain(own).copied().collect();
        let fields = Fields::document(body, document, &known)?;
        let approvals = || read_approvals(&fields);
        let matter = match fields.string("kind", 16)?.as_str() {
            "emergency" => {
                let to: BTreeSet<PartyId> = fields.strings("to")?;
                if to.is_empty() {
                    return fields.fail("to", "name whom it is for");
                }
                Matter::Emergency { to, approvals: approvals()? }
            }
            "emergency-report" => {
                let outcome = fields.string("outcome", 64)?;
                if !OUTCOMES.contains(&outcome.as_str()) {
                    return fields.fail("outcome", "the outcome is `justified` or `not-justified`");
                }
                Matter::EmergencyReport { of: fields.parsed("of")?, outcome, approvals: approvals()? }
            }
            "release-request" => Matter::ReleaseRequest {
                originator: fields.parsed("originator")?,
                subject: fields.parsed("subject")?,
                to: fields.parsed("to")?,
            },
            "release-answer" => Matter::ReleaseAnswer {
                request: fields.parsed("request")?,
                granted: fields.flag("granted")?,
                approvals: approvals()?,
            },
            _ => Matter::Notice { ends: fields.parsed("ends")? },
        };
        Ok(Self {
            agreement: fields.parsed("agreement")?,
            party: fields.parsed("party")?,
            at: fields.parsed("at")?,
            reason: fields.string("reason", LONGEST_REASON)?,
            matter,
        })
    }

    /// Checks the party's signature and date, and that its officers approved what needs them, by the text in force.
    ///
    /// # Errors
    /// [`Invalid`].
    pub fn verify(
        &self,
        signed: &Signed,
        terms: &Terms,
        history: &KeyHistory,
        roster: &Roster,
        site: Option<&Site>,
        now: Timestamp,
    ) -> Result<(), Invalid> {
        let verified = history.verify(context::DECISION, signed, self.at);
        verified.map_err(|problem| Invalid::Signature(problem.to_string()))?;
        self.permitted(terms, roster, site, now)
    }

    /// As [`Decision::verify`], before it is signed.
    ///
    /// # Errors
    /// [`Invalid`].
    pub fn permitted(
        &self,
        terms: &Terms,
        roster: &Roster,
        site: Option<&Site>,
        now: Timestamp,
    ) -> Result<(), Invalid> {
        if self.at > now.plus_micros(keys::window::SKEW) {
            return Err(Invalid::Ahead(self.at));
        }
        let party = terms.parties.get(&self.party).ok_or(Invalid::NotAParty(self.party))?;
        let (posts, needed) = match &self.matter {
            Matter::Emergency { to, .. } => {
                let glass = terms.break_glass.as_ref().ok_or(Invalid::NoClause)?;
                if !glass.from.includes(&self.party) {
                    return Err(Invalid::NotNamed(self.party, "give"));
                }
                let named = |to: &&PartyId| glass.to.includes(to) && terms.parties.contains_key(to);
                if let Some(other) = to.iter().find(|to| !named(to)) {
                    return Err(Invalid::NotNamed(*other, "be given"));
                }
                (&glass.posts, glass.officers)
            }
            Matter::EmergencyReport { .. } => {
                let glass = terms.break_glass.as_ref().ok_or(Invalid::NoClause)?;
                (&glass.posts, glass.officers)
            }
            Matter::ReleaseAnswer { granted: true, .. } => (&party.posts, party.officers),
            // What narrows, asks or announces waits for no officer.
            _ => return Ok(()),
        };
        self.officers(posts, needed.max(1), roster, site)
    }

    fn officers(
        &self,
        posts: &BTreeSet<Post>,
        needed: u32,
        roster: &Roster,
        site: Option<&Site>,
    ) -> Result<(), Invalid> {
        let text = self.approval_text();
        let (mut persons, mut why) = (BTreeSet::new(), Vec::new());
        for post in posts {
            let approvals = self.matter.approvals().unwrap_or_default();
            let counted = roster.tally(approvals, text.as_bytes(), *post, self.at, site);
            why.extend(twice(approvals.len(), &counted));
            persons.extend(counted.persons);
            why.extend(counted.refusals.iter().map(ToString::to_string));
        }
        why.truncate(16);
        let counted = persons.len();
        if u32::try_from(counted).unwrap_or(u32::MAX) >= needed {
            Ok(())
        } else {
            Err(Invalid::Officers { counted, needed, posts: posts.clone(), why })
        }
    }
}

impl BreakGlass {
    /// When a use that was declared at an instant ends by itself.
    #[must_use]
    pub fn expires(&self, declared: Timestamp) -> Timestamp {
        declared.plus_micros(i64::from(self.hours).saturating_mul(HOUR))
    }

    /// By when its report is due: counted from its end.
    #[must_use]
    pub fn report_due(&self, declared: Timestamp) -> Timestamp {
        self.expires(declared).plus_micros(i64::from(self.report_within_hours).saturating_mul(HOUR))
    }
}

impl Terms {
    /// The earliest instant at which a party that gives notice now is out, as the text asks for it.
    #[must_use]
    pub fn notice_ends(&self, given: Timestamp) -> Timestamp {
        given.plus_micros(i64::from(self.notice_hours).saturating_mul(HOUR))
    }
}

fn read_approvals(fields: &Fields<'_>) -> Result<Vec<Approval>, Malformed> {
    // Officers approve what has no approvals in it yet.
    if fields.optional("approvals").is_none() {
        return Ok(Vec::new());
    }
    let items = fields.list("approvals")?;
    if items.len() > MOST_APPROVALS {
        return fields.fail("approvals", format!("more than {MOST_APPROVALS}"));
    }
    let read = |(at, item): (String, Value<'_>)| {
        Approval::read(item, &at).map_err(|error| Malformed::new(error.pointer, error.problem))
    };
    items.into_iter().map(read).collect()
}

fn other_spelling() -> Malformed {
    Malformed::new("", "a member has another spelling than its own")
}
