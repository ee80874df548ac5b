//! Configuration of a log source: a table of fields says what there is, checks it and documents it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use ports::logs::{LogError, READ_FIELDS};
use ports::pull::{Field, FieldKind};
use serde_json::Value;

/// The words of a switch. In JSON `true` and `false` do as well.
pub(crate) const SWITCH: FieldKind = FieldKind::Choice(&["false", "true"]);

/// A checked configuration. A look-up of a field that the table does not have finds nothing.
pub(crate) struct Config {
    values: BTreeMap<String, Value>,
    fields: &'static [Field],
}

impl Config {
    pub(crate) fn read(text: &str, fields: &'static [Field]) -> Result<Self, LogError> {
        let values: BTreeMap<String, Value> = serde_json::from_str(text)
            .map_err(|error| wrong(format!("the configuration is not a JSON object: {error}")))?;
        for (name, value) in &values {
            if READ_FIELDS.contains(&name.as_str()) {
                continue;
            }
            let field =
                fields.iter().find(|field| field.name == name).ok_or_else(|| unknown(name, fields))?;
            check(field, value)?;
        }
        match fields.iter().find(|field| field.required && !values.contains_key(field.name)) {
            Some(field) => Err(wrong(format!("`{}` is missing: {}", field.name, field.help))),
            None => Ok(Self { values, fields }),
        }
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).and_then(Value::as_str)
    }

    /// A path. Required ones are there, by [`Config::read`].
    pub(crate) fn path(&self, name: &str) -> Option<PathBuf> {
        self.text(name).map(PathBuf::from)
    }

    pub(crate) fn switch(&self, name: &str) -> bool {
        self.values
            .get(name)
            .is_some_and(|value| value.as_bool() == Some(true) || value.as_str() == Some("true"))
    }

    pub(crate) fn number(&self, name: &str) -> u64 {
        let default = match self.fields.iter().find(|field| field.name == name).map(|field| field.kind) {
            Some(FieldKind::Number { default, .. }) => default,
            _ => 0,
        };
        self.values.get(name).and_then(Value::as_u64).unwrap_or(default)
    }

    /// The address to listen on: with a port alone, on this machine only.
    pub(crate) fn listen(&self) -> Result<SocketAddr, LogError> {
        self.values.get("listen").map_or_else(|| Err(wrong("`listen` is missing".to_owned())), address)
    }
}

pub(crate) fn wrong(message: String) -> LogError {
    LogError::Configuration(message)
}

fn unknown(name: &str, fields: &[Field]) -> LogError {
    let known: Vec<&str> = fields.iter().map(|field| field.name).chain(READ_FIELDS.iter().copied()).collect();
    wrong(format!("`{name}` is not a field of this kind; there are {}", known.join(", ")))
}

fn check(field: &Field, value: &Value) -> Result<(), LogError> {
    let name = field.name;
    let fail = |expected: &str| Err(wrong(format!("`{name}` must be {expected}")));
    match (field.kind, value.as_str()) {
        (_, _) if name == "listen" => address(value).map(|_| ()),
        (kind, None) if kind == SWITCH && value.is_boolean() => Ok(()),
        (FieldKind::File, text) if !text.is_some_and(|text| PathBuf::from(text).is_absolute()) => {
            fail("an absolute path")
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

/// `host:port`, `:port`, or a port alone as text or number.
fn address(value: &Value) -> Result<SocketAddr, LogError> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let port = text.strip_prefix(':').unwrap_or(&text);
    if let Ok(port) = port.parse::<u16>() {
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    }
    text.parse().map_err(|_| {
        wrong(format!(
            "`listen` must be an address and a port such as 0.0.0.0:514 or [::]:6514, not `{text}`"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_this_machines() {
        let check = |text: &str, expect: &str| {
            let found = address(&serde_json::from_str(text).unwrap());
            assert_eq!(
                found.map_or_else(|_| "refused".to_owned(), |found| found.to_string()),
                expect,
                "{text}"
            );
        };
        check("514", "127.0.0.1:514");
        check("\"514\"", "127.0.0.1:514");
        check("\":6514\"", "127.0.0.1:6514");
        check("\"0.0.0.0:514\"", "0.0.0.0:514");
        check("\"[::]:514\"", "[::]:514");
        check("\"logs.example:514\"", "refused");
        check("99999", "refused");
        check("null", "refused");
        check("\"\"", "refused");
    }
}
