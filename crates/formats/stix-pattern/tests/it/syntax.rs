//! What is a pattern, what is not, and where it says so.

use crate::{errors, valid};

/// The patterns printed in STIX 2.1 §9, constants shortened to valid ones where the text has an ellipsis.
const STANDARD: &[&str] = &[
    "[ipv4-addr:value = '198.51.100.1/32']",
    "[ipv4-addr:value = '198.51.100.1/32' OR ipv4-addr:value = '203.0.113.33/32' OR ipv6-addr:value = '2001:0db8:dead:beef:dead:beef:dead:0001/128']",
    "[ipv4-addr:value = '198.51.100.1/32' OR ipv4-addr:value = '203.0.113.33/32' OR ipv6-addr:value = '2001:0db8:dead:beef:dead:beef:dead:0001/128'] REPEATS 5 TIMES",
    "([ipv4-addr:value = '198.51.100.1/32' OR ipv4-addr:value = '203.0.113.33/32' OR ipv6-addr:value = '2001:0db8:dead:beef:dead:beef:dead:0001/128'] FOLLOWEDBY [domain-name:value = 'example.com']) WITHIN 600 SECONDS",
    "([ipv4-addr:value = '198.51.100.5'] FOLLOWEDBY [ipv4-addr:value = '198.51.100.10'])",
    "([ipv4-addr:value = '198.51.100.5' ] AND [ipv4-addr:value = '198.51.100.10']) WITHIN 300 SECONDS",
    "[file:name = 'foo.dll'] START t'2016-06-01T00:00:00Z' STOP t'2016-07-01T00:00:00Z'",
    "[user-account:value = 'Peter' OR user-account:value = 'Mary']",
    "[ network-traffic:src_ref.value = '203.0.113.10' AND network-traffic:dst_ref.value = '198.51.100.58' ]",
    "[(type-a:'property-j' = 'W' AND type-a:'property-k' = 'X') OR (type-b:'property-m' = 'Y' AND type-b:'property-n' = 'Z')]",
    "[type-a:'property-j' = 'W' AND type-a:'property-k' = 'X' OR type-a:'property-l' = 'Z']",
    "([a:x = 'b'] AND [b:x = 'b'] REPEATS 5 TIMES) WITHIN 300 SECONDS",
    "([a:x = 'b'] AND [b:x = 'b']) REPEATS 5 TIMES WITHIN 300 SECONDS",
    "[ b:a = 'b' ] FOLLOWEDBY [ c:c = 'd' ] REPEATS 5 TIMES",
    "([ b:a = 'b' ] FOLLOWEDBY [ c:c = 'd' ]) REPEATS 5 TIMES",
    "[file:size != 4112]",
    "[file:size > 256]",
    "[file:size < 1024]",
    "[file:size <= 25145]",
    "[file:size >= 33312]",
    "[process:name IN ('proccy', 'proximus', 'badproc')]",
    r"[directory:path LIKE 'C:\\Windows\\%\\foo']",
    r"[directory:path MATCHES '^C:\\\\Windows\\w+$']",
    "[ipv4-addr:value ISSUBSET '198.51.100.0/24']",
    "[ipv4-addr:value ISSUPERSET '198.51.100.0/24']",
    "[EXISTS windows-registry-key:values]",
    "[NOT EXISTS windows-registry-key:values]",
    "[artifact:payload_bin = 'this is a test']",
    "[artifact:payload_bin = b'dGhpcyBpcyBhIHRlc3Q=']",
    "[artifact:payload_bin = h'7468697320697320612074657374']",
    "[network-traffic:protocols[0] = 'tcp']",
    "[file:hashes.ssdeep = '3:abc']",
    "[file:extensions.'raster-image-ext'.image_height > 10]",
    "[directory:contains_refs[*].name = 'x']",
    "[file:hashes.'SHA-256' = 'aec070645fe53ee3b3763059376134f058cc337247c978add178b6ccdfb0019f']",
    r"[email-message:from_ref.value MATCHES '.+\\@example\\.com$' AND email-message:body_multipart[*].body_raw_ref.name MATCHES '^Final Report.+\\.exe$']",
    "[file:hashes.'SHA-256' = 'aec070645fe53ee3b3763059376134f058cc337247c978add178b6ccdfb0019f' AND file:mime_type = 'application/x-pdf']",
    "[file:hashes.'SHA-256' = 'bf07a7fbb825fc0aae7bf4a1177b2b31fcf8a3feeaf7092761e18c859ee52a9c' OR file:hashes.MD5 = 'cead3f77f6cda6ec00f57d76c9a6879f']\nAND [file:hashes.'SHA-256' = 'aec070645fe53ee3b3763059376134f058cc337247c978add178b6ccdfb0019f']",
    r"([file:hashes.MD5 = '79054025255fb1a26e4bc422aef54eb4'] FOLLOWEDBY [windows-registry-key:key = 'HKEY_LOCAL_MACHINE\\foo\\bar']) WITHIN 300 SECONDS",
    "[user-account:account_type = 'unix' AND user-account:user_id = '1007' AND user-account:account_login = 'Peter'] AND [user-account:account_type = 'unix' AND user-account:user_id = '1008' AND user-account:account_login = 'Paul'] AND [user-account:account_type = 'unix' AND user-account:user_id = '1009' AND user-account:account_login = 'Mary']",
    r"[artifact:mime_type = 'application/vnd.tcpdump.pcap' AND artifact:payload_bin MATCHES '\\xd4\\xc3\\xb2\\xa1\\x02\\x00\\x04\\x00']",
    r"[file:name = 'foo.dll' AND file:parent_directory_ref.path = 'C:\\Windows\\System32']",
    "[file:extensions.'windows-pebinary-ext'.sections[*].entropy > 7.0]",
    "[file:mime_type = 'image/bmp' AND file:magic_number_hex = h'ffd8']",
    "[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = '203.0.113.33/32']",
    "[network-traffic:dst_ref.type = 'domain-name' AND network-traffic:dst_ref.value = 'example.com'] REPEATS 5 TIMES WITHIN 1800 SECONDS",
    "[domain-name:value = 'www.5z8.info' AND domain-name:resolves_to_refs[*].value = '198.51.100.1/32']",
    "[url:value = 'http://example.com/foo' OR url:value = 'http://example.com/bar']",
    "[x509-certificate:issuer = 'CN=WEBMAIL' AND x509-certificate:serial_number = '4c:0b:1d:19:74:86:a7:66:b4:1a:bf:40:27:21:76:28']",
    r"[windows-registry-key:key = 'HKEY_CURRENT_USER\\Software\\CryptoLocker\\Files' OR windows-registry-key:key = 'HKEY_CURRENT_USER\\Software\\Microsoft\\CurrentVersion\\Run\\CryptoLocker_0388']",
    "[(file:name = 'pdf.exe' OR file:size = 371712) AND file:created = t'2014-01-13T07:03:17Z']",
    "[email-message:sender_ref.value = 'jdoe@example.com' AND email-message:subject = 'Conference Info']",
    "[x-usb-device:usbdrive.serial_number = '575833314133343231313937']",
    "[process:command_line MATCHES '^.+>-add GlobalSign.cer -c -s -r localMachine Root$'] FOLLOWEDBY [process:command_line MATCHES'^.+>-add GlobalSign.cer -c -s -r localMachineTrustedPublisher$'] WITHIN 300 SECONDS",
    "[network-traffic:dst_ref.value ISSUBSET '2001:0db8:dead:beef:0000:0000:0000:0000/64']",
    r"([file:name = 'foo.dll'] AND [windows-registry-key:key = 'HKEY_LOCAL_MACHINE\\foo\\bar']) OR [process:image_ref.name = 'fooproc' OR process:image_ref.name = 'procfoo']",
];

