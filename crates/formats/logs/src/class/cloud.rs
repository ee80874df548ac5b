//! Audit logs of clouds and services, known by members that only they have.
//!
//! Numbers: 600 to 699.

use observable::Kind;

use super::Test::{Has, Is};
use super::{Class, Picks};
use crate::fields::{Alias, FieldMap, Loose, Place::At};
use crate::observables::{COMMON, Sights, What};
use crate::slot::Slots;

/// The class of a record by its members; `None` if it is of no known service.
pub(crate) fn of_members(slots: &Slots<'_>) -> Option<&'static Class> {
    CLOUD.iter().find(|class| class.members(slots))
}

const fn map(aliases: &'static [&'static [Alias]]) -> FieldMap {
    FieldMap { aliases, loose: Loose::Exact, under: &[] }
}

static CLOUDTRAIL: FieldMap = map(&[&[("status", &[At("status"), At("responseElements.status")])]]);

/// Azure Monitor writes `properties.…` in small letters, its Log Analytics tables flatten them and begin with capitals.
static AZURE: FieldMap = FieldMap {
    aliases: &[&[
        ("OperationNameValue", &[At("OperationNameValue"), At("operationName")]),
        ("OperationName", &[At("operationName"), At("properties.activityDisplayName")]),
        ("CategoryValue", &[At("CategoryValue"), At("category")]),
        (
            "ResourceProviderValue",
            &[At("ResourceProviderValue"), At("resourceProviderName"), At("resourceProvider")],
        ),
        ("ActivityDisplayName", &[At("activityDisplayName"), At("operationName")]),
        ("ActivityType", &[At("ActivityType"), At("operationName")]),
        (
            "properties.message",
            &[At("properties.message"), At("properties.activityDisplayName"), At("operationName")],
        ),
        ("Status", &[At("Status"), At("result"), At("resultType")]),
        ("ResultDescription", &[At("resultDescription"), At("properties.status.failureReason")]),
        ("Resultdescription", &[At("resultDescription"), At("properties.status.failureReason")]),
        ("ResultType", &[At("resultType"), At("properties.status.errorCode")]),
        ("Username", &[At("userPrincipalName"), At("identity")]),
        ("ClientApp", &[At("clientAppUsed")]),
    ]],
    loose: Loose::Case,
    under: &["properties"],
};

/// Google's records as they come from Logging and, as rules name them, as they come from Pub/Sub and from Elastic.
static GOOGLE: FieldMap = map(&[&[
    ("data.protoPayload.methodName", &[At("protoPayload.methodName"), At("data.protoPayload.methodName")]),
    ("data.protoPayload.serviceName", &[At("protoPayload.serviceName"), At("data.protoPayload.serviceName")]),
    ("data.protoPayload.logName", &[At("protoPayload.logName"), At("logName"), At("data.logName")]),
    ("data.protoPayload.resource.type", &[At("protoPayload.resource.type"), At("resource.type")]),
    (
        "data.protoPayload.authorizationInfo.permission",
        &[
            At("protoPayload.authorizationInfo.permission"),
            At("data.protoPayload.authorizationInfo.permission"),
        ],
    ),
    (
        "data.protoPayload.authorizationInfo.granted",
        &[At("protoPayload.authorizationInfo.granted"), At("data.protoPayload.authorizationInfo.granted")],
    ),
    ("gcp.audit.method_name", &[At("gcp.audit.method_name"), At("protoPayload.methodName")]),
    ("eventService", &[At("eventService"), At("protoPayload.serviceName")]),
    (
        "eventName",
        &[At("eventName"), At("protoPayload.metadata.event.eventName"), At("protoPayload.methodName")],
    ),
    ("protoPayload.Servicename", &[At("protoPayload.serviceName")]),
    ("setting_name", &[At("setting_name"), At("protoPayload.metadata.event.parameter.value")]),
    ("new_value", &[At("new_value"), At("protoPayload.metadata.event.parameter.value")]),
]]);

