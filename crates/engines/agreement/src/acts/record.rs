//! Acts that were read and verified: everything that needs keys, and nothing that needs the time.

use std::collections::{BTreeMap, BTreeSet};

use keys::events::KeyHistory;
use keys::posts::{Post, Roster, Site, Tally};
use keys::{Signed, context};
use model::{AgreementId, Digest, PartyId};

use super::act::{Act, What};
use super::judge;
use super::membership::Membership;
use super::officers;
use super::state::{Clock, Refused, State};
use crate::proposal::Proposal;
use crate::terms::{Form, Terms};

/// The most acts of one party on one agreement that count.
pub const MOST_ACTS: usize = 1024;

/// What is known of the parties: nothing an act says of keys or officers is believed without it.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Key histories, by party.
    pub histories: &'a BTreeMap<PartyId, KeyHistory>,
    /// Officers' appointments, by party.
    pub rosters: &'a BTreeMap<PartyId, Roster>,
    /// Where each party's officers use passkeys; without an entry their passkeys do not count.
    pub sites: &'a BTreeMap<PartyId, Site>,
}

/// What a set of acts amounts to.
///
/// The same set gives the same state on every node that knows the same keys, in whatever order it is given and however
/// often each act is in it.
#[must_use]
pub fn fold<'s>(
    agreement: AgreementId,
    acts: impl IntoIterator<Item = &'s Signed>,
    known: &Known<'_>,
    clock: impl Into<Clock>,
) -> State {
    Record::of(agreement, acts, known).at(clock)
}

/// A set of acts whose signatures and approvals were verified, to be asked for the state at any time.
#[derive(Debug, Clone)]
pub struct Record {
    pub(super) agreement: AgreementId,
    pub(super) acts: BTreeMap<Digest, Act>,
    /// What is wrong with each copy of an act of which no good one has come.
    failed: BTreeMap<Digest, BTreeSet<Refused>>,
    pub(super) refused: BTreeMap<Digest, Refused>,
    /// Each text as it was read, by the act that brought it.
    read: BTreeMap<Digest, Result<Terms, String>>,
    pub(super) texts: BTreeMap<Digest, Text>,
    /// Offers and revisions that follow a text that is not here, with its hash.
    pub(super) orphans: BTreeMap<Digest, Digest>,
    /// Memberships that somebody signed, by hash.
    pub(super) memberships: BTreeMap<Digest, Membership>,
    /// What was counted for an act and a post.
    pub(super) tallies: BTreeMap<(Digest, Post), Tally>,
    /// For each act that needs officers and whose text is here: who signed, or why it does not count.
    pub(super) approved: BTreeMap<Digest, Result<BTreeSet<String>, Refused>>,
    /// Parties whose key history contradicts itself.
    pub(super) forked: BTreeSet<PartyId>,
    /// Countries by the parties' own key histories.
    pub(super) countries: BTreeMap<PartyId, String>,
}

/// A text that was put forward.
#[derive(Debug, Clone)]
pub(super) struct Text {
    pub(super) proposal: Proposal,
    /// By which acts.
    pub(super) offers: BTreeSet<Digest>,
}

