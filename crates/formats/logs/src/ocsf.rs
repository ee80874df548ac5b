//! What OCSF calls a field (Open Cybersecurity Schema Framework 1.x, with its extension for Windows).
//!
//! Nothing is renamed in a record: the names are for people and programs that ask in OCSF's words, and the raw record
//! stays what it is. Tables are by class: in a process activity the process is the subject, elsewhere it is the actor.

/// Names of one or more classes; the path of each.
type Names = &'static [(&'static str, &'static str)];

/// Tables by `class_uid`, more special ones first; 0 is any class.
const TABLES: &[(&[u32], Names)] = &[
    (&[1007], PROCESS),
    (&[1009], SCRIPT),
    (&[1001], FILE),
    (&[1002, 1005], MODULE),
    (&[201_001, 201_002], REGISTRY),
    (&[4003], DNS),
    (&[4002], HTTP),
    (&[4001, 4002, 4003, 4004, 4005, 4006, 4007, 4008, 4009], NETWORK),
    (&[3002], LOGON),
    (&[6003, 2004, 3002], CLOUD),
    (&[2004], FINDING),
    (&[0], ACTOR),
    (&[0], ANY),
];

/// The path of a field in OCSF, such as `process.cmd_line` of `CommandLine` in a process activity; `None` where OCSF
/// has no attribute for it, or nobody has said which.
#[must_use]
pub fn ocsf_name(class_uid: u32, field: &str) -> Option<&'static str> {
    let tables = TABLES.iter().filter(|(classes, _)| classes.contains(&class_uid) || classes.contains(&0));
    tables.flat_map(|(_, names)| names.iter()).find(|(own, _)| *own == field).map(|(_, path)| *path)
}

const PROCESS: Names = &[
    ("Image", "process.file.path"),
    ("NewProcessName", "process.file.path"),
    ("exe", "process.file.path"),
    ("CommandLine", "process.cmd_line"),
    ("proctitle", "process.cmd_line"),
    ("CurrentDirectory", "process.working_directory"),
    ("ProcessId", "process.pid"),
    ("NewProcessId", "process.pid"),
    ("pid", "process.pid"),
    ("ProcessGuid", "process.uid"),
    ("User", "process.user.name"),
    ("SubjectUserName", "process.user.name"),
    ("LogonId", "process.session.uid"),
    ("IntegrityLevel", "process.integrity"),
    ("Hashes", "process.file.hashes"),
    ("OriginalFileName", "process.file.internal_name"),
    ("FileVersion", "process.file.version"),
    ("Description", "process.file.desc"),
    ("Company", "process.file.company_name"),
    ("Product", "process.file.product.name"),
    ("ParentImage", "process.parent_process.file.path"),
    ("ParentProcessName", "process.parent_process.file.path"),
    ("ParentCommandLine", "process.parent_process.cmd_line"),
    ("ParentProcessId", "process.parent_process.pid"),
    ("ParentProcessGuid", "process.parent_process.uid"),
    ("ParentUser", "process.parent_process.user.name"),
    ("SourceImage", "actor.process.file.path"),
    ("SourceProcessId", "actor.process.pid"),
    ("SourceUser", "actor.user.name"),
    ("TargetImage", "process.file.path"),
    ("TargetProcessId", "process.pid"),
    ("GrantedAccess", "actual_permissions"),
];

const SCRIPT: Names = &[
    ("ScriptBlockText", "script.script_content"),
    ("ScriptBlockId", "script.uid"),
    ("Path", "script.file.path"),
    ("Payload", "script.script_content"),
    ("Data", "script.script_content"),
];

const FILE: Names = &[
    ("TargetFilename", "file.path"),
    ("CreationUtcTime", "file.created_time"),
    ("Hashes", "file.hashes"),
    ("Hash", "file.hashes"),
    ("fileinfo.filename", "file.name"),
    ("fileinfo.md5", "file.hashes.value"),
    ("fileinfo.sha1", "file.hashes.value"),
    ("fileinfo.sha256", "file.hashes.value"),
    ("fileinfo.size", "file.size"),
    ("filename", "file.name"),
    ("md5", "file.hashes.value"),
    ("sha1", "file.hashes.value"),
    ("sha256", "file.hashes.value"),
    ("mime_type", "file.mime_type"),
    ("total_bytes", "file.size"),
];

const MODULE: Names = &[
    ("ImageLoaded", "module.file.path"),
    ("Hashes", "module.file.hashes"),
    ("Signature", "module.file.signature.certificate.subject"),
    ("SignatureStatus", "module.file.signature.state"),
    ("OriginalFileName", "module.file.internal_name"),
    ("FileVersion", "module.file.version"),
    ("Description", "module.file.desc"),
    ("Company", "module.file.company_name"),
    ("Product", "module.file.product.name"),
];

const REGISTRY: Names = &[
    ("TargetObject", "reg_key.path"),
    ("Details", "reg_value.data"),
    ("NewName", "reg_key.path"),
    ("EventType", "activity_name"),
];

