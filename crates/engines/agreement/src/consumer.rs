//! Releases to consumers without a node: a SIEM on TAXII, a blocklist reader.
//!
//! Such a client signs nothing, so our own release officers sign for what it may have: by name, token and collections,
//! up to a ceiling, until a date.

use std::collections::BTreeSet;

use json::{Tape, Value};
use keys::events::KeyHistory;
use keys::posts::{Approval, Post, Roster, Site};
use keys::window::DAY;
use keys::{SecretKey, Signed, context};
use label::Handling;
use model::{CollectionId, Digest, Label, PartyId, Timestamp, Tlp, TokenId};

use crate::problem::is_deceptive;
use crate::read::check_name;
use crate::terms::{PersonalData, Set};
use crate::text::{Fields, LIMITS, Malformed, Object};

const KIND: &str = "consumer-release";
const APPROVAL: &str = "consumer-release-approval";
const END: &str = "consumer-release-end";
/// The longest a release lasts, in days.
pub const LONGEST_DAYS: i64 = 366;
/// The most collections of one release.
const MOST_COLLECTIONS: usize = 64;

/// What one client may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Our party.
    pub party: PartyId,
    /// The client's name, for people.
    pub client: String,
    /// The token it shows.
    pub token: TokenId,
    /// The collections it reads.
    pub collections: BTreeSet<CollectionId>,
    /// STIX types.
    pub types: Set,
    /// The most sensitive handling it is given.
    pub ceiling: Handling,
    /// What becomes of personal data. A client under no agreement gets none as they are.
    pub personal: PersonalData,
    /// What for: a purpose's name.
    pub purpose: String,
    /// Valid from here on…
    pub valid_from: Timestamp,
    /// …until just before here.
    pub expires: Timestamp,
    /// When it was made, by our clock.
    pub issued: Timestamp,
    /// Our officers' approvals of [`Release::approval_text`].
    pub approvals: Vec<Approval>,
}

/// The end of a release before its time. It takes something away, so it needs no officer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseEnd {
    /// Our party.
    pub party: PartyId,
    /// The release's hash.
    pub release: Digest,
    /// Why, for people.
    pub reason: String,
    /// When it was made, by our clock.
    pub issued: Timestamp,
}

