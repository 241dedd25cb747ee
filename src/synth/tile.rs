//! Makes a big log of a smaller one, to measure by: copies of its chunks, one behind the other.
//!
//! In: a log, real or written by `synth`. Out: a log that holds each of its chunks as often as is asked for. From copy to
//! copy record numbers go on by one and times by an hour, so that no record is another's duplicate: in the records' headers,
//! in System/EventRecordID and in System/TimeCreated. The headers of chunks and file follow, and all checksums. Everything else
//! stays: Logon IDs, process IDs, and times among an event's data.
//!
//! Which values of a record are its number and its time, its template says. Where that cannot be found out the record is
//! counted, and so is one whose time is none that an event can have, and a chunk that is not copied since it is damaged.
//! Memory does not grow with the copies, and work does not with what a chunk claims. Nothing in a log makes this fail or
//! panic, but that there is nothing to copy.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use super::binxml::{
    ATTRIBUTE, CLOSE_EMPTY, CLOSE_START, END_ELEMENT, EOF, FRAGMENT, MORE, OPEN_START,
    OPTIONAL_SUBSTITUTION, RECORDS_START, SUBSTITUTION, TEMPLATE, TYPE_STRING, VALUE_TEXT,
};
use super::file::{
    CHUNK, CHUNK_MAGIC, FILE_HEADER, FILE_MAGIC, HEADER_CHECKSUM, Header, RECORDS_CHECKSUM,
    RECORDS_END, array_at, header_checksum, put, records_checksum, seal, u32_at, u64_at,
};
use super::time::{LATEST, SECOND};

/// Between the last record of a copy and the first of the next.
const PAUSE: u64 = 3600 * SECOND as u64;

/// Bytes of a record before its content, and after it.
const RECORD_HEADER: usize = 24;
const RECORD_END: usize = 4;

/// Where in a chunk's header numbers of records stand.
const NUMBERS: [usize; 4] = [0x08, 0x10, 0x18, 0x20];

/// Where in a chunk's header its flags stand, and the one of a chunk without checksums.
const FLAGS: usize = 0x78;
const NO_CHECKSUMS: u32 = 4;

/// Bytes of definitions that are looked at in one chunk. Real ones of a chunk take less than it.
const MOST_IN_CHUNK: usize = 4 * CHUNK;

/// Types of values as they are stored.
const TYPE_U64: u8 = 0x0a;
const TYPE_FILETIME: u8 = 0x11;

/// Why no log was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TileError {
    /// The log cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The log.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is no log, or nothing in it can be copied.
    #[error("{}: {why}", path.display())]
    Nothing {
        /// What is no log.
        path: PathBuf,
        /// How that shows.
        why: &'static str,
    },
    /// The last copy would end after the year 9999, or its record numbers have no room.
    #[error("{copies} copies of {} would go on past the year 9999 or the last record number", path.display())]
    TooMany {
        /// The log.
        path: PathBuf,
        /// The copies that were asked for.
        copies: u32,
    },
    /// The result cannot be written.
    #[error(transparent)]
    Write(io::Error),
}

/// What became of a log's chunks and records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tiled {
    /// Chunks of the source that were copied.
    pub chunks: u64,
    /// Records in them.
    pub records: u64,
    /// Those of them that keep a number or a time: in System, since it is not where a template could put it, or anywhere a
    /// time that no event can have. One that keeps both in System is a duplicate of its source.
    pub unmoved: u64,
    /// Chunks of the source that were not copied: damaged, or cut off. Chunks that hold nothing are not counted.
    pub damaged_chunks: u64,
}

