//! Records that live reading leaves out: what an earlier use of a chunk left in it, what lies behind damage, chunks that lie
//! beside those of a log or in a file that is no log.
//!
//! In: the content of any file. Out: the [`Record`]s in it that [`Reader::read`](super::Reader::read) does not account for, and an
//! [`Account`] of them. A file is read in parts, each by itself, with some of its neighbours.
//!
//! Of what has been deleted a part may have been written over since, and an offset in it may lead into something else. So a
//! record counts only if its frame is whole, the definition that it names has its identifier and can be read to its end, the names
//! in that have their hashes, all values have the sizes of their types, and what System says is sane. Any other
//! whole frame is damage. Only a chunk of which both checksums match is read as in a log.

use super::account::Account;
use super::bytes::u32_at;
use super::chunk::{self, CHUNK_HEADER_SIZE, CHUNK_MAGIC, Place};
use super::decoder::Decoder;
use super::frame::{self, Frame};
use super::record::Record;
use super::{CHUNK_SIZE, FILE_HEADER_SIZE, FILE_MAGIC, Reader, read_up_to};
use crate::damage::{Damage, DamageKind, Location};
use crate::evidence::Content;
use crate::time::Time;
use memchr::memmem;
use std::borrow::Cow;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Bytes of a part.
const PART: u64 = 16 * CHUNK_SIZE;

/// A chunk's bytes in memory.
const CHUNK: usize = CHUNK_SIZE as usize;

/// Where in a chunk's header its size stands, and what that is.
const HEADER_SIZE_AT: usize = 40;
const HEADER_SIZE: u32 = 128;

/// Before 1993 and after 2200 no Windows wrote a record.
const YEARS: Range<u64> = 123_693_696_000_000_000..189_001_728_000_000_000;

/// No log comes to so many records: a thousand a second for thirty years.
const MOST_RECORDS: u64 = 1 << 40;

/// A part of a file that one thread recovers records from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recovery {
    /// The first byte of the part.
    start: u64,
    /// Bytes of the whole file.
    file_size: u64,
    is_log: bool,
    /// Whether EventRecordIDs are the numbers of the records.
    is_numbered: bool,
}

/// The parts that records are recovered from a file in. What is left in one that `is_numbered` has as its EventRecordID the
/// number of the record; in an export, which gives new numbers, it need not.
pub fn recoveries(content: &Content, is_numbered: bool) -> impl Iterator<Item = Recovery> + use<> {
    let file_size = content.size();
    let mut start = [0; FILE_MAGIC.len()];
    let read = content.open().map(|file| read_up_to(&file, 0, &mut start));
    let is_log = read.is_ok() && start == *FILE_MAGIC;
    // The parts of a log are of whole chunks, but for the first.
    let first = if is_log { FILE_HEADER_SIZE } else { 0 };
    let starts = std::iter::successors(Some(0), move |&start: &u64| {
        let next = if start == 0 {
            first + PART
        } else {
            start + PART
        };
        (next < file_size).then_some(next)
    });
    starts.map(move |start| Recovery {
        start,
        file_size,
        is_log,
        is_numbered,
    })
}

impl Reader {
    /// Recovers the records of a part, hands each to `each` and accounts for it.
    pub fn recover(
        &mut self,
        content: &Content,
        part: Recovery,
        each: &mut dyn FnMut(&Record<'_>),
    ) -> Account {
        let mut account = Account {
            bytes: if part.is_first() { part.file_size } else { 0 },
            ..Account::default()
        };
        // A chunk that begins in the part before may reach into this one, and one of this into the next.
        let from = part.start.saturating_sub(CHUNK_SIZE);
        let upto = (part.end() + CHUNK_SIZE).min(part.file_size);
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.resize(upto.saturating_sub(from) as usize, 0);
        let error = match content.open() {
            Ok(file) => {
                let got = read_up_to(&file, from, &mut bytes);
                bytes.truncate(got.length);
                got.error
            }
            Err(error) => {
                bytes.clear();
                Some(error)
            }
        };
        if let Some(error) = error {
            account.unreadable(from + bytes.len() as u64, &error);
        }
        Search {
            bytes: &bytes,
            from,
            part,
            reader: self,
            account: &mut account,
            each,
        }
        .run();
        self.bytes = bytes;
        account
    }
}

impl Recovery {
    /// Whether the file begins with it.
    pub fn is_first(self) -> bool {
        self.start == 0
    }

    /// Bytes of the part.
    pub fn size(self) -> u64 {
        self.end() - self.start
    }

