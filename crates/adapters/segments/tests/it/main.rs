//! What is kept, what a crash leaves, who may read it, and what is no name.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::Path;

use ports::segments::{SegmentError, Segments};
use shieldwall_segments::Folder;
use testkit::temp_dir;

fn kept(folder: &Folder, name: &str) -> Option<Vec<u8>> {
    folder.open(name).unwrap().map(|bytes| bytes.as_ref().to_vec())
}

fn files(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn what_was_saved_is_there_after_opening_again() {
    let dir = temp_dir();
    let path = dir.path().join("deep/index");
    let folder = Folder::at(&path).unwrap();
    assert_eq!(kept(&folder, "base"), None);
    folder.save("base", b"one").unwrap();
    folder.save("delta-1.v2", b"").unwrap();
    drop(folder);
    let folder = Folder::at(&path).unwrap();
    assert_eq!(kept(&folder, "base").as_deref(), Some(b"one".as_slice()));
    assert_eq!(kept(&folder, "delta-1.v2").as_deref(), Some(b"".as_slice()), "no bytes are bytes, too");
    assert_eq!(folder.names().unwrap(), ["base", "delta-1.v2"]);
}

#[test]
fn what_is_open_shows_what_it_showed_whatever_becomes_of_the_file() {
    let dir = temp_dir();
    let folder = Folder::at(dir.path()).unwrap();
    folder.save("base", &[1; 10_000]).unwrap();
    let first = folder.open("base").unwrap().unwrap();
    folder.save("base", &[2; 3]).unwrap();
    let second = folder.open("base").unwrap().unwrap();
    folder.remove("base").unwrap();
    assert_eq!((first.as_ref(), second.as_ref()), ([1; 10_000].as_slice(), [2; 3].as_slice()));
    assert_eq!(kept(&folder, "base"), None);
    folder.remove("base").unwrap();
    assert!(files(dir.path()).is_empty());
}

#[test]
fn what_a_crash_left_half_written_is_never_taken_for_a_file_and_is_cleared_away() {
    let dir = temp_dir();
    let folder = Folder::at(dir.path()).unwrap();
    folder.save("base", b"whole").unwrap();
    drop(folder);
    // A crash before the rename: of a new file, and of one that was to take the place of another.
    fs::write(dir.path().join("base.0.tmp~"), b"ha").unwrap();
    fs::write(dir.path().join("other.7.tmp~"), b"").unwrap();
    let folder = Folder::at(dir.path()).unwrap();
    assert_eq!(files(dir.path()), ["base"]);
    assert_eq!(kept(&folder, "base").as_deref(), Some(b"whole".as_slice()));
    // And the numbers of the one before are free again.
    folder.save("base", b"new").unwrap();
    assert_eq!(kept(&folder, "base").as_deref(), Some(b"new".as_slice()));
    assert_eq!(files(dir.path()), ["base"]);
}

#[test]
fn what_somebody_else_put_there_is_left_alone() {
    let dir = temp_dir();
    fs::write(dir.path().join("README"), b"x").unwrap();
    fs::create_dir(dir.path().join("folder.tmp~")).unwrap();
    let folder = Folder::at(dir.path()).unwrap();
    assert!(folder.names().unwrap().is_empty());
    assert_eq!(files(dir.path()), ["README", "folder.tmp~"]);
    assert!(matches!(folder.open("README"), Err(SegmentError::Name(_))));
}

#[test]
fn a_name_is_no_path() {
    let dir = temp_dir();
    let folder = Folder::at(dir.path().join("inner")).unwrap();
    let long = "a".repeat(65);
    for name in [
        "", ".", "..", "../x", "/x", "a/b", "a\\b", ".hidden", "-x", "A", "a b", "a.0.tmp~", "ä", "a\0",
        &long,
    ] {
        for error in [
            folder.save(name, b"x").unwrap_err(),
            folder.open(name).unwrap_err(),
            folder.remove(name).unwrap_err(),
        ] {
            assert_eq!(error, SegmentError::Name(name.to_owned()));
        }
    }
    folder.save(&long[1..], b"x").unwrap();
    assert_eq!(files(dir.path()), ["inner"]);
}

#[cfg(unix)]
#[test]
fn nobody_else_can_read_any_of_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = temp_dir();
    let path = dir.path().join("index");
    fs::create_dir(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let folder = Folder::at(&path).unwrap();
    folder.save("base", b"x").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(&path.join("base"))), (0o700, 0o600));
}

#[test]
fn an_error_names_what_could_not_be_done_to_what() {
    let dir = temp_dir();
    let file = dir.path().join("file");
    fs::write(&file, b"x").unwrap();
    let error = Folder::at(&file).unwrap_err().to_string();
    assert!(error.contains("cannot make a private folder of") && error.contains("file"), "{error}");
    let folder = Folder::at(dir.path().join("index")).unwrap();
    fs::remove_dir(dir.path().join("index")).unwrap();
    let error = folder.save("base", b"x").unwrap_err().to_string();
    assert!(error.starts_with("cannot write `") && error.contains("base"), "{error}");
    assert!(folder.names().unwrap_err().to_string().starts_with("cannot list `"));
}

#[test]
fn many_may_write_at_once() {
    let dir = temp_dir();
    let folder = Folder::at(dir.path()).unwrap();
    std::thread::scope(|scope| {
        for writer in 0..4u8 {
            let folder = &folder;
            scope.spawn(move || (0..20).for_each(|_| folder.save("base", &[writer; 4096]).unwrap()));
        }
    });
    let bytes = kept(&folder, "base").unwrap();
    assert_eq!(bytes.len(), 4096);
    assert!(bytes.iter().all(|byte| Some(byte) == bytes.first()), "one of them, whole");
    assert_eq!(files(dir.path()), ["base"]);
}
