//! The account of a log: what it claims, what was read, what was damaged and where.

use crate::damage::Damage;
use crate::time::Time;
use std::path::PathBuf;

/// How many damaged places of one log are listed one by one.
pub const MAX_DAMAGE: usize = 100;

/// What became of one log: the account of every chunk and record in it.
///
/// `claimed + unclaimed = read + damaged` always holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Account {
    /// Bytes of the file.
    pub bytes: u64,
    /// Chunks that start with their magic.
    pub chunks: u64,
    /// Chunk slots that were never written: all zero.
    pub unused_chunks: u64,
    /// Records that the chunk headers claim.
    pub claimed: u64,
    /// Records or damaged places beyond what a chunk header claims: the header is wrong, or late in a live copy.
    pub unclaimed: u64,
    /// Records that were decoded.
    pub read: u64,
    /// Those of them that the `evtx` crate decoded, since no plan covers them.
    pub read_by_evtx: u64,
    /// Records that are claimed or found and could not be decoded.
    pub damaged: u64,
    /// Header and data checksums that do not match.
    pub bad_checksums: u64,
    /// Bytes after the last whole chunk.
    pub trailing_bytes: u64,
    /// Whether the file header says that the log was not closed; a live copy always says so.
    pub dirty: bool,
    /// What was damaged, in file order; the first [`MAX_DAMAGE`] of it.
    pub damage: Vec<Damage>,
    /// How many more places were damaged than `damage` lists.
    pub more_damage: u64,
}

impl Account {
    /// Lists one more damaged place, or counts it if the list is full.
    pub fn add_damage(&mut self, damage: Damage) {
        if self.damage.len() < MAX_DAMAGE {
            self.damage.push(damage);
        } else {
            self.more_damage += 1;
        }
    }

    /// Adds the account of the next block of the same log.
    pub fn add(&mut self, next: Account) {
        self.bytes += next.bytes;
        self.chunks += next.chunks;
        self.unused_chunks += next.unused_chunks;
        self.claimed += next.claimed;
        self.unclaimed += next.unclaimed;
        self.read += next.read;
        self.read_by_evtx += next.read_by_evtx;
        self.damaged += next.damaged;
        self.bad_checksums += next.bad_checksums;
        self.trailing_bytes += next.trailing_bytes;
        self.dirty |= next.dirty;
        self.more_damage += next.more_damage;
        next.damage
            .into_iter()
            .for_each(|damage| self.add_damage(damage));
    }
}

/// A log and its account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogAccount {
    /// The file.
    pub path: PathBuf,
    /// Whether it is the account of what was recovered from the file beside what is read of it.
    pub recovered: bool,
    /// Its account.
    pub account: Account,
    /// First and last time of its records.
    pub span: Option<(Time, Time)>,
    /// The machine that the collection it was found in says it is of, where no machine in it has or had that name.
    pub other_host: Option<String>,
}
