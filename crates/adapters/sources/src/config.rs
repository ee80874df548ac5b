//! Configuration of a source: one table of fields says what there is, checks it and documents it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ports::pull::{ConfigError, Field, FieldKind};
use reqwest::Url;
use serde_json::Value;

use crate::address::Allow;

/// Fields that say how to get in; shared by every kind.
pub(crate) const ACCESS: &[Field] = &[
    Field {
        name: "username",
        kind: FieldKind::Text,
        required: false,
        help: "user name for HTTP Basic; needs `password_file`",
    },
    Field {
        name: "password_file",
        kind: FieldKind::File,
        required: false,
        help: "file with the password for HTTP Basic",
    },
    Field { name: "token_file", kind: FieldKind::File, required: false, help: "file with a bearer token" },
    Field {
        name: "cert_file",
        kind: FieldKind::File,
        required: false,
        help: "PEM file with the client certificate chain; needs `key_file`",
    },
    Field {
        name: "key_file",
        kind: FieldKind::File,
        required: false,
        help: "PEM file with the client certificate's key",
    },
    Field {
        name: "ca_file",
        kind: FieldKind::File,
        required: false,
        help: "PEM file with further root certificates to trust",
    },
    Field {
        name: "allow_hosts",
        kind: FieldKind::Hosts,
        required: false,
        help: "hosts or networks that may be reached although they are not public",
    },
    Field {
        name: "interval_seconds",
        kind: FieldKind::Number { min: 1, max: 604_800, default: 3_600 },
        required: false,
        help: "seconds from one round to the next",
    },
];

/// A checked configuration. A look-up of a field that the schema does not have finds nothing.
pub(crate) struct Config {
    values: BTreeMap<String, Value>,
    schema: &'static [&'static [Field]],
}

impl Config {
    pub(crate) fn read(text: &str, schema: &'static [&'static [Field]]) -> Result<Self, ConfigError> {
        let values: BTreeMap<String, Value> = serde_json::from_str(text)
            .map_err(|error| ConfigError(format!("the configuration is not a JSON object: {error}")))?;
        let config = Self { values, schema };
        for (name, value) in &config.values {
            let field = config.field(name).ok_or_else(|| config.unknown(name))?;
            check(field, value)?;
        }
        match schema
            .iter()
            .copied()
            .flatten()
            .find(|field| field.required && !config.values.contains_key(field.name))
        {
            Some(field) => Err(ConfigError(format!("`{}` is missing: {}", field.name, field.help))),
            None => Ok(config),
        }
    }

    fn field(&self, name: &str) -> Option<&'static Field> {
        self.schema.iter().copied().flatten().find(|field| field.name == name)
    }

    fn unknown(&self, name: &str) -> ConfigError {
        if matches!(name, "password" | "token" | "key" | "secret" | "api_key") {
            return ConfigError(format!(
                "`{name}` would put a secret into the store; write it to a file and name that in `{}`",
                if name == "password" { "password_file" } else { "token_file" }
            ));
        }
        let known: Vec<&str> = self.schema.iter().copied().flatten().map(|field| field.name).collect();
        ConfigError(format!("`{name}` is not a field of this kind; there are {}", known.join(", ")))
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).and_then(Value::as_str)
    }

    pub(crate) fn file(&self, name: &str) -> Option<PathBuf> {
        self.text(name).map(PathBuf::from)
    }

    /// A URL field. Required ones are there, by [`Config::read`]; the error is for the compiler.
    pub(crate) fn url(&self, name: &str) -> Result<Url, ConfigError> {
        url(name, self.text(name).unwrap_or_default())
    }

    pub(crate) fn number(&self, name: &str) -> u64 {
        let default = match self.field(name).map(|field| field.kind) {
            Some(FieldKind::Number { default, .. }) => default,
            _ => 0,
        };
        self.values.get(name).and_then(Value::as_u64).unwrap_or(default)
    }

    pub(crate) fn choice(&self, name: &str) -> &str {
        let default = match self.field(name).map(|field| field.kind) {
            Some(FieldKind::Choice([first, ..])) => first,
            _ => "",
        };
        self.text(name).unwrap_or(default)
    }

    pub(crate) fn hosts(&self, name: &str) -> Result<Vec<Allow>, ConfigError> {
        self.values.get(name).map_or(Ok(Vec::new()), |value| hosts(name, value))
    }

    /// Refuses one field without the other.
    pub(crate) fn together(&self, one: &str, other: &str) -> Result<(), ConfigError> {
        match (self.text(one), self.text(other)) {
            (Some(_), None) => Err(ConfigError(format!("`{one}` needs `{other}`"))),
            (None, Some(_)) => Err(ConfigError(format!("`{other}` needs `{one}`"))),
            _ => Ok(()),
        }
    }
}

fn check(field: &Field, value: &Value) -> Result<(), ConfigError> {
    let name = field.name;
    let fail = |expected: &str| Err(ConfigError(format!("`{name}` must be {expected}")));
    match (field.kind, value.as_str()) {
        (FieldKind::Url, Some(text)) => url(name, text).map(|_| ()),
        (FieldKind::Url, None) => fail("a URL"),
        (FieldKind::Text, text) if text.is_none_or(str::is_empty) => fail("a text that is not empty"),
        (FieldKind::File, text) if !text.is_some_and(|text| PathBuf::from(text).is_absolute()) => {
            fail("the absolute path of a file")
        }
        (FieldKind::Number { min, max, .. }, _)
            if !value.as_u64().is_some_and(|n| (min..=max).contains(&n)) =>
        {
            fail(&format!("a whole number from {min} to {max}"))
        }
        (FieldKind::Choice(words), text) if !text.is_some_and(|text| words.contains(&text)) => {
            fail(&format!("one of {}", words.join(", ")))
        }
        (FieldKind::Hosts, _) => hosts(name, value).map(|_| ()),
        _ => Ok(()),
    }
}

fn url(name: &str, text: &str) -> Result<Url, ConfigError> {
    let url = Url::parse(text).map_err(|error| ConfigError(format!("`{name}` is not a URL: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(ConfigError(format!("`{name}` must start with https:// or http://")));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(ConfigError(format!(
            "`{name}` holds a user name or password; give `username` and `password_file` in its place"
        )));
    }
    Ok(url)
}

fn hosts(name: &str, value: &Value) -> Result<Vec<Allow>, ConfigError> {
    let fail = || ConfigError(format!("`{name}` must be a list of host names, addresses or networks"));
    let items = value.as_array().filter(|items| items.len() <= 256).ok_or_else(fail)?;
    items
        .iter()
        .map(|item| {
            let text = item.as_str().ok_or_else(fail)?;
            text.parse().map_err(|error| ConfigError(format!("`{name}`: {error}")))
        })
        .collect()
}
