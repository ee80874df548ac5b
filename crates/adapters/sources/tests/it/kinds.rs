//! What every kind of source must keep to.

use ports::pull::FieldKind;
use serde_json::{Value, json};
use shieldwall_sources::{Descriptor, descriptors};

use crate::env;

fn error(descriptor: &Descriptor, config: &Value) -> Option<String> {
    (descriptor.construct)(&config.to_string(), &env()).err().map(|error| error.to_string())
}

#[test]
fn kinds_are_told_apart_and_documented() {
    let kinds: Vec<&str> = descriptors().iter().map(|descriptor| descriptor.kind).collect();
    assert_eq!(kinds, ["taxii", "misp-feed", "url-list"]);
    for descriptor in descriptors() {
        let mut names: Vec<&str> = descriptor.fields().map(|field| field.name).collect();
        assert!(descriptor.fields().all(|field| !field.help.is_empty()));
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count, "{}", descriptor.kind);
    }
}

#[test]
fn the_example_makes_a_source_without_touching_anything() {
    for descriptor in descriptors() {
        let source =
            (descriptor.construct)(descriptor.example, &env()).map_err(|error| error.to_string()).unwrap();
        assert_eq!((source.interval.as_secs(), source.live.is_some()), (3_600, false));
    }
}

#[test]
fn each_kind_refuses_what_it_cannot_use_and_says_which_field() {
    for descriptor in descriptors() {
        let good: Value = serde_json::from_str(descriptor.example).unwrap();
        let with = |name: &str, value: Value| {
            let mut config = good.clone();
            config[name] = value;
            config
        };
        for field in descriptor.fields() {
            if field.required {
                let mut config = good.clone();
                config.as_object_mut().unwrap().remove(field.name);
                assert!(error(descriptor, &config).unwrap().contains(field.name));
            }
            for bad in [json!({}), json!(null), json!(-1), json!("")] {
                let message = error(descriptor, &with(field.name, bad.clone())).unwrap_or_default();
                assert!(
                    message.contains(field.name),
                    "{} {} = {bad}: {message}",
                    descriptor.kind,
                    field.name
                );
            }
            if field.kind == FieldKind::Url {
                for bad in
                    ["ftp://x.example/", "file:///etc/passwd", "x", "https://a:b@x.example/", "https://"]
                {
                    assert!(error(descriptor, &with(field.name, json!(bad))).is_some(), "{bad}");
                }
            }
        }
        for (name, value, needle) in [
            ("surprise", json!(1), "surprise"),
            ("password", json!("x"), "password_file"),
            ("token", json!("x"), "token_file"),
            ("username", json!("ann"), "password_file"),
            ("password_file", json!("/p"), "username"),
            ("password_file", json!("relative"), "absolute"),
            ("cert_file", json!("/c"), "key_file"),
            ("interval_seconds", json!(0), "interval_seconds"),
            ("allow_hosts", json!(["10.0.0.0/99"]), "10.0.0.0/99"),
        ] {
            let message = error(descriptor, &with(name, value)).unwrap();
            assert!(message.contains(needle), "{}: {message}", descriptor.kind);
        }
        let mut both = with("token_file", json!("/t"));
        (both["username"], both["password_file"]) = (json!("ann"), json!("/p"));
        assert!(error(descriptor, &both).unwrap().contains("exclude"));
        for text in ["", "[]", "{", "7"] {
            assert!((descriptor.construct)(text, &env()).is_err(), "{text}");
        }
    }
}
