//! `shieldwall`: the node, and the command line to it.
//!
//! **Invariant:** a command is a call of the node's own interface. With a node running it goes over the node's
//! socket, otherwise to the same interface in this process; so there is one implementation of everything.
//! Data goes to standard output, messages to standard error; the exit code is 0 when all is well, 1 when there
//! are findings or refusals, 2 when the call or its surroundings are at fault.
//!
//! **Must not know:** how objects are decided on or stored; that is asked of the node.

#![expect(unreachable_pub, reason = "a program has no outside: pub here means other modules of it")]

mod cli;
mod client;
mod commands;
mod demo;
mod detecting;
mod evtx;
mod exit;
mod output;
mod peering;
mod prompt;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::Cli;
use crate::exit::Exit;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Before anything else: what is started for this has little memory and may start no threads.
    if let Some(code) = evtx::child() {
        return code;
    }
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::error(&format!("the asynchronous runtime cannot start: {error}"), None);
            return Exit::Environment.into();
        }
    };
    let json = cli.json;
    let exit = match runtime.block_on(commands::run(cli)) {
        Ok(exit) => exit,
        Err(failure) => {
            failure.show(json);
            failure.exit
        }
    };
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    exit.into()
}
