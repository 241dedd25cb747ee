//! CSV: a header, then a line a row (RFC 4180 quoting, line feeds). The last column is the schema.

use super::columns::{Row, View};
use std::io::{self, Write};

/// Writes the header and `rows`.
///
/// # Errors
/// Those of `out`.
pub fn write<R: Row>(view: &View<'_>, rows: &[&R], out: &mut impl Write) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    let columns = R::columns(view);
    for column in columns.clone() {
        csv.write_field(column.name).map_err(io_error)?;
    }
    csv.write_field("schema").map_err(io_error)?;
    end_row(&mut csv)?;
    for row in rows {
        for column in columns.clone() {
            let cell = (column.value)(view, row);
            csv.write_field(cell.to_text().as_bytes())
                .map_err(io_error)?;
        }
        csv.write_field(R::SCHEMA).map_err(io_error)?;
        end_row(&mut csv)?;
    }
    csv.flush()
}

fn end_row(csv: &mut csv::Writer<impl Write>) -> io::Result<()> {
    csv.write_record(None::<&[u8]>).map_err(io_error)
}

/// Keeps the kind of an I/O error (a closed pipe is no failure), which the crate's own conversion drops.
fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}
