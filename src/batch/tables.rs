//! The result of a unit as files: sessions, events, coverage and summary in each format, and where in each the rows of each
//! host stand, so that files of many units can be joined without reading their rows.

use super::digest::Tally;
use super::{Failure, Job};
use crate::analysis::Analysis;
use crate::event::Text;
use crate::export::{Format, Row, Tabular, View, Writer};
use crate::summary::summarize;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// What there is of each unit.
pub const TABLES: [&str; 4] = ["sessions", "events", "coverage", "summary"];

/// The formats that there can be of each.
pub const FORMATS: [Format; 4] = [Format::Csv, Format::Jsonl, Format::Json, Format::Parquet];

/// Whether files of a format are joined. Those of Parquet are read together as they lie.
pub fn is_joined(format: Format) -> bool {
    format != Format::Parquet
}

/// What a table is called in a format.
pub fn file_name(table: &str, format: Format) -> String {
    format!("{table}.{format}")
}

/// A file of the result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// How many rows it has.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of it.
    pub sha256: String,
    /// At which byte the rows begin.
    pub rows_at: u64,
    /// Whose rows these are, one host behind the other, sorted by name.
    pub hosts: Vec<HostRows>,
}

/// The rows of a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostRows {
    /// Its name; two machines of one name are told of together.
    pub host: String,
    /// How many rows.
    pub rows: u64,
    /// How many bytes those have.
    pub bytes: u64,
}

/// Writes all tables of a finished result into a folder.
///
/// # Errors
/// [`Failure::Io`].
pub fn write(analysis: &Analysis, job: &Job, folder: &Path) -> Result<Vec<Table>, Failure> {
    let view = View::new(analysis, None);
    let summary = summarize(&analysis.sessions, &analysis.events);
    let mut tables = Vec::new();
    for &format in &job.formats {
        let to = To {
            view: &view,
            writer: Writer {
                format,
                width: 0,
                threads: job.options.threads,
                colours: false,
                csv_raw: job.csv_raw,
            },
            folder,
        };
        let [sessions, events, coverage, summed] = TABLES;
        tables.push(to.write(sessions, &analysis.sessions, |row| &row.host)?);
        tables.push(to.write(events, &analysis.events, |row| &row.host)?);
        tables.push(to.write(coverage, &analysis.coverage, |row| &row.host)?);
        tables.push(to.write(summed, &summary, |row| &row.host)?);
    }
    Ok(tables)
}

/// Where tables go, and how.
struct To<'a> {
    view: &'a View<'a>,
    writer: Writer,
    folder: &'a Path,
}

impl To<'_> {
    fn write<R: Row + Tabular + Sync>(
        &self,
        table: &str,
        rows: &[R],
        host: fn(&R) -> &Text,
    ) -> Result<Table, Failure> {
        let name = file_name(table, self.writer.format);
        let mut hosts = Vec::new();
        let mut rows_at = 0;
        let path = self.folder.join(&name);
        let (bytes, sha256) = create(&path, |out| {
            let mut sheet = self.writer.begin::<R, _>(self.view, out)?;
            let mut end = sheet.out().bytes();
            rows_at = end;
            for of_host in rows.chunk_by(|a, b| host(a) == host(b)) {
                sheet.write(of_host, |row| Some(*row))?;
                let start = std::mem::replace(&mut end, sheet.out().bytes());
                hosts.extend(of_host.first().map(|first| HostRows {
                    host: host(first).to_string(),
                    rows: of_host.len() as u64,
                    bytes: end - start,
                }));
            }
            sheet.end()
        })?;
        Ok(Table {
            name,
            rows: rows.len() as u64,
            bytes,
            sha256,
            rows_at,
            hosts,
        })
    }
}

/// Writes a file; says how big it is and its SHA-256.
///
/// # Errors
/// [`Failure::Io`].
pub fn create(
    path: &Path,
    write: impl FnOnce(&mut Tally<BufWriter<File>>) -> io::Result<()>,
) -> Result<(u64, String), Failure> {
    let create = || {
        let mut out = Tally::new(BufWriter::with_capacity(1 << 16, File::create_new(path)?));
        write(&mut out)?;
        out.flush()?;
        let bytes = out.bytes();
        Ok((bytes, out.end()))
    };
    create().map_err(Failure::io(path))
}
