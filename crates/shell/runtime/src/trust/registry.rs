//! What is known of other parties and of what was agreed: the fold over the signed documents that are kept.
//!
//! It is rebuilt when a document was added, a peer changed, or time passed one of its own edges. Everything in it is
//! derived; losing it loses nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use agreement::acts::{Act, Known, State, Status, What, fold};
use agreement::{Form, Terms};
use exchange::wire::Push;
use exchange::{Signers, Standing};
use keys::events::{Change, Event, KeyHistory};
use keys::posts::{Roster, Site};
use keys::{KeyId, PublicKey, Signed};
use model::{AgreementId, Digest, PartyId, StixId, Tenant, Timestamp};
use policy::Policy;
use ports::trust::{Document, DocumentKind, PeerRecord, PeerState};
use ports::{Read, StoreError};

use super::circumstances::Decisions;
use super::consumers::{self, Consumer};

/// Parties, their keys and posts, and agreements as they stand.
pub struct Registry {
    /// Key histories by party, ours included.
    pub histories: BTreeMap<PartyId, KeyHistory>,
    /// Who holds which posts, by party, ours included.
    pub rosters: BTreeMap<PartyId, Roster>,
    /// Where parties' officers use passkeys.
    pub sites: BTreeMap<PartyId, Site>,
    /// Peers by party.
    pub peers: BTreeMap<PartyId, PeerRecord>,
    /// Agreements by id.
    pub agreements: BTreeMap<AgreementId, Agreed>,
    /// Who speaks for which identity: whoever claimed it first here, as long as it does.
    speakers: BTreeMap<StixId, PartyId>,
    /// Requests for agreements, by the request's hash.
    pub requests: BTreeMap<Digest, Requested>,
    /// Releases to clients without a node, by hash; see [`Registry::releases`].
    pub(super) consumers: BTreeMap<Digest, Consumer>,
    /// What persons decided under them.
    pub decisions: Decisions,
    /// How many documents are in here; `None` for one that was never built.
    built: Option<u64>,
    /// When it was built; agreements are judged anew once a minute.
    at: Timestamp,
}

/// Somebody asked somebody for an agreement.
pub struct Requested {
    /// Who asked.
    pub from: PartyId,
    /// Whom.
    pub to: PartyId,
    /// When, by that party's clock.
    pub at: Timestamp,
    /// What for.
    pub reason: String,
    /// A text to begin from, if there was one.
    pub document: Option<String>,
    /// Agreements that were offered in answer.
    pub answered: Vec<AgreementId>,
}

/// An agreement as its acts make it.
pub struct Agreed {
    /// What the acts come to.
    pub state: State,
    /// The acts, in order of arrival.
    pub acts: Vec<Signed>,
    /// Every complete version, compiled.
    pub versions: BTreeMap<Digest, InForce>,
}

/// A version of an agreement that all who must have signed.
#[derive(Clone)]
pub struct InForce {
    /// Its terms.
    pub terms: Arc<Terms>,
    /// Compiled.
    pub policy: Arc<Policy>,
    /// Hash of the version.
    pub version: Digest,
    /// Membership version; 0 for two parties.
    pub membership: u32,
}

impl Default for Registry {
    fn default() -> Self {
        Self {
            histories: BTreeMap::new(),
            rosters: BTreeMap::new(),
            sites: BTreeMap::new(),
            peers: BTreeMap::new(),
            agreements: BTreeMap::new(),
            speakers: BTreeMap::new(),
            requests: BTreeMap::new(),
            consumers: BTreeMap::new(),
            decisions: Decisions::default(),
            built: None,
            at: Timestamp::EPOCH,
        }
    }
}

/// How long a fold stays good as far as the clock is concerned, in microseconds: edges of terms are in hours and days,
/// and the policy looks at the instant itself.
const GOOD_FOR: i64 = 20_000_000;

/// Documents read in one go.
const PAGE: usize = 10_000;

