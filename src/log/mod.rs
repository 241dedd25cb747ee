//! Turns a log into records and damage: the only place that knows the EVTX format and the `evtx` crate.
//!
//! In: the content of a log. Out: its [`Record`]s, chunk by chunk in file order, and an [`Account`] of
//! everything in it. A log is read in blocks, so that its size does not matter; each block can be
//! read by another thread, with a [`Reader`] of its own. Nothing in a log makes this module fail or
//! panic: what cannot be read is damage in the account.
//!
//! A record is a template and values. The first time that a definition of a template is met, a plan is made of it: which
//! value is what (`template`, `plan`). From then on a record costs its own bytes (`frame`, `value`, `decoder`). What no plan
//! covers, and all that is left of a damaged chunk, is decoded by the `evtx` crate (`chunk`, `json`).

#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]

mod account;
mod bytes;
mod chunk;
mod decoder;
mod frame;
mod json;
mod plan;
mod record;
mod recover;
mod template;
mod value;

pub use account::{Account, LogAccount, MAX_DAMAGE};
pub use plan::Run;
pub use record::{Field, Record, Shape};
pub use recover::{Recovery, recoveries};
pub use value::Value;

use crate::damage::{Damage, DamageKind, Location};
use crate::evidence::{Content, Opened};
use evtx::{EvtxFileHeader, HeaderFlags};
use std::io;

/// Bytes before the first chunk.
const FILE_HEADER_SIZE: u64 = 4096;

/// What a file begins with.
const FILE_MAGIC: &[u8; 8] = b"ElfFile\0";

/// Bytes of a chunk.
const CHUNK_SIZE: u64 = 65536;

/// Chunks of a block.
const BLOCK_CHUNKS: u64 = 16;

/// Bytes that are read at once: two chunks, which are still in a processor's own cache when they are decoded.
const READ_SIZE: u64 = 2 * CHUNK_SIZE;

/// A part of a log that one thread reads: a mebibyte, or what is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// The first chunk, counted from 0.
    first_chunk: u64,
    /// How many chunks at most.
    chunks: u64,
    /// Bytes of the whole file.
    file_size: u64,
}

/// The blocks that a log of `file_size` bytes is read in.
pub fn blocks(file_size: u64) -> impl Iterator<Item = Block> {
    blocks_of(BLOCK_CHUNKS, file_size)
}

/// Its chunks, each a block by itself: to look at some of them.
pub fn chunks(file_size: u64) -> impl DoubleEndedIterator<Item = Block> {
    blocks_of(1, file_size)
}

fn blocks_of(chunks: u64, file_size: u64) -> impl DoubleEndedIterator<Item = Block> {
    (0..slots(file_size).max(1).div_ceil(chunks)).map(move |number| Block {
        first_chunk: number * chunks,
        chunks,
        file_size,
    })
}

/// Places of chunks in a file of so many bytes, the last of which may be cut.
fn slots(file_size: u64) -> u64 {
    let behind = file_size.saturating_sub(FILE_HEADER_SIZE);
    behind.div_ceil(CHUNK_SIZE)
}

impl Block {
    /// Whether the file header belongs to this block.
    pub fn is_first(self) -> bool {
        self.first_chunk == 0
    }

    /// Where the block starts in the file.
    fn offset(self) -> u64 {
        FILE_HEADER_SIZE + self.first_chunk * CHUNK_SIZE
    }

    /// Bytes of the block.
    pub fn size(self) -> u64 {
        self.file_size
            .saturating_sub(self.offset())
            .min(self.chunks * CHUNK_SIZE)
    }
}

/// What decodes records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Decoding {
    /// Plans, and the `evtx` crate for what they do not cover.
    #[default]
    Plans,
    /// The `evtx` crate alone, to check the other by.
    Evtx,
}

/// Reads blocks, one after the other, and keeps what it learns of templates.
#[derive(Debug)]
pub struct Reader {
    decoder: Option<decoder::Decoder>,
    /// What is being read of a block, and the frames of the chunk in it.
    bytes: Vec<u8>,
    frames: Vec<frame::Frame>,
    /// What decodes recovered records, once there are any.
    of_remains: Option<decoder::Decoder>,
}

impl Default for Reader {
    fn default() -> Self {
        Reader::new(Decoding::default())
    }
}

impl Reader {
    /// A reader that has read nothing.
    pub fn new(decoding: Decoding) -> Self {
        Reader {
            decoder: (decoding == Decoding::Plans).then(decoder::Decoder::default),
            bytes: Vec::new(),
            frames: Vec::new(),
            of_remains: None,
        }
    }

