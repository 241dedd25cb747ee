//! Objects of JSON whose members are named one by one; what is absent is left out.

use super::cell::Cell;
use super::columns::{Cells, Column};
use super::json::{enclosed, escaped, value};
use crate::time::TICKS_PER_SECOND;

/// An object on its way out.
pub(super) struct Object<'b> {
    bytes: &'b mut Vec<u8>,
}

/// Appends an object, and a line break.
pub(super) fn line(bytes: &mut Vec<u8>, write: impl FnOnce(&mut Object<'_>)) {
    enclosed(*b"{}", bytes, |bytes| write(&mut Object { bytes }));
    bytes.push(b'\n');
}

impl Object<'_> {
    fn name(&mut self, name: &str) {
        self.bytes.extend_from_slice(b",\"");
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(b"\":");
    }

    /// Adds a member, unless its value is absent.
    pub(super) fn put<'c>(&mut self, name: &str, cell: impl Into<Cell<'c>>) {
        let cell = cell.into();
        match cell {
            Cell::Empty => {}
            // Stores take numbers up to 2^63, and refuse all of an object with a greater one.
            Cell::Integer(number) if i64::try_from(number).is_err() => {
                let text = number.to_string();
                self.name(&format!("{name}_text"));
                value(Cell::Text(&text), self.bytes);
            }
            // They learn from the first number whether there can be fractions.
            Cell::Seconds(ticks) if ticks % TICKS_PER_SECOND == 0 => {
                self.name(name);
                value(cell, self.bytes);
                self.bytes.extend_from_slice(b".0");
            }
            cell => {
                self.name(name);
                value(cell, self.bytes);
            }
        }
    }

    /// Adds an object, unless nothing is in it.
    pub(super) fn within(&mut self, name: &str, write: impl FnOnce(&mut Object<'_>)) {
        let before = self.bytes.len();
        self.name(name);
        let start = self.bytes.len();
        enclosed(*b"{}", self.bytes, |bytes| write(&mut Object { bytes }));
        if self.bytes.len() == start + 2 {
            self.bytes.truncate(before);
        }
    }

    /// Adds a list of texts, each once, unless there is none.
    pub(super) fn texts<'t>(&mut self, name: &str, texts: impl IntoIterator<Item = &'t str>) {
        let mut known: Vec<&str> = Vec::new();
        for text in texts {
            if !text.is_empty() && !known.contains(&text) {
                known.push(text);
            }
        }
        if known.is_empty() {
            return;
        }
        self.name(name);
        enclosed(*b"[]", self.bytes, |bytes| {
            for text in known {
                bytes.extend_from_slice(b",\"");
                escaped(text.as_bytes(), bytes);
                bytes.push(b'"');
            }
        });
    }
}

impl<R: 'static> Cells<R> for Object<'_> {
    fn take(&mut self, column: &'static Column<R>, cell: Cell<'_>) {
        self.put(column.name, cell);
    }
}
