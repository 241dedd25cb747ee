//! Where results go: standard output, or a file that is there when it is complete and not before.
//!
//! A file is written under another name beside its target and renamed at the end. It never lies in evidence.

use std::fs::{self, File};
use std::io::{self, BufWriter, StdoutLock, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Why an output cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Writing there would alter evidence.
    #[error("{} lies in the evidence ({}); evidence is never altered: name a place outside it", output.display(), evidence.display())]
    InEvidence {
        /// The output as it was named.
        output: PathBuf,
        /// The evidence as it was named.
        evidence: PathBuf,
    },
    /// The operating system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Less than this is gathered before it is written; more goes down as it comes.
const WRITTEN_AT_ONCE: usize = 1 << 16;

/// An open output.
pub enum Output {
    /// Standard output, or a device or pipe that was named.
    Stream(BufWriter<Box<dyn Write>>),
    /// A file that is still to be written; it has no name yet.
    Planned(PathBuf),
    /// A file under its passing name.
    File {
        /// The file.
        file: BufWriter<NamedTempFile>,
        /// The name it gets.
        target: PathBuf,
    },
}

impl Output {
    /// Standard output.
    pub fn stdout() -> Self {
        let stdout: StdoutLock<'static> = io::stdout().lock();
        Output::Stream(BufWriter::with_capacity(WRITTEN_AT_ONCE, Box::new(stdout)))
    }

    /// The file `named`, which must not be or lie in any of `evidence`. Nothing is seen of it before
    /// [`finish`](Self::finish); a device or pipe is written to as it is.
    ///
    /// # Errors
    /// [`OpenError::InEvidence`], or what the operating system says.
    pub fn open(named: &Path, evidence: &[PathBuf]) -> Result<Self, OpenError> {
        let found = fs::metadata(named).ok();
        if found.as_ref().is_some_and(fs::Metadata::is_dir) {
            return Err(io::Error::from(io::ErrorKind::IsADirectory).into());
        }
        // What lies in these leads to open files and devices, which others may be writing to as well.
        let is_open_elsewhere = cfg!(unix)
            && ["/dev", "/proc"]
                .iter()
                .any(|folder| named.starts_with(folder));
        if is_open_elsewhere || found.is_some_and(|found| !found.is_file()) {
            let stream = File::options().append(true).open(named)?;
            return Ok(Output::Stream(BufWriter::with_capacity(
                WRITTEN_AT_ONCE,
                Box::new(stream),
            )));
        }
        let target = real_target(named)?;
        keep_outside(&target, named, evidence)?;
        // Whether it can be written shows before the work, and nothing lies about while the work is done.
        drop(create_beside(&target)?);
        Ok(Output::Planned(target))
    }

    /// The file under its passing name.
    fn begin(&mut self) -> io::Result<()> {
        if let Output::Planned(target) = self {
            let file = BufWriter::with_capacity(WRITTEN_AT_ONCE, create_beside(target)?);
            *self = Output::File {
                file,
                target: std::mem::take(target),
            };
        }
        Ok(())
    }

    /// Completes the output: a file gets its name, replacing what had it.
    ///
    /// # Errors
    /// What the operating system says; a file is then not there.
    pub fn finish(mut self) -> io::Result<()> {
        self.begin()?;
        match self {
            Output::Stream(mut stream) => stream.flush(),
            Output::Planned(_) => Ok(()),
            Output::File { file, target } => {
                let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
                file.as_file().sync_all()?;
                file.persist(target)?;
                Ok(())
            }
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.begin()?;
        match self {
            Output::Planned(_) => Ok(0),
            Output::Stream(stream) => stream.write(bytes),
            Output::File { file, .. } => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Output::Planned(_) => Ok(()),
            Output::Stream(stream) => stream.flush(),
            Output::File { file, .. } => file.flush(),
        }
    }
}

/// Makes a folder to write into, if it is not there, which must not be or lie in any of `evidence`.
///
/// # Errors
/// [`OpenError::InEvidence`], or what the operating system says.
pub fn folder(named: &Path, evidence: &[PathBuf]) -> Result<PathBuf, OpenError> {
    let target = new_folder(named, evidence)?;
    fs::create_dir_all(&target)?;
    Ok(target)
}

/// The real path of a folder that may not be there yet, which must not be or lie in any of `evidence`.
///
/// # Errors
/// [`OpenError::InEvidence`], or what the operating system says.
pub fn new_folder(named: &Path, evidence: &[PathBuf]) -> Result<PathBuf, OpenError> {
    let target = real_folder(named)?;
    keep_outside(&target, named, evidence)?;
    Ok(target)
}

/// The path without links of a folder that may not be there yet.
fn real_folder(named: &Path) -> io::Result<PathBuf> {
    Ok(match (fs::canonicalize(named), named.parent()) {
        (Ok(real), _) => real,
        (Err(error), Some(parent)) if error.kind() == io::ErrorKind::NotFound => {
            let name = named.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
            match parent {
                parent if parent == Path::new("") => fs::canonicalize(".")?.join(name),
                parent => real_folder(parent)?.join(name),
            }
        }
        (Err(error), _) => return Err(error),
    })
}

/// That nothing of `evidence` is, or holds, the real path `target`.
fn keep_outside(target: &Path, named: &Path, evidence: &[PathBuf]) -> Result<(), OpenError> {
    for path in evidence {
        // Evidence that does not exist cannot be altered; the analysis says what is wrong with it.
        if fs::canonicalize(path).is_ok_and(|real| target.starts_with(real)) {
            return Err(OpenError::InEvidence {
                output: named.to_owned(),
                evidence: path.clone(),
            });
        }
    }
    Ok(())
}

/// The path without links and `..`, so that it can be compared: of an existing file its own, else its folder's.
fn real_target(named: &Path) -> io::Result<PathBuf> {
    if let Ok(real) = fs::canonicalize(named) {
        return Ok(real);
    }
    let name = named
        .file_name()
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidFilename))?;
    let folder = match named.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    Ok(fs::canonicalize(folder)?.join(name))
}

