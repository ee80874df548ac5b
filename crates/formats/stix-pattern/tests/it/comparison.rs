//! Comparisons over one observation.

use crate::{first_match, observations};

/// Whether each pattern matches one observation of these objects (a JSON object, as in STIX 2.0).
#[track_caller]
fn check(objects: &str, yes: &[&str], no: &[&str]) {
    let observations = observations(&format!(r#"[{{"type":"observed-data","objects":{objects}}}]"#));
    for (patterns, expect) in [(yes, true), (no, false)] {
        for pattern in patterns {
            assert_eq!(first_match(&format!("[{pattern}]"), &observations).is_some(), expect, "{pattern}");
        }
    }
}

const VALUES: &str = r#"{"0":{"type":"x","int":5,"float":12.25,"whole":12.0,"big":9007199254740993,"yes":true,
    "text":"hello","empty":"","none":null,"ip":"198.51.100.7","net":"198.51.100.0/24","ip6":"2001:db8::1",
    "when":"2020-01-01T00:00:00.5Z","list":[1,"two",[3,{"four":4}]],"map":{"k":"v","a.b":1,"SHA-1":"f"}}}"#;

#[test]
fn numbers() {
    check(
        VALUES,
        &[
            "x:int = 5",
            "x:int = 5.0",
            "x:int != 6",
            "x:int > 4",
            "x:int > 4.999",
            "x:int >= 5",
            "x:int < 5.001",
            "x:int <= 5",
            "x:int NOT = 6",
            "x:int NOT > 5",
            "x:float = 12.25",
            "x:float > 12",
            "x:float < 13",
            "x:whole = 12",
            "x:whole IN (11, 12)",
            "x:int IN (4.5, 5)",
            "x:int NOT IN (4, 6)",
            "x:big > 9007199254740992.0",
            "x:big = 9007199254740993",
            "x:big != 9007199254740992.0",
        ],
        &[
            "x:int != 5",
            "x:int = 5.5",
            "x:int > 5",
            "x:int < 5",
            "x:float = 12",
            "x:float > 12.25",
            "x:int IN (1, 2)",
            "x:int NOT IN (5)",
            "x:whole NOT IN (12)",
            "x:int IN ()",
        ],
    );
}

#[test]
fn other_types_are_unequal_and_unordered() {
    check(
        VALUES,
        &[
            "x:int != '5'",
            "x:int != true",
            "x:int != h'05'",
            "x:int != t'2020-01-01T00:00:00Z'",
            "x:text != 1",
            "x:yes != 1",
            "x:yes != 'true'",
            "x:none != 'x'",
            "x:none != 1",
            "x:none NOT = 1",
            "x:list != 1",
            "x:map != 'v'",
            "x:int NOT LIKE '5'",
            "x:int NOT MATCHES '5'",
            "x:int NOT IN ('5')",
            "x:int NOT > 'a'",
            "x:text NOT ISSUBSET '0.0.0.0/0'",
            "x:int NOT ISSUBSET '0.0.0.0/0'",
            "x:when != t'2020-01-01T00:00:00Z'",
            "x:text != t'2020-01-01T00:00:00Z'",
        ],
        &[
            "x:int = '5'",
            "x:int > '4'",
            "x:int < '6'",
            "x:int = true",
            "x:int LIKE '5'",
            "x:int MATCHES '5'",
            "x:int IN ('5')",
            "x:yes = 1",
            "x:text = 1",
            "x:none = 'x'",
            "x:none > 'x'",
            "x:none IN ('x')",
            "x:none LIKE '%'",
            "x:none MATCHES ''",
            "x:list = 1",
            "x:list[*] = 9",
            "x:float NOT != 'world'",
            "x:text = t'2020-01-01T00:00:00Z'",
            "x:text > t'2020-01-01T00:00:00Z'",
            "x:int > t'2020-01-01T00:00:00Z'",
        ],
    );
}

