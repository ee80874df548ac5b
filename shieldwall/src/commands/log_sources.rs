//! Where logs come from, and sending some.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::http::{Method, StatusCode};
use http_body_util::BodyExt;
use logs::{Format, Framing, HEAD, NotLogs};
use serde_json::{Map, Value, json};

use super::Outcome;
use super::admin::{done, list};
use super::import::gather;
use super::lifecycle::plain;
use crate::cli::logs::{LogSource, NewLogSource};
use crate::client::{Client, encode, problem};
use crate::exit::{Exit, Failure};
use crate::output;

/// The most bytes of lines that are sent at once.
const PIECE: usize = 8 << 20;
/// The most bytes of a file that cannot be cut at line ends.
const WHOLE: usize = 32 << 20;
/// The longest header of a table that is sent with each piece, in bytes.
const HEADER: usize = 64 << 10;
/// The longest name of what is sent, in bytes.
const NAME: usize = 200;
/// Between two looks at how a log source fares, or two attempts to send.
const PAUSE: Duration = Duration::from_millis(200);
/// How long a socket has to fail to open.
const OPENING: Duration = Duration::from_secs(1);
/// Attempts to send a piece while the node takes in others.
const ATTEMPTS: usize = 300;

fn path_of(name: &str) -> String {
    format!("/api/v1/log-sources/{}", encode(name))
}

pub async fn log_source(client: &Client, command: &LogSource, as_json: bool) -> Outcome {
    let switch = async |name: &str, enabled: bool, word: &str| {
        let body = json!({"enabled": enabled});
        let answer = client.call(Method::PATCH, &path_of(name), Some(&body)).await?;
        done(&answer, &format!("{name} is {word}"), as_json)
    };
    match command {
        LogSource::List { .. } => {
            let mut answer = client.get("/api/v1/log-sources").await?;
            client.say_running(&mut answer);
            let columns = [
                ("name", "/name"),
                ("kind", "/kind"),
                ("on", "/enabled"),
                ("records", "/state/records"),
                ("malformed", "/state/malformed"),
                ("matched", "/state/matched"),
                ("lost", "/state/lost"),
                ("refused", "/state/refused"),
                ("behind", "/lag/bytes"),
                ("last event", "/state/last_event"),
                ("last error", "/state/last_error/message"),
                ("last note", "/state/notes/0/message"),
            ];
            Ok(list(&answer, "log_sources", &columns, as_json))
        }
        LogSource::Add(new) => add(client, new, as_json).await,
        LogSource::Remove { name, .. } => {
            let answer = client.call(Method::DELETE, &path_of(name), None).await?;
            done(&answer, &format!("{name} is removed; its alerts and what was kept stay"), as_json)
        }
        LogSource::Pause { name, .. } => switch(name, false, "no longer read").await,
        LogSource::Resume { name, .. } => switch(name, true, "read again").await,
        LogSource::Push { name, files, .. } => push(client, name, files, as_json).await,
    }
}

/// `KEY=VALUE` pairs as a JSON object: values that are JSON are taken as such, all others as text.
fn config(settings: &[String]) -> Result<Map<String, Value>, Failure> {
    let pair = |setting: &String| -> Result<(String, Value), Failure> {
        let (key, text) = setting.split_once('=').ok_or_else(|| {
            Failure::new(format!("`{setting}` is not KEY=VALUE")).hint("such as --set keep=false")
        })?;
        let value = serde_json::from_str(text).unwrap_or_else(|_| json!(text));
        Ok((key.to_owned(), value))
    };
    settings.iter().map(pair).collect()
}

async fn add(client: &Client, new: &NewLogSource, as_json: bool) -> Outcome {
    let NewLogSource { name, kind, .. } = new;
    let mut config = config(&new.settings)?;
    if let Some(path) = &new.path {
        let absolute = std::path::absolute(path).map_err(|error| Failure::new(error.to_string()))?;
        let text = absolute
            .to_str()
            .ok_or_else(|| Failure::new(format!("`{}` is not a name in UTF-8", path.display())))?;
        config.insert("path".to_owned(), json!(text));
    }
    for (key, value) in [("listen", &new.listen), ("format", &new.format)] {
        if let Some(value) = value {
            config.insert(key.to_owned(), json!(value));
        }
    }
    let body = json!({"name": name, "kind": kind, "config": config});
    let mut answer = client.post("/api/v1/log-sources", &body).await?;
    let followed = answer.get("followed").and_then(Value::as_bool) == Some(true);
    let is_file = kind == "file";
    if followed {
        let wait = Duration::from_secs(new.wait);
        answer = settled(client, name, is_file, if is_file { wait } else { wait.min(OPENING) }).await?;
    }
    let failed = answer.pointer("/state/last_error/message").map(plain);
    if as_json {
        output::line(&answer);
    } else if let Some(message) = &failed {
        output::text(&format!("{name} is added and is not read yet: {message}"));
    } else {
        let count = |what: &str| answer.pointer(&format!("/state/{what}")).map(plain).unwrap_or_default();
        output::text(&match (kind.as_str(), followed) {
            ("push", _) => format!("{name} takes in what `shieldwall log-source push {name}` sends"),
            (_, false) => format!("{name} is added; it is read while `shieldwall serve` runs"),
            ("file", true) if count("records") == "0" => format!("{name} is added; nothing has come yet"),
            ("file", true) => format!(
                "{name} is read: {} records, {} malformed, {} matched",
                count("records"),
                count("malformed"),
                count("matched")
            ),
            (_, true) => format!("{name} is added and waits for records"),
        });
        say_notes(&answer);
        say_malformed(&answer);
    }
    Ok(if failed.is_some() { Exit::Findings } else { Exit::Well })
}

