//! The one module that speaks the engine's own language: a VFS that notes what it passes on, and listeners to statements.
#![expect(unsafe_code, reason = "a SQLite VFS is a table of C functions; this one only exists in tests")]
#![expect(clippy::panic, reason = "test code: without its instruments a test must not go on")]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use rusqlite::ffi;

use crate::disk::Operation;

const NAME: &CStr = c"shieldwall-faultfs";

/// What is asked of the files in one folder, from [`Recording::start`] on.
#[derive(Debug)]
pub struct Recording {
    folder: PathBuf,
}

/// Folders being recorded, and open files by the address of the engine's handle.
#[derive(Default)]
struct State {
    recordings: BTreeMap<PathBuf, Vec<Operation>>,
    open: BTreeMap<usize, (PathBuf, String)>,
}

/// The functions that do the work.
struct Real {
    open: OpenFn,
    delete: DeleteFn,
    vfs: usize,
    /// The engine has a few tables of file functions; each is patched once.
    patched: Mutex<BTreeMap<usize, usize>>,
}

type OpenFn = unsafe extern "C" fn(
    *mut ffi::sqlite3_vfs,
    *const c_char,
    *mut ffi::sqlite3_file,
    c_int,
    *mut c_int,
) -> c_int;
type DeleteFn = unsafe extern "C" fn(*mut ffi::sqlite3_vfs, *const c_char, c_int) -> c_int;

static STATE: Mutex<State> = Mutex::new(State { recordings: BTreeMap::new(), open: BTreeMap::new() });
static REAL: OnceLock<Real> = OnceLock::new();
static STATEMENTS: AtomicU64 = AtomicU64::new(0);
static TEXTS: Mutex<Option<Texts>> = Mutex::new(None);

/// Texts of statements seen, and where new ones go.
type Texts = (BTreeSet<String>, Box<dyn FnMut(&str) + Send>);

impl Recording {
    /// Begins to note what happens to files in this folder, for connections that use [`Recording::vfs`].
    #[must_use]
    pub fn start(folder: &Path) -> Self {
        REAL.get_or_init(register);
        let folder = folder.canonicalize().unwrap_or_else(|error| panic!("`{}`: {error}", folder.display()));
        state().recordings.insert(folder.clone(), Vec::new());
        Self { folder }
    }

    /// The name to open connections with.
    #[must_use]
    pub fn vfs(&self) -> String {
        NAME.to_string_lossy().into_owned()
    }

    /// Notes something of the test's own, at this place among the operations.
    pub fn mark(&self, number: u64) {
        note(&self.folder, Operation::Mark(number));
    }

    /// Everything up to now.
    #[must_use]
    pub fn operations(&self) -> Vec<Operation> {
        state().recordings.get(&self.folder).cloned().unwrap_or_default()
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        state().recordings.remove(&self.folder);
    }
}

/// Ends this process, without any goodbye, when its n-th statement (of any connection, from now on) is about to begin.
pub fn abort_at_statement(statement: u64) {
    STATEMENTS.store(statement, Ordering::SeqCst);
    extend_connections(count_statements);
}

/// Tells of the text of every statement that this process runs on connections opened from now on, each text once.
/// Not together with [`abort_at_statement`].
pub fn tell_statements(tell: impl FnMut(&str) + Send + 'static) {
    *TEXTS.lock().unwrap_or_else(PoisonError::into_inner) = Some((BTreeSet::new(), Box::new(tell)));
    extend_connections(collect_statements);
}

type Extension =
    unsafe extern "C" fn(*mut ffi::sqlite3, *mut *mut c_char, *const ffi::sqlite3_api_routines) -> c_int;

fn extend_connections(with: Extension) {
    // SAFETY: the function has the signature the engine calls it with, and lives for ever.
    let code = unsafe { ffi::sqlite3_auto_extension(Some(with)) };
    assert_eq!(code, ffi::SQLITE_OK, "the engine takes no automatic extension");
}

