//! The command-line program.

mod bar;
mod batches;
mod cli;
mod commands;
mod destination;
mod failure;
mod nearest;
mod output;
mod signals;
mod unmatched;

use clap::{CommandFactory, Parser};
use clap_complete::Shell;
use clap_mangen::Man;
use cli::{Cli, Command};
use failure::{Completeness, Failure, output_failure, status};
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use winsessions::export::visible;
use winsessions::schema::schema;
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
        } => commands::sessions(&run, &rows, at, first_seen, sort, limit),
        Command::Overlap {
            first,
            second,
            run,
            rows,
            limit,
        } => commands::overlap(&first, &second, &run, &rows, limit),
        Command::Events { run, rows } => commands::events(&run, &rows),
        Command::Summary { run, rows } => commands::summary(&run, &rows),
        Command::Explain { id, run } => commands::explain(&id, &run),
        Command::Report { run, rows, at } => commands::report(&run, &rows, at),
        Command::Coverage { run } => commands::coverage(&run),
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

/// Writes a big log of copies of the one at `source`; tells what could not be copied as it should.
fn tile(source: &Path, copies: u32, target: &Path) -> Result<Completeness, Failure> {
    let failed = |source| output_failure(Some(target.to_owned()), source);
    let mut output = destination::open(target, &[source.to_owned()])?;
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
