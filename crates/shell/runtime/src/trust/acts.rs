//! Acts on agreements beyond signing a text: asking for one, resuming, joining and admitting to a circle, taking back.
//!
//! Where officers must approve, what they approve is handed out first, and comes back with their approvals. The act is
//! put together again then: were anything signed in between, the approvals would be of other bytes, and do not count.

use std::collections::{BTreeMap, BTreeSet};

use agreement::acts::{Act, Member, Membership, Reason, Refused, State, Status, What, approval_text};
use agreement::{Form, Party, Role};
use keys::Signed;
use keys::posts::{Approval, Post};
use model::{AgreementId, Digest, PartyId};

use super::registry::{Agreed, Registry};
use super::{Trust, TrustError};
use crate::core::Core;

/// What a party that joins a circle says of itself; the rest follows from its key history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolment {
    /// What the circle is to call it: `[a-z0-9-]+`.
    pub key: String,
    /// What it is with regard to personal data.
    pub role: Role,
    /// Who signs for it.
    pub posts: BTreeSet<Post>,
    /// How many different persons must…
    pub officers: u32,
    /// …out of how many.
    pub of: u32,
}

/// An act that officers approve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Sign a version.
    Agree(Digest),
    /// End our own suspension.
    Resume,
    /// Ask to join a circle.
    Join(Enrolment),
    /// Admit a party that asked to join; `None` signs the newest membership that we have not signed.
    Admit(Option<PartyId>),
}

/// What officers approve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToApprove {
    /// The exact bytes, as text: canonical JSON.
    pub bytes: String,
    /// For reading: the TOML text, or who will be in the circle.
    pub reading: String,
}

impl Core {
    /// Asks a peer for an agreement. Returns the request's id.
    ///
    /// # Errors
    /// [`TrustError::Refused`] for a peer that is not paired, or a text that could not be signed.
    pub fn request_agreement(
        &self,
        to: PartyId,
        document: Option<String>,
        reason: &str,
        author: &str,
    ) -> Result<Digest, TrustError> {
        let trust = self.party()?;
        if self.registry()?.paired(to).is_none() {
            return Err(TrustError::refused("that party is not paired with this node; pair with it first"));
        }
        if let Some(document) = &document {
            self.check_terms(document).map_err(|problems| super::agreements::refusal(&problems))?;
        }
        let _turn = trust.turn_to_speak();
        let act = Act {
            agreement: None,
            party: trust.party,
            previous: None,
            at: self.clock.now(),
            reason: reason.to_owned(),
            what: What::Request { to, document },
        };
        let signed = act.sign(&trust.secrets().epoch).map_err(TrustError::refused)?;
        self.keep_act_by(AgreementId(signed.hash()), &signed, Some((author, reason)))?;
        trust.wake();
        Ok(signed.hash())
    }

    /// What our officers approve for an act.
    ///
    /// # Errors
    /// [`TrustError::Refused`] when the act is not to be done now; the reason says what is.
    pub fn to_approve(&self, agreement: AgreementId, wanted: &Wanted) -> Result<ToApprove, TrustError> {
        // Before officers open their keys, not after.
        if let Wanted::Agree(version) = wanted {
            let (own, registry) = (self.party()?.party, self.registry()?);
            let version = agreed(&registry, agreement)?.state.versions.get(version);
            if let Some(version) = version.filter(|version| !version.agreed.contains_key(&own)) {
                super::agreements::not_expired(&version.proposal.terms, self.clock.now())?;
            }
        }
        self.approving(agreement, wanted)
    }

    /// [`Core::to_approve`], also of a text that is over: it may still be read.
    pub(super) fn approving(&self, agreement: AgreementId, wanted: &Wanted) -> Result<ToApprove, TrustError> {
        let trust = self.party()?;
        let registry = self.registry()?;
        let agreed = agreed(&registry, agreement)?;
        let what = self.wanted(trust, agreed, agreement, wanted, Vec::new())?;
        let reading = match &what {
            What::Agree { version, .. } | What::Join { version, .. } => {
                self.document_of(agreement, *version)?
            }
            What::Admit { membership, document, .. } => {
                let members = document.as_ref().map(|document| document.members.values().collect());
                let known = || known_members(&agreed.state, membership);
                let members: Vec<&Member> = members.or_else(known).unwrap_or_default();
                let line = |member: &&Member| {
                    let Party { key, name, id, .. } = &member.party;
                    format!("{key}: {name}, party {id}\n")
                };
                members.iter().map(line).collect()
            }
            _ => format!("resume agreement {agreement}\n"),
        };
        let proposal = what.version().and_then(|version| agreed.state.versions.get(&version));
        let act = Act {
            agreement: Some(agreement),
            party: trust.party,
            previous: agreed.state.heads.get(&trust.party).copied(),
            at: self.clock.now(),
            reason: String::new(),
            what,
        };
        let bytes = approval_text(&act, proposal.map(|version| &version.proposal));
        let bytes = bytes.ok_or_else(|| TrustError::refused("nothing to approve"))?;
        Ok(ToApprove { bytes, reading })
    }

