//! Formats of finished results.
//!
//! In: an [`Analysis`](crate::analysis::Analysis) and the rows of it that were asked for. Out: bytes. A format
//! is one file here and one arm of [`write()`]; columns stand in [`columns`] for all of them. Values for machines
//! (CSV, JSON) are exact; for terminals they are made harmless. Nothing here chooses or sorts rows.

mod cell;
pub mod columns;
mod csv;
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
pub use columns::{Row, View};
pub use explain::explain;
pub use table::{TableColumn, Tabular};
pub use text::visible;

use crate::named::named;
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

/// Writes `rows` in `format`; a table takes at most `width` columns of a terminal.
///
/// # Errors
/// Those of `out`.
pub fn write<R: Row + Tabular>(
    format: Format,
    view: &View<'_>,
    rows: &[&R],
    width: usize,
    out: &mut impl Write,
) -> io::Result<()> {
    match format {
        Format::Table => table::write(view, rows, width, out),
        Format::Csv => csv::write(view, rows, out),
        Format::Json => json::document(view, rows, out),
        Format::Jsonl => json::lines(view, rows, out),
    }
}
