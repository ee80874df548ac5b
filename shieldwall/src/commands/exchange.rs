//! Writing out what the node holds.

use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::path::Path;

use axum::body::Body;
use axum::http::Method;
use http_body_util::BodyExt;
use serde_json::json;

use super::Outcome;
use crate::cli::ExportFormat;
use crate::client::{Client, encode, problem};
use crate::exit::{Exit, Failure};
use crate::output;

/// What to export.
pub struct Selection<'a> {
    pub format: ExportFormat,
    pub types: &'a [String],
    pub source: Option<&'a str>,
    pub label: Option<&'a str>,
    pub at_least: Option<&'a str>,
    pub all_versions: bool,
    pub faithful: bool,
    pub recipient: Option<&'a str>,
    pub purpose: Option<&'a str>,
}

pub async fn export(client: &Client, what: &Selection<'_>, file: Option<&Path>, as_json: bool) -> Outcome {
    let mut path = format!("/api/v1/export?format={}", what.format.as_str());
    if !what.types.is_empty() {
        path.push_str(&format!("&type={}", encode(&what.types.join(","))));
    }
    for (name, value) in [
        ("source", what.source),
        ("label", what.label),
        ("at_least", what.at_least),
        ("recipient", what.recipient),
        ("purpose", what.purpose),
    ] {
        if let Some(value) = value {
            path.push_str(&format!("&{name}={}", encode(value)));
        }
    }
    for (name, set) in [("faithful", what.faithful), ("all_versions", what.all_versions)] {
        if set {
            path.push_str(&format!("&{name}=true"));
        }
    }
    // Before anything is asked for: what is given to somebody is booked when it is asked for, and must then arrive.
    let mut sink: Box<dyn Write> = match file {
        Some(file) => {
            let open = OpenOptions::new().write(true).create_new(true).open(file);
            let open =
                open.map_err(|error| Failure::new(format!("`{}` cannot be made: {error}", file.display())))?;
            Box::new(BufWriter::new(open))
        }
        None => Box::new(std::io::stdout().lock()),
    };
    let response = match client.send(client.request(Method::GET, &path, None, Body::empty())?).await {
        Ok(response) => response,
        Err(failure) => {
            discard(file);
            return Err(failure);
        }
    };
    let status = response.status();
    if !status.is_success() {
        discard(file);
        let bytes = response.into_body().collect().await?.to_bytes();
        return Err(problem(status, &bytes));
    }
    let withheld = response.headers().get("x-shieldwall-withheld").and_then(|value| value.to_str().ok());
    if let Some(withheld) = withheld.filter(|withheld| *withheld != "0") {
        output::say(&format!(
            "{withheld} objects stay here: an export to somebody outside carries up to TLP:GREEN"
        ));
    }
    let failure = |error: std::io::Error| Failure::new(format!("the export cannot be written: {error}"));
    let mut body = response.into_body();
    let mut bytes = 0u64;
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            bytes += data.len() as u64;
            sink.write_all(&data).map_err(failure)?;
        }
    }
    sink.flush().map_err(failure)?;
    if let Some(file) = file {
        if as_json {
            output::line(&json!({"file": file, "bytes": bytes}));
        } else {
            output::say(&format!("{bytes} bytes in {}", file.display()));
        }
    }
    Ok(Exit::Well)
}

/// Removes the file that was made for an export that came to nothing.
fn discard(file: Option<&Path>) {
    if let Some(file) = file {
        // It is empty, and was made a moment ago: if it cannot be removed, the next run says that it is in the way.
        let _ = std::fs::remove_file(file);
    }
}
