//! What is done about keys beside rotation: identities, another commitment, keys that are lost.

use std::collections::BTreeSet;
use std::sync::Arc;

use ::keys::Signed;
use ::keys::events::{Change, Event, KeyHistory};
use ::keys::{KeyId, SecretKey};
use model::{Finding, PartyId, Severity, StixId, Timestamp};
use ports::trust::DocumentKind;

use super::keys::epoch_terms;
use super::vault::{Secrets, VaultError};
use super::{Trust, TrustError};
use crate::core::Core;

/// What the roots have to sign so that a node whose keys are lost goes on as the same party.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// Commits to the new epoch key, in place of the one that was lost; `None` when that was done before. For the root
    /// threshold to sign.
    pub commitment: Option<Signed>,
    /// Begins the epoch; signed by its key, and for the root threshold to sign too.
    pub rotation: Signed,
}

/// How often people are told that the next epoch's key is wanted, in microseconds.
const REMIND: i64 = 3_600_000_000;

impl Core {
    /// Says which STIX identities the party speaks for from now on, signed by the epoch key.
    ///
    /// # Errors
    /// [`TrustError::Refused`] for an identity that another party claims, and when the epoch key does not hold.
    pub fn set_identities(&self, identities: BTreeSet<StixId>, author: &str) -> Result<(), TrustError> {
        let trust = self.party()?;
        let _turn = trust.turn_to_speak();
        let registry = self.registry()?;
        let mut others = registry.histories.values().filter(|history| history.party() != trust.party);
        if let Some((id, other)) = others.find_map(|other| {
            let taken = identities.iter().find(|id| other.identities().contains(id))?;
            Some((taken.clone(), other.name().to_owned()))
        }) {
            return Err(TrustError::refused(format!(
                "`{id}` is an identity that {other} speaks for already; whoever claimed one first is believed"
            )));
        }
        let history = self.own_history()?;
        if *history.identities() == identities {
            return Ok(());
        }
        if !identities.contains(&self.identity) {
            return Err(TrustError::refused(format!(
                "`{}` is this node's own identity; what it makes would be nobody's without it",
                self.identity
            )));
        }
        let event = history.next_event(self.clock.now(), Change::Identities { identities });
        let signed = event.sign(&[&trust.secrets().epoch]).map_err(TrustError::refused)?;
        self.keep_key_event(trust.party, &signed)?;
        self.audited(author, "key.identities", &signed.hash().short(), "")
    }

    /// Makes another key for the next epoch, for when the one that was committed to is lost. It counts once the roots
    /// have committed to it ([`Change::Roots`]).
    ///
    /// # Errors
    /// When it cannot be kept.
    pub fn make_next_key(&self, author: &str) -> Result<KeyId, TrustError> {
        let trust = self.party()?;
        let next = SecretKey::generate(&mut || self.ids.random());
        trust.vault.keep_next(&next, &*self.ids)?;
        self.audited(author, "key.next", &next.id().to_string(), "")?;
        Ok(next.id())
    }

    /// Takes over the commitment of the newest key event, when its key is here.
    pub(super) fn follow_commitment(&self) -> Result<(), TrustError> {
        let trust = self.party()?;
        let (secrets, history) = (trust.secrets(), self.own_history()?);
        let committed = history.next_key();
        if secrets.before.is_some() || secrets.next == committed || history.epoch(secrets.key()).is_none() {
            return Ok(());
        }
        let followed = Secrets { next: committed, ..secrets.copy() };
        trust.vault.save(&followed, &*self.ids)?;
        trust.set_secrets(followed);
        Ok(())
    }

    /// Tells people that the next epoch's key has to be brought. There is nothing the node can do.
    pub(super) fn next_key_is_wanted(
        &self,
        trust: &Trust,
        history: &KeyHistory,
        now: Timestamp,
    ) -> Result<bool, TrustError> {
        let mut told = trust.reminded.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if told.is_some_and(|at| now < at.plus_micros(REMIND)) {
            return Ok(false);
        }
        let first = told.replace(now).is_none();
        drop(told);
        let until = history.current(now).map_err(TrustError::refused)?.window.until;
        let message = format!(
            "the epoch ends on {until}, and the next epoch's key is not in the `keys` folder; rotate with `shieldwall key rotate --next-key FILE` before that, or the root keys are needed"
        );
        tracing::warn!("{message}");
        if first {
            let finding = Finding::new(Severity::Warning, "shieldwall/next-key", "", message);
            self.store
                .transact(|tx| tx.add_findings(self.scope, now, model::SourceId(0), None, &[finding]))?;
        }
        Ok(false)
    }

