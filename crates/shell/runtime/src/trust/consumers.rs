//! Clients without a node: what our officers let them have, until when, and how that ends.
//!
//! A release is drafted as the exact bytes that officers approve; nothing is kept of a draft. What was signed is a
//! document like any other, and what it comes to is a fold over the documents that are kept.

use std::collections::{BTreeMap, BTreeSet};

use agreement::PersonalData;
use agreement::consumer::{Officers, Release, ReleaseEnd, ReleaseRefused};
use keys::Signed;
use keys::posts::{Approval, Post};
use keys::window::DAY;
use label::Handling;
use ledger::entry::{ConsumerAct, Figures, Word};
use model::{CollectionId, Digest, PartyId, Timestamp, TokenId};
use ports::Role;
use ports::trust::{Document, DocumentKind};

use super::TrustError;
use super::registry::Registry;
use crate::core::Core;

/// How old a draft may be when it is signed, in microseconds: what officers read is to be what holds now.
const DRAFT_HOLDS: i64 = 14 * DAY;

/// What a release is to say. The rest follows from the node and the moment.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The client's name, for people.
    pub client: String,
    /// The token it shows.
    pub token: TokenId,
    /// The collections it reads.
    pub collections: BTreeSet<CollectionId>,
    /// STIX types; `None` for all.
    pub types: Option<BTreeSet<String>>,
    /// The most sensitive handling it is given.
    pub ceiling: Handling,
    /// What becomes of personal data.
    pub personal: PersonalData,
    /// What for: a purpose's name.
    pub purpose: String,
    /// Valid from here on; from now where not given.
    pub valid_from: Option<Timestamp>,
    /// Valid until just before here.
    pub expires: Timestamp,
}

/// A release as it is kept.
#[derive(Debug, Clone)]
pub struct Consumer {
    /// Its hash, which it is called by.
    pub hash: Digest,
    /// What it says.
    pub release: Release,
    /// When it was ended before its time, and why.
    pub ended: Option<(Timestamp, String)>,
    /// Why it gives nobody anything whatever the date: our keys or our officers' say so by now.
    pub void: Option<String>,
    /// Its time was over at the latest instant that was seen, whatever the clock says now.
    pub over: bool,
}

/// How a release stands at some instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReleaseState {
    /// It gives.
    Valid,
    /// It begins later.
    NotYet,
    /// Its time is over.
    Expired,
    /// It was ended before its time.
    Ended,
    /// Its signatures do not hold.
    Void,
}

impl ReleaseState {
    /// Its name in JSON output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::NotYet => "not-yet",
            Self::Expired => "expired",
            Self::Ended => "ended",
            Self::Void => "void",
        }
    }
}

impl Consumer {
    /// How it stands at an instant of our own clock.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> ReleaseState {
        match self.release.holds_at(now) {
            _ if self.void.is_some() => ReleaseState::Void,
            _ if self.ended.is_some() => ReleaseState::Ended,
            _ if self.over => ReleaseState::Expired,
            Err(ReleaseRefused::NotYet(_)) => ReleaseState::NotYet,
            Err(_) => ReleaseState::Expired,
            Ok(()) => ReleaseState::Valid,
        }
    }

    /// The same in a sentence for whoever is refused.
    #[must_use]
    pub fn standing(&self, now: Timestamp) -> String {
        let name = self.hash.short();
        match self.state(now) {
            ReleaseState::Valid => format!("release {name} is valid until {}", self.release.expires),
            ReleaseState::NotYet => format!("release {name} is not valid before {}", self.release.valid_from),
            ReleaseState::Expired => format!("release {name} expired on {}", self.release.expires),
            ReleaseState::Ended => format!("release {name} was ended"),
            ReleaseState::Void => format!("release {name} does not hold"),
        }
    }
}

/// Whether a token may read a collection as a client without a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// A valid release says so.
    Open,
    /// A release names both, and none that does is valid now: how the newest stands, in words.
    Closed(String),
    /// No release names both.
    Unknown,
}

impl Registry {
    /// Our own releases, by hash.
    pub fn releases(&self, own: PartyId) -> impl Iterator<Item = &Consumer> {
        self.consumers.values().filter(move |consumer| consumer.release.party == own)
    }
}

