//! Calling the node's interface: over its socket while it runs, or in this process when it does not.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use ports::pull::SourceKinds;
use ports::telemetry::Retention;
use runtime::{Core, Node, NodeOptions, OsIds, SystemClock};
use serde_json::Value;
use sources::{Kinds, Policy};
use store_sqlite::SqliteStore;
use tower::ServiceExt;
use zeroize::Zeroizing;

use crate::detecting;
use crate::exit::{Exit, Failure};

/// Name of the store's file in a node's directory.
pub const STORE: &str = "node.db";
/// A file shorter than this holds no node; opened as a store, it would become an empty one.
const SMALLEST: u64 = 512;
/// Name of the socket in a node's directory.
pub const SOCKET: &str = "node.sock";

/// What is said where figures of a node could be taken for those of one that works.
pub const NOT_RUNNING: &str = "no node is running: nothing is read; start it with `shieldwall serve`";

/// A way to the interface of one node.
pub struct Client {
    way: Way,
    /// Who acts, for the audit log.
    author: String,
}

enum Way {
    /// The running node's socket.
    Socket(PathBuf),
    /// The same interface in this process.
    Local { router: Router, node: Arc<Node>, _lock: File },
}

impl Client {
    /// Finds the running node of a directory, or opens the directory itself.
    pub async fn connect(node: &crate::cli::Node) -> Result<Self, Failure> {
        let (dir, author) = (&node.dir, node.author.clone());
        let socket = dir.join(SOCKET);
        if tokio::net::UnixStream::connect(&socket).await.is_ok() {
            return Ok(Self { way: Way::Socket(socket), author });
        }
        let Opened { mut core, lock } = open(dir, Retention::default())?;
        core.passphrase = keys_passphrase()?;
        crate::commands::open_keys(&core)?;
        // Sources are left to a node that stays: a command is not the place to start following.
        let node =
            Node::start(core, NodeOptions { follow: false, ..NodeOptions::new(sources(Policy::default())) });
        let router = api::Api::new(Arc::clone(&node), api::Settings::default()).local_router();
        Ok(Self { way: Way::Local { router, node, _lock: lock }, author })
    }

    /// Whether a running node answers. Otherwise a command works on the node's data alone: no log source is read.
    pub const fn is_running(&self) -> bool {
        matches!(self.way, Way::Socket(_))
    }

    /// Says first that nothing is read, where that is so; of what a program reads it is a member.
    pub fn say_running(&self, answer: &mut Value) {
        if !self.is_running() {
            crate::output::say(NOT_RUNNING);
        }
        if let Some(members) = answer.as_object_mut() {
            members.insert("running".to_owned(), Value::Bool(self.is_running()));
        }
    }

    /// Lets work that a command started come to its end.
    pub async fn close(self) {
        if let Way::Local { node, .. } = self.way {
            node.stop().await;
        }
    }

    /// Sends one request; the response may be of any status and is not read yet.
    pub async fn send(&self, request: Request<Body>) -> Result<axum::http::Response<Body>, Failure> {
        match &self.way {
            Way::Local { router, .. } => match router.clone().oneshot(request).await {
                Ok(response) => Ok(response),
                Err(never) => match never {},
            },
            Way::Socket(path) => {
                let stream = tokio::net::UnixStream::connect(path).await.map_err(|error| {
                    Failure::new(format!("the node's socket `{}` does not answer: {error}", path.display()))
                        .hint("the node may be stopping; try again")
                })?;
                let (mut sender, connection) =
                    hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
                tokio::spawn(connection);
                let response = sender.send_request(request).await?;
                Ok(response.map(Body::new))
            }
        }
    }

    /// A request as this client sends it.
    pub fn request(
        &self,
        method: Method,
        path: &str,
        content: Option<&str>,
        body: Body,
    ) -> Result<Request<Body>, Failure> {
        let mut builder = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "localhost")
            .header(header::ACCEPT, "application/json")
            .header(api::OPERATOR, encode(&self.author));
        if let Some(content) = content {
            builder = builder.header(header::CONTENT_TYPE, content);
        }
        builder.body(body).map_err(|error| Failure::new(format!("`{path}` is not a path: {error}")))
    }

    /// Sends JSON (or nothing) and reads JSON (or nothing). A problem response becomes a [`Failure`].
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        let request = match body {
            Some(json) => {
                self.request(method, path, Some("application/json"), Body::from(json.to_string()))?
            }
            None => self.request(method, path, None, Body::empty())?,
        };
        read_json(self.send(request).await?).await
    }

    /// Sends a text that is JSON already, so that its spelling survives.
    pub async fn send_json(&self, method: Method, path: &str, text: String) -> Result<Value, Failure> {
        let request = self.request(method, path, Some("application/json"), Body::from(text))?;
        read_json(self.send(request).await?).await
    }

    /// Reads a body as it is.
    pub async fn bytes(&self, path: &str) -> Result<axum::body::Bytes, Failure> {
        let response = self.send(self.request(Method::GET, path, None, Body::empty())?).await?;
        let status = response.status();
        let bytes = response.into_body().collect().await?.to_bytes();
        if status.is_success() { Ok(bytes) } else { Err(problem(status, &bytes)) }
    }

    /// Reads JSON.
    pub async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.call(Method::GET, path, None).await
    }

    /// Sends JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.call(Method::POST, path, Some(body)).await
    }
}

