//! CSV: a header, then a line a row (RFC 4180 quoting, line feeds). The last column is the schema.

use super::Cell;
use super::columns::{Row, View};
use std::fmt::Display;
use std::io::{self, Write};

/// Writes the header and `rows`.
///
/// # Errors
/// Those of `out`.
pub fn write<R: Row>(view: &View<'_>, rows: &[&R], out: &mut impl Write) -> io::Result<()> {
    let columns = R::columns(view);
    let mut lines = Lines {
        bytes: Vec::with_capacity(2 * WRITTEN_AT_ONCE),
        out,
    };
    for column in columns.clone() {
        lines.field(column.name);
    }
    lines.end("schema")?;
    for row in rows {
        for column in columns.clone() {
            match (column.value)(view, row) {
                Cell::Empty => lines.field(""),
                Cell::Text(text) => lines.field(&text),
                Cell::Integer(number) => lines.plain(number),
                Cell::Time(time) => lines.plain(time),
                cell => lines.field(&cell.to_text()),
            }
        }
        lines.end(R::SCHEMA)?;
    }
    lines.flush()
}

/// How much is written at once.
const WRITTEN_AT_ONCE: usize = 1 << 16;

/// Lines, and where they go when there are enough of them.
struct Lines<'w, W> {
    bytes: Vec<u8>,
    out: &'w mut W,
}

impl<W: Write> Lines<'_, W> {
    /// A field that has nothing to quote.
    fn plain(&mut self, value: impl Display) {
        // Writing to memory does not fail.
        let _ = write!(self.bytes, "{value},");
    }

    /// A field with a comma behind it.
    fn field(&mut self, text: &str) {
        let is_special = |byte: u8| matches!(byte, b',' | b'"' | b'\n' | b'\r');
        if text.bytes().any(is_special) {
            self.bytes.push(b'"');
            for (place, part) in text.split('"').enumerate() {
                if place > 0 {
                    self.bytes.extend_from_slice(b"\"\"");
                }
                self.bytes.extend_from_slice(part.as_bytes());
            }
            self.bytes.push(b'"');
        } else {
            self.bytes.extend_from_slice(text.as_bytes());
        }
        self.bytes.push(b',');
    }

    /// The last field of a line.
    fn end(&mut self, text: &str) -> io::Result<()> {
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.push(b'\n');
        match self.bytes.len() >= WRITTEN_AT_ONCE {
            true => self.flush(),
            false => Ok(()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.write_all(&self.bytes)?;
        self.bytes.clear();
        Ok(())
    }
}
