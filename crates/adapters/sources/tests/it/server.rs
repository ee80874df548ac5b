//! A tiny HTTP/1.1 server whose every byte is up to the test.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A request as received.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    /// By lower-case name.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
    /// Whether the client showed a certificate.
    pub(crate) certified: bool,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    pub(crate) fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

/// What to send, and what then.
pub(crate) struct Reply {
    pub(crate) bytes: Vec<u8>,
    pub(crate) then: Then,
}

pub(crate) enum Then {
    Close,
    /// Keep the line open and say nothing.
    Hang,
    /// Go on sending this for as long as anyone listens.
    Forever(Vec<u8>),
}

impl Reply {
    /// A complete answer.
    pub(crate) fn new(code: u16, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        let mut bytes =
            format!("HTTP/1.1 {code} X\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        for (name, value) in headers {
            bytes.push_str(&format!("{name}: {value}\r\n"));
        }
        bytes.push_str("\r\n");
        let mut bytes = bytes.into_bytes();
        bytes.extend_from_slice(body);
        Self { bytes, then: Then::Close }
    }

    pub(crate) fn raw(text: impl Into<Vec<u8>>, then: Then) -> Self {
        Self { bytes: text.into(), then }
    }

    pub(crate) fn redirect(code: u16, to: &str) -> Self {
        Self::new(code, &[("Location", to)], "")
    }
}

/// A running server; it stops with the test's runtime.
pub(crate) struct Server {
    pub(crate) port: u16,
    scheme: &'static str,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    pub(crate) async fn start(handler: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self::run(None, handler).await
    }

    pub(crate) async fn start_tls(
        acceptor: TlsAcceptor,
        handler: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::run(Some(acceptor), handler).await
    }

    async fn run(
        tls: Option<TlsAcceptor>,
        handler: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, handler) = (Arc::clone(&asked), Arc::new(handler));
        let scheme = if tls.is_some() { "https" } else { "http" };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (log, handler, tls) = (Arc::clone(&log), Arc::clone(&handler), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, false, &log, &*handler).await,
                        Some(acceptor) => {
                            // A client that does not trust us leaves during the handshake.
                            let Ok(stream) = acceptor.accept(stream).await else { return };
                            let certified = stream.get_ref().1.peer_certificates().is_some();
                            serve(stream, certified, &log, &*handler).await;
                        }
                    }
                });
            }
        });
        Self { port, scheme, asked }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://127.0.0.1:{}{path}", self.scheme, self.port)
    }

    /// Everything asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    certified: bool,
    log: &Mutex<Vec<Asked>>,
    handler: &(dyn Fn(&Asked) -> Reply + Send + Sync),
) {
    let Some(asked) = read(&mut stream, certified).await else { return };
    log.lock().unwrap().push(asked.clone());
    let reply = handler(&asked);
    // The client may have seen enough and gone.
    let mut sent = stream.write_all(&reply.bytes).await.and(stream.flush().await);
    match reply.then {
        Then::Close => {
            let _ = stream.shutdown().await;
        }
        Then::Hang => {
            let _ = stream.read(&mut [0; 1]).await;
        }
        Then::Forever(bytes) => {
            while sent.is_ok() {
                sent = stream.write_all(&bytes).await;
            }
        }
    }
}

async fn read(stream: &mut (impl AsyncRead + Unpin), certified: bool) -> Option<Asked> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes.get(..end)?.to_vec()).ok()?;
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = bytes.split_off(end);
    while body.len() < length {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    Some(Asked { method, target, headers, body, certified })
}
