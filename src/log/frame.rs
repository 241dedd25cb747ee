//! The frame of a record: magic, size, number and written time before its content, a copy of the size after it.

use super::bytes::{Extent, array, u32_at, u64_at};
use crate::time::Time;

/// What a record begins with.
pub(super) const MAGIC: [u8; 4] = *b"**\0\0";

/// Bytes before the content.
pub(super) const HEADER_SIZE: usize = 24;

/// Bytes of the copy of the size, after the content.
const COPY_SIZE: usize = 4;

/// The smallest record: no content.
pub(super) const SMALLEST: usize = HEADER_SIZE + COPY_SIZE;

/// The last FILETIME that the `evtx` crate takes for a written time: 9999-12-30T22:00.
const LATEST: u64 = 2_650_466_807_999_999_999;

/// Where a record lies in its chunk, and what its header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    /// The first byte of the header.
    pub start: usize,
    /// Bytes of the record, header and copy included.
    pub size: usize,
    /// The record's identifier.
    pub number: u64,
    /// When it was written.
    pub written: Time,
}

impl Frame {
    /// The frame at an offset, if it is whole and says when it was written.
    pub(super) fn at(chunk: &[u8], start: usize) -> Option<Frame> {
        let size = whole(chunk, start)?;
        let number = u64_at(chunk, start + 8)?;
        let written = u64_at(chunk, start + 16)?;
        (written <= LATEST).then_some(Frame {
            start,
            size,
            number,
            written: Time::from_filetime(written),
        })
    }

    /// Where the record is.
    pub(super) fn extent(&self) -> Extent {
        Extent {
            start: self.start as u32,
            end: (self.start + self.size) as u32,
        }
    }

    /// Where the content is.
    pub(super) fn content(&self) -> Extent {
        Extent {
            start: (self.start + HEADER_SIZE) as u32,
            end: (self.start + self.size - COPY_SIZE) as u32,
        }
    }
}

/// The size of the record at an offset, if there is magic and both sizes agree.
pub(super) fn whole(chunk: &[u8], start: usize) -> Option<usize> {
    let header: [u8; HEADER_SIZE] = array(chunk, start)?;
    let magic: [u8; 4] = array(&header, 0)?;
    let size = u32_at(&header, 4)?;
    let is_record = magic == MAGIC && size as usize >= SMALLEST;
    let copy = is_record.then(|| size_copy(chunk, start + size as usize - COPY_SIZE))??;
    (copy == size).then_some(size as usize)
}

/// The copy of a record's size that follows its content.
pub(super) fn size_copy(chunk: &[u8], content_end: usize) -> Option<u32> {
    u32_at(chunk, content_end)
}

/// Collects the frames from `start` on, one behind the other up to `end` or to the record numbered `last`. Whether they
/// chain so; else nothing that was collected counts.
pub(super) fn chain(
    chunk: &[u8],
    start: usize,
    end: usize,
    last: u64,
    frames: &mut Vec<Frame>,
) -> bool {
    frames.clear();
    let mut at = start;
    while at < end {
        let Some(frame) = Frame::at(chunk, at) else {
            return false;
        };
        at += frame.size;
        frames.push(frame);
        if frame.number == last {
            break;
        }
    }
    at <= end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(size: u32, number: u64) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(size.to_le_bytes());
        bytes.extend(number.to_le_bytes());
        bytes.extend(7_u64.to_le_bytes());
        bytes.resize(size as usize - COPY_SIZE, 0xaa);
        bytes.extend(size.to_le_bytes());
        bytes
    }

    fn numbers(chunk: &[u8], end: usize, last: u64) -> Option<Vec<u64>> {
        let mut frames = Vec::new();
        let chained = chain(chunk, 0, end, last, &mut frames);
        chained.then(|| frames.iter().map(|frame| frame.number).collect())
    }

    #[test]
    fn records_one_behind_the_other_are_a_chain_up_to_the_last() {
        let chunk = [record(40, 1), record(28, 2), record(64, 3), vec![0; 50]].concat();
        assert_eq!(numbers(&chunk, 132, 3), Some(vec![1, 2, 3]));
        assert_eq!(numbers(&chunk, 132, 9), Some(vec![1, 2, 3]));
        assert_eq!(numbers(&chunk, 182, 3), Some(vec![1, 2, 3]));
        assert_eq!(numbers(&chunk, 132, 2), Some(vec![1, 2]));
        assert_eq!(numbers(&chunk, 0, 3), Some(vec![]));
    }

    #[test]
    fn whatever_breaks_a_frame_breaks_the_chain() {
        let sound = [record(40, 1), record(64, 2)].concat();
        // Magic, size, written time, copy of the size; a record that ends behind the used space.
        for at in [40, 44, 63, 100] {
            let mut torn = sound.clone();
            torn[at] ^= 0xff;
            assert_eq!(numbers(&torn, 104, 2), None, "{at}");
        }
        assert_eq!(numbers(&sound, 100, 2), None);
        assert_eq!(numbers(&sound, 105, 9), None);
        assert_eq!(numbers(&sound[..60], 104, 2), None);
    }
}
