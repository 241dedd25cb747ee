//! The command-line program.

mod cli;
mod output;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use cli::{Cli, Command, Run};
use output::{OpenError, Output};
use std::borrow::Borrow;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use winsessions::analysis::{Analysis, Options, Paired, pair};
use winsessions::error::Error;
use winsessions::export::{self, Format, Row, Tabular, View, Writer, messages, visible};
use winsessions::session::Session;
use winsessions::summary::summarize;
use winsessions::synth::{self, TileError, Tiled};

/// How wide tables are where no terminal says.
const DEFAULT_WIDTH: usize = 120;

fn main() -> ExitCode {
    let result = run(Cli::parse());
    if let Err(failure) = &result {
        failure.tell();
    }
    ExitCode::from(status(&result))
}

/// Does what was asked for; says whether it is complete.
fn run(cli: Cli) -> Result<Completeness, Failure> {
    match cli.command {
        Command::Sessions { run, rows, at } => {
            let filter = rows.filter(at).map_err(usage)?;
            export(&run, |found, to| {
                let unknown = AtomicUsize::new(0);
                let kept = |place: &usize| {
                    let session = found.session(*place)?;
                    if filter.leaves_out_as_unknown(&session) {
                        unknown.fetch_add(1, Ordering::Relaxed);
                    }
                    filter.keeps_session(&session).then_some(session)
                };
                let view = View::new(found.analysis(), at);
                to.write::<Session, _, _>(&view, 0..found.sessions(), kept)?;
                let unknown = unknown.into_inner();
                if unknown > 0 && !run.quiet {
                    let _ = writeln!(
                        io::stderr(),
                        "winsessions: {unknown} more may be interactive: the evidence does not tell"
                    );
                }
                Ok(())
            })
        }
        Command::Events { run, rows } => {
            let filter = rows.filter(None).map_err(usage)?;
            export_all(&run, |analysis, to| {
                let view = View::new(analysis, None);
                let events = analysis.events.iter();
                let kept = events.filter(|e| filter.keeps_event(e, view.session_of(e)));
                to.write_all(&view, kept)
            })
        }
        Command::Summary { run, rows } => {
            let filter = rows.filter(None).map_err(usage)?;
            export_all(&run, |analysis, to| {
                let view = View::new(analysis, None);
                let sessions = analysis.sessions.iter().filter(|s| filter.keeps_session(s));
                let events = analysis.events.iter();
                let failures = events.filter(|e| filter.keeps_event(e, view.session_of(e)));
                to.write_all(&view, &summarize(sessions, failures))
            })
        }
        Command::Explain { id, run } => export_all(&run, |analysis, to| {
            let session = find(analysis, &id)?;
            to.tell(&View::new(analysis, None), session)
        }),
        Command::Coverage { run } => export(&run, |found, to| {
            let analysis = found.analysis();
            to.write_all(&View::new(analysis, None), &analysis.coverage)
        }),
        Command::Synth {
            source,
            target,
            tile: Some(copies),
        } => tile(&source, copies, &target),
        Command::Synth { source, target, .. } => {
            let mut stdout = io::stdout().lock();
            for log in synth::run(&source, &target)? {
                // The logs are written, whoever listens.
                let _ = writeln!(stdout, "{}", visible(&log.display().to_string()));
            }
            Ok(Completeness::Whole)
        }
    }
}

/// The same as [`export`], of all sessions and events.
fn export_all(
    run: &Run,
    write: impl FnOnce(&Analysis, &mut Destination) -> Result<(), Failure>,
) -> Result<Completeness, Failure> {
    export(run, |found, to| {
        found.finish();
        write(found.analysis(), to)
    })
}

