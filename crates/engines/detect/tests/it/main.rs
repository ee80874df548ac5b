//! Rules by the specification's text, and the real rules over the real events.
#![expect(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod atomic;
mod patterns;
mod prove;
mod real;
mod rules;

use std::sync::Arc;

use logs::{Format, Framer, Framing, MAX_RECORD, Reader, Settings};
use model::Timestamp;
use shieldwall_detect::{Alert, Loader, Matcher, Sigma};

fn now() -> Timestamp {
    "2024-06-01T00:00:00Z".parse().unwrap()
}

/// Rules from texts.
fn rules(texts: &[&str]) -> Arc<Sigma> {
    let mut loader = Loader::new();
    for (at, text) in texts.iter().enumerate() {
        loader.add(&format!("rules/{at}.yml"), text);
    }
    Arc::new(loader.finish())
}

/// What rules say to records, one after the other.
fn alerts(matcher: &mut Matcher, format: Format, framing: Framing, bytes: &[u8]) -> Vec<Alert> {
    let mut reader = Reader::new(format, Settings::default());
    let mut framer = Framer::new(framing, MAX_RECORD);
    let mut out = Vec::new();
    let mut each = |frame: logs::Frame<'_>| {
        if let logs::Frame::Whole { bytes, .. } = frame
            && let Ok(Some(event)) = reader.read(bytes, now())
        {
            matcher.run(&event, &mut out);
        }
    };
    framer.push(bytes, &mut each);
    framer.finish(&mut each);
    out
}

/// Titles of the rules that match Windows events, in their order.
fn titles(sigma: &Arc<Sigma>, records: &[&str]) -> Vec<String> {
    let mut matcher = Matcher::new(Arc::clone(sigma));
    let found = alerts(&mut matcher, Format::WindowsJson, Framing::Lines, records.join("\n").as_bytes());
    found.iter().map(|alert| sigma.card(alert.rule).unwrap().title.clone()).collect()
}
