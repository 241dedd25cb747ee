//! Uploads of files with holes: the parts that had bytes lie one behind the other, and an index beside them, `<name>.idx`, says
//! where each belongs.
//!
//! The index is Velociraptor's: a JSON object whose `ranges` each have an `original_offset` and a `length` in the file as it was,
//! a `file_offset` and a `file_length` in what is stored; fields that are 0 may be missing. A range that stores nothing is a hole.

use serde::Deserialize;
use std::path::Path;

/// The largest index: 40 bytes a range and more.
pub(super) const MOST_BYTES: u64 = 1 << 20;

/// Where the parts of a file belong, one behind the other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ranges(Vec<Range>);

/// A part of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    /// Where it is in the file.
    start: u64,
    end: u64,
    /// Where what is stored of it lies, and how much that is.
    stored: u64,
    stored_length: u64,
}

/// Why a file with holes is not read, given what is wrong with its index.
pub(super) fn refusal(reason: &str) -> String {
    format!("not read: it has holes, and the index beside it (.idx) does not tell where: {reason}")
}

/// Whether a file with this name and beginning is an index.
pub(super) fn is_index(path: &Path, start: &[u8]) -> bool {
    path.extension().is_some_and(|extension| extension == "idx") && start.starts_with(b"{")
}

/// Where to read next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// So many bytes that are stored, from an offset on.
    Stored(u64, u64),
    /// So many zeros.
    Hole(u64),
    /// Nothing more.
    End,
}

#[derive(Deserialize)]
struct Index {
    ranges: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    file_offset: Number,
    #[serde(default)]
    original_offset: Number,
    #[serde(default)]
    file_length: Number,
    #[serde(default)]
    length: Number,
}

/// A 64-bit number; JSON made of protocol buffers has it as text.
#[derive(Deserialize, Clone, Copy, Default)]
#[serde(try_from = "Written")]
struct Number(u64);

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Number(u64),
    Text(String),
}

impl TryFrom<Written> for Number {
    type Error = std::num::ParseIntError;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        match written {
            Written::Number(number) => Ok(Number(number)),
            Written::Text(text) => text.parse().map(Number),
        }
    }
}

impl Ranges {
    /// Reads an index.
    ///
    /// # Errors
    /// Why it cannot be one, in words.
    pub(super) fn parse(index: &[u8]) -> Result<Ranges, String> {
        let index: Index = serde_json::from_slice(index).map_err(|error| error.to_string())?;
        let mut ranges = Vec::with_capacity(index.ranges.len());
        for entry in index.ranges {
            let (start, length) = (entry.original_offset.0, entry.length.0);
            let stored = entry.file_offset.0;
            let stored_length = entry.file_length.0;
            let end = start.checked_add(length);
            let (Some(end), Some(_)) = (end, stored.checked_add(stored_length)) else {
                return Err("a range ends beyond the largest file".to_owned());
            };
            if stored_length > length {
                return Err(format!(
                    "of a range of {length} bytes {stored_length} are stored"
                ));
            }
            ranges.push(Range {
                start,
                end,
                stored,
                stored_length,
            });
        }
        ranges.retain(|range| range.start < range.end);
        ranges.sort_unstable_by_key(|range| range.start);
        let overlap = ranges
            .iter()
            .zip(ranges.iter().skip(1))
            .find(|(range, next)| range.end > next.start);
        match overlap {
            Some((_, next)) => Err(format!("two ranges overlap at byte {}", next.start)),
            None => Ok(Ranges(ranges)),
        }
    }

    /// Bytes of the file as it was.
    pub(super) fn size(&self) -> u64 {
        self.0.last().map_or(0, |range| range.end)
    }

    /// Bytes that must be stored for it.
    pub(super) fn stored_size(&self) -> u64 {
        let ends = self.0.iter().filter(|range| range.stored_length > 0);
        ends.map(|range| range.stored + range.stored_length)
            .max()
            .unwrap_or(0)
    }

    /// Bytes that are stored and belong to it.
    pub(super) fn named_bytes(&self) -> u64 {
        let ranges = self.0.iter();
        let mut stored: Vec<_> = ranges
            .map(|range| (range.stored, range.stored + range.stored_length))
            .collect();
        stored.sort_unstable();
        let mut upto = 0;
        let new = stored.into_iter().map(|(start, end)| {
            let new = end.saturating_sub(start.max(upto));
            upto = upto.max(end);
            new
        });
        new.sum()
    }

    /// What the file has from `offset` on.
    pub(super) fn at(&self, offset: u64) -> Part {
        let next = self.0.partition_point(|range| range.end <= offset);
        let Some(range) = self.0.get(next) else {
            return Part::End;
        };
        let Some(inside) = offset.checked_sub(range.start) else {
            return Part::Hole(range.start - offset);
        };
        match range.stored_length.checked_sub(inside) {
            Some(left @ 1..) => Part::Stored(range.stored + inside, left),
            _ => Part::Hole(range.end - offset),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDEX: &str = r#"{"ranges":[
        {"file_length":6,"length":6},
        {"file_offset":6,"original_offset":6,"length":6},
        {"file_offset":6,"original_offset":"12","file_length":"5","length":6},
        {"file_offset":11,"original_offset":20,"file_length":1,"length":1}]}"#;

    #[test]
    fn what_is_stored_is_where_it_was_and_the_rest_is_a_hole() {
        let ranges = Ranges::parse(INDEX.as_bytes()).unwrap();
        assert_eq!((ranges.size(), ranges.stored_size()), (21, 12));
        assert_eq!(ranges.named_bytes(), 12);
        let parts = [0, 4, 6, 11, 12, 16, 17, 18, 20, 21].map(|offset| ranges.at(offset));
        assert_eq!(
            parts,
            [
                Part::Stored(0, 6),
                Part::Stored(4, 2),
                Part::Hole(6),
                Part::Hole(1),
                Part::Stored(6, 5),
                Part::Stored(10, 1),
                Part::Hole(1),
                Part::Hole(2),
                Part::Stored(11, 1),
                Part::End
            ]
        );
    }

    #[test]
    fn an_index_that_contradicts_itself_is_refused() {
        for (index, why) in [
            ("[]", "invalid length"),
            ("{\"ranges\":[{\"length\":-1}]}", "did not match"),
            (
                "{\"ranges\":[{\"length\":5,\"file_length\":6}]}",
                "of a range",
            ),
            (
                "{\"ranges\":[{\"length\":5},{\"original_offset\":4,\"length\":1}]}",
                "overlap at byte 4",
            ),
            (
                "{\"ranges\":[{\"original_offset\":18446744073709551615,\"length\":1}]}",
                "largest file",
            ),
        ] {
            let error = Ranges::parse(index.as_bytes()).unwrap_err();
            assert!(error.contains(why), "{index}: {error}");
        }
    }
}
