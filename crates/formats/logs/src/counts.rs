//! What could not be read, why, and how often; with a few samples to look at.

use std::collections::BTreeMap;
use std::fmt;

use json::Problem;

/// The most samples that are kept.
pub const MAX_SAMPLES: usize = 5;
/// The most bytes of a record that a sample keeps.
pub const MAX_SAMPLE: usize = 256;

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident $word:literal $remedy:literal,)*) => {
        /// Why a record could not be read.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $($(#[$doc])* $name,)*
        }

        impl Reason {
            /// Every reason.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The word it is counted by, such as `not-json`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }

            /// What to do about it.
            #[must_use]
            pub const fn remedy(self) -> &'static str {
                match self {
                    $(Self::$name => $remedy,)*
                }
            }
        }
    };
}

reasons! {
    /// The record is longer than is read.
    TooLong "too-long" "have the program that writes it cut long fields, or split the record",
    /// Not JSON.
    NotJson "not-json" "check whether something else writes into the same file",
    /// JSON that ends in the middle.
    Truncated "truncated" "the record was cut off: check the disk, the rotation and the size of datagrams",
    /// A member name that occurs twice in one object.
    /// Nested deeper than is read.
    TooDeep "too-deep" "have the program that writes it flatten its records",
    /// More values than are read.
    TooMany "too-many-values" "have the program that writes it split its records",
    /// JSON, but no object.
    NotAnObject "not-an-object" "each record must be a JSON object",
    /// Bytes that are no text.
    Binary "binary" "this is no log; remove it from the source",
    /// Columns without a line that names them.
    NoHeader "no-header" "read the file from its beginning, or name its columns in the mapping",
    /// More or fewer columns than the header names.
    Columns "columns" "the line was cut off, or a header line is missing before it",
    /// A quoted cell that does not end.
    OpenQuote "open-quote" "records must not hold line breaks",
    /// A syslog line that begins with no priority and no time.
    NotSyslog "not-syslog" "check the format of the source",
    /// A header of CEF that is not one.
    BadCef "bad-cef" "a CEF header has seven parts between `|`",
    /// A header of LEEF that is not one.
    BadLeef "bad-leef" "a LEEF header has five or six parts between `|`",
    /// A line that is none of an audit log.
    NotAudit "not-audit" "audit records begin with `type=` and have `msg=audit(…)`",
    /// A line that is none of an access log.
    NotAccessLog "not-access-log" "write access logs in the common or combined log format",
    /// A place in a binary log that its format does not allow.
    Damaged "damaged" "copy the file again, or export it again where it was recorded",
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A record that could not be read: why, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// Why; counted by it.
    pub reason: Reason,
    /// The byte of the record at which reading stopped.
    pub at: usize,
    /// What is the matter there: lower case, no full stop, user input in back-ticks.
    pub message: String,
}

impl Malformed {
    pub(crate) fn new(reason: Reason, at: usize, message: impl Into<String>) -> Self {
        Self { reason, at, message: message.into() }
    }
}

impl From<json::Error> for Malformed {
    fn from(error: json::Error) -> Self {
        let reason = match &error.problem {
            Problem::Truncated => Reason::Truncated,
            Problem::TooDeep(_) => Reason::TooDeep,
            Problem::TooMany(_) => Reason::TooMany,
            Problem::TooLong(_) => Reason::TooLong,
            _ => Reason::NotJson,
        };
        Self { reason, at: error.offset, message: error.problem.to_string() }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (byte {}); hint: {}", self.message, self.at, self.reason.remedy())
    }
}

impl std::error::Error for Malformed {}

/// The beginning of a record that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Why.
    pub reason: Reason,
    /// Where the record begins in its source, in bytes.
    pub offset: u64,
    /// What is the matter.
    pub message: String,
    /// Its first bytes, at most [`MAX_SAMPLE`] of them, as text: what is not text is `\u{fffd}`, and control
    /// characters are spaces.
    pub text: String,
}

/// What became of the records of a source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records read.
    pub records: u64,
    /// Among them those with bytes that are not UTF-8, which were replaced.
    pub repaired: u64,
    /// Headers and comments.
    pub skipped: u64,
    /// Records that could not be read, by reason.
    pub malformed: BTreeMap<Reason, u64>,
    /// The first ones, one of each reason before a second of any.
    pub samples: Vec<Sample>,
}

impl Counts {
    /// Counts a record that was read.
    pub fn read(&mut self, repaired: bool) {
        self.records += 1;
        self.repaired += u64::from(repaired);
    }

    /// Counts a header or comment.
    pub fn skip(&mut self) {
        self.skipped += 1;
    }

    /// Counts a record that could not be read.
    pub fn refuse(&mut self, malformed: &Malformed, offset: u64, raw: &[u8]) {
        let count = self.malformed.entry(malformed.reason).or_default();
        *count += 1;
        let first = *count == 1;
        if self.samples.len() >= MAX_SAMPLES {
            // A reason that has no sample yet takes the place of a repeated one.
            let repeated = |sample: &Sample| {
                self.samples.iter().filter(|other| other.reason == sample.reason).count() > 1
            };
            let Some(at) = self.samples.iter().rposition(repeated).filter(|_| first) else { return };
            self.samples.remove(at);
        }
        let head = raw.get(..MAX_SAMPLE).unwrap_or(raw);
        let mut text: String =
            String::from_utf8_lossy(head).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        // A replacement is longer than the byte it stands for.
        let mut end = text.len().min(MAX_SAMPLE);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        let message = malformed.message.clone();
        self.samples.push(Sample { reason: malformed.reason, offset, message, text });
    }

    /// Counts a record of which only the beginning was kept.
    pub fn too_long(&mut self, offset: u64, length: u64, head: &[u8]) {
        let message =
            format!("the record has {length} bytes, more than the {} that are read", crate::MAX_RECORD);
        self.refuse(&Malformed::new(Reason::TooLong, 0, message), offset, head);
    }

    /// How many records could not be read.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.malformed.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_few_short_and_of_every_reason() {
        let mut counts = Counts::default();
        for offset in 0..9 {
            counts.refuse(&Malformed::new(Reason::NotJson, 0, "x"), offset, &[0xff; 1000]);
        }
        counts.refuse(&Malformed::new(Reason::TooDeep, 0, "x"), 9, b"a\nb\0");
        assert_eq!(counts.refused(), 10);
        assert_eq!(counts.samples.len(), MAX_SAMPLES);
        assert!(counts.samples.iter().all(|sample| sample.text.len() <= MAX_SAMPLE));
        assert_eq!(counts.samples.last().map(|sample| sample.text.as_str()), Some("a b "));
    }

    #[test]
    fn a_record_that_cannot_be_read_says_what_to_do() {
        let error = json::Tape::new().parse(b"{\"a\":1,", &json::Limits::OBJECT).unwrap_err();
        let malformed = Malformed::from(error);
        assert_eq!(malformed.reason.as_str(), "truncated");
        assert!(malformed.to_string().contains("hint: "), "{malformed}");
    }
}
