//! What is looked for here, and what cannot be.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use model::{Seq, Timestamp};
use ports::detection::{Fired, LogSourceRecord, LogSourceState, RuleText};
use runtime::detection::{Progress, RuleView};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::log_sources::LagBody;
use super::page_size;
use super::telemetry::StatsBody;
use crate::app::{App, Shared};
use crate::auth::By;
use crate::extract::{Path, Query, read_body};
use crate::problem::{Kind, Problem};

/// The longest text of rules, in bytes.
const LONGEST: usize = 1 << 20;
/// The longest name of a text of rules, in bytes.
const NAME: usize = 255;
/// Stretches of the journal that a listing waits for.
const STRETCHES: usize = 100;
/// Indicators, and rules, that a summary names.
const NAMED: usize = 100;
/// A log source from which nothing came for this long is silent, in microseconds: one hour.
const SILENT: i64 = 3_600_000_000;
/// The longest reason that is given, in characters.
const REASON: usize = 300;
/// The states a rule can be in.
const STATES: [&str; 5] =
    ["active", "waiting-for-fields", "source-missing", "unsupported", "self-test-failed"];

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RuleQuery {
    /// Only rules in this state: `active`, `waiting-for-fields`, `source-missing`, `unsupported` or `self-test-failed`.
    state: Option<String>,
    /// Skip so many.
    offset: Option<usize>,
    /// Rules at most.
    limit: Option<usize>,
}

/// Sigma rules: our own, then those that others shared.
#[derive(Serialize, ToSchema)]
pub(crate) struct DetectionRuleList {
    rules: Vec<DetectionRule>,
    /// How many there are, on all pages.
    total: usize,
}

/// A Sigma rule, and whether it can speak.
#[derive(Serialize, ToSchema)]
struct DetectionRule {
    /// Its id, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    title: String,
    /// For rules of our own: the name of the text it stands in.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    /// For rules that others shared: the indicator that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<String>,
    state: &'static str,
    /// Why it is in that state, in at most 300 characters; empty for active rules.
    reason: String,
    /// What is odd about it, though it can be used: a level that there is none of, an id that another rule has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<&'static str>,
    /// Where its events come from, in Sigma's words: product, category, service.
    log_source: String,
    /// The classes of events that it looks at.
    classes: Vec<&'static str>,
    /// How many events of these classes log sources gave since the node was started, from which on alone it is counted. An
    /// active rule with none looks at nothing.
    source_events: u64,
    /// When one of them was read last.
    #[serde(skip_serializing_if = "Option::is_none")]
    source_last_read: Option<String>,
    tags: Vec<String>,
    /// What became of an event that was made to match it: `passed`, `failed` or `untried`; absent until its turn comes.
    #[serde(skip_serializing_if = "Option::is_none")]
    self_test: Option<&'static str>,
    /// Why it failed, or could not be tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    self_test_reason: Option<String>,
    /// How many events it has matched.
    fired: u64,
    /// The latest event that it matched.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_fired: Option<String>,
}

impl DetectionRule {
    fn new(view: RuleView, fired: &BTreeMap<String, Fired>) -> Self {
        let fired = fired.get(called(&view));
        let card = view.card;
        let (file, object) = match view.object {
            None => (Some(card.file), None),
            Some(_) => (None, Some(card.file)),
        };
        Self {
            id: card.id,
            title: card.title,
            file,
            object,
            state: card.state.as_str(),
            reason: shortened(card.state.reason()),
            notes: view.notes,
            level: card.level.map(|level| level.as_str()),
            log_source: card.source.to_string(),
            classes: card.classes.iter().map(|class| class.class().name).collect(),
            source_events: view.delivered.events,
            source_last_read: view.delivered.last.map(|last| last.to_string()),
            tags: card.tags,
            self_test: view.tried.as_ref().map(|tried| tried.as_str()),
            self_test_reason: view
                .tried
                .map(|tried| shortened(tried.reason().to_owned()))
                .filter(|why| !why.is_empty()),
            fired: fired.map_or(0, |fired| fired.count),
            last_fired: fired.map(|fired| fired.last.to_string()),
        }
    }
}

/// A reason that is not longer than anybody reads.
fn shortened(text: String) -> String {
    match text.char_indices().nth(REASON) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}

/// What alerts call a rule.
fn called(view: &RuleView) -> &str {
    match (&view.object, &view.card.id) {
        (None, Some(id)) => id,
        (Some(_), _) | (None, None) => &view.card.file,
    }
}

/// Brings what is watched up to what is held, so that a listing shows what was added a moment ago.
fn settle(app: &App) -> Result<(), Problem> {
    for _ in 0..STRETCHES {
        if !app.core().watch_step()? {
            break;
        }
    }
    Ok(())
}

