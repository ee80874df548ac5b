//! What may be asked, and what is told.

use ports::telemetry::TelemetryError;

use super::*;

fn request() -> NewRequest {
    NewRequest {
        sought: Sought::Values(vec!["192.0.2.1".to_owned()]),
        impact: false,
        purpose: "incident-response".to_owned(),
        from: None,
        until: None,
        max_seconds: None,
        max_bytes: None,
    }
}

/// A letter whose question has these members too.
fn read(more: &str) -> NewRequest {
    let text = format!(
        r#"{{"format":"{FORMAT}","ask":{{"id":"x","sought":{{"values":["192.0.2.1"]}},"purpose":"p"{more},"expires":"y"}}}}"#
    );
    match serde_json::from_str::<Envelope>(&text).unwrap().letter {
        Letter::Ask(ask) => ask.request,
        Letter::Answer { .. } => panic!("{text}"),
    }
}

#[test]
fn a_question_takes_no_more_than_both_sides_let_it() {
    let bounds = |max_seconds, max_bytes| {
        let bounds = NewRequest { max_seconds, max_bytes, ..request() }.bounds(Window::default());
        (bounds.max_seconds, bounds.max_bytes)
    };
    assert_eq!(bounds(None, None), (Some(SECONDS), Some(BYTES)));
    assert_eq!(bounds(Some(5), Some(1 << 20)), (Some(5), Some(1 << 20)));
    assert_eq!(bounds(Some(u64::MAX), Some(u64::MAX)), (Some(SECONDS), Some(BYTES)));
}

#[test]
fn what_earlier_and_later_versions_ask_is_understood() {
    let budget = |more: &str| {
        let request = read(more);
        (request.max_seconds, request.max_bytes)
    };
    assert_eq!(budget(""), (None, None));
    assert_eq!(budget(r#","max_seconds":30,"max_bytes":1000"#), (Some(30), Some(1000)));
    for odd in [r#","max_seconds":"long""#, r#","max_bytes":-1"#, r#","max_bytes":{"a":1}"#, r#","x":1"#] {
        assert_eq!(budget(odd), (None, None), "{odd}");
    }
    // Earlier versions read what says nothing new as they always did.
    let text = serde_json::to_string(&request()).unwrap();
    assert!(!text.contains("max_"), "{text}");
}

#[test]
fn two_questions_that_differ_by_a_minute_are_the_same_question() {
    let asked = |until: &str| {
        let request = NewRequest {
            from: Some("2026-10-01T08:00:00Z".to_owned()),
            until: Some(until.to_owned()),
            ..request()
        };
        let days = request.in_whole_days().unwrap();
        (days.from, days.until)
    };
    let one = asked("2026-10-01T17:00:00Z");
    assert_eq!(one, asked("2026-10-01T17:01:00Z"));
    assert_eq!(one.1.as_deref(), Some("2026-10-02T00:00:00.000Z"));
    // What is about whole days stays as it is, however often it is read.
    assert_eq!(one, asked("2026-10-02T00:00:00Z"));
    assert_eq!(request().in_whole_days().unwrap().from, None);
}

#[test]
fn what_lets_nothing_be_looked_at_is_refused() {
    assert!(request().check().is_ok());
    let noon = || Some("2026-10-01T12:00:00Z".to_owned());
    for odd in [
        NewRequest { max_seconds: Some(0), ..request() },
        NewRequest { max_bytes: Some(0), ..request() },
        NewRequest { from: noon(), until: noon(), ..request() },
        NewRequest { from: Some("noon".to_owned()), ..request() },
    ] {
        assert!(odd.check().is_err(), "{odd:?}");
    }
}

#[test]
fn what_failed_here_is_not_told_elsewhere() {
    let now = Timestamp::from_micros(0);
    let work = Work {
        id: Digest([1; 32]),
        kind: WorkKind::Asked,
        state: RequestState::Approved.as_str().to_owned(),
        over: false,
        party: None,
        object: None,
        begun: now,
        changed: now,
        due: None,
        body: String::new(),
    };
    let path = "/var/lib/node/store";
    for problem in [
        DetectionError::Store(StoreError::Engine(path.to_owned())),
        DetectionError::Telemetry(TelemetryError::Damaged(path.to_owned())),
        DetectionError::Missing(path.to_owned()),
    ] {
        assert_eq!(told_reason(&work, problem), "it failed here");
    }
    let refused = DetectionError::Refused("no rule of it can be looked for".to_owned());
    assert_eq!(told_reason(&work, refused), "no rule of it can be looked for");
}
