//! Commands, messages and responses, after the specifications' own examples.

use observable::Kind;
use serde_json::json;
use shieldwall_controls::{Handle, Why, commands, delete, message, query, read_response};

use crate::{after, item, now};

#[test]
fn the_same_block_is_the_same_command() {
    let first = commands(&item(Kind::Ipv4, "203.0.113.7", None, 60)).unwrap();
    let again = commands(&item(Kind::Ipv4, "203.0.113.7", None, 60)).unwrap();
    let longer = commands(&item(Kind::Ipv4, "203.0.113.7", None, 61)).unwrap();
    assert_eq!(first, again);
    assert_ne!(first[0].id, longer[0].id);
    assert_eq!((first[0].item.as_str(), first[0].part), ("ipv4 203.0.113.7", ""));
    // `Command-ID` has at most 36 characters (OpenC2 Language Specification 1.0 §3.4.2.3).
    assert_eq!(first[0].id.len(), 36);
    let both = commands(&item(Kind::Cidr6, "2001:db8::/32", Some(53), 60)).unwrap();
    assert_eq!([both[0].part, both[1].part], ["tcp", "udp"]);
    assert_eq!(
        both[1].body["target"],
        json!({"ipv6_connection": {"protocol": "udp", "dst_addr": "2001:db8::/32", "dst_port": 53}})
    );
    assert_eq!(commands(&item(Kind::Domain, "bad.example", Some(53), 60)), Err(Why::Port));
}

/// SLPF 1.0, annex A.2.
#[test]
fn a_rule_is_deleted_by_its_number() {
    let handle = |id: &str| Handle {
        item: "ipv4 203.0.113.7".to_owned(),
        part: String::new(),
        until: after(60),
        id: id.to_owned(),
    };
    let mut command = delete(&handle("1234")).unwrap();
    let id = command.body.as_object_mut().unwrap().remove("command_id").unwrap();
    assert_eq!(id, command.id.as_str());
    assert_eq!(
        command.body,
        json!({
            "action": "delete",
            "target": {"slpf:rule_number": 1234},
            "args": {"response_requested": "complete"},
            "actuator": {"slpf": {}},
        })
    );
    assert_eq!(delete(&handle("")), None);
    assert_eq!(delete(&handle("12; 13")), None);
}

/// Transfer via HTTPS 1.1, annex E.1.
#[test]
fn a_message_carries_one_command() {
    let text = message(&query(), "d1ac0489-ed51-4345-9175-f3078f30afe5", now());
    assert_eq!(
        text,
        r#"{"headers":{"request_id":"d1ac0489-ed51-4345-9175-f3078f30afe5","created":1795348800000},"body":{"openc2":{"request":{"action":"query","target":{"features":[]}}}}}"#
    );
}

#[test]
fn responses_are_read_bare_and_in_messages() {
    let bare = r#"{"status":200,"results":{"slpf":{"rule_number":1234}}}"#;
    let inside = format!(r#"{{"headers":{{"request_id":"x"}},"body":{{"openc2":{{"response":{bare}}}}}}}"#);
    for text in [bare, inside.as_str()] {
        let response = read_response(text).unwrap();
        assert_eq!((response.status, response.rule), (200, Some(1234)));
    }
    let refused = read_response(r#"{"status":501,"status_text":"Target not supported"}"#).unwrap();
    assert_eq!((refused.status, refused.text.as_str(), refused.rule), (501, "Target not supported", None));
    for text in ["", "[]", "{}", r#"{"status":"200"}"#, r#"{"status":70000}"#, "<html>"] {
        assert!(read_response(text).is_err(), "{text}");
    }
}
