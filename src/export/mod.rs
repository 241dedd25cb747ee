//! Formats of finished results.
//!
//! In: an [`Analysis`](crate::analysis::Analysis) and the rows of it that were asked for. Out: bytes. A format
//! is one file here and one arm of [`Writer::write`]; columns stand in [`columns`] for all of them. Values for machines
//! (JSON, raw CSV) are exact; for spreadsheets and terminals they are made harmless. Nothing here chooses or sorts rows.

mod cell;
pub mod columns;
mod csv;
mod ecs;
mod explain;
mod graph;
mod json;
mod l2tcsv;
pub mod messages;
mod object;
mod ocsf;
mod parquet;
mod point;
mod said;
mod table;
mod text;
mod timesketch;

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;

pub use cell::{Cell, Type};
pub use columns::{Cells, Column, Lists, Row, View, path_text};
pub use explain::{Line, Stories, explain};
pub use point::Point;
pub(crate) use said::{caller, why_failed};
pub use table::account;
pub use table::{TableColumn, Tabular};
pub(crate) use table::{spoken, step_of};
pub use text::{cut, visible, width};

use graph::Graph;

use crate::analysis::in_order;
use crate::named::named;
use std::borrow::Borrow;
use std::io::{self, Write};

named! {
    /// How results are written.
    pub enum Format {
        /// For people, on a terminal.
        Table = "table",
        /// Comma-separated values.
        Csv = "csv",
        /// One JSON document.
        Json = "json",
        /// One JSON object a line.
        Jsonl = "jsonl",
        /// Typed columns, for engines that read big tables.
        Parquet = "parquet",
        /// JSON Lines for Timesketch.
        Timesketch = "timesketch",
        /// CSV for Timesketch.
        TimesketchCsv = "timesketch-csv",
        /// Events of the Open Cybersecurity Schema Framework, one a line.
        Ocsf = "ocsf",
        /// Documents of the Elastic Common Schema, one a line.
        Ecs = "ecs",
        /// log2timeline's CSV.
        L2tcsv = "l2tcsv",
        /// The graph of logons from sources to machines, as XML.
        Graphml = "graphml",
        /// The edges of that graph, as CSV.
        Edges = "edges",
    }
}

impl Format {
    /// Whether it holds points in time: two of a session, one of an event, and nothing of other rows.
    pub fn is_timeline(self) -> bool {
        use Format::*;
        matches!(self, Timesketch | TimesketchCsv | Ocsf | Ecs | L2tcsv)
    }

    /// Whether it holds what all rows add up to.
    pub fn is_graph(self) -> bool {
        matches!(self, Format::Graphml | Format::Edges)
    }

    /// Whether it is CSV that may hold text from evidence as it is, or made harmless.
    pub fn has_raw(self) -> bool {
        matches!(self, Format::Csv | Format::TimesketchCsv | Format::Edges)
    }
}

/// How rows are written.
#[derive(Debug, Clone)]
pub struct Writer {
    /// In which format.
    pub format: Format,
    /// How many columns of a terminal a table takes at most.
    pub width: usize,
    /// Whether tables have colours.
    pub colours: bool,
    /// Worker threads; `None` means one per core.
    pub threads: Option<usize>,
    /// Whether CSV holds text from evidence exactly; else what a spreadsheet would run gets an apostrophe in front.
    pub csv_raw: bool,
}

impl Writer {
    /// Writes `rows`.
    ///
    /// # Errors
    /// Those of [`Writer::write`].
    pub fn write_all<'r, R: Row + Tabular + Sync + 'r>(
        &self,
        view: &View<'_>,
        rows: impl IntoIterator<Item = &'r R>,
        out: &mut impl Write,
    ) -> io::Result<()> {
        self.write::<R, _, _>(view, rows, |row| Some(*row), out)
    }

    /// Writes what `row` makes of `items`: some at a time, but for a table, whose columns depend on all of them.
    ///
    /// # Errors
    /// Those of `out`, or that the workers cannot be started.
    pub fn write<R: Row + Tabular, T: Send + Sync, B: Borrow<R>>(
        &self,
        view: &View<'_>,
        items: impl IntoIterator<Item = T>,
        row: impl Fn(&T) -> Option<B> + Sync,
        out: &mut impl Write,
    ) -> io::Result<()> {
        let mut sheet = self.begin::<R, _>(view, out)?;
        sheet.write(items, row)?;
        sheet.end()
    }

    /// Writes what stands before the rows.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn begin<'w, R: Row, W: Write>(
        &'w self,
        view: &'w View<'w>,
        mut out: W,
    ) -> io::Result<Sheet<'w, R, W>> {
        let mut bytes = Vec::new();
        let chosen = view.chosen().map(|names| choose::<R>(view, names));
        match self.format {
            Format::Csv => csv::header::<R>(view, chosen.as_deref(), &mut bytes),
            Format::Json => json::opening::<R>(view, &mut bytes),
            Format::TimesketchCsv => timesketch::header::<R>(view, &mut bytes),
            Format::L2tcsv => l2tcsv::header(&mut bytes),
            _ => {}
        }
        out.write_all(&bytes)?;
        let gathered = match self.format {
            Format::Parquet => {
                let mut file = parquet::File::begin::<R>(view)?;
                file.group(&mut out)?;
                Gathered::File(Box::new(file))
            }
            format if format.is_graph() => Gathered::Graph(Graph::default()),
            _ => Gathered::Nothing,
        };
        Ok(Sheet {
            writer: self,
            view,
            out,
            any: false,
            chosen,
            gathered,
        })
    }
}

