//! What Prometheus scrapes (text exposition format 0.0.4): requests, the store, sources.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::Method;
use ports::{Counts, SourceRecord, SourceState};

/// Upper bounds of the latency histogram, in seconds.
const BUCKETS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// Counts of requests by route, so that no client can make up new time series.
#[derive(Default)]
pub(crate) struct HttpMetrics {
    routes: Mutex<BTreeMap<(Arc<str>, &'static str), Route>>,
}

#[derive(Default)]
struct Route {
    statuses: BTreeMap<u16, u64>,
    buckets: [u64; BUCKETS.len()],
    count: u64,
    seconds: f64,
}

impl HttpMetrics {
    /// Counts one answered request.
    pub(crate) fn record(&self, method: &Method, route: &Arc<str>, status: u16, took: Duration) {
        let seconds = took.as_secs_f64();
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = routes.entry((Arc::clone(route), known(method))).or_default();
        *entry.statuses.entry(status).or_default() += 1;
        entry.count += 1;
        entry.seconds += seconds;
        for (bucket, bound) in entry.buckets.iter_mut().zip(BUCKETS) {
            *bucket += u64::from(seconds <= bound);
        }
    }

    fn write(&self, out: &mut String) {
        let routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        head(out, "shieldwall_http_requests_total", "counter", "Requests answered.");
        for ((route, method), entry) in &*routes {
            let route = escape(route);
            for (status, count) in &entry.statuses {
                let labels = format!("route=\"{route}\",method=\"{method}\",status=\"{status}\"");
                line(out, "shieldwall_http_requests_total", &labels, *count);
            }
        }
        let name = "shieldwall_http_request_seconds";
        head(out, name, "histogram", "Time to the start of the response.");
        for ((route, method), entry) in &*routes {
            let labels = format!("route=\"{}\",method=\"{method}\"", escape(route));
            for (count, bound) in entry.buckets.iter().zip(BUCKETS) {
                line(out, &format!("{name}_bucket"), &format!("{labels},le=\"{bound}\""), *count);
            }
            line(out, &format!("{name}_bucket"), &format!("{labels},le=\"+Inf\""), entry.count);
            line(out, &format!("{name}_sum"), &labels, entry.seconds);
            line(out, &format!("{name}_count"), &labels, entry.count);
        }
    }
}

/// Everything a scrape shows.
pub(crate) struct Scrape<'a> {
    pub(crate) http: &'a HttpMetrics,
    pub(crate) build: &'a str,
    pub(crate) counts: &'a Counts,
    pub(crate) sources: &'a [(SourceRecord, SourceState)],
}

/// The exposition.
pub(crate) fn exposition(scrape: &Scrape<'_>) -> String {
    let mut out = String::with_capacity(8192);
    let counts = scrape.counts;
    head(&mut out, "shieldwall_build_info", "gauge", "The running program; always 1.");
    line(&mut out, "shieldwall_build_info", &format!("version=\"{}\"", escape(scrape.build)), 1);
    let gauges = [
        ("shieldwall_objects", "Distinct objects held.", counts.objects),
        ("shieldwall_versions", "Versions held.", counts.versions),
        ("shieldwall_journal_head", "Newest place in the journal.", counts.head),
        ("shieldwall_journal_horizon", "Oldest place that can be continued from.", counts.horizon),
        (
            "shieldwall_search_lag",
            "Journal entries search has not followed yet.",
            counts.head.saturating_sub(counts.search_cursor),
        ),
        ("shieldwall_held", "Values waiting for a decision.", counts.held),
        ("shieldwall_inbox", "TAXII add requests waiting.", counts.inbox),
        ("shieldwall_store_bytes", "Size of the store on disk.", counts.bytes),
    ];
    for (name, help, value) in gauges {
        head(&mut out, name, "gauge", help);
        line(&mut out, name, "", value);
    }
    per_source(&mut out, scrape.sources);
    scrape.http.write(&mut out);
    out
}

fn per_source(out: &mut String, sources: &[(SourceRecord, SourceState)]) {
    type Reading = fn(&SourceRecord, &SourceState) -> Option<f64>;
    let readings: [(&str, &str, &str, Reading); 4] = [
        ("shieldwall_source_enabled", "gauge", "Whether the source is pulled.", |record, _| {
            Some(f64::from(u8::from(record.enabled)))
        }),
        ("shieldwall_source_failures", "gauge", "Failures since the last success.", |_, state| {
            Some(f64::from(state.failures))
        }),
        (
            "shieldwall_source_last_success_seconds",
            "gauge",
            "When a round last went well (Unix time).",
            |_, state| state.last_success.map(|at| seconds(at.as_micros())),
        ),
        ("shieldwall_source_accepted_total", "counter", "Objects accepted.", |_, state| {
            Some(counted(state.accepted))
        }),
    ];
    for (name, kind, help, reading) in readings {
        head(out, name, kind, help);
        for (record, state) in sources {
            if let Some(value) = reading(record, state) {
                line(out, name, &format!("source=\"{}\"", escape(&record.name)), value);
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus values are doubles")]
const fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus values are doubles")]
const fn counted(count: u64) -> f64 {
    count as f64
}

/// A method's name; methods nobody defined share one series.
fn known(method: &Method) -> &'static str {
    let named = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ];
    match named.iter().position(|name| name == method) {
        Some(0) => "GET",
        Some(1) => "HEAD",
        Some(2) => "POST",
        Some(3) => "PUT",
        Some(4) => "PATCH",
        Some(5) => "DELETE",
        Some(6) => "OPTIONS",
        _ => "other",
    }
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn line(out: &mut String, name: &str, labels: &str, value: impl std::fmt::Display) {
    let _ = if labels.is_empty() {
        writeln!(out, "{name} {value}")
    } else {
        writeln!(out, "{name}{{{labels}}} {value}")
    };
}

fn escape(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
