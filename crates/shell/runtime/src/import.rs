//! Files of any form we know, taken in as a stream.
//!
//! The input is cut into pieces in bounded memory. Two workers validate batches side by side and commit them in
//! the order of the text, so one batch is checked while the one before it is written.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use intel::Identity;
use json::{Element, Limits, Splitter, Tape, Value};
use lists::{Indicators, Parsed};
use model::{Finding, Label, Severity, Timestamp};
use ports::{SourceRecord, StoreError};

use crate::core::{Core, CoreError};
use crate::form::{self, Form};
use crate::ingest::{Fate, Piece, Summary};
use crate::refused::RefusedFile;

/// How an input is to be taken.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// Whom its objects count as coming from, with the label for what is unmarked.
    pub source: SourceRecord,
    /// What to call the input in messages: a file name, usually.
    pub name: String,
}

/// How far an import has come.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// Bytes read (after unpacking).
    pub bytes: u64,
    /// Fates so far.
    pub summary: Summary,
    /// Findings by severity: notes, warnings, errors.
    pub findings: [u64; 3],
    /// The commonest findings: rule, how often, and one message.
    pub rules: BTreeMap<String, (u64, String)>,
    /// Warning lists taken.
    pub warning_lists: u64,
    /// Where refused records went.
    pub refused_file: Option<PathBuf>,
}

/// Why an import stopped before the end of the input. What was committed stays and is counted.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The input could not be read.
    #[error("`{name}` cannot be read: {error}")]
    Read {
        /// The input's name.
        name: String,
        /// What the system said.
        error: io::Error,
    },
    /// The input is not something we know.
    #[error("`{name}` is {what}")]
    NotReadable {
        /// The input's name.
        name: String,
        /// What it is, and what to do about it.
        what: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The node is not usable.
    #[error(transparent)]
    Core(#[from] CoreError),
}

/// A piece that owns its text, on its way to a worker.
struct Raw {
    text: Vec<u8>,
    /// Where it stood: `objects/17`, `line 4`.
    place: String,
    kind: RawKind,
}

enum RawKind {
    /// A JSON document or element still to be classified.
    Json,
    /// An indicator made here from a list.
    Derived,
    /// Not usable, and why.
    Bad(Finding),
}

/// Objects per transaction.
const BATCH: usize = 2500;
/// Bytes per transaction, so that a few huge objects do not fill memory.
const BATCH_BYTES: usize = 8 << 20;
/// The longest single document (a MISP event, a warning list) or element, in bytes.
const PIECE: usize = 64 << 20;
/// Bytes of a bundle that are looked through for marking definitions before any of it is taken in.
const WINDOW: usize = 64 << 20;
/// So many refusals in a row are taken for a file that is no intelligence, or for an attack on the disk.
const HOPELESS: u64 = 100_000;
/// Rules listed in a summary.
const RULES: usize = 64;

impl Core {
    /// Takes in everything an input holds, whatever form it has. `progress` is called now and then, and at the end.
    ///
    /// # Errors
    /// When the input cannot be read or the store fails. Objects that are refused are not an error: they are
    /// counted and written to a file.
    pub fn import(
        &self,
        input: &mut (dyn Read + Send),
        options: &ImportOptions,
        progress: &mut (dyn FnMut(&Progress) + Send),
    ) -> Result<Progress, ImportError> {
        let read_error = |error| ImportError::Read { name: options.name.clone(), error };
        let (form, mut input) = match form::open(input).map_err(read_error)? {
            Ok(opened) => opened,
            Err(what) => {
                return Err(ImportError::NotReadable { name: options.name.clone(), what: what.to_string() });
            }
        };
        let now = self.clock.now();
        let shared = Shared {
            core: self,
            options,
            now,
            turn: Mutex::new(0),
            turned: Condvar::new(),
            outcome: Mutex::new(Outcome {
                hopeless: 0,
                progress: Progress::default(),
                refused: RefusedFile::new(self.dir.as_deref(), &options.name, now),
                failed: None,
            }),
        };
        let (send, receive) = sync_channel::<(u64, Vec<Raw>)>(1);
        let receive = Mutex::new(receive);
        let read = std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| shared.work(&receive));
            }
            let mut feeder = Feeder {
                send,
                batch: Vec::new(),
                bytes: 0,
                window: Vec::new(),
                gathered: 0,
                ticket: 0,
                shared: &shared,
                progress,
                read: 0,
            };
            let read = match form {
                Form::Json => feeder.json(&mut *input),
                Form::List => feeder.list(&mut *input),
                Form::FeedHashes => Ok(()),
            };
            let flushed = feeder.flush();
            drop(feeder);
            read.map(|()| flushed)
        });
        let outcome = shared.outcome.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = outcome.failed {
            return Err(error.into());
        }
        let bytes = read.map_err(read_error)?;
        let mut done = outcome.progress;
        done.bytes = bytes;
        done.refused_file = outcome.refused.written().map(ToOwned::to_owned);
        progress(&done);
        Ok(done)
    }
}

