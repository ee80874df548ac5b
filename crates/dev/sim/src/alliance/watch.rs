//! What is checked of everything that leaves a node.

use std::collections::BTreeSet;

use exchange::wire::{FrameLimits, Push};
use exchange::{Body, Envelope};
use json::{Limits, Tape};
use model::StixId;
use ports::peer::Topic;

use super::truth::{Given, Item, Route, Truth};
use crate::member::Member;
use crate::problem::Problem;

/// Withdrawals in something that is under way: object, route, and whether its creator takes it back.
pub(crate) type Withdrawals = Vec<(StixId, Route, bool)>;

/// A call is about to leave. Everything in it must be something its receiver may have.
pub(crate) fn departs(
    truth: &mut Truth,
    from: &Member,
    to: usize,
    topic: Topic,
    body: &[u8],
) -> Result<Withdrawals, Problem> {
    if topic == Topic::Push {
        let push = Push::decode(body, &FrameLimits::default())?;
        return pushed(truth, from, to, &push);
    }
    unseen(truth.items.values(), body, &format!("a {} call from node {}", topic.as_str(), from.index))?;
    Ok(Vec::new())
}

/// An answer is about to leave: no answer says anything of an object.
pub(crate) fn answers(truth: &Truth, by: &Member, topic: Topic, body: &[u8]) -> Result<(), Problem> {
    unseen(
        truth.items.values(),
        body,
        &format!("an answer to a {} call by node {}", topic.as_str(), by.index),
    )
}

/// Nothing in some bytes tells of these objects.
pub(crate) fn unseen<'i>(
    items: impl Iterator<Item = &'i Item>,
    bytes: &[u8],
    place: &str,
) -> Result<(), Problem> {
    for item in items {
        if let Some(trace) = item.trace_in(bytes) {
            return Err(Problem(format!("{place} shows {trace}: {}", item.id)));
        }
    }
    Ok(())
}

/// Entries of a stream are about to leave, by call or in a file.
pub(crate) fn pushed(
    truth: &mut Truth,
    from: &Member,
    to: usize,
    push: &Push,
) -> Result<Withdrawals, Problem> {
    let mut withdrawals = Vec::new();
    let agreement = push.segment.stream.agreement;
    let pact = truth.pacts.iter().position(|pact| pact.id == agreement);
    let pact =
        pact.ok_or_else(|| Problem(format!("node {} sends under an unknown agreement", from.index)))?;
    for entry in &push.entries {
        unseen(truth.items.values(), entry.envelope.as_bytes(), "an envelope")?;
        let envelope = Envelope::parse(&entry.envelope)?;
        let Some(opening) = &entry.opening else { continue };
        match Body::parse(envelope.kind, &opening.payload)? {
            Body::Put(content) | Body::Supersede(content) | Body::Sighting(content) => {
                given(truth, from, to, pact, &envelope, content.object)?;
                // What may be given is no secret, though it may follow only later.
                let known: &Truth = truth;
                let secret = |item: &&Item| {
                    let may = known.why_not(item, from.index, to, pact, &envelope.terms, item.label());
                    let given = known.given.contains_key(&(to, item.id.clone())) || item.owner == to;
                    !given && (may.is_some() || item.withdrawn)
                };
                let others = known.items.values().filter(secret);
                unseen(
                    others,
                    opening.payload.as_bytes(),
                    &format!("a payload from node {} to node {to}", from.index),
                )?;
                if truth.accounted.insert(Envelope::hash_of(&entry.envelope)) {
                    accounted(from, &entry.envelope, &envelope)?;
                }
            }
            Body::Withdraw(withdraw) => {
                let name = (from.index, to, pact, withdraw.subject);
                if let Some(id) = truth.names.get(&name) {
                    withdrawals.push((
                        id.clone(),
                        Route { from: from.index, pact },
                        withdraw.creator_withdrawal,
                    ));
                }
                unseen(truth.items.values(), opening.payload.as_bytes(), "a withdrawal")?;
            }
            _ => unseen(truth.items.values(), opening.payload.as_bytes(), "a statement in a stream")?,
        }
    }
    Ok(withdrawals)
}