fn fired(app: &App) -> Result<BTreeMap<String, Fired>, Problem> {
    let rows = app.core().store.read()?.fired(app.core().scope)?;
    Ok(rows.into_iter().map(|row| (row.rule.clone(), row)).collect())
}

/// List Sigma rules
///
/// Our own and those that others shared, each with whether it can speak, and why not.
#[utoipa::path(
    get, path = "/detection/rules", tag = "detection", params(RuleQuery),
    responses((status = 200, body = DetectionRuleList), (status = 400, response = super::ProblemBody))
)]
pub(crate) async fn rules(
    State(app): State<Shared>,
    Query(query): Query<RuleQuery>,
) -> Result<Json<DetectionRuleList>, Problem> {
    let limit = page_size(&app, query.limit)?;
    if let Some(odd) = query.state.as_ref().filter(|state| !STATES.contains(&state.as_str())) {
        return Err(Problem::bad(format!("`{odd}` is no state of a rule"))
            .hint(format!("use one of {}", STATES.join(", "))));
    }
    app.blocking(move |app| {
        settle(app)?;
        let fired = fired(app)?;
        let mut rules = app.core().detection()?.rules();
        rules.retain(|view| query.state.as_ref().is_none_or(|state| view.card.state.as_str() == state));
        let total = rules.len();
        let page = rules.into_iter().skip(query.offset.unwrap_or_default()).take(limit);
        Ok(Json(DetectionRuleList {
            rules: page.map(|view| DetectionRule::new(view, &fired)).collect(),
            total,
        }))
    })
    .await
}

/// What storing rules did.
#[derive(Serialize, ToSchema)]
pub(crate) struct StoredRules {
    /// Whether the text differs from what was there.
    changed: bool,
}

/// Store rules
///
/// A text with Sigma documents, at most 1 MiB, under a name: usually the file's, whose slashes are written `%2F`. It takes
/// the place of an older one. What of it cannot be used is kept too, and `GET /detection/rules` says why it cannot.
#[utoipa::path(
    put, path = "/detection/rules/{name}", tag = "detection", params(("name" = String, Path)),
    request_body(content = String, content_type = "application/yaml"),
    responses(
        (status = 200, body = StoredRules), (status = 400, response = super::ProblemBody),
        (status = 413, response = super::ProblemBody)
    )
)]
pub(crate) async fn put_rule(
    State(app): State<Shared>,
    By(caller): By,
    Path(name): Path<String>,
    request: Request,
) -> Result<Json<StoredRules>, Problem> {
    if name.is_empty() || name.len() > NAME || name.chars().any(char::is_control) {
        return Err(Problem::bad(format!(
            "the name of a text of rules has 1 to {NAME} bytes, and no character that is not to be seen"
        )));
    }
    let (parts, body) = request.into_parts();
    let kept = read_body(&app, &parts.headers, body).await?;
    if kept.bytes.len() > LONGEST {
        return Err(Problem::new(
            Kind::TooLarge,
            format!("a text of rules may have {LONGEST} bytes at most"),
        )
        .hint("store its documents one by one, under a name each"));
    }
    let text = std::str::from_utf8(&kept.bytes)
        .map_err(|_| Problem::bad("the rules are not text").hint("save them as UTF-8"))?;
    if text.trim().is_empty() {
        return Err(Problem::bad("the body holds no rule").hint("send the text of a Sigma rule"));
    }
    let text = text.to_owned();
    app.core().detection()?;
    let changed = app
        .write(move |app, tx| {
            let (tenant, at) = (app.core().scope.tenant, app.now());
            let changed = tx.set_rule_text(tenant, &RuleText { name: name.clone(), text, at })?;
            if changed {
                tx.audit(tenant, at, caller.name(), "detection-rule.put", &name, "")?;
            }
            Ok(changed)
        })
        .await?;
    if changed {
        app.core().detection()?.rules_changed();
    }
    Ok(Json(StoredRules { changed }))
}