/// What the workers share.
struct Shared<'c> {
    core: &'c Core,
    options: &'c ImportOptions,
    now: Timestamp,
    /// The ticket whose batch may be committed next.
    turn: Mutex<u64>,
    turned: Condvar,
    outcome: Mutex<Outcome>,
}

struct Outcome {
    /// Refusals since the last thing that was any good.
    hopeless: u64,
    progress: Progress,
    refused: RefusedFile,
    failed: Option<StoreError>,
}

impl Shared<'_> {
    fn outcome(&self) -> MutexGuard<'_, Outcome> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, receive: &Mutex<Receiver<(u64, Vec<Raw>)>>) {
        loop {
            let next = receive.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok((ticket, batch)) = next else { return };
            // Whatever happens to this batch, the next one gets its turn: a worker that fails must not leave the other
            // and the reader waiting for ever.
            let turn = Turn { shared: self, ticket };
            let ready = self.unfold(batch);
            turn.wait();
            if self.outcome().failed.is_none()
                && let Err(error) = self.commit(&ready)
            {
                self.outcome().failed = Some(error);
            }
        }
    }

    /// Turns documents into objects: MISP events are converted, STIX 2.0 is upgraded, warning lists are set apart.
    fn unfold(&self, batch: Vec<Raw>) -> Vec<Ready> {
        let mut ready = Vec::with_capacity(batch.len());
        let mut tape = Tape::new();
        for raw in batch {
            match raw.kind {
                RawKind::Derived => ready.push(Ready {
                    what: What::Object {
                        text: raw.text,
                        narrowing: None,
                        identity: Identity::Content,
                        converted: true,
                    },
                    place: raw.place,
                    findings: Vec::new(),
                }),
                RawKind::Bad(finding) => {
                    ready.push(Ready {
                        what: What::Bad(raw.text),
                        place: raw.place,
                        findings: vec![finding],
                    });
                }
                RawKind::Json => unfold_document(self.now, &mut tape, raw, &mut ready),
            }
        }
        ready
    }

    fn commit(&self, ready: &[Ready]) -> Result<(), StoreError> {
        for item in ready {
            match &item.what {
                What::Object { .. } => self.outcome().note(&item.findings),
                What::Bad(raw) => self.outcome().refuse(&item.place, None, &item.findings, raw),
                What::WarningList { name, text } => {
                    self.core.set_warning_list(name, text)?;
                    self.outcome().progress.warning_lists += 1;
                }
            }
        }
        let mut rest: Vec<&Ready> =
            ready.iter().filter(|item| matches!(item.what, What::Object { .. })).collect();
        while !rest.is_empty() {
            // One document can have become very many objects; no transaction holds more than a batch of them.
            let mut bytes = 0;
            let fits = |item: &&&Ready| {
                bytes += item.length();
                bytes <= BATCH_BYTES
            };
            let count = rest.iter().take(BATCH).take_while(fits).count().max(1);
            let later = rest.split_off(count.min(rest.len()));
            self.commit_objects(&std::mem::replace(&mut rest, later))?;
        }
        Ok(())
    }

    fn commit_objects(&self, items: &[&Ready]) -> Result<(), StoreError> {
        let pieces: Vec<Piece<'_>> = items
            .iter()
            .filter_map(|item| match &item.what {
                What::Object { text, narrowing, identity, converted } => Some(Piece {
                    narrowing: *narrowing,
                    identity: *identity,
                    converted: *converted,
                    ..Piece::stix(text)
                }),
                What::Bad(_) | What::WarningList { .. } => None,
            })
            .collect();
        let summary = self.core.ingest(&self.options.source, &pieces, &mut |report| {
            let mut outcome = self.outcome();
            outcome.note(report.findings);
            outcome.weigh(matches!(report.fate, Fate::Refused(_)));
            if let (Fate::Refused(findings), Some(item)) = (report.fate, items.get(report.index)) {
                // What was erased must not come back in a file either.
                let erased = findings.iter().any(|finding| finding.rule == intel::ERASED);
                let raw = if erased { &[] } else { report.raw };
                let id = report.id.filter(|_| !erased).map(model::StixId::as_str);
                outcome.write(&item.place, id, findings, raw);
            }
        })?;
        self.outcome().progress.summary.add(summary);
        Ok(())
    }
}

