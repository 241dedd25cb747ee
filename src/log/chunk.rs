//! One chunk: its header's claims, its checksums, its records.

use super::CHUNK_SIZE;
use super::account::Account;
use super::record::Record;
use crate::damage::{Damage, DamageKind, Location};
use crate::time::Time;
use evtx::err::EvtxError;
use evtx::{EvtxChunkData, EvtxChunkHeader, EvtxRecord, ParserSettings};
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// What a chunk begins with.
const CHUNK_MAGIC: &[u8; 8] = b"ElfChnk\0";

/// Bytes of a chunk header, before the first record.
const CHUNK_HEADER_SIZE: u64 = 512;

/// Bytes of a record header.
const RECORD_HEADER_SIZE: u64 = 24;

/// The smallest record: a header and the copy of its size.
const SMALLEST_RECORD: u64 = RECORD_HEADER_SIZE + 4;

/// The offsets of the chunk's name table, in its header.
const NAME_TABLE: std::ops::Range<usize> = 128..384;

/// Where a chunk is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Counted from 0 in file order.
    pub number: u64,
    /// Bytes from the start of the file.
    pub offset: u64,
}

impl Place {
    fn location(self) -> Location {
        Location {
            offset: Some(self.offset),
            chunk: Some(self.number),
            record: None,
        }
    }
}

/// Reads the chunk in `slot`, which is shorter than a chunk only at the end of a file.
pub(super) fn read(
    slot: &[u8],
    at: Place,
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
    let mut bytes = slot.to_vec();
    if !whole {
        report(
            account,
            DamageKind::CutChunk,
            format!("the file ends {} bytes into the chunk", slot.len()),
        );
        // The records before the cut are whole.
        bytes.resize(CHUNK_SIZE as usize, 0);
    }
    let mut data = match EvtxChunkData::new(bytes, false) {
        Ok(data) => data,
        Err(error) => return report(account, DamageKind::ChunkHeader, words(&error)),
    };
    let claimed = match claim(&data.header) {
        Ok(claimed) => claimed,
        Err(message) => {
            report(account, DamageKind::ChunkHeader, message);
            0
        }
    };
    if !data.validate_header_checksum() {
        account.bad_checksums += 1;
        report(
            account,
            DamageKind::ChunkHeader,
            "the chunk header's checksum does not match".to_owned(),
        );
    }
    // A cut chunk's records cannot match their checksum, which the cut already says.
    if whole && !data.validate_data_checksum() {
        account.bad_checksums += 1;
        report(
            account,
            DamageKind::ChunkData,
            "the checksum over the chunk's records does not match".to_owned(),
        );
    }

    let mut found = Found::default();
    // `evtx` is not known to panic, but evidence is hostile: a panic costs one chunk, not the run.
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        read_records(&mut data, at, &mut found, account, each)
    }));
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
    account.damaged += found.damaged;
}

/// What was found in a chunk so far.
#[derive(Debug, Default)]
struct Found {
    read: u64,
    damaged: u64,
}

fn read_records(
    data: &mut EvtxChunkData,
    at: Place,
    found: &mut Found,
    account: &mut Account,
    each: &mut dyn FnMut(&Record<'_>),
) -> Result<(), String> {
    let settings = Arc::new(ParserSettings::new().num_threads(1));
    // The name table only saves time. Where it is damaged, the names are read from the records.
    if data.parse(settings.clone()).is_err() {
        if let Some(table) = data.data.get_mut(NAME_TABLE) {
            table.fill(0);
        }
        let header = EvtxChunkHeader::from_bytes(&data.data).map_err(|error| words(&error))?;
        account.add_damage(Damage {
            location: at.location(),
            kind: DamageKind::ChunkHeader,
            message: "the chunk's name table is damaged".to_owned(),
        });
        data.header = header;
    }
    let mut chunk = data.parse(settings).map_err(|error| words(&error))?;
    for item in chunk.iter() {
        let decoded = item
            .map_err(|error| error_at(&error, at))
            .and_then(|record| {
                let offset = at.offset + record.binxml_offset.saturating_sub(RECORD_HEADER_SIZE);
                let location = Location {
                    offset: Some(offset),
                    record: Some(record.event_record_id),
                    ..at.location()
                };
                // A panic costs one record.
                let outcome = catch_unwind(AssertUnwindSafe(|| decode(record, each)));
                outcome
                    .unwrap_or_else(|_| Err(UNEXPECTED.to_owned()))
                    .map_err(|message| (location, message))
            });
        match decoded {
            Ok(()) => found.read += 1,
            Err((location, message)) => {
                found.damaged += 1;
                account.add_damage(Damage {
                    location,
                    kind: DamageKind::Record,
                    message,
                });
            }
        }
    }
    Ok(())
}

/// What is said of a panic.
const UNEXPECTED: &str = "decoding failed unexpectedly";

fn decode(record: EvtxRecord<'_>, each: &mut dyn FnMut(&Record<'_>)) -> Result<(), String> {
    let number = record.event_record_id;
    check_size(&record)?;
    // `evtx` hands out the header's FILETIME as nanoseconds since 1970.
    let written = Time::from_unix_nanoseconds(record.timestamp.as_nanosecond());
    let json = record.into_json_bytes().map_err(|error| words(&error))?;
    each(&Record::from_json(&json.data, number, written)?);
    Ok(())
}

/// The size stands at both ends of a record: one that was torn in writing shows there, even where what is left of it reads
/// like a record.
fn check_size(record: &EvtxRecord<'_>) -> Result<(), String> {
    let begins = usize::try_from(record.binxml_offset).unwrap_or(usize::MAX);
    let ends = begins.saturating_add(record.binxml_size as usize);
    let copy = record.chunk.data.get(ends..ends.saturating_add(4));
    let copy = copy
        .and_then(|copy| copy.try_into().ok())
        .map(u32::from_le_bytes);
    let size = record.binxml_size.saturating_add(SMALLEST_RECORD as u32);
    match copy {
        Some(copy) if copy == size => Ok(()),
        Some(copy) => Err(format!(
            "the record's size is {size} at its beginning and {copy} at its end: it is torn"
        )),
        None => Err(format!(
            "the record's size is {size}, more than its chunk holds"
        )),
    }
}

/// How many records the chunk header claims.
fn claim(header: &EvtxChunkHeader) -> Result<u64, String> {
    let (first, last) = (
        header.first_event_record_number,
        header.last_event_record_number,
    );
    let claimed = last.wrapping_sub(first).wrapping_add(1);
    let most = (CHUNK_SIZE - CHUNK_HEADER_SIZE) / SMALLEST_RECORD;
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
