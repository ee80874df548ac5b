//! What is left out, and that it is said.

use model::Timestamp;
use observable::{Kind, Observable};
use shieldwall_controls::{
    BlockItem, BlockSet, Format, MAX_ITEMS, Options, RpzOptions, SuricataOptions, Why, export, plain, rpz,
    suricata,
};

use crate::{after, item, now, set};

#[test]
fn what_is_over_is_not_written_and_no_block_outlasts_its_item() {
    let over = item(Kind::Ipv4, "203.0.113.7", None, 0);
    let almost = BlockItem { until: now().plus_micros(999_999), ..item(Kind::Ipv4, "203.0.113.8", None, 0) };
    let just = BlockItem { until: now().plus_micros(1_999_999), ..item(Kind::Ipv4, "203.0.113.9", None, 0) };
    assert_eq!(just.seconds_left(now()), 1);
    for format in Format::ALL {
        let items = vec![over.clone(), almost.clone(), just.clone()];
        let export = export(format, &set(items), now(), &Options::default());
        assert_eq!(export.written, 1, "{format}");
        let why: Vec<_> = export.skipped.iter().map(|skipped| &skipped.why).collect();
        assert_eq!(why, [&Why::Over, &Why::Over], "{format}");
    }
    let distant = BlockItem { until: Timestamp::MAX, ..over };
    assert!(distant.seconds_left(Timestamp::MIN) > 0);
}

#[test]
fn an_empty_set_is_a_valid_text_in_every_format() {
    for format in Format::ALL {
        let export = export(format, &BlockSet::default(), now(), &Options::default());
        assert_eq!((export.written, export.skipped.len()), (0, 0), "{format}");
    }
    assert!(plain(&BlockSet::default(), now()).text.lines().all(|line| line.starts_with('#')));
}

#[test]
fn the_order_of_the_items_does_not_show() {
    let items = crate::mixed().items;
    for format in Format::ALL {
        let text = |items: Vec<BlockItem>| export(format, &set(items), now(), &Options::default()).text;
        let reversed: Vec<BlockItem> = items.iter().rev().cloned().collect();
        assert_eq!(text(items.clone()), text(reversed), "{format}");
    }
}

#[test]
fn keys_that_were_put_together_by_hand_are_refused() {
    let forged = [
        (Kind::Domain, "example.bad\n*. CNAME ."),
        (Kind::Domain, "example.BAD"),
        (Kind::Ipv4, "203.0.113.7"),
        (Kind::Ipv4, "cb0071071"),
        (Kind::Cidr4, "cb007107/24"),
        (Kind::Cidr4, "cb007100/99"),
        (Kind::Sha256, "\"; drop"),
        (Kind::Url, "http://bad.example/\n"),
        (Kind::Email, "a b@bad.example"),
        (Kind::UserAgent, " "),
    ];
    for (kind, key) in forged {
        let observable = Observable::from_stored(kind, key.to_owned());
        let forged = BlockItem { observable, port: None, until: after(60), reference: String::new() };
        for format in Format::ALL {
            let export = export(format, &set(vec![forged.clone()]), now(), &Options::default());
            assert_eq!(export.written, 0, "{format} {key:?}");
            assert_eq!(export.skipped[0].why, Why::NotCanonical, "{format} {key:?}");
        }
    }
}

#[test]
fn ports_belong_to_hosts() {
    for (kind, value) in [(Kind::Url, "http://bad.example/"), (Kind::Md5, "d41d8cd98f00b204e9800998ecf8427e")]
    {
        let export = plain(&set(vec![item(kind, value, Some(80), 60)]), now());
        assert_eq!((export.written, &export.skipped[0].why), (0, &Why::Port));
    }
    let zero = plain(&set(vec![item(Kind::Ipv4, "203.0.113.7", Some(0), 60)]), now());
    assert_eq!(zero.skipped[0].why, Why::Port);
    let six = plain(&set(vec![item(Kind::Ipv6, "2001:db8::1", Some(80), 60)]), now());
    assert!(six.text.ends_with("\n[2001:db8::1]:80\n"), "{}", six.text);
    let name = suricata(
        &set(vec![item(Kind::Domain, "bad.example", Some(8080), 60)]),
        now(),
        &SuricataOptions::default(),
    );
    assert!(
        name.text.contains("http any any -> any 8080 ") && !name.text.contains("dns.query"),
        "{}",
        name.text
    );
    let zone =
        rpz(&set(vec![item(Kind::Domain, "bad.example", Some(8080), 60)]), now(), &RpzOptions::default());
    assert_eq!(zone.skipped[0].why, Why::Port);
}

