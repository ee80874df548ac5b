//! One act: who, on which agreement, after which act of theirs, and what.

use json::{Tape, Value};
use keys::posts::Approval;
use keys::{SecretKey, Signed, context};
use model::{AgreementId, Digest, PartyId, Timestamp};

use super::membership::{Member, Membership};
use crate::proposal::Proposal;
use crate::read::MAX_TEXT;
use crate::text::{Fields, LIMITS, Malformed, Object};

const KIND: &str = "agreement-act";
/// The most approvals in one act.
const MOST_APPROVALS: usize = 16;
/// The longest reason, in bytes.
const LONGEST_REASON: usize = 2000;

/// An act of a party on an agreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// The agreement. A request has none yet, and goes by its own hash until an offer answers it.
    pub agreement: Option<AgreementId>,
    /// Whose act it is.
    pub party: PartyId,
    /// Hash of that party's act on this agreement before this one; `None` for its first.
    pub previous: Option<Digest>,
    /// When, by that party's clock, and never before the act it follows. It extends nothing.
    pub at: Timestamp,
    /// Why, for people; may be empty.
    pub reason: String,
    /// What.
    pub what: What,
}

/// What a party does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Asks another party for an agreement; the reason says what for.
    Request {
        /// Whom.
        to: PartyId,
        /// A text to begin from, if there is one.
        document: Option<String>,
    },
    /// Puts the first text forward. The agreement is named by the hash of this proposal.
    Offer {
        /// The TOML text.
        document: String,
        /// Hash of the policy compiled from it.
        policy: Digest,
        /// The request it answers.
        answers: Option<Digest>,
    },
    /// Puts another text forward, to follow an earlier version: a counter-offer, or a change of what is in force.
    Revise {
        /// The TOML text; it names the version it follows.
        document: String,
        /// Hash of the policy compiled from it.
        policy: Digest,
    },
    /// Means to sign a version.
    Accept {
        /// The version's hash.
        version: Digest,
    },
    /// Signs a version, by its officers.
    Agree {
        /// The version's hash.
        version: Digest,
        /// Approvals of [`approval_text`].
        approvals: Vec<Approval>,
    },
    /// Takes back an acceptance or signature of a version, or of a membership, before it was verified here.
    Retract {
        /// The version's or membership's hash.
        version: Digest,
    },
    /// Has verified everyone's signatures, and compiled the text to the same policy. The fold cannot compile: a node
    /// compiles before it accepts, signs or verifies, and compares hashes.
    Verify {
        /// The version's hash.
        version: Digest,
    },
    /// Applies the version from its start on.
    Enter {
        /// The version's hash.
        version: Digest,
    },
    /// Stops all flows to and from itself until it resumes.
    Suspend,
    /// Ends its own suspension; its officers approve.
    Resume {
        /// Approvals of [`approval_text`].
        approvals: Vec<Approval>,
    },
    /// Ends the agreement, alone and at once. In a circle: leaves it.
    End,
    /// Asks to join a circle under a version's text, and signs that text.
    Join {
        /// The version's hash.
        version: Digest,
        /// What the membership is to say of it.
        member: Box<crate::Party>,
        /// Approvals of [`approval_text`].
        approvals: Vec<Approval>,
    },
    /// Signs a membership of a circle, and with it those before it.
    Admit {
        /// The membership's hash.
        membership: Digest,
        /// The membership itself: whoever signs first brings it, the others need not.
        document: Option<Box<Membership>>,
        /// Approvals of [`approval_text`].
        approvals: Vec<Approval>,
    },
    /// Leaves a circle, at once.
    Leave,
}

