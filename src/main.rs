//! The command-line program.

mod bar;
mod batches;
mod cli;
mod nearest;
mod output;
mod signals;
mod unmatched;

use bar::Bar;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use clap_complete::Shell;
use clap_mangen::Man;
use cli::{Cli, Command, Reading, Run, Sort};
use nearest::nearest;
use output::{OpenError, Output};
use signals::Signals;
use std::borrow::Borrow;
use std::cell::Cell;
use std::cmp::Reverse;
use std::ffi::OsString;
use std::fmt::Display;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use unmatched::Unmatched;
use winsessions::analysis::{Analysis, Options, Paired, TimelineEvent, pair};
use winsessions::batch;
use winsessions::error::Error;
use winsessions::event::Action;
use winsessions::evidence::{Limits, Unpacking};
use winsessions::export::messages::{Level, LogFormat, Message, Topic};
use winsessions::export::{self, Format, Row, Tabular, View, Writer, messages, visible};
use winsessions::filter::{Filter, First, Glob, Zone, is_of};
use winsessions::overlap::{Overlap, Party, overlaps};
use winsessions::progress::{Progress, Stop};
use winsessions::report::Report;
use winsessions::schema::schema;
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
        Command::Sessions {
            run,
            rows,
            at,
            first_seen,
            sort,
            limit,
        } => {
            let mut filter = rows.filter(at).map_err(usage)?;
            filter.first = first_seen.map(First::new);
            let nothing = Analysis::default();
            check_columns::<Session>(&run, &View::new(&nothing, at).asking(&filter))?;
            export::<Session>(&run, |found, to| {
                if filter.learns() {
                    let all = (0..found.sessions()).filter_map(|place| found.session(place));
                    all.for_each(|session| filter.learn(&session));
                }
                let (unknown, any) = (AtomicUsize::new(0), AtomicBool::new(false));
                let kept = |place: &usize| {
                    let session = found.session(*place)?;
                    if filter.leaves_out_as_unknown(&session) {
                        unknown.fetch_add(1, Ordering::Relaxed);
                    }
                    let is_kept = filter.keeps_session(&session);
                    if is_kept {
                        any.store(true, Ordering::Relaxed);
                    }
                    is_kept.then_some(session)
                };
                let view = View::new(found.analysis(), at)
                    .asking(&filter)
                    .choosing(run.columns.as_deref());
                let all = 0..found.sessions();
                if sort.is_none() && limit.is_none() {
                    to.write::<Session, _, _>(&view, all, kept)?;
                } else {
                    let view = match sort {
                        Some(_) => view.across_machines(),
                        None => view,
                    };
                    let (places, more) = in_order(all, kept, sort, limit);
                    to.write::<Session, _, _>(&view, places, |place| found.session(*place))?;
                    more.tell(&run, sort);
                }
                left_out(&run, unknown.into_inner(), |count| {
                    format!("{count} more may be interactive: the evidence does not tell")
                });
                let all = (0..found.sessions()).filter_map(|place| found.session(place));
                tell_unmatched(&run, (&filter, &[]), any.into_inner(), all, []);
                Ok(())
            })
        }
        Command::Overlap {
            first,
            second,
            run,
            rows,
            limit,
        } => {
            let mut filter = rows.filter(None).map_err(usage)?;
            check_columns::<Overlap>(&run, &View::new(&Analysis::default(), None))?;
            export::<Overlap>(&run, |found, to| {
                let all = || (0..found.sessions()).filter_map(|place| found.session(place));
                if filter.learns() {
                    all().for_each(|session| filter.learn(&session));
                }
                let parties = all().filter(|session| filter.keeps_session(session));
                let parties = parties.filter_map(|session| {
                    let of = [&first, &second].map(|glob| is_of(glob, &session));
                    (of != [false; 2]).then(|| Party::new(session, of[0], of[1]))
                });
                let (pairs, more) = overlaps(parties.collect(), limit as usize);
                let view = View::new(found.analysis(), None)
                    .across_machines()
                    .choosing(run.columns.as_deref());
                to.write_all(&view, &pairs)?;
                left_out(&run, usize::from(more), |_| {
                    "more pairs overlap than --limit lets through".to_owned()
                });
                let asked = (&filter, &[&first, &second][..]);
                tell_unmatched(&run, asked, !pairs.is_empty(), all(), []);
                Ok(())
            })
        }
        Command::Events { run, rows } => {
            let mut filter = rows.filter(None).map_err(usage)?;
            check_zone(&filter)?;
            check_columns::<TimelineEvent>(&run, &View::new(&Analysis::default(), None))?;
            export_all::<TimelineEvent>(&run, |analysis, to| {
                analysis.sessions.iter().for_each(|s| filter.learn(s));
                let view = View::new(analysis, None).choosing(run.columns.as_deref());
                let any = Cell::new(false);
                let events = analysis.events.iter();
                let kept = events.filter(|e| filter.keeps_event(e, view.session_of(e)));
                to.write_all(&view, kept.inspect(|_| any.set(true)))?;
                let none: [&Session; 0] = [];
                let events = analysis.events.iter().map(|e| (e, view.session_of(e)));
                tell_unmatched(&run, (&filter, &[]), any.get(), none, events);
                Ok(())
            })
        }
        Command::Summary { run, rows } => {
            let mut filter = rows.filter(None).map_err(usage)?;
            check_zone(&filter)?;
            check_columns::<Summary>(&run, &View::new(&Analysis::default(), None))?;
            export_all::<Summary>(&run, |analysis, to| {
                analysis.sessions.iter().for_each(|s| filter.learn(s));
                let view = View::new(analysis, None).choosing(run.columns.as_deref());
                let sessions = analysis.sessions.iter().filter(|s| filter.keeps_session(s));
                let events = analysis.events.iter();
                let failures = events.filter(|e| filter.keeps_event(e, view.session_of(e)));
                let rows = summarize(sessions, failures);
                to.write_all(&view, &rows)?;
                let refused = analysis.events.iter().filter(|e| is_refused(e));
                let refused = refused.map(|e| (e, view.session_of(e)));
                let any = !rows.is_empty();
                tell_unmatched(&run, (&filter, &[]), any, &analysis.sessions, refused);
                Ok(())
            })
        }
        Command::Explain { id, run } => {
            if run.columns.is_some() {
                return Err(usage("--columns is about rows, and explain tells a story"));
            }
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
            let mut filter = rows.filter(at).map_err(usage)?;
            check_zone(&filter)?;
            if run.columns.is_some() {
                return Err(usage("--columns is about rows, and a report is a page"));
            }
            if run.csv_raw {
                return Err(usage("--csv-raw is about CSV, and a report is a page"));
            }
            if run.file().is_none() && io::stdout().is_terminal() {
                return Err(usage(
                    "a report is a page for a browser: name a file with -o page.html",
                ));
            }
            export_all::<Session>(&run, |analysis, to| {
                analysis.sessions.iter().for_each(|s| filter.learn(s));
                let view = View::new(analysis, at);
                let sessions = analysis.sessions.iter().filter(|s| filter.keeps_session(s));
                let failures = analysis.events.iter().filter(|e| is_refused(e));
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
                    .map_err(|source| output_failure(to.path.clone(), source))?;
                let any = !(report.sessions.is_empty() && report.failures.is_empty());
                let refused = analysis.events.iter().filter(|e| is_refused(e));
                let refused = refused.map(|e| (e, view.session_of(e)));
                tell_unmatched(&run, (&filter, &[]), any, &analysis.sessions, refused);
                Ok(())
            })
        }
        Command::Coverage { run } => {
            check_columns::<Coverage>(&run, &View::new(&Analysis::default(), None))?;
            export::<Coverage>(&run, |found, to| {
                let analysis = found.analysis();
                let view = View::new(analysis, None).choosing(run.columns.as_deref());
                to.write_all(&view, &analysis.coverage)
            })
        }
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
        Command::Schema { name } => print_all(schema(&name).unwrap_or_default().as_bytes()),
        Command::Completions { shell } => {
            let mut bytes = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "winsessions", &mut bytes);
            if shell == Shell::Fish {
                bytes.extend(cli::fish_positionals().as_bytes());
            }
            print_all(&bytes)
        }
        Command::Man { folder } => manual(folder.as_deref()),
    }
}

