//! What is told of days on which nothing happens: how often analytics cry wolf with their default thresholds, and that
//! they still find what was put among it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use logs::Format;
use shieldwall_analytics::{BeaconConfig, Beacons, FirstSeen, FirstSeenConfig};

use crate::{DAY, Random, conn, each_event, following, now};

const HOUR: i64 = 3_600;
const HOURS_24: i64 = 24 * HOUR;
const HOSTS: i64 = 200;

/// What every machine of an office calls by itself: time, names, mail, backup, updates.
static HOUSE: [(&str, u16, &str); 5] = [
    ("10.0.0.1", 123, "time"),
    ("10.0.0.53", 53, "names"),
    ("10.0.0.25", 993, "mail"),
    ("10.0.0.99", 10_000, "backup"),
    ("198.51.100.20", 443, "updates"),
];

/// Programs that call home: seconds between two calls, by how many of them it varies either way, and how much sizes vary.
const CALLING_HOME: [(u64, u64, u64); 5] =
    [(60, 6, 1), (300, 60, 1), (900, 450, 1), (45, 4, 20_000), (3_600, 360, 1)];

struct Call {
    second: i64,
    from: String,
    to: String,
    port: u16,
    bytes: u64,
}

/// A day's calls as they are made up, machine by machine.
struct Office {
    random: Random,
    calls: Vec<Call>,
}

impl Office {
    fn new(seed: u64) -> Self {
        Self { random: Random(seed), calls: Vec::new() }
    }

    fn call(&mut self, second: i64, from: &str, (to, port): (&str, u16), bytes: u64) {
        self.calls.push(Call { second, from: from.to_owned(), to: to.to_owned(), port, bytes });
    }

    /// Calls about as far apart as said, give or take the jitter.
    fn every(
        &mut self,
        from: &str,
        to: (&str, u16),
        when: &Range<i64>,
        (gap, jitter): (u64, u64),
        size: impl Fn(&mut Random) -> u64,
    ) {
        let mut second = when.start + self.random.seconds(gap);
        while second < when.end {
            let bytes = size(&mut self.random);
            self.call(second, from, to, bytes);
            second += i64::try_from(gap - jitter).unwrap() + self.random.seconds(2 * jitter + 1);
        }
    }

    /// One machine, and whoever sits at it from the morning to the evening. One in five is never switched off.
    fn machine(&mut self, from: &str) {
        let [time, names, mail, backup, updates] = HOUSE.map(|(to, port, _)| (to, port));
        let begin = 7 * HOUR + self.random.seconds(7_200);
        let desk = begin..begin + 8 * HOUR + self.random.seconds(7_200);
        let on = if self.random.below(5) == 0 { 0..HOURS_24 } else { desk.clone() };
        // NTP asks every 64 to 1,024 seconds (RFC 5905).
        let poll = 64_u64 << self.random.below(5);
        self.every(from, time, &on, (poll, 4), |_| 76);
        self.every(from, updates, &on, (3_600, 600), |random| 900 + random.below(1_200));
        self.every(from, mail, &on, (300, 2), |random| 400 + random.below(200));
        self.every(from, names, &on, (600, 300), |random| 58 + random.below(30));

        // A page that asks for news twice a minute for as long as it is open.
        let page = format!("203.0.113.{}", self.random.below(10));
        let opened = desk.start + self.random.seconds(7_200);
        let open = opened..(opened + HOUR + self.random.seconds(18_000)).min(desk.end);
        self.every(from, (&page, 443), &open, (30, 1), |random| 700 + random.below(300));

        let mut second = desk.start + self.random.seconds(1_800);
        while second < desk.end {
            let site = self.random.below(300);
            let site = format!("198.18.{}.{}", site / 100, site % 100);
            let bytes = 58 + self.random.below(30);
            self.call(second, from, names, bytes);
            for _ in 0..4 + self.random.below(12) {
                let bytes = 300 + self.random.below(20_000);
                self.call(second, from, (&site, 443), bytes);
                second += self.random.seconds(3);
            }
            second += 60 + self.random.seconds(1_200);
        }

        let mut second = HOUR + self.random.seconds(14_400);
        for _ in 0..20 + self.random.below(60) {
            let bytes = 60_000 + self.random.below(1_000_000);
            self.call(second, from, backup, bytes);
            second += 5 + self.random.seconds(90);
        }
    }
}

