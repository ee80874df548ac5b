//! Our files in a program that is not ours: DuckDB, from PyPI.

use std::process::Command;

use ports::telemetry::{Retention, Telemetry};

use crate::{HOUR, events, keep_in_files, now, open};

/// What the script prints about the files in the folder that is its argument.
const SCRIPT: &str = r#"
import duckdb, sys
files = sys.argv[1] + "/source=*/date=*/hour=*/*.parquet"
def ask(what, where="true"):
    query = f"SELECT {what} FROM read_parquet('{files}', hive_partitioning = true) WHERE {where}"
    print(*("|".join(map(str, row)) for row in duckdb.sql(query).fetchall()), sep="\n")
ask("count(*), count(DISTINCT src_offset), min(class), max(class)")
ask("sum(len(address)), sum(len(domain)), sum(len(url)), sum(len(hash)), sum(len(file_name)), sum(len(other))")
ask("src_offset, url", "list_contains(hash, 'md5:00000000000000000000000000000003') AND source = 'a/b'")
ask("decode(raw), decode(header), device, image, command_line", "src_offset = 400 AND source = 'dc1'")
ask("epoch_us(time)", "src_offset = 300 AND source = 'dc1'")
ask("DISTINCT source, date, format, part", "true ORDER BY source")
"#;

#[test]
fn reads_what_we_write() {
    let Some(python) = testkit::python() else { return };
    let folder = testkit::temp_dir();
    let store = open(folder.path());
    for source in ["dc1", "a/b"] {
        keep_in_files(&store, source, 200, &events(0..200));
        keep_in_files(&store, source, 300, &events(200..300));
    }
    assert!(store.maintain(now().plus_micros(3 * HOUR), &Retention::default()).unwrap().merged > 0);
    // Merged ones, and one as it was flushed.
    keep_in_files(&store, "dc1", 310, &events(300..310));
    let output = Command::new(python)
        .args(["-c", SCRIPT])
        .arg(folder.path())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("the interpreter must start");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let all: Vec<_> = events(0..310).into_iter().chain(events(0..300)).collect();
    let count = |kind: &str| {
        let named = all.iter().flat_map(|event| &event.observables);
        named.filter(|observable| observable.kind().as_str() == kind).count()
    };
    let event = &all[4];
    let expect = format!(
        "610|310|0|4\n{}|{}|{}|{}|0|0\n\
         300|['url:http://h3.d3.example/a', 'url:http://other.example/3']\n\
         {}|#fields\ta\tb|dc1|C:\\x.exe|None\n{}\n\
         a/b|2026-11-22|json-lines|/var/log/x\ndc1|2026-11-22|json-lines|/var/log/x\n",
        count("ipv4"),
        count("domain"),
        count("url"),
        count("md5"),
        String::from_utf8_lossy(&event.raw),
        all[3].time.as_micros(),
    );
    assert_eq!(String::from_utf8_lossy(&output.stdout), expect);
}
