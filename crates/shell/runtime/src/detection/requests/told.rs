//! What another party is told of a hunt: sums, and none that is small.
//!
//! Whoever may ask again and again learns from the difference between two answers what neither says. So a question of
//! another party is about whole days ([`Window::whole_days`]), what was looked at is told by its order of magnitude,
//! and what is left out of a sum is never what the other sums leave over.

use std::collections::BTreeMap;

use detect::{CardId, Level};
use ports::telemetry::Looked;
use serde_json::{Value, json};

use super::super::hunting::Ran;
use super::super::question::{Hunted, Window};

/// Numbers below this one are not told, only that there were some.
const FEW: u64 = 5;
/// What matches of rules without a level are called.
const UNRATED: &str = "unrated";

/// How a question is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Telling {
    /// Whether each value was seen, and no number.
    pub(super) yes_no: bool,
    /// Whether only the noise was asked about.
    pub(super) impact: bool,
    /// The days that were looked at.
    pub(super) window: Window,
}

/// What is told of a hunt.
pub(super) fn sums(hunted: &Hunted, ran: &Ran, telling: Telling) -> Value {
    let total: u64 = ran.tallies.values().map(|tally| tally.count).sum();
    let looked = looked_at(&ran.looked, telling.window);
    if telling.yes_no {
        // Whether each value was seen was asked of values alone.
        let seen: Vec<&String> = if hunted.values.is_empty() {
            Vec::new()
        } else {
            let hit = ran.tallies.iter().filter(|(_, tally)| tally.count > 0);
            hit.filter_map(|(number, _)| hunted.names.get(usize::try_from(*number).ok()?)).collect()
        };
        return json!({"seen": total > 0, "of": seen, "looked_at": looked});
    }
    let mut days: BTreeMap<&str, u64> = BTreeMap::new();
    for tally in ran.tallies.values() {
        for (day, count) in &tally.days {
            *days.entry(day).or_default() += count;
        }
    }
    // Of very many days, not all are counted one by one.
    let counted: u64 = days.values().sum();
    let few = days.values().filter(|count| **count < FEW).count();
    days.retain(|_, count| *count >= FEW);
    // The sum less the days that are shown would be what is not shown.
    let shown: u64 = days.values().sum();
    let events = if few == 0 && shown == total { Some(total) } else { (shown >= FEW).then_some(shown) };
    let mut told = json!({
        "seen": total > 0,
        "events": events,
        "fewer_than": (events.is_none() && counted == total).then_some(FEW * few as u64),
        "more": shown < total && events.is_some(),
        "days": days,
        "days_with_few": few,
        "looked_at": looked,
    });
    if telling.impact
        && let Some((levels, more)) = by_level(hunted, ran, &days)
        && let Some(told) = told.as_object_mut()
    {
        told.insert("levels".to_owned(), json!(levels));
        told.insert("more_levels".to_owned(), Value::Bool(more));
    }
    told
}

/// Matches by the level of the rule, on the days that are shown, and whether any were left out; `None` where no rule was
/// asked about.
fn by_level(
    hunted: &Hunted,
    ran: &Ran,
    days: &BTreeMap<&str, u64>,
) -> Option<(BTreeMap<&'static str, u64>, bool)> {
    let sigma = hunted.watch.rules.first().map(|rules| &rules.sigma)?;
    if sigma.cards().is_empty() {
        return None;
    }
    let mut levels: BTreeMap<&'static str, u64> = BTreeMap::new();
    for (number, tally) in &ran.tallies {
        let card = u32::try_from(*number).ok().and_then(|number| sigma.card(CardId(number)));
        let level = card.and_then(|card| card.level).map_or(UNRATED, Level::as_str);
        // Matches on other days would be those days, once the sum of the days is taken from the sum of the levels.
        let shown = tally.days.iter().filter(|(day, _)| days.contains_key(day.as_str()));
        let count: u64 = shown.map(|(_, count)| *count).sum();
        if count > 0 {
            *levels.entry(level).or_default() += count;
        }
    }
    let more = leave_out_few(&mut levels);
    Some((levels, more))
}

/// Leaves out what is small, and the smallest of the rest with it: what is left over of the sum is then no small number.
/// Returns whether anything was left out.
fn leave_out_few(levels: &mut BTreeMap<&'static str, u64>) -> bool {
    let before = levels.len();
    levels.retain(|_, count| *count >= FEW);
    if levels.len() == before {
        return false;
    }
    let least = levels.iter().min_by_key(|(_, count)| **count).map(|(level, _)| *level);
    if let Some(least) = least {
        levels.remove(least);
    }
    true
}

