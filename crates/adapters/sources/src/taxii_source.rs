//! The kind `taxii`: follows one collection of a TAXII 2.1 server.
//!
//! The collection is read in *walks*. A walk asks for everything added after one fixed instant and follows `next`
//! to the end, repeating that instant unchanged; only when it has ended does the instant advance, to the greatest
//! `X-TAXII-Date-Added-Last` seen (TAXII 2.1 §3.5). A page without `next` ends its walk too: the next one starts
//! where the page ended. Dates inside objects are never looked at.
//!
//! A server that leaves the header out is followed by its manifest: the manifest is read *before* the objects, so
//! what it had listed has been delivered when the walk ends. With neither, each walk starts where the last one did
//! and gives things again; taking them in twice has no effect.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::Timestamp;
use reqwest::Url;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use taxii::{DATE_ADDED_LAST, Envelope, Manifest};

use ports::pull::{
    Batch, ConfigError, Content, Field, FieldKind, HintChannel, OpenSource, Piece, PullError, Puller, Pulling,
};

use crate::config::{ACCESS, Config};
use crate::fetch::{Answer, shown};
use crate::kinds::{Descriptor, Env};
use crate::live;
use crate::taxii_client::{Client, LIMITS, TARGET, checked, defect, explain};

/// Empty pages with a fresh `next` that are put up with in a row.
const MAX_EMPTY: u32 = 8;
/// Manifest pages read before one walk. What lies beyond is found by the walk all the same, and dated next time.
const MAX_MANIFEST_PAGES: usize = 200;
/// Longest `next` that is kept.
const MAX_TOKEN: usize = 8 << 10;

pub(crate) const DESCRIPTOR: Descriptor = Descriptor {
    kind: "taxii",
    summary: "follows a collection of a TAXII 2.1 server",
    schema: &[TARGET, OWN, live::FIELDS, ACCESS],
    example: r#"{"url":"https://taxii.example/api/","collection":"indicators"}"#,
    construct,
};

const OWN: &[Field] = &[
    Field {
        name: "page_size",
        kind: FieldKind::Number { min: 1, max: 10_000, default: 1_000 },
        required: false,
        help: "objects to ask for at once",
    },
    Field {
        name: "versions",
        kind: FieldKind::Choice(&["last", "all"]),
        required: false,
        help: "the newest version of each object, or all of them",
    },
    Field {
        name: "added_after",
        kind: FieldKind::Text,
        required: false,
        help: "leave out what was added to the collection up to this instant, such as 2026-01-31T00:00:00Z",
    },
];

fn construct(config: &str, env: &Env) -> Result<OpenSource, ConfigError> {
    let config = Config::read(config, DESCRIPTOR.schema)?;
    let added_after = config.text("added_after").map(str::to_owned);
    if let Some(text) = added_after.as_deref().filter(|text| text.parse::<Timestamp>().is_err()) {
        return Err(ConfigError(format!(
            "`added_after`: `{text}` is not an instant such as 2026-01-31T00:00:00Z"
        )));
    }
    let puller = TaxiiPuller {
        added_after,
        client: Client::of(&config, env)?,
        page_size: config.number("page_size"),
        all_versions: config.choice("versions") == "all",
    };
    Ok(OpenSource {
        puller: Box::new(puller),
        interval: Duration::from_secs(config.number("interval_seconds")),
        live: live::Channel::of(&config, env)?.map(|channel| Box::new(channel) as Box<dyn HintChannel>),
    })
}

struct TaxiiPuller {
    client: Client,
    /// Where the first walk starts.
    added_after: Option<String>,
    page_size: u64,
    all_versions: bool,
}

