//! What each endpoint is to the policies for people: the one place that says who may call what.
//!
//! An endpoint that is not in the table is not reached, whatever routes there are.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::http::{Method, header};
use axum::response::{IntoResponse, Response};
use policy::people::Action;

use super::Caller;
use crate::problem::{Kind, Problem};

/// On what an endpoint acts, which is what the policies are asked about.
#[derive(Debug, Clone, Copy)]
enum On {
    /// On what the organisation holds. Whose it is is all that the policies ask of it, and the store is asked in that
    /// organisation's name alone.
    All(Action),
    /// On what is the caller's own; on what is another's too where the policies permit that. The handler asks about
    /// each object once it is loaded.
    Own(Action),
    /// On collections: the handler asks about each, and one that the caller may do nothing with does not exist.
    Collection,
}

use Action as A;
use On::{All, Collection, Own};

const ENDPOINTS: &[(&str, &str, On)] = &[
    ("DELETE", "/api/v1/session", Own(A::SessionClose)),
    ("GET", "/api/v1/me", Own(A::MeRead)),
    ("PUT", "/api/v1/me/password", Own(A::MePassword)),
    ("GET", "/api/v1/docs", All(A::NodeDiscover)),
    ("GET", "/api/v1/openapi.json", All(A::NodeDiscover)),
    ("GET", "/api/v1/live", All(A::LiveRead)),
    ("GET", "/api/v1/node", All(A::NodeRead)),
    ("GET", "/metrics", All(A::NodeRead)),
    ("GET", "/api/v1/objects", All(A::ObjectRead)),
    ("POST", "/api/v1/objects", All(A::ObjectWrite)),
    ("GET", "/api/v1/objects/{id}", All(A::ObjectRead)),
    ("DELETE", "/api/v1/objects/{id}", All(A::ObjectErase)),
    ("GET", "/api/v1/objects/{id}/versions", All(A::ObjectRead)),
    ("POST", "/api/v1/objects/{id}/withdraw", All(A::ObjectWithdraw)),
    ("PUT", "/api/v1/objects/{id}/hold", All(A::DisclosureHold)),
    ("GET", "/api/v1/search", All(A::ObjectRead)),
    ("GET", "/api/v1/graph", All(A::ObjectRead)),
    ("GET", "/api/v1/findings", All(A::ObjectRead)),
    ("GET", "/api/v1/journal", All(A::ObjectRead)),
    ("GET", "/api/v1/export", All(A::ObjectExport)),
    ("POST", "/api/v1/import", All(A::ObjectWrite)),
    ("GET", "/api/v1/collections", All(A::SourceRead)),
    ("GET", "/api/v1/held", All(A::HeldRead)),
    ("GET", "/api/v1/held/{number}", All(A::HeldRead)),
    ("POST", "/api/v1/held/{number}/release", All(A::HeldDecide)),
    ("POST", "/api/v1/held/{number}/drop", All(A::HeldDecide)),
    ("GET", "/api/v1/sources", All(A::SourceRead)),
    ("POST", "/api/v1/sources", All(A::SourceWrite)),
    ("GET", "/api/v1/sources/{name}", All(A::SourceRead)),
    ("PATCH", "/api/v1/sources/{name}", All(A::SourceWrite)),
    ("DELETE", "/api/v1/sources/{name}", All(A::SourceWrite)),
    ("POST", "/api/v1/sources/{name}/pull", All(A::SourcePull)),
    ("GET", "/api/v1/warning-lists", All(A::WarningListRead)),
    ("PUT", "/api/v1/warning-lists/{name}", All(A::WarningListWrite)),
    ("GET", "/api/v1/users", All(A::AccountRead)),
    ("POST", "/api/v1/users", All(A::AccountWrite)),
    ("PATCH", "/api/v1/users/{name}", All(A::AccountWrite)),
    ("DELETE", "/api/v1/users/{name}", All(A::AccountWrite)),
    ("GET", "/api/v1/tokens", Own(A::TokenRead)),
    ("POST", "/api/v1/tokens", Own(A::TokenAdd)),
    ("DELETE", "/api/v1/tokens/{id}", Own(A::TokenRevoke)),
    ("GET", "/api/v1/audit", All(A::AuditRead)),
    ("POST", "/api/v1/store/verify", All(A::StoreVerify)),
    ("POST", "/api/v1/store/compact", All(A::StoreCompact)),
    ("POST", "/api/v1/store/backup", All(A::StoreBackup)),
    ("GET", "/api/v1/keys", All(A::KeyRead)),
    ("GET", "/api/v1/keys/events", All(A::KeyRead)),
    ("POST", "/api/v1/keys/events", All(A::KeyWrite)),
    ("POST", "/api/v1/keys/inception", All(A::KeyWrite)),
    ("POST", "/api/v1/keys/rotation", All(A::KeyWrite)),
    ("GET", "/api/v1/appointments", All(A::KeyRead)),
    ("POST", "/api/v1/appointments", All(A::KeyWrite)),
    ("GET", "/api/v1/peers", All(A::PeerRead)),
    ("POST", "/api/v1/peers", All(A::PeerWrite)),
    ("POST", "/api/v1/peers/invitations", All(A::PeerWrite)),
    ("POST", "/api/v1/peers/answers", All(A::PeerWrite)),
    ("GET", "/api/v1/peers/{name}", All(A::PeerRead)),
    ("POST", "/api/v1/peers/{name}/confirm", All(A::PeerWrite)),
    ("POST", "/api/v1/peers/{name}/end", All(A::PeerWrite)),
    ("POST", "/api/v1/peers/{name}/compare", All(A::PeerWrite)),
    ("PUT", "/api/v1/peers/{name}/endpoint", All(A::PeerWrite)),
    ("POST", "/api/v1/peers/{name}/questions", All(A::QueryAsk)),
    ("POST", "/api/v1/peers/{name}/courier", All(A::CourierExport)),
    ("POST", "/api/v1/peers/{name}/courier/carried", All(A::CourierExport)),
    ("POST", "/api/v1/courier", All(A::CourierImport)),
    ("GET", "/api/v1/agreement-templates", All(A::AgreementRead)),
    ("POST", "/api/v1/agreement-templates/{name}", All(A::AgreementRead)),
    ("POST", "/api/v1/agreements/check", All(A::AgreementRead)),
    ("POST", "/api/v1/agreements/diff", All(A::AgreementRead)),
    ("GET", "/api/v1/agreements", All(A::AgreementRead)),
    ("POST", "/api/v1/agreements", All(A::AgreementPropose)),
    ("GET", "/api/v1/agreements/{agreement}", All(A::AgreementRead)),
    ("GET", "/api/v1/agreements/{agreement}/versions/{version}/approval", All(A::AgreementRead)),
    ("POST", "/api/v1/agreements/{agreement}/versions/{version}/signature", All(A::AgreementSign)),
    ("POST", "/api/v1/agreements/{agreement}/suspend", All(A::AgreementEnd)),
    ("POST", "/api/v1/agreements/{agreement}/end", All(A::AgreementEnd)),
    ("POST", "/api/v1/agreements/{agreement}/leave", All(A::AgreementEnd)),
    ("POST", "/api/v1/agreements/{agreement}/proof", All(A::AgreementRead)),
    ("GET", "/api/v1/explanations", All(A::DisclosureExplain)),
    ("GET", "/api/v1/decisions", All(A::DisclosureRead)),
    ("GET", "/api/v1/disclosures", All(A::DisclosureRead)),
    ("GET", "/api/v1/holdings", All(A::DisclosureRead)),
    ("GET", "/api/v1/reviews", All(A::ReviewRead)),
    ("POST", "/api/v1/reviews/{number}/release", All(A::ReviewDecide)),
    ("POST", "/api/v1/reviews/{number}/withhold", All(A::ReviewDecide)),
    ("GET", "/api/v1/agreement-requests", All(A::AgreementRead)),
    ("POST", "/api/v1/agreement-requests", All(A::AgreementPropose)),
    ("POST", "/api/v1/agreements/{agreement}/approvals", All(A::AgreementRead)),
    ("POST", "/api/v1/agreements/{agreement}/acts", All(A::AgreementSign)),
    ("POST", "/api/v1/agreements/{agreement}/versions/{version}/retract", All(A::AgreementEnd)),
    ("POST", "/api/v1/agreements/{agreement}/introductions", All(A::AgreementPropose)),
    ("POST", "/api/v1/keys/identities", All(A::KeyWrite)),
    ("POST", "/api/v1/keys/next", All(A::KeyWrite)),
    ("POST", "/api/v1/keys/recovery", All(A::KeyWrite)),
    ("PUT", "/api/v1/keys/recovery", All(A::KeyWrite)),
    ("PATCH", "/api/v1/peers/{name}", All(A::PeerWrite)),
    ("GET", "/api/v1/sharing/status", All(A::DisclosureRead)),
    ("POST", "/api/v1/agreements/{agreement}/notice", All(A::AgreementEnd)),
    ("POST", "/api/v1/agreements/{agreement}/break-glass/approval", All(A::BreakGlassUse)),
    ("POST", "/api/v1/break-glass/{declaration}/approval", All(A::BreakGlassUse)),
    ("GET", "/api/v1/break-glass", All(A::AgreementRead)),
    ("POST", "/api/v1/objects/{id}/release-requests", All(A::OrconAsk)),
    ("GET", "/api/v1/release-requests", All(A::OrconRead)),
    ("POST", "/api/v1/release-requests/{request}/approval", All(A::OrconAnswer)),
    ("POST", "/api/v1/approved-decisions", All(A::DecisionApprove)),
    ("GET", "/api/v1/releases", All(A::ReleaseRead)),
    ("POST", "/api/v1/releases", All(A::ReleaseGrant)),
    ("POST", "/api/v1/releases/drafts", All(A::ReleaseDraft)),
    ("GET", "/api/v1/releases/{release}", All(A::ReleaseRead)),
    ("GET", "/api/v1/releases/{release}/explanation", All(A::ReleaseDraft)),
    ("POST", "/api/v1/releases/{release}/end", All(A::ReleaseGrant)),
    ("GET", "/api/v1/rules", All(A::RulesRead)),
    ("PUT", "/api/v1/rules", All(A::RulesWrite)),
    ("POST", "/api/v1/rules/check", All(A::RulesRead)),
    ("POST", "/api/v1/rules/diff", All(A::RulesRead)),
    ("GET", "/api/v1/ledger", All(A::LedgerRead)),
    ("GET", "/api/v1/ledger/entries/{index}/proof", All(A::LedgerReport)),
    ("POST", "/api/v1/reports", All(A::LedgerReport)),
    ("GET", "/api/v1/log-sources", All(A::LogSourceRead)),
    ("POST", "/api/v1/log-sources", All(A::LogSourceWrite)),
    ("GET", "/api/v1/log-sources/{name}", All(A::LogSourceRead)),
    ("PATCH", "/api/v1/log-sources/{name}", All(A::LogSourceWrite)),
    ("DELETE", "/api/v1/log-sources/{name}", All(A::LogSourceWrite)),
    ("POST", "/api/v1/log-sources/{name}/records", All(A::LogPush)),
    ("GET", "/api/v1/alerts", All(A::AlertRead)),
    ("GET", "/api/v1/alerts/{number}", All(A::AlertRead)),
    ("POST", "/api/v1/alerts/{number}/close", All(A::AlertClose)),
    ("GET", "/api/v1/detection/rules", All(A::DetectRead)),
    ("PUT", "/api/v1/detection/rules/{name}", All(A::DetectWrite)),
    ("DELETE", "/api/v1/detection/rules/{name}", All(A::DetectWrite)),
    ("GET", "/api/v1/detection/coverage", All(A::DetectRead)),
    ("GET", "/api/v1/detection/unwatched", All(A::DetectRead)),
    ("GET", "/api/v1/hunts", All(A::HuntRead)),
    ("POST", "/api/v1/hunts", All(A::HuntRun)),
    ("GET", "/api/v1/hunts/{id}", All(A::HuntRead)),
    ("POST", "/api/v1/hunts/{id}/cancel", All(A::HuntRun)),
    ("GET", "/api/v1/hunt-requests", All(A::HuntRead)),
    ("POST", "/api/v1/hunt-requests", All(A::HuntAsk)),
    ("POST", "/api/v1/hunt-requests/{id}/approve", All(A::HuntApprove)),
    ("POST", "/api/v1/hunt-requests/{id}/refuse", All(A::HuntApprove)),
    ("GET", "/api/v1/objects/{id}/answers", All(A::AnswerRead)),
    ("POST", "/api/v1/objects/{id}/feedback", All(A::ObjectFeedback)),
    ("GET", "/api/v1/mutes", All(A::DetectRead)),
    ("PUT", "/api/v1/objects/{id}/mute", All(A::ObjectMute)),
    ("DELETE", "/api/v1/objects/{id}/mute", All(A::ObjectMute)),
    ("GET", "/api/v1/telemetry", All(A::TelemetryRead)),
    ("GET", "/api/v1/telemetry/holds", All(A::TelemetryRead)),
    ("POST", "/api/v1/telemetry/holds", All(A::TelemetryHold)),
    ("DELETE", "/api/v1/telemetry/holds/{name}", All(A::TelemetryHold)),
    ("POST", "/api/v1/telemetry/flush", All(A::TelemetryHold)),
    ("GET", "/api/v1/leases", All(A::ContainRead)),
    ("POST", "/api/v1/leases", All(A::ContainPropose)),
    ("GET", "/api/v1/leases/{id}", All(A::ContainRead)),
    ("GET", "/api/v1/leases/{id}/statement", All(A::ContainRead)),
    ("GET", "/api/v1/leases/{id}/export", All(A::ContainRead)),
    ("POST", "/api/v1/leases/{id}/approve", All(A::ContainApprove)),
    ("POST", "/api/v1/leases/{id}/refuse", All(A::ContainApprove)),
    ("POST", "/api/v1/leases/{id}/withdraw", All(A::ContainRelease)),
    ("POST", "/api/v1/leases/{id}/extend", All(A::ContainPropose)),
    ("POST", "/api/v1/leases/{id}/retry", All(A::ContainPropose)),
    ("GET", "/taxii2", All(A::NodeDiscover)),
    ("GET", "/taxii2/default", All(A::NodeDiscover)),
    ("GET", "/taxii2/default/status/{status}", Own(A::StatusRead)),
    ("GET", "/taxii2/default/collections", Collection),
    ("GET", "/taxii2/default/collections/{collection}", Collection),
    ("GET", "/taxii2/default/collections/{collection}/manifest", Collection),
    ("GET", "/taxii2/default/collections/{collection}/objects", Collection),
    ("POST", "/taxii2/default/collections/{collection}/objects", Collection),
    ("GET", "/taxii2/default/collections/{collection}/objects/{object}", Collection),
    ("DELETE", "/taxii2/default/collections/{collection}/objects/{object}", Collection),
    ("GET", "/taxii2/default/collections/{collection}/objects/{object}/versions", Collection),
];

