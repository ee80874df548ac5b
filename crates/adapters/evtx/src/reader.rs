//! The parent: asks a child for one file after the other, and starts another child where one has failed.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ports::logs::{Converted, Converter, LogError};

use crate::limits::Limits;
use crate::process::{Broken, Process, legible};
use crate::protocol::{Kind, MAX_PATH};

/// The first bytes of every such file.
const MAGIC: &[u8] = b"ElfFile\0";
/// Files that a child is asked for at a time: the one it reads, and the one it goes on with.
const AHEAD: usize = 2;
/// Reasons that are kept of why records could not be read.
const MAX_REASONS: usize = 5;

/// Reads Windows' own event log files through a child process.
///
/// The child is started with the first file, kept for all that follow, and ended with this value. Several threads may
/// share it; they wait for each other. Everything here blocks.
#[derive(Debug)]
pub struct Evtx {
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    limits: Limits,
    child: Mutex<Option<Process>>,
}

/// What became of a file that was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Records that were handed out.
    pub records: u64,
    /// Records, and chunks of them, that could not be read.
    pub bad: u64,
    /// Why, for the first five.
    pub reasons: Vec<String>,
    /// What is missing of the file, if something is.
    pub missing: Option<String>,
    /// Its length in bytes.
    pub bytes: u64,
}

/// What [`Evtx::convert_all`] tells of a file.
#[derive(Debug)]
pub enum Told<'t> {
    /// One of its records, as JSON without a line break.
    Record(&'t [u8]),
    /// Nothing more comes of it.
    End(Result<Report, EvtxError>),
}

/// Why a file was not read, or not to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvtxError {
    /// The file itself is the reason; nothing of it was handed out.
    #[error("{0}")]
    Unreadable(String),
    /// Reading it ended a child. Other files are not affected.
    #[error(
        "it broke off after {records} records: {why}; the file is damaged or made to do harm, export it again where it \
         was recorded"
    )]
    Broke {
        /// Records that were handed out before.
        records: u64,
        /// What happened to the child.
        why: String,
    },
    /// No child could be started, so no file can be read.
    #[error("nothing can read event log files here: {0}")]
    NoReader(String),
}

impl Evtx {
    /// A reader whose child is this program, called with these arguments: something that calls
    /// [`crate::child()`].
    #[must_use]
    pub fn new(program: PathBuf, arguments: Vec<OsString>, limits: Limits) -> Self {
        Self { program, arguments, environment: Vec::new(), limits, child: Mutex::new(None) }
    }

    /// The same with variables in the child's environment, which else is empty. This is where a program tells its own
    /// allocator to keep within the limits.
    #[must_use]
    pub fn with_environment(mut self, environment: Vec<(OsString, OsString)>) -> Self {
        self.environment = environment;
        self
    }

    /// Reads one file and hands out its records, each as one JSON text without a line break.
    ///
    /// `each` must not read files with the same value.
    ///
    /// # Errors
    /// [`EvtxError`], also after records were handed out.
    pub fn convert(&self, path: &Path, each: &mut dyn FnMut(&[u8])) -> Result<Report, EvtxError> {
        let mut ended = Err(EvtxError::NoReader("nobody was asked".to_owned()));
        self.convert_all(&[path], &mut |_, told| match told {
            Told::Record(record) => each(record),
            Told::End(end) => ended = end,
        });
        ended
    }

