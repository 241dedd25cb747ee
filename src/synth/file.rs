//! Chunks and files: where records go, and the headers that describe them.
//!
//! In: numbered records. Out: the bytes of an EVTX file. A record that does not fit opens the
//! next 64 KiB chunk; a file with a limit of chunks overwrites its oldest, as a circular log
//! does. Source: libevtx's format notes, real logs.

use super::binxml::{Body, RECORDS_START};
use super::record::Record;

/// Size of a chunk, and of the block that a file begins with.
const CHUNK: usize = 0x1_0000;
const FILE_HEADER: usize = 0x1000;

/// How one log is laid out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// The minor version: 1 until Windows 10, 2 later.
    pub(super) minor_version: u16,
    pub(super) dirty: bool,
    /// At most so many records in a chunk.
    pub(super) chunk_records: Option<usize>,
    /// A circular log of so many chunks.
    pub(super) max_chunks: Option<usize>,
}

/// A record that no chunk can hold.
#[derive(Debug)]
pub(super) struct TooLarge {
    /// Its position among the records given.
    pub(super) index: usize,
}

/// A finished log: its bytes, and the records that are still in it.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) bytes: Vec<u8>,
    /// The first record that was not overwritten; all before it are gone.
    pub(super) first_kept: usize,
}

struct Chunk {
    body: Body,
    first: u64,
    last: u64,
    last_offset: usize,
    /// Position of its first record among the records given.
    start: usize,
}

/// Writes a log from records and their numbers.
pub(super) fn write(records: &[(u64, Record)], shape: Shape) -> Result<Log, TooLarge> {
    let mut chunks: Vec<Chunk> = Vec::new();
    let mut in_chunk = usize::MAX;
    for (index, (number, record)) in records.iter().enumerate() {
        let full = in_chunk >= shape.chunk_records.unwrap_or(usize::MAX);
        let fitted = match chunks.last_mut() {
            Some(chunk) if !full => chunk.push(*number, record),
            _ => false,
        };
        if fitted {
            in_chunk += 1;
            continue;
        }
        let mut chunk = Chunk {
            body: Body::new(),
            first: *number,
            last: *number,
            last_offset: RECORDS_START,
            start: index,
        };
        if !chunk.push(*number, record) {
            return Err(TooLarge { index });
        }
        chunks.push(chunk);
        in_chunk = 1;
    }

    if chunks.is_empty() {
        chunks.push(Chunk::empty());
    }
    let places = shape
        .max_chunks
        .unwrap_or(usize::MAX)
        .clamp(1, chunks.len());
    let (count, current) = (chunks.len(), chunks.len() - 1);
    let oldest = count - places;
    let mut bytes = vec![0; FILE_HEADER];
    // Chunk n of a circular log lies at place n modulo their number.
    let mut kept: Vec<Chunk> = chunks.drain(oldest..).collect();
    kept.rotate_right(oldest % places);
    let first_kept = kept.iter().map(|chunk| chunk.start).min().unwrap_or(0);
    for chunk in kept {
        bytes.extend_from_slice(&chunk.finish(shape));
    }

    let place = |chunk: usize| (chunk % places) as u64;
    let header = &mut bytes[..FILE_HEADER];
    put(header, 0, b"ElfFile\0");
    put(header, 0x08, &place(oldest).to_le_bytes());
    put(header, 0x10, &place(current).to_le_bytes());
    put(
        header,
        0x18,
        &records
            .last()
            .map_or(1, |(number, _)| number.saturating_add(1))
            .to_le_bytes(),
    );
    put(header, 0x20, &128u32.to_le_bytes());
    put(header, 0x24, &shape.minor_version.to_le_bytes());
    put(header, 0x26, &3u16.to_le_bytes());
    put(header, 0x28, &(FILE_HEADER as u16).to_le_bytes());
    put(header, 0x2a, &(places as u16).to_le_bytes());
    put(header, 0x78, &u32::from(shape.dirty).to_le_bytes());
    let checksum = crc32fast::hash(&header[..0x78]);
    put(header, 0x7c, &checksum.to_le_bytes());
    Ok(Log { bytes, first_kept })
}

impl Chunk {
    /// The chunk of a log without records: the last number is -1.
    fn empty() -> Chunk {
        Chunk {
            body: Body::new(),
            first: 1,
            last: u64::MAX,
            last_offset: 0,
            start: 0,
        }
    }

    /// Appends a record if the chunk has room for it.
    fn push(&mut self, number: u64, record: &Record) -> bool {
        let before = (
            self.body.bytes.len(),
            self.body.name_heads,
            self.body.template_heads,
        );
        let offset = self.body.push(number, record);
        if self.body.bytes.len() > CHUNK {
            // The maps of names now lie, but nothing more comes into this chunk.
            self.body.bytes.truncate(before.0);
            (self.body.name_heads, self.body.template_heads) = (before.1, before.2);
            return false;
        }
        self.last = number;
        self.last_offset = offset;
        true
    }

    fn finish(self, shape: Shape) -> Vec<u8> {
        let mut bytes = self.body.bytes;
        let end = bytes.len();
        let records_checksum = crc32fast::hash(&bytes[RECORDS_START..]);
        bytes.resize(CHUNK, 0);
        put(&mut bytes, 0, b"ElfChnk\0");
        put(&mut bytes, 0x08, &self.first.to_le_bytes());
        put(&mut bytes, 0x10, &self.last.to_le_bytes());
        put(&mut bytes, 0x18, &self.first.to_le_bytes());
        put(&mut bytes, 0x20, &self.last.to_le_bytes());
        put(&mut bytes, 0x28, &128u32.to_le_bytes());
        put(&mut bytes, 0x2c, &(self.last_offset as u32).to_le_bytes());
        put(&mut bytes, 0x30, &(end as u32).to_le_bytes());
        put(&mut bytes, 0x34, &records_checksum.to_le_bytes());
        put(
            &mut bytes,
            0x78,
            &u32::from(shape.minor_version >= 2).to_le_bytes(),
        );
        for (index, head) in self.body.name_heads.iter().enumerate() {
            put(&mut bytes, 0x80 + 4 * index, &head.to_le_bytes());
        }
        for (index, head) in self.body.template_heads.iter().enumerate() {
            put(&mut bytes, 0x180 + 4 * index, &head.to_le_bytes());
        }
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(&bytes[..0x78]);
        checksum.update(&bytes[0x80..RECORDS_START]);
        put(&mut bytes, 0x7c, &checksum.finalize().to_le_bytes());
        bytes
    }
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}
