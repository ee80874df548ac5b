//! The node's own rules: shown, checked, previewed and set.

use std::path::Path;

use axum::http::Method;
use serde_json::{Value, json};

use super::lifecycle::plain;
use super::{Outcome, agreements, read_file};
use crate::cli::rules::Rules;
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::output;

pub async fn rules(client: &Client, command: &Rules, as_json: bool) -> Outcome {
    match command {
        Rules::Show { .. } => show(&client.get("/api/v1/rules").await?, as_json),
        Rules::Check { file, .. } => {
            let answer = client.post("/api/v1/rules/check", &json!({"text": text(file)?})).await?;
            check(&answer, file, as_json)
        }
        Rules::Diff { file, limit, .. } => {
            let body = json!({"text": text(file)?, "limit": limit});
            diff(&client.post("/api/v1/rules/diff", &body).await?, as_json)
        }
        Rules::Set { file, reason, .. } => {
            let body = json!({"text": text(file)?, "reason": reason});
            set(&client.call(Method::PUT, "/api/v1/rules", Some(&body)).await?, as_json)
        }
    }
}

fn text(file: &Path) -> Result<String, Failure> {
    String::from_utf8(read_file(file)?)
        .map_err(|_| Failure::new(format!("`{}` is not text", file.display())).hint("save it as UTF-8"))
}

fn show(answer: &Value, as_json: bool) -> Outcome {
    let part = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default();
    if as_json {
        output::line(answer);
    } else if part("version").is_empty() {
        output::text("# nobody has set any rules; docs/examples/rules.toml shows what may stand in them");
    } else {
        // With the comment before it the output is still a text that can be set again.
        output::text(&format!("# version {} since {}\n{}", part("version"), part("since"), part("text")));
    }
    Ok(Exit::Well)
}

fn check(answer: &Value, file: &Path, as_json: bool) -> Outcome {
    let sound = answer.get("sound").and_then(Value::as_bool) == Some(true);
    if as_json {
        output::line(answer);
    } else {
        for problem in answer.get("problems").and_then(Value::as_array).into_iter().flatten() {
            let part = |name: &str| problem.get(name).and_then(Value::as_str).unwrap_or_default();
            let line = problem.get("line").and_then(Value::as_u64).unwrap_or_default();
            output::text(&format!(
                "{}:{line}: {}\n  hint: {}",
                file.display(),
                part("message"),
                part("hint")
            ));
        }
        if sound {
            output::text("nothing is wrong with it");
        }
        if let Some(policy) = answer.get("policy").and_then(Value::as_str) {
            output::text(policy);
        }
    }
    Ok(if sound { Exit::Well } else { Exit::Findings })
}

fn diff(answer: &Value, as_json: bool) -> Outcome {
    if as_json {
        output::line(answer);
        return Ok(Exit::Well);
    }
    let listed = answer.get("agreements").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if listed.is_empty() {
        output::text("no agreement is in force, so nothing goes to anybody either way");
    }
    for one in listed {
        let part = |name: &str| one.get(name).map(plain).unwrap_or_default();
        output::text(&format!("{} ({})", part("name"), agreements::short(&part("agreement"))));
        agreements::diff(one.get("exposure").unwrap_or(&Value::Null), false)?;
    }
    Ok(Exit::Well)
}

fn set(answer: &Value, as_json: bool) -> Outcome {
    if as_json {
        output::line(answer);
        return Ok(Exit::Well);
    }
    if answer.get("changed").and_then(Value::as_bool) == Some(true) {
        output::text("the rules are in force");
        return diff(answer, false);
    }
    output::text("these rules are in force already; nothing was changed");
    Ok(Exit::Well)
}
