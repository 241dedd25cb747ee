//! SHA-256 of what is read and written.

use crate::evidence::open;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

/// Bytes that are read at once.
const READ_SIZE: usize = 1 << 18;

/// The digest of a file, in lower-case hex; it is opened as evidence is.
///
/// # Errors
/// What the operating system says.
pub fn of_file(path: &Path) -> io::Result<String> {
    of(open(path)?)
}

/// The digest of all that a file holds, in lower-case hex.
///
/// # Errors
/// What the operating system says.
pub fn of(mut file: File) -> io::Result<String> {
    let mut digest = Sha256::new();
    let mut bytes = vec![0; READ_SIZE];
    loop {
        match file.read(&mut bytes) {
            Ok(0) => return Ok(hex(digest)),
            Ok(read) => digest.update(bytes.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The digest of bytes, in lower-case hex.
pub fn of_bytes(bytes: &[u8]) -> String {
    hex(Sha256::new().chain_update(bytes))
}

fn hex(digest: Sha256) -> String {
    let digest = digest.finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Counts and digests what is written through it.
pub struct Tally<W> {
    out: W,
    digest: Sha256,
    bytes: u64,
}

impl<W: Write> Tally<W> {
    /// Nothing is written yet.
    pub fn new(out: W) -> Self {
        Tally {
            out,
            digest: Sha256::new(),
            bytes: 0,
        }
    }

    /// How many bytes were written.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The digest of all that.
    pub fn end(self) -> String {
        hex(self.digest)
    }
}

impl<W: Write> Write for Tally<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.digest.update(bytes.get(..written).unwrap_or_default());
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 180-4, the example of one block.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn the_digest_is_the_same_of_bytes_a_file_and_what_is_written() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let mut tally = Tally::new(&mut file);
        tally.write_all(b"ab").unwrap();
        tally.write_all(b"c").unwrap();
        assert_eq!(tally.bytes(), 3);
        assert_eq!(tally.end(), ABC);
        assert_eq!(of_file(file.path()).unwrap(), ABC);
        assert_eq!(of_bytes(b"abc"), ABC);
    }
}
