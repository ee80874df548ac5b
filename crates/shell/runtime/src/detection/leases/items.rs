//! What may be blocked, and what never.

use std::collections::BTreeMap;
use std::sync::Arc;

use containment::{Guarded, Item, NeverBlock, Verdicts};
use detect::{Atom, Watched};
use lists::{Category, WarningIndex};
use model::{StixId, Timestamp};
use observable::{Kind, Observable, normalise};
use policy::Action;
use ports::Read;
use serde_json::Value;

use super::super::watch::one_of;
use super::super::{DetectionError, shortened};
use super::refused;
use crate::core::Core;
use crate::trust::Registry;

/// Objects with a value that are asked whether it may be blocked.
const HOLDERS: usize = 50;
/// What no actuator may block anywhere: this machine, its links, and everybody at once.
const NEVER: [&str; 7] =
    ["127.0.0.0/8", "::1", "169.254.0.0/16", "fe80::/10", "0.0.0.0/8", "224.0.0.0/4", "ff00::/8"];

/// What is known of items before they are blocked.
pub(super) struct Known {
    warnings: Arc<WarningIndex>,
    /// Why an object may not be used, by its id.
    refused: BTreeMap<String, Option<String>>,
}

impl Verdicts for Known {
    fn warning(&self, observable: &Observable) -> Option<String> {
        let hit = self.warnings.check(observable)?;
        (hit.category == Category::FalsePositive).then_some(hit.list)
    }

    fn forbidden(&self, reference: &str) -> Option<String> {
        self.refused.get(reference).cloned().flatten()
    }
}

/// Items by the object that they come from.
fn by_reference<'i>(items: impl IntoIterator<Item = &'i Item>) -> BTreeMap<&'i str, Vec<&'i Item>> {
    let mut by: BTreeMap<&str, Vec<&Item>> = BTreeMap::new();
    for item in items {
        by.entry(&item.reference).or_default().push(item);
    }
    by
}

impl Core {
    /// What must never be blocked here.
    pub(super) fn never_block(&self) -> Result<NeverBlock, DetectionError> {
        let mut guard = NeverBlock::default();
        let rules = self.rules();
        let mut all: Vec<(String, Guarded)> = Vec::new();
        all.extend(NEVER.map(|text| (text.to_owned(), Guarded::OwnNetwork)));
        let networks = rules.detectors.internal_ranges.iter();
        all.extend(networks.map(|(address, length)| (format!("{address}/{length}"), Guarded::OwnNetwork)));
        let names = rules.detectors.internal_names.iter();
        all.extend(names.map(|name| (name.clone(), Guarded::OwnName)));
        let house = rules.containment.settings.never_block.iter();
        all.extend(house.map(|text| (text.clone(), Guarded::House)));
        for entry in &rules.containment.actuators {
            hosts(&Value::Object(entry.config.clone()), Guarded::Service, &mut all);
        }
        let read = self.store.read()?;
        for peer in read.peers(self.scope.tenant)? {
            let endpoint = peer.endpoint.map_or(Value::Null, Value::String);
            hosts(&endpoint, Guarded::Peer, &mut all);
        }
        for (source, _) in read.sources(self.scope.tenant)? {
            let config = serde_json::from_str(&source.config).unwrap_or_default();
            hosts(&config, Guarded::Service, &mut all);
        }
        drop(read);
        for (text, why) in all {
            guard.add(&text, why).map_err(refused)?;
        }
        Ok(guard)
    }

    /// What somebody wrote, as items. Where objects that are held name it and none of them may be used for blocking, it
    /// is theirs: whoever may block it by other knowledge adds an indicator of our own.
    pub(super) fn items_of_value(
        &self,
        registry: &Registry,
        read: &dyn Read,
        text: &str,
        now: Timestamp,
        items: &mut Vec<Item>,
    ) -> Result<(), DetectionError> {
        let shown = shortened(text, 100);
        let term = observable::read(text)
            .ok_or_else(|| refused(format!("`{shown}` is no address, network, name, URL or hash")))?;
        let atoms = match detect::watched(&observable::pattern(&term)) {
            Ok(Watched::Atoms(atoms)) => atoms,
            Ok(Watched::Pattern(_)) => return Err(refused(format!("`{shown}` cannot be blocked"))),
            Err(reason) => return Err(refused(format!("`{shown}`: {reason}"))),
        };
        for Atom { observable, port } in atoms {
            let mut forbidding = None;
            for id in read.by_observable(self.scope, &observable, HOLDERS)? {
                let Some(stored) = read.object(self.scope, &id, None)? else { continue };
                if self.may_use(registry, read, stored.version_id, Action::Block, now)?.is_ok() {
                    forbidding = None;
                    break;
                }
                forbidding.get_or_insert(id);
            }
            let reference = forbidding.unwrap_or_else(|| self.identity.clone()).to_string();
            items.push(Item { observable, port, reference, valid_until: None });
        }
        Ok(())
    }

