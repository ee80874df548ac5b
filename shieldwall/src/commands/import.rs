//! `shieldwall import`: files and folders into the node, with a bar and a summary.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::Method;
use http_body_util::BodyExt;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use tokio_util::io::ReaderStream;

use super::Outcome;
use crate::client::{Client, encode, problem};
use crate::exit::{Exit, Failure};
use crate::output;

/// The fates that are counted, in the order they are shown.
const FATES: [&str; 5] = ["accepted", "unchanged", "superseded", "held", "refused"];

/// Between two lines that say how far an import is, where no bar is drawn.
const EVERY: Duration = Duration::from_secs(10);

/// What all files together came to.
#[derive(Default)]
struct Total {
    fates: [u64; 5],
    findings: [u64; 3],
    rules: BTreeMap<String, (u64, String)>,
    warning_lists: u64,
    refused_files: Vec<String>,
    failures: Vec<Value>,
}

/// Imports a file or folder of this organisation's own without a word, and returns the summary.
pub async fn import_quietly(client: &Client, path: &Path) -> Result<Value, Failure> {
    let files = gather(&[path.to_owned()])?;
    let started = Instant::now();
    let mut total = Total::default();
    for file in &files {
        total.add(&one(client, file, "own", &ProgressBar::hidden(), &total.fates).await?);
    }
    Ok(total.json(files.len(), started.elapsed().as_secs_f64()))
}

pub async fn import(
    client: &Client,
    paths: &[PathBuf],
    source: &str,
    default_label: &str,
    as_json: bool,
) -> Outcome {
    let files = gather(paths)?;
    ensure_source(client, source, default_label).await?;
    // Nobody knows how much comes through a pipe.
    let length =
        |file: &PathBuf| file.metadata().ok().filter(std::fs::Metadata::is_file).map(|meta| meta.len());
    let bytes: Option<u64> = files.iter().map(length).sum();
    let bar = bar(bytes);
    let started = Instant::now();
    let mut total = Total::default();
    for file in &files {
        bar.set_message(file.file_name().map(|name| name.display().to_string()).unwrap_or_default());
        match telling(&bar, bytes, one(client, file, source, &bar, &total.fates)).await {
            Ok(summary) => total.add(&summary),
            // One unreadable file does not keep the others out.
            Err(failure) => {
                bar.suspend(|| output::error(&format!("{}: {failure}", file.display()), failure.remedy()));
                total.failures.push(json!({
                    "file": file.display().to_string(),
                    "error": failure.to_string(),
                    "hint": failure.remedy(),
                }));
            }
        }
    }
    bar.finish_and_clear();
    let seconds = started.elapsed().as_secs_f64();
    total.show(files.len(), seconds, as_json);
    let [.., refused] = total.fates;
    Ok(if refused > 0 || !total.failures.is_empty() { Exit::Findings } else { Exit::Well })
}

/// Files and pipes as given; folders are walked in order of name, hidden entries and links left out.
pub(super) fn gather(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            files.push(path.clone());
            continue;
        }
        let kind = path.metadata().map_err(|error| match error.kind() {
            ErrorKind::NotFound => Failure::new(format!("`{}` does not exist", path.display())),
            _ => Failure::new(format!("`{}` cannot be read: {error}", path.display())),
        })?;
        if kind.is_dir() {
            walk(path, &mut files, 0)?;
        } else {
            files.push(path.clone());
        }
    }
    if files.is_empty() {
        return Err(Failure::new("there is no file in what was named"));
    }
    Ok(files)
}

/// Folders deeper than this are not walked.
const DEEPEST: u32 = 16;

