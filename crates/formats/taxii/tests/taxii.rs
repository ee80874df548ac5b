//! TAXII 2.1 media types, queries, page tokens, envelopes and resources, against the specification's words.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use model::Timestamp;
use proptest::prelude::*;
use shieldwall_taxii::{
    ApiRoot, Collections, Discovery, Envelope, EnvelopeWriter, ErrorMessage, Manifest, Query, Status,
    VersionMatch, Versions, accepts, content_type_ok, date_added, page_token, read_page_token,
    response_type_ok,
};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn accept_headers() {
    for (values, expect) in [
        (&["application/taxii+json;version=2.1"][..], true),
        (&["application/taxii+json; version=2.1"], true),
        (&["Application/TAXII+JSON ; Version=\"2.1\""], true),
        (&["application/taxii+json;version=2.1;charset=utf-8"], true),
        (&["application/taxii+json;charset=UTF-8;version=2.1"], true),
        (&["application/taxii+json"], true),
        (&["*/*"], true),
        (&["application/*"], true),
        (&[], true),
        (&[""], true),
        (&["text/html,application/xhtml+xml,*/*;q=0.8"], true),
        (&["text/html", "application/taxii+json;version=2.1;q=0.001"], true),
        (&["application/taxii+json;version=2.0, application/taxii+json;version=2.1;q=0.5"], true),
        (&["application/taxii+json;version=2.0"], false),
        (&["application/taxii+json;version=2.10"], false),
        (&["application/taxii+json;version=2"], false),
        (&["application/taxii+json;version="], false),
        (&["application/taxii+json;charset=latin1"], false),
        (&["application/vnd.oasis.taxii+json;version=2.0"], false),
        (&["application/json"], false),
        (&["text/*"], false),
        (&["application/taxii+json;version=2.1;q=0"], false),
        (&["application/taxii+json;version=2.1;q=0.000, */*"], false),
        (&["*/*;q=0"], false),
        (&["*/*;q=0, application/taxii+json"], true),
        (&["application/taxii+json;version=2.1;q=2"], false),
        (&["application/taxii+json;version=2.1;q=0.1234"], false),
        (&["application/taxii+json;version"], false),
        (&["\"application/taxii+json;version=2.1\""], false),
        (&["text/plain;x=\"a,application/taxii+json;version=2.1,b\""], false),
    ] {
        assert_eq!(accepts(values.iter().copied()), expect, "{values:?}");
    }
}

#[test]
fn content_types() {
    for (value, request, response) in [
        ("application/taxii+json;version=2.1", true, true),
        ("application/taxii+json", true, true),
        ("application/taxii+json; charset=utf-8;", true, true),
        ("application/taxii+json;version=2.0", false, false),
        ("application/vnd.oasis.taxii+json; version=2.0", false, false),
        ("application/json; charset=utf-8", false, true),
        ("application/stix+json;version=2.1", false, false),
        ("*/*", false, false),
        ("text/html", false, false),
        ("", false, false),
    ] {
        assert_eq!((content_type_ok(value), response_type_ok(value)), (request, response), "{value}");
    }
}

#[test]
fn a_full_query_is_read() {
    let query = Query::parse(
        "added_after=2026-01-31T12%3A00%3A00.123456Z&limit=10&next=abc\
         &match[id]=indicator--3600ad1b-fff1-4c98-bcc9-4de3bc2e2ffb\
         &match%5Btype%5D=indicator%2Csighting&match[type]=malware\
         &match[version]=first,2018-03-02T01:01:01.123Z,last&match[spec_version]=2.0,2.1\
         &match[name]=ignored&unknown=%zz&&",
    )
    .unwrap();
    assert_eq!(query.added_after, Some(at("2026-01-31T12:00:00.123456Z")));
    assert_eq!((query.limit, query.next.as_deref()), (Some(10), Some("abc")));
    assert_eq!(
        query.ids.iter().map(model::StixId::as_str).collect::<Vec<_>>(),
        ["indicator--3600ad1b-fff1-4c98-bcc9-4de3bc2e2ffb"]
    );
    assert_eq!(query.types.iter().collect::<Vec<_>>(), ["indicator", "malware", "sighting"]);
    assert_eq!(
        query.versions.into_iter().collect::<Vec<_>>(),
        [VersionMatch::Last, VersionMatch::First, VersionMatch::At(at("2018-03-02T01:01:01.123Z"))]
    );
    assert_eq!(query.spec_versions.iter().collect::<Vec<_>>(), ["2.0", "2.1"]);
    assert_eq!(Query::parse("").unwrap(), Query::default());
}

