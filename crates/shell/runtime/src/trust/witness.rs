//! The ledger's checkpoints: signed here, cosigned by peers, and theirs by us.

use std::collections::BTreeMap;

use ledger::checkpoint::{Checkpoint, SignedCheckpoint};
use ledger::merkle::{TileReader, consistency_proof, inclusion_proof, root};
use ledger::note::{Announced, LedgerKeys, NoteKey, Role, origin};
use ledger::proof::Proof;
use ledger::tiles::{FULL, Tile};
use ledger::witness::{AddCheckpoint, Alarm, Refusal as Refused, add_checkpoint};
use model::{Digest, PartyId, Timestamp};
use ports::peer::Refusal;
use ports::{Read, StoreError};

use super::registry::Registry;
use super::vault::Secrets;
use super::{Trust, TrustError};
use crate::core::Core;

/// What key events say of the ledger's two keys.
pub(crate) fn ledger_key(secrets: &Secrets) -> String {
    LedgerKeys::announcement(&secrets.ledger)
}

/// The keys of a party's ledger, or those it witnesses with: one for each epoch that had another.
pub(crate) fn note_keys(registry: &Registry, party: PartyId, role: Role) -> Vec<NoteKey> {
    let Some(history) = registry.histories.get(&party) else { return Vec::new() };
    let mut keys: Vec<NoteKey> = Vec::new();
    for epoch in history.epochs() {
        let Ok(announced) = Announced::parse(party, &epoch.ledger) else { continue };
        let key = if role == Role::Log { announced.log } else { announced.witness };
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
}

impl Core {
    fn ledger_keys(&self, trust: &Trust) -> Result<LedgerKeys, TrustError> {
        LedgerKeys::from_seed(trust.party, &trust.secrets().ledger).map_err(TrustError::refused)
    }

    /// Signs a checkpoint over everything in the ledger, if it grew since the last. Returns whether it did.
    ///
    /// # Errors
    /// When the store fails.
    pub fn checkpoint_step(&self) -> Result<bool, TrustError> {
        let Some(trust) = self.trust() else { return Ok(false) };
        let tenant = self.scope.tenant;
        let name = origin(trust.party);
        let read = self.store.read()?;
        let size = read.ledger_size(tenant)?;
        let last = read.checkpoints(tenant)?.into_iter().find(|(origin, _, _)| *origin == name);
        if size == 0 || last.is_some_and(|(_, signed, _)| signed >= size) {
            return Ok(false);
        }
        let root = root(&self.tree(&*read, size), size).map_err(TrustError::refused)?;
        drop(read);
        let checkpoint = Checkpoint { origin: name.clone(), size, root, extensions: Vec::new() };
        let signed = checkpoint.sign(&self.ledger_keys(trust)?.log).map_err(TrustError::refused)?;
        let made = self.store.transact(|tx| {
            // Somebody else may have signed one meanwhile, which peers have perhaps cosigned already.
            if tx.checkpoint(tenant, &name)?.is_some_and(|(signed, _)| signed >= size) {
                return Ok(false);
            }
            tx.set_checkpoint(tenant, &name, size, signed.note())?;
            Ok(true)
        })?;
        if made {
            trust.wake();
        }
        Ok(made)
    }

    /// The ledger's tree of so many leaves: of its tiles those are read that are asked for.
    pub(crate) fn tree<'r>(
        &self,
        read: &'r dyn Read,
        size: u64,
    ) -> TileReader<impl Fn(Tile) -> Option<Vec<Digest>> + use<'r>> {
        let tenant = self.scope.tenant;
        TileReader::new(size, move |tile: Tile| {
            let from = tile.index().checked_mul(FULL.into())?;
            let hashes = read.ledger_hashes(tenant, tile.level()?, from, tile.width().into());
            hashes.inspect_err(|problem| tracing::warn!(%problem, "a tile of the ledger cannot be read")).ok()
        })
    }

    /// The hashes of the first leaves.
    pub(crate) fn leaf_hashes(&self, read: &dyn Read, size: u64) -> Result<Vec<Digest>, StoreError> {
        let mut hashes = Vec::new();
        while (hashes.len() as u64) < size {
            let more = read.leaf_hashes(self.scope.tenant, hashes.len() as u64, 65_536)?;
            if more.is_empty() {
                return Err(StoreError::Corrupt("the ledger has fewer leaves than it counts".to_owned()));
            }
            hashes.extend(more);
        }
        hashes.truncate(usize::try_from(size).unwrap_or(usize::MAX));
        Ok(hashes)
    }

    /// Our newest checkpoint for a peer that has cosigned an older one.
    pub(crate) fn checkpoint_for(
        &self,
        read: &dyn Read,
        trust: &Trust,
        to: PartyId,
        witnessed: u64,
    ) -> Result<Option<(Vec<u8>, u64)>, TrustError> {
        let tenant = self.scope.tenant;
        let name = origin(trust.party);
        let newest = read.checkpoints(tenant)?.into_iter().find(|(origin, _, _)| *origin == name);
        let Some((_, size, note)) = newest.filter(|(_, size, _)| *size > witnessed) else { return Ok(None) };
        let old = read.named_cursor(tenant, &witness_cursor(to))?.map_or(0, |seq| seq.0);
        if old >= size {
            return Ok(None);
        }
        let proof = if old == 0 {
            Vec::new()
        } else {
            consistency_proof(&self.tree(read, size), old, size).map_err(TrustError::refused)?
        };
        let checkpoint = SignedCheckpoint::parse(&note).map_err(TrustError::refused)?;
        Ok(Some((AddCheckpoint { old, proof, checkpoint }.to_text().into_bytes(), size)))
    }

    /// A peer cosigned our checkpoint of `offered` leaves. Returns whether that settles it: one that has seen another size
    /// than we remember has to be offered it again, from there.
    pub(crate) fn cosigned(
        &self,
        trust: &Trust,
        by: PartyId,
        body: &[u8],
        offered: u64,
        now: Timestamp,
    ) -> Result<bool, TrustError> {
        let tenant = self.scope.tenant;
        let name = origin(trust.party);
        let lines = std::str::from_utf8(body).unwrap_or_default();
        if let Some(known) = lines.strip_prefix("known ").and_then(|known| known.trim().parse::<u64>().ok()) {
            let newest =
                self.store.read()?.checkpoints(tenant)?.into_iter().find(|(origin, ..)| *origin == name);
            if newest.is_none_or(|(_, size, _)| known > size) {
                let message = format!(
                    "it says it has seen this ledger with {known} entries, which is more than there ever were: it is \
                     wrong, or this node was restored from a backup"
                );
                return self.alarm(by, "shieldwall/witness", message, now).map(|()| true);
            }
            self.store.transact(|tx| tx.set_cursor(tenant, &witness_cursor(by), model::Seq(known)))?;
            return Ok(false);
        }
        let registry = self.registry()?;
        let keys = note_keys(&registry, by, Role::Witness);
        let outcome = self.store.transact(|tx| {
            // A larger one may have been signed meanwhile: these lines are not for it, and it is offered next.
            let newest = tx.checkpoint(tenant, &name)?.filter(|(size, _)| *size == offered);
            let Some((size, note)) = newest else { return Ok(Ok(())) };
            let Ok(checkpoint) = SignedCheckpoint::parse(&note) else { return Ok(Ok(())) };
            match checkpoint.with_lines(lines, &keys) {
                Ok(checkpoint) => {
                    tx.set_checkpoint(tenant, &name, size, checkpoint.note())?;
                    tx.set_cursor(tenant, &witness_cursor(by), model::Seq(size))?;
                    Ok(Ok(()))
                }
                Err(problem) => Ok(Err(problem)),
            }
        })?;
        if let Err(problem) = outcome {
            self.alarm(by, "shieldwall/witness", format!("its cosignature does not verify: {problem}"), now)?;
        }
        Ok(true)
    }

    /// Witnesses a peer's checkpoint.
    pub(crate) fn answer_witness(&self, from: PartyId, body: &[u8]) -> Result<Vec<u8>, Refusal> {
        let text = std::str::from_utf8(body).map_err(|_| Refusal::Invalid("not text".to_owned()))?;
        let request = AddCheckpoint::parse(text).map_err(|problem| Refusal::Invalid(problem.to_string()))?;
        let trust = self.trust().ok_or(Refusal::Failed)?;
        let registry = self.registry().map_err(|_| Refusal::Failed)?;
        let keys = note_keys(&registry, from, Role::Log);
        let own = self.ledger_keys(trust).map_err(|_| Refusal::Failed)?;
        let now = self.clock.now();
        let tenant = self.scope.tenant;
        let name = origin(from);
        let outcome = self
            .store
            .transact(|tx| {
                let seen =
                    tx.checkpoint(tenant, &name)?.and_then(|(_, note)| SignedCheckpoint::parse(&note).ok());
                let outcome = add_checkpoint(&request, &keys, seen.as_ref(), &own.witness, now);
                if let Ok(accepted) = &outcome.answer {
                    let size = accepted.seen.checkpoint().size;
                    tx.set_checkpoint(tenant, &name, size, accepted.seen.note())?;
                }
                Ok(outcome)
            })
            .map_err(|_| Refusal::Failed)?;
        if let Some(alarm) = &outcome.alarm {
            let _ = self.ledger_alarm(from, alarm, now);
        }
        match outcome.answer {
            Ok(accepted) => Ok(accepted.lines.into_bytes()),
            Err(Refused::Conflict { known }) if outcome.alarm.is_none() => {
                Ok(format!("known {known}\n").into_bytes())
            }
            Err(problem) => Err(Refusal::Invalid(problem.to_string())),
        }
    }

    /// Tells people that a peer's ledger went back or shows two faces: once for each checkpoint that was seen of it, however
    /// often it is offered another.
    fn ledger_alarm(&self, from: PartyId, alarm: &Alarm, now: Timestamp) -> Result<(), TrustError> {
        let (rule, what) = match alarm {
            Alarm::Rollback { .. } => ("shieldwall/ledger-rollback", "its ledger went back"),
            _ => ("shieldwall/ledger-equivocation", "its ledger shows two faces"),
        };
        let (seen, offered) = alarm.notes();
        let tenant = self.scope.tenant;
        let size =
            self.store.read()?.checkpoints(tenant)?.into_iter().find(|(name, ..)| *name == origin(from));
        let told = model::Seq(size.map_or(0, |(_, size, _)| size).saturating_add(1));
        let name = format!("{rule}:{from}");
        let before = self.store.read()?.named_cursor(tenant, &name)?;
        if before == Some(told) {
            return Ok(());
        }
        self.alarm(from, rule, format!("{what}; seen:\n{seen}\noffered:\n{offered}"), now)?;
        Ok(self.store.transact(|tx| tx.set_cursor(tenant, &name, told))?)
    }

    /// What every log's newest checkpoint is, as a signed note, by origin.
    ///
    /// # Errors
    /// When the store fails.
    pub fn checkpoints(&self) -> Result<BTreeMap<String, (u64, String)>, TrustError> {
        let all = self.store.read()?.checkpoints(self.scope.tenant)?;
        Ok(all.into_iter().map(|(origin, size, note)| (origin, (size, note))).collect())
    }
}