#[test]
fn strings_compare_by_code_point_without_normalisation() {
    check(
        "{\"0\":{\"type\":\"x\",\"text\":\"hello\",\"composed\":\"\u{f2}\",\"combining\":\"o\u{300}\",\"emoji\":\"\u{1f6e1}\"}}",
        &[
            "x:text = 'hello'",
            "x:text > 'hell'",
            "x:text < 'hello '",
            "x:text >= 'hello'",
            "x:text <= 'z'",
            "x:text IN ('a', 'hello')",
            "x:text NOT IN ('a')",
            "x:combining = 'o\u{300}'",
            "x:combining > 'oz'",
            "x:combining < 'z'",
            "x:composed > 'z'",
            "x:composed != 'o\u{300}'",
            "x:emoji > '\u{ffff}'",
        ],
        &[
            "x:text = 'Hello'",
            "x:text > 'hello'",
            "x:text != 'hello'",
            "x:composed = 'o\u{300}'",
            "x:text NOT IN ('hello')",
        ],
    );
}

#[test]
fn like_is_nfc_and_spans_lines() {
    check(
        "{\"0\":{\"type\":\"x\",\"text\":\"hello\",\"lines\":\"a\\nb\",\"combining\":\"o\u{300}x\",\"odd\":\"100%_\",\"empty\":\"\"}}",
        &[
            "x:text LIKE 'hello'",
            "x:text LIKE 'he%'",
            "x:text LIKE '%lo'",
            "x:text LIKE 'he__o'",
            "x:text LIKE '%'",
            "x:text LIKE '%e%l%'",
            "x:text LIKE '%%l_'",
            "x:lines LIKE 'a_b'",
            "x:lines LIKE 'a%b'",
            "x:combining LIKE '\u{f2}_'",
            "x:combining LIKE 'o\u{300}x'",
            "x:odd LIKE '100__'",
            "x:empty LIKE ''",
            "x:empty LIKE '%'",
            "x:text NOT LIKE 'x%'",
            "x:text LIKE '%l%o'",
        ],
        &[
            "x:text LIKE 'ell'",
            "x:text LIKE 'h_'",
            "x:text LIKE 'hello_'",
            "x:text LIKE ''",
            "x:text LIKE 'h.*'",
            "x:text LIKE 'HE%'",
            "x:empty LIKE '_'",
            "x:text NOT LIKE 'he%'",
            "x:combining LIKE '_'",
        ],
    );
}

#[test]
fn matches_searches_with_dotall_and_nfc() {
    check(
        "{\"0\":{\"type\":\"x\",\"text\":\"hello\",\"lines\":\"a\\nb\",\"combining\":\"o\u{300}\",\"path\":\"C:\\\\Windows\\\\x\"}}",
        &[
            "x:text MATCHES 'l+'",
            "x:text MATCHES '^h.*o$'",
            "x:text MATCHES ''",
            "x:lines MATCHES 'a.b'",
            "x:combining MATCHES '^\u{f2}$'",
            "x:combining MATCHES '^.$'",
            r"x:path MATCHES '^C:\\\\Windows\\\\\\w$'",
            "x:text NOT MATCHES 'x'",
            "x:text MATCHES '(?i)HELLO'",
            r"x:text MATCHES '\\bhello\\b'",
        ],
        &["x:text MATCHES '^l'", "x:text MATCHES 'L'", "x:text NOT MATCHES 'l'", "x:lines MATCHES '^b'"],
    );
}

