//! Damage: what could not be read, where, and how much of it. Damage is data: it never stops a run.

use crate::named::named;
use std::fmt;

/// Where in a log something is. Parts that are not known are `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// Bytes from the start of the file.
    pub offset: Option<u64>,
    /// The chunk, counted from 0 in file order.
    pub chunk: Option<u64>,
    /// The record header's identifier.
    pub record: Option<u64>,
}

/// Something in a log that could not be read as it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Where it is.
    pub location: Location,
    /// What is wrong there.
    pub kind: DamageKind,
    /// Details, in words.
    pub message: String,
}

named! {
    /// What is wrong.
    pub enum DamageKind {
        /// The file header's checksum or fields are wrong; its chunks were read all the same.
        FileHeader = "file-header",
        /// Chunks that the file header claims are not there: the file was cut off.
        MissingChunks = "missing-chunks",
        /// A chunk does not start with its magic; its records were not read.
        ChunkMagic = "chunk-magic",
        /// A chunk header's checksum or fields are wrong; its records were read all the same.
        ChunkHeader = "chunk-header",
        /// The checksum over a chunk's records is wrong; what parses was read all the same.
        ChunkData = "chunk-data",
        /// A record could not be decoded.
        Record = "record",
        /// Records that the chunk header claims are not there.
        MissingRecords = "missing-records",
        /// The file ends inside a chunk; its records before the end were read.
        CutChunk = "cut-chunk",
        /// Bytes after the last whole chunk that are no chunk.
        TrailingBytes = "trailing-bytes",
        /// The file could not be read to its end.
        Unreadable = "unreadable",
        /// What came out of a package breaks off, or is not what went in; it was read all the same.
        Package = "package",
        /// The file was changed by another while it was read: what was read may be of two states.
        Changed = "changed",
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        if let Some(chunk) = self.chunk {
            write!(f, "chunk {chunk}")?;
            separator = ", ";
        }
        if let Some(record) = self.record {
            write!(f, "{separator}record {record}")?;
            separator = ", ";
        }
        if let Some(offset) = self.offset {
            write!(f, "{separator}offset {offset:#x}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.location, self.message)
    }
}
