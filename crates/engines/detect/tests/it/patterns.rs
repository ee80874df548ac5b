//! Patterns over events: what objects an event is, what a pattern keeps of events, and what it costs.

use std::collections::{BTreeMap, BTreeSet};

use logs::{Format, Reader, Settings, detect};
use model::Timestamp;
use observable::{Qualifier, Term, normalise, pattern};
use shieldwall_detect::{Entry, Index, PatternState, Patterns, Scratch, Watched, Windows, watched};
use stix_pattern::{Limits, parse};

use crate::now;

/// Patterns, numbered from 1, that always count.
fn patterns(texts: &[&str]) -> Patterns {
    let numbered = (1..).zip(texts);
    Patterns::new(
        numbered.map(|(subject, text)| {
            (subject, parse(text, &Limits::default()).unwrap(), Timestamp::EPOCH, None)
        }),
    )
}

/// The subjects that a record makes match.
fn fired(patterns: &Patterns, windows: &mut Windows, format: Format, record: &str) -> Vec<u64> {
    let mut reader = Reader::new(format, Settings::default());
    let event = reader.read(record.as_bytes(), now()).unwrap().unwrap();
    let mut found = Vec::new();
    patterns.run(windows, &event, event.time.unwrap_or(now()), &mut |subject| found.push(subject));
    found
}

/// Whether each pattern matches a record.
#[track_caller]
fn check(format: Format, record: &str, expect: &[(&str, bool)]) {
    for (text, matches) in expect {
        let patterns = patterns(&[*text]);
        let found = fired(&patterns, &mut Windows::new(), format, record);
        assert_eq!(!found.is_empty(), *matches, "{text}\n{record}\n{:?}", states(&patterns, &Windows::new()));
    }
}

fn states(patterns: &Patterns, windows: &Windows) -> BTreeMap<u64, PatternState> {
    patterns.states(windows).collect()
}

const WEB: &str = r#"{"timestamp":"2024-05-01T10:00:00.000000+0000","event_type":"http","src_ip":"10.0.0.5","src_port":50000,"dest_ip":"192.0.2.1","dest_port":8080,"proto":"TCP","http":{"hostname":"WWW.bad.example","url":"/gate.php?id=7","http_method":"POST","http_user_agent":"Evil/1.0","http_refer":"http://198.51.100.9/start"}}"#;

#[test]
fn a_connection_has_two_ends_and_a_request_in_it() {
    check(
        Format::EveJson,
        WEB,
        &[
            (
                "[network-traffic:src_ref.value = '10.0.0.5' AND network-traffic:dst_ref.value = '192.0.2.1' AND network-traffic:dst_port = 8080]",
                true,
            ),
            ("[network-traffic:src_ref.value = '192.0.2.1' AND network-traffic:src_port = 8080]", false),
            ("[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_port IN (80, 8080)]", true),
            ("[network-traffic:src_port > 49151 AND network-traffic:protocols[*] = 'tcp']", true),
            (
                "[network-traffic:dst_ref.value = 'www.bad.example' AND network-traffic:dst_port = 8080 AND network-traffic:src_port = 50000]",
                true,
            ),
            ("[network-traffic:dst_ref.value LIKE '%.bad.example' AND network-traffic:dst_port = 80]", false),
            (
                "[network-traffic:extensions.'http-request-ext'.request_value LIKE '/gate.php%' AND network-traffic:extensions.'http-request-ext'.request_method = 'post']",
                true,
            ),
            (
                "[network-traffic:extensions.'http-request-ext'.request_header.'User-Agent' MATCHES '^Evil/' AND network-traffic:dst_port = 8080]",
                true,
            ),
            (
                "[network-traffic:dst_ref.value ISSUBSET '192.0.2.0/24' AND network-traffic:dst_port != 8080]",
                false,
            ),
            ("[ipv4-addr:value ISSUBSET '198.51.100.0/24' AND ipv4-addr:value != '198.51.100.1']", true),
            ("[url:value MATCHES '^http://198']", true),
            ("[url:value LIKE 'http://www.bad.example/%' AND url:value NOT LIKE '%id=8']", true),
            ("[domain-name:value MATCHES 'bad']", true),
            ("[domain-name:value = 'bad.example' AND domain-name:value LIKE '%b%']", false),
            // A constant is brought into the one spelling that events have.
            ("[domain-name:value = 'www.BAD.example' AND domain-name:value LIKE '%b%']", true),
            ("[ipv4-addr:value = '192.0.2.1'] AND [ipv4-addr:value = '10.0.0.5']", false),
        ],
    );
}

