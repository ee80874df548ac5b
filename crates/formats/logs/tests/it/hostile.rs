//! What must be borne: no bytes panic, nothing ends a stream, memory stays bounded.

use proptest::prelude::*;
use shieldwall_logs::{
    Clock, Counts, Format, Frame, Framer, Framing, MAX_RECORD, Malformed, Reader, Reason, Settings, detect,
    instant,
};

use crate::now;

/// Pieces that records are made of, right and wrong.
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    "\\",
    ":",
    ",",
    "\n",
    "\r\n",
    "\0",
    "\u{feff}",
    "ä",
    " ",
    "\t",
    "|",
    "=",
    "'",
    "#",
    "%",
    "<34>",
    "<165>1 ",
    "Oct 11 22:14:15 ",
    "2024-01-31T12:00:00Z ",
    "host ",
    "su[1]: ",
    "CEF:0|a|b|1|2|n|3|",
    "LEEF:2.0|a|b|1|2|^|",
    "src=192.0.2.1 ",
    "request=http://a.example/?b ",
    "cs1Label=x ",
    "cs1=y",
    "type=EXECVE msg=audit(1.2:3): ",
    "a0=2F62 ",
    "#separator \\x09\n",
    "#fields\tts\tquery\tanswers\n",
    "#types\ttime\tstring\tset[string]\n",
    "1588205199.8\tx\ty,z\n",
    "#Fields: date time cs-uri\n",
    "{\"Records\":[",
    "\"Event\":{\"System\":{\"EventID\":1}}",
    "\"EventID\":1,\"Channel\":\"Security\"",
    "\"event_type\":\"dns\",\"timestamp\":\"x\"",
    "\"winlog\":{}",
    "\"Hashes\":\"MD5=x,SHA1=\"",
    "\"_source\":{}",
    "Record 1\n",
    "[10/Oct/2000:13:55:36 -0700] \"GET / HTTP/1.0\" 200 1",
    "\\x",
    "%SYS-5-X:",
    "%%01BGP/",
    "devid=logid=",
    "\\u0041",
    "://",
    "@",
];

fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => prop::sample::select(PIECES).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..8),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn frames(framing: Framing, limit: usize, bytes: &[u8], sizes: &[usize]) -> Vec<(u64, u64, Vec<u8>)> {
    let mut out = Vec::new();
    let mut framer = Framer::new(framing, limit);
    let mut each = |frame: Frame<'_>| match frame {
        Frame::Whole { offset, bytes } => out.push((offset, 0, bytes.to_vec())),
        Frame::TooLong { offset, length, head } => out.push((offset, length, head.to_vec())),
    };
    let mut rest = bytes;
    let mut sizes = sizes.iter().cycle();
    while !rest.is_empty() {
        let size = sizes.next().map_or(1, |size| (*size).clamp(1, rest.len()));
        let (piece, tail) = rest.split_at(size);
        framer.push(piece, &mut each);
        assert!(framer.held() <= limit.max(256));
        rest = tail;
    }
    framer.finish(&mut each);
    assert_eq!(framer.resume_at(), bytes.len() as u64);
    out
}

/// Everything that can be asked of a record.
fn ask(reader: &mut Reader, record: &[u8], counts: &mut Counts) {
    match reader.read(record, now()) {
        Ok(Some(event)) => {
            counts.read(event.repaired);
            let mut names = Vec::new();
            event.names(&mut |name| names.push(name.to_owned()));
            names.extend(["Image", "query", "a.b.c", "id.orig_h", "", ".", "cs-uri-stem"].map(str::to_owned));
            for name in &names {
                let field = event.field(name);
                assert!(field.is_none() || field.is_some_and(|field| format!("{field:?}").len() < 1 << 20));
                if let Some(span) = event.span(name) {
                    assert!(span.start <= span.end && span.end <= event.raw.len(), "{name} {span:?}");
                }
            }
            event.observables(&mut |seen| assert!(seen.text.len() <= 4 * record.len() + 16));
            event.strings(&mut |_| false);
            let _ = event.device();
        }
        Ok(None) => counts.skip(),
        Err(malformed) => {
            assert!(malformed.at <= 4 * record.len());
            counts.refuse(&malformed, 0, record);
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in pieces()) {
        let mut counts = Counts::default();
        for format in Format::ALL.iter().copied() {
            let mut reader = Reader::new(format, Settings::default());
            reader.prime(&bytes);
            for line in bytes.split(|byte| *byte == b'\n') {
                ask(&mut reader, line, &mut counts);
            }
            ask(&mut reader, &bytes, &mut counts);
        }
        drop(detect(&bytes, "x.log"));
        let clock = Clock { now: now(), zone: 60 };
        let _ = instant(&String::from_utf8_lossy(&bytes), &clock);
    }

    #[test]
    fn no_noise_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut counts = Counts::default();
        for format in Format::ALL.iter().copied() {
            ask(&mut Reader::new(format, Settings::default()), &bytes, &mut counts);
        }
        drop(detect(&bytes, ""));
    }

    #[test]
    fn how_a_stream_is_cut_changes_nothing(
        bytes in pieces(),
        sizes in prop::collection::vec(1..20_usize, 1..8),
        limit in prop::sample::select(vec![5_usize, 30, 1000]),
    ) {
        for framing in [Framing::Lines, Framing::Documents] {
            let whole = frames(framing, limit, &bytes, &[bytes.len().max(1)]);
            prop_assert_eq!(&whole, &frames(framing, limit, &bytes, &sizes));
            for (offset, length, record) in whole {
                let from = usize::try_from(offset).unwrap();
                prop_assert_eq!(bytes.get(from..from + record.len()), Some(record.as_slice()));
                prop_assert!(length == 0 || length > limit as u64);
            }
        }
    }

    #[test]
    fn times_read_the_same_however_they_are_written(micros in -60_000_000_000_000_000_i64..250_000_000_000_000_000) {
        let clock = Clock { now: now(), zone: 0 };
        let time = model::Timestamp::from_micros(micros);
        let text = time.to_string();
        prop_assert_eq!(instant(&text, &clock), Some(time));
        prop_assert_eq!(instant(&text.replace('T', " ").replace('Z', "+0000"), &clock), Some(time));
    }
}

