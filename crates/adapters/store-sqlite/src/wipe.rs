//! Overwrites what the engine leaves between the cells of its pages.
//!
//! With `secure_delete` the engine clears what it frees, but when it moves cells to another page it leaves their old
//! bytes in the gap between a page's index and its content, where they outlive the cell itself. Nothing ever reads
//! a gap, so it can be cleared in place. Layout: SQLite "Database File Format" §1.6.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use ports::StoreError;
use rusqlite::Connection;

use crate::error::Fault;
use crate::schema;

/// Pages read at once.
const BATCH: usize = 256;

/// From this many pages on, the first byte no longer tells a b-tree page from one that continues a long cell.
const TELLABLE: u64 = 1 << 25;

/// Moves everything into the file, empties the log, and clears the file's gaps.
pub(crate) fn scrub(connection: &Connection, file: &File, path: Option<&Path>) -> Result<(), Fault> {
    let busy: i64 = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if busy != 0 {
        return Err(StoreError::Busy.into());
    }
    connection.execute_batch("BEGIN IMMEDIATE")?;
    // Nobody else can write now, and unless another process just has, nobody copies pages into the file either.
    let cleared = if path.is_some_and(|path| schema::size(&schema::log(path)) > 0) {
        Err(StoreError::Busy)
    } else {
        let size = connection.pragma_query_value(None, "page_size", |row| row.get::<_, u32>(0))?;
        wipe(file, size as usize)
            .map_err(|error| StoreError::Engine(format!("cannot clear erased bytes: {error}")))
    };
    connection.execute_batch("ROLLBACK")?;
    // Pages this connection has in memory still have their gaps, and would be written with them.
    connection.execute_batch("PRAGMA shrink_memory")?;
    Ok(cleared.map(drop)?)
}

/// Clears the gaps of every page of the file, and returns how many there were to clear.
///
/// Nobody may be writing to the file, and whoever keeps copies of pages in order to write them must drop those.
fn wipe(file: &File, page_size: usize) -> io::Result<u64> {
    let pages = file.metadata()?.len() / page_size as u64;
    if pages >= TELLABLE {
        return Err(io::Error::other("the file is too large to tell its pages apart"));
    }
    let zeros = vec![0; page_size];
    let mut buffer = vec![0; page_size * BATCH];
    let mut cleared = 0;
    let mut first = 0;
    while first < pages {
        let count = usize::try_from(pages - first).unwrap_or(BATCH).min(BATCH);
        let batch = buffer.get_mut(..count * page_size).unwrap_or_default();
        file.read_exact_at(batch, first * page_size as u64)?;
        for (number, page) in (first..).zip(batch.chunks(page_size)) {
            let header = if number == 0 { 100 } else { 0 };
            for gap in gaps(page, header) {
                if page.get(gap.clone()).is_some_and(|bytes| bytes.iter().any(|byte| *byte != 0)) {
                    file.write_all_at(
                        zeros.get(..gap.len()).unwrap_or_default(),
                        number * page_size as u64 + gap.start as u64,
                    )?;
                    cleared += 1;
                }
            }
        }
        first += count as u64;
    }
    file.sync_data()?;
    Ok(cleared)
}

/// What belongs to no cell on a b-tree page; nothing on any other page.
fn gaps(page: &[u8], header: usize) -> Vec<Range<usize>> {
    let word = |at: usize| match page.get(at..at + 2) {
        Some(&[high, low]) => usize::from(high) << 8 | usize::from(low),
        _ => 0,
    };
    let index = match page.get(header) {
        Some(2 | 5) => header + 12,
        Some(10 | 13) => header + 8,
        _ => return Vec::new(),
    };
    let cells = index + 2 * word(header + 3);
    let content = match word(header + 5) {
        0 => 0x1_0000,
        content => content,
    };
    let sound = cells <= content
        && content <= page.len()
        && (index..cells).step_by(2).all(|at| word(at) >= content && word(at) < page.len());
    if !sound {
        return Vec::new();
    }
    let mut gaps: Vec<_> = std::iter::once(cells..content).collect();
    // Free blocks between cells: each begins with the place of the next and its own size. Places only grow.
    let (mut block, mut least) = (word(header + 1), content);
    while block >= least && block + 4 <= page.len() {
        let end = block + word(block + 2);
        if end < block + 4 || end > page.len() {
            break;
        }
        gaps.push(block + 4..end);
        (block, least) = (word(block), end);
    }
    gaps
}

#[cfg(test)]
mod tests {
    use super::gaps;

    fn page(kind: u8, cells: &[u16], content: u16, free: u16) -> Vec<u8> {
        let mut page = vec![0xee; 512];
        page[0] = kind;
        page[1..3].copy_from_slice(&free.to_be_bytes());
        page[3..5].copy_from_slice(&u16::try_from(cells.len()).unwrap().to_be_bytes());
        page[5..7].copy_from_slice(&content.to_be_bytes());
        for (place, cell) in cells.iter().enumerate() {
            page[8 + 2 * place..10 + 2 * place].copy_from_slice(&cell.to_be_bytes());
        }
        page
    }

    #[test]
    fn only_what_belongs_to_no_cell() {
        let one = |page: &[u8]| gaps(page, 0).pop();
        assert_eq!(one(&page(13, &[500, 480], 480, 0)), Some(12..480));
        assert_eq!(one(&page(13, &[], 512, 0)), Some(8..512));
        let mut with_block = page(10, &[400], 400, 440);
        with_block[440..444].copy_from_slice(&[0, 0, 0, 20]);
        assert_eq!(gaps(&with_block, 0), [10..400, 444..460]);
    }

    #[test]
    fn pages_that_make_no_sense_are_left_alone() {
        assert!(gaps(&page(0, &[500], 480, 0), 0).is_empty(), "not a b-tree page");
        assert!(gaps(&page(13, &[300], 480, 0), 0).is_empty(), "a cell in the gap");
        assert!(gaps(&page(13, &[500], 600, 0), 0).is_empty(), "content beyond the page");
        assert!(gaps(&[], 0).is_empty() && gaps(&[13], 0).is_empty() && gaps(&[13; 64], 100).is_empty());
        let mut circle = page(13, &[400], 400, 440);
        circle[440..444].copy_from_slice(&[1, 184, 0, 20]);
        assert_eq!(gaps(&circle, 0).len(), 2, "a block that is its own next ends the list");
    }
}
