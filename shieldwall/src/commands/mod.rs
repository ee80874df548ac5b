//! The commands. Each calls the node's interface and prints what it answers.

mod acts;
mod admin;
mod agreements;
mod alerts;
mod answers;
mod approve;
mod audit;
mod contain;
mod custody;
mod detect;
mod doctor;
mod exchange;
mod findings;
mod generate;
mod hunts;
mod import;
mod keys;
mod lifecycle;
mod log_sources;
mod mutes;
mod objects;
mod patterns;
mod peers;
mod releases;
mod rules;
mod serve;
mod sharing;
mod stix;
mod taxii;
mod telemetry;
mod terms;

use std::io::Read;
use std::path::Path;

use clap::CommandFactory;

use crate::cli::agreement::Agreement;
use crate::cli::detect::{Detect, Detection};
use crate::cli::trust::{Audit, Key};
use crate::cli::{Cli, Command};
use crate::client::Client;
use crate::demo;
use crate::exit::{Exit, Failure};
use crate::output;

pub use import::import_quietly;
pub use lifecycle::make_private;
pub use serve::{open_keys, stopped};

/// What a command comes to.
pub type Outcome = Result<Exit, Failure>;

/// Runs one command.
pub async fn run(cli: Cli) -> Outcome {
    let json = cli.json;
    match &cli.command {
        Command::Init { node, name, country } => lifecycle::init(&node.dir, name, country.clone(), json),
        Command::Restore { node, file } => lifecycle::restore(&node.dir, file, json),
        Command::Doctor { node } => doctor::doctor(node, json).await,
        Command::Stix(command) => stix::run(command, json),
        Command::Pattern(command) => patterns::run(command, json),
        Command::Detect(command @ Detect::Scan { .. }) => detect::run(command, json),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "shieldwall", &mut script);
            output::raw(&script);
            Ok(Exit::Well)
        }
        Command::GenDocs { dir } => generate::generate(dir),
        Command::Key(Key::Create { output, opener }) => keys::create(output, opener, json),
        Command::Key(Key::Passphrase { node, keys_passphrase_file, new_passphrase_file, none, next_key }) => {
            let (now, new) = (keys_passphrase_file.as_deref(), new_passphrase_file.as_deref());
            custody::passphrase(&node.dir, now, new, *none, next_key.as_deref(), json)
        }
        Command::Audit(Audit::Verify { file, history, witnesses, quorum }) => {
            audit::verify(file, history.as_deref(), witnesses.as_deref(), *quorum, json)
        }
        Command::Agreement(Agreement::Approve { file, officer, output, opener }) => {
            approve::approve(file, officer, output.as_deref(), opener, json)
        }
        Command::Serve(_) | Command::Demo { .. } | Command::Taxii(_) => standing(cli.command, json).await,
        _ => with_node(&cli.command, json).await,
    }
}

/// Commands that keep something running, or talk to someone else.
async fn standing(command: Command, json: bool) -> Outcome {
    match command {
        Command::Serve(options) => serve::serve(options, json).await,
        Command::Demo { data, captures, rounds, once } => {
            demo::run(demo::Demo { data, captures, rounds, once, json }).await
        }
        Command::Taxii(command) => taxii::run(command, json).await,
        other => Err(Failure::new(format!("{other:?} is not run this way"))),
    }
}

/// Commands that call a node.
async fn with_node(command: &Command, json: bool) -> Outcome {
    let Some(node) = command.node() else {
        return Err(Failure::new("this command needs no node"));
    };
    let client = Client::connect(node).await?;
    let outcome = call(&client, command, json).await;
    client.close().await;
    outcome
}

