//! The server as such: who gets in, how it starts and ends, and its own TAXII client against it.

use serde_json::json;

use crate::harness::{Node, Serving, eventually, program, run, text};
use crate::objects::{self, INDICATOR, MAKER, MALWARE, stocked};
use crate::shape::check_shape;

const TAXII: &str = "application/taxii+json;version=2.1";

#[test]
fn nobody_is_anonymous_except_to_ask_for_health() {
    let node = stocked();
    let (admin, follower) = (node.token("mere", "admin", &[]), node.token("tane", "follower", &["public"]));
    let serving = node.serve();
    for path in ["/healthz", "/readyz"] {
        assert_eq!(serving.get(path, "").status, 200, "{path}");
    }
    for path in ["/api/v1/node", "/api/v1/live", "/metrics", "/api/v1/openapi.json", "/api/v1/export"] {
        serving.get(path, "").is_problem(401);
        serving.get(path, "swt_wrong").is_problem(401);
    }
    for path in ["/taxii2/", "/taxii2/default/", "/taxii2/default/collections/"] {
        assert_eq!(serving.send("GET", path, "", TAXII, b"").status, 401, "{path}");
        assert_eq!(serving.send("GET", path, &admin, TAXII, b"").status, 200, "{path}");
        assert_eq!(serving.send("GET", path, &admin, "text/html", b"").status, 406, "{path}");
    }
    let node_resource = serving.get("/api/v1/node", &admin);
    check_shape(
        &node_resource.json(),
        &json!({"name": "Sample CERT", "objects": "number", "head": "number"}),
    );
    assert!(node_resource.head.to_ascii_lowercase().contains("x-request-id: "), "{}", node_resource.head);
    assert!(String::from_utf8_lossy(&serving.get("/metrics", &admin).body).contains("# TYPE"));

    // A confined token sees its collection and nothing else.
    serving.get("/api/v1/node", &follower).is_problem(403);
    serving.get(&format!("/api/v1/objects/{MALWARE}"), &follower).is_problem(403);
    let list = serving.send("GET", "/taxii2/default/collections/", &follower, TAXII, b"").json();
    check_shape(&list, &json!({"collections": [{"alias": "public", "can_read": true, "can_write": false}]}));
    let objects = |collection: &str| {
        serving.send(
            "GET",
            &format!("/taxii2/default/collections/{collection}/objects/"),
            &follower,
            TAXII,
            b"",
        )
    };
    let public = objects("public").json();
    let identity = node_resource.json()["identity"].clone();
    let mut ids: Vec<_> = public["objects"].as_array().unwrap().iter().map(|o| o["id"].clone()).collect();
    // Beside what every node knows and its name.
    ids.retain(|id| *id != identity && !id.to_string().contains("marking-definition--"));
    ids.sort_by_key(ToString::to_string);
    assert_eq!(ids, [INDICATOR, objects::RELATIONSHIP], "only what is explicitly TLP:CLEAR");
    assert_eq!(objects("own").status, 404);
    let post =
        serving.post("/taxii2/default/collections/public/objects/", &follower, TAXII, b"{\"objects\":[]}");
    assert_eq!(post.status, 403);

    serving.get("/no/such/path", &admin).is_problem(404);
    serving.get("/api/v1/objects?no-such-filter=1", &admin).is_problem(400);
    serving.send("PUT", "/api/v1/node", &admin, "application/json", b"{}").is_problem(405);
}

#[test]
fn what_is_served_is_what_was_received() {
    let node = stocked();
    let admin = node.token("mere", "admin", &[]);
    let serving = node.serve();
    for (id, sent) in [(MAKER, objects::maker()), (MALWARE, objects::malware())] {
        let raw = serving.get(&format!("/api/v1/objects/{id}?raw=true"), &admin);
        assert_eq!(String::from_utf8_lossy(&raw.body), sent);
    }
    let page = serving.send("GET", "/taxii2/default/collections/own/objects/", &admin, TAXII, b"");
    let page = String::from_utf8_lossy(&page.body);
    for sent in [objects::malware(), objects::indicator(), objects::relationship()] {
        assert!(page.contains(&sent), "{sent}\nin {page}");
    }
}