static BY_ROUTE: LazyLock<BTreeMap<&str, BTreeMap<&str, On>>> = LazyLock::new(|| {
    let mut routes: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
    for (method, route, on) in ENDPOINTS {
        routes.entry(*route).or_default().insert(*method, *on);
    }
    routes
});

/// The answer to a caller whom the policies do not let through to the handler; `route` is the
/// matched path.
pub(crate) fn refused(caller: &Caller, method: &Method, route: Option<&str>) -> Option<Response> {
    // What has no route ends in the answer to unknown paths.
    let route = route?;
    let Some(methods) = BY_ROUTE.get(route.strip_suffix('/').unwrap_or(route)) else {
        return Some(Problem::nothing_here().into_response());
    };
    let method = if *method == Method::HEAD { &Method::GET } else { method };
    let Some(on) = methods.get(method.as_str()) else {
        let problem = Problem::new(Kind::MethodNotAllowed, "this resource does not know that method");
        let allowed = methods.keys().copied().collect::<Vec<_>>().join(", ");
        return Some(([(header::ALLOW, allowed)], problem).into_response());
    };
    let permitted = match on {
        All(action) => caller.check(*action, &caller.all()),
        Own(action) => caller.check(*action, &caller.own()),
        Collection => Ok(()),
    };
    permitted.err().map(IntoResponse::into_response)
}
