//! The node's own keys: how they begin, rotate and are vouched for.
//!
//! Root keys sign elsewhere. The node prepares an event and signs it with its epoch key; whoever has the root keys adds
//! their signatures and hands it back.

use std::collections::BTreeSet;

use ::keys::Signed;
use ::keys::events::{Change, EpochTerms, Event, EventError, KeyHistory, MAX_EPOCH, Roots};
use ::keys::leaf::{LeafStatement, MAX_LEAF};
use ::keys::posts::Appointed;
use ledger::entry::Figures;
use model::{Digest, Finding, PartyId, Severity, SourceId, Timestamp};
use ports::trust::DocumentKind;

use super::book::word;
use super::vault::{Secrets, Vault};
use super::witness::ledger_key;
use super::{Trust, TrustError, bounds};
use crate::core::Core;

/// A node renews its epoch key when less than this is left of the epoch: 14 days, in microseconds.
const RENEW_EPOCH: i64 = 14 * 86_400 * 1_000_000;

impl Core {
    /// Makes the node's keys and prepares the event that begins its history, signed by its epoch key. It begins to
    /// count when [`Core::add_key_event`] gets it back with the roots' signatures.
    ///
    /// # Errors
    /// [`super::VaultError::Taken`] when the node has keys already.
    pub fn prepare_inception(&self, vault: &Vault, roots: Roots) -> Result<Signed, TrustError> {
        if self.trust().is_some() {
            return Err(super::VaultError::Taken(vault.name()).into());
        }
        // Keys without their history, or a history without its keys: one of the two has to be restored, and nothing
        // that may be the only copy is written over.
        if self.had_keys()? {
            return Err(TrustError::refused(
                "the store holds a key history, but the keys in the node's directory are not its keys; restore the `keys` folder that belongs to this store, or go on with new keys by `shieldwall key recover`",
            ));
        }
        let node = self.node().map_err(TrustError::refused)?;
        let (secrets, next) = Secrets::generate(&*self.ids);
        vault.keep_next(&next, &*self.ids)?;
        vault.save(&secrets, &*self.ids)?;
        vault.forget_next(secrets.next)?;
        let now = self.clock.now();
        let change = Change::Inception {
            name: node.name,
            country: node.country.unwrap_or_else(|| "ZZ".to_owned()),
            identities: BTreeSet::from([self.identity.clone()]),
            roots,
            epoch: epoch_terms(&secrets, now),
        };
        Event { after: None, n: 0, created: now, change }.sign(&[&secrets.epoch]).map_err(TrustError::refused)
    }

    /// [`Core::prepare_inception`] with the vault of the node's own directory, in somebody's name.
    ///
    /// # Errors
    /// As there, and when the node has no directory.
    pub fn begin_keys(&self, roots: Roots, author: &str) -> Result<Signed, TrustError> {
        let signed = self.prepare_inception(&self.vault()?, roots)?;
        self.audited(author, "key.establish", "", "")?;
        Ok(signed)
    }

    /// [`Core::add_key_event`] in somebody's name.
    ///
    /// # Errors
    /// As there.
    pub fn take_key_event(&self, signed: &Signed, author: &str) -> Result<PartyId, TrustError> {
        let vault = if self.trust().is_some() { None } else { Some(self.vault()?) };
        let party = self.add_key_event(vault, signed)?;
        let _turn = self.party()?.turn_to_speak();
        self.finish_rotation()?;
        self.follow_commitment()?;
        self.audited(author, "key.event", &signed.hash().short(), "")?;
        Ok(party)
    }

    /// [`Core::rotate`] in somebody's name; when the roots must sign, the prepared event and `false`.
    ///
    /// # Errors
    /// As there.
    pub fn rotate_keys(&self, next_key: Option<&[u8]>, author: &str) -> Result<(Signed, bool), TrustError> {
        let trust = self.party()?;
        let _turn = trust.turn_to_speak();
        let signed = self.prepare_rotation_with(next_key)?;
        let kept = self.keep_key_event(trust.party, &signed).is_ok();
        if kept {
            self.finish_rotation()?;
        }
        self.audited(author, "key.rotate", &signed.hash().short(), "")?;
        Ok((signed, kept))
    }

    /// The vault of the node's directory.
    ///
    /// # Errors
    /// When the node has none, or its key file cannot be made.
    pub fn vault(&self) -> Result<Vault, TrustError> {
        let dir = self
            .dir
            .as_ref()
            .ok_or_else(|| TrustError::refused("this node has no directory to keep keys in"))?;
        Ok(Vault::in_dir(dir, self.passphrase.clone(), &*self.ids)?)
    }

