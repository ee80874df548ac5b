//! Any bytes as any log: every record ends as an event, a header or a refusal, and every span stands in its record.
#![no_main]

use libfuzzer_sys::fuzz_target;
use logs::{Format, Frame, Framer, Framing, MAX_RECORD, Reader, Settings, detect};
use model::Timestamp;

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    let format = match Format::ALL.get(usize::from(*first)) {
        Some(format) => *format,
        None => match detect(rest, "conn.log") {
            Ok(detected) => detected.format,
            Err(_) => return,
        },
    };
    let mut reader = Reader::new(format, Settings::default());
    for framing in [Framing::Lines, Framing::Documents] {
        let mut framer = Framer::new(framing, MAX_RECORD);
        let mut each = |frame: Frame<'_>| {
            let Frame::Whole { bytes, .. } = frame else { return };
            let Ok(Some(event)) = reader.read(bytes, Timestamp::EPOCH) else { return };
            event.observables(&mut |sighted| {
                if let Some(span) = event.span(sighted.field) {
                    assert!(bytes.get(span).is_some());
                }
                let _ = observable::normalise(sighted.kind, sighted.text);
            });
            let _ = event.strings(&mut |_| false);
            let _ = event.names(&mut |name| {
                let _ = event.field(name);
            });
            let _ = event.device();
        };
        framer.push(rest, &mut each);
        framer.finish(&mut each);
    }
});
