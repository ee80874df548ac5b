//! What somebody wants to have blocked, and whether it can be taken as a proposal at all.

use std::collections::BTreeSet;

use model::{StixId, Timestamp};
use observable::{Kind, Observable, normalise};
use serde::{Deserialize, Serialize};

use crate::record::{observed, text, text_or_null};

/// Longest time from a proposal, or from the wish to extend, to the end: 30 days, in microseconds.
pub const MAX_LEASE: i64 = 30 * 86_400 * 1_000_000;
/// Most items of one lease.
pub const MAX_ITEMS: usize = 10_000;
/// Most actuators of one lease.
pub const MAX_ACTUATORS: usize = 16;
/// Longest purpose, reason, name or reference, in bytes.
pub const MAX_TEXT: usize = 1_000;

/// One thing that is to be blocked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// What.
    #[serde(with = "observed")]
    pub observable: Observable,
    /// Only on this port there.
    pub port: Option<u16>,
    /// Id of the STIX object that it comes from. Several objects may name the same thing: it stays blocked until the
    /// last of them is withdrawn.
    pub reference: String,
    /// When that object's validity ends.
    #[serde(with = "text_or_null")]
    pub valid_until: Option<Timestamp>,
}

/// An item that is no longer, or never was, part of a lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Left {
    /// The item.
    pub item: Item,
    /// Why.
    pub why: String,
    /// When.
    #[serde(with = "text")]
    pub at: Timestamp,
}

/// Something that was asked for and that no item could be made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unread {
    /// What was written: a value, or the id of an object.
    pub text: String,
    /// Why.
    pub why: String,
}

/// What somebody wants to have blocked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// What.
    pub items: Vec<Item>,
    /// What else was asked for; it is kept with the lease, and blocked nowhere.
    pub unread: Vec<Unread>,
    /// What for: approvers read it.
    pub purpose: String,
    /// Where: names of actuators.
    pub actuators: Vec<String>,
    /// Until when.
    pub until: Timestamp,
    /// Who proposes.
    pub by: String,
    /// Whether to go on with the others when some items must not be blocked.
    pub keep_rest: bool,
}

/// A proposal cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProposalError {
    /// Nothing is to be blocked.
    #[error("the proposal has no items")]
    NoItems,
    /// More than [`MAX_ITEMS`].
    #[error("the proposal has {0} items; a lease has at most {MAX_ITEMS}: make several")]
    TooManyItems(usize),
    /// Nobody is to block it, the same one twice, or more than [`MAX_ACTUATORS`].
    #[error("the proposal must name 1 to {MAX_ACTUATORS} different actuators")]
    Actuators,
    /// A text is missing or too long.
    #[error("the proposal's {0} must have 1 to {MAX_TEXT} bytes")]
    Text(&'static str),
    /// Its end is not after now.
    #[error("the proposal ends at {0}, which is over already")]
    Over(Timestamp),
    /// Its end is further away than [`MAX_LEASE`].
    #[error("the proposal ends at {0}; a lease ends within 30 days, at {1} at the latest: extend it later")]
    TooFar(Timestamp, Timestamp),
    /// An item is not what it says.
    #[error("the item {value:?} cannot be used: {why}")]
    Item {
        /// The value.
        value: String,
        /// Why.
        why: &'static str,
    },
    /// Items that must not be blocked and what cannot be blocked, and why; the proposer did not say to keep the others,
    /// or there are none.
    #[error("{} items must not be blocked; the first: {}", .0.len() + .1.len(), first(.0, .1))]
    Refused(Vec<Left>, Vec<Unread>),
}

fn first(left: &[Left], unread: &[Unread]) -> String {
    let left = left.first().map(|left| (left.item.observable.to_string(), &left.why));
    let first = left.or_else(|| unread.first().map(|unread| (unread.text.clone(), &unread.why)));
    first.map_or_else(String::new, |(what, why)| format!("{what:?}: {why}"))
}

/// Whether a proposal can be looked at item by item.
pub(crate) fn check(proposal: &Proposal, now: Timestamp) -> Result<(), ProposalError> {
    let asked = proposal.items.len().saturating_add(proposal.unread.len());
    if asked == 0 {
        return Err(ProposalError::NoItems);
    }
    if asked > MAX_ITEMS {
        return Err(ProposalError::TooManyItems(asked));
    }
    let different: BTreeSet<&String> = proposal.actuators.iter().collect();
    let counted = (1..=MAX_ACTUATORS).contains(&proposal.actuators.len());
    if !counted || different.len() < proposal.actuators.len() {
        return Err(ProposalError::Actuators);
    }
    let texts = [("purpose", &proposal.purpose), ("proposer", &proposal.by)];
    let actuators = proposal.actuators.iter().map(|name| ("actuators", name));
    if let Some((what, _)) = texts.into_iter().chain(actuators).find(|(_, text)| !fits(text)) {
        return Err(ProposalError::Text(what));
    }
    if proposal.until <= now {
        return Err(ProposalError::Over(proposal.until));
    }
    let latest = now.plus_micros(MAX_LEASE);
    if proposal.until > latest {
        return Err(ProposalError::TooFar(proposal.until, latest));
    }
    if proposal.unread.iter().any(|unread| !fits(&unread.text) || !fits(&unread.why)) {
        return Err(ProposalError::Text("words on what cannot be blocked"));
    }
    for item in &proposal.items {
        if let Some(why) = wrong(item) {
            return Err(ProposalError::Item { value: item.observable.to_string(), why });
        }
    }
    Ok(())
}

/// Why an item is none.
fn wrong(item: &Item) -> Option<&'static str> {
    let observable = &item.observable;
    let kind = observable.kind();
    let hosts = [Kind::Ipv4, Kind::Ipv6, Kind::Cidr4, Kind::Cidr6, Kind::Domain, Kind::DomainSuffix];
    if normalise(kind, &observable.to_string()).as_ref() != Some(observable) {
        return Some("it is not in its canonical spelling");
    }
    if item.port.is_some_and(|port| port == 0 || !hosts.contains(&kind)) {
        return Some("only addresses, networks and names have ports, from 1 on");
    }
    item.reference.parse::<StixId>().is_err().then_some("it comes from no STIX object")
}

/// Whether a text that a person gave can be kept.
pub(crate) fn fits(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= MAX_TEXT
}

/// Whether a text is a day, `YYYY-MM-DD`.
pub(crate) fn is_day(text: &str) -> bool {
    format!("{text}T00:00:00Z").parse::<Timestamp>().is_ok()
}
