//! `shieldwall taxii`: a client for any TAXII 2.1 server.

use std::time::Duration;

use json::{Limits, Tape};
use serde_json::{Map, Value, json};
use sources::Env;
use sources::fetch;
use sources::taxii_client::Client;

use super::serve::policy;
use super::{Outcome, read_file};
use crate::cli::{Server, Taxii};
use crate::exit::{Exit, Failure};
use crate::output;

/// A push is given up when the server has not dealt with it after this long.
const PATIENCE: Duration = Duration::from_secs(60);

pub async fn run(command: Taxii, as_json: bool) -> Outcome {
    match command {
        Taxii::Discover { server } | Taxii::Collections { server } => discover(&server, as_json).await,
        Taxii::Pull { server, added_after } => pull(&server, added_after.as_deref(), as_json).await,
        Taxii::Push { server, bundle } => {
            let bytes = read_file(&bundle)?;
            push(&server, &bytes, as_json).await
        }
    }
}

fn env(server: &Server) -> Result<Env, Failure> {
    Ok(Env {
        policy: policy(&server.allow_fetch)?,
        limits: fetch::Limits::default(),
        user_agent: concat!("shieldwall/", env!("CARGO_PKG_VERSION")).to_owned(),
    })
}

/// The configuration of kind `taxii` that says the same as the command line.
fn config(server: &Server, added_after: Option<&str>) -> String {
    let mut config = Map::from_iter([("url".to_owned(), json!(server.url))]);
    let files = [
        ("password_file", &server.password_file),
        ("token_file", &server.token_file),
        ("cert_file", &server.cert),
        ("key_file", &server.key),
        ("ca_file", &server.ca),
    ];
    for (name, file) in files {
        if let Some(file) = file {
            config.insert(name.to_owned(), json!(std::path::absolute(file).unwrap_or_else(|_| file.clone())));
        }
    }
    let words = [
        ("username", server.username.as_deref()),
        ("collection", server.collection.as_deref()),
        ("added_after", added_after),
    ];
    for (name, word) in words {
        if let Some(word) = word {
            config.insert(name.to_owned(), json!(word));
        }
    }
    Value::Object(config).to_string()
}

fn client(server: &Server) -> Result<Client, Failure> {
    Client::from_config(&config(server, None), &env(server)?).map_err(|error| Failure::new(error.to_string()))
}

async fn discover(server: &Server, as_json: bool) -> Outcome {
    let roots = client(server)?.discover().await.map_err(|error| Failure::new(error.to_string()))?;
    if as_json {
        let roots: Vec<_> = roots
            .iter()
            .map(|root| {
                json!({
                    "url": root.url.as_str(),
                    "title": root.info.as_ref().map(|info| &info.title),
                    "problem": root.problem,
                    "collections": root.collections,
                })
            })
            .collect();
        output::line(&json!({"api_roots": roots}));
        return Ok(Exit::Well);
    }
    let mut rows = Vec::new();
    for root in &roots {
        if let Some(problem) = &root.problem {
            output::say(&format!("{}: {problem}", root.url));
        }
        for collection in &root.collections {
            let rights = match (collection.can_read, collection.can_write) {
                (true, true) => "read, write",
                (true, false) => "read",
                (false, true) => "write",
                (false, false) => "none",
            };
            rows.push(vec![
                root.url.to_string(),
                collection.id.clone(),
                collection.title.clone(),
                rights.to_owned(),
            ]);
        }
    }
    output::table(&["api root", "collection", "title", "rights"], &rows);
    Ok(Exit::Well)
}

async fn pull(server: &Server, added_after: Option<&str>, as_json: bool) -> Outcome {
    let descriptor = sources::descriptors().iter().find(|descriptor| descriptor.kind == "taxii");
    let descriptor = descriptor.ok_or_else(|| Failure::new("this program has no TAXII client"))?;
    let made = (descriptor.construct)(&config(server, added_after), &env(server)?);
    let mut source = made.map_err(|error| Failure::new(error.to_string()))?;
    let mut cursor: Option<String> = None;
    let (mut objects, mut tape) = (0u64, Tape::new());
    loop {
        let batch = source.puller.next(cursor.as_deref()).await;
        let batch = batch.map_err(|error| Failure::new(error.to_string()))?;
        for piece in &batch.pieces {
            let envelope = tape
                .parse(&piece.bytes, &Limits::DOCUMENT)
                .map_err(|error| Failure::new(format!("the server's answer is not JSON: {error}")))?;
            for object in envelope.get("objects").into_iter().flat_map(|list| list.items()) {
                output::text(&object.raw().replace(['\n', '\r'], " "));
                objects += 1;
            }
        }
        cursor = Some(batch.cursor);
        if !batch.more {
            break;
        }
    }
    if !as_json {
        output::say(&format!("{objects} objects"));
    }
    Ok(Exit::Well)
}

async fn push(server: &Server, bundle: &[u8], as_json: bool) -> Outcome {
    let mut tape = Tape::new();
    let document = tape
        .parse(bundle, &Limits::DOCUMENT)
        .map_err(|error| Failure::refused(format!("the bundle is not JSON: {error}")))?;
    let mut envelope = taxii::EnvelopeWriter::with_capacity(bundle.len());
    match document.get("objects") {
        Some(list) => list.items().for_each(|object| envelope.push(object.raw())),
        None => envelope.push(document.raw()),
    }
    let mut client = client(server)?;
    let failure = |error: ports::pull::PullError| Failure::refused(error.to_string());
    let mut status = client.push(envelope.finish(false, None)).await.map_err(failure)?;
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !status.is_complete() && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(200)).await;
        status = client.status(&status.id).await.map_err(failure)?;
    }
    if as_json {
        output::line(&serde_json::to_value(&status)?);
    } else {
        output::text(&format!(
            "{}: {} taken, {} refused, {} pending",
            status.status, status.success_count, status.failure_count, status.pending_count
        ));
        for detail in &status.failures {
            output::say(&format!("  {}: {}", detail.id, detail.message.as_deref().unwrap_or_default()));
        }
    }
    let well = status.is_complete() && status.failure_count == 0;
    Ok(if well { Exit::Well } else { Exit::Findings })
}
