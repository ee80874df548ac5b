//! Windows: a class for each kind of event that rules look at, by channel and number.
//!
//! Numbers: 101 to 199 Sysmon, 200 to 239 Security and PowerShell, 240 to 299 other channels. Names of channels are
//! those of the event logs themselves; some collectors write them in small letters, so case does not count.

use observable::Kind;

use super::{Class, Picks};
use crate::fields::{Alias, FieldMap, Loose, Place::At};
use crate::observables::{Sights, What};

/// Every table of this module.
pub(super) fn tables() -> [&'static [Class]; 8] {
    [SYSMON, SYSMON_LINUX, SECURITY, POWERSHELL, CLASSIC, DEFENDER, CHANNELS, REST]
}

/// Channels with more than one class.
static DIVIDED: &[(&[&str], &str)] = &[
    (&["Microsoft-Windows-Sysmon/Operational"], "sysmon"),
    (&["Security"], "security"),
    (&["Microsoft-Windows-PowerShell/Operational", "PowerShellCore/Operational"], "powershell"),
    (&["Windows PowerShell"], "powershell-classic"),
    (&["Microsoft-Windows-Windows Defender/Operational"], "windefend"),
    (&["Linux-Sysmon/Operational"], "linux-sysmon"),
];

/// The class of an event by its channel, else by its provider, and its number.
pub(crate) fn of_channel(channel: &str, provider: &str, event: u32) -> &'static Class {
    let divided =
        DIVIDED.iter().find(|(names, _)| names.iter().any(|name| name.eq_ignore_ascii_case(channel)));
    let word = divided.map(|(_, word)| *word).or_else(|| {
        let known =
            PROVIDERS.iter().find(|(name, _)| channel.is_empty() && name.eq_ignore_ascii_case(provider));
        known.map(|(_, word)| *word)
    });
    let table = match word {
        Some("sysmon") => SYSMON,
        Some("security") => SECURITY,
        Some("powershell") => POWERSHELL,
        Some("powershell-classic") => CLASSIC,
        Some("windefend") => DEFENDER,
        Some("linux-sysmon") => SYSMON_LINUX,
        _ => {
            let own = CHANNELS.iter().find(|class| class.word(channel));
            return own.or_else(|| REST.first()).unwrap_or(&super::GENERIC);
        }
    };
    let own =
        table.iter().find(|class| matches!(class.picks, Picks::Events(events) if events.contains(&event)));
    own.or_else(|| table.last()).unwrap_or(&super::GENERIC)
}

/// For records without a channel.
static PROVIDERS: &[(&str, &str)] = &[
    ("Microsoft-Windows-Sysmon", "sysmon"),
    ("Microsoft-Windows-Security-Auditing", "security"),
    ("Microsoft-Windows-PowerShell", "powershell"),
    ("PowerShell", "powershell-classic"),
    ("Microsoft-Windows-Windows Defender", "windefend"),
    ("Linux-Sysmon", "linux-sysmon"),
];

/// What every Windows event has, by the names that the shapes of records use.
const SYSTEM: &[Alias] = &[
    ("Provider_Name", &[At("Provider_Name"), At("SourceName"), At("ProviderName")]),
    ("Computer", &[At("Computer"), At("Hostname"), At("MachineName"), At("computer_name")]),
    ("ComputerName", &[At("ComputerName"), At("Computer"), At("Hostname"), At("computer_name")]),
    ("EventLog", &[At("EventLog"), At("Channel")]),
];

/// Names of [`SYSTEM`] and the record's own beside them, for "never has".
const SYSTEM_KNOWN: &[&str] = &[
    "EventID",
    "Channel",
    "Computer",
    "Provider_Name",
    "Level",
    "Keywords",
    "Task",
    "Opcode",
    "Version",
    "EventRecordID",
    "Message",
    "TimeCreated",
    "UserID",
    "Hostname",
    "SourceName",
    "EventTime",
    "UtcTime",
];

static WINDOWS: FieldMap = FieldMap { aliases: &[SYSTEM], loose: Loose::Exact, under: &[] };