impl What {
    /// The kind's name: `request`, `offer`, `revise`, `accept`, `agree`, `retract`, `verify`, `enter`, `suspend`,
    /// `resume`, `end`, `join`, `admit`, `leave`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Request { .. } => "request",
            Self::Offer { .. } => "offer",
            Self::Revise { .. } => "revise",
            Self::Accept { .. } => "accept",
            Self::Agree { .. } => "agree",
            Self::Retract { .. } => "retract",
            Self::Verify { .. } => "verify",
            Self::Enter { .. } => "enter",
            Self::Suspend => "suspend",
            Self::Resume { .. } => "resume",
            Self::End => "end",
            Self::Join { .. } => "join",
            Self::Admit { .. } => "admit",
            Self::Leave => "leave",
        }
    }

    /// Whether it takes something away: then it counts on receipt.
    #[must_use]
    pub const fn narrows(&self) -> bool {
        matches!(self, Self::Suspend | Self::End | Self::Leave)
    }

    /// The version or membership it is about.
    #[must_use]
    pub fn version(&self) -> Option<Digest> {
        match self {
            Self::Accept { version }
            | Self::Agree { version, .. }
            | Self::Retract { version }
            | Self::Verify { version }
            | Self::Enter { version }
            | Self::Join { version, .. } => Some(*version),
            Self::Admit { membership, .. } => Some(*membership),
            _ => None,
        }
    }

    /// The officers' approvals in it, for kinds that need them.
    #[must_use]
    pub fn approvals(&self) -> Option<&[Approval]> {
        match self {
            Self::Agree { approvals, .. }
            | Self::Resume { approvals }
            | Self::Join { approvals, .. }
            | Self::Admit { approvals, .. } => Some(approvals),
            _ => None,
        }
    }
}

/// The exact bytes that a party's officers approve for an act, as canonical JSON; `None` for acts that need no officer.
///
/// To sign a text is to sign all of it: hash of the document, terms, and hash of the compiled policy. What can happen
/// more than once, resuming and joining, is bound to its place in the party's chain: an old approval is of no use.
#[must_use]
pub fn approval_text(act: &Act, proposal: Option<&Proposal>) -> Option<String> {
    let text = Object::of("agreement-approval")
        .text("act", act.what.kind())
        .text("party", act.party)
        .maybe("agreement", act.agreement);
    let text = match &act.what {
        What::Agree { .. } => text.raw("proposal", proposal?.to_canonical_json()),
        What::Join { member, .. } => {
            let text = text.raw("proposal", proposal?.to_canonical_json());
            text.raw("member", crate::encode::party(member)).maybe("previous", act.previous)
        }
        What::Resume { .. } => text.maybe("previous", act.previous),
        What::Admit { membership, .. } => text.text("membership", membership),
        _ => return None,
    };
    Some(text.finish())
}

impl Act {
    /// The act as canonical JSON: the body that is signed.
    #[must_use]
    pub fn to_body(&self) -> String {
        let body = Object::of(KIND)
            .maybe("agreement", self.agreement)
            .text("party", self.party)
            .maybe("previous", self.previous)
            .text("at", self.at)
            .text("reason", &self.reason)
            .text("kind", self.what.kind());
        let body = match &self.what {
            What::Request { to, document } => body.text("to", to).maybe("document", document.as_ref()),
            What::Offer { document, policy, answers } => {
                body.text("document", document).text("policy", policy).maybe("answers", answers.as_ref())
            }
            What::Revise { document, policy } => body.text("document", document).text("policy", policy),
            What::Accept { version }
            | What::Agree { version, .. }
            | What::Retract { version }
            | What::Verify { version }
            | What::Enter { version } => body.text("version", version),
            What::Join { version, member, .. } => {
                body.text("version", version).raw("member", crate::encode::party(member))
            }
            What::Admit { membership, document, .. } => {
                let body = body.text("membership", membership);
                match document {
                    Some(document) => body.raw("document", document.to_canonical_json()),
                    None => body,
                }
            }
            What::Suspend | What::Resume { .. } | What::End | What::Leave => body,
        };
        match self.what.approvals() {
            Some(approvals) => body.list("approvals", approvals.iter().map(Approval::to_text)).finish(),
            None => body.finish(),
        }
    }

    /// Signs the act with the party's epoch key.
    ///
    /// # Errors
    /// [`Malformed`] for an act that nobody would read again: a text or reason that is too long, too many approvals.
    pub fn sign(&self, epoch: &SecretKey) -> Result<Signed, Malformed> {
        let signed = Signed::sign(&self.to_body(), context::AGREEMENT, &[epoch]);
        let signed = signed.map_err(|error| Malformed::new("", error.to_string()))?;
        Self::read(&signed)?;
        Ok(signed)
    }

