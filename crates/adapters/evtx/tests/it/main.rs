//! Files of every condition through a real child, and children that do not do what they should.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failing helper is a failing test"
)]

mod crafted;
mod files;
mod liars;

use std::path::{Path, PathBuf};

use shieldwall_evtx::{Evtx, EvtxError, Report, Told};

/// Reads files in a row: the records of each, and how it ended.
fn convert_all(evtx: &Evtx, paths: &[PathBuf]) -> Vec<(Vec<String>, Result<Report, EvtxError>)> {
    let mut files = Vec::new();
    let mut records = Vec::new();
    evtx.convert_all(paths, &mut |at, told| {
        assert_eq!(at, files.len(), "files come in their order");
        match told {
            Told::Record(record) => records.push(String::from_utf8(record.to_vec()).unwrap()),
            Told::End(end) => files.push((std::mem::take(&mut records), end)),
        }
    });
    assert_eq!(files.len(), paths.len());
    assert!(records.is_empty());
    files
}

/// Reads one file.
fn convert(evtx: &Evtx, path: &Path) -> (Vec<String>, Result<Report, EvtxError>) {
    let mut records = Vec::new();
    let end = evtx.convert(path, &mut |record| records.push(String::from_utf8(record.to_vec()).unwrap()));
    (records, end)
}

/// Writes files of these contents into a folder, in this order.
fn write(folder: &Path, contents: &[&[u8]]) -> Vec<PathBuf> {
    let write = |(at, content): (usize, &&[u8])| {
        let path = folder.join(format!("{at}.evtx"));
        std::fs::write(&path, content).unwrap();
        path
    };
    contents.iter().enumerate().map(write).collect()
}
