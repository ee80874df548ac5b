//! The child: reads one file after the other and answers in frames.

use std::error::Error;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::ExitCode;

use evtx::{EvtxParser, ParserSettings};

use crate::limits;
use crate::padded::{CHUNK, Padded};
use crate::protocol::{Frames, Kind, MARK, MAX_RECORD, Request, read_opening};

/// What the program does that [`crate::Evtx`] starts: reads wishes from standard input, answers on standard output, ends
/// when standard input does.
///
/// Call it before anything else: it takes most rights away from the whole process.
#[must_use]
pub fn child() -> ExitCode {
    // Not through `Stdout`, which looks for line breaks in all that passes.
    match io::stdout().as_fd().try_clone_to_owned() {
        Ok(output) => serve(io::stdin().lock(), File::from(output)),
        Err(error) => complain(&error),
    }
}

/// The same as [`child`] over other streams.
#[must_use]
pub fn serve(mut input: impl Read, output: impl Write) -> ExitCode {
    match answer(&mut input, Frames::new(output)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&error),
    }
}

/// The parent quotes what is said here.
fn complain(error: &io::Error) -> ExitCode {
    // If nobody listens any more, so be it.
    writeln!(io::stderr(), "{error}").ok();
    ExitCode::from(2)
}

fn answer<W: Write>(input: &mut impl Read, mut frames: Frames<W>) -> io::Result<()> {
    limits::confine(read_opening(input)?)?;
    frames.put(Kind::Ready, &MARK)?;
    frames.flush()?;
    while let Some(request) = Request::read(input)? {
        limits::allow_seconds(request.seconds)?;
        read(&request.path, &mut frames)?;
        frames.flush()?;
    }
    Ok(())
}

/// One file; the error is one of the output.
fn read<W: Write>(path: &Path, frames: &mut Frames<W>) -> io::Result<()> {
    let file = match Padded::open(path) {
        Ok(file) => file,
        Err(error) => return frames.say(Kind::Failed, &format!("it cannot be opened: {error}")),
    };
    let (chunks, cut) = (file.chunks(), file.cut());
    let parser = match EvtxParser::from_read_seek(file) {
        Ok(parser) => parser,
        Err(error) => {
            return frames
                .say(Kind::Failed, &format!("it is no event log file, or damaged: {}", chain(&error)));
        }
    };
    // Checksums are not looked at: what can be read of a damaged log is worth reading. Attributes stay where they stand,
    // for that is what the parser has a fast way for.
    let mut parser = parser.with_configuration(ParserSettings::new().indent(false));
    let counted = u64::from(parser.header().chunk_count);
    for record in parser.records_json_bytes() {
        match record {
            Ok(record) if record.data.len() <= MAX_RECORD => frames.record(&record.data)?,
            Ok(record) => {
                let (id, length) = (record.event_record_id, record.data.len());
                let message = format!("record {id} comes to {length} bytes; at most {MAX_RECORD} are read");
                frames.say(Kind::Bad, &message)?;
            }
            Err(error) => frames.say(Kind::Bad, &chain(&error))?,
        }
    }
    let missing = if cut > 0 {
        format!("it ends within a chunk, after {cut} of its {CHUNK} bytes: it was cut off when it was copied")
    } else if counted > chunks {
        format!(
            "its header counts {counted} chunks, and {chunks} are there: it was cut off when it was copied"
        )
    } else {
        String::new()
    };
    frames.say(Kind::End, &missing)
}

/// An error and what it came from.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text.push_str(": ");
        text.push_str(&error.to_string());
        next = error.source();
    }
    text
}
