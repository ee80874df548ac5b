//! What can go wrong, and how to tell it from what the HTTP library reports.

use std::error::Error as StdError;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

use super::guard::Forbidden;

/// Most bytes of an error response that are looked at.
const SNIPPET_BYTES: usize = 4 << 10;
/// Most characters of it that are repeated.
const SNIPPET_CHARS: usize = 300;
/// Longest pause another server may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(86_400);

/// Why nothing was fetched, by what can be done about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// Our own policy forbids it: change the configuration.
    #[error("not connected: {reason}")]
    Refused {
        /// What is forbidden and how to allow it.
        reason: String,
    },
    /// A file with a secret or certificate cannot be used.
    #[error("{reason}")]
    Secret {
        /// Which file, and what is wrong; never what is in it.
        reason: String,
    },
    /// Nobody there, or the line broke: try later.
    #[error("`{host}` cannot be reached: {reason}")]
    Unreachable {
        /// The host.
        host: String,
        /// What the system said.
        reason: String,
    },
    /// The other side's certificate does not hold, or it does not want ours.
    #[error(
        "no trusted TLS connection to `{host}`: {reason}; give its root certificate in `ca_file` if it has one of its own"
    )]
    Tls {
        /// The host.
        host: String,
        /// What failed.
        reason: String,
    },
    /// Too slow: try later.
    #[error("`{host}` took too long {doing}")]
    Timeout {
        /// The host.
        host: String,
        /// What it was to do.
        doing: &'static str,
    },
    /// The answer exceeds [`Limits::body`].
    #[error("the answer from `{host}` is larger than {limit} bytes; ask for smaller pages")]
    TooLarge {
        /// The host.
        host: String,
        /// The limit.
        limit: usize,
    },
    /// The answer is an error.
    #[error("{url} answered {code}: {snippet}")]
    Status {
        /// Address without its query.
        url: String,
        /// HTTP status code.
        code: u16,
        /// The start of what it said, on one line.
        snippet: String,
        /// How long it asked to be left alone.
        retry_after: Option<Duration>,
    },
    /// The other side does not speak HTTP as it should.
    #[error("`{host}` broke the protocol: {reason}")]
    Protocol {
        /// The host.
        host: String,
        /// How.
        reason: String,
    },
}

impl FetchError {
    /// The status code, when the answer was an error.
    #[must_use]
    pub const fn code(&self) -> Option<u16> {
        match self {
            Self::Status { code, .. } => Some(*code),
            _ => None,
        }
    }
}

/// Sorts an error of the HTTP library by what can be done about it.
pub(super) fn classify(host: String, error: reqwest::Error) -> FetchError {
    let error = error.without_url();
    let mut deepest = error.to_string();
    let mut cause: Option<&(dyn StdError + 'static)> = Some(&error);
    while let Some(current) = cause {
        if let Some(Forbidden(reason)) = current.downcast_ref() {
            return FetchError::Refused { reason: reason.clone() };
        }
        if let Some(tls) = current.downcast_ref::<rustls::Error>() {
            return FetchError::Tls { host, reason: tls.to_string() };
        }
        deepest = current.to_string();
        // `source` of an `io::Error` skips what it wraps.
        cause = match current.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => current.source(),
        };
    }
    if error.is_timeout() {
        FetchError::Timeout { host, doing: "to accept a connection" }
    } else if error.is_connect() || error.is_dns() {
        FetchError::Unreachable { host, reason: deepest }
    } else {
        FetchError::Protocol { host, reason: deepest }
    }
}

/// The error behind an answer that is one, with the start of what it says.
pub(super) async fn failure(mut response: reqwest::Response, idle: Duration) -> FetchError {
    let (code, url) = (response.status().as_u16(), shown(response.url()));
    let retry_after = retry_after(response.headers());
    let mut body = Vec::new();
    let reading = async {
        while let Ok(Some(chunk)) = response.chunk().await {
            body.extend(chunk.iter().take(SNIPPET_BYTES - body.len()));
            if body.len() >= SNIPPET_BYTES {
                break;
            }
        }
    };
    // Whatever has arrived by then will do.
    let _ = tokio::time::timeout(idle, reading).await;
    FetchError::Status { url, code, snippet: snippet(&body), retry_after }
}

/// What an error body says: title and description of a TAXII error or a problem document, else its first words.
fn snippet(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let fields: Option<serde_json::Map<String, serde_json::Value>> = serde_json::from_slice(body).ok();
    let said = fields.map(|fields| {
        let parts = ["title", "description", "detail"].iter().filter_map(|name| fields.get(*name)?.as_str());
        parts.collect::<Vec<_>>().join("; ")
    });
    let said = said.filter(|said| !said.is_empty()).unwrap_or_else(|| text.into_owned());
    let plain = said.replace(char::is_control, " ").replace('`', "'");
    let short: String =
        plain.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(SNIPPET_CHARS).collect();
    if short.is_empty() { "no explanation".to_owned() } else { format!("`{short}`") }
}

/// `Retry-After` (RFC 9110 §10.2.3): seconds, or a date, which is measured against the answer's own `Date` so that
/// no clock has to be right.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let pause = match value.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let now = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
            httpdate::parse_http_date(value).ok()?.duration_since(now).unwrap_or_default()
        }
    };
    Some(pause.min(LONGEST_PAUSE))
}

/// A URL fit for messages: queries may carry keys.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

pub(crate) fn host_of(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}