#[test]
fn a_large_limit_is_the_largest_and_digits_beyond_the_microsecond_do_not_skip() {
    assert_eq!(Query::parse("limit=99999999999999999999").unwrap().limit, Some(u32::MAX));
    let query = Query::parse("added_after=2026-01-31T12:00:00.1234569Z").unwrap();
    assert_eq!(query.added_after, Some(at("2026-01-31T12:00:00.123456Z")));
}

#[test]
fn malformed_parameters_are_named() {
    for (raw, parameter) in [
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=", "limit"),
        ("limit", "limit"),
        ("limit=ten", "limit"),
        ("limit=1.5", "limit"),
        ("limit=%2B5", "limit"),
        ("limit=5&limit=5", "limit"),
        ("added_after=yesterday", "added_after"),
        ("added_after=2022-01-01", "added_after"),
        ("added_after=2022-01-01T00:00:00+00:00", "added_after"),
        ("added_after=2022-02-30T00:00:00Z", "added_after"),
        ("added_after=2022-01-01T00:00:00Z,2022-01-02T00:00:00Z", "added_after"),
        ("added_after=2022-01-01T00:00:00Z&added_after=2022-01-01T00:00:00Z", "added_after"),
        ("next=", "next"),
        ("next=a&next=a", "next"),
        ("match[id]=indicator", "match[id]"),
        ("match[type]=", "match[type]"),
        ("match[type]=a,,b", "match[type]"),
        ("match[type]=%ff", "match[type]"),
        ("match[type]=%4", "match[type]"),
        ("match[type]=%é1", "match[type]"),
        ("match[version]=all,last", "match[version]"),
        ("match[version]=all&match[version]=first", "match[version]"),
        ("match[version]=newest", "match[version]"),
        ("match[spec_version]=2", "match[spec_version]"),
        ("match[spec_version]=2.x", "match[spec_version]"),
        ("%ff=1", "query"),
    ] {
        match Query::parse(raw) {
            Ok(query) => panic!("{raw} was read as {query:?}"),
            Err(error) => assert_eq!(error.parameter, parameter, "{raw}: {error}"),
        }
    }
}

#[test]
fn counts_and_sizes_are_bounded() {
    let many: Vec<String> = (0..1_001).map(|n| n.to_string()).collect();
    assert_eq!(
        Query::parse(&format!("match[type]={}", many.join(","))).unwrap_err().parameter,
        "match[type]"
    );
    assert!(Query::parse(&format!("match[type]={}", many[..1_000].join(","))).is_ok());
    assert_eq!(
        Query::parse(&format!("match[type]={}", "x".repeat(251))).unwrap_err().parameter,
        "match[type]"
    );
    assert_eq!(Query::parse(&format!("next={}", "x".repeat(251))).unwrap_err().parameter, "next");
    assert_eq!(Query::parse(&"x".repeat(70_000)).unwrap_err().parameter, "query");
}

fn with_next(raw: &str, token: &str) -> Query {
    Query::parse(&format!("{raw}&next={token}")).unwrap()
}