/// Security 4688 says of a process what Sysmon 1 says, in other words. Its own `ProcessId` is the parent's.
static CREATION: FieldMap = FieldMap {
    aliases: &[
        &[
            ("Image", &[At("NewProcessName")]),
            ("ParentImage", &[At("ParentProcessName")]),
            ("User", &[At("SubjectUserName")]),
            ("LogonId", &[At("SubjectLogonId")]),
            ("IntegrityLevel", &[At("MandatoryLabel")]),
            ("ProcessId", &[At("NewProcessId")]),
            ("ParentProcessId", &[At("ProcessId")]),
        ],
        SYSTEM,
    ],
    loose: Loose::Exact,
    under: &[],
};

/// Events of the classic log have their text in `Data`; collectors that render it keep only the message.
static CLASSIC_FIELDS: FieldMap = FieldMap {
    aliases: &[&[("Data", &[At("Data"), At("param3"), At("Message")])], SYSTEM],
    loose: Loose::Exact,
    under: &[],
};

/// Defender's names have spaces, which rules leave out.
static DEFENDER_FIELDS: FieldMap = FieldMap {
    aliases: &[
        &[
            ("ThreatName", &[At("ThreatName"), At("Threat Name"), At("Threat_Name")]),
            ("ProcessName", &[At("ProcessName"), At("Process Name"), At("Process_Name")]),
            ("NewValue", &[At("NewValue"), At("New Value"), At("New_Value")]),
            ("OldValue", &[At("OldValue"), At("Old Value"), At("Old_Value")]),
            ("Feature_Name", &[At("Feature_Name"), At("Feature Name"), At("FeatureName")]),
            ("SourceName", &[At("Source Name"), At("Source_Name"), At("SourceName")]),
            ("Signature", &[At("Threat Name"), At("ThreatName"), At("Threat_Name")]),
            ("Filename", &[At("Path")]),
        ],
        SYSTEM,
    ],
    loose: Loose::Exact,
    under: &[],
};

const PROCESS: Sights = &[
    ("Image", What::File),
    ("OriginalFileName", What::File),
    ("ParentImage", What::File),
    ("Hashes", What::Hashes),
    ("CommandLine", What::Links),
    ("ParentCommandLine", What::Links),
];
const FILE: Sights = &[
    ("TargetFilename", What::File),
    ("Image", What::File),
    ("Hashes", What::Hashes),
    ("Hash", What::Hashes),
    ("Contents", What::Links),
];
const MODULE: Sights = &[
    ("ImageLoaded", What::File),
    ("Image", What::File),
    ("OriginalFileName", What::File),
    ("Hashes", What::Hashes),
];
const NETWORK: Sights = &[
    ("DestinationIp", What::Host("DestinationPort")),
    ("SourceIp", What::Host("SourcePort")),
    ("DestinationHostname", What::Host("DestinationPort")),
    ("SourceHostname", What::Host("SourcePort")),
    ("Image", What::File),
];
const NAMES: Sights =
    &[("QueryName", What::Host("")), ("QueryResults", What::Answers), ("Image", What::File)];
const KEY: Sights = &[("TargetObject", What::Registry), ("NewName", What::Registry), ("Image", What::File)];
const SETTING: Sights = &[("TargetObject", What::Setting), ("Details", What::Links), ("Image", What::File)];
const TWO: Sights = &[("SourceImage", What::File), ("TargetImage", What::File), ("StartModule", What::File)];
const ACTOR: Sights = &[("Image", What::File)];
const WMI: Sights = &[("Destination", What::Links), ("Query", What::Links)];
const AUDIT: Sights = &[
    ("IpAddress", What::Host("IpPort")),
    ("SourceAddress", What::Host("SourcePort")),
    ("DestAddress", What::Host("DestPort")),
    ("ClientAddress", What::Host("ClientPort")),
    ("ProcessName", What::File),
    ("Application", What::File),
    ("ObjectName", What::Object("ObjectType")),
    ("RelativeTargetName", What::File),
    ("ServiceFileName", What::Links),
    ("TaskContent", What::Links),
];
const CREATED: Sights =
    &[("NewProcessName", What::File), ("ParentProcessName", What::File), ("CommandLine", What::Links)];