#[test]
fn a_node_runs_once_and_stops_when_asked() {
    let node = stocked();
    let serving = node.serve();
    let second = node.run(&["serve", "--plaintext", "--listen", "127.0.0.1:0"]);
    assert_eq!(second.code, 2, "{second:?}");
    node.run(&["get", MALWARE]).exits(0);
    assert_eq!(serving.stop(), 0);
    assert!(!node.dir.join("node.sock").exists());
    node.run(&["get", MALWARE]).exits(0);

    // A node that was killed leaves its socket behind, which is in nobody's way.
    node.serve().kill();
    node.run(&["get", MALWARE]).exits(0);
    let again = node.serve();
    node.run(&["get", MALWARE]).exits(0);
    assert_eq!(again.stop(), 0);
    node.sound();
}

#[test]
fn plaintext_stays_on_the_loopback_interface() {
    let node = Node::new("Plain CERT");
    let ended = node.run(&["serve", "--plaintext", "--listen", "0.0.0.0:0"]).exits(2);
    assert!(ended.stderr.contains("beyond this machine"), "{ended:?}");
}

#[test]
fn tls_is_the_default_and_clients_can_trust_its_certificate() {
    let node = stocked();
    let secret = node.token("tane", "follower", &["public"]);
    let serving = node.serve_with(&["--json"]);
    let ready = eventually(
        || serving.log().lines().find_map(|line| serde_json::from_str(line).ok().filter(is_ready)),
        Option::is_some,
    );
    check_shape(
        &ready.unwrap(),
        &json!({"ready": true, "url": format!("https://{}", serving.address), "fingerprint": "string"}),
    );
    let (token, ca) = (node.file("token", secret), node.dir.join("tls").join("cert.pem"));
    let url = format!("https://{}/taxii2/", serving.address);
    let server = [url.as_str(), "--token-file", text(&token), "--allow-fetch", "127.0.0.1"];
    let trusting = [&server[..], &["--ca", text(&ca)]].concat();
    let strange = run(&[&["taxii", "discover"], &server[..]].concat());
    assert_ne!(strange.code, 0, "a certificate nobody vouches for is not trusted: {strange:?}");
    run(&[&["taxii", "discover"], &trusting[..]].concat()).exits(0);
    let pulled = run(&[&["taxii", "pull", "--collection", "public"], &trusting[..]].concat()).exits(0);
    for id in [INDICATOR, objects::RELATIONSHIP] {
        assert!(pulled.text().contains(id), "{id} in {}", pulled.text());
    }
    assert!(!pulled.text().contains(&format!("\"id\":\"{MALWARE}\"")), "{}", pulled.text());
}

fn is_ready(line: &serde_json::Value) -> bool {
    line["ready"] == true
}

