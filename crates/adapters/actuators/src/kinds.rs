//! Which kinds there are.

use ports::actuator::{Actuator, ActuatorKind, ActuatorKinds};
use ports::pull::{ConfigError, Field};

use crate::config::Config;
use crate::{file, nft, webhook};

/// A kind of actuator: what it is called, what it is configured with, how one is made.
#[derive(Clone, Copy)]
pub struct Descriptor {
    /// Name of the kind, as in an actuator's record.
    pub kind: &'static str,
    /// What it does, in a sentence.
    pub summary: &'static str,
    /// The fields of its configuration.
    pub fields: &'static [Field],
    /// The least that makes a valid configuration, as JSON.
    pub example: &'static str,
    /// Makes one of this name. Nothing is touched yet.
    pub(crate) construct: Construct,
}

/// From name, configuration and what we call ourselves to an actuator.
pub(crate) type Construct = fn(&str, &Config, &str) -> Result<Box<dyn Actuator>, ConfigError>;

/// Every kind there is.
#[must_use]
pub fn descriptors() -> &'static [Descriptor] {
    &[nft::DESCRIPTOR, file::DESCRIPTOR, webhook::DESCRIPTOR]
}

/// Every kind there is, with what we call ourselves to others.
#[derive(Debug, Clone)]
pub struct Kinds {
    user_agent: String,
}

impl Kinds {
    /// All kinds.
    #[must_use]
    pub fn new(user_agent: &str) -> Self {
        Self { user_agent: user_agent.to_owned() }
    }
}

impl ActuatorKinds for Kinds {
    fn kinds(&self) -> Vec<ActuatorKind> {
        let kind = |descriptor: &Descriptor| ActuatorKind {
            kind: descriptor.kind,
            summary: descriptor.summary,
            fields: descriptor.fields.to_vec(),
        };
        descriptors().iter().map(kind).collect()
    }

    fn open(&self, kind: &str, name: &str, config: &str) -> Result<Box<dyn Actuator>, ConfigError> {
        let descriptor = descriptors().iter().find(|descriptor| descriptor.kind == kind);
        let descriptor = descriptor.ok_or_else(|| {
            let known: Vec<&str> = descriptors().iter().map(|descriptor| descriptor.kind).collect();
            ConfigError(format!("`{kind}` is not a kind of actuator; there are {}", known.join(", ")))
        })?;
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if !(1..=64).contains(&name.len()) || !name.bytes().all(plain) {
            return Err(ConfigError(format!(
                "the name `{name}` must be 1 to 64 of a to z, 0 to 9 and hyphens"
            )));
        }
        let config = Config::read(config, descriptor.fields)?;
        (descriptor.construct)(name, &config, &self.user_agent)
    }
}
