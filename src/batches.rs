//! The commands over units of work: what is done is told, unit by unit; one that fails stops no other.

use crate::bar::Bar;
use crate::cli::{Batch, Reading};
use crate::output::{self, OpenError};
use crate::signals::Signals;
use crate::{Completeness, Failure, output_failure, unpacking, usage};
use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use winsessions::batch::{self, Done, Job, Merged, Partition, Plan, Unit, Units, plan};
use winsessions::error::Error;
use winsessions::evidence::Skipped;
use winsessions::export::messages::{self, Level, LogFormat, Message, Topic};
use winsessions::export::{path_text, visible};
use winsessions::progress::{Progress, Stop};

/// Why a batch has no result, or not of all units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failed {
    /// So many units failed.
    Some(usize),
    /// There is no unit to join.
    Nothing,
    /// A signal stopped it, with so many units finished of so many.
    Stopped {
        /// The exit status that tells the signal.
        status: u8,
        /// How many are finished.
        done: usize,
        /// How many there are.
        all: usize,
    },
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failed::Some(1) => write!(f, "1 unit failed"),
            Failed::Some(units) => write!(f, "{units} units failed"),
            Failed::Stopped { done, all, .. } => write!(
                f,
                "stopped: {done} of {all} units are finished; the same command goes on with the rest"
            ),
            Failed::Nothing => write!(f, "no unit found: `winsessions batch run` makes them"),
        }
    }
}

/// Does what was asked for.
pub fn run(command: Batch) -> Result<Completeness, Failure> {
    match command {
        Batch::Plan { json, reading } => {
            let unpacking = unpacking(&reading)?;
            let plan = plan(&reading.paths, reading.options(&unpacking))
                .map_err(|error| crate::failed(error, &reading))?;
            tell_skipped(&skipped(&plan), &reading);
            list(&plan, json).map_err(|source| output_failure(None, source))?;
            Ok(completeness(skipped(&plan).is_empty()))
        }
        Batch::Run {
            output,
            partition,
            unit,
            force,
            formats,
            csv_raw,
            planned,
            reading,
        } => {
            let unpacking = unpacking(&reading)?;
            let plan = match planned {
                true => read_plan(&reading.paths)?,
                false => plan(&reading.paths, reading.options(&unpacking))
                    .map_err(|error| crate::failed(error, &reading))?,
            };
            let units = chosen(&plan, partition, &unit)?;
            let out = opened(output::folder(&output, &plan.paths), &output)?;
            let job = Job {
                out,
                formats: without_repeats(formats),
                options: reading.options(&unpacking),
                csv_raw,
                force,
            };
            tell_skipped(&plan.skipped, &reading);
            run_units(&job, &plan, &units, &reading)
        }
        Batch::Merge {
            outs,
            output,
            log_format,
            quiet,
        } => {
            let target = opened(output::new_folder(&output, &[]), &output)?;
            let merged = batch::merge(&outs, &target)?;
            if !quiet {
                tell_merged(&merged, log_format);
            }
            let Merged {
                units,
                refused,
                skipped,
                partial,
            } = merged;
            match units {
                0 => Err(Failure::Units(Failed::Nothing)),
                _ => Ok(completeness(
                    refused.is_empty() && skipped == 0 && partial == 0,
                )),
            }
        }
    }
}

fn run_units(
    job: &Job<'_>,
    plan: &Plan,
    units: &[&Unit],
    reading: &Reading,
) -> Result<Completeness, Failure> {
    let stop = Stop::default();
    let signals = Signals::watch(&stop).ok();
    let run = Units::begin(job, plan)?;
    let mut whole = plan.skipped.is_empty();
    let (mut failed, mut before, mut finished) = (0, 0, 0);
    for unit in units {
        if stop.is_requested() {
            break;
        }
        let progress = Arc::new(Progress::new(stop.clone()));
        let bar = (!reading.quiet).then(|| Bar::start(Arc::clone(&progress), reading.log_format));
        let result = run.run(unit, &progress);
        drop(bar);
        match result {
            Ok(done) => {
                finished += 1;
                whole &= !done.partial;
                before += usize::from(done.before);
                if !reading.quiet {
                    tell_done(&unit.folder, &done, reading.log_format);
                }
            }
            Err(batch::Failure::Analysis(Error::Stopped)) => break,
            Err(failure) => {
                failed += 1;
                // What failed is told also to those who want no messages.
                let words = format!("{}: failed: {failure}", unit.folder);
                tell(Level::Error, words, reading.log_format);
            }
        }
    }
    let all = units.len();
    if let Some(status) = signals.and_then(|signals| signals.status()) {
        let done = finished;
        return Err(Failure::Units(Failed::Stopped { status, done, all }));
    }
    if !reading.quiet {
        let words = format!("{finished} of {all} units are finished, {before} of them were before");
        tell(Level::Info, words, reading.log_format);
    }
    match failed {
        0 => Ok(completeness(whole)),
        failed => Err(Failure::Units(Failed::Some(failed))),
    }
}

