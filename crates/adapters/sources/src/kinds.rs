//! What a source is to its caller, and which kinds there are.

use ports::pull::{ConfigError, Field, OpenSource, PullError, SourceKind, SourceKinds};

use crate::address::Policy;
use crate::fetch::{FetchError, Limits};
use crate::{misp_feed, taxii_source, url_list};

impl From<FetchError> for PullError {
    fn from(error: FetchError) -> Self {
        let permanent = match &error {
            FetchError::Refused { .. } | FetchError::Secret { .. } | FetchError::TooLarge { .. } => true,
            FetchError::Status { code, .. } => matches!(code, 400..=407 | 409..=417 | 422 | 451),
            FetchError::Unreachable { .. }
            | FetchError::Timeout { .. }
            | FetchError::Tls { .. }
            | FetchError::Protocol { .. } => false,
        };
        let retry_after = match &error {
            FetchError::Status { retry_after, .. } => *retry_after,
            _ => None,
        };
        Self { message: error.to_string(), retry_after, permanent }
    }
}

/// What the surroundings grant to every source.
#[derive(Debug, Clone)]
pub struct Env {
    /// Addresses that may be reached; a source's own `allow_hosts` is added to it.
    pub policy: Policy,
    /// Limits of each request.
    pub limits: Limits,
    /// What to call ourselves.
    pub user_agent: String,
}

/// A kind of source: what it is called, what it is configured with, how one is made.
#[derive(Clone, Copy)]
pub struct Descriptor {
    /// Name of the kind, as in a source's record.
    pub kind: &'static str,
    /// What it does, in a sentence.
    pub summary: &'static str,
    /// The fields of its configuration, in groups.
    pub schema: &'static [&'static [Field]],
    /// The least that makes a valid configuration, as JSON.
    pub example: &'static str,
    /// Makes a source from its configuration (a JSON object). Nothing is fetched or read yet.
    pub construct: fn(config: &str, env: &Env) -> Result<OpenSource, ConfigError>,
}

impl Descriptor {
    /// All fields.
    pub fn fields(&self) -> impl Iterator<Item = &'static Field> {
        self.schema.iter().copied().flatten()
    }
}

/// Every kind there is.
#[must_use]
pub fn descriptors() -> &'static [Descriptor] {
    &[taxii_source::DESCRIPTOR, misp_feed::DESCRIPTOR, url_list::DESCRIPTOR]
}

/// Every kind there is, with what this node grants to its sources.
#[derive(Debug, Clone)]
pub struct Kinds {
    env: Env,
}

impl Kinds {
    /// All kinds, under this policy and with the default limits.
    #[must_use]
    pub fn new(policy: Policy, user_agent: &str) -> Self {
        Self { env: Env { policy, limits: Limits::default(), user_agent: user_agent.to_owned() } }
    }
}

impl SourceKinds for Kinds {
    fn kinds(&self) -> Vec<SourceKind> {
        descriptors()
            .iter()
            .map(|descriptor| SourceKind {
                kind: descriptor.kind,
                summary: descriptor.summary,
                fields: descriptor.fields().copied().collect(),
            })
            .collect()
    }

    fn open(&self, kind: &str, config: &str) -> Result<OpenSource, ConfigError> {
        let descriptor = descriptors().iter().find(|descriptor| descriptor.kind == kind);
        let descriptor =
            descriptor.ok_or_else(|| ConfigError(format!("`{kind}` is not a kind of source")))?;
        (descriptor.construct)(config, &self.env)
    }
}