/// Rows on their way out, some at a time.
#[derive(Debug)]
pub struct Sheet<'w, R: 'static, W> {
    writer: &'w Writer,
    view: &'w View<'w>,
    out: W,
    /// Whether there is a row yet, where that makes a difference.
    any: bool,
    chosen: Option<Vec<&'static Column<R>>>,
    gathered: Gathered,
}

/// The columns of these names; those that rows do not have are left out.
fn choose<R: Row>(view: &View<'_>, names: &[String]) -> Vec<&'static Column<R>> {
    let named = |name: &String| {
        let mut all = R::columns(view).chain([columns::schema::<R>()]);
        all.find(|column| column.name == name)
    };
    names.iter().filter_map(named).collect()
}

/// The names of all columns that rows can be given with.
pub fn column_names<R: Row>(view: &View<'_>) -> impl Iterator<Item = &'static str> {
    let all = R::columns(view).chain([columns::schema::<R>()]);
    all.map(|column| column.name)
}

/// What is kept of rows until more of them, or all, are there.
#[derive(Debug)]
enum Gathered {
    Nothing,
    File(Box<parquet::File>),
    Graph(Graph),
}

impl<R: Row + Tabular, W: Write> Sheet<'_, R, W> {
    /// Writes what `row` makes of `items`. A table, whose columns depend on all its rows, is complete with these; Parquet begins
    /// another group with the next.
    ///
    /// # Errors
    /// Those of `out`, or that the workers cannot be started.
    pub fn write<T: Send + Sync, B: Borrow<R>>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        row: impl Fn(&T) -> Option<B> + Sync,
    ) -> io::Result<()> {
        let (view, threads) = (self.view, self.writer.threads);
        let csv_raw = self.writer.csv_raw;
        let chosen = self.chosen.as_deref();
        let items = items.into_iter();
        let out = &mut self.out;
        match self.writer.format {
            Format::Table => {
                let rows: Vec<B> = items.filter_map(|item| row(&item)).collect();
                let rows: Vec<&R> = rows.iter().map(Borrow::borrow).collect();
                match chosen {
                    None => {
                        let Writer { width, colours, .. } = *self.writer;
                        table::write(view, &rows, width, colours, out)
                    }
                    Some(chosen) => {
                        table::write_chosen(view, &rows, chosen, self.writer.width, out)
                    }
                }
            }
            Format::Csv => {
                let line = |item: &T, bytes: &mut Vec<u8>| {
                    if let Some(row) = row(item) {
                        csv::line::<R>(view, row.borrow(), chosen, csv_raw, bytes);
                    }
                };
                in_order(threads, items, line, |lines| out.write_all(lines))
            }
            Format::Json => {
                let row = |item: &T, bytes: &mut Vec<u8>| {
                    if let Some(row) = row(item) {
                        json::row::<R>(view, row.borrow(), bytes);
                    }
                };
                let any = &mut self.any;
                in_order(threads, items, row, |rows| json::write_rows(rows, any, out))
            }
            Format::Parquet => {
                let Gathered::File(file) = &mut self.gathered else {
                    return Ok(());
                };
                for row in items.filter_map(|item| row(&item)) {
                    file.row::<R>(view, row.borrow(), out)?;
                }
                file.group(out)
            }
            Format::Graphml | Format::Edges => {
                let Gathered::Graph(graph) = &mut self.gathered else {
                    return Ok(());
                };
                for row in items.filter_map(|item| row(&item)) {
                    graph.add(&row.borrow().points(view));
                }
                Ok(())
            }
            Format::Jsonl
            | Format::Timesketch
            | Format::TimesketchCsv
            | Format::Ocsf
            | Format::Ecs
            | Format::L2tcsv => {
                let lines = match self.writer.format {
                    Format::Timesketch => timesketch::lines::<R>,
                    Format::Ocsf => ocsf::lines::<R>,
                    Format::Ecs => ecs::lines::<R>,
                    Format::L2tcsv => l2tcsv::lines::<R>,
                    Format::TimesketchCsv if csv_raw => timesketch::csv_lines::<R, true>,
                    Format::TimesketchCsv => timesketch::csv_lines::<R, false>,
                    _ => json::line::<R>,
                };
                let lines = |item: &T, bytes: &mut Vec<u8>| {
                    if let Some(row) = row(item) {
                        lines(view, row.borrow(), bytes);
                    }
                };
                in_order(threads, items, lines, |lines| out.write_all(lines))
            }
        }
    }

    /// Where the rows go.
    pub fn out(&self) -> &W {
        &self.out
    }

    /// Writes what stands behind the rows.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn end(mut self) -> io::Result<()> {
        match self.gathered {
            Gathered::File(file) => file.end(&mut self.out),
            Gathered::Graph(graph) => match self.writer.format {
                Format::Edges => graph.write_edges(self.writer.csv_raw, &mut self.out),
                _ => graph.write_graphml(&mut self.out),
            },
            Gathered::Nothing => self.out.write_all(self.writer.format.closing(self.any)),
        }
    }
}

impl Format {
    /// What stands behind all rows; `any` tells whether there are some.
    pub fn closing(self, any: bool) -> &'static [u8] {
        match self {
            Format::Json => json::closing(any),
            _ => b"",
        }
    }
}

/// The account of the evidence as it stands in JSON documents.
pub fn evidence(view: &View<'_>) -> String {
    let mut bytes = Vec::new();
    json::evidence(view, &mut bytes);
    String::from_utf8(bytes).unwrap_or_default()
}
