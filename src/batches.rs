//! The commands over units of work: what is done is told, unit by unit; one that fails stops no other.

use crate::bar::{self, Bar, Steps};
use crate::cli::{Batch, Reading};
use crate::failure::{Completeness, Failure, failed, output_failure, usage};
use crate::output::{self, OpenError};
use crate::signals::Signals;
use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use winsessions::analysis::Options;
use winsessions::batch::{self, Done, Job, Merged, Partition, Plan, Unit, Units, plan};
use winsessions::error::Error;
use winsessions::evidence::{Skipped, Unpacking};
use winsessions::export::messages::{self, Level, LogFormat, Message, OfUnit, Topic};
use winsessions::export::visible;
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
            let unpacking = reading.unpacking().map_err(usage)?;
            let watch = Watch::new(reading.quiet, reading.log_format);
            let plan = planned(&reading, &unpacking, &watch)?;
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
            planned: is_planned,
            reading,
        } => {
            let unpacking = reading.unpacking().map_err(usage)?;
            let watch = Watch::new(reading.quiet, reading.log_format);
            let plan = match is_planned {
                true => read_plan(&reading.paths)?,
                false => planned(&reading, &unpacking, &watch)?,
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
            run_units(&job, &plan, &units, &watch)
        }
        Batch::Merge {
            outs,
            output,
            log_format,
            quiet,
        } => {
            let target = opened(output::new_folder(&output, &[]), &output)?;
            let watch = Watch::new(quiet, log_format);
            let merged = watch.to_the_end(bar::MERGE, |progress| {
                Ok(batch::merge(&outs, &target, progress)?)
            })?;
            if !quiet {
                tell_merged(&merged, log_format);
            }
            let Merged {
                units,
                refused,
                skipped,
                partial,
                ..
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

/// Shows how far a batch is, and hears the signals that stop it.
struct Watch {
    stop: Stop,
    /// Where signals cannot be watched they end the process, as they do without.
    signals: Option<Signals>,
    quiet: bool,
    format: LogFormat,
}

impl Watch {
    fn new(quiet: bool, format: LogFormat) -> Self {
        let stop = Stop::default();
        Watch {
            signals: Signals::watch(&stop).ok(),
            stop,
            quiet,
            format,
        }
    }

    /// The exit status of a run that a signal has stopped.
    fn status(&self) -> Option<u8> {
        self.signals.as_ref()?.status()
    }

    /// Shows how far `work` is.
    fn shown<T>(&self, steps: Steps, work: impl FnOnce(&Progress) -> T) -> T {
        let progress = Arc::new(Progress::new(self.stop.clone()));
        let bar = (!self.quiet).then(|| Bar::start(Arc::clone(&progress), steps, self.format));
        let made = work(&progress);
        drop(bar);
        made
    }

    /// The same of work that leaves nothing if it is stopped.
    fn to_the_end<T>(
        &self,
        steps: Steps,
        work: impl FnOnce(&Progress) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut read = (0, 0);
        let made = self.shown(steps, |progress| {
            let made = work(progress);
            read = progress.bytes();
            made
        });
        match (made, self.status()) {
            (Err(Failure::Error(Error::Stopped)), Some(status)) => Err(Failure::Stopped {
                status,
                read,
                any: false,
            }),
            (made, _) => made,
        }
    }
}

fn planned(reading: &Reading, unpacking: &Unpacking, watch: &Watch) -> Result<Plan, Failure> {
    watch.to_the_end(bar::PLAN, |progress| {
        let options = Options {
            progress: Some(progress),
            ..reading.options(unpacking)
        };
        plan(&reading.paths, options).map_err(|error| failed(error, reading))
    })
}

fn run_units(
    job: &Job<'_>,
    plan: &Plan,
    units: &[&Unit],
    watch: &Watch,
) -> Result<Completeness, Failure> {
    let run = Units::begin(job, plan)?;
    let mut whole = plan.skipped.is_empty();
    let (mut failed, mut before, mut finished) = (0, 0, 0);
    for unit in units {
        if watch.stop.is_requested() {
            break;
        }
        match watch.shown(bar::ANALYSIS, |progress| run.run(unit, progress)) {
            Ok(done) => {
                finished += 1;
                whole &= !done.partial;
                before += usize::from(done.before);
                if !watch.quiet {
                    tell_done(unit, done, watch.format);
                }
            }
            Err(batch::Failure::Analysis(Error::Stopped)) => break,
            Err(failure) => {
                failed += 1;
                // What failed is told also to those who want no messages.
                let words = format!("failed: {failure}");
                let message = of_unit(unit, Level::Error, words, 1);
                tell(message, watch.format);
            }
        }
    }
    let all = units.len();
    if let Some(status) = watch.status() {
        let done = finished;
        return Err(Failure::Units(Failed::Stopped { status, done, all }));
    }
    if !watch.quiet {
        let words = format!("{finished} of {all} units are finished, {before} of them were before");
        let counts = [("units", all), ("finished", finished), ("before", before)];
        tell_all(words, &counts, watch.format);
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

/// Tells on standard error; where that is gone, nobody hears it.
fn tell(message: Message, format: LogFormat) {
    let _ = message.write(format, &mut io::stderr().lock());
}

/// Tells what became of all units.
fn tell_all(words: String, counts: &[(&'static str, usize)], format: LogFormat) {
    let counts = counts.iter().map(|(name, count)| (*name, *count as u64));
    let message = Message {
        counts: counts.collect(),
        ..Message::new(Level::Info, Topic::Unit, words)
    };
    tell(message, format);
}

/// What became of a unit.
fn of_unit(unit: &Unit, level: Level, words: impl ToString, exit_status: u64) -> Message {
    Message {
        unit: Some(OfUnit::from(unit)),
        counts: vec![("exit_status", exit_status)],
        ..Message::new(level, Topic::Unit, words)
    }
}

fn tell_skipped(skipped: &[Skipped], reading: &Reading) {
    if !reading.quiet {
        let _ = messages::skipped(skipped, reading.log_format, &mut io::stderr().lock());
    }
}

fn tell_done(unit: &Unit, done: Done, format: LogFormat) {
    let exit_status = if done.partial { 3 } else { 0 };
    if done.before {
        let partial = if done.partial { ", partial" } else { "" };
        let words = format!("is finished{partial}");
        return tell(of_unit(unit, Level::Info, words, exit_status), format);
    }
    let mut messages = done.messages;
    if let Some(last) = messages.last_mut() {
        last.counts.push(("exit_status", exit_status));
    }
    for message in messages {
        tell(message, format);
    }
}

fn tell_merged(merged: &Merged, format: LogFormat) {
    for refused in &merged.refused {
        let message = Message {
            file: Some(refused.path.clone()),
            ..Message::new(Level::Warning, Topic::Unit, &refused.reason)
        };
        tell(message, format);
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
        let joined = match units {
            1 => "1 unit".to_owned(),
            units => format!("{units} units"),
        };
        let words =
            format!("{joined} joined; of {partial} some evidence was damaged or unreadable{rest}");
        let counts = [
            ("units", *units),
            ("partial", *partial),
            ("skipped", *skipped),
        ];
        tell_all(words, &counts, format);
    }
    if merged.apart > 0 {
        let words = format!(
            "{} parquet files are not joined: engines read those of all units as one table (host=*/sessions.parquet)",
            merged.apart
        );
        tell_all(words, &[("not_joined", merged.apart)], format);
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