#[test]
fn a_token_belongs_to_its_filters_and_resource() {
    let position = at("2026-01-31T12:00:00.123456Z");
    let filters = "match[type]=indicator,malware&added_after=2020-01-01T00:00:00Z&limit=5";
    let token = page_token(position, "c1/objects", &Query::parse(filters).unwrap());
    assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{token}");

    let same = "limit=99&match[type]=malware&match[type]=indicator&added_after=2020-01-01T00:00:00.000Z";
    assert_eq!(read_page_token("c1/objects", &with_next(same, &token)), Ok(Some(position)));
    assert_eq!(read_page_token("c1/objects", &Query::default()), Ok(None));

    for (resource, raw) in [
        ("c2/objects", filters),
        ("c1/manifest", filters),
        ("c1/objects", "match[type]=indicator&added_after=2020-01-01T00:00:00Z"),
        ("c1/objects", "match[type]=indicator,malware"),
        ("c1/objects", "match[type]=indicator,malware&added_after=2020-01-01T00:00:00.000001Z"),
        ("c1/objects", "match[type]=indicator,malware&added_after=2020-01-01T00:00:00Z&match[version]=all"),
        (
            "c1/objects",
            "match[type]=indicator,malware&added_after=2020-01-01T00:00:00Z&match[spec_version]=2.1",
        ),
    ] {
        let error = read_page_token(resource, &with_next(raw, &token)).unwrap_err();
        assert!(error.message.contains("differ"), "{resource} {raw}: {error}");
    }
    for foreign in ["123456789", "AAAA", "!", &token[1..], &format!("{token}AAAA")] {
        assert!(read_page_token("c1/objects", &with_next(filters, foreign)).is_err(), "{foreign}");
    }
}

#[test]
fn an_envelope_keeps_every_byte_of_its_objects() {
    let objects = ["{\"a\" : 1.0e1,\t\"b\":\"\\u00e9\"}", "{ }"];
    let mut writer = EnvelopeWriter::default();
    objects.iter().for_each(|object| writer.push(object));
    let text = writer.finish(true, Some("a\"b"));
    let read = Envelope::parse(text.as_bytes(), &json::Limits::DOCUMENT).unwrap();
    assert_eq!((read.more, read.next.as_deref()), (true, Some("a\"b")));
    let spans: Vec<&str> = read.objects.iter().map(|span| &text[span.clone()]).collect();
    assert_eq!(spans, objects);
}

#[test]
fn envelopes_without_objects() {
    assert_eq!(EnvelopeWriter::default().finish(false, None), "{}");
    assert_eq!(EnvelopeWriter::default().finish(false, Some("x")), "{}");
    assert_eq!(EnvelopeWriter::default().finish(true, None), "{\"more\":true}");
    let mut one = EnvelopeWriter::with_capacity(10);
    one.push("{}");
    assert_eq!(one.finish(false, None), "{\"objects\":[{}]}");
}

#[test]
fn envelopes_of_other_servers() {
    let parse = |text: &str| Envelope::parse(text.as_bytes(), &json::Limits::DOCUMENT);
    let empty = Envelope { more: false, next: None, objects: vec![] };
    for text in [
        "{}",
        "{\"objects\":[]}",
        "{\"objects\":null,\"more\":null,\"next\":null}",
        "{\"more\":false,\"next\":\"\"}",
    ] {
        assert_eq!(parse(text), Ok(empty.clone()), "{text}");
    }
    assert_eq!(parse("{\"more\":true,\"next\":17,\"x_acme\":{}}").unwrap().next.as_deref(), Some("17"));
    for text in [
        "[]",
        "{\"more\":\"true\"}",
        "{\"objects\":{}}",
        "{\"next\":{}}",
        "{",
        "<html>",
        "{\"more\":true,\"more\":false}",
    ] {
        assert!(parse(text).is_err(), "{text}");
    }
}

#[test]
fn added_dates_carry_microseconds() {
    assert_eq!(date_added(at("2026-01-31T12:00:00Z")), "2026-01-31T12:00:00.000000Z");
    assert_eq!(date_added(at("2026-01-31T12:00:00.12Z")), "2026-01-31T12:00:00.120000Z");
    assert_eq!(date_added(at("2026-01-31T12:00:00.123456Z")), "2026-01-31T12:00:00.123456Z");
}