/// Corners of the grammar.
const CORNERS: &[&str] = &[
    "[a:b=1]",
    "[a:b==1]",
    "[a:b<>1]",
    "\u{2003}[\u{a0}a\n:\tb\r\n=\u{3000}1 ] ",
    "/* before */ [a:b = 1 // to the end\n ] // after",
    "[a:b = 1/**/OR/* [ ' */a:b = 2]",
    "[a:b = -0] OR [a:b = +5] OR [a:b = -.5] OR [a:b = 00.50] OR [a:b = .5]",
    "[a:b = -9223372036854775808 OR a:b = 9223372036854775807]",
    "[a:b = true AND a:b != false]",
    "[a:b IN ()]",
    "[a:b NOT IN (1, 2.5, -3)]",
    "[a:b NOT = 1 AND a:b NOT != 2 AND a:b NOT < 3 AND a:b NOT LIKE '%' AND a:b NOT MATCHES '.' AND a:b NOT ISSUBSET '::/0' AND a:b NOT ISSUPERSET '0.0.0.0']",
    "[_a-b-:_b = '']",
    r"[a:b = 'it\'s a \\ backslash']",
    "[a:b = 'line\nbreak and \u{1f6e1}']",
    "[a:'with-hyphen'.'with.dot'.'' = 1]",
    "[a:'START' = 1]",
    "[a:b[0][*][-1].c = 1]",
    "[a:h = h'' AND a:b = h'AbCd' AND a:t = t'2016-12-31T23:59:60.123456789Z']",
    "[a:b = b'YQ==' OR a:b = b'YWI=' OR a:b = b'YW\nJj']",
    "[t:b = 1 OR h:t = 1 OR b:h = 1]",
    "(([((a:b = 1))]))",
    "[a:b = 1] WITHIN 0.5 SECONDS REPEATS 2 TIMES START t'2016-01-01T00:00:00Z' STOP t'2017-01-01T00:00:00Z'",
    "([a:b = 1] WITHIN 5 SECONDS) WITHIN 6 SECONDS",
    "([a:b = 1]) WITHIN 5 SECONDS WITHIN 6 SECONDS",
    "[a:b = 1] AND [a:b = 2] OR [a:b = 3] FOLLOWEDBY [a:b = 4] OR [a:b = 5] AND [a:b = 6]",
    "[a:x = 1 AND (a:x = 2 OR b:x = 3)]",
    "[(a:x = 1 OR b:x = 2) AND (a:x = 2 OR b:x = 1)]",
    "[file:hashes.'SHA-256' LIKE 'f00%']",
    "[file:hashes[*] = '8665c8d477534008b3058b72e2dae8ae']",
];

