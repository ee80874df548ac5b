//! The kind `url-list`: a plain list behind a URL, fetched when it has changed.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Url;
use reqwest::header::{ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use ports::pull::{
    Batch, ConfigError, Content, Field, FieldKind, OpenSource, Piece, PullError, Puller, Pulling,
};

use crate::config::{ACCESS, Config};
use crate::fetch::{Answer, Fetcher, Request, shown};
use crate::kinds::{Descriptor, Env};

pub(crate) const DESCRIPTOR: Descriptor = Descriptor {
    kind: "url-list",
    summary: "fetches a plain list of values when it has changed",
    schema: &[OWN, ACCESS],
    example: r#"{"url":"https://lists.example/blocked.txt"}"#,
    construct,
};

const OWN: &[Field] = &[Field {
    name: "url",
    kind: FieldKind::Url,
    required: true,
    help: "URL of the list: one value per line, a hosts file, or CSV",
}];

fn construct(config: &str, env: &Env) -> Result<OpenSource, ConfigError> {
    let config = Config::read(config, DESCRIPTOR.schema)?;
    Ok(OpenSource {
        puller: Box::new(ListPuller { url: config.url("url")?, fetcher: Fetcher::of(&config, env)? }),
        interval: Duration::from_secs(config.number("interval_seconds")),
        live: None,
    })
}

struct ListPuller {
    url: Url,
    fetcher: Fetcher,
}

#[derive(Default, Serialize, Deserialize)]
struct Cursor {
    of: String,
    validators: Validators,
    digest: String,
}

/// What a server gave to ask "has it changed?" with (RFC 9110 §8.8).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Validators {
    etag: Option<String>,
    modified: Option<String>,
}

impl Validators {
    /// Those of an answer.
    pub(crate) fn of(answer: &Answer) -> Self {
        let keep = |text: &str| (text.len() <= 512).then(|| text.to_owned());
        Self {
            etag: answer.header(ETAG.as_str()).and_then(keep),
            modified: answer.header(LAST_MODIFIED.as_str()).and_then(keep),
        }
    }

    /// Makes a request conditional on them: the answer is 304 when nothing has changed.
    pub(crate) fn apply(&self, request: &mut Request) {
        request.headers.extend(self.etag.clone().map(|etag| (IF_NONE_MATCH, etag)));
        request.headers.extend(self.modified.clone().map(|modified| (IF_MODIFIED_SINCE, modified)));
    }
}

impl Puller for ListPuller {
    fn next<'a>(&'a mut self, cursor: Option<&'a str>) -> Pulling<'a> {
        Box::pin(async move {
            let of = self.url.to_string();
            let last: Cursor = cursor.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
            let mut request = Request::get(self.url.clone(), "text/plain, text/csv, */*;q=0.5");
            if last.of == of {
                last.validators.apply(&mut request);
            }
            let answer = self.fetcher.fetch(&request).await?;
            let (pieces, now) = if answer.code == 304 {
                (Vec::new(), last)
            } else {
                let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(&answer.body));
                let changed = last.of != of || last.digest != digest;
                let now = Cursor { of, validators: Validators::of(&answer), digest };
                let piece = Piece { content: Content::List, name: shown(&answer.url), bytes: answer.body };
                (if changed { vec![piece] } else { Vec::new() }, now)
            };
            let cursor = serde_json::to_string(&now)
                .map_err(|error| PullError::passing(format!("the cursor cannot be written: {error}")))?;
            Ok(Batch { pieces, cursor, more: false })
        })
    }
}