fn walk(folder: &Path, files: &mut Vec<PathBuf>, depth: u32) -> Result<(), Failure> {
    if depth > DEEPEST {
        return Err(Failure::new(format!("`{}` is nested too deeply", folder.display())));
    }
    let failure = |error| Failure::new(format!("`{}` cannot be read: {error}", folder.display()));
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failure)? {
        let entry = entry.map_err(failure)?;
        entries.push((entry.path(), entry.file_type().map_err(failure)?));
    }
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    for (entry, kind) in entries {
        let hidden = entry.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        // Links lead out of the folder, or in circles; pipes and devices have no end.
        match (hidden, kind.is_dir(), kind.is_file()) {
            (false, true, _) => walk(&entry, files, depth + 1)?,
            (false, _, true) => files.push(entry),
            _ => {}
        }
    }
    Ok(())
}

/// Makes the source if it is new.
async fn ensure_source(client: &Client, name: &str, default_label: &str) -> Result<(), Failure> {
    if name == "own" {
        return Ok(());
    }
    let known = client.get("/api/v1/sources").await?;
    let mut names = known.get("sources").and_then(Value::as_array).into_iter().flatten();
    if names.any(|source| source.get("name").and_then(Value::as_str) == Some(name)) {
        return Ok(());
    }
    let body = json!({"name": name, "kind": "file", "default_label": default_label});
    client.post("/api/v1/sources", &body).await.map(|_| ())
}

/// A bar for whoever watches, which counts for everybody.
fn bar(bytes: Option<u64>) -> ProgressBar {
    if !output::watched() {
        return ProgressBar::hidden();
    }
    let (bar, style) = match bytes {
        Some(bytes) => {
            (ProgressBar::new(bytes), "{bar:30.cyan} {bytes}/{total_bytes} {bytes_per_sec} {msg} {prefix}")
        }
        None => (ProgressBar::new_spinner(), "{spinner} {bytes} {bytes_per_sec} {msg} {prefix}"),
    };
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    // It goes on moving while the node works on what it was given.
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Waits for something, and says now and then how far it is where no bar is drawn.
async fn telling<T>(bar: &ProgressBar, bytes: Option<u64>, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    loop {
        if let Ok(done) = tokio::time::timeout(EVERY, work.as_mut()).await {
            return done;
        }
        if !output::watched() {
            output::say(&so_far(bar, bytes));
        }
    }
}

/// How far an import is, in a line.
fn so_far(bar: &ProgressBar, bytes: Option<u64>) -> String {
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    let of = bytes.map_or_else(String::new, |bytes| format!(" of {:.1}", megabytes(bytes)));
    let objects = match bar.prefix() {
        none if none.is_empty() => String::new(),
        objects => format!(", {objects}"),
    };
    format!("{}: {:.1}{of} MB sent{objects}", bar.message(), megabytes(bar.position()))
}

/// Streams one file to the node and follows its account of it. Returns the last line: the summary.
async fn one(
    client: &Client,
    file: &Path,
    source: &str,
    bar: &ProgressBar,
    before: &[u64; 5],
) -> Result<Value, Failure> {
    let name =
        file.file_name().map_or_else(|| "standard input".to_owned(), |name| name.display().to_string());
    let failure = |error| Failure::new(format!("cannot be read: {error}"));
    let counting = bar.clone();
    let count = move |bytes: &[u8]| counting.inc(bytes.len() as u64);
    let body = if file.as_os_str() == "-" {
        let counted = tokio_util::io::InspectReader::new(tokio::io::stdin(), count);
        Body::from_stream(ReaderStream::with_capacity(counted, 1 << 16))
    } else {
        let open = tokio::fs::File::open(file).await.map_err(failure)?;
        let counted = tokio_util::io::InspectReader::new(open, count);
        Body::from_stream(ReaderStream::with_capacity(counted, 1 << 16))
    };
    let path = format!("/api/v1/import?name={}&source={}", encode(&name), encode(source));
    let request = client.request(Method::POST, &path, Some("application/octet-stream"), body)?;
    let response = client.send(request).await?;
    let status = response.status();
    let mut body = response.into_body();
    let (mut pending, mut last) = (Vec::new(), None);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        pending.extend_from_slice(&data);
        if !status.is_success() {
            continue;
        }
        while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = pending.drain(..=end).collect();
            let value: Value = serde_json::from_slice(&line)?;
            if let Some(progress) = value.get("progress") {
                let objects: u64 = fates(progress).iter().zip(before).map(|(now, before)| now + before).sum();
                bar.set_prefix(format!("{objects} objects"));
            }
            last = Some(value);
        }
    }
    if !status.is_success() {
        return Err(problem(status, &pending));
    }
    let last = last.ok_or_else(|| Failure::new("the node gave no summary"))?;
    match (last.get("summary"), last.get("error")) {
        (Some(summary), _) => Ok(summary.clone()),
        (None, Some(error)) => {
            Err(problem(axum::http::StatusCode::BAD_REQUEST, error.to_string().as_bytes()))
        }
        (None, None) => Err(Failure::new("the node stopped before the end; import the file again")),
    }
}