/// Microsoft 365's unified audit log says `Workload` and `Operation` where rules say event source and name.
static OFFICE: FieldMap = map(&[&[
    ("eventSource", &[At("eventSource"), At("Workload")]),
    ("eventName", &[At("eventName"), At("Name"), At("AlertType"), At("Operation")]),
    ("status", &[At("status"), At("ResultStatus"), At("Status")]),
]]);

static KUBERNETES: FieldMap = map(&[&[
    ("apiGroup", &[At("objectRef.apiGroup")]),
    ("capabilities", &[At("requestObject.spec.containers.securityContext.capabilities.add")]),
    ("hostPath", &[At("requestObject.spec.volumes.hostPath.path")]),
]]);

const CALLER: Sights = &[
    ("sourceIPAddress", What::Host("")),
    ("callerIpAddress", What::Host("")),
    ("properties.ipAddress", What::Host("")),
    ("IPAddress", What::Host("")),
    ("ClientIP", What::Host("")),
    ("ClientIPAddress", What::Host("")),
    ("ActorIpAddress", What::Host("")),
    ("client.ipAddress", What::Host("")),
    ("protoPayload.requestMetadata.callerIp", What::Host("")),
    ("sourceIPs", What::Host("")),
    ("actor_ip", What::Host("")),
    ("ipaddr", What::Host("")),
    ("access_device.ip", What::Host("")),
    ("src_host", What::Host("src_port")),
    ("dst_host", What::Host("dst_port")),
    ("userAgent", What::Is(Kind::UserAgent)),
    ("user_agent", What::Is(Kind::UserAgent)),
    ("client.userAgent.rawUserAgent", What::Is(Kind::UserAgent)),
    ("properties.userAgent", What::Is(Kind::UserAgent)),
    ("protoPayload.requestMetadata.callerSuppliedUserAgent", What::Is(Kind::UserAgent)),
    ("actor.alternateId", What::Mail),
    ("UserId", What::Mail),
    ("properties.userPrincipalName", What::Mail),
    ("protoPayload.authenticationInfo.principalEmail", What::Mail),
    ("SenderAddress", What::Mail),
    ("P1Sender", What::Mail),
    ("P2Sender", What::Mail),
    ("Recipients", What::Mail),
    ("Url", What::Links),
];

const fn service(
    number: u16,
    name: &'static str,
    product: &'static str,
    services: &'static [&'static str],
    sets: &'static [&'static [super::Test]],
) -> Class {
    Class::new(number, name, product)
        .services(services)
        .ocsf(6003)
        .sights(&[CALLER, COMMON])
        .picks(Picks::Members(sets))
}