/// Writes a log of `copies` copies of the chunks of the log at `source`.
pub fn tile(source: &Path, copies: u32, out: &mut impl Write) -> Result<Tiled, TileError> {
    let mut log = Source::open(source)?;
    let Index {
        mut chunks,
        extent,
        tiled,
    } = log.index()?;
    chunks.sort_unstable();
    let nothing = |why| TileError::Nothing {
        path: source.into(),
        why,
    };
    let extent = extent.ok_or_else(|| nothing("it holds no records in chunks that are sound"))?;
    let steps = extent.steps(copies).ok_or_else(|| TileError::TooMany {
        path: source.into(),
        copies,
    })?;
    let count = tiled.chunks * u64::from(copies);
    let header = Header {
        oldest: 0,
        current: count.saturating_sub(1),
        next: extent.last_number(&steps, copies).saturating_add(1),
        minor_version: log.minor_version,
        chunks: count,
        dirty: false,
    };
    out.write_all(&header.finish()).map_err(TileError::Write)?;
    for copy in 0..u64::from(copies) {
        for &(_, offset) in &chunks {
            let mut chunk = log.read(offset)?;
            chunk.shift(&steps.times(copy));
            out.write_all(chunk.bytes).map_err(TileError::Write)?;
        }
    }
    Ok(tiled)
}

/// A log that is copied from.
struct Source {
    path: PathBuf,
    file: File,
    size: u64,
    minor_version: u16,
    bytes: Vec<u8>,
    places: Vec<Place>,
    definitions: Definitions,
}

/// What a first reading finds.
struct Index {
    /// The first number and the offset of each chunk that can be copied.
    chunks: Vec<(u64, u64)>,
    extent: Option<Extent>,
    tiled: Tiled,
}

impl Source {
    fn open(path: &Path) -> Result<Self, TileError> {
        let failed = |source| TileError::Read {
            path: path.into(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        let mut header = Vec::new();
        let mut start = (&file).take(FILE_HEADER as u64);
        start.read_to_end(&mut header).map_err(failed)?;
        if header.len() < FILE_HEADER || !header.starts_with(FILE_MAGIC) {
            return Err(TileError::Nothing {
                path: path.into(),
                why: "it is no event log",
            });
        }
        Ok(Source {
            path: path.into(),
            file,
            size,
            minor_version: array_at(&header, 0x24).map_or(1, u16::from_le_bytes),
            bytes: vec![0; CHUNK],
            places: Vec::new(),
            definitions: Definitions::default(),
        })
    }

    fn index(&mut self) -> Result<Index, TileError> {
        let mut found = Index {
            chunks: Vec::new(),
            extent: None,
            tiled: Tiled::default(),
        };
        let tiled = &mut found.tiled;
        let mut offset = FILE_HEADER as u64;
        while self.size.saturating_sub(offset) >= CHUNK as u64 {
            self.fill(offset)?;
            let is_unused = self.bytes.iter().all(|&byte| byte == 0);
            let is_sound = is_sound(&self.bytes);
            let chunk = is_sound.then(|| self.chunk()).flatten();
            match chunk {
                Some(chunk) => {
                    if let Some(first) = chunk.places.first() {
                        tiled.chunks += 1;
                        tiled.records += chunk.places.len() as u64;
                        let unmoved = chunk.places.iter().filter(|place| !place.is_whole());
                        tiled.unmoved += unmoved.count() as u64;
                        for place in chunk.places {
                            let own = Extent::of(chunk.bytes, place);
                            found.extent = Some(match found.extent.take() {
                                Some(extent) => extent.and(own),
                                None => own,
                            });
                        }
                        let number = u64_at(chunk.bytes, first.start + 8).unwrap_or(0);
                        found.chunks.push((number, offset));
                    }
                }
                None => tiled.damaged_chunks += u64::from(!is_unused),
            }
            offset += CHUNK as u64;
        }
        tiled.damaged_chunks += u64::from(offset < self.size);
        Ok(found)
    }

    /// Reads a chunk that [`Source::index`] found.
    fn read(&mut self, offset: u64) -> Result<Chunk<'_>, TileError> {
        self.fill(offset)?;
        let path = self.path.clone();
        self.chunk().ok_or_else(|| TileError::Read {
            path,
            source: io::Error::other("it changed while it was read"),
        })
    }

    fn fill(&mut self, offset: u64) -> Result<(), TileError> {
        let read = self.file.seek(SeekFrom::Start(offset));
        read.and_then(|_| self.file.read_exact(&mut self.bytes))
            .map_err(|source| TileError::Read {
                path: self.path.clone(),
                source,
            })
    }

    /// The chunk that was read, if its records lie one behind the other.
    fn chunk(&mut self) -> Option<Chunk<'_>> {
        let chunk = &mut self.bytes;
        self.places.clear();
        self.definitions.start_chunk();
        let end = u32_at(chunk, RECORDS_END)? as usize;
        let mut start = RECORDS_START;
        while start < end {
            let size = u32_at(chunk, start + 4)? as usize;
            let next = start.checked_add(size)?;
            if array_at(chunk, start)? != *b"**\0\0"
                || size < RECORD_HEADER + RECORD_END
                || next > end.min(CHUNK)
                || u32_at(chunk, next - RECORD_END)? as usize != size
            {
                return None;
            }
            let content = start + RECORD_HEADER..next - RECORD_END;
            let found = values(chunk, content, &mut self.definitions);
            let (number, time) = found.unwrap_or_default();
            let is_time = |at: &usize| u64_at(chunk, *at).is_some_and(is_time);
            self.places.push(Place {
                start,
                number,
                written: Some(start + 16).filter(is_time),
                time: time.filter(is_time),
            });
            start = next;
        }
        Some(Chunk {
            bytes: chunk,
            places: &self.places,
        })
    }
}