    /// Reads an act. No signature is looked at.
    ///
    /// # Errors
    /// [`Malformed`] with a pointer into the body.
    pub fn read(signed: &Signed) -> Result<Self, Malformed> {
        let mut tape = Tape::new();
        let act = Self::from_value(tape.parse(signed.body.as_bytes(), &LIMITS)?)?;
        if act.to_body() == signed.body {
            Ok(act)
        } else {
            Err(Malformed::new("", "a member has another spelling than its own"))
        }
    }

    /// What the act belongs to: the agreement, or for a request its own hash.
    #[must_use]
    pub fn subject(&self, hash: Digest) -> Digest {
        self.agreement.map_or(hash, |agreement| agreement.0)
    }

    fn from_value(body: Value<'_>) -> Result<Self, Malformed> {
        let own: &[&str] = match body.get("kind").and_then(|kind| kind.as_str()).as_deref() {
            Some("request") => &["to", "document"],
            Some("offer") => &["document", "policy", "answers"],
            Some("revise") => &["document", "policy"],
            Some("accept" | "retract" | "verify" | "enter") => &["version"],
            Some("agree") => &["version", "approvals"],
            Some("resume") => &["approvals"],
            Some("join") => &["version", "member", "approvals"],
            Some("admit") => &["membership", "document", "approvals"],
            Some("suspend" | "end" | "leave") => &[],
            _ => {
                return Err(Malformed::new("/kind", "no kind of act known here; a newer node may read this"));
            }
        };
        let known = ["agreement", "party", "previous", "at", "reason", "kind"];
        let known: Vec<&str> = known.iter().chain(own).copied().collect();
        let fields = Fields::document(body, KIND, &known)?;
        let kind = fields.string("kind", 16)?;
        let agreement: Option<AgreementId> = fields.maybe("agreement")?;
        if agreement.is_none() != (kind == "request") {
            return fields
                .fail("agreement", "every act but a request names its agreement, and a request does not");
        }
        let document = || fields.string("document", MAX_TEXT);
        let version = || fields.parsed("version");
        let what = match kind.as_str() {
            "request" => What::Request {
                to: fields.parsed("to")?,
                document: fields.optional("document").map(|_| document()).transpose()?,
            },
            "offer" => What::Offer {
                document: document()?,
                policy: fields.parsed("policy")?,
                answers: fields.maybe("answers")?,
            },
            "revise" => What::Revise { document: document()?, policy: fields.parsed("policy")? },
            "accept" => What::Accept { version: version()? },
            "agree" => What::Agree { version: version()?, approvals: approvals(&fields)? },
            "retract" => What::Retract { version: version()? },
            "verify" => What::Verify { version: version()? },
            "enter" => What::Enter { version: version()? },
            "suspend" => What::Suspend,
            "resume" => What::Resume { approvals: approvals(&fields)? },
            "end" => What::End,
            "join" => What::Join {
                version: version()?,
                member: Box::new(Member::read_party(fields.value("member")?, "/member")?),
                approvals: approvals(&fields)?,
            },
            "admit" => {
                let membership = fields.parsed("membership")?;
                let document = fields.optional("document");
                let document = document.map(|value| Membership::read(value, "/document")).transpose()?;
                if document.as_ref().is_some_and(|document| document.hash() != membership) {
                    return fields.fail("document", "not the membership of that hash");
                }
                What::Admit { membership, document: document.map(Box::new), approvals: approvals(&fields)? }
            }
            _ => What::Leave,
        };
        Ok(Self {
            agreement,
            party: fields.parsed("party")?,
            previous: fields.maybe("previous")?,
            at: fields.parsed("at")?,
            reason: fields.string("reason", LONGEST_REASON)?,
            what,
        })
    }
}

fn approvals(fields: &Fields<'_>) -> Result<Vec<Approval>, Malformed> {
    let items = fields.list("approvals")?;
    if items.len() > MOST_APPROVALS {
        return fields.fail("approvals", format!("more than {MOST_APPROVALS}"));
    }
    let read = |(at, item): (String, Value<'_>)| {
        Approval::read(item, &at).map_err(|error| Malformed::new(error.pointer, error.problem))
    };
    items.into_iter().map(read).collect()
}
