//! The examples of each format's own documents.

use shieldwall_logs::Format::{
    AccessLog, Auditd, Cef, CloudTrail, Csv, EveJson, JsonLines, Leef, Syslog3164, Syslog5424, W3c, ZeekJson,
    ZeekTsv,
};
use shieldwall_logs::{Field, Format, Mapping, Reader, Reason, Settings};

use crate::{check, check_sights, now, sights, text, value, with};

/// RFC 3164 §5.4. Where the standard would take a zone for a host, the zone is read.
#[test]
fn syslog_of_2001() {
    check(
        Syslog3164,
        "<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8",
        530,
        "2023-10-11T22:14:15.000Z",
        &[
            ("facility", "4"),
            ("severity", "2"),
            ("hostname", "mymachine"),
            ("appname", "su"),
            ("message", "'su root' failed for lonvick on /dev/pts/8"),
        ],
    );
    check(Syslog3164, "<13>Use the BFG!", 549, "", &[("message", "Use the BFG!")]);
    check(
        Syslog3164,
        "<165>Aug 24 05:34:00 CST 1987 mymachine myproc[10]: %% It's time to make the do-nuts.  %%  Ingredients: \
         Mix=OK, Jelly=OK # Devices: Mixer=OK, Jelly_Injector=OK, Frier=OK # Transport: Conveyer1=OK, Conveyer2=OK # %%",
        549,
        "1987-08-24T11:34:00.000Z",
        &[("hostname", "mymachine"), ("appname", "myproc"), ("procid", "10")],
    );
    check(
        Syslog3164,
        "<0>1990 Oct 22 10:52:01 TZ-6 scapegoat.dmz.example.org 10.1.2.3 sched[0]: That's All Folks!",
        549,
        "1990-10-22T16:52:01.000Z",
        &[("hostname", "scapegoat.dmz.example.org"), ("message", "10.1.2.3 sched[0]: That's All Folks!")],
    );
}

#[test]
fn syslog_as_daemons_and_devices_write_it() {
    let sshd = "Oct 11 22:14:15 web1 sshd[812]: Failed password for root from 192.0.2.7 port 4711 ssh2";
    check(Syslog3164, sshd, 531, "2023-10-11T22:14:15.000Z", &[("hostname", "web1"), ("procid", "812")]);
    check_sights(Syslog3164, sshd, &["ipv4 192.0.2.7"]);
    check(
        Syslog3164,
        "2024-01-31T12:00:00.123456+01:00 web1 sudo:    root : TTY=pts/0 ; PWD=/root ; USER=root ; COMMAND=/bin/ls -l",
        532,
        "2024-01-31T11:00:00.123456Z",
        &[("USER", "root"), ("COMMAND", "/bin/ls -l"), ("CommandLine", "/bin/ls -l"), ("TTY", "pts/0")],
    );
    check(
        Syslog3164,
        "<189>189: *Mar  1 18:46:11.123: %SYS-5-CONFIG_I: Configured from console by vty2 (192.0.2.9)",
        514,
        "2024-03-01T18:46:11.123Z",
        &[("message", "%SYS-5-CONFIG_I: Configured from console by vty2 (192.0.2.9)")],
    );
    check(
        Syslog3164,
        "<189>date=2019-05-10 time=11:37:47 devname=\"FGT\" devid=\"FG\" logid=\"0100032002\" type=\"event\" \
         action=\"login\" srcip=192.0.2.1 msg=\"Administrator \\\"a\\\" failed\"",
        510,
        "2019-05-10T11:37:47.000Z",
        &[("action", "login"), ("msg", "Administrator \"a\" failed"), ("src_ip", "192.0.2.1")],
    );
    // Counted octets and a zero at the end, as TCP carries messages.
    check(
        Syslog3164,
        "48 <13>Oct 11 22:14:15 h cron[1]: (root) CMD (x)\0",
        533,
        "2023-10-11T22:14:15.000Z",
        &[("message", "(root) CMD (x)")],
    );
}