/// Where a collection has been followed to. Texts of the server are kept as it wrote them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Cursor {
    /// The URL and collection this belongs to; another one starts over.
    of: String,
    /// The instant this walk asks after.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<String>,
    /// Token of the walk's next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    /// The greatest date added that the walk has been told.
    #[serde(skip_serializing_if = "Option::is_none")]
    high: Option<String>,
    /// The date the manifest ended with before the walk began.
    #[serde(skip_serializing_if = "Option::is_none")]
    mark: Option<String>,
    /// Where dates come from.
    dates: Dates,
    /// Whether the walk has delivered anything.
    delivered: bool,
    /// Whether the walk was begun again because its token was refused.
    restarted: bool,
    /// Empty pages in a row.
    empty: u32,
    /// Page remembered for finding loops.
    #[serde(skip_serializing_if = "Option::is_none")]
    lap: Option<Lap>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Dates {
    /// From the header.
    #[default]
    Header,
    /// From the manifest.
    Manifest,
    /// From nowhere.
    None,
}

/// A remembered page and the distance from it: Brent's way of finding a cycle with one memory. The page is replaced
/// after 1, 2, 4, … further pages, so a loop of any length is noticed within about two turns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Lap {
    page: String,
    taken: u32,
    span: u32,
}

impl Puller for TaxiiPuller {
    fn next<'a>(&'a mut self, cursor: Option<&'a str>) -> Pulling<'a> {
        Box::pin(self.step(cursor))
    }
}

impl TaxiiPuller {
    async fn step(&mut self, cursor: Option<&str>) -> Result<Batch, PullError> {
        let mut cursor = Cursor::read(cursor, self.client.identity());
        if cursor.after.is_none() {
            cursor.after.clone_from(&self.added_after);
        }
        if cursor.dates == Dates::Manifest && cursor.next.is_none() && cursor.mark.is_none() {
            match self.manifest_end(cursor.after.as_deref()).await? {
                ManifestEnd::At(date) => cursor.mark = Some(date),
                ManifestEnd::NothingNew => return cursor.batch(Vec::new(), false),
                ManifestEnd::Unknown => cursor.dates = Dates::None,
            }
        }
        let answer = loop {
            let url = self.address("objects/", cursor.after.as_deref(), cursor.next.as_deref()).await?;
            match self.client.try_get(&url).await {
                Ok(answer) => break answer,
                // A token may have expired while we were away: the walk can be begun again, once.
                Err(error)
                    if matches!(error.code(), Some(400 | 404 | 410))
                        && cursor.next.is_some()
                        && !cursor.restarted =>
                {
                    tracing::info!(%error, "page token refused; reading again from the last date added");
                    cursor.begin_again();
                }
                Err(error) => return Err(explain(error)),
            }
        };
        checked(&answer)?;
        let envelope = Envelope::parse(&answer.body, &LIMITS)
            .map_err(|error| defect(&format!("sent a page that is no TAXII envelope: {error}")))?;
        let more = cursor.turn(&envelope, page_digest(&answer.body, &envelope), last_added(&answer))?;
        let pieces = if envelope.objects.is_empty() {
            Vec::new()
        } else {
            vec![Piece { content: Content::Stix, name: shown(&answer.url), bytes: answer.body }]
        };
        cursor.batch(pieces, more)
    }

    async fn address(
        &mut self,
        endpoint: &str,
        after: Option<&str>,
        next: Option<&str>,
    ) -> Result<Url, PullError> {
        let mut url = self.client.endpoint(endpoint).await?;
        let mut query = url.query_pairs_mut();
        query.append_pair("limit", &self.page_size.to_string());
        if let Some(after) = after {
            query.append_pair("added_after", after);
        }
        if self.all_versions {
            query.append_pair("match[version]", "all");
        }
        if let Some(next) = next {
            query.append_pair("next", next);
        }
        drop(query);
        Ok(url)
    }

