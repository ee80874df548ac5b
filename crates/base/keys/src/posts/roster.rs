//! Who holds which post, and whose approvals count.

use std::collections::{BTreeMap, BTreeSet};

use json::Value;
use model::{Digest, PartyId, Timestamp};

use super::approval::{Approval, ApprovalError, Site};
use super::{PersonKey, Post};
use crate::context;
use crate::events::{KeyError, KeyHistory};
use crate::fields::{Fields, Malformed, Object, text};
use crate::hybrid::KeyId;
use crate::signed::Signed;
use crate::window::{DAY, Outside, SKEW, Window};

/// The longest an appointment lasts, in microseconds: three years.
pub const MAX_APPOINTMENT: i64 = 1096 * DAY;

const MAX_KEYS: usize = 8;
const MAX_ENTRIES: usize = 10_000;

/// A person stands in for another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deputy {
    /// For whom: that person's id.
    pub of: String,
    /// Whether the deputy's approval counts as the approval of a person who holds the post. It is one of its own, so
    /// deputy and principal are two.
    pub counts: bool,
}

/// The appointment of a person to a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appointment {
    /// Who appoints.
    pub party: PartyId,
    /// To what.
    pub post: Post,
    /// Whom: the party's own id for the person, the same in all their appointments.
    pub person: String,
    /// What people call them.
    pub name: String,
    /// The keys they sign with.
    pub keys: Vec<PersonKey>,
    /// When the appointment holds.
    pub window: Window,
    /// When it was made, by the party's clock.
    pub issued: Timestamp,
    /// Whether the person is somebody's deputy.
    pub deputy: Option<Deputy>,
}

/// The end of an appointment before its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// Who ends it.
    pub party: PartyId,
    /// The digest of the appointment.
    pub appointment: Digest,
    /// From when on it does not hold.
    pub from: Timestamp,
    /// A line for people.
    pub reason: String,
    /// When this was made, by the party's clock.
    pub issued: Timestamp,
}

/// Why an appointment, or the end of one, was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RosterError {
    /// It is not such a document.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// Another party's.
    #[error("an appointment by party {0}, whose roster this is not")]
    OtherParty(PartyId),
    /// Not signed by the root threshold or the epoch key that held.
    #[error("neither the root keys nor the epoch key of that time appointed: {0}")]
    Key(#[from] KeyError),
    /// In this roster only the root keys appoint.
    #[error("only the root keys appoint here, and they have not signed")]
    RootsOnly,
    /// It lasts too long, or no time at all.
    #[error("from {} until {}: it must last more than nothing and at most three years", .0.from, .0.until)]
    Length(Window),
    /// It was made in the future by our clock, beyond what clocks differ by.
    #[error("made at {issued}, more than five minutes ahead of our clock: check both clocks")]
    Future {
        /// When it says it was made.
        issued: Timestamp,
    },
    /// The roster is full.
    #[error("more than {MAX_ENTRIES} appointments")]
    Full,
}

/// What became of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appointed {
    /// The roster has changed.
    Changed,
    /// It was known.
    Known,
}

/// An appointment as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What was signed.
    pub appointment: Appointment,
    /// Its end before its time, if there is one.
    pub ended: Option<(Timestamp, String)>,
}

/// One party's appointments.
#[derive(Debug, Clone)]
pub struct Roster {
    party: PartyId,
    roots_only: bool,
    entries: BTreeMap<Digest, Appointment>,
    /// Ends may come before what they end.
    ends: BTreeMap<Digest, (Timestamp, String)>,
}

/// Why an approval was not counted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the approval by key {by} does not count: {why}")]
pub struct Refusal {
    /// The key.
    pub by: KeyId,
    /// Why.
    pub why: Why,
}

