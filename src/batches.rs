//! The commands over units of work: what is done is told, unit by unit; one that fails stops no other.

use crate::cli::{Batch, Reading};
use crate::output::{self, OpenError};
use crate::{Completeness, Failure, output_failure, usage};
use serde::Serialize;
use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use winsessions::batch::{self, Done, Job, Merged, Partition, Plan, Unit, Units, plan};
use winsessions::evidence::Skipped;
use winsessions::export::{messages, path_text, visible};

/// Why a batch has no result, or not of all units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failed {
    /// So many units failed.
    Some(usize),
    /// There is no unit to join.
    Nothing,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failed::Some(1) => write!(f, "1 unit failed"),
            Failed::Some(units) => write!(f, "{units} units failed"),
            Failed::Nothing => write!(f, "no unit found: `winsessions batch run` makes them"),
        }
    }
}

/// Does what was asked for.
pub fn run(command: Batch) -> Result<Completeness, Failure> {
    match command {
        Batch::Plan { json, reading } => {
            let plan = plan(&reading.paths, reading.options().threads)?;
            tell(&reading, |mut to| {
                messages::skipped(&skipped(&plan), &mut to)
            });
            list(&plan, json).map_err(|source| output_failure(None, source))?;
            Ok(completeness(skipped(&plan).is_empty()))
        }
        Batch::Run {
            output,
            partition,
            unit,
            force,
            formats,
            reading,
        } => {
            let plan = plan(&reading.paths, reading.options().threads)?;
            let units = chosen(&plan, partition, &unit)?;
            let out = opened(output::folder(&output, &reading.paths), &output)?;
            let job = Job {
                out,
                formats: without_repeats(formats),
                options: reading.options(),
                force,
            };
            tell(&reading, |mut to| messages::skipped(&plan.skipped, &mut to));
            run_units(&job, &units, plan.skipped.is_empty(), &reading)
        }
        Batch::Merge {
            outs,
            output,
            quiet,
        } => {
            let target = opened(output::new_folder(&output, &[]), &output)?;
            let merged = batch::merge(&outs, &target)?.ok_or(Failure::Units(Failed::Nothing))?;
            if !quiet {
                // Where standard error is gone, nobody hears it.
                let _ = tell_merged(&merged, &mut io::stderr().lock());
            }
            Ok(completeness(
                merged.refused.is_empty() && merged.partial == 0,
            ))
        }
    }
}

fn run_units(
    job: &Job,
    units: &[&Unit],
    mut whole: bool,
    reading: &Reading,
) -> Result<Completeness, Failure> {
    let run = Units::begin(job)?;
    let (mut failed, mut before) = (0, 0);
    for unit in units {
        match run.run(unit) {
            Ok(done) => {
                whole &= !done.partial;
                before += usize::from(done.before);
                tell(reading, |to| tell_done(&unit.folder, &done, to));
            }
            Err(failure) => {
                failed += 1;
                let text = failure.to_string();
                // What failed is told also to those who want no messages.
                let _ = writeln!(
                    io::stderr(),
                    "winsessions: {}: failed: {}",
                    unit.folder,
                    visible(&text)
                );
            }
        }
    }
    let done = units.len() - failed;
    tell(reading, |to| {
        writeln!(
            to,
            "winsessions: {done} of {} units are finished, {before} of them were before",
            units.len()
        )
    });
    match failed {
        0 => Ok(completeness(whole)),
        failed => Err(Failure::Units(Failed::Some(failed))),
    }
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

/// Says something on standard error, unless nobody wants to hear it or it is gone.
fn tell(reading: &Reading, say: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
    if !reading.quiet {
        let _ = say(&mut io::stderr().lock());
    }
}

fn tell_done(folder: &str, done: &Done, to: &mut dyn Write) -> io::Result<()> {
    if done.before {
        let partial = if done.partial { ", partial" } else { "" };
        return writeln!(to, "winsessions: {folder}: is finished{partial}");
    }
    let mut lines = done.messages.iter();
    lines.try_for_each(|line| writeln!(to, "winsessions: {folder}: {line}"))
}

fn tell_merged(merged: &Merged, to: &mut dyn Write) -> io::Result<()> {
    for refused in &merged.refused {
        let (path, reason) = (refused.path.to_string_lossy(), &refused.reason);
        writeln!(to, "winsessions: {}: {}", visible(&path), visible(reason))?;
    }
    let Merged { units, partial, .. } = merged;
    writeln!(
        to,
        "winsessions: {units} units joined; of {partial} some evidence was damaged or unreadable"
    )
}

/// All that was skipped.
fn skipped(plan: &Plan) -> Vec<Skipped> {
    let of_units = plan.units.iter().flat_map(|unit| &unit.skipped);
    plan.skipped.iter().chain(of_units).cloned().collect()
}

/// A plan for programs.
#[derive(Serialize)]
struct Document<'a> {
    schema: &'a str,
    units: Vec<Listed<'a>>,
}

#[derive(Serialize)]
struct Listed<'a> {
    id: &'a str,
    host: Option<&'a str>,
    folder: &'a str,
    bytes: u64,
    sources: Vec<File<'a>>,
}

#[derive(Serialize)]
struct File<'a> {
    path: Cow<'a, str>,
    bytes: u64,
}

impl<'a> From<&'a Unit> for Listed<'a> {
    fn from(unit: &'a Unit) -> Self {
        let sources = unit.sources.iter();
        let sources = sources.map(|source| File {
            path: path_text(&source.item.path),
            bytes: source.bytes,
        });
        Listed {
            id: &unit.id,
            host: unit.host.as_deref(),
            folder: &unit.folder,
            bytes: unit.bytes(),
            sources: sources.collect(),
        }
    }
}

/// Writes a plan to standard output.
fn list(plan: &Plan, json: bool) -> io::Result<()> {
    let mut to = io::BufWriter::new(io::stdout().lock());
    if json {
        let document = Document {
            schema: "winsessions/plan/1",
            units: plan.units.iter().map(Listed::from).collect(),
        };
        serde_json::to_writer_pretty(&mut to, &document)?;
        writeln!(to)?;
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
