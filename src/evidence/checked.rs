//! Compares what came out of a package with what should have: its size and its checksum.

use crc32fast::Hasher;
use std::io::{self, Read};

/// Hands a member's bytes on, and fails at their end if they are not what they should be.
pub(super) struct Checked<R> {
    inner: R,
    hasher: Hasher,
    read: u64,
    /// Bytes that there should be.
    size: u64,
    /// The checksum that they should have, if one is known.
    crc: Option<u32>,
    ended: bool,
}

impl<R: Read> Checked<R> {
    pub(super) fn new(inner: R, size: u64, crc: Option<u32>) -> Self {
        Checked {
            inner,
            hasher: Hasher::new(),
            read: 0,
            size,
            crc,
            ended: false,
        }
    }

    fn check(&self) -> io::Result<()> {
        if self.read != self.size {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                format!("it has {} bytes and should have {}", self.read, self.size),
            ));
        }
        let crc = self.hasher.clone().finalize();
        match self.crc {
            Some(expected) if expected != crc => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("its checksum is {crc:#010x} and should be {expected:#010x}"),
            )),
            _ => Ok(()),
        }
    }
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ended || buffer.is_empty() {
            return Ok(0);
        }
        let read = self.inner.read(buffer)?;
        if self.crc.is_some() {
            self.hasher.update(buffer.get(..read).unwrap_or_default());
        }
        self.read += read as u64;
        if read == 0 {
            self.ended = true;
            self.check()?;
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(size: u64, crc: Option<u32>) -> (Vec<u8>, Option<String>) {
        let mut bytes = Vec::new();
        let read = Checked::new(&b"123456789"[..], size, crc).read_to_end(&mut bytes);
        (bytes, read.err().map(|error| error.to_string()))
    }

    #[test]
    fn what_is_wrong_is_said_after_all_that_there_is() {
        let all = b"123456789".to_vec();
        assert_eq!(read(9, Some(0xcbf4_3926)), (all.clone(), None));
        assert_eq!(read(9, None), (all.clone(), None));
        let (bytes, error) = read(9, Some(1));
        assert_eq!(bytes, all);
        let expected = "its checksum is 0xcbf43926 and should be 0x00000001";
        assert_eq!(error.unwrap(), expected);
        let (bytes, error) = read(10, Some(1));
        assert_eq!(bytes, all);
        assert_eq!(error.unwrap(), "it has 9 bytes and should have 10");
    }
}
