//! What is checked of what a node holds.

use std::collections::{BTreeMap, BTreeSet};

use ledger::checkpoint::SignedCheckpoint;
use ledger::merkle::{Leaves, root};
use ledger::note::origin;
use model::{Digest, Label, Seq, StixId, Timestamp};
use ports::{JournalKind, ObjectFilter};

use super::truth::Truth;
use super::watch::unseen;
use crate::member::Member;
use crate::problem::Problem;

/// What was seen of one node's store before.
#[derive(Default)]
pub(crate) struct Seen {
    journal: u64,
    last_erased: u64,
    stored: BTreeMap<(StixId, Timestamp), u64>,
    leaves: u64,
    /// Envelopes that the ledger says were taken in, or that something left by.
    booked: BTreeSet<(String, String)>,
    /// Own checkpoints: size and root.
    checkpoints: BTreeMap<u64, Digest>,
}

/// Whether a type needs no permission of its own: it explains others.
fn explains(type_name: &str) -> bool {
    matches!(type_name, "identity" | "marking-definition" | "extension-definition")
}

impl Seen {
    /// Checks what changed in a node's store, and everything it holds.
    pub(crate) fn check(
        &mut self,
        truth: &Truth,
        member: &Member,
        identities: &BTreeMap<StixId, String>,
    ) -> Result<(), Problem> {
        self.ledger(truth, member)?;
        self.journal(member)?;
        held(truth, member, identities)
    }

    /// The ledger never shrinks, books each envelope once, and shows nothing of any object.
    fn ledger(&mut self, truth: &Truth, member: &Member) -> Result<(), Problem> {
        let at = member.index;
        let (tenant, read) = (member.core.scope.tenant, member.core.store.read()?);
        let size = read.ledger_size(tenant)?;
        if size < self.leaves {
            return Err(Problem(format!("node {at}: the ledger had {} leaves and has {size}", self.leaves)));
        }
        for leaf in read.leaves(tenant, self.leaves, 100_000)? {
            if leaf.index != self.leaves {
                return Err(Problem(format!(
                    "node {at}: leaf {} stands where {} should",
                    leaf.index, self.leaves
                )));
            }
            self.leaves += 1;
            let shown = format!("{} {} {} {}", leaf.hash, leaf.commitment, leaf.kind, leaf.at);
            unseen(truth.items.values(), shown.as_bytes(), "a leaf of the ledger")?;
            unseen(truth.items.values(), &leaf.commitment.0, "a leaf of the ledger")?;
            let opening = leaf.opening.unwrap_or_default();
            let Some((_, rest)) = opening.split_once("\"envelope\":\"") else { continue };
            let envelope: String = rest.chars().take(64).collect();
            if !self.booked.insert((leaf.kind.clone(), envelope)) {
                return Err(Problem(format!("node {at}: one {} is in the ledger twice", leaf.kind)));
            }
        }
        let name = origin(member.party);
        for (log, size, note) in read.checkpoints(tenant)? {
            unseen(truth.items.values(), note.as_bytes(), "a checkpoint")?;
            if log == name {
                let signed = SignedCheckpoint::parse(&note)?;
                let root = signed.checkpoint().root;
                if self.checkpoints.last_key_value().is_some_and(|(last, _)| *last > size) {
                    return Err(Problem(format!("node {at}: its checkpoint went back to {size} leaves")));
                }
                if self.checkpoints.insert(size, root).is_some_and(|before| before != root) {
                    return Err(Problem(format!("node {at}: two checkpoints of {size} leaves")));
                }
            }
        }
        Ok(())
    }

    /// Every checkpoint ever signed is one of the ledger as it is now.
    pub(crate) fn consistent(&self, member: &Member) -> Result<(), Problem> {
        let read = member.core.store.read()?;
        let hashes = read.leaf_hashes(member.core.scope.tenant, 0, 1_000_000)?;
        for (size, signed) in &self.checkpoints {
            if root(&Leaves(&hashes), *size)? != *signed {
                return Err(Problem(format!(
                    "node {}: its checkpoint of {size} leaves is not of its ledger",
                    member.index
                )));
            }
        }
        Ok(())
    }

    /// The journal has no gaps, and no version enters it twice unless it was erased in between.
    fn journal(&mut self, member: &Member) -> Result<(), Problem> {
        let at = member.index;
        let read = member.core.store.read()?;
        for row in read.journal(member.core.scope.tenant, Seq(self.journal), 100_000)? {
            self.journal += 1;
            if row.seq.0 != self.journal {
                return Err(Problem(format!("node {at}: journal entry {} is {}", self.journal, row.seq)));
            }
            match (row.kind, row.object) {
                (JournalKind::Erased, _) => self.last_erased = row.seq.0,
                (JournalKind::Put | JournalKind::History, Some(object)) => {
                    let before = self.stored.insert((object.id.clone(), object.version), row.seq.0);
                    if before.is_some_and(|before| self.last_erased < before) {
                        return Err(Problem(format!(
                            "node {at}: {} {} was taken in twice",
                            object.id, object.version
                        )));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Whatever a node holds was given to it, as it was published, and was not taken back since.
fn held(truth: &Truth, member: &Member, identities: &BTreeMap<StixId, String>) -> Result<(), Problem> {
    let at = member.index;
    let read = member.core.store.read()?;
    let scope = member.core.scope;
    let everything = ObjectFilter { all_versions: true, ..ObjectFilter::default() };
    for stored in read.objects(scope, &everything, None, 100_000)? {
        let fail = |why: &str| Problem(format!("node {at} holds {} {}: {why}", stored.id, stored.version));
        if let Some(identity) = identities.get(&stored.id) {
            if *identity != stored.raw {
                return Err(fail("an identity that is not its organisation's own text"));
            }
            continue;
        }
        let Some(item) = truth.items.get(&stored.id) else {
            if stored.source.0 == 0 && explains(stored.id.type_name()) {
                continue;
            }
            return Err(fail("nobody published it"));
        };
        if item.owner == at {
            continue;
        }
        let key = (at, item.id.clone());
        let Some(given) = truth.given.get(&key).and_then(|texts| texts.get(&stored.raw)) else {
            return Err(fail("it was never given that, under any agreement"));
        };
        if truth.must_be_gone(at, &item.id) {
            return Err(fail("it was taken back, and the node was told"));
        }
        if stored.label.rank() > Label::Tlp(given.widest).rank() {
            let (here, most) = (stored.label, given.widest);
            return Err(fail(&format!("as {here}, a wider label than it was given with: {most}")));
        }
    }
    for value in read.held(scope, false, 10_000)? {
        if truth.items.contains_key(&value.object) && truth.must_be_gone(at, &value.object) {
            return Err(Problem(format!(
                "node {at} keeps {} for a decision, and it was taken back",
                value.object
            )));
        }
    }
    for holding in read.holdings(scope.tenant, None, 0, 100_000)? {
        let Some(id) = holding.object.filter(|_| holding.ended.is_none() && holding.version.is_some()) else {
            continue;
        };
        if read.object(scope, &id, None)?.is_none() {
            return Err(Problem(format!("node {at} counts {id} among its holdings, and does not hold it")));
        }
    }
    Ok(())
}
