//! Where results go, and how they are written.

use crate::cli::{self, Run};
use crate::failure::{Failure, output_failure, usage};
use crate::output::{OpenError, Output};
use std::borrow::Borrow;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use winsessions::error::Error;
use winsessions::export::{self, Format, Row, Tabular, View, Writer};
use winsessions::progress::Stop;
use winsessions::report::Report;
use winsessions::session::Session;

/// Opens the file to write, outside of the evidence.
pub fn open(file: &Path, evidence: &[PathBuf]) -> Result<Output, Failure> {
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
pub struct Destination {
    /// Whether a byte order mark is still to be written.
    bom: bool,
    output: Stoppable,
    path: Option<PathBuf>,
    writer: Writer,
}

impl Destination {
    pub fn open<R: Row>(run: &Run, stop: &Stop) -> Result<Self, Failure> {
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

    pub fn write_all<'a, R: Row + Tabular + Sync>(
        &mut self,
        view: &View<'_>,
        rows: impl IntoIterator<Item = &'a R>,
    ) -> Result<(), Failure> {
        self.write::<R, _, _>(view, rows, |row| Some(*row))
    }

    /// Writes what `row` makes of `items`.
    pub fn write<R: Row + Tabular, T: Send + Sync, B: Borrow<R>>(
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
    pub fn tell(&mut self, view: &View<'_>, session: &Session) -> Result<(), Failure> {
        if let Format::Json | Format::Jsonl = self.writer.format {
            return self.write_all(view, [session]);
        }
        export::explain(view, session, self.writer.width, &mut self.output)
            .map_err(|source| output_failure(self.path.clone(), source))
    }

    /// Writes a page.
    pub fn page(&mut self, report: &Report<'_>) -> Result<(), Failure> {
        report
            .write(&mut self.output)
            .map_err(|source| output_failure(self.path.clone(), source))
    }

    /// Everything is written: a file appears under its name.
    pub fn finish(self) -> Result<(), Failure> {
        let finished = self.output.output.finish();
        finished.map_err(|source| output_failure(self.path, source))
    }
}