const DNS: Names = &[
    ("QueryName", "query.hostname"),
    ("QueryResults", "answers.rdata"),
    ("QueryStatus", "rcode"),
    ("query", "query.hostname"),
    ("record_type", "query.type"),
    ("answer", "answers.rdata"),
    ("answers", "answers.rdata"),
    ("qtype_name", "query.type"),
    ("rcode_name", "rcode"),
    ("trans_id", "query.packet_uid"),
    ("dns.rrname", "query.hostname"),
    ("dns.queries.rrname", "query.hostname"),
    ("dns.rrtype", "query.type"),
    ("dns.rcode", "rcode"),
    ("dns.rdata", "answers.rdata"),
    ("dns.answers.rdata", "answers.rdata"),
    ("dns.answers.ttl", "answers.ttl"),
];

const HTTP: Names = &[
    ("c-uri", "http_request.url.url_string"),
    ("cs-uri", "http_request.url.url_string"),
    ("cs-uri-stem", "http_request.url.path"),
    ("cs-uri-query", "http_request.url.query_string"),
    ("c-uri-query", "http_request.url.query_string"),
    ("cs-host", "http_request.url.hostname"),
    ("cs-method", "http_request.http_method"),
    ("cs-referer", "http_request.referrer"),
    ("c-useragent", "http_request.user_agent"),
    ("cs-user-agent", "http_request.user_agent"),
    ("cs-username", "actor.user.name"),
    ("sc-status", "http_response.code"),
    ("c-ip", "src_endpoint.ip"),
    ("s-ip", "dst_endpoint.ip"),
    ("s-port", "dst_endpoint.port"),
    ("http.url", "http_request.url.url_string"),
    ("http.hostname", "http_request.url.hostname"),
    ("http.http_method", "http_request.http_method"),
    ("http.http_user_agent", "http_request.user_agent"),
    ("http.http_refer", "http_request.referrer"),
    ("http.http_content_type", "http_response.content_type"),
    ("http.status", "http_response.code"),
    ("http.length", "http_response.body_length"),
    ("uri", "http_request.url.url_string"),
    ("host", "http_request.url.hostname"),
    ("method", "http_request.http_method"),
    ("user_agent", "http_request.user_agent"),
    ("referrer", "http_request.referrer"),
    ("status_code", "http_response.code"),
];

const NETWORK: Names = &[
    ("SourceIp", "src_endpoint.ip"),
    ("SourcePort", "src_endpoint.port"),
    ("SourceHostname", "src_endpoint.hostname"),
    ("DestinationIp", "dst_endpoint.ip"),
    ("DestinationPort", "dst_endpoint.port"),
    ("DestinationHostname", "dst_endpoint.hostname"),
    ("Protocol", "connection_info.protocol_name"),
    ("src_ip", "src_endpoint.ip"),
    ("src_port", "src_endpoint.port"),
    ("dst_ip", "dst_endpoint.ip"),
    ("dst_port", "dst_endpoint.port"),
    ("dest_ip", "dst_endpoint.ip"),
    ("dest_port", "dst_endpoint.port"),
    ("proto", "connection_info.protocol_name"),
    ("app_proto", "app_name"),
    ("community_id", "connection_info.community_uid"),
    ("flow_id", "connection_info.uid"),
    ("flow.bytes_toserver", "traffic.bytes_out"),
    ("flow.bytes_toclient", "traffic.bytes_in"),
    ("flow.pkts_toserver", "traffic.packets_out"),
    ("flow.pkts_toclient", "traffic.packets_in"),
    ("tls.sni", "tls.sni"),
    ("tls.version", "tls.version"),
    ("tls.subject", "tls.certificate.subject"),
    ("tls.issuerdn", "tls.certificate.issuer"),
    ("tls.serial", "tls.certificate.serial_number"),
    ("tls.ja3.hash", "tls.ja3_hash.value"),
    ("tls.ja3s.hash", "tls.ja3s_hash.value"),
    ("id.orig_h", "src_endpoint.ip"),
    ("id.orig_p", "src_endpoint.port"),
    ("id.resp_h", "dst_endpoint.ip"),
    ("id.resp_p", "dst_endpoint.port"),
    ("id_orig_h", "src_endpoint.ip"),
    ("id_orig_p", "src_endpoint.port"),
    ("id_resp_h", "dst_endpoint.ip"),
    ("id_resp_p", "dst_endpoint.port"),
    ("uid", "connection_info.uid"),
    ("service", "app_name"),
    ("orig_bytes", "traffic.bytes_out"),
    ("resp_bytes", "traffic.bytes_in"),
    ("orig_pkts", "traffic.packets_out"),
    ("resp_pkts", "traffic.packets_in"),
    ("server_name", "tls.sni"),
    ("ja3", "tls.ja3_hash.value"),
    ("ja3s", "tls.ja3s_hash.value"),
    ("subject", "tls.certificate.subject"),
    ("issuer", "tls.certificate.issuer"),
    ("src", "src_endpoint.ip"),
    ("spt", "src_endpoint.port"),
    ("dst", "dst_endpoint.ip"),
    ("dpt", "dst_endpoint.port"),
    ("act", "action"),
    ("request", "url.url_string"),
];

