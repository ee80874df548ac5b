//! What the state of a log source says beside its counts: why records could not be read, how many connections were turned
//! away, and notes. An error that reading got over is a note from then on.

use logs::Counts;
use model::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::super::shortened;

/// Notes that are kept; a newer one takes the place of the oldest.
const NOTES: usize = 8;
/// The longest note, in bytes.
const LONGEST: usize = 1_024;

/// A state's detail, as it is stored.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Detail {
    /// Malformed records by reason, since the source was opened.
    malformed: Map<String, Value>,
    /// A few of them, with remedies.
    samples: Vec<Value>,
    /// Connections that were turned away, since the source was added.
    refused: u64,
    /// The newest first.
    notes: Vec<Note>,
}

/// What people should know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Note {
    at: String,
    message: String,
    /// Whether it was an error, which is over.
    was_error: bool,
}

impl Detail {
    /// Reads what was stored; of what is none, nothing is taken over.
    pub(super) fn read(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    /// The text to store.
    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Takes over why records could not be read.
    pub(super) fn count(&mut self, counts: &Counts) {
        let reasons = counts.malformed.iter();
        self.malformed =
            reasons.map(|(reason, count)| (reason.as_str().to_owned(), Value::from(*count))).collect();
        let samples = counts.samples.iter().map(|sample| {
            json!({
                "reason": sample.reason.as_str(),
                "offset": sample.offset,
                "message": sample.message,
                "text": sample.text,
                "remedy": sample.reason.remedy(),
            })
        });
        self.samples = samples.collect();
    }

    /// Counts connections that were turned away.
    pub(super) fn refuse(&mut self, connections: u64) {
        self.refused = self.refused.saturating_add(connections);
    }

    /// Notes something; what was said before is said anew.
    pub(super) fn note(&mut self, at: Timestamp, message: &str) {
        self.add(at, message, false);
    }

    /// An error is over: it goes on as a note.
    pub(super) fn pass(&mut self, error: &mut Option<(Timestamp, String)>) {
        if let Some((at, message)) = error.take() {
            self.add(at, &message, true);
        }
    }

    fn add(&mut self, at: Timestamp, message: &str, was_error: bool) {
        let message = shortened(message, LONGEST).to_owned();
        self.notes.retain(|note| note.message != message);
        self.notes.insert(0, Note { at: at.to_string(), message, was_error });
        self.notes.truncate(NOTES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_few_and_each_is_said_once() {
        let mut detail = Detail::default();
        for number in 0..20 {
            detail.note(Timestamp::MIN, &format!("note {number}"));
        }
        detail.note(Timestamp::MIN, "note 15");
        detail.note(Timestamp::MIN, &"ü".repeat(LONGEST));
        let messages: Vec<&str> = detail.notes.iter().map(|note| note.message.as_str()).collect();
        assert_eq!(messages.len(), NOTES);
        assert_eq!(&messages[1..4], ["note 15", "note 19", "note 18"]);
        assert!(messages[0].len() <= LONGEST);
    }

    #[test]
    fn an_error_that_is_over_is_a_note() {
        let mut detail = Detail::default();
        let mut error = Some((Timestamp::MIN, "no such file".to_owned()));
        detail.pass(&mut error);
        detail.pass(&mut error);
        assert_eq!(error, None);
        assert_eq!(detail.notes.len(), 1);
        assert!(detail.notes[0].was_error);
        // It is said again, and no error any more.
        detail.note(Timestamp::MIN, "no such file");
        assert!(detail.notes.len() == 1 && !detail.notes[0].was_error);
    }

    #[test]
    fn what_was_stored_is_taken_up() {
        let mut detail = Detail::default();
        detail.refuse(3);
        detail.note(Timestamp::MIN, "was truncated");
        assert_eq!(Detail::read(&detail.text()), detail);
        assert_eq!(Detail::read(""), Detail::default());
        assert_eq!(Detail::read("[1]"), Detail::default());
        let old = Detail::read(r#"{"malformed": {"not-json": 2}, "samples": []}"#);
        assert_eq!((old.malformed.len(), old.refused, old.notes.len()), (1, 0, 0));
    }
}
