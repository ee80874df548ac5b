//! The OpenAPI document, generated from the handlers.

use axum::http::StatusCode;
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Ref, RefOr, Responses};
use utoipa_axum::router::OpenApiRouter;

use crate::app::Shared;
use crate::problem::ProblemBody;
use crate::rest;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Shieldwall",
        description = "REST interface of a node. Objects are STIX 2.1; other parties read collections over TAXII 2.1 \
                       under `/taxii2/`. Errors are problem details (RFC 9457) whose `type` is stable.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(ProblemBody), responses(ProblemBody)),
    tags(
        (name = "session", description = "Signing in and out"),
        (name = "node", description = "The node itself"),
        (name = "objects", description = "What is known: objects, their surroundings, what checks said"),
        (name = "journal", description = "What happened, in order, and as it happens"),
        (name = "exchange", description = "In and out, in bulk"),
        (name = "sources", description = "Where objects come from"),
        (name = "detection", description = "Logs, rules, alerts, hunts, answers"),
        (name = "held", description = "What a person should look at first"),
        (name = "releases", description = "What clients without a node may have, and for how long"),
        (name = "administration", description = "Accounts, tokens, audit, the store"),
    )
)]
struct Document;

const PREFIX: &str = "/api/v1";

/// Routes that need a caller.
pub(crate) fn with_caller() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().nest(PREFIX, rest::routes())
}

/// Signing in.
pub(crate) fn without_caller() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().nest(PREFIX, rest::sign_in_route())
}

/// The OpenAPI document of the REST interface: pretty JSON with a final newline, the same bytes for the same code.
#[must_use]
pub fn openapi() -> String {
    let router = OpenApiRouter::<Shared>::with_openapi(Document::openapi());
    let mut document = router.merge(with_caller()).merge(without_caller()).into_openapi();
    for (path, item) in &mut document.paths.paths {
        let operations = [
            ("get", &mut item.get),
            ("put", &mut item.put),
            ("post", &mut item.post),
            ("patch", &mut item.patch),
            ("delete", &mut item.delete),
        ];
        for (method, operation) in operations {
            if let Some(operation) = operation {
                operation.operation_id = Some(operation_id(method, path));
                complete(&mut operation.responses);
            }
        }
    }
    let components = document.components.get_or_insert_default();
    for (name, scheme) in [("bearer", HttpAuthScheme::Bearer), ("basic", HttpAuthScheme::Basic)] {
        components.add_security_scheme(name, SecurityScheme::Http(Http::new(scheme)));
    }
    let none = Vec::<String>::new;
    document.security =
        Some(vec![SecurityRequirement::new("bearer", none()), SecurityRequirement::new("basic", none())]);
    // Serialising plain data with text keys cannot fail; an empty document would be noticed by the drift check.
    let mut text = document.to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

/// Any operation can fail in ways that have nothing to do with it; and a response must be described.
fn complete(responses: &mut Responses) {
    for (status, response) in &mut responses.responses {
        let status = status.parse().ok().and_then(|status: StatusCode| status.canonical_reason());
        if let (RefOr::T(response), Some(reason)) = (response, status)
            && response.description.is_empty()
        {
            reason.clone_into(&mut response.description);
        }
    }
    let problem = RefOr::Ref(Ref::from_response_name("Problem"));
    responses.responses.insert("default".to_owned(), problem);
}

/// `get_objects_id_versions` for `GET /api/v1/objects/{id}/versions`: unique, as method and path are.
fn operation_id(method: &str, path: &str) -> String {
    let path = path.strip_prefix(PREFIX).unwrap_or(path);
    let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    std::iter::once(method).chain(words).collect::<Vec<_>>().join("_")
}
