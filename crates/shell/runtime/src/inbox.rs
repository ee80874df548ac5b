//! TAXII add requests, taken in a stretch at a time after they were accepted durably.

use json::{Limits, Tape};
use ports::{InboxEntry, ItemOutcome, StatusItem, StoreError};

use crate::core::{Core, CoreError};
use crate::import::expand;
use crate::ingest::{Committing, Fate, Piece};

/// Posted objects dealt with in one transaction: others want to write, too.
const STRETCH: usize = 500;
/// Bytes of them, so that a few huge objects do not fill memory.
const STRETCH_BYTES: usize = 8 << 20;

impl Core {
    /// Deals with the next stretch of the oldest waiting request. Returns whether there was one.
    ///
    /// Objects and their outcomes are written in one transaction, so the counts are right at any moment and a crash
    /// neither loses nor repeats anything. Objects that the store cannot take are marked as failed, so that they do not
    /// keep everybody behind them waiting.
    ///
    /// # Errors
    /// When the store is full or busy; the request stays in the inbox.
    pub fn inbox_step(&self) -> Result<bool, CoreError> {
        let Some(entry) = self.store.read()?.inbox(1)?.pop() else { return Ok(false) };
        let status = self.store.read()?.status(self.scope.tenant, entry.status)?;
        let rows: Vec<StatusItem> = status.map(|status| status.items).unwrap_or_default();
        let stretch = Stretch::of(&entry, &rows);
        let source = self.source_or_stranger(entry.source)?;
        let pieces: Vec<_> = stretch.texts.iter().map(|text| Piece::stix(text)).collect();
        let taken = self.ingest_with(&source, &pieces, &mut |_| {}, &mut |tx, committing| {
            tx.progress(entry.status, &stretch.outcomes(&rows, committing), stretch.last)
        });
        match taken {
            Ok(_) => Ok(true),
            Err(error @ (StoreError::Full | StoreError::Busy)) => Err(error.into()),
            Err(error) => {
                tracing::error!(%error, "posted objects cannot be taken");
                let failure =
                    ItemOutcome::Failure("the node could not store it; its operator can tell why".to_owned());
                let failed: Vec<_> = stretch.places(&rows, |_| failure.clone());
                self.store.write(Box::new(|tx| tx.progress(entry.status, &failed, stretch.last)))?;
                Ok(true)
            }
        }
    }
}

/// Consecutive objects of a request that wait to be dealt with.
struct Stretch {
    /// Place of the first in the request.
    from: usize,
    /// Place after the last.
    to: usize,
    /// What is taken in: one posted STIX 2.0 object can become several.
    texts: Vec<Vec<u8>>,
    /// For each text, the place of the posted object it came from.
    owner: Vec<usize>,
    /// Whether the request is finished after it.
    last: bool,
}

impl Stretch {
    fn of(entry: &InboxEntry, rows: &[StatusItem]) -> Self {
        let pending = |row: &StatusItem| row.outcome == ItemOutcome::Pending;
        let from = rows.iter().position(pending).unwrap_or(rows.len());
        let mut stretch = Self { from, to: from, texts: Vec::new(), owner: Vec::new(), last: false };
        let mut tape = Tape::new();
        let parsed = tape.parse(&entry.body, &Limits::DOCUMENT).ok();
        let list = parsed.and_then(|body| body.get("objects"));
        let mut bytes = 0;
        for (place, object) in
            list.into_iter().flat_map(|list| list.items()).enumerate().skip(from).take(STRETCH)
        {
            if bytes > STRETCH_BYTES {
                break;
            }
            bytes += object.raw().len();
            for text in expand(object.raw().as_bytes()) {
                stretch.texts.push(text);
                stretch.owner.push(place);
            }
            stretch.to = place + 1;
        }
        // A request whose rows and objects do not agree is over once its objects are.
        stretch.last = stretch.to >= rows.len() || stretch.to == stretch.from;
        stretch
    }

    /// What became of each posted object: the worst of what it became.
    fn outcomes(&self, rows: &[StatusItem], committing: &Committing<'_>) -> Vec<(usize, StatusItem)> {
        self.places(rows, |place| {
            let parts = self.owner.iter().enumerate().filter(|(_, owner)| **owner == place);
            parts.fold(ItemOutcome::Success, |outcome, (index, _)| match (committing.fate(index), outcome) {
                (Some(Fate::Refused(findings)), _) => {
                    let why: Vec<_> = findings.iter().map(ToString::to_string).collect();
                    ItemOutcome::Failure(why.join("; "))
                }
                (Some(Fate::Held(_)), ItemOutcome::Success) => ItemOutcome::Held,
                (_, outcome) => outcome,
            })
        })
    }

    fn places(
        &self,
        rows: &[StatusItem],
        outcome: impl Fn(usize) -> ItemOutcome,
    ) -> Vec<(usize, StatusItem)> {
        let mine = rows.iter().enumerate().skip(self.from).take(self.to - self.from);
        mine.map(|(place, row)| (place, StatusItem { outcome: outcome(place), ..row.clone() })).collect()
    }
}
