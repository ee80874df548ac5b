//! What a scan came to.

use std::collections::BTreeMap;

use detect::{Card, Sigma, State};
use logs::Reason;
use serde_json::{Value, json};

use super::REASON;
use super::found::Which;
use super::scan::Scan;
use crate::commands::alerts::cut;
use crate::exit::Exit;
use crate::output;

/// Of so many records one may be malformed before a scan says that it did not look at everything.
const ONE_IN: u64 = 100;
/// Rules, indicators and files that are named for people before the rest is only counted.
const NAMED: usize = 10;

/// How a scan ends that could not look at everything and found nothing.
const PARTLY: Exit = Exit::Findings;

/// Rules in use that share an id: the id, and the files they are in.
type Shared<'s> = Vec<(&'s str, Vec<&'s str>)>;

impl Scan {
    /// Shows what came of it.
    pub(super) fn end(self, loaded: f64, seconds: f64) -> Exit {
        let incomplete = self.incomplete();
        if self.json {
            output::line(&json!({"summary": self.summary(loaded, seconds, &incomplete)}));
        } else {
            self.show(loaded, seconds, &incomplete);
        }
        let nothing_read =
            self.counts.records == 0 && !(self.unread.is_empty() && self.counts.refused() == 0);
        match (self.found.matches(), incomplete.as_slice()) {
            (1.., _) => Exit::Findings,
            (0, []) => Exit::Well,
            // The logs are not what they were taken for.
            (0, _) if nothing_read => Exit::Environment,
            (0, _) => PARTLY,
        }
    }

    /// Why "nothing matched" says less than it seems to, if so.
    fn incomplete(&self) -> Vec<String> {
        let mut why = Vec::new();
        let (read, refused) = (self.counts.records, self.counts.refused());
        if refused.saturating_mul(ONE_IN) > read + refused {
            why.push(format!("{refused} of {} records could not be read", read + refused));
        }
        if !self.unread.is_empty() {
            why.push(format!("{} files were not read, or not to their end", self.unread.len()));
        }
        if let Some((file, reason)) = self.mistaken.first() {
            why.push(format!(
                "{} files are not of the format that was named, such as {file}: {reason}",
                self.mistaken.len()
            ));
        }
        if let (hungry @ 1.., rules) = self.hungry()
            && hungry == rules
        {
            why.push(format!("none of {rules} active rules had an event of its log source"));
        }
        why.extend(self.silent.clone());
        why
    }

    fn summary(&self, loaded: f64, seconds: f64, incomplete: &[String]) -> Value {
        let sigma = self.matcher.sigma();
        let malformed: BTreeMap<&str, u64> =
            self.counts.malformed.iter().map(|(reason, count)| (reason.as_str(), *count)).collect();
        let not_sought = |(title, why): &(String, String)| json!({"indicator": title, "why": why});
        let shared = |(id, files): &(&str, Vec<&str>)| json!({"rule_id": id, "files": files});
        json!({
            "rules": states(sigma),
            "rules_without_events": self.hungry().0,
            "rules_without_level": self.without_level(),
            "rule_notes": self.notes().iter().map(|(card, note)| json!({"rule_id": card.id, "title": card.title, "note": note})).collect::<Vec<_>>(),
            "rules_with_the_same_id": same_id(sigma).iter().map(shared).collect::<Vec<_>>(),
            "indicators": self.indicators.named.len(),
            "indicators_refused": self.indicators.refused,
            "indicators_left_out": self.indicators.left_out,
            "first_not_looked_for": self.indicators.first.iter().map(not_sought).collect::<Vec<_>>(),
            "rules_loaded_seconds": loaded,
            "events": self.counts.records,
            "malformed": malformed,
            "bytes": self.bytes,
            "events_matched": self.found.events(),
            "matches": self.found.matches(),
            "seconds": seconds,
            "events_per_second": self.rate(seconds).round(),
            "unread": self.unread.iter().map(|(file, why)| json!({"file": file, "why": why})).collect::<Vec<_>>(),
            "complete": incomplete.is_empty(),
            "incomplete": incomplete,
        })
    }

