//! How calls and refusals look on the wire, and how large they may be.

use hyper::StatusCode;
use json::{Limits, Tape, write_string};
use ports::peer::{Refusal, Topic};

/// What precedes the topic in a path.
pub(crate) const PATH: &str = "/peer/v1/";
/// Bodies from this size on are compressed, in bytes; below, the header costs more than it saves.
const COMPRESS_FROM: usize = 4 * 1024;
/// Fast rather than small: lines between nodes are seldom the bottleneck.
const LEVEL: i32 = 1;
/// Longest refusal that is read, in bytes.
pub(crate) const MAX_REFUSAL: usize = 8 * 1024;
/// Longest text in a refusal, in characters.
const MAX_DETAIL: usize = 1_000;

/// How large a body may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// On the wire, compressed or not, in bytes.
    pub wire: usize,
    /// As it is handed over, in bytes.
    pub plain: usize,
}

const SMALL: Bounds = Bounds { wire: 1 << 20, plain: 1 << 20 };
const BULK: Bounds = Bounds { wire: 8 << 20, plain: 32 << 20 };

/// How large the body of a call may be: 8 MiB, 32 MiB decompressed, where entries of a stream travel; elsewhere 1
/// MiB.
#[must_use]
pub const fn request_bounds(topic: Topic) -> Bounds {
    match topic {
        Topic::Push => BULK,
        _ => SMALL,
    }
}

/// How large an answer may be: 8 MiB, 32 MiB decompressed, where entries or sets travel; elsewhere 1 MiB.
#[must_use]
pub const fn answer_bounds(topic: Topic) -> Bounds {
    match topic {
        Topic::Repair | Topic::Query => BULK,
        _ => SMALL,
    }
}

/// Whether bodies on this topic may be compressed at all. What strangers send is not decompressed.
pub(crate) const fn is_compressible(topic: Topic) -> bool {
    !matches!(topic, Topic::Keys | Topic::Pair)
}

/// The topic a path names, and nothing but that.
pub(crate) fn topic_of(path: &str) -> Option<Topic> {
    let name = path.strip_prefix(PATH)?;
    Topic::ALL.into_iter().find(|topic| topic.as_str() == name)
}

/// The compressed form, where it is shorter. Its frame states the size it decompresses to.
pub(crate) fn compress(plain: &[u8]) -> Option<Vec<u8>> {
    if plain.len() < COMPRESS_FROM {
        return None;
    }
    zstd::bulk::compress(plain, LEVEL).ok().filter(|compressed| compressed.len() < plain.len())
}

/// The size that a compressed body says it decompresses to (RFC 8878 §3.1.1.1.4), which must be at most `bound`.
pub(crate) fn stated_size(compressed: &[u8], bound: usize) -> Result<usize, String> {
    let stated = zstd::zstd_safe::get_frame_content_size(compressed)
        .map_err(|_| "the body is not a zstd frame".to_owned())?
        .ok_or_else(|| "the body's zstd frame does not state its content size".to_owned())?;
    usize::try_from(stated)
        .ok()
        .filter(|size| *size <= bound)
        .ok_or_else(|| format!("the body decompresses to {stated} bytes; at most {bound} are taken"))
}

/// Decompresses to exactly the stated size. More than that is never produced.
pub(crate) fn decompress(compressed: &[u8], stated: usize) -> Result<Vec<u8>, String> {
    let plain = zstd::bulk::decompress(compressed, stated)
        .map_err(|_| "the body does not decompress to the size it states".to_owned())?;
    if plain.len() == stated {
        Ok(plain)
    } else {
        Err("the body does not decompress to the size it states".to_owned())
    }
}