pub(crate) fn witness_cursor(by: PartyId) -> String {
    format!("witness:{by}")
}

impl Core {
    /// The proof that an entry is in the ledger (C2SP tlog-proof), and the entry's opening while there is one.
    ///
    /// # Errors
    /// [`TrustError::Missing`] for an entry that is not there, or not under a checkpoint yet.
    pub fn entry_proof(&self, index: u64) -> Result<(String, Option<String>), TrustError> {
        let trust = self.party()?;
        let tenant = self.scope.tenant;
        let read = self.store.read()?;
        let missing = || TrustError::Missing(format!("ledger entry {index} under a checkpoint"));
        let name = origin(trust.party);
        let newest = read.checkpoints(tenant)?.into_iter().find(|(origin, _, _)| *origin == name);
        let (_, size, note) = newest.filter(|(_, size, _)| index < *size).ok_or_else(missing)?;
        let leaf = read.leaves(tenant, index, 1)?.into_iter().next().ok_or_else(missing)?;
        let path = inclusion_proof(&self.tree(&*read, size), size, index).map_err(TrustError::refused)?;
        let checkpoint = SignedCheckpoint::parse(&note).map_err(TrustError::refused)?;
        let proof = Proof { index, hashes: path, checkpoint, extra: None };
        Ok((proof.to_text(), leaf.opening))
    }
}