/// A worker's place in the order of commits, given up when it is dropped.
struct Turn<'s, 'c> {
    shared: &'s Shared<'c>,
    ticket: u64,
}

impl Turn<'_, '_> {
    fn wait(&self) {
        let mut turn = self.shared.turn.lock().unwrap_or_else(PoisonError::into_inner);
        while *turn != self.ticket {
            turn = self.shared.turned.wait(turn).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Turn<'_, '_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let failure = StoreError::Engine("a step of the import failed; see the log".to_owned());
            self.shared.outcome().failed.get_or_insert(failure);
        }
        self.wait();
        *self.shared.turn.lock().unwrap_or_else(PoisonError::into_inner) = self.ticket + 1;
        self.shared.turned.notify_all();
    }
}

impl Outcome {
    fn note(&mut self, findings: &[Finding]) {
        for finding in findings {
            let [notes, warnings, errors] = &mut self.progress.findings;
            *match finding.severity {
                Severity::Note => notes,
                Severity::Warning => warnings,
                Severity::Error => errors,
            } += 1;
            let rules = &mut self.progress.rules;
            if let Some((times, _)) = rules.get_mut(finding.rule.as_ref()) {
                *times += 1;
            } else if rules.len() < RULES {
                rules.insert(finding.rule.to_string(), (1, finding.message.clone()));
            }
        }
    }

    /// Keeps count of how long nothing has been any good.
    const fn weigh(&mut self, refused: bool) {
        self.hopeless = if refused { self.hopeless + 1 } else { 0 };
    }

    fn refuse(&mut self, place: &str, id: Option<&str>, findings: &[Finding], raw: &[u8]) {
        self.progress.summary.refused += 1;
        self.weigh(true);
        self.note(findings);
        self.write(place, id, findings, raw);
    }

    fn write(&mut self, place: &str, id: Option<&str>, findings: &[Finding], raw: &[u8]) {
        if let Err(error) = self.refused.write(place, id, findings, raw) {
            tracing::warn!(%error, place, "a refused record could not be written down");
        }
    }
}

/// An object, or something else, ready to be committed.
struct Ready {
    what: What,
    place: String,
    findings: Vec<Finding>,
}

impl Ready {
    fn length(&self) -> usize {
        match &self.what {
            What::Object { text, .. } => text.len(),
            What::WarningList { text, .. } => text.len(),
            What::Bad(text) => text.len(),
        }
    }
}

enum What {
    Object { text: Vec<u8>, narrowing: Option<Label>, identity: Identity, converted: bool },
    WarningList { name: String, text: String },
    Bad(Vec<u8>),
}

/// Classifies one JSON document and turns it into what can be committed.
fn unfold_document(now: Timestamp, tape: &mut Tape, raw: Raw, ready: &mut Vec<Ready>) {
    let place = raw.place;
    let document = match tape.parse(&raw.text, &Limits { bytes: PIECE, ..Limits::DOCUMENT }) {
        Ok(value) => value,
        Err(error) => {
            let message = format!("{} at byte {}", error.problem, error.offset);
            let finding = Finding::new(Severity::Error, "rfc-8259/json", error.pointer, message);
            return ready.push(Ready { what: What::Bad(raw.text), place, findings: vec![finding] });
        }
    };
    match kind(document) {
        Document::Object if stix::upgrade::is_2_0(document) => {
            let mut findings = Vec::new();
            let texts = stix::upgrade::upgrade_object(document, &mut findings);
            for text in texts {
                let what = What::Object {
                    text: text.into_bytes(),
                    narrowing: None,
                    identity: Identity::Version,
                    converted: false,
                };
                ready.push(Ready { what, place: place.clone(), findings: std::mem::take(&mut findings) });
            }
        }
        Document::Object => {
            let what = What::Object {
                text: raw.text,
                narrowing: None,
                identity: Identity::Version,
                converted: false,
            };
            ready.push(Ready { what, place, findings: Vec::new() });
        }
        Document::Misp => {
            let converted = misp::to_stix(document, &misp::Context { now });
            let mut findings = converted.findings;
            for object in converted.objects {
                let what = What::Object {
                    text: object.json.into_bytes(),
                    narrowing: object.label,
                    identity: Identity::Version,
                    converted: true,
                };
                ready.push(Ready { what, place: place.clone(), findings: std::mem::take(&mut findings) });
            }
        }
        Document::WarningList => {
            let name = document.get("name").and_then(|name| name.as_str()).unwrap_or_default().into_owned();
            let text = document.raw().to_owned();
            ready.push(Ready { what: What::WarningList { name, text }, place, findings: Vec::new() });
        }
        // An index of a feed names its events; they are imported themselves.
        Document::Envelope | Document::FeedIndex => {}
        Document::Unknown => {
            let message = "neither a STIX object or bundle, a MISP event, nor a warning list";
            let finding = Finding::new(Severity::Error, "shieldwall/import-unknown", "", message)
                .hint("a STIX object needs `type` and `id`; a MISP event stands below `Event`");
            ready.push(Ready { what: What::Bad(raw.text), place, findings: vec![finding] });
        }
    }
}

