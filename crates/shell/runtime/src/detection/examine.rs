//! One event against everything that is watched. Live reading and hunting both come here, so they cannot differ.

use std::ops::Range;
use std::sync::Arc;

use detect::{Alert, Matcher, Scratch, Windows};
use logs::Event;
use model::Timestamp;
use observable::Observable;

use super::watch::Watch;

/// Something that an event met.
pub(crate) enum Met<'m> {
    /// The value of an indicator.
    Value { subject: u64, field: &'m str, value: &'m str, indicator: Observable, span: Option<Range<usize>> },
    /// A STIX pattern.
    Pattern { subject: u64 },
    /// A Sigma rule of one of the two sets.
    Rule { set: usize, alert: &'m Alert },
}

/// Asks everything that is watched about events, one after the other. What counts over events is kept here.
pub(crate) struct Examiner {
    watch: Arc<Watch>,
    matchers: [Matcher; 2],
    windows: Windows,
    scratch: Scratch,
    alerts: Vec<Alert>,
}

impl Examiner {
    pub(crate) fn new(watch: Arc<Watch>) -> Self {
        let matchers = [0, 1].map(|set: usize| {
            let sigma = watch.rules.get(set).map(|rules| Arc::clone(&rules.sigma)).unwrap_or_default();
            Matcher::new(sigma)
        });
        Self { watch, matchers, windows: Windows::default(), scratch: Scratch::default(), alerts: Vec::new() }
    }

    /// What is watched.
    pub(crate) fn watch(&self) -> &Arc<Watch> {
        &self.watch
    }

    /// Goes on with what is watched now. What was counted is kept while the rules are the same.
    pub(crate) fn renew(&mut self, watch: &Arc<Watch>) {
        if Arc::ptr_eq(&self.watch, watch) {
            return;
        }
        self.windows.keep(&watch.patterns);
        for (matcher, rules) in self.matchers.iter_mut().zip(&watch.rules) {
            if !Arc::ptr_eq(matcher.sigma(), &rules.sigma) {
                *matcher = Matcher::new(Arc::clone(&rules.sigma));
            }
        }
        self.watch = Arc::clone(watch);
    }

    /// Asks about one event that happened then.
    pub(crate) fn run(&mut self, event: &Event<'_>, at: Timestamp, met: &mut dyn FnMut(Met<'_>)) {
        let Self { watch, matchers, windows, scratch, alerts } = self;
        watch.index.look(event, at, scratch, &mut |hit| {
            met(Met::Value {
                subject: hit.subject,
                field: hit.field,
                value: hit.value,
                indicator: hit.indicator(),
                span: hit.span.clone(),
            });
        });
        watch.patterns.run(windows, event, at, &mut |subject| met(Met::Pattern { subject }));
        for (set, matcher) in matchers.iter_mut().enumerate() {
            alerts.clear();
            matcher.run(event, alerts);
            alerts.iter().for_each(|alert| met(Met::Rule { set, alert }));
        }
    }
}