const PROCESS: &str = r#"{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":1,"UtcTime":"2024-05-01 10:00:00.000","ProcessId":"4242","Image":"C:\\Temp\\evil.exe","CommandLine":"evil.exe -enc AAAA","ParentImage":"C:\\Office\\WINWORD.EXE","ParentCommandLine":"winword /q","User":"CORP\\anna","Hashes":"MD5=FAB4B30C1C4F0A9202A7B42DCF1729DC,SHA256=E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855,IMPHASH=11111111111111111111111111111111"}"#;

#[test]
fn a_process_its_file_its_parent_and_its_account() {
    check(
        Format::WindowsJson,
        PROCESS,
        &[
            ("[process:command_line MATCHES ' -enc ' AND process:name = 'evil.exe']", true),
            ("[process:name = 'evil.exe' AND process:pid = 4242]", true),
            ("[process:parent_ref.name = 'WINWORD.EXE' AND process:command_line LIKE '%-enc%']", true),
            ("[process:parent_ref.command_line = 'winword /q' AND process:name = 'WINWORD.EXE']", false),
            ("[process:creator_user_ref.account_login = 'anna' AND process:name = 'evil.exe']", true),
            (
                "[process:image_ref.hashes.MD5 = 'fab4b30c1c4f0a9202a7b42dcf1729dc' AND process:name = 'evil.exe']",
                true,
            ),
            // Hashes in capital letters are the same hashes.
            ("[file:name = 'evil.exe' AND file:hashes.MD5 = 'FAB4B30C1C4F0A9202A7B42DCF1729DC']", true),
            (
                "[file:name = 'evil.exe' AND file:hashes.'SHA-256' = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855']",
                true,
            ),
            (
                "[file:extensions.'windows-pebinary-ext'.imphash = '11111111111111111111111111111111' AND file:name = 'evil.exe']",
                true,
            ),
            // They are those of the process, not of its parent.
            ("[file:name = 'WINWORD.EXE' AND file:hashes.MD5 = 'fab4b30c1c4f0a9202a7b42dcf1729dc']", false),
            (r"[file:name = 'evil.exe' AND file:parent_directory_ref.path = 'C:\\Temp']", true),
            ("[user-account:account_login = 'anna' AND user-account:user_id LIKE 'CORP%']", true),
            ("[file:name = 'other.exe' AND file:size > 3]", false),
        ],
    );
}

#[test]
fn keys_of_the_registry_are_there_as_written_and_as_compared() {
    let record = r#"{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":13,"UtcTime":"2024-05-01 10:00:00.000","TargetObject":"HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Run\\Evil","Details":"C:\\Temp\\evil.exe","Image":"C:\\x.exe"}"#;
    let run = r"HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Run";
    let key = "windows-registry-key:key";
    let values = "windows-registry-key:values[*]";
    for (text, matches) in [
        (format!("[{key} LIKE '{run}%' AND {key} LIKE '%Evil']"), true),
        (format!("[{key} LIKE '{run}' AND {values}.name = 'Evil']"), true),
        (format!("[{key} = '{run}' AND {values}.name = 'Evil']"), false),
        (format!("[{key} = '{run}' AND {values}.name MATCHES '(?i)^evil$']"), true),
        (format!("[{key} = '{run}' AND {values}.data LIKE '%evil.exe']"), true),
        (format!("[{key} = '{run}' AND {values}.data LIKE '%other.exe']"), false),
    ] {
        check(Format::WindowsJson, record, &[(text.as_str(), matches)]);
    }
}

#[test]
fn names_and_what_they_were_resolved_to() {
    let record = r#"{"timestamp":"2024-05-01T10:00:00.000000+0000","event_type":"dns","src_ip":"10.0.0.1","dest_ip":"10.0.0.2","dns":{"type":"answer","rrname":"bad.example","answers":[{"rrname":"bad.example","rrtype":"A","rdata":"192.0.2.1"},{"rrname":"bad.example","rrtype":"AAAA","rdata":"2001:db8::1"}]}}"#;
    check(
        Format::EveJson,
        record,
        &[
            (
                "[domain-name:value = 'bad.example' AND domain-name:resolves_to_refs[*].value = '192.0.2.1']",
                true,
            ),
            (
                "[domain-name:value = 'bad.example' AND domain-name:resolves_to_refs[*].value = '10.0.0.2']",
                false,
            ),
            (
                "[domain-name:value LIKE '%.example' AND domain-name:resolves_to_refs[*].value ISSUBSET '2001:db8::/32']",
                true,
            ),
        ],
    );
}