/// Why an approval was not counted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// The key is not appointed to the post.
    #[error("the key is not appointed as {0}")]
    NotAppointed(Post),
    /// The appointment does not hold yet, or has run out.
    #[error("{person}'s appointment {outside}")]
    Outside {
        /// The person's id.
        person: String,
        /// On which side of it.
        outside: Outside,
    },
    /// The appointment was ended.
    #[error("{person}'s appointment ended on {from}: {reason}")]
    Ended {
        /// The person's id.
        person: String,
        /// When.
        from: Timestamp,
        /// Why.
        reason: String,
    },
    /// A deputy whose appointment does not say that they count.
    #[error("{person} is a deputy whose appointment does not say that their approval counts")]
    Deputy {
        /// The person's id.
        person: String,
    },
    /// The approval itself does not hold.
    #[error(transparent)]
    Approval(#[from] ApprovalError),
}

/// What a count came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// One id for each distinct person whose approval counts.
    pub persons: BTreeSet<String>,
    /// Approvals that do not, and why.
    pub refusals: Vec<Refusal>,
}

impl Appointment {
    /// The body to be signed under [`context::APPOINTMENT`], in canonical form.
    #[must_use]
    pub fn to_body(&self) -> String {
        let mut body = Object::of("appointment")
            .text("party", self.party)
            .text("post", self.post)
            .text("person", &self.person)
            .text("name", &self.name)
            .texts("keys", self.keys.iter().map(PersonKey::to_text))
            .text("from", self.window.from)
            .text("until", self.window.until)
            .text("issued", self.issued);
        if let Some(Deputy { of, counts }) = &self.deputy {
            body = body.text("deputy_of", of).raw("deputy_counts", counts.to_string());
        }
        body.finish()
    }

    /// Reads the body of an appointment. No signature is looked at.
    ///
    /// # Errors
    /// [`Malformed`] with a pointer into the body.
    pub fn read(signed: &Signed) -> Result<Self, Malformed> {
        signed.with_body(read_appointment)
    }
}

impl End {
    /// The body to be signed under [`context::APPOINTMENT`], in canonical form.
    #[must_use]
    pub fn to_body(&self) -> String {
        Object::of("appointment-end")
            .text("party", self.party)
            .text("appointment", self.appointment)
            .text("from", self.from)
            .text("reason", &self.reason)
            .text("issued", self.issued)
            .finish()
    }
}

fn read_appointment(body: Value<'_>) -> Result<Appointment, Malformed> {
    let known = [
        "type",
        "v",
        "party",
        "post",
        "person",
        "name",
        "keys",
        "from",
        "until",
        "issued",
        "deputy_of",
        "deputy_counts",
    ];
    let fields = Fields::of(body, "", &known)?;
    fields.kind("appointment")?;
    let mut keys: Vec<PersonKey> = Vec::new();
    for (pointer, item) in fields.list("keys", 1, MAX_KEYS)? {
        let key = PersonKey::parse(&text(item, &pointer, 4096)?)
            .map_err(|error| Malformed::new(pointer.as_str(), error.problem))?;
        if keys.contains(&key) {
            return Err(Malformed::new(pointer, "no key stands twice"));
        }
        keys.push(key);
    }
    let deputy = match (fields.optional("deputy_of"), fields.optional("deputy_counts")) {
        (None, None) => None,
        (Some(_), Some(counts)) => {
            let Some(counts) = counts.as_bool() else {
                return fields.fail("deputy_counts", "must be true or false");
            };
            Some(Deputy { of: person(&fields, "deputy_of")?, counts })
        }
        _ => return fields.fail("deputy_of", "`deputy_of` and `deputy_counts` stand together"),
    };
    Ok(Appointment {
        party: fields.parsed("party")?,
        post: fields.parsed("post")?,
        person: person(&fields, "person")?,
        name: fields.line("name", 200)?,
        keys,
        window: Window { from: fields.time("from")?, until: fields.time("until")? },
        issued: fields.time("issued")?,
        deputy,
    })
}

fn read_end(body: Value<'_>) -> Result<End, Malformed> {
    let fields = Fields::of(body, "", &["type", "v", "party", "appointment", "from", "reason", "issued"])?;
    fields.kind("appointment-end")?;
    Ok(End {
        party: fields.parsed("party")?,
        appointment: fields.parsed("appointment")?,
        from: fields.time("from")?,
        reason: fields.line("reason", 1000)?,
        issued: fields.time("issued")?,
    })
}

