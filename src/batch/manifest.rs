//! What a folder of results says of itself: what it was made of, by what, what came of it, and what its files are.
//!
//! No time of day, no thread count and no name of this computer is in it: the same evidence, under the same paths, gives the
//! same bytes.

use super::tables::{self, FORMATS, TABLES, Table};
use super::{Failure, Unit, digest};
use crate::analysis::{Analysis, Options};
use crate::export::{Format, View, evidence};
use crate::log::Decoding;
use crate::session::Coverage;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::fs;
use std::io::Write;
use std::path::Path;

/// The manifest's name.
pub const MANIFEST: &str = "manifest.json";

/// The checksums of the tables and of the manifest, as `sha256sum -c` reads them.
pub const CHECKSUMS: &str = "SHA256SUMS";

/// Whether a batch gives files of this name.
pub fn is_ours(name: &str) -> bool {
    let mut tables = TABLES.into_iter();
    let is_table = tables.any(|t| FORMATS.iter().any(|&f| tables::file_name(t, f) == name));
    is_table || [MANIFEST, CHECKSUMS].contains(&name)
}

/// What makes results.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    name: String,
    version: String,
}

impl Tool {
    /// This program.
    pub fn this() -> Self {
        Tool {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

/// What a result depends on besides the evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arguments {
    formats: Vec<String>,
    decoder: String,
    csv_raw: bool,
    /// What packages may unpack to, in bytes.
    unpack_limit: u64,
    /// Whether there was a password; it is not told.
    password: bool,
}

impl Arguments {
    /// What was asked for.
    pub fn new(formats: &[Format], options: &Options<'_>, csv_raw: bool) -> Self {
        let decoder = match options.decoding {
            Decoding::Plans => "own",
            Decoding::Evtx => "evtx",
        };
        let limits = options.unpacking.map(|how| how.limits).unwrap_or_default();
        Arguments {
            formats: formats.iter().map(Format::to_string).collect(),
            decoder: decoder.to_owned(),
            csv_raw,
            unpack_limit: limits.total_bytes,
            password: options.unpacking.is_some_and(|how| how.password.is_some()),
        }
    }
}

impl Arguments {
    /// Whether its CSV has text from evidence that a spreadsheet may run; `None` if there is no CSV.
    pub fn is_csv_raw(&self) -> Option<bool> {
        let csv = Format::Csv.to_string();
        self.formats.contains(&csv).then_some(self.csv_raw)
    }
}

/// A file of the evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// The file, as rows name it.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of it; `None` where it could not be read to its end.
    pub sha256: Option<String>,
}

/// What should have been a log and is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Omitted {
    path: String,
    reason: String,
}

/// Which unit a result is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Of {
    /// The unit's id.
    pub id: String,
    /// Its host.
    pub host: Option<String>,
}

/// All that the bytes of a result depend on: where it is the same, they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basis {
    /// Which members the manifest has.
    pub schema: String,
    /// What made it.
    pub tool: Tool,
    /// What was asked for.
    pub arguments: Arguments,
    /// Which unit.
    pub unit: Of,
    /// The paths that were named and that its evidence is or lies below.
    pub paths: Vec<String>,
    /// Its evidence.
    pub inputs: Vec<Input>,
    /// What of it is no log.
    pub skipped: Vec<Omitted>,
}

impl Basis {
    /// The schema of manifests of units.
    pub const SCHEMA: &str = "winsessions/manifest/1";

    /// What the result of a unit depends on.
    pub fn new(unit: &Unit, arguments: Arguments, inputs: Vec<Input>) -> Self {
        let skipped = unit.skipped.iter().map(|skipped| Omitted {
            path: crate::export::path_text(&skipped.path).into_owned(),
            reason: skipped.reason.clone(),
        });
        let paths = unit.paths.iter();
        let paths = paths.map(|path| crate::export::path_text(path).into_owned());
        Basis {
            schema: Self::SCHEMA.to_owned(),
            tool: Tool::this(),
            arguments,
            unit: Of {
                id: unit.id.clone(),
                host: unit.host.clone(),
            },
            paths: paths.collect(),
            inputs,
            skipped: skipped.collect(),
        }
    }

    /// Whether all of the evidence could be read.
    pub fn is_known(&self) -> bool {
        self.inputs.iter().all(|input| input.sha256.is_some())
    }
}

/// What came of it.
#[derive(Debug, Serialize)]
struct Manifest<'a> {
    #[serde(flatten)]
    basis: &'a Basis,
    /// What became of each log, as in JSON documents: claimed, read and damaged records, first and last time, damage.
    evidence: &'a RawValue,
    coverage: Vec<Covered<'a>>,
    warnings: &'a [String],
    outputs: &'a [Table],
    exit_status: u8,
}

