//! A node with keys, two release officers, and clients without a node.

use std::ops::Deref;

use keys::events::Roots;
use keys::posts::{Appointment, Approval, PersonKey, Post};
use keys::window::{DAY, Window};
use keys::{SecretKey, Signed, context};
use model::Timestamp;
use ports::Clock;
use runtime::trust::{Vault, verify_report};
use serde_json::{Value, json};

use crate::desk::{Ask, Desk, Reply, indicator, settings};
use shieldwall_api::Settings;

pub(crate) const TAXII: &str = "application/taxii+json;version=2.1";

/// A desk whose node is a party.
pub(crate) struct Office {
    desk: Desk,
    pub(crate) officers: [SecretKey; 2],
}

impl Deref for Office {
    type Target = Desk;

    fn deref(&self) -> &Desk {
        &self.desk
    }
}

/// A client's token.
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) secret: String,
}

impl Office {
    pub(crate) fn open() -> Self {
        Self::with(settings())
    }

    pub(crate) fn with(settings: Settings) -> Self {
        let desk = Desk::with(settings);
        let core = &desk.node.core;
        let root = SecretKey::from_seed([1; 64]);
        let vault = Vault::memory();
        let roots = Roots { keys: vec![root.public().clone()], threshold: 1 };
        let mut inception = core.prepare_inception(&vault, roots).unwrap();
        inception.add(context::KEY_EVENT, &root).unwrap();
        let party = core.add_key_event(Some(vault), &inception).unwrap();
        let officers = [2, 3].map(|seed| SecretKey::from_seed([seed; 64]));
        for (person, key) in ["mere", "tane"].iter().zip(&officers) {
            let now = desk.clock.now();
            let appointment = Appointment {
                party,
                post: Post::ReleaseOfficer,
                person: (*person).to_owned(),
                name: "An Officer".to_owned(),
                keys: vec![PersonKey::Hybrid(key.public().clone())],
                window: Window { from: now, until: now.plus_micros(300 * DAY) },
                issued: now,
                deputy: None,
            };
            let signed = Signed::sign(&appointment.to_body(), context::APPOINTMENT, &[&root]).unwrap();
            core.add_appointment(&signed).unwrap();
        }
        Self { desk, officers }
    }

    pub(crate) fn in_days(&self, days: i64) -> String {
        self.clock.now().plus_micros(days * DAY).to_string()
    }

    /// A user with a role, and a token for it.
    pub(crate) async fn client(&self, name: &str, role: &str) -> Client {
        self.operator("POST /api/v1/users").json(&json!({"name": name, "role": role})).expect(201).await;
        let body = json!({"name": "its own", "user": name});
        let made = self.operator("POST /api/v1/tokens").json(&body).expect(201).await.json();
        let part = |name: &str| made[name].as_str().unwrap().to_owned();
        Client { id: part("id"), secret: part("secret") }
    }

    /// A draft: up to TLP:GREEN, from `own`, for a month; `changed` says what is otherwise.
    pub(crate) fn draft(&self, client: &Client, changed: &Value) -> Ask {
        let mut body = json!({
            "client": "Harbour SIEM", "token": client.id, "collections": ["own"], "ceiling": "green",
            "purpose": "detection", "expires": self.in_days(30),
        });
        for (name, value) in changed.as_object().unwrap() {
            body[name] = value.clone();
        }
        self.operator("POST /api/v1/releases/drafts").json(&body)
    }

    pub(crate) fn sign(&self, bytes: &str, officers: &[&SecretKey]) -> Ask {
        let approve = |key: &&SecretKey| Approval::sign(key, bytes.as_bytes()).to_text();
        let approvals: Vec<_> = officers.iter().map(approve).collect();
        self.operator("POST /api/v1/releases").json(&json!({"bytes": bytes, "approvals": approvals}))
    }

    /// A release by both officers; its id.
    pub(crate) async fn release(&self, client: &Client, changed: &Value) -> String {
        let bytes =
            self.draft(client, changed).expect(200).await.json()["bytes"].as_str().unwrap().to_owned();
        let [mere, tane] = &self.officers;
        let signed = self.sign(&bytes, &[mere, tane]).expect(201).await.json();
        assert_eq!(signed["approvals"], 2, "{signed:#}");
        signed["release"].as_str().unwrap().to_owned()
    }

    /// A TAXII request by a client.
    pub(crate) fn pull(&self, client: &Client, path: &str) -> Ask {
        let line = format!("GET /taxii2/default/collections/{path}");
        self.ask(&line).bearer(&client.secret).header("accept", TAXII)
    }

    /// Ids of the indicators in a collection, as the client gets them.
    pub(crate) async fn pulled(&self, client: &Client, path: &str) -> Vec<u32> {
        places(&self.pull(client, path).expect(200).await)
    }

    /// The tables of a fresh oversight report, verified, by name.
    pub(crate) async fn tables(&self) -> Value {
        let made = self.operator("POST /api/v1/reports").expect(200).await.json();
        let part = |name: &str| made[name].as_str().unwrap().as_bytes().to_owned();
        let now = Timestamp::from_micros(self.clock.now().as_micros() + 1_000_000);
        let verdict = verify_report(&part("report"), &part("history"), &[], 0, now).unwrap();
        assert_eq!(verdict.problems, []);
        let tables = verdict.tables.iter().map(|table| {
            let rows = table.rows.iter().map(|(key, row)| json!([key, row.measures]));
            (table.name.to_owned(), rows.collect())
        });
        Value::Object(tables.collect())
    }
}

/// Places of the indicators in an envelope or manifest.
pub(crate) fn places(reply: &Reply) -> Vec<u32> {
    let json = reply.json();
    let objects = json["objects"].as_array().cloned().unwrap_or_default();
    let ids = objects.iter().map(|object| object["id"].as_str().unwrap().to_owned());
    ids.filter(|id| id.starts_with("indicator--")).map(|id| id[44..].parse().unwrap()).collect()
}

/// An indicator of this place under a TLP level.
pub(crate) fn under(tlp: &str, place: u32) -> Value {
    let id = match tlp {
        "clear" => "94868c89-83c2-464b-929b-a1a8aa3c8487",
        "green" => "bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
        "amber" => "55d920b0-5e8b-4f79-9ee9-91f868d9b421",
        "red" => "e828b379-4e03-4974-9ac4-e53a884c97c1",
        other => panic!("{other}"),
    };
    let mut object = indicator(place);
    object["object_marking_refs"] = json!([format!("marking-definition--{id}")]);
    object
}

/// The same object, revised on a day of February 2026.
pub(crate) fn revised(mut object: Value, day: u32) -> Value {
    object["modified"] = json!(format!("2026-02-{day:02}T00:00:00.000Z"));
    object
}
