//! Any bytes as a list of values.
//!
//! Beyond "no panic": chunks do not matter, and a value makes an indicator that is valid STIX.
#![no_main]

use json::{Limits, Tape};
use libfuzzer_sys::fuzz_target;
use lists::{Context, Indicators, Parsed, Reader, WarningList, looks_like_list};
use model::Timestamp;

fuzz_target!(|data: &[u8]| {
    let _ = looks_like_list(data);
    let whole = read([data]);
    assert_eq!(whole, read(data.chunks(5)));
    let indicators = Indicators::new(&Context {
        now: Timestamp::EPOCH,
        source: "fuzz".to_owned(),
        created_by: None,
        markings: Vec::new(),
        labels: Vec::new(),
        description: None,
    });
    let mut tape = Tape::new();
    for parsed in &whole {
        let Parsed::Value(entry) = parsed else { continue };
        let text = indicators.render(entry);
        let object = tape.parse(text.as_bytes(), &Limits::OBJECT).expect("what we write is JSON");
        let mut findings = Vec::new();
        assert!(
            stix::validate(object, &stix::Checks::default(), &mut findings).is_some(),
            "{text}: {findings:?}"
        );
        let pattern =
            object.get("pattern").and_then(|pattern| pattern.as_str()).expect("an indicator has a pattern");
        let checked = stix_pattern::parse(&pattern, &stix_pattern::Limits::default());
        assert!(checked.is_ok(), "{pattern}: {checked:?}");
    }
    drop(WarningList::parse(data));
});

fn read<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<Parsed> {
    let mut parsed = Vec::new();
    let mut reader = Reader::new();
    for chunk in chunks {
        reader.push(chunk, &mut |one| parsed.push(one));
    }
    reader.finish(&mut |one| parsed.push(one));
    parsed
}
