//! The kind `misp-feed`: a folder with `manifest.json` and one file per event, as MISP publishes it.
//!
//! The manifest gives a timestamp per event. What has been taken in is remembered per (event, timestamp), not as one
//! greatest timestamp: a feed may publish today an event last edited a year ago.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::Uuid;
use reqwest::Url;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use ports::pull::{
    Batch, ConfigError, Content, Field, FieldKind, OpenSource, Piece, PullError, Puller, Pulling,
};

use crate::config::{ACCESS, Config};
use crate::fetch::{FetchError, Fetcher, Request, shown};
use crate::kinds::{Descriptor, Env};
use crate::url_list::Validators;

/// Events that a manifest may list.
const MAX_EVENTS: usize = 200_000;
/// Events handed over at once.
const BATCH_EVENTS: usize = 16;
/// Bytes after which a batch takes no further event.
const BATCH_BYTES: usize = 8 << 20;

pub(crate) const DESCRIPTOR: Descriptor = Descriptor {
    kind: "misp-feed",
    summary: "fetches new and changed events of a MISP feed",
    schema: &[OWN, ACCESS],
    example: r#"{"url":"https://feeds.example/misp/"}"#,
    construct,
};

const OWN: &[Field] = &[Field {
    name: "url",
    kind: FieldKind::Url,
    required: true,
    help: "URL of the folder that holds `manifest.json`",
}];

fn construct(config: &str, env: &Env) -> Result<OpenSource, ConfigError> {
    let config = Config::read(config, DESCRIPTOR.schema)?;
    let mut folder = config.url("url")?;
    let path = folder.path().strip_suffix("manifest.json").unwrap_or(folder.path()).trim_end_matches('/');
    folder.set_path(&format!("{path}/"));
    Ok(OpenSource {
        puller: Box::new(FeedPuller { folder, fetcher: Fetcher::of(&config, env)?, round: None }),
        interval: Duration::from_secs(config.number("interval_seconds")),
        live: None,
    })
}

struct FeedPuller {
    folder: Url,
    fetcher: Fetcher,
    /// What this round found in the manifest; only a memory of work ahead, the cursor says what is done.
    round: Option<Round>,
}

struct Round {
    validators: Validators,
    /// Oldest first, so that an event is there before those that build on it.
    events: Vec<(i64, String)>,
    /// Events whose file could not be had, with the reason; left for the next round.
    failed: BTreeMap<String, String>,
}

#[derive(Default, Serialize, Deserialize)]
struct Cursor {
    of: String,
    /// Only set when everything the manifest listed has been taken in.
    validators: Validators,
    /// Eight bytes per (event, timestamp) taken in, sorted, as base64url.
    seen: String,
}

#[derive(Deserialize)]
struct ManifestLine {
    timestamp: serde_json::Value,
}

impl Puller for FeedPuller {
    fn next<'a>(&'a mut self, cursor: Option<&'a str>) -> Pulling<'a> {
        Box::pin(self.step(cursor))
    }
}

impl FeedPuller {
    async fn step(&mut self, cursor: Option<&str>) -> Result<Batch, PullError> {
        let of = self.folder.to_string();
        let last: Cursor = cursor.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let last = if last.of == of { last } else { Cursor { of, ..Cursor::default() } };
        let mut seen = unpack(&last.seen);
        let mut round = match self.round.take() {
            Some(round) => round,
            None => match self.manifest(&last.validators).await? {
                Some(round) => round,
                None => return batch(last, Vec::new(), false),
            },
        };
        let (mut pieces, mut bytes) = (Vec::new(), 0);
        for (timestamp, event) in &round.events {
            let key = key(event, *timestamp);
            if seen.contains(&key) || round.failed.contains_key(event) {
                continue;
            }
            if pieces.len() >= BATCH_EVENTS || bytes >= BATCH_BYTES {
                let cursor = Cursor { validators: Validators::default(), seen: pack(&seen), ..last };
                self.round = Some(round);
                return batch(cursor, pieces, true);
            }
            match self.event(event).await {
                Ok(piece) => {
                    bytes += piece.bytes.len();
                    seen.insert(key);
                    pieces.push(piece);
                }
                // One bad file must not keep back all others; a server in trouble, or a full batch, ends the step.
                Err(
                    error @ (FetchError::TooLarge { .. } | FetchError::Status { code: 403 | 404 | 410, .. }),
                ) => {
                    round.failed.insert(event.clone(), error.to_string());
                }
                Err(error) if pieces.is_empty() => {
                    self.round = Some(round);
                    return Err(error.into());
                }
                Err(_) => {
                    let cursor = Cursor { validators: Validators::default(), seen: pack(&seen), ..last };
                    self.round = Some(round);
                    return batch(cursor, pieces, true);
                }
            }
        }
        // The round is over: forget versions that the manifest no longer lists.
        let listed: BTreeSet<u64> =
            round.events.iter().map(|(timestamp, event)| key(event, *timestamp)).collect();
        seen.retain(|key| listed.contains(key));
        if round.failed.is_empty() {
            return batch(Cursor { validators: round.validators, seen: pack(&seen), ..last }, pieces, false);
        }
        if !pieces.is_empty() {
            let cursor = Cursor { validators: Validators::default(), seen: pack(&seen), ..last };
            self.round = Some(round);
            return batch(cursor, pieces, true);
        }
        let first =
            round.failed.iter().next().map(|(event, why)| format!("{event}: {why}")).unwrap_or_default();
        Err(PullError::passing(format!(
            "{} events that the manifest lists could not be fetched, the others were; {first}",
            round.failed.len()
        )))
    }

