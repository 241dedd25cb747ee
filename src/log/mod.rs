//! Turns a log into records and damage: the only place that knows the EVTX format and the `evtx` crate.

use crate::damage::Damage;
use crate::time::Time;
use std::path::PathBuf;

/// What became of one log: the account of every chunk and record in it.
///
/// `claimed + unclaimed = read + damaged` always holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Account {
    /// Bytes of the file.
    pub bytes: u64,
    /// Chunks that hold records.
    pub chunks: u64,
    /// Chunk slots that were never written.
    pub unused_chunks: u64,
    /// Records that the chunk headers claim.
    pub claimed: u64,
    /// Records that were found beyond what a chunk header claims (a live copy's header is late).
    pub unclaimed: u64,
    /// Records that were decoded.
    pub read: u64,
    /// Records that are claimed or found and could not be decoded.
    pub damaged: u64,
    /// Header and data checksums that do not match.
    pub bad_checksums: u64,
    /// Bytes after the last whole chunk.
    pub trailing_bytes: u64,
    /// Whether the file header says that the log was not closed.
    pub dirty: bool,
    /// What was damaged, in file order; the first [`MAX_DAMAGE`] of it.
    pub damage: Vec<Damage>,
    /// How many more places were damaged than `damage` lists.
    pub more_damage: u64,
}

/// How many damaged places of one log are listed one by one.
pub const MAX_DAMAGE: usize = 100;

/// A log and its account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogAccount {
    /// The file.
    pub path: PathBuf,
    /// Its account.
    pub account: Account,
    /// First and last time of its records.
    pub span: Option<(Time, Time)>,
}
