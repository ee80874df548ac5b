//! Full-text search follows the journal like everyone else: it may lag, and shows by how much.

use json::{Limits, Tape};
use model::{Seq, VersionId};
use ports::{JournalKind, SearchDocument, StoreError};

use crate::core::Core;

/// How many journal entries one transaction indexes.
const STEP: usize = 2500;

impl Core {
    /// Indexes the next stretch of the journal. Returns whether there may be more.
    ///
    /// # Errors
    /// When the store fails; the cursor stays where it was.
    pub fn index_step(&self) -> Result<bool, StoreError> {
        let tenant = self.scope.tenant;
        let (documents, up_to, full) = {
            let read = self.store.read()?;
            let counts = read.counts(tenant)?;
            let mut cursor = Seq(counts.search_cursor);
            let rows = match read.journal(tenant, cursor, STEP) {
                Ok(rows) => rows,
                // What was compacted is not searched for any more than it is followed.
                Err(StoreError::CursorExpired { horizon }) => {
                    cursor = horizon;
                    read.journal(tenant, cursor, STEP)?
                }
                Err(error) => return Err(error),
            };
            let Some(last) = rows.last() else { return Ok(false) };
            let mut documents = Vec::new();
            for row in &rows {
                let (Some(object), JournalKind::Put) = (&row.object, row.kind) else { continue };
                let Some(stored) = read.version(self.scope, object.version_id)? else { continue };
                if stored.latest {
                    documents.extend(document(stored.version_id, &stored.raw));
                }
            }
            (documents, last.seq, rows.len() == STEP)
        };
        self.store.write(Box::new(|tx| tx.index(tenant, up_to, &documents)))?;
        Ok(full)
    }
}

fn document(version_id: VersionId, raw: &str) -> Option<SearchDocument> {
    let mut tape = Tape::new();
    let value = tape.parse(raw.as_bytes(), &Limits::OBJECT).ok()?;
    let text = intel::text(value);
    Some(SearchDocument { version_id, title: text.title, body: text.body })
}
