//! OpenC2 commands (OpenC2 Language Specification 1.0; Profile for Stateless Packet Filtering 1.0, "SLPF"), and the
//! message that carries one over HTTPS (Specification for Transfer of OpenC2 Messages via HTTPS 1.1).
//!
//! A `deny` carries its own end, so a consumer ends it by itself. Ending it before that is a `delete` of the rule number
//! that the consumer gave in its response (SLPF §2.3.4); an `allow` would not take the `deny` back, only add to it.

use model::Timestamp;
use observable::Kind;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::set::{BlockItem, BlockSet, Export, Handle, Sorting, Why};

/// The media type of messages, in both directions (Transfer via HTTPS 1.1 §3.3.1).
pub const MEDIA_TYPE: &str = "application/openc2+json;version=1.0";

/// The namespace of command ids: the same block with the same end is the same command, so that a consumer can tell a
/// repetition from another command.
const NAMESPACE: Uuid = Uuid::from_bytes([
    0x8f, 0x60, 0x2d, 0x93, 0x14, 0xb7, 0x4e, 0x0c, 0xa5, 0xd8, 0x71, 0x3b, 0x96, 0xee, 0x42, 0x5f,
]);

/// One command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Its `command_id`.
    pub id: String,
    /// [`BlockItem::key`] of the item it is about.
    pub item: String,
    /// Which part of the item: `tcp` or `udp` where it has a port, else empty.
    pub part: &'static str,
    /// When the block ends.
    pub until: Timestamp,
    /// The command.
    pub body: Value,
}

/// What a consumer answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// 102 processing, 200 done, 400 not understood, 401, 403, 404, 500 failed, 501 not implemented, 503 busy (OpenC2
    /// Language Specification 1.0 §3.3.2.2).
    pub status: u16,
    /// What it said about it.
    pub text: String,
    /// The number of the rule it made (SLPF §2.2.2).
    pub rule: Option<i64>,
}

/// A text is no OpenC2 response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an OpenC2 response: {0}")]
pub struct ResponseError(String);

/// The commands that block an item: one, or one each for TCP and UDP where it has a port.
///
/// Addresses and networks are denied in both directions under the profile. Domain names, URLs, e-mail and MAC addresses
/// and hashes are targets of the language but not of the profile, so their commands name no profile: whoever can deny
/// them does.
///
/// # Errors
/// [`Why::Kind`] and [`Why::Port`] for what OpenC2 has no target for.
pub fn commands(item: &BlockItem) -> Result<Vec<Command>, Why> {
    let value = item.observable.to_string();
    let address = |net: &str, connection: &str| -> Vec<(&'static str, Value)> {
        match item.port {
            None => vec![("", member(net, json!(value)))],
            Some(port) => ["tcp", "udp"]
                .map(|protocol| {
                    let tuple = json!({"protocol": protocol, "dst_addr": value, "dst_port": port});
                    (protocol, member(connection, tuple))
                })
                .into(),
        }
    };
    let kind = item.observable.kind();
    let (targets, profiled) = match kind {
        Kind::Ipv4 | Kind::Cidr4 => (address("ipv4_net", "ipv4_connection"), true),
        Kind::Ipv6 | Kind::Cidr6 => (address("ipv6_net", "ipv6_connection"), true),
        _ if item.port.is_some() => return Err(Why::Port),
        Kind::Domain => (vec![("", member("domain_name", json!(value)))], false),
        Kind::Url => (vec![("", member("uri", json!(value)))], false),
        Kind::Email => (vec![("", member("email_addr", json!(value)))], false),
        Kind::Mac => (vec![("", member("mac_addr", json!(value)))], false),
        Kind::Md5 => (vec![("", file("md5", &value))], false),
        Kind::Sha1 => (vec![("", file("sha1", &value))], false),
        Kind::Sha256 => (vec![("", file("sha256", &value))], false),
        _ => return Err(Why::Kind),
    };
    let key = item.key();
    let command = |(part, target): (&'static str, Value)| {
        let mut args = json!({
            "stop_time": item.until.as_micros().div_euclid(1000),
            "response_requested": "complete",
        });
        let id = id(&["deny", &key, part, &item.until.to_string()]);
        let mut body = json!({"action": "deny", "target": target});
        if profiled {
            set(&mut args, "slpf", json!({"direction": "both", "drop_process": "none"}));
        }
        set(&mut body, "args", args);
        if profiled {
            set(&mut body, "actuator", json!({"slpf": {}}));
        }
        set(&mut body, "command_id", json!(id));
        Command { id, item: key.clone(), part, until: item.until, body }
    };
    Ok(targets.into_iter().map(command).collect())
}

