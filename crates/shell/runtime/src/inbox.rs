//! TAXII add requests, taken in one at a time after they were accepted durably.

use json::{Limits, Tape};
use model::SourceId;
use ports::{InboxEntry, ItemOutcome, StatusItem, StoreError};

use crate::core::Core;
use crate::import::expand;
use crate::ingest::{Fate, Piece};

impl Core {
    /// Deals with the oldest waiting request. Returns whether there was one.
    ///
    /// Objects and their outcomes are written in one transaction, so a crash neither loses nor repeats any.
    ///
    /// # Errors
    /// When the store fails; the request stays in the inbox.
    pub fn inbox_step(&self) -> Result<bool, StoreError> {
        let Some(entry) = self.store.read()?.inbox(1)?.pop() else { return Ok(false) };
        let sources = self.store.read()?.sources(self.scope.tenant)?;
        let source = sources
            .into_iter()
            .map(|(record, _)| record)
            .find(|record| record.id == entry.source || record.id == SourceId(0))
            .ok_or_else(|| StoreError::Missing("the source of this organisation".to_owned()))?;
        let items = objects(&entry);
        // One posted object can become several (STIX 2.0 observed-data); its outcome is the worst of theirs.
        let mut texts = Vec::new();
        let mut owner = Vec::new();
        for (place, raw) in items.iter().enumerate() {
            for text in expand(raw) {
                texts.push(text);
                owner.push(place);
            }
        }
        let pieces: Vec<_> = texts.iter().map(|text| Piece::stix(text)).collect();
        let status = self.store.read()?.status(self.scope.tenant, entry.status)?;
        let mut rows: Vec<StatusItem> = status.map(|status| status.items).unwrap_or_default();
        rows.iter_mut().for_each(|row| row.outcome = ItemOutcome::Success);
        // The fates are known only after the transaction's objects are in, so the status follows in the next one;
        // a crash between the two repeats the ingest, which then finds everything unchanged.
        self.ingest(&source, &pieces, &mut |report| {
            let row = owner.get(report.index).and_then(|place| rows.get_mut(*place));
            if let (Some(row), Fate::Refused(findings)) = (row, report.fate) {
                let why: Vec<_> = findings.iter().map(ToString::to_string).collect();
                row.outcome = ItemOutcome::Failure(why.join("; "));
            }
        })?;
        let numbered: Vec<_> = rows.into_iter().enumerate().collect();
        self.store.write(Box::new(|tx| tx.progress(entry.status, &numbered, true)))?;
        Ok(true)
    }
}

/// The objects of a request body, as posted.
fn objects(entry: &InboxEntry) -> Vec<Vec<u8>> {
    let mut tape = Tape::new();
    let Ok(value) = tape.parse(&entry.body, &Limits::DOCUMENT) else { return Vec::new() };
    let list = value.get("objects").into_iter().flat_map(|list| list.items());
    list.map(|item| item.raw().as_bytes().to_vec()).collect()
}
