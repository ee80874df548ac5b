//! From the bytes of one log source to alerts and kept events.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use logs::{Counts, Detected, Event, Format, Frame, Framer, Framing, MAX_RECORD, Mapping, Reader, Settings};
use model::Timestamp;
use observable::{Observable, normalise};
use ports::StoreError;
use ports::logs::LogBatch;
use ports::telemetry::Kept;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::json;

use super::examine::{Examiner, Met};
use super::sink::{Evidence, Match, Origin, Sink};
use super::watch::version_of;
use super::{Detection, DetectionError, Watch, digest};
use crate::core::Core;

/// Bytes that are waited for before a part's format is decided on.
const ENOUGH: usize = 4 << 10;
/// The longest header of a table that is kept.
const HEADER: usize = 64 << 10;
/// Observables of one record that it can be found by.
const NAMED: usize = 512;
/// An event's own time may be ahead of the clock by this much, in microseconds: one hour.
const AHEAD: i64 = 3_600_000_000;
/// Classes of events that configurations can make.
const OWN_CLASSES: u16 = 55_536;

/// How the records of a source are read, as its configuration says beside what its kind needs.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct ReadSpec {
    /// Its format, where it is not to be found out.
    pub format: Option<String>,
    /// What rules call its events, where they do not say it themselves.
    #[serde(default, deserialize_with = "named")]
    pub logsource: Option<LogSourceSpec>,
    /// Minutes east of UTC of times without a zone.
    #[serde(default)]
    pub zone: i32,
    /// Columns of a table, in order, where it has no header.
    #[serde(default)]
    pub columns: Vec<String>,
    /// Columns and what rules call them.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
    /// What stands between columns.
    pub delimiter: Option<char>,
    /// Whether its events are kept for hunts; they are unless it says `false`.
    pub keep: Option<bool>,
}

/// Sigma's words for a source.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogSourceSpec {
    /// Such as `windows`.
    pub product: Option<String>,
    /// Such as `process_creation`.
    pub category: Option<String>,
    /// Such as `security`.
    pub service: Option<String>,
    /// Whether these are words of one's own, which no table has: rules that name them look at the events of this source.
    #[serde(default)]
    pub own: bool,
}

/// Reads a `logsource`; what is wrong in it is said to be.
fn named<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<LogSourceSpec>, D::Error> {
    Option::deserialize(deserializer).map_err(|error| D::Error::custom(format!("`logsource`: {error}")))
}

impl LogSourceSpec {
    fn words(&self) -> [Option<&str>; 3] {
        [&self.product, &self.category, &self.service]
            .map(|word| word.as_deref().filter(|word| !word.is_empty()))
    }

    /// The class of its own words: the same whenever and wherever they are said, as stored events keep its number. Two
    /// sources share one if their words are the same, and else in one of [`OWN_CLASSES`] cases.
    fn own_class(&self) -> logs::ClassId {
        let [low, high, ..] = digest(&self.words().map(|word| word.unwrap_or_default().as_bytes())).0;
        logs::ClassId::own(u16::from_le_bytes([low, high]) % OWN_CLASSES)
    }
}

impl ReadSpec {
    /// Reads it from a source's configuration.
    ///
    /// # Errors
    /// What cannot be read, and what to write instead.
    pub fn parse(config: &str) -> Result<Self, DetectionError> {
        let refused = |reason: String| DetectionError::Refused(reason);
        let spec: Self =
            serde_json::from_str(config).map_err(|error| refused(format!("the configuration: {error}")))?;
        spec.format().map_err(refused)?;
        spec.class().map_err(refused)?;
        Ok(spec)
    }

    fn format(&self) -> Result<Option<Format>, String> {
        self.format.as_deref().map(str::parse::<Format>).transpose()
    }

