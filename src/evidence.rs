//! Finds the logs in what the user named, without parsing them.
//!
//! In: paths of files and folders. Out: every [`Item`] below them once, sorted by path, and of each its [`Log`]s; the other files
//! too, for who looks for records in them. An item is a log or a package of logs, known by what it begins with, never by its
//! name. Below a named path, links are not followed and only regular files are opened, for reading.
//!
//! `package` opens packages, within `limits`; `zip`, `seven_zip`, `tar` and `streams` know one format each; `layout` tells from
//! the place of a log which collection it belongs to, and of which machine that is.

#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]

mod bytes;
mod checked;
mod content;
mod format;
mod layout;
mod limits;
mod open;
mod package;
mod seven_zip;
mod sparse;
mod streams;
mod tar;
mod zip;

pub use content::{Content, Opened};
pub use limits::Limits;
pub(crate) use open::open;
pub use package::Unpacked;
pub use sparse::Ranges;

use crate::damage::{Damage, DamageKind, Location};
use format::{Format, NO_PACKAGE, is_named_like_a_log, is_named_like_a_package, no_log, start_of};
use limits::Spent;
use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Something in the evidence that was expected to be a log and could not be used as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The file or folder.
    pub path: PathBuf,
    /// Why it was skipped, in words.
    pub reason: String,
}

/// How packages are opened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unpacking {
    /// What they may cost.
    pub limits: Limits,
    /// What opens those that are encrypted.
    pub password: Option<Vec<u8>>,
}

/// A member of a package could not be kept: temporary space is missing or full, which says nothing of the evidence.
#[derive(Debug, thiserror::Error)]
#[error("there is no place to unpack {} to: {}: {source}", path.display(), std::env::temp_dir().display())]
pub struct NoPlace {
    path: PathBuf,
    source: io::Error,
}

/// Something that holds logs: a log, or a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The file.
    pub path: PathBuf,
    format: Format,
    /// Whether the user named it.
    named: bool,
}

/// A log, wherever it is.
#[derive(Debug)]
pub struct Log {
    /// The file; in a package, the package's path and the member's in it.
    pub path: PathBuf,
    /// Its bytes.
    pub content: Content,
    /// What it lies in: logs that lie in one folder may be of one machine. Where the layout of a collection is known, that is
    /// where the collection begins.
    pub folder: PathBuf,
    /// The machine that the collection says it is of.
    pub host: Option<String>,
    /// What was damaged on its way out of a package.
    pub damage: Vec<Damage>,
}

impl Item {
    /// A log that nobody looked at.
    #[cfg(test)]
    pub(crate) fn log(path: PathBuf) -> Self {
        let (format, named) = (Format::Log, false);
        Item {
            path,
            format,
            named,
        }
    }

    /// What was found before, by [`Item::format`] and [`Item::is_named`]; `None` if there is no such format.
    pub fn known(path: PathBuf, format: &str, named: bool) -> Option<Self> {
        let format = Format::named(format)?;
        Some(Item {
            path,
            format,
            named,
        })
    }

    /// What it is, in a word.
    pub fn format(&self) -> &'static str {
        self.format.name()
    }

    /// Whether the user named it.
    pub fn is_named(&self) -> bool {
        self.named
    }

    /// Whether it is a package, which takes memory and space while its logs are read.
    pub fn is_package(&self) -> bool {
        self.format != Format::Log
    }

    /// The files beside a log that tell more of it, as far as they are there: where its holes are, and of which machine its
    /// collection is. What tells that of a package lies in it.
    pub fn beside(&self) -> Vec<PathBuf> {
        if self.is_package() {
            return Vec::new();
        }
        let root = layout::of(&self.path).root;
        let mut beside = vec![index_path(&self.path), root.join(layout::CLIENT_INFO)];
        beside.retain(|path| is_file(path));
        beside
    }

    /// Its logs, sorted by path, and what else is in it.
    ///
    /// # Errors
    /// [`NoPlace`] for what comes out of a package.
    pub fn open(&self, how: &Unpacking) -> Result<Unpacked, NoPlace> {
        if self.is_package() {
            return package::open(&self.path, self.format, self.named, how);
        }
        let mut log = Log::new(self.path.clone(), Content::File(self.path.clone()));
        log.host = client_host(&log.folder).or(log.host);
        let log = match index_of(&self.path) {
            None => Ok(log),
            Some(index) => {
                let spent = Spent::new(how.limits, log.content.size());
                index.and_then(|ranges| log.rebuilt(ranges, &spent))
            }
        };
        let mut found = Unpacked::default();
        match log {
            Ok(log) => found.logs.push(log),
            Err(reason) => found.skipped.push(Skipped {
                path: self.path.clone(),
                reason: sparse::refusal(&reason),
            }),
        }
        Ok(found)
    }
}

