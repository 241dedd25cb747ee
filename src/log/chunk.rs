//! One chunk: its header's claims, its checksums, its records.

use super::account::Account;
use super::bytes::{Extent, u32_at};
use super::decoder::Decoder;
use super::frame::{self, Frame};
use super::record::Record;
use super::{CHUNK_SIZE, Reader, json};
use crate::damage::{Damage, DamageKind, Location};
use crate::time::Time;
use evtx::err::EvtxError;
use evtx::{ChunkFlags, EvtxChunk, EvtxChunkHeader, EvtxRecord, IterChunkRecords, ParserSettings};
use std::borrow::Cow;
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// What a chunk begins with.
pub(super) const CHUNK_MAGIC: &[u8; 8] = b"ElfChnk\0";

/// Bytes of a chunk header, before the first record.
pub(super) const CHUNK_HEADER_SIZE: usize = 512;

/// Where in a chunk's header its checksum stands.
const HEADER_CHECKSUM: usize = 124;

/// The offsets of the chunk's name table, in its header.
const NAME_TABLE: std::ops::Range<usize> = 128..384;

/// Where a chunk is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Counted from 0 in file order; `None` of one that lies beside them.
    pub number: Option<u64>,
    /// Bytes from the start of the file.
    pub offset: u64,
}

impl Place {
    pub(super) fn location(self) -> Location {
        Location {
            offset: Some(self.offset),
            chunk: self.number,
            record: None,
        }
    }
}

/// Reads the chunk in `slot`, which is shorter than a chunk only at the end of a file.
pub(super) fn read(
    slot: &[u8],
    at: Place,
    reader: &mut Reader,
    account: &mut Account,
    each: &mut dyn FnMut(&Record<'_>),
) {
    let whole = slot.len() as u64 == CHUNK_SIZE;
    let report = |account: &mut Account, kind, message: String| {
        account.add_damage(Damage {
            location: at.location(),
            kind,
            message,
        });
    };
    if !whole {
        account.trailing_bytes += slot.len() as u64;
    }
    if slot.iter().all(|&byte| byte == 0) {
        account.unused_chunks += u64::from(whole);
        return;
    }
    if !slot.starts_with(CHUNK_MAGIC) {
        if whole {
            let magic = slot
                .get(..CHUNK_MAGIC.len())
                .unwrap_or_default()
                .escape_ascii();
            report(
                account,
                DamageKind::ChunkMagic,
                format!(
                    "the chunk starts with \"{magic}\", not with \"ElfChnk\\x00\": its records are not read"
                ),
            );
        } else {
            report(
                account,
                DamageKind::TrailingBytes,
                format!("{} bytes after the last chunk are no chunk", slot.len()),
            );
        }
        return;
    }
    account.chunks += 1;
    let mut bytes = Cow::Borrowed(slot);
    if !whole {
        report(
            account,
            DamageKind::CutChunk,
            format!("the file ends {} bytes into the chunk", slot.len()),
        );
        // The records before the cut are whole.
        bytes.to_mut().resize(CHUNK_SIZE as usize, 0);
    }
    let header = match EvtxChunkHeader::from_bytes(&bytes) {
        Ok(header) => header,
        Err(error) => return report(account, DamageKind::ChunkHeader, words(&error)),
    };
    let claimed = match claim(&header) {
        Ok(claimed) => claimed,
        Err(message) => {
            report(account, DamageKind::ChunkHeader, message);
            0
        }
    };
    let unchecked = header.flags.contains(ChunkFlags::NO_CRC32);
    let header_matches = header_checksum(&bytes) == Some(header.header_chunk_checksum);
    let data_matches = data_checksum(&bytes, &header) == Some(header.events_checksum);
    if !header_matches && !unchecked {
        account.bad_checksums += 1;
        report(
            account,
            DamageKind::ChunkHeader,
            "the chunk header's checksum does not match".to_owned(),
        );
    }
    // A cut chunk's records cannot match their checksum, which the cut already says.
    if whole && !data_matches && !unchecked {
        account.bad_checksums += 1;
        report(
            account,
            DamageKind::ChunkData,
            "the checksum over the chunk's records does not match".to_owned(),
        );
    }

    let mut chunk = Chunk {
        bytes: &bytes,
        header: &header,
        at,
        found: Found::default(),
        account,
        each,
    };
    // No decoder is known to panic, but evidence is hostile: a panic costs one chunk, not the run.
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        chunk.read_records(reader, header_matches && data_matches)
    }));
    let mut found = chunk.found;
    if let Err(message) = outcome.unwrap_or_else(|_| Err(UNEXPECTED.to_owned())) {
        found.damaged += 1;
        report(account, DamageKind::Record, message);
    }
    let known = found.read + found.damaged;
    if claimed > known {
        let missing = claimed - known;
        found.damaged += missing;
        report(
            account,
            DamageKind::MissingRecords,
            format!("the chunk header claims {claimed} records, {missing} of them are not there"),
        );
    }
    account.claimed += claimed;
    account.unclaimed += (found.read + found.damaged) - claimed;
    account.read += found.read;
    account.read_by_evtx += found.read_by_evtx;
    account.damaged += found.damaged;
}