fn round_trip<T: serde::Serialize + serde::de::DeserializeOwned>(text: &str) {
    let value: T = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_string(&value).unwrap(), text);
}

#[test]
fn resources_have_the_members_of_the_specification() {
    round_trip::<Discovery>(
        r#"{"title":"T","description":"D","contact":"C","default":"/a/","api_roots":["/a/","https://b.example/"]}"#,
    );
    round_trip::<ApiRoot>(
        r#"{"title":"T","versions":["application/taxii+json;version=2.1"],"max_content_length":104857600}"#,
    );
    round_trip::<Collections>("{}");
    round_trip::<Collections>(
        r#"{"collections":[{"id":"91a7b528-80eb-42ed-a74d-c6fbd5a26116","title":"T","alias":"a","can_read":true,"can_write":false,"media_types":["application/stix+json;version=2.1"]}]}"#,
    );
    round_trip::<Manifest>(
        r#"{"more":true,"objects":[{"id":"a--1","date_added":"2016-11-01T03:04:05.000000Z","version":"2016-11-01T03:04:05.000Z"}]}"#,
    );
    round_trip::<Manifest>("{}");
    round_trip::<Versions>(r#"{"versions":["2016-11-03T12:30:59.000Z"]}"#);
    round_trip::<Versions>("{}");
    round_trip::<Status>(
        r#"{"id":"2d086da7-4bdc-4f91-900e-d77486753710","status":"pending","request_timestamp":"2016-11-02T12:34:34.123450Z","total_count":3,"success_count":1,"successes":[{"id":"a--1","version":"v"}],"failure_count":1,"failures":[{"id":"a--2","version":"v","message":"why"}],"pending_count":1,"pendings":[{"id":"a--3","version":"v"}]}"#,
    );
    round_trip::<ErrorMessage>(r#"{"title":"T","description":"D","http_status":"409","details":{"k":[1]}}"#);
}

#[test]
fn a_status_detail_without_version_is_taken() {
    let status: Status = serde_json::from_str(
        r#"{"id":"i","status":"complete","total_count":1,"success_count":1,"successes":[{"id":"a--1"}],"failure_count":0,"pending_count":0,"x_new":1}"#,
    )
    .unwrap();
    assert!(status.is_complete());
}

proptest! {
    #[test]
    fn no_query_panics(raw in "\\PC*") {
        let _ = Query::parse(&raw);
    }

    #[test]
    fn no_likely_query_panics(
        key in "(added_after|limit|next|match\\[(id|type|version|spec_version)\\])",
        value in "([%+,]|[0-9a-f]{2}|é|last|all|2\\.1|2020-01-01T00:00:00Z){0,6}",
    ) {
        let _ = Query::parse(&format!("{key}={value}&{key}"));
    }

    #[test]
    fn no_header_panics(value in "([a-z/*+;=\",. ]|application/taxii\\+json|version=2\\.1|q=0|\\\\){0,30}") {
        let _ = (accepts([value.as_str(), value.as_str()]), content_type_ok(&value), response_type_ok(&value));
    }

    #[test]
    fn no_envelope_panics(text in "\\PC*") {
        let _ = Envelope::parse(text.as_bytes(), &json::Limits::OBJECT);
    }

    #[test]
    fn tokens_round_trip(micros in any::<i64>(), resource in "\\PC{0,20}", name in "[a-z-]{1,20}") {
        let position = Timestamp::from_micros(micros);
        let raw = format!("match[type]={name}");
        let token = page_token(position, &resource, &Query::parse(&raw).unwrap());
        prop_assert_eq!(read_page_token(&resource, &with_next(&raw, &token)), Ok(Some(position)));
    }

    #[test]
    fn no_token_panics(token in "[A-Za-z0-9_-]{1,60}") {
        let _ = read_page_token("c", &with_next("limit=1", &token));
    }
}
