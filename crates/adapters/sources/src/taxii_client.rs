//! Talking to a TAXII 2.1 server: finding collections, asking for pages, adding objects.

use json::Limits as JsonLimits;
use reqwest::Url;
use reqwest::header::CONTENT_TYPE;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use taxii::{ApiRoot, Collection, Collections, MEDIA_TYPE, Status, response_type_ok};

use ports::pull::{ConfigError, Field, FieldKind, PullError};

use crate::config::Config;
use crate::fetch::{Answer, FetchError, Fetcher, Request, same_origin, shown};
use crate::kinds::Env;

/// API roots of one server that are looked into.
const MAX_ROOTS: usize = 32;
/// Collections named in an error message.
const MAX_NAMED: usize = 10;

/// Fields that say which server and collection.
pub(crate) const TARGET: &[Field] = &[
    Field {
        name: "url",
        kind: FieldKind::Url,
        required: true,
        help: "discovery URL or API root of the server; or the collection itself when `collection` is not given",
    },
    Field {
        name: "collection",
        kind: FieldKind::Text,
        required: false,
        help: "id, alias or title of the collection",
    },
];

/// How JSON from other servers is bounded.
pub(crate) const LIMITS: JsonLimits = JsonLimits::DOCUMENT;

/// A TAXII 2.1 server, and perhaps one collection of it.
pub struct Client {
    fetcher: Fetcher,
    url: Url,
    collection: Option<String>,
    place: Option<Place>,
    /// Whether this server wants its paths without the final slash; unknown until one form has worked.
    slashless: Option<bool>,
}

/// Where a collection is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    root: Url,
    collection: Url,
}

/// An API root that discovery led to.
#[derive(Debug, Clone, PartialEq)]
pub struct Root {
    /// Its URL.
    pub url: Url,
    /// What it says about itself.
    pub info: Option<ApiRoot>,
    /// Its collections.
    pub collections: Vec<Collection>,
    /// Why it could not be looked into.
    pub problem: Option<String>,
}

/// Whatever stands at the configured URL: discovery, API root or list of collections.
#[derive(Deserialize)]
struct Landing {
    default: Option<String>,
    api_roots: Option<Vec<String>>,
    collections: Option<serde::de::IgnoredAny>,
}

impl Client {
    /// A client for a configuration of kind `taxii`. Nothing is fetched yet.
    ///
    /// # Errors
    /// [`ConfigError`] names the field that is wrong.
    pub fn from_config(config: &str, env: &Env) -> Result<Self, ConfigError> {
        Self::of(&Config::read(config, crate::taxii_source::DESCRIPTOR.schema)?, env)
    }

    pub(crate) fn of(config: &Config, env: &Env) -> Result<Self, ConfigError> {
        let url = config.url("url")?;
        let collection = config.text("collection").map(str::to_owned);
        Ok(Self { fetcher: Fetcher::of(config, env)?, url, collection, place: None, slashless: None })
    }

    /// Finds the server's API roots and their collections. A root that refuses is listed with its problem.
    ///
    /// # Errors
    /// [`PullError`] when the configured URL itself does not answer as TAXII.
    pub async fn discover(&mut self) -> Result<Vec<Root>, PullError> {
        let start = match self.url.path() {
            "" | "/" => join(&self.url, "taxii2/")?,
            _ => directory(&self.url),
        };
        let answer = self.get(&start).await?;
        if !same_origin(&answer.url, &self.url) {
            let to = shown(&answer.url);
            return Err(PullError::permanent(format!(
                "{} has moved to {to}; configure that `url`",
                shown(&start)
            )));
        }
        let landing: Landing = read(&answer)?;
        if landing.collections.is_some() {
            return Ok(vec![self.look_into(parent(&answer.url, 1)?).await?]);
        }
        let Some(mut listed) = landing.api_roots.or_else(|| landing.default.clone().map(|root| vec![root]))
        else {
            return Ok(vec![self.look_into(start).await?]);
        };
        // The one the server prefers goes first.
        listed.sort_by_key(|root| Some(root) != landing.default.as_ref());
        let mut roots = Vec::new();
        for text in listed.iter().take(MAX_ROOTS) {
            let url = directory(&join(&answer.url, text)?);
            if same_origin(&url, &self.url) {
                roots.push(match self.look_into(url.clone()).await {
                    Ok(root) => root,
                    Err(error) if error.permanent => {
                        Root { url, info: None, collections: Vec::new(), problem: Some(error.message) }
                    }
                    Err(error) => return Err(error),
                });
            } else {
                let problem = "it is on another server, where these credentials do not belong; make it a source of its own";
                roots.push(Root {
                    url,
                    info: None,
                    collections: Vec::new(),
                    problem: Some(problem.to_owned()),
                });
            }
        }
        Ok(roots)
    }