#[test]
fn mail_and_certificates() {
    let mail = r#"{"timestamp":"2024-05-01T10:00:00.000000+0000","event_type":"smtp","src_ip":"10.0.0.1","dest_ip":"10.0.0.2","smtp":{"mail_from":"<Who@BAD.example>","rcpt_to":["<a@good.example>","<b@good.example>"],"subject":"Invoice 7"}}"#;
    check(
        Format::EveJson,
        mail,
        &[
            (
                "[email-message:from_ref.value = 'Who@bad.example' AND email-message:subject LIKE 'Invoice%']",
                true,
            ),
            (
                "[email-message:to_refs[*].value = 'b@good.example' AND email-message:from_ref.value LIKE '%bad.example']",
                true,
            ),
            ("[email-message:from_ref.value = 'a@good.example' AND email-message:subject LIKE '%']", false),
            ("[email-addr:value MATCHES '@bad']", true),
        ],
    );
    let tls = r#"{"timestamp":"2024-05-01T10:00:00.000000+0000","event_type":"tls","src_ip":"10.0.0.1","dest_ip":"10.0.0.2","dest_port":443,"tls":{"sni":"c2.example","serial":"00:AB:CD","fingerprint":"01:02:03:04:05:06:07:08:09:0a:0b:0c:0d:0e:0f:10:11:12:13:14","ja3":{"hash":"e0fe397a5edfba9a6facc7c7b341f4eb"}}}"#;
    check(
        Format::EveJson,
        tls,
        &[
            (
                "[x509-certificate:serial_number = '00:ab:cd' AND x509-certificate:serial_number LIKE '%cd']",
                true,
            ),
            (
                "[network-traffic:x_ja3 = 'E0FE397A5EDFBA9A6FACC7C7B341F4EB' AND network-traffic:dst_port = 443]",
                true,
            ),
        ],
    );
}