    /// Makes new keys for a node that has lost its own, and prepares what the roots must sign. Repeated, it goes on with
    /// the same keys.
    ///
    /// # Errors
    /// [`TrustError::Refused`] when the node has its keys, or its store no history of its own.
    pub fn prepare_recovery(&self) -> Result<Recovery, TrustError> {
        if self.trust().is_some() {
            return Err(TrustError::refused(
                "this node has its keys; begin another epoch with `shieldwall key rotate`",
            ));
        }
        let vault = self.vault()?;
        let history = self.lost_history()?;
        let secrets = match vault.load() {
            Ok(secrets) if history.epoch(secrets.key()).is_none() => secrets,
            Ok(_) => {
                return Err(TrustError::refused(
                    "the keys in the node's directory belong to its history; start the node with what opens them",
                ));
            }
            Err(VaultError::Empty) => {
                let (secrets, next) = Secrets::generate(&*self.ids);
                vault.keep_next(&next, &*self.ids)?;
                vault.save(&secrets, &*self.ids)?;
                secrets
            }
            Err(problem) => return Err(problem.into()),
        };
        let now = self.clock.now();
        let committed = history.next_key() == secrets.key();
        let commitment = if committed {
            None
        } else {
            let change = Change::Roots { roots: history.roots().clone(), next: secrets.key() };
            let body = history.next_event(now, change).to_body();
            Some(Signed::unsigned(&body).map_err(TrustError::refused)?)
        };
        let change = Change::Rotation { epoch: epoch_terms(&secrets, now) };
        let rotation = match &commitment {
            None => history.next_event(now, change),
            Some(commitment) => Event {
                after: Some((history.party(), commitment.hash())),
                n: history.count() + 1,
                created: now,
                change,
            },
        };
        let rotation = rotation.sign(&[&secrets.epoch]).map_err(TrustError::refused)?;
        Ok(Recovery { commitment, rotation })
    }

    /// Goes on as the same party with new keys, once the roots have signed [`Core::prepare_recovery`]'s events.
    ///
    /// # Errors
    /// [`TrustError::Refused`] when they have not, or the keys that were prepared are not here.
    pub fn recover(&self, signed: &Recovery, author: &str) -> Result<PartyId, TrustError> {
        if self.trust().is_some() {
            return Err(TrustError::refused("this node has its keys"));
        }
        let vault = self.vault()?;
        let secrets = vault.load()?;
        let now = self.clock.now();
        let mut history = self.lost_history()?;
        let events = signed.commitment.iter().chain([&signed.rotation]);
        for event in events.clone() {
            history.apply(event, now).map_err(TrustError::refused)?;
        }
        if history.current(now).map_err(TrustError::refused)?.key.id() != secrets.key() {
            return Err(TrustError::refused(
                "the events begin an epoch of another key than this node made; run `shieldwall key recover` again",
            ));
        }
        let party = history.party();
        let naming = self.store.read()?.naming_key(self.scope.tenant)?;
        let _ = self.trust.set(Arc::new(Trust::new(party, vault, secrets, naming, self.rules.clone())));
        for event in events {
            self.keep_key_event(party, event)?;
        }
        self.audited(author, "key.recover", &signed.rotation.hash().short(), "")?;
        Ok(party)
    }

    /// The history of the party that this node was: the one that speaks for its identity and is nobody's it met.
    fn lost_history(&self) -> Result<KeyHistory, TrustError> {
        let now = self.clock.now();
        let read = self.store.read()?;
        let events = read.documents(self.scope.tenant, DocumentKind::KeyEvent, None, 0, 100_000)?;
        let peers: BTreeSet<PartyId> =
            read.peers(self.scope.tenant)?.into_iter().map(|peer| peer.party).collect();
        drop(read);
        let mut own = super::fold::histories(&events, now).into_values().filter(|history| {
            !peers.contains(&history.party()) && history.identities().contains(&self.identity)
        });
        match (own.next(), own.next()) {
            (Some(history), None) => Ok(history),
            _ => Err(TrustError::refused(
                "the store holds no key history of this node: restore a backup of it first, or begin a new party with `shieldwall key establish`",
            )),
        }
    }
}
