//! Acts on agreements that officers approve, and those around circles. Officers' keys are opened here and never sent.

use keys::posts::Approval;
use serde_json::{Value, json};

use super::admin::{done, list};
use super::agreements::{standing, text_of, version};
use super::keys::open_key;
use super::{Outcome, write_out};
use crate::cli::agreement::{Agreement, Approved, Member, Officers};
use crate::client::{Client, encode};
use crate::exit::{Exit, Failure};
use crate::output;

pub async fn act(client: &Client, command: &Agreement, as_json: bool) -> Outcome {
    match command {
        Agreement::Request { peer, reason, text, .. } => {
            let text = text.as_deref().map(text_of).transpose()?;
            let body = json!({"peer": peer, "reason": reason, "text": text});
            let answer = client.post("/api/v1/agreement-requests", &body).await?;
            done(
                &answer,
                &format!(
                    "{peer} is asked for an agreement; `shieldwall agreement requests` shows what comes of it"
                ),
                as_json,
            )
        }
        Agreement::Requests { .. } => {
            let answer = client.get("/api/v1/agreement-requests").await?;
            let columns = [
                ("request", "/request"),
                ("from", "/from"),
                ("to", "/to"),
                ("at", "/at"),
                ("for", "/reason"),
                ("answered by", "/answered/0"),
            ];
            Ok(list(&answer, "requests", &columns, as_json))
        }
        Agreement::Approval { agreement, act, version: which, party, member, output, .. } => {
            let wanted = match act {
                Approved::Agree => {
                    json!({"act": "agree", "version": version(client, agreement, which.as_deref()).await?})
                }
                Approved::Resume => json!({"act": "resume"}),
                Approved::Join => joining(member)?,
                Approved::Admit => json!({"act": "admit", "party": party}),
            };
            let (bytes, reading) = to_approve(client, agreement, &wanted).await?;
            write_out(&format!("{bytes}\n"), output.as_deref())?;
            if let Some(file) = output {
                let next = format!("shieldwall agreement approve {} --officer KEY", file.display());
                let written = json!({"file": file.display().to_string(), "approve": next});
                done(
                    &written,
                    &format!("wrote {}; each officer approves with `{next}`", file.display()),
                    as_json,
                )?;
            }
            if matches!(act, Approved::Admit) {
                output::say(&format!("who will be in the circle:\n{}", reading.trim_end()));
            }
            Ok(Exit::Well)
        }
        Agreement::Sign { agreement, version: which, officers, .. } => {
            let version = version(client, agreement, which.as_deref()).await?;
            let wanted = json!({"act": "agree", "version": version});
            let status = approved(client, agreement, &wanted, "", officers).await?;
            told(&status, "signed", as_json)
        }
        Agreement::Resume { act, officers } => {
            let wanted = json!({"act": "resume"});
            let status = approved(client, &act.agreement, &wanted, &act.reason, officers).await?;
            told(&status, "resumed for our part", as_json)
        }
        Agreement::Join { act, member, officers } => {
            let wanted = joining(member)?;
            let status = approved(client, &act.agreement, &wanted, &act.reason, officers).await?;
            told(&status, "asked to join; members admit with `shieldwall agreement admit`", as_json)
        }
        Agreement::Admit { agreement, party, officers, .. } => {
            let wanted = json!({"act": "admit", "party": party});
            let status = approved(client, agreement, &wanted, "", officers).await?;
            told(&status, "the membership is signed", as_json)
        }
        Agreement::Retract { act, version: which } => {
            let version = version(client, &act.agreement, which.as_deref()).await?;
            let path = format!("/api/v1/agreements/{}/versions/{version}/retract", encode(&act.agreement));
            let answer = client.post(&path, &json!({"reason": act.reason})).await?;
            told(&answer, "taken back", as_json)
        }
        Agreement::Introduce { agreement, peer, .. } => {
            let path = format!("/api/v1/agreements/{}/introductions", encode(agreement));
            client.post(&path, &json!({"peer": peer})).await?;
            let next =
                format!("{peer} is told of the circle, and can ask to join with `shieldwall agreement join`");
            done(&json!({"introduced": peer}), &next, as_json)
        }
        other => Err(Failure::new(format!("{other:?} is not run this way"))),
    }
}

fn told(answer: &Value, sentence: &str, as_json: bool) -> Outcome {
    done(answer, &format!("{sentence}; {}", standing(answer)), as_json)
}

fn joining(member: &Member) -> Result<Value, Failure> {
    let Member { key, role, posts, must_sign, out_of } = member;
    let key = key.as_deref().ok_or_else(|| {
        Failure::new("the circle needs a short name for this node").hint("--key NAME, such as `kiwi`")
    })?;
    let member = json!({"key": key, "role": role, "posts": posts, "officers": must_sign, "of": out_of});
    Ok(json!({"act": "join", "member": member}))
}

/// The exact bytes that officers approve, and what they mean.
async fn to_approve(client: &Client, agreement: &str, wanted: &Value) -> Result<(String, String), Failure> {
    let answer = client.post(&format!("/api/v1/agreements/{}/approvals", encode(agreement)), wanted).await?;
    let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok((text("bytes"), text("text")))
}

/// Does an act with the approvals of the officers that are named.
async fn approved(
    client: &Client,
    agreement: &str,
    wanted: &Value,
    reason: &str,
    officers: &Officers,
) -> Result<Value, Failure> {
    let Officers { keys, approvals, opener } = officers;
    if keys.is_empty() && approvals.is_empty() {
        return Err(Failure::new("nobody signs: officers must approve this")
            .hint("name key files with --officer FILE, or approvals made elsewhere with --approval FILE"));
    }
    let (bytes, _) = to_approve(client, agreement, wanted).await?;
    let mut texts = Vec::new();
    for officer in keys {
        texts.push(Approval::sign(&open_key(officer, opener)?, bytes.as_bytes()).to_text());
    }
    for file in approvals {
        let text = text_of(file)?;
        let approval = Approval::parse(text.trim_end().as_bytes()).map_err(|problem| {
            Failure::new(format!("`{}` is no approval: {problem}", file.display())).hint(
                "approvals are made with `shieldwall agreement approve FILE --officer KEY --output FILE`",
            )
        })?;
        texts.push(approval.to_text());
    }
    let body = json!({"wanted": wanted, "reason": reason, "approvals": texts});
    client.post(&format!("/api/v1/agreements/{}/acts", encode(agreement)), &body).await
}
