//! What is known of other parties and of what was agreed: the fold over the signed documents that are kept.
//!
//! It is brought up when a document was added, a peer changed, or time passed one of its own edges ([`super::fold`]).
//! Everything in it is derived; losing it loses nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use agreement::Form;
use agreement::Terms;
use agreement::acts::{State, Status};
use exchange::{Signers, Standing};
use keys::events::KeyHistory;
use keys::posts::{Roster, Site};
use keys::{KeyId, PublicKey, Signed};
use model::{AgreementId, Digest, PartyId, StixId, Timestamp};
use policy::Policy;
use ports::trust::{PeerRecord, PeerState};

use super::circumstances::Decisions;
use super::consumers::Consumer;
use super::fold::{Matter, Reached};

/// Parties, their keys and posts, and agreements as they stand.
#[derive(Clone)]
pub struct Registry {
    /// Key histories by party, ours included.
    pub histories: Arc<BTreeMap<PartyId, KeyHistory>>,
    /// Who holds which posts, by party, ours included.
    pub rosters: Arc<BTreeMap<PartyId, Roster>>,
    /// Where parties' officers use passkeys.
    pub sites: BTreeMap<PartyId, Site>,
    /// Peers by party. When they were last spoken with is in the store alone.
    pub peers: BTreeMap<PartyId, PeerRecord>,
    /// Agreements by id.
    pub agreements: BTreeMap<AgreementId, Arc<Agreed>>,
    /// Who speaks for which identity: whoever claimed it first here, as long as it does.
    pub(super) speakers: Arc<BTreeMap<StixId, PartyId>>,
    /// Requests for agreements, by the request's hash.
    pub requests: BTreeMap<Digest, Requested>,
    /// Releases to clients without a node, by hash; see [`Registry::releases`].
    pub(super) consumers: Arc<BTreeMap<Digest, Consumer>>,
    /// What persons decided under them.
    pub decisions: Arc<Decisions>,
    /// Acts under each id, agreement or request.
    pub(super) matters: BTreeMap<Digest, Arc<Matter>>,
    /// Whose key events do not all fit: by another clock they may.
    pub(super) unfit: BTreeSet<PartyId>,
    pub(super) reached: Reached,
    /// How many documents are in here; `None` for one that was never built.
    pub(super) built: Option<u64>,
    /// When everything in it was judged by the clock.
    pub(super) at: Timestamp,
    /// The latest instant that was seen by then: ends are judged by it when the clock was put back.
    pub(super) latest: Timestamp,
}

/// Somebody asked somebody for an agreement.
#[derive(Debug, Clone)]
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
    pub acts: Arc<Vec<Signed>>,
    /// Every complete version, compiled.
    pub versions: BTreeMap<Digest, InForce>,
    /// When the last act that each complete version needed came in here.
    pub(super) completed: BTreeMap<Digest, Timestamp>,
    /// Up to which document those who are out are told of acts.
    pub(super) told_until: BTreeMap<PartyId, u64>,
    /// The acts, verified.
    pub(super) matter: Arc<Matter>,
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
            histories: Arc::default(),
            rosters: Arc::default(),
            sites: BTreeMap::new(),
            peers: BTreeMap::new(),
            agreements: BTreeMap::new(),
            speakers: Arc::default(),
            requests: BTreeMap::new(),
            consumers: Arc::default(),
            decisions: Arc::default(),
            matters: BTreeMap::new(),
            unfit: BTreeSet::new(),
            reached: Reached::default(),
            built: None,
            at: Timestamp::EPOCH,
            latest: Timestamp::EPOCH,
        }
    }
}

impl Registry {
    /// How many documents are in here: it moves whenever one was added.
    pub(crate) fn documents(&self) -> u64 {
        self.built.unwrap_or_default()
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
        self.agreements.get(&agreement).is_some_and(|agreed| stands(agreed)) && self.paired(to).is_some()
    }

    /// Whether both parties ever took part in an agreement.
    #[must_use]
    pub fn shares(&self, agreement: AgreementId, from: PartyId, own: PartyId) -> bool {
        let agreed = self.agreements.get(&agreement);
        agreed.is_some_and(|agreed| agreed.state.ever.contains(&from) && agreed.state.ever.contains(&own))
    }

    /// Whether an agreement's acts concern a party: it took part, or is named in the text that governs or in one that may
    /// follow. Whoever only asks to join is told by those who introduced it.
    #[must_use]
    pub fn concerns(&self, agreement: AgreementId, party: PartyId) -> bool {
        if let Some(request) = self.requests.get(&agreement.0) {
            return [request.from, request.to].contains(&party);
        }
        self.agreements.get(&agreement).is_some_and(|agreed| {
            let state = &agreed.state;
            let current = state.version().filter(|version| version.complete);
            let current = current.map(|version| version.proposal.terms.version);
            let named = |version: &agreement::acts::VersionState| {
                let terms = &version.proposal.terms;
                Some(terms.version) >= current && terms.parties.contains_key(&party)
            };
            state.versions.values().any(named) || state.ever.contains(&party)
        })
    }

    /// Up to which document a party that is out of an agreement is told of its acts; `None` for no bound.
    pub(super) fn told_until(&self, agreement: AgreementId, party: PartyId) -> Option<u64> {
        self.agreements.get(&agreement)?.told_until.get(&party).copied()
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
                    until: Some(if flows { agreed.until(force) } else { Timestamp::EPOCH }),
                });
            }
        }
        terms
    }

    /// The compiled version that an entry names.
    pub(crate) fn version(&self, agreement: AgreementId, terms: &Digest) -> Option<&InForce> {
        self.agreements.get(&agreement)?.versions.get(terms)
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
pub(super) const ROOTS_ONLY: bool = true;

/// How long after a text was replaced what is under way under it is still taken in, in microseconds: a day, by our clock.
const SUCCESSION: i64 = keys::window::DAY;

impl Agreed {
    /// The version that governs, or governed last.
    #[must_use]
    pub fn force(&self) -> Option<&InForce> {
        self.versions.get(&self.state.current?)
    }

    /// From when nothing is taken in under a version any more: it is over, or a later one took its place here, by our own
    /// clock, and what was under way has had its time.
    fn until(&self, force: &InForce) -> Timestamp {
        let later = self.versions.values().filter(|other| other.terms.version > force.terms.version);
        let replaced = later
            .map(|other| {
                let completed = self.completed.get(&other.version);
                completed.map_or(other.terms.start, |completed| other.terms.start.max(*completed))
            })
            .min();
        let expiry = force.terms.expiry;
        replaced.map_or(expiry, |replaced| expiry.min(replaced.plus_micros(SUCCESSION)))
    }
}

impl Signers for Registry {
    fn key(&self, party: PartyId, by: KeyId, at: Timestamp, now: Timestamp) -> Option<(PublicKey, Standing)> {
        let history = self.histories.get(&party)?;
        let now = now.max(self.latest);
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