    /// A line in the audit log.
    ///
    /// # Errors
    /// When the store fails.
    pub fn audited(&self, author: &str, action: &str, target: &str, reason: &str) -> Result<(), TrustError> {
        let now = self.clock.now();
        Ok(self.store.transact(|tx| tx.audit(self.scope.tenant, now, author, action, target, reason))?)
    }

    /// Takes over the keys that an earlier run made, if there are any.
    ///
    /// # Errors
    /// When the vault cannot be opened although there is a history, or does not hold the keys of the history.
    pub fn open_keys(&self, vault: Vault) -> Result<bool, TrustError> {
        if vault.is_empty() || self.trust().is_some() {
            return Ok(false);
        }
        let secrets = vault.load()?;
        let read = self.store.read()?;
        let now = self.clock.now();
        let events = read.documents(self.scope.tenant, DocumentKind::KeyEvent, None, 0, 100_000)?;
        let naming = read.naming_key(self.scope.tenant)?;
        drop(read);
        let histories = super::fold::histories(&events, now);
        let ours = histories.into_iter().find(|(_, history)| {
            let known = |key| history.epoch(key).is_some();
            known(secrets.epoch.id()) || secrets.before.as_ref().is_some_and(|before| known(before.id()))
        });
        // Keys whose inception was never signed by the roots: making them anew loses nothing.
        let Some((party, _)) = ours else { return Ok(false) };
        let _ = self.trust.set(std::sync::Arc::new(Trust::new(
            party,
            vault,
            secrets,
            naming,
            self.rules.clone(),
        )));
        self.take_latest(self.party()?)?;
        self.finish_rotation()?;
        Ok(true)
    }

    /// Keeps a key event of ours. The first one brings the node's party into being.
    ///
    /// # Errors
    /// [`TrustError::Refused`] with what is wrong with it.
    pub fn add_key_event(&self, vault: Option<Vault>, signed: &Signed) -> Result<PartyId, TrustError> {
        let now = self.clock.now();
        if let Some(trust) = self.trust() {
            let _turn = trust.turn_to_speak();
            self.keep_key_event(trust.party, signed)?;
            return Ok(trust.party);
        }
        let vault = vault.ok_or(super::VaultError::Empty)?;
        let history = KeyHistory::begin(signed, now).map_err(TrustError::refused)?;
        let secrets = vault.load()?;
        if history.epoch(secrets.epoch.id()).is_none() {
            return Err(TrustError::refused(
                "the event names another epoch key than this node made; sign the event that `key establish` printed last",
            ));
        }
        let naming = self.store.read()?.naming_key(self.scope.tenant)?;
        let party = history.party();
        let _ = self.trust.set(std::sync::Arc::new(Trust::new(
            party,
            vault,
            secrets,
            naming,
            self.rules.clone(),
        )));
        self.keep_key_event(party, signed)?;
        Ok(party)
    }