/// A line of 100 MB is passed over in pieces, and the one behind it is read.
#[test]
fn a_hundred_megabytes_without_a_line_break() {
    let mut framer = Framer::new(Framing::Lines, MAX_RECORD);
    let mut counts = Counts::default();
    let mut records = 0;
    let piece = vec![b'x'; 1 << 20];
    for _ in 0..100 {
        framer.push(&piece, &mut |_| records += 1);
        assert!(framer.held() <= MAX_RECORD);
    }
    framer.push(b"\n<13>ok\n", &mut |frame| match frame {
        Frame::TooLong { offset, length, head } => counts.too_long(offset, length, head),
        Frame::Whole { offset, bytes } => {
            assert_eq!((offset, bytes), ((100 << 20) + 1, b"<13>ok".as_slice()));
            records += 1;
        }
    });
    assert_eq!(records, 1);
    assert_eq!(counts.malformed.get(&Reason::TooLong), Some(&1));
    assert!(
        counts
            .samples
            .iter()
            .all(|sample| sample.message.contains("104857600 bytes") && sample.text.len() == 256)
    );
}

fn refused(format: Format, record: &[u8]) -> Malformed {
    Reader::new(format, Settings::default()).read(record, now()).err().unwrap_or_else(|| Malformed {
        reason: Reason::Columns,
        at: 0,
        message: "it was read".to_owned(),
    })
}

#[test]
fn what_is_refused_and_why() {
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(100), "]".repeat(100));
    let many = format!("{{\"a\":[{}1]}}", "1,".repeat(30_000));
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_RECORD));
    for (format, record, reason) in [
        (Format::JsonLines, "{\"a\":1,", Reason::Truncated),
        (Format::JsonLines, "{\"a\":1} x", Reason::NotJson),
        (Format::JsonLines, "noise", Reason::NotJson),
        (Format::JsonLines, "[1]", Reason::NotAnObject),
        (Format::JsonLines, "{\"a\":\"\0\"}", Reason::NotJson),
        (Format::JsonLines, deep.as_str(), Reason::TooDeep),
        (Format::JsonLines, many.as_str(), Reason::TooMany),
        (Format::JsonLines, long.as_str(), Reason::TooLong),
        (Format::Syslog3164, "no priority and no time", Reason::NotSyslog),
        (Format::Syslog5424, "<999>1 x", Reason::NotSyslog),
        (Format::Cef, "CEF:0|a|b", Reason::BadCef),
        (Format::Cef, "x", Reason::BadCef),
        (Format::Leef, "LEEF:1.0|a|b|c", Reason::BadLeef),
        (Format::Auditd, "type=SYSCALL", Reason::NotAudit),
        (Format::AccessLog, "192.0.2.1 - - [yesterday] \"GET /\" 200 1", Reason::NotAccessLog),
        (Format::ZeekTsv, "1\t2", Reason::NoHeader),
    ] {
        let malformed = refused(format, record.as_bytes());
        assert_eq!(malformed.reason, reason, "{}: {malformed}", record.get(..40).unwrap_or(record));
        assert!(!reason.remedy().is_empty());
    }
    assert_eq!(refused(Format::Syslog3164, &[0x93; 200]).reason, Reason::Binary);
}

/// Suricata writes names twice in some of its records: the record is read, and the first one counts.
#[test]
fn names_that_occur_twice() {
    let mut reader = Reader::new(Format::EveJson, Settings::default());
    let record = br#"{"event_type":"dns","event_type":"tls","timestamp":"2024-01-01T00:00:00Z"}"#;
    let event = reader.read(record, now()).unwrap().unwrap();
    assert_eq!(event.class.number(), 402);
    assert_eq!(crate::value(&event, "event_type").as_deref(), Some("dns"));
}

#[test]
fn bytes_that_are_not_utf_8() {
    let mut reader = Reader::new(Format::JsonLines, Settings::default());
    let event = reader.read(b"{\"a\":\"x\xff\",\"b\":1}", now()).unwrap().unwrap();
    assert!(event.repaired);
    assert_eq!(crate::value(&event, "a").as_deref(), Some("x\u{fffd}"));
    assert_eq!((event.span("a"), event.raw.len()), (None, 16));
}

#[test]
fn numbers_beyond_measure_are_numbers() {
    crate::with(
        Format::JsonLines,
        r#"{"a":1e999,"b":123456789012345678901234567890,"ts":1e300,"time":-1}"#,
        |event| {
            assert_eq!(event.time, None);
            assert!(
                matches!(event.field("a"), Some(shieldwall_logs::Field::Float(number)) if number.is_infinite())
            );
            assert!(matches!(event.field("b"), Some(shieldwall_logs::Field::Float(_))));
        },
    );
}
