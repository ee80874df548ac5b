//! Windows events in every shape, and what collectors do to them.

use shieldwall_logs::Format::WindowsJson;

use crate::{check, check_sights, sights, value, with};

/// The same process creation as different collectors write it.
const SHAPES: [&str; 6] = [
    r##"{"Event":{"#attributes":{"xmlns":"x"},"System":{"Provider":{"#attributes":{"Name":"Microsoft-Windows-Sysmon","Guid":"5770385F"}},"EventID":1,"TimeCreated":{"#attributes":{"SystemTime":"2025-11-27T07:40:10.165324Z"}},"Channel":"Microsoft-Windows-Sysmon/Operational","Computer":"pc1"},"EventData":{"UtcTime":"2025-11-27 07:40:10.132","Image":"C:\\Windows\\a.exe","CommandLine":"a.exe /x"}}}"##,
    r##"{"Event":{"System":{"Provider_attributes":{"Name":"Microsoft-Windows-Sysmon"},"EventID":"1","EventID_attributes":{"Qualifiers":0},"TimeCreated_attributes":{"SystemTime":"2025-11-27T07:40:10.1653240Z"},"Channel":"Microsoft-Windows-Sysmon/Operational","Computer":"pc1"},"EventData":{"UtcTime":"2025-11-27 07:40:10.132","Image":"C:\\Windows\\a.exe","CommandLine":"a.exe /x"}}}"##,
    r##"{"Event":{"System":{"Provider":{"@Name":"Microsoft-Windows-Sysmon","Name":"Microsoft-Windows-Sysmon"},"EventID":{"#attributes":{"Qualifiers":0},"#text":1},"Channel":"Microsoft-Windows-Sysmon/Operational","Computer":"pc1"},"EventData":{"Data":[{"@Name":"UtcTime","#text":"2025-11-27 07:40:10.132"},{"@Name":"Image","#text":"C:\\Windows\\a.exe"},{"#attributes":{"Name":"CommandLine"},"#text":"a.exe /x"}]}}}"##,
    r##"{"@timestamp":"2025-11-27T07:40:10.132Z","message":"Process Create:","winlog":{"channel":"Microsoft-Windows-Sysmon/Operational","event_id":1,"provider_name":"Microsoft-Windows-Sysmon","computer_name":"pc1","event_data":{"UtcTime":"2025-11-27 07:40:10.132","Image":"C:\\Windows\\a.exe","CommandLine":"a.exe /x"}}}"##,
    r##"{"EventTime":"2025-11-27 02:40:10","EventID":1,"SourceName":"Microsoft-Windows-Sysmon","Channel":"microsoft-windows-sysmon/operational","Hostname":"pc1","UtcTime":"2025-11-27 07:40:10.132","Image":"C:\\Windows\\a.exe","CommandLine":"a.exe /x"}"##,
    r##"{"_index":"logs","_source":{"EventID":"1","Channel":"Microsoft-Windows-Sysmon/Operational","Provider_Name":"Microsoft-Windows-Sysmon","Computer":"pc1","EventData":{"UtcTime":"2025-11-27 07:40:10.132","Image":"C:\\Windows\\a.exe","CommandLine":"a.exe /x"}}}"##,
];

#[test]
fn every_shape_says_the_same() {
    for shape in SHAPES {
        let fields = [
            ("EventID", "1"),
            ("Provider_Name", "Microsoft-Windows-Sysmon"),
            ("Computer", "pc1"),
            ("Image", r"C:\Windows\a.exe"),
            ("CommandLine", "a.exe /x"),
        ];
        check(WindowsJson, shape, 101, "2025-11-27T07:40:10.132Z", &fields);
        with(WindowsJson, shape, |event| {
            assert_eq!(event.device().as_deref(), Some("pc1"));
            assert_eq!(event.ocsf("CommandLine"), Some("process.cmd_line"));
            let span = event.span("CommandLine").unwrap();
            assert_eq!(&shape[span], "a.exe /x");
        });
        check_sights(WindowsJson, shape, &[r"file-name C:\Windows\a.exe"]);
    }
}

#[test]
fn a_process_that_the_security_log_tells_of() {
    let record = r#"{"SourceName":"Microsoft-Windows-Security-Auditing","Channel":"security","Hostname":"h","TimeCreated":"2021-04-27T04:07:58.697Z","EventID":4688,"SubjectUserName":"ADFS01$","SubjectLogonId":"0x3e7","NewProcessId":"0x11d4","NewProcessName":"C:\\a\\SenseCncProxy.exe","ProcessId":"0x1efc","CommandLine":"x https://bad.example/y","ParentProcessName":"C:\\a\\MsSense.exe","MandatoryLabel":"S-1-16-16384"}"#;
    let fields = [
        ("Image", r"C:\a\SenseCncProxy.exe"),
        ("ParentImage", r"C:\a\MsSense.exe"),
        ("User", "ADFS01$"),
        ("IntegrityLevel", "S-1-16-16384"),
        ("ProcessId", "0x11d4"),
        ("ParentProcessId", "0x1efc"),
    ];
    check(WindowsJson, record, 200, "2021-04-27T04:07:58.697Z", &fields);
    with(WindowsJson, record, |event| {
        assert!(value(event, "OriginalFileName").is_none());
        assert!(event.class.class().never_has("OriginalFileName"));
        assert!(sights(event).contains(&"url https://bad.example/y".to_owned()));
    });
}

