//! Formats of finished results.
//!
//! In: an [`Analysis`](crate::analysis::Analysis) and the rows of it that were asked for. Out: bytes. A format
//! is one file here and one arm of [`Writer::write`]; columns stand in [`columns`] for all of them. Values for machines
//! (JSON, raw CSV) are exact; for spreadsheets and terminals they are made harmless. Nothing here chooses or sorts rows.

mod cell;
pub mod columns;
mod csv;
mod digits;
mod explain;
mod json;
pub mod messages;
mod said;
mod table;
mod text;

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;

pub use cell::Cell;
pub use columns::{Cells, Row, View};
pub use explain::explain;
pub use json::Lists;
pub use table::{TableColumn, Tabular};
pub use text::{cut, visible, width};

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
    }
}

/// How rows are written.
#[derive(Debug, Clone)]
pub struct Writer {
    /// In which format.
    pub format: Format,
    /// How many columns of a terminal a table takes at most.
    pub width: usize,
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
        let items = items.into_iter();
        let mut bytes = Vec::new();
        match self.format {
            Format::Table => {
                let rows: Vec<B> = items.filter_map(|item| row(&item)).collect();
                let rows: Vec<&R> = rows.iter().map(Borrow::borrow).collect();
                table::write(view, &rows, self.width, out)
            }
            Format::Csv => {
                csv::header::<R>(view, &mut bytes);
                out.write_all(&bytes)?;
                let line = |item: &T, bytes: &mut Vec<u8>| {
                    if let Some(row) = row(item) {
                        csv::line::<R>(view, row.borrow(), self.csv_raw, bytes);
                    }
                };
                in_order(self.threads, items, line, |lines| out.write_all(lines))
            }
            Format::Json => {
                json::opening::<R>(view, &mut bytes);
                out.write_all(&bytes)?;
                let row = |item: &T, bytes: &mut Vec<u8>| {
                    if let Some(row) = row(item) {
                        json::row::<R>(view, row.borrow(), bytes);
                    }
                };
                let mut list = json::Rows::new(out);
                in_order(self.threads, items, row, |rows| list.write(rows))?;
                list.end()
            }
            Format::Jsonl => {
                let line = |item: &T, bytes: &mut Vec<u8>| {
                    if let Some(row) = row(item) {
                        json::line::<R>(view, row.borrow(), bytes);
                    }
                };
                in_order(self.threads, items, line, |lines| out.write_all(lines))
            }
        }
    }
}