const SCRIPT: Sights = &[
    ("ScriptBlockText", What::Links),
    ("Payload", What::Links),
    ("Path", What::File),
    ("ContextInfo", What::Links),
];
const MESSAGE: Sights = &[("Data", What::Links), ("Message", What::Links)];
/// What the remaining channels have among them.
const CHANNEL: Sights = &[
    ("QueryName", What::Host("")),
    ("QueryResults", What::Answers),
    ("RemoteName", What::Links),
    ("url", What::Links),
    ("LocalName", What::File),
    ("ImagePath", What::Links),
    ("Path", What::File),
    ("ApplicationPath", What::File),
    ("ModifyingApplication", What::File),
    ("FileNameBuffer", What::File),
    ("ProcessNameBuffer", What::File),
    ("PackageSourceUri", What::Links),
    ("Address", What::Host("")),
    ("RemoteAddress", What::Host("")),
    ("ClientAddress", What::Host("")),
    ("ServerAddress", What::Host("")),
    ("IpAddress", What::Host("")),
    ("Threat Name", What::Links),
    ("Data", What::Links),
    ("User Agent", What::Is(Kind::UserAgent)),
];

/// What nearly every event of Sysmon has (its manifest, schema 4.90).
const ACTED: &[&str] = &["RuleName", "ProcessGuid", "ProcessId", "Image", "User"];
const FILE_KNOWN: &[&str] = &[
    "TargetFilename",
    "CreationUtcTime",
    "PreviousCreationUtcTime",
    "Hashes",
    "Hash",
    "Contents",
    "IsExecutable",
    "Archived",
];
const TWO_KNOWN: &[&str] = &[
    "RuleName",
    "SourceProcessGuid",
    "SourceProcessGUID",
    "SourceProcessId",
    "SourceThreadId",
    "SourceImage",
    "SourceUser",
    "TargetProcessGuid",
    "TargetProcessGUID",
    "TargetProcessId",
    "TargetImage",
    "TargetUser",
    "NewThreadId",
    "StartAddress",
    "StartModule",
    "StartFunction",
    "GrantedAccess",
    "CallTrace",
];
const IMAGE_KNOWN: &[&str] = &[
    "FileVersion",
    "Description",
    "Product",
    "Company",
    "OriginalFileName",
    "Hashes",
    "ImageLoaded",
    "Signed",
    "Signature",
    "SignatureStatus",
    "RuleName",
];
const CREATION_KNOWN: &[&str] = &[
    "FileVersion",
    "Description",
    "Product",
    "Company",
    "OriginalFileName",
    "Hashes",
    "CommandLine",
    "CurrentDirectory",
    "LogonGuid",
    "LogonId",
    "TerminalSessionId",
    "IntegrityLevel",
    "ParentProcessGuid",
    "ParentProcessId",
    "ParentImage",
    "ParentCommandLine",
    "ParentUser",
];
const NETWORK_KNOWN: &[&str] = &[
    "Protocol",
    "Initiated",
    "SourceIsIpv6",
    "SourceIp",
    "SourceHostname",
    "SourcePort",
    "SourcePortName",
    "DestinationIsIpv6",
    "DestinationIp",
    "DestinationHostname",
    "DestinationPort",
    "DestinationPortName",
];
const REGISTRY_KNOWN: &[&str] = &["EventType", "TargetObject", "Details", "NewName"];
const WMI_KNOWN: &[&str] = &[
    "RuleName",
    "EventType",
    "Operation",
    "User",
    "EventNamespace",
    "Name",
    "Query",
    "Type",
    "Destination",
    "Consumer",
    "Filter",
];
/// Security 4688, version 2 (Windows 10 and later).
const AUDIT_4688: &[&str] = &[
    "SubjectUserSid",
    "SubjectUserName",
    "SubjectDomainName",
    "SubjectLogonId",
    "NewProcessId",
    "NewProcessName",
    "TokenElevationType",
    "ProcessId",
    "CommandLine",
    "TargetUserSid",
    "TargetUserName",
    "TargetDomainName",
    "TargetLogonId",
    "ParentProcessName",
    "MandatoryLabel",
];

const fn sysmon(
    number: u16,
    name: &'static str,
    events: &'static [u32],
    categories: &'static [&'static str],
    ocsf: u32,
    sights: &'static [Sights],
    known: &'static [&'static [&'static str]],
) -> Class {
    Class::new(number, name, "windows")
        .services(&["sysmon"])
        .categories(categories)
        .ocsf(ocsf)
        .fields(&WINDOWS)
        .sights(sights)
        .picks(Picks::Events(events))
        .known(known)
}