    /// Does an act with our officers' approvals of [`Core::to_approve`].
    ///
    /// # Errors
    /// [`TrustError::Refused`] with what is missing.
    pub fn act_approved(
        &self,
        agreement: AgreementId,
        wanted: &Wanted,
        approvals: Vec<Approval>,
        reason: &str,
        author: &str,
    ) -> Result<Status, TrustError> {
        if let Wanted::Agree(version) = wanted {
            return self.sign_agreement(agreement, *version, approvals, author);
        }
        let trust = self.party()?;
        let turn = trust.turn_to_speak();
        let registry = self.registry()?;
        if *wanted == Wanted::Resume {
            let state = &agreed(&registry, agreement)?.state;
            let ours =
                |reason: &Reason| matches!(reason, Reason::SuspendedBy(who) if who.party == trust.party);
            // Resumed before, or never suspended: there is nothing to say.
            if state.status == Status::InForce
                && !state.blocked.values().flatten().chain(&state.reasons).any(ours)
            {
                return Ok(state.status);
            }
        }
        let what = self.wanted(trust, agreed(&registry, agreement)?, agreement, wanted, approvals)?;
        drop(registry);
        let signed = self.act(agreement, what, reason, author)?;
        drop(turn);
        self.outcome(agreement, &signed)
    }

    /// Takes back an acceptance or signature of a version, or of a membership, that was not verified yet.
    ///
    /// # Errors
    /// [`TrustError::Refused`] when there is nothing to take back, or it is too late: then suspend or end it.
    pub fn retract(
        &self,
        agreement: AgreementId,
        version: Digest,
        reason: &str,
        author: &str,
    ) -> Result<Status, TrustError> {
        self.act_on(agreement, What::Retract { version }, reason, author)
    }

    /// What became of an act of ours.
    pub(super) fn outcome(&self, agreement: AgreementId, signed: &Signed) -> Result<Status, TrustError> {
        let registry = self.registry()?;
        let agreed = agreed(&registry, agreement)?;
        match agreed.state.refused.get(&signed.hash()) {
            Some(refused) => Err(refused_with_remedy(refused)),
            None => Ok(agreed.state.status),
        }
    }

    fn wanted(
        &self,
        trust: &Trust,
        agreed: &Agreed,
        agreement: AgreementId,
        wanted: &Wanted,
        approvals: Vec<Approval>,
    ) -> Result<What, TrustError> {
        let state = &agreed.state;
        match wanted {
            Wanted::Agree(version) if state.versions.contains_key(version) => {
                Ok(What::Agree { version: *version, approvals })
            }
            Wanted::Agree(version) => Err(TrustError::Missing(format!("version {version}"))),
            Wanted::Resume => Ok(What::Resume { approvals }),
            Wanted::Join(enrolment) => {
                let version = joinable(state)?;
                if state.active.contains(&trust.party) {
                    return Err(TrustError::refused("this node is a member of that circle already"));
                }
                if state.joining.contains_key(&trust.party) && approvals.is_empty() {
                    return Err(TrustError::refused(
                        "this node has asked to join already; it waits for the members to admit it",
                    ));
                }
                let member = Box::new(self.enrolled(trust, enrolment)?);
                Ok(What::Join { version, member, approvals })
            }
            Wanted::Admit(newcomer) => {
                joinable(state)?;
                if !state.active.contains(&trust.party) {
                    return Err(TrustError::refused("only members of a circle admit to it"));
                }
                let (membership, document) = match newcomer {
                    None => (unsigned(state, trust.party)?, None),
                    Some(newcomer) => admission(agreed, agreement, trust.party, *newcomer)?,
                };
                Ok(What::Admit { membership, document: document.map(Box::new), approvals })
            }
        }
    }

    /// What a circle is to know of us.
    fn enrolled(&self, trust: &Trust, enrolment: &Enrolment) -> Result<Party, TrustError> {
        let history = self.own_history()?;
        let epoch = history.current(self.clock.now()).map_err(TrustError::refused)?.key.id();
        Ok(Party {
            id: trust.party,
            key: enrolment.key.clone(),
            name: history.name().to_owned(),
            jurisdiction: history.country().to_owned(),
            role: enrolment.role,
            epoch,
            identities: history.identities().clone(),
            posts: enrolment.posts.clone(),
            officers: enrolment.officers,
            of: enrolment.of,
        })
    }
}

