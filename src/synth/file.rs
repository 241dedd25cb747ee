//! Chunks and files: where records go, and the headers that describe them.
//!
//! In: numbered records. Out: the bytes of an EVTX file. A record that does not fit opens the
//! next 64 KiB chunk; a file with a limit of chunks overwrites its oldest, as a circular log
//! does. Source: libevtx's format notes, real logs.

use super::binxml::{Body, RECORDS_START};
use super::record::Record;

/// Size of a chunk, and of the block that a file begins with.
pub(super) const CHUNK: usize = 0x1_0000;
pub(super) const FILE_HEADER: usize = 0x1000;

/// What a chunk and a file begin with.
pub(super) const CHUNK_MAGIC: &[u8; 8] = b"ElfChnk\0";
pub(super) const FILE_MAGIC: &[u8; 8] = b"ElfFile\0";

/// Where in a chunk's header the end of its records stands, and both checksums.
pub(super) const RECORDS_END: usize = 0x30;
pub(super) const RECORDS_CHECKSUM: usize = 0x34;
pub(super) const HEADER_CHECKSUM: usize = 0x7c;

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
    let header = Header {
        oldest: place(oldest),
        current: place(current),
        next: records
            .last()
            .map_or(1, |(number, _)| number.saturating_add(1)),
        minor_version: shape.minor_version,
        chunks: places as u64,
        dirty: shape.dirty,
    };
    bytes[..FILE_HEADER].copy_from_slice(&header.finish());
    Ok(Log { bytes, first_kept })
}

/// What a file says of itself.
pub(super) struct Header {
    /// The places of the oldest chunk and of the one that is written to.
    pub(super) oldest: u64,
    pub(super) current: u64,
    /// The number that the next record would have.
    pub(super) next: u64,
    pub(super) minor_version: u16,
    /// Of a log beyond 4 GiB the format cannot tell how many there are.
    pub(super) chunks: u64,
    pub(super) dirty: bool,
}

impl Header {
    pub(super) fn finish(&self) -> Vec<u8> {
        let mut header = vec![0; FILE_HEADER];
        let chunks = u16::try_from(self.chunks).unwrap_or(u16::MAX);
        put(&mut header, 0, FILE_MAGIC);
        put(&mut header, 0x08, &self.oldest.to_le_bytes());
        put(&mut header, 0x10, &self.current.to_le_bytes());
        put(&mut header, 0x18, &self.next.to_le_bytes());
        put(&mut header, 0x20, &128u32.to_le_bytes());
        put(&mut header, 0x24, &self.minor_version.to_le_bytes());
        put(&mut header, 0x26, &3u16.to_le_bytes());
        put(&mut header, 0x28, &(FILE_HEADER as u16).to_le_bytes());
        put(&mut header, 0x2a, &chunks.to_le_bytes());
        put(&mut header, 0x78, &u32::from(self.dirty).to_le_bytes());
        let checksum = crc32fast::hash(&header[..0x78]);
        put(&mut header, 0x7c, &checksum.to_le_bytes());
        header
    }
}

/// The checksum that a chunk's records should have; `None` where their end lies outside.
pub(super) fn records_checksum(chunk: &[u8]) -> Option<u32> {
    let end = u32_at(chunk, RECORDS_END)? as usize;
    Some(crc32fast::hash(chunk.get(RECORDS_START..end)?))
}

/// The checksum that a chunk's header should have.
pub(super) fn header_checksum(chunk: &[u8]) -> Option<u32> {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(chunk.get(..0x78)?);
    hasher.update(chunk.get(0x80..RECORDS_START)?);
    Some(hasher.finalize())
}

/// Makes both checksums of a chunk anew.
pub(super) fn seal(chunk: &mut [u8]) -> Option<()> {
    let records = records_checksum(chunk)?;
    put(chunk, RECORDS_CHECKSUM, &records.to_le_bytes());
    let header = header_checksum(chunk)?;
    put(chunk, HEADER_CHECKSUM, &header.to_le_bytes());
    Some(())
}

/// The bytes at an offset, which need not lie inside.
pub(super) fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array_at(bytes, at).map(u32::from_le_bytes)
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    array_at(bytes, at).map(u64::from_le_bytes)
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
        bytes.resize(CHUNK, 0);
        put(&mut bytes, 0, CHUNK_MAGIC);
        put(&mut bytes, 0x08, &self.first.to_le_bytes());
        put(&mut bytes, 0x10, &self.last.to_le_bytes());
        put(&mut bytes, 0x18, &self.first.to_le_bytes());
        put(&mut bytes, 0x20, &self.last.to_le_bytes());
        put(&mut bytes, 0x28, &128u32.to_le_bytes());
        put(&mut bytes, 0x2c, &(self.last_offset as u32).to_le_bytes());
        put(&mut bytes, RECORDS_END, &(end as u32).to_le_bytes());
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
        // The records end inside the chunk.
        let _ = seal(&mut bytes);
        bytes
    }
}

pub(super) fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}