    fn class(&self) -> Result<Option<logs::ClassId>, String> {
        let Some(source) = &self.logsource else { return Ok(None) };
        let [product, category, service] = source.words();
        let words = logs::LogSource { product, category, service };
        match logs::route(&words) {
            _ if source.own && words == logs::LogSource::default() => {
                Err("`logsource` is your `own`, and says nothing: name a product, category or service"
                    .to_owned())
            }
            logs::Route::Classes(_) if source.own => {
                Err("`logsource` is known here and not your `own`; leave `own` out, or choose other words"
                    .to_owned())
            }
            logs::Route::Unknown | logs::Route::Nothing(_) if source.own => Ok(Some(source.own_class())),
            logs::Route::Classes(classes) => match classes.as_slice() {
                [class] => Ok(Some(*class)),
                several => Err(format!(
                    "`logsource` fits {} classes of events; leave it out, or name one by product, category and service",
                    several.len()
                )),
            },
            logs::Route::Nothing(why) => Err(format!("`logsource`: {why}")),
            logs::Route::Unknown => Err(
                "`logsource` is none that is known; leave it out, and events are told by their fields, or \
                     add `\"own\": true` if rules name it by these words"
                    .to_owned(),
            ),
        }
    }

    /// What rules call its events by words of its own, and the class of those events.
    #[must_use]
    pub fn own(&self) -> Option<(detect::Source, logs::ClassId)> {
        let source = self.logsource.as_ref().filter(|source| source.own)?;
        let [product, category, service] = source.words().map(|word| word.map(str::to_owned));
        Some((detect::Source { product, category, service }, self.class().ok()??))
    }

    /// The settings of its readers.
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            class: self.class().ok().flatten(),
            stream: None,
            zone: self.zone,
            mapping: Mapping {
                columns: self.columns.clone(),
                fields: self.fields.clone(),
                delimiter: self.delimiter,
            },
        }
    }

    pub(crate) fn keeps(&self) -> bool {
        self.keep != Some(false)
    }
}

impl Core {
    /// What log sources are called by words of their own, and the class of their events: rules that name them look there.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn own_classes(&self) -> Result<Vec<(detect::Source, logs::ClassId)>, StoreError> {
        let sources = self.store.read()?.log_sources(self.scope.tenant)?;
        let mut own: Vec<_> =
            sources.iter().filter_map(|(record, _)| ReadSpec::parse(&record.config).ok()?.own()).collect();
        own.sort();
        own.dedup();
        Ok(own)
    }
}

/// A file or connection that is being read.
struct Part {
    number: u64,
    name: String,
    begun: Option<Begun>,
    /// Bytes that came before its format was known, and where they begin.
    waiting: Vec<u8>,
    from: u64,
}

/// A part whose format is known.
struct Begun {
    framer: Framer,
    reader: Reader,
    header: Vec<u8>,
}

/// One event, as it goes to the telemetry store.
pub(crate) struct Owned {
    time: Timestamp,
    class: u16,
    format: &'static str,
    header: Option<Arc<[u8]>>,
    part: Arc<str>,
    offset: u64,
    device: Option<String>,
    observables: Vec<Observable>,
    image: Option<String>,
    command_line: Option<String>,
    raw: Vec<u8>,
}

impl Owned {
    pub(crate) fn kept<'k>(&'k self, source: &'k str) -> Kept<'k> {
        Kept {
            time: self.time,
            source,
            class: self.class,
            format: self.format,
            header: self.header.as_deref(),
            part: &self.part,
            offset: self.offset,
            device: self.device.as_deref(),
            observables: &self.observables,
            image: self.image.as_deref(),
            command_line: self.command_line.as_deref(),
            raw: &self.raw,
        }
    }
}

/// What one batch came to.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) records: u64,
    pub(crate) malformed: u64,
    pub(crate) bytes: u64,
    pub(crate) matched: u64,
    pub(crate) last_event: Option<Timestamp>,
    pub(crate) kept: Vec<Owned>,
    pub(crate) sink: Sink,
    /// Rules that fired: set and card.
    pub(crate) fired: BTreeSet<(usize, u32)>,
    /// How many events there were of each class.
    pub(crate) classes: BTreeMap<u16, u64>,
    /// What part and byte everything before is dealt with.
    pub(crate) place: Option<(u64, u64)>,
    /// Parts that could not be read, and why.
    pub(crate) problem: Option<String>,
}

/// Reads one source.
pub(crate) struct Pipe {
    source: String,
    spec: ReadSpec,
    format: Option<Format>,
    settings: Settings,
    part: Option<Part>,
    examiner: Examiner,
    /// Whether it only tries rules: nothing is learned from what it reads.
    trying: bool,
    /// Since the node was started.
    pub(crate) counts: Counts,
}

impl Pipe {
    pub(crate) fn new(source: &str, spec: ReadSpec, detection: &Detection) -> Self {
        let format = spec.format().ok().flatten();
        let settings = spec.settings();
        Self::with(&detection.watch(), source, spec, format, settings)
    }