impl Record {
    /// Reads and verifies acts. A request goes by its own hash as the agreement.
    #[must_use]
    pub fn of<'s>(
        agreement: AgreementId,
        acts: impl IntoIterator<Item = &'s Signed>,
        known: &Known<'_>,
    ) -> Self {
        let mut record = Self {
            agreement,
            acts: BTreeMap::new(),
            failed: BTreeMap::new(),
            refused: BTreeMap::new(),
            read: BTreeMap::new(),
            texts: BTreeMap::new(),
            orphans: BTreeMap::new(),
            memberships: BTreeMap::new(),
            tallies: BTreeMap::new(),
            approved: BTreeMap::new(),
            forked: BTreeSet::new(),
            countries: BTreeMap::new(),
        };
        record.add(acts, known);
        record
    }

    /// Takes in more acts without verifying those that are here again. When keys or appointments have changed, begin
    /// anew with [`Record::of`].
    pub fn add<'s>(&mut self, acts: impl IntoIterator<Item = &'s Signed>, known: &Known<'_>) {
        for (party, history) in known.histories {
            self.countries.insert(*party, history.country().to_owned());
            if history.fork().is_some() {
                self.forked.insert(*party);
            }
        }
        for signed in acts {
            let hash = signed.hash();
            if self.acts.contains_key(&hash) {
                continue;
            }
            match authentic(self.agreement, signed, hash, known) {
                Ok(act) => {
                    self.failed.remove(&hash);
                    self.acts.insert(hash, act);
                }
                Err(refused) => {
                    self.failed.entry(hash).or_default().insert(refused);
                }
            }
        }
        // Of several bad copies the same reason is told, whichever came first.
        let reasons =
            self.failed.iter().filter_map(|(hash, reasons)| Some((*hash, reasons.first()?.clone())));
        self.refused = reasons.collect();
        self.read_texts();
        self.forget_answered_requests();
        officers::count(self, known);
    }

    /// What the acts amount to at an instant.
    #[must_use]
    pub fn at(&self, clock: impl Into<Clock>) -> State {
        judge::state(self, clock.into())
    }

    /// Whether a text is among them.
    #[must_use]
    pub fn has_text(&self) -> bool {
        !self.texts.is_empty()
    }

    /// Every act that is authentic, by hash.
    pub fn acts(&self) -> impl Iterator<Item = (&Digest, &Act)> {
        self.acts.iter()
    }

    /// Reads each text once, and places those that others follow first.
    fn read_texts(&mut self) {
        self.texts.clear();
        self.orphans.clear();
        let mut order: BTreeMap<(u32, Digest), Vec<Digest>> = BTreeMap::new();
        let mut proposals: BTreeMap<Digest, Proposal> = BTreeMap::new();
        for (hash, act) in self.acts.iter().filter(|(_, act)| act.agreement == Some(self.agreement)) {
            let (What::Offer { document, policy, .. } | What::Revise { document, policy }) = &act.what else {
                continue;
            };
            match self.read.entry(*hash).or_insert_with(|| read(document)) {
                Ok(terms) => {
                    let proposal = Proposal { terms: terms.clone(), policy: *policy };
                    let version = proposal.hash();
                    order.entry((terms.version, version)).or_default().push(*hash);
                    proposals.insert(version, proposal);
                }
                Err(problem) => {
                    self.refused.insert(*hash, Refused::Text(problem.clone()));
                }
            }
        }
        let mut brought = self.memberships_brought();
        self.memberships.clear();
        for ((_, version), offers) in order {
            let Some(proposal) = proposals.remove(&version) else { continue };
            for hash in offers {
                let Some(act) = self.acts.get(&hash) else { continue };
                let is_first = matches!(act.what, What::Offer { .. });
                match self.check_text(act.party, is_first, version, &proposal.terms) {
                    Ok(()) => {
                        let text = self.texts.entry(version);
                        let text = text
                            .or_insert_with(|| Text { proposal: proposal.clone(), offers: BTreeSet::new() });
                        text.offers.insert(hash);
                    }
                    Err(Placed::Orphan(previous)) => {
                        self.orphans.insert(hash, previous);
                    }
                    Err(Placed::Refused(refused)) => {
                        self.refused.insert(hash, refused);
                    }
                }
            }
            self.place_memberships(version, brought.remove(&version).unwrap_or_default());
        }
    }

    /// Memberships that acts bring, by the version they are of and in order: each with who brought it.
    fn memberships_brought(&self) -> BTreeMap<Digest, Brought> {
        let mut brought: BTreeMap<Digest, Brought> = BTreeMap::new();
        for act in self.acts.values() {
            if let What::Admit { membership, document: Some(document), .. } = &act.what
                && document.agreement == self.agreement
            {
                let of_version = brought.entry(document.version).or_default();
                let one = of_version.entry((document.number, *membership));
                one.or_insert_with(|| (document.as_ref().clone(), BTreeSet::new())).1.insert(act.party);
            }
        }
        brought
    }

    /// Takes in the memberships of a version that somebody brought who takes part in the one before: nobody from outside
    /// makes itself a member by saying so.
    fn place_memberships(&mut self, version: Digest, brought: Brought) {
        let named = self.texts.get(&version).map(|text| text.proposal.terms.party_ids()).unwrap_or_default();
        for ((_, hash), (membership, by)) in brought {
            let before = self.memberships.get(&membership.previous);
            let part = |party: &PartyId| {
                named.contains(party) || before.is_some_and(|before| before.members.contains_key(party))
            };
            if by.iter().any(part) {
                self.memberships.insert(hash, membership);
            }
        }
    }

    /// Whether a party has a say in what follows a version: its text names it, or one of its memberships.
    fn takes_part(&self, party: &PartyId, version: Digest, terms: &Terms) -> bool {
        let member =
            |membership: &Membership| membership.version == version && membership.members.contains_key(party);
        terms.parties.contains_key(party) || self.memberships.values().any(member)
    }

    /// Whether a text may stand where it says it does.
    fn check_text(&self, by: PartyId, first: bool, version: Digest, terms: &Terms) -> Result<(), Placed> {
        let wrong = |problem: String| Err(Placed::Refused(Refused::WrongVersion(problem)));
        if !terms.parties.contains_key(&by) {
            return Err(Placed::Refused(Refused::NotAParty(by)));
        }
        if first {
            if terms.agreement.is_some() {
                return wrong(
                    "an offer is of a first version; put this one forward as a revision".to_owned(),
                );
            }
            if version != self.agreement.0 {
                return wrong(format!("text and policy give {version}, and the act says {}", self.agreement));
            }
            return Ok(());
        }
        if terms.agreement != Some(self.agreement) {
            return wrong("the text belongs to another agreement, or is a first version".to_owned());
        }
        let previous = terms.previous.unwrap_or_default();
        let Some(before) = self.texts.get(&previous) else { return Err(Placed::Orphan(previous)) };
        let before = &before.proposal.terms;
        // Whoever learns of an agreement does not write itself into it.
        if !self.takes_part(&by, previous, before) {
            return Err(Placed::Refused(Refused::NotAParty(by)));
        }
        if terms.version != before.version.saturating_add(1) {
            return wrong(format!("version {} cannot follow version {}", terms.version, before.version));
        }
        if terms.exercise != before.exercise {
            return wrong("what is for an exercise stays so, and what is real stays real".to_owned());
        }
        match (&terms.form, &before.form) {
            (Form::Bilateral, Form::Bilateral) if terms.party_ids() == before.party_ids() => Ok(()),
            (Form::Circle(_), Form::Circle(_)) => Ok(()),
            _ => wrong("two parties stay the two they are, and a circle stays a circle".to_owned()),
        }
    }

    /// A request that an offer answers came before the agreement had its id: it belongs here, and says nothing more.
    fn forget_answered_requests(&mut self) {
        let answers = |act: &Act| match act.what {
            What::Offer { answers, .. } => answers,
            _ => None,
        };
        let answered: BTreeSet<Digest> = self.acts.values().filter_map(answers).collect();
        self.refused
            .retain(|hash, reason| !(answered.contains(hash) && *reason == Refused::OtherAgreement(*hash)));
    }
}

