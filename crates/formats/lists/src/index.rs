//! All warning lists together, ready for look-ups in microseconds.

use std::collections::HashMap;
use std::net::IpAddr;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder};
use model::{Finding, Severity};
use observable::{Kind, Observable, normalise};
use regex::{Regex, RegexBuilder};

use crate::warning::{Category, Matching, WarningList};

/// Regular expressions over all lists; each is tried on each value.
const MAX_REGEXES: usize = 1000;
/// Compiled size of one expression in bytes.
const MAX_REGEX_SIZE: usize = 1 << 20;
/// Shortest substring that says anything.
const MIN_SUBSTRING: usize = 4;

/// A value found on a warning list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The list's name.
    pub list: String,
    /// The entry that covers the value.
    pub entry: String,
    /// What it means; only [`Category::FalsePositive`] is a reason to hold an object.
    pub category: Category,
}

/// An immutable index over warning lists.
#[derive(Debug)]
pub struct WarningIndex {
    lists: Vec<Listed>,
    benign: Side,
    known: Side,
}

#[derive(Debug)]
struct Listed {
    name: String,
    kinds: u64,
}

/// Number of a list in [`WarningIndex::lists`].
type ListId = u32;

/// The lists of one category.
#[derive(Debug, Default)]
struct Side {
    exact: HashMap<Kind, HashMap<String, ListId>>,
    /// Reversed names; a hit is the name itself or one below it.
    hostnames: HashMap<String, ListId>,
    /// Disjoint, sorted: only the outermost of nested networks is kept.
    networks: Vec<Network>,
    substrings: Option<(AhoCorasick, Vec<(String, ListId)>)>,
    regexes: Vec<(Regex, ListId)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Network {
    first: u128,
    /// Complemented, so that of two with one start the wider sorts first.
    inverted_last: u128,
    list: ListId,
}

impl WarningIndex {
    /// Indexes the lists. Entries that cannot be used come back as notes, gathered per list.
    #[must_use]
    pub fn build(lists: impl IntoIterator<Item = WarningList>) -> (Self, Vec<Finding>) {
        let mut index = Self { lists: Vec::new(), benign: Side::default(), known: Side::default() };
        let mut findings = Vec::new();
        let mut substrings = [Vec::new(), Vec::new()];
        for list in lists {
            let id = ListId::try_from(index.lists.len()).unwrap_or(ListId::MAX);
            let kinds = list.kinds.iter().fold(0u64, |mask, kind| mask | bit(*kind));
            index.lists.push(Listed { name: list.name.clone(), kinds });
            let (side, texts) = match (list.category, &mut substrings) {
                (Category::FalsePositive, [benign, _]) => (&mut index.benign, benign),
                (Category::Known, [_, known]) => (&mut index.known, known),
            };
            let mut unused = Vec::new();
            for entry in &list.entries {
                if !side.add(entry, &list, id, &index.lists, texts) && kinds != 0 {
                    unused.push(entry.as_str());
                }
            }
            if let Some(first) = unused.first() {
                let count = unused.len();
                findings.push(Finding::new(
                    Severity::Note,
                    "misp-warninglist/entry",
                    "/list",
                    format!("{count} entries of `{}` cannot be used, the first is `{first}`", list.name),
                ));
            }
        }
        let [benign, known] = substrings;
        index.benign.finish(benign);
        index.known.finish(known);
        (index, findings)
    }

    /// Number of lists.
    #[must_use]
    pub fn lists(&self) -> usize {
        self.lists.len()
    }

