//! CSV: a header, then a line a row (RFC 4180 quoting, line feeds). The last column is the schema.

use super::cell::Cell;
use super::columns::{Cells, Column, Row, View};

/// Appends the header.
pub(super) fn header<R: Row>(view: &View<'_>, bytes: &mut Vec<u8>) {
    for column in R::columns(view) {
        bytes.extend_from_slice(column.name.as_bytes());
        bytes.push(b',');
    }
    bytes.extend_from_slice(b"schema\n");
}

/// Appends the line of a row.
pub(super) fn line<R: Row>(view: &View<'_>, row: &R, bytes: &mut Vec<u8>) {
    let start = bytes.len();
    let mut line = Plain { bytes, fields: 0 };
    row.give(view, &mut line);
    let fields = line.fields;
    // Hardly any row has a field to quote, so all fields are looked through at once.
    if !is_plain(bytes.get(start..).unwrap_or_default(), fields) {
        bytes.truncate(start);
        row.give(view, &mut Quoted { bytes });
    }
    bytes.extend_from_slice(R::SCHEMA.as_bytes());
    bytes.push(b'\n');
}

/// Fields as they are, each with a comma behind it.
struct Plain<'b> {
    bytes: &'b mut Vec<u8>,
    fields: usize,
}

impl<R: 'static> Cells<R> for Plain<'_> {
    #[inline(always)]
    fn take(&mut self, _: &'static Column<R>, cell: Cell<'_>) {
        cell.write(self.bytes);
        self.bytes.push(b',');
        self.fields += 1;
    }
}

/// Whether a line has a comma behind each of so many fields and no other, no quotes, and no line breaks or other controls.
fn is_plain(line: &[u8], fields: usize) -> bool {
    let (mut special, mut commas) = (0, 0);
    // Fewer bytes than a byte can count, and no way out of the loop: compilers make this look at many bytes at once.
    for part in line.chunks(224) {
        let mut here = 0;
        for &byte in part {
            special |= u8::from(byte < b' ') | u8::from(byte == b'"');
            here += u8::from(byte == b',');
        }
        commas += usize::from(here);
    }
    special == 0 && commas == fields
}

/// Fields, in quotes where they need them, each with a comma behind it.
struct Quoted<'b> {
    bytes: &'b mut Vec<u8>,
}

impl<R: 'static> Cells<R> for Quoted<'_> {
    fn take(&mut self, _: &'static Column<R>, cell: Cell<'_>) {
        let mut text = Vec::new();
        cell.write(&mut text);
        let is_special = |byte: &u8| matches!(byte, b',' | b'"' | b'\n' | b'\r');
        if text.iter().any(is_special) {
            self.bytes.push(b'"');
            for (place, part) in text.split(|&byte| byte == b'"').enumerate() {
                if place > 0 {
                    self.bytes.extend_from_slice(b"\"\"");
                }
                self.bytes.extend_from_slice(part);
            }
            self.bytes.push(b'"');
        } else {
            self.bytes.extend_from_slice(&text);
        }
        self.bytes.push(b',');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_plain_only_if_no_field_holds_what_separates_fields_or_lines() {
        for length in 0..100 {
            let line = format!("{}a,", "x".repeat(length));
            assert!(is_plain(line.as_bytes(), 1), "{length}");
            for special in [",", "\"", "\n", "\r"] {
                for place in [0, length / 2, length] {
                    let mut line = line.clone();
                    line.insert_str(place, special);
                    assert!(!is_plain(line.as_bytes(), 1), "{line:?}");
                }
            }
        }
        let commas = ",".repeat(1000);
        assert!(is_plain(commas.as_bytes(), 1000));
        assert!(!is_plain(commas.as_bytes(), 999));
    }
}