/// A person's id has one spelling: two that look alike would be two persons.
fn person(fields: &Fields<'_>, name: &str) -> Result<String, Malformed> {
    let id = fields.text(name, 64)?;
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_');
    if !id.is_empty() && id.bytes().all(plain) {
        Ok(id)
    } else {
        fields.fail(name, "must be 1 to 64 of `a`-`z`, `0`-`9`, `-`, `.` and `_`")
    }
}

impl Roster {
    /// An empty roster. With `roots_only`, a node's epoch key alone appoints nobody: then whoever breaks into a node
    /// cannot make officers.
    #[must_use]
    pub fn new(party: PartyId, roots_only: bool) -> Self {
        Self { party, roots_only, entries: BTreeMap::new(), ends: BTreeMap::new() }
    }

    /// Takes in an appointment or the end of one, in any order. `now` is our clock.
    ///
    /// # Errors
    /// [`RosterError`].
    pub fn apply(
        &mut self,
        signed: &Signed,
        history: &KeyHistory,
        now: Timestamp,
    ) -> Result<Appointed, RosterError> {
        if history.party() != self.party {
            return Err(RosterError::OtherParty(history.party()));
        }
        let is_end =
            signed.with_body(|body| Ok(body.get("type").is_some_and(|kind| kind.is("appointment-end"))))?;
        if is_end {
            let end = signed.with_body(read_end)?;
            self.check(end.party, end.issued, signed, history, now)?;
            if self.ends.len() >= MAX_ENTRIES && !self.ends.contains_key(&end.appointment) {
                return Err(RosterError::Full);
            }
            if self.ends.get(&end.appointment).is_some_and(|(from, _)| *from <= end.from) {
                return Ok(Appointed::Known);
            }
            self.ends.insert(end.appointment, (end.from, end.reason));
            return Ok(Appointed::Changed);
        }
        let appointment = Appointment::read(signed)?;
        let window = appointment.window;
        if window.is_empty() || window.until > window.from.plus_micros(MAX_APPOINTMENT) {
            return Err(RosterError::Length(window));
        }
        self.check(appointment.party, appointment.issued, signed, history, now)?;
        if self.entries.contains_key(&signed.hash()) {
            return Ok(Appointed::Known);
        }
        if self.entries.len() >= MAX_ENTRIES {
            return Err(RosterError::Full);
        }
        self.entries.insert(signed.hash(), appointment);
        Ok(Appointed::Changed)
    }

    fn check(
        &self,
        party: PartyId,
        issued: Timestamp,
        signed: &Signed,
        history: &KeyHistory,
        now: Timestamp,
    ) -> Result<(), RosterError> {
        if party != self.party {
            return Err(RosterError::OtherParty(party));
        }
        if issued > now.plus_micros(SKEW) {
            return Err(RosterError::Future { issued });
        }
        if self.roots_only {
            match history.verify_roots(context::APPOINTMENT, signed, issued) {
                Err(KeyError::Signature(_)) => Err(RosterError::RootsOnly),
                other => Ok(other?),
            }
        } else {
            Ok(history.verify_or_roots(context::APPOINTMENT, signed, issued)?)
        }
    }

    /// The party.
    #[must_use]
    pub fn party(&self) -> PartyId {
        self.party
    }

    /// Every appointment with its digest, those that do not hold included.
    pub fn entries(&self) -> impl Iterator<Item = (Digest, Entry)> {
        let entry = |(hash, appointment): (&Digest, &Appointment)| {
            (*hash, Entry { appointment: appointment.clone(), ended: self.ends.get(hash).cloned() })
        };
        self.entries.iter().map(entry)
    }

    /// Persons who hold a post at an instant, deputies whose approval does not count left out.
    #[must_use]
    pub fn holders(&self, post: Post, at: Timestamp) -> BTreeSet<&str> {
        let holding = self.entries.iter().filter(|(hash, appointment)| {
            appointment.post == post && self.holds(hash, appointment, at).is_ok()
        });
        holding.map(|(_, appointment)| appointment.person.as_str()).collect()
    }