/// An object is about to leave: the naive check must allow it.
fn given(
    truth: &mut Truth,
    from: &Member,
    to: usize,
    pact: usize,
    envelope: &Envelope,
    object: &str,
) -> Result<(), Problem> {
    let mut tape = Tape::new();
    let value = tape.parse(object.as_bytes(), &Limits::OBJECT).map_err(Problem::new)?;
    let id: StixId = value
        .get("id")
        .and_then(|id| id.as_str())
        .and_then(|id| id.parse().ok())
        .ok_or_else(|| Problem::new("an object without id leaves"))?;
    // An organisation's own identity is public, and goes to whoever deals with it.
    if id.type_name() == "identity" {
        return Ok(());
    }
    let fail = |why: &str| {
        Problem(format!("{id} leaves node {} for node {to} under agreement {pact}: {why}", from.index))
    };
    let item = truth.items.get(&id).ok_or_else(|| fail("nobody published it"))?;
    if !item.versions.iter().any(|version| version.text == object) {
        return Err(fail("with another text than its creator published"));
    }
    // Whoever passes something on goes by what it was told so far.
    let owner = item.owner == from.index;
    let label = if owner { item.label() } else { known_label(from, &id)?.unwrap_or(item.label()) };
    if let Some(why) = truth.why_not(item, from.index, to, pact, &envelope.terms, label) {
        return Err(fail(&why));
    }
    truth.names.insert((from.index, to, pact, envelope.subject), id.clone());
    let texts = truth.given.entry((to, id)).or_default();
    let given =
        texts.entry(object.to_owned()).or_insert_with(|| Given { routes: BTreeSet::new(), widest: label });
    given.routes.insert(Route { from: from.index, pact });
    given.widest = given.widest.max(label);
    Ok(())
}

/// The label under which a node holds an object.
fn known_label(node: &Member, id: &StixId) -> Result<Option<model::Tlp>, Problem> {
    let stored = node.core.store.read()?.object(node.core.scope, id, None)?;
    Ok(stored.and_then(|stored| match stored.label {
        model::Label::Tlp(tlp) => Some(tlp),
        model::Label::OwnOnly => None,
    }))
}

/// A departure has a decision that permits it, a disclosure and a leaf in the ledger.
fn accounted(from: &Member, text: &str, envelope: &Envelope) -> Result<(), Problem> {
    let (tenant, read) = (from.core.scope.tenant, from.core.store.read()?);
    let (to, agreement) = (envelope.stream.to, envelope.stream.agreement);
    let fail = |what: &str| {
        Problem(format!(
            "entry {} of node {} under {} left without {what}",
            envelope.seq,
            from.index,
            agreement.0.short()
        ))
    };
    let before = model::DecisionId(envelope.decision.0.saturating_add(1));
    let decisions = read.decisions(tenant, None, Some(before), 1)?;
    let decided = decisions.iter().any(|decision| {
        decision.id == envelope.decision
            && decision.permitted
            && decision.to == to
            && decision.agreement == agreement
    });
    if !decided {
        return Err(fail("a decision that permits it"));
    }
    let disclosed = read.disclosures(tenant, None, false, 0, 10_000)?;
    if !disclosed
        .iter()
        .any(|row| row.subject == envelope.subject && row.to == to && row.agreement == agreement)
    {
        return Err(fail("a disclosure"));
    }
    let hash = Envelope::hash_of(text).to_string();
    let leaves = read.leaves(tenant, 0, 100_000)?;
    let booked = leaves.iter().any(|leaf| {
        leaf.kind == "disclosure" && leaf.opening.as_ref().is_some_and(|opening| opening.contains(&hash))
    });
    if booked { Ok(()) } else { Err(fail("a leaf in the ledger")) }
}

/// Withdrawals have been taken in by a node.
pub(crate) fn told(truth: &mut Truth, node: usize, withdrawals: &Withdrawals) {
    for (id, route, creator) in withdrawals {
        let key = (node, id.clone());
        if *creator {
            truth.told_by_creator.entry(key.clone()).or_default();
        }
        truth.told.entry(key).or_default().entry(*route).or_default();
    }
}
