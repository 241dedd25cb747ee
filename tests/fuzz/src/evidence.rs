//! Any bytes as a log, and as what stands in a chunk.

use super::compare::{CHUNK, HEADER, compare, repair};
use super::sessions::check;
use winsessions::event::{Collector, LogIndex};
use winsessions::evidence::Content;
use winsessions::log::{Account, Decoding, Reader, blocks};
use winsessions::session::{self, Source};

/// Any bytes are a log: both decoders say the same of it, the account adds up, and what its events come to holds.
pub fn log(bytes: &[u8]) {
    let content = Content::Memory(bytes.to_vec());
    let counts = compare(&content, &mut Reader::default(), "any bytes");
    let mut reader = Reader::new(Decoding::Plans);
    let mut collector = Collector::new(LogIndex(0));
    let (mut account, mut source) = (Account::default(), Source::default());
    for block in blocks(content.size()) {
        collector.begin(LogIndex(0));
        account.add(reader.read(&content, block, &mut |record| collector.add(record)));
        source.events.append(&mut collector.events);
        source.spans.append(&mut collector.spans);
        source.uses.extend(collector.take_uses());
    }
    assert_eq!(account.read, counts.records);
    assert_eq!(
        account.claimed + account.unclaimed,
        account.read + account.damaged
    );
    assert!(account.read >= source.events.len() as u64);
    assert_eq!(
        account.read,
        source.spans.iter().map(|s| s.records).sum::<u64>()
    );
    assert_eq!(account.bytes, bytes.len() as u64);
    check(session::machines(vec![source]));
}

/// Any bytes are the records of a chunk whose header and checksums are right.
pub fn chunk(bytes: &[u8]) {
    let records = &bytes[..bytes.len().min(CHUNK - 512)];
    log(&log_of(&[records]));
}

/// A log of chunks that hold these records.
pub fn log_of(chunks: &[&[u8]]) -> Vec<u8> {
    let mut log = vec![0; HEADER];
    put(&mut log, 0, b"ElfFile\0");
    put(&mut log, 0x20, &128_u32.to_le_bytes());
    put(&mut log, 0x24, &[1, 0, 3, 0, 0, 16, 1, 0]);
    let sum = crc32fast::hash(&log[..0x78]);
    put(&mut log, 0x7c, &sum.to_le_bytes());
    for records in chunks {
        let mut chunk = vec![0; 512];
        let (first, last, at) = numbers(records);
        put(&mut chunk, 0, b"ElfChnk\0");
        for (place, number) in [(0x08, first), (0x10, last), (0x18, first), (0x20, last)] {
            put(&mut chunk, place, &number.to_le_bytes());
        }
        put(&mut chunk, 0x28, &128_u32.to_le_bytes());
        put(&mut chunk, 0x2c, &(512 + at as u32).to_le_bytes());
        put(
            &mut chunk,
            0x30,
            &(512 + records.len() as u32).to_le_bytes(),
        );
        chunk.extend_from_slice(records);
        chunk.resize(CHUNK, 0);
        log.extend(chunk);
    }
    repair(&mut log);
    log
}

/// The numbers of the first and the last record, and where the last is, as far as the records lie one behind the other.
fn numbers(records: &[u8]) -> (u64, u64, usize) {
    let frame = |at: usize| {
        let head: [u8; 16] = *records.get(at..)?.first_chunk()?;
        let [magic, size, ..] = *head.as_chunks::<4>().0 else {
            return None;
        };
        let number = u64::from_le_bytes(*head.last_chunk()?);
        let size = u32::from_le_bytes(size) as usize;
        (magic == *b"**\0\0" && size >= 28).then_some((number, size))
    };
    let Some((first, mut size)) = frame(0) else {
        return (1, 1, 0);
    };
    let (mut last, mut at) = (first, 0);
    while let Some((number, next)) = frame(at + size) {
        (last, at, size) = (number, at + size, next);
    }
    (first, last, at)
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}
