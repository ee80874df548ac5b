//! The reference page: the OpenAPI document as one page of HTML without scripts, so that it works offline.

use std::fmt::Write as _;

use axum::Router;
use axum::http::{HeaderName, header};
use axum::response::IntoResponse;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::app::Shared;
use crate::openapi::openapi;

const STYLE: &str = "
:root{color-scheme:light dark;--line:color-mix(in srgb,currentColor 18%,transparent)}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
h2{margin-top:3rem;border-bottom:1px solid var(--line)}
h3{margin:2rem 0 .25rem;font-size:1.05rem}
code,pre{font-family:ui-monospace,monospace;font-size:.92em}
h3 b{display:inline-block;min-width:4.5rem}
table{border-collapse:collapse;width:100%;margin:.5rem 0}
th,td{border-bottom:1px solid var(--line);padding:.25rem .75rem .25rem 0;text-align:left;vertical-align:top}
nav a{margin-right:1rem}
";

pub(crate) fn routes() -> Router<Shared> {
    Router::new().route("/api/v1/docs", get(page)).route("/api/v1/openapi.json", get(document))
}

async fn document() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], openapi())
}

async fn page() -> impl IntoResponse {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!("default-src 'none'; style-src 'sha256-{hash}'; frame-ancestors 'none'");
    let headers: [(HeaderName, String); 2] = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (header::CONTENT_SECURITY_POLICY, policy),
    ];
    (headers, render(&serde_json::from_str(&openapi()).unwrap_or_default()))
}

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

fn render(document: &Value) -> String {
    let mut out = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width,initial-scale=1\"><title>Shieldwall reference</title><style>{STYLE}</style></head>\
         <body><h1>Shieldwall reference</h1><p>{}</p><p><a href=\"/api/v1/openapi.json\">openapi.json</a></p><nav>",
        rich(text(document, "/info/description")),
    );
    let tags = document.pointer("/tags").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for tag in tags {
        let name = escape(text(tag, "/name"));
        let _ = write!(out, "<a href=\"#{name}\">{name}</a>");
    }
    out.push_str("<a href=\"#shapes\">shapes</a></nav>");
    for tag in tags {
        let name = text(tag, "/name");
        let (id, about) = (escape(name), rich(text(tag, "/description")));
        let _ = write!(out, "<h2 id=\"{id}\">{id}</h2><p>{about}</p>");
        for (path, item) in members(document.get("paths")) {
            for method in METHODS {
                let operation = item
                    .get(method)
                    .filter(|operation| operation.pointer("/tags/0").and_then(Value::as_str) == Some(name));
                if let Some(operation) = operation {
                    render_operation(&mut out, method, path, operation);
                }
            }
        }
    }
    out.push_str("<h2 id=\"shapes\">shapes</h2>");
    for (name, schema) in members(document.pointer("/components/schemas")) {
        render_shape(&mut out, name, schema);
    }
    out.push_str("</body></html>\n");
    out
}

fn render_operation(out: &mut String, method: &str, path: &str, operation: &Value) {
    let _ = write!(
        out,
        "<h3><b>{}</b> <code>{}</code></h3><p><strong>{}</strong>. {}</p>",
        method.to_uppercase(),
        escape(path),
        escape(text(operation, "/summary")),
        rich(text(operation, "/description")),
    );
    let parameters =
        operation.get("parameters").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if !parameters.is_empty() {
        out.push_str("<table><tr><th>parameter</th><th>in</th><th>meaning</th></tr>");
        for parameter in parameters {
            let needed =
                if parameter.get("required") == Some(&Value::Bool(true)) { "" } else { ", optional" };
            let _ = write!(
                out,
                "<tr><td><code>{}</code></td><td>{}{needed}</td><td>{}</td></tr>",
                escape(text(parameter, "/name")),
                escape(text(parameter, "/in")),
                rich(text(parameter, "/description")),
            );
        }
        out.push_str("</table>");
    }
    if let Some(content) = operation.pointer("/requestBody/content") {
        let _ = write!(out, "<p>Body: {}</p>", contents(content));
    }
    out.push_str("<p>Answers: ");
    for (place, (status, response)) in members(operation.get("responses")).enumerate() {
        let separator = if place == 0 { "" } else { "; " };
        let shapes = match response.get("content") {
            Some(content) => contents(content),
            None if response.get("$ref").is_some() => "<a href=\"#shape-Problem\">Problem</a>".to_owned(),
            None => String::new(),
        };
        let _ = write!(out, "{separator}{} {shapes}", escape(status));
    }
    out.push_str("</p>");
}

fn contents(content: &Value) -> String {
    let each = members(Some(content)).map(|(media_type, body)| {
        format!("{} <code>{}</code>", kind(body.get("schema").unwrap_or(&Value::Null)), escape(media_type))
    });
    each.collect::<Vec<_>>().join(" or ")
}

fn render_shape(out: &mut String, name: &str, schema: &Value) {
    let name = escape(name);
    let _ = write!(
        out,
        "<h3 id=\"shape-{name}\"><code>{name}</code></h3><p>{}</p>",
        rich(text(schema, "/description"))
    );
    let parts = schema.get("allOf").or_else(|| schema.get("oneOf")).and_then(Value::as_array);
    let parts = parts.map_or_else(|| vec![schema], |parts| parts.iter().collect());
    out.push_str("<table>");
    for part in parts {
        if part.get("$ref").is_some() {
            let _ = write!(out, "<tr><td colspan=\"3\">and all of {}</td></tr>", kind(part));
        }
        let required = part.get("required").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for (field, value) in members(part.get("properties")) {
            let needed = if required.iter().any(|name| name == field) { "" } else { ", optional" };
            let _ = write!(
                out,
                "<tr><td><code>{}</code></td><td>{}{needed}</td><td>{}</td></tr>",
                escape(field),
                kind(value),
                rich(text(value, "/description")),
            );
        }
    }
    out.push_str("</table>");
}

/// What kind of value a schema describes, with a link where it is a shape of ours.
fn kind(schema: &Value) -> String {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let name = escape(reference.rsplit('/').next().unwrap_or_default());
        return format!("<a href=\"#shape-{name}\">{name}</a>");
    }
    if let Some(items) = schema.get("items") {
        return format!("list of {}", kind(items));
    }
    if let Some(parts) = schema.get("oneOf").and_then(Value::as_array) {
        let parts: Vec<_> = parts.iter().map(kind).collect();
        return parts.join(" or ");
    }
    match schema.get("type") {
        Some(Value::String(name)) => escape(name),
        Some(Value::Array(names)) => names
            .iter()
            .filter_map(Value::as_str)
            .filter(|name| *name != "null")
            .map(escape)
            .collect::<Vec<_>>()
            .join(" or "),
        _ => "any".to_owned(),
    }
}

fn members(value: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    value.and_then(Value::as_object).into_iter().flatten()
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Escaped text in which back-ticks become code.
fn rich(text: &str) -> String {
    let mut out = String::new();
    for (place, part) in text.split('`').enumerate() {
        let part = escape(part);
        let _ = if place % 2 == 1 { write!(out, "<code>{part}</code>") } else { write!(out, "{part}") };
    }
    out
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
