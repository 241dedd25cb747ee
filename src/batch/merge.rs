//! Joins the folders of units into one result.
//!
//! In: folders that runs wrote units into. Out: one folder with the same tables, each the bytes of one run over everything: rows
//! are sorted by host first, a host's rows are all in one unit, and manifests tell where in each file they stand. So whole pieces
//! of files are copied, in the order of the hosts; if a run replaces a unit meanwhile, there is no result. What grows with the
//! number of units is a list of these pieces, some hundred bytes for each host and table, and with JSON as much for each log; one
//! file is open at a time.
//!
//! What is in no unit is taken from the file that a run puts beside them.
//! Parquet is left where it is: engines read the files of all units as one table.

use super::Failure;
use super::digest::{self, Tally};
use super::manifest::{self, Basis, Finished, MANIFEST, Of, Omitted, Tool};
use super::name::PREFIX;
use super::rest::{REST, Rest};
use super::tables::{self, FORMATS, HostRows, TABLES, Table};
use super::work::Work;
use crate::error::Error;
use crate::export::Format;
use crate::progress::Progress;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A merge that is finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// How many units it joins; if none, there is no result.
    pub units: usize,
    /// What could not be joined.
    pub refused: Vec<Refused>,
    /// How many files that should have been logs are in no unit.
    pub skipped: usize,
    /// How many of the units had damaged or unreadable evidence.
    pub partial: usize,
    /// How many files are of a format that is not joined.
    pub apart: usize,
}

/// A folder of a unit, or a file of it, that is not part of a merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The folder or file.
    pub path: PathBuf,
    /// Why not, in words.
    pub reason: String,
}

/// A unit whose files are what its manifest says.
struct Part {
    folder: PathBuf,
    finished: Finished,
    manifest_sha256: String,
}

/// What a merge was made of.
#[derive(Debug, Serialize)]
struct Manifest<'a> {
    schema: &'static str,
    tool: Tool,
    units: Vec<Joined<'a>>,
    /// What should have been a log, is not, and is in no unit.
    skipped: &'a [Omitted],
    outputs: &'a [Table],
    exit_status: u8,
}

#[derive(Debug, Serialize)]
struct Joined<'a> {
    #[serde(flatten)]
    unit: &'a Of,
    manifest_sha256: &'a str,
    exit_status: u8,
}