#[rustfmt::skip]
static SYSMON: &[Class] = &[
    sysmon(101, "Sysmon 1: process creation", &[1], &["process_creation"], 1007, &[PROCESS], &[SYSTEM_KNOWN, ACTED, CREATION_KNOWN]),
    sysmon(102, "Sysmon 2: file time changed", &[2], &["file_change"], 1001, &[FILE], &[SYSTEM_KNOWN, ACTED, FILE_KNOWN]),
    sysmon(103, "Sysmon 3: network connection", &[3], &["network_connection"], 4001, &[NETWORK], &[SYSTEM_KNOWN, ACTED, NETWORK_KNOWN]),
    sysmon(104, "Sysmon 4 and 16: state and configuration", &[4, 16], &["sysmon_status"], 0, &[], &[]),
    sysmon(105, "Sysmon 5: process termination", &[5], &["process_termination"], 1007, &[ACTOR], &[SYSTEM_KNOWN, ACTED]),
    sysmon(106, "Sysmon 6: driver loaded", &[6], &["driver_load"], 1002, &[MODULE], &[SYSTEM_KNOWN, IMAGE_KNOWN]),
    sysmon(107, "Sysmon 7: image loaded", &[7], &["image_load"], 1005, &[MODULE], &[SYSTEM_KNOWN, ACTED, IMAGE_KNOWN]),
    sysmon(108, "Sysmon 8: remote thread", &[8], &["create_remote_thread"], 1007, &[TWO], &[SYSTEM_KNOWN, TWO_KNOWN]),
    sysmon(109, "Sysmon 9: raw access", &[9], &["raw_access_thread"], 1001, &[ACTOR], &[SYSTEM_KNOWN, ACTED, &["Device"]]),
    sysmon(110, "Sysmon 10: process access", &[10], &["process_access"], 1007, &[TWO], &[SYSTEM_KNOWN, TWO_KNOWN]),
    sysmon(111, "Sysmon 11: file created", &[11], &["file_event"], 1001, &[FILE], &[SYSTEM_KNOWN, ACTED, FILE_KNOWN]),
    sysmon(112, "Sysmon 12: registry object created or deleted", &[12], &["registry_add", "registry_delete", "registry_event"], 201_001, &[KEY], &[SYSTEM_KNOWN, ACTED, REGISTRY_KNOWN]),
    sysmon(113, "Sysmon 13: registry value set", &[13], &["registry_set", "registry_event"], 201_002, &[SETTING], &[SYSTEM_KNOWN, ACTED, REGISTRY_KNOWN]),
    sysmon(114, "Sysmon 14: registry object renamed", &[14], &["registry_rename", "registry_event"], 201_001, &[KEY], &[SYSTEM_KNOWN, ACTED, REGISTRY_KNOWN]),
    sysmon(115, "Sysmon 15: file stream created", &[15], &["create_stream_hash"], 1001, &[FILE], &[SYSTEM_KNOWN, ACTED, FILE_KNOWN]),
    sysmon(117, "Sysmon 17 and 18: pipe created or connected", &[17, 18], &["pipe_created"], 0, &[ACTOR], &[SYSTEM_KNOWN, ACTED, &["EventType", "PipeName"]]),
    sysmon(119, "Sysmon 19 to 21: WMI", &[19, 20, 21], &["wmi_event"], 0, &[WMI], &[SYSTEM_KNOWN, WMI_KNOWN]),
    sysmon(122, "Sysmon 22: DNS query", &[22], &["dns_query"], 4003, &[NAMES], &[SYSTEM_KNOWN, ACTED, &["QueryName", "QueryStatus", "QueryResults"]]),
    sysmon(123, "Sysmon 23: file deleted and archived", &[23], &["file_delete"], 1001, &[FILE], &[SYSTEM_KNOWN, ACTED, FILE_KNOWN]),
    sysmon(124, "Sysmon 24: clipboard", &[24], &["clipboard_capture"], 0, &[ACTOR], &[]),
    sysmon(125, "Sysmon 25: process tampering", &[25], &["process_tampering"], 1007, &[ACTOR], &[SYSTEM_KNOWN, ACTED, &["Type"]]),
    sysmon(126, "Sysmon 26: file deleted", &[26], &["file_delete", "file_delete_detected"], 1001, &[FILE], &[SYSTEM_KNOWN, ACTED, FILE_KNOWN]),
    sysmon(127, "Sysmon 27: executable blocked", &[27], &["file_block_executable"], 1001, &[FILE], &[SYSTEM_KNOWN, ACTED, FILE_KNOWN]),
    sysmon(128, "Sysmon 28: shredding blocked", &[28], &["file_block_shredding"], 1001, &[FILE], &[SYSTEM_KNOWN, ACTED, FILE_KNOWN]),
    sysmon(129, "Sysmon 29: executable detected", &[29], &["file_executable_detected"], 1001, &[FILE], &[SYSTEM_KNOWN, ACTED, FILE_KNOWN]),
    sysmon(155, "Sysmon 255: error", &[255], &["sysmon_error"], 0, &[], &[]),
    sysmon(156, "Sysmon: other", &[], &[], 0, &[ACTOR], &[]),
];

