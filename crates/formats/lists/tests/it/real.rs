//! Every indicator list and every warning list we have.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use model::Timestamp;
use shieldwall_lists::{
    Category, Context, Indicators, Parsed, Reader, WarningIndex, WarningList, builtin, looks_like_list,
};

/// A folder of the shared data, or `None` with a printed reason; required where `CI` is true.
fn shared(folder: &str) -> Option<PathBuf> {
    let root = std::env::var_os("SHIELDWALL_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../../shared"), PathBuf::from);
    let path = root.join(folder);
    if path.is_dir() {
        return Some(path);
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{} is required in CI", path.display());
    println!("skipped: {} is not there; set SHIELDWALL_SHARED", path.display());
    None
}

fn files(folder: PathBuf) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            (entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).unwrap())
        })
        .collect();
    files.sort();
    files
}

fn warning_index() -> Option<WarningIndex> {
    let lists: Vec<WarningList> = files(shared("data/warninglists")?)
        .iter()
        .map(|(name, bytes)| WarningList::parse(bytes).unwrap_or_else(|e| panic!("{name}: {e}")))
        .collect();
    let known = lists.iter().filter(|list| list.category == Category::Known).count();
    println!("{} warning lists, {known} of them known infrastructure", lists.len());
    assert_eq!(lists.len(), 125);
    let (index, findings) = WarningIndex::build(builtin().into_iter().chain(lists));
    for finding in findings {
        println!("  {finding}");
    }
    Some(index)
}

/// JSON with a pattern that parses.
fn assert_sound(text: &str) {
    let mut tape = json::Tape::new();
    let indicator =
        tape.parse(text.as_bytes(), &json::Limits::OBJECT).unwrap_or_else(|e| panic!("{text}: {e}"));
    let pattern = indicator.get("pattern").unwrap().as_str().unwrap();
    stix_pattern::parse(&pattern, &stix_pattern::Limits::default())
        .unwrap_or_else(|e| panic!("{pattern}: {e:?}"));
}

#[test]
fn every_indicator_list_reads() {
    let (Some(folder), Some(index)) = (shared("data/indicators/maltrail"), warning_index()) else { return };
    let context = Context {
        now: Timestamp::EPOCH,
        source: "maltrail".to_owned(),
        created_by: None,
        markings: Vec::new(),
        labels: Vec::new(),
        description: None,
    };
    let indicators = Indicators::new(&context);
    let (mut values, mut refused, mut kinds) = (0u64, Vec::new(), BTreeMap::<_, u64>::new());
    let mut hits = BTreeMap::<_, (u64, String)>::new();
    for (name, bytes) in files(folder) {
        assert!(looks_like_list(bytes.get(..4096).unwrap_or(&bytes)), "{name}");
        let mut reader = Reader::new();
        let mut each = |parsed| match parsed {
            Parsed::Value(entry) => {
                values += 1;
                *kinds.entry(entry.term.observable.kind()).or_default() += 1;
                // A sample is enough for what every value goes through alike.
                if values % 97 == 0 {
                    assert_sound(&indicators.render(&entry));
                }
                if values % 5 == 0
                    && let Some(hit) = index.check(&entry.term.observable)
                {
                    let (count, example) = hits.entry((hit.category, hit.list)).or_default();
                    *count += 1;
                    if example.len() < 120 {
                        *example = format!("{example} {}", entry.term.observable);
                    }
                }
            }
            Parsed::Refused(line) => {
                refused.push(format!("{name}:{}: `{}`: {}", line.line, line.text, line.reason))
            }
        };
        for piece in bytes.chunks(64 * 1024) {
            reader.push(piece, &mut each);
        }
        reader.finish(&mut each);
    }
    println!("{values} values, {} refused; every fifth checked against the warning lists", refused.len());
    for (kind, count) in &kinds {
        println!("  {count:>7} {kind}");
    }
    for line in &refused {
        println!("  refused {line}");
    }
    for ((category, list), (count, example)) in &hits {
        println!("  {category:?} {count:>6} {list}:{example}");
    }
    assert!(values > 810_000, "{values}");
    assert!(refused.len() < 100, "{}", refused.len());
}