/// Why an act does not count, and what to do.
pub(super) fn refused_with_remedy(refused: &Refused) -> TrustError {
    let remedy = match refused {
        Refused::NotACircle => "put another text forward with `shieldwall agreement propose`",
        Refused::Ended => "an agreement that was ended stays so; put a new text forward",
        // Only what was approved over other bytes may be mended by new ones.
        Refused::Officers { why, .. } if why.iter().any(|why| why.contains("other bytes")) => {
            "officers approve exact bytes, which change with everything this party signs: if these are older, take them \
             anew from `shieldwall agreement approval`"
        }
        Refused::Officers { .. } => {
            "name more with --officer or --approval; `shieldwall key officers` shows who may"
        }
        Refused::Superseded(_) => "look at `shieldwall agreement show` for the version that governs",
        _ => return TrustError::refused(refused),
    };
    TrustError::refused(format!("{refused}; {remedy}"))
}

fn agreed(registry: &Registry, agreement: AgreementId) -> Result<&Agreed, TrustError> {
    let found = registry.agreements.get(&agreement).map(AsRef::as_ref);
    found.ok_or_else(|| TrustError::Missing(format!("an agreement {agreement}")))
}

/// The version of a circle that may be joined now: the one that governs.
fn joinable(state: &State) -> Result<Digest, TrustError> {
    let version = state.version().filter(|version| version.complete);
    match version.map(|version| &version.proposal.terms.form) {
        Some(Form::Circle(_)) if state.status != Status::Ended => {
            state.current.ok_or_else(|| TrustError::refused("the circle has no text"))
        }
        Some(Form::Circle(_)) => Err(TrustError::refused("the circle is over")),
        Some(Form::Bilateral) => Err(TrustError::refused(
            "only a circle is joined and admits; put another text forward for an agreement of two",
        )),
        None => Err(TrustError::refused(
            "the members of the circle have not all signed its text yet; `shieldwall agreement show` says who is missing",
        )),
    }
}

/// The newest membership, in effect or proposed, that a member has not signed.
fn unsigned(state: &State, own: PartyId) -> Result<Digest, TrustError> {
    let named = |membership: &&agreement::acts::MembershipState| {
        membership.members.contains_key(&own) && !membership.signed.contains(&own)
    };
    let newest = state.memberships.values().rev().find(named);
    let mut proposed = state.proposed.values().filter(named);
    match (newest, proposed.next(), proposed.next()) {
        (Some(newest), None, _) => Ok(newest.hash),
        (None, Some(one), None) => Ok(one.hash),
        (None, None, _) => Err(TrustError::refused("there is no membership that this node has not signed")),
        _ => Err(TrustError::refused("more than one party waits to be admitted; name one")),
    }
}

/// The membership that admits a party: the one that another member brought, or a new one.
fn admission(
    agreed: &Agreed,
    agreement: AgreementId,
    own: PartyId,
    newcomer: PartyId,
) -> Result<(Digest, Option<Membership>), TrustError> {
    let state = &agreed.state;
    let last = state.membership().ok_or_else(|| TrustError::refused("the circle has no members yet"))?;
    if state.active.contains(&newcomer) {
        return match last.signed.contains(&own) {
            true => Err(TrustError::refused("that party is a member, and this node has signed so")),
            false => Ok((last.hash, None)),
        };
    }
    let Some(join) = state.joining.get(&newcomer) else {
        return Err(TrustError::refused(
            "that party has not asked to join; it does so with `shieldwall agreement join`, once it was introduced",
        ));
    };
    let next = last.number.saturating_add(1);
    let brought = state.proposed.values().find(|proposed| {
        proposed.number == next
            && proposed.members.get(&newcomer).is_some_and(|member| member.join == Some(*join))
    });
    if let Some(brought) = brought {
        return Ok((brought.hash, None));
    }
    let act = agreed.acts.iter().find(|signed| signed.hash() == *join).and_then(|act| Act::read(act).ok());
    let Some(Act { what: What::Join { version, member, .. }, .. }) = act else {
        return Err(TrustError::refused("that party's act of joining is not here"));
    };
    let stays = last.members.iter().filter(|(party, _)| state.active.contains(*party));
    let mut members: BTreeMap<PartyId, Member> =
        stays.map(|(party, member)| (*party, member.clone())).collect();
    if members.values().any(|known| known.party.key == member.key) {
        return Err(TrustError::refused(format!(
            "another member is called `{}` already; that party has to join under another key",
            member.key
        )));
    }
    members.insert(newcomer, Member { party: *member, join: Some(*join) });
    let membership = Membership { agreement, version, number: next, previous: last.hash, members };
    Ok((membership.hash(), Some(membership)))
}

fn known_members<'s>(state: &'s State, membership: &Digest) -> Option<Vec<&'s Member>> {
    let mut all = state.memberships.values().chain(state.proposed.values());
    all.find(|known| known.hash == *membership).map(|known| known.members.values().collect())
}