/// The fold over the documents: each release with whether it holds, and how it ended.
pub(super) fn fold(documents: &[Document], registry: &Registry) -> BTreeMap<Digest, Consumer> {
    let (mut consumers, mut ends) = (BTreeMap::new(), Vec::new());
    for document in documents {
        let Ok(signed) = Signed::parse(document.text.as_bytes()) else { continue };
        match Release::read(&signed) {
            Ok(release) => {
                let checked = registry.check_release(&signed, &release);
                let (hash, void) = (signed.hash(), checked.err().map(|refused| refused.to_string()));
                consumers.insert(hash, Consumer { hash, release, ended: None, void, over: false });
            }
            Err(_) => ends.push(signed),
        }
    }
    for end in ends {
        let ended = registry.histories.values().find_map(|history| ReleaseEnd::verify(&end, history).ok());
        let Some(ended) = ended else { continue };
        let consumer: Option<&mut Consumer> = consumers.get_mut(&ended.release);
        if let Some(consumer) = consumer.filter(|consumer| consumer.release.party == ended.party) {
            consumer.ended.get_or_insert((ended.issued, ended.reason));
        }
    }
    consumers
}

impl Registry {
    fn check_release(&self, signed: &Signed, release: &Release) -> Result<(), ReleaseRefused> {
        let history = self.histories.get(&release.party);
        let history = history.ok_or(ReleaseRefused::OtherParty(release.party))?;
        let roster = self.roster(release.party);
        // Four eyes wherever there are four: one officer is enough only where there was no other.
        let officers = roster.holders(Post::ReleaseOfficer, release.issued).len();
        let needed = if officers > 1 { 2 } else { 1 };
        let site = self.sites.get(&release.party);
        Release::authentic(signed, &Officers { history, roster: &roster, site, needed }).map(drop)
    }
}

impl Core {
    /// Whether this node has ever made itself a party. Until then there are no officers and no ledger, and nothing was
    /// promised to anybody: what is marked for the whole world is all that strangers are served.
    ///
    /// # Errors
    /// When the store fails.
    pub fn has_promised(&self) -> Result<bool, TrustError> {
        if self.trust().is_some() {
            return Ok(true);
        }
        // Keys that are there and were not opened are keys all the same.
        let read = self.store.read()?;
        Ok(!read.documents(self.scope.tenant, DocumentKind::KeyEvent, None, 0, 1)?.is_empty())
    }

    /// The exact bytes that release officers approve.
    ///
    /// # Errors
    /// [`TrustError::Refused`] for what no release may say, and for a token that is not an outsider's.
    pub fn draft_release(&self, draft: Draft) -> Result<String, TrustError> {
        let trust = self.party()?;
        let now = self.clock.now();
        let release = Release {
            party: trust.party,
            client: draft.client,
            token: draft.token,
            collections: draft.collections,
            types: draft.types.map_or(agreement::Set::Any, agreement::Set::Only),
            ceiling: draft.ceiling,
            personal: draft.personal,
            purpose: draft.purpose,
            valid_from: draft.valid_from.unwrap_or(now),
            expires: draft.expires,
            issued: now,
            approvals: Vec::new(),
        };
        self.check_draft(&release, now)?;
        Ok(release.approval_text())
    }

    fn check_draft(&self, release: &Release, now: Timestamp) -> Result<(), TrustError> {
        release.check().map_err(TrustError::refused)?;
        if release.expires <= now {
            return Err(TrustError::refused("the release is over before it begins; give a later expiry"));
        }
        let read = self.store.read()?;
        let tenant = self.scope.tenant;
        let collections = read.collections(tenant)?;
        for id in &release.collections {
            if !collections.iter().any(|collection| collection.id == *id) {
                return Err(TrustError::Missing(format!("collection {id}")));
            }
        }
        let token = read.tokens(tenant)?.into_iter().find(|token| token.id == release.token);
        let token = token.ok_or_else(|| TrustError::Missing(format!("token {}", release.token)))?;
        let account = read.accounts(tenant)?.into_iter().find(|account| account.id == token.account);
        match account {
            Some(account) if account.role == Role::Follower => Ok(()),
            _ => Err(TrustError::refused(
                "the token belongs to one of our own, whom no release bounds; make a user with the role follower for the client, and a token for it",
            )),
        }
    }

