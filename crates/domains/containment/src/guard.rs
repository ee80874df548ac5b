//! What must never be blocked, whoever asks for it.

use std::fmt;
use std::net::IpAddr;

use observable::{Kind, Observable, normalise};

use crate::proposal::Item;

/// Why something is on the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Guarded {
    /// A network of our own.
    OwnNetwork,
    /// A name of our own.
    OwnName,
    /// Where a peer's node is reached.
    Peer,
    /// A gateway that packets leave by.
    Gateway,
    /// A resolver that names are looked up at.
    Resolver,
    /// Where an actuator, a log source or another service of this node is reached.
    Service,
    /// The house says so.
    House,
}

impl Guarded {
    /// In words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OwnNetwork => "our own network",
            Self::OwnName => "our own name",
            Self::Peer => "a peer's node",
            Self::Gateway => "a gateway",
            Self::Resolver => "a resolver",
            Self::Service => "a service this node needs",
            Self::House => "on the house's list",
        }
    }
}

impl fmt::Display for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What others say about an item.
pub trait Verdicts {
    /// The warning list that says the value is benign; `None` when none does.
    fn warning(&self, observable: &Observable) -> Option<String>;

    /// Why the object that an item comes from must not be used for blocking here; `None` when it may.
    fn forbidden(&self, reference: &str) -> Option<String>;
}

/// The list. It covers whatever would reach a guarded thing: a network that holds it, names above it, URLs at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeverBlock {
    entries: Vec<(Observable, Guarded)>,
    /// Shortest prefix of an IPv4 network that may be blocked.
    pub widest_v4: u8,
    /// Shortest prefix of an IPv6 network that may be blocked.
    pub widest_v6: u8,
}

/// A text is no address, network or name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither an address, nor a network such as 10.0.0.0/8, nor a domain name")]
pub struct InvalidGuard(String);

impl Default for NeverBlock {
    /// Nothing but the limits: no IPv4 network wider than /16, no IPv6 network wider than /32.
    fn default() -> Self {
        Self { entries: Vec::new(), widest_v4: 16, widest_v6: 32 }
    }
}

impl NeverBlock {
    /// Adds an address, a network, or a name with every name below it.
    ///
    /// # Errors
    /// [`InvalidGuard`] for anything else: a list with a gap in it must not look like a whole one.
    pub fn add(&mut self, text: &str, why: Guarded) -> Result<(), InvalidGuard> {
        let bare = text.trim().trim_matches(['[', ']']);
        let name = bare.strip_prefix("*.").unwrap_or(bare);
        let entry = normalise(Kind::Ipv4, bare).or_else(|| normalise(Kind::Domain, name));
        self.entries.push((entry.ok_or_else(|| InvalidGuard(text.to_owned()))?, why));
        Ok(())
    }

    /// Why an item must not be blocked; `None` when it may be.
    #[must_use]
    pub fn refusal(&self, item: &Item, verdicts: &dyn Verdicts) -> Option<String> {
        let host = item.observable.host();
        let reached = [Some(&item.observable), host.as_ref()];
        for observable in reached.into_iter().flatten() {
            if let Some(why) = self.too_wide(observable) {
                return Some(why);
            }
            let guard = self.entries.iter().find(|(entry, _)| reaches(observable, entry));
            if let Some((entry, why)) = guard {
                return Some(format!("it would block `{entry}`, {why}"));
            }
            if let Some(list) = verdicts.warning(observable) {
                return Some(format!("it is on the warning list `{list}`"));
            }
        }
        verdicts.forbidden(&item.reference)
    }

    fn too_wide(&self, observable: &Observable) -> Option<String> {
        if let Some((address, length)) = observable.network() {
            let least = if address.is_ipv4() { self.widest_v4 } else { self.widest_v6 };
            return (length < least).then(|| format!("a network wider than /{least} is not blocked"));
        }
        let name = matches!(observable.kind(), Kind::Domain | Kind::DomainSuffix);
        let top = name && !observable.key().contains('.');
        top.then(|| "a whole top-level domain is not blocked".to_owned())
    }
}

/// Whether blocking the one would block the other, or a part of it.
fn reaches(blocked: &Observable, guarded: &Observable) -> bool {
    if let (Some(one), Some(other)) = (blocked.network(), guarded.network()) {
        return overlap(one, other);
    }
    let is_name = |observable: &Observable| matches!(observable.kind(), Kind::Domain | Kind::DomainSuffix);
    if !is_name(blocked) || !is_name(guarded) {
        return false;
    }
    let (own, other) = (blocked.key(), guarded.key());
    own == other || is_below(own, other) || (blocked.kind() == Kind::DomainSuffix && is_below(other, own))
}

/// Keys of names have their labels reversed.
fn is_below(key: &str, above: &str) -> bool {
    key.strip_prefix(above).is_some_and(|rest| rest.starts_with('.'))
}

/// Two networks have addresses in common exactly when the wider one holds the other.
fn overlap((one, one_length): (IpAddr, u8), (other, other_length): (IpAddr, u8)) -> bool {
    let length = u32::from(one_length.min(other_length));
    match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            let differ = one.to_bits() ^ other.to_bits();
            differ.checked_shr(32 - length.min(32)).unwrap_or(0) == 0
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => {
            let differ = one.to_bits() ^ other.to_bits();
            differ.checked_shr(128 - length.min(128)).unwrap_or(0) == 0
        }
        _ => false,
    }
}
