//! The set itself, and what became of its items when it was written.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use model::{Digest, Timestamp};
use observable::{Kind, Observable, normalise};

/// Most items that are written: whoever blocks more than this wants another tool.
pub const MAX_ITEMS: usize = 50_000;

/// What is to be blocked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlockSet {
    /// What people call it; shown in comments and titles.
    pub name: String,
    /// Its items, in any order. Of items that differ only in their end, the latest end counts.
    pub items: Vec<BlockItem>,
    /// Numbers of the leases that want something in it, so that whoever receives it can ask about them.
    pub leases: BTreeSet<Digest>,
}

/// One thing to be blocked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BlockItem {
    /// What.
    pub observable: Observable,
    /// Only on this port there; for addresses, networks and domain names.
    pub port: Option<u16>,
    /// When the block ends.
    pub until: Timestamp,
    /// Id of the STIX object that it comes from.
    pub reference: String,
}

impl BlockItem {
    /// The value as a person writes it, with its port: `192.0.2.1`, `[2001:db8::1]:443`, `bad.example:8080`.
    #[must_use]
    pub fn value(&self) -> String {
        match (self.port, self.observable.kind()) {
            (None, _) => self.observable.to_string(),
            (Some(port), Kind::Ipv6 | Kind::Cidr6) => format!("[{}]:{port}", self.observable),
            (Some(port), _) => format!("{}:{port}", self.observable),
        }
    }

    /// Kind and value: `ipv4 192.0.2.1`. Two items have the same key exactly when they block the same thing.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{} {}", self.observable.kind(), self.value())
    }

    /// Whole seconds until the block ends, rounded down so that no block outlasts its item; 0 when it is over.
    #[must_use]
    pub fn seconds_left(&self, now: Timestamp) -> u64 {
        let micros = self.until.as_micros().saturating_sub(now.as_micros());
        u64::try_from(micros / 1_000_000).unwrap_or(0)
    }
}

/// Something that a thing which blocks calls a block by, and wants to hear to end it: an OpenC2 rule number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Handle {
    /// [`BlockItem::key`] of the item.
    pub item: String,
    /// Which part of it, where one item takes several blocks: `tcp`, `udp`; else empty.
    pub part: String,
    /// When the block ends by itself.
    pub until: Timestamp,
    /// What it is called by; empty when the other side gave it no name, so that it cannot be ended before its time.
    pub id: String,
}

/// A set in some format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// What to hand over.
    pub text: String,
    /// How many items it holds.
    pub written: usize,
    /// The others.
    pub skipped: Vec<Skipped>,
}

/// An item that was not written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Skipped {
    /// The item.
    pub item: BlockItem,
    /// Why.
    pub why: Why,
}

impl fmt::Display for Skipped {
    /// Fit for logs and terminals: control characters of the value are escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}: {}", self.item.observable.kind(), self.item.value(), self.why)
    }
}

/// Why an item was not written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// Its time is over, or is in less than a second.
    Over,
    /// Its text is not the one spelling of its kind: it was not made by normalising, or what kept it was changed.
    NotCanonical,
    /// The format has no words for things of this kind.
    Kind,
    /// The format has no words for a port with this kind.
    Port,
    /// Its text holds characters that would end the value, or begin a comment, in this format.
    Unsafe,
    /// Its text is longer than the format allows.
    TooLong,
    /// Nobody on the way sees it: the path of an `https` URL.
    Encrypted,
    /// It would block what others have too: serial numbers are unique only for one issuer.
    Ambiguous,
    /// Fewer numbers were set aside for rules than the set needs.
    NoNumberLeft,
    /// The set has more than [`MAX_ITEMS`].
    TooMany,
    /// Whoever was to block it declined; what it said.
    Declined(String),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Over => "its time is over",
            Self::NotCanonical => "its text is not the canonical spelling of its kind; normalise it again",
            Self::Kind => "the format has no words for this kind of thing",
            Self::Port => "the format has no words for a port of this kind of thing",
            Self::Unsafe => "it holds characters that end a value or begin a comment in this format",
            Self::TooLong => "it is longer than the format allows",
            Self::Encrypted => {
                "nobody on the way sees the path of an https URL; block its host if all of it is bad"
            }
            Self::Ambiguous => "it would block what others have too",
            Self::NoNumberLeft => "no rule number is left; set more of them aside",
            Self::TooMany => "the set has too many items",
            Self::Declined(said) => return write!(f, "declined: {said:?}"),
        })
    }
}

/// The items of a set that can be written at all, by kind, key and port, each once with its latest end; and the others:
/// what is over, what is not canonical, what has a port and cannot, what is too many. Every format begins with this.
#[must_use]
pub fn usable(set: &BlockSet, now: Timestamp) -> (Vec<&BlockItem>, Vec<Skipped>) {
    let (items, sorting) = Sorting::of(set, now);
    (items, sorting.skipped)
}

/// Items on their way into a format: what was left out so far, and how many were written.
pub(crate) struct Sorting {
    pub(crate) skipped: Vec<Skipped>,
    pub(crate) written: usize,
}

impl Sorting {
    /// The items that can be written at all, by kind, key and port, each once; the others are skipped.
    pub(crate) fn of(set: &BlockSet, now: Timestamp) -> (Vec<&BlockItem>, Self) {
        let mut sorting = Self { skipped: Vec::new(), written: 0 };
        let mut kept: BTreeMap<(&Observable, Option<u16>), &BlockItem> = BTreeMap::new();
        for item in &set.items {
            let place = (&item.observable, item.port);
            let why = if item.seconds_left(now) == 0 {
                Some(Why::Over)
            } else if !is_canonical(&item.observable) {
                Some(Why::NotCanonical)
            } else if item.port == Some(0) || item.port.is_some() && !has_ports(item.observable.kind()) {
                Some(Why::Port)
            } else if kept.len() >= MAX_ITEMS && !kept.contains_key(&place) {
                Some(Why::TooMany)
            } else {
                None
            };
            if let Some(why) = why {
                sorting.skip(item, why);
                continue;
            }
            let first = kept.entry(place).or_insert(item);
            // What blocks longer blocks both; otherwise the order of the set must not show.
            if item.until > first.until || (item.until == first.until && item.reference < first.reference) {
                *first = item;
            }
        }
        (kept.into_values().collect(), sorting)
    }

    pub(crate) fn skip(&mut self, item: &BlockItem, why: Why) {
        self.skipped.push(Skipped { item: item.clone(), why });
    }

    pub(crate) fn export(self, text: String) -> Export {
        Export { text, written: self.written, skipped: self.skipped }
    }
}

/// Whether the text is what normalising would make of it. Nothing else goes into a format: keys that somebody put
/// together by hand could hold anything.
fn is_canonical(observable: &Observable) -> bool {
    normalise(observable.kind(), &observable.to_string()).as_ref() == Some(observable)
}

const fn has_ports(kind: Kind) -> bool {
    matches!(kind, Kind::Ipv4 | Kind::Ipv6 | Kind::Cidr4 | Kind::Cidr6 | Kind::Domain | Kind::DomainSuffix)
}

/// A text that somebody chose, on one line and without control characters, cut to 100 characters: for comments.
pub(crate) fn one_line(text: &str) -> String {
    let plain = |c: char| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c };
    text.chars().map(plain).take(100).collect()
}

/// A text that somebody chose, as a word of `[A-Za-z0-9._-]` of at most 64 characters, everything else as `_`.
pub(crate) fn word(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '_' };
    text.chars().map(plain).take(64).collect()
}