/// Whether the checksums of a whole chunk's header and of its records match.
pub(super) fn is_sound(chunk: &[u8]) -> bool {
    chunk.starts_with(CHUNK_MAGIC)
        && EvtxChunkHeader::from_bytes(chunk).is_ok_and(|header| {
            header_checksum(chunk) == Some(header.header_chunk_checksum)
                && data_checksum(chunk, &header) == Some(header.events_checksum)
        })
}

/// Whether the checksum of a chunk's header matches.
pub(super) fn has_sound_header(chunk: &[u8]) -> bool {
    let stored = u32_at(chunk, HEADER_CHECKSUM);
    stored.is_some() && header_checksum(chunk) == stored
}

/// What [`read`] has to do with in a chunk that starts with its magic.
#[derive(Debug, Default)]
pub(super) struct Accounted {
    /// Where the records lie that it reads, in order.
    pub extents: Vec<Extent>,
    /// The numbers of those that it finds and cannot decode.
    pub damaged: Vec<u64>,
}

/// What [`read`] accounts for in a whole chunk that starts with its magic. `frames` is space for its frames.
pub(super) fn accounted(bytes: &[u8], frames: &mut Vec<Frame>) -> Accounted {
    let mut accounted = Accounted::default();
    let Ok(header) = EvtxChunkHeader::from_bytes(bytes) else {
        return accounted;
    };
    let end = bytes.len().min(header.free_space_offset as usize);
    let last = header.last_event_record_id;
    if frame::chain(bytes, CHUNK_HEADER_SIZE, end, last, frames) {
        accounted.extents.extend(frames.iter().map(Frame::extent));
        return accounted;
    }
    let walked = catch_unwind(AssertUnwindSafe(|| {
        with_records(bytes, &header, |records, _| {
            for item in records {
                match item {
                    // Behind a torn one others may begin before its end.
                    Ok(record) => accounted.extents.extend(extent_of(bytes, &record)),
                    Err(EvtxError::FailedToParseRecord { record_id, .. }) => {
                        accounted.damaged.push(record_id);
                    }
                    Err(_) => {}
                }
            }
        })
    }));
    // What was found until then counts.
    drop(walked);
    accounted
        .extents
        .sort_unstable_by_key(|extent| extent.start);
    accounted.damaged.sort_unstable();
    accounted
}

/// The checksum of a chunk header: all of it but the bytes that hold flags and checksum.
fn header_checksum(chunk: &[u8]) -> Option<u32> {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(chunk.get(..120)?);
    hasher.update(chunk.get(128..CHUNK_HEADER_SIZE)?);
    Some(hasher.finalize())
}

/// The checksum of a chunk's records.
fn data_checksum(chunk: &[u8], header: &EvtxChunkHeader) -> Option<u32> {
    let records = chunk.get(CHUNK_HEADER_SIZE..header.free_space_offset as usize)?;
    Some(crc32fast::hash(records))
}

/// What was found in a chunk so far.
#[derive(Debug, Default, Clone, Copy)]
struct Found {
    read: u64,
    read_by_evtx: u64,
    damaged: u64,
}

/// A chunk that is being read.
struct Chunk<'c, 'e> {
    bytes: &'c [u8],
    header: &'c EvtxChunkHeader,
    at: Place,
    found: Found,
    account: &'e mut Account,
    each: &'e mut dyn FnMut(&Record<'_>),
}