    /// The manifest, unless it is still the one these validators came with.
    async fn manifest(&mut self, validators: &Validators) -> Result<Option<Round>, PullError> {
        let url = self.file("manifest.json")?;
        let mut request = Request::get(url, "application/json");
        validators.apply(&mut request);
        let answer = self.fetcher.fetch(&request).await?;
        if answer.code == 304 {
            return Ok(None);
        }
        let at = shown(&answer.url);
        let lines: BTreeMap<String, ManifestLine> =
            serde_json::from_slice(&answer.body).map_err(|error| {
                PullError::permanent(format!("{at} is not a MISP manifest: {error}; check the URL"))
            })?;
        if lines.len() > MAX_EVENTS {
            return Err(PullError::permanent(format!("{at} lists more than {MAX_EVENTS} events")));
        }
        let mut events = Vec::with_capacity(lines.len());
        for (event, line) in lines {
            let timestamp = match &line.timestamp {
                serde_json::Value::String(text) => text.parse().ok(),
                other => other.as_i64(),
            };
            match (timestamp, event.parse::<Uuid>()) {
                (Some(timestamp), Ok(_)) => events.push((timestamp, event)),
                _ => {
                    return Err(PullError::permanent(format!(
                        "{at} lists `{}`, which is not a UUID with a timestamp in seconds",
                        event.chars().take(80).filter(|c| !c.is_control()).collect::<String>()
                    )));
                }
            }
        }
        events.sort();
        Ok(Some(Round { validators: Validators::of(&answer), events, failed: BTreeMap::new() }))
    }

    async fn event(&mut self, event: &str) -> Result<Piece, FetchError> {
        let mut url = self.folder.clone();
        url.set_path(&format!("{}{event}.json", self.folder.path()));
        let answer = self.fetcher.fetch(&Request::get(url, "application/json")).await?;
        Ok(Piece { content: Content::MispEvent, name: shown(&answer.url), bytes: answer.body })
    }

    fn file(&self, name: &str) -> Result<Url, PullError> {
        self.folder.join(name).map_err(|_| PullError::permanent("`url` cannot be a folder"))
    }
}

fn batch(cursor: Cursor, pieces: Vec<Piece>, more: bool) -> Result<Batch, PullError> {
    let cursor = serde_json::to_string(&cursor)
        .map_err(|error| PullError::passing(format!("the cursor cannot be written: {error}")))?;
    Ok(Batch { pieces, cursor, more })
}

fn key(event: &str, timestamp: i64) -> u64 {
    let digest = Sha256::digest(format!("{} {timestamp}", event.to_ascii_lowercase()));
    digest.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

fn pack(seen: &BTreeSet<u64>) -> String {
    URL_SAFE_NO_PAD.encode(seen.iter().flat_map(|key| key.to_be_bytes()).collect::<Vec<u8>>())
}

fn unpack(text: &str) -> BTreeSet<u64> {
    let bytes = URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
    bytes.as_chunks::<8>().0.iter().map(|key| u64::from_be_bytes(*key)).collect()
}