/// What was looked at: days, and orders of magnitude. More would be a profile of what goes on here.
fn looked_at(looked: &Looked, window: Window) -> Value {
    let first = looked.sources.iter().map(|source| source.from).min();
    // The latest event lies before the end of its day.
    let last = looked.sources.iter().map(|source| source.until).max().map(|last| last.plus_micros(1));
    let days = Window { from: first, until: last }.whole_days();
    json!({
        "from": days.from.map(|from| from.to_string()),
        "until": days.until.map(|until| until.to_string()),
        "asked_from": window.from.map(|from| from.to_string()),
        "asked_until": window.until.map(|until| until.to_string()),
        "events": minimise::coarse(looked.records),
        "sources": minimise::coarse(looked.sources.len() as u64),
        "coarse": true,
        "complete": looked.complete && looked.blind.is_empty(),
    })
}

#[cfg(test)]
mod tests {
    use model::Timestamp;
    use ports::telemetry::Covered;

    use super::super::super::hunting::Tally;
    use super::super::super::question::Sought;
    use super::super::super::sink::Sink;
    use super::*;

    /// Two rules, of which the second has a lower level.
    const RULES: &str = "title: one\nlogsource:\n  product: windows\n  category: process_creation\ndetection:\n  a:\n    Image: 'x'\n  condition: a\nlevel: high\n---\ntitle: two\nlogsource:\n  product: windows\n  category: process_creation\ndetection:\n  a:\n    Image: 'y'\n  condition: a\nlevel: low\n---\ntitle: three\nlogsource:\n  product: windows\n  category: process_creation\ndetection:\n  a:\n    Image: 'z'\n  condition: a\n";

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn looked(records: u64, sources: usize, from: &str, until: &str) -> Looked {
        let covered = |number: usize| Covered {
            name: format!("sensor-{number}"),
            from: time(from),
            until: time(until),
            records: records / sources as u64,
        };
        Looked { records, complete: true, sources: (0..sources).map(covered).collect(), ..Looked::default() }
    }

    fn ran(tallies: &[(u64, &[(&str, u64)])], looked: Looked) -> Ran {
        let tally = |days: &[(&str, u64)]| Tally {
            count: days.iter().map(|(_, count)| count).sum(),
            days: days.iter().map(|(day, count)| ((*day).to_owned(), *count)).collect(),
            ..Tally::default()
        };
        let tallies = tallies.iter().map(|(number, days)| (*number, tally(days))).collect();
        Ran { tallies, looked, ended_by: None, sink: Sink::default() }
    }

    const IMPACT: Telling =
        Telling { yes_no: false, impact: true, window: Window { from: None, until: None } };

    fn told(tallies: &[(u64, &[(&str, u64)])]) -> Value {
        let hunted = Sought::Sigma(RULES.to_owned()).ready(Vec::new()).unwrap();
        sums(&hunted, &ran(tallies, Looked::default()), IMPACT)
    }

    #[test]
    fn noise_is_told_by_level_and_small_numbers_are_not() {
        let (one, two) = ("2026-10-01", "2026-10-02");
        let all = told(&[(0, &[(one, 10), (two, 7)]), (1, &[(one, 30)]), (2, &[(two, 6)])]);
        assert_eq!(all["levels"], json!({"high": 17, "low": 30, "unrated": 6}), "{all}");
        assert_eq!((&all["events"], &all["more_levels"]), (&json!(53), &json!(false)));
        // The sum less what is shown would be the small one: the next one is left out with it.
        let few = told(&[(0, &[(one, 3)]), (1, &[(one, 30)]), (2, &[(one, 9)])]);
        assert_eq!((&few["levels"], &few["more_levels"]), (&json!({"low": 30}), &json!(true)), "{few}");
        // Nothing is told of days that are not told.
        let hidden = told(&[(0, &[(one, 10), (two, 2)]), (1, &[(one, 30), (two, 1)])]);
        assert_eq!(hidden["levels"], json!({"high": 10, "low": 30}), "{hidden}");
        assert_eq!(hidden["events"], 40);
        let none = told(&[(0, &[(one, 3)])]);
        assert_eq!((&none["events"], &none["levels"]), (&Value::Null, &json!({})), "{none}");
        // Levels are for whoever asks about noise, and of rules alone.
        let hunted = Sought::Sigma(RULES.to_owned()).ready(Vec::new()).unwrap();
        let seen = ran(&[(0, &[(one, 10)])], Looked::default());
        assert_eq!(sums(&hunted, &seen, Telling { impact: false, ..IMPACT }).get("levels"), None);
        assert_eq!(sums(&hunted, &seen, Telling { yes_no: true, ..IMPACT }).get("levels"), None);
        let values = Sought::Values(vec!["192.0.2.1".to_owned()]).ready(Vec::new()).unwrap();
        assert_eq!(sums(&values, &seen, IMPACT).get("levels"), None);
    }

