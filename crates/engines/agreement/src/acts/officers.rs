//! Counting the officers who approve an act.
//!
//! How many must, and of which posts, is what the last text says that the party itself signed. Whoever changes that
//! rule must satisfy the old one too: otherwise one officer could sign a text by which one is enough.

use std::collections::{BTreeMap, BTreeSet};

use keys::posts::Tally;
use model::{Digest, PartyId};

use super::act::{Act, What, approval_text};
use super::record::{Known, Record};
use super::state::Refused;
use crate::proposal::Proposal;
use crate::terms::Party;

/// Counts for every act that needs officers, along each party's chain, wherever the text that is signed is here.
pub(super) fn count(record: &mut Record, known: &Known<'_>) {
    let mut after: BTreeMap<(PartyId, Option<Digest>), Vec<Digest>> = BTreeMap::new();
    let mut parties = BTreeSet::new();
    for (hash, act) in record.acts.iter().filter(|(_, act)| act.agreement == Some(record.agreement)) {
        after.entry((act.party, act.previous)).or_default().push(*hash);
        parties.insert(act.party);
    }
    let mut tallies = std::mem::take(&mut record.tallies);
    let mut approved = BTreeMap::new();
    let starts = parties.into_iter().map(|party| (party, None, None));
    let mut open: Vec<(PartyId, Option<Digest>, Option<&Party>)> = starts.collect();
    while let Some((party, at, rule)) = open.pop() {
        for hash in after.get(&(party, at)).into_iter().flatten() {
            let Some(act) = record.acts.get(hash) else { continue };
            let mut rule = rule;
            if let Some(subject) = Subject::of(record, act) {
                let counted = subject.count(*hash, act, rule, known, &mut tallies);
                if counted.is_ok() {
                    rule = subject.rule.or(rule);
                }
                approved.insert(*hash, counted);
            }
            open.push((party, Some(*hash), rule));
        }
    }
    record.approved = approved;
    record.tallies = tallies;
}

/// What officers are asked to approve.
struct Subject<'r> {
    proposal: Option<&'r Proposal>,
    /// What the text says of the party from then on, if it is a text.
    rule: Option<&'r Party>,
}

impl<'r> Subject<'r> {
    /// `None` for an act that needs no officer, and where the text is not here.
    fn of(record: &'r Record, act: &'r Act) -> Option<Self> {
        let proposal = |version| record.texts.get(version).map(|text| &text.proposal);
        match &act.what {
            What::Agree { version, .. } => {
                let proposal = proposal(version)?;
                Some(Self { proposal: Some(proposal), rule: proposal.terms.parties.get(&act.party) })
            }
            What::Join { version, member, .. } => {
                Some(Self { proposal: Some(proposal(version)?), rule: Some(member) })
            }
            What::Resume { .. } | What::Admit { .. } => Some(Self { proposal: None, rule: None }),
            _ => None,
        }
    }

    fn count(
        &self,
        hash: Digest,
        act: &Act,
        before: Option<&Party>,
        known: &Known<'_>,
        tallies: &mut BTreeMap<(Digest, keys::posts::Post), Tally>,
    ) -> Result<BTreeSet<String>, Refused> {
        let is_text = self.proposal.is_some();
        match self.rule {
            Some(party) if party.id != act.party => return Err(Refused::NotAParty(party.id)),
            Some(party) => fits_keys(party, act, known)?,
            None if is_text => return Err(Refused::NotAParty(act.party)),
            // Whoever never signed a text has no officers here.
            None if before.is_none() => {
                return Err(Refused::OutOfOrder("its party has signed no text before"));
            }
            None => {}
        }
        let text = approval_text(act, self.proposal).unwrap_or_default();
        let mut persons = BTreeSet::new();
        for rule in self.rule.into_iter().chain(before) {
            persons.extend(tally(hash, act, &text, rule, known, tallies)?);
        }
        Ok(persons)
    }
}

/// Whether what a text says of a party is what the party's own keys say.
fn fits_keys(party: &Party, act: &Act, known: &Known<'_>) -> Result<(), Refused> {
    let differs = |problem: String| Err(Refused::NotItsKeys { party: party.id, problem });
    let Some(history) = known.histories.get(&party.id) else { return Err(Refused::UnknownSigner(party.id)) };
    if history.epoch(party.epoch).is_none() {
        return differs(format!("{} is none of its epoch keys", party.epoch));
    }
    match party.identities.iter().find(|identity| !history.spoke_for(identity, act.at)) {
        Some(identity) => differs(format!("it does not speak for {identity}")),
        None => Ok(()),
    }
}

/// Counts distinct persons over all posts that may sign for the party.
fn tally(
    hash: Digest,
    act: &Act,
    text: &str,
    rule: &Party,
    known: &Known<'_>,
    tallies: &mut BTreeMap<(Digest, keys::posts::Post), Tally>,
) -> Result<BTreeSet<String>, Refused> {
    let needed = rule.officers;
    let Some(roster) = known.rosters.get(&act.party).filter(|roster| roster.party() == act.party) else {
        return Err(Refused::Officers {
            counted: 0,
            needed,
            posts: rule.posts.clone(),
            why: vec!["no appointments are known".to_owned()],
        });
    };
    let site = known.sites.get(&act.party);
    let approvals = act.what.approvals().unwrap_or_default();
    let (mut persons, mut why) = (BTreeSet::new(), Vec::new());
    for post in &rule.posts {
        let counted = tallies
            .entry((hash, *post))
            .or_insert_with(|| roster.tally(approvals, text.as_bytes(), *post, act.at, site));
        why.extend(twice(approvals.len(), counted));
        // The roster joins what it knows of a person over all posts, so one who holds two is one.
        persons.extend(counted.persons.iter().cloned());
        why.extend(counted.refusals.iter().map(ToString::to_string));
    }
    let enough = u32::try_from(persons.len()).unwrap_or(u32::MAX) >= needed && needed > 0;
    why.truncate(16);
    if enough {
        Ok(persons)
    } else {
        Err(Refused::Officers { counted: persons.len(), needed, posts: rule.posts.clone(), why })
    }
}

/// Says so when one person approved more than once: whoever hands the same approval in twice meant two persons.
pub(crate) fn twice(approvals: usize, counted: &Tally) -> Option<String> {
    let counting = approvals.saturating_sub(counted.refusals.len());
    (counting > counted.persons.len())
        .then(|| "the same person approved more than once, which counts once".to_owned())
}
