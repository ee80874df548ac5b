//! What is true in a run, kept apart from every node: who published what, who agreed on what, who was told what.
//!
//! From it follows, by a check far simpler than the policy, what may go to whom.

use std::collections::{BTreeMap, BTreeSet};

use memchr::memmem::Finder;
use model::{Digest, StixId, Timestamp, Tlp};
use sha2::{Digest as _, Sha256};

use crate::stage::Pact;

/// Something that happened to an agreement, and that its members hear of one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Word {
    /// A member suspended its part for the n-th time.
    Suspended { pact: usize, by: usize, n: u32 },
    /// A member resumed after its n-th suspension.
    Resumed { pact: usize, by: usize, n: u32 },
    /// A member ended or left it.
    Ended { pact: usize, by: usize },
}

/// One version of an object as its creator published it.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    pub(crate) modified: Timestamp,
    pub(crate) text: String,
    /// Its label now: what it was published under, or narrower since.
    pub(crate) tlp: Tlp,
}

/// An object, and what was done with it.
pub(crate) struct Item {
    pub(crate) id: StixId,
    pub(crate) owner: usize,
    pub(crate) address: String,
    pub(crate) created: Timestamp,
    /// Oldest first.
    pub(crate) versions: Vec<Version>,
    /// Whether its creator has taken it back.
    pub(crate) withdrawn: bool,
    /// The objects it refers to.
    pub(crate) ends: Vec<StixId>,
    /// What would give it away.
    traces: Vec<(&'static str, Finder<'static>)>,
}

impl Item {
    pub(crate) fn new(id: StixId, owner: usize, address: String, ends: Vec<StixId>, first: Version) -> Self {
        let traces = traces(&id, &address);
        let created = first.modified;
        Self { id, owner, address, created, versions: vec![first], withdrawn: false, ends, traces }
    }

    pub(crate) fn label(&self) -> Tlp {
        self.versions.last().map_or(Tlp::Red, |version| version.tlp)
    }

    /// What in some bytes would tell of this object to whoever sees them.
    pub(crate) fn trace_in(&self, bytes: &[u8]) -> Option<&'static str> {
        self.traces.iter().find(|(_, finder)| finder.find(bytes).is_some()).map(|(what, _)| *what)
    }
}

/// Everything an object could be recognised by: small spaces are searched in no time.
fn traces(id: &StixId, address: &str) -> Vec<(&'static str, Finder<'static>)> {
    let mut found = Vec::new();
    let mut add = |what, bytes: &[u8]| found.push((what, Finder::new(bytes).into_owned()));
    let mut hashed = |what, text: &str| {
        let digest = Sha256::digest(text.as_bytes());
        add(what, &digest);
        add(what, Digest(digest.into()).to_string().as_bytes());
    };
    let uuid = id.uuid();
    hashed("the hash of its id", id.as_str());
    hashed("the hash of its UUID", &uuid.to_string());
    hashed("the hash of its UUID's bytes", &uuid.to_string().replace('-', ""));
    if !address.is_empty() {
        hashed("the hash of its address", address);
        add("its address", address.as_bytes());
    }
    add("its UUID", uuid.to_string().as_bytes());
    add("its UUID without dashes", uuid.to_string().replace('-', "").as_bytes());
    add("its UUID's bytes", &uuid.0);
    found
}

/// Who was given a text, from whom, under what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Route {
    pub(crate) from: usize,
    pub(crate) pact: usize,
}

/// How a text was given to a node.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    /// By which ways.
    pub(crate) routes: BTreeSet<Route>,
    /// The widest label it left with.
    pub(crate) widest: Tlp,
}

/// What a node was told is taken back.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Told {
    /// Whether it has had time to act on it.
    pub(crate) due: bool,
}

pub(crate) struct Truth {
    pub(crate) items: BTreeMap<StixId, Item>,
    /// In order of publication, so that one can be chosen by number.
    pub(crate) order: Vec<StixId>,
    pub(crate) pacts: Vec<Pact>,
    /// What each node has heard.
    pub(crate) heard: Vec<BTreeSet<Word>>,
    /// Everything that has happened.
    pub(crate) happened: BTreeSet<Word>,
    /// Texts that left for a node.
    pub(crate) given: BTreeMap<(usize, StixId), BTreeMap<String, Given>>,
    /// What objects are called in streams.
    pub(crate) names: BTreeMap<(usize, usize, usize, Digest), StixId>,
    /// Withdrawals that a node has taken in: by route.
    pub(crate) told: BTreeMap<(usize, StixId), BTreeMap<Route, Told>>,
    /// Withdrawals by the creator that a node has taken in.
    pub(crate) told_by_creator: BTreeMap<(usize, StixId), Told>,
    /// Departures whose decision, disclosure and leaf were looked up.
    pub(crate) accounted: BTreeSet<Digest>,
}

impl Truth {
    pub(crate) fn new(nodes: usize, pacts: Vec<Pact>) -> Self {
        Self {
            items: BTreeMap::new(),
            order: Vec::new(),
            pacts,
            heard: vec![BTreeSet::new(); nodes],
            happened: BTreeSet::new(),
            given: BTreeMap::new(),
            names: BTreeMap::new(),
            told: BTreeMap::new(),
            told_by_creator: BTreeMap::new(),
            accounted: BTreeSet::new(),
        }
    }