unsafe extern "C" fn count_statements(
    connection: *mut ffi::sqlite3,
    _: *mut *mut c_char,
    _: *const ffi::sqlite3_api_routines,
) -> c_int {
    let mask = ffi::SQLITE_TRACE_STMT as c_uint;
    // SAFETY: the connection is the one being opened, and the callback keeps nothing.
    unsafe { ffi::sqlite3_trace_v2(connection, mask, Some(before_statement), std::ptr::null_mut()) }
}

unsafe extern "C" fn before_statement(_: c_uint, _: *mut c_void, _: *mut c_void, _: *mut c_void) -> c_int {
    if STATEMENTS.fetch_sub(1, Ordering::SeqCst) == 1 {
        std::process::abort();
    }
    0
}

unsafe extern "C" fn collect_statements(
    connection: *mut ffi::sqlite3,
    _: *mut *mut c_char,
    _: *const ffi::sqlite3_api_routines,
) -> c_int {
    let mask = ffi::SQLITE_TRACE_STMT as c_uint;
    // SAFETY: the connection is the one being opened, and the callback keeps nothing.
    unsafe { ffi::sqlite3_trace_v2(connection, mask, Some(on_statement), std::ptr::null_mut()) }
}

unsafe extern "C" fn on_statement(_: c_uint, _: *mut c_void, _: *mut c_void, text: *mut c_void) -> c_int {
    // SAFETY: of this kind of event, the last argument is the statement's text.
    let text = unsafe { CStr::from_ptr(text.cast::<c_char>()) }.to_string_lossy();
    let mut texts = TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((seen, tell)) = texts.as_mut()
        && !seen.contains(text.as_ref())
    {
        tell(&text);
        seen.insert(text.into_owned());
    }
    0
}

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn note(folder: &Path, operation: Operation) {
    if let Some(log) = state().recordings.get_mut(folder) {
        log.push(operation);
    }
}

/// Notes something about an open file.
fn note_file(file: *mut ffi::sqlite3_file, operation: impl FnOnce(String) -> Operation) {
    let place = state().open.get(&file.addr()).cloned();
    if let Some((folder, name)) = place {
        note(&folder, operation(name));
    }
}

/// The folder and the name in it.
///
/// # Safety
/// `name` is null or a string.
unsafe fn place(name: *const c_char) -> Option<(PathBuf, String)> {
    if name.is_null() {
        return None;
    }
    // SAFETY: as promised by the caller.
    let path = PathBuf::from(unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned());
    Some((path.parent()?.to_owned(), path.file_name()?.to_string_lossy().into_owned()))
}

/// Makes a VFS that is the default one but for opening and deleting.
fn register() -> Real {
    // SAFETY: the default VFS lives for ever; the copy is leaked, so it does too.
    unsafe {
        let default = ffi::sqlite3_vfs_find(std::ptr::null());
        let (Some(open), Some(delete)) = ((*default).xOpen, (*default).xDelete) else {
            panic!("the default VFS cannot open files");
        };
        let mut ours = *default;
        ours.zName = CString::from(NAME).into_raw();
        ours.pNext = std::ptr::null_mut();
        ours.xOpen = Some(x_open);
        ours.xDelete = Some(x_delete);
        let code = ffi::sqlite3_vfs_register(Box::leak(Box::new(ours)), 0);
        assert_eq!(code, ffi::SQLITE_OK, "the VFS cannot be registered");
        Real { open, delete, vfs: default.expose_provenance(), patched: Mutex::default() }
    }
}

fn real() -> &'static Real {
    REAL.get().unwrap_or_else(|| panic!("used before it was registered"))
}

unsafe extern "C" fn x_open(
    _: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    let real = real();
    // SAFETY: the arguments are the engine's own, and the handle is as large as the default VFS wants it.
    unsafe {
        let code = (real.open)(std::ptr::with_exposed_provenance_mut(real.vfs), name, file, flags, out);
        if code == ffi::SQLITE_OK
            && !(*file).pMethods.is_null()
            && let Some((folder, name)) = place(name)
        {
            (*file).pMethods = patched((*file).pMethods);
            state().open.insert(file.addr(), (folder, name));
            note_file(file, |file| Operation::Open { file });
        }
        code
    }
}