    pub(crate) fn with(
        watch: &Arc<Watch>,
        source: &str,
        spec: ReadSpec,
        format: Option<Format>,
        settings: Settings,
    ) -> Self {
        let examiner = Examiner::new(Arc::clone(watch));
        Self {
            source: source.to_owned(),
            spec,
            format,
            settings,
            part: None,
            examiner,
            trying: false,
            counts: Counts::default(),
        }
    }

    /// One that only tries what is watched.
    pub(crate) fn trying(watch: &Arc<Watch>) -> Self {
        let spec = ReadSpec { keep: Some(false), ..ReadSpec::default() };
        Self { trying: true, ..Self::with(watch, "self-test", spec, None, Settings::default()) }
    }

    /// The next part is read this way.
    pub(crate) fn reads_as(&mut self, format: Format, settings: Settings) {
        (self.format, self.settings) = (Some(format), settings);
    }

    /// Takes in a piece and gives the rules that fired. What is watched stays what it was.
    pub(crate) fn try_out(
        &mut self,
        core: &Core,
        detection: &Detection,
        batch: &LogBatch,
    ) -> Result<BTreeSet<(usize, u32)>, DetectionError> {
        Ok(self.read(core, detection, batch)?.fired)
    }

    /// Goes on with what is watched now.
    pub(crate) fn renew(&mut self, watch: &Arc<Watch>) {
        self.examiner.renew(watch);
    }

    /// Takes in the next piece.
    pub(crate) fn take(
        &mut self,
        core: &Core,
        detection: &Detection,
        batch: &LogBatch,
    ) -> Result<Outcome, DetectionError> {
        self.renew(&detection.watch());
        self.read(core, detection, batch)
    }