#[test]
fn our_own_taxii_client() {
    let node = stocked();
    let token = node.file("token", node.token("mere", "analyst", &[]));
    let serving = node.serve();
    let url = serving.url("/taxii2/");
    let taxii = |verb: &str, more: &[&str]| {
        let server = [url.as_str(), "--token-file", text(&token), "--allow-fetch", "127.0.0.0/8", "--json"];
        run(&[&["taxii", verb], &server[..], more].concat())
    };
    let collection = json!({"id": "string", "title": "string", "can_read": true, "can_write": "bool"});
    let root =
        json!({"url": serving.url("/taxii2/default/"), "title": "Sample CERT", "collections": [collection]});
    check_shape(&taxii("discover", &[]).exits(0).json(), &json!({"api_roots": [root]}));
    taxii("collections", &[]).exits(0);

    let pulled = taxii("pull", &["--collection", "own"]).exits(0).lines();
    for id in [MAKER, MALWARE, INDICATOR, objects::RELATIONSHIP] {
        assert!(pulled.iter().any(|object| object["id"] == id), "{id} in {pulled:?}");
    }
    let none =
        taxii("pull", &["--collection", "own", "--added-after", "2199-01-01T00:00:00Z"]).exits(0).lines();
    assert_eq!(none.len(), 0);

    let (_, good) = objects::numbered_indicator(3);
    let bad = objects::malware().replace(MALWARE, "malware--3e1c8d52-6a0b-4f79-9d1e-5b7f0c2a6eff");
    let bad = bad.replace(r#""is_family":true,"#, "");
    let mixed = node.file("mixed.json", objects::bundle_of(&[good.clone(), bad]));
    let status = taxii("push", &["--collection", "own", "--bundle", text(&mixed)]).exits(1).json();
    let counts = json!({"status": "complete", "total_count": 2, "success_count": 1, "failure_count": 1, "pending_count": 0});
    check_shape(&status, &counts);
    check_shape(
        &status["failures"],
        &json!([{"id": "malware--3e1c8d52-6a0b-4f79-9d1e-5b7f0c2a6eff", "message": "string"}]),
    );
    let good = node.file("good.json", good);
    taxii("push", &["--collection", "own", "--bundle", text(&good)]).exits(0);
    taxii("push", &["--collection", "public", "--bundle", text(&good)]).exits(1);
    assert_ne!(taxii("pull", &["--collection", "nowhere"]).code, 0);

    // Without the exception this machine's own addresses are out of reach.
    let guarded = run(&["taxii", "discover", &url, "--token-file", text(&token), "--json"]);
    assert_ne!(guarded.code, 0);
    assert!(guarded.stderr.contains("127.0.0.1"), "{guarded:?}");
}

#[test]
fn acts_are_audited_with_their_author() {
    let node = stocked();
    let token = node.token("mere", "admin", &[]);
    let serving = node.serve();
    let author = ["--author", "Aroha Ngata"];
    node.run(&[&["user", "add", "tane"][..], &author].concat()).exits(0);
    let (_, object) = objects::numbered_indicator(5);
    assert_eq!(serving.post("/api/v1/objects", &token, "application/json", object.as_bytes()).status, 200);
    let audit = serving.get("/api/v1/audit", &token).json().to_string();
    assert!(audit.contains("Aroha Ngata") && audit.contains("user.add"), "{audit}");
    assert!(audit.contains("\"mere\"") && audit.contains("object.add"), "{audit}");
}

#[test]
fn an_import_that_is_cut_off_loses_nothing_it_acknowledged() {
    let node = Node::new("Interrupted CERT");
    let admin = node.token("mere", "admin", &[]);
    let serving = node.serve();
    let many: Vec<String> = (0..3000).map(|n| objects::numbered_indicator(n).1).collect();
    let file = node.file("many.json", objects::bundle_of(&many));
    let mut live = serving.live(0, &admin);
    let mut import = program()
        .args(["import", text(&file), "--dir", text(&node.dir)])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    // Once something was committed, the node loses its power.
    let first = live.wait("a first object", |entry| {
        entry["object"]["id"].as_str().is_some_and(|id| id.starts_with("indicator"))
    });
    serving.kill();
    import.wait().unwrap();
    node.sound();
    let id = first["object"]["id"].as_str().unwrap();
    node.run(&["get", id]).exits(0);
    let again = node.json(&["import", text(&file)]);
    let sum = again["accepted"].as_u64().unwrap() + again["unchanged"].as_u64().unwrap();
    assert_eq!(sum, 3000, "{again}");
    assert_eq!(node.json(&["import", text(&file)])["unchanged"], 3000);
    node.sound();
}

#[test]
fn serving_can_be_started_by_hand() {
    let node = Node::new("Hand CERT");
    let mut command = program();
    command
        .args([
            "serve",
            "--plaintext",
            "--listen",
            "127.0.0.1:0",
            "--peer-listen",
            "127.0.0.1:0",
            "--pretty-log",
            "--dir",
        ])
        .arg(&node.dir);
    let serving = Serving::start(command);
    assert_eq!(serving.get("/readyz", "").status, 200);
    assert_eq!(serving.stop(), 0);
}