/// What opens the node's sealed keys, for commands that work without a running node.
fn keys_passphrase() -> Result<Option<Zeroizing<String>>, Failure> {
    let file = std::env::var_os("SHIELDWALL_KEYS_PASSPHRASE_FILE");
    let secret = file.map(|file| crate::commands::read_secret(Path::new(&file))).transpose()?;
    Ok(secret.map(Zeroizing::new))
}

/// The kinds of source this program has, under a policy.
pub fn sources(policy: Policy) -> Arc<dyn SourceKinds> {
    Arc::new(Kinds::new(policy, concat!("shieldwall/", env!("CARGO_PKG_VERSION"))))
}

/// The node of a directory, and the lock that keeps other programs out of it meanwhile.
pub struct Opened {
    pub core: Core,
    /// Released when it is dropped.
    pub lock: File,
}

/// Takes a directory for this program alone: two writers with caches of their own would not notice each other.
pub fn lock(dir: &Path) -> Result<File, Failure> {
    let path = dir.join("node.lock");
    let failure = |error| Failure::new(format!("`{}` cannot be opened: {error}", path.display()));
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(&path).map_err(failure)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Failure::new(format!(
            "another program works on the node in `{}`",
            dir.display()
        ))
        .hint(
            "wait until it has finished, or start the node with `shieldwall serve`: commands then share it",
        )),
        Err(TryLockError::Error(error)) => Err(failure(error)),
    }
}

/// Opens the node of a directory for this program alone.
pub fn open(dir: &Path, retention: Retention) -> Result<Opened, Failure> {
    if !dir.join(STORE).exists() {
        return Err(Failure::new(format!("there is no node in `{}`", dir.display()))
            .hint(format!("make one with `shieldwall init --dir {} --name NAME`", dir.display())));
    }
    let bytes = std::fs::metadata(dir.join(STORE)).map(|meta| meta.len()).unwrap_or_default();
    if bytes < SMALLEST {
        return Err(Failure::new(format!(
            "`{}` is no store: it has {bytes} bytes",
            dir.join(STORE).display()
        ))
        .hint("restore a backup into a new directory"));
    }
    let lock = lock(dir)?;
    let store = Arc::new(SqliteStore::open(dir.join(STORE), store_sqlite::Options::default())?);
    let outside = detecting::outside(dir, retention)?;
    let core = Core::open(store, Arc::new(SystemClock), Arc::new(OsIds))?;
    Ok(Opened { core: core.in_dir(dir.to_owned()).detecting(outside), lock })
}

/// The JSON of a good answer (422 has one too: what was refused), or the problem it names.
async fn read_json(response: axum::http::Response<Body>) -> Result<Value, Failure> {
    let status = response.status();
    let bytes = response.into_body().collect().await?.to_bytes();
    let value: Option<Value> = serde_json::from_slice(&bytes).ok();
    match value {
        Some(value) if status.is_success() || value.get("summary").is_some() => Ok(value),
        None if status.is_success() && bytes.is_empty() => Ok(Value::Null),
        _ => Err(problem(status, &bytes)),
    }
}

/// What a problem response says, in the words of the command line.
pub fn problem(status: StatusCode, bytes: &[u8]) -> Failure {
    let problem: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let word = |name: &str| problem.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
    let message =
        word("detail").or_else(|| word("title")).unwrap_or_else(|| format!("the node answered {status}"));
    let exit = if status.is_client_error() { Exit::Findings } else { Exit::Environment };
    let failure = match exit {
        Exit::Findings => Failure::refused(message),
        _ => Failure::new(message),
    };
    match word("hint") {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// A value as one segment or parameter of a path.
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
