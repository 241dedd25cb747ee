//! The bytes of a log, wherever they are: read at any place, by many threads at once.

use super::open::open;
use super::sparse::{Part, Ranges};
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

/// The bytes of a log.
#[derive(Debug)]
pub enum Content {
    /// A file of the evidence.
    File(PathBuf),
    /// What came out of a package.
    Memory(Vec<u8>),
    /// The same, in a file without a name.
    Unnamed(File),
    /// A file with holes, of which only the parts between them are stored.
    Sparse {
        /// Those parts.
        stored: Box<Content>,
        /// Where they belong.
        ranges: Ranges,
    },
}

impl Content {
    /// How many bytes it has; 0 where that cannot be told, as of a file that cannot be read.
    pub fn size(&self) -> u64 {
        let size = match self {
            Content::File(path) => fs::metadata(path).map(|meta| meta.len()),
            Content::Memory(bytes) => Ok(bytes.len() as u64),
            Content::Unnamed(file) => file.metadata().map(|meta| meta.len()),
            Content::Sparse { ranges, .. } => Ok(ranges.size()),
        };
        size.unwrap_or(0)
    }

    /// Its size, and when it was changed last; `None` of what nobody else can change, and where that cannot be told.
    pub fn stamp(&self) -> Option<(u64, SystemTime)> {
        let path = match self {
            Content::File(path) => path,
            Content::Sparse { stored, .. } => return stored.stamp(),
            Content::Memory(_) | Content::Unnamed(_) => return None,
        };
        let meta = fs::metadata(path).ok()?;
        Some((meta.len(), meta.modified().ok()?))
    }

    /// Opens it for reading.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn open(&self) -> io::Result<Opened<'_>> {
        Ok(match self {
            Content::File(path) => Opened::Own(open(path)?),
            Content::Memory(bytes) => Opened::Memory(bytes),
            Content::Unnamed(file) => Opened::Shared(file),
            Content::Sparse { stored, ranges } => Opened::Sparse {
                stored: Box::new(stored.open()?),
                ranges,
            },
        })
    }
}

/// Content that is open.
#[derive(Debug)]
pub enum Opened<'a> {
    /// A file.
    Own(File),
    /// A file that others read too.
    Shared(&'a File),
    /// Bytes.
    Memory(&'a [u8]),
    /// A file with holes.
    Sparse {
        /// What is stored of it.
        stored: Box<Opened<'a>>,
        /// Where that belongs.
        ranges: &'a Ranges,
    },
}

impl Opened<'_> {
    /// Reads bytes from `offset` on, as many as there are and fit; says how many.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        match self {
            Opened::Own(file) => read_at(file, bytes, offset),
            Opened::Shared(file) => read_at(file, bytes, offset),
            Opened::Memory(all) => {
                let rest = usize::try_from(offset).ok().and_then(|at| all.get(at..));
                let mut rest = rest.unwrap_or_default();
                io::Read::read(&mut rest, bytes)
            }
            Opened::Sparse { stored, ranges } => {
                let up_to =
                    |bytes: usize, most: u64| usize::try_from(most).unwrap_or(bytes).min(bytes);
                match ranges.at(offset) {
                    Part::Stored(at, most) => {
                        let length = up_to(bytes.len(), most);
                        stored.read_at(bytes.get_mut(..length).unwrap_or_default(), at)
                    }
                    Part::Hole(most) => {
                        let length = up_to(bytes.len(), most);
                        bytes.get_mut(..length).unwrap_or_default().fill(0);
                        Ok(length)
                    }
                    Part::End => Ok(0),
                }
            }
        }
    }

    /// Reads from `start` up to `end`.
    pub(super) fn range(&self, start: u64, end: u64) -> Span<'_> {
        Span {
            opened: self,
            at: start,
            end,
        }
    }
}

/// A part of content, read from its beginning to its end.
#[derive(Debug)]
pub(super) struct Span<'a> {
    opened: &'a Opened<'a>,
    at: u64,
    end: u64,
}

impl io::Read for Span<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.end.saturating_sub(self.at);
        let length = usize::try_from(left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let buffer = buffer.get_mut(..length).unwrap_or_default();
        let read = self.opened.read_at(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, bytes, offset)
}

#[cfg(windows)]
fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, bytes, offset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn the_same_bytes_are_read_wherever_they_are() {
        let bytes: Vec<u8> = (0..200).collect();
        let mut named = tempfile::NamedTempFile::new().unwrap();
        named.write_all(&bytes).unwrap();
        let mut unnamed = tempfile::tempfile().unwrap();
        unnamed.write_all(&bytes).unwrap();
        for content in [
            Content::File(named.path().to_owned()),
            Content::Memory(bytes.clone()),
            Content::Unnamed(unnamed),
        ] {
            assert_eq!(content.size(), 200);
            let opened = content.open().unwrap();
            let read = |offset| {
                let mut some = [0; 50];
                let length = opened.read_at(&mut some, offset).unwrap();
                some[..length].to_vec()
            };
            assert_eq!(read(0), bytes[..50]);
            assert_eq!(read(170), bytes[170..]);
            assert_eq!((read(200), read(u64::MAX / 4)), (vec![], vec![]));
        }
    }
}
