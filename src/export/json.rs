//! JSON: one document, or one object a line.
//!
//! Rows are written one by one as they come, one on a line, so a document of any size needs no memory and
//! line tools can still see its rows.

use super::columns::{Column, DAMAGE, LOGS, Row, SKIPPED, View};
use crate::log::LogAccount;
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use std::io::{self, Write};

/// Writes one document: schema, generator, the account of the evidence, rows.
///
/// # Errors
/// Those of `out`.
pub fn document<R: Row>(view: &View<'_>, rows: &[&R], out: &mut impl Write) -> io::Result<()> {
    write!(
        out,
        "{{\"schema\":\"{}\",\n\"generator\":{{\"name\":\"{}\",\"version\":\"{}\"}},\n\"evidence\":{{\"logs\":",
        R::SCHEMA,
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_VERSION"),
    )?;
    array(
        out,
        view.analysis().logs.iter().map(|log| Log { view, log }),
    )?;
    out.write_all(b",\n\"skipped\":")?;
    array(
        out,
        view.analysis().skipped.iter().map(|row| Object {
            view,
            row,
            columns: SKIPPED,
        }),
    )?;
    write!(
        out,
        ",\n\"other_files\":{},\"conflicting_records\":{}}},\n\"{}\":",
        view.analysis().other_files,
        view.analysis().conflicts,
        R::LIST
    )?;
    array(
        out,
        rows.iter().map(|row| Line {
            view,
            row: *row,
            schema: false,
        }),
    )?;
    out.write_all(b"}\n")
}

/// Writes one object a line, the schema first in each.
///
/// # Errors
/// Those of `out`.
pub fn lines<R: Row>(view: &View<'_>, rows: &[&R], out: &mut impl Write) -> io::Result<()> {
    for row in rows {
        let line = Line {
            view,
            row: *row,
            schema: true,
        };
        serde_json::to_writer(&mut *out, &line)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// An array with one item a line.
fn array<T: Serialize>(out: &mut impl Write, items: impl Iterator<Item = T>) -> io::Result<()> {
    let mut separator = "[\n";
    for item in items {
        out.write_all(separator.as_bytes())?;
        serde_json::to_writer(&mut *out, &item)?;
        separator = ",\n";
    }
    out.write_all(if separator == "[\n" { b"[]" } else { b"\n]" })
}

/// A row of the result with its lists.
struct Line<'v, 'a, R> {
    view: &'v View<'a>,
    row: &'v R,
    schema: bool,
}

impl<R: Row> Serialize for Line<'_, '_, R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if self.schema {
            map.serialize_entry("schema", R::SCHEMA)?;
        }
        for column in R::columns(self.view) {
            map.serialize_entry(column.name, &(column.value)(self.view, self.row))?;
        }
        self.row.lists(self.view, &mut map)?;
        map.end()
    }
}

/// A log with its damage.
struct Log<'v, 'a> {
    view: &'v View<'a>,
    log: &'v LogAccount,
}

impl Serialize for Log<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for column in LOGS {
            map.serialize_entry(column.name, &(column.value)(self.view, self.log))?;
        }
        let damage = objects(self.view, &self.log.account.damage, DAMAGE);
        map.serialize_entry("damage", &damage)?;
        map.end()
    }
}

/// A row of a nested list.
struct Object<'v, 'a, T: 'static> {
    view: &'v View<'a>,
    row: &'v T,
    columns: &'static [Column<T>],
}

impl<T> Serialize for Object<'_, '_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.columns.len()))?;
        for column in self.columns {
            map.serialize_entry(column.name, &(column.value)(self.view, self.row))?;
        }
        map.end()
    }
}

/// A nested list.
pub(super) struct Objects<'v, 'a, T: 'static> {
    view: &'v View<'a>,
    rows: &'v [T],
    columns: &'static [Column<T>],
}

/// `rows` as an array of objects with `columns`.
pub(super) fn objects<'v, 'a, T>(
    view: &'v View<'a>,
    rows: &'v [T],
    columns: &'static [Column<T>],
) -> Objects<'v, 'a, T> {
    Objects {
        view,
        rows,
        columns,
    }
}

impl<T> Serialize for Objects<'_, '_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.rows.len()))?;
        for row in self.rows {
            list.serialize_element(&Object {
                view: self.view,
                row,
                columns: self.columns,
            })?;
        }
        list.end()
    }
}
