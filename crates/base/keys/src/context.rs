//! What a signature is for. A signature made under one context is worth nothing under another.

/// Events of a party's key history.
pub const KEY_EVENT: &str = "shieldwall/key-event/v1";
/// Statements for TLS leaves.
pub const LEAF: &str = "shieldwall/leaf/v1";
/// Acts on agreements, their text included.
pub const AGREEMENT: &str = "shieldwall/agreement/v1";
/// Segments of a stream.
pub const SEGMENT: &str = "shieldwall/segment/v1";
/// Acknowledgements of a stream.
pub const ACK: &str = "shieldwall/ack/v1";
/// Statements of origin.
pub const ORIGIN: &str = "shieldwall/origin/v1";
/// Bundle files.
pub const COURIER: &str = "shieldwall/courier/v1";
/// Oversight reports.
pub const REPORT: &str = "shieldwall/report/v1";
/// Appointments of persons to posts, and their end.
pub const APPOINTMENT: &str = "shieldwall/appointment/v1";
/// Persons' approvals of exact bytes.
pub const APPROVAL: &str = "shieldwall/approval/v1";
/// Releases to consumers without a node.
pub const RELEASE: &str = "shieldwall/release/v1";
/// Receipts for erasure.
pub const ERASURE: &str = "shieldwall/erasure/v1";
/// Invitations, their acceptance and confirmation.
pub const INVITATION: &str = "shieldwall/invitation/v1";

/// Decisions under an agreement that persons answer for: emergencies, releases by originators, notice.
pub const DECISION: &str = "shieldwall/decision/v1";

/// Word that a pairing ends.
pub const PARTING: &str = "shieldwall/parting/v1";

/// Every context. No two are equal.
pub const ALL: [&str; 15] = [
    KEY_EVENT,
    LEAF,
    AGREEMENT,
    SEGMENT,
    ACK,
    ORIGIN,
    COURIER,
    REPORT,
    APPOINTMENT,
    APPROVAL,
    RELEASE,
    ERASURE,
    INVITATION,
    DECISION,
    PARTING,
];
