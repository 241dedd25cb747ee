//! The bytes of a log, wherever they are: read at any place, by many threads at once.

use super::open::open;
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
}

impl Content {
    /// How many bytes it has; 0 where that cannot be told, as of a file that cannot be read.
    pub fn size(&self) -> u64 {
        let size = match self {
            Content::File(path) => fs::metadata(path).map(|meta| meta.len()),
            Content::Memory(bytes) => Ok(bytes.len() as u64),
            Content::Unnamed(file) => file.metadata().map(|meta| meta.len()),
        };
        size.unwrap_or(0)
    }

    /// Its size, and when it was changed last; `None` of what nobody else can change, and where that cannot be told.
    pub fn stamp(&self) -> Option<(u64, SystemTime)> {
        let Content::File(path) = self else {
            return None;
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
        }
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