    async fn look_into(&mut self, url: Url) -> Result<Root, PullError> {
        // Who may read a root's collections but not the root itself loses nothing.
        let info = self.get(&url).await.and_then(|answer| read(&answer)).ok();
        let collections: Collections = read(&self.get(&join(&url, "collections/")?).await?)?;
        Ok(Root { url, info, collections: collections.collections, problem: None })
    }

    /// Adds objects: posts an envelope and returns the server's account of it, which may be pending.
    ///
    /// # Errors
    /// [`PullError`] when the collection is not found or the server refuses.
    pub async fn push(&mut self, envelope: String) -> Result<Status, PullError> {
        let mut url = join(&self.place().await?.collection, "objects/")?;
        self.shape(&mut url);
        let body = Some((MEDIA_TYPE, envelope.into_bytes()));
        let request = Request { body, ..Request::get(url, MEDIA_TYPE) };
        read(&self.fetcher.fetch(&request).await.map_err(explain)?)
    }

    /// Where an earlier [`Client::push`] stands.
    ///
    /// # Errors
    /// [`PullError`] when the server does not know it, or does not answer.
    pub async fn status(&mut self, id: &str) -> Result<Status, PullError> {
        let id = segment(id).ok_or_else(|| PullError::permanent("a status id is a UUID"))?;
        let url = join(&self.place().await?.root, &format!("status/{id}/"))?;
        read(&self.get(&url).await?)
    }

    /// The URL of one of the collection's endpoints, such as `objects/`.
    pub(crate) async fn endpoint(&mut self, name: &str) -> Result<Url, PullError> {
        join(&self.place().await?.collection, name)
    }

    /// What the cursor of a collection belongs to.
    pub(crate) fn identity(&self) -> String {
        format!("{} {}", self.url, self.collection.as_deref().unwrap_or_default())
    }

    async fn place(&mut self) -> Result<Place, PullError> {
        if let Some(place) = &self.place {
            return Ok(place.clone());
        }
        let place = match self.collection.clone() {
            Some(wanted) => self.find(&wanted).await?,
            None => {
                let url = directory(&self.url);
                let collection = if url.path().ends_with("/objects/") { parent(&url, 1)? } else { url };
                Place { root: parent(&collection, 2)?, collection }
            }
        };
        Ok(self.place.insert(place).clone())
    }

    async fn find(&mut self, wanted: &str) -> Result<Place, PullError> {
        let roots = self.discover().await?;
        let matches = |collection: &Collection| {
            collection.id.eq_ignore_ascii_case(wanted)
                || collection.alias.as_deref() == Some(wanted)
                || collection.title == wanted
        };
        for root in &roots {
            let Some(found) = root.collections.iter().find(|collection| matches(collection)) else {
                continue;
            };
            if !found.can_read && !found.can_write {
                return Err(PullError::permanent(format!(
                    "the collection `{wanted}` can be neither read nor written with these credentials"
                )));
            }
            let id =
                segment(&found.id).ok_or_else(|| defect("gives a collection an id that is not a UUID"))?;
            return Ok(Place {
                root: root.url.clone(),
                collection: join(&root.url, &format!("collections/{id}/"))?,
            });
        }
        let mut message = format!("`{}` has no collection `{wanted}`", shown(&self.url));
        let named: Vec<&str> = roots
            .iter()
            .flat_map(|root| &root.collections)
            .map(|found| found.title.as_str())
            .take(MAX_NAMED)
            .collect();
        if !named.is_empty() {
            message.push_str(&format!("; it has `{}`", named.join("`, `")));
        }
        for (root, problem) in roots.iter().filter_map(|root| Some((root, root.problem.as_ref()?))) {
            message.push_str(&format!("; not looked into {}: {problem}", shown(&root.url)));
        }
        Err(PullError::permanent(message))
    }