#[test]
fn an_item_has_all_of_its_rules_or_none() {
    let items = vec![item(Kind::Ipv4, "203.0.113.7", None, 60), item(Kind::Domain, "bad.example", None, 60)];
    let options = SuricataOptions { sids: 10..=12, ..SuricataOptions::default() };
    let export = suricata(&set(items.clone()), now(), &options);
    assert_eq!((export.written, &export.skipped[0].why), (1, &Why::NoNumberLeft));
    assert!(export.text.contains("sid:10;") && !export.text.contains("sid:11;"));
    let enough = SuricataOptions { sids: 10..=13, ..options };
    assert_eq!(suricata(&set(items), now(), &enough).written, 2);
}

#[test]
fn what_is_too_long_is_said_to_be() {
    let agent = "x".repeat(256);
    let export =
        suricata(&set(vec![item(Kind::UserAgent, &agent, None, 60)]), now(), &SuricataOptions::default());
    assert_eq!(export.skipped[0].why, Why::TooLong);
    let label = "a".repeat(60);
    let name = format!("{label}.{label}.{label}.{label}.bad");
    let export = rpz(&set(vec![item(Kind::Domain, &name, None, 60)]), now(), &RpzOptions::default());
    assert_eq!(export.skipped[0].why, Why::TooLong);
}

#[test]
fn the_zone_forgets_in_time_and_keeps_its_own_names() {
    let items = vec![
        item(Kind::Domain, "bad.example", None, 7),
        item(Kind::Domain, "32.1.2.3.4.rpz-ip", None, 60),
        item(Kind::Cidr6, "2001:db8:0:0:1::/80", None, 60),
        item(Kind::Ipv6, "::1", None, 60),
        item(Kind::Ipv6, "2001:db8:0:1:2:3:4:5", None, 60),
        item(Kind::Cidr6, "::/1", None, 60),
    ];
    let export = rpz(&set(items), now(), &RpzOptions::default());
    assert_eq!(export.skipped.iter().map(|skipped| &skipped.why).collect::<Vec<_>>(), [&Why::Unsafe]);
    let records: Vec<_> = export.text.lines().skip(5).collect();
    assert_eq!(
        records,
        [
            "128.1.zz.rpz-ip 60 IN CNAME .",
            "128.5.4.3.2.1.0.db8.2001.rpz-ip 60 IN CNAME .",
            "1.zz.rpz-ip 60 IN CNAME .",
            "80.zz.1.0.0.db8.2001.rpz-ip 60 IN CNAME .",
            "bad.example 7 IN CNAME .",
        ]
    );
    assert_eq!(RpzOptions::for_zone("rpz.example.").unwrap().zone, "rpz.example");
    assert_eq!(RpzOptions::for_zone("a b"), None);
}

#[test]
fn a_set_is_bounded() {
    let many = (0..=u32::try_from(MAX_ITEMS).unwrap()).map(|number| {
        let address = std::net::Ipv4Addr::from_bits(0x0b00_0000 + number).to_string();
        item(Kind::Ipv4, &address, None, 60)
    });
    let export = plain(&set(many.collect()), now());
    assert_eq!(export.written, MAX_ITEMS);
    assert_eq!(export.skipped.iter().map(|skipped| &skipped.why).collect::<Vec<_>>(), [&Why::TooMany]);
}

#[test]
fn what_was_skipped_can_be_shown_anywhere() {
    let odd = item(Kind::UserAgent, "a\u{1b}[2Jb\nc", None, 60);
    let export = plain(&set(vec![odd]), now());
    let shown = export.skipped[0].to_string();
    assert!(!shown.contains(['\n', '\u{1b}']) && shown.starts_with("user-agent "), "{shown}");
}

#[test]
fn formats_have_names() {
    for format in Format::ALL {
        assert_eq!(format.as_str().parse(), Ok(format));
    }
    assert!("iptables".parse::<Format>().unwrap_err().contains("plain, json, nftables"));
}