impl Registry {
    /// A newer fold, if this one is out of date.
    pub(crate) fn brought_up(
        &self,
        read: &dyn Read,
        tenant: Tenant,
        now: Timestamp,
        sites: BTreeMap<PartyId, Site>,
    ) -> Result<Option<Self>, StoreError> {
        let fresh = self.built.is_some() && now < self.at.plus_micros(GOOD_FOR) && now >= self.at;
        if fresh {
            return Ok(None);
        }
        let mut documents: BTreeMap<DocumentKind, Vec<Document>> = BTreeMap::new();
        let mut count = 0;
        for kind in [
            DocumentKind::KeyEvent,
            DocumentKind::Appointment,
            DocumentKind::AgreementAct,
            DocumentKind::ConsumerRelease,
            DocumentKind::PersonalDecision,
        ] {
            let mut after = 0;
            loop {
                let page = read.documents(tenant, kind, None, after, PAGE)?;
                let full = page.len() == PAGE;
                after = page.last().map_or(after, |document| document.number);
                count += page.len() as u64;
                documents.entry(kind).or_default().extend(page);
                if !full {
                    break;
                }
            }
        }
        let of = |kind| documents.get(&kind).map(Vec::as_slice).unwrap_or_default();
        let histories = histories(of(DocumentKind::KeyEvent), now);
        let rosters = rosters(of(DocumentKind::Appointment), &histories, now);
        let peers = read.peers(tenant)?.into_iter().map(|peer| (peer.party, peer)).collect();
        let speakers = speakers(of(DocumentKind::KeyEvent), &histories);
        let mut registry = Self {
            speakers,
            histories,
            rosters,
            sites,
            peers,
            agreements: BTreeMap::new(),
            requests: BTreeMap::new(),
            consumers: BTreeMap::new(),
            decisions: Decisions::read(of(DocumentKind::PersonalDecision)),
            built: Some(count),
            at: now,
        };
        registry.fold(of(DocumentKind::AgreementAct), &self.agreements, now);
        registry.consumers = consumers::fold(of(DocumentKind::ConsumerRelease), &registry);
        Ok(Some(registry))
    }

    /// How many documents are in here: it moves whenever one was added.
    pub(crate) fn documents(&self) -> u64 {
        self.built.unwrap_or_default()
    }

    fn fold(&mut self, acts: &[Document], before: &BTreeMap<AgreementId, Agreed>, now: Timestamp) {
        let mut answers: Vec<(Digest, AgreementId)> = Vec::new();
        let mut by_subject: BTreeMap<Digest, Vec<Signed>> = BTreeMap::new();
        for document in acts {
            if let Ok(signed) = Signed::parse(document.text.as_bytes()) {
                by_subject.entry(document.subject).or_default().push(signed);
            }
        }
        let known = Known { histories: &self.histories, rosters: &self.rosters, sites: &self.sites };
        for (subject, signed) in by_subject {
            let state = fold(AgreementId(subject), &signed, &known, now);
            if state.versions.is_empty() {
                if let Some(request) = signed.iter().find_map(|signed| request(signed, subject)) {
                    self.requests.insert(subject, request);
                }
                continue;
            }
            let id = AgreementId(subject);
            answers.extend(signed.iter().filter_map(answered).map(|request| (request, id)));
            let old = before.get(&id);
            let newest = state.membership();
            let mut versions = BTreeMap::new();
            for (hash, version) in state.versions.iter().filter(|(_, version)| version.complete) {
                let terms = &version.proposal.terms;
                let circle = !matches!(terms.form, Form::Bilateral);
                let membership = newest.filter(|_| circle).map_or(0, |membership| membership.number);
                let compiled = match old.and_then(|old| old.versions.get(hash)) {
                    Some(force) if force.membership == membership => force.clone(),
                    _ => {
                        let mut terms = terms.clone();
                        // Whoever was admitted takes part as if the text had named it: its members have signed that.
                        if let Some(newest) =
                            newest.filter(|_| membership > 1 && state.current == Some(*hash))
                        {
                            let members = newest.members.iter();
                            terms.parties = members.map(|(id, member)| (*id, member.party.clone())).collect();
                        }
                        let Ok(policy) = Policy::compile(&terms, id) else { continue };
                        InForce {
                            terms: Arc::new(terms),
                            policy: Arc::new(policy),
                            version: *hash,
                            membership,
                        }
                    }
                };
                versions.insert(*hash, compiled);
            }
            self.agreements.insert(id, Agreed { state, acts: signed, versions });
        }
        for (request, agreement) in answers {
            if let Some(request) = self.requests.get_mut(&request) {
                request.answered.push(agreement);
            }
        }
    }