/// A refusal as canonical JSON: `{"detail":"…","refusal":"invalid"}`, `{"refusal":"busy","retry_after_ms":250}`.
pub(crate) fn refusal_text(refusal: &Refusal) -> String {
    let (name, detail) = match refusal {
        Refusal::Forbidden(detail) => ("forbidden", detail),
        Refusal::Invalid(detail) => ("invalid", detail),
        Refusal::OutOfStep(detail) => ("out-of-step", detail),
        Refusal::Busy(millis) => return format!(r#"{{"refusal":"busy","retry_after_ms":{millis}}}"#),
        Refusal::Failed => return r#"{"refusal":"failed"}"#.to_owned(),
    };
    let mut out = r#"{"detail":"#.to_owned();
    write_string(&tame(detail), &mut out);
    out.push_str(r#","refusal":""#);
    out.push_str(name);
    out.push_str(r#""}"#);
    out
}

/// Reads what [`refusal_text`] writes. `None` for anything else.
pub(crate) fn read_refusal(text: &[u8]) -> Option<Refusal> {
    let mut tape = Tape::new();
    let limits = Limits::new(MAX_REFUSAL, 2, 16);
    let value = tape.parse(text, &limits).ok()?;
    let detail = || Some(tame(&value.get("detail")?.as_str()?));
    match value.get("refusal")?.as_plain()? {
        "forbidden" => detail().map(Refusal::Forbidden),
        "invalid" => detail().map(Refusal::Invalid),
        "out-of-step" => detail().map(Refusal::OutOfStep),
        "busy" => {
            let millis = value.get("retry_after_ms")?.as_i64()?;
            // No peer makes us wait for longer than an hour before we ask again.
            Some(Refusal::Busy(u32::try_from(millis).ok()?.min(3_600_000)))
        }
        "failed" => Some(Refusal::Failed),
        _ => None,
    }
}

pub(crate) const fn status_of(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::Forbidden(_) => StatusCode::FORBIDDEN,
        Refusal::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Refusal::OutOfStep(_) => StatusCode::CONFLICT,
        Refusal::Busy(_) => StatusCode::TOO_MANY_REQUESTS,
        Refusal::Failed => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Short, and without anything that could move a cursor, turn text around or break a line in a log.
fn tame(detail: &str) -> String {
    let odd = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    detail.chars().take(MAX_DETAIL).map(|c| if odd(c) { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_survive_the_wire() {
        for refusal in [
            Refusal::Forbidden("agreement \"x\" ends\\".to_owned()),
            Refusal::Invalid(String::new()),
            Refusal::OutOfStep("ask from 7 – не так".to_owned()),
            Refusal::Busy(0),
            Refusal::Busy(3_600_000),
            Refusal::Failed,
        ] {
            assert_eq!(read_refusal(refusal_text(&refusal).as_bytes()), Some(refusal));
        }
    }

    #[test]
    fn a_refusal_cannot_do_more_than_tell() {
        let long = Refusal::Invalid("\u{1b}[2J\u{202e}\n".repeat(1_000));
        let text = refusal_text(&long);
        assert!(text.len() <= MAX_REFUSAL, "{}", text.len());
        let Some(Refusal::Invalid(detail)) = read_refusal(text.as_bytes()) else { panic!("{text}") };
        assert_eq!(detail.chars().count(), MAX_DETAIL);
        assert!(!detail.contains(['\u{1b}', '\u{202e}', '\n']));
        let told = br#"{"detail":"a\u001b\u202eb","refusal":"invalid"}"#;
        assert_eq!(read_refusal(told), Some(Refusal::Invalid("a\u{fffd}\u{fffd}b".to_owned())));
    }

    #[test]
    fn what_is_no_refusal() {
        for text in [
            "",
            "not found",
            "<html>",
            "{}",
            "[]",
            r#"{"refusal":"forbidden"}"#,
            r#"{"refusal":"busy"}"#,
            r#"{"refusal":"busy","retry_after_ms":-1}"#,
            r#"{"refusal":"busy","retry_after_ms":1e3}"#,
            r#"{"refusal":"Failed"}"#,
            r#"{"refusal":"failed","refusal":"failed"}"#,
            r#"{"refusal":"invalid","detail":7}"#,
        ] {
            assert_eq!(read_refusal(text.as_bytes()), None, "{text}");
        }
        let patient = br#"{"refusal":"busy","retry_after_ms":4294967295}"#;
        assert_eq!(read_refusal(patient), Some(Refusal::Busy(3_600_000)));
    }

    #[test]
    fn paths() {
        for topic in Topic::ALL {
            assert_eq!(topic_of(&format!("/peer/v1/{}", topic.as_str())), Some(topic));
        }
        for path in [
            "",
            "/",
            "/peer/v1/",
            "/peer/v1/PUSH",
            "/peer/v1/push/",
            "/peer/v1//push",
            "/peer/v1/../push",
            "/peer/v1/%70ush",
            "/peer/v2/push",
            "//peer/v1/push",
            "/peer/v1/all",
            "peer/v1/push",
        ] {
            assert_eq!(topic_of(path), None, "{path}");
        }
    }

    #[test]
    fn compression_states_its_size_and_keeps_to_it() {
        let plain = b"the same again and again ".repeat(1_000);
        let compressed = compress(&plain).unwrap();
        assert!(compressed.len() < plain.len() / 10);
        assert_eq!(stated_size(&compressed, plain.len()), Ok(plain.len()));
        assert_eq!(decompress(&compressed, plain.len()).unwrap(), plain);
        assert_eq!(compress(&plain[..COMPRESS_FROM - 1]), None);

        let error = stated_size(&compressed, plain.len() - 1).unwrap_err();
        assert!(error.contains("25000") && error.contains("24999"), "{error}");
        assert!(decompress(&compressed, plain.len() - 1).is_err());
        assert!(decompress(&compressed, plain.len() + 1).is_err());
        // A second frame behind the first.
        let doubled = [&compressed[..], &compressed[..]].concat();
        let stated = stated_size(&doubled, usize::MAX).unwrap();
        assert!(decompress(&doubled, stated).is_err());
        for cut in [0, 3, 9, compressed.len() - 1] {
            let part = &compressed[..cut];
            assert!(stated_size(part, usize::MAX).and_then(|size| decompress(part, size)).is_err(), "{cut}");
        }
        let streamed = zstd::stream::encode_all(&plain[..], 1).unwrap();
        assert!(stated_size(&streamed, usize::MAX).unwrap_err().contains("does not state"));
        assert!(stated_size(b"{\"not\":\"zstd\"}", usize::MAX).is_err());
    }
}