/// Looks at a log source until it has read what is there, has failed, or the time is over.
async fn settled(client: &Client, name: &str, is_file: bool, wait: Duration) -> Result<Value, Failure> {
    let begun = Instant::now();
    loop {
        let answer = client.get(&path_of(name)).await?;
        let number = |pointer: &str| answer.pointer(pointer).and_then(Value::as_u64);
        let read = is_file && number("/state/records") > Some(0) && number("/lag/bytes") == Some(0);
        let failed = answer.pointer("/state/last_error").is_some();
        if read || failed || begun.elapsed() >= wait {
            return Ok(answer);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Says what should be known, the oldest first.
fn say_notes(source: &Value) {
    let notes = source.pointer("/state/notes").and_then(Value::as_array);
    for note in notes.into_iter().flatten().rev() {
        let over = note.get("was_error").and_then(Value::as_bool) == Some(true);
        let word = if over { "note, an error that is over" } else { "note" };
        output::say(&format!("{word}: {}", note.get("message").map(plain).unwrap_or_default()));
    }
}

/// Says why records could not be read, by their samples.
fn say_malformed(source: &Value) {
    let samples = source.pointer("/state/detail/samples").and_then(Value::as_array);
    for sample in samples.into_iter().flatten() {
        let part = |name: &str| sample.get(name).map(plain).unwrap_or_default();
        output::say(&format!("malformed ({}): {}; {}", part("reason"), part("message"), part("remedy")));
    }
}

/// What all that was sent came to.
#[derive(Default)]
struct Sent {
    records: u64,
    malformed: u64,
    matched: u64,
    bytes: u64,
    failures: Vec<Value>,
}

async fn push(client: &Client, name: &str, files: &[PathBuf], as_json: bool) -> Outcome {
    let source = client.get(&path_of(name)).await?;
    let mut sent = Sent::default();
    for file in gather(files)? {
        // One unreadable file does not keep the others out.
        if let Err(failure) = one(client, name, &file, &source, &mut sent).await {
            output::error(&format!("{}: {failure}", file.display()), failure.remedy());
            sent.failures.push(json!({
                "file": file.display().to_string(),
                "error": failure.to_string(),
                "hint": failure.remedy(),
            }));
        }
    }
    if as_json {
        output::line(&json!({
            "records": sent.records,
            "malformed": sent.malformed,
            "matched": sent.matched,
            "bytes": sent.bytes,
            "failures": sent.failures,
        }));
    } else {
        let Sent { records, malformed, matched, .. } = sent;
        output::text(&format!("{records} records, {malformed} malformed, {matched} matched"));
        if malformed > 0 {
            say_malformed(&client.get(&path_of(name)).await?);
        }
        if matched > 0 {
            output::say("see `shieldwall alerts`");
        }
    }
    Ok(if sent.failures.is_empty() && sent.malformed == 0 { Exit::Well } else { Exit::Findings })
}

/// Sends one file, piece by piece.
async fn one(
    client: &Client,
    name: &str,
    file: &Path,
    source: &Value,
    sent: &mut Sent,
) -> Result<(), Failure> {
    let Some(mut pieces) = Pieces::open(file, source)? else { return Ok(()) };
    while let Some(piece) = pieces.next()? {
        sent.bytes += piece.len() as u64;
        let answer = send(client, name, &pieces.name, piece.into()).await?;
        let count = |what: &str| answer.get(what).and_then(Value::as_u64).unwrap_or_default();
        sent.records += count("records");
        sent.malformed += count("malformed");
        sent.matched += count("matched");
    }
    Ok(())
}

/// Sends one piece, and waits while the node takes in others.
async fn send(client: &Client, name: &str, file: &str, piece: Bytes) -> Result<Value, Failure> {
    let path = format!("{}/records?name={}", path_of(name), encode(file));
    for _ in 0..ATTEMPTS {
        let body = Body::from(piece.clone());
        let request = client.request(Method::POST, &path, Some("application/octet-stream"), body)?;
        let response = client.send(request).await?;
        let status = response.status();
        let answer = response.into_body().collect().await?.to_bytes();
        if status.is_success() {
            return Ok(serde_json::from_slice(&answer)?);
        }
        if status != StatusCode::TOO_MANY_REQUESTS {
            return Err(problem(status, &answer));
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(Failure::new("the node is busy with other records for this log source").hint("try again later"))
}

/// What each piece of a table needs in front.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Header {
    None,
    /// The file's first line.
    FirstLine,
    /// The last lines with `#` that name columns.
    Comments,
}

/// A file in pieces that can each be read alone.
struct Pieces {
    name: String,
    stream: Box<dyn Read + Send>,
    /// Read and not handed out yet.
    rest: Vec<u8>,
    /// Why there is no more: what came before is handed out first.
    broken: Option<std::io::Error>,
    /// What a piece may hold.
    most: usize,
    kind: Header,
    header: Vec<u8>,
    first: bool,
}

impl Pieces {
    /// Opens a file for a log source; `None` when there is nothing in it.
    fn open(file: &Path, source: &Value) -> Result<Option<Self>, Failure> {
        let failure = |error: &std::io::Error| Failure::new(format!("cannot be read: {error}"));
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let name = if name == "-" { "standard input".to_owned() } else { name };
        let name: String = name.chars().filter(|c| !c.is_control()).collect();
        let name = name.get(..name.floor_char_boundary(NAME)).unwrap_or_default().to_owned();
        let mut stream = unpacked(file).map_err(|error| failure(&error))?;
        let mut rest = Vec::new();
        let broken = stream.by_ref().take(HEAD as u64).read_to_end(&mut rest).err();
        if let (Some(error), true) = (&broken, rest.is_empty()) {
            return Err(failure(error));
        }
        let stated =
            source.pointer("/config/format").and_then(Value::as_str).and_then(|name| name.parse().ok());
        // Where the log source names the columns, the first line is a record.
        let columns = source.pointer("/config/columns").is_some();
        let header = |format: Format| match format {
            Format::ZeekTsv | Format::W3c => Header::Comments,
            Format::Csv if !columns => Header::FirstLine,
            _ => Header::None,
        };
        let (kind, most) = match logs::detect(&rest, plain_name(&name)) {
            Ok(detected) if detected.format == Format::Evtx => {
                return Err(Failure::new("Windows' event log files are not sent")
                    .hint("let the node read it: `shieldwall log-source add NAME --kind file --path FILE`"));
            }
            Ok(detected) => {
                let most = if detected.framing == Framing::Lines { PIECE } else { WHOLE };
                (header(detected.format), most)
            }
            Err(NotLogs::Empty) if rest.contains(&0) => {
                let whole = if rest.len() < HEAD { " and nothing else" } else { "" };
                return Err(Failure::new(format!("begins with {} bytes of zeros{whole}", rest.len()))
                    .hint("was it cut off by a crash or a full disk? Send a whole copy"));
            }
            Err(NotLogs::Empty) => return Ok(None),
            Err(what) => match stated {
                Some(format) if what == NotLogs::Unknown => (header(format), PIECE),
                _ => return Err(Failure::new(what.to_string())),
            },
        };
        Ok(Some(Self { name, stream, rest, broken, most, kind, header: Vec::new(), first: true }))
    }

    /// The next piece: whole lines, with the header of a table in front.
    fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        let room = self.most.saturating_sub(self.rest.len() + self.header.len());
        let mut ended = self.broken.is_some();
        if !ended {
            match self.stream.by_ref().take(room as u64).read_to_end(&mut self.rest) {
                Ok(read) => ended = read < room,
                // What came before the failure stands in the rest.
                Err(error) => (self.broken, ended) = (Some(error), true),
            }
        }
        if self.rest.is_empty() {
            return match self.broken.take() {
                Some(error) => Err(Failure::new(format!("broke off: {error}; what came before was sent"))
                    .hint("it was cut off or is damaged: send a whole copy if there is one")),
                None => Ok(None),
            };
        }
        if !ended && self.most == WHOLE {
            return Err(Failure::new(format!("one document of more than {} MiB is not sent", WHOLE >> 20))
                .hint("let the node read it: `shieldwall log-source add NAME --kind file --path FILE`"));
        }
        let line_end = self.rest.iter().rposition(|byte| *byte == b'\n').map(|at| at + 1);
        // A line that is longer than a piece is longer than a record may be: it is counted as such.
        let cut = if ended { self.rest.len() } else { line_end.unwrap_or(self.rest.len()) };
        let after = self.rest.split_off(cut);
        let lines = std::mem::replace(&mut self.rest, after);
        let mut piece = if self.first { Vec::new() } else { self.header.clone() };
        piece.extend_from_slice(&lines);
        self.keep_header(&piece);
        self.first = false;
        Ok(Some(piece))
    }

    /// Keeps what the next piece needs in front.
    fn keep_header(&mut self, piece: &[u8]) {
        let lines = piece.split_inclusive(|byte| *byte == b'\n');
        let header = match self.kind {
            Header::None => None,
            Header::FirstLine => lines.take(usize::from(self.first)).next().map(<[u8]>::to_vec),
            Header::Comments => last_columns(lines),
        };
        if let Some(header) = header.filter(|header| header.len() <= HEADER) {
            self.header = header;
        }
    }
}

/// The last lines with `#` that follow each other and name columns.
fn last_columns<'l>(lines: impl Iterator<Item = &'l [u8]>) -> Option<Vec<u8>> {
    let names = |block: &[u8]| block.to_ascii_lowercase().windows(7).any(|word| word == b"#fields");
    let (mut block, mut last) = (Vec::new(), None);
    for line in lines.chain(std::iter::once(b"".as_slice())) {
        if line.starts_with(b"#") {
            block.extend_from_slice(line);
        } else if !block.is_empty() {
            let block = std::mem::take(&mut block);
            last = Some(block).filter(|block| names(block)).or(last);
        }
    }
    last
}

/// A file's name without the ending of a packing program.
fn plain_name(name: &str) -> &str {
    [".gz", ".zst"].iter().fold(name, |name, ending| name.strip_suffix(ending).unwrap_or(name))
}

/// A file's bytes, or those of standard input for `-`, unpacked.
fn unpacked(file: &Path) -> std::io::Result<Box<dyn Read + Send>> {
    let raw: Box<dyn Read + Send> = if file.as_os_str() == "-" {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(file)?)
    };
    let mut raw = BufReader::with_capacity(256 << 10, raw);
    let magic = raw.fill_buf()?;
    Ok(match magic {
        [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(raw)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(zstd::stream::read::Decoder::with_buffer(raw)?),
        _ => Box::new(raw),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &[u8], most: usize, kind: Header) -> Vec<String> {
        let mut pieces = Pieces {
            name: String::new(),
            stream: Box::new(std::io::Cursor::new(text.to_vec())),
            rest: Vec::new(),
            broken: None,
            most,
            kind,
            header: Vec::new(),
            first: true,
        };
        let mut all = Vec::new();
        while let Some(piece) = pieces.next().unwrap() {
            all.push(String::from_utf8(piece).unwrap());
        }
        all
    }

    #[test]
    fn files_are_cut_at_line_ends() {
        assert_eq!(pieces(b"one\ntwo\nthree", 9, Header::None), ["one\ntwo\n", "three"]);
        assert_eq!(pieces(b"one\n", 4, Header::None), ["one\n"]);
        assert_eq!(
            pieces(b"a line that is too long\nx\n", 10, Header::None).concat(),
            "a line that is too long\nx\n"
        );
        assert!(pieces(b"", 9, Header::None).is_empty());
    }

    /// Some text, and then a failure.
    struct Broken(std::io::Cursor<Vec<u8>>);

    impl Read for Broken {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
                length => Ok(length),
            }
        }
    }

    #[test]
    fn what_came_before_a_failure_is_sent_and_the_failure_told() {
        for most in [6, 9, 100] {
            let mut pieces = Pieces {
                name: String::new(),
                stream: Box::new(Broken(std::io::Cursor::new(b"one\ntwo\nthr".to_vec()))),
                rest: Vec::new(),
                broken: None,
                most,
                kind: Header::None,
                header: Vec::new(),
                first: true,
            };
            let mut all = Vec::new();
            let failure = loop {
                match pieces.next() {
                    Ok(Some(piece)) => all.extend(piece),
                    Ok(None) => panic!("the failure went untold"),
                    Err(failure) => break failure,
                }
            };
            assert_eq!(all, b"one\ntwo\nthr", "{most}");
            assert!(failure.to_string().contains("broke off"), "{failure}");
        }
    }

    #[test]
    fn each_piece_of_a_table_can_be_read_alone() {
        let csv = b"a,b,c\n1,2,3\n4,5,6\n7,8,9\n";
        let cut = pieces(csv, 18, Header::FirstLine);
        assert_eq!(cut, ["a,b,c\n1,2,3\n4,5,6\n", "a,b,c\n7,8,9\n"]);
        let zeek = b"#path\tx\n#fields\ta\n1\n2\n#close\n#fields\tb\n3\n4\n5\n6\n";
        let cut = pieces(zeek, 44, Header::Comments);
        assert_eq!(cut.first().unwrap(), "#path\tx\n#fields\ta\n1\n2\n#close\n#fields\tb\n3\n4\n");
        assert_eq!(cut.get(1).unwrap(), "#close\n#fields\tb\n5\n6\n");
    }
}