/// The command that takes a block back; `None` when the consumer gave it no rule number.
#[must_use]
pub fn delete(handle: &Handle) -> Option<Command> {
    let rule: i64 = handle.id.parse().ok()?;
    let id = id(&["delete", &handle.item, &handle.part, &handle.until.to_string(), &handle.id]);
    let body = json!({
        "action": "delete",
        "target": {"slpf:rule_number": rule},
        "args": {"response_requested": "complete"},
        "actuator": {"slpf": {}},
        "command_id": id,
    });
    let part = match handle.part.as_str() {
        "tcp" => "tcp",
        "udp" => "udp",
        _ => "",
    };
    Some(Command { id, item: handle.item.clone(), part, until: handle.until, body })
}

/// The command that asks a consumer whether it is there (SLPF §2.3.3.1).
#[must_use]
pub fn query() -> Value {
    json!({"action": "query", "target": {"features": []}})
}

/// The message that carries a command: the request id also goes into the header `X-Request-ID`.
#[must_use]
pub fn message(command: &Value, request: &str, created: Timestamp) -> String {
    json!({
        "headers": {"request_id": request, "created": created.as_micros().div_euclid(1000)},
        "body": {"openc2": {"request": command}},
    })
    .to_string()
}

/// Reads a response, in its message or, as version 1.0 of the transfer has it, bare.
///
/// # Errors
/// [`ResponseError`] when there is no status in it.
pub fn read_response(text: &str) -> Result<Response, ResponseError> {
    let document: Value = serde_json::from_str(text).map_err(|error| ResponseError(error.to_string()))?;
    let response = document.pointer("/body/openc2/response").unwrap_or(&document);
    let status = response.get("status").and_then(Value::as_u64);
    let status = status
        .and_then(|status| u16::try_from(status).ok())
        .ok_or_else(|| ResponseError("it has no `status`".to_owned()))?;
    let said = response.get("status_text").and_then(Value::as_str).unwrap_or_default();
    let rule = response.pointer("/results/slpf/rule_number").and_then(Value::as_i64);
    Ok(Response { status, text: said.chars().take(300).collect(), rule })
}

/// The commands of a set as a JSON array, one a line: for consumers that are fed by hand.
#[must_use]
pub fn openc2(set: &BlockSet, now: Timestamp) -> Export {
    let (items, mut sorting) = Sorting::of(set, now);
    let mut lines = Vec::new();
    for item in items {
        match commands(item) {
            Ok(commands) => {
                lines.extend(commands.iter().map(|command| command.body.to_string()));
                sorting.written += 1;
            }
            Err(why) => sorting.skip(item, why),
        }
    }
    sorting.export(if lines.is_empty() {
        "[]\n".to_owned()
    } else {
        format!("[\n{}\n]\n", lines.join(",\n"))
    })
}

fn member(name: &str, value: Value) -> Value {
    let mut members = serde_json::Map::new();
    members.insert(name.to_owned(), value);
    Value::Object(members)
}

fn file(algorithm: &str, digest: &str) -> Value {
    json!({"file": {"hashes": member(algorithm, json!(digest))}})
}

fn set(body: &mut Value, name: &str, value: Value) {
    if let Some(members) = body.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}

fn id(parts: &[&str]) -> String {
    Uuid::new_v5(&NAMESPACE, parts.join("\0").as_bytes()).to_string()
}
