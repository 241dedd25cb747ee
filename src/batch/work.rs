//! Where results are made, and how they get their place.
//!
//! A run has a working folder of its own beside the results. A folder is made in it, written to the disk, and renamed into its
//! place: what has its name is complete. While a run lives it holds a lock on a file in its working folder; a later run removes
//! working folders whose lock nobody holds, and never one where that cannot be told.

use super::Failure;
use super::manifest::is_ours;
use crate::analysis::in_parallel;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// What working folders begin with.
const PREFIX: &str = ".winsessions-";

/// The file in a working folder that its run holds a lock on.
const LOCK: &str = "lock";

/// How often a place is contended for: nobody else replaces the same result so often.
const ATTEMPTS: u32 = 100;

/// A working folder.
pub struct Work {
    folder: PathBuf,
    /// Locked until it is closed.
    lock: Option<File>,
}

/// What became of a folder that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It has its place.
    There,
    /// Somebody else had put the same there.
    Already,
}

impl Work {
    /// Makes a working folder in `place`, and removes those there that nobody works in any more.
    ///
    /// # Errors
    /// [`Failure::Io`].
    pub fn begin(place: &Path) -> Result<Self, Failure> {
        for entry in fs::read_dir(place).map_err(Failure::io(place))? {
            let entry = entry.map_err(Failure::io(place))?;
            let name = entry.file_name();
            let is_working = name.to_str().is_some_and(|name| name.starts_with(PREFIX));
            if is_working && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                remove_left(&entry.path());
            }
        }
        loop {
            let mut builder = tempfile::Builder::new();
            builder.prefix(PREFIX);
            #[cfg(unix)]
            builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
            let folder = builder
                .tempdir_in(place)
                .map_err(Failure::io(place))?
                .keep();
            // Another run may take it for left over before it is locked: then there is another one to be made.
            match own(&folder) {
                Ok(Some(lock)) => {
                    let lock = Some(lock);
                    return Ok(Work { folder, lock });
                }
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(Failure::io(&folder)(error)),
            }
        }
    }

    /// A new, empty folder in it.
    ///
    /// # Errors
    /// [`Failure::Io`].
    pub fn folder(&self, name: &str) -> Result<PathBuf, Failure> {
        let folder = self.folder.join(name);
        fs::create_dir(&folder).map_err(Failure::io(&folder))?;
        Ok(folder)
    }

    /// Gives a folder that is complete its place. What a batch put there before is moved away first, unless `is_same` says
    /// that there is nothing to replace.
    ///
    /// # Errors
    /// [`Failure::Io`]; [`Failure::Foreign`] if something else is there.
    pub fn put(
        &self,
        made: &Path,
        target: &Path,
        is_same: impl Fn() -> bool,
    ) -> Result<Put, Failure> {
        sync_all(made)?;
        let old = self.folder.join("old");
        let mut attempts = 0..ATTEMPTS;
        loop {
            let error = match fs::rename(made, target) {
                Ok(()) => break,
                Err(error) => error,
            };
            if attempts.next().is_none() || fs::symlink_metadata(target).is_err() {
                return Err(Failure::io(target)(error));
            }
            if is_same() {
                remove(made);
                return Ok(Put::Already);
            }
            only_ours(target)?;
            match fs::rename(target, &old) {
                Ok(()) => remove(&old),
                // Somebody else moved it away.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(Failure::io(target)(error)),
            }
        }
        if let Some(place) = target.parent() {
            sync(place).map_err(Failure::io(place))?;
        }
        Ok(Put::There)
    }

    /// Removes a folder in it that will not get a place.
    pub fn give_up(&self, made: &Path) {
        remove(made);
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let lock = self.lock.take();
        // Where it cannot be removed a later run tries again.
        let _ = remove_working(&self.folder);
        drop(lock);
    }
}

/// The lock of a new working folder; `None` if another run was faster.
fn own(folder: &Path) -> io::Result<Option<File>> {
    let path = folder.join(LOCK);
    let file = open_lock(&path, true)?;
    let is_owned = is_locked(&file) != Some(false);
    // Nobody removes it once it is locked.
    Ok((is_owned && fs::metadata(&path)?.is_file()).then_some(file))
}

#[cfg(unix)]
fn open_lock(path: &Path, new: bool) -> io::Result<File> {
    File::options().write(true).create_new(new).open(path)
}

/// Takes the lock if nobody holds it; `None` where the file system knows no locks.
#[cfg(unix)]
fn is_locked(file: &File) -> Option<bool> {
    use rustix::fs::{FlockOperation, flock};
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Some(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Some(false),
        Err(_) => None,
    }
}

/// On Windows a file can be opened so that others can do nothing but remove it.
#[cfg(windows)]
fn open_lock(path: &Path, new: bool) -> io::Result<File> {
    use std::os::windows::fs::OpenOptionsExt;
    let mut options = File::options();
    options.write(true).create_new(new).share_mode(4).open(path)
}

#[cfg(windows)]
fn is_locked(_: &File) -> Option<bool> {
    Some(true)
}

