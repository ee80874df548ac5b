//! The hint channel: another node of ours says "something changed", and the content is then pulled over TAXII.
//!
//! A hint carries no content and is believed only so far as to start a round early, so nothing depends on a hint
//! arriving. When to connect again is the caller's decision (see [`crate::Backoff::LIVE`]).

use std::collections::VecDeque;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};

use ports::pull::{ConfigError, Field, FieldKind, Hint, HintChannel, Hints as OpenHints, PullError, Waiting};

use crate::config::Config;
use crate::fetch::{Fetcher, Request, Stream, host_of};
use crate::kinds::Env;
use crate::sse::{Event, Reader};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The field that turns the channel on.
pub(crate) const FIELDS: &[Field] = &[Field {
    name: "live_url",
    kind: FieldKind::Url,
    required: false,
    help: "live journal of a Shieldwall node, such as https://node.example/api/v1/live?collection=public, to follow it at once",
}];

/// Where to listen.
pub(crate) struct Channel {
    url: Url,
    fetcher: Fetcher,
}

/// An open connection.
pub(crate) struct Hints {
    stream: Stream,
    reader: Reader,
    waiting: VecDeque<Event>,
    host: String,
}

impl Channel {
    pub(crate) fn of(config: &Config, env: &Env) -> Result<Option<Self>, ConfigError> {
        if config.text("live_url").is_none() {
            return Ok(None);
        }
        Ok(Some(Self { url: config.url("live_url")?, fetcher: Fetcher::of(config, env)? }))
    }

    async fn open(&mut self, last_event_id: Option<&str>) -> Result<Hints, PullError> {
        let mut request = Request::get(self.url.clone(), "text/event-stream");
        // An id that cannot stand in a header cannot be resumed from; hints after now are as good.
        let id = last_event_id.filter(|id| HeaderValue::from_str(id).is_ok());
        request.headers.extend(id.map(|id| (LAST_EVENT_ID, id.to_owned())));
        let stream = self.fetcher.open(&request).await?;
        let host = host_of(&self.url);
        let kind = stream.header(CONTENT_TYPE.as_str()).unwrap_or_default();
        if !kind.to_ascii_lowercase().starts_with("text/event-stream") {
            return Err(PullError::permanent(format!(
                "`{host}` has no event stream at `live_url`; check the URL"
            )));
        }
        Ok(Hints { stream, reader: Reader::default(), waiting: VecDeque::new(), host })
    }
}

impl HintChannel for Channel {
    fn connect<'a>(&'a mut self, last_event_id: Option<&'a str>) -> Waiting<'a, Box<dyn OpenHints>> {
        Box::pin(async move { Ok(Box::new(self.open(last_event_id).await?) as Box<dyn OpenHints>) })
    }
}

impl Hints {
    async fn wait(&mut self) -> Result<Option<Hint>, PullError> {
        loop {
            if let Some(Event { id, name }) = self.waiting.pop_front() {
                return Ok(Some(Hint { id, name }));
            }
            let Some(chunk) = self.stream.chunk().await? else { return Ok(None) };
            let mut events = Vec::new();
            let read = self.reader.push(chunk.as_ref(), &mut events);
            self.waiting.extend(events);
            if read.is_err() {
                return Err(PullError::passing(format!(
                    "`{}` sends lines that no hint needs; not listening",
                    self.host
                )));
            }
        }
    }
}

impl OpenHints for Hints {
    fn next(&mut self) -> Waiting<'_, Option<Hint>> {
        Box::pin(self.wait())
    }

    fn drain(&mut self) -> Option<Hint> {
        self.waiting.drain(..).next_back().map(|Event { id, name }| Hint { id, name })
    }

    fn retry(&self) -> Option<Duration> {
        self.reader.retry
    }
}