const fn sysmon_linux(
    number: u16,
    name: &'static str,
    events: &'static [u32],
    categories: &'static [&'static str],
    ocsf: u32,
    sights: &'static [Sights],
) -> Class {
    Class::new(number, name, "linux")
        .services(&["sysmon"])
        .categories(categories)
        .ocsf(ocsf)
        .fields(&WINDOWS)
        .sights(sights)
        .picks(Picks::Events(events))
}

/// Sysmon for Linux has the numbers and names of the one for Windows.
static SYSMON_LINUX: &[Class] = &[
    sysmon_linux(161, "Sysmon for Linux 1: process creation", &[1], &["process_creation"], 1007, &[PROCESS]),
    sysmon_linux(
        163,
        "Sysmon for Linux 3: network connection",
        &[3],
        &["network_connection"],
        4001,
        &[NETWORK],
    ),
    sysmon_linux(171, "Sysmon for Linux 11: file created", &[11], &["file_event"], 1001, &[FILE]),
    sysmon_linux(183, "Sysmon for Linux 23: file deleted", &[23, 26], &["file_delete"], 1001, &[FILE]),
    sysmon_linux(199, "Sysmon for Linux: other", &[], &[], 0, &[ACTOR]),
];

/// Logons, tickets and what else OCSF calls authentication.
const LOGONS: &[u32] =
    &[4624, 4625, 4634, 4647, 4648, 4649, 4768, 4769, 4770, 4771, 4772, 4773, 4776, 4778, 4779];

static SECURITY: &[Class] = &[
    Class::new(200, "Security 4688: process creation", "windows")
        .services(&["security"])
        .categories(&["process_creation"])
        .ocsf(1007)
        .fields(&CREATION)
        .sights(&[CREATED])
        .picks(Picks::Events(&[4688]))
        .known(&[SYSTEM_KNOWN, AUDIT_4688]),
    Class::new(201, "Security: logons", "windows")
        .services(&["security"])
        .ocsf(3002)
        .fields(&WINDOWS)
        .sights(&[AUDIT])
        .picks(Picks::Events(LOGONS)),
    Class::new(202, "Security: other", "windows")
        .services(&["security"])
        .fields(&WINDOWS)
        .sights(&[AUDIT])
        .picks(Picks::Events(&[])),
];

const fn powershell(
    number: u16,
    name: &'static str,
    events: &'static [u32],
    categories: &'static [&'static str],
) -> Class {
    Class::new(number, name, "windows")
        .services(&["powershell"])
        .categories(categories)
        .ocsf(1009)
        .fields(&WINDOWS)
        .sights(&[SCRIPT])
        .picks(Picks::Events(events))
}

static POWERSHELL: &[Class] = &[
    powershell(210, "PowerShell 4104: script block", &[4104], &["ps_script"]),
    powershell(211, "PowerShell 4103: module", &[4103], &["ps_module"]),
    powershell(212, "PowerShell: other", &[], &[]),
];

const fn classic(
    number: u16,
    name: &'static str,
    events: &'static [u32],
    categories: &'static [&'static str],
) -> Class {
    Class::new(number, name, "windows")
        .services(&["powershell-classic"])
        .categories(categories)
        .ocsf(1009)
        .fields(&CLASSIC_FIELDS)
        .sights(&[MESSAGE])
        .picks(Picks::Events(events))
}

