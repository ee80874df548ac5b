//! Runs the binary: a command to its end, or a node for as long as a test needs it.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::TempDir;

/// Nothing here takes long. This bounds how long a broken test hangs, and judges no speed.
const PATIENCE: Duration = Duration::from_secs(120);

/// TLP 2.0 marking definitions.
pub(crate) const CLEAR: &str = "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487";
pub(crate) const GREEN: &str = "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb";

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
    what: String,
}

impl Ended {
    /// Insists on an exit code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            code,
            "`{}`\nstdout: {}\nstderr: {}",
            self.what,
            self.text().chars().take(4000).collect::<String>(),
            self.stderr
        );
        self
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard output as JSON documents, one a line.
    #[track_caller]
    pub(crate) fn lines(&self) -> Vec<Value> {
        let parse = |line: &str| {
            serde_json::from_str(line).unwrap_or_else(|e| panic!("`{}`: {e} in line `{line}`", self.what))
        };
        self.text().lines().map(parse).collect()
    }

    /// The last line of standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        self.lines()
            .pop()
            .unwrap_or_else(|| panic!("`{}` printed nothing; stderr: {}", self.what, self.stderr))
    }
}

/// Runs the program.
pub(crate) fn run<S: AsRef<OsStr>>(args: &[S]) -> Ended {
    run_with(args, b"")
}

/// Runs the program with something on standard input.
pub(crate) fn run_with<S: AsRef<OsStr>>(args: &[S], input: &[u8]) -> Ended {
    let mut child = program()
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary must start");
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    // A command that does not read its input closes it, which is no error.
    let feeder = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    let what: Vec<_> = args.iter().map(|arg| arg.as_ref().to_string_lossy()).collect();
    Ended {
        code: output.status.code().unwrap_or(-1),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        what: format!("shieldwall {}", what.join(" ")),
    }
}

/// The program, unaware of what the surroundings are set to.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shieldwall"));
    command.env_remove("SHIELDWALL_DIR").env_remove("RUST_LOG").env("USER", "tester").env("NO_COLOR", "1");
    command
}

/// Arguments with options added at the end, but before what `--` shields.
pub(crate) fn with_options<S: AsRef<OsStr> + Copy>(args: &[S], options: &[S]) -> Vec<S> {
    let shielded = args.iter().position(|arg| arg.as_ref() == "--").unwrap_or(args.len());
    [&args[..shielded], options, &args[shielded..]].concat()
}

/// A node in a folder of its own.
pub(crate) struct Node {
    home: TempDir,
    pub(crate) dir: PathBuf,
}

impl Node {
    /// Makes one with `init`.
    pub(crate) fn new(name: &str) -> Self {
        let home = testkit::temp_dir();
        let dir = home.path().join("node");
        let node = Self { home, dir };
        node.run(&["init", "--name", name]).exits(0);
        node
    }

    /// Makes one of a country.
    pub(crate) fn of(name: &str, country: &str) -> Self {
        let home = testkit::temp_dir();
        let dir = home.path().join("node");
        let node = Self { home, dir };
        node.run(&["init", "--name", name, "--country", country]).exits(0);
        node
    }

