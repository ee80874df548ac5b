//! The one guarded HTTP client for everything fetched from elsewhere.
//!
//! It connects only where the [`Policy`] permits (the resolved address decides, at every redirect), never follows
//! from `https` to `http`, never carries credentials to another origin, uses no proxy from the environment, and
//! stops reading at its limits, which count decompressed bytes.

mod error;
mod guard;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Certificate, Client, ClientBuilder, Identity, Method, Url};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

pub use error::FetchError;
use error::{classify, failure};
pub(crate) use error::{host_of, shown};
pub(crate) use guard::same_origin;
use guard::{Guard, literal, permit, target};

use crate::address::Policy;
use ports::pull::ConfigError;

use crate::config::Config;
use crate::kinds::Env;

/// Redirects that are followed before giving up.
const MAX_REDIRECTS: usize = 5;
/// Largest file with a secret or certificates.
const MAX_SECRET_BYTES: usize = 1 << 20;

/// How long and how much one request may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Until a connection stands, name look-up included.
    pub connect: Duration,
    /// Between two signs of life.
    pub idle: Duration,
    /// For the whole answer, redirects included. Does not bound a [`Stream`].
    pub total: Duration,
    /// Bytes of body after decompression.
    pub body: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            idle: Duration::from_secs(30),
            total: Duration::from_secs(300),
            body: 64 << 20,
        }
    }
}

/// How to get in. Secrets are read from their files for every request, and our copies of them wiped afterwards.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// User name and password file for HTTP Basic.
    pub basic: Option<(String, PathBuf)>,
    /// File with a bearer token.
    pub bearer: Option<PathBuf>,
    /// PEM files with a client certificate chain and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// PEM file with root certificates to trust beside the system's.
    pub roots: Option<PathBuf>,
}

/// What to ask for. A request with a body is a POST, and is not redirected.
#[derive(Debug, Clone)]
pub struct Request {
    /// Where.
    pub url: Url,
    /// `Accept` header.
    pub accept: &'static str,
    /// Further headers.
    pub headers: Vec<(HeaderName, String)>,
    /// Content type and body.
    pub body: Option<(&'static str, Vec<u8>)>,
}

impl Request {
    /// A plain GET.
    #[must_use]
    pub const fn get(url: Url, accept: &'static str) -> Self {
        Self { url, accept, headers: Vec::new(), body: None }
    }
}

/// A whole answer: status 200 to 299, or 304.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status code.
    pub code: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Where it came from in the end.
    pub url: Url,
    /// Body, decompressed.
    pub body: Vec<u8>,
}

impl Answer {
    /// A header's value, when it is there and plain text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// An answer that goes on: its body arrives in pieces, each within [`Limits::idle`].
#[derive(Debug)]
pub struct Stream {
    response: reqwest::Response,
    idle: Duration,
}

impl Stream {
    /// The next piece; `None` when the other side has ended.
    ///
    /// # Errors
    /// [`FetchError`] when it is silent for too long or the line breaks.
    pub async fn chunk(&mut self) -> Result<Option<impl AsRef<[u8]> + use<>>, FetchError> {
        let host = host_of(self.response.url());
        match tokio::time::timeout(self.idle, self.response.chunk()).await {
            Err(_) => Err(FetchError::Timeout { host, doing: "between two pieces of its answer" }),
            Ok(Err(error)) => Err(classify(host, error)),
            Ok(Ok(chunk)) => Ok(chunk),
        }
    }

    /// A header's value, when it is there and plain text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name).and_then(|value| value.to_str().ok())
    }
}

/// The client of one source: its own connections, its own credentials.
pub struct Fetcher {
    policy: Arc<Policy>,
    limits: Limits,
    user_agent: String,
    access: Access,
    /// For `http`: carries no roots, so that it works on a machine that has none.
    plain: Option<Client>,
    /// For `https` to where our credentials belong, and to elsewhere; with the digest of the files they were made from.
    trusted: Option<([u8; 32], Client, Client)>,
}

impl Fetcher {
    /// A client that has not connected anywhere yet.
    #[must_use]
    pub fn new(policy: Policy, limits: Limits, user_agent: impl Into<String>, access: Access) -> Self {
        Self {
            policy: Arc::new(policy),
            limits,
            user_agent: user_agent.into(),
            access,
            plain: None,
            trusted: None,
        }
    }

