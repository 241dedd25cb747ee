//! The command-line program.

mod bar;
mod batches;
mod cli;
mod output;
mod signals;

use bar::Bar;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use cli::{Cli, Command, Reading, Run};
use output::{OpenError, Output};
use signals::Signals;
use std::borrow::Borrow;
use std::ffi::OsString;
use std::fmt::Display;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use winsessions::analysis::{Analysis, Options, Paired, TimelineEvent, pair};
use winsessions::batch;
use winsessions::error::Error;
use winsessions::event::Action;
use winsessions::evidence::{Limits, Unpacking};
use winsessions::export::messages::{Level, LogFormat, Message, Topic};
use winsessions::export::{self, Format, Row, Tabular, View, Writer, messages, visible};
use winsessions::progress::{Progress, Stop};
use winsessions::report::Report;
use winsessions::session::{Coverage, Session};
use winsessions::summary::{Summary, summarize};
use winsessions::synth::{self, TileError, Tiled};

fn main() -> ExitCode {
    let result = Cli::try_parse().map_err(Failure::Usage).and_then(run);
    if let Err(failure) = &result {
        failure.tell(cli::log_format_of(std::env::args_os()));
    }
    ExitCode::from(status(&result))
}

/// Does what was asked for; says whether it is complete.
fn run(cli: Cli) -> Result<Completeness, Failure> {
    match cli.command {
        Command::Sessions { run, rows, at } => {
            let filter = rows.filter(at).map_err(usage)?;
            export::<Session>(&run, |found, to| {
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
                if unknown > 0 && !run.reading.quiet {
                    let words =
                        format!("{unknown} more may be interactive: the evidence does not tell");
                    let _ = Message {
                        counts: vec![("sessions", unknown as u64)],
                        ..Message::new(Level::Info, Topic::LeftOut, words)
                    }
                    .write(run.reading.log_format, &mut io::stderr());
                }
                Ok(())
            })
        }
        Command::Events { run, rows } => {
            let filter = rows.filter(None).map_err(usage)?;
            export_all::<TimelineEvent>(&run, |analysis, to| {
                let view = View::new(analysis, None);
                let events = analysis.events.iter();
                let kept = events.filter(|e| filter.keeps_event(e, view.session_of(e)));
                to.write_all(&view, kept)
            })
        }
        Command::Summary { run, rows } => {
            let filter = rows.filter(None).map_err(usage)?;
            export_all::<Summary>(&run, |analysis, to| {
                let view = View::new(analysis, None);
                let sessions = analysis.sessions.iter().filter(|s| filter.keeps_session(s));
                let events = analysis.events.iter();
                let failures = events.filter(|e| filter.keeps_event(e, view.session_of(e)));
                to.write_all(&view, &summarize(sessions, failures))
            })
        }
        Command::Explain { id, run } => {
            let format = run.format(true);
            if !matches!(
                format,
                Format::Table | Format::Csv | Format::Json | Format::Jsonl
            ) {
                return Err(usage(format!(
                    "a story is text or JSON, not {format}: name another FILE, or --format text"
                )));
            }
            export_all::<Session>(&run, |analysis, to| {
                let session = find(analysis, &id)?;
                to.tell(&View::new(analysis, None), session)
            })
        }
        Command::Report { run, rows, at } => {
            let filter = rows.filter(at).map_err(usage)?;
            if run.csv_raw {
                return Err(usage("--csv-raw is about CSV, and a report is a page"));
            }
            if run.file().is_none() && io::stdout().is_terminal() {
                return Err(usage(
                    "a report is a page for a browser: name a file with -o page.html",
                ));
            }
            export_all::<Session>(&run, |analysis, to| {
                let view = View::new(analysis, at);
                let sessions = analysis.sessions.iter().filter(|s| filter.keeps_session(s));
                let refused = |e: &&TimelineEvent| e.event.action == Action::LogonFailed;
                let failures = analysis.events.iter().filter(refused);
                let failures = failures.filter(|e| filter.keeps_event(e, view.session_of(e)));
                let coverage = analysis.coverage.iter().filter(|c| filter.keeps_machine(c));
                let report = Report {
                    view: &view,
                    sessions: sessions.collect(),
                    failures: failures.collect(),
                    coverage: coverage.collect(),
                    chosen_by: filter.options(),
                    threads: run.reading.threads.map(usize::from),
                };
                report
                    .write(&mut to.output)
                    .map_err(|source| output_failure(to.path.clone(), source))
            })
        }
        Command::Coverage { run } => export::<Coverage>(&run, |found, to| {
            let analysis = found.analysis();
            to.write_all(&View::new(analysis, None), &analysis.coverage)
        }),
        Command::Batch(command) => batches::run(command),
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
fn export_all<R: Row>(
    run: &Run,
    write: impl FnOnce(&Analysis, &mut Destination) -> Result<(), Failure>,
) -> Result<Completeness, Failure> {
    export::<R>(run, |found, to| {
        found.finish();
        write(found.analysis(), to)
    })
}

/// Opens the output, analyses the evidence, lets `write` write rows of `R`, tells what became of the evidence.
fn export<R: Row>(
    run: &Run,
    write: impl FnOnce(&mut Paired, &mut Destination) -> Result<(), Failure>,
) -> Result<Completeness, Failure> {
    let stop = Stop::default();
    let mut to = Destination::open::<R>(run, &stop)?;
    // Where signals cannot be watched they end the process, as they do without.
    let signals = Signals::watch(&stop).ok();
    let progress = Arc::new(Progress::new(stop));
    let bar = (!run.reading.quiet)
        .then(|| Bar::start(Arc::clone(&progress), bar::ANALYSIS, run.reading.log_format));
    let unpacking = unpacking(&run.reading)?;
    let options = Options {
        recover: run.recover,
        progress: Some(&progress),
        ..run.reading.options(&unpacking)
    };
    let found = pair(&run.reading.paths, options);
    drop(bar);
    let found = found.map_err(|error| failed(error, &run.reading));
    let written = found.and_then(|mut found| {
        write(&mut found, &mut to)?;
        Ok(found)
    });
    if let Some(status) = signals.and_then(|signals| signals.status()) {
        let while_reading = matches!(written, Err(Failure::Error(Error::Stopped)));
        return Err(Failure::Stopped {
            status,
            read: progress.bytes(),
            any: !while_reading && run.file().is_none(),
        });
    }
    let found = written?;
    to.output
        .output
        .finish()
        .map_err(|source| output_failure(run.file().cloned(), source))?;
    if !run.reading.quiet {
        // Last, so that a long table does not push it away. Where standard error is gone, nobody hears it.
        let _ = messages::write(
            found.analysis(),
            run.reading.log_format,
            &mut io::stderr().lock(),
        );
    }
    let completeness = match found.analysis().is_partial() {
        true => Completeness::Partial,
        false => Completeness::Whole,
    };
    // The process ends here: taking millions of parts asunder would be for nothing.
    std::mem::forget(found);
    Ok(completeness)
}

/// Why there is no result; tells before what was skipped, to those who want messages.
fn failed(error: Error, reading: &Reading) -> Failure {
    if let Error::NoLog { skipped, .. } = &error
        && !reading.quiet
    {
        // Where standard error is gone, nobody hears it.
        let _ = messages::skipped(skipped, reading.log_format, &mut io::stderr().lock());
    }
    Failure::Error(error)
}

/// How packages are opened.
fn unpacking(reading: &Reading) -> Result<Unpacking, Failure> {
    let password = reading
        .password_file
        .as_deref()
        .map(|file| -> Result<_, Failure> {
            let told = |error| usage(format!("--password-file {}: {error}", file.display()));
            let mut password = fs::read(file).map_err(told)?;
            let end = password
                .iter()
                .position(|byte| matches!(byte, b'\r' | b'\n'));
            password.truncate(end.unwrap_or(password.len()));
            // Editors of Windows begin a file of UTF-8 so.
            let bare = password.strip_prefix(b"\xef\xbb\xbf");
            Ok(bare.map(<[u8]>::to_vec).unwrap_or(password))
        });
    let gibibytes = reading
        .unpack_limit
        .map(|gibibytes| u64::from(gibibytes) << 30);
    Ok(Unpacking {
        limits: gibibytes.map_or_else(Limits::default, Limits::unpacking),
        password: password.transpose()?,
    })
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

/// An output that takes nothing more once it was asked to stop.
struct Stoppable {
    output: Output,
    stop: Stop,
}

impl Write for Stoppable {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.stop.is_requested() {
            true => Err(io::Error::other(Error::Stopped)),
            false => self.output.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

/// Where rows go, and how.
struct Destination {
    output: Stoppable,
    path: Option<PathBuf>,
    writer: Writer,
}

impl Destination {
    fn open<R: Row>(run: &Run, stop: &Stop) -> Result<Self, Failure> {
        let is_terminal = io::stdout().is_terminal();
        let format = run.format(is_terminal);
        if run.csv_raw && !format.has_raw() {
            return Err(usage(format!(
                "--csv-raw is about CSV, and what is to be written is {format}: add --format csv"
            )));
        }
        if !R::takes(format) {
            return Err(usage(format!(
                "{format} holds sessions or events: it cannot be written of {}; csv, json, jsonl and parquet can",
                R::LIST
            )));
        }
        if format == Format::Parquet && is_terminal && run.file().is_none() {
            return Err(usage(
                "parquet is no text, and would go to a terminal: add -o FILE",
            ));
        }
        let output = match run.file() {
            Some(file) => open(file, &run.reading.paths)?,
            None => Output::stdout(),
        };
        Ok(Destination {
            output: Stoppable {
                output,
                stop: stop.clone(),
            },
            path: run.file().cloned(),
            writer: Writer {
                format,
                width: cli::terminal_width(),
                threads: run.reading.threads.map(usize::from),
                csv_raw: run.csv_raw,
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

/// Whether all evidence was read.
enum Completeness {
    Whole,
    Partial,
}

/// Why there is no result.
enum Failure {
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
    fn tell(&self, format: LogFormat) {
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