fn create_beside(target: &Path) -> io::Result<NamedTempFile> {
    let invalid = || io::Error::from(io::ErrorKind::InvalidFilename);
    let folder = target.parent().ok_or_else(invalid)?;
    let name = target.file_name().ok_or_else(invalid)?.to_string_lossy();
    // A name can be as long as the file system allows: the passing one must not be longer.
    let start: String = name.chars().take(PASSING_NAME).collect();
    let prefix = format!(".{start}.");
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(".partial");
    // As any new file: what the user's umask leaves, not the privacy of a temporary file.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let file = builder.tempfile_in(folder)?;
    // A file that is replaced keeps who may read it.
    if let Ok(old) = fs::metadata(target) {
        fs::set_permissions(file.path(), old.permissions())?;
    }
    Ok(file)
}

/// How many characters of its target's name a passing name has.
const PASSING_NAME: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_there_when_it_is_complete_and_not_before() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out.csv");
        let mut output = Output::open(&target, &[]).unwrap();
        output.write_all(b"a,b\n").unwrap();
        output.flush().unwrap();
        assert!(!target.exists());
        output.finish().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"a,b\n");
        assert_eq!(names(folder.path()), ["out.csv"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_is_replaced_keeps_who_may_read_it_and_a_long_name_is_no_obstacle() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("x".repeat(255));
        fs::write(&target, "old").unwrap();
        fs::set_permissions(&target, fs::Permissions::from_mode(0o600)).unwrap();
        let output = Output::open(&target, &[]).unwrap();
        assert_eq!(
            names(folder.path()).len(),
            1,
            "nothing lies about before the first byte"
        );
        output.finish().unwrap();
        assert_eq!(
            fs::metadata(&target).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(fs::read(&target).unwrap(), b"");
    }

    #[test]
    fn an_output_that_is_given_up_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out.csv");
        fs::write(&target, "old").unwrap();
        let mut output = Output::open(&target, &[]).unwrap();
        output.write_all(b"half").unwrap();
        drop(output);
        assert_eq!(fs::read(&target).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["out.csv"]);
    }

    #[test]
    fn evidence_is_never_written_to_by_any_name() {
        let folder = tempfile::tempdir().unwrap();
        let evidence = folder.path().join("case");
        fs::create_dir_all(evidence.join("deep")).unwrap();
        let log = evidence.join("Security.evtx");
        fs::write(&log, "evidence").unwrap();
        let refused = |output: &Path, evidence: &Path| {
            let opened = Output::open(output, &[evidence.to_owned()]);
            matches!(opened, Err(OpenError::InEvidence { .. }))
        };
        assert!(refused(&evidence.join("out.csv"), &evidence));
        assert!(refused(&evidence.join("deep/out.csv"), &evidence));
        assert!(refused(&evidence.join("deep/../out.csv"), &evidence));
        assert!(refused(&log, &log));
        assert!(!refused(&folder.path().join("out.csv"), &evidence));
        assert!(!refused(&folder.path().join("case.csv"), &evidence));
        assert!(
            !refused(&evidence.join("out.csv"), &log),
            "a log was named, not its folder"
        );
        #[cfg(unix)]
        {
            let link = folder.path().join("link");
            std::os::unix::fs::symlink(&log, &link).unwrap();
            assert!(refused(&link, &evidence));
        }
        assert_eq!(names(&evidence), ["Security.evtx", "deep"]);
        assert_eq!(fs::read(&log).unwrap(), b"evidence");
    }

    #[test]
    fn a_folder_is_made_only_outside_of_the_evidence() {
        let place = tempfile::tempdir().unwrap();
        let evidence = place.path().join("case");
        let named = std::slice::from_ref(&evidence);
        fs::create_dir(&evidence).unwrap();
        for inside in ["case", "case/out", "case/a/b", "case/../case/x"] {
            let made = folder(&place.path().join(inside), named);
            let refused = made.unwrap_err().to_string();
            let output = place.path().join(inside);
            assert!(
                refused.starts_with(&format!("{} lies in", output.display())),
                "{refused}"
            );
        }
        let made = folder(&place.path().join("new/../case/x"), named);
        assert!(made.is_err());
        assert_eq!(names(&evidence), [""; 0]);
        let made = folder(&place.path().join("out/a"), named).unwrap();
        assert!(made.is_dir());
        assert_eq!(names(place.path()), ["case", "out"]);
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error_of_the_system() {
        let folder = tempfile::tempdir().unwrap();
        let opened = Output::open(&folder.path().join("none/out.csv"), &[]);
        assert!(matches!(opened, Err(OpenError::Io(_))));
        assert!(matches!(
            Output::open(folder.path(), &[]),
            Err(OpenError::Io(_))
        ));
    }
}
