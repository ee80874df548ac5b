//! Two that have signed nothing with each other: under a release by its officers, one's public collection is followed
//! by TAXII, woken by the live channel.

use std::path::Path;
use std::time::Duration;

use keys::posts::Approval;
use keys::window::DAY;
use model::Tlp;
use owo_colors::OwoColorize;
use serde_json::{Value, json};

use super::federation::eventually;
use super::member::Member;
use super::narrator::Narrator;
use super::publish::{Sample, holds, millis, publish};
use crate::exit::Failure;

/// Who is followed, and who follows, by their places among the members.
const FOLLOWED: usize = 2;
const FOLLOWER: usize = 4;

/// Makes one follow the other's public collection with a confined token, and sees an indicator arrive. Returns how long
/// that took; nothing when there are not enough members.
pub async fn follow(
    members: &[Member],
    folder: &Path,
    teller: &Narrator,
) -> Result<Option<Duration>, Failure> {
    let (Some(from), Some(to)) = (members.get(FOLLOWED), members.get(FOLLOWER)) else { return Ok(None) };
    teller
        .chapter("Without an agreement: what is for everyone (TLP:CLEAR) goes by TAXII 2.1, under a release");
    let client = from.client().await?;
    let name = to.petname();
    client.post("/api/v1/users", &json!({"name": name, "role": "follower"})).await?;
    let token = json!({"name": "follows live", "user": name, "collections": ["public"]});
    let made = client.post("/api/v1/tokens", &token).await?;
    let part = |name: &str| made.get(name).and_then(Value::as_str).unwrap_or_default();
    let secret = part("secret");
    release(from, to, part("id")).await?;
    let file = folder.join(format!("{name}.token"));
    write_secret(&file, secret)?;
    let base = format!("http://{}", from.addr);
    let config = json!({
        "url": format!("{base}/taxii2/"),
        "collection": "public",
        "token_file": file,
        "live_url": format!("{base}/api/v1/live?collection=public"),
    });
    let source = json!({"name": format!("{}-public", from.petname()), "kind": "taxii", "config": config});
    to.client().await?.post("/api/v1/sources", &source).await?;
    // The clock starts once the follower has caught up with what is there already.
    let identity = from.core().identity.clone();
    eventually("TAXII follower that has caught up", || Ok(holds(to, &identity)?.then_some(()))).await?;
    let sent = publish(from, [to], Sample::special(3, Some(Tlp::Clear))).await?;
    let took = sent.hops.first().map(|hop| hop.visible);
    teller.step(&format!(
        "{} and {} have signed nothing; what {} publishes as TLP:CLEAR reaches {} all the same: {:.1} ms",
        from.code().cyan(),
        to.code().cyan(),
        from.code(),
        to.code(),
        took.map(millis).unwrap_or_default()
    ));
    Ok(took)
}

/// Two officers of the one that is followed sign for what the other may read: `shieldwall release`.
async fn release(from: &Member, to: &Member, token: &str) -> Result<(), Failure> {
    let client = from.client().await?;
    let now = from.core().clock.now();
    let draft = json!({
        "client": to.organisation.name, "token": token, "collections": ["public"], "ceiling": "clear",
        "purpose": "detection", "expires": now.plus_micros(30 * DAY).to_string(),
    });
    let drafted = client.post("/api/v1/releases/drafts", &draft).await?;
    let bytes = drafted.get("bytes").and_then(Value::as_str).unwrap_or_default();
    let officers = from.officers.iter().take(2);
    let approvals: Vec<_> =
        officers.map(|officer| Approval::sign(officer, bytes.as_bytes()).to_text()).collect();
    client.post("/api/v1/releases", &json!({"bytes": bytes, "approvals": approvals})).await?;
    client.close().await;
    Ok(())
}

fn write_secret(file: &Path, secret: &str) -> Result<(), Failure> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written =
        options.open(file).and_then(|mut open| std::io::Write::write_all(&mut open, secret.as_bytes()));
    written.map_err(|error| Failure::new(format!("`{}` cannot be written: {error}", file.display())))
}