/// Where the index of a file with holes is.
fn index_path(path: &Path) -> PathBuf {
    let mut index = OsString::from(path);
    index.push(".idx");
    index.into()
}

fn is_file(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file())
}

/// What the index beside a file says, if that is a file with holes.
fn index_of(path: &Path) -> Option<Result<Ranges, String>> {
    let index = index_path(path);
    let bytes = bytes_of(&index)?;
    sparse::is_index(&index, &bytes).then(|| Ranges::parse(&bytes))
}

/// The machine that the collection in a folder says it is of.
fn client_host(folder: &Path) -> Option<String> {
    layout::client_host(&bytes_of(&folder.join(layout::CLIENT_INFO))?)
}

/// A small file beside a log, if it is there.
fn bytes_of(path: &Path) -> Option<Vec<u8>> {
    if !is_file(path) {
        return None;
    }
    let mut bytes = Vec::new();
    let file = open(path).ok()?;
    file.take(sparse::MOST_BYTES).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

impl Log {
    fn new(path: PathBuf, content: Content) -> Log {
        let layout = layout::of(&path);
        Log {
            path,
            content,
            folder: layout.root,
            host: layout.host,
            damage: Vec::new(),
        }
    }

    /// The same with its holes, as an index says.
    fn rebuilt(self, ranges: Ranges, spent: &Spent) -> Result<Log, String> {
        let stored = self.content.size();
        if ranges.stored_size() > stored {
            return Err(format!(
                "it names {} bytes, and {stored} are there",
                ranges.stored_size()
            ));
        }
        let mut damage = self.damage;
        let named = ranges.named_bytes();
        if named < stored {
            damage.push(Damage {
                location: Location::default(),
                kind: DamageKind::Package,
                message: format!(
                    "the index beside it (.idx) does not name {} of the {stored} bytes that are stored: they are not read",
                    stored - named
                ),
            });
        }
        // Holes take time to read.
        if !spent.add_bytes(ranges.size()) {
            return Err(format!("with them it would have {} bytes", ranges.size()));
        }
        Ok(Log {
            content: Content::Sparse {
                stored: Box::new(self.content),
                ranges,
            },
            damage,
            ..self
        })
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Evidence {
    /// What holds logs, sorted by path, each once.
    pub items: Vec<Item>,
    /// What should have been a log and is not readable as one.
    pub skipped: Vec<Skipped>,
    /// How many files were looked at and are no logs (nobody expected them to be).
    pub other_files: u64,
    /// The files that are no logs, expected or not.
    others: Vec<PathBuf>,
}

/// Looks for logs in `paths` and in all folders below them.
///
/// What cannot be read is listed as skipped, and so is a file that was named itself, or ends in
/// `.evtx`, but is no log.
pub fn find(paths: &[PathBuf]) -> Evidence {
    let mut evidence = Evidence::default();
    let mut folders = Vec::new();
    for path in paths {
        // What the user names is taken as named, be it a link.
        match fs::metadata(path) {
            Ok(meta) if meta.is_dir() => folders.push(path.clone()),
            Ok(meta) if meta.is_file() => evidence.look_at(path, true),
            Ok(_) => evidence.skip(path, "neither a file nor a folder"),
            Err(error) => evidence.skip(path, error),
        }
    }
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                evidence.skip(&folder, error);
                continue;
            }
        };
        for entry in entries {
            let found = entry.and_then(|entry| Ok((entry.path(), entry.file_type()?)));
            match found {
                Ok((path, kind)) if kind.is_dir() => folders.push(path),
                Ok((path, kind)) if kind.is_file() => evidence.look_at(&path, false),
                Ok(_) => evidence.other_files += 1,
                Err(error) => evidence.skip(&folder, error),
            }
        }
    }
    evidence
        .items
        .sort_by(|a, b| (&a.path, !a.named).cmp(&(&b.path, !b.named)));
    retain_once(&mut evidence.items, |item| &item.path);
    evidence.sort_skipped();
    evidence
}

/// Leaves each file once that was named twice, or lies below two named folders.
fn retain_once<T>(files: &mut Vec<T>, path: impl Fn(&T) -> &PathBuf) {
    let mut seen = HashSet::new();
    files.retain(|file| {
        let path = path(file);
        seen.insert(fs::canonicalize(path).unwrap_or_else(|_| path.clone()))
    });
}

impl Evidence {
    /// A part of what was found.
    pub fn of(items: Vec<Item>, skipped: Vec<Skipped>) -> Self {
        Evidence {
            items,
            skipped,
            ..Evidence::default()
        }
    }

    /// Sorts what was skipped, and tells nothing twice.
    pub fn sort_skipped(&mut self) {
        self.skipped
            .sort_by(|a, b| (&a.path, &a.reason).cmp(&(&b.path, &b.reason)));
        self.skipped.dedup();
    }