/// Remove rules
///
/// Their alerts stay. Rules that others shared go when whoever made them takes them back.
#[utoipa::path(
    delete, path = "/detection/rules/{name}", tag = "detection", params(("name" = String, Path)),
    responses((status = 204), (status = 404, response = super::ProblemBody))
)]
pub(crate) async fn remove_rule(
    State(app): State<Shared>,
    By(caller): By,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    app.write(move |app, tx| {
        let tenant = app.core().scope.tenant;
        if !tx.remove_rule_text(tenant, &name)? {
            return Err(Problem::missing(format!("the text of rules `{name}`"))
                .hint("GET /api/v1/detection/rules names the text of each rule of our own"));
        }
        Ok(tx.audit(tenant, app.now(), caller.name(), "detection-rule.remove", &name, "")?)
    })
    .await?;
    if let Ok(detection) = app.core().detection() {
        detection.rules_changed();
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Why an indicator is not looked for.
#[derive(Serialize, ToSchema)]
pub(crate) struct UnwatchedBody {
    /// The indicator.
    object: String,
    reason: String,
}

/// Indicators that are held and not looked for.
#[derive(Serialize, ToSchema)]
pub(crate) struct UnwatchedList {
    /// At most 10,000.
    unwatched: Vec<UnwatchedBody>,
}

/// List indicators that are not looked for
///
/// Each with the reason: a pattern of another kind, or one that no log could match.
#[utoipa::path(
    get, path = "/detection/unwatched", tag = "detection",
    responses((status = 200, body = UnwatchedList))
)]
pub(crate) async fn unwatched(State(app): State<Shared>) -> Result<Json<UnwatchedList>, Problem> {
    app.blocking(|app| {
        settle(app)?;
        Ok(Json(UnwatchedList { unwatched: not_watched(app)? }))
    })
    .await
}

fn not_watched(app: &App) -> Result<Vec<UnwatchedBody>, Problem> {
    let unwatched = app.core().detection()?.unwatched().into_iter();
    Ok(unwatched
        .map(|one| UnwatchedBody { object: one.object.to_string(), reason: shortened(one.reason) })
        .collect())
}

/// A technique of ATT&CK, and the rules that name it.
#[derive(Serialize, ToSchema)]
struct TechniqueCoverage {
    /// Such as `T1059.001`.
    id: String,
    /// Tactics that its rules name.
    tactics: Vec<String>,
    /// Whether a rule looks for it that was shown to fire.
    covered: bool,
    /// Active rules that were shown to fire.
    rules_proved: usize,
    /// Other active rules.
    rules_active: usize,
    /// Rules in every other state.
    rules_other: usize,
    /// When one of them matched last.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_fired: Option<String>,
}

/// What "no alert" means here.
#[derive(Serialize, ToSchema)]
pub(crate) struct DetectionCoverage {
    /// Values that are looked for: addresses, names, hashes, URLs.
    values: usize,
    /// Indicators whose pattern is more than values.
    patterns: usize,
    /// Indicators that hold a Sigma rule.
    shared_rules: usize,
    /// Sigma rules by state.
    rules: BTreeMap<String, usize>,
    /// Active rules that were given an event of their own lately: whether they fired on it.
    self_tests: SelfTests,
    /// ATT&CK techniques that rules name. One is covered only by a rule that is active and has fired on an event of its
    /// own.
    techniques: Vec<TechniqueCoverage>,
    /// How many active rules never matched anything.
    never_fired: usize,
    /// The first hundred of them.
    first_never_fired: Vec<SilentRule>,
    /// How many active rules look at nothing: no event of their log source was read since the node was started.
    never_fed: usize,
    /// The first hundred of them.
    first_never_fed: Vec<SilentRule>,
    watch: WatchBody,
    /// How many indicators are held and not looked for; counted up to 10,000.
    unwatched: usize,
    /// The first hundred of them; none while the index is made anew.
    first_unwatched: Vec<UnwatchedBody>,
    /// Where logs come from, and whether they do.
    log_sources: Vec<SourceCoverage>,
    telemetry: StatsBody,
}

/// What trying rules came to.
#[derive(Serialize, ToSchema)]
struct SelfTests {
    passed: usize,
    failed: usize,
    /// Rules for which no event could be made, or that may not be used.
    untried: usize,
}

/// How far behind what is held is what is looked for.
#[derive(Serialize, ToSchema)]
struct WatchBody {
    /// The place in the journal up to which everything is looked for.
    watched_to: u64,
    /// Entries of the journal that came after it.
    behind: u64,
    /// Since when the index of indicators is being made anew, as after something was erased or warning lists changed: what
    /// comes meanwhile is looked for afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    rebuilding_since: Option<String>,
    /// Since when rules are being loaded: those that were loaded before run meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    loading_since: Option<String>,
}

impl WatchBody {
    fn new(progress: Progress, head: Seq) -> Self {
        Self {
            watched_to: progress.at.0,
            behind: head.0.saturating_sub(progress.at.0),
            rebuilding_since: progress.rebuilding.map(|since| since.to_string()),
            loading_since: progress.loading.map(|since| since.to_string()),
        }
    }
}

/// An active rule that never matched anything, or has nothing to look at.
#[derive(Serialize, ToSchema)]
struct SilentRule {
    /// What alerts would call it.
    rule: String,
    title: String,
}

impl SilentRule {
    fn new(view: &RuleView) -> Self {
        Self { rule: called(view).to_owned(), title: view.card.title.clone() }
    }
}

