//! The kind `nftables`: the kernel's packet filter on this machine, through the program `nft`.
//!
//! Everything is in one table of ours, replaced as a whole in one transaction. Blocks end by the kernel's own clock, so
//! they end even if this node is gone.

use std::path::{Path, PathBuf};
use std::time::Duration;

use controls::{BlockSet, Handle, MAX_ITEMS, NFT_TABLE, NftBlock, NftState, nft_remove, read_nft};
use model::Timestamp;
use ports::actuator::{Actuator, ActuatorError, Applied, Blocked, Status};
use ports::pull::ConfigError;

use crate::config::Config;
use crate::digest;
use crate::kinds::Descriptor;
use crate::run::{Finished, Limits, RunError, run};

pub(crate) const DESCRIPTOR: Descriptor = Descriptor {
    kind: "nftables",
    summary: "blocks addresses, networks and ports in the packet filter of this machine",
    fields: &[],
    example: "{}",
    construct,
};

fn construct(name: &str, _: &Config, _: &str) -> Result<Box<dyn Actuator>, ConfigError> {
    Ok(Box::new(Nft::new(name)))
}

/// Where distributions put it. Nothing is looked up in `PATH`: whoever sets that would choose what runs as us.
const PLACES: [&str; 3] = ["/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft"];

/// Longest that `nft` may take.
const LIMIT: Duration = Duration::from_secs(10);

/// Most bytes of a listing: several times what a full set takes.
const MAX_LISTING: usize = 32 << 20;

/// The packet filter.
#[derive(Debug, Clone)]
pub struct Nft {
    name: String,
    program: Option<PathBuf>,
    limit: Duration,
}

impl Nft {
    /// The packet filter by the `nft` of this machine, looked for in `/usr/sbin`, `/sbin` and `/usr/bin` at each call.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), program: None, limit: LIMIT }
    }

    /// The packet filter by another program, which is given as long as this.
    #[must_use]
    pub fn with_program(name: &str, program: &Path, limit: Duration) -> Self {
        Self { name: name.to_owned(), program: Some(program.to_path_buf()), limit }
    }

    /// What our table holds; nothing when it is not there.
    ///
    /// # Errors
    /// [`ActuatorError`] when `nft` is missing, may not look, or is not understood.
    pub fn state(&self) -> Result<NftState, ActuatorError> {
        // Listing a table that is not there is an error like any other, so the tables are asked for first.
        let tables = self.listing(&["-j", "list", "tables", "inet"])?;
        let listed: serde_json::Value = serde_json::from_str(&tables).map_err(|error| {
            ActuatorError::passing(format!("nft's list of tables cannot be read: {error}"))
        })?;
        let list = listed.get("nftables").and_then(serde_json::Value::as_array);
        let names = list.into_iter().flatten().filter_map(|entry| entry.pointer("/table/name")?.as_str());
        if !names.into_iter().any(|name| name == NFT_TABLE) {
            return Ok(NftState::default());
        }
        let listing = self.listing(&["-j", "list", "table", "inet", NFT_TABLE])?;
        read_nft(&listing).map_err(|error| ActuatorError::passing(error.to_string()))
    }

    fn listing(&self, args: &[&str]) -> Result<String, ActuatorError> {
        let finished = self.run(args, String::new())?;
        String::from_utf8(finished.stdout)
            .map_err(|_| ActuatorError::passing("nft's listing is not text".to_owned()))
    }

    fn feed(&self, input: String) -> Result<(), ActuatorError> {
        self.run(&["-j", "-f", "-"], input).map(drop)
    }

    fn run(&self, args: &[&str], input: String) -> Result<Finished, ActuatorError> {
        let program = self.program()?;
        let shown = program.display();
        let limits = Limits { time: self.limit, output: MAX_LISTING };
        let finished = run(&program, args, input, limits).map_err(|error| match error {
            RunError::Start(error) => ActuatorError::permanent(format!("`{shown}` cannot be run: {error}")),
            RunError::TooSlow => {
                let seconds = self.limit.as_secs_f32();
                ActuatorError::passing(format!("`{shown}` did not end within {seconds} seconds"))
            }
            RunError::TooMuch => {
                ActuatorError::passing(format!("`{shown}` wrote more than {MAX_LISTING} bytes"))
            }
            RunError::Read(error) => {
                ActuatorError::passing(format!("the answer of `{shown}` cannot be read: {error}"))
            }
        })?;
        if finished.success { Ok(finished) } else { Err(complaint(&finished.stderr)) }
    }

    fn program(&self) -> Result<PathBuf, ActuatorError> {
        if let Some(program) = &self.program {
            return Ok(program.clone());
        }
        let found = PLACES.iter().map(Path::new).find(|place| place.is_file());
        found.map(Path::to_path_buf).ok_or_else(|| {
            let places = PLACES.join(", ");
            ActuatorError::permanent(format!("there is no nft at {places}; install the package nftables"))
        })
    }
}

/// What `nft` said, with what helps where that is known.
fn complaint(stderr: &str) -> ActuatorError {
    let plain = stderr.replace(char::is_control, " ");
    let said: String = plain.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(300).collect();
    if said.contains("Operation not permitted") {
        return ActuatorError::permanent(format!(
            "nft may not change the packet filter: {said}; give the node the capability CAP_NET_ADMIN"
        ));
    }
    if said.contains("Message too long") {
        return ActuatorError::permanent(format!(
            "the set is larger than the kernel takes at once: {said}; raise net.core.wmem_max"
        ));
    }
    ActuatorError::passing(format!("nft refused: {said}"))
}

impl Actuator for Nft {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        DESCRIPTOR.kind
    }

    fn apply(&self, set: &BlockSet, _: &[Handle], now: Timestamp) -> Result<Applied, ActuatorError> {
        if set.items.len() > MAX_ITEMS {
            return Err(ActuatorError::permanent(format!(
                "{} items are more than the {MAX_ITEMS} that one actuator holds",
                set.items.len()
            )));
        }
        let export = controls::nft(set, now);
        // An empty table would only cost every packet time.
        let text = if export.written == 0 { nft_remove() } else { export.text };
        let digest = digest::of(&text);
        self.feed(text)?;
        Ok(Applied {
            blocked: export.written,
            skipped: export.skipped,
            handles: Vec::new(),
            digest,
            note: String::new(),
        })
    }

    fn remove(&self, _: &[Handle], _: Timestamp) -> Result<Applied, ActuatorError> {
        let text = nft_remove();
        let digest = digest::of(&text);
        self.feed(text)?;
        Ok(Applied { blocked: 0, skipped: Vec::new(), handles: Vec::new(), digest, note: String::new() })
    }

    fn status(&self, _: Timestamp) -> Result<Status, ActuatorError> {
        let state = self.state()?;
        let blocks =
            state.blocks.iter().map(|block| Blocked { value: shown(block), left: block.left }).collect();
        Ok(Status { blocks: Some(blocks), hits: Some(state.dropped), note: String::new() })
    }
}

/// `203.0.113.7`, `203.0.113.0-203.0.113.255`, each with ` port 443` where it has one.
fn shown(block: &NftBlock) -> String {
    let mut out = block.first.to_string();
    if block.last != block.first {
        out.push('-');
        out.push_str(&block.last.to_string());
    }
    if let Some(port) = block.port {
        out.push_str(&format!(" port {port}"));
    }
    out
}