fn is_sound(chunk: &[u8]) -> bool {
    let matches = |sum: Option<u32>, at| sum.is_some() && sum == u32_at(chunk, at);
    let is_unchecked = u32_at(chunk, FLAGS).is_some_and(|flags| flags & NO_CHECKSUMS != 0);
    chunk.starts_with(CHUNK_MAGIC)
        && (is_unchecked
            || matches(records_checksum(chunk), RECORDS_CHECKSUM)
                && matches(header_checksum(chunk), HEADER_CHECKSUM))
}

/// Whether an event can have this FILETIME: there is one, and it is not after the year 9999.
fn is_time(ticks: u64) -> bool {
    (1..=LATEST as u64).contains(&ticks)
}

/// A chunk in memory.
struct Chunk<'s> {
    bytes: &'s mut [u8],
    places: &'s [Place],
}

impl Chunk<'_> {
    /// Moves all records on.
    fn shift(&mut self, by: &Steps) {
        for place in self.places {
            add(self.bytes, place.start + 8, by.number);
            if let Some(at) = place.number {
                add(self.bytes, at, by.record_id);
            }
            for at in [place.written, place.time].into_iter().flatten() {
                add(self.bytes, at, by.time);
            }
        }
        for at in NUMBERS {
            add(self.bytes, at, by.number);
        }
        // What is behind the records is not theirs, and would be the same in each copy.
        let end = u32_at(self.bytes, RECORDS_END).map_or(CHUNK, |end| end as usize);
        self.bytes.iter_mut().skip(end).for_each(|byte| *byte = 0);
        // The first reading found the records' end inside the chunk.
        let _ = seal(self.bytes);
    }
}

fn add(bytes: &mut [u8], at: usize, step: u64) {
    if let Some(number) = u64_at(bytes, at) {
        put(bytes, at, &number.wrapping_add(step).to_le_bytes());
    }
}

/// A record in its chunk.
struct Place {
    start: usize,
    /// Where System/EventRecordID is.
    number: Option<usize>,
    /// Where its header's time is, if it is one.
    written: Option<usize>,
    /// Where System/TimeCreated is, if it is a time.
    time: Option<usize>,
}

impl Place {
    fn is_whole(&self) -> bool {
        self.number.is_some() && self.written.is_some() && self.time.is_some()
    }
}

/// From where to where the numbers and times of records go.
#[derive(Debug, Clone)]
struct Extent {
    numbers: RangeInclusive<u64>,
    record_ids: Option<RangeInclusive<u64>>,
    times: Option<RangeInclusive<u64>>,
}

/// How far a copy lies behind the source.
struct Steps {
    number: u64,
    record_id: u64,
    time: u64,
}

impl Extent {
    fn of(chunk: &[u8], place: &Place) -> Self {
        let value = |at: usize| {
            let value = u64_at(chunk, at).unwrap_or(0);
            value..=value
        };
        Extent {
            numbers: value(place.start + 8),
            record_ids: place.number.map(value),
            times: either(place.written.map(value), place.time.map(value)),
        }
    }

