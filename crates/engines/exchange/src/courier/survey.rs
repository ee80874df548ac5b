//! What a pile of courier files brings, and what is missing from it.

use std::collections::{BTreeMap, BTreeSet};

use model::{AgreementId, Digest};

use super::manifest::{Manifest, Range};
use crate::stream::Position;

/// Entries that neither were taken in nor are in the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gap {
    /// Which; ask for it as `wanted` in a file that goes back.
    pub range: Range,
}

/// What manifests tell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Survey {
    /// Parts that are missing, by export.
    pub missing_parts: BTreeMap<Digest, Vec<u32>>,
    /// How many files came more than once.
    pub repeated_files: usize,
    /// What is missing between what was taken in and what the files bring.
    pub gaps: Vec<Gap>,
    /// How many entries the files bring that were taken in before, or that more than one file brings.
    pub repeated_entries: u64,
    /// How many entries are new.
    pub new_entries: u64,
}

/// Surveys files of one writer for one reader by their manifests. `position` tells how far the writer's stream under
/// an agreement was taken in.
#[must_use]
pub fn survey(manifests: &[Manifest], position: &dyn Fn(AgreementId) -> Position) -> Survey {
    let mut survey = Survey::default();
    let mut parts: BTreeMap<Digest, (u32, BTreeSet<u32>)> = BTreeMap::new();
    let mut ranges: BTreeSet<Range> = BTreeSet::new();
    for manifest in manifests {
        let (count, seen) = parts.entry(manifest.bundle).or_default();
        *count = manifest.parts.max(*count);
        if !seen.insert(manifest.part) {
            survey.repeated_files = survey.repeated_files.saturating_add(1);
            continue;
        }
        for range in &manifest.ranges {
            if !ranges.insert(*range) {
                let length = range.last.saturating_sub(range.first).saturating_add(1);
                survey.repeated_entries = survey.repeated_entries.saturating_add(length);
            }
        }
    }
    for (bundle, (count, seen)) in parts {
        let missing: Vec<u32> = (1..=count).filter(|part| !seen.contains(part)).collect();
        if !missing.is_empty() {
            survey.missing_parts.insert(bundle, missing);
        }
    }
    // Ordered by agreement, epoch and first entry: so one pass tells what is covered.
    let mut covered: BTreeMap<(AgreementId, u32), u64> = BTreeMap::new();
    for range in ranges {
        let at = position(range.agreement);
        if range.epoch < at.epoch {
            let length = range.last.saturating_sub(range.first).saturating_add(1);
            survey.repeated_entries = survey.repeated_entries.saturating_add(length);
            continue;
        }
        let start = if range.epoch == at.epoch { at.seq } else { 0 };
        let until = covered.entry((range.agreement, range.epoch)).or_insert(start);
        let next = until.saturating_add(1);
        if range.first > next {
            let last = range.first.saturating_sub(1);
            survey.gaps.push(Gap { range: Range { first: next, last, ..range } });
        }
        let repeated = range.last.min(*until).saturating_add(1).saturating_sub(range.first);
        survey.repeated_entries = survey.repeated_entries.saturating_add(repeated);
        let fresh = range.last.saturating_add(1).saturating_sub(range.first.max(next));
        survey.new_entries = survey.new_entries.saturating_add(fresh);
        *until = (*until).max(range.last);
    }
    survey
}

/// The entry to begin the next export with: after what is acknowledged or was given to couriers before, less the
/// repeat window, but nothing that is no longer kept. Export from the segment that holds it.
#[must_use]
pub fn first_to_export(acked: u64, couriered: u64, repeat: u64, kept_from: u64) -> u64 {
    let after = couriered.max(acked).saturating_add(1);
    // What is acknowledged need not be repeated.
    after.saturating_sub(repeat).max(acked.saturating_add(1)).max(kept_from)
}