static CLASSIC: &[Class] = &[
    classic(220, "Windows PowerShell 400: engine started", &[400], &["ps_classic_start"]),
    classic(221, "Windows PowerShell 600: provider started", &[600], &["ps_classic_provider_start"]),
    classic(222, "Windows PowerShell 800: pipeline", &[800], &["ps_classic_script"]),
    classic(223, "Windows PowerShell: other", &[], &[]),
];

static DEFENDER: &[Class] = &[
    Class::new(230, "Defender: malware found", "windows")
        .services(&["windefend"])
        .categories(&["antivirus"])
        .ocsf(2004)
        .fields(&DEFENDER_FIELDS)
        .sights(&[CHANNEL])
        .picks(Picks::Events(&[1006, 1007, 1008, 1015, 1116, 1117, 1118, 1119])),
    Class::new(231, "Defender: other", "windows")
        .services(&["windefend"])
        .fields(&DEFENDER_FIELDS)
        .sights(&[CHANNEL])
        .picks(Picks::Events(&[])),
];

const fn channel(
    number: u16,
    name: &'static str,
    service: &'static [&'static str],
    channels: &'static [&'static str],
) -> Class {
    Class::new(number, name, "windows")
        .services(service)
        .fields(&WINDOWS)
        .sights(&[CHANNEL])
        .picks(Picks::Words(channels))
}

#[rustfmt::skip]
static CHANNELS: &[Class] = &[
    channel(240, "System", &["system"], &["System"]),
    channel(241, "Application", &["application"], &["Application"]),
    channel(242, "Task Scheduler", &["taskscheduler"], &["Microsoft-Windows-TaskScheduler/Operational"]).ocsf(1006),
    channel(243, "WMI Activity", &["wmi"], &["Microsoft-Windows-WMI-Activity/Operational"]),
    channel(244, "AppX Deployment Server", &["appxdeployment-server"], &["Microsoft-Windows-AppXDeploymentServer/Operational"]).ocsf(6002),
    channel(245, "AppX Packaging", &["appxpackaging-om"], &["Microsoft-Windows-AppxPackaging/Operational"]),
    channel(246, "Code Integrity", &["codeintegrity-operational"], &["Microsoft-Windows-CodeIntegrity/Operational"]).ocsf(1005),
    channel(247, "Firewall", &["firewall-as"], &["Microsoft-Windows-Windows Firewall With Advanced Security/Firewall"]),
    channel(248, "BITS client", &["bits-client"], &["Microsoft-Windows-Bits-Client/Operational"]),
    channel(249, "DNS client", &["dns-client"], &["Microsoft-Windows-DNS Client Events/Operational", "Microsoft-Windows-DNS-Client/Operational"]).ocsf(4003),
    channel(250, "NTLM", &["ntlm"], &["Microsoft-Windows-NTLM/Operational"]).ocsf(3002),
    channel(251, "AppLocker", &["applocker"], &[
        "Microsoft-Windows-AppLocker/EXE and DLL",
        "Microsoft-Windows-AppLocker/MSI and Script",
        "Microsoft-Windows-AppLocker/Packaged app-Deployment",
        "Microsoft-Windows-AppLocker/Packaged app-Execution",
    ]),
    channel(252, "Print service, administration", &["printservice-admin"], &["Microsoft-Windows-PrintService/Admin"]),
    channel(253, "Print service, operation", &["printservice-operational"], &["Microsoft-Windows-PrintService/Operational"]),
    channel(254, "SMB client, security", &["smbclient-security"], &["Microsoft-Windows-SmbClient/Security"]).ocsf(4006),
    channel(255, "SMB client, connectivity", &["smbclient-connectivity"], &["Microsoft-Windows-SmbClient/Connectivity"]).ocsf(4006),
    channel(256, "SMB server, connectivity", &["smbserver-connectivity"], &["Microsoft-Windows-SMBServer/Connectivity"]).ocsf(4006),
    channel(257, "Security mitigations", &["security-mitigations"], &[
        "Microsoft-Windows-Security-Mitigations/KernelMode",
        "Microsoft-Windows-Security-Mitigations/UserMode",
        "Microsoft-Windows-Security-Mitigations/Kernel Mode",
        "Microsoft-Windows-Security-Mitigations/User Mode",
        "Microsoft-Windows-Security-Mitigations/Operational",
    ]),
    channel(258, "User-mode drivers", &["driver-framework"], &["Microsoft-Windows-DriverFrameworks-UserMode/Operational"]),
    channel(259, "DNS server", &["dns-server"], &["DNS Server"]).ocsf(4003),
    channel(260, "DNS server, analytic", &["dns-server-analytic"], &["Microsoft-Windows-DNS-Server/Analytical", "Microsoft-Windows-DNSServer/Analytical"]).ocsf(4003),
    channel(261, "Exchange management", &["msexchange-management"], &["MSExchange Management"]),
    channel(262, "Service Bus client", &["microsoft-servicebus-client"], &["Microsoft-ServiceBus-Client", "Microsoft-ServiceBus-Client/Operational", "Microsoft-ServiceBus-Client/Admin"]),
    channel(263, "Local session manager", &["terminalservices-localsessionmanager"], &["Microsoft-Windows-TerminalServices-LocalSessionManager/Operational"]).ocsf(3002),
    channel(264, "Shell core", &["shell-core"], &["Microsoft-Windows-Shell-Core/Operational"]),
    channel(265, "LDAP client", &["ldap", "ldap_debug"], &["Microsoft-Windows-LDAP-Client/Debug"]),
    channel(266, "Local security authority", &["lsa-server"], &["Microsoft-Windows-LSA/Operational"]).ocsf(3002),
    channel(267, "OpenSSH", &["openssh"], &["OpenSSH/Operational"]).ocsf(4007),
    channel(268, "CAPI2", &["capi2"], &["Microsoft-Windows-CAPI2/Operational"]),
    channel(269, "Scripted diagnosis", &["diagnosis-scripted"], &["Microsoft-Windows-Diagnosis-Scripted/Operational"]),
    channel(270, "Certificate life cycle", &["certificateservicesclient-lifecycle-system"], &["Microsoft-Windows-CertificateServicesClient-Lifecycle-System/Operational"]),
    channel(271, "App model runtime", &["appmodel-runtime"], &["Microsoft-Windows-AppModel-Runtime/Admin"]),
    channel(272, "IIS configuration", &["iis-configuration"], &["Microsoft-IIS-Configuration/Operational"]),
    channel(273, "Hyper-V worker", &["hyper-v-worker"], &["Microsoft-Windows-Hyper-V-Worker"]),
    channel(274, "Kernel events", &["kernel-event-tracing"], &["Microsoft-Windows-Kernel-EventTracing"]),
    channel(275, "Kernel shim engine", &["kernel-shimengine"], &["Microsoft-Windows-Kernel-ShimEngine/Operational", "Microsoft-Windows-Kernel-ShimEngine/Diagnostic"]),
    channel(276, "Server Manager", &["servermanager"], &["Microsoft-Windows-ServerManager-MgmtProvider/Operational"]),
    Class::new(290, "RPC firewall", "rpc_firewall")
        .categories(&["application"])
        .ocsf(4001)
        .fields(&WINDOWS)
        .sights(&[CHANNEL])
        .picks(Picks::Words(&["RPCFW"])),
];