/// What the logs hold of a channel.
#[derive(Debug, Serialize)]
struct Covered<'a> {
    host: &'a str,
    channel: &'a str,
    first_record: u64,
    first_time: String,
    last_record: u64,
    last_time: String,
    records: u64,
    duplicates: u64,
    missing_records: u64,
    clears: u64,
}

impl<'a> From<&'a Coverage> for Covered<'a> {
    fn from(of: &'a Coverage) -> Self {
        Covered {
            host: &of.host,
            channel: &of.channel,
            first_record: of.first.0,
            first_time: of.first.1.to_string(),
            last_record: of.last.0,
            last_time: of.last.1.to_string(),
            records: of.records,
            duplicates: of.duplicates,
            missing_records: of.missing(),
            clears: of.own_clears(),
        }
    }
}

/// Writes the manifest and the checksums of a unit's folder.
///
/// # Errors
/// [`Failure::Io`].
pub fn write(
    basis: &Basis,
    analysis: &Analysis,
    warnings: &[String],
    tables: &[Table],
    exit_status: u8,
    folder: &Path,
) -> Result<(), Failure> {
    let failed = |error: serde_json::Error| Failure::io(folder)(error.into());
    let evidence = evidence(&View::new(analysis, None));
    let evidence = RawValue::from_string(evidence).map_err(failed)?;
    let manifest = Manifest {
        basis,
        evidence: &evidence,
        coverage: analysis.coverage.iter().map(Covered::from).collect(),
        warnings,
        outputs: tables,
        exit_status,
    };
    seal(&manifest, tables, folder)
}

/// Writes a manifest, and checksums of the tables and of it.
///
/// # Errors
/// [`Failure::Io`].
pub fn seal(manifest: &impl Serialize, tables: &[Table], folder: &Path) -> Result<(), Failure> {
    let (_, sha256) = tables::create(&folder.join(MANIFEST), |out| {
        serde_json::to_writer_pretty(&mut *out, manifest)?;
        out.write_all(b"\n")
    })?;
    tables::create(&folder.join(CHECKSUMS), |out| {
        out.write_all(checksums(tables, &sha256).as_bytes())
    })?;
    Ok(())
}

fn checksums(tables: &[Table], manifest_sha256: &str) -> String {
    let tables = tables.iter().map(|table| (&*table.sha256, &*table.name));
    let lines = tables.chain([(manifest_sha256, MANIFEST)]);
    lines
        .map(|(sha256, name)| format!("{sha256}  {name}\n"))
        .collect()
}

/// Whether a file is there with these contents.
fn is_whole(path: &Path, bytes: u64, sha256: &str) -> bool {
    let found = fs::symlink_metadata(path);
    found.is_ok_and(|file| file.is_file() && file.len() == bytes)
        && digest::of_file(path).is_ok_and(|found| found == sha256)
}

/// What a manifest says of the files beside it.
#[derive(Debug, Clone, Deserialize)]
pub struct Finished {
    /// Which members it has.
    pub schema: String,
    /// What made it.
    pub tool: Tool,
    /// What was asked for.
    pub arguments: Arguments,
    /// Which unit it is of.
    pub unit: Of,
    /// The paths that were named and that its evidence is or lies below.
    pub paths: Vec<String>,
    /// Its files.
    pub outputs: Vec<Table>,
    /// The exit status of the unit.
    pub exit_status: u8,
}

impl Finished {
    /// Whether the checksums in a folder are those of its tables and of its manifest, whose digest is given.
    pub fn has_checksums(&self, manifest_sha256: &str, folder: &Path) -> bool {
        let expected = checksums(&self.outputs, manifest_sha256);
        let sha256 = digest::of_bytes(expected.as_bytes());
        is_whole(&folder.join(CHECKSUMS), expected.len() as u64, &sha256)
    }
}

/// The finished result of a unit in a folder, if it was made of exactly this and its files are what they were.
pub fn finished(basis: &Basis, folder: &Path) -> Option<Finished> {
    let text = fs::read_to_string(folder.join(MANIFEST)).ok()?;
    let known: Basis = serde_json::from_str(&text).ok()?;
    if known != *basis || !basis.is_known() {
        return None;
    }
    let finished: Finished = serde_json::from_str(&text).ok()?;
    let is_there = |table: &Table| {
        is_ours(&table.name) && is_whole(&folder.join(&table.name), table.bytes, &table.sha256)
    };
    // Another password may open more.
    if basis.arguments.password && finished.exit_status != 0 {
        return None;
    }
    let sha256 = digest::of_bytes(text.as_bytes());
    let is_same = finished.has_checksums(&sha256, folder) && finished.outputs.iter().all(is_there);
    is_same.then_some(finished)
}
