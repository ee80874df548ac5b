//! Whoever reads a source: cuts records, says how far it has come, and checks that the source keeps its promises.

use std::time::Duration;

use log_sources::Kinds;
use logs::{Frame, Framer, Framing, MAX_RECORD};
use ports::logs::{
    LogBatch, LogError, LogSources as _, LogSpec, LogStream, MAX_BATCH, MAX_HEAD, MAX_POSITION,
};

/// Nothing here takes that long; who waits longer waits for ever.
const PATIENCE: Duration = Duration::from_secs(60);

/// The reader of one part.
struct Reader {
    part: u64,
    framer: Framer,
    next: u64,
}

pub(crate) struct Caller {
    pub(crate) stream: Box<dyn LogStream>,
    reader: Option<Reader>,
    /// What was committed.
    pub(crate) position: Option<String>,
    /// Records whose batch was committed, as `name: record`.
    pub(crate) records: Vec<String>,
    pub(crate) notes: Vec<String>,
    pub(crate) faults: Vec<String>,
}

impl Caller {
    pub(crate) fn open(kinds: &Kinds, spec: &LogSpec, position: Option<&str>) -> Self {
        Self::of(kinds.open(spec, position).unwrap(), position)
    }

    pub(crate) fn of(stream: Box<dyn LogStream>, position: Option<&str>) -> Self {
        let position = position.map(str::to_owned);
        Self { stream, reader: None, position, records: Vec::new(), notes: Vec::new(), faults: Vec::new() }
    }

    pub(crate) async fn next(&mut self) -> Result<LogBatch, LogError> {
        let next = tokio::time::timeout(PATIENCE, self.stream.next());
        let batch = next.await.unwrap();
        if let Ok(batch) = &batch {
            assert!(batch.bytes.len() <= MAX_BATCH && batch.head.len() <= MAX_HEAD);
            assert!(batch.head.is_empty() || (batch.begins && batch.offset > 0));
        }
        batch
    }

    /// What a batch comes to: records, and where its part is dealt with up to.
    pub(crate) fn take(&mut self, batch: &LogBatch) -> (Vec<String>, u64) {
        if batch.begins {
            let framer = Framer::new(Framing::Lines, MAX_RECORD).at(batch.offset);
            self.reader = Some(Reader { part: batch.part, framer, next: batch.offset });
        }
        // A part begins before it goes on.
        let reader = self.reader.as_mut().unwrap();
        assert_eq!((reader.part, reader.next), (batch.part, batch.offset), "{batch:?}");
        let mut records = Vec::new();
        let mut each = |frame: Frame<'_>| {
            records.push(match frame {
                Frame::Whole { bytes, .. } => format!("{}: {}", batch.name, String::from_utf8_lossy(bytes)),
                Frame::TooLong { length, .. } => format!("{}: too long, {length}", batch.name),
            });
        };
        reader.framer.push(&batch.bytes, &mut each);
        reader.next += batch.bytes.len() as u64;
        if batch.ends {
            reader.framer.finish(&mut each);
        }
        let at = reader.framer.resume_at();
        if batch.ends {
            self.reader = None;
        }
        (records, at)
    }

    /// Takes in the next batch and commits it. Returns whether it was one.
    pub(crate) async fn step(&mut self) -> bool {
        let next = self.next().await;
        self.commit(next)
    }

    fn commit(&mut self, next: Result<LogBatch, LogError>) -> bool {
        match next {
            Ok(batch) => {
                let (records, at) = self.take(&batch);
                let position = self.stream.position(batch.part, at);
                assert!(position.len() <= MAX_POSITION);
                self.position = Some(position);
                self.records.extend(records);
                self.notes.extend(batch.notes);
                true
            }
            Err(error) => {
                self.faults.push(error.to_string());
                false
            }
        }
    }

    /// Reads on until there are so many records.
    pub(crate) async fn until(&mut self, count: usize) -> &mut Self {
        while self.records.len() < count {
            self.step().await;
        }
        self
    }

    /// Reads on until a record ends like this.
    pub(crate) async fn until_met(&mut self, end: &str) -> &mut Self {
        while !self.records.iter().any(|record| record.ends_with(end)) {
            self.step().await;
        }
        self
    }

    /// Waits until so many files are followed, whether or not there is something to be read.
    pub(crate) async fn until_followed(&mut self, parts: u64) {
        while self.stream.lag().parts < parts {
            if let Ok(next) = tokio::time::timeout(Duration::from_millis(1), self.next()).await {
                self.commit(next);
            }
        }
    }

    pub(crate) async fn until_fault(&mut self) -> String {
        while self.faults.is_empty() {
            self.step().await;
        }
        self.faults.join("\n")
    }

    /// Stops, and opens the source again with what was committed.
    pub(crate) fn again(self, kinds: &Kinds, spec: &LogSpec) -> Self {
        drop(self.stream);
        Self::open(kinds, spec, self.position.as_deref())
    }
}
