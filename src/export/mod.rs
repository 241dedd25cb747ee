//! Formats of finished results.
//!
//! In: an [`Analysis`](crate::analysis::Analysis) and the rows of it that were asked for. Out: bytes. A format
//! is one file here and one arm of [`Writer::write`]; columns stand in [`columns`] for all of them. Values for machines
//! (CSV, JSON) are exact; for terminals they are made harmless. Nothing here chooses or sorts rows.

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
pub use text::visible;

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
}

impl Writer {
    /// Writes `rows`: some at a time, but for a table, whose columns depend on all of them.
    ///
    /// # Errors
    /// Those of `out`, or that the workers cannot be started.
    pub fn write<R: Row + Tabular>(
        &self,
        view: &View<'_>,
        rows: impl IntoIterator<Item: Borrow<R> + Send + Sync>,
        out: &mut impl Write,
    ) -> io::Result<()> {
        let rows = rows.into_iter();
        let mut bytes = Vec::new();
        match self.format {
            Format::Table => {
                let rows: Vec<_> = rows.collect();
                let rows: Vec<&R> = rows.iter().map(Borrow::borrow).collect();
                table::write(view, &rows, self.width, out)
            }
            Format::Csv => {
                csv::header::<R>(view, &mut bytes);
                out.write_all(&bytes)?;
                let line =
                    |row: &_, bytes: &mut _| csv::line::<R>(view, Borrow::borrow(row), bytes);
                in_order(self.threads, rows, line, |lines| out.write_all(lines))
            }
            Format::Json => {
                json::opening::<R>(view, &mut bytes);
                out.write_all(&bytes)?;
                let row = |row: &_, bytes: &mut _| json::row::<R>(view, Borrow::borrow(row), bytes);
                let mut list = json::Rows::new(out);
                in_order(self.threads, rows, row, |rows| list.write(rows))?;
                list.end()
            }
            Format::Jsonl => {
                let line =
                    |row: &_, bytes: &mut _| json::line::<R>(view, Borrow::borrow(row), bytes);
                in_order(self.threads, rows, line, |lines| out.write_all(lines))
            }
        }
    }
}