    /// Reads files in their order; the child reads the next one while `each` is busy with the last. `each` gets the place
    /// of the file in `paths`, and for every file [`Told::End`] once, as the last.
    ///
    /// `each` must not read files with the same value.
    pub fn convert_all<P: AsRef<Path>>(&self, paths: &[P], each: &mut dyn FnMut(usize, Told<'_>)) {
        let mut place = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        // It is out of its place while it works: should `each` panic, a child in the middle of a file goes with it.
        let mut idle = place.take().and_then(Process::if_alive);
        let mut coming = paths.iter().map(AsRef::as_ref).enumerate();
        let mut queue = VecDeque::<Asked<'_>>::new();
        loop {
            while queue.len() < AHEAD
                && let Some((index, path)) = coming.next()
            {
                queue.push_back(Asked::new(index, path));
            }
            let Some(mut first) = queue.pop_front() else { break };
            let index = first.index;
            let length = match first.length.clone() {
                Ok(length) => length,
                Err(error) => {
                    each(index, Told::End(Err(error)));
                    continue;
                }
            };
            let mut process = match idle.take().map_or_else(|| self.start(), Ok) {
                Ok(process) => process,
                Err(error) => {
                    // The others would fare no better, and each might take as long to find out.
                    let rest = coming.map(|(index, path)| Asked::new(index, path));
                    for asked in std::iter::once(first).chain(queue).chain(rest) {
                        let own = asked.length.err().unwrap_or_else(|| error.clone());
                        each(asked.index, Told::End(Err(own)));
                    }
                    return;
                }
            };
            for asked in std::iter::once(&mut first).chain(&mut queue) {
                asked.send(&mut process, &self.limits);
            }
            let mut record = |record: &[u8]| each(index, Told::Record(record));
            match self.follow(&mut process, length, first.handed, &mut record) {
                Outcome::Told(end) => {
                    process.served();
                    idle = Some(process);
                    each(index, Told::End(end));
                }
                Outcome::Broken { records, broken } => {
                    // A child that had other files before may have died of them as well; a fresh one cannot.
                    let again = matches!(broken, Broken::Ended) && process.has_served();
                    let why = process.end(&broken);
                    queue.iter_mut().for_each(|asked| asked.sent = false);
                    if again {
                        first.sent = false;
                        first.handed = records;
                        queue.push_front(first);
                    } else {
                        each(index, Told::End(Err(EvtxError::Broke { records, why })));
                    }
                }
            }
        }
        *place = idle;
    }

    fn start(&self) -> Result<Process, EvtxError> {
        Process::start(&self.program, &self.arguments, &self.environment, &self.limits)
            .map_err(EvtxError::NoReader)
    }

    /// Listens to what is said about one file; the first `handed` records were handed out before.
    fn follow(
        &self,
        process: &mut Process,
        length: u64,
        handed: u64,
        each: &mut dyn FnMut(&[u8]),
    ) -> Outcome {
        let mut patience = Duration::from_secs(self.limits.seconds(length).into());
        let most = self.limits.output(length);
        let mut report = Report { bytes: length, ..Report::default() };
        let mut output = 0_u64;
        let broken = loop {
            let (kind, body) = match process.frame(&mut patience) {
                Ok(frame) => frame,
                Err(broken) => break broken,
            };
            output = output.saturating_add(body.len() as u64);
            if output > most {
                break Broken::Flooding;
            }
            match kind {
                Kind::Records => {
                    let mut rest = body;
                    while let Some(end) = memchr::memchr(b'\n', rest) {
                        let (record, after) = rest.split_at(end);
                        rest = after.get(1..).unwrap_or_default();
                        if !record.is_empty() {
                            report.records += 1;
                            if report.records > handed {
                                each(record);
                            }
                        }
                    }
                }
                Kind::Bad => {
                    report.bad += 1;
                    if report.reasons.len() < MAX_REASONS {
                        report.reasons.push(legible(body));
                    }
                }
                Kind::End => {
                    report.missing = (!body.is_empty()).then(|| legible(body));
                    return Outcome::Told(Ok(report));
                }
                Kind::Failed => return Outcome::Told(Err(EvtxError::Unreadable(legible(body)))),
                Kind::Ready => break Broken::Garbled("a word out of place"),
            }
        };
        Outcome::Broken { records: report.records.max(handed), broken }
    }
}

/// How following a file ended.
enum Outcome {
    /// The child came to an end with it.
    Told(Result<Report, EvtxError>),
    /// The child itself came to an end.
    Broken { records: u64, broken: Broken },
}

/// A file on its way.
struct Asked<'p> {
    index: usize,
    path: &'p Path,
    /// Its length in bytes, or why no child is asked.
    length: Result<u64, EvtxError>,
    /// Whether the present child was asked.
    sent: bool,
    /// Records that were handed out before a child died.
    handed: u64,
}

impl<'p> Asked<'p> {
    fn new(index: usize, path: &'p Path) -> Self {
        Self { index, path, length: length_of(path), sent: false, handed: 0 }
    }

    fn send(&mut self, process: &mut Process, limits: &Limits) {
        if let (Ok(length), false) = (&self.length, self.sent) {
            process.ask(self.path, limits.seconds(*length));
            self.sent = true;
        }
    }
}

/// The length of a file that a child may be asked for. Pipes and devices have no end, so none is.
fn length_of(path: &Path) -> Result<u64, EvtxError> {
    let refuse = |why: String| Err(EvtxError::Unreadable(why));
    let meta = match fs::metadata(path) {
        Ok(meta) => meta,
        Err(error) => return refuse(format!("it cannot be opened: {error}")),
    };
    if !meta.is_file() {
        return refuse("it is no regular file; name the file itself".to_owned());
    }
    if path.as_os_str().len() > MAX_PATH {
        return refuse(format!("its path has more than {MAX_PATH} bytes; move it"));
    }
    if meta.len() == 0 { refuse("there is nothing in it".to_owned()) } else { Ok(meta.len()) }
}

impl From<Report> for Converted {
    fn from(report: Report) -> Self {
        let complete = report.missing.is_none();
        let reasons = report.missing.into_iter().chain(report.reasons).take(MAX_REASONS).collect();
        Self { records: report.records, bad: report.bad, reasons, complete }
    }
}

impl Converter for Evtx {
    fn suits(&self, head: &[u8], _name: &str) -> bool {
        head.starts_with(MAGIC)
    }

    fn convert(&self, path: &Path, each: &mut dyn FnMut(&[u8])) -> Result<Converted, LogError> {
        let failure = |error: EvtxError| LogError::Unreadable(format!("`{}`: {error}", path.display()));
        Self::convert(self, path, each).map(Converted::from).map_err(failure)
    }
}
