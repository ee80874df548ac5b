//! Configuration of an actuator: one table of fields says what there is, checks it and documents it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ports::pull::{ConfigError, Field, FieldKind};
use reqwest::Url;
use serde_json::Value;

/// A checked configuration. A look-up of a field that the schema does not have finds nothing.
pub(crate) struct Config {
    values: BTreeMap<String, Value>,
    schema: &'static [Field],
}

impl Config {
    pub(crate) fn read(text: &str, schema: &'static [Field]) -> Result<Self, ConfigError> {
        let values: BTreeMap<String, Value> = serde_json::from_str(text)
            .map_err(|error| ConfigError(format!("the configuration is not a JSON object: {error}")))?;
        for (name, value) in &values {
            let field =
                schema.iter().find(|field| field.name == name).ok_or_else(|| unknown(name, schema))?;
            check(field, value)?;
        }
        match schema.iter().find(|field| field.required && !values.contains_key(field.name)) {
            Some(field) => Err(ConfigError(format!("`{}` is missing: {}", field.name, field.help))),
            None => Ok(Self { values, schema }),
        }
    }

    fn kind(&self, name: &str) -> Option<FieldKind> {
        self.schema.iter().find(|field| field.name == name).map(|field| field.kind)
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).and_then(Value::as_str)
    }

    pub(crate) fn file(&self, name: &str) -> Option<PathBuf> {
        self.text(name).map(PathBuf::from)
    }

    pub(crate) fn number(&self, name: &str) -> u64 {
        let default = match self.kind(name) {
            Some(FieldKind::Number { default, .. }) => default,
            _ => 0,
        };
        self.values.get(name).and_then(Value::as_u64).unwrap_or(default)
    }

    pub(crate) fn choice(&self, name: &str) -> &str {
        let default = match self.kind(name) {
            Some(FieldKind::Choice([first, ..])) => first,
            _ => "",
        };
        self.text(name).unwrap_or(default)
    }
}

fn unknown(name: &str, schema: &[Field]) -> ConfigError {
    if matches!(name, "secret" | "password" | "token" | "key") {
        return ConfigError(format!(
            "`{name}` would put a secret into the store; write it to a file and name that in `secret_file`"
        ));
    }
    let known: Vec<&str> = schema.iter().map(|field| field.name).collect();
    let known = if known.is_empty() { "no fields".to_owned() } else { known.join(", ") };
    ConfigError(format!("`{name}` is not a field of this kind; there are {known}"))
}

fn check(field: &Field, value: &Value) -> Result<(), ConfigError> {
    let name = field.name;
    let fail = |expected: &str| Err(ConfigError(format!("`{name}` must be {expected}")));
    match (field.kind, value.as_str()) {
        (FieldKind::Url, Some(text)) => url(name, text).map(|_| ()),
        (FieldKind::Url, None) => fail("a URL"),
        (FieldKind::Text, text) if text.is_none_or(|text| text.trim().is_empty()) => {
            fail("a text that is not empty")
        }
        (FieldKind::File, text) if !text.is_some_and(|text| PathBuf::from(text).is_absolute()) => {
            fail("the absolute path of a file")
        }
        (FieldKind::Number { min, max, .. }, _)
            if !value.as_u64().is_some_and(|number| (min..=max).contains(&number)) =>
        {
            fail(&format!("a whole number from {min} to {max}"))
        }
        (FieldKind::Choice(words), text) if !text.is_some_and(|text| words.contains(&text)) => {
            fail(&format!("one of {}", words.join(", ")))
        }
        _ => Ok(()),
    }
}

/// A URL that a block set may go to: `https`, or `http` to this very machine by its address.
pub(crate) fn url(name: &str, text: &str) -> Result<Url, ConfigError> {
    let url = Url::parse(text).map_err(|error| ConfigError(format!("`{name}` is not a URL: {error}")))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(ConfigError(format!(
            "`{name}` holds a user name or password; requests are signed instead"
        )));
    }
    if url.fragment().is_some() {
        return Err(ConfigError(format!("`{name}` has a fragment, which is never sent; leave it out")));
    }
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let here = host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    match url.scheme() {
        "https" => Ok(url),
        "http" if here => Ok(url),
        _ => Err(ConfigError(format!(
            "`{name}` must start with https://; only to this machine, as 127.0.0.1 or [::1], with http://"
        ))),
    }
}