unsafe extern "C" fn x_delete(_: *mut ffi::sqlite3_vfs, name: *const c_char, sync: c_int) -> c_int {
    let real = real();
    // SAFETY: the arguments are the engine's own.
    unsafe {
        let code = (real.delete)(std::ptr::with_exposed_provenance_mut(real.vfs), name, sync);
        if code == ffi::SQLITE_OK
            && let Some((folder, file)) = place(name)
        {
            note(&folder, Operation::Delete { file, synced: sync != 0 });
        }
        code
    }
}

/// The same file functions, but for those that change files.
///
/// # Safety
/// `methods` is a table of the default VFS, which lives for ever.
unsafe fn patched(methods: *const ffi::sqlite3_io_methods) -> *const ffi::sqlite3_io_methods {
    let mut tables = real().patched.lock().unwrap_or_else(PoisonError::into_inner);
    let table = tables.entry(methods.expose_provenance()).or_insert_with(|| {
        // SAFETY: as promised by the caller.
        let real = unsafe { std::ptr::read(methods) };
        let ours = ffi::sqlite3_io_methods {
            // Nothing is mapped into memory, where writing could not be seen.
            iVersion: 2,
            xClose: Some(x_close),
            xWrite: Some(x_write),
            xTruncate: Some(x_truncate),
            xSync: Some(x_sync),
            ..real
        };
        std::ptr::from_ref(Box::leak(Box::new(Table { ours, real }))).expose_provenance()
    });
    std::ptr::with_exposed_provenance(*table)
}

/// A patched table with the one it was made from behind it.
#[repr(C)]
struct Table {
    ours: ffi::sqlite3_io_methods,
    real: ffi::sqlite3_io_methods,
}

/// The functions a file had before.
///
/// # Safety
/// The file was opened by [`x_open`].
unsafe fn real_methods(file: *mut ffi::sqlite3_file) -> &'static ffi::sqlite3_io_methods {
    // SAFETY: its table is the first field of a leaked `Table`.
    unsafe { &(*(*file).pMethods.cast::<Table>()).real }
}

unsafe extern "C" fn x_close(file: *mut ffi::sqlite3_file) -> c_int {
    state().open.remove(&file.addr());
    // SAFETY: the arguments are the engine's own.
    unsafe { real_methods(file).xClose.map_or(ffi::SQLITE_IOERR, |close| close(file)) }
}

unsafe extern "C" fn x_write(
    file: *mut ffi::sqlite3_file,
    bytes: *const c_void,
    length: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: the arguments are the engine's own: `length` bytes.
    let (code, bytes) = unsafe {
        let code =
            real_methods(file).xWrite.map_or(ffi::SQLITE_IOERR, |write| write(file, bytes, length, offset));
        (code, std::slice::from_raw_parts(bytes.cast::<u8>(), usize::try_from(length).unwrap_or(0)).to_vec())
    };
    note_file(file, |file| Operation::Write { file, offset: offset.unsigned_abs(), bytes });
    code
}

unsafe extern "C" fn x_truncate(file: *mut ffi::sqlite3_file, size: ffi::sqlite3_int64) -> c_int {
    note_file(file, |file| Operation::Truncate { file, size: size.unsigned_abs() });
    // SAFETY: the arguments are the engine's own.
    unsafe { real_methods(file).xTruncate.map_or(ffi::SQLITE_IOERR, |truncate| truncate(file, size)) }
}

unsafe extern "C" fn x_sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: the arguments are the engine's own.
    let code = unsafe { real_methods(file).xSync.map_or(ffi::SQLITE_IOERR, |sync| sync(file, flags)) };
    if code == ffi::SQLITE_OK {
        note_file(file, |file| Operation::Sync { file });
    }
    code
}