    /// The first list that speaks about this value, benign ones before known ones.
    ///
    /// A URL is looked up by its host only where it names nothing but the host: a page on a well-known platform is
    /// not benign for that. A network hits when it lies in an entry or contains one. A network, or a name pattern, so
    /// wide that it is no indicator at all hits by rule.
    #[must_use]
    pub fn check(&self, observable: &Observable) -> Option<Hit> {
        if let Some(hit) = too_wide(observable) {
            return Some(hit);
        }
        [(&self.benign, Category::FalsePositive), (&self.known, Category::Known)].into_iter().find_map(
            |(side, category)| {
                let (id, entry) = side.find(observable, &self.lists)?;
                let list = self.lists.get(id as usize)?.name.clone();
                Some(Hit { list, entry, category })
            },
        )
    }
}

fn too_wide(observable: &Observable) -> Option<Hit> {
    observable.is_too_wide().then(|| Hit {
        list: "values too wide to be an indicator".to_owned(),
        entry: observable.to_string(),
        category: Category::FalsePositive,
    })
}

impl Side {
    fn add(
        &mut self,
        entry: &str,
        list: &WarningList,
        id: ListId,
        lists: &[Listed],
        texts: &mut Vec<(String, ListId)>,
    ) -> bool {
        match list.matching {
            // `.example.org` on an exact list means the name, not everything below it.
            Matching::Exact => self.add_exact(entry.strip_prefix('.').unwrap_or(entry), list, id, lists),
            Matching::Hostname => self.add_hostname(entry, id, lists),
            Matching::Cidr => match normalise(Kind::Ipv4, entry).and_then(|found| range(&found)) {
                Some((first, last)) => {
                    self.networks.push(Network { first, inverted_last: !last, list: id });
                    true
                }
                None => false,
            },
            Matching::Substring if entry.len() >= MIN_SUBSTRING => {
                texts.push((entry.to_owned(), id));
                true
            }
            Matching::Substring => false,
            Matching::Regex if self.regexes.len() < MAX_REGEXES => match compile(entry) {
                Some(regex) => {
                    self.regexes.push((regex, id));
                    true
                }
                None => false,
            },
            Matching::Regex => false,
        }
    }

    /// Under every kind of the list that the entry can be read as.
    fn add_exact(&mut self, entry: &str, list: &WarningList, id: ListId, lists: &[Listed]) -> bool {
        let mut added = false;
        for kind in list.kinds.iter().copied().filter(|kind| *kind != Kind::DomainSuffix) {
            // Free text normalises to itself, so hashes on a mixed list would also count as ssdeep and the like.
            let free = matches!(kind, Kind::Ssdeep | Kind::Mutex | Kind::UserAgent | Kind::FileName);
            if free && added {
                continue;
            }
            if let Some(observable) = normalise(kind, entry) {
                let keys = self.exact.entry(observable.kind()).or_default();
                insert(keys, observable.key(), id, lists);
                added = true;
            }
        }
        added
    }

    fn add_hostname(&mut self, entry: &str, id: ListId, lists: &[Listed]) -> bool {
        match normalise(Kind::DomainSuffix, entry) {
            Some(name) => {
                insert(&mut self.hostnames, name.key(), id, lists);
                true
            }
            None => false,
        }
    }

    fn finish(&mut self, texts: Vec<(String, ListId)>) {
        self.networks.sort_unstable();
        let mut last = None;
        self.networks.retain(|network| {
            // Networks nest or are disjoint, so one that starts inside an earlier one lies in it.
            let nested = last.is_some_and(|last| network.first <= last);
            if !nested {
                last = Some(!network.inverted_last);
            }
            !nested
        });
        if !texts.is_empty() {
            let automaton = AhoCorasickBuilder::new()
                .ascii_case_insensitive(true)
                .build(texts.iter().map(|(text, _)| text));
            self.substrings = automaton.ok().map(|automaton| (automaton, texts));
        }
    }

    fn find(&self, observable: &Observable, lists: &[Listed]) -> Option<(ListId, String)> {
        let kind = observable.kind();
        let speaks = |id: &ListId| lists.get(*id as usize).is_some_and(|list| list.kinds & bit(kind) != 0);
        if let Some(id) =
            self.exact.get(&kind).and_then(|keys| keys.get(observable.key())).filter(|id| speaks(id))
        {
            return Some((*id, observable.to_string()));
        }
        let host = if kind == Kind::Url && is_bare_host(observable.key()) { observable.host() } else { None };
        let subject = host.as_ref().unwrap_or(observable);
        if let Some((first, last)) = range(subject)
            && let Some(network) = self.network(first, last).filter(|network| speaks(&network.list))
        {
            return Some((network.list, network.to_string()));
        }
        if matches!(subject.kind(), Kind::Domain | Kind::DomainSuffix)
            && let Some((id, entry)) = self.name(subject, &speaks)
        {
            return Some((id, entry));
        }
        let text = observable.to_string();
        if let Some((automaton, texts)) = &self.substrings {
            let hit = automaton
                .find_overlapping_iter(&text)
                .filter_map(|found| texts.get(found.pattern().as_usize()));
            if let Some((entry, id)) = hit.into_iter().find(|(_, id)| speaks(id)) {
                return Some((*id, entry.clone()));
            }
        }
        let hit = self.regexes.iter().find(|(regex, id)| speaks(id) && regex.is_match(&text))?;
        Some((hit.1, hit.0.as_str().to_owned()))
    }