impl Chunk<'_, '_> {
    /// Reads all records: by plans where the frames lie one behind the other, else by the `evtx` crate, which finds what
    /// is left behind damage. `is_sound` says that both checksums match.
    fn read_records(&mut self, reader: &mut Reader, is_sound: bool) -> Result<(), String> {
        let frames = &mut reader.frames;
        let end = self.bytes.len().min(self.header.free_space_offset as usize);
        let last = self.header.last_event_record_id;
        match &mut reader.decoder {
            Some(decoder) if frame::chain(self.bytes, CHUNK_HEADER_SIZE, end, last, frames) => {
                decoder.start_chunk();
                self.read_by_plans(decoder, frames, is_sound)
            }
            _ => self.by_evtx(|chunk, records| {
                records.for_each(|record| chunk.take_from_evtx(record));
            }),
        }
    }

    /// Reads all records, by the `evtx` crate where no plan covers one.
    fn read_by_plans(
        &mut self,
        decoder: &mut Decoder,
        frames: &[Frame],
        is_sound: bool,
    ) -> Result<(), String> {
        let mut done = 0;
        // Opening a chunk, `evtx` checks its name table, in which nothing is wrong if no checksum is.
        if is_sound {
            done = self.decode(decoder, frames);
            if done == frames.len() {
                return Ok(());
            }
        }
        self.by_evtx(|chunk, records| {
            let mut rest = frames.get(done..).unwrap_or_default();
            let mut skipped = done;
            loop {
                let covered = chunk.decode(decoder, rest);
                skipped += covered;
                let Some((_, behind)) = rest.get(covered..).and_then(<[Frame]>::split_first) else {
                    break;
                };
                if let Some(record) = records.nth(std::mem::take(&mut skipped)) {
                    chunk.take_from_evtx(record);
                }
                rest = behind;
            }
        })
    }

    /// Decodes records by plans, up to the first that no plan covers; how many are done with.
    fn decode(&mut self, decoder: &mut Decoder, frames: &[Frame]) -> usize {
        let mut done = 0;
        loop {
            let rest = frames.get(done..).unwrap_or_default();
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                for frame in rest {
                    if decoder.decode(self.bytes, frame, self.each).is_none() {
                        return;
                    }
                    self.found.read += 1;
                    done += 1;
                }
            }));
            // A panic costs one record.
            let (Err(_), Some(frame)) = (outcome, frames.get(done)) else {
                return done;
            };
            let location = Location {
                offset: Some(self.at.offset + frame.start as u64),
                record: Some(frame.number),
                ..self.at.location()
            };
            self.damaged(location, UNEXPECTED.to_owned());
            done += 1;
        }
    }

    /// Opens the chunk with the `evtx` crate.
    fn by_evtx(
        &mut self,
        read: impl FnOnce(&mut Self, &mut IterChunkRecords<'_>),
    ) -> Result<(), String> {
        with_records(self.bytes, self.header, |records, is_table_sound| {
            if !is_table_sound {
                self.account.add_damage(Damage {
                    location: self.at.location(),
                    kind: DamageKind::ChunkHeader,
                    message: "the chunk's name table is damaged".to_owned(),
                });
            }
            read(self, records);
        })
    }

    /// Takes a record, or the reason why there is none, from the `evtx` crate.
    fn take_from_evtx(&mut self, item: Result<EvtxRecord<'_>, EvtxError>) {
        let decoded = item
            .map_err(|error| error_at(&error, self.at))
            .and_then(|record| {
                let start = record
                    .binxml_offset
                    .saturating_sub(frame::HEADER_SIZE as u64);
                let location = Location {
                    offset: Some(self.at.offset + start),
                    record: Some(record.event_record_id),
                    ..self.at.location()
                };
                // A panic costs one record.
                let outcome = catch_unwind(AssertUnwindSafe(|| self.decode_by_evtx(record)));
                outcome
                    .unwrap_or_else(|_| Err(UNEXPECTED.to_owned()))
                    .map_err(|message| (location, message))
            });
        match decoded {
            Ok(()) => {
                self.found.read += 1;
                self.found.read_by_evtx += 1;
            }
            Err((location, message)) => self.damaged(location, message),
        }
    }

    fn decode_by_evtx(&mut self, record: EvtxRecord<'_>) -> Result<(), String> {
        let size = u64::from(record.binxml_size) + frame::SMALLEST as u64;
        let end = record.binxml_offset + u64::from(record.binxml_size);
        let copy = frame::size_copy(self.bytes, end as usize);
        if copy.map(u64::from) != Some(size) {
            return Err(match copy {
                Some(copy) => format!(
                    "the record's size is {size} at its beginning and {copy} at its end: it is torn"
                ),
                None => format!("the record's size is {size}, more than its chunk holds"),
            });
        }
        let number = record.event_record_id;
        // `evtx` hands out the header's FILETIME as nanoseconds since 1970.
        let written = Time::from_unix_nanoseconds(record.timestamp.as_nanosecond());
        let json = record.into_json_bytes().map_err(|error| words(&error))?;
        json::record(&json.data, number, written, self.each)
    }

    fn damaged(&mut self, location: Location, message: String) {
        self.found.damaged += 1;
        self.account.add_damage(Damage {
            location,
            kind: DamageKind::Record,
            message,
        });
    }
}

