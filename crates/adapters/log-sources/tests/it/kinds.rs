//! What every kind of log source must keep to.

use log_sources::{KINDS, Kinds};
use ports::logs::{Kind, LogError, LogSources as _, LogSpec, READ_FIELDS};
use ports::pull::FieldKind;
use serde_json::{Value, json};

use crate::{quick, spec};

fn error(kind: &Kind, config: &Value) -> Option<String> {
    match Kinds::new().check(&spec(kind.kind, config)) {
        Ok(()) => None,
        Err(LogError::Configuration(message)) => Some(message),
        Err(other) => Some(format!("not about the configuration: {other}")),
    }
}

#[test]
fn kinds_are_told_apart_and_documented() {
    let names: Vec<&str> = Kinds::new().kinds().iter().map(|kind| kind.kind).collect();
    assert_eq!(names, ["file", "syslog-udp", "syslog-tcp", "syslog-tls", "stdin"]);
    for kind in KINDS {
        assert!(kind.fields.iter().all(|field| !field.help.is_empty()));
        let mut fields: Vec<&str> = kind.fields.iter().map(|field| field.name).collect();
        fields.sort_unstable();
        let count = fields.len();
        fields.dedup();
        assert_eq!(fields.len(), count, "{}", kind.kind);
        assert!(fields.iter().all(|field| !READ_FIELDS.contains(field)));
    }
}

#[test]
fn each_kind_takes_its_example_and_how_records_are_read() {
    for kind in KINDS {
        let mut config: Value = serde_json::from_str(kind.example).unwrap();
        assert_eq!(error(kind, &config), None);
        for field in READ_FIELDS {
            config[*field] = json!({"any": "thing"});
        }
        assert_eq!(error(kind, &config), None);
    }
}

#[test]
fn each_kind_refuses_what_it_cannot_use_and_says_which_field() {
    for kind in KINDS {
        let good: Value = serde_json::from_str(kind.example).unwrap();
        for field in kind.fields {
            if field.required {
                let mut config = good.clone();
                config.as_object_mut().unwrap().remove(field.name);
                assert!(error(kind, &config).unwrap().contains(field.name));
            }
            for bad in [json!({}), json!(null), json!(-1), json!("")] {
                let mut config = good.clone();
                config[field.name] = bad.clone();
                let message = error(kind, &config).unwrap_or_default();
                assert!(message.contains(field.name), "{} {} = {bad}: {message}", kind.kind, field.name);
            }
            if field.kind == FieldKind::File {
                let mut config = good.clone();
                config[field.name] = json!("relative/path");
                assert!(error(kind, &config).unwrap().contains("absolute"));
            }
        }
        let mut config = good.clone();
        config["surprise"] = json!(1);
        assert!(error(kind, &config).unwrap().contains("surprise"));
        for text in ["", "[]", "{", "7"] {
            let spec = LogSpec { name: "x".to_owned(), kind: kind.kind.to_owned(), config: text.to_owned() };
            assert!(Kinds::new().check(&spec).is_err(), "{text}");
        }
    }
    let message = Kinds::new().check(&spec("carrier-pigeon", &json!({}))).unwrap_err().to_string();
    assert!(message.contains("carrier-pigeon") && message.contains("syslog-tcp"), "{message}");
    let config = json!({"path": "/var/*/x.log"});
    assert!(Kinds::new().check(&spec("file", &config)).unwrap_err().to_string().contains("wildcard"));
}

#[tokio::test]
async fn what_is_no_position_is_refused() {
    let dir = testkit::temp_dir();
    for text in ["x", "{}", "{\"v\":9,\"files\":[]}"] {
        let opened = quick().open(&crate::files(dir.path()), Some(text));
        assert!(matches!(opened.err(), Some(LogError::Configuration(_))), "{text}");
    }
    assert!(quick().open(&crate::files(dir.path()), Some("")).is_ok());
}