enum Document {
    /// Has `type` and is no bundle.
    Object,
    /// A bundle or TAXII envelope without its objects, which came as pieces of their own.
    Envelope,
    Misp,
    WarningList,
    FeedIndex,
    Unknown,
}

fn kind(document: Value<'_>) -> Document {
    let has = |name| document.get(name).is_some();
    match document.get("type") {
        Some(kind) if kind.is("bundle") => Document::Envelope,
        _ if has("objects") && (has("more") || !has("id")) => Document::Envelope,
        _ if misp::detect(document) => Document::Misp,
        _ if lists::is_warning_list(document) => Document::WarningList,
        _ if misp::is_feed_manifest(document) => Document::FeedIndex,
        Some(_) if has("id") => Document::Object,
        _ => Document::Unknown,
    }
}

/// An object taken out of a document that a source delivered.
pub(crate) struct Unfolded {
    pub(crate) text: Vec<u8>,
    pub(crate) narrowing: Option<Label>,
    pub(crate) converted: bool,
}

/// Takes the objects out of one document of a source: a TAXII envelope, or a MISP event.
pub(crate) fn unfold(now: Timestamp, bytes: &[u8], texts: &mut Vec<Unfolded>, findings: &mut Vec<Finding>) {
    let mut splitter = Splitter::new("objects", PIECE);
    let mut raws = Vec::new();
    let split = splitter.push(bytes, &mut |element| {
        raws.push(match element {
            Element::Item { raw, index, .. } => (raw, format!("objects/{index}")),
            Element::Envelope(raw) => (raw, "document".to_owned()),
        });
    });
    if let Err(error) = split.and_then(|()| splitter.finish()) {
        findings.push(Finding::new(
            Severity::Error,
            "rfc-8259/json",
            error.pointer.clone(),
            error.to_string(),
        ));
    }
    let (mut tape, mut ready) = (Tape::new(), Vec::new());
    for (text, place) in raws {
        unfold_document(now, &mut tape, Raw { text, place, kind: RawKind::Json }, &mut ready);
    }
    for item in ready {
        let errors = item.findings.into_iter().filter(|finding| finding.severity == Severity::Error);
        findings.extend(errors);
        if let What::Object { text, narrowing, converted, .. } = item.what {
            texts.push(Unfolded { text, narrowing, converted });
        }
    }
}

/// The STIX 2.1 texts of one posted object: itself, or what a STIX 2.0 object becomes.
pub(crate) fn expand(raw: &[u8]) -> Vec<Vec<u8>> {
    let mut tape = Tape::new();
    match tape.parse(raw, &Limits::OBJECT) {
        Ok(value) if stix::upgrade::is_2_0(value) => stix::upgrade::upgrade_object(value, &mut Vec::new())
            .into_iter()
            .map(String::into_bytes)
            .collect(),
        _ => vec![raw.to_vec()],
    }
}

/// Reads the input and hands batches to the workers.
struct Feeder<'s, 'c> {
    send: SyncSender<(u64, Vec<Raw>)>,
    batch: Vec<Raw>,
    bytes: usize,
    window: Vec<Raw>,
    gathered: usize,
    ticket: u64,
    shared: &'s Shared<'c>,
    progress: &'s mut (dyn FnMut(&Progress) + Send),
    read: u64,
}

impl Feeder<'_, '_> {
    /// Collects JSON pieces and hands them on with marking definitions first: what refers to them must find them,
    /// wherever in the bundle they stand. Only a bundle longer than the window can have them come too late, and then
    /// its objects stay in the organisation, with a finding.
    fn gather(&mut self, raw: Raw) {
        self.gathered += raw.text.len();
        self.window.push(raw);
        if self.gathered >= WINDOW {
            self.settle();
        }
    }

    fn settle(&mut self) {
        self.gathered = 0;
        let defines = |raw: &Raw| memchr::memmem::find(&raw.text, b"\"marking-definition\"").is_some();
        let (first, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut self.window).into_iter().partition(defines);
        first.into_iter().chain(rest).for_each(|raw| self.add(raw));
    }