    fn holds(&self, hash: &Digest, appointment: &Appointment, at: Timestamp) -> Result<(), Why> {
        let person = appointment.person.clone();
        if let Some((from, reason)) = self.ends.get(hash).filter(|(from, _)| *from <= at) {
            return Err(Why::Ended { person, from: *from, reason: reason.clone() });
        }
        if let Err(outside) = appointment.window.check(at) {
            return Err(Why::Outside { person, outside });
        }
        match &appointment.deputy {
            Some(Deputy { counts: false, .. }) => Err(Why::Deputy { person }),
            _ => Ok(()),
        }
    }

    /// Counts the distinct persons who hold a post at an instant and approve exactly these bytes.
    ///
    /// Persons are joined by what their keys have in common, in whatever appointments: two ids with one key are one
    /// person. Two approvals by one person are no mistake, and count once.
    #[must_use]
    pub fn tally(
        &self,
        approvals: &[Approval],
        bytes: &[u8],
        post: Post,
        at: Timestamp,
        site: Option<&Site>,
    ) -> Tally {
        let mut tally = Tally::default();
        let leaders = self.leaders();
        for approval in approvals {
            match self.count(approval, bytes, post, at, site) {
                Ok(person) => {
                    tally.persons.insert(leaders.get(person).copied().unwrap_or(person).to_owned());
                }
                Err(why) => tally.refusals.push(Refusal { by: approval.by, why }),
            }
        }
        tally
    }

    /// The person whose approval this is, if it counts.
    fn count(
        &self,
        approval: &Approval,
        bytes: &[u8],
        post: Post,
        at: Timestamp,
        site: Option<&Site>,
    ) -> Result<&str, Why> {
        let mut refused = Why::NotAppointed(post);
        for (hash, appointment) in self.entries.iter().filter(|(_, appointment)| appointment.post == post) {
            let Some(key) = appointment.keys.iter().find(|key| key.id() == approval.by) else { continue };
            match self.holds(hash, appointment, at) {
                Ok(()) => {
                    approval.verify(key, bytes, site)?;
                    return Ok(&appointment.person);
                }
                Err(why) => refused = why,
            }
        }
        Err(refused)
    }

    /// For each person's id, the least id of all that share a key with it, directly or through others.
    fn leaders(&self) -> BTreeMap<&str, &str> {
        let mut groups: Vec<(BTreeSet<&str>, BTreeSet<&[u8]>)> = Vec::new();
        for appointment in self.entries.values() {
            let mut ids = BTreeSet::from([appointment.person.as_str()]);
            let mut parts: BTreeSet<&[u8]> = appointment.keys.iter().flat_map(PersonKey::parts).collect();
            let (joined, apart): (Vec<_>, Vec<_>) = groups
                .into_iter()
                .partition(|(other, keys)| !other.is_disjoint(&ids) || !keys.is_disjoint(&parts));
            groups = apart;
            for (other, keys) in joined {
                ids.extend(other);
                parts.extend(keys);
            }
            groups.push((ids, parts));
        }
        let mut leaders = BTreeMap::new();
        for (ids, _) in &groups {
            if let Some(least) = ids.first() {
                leaders.extend(ids.iter().map(|id| (*id, *least)));
            }
        }
        leaders
    }
}

/// How many distinct persons hold a post at an instant and approve exactly these bytes, when every approval counts.
///
/// # Errors
/// Every approval that does not count, and why. [`Roster::tally`] counts in spite of those.
pub fn distinct_persons(
    approvals: &[Approval],
    bytes: &[u8],
    roster: &Roster,
    post: Post,
    at: Timestamp,
    site: Option<&Site>,
) -> Result<usize, Vec<Refusal>> {
    let Tally { persons, refusals } = roster.tally(approvals, bytes, post, at, site);
    if refusals.is_empty() { Ok(persons.len()) } else { Err(refusals) }
}