fn at(time: &str, rest: &str) -> String {
    format!(r#"{{"timestamp":"2024-05-01T{time}+0000","event_type":"flow",{rest}}}"#)
}

fn to(time: &str, host: &str) -> String {
    at(time, &format!(r#""src_ip":"10.0.0.1","src_port":50000,"dest_ip":"{host}","dest_port":443"#))
}

/// Which of these records make the one pattern match.
#[track_caller]
fn sequence(pattern: &str, records: &[(String, bool)]) -> Windows {
    let (patterns, mut windows) = (patterns(&[pattern]), Windows::new());
    for (place, (record, matches)) in records.iter().enumerate() {
        let found = fired(&patterns, &mut windows, Format::EveJson, record);
        assert_eq!(!found.is_empty(), *matches, "{pattern}: record {place}: {record}");
    }
    windows
}

#[test]
fn so_many_times_within_so_long_and_then_anew() {
    let windows = sequence(
        "[ipv4-addr:value = '192.0.2.1'] REPEATS 3 TIMES WITHIN 60 SECONDS",
        &[
            (to("10:00:00.000000", "192.0.2.1"), false),
            (to("10:00:10.000000", "192.0.2.2"), false),
            (to("10:00:20.000000", "192.0.2.1"), false),
            // Sixty seconds after the first is no longer within them.
            (to("10:01:00.000000", "192.0.2.1"), false),
            (to("10:01:19.999999", "192.0.2.1"), true),
            // Those three are used up.
            (to("10:01:20.000000", "192.0.2.1"), false),
            (to("10:01:21.000000", "192.0.2.1"), false),
            (to("10:01:22.000000", "192.0.2.1"), true),
        ],
    );
    assert!(windows.len() <= 1, "{windows:?}");
}

#[test]
fn one_after_the_other_and_not_the_other_way_round() {
    let pattern =
        "([ipv4-addr:value = '192.0.2.1'] FOLLOWEDBY [ipv4-addr:value = '192.0.2.2']) WITHIN 300 SECONDS";
    sequence(
        pattern,
        &[
            (to("10:00:00.000000", "192.0.2.2"), false),
            (to("10:00:01.000000", "192.0.2.1"), false),
            (to("10:00:02.000000", "192.0.2.2"), true),
            (to("10:00:03.000000", "192.0.2.2"), false),
        ],
    );
    // What comes late counts by when it was.
    sequence(
        pattern,
        &[(to("10:00:10.000000", "192.0.2.2"), false), (to("10:00:05.000000", "192.0.2.1"), true)],
    );
    sequence(
        pattern,
        &[(to("10:00:00.000000", "192.0.2.1"), false), (to("10:10:00.000000", "192.0.2.2"), false)],
    );
}

#[test]
fn two_observations_take_two_events() {
    sequence(
        "[ipv4-addr:value = '192.0.2.1'] AND [network-traffic:dst_port = 443]",
        &[
            (to("10:00:00.000000", "192.0.2.1"), false),
            (to("10:00:01.000000", "192.0.2.7"), true),
            (to("10:00:02.000000", "192.0.2.7"), false),
        ],
    );
    sequence(
        "[ipv4-addr:value = '192.0.2.9'] OR ([ipv4-addr:value = '192.0.2.1'] AND [ipv4-addr:value = '192.0.2.2'])",
        &[
            (to("10:00:00.000000", "192.0.2.9"), true),
            (to("10:00:01.000000", "192.0.2.1"), false),
            (to("10:00:02.000000", "192.0.2.9"), true),
            (to("10:00:03.000000", "192.0.2.2"), true),
        ],
    );
}

#[test]
fn one_clock_that_is_ahead_does_not_blind_a_pattern() {
    let far = |host| to("10:00:30.000000", host).replace("2024-05-01", "9999-05-01");
    sequence(
        "[ipv4-addr:value = '192.0.2.1'] REPEATS 3 TIMES WITHIN 3600 SECONDS",
        &[
            (to("10:00:00.000000", "192.0.2.1"), false),
            (to("10:00:20.000000", "192.0.2.1"), false),
            (far("192.0.2.1"), false),
            (to("10:00:40.000000", "192.0.2.1"), true),
        ],
    );
}

#[test]
fn what_is_kept_is_bounded_however_much_comes() {
    let texts: Vec<String> = (0..10)
        .map(|port| format!("[network-traffic:dst_port = 443] AND [network-traffic:dst_port = {port}]"))
        .collect();
    let patterns = patterns(&texts.iter().map(String::as_str).collect::<Vec<_>>());
    let mut windows = Windows::new();
    for n in 0..150 {
        let record = to(&format!("10:00:{:02}.000000", n % 60), "192.0.2.1");
        assert!(fired(&patterns, &mut windows, Format::EveJson, &record).is_empty());
    }
    assert!((10..=10 * 64).contains(&windows.len()), "{windows:?}");
    assert!(states(&patterns, &windows).values().all(|state| state.as_str() == "bounded"));
    // What is kept goes with its subject.
    windows.keep(&self::patterns(&["[ipv4-addr:value != '192.0.2.1']"]));
    assert_eq!(windows.len(), 64);
    windows.keep(&Patterns::default());
    assert!(windows.is_empty());
}

#[test]
fn a_pattern_counts_from_its_first_instant_to_before_its_last() {
    let pattern = || parse("[ipv4-addr:value != '10.0.0.1']", &Limits::default()).unwrap();
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let (first, last) = (at("2024-05-01T10:00:00Z"), at("2024-05-01T11:00:00Z"));
    let patterns = Patterns::new([(1, pattern(), first, Some(last)), (2, pattern(), last, None)]);
    let hit = |time: &str| fired(&patterns, &mut Windows::new(), Format::EveJson, &to(time, "192.0.2.1"));
    assert_eq!(hit("09:59:59.999999"), [0; 0]);
    assert_eq!(hit("10:00:00.000000"), [1]);
    assert_eq!(hit("10:59:59.999999"), [1]);
    assert_eq!(hit("11:00:00.000000"), [2]);
}

#[test]
fn a_pattern_that_cannot_match_says_why() {
    let patterns = patterns(&[
        "[ipv4-addr:value != '192.0.2.1']",
        "[artifact:mime_type = 'x' OR software:name = 'y']",
        "[ipv4-addr:value = '192.0.2.1'] REPEATS 5000 TIMES WITHIN 5 SECONDS",
        "[ipv4-addr:value = '192.0.2.1'] AND [artifact:mime_type = 'x']",
        "[ipv4-addr:value = '192.0.2.1'] FOLLOWEDBY [ipv4-addr:value = '192.0.2.2']",
    ]);
    let states = states(&patterns, &Windows::new());
    let check = |subject: u64, state: &str, why: &str| {
        let found = &states[&subject];
        assert_eq!(found.as_str(), state, "{found:?}");
        assert!(found.reason().contains(why), "{found:?}");
    };
    assert_eq!(states.len(), 5, "none is silently dropped");
    check(1, "active", "");
    check(2, "no-such-objects", "artifact, software");
    check(3, "unusable", "5000 observations");
    check(4, "bounded", "artifact");
    check(5, "bounded", "`WITHIN`");
    assert_eq!(patterns.len(), 3);
}

/// Somebody who shares patterns that take as much as may be must not switch off ours, nor what others shared before.
#[test]
fn patterns_of_others_take_nothing_from_ours() {
    let of =
        |subject: u64, text: &str| (subject, parse(text, &Limits::default()).unwrap(), Timestamp::MIN, None);
    let greedy = |subject: u64| of(subject, &format!("[file:name MATCHES 'a{subject}b+']"));
    let first = std::iter::once((8, of(1, "[ipv4-addr:value != '10.0.0.1']")));
    let shared =
        first.chain((2..2_000).map(|n| (7, greedy(n)))).chain((3_000..3_010).map(|n| (8, greedy(n))));
    let own = (5_000..5_900).map(greedy).chain([of(6_000, "[ipv4-addr:value != '10.0.0.1']")]);
    let patterns = Patterns::with_shared(own, shared);
    let states = states(&patterns, &Windows::new());
    assert_eq!(states.len(), 1_999 + 10 + 901, "none is silently dropped");
    assert!(states.range(5_000..).all(|(_, state)| *state == PatternState::Active), "ours are all asked");
    let refused: Vec<_> = states.iter().filter(|(_, state)| state.as_str() == "unusable").collect();
    assert!((1_850..1_950).contains(&refused.len()), "{}", refused.len());
    assert!(refused.iter().all(|(subject, _)| (50..2_000).contains(*subject)), "one giver's, the first stay");
    let why = refused[0].1.reason();
    assert!(why.contains("of the 128 that those of one giver may take"), "{why}");
    let record = to("10:00:00.000000", "192.0.2.1");
    assert_eq!(fired(&patterns, &mut Windows::new(), Format::EveJson, &record), [6_000, 1]);
}

/// Many givers together have a bound too.
#[test]
fn patterns_of_many_givers_are_bounded_together() {
    let shared = (1..800_u64).map(|n| {
        let text = format!("[file:name MATCHES 'a{n}b+']");
        let giver = u32::try_from(n % 20).unwrap();
        (giver, (n, parse(&text, &Limits::default()).unwrap(), Timestamp::MIN, None))
    });
    let patterns = Patterns::with_shared([], shared);
    let states = states(&patterns, &Windows::new());
    let refused: Vec<_> = states.iter().filter(|(_, state)| state.as_str() == "unusable").collect();
    assert!((280..350).contains(&refused.len()), "{}", refused.len());
    assert!(refused[0].1.reason().contains("of the 512 that all that others shared may take"));
}

/// What is kept for patterns of others is bounded apart: ours go on counting, however much others have kept.
#[test]
fn observations_for_patterns_of_others_leave_room_for_ours() {
    let of =
        |subject: u64, text: &str| (subject, parse(text, &Limits::default()).unwrap(), Timestamp::MIN, None);
    // None of them is ever complete, and each keeps up to 1,024 observations.
    let endless = |n: u64| of(n, "[network-traffic:dst_port = 443] REPEATS 900 TIMES WITHIN 9000 SECONDS");
    let own = of(1_000, "[ipv4-addr:value = '192.0.2.7'] REPEATS 3 TIMES WITHIN 9000 SECONDS");
    let patterns = Patterns::with_shared([own], (1..=70).map(|n| (7, endless(n))));
    let mut windows = Windows::new();
    for n in 0..500 {
        let record = to(&format!("10:{:02}:{:02}.000000", n / 60, n % 60), "192.0.2.1");
        assert!(fired(&patterns, &mut windows, Format::EveJson, &record).is_empty());
    }
    assert!(windows.len() < 70 * 500 / 2, "others are bounded: {windows:?}");
    let mut hit = |time: &str| fired(&patterns, &mut windows, Format::EveJson, &to(time, "192.0.2.7"));
    assert_eq!(hit("10:10:00.000000"), [0; 0]);
    assert_eq!(hit("10:10:01.000000"), [0; 0]);
    assert_eq!(hit("10:10:02.000000"), [1_000]);
}

#[test]
fn a_pattern_that_costs_too_much_is_given_up_and_says_so() {
    // Sets of numbers are compared one by one, over each of several connections.
    let set = |from: u32| (from..from + 9_990).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    let tests: Vec<String> =
        (1..5).map(|n| format!("network-traffic:dst_port IN ({})", set(n * 10_000))).collect();
    let text = format!("[{}]", tests.join(" OR "));
    let patterns = patterns(&[text.as_str(), "[ipv4-addr:value != '192.0.2.9']"]);
    let record = r#"{"timestamp":"2024-05-01T10:00:00.000000+0000","event_type":"alert","src_ip":"10.0.0.1","dest_ip":"192.0.2.1","dest_port":443,"http":{"hostname":"a.example","url":"/"},"tls":{"sni":"b.example"}}"#;
    let mut windows = Windows::new();
    for _ in 0..20 {
        assert_eq!(fired(&patterns, &mut windows, Format::EveJson, record), [2], "the others go on");
    }
    assert_eq!(states(&patterns, &windows)[&1], PatternState::TooCostly(16));
    windows.keep(&patterns);
    assert_eq!(states(&patterns, &windows)[&1], PatternState::Active, "it may try again");
}

/// Events of every kind, from the shared data: name of the file, format and records.
fn recorded() -> Vec<(Format, Vec<String>)> {
    let files = testkit::corpus("data/zeek", "log").into_iter().chain(testkit::corpus("data/evtx", "json"));
    files
        .filter_map(|path| {
            let text = std::fs::read_to_string(path).ok()?;
            let found = detect(text.as_bytes(), "").ok()?;
            let mut records = Vec::new();
            let mut framer = logs::Framer::new(found.framing, logs::MAX_RECORD);
            let mut each = |frame: logs::Frame<'_>| {
                if let logs::Frame::Whole { bytes, .. } = frame {
                    records.push(String::from_utf8_lossy(bytes).into_owned());
                }
            };
            framer.push(text.as_bytes(), &mut each);
            framer.finish(&mut each);
            Some((found.format, records.into_iter().step_by(9).collect()))
        })
        .collect()
}

#[test]
fn the_index_and_the_patterns_agree_on_real_events() {
    let recorded = recorded();
    if recorded.is_empty() {
        return;
    }
    // A pattern for each value that the events name.
    let mut texts = BTreeSet::new();
    let mut each = |event: &logs::Event<'_>| {
        event.observables(&mut |sighted| {
            if let Some(observable) = normalise(sighted.kind, sighted.text) {
                texts.insert(pattern(&Term { observable, qualifier: Qualifier::None }));
            }
        });
    };
    for (format, records) in &recorded {
        let mut reader = Reader::new(*format, Settings::default());
        for record in records {
            if let Ok(Some(event)) = reader.read(record.as_bytes(), now()) {
                each(&event);
            }
        }
    }
    let (mut entries, mut slow) = (Vec::new(), Vec::new());
    for (subject, text) in (0..).zip(&texts) {
        let Ok(Watched::Atoms(atoms)) = watched(text) else { continue };
        entries.extend(atoms.into_iter().map(|atom| Entry {
            atom,
            subject,
            from: Timestamp::MIN,
            until: None,
            confidence: None,
        }));
        slow.push((subject, parse(text, &Limits::default()).unwrap(), Timestamp::MIN, None));
    }
    println!("{} patterns", slow.len());
    assert!(slow.len() > 100);
    let (index, patterns) = (Index::default().with(&entries), Patterns::new(slow));
    let (mut scratch, mut windows) = (Scratch::default(), Windows::new());
    let mut hits = 0;
    for (format, records) in &recorded {
        let mut reader = Reader::new(*format, Settings::default());
        for record in records {
            let Ok(Some(event)) = reader.read(record.as_bytes(), now()) else { continue };
            let (mut fast, mut slow) = (BTreeSet::new(), BTreeSet::new());
            index.look(&event, now(), &mut scratch, &mut |hit| {
                fast.insert(hit.subject);
            });
            patterns.run(&mut windows, &event, now(), &mut |subject| {
                slow.insert(subject);
            });
            hits += fast.len();
            let differ: Vec<&String> = fast
                .symmetric_difference(&slow)
                .filter_map(|n| texts.iter().nth(usize::try_from(*n).ok()?))
                .collect();
            assert!(differ.is_empty(), "{differ:#?}\n{record}");
        }
    }
    assert!(hits > 300, "{hits}");
}