    /// The values of an indicator, as items.
    pub(super) fn items_of_object(
        &self,
        read: &dyn Read,
        id: &StixId,
        items: &mut Vec<Item>,
    ) -> Result<(), DetectionError> {
        let stored = read.object(self.scope, id, None)?;
        let stored = stored.ok_or_else(|| DetectionError::Missing(format!("`{id}`")))?;
        if stored.revoked {
            return Err(refused(format!("`{id}` was revoked")));
        }
        let one = one_of(read, self, stored.version_id)?;
        let (entries, reason) = one.map_or((Vec::new(), None), |one| (one.entries, one.reason));
        if entries.is_empty() {
            let why = reason.unwrap_or_else(|| "it is no indicator whose pattern names values".to_owned());
            return Err(refused(format!("`{id}` says nothing that can be blocked: {why}")));
        }
        items.extend(entries.into_iter().map(|entry| Item {
            observable: entry.atom.observable,
            port: entry.atom.port,
            reference: id.to_string(),
            valid_until: entry.until,
        }));
        Ok(())
    }

    /// What is known of items: warning lists, and whether their objects may still be used for blocking.
    pub(super) fn known_of(
        &self,
        registry: &Registry,
        read: &dyn Read,
        items: &[Item],
        now: Timestamp,
    ) -> Result<Known, DetectionError> {
        let mut known = Known { warnings: self.warnings()?, refused: BTreeMap::new() };
        for (reference, items) in by_reference(items) {
            let why = self.object_refusal(registry, read, reference, &items, now)?;
            known.refused.insert(reference.to_owned(), why);
        }
        Ok(known)
    }

    /// Why an object must not be used for blocking these items, any more or at all.
    fn object_refusal(
        &self,
        registry: &Registry,
        read: &dyn Read,
        reference: &str,
        items: &[&Item],
        now: Timestamp,
    ) -> Result<Option<String>, DetectionError> {
        let Ok(id) = reference.parse::<StixId>() else {
            return Ok(Some("it comes from no object".to_owned()));
        };
        // A person named the value.
        if id == self.identity {
            return Ok(None);
        }
        let Some(stored) = read.object(self.scope, &id, None)? else {
            return Ok(Some(format!("`{id}` is not held any more")));
        };
        if stored.revoked {
            return Ok(Some(format!("`{id}` was revoked")));
        }
        if let Err(reason) = self.may_use(registry, read, stored.version_id, Action::Block, now)? {
            return Ok(Some(format!("`{id}` may not be used for blocking: {reason}")));
        }
        let one = one_of(read, self, stored.version_id)?;
        let entries = one.map_or_else(Vec::new, |one| one.entries);
        let stands = |item: &Item| {
            entries.iter().any(|entry| {
                let same = entry.atom.observable == item.observable && entry.atom.port == item.port;
                let long = entry.until.is_none_or(|new| item.valid_until.is_some_and(|known| known <= new));
                same && long
            })
        };
        let gone = items.iter().find(|item| !stands(item));
        Ok(gone.map(|item| {
            format!("a newer version of `{id}` names `{}` no more, or for a shorter time", item.observable)
        }))
    }
}

/// Hosts of every URL in a configuration.
fn hosts(config: &Value, why: Guarded, out: &mut Vec<(String, Guarded)>) {
    match config {
        Value::String(text) if text.contains("://") => {
            let host = normalise(Kind::Url, text).and_then(|url| url.host());
            out.extend(host.map(|host| (host.to_string(), why)));
        }
        Value::Array(items) => items.iter().for_each(|item| hosts(item, why, out)),
        Value::Object(members) => members.values().for_each(|item| hosts(item, why, out)),
        _ => {}
    }
}
