//! Logs that are sent to the node.

use std::io::Read;
use std::sync::PoisonError;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use flate2::read::MultiGzDecoder;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::{App, Shared};
use crate::extract::{Path, Query, read_body};
use crate::problem::{Kind, Problem};

/// The most bytes of one request, unpacked.
const LARGEST: u64 = 64 << 20;
/// Honest text packs to no less than a hundredth or so; a bomb goes to a thousandth.
const RATIO: u64 = 200;
/// Below this many bytes nothing is judged.
const FREE: u64 = 16 << 20;
/// The largest window of zstd, as a power of two: 8 MiB.
const WINDOW: u32 = 23;
/// Requests with records that a node takes in at once: each is held in memory.
const AT_ONCE: usize = 2;
/// The longest name of what records come from, in bytes.
const NAME: usize = 200;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RecordsQuery {
    /// What the records come from, for people and to find their format: a file's name, usually.
    name: Option<String>,
}

/// What records came to.
#[derive(Serialize, ToSchema)]
pub(crate) struct TakenRecords {
    /// Records, malformed ones included.
    records: u64,
    /// Records that could not be read; see the log source's state for samples.
    malformed: u64,
    /// Records on which something matched.
    matched: u64,
}

/// Send records
///
/// To a log source of kind `push`: log text of any format that is known, also packed with gzip or zstd. It may have as
/// many bytes as any request's body, 32 MiB unless the node says otherwise, and 64 MiB once unpacked: pack more than
/// the former, and send more than the latter in pieces. Each request is whole: a table brings its header, a record ends
/// where the body does. When it is answered, the records have been matched and kept. Another request for the same
/// source meanwhile is turned away; send it again.
#[utoipa::path(
    post, path = "/log-sources/{name}/records", tag = "detection", params(("name" = String, Path), RecordsQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 200, body = TakenRecords), (status = 404, response = super::ProblemBody),
        (status = 413, response = super::ProblemBody), (status = 415, response = super::ProblemBody),
        (status = 422, response = super::ProblemBody), (status = 429, response = super::ProblemBody)
    )
)]
pub(crate) async fn push(
    State(app): State<Shared>,
    Path(name): Path<String>,
    Query(query): Query<RecordsQuery>,
    request: Request,
) -> Result<Json<TakenRecords>, Problem> {
    let part = query.name.unwrap_or_default();
    if part.len() > NAME || part.chars().any(char::is_control) {
        return Err(Problem::bad(format!(
            "`name` is longer than {NAME} bytes, or has characters that are not to be seen"
        )));
    }
    let (parts, body) = request.into_parts();
    let mut headers = parts.headers;
    let stated = Packing::stated(&headers)?;
    headers.remove(header::CONTENT_ENCODING);
    let kept = read_body(&app, &headers, body).await.map_err(|problem| match problem.kind() {
        Kind::TooLarge => too_large(app.settings.max_body, "as they are sent"),
        _ => problem,
    })?;
    app.blocking(move |app| {
        let _turn = Turn::take(app, &name)?;
        let packing = stated.unwrap_or_else(|| Packing::seen(&kept.bytes));
        let bytes = packing.unpack(kept.bytes).map_err(|problem| match problem.kind() {
            Kind::TooLarge => too_large(app.settings.max_body, "once unpacked"),
            _ => problem,
        })?;
        let pushed = app.core().push_logs(&name, &part, bytes)?;
        Ok(Json(TakenRecords {
            records: pushed.records,
            malformed: pushed.malformed,
            matched: pushed.matched,
        }))
    })
    .await
}

/// Both bounds on what one request brings, and what to do about it.
fn too_large(most: usize, which: &str) -> Problem {
    let (most, largest) = (size(most as u64), size(LARGEST));
    Problem::new(
        Kind::TooLarge,
        format!(
            "records may have {most} as they are sent, packed or not, and {largest} once unpacked; these have more {which}"
        ),
    )
    .hint(
        "pack them with gzip or zstd, or send them in pieces, as `shieldwall log-source push` does; or let the node read the \
         file itself",
    )
}

/// A number of bytes, for people.
fn size(bytes: u64) -> String {
    if bytes > 0 && bytes.is_multiple_of(1 << 20) {
        format!("{} MiB", bytes >> 20)
    } else {
        format!("{bytes} bytes")
    }
}

/// How a body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    None,
    Gzip,
    Zstd,
}

impl Packing {
    /// What the headers say, if they say anything.
    fn stated(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let Some(value) = headers.get(header::CONTENT_ENCODING) else { return Ok(None) };
        let name = String::from_utf8_lossy(value.as_bytes()).trim().to_ascii_lowercase();
        match name.as_str() {
            "identity" | "" => Ok(Some(Self::None)),
            "gzip" | "x-gzip" => Ok(Some(Self::Gzip)),
            "zstd" => Ok(Some(Self::Zstd)),
            _ => Err(Problem::new(
                Kind::UnsupportedMediaType,
                format!("`Content-Encoding: {name}` is not read here"),
            )
            .hint("send the records as they are, or packed once with gzip or zstd")),
        }
    }