/// Writes the manual: its first page to standard output, or all pages into a folder.
fn manual(folder: Option<&Path>) -> Result<Completeness, Failure> {
    let command = cli::with_synopses(Cli::command());
    let Some(folder) = folder else {
        let mut page = Vec::new();
        Man::new(command)
            .render(&mut page)
            .map_err(|source| output_failure(None, source))?;
        return print_all(&page);
    };
    fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(command, folder))
        .map_err(|source| output_failure(Some(folder.to_owned()), source))?;
    Ok(Completeness::Whole)
}

/// Writes bytes to standard output.
fn print_all(bytes: &[u8]) -> Result<Completeness, Failure> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
    written.map_err(|source| output_failure(None, source))?;
    Ok(Completeness::Whole)
}

/// The places of the sessions that are kept, in the order that is asked for, as many as are asked for; and what is left out.
fn in_order(
    all: Range<usize>,
    kept: impl Fn(&usize) -> Option<Session>,
    sort: Option<Sort>,
    limit: Option<u32>,
) -> (Vec<usize>, More) {
    let begun = |session: &Session| session.start.time.or(session.start.max);
    let least = |session: &Session| {
        let last = session.end.min;
        let certain = begun(session)
            .zip(last)
            .map(|(first, last)| last.since(first));
        session.duration.or(certain)
    };
    let keyed = all.filter_map(|place| {
        let session = kept(&place)?;
        let (longest, time) = match sort {
            Some(Sort::Duration) => (least(&session), None),
            Some(Sort::Start) => (None, begun(&session)),
            None => (None, None),
        };
        Some((Reverse(longest), time, place, session.duration.is_none()))
    });
    let mut keyed: Vec<_> = keyed.collect();
    keyed.sort_unstable();
    let most = limit.map_or(usize::MAX, |limit| limit as usize);
    let more = keyed.split_off(most.min(keyed.len()));
    let more = More {
        rows: more.len(),
        of_unknown_duration: more.iter().filter(|(.., is_unknown)| *is_unknown).count(),
    };
    let places = keyed.into_iter().map(|(_, _, place, _)| place);
    (places.collect(), more)
}

