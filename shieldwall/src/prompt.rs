//! Asking a person for a secret, on the terminal itself, without showing it.

use std::fs::File;
use std::io::{Read, Write};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::exit::Failure;

/// The longest passphrase, in bytes.
const LONGEST: usize = 1024;

/// A terminal that does not show what is typed, until it is dropped.
struct Silent {
    tty: File,
    before: Termios,
}

impl Silent {
    fn open(what: &str) -> Result<Self, Failure> {
        let nobody = || {
            Failure::new(format!("the {what} is needed, and there is no terminal to ask on"))
                .hint("give a file with --passphrase-file, or run this in a terminal")
        };
        let tty = File::options().read(true).write(true).open("/dev/tty").map_err(|_| nobody())?;
        let before = tcgetattr(&tty).map_err(|_| nobody())?;
        let mut silent = before.clone();
        // Keys that interrupt are read like any other: whoever gives up gets the terminal back as it was.
        silent.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        tcsetattr(&tty, OptionalActions::Flush, &silent).map_err(|_| nobody())?;
        Ok(Self { tty, before })
    }

    fn say(&mut self, text: &str) {
        // A terminal that takes nothing more is noticed when it is read from.
        let _ = self.tty.write_all(text.as_bytes()).and_then(|()| self.tty.flush());
    }

    fn line(&mut self) -> Result<Zeroizing<String>, Failure> {
        let mut typed = Zeroizing::new(Vec::with_capacity(LONGEST));
        loop {
            let mut byte = Zeroizing::new([0; 1]);
            let read = self.tty.read(&mut *byte);
            let read = read.map_err(|error| Failure::new(format!("nothing could be read: {error}")))?;
            match byte.first().copied().filter(|_| read > 0) {
                Some(b'\r' | b'\n') => break,
                // Control-C, control-D, and the end of the terminal.
                Some(3 | 4) | None => return Err(Failure::new("given up: nothing was done")),
                Some(8 | 127) => {
                    // One character may be several bytes.
                    while typed.pop().is_some_and(|byte| (0x80..0xc0).contains(&byte)) {}
                }
                // Control-U.
                Some(21) => typed.clear(),
                Some(byte) if typed.len() < LONGEST => typed.push(byte),
                Some(_) => return Err(Failure::new(format!("longer than {LONGEST} bytes"))),
            }
        }
        let text = std::str::from_utf8(&typed).map_err(|_| Failure::new("what was typed is not text"))?;
        Ok(Zeroizing::new(text.to_owned()))
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        let _ = tcsetattr(&self.tty, OptionalActions::Flush, &self.before);
    }
}

/// Asks for a secret. What is typed is not shown.
pub fn secret(what: &str) -> Result<Zeroizing<String>, Failure> {
    let mut terminal = Silent::open(what)?;
    terminal.say(&format!("{what} (not shown; end with Enter): "));
    let typed = terminal.line();
    terminal.say("\r\n");
    let typed = typed?;
    if typed.is_empty() { Err(Failure::new(format!("the {what} is empty"))) } else { Ok(typed) }
}

/// Asks for a secret that is new: twice, since nobody sees what is typed.
pub fn new_secret(what: &str) -> Result<Zeroizing<String>, Failure> {
    let first = secret(what)?;
    if *first == *secret("same once more")? {
        Ok(first)
    } else {
        Err(Failure::new("the two are not the same: nothing was done").hint("try again"))
    }
}