    /// Keeps an event of any party's history, after it was applied to what is known. Returns whether it was new.
    pub(crate) fn keep_key_event(&self, party: PartyId, signed: &Signed) -> Result<bool, TrustError> {
        let now = self.clock.now();
        let registry = self.registry()?;
        let (history, kind) = match registry.histories.get(&party) {
            Some(history) => {
                let forked = history.fork().is_some();
                let mut history = history.clone();
                match history.apply(signed, now) {
                    Ok(_) => {}
                    Err(problem @ EventError::Fork(_)) => {
                        // One contradiction is enough, and against us nobody needs one: we know what we signed.
                        if !forked && self.party()?.party != party {
                            self.keep_contradiction(party, signed, &problem)?;
                        }
                        return Err(TrustError::refused(problem));
                    }
                    Err(problem) => return Err(TrustError::refused(problem)),
                }
                (history, "event")
            }
            None => (KeyHistory::begin(signed, now).map_err(TrustError::refused)?, "inception"),
        };
        if history.party() != party {
            return Err(TrustError::refused("the event belongs to another party"));
        }
        let taken = history
            .identities()
            .iter()
            .find(|identity| registry.speaker(identity).is_some_and(|speaker| speaker != party));
        let twice = taken.map(|identity| {
            let message = format!(
                "party {} says that it speaks for `{identity}`, for which another party speaks: it is not believed",
                party.0.short()
            );
            Finding::new(Severity::Error, "shieldwall/identity-claimed-twice", "", message)
                .hint("ask both over another channel which of them it is")
        });
        let figures = Figures::KeyEvent { party: self.pseudonym(party), event: word(kind) };
        self.keep_document(DocumentKind::KeyEvent, party.0, signed, |tx, now| {
            tx.add_findings(self.scope, now, SourceId(0), None, twice.as_slice())?;
            self.book(tx, now, figures, &format!(r#"{{"document":"{}"}}"#, signed.hash())).map(|_| ())
        })
    }

    /// Keeps an event that contradicts a party's history: from then on nothing it signs is believed, on any start.
    fn keep_contradiction(
        &self,
        party: PartyId,
        signed: &Signed,
        problem: &EventError,
    ) -> Result<(), TrustError> {
        let source = self.registry()?.peers.get(&party).map_or(SourceId(0), |peer| peer.source);
        let message = format!("party {} shows two faces: {problem}", party.0.short());
        let finding = Finding::new(Severity::Error, "shieldwall/key-history-forked", "", message).hint(
            "nothing it signed since is believed, and nothing is given to it; ask it over another channel, end the pairing, \
             and pair anew once it has new keys",
        );
        let figures = Figures::KeyEvent { party: self.pseudonym(party), event: word("contradiction") };
        self.keep_document(DocumentKind::KeyEvent, party.0, signed, |tx, now| {
            tx.add_findings(self.scope, now, source, None, std::slice::from_ref(&finding))?;
            self.book(tx, now, figures, &format!(r#"{{"document":"{}"}}"#, signed.hash())).map(|_| ())
        })?;
        Ok(())
    }

    /// Our own key history.
    ///
    /// # Errors
    /// [`super::VaultError::Empty`] while there is none.
    pub fn own_history(&self) -> Result<KeyHistory, TrustError> {
        let trust = self.party()?;
        let registry = self.registry()?;
        registry.histories.get(&trust.party).cloned().ok_or_else(|| super::VaultError::Empty.into())
    }

    /// Begins a new epoch with the key that was committed to. Needs no root key while the current epoch holds.
    ///
    /// # Errors
    /// [`TrustError::Refused`] when the current epoch key is expired or revoked: then the roots must sign
    /// ([`Core::prepare_rotation`]).
    pub fn rotate(&self) -> Result<Signed, TrustError> {
        let trust = self.party()?;
        let _turn = trust.turn_to_speak();
        let signed = self.prepare_rotation()?;
        self.keep_key_event(trust.party, &signed)?;
        self.finish_rotation()?;
        Ok(signed)
    }

    /// Prepares the event that begins the next epoch, signed by both epoch keys. Keys move on at once; prepared again, it
    /// is the same epoch.
    ///
    /// # Errors
    /// [`super::VaultError::NextMissing`] when the next epoch's key lies elsewhere, and when the vault cannot be written.
    pub fn prepare_rotation(&self) -> Result<Signed, TrustError> {
        self.prepare_rotation_with(None)
    }

    /// [`Core::prepare_rotation`] with the text of the file that holds the next epoch's key, when it was kept elsewhere.
    fn prepare_rotation_with(&self, next_key: Option<&[u8]>) -> Result<Signed, TrustError> {
        let trust = self.party()?;
        let history = self.own_history()?;
        let secrets = trust.secrets();
        let now = self.clock.now();
        let secrets = if secrets.before.is_some() {
            secrets
        } else {
            let key = match next_key {
                Some(text) => {
                    let opened = trust.vault.open_next(text, secrets.next, "the file given");
                    opened.map_err(TrustError::refused)?
                }
                None => trust.vault.next(secrets.next)?,
            };
            let (rotated, next) = secrets.rotated(key, &*self.ids);
            // The key to come is on the disk before anything commits to it.
            trust.vault.keep_next(&next, &*self.ids)?;
            trust.vault.save(&rotated, &*self.ids)?;
            trust.set_secrets(rotated)
        };
        let event = history.next_event(now, Change::Rotation { epoch: epoch_terms(&secrets, now) });
        let before = secrets
            .before
            .as_ref()
            .filter(|before| history.current(now).is_ok_and(|epoch| epoch.key.id() == before.id()));
        let signers: Vec<_> = std::iter::once(&secrets.epoch).chain(before).collect();
        event.sign(&signers).map_err(TrustError::refused)
    }

    /// Forgets the last epoch's key once the event that ends its epoch is stored; stores that event if the node stopped
    /// in between.
    fn finish_rotation(&self) -> Result<(), TrustError> {
        let trust = self.party()?;
        let secrets = trust.secrets();
        if secrets.before.is_none() {
            return Ok(());
        }
        if self.own_history()?.epoch(secrets.epoch.id()).is_none() {
            let signed = self.prepare_rotation()?;
            // The roots have to sign it: until they do, both keys are kept.
            if self.keep_key_event(trust.party, &signed).is_err() {
                return Ok(());
            }
        }
        let settled = Secrets { before: None, ..secrets.copy() };
        trust.vault.save(&settled, &*self.ids)?;
        trust.vault.forget_next(settled.next)?;
        trust.set_secrets(settled);
        Ok(())
    }

    /// Renews what is about to end. Called from time to time.
    ///
    /// # Errors
    /// As [`Core::rotate`].
    pub fn renew_keys(&self) -> Result<bool, TrustError> {
        let Some(_) = self.trust() else { return Ok(false) };
        let now = self.clock.now();
        let history = self.own_history()?;
        let due = history.current(now).is_ok_and(|epoch| epoch.window.until <= now.plus_micros(RENEW_EPOCH));
        if due {
            let trust = self.party()?;
            let secrets = trust.secrets();
            // A key that is kept elsewhere is brought by people: once an hour they are told, and once in the findings.
            if secrets.before.is_none() && !trust.vault.has_next(secrets.next) {
                return self.next_key_is_wanted(trust, &history, now);
            }
            self.rotate()?;
        }
        Ok(due)
    }

    /// The statement that vouches for a TLS key, for at most seven days.
    ///
    /// # Errors
    /// While there are no keys, or none that hold.
    pub fn vouch_for_leaf(&self, spki: Digest) -> Result<Signed, TrustError> {
        let trust = self.party()?;
        let now = self.clock.now();
        let until = self.own_history()?.current(now).map_err(TrustError::refused)?.window.until;
        let until = until.min(now.plus_micros(MAX_LEAF));
        LeafStatement::issue(trust.party, &trust.secrets().epoch, spki, now, until)
            .map_err(TrustError::refused)
    }

    /// Signs a body as the node, under a context.
    pub(crate) fn sign(&self, body: &str, context: &str) -> Result<Signed, TrustError> {
        let trust = self.party()?;
        Signed::sign(body, context, &[&trust.secrets().epoch]).map_err(TrustError::refused)
    }

    /// Keeps an appointment of a person to a post, or its end, signed by our roots.
    ///
    /// # Errors
    /// [`TrustError::Refused`] with what is wrong with it.
    pub fn add_appointment(&self, signed: &Signed) -> Result<bool, TrustError> {
        let trust = self.party()?;
        self.keep_appointment(trust.party, signed)
    }

    /// Keeps an appointment of any party's, after it was verified against its key history.
    pub(crate) fn keep_appointment(&self, party: PartyId, signed: &Signed) -> Result<bool, TrustError> {
        let registry = self.registry()?;
        let now = self.clock.now();
        let history = registry
            .histories
            .get(&party)
            .ok_or_else(|| TrustError::Missing(format!("a key history of party {}", party.0.short())))?;
        let mut roster = registry.roster(party);
        if roster.apply(signed, history, now).map_err(TrustError::refused)? == Appointed::Known {
            return Ok(false);
        }
        if party != self.party()?.party {
            let most = bounds::MOST_APPOINTMENTS;
            let kept = self.store.read()?.documents(
                self.scope.tenant,
                DocumentKind::Appointment,
                Some(party.0),
                0,
                most,
            )?;
            bounds::within(kept.len(), most, party, "appointments")?;
        }
        let figures = Figures::KeyEvent { party: self.pseudonym(party), event: word("appointment") };
        self.keep_document(DocumentKind::Appointment, party.0, signed, |tx, now| {
            self.book(tx, now, figures, &format!(r#"{{"document":"{}"}}"#, signed.hash())).map(|_| ())
        })
    }
}

pub(super) fn epoch_terms(secrets: &Secrets, now: Timestamp) -> EpochTerms {
    EpochTerms {
        key: secrets.epoch.public().clone(),
        next: secrets.next,
        box_key: secrets.boxed.public(),
        ledger: ledger_key(secrets),
        until: now.plus_micros(MAX_EPOCH),
    }
}