    fn add(&mut self, raw: Raw) {
        self.bytes += raw.text.len();
        self.batch.push(raw);
        if self.batch.len() >= BATCH || self.bytes >= BATCH_BYTES {
            self.flush();
        }
    }

    /// Sends what is collected; returns the bytes read so far.
    fn flush(&mut self) -> u64 {
        if !self.batch.is_empty() {
            let batch = std::mem::take(&mut self.batch);
            self.bytes = 0;
            // After a failure nothing more is committed, and there may be nobody left to take it.
            if self.shared.outcome().failed.is_some() {
                return self.read;
            }
            if self.send.send((self.ticket, batch)).is_ok() {
                self.ticket += 1;
            }
            let mut snapshot = self.shared.outcome().progress.clone();
            snapshot.bytes = self.read;
            (self.progress)(&snapshot);
        }
        self.read
    }

    /// Whether to stop reading: the store failed, or the input is no use. The latter is said once.
    fn failed(&mut self) -> bool {
        let (failed, hopeless) = {
            let outcome = self.shared.outcome();
            (outcome.failed.is_some(), outcome.hopeless >= HOPELESS)
        };
        if hopeless {
            let message = format!("stopped: {HOPELESS} records in a row were refused");
            let finding = Finding::new(Severity::Error, "shieldwall/import-hopeless", "", message)
                .hint("look at the first of them; mend the file, or leave out what is no intelligence");
            self.window.clear();
            self.add(Raw { text: Vec::new(), place: "document".to_owned(), kind: RawKind::Bad(finding) });
        }
        failed || hopeless
    }

    fn json(&mut self, input: &mut dyn Read) -> io::Result<()> {
        let mut splitter = Splitter::new("objects", PIECE);
        let mut buffer = vec![0; 256 * 1024];
        loop {
            let got = match input.read(&mut buffer) {
                Ok(0) => break,
                Ok(got) => got,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            self.read += got as u64;
            let mut pieces = Vec::new();
            let split = splitter.push(buffer.get(..got).unwrap_or_default(), &mut |element| {
                pieces.push(match element {
                    Element::Item { raw, index, .. } => (raw, format!("objects/{index}")),
                    Element::Envelope(raw) => (raw, "document".to_owned()),
                });
            });
            for (text, place) in pieces {
                self.gather(Raw { text, place, kind: RawKind::Json });
            }
            if let Err(error) = split {
                self.broken(&error);
                return Ok(());
            }
            if self.failed() {
                return Ok(());
            }
        }
        self.settle();
        if let Err(error) = splitter.finish() {
            self.broken(&error);
        }
        Ok(())
    }

    /// The text as a whole is broken here; what came before it stands.
    fn broken(&mut self, error: &json::Error) {
        self.settle();
        let message = format!("{} at byte {}", error.problem, error.offset);
        let finding = Finding::new(Severity::Error, "rfc-8259/json", error.pointer.clone(), message).hint(
            "complete objects before this place were taken; send the whole file again once it is mended",
        );
        self.add(Raw { text: Vec::new(), place: "document".to_owned(), kind: RawKind::Bad(finding) });
    }

    fn list(&mut self, input: &mut dyn Read) -> io::Result<()> {
        let indicators = Indicators::new(&lists::Context {
            now: self.shared.now,
            source: self.shared.options.source.name.clone(),
            created_by: Some(self.shared.core.identity.clone()),
            markings: Vec::new(),
            labels: Vec::new(),
            description: Some(format!("listed in {}", self.shared.options.name)),
        });
        let mut reader = lists::Reader::new();
        let mut buffer = vec![0; 256 * 1024];
        loop {
            let got = match input.read(&mut buffer) {
                Ok(0) => break,
                Ok(got) => got,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            self.read += got as u64;
            let chunk = buffer.get(..got).unwrap_or_default();
            reader.push(chunk, &mut |line| self.list_line(&indicators, line));
            if self.failed() {
                return Ok(());
            }
        }
        reader.finish(&mut |line| self.list_line(&indicators, line));
        Ok(())
    }

    fn list_line(&mut self, indicators: &Indicators, line: Parsed) {
        let raw = match line {
            Parsed::Value(entry) => Raw {
                text: indicators.render(&entry).into_bytes(),
                place: format!("line {}", entry.line),
                kind: RawKind::Derived,
            },
            Parsed::Refused(refused) => Raw {
                kind: RawKind::Bad(Finding::new(
                    Severity::Error,
                    "shieldwall/list-line",
                    format!("line {}", refused.line),
                    refused.reason.to_string(),
                )),
                place: format!("line {}", refused.line),
                text: refused.text.into_bytes(),
            },
        };
        self.add(raw);
    }
}
