//! Files: there whole or not at all, and never in somebody else's place.

use std::os::unix::fs::{PermissionsExt, symlink};

use controls::Format;
use observable::Kind;
use ports::actuator::{Actuator, ActuatorKinds};
use shieldwall_actuators::{FileActuator, Kinds};

use crate::{at, block, set};

fn blocks() -> controls::BlockSet {
    set(vec![block(Kind::Ipv4, "198.18.0.7", None, at(3_600)), block(Kind::Mutex, "x", None, at(3_600))])
}

#[test]
fn a_file_holds_the_set_and_its_digest_is_the_files() {
    let folder = testkit::temp_dir();
    let path = folder.path().join("blocks.txt");
    let actuator = FileActuator::new("edge", &path, Format::Plain, controls::Options::default());
    assert!(actuator.status(at(0)).unwrap().note.contains("not written yet"));

    let applied = actuator.apply(&blocks(), &[], at(0)).unwrap();
    assert_eq!((applied.blocked, applied.skipped.len()), (1, 1));
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.ends_with("\n198.18.0.7\n"), "{text}");
    let again = actuator.apply(&blocks(), &[], at(0)).unwrap();
    assert_eq!(applied.digest, again.digest);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
    assert!(actuator.status(at(0)).unwrap().note.contains(&format!("{} bytes", text.len())));

    // What is taken away leaves an empty list, not a hole.
    let removed = actuator.remove(&[], at(1)).unwrap();
    assert_eq!(removed.blocked, 0);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.lines().all(|line| line.starts_with('#')) && !text.is_empty(), "{text}");
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["blocks.txt"]);
}

#[test]
fn what_stands_there_already_is_left_alone_and_what_does_not_is_put_back() {
    let folder = testkit::temp_dir();
    let path = folder.path().join("blocks");
    for format in [Format::Plain, Format::Json, Format::Suricata, Format::Rpz, Format::OpenC2] {
        let actuator = FileActuator::new("edge", &path, format, controls::Options::default());
        let read = || std::fs::read_to_string(&path).unwrap();
        let first = actuator.apply(&blocks(), &[], at(0)).unwrap();
        let text = read();
        // Readers that watch it need not load it again, and the digest is the receipt's.
        let again = actuator.apply(&blocks(), &[], at(600)).unwrap();
        assert_eq!((again.digest, read()), (first.digest, text.clone()), "{format}");
        assert_eq!((again.blocked, again.skipped.len()), (first.blocked, first.skipped.len()), "{format}");
        for wrong in ["", "# as of yesterdayZ", &text[..text.len() / 2], &format!("{text}\nx")] {
            std::fs::write(&path, wrong).unwrap();
            actuator.apply(&blocks(), &[], at(601)).unwrap();
            assert_eq!(read().lines().count(), text.lines().count(), "{format}: {wrong}");
        }
        std::fs::remove_file(&path).unwrap();
        actuator.apply(&blocks(), &[], at(602)).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        actuator.apply(&blocks(), &[], at(603)).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644, "{format}");
        // A block that is over is in no file, whoever asks for it.
        let over = actuator.apply(&blocks(), &[], at(3_600)).unwrap();
        assert_eq!(over.blocked, 0, "{format}");
        assert!(!read().contains("198.18.0.7"), "{format}: {}", read());
    }
}

#[test]
fn what_a_crash_left_is_in_nobodys_way_and_links_are_not_followed() {
    let folder = testkit::temp_dir();
    let (path, victim) = (folder.path().join("blocks.txt"), folder.path().join("victim"));
    std::fs::write(&victim, "precious").unwrap();
    symlink(&victim, folder.path().join(".blocks.txt.shieldwall")).unwrap();
    let actuator = FileActuator::new("edge", &path, Format::Plain, controls::Options::default());
    actuator.apply(&blocks(), &[], at(0)).unwrap();
    assert_eq!(std::fs::read_to_string(&victim).unwrap(), "precious");
    assert!(std::fs::symlink_metadata(&path).unwrap().is_file());

    let link = folder.path().join("link.txt");
    symlink(&victim, &link).unwrap();
    for odd in [link.as_path(), folder.path()] {
        let actuator = FileActuator::new("edge", odd, Format::Plain, controls::Options::default());
        let error = actuator.apply(&blocks(), &[], at(0)).unwrap_err();
        assert!(error.permanent && error.message.contains("no plain file"), "{error}");
    }
    assert_eq!(std::fs::read_to_string(&victim).unwrap(), "precious");

    let nowhere = folder.path().join("missing/blocks.txt");
    let actuator = FileActuator::new("edge", &nowhere, Format::Plain, controls::Options::default());
    let error = actuator.apply(&blocks(), &[], at(0)).unwrap_err();
    assert!(error.permanent && error.message.contains("missing/blocks.txt"), "{error}");
}

#[test]
fn the_configuration_reaches_the_text() {
    let folder = testkit::temp_dir();
    let write = |config: serde_json::Value| {
        let path = folder.path().join("out");
        let mut config = config;
        config["path"] = path.to_str().unwrap().into();
        let actuator = Kinds::new("t").open("file", "edge", &config.to_string()).unwrap();
        let items = vec![block(Kind::Domain, "bad.example", None, at(3_600))];
        actuator.apply(&set(items), &[], at(0)).unwrap();
        std::fs::read_to_string(path).unwrap()
    };
    let zone = write(serde_json::json!({"format": "rpz", "rpz_ttl": 7, "rpz_action": "drop"}));
    assert!(zone.ends_with("bad.example 7 IN CNAME rpz-drop.\n"), "{zone}");
    let rules = write(serde_json::json!({
        "format": "suricata", "suricata_action": "alert", "suricata_first_sid": 9_000_000, "suricata_sids": 3,
    }));
    assert!(rules.contains("\nalert dns ") && rules.contains("sid:9000002;"), "{rules}");
    let few = write(serde_json::json!({"format": "suricata", "suricata_sids": 2}));
    assert!(!few.contains("sid:"), "{few}");
    let json = write(serde_json::json!({"format": "json"}));
    assert!(json.contains("shieldwall-block-set/1"), "{json}");
}
