//! Who takes part: memberships of a circle in effect, who has left, who asks to join.

use std::collections::{BTreeMap, BTreeSet};

use model::{Digest, PartyId};

use super::act::What;
use super::judge::{Judge, MOST_CONFLICTS};
use super::membership::{Member, Membership};
use super::state::MembershipState;
use crate::terms::{Circle, Form};

/// Who takes part in the version that governs.
#[derive(Default)]
pub(super) struct Part {
    pub(super) memberships: BTreeMap<u32, MembershipState>,
    pub(super) proposed: BTreeMap<Digest, MembershipState>,
    pub(super) joining: BTreeMap<PartyId, Digest>,
    pub(super) active: BTreeSet<PartyId>,
    pub(super) ever: BTreeSet<PartyId>,
}

/// Works out who takes part, and tells the judge of contradicting memberships.
pub(super) fn of(judge: &mut Judge<'_>, current: Option<Digest>) -> Part {
    let mut part = Part::default();
    for version in judge.complete() {
        part.ever.extend(everyone(judge, version));
        part.ever.extend(effective(judge, version).iter().flat_map(|m| m.members.keys().copied()));
    }
    let Some(current) = current else { return part };
    let in_effect = effective(judge, &current).to_vec();
    let Some(newest) = in_effect.last() else { return part };
    let is_circle = circle(judge, &current).is_some();
    let stays = |(_, member): &(&PartyId, &Member)| !is_circle || !has_left(judge, &current, member);
    part.active = newest.members.iter().filter(stays).map(|(party, _)| *party).collect();
    for (hash, membership) in of_version(judge, &current) {
        if !in_effect.iter().any(|known| known.hash == hash) {
            part.proposed.insert(hash, shown(judge, hash, membership));
        }
    }
    for (party, line) in judge.lines.iter().filter(|(party, _)| !part.active.contains(party)) {
        let after_leaving = |place: usize| line.left.is_none_or(|(left, _)| left < place);
        let asks = line.joined.iter().filter(|(act, (place, _))| {
            let about = judge.record.acts.get(*act).and_then(|act| act.what.version());
            about == Some(current) && after_leaving(*place)
        });
        if let Some((act, _)) = asks.max_by_key(|(_, step)| **step) {
            part.joining.insert(*party, *act);
        }
    }
    part.memberships = in_effect.into_iter().map(|membership| (membership.number, membership)).collect();
    contradictions(judge, &current);
    part
}

/// Everyone who has a say in what follows a version: parties of its text, and members of its newest membership.
pub(super) fn everyone(judge: &Judge<'_>, version: &Digest) -> BTreeSet<PartyId> {
    let text = judge.terms(version).map(|terms| terms.party_ids()).unwrap_or_default();
    let newest = effective(judge, version).last().map(|membership| membership.members.keys().copied());
    text.into_iter().chain(newest.into_iter().flatten()).collect()
}

fn circle<'r>(judge: &Judge<'r>, version: &Digest) -> Option<&'r Circle> {
    match &judge.terms(version)?.form {
        Form::Circle(circle) => Some(circle),
        Form::Bilateral => None,
    }
}

fn of_version<'r>(judge: &Judge<'r>, version: &Digest) -> BTreeMap<Digest, &'r Membership> {
    let all = judge.record.memberships.iter();
    all.filter(|(_, membership)| membership.version == *version).map(|(hash, m)| (*hash, m)).collect()
}

/// Works out what the rest of this module and the judge ask for again and again.
pub(super) fn prepare(judge: &mut Judge<'_>) {
    let mut signers: BTreeMap<Digest, BTreeSet<PartyId>> = BTreeMap::new();
    for (party, line) in &judge.lines {
        for own in line.admitted.keys() {
            let mut at = Some(*own);
            while let Some(hash) = at.filter(|hash| signers.entry(*hash).or_default().insert(*party)) {
                at = judge.record.memberships.get(&hash).map(|membership| membership.previous);
            }
        }
    }
    judge.signers = signers;
    judge.effective =
        judge.record.texts.keys().map(|version| (*version, in_effect(judge, version))).collect();
}

fn signers(judge: &Judge<'_>, hash: &Digest) -> BTreeSet<PartyId> {
    judge.signers.get(hash).cloned().unwrap_or_default()
}

fn effective<'j>(judge: &'j Judge<'_>, version: &Digest) -> &'j [MembershipState] {
    judge.effective.get(version).map(Vec::as_slice).unwrap_or_default()
}

fn shown(judge: &Judge<'_>, hash: Digest, membership: &Membership) -> MembershipState {
    MembershipState {
        number: membership.number,
        hash,
        members: membership.members.clone(),
        signed: signers(judge, &hash).into_iter().filter(|p| membership.members.contains_key(p)).collect(),
    }
}