    /// The date added of the last entry the manifest lists after an instant.
    async fn manifest_end(&mut self, after: Option<&str>) -> Result<ManifestEnd, PullError> {
        let mut end = after.map(str::to_owned);
        for page in 0..MAX_MANIFEST_PAGES {
            let url = self.address("manifest/", end.as_deref(), None).await?;
            let answer = match self.client.try_get(&url).await {
                Ok(answer) => answer,
                Err(error) if matches!(error.code(), Some(403 | 404 | 405 | 406 | 501)) => {
                    return Ok(ManifestEnd::Unknown);
                }
                Err(error) => return Err(explain(error)),
            };
            let Ok(manifest) = serde_json::from_slice::<Manifest>(&answer.body) else {
                return Ok(ManifestEnd::Unknown);
            };
            let last = manifest
                .objects
                .iter()
                .map(|entry| entry.date_added.as_str())
                .filter(|date| instant(date).is_some());
            match last.max_by_key(|date| instant(date)) {
                Some(last) if is_later(last, end.as_deref()) => end = Some(last.to_owned()),
                None if page == 0 && !manifest.objects.is_empty() => return Ok(ManifestEnd::Unknown),
                _ => break,
            }
            if !manifest.more {
                break;
            }
        }
        Ok(match end {
            Some(end) if is_later(&end, after) => ManifestEnd::At(end),
            _ => ManifestEnd::NothingNew,
        })
    }
}

enum ManifestEnd {
    At(String),
    NothingNew,
    Unknown,
}

impl Cursor {
    /// The cursor in a text; a fresh one for none, for another collection's, and for one that cannot be read: reading
    /// everything again is slow but never wrong.
    fn read(text: Option<&str>, of: String) -> Self {
        match text.map(serde_json::from_str::<Self>) {
            Some(Ok(cursor)) if cursor.of == of => cursor,
            Some(_) => {
                tracing::warn!(
                    "the source's cursor belongs to another configuration; starting from the beginning"
                );
                Self { of, ..Self::default() }
            }
            None => Self { of, ..Self::default() },
        }
    }

    fn batch(self, pieces: Vec<Piece>, more: bool) -> Result<Batch, PullError> {
        let cursor = serde_json::to_string(&self)
            .map_err(|error| PullError::passing(format!("the cursor cannot be written: {error}")))?;
        Ok(Batch { pieces, cursor, more })
    }

    fn begin_again(&mut self) {
        (self.next, self.high, self.lap, self.empty, self.restarted) = (None, None, None, 0, true);
    }

    /// Takes in one page: whether to come back at once.
    fn turn(
        &mut self,
        page: &Envelope,
        digest: String,
        last_added: Option<String>,
    ) -> Result<bool, PullError> {
        if let Some(last) = last_added {
            self.dates = Dates::Header;
            if is_later(&last, self.high.as_deref()) {
                self.high = Some(last);
            }
        }
        if page.objects.is_empty() {
            self.empty += 1;
        } else {
            self.empty = 0;
            self.delivered = true;
        }
        if !page.more {
            self.end_walk();
            return Ok(false);
        }
        if self.empty > 0 && (page.next.is_none() || self.empty > MAX_EMPTY) {
            return Err(defect("says that there is more but sends an empty page"));
        }
        if self.empty == 0 {
            self.watch_for_loops(digest)?;
        }
        match &page.next {
            Some(next) if self.next.as_ref() == Some(next) => {
                return Err(defect("gives the same `next` again that it was just asked for"));
            }
            Some(next) if next.len() > MAX_TOKEN => {
                return Err(defect("gives a `next` that is far too long"));
            }
            Some(next) => self.next = Some(next.clone()),
            None => match self.high.take() {
                Some(high) if is_later(&high, self.after.as_deref()) => {
                    (self.after, self.next) = (Some(high), None)
                }
                Some(_) => {
                    return Err(defect(
                        "says that there is more, but neither gives `next` nor dates the page later than the last",
                    ));
                }
                None => {
                    return Err(defect(
                        "says that there is more, but gives neither `next` nor X-TAXII-Date-Added-Last",
                    ));
                }
            },
        }
        Ok(true)
    }

    fn end_walk(&mut self) {
        match self.high.take().or(self.mark.take()) {
            Some(date) if is_later(&date, self.after.as_deref()) => self.after = Some(date),
            Some(_) => {}
            None if self.delivered && self.dates == Dates::Header => self.dates = Dates::Manifest,
            None => {}
        }
        *self = Self {
            of: std::mem::take(&mut self.of),
            after: self.after.take(),
            dates: self.dates,
            ..Self::default()
        };
    }

