//! Segments together, and the few entries that came after them.
//!
//! An index is a value: a change makes another one, which shares all that did not change, and whoever matches with the
//! old one goes on until it takes the new one. What came lately is the *delta*, a segment of at most 4,096 entries that is
//! built anew for each change, in a millisecond or two. A full delta becomes a *layer*; small layers are put together up
//! to 65,536 entries, so that there are few of them to ask. Segments from files are never touched: what is gone from
//! them is noted beside them until [`Index::merge`] makes one segment of all that is left.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use logs::Event;
use model::Timestamp;
use observable::{KeyBuf, Kind, Observable, host_key_into, key_into};
use twox_hash::XxHash3_64;

use super::Entry;
use super::segment::{Block, Card, Family, Segment, SegmentBuilder, bit, hash};

/// The most entries that are built anew for one that is added.
const MAX_DELTA: usize = 4096;
/// The most entries of layers that are put together.
const MAX_LAYER: usize = 1 << 16;
/// The most hits of one event that are told once only.
const MAX_SEEN: usize = 64;

/// Networks of addresses.
const NETWORKS: u64 = bit(Kind::Cidr4) | bit(Kind::Cidr6);
/// What an address, or a network, can hit.
const ADDRESSES: u64 = bit(Kind::Ipv4) | bit(Kind::Ipv6) | NETWORKS;
/// What a name can hit.
const NAMES: u64 = bit(Kind::Domain) | bit(Kind::DomainSuffix);

/// What a value of a kind can hit.
const fn related(kind: Kind) -> u64 {
    match kind {
        Kind::Ipv4 | Kind::Ipv6 | Kind::Cidr4 | Kind::Cidr6 => ADDRESSES,
        Kind::Domain | Kind::DomainSuffix => NAMES,
        Kind::Url => bit(Kind::Url) | ADDRESSES | NAMES,
        other => bit(other),
    }
}

/// Entries of indicators, ready to be asked. Copies are cheap.
#[derive(Clone, Default)]
pub struct Index {
    /// In the order they came.
    layers: Vec<Layer>,
    delta: Option<Arc<Segment>>,
    /// Subjects, ascending, and the number of the last change whose layers they are gone from.
    gone: Arc<[(u64, u64)]>,
    /// Counts changes.
    change: u64,
    /// Of what kinds there are entries.
    kinds: u64,
}

#[derive(Clone)]
struct Layer {
    segment: Arc<Segment>,
    /// The change that brought it.
    change: u64,
    /// Whether it may be put together with others.
    may_grow: bool,
}

/// An entry that an event hits.
#[derive(Debug)]
pub struct Hit<'h> {
    /// The caller's number for the indicator's version.
    pub subject: u64,
    /// What kind of value the indicator names.
    pub kind: Kind,
    /// The key of that value; [`Hit::indicator`] has it as people write it.
    pub key: &'h str,
    /// The event's field, by a name that `logs::Event` knows.
    pub field: &'h str,
    /// The event's value, as the event has it.
    pub value: &'h str,
    /// The port that the indicator asks for and the event has.
    pub port: Option<u16>,
    /// Where the field's value stands in the raw record, in bytes; of several values, the first.
    pub span: Option<Range<usize>>,
    /// The indicator's confidence.
    pub confidence: Option<u8>,
    /// The first instant at which the indicator counts.
    pub from: Timestamp,
    /// The instant from which on it counts no more.
    pub until: Option<Timestamp>,
}

impl Hit<'_> {
    /// The value that the indicator names.
    #[must_use]
    pub fn indicator(&self) -> Observable {
        Observable::from_stored(self.kind, self.key.to_owned())
    }
}

/// What looking at one event after the other needs, kept so that nothing is allocated for each.
#[derive(Debug, Default)]
pub struct Scratch {
    value: KeyBuf,
    room: Room,
    /// Hits of this event: subject, and the hashes of field and value.
    seen: Vec<(u64, u64, u64)>,
    /// Hashes of everything that the event's values could be.
    hashes: Vec<u64>,
}

#[derive(Debug, Default)]
struct Room {
    host: KeyBuf,
    network: String,
}

/// What is asked beside the value.
#[derive(Clone, Copy)]
struct Asked {
    port: Option<u16>,
    /// Microseconds.
    at: i64,
}

/// An entry that counts.
struct Found<'f> {
    kind: Kind,
    key: &'f str,
    hash: u64,
    card: Card,
}