    /// A client for a source's configuration.
    pub(crate) fn of(config: &Config, env: &Env) -> Result<Self, ConfigError> {
        config.together("username", "password_file")?;
        config.together("cert_file", "key_file")?;
        if config.text("username").is_some() && config.text("token_file").is_some() {
            return Err(ConfigError("`username` and `token_file` exclude each other".to_owned()));
        }
        let access = Access {
            basic: config.text("username").map(str::to_owned).zip(config.file("password_file")),
            bearer: config.file("token_file"),
            identity: config.file("cert_file").zip(config.file("key_file")),
            roots: config.file("ca_file"),
        };
        let mut policy = env.policy.clone();
        policy.allow.extend(config.hosts("allow_hosts")?);
        Ok(Self::new(policy, env.limits, env.user_agent.clone(), access))
    }

    /// Asks and reads the whole answer.
    ///
    /// # Errors
    /// [`FetchError`]; an answer outside 200–299 and 304 is one.
    pub async fn fetch(&mut self, request: &Request) -> Result<Answer, FetchError> {
        let total = self.limits.total;
        let host = host_of(&request.url);
        tokio::time::timeout(total, self.fetch_whole(request))
            .await
            .unwrap_or(Err(FetchError::Timeout { host, doing: "over its whole answer" }))
    }

    async fn fetch_whole(&mut self, request: &Request) -> Result<Answer, FetchError> {
        let limit = self.limits.body;
        let Stream { response, idle } = self.open(request).await?;
        let host = host_of(response.url());
        let too_large = || FetchError::TooLarge { host: host.clone(), limit };
        if response.content_length().is_some_and(|length| length > limit as u64) {
            return Err(too_large());
        }
        let (code, headers, url) =
            (response.status().as_u16(), response.headers().clone(), response.url().clone());
        let mut body = Vec::new();
        let mut stream = Stream { response, idle };
        while let Some(chunk) = stream.chunk().await? {
            if body.len() + chunk.as_ref().len() > limit {
                return Err(too_large());
            }
            body.extend_from_slice(chunk.as_ref());
        }
        Ok(Answer { code, headers, url, body })
    }

    /// Asks and hands over the answer while it arrives.
    ///
    /// # Errors
    /// [`FetchError`]; an answer outside 200–299 and 304 is one.
    pub async fn open(&mut self, request: &Request) -> Result<Stream, FetchError> {
        let mut url = request.url.clone();
        let mut ours = true;
        for _ in 0..=MAX_REDIRECTS {
            let response = self.ask(request, &url, ours).await?;
            let code = response.status().as_u16();
            if response.status().is_success() || code == 304 {
                return Ok(Stream { response, idle: self.limits.idle });
            }
            if !matches!(code, 301 | 302 | 303 | 307 | 308) || request.body.is_some() {
                return Err(failure(response, self.limits.idle).await);
            }
            let to = target(&url, response.headers().get(LOCATION))?;
            ours &= same_origin(&url, &to);
            url = to;
        }
        Err(FetchError::Protocol {
            host: host_of(&request.url),
            reason: format!("it redirects more than {MAX_REDIRECTS} times"),
        })
    }

    async fn ask(
        &mut self,
        request: &Request,
        url: &Url,
        ours: bool,
    ) -> Result<reqwest::Response, FetchError> {
        permit(&self.policy, url)?;
        let client = self.client(url, ours).await?;
        let method = if request.body.is_some() { Method::POST } else { Method::GET };
        let mut asking = client.request(method, url.clone()).header(ACCEPT, request.accept);
        for (name, value) in &request.headers {
            asking = asking.header(name, value);
        }
        if let Some((kind, body)) = &request.body {
            asking = asking.header(CONTENT_TYPE, *kind).body(body.clone());
        }
        if let (true, Some(value)) = (ours, self.authorization(url).await?) {
            asking = asking.header(AUTHORIZATION, value);
        }
        let host = host_of(url);
        match tokio::time::timeout(self.limits.connect.saturating_add(self.limits.idle), asking.send()).await
        {
            Err(_) => Err(FetchError::Timeout { host, doing: "to begin its answer" }),
            Ok(Err(error)) => Err(classify(host, error)),
            Ok(Ok(response)) => Ok(response),
        }
    }