#[test]
fn patterns_round_trip_through_print() {
    for text in STANDARD.iter().chain(CORNERS) {
        let pattern = valid(text);
        let printed = pattern.to_string();
        assert_eq!(valid(&printed), pattern, "{text}\n{printed}");
        assert_eq!(valid(&printed).to_string(), printed);
    }
}

#[test]
fn printing_keeps_parentheses_that_matter_and_drops_the_rest() {
    let check = |text: &str, expect: &str| assert_eq!(valid(text).to_string(), expect);
    check("[((a:b==1))]", "[a:b = 1]");
    check("([a:b=1]AND[a:b=2])AND[a:b=3]", "([a:b = 1] AND [a:b = 2]) AND [a:b = 3]");
    check("([a:b=1]AND[a:b=2])OR[a:b=3]", "[a:b = 1] AND [a:b = 2] OR [a:b = 3]");
    check("[a:b=1]AND([a:b=2]OR[a:b=3])", "[a:b = 1] AND ([a:b = 2] OR [a:b = 3])");
    check("[(a:b=1 OR a:b=2) AND a:b=3]", "[(a:b = 1 OR a:b = 2) AND a:b = 3]");
    check("([a:b=1]REPEATS 2 TIMES)WITHIN 1.50 SECONDS", "[a:b = 1] REPEATS 2 TIMES WITHIN 1.500000 SECONDS");
    check(
        "((([a:b=1]WITHIN 3 SECONDS)WITHIN 2 SECONDS)REPEATS 2 TIMES)WITHIN 1 SECONDS",
        "([a:b = 1] WITHIN 3 SECONDS) WITHIN 2 SECONDS REPEATS 2 TIMES WITHIN 1 SECONDS",
    );
    check("([a:b=1]WITHIN 2 SECONDS)WITHIN 1 SECONDS", "([a:b = 1] WITHIN 2 SECONDS) WITHIN 1 SECONDS");
    check(
        "[a:'b'.'c-d'=h'0A' OR a:b=b'AA==' OR a:b=7.0]",
        "[a:b.'c-d' = h'0a' OR a:b = b'AA==' OR a:b = 7.0]",
    );
    check("[a:b NOT IN(t'2016-01-01T00:00:00.1Z')]", "[a:b NOT IN (t'2016-01-01T00:00:00.100Z')]");
}

/// Each error as `start..end message`.
#[track_caller]
fn refused(text: &str, expect: &[&str]) {
    let found: Vec<_> =
        errors(text).iter().map(|e| format!("{}..{} {}", e.start, e.end, e.message)).collect();
    assert_eq!(found, expect, "{text}");
}

