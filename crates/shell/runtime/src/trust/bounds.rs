//! How much of what other parties sign is kept. A document costs room for ever and a signature to verify, and whoever is
//! paired can make as many as it likes: of what nobody waits for a few are kept, and the rest is refused.
//!
//! What narrows (ending, leaving, suspending) has bounds of its own, so that nothing else stands in its way.

use agreement::acts::{Act, MOST_ACTS, State, What};
use agreement::decision::{Decision, Matter};
use model::{AgreementId, Digest, PartyId, Timestamp};

use super::TrustError;
use super::registry::Registry;

/// Requests for agreements of one party that no offer answers.
pub(crate) const MOST_REQUESTS: usize = 16;

/// Agreements of which one party put the first text forward and which are not signed by all.
pub(crate) const MOST_OFFERS: usize = 64;

/// Acts of one party on agreements of which no text is here.
pub(crate) const MOST_STRAY_ACTS: usize = 64;

/// Acts of one party on one agreement that do not count, or not yet. Those that a later text left behind are not among
/// them.
pub(crate) const MOST_IDLE_ACTS: usize = 64;

/// Decisions of one party that are kept in a day (UTC, by our clock).
pub(crate) const MOST_DECISIONS: usize = 100;

/// Requests of one party to originators that nobody has answered.
pub(crate) const MOST_RELEASE_REQUESTS: usize = 1000;

/// Appointments of one party, ended ones included.
pub(crate) const MOST_APPOINTMENTS: usize = 1000;

/// Whether one more act may be kept: `state` is what the acts come to with it. `own` is our party, whose acts are ours to
/// count.
pub(super) fn act(
    registry: &Registry,
    own: PartyId,
    agreement: AgreementId,
    act: &Act,
    hash: Digest,
    state: &State,
) -> Result<(), TrustError> {
    let party = act.party;
    if party == own {
        return Ok(());
    }
    let of_party = |signed: &&keys::Signed| Act::read(signed).is_ok_and(|act| act.party == party);
    let kept = registry.matters.get(&agreement.0);
    let record = || kept.into_iter().flat_map(|matter| matter.record.acts()).map(|(_, act)| act);
    if let What::Request { to, .. } = &act.what {
        if *to != own {
            return Err(TrustError::refused("a request that is not to this node"));
        }
        let open =
            registry.requests.values().filter(|known| known.from == party && known.answered.is_empty());
        return within(open.count(), MOST_REQUESTS, party, "requests for an agreement that nobody answered");
    }
    if state.versions.is_empty() {
        let strays = registry.matters.values().filter(|matter| !matter.record.has_text());
        let strays = strays.flat_map(|matter| matter.acts.iter()).filter(of_party);
        let strays = strays
            .filter(|signed| Act::read(signed).is_ok_and(|act| !matches!(act.what, What::Request { .. })));
        return within(strays.count(), MOST_STRAY_ACTS, party, "acts on agreements without a text");
    }
    if kept.is_none_or(|matter| !matter.record.has_text()) {
        let open = registry.agreements.values().filter(|agreed| {
            let complete = agreed.state.version().is_some_and(|version| version.complete);
            let taking_part = agreed.state.ever.contains(&own);
            let first = agreed.state.versions.get(&agreed.state.agreement.0);
            (!complete || !taking_part) && first.is_some_and(|first| first.offered.contains(&party))
        });
        within(open.count(), MOST_OFFERS, party, "texts put forward that not all have signed")?;
    }
    let narrows = act.what.narrows();
    let same = record().filter(|known| known.party == party && known.what.narrows() == narrows);
    within(same.count(), MOST_ACTS, party, "acts on one agreement")?;
    let idle = |hash: &Digest| {
        let passed = matches!(state.refused.get(hash), Some(agreement::acts::Refused::Superseded(_)));
        !passed && (state.refused.contains_key(hash) || state.waiting.contains_key(hash))
    };
    if narrows || !idle(&hash) {
        return Ok(());
    }
    let theirs = kept.into_iter().flat_map(|matter| matter.record.acts());
    let count = theirs.filter(|(known, act)| act.party == party && idle(known)).count();
    within(count, MOST_IDLE_ACTS, party, "acts on one agreement that do not count")
}

/// Whether one more decision may be kept.
pub(super) fn decision(registry: &Registry, decision: &Decision, now: Timestamp) -> Result<(), TrustError> {
    let (party, decisions) = (decision.party, &registry.decisions);
    within(decisions.on_day(party, now), MOST_DECISIONS, party, "decisions in one day")?;
    if matches!(decision.matter, Matter::ReleaseRequest { .. }) {
        let open = decisions.open_requests(party);
        return within(open, MOST_RELEASE_REQUESTS, party, "requests to originators that nobody answered");
    }
    Ok(())
}

/// Whether one more of so many that are kept is within a bound.
pub(super) fn within(kept: usize, most: usize, party: PartyId, what: &str) -> Result<(), TrustError> {
    if kept < most {
        return Ok(());
    }
    Err(TrustError::refused(format!(
        "too many {what}: {most} of party {} are kept at a time; what more it sends is refused until some are settled, \
         so ask what it is about",
        party.0.short()
    )))
}