/// More special ones first: the first whose members are there is it.
pub(super) static CLOUD: &[Class] = &[
    service(
        600,
        "AWS CloudTrail",
        "aws",
        &["cloudtrail"],
        &[&[Has("eventVersion"), Has("eventSource"), Has("eventName")]],
    )
    .fields(&CLOUDTRAIL),
    service(
        610,
        "Azure: sign-ins",
        "azure",
        &["signinlogs"],
        &[
            &[Is("category", SIGN_INS)],
            &[Is("Type", SIGN_IN_TABLES)],
            &[Has("ResultType"), Has("UserPrincipalName"), Has("AppDisplayName")],
        ],
    )
    .ocsf(3002)
    .fields(&AZURE),
    service(
        611,
        "Azure: directory audit",
        "azure",
        &["auditlogs"],
        &[
            &[Is("category", &["auditlogs"])],
            &[Is("Type", &["auditlogs"])],
            &[Has("activityDisplayName"), Has("loggedByService")],
            &[Has("ActivityDisplayName"), Has("LoggedByService")],
        ],
    )
    .fields(&AZURE),
    service(
        612,
        "Azure: risk detections",
        "azure",
        &["riskdetection", "pim"],
        &[&[Has("riskEventType")], &[Has("properties.riskEventType")], &[Has("RiskEventType")]],
    )
    .ocsf(2004)
    .fields(&AZURE),
    service(
        613,
        "Azure: activity",
        "azure",
        &["activitylogs"],
        &[
            &[Has("resourceId"), Has("operationName"), Has("category")],
            &[Is("Type", &["azureactivity"])],
            &[Has("OperationNameValue"), Has("CategoryValue")],
        ],
    )
    .fields(&AZURE),
    service(
        620,
        "Google Workspace: administration",
        "gcp",
        &["google_workspace.admin"],
        &[
            &[Is("protoPayload.serviceName", &["admin.googleapis.com"])],
            &[Has("eventService"), Has("eventName")],
        ],
    )
    .fields(&GOOGLE),
    service(
        621,
        "Google Workspace: logins",
        "gcp",
        &["google_workspace.login"],
        &[&[Is("protoPayload.serviceName", &["login.googleapis.com"])]],
    )
    .ocsf(3002)
    .fields(&GOOGLE),
    service(
        622,
        "Google Cloud: audit",
        "gcp",
        &["gcp.audit"],
        &[&[Has("protoPayload")], &[Has("data.protoPayload")], &[Has("gcp.audit.method_name")]],
    )
    .fields(&GOOGLE),
    service(
        630,
        "Microsoft 365: Defender for Cloud Apps",
        "m365",
        &["threat_management", "threat_detection"],
        &[
            &[Is("Workload", &["securitycompliancecenter", "cloudappsecurity"])],
            &[Is("eventSource", &["securitycompliancecenter"]), Has("eventName")],
        ],
    )
    .ocsf(2004)
    .fields(&OFFICE),
    service(
        631,
        "Microsoft 365: Exchange",
        "m365",
        &["exchange", "audit"],
        &[
            &[Is("Workload", &["exchange"]), Has("Operation")],
            &[Is("eventSource", &["exchange"]), Has("eventName")],
        ],
    )
    .fields(&OFFICE),
    service(632, "Microsoft 365: audit", "m365", &["audit"], &[&[Has("Workload"), Has("Operation")]])
        .fields(&OFFICE),
    service(
        640,
        "Okta",
        "okta",
        &["okta"],
        &[&[Has("eventType"), Has("actor"), Has("published")], &[Has("eventType"), Has("legacyEventType")]],
    ),
    service(641, "OneLogin", "onelogin", &["onelogin.events"], &[&[Has("event_type_id")]]).ocsf(3002),
    service(
        642,
        "Duo",
        "cisco",
        &["duo"],
        &[&[Has("event_type"), Has("txid")], &[Has("event_type"), Has("access_device")]],
    )
    .ocsf(3002),
    service(
        650,
        "Kubernetes: audit",
        "kubernetes",
        &["audit"],
        &[&[Is("apiVersion", &["audit.k8s.io/v1", "audit.k8s.io/v1beta1"])], &[Has("auditID"), Has("verb")]],
    )
    .categories(&["application"])
    .fields(&KUBERNETES),
    service(
        660,
        "GitHub: audit",
        "github",
        &["audit"],
        &[
            &[Has("action"), Has("actor"), Has("_document_id")],
            &[Has("action"), Has("actor"), Has("org"), Has("created_at")],
            &[Has("action"), Has("actor"), Has("business")],
        ],
    ),
    service(661, "Bitbucket: audit", "bitbucket", &["audit"], &[&[Has("auditType.action")]]),
    service(670, "OpenCanary", "opencanary", &[], &[&[Has("logtype"), Has("node_id")]])
        .categories(&["application"])
        .ocsf(2004),
];

const SIGN_INS: &[&str] = &[
    "signinlogs",
    "noninteractiveusersigninlogs",
    "serviceprincipalsigninlogs",
    "managedidentitysigninlogs",
    "adfssigninlogs",
];
const SIGN_IN_TABLES: &[&str] =
    &["signinlogs", "aadnoninteractiveusersigninlogs", "aadserviceprincipalsigninlogs"];