#[test]
fn syntax_errors_say_what_is_missing() {
    refused("", &["0..0 expected `[` or `(`, found the end of the pattern"]);
    refused("file:size = 1280", &["0..4 expected `[` or `(`, found `file`"]);
    refused("[file:size = ]", &["13..14 expected a constant, found `]`"]);
    refused("[file:size = 1", &["14..14 expected `AND`, `OR` or `]`, found the end of the pattern"]);
    refused("[file.size = 1]", &["5..6 expected `:` and a property after the object type, found `.`"]);
    refused(
        "[file:size = 1]]",
        &["15..16 expected `AND`, `OR`, `FOLLOWEDBY`, a qualifier or the end of the pattern, found `]`"],
    );
    refused("[file:x =? 1]", &["9..10 `?` cannot stand in a pattern"]);
    refused(
        "[file:name = foo]",
        &["13..16 expected a constant (a string stands between apostrophes), found `foo`"],
    );
    refused(
        "[some-type:needs-quotes = 1]",
        &[
            "11..23 expected a property name (one with a hyphen, or a keyword, stands between apostrophes), found `needs-quotes`",
        ],
    );
    refused(
        "[a:b = 1] within 2 seconds",
        &[
            "10..16 expected `AND`, `OR`, `FOLLOWEDBY`, a qualifier or the end of the pattern, found `within`: the keyword is `WITHIN`",
        ],
    );
    refused(
        "[a:b = 1 and a:b = 2]",
        &["9..12 expected `AND`, `OR` or `]`, found `and`: the keyword is `AND`"],
    );
    refused("[a:b = 1] WITHIN 5 HOURS", &["19..24 expected `SECONDS`, found `HOURS`"]);
    refused(
        "[a:b = 1] START '2016-01-01T00:00:00Z' STOP '2017-01-01T00:00:00Z'",
        &[
            "16..38 expected a timestamp constant `t'...'` (the plain string is STIX 2.0), found `'2016-01-01T00:00:00Z'`",
        ],
    );
    refused("[a:b IN (1, 2]", &["13..14 expected `,` or `)`, found `]`"]);
    refused("[a:b IN (1,)]", &["11..12 expected a constant, found `)`"]);
    refused("[NOT a:b = 1]", &["5..6 expected `EXISTS` after a leading `NOT`, found `a`"]);
    refused(
        "[a:b = null]",
        &["7..11 expected a constant (a string stands between apostrophes), found `null`"],
    );
    refused("[]", &["1..2 expected an object path such as `file:name`, found `]`"]);
    refused("()", &["1..2 expected `[` or `(`, found `)`"]);
    refused("[a:b[x] = 1]", &["5..6 expected an index or `*`, found `x`"]);
    refused(
        "[file:name MATCHES /x/]",
        &["19..20 `/` cannot stand in a pattern", "21..22 `/` cannot stand in a pattern"],
    );
}

#[test]
fn bad_constants_are_all_reported() {
    refused("[a:b = 'open]", &["7..13 this string is never closed with `'`"]);
    refused("[a:b = 'open\\'", &["7..14 this string is never closed with `'`"]);
    refused("[a:b = h'00", &["7..11 this constant is never closed with `'`"]);
    refused("[a:b = 1] /* open", &["10..17 this comment is never closed with `*/`"]);
    refused(
        r"[a:b = '\d' OR a:b = '\w']",
        &[
            r"8..9 a backslash in a string escapes only `'` or `\`; write `\\` for a backslash",
            r"22..23 a backslash in a string escapes only `'` or `\`; write `\\` for a backslash",
        ],
    );
    refused(
        "[a:b = h'0' OR a:b = h'0g' OR a:b = b'====' OR a:b = b'' OR a:b = b'A']",
        &[
            "7..11 a hex constant is an even number of hexadecimal digits",
            "21..26 a hex constant is an even number of hexadecimal digits",
            "36..43 a binary constant is base64 with its padding",
            "53..56 a binary constant is base64 with its padding",
            "66..70 a binary constant is base64 with its padding",
        ],
    );
    refused(
        "[a:b = t'2457-73-22T32:81:84.1Z' OR a:b = t'2023-02-29T00:00:00Z' OR a:b = t'2010-05-21t13:21:43Z']",
        &[
            "7..32 `2457-73-22T32:81:84.1Z` is not a timestamp such as `2016-06-01T00:00:00Z`",
            "42..65 `2023-02-29T00:00:00Z` is not a timestamp such as `2016-06-01T00:00:00Z`",
            "75..98 `2010-05-21t13:21:43Z` is not a timestamp such as `2016-06-01T00:00:00Z`",
        ],
    );
    refused(
        "[a:b = 007 OR a:b = 9223372036854775808 OR a:b = -]",
        &[
            "7..10 an integer has no leading zeros",
            "20..39 this integer is out of range",
            "49..50 `-` cannot stand in a pattern",
        ],
    );
    refused(&format!("[a:b = {}.0]", "9".repeat(400)), &["7..409 this number is out of range"]);
}