    fn end(self) -> u64 {
        let header = match self.is_log && self.is_first() {
            true => FILE_HEADER_SIZE,
            false => 0,
        };
        (self.start + header + PART).min(self.file_size)
    }
}

/// A part that is searched.
struct Search<'s> {
    /// Its bytes, and some before and after.
    bytes: &'s [u8],
    /// Where in the file they begin.
    from: u64,
    part: Recovery,
    reader: &'s mut Reader,
    account: &'s mut Account,
    each: &'s mut dyn FnMut(&Record<'_>),
}

impl Search<'_> {
    /// Goes from chunk to chunk. Each byte belongs to one of them at most, so that none is decoded twice.
    fn run(&mut self) {
        // Where the file could not be read to its end, the part ends before it should.
        let end = ((self.part.end() - self.from) as usize).min(self.bytes.len());
        let mut at = 0;
        while at < end {
            let slot = self.slot(at);
            if slot == Some(at) && self.is_chunk(at) {
                self.of_log(at);
                at += CHUNK;
                continue;
            }
            let limit = self.next_slot(at).unwrap_or(end).min(end);
            let start = self.next_chunk(at, limit);
            // Where a log has no chunk, one may have lost its header.
            if let Some(slot) = slot {
                self.without_header(slot, at..start.unwrap_or(limit));
            }
            at = start.map_or(limit, |start| self.beside(start));
        }
    }

    /// Where the place for a chunk of a log begins that holds `at`.
    fn slot(&self, at: usize) -> Option<usize> {
        let before = (self.from + at as u64).checked_sub(FILE_HEADER_SIZE);
        let inside = before.filter(|_| self.part.is_log)? % CHUNK_SIZE;
        at.checked_sub(inside as usize)
    }

    /// Where the next such place begins behind `at`.
    fn next_slot(&self, at: usize) -> Option<usize> {
        let header = FILE_HEADER_SIZE.checked_sub(self.from + at as u64);
        match header.filter(|&left| left > 0 && self.part.is_log) {
            Some(left) => Some(at + left as usize),
            None => Some(self.slot(at)? + CHUNK),
        }
    }

    /// Whether there is what a chunk begins with.
    fn is_chunk(&self, at: usize) -> bool {
        let bytes = self.bytes.get(at..);
        bytes.is_some_and(|bytes| bytes.starts_with(CHUNK_MAGIC))
    }

    /// The first chunk that begins from `at` on, before `limit`: its header is sound, or a record follows.
    fn next_chunk(&self, mut at: usize, limit: usize) -> Option<usize> {
        let upto = (limit + CHUNK_MAGIC.len() - 1).min(self.bytes.len());
        loop {
            let found = memmem::find(self.bytes.get(at..upto)?, CHUNK_MAGIC)?;
            let start = at + found;
            let chunk = self.bytes.get(start..)?;
            if u32_at(chunk, HEADER_SIZE_AT) == Some(HEADER_SIZE)
                && (chunk::has_sound_header(chunk) || Frame::at(chunk, CHUNK_HEADER_SIZE).is_some())
            {
                return Some(start);
            }
            at = start + CHUNK_MAGIC.len();
        }
    }

    /// Whether what begins here is the part's, not its neighbour's.
    fn is_own(&self, at: usize) -> bool {
        self.from + at as u64 >= self.part.start
    }

    /// Recovers what live reading leaves out of a chunk of a log.
    fn of_log(&mut self, start: usize) {
        if !self.is_own(start) {
            return;
        }
        let end = (start + CHUNK).min(self.bytes.len());
        let mut bytes = Cow::Borrowed(self.bytes.get(start..end).unwrap_or_default());
        if bytes.len() < CHUNK {
            // As it is read.
            bytes.to_mut().resize(CHUNK, 0);
        }
        self.unaccounted(&bytes, self.place(start));
    }

    /// Recovers a chunk that is none of a log's, and finds where it ends.
    fn beside(&mut self, start: usize) -> usize {
        let mut end = (start + CHUNK).min(self.bytes.len());
        if let Some(slot) = self.next_slot(start).filter(|&slot| self.is_chunk(slot)) {
            end = end.min(slot);
        }
        let bytes: &[u8] = self.bytes.get(start..end).unwrap_or_default();
        let is_sound = bytes.len() == CHUNK && chunk::is_sound(bytes);
        if !is_sound {
            end = self
                .next_chunk(start + CHUNK_HEADER_SIZE, end)
                .unwrap_or(end);
        }
        if self.is_own(start) {
            let bytes: &[u8] = self.bytes.get(start..end).unwrap_or_default();
            let place = Place {
                number: None,
                ..self.place(start)
            };
            if is_sound {
                chunk::read(bytes, place, self.reader, self.account, self.each);
                self.unaccounted(bytes, place);
            } else {
                self.account.chunks += 1;
                self.remains().start_chunk();
                self.frames(bytes, place, CHUNK_HEADER_SIZE..bytes.len(), &[]);
            }
        }
        end
    }

    /// Recovers a part of what stands in the place of a log's chunk.
    fn without_header(&mut self, slot: usize, part: Range<usize>) {
        if self.is_own(part.start) {
            let end = part.end.min(self.bytes.len());
            let bytes = self.bytes.get(slot..end).unwrap_or_default();
            self.remains().start_chunk();
            self.frames(bytes, self.place(slot), part.start - slot..bytes.len(), &[]);
        }
    }

    fn place(&self, start: usize) -> Place {
        let offset = self.from + start as u64;
        Place {
            number: offset
                .checked_sub(FILE_HEADER_SIZE)
                .map(|at| at / CHUNK_SIZE),
            offset,
        }
    }

    /// Recovers what reading a whole chunk leaves out.
    fn unaccounted(&mut self, chunk: &[u8], place: Place) {
        let accounted = chunk::accounted(chunk, &mut self.reader.frames);
        self.remains().start_chunk();
        let ends = accounted.extents.iter().map(|extent| extent.end as usize);
        let starts = accounted.extents.iter().map(|extent| extent.start as usize);
        let froms = std::iter::once(CHUNK_HEADER_SIZE).chain(ends);
        let upto = starts.chain([chunk.len()]);
        for (from, upto) in froms.zip(upto) {
            self.frames(chunk, place, from..upto, &accounted.damaged);
        }
    }

    /// Recovers the records whose frames lie in a part of a chunk. Those numbered `known` are accounted for, if they cannot be
    /// decoded.
    fn frames(&mut self, chunk: &[u8], place: Place, part: Range<usize>, known: &[u64]) {
        let mut at = part.start;
        while let Some(found) = chunk
            .get(at..part.end)
            .and_then(|bytes| memmem::find(bytes, &frame::MAGIC))
        {
            at += found;
            let start = at;
            let Some(size) = frame::whole(chunk, start).filter(|size| start + size <= part.end)
            else {
                at += frame::MAGIC.len();
                continue;
            };
            // No record lies in another.
            at += size;
            let frame = Frame::at(chunk, start);
            if frame.is_some_and(|frame| self.decode(chunk, &frame)) {
                self.account.read += 1;
                self.account.unclaimed += 1;
                continue;
            }
            let number = frame.map(|frame| frame.number);
            if number.is_some_and(|number| known.binary_search(&number).is_ok()) {
                continue;
            }
            self.account.damaged += 1;
            self.account.unclaimed += 1;
            self.account.add_damage(Damage {
                location: Location {
                    offset: Some(place.offset + start as u64),
                    record: number,
                    ..place.location()
                },
                kind: DamageKind::Record,
                message: "the record was left behind, and what it needs to be read is gone"
                    .to_owned(),
            });
        }
    }

    fn remains(&mut self) -> &mut Decoder {
        self.reader
            .of_remains
            .get_or_insert_with(Decoder::of_remains)
    }

    /// Decodes a record; whether it is one.
    fn decode(&mut self, chunk: &[u8], frame: &Frame) -> bool {
        let decoder = self
            .reader
            .of_remains
            .get_or_insert_with(Decoder::of_remains);
        let each = &mut *self.each;
        let is_numbered = self.part.is_numbered;
        let mut taken = false;
        // A panic costs one record.
        let _ = catch_unwind(AssertUnwindSafe(|| {
            decoder.decode(chunk, frame, &mut |record| {
                taken =
                    is_sane(record, frame) && (!is_numbered || record.record_id == frame.number);
                if taken {
                    each(record);
                }
            })
        }));
        taken
    }
}

/// Whether what a record says can be so.
fn is_sane(record: &Record<'_>, frame: &Frame) -> bool {
    let texts = [record.provider(), record.channel(), record.computer()];
    let is_of_a_year = |time: Time| YEARS.contains(&time.filetime());
    let numbers = 1..MOST_RECORDS;
    numbers.contains(&frame.number)
        && numbers.contains(&record.record_id)
        && is_of_a_year(frame.written)
        && is_of_a_year(record.time)
        && texts.iter().all(|text| !text.is_empty())
}
