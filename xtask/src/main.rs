//! The one entry point a person must remember: `cargo xtask`.
//!
//! **Invariant:** it has no dependencies, and everything a command needs is either set up by that command or
//! named in its error, with the way to get it.
//!
//! **Must not know:** any crate of the product. It runs cargo and the built binary, nothing else.

mod bench;
mod check;
mod demo;
mod fuzz;
mod generate;
mod machine;
mod process;
mod python;
mod soak;
mod test;

use std::process::ExitCode;

use process::Failure;

const USAGE: &str = "\
usage: cargo xtask <command>

  demo [ARGS…]        build and run the demo: five nodes on this machine that tell each other what they see
                      (--once ends it by itself; ARGS go to `shieldwall demo`)
  test [ARGS…]        set up what the tests need and run them all (ARGS go to `cargo test`)
      --ci            fail where a test would be skipped
  check               formatting, clippy, repository rules, generated files, licences, unused dependencies
      --full          fail where a check would be skipped because its tool is missing
      --fuzz [SECS]   instead: every fuzz target for SECS seconds (30)
      --soak          instead: simulation, kill and property tests with full counts, noted in docs/soak.md
  bench [NAMES…]      run the benches (all, or those named) and print a line about the machine
      --list          name them
  gen                 write the generated files: openapi.json, CLI and configuration reference, man pages
      --check         say which of them are out of date instead
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments.split_first() {
        Some((&"demo", rest)) => demo::run(rest),
        Some((&"test", rest)) => test::run(rest),
        Some((&"check", rest)) => check::run(rest),
        Some((&"bench", rest)) => bench::run(rest),
        Some((&"gen", rest)) => generate::run(rest),
        Some((&("help" | "--help" | "-h"), _)) => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Some((command, _)) => Err(Failure::Usage(format!("there is no command `{command}`"))),
        None => Err(Failure::Usage("which command?".to_owned())),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            if let Failure::Usage(_) = failure {
                eprintln!("\n{USAGE}");
            }
            ExitCode::from(failure.code())
        }
    }
}
