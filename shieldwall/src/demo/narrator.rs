//! What the audience reads.

use std::time::Instant;

use owo_colors::OwoColorize;

use super::member::Member;
use super::publish::{Sent, millis};
use crate::output;

/// Tells the story: on standard output, or on standard error when that is for a machine.
pub struct Narrator {
    json: bool,
    began: Instant,
}

impl Narrator {
    pub fn new(json: bool) -> Self {
        Self { json, began: Instant::now() }
    }

    pub fn say(&self, line: &str) {
        if self.json { output::say(line) } else { output::text(line) }
    }

    /// A new part of the story.
    pub fn chapter(&self, title: &str) {
        self.say(&format!("\n{}", title.bold()));
    }

    /// Something that has been done, and how long the story has been going on.
    pub fn step(&self, what: &str) {
        let at = format!("{:>7.2} s", self.began.elapsed().as_secs_f64());
        self.say(&format!("{}  {what}", at.dimmed()));
    }

    /// More about the last step.
    pub fn more(&self, what: &str) {
        self.say(&format!("           {what}"));
    }

    pub fn member(&self, member: &Member) {
        let (code, name, peer) =
            (member.code().cyan().to_string(), member.organisation.name, member.peer_url());
        self.say(&format!("  {code}  {name:<30}  {peer}  party {}", member.party.0.short()));
    }

    /// One indicator's way to the allies.
    pub fn time_line(&self, first: &Member, sent: &Sent) {
        let start: String = sent.value.chars().take(16).collect();
        self.more(&format!(
            "{:>9}  {} publishes the hash of a Gantry sample, {start}…",
            "0.0 ms",
            first.code().cyan()
        ));
        for hop in &sent.hops {
            let at = format!("{:.1} ms", millis(hop.visible));
            self.more(&format!("{at:>9}  {} has it", hop.code.cyan()));
        }
    }

    pub fn invite(&self, members: &[Member]) {
        self.chapter("The nodes stay up. In another terminal:");
        if let [first, second, ..] = members {
            let (first, second) = (first.dir.display(), second.dir.display());
            for line in [
                format!(
                    "shieldwall indicator add --dir {first} 44d88612fea8a8f36de82e1278abb02f --tlp green"
                ),
                format!("shieldwall search --dir {second} --value 44d88612fea8a8f36de82e1278abb02f"),
                format!("shieldwall agreement list --dir {first}"),
                format!("shieldwall holders --dir {first}"),
            ] {
                self.say(&format!("  {line}"));
            }
        }
        self.say("Ctrl-C stops them and removes everything.");
    }
}