    /// Agreements that something may flow under now, with the version that governs.
    pub fn in_force(&self) -> impl Iterator<Item = (AgreementId, &InForce)> {
        self.agreements.iter().filter_map(|(id, agreed)| {
            (agreed.state.status == Status::InForce).then(|| Some((*id, agreed.force()?))).flatten()
        })
    }

    /// The version that governs, or governed last.
    #[must_use]
    pub fn last_force(&self, agreement: AgreementId) -> Option<InForce> {
        self.agreements.get(&agreement)?.force().cloned()
    }

    /// Parties that may be given something under an agreement: members that are not blocked, with whom we are paired.
    #[must_use]
    pub fn recipients(&self, agreement: AgreementId, own: PartyId) -> Vec<PartyId> {
        let Some(agreed) = self.agreements.get(&agreement) else { return Vec::new() };
        let open = |party: &PartyId| {
            agreed.state.active.contains(party) && !agreed.state.blocked.contains_key(party)
        };
        if !open(&own) {
            return Vec::new();
        }
        let active = agreed.state.active.iter().copied();
        // A member takes nothing under a membership that it has not signed.
        let common = |party: &PartyId| agreed.state.membership_between(&own, party).is_some();
        active
            .filter(|party| *party != own && open(party) && common(party) && self.paired(*party).is_some())
            .collect()
    }

    /// The membership that entries to a party name: the newest that both have signed; 0 for two parties.
    #[must_use]
    pub fn membership(&self, force: &InForce, agreement: AgreementId, own: PartyId, to: PartyId) -> u32 {
        let agreed = self.agreements.get(&agreement).filter(|_| force.membership > 0);
        agreed
            .and_then(|agreed| agreed.state.membership_between(&own, &to))
            .unwrap_or(force.membership.min(1))
    }

    /// Whoever took part once and is still told what is taken back, though nothing else may flow.
    #[must_use]
    pub fn former(&self, own: PartyId) -> Vec<(AgreementId, &InForce, PartyId)> {
        let mut former = Vec::new();
        for (id, agreed) in &self.agreements {
            let Some(force) = agreed.force() else { continue };
            let recipients = self.recipients(*id, own);
            let flows = agreed.state.status == Status::InForce;
            for party in agreed.state.ever.iter().copied().filter(|party| *party != own) {
                if self.linked(party).is_some() && !(flows && recipients.contains(&party)) {
                    former.push((*id, force, party));
                }
            }
        }
        former
    }

    /// Whether content under an agreement may go to a party now.
    #[must_use]
    pub fn may_receive(&self, agreement: AgreementId, to: PartyId, own: PartyId) -> bool {
        let flows =
            self.agreements.get(&agreement).is_some_and(|agreed| agreed.state.status == Status::InForce);
        flows && self.recipients(agreement, own).contains(&to)
    }

    /// Whether content under an agreement may go to a party some day, though perhaps not now: it is not over, neither side
    /// has left it, and the pairing stands.
    #[must_use]
    pub fn may_resume(&self, agreement: AgreementId, to: PartyId, own: PartyId) -> bool {
        let stands = |agreed: &Agreed| {
            agreed.state.status != Status::Ended
                && [to, own].iter().all(|party| agreed.state.active.contains(party))
        };
        self.agreements.get(&agreement).is_some_and(stands) && self.paired(to).is_some()
    }

