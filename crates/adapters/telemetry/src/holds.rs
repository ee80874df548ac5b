//! Legal holds, in a file of one line each.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::Path;

use model::Timestamp;
use ports::telemetry::{Hold, TelemetryError};

use crate::disk::{Disk, escaped_whole, fault, unescaped};

const FILE: &str = "_holds.txt";
/// Stands for what is not limited.
const ANY: &str = "*";

pub(crate) fn load(disk: &Disk) -> Result<BTreeMap<String, Hold>, TelemetryError> {
    let path = disk.at(FILE);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(fault("read", &path, &error)),
    };
    let holds = text.lines().map(|line| {
        // Without them what must be kept would be removed.
        parse(line).ok_or_else(|| {
            TelemetryError::Damaged(format!(
                "`{}` has a line that is no hold: `{line}`; restore it",
                path.display()
            ))
        })
    });
    holds.map(|hold| hold.map(|hold| (hold.name.clone(), hold))).collect()
}

pub(crate) fn save(disk: &Disk, holds: &BTreeMap<String, Hold>) -> Result<(), TelemetryError> {
    let text: String = holds.values().map(line).collect();
    disk.write_whole(Path::new(FILE), text.as_bytes())
}

fn line(hold: &Hold) -> String {
    let time = |time: Option<Timestamp>| time.map_or(ANY.to_owned(), |time| time.as_micros().to_string());
    let sources = hold.sources.as_ref().map_or(ANY.to_owned(), |sources| {
        // A comma before each, so that none and one without a name are not the same.
        sources.iter().map(|source| format!(",{}", escaped_whole(source))).collect()
    });
    format!("{}\t{}\t{}\t{sources}\n", escaped_whole(&hold.name), time(hold.from), time(hold.until))
}

fn parse(line: &str) -> Option<Hold> {
    let time = |text: &str| -> Option<Option<Timestamp>> {
        if text == ANY { Some(None) } else { text.parse().ok().map(Timestamp::from_micros).map(Some) }
    };
    let mut words = line.split('\t');
    let (name, from, until, sources) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let sources = match sources {
        ANY => None,
        "" => Some(BTreeSet::new()),
        some => Some(some.strip_prefix(',')?.split(',').map(unescaped).collect::<Option<_>>()?),
    };
    let hold = Hold { name: unescaped(name)?, from: time(from)?, until: time(until)?, sources };
    words.next().is_none().then_some(hold)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(name: &str, from: Option<i64>, sources: Option<&[&str]>) -> Hold {
        Hold {
            name: name.to_owned(),
            from: from.map(Timestamp::from_micros),
            until: None,
            sources: sources.map(|sources| sources.iter().map(|source| (*source).to_owned()).collect()),
        }
    }

    #[test]
    fn what_is_saved_is_loaded() {
        let folder = testkit::temp_dir();
        let disk = Disk::new(folder.path().to_owned(), true);
        assert_eq!(load(&disk), Ok(BTreeMap::new()));
        let holds = [
            hold("case 1", None, None),
            hold("*\t\n,%", Some(-7), Some(&["a,b", "*", "", "ü\n"])),
            hold("", None, Some(&[])),
            hold("x", None, Some(&[""])),
        ];
        let holds: BTreeMap<_, _> = holds.into_iter().map(|hold| (hold.name.clone(), hold)).collect();
        save(&disk, &holds).unwrap();
        assert_eq!(load(&disk), Ok(holds));
    }

    #[test]
    fn a_damaged_list_is_not_an_empty_one() {
        let folder = testkit::temp_dir();
        let disk = Disk::new(folder.path().to_owned(), true);
        for text in ["case\n", "case\tx\t*\t*\n", "case\t*\t*\t*\t*\n", "case\t*\t*\tdc1\n", "\n"] {
            std::fs::write(disk.at(FILE), text).unwrap();
            assert!(matches!(load(&disk), Err(TelemetryError::Damaged(_))), "{text}");
        }
    }
}