/// Joins all units in `outs` into the folder `target`, a real path, which is replaced if it is a merge already.
///
/// # Errors
/// [`Failure::Io`]; [`Error::Stopped`] if `progress` asks for that; [`Failure::Changed`] if a unit was replaced meanwhile;
/// [`Failure::Foreign`] if something else is at `target`, or it is or lies in a unit; [`Failure::UnitName`] and
/// [`Failure::InEvidence`] of `target`; [`Failure::Apart`] if no file is of a format that can be joined.
pub fn merge(outs: &[PathBuf], target: &Path, progress: &Progress) -> Result<Merged, Failure> {
    let name = target.file_name().unwrap_or_default();
    if name.to_string_lossy().starts_with(PREFIX) {
        let path = target.to_owned();
        return Err(Failure::UnitName { path });
    }
    let mut refused = Vec::new();
    let mut folders = Vec::new();
    let (mut rests, mut skipped): (Vec<Rest>, Vec<Omitted>) = Default::default();
    for out in outs {
        let units = match units_in(out) {
            Ok(units) => units,
            Err(error) => {
                refused.push(refuse(out, error));
                continue;
            }
        };
        match Rest::read(out) {
            Ok((rest, _)) if rests.iter().any(|other| other.units == rest.units) => {}
            Ok((rest, told)) => {
                rests.push(rest);
                skipped.extend(told.skipped);
            }
            Err(_) if units.is_empty() => {}
            Err(error) => refused.push(refuse(
                &out.join(REST),
                format!("what is in no unit is not known: {error}"),
            )),
        }
        folders.extend(units);
    }
    folders.sort_by(|a, b| (a.file_name(), a).cmp(&(b.file_name(), b)));
    let is_in = |unit: &PathBuf| fs::canonicalize(unit).is_ok_and(|unit| target.starts_with(unit));
    if let Some(path) = folders.iter().find(|unit| is_in(unit)).cloned() {
        return Err(Failure::Foreign { path });
    }
    let mut told: Vec<Part> = Vec::new();
    for folder in folders {
        match part(&folder) {
            Ok(part) => told.push(part),
            Err(one) => refused.push(one),
        }
    }
    let named = told.iter().flat_map(|part| &part.finished.paths);
    let named: HashSet<&String> = named.collect();
    for evidence in named.into_iter().map(Path::new) {
        // Evidence that is not there cannot be altered.
        if fs::canonicalize(evidence).is_ok_and(|real| target.starts_with(real)) {
            let (path, evidence) = (target.to_owned(), evidence.to_owned());
            return Err(Failure::InEvidence { path, evidence });
        }
    }
    // All is read to see whether it is what it should be, and once more.
    let bytes = told.iter().map(Part::bytes).fold(0, u64::saturating_add);
    progress.expect(bytes.saturating_mul(2));
    let mut ids = HashSet::new();
    let mut parts: Vec<Part> = Vec::new();
    for part in told {
        if progress.stop().is_requested() {
            return Err(Error::Stopped.into());
        }
        match part.check(progress) {
            Ok(()) if ids.insert(part.finished.unit.id.clone()) => parts.push(part),
            Ok(()) => refused.push(refuse(&part.folder, "the same unit is there twice")),
            Err(one) => refused.push(one),
        }
    }
    // Who takes a file as harmless must not find some rows in it that are not.
    let is_raw = |part: &Part| part.finished.arguments.is_csv_raw();
    if parts.iter().any(|part| is_raw(part) == Some(false)) {
        let reason = "its CSV is raw (--csv-raw) and that of others is not: run it again without";
        let raw = parts.extract_if(.., |part| is_raw(part) == Some(true));
        refused.extend(raw.map(|part| refuse(&part.folder, reason)));
    }
    if parts.is_empty() {
        return Ok(Merged {
            units: 0,
            refused,
            skipped: skipped.len(),
            partial: 0,
            apart: 0,
        });
    }
    let files = parts.iter().flat_map(|part| &part.finished.outputs);
    let apart = files.clone().filter(|file| file.is_apart()).count();
    if apart > 0 && apart == files.count() {
        return Err(Failure::Apart);
    }
    let work = Work::begin(&parent(target))?;
    let made = work.folder("merge")?;
    let outputs = join_all(&mut parts, &rests, &made, &mut refused, progress)?;
    let partial = parts.iter().filter(|part| part.finished.exit_status != 0);
    let partial = partial.count();
    let units = parts.iter().map(|part| Joined {
        unit: &part.finished.unit,
        manifest_sha256: &part.manifest_sha256,
        exit_status: part.finished.exit_status,
    });
    let manifest = Manifest {
        schema: "winsessions/merge/1",
        tool: Tool::this(),
        units: units.collect(),
        skipped: &skipped,
        outputs: &outputs,
        exit_status: if partial > 0 || !refused.is_empty() || !skipped.is_empty() {
            3
        } else {
            0
        },
    };
    manifest::seal(&manifest, &outputs, &made)?;
    work.put(&made, target, || false)?;
    Ok(Merged {
        units: parts.len(),
        refused,
        skipped: skipped.len(),
        partial,
        apart,
    })
}

/// The folders of units in a folder.
fn units_in(out: &Path) -> io::Result<Vec<PathBuf>> {
    let mut units = Vec::new();
    for entry in fs::read_dir(out)? {
        let entry = entry?;
        let is_named = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if is_named && entry.path().is_dir() {
            units.push(entry.path());
        }
    }
    Ok(units)
}