impl Index {
    /// This, and the entries of a segment. What was taken away before stays in the segment.
    #[must_use]
    pub fn with_segment(&self, segment: Arc<Segment>) -> Self {
        let mut next = self.clone();
        next.change += 1;
        if !segment.is_empty() {
            next.layers.push(Layer { segment, change: next.change, may_grow: false });
        }
        next.note_kinds();
        next
    }

    /// This, and some entries more.
    ///
    /// One entry takes a millisecond or two, whatever the size of the index; a thousand at once hardly take more.
    #[must_use]
    pub fn with(&self, entries: &[Entry]) -> Self {
        let mut next = self.clone();
        if entries.is_empty() {
            return next;
        }
        next.change += 1;
        let mut builder = SegmentBuilder::new();
        let held = next.delta.take();
        let fits = held.as_ref().map_or(0, |delta| delta.len()) + entries.len() <= MAX_DELTA;
        match held {
            Some(delta) if fits => delta.each(&mut |kind, key, card| {
                builder.put(kind, key, card);
            }),
            Some(full) => next.settle(full),
            None => {}
        }
        for entry in entries {
            builder.add(entry);
        }
        if let Some(made) = builder.into_segment().map(Arc::new) {
            if made.len() <= MAX_DELTA {
                next.delta = Some(made);
            } else {
                next.settle(made);
            }
        }
        next.note_kinds();
        next
    }

    /// This without all entries of these subjects that are in it now; what is added later counts.
    #[must_use]
    pub fn without(&self, subjects: impl IntoIterator<Item = u64>) -> Self {
        let mut subjects: Vec<u64> = subjects.into_iter().collect();
        subjects.sort_unstable();
        subjects.dedup();
        let mut next = self.clone();
        if subjects.is_empty() {
            return next;
        }
        if let Some(delta) = &self.delta {
            let mut builder = SegmentBuilder::new();
            delta.each(&mut |kind, key, card| {
                if subjects.binary_search(&card.subject).is_err() {
                    builder.put(kind, key, card);
                }
            });
            if builder.len() < delta.len() {
                next.delta = builder.into_segment().map(Arc::new);
            }
        }
        if !self.layers.is_empty() {
            let mut gone = Vec::with_capacity(self.gone.len() + subjects.len());
            gone.extend_from_slice(&self.gone);
            gone.extend(subjects.into_iter().map(|subject| (subject, self.change)));
            // Two ascending runs are one in no time.
            gone.sort();
            gone.dedup_by(|later, earlier| {
                let same = later.0 == earlier.0;
                if same {
                    earlier.1 = later.1;
                }
                same
            });
            next.gone = gone.into();
        }
        next.change += 1;
        next.note_kinds();
        next
    }

