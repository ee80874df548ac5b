//! Ceilings: the most sensitive handling that may flow, from a TLP name or a table.

use std::collections::{BTreeMap, BTreeSet};

use label::{
    Attribution, Classification, Handling, Iep, Nation, Pap, PermittedActions, Releasability, Stanag,
};
use model::Label;

use crate::problem::shown;
use crate::read::{Entry, Table};

/// The most nations, groups and categories in one list.
const MOST: usize = 250;

/// Reads `"amber"`, or `{ tlp = "amber", pap = "green", iep = {…}, rel_to = […], classification = {…} }`.
///
/// What is not said stands open: without `pap` only what has no PAP restriction flows.
pub(crate) fn read(entry: Entry<'_, '_>) -> Option<Handling> {
    if entry.is_text() {
        return tlp(&entry).map(Handling::from);
    }
    let table = entry.table()?;
    let level = table.need("tlp", "red, amber+strict, amber, green or clear").and_then(|v| tlp(&v));
    let pap = table.get("pap").map(|v| v.one_of(&Pap::ALL.map(|pap| (pap.as_str(), pap))));
    let iep = table.table("iep").map(read_iep);
    let nations = table.get("rel_to").map(|v| read_nations(&v));
    let eyes_only = table.get("eyes_only").map_or(Some(false), |v| v.flag());
    let stanag = table.table("classification").map(read_classification);
    if nations.is_none() && eyes_only == Some(true) {
        table.error("eyes_only", "for whose eyes is not said", "add rel_to = […]");
    }
    table.finish();

    let mut handling = Handling::from(level?);
    if let Some(pap) = pap {
        handling = handling.with_pap(pap?);
    }
    if let Some(iep) = iep {
        handling = handling.with_iep(iep?);
    }
    if let Some(nations) = nations {
        let nations = nations?;
        handling = handling.with_releasability(match eyes_only? {
            true => Releasability::eyes_only(nations),
            false => Releasability::rel_to(nations),
        });
    }
    if let Some(stanag) = stanag {
        handling = handling.with_stanag(Stanag::Label(stanag?));
    }
    Some(handling)
}

fn tlp(entry: &Entry<'_, '_>) -> Option<Label> {
    let words = ["red", "amber+strict", "amber", "green", "clear"];
    entry.one_of(&words.map(|word| (word, word.parse().unwrap_or(Label::CLEAR))))
}

fn read_iep(table: Table<'_, '_>) -> Option<Iep> {
    let actions = table.need("actions", "the fewest actions a policy may permit and still flow");
    let actions = actions.and_then(|v| v.one_of(&PermittedActions::ALL.map(|value| (value.as_str(), value))));
    let attribution =
        [Attribution::MustNot, Attribution::Must, Attribution::May].map(|value| (value.as_str(), value));
    let attribution = table.get("attribution").map_or(Some(Attribution::May), |v| v.one_of(&attribution));
    let flag = |name: &'static str| table.get(name).map_or(Some(false), |v| v.flag());
    let (encrypt, quiet, unsold) = (flag("encrypt_in_transit"), flag("no_notification"), flag("no_resale"));
    table.finish();
    Some(Iep {
        encrypt_in_transit: encrypt?,
        permitted_actions: actions?,
        may_notify_affected: !quiet?,
        attribution: attribution?,
        may_resell: !unsold?,
        start: None,
        end: None,
    })
}

fn read_nations(entry: &Entry<'_, '_>) -> Option<BTreeSet<Nation>> {
    let items = entry.list(MOST)?;
    if items.is_empty() {
        entry.error("no nation is named", "name nations, such as [\"AUS\", \"CAN\"]");
        return None;
    }
    let expand = |item: &Entry<'_, '_>| {
        item.parsed("use codes of ISO 3166-1 such as AUS, or FVEY", |text| {
            let nations = Nation::expand(text);
            if nations.is_empty() {
                Err(format!("`{}` is no nation known here", shown(text)))
            } else {
                Ok(nations)
            }
        })
    };
    let found: Vec<Option<Vec<Nation>>> = items.iter().map(expand).collect();
    Some(found.into_iter().collect::<Option<Vec<_>>>()?.into_iter().flatten().collect())
}

fn read_classification(table: Table<'_, '_>) -> Option<Classification> {
    let policy = table.need("policy", "the policy's object identifier from its SPIF, such as 1.3.26.1.3.1");
    let policy = policy.and_then(|v| {
        v.parsed("digits with dots, as in the SPIF", |text| {
            let numbers = text.len() <= 128
                && text.split('.').all(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
            if numbers {
                Ok(text.to_owned())
            } else {
                Err(format!("`{}` is no object identifier", shown(text)))
            }
        })
    });
    let hierarchy =
        table.need("hierarchy", "its step in the SPIF; higher is narrower").and_then(|v| v.small(0, 255));
    let name = table.need("name", "its name in the SPIF, such as SECRET").and_then(|v| v.line());
    let mut restrictive = BTreeMap::new();
    if let Some(tags) = table.table("categories") {
        for (tag, values) in tags.entries() {
            let Some(values) = values.list(MOST) else { continue };
            let values: BTreeSet<String> = values.iter().filter_map(Entry::line).collect();
            restrictive.insert(tag.to_owned(), values);
        }
    }
    table.finish();
    Some(Classification {
        policy: policy?,
        hierarchy: hierarchy?,
        name: name?,
        restrictive,
        permissive: BTreeMap::new(),
        informative: BTreeMap::new(),
    })
}