    /// What the first bytes say: a packed file is often sent as it is.
    fn seen(bytes: &[u8]) -> Self {
        match bytes {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::None,
        }
    }

    /// The bytes inside, as long as they are no more than honest text can be.
    fn unpack(self, packed: Bytes) -> Result<Vec<u8>, Problem> {
        let damaged = |_| {
            Problem::new(
                Kind::Refused,
                "the body cannot be unpacked: it is damaged, or not what it says it is",
            )
            .hint("pack it anew with gzip or zstd (windows of 8 MiB at most), or send it as it is")
        };
        let most = (packed.len() as u64).saturating_mul(RATIO).clamp(FREE, LARGEST);
        let mut bytes = Vec::new();
        match self {
            Self::None => return Ok(packed.into()),
            Self::Gzip => MultiGzDecoder::new(&*packed).take(most + 1).read_to_end(&mut bytes),
            Self::Zstd => zstd::stream::read::Decoder::with_buffer(&*packed)
                .and_then(|mut decoder| decoder.window_log_max(WINDOW).map(|()| decoder))
                .and_then(|decoder| decoder.take(most + 1).read_to_end(&mut bytes)),
        }
        .map_err(damaged)?;
        match bytes.len() as u64 {
            length if length <= most => Ok(bytes),
            _ if most == LARGEST => {
                Err(Problem::new(Kind::TooLarge, format!("more than {LARGEST} bytes once unpacked")))
            }
            _ => Err(Problem::new(
                Kind::Refused,
                format!("the body unpacks to more than {RATIO} times as much, as no log does"),
            )
            .hint("if it is honest, send it unpacked")),
        }
    }
}

/// One source's turn, until it is dropped.
struct Turn<'a> {
    app: &'a App,
    name: String,
}

impl<'a> Turn<'a> {
    fn take(app: &'a App, name: &str) -> Result<Self, Problem> {
        let mut taking = app.taking.lock().unwrap_or_else(PoisonError::into_inner);
        if taking.len() >= AT_ONCE || !taking.insert(name.to_owned()) {
            let why = format!("other records are being taken in, so those for `{name}` were not looked at");
            return Err(Problem::new(Kind::TooManyAttempts, why).hint("send them again").retry_after(1));
        }
        Ok(Self { app, name: name.to_owned() })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.app.taking.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn gzip(bytes: &[u8]) -> Bytes {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap().into()
    }

    #[test]
    fn what_is_packed_is_unpacked_within_bounds() {
        let check = |packed: Bytes, expect: Result<usize, Kind>| {
            let packing = Packing::seen(&packed);
            let got = packing.unpack(packed).map(|bytes| bytes.len()).map_err(|problem| problem.kind());
            assert_eq!(got, expect, "{packing:?}");
        };
        let line = b"2026-03-01T08:00:00Z host sshd[1]: Accepted publickey for mere\n";
        check(Bytes::from_static(line), Ok(line.len()));
        check(gzip(line), Ok(line.len()));
        check(zstd::stream::encode_all(&line[..], 1).unwrap().into(), Ok(line.len()));
        // Several members are one file.
        check([gzip(line), gzip(line)].concat().into(), Ok(2 * line.len()));
        check(Bytes::from_static(&[0x1f, 0x8b, 0, 0]), Err(Kind::Refused));
        check(gzip(&vec![b' '; 48 << 20]), Err(Kind::Refused));
        check(zstd::stream::encode_all(&vec![b' '; 48 << 20][..], 1).unwrap().into(), Err(Kind::Refused));
        // So little expansion that it may be honest, and too much all the same.
        let mixed: Vec<u8> =
            (0..1_u32 << 20).flat_map(|at| at.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let long = [mixed, vec![b' '; 64 << 20]].concat();
        check(zstd::stream::encode_all(&long[..], 1).unwrap().into(), Err(Kind::TooLarge));
    }

    #[test]
    fn what_is_too_large_says_both_bounds_and_what_to_do() {
        for (most, said) in [(32 << 20, "32 MiB"), (4_096, "4096 bytes")] {
            let problem = too_large(most, "once unpacked");
            assert_eq!(problem.kind(), Kind::TooLarge);
            let body = serde_json::to_value(problem.body("x")).unwrap();
            let detail = body["detail"].as_str().unwrap();
            assert!(detail.contains(said) && detail.contains("64 MiB once unpacked"), "{detail}");
            let hint = body["hint"].as_str().unwrap();
            assert!(["pack", "pieces", "log-source push"].iter().all(|word| hint.contains(word)), "{hint}");
        }
    }
}