/// The plan in a file.
fn read_plan(paths: &[PathBuf]) -> Result<Plan, Failure> {
    let [path] = paths else {
        return Err(usage(
            "--planned takes one PATH: what `winsessions batch plan --json` wrote",
        ));
    };
    Ok(Plan::read_json(path)?)
}

/// The units that were asked for.
fn chosen<'p>(
    plan: &'p Plan,
    partition: Option<Partition>,
    ids: &[String],
) -> Result<Vec<&'p Unit>, Failure> {
    for id in ids {
        if !plan.units.iter().any(|unit| unit.id == *id) {
            return Err(usage(format!(
                "no unit of this evidence has the id {id}; `winsessions batch plan` lists them"
            )));
        }
    }
    let units = plan.units.iter();
    let units = units.filter(|unit| ids.is_empty() || ids.contains(&unit.id));
    let units = units.filter(|unit| partition.is_none_or(|part| part.holds(unit)));
    Ok(units.collect())
}

fn without_repeats<T: PartialEq>(all: Vec<T>) -> Vec<T> {
    let mut once = Vec::new();
    for one in all {
        if !once.contains(&one) {
            once.push(one);
        }
    }
    once
}

fn opened<T>(opened: Result<T, OpenError>, named: &Path) -> Result<T, Failure> {
    opened.map_err(|error| match error {
        OpenError::Io(source) => output_failure(Some(named.to_owned()), source),
        refused => usage(refused),
    })
}

fn completeness(whole: bool) -> Completeness {
    match whole {
        true => Completeness::Whole,
        false => Completeness::Partial,
    }
}

/// Says what became of a unit, or of all, on standard error; where that is gone, nobody hears it.
fn tell(level: Level, words: String, format: LogFormat) {
    let _ = Message::new(level, Topic::Unit, words).write(format, &mut io::stderr().lock());
}

fn tell_skipped(skipped: &[Skipped], reading: &Reading) {
    if !reading.quiet {
        let _ = messages::skipped(skipped, reading.log_format, &mut io::stderr().lock());
    }
}

fn tell_done(folder: &str, done: &Done, format: LogFormat) {
    if done.before {
        let partial = if done.partial { ", partial" } else { "" };
        return tell(
            Level::Info,
            format!("{folder}: is finished{partial}"),
            format,
        );
    }
    let warnings = done.messages.len().saturating_sub(1);
    for (place, line) in done.messages.iter().enumerate() {
        let level = if place < warnings {
            Level::Warning
        } else {
            Level::Info
        };
        tell(level, format!("{folder}: {line}"), format);
    }
}

fn tell_merged(merged: &Merged, format: LogFormat) {
    for refused in &merged.refused {
        let (path, reason) = (path_text(&refused.path), &refused.reason);
        tell(Level::Warning, format!("{path}: {reason}"), format);
    }
    let Merged {
        units,
        skipped,
        partial,
        ..
    } = merged;
    if *units > 0 {
        let rest = match skipped {
            0 => String::new(),
            1 => "; 1 skipped file is in no unit".to_owned(),
            files => format!("; {files} skipped files are in no unit"),
        };
        let words = format!(
            "{units} units joined; of {partial} some evidence was damaged or unreadable{rest}"
        );
        tell(Level::Info, words, format);
    }
}

/// All that was skipped.
fn skipped(plan: &Plan) -> Vec<Skipped> {
    let of_units = plan.units.iter().flat_map(|unit| &unit.skipped);
    plan.skipped.iter().chain(of_units).cloned().collect()
}

/// Writes a plan to standard output.
fn list(plan: &Plan, json: bool) -> io::Result<()> {
    let mut to = io::BufWriter::new(io::stdout().lock());
    if json {
        plan.write_json(&mut to)?;
    } else {
        writeln!(to, "{:<16} {:>6} {:>15}  HOST", "ID", "FILES", "BYTES")?;
        for unit in &plan.units {
            let host = unit.host.as_deref().unwrap_or("(no record tells)");
            let (id, files, bytes) = (&unit.id, unit.sources.len(), unit.bytes());
            writeln!(to, "{id} {files:>6} {bytes:>15}  {}", visible(host))?;
        }
    }
    to.flush()
}