fn fates(summary: &Value) -> [u64; 5] {
    FATES.map(|name| summary.get(name).and_then(Value::as_u64).unwrap_or_default())
}

impl Total {
    fn add(&mut self, summary: &Value) {
        for (sum, value) in self.fates.iter_mut().zip(fates(summary)) {
            *sum += value;
        }
        for (sum, name) in self.findings.iter_mut().zip(["notes", "warnings", "errors"]) {
            *sum += summary.pointer(&format!("/findings/{name}")).and_then(Value::as_u64).unwrap_or_default();
        }
        for rule in summary.get("rules").and_then(Value::as_array).into_iter().flatten() {
            let word = |name: &str| rule.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            let entry = self.rules.entry(word("rule")).or_insert_with(|| (0, word("example")));
            entry.0 += rule.get("count").and_then(Value::as_u64).unwrap_or_default();
        }
        self.warning_lists += summary.get("warning_lists").and_then(Value::as_u64).unwrap_or_default();
        self.refused_files.extend(summary.get("refused_file").and_then(Value::as_str).map(ToOwned::to_owned));
    }

    fn json(&self, files: usize, seconds: f64) -> Value {
        let [accepted, unchanged, superseded, held, refused] = self.fates;
        let [notes, warnings, errors] = self.findings;
        let rules: Vec<_> = self
            .rules
            .iter()
            .map(|(rule, (count, example))| json!({"rule": rule, "count": count, "example": example}))
            .collect();
        json!({
            "accepted": accepted,
            "unchanged": unchanged,
            "superseded": superseded,
            "held": held,
            "refused": refused,
            "seconds": seconds,
            "files": files,
            "warning_lists": self.warning_lists,
            "findings": {"notes": notes, "warnings": warnings, "errors": errors},
            "rules": rules,
            "refused_files": self.refused_files,
            "failures": self.failures,
        })
    }

    fn show(&self, files: usize, seconds: f64, as_json: bool) {
        if as_json {
            return output::line(&self.json(files, seconds));
        }
        let [.., held, _] = self.fates;
        let objects: u64 = self.fates.iter().sum();
        let rate = objects as f64 / seconds.max(0.001);
        let counts: Vec<_> =
            FATES.iter().zip(self.fates).map(|(name, count)| format!("{name} {count}")).collect();
        output::text(&counts.join(", "));
        output::say(&format!("{objects} objects from {files} files in {seconds:.1} s ({rate:.0}/s)"));
        if self.warning_lists > 0 {
            output::say(&format!("{} warning lists taken", self.warning_lists));
        }
        for (rule, (count, example)) in &self.rules {
            output::say(&format!("  {count:>7} × {rule}: {example}"));
        }
        if held > 0 {
            output::say("held values wait for a decision: `shieldwall held list`");
        }
        for file in &self.refused_files {
            output::say(&format!("refused records are in {file}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_an_import_is() {
        let bar = ProgressBar::hidden();
        bar.set_message("feed.json");
        bar.inc(1_500_000);
        assert_eq!(so_far(&bar, Some(3_000_000)), "feed.json: 1.5 of 3.0 MB sent");
        bar.set_prefix("7 objects");
        assert_eq!(so_far(&bar, None), "feed.json: 1.5 MB sent, 7 objects");
    }
}