#[test]
fn binary_properties_compare_as_octets() {
    check(
        "{\"0\":{\"type\":\"x\",\"name\":\"alice\",\"wide\":\"\u{103}lice\",\"name_hex\":\"616c696365\",\"name_bin\":\"YWxpY2U=\",
          \"raw_hex\":\"01FF0a\",\"bad_hex\":\"0\",\"some_hex\":[\"00\",\"ff\"]}}",
        &[
            "x:name = h'616c696365'", "x:name = b'YWxpY2U='", "x:name_bin = h'616C696365'", "x:name_bin = 'alice'",
            "x:name_hex = b'YWxpY2U='", "x:name_hex = 'alice'", "x:name_hex > 'aardvark'", "x:name > h'616172'",
            "x:raw_hex = h'01ff0a'", "x:raw_hex = '\u{1}\u{ff}\n'", "x:raw_hex > h'01ff'", "x:raw_hex < h'02'",
            "x:raw_hex MATCHES '\\\\xff.$'", "x:raw_hex MATCHES '\u{ff}'", "x:name_bin MATCHES '^al[i\\\\x00]ce$'",
            "x:name_bin LIKE 'al%'", "x:raw_hex LIKE '_\u{ff}%'", "x:name_hex != '\u{103}lice'", "x:wide != h'616c'",
            "x:bad_hex = '0'", "x:some_hex[*] = h'ff'", "x:name_bin NOT MATCHES '\u{103}'",
            "x:name_hex IN ('bob', 'alice')", "x:name IN (h'00', h'616c696365')",
        ],
        &[
            "x:name_bin = 'YWxpY2U='", "x:name_hex = '616c696365'", "x:name_hex = '\u{103}lice'",
            "x:name_hex > '\u{103}lice'", "x:name_hex < '\u{103}lice'", "x:wide = h'616c'", "x:wide > h'00'",
            "x:wide < h'ff'", "x:raw_hex MATCHES '\u{103}'", "x:raw_hex > h'01ff0a00'", "x:bad_hex = h'00'",
        ],
    );
}

#[test]
fn booleans_and_timestamps() {
    check(
        VALUES,
        &[
            "x:yes = true",
            "x:yes != false",
            "x:yes IN (false, true)",
            "x:when = t'2020-01-01T00:00:00.500Z'",
            "x:when > t'2020-01-01T00:00:00Z'",
            "x:when < t'2020-01-01T00:00:01Z'",
            "x:when IN (t'2020-01-01T00:00:00.5Z')",
            "x:when = '2020-01-01T00:00:00.5Z'",
        ],
        &[
            "x:yes = false",
            "x:yes NOT = true",
            "x:when = '2020-01-01T00:00:00.500Z'",
            "x:when >= t'2020-01-01T00:00:01Z'",
        ],
    );
}

#[test]
fn address_ranges() {
    check(
        VALUES,
        &[
            "x:ip ISSUBSET '198.51.100.0/24'",
            "x:ip ISSUBSET '198.51.100.99/24'",
            "x:ip ISSUBSET '198.51.100.7'",
            "x:ip ISSUBSET '198.51.100.7/32'",
            "x:ip ISSUBSET '0.0.0.0/0'",
            "x:net ISSUBSET '198.51.0.0/16'",
            "x:net ISSUBSET '198.51.100.0/24'",
            "x:net ISSUPERSET '198.51.100.9'",
            "x:net ISSUPERSET '198.51.100.128/25'",
            "x:net ISSUPERSET '198.51.100.0/24'",
            "x:ip6 ISSUBSET '2001:0DB8::/32'",
            "x:ip6 ISSUBSET '::/0'",
            "x:ip6 NOT ISSUBSET '0.0.0.0/0'",
            "x:ip NOT ISSUBSET '203.0.113.0/24'",
            "x:text NOT ISSUPERSET '1.1.1.1'",
        ],
        &[
            "x:ip ISSUBSET '198.51.101.0/24'",
            "x:ip ISSUBSET '::/0'",
            "x:ip ISSUPERSET '198.51.100.0/24'",
            "x:net ISSUPERSET '198.51.0.0/16'",
            "x:net ISSUBSET '198.51.100.0/25'",
            "x:text ISSUBSET '0.0.0.0/0'",
            "x:int ISSUBSET '0.0.0.0/0'",
            "x:ip NOT ISSUBSET '198.51.100.0/24'",
        ],
    );
}

#[test]
fn paths() {
    check(
        VALUES,
        &[
            "x:list[0] = 1",
            "x:list[*] = 'two'",
            "x:list[2][0] = 3",
            "x:list[*][*].four = 4",
            "x:list[*] != 1",
            "x:map.k = 'v'",
            "x:map.'a.b' = 1",
            "x:map.'SHA-1' = 'f'",
            "x:'int' = 5",
            "x:type = 'x'",
            "EXISTS x:none",
            "EXISTS x:map",
            "EXISTS x:map.k",
            "EXISTS x:list[2]",
            "NOT EXISTS x:missing",
            "NOT EXISTS x:list[3]",
        ],
        // What is not there is false under every operator.
        &[
            "x:missing = 1",
            "x:missing != 1",
            "x:missing NOT = 1",
            "x:missing NOT IN (1)",
            "x:missing NOT LIKE 'a'",
            "x:list[3] != 1",
            "x:list[-1] != 1",
            "x:list[0].k != 1",
            "x:map[*] = 'v'",
            "x:map[0] = 'v'",
            "x:text[0] = 'h'",
            "x:map.k.z != 1",
            "EXISTS x:missing",
            "NOT EXISTS x:map.k",
            "EXISTS x:list[3]",
            "EXISTS y:int",
            "y:int != 6",
            "x:list[1] = 1",
        ],
    );
}