    /// Runs a command on it.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> Ended {
        self.run_with(args, b"")
    }

    pub(crate) fn run_with<S: AsRef<OsStr>>(&self, args: &[S], input: &[u8]) -> Ended {
        let all: Vec<&OsStr> = args.iter().map(AsRef::as_ref).collect();
        run_with(&with_options(&all, &[OsStr::new("--dir"), self.dir.as_os_str()]), input)
    }

    /// Runs a command that must succeed, and gives the last line of its JSON.
    #[track_caller]
    pub(crate) fn json<S: AsRef<OsStr>>(&self, args: &[S]) -> Value {
        let all: Vec<&OsStr> = args.iter().map(AsRef::as_ref).collect();
        self.run(&with_options(&all, &[OsStr::new("--json")])).exits(0).json()
    }

    /// A file beside the node's directory.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.home.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// A path beside the node's directory.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Starts it without TLS on a free port of the loopback interface.
    pub(crate) fn serve(&self) -> Serving {
        self.serve_with(&["--plaintext", "--allow-fetch", "127.0.0.0/8"])
    }

    pub(crate) fn serve_with(&self, args: &[&str]) -> Serving {
        let mut command = program();
        command.args(["serve", "--listen", "127.0.0.1:0"]).args(args).arg("--dir").arg(&self.dir);
        // On a free port too, unless it is to be found where it was.
        if !args.contains(&"--peer-listen") {
            command.args(["--peer-listen", "127.0.0.1:0"]);
        }
        Serving::start(command)
    }

    /// Adds an account with a token, and gives the token's secret.
    pub(crate) fn token(&self, user: &str, role: &str, collections: &[&str]) -> String {
        self.run(&["user", "add", user, "--role", role]).exits(0);
        let mut args = vec!["token", "add", "--user", user, "for a test"];
        args.extend(collections.iter().flat_map(|name| ["--collection", name]));
        self.json(&args)["secret"].as_str().expect("a token has a secret").to_owned()
    }

    /// Whether everything in the store fits together.
    #[track_caller]
    pub(crate) fn sound(&self) {
        let report = self.json(&["store", "verify"]);
        assert_eq!(report["ok"], true, "{report}");
    }
}

/// A node that runs; killed when dropped.
pub(crate) struct Serving {
    child: Child,
    pub(crate) address: SocketAddr,
    log: Arc<Mutex<Vec<String>>>,
}

impl Serving {
    /// Starts a prepared `serve` and waits until it says where it listens.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary must start");
        let log = Arc::new(Mutex::new(Vec::new()));
        let (found, address) = channel();
        let streams: [Box<dyn Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for stream in streams {
            let (log, found) = (Arc::clone(&log), found.clone());
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    // Where other nodes reach it is another port.
                    if let Some(address) = address_in(&line).filter(|_| !line.contains("other nodes")) {
                        // Nobody listens any more after the first.
                        let _ = found.send(address);
                    }
                    log.lock().unwrap().push(line);
                }
            });
        }
        drop(found);
        match address.recv_timeout(PATIENCE) {
            Ok(address) => Self { child, address, log },
            Err(error) => {
                let _ = child.kill();
                panic!("the node did not say where it listens ({error}):\n{}", log.lock().unwrap().join("\n"))
            }
        }
    }

    /// Everything it has printed so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Where other nodes reach it.
    pub(crate) fn peer_url(&self) -> String {
        let found = || {
            let log = self.log();
            let line = log.lines().find_map(|line| line.split_once("other nodes reach it at "))?.1.to_owned();
            address_in(&line).map(|address| format!("https://{address}"))
        };
        eventually(found, Option::is_some).unwrap()
    }

    pub(crate) fn get(&self, path: &str, token: &str) -> Response {
        self.send("GET", path, token, "application/json", b"")
    }

    pub(crate) fn post(&self, path: &str, token: &str, content_type: &str, body: &[u8]) -> Response {
        self.send("POST", path, token, content_type, body)
    }

    /// One request; the type is that of the body, and what is accepted back.
    pub(crate) fn send(&self, method: &str, path: &str, token: &str, kind: &str, body: &[u8]) -> Response {
        let headers = format!("Accept: {kind}\r\nContent-Type: {kind}\r\n");
        Response::read(self.open(method, path, token, &headers, body))
    }

    /// Sends a request and leaves the answer to be read. HTTP/1.0, so that its end is the connection's.
    fn open(&self, method: &str, path: &str, token: &str, headers: &str, body: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).expect("the node must listen");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let authorization =
            if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") };
        let head = format!(
            "{method} {path} HTTP/1.0\r\nHost: {}\r\n{authorization}{headers}Content-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        // A server may refuse a body before it has all of it.
        let _ = stream.write_all(body);
        stream
    }

    /// The live journal from a place on.
    pub(crate) fn live(&self, after: u64, token: &str) -> Live {
        let path = format!("/api/v1/live?after={after}");
        let stream = self.open("GET", &path, token, "Accept: text/event-stream\r\n", b"");
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        reader.read_line(&mut head).unwrap();
        assert!(head.contains(" 200 "), "{head}");
        Live { reader }
    }

    /// The most memory it has used so far, in bytes. Only Linux says so.
    pub(crate) fn peak_memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
        let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kib * 1024)
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop as a supervisor would, and waits for it.
    pub(crate) fn stop(mut self) -> i32 {
        let stopped = Command::new("kill").arg(self.child.id().to_string()).status();
        assert!(stopped.is_ok_and(|status| status.success()), "the signal must be sent");
        self.child.wait().unwrap().code().unwrap_or(-1)
    }

    /// Pulls the plug.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log.lock().map(|log| log.join("\n")).unwrap_or_default();
            eprintln!("log of the node at {}:\n{log}", self.address);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The first loopback address with a port in a line of text.
