//! What stops a run. Everything else is damage and is reported with the results.

use crate::evidence::{NoPlace, Skipped};
use std::io;
use std::path::PathBuf;

/// A reason to stop.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing that was named is or holds an event log.
    #[error("no event log found in {}{}", list(paths), not_searched(*members_not_searched))]
    NoLog {
        /// The paths as they were given.
        paths: Vec<PathBuf>,
        /// What was looked at and why it is no log.
        skipped: Vec<Skipped>,
        /// How many members of packages were not searched for records, though other files were.
        members_not_searched: u64,
    },
    /// The output could not be written.
    #[error("cannot write {}: {source}", path.as_ref().map_or_else(|| "to standard output".to_owned(), |p| p.display().to_string()))]
    Output {
        /// The file; `None` is standard output.
        path: Option<PathBuf>,
        /// What the operating system said.
        source: io::Error,
    },
    /// A package could not be unpacked, for want of space.
    #[error(transparent)]
    NoPlace(#[from] NoPlace),
    /// It was asked to stop while it read.
    #[error("stopped")]
    Stopped,
    /// The worker threads could not be started.
    #[error("cannot start {threads} threads: {message}")]
    Threads {
        /// How many were asked for.
        threads: usize,
        /// Why not.
        message: String,
    },
}

fn not_searched(members: u64) -> String {
    match members {
        0 => String::new(),
        1 => "; a member of a package was not searched for records: unpack it first".to_owned(),
        _ => format!(
            "; {members} members of packages were not searched for records: unpack them first"
        ),
    }
}

fn list(paths: &[PathBuf]) -> String {
    paths
        .iter()
        .map(|path| path.display().to_string())
        .collect::<Vec<_>>()
        .join(", ")
}