/// A day of an office, with the programs that call home among it, in order of time.
fn day(seed: u64) -> Vec<Call> {
    let mut office = Office::new(seed);
    for host in 0..HOSTS {
        office.machine(&format!("10.1.{}.{}", host / 100, host % 100));
    }
    let mut hidden = Office::new(seed + 100);
    for (at, (gap, jitter, sizes)) in CALLING_HOME.into_iter().enumerate() {
        let (from, to) = calling_home(at);
        hidden.every(&from, (&to, 443), &(0..HOURS_24), (gap, jitter), |random| 300 + random.below(sizes));
    }
    let mut calls = office.calls;
    calls.append(&mut hidden.calls);
    calls.sort_by_key(|call| call.second);
    calls
}

fn calling_home(at: usize) -> (String, String) {
    (format!("10.1.0.{}", at * 20), format!("198.51.100.{}", 201 + at))
}

/// What a told pair was in truth.
fn in_truth(subject: &str) -> &'static str {
    let to = subject.split("→ ").nth(1).unwrap_or_default();
    let house = HOUSE.iter().find(|(address, port, _)| to.starts_with(&format!("{address}:{port} ")));
    match house {
        Some(&(_, _, name)) => name,
        None if to.starts_with("203.0.113.") => "open pages",
        None if to.starts_with("198.18.") => "browsing",
        None => "calls home",
    }
}

fn counted<'s>(subjects: impl IntoIterator<Item = &'s String>) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for subject in subjects {
        *counts.entry(in_truth(subject)).or_default() += 1;
    }
    counts
}

/// What analytics told of the day.
struct Told {
    beacons: Beacons,
    /// Subjects, and the hour in which each was first told.
    hours: BTreeMap<String, i64>,
    alerts: usize,
}

impl Told {
    fn by(config: BeaconConfig) -> Self {
        Self { beacons: following(config), hours: BTreeMap::new(), alerts: 0 }
    }

    fn ask(&mut self, hour: i64) {
        for alert in self.beacons.take_alerts() {
            self.alerts += 1;
            self.hours.entry(alert.subject).or_insert(hour);
        }
    }

    /// What would be told by midnight, had nobody been told before.
    fn at_the_end(&self) -> BTreeMap<&'static str, usize> {
        let pairs: Vec<String> =
            self.beacons.report(0.8).into_iter().map(|beacon| beacon.pair.to_string()).collect();
        counted(&pairs)
    }

    /// The hours in which programs that call home were told.
    fn found(&self) -> Vec<Option<i64>> {
        let subject = |at| {
            let (from, to) = calling_home(at);
            format!("{from} → {to}:443 (connection)")
        };
        (0..CALLING_HOME.len()).map(|at| self.hours.get(&subject(at)).copied()).collect()
    }
}

/// Of some 10,000 pairs, those to the house's own services are beacons by any measure. Prevalence leaves of each
/// service an alert for all machines; without it some 570 pairs are told, and the noise delays what matters. What is
/// left besides is a handful of pages that somebody had open while less than a whole day was there to compare with; by the
/// evening none of them scores so high.
#[test]
fn a_day_of_an_office() {
    let calls = day(1);
    let ignore = HOUSE.map(|(address, ..)| address.to_owned()).to_vec();
    let mut plain = Told::by(BeaconConfig::default());
    let mut named = Told::by(BeaconConfig { ignore, ..BeaconConfig::default() });
    let mut each = Told::by(BeaconConfig { common_decrease: 0.0, ..BeaconConfig::default() });
    let mut rest = calls.as_slice();
    for hour in 1..=24 {
        let (present, later) = rest.split_at(rest.partition_point(|call| call.second < hour * HOUR));
        rest = later;
        let lines = present.iter().map(|call| conn(call.second, &call.from, &call.to, call.port, call.bytes));
        each_event(Format::ZeekJson, lines, |event| {
            for told in [&mut plain, &mut named, &mut each] {
                told.beacons.observe("zeek", event, now());
            }
        });
        for told in [&mut plain, &mut named, &mut each] {
            told.ask(hour);
        }
    }
    assert!(rest.is_empty());
    println!("{} connections of {} pairs", calls.len(), plain.beacons.pairs());
    for (what, told) in [("by default", &plain), ("services named", &named), ("without prevalence", &each)] {
        let counts = counted(told.hours.keys());
        println!(
            "{what}: {} alerts, {counts:?}; 0.8 or more by midnight: {:?}",
            told.alerts,
            told.at_the_end()
        );
        println!("programs that call home were told at the hours {:?}", told.found());
        assert!(told.found().iter().all(Option::is_some), "{:?}", told.hours);
        // Bursts, by day or by night, are none.
        assert!(!counts.contains_key("browsing") && !counts.contains_key("backup"), "{counts:?}");
    }
    // At once, as soon as twelve hours are there.
    assert_eq!(plain.found(), [Some(13); CALLING_HOME.len()]);
    assert_eq!(named.found(), plain.found());
    for told in [&plain, &named] {
        let counts = counted(told.hours.keys());
        assert!(counts.get("open pages").copied().unwrap_or_default() <= 10, "{counts:?}");
        assert_eq!(told.at_the_end(), BTreeMap::from([("calls home", CALLING_HOME.len())]));
    }
    // Of the house's services, one for all machines each; more than once while more than twice as many become regular.
    let house: BTreeSet<&str> = plain
        .hours
        .keys()
        .filter(|subject| HOUSE.iter().any(|(.., name)| in_truth(subject) == *name))
        .map(String::as_str)
        .collect();
    let many = |(to, port): (&str, u16)| format!("many machines → {to}:{port} (connection)");
    let expect = [("10.0.0.1", 123), ("10.0.0.25", 993), ("10.0.0.53", 53), ("198.51.100.20", 443)].map(many);
    let expect: BTreeSet<&str> = expect.iter().map(String::as_str).collect();
    assert_eq!(house, expect);
    assert!(plain.alerts <= 30 && (500..=650).contains(&each.alerts), "{} {}", plain.alerts, each.alerts);
}

