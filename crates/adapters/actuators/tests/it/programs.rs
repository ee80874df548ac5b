//! The program that is run in the place of `nft`: slow, talkative, absent, failing.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use observable::Kind;
use ports::actuator::Actuator;
use shieldwall_actuators::Nft;

use crate::{alone, at, block, set};

fn script(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("nft");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn one() -> controls::BlockSet {
    set(vec![block(Kind::Ipv4, "198.18.0.7", None, at(3_600))])
}

#[test]
fn the_set_goes_through_standard_input_and_nothing_else() {
    let _guard = alone();
    let folder = testkit::temp_dir();
    let text = r#"printf '%s\n' "$@" > "$0.args"
/usr/bin/env > "$0.env" 2>/dev/null
/bin/cat > "$0.stdin""#;
    let path = script(folder.path(), text);
    let nft = Nft::with_program("edge", &path, Duration::from_secs(10));
    let applied = nft.apply(&one(), &[], at(0)).unwrap();
    let read = |ending: &str| std::fs::read_to_string(folder.path().join(format!("nft.{ending}"))).unwrap();
    assert_eq!(read("args"), "-j\n-f\n-\n");
    let input = read("stdin");
    assert!(input.contains("198.18.0.7") && input.contains("\"timeout\":3600"), "{input}");
    assert_eq!(input, controls::nft(&one(), at(0)).text);
    assert!(!read("env").contains("CARGO"), "{}", read("env"));
    assert_eq!((applied.blocked, applied.handles.len()), (1, 0));
    assert_eq!(applied.digest.to_string().len(), 64);

    // Nothing to block is nothing in the kernel.
    nft.apply(&set(Vec::new()), &[], at(0)).unwrap();
    assert_eq!(read("stdin"), controls::nft_remove());
    nft.remove(&[], at(0)).unwrap();
    assert_eq!(read("stdin"), controls::nft_remove());
}

#[test]
fn what_goes_wrong_is_said_with_what_helps() {
    let _guard = alone();
    let folder = testkit::temp_dir();
    let error = |text: &str| {
        let path = script(folder.path(), text);
        let nft = Nft::with_program("edge", &path, Duration::from_secs(10));
        nft.apply(&one(), &[], at(0)).unwrap_err()
    };
    let denied =
        error("echo 'netlink: Error: cache initialization failed: Operation not permitted' >&2; exit 1");
    assert!(denied.permanent && denied.message.contains("CAP_NET_ADMIN"), "{denied}");
    let large = error("echo 'netlink: Error: Could not process rule: Message too long' >&2; exit 1");
    assert!(large.permanent && large.message.contains("net.core.wmem_max"), "{large}");
    let other = error("printf 'bad \\033[2J thing\\n%s' \"$(printf 'x%.0s' 1 2 3)\" >&2; exit 3");
    assert!(!other.permanent && other.message.contains("xxx"), "{other}");
    assert!(!other.message.contains('\u{1b}'), "{other}");
    let missing = Nft::with_program("edge", &folder.path().join("missing"), Duration::from_secs(10));
    let missing = missing.apply(&one(), &[], at(0)).unwrap_err();
    assert!(missing.permanent && missing.message.contains("cannot be run"), "{missing}");
}

#[test]
fn slowness_and_floods_end() {
    let _guard = alone();
    let folder = testkit::temp_dir();
    let begun = Instant::now();
    for text in ["exec /bin/sleep 60", "exec >&- 2>&-; exec /bin/sleep 60"] {
        let path = script(folder.path(), text);
        let nft = Nft::with_program("edge", &path, Duration::from_millis(300));
        let error = nft.apply(&one(), &[], at(0)).unwrap_err();
        assert!(!error.permanent && error.message.contains("did not end within"), "{error}");
    }
    let path = script(folder.path(), "exec /bin/cat /dev/zero");
    let nft = Nft::with_program("edge", &path, Duration::from_secs(60));
    let error = nft.status(at(0)).unwrap_err();
    assert!(error.message.contains("wrote more than"), "{error}");
    // Complaints are cut, not waited for.
    let path = script(folder.path(), "/usr/bin/head -c 1000000 /dev/zero >&2; exit 1");
    let nft = Nft::with_program("edge", &path, Duration::from_secs(60));
    assert!(nft.apply(&one(), &[], at(0)).unwrap_err().message.len() < 500);
    assert!(begun.elapsed() < Duration::from_secs(50));
}

#[test]
fn a_program_that_reads_nothing_is_no_error_of_ours() {
    let _guard = alone();
    let folder = testkit::temp_dir();
    let path = script(folder.path(), "exit 0");
    let nft = Nft::with_program("edge", &path, Duration::from_secs(10));
    let many = (0..20_000u32).map(|number| {
        let address = std::net::Ipv4Addr::from_bits(0x0b00_0000 + 2 * number).to_string();
        block(Kind::Ipv4, &address, None, at(3_600))
    });
    assert_eq!(nft.apply(&set(many.collect()), &[], at(0)).unwrap().blocked, 20_000);
}
