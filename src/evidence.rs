//! Finds the logs in what the user named, without parsing them.
//!
//! In: paths of files and folders. Out: every [`Item`] below them once, sorted by path, and of each its [`Log`]s; the other files
//! too, for who looks for logs in them. A log is known by its first eight bytes, never by its name. Below a named path, links are not followed and only regular files are opened,
//! for reading.

mod content;
mod open;

pub use content::{Content, Opened};

use std::collections::HashSet;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// What a log begins with.
const LOG_MAGIC: &[u8; 8] = b"ElfFile\0";

/// Something in the evidence that was expected to be a log and could not be used as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The file or folder.
    pub path: PathBuf,
    /// Why it was skipped, in words.
    pub reason: String,
}

/// Something that holds logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The file.
    pub path: PathBuf,
}

/// A log, wherever it is.
#[derive(Debug)]
pub struct Log {
    /// The file.
    pub path: PathBuf,
    /// Its bytes.
    pub content: Content,
    /// What it lies in: logs that lie in one folder may be of one machine.
    pub folder: PathBuf,
}

impl Item {
    fn of(path: PathBuf) -> Self {
        Item { path }
    }

    /// The logs that it holds, sorted by path.
    pub fn logs(&self) -> Vec<Log> {
        let folder = self.path.parent().unwrap_or(&self.path);
        vec![Log {
            content: Content::File(self.path.clone()),
            folder: folder.to_owned(),
            path: self.path.clone(),
        }]
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
    evidence.items.sort_by(|a, b| a.path.cmp(&b.path));
    retain_once(&mut evidence.items, |item| &item.path);
    evidence
        .skipped
        .sort_by(|a, b| (&a.path, &a.reason).cmp(&(&b.path, &b.reason)));
    evidence.skipped.dedup();
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
    /// The files that are no logs, expected or not, as if they were: each once, sorted by path.
    pub fn others(&self) -> Vec<Log> {
        let mut others: Vec<Item> = self.others.iter().cloned().map(Item::of).collect();
        others.sort_by(|a, b| a.path.cmp(&b.path));
        retain_once(&mut others, |item| &item.path);
        others.iter().flat_map(Item::logs).collect()
    }

    fn skip(&mut self, path: &Path, reason: impl ToString) {
        self.skipped.push(Skipped {
            path: path.to_owned(),
            reason: reason.to_string(),
        });
    }

    fn add(&mut self, path: &Path) {
        self.items.push(Item::of(path.to_owned()));
    }

    fn look_at(&mut self, path: &Path, named: bool) {
        let expected = named
            || path
                .extension()
                .is_some_and(|ext| ext.eq_ignore_ascii_case("evtx"));
        match first_bytes(path) {
            Ok(start) if start.as_slice() == LOG_MAGIC => self.add(path),
            Ok(start) if expected && start.is_empty() => self.skip(path, "the file is empty"),
            Ok(start) if expected => {
                self.others.push(path.to_owned());
                let start = start.escape_ascii();
                self.skip(
                    path,
                    format!(
                        "not an event log: it starts with \"{start}\", not with \"ElfFile\\x00\""
                    ),
                );
            }
            Ok(_) => {
                self.other_files += 1;
                self.others.push(path.to_owned());
            }
            Err(error) => self.skip(path, error),
        }
    }
}

fn first_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut start = Vec::with_capacity(LOG_MAGIC.len());
    open::open(path)?
        .take(LOG_MAGIC.len() as u64)
        .read_to_end(&mut start)?;
    Ok(start)
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
