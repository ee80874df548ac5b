//! A node to ask things of, and the asking.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt;
use model::Timestamp;
use ports::pull::{ConfigError, Field, FieldKind, OpenSource, Puller, Pulling, SourceKind, SourceKinds};
use ports::{Clock, Ids, Store};
use runtime::{Core, Founding, Node, NodeOptions};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use shieldwall_api::{Api, PasswordCost, Settings};
use tower::ServiceExt;

/// A clock that moves when it is told to, and by a microsecond when it is read.
pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    /// From now on, whoever asks for the time panics.
    pub(crate) fn break_it(&self) {
        self.0.store(i64::MIN, Ordering::SeqCst);
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_micros().try_into().unwrap(), Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let micros = self.0.fetch_add(1, Ordering::SeqCst);
        assert!(micros > 0, "the clock is broken and says so with a secret: hunter2");
        Timestamp::from_micros(micros)
    }
}

struct TestIds(AtomicU64);

impl Ids for TestIds {
    fn random(&self) -> [u8; 32] {
        Sha256::digest(self.0.fetch_add(1, Ordering::SeqCst).to_be_bytes()).into()
    }
}

/// One kind of source, which never has anything.
struct TestKinds;

impl SourceKinds for TestKinds {
    fn kinds(&self) -> Vec<SourceKind> {
        let field = |name, kind| Field { name, kind, required: name == "url", help: "for tests" };
        let fields = vec![
            field("url", FieldKind::Url),
            field("token_file", FieldKind::File),
            field("allow_hosts", FieldKind::Hosts),
        ];
        vec![SourceKind { kind: "feed", summary: "for tests", fields }]
    }

    fn open(&self, _: &str, config: &str) -> Result<OpenSource, ConfigError> {
        let config: Value = serde_json::from_str(config).map_err(|error| ConfigError(error.to_string()))?;
        config["url"].as_str().ok_or_else(|| ConfigError("`url` is missing".to_owned()))?;
        Ok(OpenSource { puller: Box::new(Never), interval: Duration::from_secs(3600), live: None })
    }
}

struct Never;

impl Puller for Never {
    fn next<'a>(&'a mut self, _: Option<&'a str>) -> Pulling<'a> {
        Box::pin(std::future::pending())
    }
}

/// A node and its two doors.
pub(crate) struct Desk {
    pub(crate) node: Arc<Node>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) api: Api,
    pub(crate) network: Router,
    pub(crate) local: Router,
}

pub(crate) const PASSWORD: &str = "correct horse battery";

/// Settings that make tests quick.
pub(crate) fn settings() -> Settings {
    Settings { password_cost: PasswordCost { memory: 64, passes: 1 }, ..Settings::default() }
}

impl Desk {
    pub(crate) fn open() -> Self {
        Self::with(settings())
    }

    pub(crate) fn with(settings: Settings) -> Self {
        let clock = Arc::new(TestClock(AtomicI64::new(1_790_000_000_000_000)));
        let store: Arc<dyn Store> = Arc::new(store_sqlite::SqliteStore::memory().unwrap());
        let ids = Arc::new(TestIds(AtomicU64::new(1)));
        let founding = Founding { name: "Example CSIRT".to_owned(), country: Some("AU".to_owned()) };
        let core = Core::found(store, Arc::<TestClock>::clone(&clock), ids, &founding).unwrap();
        let node = Node::start(core, NodeOptions { follow: false, ..NodeOptions::new(Arc::new(TestKinds)) });
        let api = Api::new(Arc::clone(&node), settings);
        Self { network: api.router(), local: api.local_router(), node, clock, api }
    }

    /// Makes an account over the local door.
    pub(crate) async fn account(&self, name: &str, role: &str) {
        let body = json!({"name": name, "role": role, "password": PASSWORD});
        self.operator("POST /api/v1/users").json(&body).expect(201).await;
    }

    /// Makes an account and a token for it.
    pub(crate) async fn token(&self, name: &str, role: &str, collections: &[&str]) -> String {
        self.account(name, role).await;
        let body = json!({"name": "test", "user": name, "collections": collections});
        let made = self.operator("POST /api/v1/tokens").json(&body).expect(201).await;
        made.json()["secret"].as_str().unwrap().to_owned()
    }

    /// A request by the local operator.
    pub(crate) fn operator(&self, line: &str) -> Ask {
        Ask::new(self.local.clone(), line)
    }

    /// A request from the network.
    pub(crate) fn ask(&self, line: &str) -> Ask {
        Ask::new(self.network.clone(), line)
    }

    /// Puts objects in as this organisation's own.
    pub(crate) async fn put(&self, objects: &[Value]) {
        let bundle = json!({"type": "bundle", "id": "bundle--00000000-0000-4000-8000-000000000000", "objects": objects});
        let reply = self.operator("POST /api/v1/objects").json(&bundle).expect(200).await.json();
        assert_eq!(reply["summary"]["refused"], 0, "{reply:#}");
    }
}

/// A request being put together.
pub(crate) struct Ask {
    router: Router,
    request: axum::http::request::Builder,
    body: Body,
}

impl Ask {
    fn new(router: Router, line: &str) -> Self {
        let (method, path) = line.split_once(' ').unwrap();
        let request = Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(path);
        Self { router, request, body: Body::empty() }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    pub(crate) fn bearer(self, secret: &str) -> Self {
        self.header("authorization", &format!("Bearer {secret}"))
    }

    pub(crate) fn basic(self, name: &str, password: &str) -> Self {
        self.header("authorization", &format!("Basic {}", STANDARD.encode(format!("{name}:{password}"))))
    }

    pub(crate) fn body(mut self, media_type: &str, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self.header("content-type", media_type)
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// The response, with its body still to come.
    pub(crate) async fn start(self) -> axum::response::Response {
        self.router.oneshot(self.request.body(self.body).unwrap()).await.unwrap()
    }

    pub(crate) async fn send(self) -> Reply {
        let response = self.start().await;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Reply {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        }
    }

    pub(crate) async fn expect(self, status: u16) -> Reply {
        let reply = self.send().await;
        assert_eq!(reply.status.as_u16(), status, "{}", reply.body);
        reply
    }
}

pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// A valid indicator; `place` makes its id and value.
pub(crate) fn indicator(place: u32) -> Value {
    json!({
        "type": "indicator", "spec_version": "2.1",
        "id": format!("indicator--00000000-0000-4000-8000-{place:012}"),
        "created": "2026-01-01T00:00:00.000Z", "modified": "2026-01-01T00:00:00.000Z",
        "name": format!("indicator {place}"), "indicator_types": ["malicious-activity"],
        "pattern": format!("[domain-name:value = 'bad{place}.badhost.net']"), "pattern_type": "stix",
        "valid_from": "2026-01-01T00:00:00Z",
    })
}

/// The same, explicitly TLP:CLEAR.
pub(crate) fn clear(place: u32) -> Value {
    let mut object = indicator(place);
    object["object_marking_refs"] = json!(["marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487"]);
    object
}

pub(crate) fn id(place: u32) -> String {
    format!("indicator--00000000-0000-4000-8000-{place:012}")
}