/// Removes a working folder if nobody works in it.
fn remove_left(folder: &Path) {
    match open_lock(&folder.join(LOCK), false) {
        Ok(lock) if is_locked(&lock) == Some(true) => {
            let _ = remove_working(folder);
        }
        // It was left before it was locked, or somebody is about to: only an empty one goes.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let _ = fs::remove_dir(folder);
        }
        _ => {}
    }
}

/// Removes all that is in a working folder, the lock last.
fn remove_working(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name() != LOCK {
            fs::remove_dir_all(entry.path())?;
        }
    }
    fs::remove_file(folder.join(LOCK))?;
    fs::remove_dir(folder)
}

/// Removes a folder of a working folder; what remains goes with that.
fn remove(folder: &Path) {
    let _ = fs::remove_dir_all(folder);
}

/// Whether a folder may be replaced: it holds nothing but what a batch writes.
fn only_ours(folder: &Path) -> Result<(), Failure> {
    let foreign = |path: &Path| Failure::Foreign {
        path: path.to_owned(),
    };
    let found = fs::symlink_metadata(folder);
    if !found.is_ok_and(|found| found.is_dir()) {
        // It may have been moved away by now; else it stays.
        return match folder.try_exists() {
            Ok(false) => Ok(()),
            _ => Err(foreign(folder)),
        };
    }
    let Ok(entries) = fs::read_dir(folder) else {
        return Ok(());
    };
    for entry in entries {
        let entry = entry.map_err(Failure::io(folder))?;
        let is_known = entry.file_name().to_str().is_some_and(is_ours);
        if !is_known || !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            return Err(foreign(&entry.path()));
        }
    }
    Ok(())
}

/// Makes sure that a folder and all files in it are on the disk: at once, which takes about as long as one of them.
fn sync_all(folder: &Path) -> Result<(), Failure> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(Failure::io(folder))? {
        files.push(entry.map_err(Failure::io(folder))?.path());
    }
    let sync_file = |path: &PathBuf| {
        let file = File::options().append(true).open(path);
        file.and_then(|file| file.sync_all())
    };
    let synced = in_parallel(Some(files.len()), &files, sync_file)?;
    for (path, synced) in files.iter().zip(synced) {
        synced.map_err(Failure::io(path))?;
    }
    sync(folder).map_err(Failure::io(folder))
}

/// Makes sure that the names in a folder are on the disk, where systems have a way to.
#[cfg(unix)]
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    fn made(work: &Work, text: &str) -> PathBuf {
        let folder = work.folder("made").unwrap();
        fs::write(folder.join("manifest.json"), text).unwrap();
        folder
    }

    #[test]
    fn a_folder_gets_its_place_and_replaces_what_a_batch_put_there() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("host=a");
        let work = Work::begin(place.path()).unwrap();
        let put = |text, is_same| work.put(&made(&work, text), &target, || is_same).unwrap();
        assert_eq!(put("1", false), Put::There);
        assert_eq!(put("2", false), Put::There);
        assert_eq!(put("3", true), Put::Already);
        let text = fs::read_to_string(target.join("manifest.json")).unwrap();
        assert_eq!(text, "2");
        drop(work);
        assert_eq!(names(place.path()), ["host=a"]);
    }

    #[test]
    fn what_no_batch_wrote_is_never_replaced() {
        let place = tempfile::tempdir().unwrap();
        let work = Work::begin(place.path()).unwrap();
        let target = place.path().join("host=a");
        fs::create_dir(&target).unwrap();
        fs::write(target.join("notes.txt"), "mine").unwrap();
        let file = place.path().join("host=b");
        fs::write(&file, "mine").unwrap();
        let folder = place.path().join("host=c");
        fs::create_dir_all(folder.join("sessions.csv")).unwrap();
        for target in [&target, &file, &folder] {
            let made = made(&work, "1");
            let put = work.put(&made, target, || false);
            assert!(matches!(put, Err(Failure::Foreign { .. })), "{put:?}");
            work.give_up(&made);
        }
        assert_eq!(fs::read(target.join("notes.txt")).unwrap(), b"mine");
        assert_eq!(fs::read(&file).unwrap(), b"mine");
    }

    #[test]
    fn a_working_folder_is_removed_when_nobody_works_in_it_and_not_before() {
        let place = tempfile::tempdir().unwrap();
        let alive = Work::begin(place.path()).unwrap();
        made(&alive, "1");
        let mut left = Work::begin(place.path()).unwrap();
        made(&left, "1");
        // As if killed: nothing is removed, and the lock is gone.
        drop(left.lock.take());
        let left_at = std::mem::take(&mut left.folder);
        std::mem::forget(left);
        let unlocked = place.path().join(".winsessions-x");
        fs::create_dir(&unlocked).unwrap();
        fs::write(unlocked.join("somebody's"), "").unwrap();
        fs::create_dir(place.path().join(".winsessions-empty")).unwrap();

        let next = Work::begin(place.path()).unwrap();
        assert!(alive.folder.join("made/manifest.json").is_file());
        assert!(!left_at.exists());
        assert!(
            unlocked.is_dir(),
            "nothing tells that it is a working folder"
        );
        assert_eq!(names(place.path()).len(), 3);
        drop((alive, next));
        assert_eq!(names(place.path()), [".winsessions-x"]);
    }
}