#[test]
fn other_formats_inside_syslog() {
    let eve = "<13>Oct 11 22:14:15 ids suricata[1]: {\"timestamp\":\"2024-01-01T00:00:00.5+0000\",\
               \"event_type\":\"dns\",\"src_ip\":\"192.0.2.1\",\"dns\":{\"type\":\"query\",\"rrname\":\"bad.example\"}}";
    check(
        Syslog3164,
        eve,
        402,
        "2024-01-01T00:00:00.500Z",
        &[("query", "bad.example"), ("src_ip", "192.0.2.1")],
    );
    let audit = "<13>Oct 11 22:14:15 h audispd: node=h type=EXECVE msg=audit(1364481363.243:24287): argc=2 a0=\"ls\" a1=2D6C20";
    check(
        Syslog3164,
        audit,
        550,
        "2013-03-28T14:36:03.243Z",
        &[("a0", "ls"), ("a1", "-l "), ("type", "EXECVE")],
    );
    check(
        Syslog3164,
        "<13>Oct 11 22:14:15 h app: {no json",
        549,
        "2023-10-11T22:14:15.000Z",
        &[("message", "{no json")],
    );
}

/// RFC 5424 §6.5.
#[test]
fn syslog_of_2009() {
    check(
        Syslog5424,
        "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \u{feff}'su root' failed for lonvick on /dev/pts/8",
        530,
        "2003-10-11T22:14:15.003Z",
        &[
            ("hostname", "mymachine.example.com"),
            ("msgid", "ID47"),
            ("message", "'su root' failed for lonvick on /dev/pts/8"),
        ],
    );
    check(
        Syslog5424,
        "<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time to make the do-nuts.",
        549,
        "2003-08-24T12:14:15.000003Z",
        &[("hostname", "192.0.2.1"), ("procid", "8710"), ("message", "%% It's time to make the do-nuts.")],
    );
    let data = "<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 \
                [exampleSDID@32473 iut=\"3\" eventSource=\"Application\" eventID=\"1011\"]";
    check(
        Syslog5424,
        &format!("{data} \u{feff}An application event log entry..."),
        549,
        "2003-10-11T22:14:15.003Z",
        &[("iut", "3"), ("eventSource", "Application"), ("message", "An application event log entry...")],
    );
    check(
        Syslog5424,
        &format!("{data}[examplePriority@32473 class=\"high \\\"\\]\"]"),
        549,
        "2003-10-11T22:14:15.003Z",
        &[("eventID", "1011"), ("class", "high \"]"), ("message", "")],
    );
    check(Syslog5424, "<34>1 - - - - - -", 530, "", &[]);
}