/// Windows events of channels that no rule names.
static REST: &[Class] = &[Class::new(299, "Windows: other channels", "windows")
    .fields(&WINDOWS)
    .sights(&[CHANNEL])
    .picks(Picks::Events(&[]))];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(channel: &str, event: u32, number: u16) {
        assert_eq!(of_channel(channel, "", event).id.number(), number, "{channel} {event}");
    }

    #[test]
    fn channels_and_numbers() {
        check("Microsoft-Windows-Sysmon/Operational", 1, 101);
        check("microsoft-windows-sysmon/operational", 16, 104);
        check("Microsoft-Windows-Sysmon/Operational", 18, 117);
        check("Microsoft-Windows-Sysmon/Operational", 77, 156);
        check("security", 4688, 200);
        check("Security", 4624, 201);
        check("Security", 5156, 202);
        check("Windows PowerShell", 400, 220);
        check("PowerShellCore/Operational", 4104, 210);
        check("Microsoft-Windows-Windows Defender/Operational", 1116, 230);
        check("system", 7045, 240);
        check("RPCFW", 3, 290);
        check("Setup", 1, 299);
        assert_eq!(of_channel("", "Microsoft-Windows-Sysmon", 3).id.number(), 103);
        assert_eq!(of_channel("Setup", "Microsoft-Windows-Sysmon", 3).id.number(), 299);
    }
}