    /// How many entries it holds, those of subjects that are gone from segments and layers among them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.segments().map(|(segment, _)| segment.len()).sum()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kinds == 0
    }

    /// How many of them came by [`Index::with`], and are in memory alone. Beyond some 100,000 it is time to merge.
    #[must_use]
    pub fn delta_len(&self) -> usize {
        let layers = self.layers.iter().filter(|layer| layer.may_grow).map(|layer| layer.segment.len());
        layers.sum::<usize>() + self.delta.as_ref().map_or(0, |delta| delta.len())
    }

    /// How many subjects are noted as gone. Their values are in segments and layers until these are merged.
    #[must_use]
    pub fn gone_len(&self) -> usize {
        self.gone.len()
    }

    /// One segment of everything that is left. What comes or goes while it is made, the caller adds or takes away again.
    #[must_use]
    pub fn merge(&self) -> Vec<u8> {
        let mut builder = SegmentBuilder::new();
        for (segment, change) in self.segments() {
            self.pour(segment, change, &mut builder);
        }
        builder.finish()
    }

    /// Hands out every entry that the event hits and that counts at that instant, which is the event's own time.
    ///
    /// An entry that the same field hits twice by the same value is told once, as far as the first 64 are concerned.
    pub fn look(
        &self,
        event: &Event<'_>,
        at: Timestamp,
        scratch: &mut Scratch,
        each: &mut dyn FnMut(&Hit<'_>),
    ) {
        if self.kinds == 0 {
            return;
        }
        if !self.may_hit(event, scratch) {
            return;
        }
        let at = at.as_micros();
        let Scratch { value, room, seen, .. } = scratch;
        seen.clear();
        event.observables(&mut |sighted| {
            if related(sighted.kind) & self.kinds == 0 {
                return;
            }
            let Some(kind) = key_into(sighted.kind, sighted.text, value) else { return };
            let asked = Asked { port: sighted.port, at };
            // The host of a URL that the reader put together is handed out by itself.
            let mut hit = |found: Found<'_>| {
                let field = XxHash3_64::oneshot(sighted.field.as_bytes());
                let mark = (found.card.subject, field, found.hash);
                if seen.contains(&mark) {
                    return;
                }
                if seen.len() < MAX_SEEN {
                    seen.push(mark);
                }
                each(&Hit {
                    subject: found.card.subject,
                    kind: found.kind,
                    key: found.key,
                    field: sighted.field,
                    value: sighted.text,
                    port: found.card.port,
                    span: event.span(sighted.field),
                    confidence: Some(found.card.confidence).filter(|confidence| *confidence != u8::MAX),
                    from: found.card.from(),
                    until: found.card.until(),
                });
            };
            if sighted.made {
                self.exact(kind, value.key(), asked, &mut hit);
            } else {
                self.probe(kind, value.key(), asked, room, &mut hit);
            }
        });
    }

    /// Whether any value of the event may be an indicator's, which hardly one event's is. All hashes are taken first and
    /// looked up together: then the memory answers many of them at once, instead of one after the other.
    fn may_hit(&self, event: &Event<'_>, scratch: &mut Scratch) -> bool {
        let Scratch { value, room, hashes, .. } = scratch;
        hashes.clear();
        let mut inside = false;
        event.observables(&mut |sighted| {
            if related(sighted.kind) & self.kinds == 0 {
                return;
            }
            let Some(kind) = key_into(sighted.kind, sighted.text, value) else { return };
            let key = value.key();
            if kind != Kind::Url {
                inside |= self.hashes(kind, key, hashes);
                return;
            }
            self.mark(kind, key, hashes);
            // The host of a URL that the reader put together is handed out by itself.
            if !sighted.made
                && self.kinds & (ADDRESSES | NAMES) != 0
                && let Some((kind, _)) = host_key_into(key, &mut room.host)
            {
                inside |= self.hashes(kind, room.host.key(), hashes);
            }
        });
        inside || self.segments().any(|(segment, _)| segment.may_hold_any(hashes))
    }

    /// Takes the hashes of what a value could be, as [`Index::value`] asks for them; returns whether it lies in a network.
    fn hashes(&self, kind: Kind, key: &str, hashes: &mut Vec<u64>) -> bool {
        self.mark(kind, key, hashes);
        match kind {
            Kind::Ipv4 | Kind::Ipv6 | Kind::Cidr4 | Kind::Cidr6 if self.kinds & NETWORKS != 0 => {
                let mut inside = false;
                if let Some((family, block)) = Block::of(kind, key) {
                    for (segment, _) in self.segments() {
                        segment.around(family, block, &mut |_, _| inside = true);
                    }
                }
                inside
            }
            Kind::Domain | Kind::DomainSuffix if self.kinds & bit(Kind::DomainSuffix) != 0 => {
                let mut below = key;
                while let Some((above, _)) = below.rsplit_once('.') {
                    self.mark(Kind::DomainSuffix, above, hashes);
                    below = above;
                }
                false
            }
            _ => false,
        }
    }

    fn mark(&self, kind: Kind, key: &str, hashes: &mut Vec<u64>) {
        // Networks are not found by hashes.
        if self.kinds & bit(kind) & !NETWORKS != 0 {
            hashes.push(hash(kind, key));
        }
    }

    /// Hands out subject and confidence (255 if there is none) of every entry that an event with this value, and this
    /// port beside it, would hit at that instant.
    pub fn ask(
        &self,
        observable: &Observable,
        port: Option<u16>,
        at: Timestamp,
        each: &mut dyn FnMut(u64, u8),
    ) {
        let asked = Asked { port, at: at.as_micros() };
        self.probe(observable.kind(), observable.key(), asked, &mut Room::default(), &mut |found| {
            each(found.card.subject, found.card.confidence);
        });
    }

    /// What a value hits, and what its host does.
    fn probe(&self, kind: Kind, key: &str, asked: Asked, room: &mut Room, each: &mut dyn FnMut(Found<'_>)) {
        let Room { host, network } = room;
        if kind == Kind::Url && self.kinds & (ADDRESSES | NAMES) != 0 {
            self.exact(kind, key, asked, each);
            if let Some((kind, port)) = host_key_into(key, host) {
                self.value(kind, host.key(), Asked { port, ..asked }, network, each);
            }
        } else {
            self.value(kind, key, asked, network, each);
        }
    }

    /// What a value hits: itself, and what it lies in.
    fn value(
        &self,
        kind: Kind,
        key: &str,
        asked: Asked,
        network: &mut String,
        each: &mut dyn FnMut(Found<'_>),
    ) {
        match kind {
            Kind::Ipv4 | Kind::Ipv6 | Kind::Cidr4 | Kind::Cidr6 => {
                self.exact(kind, key, asked, each);
                if self.kinds & NETWORKS != 0
                    && let Some((family, block)) = Block::of(kind, key)
                {
                    self.networks(family, block, asked, network, each);
                }
            }
            Kind::Domain | Kind::DomainSuffix => {
                self.exact(kind, key, asked, each);
                let mut below = key;
                while let Some((above, _)) = below.rsplit_once('.') {
                    self.exact(Kind::DomainSuffix, above, asked, each);
                    below = above;
                }
            }
            _ => self.exact(kind, key, asked, each),
        }
    }

    fn exact(&self, kind: Kind, key: &str, asked: Asked, each: &mut dyn FnMut(Found<'_>)) {
        // Networks are not found by hashes.
        if self.kinds & bit(kind) & !NETWORKS == 0 {
            return;
        }
        let hash = hash(kind, key);
        for (segment, change) in self.segments() {
            segment.exact(kind, key, hash, &mut |card| {
                if card.counts(asked.at, asked.port) && !self.is_gone(card.subject, change) {
                    each(Found { kind, key, hash, card });
                }
            });
        }
    }

    fn networks(
        &self,
        family: Family,
        block: Block,
        asked: Asked,
        text: &mut String,
        each: &mut dyn FnMut(Found<'_>),
    ) {
        let kind = family.kind();
        for (segment, change) in self.segments().filter(|(segment, _)| segment.kinds() & bit(kind) != 0) {
            segment.around(family, block, &mut |network, card| {
                if card.counts(asked.at, asked.port) && !self.is_gone(card.subject, change) {
                    network.write_key(family, text);
                    let key = text.as_str();
                    each(Found { kind, key, hash: hash(kind, key), card });
                }
            });
        }
    }

    /// Every segment and the change that brought it. Nothing is gone from the delta: it was built anew.
    fn segments(&self) -> impl Iterator<Item = (&Segment, u64)> {
        let layers = self.layers.iter().map(|layer| (&*layer.segment, layer.change));
        layers.chain(self.delta.iter().map(|delta| (&**delta, u64::MAX)))
    }

    fn is_gone(&self, subject: u64, change: u64) -> bool {
        let at = self.gone.partition_point(|(own, _)| *own < subject);
        self.gone.get(at).is_some_and(|(own, until)| *own == subject && change <= *until)
    }

    /// What is left of a segment.
    fn pour(&self, segment: &Segment, change: u64, into: &mut SegmentBuilder) {
        segment.each(&mut |kind, key, card| {
            if !self.is_gone(card.subject, change) {
                into.put(kind, key, card);
            }
        });
    }

    /// Makes a layer of a segment of which nothing is gone, and one of both where the layer before it is small.
    fn settle(&mut self, segment: Arc<Segment>) {
        let mut segment = segment;
        while let Some(last) = self.layers.last()
            && last.may_grow
            && last.segment.len() <= 2 * segment.len()
            && last.segment.len() + segment.len() <= MAX_LAYER
        {
            let mut builder = SegmentBuilder::new();
            self.pour(&last.segment, last.change, &mut builder);
            segment.each(&mut |kind, key, card| {
                builder.put(kind, key, card);
            });
            self.layers.pop();
            if let Some(both) = builder.into_segment() {
                segment = Arc::new(both);
            }
        }
        self.layers.push(Layer { segment, change: self.change, may_grow: true });
    }

    fn note_kinds(&mut self) {
        self.kinds = self.segments().fold(0, |kinds, (segment, _)| kinds | segment.kinds());
    }
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index")
            .field("entries", &self.len())
            .field("layers", &self.layers.len())
            .field("delta", &self.delta_len())
            .field("gone", &self.gone_len())
            .finish_non_exhaustive()
    }
}
