//! The file of the index: opening the one that an earlier run left, and keeping what is watched in a new one.
//!
//! The file spares a start from reading everything, and memory from holding it; nothing else needs it. So a folder that
//! cannot be read or written holds up nothing: what is watched goes on in memory, a warning says so once a minute at most,
//! and as often it is tried again.

use std::sync::Arc;

use detect::{Index, Segment};
use model::{Seq, Timestamp};
use ports::segments::SegmentError;
use tracing::{info, warn};

use super::{BESIDE, Changes, Keeper, Standards, subject_of, version_of};
use crate::core::Core;
use crate::detection::{Detection, DetectionError};

/// What names of files begin with: of values, and of the list of what is no value.
const FILE: &str = "indicators-";
const REST: &str = "patterns-";
/// The name of the cursor.
const CURSOR: &str = "detect";
/// After keeping the file failed, it is tried again and said again after this time, in microseconds.
const AGAIN: i64 = 60_000_000;

/// The name of the file that holds everything up to a place in the journal.
fn file_name(at: Seq) -> String {
    format!("{FILE}{}", at.0)
}

/// The name of the file that lists what of it is no value.
fn rest_name(at: Seq) -> String {
    format!("{REST}{}", at.0)
}

/// A list of numbers, eight bytes each.
fn numbers(bytes: &[u8]) -> Option<Vec<u64>> {
    let (whole, rest) = bytes.as_chunks::<8>();
    rest.is_empty().then(|| whole.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect())
}

/// What an earlier run left: the index, and the list of what is no value. `None` if that is not all there and whole.
fn left(detection: &Detection, at: Seq) -> Option<(Segment, Vec<u64>)> {
    let segments = &detection.outside.segments;
    let open = || Ok::<_, SegmentError>((segments.open(&file_name(at))?, segments.open(&rest_name(at))?));
    let (file, rest) = match open() {
        Ok((file, rest)) => (file?, rest?),
        Err(problem) => {
            warn!(%problem, "the index of indicators cannot be opened and is made anew");
            return None;
        }
    };
    match Segment::open(file) {
        Ok(segment) => Some((segment, numbers(rest.as_ref())?)),
        Err(damage) => {
            warn!(%damage, "the index of indicators is damaged and is made anew");
            None
        }
    }
}

impl Keeper {
    /// Whether keeping the file did not just fail.
    fn may_try(&self, now: Timestamp) -> bool {
        self.failed.is_none_or(|failed| now.as_micros() - failed.as_micros() > AGAIN)
    }

    fn was_kept(&mut self) {
        if self.failed.take().is_some() {
            info!("the index of indicators is kept in its folder again");
        }
    }

    fn was_not_kept(&mut self, problem: &DetectionError, now: Timestamp) {
        if self.may_try(now) {
            warn!(%problem, "the index of indicators cannot be kept in its folder: what is watched goes on in memory, and the next start takes longer; will try again");
            self.failed = Some(now);
        }
    }
}

impl Core {
    /// Reads the file an earlier run left, or everything.
    pub(super) fn open_watch(
        &self,
        detection: &Detection,
        keeper: &mut Keeper,
    ) -> Result<(), DetectionError> {
        // Before they are asked for: if they change in between, what is kept is only older than it says.
        keeper.lists = self.lists_mark()?;
        let by = Standards::of(self)?;
        let at = self.store.read()?.named_cursor(self.scope.tenant, CURSOR)?;
        let Some((at, (segment, rest))) = at.and_then(|at| Some((at, left(detection, at)?))) else {
            return self.rebuild_watch(detection, keeper);
        };
        // The file leaves out what the warning lists knew when it was made.
        let Some((_, rest)) = rest.split_first().filter(|(lists, _)| **lists == keeper.lists) else {
            return self.rebuild_watch(detection, keeper);
        };
        let read = self.store.read()?;
        let (mut entries, mut changes) = (Vec::new(), Changes::default());
        for subject in rest {
            if let Some(stored) = read.version(self.scope, version_of(*subject))? {
                keeper.take(&stored, &by, &mut entries, &mut changes);
            }
        }
        drop(read);
        keeper.at = at;
        keeper.base = segment.len();
        let index = Index::default().with_segment(Arc::new(segment));
        detection.change_watch(|old| old.over(index));
        changes.entries = entries;
        Self::swap_watch(detection, keeper, &changes);
        Ok(())
    }

    /// Writes what is in memory into a new file, if that is much or could not be done before.
    pub(super) fn save_watch(&self, detection: &Detection, keeper: &mut Keeper, now: Timestamp) {
        let watch = detection.watch();
        let is_wanted = watch.index.delta_len() > BESIDE || keeper.failed.is_some();
        if !is_wanted || !keeper.may_try(now) {
            return;
        }
        let bytes = watch.index.merge();
        drop(watch);
        match self.keep_file(detection, keeper, &bytes) {
            Ok(segment) => {
                keeper.was_kept();
                let index = Index::default().with_segment(Arc::new(segment));
                detection.change_watch(|old| old.over(index));
            }
            Err(problem) => keeper.was_not_kept(&problem, now),
        }
    }

    /// Keeps a new index in a file and maps that; holds it in memory where that cannot be done.
    pub(super) fn keep_or_hold(
        &self,
        detection: &Detection,
        keeper: &mut Keeper,
        bytes: Vec<u8>,
    ) -> Result<Segment, DetectionError> {
        match self.keep_file(detection, keeper, &bytes) {
            Ok(segment) => {
                keeper.was_kept();
                Ok(segment)
            }
            Err(problem) => {
                keeper.was_not_kept(&problem, self.clock.now());
                Segment::open(bytes).map_err(|damage| DetectionError::Refused(damage.to_string()))
            }
        }
    }

    /// Keeps the file, then the cursor that names it, then removes older files: a stop in between leaves a file too many.
    fn keep_file(
        &self,
        detection: &Detection,
        keeper: &Keeper,
        bytes: &[u8],
    ) -> Result<Segment, DetectionError> {
        let segments = &detection.outside.segments;
        let rest = keeper.patterns.values().map(|kept| kept.counted.0);
        let rest = rest.chain(keeper.rules.values().map(|version| subject_of(*version)));
        // They are judged anew by the lists of the next start, and listed with their reasons then.
        let rest = rest.chain(keeper.refused.values().map(|(version, _)| subject_of(*version)));
        let rest = std::iter::once(keeper.lists).chain(rest);
        let rest: Vec<u8> = rest.flat_map(u64::to_le_bytes).collect();
        let (file, list) = (file_name(keeper.at), rest_name(keeper.at));
        segments.save(&file, bytes)?;
        segments.save(&list, &rest)?;
        let Some(Ok(segment)) = segments.open(&file)?.map(Segment::open) else {
            let problem = format!("`{file}` was just written and cannot be read; check the disk");
            return Err(DetectionError::Refused(problem));
        };
        self.store.transact(|tx| tx.set_cursor(self.scope.tenant, CURSOR, keeper.at))?;
        for name in segments.names()? {
            let is_ours = name.starts_with(FILE) || name.starts_with(REST);
            if is_ours && name != file && name != list {
                segments.remove(&name)?;
            }
        }
        Ok(segment)
    }
}