/// Opens the output, analyses the evidence, lets `write` write the rows, tells what became of the evidence.
fn export(
    run: &Run,
    write: impl FnOnce(&mut Paired, &mut Destination) -> Result<(), Failure>,
) -> Result<Completeness, Failure> {
    let mut to = Destination::open(run)?;
    let options = Options {
        threads: run.threads.map(usize::from),
        decoding: run.decoder,
        recover: run.recover,
    };
    let mut found = pair(&run.paths, options)?;
    write(&mut found, &mut to)?;
    to.output
        .finish()
        .map_err(|source| output_failure(run.file().cloned(), source))?;
    if !run.quiet {
        // Last, so that a long table does not push it away. Where standard error is gone, nobody hears it.
        let _ = messages::write(found.analysis(), &mut io::stderr().lock());
    }
    let completeness = match found.analysis().is_partial() {
        true => Completeness::Partial,
        false => Completeness::Whole,
    };
    // The process ends here: taking millions of parts asunder would be for nothing.
    std::mem::forget(found);
    Ok(completeness)
}

/// Writes a big log of copies of the one at `source`; tells what could not be copied as it should.
fn tile(source: &Path, copies: u32, target: &Path) -> Result<Completeness, Failure> {
    let failed = |source| output_failure(Some(target.to_owned()), source);
    let mut output = open(target, &[source.to_owned()])?;
    let tiled = synth::tile(source, copies, &mut output).map_err(|error| match error {
        TileError::Write(source) => failed(source),
        other => Failure::Tile(other),
    })?;
    output.finish().map_err(failed)?;
    let Tiled {
        chunks,
        damaged_chunks,
        records,
        unmoved,
    } = tiled;
    let _ = writeln!(
        io::stderr(),
        "winsessions: {chunks} of {} chunks copied (x {copies}), {} of {records} records with numbers and times of their own",
        chunks + damaged_chunks,
        records - unmoved,
    );
    if unmoved > 0 {
        let _ = writeln!(
            io::stderr(),
            "winsessions: {unmoved} records keep their number or time; one that keeps both is taken as a duplicate",
        );
    }
    Ok(match damaged_chunks + unmoved {
        0 => Completeness::Whole,
        _ => Completeness::Partial,
    })
}

/// Opens the file to write, outside of the evidence.
fn open(file: &Path, evidence: &[PathBuf]) -> Result<Output, Failure> {
    Output::open(file, evidence).map_err(|error| match error {
        OpenError::Io(source) => output_failure(Some(file.to_owned()), source),
        refused => usage(refused),
    })
}

/// Where rows go, and how.
struct Destination {
    output: Output,
    path: Option<PathBuf>,
    writer: Writer,
}

impl Destination {
    fn open(run: &Run) -> Result<Self, Failure> {
        let output = match run.file() {
            Some(file) => open(file, &run.paths)?,
            None => Output::stdout(),
        };
        Ok(Destination {
            output,
            path: run.file().cloned(),
            writer: Writer {
                format: run.format(io::stdout().is_terminal()),
                width: terminal_width(),
                threads: run.threads.map(usize::from),
            },
        })
    }

    fn write_all<'a, R: Row + Tabular + Sync>(
        &mut self,
        view: &View<'_>,
        rows: impl IntoIterator<Item = &'a R>,
    ) -> Result<(), Failure> {
        self.writer
            .write_all(view, rows, &mut self.output)
            .map_err(|source| output_failure(self.path.clone(), source))
    }

    /// Writes what `row` makes of `items`.
    fn write<R: Row + Tabular, T: Send + Sync, B: Borrow<R>>(
        &mut self,
        view: &View<'_>,
        items: impl IntoIterator<Item = T>,
        row: impl Fn(&T) -> Option<B> + Sync,
    ) -> Result<(), Failure> {
        self.writer
            .write(view, items, row, &mut self.output)
            .map_err(|source| output_failure(self.path.clone(), source))
    }

    /// Tells a session as a story, or writes it as JSON.
    fn tell(&mut self, view: &View<'_>, session: &Session) -> Result<(), Failure> {
        if let Format::Json | Format::Jsonl = self.writer.format {
            return self.write_all(view, [session]);
        }
        export::explain(view, session, self.writer.width, &mut self.output)
            .map_err(|source| output_failure(self.path.clone(), source))
    }
}