/// Why a release gives nobody anything.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseRefused {
    /// It is no release.
    #[error("not a consumer release: {0}")]
    Malformed(#[from] Malformed),
    /// It is another party's.
    #[error("a release of {0}, not of ours")]
    OtherParty(PartyId),
    /// Our key did not sign it.
    #[error("{0}")]
    Signature(String),
    /// Too few officers.
    #[error("{counted} release officers' approvals count where {needed} are needed{}", listed(why))]
    Officers {
        /// Distinct persons.
        counted: usize,
        /// How many must.
        needed: u32,
        /// Why others do not count.
        why: Vec<String>,
    },
    /// It is broader than a release may be.
    #[error("over-broad: {0}")]
    OverBroad(&'static str),
    /// It is not valid yet.
    #[error("not valid before {0}")]
    NotYet(Timestamp),
    /// It is over.
    #[error("expired on {0}")]
    Expired(Timestamp),
    /// It was ended.
    #[error("ended: {0}")]
    Ended(String),
}

fn listed(why: &[String]) -> String {
    if why.is_empty() { String::new() } else { format!(" ({})", why.join("; ")) }
}

impl Release {
    fn object(&self, kind: &str) -> Object {
        let types = match &self.types {
            Set::Any => crate::text::quoted("any"),
            Set::Only(words) => crate::text::list(words.iter().map(|word| crate::text::quoted(word))),
        };
        Object::of(kind)
            .text("party", self.party)
            .text("client", &self.client)
            .text("token", self.token)
            .texts("collections", &self.collections)
            .raw("types", types)
            .text("ceiling", self.ceiling.to_text())
            .text("personal", self.personal)
            .text("purpose", &self.purpose)
            .text("valid_from", self.valid_from)
            .text("expires", self.expires)
            .text("issued", self.issued)
    }

    /// The exact bytes that release officers approve.
    #[must_use]
    pub fn approval_text(&self) -> String {
        self.object(APPROVAL).finish()
    }

    /// Reads [`Release::approval_text`]: a release that nobody has approved yet.
    ///
    /// # Errors
    /// [`Malformed`] with a pointer into the text, for any other spelling too.
    pub fn read_approval_text(text: &str) -> Result<Self, Malformed> {
        let mut tape = Tape::new();
        let release = Self::from_value(tape.parse(text.as_bytes(), &LIMITS)?, APPROVAL)?;
        if release.approval_text() == text { Ok(release) } else { Err(respelled()) }
    }

    /// The body to be signed under [`context::RELEASE`].
    #[must_use]
    pub fn to_body(&self) -> String {
        self.object(KIND).list("approvals", self.approvals.iter().map(Approval::to_text)).finish()
    }

    /// Signs the release with our epoch key.
    ///
    /// # Errors
    /// [`ReleaseRefused`] for a release that would be refused whatever officers say.
    pub fn sign(&self, epoch: &SecretKey) -> Result<Signed, ReleaseRefused> {
        self.check()?;
        sign(&self.to_body(), epoch)
    }

    /// Reads a release. No signature is looked at.
    ///
    /// # Errors
    /// [`Malformed`] with a pointer into the body.
    pub fn read(signed: &Signed) -> Result<Self, Malformed> {
        let mut tape = Tape::new();
        let release = Self::from_value(tape.parse(signed.body.as_bytes(), &LIMITS)?, KIND)?;
        if release.to_body() == signed.body { Ok(release) } else { Err(respelled()) }
    }

    fn from_value(value: Value<'_>, kind: &str) -> Result<Self, Malformed> {
        let known = [
            "party",
            "client",
            "token",
            "collections",
            "types",
            "ceiling",
            "personal",
            "purpose",
            "valid_from",
            "expires",
            "issued",
            "approvals",
        ];
        let approved = kind == KIND;
        let fields =
            Fields::document(value, kind, known.get(..if approved { 12 } else { 11 }).unwrap_or(&known))?;
        let approvals = if approved { fields.list("approvals")? } else { Vec::new() };
        let approvals = approvals.into_iter().take(17).map(|(at, item)| {
            Approval::read(item, &at).map_err(|error| Malformed::new(error.pointer, error.problem))
        });
        let is_any = fields.value("types")?.is("any");
        Ok(Self {
            party: fields.parsed("party")?,
            client: fields.string("client", 400)?,
            token: TokenId(fields.parsed("token")?),
            collections: fields
                .strings::<model::Uuid, Vec<_>>("collections")?
                .into_iter()
                .map(CollectionId)
                .collect(),
            types: if is_any { Set::Any } else { Set::Only(fields.strings("types")?) },
            ceiling: fields.read("ceiling", |text| Handling::parse(text).ok())?,
            personal: fields.read("personal", PersonalData::parse)?,
            purpose: fields.string("purpose", 64)?,
            valid_from: fields.parsed("valid_from")?,
            expires: fields.parsed("expires")?,
            issued: fields.parsed("issued")?,
            approvals: approvals.collect::<Result<_, _>>()?,
        })
    }

    /// What no release may say.
    ///
    /// # Errors
    /// [`ReleaseRefused::OverBroad`] or [`ReleaseRefused::Malformed`].
    pub fn check(&self) -> Result<(), ReleaseRefused> {
        let malformed = |at: &str, problem: &str| Err(Malformed::new(at, problem).into());
        if self.client.is_empty() || self.client.contains(is_deceptive) {
            return malformed("/client", "a name that is empty or holds invisible characters");
        }
        check_name(&self.purpose).map_err(|problem| Malformed::new("/purpose", problem))?;
        if self.collections.is_empty() || self.collections.len() > MOST_COLLECTIONS {
            return malformed("/collections", "1 to 64 collections are needed");
        }
        if let Set::Only(types) = &self.types {
            if types.is_empty() || types.len() > 256 {
                return malformed("/types", "1 to 256 types are needed, or \"any\"");
            }
            types.iter().try_for_each(|name| check_name(name)).map_err(|p| Malformed::new("/types", p))?;
        }
        if self.approvals.len() > 16 {
            return malformed("/approvals", "more than 16");
        }
        if self.expires <= self.valid_from {
            return malformed("/expires", "it ends before it begins");
        }
        let broad = |why| Err(ReleaseRefused::OverBroad(why));
        if self.expires > self.valid_from.plus_micros(LONGEST_DAYS * DAY) {
            return broad("a release lasts a year at most; renew it");
        }
        if self.ceiling.tlp() <= Label::Tlp(Tlp::Red) {
            return broad("red and own-only are for persons, and a client is none");
        }
        if self.personal >= PersonalData::Pseudonymise {
            return broad("a client under no agreement gets no personal data, not even as pseudonyms");
        }
        Ok(())
    }

    /// Verifies that a release is ours, that it is not over-broad, and that enough officers approved it. Whether it is
    /// valid at some instant is for [`Release::holds_at`] and the ends to say.
    ///
    /// # Errors
    /// [`ReleaseRefused`]: the first reason why it gives nobody anything.
    pub fn authentic(signed: &Signed, officers: &Officers<'_>) -> Result<Self, ReleaseRefused> {
        let release = Self::read(signed)?;
        let history = officers.history;
        if release.party != history.party() {
            return Err(ReleaseRefused::OtherParty(release.party));
        }
        let key = history.verify(context::RELEASE, signed, release.issued);
        key.map_err(|error| ReleaseRefused::Signature(error.to_string()))?;
        release.check()?;
        officers.check(&release)?;
        Ok(release)
    }

    /// Whether its dates cover an instant of our own clock.
    ///
    /// # Errors
    /// [`ReleaseRefused::NotYet`] or [`ReleaseRefused::Expired`].
    pub fn holds_at(&self, now: Timestamp) -> Result<(), ReleaseRefused> {
        if now < self.valid_from {
            return Err(ReleaseRefused::NotYet(self.valid_from));
        }
        if now >= self.expires {
            return Err(ReleaseRefused::Expired(self.expires));
        }
        Ok(())
    }

    /// Verifies a release and says whether it is valid now, by our own clock. `ends` are the ends of releases, which
    /// are verified too; `needed` is how many release officers must have approved.
    ///
    /// # Errors
    /// [`ReleaseRefused`]: the first reason why it gives nobody anything.
    pub fn verify(
        signed: &Signed,
        ends: &[Signed],
        officers: &Officers<'_>,
        now: Timestamp,
    ) -> Result<Self, ReleaseRefused> {
        let release = Self::authentic(signed, officers)?;
        let history = officers.history;
        let hash = signed.hash();
        let ended = ends.iter().filter_map(|end| ReleaseEnd::verify(end, history).ok());
        if let Some(end) = ended.filter(|end| end.release == hash).min_by_key(|end| end.issued) {
            return Err(ReleaseRefused::Ended(end.reason));
        }
        release.holds_at(now)?;
        Ok(release)
    }
}

/// Whose approvals count for releases.
#[derive(Debug, Clone, Copy)]
pub struct Officers<'a> {
    /// Our keys.
    pub history: &'a KeyHistory,
    /// Our appointments.
    pub roster: &'a Roster,
    /// Where our officers use passkeys.
    pub site: Option<&'a Site>,
    /// How many different release officers must approve; 0 is read as 1.
    pub needed: u32,
}

