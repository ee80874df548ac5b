//! One signed request at a time, to one address, with a bounded answer.

use std::future::Future;
use std::path::Path;
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use model::{Digest, Timestamp};
use ports::actuator::ActuatorError;
use reqwest::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use reqwest::{Certificate, Client, Url};
use sha2::Sha256;
use zeroize::Zeroizing;

/// The header with the signature of a request.
pub const SIGNATURE: &str = "x-shieldwall-signature";

/// Longest that one request may take, from its beginning to the end of its answer.
const LIMIT: Duration = Duration::from_secs(10);
/// Most bytes of an answer, decompressed.
const MAX_ANSWER: usize = 64 << 10;
/// Shortest secret.
const MIN_SECRET: usize = 16;
/// Largest file with a secret or certificates.
const MAX_FILE: usize = 1 << 20;

/// The value of [`SIGNATURE`]: `t=<seconds since 1970>,v1=<HMAC-SHA-256 in lower-case hex>`, over the seconds, a full
/// stop and the body. Whoever checks it refuses instants that are minutes away, so that nothing is repeated later.
#[must_use]
pub fn signature(secret: &[u8], now: Timestamp, body: &str) -> String {
    let seconds = now.as_micros().div_euclid(1_000_000);
    // A key of any length is a key (RFC 2104 §2).
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return String::new() };
    mac.update(format!("{seconds}.").as_bytes());
    mac.update(body.as_bytes());
    let code: [u8; 32] = mac.finalize().into_bytes().into();
    format!("t={seconds},v1={}", Digest(code))
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) host: String,
    pub(super) status: u16,
    pub(super) body: String,
}

impl Answer {
    /// Whether the status says that it was done; else whether it may go better next time.
    pub(super) fn success(&self) -> Result<(), ActuatorError> {
        let said: String = self.body.chars().take(200).collect();
        let message = format!("`{}` answered {}: {said:?}", self.host, self.status);
        match self.status {
            200..=299 => Ok(()),
            300..=399 => Err(ActuatorError::permanent(format!("{message}; redirects are not followed"))),
            408 | 425 | 429 | 500..=599 => Err(ActuatorError::passing(message)),
            _ => Err(ActuatorError::permanent(message)),
        }
    }
}

/// A client for one address, with the secret it signs with.
pub(super) struct Line {
    client: Client,
    url: Url,
    secret: Zeroizing<Vec<u8>>,
}

impl Line {
    /// Reads the files anew, so that a changed secret or certificate is used with the next call.
    pub(super) fn open(
        url: &Url,
        secret: &Path,
        roots: Option<&Path>,
        user_agent: &str,
    ) -> Result<Self, ActuatorError> {
        let bytes = read(secret)?;
        let trimmed = bytes.trim_ascii();
        if trimmed.len() < MIN_SECRET {
            return Err(ActuatorError::permanent(format!(
                "`{}` holds fewer than {MIN_SECRET} bytes; write a longer secret",
                secret.display()
            )));
        }
        let secret = Zeroizing::new(trimmed.to_vec());
        let encrypted = url.scheme() == "https";
        let mut builder = Client::builder()
            .user_agent(user_agent)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .https_only(encrypted)
            .connect_timeout(LIMIT)
            .timeout(LIMIT);
        if !encrypted {
            // Needs no roots, so that it works on a machine that has none.
            builder = builder.tls_certs_only([]);
        } else if let Some(file) = roots {
            let pem = read(file)?;
            match Certificate::from_pem_bundle(&pem) {
                Ok(certificates) if !certificates.is_empty() => {
                    builder = builder.tls_certs_merge(certificates);
                }
                _ => {
                    return Err(ActuatorError::permanent(format!(
                        "`{}` does not hold certificates in PEM",
                        file.display()
                    )));
                }
            }
        }
        let client = builder
            .build()
            .map_err(|error| ActuatorError::permanent(format!("no HTTP client can be made: {error}")))?;
        Ok(Self { client, url: url.clone(), secret })
    }

    /// Posts a body and reads the answer.
    pub(super) async fn post(
        &self,
        body: &str,
        media: &str,
        accept: &str,
        request: Option<&str>,
        now: Timestamp,
    ) -> Result<Answer, ActuatorError> {
        let host = self.url.host_str().unwrap_or_default().to_owned();
        let mut asking = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, media)
            .header(ACCEPT, accept)
            .header(CACHE_CONTROL, "no-cache")
            .header(SIGNATURE, signature(&self.secret, now, body));
        if let Some(request) = request {
            asking = asking.header("x-request-id", request);
        }
        let failed = |error: reqwest::Error| unreachable_host(&host, error);
        let mut response = asking.body(body.to_owned()).send().await.map_err(failed)?;
        let status = response.status().as_u16();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if bytes.len() + chunk.len() > MAX_ANSWER {
                return Err(ActuatorError::passing(format!(
                    "the answer of `{host}` is larger than {MAX_ANSWER} bytes"
                )));
            }
            bytes.extend_from_slice(&chunk);
        }
        let body = String::from_utf8_lossy(&bytes).into_owned();
        Ok(Answer { host, status, body })
    }
}

/// What the HTTP library says, with the cause that it keeps furthest down, and without the address and its query.
fn unreachable_host(host: &str, error: reqwest::Error) -> ActuatorError {
    let slow = error.is_timeout();
    let error = error.without_url();
    let mut deepest = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(current) = cause {
        deepest = current.to_string();
        cause = current.source();
    }
    if slow {
        let seconds = LIMIT.as_secs();
        return ActuatorError::passing(format!("`{host}` did not answer within {seconds} seconds"));
    }
    ActuatorError::passing(format!("`{host}` cannot be reached: {deepest}"))
}

/// Waits for something on a runtime of its own. The caller's thread may block.
pub(super) fn blocking<T>(work: impl Future<Output = Result<T, ActuatorError>>) -> Result<T, ActuatorError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| ActuatorError::passing(format!("no runtime can be made: {error}")))?;
    runtime.block_on(work)
}

fn read(file: &Path) -> Result<Zeroizing<Vec<u8>>, ActuatorError> {
    let fail = |why: String| ActuatorError::permanent(format!("`{}` {why}", file.display()));
    let bytes = std::fs::read(file).map_err(|error| fail(format!("cannot be read: {error}")))?;
    let bytes = Zeroizing::new(bytes);
    if bytes.len() > MAX_FILE {
        return Err(fail(format!("is larger than {MAX_FILE} bytes")));
    }
    Ok(bytes)
}