    /// What is odd about rules that can be used all the same, note by note.
    fn notes(&self) -> Vec<(&Card, &str)> {
        let sigma = self.matcher.sigma();
        let mut all = Vec::new();
        for (id, notes) in &self.notes {
            if let Some(card) = sigma.card(*id) {
                all.extend(notes.iter().map(|note| (card, note.as_str())));
            }
        }
        all
    }

    fn rate(&self, seconds: f64) -> f64 {
        if seconds > 0.0 { self.counts.records as f64 / seconds } else { 0.0 }
    }

    fn show(&self, loaded: f64, seconds: f64, incomplete: &[String]) {
        let sigma = self.matcher.sigma();
        self.found.show(|which| match which {
            Which::Rule(rule) => sigma.card(rule).map(|card| (card.level, card.title.as_str())),
            Which::Indicator(number) => {
                self.indicators.named(number).map(|named| (Some(named.level()), named.title.as_str()))
            }
        });
        self.show_indicators();
        let states: Vec<String> =
            states(sigma).iter().map(|(state, count)| format!("{count} {state}")).collect();
        output::text(&format!("rules: {} (loaded in {loaded:.1} s)", states.join(", ")));
        self.show_hungry();
        let notes = self.notes();
        for (card, note) in notes.iter().take(NAMED) {
            output::say(&output::inline(&cut(&format!("note on {}: {note}", card.title), REASON)));
        }
        if notes.len() > NAMED {
            output::say(&format!("{} more notes on rules; `--states` lists them", notes.len() - NAMED));
        }
        let same = same_id(sigma);
        for (id, files) in same.iter().take(NAMED) {
            let line = format!("{} rules share the id {id}: {}", files.len(), files.join(", "));
            output::say(&output::inline(&cut(&line, REASON)));
        }
        if same.len() > NAMED {
            output::say(&format!("{} more ids are shared by rules", same.len() - NAMED));
        }
        output::text(&format!(
            "{} events, {} malformed, {:.1} MB in {seconds:.1} s: {:.0} events/s; {} events matched, {} matches",
            self.counts.records,
            self.counts.refused(),
            self.bytes as f64 / 1e6,
            self.rate(seconds),
            self.found.events(),
            self.found.matches()
        ));
        for sample in &self.counts.samples {
            let place = match sample.reason {
                // It is in the message, and there is no text to show.
                Reason::Damaged => String::new(),
                _ => format!(" at byte {}: {}", sample.offset, sample.text),
            };
            output::say(&format!("malformed ({}): {}{place}", sample.reason, sample.message));
        }
        if !incomplete.is_empty() {
            let line = format!("not everything was looked at: {}", incomplete.join("; "));
            output::say(&output::inline(&line));
        }
    }

    /// Rules whose silence says nothing.
    fn show_hungry(&self) {
        let (hungry, rules) = self.hungry();
        if hungry > 0 {
            output::text(&format!("{hungry} of {rules} active rules had no event of their log source"));
        }
        let without = self.without_level();
        if without > 0 {
            output::text(&format!("{without} active rules state no level, and --level leaves them out"));
        }
    }

    fn show_indicators(&self) {
        let all = &self.indicators;
        if !all.any() {
            return;
        }
        let left_out: Vec<String> =
            all.left_out.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        let left_out = match left_out.as_slice() {
            [] => String::new(),
            reasons => format!(", left out: {}", reasons.join(", ")),
        };
        let (sought, refused) = (all.named.len(), all.refused);
        output::text(&format!("indicators: {sought} looked for, {refused} refused{left_out}"));
        for (title, why) in &all.first {
            output::say(&output::inline(&cut(&format!("{title}: {why}"), REASON)));
        }
    }
}

/// How many rules are in each state.
fn states(sigma: &Sigma) -> BTreeMap<&'static str, usize> {
    let mut states = BTreeMap::new();
    sigma.cards().iter().for_each(|card| *states.entry(card.state.as_str()).or_default() += 1);
    states
}

/// Rules in use that share an id. Whoever looks one up by its id finds either.
fn same_id(sigma: &Sigma) -> Shared<'_> {
    let mut by_id: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let used = |card: &&Card| card.state == State::Active;
    for card in sigma.cards().iter().filter(used) {
        if let Some(id) = &card.id {
            by_id.entry(id).or_default().push(&card.file);
        }
    }
    by_id.into_iter().filter(|(_, files)| files.len() > 1).collect()
}
