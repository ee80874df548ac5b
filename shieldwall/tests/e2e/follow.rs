//! One node follows another: live, resumable, and never more than it is entitled to.

use serde_json::{Value, json};

use crate::harness::{Node, Serving, eventually, text};
use crate::objects;

/// The name under which the follower knows the publisher.
const SOURCE: &str = "ally";

/// Makes `follower` follow the public collection of a publisher with a secret.
fn follow(follower: &Node, publisher: &Serving, secret: &str, interval: u32) {
    let token = follower.file("ally.token", secret);
    let settings = [
        format!("url={}", publisher.url("/taxii2/default/")),
        "collection=public".to_owned(),
        format!("token_file={}", text(&token)),
        format!("live_url={}", publisher.url("/api/v1/live?collection=public")),
        format!("interval_seconds={interval}"),
    ];
    let mut args = vec!["source", "add", SOURCE, "--kind", "taxii", "--default-label", "green"];
    args.extend(settings.iter().flat_map(|setting| ["--set", setting.as_str()]));
    follower.run(&args).exits(0);
}

fn state(node: &Node) -> Value {
    let list = node.json(&["source", "list"]);
    let source = list["sources"].as_array().unwrap().iter().find(|source| source["name"] == SOURCE);
    source.expect("the source is listed")["state"].clone()
}

#[test]
fn what_is_published_is_seen_at_once_and_nothing_else_ever() {
    let (ally, node) = (Node::new("Ally CERT"), Node::new("Following CERT"));
    let secret = ally.token("following-cert", "follower", &["public"]);
    let watcher = node.token("watcher", "viewer", &[]);
    let publisher = ally.serve();
    let follower = node.serve();
    let mut live = follower.live(0, &watcher);
    // The interval is an hour: what comes sooner came by a hint.
    follow(&node, &publisher, &secret, 3600);
    eventually(|| state(&node)["last_success"].clone(), |at| at.is_string());

    let add = |value: &str, tlp: &str| {
        let added = ally.json(&["indicator", "add", value, "--tlp", tlp]);
        added["results"][0]["id"].as_str().unwrap().to_owned()
    };
    let private = ally.json(&["indicator", "add", "kept-at-home.net"]);
    let private = private["results"][0]["id"].as_str().unwrap().to_owned();
    let green = add("for-the-community.net", "green");
    let public = add("bad-updates.net", "clear");
    live.wait_for(&public);
    assert_eq!(node.run(&["get", &public]).stdout, ally.run(&["get", &public]).stdout);
    let seen = node.json(&["get", &public]);
    assert_eq!((&seen["source"], &seen["label"]), (&json!(SOURCE), &json!("clear")));

    ally.run(&["object", "revoke", &public]).exits(0);
    live.wait("the revocation", |entry| {
        entry["object"]["id"] == public.as_str() && node.json(&["get", &public])["revoked"] == true
    });

    // Everything before the last has come, in order; so what has not come by now does not come.
    let last = add("the-last-one.net", "clear");
    live.wait_for(&last);
    for id in [&private, &green] {
        node.run(&["get", id]).exits(1);
    }
    node.run(&["search", "--value", "kept-at-home.net"]).exits(0);
    assert_eq!(node.json(&["search", "--value", "kept-at-home.net"])["hits"], json!([]));
    // What a follower passes on is subject to its own labels: the public is public here too.
    let public_here = follower.send(
        "GET",
        "/taxii2/default/collections/public/objects/?match[version]=all",
        &watcher,
        "application/taxii+json;version=2.1",
        b"",
    );
    assert!(String::from_utf8_lossy(&public_here.body).contains(&last));
    node.sound();
}