const LOGON: Names = &[
    ("TargetUserName", "user.name"),
    ("TargetDomainName", "user.domain"),
    ("TargetUserSid", "user.uid"),
    ("SubjectUserName", "actor.user.name"),
    ("SubjectDomainName", "actor.user.domain"),
    ("SubjectUserSid", "actor.user.uid"),
    ("LogonType", "logon_type_id"),
    ("LogonProcessName", "logon_process.name"),
    ("AuthenticationPackageName", "auth_protocol"),
    ("IpAddress", "src_endpoint.ip"),
    ("IpPort", "src_endpoint.port"),
    ("WorkstationName", "src_endpoint.hostname"),
    ("ProcessName", "actor.process.file.path"),
    ("Status", "status_code"),
];

const CLOUD: Names = &[
    ("eventName", "api.operation"),
    ("eventSource", "api.service.name"),
    ("errorCode", "api.response.error"),
    ("errorMessage", "api.response.error_message"),
    ("requestParameters", "api.request.data"),
    ("responseElements", "api.response.data"),
    ("awsRegion", "cloud.region"),
    ("sourceIPAddress", "src_endpoint.ip"),
    ("userAgent", "http_request.user_agent"),
    ("userIdentity.arn", "actor.user.uid"),
    ("userIdentity.type", "actor.user.type"),
    ("userIdentity.userName", "actor.user.name"),
    ("userIdentity.accountId", "actor.user.account.uid"),
    ("operationName", "api.operation"),
    ("callerIpAddress", "src_endpoint.ip"),
    ("Operation", "api.operation"),
    ("Workload", "api.service.name"),
    ("ClientIP", "src_endpoint.ip"),
    ("UserId", "actor.user.name"),
    ("protoPayload.methodName", "api.operation"),
    ("protoPayload.serviceName", "api.service.name"),
    ("verb", "api.operation"),
    ("requestURI", "http_request.url.path"),
    ("eventType", "api.operation"),
    ("actor.alternateId", "actor.user.email_addr"),
    ("client.ipAddress", "src_endpoint.ip"),
    ("action", "api.operation"),
];

const FINDING: Names = &[
    ("alert.signature", "finding_info.title"),
    ("alert.signature_id", "finding_info.analytic.uid"),
    ("alert.category", "finding_info.types"),
    ("alert.severity", "severity_id"),
    ("alert.action", "action"),
    ("src_ip", "evidences.src_endpoint.ip"),
    ("src_port", "evidences.src_endpoint.port"),
    ("dest_ip", "evidences.dst_endpoint.ip"),
    ("dest_port", "evidences.dst_endpoint.port"),
    ("Threat Name", "malware.name"),
    ("ThreatName", "malware.name"),
    ("Signature", "malware.name"),
    ("Path", "evidences.file.path"),
    ("Filename", "evidences.file.path"),
    ("note", "finding_info.title"),
    ("msg", "message"),
];

/// The process that did it, where it is not itself the subject.
const ACTOR: Names = &[
    ("Image", "actor.process.file.path"),
    ("CommandLine", "actor.process.cmd_line"),
    ("ProcessId", "actor.process.pid"),
    ("ProcessGuid", "actor.process.uid"),
    ("User", "actor.user.name"),
    ("ParentImage", "actor.process.parent_process.file.path"),
    ("SubjectUserName", "actor.user.name"),
    ("SubjectDomainName", "actor.user.domain"),
    ("SubjectUserSid", "actor.user.uid"),
    ("ProcessName", "actor.process.file.path"),
];

const ANY: Names = &[
    ("EventID", "metadata.event_code"),
    ("event_type", "metadata.event_code"),
    ("EventRecordID", "metadata.sequence"),
    ("RecordNumber", "metadata.sequence"),
    ("Channel", "metadata.log_name"),
    ("Provider_Name", "metadata.log_provider"),
    ("SourceName", "metadata.log_provider"),
    ("Computer", "device.hostname"),
    ("Hostname", "device.hostname"),
    ("hostname", "device.hostname"),
    ("@system", "device.hostname"),
    ("UtcTime", "time"),
    ("TimeCreated", "time"),
    ("@timestamp", "time"),
    ("timestamp", "time"),
    ("ts", "time"),
    ("eventTime", "time"),
    ("Message", "message"),
    ("message", "message"),
    ("Level", "severity"),
    ("Keywords", "metadata.labels"),
    ("RuleName", "metadata.labels"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(class: u32, field: &str, expect: Option<&str>) {
        assert_eq!(ocsf_name(class, field), expect, "{field} in {class}");
    }

    #[test]
    fn the_process_is_the_subject_of_its_own_creation_and_the_actor_elsewhere() {
        check(1007, "Image", Some("process.file.path"));
        check(1001, "Image", Some("actor.process.file.path"));
        check(4002, "src_ip", Some("src_endpoint.ip"));
        check(2004, "src_ip", Some("evidences.src_endpoint.ip"));
        check(0, "EventID", Some("metadata.event_code"));
        check(0, "AccessMask", None);
    }
}