/// Whether a log source is alive.
#[derive(Serialize, ToSchema)]
struct SourceCoverage {
    name: String,
    kind: String,
    /// `off`; `waiting` for a first record; `failing`; `silent` for an hour or more; or `alive`.
    state: &'static str,
    records: u64,
    malformed: u64,
    /// Records that are known to be lost before they were read.
    lost: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_event: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_read: Option<String>,
    /// The last failure, while nothing was read since.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lag: Option<LagBody>,
}

impl SourceCoverage {
    fn new(app: &App, record: LogSourceRecord, state: LogSourceState, now: Timestamp) -> Self {
        let lag = app.core().detection().ok().and_then(|detection| detection.lag(&record.name));
        let problem = state.last_error.filter(|(at, _)| state.last_read.is_none_or(|read| *at > read));
        let quiet = state.last_read.map(|read| now.as_micros().saturating_sub(read.as_micros()));
        let word = match (record.enabled, &problem, quiet) {
            (false, ..) => "off",
            (true, Some(_), _) => "failing",
            (true, None, None) => "waiting",
            (true, None, Some(quiet)) if quiet > SILENT => "silent",
            (true, None, Some(_)) => "alive",
        };
        Self {
            name: record.name,
            kind: record.kind,
            state: word,
            records: state.records,
            malformed: state.malformed,
            lost: state.lost,
            last_event: state.last_event.map(|at| at.to_string()),
            last_read: state.last_read.map(|at| at.to_string()),
            problem: problem.map(|(_, message)| message),
            lag: lag.map(LagBody::from),
        }
    }
}

/// Show what is looked for and what is not
///
/// So that "no alert" can be told from "blind": rules by state and those that never matched, indicators that are not looked
/// for and why, log sources that say nothing, and what is kept for hunts.
#[utoipa::path(
    get, path = "/detection/coverage", tag = "detection",
    responses((status = 200, body = DetectionCoverage))
)]
pub(crate) async fn coverage(State(app): State<Shared>) -> Result<Json<DetectionCoverage>, Problem> {
    app.blocking(|app| {
        let detection = app.core().detection()?;
        // Before it is caught up with: what is committed meanwhile is nothing that was missed.
        let head = app.core().store.read()?.head(app.core().scope.tenant)?;
        // While the index is made anew that is what is told, instead of waiting for its end.
        let rebuilding = detection.progress().rebuilding.is_some();
        if !rebuilding {
            settle(app)?;
        }
        let fired = fired(app)?;
        let mut states: BTreeMap<String, usize> = BTreeMap::new();
        let (mut never_fired, mut first_never_fired) = (0, Vec::new());
        let (mut never_fed, mut first_never_fed) = (0, Vec::new());
        for view in detection.rules() {
            let state = view.card.state.as_str();
            *states.entry(state.to_owned()).or_default() += 1;
            if state != "active" || view.is_filter() {
                continue;
            }
            if !fired.contains_key(called(&view)) {
                never_fired += 1;
                if first_never_fired.len() < NAMED {
                    first_never_fired.push(SilentRule::new(&view));
                }
            }
            if view.delivered.events == 0 {
                never_fed += 1;
                if first_never_fed.len() < NAMED {
                    first_never_fed.push(SilentRule::new(&view));
                }
            }
        }
        let now = app.now();
        let sources = app.core().store.read()?.log_sources(app.core().scope.tenant)?;
        let log_sources =
            sources.into_iter().map(|(record, state)| SourceCoverage::new(app, record, state, now)).collect();
        let (unwatched, first_unwatched) = if rebuilding {
            (detection.progress().refused, Vec::new())
        } else {
            let mut all = not_watched(app)?;
            let count = all.len();
            all.truncate(NAMED);
            (count, all)
        };
        let (patterns, shared_rules) = detection.kept();
        let (passed, failed, untried) = detection.trials();
        let techniques = app.core().techniques()?.techniques.into_iter().map(|technique| TechniqueCoverage {
            covered: technique.is_covered(),
            id: technique.id,
            tactics: technique.tactics.into_iter().collect(),
            rules_proved: technique.rules_proved,
            rules_active: technique.rules_active,
            rules_other: technique.rules_other,
            last_fired: technique.last_fired.map(|last| last.to_string()),
        });
        let techniques = techniques.collect();
        Ok(Json(DetectionCoverage {
            values: detection.watch().index.len(),
            patterns,
            shared_rules,
            rules: states,
            self_tests: SelfTests { passed, failed, untried },
            techniques,
            never_fired,
            first_never_fired,
            never_fed,
            first_never_fed,
            watch: WatchBody::new(detection.progress(), head),
            unwatched,
            first_unwatched,
            log_sources,
            telemetry: StatsBody::from(detection.telemetry().stats()),
        }))
    })
    .await
}