/// Memberships of one version by number and hash, each with who brought it.
type Brought = BTreeMap<(u32, Digest), (Membership, BTreeSet<PartyId>)>;

/// Why a text is not among the versions.
enum Placed {
    /// The one it follows is not here.
    Orphan(Digest),
    Refused(Refused),
}

/// Reads a text; of what is wrong with it, the first error.
fn read(document: &str) -> Result<Terms, String> {
    Terms::parse_toml(document).map_err(|problems| {
        let first = problems.iter().find(|problem| problem.severity == model::Severity::Error);
        first.map(ToString::to_string).unwrap_or_default()
    })
}

/// Reads an act and verifies its party's signature.
fn authentic(
    agreement: AgreementId,
    signed: &Signed,
    hash: Digest,
    known: &Known<'_>,
) -> Result<Act, Refused> {
    let act = Act::read(signed).map_err(|error| Refused::Malformed(error.to_string()))?;
    let subject = act.subject(hash);
    let answers = matches!(act.what, What::Offer { answers: Some(request), .. } if request == agreement.0);
    if subject != agreement.0 && !answers {
        return Err(Refused::OtherAgreement(subject));
    }
    let history = known.histories.get(&act.party).ok_or(Refused::UnknownSigner(act.party))?;
    if history.party() != act.party {
        return Err(Refused::OtherHistory(act.party, history.party()));
    }
    let verified = history.verify(context::AGREEMENT, signed, act.at);
    verified.map_err(|error| Refused::Signature(error.to_string()))?;
    Ok(act)
}