    pub(crate) fn happens(&mut self, by: usize, word: Word) {
        self.happened.insert(word);
        if let Some(heard) = self.heard.get_mut(by) {
            heard.insert(word);
        }
    }

    /// What documents from one node tell another: nothing of agreements it has no part in.
    pub(crate) fn would_tell(&self, from: usize, to: usize) -> BTreeSet<Word> {
        let concerns = |word: &&Word| {
            let (Word::Suspended { pact, .. } | Word::Resumed { pact, .. } | Word::Ended { pact, .. }) = word;
            self.pacts.get(*pact).is_some_and(|pact| pact.members.contains(&to))
        };
        self.heard.get(from).into_iter().flatten().filter(concerns).copied().collect()
    }

    /// Whether nothing may flow to or from a member, as far as somebody has heard.
    fn stopped(words: &BTreeSet<Word>, pact: usize, member: usize) -> bool {
        let mut suspensions = 0;
        let mut resumptions = 0;
        for word in words {
            match *word {
                Word::Ended { pact: of, by } if of == pact && by == member => return true,
                Word::Suspended { pact: of, by, n } if of == pact && by == member => {
                    suspensions = suspensions.max(n)
                }
                Word::Resumed { pact: of, by, n } if of == pact && by == member => {
                    resumptions = resumptions.max(n)
                }
                _ => {}
            }
        }
        suspensions > resumptions
    }

    /// Whether content may flow between two members, as far as somebody has heard.
    pub(crate) fn flows(&self, words: &BTreeSet<Word>, pact: usize, from: usize, to: usize) -> bool {
        let members = self
            .pacts
            .get(pact)
            .is_some_and(|pact| pact.members.contains(&from) && pact.members.contains(&to));
        members && !Self::stopped(words, pact, from) && !Self::stopped(words, pact, to)
    }

    /// Why an object may not go from one node to another under one version of an agreement, by the naive check:
    /// membership × suspension × ceiling × who made it. `label` is what the sender calls it by now.
    pub(crate) fn why_not(
        &self,
        item: &Item,
        from: usize,
        to: usize,
        pact: usize,
        version: &Digest,
        label: Tlp,
    ) -> Option<String> {
        let Some(agreed) = self.pacts.get(pact) else { return Some("no such agreement".to_owned()) };
        let Some(heard) = self.heard.get(from) else { return Some("no such node".to_owned()) };
        if !self.flows(heard, pact, from, to) {
            return Some("one of the two is no member, or the agreement is stopped between them".to_owned());
        }
        let Some(ceiling) = agreed.ceilings.get(version) else {
            return Some(format!("version {} was never put forward", version.short()));
        };
        if label < *ceiling {
            return Some(format!("its label {label:?} is above the ceiling {ceiling:?}"));
        }
        if item.owner != from {
            let texts = self.given.get(&(from, item.id.clone())).into_iter().flat_map(BTreeMap::values);
            let mut routes = texts.flat_map(|given| &given.routes);
            let free = routes.any(|route| self.pacts.get(route.pact).is_some_and(|pact| pact.onward));
            if !free || label != Tlp::Clear || self.must_be_gone(from, &item.id) {
                return Some("it is another's, and may not be passed on".to_owned());
            }
        }
        None
    }

    /// A text that somebody may have from its maker, whatever the agreement.
    pub(crate) fn allow(&mut self, to: usize, id: &StixId, text: &str, from: usize) {
        let given = Given { routes: BTreeSet::from([Route { from, pact: usize::MAX }]), widest: Tlp::Clear };
        self.given.entry((to, id.clone())).or_default().insert(text.to_owned(), given);
    }

    /// Whether a node has been told to give something back by every way it had come.
    pub(crate) fn must_be_gone(&self, node: usize, id: &StixId) -> bool {
        let key = (node, id.clone());
        if self.told_by_creator.get(&key).is_some_and(|told| told.due) {
            return true;
        }
        let Some(told) = self.told.get(&key) else { return false };
        let texts = self.given.get(&key).into_iter().flat_map(BTreeMap::values);
        texts.flat_map(|given| &given.routes).all(|route| told.get(route).is_some_and(|told| told.due))
    }

    /// A node has done its work: what it was told before is due.
    pub(crate) fn worked(&mut self, node: usize) {
        for ((who, _), told) in &mut self.told_by_creator {
            told.due |= *who == node;
        }
        for ((who, _), routes) in &mut self.told {
            routes.values_mut().for_each(|told| told.due |= *who == node);
        }
    }

    /// Whether a node must hold an object once everything has been said.
    pub(crate) fn entitled(&self, item: &Item, to: usize) -> bool {
        if item.owner == to || item.withdrawn {
            return false;
        }
        (0..self.pacts.len()).any(|pact| {
            let Some(agreed) = self.pacts.get(pact) else { return false };
            let ceiling = agreed.ceilings.get(&agreed.version).copied();
            let taken = self.told.get(&(to, item.id.clone()));
            let taken = taken.is_some_and(|routes| routes.contains_key(&Route { from: item.owner, pact }));
            self.flows(&self.happened, pact, item.owner, to)
                && ceiling.is_some_and(|c| item.label() >= c)
                && !taken
        })
    }
}