    /// Reads one block of a log, hands each record to `each` and accounts for it.
    pub fn read(
        &mut self,
        content: &Content,
        block: Block,
        each: &mut dyn FnMut(&Record<'_>),
    ) -> Account {
        let mut account = Account {
            bytes: if block.is_first() { block.file_size } else { 0 },
            ..Account::default()
        };
        let file = match content.open() {
            Ok(file) => file,
            Err(error) => {
                account.unreadable(0, &error);
                return account;
            }
        };
        if block.is_first() {
            read_file_header(&file, block.file_size, &mut account);
        }
        let mut bytes = std::mem::take(&mut self.bytes);
        let mut next = 0;
        while next < block.size() {
            let offset = block.offset() + next;
            bytes.resize((block.size() - next).min(READ_SIZE) as usize, 0);
            let got = read_up_to(&file, offset, &mut bytes);
            let read = bytes.get(..got.length).unwrap_or_default();
            for (index, slot) in (0..).zip(read.chunks(CHUNK_SIZE as usize)) {
                let at = chunk::Place {
                    number: Some((offset - FILE_HEADER_SIZE) / CHUNK_SIZE + index),
                    offset: offset + index * CHUNK_SIZE,
                };
                chunk::read(slot, at, self, &mut account, each);
            }
            if let Some(error) = got.error {
                account.unreadable(offset + got.length as u64, &error);
                break;
            }
            next += READ_SIZE;
        }
        self.bytes = bytes;
        account
    }
}

fn read_file_header(file: &Opened<'_>, file_size: u64, account: &mut Account) {
    let mut bytes = vec![0; FILE_HEADER_SIZE.min(file_size) as usize];
    let got = read_up_to(file, 0, &mut bytes);
    let at = Location {
        offset: Some(0),
        ..Location::default()
    };
    if (got.length as u64) < FILE_HEADER_SIZE {
        account.report(
            DamageKind::FileHeader,
            at,
            format!("the file ends in its header, after {} bytes", got.length),
        );
    }
    match EvtxFileHeader::from_bytes(&bytes) {
        Ok(header) => {
            account.dirty = header.flags.contains(HeaderFlags::DIRTY);
            if !header.validate_checksum() {
                account.bad_checksums += 1;
                let (stored, computed) = (header.checksum, header.computed_checksum);
                let message =
                    format!("file header checksum is {stored:#010x}, computed {computed:#010x}");
                account.report(DamageKind::FileHeader, at, message);
            }
            // Of a log that is still written to, the header may claim too few.
            let (claimed, there) = (u64::from(header.chunk_count), slots(file_size));
            if header.validate_checksum() && claimed > there {
                let message = format!("the file header claims {claimed} chunks, {there} are there");
                let end = Location {
                    offset: Some(file_size),
                    ..Location::default()
                };
                account.report(DamageKind::MissingChunks, end, message);
            }
        }
        Err(error) => account.report(DamageKind::FileHeader, at, error),
    }
}

/// How much could be read, and why not more.
struct Got {
    length: usize,
    error: Option<io::Error>,
}

fn read_up_to(file: &Opened<'_>, mut offset: u64, bytes: &mut [u8]) -> Got {
    let mut length = 0;
    while let Some(rest) = bytes.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset) {
            Ok(0) => {
                let error = io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the file became shorter while it was read",
                );
                return Got {
                    length,
                    error: Some(error),
                };
            }
            Ok(read) => {
                length += read;
                offset += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                return Got {
                    length,
                    error: Some(error),
                };
            }
        }
    }
    Got {
        length,
        error: None,
    }
}

impl Account {
    fn report(&mut self, kind: DamageKind, location: Location, message: impl ToString) {
        self.add_damage(Damage {
            location,
            kind,
            message: message.to_string(),
        });
    }

    /// Reports that the file could not be read from an offset on.
    fn unreadable(&mut self, offset: u64, error: &std::io::Error) {
        let location = Location {
            offset: Some(offset),
            ..Location::default()
        };
        self.report(DamageKind::Unreadable, location, error);
    }
}

/// A record made of the JSON that `evtx` would make, for tests of what comes after.
#[cfg(test)]
pub(crate) fn with_record(json: &str, mut take: impl FnMut(&Record<'_>)) {
    let written = crate::time::Time::from_filetime(0);
    json::record(json.as_bytes(), 1, written, &mut take).unwrap();
}