/// The folder that a folder lies in.
fn parent(folder: &Path) -> PathBuf {
    match folder.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn refuse(path: &Path, reason: impl ToString) -> Refused {
    Refused {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

/// The unit in a folder, if it is finished and its manifest was not changed.
fn part(folder: &Path) -> Result<Part, Refused> {
    let path = folder.join(MANIFEST);
    let text = fs::read_to_string(&path);
    let text = text.map_err(|error| refuse(&path, format!("the unit is not finished: {error}")))?;
    let mut finished: Finished =
        serde_json::from_str(&text).map_err(|error| refuse(&path, error))?;
    if finished.schema != Basis::SCHEMA || finished.tool != Tool::this() {
        return Err(refuse(&path, "another version made it: run it again"));
    }
    let manifest_sha256 = digest::of_bytes(text.as_bytes());
    if !finished.has_checksums(&manifest_sha256, folder) {
        let reason = "its checksums are not those of its manifest: run the unit again";
        return Err(refuse(folder, reason));
    }
    finished.outputs.sort_by(|a, b| a.name.cmp(&b.name));
    let is_possible = |table: &Table| manifest::is_ours(&table.name) && table.is_possible();
    if !finished.outputs.iter().all(is_possible) {
        return Err(refuse(folder, "its manifest makes no sense"));
    }
    Ok(Part {
        folder: folder.to_owned(),
        finished,
        manifest_sha256,
    })
}

impl Part {
    fn bytes(&self) -> u64 {
        let tables = self.finished.outputs.iter();
        tables.fold(0, |sum, table| sum.saturating_add(table.bytes))
    }

    /// Whether its files are what its manifest says.
    fn check(&self, progress: &Progress) -> Result<(), Refused> {
        for table in &self.finished.outputs {
            let path = self.folder.join(&table.name);
            progress.begin(&path);
            let found = digest::of_file(&path).map_err(|error| refuse(&path, error))?;
            if found != table.sha256 {
                return Err(refuse(
                    &path,
                    "it is not what the manifest says (SHA-256): run the unit again",
                ));
            }
            progress.advance(table.bytes);
        }
        Ok(())
    }
}

impl Table {
    /// Where the rows end.
    fn rows_end(&self) -> u64 {
        let hosts = self.hosts.iter();
        hosts.fold(self.rows_at, |end, host| end.saturating_add(host.bytes))
    }

    /// Whether it is of a format that is not joined.
    fn is_apart(&self) -> bool {
        let mut apart = FORMATS.iter().filter(|format| !tables::is_joined(**format));
        apart.any(|format| {
            TABLES
                .iter()
                .any(|table| tables::file_name(table, *format) == self.name)
        })
    }

    /// Whether rows stand where a file has bytes.
    fn is_possible(&self) -> bool {
        self.rows_end() <= self.bytes
    }
}

/// Bytes of a file.
#[derive(Debug, Clone, Copy)]
struct Piece {
    /// The unit that the file is of.
    part: usize,
    start: u64,
    length: u64,
}

/// An object of a list: bytes of a file, or what a rest tells.
enum Listed<'r> {
    At(Piece),
    Told(&'r RawValue),
}

/// Writes all tables.
fn join_all(
    parts: &mut [Part],
    rests: &[Rest],
    made: &Path,
    refused: &mut Vec<Refused>,
    progress: &Progress,
) -> Result<Vec<Table>, Failure> {
    let mut outputs = Vec::new();
    let mut joined = Ok(());
    let formats = FORMATS.into_iter();
    'all: for format in formats.filter(|format| tables::is_joined(*format)) {
        for table in TABLES {
            match join(parts, rests, table, format, made, refused, progress) {
                Ok(output) => outputs.extend(output),
                Err(failure) => {
                    joined = Err(failure);
                    break 'all;
                }
            }
        }
    }
    // What was copied is of the units that were looked at only if those are still there; that explains other failures too.
    let manifests = parts.iter().map(|part| (part.folder.join(MANIFEST), part));
    let replaced = { manifests }.find(|(path, part)| {
        let now = digest::of_file(path);
        !now.is_ok_and(|sha256| sha256 == part.manifest_sha256)
    });
    match replaced {
        Some((path, _)) => Err(Failure::Changed { path }),
        None => joined.map(|()| outputs),
    }
}

/// Writes one table of all units that have it; `None` if none has. It is taken out of the parts, since it is done with.
fn join(
    parts: &mut [Part],
    rests: &[Rest],
    table: &str,
    format: Format,
    made: &Path,
    refused: &mut Vec<Refused>,
    progress: &Progress,
) -> Result<Option<Table>, Failure> {
    let name = tables::file_name(table, format);
    let mut holders: Vec<(usize, Table)> = Vec::new();
    let mut missing = Vec::new();
    for (at, part) in parts.iter_mut().enumerate() {
        let outputs = &mut part.finished.outputs;
        match outputs.iter().position(|output| output.name == name) {
            Some(place) => holders.push((at, outputs.swap_remove(place))),
            None => missing.push(refuse(
                &part.folder.join(&name),
                "the unit has no such file",
            )),
        }
    }
    let Some((first, first_table)) = holders.first() else {
        return Ok(None);
    };
    refused.extend(missing);
    let mut source = Source {
        parts,
        name: &name,
        open: None,
        progress,
        failed: None,
    };
    let first_head = Piece {
        part: *first,
        start: 0,
        length: first_table.rows_at,
    };
    let mut rows: Vec<(HostRows, Piece)> = Vec::new();
    for (part, table) in &holders {
        let mut start = table.rows_at;
        for host in &table.hosts {
            let piece = Piece {
                part: *part,
                start,
                length: host.bytes,
            };
            start += host.bytes;
            rows.push((host.clone(), piece));
        }
    }
    // Machines of one name are in one unit, in their order.
    rows.sort_by(|(a, _), (b, _)| a.host.cmp(&b.host));
    let mut rows_at = 0;
    let created = tables::create(&made.join(&name), |out| {
        match format {
            Format::Json => source.copy_head(&holders, rests, out)?,
            _ => source.copy(first_head, None, out)?,
        }
        rows_at = out.bytes();
        let mut any = false;
        for (_, piece) in &rows {
            // In a JSON document a comma stands before each row but the first, where the list is opened.
            let comma = (format == Format::Json).then_some(if any { b',' } else { b'[' });
            source.copy(*piece, comma, out)?;
            any = true;
        }
        out.write_all(format.closing(any))
    });
    let (bytes, sha256) = created.map_err(|failure| source.failed.take().unwrap_or(failure))?;
    let mut hosts: Vec<HostRows> = Vec::new();
    for (host, _) in rows {
        match hosts.last_mut().filter(|last| last.host == host.host) {
            Some(last) => {
                last.rows += host.rows;
                last.bytes += host.bytes;
            }
            None => hosts.push(host),
        }
    }
    Ok(Some(Table {
        name,
        rows: hosts.iter().map(|host| host.rows).sum(),
        bytes,
        sha256,
        rows_at,
        hosts,
    }))
}

/// The files of one table in all units, one of them open.
struct Source<'p> {
    parts: &'p [Part],
    name: &'p str,
    open: Option<(usize, BufReader<File>)>,
    progress: &'p Progress,
    /// Which file could not be opened, or that this was to stop.
    failed: Option<Failure>,
}

type Out = Tally<BufWriter<File>>;

impl Source<'_> {
    /// The file of a part, at a place.
    fn at(&mut self, part: usize, start: u64) -> io::Result<&mut BufReader<File>> {
        let is_open = self.open.as_ref().is_some_and(|(open, _)| *open == part);
        if !is_open {
            let folder = self.parts.get(part).map(|part| &part.folder);
            let folder = folder.ok_or(io::ErrorKind::NotFound)?;
            let path = folder.join(self.name);
            self.progress.begin(&path);
            let file = File::open(&path).map_err(|source| {
                let kind = source.kind();
                self.failed = Some(Failure::Io { path, source });
                kind
            })?;
            self.open = Some((part, BufReader::new(file)));
        }
        let (_, file) = self.open.as_mut().ok_or(io::ErrorKind::NotFound)?;
        file.seek(SeekFrom::Start(start))?;
        Ok(file)
    }

    /// Copies a piece, with `first` as its first byte if given.
    fn copy(&mut self, piece: Piece, first: Option<u8>, out: &mut Out) -> io::Result<()> {
        if self.progress.stop().is_requested() {
            self.failed = Some(Error::Stopped.into());
            return Err(io::ErrorKind::Other.into());
        }
        let skipped = u64::from(first.is_some());
        out.write_all(first.as_slice())?;
        let length = piece.length.saturating_sub(skipped);
        let file = self.at(piece.part, piece.start + skipped)?;
        let copied = io::copy(&mut file.take(length), out)?;
        self.progress.advance(piece.length);
        match copied == length {
            true => Ok(()),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Copies what stands before the rows of a JSON document: the accounts of all logs, sorted by path as one run sorts them.
    fn copy_head(
        &mut self,
        holders: &[(usize, Table)],
        rests: &[Rest],
        out: &mut Out,
    ) -> io::Result<()> {
        let (mut logs, mut skipped) = (Vec::new(), Vec::new());
        let (mut others, mut conflicts) = (0, 0);
        let (mut opening, mut list) = (String::new(), String::new());
        for (part, table) in holders {
            let mut head = String::new();
            let length = table.rows_at;
            self.at(*part, 0)?.take(length).read_to_string(&mut head)?;
            let document = head.clone() + "[]}";
            let Document { evidence } = serde_json::from_str(&document)?;
            let place = |texts: Vec<&RawValue>, to: &mut Vec<(PathBuf, Listed)>| {
                for text in texts {
                    let Named { path } = serde_json::from_str(text.get())?;
                    let piece = Piece {
                        part: *part,
                        start: (text.get().as_ptr() as u64) - (document.as_ptr() as u64),
                        length: text.get().len() as u64,
                    };
                    to.push((path.into(), Listed::At(piece)));
                }
                io::Result::Ok(())
            };
            place(evidence.logs, &mut logs)?;
            place(evidence.skipped, &mut skipped)?;
            others += evidence.other_files;
            conflicts += evidence.conflicting_records;
            if opening.is_empty() {
                let at = head.find("{\"logs\":").unwrap_or_default();
                opening = head.get(..at).unwrap_or_default().to_owned();
                let at = head.rfind(",\n").unwrap_or_default();
                list = head.get(at..).unwrap_or_default().to_owned();
            }
        }
        for rest in rests {
            let account: Account = serde_json::from_str(rest.evidence.get())?;
            for text in account.skipped {
                let Named { path } = serde_json::from_str(text.get())?;
                skipped.push((path.into(), Listed::Told(text)));
            }
            others += account.other_files;
        }
        out.write_all(opening.as_bytes())?;
        out.write_all(b"{\"logs\":")?;
        self.copy_list(logs, out)?;
        out.write_all(b",\n\"skipped\":")?;
        self.copy_list(skipped, out)?;
        write!(
            out,
            ",\n\"other_files\":{others},\"conflicting_records\":{conflicts}}}{list}"
        )
    }

    /// Copies objects as a list, sorted by path.
    fn copy_list(
        &mut self,
        mut items: Vec<(PathBuf, Listed<'_>)>,
        out: &mut Out,
    ) -> io::Result<()> {
        items.sort_by(|(a, _), (b, _)| a.cmp(b));
        if items.is_empty() {
            return out.write_all(b"[]");
        }
        let mut before = b"[\n";
        for (_, item) in items {
            out.write_all(before)?;
            match item {
                Listed::At(piece) => self.copy(piece, None, out)?,
                Listed::Told(text) => out.write_all(text.get().as_bytes())?,
            }
            before = b",\n";
        }
        out.write_all(b"\n]")
    }
}

/// What stands before the rows of a JSON document.
#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    evidence: Account<'a>,
}

#[derive(Deserialize)]
struct Account<'a> {
    #[serde(borrow)]
    logs: Vec<&'a RawValue>,
    #[serde(borrow)]
    skipped: Vec<&'a RawValue>,
    other_files: u64,
    conflicting_records: u64,
}

#[derive(Deserialize)]
struct Named {
    path: String,
}

#[cfg(test)]
mod tests {
    use super::super::manifest::Arguments;
    use super::*;
    use crate::analysis::Options;
    use serde_json::json;

    /// Writes the folder of a unit with one table.
    fn write_unit(folder: &Path, rows: &str) {
        fs::create_dir_all(folder).unwrap();
        for entry in fs::read_dir(folder).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
        let (bytes, sha256) = tables::create(&folder.join("events.csv"), |out| {
            write!(out, "host\n{rows}")
        })
        .unwrap();
        let table = Table {
            name: "events.csv".to_owned(),
            rows: rows.lines().count() as u64,
            bytes,
            sha256,
            rows_at: 5,
            hosts: vec![HostRows {
                host: "a".to_owned(),
                rows: rows.lines().count() as u64,
                bytes: rows.len() as u64,
            }],
        };
        let manifest = json!({
            "schema": Basis::SCHEMA,
            "tool": Tool::this(),
            "arguments": Arguments::new(&[Format::Csv], &Options::default(), false),
            "unit": { "id": "1", "host": "a" },
            "paths": [],
            "outputs": [table],
            "exit_status": 0,
        });
        manifest::seal(&manifest, &[table], folder).unwrap();
    }

    #[test]
    fn a_unit_that_is_replaced_while_it_is_joined_is_told_and_there_is_no_result() {
        let place = tempfile::tempdir().unwrap();
        let unit = place.path().join("host=a");
        let join = |name: &str, meanwhile: &dyn Fn()| {
            write_unit(&unit, "a\na\n");
            let made = place.path().join(name);
            fs::create_dir(&made).unwrap();
            let mut parts = vec![part(&unit).map_err(|refused| refused.reason).unwrap()];
            meanwhile();
            join_all(
                &mut parts,
                &[],
                &made,
                &mut Vec::new(),
                &Progress::default(),
            )
        };
        let rows = join("same", &|| ()).unwrap().first().unwrap().rows;
        assert_eq!(rows, 2);
        let changed = |joined: Result<Vec<Table>, Failure>| match joined {
            Err(Failure::Changed { path }) => path == unit.join(MANIFEST),
            _ => false,
        };
        assert!(changed(join("longer", &|| write_unit(&unit, "b\nb\nb\n"))));
        assert!(changed(join("shorter", &|| write_unit(&unit, ""))));
        assert!(changed(join("gone", &|| fs::remove_dir_all(&unit).unwrap())));
        // What is gone for a moment has a name as well.
        let table = unit.join("events.csv");
        let lost = join("lost", &|| fs::remove_file(&table).unwrap());
        assert!(matches!(lost, Err(Failure::Io { path, .. }) if path == table));
    }
}