    /// The files that are no logs, expected or not, as if they were: each once, sorted by path.
    pub fn others(&self) -> Vec<Log> {
        let mut others = self.others.clone();
        others.sort();
        retain_once(&mut others, |path| path);
        let log = |path: PathBuf| Log::new(path.clone(), Content::File(path));
        others.into_iter().map(log).collect()
    }

    fn skip(&mut self, path: &Path, reason: impl ToString) {
        self.skipped.push(Skipped {
            path: path.to_owned(),
            reason: reason.to_string(),
        });
    }

    fn look_at(&mut self, path: &Path, named: bool) {
        let expected = named || is_named_like_a_log(path);
        let start = match start_of_file(path) {
            Ok(start) => start,
            Err(error) => return self.skip(path, error),
        };
        let program = || unpacks_itself(path, &start).then_some(Format::Zip);
        if let Some(format) = Format::of(&start).or_else(program) {
            return self.items.push(Item {
                path: path.to_owned(),
                format,
                named,
            });
        }
        self.others.push(path.to_owned());
        if expected {
            self.skip(path, no_log(&start));
        } else if is_named_like_a_package(path) {
            self.skip(path, NO_PACKAGE);
        } else {
            self.other_files += 1;
        }
    }
}

/// Whether a file is a program with a zip behind it.
fn unpacks_itself(path: &Path, start: &[u8]) -> bool {
    let ends_like_a_zip = || {
        let content = Content::File(path.to_owned());
        let size = content.size();
        let mut end = Vec::new();
        let opened = content.open().ok()?;
        let mut last = opened.range(size.saturating_sub(zip::END_SIZE as u64), size);
        last.read_to_end(&mut end).ok()?;
        Some(zip::is_end(&end))
    };
    start.starts_with(b"MZ") && ends_like_a_zip() == Some(true)
}

fn start_of_file(path: &Path) -> io::Result<Vec<u8>> {
    let (start, error) = start_of(&mut open(path)?);
    error.map_or(Ok(start), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        dir
    }

    #[test]
    fn a_log_is_known_by_its_content_and_not_by_its_name() {
        let dir = tree(&[
            ("b/Security.evtx", b"ElfFile\0rest"),
            ("a/0123.data", b"ElfFile\0rest"),
            ("a/notes.txt", b"notes"),
            ("c/fake.EVTX", b"MZ"),
            ("c/empty.evtx", b""),
        ]);
        let found = find(&[dir.path().to_owned()]);
        let names: Vec<_> = found
            .items
            .iter()
            .map(|item| item.path.strip_prefix(dir.path()).unwrap())
            .map(|path| path.to_str().unwrap())
            .collect();
        assert_eq!(names, ["a/0123.data", "b/Security.evtx"]);
        assert_eq!(found.other_files, 1);
        let reasons: Vec<_> = found.skipped.iter().map(|s| s.reason.as_str()).collect();
        assert_eq!(
            reasons,
            [
                "the file is empty",
                "not an event log: it starts with \"MZ\", not with \"ElfFile\\x00\""
            ]
        );
    }

    #[test]
    fn a_log_named_twice_is_found_once_whatever_the_order() {
        let dir = tree(&[("x/1.evtx", b"ElfFile\0"), ("y/2.evtx", b"ElfFile\0")]);
        let (x, y) = (dir.path().join("x"), dir.path().join("y"));
        let forward = find(&[
            x.clone(),
            y.clone(),
            x.join("1.evtx"),
            dir.path().join("y/../x"),
        ]);
        let backward = find(&[x.join("1.evtx"), y, x]);
        assert_eq!(forward.items, backward.items);
        assert_eq!(forward.items.len(), 2);
    }

    #[test]
    fn what_does_not_exist_is_said_and_the_rest_is_found() {
        let dir = tree(&[("1.evtx", b"ElfFile\0")]);
        let found = find(&[dir.path().join("nowhere"), dir.path().join("1.evtx")]);
        assert_eq!((found.items.len(), found.skipped.len()), (1, 1));
    }

    #[cfg(unix)]
    #[test]
    fn links_below_a_named_folder_are_not_followed() {
        let outside = tree(&[("1.evtx", b"ElfFile\0")]);
        let dir = tree(&[]);
        std::os::unix::fs::symlink(outside.path(), dir.path().join("folder")).unwrap();
        std::os::unix::fs::symlink(outside.path().join("1.evtx"), dir.path().join("2.evtx"))
            .unwrap();
        std::os::unix::fs::symlink(dir.path(), dir.path().join("loop")).unwrap();
        let found = find(&[dir.path().to_owned()]);
        assert_eq!((found.items.len(), found.other_files), (0, 3));
    }
}