fn terminal_width() -> usize {
    let named = std::env::var("COLUMNS").ok().and_then(|n| n.parse().ok());
    named
        .or_else(|| terminal_size::terminal_size().map(|(width, _)| usize::from(width.0)))
        .unwrap_or(DEFAULT_WIDTH)
}

/// Whether all evidence was read.
enum Completeness {
    Whole,
    Partial,
}

/// Why there is no result.
enum Failure {
    Usage(clap::Error),
    Error(Error),
    Synth(synth::Error),
    Tile(TileError),
}

impl Failure {
    fn tell(&self) {
        let mut stderr = io::stderr().lock();
        let _ = match self {
            Failure::Error(error) if is_closed_pipe(error) => Ok(()),
            Failure::Error(error) => {
                if let Error::NoLog { skipped, .. } = error {
                    let _ = messages::skipped(skipped, &mut stderr);
                }
                let text = error.to_string();
                writeln!(stderr, "winsessions: {}", visible(&text))
            }
            Failure::Usage(error) => error.print(),
            Failure::Synth(error) => {
                writeln!(stderr, "winsessions: {}", visible(&error.to_string()))
            }
            Failure::Tile(error) => {
                writeln!(stderr, "winsessions: {}", visible(&error.to_string()))
            }
        };
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Error(error)
    }
}

impl From<synth::Error> for Failure {
    fn from(error: synth::Error) -> Self {
        Failure::Synth(error)
    }
}

fn usage(message: impl Display) -> Failure {
    let text = visible(&message.to_string()).into_owned();
    Failure::Usage(Cli::command().error(ErrorKind::ValueValidation, text))
}

fn output_failure(path: Option<PathBuf>, source: io::Error) -> Failure {
    Failure::Error(Error::Output { path, source })
}

/// How many sessions are named where an id fits several.
const CANDIDATES: usize = 10;

/// The one session whose id begins with `id`.
fn find<'a>(analysis: &'a Analysis, id: &str) -> Result<&'a Session, Failure> {
    let all = &analysis.sessions;
    let fits: Vec<&Session> = all.iter().filter(|s| s.id.starts_with(id)).collect();
    match fits.as_slice() {
        [one] => Ok(one),
        [] => Err(usage(format!(
            "none of the {} sessions in this evidence has an id that begins with {id}; \
             `winsessions sessions` lists them",
            all.len()
        ))),
        several => {
            let count = several.len();
            let ids: Vec<&str> = several.iter().take(CANDIDATES).map(|s| &*s.id).collect();
            let ids = ids.join(", ");
            let more = if count > CANDIDATES { ", ..." } else { "" };
            Err(usage(format!(
                "{count} sessions have an id that begins with {id}: {ids}{more}"
            )))
        }
    }
}

/// The reader of our standard output went away (`| head`): it has what it wants.
fn is_closed_pipe(error: &Error) -> bool {
    matches!(error, Error::Output { path: None, source } if source.kind() == io::ErrorKind::BrokenPipe)
}

/// The exit status: part of the interface, `--help` lists it.
fn status(result: &Result<Completeness, Failure>) -> u8 {
    match result {
        Ok(Completeness::Whole) => 0,
        Ok(Completeness::Partial) => 3,
        Err(Failure::Usage(_)) => 2,
        Err(Failure::Error(Error::NoLog { .. }) | Failure::Tile(TileError::Nothing { .. })) => 4,
        Err(Failure::Error(error)) if is_closed_pipe(error) => 0,
        // A scenario that makes no sense is wrong usage, as are too many copies; all else may work another time.
        Err(
            Failure::Synth(synth::Error::Scenario { .. })
            | Failure::Tile(TileError::TooMany { .. }),
        ) => 2,
        Err(Failure::Error(_) | Failure::Synth(_) | Failure::Tile(_)) => 1,
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