    /// Whether both parties ever took part in an agreement.
    #[must_use]
    pub fn shares(&self, agreement: AgreementId, from: PartyId, own: PartyId) -> bool {
        let agreed = self.agreements.get(&agreement);
        agreed.is_some_and(|agreed| agreed.state.ever.contains(&from) && agreed.state.ever.contains(&own))
    }

    /// Whether an agreement's acts concern a party: it is named in one of its texts, or took part.
    #[must_use]
    pub fn concerns(&self, agreement: AgreementId, party: PartyId) -> bool {
        if let Some(request) = self.requests.get(&agreement.0) {
            return [request.from, request.to].contains(&party);
        }
        self.agreements.get(&agreement).is_some_and(|agreed| {
            let named =
                |version: &agreement::acts::VersionState| version.proposal.terms.parties.contains_key(&party);
            agreed.state.versions.values().any(named)
                || agreed.state.ever.contains(&party)
                || agreed.state.joining.contains_key(&party)
        })
    }

    /// A peer that people confirmed.
    #[must_use]
    pub fn paired(&self, party: PartyId) -> Option<&PeerRecord> {
        self.peers.get(&party).filter(|peer| peer.state == PeerState::Paired)
    }

    /// A peer with whom something is still to be done: paired, or parting from us.
    #[must_use]
    pub fn linked(&self, party: PartyId) -> Option<&PeerRecord> {
        let linked = |peer: &&PeerRecord| matches!(peer.state, PeerState::Paired | PeerState::Ending);
        self.peers.get(&party).filter(linked)
    }

    /// The versions whose entries we take in, for [`exchange::accept`].
    pub(crate) fn signed_terms(
        &self,
        agreement: AgreementId,
        from: PartyId,
        own: PartyId,
    ) -> Vec<exchange::Terms> {
        let Some(agreed) = self.agreements.get(&agreement) else { return Vec::new() };
        let flows = agreed.state.status == Status::InForce
            && self.paired(from).is_some()
            && [from, own].iter().all(|party| {
                agreed.state.active.contains(party) && !agreed.state.blocked.contains_key(party)
            });
        let mut terms = Vec::new();
        for force in agreed.versions.values() {
            let circle = !matches!(force.terms.form, Form::Bilateral);
            // What we have not signed binds nobody towards us.
            let signed = |number: &u32| agreed.state.has_signed_membership(&own, *number);
            let numbers: Vec<u32> = if circle {
                agreed.state.memberships.keys().copied().filter(signed).collect()
            } else {
                vec![0]
            };
            for membership in numbers {
                terms.push(exchange::Terms {
                    hash: force.version,
                    membership,
                    from: force.terms.start,
                    until: if flows { Some(force.terms.expiry) } else { Some(Timestamp::EPOCH) },
                });
            }
        }
        terms
    }

    /// The compiled version that a push goes under.
    pub(crate) fn version(&self, agreement: AgreementId, push: &Push) -> Option<InForce> {
        let agreed = self.agreements.get(&agreement)?;
        let entry = push.entries.last()?;
        let named = exchange::Envelope::parse(&entry.envelope).ok()?.terms;
        agreed.versions.get(&named).or_else(|| agreed.force()).cloned()
    }

    /// The party that signs for a creator, if one is known.
    #[must_use]
    pub fn speaker(&self, creator: &StixId) -> Option<PartyId> {
        self.speakers.get(creator).copied()
    }

    /// Who holds which posts of a party.
    #[must_use]
    pub fn roster(&self, party: PartyId) -> Roster {
        self.rosters.get(&party).cloned().unwrap_or_else(|| Roster::new(party, ROOTS_ONLY))
    }
}

/// Officers are made by root keys alone: whoever breaks into a node cannot make any.
const ROOTS_ONLY: bool = true;

impl Agreed {
    /// The version that governs, or governed last.
    #[must_use]
    pub fn force(&self) -> Option<&InForce> {
        self.versions.get(&self.state.current?)
    }
}