const FAMILY: &str = r#"{
    "0":{"type":"person","name":"alice","knows_ref":"1"},
    "1":{"type":"person","name":"bob","knows_refs":["0","2","9"]},
    "2":{"type":"person","name":"carol","knows_refs":["0","1","2"],"house_ref":"3"},
    "3":{"type":"house","colour":"red","owner_ref":"2","lost_ref":"nowhere"}}"#;

#[test]
fn references_are_followed_inside_the_observation() {
    check(
        FAMILY,
        &[
            "person:knows_ref.name = 'bob'",
            "person:knows_refs[*].name = 'carol'",
            "person:knows_refs[1].name = 'carol'",
            "person:knows_refs[*].knows_refs[*].name = 'alice'",
            "house:owner_ref.house_ref.colour = 'red'",
            "person:knows_ref.type = 'person'",
            "person:knows_ref = '1'",
            "EXISTS house:lost_ref",
        ],
        &[
            "person:knows_ref.name = 'erin'",
            "person:knows_refs[2].name != 'x' AND person:name = 'bob'",
            "house:lost_ref.name != 'x'",
            "EXISTS house:lost_ref.name",
            "person:name.type = 'person'",
        ],
    );
}

#[test]
fn one_object_satisfies_the_whole_expression() {
    check(
        FAMILY,
        &[
            "person:name = 'alice' AND person:knows_ref.name = 'bob'",
            "person:name = 'carol' AND person:knows_refs[*].name = 'alice' AND person:knows_refs[*].name = 'bob'",
            "person:name = 'nobody' OR house:colour = 'red'",
            "person:name = 'nobody' AND person:name = 'alice' OR person:name = 'bob'",
            "(person:name = 'alice' OR house:colour = 'red') AND (person:name = 'bob' OR house:colour != 'blue')",
        ],
        &[
            "person:name = 'alice' AND person:knows_refs[*].name = 'carol'",
            "person:name = 'alice' AND person:name = 'bob'",
            "(person:name = 'nobody' OR person:name = 'alice') AND person:name = 'bob'",
            "(person:name = 'alice' OR house:colour = 'blue') AND (person:name = 'bob' OR house:colour = 'red')",
        ],
    );
}

#[test]
fn the_example_of_two_half_connections() {
    let halves = r#"{"0":{"type":"network-traffic","src_ref":"1"},"1":{"type":"ipv4-addr","value":"203.0.113.10"},
        "2":{"type":"network-traffic","dst_ref":"3"},"3":{"type":"ipv4-addr","value":"198.51.100.58"}}"#;
    let both =
        "network-traffic:src_ref.value = '203.0.113.10' AND network-traffic:dst_ref.value = '198.51.100.58'";
    check(halves, &["network-traffic:src_ref.value = '203.0.113.10'"], &[both]);
    check(&halves.replace(r#""src_ref":"1""#, r#""src_ref":"1","dst_ref":"3""#), &[both], &[]);
}

#[test]
fn the_example_of_native_format() {
    check(
        r#"{"0":{"type":"artifact","mime_type":"application/octet-stream","payload_bin":"dGhpcyBpcyBhIHRlc3Q="}}"#,
        &[
            "artifact:payload_bin = 'this is a test'",
            "artifact:payload_bin = b'dGhpcyBpcyBhIHRlc3Q='",
            "artifact:payload_bin = h'7468697320697320612074657374'",
        ],
        &["artifact:payload_bin = 'dGhpcyBpcyBhIHRlc3Q='"],
    );
}