    fn read(
        &mut self,
        core: &Core,
        detection: &Detection,
        batch: &LogBatch,
    ) -> Result<Outcome, DetectionError> {
        let mut outcome = Outcome { bytes: batch.bytes.len() as u64, ..Outcome::default() };
        let another = self.part.as_ref().is_none_or(|part| part.number != batch.part || batch.begins);
        if another {
            self.part = Some(Part {
                number: batch.part,
                name: batch.name.clone(),
                begun: None,
                waiting: Vec::new(),
                from: batch.offset,
            });
        }
        let Some(mut part) = self.part.take() else { return Ok(outcome) };
        let mut bytes: &[u8] = &batch.bytes;
        let gathered;
        if part.begun.is_none() {
            part.waiting.extend_from_slice(bytes);
            let head: &[u8] = if batch.head.is_empty() { &part.waiting } else { &batch.head };
            let whole = part.waiting.len() >= ENOUGH || part.waiting.contains(&b'\n') || batch.ends;
            if whole || !batch.head.is_empty() {
                match self.begin(&part, head, batch) {
                    Ok(begun) => part.begun = begun,
                    Err(why) => {
                        outcome.problem = Some(of_part(&part.name, &why));
                        // Passed over: the place moves on, so that a file that is no log is not read for ever.
                        part.from = batch.offset + batch.bytes.len() as u64;
                        part.waiting.clear();
                    }
                }
            }
            gathered = std::mem::take(&mut part.waiting);
            if part.begun.is_none() {
                // What shows no format in so many bytes, or to its end, is passed over.
                let over = batch.ends || gathered.len() >= logs::HEAD;
                if over {
                    part.from = batch.offset + batch.bytes.len() as u64;
                }
                if over && !gathered.is_empty() && gathered.iter().all(|byte| *byte == 0) {
                    let why = format!(
                        "{} bytes of zeros and nothing else: was it cut off by a crash or a full disk? Send a whole copy",
                        gathered.len()
                    );
                    outcome.problem = Some(of_part(&part.name, &why));
                }
                part.waiting = if over { Vec::new() } else { gathered };
                outcome.place = Some((part.number, part.from));
                self.part = (!batch.ends).then_some(part);
                return Ok(outcome);
            }
            bytes = &gathered;
        }
        let mut failed = None;
        if let Some(mut begun) = part.begun.take() {
            let Begun { framer, reader, header } = &mut begun;
            let name: Arc<str> = Arc::from(part.name.as_str());
            let mut one = |frame: Frame<'_>| {
                if let Err(error) = self.record(core, detection, frame, reader, header, &name, &mut outcome) {
                    failed = Some(error);
                }
            };
            framer.push(bytes, &mut one);
            if batch.ends {
                framer.finish(&mut one);
            }
            let end = batch.offset + batch.bytes.len() as u64;
            outcome.place = Some((part.number, if batch.ends { end } else { framer.resume_at() }));
            part.begun = Some(begun);
        }
        if !batch.ends {
            self.part = Some(part);
        }
        failed.map_or(Ok(outcome), Err)
    }

    fn begin(&self, part: &Part, head: &[u8], batch: &LogBatch) -> Result<Option<Begun>, String> {
        let detected = match (self.format, batch.lines) {
            (_, true) => Detected { format: Format::WindowsJson, framing: Framing::Lines, stream: None },
            (None, false) => match logs::detect(head, &part.name) {
                Ok(detected) => detected,
                Err(logs::NotLogs::Empty) => return Ok(None),
                Err(logs::NotLogs::Unknown) if head.len() < ENOUGH && !batch.ends => return Ok(None),
                Err(problem) => return Err(problem.to_string()),
            },
            (Some(format), false) => match logs::detect(head, &part.name) {
                Ok(detected) if detected.format == format => detected,
                _ => Detected { format, framing: Framing::Lines, stream: None },
            },
        };
        let stream = detected.stream.or_else(|| self.settings.stream.clone());
        let settings = Settings { stream, ..self.settings.clone() };
        let mut reader = Reader::new(detected.format, settings);
        let mut header = Vec::new();
        if !batch.head.is_empty() {
            reader.prime(&batch.head);
            header = header_of(detected.format, &batch.head);
        }
        let framer = Framer::new(detected.framing, MAX_RECORD).at(part.from);
        Ok(Some(Begun { framer, reader, header }))
    }

    #[expect(clippy::too_many_arguments, reason = "the state of one part, used in one place")]
    fn record(
        &mut self,
        core: &Core,
        detection: &Detection,
        frame: Frame<'_>,
        reader: &mut Reader,
        header: &mut Vec<u8>,
        part: &Arc<str>,
        outcome: &mut Outcome,
    ) -> Result<(), DetectionError> {
        let (offset, bytes) = match frame {
            Frame::Whole { offset, bytes } => (offset, bytes),
            Frame::TooLong { offset, length, head } => {
                outcome.records += 1;
                outcome.malformed += 1;
                self.counts.too_long(offset, length, head);
                return Ok(());
            }
        };
        let now = core.clock.now();
        let format = reader.format();
        let event = match reader.read(bytes, now) {
            Ok(Some(event)) => event,
            Ok(None) => {
                self.counts.skip();
                add_header(format, header, bytes);
                return Ok(());
            }
            Err(malformed) => {
                outcome.records += 1;
                outcome.malformed += 1;
                self.counts.refuse(&malformed, offset, bytes);
                return Ok(());
            }
        };
        outcome.records += 1;
        self.counts.read(event.repaired);
        let time = event.time.filter(|time| time.as_micros() <= now.as_micros() + AHEAD).unwrap_or(now);
        outcome.last_event = outcome.last_event.max(Some(time));
        let device = event.device().map(std::borrow::Cow::into_owned);
        let origin = Origin {
            source: &self.source,
            part,
            offset,
            class: event.class.class().name,
            device: device.as_deref(),
            time,
            raw: bytes,
            past: false,
        };
        let before = outcome.matched;
        examine(core, detection, &mut self.examiner, &event, &origin, outcome)?;
        outcome.matched = before + u64::from(outcome.matched > before);
        *outcome.classes.entry(event.class.number()).or_default() += 1;
        if !self.trying {
            detection.learn(&self.source, &event, now);
        }
        if self.spec.keeps() {
            let header = is_table(format).then(|| Arc::from(header.as_slice()));
            outcome.kept.push(owned(&event, time, format, header, part, offset, device));
        }
        Ok(())
    }
}

/// What is the matter with a part, which may have no name.
fn of_part(name: &str, why: &str) -> String {
    if name.is_empty() { why.to_owned() } else { format!("{name}: {why}") }
}

/// Whether records mean nothing without the lines before them.
pub(crate) fn is_table(format: Format) -> bool {
    matches!(format, Format::ZeekTsv | Format::W3c | Format::Csv)
}