/// ArcSight's implementation guide, "Header Information" and "Character Encoding".
#[test]
fn cef() {
    check(
        Syslog3164,
        "Sep 19 08:26:10 host CEF:0|Security|threatmanager|1.0|100|worm successfully stopped|10|src=10.0.0.1 dst=2.1.2.2 spt=1232",
        500,
        "2023-09-19T08:26:10.000Z",
        &[
            ("hostname", "host"),
            ("DeviceVendor", "Security"),
            ("DeviceEventClassID", "100"),
            ("Name", "worm successfully stopped"),
            ("Severity", "10"),
            ("src_ip", "10.0.0.1"),
            ("dst_ip", "2.1.2.2"),
            ("spt", "1232"),
        ],
    );
    check(
        Cef,
        r"CEF:0|security|threatmanager|1.0|100|detected a \| in message|10|src=10.0.0.1 act=blocked a | dst=1.1.1.1",
        500,
        "",
        &[("Name", "detected a | in message"), ("action", "blocked a |")],
    );
    check(
        Cef,
        r"CEF:0|security|threatmanager|1.0|100|detected a \\ in packet|10|src=10.0.0.1 act=blocked a \\ dst=1.1.1.1",
        500,
        "",
        &[("Name", r"detected a \ in packet"), ("act", r"blocked a \")],
    );
    let proxy = "CEF:0|Acme|Web|1|1|visit|3|rt=1588205199824 src=192.0.2.1 request=http://bad.example/a.php?b=c \
                 requestMethod=GET cs1Label=Rule Name cs1=deny fileHash=d41d8cd98f00b204e9800998ecf8427e";
    check(
        Cef,
        proxy,
        501,
        "2020-04-30T00:06:39.824Z",
        &[("c-uri", "http://bad.example/a.php?b=c"), ("c-uri-extension", "php"), ("Rule Name", "deny")],
    );
    check_sights(
        Cef,
        proxy,
        &[
            "ipv4 192.0.2.1",
            "url http://bad.example/a.php?b=c",
            "http-target /a.php?b=c",
            "md5 d41d8cd98f00b204e9800998ecf8427e",
        ],
    );
}

/// QRadar's LEEF guide, version 2.
#[test]
fn leef() {
    check(
        Leef,
        "LEEF:2.0|Lancope|StealthWatch|1.0|41|^|src=10.0.1.8^dst=10.0.0.5^sev=5^srcPort=81^dstPort=21",
        500,
        "",
        &[
            ("src_ip", "10.0.1.8"),
            ("dst_ip", "10.0.0.5"),
            ("src_port", "81"),
            ("dst_port", "21"),
            ("EventID", "41"),
        ],
    );
    let record = "Jan 18 11:07:53 192.168.1.1 LEEF:1.0|QRadar|QRM|1.0|NEW_PORT_DISCOVERD|src=172.5.6.67\tdst=172.50.123.1\t\
                  sev=5\tcat=anomaly\tmsg=there are spaces in this message\tdevTime=Jan 28 2015 02:00:36 GMT+00:00";
    check(
        Syslog3164,
        record,
        500,
        "2015-01-28T02:00:36.000Z",
        &[("hostname", "192.168.1.1"), ("msg", "there are spaces in this message"), ("dst", "172.50.123.1")],
    );
    for relayed in ["#011", " "] {
        check(Syslog3164, &record.replace('\t', relayed), 500, "2015-01-28T02:00:36.000Z", &[("sev", "5")]);
    }
}

const ZEEK: &str = "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tdns\n\
    #open\t2020-04-30-00-00-00\n\
    #fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tquery\tqtype_name\trejected\tanswers\tTTLs\n\
    #types\ttime\tstring\taddr\tport\taddr\tport\tenum\tstring\tstring\tbool\tvector[string]\tvector[interval]\n\
    1588205199.824370\tCw1\t10.0.1.4\t64842\t10.0.0.4\t53\tudp\tbad\\x2eexample\tA\tF\t192.0.2.1,b.example\t(empty)\n\
    1588205200.000000\tCw2\t10.0.1.4\t64843\t10.0.0.4\t53\tudp\t-\t-\tT\t-\t-\n\
    #close\t2020-04-30-01-00-00\n\
    #fields\tts\tquery\n#types\ttime\tstring\n\
    1588205201.000000\tc.example\n";

/// Zeek's log writer for ASCII: header, sets, what is empty and what is not set, escapes; then another header.
#[test]
fn zeek_tables() {
    let mut reader = Reader::new(ZeekTsv, Settings::default());
    let mut out = Vec::new();
    for line in ZEEK.lines() {
        if let Some(event) = reader.read(line.as_bytes(), now()).unwrap() {
            let names = ["query", "rejected", "answer", "TTLs", "dst_port"];
            let values = names.map(|name| value(&event, name).unwrap_or_else(|| "none".to_owned()));
            out.push(format!("{} {} {}", event.class.number(), event.time.unwrap(), values.join(" ")));
            out.extend(sights(&event));
        }
    }
    let expect = [
        "451 2020-04-30T00:06:39.824370Z bad.example false [192.0.2.1, b.example] [] 53",
        "ipv4 10.0.1.4 :64842",
        "ipv4 10.0.0.4 :53",
        "domain bad.example",
        "ipv4 192.0.2.1",
        "domain b.example",
        "451 2020-04-30T00:06:40.000Z none true none none 53",
        "ipv4 10.0.1.4 :64843",
        "ipv4 10.0.0.4 :53",
        "451 2020-04-30T00:06:41.000Z c.example none none none none",
        "domain c.example",
    ];
    assert_eq!(out, expect);
}

#[test]
fn a_table_read_from_its_middle() {
    let mut reader = Reader::new(ZeekTsv, Settings::default());
    let row = "1588205199.824370\tCw1\t10.0.1.4\t64842\t10.0.0.4\t53\tudp\tx.example\tA\tF\t-\t-";
    assert_eq!(reader.read(row.as_bytes(), now()).unwrap_err().reason, Reason::NoHeader);
    reader.prime(ZEEK.as_bytes());
    let event = reader.read(row.as_bytes(), now()).unwrap().unwrap();
    assert_eq!(value(&event, "query").as_deref(), Some("x.example"));
    let cut = reader.read(b"1588205199.8\tCw1", now()).unwrap_err();
    assert_eq!((cut.reason, cut.message.as_str()), (Reason::Columns, "2 cells under 12 names"));
}

#[test]
fn zeek_in_json() {
    let dotted = r#"{"_path":"http","ts":1588205199.82437,"uid":"C","id.orig_h":"192.0.2.1","id.orig_p":1,
        "id.resp_h":"192.0.2.2","id.resp_p":8080,"host":"bad.example","uri":"/a/b.exe?c","user_agent":"x/1"}"#;
    let fields = [
        ("id.resp_h", "192.0.2.2"),
        ("c-uri", "/a/b.exe?c"),
        ("cs-uri-stem", "/a/b.exe"),
        ("c-uri-query", "c"),
    ];
    check(ZeekJson, dotted, 452, "2020-04-30T00:06:39.824370Z", &fields);
    check_sights(
        ZeekJson,
        dotted,
        &[
            "ipv4 192.0.2.1 :1",
            "ipv4 192.0.2.2 :8080",
            "domain bad.example :8080",
            "http-target /a/b.exe?c",
            "url http://bad.example/a/b.exe?c",
            "user-agent x/1",
        ],
    );
    let flat = r#"{"@stream":"x509","@system":"h","ts":1588205718.382302,"id":"F","certificate_serial":"06743FC495E54B7B"}"#;
    check(JsonLines, flat, 454, "2020-04-30T00:15:18.382302Z", &[("certificate.serial", "06743FC495E54B7B")]);
    with(JsonLines, flat, |event| assert_eq!(event.device().as_deref(), Some("h")));
    let settings = Settings { stream: Some("conn".to_owned()), ..Settings::default() };
    let mut reader = Reader::new(ZeekJson, settings);
    let event = reader.read(br#"{"ts":1588205199.0,"uid":"C"}"#, now()).unwrap().unwrap();
    assert_eq!(event.class.number(), 450);
}

/// Suricata's user guide, "Eve JSON Format", event type DNS, in its three versions.
#[test]
fn names_in_eve() {
    let eve = |dns: &str| {
        format!(
            r#"{{"timestamp":"2024-01-01T00:00:00.123456+0000","event_type":"dns","src_ip":"192.0.2.1","src_port":5353,"dest_ip":"192.0.2.53","dest_port":53,"proto":"UDP","dns":{dns}}}"#
        )
    };
    let check = |dns: &str, query: &str, kind: &str, answer: Option<&str>| {
        with(EveJson, &eve(dns), |event| {
            assert_eq!(event.class.number(), 402);
            assert_eq!(event.time.unwrap().to_string(), "2024-01-01T00:00:00.123456Z");
            assert_eq!(value(event, "query").as_deref(), Some(query));
            assert_eq!(value(event, "record_type").as_deref(), Some(kind));
            assert_eq!(value(event, "answer").as_deref(), answer);
            assert_eq!(event.ocsf("query"), Some("query.hostname"));
        });
    };
    check(r#"{"type":"query","id":16000,"rrname":"twitter.com","rrtype":"A"}"#, "twitter.com", "A", None);
    check(
        r#"{"type":"answer","id":16000,"flags":"8180","rcode":"NOERROR","rrname":"twitter.com","rrtype":"A","ttl":8,"rdata":"199.16.156.6"}"#,
        "twitter.com",
        "A",
        Some("199.16.156.6"),
    );
    let second = r#"{"version":2,"type":"answer","id":45444,"rrname":"www.suricata-ids.org","rrtype":"A","answers":[
        {"rrname":"www.suricata-ids.org","rrtype":"CNAME","ttl":3324,"rdata":"suricata-ids.org"},
        {"rrname":"suricata-ids.org","rrtype":"A","ttl":10,"rdata":"192.0.78.24"}]}"#;
    check(second, "www.suricata-ids.org", "A", Some("[suricata-ids.org, 192.0.78.24]"));
    check(
        r#"{"version":2,"type":"answer","rrname":"www.suricata-ids.org","rrtype":"A","grouped":{"A":["192.0.78.24","192.0.78.25"],"CNAME":["suricata-ids.org"]}}"#,
        "www.suricata-ids.org",
        "A",
        Some("[192.0.78.24, 192.0.78.25, suricata-ids.org]"),
    );
    check(
        r#"{"version":3,"type":"response","id":1,"queries":[{"rrname":"a.example","rrtype":"AAAA"}],"answers":[{"rrname":"a.example","rrtype":"AAAA","ttl":1,"rdata":"2001:db8::1"}]}"#,
        "a.example",
        "AAAA",
        Some("2001:db8::1"),
    );
    check_sights(
        EveJson,
        &eve(second),
        &[
            "ipv4 192.0.2.1 :5353",
            "ipv4 192.0.2.53 :53",
            "domain www.suricata-ids.org",
            "domain www.suricata-ids.org",
            "domain suricata-ids.org",
            "domain suricata-ids.org",
            "ipv4 192.0.78.24",
        ],
    );
}

#[test]
fn other_events_of_eve() {
    let http = r#"{"timestamp":"2024-01-01T00:00:00.123456+0000","event_type":"http","src_ip":"192.0.2.1","src_port":1,"dest_ip":"192.0.2.2","dest_port":80,"http":{"hostname":"bad.example","url":"\/jansson\/a.tar.gz?x=1","http_user_agent":"curl\/8","http_method":"GET","status":200}}"#;
    let fields = [
        ("cs-uri-stem", "/jansson/a.tar.gz"),
        ("c-uri-extension", "gz"),
        ("c-uri-query", "x=1"),
        ("cs-host", "bad.example"),
        ("sc-status", "200"),
        ("http.url", "/jansson/a.tar.gz?x=1"),
        ("dst_port", "80"),
    ];
    check(EveJson, http, 403, "2024-01-01T00:00:00.123456Z", &fields);
    check_sights(
        EveJson,
        http,
        &[
            "ipv4 192.0.2.1 :1",
            "ipv4 192.0.2.2 :80",
            "domain bad.example :80",
            "http-target /jansson/a.tar.gz?x=1",
            "url http://bad.example/jansson/a.tar.gz?x=1",
            "user-agent curl/8",
        ],
    );
    let alert = r#"{"timestamp":"2009-11-24T21:27:09.534255","event_type":"alert","src_ip":"192.168.2.7","dest_ip":"198.51.100.50","dest_port":80,"alert":{"action":"allowed","signature_id":2001999,"signature":"ET MALWARE"},"tls":{"sni":"c2.example","ja3":{"hash":"e0fe397a5edfba9a6facc7c7b341f4eb"}},"files":[{"filename":"a.exe","sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}]}"#;
    check(
        EveJson,
        alert,
        401,
        "2009-11-24T21:27:09.534255Z",
        &[("alert.signature_id", "2001999"), ("action", "allowed")],
    );
    check_sights(
        EveJson,
        alert,
        &[
            "ipv4 192.168.2.7",
            "ipv4 198.51.100.50 :80",
            "domain c2.example :80",
            "ja3 e0fe397a5edfba9a6facc7c7b341f4eb",
            "file-name a.exe",
            "sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ],
    );
}

#[test]
fn audit_log_of_linux() {
    let call = "type=SYSCALL msg=audit(1364481363.243:24287): arch=c000003e syscall=2 success=no exit=-13 a0=7fffd19c5592 a1=0 \
                comm=\"cat\" exe=\"/bin/cat\" key=\"sshd_config\"\u{1d}ARCH=x86_64 SYSCALL=open AUID=\"user\"";
    let fields = [
        ("type", "SYSCALL"),
        ("comm", "cat"),
        ("a0", "7fffd19c5592"),
        ("SYSCALL", "open"),
        ("key", "sshd_config"),
    ];
    check(Auditd, call, 550, "2013-03-28T14:36:03.243Z", &fields);
    let title = "type=PROCTITLE msg=audit(1364481363.243:24287): proctitle=636174002F6574632F706173737764";
    check(Auditd, title, 550, "2013-03-28T14:36:03.243Z", &[("proctitle", "cat /etc/passwd")]);
    let user = "node=h type=USER_AUTH msg=audit(1364481363.243:24288): pid=1 msg='op=PAM:auth acct=\"root\" exe=\"/usr/bin/su\" \
                hostname=? addr=192.0.2.7 res=failed'";
    check(
        Auditd,
        user,
        550,
        "2013-03-28T14:36:03.243Z",
        &[("acct", "root"), ("res", "failed"), ("addr", "192.0.2.7")],
    );
}

#[test]
fn logs_of_web_servers() {
    let record = r#"192.0.2.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /a/b.php?c=\"d\" HTTP/1.0" 200 2326 "http://ref.example/" "Mozilla/4.08 [en]""#;
    let fields = [
        ("c-ip", "192.0.2.1"),
        ("cs-username", "frank"),
        ("cs-method", "GET"),
        ("cs-uri-query", r#"/a/b.php?c="d""#),
        ("cs-uri-stem", "/a/b.php"),
        ("sc-status", "200"),
        ("cs-referer", "http://ref.example/"),
        ("cs-user-agent", "Mozilla/4.08 [en]"),
    ];
    check(AccessLog, record, 440, "2000-10-10T20:55:36.000Z", &fields);
    let common = r#"www.example:80 2001:db8::1 - - [10/Oct/2000:13:55:36 +0000] "-" 400 0"#;
    check(
        AccessLog,
        common,
        440,
        "2000-10-10T13:55:36.000Z",
        &[("c-ip", "2001:db8::1"), ("cs-host", "www.example:80")],
    );
    let mut reader = Reader::new(W3c, Settings { zone: 120, ..Settings::default() });
    let head = "#Software: Microsoft Internet Information Services 10.0\n\
                #Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port c-ip cs(User-Agent) sc-status\n";
    reader.prime(head.as_bytes());
    let row = b"2024-01-31 12:00:00 192.0.2.80 GET /a.aspx q=1 443 192.0.2.1 Mozilla/5.0+(Windows) 200";
    let event = reader.read(row, now()).unwrap().unwrap();
    assert_eq!(
        (event.class.number(), event.time.unwrap().to_string()),
        (440, "2024-01-31T12:00:00.000Z".to_owned())
    );
    assert_eq!(value(&event, "cs-user-agent").as_deref(), Some("Mozilla/5.0 (Windows)"));
    assert_eq!(value(&event, "cs-uri-query").as_deref(), Some("[q=1, /a.aspx]"));
}

#[test]
fn audit_logs_of_clouds() {
    let aws = r#"{"eventVersion":"1.05","userIdentity":{"type":"Root","arn":"arn:aws:iam::1:root"},"eventTime":"2024-01-31T12:00:00Z","eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin","awsRegion":"us-east-1","sourceIPAddress":"192.0.2.7","userAgent":"curl/8","additionalEventData":{"MFAUsed":"No"}}"#;
    let fields =
        [("additionalEventData.MFAUsed", "No"), ("userIdentity.type", "Root"), ("eventName", "ConsoleLogin")];
    check(CloudTrail, aws, 600, "2024-01-31T12:00:00.000Z", &fields);
    check_sights(CloudTrail, aws, &["ipv4 192.0.2.7", "user-agent curl/8"]);
    let azure = r#"{"time":"2024-01-31T12:00:00.1234567Z","category":"AuditLogs","operationName":"Add member","properties":{"result":"success","targetResources":[{"modifiedProperties":[{"displayName":"Role","newValue":"Owner"}]}]}}"#;
    let fields = [
        ("TargetResources.ModifiedProperties.NewValue", "Owner"),
        ("properties.message", "Add member"),
        ("properties.result", "success"),
    ];
    check(JsonLines, azure, 611, "2024-01-31T12:00:00.123456Z", &fields);
    let google = r#"{"protoPayload":{"serviceName":"iam.googleapis.com","methodName":"x.Create","authorizationInfo":[{"permission":"a.b","granted":true},{"permission":"c.d","granted":false}]},"logName":"l","timestamp":"2024-01-31T12:00:00Z"}"#;
    let fields = [
        ("gcp.audit.method_name", "x.Create"),
        ("data.protoPayload.authorizationInfo.permission", "[a.b, c.d]"),
    ];
    check(JsonLines, google, 622, "2024-01-31T12:00:00.000Z", &fields);
    for (record, class) in [
        (r#"{"eventType":"user.session.start","actor":{},"published":"2024-01-31T12:00:00Z"}"#, 640),
        (r#"{"Workload":"SecurityComplianceCenter","Operation":"AlertTriggered","Name":"Suspicious"}"#, 630),
        (r#"{"Workload":"Exchange","Operation":"New-InboxRule"}"#, 631),
        (r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","verb":"get"}"#, 650),
        (r#"{"action":"repo.create","actor":"a","org":"o","created_at":1706702400000}"#, 660),
        (r#"{"riskEventType":"unfamiliarFeatures"}"#, 612),
        (r#"{"logtype":2000,"node_id":"n"}"#, 670),
        (r#"{"event_type":"authentication","txid":"t","timestamp":1706702400}"#, 642),
        (r#"{"protoPayload":{"serviceName":"admin.googleapis.com"}}"#, 620),
        (r#"{"auditType":{"action":"Project deleted","category":"Projects"}}"#, 661),
        (r#"{"a":1}"#, 0),
    ] {
        with(JsonLines, record, |event| assert_eq!(event.class.number(), class, "{record}"));
    }
    with(JsonLines, r#"{"Workload":"Exchange","Operation":"New-InboxRule"}"#, |event| {
        assert_eq!(value(event, "eventName").as_deref(), Some("New-InboxRule"));
    });
}

#[test]
fn tables_with_a_mapping() {
    let mapping =
        Mapping { fields: [("source".to_owned(), "src_ip".to_owned())].into(), ..Mapping::default() };
    let mut reader = Reader::new(Csv, Settings { mapping, ..Settings::default() });
    assert!(reader.read(b"time;source;message", now()).unwrap().is_none());
    let event = reader.read(b"2024-01-31 12:00:00;192.0.2.1;\"a;b \"\"c\"\"\"", now()).unwrap().unwrap();
    assert_eq!(event.time.unwrap().to_string(), "2024-01-31T12:00:00.000Z");
    assert_eq!(value(&event, "message").as_deref(), Some("a;b \"c\""));
    assert_eq!(sights(&event), ["ipv4 192.0.2.1"]);
    assert!(reader.read(b"time;source;message", now()).unwrap().is_none(), "the header again");
    assert_eq!(reader.read(b"a;b", now()).unwrap_err().reason, Reason::Columns);
    assert_eq!(reader.read(b"a;b;\"c", now()).unwrap_err().reason, Reason::OpenQuote);
    let columns = ["time", "query"].map(str::to_owned).to_vec();
    let settings = Settings {
        mapping: Mapping { columns, ..Mapping::default() },
        class: Some(shieldwall_logs::ClassId::from_number(521)),
        ..Settings::default()
    };
    let mut reader = Reader::new(Csv, settings);
    let event = reader.read(b"1706702400,bad.example", now()).unwrap().unwrap();
    assert_eq!((event.class.number(), value(&event, "query").as_deref()), (521, Some("bad.example")));
}

#[test]
fn everything_a_record_says() {
    let all = |format: Format, record: &str| {
        let mut out = Vec::new();
        with(format, record, |event| {
            assert!(!event.strings(&mut |text| {
                out.push(text.to_owned());
                false
            }));
            assert!(event.strings(&mut |_| true));
        });
        out
    };
    assert_eq!(all(JsonLines, r#"{"a":"b\n","c":[1,"d",{"e":"f"}],"g":null}"#), ["b\n", "d", "f"]);
    let line = all(Syslog3164, "<13>Oct 11 22:14:15 h app: x");
    assert_eq!(line.first().map(String::as_str), Some("<13>Oct 11 22:14:15 h app: x"));
    let mut names = Vec::new();
    with(JsonLines, r#"{"a":1,"b.c":{"d":2}}"#, |event| {
        assert!(event.names(&mut |name| names.push(name.to_owned())));
        assert!(matches!(event.field("b.c"), Some(Field::Object(_))));
        assert!(event.field("b").is_none() && event.field("a.b").is_none());
        assert_eq!(event.field("a").as_ref().map(text).as_deref(), Some("1"));
    });
    assert_eq!(names, ["a", "b.c"]);
}

/// Of a record of which nothing is known, any text may name something, wherever it stands and whatever it is called.
#[test]
fn any_text_of_a_record_of_any_kind_is_looked_at() {
    let record = r#"{"src":{"ip":"192.0.2.1"},"clientIp":"192.0.2.2","remote_addr":"192.0.2.3","peer":"192.0.2.4:8443","list":[["192.0.2.5"]],"note":"see http://bad.example/x","n":5}"#;
    check_sights(
        Format::JsonLines,
        record,
        &[
            "ipv4 192.0.2.1",
            "ipv4 192.0.2.2",
            "ipv4 192.0.2.3",
            "ipv4 192.0.2.4 :8443",
            "ipv4 192.0.2.5",
            "url http://bad.example/x",
        ],
    );
    with(Format::JsonLines, record, |event| {
        let mut fields = Vec::new();
        event.observables(&mut |sighted| fields.push((sighted.field.to_owned(), sighted.text.to_owned())));
        for (field, text) in fields {
            let span = event.span(&field).unwrap();
            assert!(
                event.raw[span].windows(text.len()).any(|part| part == text.as_bytes()),
                "{field} {text}"
            );
        }
    });
}