/// nxlog writes its own `EventType` over Sysmon's.
#[test]
fn the_event_type_that_nxlog_took() {
    let record = |own: &str, message: &str| {
        format!(
            r#"{{"EventID":13,"Channel":"Microsoft-Windows-Sysmon/Operational","SourceName":"Microsoft-Windows-Sysmon"{own}{message}}}"#
        )
    };
    let message = r#","Message":"Registry value set:\r\nRuleName: -\r\nEventType: SetValue\r\nUtcTime: x""#;
    let check = |own: &str, message: &str, expect: Option<&str>| {
        with(WindowsJson, &record(own, message), |event| {
            assert_eq!(event.class.number(), 113);
            assert_eq!(value(event, "EventType").as_deref(), expect);
        });
    };
    check(r#","EventType":"INFO""#, message, Some("SetValue"));
    check(r#","EventType":"DeleteValue""#, message, Some("DeleteValue"));
    check(r#","EventType":"INFO""#, "", None);
    check("", message, None);
}

#[test]
fn the_classic_log_has_its_text_in_data() {
    let rendered = r#"{"EventID":400,"Channel":"Windows PowerShell","SourceName":"PowerShell","EventTime":"2020-09-22 14:10:15","Message":"Engine state is changed\r\n\tHostApplication=powershell -enc x"}"#;
    with(WindowsJson, rendered, |event| {
        assert_eq!(event.class.number(), 220);
        assert!(value(event, "Data").is_some_and(|data| data.contains("HostApplication=powershell -enc x")));
    });
    let dumped = r##"{"Event":{"System":{"Provider":{"#attributes":{"Name":"PowerShell"}},"EventID":{"#text":400},"Channel":"Windows PowerShell"},"EventData":{"Data":{"#text":["Available","None","HostApplication=x"]}}}}"##;
    with(WindowsJson, dumped, |event| {
        assert_eq!(value(event, "Data").as_deref(), Some("[Available, None, HostApplication=x]"));
    });
}

#[test]
fn user_data_stands_one_level_deeper() {
    let record = r##"{"Event":{"System":{"Provider":{"#attributes":{"Name":"Microsoft-Windows-Eventlog"}},"EventID":1102,"Channel":"Security"},"UserData":{"LogFileCleared":{"#attributes":{"xmlns":"x"},"SubjectUserName":"eve"}}}}"##;
    check(WindowsJson, record, 202, "", &[("SubjectUserName", "eve")]);

    // With attributes kept apart; they are no fields.
    let record = r##"{"Event_attributes":{"xmlns":"x"},"Event":{"System":{"Provider_attributes":{"Name":"Microsoft-Windows-Eventlog"},"EventID":1102,"Channel":"Security"},"UserData":{"LogFileCleared_attributes":{"xmlns":"x"},"LogFileCleared":{"SubjectUserName_attributes":{"kind":"y"},"SubjectUserName":"eve"}}}}"##;
    check(WindowsJson, record, 202, "", &[("SubjectUserName", "eve")]);
    with(WindowsJson, record, |event| {
        assert!(value(event, "xmlns").is_none() && value(event, "SubjectUserName_attributes").is_none());
    });
}

#[test]
fn observables_of_sysmon_and_security() {
    let event = |id: u32, channel: &str, fields: &str| {
        format!(r#"{{"EventID":{id},"Channel":"{channel}","SourceName":"x",{fields}}}"#)
    };
    let sysmon = "Microsoft-Windows-Sysmon/Operational";
    check_sights(
        WindowsJson,
        &event(
            3,
            sysmon,
            r#""Image":"C:\\a.exe","DestinationIp":"192.0.2.1","DestinationPort":"443","SourceIp":"0:0:0:0:0:0:0:1","SourcePort":"5","DestinationHostname":"bad.example","SourceHostname":"-""#,
        ),
        &["ipv4 192.0.2.1 :443", "ipv6 0:0:0:0:0:0:0:1 :5", "domain bad.example :443", r"file-name C:\a.exe"],
    );
    check_sights(
        WindowsJson,
        &event(
            22,
            sysmon,
            r#""QueryName":"bad.example","QueryResults":"type:  5 alias.example;::ffff:192.0.2.1;""#,
        ),
        &["domain bad.example", "domain alias.example", "ipv6 ::ffff:192.0.2.1"],
    );
    check_sights(
        WindowsJson,
        &event(13, sysmon, r#""TargetObject":"HKLM\\Software\\Run\\x","Details":"http://bad.example/x""#),
        &[r"registry-key HKLM\Software\Run\x", r"registry-key HKLM\Software\Run", "url http://bad.example/x"],
    );
    let object = |kind: &str, name: &str| {
        event(
            4663,
            "Security",
            &format!(r#""ObjectType":"{kind}","ObjectName":"{}""#, name.replace('\\', r"\\")),
        )
    };
    check_sights(WindowsJson, &object("Mutant", r"\Sessions\1\BaseNamedObjects\evil"), &["mutex evil"]);
    check_sights(
        WindowsJson,
        &object("Key", r"\REGISTRY\MACHINE\SOFTWARE\x"),
        &[r"registry-key HKLM\SOFTWARE\x"],
    );
    check_sights(WindowsJson, &object("Process", "x"), &[]);
}