/// What fits and is not written.
struct More {
    rows: usize,
    of_unknown_duration: usize,
}

impl More {
    fn tell(&self, run: &Run, sort: Option<Sort>) {
        left_out(run, self.rows, |count| {
            let unknown = match (sort, self.of_unknown_duration) {
                (Some(Sort::Duration), 1..) => format!(
                    ", of which {} may have lasted longer: their bounds are not known",
                    self.of_unknown_duration
                ),
                _ => String::new(),
            };
            format!("{count} more rows fit than --limit lets through{unknown}")
        });
    }
}

/// Tells how many rows are not there that could be.
fn left_out(run: &Run, count: usize, words: impl Fn(usize) -> String) {
    if count == 0 || run.reading.quiet {
        return;
    }
    let message = Message {
        counts: vec![("sessions", count as u64)],
        ..Message::new(Level::Info, Topic::LeftOut, words(count))
    };
    let _ = message.write(run.reading.log_format, &mut io::stderr());
}

/// Whether a logon was refused.
fn is_refused(event: &TimelineEvent) -> bool {
    event.event.action == Action::LogonFailed
}

/// Tells which options and names fit nothing, if there is no row or one of several alternatives may be at fault.
fn tell_unmatched<'e>(
    run: &Run,
    (filter, parties): (&Filter, &[&Glob]),
    any: bool,
    sessions: impl IntoIterator<Item = impl Borrow<Session>>,
    events: impl IntoIterator<Item = (&'e TimelineEvent, Option<&'e Session>)>,
) {
    if any && !filter.has_alternatives() {
        return;
    }
    let mut unmatched = Unmatched::new(filter, parties);
    for session in sessions {
        unmatched.see_session(session.borrow());
    }
    for (event, session) in events {
        unmatched.see_event(event, session);
    }
    unmatched.tell(run, any);
}

/// Whether hours are by a clock that is known of every row: a machine's own is known of sessions alone.
fn check_zone(filter: &Filter) -> Result<(), Failure> {
    match &filter.outside {
        Some(outside) if outside.zone == Zone::Host => Err(usage(
            "--tz local is about sessions: events have no local time; name a zone or an offset",
        )),
        _ => Ok(()),
    }
}

/// Whether rows have the columns that were chosen; those that they have are named where not.
fn check_columns<R: Row>(run: &Run, view: &View<'_>) -> Result<(), Failure> {
    let Some(chosen) = &run.columns else {
        return Ok(());
    };
    let known: Vec<&str> = export::column_names::<R>(view).collect();
    for (place, name) in chosen.iter().enumerate() {
        if chosen.iter().take(place).any(|before| before == name) {
            return Err(usage(format!("--columns names {name} twice")));
        }
        if !known.contains(&name.as_str()) {
            let near = nearest(name, known.iter().copied());
            let near = match near.is_empty() {
                true => String::new(),
                false => format!("; near it are: {}", near.join(", ")),
            };
            let known = known.join(", ");
            return Err(usage(format!(
                "no column is called `{name}`{near}; known are: {known}"
            )));
        }
    }
    Ok(())
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
    /// Whether a byte order mark is still to be written.
    bom: bool,
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
        if run.bom && format != Format::Csv {
            return Err(usage(format!(
                "--bom is about CSV, and what is to be written is {format}: add --format csv"
            )));
        }
        if run.columns.is_some() && ![Format::Csv, Format::Table].contains(&format) {
            return Err(usage(format!(
                "--columns is about CSV and tables, and what is to be written is {format}, whose rows have all members"
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
            bom: run.bom,
            output: Stoppable {
                output,
                stop: stop.clone(),
            },
            path: run.file().cloned(),
            writer: Writer {
                format,
                width: cli::terminal_width(),
                colours: run.file().is_none() && cli::colours(),
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
        self.write::<R, _, _>(view, rows, |row| Some(*row))
    }

    /// Writes what `row` makes of `items`.
    fn write<R: Row + Tabular, T: Send + Sync, B: Borrow<R>>(
        &mut self,
        view: &View<'_>,
        items: impl IntoIterator<Item = T>,
        row: impl Fn(&T) -> Option<B> + Sync,
    ) -> Result<(), Failure> {
        let mark: &[u8] = match std::mem::take(&mut self.bom) {
            true => "\u{feff}".as_bytes(),
            false => b"",
        };
        self.output
            .write_all(mark)
            .and_then(|()| self.writer.write(view, items, row, &mut self.output))
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

/// Wrong usage that the arguments alone do not show; the usage of the command that was called is told with it.
fn usage(message: impl Display) -> Failure {
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