    fn name(&self, subject: &Observable, speaks: &dyn Fn(&ListId) -> bool) -> Option<(ListId, String)> {
        let own =
            self.exact.get(&Kind::Domain).and_then(|keys| keys.get(subject.key())).filter(|id| speaks(id));
        if let Some(id) = own {
            return Some((*id, subject.to_string()));
        }
        let mut key = subject.key();
        loop {
            if let Some(id) = self.hostnames.get(key).filter(|id| speaks(id)) {
                return Some((*id, Observable::from_stored(Kind::Domain, key.to_owned()).to_string()));
            }
            key = key.rsplit_once('.')?.0;
        }
    }

    /// An entry that contains the range or lies in it.
    fn network(&self, first: u128, last: u128) -> Option<Network> {
        let after = self.networks.partition_point(|network| network.first <= first);
        let around = after
            .checked_sub(1)
            .and_then(|at| self.networks.get(at))
            .filter(|network| !network.inverted_last >= last);
        let inside = || self.networks.get(after).filter(|network| !network.inverted_last <= last);
        around.or_else(inside).copied()
    }
}

/// Where two lists share a key, the one that speaks about more kinds stays.
fn insert(keys: &mut HashMap<String, ListId>, key: &str, id: ListId, lists: &[Listed]) {
    let breadth = |id: ListId| lists.get(id as usize).map_or(0, |list| list.kinds.count_ones());
    match keys.get_mut(key) {
        Some(present) if breadth(*present) >= breadth(id) => {}
        Some(present) => *present = id,
        None => {
            keys.insert(key.to_owned(), id);
        }
    }
}

const fn bit(kind: Kind) -> u64 {
    1 << kind.id()
}

fn is_bare_host(url: &str) -> bool {
    url.split_once("://").and_then(|(_, rest)| rest.split_once('/')).is_none_or(|(_, path)| path.is_empty())
}

const MAPPED: u128 = 0xffff_0000_0000;

/// First and last address in one number space: IPv4 stands where IPv6 maps it.
fn range(observable: &Observable) -> Option<(u128, u128)> {
    let (address, length) = observable.network()?;
    let (first, bits) = match address {
        IpAddr::V4(v4) => (MAPPED | u128::from(v4.to_bits()), 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    };
    let host = u128::MAX.checked_shr(128 - (bits - u32::from(length))).unwrap_or(0);
    Some((first, first | host))
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let host_bits = (self.first ^ !self.inverted_last).count_ones();
        let v6 = std::net::Ipv6Addr::from_bits(self.first);
        match v6.to_ipv4_mapped().filter(|_| host_bits <= 32) {
            Some(v4) if host_bits == 0 => write!(f, "{v4}"),
            Some(v4) => write!(f, "{v4}/{}", 32 - host_bits),
            None if host_bits == 0 => write!(f, "{v6}"),
            None => write!(f, "{v6}/{}", 128 - host_bits),
        }
    }
}

/// An expression as PHP writes it, `/…/flags`, or bare.
fn compile(entry: &str) -> Option<Regex> {
    let (body, flags) = match entry.strip_prefix('/').and_then(|rest| rest.rsplit_once('/')) {
        Some((body, flags)) if flags.bytes().all(|b| b.is_ascii_lowercase()) => (body, flags),
        _ => (entry, ""),
    };
    RegexBuilder::new(body)
        .case_insensitive(flags.contains('i'))
        .multi_line(flags.contains('m'))
        .dot_matches_new_line(flags.contains('s'))
        .ignore_whitespace(flags.contains('x'))
        .size_limit(MAX_REGEX_SIZE)
        .dfa_size_limit(MAX_REGEX_SIZE)
        .build()
        .ok()
}
