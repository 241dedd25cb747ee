//! Little-endian numbers at offsets that evidence names: `None` where there are no such bytes.

/// Bytes that something on the heap takes besides its own, where what is kept is counted.
pub(super) const ALLOCATION: usize = 16;

/// Where in a chunk something lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    pub start: u32,
    pub end: u32,
}

impl Extent {
    /// Its bytes.
    pub(super) fn of(self, chunk: &[u8]) -> Option<&[u8]> {
        chunk.get(self.start as usize..self.end as usize)
    }
}

/// The `N` bytes at an offset.
pub(super) fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.first_chunk().copied()
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_le_bytes)
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_le_bytes)
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    array(bytes, at).map(u64::from_le_bytes)
}