fn address_in(line: &str) -> Option<SocketAddr> {
    let (at, _) = line.match_indices("127.0.0.1:").next()?;
    let end = line[at + 10..].find(|c: char| !c.is_ascii_digit()).map_or(line.len(), |end| at + 10 + end);
    line[at..end].parse().ok().filter(|address: &SocketAddr| address.port() != 0)
}

/// An answer of the server.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Response {
    fn read(stream: TcpStream) -> Self {
        let mut bytes = Vec::new();
        let mut reader = BufReader::new(stream);
        // A server that refuses a body may reset the connection after its answer.
        let _ = reader.read_to_end(&mut bytes);
        let split = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let split = split.unwrap_or_else(|| panic!("no HTTP: {:?}", String::from_utf8_lossy(&bytes)));
        let head = String::from_utf8_lossy(&bytes[..split]).into_owned();
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        Self { status: status.expect("a status line"), head, body: bytes.split_off(split + 4) }
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let text = || String::from_utf8_lossy(&self.body).into_owned();
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}\n{}", self.head, text()))
    }

    /// Insists on an RFC 9457 problem that says something.
    #[track_caller]
    pub(crate) fn is_problem(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}\n{}", self.head, String::from_utf8_lossy(&self.body));
        let kind = self.head.to_ascii_lowercase();
        let kind = kind.lines().find_map(|line| line.strip_prefix("content-type: "));
        let kind = kind.unwrap_or_default();
        assert!(
            kind.starts_with("application/problem+json") || kind.starts_with("application/taxii+json"),
            "{kind}"
        );
        let problem = self.json();
        let says = problem["detail"].as_str().or(problem["description"].as_str()).unwrap_or_default();
        assert!(says.len() > 5, "{problem}");
        problem
    }
}

/// The live journal of a node.
pub(crate) struct Live {
    reader: BufReader<TcpStream>,
}

impl Live {
    /// Waits for a change of an object: its journal entry.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, id: &str) -> Value {
        self.wait(&format!("a change of {id}"), |entry| entry["object"]["id"] == id)
    }

    /// Waits for a journal entry.
    #[track_caller]
    pub(crate) fn wait(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut line = String::new();
        loop {
            line.clear();
            let got = self
                .reader
                .read_line(&mut line)
                .unwrap_or_else(|error| panic!("waiting for {what}: {error}"));
            assert!(got > 0, "the live journal ended before {what}");
            let Some(data) = line.strip_prefix("data:") else { continue };
            let entry: Value = serde_json::from_str(data.trim()).unwrap();
            if wanted(&entry) {
                return entry;
            }
        }
    }
}

/// Asks again and again until the answer is as wished.
#[track_caller]
pub(crate) fn eventually<T: std::fmt::Debug>(mut ask: impl FnMut() -> T, wished: impl Fn(&T) -> bool) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        let answer = ask();
        if wished(&answer) {
            return answer;
        }
        assert!(Instant::now() < until, "still {answer:?}");
        // Each question is a round trip already; this only keeps the machine from doing nothing else.
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Text packed with gzip; `None` after a skip.
pub(crate) fn gzip(content: &[u8]) -> Option<Vec<u8>> {
    let child = Command::new("gzip").arg("-9c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut child) = child else {
        testkit::skip("`gzip` does not run; install it");
        return None;
    };
    let mut stdin = child.stdin.take().unwrap();
    let content = content.to_owned();
    let feeder = std::thread::spawn(move || stdin.write_all(&content));
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap().unwrap();
    Some(output.stdout)
}

/// Text of a path, for arguments.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("the temporary folder has a name in UTF-8")
}