#[test]
fn operands_must_fit() {
    refused("[a:b > true]", &["7..11 a boolean has no order; compare it with `=` or `!=`"]);
    refused("[a:b LIKE 1]", &["10..11 expected a string constant, found `1`"]);
    refused("[a:b IN ('x', 1)]", &["1..16 the members of a set have one type; found string and integer"]);
    refused(
        "[a:b IN (1, 2.5, true)]",
        &["1..22 the members of a set have one type; found integer and boolean"],
    );
    refused(
        "[a:b ISSUBSET '10.0.0.0/33' OR a:b ISSUPERSET 'host']",
        &[
            "1..27 `10.0.0.0/33` is not an IPv4 or IPv6 address or CIDR range",
            "31..52 `host` is not an IPv4 or IPv6 address or CIDR range",
        ],
    );
    refused(
        "[a:b MATCHES '(' OR a:b MATCHES '(?=x)' OR a:b MATCHES '(a)\\\\1']",
        &[
            "1..16 not a regular expression this engine runs: unclosed group",
            "20..39 not a regular expression this engine runs: look-around, including look-ahead and look-behind, is not supported",
            "43..63 not a regular expression this engine runs: backreferences are not supported",
        ],
    );
    refused(
        "[file:hashes.'SHA-256' = 'f00' OR file:hashes.MD5 IN ('x')]",
        &[
            "1..30 `f00` is not a SHA-256 value: 64 hexadecimal digits",
            "34..58 `x` is not a MD5 value: 32 hexadecimal digits",
        ],
    );
    refused(
        "[file:name = 'foo' AND domain-name:value = 'example.com']",
        &[
            "1..56 no object type satisfies both sides of this `AND`; use `[...] AND [...]` for two observations",
        ],
    );
    refused(
        "[a:x = 1 AND (b:x = 2 OR c:x = 3)]",
        &[
            "1..32 no object type satisfies both sides of this `AND`; use `[...] AND [...]` for two observations",
        ],
    );
}

#[test]
fn qualifiers_must_make_sense() {
    refused("[a:b = 1] WITHIN 0 SECONDS", &["17..18 `WITHIN` takes a number of seconds above 0"]);
    refused("[a:b = 1] WITHIN -5.5 SECONDS", &["17..21 `WITHIN` takes a number of seconds above 0"]);
    refused("[a:b = 1] REPEATS 0 TIMES", &["18..19 `REPEATS` takes a number of times of at least 1"]);
    refused("[a:b = 1] REPEATS -1 TIMES", &["18..20 `REPEATS` takes a number of times of at least 1"]);
    refused("[a:b = 1] REPEATS 1.0 TIMES", &["18..21 expected how many times, as an integer, found `1.0`"]);
    refused(
        "[a:b = 1] WITHIN 5 SECONDS WITHIN 6 SECONDS",
        &[
            "27..43 a second `WITHIN` on the same observation expression; put the first into parentheses if both are meant",
        ],
    );
}

#[test]
fn an_error_in_one_observation_does_not_hide_the_next() {
    refused(
        "[a:b = ] AND [a:c[0] ~ 1] OR [d:e = 1] REPEATS 0 TIMES",
        &[
            "7..8 expected a constant, found `]`",
            "21..22 `~` cannot stand in a pattern",
            "47..48 `REPEATS` takes a number of times of at least 1",
        ],
    );
}

#[test]
fn valid_but_odd_is_a_warning() {
    let check = |text: &str, expect: &[&str]| {
        let pattern = valid(text);
        let found: Vec<_> = pattern.warnings().iter().map(|w| w.message.as_str()).collect();
        assert_eq!(found, expect, "{text}");
    };
    check("[a:b = 1]", &[]);
    check(
        "[a:b = +1 OR a:b = 9007199254740992 OR a:b[-1] = 2]",
        &[
            "a positive number is written without `+`",
            "beyond 2^53 - 1, the greatest integer STIX knows",
            "a negative index never finds anything",
        ],
    );
    check(
        "[a:b = 1] START t'2017-01-01T00:00:00Z' STOP t'2017-01-01T00:00:00Z'",
        &["`STOP` is not later than `START`, so this never matches"],
    );
    check(
        "([a:b = 1]) WITHIN 5 SECONDS WITHIN 6 SECONDS",
        &[
            "a second `WITHIN` on the same observation expression; put the first into parentheses if both are meant",
        ],
    );
}