    async fn authorization(&self, url: &Url) -> Result<Option<HeaderValue>, FetchError> {
        let text = match (&self.access.basic, &self.access.bearer) {
            (Some((user, file)), _) => {
                let password = secret(file).await?;
                let pair = Zeroizing::new(format!("{user}:{}", password.as_str()));
                Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())))
            }
            (None, Some(file)) => Zeroizing::new(format!("Bearer {}", secret(file).await?.as_str())),
            (None, None) => return Ok(None),
        };
        let host = url.host_str().unwrap_or_default();
        if url.scheme() == "http" && !self.policy.allows(host, literal(url)) {
            return Err(FetchError::Refused {
                reason: format!(
                    "credentials are not sent to `{host}` over plain http; use https, or name it in `allow_hosts`"
                ),
            });
        }
        let mut value = HeaderValue::from_str(&text).map_err(|_| FetchError::Secret {
            reason: "the user name, password or token holds characters that cannot stand in a header"
                .to_owned(),
        })?;
        value.set_sensitive(true);
        Ok(Some(value))
    }

    /// The client for a URL: with our certificate only where it belongs, made anew when a file has changed.
    async fn client(&mut self, url: &Url, ours: bool) -> Result<Client, FetchError> {
        let host = host_of(url);
        if url.scheme() == "http" {
            let client = match self.plain.take() {
                Some(client) => client,
                None => built(host, self.builder().tls_certs_only([]))?,
            };
            return Ok(self.plain.insert(client).clone());
        }
        let identity = match &self.access.identity {
            None => None,
            Some((chain, key)) => {
                Some(Zeroizing::new(format!("{}\n{}", *secret(chain).await?, *secret(key).await?)))
            }
        };
        let roots = match &self.access.roots {
            None => None,
            Some(file) => Some(secret(file).await?),
        };
        let mut digest = Sha256::new();
        for part in [&identity, &roots].map(|part| part.as_ref().map_or("", |text| text.as_str())) {
            digest.update(part.len().to_be_bytes());
            digest.update(part);
        }
        let digest: [u8; 32] = digest.finalize().into();
        let clients = match self.trusted.take() {
            Some(clients) if clients.0 == digest => clients,
            _ => {
                let without = built(host.clone(), self.trusting(roots.as_deref())?)?;
                let with = match identity {
                    None => without.clone(),
                    Some(pem) => {
                        let identity =
                            Identity::from_pem(pem.as_bytes()).map_err(|_| FetchError::Secret {
                                reason:
                                    "`cert_file` and `key_file` do not hold a certificate and its key in PEM"
                                        .to_owned(),
                            })?;
                        built(host, self.trusting(roots.as_deref())?.identity(identity))?
                    }
                };
                (digest, with, without)
            }
        };
        let (_, with, without) = self.trusted.insert(clients);
        Ok(if ours { with.clone() } else { without.clone() })
    }

    fn trusting(&self, roots: Option<&String>) -> Result<ClientBuilder, FetchError> {
        let Some(pem) = roots else { return Ok(self.builder()) };
        match Certificate::from_pem_bundle(pem.as_bytes()) {
            Ok(certificates) if !certificates.is_empty() => Ok(self.builder().tls_certs_merge(certificates)),
            _ => Err(FetchError::Secret { reason: "`ca_file` does not hold certificates in PEM".to_owned() }),
        }
    }

    fn builder(&self) -> ClientBuilder {
        Client::builder()
            .user_agent(self.user_agent.as_str())
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .dns_resolver(Arc::new(Guard(Arc::clone(&self.policy))))
            .connect_timeout(self.limits.connect)
    }
}

fn built(host: String, builder: ClientBuilder) -> Result<Client, FetchError> {
    builder.build().map_err(|error| match classify(host.clone(), error) {
        FetchError::Protocol { reason, .. } => FetchError::Tls { host, reason },
        other => other,
    })
}

/// What a file holds, without white space around it.
async fn secret(file: &Path) -> Result<Zeroizing<String>, FetchError> {
    let fail = |reason: String| FetchError::Secret { reason: format!("`{}` {reason}", file.display()) };
    let bytes = tokio::fs::read(file).await.map_err(|error| fail(format!("cannot be read: {error}")))?;
    let bytes = Zeroizing::new(bytes);
    if bytes.len() > MAX_SECRET_BYTES {
        return Err(fail(format!("is larger than {MAX_SECRET_BYTES} bytes")));
    }
    match std::str::from_utf8(&bytes).map(str::trim) {
        Ok("") => Err(fail("is empty".to_owned())),
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(fail("is not text".to_owned())),
    }
}