/// Memberships in effect under a version, in order. Where two could follow one, neither does.
fn in_effect(judge: &Judge<'_>, version: &Digest) -> Vec<MembershipState> {
    let Some(terms) = judge.terms(version) else { return Vec::new() };
    let members = terms.parties.values().map(|party| (party.id, Member { party: party.clone(), join: None }));
    let signed =
        terms.parties.keys().filter(|party| judge.agreed_at(party, version).is_some()).copied().collect();
    let mut out = vec![MembershipState { number: 1, hash: *version, members: members.collect(), signed }];
    let Some(circle) = circle(judge, version) else { return out };
    let candidates = of_version(judge, version);
    while let Some(last) = out.last() {
        let mut next = candidates.iter().filter(|(hash, next)| follows(judge, circle, last, hash, next));
        match (next.next(), next.next()) {
            (Some((hash, membership)), None) => {
                let next = shown(judge, *hash, membership);
                out.push(next);
            }
            _ => break,
        }
    }
    out
}

/// Whether a membership is in effect after another: enough of those members signed it, and who is new asked to join.
fn follows(
    judge: &Judge<'_>,
    circle: &Circle,
    last: &MembershipState,
    hash: &Digest,
    next: &Membership,
) -> bool {
    if next.previous != last.hash || next.number != last.number.saturating_add(1) {
        return false;
    }
    let voters = last.members.values().filter(|member| !has_left(judge, &next.version, member));
    let signers = signers(judge, hash);
    let votes = voters.filter(|member| signers.contains(&member.party.id)).count();
    let quorum = usize::try_from(circle.join_quorum).unwrap_or(usize::MAX);
    let most = usize::try_from(circle.most_members).unwrap_or(usize::MAX);
    let keys: BTreeSet<&str> = next.members.values().map(|member| member.party.key.as_str()).collect();
    let identities = || next.members.values().flat_map(|member| &member.party.identities);
    let known = |member: &Member| last.members.get(&member.party.id) == Some(member);
    votes >= quorum
        && (2..=most).contains(&next.members.len())
        && keys.len() == next.members.len()
        && identities().collect::<BTreeSet<_>>().len() == identities().count()
        && next.members.values().all(|member| known(member) || asked(judge, &next.version, member))
}

/// Whether a member's own act of joining, under its officers' approvals, says the same of it as the membership.
fn asked(judge: &Judge<'_>, version: &Digest, member: &Member) -> bool {
    let Some(act) = member.join else { return false };
    let counted = judge.lines.get(&member.party.id).is_some_and(|line| line.joined.contains_key(&act));
    counted
        && judge.record.acts.get(&act).is_some_and(|act| match &act.what {
            What::Join { version: about, member: own, .. } => about == version && **own == member.party,
            _ => false,
        })
}

/// Whether a member left after it came in.
fn has_left(judge: &Judge<'_>, version: &Digest, member: &Member) -> bool {
    let party = &member.party.id;
    let Some(line) = judge.lines.get(party) else { return false };
    let came = match &member.join {
        Some(act) => line.joined.get(act).copied(),
        None => judge.agreed_at(party, version),
    };
    match (line.left, came) {
        (Some((left, _)), Some((came, _))) => left > came,
        (left, _) => left.is_some(),
    }
}

/// Whether a membership is `later` or one of those before it.
fn follows_on(judge: &Judge<'_>, earlier: &Digest, later: &Digest) -> bool {
    let (mut seen, mut at) = (BTreeSet::new(), Some(*later));
    while let Some(hash) = at.filter(|hash| hash != earlier && seen.insert(*hash)) {
        at = judge.record.memberships.get(&hash).map(|membership| membership.previous);
    }
    at.as_ref() == Some(earlier)
}

/// Two memberships of one version of which neither follows the other, signed by one party or both in effect.
fn contradictions(judge: &mut Judge<'_>, version: &Digest) {
    let Some(circle) = circle(judge, version) else { return };
    let candidates = of_version(judge, version);
    let mut found = Vec::new();
    for (party, line) in &judge.lines {
        let own = line.admitted.keys().filter_map(|hash| Some((candidates.get(hash)?.number, *hash)));
        let own: BTreeSet<(u32, Digest)> = own.collect();
        // By number: where each follows the one before, all are on one line.
        let pairs = own.iter().zip(own.iter().skip(1)).map(|((_, a), (_, b))| (*a, *b));
        let apart = pairs.filter(|(a, b)| !follows_on(judge, a, b)).take(MOST_CONFLICTS);
        found.extend(apart.map(|(a, b)| (Some(*party), a, b)));
    }
    if let Some(last) = effective(judge, version).last() {
        let next = candidates.iter().filter(|(hash, next)| follows(judge, circle, last, hash, next));
        let next: Vec<Digest> = next.map(|(hash, _)| *hash).collect();
        for (a, b) in next.iter().zip(next.iter().skip(1)) {
            found.push((None, *a, *b));
        }
    }
    for (party, a, b) in found {
        judge.conflict(party, "memberships", a, b);
    }
}