    /// A GET of a TAXII resource, in the spelling of the path that this server likes.
    pub(crate) async fn get(&mut self, url: &Url) -> Result<Answer, PullError> {
        self.try_get(url).await.map_err(explain)
    }

    /// As [`Client::get`], leaving the error as it is.
    pub(crate) async fn try_get(&mut self, url: &Url) -> Result<Answer, FetchError> {
        let mut first = url.clone();
        self.shape(&mut first);
        match self.fetcher.fetch(&Request::get(first, MEDIA_TYPE)).await {
            Err(error) if error.code() == Some(404) && self.slashless.is_none() => {
                let mut second = url.clone();
                trim_slash(&mut second);
                match self.fetcher.fetch(&Request::get(second, MEDIA_TYPE)).await {
                    Ok(answer) => {
                        self.slashless = Some(true);
                        Ok(answer)
                    }
                    Err(_) => Err(error),
                }
            }
            Ok(answer) => {
                self.slashless.get_or_insert(false);
                Ok(answer)
            }
            Err(error) => Err(error),
        }
    }

    fn shape(&self, url: &mut Url) {
        if self.slashless == Some(true) {
            trim_slash(url);
        }
    }
}

/// Checks that an answer is TAXII 2.1, before anything in it is believed.
pub(crate) fn checked(answer: &Answer) -> Result<(), PullError> {
    let at = shown(&answer.url);
    if answer.code == 206 {
        return Err(PullError::permanent(format!(
            "{at} answered 206, which is TAXII 2.0; only 2.1 is spoken here"
        )));
    }
    match answer.header(CONTENT_TYPE.as_str()) {
        Some(kind) if response_type_ok(kind) => Ok(()),
        kind => Err(PullError::permanent(format!(
            "{at} answered with `{}`, not TAXII 2.1; check the URL",
            kind.unwrap_or("no content type").chars().take(80).collect::<String>()
        ))),
    }
}

fn read<T: DeserializeOwned>(answer: &Answer) -> Result<T, PullError> {
    checked(answer)?;
    serde_json::from_slice(&answer.body).map_err(|error| {
        PullError::permanent(format!("{} is not the TAXII resource expected: {error}", shown(&answer.url)))
    })
}

/// Says what a status code means between TAXII client and server (§3.6 and the tables of §4 and §5).
pub(crate) fn explain(error: FetchError) -> PullError {
    let meaning = match error.code() {
        Some(400) => "the server did not understand the request; a smaller `page_size` may help",
        Some(401) => {
            "the credentials are missing or not accepted; check `username` and `password_file`, `token_file` or `cert_file`"
        }
        Some(403) => "the credentials are known but may not do this; ask the server's operator",
        Some(404) => {
            "there is no such resource, or it is hidden from these credentials; check `url` and `collection`"
        }
        Some(406) => "the server does not speak TAXII 2.1; is it a TAXII 2.0 or 1.x server",
        Some(413) => "the server takes no body of this size; push fewer objects at once",
        Some(415) => "the server does not take TAXII 2.1 content",
        Some(422) => "the server cannot process these objects",
        Some(429) => "the server asks for fewer requests",
        Some(300..=399) => {
            "the server redirects a request that must not be repeated elsewhere; configure the final `url`"
        }
        Some(500..=599) => "the server has a problem of its own",
        _ => return error.into(),
    };
    let PullError { message, retry_after, permanent } = error.into();
    PullError { message: format!("{meaning} ({message})"), retry_after, permanent }
}

/// An error that names a fault of the other server.
pub(crate) fn defect(what: &str) -> PullError {
    PullError::permanent(format!("the server {what}; this is a fault of the server, tell its operator"))
}

/// The URL as a directory: final slash, no query.
fn directory(url: &Url) -> Url {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    url
}

fn trim_slash(url: &mut Url) {
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
}

fn join(base: &Url, path: &str) -> Result<Url, PullError> {
    directory(base).join(path).map_err(|_| defect("names an address that is no URL"))
}

fn parent(url: &Url, levels: usize) -> Result<Url, PullError> {
    join(url, &"../".repeat(levels))
}

/// An id that can stand in a path without leading elsewhere.
fn segment(id: &str) -> Option<&str> {
    let sound = (1..=64).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    sound.then_some(id)
}
