//! Runs the stages over all evidence in parallel and merges in a fixed order: the only file that mentions rayon.

use crate::error::Error;
use crate::event::{Event, LogIndex, Text};
use crate::evidence::Skipped;
use crate::log::LogAccount;
use crate::session::{Kind, Session};
use std::path::PathBuf;

/// An event in its place on the timeline.
#[derive(Debug, Clone, PartialEq)]
pub struct TimelineEvent {
    /// The event.
    pub event: Event,
    /// The machine's latest name.
    pub host: Text,
    /// What kind of logon it belongs to, if known.
    pub kind: Option<Kind>,
    /// The session it belongs to, if any.
    pub session: Option<Text>,
    /// Every log that holds the record; the first is `event.log`.
    pub sources: Vec<LogIndex>,
}

/// The whole result of a run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Analysis {
    /// Sorted by host, start (else its latest bound), Logon ID.
    pub sessions: Vec<Session>,
    /// Sorted by host, time, channel, record.
    pub events: Vec<TimelineEvent>,
    /// What became of each log, sorted by path.
    pub logs: Vec<LogAccount>,
    /// What should have been a log and is not.
    pub skipped: Vec<Skipped>,
    /// How many files are no logs.
    pub other_files: u64,
}

impl Analysis {
    /// The path of a log.
    pub fn path(&self, log: LogIndex) -> Option<&PathBuf> {
        self.logs.get(log.0 as usize).map(|log| &log.path)
    }

    /// Whether some evidence was damaged or unreadable (a dirty flag alone is no damage).
    pub fn is_partial(&self) -> bool {
        !self.skipped.is_empty() || self.logs.iter().any(|log| !log.account.damage.is_empty())
    }
}

/// Options of a run.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Worker threads; `None` means one per core.
    pub threads: Option<usize>,
}

/// Reads all evidence below `paths` and builds the timelines of all machines in it.
///
/// # Errors
/// [`Error::NoLog`] if there is no log, [`Error::Threads`] if the workers cannot be started.
pub fn analyse(paths: &[PathBuf], options: &Options) -> Result<Analysis, Error> {
    let _ = (paths, options);
    todo!()
}
