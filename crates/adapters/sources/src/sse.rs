//! A reader of server-sent events that keeps nothing it does not need.
//!
//! Source: HTML Living Standard, "Server-sent events", §9.2.5 and §9.2.6.

use std::time::Duration;

/// Longest line.
const MAX_LINE: usize = 16 << 10;
/// Longest event id and type; longer ones count as not given.
const MAX_NAME: usize = 256;

/// One event: data has been seen but not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    /// The last event id so far.
    pub(crate) id: Option<String>,
    /// The event's type; `message` when it names none.
    pub(crate) name: String,
}

/// A line that is longer than any hint needs to be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LineTooLong;

/// Puts lines together from pieces of a stream, and events from lines.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    line: Vec<u8>,
    /// Whether the last line ended with CR, so that a following LF belongs to it.
    after_cr: bool,
    begun: bool,
    id: Option<String>,
    name: Option<String>,
    has_data: bool,
    /// What the server asks to wait before a reconnection.
    pub(crate) retry: Option<Duration>,
}

impl Reader {
    /// Takes a piece of the stream and appends the events it completes.
    pub(crate) fn push(&mut self, bytes: &[u8], events: &mut Vec<Event>) -> Result<(), LineTooLong> {
        for byte in bytes {
            let after_cr = std::mem::take(&mut self.after_cr);
            match byte {
                b'\n' if after_cr => {}
                b'\n' | b'\r' => {
                    self.after_cr = *byte == b'\r';
                    let line = std::mem::take(&mut self.line);
                    events.extend(self.end_line(&line));
                    self.line = line;
                    self.line.clear();
                }
                _ if self.line.len() >= MAX_LINE => return Err(LineTooLong),
                _ => self.line.push(*byte),
            }
        }
        Ok(())
    }

    fn end_line(&mut self, line: &[u8]) -> Option<Event> {
        let line = if std::mem::replace(&mut self.begun, true) {
            line
        } else {
            line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line)
        };
        if line.is_empty() {
            let name = self.name.take().unwrap_or_else(|| "message".to_owned());
            return std::mem::take(&mut self.has_data).then(|| Event { id: self.id.clone(), name });
        }
        let text = String::from_utf8_lossy(line);
        let (field, value) = text.split_once(':').unwrap_or((&text, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => self.has_data = true,
            "id" if !value.contains('\0') && value.len() <= MAX_NAME => self.id = Some(value.to_owned()),
            "event" => self.name = (!value.is_empty() && value.len() <= MAX_NAME).then(|| value.to_owned()),
            "retry" if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) => {
                self.retry = value.parse().ok().map(Duration::from_millis);
            }
            // A comment (empty field name) or a field of a later standard.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &[u8]) -> Vec<(Option<String>, String)> {
        let mut events = Vec::new();
        Reader::default().push(text, &mut events).unwrap();
        events.into_iter().map(|event| (event.id, event.name)).collect()
    }

    fn check(text: &str, expect: &[(Option<&str>, &str)]) {
        let expect: Vec<_> =
            expect.iter().map(|(id, name)| (id.map(str::to_owned), (*name).to_owned())).collect();
        assert_eq!(read(text.as_bytes()), expect, "{text:?}");
    }

    #[test]
    fn events() {
        check("data: x\n\n", &[(None, "message")]);
        check("\u{feff}data: x\n\n", &[(None, "message")]);
        check(
            ": hello\n\nid: 7\nevent: put\ndata\n\n: more\n\ndata:y\n\n",
            &[(Some("7"), "put"), (Some("7"), "message")],
        );
        check("id:1\r\ndata:a\r\n\r\nid:2\rdata:b\r\r", &[(Some("1"), "message"), (Some("2"), "message")]);
        check("id: 1\ndata: a\n\nid\ndata: b\n\n", &[(Some("1"), "message"), (Some(""), "message")]);
        check("event: put\n\ndata: x\n\n", &[(None, "message")]);
        check("id: a\0b\ndata: x\n\n", &[(None, "message")]);
        check("data: never finished\n", &[]);
        check("", &[]);
    }

    #[test]
    fn retry_is_a_number_of_milliseconds() {
        let mut reader = Reader::default();
        reader.push(b"retry: 1500\nretry: soon\nretry:\n", &mut Vec::new()).unwrap();
        assert_eq!(reader.retry, Some(Duration::from_millis(1_500)));
    }

    #[test]
    fn lines_are_bounded() {
        let mut reader = Reader::default();
        assert_eq!(reader.push(&vec![b'x'; MAX_LINE + 1], &mut Vec::new()), Err(LineTooLong));
        let long = format!("id: {}\ndata: x\n\n", "i".repeat(MAX_NAME + 1));
        check(&long, &[(None, "message")]);
    }

    proptest! {
        #[test]
        fn cutting_the_stream_changes_nothing(text in "((data|id|event|retry|): ?[a-z0-9é]{0,5}|\r|\n|\r\n){0,20}", cut in 1usize..7) {
            let mut reader = Reader::default();
            let mut events = Vec::new();
            for piece in text.as_bytes().chunks(cut) {
                reader.push(piece, &mut events).unwrap();
            }
            let events: Vec<_> = events.into_iter().map(|event| (event.id, event.name)).collect();
            prop_assert_eq!(events, read(text.as_bytes()));
        }
    }
}