    fn watch_for_loops(&mut self, page: String) -> Result<(), PullError> {
        match &mut self.lap {
            Some(lap) if lap.page == page => return Err(defect("sends the same page over and over")),
            Some(lap) if lap.taken + 1 < lap.span => lap.taken += 1,
            Some(lap) => *lap = Lap { page, taken: 0, span: lap.span.saturating_mul(2) },
            None => self.lap = Some(Lap { page, taken: 0, span: 1 }),
        }
        Ok(())
    }
}

/// A digest of a page's objects, members around them left out.
fn page_digest(body: &[u8], envelope: &Envelope) -> String {
    let mut hash = Sha256::new();
    for span in &envelope.objects {
        hash.update(span.len().to_be_bytes());
        hash.update(body.get(span.clone()).unwrap_or_default());
    }
    URL_SAFE_NO_PAD.encode(hash.finalize().first_chunk::<12>().copied().unwrap_or_default())
}

fn last_added(answer: &Answer) -> Option<String> {
    answer.header(DATE_ADDED_LAST).map(str::trim).filter(|text| instant(text).is_some()).map(str::to_owned)
}

fn instant(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// Whether a date is later than another. Digits beyond the microsecond count as progress when only they differ.
fn is_later(date: &str, than: Option<&str>) -> bool {
    let Some(than) = than else { return true };
    let (date_at, than_at) = (instant(date), instant(than));
    date_at > than_at || (date_at == than_at && date.len() == than.len() && date > than)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(objects: usize, more: bool, next: Option<&str>) -> Envelope {
        Envelope { more, next: next.map(str::to_owned), objects: vec![0..1; objects] }
    }

    fn at(second: u32) -> Option<String> {
        Some(format!("2026-01-31T12:00:{second:02}.000000Z"))
    }

    #[test]
    fn the_instant_stays_while_a_walk_follows_next_and_advances_at_its_end() {
        let mut cursor = Cursor { after: at(1), ..Cursor::default() };
        assert_eq!(cursor.turn(&page(2, true, Some("a")), "1".into(), at(2)), Ok(true));
        assert_eq!((cursor.after.clone(), cursor.next.as_deref()), (at(1), Some("a")));
        assert_eq!(cursor.turn(&page(2, true, Some("b")), "2".into(), at(3)), Ok(true));
        assert_eq!((cursor.after.clone(), cursor.next.as_deref()), (at(1), Some("b")));
        assert_eq!(cursor.turn(&page(1, false, None), "3".into(), at(4)), Ok(false));
        assert_eq!(cursor, Cursor { after: at(4), ..Cursor::default() });
    }

    #[test]
    fn a_loop_of_any_length_is_noticed() {
        for length in 1..40 {
            let mut cursor = Cursor::default();
            let turns = (0..1_000).take_while(|turn| {
                let next = format!("token {turn}");
                cursor.turn(&page(1, true, Some(&next)), (turn % length).to_string(), at(1)).is_ok()
            });
            assert!(turns.count() < 4 * length + 4, "{length}");
        }
    }

    #[test]
    fn a_long_honest_walk_is_not_a_loop() {
        let mut cursor = Cursor::default();
        for turn in 0..2_000 {
            let next = format!("token {turn}");
            assert_eq!(cursor.turn(&page(1, true, Some(&next)), turn.to_string(), None), Ok(true));
        }
    }

    #[test]
    fn dates_advance_by_their_instant_and_then_by_their_digits() {
        for (date, than, expect) in [
            ("2026-01-31T12:00:00Z", None, true),
            ("2026-01-31T12:00:00.000Z", Some("2026-01-31T12:00:00Z"), false),
            ("2026-01-31T12:00:00.0000002Z", Some("2026-01-31T12:00:00.0000001Z"), true),
            ("2026-01-31T12:00:00.0000001Z", Some("2026-01-31T12:00:00.0000002Z"), false),
            ("2026-01-31T11:00:00Z", Some("2026-01-31T12:00:00Z"), false),
        ] {
            assert_eq!(is_later(date, than), expect, "{date} {than:?}");
        }
    }
}