/// The lines of a part's beginning that its records need.
fn header_of(format: Format, head: &[u8]) -> Vec<u8> {
    if !is_table(format) {
        return Vec::new();
    }
    let mut header = Vec::new();
    for line in head.split(|byte| *byte == b'\n') {
        let first = header.is_empty() && format == Format::Csv;
        if !first && !line.starts_with(b"#") {
            break;
        }
        add_header(format, &mut header, line);
    }
    header
}

/// Keeps a line that later records need. One that comes again takes the place of the one before it.
fn add_header(format: Format, header: &mut Vec<u8>, line: &[u8]) {
    let first = |line: &[u8]| line.split(|byte| matches!(byte, b' ' | b'\t')).next().map(<[u8]>::to_vec);
    let names = match format {
        Format::Csv => header.is_empty() && !line.trim_ascii().is_empty(),
        _ => is_table(format) && line.starts_with(b"#"),
    };
    if !names || header.len() + line.len() >= HEADER {
        return;
    }
    let others = header.split_inclusive(|byte| *byte == b'\n');
    let mut kept: Vec<u8> =
        others.filter(|other| first(other.trim_ascii_end()) != first(line)).flatten().copied().collect();
    kept.extend_from_slice(line);
    kept.push(b'\n');
    *header = kept;
}

fn owned(
    event: &Event<'_>,
    time: Timestamp,
    format: Format,
    header: Option<Arc<[u8]>>,
    part: &Arc<str>,
    offset: u64,
    device: Option<String>,
) -> Owned {
    let mut observables: Vec<Observable> = Vec::new();
    let mut add = |observable: Observable| {
        if observables.len() < NAMED && !observables.contains(&observable) {
            observables.push(observable);
        }
    };
    event.observables(&mut |sighted| {
        if let Some(observable) = normalise(sighted.kind, sighted.text) {
            let host = observable.host();
            add(observable);
            host.into_iter().for_each(&mut add);
        }
    });
    let text = |name: &str| event.field(name).and_then(|field| field.as_text().map(|text| text.into_owned()));
    Owned {
        time,
        class: event.class.number(),
        format: format.as_str(),
        header,
        part: Arc::clone(part),
        offset,
        device,
        observables,
        image: text("Image"),
        command_line: text("CommandLine"),
        raw: event.raw.to_vec(),
    }
}

/// Everything that an event meets and that may be used here, into a sink.
pub(crate) fn examine(
    core: &Core,
    detection: &Detection,
    examiner: &mut Examiner,
    event: &Event<'_>,
    origin: &Origin<'_>,
    outcome: &mut Outcome,
) -> Result<(), DetectionError> {
    let watch = Arc::clone(examiner.watch());
    let mut failed = None;
    examiner.run(event, origin.time, &mut |met| match met_alert(
        core,
        detection,
        &watch,
        &met,
        origin,
        &mut outcome.sink,
    ) {
        Ok(counted) => {
            outcome.matched += u64::from(counted);
            if let (true, Met::Rule { set, alert }) = (counted, &met) {
                outcome.fired.insert((*set, alert.rule.0));
            }
        }
        Err(error) => failed = Some(error),
    });
    failed.map_or(Ok(()), Err)
}