/// Hands the records of a chunk to `read`, and whether its name table is sound, by the `evtx` crate.
fn with_records(
    bytes: &[u8],
    header: &EvtxChunkHeader,
    read: impl FnOnce(&mut IterChunkRecords<'_>, bool),
) -> Result<(), String> {
    let settings = Arc::new(ParserSettings::new().num_threads(1));
    if let Ok(mut opened) = EvtxChunk::new(bytes, header, settings.clone()) {
        read(&mut opened.iter(), true);
        return Ok(());
    }
    // The name table only saves time. Where it is damaged, the names are read from the records.
    let mut bytes = bytes.to_vec();
    if let Some(table) = bytes.get_mut(NAME_TABLE) {
        table.fill(0);
    }
    let header = EvtxChunkHeader::from_bytes(&bytes).map_err(|error| words(&error))?;
    let opened = EvtxChunk::new(&bytes, &header, settings);
    read(&mut opened.map_err(|error| words(&error))?.iter(), false);
    Ok(())
}

/// Where a record lies, if both its sizes agree.
fn extent_of(chunk: &[u8], record: &EvtxRecord<'_>) -> Option<Extent> {
    let end = record.binxml_offset as usize + record.binxml_size as usize;
    let size = record.binxml_size as usize + frame::SMALLEST;
    let is_whole = frame::size_copy(chunk, end) == u32::try_from(size).ok();
    let end = end + frame::SMALLEST - frame::HEADER_SIZE;
    is_whole.then_some(Extent {
        start: end.checked_sub(size)? as u32,
        end: end as u32,
    })
}

/// What is said of a panic.
const UNEXPECTED: &str = "decoding failed unexpectedly";

/// How many records the chunk header claims.
fn claim(header: &EvtxChunkHeader) -> Result<u64, String> {
    let (first, last) = (
        header.first_event_record_number,
        header.last_event_record_number,
    );
    let claimed = last.wrapping_sub(first).wrapping_add(1);
    let most = (CHUNK_SIZE - CHUNK_HEADER_SIZE as u64) / frame::SMALLEST as u64;
    match last {
        u64::MAX => Ok(0),
        _ if claimed <= most => Ok(claimed),
        _ => Err(format!(
            "the chunk header claims records {first} to {last}: more than a chunk can hold"
        )),
    }
}

fn error_at(error: &EvtxError, at: Place) -> (Location, String) {
    match error {
        EvtxError::FailedToReadRecordAt { offset, source, .. } => (
            Location {
                offset: Some(at.offset.saturating_add(*offset)),
                ..at.location()
            },
            words(source),
        ),
        EvtxError::FailedToParseRecord { record_id, source } => (
            Location {
                record: Some(*record_id),
                ..at.location()
            },
            words(source),
        ),
        _ => (at.location(), words(error)),
    }
}

/// An error and what it came from, in one line, without the steps in between that say nothing.
fn words(error: &dyn Error) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        let text = cause.to_string();
        if !text.starts_with("An error occurred") && words.last() != Some(&text) {
            words.push(text);
        }
        next = cause.source();
    }
    words.join(": ")
}