#[test]
fn a_restarted_follower_goes_on_where_it_was() {
    let (ally, node) = (Node::new("Steady CERT"), Node::new("Restarting CERT"));
    let many: Vec<_> = (0..25).map(objects::numbered_indicator).collect();
    let bundle = objects::bundle_of(&many.iter().map(|(_, text)| text.clone()).collect::<Vec<_>>());
    let file = ally.file("many.json", bundle);
    ally.run(&["import", text(&file)]).exits(0);
    let secret = ally.token("restarting-cert", "follower", &["public"]);
    let watcher = node.token("watcher", "viewer", &[]);
    let publisher = ally.serve();
    follow(&node, &publisher, &secret, 3600);
    let follower = node.serve();
    follower.live(0, &watcher).wait_for(&many[24].0);
    // With the ally's own identity.
    eventually(|| state(&node)["accepted"].clone(), |accepted| *accepted == 26);
    // Without warning.
    follower.kill();

    let (missed, object) = objects::numbered_indicator(100);
    ally.run_with(&["import", "-"], object.as_bytes()).exits(0);
    let follower = node.serve();
    let mut live = follower.live(0, &watcher);
    live.wait_for(&missed);
    let (hinted, object) = objects::numbered_indicator(101);
    ally.run_with(&["import", "-"], object.as_bytes()).exits(0);
    live.wait_for(&hinted);
    eventually(|| state(&node)["accepted"].clone(), |accepted| *accepted == 28);
    assert_eq!(state(&node)["failures"], 0);

    // The publisher restarts too; on another port, so the follower is told.
    assert_eq!(publisher.stop(), 0);
    let publisher = ally.serve();
    node.run(&["source", "remove", SOURCE]).exits(0);
    follow(&node, &publisher, &secret, 3600);
    let (after, object) = objects::numbered_indicator(102);
    ally.run_with(&["import", "-"], object.as_bytes()).exits(0);
    live.wait_for(&after);
    for (id, _) in &many {
        let versions = node.json(&["get", id, "--versions"]);
        assert_eq!(versions["versions"].as_array().unwrap().len(), 1, "none came twice: {versions}");
    }
    node.sound();
}

#[test]
fn trouble_with_a_source_is_visible() {
    let (ally, node) = (Node::new("Closed CERT"), Node::new("Knocking CERT"));
    let secret = ally.token("knocking-cert", "follower", &["public"]);
    let publisher = ally.serve();
    let follower = node.serve();
    follow(&node, &publisher, "swt_this-is-not-the-token", 3600);
    let failed = eventually(|| state(&node), |state| state["failures"].as_u64() > Some(0));
    let message = failed["last_error"]["message"].as_str().unwrap();
    assert!(message.contains("401"), "{failed}");
    assert!(!message.contains("swt_"), "a secret does not end up in messages: {failed}");
    assert!(failed["retry_at"].is_string(), "{failed}");
    let doctor = node.run(&["doctor", "--json"]).exits(1).json();
    assert!(doctor.to_string().contains(SOURCE), "{doctor}");
    assert!(follower.log().contains(SOURCE));

    // The remedy works without a restart: the file is read at each round.
    node.file("ally.token", secret);
    node.run(&["source", "pull", SOURCE]).exits(0);
    let well = eventually(|| state(&node), |state| state["last_success"].is_string());
    assert_eq!(well["failures"], 0, "{well}");
    node.run(&["source", "pull", "nobody"]).exits(1);
}

#[test]
fn sources_reach_this_machine_only_by_permission() {
    let (ally, node) = (Node::new("Inner CERT"), Node::new("Guarded CERT"));
    let secret = ally.token("guarded-cert", "follower", &["public"]);
    let publisher = ally.serve();
    let _follower = node.serve_with(&["--plaintext"]);
    follow(&node, &publisher, &secret, 3600);
    let failed = eventually(|| state(&node), |state| state["failures"].as_u64() > Some(0));
    let message = failed["last_error"]["message"].as_str().unwrap();
    assert!(message.contains("not a public address") && message.contains("allow_hosts"), "{failed}");
}

#[test]
fn a_source_with_a_secret_in_its_configuration_is_refused() {
    let node = Node::new("Discreet CERT");
    let args = |setting| {
        ["source", "add", "x", "--kind", "taxii", "--set", "url=https://taxii.example/", "--set", setting]
    };
    let refused = node.run(&args("token=swt_secret")).exits(1);
    assert!(refused.stderr.contains("token_file"), "{refused:?}");
    node.run(&args("colour=blue")).exits(1);
    node.run(&args("nonsense")).exits(2);
    node.run(&["source", "add", "x", "--kind", "carrier-pigeon"]).exits(1);
    node.run(&["source", "add", "Not A Name", "--kind", "file"]).exits(1);
}
