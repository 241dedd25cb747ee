//! Why there is no result: what is said of it, and the exit status.

use crate::bar;
use crate::batches;
use crate::cli::{Cli, Reading};
use clap::CommandFactory;
use clap::error::ErrorKind;
use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, Write};
use std::path::PathBuf;
use winsessions::batch;
use winsessions::error::Error;
use winsessions::export::messages::{Level, LogFormat, Message, Topic};
use winsessions::export::{messages, visible};
use winsessions::synth::{self, TileError};

/// Whether all evidence was read.
pub enum Completeness {
    Whole,
    Partial,
}

/// Why there is no result.
pub enum Failure {
    Usage(clap::Error),
    Error(Error),
    Batch(batch::Failure),
    Units(batches::Failed),
    /// By a signal, with so many bytes read of so many, and perhaps with some rows on standard output.
    Stopped {
        status: u8,
        read: (u64, u64),
        any: bool,
    },
    Synth(synth::Error),
    Tile(TileError),
}

impl Failure {
    /// Says why, on standard error; where that is gone, nobody hears it.
    pub fn tell(&self, format: LogFormat) {
        let mut stderr = io::stderr().lock();
        let failed = |words: &dyn Display| Message::new(Level::Error, Topic::Failed, words);
        let message = match self {
            Failure::Error(error) if is_closed_pipe(error) => return,
            Failure::Usage(answer) if !answer.use_stderr() || format == LogFormat::Text => {
                let _ = print(answer);
                return;
            }
            Failure::Usage(answer) => failed(&answer.render()),
            Failure::Error(error) => failed(error),
            Failure::Stopped {
                read: (done, total),
                any,
                ..
            } => {
                let left = match any {
                    true => "the result is not complete",
                    false => "no result was written",
                };
                let (read, of) = (bar::bytes(*done), bar::bytes(*total));
                Message {
                    counts: vec![("bytes_read", *done), ("bytes_total", *total)],
                    ..Message::new(
                        Level::Error,
                        Topic::Stopped,
                        format!("stopped: {read} of {of} were read, {left}"),
                    )
                }
            }
            Failure::Batch(error) => failed(error),
            Failure::Units(error) => failed(error),
            Failure::Synth(error) => failed(error),
            Failure::Tile(error) => failed(error),
        };
        let _ = message.write(format, &mut stderr);
    }
}

/// Prints what the command line was answered with. It repeats arguments, and a shell can make arguments of file names.
fn print(answer: &clap::Error) -> io::Result<()> {
    let acts_or_hides = |argument: OsString| {
        let text = argument.to_string_lossy();
        visible(&text) != text
    };
    if !answer.use_stderr() || !std::env::args_os().any(acts_or_hides) {
        return answer.print();
    }
    let text = answer.render().to_string();
    let lines = text.split('\n').map(visible);
    io::stderr().write_all(lines.collect::<Vec<_>>().join("\n").as_bytes())
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Error(error)
    }
}

impl From<batch::Failure> for Failure {
    fn from(failure: batch::Failure) -> Self {
        match failure {
            batch::Failure::Analysis(error) => Failure::Error(error),
            other => Failure::Batch(other),
        }
    }
}

impl From<synth::Error> for Failure {
    fn from(error: synth::Error) -> Self {
        Failure::Synth(error)
    }
}

/// Wrong usage that the arguments alone do not show; the usage of the command that was called is told with it.
pub fn usage(message: impl Display) -> Failure {
    let text = visible(&message.to_string()).into_owned();
    let mut command = Cli::command();
    command.build();
    for argument in std::env::args_os().skip(1) {
        match command.find_subcommand(&argument) {
            Some(called) => command = called.clone(),
            None => break,
        }
    }
    Failure::Usage(command.error(ErrorKind::ValueValidation, text))
}

pub fn output_failure(path: Option<PathBuf>, source: io::Error) -> Failure {
    Failure::Error(Error::Output { path, source })
}

/// Why there is no result; tells before what was skipped, to those who want messages.
pub fn failed(error: Error, reading: &Reading) -> Failure {
    if let Error::NoLog { skipped, .. } = &error
        && !reading.quiet
    {
        // Where standard error is gone, nobody hears it.
        let _ = messages::skipped(skipped, reading.log_format, &mut io::stderr().lock());
    }
    Failure::Error(error)
}

/// The reader of our standard output went away (`| head`): it has what it wants.
fn is_closed_pipe(error: &Error) -> bool {
    matches!(error, Error::Output { path: None, source } if source.kind() == io::ErrorKind::BrokenPipe)
}

/// The exit status: part of the interface, `--help` lists it.
pub fn status(result: &Result<Completeness, Failure>) -> u8 {
    match result {
        Ok(Completeness::Whole) => 0,
        Ok(Completeness::Partial) => 3,
        Err(Failure::Usage(answer)) if !answer.use_stderr() => 0,
        Err(Failure::Usage(_)) => 2,
        Err(
            Failure::Stopped { status, .. }
            | Failure::Units(batches::Failed::Stopped { status, .. }),
        ) => *status,
        Err(Failure::Error(Error::NoLog { .. }) | Failure::Tile(TileError::Nothing { .. })) => 4,
        Err(Failure::Error(error)) if is_closed_pipe(error) => 0,
        // A scenario that makes no sense is wrong usage, as are too many copies; all else may work another time.
        Err(
            Failure::Synth(synth::Error::Scenario { .. })
            | Failure::Tile(TileError::TooMany { .. }),
        ) => 2,
        // What is in the way has to go before another time, or another place has to be named.
        Err(Failure::Batch(
            batch::Failure::Foreign { .. }
            | batch::Failure::NoPlan { .. }
            | batch::Failure::UnitName { .. }
            | batch::Failure::InEvidence { .. }
            | batch::Failure::Apart,
        )) => 2,
        Err(Failure::Units(batches::Failed::Nothing)) => 4,
        Err(
            Failure::Error(_)
            | Failure::Batch(_)
            | Failure::Units(_)
            | Failure::Synth(_)
            | Failure::Tile(_),
        ) => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output_error(path: Option<&str>, kind: io::ErrorKind) -> u8 {
        status(&Err(Failure::Error(Error::Output {
            path: path.map(Into::into),
            source: kind.into(),
        })))
    }

    #[test]
    fn a_reader_that_went_away_is_no_failure_and_a_file_that_cannot_be_written_is() {
        assert_eq!(output_error(None, io::ErrorKind::BrokenPipe), 0);
        assert_eq!(output_error(None, io::ErrorKind::StorageFull), 1);
        assert_eq!(output_error(Some("x"), io::ErrorKind::BrokenPipe), 1);
    }

    #[test]
    fn damage_and_wrong_usage_have_a_status_of_their_own() {
        assert_eq!(status(&Ok(Completeness::Whole)), 0);
        assert_eq!(status(&Ok(Completeness::Partial)), 3);
        assert_eq!(status(&Err(usage("no"))), 2);
    }
}
