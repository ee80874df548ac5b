//! A tiny HTTP/1.1 server, encrypted or not, whose every answer is up to the test.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A request as received.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) first: String,
    /// By lower-case name.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// The bytes of an answer; the line is closed after them.
pub(crate) fn answer(code: u16, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let mut out = format!("HTTP/1.1 {code} X\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        out.push_str(&format!("{name}: {value}\r\n"));
    }
    out.push_str("\r\n");
    out.push_str(body);
    out.into_bytes()
}

/// A running server; it ends with the process.
pub(crate) struct Server {
    pub(crate) port: u16,
    scheme: &'static str,
    asked: Arc<Mutex<Vec<Asked>>>,
}

type Handler = dyn Fn(usize, &Asked) -> Vec<u8> + Send + Sync;

impl Server {
    /// `handler` is given how many requests came before, and the request.
    pub(crate) fn start(handler: impl Fn(usize, &Asked) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::run(None, handler)
    }

    pub(crate) fn start_tls(
        tls: Arc<rustls::ServerConfig>,
        handler: impl Fn(usize, &Asked) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        Self::run(Some(tls), handler)
    }

    fn run(
        tls: Option<Arc<rustls::ServerConfig>>,
        handler: impl Fn(usize, &Asked) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let scheme = if tls.is_some() { "https" } else { "http" };
        let log = Arc::clone(&asked);
        thread::spawn(move || {
            let handler: Box<Handler> = Box::new(handler);
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { break };
                match &tls {
                    None => serve(&mut stream, &log, &*handler),
                    Some(config) => {
                        let Ok(mut connection) = rustls::ServerConnection::new(Arc::clone(config)) else {
                            break;
                        };
                        serve(&mut rustls::Stream::new(&mut connection, &mut stream), &log, &*handler);
                        // A client that does not trust us has left by now.
                        connection.send_close_notify();
                        let _ = connection.write_tls(&mut stream);
                    }
                }
                finish(&stream);
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

fn finish(stream: &TcpStream) {
    let _ = stream.shutdown(std::net::Shutdown::Write);
}

fn serve(stream: &mut (impl Read + Write), log: &Mutex<Vec<Asked>>, handler: &Handler) {
    let Some(asked) = read(stream) else { return };
    let before = {
        let mut log = log.lock().unwrap();
        log.push(asked.clone());
        log.len() - 1
    };
    // The client may have seen enough and gone.
    let _ = stream.write_all(&handler(before, &asked));
    let _ = stream.flush();
}

fn read(stream: &mut impl Read) -> Option<Asked> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        match stream.read(&mut piece).ok()? {
            0 => return None,
            count => bytes.extend_from_slice(&piece[..count]),
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).ok()?;
    let mut lines = head.split("\r\n");
    let first = lines.next()?.to_owned();
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = bytes.split_off(end);
    while body.len() < length {
        match stream.read(&mut piece).ok()? {
            0 => return None,
            count => body.extend_from_slice(&piece[..count]),
        }
    }
    Some(Asked { first, headers, body: String::from_utf8(body).ok()? })
}
