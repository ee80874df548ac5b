//! Oversight reports: made from the ledger, signed, and verified without a node.

use keys::events::KeyHistory;
use keys::{Signed, context};
use ledger::checkpoint::SignedCheckpoint;
use ledger::entry::Opening;
use ledger::merkle::Leaves;
use ledger::note::{NoteKey, Role, origin};
use ledger::policy::Policy;
use ledger::report::{
    Evidence, Input, Leaf, MAX_OVERSEERS, Overseer, Period, Signers, Trusted, Verdict, build, verify,
};
use model::{PartyId, Timestamp};
use ports::trust::{DocumentKind, PeerState};

use super::TrustError;
use super::registry::Registry;
use super::witness::note_keys;
use crate::core::Core;

/// A report, ready to be handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeReport {
    /// The file.
    pub file: String,
    /// Leaves it covers: first, and one past the last.
    pub leaves: (u64, u64),
    /// Witnesses that cosigned the checkpoint it rests on.
    pub witnesses: usize,
}

impl Core {
    /// Makes the oversight report of everything in the ledger up to its newest checkpoint. Only figures and their proofs are
    /// in it: no content, no ids, parties by pseudonym.
    ///
    /// # Errors
    /// [`TrustError::Refused`] when there is no checkpoint yet, or the ledger does not lead to it.
    pub fn report(&self, author: &str) -> Result<MadeReport, TrustError> {
        self.prepare_report()?;
        self.make_report(author)
    }

    /// Writes into the ledger what only a look at what is held can say, and signs a checkpoint over it. Peers cosign it in
    /// their own time; [`Core::make_report`] comes after that.
    ///
    /// # Errors
    /// When the store fails.
    pub fn prepare_report(&self) -> Result<(), TrustError> {
        self.retention_check(true)?;
        self.checkpoint_step()?;
        Ok(())
    }