    #[test]
    fn events_of_days_that_are_not_counted_are_not_told() {
        let hunted = Sought::Values(vec!["192.0.2.1".to_owned()]).ready(Vec::new()).unwrap();
        let answer = |days: &[(&str, u64)], beyond: u64| {
            let mut ran = ran(&[(0, days)], Looked::default());
            for tally in ran.tallies.values_mut() {
                tally.count += beyond;
            }
            sums(&hunted, &ran, Telling { impact: false, ..IMPACT })
        };
        let (one, two) = ("2026-10-01", "2026-10-02");
        for beyond in 1..20 {
            let all = answer(&[(one, 10), (two, 7)], beyond);
            assert_eq!((&all["events"], &all["more"]), (&json!(17), &json!(true)), "{all}");
            let some = answer(&[(one, 10), (two, 2)], beyond);
            assert_eq!((&some["events"], &some["more"]), (&json!(10), &json!(true)), "{some}");
            // There may be any number of them.
            let none = answer(&[(one, 2)], beyond);
            assert_eq!((&none["events"], &none["fewer_than"]), (&Value::Null, &Value::Null), "{none}");
            assert_eq!((&none["seen"], &none["more"]), (&json!(true), &json!(false)), "{none}");
        }
        let exact = answer(&[(one, 10), (two, 7)], 0);
        assert_eq!((&exact["events"], &exact["more"]), (&json!(17), &json!(false)), "{exact}");
        assert_eq!(answer(&[(one, 2)], 0)["fewer_than"], FEW);
    }

    #[test]
    fn what_the_levels_leave_over_is_never_small() {
        for high in 0..12_u64 {
            for low in 0..12 {
                for unrated in 0..12 {
                    let day = "2026-10-01";
                    let told = told(&[(0, &[(day, high)]), (1, &[(day, low)]), (2, &[(day, unrated)])]);
                    let Some(events) = told["events"].as_u64() else { continue };
                    let levels = told["levels"].as_object().unwrap();
                    let shown: u64 = levels.values().map(|count| count.as_u64().unwrap()).sum();
                    let left = events - shown;
                    assert!(left == 0 || left >= FEW, "{told}");
                    assert!(levels.values().all(|count| count.as_u64().unwrap() >= FEW), "{told}");
                }
            }
        }
    }

    #[test]
    fn a_minute_more_or_less_is_not_told() {
        let hunted = Sought::Values(vec!["192.0.2.1".to_owned()]).ready(Vec::new()).unwrap();
        let answer = |until: &str, records: u64, latest: &str| {
            let window = Window::parse(Some("2026-10-01T08:00:00Z"), Some(until)).unwrap().whole_days();
            let looked = looked(records, 3, "2026-10-01T08:00:00.5Z", latest);
            let seen = ran(&[(0, &[("2026-10-01", 10)])], looked);
            sums(&hunted, &seen, Telling { impact: false, window, ..IMPACT })
        };
        // What was asked comes to the same days, so that what is counted is the same.
        let one = answer("2026-10-01T17:00:00Z", 120_431, "2026-10-01T16:59:59Z");
        let other = answer("2026-10-01T17:01:00Z", 120_977, "2026-10-01T17:00:59.25Z");
        assert_eq!(one, other);
        let looked = &one["looked_at"];
        let days = ["2026-10-01T00:00:00.000Z", "2026-10-02T00:00:00.000Z"];
        assert_eq!([&looked["from"], &looked["until"]], days);
        assert_eq!([&looked["asked_from"], &looked["asked_until"]], days);
        assert_eq!((&looked["events"], &looked["sources"]), (&json!(1_000_000), &json!(10)));
    }

    #[test]
    fn what_was_not_looked_at_is_said() {
        let hunted = Sought::Values(vec!["192.0.2.1".to_owned()]).ready(Vec::new()).unwrap();
        let whole = looked(10, 1, "2026-10-01T08:00:00Z", "2026-10-01T09:00:00Z");
        let cut = Looked { complete: false, ..whole.clone() };
        let blind = Looked { blind: vec!["a file".to_owned()], ..whole.clone() };
        for (looked, complete) in [(whole, true), (cut, false), (blind, false)] {
            let answer = sums(&hunted, &ran(&[], looked), IMPACT);
            assert_eq!(answer["looked_at"]["complete"], complete, "{answer}");
            assert!(!answer.to_string().contains("a file") && !answer.to_string().contains("sensor"));
        }
    }
}