impl Signers for Registry {
    fn key(&self, party: PartyId, by: KeyId, at: Timestamp, now: Timestamp) -> Option<(PublicKey, Standing)> {
        let history = self.histories.get(&party)?;
        if history.revoked(by).is_some() {
            return None;
        }
        // What is dated ahead of our clock was signed now at the latest, by a key whose epoch may have begun just so.
        let key = if at > now {
            history.epoch_now(by, now).ok()?.key.clone()
        } else {
            history.key_for(by, at).ok()?.clone()
        };
        let current = history.current(now).is_ok_and(|epoch| epoch.key.id() == by);
        Some((key, if current { Standing::Current } else { Standing::Earlier }))
    }
}

/// Who speaks for which identity. Two may claim the same: the one whose claim was kept first is believed, so that nobody
/// takes an identity from whoever has it.
fn speakers(events: &[Document], histories: &BTreeMap<PartyId, KeyHistory>) -> BTreeMap<StixId, PartyId> {
    let mut speakers = BTreeMap::new();
    for document in events {
        let party = PartyId(document.subject);
        let Some(history) = histories.get(&party) else { continue };
        let event = Signed::parse(document.text.as_bytes()).ok().and_then(|signed| Event::read(&signed).ok());
        let claimed = match event.map(|event| event.change) {
            Some(Change::Inception { identities, .. } | Change::Identities { identities }) => identities,
            _ => continue,
        };
        for identity in claimed.into_iter().filter(|identity| history.identities().contains(identity)) {
            speakers.entry(identity).or_insert(party);
        }
    }
    speakers
}

/// The request in an act, if it is one.
fn request(signed: &Signed, subject: Digest) -> Option<Requested> {
    let act = Act::read(signed).ok().filter(|_| signed.hash() == subject)?;
    let What::Request { to, document } = act.what else { return None };
    let Act { party: from, at, reason, .. } = act;
    Some(Requested { from, to, at, reason, document, answered: Vec::new() })
}

/// The request that an act answers, if it does.
fn answered(signed: &Signed) -> Option<Digest> {
    // Few acts do, and reading one takes longer than looking.
    if !signed.body.contains(r#""answers":"#) {
        return None;
    }
    match Act::read(signed).ok()?.what {
        What::Offer { answers, .. } => answers,
        _ => None,
    }
}

/// Key histories by party. Events that do not fit are left out: they were refused when they came.
pub(crate) fn histories(events: &[Document], now: Timestamp) -> BTreeMap<PartyId, KeyHistory> {
    let mut by_party: BTreeMap<PartyId, Vec<Signed>> = BTreeMap::new();
    for document in events {
        if let Ok(signed) = Signed::parse(document.text.as_bytes()) {
            by_party.entry(PartyId(document.subject)).or_default().push(signed);
        }
    }
    let mut histories = BTreeMap::new();
    for (party, mut events) in by_party {
        events.sort_by_key(|signed| Event::read(signed).map_or(u64::MAX, |event| event.n));
        let mut events = events.iter();
        let Some(mut history) = events.next().and_then(|first| KeyHistory::begin(first, now).ok()) else {
            continue;
        };
        for event in events {
            if let Err(problem) = history.apply(event, now) {
                tracing::warn!(party = %party.0.short(), %problem, "a kept key event does not fit");
            }
        }
        histories.insert(party, history);
    }
    histories
}

fn rosters(
    documents: &[Document],
    histories: &BTreeMap<PartyId, KeyHistory>,
    now: Timestamp,
) -> BTreeMap<PartyId, Roster> {
    let mut rosters: BTreeMap<PartyId, Roster> = BTreeMap::new();
    for document in documents {
        let party = PartyId(document.subject);
        let (Some(history), Ok(signed)) = (histories.get(&party), Signed::parse(document.text.as_bytes()))
        else {
            continue;
        };
        let roster = rosters.entry(party).or_insert_with(|| Roster::new(party, ROOTS_ONLY));
        if let Err(problem) = roster.apply(&signed, history, now) {
            tracing::warn!(party = %party.0.short(), %problem, "a kept appointment does not fit");
        }
    }
    rosters
}
