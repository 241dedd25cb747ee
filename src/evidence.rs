//! Finds the logs in what the user named, without parsing them.

use std::path::PathBuf;

/// Something in the evidence that was expected to be a log and could not be used as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The file or folder.
    pub path: PathBuf,
    /// Why it was skipped, in words.
    pub reason: String,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Evidence {
    /// The logs, sorted by path, each once.
    pub logs: Vec<PathBuf>,
    /// What should have been a log and is not readable as one.
    pub skipped: Vec<Skipped>,
    /// How many files were looked at and are no logs (nobody expected them to be).
    pub other_files: u64,
}