/// A line of Zeek's `http`.
fn http(second: i64, program: &str, host: &str) -> String {
    let ts = DAY + second;
    format!(
        r#"{{"_path":"http","ts":{ts},"id.orig_h":"10.1.0.1","id.orig_p":40000,"id.resp_h":"198.18.0.1","id.resp_p":80,"method":"GET","host":"{host}","uri":"/","user_agent":"{program}"}}"#
    )
}

/// Nine days of 24 programs, each with a new version on some day, and of names with a long tail, as people have them.
fn nine_days(seed: u64) -> Vec<(i64, String, String)> {
    let mut random = Random(seed);
    let updated: Vec<u64> = (0..24).map(|_| random.below(9)).collect();
    let mut calls = Vec::new();
    for day in 0..9_u64 {
        for host in 0..200_u64 {
            let mut second = i64::try_from(day).unwrap() * HOURS_24 + 7 * HOUR + random.seconds(3_600);
            for _ in 0..20 {
                let program = (host * 7 + random.below(4)) % 24;
                let since = updated.get(usize::try_from(program).unwrap());
                let version = u64::from(since.is_some_and(|since| *since <= day));
                let site = random.below(20_000);
                let site = random.below(site + 1);
                let site = random.below(site + 1);
                calls.push((second, format!("program{program}/{version}"), format!("site{site}.example")));
                second += random.seconds(3_000);
            }
        }
    }
    calls.sort_by_key(|(second, ..)| *second);
    calls
}

/// A field that has few values tells of what is new and of nothing else. One with a long tail is a poor choice: hundreds
/// of names that people see for the first time are told, until the score withholds them.
#[test]
fn nine_days_of_an_office() {
    for seed in 1..=3 {
        let fields = ["user_agent", "host"].map(str::to_owned).to_vec();
        let config = FirstSeenConfig {
            fields: BTreeMap::from([("zeek".to_owned(), fields)]),
            ..FirstSeenConfig::default()
        };
        let mut seen = FirstSeen::new(config, [7; 16]).unwrap();
        let calls = nine_days(seed);
        let (mut known, mut new) = (BTreeSet::new(), 0);
        let learned = calls[0].0 + 7 * HOURS_24;
        for (second, program, _) in &calls {
            let first = known.insert(program.as_str());
            new += u64::from(first && *second >= learned);
        }
        let lines = calls.iter().map(|(second, program, host)| http(*second, program, host));
        each_event(Format::ZeekJson, lines, |event| {
            seen.observe("zeek", event, now());
            // Nobody lets them pile up.
            seen.take_alerts();
        });
        let states = seen.baselines();
        for status in &states {
            println!(
                "{}: {} events, {} different, {} told, {} withheld, chance of a new one {:.3}",
                status.field,
                status.observed,
                status.distinct,
                status.told,
                status.withheld,
                status.chance_of_new
            );
        }
        let of = |field: &str| states.iter().find(|status| status.field == field).unwrap();
        assert_eq!((of("user_agent").told, of("user_agent").withheld), (new, 0));
        // Two days of 8,000 requests: more than one in sixteen is told, so nobody should watch such a field.
        let names = of("host");
        assert!((100..=600).contains(&names.told) && names.withheld > 100, "{names:?}");
    }
}