impl Officers<'_> {
    fn check(&self, release: &Release) -> Result<(), ReleaseRefused> {
        let text = release.approval_text();
        let approvals = &release.approvals;
        let tally =
            self.roster.tally(approvals, text.as_bytes(), Post::ReleaseOfficer, release.issued, self.site);
        let (counted, needed) = (tally.persons.len(), self.needed.max(1));
        let ours = self.roster.party() == release.party;
        if ours && u32::try_from(counted).unwrap_or(u32::MAX) >= needed {
            return Ok(());
        }
        let refusals = tally.refusals.iter().map(ToString::to_string);
        let why = crate::acts::twice(approvals.len(), &tally).into_iter().chain(refusals).collect();
        Err(ReleaseRefused::Officers { counted: if ours { counted } else { 0 }, needed, why })
    }
}

impl ReleaseEnd {
    /// The body to be signed under [`context::RELEASE`].
    #[must_use]
    pub fn to_body(&self) -> String {
        Object::of(END)
            .text("party", self.party)
            .text("release", self.release)
            .text("reason", &self.reason)
            .text("issued", self.issued)
            .finish()
    }

    /// Signs the end with our epoch key.
    ///
    /// # Errors
    /// [`ReleaseRefused::Malformed`].
    pub fn sign(&self, epoch: &SecretKey) -> Result<Signed, ReleaseRefused> {
        sign(&self.to_body(), epoch)
    }

    /// Reads an end and verifies our signature.
    ///
    /// # Errors
    /// [`ReleaseRefused`].
    pub fn verify(signed: &Signed, history: &KeyHistory) -> Result<Self, ReleaseRefused> {
        let mut tape = Tape::new();
        let value = tape.parse(signed.body.as_bytes(), &LIMITS).map_err(Malformed::from)?;
        let fields = Fields::document(value, END, &["party", "release", "reason", "issued"])?;
        let end = Self {
            party: fields.parsed("party")?,
            release: fields.parsed("release")?,
            reason: fields.string("reason", 2000)?,
            issued: fields.parsed("issued")?,
        };
        if end.party != history.party() {
            return Err(ReleaseRefused::OtherParty(end.party));
        }
        let key = history.verify(context::RELEASE, signed, end.issued);
        key.map_err(|error| ReleaseRefused::Signature(error.to_string()))?;
        Ok(end)
    }
}

fn respelled() -> Malformed {
    Malformed::new("", "a member has another spelling than its own")
}

fn sign(body: &str, epoch: &SecretKey) -> Result<Signed, ReleaseRefused> {
    let signed = Signed::sign(body, context::RELEASE, &[epoch]);
    signed.map_err(|error| Malformed::new("", error.to_string()).into())
}