/// One thing that was met, if it counts. Returns whether it did.
pub(crate) fn met_alert(
    core: &Core,
    detection: &Detection,
    watch: &Watch,
    met: &Met<'_>,
    origin: &Origin<'_>,
    sink: &mut Sink,
) -> Result<bool, DetectionError> {
    let (version, set) = match met {
        Met::Value { subject, .. } | Met::Pattern { subject } => (Some(version_of(*subject)), None),
        Met::Rule { set, alert } => {
            let Some(rules) = watch.rules.get(*set) else { return Ok(false) };
            let at = usize::try_from(alert.rule.0).unwrap_or(usize::MAX);
            let version = rules.objects.get(at).copied().flatten();
            // What others shared speaks through its object alone.
            if *set == super::watch::SHARED && version.is_none() {
                return Ok(false);
            }
            (version, Some(rules))
        }
    };
    let subject = match version {
        Some(version) => {
            let Some(subject) = detection.subject(core, version)? else { return Ok(false) };
            let over = subject.until.is_some_and(|until| until <= origin.time);
            if subject.verdict.is_err() || over {
                return Ok(false);
            }
            Some(subject)
        }
        None => None,
    };
    let allowed = match subject.as_ref().map(|subject| &subject.verdict) {
        Some(Ok(allowed)) => allowed.to_json(),
        _ => json!({"by": "own"}),
    };
    let object = subject.as_ref().map(|subject| &subject.id);
    let found = match met {
        Met::Value { field, value, indicator, span, .. } => {
            let Some(subject) = &subject else { return Ok(false) };
            if detection.is_harmless(core, indicator)? {
                return Ok(false);
            }
            Match {
                rule: subject.id.as_str(),
                object,
                title: &subject.title,
                level: level_of(subject.confidence),
                evidence: vec![Evidence {
                    field: (*field).to_owned(),
                    value: (*value).to_owned(),
                    pattern: indicator.to_string(),
                    span: span.clone(),
                }],
                count: 1,
                allowed,
            }
        }
        Met::Pattern { .. } => {
            let Some(subject) = &subject else { return Ok(false) };
            Match {
                rule: subject.id.as_str(),
                object,
                title: &subject.title,
                level: level_of(subject.confidence),
                evidence: Vec::new(),
                count: 1,
                allowed,
            }
        }
        Met::Rule { alert, .. } => {
            let Some(card) = set.and_then(|rules| rules.sigma.card(alert.rule)) else { return Ok(false) };
            let evidence = alert.evidence.iter().map(|one| Evidence {
                field: one.field.clone(),
                value: one.value.clone(),
                pattern: one.pattern.clone(),
                span: one.span.clone(),
            });
            Match {
                rule: object.map(model::StixId::as_str).or(card.id.as_deref()).unwrap_or(&card.file),
                object,
                title: &card.title,
                level: card.level.map_or(1, |level| level as u8),
                evidence: evidence.collect(),
                count: alert.count,
                allowed,
            }
        }
    };
    sink.add(&found, origin);
    Ok(true)
}

/// How bad a match of an indicator is, by its confidence (STIX 2.1 appendix A).
const fn level_of(confidence: Option<u8>) -> u8 {
    match confidence {
        Some(0..=29) => 1,
        Some(30..=69) => 2,
        Some(_) | None => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_ones_own_make_a_class_that_stays_the_same() {
        let spec = |words: &str| ReadSpec::parse(&format!("{{\"logsource\": {words}}}"));
        let own = |words: &str| spec(words).unwrap().own().unwrap();
        let (source, class) = own(r#"{"product": "acme", "service": "gateway", "own": true}"#);
        assert_eq!((source.product.as_deref(), source.category), (Some("acme"), None));
        assert!(class.number() >= 10_000);
        // What is left out and what is empty are the same; other words are another class.
        let same = own(r#"{"product": "acme", "category": "", "service": "gateway", "own": true}"#);
        assert_eq!(same.1, class);
        assert_ne!(own(r#"{"product": "acme", "own": true}"#).1, class);
        assert_ne!(own(r#"{"product": "acme", "category": "gateway", "own": true}"#).1, class);
        let settings = spec(r#"{"product": "acme", "service": "gateway", "own": true}"#).unwrap().settings();
        assert_eq!(settings.class, Some(class));
        // A word that is mistyped is not taken for one's own, and what is known is nobody's own.
        assert!(spec(r#"{"product": "windwos", "service": "security"}"#).is_err());
        assert!(spec(r#"{"product": "windows", "service": "security", "own": true}"#).is_err());
        assert!(spec(r#"{"own": true}"#).is_err());
        assert!(spec(r#"{"product": "linux", "service": "sshd"}"#).unwrap().own().is_none());
    }

    #[test]
    fn a_misspelt_key_of_a_logsource_is_refused_by_name() {
        let spec = |config: &str| ReadSpec::parse(config);
        let said =
            spec(r#"{"logsource": {"product": "windows", "servce": "security"}}"#).unwrap_err().to_string();
        for word in ["`logsource`: unknown field `servce`", "`product`", "`category`", "`service`", "`own`"] {
            assert!(said.contains(word), "{word}: {said}");
        }
        // Beside it stands what its kind of source needs, which others read.
        let good = r#"{"path": "/x", "logsource": {"product": "linux", "service": "sshd"}}"#;
        assert!(spec(good).unwrap().logsource.is_some());
        assert!(spec("{}").unwrap().logsource.is_none());
        assert!(spec(r#"{"logsource": null}"#).unwrap().logsource.is_none());
    }
}
