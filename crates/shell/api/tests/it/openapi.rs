//! The OpenAPI document and the page made from it.

use serde_json::Value;

use crate::desk::Desk;

#[test]
fn the_document_is_the_same_every_time_and_names_what_it_refers_to() {
    let text = shieldwall_api::openapi();
    assert_eq!(text, shieldwall_api::openapi());
    let document: Value = serde_json::from_str(&text).unwrap();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let problem = &document["components"]["responses"]["Problem"];
    let reference = &problem["content"]["application/problem+json"]["schema"]["$ref"];
    assert_eq!(reference, "#/components/schemas/Problem", "{problem:#}");
    let mut rest = text.as_str();
    while let Some((_, tail)) = rest.split_once("#/components/schemas/") {
        let name = tail.split('"').next().unwrap();
        assert!(schemas.contains_key(name), "{name}");
        rest = tail;
    }
    let mut names = std::collections::BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(operation["summary"].is_string(), "{method} {path} has no summary");
            for (status, response) in operation["responses"].as_object().unwrap() {
                let described = response["description"].as_str().is_some_and(|text| !text.is_empty());
                assert!(described || response["$ref"] == "#/components/responses/Problem", "{path} {status}");
            }
            assert!(operation["tags"].is_array(), "{method} {path} has no tag");
            assert!(names.insert(operation["operationId"].to_string()), "{method} {path} has another's name");
        }
    }
}

#[tokio::test]
async fn the_reference_page_needs_nothing_from_elsewhere() {
    let desk = Desk::open();
    let page = desk.operator("GET /api/v1/docs").expect(200).await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(page.header("content-security-policy").starts_with("default-src 'none'; style-src 'sha256-"));
    assert!(!page.body.contains("<script") && !page.body.contains("http://") && !page.body.contains("src="));
    assert!(page.body.contains("/api/v1/objects/{id}/versions"));
    let served = desk.operator("GET /api/v1/openapi.json").expect(200).await;
    assert_eq!(served.body, shieldwall_api::openapi());
}