    fn and(self, other: Extent) -> Self {
        Extent {
            numbers: joined(self.numbers, other.numbers),
            record_ids: either(self.record_ids, other.record_ids),
            times: either(self.times, other.times),
        }
    }

    /// From one copy to the next; `None` if the last of them would not fit.
    fn steps(&self, copies: u32) -> Option<Steps> {
        let further = u64::from(copies.saturating_sub(1));
        let step = |range: &RangeInclusive<u64>, pause: u64, latest: u64| {
            let step = (range.end() - range.start()).checked_add(pause)?;
            let last = step.checked_mul(further)?.checked_add(*range.end())?;
            (last <= latest).then_some(step)
        };
        let or_none = |range: &Option<_>, pause, latest| {
            let range = range.as_ref();
            range.map_or(Some(0), |range| step(range, pause, latest))
        };
        // -1 is the last number of a chunk without records.
        Some(Steps {
            number: step(&self.numbers, 1, u64::MAX - 1)?,
            record_id: or_none(&self.record_ids, 1, u64::MAX - 1)?,
            time: or_none(&self.times, PAUSE, LATEST as u64)?,
        })
    }

    fn last_number(&self, steps: &Steps, copies: u32) -> u64 {
        let last = steps.times(u64::from(copies.saturating_sub(1)));
        self.numbers.end() + last.number
    }
}

fn joined(a: RangeInclusive<u64>, b: RangeInclusive<u64>) -> RangeInclusive<u64> {
    *a.start().min(b.start())..=*a.end().max(b.end())
}

fn either(
    a: Option<RangeInclusive<u64>>,
    b: Option<RangeInclusive<u64>>,
) -> Option<RangeInclusive<u64>> {
    match (a, b) {
        (Some(a), Some(b)) => Some(joined(a, b)),
        (a, b) => a.or(b),
    }
}

impl Steps {
    fn times(&self, copy: u64) -> Steps {
        Steps {
            number: self.number * copy,
            record_id: self.record_id * copy,
            time: self.time * copy,
        }
    }
}

/// Which values of an event are its number and its time.
#[derive(Debug, Clone, Copy, Default)]
struct Slots {
    number: Option<u16>,
    time: Option<u16>,
}

/// Where in a chunk the number and the time are that the record with this content has in System; `None` where it is no
/// instance of a template that could be read.
fn values(
    chunk: &[u8],
    content: std::ops::Range<usize>,
    definitions: &mut Definitions,
) -> Option<(Option<usize>, Option<usize>)> {
    let [token, _, _, _, instance, ..]: [u8; 6] = array_at(chunk, content.start)?;
    if (token, instance) != (FRAGMENT[0], TEMPLATE) {
        return None;
    }
    // A version, an identifier, then where the definition is.
    let definition = u32_at(chunk, content.start + 10)?;
    let mut at = content.start + 14;
    if definition as usize == at {
        at = Definition::at(chunk, at)?.end;
    }
    let slots = definitions.slots(chunk, definition)?;
    let count = u32_at(chunk, at)? as usize;
    let (descriptors, mut value) = (at + 4, at + 4 + count.checked_mul(4)?);
    if value > content.end {
        return None;
    }
    let (mut number, mut time) = (None, None);
    for index in 0..count {
        let [low, high, kind, _]: [u8; 4] = array_at(chunk, descriptors + 4 * index)?;
        let size = usize::from(u16::from_le_bytes([low, high]));
        if value + size > content.end {
            return None;
        }
        let is = |slot: Option<u16>| slot.is_some_and(|slot| usize::from(slot) == index);
        match (kind, size) {
            (TYPE_U64, 8) if is(slots.number) => number = Some(value),
            (TYPE_FILETIME, 8) if is(slots.time) => time = Some(value),
            _ => {}
        }
        value += size;
    }
    Some((number, time))
}

/// The names that lead to the number and the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    Event,
    System,
    EventRecordId,
    TimeCreated,
    SystemTime,
    Other,
}