    /// Signs a release with our officers' approvals of exactly these bytes, and keeps it. Signing the same bytes again
    /// changes nothing. Returns the release's hash.
    ///
    /// # Errors
    /// [`TrustError::Refused`] with what is missing.
    pub fn sign_release(
        &self,
        bytes: &str,
        approvals: Vec<Approval>,
        author: &str,
    ) -> Result<Digest, TrustError> {
        let trust = self.party()?;
        let _turn = trust.turn_to_speak();
        let now = self.clock.now();
        let draft = Release::read_approval_text(bytes).map_err(|problem| {
            TrustError::refused(format!("not a release as `release new` writes it: {problem}"))
        })?;
        if draft.party != trust.party {
            return Err(TrustError::refused(format!("it is a release of {}, not of this node", draft.party)));
        }
        let registry = self.registry()?;
        let before = registry.releases(trust.party).find(|known| known.release.approval_text() == bytes);
        if let Some(known) = before {
            return Ok(known.hash);
        }
        if draft.issued > now || draft.issued.plus_micros(DRAFT_HOLDS) < now {
            return Err(TrustError::refused(format!(
                "the draft is of {}; drafts are signed within 14 days, so draft it again",
                draft.issued
            )));
        }
        self.check_draft(&draft, now)?;
        let release = Release { approvals, ..draft };
        let signed = release.sign(&trust.secrets().epoch).map_err(TrustError::refused)?;
        registry.check_release(&signed, &release).map_err(TrustError::refused)?;
        drop(registry);
        let hash = signed.hash();
        self.keep_document(DocumentKind::ConsumerRelease, hash, &signed, |tx, now| {
            tx.audit(self.scope.tenant, now, author, "release.sign", &hash.short(), &release.client)?;
            let figures = self.consumer_figures(&release.client, ConsumerAct::Granted);
            self.book(tx, now, figures, &format!(r#"{{"release":"{hash}"}}"#)).map(drop)
        })?;
        Ok(hash)
    }

    /// Ends a release, at once. It takes something away, so no officer has to agree. Ending one that has ended changes
    /// nothing.
    ///
    /// # Errors
    /// [`TrustError::Missing`] when there is no such release.
    pub fn end_release(&self, release: Digest, reason: &str, author: &str) -> Result<(), TrustError> {
        let trust = self.party()?;
        if reason.trim().is_empty() || reason.len() > 2000 {
            return Err(TrustError::refused("a reason has 1 to 2000 bytes"));
        }
        let _turn = trust.turn_to_speak();
        let registry = self.registry()?;
        let known = registry.releases(trust.party).find(|known| known.hash == release);
        let known = known.ok_or_else(|| TrustError::Missing(format!("release {release}")))?.clone();
        drop(registry);
        if known.ended.is_some() {
            return Ok(());
        }
        let end =
            ReleaseEnd { party: trust.party, release, reason: reason.to_owned(), issued: self.clock.now() };
        let signed = end.sign(&trust.secrets().epoch).map_err(TrustError::refused)?;
        self.keep_document(DocumentKind::ConsumerRelease, release, &signed, |tx, now| {
            tx.audit(self.scope.tenant, now, author, "release.end", &release.short(), reason)?;
            let figures = self.consumer_figures(&known.release.client, ConsumerAct::Ended);
            self.book(tx, now, figures, &format!(r#"{{"release":"{release}"}}"#)).map(drop)
        })?;
        Ok(())
    }

    /// Whether some release, valid or not, names a token: whoever holds it is a client without a node for good.
    ///
    /// # Errors
    /// When the store fails.
    pub fn is_consumer(&self, token: TokenId) -> Result<bool, TrustError> {
        let Some(trust) = self.trust() else { return Ok(false) };
        let registry = self.registry()?;
        Ok(registry.releases(trust.party).any(|consumer| consumer.release.token == token))
    }

    /// Whether a token may read a collection as a client without a node, now.
    ///
    /// # Errors
    /// When the store fails.
    pub fn consumer_access(&self, token: TokenId, collection: CollectionId) -> Result<Access, TrustError> {
        let Some(trust) = self.trust() else { return Ok(Access::Unknown) };
        let now = self.clock.now();
        let registry = self.registry()?;
        let named = |consumer: &&Consumer| {
            consumer.release.token == token && consumer.release.collections.contains(&collection)
        };
        let mut newest: Option<&Consumer> = None;
        for consumer in registry.releases(trust.party).filter(named) {
            if consumer.state(now) == ReleaseState::Valid {
                return Ok(Access::Open);
            }
            if newest.is_none_or(|known| known.release.issued < consumer.release.issued) {
                newest = Some(consumer);
            }
        }
        Ok(newest.map_or(Access::Unknown, |consumer| Access::Closed(consumer.standing(now))))
    }

    /// What a client, or whoever got an export, is called in figures.
    #[must_use]
    pub fn stranger(&self, name: &str) -> Word {
        Word::stranger(&self.figures_key(), &name.trim().to_lowercase())
    }

    pub(crate) fn consumer_figures(&self, client: &str, act: ConsumerAct) -> Figures {
        Figures::Consumer { consumer: self.stranger(client), act }
    }
}
