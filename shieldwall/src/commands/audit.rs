//! Oversight reports: made on a node, verified anywhere.

use std::path::{Path, PathBuf};

use ledger::report::Verdict;
use ports::Clock as _;
use runtime::SystemClock;
use runtime::trust::verify_report;
use serde_json::{Value, json};

use super::{Outcome, read_file, write_out};
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::output;

/// Makes a report, and writes beside it what it is verified with.
pub async fn report(client: &Client, output: &Path, as_json: bool) -> Outcome {
    let answer = client.post("/api/v1/reports", &json!({})).await?;
    let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let ledger = client.get("/api/v1/ledger").await?;
    let witnesses: Vec<String> = ledger
        .get("witnesses")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|key| key.as_str().map(str::to_owned))
        .collect();
    let (history, keys) = (beside(output, "history"), beside(output, "witnesses"));
    write_out(&text("report"), Some(output))?;
    write_out(&text("history"), Some(&history))?;
    write_out(&(witnesses.join("\n") + "\n"), Some(&keys))?;
    let entries = answer.get("entries").and_then(Value::as_u64).unwrap_or_default();
    let cosigned = answer.get("witnesses").and_then(Value::as_u64).unwrap_or_default();
    let done = json!({
        "report": output.display().to_string(), "history": history.display().to_string(),
        "witnesses": keys.display().to_string(), "entries": entries, "cosigned": cosigned,
    });
    if as_json {
        output::line(&done);
    } else {
        output::text(&format!(
            "{entries} entries, cosigned by {cosigned} witnesses, in {}; the overseer compares the key history and the witnesses' keys with their own copies, then runs `shieldwall audit verify {}`",
            output.display(),
            output.display()
        ));
    }
    Ok(Exit::Well)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{ending}"));
    path.with_file_name(name)
}

/// Verifies a report without a node.
pub fn verify(
    file: &Path,
    history: Option<&Path>,
    witnesses: Option<&Path>,
    quorum: usize,
    as_json: bool,
) -> Outcome {
    let history = history.map_or_else(|| beside(file, "history"), Path::to_owned);
    let witnesses = witnesses.map_or_else(|| beside(file, "witnesses"), Path::to_owned);
    let keys = String::from_utf8(read_file(&witnesses)?)
        .map_err(|_| Failure::new(format!("`{}` is not text", witnesses.display())))?;
    let keys: Vec<String> = keys.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect();
    if keys.len() < quorum {
        return Err(Failure::refused(format!(
            "`{}` holds the keys of {} witnesses, and {quorum} must have cosigned",
            witnesses.display(),
            keys.len()
        ))
        .hint("name a file with more keys with --witnesses, or say with --quorum how many are enough; with 0 nobody vouches that others saw the same ledger"));
    }
    let history = read_file(&history)?;
    let history = history.strip_suffix(b"\n").unwrap_or(&history);
    let verdict = verify_report(&read_file(file)?, history, &keys, quorum, SystemClock.now())
        .map_err(|problem| Failure::refused(problem.to_string()))?;
    show(&verdict, as_json);
    Ok(if verdict.holds() { Exit::Well } else { Exit::Findings })
}

fn show(verdict: &Verdict, as_json: bool) {
    let problems: Vec<_> = verdict.problems.iter().map(ToString::to_string).collect();
    let remarks: Vec<_> = verdict.remarks.iter().map(ToString::to_string).collect();
    let witnesses: Vec<_> = verdict.witnesses.iter().map(|cosignature| cosignature.witness.clone()).collect();
    if as_json {
        let overseer = |named: &ledger::report::Overseer| json!({"agreement": named.agreement.to_string(), "name": named.name, "key": named.key.to_string()});
        let overseers: Vec<_> = verdict.overseers.iter().map(overseer).collect();
        let tables: Vec<_> = verdict
            .tables
            .iter()
            .map(|table| {
                let rows: Vec<_> = table
                    .rows
                    .iter()
                    .map(|(key, row)| json!({"key": key, "figures": row.measures}))
                    .collect();
                json!({"name": table.name, "columns": table.columns, "measures": table.measures, "rows": rows})
            })
            .collect();
        output::line(&json!({
            "holds": verdict.holds(), "party": verdict.party.to_string(), "period": verdict.period.to_string(),
            "overseers": overseers, "made": verdict.made.to_string(), "entries": verdict.to.checkpoint().size, "witnesses": witnesses,
            "problems": problems, "remarks": remarks, "tables": tables,
        }));
        return;
    }
    output::text(&format!("party {}, {}", verdict.party, verdict.period));
    for named in &verdict.overseers {
        let (name, key, agreement) = (&named.name, named.key, named.agreement);
        output::text(&format!("for {name} (key {key}), the overseer of agreement {agreement}"));
    }
    output::text(&format!(
        "{} entries, cosigned by {}",
        verdict.to.checkpoint().size,
        if witnesses.is_empty() { "nobody".to_owned() } else { witnesses.join(", ") }
    ));
    for table in verdict.tables.iter().filter(|table| !table.rows.is_empty()) {
        output::text(&format!(
            "{} ({} → {})",
            table.name,
            table.columns.join(" × "),
            table.measures.join(", ")
        ));
        for (key, row) in &table.rows {
            let figures: Vec<_> = row.measures.iter().map(ToString::to_string).collect();
            output::text(&format!("  {}: {}", key.join(" "), figures.join(" ")));
        }
    }
    remarks.iter().for_each(|remark| output::text(&format!("look at: {remark}")));
    problems.iter().for_each(|problem| output::text(&format!("does not hold: {problem}")));
    output::text(if verdict.holds() { "every figure is proved" } else { "do not rely on this report" });
}