impl Name {
    fn of(units: &[u8]) -> Name {
        let is = |name: &str| units.iter().copied().eq(name.bytes().flat_map(|b| [b, 0]));
        let named = [
            ("Event", Name::Event),
            ("System", Name::System),
            ("EventRecordID", Name::EventRecordId),
            ("TimeCreated", Name::TimeCreated),
            ("SystemTime", Name::SystemTime),
        ];
        let found = named.into_iter().find(|(name, _)| is(name));
        found.map_or(Name::Other, |(_, name)| name)
    }
}

/// The definitions of a chunk, by their offsets.
#[derive(Default)]
struct Definitions {
    known: HashMap<u32, Option<Slots>>,
    looked_at: usize,
}

impl Definitions {
    fn start_chunk(&mut self) {
        self.known.clear();
        self.looked_at = 0;
    }

    /// `None` also where the chunk's definitions, which may claim to overlap, are more than is looked at.
    fn slots(&mut self, chunk: &[u8], offset: u32) -> Option<Slots> {
        let looked_at = &mut self.looked_at;
        let slots = self.known.entry(offset).or_insert_with(|| {
            let definition = Definition::at(chunk, offset as usize)?;
            *looked_at += definition.end - definition.next;
            (*looked_at <= MOST_IN_CHUNK).then(|| definition.slots())?
        });
        *slots
    }
}

/// A template's definition: a link, an identifier and a size, then elements.
struct Definition<'c> {
    chunk: &'c [u8],
    next: usize,
    end: usize,
}

impl<'c> Definition<'c> {
    fn at(chunk: &'c [u8], at: usize) -> Option<Self> {
        let size = u32_at(chunk, at.checked_add(20)?)? as usize;
        let next = at + 24;
        let end = next.checked_add(size).filter(|end| *end <= chunk.len())?;
        Some(Definition { chunk, next, end })
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let bytes = array_at(self.chunk, self.next)?;
        self.next += N;
        (self.next <= self.end).then_some(bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_le_bytes)
    }

    /// A name, which follows where the chunk meets it for the first time.
    fn name(&mut self) -> Option<Name> {
        let at = u32::from_le_bytes(self.take()?) as usize;
        // The next name's offset and a hash, then the length.
        let length: [u8; 2] = array_at(self.chunk, at.checked_add(6)?)?;
        let length = 2 * usize::from(u16::from_le_bytes(length));
        let units = self.chunk.get(at + 8..)?.get(..length)?;
        if at == self.next {
            // A NUL ends it.
            self.next += 8 + length + 2;
        }
        Some(Name::of(units))
    }

    /// Which values are the number and the time; `None` where there is something else than what Windows writes.
    fn slots(mut self) -> Option<Slots> {
        let mut slots = Slots::default();
        let mut path = Vec::new();
        let mut attribute = None;
        while self.next < self.end {
            let [token] = self.take()?;
            match token & !MORE {
                EOF => break,
                token if token == FRAGMENT[0] => {
                    self.take::<3>()?;
                }
                OPEN_START => {
                    // A dependency and a size.
                    self.take::<6>()?;
                    path.push(self.name()?);
                    attribute = None;
                    if token & MORE != 0 {
                        self.take::<4>()?;
                    }
                }
                ATTRIBUTE => attribute = Some(self.name()?),
                CLOSE_START => attribute = None,
                CLOSE_EMPTY | END_ELEMENT => {
                    path.pop()?;
                    attribute = None;
                }
                VALUE_TEXT => {
                    let [TYPE_STRING] = self.take()? else {
                        return None;
                    };
                    self.next += 2 * usize::from(self.u16()?);
                }
                SUBSTITUTION | OPTIONAL_SUBSTITUTION => {
                    let index = self.u16()?;
                    self.take::<1>()?;
                    match (path.as_slice(), attribute) {
                        ([Name::Event, Name::System, Name::EventRecordId], None) => {
                            slots.number = Some(index);
                        }
                        (
                            [Name::Event, Name::System, Name::TimeCreated],
                            Some(Name::SystemTime),
                        ) => slots.time = Some(index),
                        _ => {}
                    }
                }
                _ => return None,
            }
        }
        Some(slots)
    }
}