    /// Whether every peer that can be reached has cosigned the ledger's newest checkpoint.
    ///
    /// # Errors
    /// When the store fails.
    pub fn is_witnessed(&self) -> Result<bool, TrustError> {
        let trust = self.party()?;
        let registry = self.registry()?;
        let name = origin(trust.party);
        let newest = self.checkpoints()?.remove(&name);
        let Some((_, note)) = newest else { return Ok(false) };
        let checkpoint = SignedCheckpoint::parse(&note).map_err(TrustError::refused)?;
        let peers = self.store.read()?.peers(self.scope.tenant)?;
        let reached = peers.iter().filter(|peer| {
            peer.state == PeerState::Paired && peer.endpoint.is_some() && peer.last_error.is_none()
        });
        for peer in reached {
            let keys = note_keys(&registry, peer.party, Role::Witness);
            if checkpoint.cosignatures(&keys).map_err(TrustError::refused)?.is_empty() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Makes the report of everything up to the newest checkpoint, as it is.
    ///
    /// # Errors
    /// As [`Core::report`].
    pub fn make_report(&self, author: &str) -> Result<MadeReport, TrustError> {
        let trust = self.party()?;
        let tenant = self.scope.tenant;
        let now = self.clock.now();
        let read = self.store.read()?;
        let name = origin(trust.party);
        let newest = read.checkpoints(tenant)?.into_iter().find(|(origin, _, _)| *origin == name);
        let (_, size, note) =
            newest.ok_or_else(|| TrustError::refused("the ledger is empty: there is nothing to report"))?;
        let to = SignedCheckpoint::parse(&note).map_err(TrustError::refused)?;
        let hashes = self.leaf_hashes(&*read, size)?;
        let (mut leaves, mut first_at) = (Vec::new(), now);
        while (leaves.len() as u64) < size {
            let page = read.leaves(tenant, leaves.len() as u64, 10_000)?;
            if page.is_empty() {
                return Err(TrustError::refused("the ledger has fewer leaves than its checkpoint says"));
            }
            for leaf in page.into_iter().take(usize::try_from(size).unwrap_or(usize::MAX) - leaves.len()) {
                first_at = first_at.min(leaf.at);
                let opening =
                    leaf.opening.as_deref().map(Opening::parse).transpose().map_err(TrustError::refused)?;
                let evidence = match opening {
                    Some(opening) => Evidence::Shown(opening.shown()),
                    None => Evidence::Withheld("erased".parse().map_err(TrustError::refused)?),
                };
                leaves.push(Leaf { index: leaf.index, hash: leaf.hash, evidence });
            }
        }
        drop(read);
        let registry = self.registry()?;
        let logs = note_keys(&registry, trust.party, Role::Log);
        let overseers = overseers(&registry, trust.party);
        let log = logs.last().ok_or_else(|| TrustError::refused("the key history names no ledger key"))?;
        let input = Input {
            party: trust.party,
            log,
            period: Period { from: first_at, until: now.plus_micros(1) },
            made: now,
            from: None,
            between: &[],
            to: &to,
            previous: None,
            overseers: &overseers,
        };
        let report = build(&input, &mut leaves.into_iter(), &Leaves(&hashes)).map_err(TrustError::refused)?;
        let signed = self.sign(&report.body, context::REPORT)?;
        let file = report.file(&signed);
        self.keep_report(&signed, author)?;
        let witnesses: Vec<NoteKey> =
            registry.peers.keys().flat_map(|party| note_keys(&registry, *party, Role::Witness)).collect();
        let witnesses = to.cosignatures(&witnesses).map_err(TrustError::refused)?.len();
        Ok(MadeReport { file, leaves: (0, size), witnesses })
    }

    fn keep_report(&self, signed: &Signed, author: &str) -> Result<(), TrustError> {
        let trust = self.party()?;
        let tenant = self.scope.tenant;
        self.keep_document(DocumentKind::Report, trust.party.0, signed, |tx, now| {
            tx.audit(tenant, now, author, "audit.report", &signed.hash().short(), "")
        })?;
        Ok(())
    }

    /// The witnesses our peers are, as C2SP verifier keys: what an overseer configures.
    ///
    /// # Errors
    /// When the store fails.
    pub fn witness_keys(&self) -> Result<Vec<String>, TrustError> {
        let registry = self.registry()?;
        let keys = registry.peers.keys().flat_map(|party| note_keys(&registry, *party, Role::Witness));
        Ok(keys.map(|key| key.to_string()).collect())
    }
}

/// Whom the texts that we are under name as their overseers.
fn overseers(registry: &Registry, own: PartyId) -> Vec<Overseer> {
    let ours = registry.agreements.iter().filter(|(_, agreed)| agreed.state.ever.contains(&own));
    let named = ours.filter_map(|(agreement, agreed)| {
        let overseer = agreed.force()?.terms.overseer.as_ref()?;
        Some(Overseer { agreement: *agreement, name: overseer.name.clone(), key: overseer.key.id() })
    });
    named.take(MAX_OVERSEERS).collect()
}

/// Verifies a report file with nothing but the party's key history and the witnesses somebody trusts. `quorum` of them must
/// have cosigned.
///
/// # Errors
/// [`TrustError::Refused`] when one of the files is not what it should be; what is wrong with a report is in the verdict.
pub fn verify_report(
    file: &[u8],
    history: &[u8],
    witnesses: &[String],
    quorum: usize,
    now: Timestamp,
) -> Result<Verdict, TrustError> {
    let history = KeyHistory::parse(history, now).map_err(TrustError::refused)?;
    let witnesses: Vec<NoteKey> = witnesses
        .iter()
        .map(|text| NoteKey::parse(text.trim()))
        .collect::<Result<_, _>>()
        .map_err(TrustError::refused)?;
    let policy = Policy::threshold(quorum, &witnesses).map_err(TrustError::refused)?;
    let party: PartyId = history.party();
    let trusted = Trusted { party, signers: Signers::History(&history), policy: &policy, seen: &[] };
    verify(file, &trusted, None).map_err(TrustError::refused)
}