async fn call(client: &Client, command: &Command, json: bool) -> Outcome {
    match command {
        Command::Import { paths, source, default_label, .. } => {
            import::import(client, paths, source, default_label, json).await
        }
        Command::Export {
            format,
            types,
            source,
            label,
            at_least,
            all_versions,
            faithful,
            recipient,
            purpose,
            output,
            ..
        } => {
            let what = exchange::Selection {
                format: *format,
                types,
                source: source.as_deref(),
                label: label.as_deref(),
                at_least: at_least.as_deref(),
                all_versions: *all_versions,
                faithful: *faithful,
                recipient: recipient.as_deref(),
                purpose: purpose.as_deref(),
            };
            exchange::export(client, &what, output.as_deref(), json).await
        }
        Command::Get { id, version, versions, .. } => {
            objects::get(client, id, version.as_deref(), *versions, json).await
        }
        Command::Search { query, value, limit, .. } => {
            objects::search(client, query.as_deref(), value.as_deref(), *limit, json).await
        }
        Command::Object(command) => objects::object(client, command, json).await,
        Command::Indicator(command) => objects::indicator(client, command, json).await,
        Command::Held(command) => admin::held(client, command, json).await,
        Command::Source(command) => admin::source(client, command, json).await,
        Command::Store(command) => lifecycle::store(client, command, json).await,
        Command::Backup { file, .. } => lifecycle::backup(client, file, json).await,
        Command::User(command) => admin::user(client, command, json).await,
        Command::Token(command) => admin::token(client, command, json).await,
        Command::Key(command) => keys::key(client, command, json).await,
        Command::Peer(command) => peers::peer(client, command, json).await,
        Command::Agreement(command) => agreements::agreement(client, command, json).await,
        Command::Release(command) => releases::release(client, command, json).await,
        Command::Withdraw { id, reason, .. } => sharing::withdraw(client, id, reason, json).await,
        Command::Holders { id, open, .. } => sharing::holders(client, id.as_deref(), *open, json).await,
        Command::Hold { id, basis, .. } => sharing::hold(client, id, basis.as_deref(), json).await,
        Command::Decisions { id, limit, .. } => sharing::decisions(client, id.as_deref(), *limit, json).await,
        Command::Review(command) => sharing::review(client, command, json).await,
        Command::Ask { peer, agreement, purpose, values, .. } => {
            sharing::ask(client, peer, agreement, purpose, values, json).await
        }
        Command::Audit(Audit::Report { output, .. }) => audit::report(client, output, json).await,
        Command::Findings(asked) => findings::findings(client, asked, json).await,
        Command::Rules(command) => rules::rules(client, command, json).await,
        Command::Sharing(command) => terms::sharing(client, command, json).await,
        Command::BreakGlass(command) => terms::break_glass(client, command, json).await,
        Command::Orcon(command) => terms::orcon(client, command, json).await,
        Command::Courier(command) => sharing::courier(client, command, json).await,
        Command::Detect(command) => detect::rules::run(client, command, json).await,
        Command::Detection(command) => detection(client, command, json).await,
        other => Err(Failure::new(format!("{other:?} needs no node"))),
    }
}

async fn detection(client: &Client, command: &Detection, json: bool) -> Outcome {
    match command {
        Detection::LogSource(command) => log_sources::log_source(client, command, json).await,
        Detection::Alerts(command) => alerts::alerts(client, command, json).await,
        Detection::Hunt(command) => hunts::hunt(client, command, json).await,
        Detection::Answers(asked) => answers::answers(client, asked, json).await,
        Detection::Telemetry(command) => telemetry::telemetry(client, command, json).await,
        Detection::Contain(command) => contain::contain(client, command, json).await,
    }
}

/// The most that is read from a file named on the command line, in bytes.
const LARGEST: u64 = 256 << 20;

/// Reads a file, or standard input for `-`.
pub fn read_file(path: &Path) -> Result<Vec<u8>, Failure> {
    let failure = |error| Failure::new(format!("`{}` cannot be read: {error}", path.display()));
    let mut bytes = Vec::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().lock().take(LARGEST + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes))
    };
    read.map_err(failure)?;
    if bytes.len() as u64 > LARGEST {
        return Err(Failure::new(format!("`{}` is larger than {} MiB", path.display(), LARGEST >> 20))
            .hint("`shieldwall import` reads files of any size"));
    }
    Ok(bytes)
}

/// Writes a text to a file that is not there yet, or to standard output.
pub fn write_out(text: &str, output: Option<&Path>) -> Result<(), Failure> {
    let Some(path) = output else {
        output::document(text);
        return Ok(());
    };
    let failure = |error| Failure::new(format!("`{}` cannot be written: {error}", path.display()));
    let mut file = std::fs::File::create_new(path).map_err(failure)?;
    std::io::Write::write_all(&mut file, text.as_bytes()).map_err(failure)
}

/// Reads a secret from a file: its first line, without the end of line.
pub fn read_secret(path: &Path) -> Result<String, Failure> {
    let bytes = read_file(path)?;
    let text =
        String::from_utf8(bytes).map_err(|_| Failure::new(format!("`{}` is not text", path.display())))?;
    let secret = text.lines().next().unwrap_or_default().to_owned();
    if secret.is_empty() {
        return Err(Failure::new(format!("`{}` holds no secret in its first line", path.display())));
    }
    Ok(secret)
}
